SELECT submission_id, line_number, first_value(claim_number) OVER (
    PARTITION BY patient_key, procedure, modifier_text, served_on ORDER BY sent_on, submission_id) AS first_claim
FROM line_facts WHERE patient_key IS NOT NULL
