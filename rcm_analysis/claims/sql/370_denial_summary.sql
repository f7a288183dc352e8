-- One row per claim with a refused line
-- claim_number  initially_denied  denied_now  denied_amount  category       last_denied_on
-- A1            true              false       250.00         authorization  2026-02-01
-- B7            false             false       0.00           bundling       2026-02-03
-- C2            true              true        300.00         timely_filing  2026-02-09
SELECT r.claim_number,
    bool_or(NOT r.is_partial AND t.in_first) AS initially_denied,
    sum(CASE WHEN NOT r.is_partial AND t.in_first THEN least(r.denied_amount, r.charge) ELSE 0 END) AS denied_amount,
    sum(CASE WHEN NOT r.is_partial AND t.in_first THEN r.charge ELSE 0 END) AS denied_charge,
    bool_or(NOT r.is_partial) AS ever_denied,
    bool_or(NOT r.is_partial AND t.in_last) AS denied_now,
    bool_and(r.unprocessable) FILTER (WHERE NOT r.is_partial AND t.in_first) AS unprocessable,
    bool_and(r.unprocessable) FILTER (WHERE NOT r.is_partial AND t.in_last) AS unprocessable_now,
    arg_max(r.category, r.weight) AS category, arg_max(r.group_code, r.weight) AS group_code,
    arg_max(r.carc, r.weight) AS carc, nullif(arg_max(coalesce(r.rarc, ''), r.weight), '') AS rarc,
    arg_max(r.category, r.last_weight) AS last_category, nullif(arg_max(coalesce(r.leaf, ''), r.last_weight), '') AS last_leaf,
    arg_max(r.procedure, r.last_weight) AS last_procedure,
    max(r.decided_on) AS last_denied_on
FROM (SELECT x.*,
        row_number() OVER (PARTITION BY claim_number ORDER BY x.is_partial DESC, x.decided_on DESC, x.denied_amount,
            x.remittance_id DESC, x.line_number DESC) AS weight,
        row_number() OVER (PARTITION BY claim_number ORDER BY x.is_partial DESC, x.carc = getvariable('upheld') DESC, x.decided_on,
            x.denied_amount, x.remittance_id DESC, x.line_number DESC) AS last_weight
      FROM refused_lines x) r
JOIN decision_parts t USING (remittance_id)
GROUP BY r.claim_number
