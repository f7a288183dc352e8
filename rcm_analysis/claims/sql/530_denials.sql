-- One row per service line refused in one decision
-- claim_number  line_number  decided_on  carc  category       denied_amount  is_first  is_partial
-- A1            1            2026-02-01  197   authorization  200.00         true      false
-- A1            1            2026-03-04  197   authorization  200.00         false     false
-- B7            2            2026-02-03  97    bundling       35.00          true      true
--
-- Refused lines of each decision, with what they mean, who works them and what became of the line
SELECT r.claim_number, r.line_number, r.decided_on, r.payer_id, r.payer_name, r.procedure, r.modifiers,
    coalesce(r.rendering_npi, c.rendering_npi) AS rendering_npi, c.location, r.charge, r.denied_amount,
    r.group_code, r.carc, r.rarc, r.rarcs, r.category, r.class, r.reason_text,
    CASE WHEN t.category = r.category THEN t.stage ELSE coalesce(u.stage, t.stage) END AS stage,
    coalesce(CASE WHEN NOT r.told_by_words THEN nullif(r.owner, 'none') END, u.owner, t.owner) AS owner,
    CASE WHEN t.category = r.category THEN t.preventable ELSE coalesce(u.preventable, t.preventable) END AS preventable,
    coalesce(CASE WHEN NOT r.told_by_words THEN nullif(r.recoverable, '') END, u.recoverable, t.recoverable) AS recoverable,
    coalesce(CASE WHEN NOT r.told_by_words THEN nullif(r.fix, '') END, u.fix, t.fix) AS fix, row_number() OVER (
        PARTITION BY r.claim_number, r.line_key ORDER BY r.is_partial, r.decided_on, r.remittance_id, r.line_number) = 1 AS is_first,
    coalesce(f.in_first, false) AS at_first_decision, r.is_partial, r.unprocessable, r.payer_order,
    c.service_date, c.submitted_on,
    CASE WHEN r.is_partial AND o.outcome IS NULL THEN CASE WHEN r.group_code = 'PR' THEN 'patient' WHEN c.open_balance > 0 THEN 'open'
            WHEN c.written_off > 0 THEN 'lost' ELSE 'recovered' END
        WHEN o.outcome = 'recovered' AND o.paid > 0 AND b.claim_number IS NOT NULL THEN 'partly_recovered' ELSE coalesce(o.outcome, 'open') END AS outcome,
    coalesce(CASE WHEN NOT r.told_by_words THEN nullif(r.route, '') END, u.route, t.route) AS route,
    CASE WHEN r.told_by_words THEN k.leaf ELSE coalesce(nullif(r.leaf, ''), k.leaf) END AS leaf, nullif(r.situation, '') AS situation,
    r.payer_class, o.outcome_on, e.expected_allowed, e.expected_lower, e.expected_upper, e.expected_basis, e.expected_lines, e.expected_cash
FROM refused_lines r
JOIN claims c USING (claim_number)
LEFT JOIN denied_line_outcomes o ON o.claim_number = r.claim_number AND o.line_key = r.line_key
LEFT JOIN (SELECT DISTINCT claim_number, remittance_id, line_number FROM refused_lines WHERE is_partial) b
    ON b.claim_number = r.claim_number AND b.remittance_id = o.remittance_id AND b.line_number = o.last_line_number
LEFT JOIN decision_parts f ON f.remittance_id = r.remittance_id
LEFT JOIN expected_lines e ON e.remittance_id = r.remittance_id AND e.line_number = r.line_number
LEFT JOIN carc t ON t.carc = r.carc
LEFT JOIN category_leaves k ON k.category = r.category
-- a denial without a code, or told by its remark or words, is worked as most codes of its category are
LEFT JOIN category_habits u ON u.category = r.category
ORDER BY r.claim_number, r.decided_on, r.remittance_id, r.line_number
