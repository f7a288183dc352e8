-- One row per claim that was decided
-- claim_number  remittance_id  first_decided_on  last_remittance_id  last_decided_on
-- A1            11             2026-02-01        12                  2026-03-04
-- B7            14             2026-02-03        14                  2026-02-03
-- C2            15             2026-02-09        15                  2026-02-09
SELECT claim_number, min_by(remittance_id, place) AS remittance_id, min(known_on) AS first_decided_on,
    max(known_on) AS last_decided_on, max_by(remittance_id, place) AS last_remittance_id
FROM (SELECT *, row_number() OVER (PARTITION BY claim_number ORDER BY known_on, remittance_id) AS place
      FROM decisions WHERE counts)
GROUP BY claim_number
