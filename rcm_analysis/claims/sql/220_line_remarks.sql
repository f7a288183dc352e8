-- Line remarks
SELECT m.remittance_id, m.line_number,
    min_by(m.rarc, (CASE WHEN coalesce(r.category, '') = '' THEN 1000000 ELSE 0 END) + m.segment) AS rarc,
    min_by(r.category, (CASE WHEN coalesce(r.category, '') = '' THEN 1000000 ELSE 0 END) + m.segment) AS category,
    string_agg(DISTINCT m.rarc, ' ' ORDER BY m.rarc) AS rarcs,
    bool_or(m.rarc = getvariable('unprocessable')) AS unprocessable
FROM remarks m JOIN decisions d USING (remittance_id) LEFT JOIN rarc r USING (rarc)
GROUP BY m.remittance_id, m.line_number
