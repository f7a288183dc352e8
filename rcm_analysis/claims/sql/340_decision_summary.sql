-- One row per claim that was decided, all payers together
-- claim_number  paid    paid_first  paid_later  charge  payer_name
-- A1            180.00  0.00        180.00      250.00  ACME
-- B7            60.00   60.00       0.00        90.00   UNISON
-- C2            0.00    0.00        0.00        300.00  ACME
SELECT d.claim_number, sum(d.paid) AS paid,
    sum(CASE WHEN t.in_first THEN d.paid END) AS paid_first,
    sum(CASE WHEN d.payer_id IS NOT DISTINCT FROM o.payer_id AND NOT t.in_first THEN d.paid ELSE 0 END) AS paid_later,
    coalesce(max(CASE WHEN d.counts THEN coalesce(d.charge, 0) END), max(CASE WHEN NOT d.reversal THEN d.charge END)) AS charge,
    min_by(d.payer_id, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS payer_id,
    min_by(d.payer_name, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS payer_name,
    min_by(d.payer_order, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS payer_order,
    min_by(d.filing_code, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS filing_code,
    min_by(d.rendering_npi, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS rendering_npi,
    min_by(d.payer_id, d.remittance_id) AS any_payer_id, min_by(d.payer_name, d.remittance_id) AS any_payer_name,
    min_by(d.filing_code, d.remittance_id) AS any_filing_code,
    bool_or(d.pended AND d.known_on >= coalesce(f.last_decided_on, d.known_on)) AS pended,
    bool_or(d.not_ours AND d.known_on >= coalesce(f.last_decided_on, d.known_on)) AS not_ours, max(d.known_on) AS last_answered_on,
    min(d.service_date) AS service_date, min(d.place_of_service) AS place_of_service,
    min(d.patient_key) AS patient_key
FROM decisions d LEFT JOIN first_decisions f USING (claim_number)
LEFT JOIN decisions o ON o.remittance_id = f.remittance_id
LEFT JOIN decision_parts t ON t.remittance_id = d.remittance_id
GROUP BY d.claim_number
