-- The same claim payment in two files (sent again, or cut off and sent whole) counts once; payments that are alike
-- within one file are different ones. Few are alike at all, so that only those are put in order.
WITH marked AS (SELECT *, hash(payer_id, check_number, claim_number, payer_claim_number, status_code, charge, paid) AS mark FROM remittances),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY file_id, payer_id, check_number, claim_number, payer_claim_number, status_code, charge, paid ORDER BY segment) AS occurrence FROM marked
    WHERE mark IN (SELECT mark FROM marked GROUP BY mark HAVING count(*) > 1)),
placed AS (
    SELECT remittance_id, row_number() OVER (PARTITION BY payer_id, check_number, claim_number, payer_claim_number, status_code, charge, paid, occurrence ORDER BY remittance_id) AS place
    FROM numbered),
repeated AS (SELECT remittance_id FROM placed WHERE place > 1)
SELECT r.* REPLACE (coalesce(k.claim_number, r.claim_number) AS claim_number), r.claim_number AS own_number,
    s.payer_order, s.counts_as_decision = 'yes' AS counts, r.status_code = '22' AS reversal
FROM remittances r ANTI JOIN repeated USING (remittance_id)
LEFT JOIN claim_links k ON k.own_number = r.claim_number
LEFT JOIN claim_status_codes s USING (status_code)
