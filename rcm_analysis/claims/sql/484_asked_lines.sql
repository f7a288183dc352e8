-- One row per service of a line that somebody has to work
-- claim_number  remittance_id  line_number  part  payer  procedure  price_modifiers  is_facility  month  units  charge  rung  price_key
-- A1            11             1            1     77001  99213      ''               false        24315  1.000  150.00  1     77001|99213||false
-- C2            15             0            1     77001  71046      26               true         24316  1.000  40.00   1     77001|71046|26|true
-- C2            15             0            2     77001  J1885      ''               true         24316  NULL   60.00   NULL  NULL
--
-- What is asked of the ladder: the services of each refused or unexplained line, with the first rung that tells a price.
-- A claim refused as a whole is asked for by its own services. Payers pay 0 units of what they refuse: the units are those
-- of the claim, else what the charge is of the practice's usual charge for one.
WITH troubled AS (
    SELECT claim_number, remittance_id, line_number, max(charge) AS charge FROM troubled_lines GROUP BY 1, 2, 3),
placed AS (
    SELECT coalesce(k.claim_number, s.claim_number) AS claim_number, s.place_of_service, s.service_date, l.line_number, l.line_control, coalesce(l.procedure, l.revenue_code) AS procedure,
        l.modifiers, l.units, l.charge,
        row_number() OVER (PARTITION BY coalesce(k.claim_number, s.claim_number), l.line_number ORDER BY s.known_on, s.submission_id) AS place
    FROM submissions s JOIN submission_lines l USING (submission_id) LEFT JOIN claim_links k ON k.own_number = s.claim_number
    WHERE coalesce(k.claim_number, s.claim_number) IN (SELECT claim_number FROM troubled)),
sent AS (SELECT * FROM placed WHERE place = 1),
by_control AS (SELECT claim_number, line_control, max(units) AS units FROM sent WHERE line_control IS NOT NULL GROUP BY 1, 2),
by_procedure AS (SELECT claim_number, procedure, max(units) AS units FROM sent GROUP BY 1, 2),
answered AS (
    SELECT t.claim_number, t.remittance_id, t.line_number, l.line_number AS part, coalesce(l.billed_procedure, l.procedure, l.revenue_code) AS procedure,
        l.modifiers, coalesce(nullif(abs(l.billed_units), 0), c.units, o.units, nullif(abs(l.units), 0), p.units) AS units, abs(l.charge) AS charge, l.service_date
    FROM troubled t
    JOIN remittance_lines l ON l.remittance_id = t.remittance_id AND (l.line_number = t.line_number OR t.line_number = 0)
    LEFT JOIN by_control c ON c.claim_number = t.claim_number AND c.line_control = l.line_control
    LEFT JOIN sent o ON o.claim_number = t.claim_number AND o.line_number = l.line_number AND o.procedure = coalesce(l.billed_procedure, l.procedure, l.revenue_code)
    LEFT JOIN by_procedure p ON p.claim_number = t.claim_number AND p.procedure = coalesce(l.billed_procedure, l.procedure, l.revenue_code)),
whole AS (
    SELECT t.claim_number, t.remittance_id, 0 AS line_number, s.line_number AS part, s.procedure, s.modifiers, s.units, s.charge, s.service_date
    FROM (SELECT * FROM troubled WHERE line_number = 0) t ANTI JOIN answered a ON a.remittance_id = t.remittance_id
    JOIN sent s ON s.claim_number = t.claim_number),
services AS (SELECT * FROM answered UNION ALL SELECT * FROM whole),
every AS (
    SELECT * FROM services
    UNION ALL SELECT t.claim_number, t.remittance_id, t.line_number, 0, NULL, NULL, NULL, t.charge, NULL FROM troubled t
    ANTI JOIN services s ON s.remittance_id = t.remittance_id AND s.line_number = t.line_number),
unit_charges AS (
    SELECT procedure, price_modifiers, sum(charge) / sum(units) AS unit_charge FROM paid_prices WHERE procedure IS NOT NULL GROUP BY 1, 2),
known AS (
    SELECT e.claim_number, e.remittance_id, e.line_number, e.part, coalesce(d.payer_id, d.payer_name, '') AS payer, p.payer_class, e.procedure,
        coalesce(m.price_modifiers, '') AS price_modifiers, list_contains(getvariable('facility_places'), coalesce(d.place_of_service, '')) AS is_facility,
        year(coalesce(e.service_date, d.service_date, d.known_on)) * 12 + month(coalesce(e.service_date, d.service_date, d.known_on)) AS month,
        e.units AS told_units, e.charge
    FROM every e JOIN decisions d ON d.remittance_id = e.remittance_id JOIN decision_payers p ON p.remittance_id = e.remittance_id
    LEFT JOIN price_modifiers_of m ON m.modifiers = e.modifiers),
keyed AS (
    SELECT k.*, coalesce(k.told_units, greatest(1, round(k.charge / u.unit_charge)), 1) AS units,
        k.payer || '|' || k.procedure || '|' || k.price_modifiers || '|' || CAST(k.is_facility AS VARCHAR) AS key_1,
        k.payer || '|' || k.procedure || '|' || k.price_modifiers AS key_2,
        k.payer_class || '|' || k.procedure || '|' || k.price_modifiers AS key_3, k.procedure || '|' || k.price_modifiers AS key_4
    FROM known k LEFT JOIN unit_charges u ON u.procedure = k.procedure AND u.price_modifiers = k.price_modifiers),
rungs AS (SELECT DISTINCT rung, price_key FROM price_rungs)
SELECT k.claim_number, k.remittance_id, k.line_number, k.part, k.payer, k.procedure, k.price_modifiers, k.is_facility, k.month,
    CAST(k.units AS DECIMAL(15, 3)) AS units, k.charge, coalesce(a.rung, b.rung, c.rung, e.rung) AS rung,
    coalesce(a.price_key, b.price_key, c.price_key, e.price_key) AS price_key
FROM keyed k
LEFT JOIN rungs a ON a.rung = 1 AND a.price_key = k.key_1
LEFT JOIN rungs b ON b.rung = 2 AND b.price_key = k.key_2
LEFT JOIN rungs c ON c.rung = 3 AND c.price_key = k.key_3
LEFT JOIN rungs e ON e.rung = 4 AND e.price_key = k.key_4
