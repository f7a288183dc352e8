-- One row per write-off, posted or inferred where there is no ledger
-- claim_number  posted_on   amount  leaf            root         basis
-- A1            2026-03-10  50.00   contractual     necessary    posted
-- C2            2026-05-02  300.00  timely_filing   unnecessary  posted
-- D4            2026-08-03  90.00   administrative  unnecessary  inferred
--
-- Write-offs. Only what the practice posted is one: a usual deadline warns, it never gives up a dollar
SELECT claim_number, posted_on, amount, code, reason, leaf, root, basis, remit_category, mismatch, told_by FROM posted_write_offs
