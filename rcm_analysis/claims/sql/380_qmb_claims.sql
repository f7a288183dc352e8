-- One row per claim of a Qualified Medicare Beneficiary
-- claim_number
-- A1
-- C2
-- D4
--
-- Claims of Qualified Medicare Beneficiaries by the payer's word (N781 to N783): nothing may be collected from the patient
SELECT DISTINCT d.claim_number FROM line_remarks m JOIN decisions d USING (remittance_id) WHERE m.qmb
