-- One row per claim and kind of thing that a compliance officer must see
-- claim_number  kind                amount
-- A1            qmb_billed          20.00
-- B7            patient_charged_co  24.96
-- C2            notice_missing      300.00
--
-- What a compliance officer must see: a QMB's share collected or sent to collections, money owed back, a patient charged what
-- only the payer's contract takes, a refusal for a notice that was not given
WITH gathered AS (
    SELECT w.claim_number, 'qmb_billed' AS kind, sum(w.amount) AS amount,
        'a Qualified Medicare Beneficiary owes no Medicare cost share; it was treated as a bad debt' AS why
    FROM posted_write_offs w JOIN qmb_claims q USING (claim_number) JOIN posting_reasons r
        ON r.code = coalesce(w.code, '') AND r.reason = coalesce(w.reason, '') AND r.leaf IN ('bad_debt', 'bad_debt_uninsured')
    GROUP BY w.claim_number HAVING sum(w.amount) > 0
    UNION ALL
    SELECT f.claim_number, 'qmb_billed', f.patient_paid, 'a Qualified Medicare Beneficiary owes no Medicare cost share; the patient paid'
    FROM claim_facts f WHERE f.is_qmb AND f.patient_paid > 0
    UNION ALL
    SELECT f.claim_number, 'credit_balance', -f.balance, 'more was posted than was charged; money of Medicare or Medicaid is returned within 60 days'
    FROM claim_facts f WHERE f.in_ledger AND f.ledger_charge > 0 AND f.balance <= -1
    UNION ALL
    SELECT f.claim_number, 'credit_balance', f.paid - f.charge, 'payers paid more than the charge; money of Medicare or Medicaid is returned within 60 days'
    FROM claim_facts f WHERE NOT f.in_ledger AND f.paid > f.charge
    UNION ALL
    SELECT f.claim_number, 'patient_charged_co', f.patient_paid - f.patient_share, 'the patient paid more than the payer left to the patient, and the rest stands under CO'
    FROM claim_facts f JOIN (SELECT DISTINCT claim_number FROM refused_lines WHERE group_code = 'CO' AND NOT is_partial) r USING (claim_number)
    WHERE f.last_decided_on IS NOT NULL AND f.patient_paid > f.patient_share + 1
    UNION ALL
    SELECT r.claim_number, 'notice_missing', sum(r.denied_amount), 'refused for a notice that was not given or not valid: the patient may not be billed'
    FROM refused_lines r WHERE NOT r.is_partial AND (r.carc = '116' OR regexp_matches(coalesce(r.rarcs, ''), 'M39|N563|M27'))
    GROUP BY r.claim_number)
SELECT claim_number, kind, CAST(sum(amount) AS DECIMAL(14, 2)) AS amount, min(why) AS why FROM gathered GROUP BY claim_number, kind
