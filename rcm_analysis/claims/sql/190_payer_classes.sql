-- One row per payer that claims or answers give a filing code
-- payer   payer_class
-- 77001   commercial
-- 15202   medicare
-- UNISON  medicaid
--
-- The class of each payer by the filing codes that claims and answers name most for it: a fallback for those that name none
WITH named AS (
    SELECT payer_id, payer_name, filing_code FROM submissions WHERE filing_code IS NOT NULL
    UNION ALL SELECT payer_id, payer_name, filing_code FROM remittances WHERE filing_code IS NOT NULL),
counted AS (
    SELECT coalesce(n.payer_id, n.payer_name, '') AS payer, i.payer_class, count(*) AS claims
    FROM named n JOIN filing_indicators i USING (filing_code) WHERE i.payer_class <> 'other' GROUP BY 1, 2)
SELECT payer, max_by(payer_class, (claims, payer_class)) AS payer_class FROM counted GROUP BY payer
