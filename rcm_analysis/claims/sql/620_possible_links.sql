-- One row per pair of claims that may belong together, for a person to judge
-- claim_number  other_number  reason                                                 noticed_on
-- A9            A1            the same services of the same patient on the same day  2026-02-02
-- C5            C1            the reference fits several claims                      2026-03-01
-- D4            NULL          the reference names no known claim                     2026-03-07
--
-- What may belong together, and what may not though one number joins it: listed for a person to judge
-- View: derived when somebody asks
WITH sent AS (
    SELECT claim_number, submission_id, known_on, service_date, charge, patient_key, rendering_npi, payer_name
    FROM submissions),
-- lines are looked at where a patient's day holds several claims of the same charge
marked AS (SELECT claim_number, hash(patient_key, service_date, charge) AS mark FROM sent),
candidates AS (
    SELECT DISTINCT claim_number FROM marked
    WHERE mark IN (SELECT mark FROM marked GROUP BY mark HAVING count(*) > 1)),
again AS (SELECT claim_number FROM sent GROUP BY claim_number HAVING count(*) > 1),
services AS (
    SELECT submission_id, string_agg(coalesce(procedure, '') || ' ' || coalesce(modifiers, ''), ';' ORDER BY procedure, modifiers) AS services
    FROM submission_lines JOIN (SELECT submission_id FROM sent JOIN candidates USING (claim_number)) USING (submission_id)
    GROUP BY submission_id),
firsts AS (
    SELECT * FROM sent JOIN services USING (submission_id)
    QUALIFY row_number() OVER (PARTITION BY claim_number ORDER BY known_on, submission_id) = 1)
SELECT claim_number, earlier_number AS other_number, 'the reference fits several claims' AS reason,
    reference, asked_on AS noticed_on, NULL::DECIMAL(14, 2) AS charge
FROM claim_references WHERE ambiguous
UNION ALL
SELECT s.claim_number, NULL, 'the reference names no known claim', s.original_reference, min(s.known_on), max(s.charge)
FROM submissions s ANTI JOIN remittances r ON r.payer_claim_number = s.original_reference
WHERE s.original_reference IS NOT NULL
    AND s.original_reference NOT IN (SELECT payer_claim_number FROM acknowledgments WHERE payer_claim_number IS NOT NULL)
GROUP BY s.claim_number, s.original_reference
UNION ALL
SELECT b.claim_number, a.claim_number, 'the same services of the same patient on the same day', NULL, b.known_on, b.charge
FROM firsts a JOIN firsts b ON a.patient_key = b.patient_key AND a.service_date = b.service_date
    AND a.charge = b.charge AND a.services = b.services AND a.rendering_npi IS NOT DISTINCT FROM b.rendering_npi
    AND (a.known_on, a.claim_number) < (b.known_on, b.claim_number)
LEFT JOIN claim_links x ON x.own_number = a.claim_number LEFT JOIN claim_links y ON y.own_number = b.claim_number
WHERE coalesce(x.claim_number, a.claim_number) <> coalesce(y.claim_number, b.claim_number)
UNION ALL
SELECT claim_number, NULL, 'one number for different patients', NULL, max(known_on), max(charge)
FROM sent JOIN again USING (claim_number) GROUP BY claim_number
HAVING min(patient_key) <> max(patient_key) AND min(service_date) <> max(service_date)
