SELECT s.patient_key, r.payer_name, r.decided_on, min(r.category) AS category
FROM refused_lines r JOIN submission_summary s USING (claim_number)
WHERE NOT r.is_partial AND s.patient_key IS NOT NULL GROUP BY 1, 2, 3
