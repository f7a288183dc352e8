-- One row per decision of a claim, with its place among them
-- claim_number  remittance_id  is_part  in_first  in_last
-- A1            11             false    true      false
-- A1            12             false    false     true
-- D4            31             true     true      true
--
-- A claim that the payer split comes back in parts under numbers of their own; together they are one decision when
-- their charges add up to what was submitted.
WITH running AS (
    SELECT d.claim_number, d.remittance_id, d.payer_claim_number, d.charge, s.charge AS submitted,
        sum(d.charge) OVER earlier AS so_far, count(*) OVER earlier AS place
    FROM decisions d JOIN first_decisions f USING (claim_number) JOIN submission_summary s USING (claim_number)
    JOIN decisions o ON o.remittance_id = f.remittance_id AND o.payer_id IS NOT DISTINCT FROM d.payer_id
    WHERE d.counts AND d.charge < s.charge
    WINDOW earlier AS (PARTITION BY d.claim_number ORDER BY d.known_on, d.remittance_id)),
whole AS (
    SELECT claim_number, min(place) AS parts FROM running WHERE so_far = submitted GROUP BY claim_number),
parts AS (
    SELECT claim_number, list(remittance_id) AS ids FROM running JOIN whole USING (claim_number) WHERE place <= parts
    GROUP BY claim_number HAVING count(DISTINCT payer_claim_number) = count(*))
SELECT d.claim_number, d.remittance_id, coalesce(list_contains(p.ids, d.remittance_id), false) AS is_part,
    d.remittance_id = f.remittance_id
        OR (is_part AND list_contains(p.ids, f.remittance_id)) AS in_first,
    d.remittance_id = f.last_remittance_id
        OR (is_part AND list_contains(p.ids, f.last_remittance_id)) AS in_last
FROM decisions d JOIN first_decisions f USING (claim_number) LEFT JOIN parts p USING (claim_number)
