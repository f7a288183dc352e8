-- One row per claim, category of denial and class of payer whose refused lines all came to an end
-- claim_number  category       payer_class  refused_on  settled_on  won   is_worked
-- A1            authorization  commercial   2026-02-01  2026-03-04  1.00  true
-- C2            timely_filing  medicare     2026-02-09  2026-06-30  0.00  false
-- D4            coding         commercial   2026-02-11  2026-04-20  0.50  NULL
--
-- Whether somebody worked a denial, and what part of its lines was paid after all. Worked: between refusal and end it was sent
-- again, or the practice's work log tells of an act on it. Another answer of the payer is none: appeals on paper that were
-- lost seldom have one, so that it would count those that were won. Left alone is told by a work log alone, from its first
-- day on; else missing. What was never decided tells nothing, and a copy of a line that was paid already is not won.
WITH refusals AS (
    SELECT claim_number, line_key, min(decided_on) AS refused_on, max_by(category, (decided_on, remittance_id)) AS category,
        max_by(payer_class, (decided_on, remittance_id)) AS payer_class
    FROM refused_lines r ANTI JOIN paid_before b ON b.remittance_id = r.remittance_id AND b.line_number = r.line_number
    WHERE NOT is_partial GROUP BY claim_number, line_key),
ended AS (
    SELECT r.claim_number, r.category, r.payer_class, min(r.refused_on) AS refused_on, max(o.outcome_on) AS settled_on,
        CAST(avg(CASE WHEN o.outcome = 'recovered' THEN 1.0 ELSE 0.0 END) AS DOUBLE) AS won
    FROM refusals r JOIN denied_line_outcomes o ON o.claim_number = r.claim_number AND o.line_key = r.line_key
    GROUP BY r.claim_number, r.category, r.payer_class
    HAVING bool_and(o.outcome IN ('recovered', 'lost', 'patient'))),
acts AS (
    SELECT coalesce(k.claim_number, s.claim_number) AS claim_number, s.known_on AS acted_on
    FROM submissions s LEFT JOIN claim_links k ON k.own_number = s.claim_number
    UNION ALL
    SELECT coalesce(k.claim_number, w.claim_number), w.known_on
    FROM work_log w LEFT JOIN claim_links k ON k.own_number = w.claim_number
    WHERE w.action IN ('appeal', 'dispute', 'records_sent', 'corrected_claim', 'resubmit', 'bill_other_payer', 'invoice_facility')),
worked AS (
    SELECT e.claim_number, e.category, e.payer_class, bool_or(coalesce(a.acted_on > e.refused_on AND a.acted_on <= e.settled_on, false)) AS is_worked
    FROM ended e LEFT JOIN acts a ON a.claim_number = e.claim_number GROUP BY e.claim_number, e.category, e.payer_class),
log AS (SELECT min(known_on) AS begun_on FROM work_log)
SELECT e.claim_number, e.category, e.payer_class, e.refused_on, e.settled_on, e.won,
    CASE WHEN w.is_worked OR e.refused_on >= l.begun_on THEN w.is_worked END AS is_worked
FROM ended e JOIN worked w ON w.claim_number = e.claim_number AND w.category = e.category AND w.payer_class = e.payer_class
CROSS JOIN log l
