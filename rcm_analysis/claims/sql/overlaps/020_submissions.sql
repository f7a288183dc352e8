-- One row per claim that was sent, of listings the one of a day that tells most
-- submission_id  kind     claim_number  known_on    charge
-- 41             837P     A1            2026-01-10  250.00
-- 57             837P     A1            2026-02-02  250.00
-- 93             listing  B7            2026-01-12  90.00
WITH electronic AS (SELECT DISTINCT claim_number FROM submissions WHERE kind <> 'listing'),
listed AS (
    SELECT s.*, row_number() OVER (PARTITION BY s.claim_number, s.known_on, s.payer_id
        ORDER BY s.charge DESC, s.submission_id) AS place
    FROM submissions s ANTI JOIN electronic USING (claim_number) WHERE s.kind = 'listing')
SELECT s.file_id, s.known_on, s.submission_id, s.segment, s.batch_number, s.kind, s.claim_number, s.charge,
    s.place_of_service, s.frequency, s.original_reference, s.prior_authorization, s.referral, s.payer_order,
    s.filing_code, s.payer_name, s.payer_id, s.billing_npi, s.rendering_npi, s.facility_npi, s.location,
    s.patient_key, s.age, s.sex, s.diagnoses, s.service_date, s.service_date_last, s.prior_paid, s.lines,
    s.interchange_control, s.group_control, s.transaction_control, s.referring_npi, s.supervising_npi,
    s.attending_npi, s.billing_taxonomy, s.rendering_taxonomy FROM submissions s WHERE s.kind <> 'listing'
UNION ALL
SELECT l.file_id, l.known_on, l.submission_id, l.segment, l.batch_number, l.kind, l.claim_number, l.charge,
    l.place_of_service, l.frequency, l.original_reference, l.prior_authorization, l.referral, l.payer_order,
    l.filing_code, l.payer_name, l.payer_id, l.billing_npi, l.rendering_npi, l.facility_npi, l.location,
    l.patient_key, l.age, l.sex, l.diagnoses, l.service_date, l.service_date_last, l.prior_paid, l.lines,
    l.interchange_control, l.group_control, l.transaction_control, l.referring_npi, l.supervising_npi,
    l.attending_npi, l.billing_taxonomy, l.rendering_taxonomy FROM listed l WHERE l.place = 1
