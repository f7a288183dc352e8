-- One row per line that was refused, left unexplained or taken back
-- claim_number  line_key  kind         amount  paid    outcome    outcome_on
-- A1            L1        refused      250.00  180.00  recovered  2026-03-04
-- B7            L2        unexplained  35.00   0.00    open       NULL
-- E1            L1        taken_back   60.00   0.00    patient    2026-08-02
--
-- What became of each line that was refused, left unexplained or taken back: recovered, moved to the patient, given up by the
-- practice's own posting, or open. A write-off belongs to the line of its procedure or amount, to all lines where it
-- covers them. Past the usual deadline an open line stays open; past the last one that a contract confirms it is lost, if
-- nobody sent or appealed it again and no ledger still holds it.
WITH touched AS (
    SELECT l.*, d.group_code, least(d.denied_amount, l.charge) AS denied_amount,
        CASE WHEN l.stands_reversed AND NOT l.is_refused AND t.claim_number IS NOT NULL THEN 'taken_back' WHEN l.was_refused THEN 'refused' ELSE 'unexplained' END AS kind,
        coalesce(least(d.denied_amount, l.charge), x.amount, l.charge) AS amount
    FROM line_lives l
    LEFT JOIN (SELECT DISTINCT claim_number FROM take_back_pairs) t ON t.claim_number = l.claim_number
    LEFT JOIN (SELECT remittance_id, line_number, max(denied_amount) AS denied_amount, max_by(group_code, (denied_amount, group_code)) AS group_code
        FROM refused_lines WHERE NOT is_partial GROUP BY 1, 2) d ON d.remittance_id = l.remittance_id AND d.line_number = l.last_line_number
    LEFT JOIN (SELECT remittance_id, line_number, max(amount) AS amount FROM unexplained_lines GROUP BY 1, 2) x
        ON x.remittance_id = l.remittance_id AND x.line_number = l.last_line_number
    WHERE l.was_refused OR l.was_unexplained OR (l.stands_reversed AND t.claim_number IS NOT NULL)),
-- lines that were refused and are answered together: what one of them is paid, the claim won
together AS (SELECT claim_number, remittance_id, sum(paid) AS paid_together FROM touched WHERE NOT is_refused AND kind = 'refused' GROUP BY 1, 2),
standing AS (
    SELECT t.*, CASE
        WHEN kind = 'taken_back' THEN 'open'
        WHEN NOT is_refused AND NOT is_unexplained THEN CASE WHEN paid > 0 OR g.paid_together > 0 THEN 'recovered' WHEN capitated THEN 'recovered' WHEN patient_owes > 0 THEN 'patient'
            WHEN pending THEN 'open' ELSE 'settled' END
        WHEN is_refused AND paid > 0 THEN CASE WHEN payer_order = 'P' THEN 'recovered' ELSE 'rest' END
        WHEN is_refused AND group_code = 'PR' THEN 'patient'
        ELSE 'open' END AS told
    FROM touched t LEFT JOIN together g USING (claim_number, remittance_id)),
posted AS (
    SELECT claim_number, line_key, sum(amount) AS amount, max(posted_on) AS posted_on FROM posted_write_offs
    WHERE line_key IS NOT NULL AND leaf NOT IN ('contractual', 'regulatory', 'state_rate_cap') AND NOT list_contains(getvariable('patient_leaves'), leaf)
    GROUP BY claim_number, line_key),
wanted AS (SELECT claim_number, sum(amount) AS amount FROM standing WHERE told IN ('open', 'settled') OR (told = 'patient' AND is_refused) GROUP BY claim_number),
judged AS (
    SELECT s.*, f.window_confirmed AND NOT f.in_ledger AND s.told = 'open' AND s.kind = 'refused' AND coalesce(f.last_submitted_on <= s.last_on, true) AND k.claim_number IS NULL AND f.owed > 0
            AND date_diff('day', s.last_on, getvariable('as_of')) > f.window_days AS by_deadline, f.owed, f.in_ledger, f.last_posted_on, f.window_days, f.lost, f.last_lost_on, f.by_patient, p.posted_on,
        f.insurance_paid - f.insurance_refunded > f.paid + getvariable('mismatch_usd') AS paid_otherwise, f.paid AS claim_paid,
        NOT f.in_ledger OR f.moved_on >= s.last_on OR f.by_patient > 0 OR (SELECT count(*) FROM posting_classes WHERE kind = 'transfer') = 0 AS is_moved,
        coalesce(p.amount >= 0.5 * s.amount AND p.posted_on >= s.last_on, false) AS own_write_off,
        coalesce(f.lost > 0 AND f.last_lost_on >= s.last_on AND (f.lost >= w.amount - 0.50 OR f.owed <= 0), false) AS all_written_off
    FROM standing s JOIN claim_facts f USING (claim_number) LEFT JOIN posted p ON p.claim_number = s.claim_number AND p.line_key = s.line_key
    LEFT JOIN wanted w ON w.claim_number = s.claim_number LEFT JOIN work_since_answer k ON k.claim_number = s.claim_number)
SELECT claim_number, line_key, line_number, last_line_number, remittance_id, procedure, charge, kind, is_refused, group_code, amount, paid, first_on, refused_on, last_on,
    CASE WHEN told = 'recovered' THEN 'recovered' WHEN told = 'patient' AND NOT is_refused THEN 'patient'
        WHEN told = 'rest' THEN CASE WHEN owed > 0 THEN 'open' ELSE 'recovered' END
        WHEN own_write_off OR all_written_off THEN 'lost'
        WHEN by_deadline THEN 'lost'
        WHEN told = 'patient' AND is_moved THEN 'patient'
        WHEN in_ledger AND owed <= 0 AND paid_otherwise THEN 'recovered'
        WHEN in_ledger AND owed <= 0 AND told <> 'patient' THEN CASE WHEN by_patient > 0 THEN 'patient' WHEN claim_paid > 0 AND NOT is_refused THEN 'recovered' ELSE 'patient' END
        WHEN told = 'settled' AND owed <= 0 THEN 'recovered'
        WHEN date_diff('day', last_on, getvariable('as_of')) > window_days THEN 'open_past_window'
        ELSE 'open' END AS outcome,
    CASE WHEN told IN ('recovered', 'rest') AND (told = 'recovered' OR owed <= 0) THEN coalesce(CASE WHEN paid_after THEN paid_on END, paid_on, last_on)
        WHEN told = 'patient' AND NOT is_refused THEN last_on
        WHEN own_write_off THEN posted_on WHEN all_written_off THEN last_lost_on
        WHEN by_deadline THEN CAST(last_on + INTERVAL 1 DAY * (window_days + 1) AS DATE) WHEN told = 'patient' AND is_moved THEN last_on
        WHEN in_ledger AND owed <= 0 THEN last_posted_on WHEN told = 'settled' AND owed <= 0 THEN last_on END AS outcome_on,
    by_deadline AND NOT (own_write_off OR all_written_off) AS by_deadline
FROM judged
