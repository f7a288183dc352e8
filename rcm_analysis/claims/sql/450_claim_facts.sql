-- One row per claim that any file names
-- claim_number  charge  paid    patient_share  settled  written_off  owed   filing_deadline
-- A1            250.00  180.00  20.00          50.00    0.00         0.00   2026-07-04
-- B7            90.00   0.00    0.00           0.00     0.00         90.00  2026-07-06
-- C2            300.00  0.00    0.00           0.00     300.00       0.00   NULL
--
-- What the files tell of each claim together: who, when, what was charged, paid, owed by whom, and what is still open
WITH numbers AS (
    SELECT claim_number FROM submission_summary UNION SELECT claim_number FROM decision_summary
    UNION SELECT claim_number FROM ledger_summary UNION SELECT claim_number FROM acknowledgment_summary),
joined AS (
    SELECT n.claim_number,
        coalesce(s.payer_id, d.payer_id, d.any_payer_id, k.payer_id) AS payer_id,
        coalesce(s.payer_name, d.payer_name, d.any_payer_name, k.payer_name, l.payer_name) AS payer_name,
        coalesce(s.payer_order, d.payer_order, 'P') AS payer_order,
        coalesce(nullif(i.payer_class, 'other'), u.payer_class, i.payer_class, 'other') AS payer_class,
        s.billing_npi, coalesce(s.rendering_npi, d.rendering_npi) AS rendering_npi,
        coalesce(s.location, l.location) AS location,
        coalesce(s.place_of_service, d.place_of_service) AS place_of_service,
        coalesce(s.service_date, d.service_date, l.service_date) AS service_date,
        coalesce(s.patient_key, d.patient_key) AS patient_key,
        s.submitted_on, f.first_decided_on, f.last_decided_on, s.last_submitted_on,
        coalesce(s.charge, d.charge, l.charge) AS charge, c.allowed,
        coalesce(d.paid, l.insurance_paid, 0.00) AS paid,
        coalesce(d.paid_later > 0 OR (d.paid_first = 0 AND d.paid > 0), false) AS paid_after_first,
        coalesce(c.patient_share, 0.00) AS patient_share,
        CASE WHEN d.claim_number IS NULL THEN greatest(coalesce(l.contractual, 0), 0) ELSE coalesce(c.settled, 0) END AS settled,
        coalesce(w.given_up, 0.00) AS given_up,
        coalesce(w.given_up_of_patient, 0.00) + coalesce(l.patient_paid, 0.00) AS by_patient, l.charge AS ledger_charge,
        coalesce(a.ever_rejected, false) AS rejected, a.last_rejected, a.last_rejected_on, a.statuses,
        coalesce(x.initially_denied, false) AS initially_denied, coalesce(x.ever_denied, false) AS ever_denied,
        coalesce(x.denied_now, false) AS denied_now,
        coalesce(x.denied_amount, 0.00) AS denied_amount, coalesce(x.denied_charge, 0.00) AS denied_charge, x.last_denied_on,
        CASE WHEN x.ever_denied THEN x.category END AS category,
        CASE WHEN x.ever_denied THEN x.group_code END AS group_code,
        CASE WHEN x.ever_denied THEN x.carc END AS carc, CASE WHEN x.ever_denied THEN x.rarc END AS rarc,
        coalesce(s.submissions, 0) AS submissions,
        l.claim_number IS NOT NULL AS in_ledger, l.insurance_paid, l.balance, l.last_posted_on,
        coalesce(w.written_off, 0.00) AS written_off, w.leaf AS write_off_leaf, w.root AS write_off_root,
        coalesce(w.lost, 0.00) AS lost, w.last_lost_on, x.last_category, x.last_leaf, x.last_procedure, x.unprocessable,
        coalesce(d.pended, false) AS pended, coalesce(d.not_ours, false) AS not_ours, d.last_answered_on, s.last_frequency, q.claim_number IS NOT NULL AS is_qmb,
        l.payer_name AS ledger_payer, l.moved_on, l.insurance_refunded, coalesce(l.patient_paid, 0.00) AS patient_paid,
        x.unprocessable_now, a.last_acknowledged_on, e.link_rule
    FROM numbers n
    LEFT JOIN submission_summary s USING (claim_number)
    LEFT JOIN decision_summary d USING (claim_number)
    LEFT JOIN first_decisions f USING (claim_number)
    LEFT JOIN acknowledgment_summary a USING (claim_number)
    LEFT JOIN denial_summary x USING (claim_number)
    LEFT JOIN current_amounts c USING (claim_number)
    LEFT JOIN ledger_summary l USING (claim_number)
    LEFT JOIN posted_summary w USING (claim_number)
    LEFT JOIN (SELECT claim_number, min(rule) AS link_rule FROM claim_links GROUP BY claim_number) e USING (claim_number)
    LEFT JOIN payer_links k ON k.ledger_name = l.payer_name
    LEFT JOIN filing_indicators i ON i.filing_code = coalesce(s.filing_code, d.filing_code, d.any_filing_code)
    LEFT JOIN payer_classes u ON u.payer = coalesce(s.payer_id, s.payer_name, d.any_payer_id, d.any_payer_name, '')
    LEFT JOIN qmb_claims q ON q.claim_number = n.claim_number),
