-- One row per refused line, with the adjustment that drives the refusal
-- remittance_id  line_number  group_code  carc  category
-- 11             1            CO          197   authorization
-- 14             1            CO          97    bundling
-- 15             0            CO          29    timely_filing
--
-- The reason that a refused line is known by: the most dollars, then the fixed order of categories
SELECT remittance_id, line_number, group_code, carc, class, category, leaf, owner, route, recoverable, fix, situation FROM (
    SELECT a.*, row_number() OVER (
        PARTITION BY a.remittance_id, a.line_number
        ORDER BY a.carc = getvariable('upheld'), a.amount DESC, p.rank, a.carc) AS place
    FROM classified_adjustments a LEFT JOIN precedence p USING (category)
    WHERE a.refuses AND a.amount > 0)
WHERE place = 1
