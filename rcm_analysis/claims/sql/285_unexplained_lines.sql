-- One row per line of an answer that paid nothing and told no reason
-- claim_number  remittance_id  line_number  charge  decided_on  amount
-- A1            11             2            160.00  2026-02-01  160.00
-- B7            14             1            80.00   2026-02-03  60.00
-- D4            31             0            90.00   2026-03-07  90.00
--
-- Lines of an electronic answer that were paid nothing and whose charge no reason explains: no adjustment at all, or a
-- "contract cut" of the whole charge. Somebody has to ask the payer.
SELECT d.claim_number, d.remittance_id, l.line_number, k.line_key, l.procedure, l.modifiers, l.charge, d.known_on AS decided_on,
    CAST(l.charge - coalesce(a.patient_owes, 0) - coalesce(a.prior_payer, 0) - coalesce(a.capitated, 0) - coalesce(a.lifted, 0)
        - CASE WHEN a.contractual >= l.charge THEN 0 ELSE coalesce(a.contractual, 0) END AS DECIMAL(14, 2)) AS amount
FROM decided_lines l
JOIN decisions d USING (remittance_id)
JOIN keyed_lines k ON k.remittance_id = l.remittance_id AND k.line_number = l.line_number
LEFT JOIN line_amounts a ON a.remittance_id = l.remittance_id AND a.line_number = l.line_number
LEFT JOIN line_amounts c ON c.remittance_id = l.remittance_id AND c.line_number = 0 AND l.line_number > 0
WHERE d.payment_id IS NOT NULL AND NOT d.reversal AND coalesce(d.payer_order, 'P') = 'P' AND l.charge > 0 AND l.paid <= 0
    AND coalesce(a.refused, 0) = 0 AND coalesce(a.pending, 0) = 0 AND c.remittance_id IS NULL AND coalesce(d.patient_share, 0) < d.charge
    AND l.charge - coalesce(a.patient_owes, 0) - coalesce(a.prior_payer, 0) - coalesce(a.capitated, 0) - coalesce(a.lifted, 0)
        - CASE WHEN a.contractual >= l.charge THEN 0 ELSE coalesce(a.contractual, 0) END > 0
