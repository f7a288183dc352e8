-- One row per claim, category of denial and class of payer whose refused lines all came to an end
-- claim_number  category       payer_class  refused_on  settled_on  won   is_worked
-- A1            authorization  commercial   2026-02-01  2026-03-04  1.00  true
-- C2            timely_filing  medicare     2026-02-09  2026-06-30  0.00  false
-- D4            coding         commercial   2026-02-11  2026-04-20  0.50  true
--
-- Whether somebody worked a denial, and what part of its lines was paid after all. Worked: sent again, acted on by the practice's
-- work log, or answered once more, as a payer seldom does unasked. What was never decided tells nothing, and a copy of a
-- line that was paid already is not won.
WITH refusals AS (
    SELECT claim_number, line_key, min(decided_on) AS refused_on, max_by(category, (decided_on, remittance_id)) AS category,
        max_by(payer_class, (decided_on, remittance_id)) AS payer_class
    FROM refused_lines r ANTI JOIN paid_before b ON b.remittance_id = r.remittance_id AND b.line_number = r.line_number
    WHERE NOT is_partial GROUP BY claim_number, line_key),
acts AS (
    SELECT claim_number, max(known_on) AS acted_on FROM (
        SELECT coalesce(k.claim_number, s.claim_number) AS claim_number, s.known_on
        FROM submissions s LEFT JOIN claim_links k ON k.own_number = s.claim_number
        UNION ALL
        SELECT coalesce(k.claim_number, w.claim_number), w.known_on
        FROM work_log w LEFT JOIN claim_links k ON k.own_number = w.claim_number
        WHERE w.action IN ('appeal', 'dispute', 'records_sent', 'corrected_claim', 'resubmit', 'bill_other_payer', 'invoice_facility'))
    GROUP BY claim_number)
SELECT r.claim_number, r.category, r.payer_class, min(r.refused_on) AS refused_on, max(o.outcome_on) AS settled_on,
    CAST(avg(CASE WHEN o.outcome = 'recovered' THEN 1.0 ELSE 0.0 END) AS DOUBLE) AS won,
    bool_or(o.last_on > r.refused_on OR coalesce(a.acted_on > r.refused_on, false)) AS is_worked
FROM refusals r JOIN denied_line_outcomes o ON o.claim_number = r.claim_number AND o.line_key = r.line_key
LEFT JOIN acts a ON a.claim_number = r.claim_number
GROUP BY r.claim_number, r.category, r.payer_class
HAVING bool_and(o.outcome IN ('recovered', 'lost', 'patient'))
