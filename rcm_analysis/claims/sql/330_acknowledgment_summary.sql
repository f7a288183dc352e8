-- One row per claim that was acknowledged
-- claim_number  ever_rejected  statuses  last_rejected  last_rejected_on
-- A1            true           2         true           2026-01-12
-- B7            false          1         false          NULL
-- C2            true           3         false          2026-01-16
--
-- Of each submission the payer's last status counts, the clearinghouse's where the payer said nothing
WITH rounds AS (
    SELECT a.claim_number, a.known_on, max(s.known_on) AS sent_on
    FROM claim_statuses a JOIN (
        SELECT coalesce(k.claim_number, t.claim_number) AS claim_number, t.known_on FROM submissions t
        LEFT JOIN claim_links k ON k.own_number = t.claim_number) s
        ON s.claim_number = a.claim_number AND s.known_on <= a.known_on
    GROUP BY a.claim_number, a.known_on)
SELECT claim_number, bool_or(rejected) AS ever_rejected, count(*) AS statuses,
    max_by(rejected, place) AS last_rejected, max(known_on) AS last_acknowledged_on,
    max(CASE WHEN rejected THEN known_on END) AS last_rejected_on
FROM (SELECT a.*, row_number() OVER (PARTITION BY a.claim_number
          ORDER BY r.sent_on NULLS FIRST, a.source = 'payer', a.known_on, a.segment) AS place
      FROM claim_statuses a LEFT JOIN rounds r ON r.claim_number = a.claim_number AND r.known_on = a.known_on)
GROUP BY claim_number
