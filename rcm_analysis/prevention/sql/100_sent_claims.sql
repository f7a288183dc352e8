-- One row per submission, and per claim that is not sent yet
-- submission_id  claim_number  sent_on     payer_name  prior_authorization  is_new
-- 41             A1            2026-01-10  ACME        NULL                 false
-- 57             A1            2026-02-02  ACME        AUTH9                false
-- -1             Z1            2026-10-31  UNISON      NULL                 true
SELECT submission_id, claim_number, known_on AS sent_on, payer_name, coalesce(payer_order, 'P') AS payer_order,
    filing_code, place_of_service, frequency, prior_authorization, referral, rendering_npi, location, patient_key,
    age, sex, diagnoses, lines, charge, service_date, kind, billing_npi, referring_npi, supervising_npi, attending_npi,
    billing_taxonomy, rendering_taxonomy, false AS is_new FROM submissions WHERE submission_id NOT IN
    (SELECT submission_id FROM new_claims)
UNION ALL SELECT submission_id, claim_number, known_on AS sent_on, payer_name, coalesce(payer_order, 'P') AS
    payer_order, filing_code, place_of_service, frequency, prior_authorization, referral, rendering_npi, location,
    patient_key, age, sex, diagnoses, lines, charge, service_date, kind, billing_npi, referring_npi, supervising_npi,
    attending_npi, billing_taxonomy, rendering_taxonomy, true FROM new_claims
