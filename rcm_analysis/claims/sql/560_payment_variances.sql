-- Paid lines that differ from what they should be
SELECT CAST(NULL AS VARCHAR) AS claim_number, CAST(NULL AS INTEGER) AS line_number, CAST(NULL AS VARCHAR) AS payer_name, CAST(NULL AS DATE) AS service_date,
    CAST(NULL AS DATE) AS decided_on, CAST(NULL AS VARCHAR) AS kind, CAST(NULL AS VARCHAR) AS procedure, CAST(NULL AS VARCHAR) AS paid_procedure,
    CAST(NULL AS DECIMAL(14, 2)) AS expected_allowed, CAST(NULL AS DECIMAL(14, 2)) AS allowed, CAST(NULL AS DECIMAL(14, 2)) AS shortfall
WHERE false
