-- One row per posting of the ledger, with the leaf that its words tell
-- claim_number  known_on    kind        amount   reason       told_leaf
-- A1            2026-01-05  charge      250.00   NULL         NULL
-- A1            2026-03-10  adjustment  -50.00   contractual  contractual
-- C2            2026-05-02  write_off   -300.00  per manager  unclassified
--
-- Postings with the leaf that words tell, or that was learned from the remittances where they tell none
SELECT p.claim_number, p.known_on, p.row, p.kind, p.posted_by, p.amount, p.code, p.reason, p.procedure, p.payer_name, p.location,
    p.service_date,
    CASE WHEN m.is_confirmed OR p.told_leaf = 'unclassified' THEN coalesce(m.leaf, p.told_leaf) ELSE p.told_leaf END AS told_leaf,
    CASE WHEN m.is_confirmed THEN 'confirmed' WHEN p.told_leaf <> 'unclassified' THEN 'words' ELSE m.evidence END AS evidence,
    CASE WHEN m.is_confirmed THEN 1.0 WHEN p.told_leaf <> 'unclassified' THEN 0.95 ELSE m.confidence END AS confidence,
    m.denial_leaf, coalesce(m.on_paper, false) AS on_paper
FROM worded_postings p
LEFT JOIN posting_meanings m USING (posting)
