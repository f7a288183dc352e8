-- One row per pair of claim numbers that a payer's number joins
-- claim_number  earlier_number  reference  rule                 ambiguous
-- A2            A1              PCN77      payer_claim_number   false
-- X9            B7              PCN81      acknowledged_number  false
-- C5            C1              PCN90      payer_claim_number   true
--
-- Claim numbers of one episode. A correction names the payer's number of what it corrects (REF F8); an acknowledgment
-- gives the payer's number (REF 1K) under which the remittance may come back with another claim number. A remittance with
-- a number that was never sent (cut, or none at all) belongs to the one unanswered claim of the same member, day and
-- charge whose line number (REF 6R) it repeats. A reference that fits several claims links nothing and is kept as
-- ambiguous.
WITH asked AS (
    SELECT claim_number, original_reference AS reference, min(known_on) AS asked_on, 'payer_claim_number' AS rule
    FROM submissions WHERE original_reference IS NOT NULL GROUP BY 1, 2
    UNION ALL
    SELECT claim_number, original_reference, min(known_on), 'payer_claim_number'
    FROM remittances WHERE original_reference IS NOT NULL GROUP BY 1, 2
    UNION ALL
    SELECT r.claim_number, r.payer_claim_number, min(r.known_on), 'acknowledged_number'
    FROM remittances r ANTI JOIN submissions s USING (claim_number)
    WHERE r.payer_claim_number IS NOT NULL GROUP BY 1, 2),
strange AS (
    SELECT r.remittance_id, r.claim_number, r.known_on, r.patient_key, r.service_date, r.charge
    FROM remittances r ANTI JOIN submissions s USING (claim_number) WHERE r.patient_key IS NOT NULL AND r.service_date IS NOT NULL),
unanswered AS (
    SELECT s.submission_id, s.claim_number, s.patient_key, s.service_date, s.charge
    FROM submissions s ANTI JOIN remittances r USING (claim_number)),
same_lines AS (
    SELECT x.claim_number, u.claim_number AS earlier_number, min(l.line_control) AS reference, min(x.known_on) AS asked_on
    FROM strange x JOIN unanswered u ON u.patient_key = x.patient_key AND u.service_date = x.service_date AND u.charge = x.charge
    JOIN remittance_lines l ON l.remittance_id = x.remittance_id
    JOIN submission_lines t ON t.submission_id = u.submission_id AND t.line_control = l.line_control
    GROUP BY x.claim_number, u.claim_number),
payer_numbers AS (
    SELECT payer_claim_number, claim_number FROM remittances
    WHERE payer_claim_number IN (SELECT reference FROM asked)
    UNION SELECT payer_claim_number, claim_number FROM acknowledgments
    WHERE payer_claim_number IN (SELECT reference FROM asked) AND NOT rejected)
SELECT a.claim_number, n.claim_number AS earlier_number, a.reference, a.asked_on, a.rule,
    count(*) OVER (PARTITION BY a.claim_number, a.reference, a.rule) > 1 AS ambiguous
FROM asked a JOIN payer_numbers n ON n.payer_claim_number = a.reference AND n.claim_number <> a.claim_number
UNION ALL
SELECT claim_number, earlier_number, reference, asked_on, 'same_lines', count(*) OVER (PARTITION BY claim_number) > 1 FROM same_lines
