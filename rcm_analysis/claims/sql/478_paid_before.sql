-- One row per refused line whose payer had paid it before, and had not taken it back
-- remittance_id  line_number  paid    patient_share
-- 14             1            80.00   20.00
-- 21             2            35.50   0.00
-- 30             1            118.00  0.00
--
-- What was paid of a line by answers before the one that refuses it: a copy of a paid line is owed nothing
SELECT r.remittance_id, r.line_number, sum(k.paid) AS paid, max(coalesce(a.patient_share, 0)) AS patient_share
FROM (SELECT DISTINCT claim_number, remittance_id, line_number, line_key, decided_on, coalesce(payer_order, 'P') AS payer_order FROM refused_lines) r
JOIN decisions d ON d.claim_number = r.claim_number AND coalesce(d.payer_order, 'P') = r.payer_order AND d.remittance_id <> r.remittance_id
    AND d.known_on <= r.decided_on AND (d.counts OR d.reversal)
JOIN keyed_lines k ON k.remittance_id = d.remittance_id AND k.line_key = r.line_key
LEFT JOIN line_amounts a ON a.remittance_id = k.remittance_id AND a.line_number = k.line_number AND d.counts
GROUP BY r.remittance_id, r.line_number HAVING sum(k.paid) > 0
