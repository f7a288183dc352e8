-- Statuses of claims, and of whole files or providers whose claims were turned away without being named
WITH unnamed AS (
    SELECT b.known_on, b.segment, s.claim_number, b.source, b.source_name, b.category, b.status_code, s.charge
    FROM batch_acknowledgments b JOIN submissions s ON s.batch_number = b.batch_number
        AND s.known_on <= b.known_on AND (b.level = 'file' OR s.billing_npi = b.provider_npi)
    LEFT JOIN acknowledgments a ON a.file_id = b.file_id AND a.claim_number = s.claim_number
    WHERE b.rejected AND a.claim_number IS NULL),
every AS (
    SELECT known_on, segment, claim_number, source, source_name, category, status_code, charge, payer_claim_number,
        rejected FROM acknowledgments
    UNION ALL
    SELECT known_on, segment, claim_number, source, source_name, category, status_code, charge, NULL, true
    FROM unnamed)
SELECT e.* EXCLUDE (claim_number), coalesce(k.claim_number, e.claim_number) AS claim_number,
    e.claim_number AS own_number
FROM every e LEFT JOIN claim_links k ON k.own_number = e.claim_number
