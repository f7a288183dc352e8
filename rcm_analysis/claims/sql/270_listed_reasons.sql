-- Words of a listing tell the category where it gives no code, or one that says nothing by itself
SELECT d.remittance_id, d.line_number, d.reason_text, k.category
FROM denial_reasons d LEFT JOIN word_categories k USING (reason_text)
