-- One row per claim number that belongs to an episode under another
-- own_number  claim_number  rule
-- A2          A1            payer_claim_number
-- A3          A1            payer_claim_number
-- X9          B7            acknowledged_number
WITH RECURSIVE parents AS (
    SELECT claim_number, min(earlier_number) AS earlier_number, min(rule) AS rule FROM claim_references
    WHERE NOT ambiguous GROUP BY claim_number HAVING count(DISTINCT earlier_number) = 1),
walk AS (
    SELECT claim_number AS own_number, earlier_number AS claim_number, rule, 1 AS steps FROM parents
    UNION ALL
    SELECT w.own_number, p.earlier_number, w.rule, w.steps + 1
    FROM walk w JOIN parents p USING (claim_number) WHERE w.steps < getvariable('longest_chain'))
SELECT own_number, max_by(claim_number, steps) AS claim_number, any_value(rule) AS rule
FROM walk GROUP BY own_number HAVING max(steps) < getvariable('longest_chain')
