-- One row per provider, payer and day of sending
-- rendering_npi  payer_name  sent_on     provider_credentialing_share
-- 1100097702     ACME        2026-02-02  0.25
-- 1100097702     UNISON      2026-02-02  NULL
-- 1100136781     ACME        2026-02-02  0.00
WITH daily AS (
    SELECT rendering_npi, payer_name, decided_on, count(*) AS n, sum(credentialing) AS k FROM decided_facts GROUP BY
        rendering_npi, payer_name, decided_on),
summed AS (
    SELECT rendering_npi, payer_name, decided_on, sum(n) OVER w AS n, sum(k) OVER w AS k FROM daily
    WINDOW w AS (PARTITION BY rendering_npi, payer_name ORDER BY decided_on)),
asked AS (SELECT DISTINCT rendering_npi, payer_name, sent_on, sent_on - getvariable('recent_days') AS since FROM
    line_facts WHERE is_new = getvariable('is_new')),
last AS (SELECT a.*, s.n, s.k FROM asked a ASOF LEFT JOIN summed s ON a.rendering_npi = s.rendering_npi AND
    a.payer_name = s.payer_name AND a.sent_on > s.decided_on),
both_ends AS (SELECT a.*, s.n AS n0, s.k AS k0 FROM last a ASOF LEFT JOIN summed s ON a.rendering_npi =
    s.rendering_npi AND a.payer_name = s.payer_name AND a.since > s.decided_on)
SELECT rendering_npi, payer_name, sent_on,
    CASE WHEN n - coalesce(n0, 0) >= 3 THEN (k - coalesce(k0, 0)) / (n - coalesce(n0, 0)) END AS
        provider_credentialing_share
FROM both_ends
