-- Posted summary
SELECT claim_number,
    sum(amount) AS written_off, max_by(leaf, (amount, leaf)) AS leaf, max_by(root, (amount, leaf)) AS root,
    sum(amount) FILTER (WHERE root = 'unnecessary' AND leaf <> 'bad_debt') AS lost,
    sum(CASE WHEN list_contains(getvariable('patient_leaves'), leaf) THEN 0 ELSE amount END) AS given_up,
    sum(CASE WHEN list_contains(getvariable('patient_leaves'), leaf) THEN amount ELSE 0 END) AS given_up_of_patient
FROM posted_write_offs WHERE leaf NOT IN ('contractual', 'regulatory') GROUP BY claim_number
