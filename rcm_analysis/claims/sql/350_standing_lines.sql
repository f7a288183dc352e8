-- One row per line as its latest decision left it
-- claim_number  payer_order  remittance_id  line_number  allowed
-- A1            P            12             1            200.00
-- A1            P            11             2            40.00
-- A1            S            16             1            NULL
--
-- Patient share and allowed as the latest decision of each line left them: a decision of a part of the lines leaves
-- the others as they were, and one that only refuses a copy leaves all. Contractual cuts by line, the largest of its
-- decisions, since a line denied and sent again is cut once.
WITH copies AS (
    SELECT remittance_id FROM classified_adjustments WHERE refuses AND amount > 0
    GROUP BY remittance_id HAVING bool_and(category = 'duplicate')),
ordered AS (
    SELECT d.claim_number, d.remittance_id, coalesce(d.payer_order, 'P') AS payer_order, d.charge,
        coalesce(t.is_part AND t.in_last, false) AS last_part,
        row_number() OVER counted AS place, max(d.charge) OVER later AS later_charge, count(*) OVER later AS followers
    FROM decisions d LEFT JOIN copies c USING (remittance_id)
    LEFT JOIN decision_parts t ON t.remittance_id = d.remittance_id
    WHERE d.counts
    WINDOW counted AS (PARTITION BY d.claim_number, coalesce(d.payer_order, 'P')
            ORDER BY c.remittance_id IS NULL OR d.paid > 0, d.known_on, d.remittance_id),
        later AS (PARTITION BY d.claim_number, coalesce(d.payer_order, 'P')
            ORDER BY c.remittance_id IS NULL OR d.paid > 0, d.known_on, d.remittance_id
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)),
standing AS (SELECT * FROM ordered WHERE followers = 0 OR last_part OR later_charge < charge),
lines AS (
    SELECT s.claim_number, s.payer_order, s.remittance_id, s.place, s.last_part, l.line_number, l.allowed, l.line_key
    FROM standing s JOIN keyed_lines l ON l.remittance_id = s.remittance_id),
latest AS (
    SELECT *, max(CASE WHEN last_part THEN 0 ELSE place END) OVER (PARTITION BY claim_number, payer_order, line_key) AS last_place
    FROM lines)
SELECT claim_number, payer_order, remittance_id, line_number, allowed FROM latest WHERE last_part OR place = last_place
