-- One row per service line that a decision refused, wholly or in part
-- claim_number  remittance_id  line_number  carc  category       denied_amount  is_partial
-- A1            11             1            197   authorization  200.00         false
-- B7            14             2            97    bundling       35.00          true
-- C2            15             0            29    timely_filing  300.00         false
--
-- Denied: nothing paid, and refusals outweigh what the patient owes. Partial: refusals beside a payment. The words of a
-- listing tell the category where it gives no code, or one that says nothing by itself.
SELECT d.claim_number, d.remittance_id, l.line_number, d.known_on AS decided_on, d.payer_id, d.payer_name,
    d.payer_order, p.payer_class, l.procedure, l.modifiers, d.rendering_npi, l.charge, k.line_key,
    a.refused AS denied_amount, g.group_code, g.carc, g.class,
    coalesce(m.rarc, n.rarc) AS rarc, coalesce(m.rarcs, n.rarcs) AS rarcs,
    CASE WHEN g.carc IS NULL OR (list_contains(getvariable('generic_carcs'), g.carc) AND coalesce(m.telling, n.telling, '') = '')
        THEN coalesce(w.category, g.category) ELSE g.category END AS category, w.reason_text,
    coalesce(w.category IS NOT NULL AND (g.carc IS NULL OR (list_contains(getvariable('generic_carcs'), g.carc)
        AND coalesce(m.telling, n.telling, '') = '')) AND w.category <> g.category, false) AS told_by_words,
    g.leaf, g.owner, g.route, g.recoverable, g.fix, g.situation,
    coalesce(m.unprocessable, false) OR coalesce(n.unprocessable, false) AS unprocessable,
    NOT (l.paid <= 0 AND a.refused > a.patient_share) AS is_partial
FROM decided_lines l
JOIN decisions d USING (remittance_id)
JOIN decision_payers p USING (remittance_id)
JOIN line_amounts a ON a.remittance_id = l.remittance_id AND a.line_number = l.line_number
JOIN driving g ON g.remittance_id = l.remittance_id AND g.line_number = l.line_number
JOIN keyed_lines k ON k.remittance_id = l.remittance_id AND k.line_number = l.line_number
LEFT JOIN line_remarks m ON m.remittance_id = l.remittance_id AND m.line_number = l.line_number
LEFT JOIN line_remarks n ON n.remittance_id = l.remittance_id AND n.line_number = 0
LEFT JOIN listed_reasons w ON w.remittance_id = l.remittance_id AND w.line_number = l.line_number
WHERE l.charge > 0 AND a.refused > 0
