-- One row per payment that a payer took back, by reversal or by withholding
-- claim_number  paid_on     taken_back_on  amount  kind                 outcome              repaid
-- A1            2026-03-04  2026-07-01     180.00  review               open                 0.00
-- B7            2026-02-03  2026-07-03     15.00   rate_correction      price lowered        0.00
-- E1            2026-01-20  2026-07-01     60.00   other_payer_primary  paid by other payer  48.00
--
-- Payments taken back: reversed by the payer, or withheld by PLB WO with the payer's number of the claim
WITH withheld AS (
    SELECT p.reference, min(p.known_on) AS recouped_on, sum(p.amount) AS amount FROM provider_adjustments p
    WHERE p.reason_code IN ('WO', '72') AND p.reference IS NOT NULL AND p.amount > 0 GROUP BY p.reference),
-- money not taken at once: given back in the remittance of the reversal (negative) and withheld later, often under a number
-- that the later file alone does not explain; the same payer and the same amount tell it
deferred AS (
    SELECT p.reference, coalesce(y.payer_id, y.payer_name, '') AS payer, bool_or(p.reason_code = '72') AS refunded, min(p.known_on) AS deferred_on, -sum(p.amount) AS amount
    FROM provider_adjustments p JOIN payments y USING (payment_id)
    WHERE p.reason_code IN ('WO', '72') AND p.reference IS NOT NULL AND p.amount < 0 GROUP BY 1, 2),
collected AS (
    SELECT d.reference, d.payer, min(p.known_on) AS recouped_on
    FROM deferred d JOIN provider_adjustments p ON p.amount = d.amount AND p.reason_code = 'WO' AND p.reference IS NULL AND p.known_on >= d.deferred_on
    JOIN payments y ON y.payment_id = p.payment_id AND coalesce(y.payer_id, y.payer_name, '') = d.payer
    GROUP BY d.reference, d.payer),
numbers AS (
    SELECT payer_claim_number, max(claim_number) AS claim_number, max_by(payer_name, (known_on, remittance_id)) AS payer_name, min(known_on) AS paid_on
    FROM decisions WHERE paid > 0 AND payer_claim_number IS NOT NULL GROUP BY payer_claim_number HAVING count(DISTINCT claim_number) = 1),
reasons_told AS (
    SELECT d.remittance_id, max_by(a.category, (a.amount, -a.line_number, -a.position)) AS category FROM decisions d JOIN classified_adjustments a USING (remittance_id)
    WHERE a.refuses AND a.amount > 0 GROUP BY d.remittance_id),
meant AS (
    SELECT t.*, c.class AS told_class, coalesce(x.category, '') AS carc_category
    FROM take_back_pairs t
    LEFT JOIN (SELECT remittance_id, max_by(carc, (amount, -line_number, -position)) AS carc FROM adjustment_classes
        WHERE class IN ('denial', 'coordination', 'bundling', 'duplicate') AND amount > 0 GROUP BY remittance_id) n ON n.remittance_id = t.new_remittance_id
    LEFT JOIN carc c ON c.carc = n.carc LEFT JOIN carc x ON x.carc = n.carc),
taken AS (
    SELECT m.claim_number, m.payer, m.payer_name, m.paid_on, m.taken_back_on, m.amount, CASE
            WHEN m.paid_less THEN 'rate_correction'
            WHEN m.carc_category = 'eligibility' THEN 'retroactive_termination'
            WHEN m.carc_category = 'coordination_of_benefits' THEN 'other_payer_primary'
            WHEN m.carc_category <> '' THEN 'review'
            WHEN regexp_matches(coalesce(m.rarcs, ''), 'N687|N698') THEN 'retroactive_termination'
            WHEN regexp_matches(coalesce(m.rarcs, ''), 'N696') THEN 'other_payer_primary'
            WHEN regexp_matches(coalesce(m.rarcs, ''), 'N689|N692|N697') THEN 'rate_correction'
            ELSE 'review' END AS kind,
        coalesce(w.reference, d.reference) AS plb_reference,
        CASE WHEN w.reference IS NOT NULL THEN w.recouped_on WHEN d.reference IS NULL OR d.refunded THEN m.taken_back_on ELSE k.recouped_on END AS recouped_on
    FROM meant m LEFT JOIN withheld w ON w.reference = m.payer_claim_number AND w.recouped_on >= m.taken_back_on
    LEFT JOIN deferred d ON d.reference = m.payer_claim_number AND d.payer = m.payer AND d.deferred_on >= m.taken_back_on
    LEFT JOIN collected k ON k.reference = d.reference AND k.payer = d.payer
    UNION ALL
    SELECT n.claim_number, NULL, n.payer_name, n.paid_on, w.recouped_on, w.amount, 'review', w.reference, w.recouped_on
    FROM withheld w JOIN numbers n ON n.payer_claim_number = w.reference
    ANTI JOIN take_back_pairs t ON t.claim_number = n.claim_number),
