-- One row per service line of those
-- submission_id  line_number  procedure  modifiers  charge  diagnosis_pointers
-- 41             1            70553      ''         250.00  1
-- 57             1            70553      26         250.00  1 2
-- -1             1            99213      25         120.00  1
SELECT submission_id, line_number, procedure, coalesce(modifiers, '') AS modifiers, charge, units, place_of_service,
    diagnosis_pointers, service_date, line_control, revenue_code, rendering_npi, ordering_npi, referring_npi,
    supervising_npi, drug_code FROM submission_lines WHERE submission_id NOT IN (SELECT
    submission_id FROM new_claims)
UNION ALL SELECT submission_id, line_number, procedure, coalesce(modifiers, '') AS modifiers, charge, units,
    place_of_service, diagnosis_pointers, service_date, line_control, revenue_code, rendering_npi, ordering_npi,
    referring_npi, supervising_npi, drug_code FROM new_lines
