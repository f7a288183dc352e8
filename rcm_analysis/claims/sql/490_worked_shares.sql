-- One row per category of denial and class of payer
-- category       payer_class  worked  won   alone  won_alone  share
-- authorization  commercial   96      82.5  31     0.0        0.84
-- timely_filing  medicare     3       1.0   12     0.0        0.71
-- claim_data     medicaid     0       0.0   0      0.0        0.78
--
-- How often denied claims were paid when they were worked, of those whose end is known by the day: of the category at payers of
-- the class, drawn to the category's share and that to the practice's, where there are few. Those left alone are counted
-- beside: what a practice neglects is not lost to work. A claim counts once, with the part of its lines that was won. Where no
-- file tells of work the share is that of all denials with a known end.
WITH counted AS (
    SELECT * FROM worked_denials
    WHERE is_worked OR (SELECT sum(CASE WHEN is_worked THEN 1 ELSE 0 END) FROM worked_denials) = 0),
of_practice AS (SELECT (coalesce(sum(won), 0) + 1) / (count(*) + 2.0) AS share FROM counted),
of_category AS (SELECT category, sum(won) AS won, count(*) AS cases FROM counted GROUP BY category),
of_cell AS (SELECT category, payer_class, sum(won) AS won, count(*) AS cases FROM counted GROUP BY category, payer_class),
of_both AS (
    SELECT category, payer_class, sum(CASE WHEN is_worked THEN won ELSE 0 END) AS won, sum(CASE WHEN is_worked THEN 1 ELSE 0 END) AS worked,
        sum(CASE WHEN NOT is_worked THEN won ELSE 0 END) AS won_alone, sum(CASE WHEN NOT is_worked THEN 1 ELSE 0 END) AS alone
    FROM worked_denials GROUP BY category, payer_class),
asked AS (SELECT DISTINCT t.category, p.payer_class FROM troubled_lines t JOIN decision_payers p ON p.remittance_id = t.remittance_id),
drawn AS (
    SELECT a.category, a.payer_class, (coalesce(c.won, 0) + getvariable('prior_denials') * p.share)
        / (coalesce(c.cases, 0) + getvariable('prior_denials')) AS share
    FROM asked a CROSS JOIN of_practice p LEFT JOIN of_category c USING (category))
SELECT d.category, d.payer_class, CAST(coalesce(b.worked, 0) AS INTEGER) AS worked, CAST(coalesce(b.won, 0) AS DOUBLE) AS won,
    CAST(coalesce(b.alone, 0) AS INTEGER) AS alone, CAST(coalesce(b.won_alone, 0) AS DOUBLE) AS won_alone,
    CAST((coalesce(c.won, 0) + getvariable('prior_denials') * d.share) / (coalesce(c.cases, 0) + getvariable('prior_denials')) AS DOUBLE) AS share
FROM drawn d LEFT JOIN of_both b ON b.category = d.category AND b.payer_class = d.payer_class
LEFT JOIN of_cell c ON c.category = d.category AND c.payer_class = d.payer_class
