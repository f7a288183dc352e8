-- One row per posting of the ledger that no other export repeats
-- claim_number  known_on    kind     amount
-- A1            2026-01-05  charge   250.00
-- A1            2026-01-05  payment  -20.00
-- A1            2026-01-05  payment  -20.00
WITH numbered AS (
    SELECT *, row_number() OVER (PARTITION BY file_id, floor((row - 1) / getvariable('sheet_rows')), claim_number,
        known_on, kind, amount, coalesce(procedure, ''), coalesce(service_date, known_on) ORDER BY row) AS
        occurrence FROM ledger),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY claim_number, known_on, kind, amount, coalesce(procedure, ''),
        coalesce(service_date, known_on), occurrence
        ORDER BY length(coalesce(reason, '')) DESC, file_id, row) AS place FROM numbered)
SELECT r.file_id, r.known_on, r.row, r.claim_number, r.kind, r.posted_by, r.amount, r.code, r.reason, r.word_leaf, r.payer_name,
    r.procedure, r.location, r.service_date FROM ranked r WHERE place = 1
