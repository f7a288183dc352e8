-- One row per patient
-- patient_key  first_served_on  seen_whole
-- 5f0c         2026-01-06       true
-- 81aa         2024-11-02       false
-- 9b3d         2026-02-14       true
SELECT patient_key, min(served_on) AS first_served_on,
    min(served_on) >= (SELECT min(served_on) FROM line_facts) + getvariable('known_patient_days') AS seen_whole
FROM line_facts WHERE patient_key IS NOT NULL GROUP BY 1
