-- One row per service line sent of a known patient
-- submission_id  line_number  first_claim
-- 41             1            A1
-- 57             1            A1
-- 58             1            A1
SELECT submission_id, line_number, first_value(claim_number) OVER (
    PARTITION BY patient_key, procedure, modifier_text, served_on ORDER BY sent_on, submission_id) AS first_claim
FROM line_facts WHERE patient_key IS NOT NULL
