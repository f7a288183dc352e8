SELECT submission_id, line_number, procedure, coalesce(modifiers, '') AS modifiers, charge, units, place_of_service,
    diagnosis_pointers, service_date, line_control FROM submission_lines WHERE submission_id NOT IN (SELECT
    submission_id FROM new_claims)
UNION ALL SELECT submission_id, line_number, procedure, coalesce(modifiers, '') AS modifiers, charge, units,
    place_of_service, diagnosis_pointers, service_date, line_control FROM new_lines
