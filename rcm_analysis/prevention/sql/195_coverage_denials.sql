-- One row per patient, payer and day on which a line was denied because somebody else covers the patient, or nobody
-- patient_key  payer_name  decided_on  situation
-- 5f0c         UNISON      2026-04-11  coverage_ended
-- 81aa         MEDICARE    2026-02-01  hospice
-- 9b3d         MEDICARE    2026-02-09  managed_care_patient_medicare
SELECT s.patient_key, r.payer_name, r.decided_on, min(coalesce(r.situation, r.category)) AS situation
FROM refused_lines r JOIN submission_summary s USING (claim_number)
WHERE NOT r.is_partial AND s.patient_key IS NOT NULL
    AND r.category IN ('eligibility', 'coordination_of_benefits') GROUP BY 1, 2, 3
