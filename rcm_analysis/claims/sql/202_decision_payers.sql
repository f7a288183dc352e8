-- One row per decision
-- remittance_id  payer_class  capitated
-- 11             commercial   false
-- 12             commercial   true
-- 14             medicare     false
--
-- Class of the payer of each decision: what the claim said (SBR09), else the answer (CLP06), else what this payer usually is
WITH sent AS (
    SELECT coalesce(k.claim_number, t.claim_number) AS claim_number, coalesce(t.payer_id, t.payer_name, '') AS payer,
        max_by(i.payer_class, t.submission_id) AS payer_class
    FROM submissions t JOIN filing_indicators i USING (filing_code) LEFT JOIN claim_links k ON k.own_number = t.claim_number
    WHERE i.payer_class <> 'other' GROUP BY 1, 2),
capitated AS (
    SELECT DISTINCT coalesce(y.payer_id, y.payer_name, '') AS payer FROM provider_adjustments p JOIN payments y USING (payment_id)
    WHERE p.reason_code = 'CT')
SELECT d.remittance_id, coalesce(s.payer_class, nullif(i.payer_class, 'other'), u.payer_class, i.payer_class, 'other') AS payer_class,
    coalesce(d.filing_code = 'HM', false) OR c.payer IS NOT NULL AS capitated
FROM decisions d
LEFT JOIN sent s ON s.claim_number = d.claim_number AND s.payer = coalesce(d.payer_id, d.payer_name, '')
LEFT JOIN filing_indicators i ON i.filing_code = d.filing_code
LEFT JOIN payer_classes u ON u.payer = coalesce(d.payer_id, d.payer_name, '')
LEFT JOIN capitated c ON c.payer = coalesce(d.payer_id, d.payer_name, '')
