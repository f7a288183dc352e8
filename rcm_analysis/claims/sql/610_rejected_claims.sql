-- One row per claim rejected and never accepted or sent again
-- claim_number  rejected_on  rejected_by    code      open_balance  filing_deadline  days_left
-- A1            2026-01-12   payer          A7:164    250.00        2026-07-04       21
-- B7            2026-02-24   remittance     16 MA130  90.00         2026-05-21       -23
-- C2            2026-03-02   clearinghouse  A6:500    300.00        NULL             NULL
--
-- Rejected and never accepted or sent again: by a 277CA, or by a remittance that calls the claim unprocessable
WITH last_status AS (
    SELECT claim_number, max(known_on) AS rejected_on, max_by(category, (known_on, segment)) AS category,
        max_by(status_code, (known_on, segment)) AS status_code, max_by(source, (known_on, segment)) AS source
    FROM claim_statuses WHERE rejected GROUP BY 1)
SELECT c.claim_number, c.payer_name, c.location, c.service_date, c.submitted_on,
    coalesce(s.rejected_on, c.last_denied_on) AS rejected_on, coalesce(s.source, 'remittance') AS rejected_by,
    coalesce(s.category || ':' || s.status_code, c.carc || coalesce(' ' || c.rarc, '')) AS code,
    coalesce(r.label, CASE WHEN s.source = 'receiver' THEN 'the whole file was refused'
        WHEN s.claim_number IS NULL THEN 'returned as unprocessable (MA130): submit a new claim' ELSE 'rejected' END) AS reason,
    CASE WHEN s.source = 'receiver' THEN 'Correct what its answer (999 or TA1) names and send the whole file again.' ELSE r.fix END AS fix,
    c.charge, c.open_balance, c.filing_deadline, date_diff('day', getvariable('as_of'), c.filing_deadline) AS days_left,
    CAST(least(c.open_balance, coalesce(c.expected_allowed, c.open_balance * coalesce(u.ratio, n.ratio))) AS DECIMAL(14, 2)) AS expected_allowed
FROM claims c
LEFT JOIN last_status s ON s.claim_number = c.claim_number AND c.state = 'rejected'
LEFT JOIN usual_ratios u ON u.payer = coalesce(c.payer_id, c.payer_name, '')
LEFT JOIN (SELECT ratio FROM usual_ratios WHERE payer IS NULL) n ON true
LEFT JOIN claim_status_reasons r ON r.status_code = s.status_code
WHERE c.state = 'rejected' OR (c.unprocessable_now AND c.state IN ('denied_open', 'open_past_window'))
