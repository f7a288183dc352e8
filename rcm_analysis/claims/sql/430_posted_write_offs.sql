-- Postings as write-offs. What was posted as contractual beyond what the payers cut by contract, on a claim with a
-- denial, is a denial written off under another name: the latest such postings, up to the excess.
WITH posted AS (
    SELECT p.claim_number, p.known_on AS posted_on, -p.amount AS amount, p.code, p.reason, p.told_leaf, p.row,
        d.last_category AS remit_category, d.last_procedure,
        CASE WHEN p.told_leaf = 'contractual' AND (d.ever_denied AND (e.claim_number IS NOT NULL OR l.insurance_paid <= 0) OR (f.claim_number IS NULL AND a.last_rejected
                AND l.insurance_paid <= 0))
            THEN l.contractual - coalesce(c.contractual, 0) ELSE 0 END AS excess,
        f.claim_number IS NULL AND coalesce(a.last_rejected, false) AND l.insurance_paid <= 0 AS forgotten
    FROM posting_classes p
    JOIN ledger_summary l USING (claim_number)
    LEFT JOIN denial_summary d USING (claim_number)
    -- a listing tells no contract cut: there the ledger's own is believed once the claim was paid
    LEFT JOIN (SELECT DISTINCT claim_number FROM decisions WHERE payment_id IS NOT NULL
        AND claim_number IN (SELECT claim_number FROM denial_summary WHERE ever_denied)) e USING (claim_number)
    LEFT JOIN current_amounts c USING (claim_number)
    LEFT JOIN first_decisions f USING (claim_number)
    LEFT JOIN acknowledgment_summary a USING (claim_number)
    WHERE p.kind IN ('adjustment', 'write_off') AND p.amount <> 0),
later AS (
    SELECT *, coalesce(sum(amount) OVER (PARTITION BY claim_number
        ORDER BY posted_on DESC, row DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS later
    FROM posted WHERE excess > getvariable('mismatch_usd')),  -- contractual ones alone, and all of their claim
judged AS (
    SELECT * EXCLUDE (later), amount > 0 AND later < excess - 0.50 AS mismatch FROM later
    UNION ALL
    SELECT *, false AS mismatch FROM posted WHERE NOT excess > getvariable('mismatch_usd')),
leaved AS (
    SELECT *, CASE
        WHEN forgotten AND (mismatch OR told_leaf = 'unclassified') THEN 'rejected_not_resubmitted'
        WHEN mismatch OR (told_leaf = 'unclassified' AND remit_category IS NOT NULL) THEN
            CASE WHEN remit_category = 'medical_necessity' AND last_procedure LIKE 'A04%' THEN 'ems_medical_necessity'
                ELSE coalesce(k.leaf, 'administrative') END
        ELSE told_leaf END AS final_leaf
    FROM judged LEFT JOIN category_leaves k ON k.category = remit_category)
SELECT claim_number, posted_on, amount, code, reason, final_leaf AS leaf, w.root,
    'posted' AS basis, remit_category, mismatch
FROM leaved JOIN write_off_leaves w ON w.leaf = final_leaf
