-- One row per service that a patient had, however often it was billed
-- patient_key  procedure  served_on   days_since_same_procedure  same_procedure_in_year
-- 5f0c         97110      2026-01-06  NULL                       0
-- 5f0c         97110      2026-01-13  7                          1
-- 5f0c         97110      2026-01-20  7                          2
SELECT patient_key, procedure, served_on,
    date_diff('day', lag(served_on) OVER w, served_on) AS days_since_same_procedure,
    count(*) OVER (w RANGE BETWEEN INTERVAL 365 DAYS PRECEDING AND INTERVAL 1 DAY PRECEDING) AS same_procedure_in_year
FROM (SELECT DISTINCT patient_key, procedure, served_on FROM line_facts WHERE patient_key IS NOT NULL)
WINDOW w AS (PARTITION BY patient_key, procedure ORDER BY served_on)
