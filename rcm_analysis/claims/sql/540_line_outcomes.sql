-- One row per line of a submitted or answered claim
-- claim_number  line_number  procedure  charge  outcome    outcome_on
-- A1            1            70553      250.00  recovered  2026-03-04
-- B7            1            99213      90.00   paid       2026-02-03
-- Z1            1            99213      120.00  undecided  NULL
--
-- What became of each line of a submitted claim
WITH sent AS (
    SELECT coalesce(k.claim_number, s.claim_number) AS claim_number, l.line_number, l.procedure, l.charge,
        row_number() OVER (PARTITION BY coalesce(k.claim_number, s.claim_number), l.line_number ORDER BY s.known_on, s.submission_id) AS place
    FROM submissions s JOIN submission_lines l USING (submission_id) LEFT JOIN claim_links k ON k.own_number = s.claim_number),
answered AS (
    SELECT l.claim_number, l.line_number, l.procedure, l.charge, CASE
            WHEN o.outcome = 'open_past_window' THEN 'open'
            WHEN o.outcome IS NOT NULL THEN o.outcome
            WHEN l.capitated THEN 'capitated' WHEN l.pending THEN 'undecided'
            WHEN w.first_on < l.first_on THEN 'recovered' ELSE 'paid' END AS outcome,
        coalesce(o.outcome_on, CASE WHEN o.outcome IS NULL THEN l.first_on END) AS outcome_on
    FROM line_lives l LEFT JOIN denied_line_outcomes o ON o.claim_number = l.claim_number AND o.line_key = l.line_key
    -- a line answered after its claim had been refused as a whole
    LEFT JOIN (SELECT claim_number, min(first_on) AS first_on FROM denied_line_outcomes WHERE line_key = '' GROUP BY claim_number) w
        ON w.claim_number = l.claim_number AND l.line_key <> '')
SELECT claim_number, line_number, procedure, charge, outcome, outcome_on FROM answered
UNION ALL
SELECT s.claim_number, s.line_number, s.procedure, s.charge, coalesce(w.outcome, 'undecided'), NULL
FROM sent s ANTI JOIN answered a ON a.claim_number = s.claim_number AND a.line_number = s.line_number
LEFT JOIN (SELECT claim_number, max(outcome) AS outcome FROM answered WHERE line_number = 0 GROUP BY claim_number) w ON w.claim_number = s.claim_number
WHERE s.place = 1
