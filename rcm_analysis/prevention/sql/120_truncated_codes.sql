-- One row per diagnosis code in use that only begins longer ones
-- code
-- M54
-- E11
-- S83
SELECT code FROM (
    SELECT code, lead(code) OVER (ORDER BY code) AS following FROM (
        SELECT DISTINCT unnest(string_split(diagnoses, ' ')) AS code FROM sent_claims))
WHERE starts_with(following, code)
