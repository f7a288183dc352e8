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
        coalesce(l.billed_procedure, l.procedure) AS billed, coalesce(d.claim_number, '') AS claim_number
    FROM remittance_lines l JOIN decisions d ON d.remittance_id = l.remittance_id),
unnumbered AS (SELECT DISTINCT claim_number FROM lines WHERE line_control IS NULL)
SELECT remittance_id, line_number, charge, paid, allowed, procedure, service_date, line_control AS line_key
FROM lines ANTI JOIN unnumbered USING (claim_number)
UNION ALL
SELECT remittance_id, line_number, charge, paid, allowed, procedure, service_date,
    coalesce(billed || ' ' || CAST(row_number() OVER (PARTITION BY remittance_id, billed ORDER BY line_number) AS VARCHAR), CAST(line_number AS VARCHAR))
FROM lines SEMI JOIN unnumbered USING (claim_number)
UNION ALL SELECT remittance_id, 0, charge, paid, NULL, NULL, service_date, '' FROM decisions
