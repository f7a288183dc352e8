-- One row per claim on which staff acted after its last answer
-- claim_number  kind         acted_on
-- A1            appealed     2026-03-09
-- C2            resubmitted  2026-04-02
-- E1            appealed     2026-07-20
--
-- What staff last sent after the payer's last answer, by the practice's work log: an appeal, a dispute or records ask for
-- another decision; a corrected claim, another payer or the facility is another claim. What came too late is neither.
WITH sent AS (
    SELECT coalesce(k.claim_number, w.claim_number) AS claim_number, w.known_on, w.row,
        CASE WHEN w.action IN ('appeal', 'dispute', 'records_sent') THEN 'appealed' ELSE 'resubmitted' END AS kind
    FROM work_log w LEFT JOIN claim_links k ON k.own_number = w.claim_number
    WHERE w.action IN ('appeal', 'dispute', 'records_sent', 'corrected_claim', 'resubmit', 'bill_other_payer', 'invoice_facility')
        AND coalesce(w.outcome, '') NOT IN ('late', 'too_late'))
SELECT s.claim_number, max_by(s.kind, (s.known_on, s.row)) AS kind, max(s.known_on) AS acted_on
FROM sent s JOIN claim_facts f ON f.claim_number = s.claim_number AND s.known_on >= f.last_decided_on
GROUP BY s.claim_number
