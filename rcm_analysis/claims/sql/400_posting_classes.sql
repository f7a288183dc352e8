-- One row per posting of the ledger, with the leaf that its words tell
-- claim_number  known_on    kind        amount   reason       told_leaf
-- A1            2026-01-05  charge      250.00   NULL         NULL
-- A1            2026-03-10  adjustment  -50.00   contractual  contractual
-- C2            2026-05-02  write_off   -300.00  per manager  unclassified
SELECT coalesce(k.claim_number, l.claim_number) AS claim_number, l.known_on, l.row, l.kind, l.posted_by, l.amount, l.code,
    l.reason, l.procedure, l.payer_name, l.location, l.service_date, r.leaf AS told_leaf
FROM ledger l
LEFT JOIN claim_links k ON k.own_number = l.claim_number
LEFT JOIN posting_reasons r ON r.code = coalesce(l.code, '') AND r.reason = coalesce(l.reason, '')
