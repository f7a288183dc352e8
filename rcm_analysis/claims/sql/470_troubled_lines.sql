-- One row per answer of a line that somebody has to work
-- claim_number  line_number  decided_on  denied_amount  carc  category       owner              route
-- A1            1            2026-02-01  200.00         197   authorization  biller             appeal
-- B7            2            2026-02-03  35.00          NULL  other          biller             ask_payer
-- E1            1            2026-07-01  60.00          NULL  take_back      payer contracting  appeal
--
-- Lines that somebody has to work, one row each time they were answered so: refused, left without a reason, or taken back
-- without a new answer
SELECT claim_number, remittance_id, line_number, line_key, decided_on, payer_id, payer_name, payer_order, procedure, charge, denied_amount,
    group_code, carc, rarc, rarcs, category, leaf, owner, route, recoverable, fix, unprocessable, is_partial
FROM refused_lines
UNION ALL
SELECT x.claim_number, x.remittance_id, x.line_number, x.line_key, x.decided_on, d.payer_id, d.payer_name, d.payer_order, x.procedure, x.charge, x.amount,
    NULL, NULL, NULL, NULL, 'other', 'administrative', 'biller', 'ask_payer', 'partly', 'Ask the payer why nothing was paid: the answer gives no reason.', false, false
FROM unexplained_lines x JOIN decisions d USING (remittance_id)
UNION ALL
SELECT t.claim_number, t.reversal_id, k.line_number, k.line_key, t.taken_back_on, d.payer_id, d.payer_name, d.payer_order, k.procedure, -k.charge, -k.paid,
    NULL, NULL, NULL, t.rarcs, 'take_back', 'take_back', 'payer contracting', 'appeal', 'partly',
    'Ask for the reason of the take-back and for the new decision; dispute it within its window.', false, false
FROM take_back_pairs t JOIN decisions d ON d.remittance_id = t.reversal_id JOIN keyed_lines k ON k.remittance_id = t.reversal_id
WHERE t.new_remittance_id IS NULL AND k.paid < 0 AND (k.line_number > 0 OR d.lines = 0)
