-- One row per submission before the first decision, with the day that answers it
-- submission_id  remittance_id  rejected_on  answered_on
-- 41             11             2026-01-12   2026-01-12
-- 57             11             NULL         2026-02-20
-- 63             NULL           NULL         NULL
WITH before_decision AS (
    SELECT s.submission_id, s.claim_number, s.known_on, f.remittance_id, f.first_decided_on,
        lead(s.known_on) OVER (PARTITION BY s.claim_number ORDER BY s.known_on, s.submission_id) AS next_on
    FROM submissions s LEFT JOIN first_decisions f USING (claim_number)
    WHERE f.first_decided_on IS NULL OR s.known_on <= f.first_decided_on),
rejected AS (
    SELECT s.submission_id, min(a.known_on) AS rejected_on
    FROM before_decision s JOIN acknowledgments a ON a.claim_number = s.claim_number AND a.rejected
        AND a.known_on >= s.known_on AND (s.next_on IS NULL OR a.known_on <= s.next_on)
    GROUP BY 1)
SELECT s.submission_id, s.remittance_id, r.rejected_on,
    coalesce(r.rejected_on, CASE WHEN s.next_on IS NULL OR s.next_on > s.first_decided_on THEN s.first_decided_on END)
        AS answered_on
FROM before_decision s LEFT JOIN rejected r USING (submission_id)
