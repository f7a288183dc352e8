-- Write-offs of each claim beyond what contract and law take, those of the patient's share apart
SELECT claim_number,
    sum(amount) AS written_off, max_by(leaf, (amount, leaf)) AS leaf, max_by(root, (amount, leaf)) AS root,
    sum(amount) FILTER (WHERE NOT of_patient) AS lost, max(posted_on) FILTER (WHERE NOT of_patient) AS last_lost_on,
    sum(CASE WHEN of_patient THEN 0 ELSE amount END) AS given_up,
    sum(CASE WHEN of_patient THEN amount ELSE 0 END) AS given_up_of_patient
FROM (SELECT *, list_contains(getvariable('patient_leaves'), leaf) AS of_patient FROM posted_write_offs
    WHERE leaf NOT IN ('contractual', 'regulatory', 'state_rate_cap'))
GROUP BY claim_number
