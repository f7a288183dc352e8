-- One row per posting of the ledger, numbered, with the leaf that the practice's own words tell
-- posting  claim_number  kind        amount   code  reason       told_leaf
-- 1        A1            charge      250.00   NULL  NULL         NULL
-- 2        A1            adjustment  -50.00   CO45  contractual  contractual
-- 3        C2            adjustment  -300.00  X7    NULL         unclassified
--
-- Postings with the leaf that the practice's own words tell
SELECT row_number() OVER (ORDER BY l.file_id, l.row, l.kind, l.amount, l.code, l.reason) AS posting,
    coalesce(k.claim_number, l.claim_number) AS claim_number, l.known_on, l.row, l.kind, l.posted_by, l.amount, l.code,
    l.reason, l.payer_name, l.procedure, l.location, l.service_date, r.leaf AS told_leaf
FROM ledger l
LEFT JOIN claim_links k ON k.own_number = l.claim_number
LEFT JOIN posting_reasons r ON r.code = coalesce(l.code, '') AND r.reason = coalesce(l.reason, '')
    AND r.word_leaf = coalesce(l.word_leaf, '')
