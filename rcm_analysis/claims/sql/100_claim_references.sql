-- Claim numbers of one episode. A correction names the payer's number of what it corrects (REF F8); an acknowledgment
-- gives the payer's number (REF 1K) under which the remittance may come back with another claim number. A reference
-- that fits several claims links nothing and is kept as ambiguous.
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
payer_numbers AS (
    SELECT payer_claim_number, claim_number FROM remittances
    WHERE payer_claim_number IN (SELECT reference FROM asked)
    UNION SELECT payer_claim_number, claim_number FROM acknowledgments
    WHERE payer_claim_number IN (SELECT reference FROM asked) AND NOT rejected)
SELECT a.claim_number, n.claim_number AS earlier_number, a.reference, a.asked_on, a.rule,
    count(*) OVER (PARTITION BY a.claim_number, a.reference, a.rule) > 1 AS ambiguous
FROM asked a JOIN payer_numbers n ON n.payer_claim_number = a.reference AND n.claim_number <> a.claim_number
