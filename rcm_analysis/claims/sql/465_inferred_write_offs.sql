-- One row per denied line that a confirmed deadline has ended
-- claim_number  line_key  posted_on   amount  leaf             root
-- D4            L1        2026-08-03  90.00   appeal_deadline  unnecessary
-- E1            L2        2026-09-11  25.00   bundled_by_rule  necessary
-- F3            ''        2026-09-30  300.00  appeal_deadline  unnecessary
--
-- What is lost though nobody posted it: a denied line that was not worked before the last deadline that the practice's own
-- contract gives. A usual deadline never does this. What was rightly refused stays what it was.
WITH ended AS (
    SELECT o.claim_number, o.line_key, o.outcome_on, o.amount, r.leaf, r.category,
        coalesce(sum(o.amount) OVER (PARTITION BY o.claim_number ORDER BY o.outcome_on, o.line_key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS earlier
    FROM denied_line_outcomes o JOIN refused_lines r ON r.claim_number = o.claim_number AND r.remittance_id = o.remittance_id AND r.line_number = o.last_line_number
    WHERE o.by_deadline AND NOT r.is_partial)
SELECT e.claim_number, e.line_key, e.outcome_on AS posted_on, CAST(least(e.amount, f.owed - e.earlier) AS DECIMAL(14, 2)) AS amount,
    CASE WHEN w.root = 'necessary' THEN w.leaf ELSE 'appeal_deadline' END AS leaf, CASE WHEN w.root = 'necessary' THEN w.root ELSE 'unnecessary' END AS root, e.category
FROM ended e JOIN claim_facts f USING (claim_number) LEFT JOIN write_off_leaves w ON w.leaf = e.leaf
WHERE f.owed > e.earlier
