-- One row per patient, discipline of therapy and day: visits and charges of the calendar year until that day
-- patient_key  discipline  served_on   therapy_visits  therapy_usd
-- 5f0c         GP          2026-01-06  1               180.00
-- 5f0c         GP          2026-01-13  2               360.00
-- 81aa         GO          2026-01-13  1               95.00
SELECT patient_key, discipline, served_on, count(*) OVER w AS therapy_visits, sum(usd) OVER w AS therapy_usd
FROM (
    SELECT patient_key, discipline, served_on, sum(charge) AS usd
    FROM (SELECT DISTINCT patient_key, discipline, served_on, procedure, modifier_text, charge FROM line_facts
        WHERE patient_key IS NOT NULL AND discipline IS NOT NULL)
    GROUP BY 1, 2, 3)
WINDOW w AS (PARTITION BY patient_key, discipline, year(served_on) ORDER BY served_on)
