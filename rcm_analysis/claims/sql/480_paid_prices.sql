-- One row per payer, procedure, modifiers that change a price, kind of place, month of service and price
-- payer  payer_class  procedure  price_modifiers  is_facility  month  unit_price  lines  allowed   charge
-- 77001  commercial   99213      ''               false        24315  92.0000     31     2852.00   4650.00
-- 77001  commercial   99213      ''               false        24325  94.7600     12     1137.12   1800.00
-- 15202  medicare     71046      26               true         24315  9.1200      4      36.48     160.00
--
-- What payers allowed for a unit: payment, the patient's share and what law keeps back (sequestration), or the amount the payer
-- names (AMT B6); interest is no part. The latest answer of each line of the primary payer counts. Lines refused in part,
-- paid after another payer, by head or at the price of a further procedure tell no price, nor do payments taken back.
WITH told AS (
    SELECT remittance_id, line_number,
        sum(CASE WHEN class = 'patient_share' OR (group_code = 'PR' AND class <> 'contract') THEN amount ELSE 0 END) AS patient_share,
        sum(CASE WHEN class IN ('regulatory', 'incentive') AND coalesce(group_code, '') <> 'PR' THEN amount ELSE 0 END) AS kept_back,
        bool_or((refuses AND amount <> 0) OR class IN ('prior_payer', 'pending', 'capitation', 'lifted')
            OR list_contains(getvariable('reduced_carcs'), carc)) AS tells_no_price
    FROM classified_adjustments GROUP BY remittance_id, line_number),
answered AS (
    SELECT s.remittance_id, s.line_number, coalesce(d.payer_id, d.payer_name, '') AS payer, p.payer_class,
        coalesce(l.procedure, l.revenue_code) AS procedure, l.modifiers, d.place_of_service, coalesce(l.service_date, d.service_date, d.known_on) AS service_date,
        coalesce(nullif(l.units, 0), 1) AS units, coalesce(l.charge, d.charge) AS charge, coalesce(l.paid, d.paid) AS paid, l.allowed
    FROM standing_lines s
    JOIN decisions d ON d.remittance_id = s.remittance_id
    JOIN decision_payers p ON p.remittance_id = s.remittance_id
    LEFT JOIN remittance_lines l ON l.remittance_id = s.remittance_id AND l.line_number = s.line_number
    LEFT JOIN told w ON w.remittance_id = s.remittance_id AND w.line_number = 0
    ANTI JOIN take_back_pairs t ON t.paid_remittance_id = s.remittance_id
    WHERE s.payer_order = 'P' AND (s.line_number > 0 OR d.lines = 0) AND NOT coalesce(w.tells_no_price, false)),
allowed AS (
    SELECT a.*, CAST(coalesce(nullif(a.allowed, 0), a.paid + coalesce(t.patient_share, 0) + coalesce(t.kept_back, 0)) AS DECIMAL(14, 2)) AS told_allowed
    FROM answered a LEFT JOIN told t ON t.remittance_id = a.remittance_id AND t.line_number = a.line_number
    WHERE a.charge > 0 AND a.units > 0 AND NOT coalesce(t.tells_no_price, false))
SELECT a.payer, a.payer_class, a.procedure, coalesce(m.price_modifiers, '') AS price_modifiers,
    list_contains(getvariable('facility_places'), coalesce(a.place_of_service, '')) AS is_facility,
    year(a.service_date) * 12 + month(a.service_date) AS month, CAST(a.told_allowed / a.units AS DECIMAL(14, 4)) AS unit_price,
    count(*) AS lines, sum(a.told_allowed) AS allowed, sum(a.charge) AS charge, sum(a.units) AS units
FROM allowed a LEFT JOIN price_modifiers_of m ON m.modifiers = a.modifiers
WHERE a.told_allowed > 0
GROUP BY 1, 2, 3, 4, 5, 6, 7
