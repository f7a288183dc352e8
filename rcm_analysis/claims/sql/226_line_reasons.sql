-- One row per adjustment of a decision, with the combination that tells its meaning
-- remittance_id  line_number  group_code  carc  amount  payer_class  meant_carc  rarcs  families           place
-- 11             1            CO          197   200.00  commercial   197         ''     imaging            11
-- 15             1            CO          50    780.00  medicare     50          N115   ambulance          41
-- 15             2            CO          B15   90.00   medicare     50          N115   ambulance_mileage  41
--
-- Each adjustment of a decision with the combination that tells what it means. Mileage that falls with its base (B15, or any
-- refusal as a part of it) means what the base's refusal means.
WITH keyed AS (
    SELECT a.*, p.payer_class, coalesce(m.telling, '') || CASE WHEN a.line_number > 0 AND n.telling IS NOT NULL THEN ' ' || n.telling ELSE '' END AS rarcs,
        coalesce(f.families, '') AS families, coalesce(d.place_of_service, '') AS place, coalesce(x.facts, '') AS facts, f.is_mileage, f.base_line
    FROM adjustment_classes a JOIN decisions d USING (remittance_id) JOIN decision_payers p USING (remittance_id)
    LEFT JOIN line_families f ON f.remittance_id = a.remittance_id AND f.line_number = a.line_number
    LEFT JOIN answer_facts x ON x.remittance_id = a.remittance_id AND x.line_number = a.line_number
    LEFT JOIN line_remarks m ON m.remittance_id = a.remittance_id AND m.line_number = a.line_number
    LEFT JOIN line_remarks n ON n.remittance_id = a.remittance_id AND n.line_number = 0),
bases AS (
    SELECT remittance_id, line_number, max_by(carc, (amount, -position)) AS carc, max_by(rarcs, (amount, -position)) AS rarcs,
        max_by(families, (amount, -position)) AS families,
        max_by(facts, (amount, -position)) AS facts
    FROM keyed WHERE class IN ('denial', 'bundling', 'coordination', 'duplicate') AND amount > 0 GROUP BY remittance_id, line_number)
SELECT k.remittance_id, k.line_number, k.group_code, k.carc, k.amount, k.position, k.payer_class,
    coalesce(b.carc, k.carc) AS meant_carc, trim(coalesce(b.rarcs, k.rarcs)) AS rarcs, coalesce(b.families, k.families) AS families,
    k.place, coalesce(b.facts, k.facts) AS facts
FROM keyed k LEFT JOIN bases b ON b.remittance_id = k.remittance_id AND b.line_number = k.base_line AND k.is_mileage AND k.carc = 'B15'
