-- Write-offs. Only what the practice posted is one: a usual deadline warns, it never gives up a dollar
SELECT claim_number, posted_on, amount, code, reason, leaf, root, basis, remit_category, mismatch FROM posted_write_offs
