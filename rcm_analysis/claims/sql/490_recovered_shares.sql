-- One row per category of denial and class of payer
-- category       payer_class  recovered  decided  share
-- authorization  commercial   41         96       0.43
-- timely_filing  medicare     0          12       0.11
-- claim_data     medicaid     NULL       0        0.52
--
-- How often refused lines were paid after all, of those whose end is known by the day: of the category at payers of the class,
-- drawn to the category's share and that to the practice's, where there are few. What was never decided tells nothing,
-- and a copy of a line that was paid already is not won.
WITH refusals AS (
    SELECT claim_number, line_key, max_by(category, (decided_on, remittance_id)) AS category,
        max_by(payer_class, (decided_on, remittance_id)) AS payer_class
    FROM refused_lines r ANTI JOIN paid_before b ON b.remittance_id = r.remittance_id AND b.line_number = r.line_number
    WHERE NOT is_partial GROUP BY claim_number, line_key),
decided AS (
    SELECT r.category, r.payer_class, CASE WHEN o.outcome = 'recovered' THEN 1 ELSE 0 END AS recovered
    FROM refusals r JOIN denied_line_outcomes o ON o.claim_number = r.claim_number AND o.line_key = r.line_key
    WHERE o.outcome IN ('recovered', 'lost', 'patient')),
of_practice AS (SELECT (coalesce(sum(recovered), 0) + 1) / (count(*) + 2.0) AS share FROM decided),
of_category AS (SELECT category, sum(recovered) AS recovered, count(*) AS decided FROM decided GROUP BY category),
of_both AS (SELECT category, payer_class, sum(recovered) AS recovered, count(*) AS decided FROM decided GROUP BY category, payer_class),
asked AS (SELECT DISTINCT t.category, p.payer_class FROM troubled_lines t JOIN decision_payers p ON p.remittance_id = t.remittance_id),
drawn AS (
    SELECT a.category, a.payer_class, (coalesce(c.recovered, 0) + getvariable('prior_denials') * p.share)
        / (coalesce(c.decided, 0) + getvariable('prior_denials')) AS share
    FROM asked a CROSS JOIN of_practice p LEFT JOIN of_category c USING (category))
SELECT d.category, d.payer_class, CAST(b.recovered AS INTEGER) AS recovered, CAST(coalesce(b.decided, 0) AS INTEGER) AS decided,
    CAST((coalesce(b.recovered, 0) + getvariable('prior_denials') * d.share) / (coalesce(b.decided, 0) + getvariable('prior_denials')) AS DOUBLE) AS share
FROM drawn d LEFT JOIN of_both b ON b.category = d.category AND b.payer_class = d.payer_class
