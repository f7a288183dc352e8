-- One row per line whose denial a listing tells in words
-- remittance_id  line_number  reason_text      category
-- 21             0            no auth on file  authorization
-- 22             0            coverage termed  eligibility
-- 23             1            see notes        NULL
--
-- Words of a listing tell the category where it gives no code, or one that says nothing by itself
SELECT d.remittance_id, d.line_number, d.reason_text, k.category
FROM denial_reasons d LEFT JOIN word_categories k USING (reason_text)