later AS (
    SELECT t.claim_number, t.taken_back_on,
        sum(CASE WHEN coalesce(d.payer_id, d.payer_name, '') = coalesce(t.payer, '') THEN d.paid ELSE 0 END) AS by_payer,
        sum(CASE WHEN coalesce(d.payer_id, d.payer_name, '') <> coalesce(t.payer, '') THEN d.paid ELSE 0 END) AS by_other, max(d.known_on) AS known_on
    FROM taken t JOIN decisions d ON d.claim_number = t.claim_number AND d.known_on > t.taken_back_on AND d.counts AND d.paid > 0
    GROUP BY 1, 2),
posted AS (
    SELECT t.claim_number, t.taken_back_on, max(w.posted_on) AS posted_on FROM taken t JOIN posted_write_offs w ON w.claim_number = t.claim_number
        AND w.posted_on >= t.taken_back_on AND w.leaf NOT IN ('contractual', 'regulatory')
        -- moved to the patient and given up there is lost as well, if it covers what was taken
        AND (NOT list_contains(getvariable('patient_leaves'), w.leaf) OR w.amount >= t.amount) GROUP BY 1, 2),
patients AS (
    SELECT t.claim_number, t.taken_back_on, max(p.known_on) AS posted_on FROM taken t JOIN posting_classes p ON p.claim_number = t.claim_number
        AND p.known_on >= t.taken_back_on AND p.kind = 'payment' AND coalesce(p.posted_by, '') <> 'insurance' GROUP BY 1, 2),
-- the contract of the day it was taken back; else the usual one, which only warns
disputes AS (
    SELECT t.claim_number, t.taken_back_on, max_by(d.days, (d.confirmed, -d.days)) AS days, bool_or(d.confirmed) AS confirmed
    FROM taken t JOIN claim_facts f USING (claim_number) JOIN payer_deadlines d ON d.clock = 'take_back_dispute' AND d.payer_class = f.payer_class
        AND d.payer_name = coalesce(t.payer_name, '') AND t.taken_back_on BETWEEN d.valid_from AND d.valid_to
    GROUP BY t.claim_number, t.taken_back_on)
SELECT t.claim_number, t.payer_name, t.paid_on, t.taken_back_on, t.amount, t.kind, t.plb_reference, t.recouped_on,
    CAST(t.taken_back_on + INTERVAL 1 DAY * s.days AS DATE) AS dispute_until, coalesce(s.confirmed, false) AS dispute_confirmed,
    CASE WHEN t.kind = 'rate_correction' THEN 'price lowered' WHEN l.by_payer > 0 THEN 'repaid' WHEN l.by_other > 0 THEN 'paid by other payer'
        WHEN w.posted_on IS NOT NULL THEN 'lost' WHEN p.posted_on IS NOT NULL THEN 'patient paid' ELSE 'open' END AS outcome,
    CASE WHEN t.kind = 'rate_correction' THEN NULL WHEN l.known_on IS NOT NULL THEN l.known_on WHEN w.posted_on IS NOT NULL THEN w.posted_on ELSE p.posted_on END AS outcome_on,
    CAST(CASE WHEN t.kind = 'rate_correction' THEN 0 ELSE coalesce(l.by_payer + l.by_other, 0) END AS DECIMAL(14, 2)) AS repaid
FROM taken t LEFT JOIN later l USING (claim_number, taken_back_on) LEFT JOIN posted w USING (claim_number, taken_back_on) LEFT JOIN patients p USING (claim_number, taken_back_on)
LEFT JOIN disputes s USING (claim_number, taken_back_on)
