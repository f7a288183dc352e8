SELECT submission_id, min(payer_name) OVER w AS low, max(payer_name) OVER w AS high
FROM sent_claims WHERE patient_key IS NOT NULL
WINDOW w AS (PARTITION BY patient_key ORDER BY sent_on, submission_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
