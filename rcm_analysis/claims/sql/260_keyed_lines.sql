-- Charge and payment of each line, and of the claim itself as line 0; a line that is decided again is known by its key
SELECT l.remittance_id, l.line_number, l.charge, l.paid, l.allowed,
    coalesce(l.line_control, l.procedure || coalesce(l.modifiers, ''), CAST(l.line_number AS VARCHAR)) AS line_key
FROM remittance_lines l JOIN decisions d ON d.remittance_id = l.remittance_id
UNION ALL SELECT remittance_id, 0, charge, paid, NULL, '' FROM decisions
