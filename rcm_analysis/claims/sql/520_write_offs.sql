-- One row per write-off, posted or inferred where there is no ledger
-- claim_number  posted_on   amount  leaf            root         basis
-- A1            2026-03-10  50.00   contractual     necessary    posted
-- C2            2026-05-02  300.00  timely_filing   unnecessary  posted
-- D4            2026-08-03  90.00   administrative  unnecessary  inferred
--
-- Write-offs: what the practice posted and, without a ledger, what a deadline that its contract confirms has ended. A usual
-- deadline warns, it never gives up a dollar.
SELECT claim_number, posted_on, amount, code, reason, leaf, root, basis, remit_category, mismatch, told_by FROM posted_write_offs
UNION ALL
SELECT claim_number, posted_on, amount, CAST(NULL AS VARCHAR), 'past the deadline of the contract', leaf, root, 'inferred', category, false, 'deadline'
FROM inferred_write_offs
