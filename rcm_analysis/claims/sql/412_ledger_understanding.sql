-- One row per ledger file and sheet
-- file_id  sheet  rows  understood  charges_checked  charges_agree
-- 9f2c     2026   4120  true        310              0.997
-- 77b0     2025   900   false       280              0.310
-- a31d     NULL   60    true        NULL             NULL
--
-- How each sheet of a ledger stands beside the electronic files: the last time it was given, understood before not.
WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY file_id, sheet ORDER BY understood DESC, reason) AS place FROM ledger_checks)
SELECT CAST(file_id AS VARCHAR) AS file_id, sheet, rows, amount, understood, reason, left_over, charges_checked, charges_agree,
    payments_checked, payments_agree, contractual_checked, contractual_agree, balances_checked, balances_agree,
    unknown_kinds_rows_share, unknown_kinds_dollars_share
FROM ranked WHERE place = 1
