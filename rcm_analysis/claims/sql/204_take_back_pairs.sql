-- One row per payment that the payer reversed, with what it paid in its place
-- claim_number  paid_remittance_id  reversal_id  new_remittance_id  taken_back_on  amount  paid_less
-- A1            12                  18           NULL               2026-07-01     180.00  false
-- B7            14                  19           20                 2026-07-03     15.00   true
-- C2            15                  21           NULL               2026-08-09     60.00   false
--
-- A payment that the payer reversed, with what it paid in its place at once. What the practice itself caused (a voided or
-- replaced claim, an appeal) and what was paid no less is a correction and not in here.
WITH payments AS (
    SELECT d.remittance_id, d.claim_number, coalesce(d.payer_id, d.payer_name, '') AS payer, d.paid, d.known_on, d.payer_claim_number
    FROM decisions d WHERE d.counts AND d.paid > 0),
reversals AS (
    SELECT d.*, coalesce(d.payer_id, d.payer_name, '') AS payer, -d.paid AS reversed FROM decisions d WHERE d.reversal AND d.paid < 0),
paired AS (
    SELECT r.remittance_id, max_by(p.remittance_id, (p.paid = r.reversed, p.known_on, p.remittance_id)) AS paid_remittance_id
    FROM reversals r JOIN payments p ON p.claim_number = r.claim_number AND p.payer = r.payer AND p.known_on <= r.known_on
    GROUP BY r.remittance_id),
answers AS (
    SELECT r.remittance_id, min_by(n.remittance_id, n.remittance_id) AS new_remittance_id, min_by(n.paid, n.remittance_id) AS new_paid
    FROM reversals r JOIN decisions n ON n.claim_number = r.claim_number AND coalesce(n.payer_id, n.payer_name, '') = r.payer
        AND n.counts AND n.known_on = r.known_on AND (n.file_id <> r.file_id OR n.remittance_id > r.remittance_id)
    GROUP BY r.remittance_id),
own AS (
    SELECT DISTINCT remittance_id FROM remarks WHERE rarc IN ('N690', 'N691', 'N693', 'N694')),
told AS (
    SELECT m.remittance_id, string_agg(DISTINCT m.rarc, ' ' ORDER BY m.rarc) AS rarcs FROM remarks m
    JOIN reversals r USING (remittance_id) GROUP BY m.remittance_id),
replaced AS (
    SELECT r.remittance_id FROM reversals r JOIN paired x USING (remittance_id) JOIN payments p ON p.remittance_id = x.paid_remittance_id
    JOIN submissions s ON s.claim_number = r.claim_number AND s.frequency IN ('7', '8') AND s.known_on BETWEEN p.known_on AND r.known_on
    GROUP BY r.remittance_id)
SELECT r.claim_number, r.payer, r.payer_name, r.remittance_id AS reversal_id, x.paid_remittance_id, a.new_remittance_id,
    p.known_on AS paid_on, r.known_on AS taken_back_on, p.payer_claim_number, t.rarcs,
    CAST(r.reversed - coalesce(a.new_paid, 0) AS DECIMAL(14, 2)) AS amount, coalesce(a.new_paid, 0) > 0 AS paid_less
FROM reversals r JOIN paired x USING (remittance_id) JOIN payments p ON p.remittance_id = x.paid_remittance_id
LEFT JOIN answers a ON a.remittance_id = r.remittance_id LEFT JOIN told t ON t.remittance_id = r.remittance_id
ANTI JOIN own o ON o.remittance_id = r.remittance_id
ANTI JOIN replaced q ON q.remittance_id = r.remittance_id
WHERE r.reversed > coalesce(a.new_paid, 0)
