-- Distinct combinations of payer class, group, reason, remarks, procedure families, place and facts
SELECT DISTINCT payer_class, coalesce(group_code, '') AS group_code, coalesce(meant_carc, '') AS carc, rarcs, families, place, facts FROM line_reasons
