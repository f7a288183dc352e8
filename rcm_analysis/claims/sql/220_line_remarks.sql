-- Remarks of a line; the one that names a cause comes first
SELECT m.remittance_id, m.line_number,
    min_by(m.rarc, (CASE WHEN coalesce(r.category, '') = '' THEN 1000000 ELSE 0 END) + m.segment) AS rarc,
    string_agg(DISTINCT m.rarc, ' ' ORDER BY m.rarc) AS rarcs,
    string_agg(DISTINCT t.rarc, ' ' ORDER BY t.rarc) AS telling,
    bool_or(m.rarc = getvariable('unprocessable')) AS unprocessable,
    bool_or(m.rarc IN ('N781', 'N782', 'N783')) AS qmb
FROM remarks m JOIN decisions d USING (remittance_id) LEFT JOIN rarc r USING (rarc) LEFT JOIN telling_remarks t USING (rarc)
GROUP BY m.remittance_id, m.line_number
