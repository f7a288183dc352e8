-- One row per payer and day on which it denied a claim as filed too late: the fewest days after the service so denied until then
-- payer_name  decided_on  least_days
-- ACME        2026-02-01  124
-- ACME        2026-04-11  97
-- UNISON      2026-02-09  188
WITH denied AS (
    SELECT r.payer_name, r.decided_on, r.claim_number, max(f.days_since_service) AS days
    FROM refused_lines r JOIN line_facts f ON f.claim_number = r.claim_number AND f.sent_on <= r.decided_on
    WHERE r.category = 'timely_filing' AND NOT r.is_partial AND NOT f.is_new GROUP BY 1, 2, 3)
SELECT payer_name, decided_on, min(min(days)) OVER (PARTITION BY payer_name ORDER BY decided_on) AS least_days
FROM denied WHERE days >= getvariable('shortest_limit_days') GROUP BY 1, 2