-- terms that hold on the claim's own days: of the service for the first claim, of the last answer for what follows it
terms AS (
    SELECT j.claim_number, d.clock, max_by(d.days, d.confirmed) AS days, max_by(d.longest_days, d.confirmed) AS longest_days,
        max_by(d.years, d.confirmed) AS years, bool_or(d.confirmed) AS confirmed
    FROM joined j JOIN payer_deadlines d ON d.payer_class = j.payer_class AND d.payer_name = coalesce(j.payer_name, '')
        AND CASE WHEN d.clock = 'initial_filing' THEN j.service_date ELSE coalesce(j.last_decided_on, j.service_date) END BETWEEN d.valid_from AND d.valid_to
    WHERE d.clock IN ('initial_filing', 'corrected_claim', 'appeal_level_1') GROUP BY j.claim_number, d.clock),
windows AS (
    SELECT claim_number, max(CASE WHEN clock <> 'initial_filing' THEN longest_days END) AS window_days,
        bool_and(CASE WHEN clock <> 'initial_filing' THEN confirmed END) AS window_confirmed,
        max(CASE WHEN clock = 'initial_filing' THEN days END) AS days,
        max(CASE WHEN clock = 'initial_filing' AND NOT confirmed THEN years END) AS years
    FROM terms GROUP BY claim_number),
balanced AS (
    -- What no payer, contract or law has settled, the patient does not owe and nobody has written off. What patients
    -- paid and what was given up for their reasons counts against their share first, beyond it against the rest.
    -- A ledger that was posted to after the last decision and holds the whole charge may know of more payments.
    SELECT j.*, greatest(0, least(
            coalesce(j.charge, 0) - j.paid - j.patient_share - j.settled - j.given_up
                - greatest(j.by_patient - j.patient_share, 0),
            CASE WHEN j.ledger_charge >= j.charge AND j.last_posted_on >= coalesce(j.last_decided_on, j.last_posted_on)
                THEN j.balance ELSE j.charge END)) AS owed,
        w.window_days, coalesce(w.window_confirmed, false) AS window_confirmed,
        -- a calendar year ends on the same day of the next; 28 February where that has no 29th
        CASE WHEN w.years IS NULL THEN j.service_date + w.days
            ELSE make_date(year(j.service_date) + w.years, month(j.service_date),
                CASE WHEN month(j.service_date) = 2 THEN least(day(j.service_date), 28) ELSE day(j.service_date) END)
            END AS filing_deadline
    FROM joined j LEFT JOIN windows w USING (claim_number))
SELECT * FROM balanced
