-- One row per rung, key and month of service that a price is asked for
-- rung  price_key            month  unit_price  lower    upper    lines
-- 1     77001|99213||false   24315  92.0000     92.0000  92.0000  31
-- 1     77001|99213||false   24325  94.7600     92.0000  94.7600  6
-- 3     commercial|71046|26  24316  12.4000     9.1200   15.3000  9
--
-- The weighted median of the payments nearest in month of service, whole months until there are enough, with the range that
-- holds four of five. A payment fades with each month between, and beyond a 1 January more.
WITH asked AS (SELECT DISTINCT rung, price_key, month FROM asked_lines WHERE rung IS NOT NULL),
near AS (
    SELECT a.rung, a.price_key, a.month, p.unit_price, p.lines,
        abs(a.month - p.month) + CASE WHEN floor((a.month - 1) / 12) <> floor((p.month - 1) / 12) THEN getvariable('year_months') ELSE 0 END AS distance
    FROM asked a JOIN price_rungs p ON p.rung = a.rung AND p.price_key = a.price_key),
nearer AS (
    SELECT *, sum(lines) OVER (PARTITION BY rung, price_key, month ORDER BY distance RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS nearer_lines
    FROM near),
weighed AS (
    SELECT *, lines * power(getvariable('price_fade'), distance) AS weight FROM nearer WHERE coalesce(nearer_lines, 0) < getvariable('enough_prices')),
placed AS (
    SELECT *, sum(weight) OVER (PARTITION BY rung, price_key, month ORDER BY unit_price) / sum(weight) OVER (PARTITION BY rung, price_key, month) AS place
    FROM weighed)
SELECT rung, price_key, month, min(CASE WHEN place >= 0.499999 THEN unit_price END) AS unit_price,
    min(CASE WHEN place >= 0.1 THEN unit_price END) AS lower, min(CASE WHEN place >= 0.899999 THEN unit_price END) AS upper,
    CAST(sum(lines) AS INTEGER) AS lines
FROM placed GROUP BY rung, price_key, month
