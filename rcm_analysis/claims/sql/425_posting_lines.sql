-- One row per posting that gives up a refused line
-- claim_number  row   known_on    line_key  category       leaf
-- A1            2198  2026-05-02  L1        authorization  authorization
-- B7            6863  2026-05-03  L2        bundling       bundled_by_rule
-- C2            7001  2026-05-02  ''        timely_filing  timely_filing
--
-- The refused line that a posting gives up: of its procedure, else of its amount; the last refusal of each line counts
WITH latest AS (
    SELECT claim_number, line_key, max_by(procedure, decided_on) AS procedure, max_by(denied_amount, decided_on) AS denied_amount,
        max_by(charge, decided_on) AS charge, max_by(category, decided_on) AS category, max_by(leaf, decided_on) AS leaf
    FROM refused_lines WHERE NOT is_partial GROUP BY claim_number, line_key),
matched AS (
    SELECT p.claim_number, p.row, p.known_on, l.line_key, l.category, l.leaf, row_number() OVER (PARTITION BY p.claim_number, p.row, p.known_on
        ORDER BY p.procedure IS NOT DISTINCT FROM l.procedure DESC, -p.amount = l.denied_amount DESC, l.denied_amount DESC, l.line_key) AS place
    FROM posting_classes p JOIN latest l USING (claim_number)
    WHERE p.kind IN ('adjustment', 'write_off') AND p.amount < 0
        AND (p.procedure = l.procedure OR -p.amount IN (l.denied_amount, l.charge)))
SELECT claim_number, row, known_on, line_key, category, leaf FROM matched WHERE place = 1
