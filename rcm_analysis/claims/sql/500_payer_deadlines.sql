-- Days of each clock: of the row that names the payer, where the claim is of that row's class, else of the class
WITH named AS (
    SELECT coalesce(payer_name, '') AS payer_name FROM submissions UNION SELECT coalesce(payer_name, '') FROM remittances
    UNION SELECT coalesce(payer_name, '') FROM ledger UNION SELECT '')
SELECT n.payer_name, d.payer_class, d.clock, max_by(CAST(d.days AS INTEGER), (d.payer_pattern <> '', d.valid_from)) AS days
FROM named n JOIN deadlines d ON d.payer_pattern = '' OR regexp_matches(lower(n.payer_name), d.payer_pattern)
GROUP BY n.payer_name, d.payer_class, d.clock
