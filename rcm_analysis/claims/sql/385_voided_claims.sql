-- One row per claim that the practice itself withdrew
-- claim_number
-- B7
-- E1
-- F3
--
-- Claims that the practice itself withdrew: reversed with N693 and not answered anew
WITH withdrawn AS (
    SELECT d.claim_number, max(d.known_on) AS known_on, max(d.remittance_id) AS remittance_id FROM decisions d JOIN line_remarks m USING (remittance_id)
    WHERE d.reversal AND list_contains(string_split(m.rarcs, ' '), 'N693') GROUP BY d.claim_number)
SELECT w.claim_number FROM withdrawn w LEFT JOIN decisions d ON d.claim_number = w.claim_number
    AND d.counts AND (d.known_on > w.known_on OR (d.known_on = w.known_on AND d.remittance_id > w.remittance_id))
GROUP BY w.claim_number HAVING count(d.remittance_id) = 0
