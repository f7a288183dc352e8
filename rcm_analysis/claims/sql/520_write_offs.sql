-- One row per write-off, posted or inferred where there is no ledger
-- claim_number  posted_on   amount  leaf             root         basis     owner
-- A1            2026-03-10  50.00   contractual      necessary    posted    none
-- C2            2026-05-02  300.00  timely_filing    unnecessary  posted    biller
-- D4            2026-08-03  90.00   appeal_deadline  unnecessary  inferred  biller
--
-- Write-offs: what the practice posted and, without a ledger, what a deadline that its contract confirms has ended. A usual
-- deadline warns, it never gives up a dollar.
WITH every AS (
    SELECT claim_number, posted_on, amount, code, reason, leaf, root, basis, remit_category, mismatch, told_by FROM posted_write_offs
    UNION ALL
    SELECT claim_number, posted_on, amount, CAST(NULL AS VARCHAR), 'past the deadline of the contract', leaf, root, 'inferred', category, false, 'deadline'
    FROM inferred_write_offs),
trips AS (
    SELECT claim_number FROM claim_facts WHERE place_of_service IN ('41', '42')
    UNION SELECT coalesce(k.claim_number, s.claim_number) FROM submissions s JOIN submission_lines l USING (submission_id)
        LEFT JOIN claim_links k ON k.own_number = s.claim_number WHERE l.procedure LIKE 'A0%'
    UNION SELECT d.claim_number FROM decided_lines l JOIN decisions d USING (remittance_id) WHERE l.procedure LIKE 'A0%'
    UNION SELECT claim_number FROM posting_classes WHERE procedure LIKE 'A0%')
SELECT w.claim_number, w.posted_on, w.amount, w.code, w.reason, w.leaf, w.root, w.basis, w.remit_category, w.mismatch, w.told_by,
    coalesce(p.owner, f.owner) AS owner, coalesce(p.fix, f.fix) AS fix
FROM every w LEFT JOIN write_off_leaves f ON f.leaf = w.leaf LEFT JOIN trips t ON t.claim_number = w.claim_number
LEFT JOIN write_off_places p ON p.leaf = w.leaf AND p.place = 'trip' AND t.claim_number IS NOT NULL
