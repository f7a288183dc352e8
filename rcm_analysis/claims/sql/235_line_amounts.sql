-- One row per line of a decision with adjustments; line 0 is the claim itself
-- remittance_id  line_number  refused  patient_share  contractual  prior_payer
-- 11             1            200.00   0.00           50.00        0.00
-- 12             1            0.00     20.00          50.00        0.00
-- 12             2            0.00     0.00           30.00        60.00
--
-- What refuses, what the patient owes and what is in work, per line; line 0 is the claim itself. PR says that the patient
-- owes, whatever the reason; a refusal under PR is both.
SELECT remittance_id, line_number,
    sum(CASE WHEN refuses AND amount > 0 THEN amount ELSE 0 END) AS refused,
    sum(CASE WHEN class = 'patient_share' OR (group_code = 'PR' AND NOT refuses) THEN amount ELSE 0 END) AS patient_share,
    sum(CASE WHEN class = 'patient_share' OR group_code = 'PR' THEN amount ELSE 0 END) AS patient_owes,
    sum(CASE WHEN class IN ('contract', 'regulatory', 'incentive') AND group_code <> 'PR' AND NOT refuses
        THEN amount ELSE 0 END) AS contractual,
    sum(CASE WHEN class = 'capitation' THEN amount ELSE 0 END) AS capitated,
    sum(CASE WHEN class = 'lifted' THEN amount ELSE 0 END) AS lifted,
    sum(CASE WHEN class = 'pending' THEN amount ELSE 0 END) AS pending,
    sum(CASE WHEN class = 'prior_payer' THEN amount ELSE 0 END) AS prior_payer
FROM classified_adjustments GROUP BY remittance_id, line_number
