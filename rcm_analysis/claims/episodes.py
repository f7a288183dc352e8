"""Which claim numbers, submissions, acknowledgments and decisions belong to one claim: SQL steps run by `claims`.

A correction names the payer's number of what it corrects (REF F8), and an acknowledgment the payer's number under
which a remittance may come back; such numbers join the episode of the first claim number. What fits several claims
links nothing and is listed.

    own_number  claim_number  rule                      A1R names X1, the payer's number of A1
    A1R         A1            payer_claim_number
    A1RR        A1            payer_claim_number        a correction of the correction
    PT77        B2            acknowledged_number       the payer answered under another number
"""

from __future__ import annotations

LONGEST_CHAIN = "20"  # corrections of corrections; references that go round in a circle link nothing

LINKS: tuple[tuple[str, str], ...] = (
    # Claim numbers of one episode. A correction names the payer's number of what it corrects (REF F8); an acknowledgment
    # gives the payer's number (REF 1K) under which the remittance may come back with another claim number. A reference
    # that fits several claims links nothing and is kept as ambiguous.
    ("claim_references", """
        WITH asked AS (
            SELECT claim_number, original_reference AS reference, min(known_on) AS asked_on, 'payer_claim_number' AS rule
            FROM submissions WHERE original_reference IS NOT NULL GROUP BY 1, 2
            UNION ALL
            SELECT claim_number, original_reference, min(known_on), 'payer_claim_number'
            FROM remittances WHERE original_reference IS NOT NULL GROUP BY 1, 2
            UNION ALL
            SELECT r.claim_number, r.payer_claim_number, min(r.known_on), 'acknowledged_number'
            FROM remittances r ANTI JOIN submissions s USING (claim_number)
            WHERE r.payer_claim_number IS NOT NULL GROUP BY 1, 2),
        payer_numbers AS (
            SELECT payer_claim_number, claim_number FROM remittances
            WHERE payer_claim_number IN (SELECT reference FROM asked)
            UNION SELECT payer_claim_number, claim_number FROM acknowledgments
            WHERE payer_claim_number IN (SELECT reference FROM asked) AND NOT rejected)
        SELECT a.claim_number, n.claim_number AS earlier_number, a.reference, a.asked_on, a.rule,
            count(*) OVER (PARTITION BY a.claim_number, a.reference, a.rule) > 1 AS ambiguous
        FROM asked a JOIN payer_numbers n ON n.payer_claim_number = a.reference AND n.claim_number <> a.claim_number
    """),
    ("claim_links", """
        WITH RECURSIVE parents AS (
            SELECT claim_number, min(earlier_number) AS earlier_number, min(rule) AS rule FROM claim_references
            WHERE NOT ambiguous GROUP BY claim_number HAVING count(DISTINCT earlier_number) = 1),
        walk AS (
            SELECT claim_number AS own_number, earlier_number AS claim_number, rule, 1 AS steps FROM parents
            UNION ALL
            SELECT w.own_number, p.earlier_number, w.rule, w.steps + 1
            FROM walk w JOIN parents p USING (claim_number) WHERE w.steps < LONGEST_CHAIN)
        SELECT own_number, max_by(claim_number, steps) AS claim_number, any_value(rule) AS rule
        FROM walk GROUP BY own_number HAVING max(steps) < LONGEST_CHAIN
    """),
)  # fmt: skip

