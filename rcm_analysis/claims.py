"""Claims, denials and write-offs, derived from the facts as of a date.

Each step is one SQL statement that makes one table from earlier ones; `derive` runs them in order on a connection
from `store.Practice.connect`. Denial is told from amounts together with group, CARC and RARC, never from CLP02.

    CLP*A1*1*250*0~ SVC*HC:99213*250*0~ CAS*CO*45*50**197*200~     denied: 197 carries the unpaid part
    CLP*A2*1*250*0~ SVC*HC:99213*250*0~ CAS*PR*1*250~              not denied: the deductible does
    CLP*A3*2*250*0~ SVC*HC:99213*250*0~ CAS*OA*23*250~             not denied: an earlier payer paid

    claim_number  first_decided_on  initially_denied  carc  charge  paid
    A1            2026-03-02        true              197   250.00  0.00
    A2            2026-03-02        false             NULL  250.00  0.00
    A3            2026-04-11        false             NULL  250.00  0.00
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import codes
from rcm_analysis.store import Practice

if TYPE_CHECKING:
    import duckdb

# Generic CARCs, whose remark code says what was wrong (DOMAIN.md 4.4)
REFINED_BY_REMARK = "('16', '96', 'A1', '125', '129', '226', '227', '252')"
UNPROCESSABLE = "'MA130'"  # a rejection delivered by remittance: no appeal, send a new claim (DOMAIN.md 5.2)
UPHELD = "'193'"  # an appeal lost: what it carries remains denied (DOMAIN.md 4.3)
LONGEST_CHAIN = "20"  # corrections of corrections; references that go round in a circle link nothing
MISMATCH_USD = "1.00"  # smaller differences between ledger and remittance are rounding

# Where a denial ends when it is given up, by category of the remittance
LEAF_OF_CATEGORY = {
    "eligibility": "eligibility", "coordination_of_benefits": "cob", "authorization": "authorization",
    "claim_data": "registration", "credentialing": "credentialing", "coding": "coding_modifier",
    "bundling": "bundled_by_rule", "medical_necessity": "medical_necessity", "documentation": "documentation",
    "timely_filing": "timely_filing", "duplicate": "true_duplicate", "non_covered": "noncovered_no_notice",
    "benefit_maximum": "noncovered_no_notice", "network": "administrative", "ambulance": "ems_medical_necessity",
    "liability": "wrong_payer", "other": "administrative",
}  # fmt: skip

STEPS: tuple[tuple[str, str], ...] = (
    # Claim numbers of one episode. A correction names the payer's number of what it corrects (REF F8); an acknowledgment
    # gives the payer's number (REF 1K) under which the remittance may come back with another claim number. A reference
    # that fits several claims links nothing and is kept as ambiguous.
    ("claim_references", """
        WITH payer_numbers AS (
            SELECT payer_claim_number, claim_number FROM remittances WHERE payer_claim_number IS NOT NULL
            UNION SELECT payer_claim_number, claim_number FROM acknowledgments
            WHERE payer_claim_number IS NOT NULL AND NOT rejected),
        asked AS (
            SELECT claim_number, original_reference AS reference, min(known_on) AS asked_on, 'payer_claim_number' AS rule
            FROM submissions WHERE original_reference IS NOT NULL GROUP BY 1, 2
            UNION ALL
            SELECT claim_number, original_reference, min(known_on), 'payer_claim_number'
            FROM remittances WHERE original_reference IS NOT NULL GROUP BY 1, 2
            UNION ALL
            SELECT r.claim_number, r.payer_claim_number, min(r.known_on), 'acknowledged_number'
            FROM remittances r ANTI JOIN submissions s USING (claim_number)
            WHERE r.payer_claim_number IS NOT NULL GROUP BY 1, 2)
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
    # The same claim payment in two files (sent again, or cut off and sent whole) counts once; payments that are alike
    # within one file are different ones.
    ("decisions", """
        WITH numbered AS (
            SELECT *, row_number() OVER (
                PARTITION BY file_id, payer_id, check_number, claim_number, payer_claim_number, status_code, charge, paid
                ORDER BY segment) AS occurrence
            FROM remittances),
        kept AS (
            SELECT min(remittance_id) AS remittance_id FROM numbered
            GROUP BY payer_id, check_number, claim_number, payer_claim_number, status_code, charge, paid, occurrence)
        SELECT r.* REPLACE (coalesce(k.claim_number, r.claim_number) AS claim_number), r.claim_number AS own_number,
            s.payer_order, s.counts_as_decision = 'yes' AS counts, r.status_code = '22' AS reversal
        FROM remittances r JOIN kept USING (remittance_id)
        LEFT JOIN claim_links k ON k.own_number = r.claim_number
        LEFT JOIN claim_status_codes s USING (status_code)
    """),
    ("classified_adjustments", """
        SELECT a.remittance_id, a.line_number, a.group_code, a.carc, a.amount, a.position,
            coalesce(c.class, 'denial') AS class,
            coalesce(c.category, 'other') AS category,
            coalesce(c.denial = 'yes', true) OR a.carc = UPHELD AS refuses
        FROM adjustments a JOIN decisions d USING (remittance_id) LEFT JOIN carc c USING (carc)
        WHERE a.amount <> 0
    """),
    ("line_remarks", """
        SELECT m.remittance_id, m.line_number,
            min_by(m.rarc, (CASE WHEN coalesce(r.category, '') = '' THEN 1000000 ELSE 0 END) + m.segment) AS rarc,
            min_by(r.category, (CASE WHEN coalesce(r.category, '') = '' THEN 1000000 ELSE 0 END) + m.segment) AS category,
            string_agg(DISTINCT m.rarc, ' ' ORDER BY m.rarc) AS rarcs,
            bool_or(m.rarc = UNPROCESSABLE) AS unprocessable
        FROM remarks m JOIN decisions d USING (remittance_id) LEFT JOIN rarc r USING (rarc)
        GROUP BY m.remittance_id, m.line_number
    """),
    # What refuses and what the patient owes, per line; line 0 is the claim itself
    ("line_amounts", """
        SELECT remittance_id, line_number,
            sum(CASE WHEN refuses AND amount > 0 THEN amount ELSE 0 END) AS refused,
            sum(CASE WHEN class = 'patient_share' THEN amount ELSE 0 END) AS patient_share,
            sum(CASE WHEN class IN ('contract', 'regulatory', 'incentive') AND group_code <> 'PR'
                THEN amount ELSE 0 END) AS contractual
        FROM classified_adjustments GROUP BY remittance_id, line_number
    """),
    ("driving", """
        SELECT remittance_id, line_number, group_code, carc, class, category FROM (
            SELECT a.*, row_number() OVER (
                PARTITION BY a.remittance_id, a.line_number
                ORDER BY a.carc = UPHELD, a.amount DESC, p.rank, a.carc) AS place
            FROM classified_adjustments a LEFT JOIN precedence p USING (category)
            WHERE a.refuses AND a.amount > 0)
        WHERE place = 1
    """),
    # One row per service line of a decision; a claim without lines, or refused as a whole, is its line 0
    ("decided_lines", """
        SELECT d.remittance_id, l.line_number, l.procedure, l.modifiers, l.line_control, l.service_date,
            l.charge, l.paid, l.allowed
        FROM decisions d JOIN remittance_lines l USING (remittance_id)
        WHERE d.counts
        UNION ALL
        SELECT d.remittance_id, 0, NULL, NULL, NULL, d.service_date,
            CASE WHEN d.lines = 0 THEN d.charge ELSE a.refused END, d.paid, NULL
        FROM decisions d LEFT JOIN line_amounts a ON a.remittance_id = d.remittance_id AND a.line_number = 0
        WHERE d.counts AND (d.lines = 0 OR a.refused > 0)
    """),
    # Denied: nothing paid, and refusals outweigh what the patient owes. Partial: refusals beside a payment.
    ("refused_lines", """
        SELECT d.claim_number, d.remittance_id, l.line_number, d.known_on AS decided_on, d.payer_id, d.payer_name,
            d.payer_order, l.procedure, l.modifiers, d.rendering_npi, l.charge,
            coalesce(l.line_control, l.procedure, CAST(l.line_number AS VARCHAR)) AS line_key,
            a.refused AS denied_amount, g.group_code, g.carc, g.class,
            coalesce(m.rarc, n.rarc) AS rarc, coalesce(m.rarcs, n.rarcs) AS rarcs,
            CASE WHEN g.carc IN REFINED_BY_REMARK
                    AND coalesce(m.category, n.category, '') <> '' THEN coalesce(m.category, n.category)
                ELSE g.category END AS category,
            coalesce(m.unprocessable, false) OR coalesce(n.unprocessable, false) AS unprocessable,
            NOT (l.paid <= 0 AND a.refused > a.patient_share) AS is_partial
        FROM decided_lines l
        JOIN decisions d USING (remittance_id)
        JOIN line_amounts a ON a.remittance_id = l.remittance_id AND a.line_number = l.line_number
        JOIN driving g ON g.remittance_id = l.remittance_id AND g.line_number = l.line_number
        LEFT JOIN line_remarks m ON m.remittance_id = l.remittance_id AND m.line_number = l.line_number
        LEFT JOIN line_remarks n ON n.remittance_id = l.remittance_id AND n.line_number = 0
        WHERE l.charge > 0 AND a.refused > 0
    """),
    ("first_decisions", """
        SELECT claim_number, min_by(remittance_id, place) AS remittance_id, min(known_on) AS first_decided_on,
            max(known_on) AS last_decided_on, max_by(remittance_id, place) AS last_remittance_id
        FROM (SELECT *, row_number() OVER (PARTITION BY claim_number ORDER BY known_on, remittance_id) AS place
              FROM decisions WHERE counts)
        GROUP BY claim_number
    """),
    ("submission_summary", """
        SELECT claim_number, count(*) AS submissions, min(known_on) AS submitted_on, max(known_on) AS last_submitted_on,
            min_by(payer_id, place) AS payer_id, min_by(payer_name, place) AS payer_name,
            min_by(payer_order, place) AS payer_order, min_by(filing_code, place) AS filing_code,
            min_by(billing_npi, place) AS billing_npi, min_by(rendering_npi, place) AS rendering_npi,
            min_by(location, place) AS location, min_by(place_of_service, place) AS place_of_service,
            min_by(service_date, place) AS service_date, min_by(charge, place) AS charge,
            min_by(patient_key, place) AS patient_key
        FROM (SELECT *, row_number() OVER (
                PARTITION BY claim_number ORDER BY known_on, coalesce(payer_order, 'P'), submission_id) AS place
              FROM (SELECT t.* REPLACE (coalesce(k.claim_number, t.claim_number) AS claim_number) FROM submissions t
                  LEFT JOIN claim_links k ON k.own_number = t.claim_number))
        GROUP BY claim_number
    """),
    # The last status by the payer counts, a clearinghouse rejection counts where the payer said nothing later
    ("acknowledgment_summary", """
        SELECT claim_number, bool_or(rejected) AS ever_rejected, count(*) AS statuses,
            max_by(rejected, place) AS last_rejected, max(known_on) AS last_acknowledged_on,
            max(CASE WHEN rejected THEN known_on END) AS last_rejected_on
        FROM (SELECT *, row_number() OVER (
                PARTITION BY claim_number ORDER BY known_on, source = 'payer', segment) AS place
              FROM (SELECT t.* REPLACE (coalesce(k.claim_number, t.claim_number) AS claim_number) FROM acknowledgments t
                  LEFT JOIN claim_links k ON k.own_number = t.claim_number))
        GROUP BY claim_number
    """),
    ("decision_summary", """
        SELECT d.claim_number, sum(d.paid) AS paid,
            max(CASE WHEN d.remittance_id = f.remittance_id THEN d.paid END) AS paid_first,
            sum(CASE WHEN d.payer_id IS NOT DISTINCT FROM o.payer_id AND d.remittance_id <> f.remittance_id
                THEN d.paid ELSE 0 END) AS paid_later,
            max(CASE WHEN d.counts THEN coalesce(d.charge, 0) END) AS charge,
            min_by(d.payer_id, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS payer_id,
            min_by(d.payer_name, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS payer_name,
            min_by(d.payer_order, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS payer_order,
            min_by(d.filing_code, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS filing_code,
            min_by(d.rendering_npi, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS rendering_npi,
            min(d.service_date) AS service_date, min(d.place_of_service) AS place_of_service,
            min(d.patient_key) AS patient_key
        FROM decisions d LEFT JOIN first_decisions f USING (claim_number)
        LEFT JOIN decisions o ON o.remittance_id = f.remittance_id
        GROUP BY d.claim_number
    """),
    # Patient share as the latest decision left it; contractual cuts by line, the largest of its decisions, since a line
    # denied and sent again is cut once
    ("current_amounts", """
        WITH latest AS (
            SELECT remittance_id, claim_number, coalesce(payer_order, 'P') AS payer_order FROM (
                SELECT *, row_number() OVER (PARTITION BY claim_number, coalesce(payer_order, 'P')
                    ORDER BY known_on DESC, remittance_id DESC) AS place FROM decisions WHERE counts)
            WHERE place = 1),
        per_payer AS (
            SELECT l.claim_number, l.payer_order, sum(a.patient_share) AS patient_share
            FROM latest l JOIN line_amounts a USING (remittance_id) GROUP BY l.claim_number, l.payer_order),
        allowed AS (
            SELECT l.claim_number, sum(r.allowed) AS allowed
            FROM latest l JOIN remittance_lines r USING (remittance_id) WHERE l.payer_order = 'P' GROUP BY l.claim_number),
        cut AS (
            SELECT claim_number, sum(contractual) AS contractual FROM (
                SELECT d.claim_number, coalesce(d.payer_order, 'P') AS payer_order, a.line_number,
                    max(a.contractual) AS contractual
                FROM decisions d JOIN line_amounts a USING (remittance_id) WHERE d.counts GROUP BY 1, 2, 3)
            GROUP BY claim_number)
        SELECT p.claim_number, max(a.allowed) AS allowed,
            min_by(p.patient_share, CASE p.payer_order WHEN 'T' THEN 0 WHEN 'S' THEN 1 ELSE 2 END) AS patient_share,
            max(g.contractual) AS contractual
        FROM per_payer p LEFT JOIN allowed a USING (claim_number) LEFT JOIN cut g USING (claim_number)
        GROUP BY p.claim_number
    """),
    ("denial_summary", """
        SELECT r.claim_number,
            bool_or(NOT r.is_partial AND r.remittance_id = f.remittance_id) AS initially_denied,
            sum(CASE WHEN NOT r.is_partial AND r.remittance_id = f.remittance_id THEN r.charge ELSE 0 END) AS denied_amount,
            bool_or(NOT r.is_partial) AS ever_denied,
            bool_or(NOT r.is_partial AND r.remittance_id = f.last_remittance_id) AS denied_now,
            arg_max(r.category, r.weight) AS category, arg_max(r.group_code, r.weight) AS group_code,
            arg_max(r.carc, r.weight) AS carc, arg_max(r.rarc, r.weight) AS rarc,
            arg_max(r.category, r.last_weight) AS last_category,
            arg_max(r.procedure, r.last_weight) AS last_procedure,
            max(r.decided_on) AS last_denied_on
        FROM (SELECT x.*,
                CASE WHEN x.is_partial THEN 0 ELSE 1 END * 1e13 - date_diff('day', DATE '1970-01-01', x.decided_on) * 1e8
                    + CAST(x.denied_amount AS DOUBLE) AS weight,
                CASE WHEN x.is_partial THEN 0 ELSE 1 END * 1e13 + CASE WHEN x.carc = UPHELD THEN 0 ELSE 1 END * 1e12
                    + date_diff('day', DATE '1970-01-01', x.decided_on) * 1e7 + CAST(x.denied_amount AS DOUBLE) AS last_weight
              FROM refused_lines x) r
        JOIN first_decisions f USING (claim_number)
        GROUP BY r.claim_number
    """),
    ("posting_classes", """
        SELECT l.* REPLACE (coalesce(k.claim_number, l.claim_number) AS claim_number), r.leaf AS told_leaf FROM ledger l
        LEFT JOIN claim_links k ON k.own_number = l.claim_number
        LEFT JOIN posting_reasons r ON r.code = coalesce(l.code, '') AND r.reason = coalesce(l.reason, '')
    """),
    ("ledger_summary", """
        SELECT claim_number,
            sum(CASE WHEN kind = 'charge' THEN amount ELSE 0 END) AS charge,
            sum(CASE WHEN kind = 'transfer' THEN 0 ELSE amount END) AS balance,
            -sum(CASE WHEN kind = 'payment' AND posted_by = 'insurance' THEN amount ELSE 0 END) AS insurance_paid,
            -sum(CASE WHEN kind = 'payment' AND coalesce(posted_by, '') <> 'insurance' THEN amount ELSE 0 END) AS patient_paid,
            sum(CASE WHEN kind = 'transfer' THEN amount ELSE 0 END) AS transferred,
            max(known_on) AS last_posted_on, min(service_date) AS service_date, min(location) AS location,
            min_by(payer_name, CASE WHEN payer_name IS NULL OR payer_name = 'PATIENT' THEN 1 ELSE 0 END * 1000000000 + row) AS payer_name,
            -sum(CASE WHEN kind IN ('adjustment', 'write_off') AND told_leaf = 'contractual' THEN amount ELSE 0 END) AS contractual
        FROM posting_classes GROUP BY claim_number
    """),
    # The practice's name of a payer -> the name in the EDI, by the claims that both name
    ("payer_links", """
        SELECT ledger_name, max_by(payer_name, claims) AS payer_name, max_by(payer_id, claims) AS payer_id FROM (
            SELECT l.payer_name AS ledger_name, s.payer_name, s.payer_id, count(*) AS claims
            FROM ledger_summary l JOIN submission_summary s USING (claim_number)
            WHERE l.payer_name IS NOT NULL AND s.payer_name IS NOT NULL GROUP BY 1, 2, 3)
        GROUP BY ledger_name
    """),
    # Postings as write-offs. What was posted as contractual beyond what the payers cut by contract, on a claim with a
    # denial, is a denial written off under another name: the latest such postings, up to the excess.
    ("write_offs", """
        WITH posted AS (
            SELECT p.claim_number, p.known_on AS posted_on, -p.amount AS amount, p.code, p.reason, p.told_leaf, p.row,
                p.file_id, d.last_category AS remit_category, d.last_procedure,
                CASE WHEN p.told_leaf = 'contractual' AND (d.ever_denied OR (f.claim_number IS NULL AND a.last_rejected
                        AND l.insurance_paid <= 0))
                    THEN l.contractual - coalesce(c.contractual, 0) ELSE 0 END AS excess,
                f.claim_number IS NULL AND coalesce(a.last_rejected, false) AND l.insurance_paid <= 0 AS forgotten,
                sum(CASE WHEN p.told_leaf = 'contractual' THEN -p.amount ELSE 0 END) OVER (
                    PARTITION BY p.claim_number, p.told_leaf
                    ORDER BY p.known_on DESC, p.row DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS later
            FROM posting_classes p
            JOIN ledger_summary l USING (claim_number)
            LEFT JOIN denial_summary d USING (claim_number)
            LEFT JOIN current_amounts c USING (claim_number)
            LEFT JOIN first_decisions f USING (claim_number)
            LEFT JOIN acknowledgment_summary a USING (claim_number)
            WHERE p.kind IN ('adjustment', 'write_off') AND p.amount <> 0),
        judged AS (
            SELECT *, excess > MISMATCH_USD AND amount > 0 AND coalesce(later, 0) < excess - 0.50 AS mismatch FROM posted),
        leaved AS (
            SELECT *, CASE
                WHEN forgotten AND (mismatch OR told_leaf = 'unclassified') THEN 'rejected_not_resubmitted'
                WHEN mismatch OR (told_leaf = 'unclassified' AND remit_category IS NOT NULL) THEN
                    CASE WHEN remit_category = 'medical_necessity' AND last_procedure LIKE 'A04%' THEN 'ems_medical_necessity'
                        ELSE coalesce(k.leaf, 'administrative') END
                ELSE told_leaf END AS final_leaf
            FROM judged LEFT JOIN category_leaves k ON k.category = remit_category)
        SELECT claim_number, posted_on, amount, code, reason, final_leaf AS leaf, w.root,
            'posted' AS basis, remit_category, mismatch
        FROM leaved JOIN write_off_leaves w ON w.leaf = final_leaf
    """),
    ("write_off_summary", """
        SELECT claim_number,
            sum(amount) FILTER (WHERE leaf NOT IN ('contractual', 'regulatory')) AS written_off,
            max_by(leaf, amount) FILTER (WHERE leaf NOT IN ('contractual', 'regulatory')) AS leaf,
            max_by(root, amount) FILTER (WHERE leaf NOT IN ('contractual', 'regulatory')) AS root,
            sum(amount) FILTER (WHERE root = 'unnecessary' AND leaf <> 'bad_debt') AS lost
        FROM write_offs GROUP BY claim_number
    """),
    ("claims", """
        WITH numbers AS (
            SELECT claim_number FROM submission_summary UNION SELECT claim_number FROM decision_summary
            UNION SELECT claim_number FROM ledger_summary UNION SELECT claim_number FROM acknowledgment_summary),
        joined AS (
            SELECT n.claim_number,
                coalesce(s.payer_id, d.payer_id, k.payer_id) AS payer_id,
                coalesce(s.payer_name, d.payer_name, k.payer_name, l.payer_name) AS payer_name,
                coalesce(s.payer_order, d.payer_order, 'P') AS payer_order,
                coalesce(i.payer_class, 'other') AS payer_class,
                s.billing_npi, coalesce(s.rendering_npi, d.rendering_npi) AS rendering_npi,
                coalesce(s.location, l.location) AS location,
                coalesce(s.place_of_service, d.place_of_service) AS place_of_service,
                coalesce(s.service_date, d.service_date, l.service_date) AS service_date,
                coalesce(s.patient_key, d.patient_key) AS patient_key,
                s.submitted_on, f.first_decided_on, f.last_decided_on, s.last_submitted_on,
                coalesce(s.charge, d.charge, l.charge) AS charge, c.allowed,
                coalesce(d.paid, l.insurance_paid, 0.00) AS paid,
                coalesce(d.paid_later > 0 OR (d.paid_first = 0 AND d.paid > 0), false) AS paid_after_first,
                coalesce(c.patient_share, 0.00) AS patient_share,
                coalesce(a.ever_rejected, false) AS rejected, a.last_rejected, a.last_rejected_on, a.statuses,
                coalesce(x.initially_denied, false) AS initially_denied, coalesce(x.ever_denied, false) AS ever_denied,
                coalesce(x.denied_now, false) AS denied_now,
                coalesce(x.denied_amount, 0.00) AS denied_amount, x.last_denied_on,
                CASE WHEN x.ever_denied THEN x.category END AS category,
                CASE WHEN x.ever_denied THEN x.group_code END AS group_code,
                CASE WHEN x.ever_denied THEN x.carc END AS carc, CASE WHEN x.ever_denied THEN x.rarc END AS rarc,
                coalesce(s.submissions, 0) AS submissions,
                l.claim_number IS NOT NULL AS in_ledger, l.insurance_paid, l.balance, l.last_posted_on,
                coalesce(w.written_off, 0.00) AS written_off, w.leaf AS write_off_leaf, w.root AS write_off_root,
                coalesce(w.lost, 0.00) AS lost, e.link_rule
            FROM numbers n
            LEFT JOIN submission_summary s USING (claim_number)
            LEFT JOIN decision_summary d USING (claim_number)
            LEFT JOIN first_decisions f USING (claim_number)
            LEFT JOIN acknowledgment_summary a USING (claim_number)
            LEFT JOIN denial_summary x USING (claim_number)
            LEFT JOIN current_amounts c USING (claim_number)
            LEFT JOIN ledger_summary l USING (claim_number)
            LEFT JOIN write_off_summary w USING (claim_number)
            LEFT JOIN (SELECT claim_number, min(rule) AS link_rule FROM claim_links GROUP BY claim_number) e USING (claim_number)
            LEFT JOIN payer_links k ON k.ledger_name = l.payer_name
            LEFT JOIN filing_indicators i ON i.filing_code = coalesce(s.filing_code, d.filing_code)),
        windows AS (
            SELECT payer_class, max(CAST(days AS INTEGER)) AS days FROM deadlines
            WHERE clock IN ('corrected_claim', 'appeal_level_1') GROUP BY payer_class),
        balanced AS (
            SELECT j.*, coalesce(j.balance, greatest(coalesce(j.charge, 0) - j.paid - coalesce(j.patient_share, 0), 0)) AS owed,
                w.days AS window_days
            FROM joined j LEFT JOIN windows w USING (payer_class)),
        stated AS (
            SELECT *, CASE
                WHEN first_decided_on IS NULL AND coalesce(insurance_paid, 0) <= 0 AND submissions + coalesce(statuses, 0) > 0 THEN
                    CASE WHEN coalesce(last_rejected, false) AND coalesce(last_submitted_on <= last_rejected_on, true) THEN 'rejected'
                        WHEN written_off > 0 AND owed <= 0 THEN 'written_off'
                        WHEN rejected THEN 'resubmitted'
                        WHEN statuses > 0 THEN 'accepted' ELSE 'submitted' END
                WHEN first_decided_on IS NULL AND coalesce(insurance_paid, 0) <= 0 THEN
                    CASE WHEN written_off > 0 AND owed <= 0 THEN 'written_off' ELSE 'patient' END
                WHEN lost > 0 AND owed <= 0 THEN 'written_off'
                WHEN denied_now AND (owed > 0 OR NOT in_ledger) THEN
                    CASE WHEN last_submitted_on > last_decided_on THEN 'resubmitted'
                        WHEN paid > 0 THEN 'partially_paid'
                        WHEN date_diff('day', last_denied_on, AS_OF) > window_days THEN 'open_past_window'
                        ELSE 'denied_open' END
                WHEN paid > 0 AND denied_now THEN 'partially_paid'
                WHEN paid > 0 THEN 'paid'
                ELSE 'patient' END AS state
            FROM balanced)
        SELECT claim_number, payer_id, payer_name, payer_order, payer_class, billing_npi, rendering_npi, location,
            place_of_service, service_date, submitted_on, first_decided_on, charge, allowed, paid, patient_share,
            rejected, initially_denied, denied_amount, category, group_code, carc, rarc,
            CAST(submissions AS INTEGER) AS submissions, state,
            CASE WHEN state NOT IN ('submitted', 'accepted', 'resubmitted', 'denied_open', 'open_past_window', 'rejected')
                AND owed <= 0 THEN greatest(coalesce(last_decided_on, DATE '1900-01-01'), coalesce(last_posted_on, DATE '1900-01-01'))
                END AS closed_on,
            owed AS open_balance, written_off, write_off_leaf, write_off_root, coalesce(link_rule, 'same_claim_number') AS link_rule,
            paid_after_first, patient_key, ever_denied, last_denied_on, last_decided_on, statuses > 0 AS acknowledged, in_ledger
        FROM stated
    """),
    ("denials", """
        SELECT r.claim_number, r.line_number, r.decided_on, r.payer_id, r.payer_name, r.procedure, r.modifiers,
            coalesce(r.rendering_npi, c.rendering_npi) AS rendering_npi, c.location, r.charge, r.denied_amount,
            r.group_code, r.carc, r.rarc, r.rarcs, r.category, r.class, t.stage, t.owner, t.preventable, t.recoverable,
            t.fix, row_number() OVER (
                PARTITION BY r.claim_number, r.line_key ORDER BY r.is_partial, r.decided_on, r.remittance_id, r.line_number) = 1 AS is_first,
            r.remittance_id = f.remittance_id AS at_first_decision, r.is_partial, r.unprocessable, r.payer_order,
            c.service_date, c.submitted_on
        FROM refused_lines r
        JOIN claims c USING (claim_number)
        LEFT JOIN first_decisions f USING (claim_number)
        LEFT JOIN carc t ON t.carc = r.carc
    """),
    # What happened to a claim, in order, each step with the rule that ties it to the episode
    ("episode_steps", """
        WITH sent AS (
            SELECT coalesce(k.claim_number, s.claim_number) AS claim_number, s.claim_number AS own_number, s.known_on,
                s.payer_id, s.payer_name, s.original_reference AS reference, s.charge, s.frequency,
                coalesce(s.payer_order, 'P') AS payer_order, s.submission_id AS source_id
            FROM submissions s LEFT JOIN claim_links k ON k.own_number = s.claim_number),
        answered AS (
            SELECT coalesce(k.claim_number, a.claim_number) AS claim_number, a.claim_number AS own_number, a.known_on,
                a.source_name, a.payer_claim_number, a.charge, a.rejected, a.segment
            FROM acknowledgments a LEFT JOIN claim_links k ON k.own_number = a.claim_number),
        submitted AS (
            SELECT s.*, row_number() OVER (PARTITION BY claim_number ORDER BY known_on, payer_order, source_id) AS place,
                first_value(payer_id) OVER (PARTITION BY claim_number ORDER BY known_on, payer_order, source_id) AS first_payer_id
            FROM sent s),
        submitted_kinds AS (
            SELECT s.*, CASE
                WHEN frequency = '8' THEN 'void'
                WHEN payer_order = 'S' THEN 'secondary' WHEN payer_order NOT IN ('P', 'S') THEN 'tertiary'
                WHEN frequency = '7' THEN 'corrected'
                WHEN place = 1 THEN 'original'
                WHEN payer_id IS DISTINCT FROM first_payer_id THEN 'other_payer'
                WHEN a.rejected THEN 'resubmitted'
                ELSE 'repeated' END AS kind
            FROM submitted s ASOF LEFT JOIN (
                SELECT claim_number, known_on, bool_or(rejected) AS rejected FROM answered GROUP BY 1, 2) a
                ON a.claim_number = s.claim_number AND s.known_on >= a.known_on),
        refusals AS (
            SELECT remittance_id, bool_and(category = 'duplicate') AS only_duplicate
            FROM classified_adjustments WHERE refuses AND amount > 0 GROUP BY remittance_id),
        decided AS (
            SELECT d.*, coalesce(d.payer_order, 'P') AS ordered, f.remittance_id AS first_id, o.payer_id AS first_payer_id,
                coalesce(r.only_duplicate, false) AND d.paid = 0 AS only_duplicate,
                lag(d.reversal) OVER earlier AS after_reversal, -lag(d.paid) OVER earlier AS reversed_paid,
                s.kind AS sent_kind
            FROM decisions d
            LEFT JOIN first_decisions f USING (claim_number)
            LEFT JOIN decisions o ON o.remittance_id = f.remittance_id
            LEFT JOIN refusals r ON r.remittance_id = d.remittance_id
            ASOF LEFT JOIN (SELECT claim_number, payer_order, known_on, max_by(kind, place) AS kind
                            FROM submitted_kinds GROUP BY 1, 2, 3) s
                ON s.claim_number = d.claim_number AND s.payer_order = coalesce(d.payer_order, 'P')
                AND d.known_on >= s.known_on
            WINDOW earlier AS (PARTITION BY d.claim_number, d.payer_id ORDER BY d.known_on, d.remittance_id)),
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
                WHEN remittance_id = first_id THEN 'first'
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
)  # fmt: skip

DERIVED = ("claims", "denials", "write_offs", "episode_steps", "claim_references")
_REFERENCE = ("carc", "rarc", "claim_status_codes", "filing_indicators", "write_off_leaves", "deadlines")


def derive(
    con: duckdb.DuckDBPyConnection, *, as_of: date, extra_phrases: pd.DataFrame | None = None
) -> duckdb.DuckDBPyConnection:
    """Makes the tables of `STEPS` on the connection, which then holds `claims`, `denials` and `write_offs`.

    `extra_phrases` (columns pattern, leaf) are the practice's own words for write-offs and come before ours.
    """
    for name in _REFERENCE:
        _table(con, name, codes.table(name))
    _table(con, "precedence", pd.DataFrame({"category": codes.driving_precedence()}).reset_index(names="rank"))
    _table(con, "category_leaves", pd.DataFrame(LEAF_OF_CATEGORY.items(), columns=["category", "leaf"]))
    _table(con, "posting_reasons", _posting_reasons(con, extra_phrases))
    words = {"AS_OF": f"DATE '{as_of.isoformat()}'", "REFINED_BY_REMARK": REFINED_BY_REMARK, "UNPROCESSABLE": UNPROCESSABLE,
             "UPHELD": UPHELD, "MISMATCH_USD": MISMATCH_USD, "LONGEST_CHAIN": LONGEST_CHAIN}  # fmt: skip
    for name, sql in STEPS:
        for word, value in words.items():
            sql = sql.replace(word, value)
        con.execute(f"CREATE TEMP TABLE {name} AS {sql}")
    return con


def _table(con: duckdb.DuckDBPyConnection, name: str, frame: pd.DataFrame) -> None:
    con.register(f"{name}_frame", frame)
    con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {name}_frame")
    con.unregister(f"{name}_frame")


def _posting_reasons(con: duckdb.DuckDBPyConnection, extra: pd.DataFrame | None) -> pd.DataFrame:
    """Each distinct code and reason of the ledger's adjustments with the leaf that its words tell."""
    rows = con.execute(
        "SELECT coalesce(code, '') AS code, coalesce(reason, '') AS reason FROM ledger "
        "WHERE kind IN ('adjustment', 'write_off') GROUP BY 1, 2"
    ).fetchall()
    pairs = [(code, reason) for code, reason in rows]
    leaves = codes.classify_reasons(pairs, user_phrases=extra)
    found = [(code, reason, leaf) for (code, reason), (leaf, _) in zip(pairs, leaves, strict=True)]
    return pd.DataFrame(found, columns=["code", "reason", "leaf"], dtype=str)


def open_practice(store: Path | str, practice: str, *, as_of: date) -> duckdb.DuckDBPyConnection:
    """A connection that holds the practice's facts and derived tables as of the date; what a notebook begins with.

    Raises StoreError when nothing was ingested for the practice.
    """
    return derive(Practice(Path(store), practice).connect(as_of=as_of), as_of=as_of)
