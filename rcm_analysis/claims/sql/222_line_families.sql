-- One row per line of a decision, line 0 among them
-- remittance_id  line_number  procedure  is_mileage  families                     base_line
-- 11             0            NULL       false       imaging                      NULL
-- 15             1            A0429      false       ambulance                    NULL
-- 15             2            A0425      true        ambulance_mileage ambulance  1
--
-- Procedure families of each line; mileage belongs to those of its base too, the claim itself to those of its largest line
WITH lines AS (
    SELECT l.remittance_id, l.line_number, l.procedure, l.modifiers, l.service_date, l.charge, l.paid, coalesce(f.families, '') AS families
    FROM remittance_lines l JOIN decisions d USING (remittance_id) LEFT JOIN families_of_procedures f USING (procedure)),
bases AS (
    SELECT remittance_id, max_by(families, charge) AS families, max_by(line_number, charge) AS line_number FROM lines
    WHERE families LIKE 'ambulance%' AND families NOT LIKE '%ambulance_mileage%' GROUP BY remittance_id)
SELECT l.remittance_id, l.line_number, l.procedure, l.modifiers, l.service_date, l.charge, l.paid,
    l.families LIKE '%ambulance_mileage%' AS is_mileage,
    CASE WHEN l.families LIKE '%ambulance_mileage%' THEN l.families || coalesce(' ' || b.families, '') ELSE l.families END AS families,
    b.line_number AS base_line
FROM lines l LEFT JOIN bases b USING (remittance_id)
UNION ALL
SELECT d.remittance_id, 0, NULL, NULL, d.service_date, d.charge, d.paid, false, coalesce(max_by(l.families, l.charge), ''), NULL
FROM decisions d LEFT JOIN lines l USING (remittance_id) GROUP BY d.remittance_id, d.service_date, d.charge, d.paid
