-- One row per paid line that differs from what it should be
-- claim_number  line_number  kind              procedure  expected_allowed  allowed  shortfall
-- A1            1            fee_cut           70553      200.00            180.00   20.00
-- B7            1            downcoded_silent  99214      120.00            92.00    28.00
-- C2            2            short_paid        97110      40.00             32.00    8.00
--
-- Paid lines that differ from what they should be
SELECT CAST(NULL AS VARCHAR) AS claim_number, CAST(NULL AS INTEGER) AS line_number, CAST(NULL AS VARCHAR) AS payer_name, CAST(NULL AS DATE) AS service_date,
    CAST(NULL AS DATE) AS decided_on, CAST(NULL AS VARCHAR) AS kind, CAST(NULL AS VARCHAR) AS procedure, CAST(NULL AS VARCHAR) AS paid_procedure,
    CAST(NULL AS DECIMAL(14, 2)) AS expected_allowed, CAST(NULL AS DECIMAL(14, 2)) AS allowed, CAST(NULL AS DECIMAL(14, 2)) AS shortfall
WHERE false
