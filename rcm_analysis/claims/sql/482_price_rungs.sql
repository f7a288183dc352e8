-- One row per rung, what prices are told by on it, month of service and price
-- rung  price_key                   month  unit_price  lines
-- 1     77001|99213||false          24315  92.0000     31
-- 2     77001|99213|                24315  92.0000     31
-- 3     commercial|99213|           24315  92.0000     44
--
-- Paid prices as the ladder asks for them: of the payer for procedure, modifiers and kind of place; of the payer at any place;
-- of payers of its class; of any payer. A modifier that changes the price is never left out: a part is no estimate of the whole.
WITH told AS (SELECT *, coalesce(procedure, '') || '|' || price_modifiers AS what FROM paid_prices WHERE procedure IS NOT NULL),
keyed AS (
    SELECT 1 AS rung, payer || '|' || what || '|' || CAST(is_facility AS VARCHAR) AS price_key, month, unit_price, lines FROM told
    UNION ALL SELECT 2, payer || '|' || what, month, unit_price, lines FROM told
    UNION ALL SELECT 3, payer_class || '|' || what, month, unit_price, lines FROM told
    UNION ALL SELECT 4, what, month, unit_price, lines FROM told)
SELECT rung, price_key, month, unit_price, CAST(sum(lines) AS BIGINT) AS lines FROM keyed GROUP BY rung, price_key, month, unit_price
