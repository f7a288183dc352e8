-- One row per submission, procedure and day of service: units of it that were billed for the patient until then
-- submission_id  procedure  served_on   units_in_day
-- 41             97110      2026-01-06  4
-- 57             97110      2026-01-06  6
-- -1             99213      2026-10-30  1
WITH own AS (
    SELECT submission_id, claim_number, patient_key, procedure, served_on, sent_on, sum(units) AS units
    FROM line_facts GROUP BY ALL),
billed AS (
    SELECT patient_key, procedure, served_on, claim_number, min(sent_on) AS sent_on, min_by(units, (sent_on, submission_id)) AS units
    FROM own WHERE patient_key IS NOT NULL GROUP BY 1, 2, 3, 4),
several AS (SELECT * FROM billed QUALIFY count(*) OVER (PARTITION BY patient_key, procedure, served_on) > 1),
others AS (
    SELECT o.submission_id, o.procedure, o.served_on, sum(b.units) AS units
    FROM own o JOIN several b ON b.patient_key = o.patient_key AND b.procedure = o.procedure
        AND b.served_on = o.served_on AND b.claim_number <> o.claim_number AND b.sent_on <= o.sent_on
    GROUP BY 1, 2, 3)
SELECT o.submission_id, o.procedure, o.served_on, o.units + coalesce(b.units, 0) AS units_in_day
FROM own o LEFT JOIN others b USING (submission_id, procedure, served_on)
