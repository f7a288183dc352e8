SELECT submission_id, list(DISTINCT procedure ORDER BY procedure) AS procedures FROM line_facts GROUP BY 1
