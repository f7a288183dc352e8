-- One row per adjustment of a decision, with what its code means
-- remittance_id  line_number  group_code  carc  amount  class          category       refuses
-- 11             1            CO          197   200.00  denial         authorization  true
-- 11             1            CO          45    50.00   contract       other          false
-- 12             1            PR          2     20.00   patient_share  other          false
--
-- Adjustments with what they mean here. Bundling that the payer lifted on another line of the claim (94 against 97) cancels
-- itself and refuses nothing.
WITH lifted AS (
    SELECT remittance_id FROM adjustment_classes GROUP BY remittance_id
    HAVING sum(CASE WHEN carc = '94' AND amount < 0 THEN -amount ELSE 0 END) > 0
        AND sum(CASE WHEN carc = '94' AND amount < 0 THEN -amount ELSE 0 END) >= sum(CASE WHEN class = 'bundling' THEN amount ELSE 0 END))
SELECT a.remittance_id, a.line_number, a.group_code, a.carc, a.amount, a.position,
    CASE WHEN r.refuses = 'yes' AND r.class IN ('contract', 'regulatory', 'incentive', 'information', 'pending') THEN CASE r.category
            WHEN 'coordination_of_benefits' THEN 'coordination' WHEN 'bundling' THEN 'bundling' WHEN 'duplicate' THEN 'duplicate' ELSE 'denial' END
        WHEN l.remittance_id IS NOT NULL AND r.class = 'bundling' THEN 'lifted'
        WHEN a.carc = '24' AND r.refuses = 'no' THEN 'capitation' ELSE r.class END AS class,
    CASE WHEN r.category IN ('', 'none') THEN 'other' ELSE r.category END AS category,
    (r.refuses = 'yes' OR a.carc = getvariable('upheld')) AND NOT (l.remittance_id IS NOT NULL AND r.class = 'bundling') AS refuses,
    r.leaf, r.owner, r.route, r.recoverable, r.fix, r.situation
FROM line_reasons a
LEFT JOIN lifted l USING (remittance_id)
LEFT JOIN reasons r ON r.payer_class = a.payer_class AND r.group_code = coalesce(a.group_code, '') AND r.carc = coalesce(a.meant_carc, '')
    AND r.rarcs = a.rarcs AND r.families = a.families AND r.place = a.place AND r.facts = a.facts
