-- One row per claim that was rejected before a payer judged it
-- claim_number  code    first_rejected_on  repeats  charge  resent_on   through_on  days_lost
-- A1            A7:164  2026-01-12         0        250.00  2026-01-16  2026-01-16  4
-- B7            A3:21   2026-02-02         1        90.00   2026-02-05  2026-02-20  18
-- C2            A6:500  2026-03-02         0        300.00  NULL        NULL        28
--
-- Rejections of one day are one. Days are lost from the first rejection until the claim is sent so that no rejection
-- follows, or until the day of the report.
WITH told AS (
    SELECT claim_number, min(known_on) AS first_rejected_on, max(known_on) AS last_rejected_on,
        count(DISTINCT known_on) AS rejections,
        min_by(category || ':' || status_code, (known_on, segment)) AS code,
        min_by(status_code, (known_on, segment)) AS status_code, min_by(source, (known_on, segment)) AS source
    FROM claim_statuses WHERE rejected GROUP BY claim_number),
sent AS (
    SELECT DISTINCT coalesce(k.claim_number, s.claim_number) AS claim_number, s.known_on
    FROM submissions s LEFT JOIN claim_links k ON k.own_number = s.claim_number),
first_sent AS (SELECT claim_number, min(known_on) AS sent_on FROM sent GROUP BY claim_number),
again AS (
    SELECT t.claim_number, min(s.known_on) AS resent_on,
        min(CASE WHEN s.known_on > t.last_rejected_on
            OR (s.known_on = t.last_rejected_on AND t.rejections = 1) THEN s.known_on END) AS through_on
    FROM told t JOIN first_sent f ON f.claim_number = t.claim_number
    JOIN sent s ON s.claim_number = t.claim_number AND s.known_on >= t.first_rejected_on AND s.known_on > f.sent_on
    GROUP BY t.claim_number)
SELECT c.claim_number, c.payer_id, c.payer_name, c.location, c.rendering_npi, t.source AS rejected_by, t.code,
    coalesce(r.label, CASE WHEN t.source = 'receiver' THEN 'the whole file was refused' ELSE 'rejected' END) AS reason,
    c.submitted_on, t.first_rejected_on, t.last_rejected_on, t.rejections, t.rejections - 1 AS repeats, c.charge,
    a.resent_on IS NOT NULL AS resent, a.resent_on, a.through_on,
    date_diff('day', t.first_rejected_on, coalesce(a.through_on, getvariable('as_of'))) AS days_lost
FROM told t JOIN claims c ON c.claim_number = t.claim_number
LEFT JOIN again a ON a.claim_number = t.claim_number
LEFT JOIN claim_status_reasons r ON r.status_code = t.status_code
