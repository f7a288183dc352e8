-- One row per decision that counts once, of an 835, a listing or the ledger's payments
-- remittance_id  payment_id  claim_number  known_on    charge  paid
-- 11             3           A1            2026-02-01  250.00  180.00
-- 12             NULL        B7            2026-02-03  90.00   0.00
-- -1             NULL        C2            2026-02-09  75.00   60.00
WITH electronic AS (SELECT DISTINCT claim_number FROM remittances WHERE payment_id IS NOT NULL),
listed AS (
    SELECT r.*, row_number() OVER (PARTITION BY r.file_id, floor((r.segment - 1) / getvariable('sheet_rows')),
        r.claim_number, r.known_on
        ORDER BY r.segment) AS occurrence
    FROM remittances r ANTI JOIN electronic USING (claim_number) WHERE r.payment_id IS NULL),
ranked AS (
    SELECT l.*, max(paid) OVER (PARTITION BY claim_number, known_on, occurrence) AS most_paid,
        row_number() OVER (PARTITION BY claim_number, known_on, occurrence
            ORDER BY adjusted DESC, charge DESC, remittance_id) AS place
    FROM listed l),
once AS (
    SELECT r.*, max(most_paid + adjusted) OVER (PARTITION BY claim_number) AS most_told,
        sum(most_paid) OVER (PARTITION BY claim_number) AS paid_in_listings,
        row_number() OVER (PARTITION BY claim_number, known_on ORDER BY occurrence) AS of_day
    FROM ranked r WHERE place = 1),
told AS (SELECT * FROM once WHERE most_paid <> 0 OR adjusted <> 0 OR most_told = 0),
known AS (SELECT DISTINCT claim_number FROM told WHERE paid_in_listings <> 0),
posted AS (
    SELECT l.claim_number, l.known_on, -sum(l.amount) AS paid, min(l.payer_name) AS payer_name
    FROM ledger l ANTI JOIN known USING (claim_number)
    WHERE l.kind = 'payment' AND l.posted_by = 'insurance' AND (SELECT count(*) FROM electronic) = 0
    GROUP BY l.claim_number, l.known_on HAVING sum(l.amount) < 0),
charged AS (
    SELECT claim_number, sum(amount) AS charge, min(service_date) AS service_date FROM ledger
    WHERE kind = 'charge' GROUP BY claim_number),
alone AS (
    SELECT p.*, c.charge, c.service_date, -row_number() OVER (ORDER BY p.claim_number, p.known_on) AS id
    FROM posted p ANTI JOIN told t ON t.claim_number = p.claim_number AND t.known_on = p.known_on
    LEFT JOIN charged c ON c.claim_number = p.claim_number),
nothing AS (SELECT * FROM remittances WHERE false)
SELECT r.file_id, r.known_on, r.remittance_id, r.payment_id, r.segment, r.payer_name, r.payer_id, r.check_number,
    r.claim_number, r.status_code, r.charge, r.paid, r.patient_share, r.filing_code, r.payer_claim_number,
    r.place_of_service, r.frequency, r.drg, r.original_reference, r.patient_key, r.rendering_npi, r.forwarded_to,
    r.service_date, r.service_date_last, r.received_on, r.covered, r.interest, r.lines, r.adjusted FROM remittances
    r WHERE r.payment_id IS NOT NULL
UNION ALL
SELECT t.file_id, t.known_on, t.remittance_id, t.payment_id, t.segment, t.payer_name, t.payer_id, t.check_number,
    t.claim_number, t.status_code, t.charge, CAST(t.most_paid + CASE WHEN t.of_day = 1 THEN coalesce(p.paid, 0) ELSE
    0 END AS DECIMAL(14, 2)) AS paid, t.patient_share, t.filing_code, t.payer_claim_number, t.place_of_service,
    t.frequency, t.drg, t.original_reference, t.patient_key, t.rendering_npi, t.forwarded_to, t.service_date,
    t.service_date_last, t.received_on, t.covered, t.interest, t.lines, t.adjusted
FROM told t LEFT JOIN posted p ON p.claim_number = t.claim_number AND p.known_on = t.known_on
UNION ALL
SELECT n.file_id, a.known_on, CAST(a.id AS BIGINT) AS remittance_id, n.payment_id, n.segment, a.payer_name,
    a.payer_name AS payer_id, CAST(a.known_on AS VARCHAR) AS check_number, a.claim_number, '1' AS status_code,
    CAST(a.charge AS DECIMAL(14, 2)) AS charge, CAST(a.paid AS DECIMAL(14, 2)) AS paid, CAST(0 AS DECIMAL(14, 2)) AS
    patient_share, n.filing_code, n.payer_claim_number, n.place_of_service, n.frequency, n.drg,
    n.original_reference, n.patient_key, n.rendering_npi, n.forwarded_to, a.service_date, n.service_date_last,
    n.received_on, n.covered, n.interest, 0 AS lines, CAST(0 AS DECIMAL(14, 2)) AS adjusted
FROM alone a LEFT JOIN nothing n ON n.claim_number = a.claim_number
