SELECT submission_id, claim_number, known_on AS sent_on, payer_name, coalesce(payer_order, 'P') AS payer_order,
    filing_code, place_of_service, frequency, prior_authorization, referral, rendering_npi, location, patient_key,
    age, sex, diagnoses, lines, charge, service_date, false AS is_new FROM submissions WHERE submission_id NOT IN
    (SELECT submission_id FROM new_claims)
UNION ALL SELECT submission_id, claim_number, known_on AS sent_on, payer_name, coalesce(payer_order, 'P') AS
    payer_order, filing_code, place_of_service, frequency, prior_authorization, referral, rendering_npi, location,
    patient_key, age, sex, diagnoses, lines, charge, service_date, true FROM new_claims
