-- One row per posted write-off
-- claim_number  posted_on   amount  reason       leaf             root         mismatch
-- A1            2026-03-10  50.00   contractual  contractual      necessary    false
-- C2            2026-05-02  300.00  per manager  timely_filing    unnecessary  false
-- D4            2026-05-09  90.00   contractual  bundled_by_rule  necessary    true
--
-- Postings as write-offs. The practice's words tell the leaf, unless the answers contradict them: bundled, duplicate or
-- capitated is necessary only where the payer says so too. A denial given up under a code that elsewhere takes contract
-- cuts is one under another name as well. What was posted as contractual beyond what the payers cut by contract, on a claim with a
-- denial, is a denial written off under another name: the latest such postings, up to the excess.
-- Where no answer is known, only what takes the whole charge, beside what the patient had paid by then, is such a loss: a
-- contract leaves something, and the remittance may be missing.
WITH code_leaves AS (
    SELECT code, max_by(told_leaf, (size, told_leaf)) AS leaf FROM (
        SELECT coalesce(nullif(code, ''), reason, '') AS code, told_leaf, sum(abs(amount)) AS size FROM posting_classes
        WHERE kind IN ('adjustment', 'write_off') GROUP BY 1, 2)
    GROUP BY code),
charged AS (
    SELECT claim_number, min(procedure) AS first_procedure, max(procedure) AS last_procedure FROM posting_classes WHERE kind = 'charge' GROUP BY claim_number),
-- the same charge for the same service entered twice on a day at one place, once without being sent or answered: what the
-- practice's word "duplicate" may mean. Equal charges alone stand side by side on most days.
unsent AS (
    SELECT o.claim_number, o.service_date, o.charge, o.location, c.first_procedure, c.last_procedure FROM ledger_summary o
    JOIN charged c ON c.claim_number = o.claim_number
    ANTI JOIN submission_summary s ON s.claim_number = o.claim_number
    ANTI JOIN decision_summary d ON d.claim_number = o.claim_number),
entered_twice AS (
    SELECT DISTINCT l.claim_number FROM ledger_summary l
    JOIN charged t ON t.claim_number = l.claim_number
    JOIN unsent o ON o.service_date = l.service_date AND o.charge = l.charge AND o.claim_number <> l.claim_number
        AND coalesce(o.location, '') = coalesce(l.location, '') AND coalesce(o.first_procedure, '') = coalesce(t.first_procedure, '')
        AND coalesce(o.last_procedure, '') = coalesce(t.last_procedure, '')
    WHERE l.charge > 0),
at_desk AS (
    SELECT y.claim_number, -sum(y.amount) AS paid FROM posting_classes y
    JOIN (SELECT claim_number, min(known_on) AS cut_on FROM posting_classes
        WHERE kind IN ('adjustment', 'write_off') AND told_leaf = 'contractual' GROUP BY claim_number) c
        ON c.claim_number = y.claim_number AND y.known_on <= c.cut_on
    WHERE y.kind = 'payment' AND coalesce(y.posted_by, '') <> 'insurance' GROUP BY y.claim_number),
