-- One row per service line of a decision that counts
-- remittance_id  line_number  procedure  charge  paid   allowed
-- 11             1            70553      250.00  0.00   NULL
-- 12             1            99213      120.00  80.00  100.00
-- 15             0            NULL       300.00  0.00   NULL
--
-- One row per service line of a decision; a claim without lines, or refused as a whole, is its line 0
SELECT d.remittance_id, l.line_number, l.procedure, l.modifiers, l.line_control, l.service_date,
    l.charge, l.paid, l.allowed
FROM decisions d JOIN remittance_lines l USING (remittance_id)
WHERE d.counts
UNION ALL
SELECT d.remittance_id, 0, NULL, NULL, NULL, d.service_date,
    CASE WHEN d.lines = 0 THEN d.charge ELSE a.refused END, d.paid, NULL
FROM decisions d LEFT JOIN line_amounts a ON a.remittance_id = d.remittance_id AND a.line_number = 0
WHERE d.counts AND (d.lines = 0 OR a.refused > 0)
