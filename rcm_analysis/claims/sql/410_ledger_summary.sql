-- One row per claim that the ledger knows
-- claim_number  charge  balance  insurance_paid  patient_paid  contractual
-- A1            250.00  0.00     180.00          20.00         50.00
-- B7            90.00   15.00    60.00           0.00          15.00
-- C2            300.00  0.00     0.00            0.00          0.00
SELECT claim_number,
    sum(CASE WHEN kind = 'charge' THEN amount ELSE 0 END) AS charge,
    sum(CASE WHEN kind = 'transfer' THEN 0 ELSE amount END) AS balance,
    -sum(CASE WHEN kind = 'payment' AND posted_by = 'insurance' THEN amount ELSE 0 END) AS insurance_paid,
    sum(CASE WHEN kind = 'refund' AND coalesce(posted_by, '') <> 'patient' AND NOT regexp_matches(lower(coalesce(payer_name, '')), '^(self.?pay|patient|)$')
        THEN amount ELSE 0 END) AS insurance_refunded,
    -sum(CASE WHEN kind = 'payment' AND coalesce(posted_by, '') <> 'insurance' THEN amount ELSE 0 END) AS patient_paid,
    max(CASE WHEN kind = 'transfer' OR (kind = 'payment' AND coalesce(posted_by, '') <> 'insurance') THEN known_on END) AS moved_on,
    max(known_on) AS last_posted_on, min(service_date) AS service_date, min(location) AS location,
    min_by(payer_name, (payer_name = 'PATIENT', row, payer_name)) AS payer_name,
    -sum(CASE WHEN kind IN ('adjustment', 'write_off') AND told_leaf = 'contractual' THEN amount ELSE 0 END) AS contractual,
    -sum(CASE WHEN kind IN ('adjustment', 'write_off') AND told_leaf NOT IN ('contractual', 'regulatory') AND NOT list_contains(getvariable('patient_leaves'), told_leaf)
        THEN amount ELSE 0 END) AS given_up
FROM posting_classes GROUP BY claim_number
