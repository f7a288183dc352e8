-- Classified adjustments
SELECT a.remittance_id, a.line_number, a.group_code, a.carc, a.amount, a.position,
    coalesce(c.class, 'denial') AS class,
    coalesce(c.category, 'other') AS category,
    coalesce(c.denial = 'yes', true) OR a.carc = getvariable('upheld') AS refuses
FROM adjustments a JOIN decisions d USING (remittance_id) LEFT JOIN carc c USING (carc)
WHERE a.amount <> 0
