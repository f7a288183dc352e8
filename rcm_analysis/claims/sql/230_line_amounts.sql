-- What refuses and what the patient owes, per line; line 0 is the claim itself
SELECT remittance_id, line_number,
    sum(CASE WHEN refuses AND amount > 0 THEN amount ELSE 0 END) AS refused,
    sum(CASE WHEN class = 'patient_share' THEN amount ELSE 0 END) AS patient_share,
    sum(CASE WHEN class IN ('contract', 'regulatory', 'incentive') AND group_code <> 'PR'
        THEN amount ELSE 0 END) AS contractual,
    sum(CASE WHEN class = 'prior_payer' THEN amount ELSE 0 END) AS prior_payer
FROM classified_adjustments GROUP BY remittance_id, line_number
