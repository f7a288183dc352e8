-- One row per patient, payer and day on which a line was denied
-- patient_key  payer_name  decided_on  category
-- 5f0c         ACME        2026-02-01  authorization
-- 5f0c         UNISON      2026-04-11  eligibility
-- 9b3d         ACME        2026-02-09  bundling
SELECT s.patient_key, r.payer_name, r.decided_on, min(r.category) AS category
FROM refused_lines r JOIN submission_summary s USING (claim_number)
WHERE NOT r.is_partial AND s.patient_key IS NOT NULL GROUP BY 1, 2, 3
