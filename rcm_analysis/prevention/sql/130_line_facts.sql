-- One row per service line sent, with what its claim says
-- submission_id  line_number  sent_on     is_new  procedure  authorization  days_since_service  diagnoses
-- 41             1            2026-01-10  false   70553      no             4                   [M5450]
-- 57             1            2026-02-02  false   70553      yes            27                  [M5450]
-- -1             1            2026-10-31  true    99213      no             2                   [E119, I10]
SELECT l.submission_id, l.line_number, c.claim_number, c.sent_on, c.is_new, c.payer_name, c.payer_order,
    c.filing_code, coalesce(l.rendering_npi, c.rendering_npi) AS rendering_npi, c.location, c.frequency, c.age, c.sex, c.lines, c.patient_key, l.line_control,
    CAST(c.charge AS DOUBLE) AS claim_charge, CAST(l.charge AS DOUBLE) AS charge, CAST(l.units AS DOUBLE) AS units,
    coalesce(l.place_of_service, c.place_of_service) AS place_of_service,
    l.procedure, left(l.procedure, 3) AS procedure_family, l.modifiers AS modifier_text,
    list_filter(string_split(l.modifiers, ' '), lambda m: m <> '') AS modifiers,
    CASE WHEN c.prior_authorization IS NULL THEN 'no' ELSE 'yes' END AS authorization,
    CASE WHEN c.referral IS NULL THEN 'no' ELSE 'yes' END AS referral,
    l.revenue_code, c.billing_taxonomy, c.rendering_taxonomy, coalesce(l.ordering_npi, l.referring_npi, c.referring_npi) AS
        ordered_by,
    -- a listing tells none of these; a rendering provider not named is the billing provider
    CASE WHEN c.kind = 'listing' THEN NULL WHEN coalesce(l.rendering_npi, c.rendering_npi) <> c.billing_npi THEN 'yes'
        ELSE 'no' END AS rendering_provider,
    CASE WHEN c.kind = 'listing' THEN NULL WHEN coalesce(l.referring_npi, c.referring_npi) IS NULL THEN 'no' ELSE 'yes' END AS
        referring_provider,
    CASE WHEN c.kind = 'listing' THEN NULL WHEN l.ordering_npi IS NULL THEN 'no' ELSE 'yes' END AS ordering_provider,
    CASE WHEN c.kind = 'listing' THEN NULL WHEN coalesce(l.supervising_npi, c.supervising_npi) IS NULL THEN 'no' ELSE 'yes' END AS
        supervising_provider,
    CASE WHEN c.kind <> '837I' THEN NULL WHEN c.attending_npi IS NULL THEN 'no' ELSE 'yes' END AS attending_provider,
    CASE WHEN c.kind = 'listing' THEN NULL WHEN l.drug_code IS NULL THEN 'no' ELSE 'yes' END AS drug_number,
    nullif(regexp_extract(l.modifiers, '\b(G[NOP])\b', 1), '') AS discipline,
    coalesce(l.service_date, c.service_date) AS served_on,
    date_diff('day', coalesce(l.service_date, c.service_date), c.sent_on) AS days_since_service,
    list_filter(list_transform(string_split(coalesce(l.diagnosis_pointers, '1'), ' '),
        lambda p: string_split(c.diagnoses, ' ')[TRY_CAST(p AS INTEGER)]), lambda d: d IS NOT NULL) AS diagnoses,
    CASE WHEN l.procedure LIKE 'A0%' THEN
        regexp_extract(l.modifiers, '\b([DEGHIJNPRSX])([DEGHIJNPRSX])\b', 1) END AS origin,
    CASE WHEN l.procedure LIKE 'A0%' THEN
        regexp_extract(l.modifiers, '\b([DEGHIJNPRSX])([DEGHIJNPRSX])\b', 2) END AS destination
FROM sent_lines l JOIN sent_claims c USING (submission_id)