posted AS (
    SELECT p.claim_number, p.known_on AS posted_on, -p.amount AS amount, p.code, p.reason, p.told_leaf, p.evidence, p.row,
        coalesce(m.category, d.last_category) AS remit_category, coalesce(nullif(m.leaf, ''), d.last_leaf) AS remit_leaf, d.ever_denied, m.line_key,
        q.claim_number IS NOT NULL AS is_qmb, coalesce(c.patient_share, 0) AS patient_share, f.claim_number IS NULL AND coalesce(a.statuses, 0) > 0 AND l.insurance_paid <= 0 AS unanswered,
        f.claim_number IS NULL AND s.claim_number IS NULL AND a.claim_number IS NULL AND l.insurance_paid <= 0
            AND regexp_matches(lower(coalesce(l.payer_name, 'self pay')), '^(self.?pay|patient|private pay|uninsured|no insurance|none|cash|sp)$') AS uninsured,
        CASE WHEN p.told_leaf = 'contractual' AND l.insurance_paid - l.insurance_refunded <= coalesce(y.paid, 0) + getvariable('mismatch_usd') AND (d.ever_denied AND (e.claim_number IS NOT NULL OR l.insurance_paid <= 0) OR (f.claim_number IS NULL AND a.claim_number IS NOT NULL
                AND l.insurance_paid <= 0 AND (a.last_rejected OR l.contractual >= l.charge - coalesce(x.paid, 0) - getvariable('mismatch_usd'))))
            -- no more than the answers leave: an export may lack the row that takes a cut back
            THEN least(l.contractual - coalesce(c.contractual, 0), coalesce(y.charge, l.charge) - coalesce(y.paid, 0)
                - CASE WHEN d.group_code = 'PR' THEN 0 ELSE coalesce(c.patient_share, 0) END - coalesce(c.contractual, 0) - l.given_up) ELSE 0 END AS excess,
        f.claim_number IS NULL AND coalesce(a.last_rejected, false) AND l.insurance_paid <= 0 AS forgotten,
        coalesce(h.leaf = 'contractual', false) AND p.evidence NOT IN ('words', 'confirmed') AND p.told_leaf NOT IN ('contractual', 'regulatory', 'state_rate_cap', 'unclassified')
            AND (p.told_leaf = 'dry_run' OR NOT list_contains(getvariable('patient_leaves'), p.told_leaf)) AS under_contract_code,
        t.claim_number IS NOT NULL AS is_entered_twice
    FROM posting_classes p
    JOIN ledger_summary l USING (claim_number)
    LEFT JOIN denial_summary d USING (claim_number)
    LEFT JOIN posting_lines m ON m.claim_number = p.claim_number AND m.row = p.row AND m.known_on = p.known_on
    LEFT JOIN qmb_claims q ON q.claim_number = p.claim_number
    LEFT JOIN submission_summary s ON s.claim_number = p.claim_number
    -- a listing tells no contract cut: there the ledger's own is believed once the claim was paid
    LEFT JOIN (SELECT DISTINCT claim_number FROM decisions WHERE payment_id IS NOT NULL
        AND claim_number IN (SELECT claim_number FROM denial_summary WHERE ever_denied)) e USING (claim_number)
    LEFT JOIN current_amounts c USING (claim_number)
    LEFT JOIN decision_summary y USING (claim_number)
    LEFT JOIN first_decisions f USING (claim_number)
    LEFT JOIN acknowledgment_summary a USING (claim_number)
    LEFT JOIN code_leaves h ON h.code = coalesce(nullif(p.code, ''), p.reason, '')
    LEFT JOIN entered_twice t ON t.claim_number = p.claim_number
    LEFT JOIN at_desk x USING (claim_number)
    WHERE p.kind IN ('adjustment', 'write_off') AND p.amount <> 0),
later AS (
    SELECT *, coalesce(sum(amount) OVER (PARTITION BY claim_number
        ORDER BY posted_on DESC, row DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS later
    FROM posted WHERE excess > getvariable('mismatch_usd')),  -- contractual ones alone, and all of their claim
judged AS (
    SELECT * EXCLUDE (later), amount > 0 AND later < excess - 0.50 AS mismatch FROM later
    UNION ALL
    SELECT *, amount > 0 AND ever_denied AND under_contract_code AS mismatch FROM posted WHERE NOT excess > getvariable('mismatch_usd')),
leaved AS (
    SELECT *, CASE
        WHEN forgotten AND (mismatch OR told_leaf = 'unclassified') THEN 'rejected_not_resubmitted'
        WHEN is_qmb AND told_leaf IN ('bad_debt', 'bad_debt_uninsured') THEN 'regulatory'
        WHEN uninsured AND told_leaf = 'bad_debt' THEN 'bad_debt_uninsured'
        WHEN mismatch AND unanswered THEN 'lost_at_payer'
        WHEN under_contract_code THEN told_leaf
        WHEN mismatch OR (told_leaf = 'unclassified' AND remit_category IS NOT NULL) THEN coalesce(remit_leaf, 'administrative')
        WHEN told_leaf = 'true_duplicate' AND remit_category = 'duplicate' AND NOT is_entered_twice THEN coalesce(remit_leaf, told_leaf)
        WHEN told_leaf = 'capitation' AND ever_denied THEN coalesce(remit_leaf, told_leaf)
        -- a payer that names a code or a copy may mean the same edit; one that names another cause contradicts
        WHEN told_leaf = 'bundled_by_rule' AND ever_denied AND remit_category NOT IN ('bundling', 'coding', 'duplicate') THEN coalesce(remit_leaf, told_leaf)
        WHEN unanswered AND told_leaf = 'unclassified' THEN 'lost_at_payer'
        -- no reason told, and no more than the patient's share: a patient's balance given up
        WHEN told_leaf = 'unclassified' AND patient_share > 0 AND amount BETWEEN 0.01 AND patient_share THEN CASE WHEN is_qmb THEN 'regulatory' ELSE 'bad_debt' END
        ELSE told_leaf END AS final_leaf
    FROM judged)
SELECT claim_number, posted_on, amount, code, reason, final_leaf AS leaf, w.root,
    'posted' AS basis, remit_category, mismatch,
    CASE WHEN final_leaf = 'unclassified' THEN 'nothing' WHEN final_leaf <> told_leaf THEN 'remittance'
        WHEN evidence IN ('words', 'confirmed') THEN evidence ELSE 'evidence' END AS told_by, line_key
FROM leaved JOIN write_off_leaves w ON w.leaf = final_leaf
