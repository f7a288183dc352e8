-- Write offs
SELECT claim_number, posted_on, amount, code, reason, leaf, root, basis, remit_category, mismatch FROM posted_write_offs
UNION ALL
SELECT claim_number, given_up_on, written_off, NULL, NULL, write_off_leaf, write_off_root, 'inferred', last_category, false
FROM claims WHERE given_up_on IS NOT NULL
