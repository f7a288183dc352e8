-- One row per adjustment of a decision, with what its reason means by itself
-- remittance_id  line_number  group_code  carc  amount  class          category
-- 11             1            CO          197   200.00  denial         authorization
-- 11             1            CO          45    50.00   contract       none
-- 12             1            PR          2     20.00   patient_share  none
--
-- Each adjustment of a decision with what its reason means by itself. Adjustments of the claim that only repeat those of its
-- lines, which balance alone, count once.
WITH repeated AS (
    SELECT a.remittance_id FROM adjustments a JOIN decisions d USING (remittance_id) WHERE d.lines > 0
    GROUP BY a.remittance_id, d.charge, d.paid
    HAVING sum(CASE WHEN a.line_number = 0 THEN a.amount ELSE 0 END) <> 0
        AND sum(CASE WHEN a.line_number > 0 THEN a.amount ELSE 0 END) = d.charge - d.paid)
SELECT a.remittance_id, a.line_number, a.group_code, a.carc, a.amount, a.position,
    coalesce(c.class, 'denial') AS class, coalesce(c.category, 'other') AS category
FROM adjustments a JOIN decisions d USING (remittance_id) LEFT JOIN carc c USING (carc)
LEFT JOIN repeated x ON x.remittance_id = a.remittance_id AND a.line_number = 0
WHERE a.amount <> 0 AND x.remittance_id IS NULL
