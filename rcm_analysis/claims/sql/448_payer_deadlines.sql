-- One row per payer, class of payer, clock and time for which its length holds
-- payer_name       payer_class  clock           days  valid_from  valid_to    confirmed
-- ACME             commercial   initial_filing  180   2026-01-01  2026-12-31  true
-- ACME             commercial   initial_filing  90    1900-01-01  9999-12-31  false
-- MEDICARE PART B  medicare     initial_filing  365   1900-01-01  9999-12-31  false
--
-- Days of each deadline: the terms of the practice's contracts, each for its own time, and what is usual for the payer or
-- its class, which holds where no contract does. Confirmed are only contracts: the others sort and warn. `longest_days` is
-- the longest that the terms of a payer's plans, or the sources of a usual deadline, give: no earlier is anything too late.
WITH named AS (
    SELECT coalesce(payer_name, '') AS payer_name FROM submissions UNION SELECT coalesce(payer_name, '') FROM remittances
    UNION SELECT coalesce(payer_name, '') FROM ledger UNION SELECT ''),
usual AS (
    SELECT n.payer_name, d.payer_class, d.clock, d.unit, CAST(d.days AS INTEGER) AS number, CAST(nullif(d.longest_days, '') AS INTEGER) AS longest,
        d.source, d.confidence,
        row_number() OVER (PARTITION BY n.payer_name, d.payer_class, d.clock
            ORDER BY d.payer_pattern <> '' DESC, d.valid_from DESC, CAST(d.days AS INTEGER) DESC) AS place
    FROM named n JOIN deadlines d ON d.payer_pattern = '' OR regexp_matches(lower(n.payer_name), d.payer_pattern)),
terms AS (
    SELECT lower(trim(payer)) AS payer, payer_class, valid_from, valid_to, source, 'initial_filing' AS clock, filing_days AS number FROM contracts
    UNION ALL SELECT lower(trim(payer)), payer_class, valid_from, valid_to, source, 'corrected_claim', corrected_days FROM contracts
    UNION ALL SELECT lower(trim(payer)), payer_class, valid_from, valid_to, source, 'appeal_level_1', appeal_days FROM contracts
    UNION ALL SELECT lower(trim(payer)), payer_class, valid_from, valid_to, source, 'take_back_dispute', dispute_days FROM contracts),
-- plans of one payer in one time together: which of them a claim is of is not known, the shortest warns
agreed AS (
    SELECT payer, coalesce(payer_class, '') AS payer_class, clock, coalesce(valid_from, DATE '1900-01-01') AS valid_from,
        max(coalesce(valid_to, DATE '9999-12-31')) AS valid_to, min(number) AS number, max(number) AS longest, min(source) AS source
    FROM terms WHERE number IS NOT NULL GROUP BY 1, 2, 3, 4),
-- later terms end earlier ones
dated AS (
    SELECT payer, payer_class, clock, valid_from, number, longest, source,
        least(valid_to, coalesce(lead(valid_from) OVER (PARTITION BY payer, payer_class, clock ORDER BY valid_from) - INTERVAL 1 DAY, valid_to)) AS valid_to
    FROM agreed)
SELECT payer_name, payer_class, clock, CASE WHEN unit = 'year' THEN 365 * number ELSE number END AS days,
    CASE WHEN unit = 'year' THEN number END AS years,
    greatest(coalesce(longest, 0), CASE WHEN unit = 'year' THEN 366 * number ELSE number END) AS longest_days,
    source, confidence, false AS confirmed, DATE '1900-01-01' AS valid_from, DATE '9999-12-31' AS valid_to
FROM usual WHERE place = 1
UNION ALL
SELECT u.payer_name, u.payer_class, u.clock, d.number, CAST(NULL AS INTEGER), d.longest, coalesce(d.source, 'contract of the practice'), 'contract', true,
    d.valid_from, CAST(d.valid_to AS DATE)
FROM (SELECT DISTINCT n.payer_name, c.payer_class, k.clock FROM named n CROSS JOIN (SELECT DISTINCT payer_class FROM deadlines) c
    CROSS JOIN (SELECT DISTINCT clock FROM terms) k) u
JOIN dated d ON d.payer = lower(u.payer_name) AND d.clock = u.clock AND d.payer_class IN ('', u.payer_class)
