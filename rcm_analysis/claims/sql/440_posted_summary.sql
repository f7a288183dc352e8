-- One row per claim with write-offs beyond contract and regulation
-- claim_number  written_off  leaf             root         lost    given_up
-- C2            300.00       timely_filing    unnecessary  300.00  300.00
-- D4            90.00        bundled_by_rule  necessary    NULL    90.00
-- E1            12.50        small_balance    necessary    NULL    0.00
--
-- Write-offs of each claim beyond what contract and law take, those of the patient's share apart
SELECT claim_number,
    sum(amount) AS written_off, max_by(leaf, (amount, leaf)) AS leaf, max_by(root, (amount, leaf)) AS root,
    sum(amount) FILTER (WHERE NOT of_patient) AS lost, max(posted_on) FILTER (WHERE NOT of_patient) AS last_lost_on,
    sum(CASE WHEN of_patient THEN 0 ELSE amount END) AS given_up,
    sum(CASE WHEN of_patient THEN amount ELSE 0 END) AS given_up_of_patient
FROM (SELECT *, list_contains(getvariable('patient_leaves'), leaf) AS of_patient FROM posted_write_offs
    WHERE leaf NOT IN ('contractual', 'regulatory', 'state_rate_cap'))
GROUP BY claim_number
