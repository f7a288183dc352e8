-- One row per status that an acknowledgment gives a claim
-- claim_number  known_on    source         category  status_code  rejected
-- A1            2026-01-11  clearinghouse  A1        19           false
-- A1            2026-01-12  payer          A7        164          true
-- B7            2026-01-13  payer          A2        20           false
--
-- Statuses of claims, and of whole files or providers whose claims were turned away without being named. How far such
-- a rejection reaches is told by its counts and amounts: where the claims not named are more than it counts, nobody
-- says which of them it means, and none is taken as rejected.
WITH sent AS (SELECT claim_number, charge, file_id, known_on, batch_number, billing_npi, interchange_control, group_control, transaction_control FROM submissions),
told AS (
    SELECT file_id, claim_number, max(charge) AS charge, bool_or(rejected) AS rejected FROM acknowledgments
    GROUP BY file_id, claim_number),
numbered AS (
    SELECT b.*, s.claim_number, s.charge AS sent_charge, s.known_on AS sent_on, max(s.known_on) OVER (PARTITION BY b.file_id, b.segment) AS last_sent_on
    FROM batch_acknowledgments b JOIN sent s ON s.batch_number = b.batch_number
        AND s.known_on <= b.known_on AND (b.level = 'file' OR s.billing_npi = b.provider_npi)
    WHERE b.rejected),
-- batch numbers come again; the last file that had this one is meant
reached AS (
    SELECT n.*, t.claim_number IS NOT NULL AS named,
        sum(CASE WHEN t.claim_number IS NULL THEN 1 ELSE 0 END) OVER whole AS unnamed,
        sum(CASE WHEN t.claim_number IS NULL THEN n.sent_charge ELSE 0 END) OVER whole AS unnamed_charge,
        sum(CASE WHEN t.rejected THEN 1 ELSE 0 END) OVER whole AS named_rejected,
        sum(CASE WHEN t.rejected THEN coalesce(t.charge, n.sent_charge) ELSE 0 END) OVER whole AS named_charge,
        coalesce(nullif(n.rejected_amount, 0), nullif(n.charge, 0)) AS counted_charge
    FROM numbered n LEFT JOIN told t ON t.file_id = n.file_id AND t.claim_number = n.claim_number
    WHERE n.sent_on = n.last_sent_on
    WINDOW whole AS (PARTITION BY n.file_id, n.segment)),
accepted AS (SELECT DISTINCT claim_number, source_id, known_on FROM acknowledgments WHERE NOT rejected),
unnamed AS (
    SELECT r.known_on, r.segment, r.claim_number, r.source, r.source_name, r.category, r.status_code, r.sent_charge AS charge
    FROM reached r ANTI JOIN accepted a ON a.claim_number = r.claim_number AND a.source_id = r.source_id AND a.known_on >= r.sent_on
    WHERE NOT r.named AND coalesce(r.unnamed <= r.rejected_claims - r.named_rejected, coalesce(r.accepted_claims, 0) = 0)
        AND coalesce(r.unnamed_charge <= r.counted_charge - r.named_charge, true)),
-- Control numbers come again as well, and soon: the last file within two weeks is meant, if it is one
refused AS (
    SELECT b.known_on, b.segment, b.file_id AS answer, b.source, b.source_name, b.category, b.status_code,
        s.claim_number, s.charge, s.file_id, s.sent_on
    FROM batch_acknowledgments b JOIN (SELECT claim_number, charge, file_id, known_on AS sent_on, group_control, transaction_control FROM sent) s
        ON s.group_control = b.group_control AND (b.level = 'group' OR s.transaction_control = b.transaction_control)
        AND s.sent_on BETWEEN b.known_on - INTERVAL 14 DAY AND b.known_on
    WHERE b.level IN ('group', 'transaction')
    UNION ALL
    SELECT b.known_on, b.segment, b.file_id AS answer, b.source, b.source_name, b.category, b.status_code,
        s.claim_number, s.charge, s.file_id, s.sent_on
    FROM batch_acknowledgments b JOIN (SELECT claim_number, charge, file_id, known_on AS sent_on, interchange_control FROM sent) s
        ON s.interchange_control = b.interchange_control AND s.sent_on BETWEEN b.known_on - INTERVAL 14 DAY AND b.known_on
    WHERE b.level = 'interchange'),
newest AS (
    SELECT answer, segment, max(sent_on) AS sent_on FROM refused GROUP BY answer, segment),
of_one AS (
    SELECT r.answer, r.segment, min(r.file_id) AS file_id FROM refused r JOIN newest n USING (answer, segment, sent_on)
    GROUP BY r.answer, r.segment HAVING count(DISTINCT r.file_id) = 1),
every AS (
    SELECT known_on, segment, claim_number, source, source_name, category, status_code, charge, payer_claim_number,
        rejected FROM acknowledgments
    UNION ALL
    SELECT known_on, segment, claim_number, source, source_name, category, status_code, charge, NULL, true
    FROM unnamed
    UNION ALL
    SELECT r.known_on, r.segment, r.claim_number, r.source, r.source_name, r.category, r.status_code, r.charge, NULL, true
    FROM refused r JOIN of_one o USING (answer, segment, file_id))
SELECT e.* EXCLUDE (claim_number), coalesce(k.claim_number, e.claim_number) AS claim_number,
    e.claim_number AS own_number
FROM every e LEFT JOIN claim_links k ON k.own_number = e.claim_number
