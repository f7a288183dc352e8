-- One row per payer, class of payer and clock
-- payer_name       payer_class  clock           days
-- ACME             commercial   initial_filing  180
-- ACME             commercial   appeal_level_1  180
-- MEDICARE PART B  medicare     initial_filing  365
--
-- Days of each deadline: the practice's contract with the payer, else the row that names the payer where the claim is of
-- that row's class, else the class's usual ones. Confirmed are only contracts: the others sort and warn.
-- Grain: payer as named in any file x payer class x deadline.
--
--     payer_name   payer_class  clock           days  years  confidence  confirmed
--     ACME HEALTH  commercial   appeal_level_1  180          contract    true
--     ACME HEALTH  commercial   initial_filing  90           default     false
--     MEDICARE B   medicare     initial_filing  365   1      primary     false       a calendar year
WITH named AS (
    SELECT coalesce(payer_name, '') AS payer_name FROM submissions UNION SELECT coalesce(payer_name, '') FROM remittances
    UNION SELECT coalesce(payer_name, '') FROM ledger UNION SELECT ''),
usual AS (
    SELECT n.payer_name, d.payer_class, d.clock, d.unit, CAST(d.days AS INTEGER) AS number, d.source, d.confidence,
        row_number() OVER (PARTITION BY n.payer_name, d.payer_class, d.clock
            ORDER BY d.payer_pattern <> '' DESC, d.valid_from DESC, CAST(d.days AS INTEGER) DESC) AS place
    FROM named n JOIN deadlines d ON d.payer_pattern = '' OR regexp_matches(lower(n.payer_name), d.payer_pattern)),
terms AS (
    SELECT lower(trim(payer)) AS payer, valid_from, source, 'initial_filing' AS clock, filing_days AS number FROM contracts
    UNION ALL SELECT lower(trim(payer)), valid_from, source, 'corrected_claim', corrected_days FROM contracts
    UNION ALL SELECT lower(trim(payer)), valid_from, source, 'appeal_level_1', appeal_days FROM contracts),
agreed AS (
    SELECT payer, clock, number, source FROM (
        SELECT t.*, row_number() OVER (PARTITION BY payer, clock ORDER BY valid_from DESC NULLS LAST, number) AS place
        FROM terms t
        WHERE number IS NOT NULL AND coalesce(valid_from, DATE '1900-01-01') <= getvariable('as_of'))
    WHERE place = 1)
SELECT u.payer_name, u.payer_class, u.clock,
    coalesce(a.number, CASE WHEN u.unit = 'year' THEN 365 * u.number ELSE u.number END) AS days,
    CASE WHEN a.number IS NULL AND u.unit = 'year' THEN u.number END AS years,
    coalesce(a.source, u.source) AS source, CASE WHEN a.number IS NULL THEN u.confidence ELSE 'contract' END AS confidence,
    a.number IS NOT NULL AS confirmed
FROM usual u LEFT JOIN agreed a ON a.payer = lower(u.payer_name) AND a.clock = u.clock
WHERE u.place = 1
