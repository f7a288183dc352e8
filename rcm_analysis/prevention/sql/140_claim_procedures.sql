-- One row per submission
-- submission_id  procedures
-- 41             [70553]
-- 57             [70553, 99213]
-- -1             [99213]
SELECT submission_id, list(DISTINCT procedure ORDER BY procedure) AS procedures FROM line_facts GROUP BY 1