STEPS: tuple[tuple[str, str], ...] = (
    # What happened to a claim, in order, each step with the rule that ties it to the episode
    ("episode_steps", """
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
    """),
    # Rejected and never accepted or sent again: by a 277CA, or by a remittance that calls the claim unprocessable
    ("rejected_claims", """
        WITH last_status AS (
            SELECT claim_number, max(known_on) AS rejected_on, max_by(category, (known_on, segment)) AS category,
                max_by(status_code, (known_on, segment)) AS status_code, max_by(source, (known_on, segment)) AS source
            FROM claim_statuses WHERE rejected GROUP BY 1)
        SELECT c.claim_number, c.payer_name, c.location, c.service_date, c.submitted_on,
            coalesce(s.rejected_on, c.last_denied_on) AS rejected_on, coalesce(s.source, 'remittance') AS rejected_by,
            coalesce(s.category || ':' || s.status_code, c.carc || coalesce(' ' || c.rarc, '')) AS code,
            coalesce(r.label, 'unprocessable: send a new claim') AS reason, r.fix,
            c.charge, c.open_balance, c.filing_deadline, date_diff('day', AS_OF, c.filing_deadline) AS days_left
        FROM claims c
        LEFT JOIN last_status s ON s.claim_number = c.claim_number AND c.state = 'rejected'
        LEFT JOIN claim_status_reasons r ON r.status_code = s.status_code
        WHERE c.state = 'rejected' OR (c.unprocessable_now AND c.state IN ('denied_open', 'open_past_window'))
    """),
    # What may belong together, and what may not though one number joins it: listed for a person to judge
    ("possible_links", """
        WITH sent AS (
            SELECT claim_number, submission_id, known_on, service_date, charge, patient_key, rendering_npi, payer_name
            FROM submissions),
        -- lines are looked at where a patient's day holds several claims of the same charge
        marked AS (SELECT claim_number, hash(patient_key, service_date, charge) AS mark FROM sent),
        candidates AS (
            SELECT DISTINCT claim_number FROM marked
            WHERE mark IN (SELECT mark FROM marked GROUP BY mark HAVING count(*) > 1)),
        again AS (SELECT claim_number FROM sent GROUP BY claim_number HAVING count(*) > 1),
        services AS (
            SELECT submission_id, string_agg(coalesce(procedure, '') || ' ' || coalesce(modifiers, ''), ';' ORDER BY procedure, modifiers) AS services
            FROM submission_lines JOIN (SELECT submission_id FROM sent JOIN candidates USING (claim_number)) USING (submission_id)
            GROUP BY submission_id),
        firsts AS (
            SELECT * FROM sent JOIN services USING (submission_id)
            QUALIFY row_number() OVER (PARTITION BY claim_number ORDER BY known_on, submission_id) = 1)
        SELECT claim_number, earlier_number AS other_number, 'the reference fits several claims' AS reason,
            reference, asked_on AS noticed_on, NULL::DECIMAL(14, 2) AS charge
        FROM claim_references WHERE ambiguous
        UNION ALL
        SELECT s.claim_number, NULL, 'the reference names no known claim', s.original_reference, min(s.known_on), max(s.charge)
        FROM submissions s ANTI JOIN remittances r ON r.payer_claim_number = s.original_reference
        WHERE s.original_reference IS NOT NULL
            AND s.original_reference NOT IN (SELECT payer_claim_number FROM acknowledgments WHERE payer_claim_number IS NOT NULL)
        GROUP BY s.claim_number, s.original_reference
        UNION ALL
        SELECT b.claim_number, a.claim_number, 'the same services of the same patient on the same day', NULL, b.known_on, b.charge
        FROM firsts a JOIN firsts b ON a.patient_key = b.patient_key AND a.service_date = b.service_date
            AND a.charge = b.charge AND a.services = b.services AND a.rendering_npi IS NOT DISTINCT FROM b.rendering_npi
            AND (a.known_on, a.claim_number) < (b.known_on, b.claim_number)
        LEFT JOIN claim_links x ON x.own_number = a.claim_number LEFT JOIN claim_links y ON y.own_number = b.claim_number
        WHERE coalesce(x.claim_number, a.claim_number) <> coalesce(y.claim_number, b.claim_number)
        UNION ALL
        SELECT claim_number, NULL, 'one number for different patients', NULL, max(known_on), max(charge)
        FROM sent JOIN again USING (claim_number) GROUP BY claim_number
        HAVING min(patient_key) <> max(patient_key) AND min(service_date) <> max(service_date)
    """),
)  # fmt: skip
