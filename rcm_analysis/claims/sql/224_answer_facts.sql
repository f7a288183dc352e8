-- One row per line of a decision, line 0 among them
-- remittance_id  line_number  facts
-- 11             1            authorized
-- 12             0            ''
-- 15             1            unprocessable
--
-- What the practice's other files tell of an answered line: words that situations ask for
WITH refused AS (
    SELECT remittance_id, line_number,
        bool_or(category = 'duplicate') AS duplicate, bool_or(category = 'timely_filing') AS late, bool_or(category = 'authorization') AS authorization_,
        sum(CASE WHEN class = 'contract' AND group_code <> 'PR' THEN amount ELSE 0 END) AS contractual
    FROM adjustment_classes GROUP BY remittance_id, line_number),
lines AS (
    SELECT r.*, d.claim_number, d.patient_key, d.known_on, d.service_date AS claim_date, coalesce(d.payer_order, 'P') AS payer_order,
        d.counts, f.procedure, f.modifiers, coalesce(f.service_date, d.service_date) AS service_date, f.charge, f.paid, f.families
    FROM refused r JOIN decisions d USING (remittance_id)
    LEFT JOIN line_families f ON f.remittance_id = r.remittance_id AND f.line_number = r.line_number),
others AS (
    SELECT d.claim_number, d.remittance_id, d.patient_key, f.procedure, f.modifiers, coalesce(f.service_date, d.service_date) AS service_date,
        f.charge, f.paid, f.families
    FROM decisions d JOIN line_families f USING (remittance_id) WHERE d.counts AND f.line_number > 0),
billed AS (
    SELECT coalesce(k.claim_number, s.claim_number) AS claim_number, s.patient_key, s.known_on, l.procedure, l.modifiers,
        coalesce(l.service_date, s.service_date) AS service_date, l.charge, coalesce(f.families, '') AS families
    FROM submissions s JOIN submission_lines l USING (submission_id) LEFT JOIN claim_links k ON k.own_number = s.claim_number
    LEFT JOIN families_of_procedures f ON f.procedure = l.procedure
    WHERE s.patient_key IN (SELECT patient_key FROM lines WHERE duplicate)),
twins AS (
    SELECT DISTINCT l.remittance_id, l.line_number FROM lines l JOIN others o ON o.procedure = l.procedure
        AND o.service_date = l.service_date AND o.modifiers IS NOT DISTINCT FROM l.modifiers AND o.charge = l.charge
        AND (o.claim_number = l.claim_number OR o.patient_key = l.patient_key)
    WHERE l.duplicate AND o.remittance_id <> l.remittance_id AND o.paid > 0
    UNION
    SELECT l.remittance_id, l.line_number FROM lines l JOIN decisions d ON d.charge = l.charge AND d.service_date = l.claim_date
        AND (d.claim_number = l.claim_number OR d.patient_key = l.patient_key)
    WHERE l.duplicate AND l.procedure IS NULL AND d.counts AND d.paid > 0 AND d.remittance_id <> l.remittance_id),
elsewhere AS (
    SELECT DISTINCT l.remittance_id, l.line_number FROM lines l JOIN (
        SELECT claim_number, patient_key, procedure, modifiers, service_date, charge FROM others
        UNION ALL SELECT claim_number, patient_key, procedure, modifiers, service_date, charge FROM billed) o
        ON o.patient_key = l.patient_key AND o.procedure = l.procedure AND o.service_date = l.service_date
        AND o.modifiers IS NOT DISTINCT FROM l.modifiers AND o.charge = l.charge AND o.claim_number <> l.claim_number
    WHERE l.duplicate
    UNION
    SELECT l.remittance_id, l.line_number FROM lines l JOIN submissions s ON s.patient_key = l.patient_key AND s.service_date = l.claim_date
        AND s.charge = l.charge AND s.claim_number <> l.claim_number
    WHERE l.duplicate AND l.procedure IS NULL),
