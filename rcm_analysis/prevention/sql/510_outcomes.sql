-- One row per service line that was answered
-- submission_id  line_number  answered_on  outcome        denied_amount
-- 41             1            2026-01-12   rejection      0
-- 57             1            2026-02-20   authorization  250
-- 58             1            2026-02-21   NULL           0
WITH refused AS (
    SELECT a.submission_id, r.line_number, r.line_key, r.procedure, r.category
    FROM answers a JOIN refused_lines r USING (remittance_id) WHERE a.rejected_on IS NULL AND NOT r.is_partial),
matched AS (
    SELECT f.submission_id, f.line_number, min_by(r.category, (r.line_number, r.category)) AS category
    FROM line_facts f JOIN refused r ON r.submission_id = f.submission_id AND (r.line_number = 0
        OR r.line_key = f.line_control OR (r.procedure = f.procedure AND r.line_key IS NOT DISTINCT FROM r.procedure))
    GROUP BY 1, 2)
SELECT f.submission_id, f.line_number, a.answered_on,
    CASE WHEN a.rejected_on IS NOT NULL THEN 'rejection' ELSE m.category END AS outcome,
    CASE WHEN a.rejected_on IS NULL AND m.category IS NOT NULL THEN f.charge ELSE 0 END AS denied_amount
FROM line_facts f JOIN answers a USING (submission_id) LEFT JOIN matched m USING (submission_id, line_number)
WHERE a.answered_on IS NOT NULL
