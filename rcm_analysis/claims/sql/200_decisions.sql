-- One row per decision of a payer, repetitions left out, under the number of its episode
-- remittance_id  claim_number  own_number  status_code  paid    counts  reversal
-- 11             A1            A1          4            0.00    true    false
-- 12             A1            A2          1            180.00  true    false
-- 13             B7            B7          22           -60.00  false   true
--
-- The same claim payment in two files (sent again, cut off and sent whole, from the payer and from the clearinghouse)
-- counts once; payments that are alike within one file are different ones. Routes pad and punctuate the trace number,
-- and some leave the payer's number out; one that gives a trace number of its own is told by the day and the payer's
-- number of the claim. Few are alike at all, so that only those are put in order.
WITH marked AS (
    SELECT *, coalesce(payer_claim_number, payer_id) AS payers_number,
        hash(claim_number, coalesce(payer_claim_number, payer_id), status_code, charge, paid) AS mark FROM remittances),
alike AS (
    SELECT *, ltrim(replace(replace(upper(check_number), '-', ''), ' ', ''), '0') AS trace
    FROM marked WHERE mark IN (SELECT mark FROM marked GROUP BY mark HAVING count(*) > 1)),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY file_id, trace, claim_number, payers_number, status_code, charge, paid ORDER BY segment) AS occurrence
    FROM alike),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY trace, claim_number, payers_number, status_code, charge, paid, occurrence
        ORDER BY payer_id IS NULL, remittance_id) AS place
    FROM numbered),
of_day AS (
    SELECT *, row_number() OVER (PARTITION BY file_id, known_on, claim_number, payer_claim_number, status_code, charge, paid ORDER BY segment) AS of_file
    FROM placed WHERE place = 1 AND payer_claim_number IS NOT NULL),
placed_of_day AS (
    SELECT remittance_id, row_number() OVER (PARTITION BY known_on, claim_number, payer_claim_number, status_code, charge, paid, of_file
        ORDER BY payer_id IS NULL, remittance_id) AS place
    FROM of_day),
repeated AS (
    SELECT remittance_id FROM placed WHERE place > 1 UNION ALL SELECT remittance_id FROM placed_of_day WHERE place > 1),
-- an answer that leaves the whole charge in work decides nothing
pended AS (
    SELECT a.remittance_id FROM adjustments a JOIN carc c USING (carc) JOIN remittances r USING (remittance_id)
    WHERE c.class = 'pending' AND r.paid = 0
    GROUP BY a.remittance_id HAVING sum(a.amount) >= max(r.charge) AND max(r.charge) > 0)
-- A status that is missing or none of the guide's hides no payment: amounts tell, and a negative charge is a reversal
SELECT r.* REPLACE (coalesce(k.claim_number, r.claim_number) AS claim_number), r.claim_number AS own_number,
    nullif(s.payer_order, '') AS payer_order,
    coalesce(s.counts_as_decision = 'yes', r.charge >= 0, true) AND p.remittance_id IS NULL AS counts,
    coalesce(r.status_code = '22', false) OR (s.status_code IS NULL AND r.charge < 0) AS reversal,
    coalesce(s.forwarded = 'yes' AND s.counts_as_decision = 'no', false) AS not_ours,
    p.remittance_id IS NOT NULL OR coalesce(s.pended = 'yes', false) AS pended
FROM remittances r ANTI JOIN repeated USING (remittance_id)
LEFT JOIN pended p ON p.remittance_id = r.remittance_id
LEFT JOIN claim_links k ON k.own_number = r.claim_number
LEFT JOIN claim_status_codes s ON s.status_code = r.status_code
