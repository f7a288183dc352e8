-- Posting classes
SELECT coalesce(k.claim_number, l.claim_number) AS claim_number, l.known_on, l.row, l.kind, l.posted_by, l.amount, l.code,
    l.reason, l.procedure, l.payer_name, l.location, l.service_date, r.leaf AS told_leaf
FROM ledger l
LEFT JOIN claim_links k ON k.own_number = l.claim_number
LEFT JOIN posting_reasons r ON r.code = coalesce(l.code, '') AND r.reason = coalesce(l.reason, '')
