-- One row per claim that was decided
-- claim_number  allowed  patient_share  contractual  settled
-- A1            200.00   20.00          50.00        50.00
-- B7            75.00    15.00          15.00        15.00
-- C2            NULL     0.00           0.00         0.00
WITH per_payer AS (
    SELECT l.claim_number, l.payer_order, sum(coalesce(a.prior_payer, 0)) AS prior_payer,
        -- CLP05 where it is more than the PR amounts, in the decision that alone stands
        greatest(sum(coalesce(a.patient_owes, 0)), CASE WHEN count(DISTINCT l.remittance_id) = 1 THEN coalesce(max(d.patient_share), 0) ELSE 0 END) AS patient_share
    FROM standing_lines l JOIN decisions d ON d.remittance_id = l.remittance_id LEFT JOIN line_amounts a ON a.remittance_id = l.remittance_id AND a.line_number = l.line_number
    GROUP BY l.claim_number, l.payer_order),
allowed AS (
    SELECT claim_number, sum(allowed) AS allowed FROM standing_lines WHERE payer_order = 'P' GROUP BY claim_number),
-- a "contract cut" of the whole charge with nothing paid is a refusal without a reason: it leaves the line open
cuts AS (
    SELECT d.claim_number, coalesce(d.payer_order, 'P') AS payer_order, l.line_key, t.remittance_id AS part,
        max(a.contractual) AS contractual,
        max(CASE WHEN a.contractual >= l.charge AND l.paid <= 0 THEN 0 ELSE a.contractual END) + max(a.capitated) AS agreed
    FROM decisions d JOIN line_amounts a USING (remittance_id)
    LEFT JOIN (SELECT remittance_id FROM decision_parts WHERE is_part) t ON t.remittance_id = d.remittance_id
    JOIN keyed_lines l ON l.remittance_id = a.remittance_id AND l.line_number = a.line_number
    WHERE d.counts GROUP BY 1, 2, 3, 4),
cut AS (
    SELECT claim_number, sum(contractual) AS contractual, sum(agreed) AS agreed FROM cuts GROUP BY claim_number),
standing_refusals AS (
    SELECT l.claim_number, l.payer_order, least(a.refused, k.charge) AS refused FROM standing_lines l
    JOIN line_amounts a ON a.remittance_id = l.remittance_id AND a.line_number = l.line_number
    JOIN keyed_lines k ON k.remittance_id = l.remittance_id AND k.line_number = l.line_number
    WHERE a.refused > 0 AND k.paid <= 0),
-- what a later payer calls settled by an earlier one, beyond what the earlier one's own decisions tell
settled_before AS (
    SELECT claim_number, max(prior_payer - told) AS settled FROM (
        SELECT o.claim_number, o.payer_order, o.prior_payer,
            sum(CASE WHEN e.payer_order < o.payer_order THEN e.amount ELSE 0 END) AS told
        FROM (SELECT * FROM per_payer WHERE prior_payer > 0) o
        LEFT JOIN (
            SELECT claim_number, coalesce(payer_order, 'P') AS payer_order, paid AS amount FROM decisions
            UNION ALL SELECT claim_number, payer_order, agreed FROM cuts
            -- what an earlier payer denied stays denied, though the next one calls it settled
            UNION ALL SELECT claim_number, payer_order, refused FROM standing_refusals) e ON e.claim_number = o.claim_number
        GROUP BY 1, 2, 3)
    GROUP BY claim_number)
SELECT p.claim_number, max(a.allowed) AS allowed,
    min_by(p.patient_share, CASE p.payer_order WHEN 'T' THEN 0 WHEN 'S' THEN 1 ELSE 2 END) AS patient_share,
    max(g.contractual) AS contractual, max(g.agreed) + greatest(coalesce(max(b.settled), 0), 0) AS settled
FROM per_payer p LEFT JOIN allowed a USING (claim_number) LEFT JOIN cut g USING (claim_number)
LEFT JOIN settled_before b USING (claim_number)
GROUP BY p.claim_number
