-- One row per claim episode: first submission, rejections, resubmissions, decisions and postings together
-- claim_number  submitted_on  first_decided_on  charge  paid    initially_denied  state        open_balance
-- A1            2026-01-10    2026-02-01        250.00  180.00  true              paid         0.00
-- B7            2026-01-12    NULL              90.00   0.00    false             accepted     90.00
-- C2            2026-01-15    2026-02-09        300.00  0.00    true              written_off  0.00
--
-- Claims. A claim has the first state that fits: withdrawn, without a payer, never sent, turned away, without an answer, in work,
-- passed on, refused and open, owed by the patient, written off, paid.
WITH refusals AS (
    SELECT claim_number, bool_or(outcome IN ('open', 'open_past_window')) AS is_open,
        bool_or(outcome = 'open_past_window') AS is_past, bool_or(outcome IN ('open', 'open_past_window') AND kind = 'taken_back') AS is_taken_back,
        bool_or(outcome IN ('open', 'open_past_window') AND kind = 'unexplained') AS is_unexplained,
        bool_or(outcome IN ('open', 'open_past_window') AND kind = 'refused') AS is_refused, bool_or(outcome = 'lost') AS is_lost
    FROM denied_line_outcomes GROUP BY claim_number),
ended AS (
    SELECT claim_number, sum(amount) AS amount, max_by(leaf, (amount, leaf)) AS leaf, max_by(root, (amount, leaf)) AS root, max(posted_on) AS ended_on
    FROM inferred_write_offs GROUP BY claim_number),
-- each refused line once, by its first refusal, as in `denials`
expected AS (
    SELECT claim_number, sum(expected_allowed) AS expected_allowed, sum(expected_cash) AS expected_cash FROM (
        SELECT r.claim_number, e.expected_allowed, e.expected_cash, row_number() OVER (
            PARTITION BY r.claim_number, r.line_key ORDER BY r.is_partial, r.decided_on, r.remittance_id, r.line_number) AS place
        FROM refused_lines r JOIN expected_lines e ON e.remittance_id = r.remittance_id AND e.line_number = r.line_number)
    WHERE place = 1 GROUP BY claim_number),
in_work AS (SELECT DISTINCT claim_number FROM line_lives WHERE pending),
stated AS (
    SELECT f.* REPLACE (f.owed - coalesce(e.amount, 0) AS owed, f.written_off + coalesce(e.amount, 0) AS written_off,
            coalesce(e.leaf, f.write_off_leaf) AS write_off_leaf, coalesce(e.root, f.write_off_root) AS write_off_root),
        e.ended_on, r.is_lost, CASE
        WHEN last_frequency = '8' AND last_submitted_on >= coalesce(last_decided_on, last_submitted_on) OR v.claim_number IS NOT NULL THEN 'voided'
        WHEN first_decided_on IS NULL AND submissions = 0 AND statuses IS NULL AND last_answered_on IS NULL AND coalesce(insurance_paid, 0) <= 0 THEN
            CASE WHEN coalesce(ledger_payer, '') = '' OR regexp_matches(lower(ledger_payer), '^(self.?pay|patient|private pay|uninsured|no insurance|none|cash|sp)$') THEN 'self_pay'
                WHEN written_off > 0 AND owed <= 0 THEN 'written_off'
                WHEN owed <= 0 THEN 'paid'
                WHEN (SELECT count(*) FROM submission_summary) > 0 THEN 'unbilled' ELSE 'submitted' END
        WHEN first_decided_on IS NULL AND last_answered_on IS NULL AND coalesce(insurance_paid, 0) <= 0 THEN
            CASE WHEN coalesce(last_rejected, false) AND coalesce(last_submitted_on <= last_rejected_on, true) THEN 'rejected'
                WHEN written_off > 0 AND owed <= 0 THEN 'written_off'
                WHEN statuses > 0 AND NOT coalesce(last_rejected, false) THEN 'accepted' ELSE 'submitted' END
        WHEN (pended AND paid <= 0) OR (w.claim_number IS NOT NULL AND owed > 0) THEN 'pending'
        WHEN not_ours AND paid <= 0 THEN 'forwarded'
        WHEN r.is_open THEN
            CASE WHEN k.kind = 'appealed' AND coalesce(last_submitted_on <= k.acted_on, true) THEN 'appealed'
                WHEN last_submitted_on > last_decided_on OR k.kind = 'resubmitted' THEN 'resubmitted'
                WHEN r.is_taken_back AND NOT r.is_refused THEN 'taken_back'
                WHEN r.is_unexplained AND NOT r.is_refused THEN 'unpaid_no_reason'
                WHEN r.is_past THEN 'open_past_window'
                ELSE 'denied_open' END
        WHEN patient_share > 0 AND NOT is_qmb AND CASE WHEN in_ledger THEN balance > 0 AND patient_share > by_patient ELSE true END THEN 'patient'
        WHEN r.is_lost OR (ever_denied AND write_off_leaf = 'dry_run' AND owed <= 0) THEN CASE WHEN paid > 0 THEN 'partially_paid' ELSE 'written_off' END
        ELSE 'paid' END AS state
    FROM claim_facts f LEFT JOIN refusals r USING (claim_number) LEFT JOIN in_work w USING (claim_number) LEFT JOIN voided_claims v USING (claim_number)
    LEFT JOIN ended e USING (claim_number) LEFT JOIN work_since_answer k USING (claim_number))
SELECT claim_number, payer_id, payer_name, payer_order, payer_class, billing_npi, rendering_npi, location,
    place_of_service, service_date, submitted_on, first_decided_on, charge, allowed, paid, patient_share,
    rejected, initially_denied, denied_amount, category, group_code, carc, rarc,
    CAST(submissions AS INTEGER) AS submissions, state,
    CASE WHEN state IN ('paid', 'patient', 'partially_paid', 'written_off', 'voided', 'self_pay') AND owed <= 0
        AND coalesce(last_decided_on, last_posted_on) IS NOT NULL
        THEN greatest(coalesce(last_decided_on, DATE '1900-01-01'), coalesce(last_posted_on, DATE '1900-01-01'), coalesce(ended_on, DATE '1900-01-01')) END AS closed_on,
    CASE WHEN state = 'voided' THEN 0.00 ELSE owed END AS open_balance, written_off, write_off_leaf, write_off_root,
    coalesce(link_rule, 'same_claim_number') AS link_rule,
    paid_after_first, patient_key, ever_denied, last_denied_on, last_decided_on, statuses > 0 AS acknowledged, in_ledger,
    CASE WHEN ended_on IS NOT NULL THEN 'inferred' WHEN written_off <> 0 THEN 'posted' END AS write_off_basis,
    coalesce(unprocessable, false) AS unprocessable, coalesce(unprocessable_now, false) AS unprocessable_now,
    filing_deadline, last_submitted_on, last_category, denied_charge, is_qmb,
    coalesce(is_lost, false) AS denial_lost, e.expected_allowed, e.expected_cash
FROM stated LEFT JOIN expected e USING (claim_number)
