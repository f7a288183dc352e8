-- One row per payer as the ledger names it
-- ledger_name  payer_name  payer_id
-- Acme PPO     ACME        77001
-- ACME HMO     ACME        77001
-- Unison       UNISON      80314
--
-- The practice's name of a payer -> the name in the EDI, by the claims that both name
SELECT ledger_name, max_by(payer_name, (claims, payer_name)) AS payer_name, max_by(payer_id, (claims, payer_name)) AS payer_id FROM (
    SELECT l.payer_name AS ledger_name, s.payer_name, s.payer_id, count(*) AS claims
    FROM ledger_summary l JOIN submission_summary s USING (claim_number)
    WHERE l.payer_name IS NOT NULL AND s.payer_name IS NOT NULL GROUP BY 1, 2, 3)
GROUP BY ledger_name
