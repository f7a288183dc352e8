-- One row per line of a decision, with the key by which it is known when it is decided again
-- remittance_id  line_number  charge  paid   line_key
-- 11             0            250.00  0.00   ''
-- 11             1            250.00  0.00   L1
-- 12             1            120.00  80.00  9921325
--
-- Charge and payment of each line, and of the claim itself as line 0. A line that is decided again is known by its own
-- number where every answer of the claim gives one, else as the first, second, ... line of its procedure: a correction may
-- change the modifiers.
WITH lines AS (
    SELECT l.remittance_id, l.line_number, l.charge, l.paid, l.allowed, l.procedure, l.service_date, l.line_control,
        coalesce(l.billed_procedure, l.procedure) AS billed, bool_and(l.line_control IS NOT NULL) OVER (PARTITION BY d.claim_number) AS numbered
    FROM remittance_lines l JOIN decisions d ON d.remittance_id = l.remittance_id)
SELECT remittance_id, line_number, charge, paid, allowed, procedure, service_date,
    CASE WHEN numbered THEN line_control ELSE coalesce(billed || ' ' || CAST(row_number() OVER (
        PARTITION BY remittance_id, billed ORDER BY line_number) AS VARCHAR), CAST(line_number AS VARCHAR)) END AS line_key
FROM lines
UNION ALL SELECT remittance_id, 0, charge, paid, NULL, NULL, service_date, '' FROM decisions
