-- One row per payer, month of posting and kind of gap
-- payer_name   month    kind           claims  payments  amount     told
-- ACME HEALTH  2026-03  gap            36      38        41200.00   112
-- ACME HEALTH  2025-12  before_first   90      96        80110.00   0
-- LIBERTY      2026-05  none_of_payer  4       4         2150.00    0
--
-- Insurers' payments in the ledger that no remittance tells. A day's payment on a claim is told where an answer pays as
-- much; where answers pay the claim as much in all, it was only posted in other parts. No more is missing than the
-- ledger has beyond the answers.
WITH posted AS (
    SELECT claim_number, known_on, coalesce(payer_name, '') AS ledger_name, count(*) AS payments, -sum(amount) AS amount
    FROM posting_classes WHERE kind = 'payment' AND posted_by = 'insurance'
    GROUP BY 1, 2, 3 HAVING -sum(amount) > 0),
answers AS (
    SELECT claim_number, sum(CASE WHEN paid > 0 THEN paid ELSE 0 END) AS paid FROM decisions GROUP BY claim_number),
beyond AS (
    SELECT p.claim_number, sum(p.amount) - max(coalesce(a.paid, 0)) AS amount
    FROM posted p LEFT JOIN answers a ON a.claim_number = p.claim_number GROUP BY p.claim_number),
untold AS (
    SELECT p.claim_number, p.known_on, p.ledger_name, p.payments, least(p.amount, b.amount) AS amount
    FROM posted p JOIN beyond b ON b.claim_number = p.claim_number
    LEFT JOIN (SELECT DISTINCT claim_number, paid FROM decisions WHERE paid > 0) e
        ON e.claim_number = p.claim_number AND e.paid = p.amount
    WHERE e.claim_number IS NULL AND b.amount > getvariable('mismatch_usd')),
named AS (
    SELECT u.*, coalesce(k.payer_name, nullif(u.ledger_name, ''), s.payer_name, 'not named') AS payer_name,
        date_trunc('month', u.known_on) AS month
    FROM untold u LEFT JOIN payer_links k ON k.ledger_name = u.ledger_name
    LEFT JOIN submission_summary s ON s.claim_number = u.claim_number),
arrived AS (
    SELECT payer_name, date_trunc('month', known_on) AS month, count(*) AS told FROM decisions
    WHERE payer_name IS NOT NULL GROUP BY 1, 2),
reach AS (SELECT payer_name, min(month) AS first_month, max(month) AS last_month FROM arrived GROUP BY payer_name)
SELECT n.payer_name, strftime(n.month, '%Y-%m') AS month,
    CASE WHEN r.payer_name IS NULL THEN 'none_of_payer' WHEN n.month < r.first_month THEN 'before_first'
        WHEN n.month > r.last_month THEN 'after_last' ELSE 'gap' END AS kind,
    CAST(count(DISTINCT n.claim_number) AS INTEGER) AS claims, CAST(sum(n.payments) AS INTEGER) AS payments,
    CAST(sum(n.amount) AS DECIMAL(14, 2)) AS amount,
    CAST(coalesce(max(a.told), 0) AS INTEGER) AS told
FROM named n LEFT JOIN arrived a ON a.payer_name = n.payer_name AND a.month = n.month
LEFT JOIN reach r ON r.payer_name = n.payer_name
GROUP BY 1, 2, 3
