-- One row per service line sent, with what was known before it was sent
-- claim_number  line_number  sent_on     procedure  modifiers  authorization  new_patient  duplicate
-- A1            1            2026-01-10  70553      ''         no             yes          no
-- A1            1            2026-02-02  70553      26         yes            no           no
-- Z1            1            2026-10-31  99213      25         no             NULL         no
SELECT f.submission_id, f.claim_number, f.line_number, f.sent_on, f.served_on, f.claim_charge,
    f.payer_name, f.filing_code, f.payer_order, f.procedure, f.procedure_family,
    array_to_string(f.modifiers, ' ') AS modifiers,
    array_to_string(list_filter(p.procedures, lambda x: x <> f.procedure), ' ') AS with_procedures, f.units,
        f.charge, f.lines, f.place_of_service,
    f.location, f.rendering_npi, array_to_string(f.diagnoses, ' ') AS diagnoses,
    array_to_string(list_sort(list_distinct(list_transform(f.diagnoses, lambda d: left(d, 3)))), ' ') AS
        diagnosis_chapters,
    CASE WHEN len(list_intersect(f.diagnoses, (SELECT list(code) FROM truncated_codes))) > 0 THEN 'yes' ELSE 'no' END
        AS truncated_diagnosis,
    f.authorization, f.referral, f.frequency, f.days_since_service, f.age, f.sex,
    CASE WHEN t.first_served_on < f.served_on THEN 'no' WHEN t.seen_whole THEN 'yes' END AS new_patient,
    CASE WHEN b.first_claim <> f.claim_number THEN 'yes' ELSE 'no' END AS duplicate,
    CASE WHEN f.days_since_service >= k.least_days THEN 'yes' ELSE 'no' END AS late_for_payer,
    v.days_since_same_procedure, v.same_procedure_in_year,
    f.rendering_provider, f.referring_provider, f.ordering_provider, f.supervising_provider, f.attending_provider,
    f.drug_number, f.ordered_by, f.billing_taxonomy, f.rendering_taxonomy, f.revenue_code, u.units_in_day,
    CASE WHEN g.days_since_surgery IS NOT NULL THEN 'yes' ELSE 'no' END AS global_period, g.days_since_surgery,
    y.therapy_visits, y.therapy_usd,
    CASE WHEN date_diff('day', h.decided_on, f.sent_on) <= getvariable('patient_days') THEN h.situation END AS
        patient_not_covered,
    CASE WHEN q.low <> f.payer_name OR q.high <> f.payer_name THEN 'yes' ELSE 'no' END AS other_payer,
    CASE WHEN date_diff('day', e.decided_on, f.sent_on) <= getvariable('patient_days') THEN e.category END AS
        patient_denied_for,
    nullif(f.origin, '') AS origin, nullif(f.destination, '') AS destination,
    CASE WHEN s1.provider_credentialing_share >= getvariable('credentialing_share') THEN 'yes' ELSE 'no' END
        AS provider_denied_for_credentialing,
    s1.provider_credentialing_share, s2.procedure_denied_share, s3.location_denied_share
FROM line_facts f
JOIN claim_procedures p USING (submission_id)
LEFT JOIN patients t USING (patient_key)
LEFT JOIN services v ON v.patient_key = f.patient_key AND v.procedure = f.procedure AND v.served_on = f.served_on
LEFT JOIN units_in_day u ON u.submission_id = f.submission_id AND u.procedure = f.procedure AND u.served_on = f.served_on
LEFT JOIN after_surgery g ON g.patient_key = f.patient_key AND g.served_on = f.served_on
LEFT JOIN therapy y ON y.patient_key = f.patient_key AND y.discipline = f.discipline AND y.served_on = f.served_on
LEFT JOIN first_billed b ON b.submission_id = f.submission_id AND b.line_number = f.line_number
LEFT JOIN payers_before q ON q.submission_id = f.submission_id
LEFT JOIN provider_credentialing_share s1 ON s1.rendering_npi = f.rendering_npi AND s1.payer_name = f.payer_name
    AND s1.sent_on = f.sent_on
LEFT JOIN procedure_denied_share s2 ON s2.payer_name = f.payer_name AND s2.procedure = f.procedure
    AND s2.sent_on = f.sent_on
LEFT JOIN location_denied_share s3 ON s3.location = f.location AND s3.sent_on = f.sent_on
ASOF LEFT JOIN late_denials k ON k.payer_name = f.payer_name AND f.sent_on > k.decided_on
ASOF LEFT JOIN patient_denials e ON e.patient_key = f.patient_key AND e.payer_name = f.payer_name
    AND f.sent_on > e.decided_on
ASOF LEFT JOIN coverage_denials h ON h.patient_key = f.patient_key AND h.payer_name = f.payer_name
    AND f.sent_on > h.decided_on
WHERE f.is_new = getvariable('is_new') AND f.sent_on BETWEEN getvariable('first_sent_on') AND
    getvariable('last_sent_on')
