-- One row per payer that paid, and one for the practice
-- payer  ratio  lines
-- 77001  0.61   812
-- 15202  0.38   1630
-- NULL   0.47   2442
--
-- What payers usually allow of a dollar charged, in the last twelve months of service with payments: where no price is known
WITH latest AS (SELECT *, max(month) OVER (PARTITION BY payer) AS last_month, max(month) OVER () AS practice_month FROM paid_prices)
SELECT payer, CAST(sum(allowed) AS DOUBLE) / CAST(sum(charge) AS DOUBLE) AS ratio, CAST(sum(lines) AS INTEGER) AS lines
FROM latest WHERE month > last_month - 12 GROUP BY payer
UNION ALL
SELECT NULL, CAST(sum(allowed) AS DOUBLE) / CAST(sum(charge) AS DOUBLE), CAST(sum(lines) AS INTEGER)
FROM latest WHERE month > practice_month - 12 HAVING count(*) > 0
