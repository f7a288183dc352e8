-- Denials
SELECT r.claim_number, r.line_number, r.decided_on, r.payer_id, r.payer_name, r.procedure, r.modifiers,
    coalesce(r.rendering_npi, c.rendering_npi) AS rendering_npi, c.location, r.charge, r.denied_amount,
    r.group_code, r.carc, r.rarc, r.rarcs, r.category, r.class, r.reason_text,
    coalesce(t.stage, u.stage) AS stage, coalesce(t.owner, u.owner) AS owner,
    coalesce(t.preventable, u.preventable) AS preventable, coalesce(t.recoverable, u.recoverable) AS recoverable,
    coalesce(t.fix, u.fix) AS fix, row_number() OVER (
        PARTITION BY r.claim_number, r.line_key ORDER BY r.is_partial, r.decided_on, r.remittance_id, r.line_number) = 1 AS is_first,
    coalesce(f.in_first, false) AS at_first_decision, r.is_partial, r.unprocessable, r.payer_order,
    c.service_date, c.submitted_on
FROM refused_lines r
JOIN claims c USING (claim_number)
LEFT JOIN decision_parts f ON f.remittance_id = r.remittance_id
LEFT JOIN carc t ON t.carc = r.carc
-- a denial without a code is worked as most codes of its category are
LEFT JOIN category_habits u ON r.carc IS NULL AND u.category = r.category
