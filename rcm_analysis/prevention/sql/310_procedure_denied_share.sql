-- One row per payer, procedure and day of sending
-- payer_name  procedure  sent_on     procedure_denied_share
-- ACME        70553      2026-02-02  0.40
-- ACME        99213      2026-02-02  0.05
-- UNISON      70553      2026-02-02  NULL
WITH daily AS (
    SELECT payer_name, procedure, decided_on, count(*) AS n, sum(denied) AS k FROM decided_facts GROUP BY
        payer_name, procedure, decided_on),
summed AS (
    SELECT payer_name, procedure, decided_on, sum(n) OVER w AS n, sum(k) OVER w AS k FROM daily
    WINDOW w AS (PARTITION BY payer_name, procedure ORDER BY decided_on)),
asked AS (SELECT DISTINCT payer_name, procedure, sent_on, sent_on - getvariable('recent_days') AS since FROM
    line_facts WHERE is_new = getvariable('is_new')),
last AS (SELECT a.*, s.n, s.k FROM asked a ASOF LEFT JOIN summed s ON a.payer_name = s.payer_name AND a.procedure =
    s.procedure AND a.sent_on > s.decided_on),
both_ends AS (SELECT a.*, s.n AS n0, s.k AS k0 FROM last a ASOF LEFT JOIN summed s ON a.payer_name = s.payer_name
    AND a.procedure = s.procedure AND a.since > s.decided_on)
SELECT payer_name, procedure, sent_on,
    CASE WHEN n - coalesce(n0, 0) >= 3 THEN (k - coalesce(k0, 0)) / (n - coalesce(n0, 0)) END AS
        procedure_denied_share
FROM both_ends
