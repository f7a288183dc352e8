-- One row per service line sent before the first decision, with whether it was denied there
-- submission_id  line_number  decided_on  denied  credentialing
-- 41             1            2026-02-01  1       0
-- 44             1            2026-02-03  0       0
-- 44             2            2026-02-03  1       1
SELECT f.submission_id, f.line_number, f.payer_name, f.rendering_npi, f.procedure, f.location, d.first_decided_on
    AS decided_on, CASE WHEN r.category IS NOT NULL THEN 1 ELSE 0 END AS denied,
    CASE WHEN r.category = 'credentialing' THEN 1 ELSE 0 END AS credentialing
FROM line_facts f JOIN first_decisions d USING (claim_number)
LEFT JOIN (SELECT remittance_id, procedure, min(category) AS category FROM refused_lines WHERE NOT is_partial
    GROUP BY 1, 2) r ON r.remittance_id = d.remittance_id AND (r.procedure = f.procedure OR r.procedure IS NULL)
WHERE f.sent_on <= d.first_decided_on AND NOT f.is_new
