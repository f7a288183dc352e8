-- One row per combination that situations are asked for
-- payer_class  group_code  carc  rarcs  families   place  facts
-- commercial   CO          197   ''     imaging    11     authorized
-- commercial   PR          2     ''     visit      11     ''
-- medicare     CO          50    N115   ambulance  41     ''
--
-- Distinct combinations of payer class, group, reason, remarks, procedure families, place and facts
SELECT DISTINCT payer_class, coalesce(group_code, '') AS group_code, coalesce(meant_carc, '') AS carc, rarcs, families, place, facts FROM line_reasons
