-- One row per line of a decision with remark codes; line 0 is the claim itself
-- remittance_id  line_number  rarc   rarcs      telling  unprocessable
-- 11             1            N706   N706       N706     false
-- 12             0            MA130  MA130      MA130    true
-- 12             1            N382   N382 N657  N382     false
--
-- Remarks of a line; the one that names a cause comes first
WITH telling AS (
    SELECT m.remittance_id, m.line_number, string_agg(DISTINCT m.rarc, ' ' ORDER BY m.rarc) AS telling
    FROM remarks m JOIN decisions d USING (remittance_id) JOIN telling_remarks t USING (rarc)
    GROUP BY m.remittance_id, m.line_number),
every AS (
    SELECT m.remittance_id, m.line_number,
        min_by(m.rarc, (CASE WHEN coalesce(r.category, '') = '' THEN 1000000 ELSE 0 END) + m.segment) AS rarc,
        string_agg(DISTINCT m.rarc, ' ' ORDER BY m.rarc) AS rarcs,
        bool_or(m.rarc = getvariable('unprocessable')) AS unprocessable,
        bool_or(m.rarc IN ('N781', 'N782', 'N783')) AS qmb
    FROM remarks m JOIN decisions d USING (remittance_id) LEFT JOIN rarc r USING (rarc)
    GROUP BY m.remittance_id, m.line_number)
SELECT e.remittance_id, e.line_number, e.rarc, e.rarcs, t.telling, e.unprocessable, e.qmb
FROM every e LEFT JOIN telling t ON t.remittance_id = e.remittance_id AND t.line_number = e.line_number
