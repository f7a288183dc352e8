-- One row per answered line of a claim, all its answers together
-- claim_number  line_key  charge  paid    first_on    last_on     was_refused  is_refused  stands_reversed
-- A1            L1        250.00  180.00  2026-02-01  2026-03-04  true         false       false
-- B7            L2        35.00   0.00    2026-02-03  2026-02-03  true         true        false
-- E1            L1        60.00   0.00    2026-01-20  2026-07-01  false        false       true
--
-- Each answered line of a claim: what it was paid in all, and what its latest answer says. A later answer that only refuses a
-- copy says nothing of the line.
WITH copies AS (
    SELECT remittance_id FROM classified_adjustments WHERE refuses AND amount > 0
    GROUP BY remittance_id HAVING bool_and(category = 'duplicate')),
refused AS (SELECT DISTINCT remittance_id, line_number FROM refused_lines WHERE NOT is_partial),
answers AS (
    SELECT d.claim_number, k.line_key, d.remittance_id, l.line_number, d.known_on, coalesce(d.payer_order, 'P') AS payer_order, l.procedure, l.charge,
        l.paid, r.remittance_id IS NOT NULL AS refused, x.remittance_id IS NOT NULL AS unexplained, coalesce(a.patient_owes, 0) AS patient_owes,
        coalesce(a.capitated, 0) > 0 AS capitated, coalesce(a.pending, 0) > 0 AND l.paid <= 0 AS pending, c.remittance_id IS NOT NULL AND d.paid <= 0 AS is_copy
    FROM decided_lines l JOIN decisions d USING (remittance_id)
    JOIN keyed_lines k ON k.remittance_id = l.remittance_id AND k.line_number = l.line_number
    LEFT JOIN refused r ON r.remittance_id = l.remittance_id AND r.line_number = l.line_number
    LEFT JOIN unexplained_lines x ON x.remittance_id = l.remittance_id AND x.line_number = l.line_number
    LEFT JOIN line_amounts a ON a.remittance_id = l.remittance_id AND a.line_number = l.line_number
    LEFT JOIN copies c ON c.remittance_id = l.remittance_id
    WHERE l.charge > 0),
-- a claim refused as a whole is answered as a whole by whatever comes later
whole AS (
    SELECT d.claim_number, '' AS line_key, d.remittance_id, 0 AS line_number, max(d.known_on) AS known_on, max(a.payer_order) AS payer_order,
        NULL AS procedure, max(d.charge) AS charge, max(d.paid) AS paid, bool_and(a.refused) AS refused, bool_and(a.unexplained) AS unexplained,
        sum(a.patient_owes) AS patient_owes, bool_or(a.capitated) AS capitated, bool_and(a.pending) AS pending, bool_or(a.is_copy) AS is_copy
    FROM answers a JOIN decisions d USING (remittance_id)
    WHERE a.claim_number IN (SELECT claim_number FROM answers WHERE line_number = 0 AND refused)
    GROUP BY d.claim_number, d.remittance_id HAVING min(a.line_number) > 0),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY claim_number, line_key ORDER BY NOT is_copy, known_on, remittance_id) AS place
    FROM (SELECT * FROM answers UNION ALL SELECT * FROM whole)),
reversed AS (
    SELECT d.claim_number, k.line_key, sum(k.paid) AS paid, max(d.known_on) AS known_on FROM decisions d JOIN keyed_lines k USING (remittance_id)
    WHERE d.reversal AND (k.line_number > 0 OR d.lines = 0) GROUP BY 1, 2),
lives AS (
    SELECT claim_number, line_key, min_by(line_number, place) AS line_number, min_by(procedure, place) AS procedure, min_by(charge, place) AS charge,
        sum(paid) AS paid, min(known_on) AS first_on, max(known_on) AS last_on, bool_or(refused) AS was_refused,
        bool_or(unexplained) AS was_unexplained, max_by(refused, place) AS is_refused, max_by(unexplained, place) AS is_unexplained,
        max_by(patient_owes, place) AS patient_owes, bool_or(capitated) AS capitated, max_by(pending, place) AS pending,
        max_by(payer_order, place) AS payer_order, max_by(remittance_id, place) AS remittance_id, max_by(line_number, place) AS last_line_number,
        max(CASE WHEN paid > 0 THEN known_on END) AS paid_on, max(CASE WHEN refused THEN known_on END) AS refused_on,
        max(CASE WHEN paid > 0 THEN place ELSE 0 END) > max(CASE WHEN refused THEN place ELSE 0 END) AS paid_after
    FROM placed GROUP BY claim_number, line_key)
SELECT l.* REPLACE (l.paid + coalesce(r.paid, 0) AS paid), r.paid IS NOT NULL AS was_reversed, r.known_on AS reversed_on,
    coalesce(r.known_on >= l.last_on AND l.paid + r.paid <= 0, false) AS stands_reversed
FROM lives l LEFT JOIN reversed r ON r.claim_number = l.claim_number AND r.line_key = l.line_key
