-- Ledger summary
SELECT claim_number,
    sum(CASE WHEN kind = 'charge' THEN amount ELSE 0 END) AS charge,
    sum(CASE WHEN kind = 'transfer' THEN 0 ELSE amount END) AS balance,
    -sum(CASE WHEN kind = 'payment' AND posted_by = 'insurance' THEN amount ELSE 0 END) AS insurance_paid,
    -sum(CASE WHEN kind = 'payment' AND coalesce(posted_by, '') <> 'insurance' THEN amount ELSE 0 END) AS patient_paid,
    sum(CASE WHEN kind = 'transfer' THEN amount ELSE 0 END) AS transferred,
    max(known_on) AS last_posted_on, min(service_date) AS service_date, min(location) AS location,
    min_by(payer_name, (payer_name = 'PATIENT', row, payer_name)) AS payer_name,
    -sum(CASE WHEN kind IN ('adjustment', 'write_off') AND told_leaf = 'contractual' THEN amount ELSE 0 END) AS contractual
FROM posting_classes GROUP BY claim_number
