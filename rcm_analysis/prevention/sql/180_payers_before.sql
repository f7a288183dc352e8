-- One row per submission of a known patient: first and last name among the payers billed before
-- submission_id  low   high
-- 41             NULL  NULL
-- 57             ACME  ACME
-- 63             ACME  UNISON
SELECT submission_id, min(payer_name) OVER w AS low, max(payer_name) OVER w AS high
FROM sent_claims WHERE patient_key IS NOT NULL
WINDOW w AS (PARTITION BY patient_key ORDER BY sent_on, submission_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
