-- One row per location and day of sending
-- location     sent_on     location_denied_share
-- MAIN STREET  2026-02-02  0.12
-- MAIN STREET  2026-02-03  0.12
-- STATION 3    2026-02-02  NULL
WITH daily AS (
    SELECT location, decided_on, count(*) AS n, sum(denied) AS k FROM decided_facts GROUP BY location, decided_on),
summed AS (
    SELECT location, decided_on, sum(n) OVER w AS n, sum(k) OVER w AS k FROM daily
    WINDOW w AS (PARTITION BY location ORDER BY decided_on)),
asked AS (SELECT DISTINCT location, sent_on, sent_on - getvariable('recent_days') AS since FROM line_facts WHERE
    is_new = getvariable('is_new')),
last AS (SELECT a.*, s.n, s.k FROM asked a ASOF LEFT JOIN summed s ON a.location = s.location AND a.sent_on >
    s.decided_on),
both_ends AS (SELECT a.*, s.n AS n0, s.k AS k0 FROM last a ASOF LEFT JOIN summed s ON a.location = s.location AND
    a.since > s.decided_on)
SELECT location, sent_on,
    CASE WHEN n - coalesce(n0, 0) >= 3 THEN (k - coalesce(k0, 0)) / (n - coalesce(n0, 0)) END AS location_denied_share
FROM both_ends