trips AS (
    SELECT DISTINCT l.remittance_id, l.line_number FROM lines l JOIN (
        SELECT claim_number, patient_key, service_date, modifiers, families FROM others
        UNION ALL SELECT claim_number, patient_key, service_date, modifiers, families FROM billed) o
        ON o.patient_key = l.patient_key AND o.service_date = l.service_date
    WHERE l.duplicate AND l.families LIKE 'ambulance%' AND o.families LIKE 'ambulance%'
        AND o.modifiers IS DISTINCT FROM l.modifiers),
authorized AS (
    SELECT l.remittance_id, l.line_number FROM lines l JOIN (
        SELECT coalesce(k.claim_number, s.claim_number) AS claim_number, min(s.known_on) AS sent_on FROM submissions s
        LEFT JOIN claim_links k ON k.own_number = s.claim_number WHERE s.prior_authorization IS NOT NULL GROUP BY 1) s
        ON s.claim_number = l.claim_number AND s.sent_on <= l.known_on
    WHERE l.authorization_),
limits AS (SELECT payer_class, min(CAST(days AS INTEGER)) AS days FROM deadlines WHERE clock = 'initial_filing' AND payer_pattern = '' GROUP BY payer_class),
in_time AS (
    SELECT DISTINCT l.remittance_id, l.line_number FROM lines l JOIN decision_payers p USING (remittance_id)
    JOIN limits t ON t.payer_class = p.payer_class
    JOIN acknowledgments a ON NOT a.rejected AND a.known_on <= l.known_on
        AND date_diff('day', coalesce(l.service_date, l.claim_date), a.known_on) <= t.days
    LEFT JOIN claim_links k ON k.own_number = a.claim_number
    WHERE l.late AND coalesce(k.claim_number, a.claim_number) = l.claim_number),
taken AS (
    SELECT DISTINCT l.remittance_id, l.line_number FROM lines l JOIN decisions d USING (remittance_id)
    JOIN take_back_pairs t ON t.claim_number = l.claim_number AND t.payer = coalesce(d.payer_id, d.payer_name, '')
        AND (t.new_remittance_id = l.remittance_id OR t.taken_back_on < d.known_on)
    WHERE l.counts)
SELECT l.remittance_id, l.line_number, concat_ws(' ',
    CASE WHEN p.capitated THEN 'capitated' END,
    CASE WHEN l.contractual >= l.charge AND l.charge > 0 AND l.paid <= 0 AND l.payer_order = 'P' THEN 'whole_charge' END,
    CASE WHEN w.remittance_id IS NOT NULL THEN 'paid_elsewhere' WHEN e.remittance_id IS NOT NULL THEN 'billed_elsewhere' END,
    CASE WHEN t.remittance_id IS NOT NULL AND w.remittance_id IS NULL AND e.remittance_id IS NULL THEN 'other_trip' END,
    CASE WHEN a.remittance_id IS NOT NULL THEN 'authorization_sent' END,
    CASE WHEN i.remittance_id IS NOT NULL THEN 'received_in_time' END,
    CASE WHEN b.remittance_id IS NOT NULL THEN 'taken_back' END,
    CASE WHEN m.unprocessable OR n.unprocessable THEN 'unprocessable' END) AS facts
FROM lines l JOIN decision_payers p USING (remittance_id)
LEFT JOIN twins w ON w.remittance_id = l.remittance_id AND w.line_number = l.line_number
LEFT JOIN elsewhere e ON e.remittance_id = l.remittance_id AND e.line_number = l.line_number
LEFT JOIN trips t ON t.remittance_id = l.remittance_id AND t.line_number = l.line_number
LEFT JOIN authorized a ON a.remittance_id = l.remittance_id AND a.line_number = l.line_number
LEFT JOIN in_time i ON i.remittance_id = l.remittance_id AND i.line_number = l.line_number
LEFT JOIN taken b ON b.remittance_id = l.remittance_id AND b.line_number = l.line_number
LEFT JOIN line_remarks m ON m.remittance_id = l.remittance_id AND m.line_number = l.line_number
LEFT JOIN line_remarks n ON n.remittance_id = l.remittance_id AND n.line_number = 0
