-- One row per thing that happened to a claim, in order
-- claim_number  step  happened_on  event       kind       paid  link_rule
-- A1            1     2026-01-10   submission  original   NULL  same_claim_number
-- A1            2     2026-02-01   decision    first      0.00  same_claim_number
-- A1            3     2026-02-02   submission  corrected  NULL  payer_claim_number
--
-- What happened to a claim, in order, each step with the rule that ties it to the episode
-- View: derived when somebody asks
WITH sent AS (
    SELECT coalesce(k.claim_number, s.claim_number) AS claim_number, s.claim_number AS own_number, s.known_on,
        s.payer_id, s.payer_name, s.original_reference AS reference, s.charge, s.frequency,
        coalesce(s.payer_order, 'P') AS payer_order, s.submission_id AS source_id
    FROM submissions s LEFT JOIN claim_links k ON k.own_number = s.claim_number),
answered AS (
    SELECT claim_number, own_number, known_on, source_name, payer_claim_number, charge, rejected, segment
    FROM claim_statuses),
submitted AS (
    SELECT s.*, row_number() OVER (PARTITION BY claim_number ORDER BY known_on, payer_order, source_id) AS place,
        first_value(payer_id) OVER (PARTITION BY claim_number ORDER BY known_on, payer_order, source_id) AS first_payer_id
    FROM sent s),
answers AS (
    SELECT s.source_id, max_by(a.rejected, a.known_on) AS rejected
    FROM submitted s JOIN (
        SELECT claim_number, known_on, bool_or(rejected) AS rejected FROM answered GROUP BY 1, 2) a
        ON a.claim_number = s.claim_number AND a.known_on <= s.known_on
    GROUP BY s.source_id),
submitted_kinds AS (
    SELECT s.*, CASE
        WHEN frequency = '8' THEN 'void'
        WHEN payer_order = 'S' THEN 'secondary' WHEN payer_order NOT IN ('P', 'S') THEN 'tertiary'
        WHEN frequency = '7' THEN 'corrected'
        WHEN place = 1 THEN 'original'
        WHEN payer_id IS DISTINCT FROM first_payer_id THEN 'other_payer'
        WHEN a.rejected THEN 'resubmitted'
        ELSE 'repeated' END AS kind
    FROM submitted s LEFT JOIN answers a ON a.source_id = s.source_id),
sent_before AS (
    SELECT d.remittance_id, max_by(s.kind, s.place) AS kind
    FROM decisions d JOIN submitted_kinds s ON s.claim_number = d.claim_number
        AND s.payer_order = coalesce(d.payer_order, 'P') AND s.known_on <= d.known_on
    GROUP BY d.remittance_id),
refusals AS (
    SELECT remittance_id, bool_and(category = 'duplicate') AS only_duplicate
    FROM classified_adjustments WHERE refuses AND amount > 0 GROUP BY remittance_id),
decided AS (
    SELECT d.*, coalesce(d.payer_order, 'P') AS ordered, t.in_first, o.payer_id AS first_payer_id,
        coalesce(r.only_duplicate, false) AND d.paid = 0 AS only_duplicate,
        lag(d.reversal) OVER earlier AS after_reversal, -lag(d.paid) OVER earlier AS reversed_paid,
        s.kind AS sent_kind, bool_or(c.forwarded = 'yes') OVER before AS forwarded
    FROM decisions d
    LEFT JOIN claim_status_codes c USING (status_code)
    LEFT JOIN first_decisions f USING (claim_number)
    LEFT JOIN decisions o ON o.remittance_id = f.remittance_id
    LEFT JOIN decision_parts t ON t.remittance_id = d.remittance_id
    LEFT JOIN refusals r ON r.remittance_id = d.remittance_id
    LEFT JOIN sent_before s ON s.remittance_id = d.remittance_id
    WINDOW earlier AS (PARTITION BY d.claim_number, d.payer_id ORDER BY d.known_on, d.remittance_id),
        before AS (PARTITION BY d.claim_number ORDER BY d.known_on, d.remittance_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
steps AS (
    SELECT claim_number, own_number, known_on, 'submission' AS event, kind, payer_id, payer_name,
        reference AS payer_claim_number, charge, NULL::DECIMAL(14, 2) AS paid, 1 AS stage, source_id
    FROM submitted_kinds
    UNION ALL
    SELECT claim_number, own_number, known_on, 'acknowledgment', CASE WHEN rejected THEN 'rejected' ELSE 'accepted' END,
        NULL, source_name, payer_claim_number, charge, NULL, 2, segment FROM answered
    UNION ALL
    SELECT claim_number, own_number, known_on, 'decision', CASE
        WHEN reversal THEN 'reversal'
        WHEN status_code = '25' THEN 'predetermination' WHEN status_code = '23' THEN 'not_our_claim'
        WHEN in_first THEN 'first'
        WHEN ordered <> 'P' AND sent_kind IS NULL AND forwarded THEN 'crossover'
        WHEN ordered = 'S' THEN 'secondary' WHEN ordered NOT IN ('P', 'S') THEN 'tertiary'
        WHEN payer_id IS DISTINCT FROM first_payer_id THEN 'other_payer'
        WHEN after_reversal AND paid < reversed_paid THEN 'takeback'
        WHEN only_duplicate THEN 'duplicate'
        WHEN sent_kind = 'corrected' THEN 'corrected'
        WHEN sent_kind IN ('repeated', 'resubmitted') THEN 'repeated'
        ELSE 'reconsidered' END,
        payer_id, payer_name, payer_claim_number, charge, paid, 3, remittance_id FROM decided)
SELECT claim_number, row_number() OVER (PARTITION BY claim_number ORDER BY known_on, stage, source_id) AS step,
    known_on AS happened_on, event, kind, own_number, payer_id, payer_name, payer_claim_number, charge, paid,
    CASE WHEN own_number = claim_number THEN 'same_claim_number' ELSE k.rule END AS link_rule
FROM steps x LEFT JOIN (SELECT own_number, rule FROM claim_links) k USING (own_number)
