-- One row per patient and day within the global period of a procedure of the practice
-- patient_key  served_on   days_since_surgery
-- 5f0c         2026-01-16  10
-- 5f0c         2026-02-20  45
-- 81aa         2026-03-02  6
WITH surgeries AS (
    SELECT f.patient_key, f.served_on, max(p.days) AS days
    FROM line_facts f JOIN (
        SELECT k.procedure, max(g.days) AS days FROM (SELECT DISTINCT procedure FROM line_facts) k
        JOIN global_periods g ON length(k.procedure) = 5 AND k.procedure BETWEEN g.first AND g.last GROUP BY 1) p
        USING (procedure)
    WHERE f.patient_key IS NOT NULL GROUP BY 1, 2)
SELECT v.patient_key, v.served_on, min(date_diff('day', s.served_on, v.served_on)) AS days_since_surgery
FROM (SELECT DISTINCT patient_key, served_on FROM line_facts WHERE patient_key IS NOT NULL) v
JOIN surgeries s ON s.patient_key = v.patient_key AND s.served_on < v.served_on AND v.served_on <= s.served_on + s.days
GROUP BY 1, 2
