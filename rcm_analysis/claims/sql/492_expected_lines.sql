-- One row per answer of a line that somebody has to work
-- claim_number  remittance_id  line_number  expected_allowed  expected_lower  expected_upper  expected_basis  expected_lines  expected_cash
-- A1            11             1            92.00             92.00           92.00           payer_place     31              39.56
-- B7            14             2            35.00             NULL            NULL            payer_ratio     812             18.20
-- E1            18             1            60.00             60.00           60.00           taken_back      1               31.80
--
-- What the refused part of a line would have been allowed, and how that is told: by the weakest of its services. A payer that takes
-- its contract's cut beside the refusal has told the price itself. Of a line that is paid in part, or refused by a later payer, it
-- is no more than what is refused; what was paid before is not owed again, and a copy of it nothing. Cash: that times how often
-- the like was paid; the patient's share of it is in it, as both are owed only once the line is paid.
WITH priced AS (
    SELECT a.claim_number, a.remittance_id, a.line_number, a.charge,
        CASE a.rung WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 3 THEN 3 WHEN 4 THEN 4 ELSE CASE WHEN r.ratio IS NOT NULL THEN 5 WHEN n.ratio IS NOT NULL THEN 6 ELSE 7 END END AS rung,
        CAST(coalesce(p.unit_price * a.units, a.charge * coalesce(r.ratio, n.ratio)) AS DECIMAL(14, 2)) AS expected,
        CAST(p.lower * a.units AS DECIMAL(14, 2)) AS lower, CAST(p.upper * a.units AS DECIMAL(14, 2)) AS upper,
        coalesce(p.lines, r.lines, n.lines) AS lines
    FROM asked_lines a
    LEFT JOIN usual_prices p ON p.rung = a.rung AND p.price_key = a.price_key AND p.month = a.month
    LEFT JOIN usual_ratios r ON r.payer = a.payer
    LEFT JOIN (SELECT ratio, lines FROM usual_ratios WHERE payer IS NULL) n ON true),
lines AS (
    SELECT claim_number, remittance_id, line_number, max(rung) AS rung,
        CASE WHEN max(rung) < 7 THEN sum(expected) END AS expected, CASE WHEN max(rung) < 5 THEN sum(lower) END AS lower,
        CASE WHEN max(rung) < 5 THEN sum(upper) END AS upper, min(lines) AS lines
    FROM priced GROUP BY claim_number, remittance_id, line_number),
priced_by_answer AS (
    SELECT k.remittance_id, k.line_number, a.refused + a.patient_share AS allowed
    FROM keyed_lines k JOIN line_amounts a ON a.remittance_id = k.remittance_id AND a.line_number = k.line_number
    WHERE k.line_number > 0 AND k.paid = 0 AND a.refused > 0 AND a.contractual > 0 AND a.contractual + a.refused + a.patient_share = k.charge),
settled AS (
    -- of a line paid in part, what was allowed of it already
    SELECT k.remittance_id, k.line_number, k.paid + coalesce(a.patient_share, 0) AS allowed
    FROM keyed_lines k LEFT JOIN line_amounts a ON a.remittance_id = k.remittance_id AND a.line_number = k.line_number),
bounded AS (
    SELECT t.claim_number, t.remittance_id, t.line_number, t.line_key, t.denied_amount, q.reversal AS taken_back,
        CASE WHEN w.allowed IS NULL THEN l.rung ELSE 0 END AS rung, CASE WHEN w.allowed IS NULL THEN l.lines ELSE 1 END AS lines,
        coalesce(w.allowed, l.expected) AS expected, coalesce(w.allowed, l.lower) AS lower, coalesce(w.allowed, l.upper) AS upper,
        CASE WHEN b.paid > 0 AND t.category = 'duplicate' THEN coalesce(w.allowed, l.expected)
            ELSE coalesce(b.paid + b.patient_share, 0) + CASE WHEN t.is_partial THEN greatest(coalesce(s.allowed, 0), 0) ELSE 0 END END AS already,
        t.is_partial OR b.paid > 0 OR coalesce(t.payer_order, 'P') <> 'P' AS is_rest,
        coalesce(h.share, 0.5) AS share
    FROM troubled_lines t
    JOIN decisions q ON q.remittance_id = t.remittance_id
    LEFT JOIN lines l ON l.remittance_id = t.remittance_id AND l.line_number = t.line_number
    LEFT JOIN priced_by_answer w ON w.remittance_id = t.remittance_id AND w.line_number = t.line_number AND NOT t.is_partial AND coalesce(t.payer_order, 'P') = 'P'
    LEFT JOIN paid_before b ON b.remittance_id = t.remittance_id AND b.line_number = t.line_number
    LEFT JOIN settled s ON s.remittance_id = t.remittance_id AND s.line_number = t.line_number
    LEFT JOIN decision_payers d ON d.remittance_id = t.remittance_id
    LEFT JOIN worked_shares h ON h.category = t.category AND h.payer_class = d.payer_class),
told AS (
    SELECT claim_number, remittance_id, line_number, taken_back, share, rung, lines,
        CASE WHEN taken_back THEN denied_amount WHEN is_rest THEN least(greatest(expected - already, 0), denied_amount) ELSE expected END AS expected,
        CASE WHEN taken_back THEN denied_amount WHEN is_rest THEN least(greatest(lower - already, 0), denied_amount) ELSE lower END AS lower,
        CASE WHEN taken_back THEN denied_amount WHEN is_rest THEN least(greatest(upper - already, 0), denied_amount) ELSE upper END AS upper
    FROM bounded)
SELECT claim_number, remittance_id, line_number, CAST(expected AS DECIMAL(14, 2)) AS expected_allowed, CAST(lower AS DECIMAL(14, 2)) AS expected_lower,
    CAST(upper AS DECIMAL(14, 2)) AS expected_upper,
    CASE WHEN taken_back THEN 'taken_back' WHEN rung = 0 THEN 'answer' WHEN rung = 1 THEN 'payer_place' WHEN rung = 2 THEN 'payer' WHEN rung = 3 THEN 'payer_class' WHEN rung = 4 THEN 'procedure'
        WHEN rung = 5 THEN 'payer_ratio' WHEN rung = 6 THEN 'practice_ratio' END AS expected_basis,
    CASE WHEN taken_back THEN 1 ELSE lines END AS expected_lines, CAST(expected * share AS DECIMAL(14, 2)) AS expected_cash
FROM told
