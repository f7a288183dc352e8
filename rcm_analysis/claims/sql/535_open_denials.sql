-- One row per claim with a refused or taken-back line that is still open
-- claim_number  at_stake  open_balance  expected_allowed  expected_cash  share
-- B7            35.00     35.00         18.20             15.80          0.87
-- C2            210.00    240.00        92.00             76.30          0.83
-- E1            60.00     60.00         60.00             NULL           0.80
--
-- What is open of each denied claim and what working it is expected to bring: of the lines that its last refusal names, the
-- part that is still owed. Every page and list that tells of open denials reads this. A refusal under PR is the patient's on
-- paper: until the practice moves it, its line is open all the same.
WITH refused AS (
    SELECT claim_number, sum(t.denied_amount) AS refused, sum(e.expected_allowed) AS expected_allowed, sum(e.expected_cash) AS expected_cash,
        avg(s.share) AS share
    FROM (SELECT *, max(decided_on) OVER (PARTITION BY claim_number) AS latest FROM troubled_lines) t
    LEFT JOIN (SELECT remittance_id, line_number, expected_allowed, expected_cash FROM expected_lines) e
        ON e.remittance_id = t.remittance_id AND e.line_number = t.line_number
    LEFT JOIN decision_payers p ON p.remittance_id = t.remittance_id
    LEFT JOIN worked_shares s ON s.category = t.category AND s.payer_class = p.payer_class
    WHERE t.decided_on = t.latest GROUP BY claim_number),
-- the whole refusal, up to rounding, was moved to the patient
answered AS (
    SELECT claim_number, decided_on, sum(denied_amount) AS refused FROM troubled_lines WHERE NOT is_partial GROUP BY claim_number, decided_on
    QUALIFY row_number() OVER (PARTITION BY claim_number ORDER BY decided_on DESC) = 1),
moved AS (
    SELECT c.claim_number FROM claims c JOIN posting_classes l ON l.claim_number = c.claim_number JOIN answered a ON a.claim_number = c.claim_number
    WHERE l.kind = 'transfer' AND l.known_on >= c.last_denied_on
    GROUP BY c.claim_number, a.refused, c.group_code, c.patient_share
    HAVING abs(sum(l.amount)) >= a.refused + CASE WHEN c.group_code = 'PR' THEN 0 ELSE c.patient_share END - 0.50),
lines AS (
    SELECT claim_number, sum(CASE WHEN group_code = 'PR' THEN amount ELSE 0 END) AS patient_amount FROM denied_line_outcomes
    WHERE outcome IN ('open', 'open_past_window') GROUP BY claim_number),
owed AS (
    SELECT c.claim_number, greatest(c.open_balance, l.patient_amount) AS open_balance, r.refused, r.expected_allowed, r.expected_cash, r.share,
        least(greatest(c.open_balance, l.patient_amount), r.refused) AS at_stake
    FROM claims c JOIN lines l ON l.claim_number = c.claim_number JOIN answered a ON a.claim_number = c.claim_number
    JOIN refused r ON r.claim_number = c.claim_number LEFT JOIN moved m ON m.claim_number = c.claim_number
    WHERE m.claim_number IS NULL AND c.state NOT IN ('voided', 'pending', 'forwarded') AND greatest(c.open_balance, l.patient_amount) > 0)
SELECT claim_number, CAST(at_stake AS DECIMAL(14, 2)) AS at_stake, CAST(open_balance AS DECIMAL(14, 2)) AS open_balance,
    CAST(expected_allowed * CASE WHEN refused > 0 THEN at_stake / refused ELSE 0 END AS DECIMAL(14, 2)) AS expected_allowed,
    CAST(expected_cash * CASE WHEN refused > 0 THEN at_stake / refused ELSE 0 END AS DECIMAL(14, 2)) AS expected_cash,
    CAST(share AS DOUBLE) AS share
FROM owed
