-- One row per claim that was sent
-- claim_number  submissions  submitted_on  last_submitted_on  payer_name  charge
-- A1            2            2026-01-10    2026-02-02         ACME        250.00
-- B7            1            2026-01-12    2026-01-12         UNISON      90.00
-- C2            1            2026-01-15    2026-01-15         ACME        300.00
--
-- Most claims are sent once, and are what was sent; of the others each column is the first that was told
WITH sent AS (
    SELECT t.* REPLACE (coalesce(k.claim_number, t.claim_number) AS claim_number) FROM submissions t
    LEFT JOIN claim_links k ON k.own_number = t.claim_number),
again AS (SELECT claim_number FROM sent GROUP BY claim_number HAVING count(*) > 1),
placed AS (
    SELECT s.*, row_number() OVER (
        PARTITION BY claim_number ORDER BY known_on, coalesce(payer_order, 'P'), submission_id) AS place
    FROM sent s JOIN again USING (claim_number))
SELECT claim_number, CAST(1 AS BIGINT) AS submissions, known_on AS submitted_on, known_on AS last_submitted_on,
    payer_id, payer_name, payer_order, filing_code, billing_npi, rendering_npi, location, place_of_service,
    service_date, charge, patient_key, frequency AS last_frequency
FROM sent ANTI JOIN again USING (claim_number)
UNION ALL
SELECT claim_number, count(*), min(known_on), max(known_on),
    min_by(payer_id, place), min_by(payer_name, place), min_by(payer_order, place), min_by(filing_code, place),
    min_by(billing_npi, place), min_by(rendering_npi, place), min_by(location, place),
    min_by(place_of_service, place), min_by(service_date, place), min_by(charge, place),
    min_by(patient_key, place), max_by(frequency, place)
FROM placed GROUP BY claim_number
