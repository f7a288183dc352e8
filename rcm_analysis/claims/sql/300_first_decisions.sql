-- First decisions
SELECT claim_number, min_by(remittance_id, place) AS remittance_id, min(known_on) AS first_decided_on,
    max(known_on) AS last_decided_on, max_by(remittance_id, place) AS last_remittance_id
FROM (SELECT *, row_number() OVER (PARTITION BY claim_number ORDER BY known_on, remittance_id) AS place
      FROM decisions WHERE counts)
GROUP BY claim_number
