-- One row per write-off, posted or inferred where there is no ledger
-- claim_number  posted_on   amount  leaf             root         basis     owner   expected_allowed
-- A1            2026-03-10  50.00   contractual      necessary    posted    none    NULL
-- C2            2026-05-02  300.00  timely_filing    unnecessary  posted    biller  118.00
-- D4            2026-08-03  90.00   appeal_deadline  unnecessary  inferred  biller  54.90
--
-- Write-offs: what the practice posted and, without a ledger, what a deadline that its contract confirms has ended. A usual
-- deadline warns, it never gives up a dollar. What payers would have allowed of it: no more than the refused lines of its claim,
-- together with its other write-offs; where nothing was refused, by the payer's usual ratio; a patient's debt is what it is.
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
    UNION SELECT claim_number FROM posting_classes WHERE procedure LIKE 'A0%'),
own AS (
    SELECT claim_number, sum(amount) AS amount FROM every
    WHERE leaf NOT IN ('contractual', 'regulatory', 'state_rate_cap') AND NOT list_contains(getvariable('patient_leaves'), leaf)
    GROUP BY claim_number)
SELECT w.claim_number, w.posted_on, w.amount, w.code, w.reason, w.leaf, w.root, w.basis, w.remit_category, w.mismatch, w.told_by,
    coalesce(p.owner, f.owner) AS owner, coalesce(p.fix, f.fix) AS fix,
    CAST(CASE WHEN w.leaf IN ('contractual', 'regulatory', 'state_rate_cap') THEN NULL
        WHEN list_contains(getvariable('patient_leaves'), w.leaf) THEN w.amount
        WHEN c.expected_allowed IS NOT NULL AND o.amount > 0 THEN w.amount * least(1.0, c.expected_allowed / o.amount)
        ELSE w.amount * coalesce(r.ratio, n.ratio) END AS DECIMAL(14, 2)) AS expected_allowed
FROM every w LEFT JOIN write_off_leaves f ON f.leaf = w.leaf LEFT JOIN trips t ON t.claim_number = w.claim_number
LEFT JOIN write_off_places p ON p.leaf = w.leaf AND p.place = 'trip' AND t.claim_number IS NOT NULL
LEFT JOIN own o ON o.claim_number = w.claim_number
LEFT JOIN claims c ON c.claim_number = w.claim_number
LEFT JOIN usual_ratios r ON r.payer = coalesce(c.payer_id, c.payer_name, '')
LEFT JOIN (SELECT ratio FROM usual_ratios WHERE payer IS NULL) n ON true
