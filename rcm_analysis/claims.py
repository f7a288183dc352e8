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

from rcm_analysis import codes, engines, episodes, overlaps, postings, sharing
from rcm_analysis.store import Practice

if TYPE_CHECKING:
    import duckdb

# Generic CARCs, whose remark code says what was wrong (DOMAIN.md 4.4)
REFINED_BY_REMARK = "('16', '96', 'A1', '125', '129', '226', '227', '252')"
UNPROCESSABLE = "'MA130'"  # a rejection delivered by remittance: no appeal, send a new claim (DOMAIN.md 5.2)
PAYMENT_KEY = "payer_id, check_number, claim_number, payer_claim_number, status_code, charge, paid"
UPHELD = "'193'"  # an appeal lost: what it carries remains denied (DOMAIN.md 4.3)

DECIDED: tuple[tuple[str, str], ...] = (
    # The same claim payment in two files (sent again, or cut off and sent whole) counts once; payments that are alike
    # within one file are different ones. Few are alike at all, so that only those are put in order.
    ("decisions", """
        WITH marked AS (SELECT *, hash(PAYMENT_KEY) AS mark FROM remittances),
        numbered AS (
            SELECT *, row_number() OVER (PARTITION BY file_id, PAYMENT_KEY ORDER BY segment) AS occurrence FROM marked
            WHERE mark IN (SELECT mark FROM marked GROUP BY mark HAVING count(*) > 1)),
        placed AS (
            SELECT remittance_id, row_number() OVER (PARTITION BY PAYMENT_KEY, occurrence ORDER BY remittance_id) AS place
            FROM numbered),
        repeated AS (SELECT remittance_id FROM placed WHERE place > 1)
        SELECT r.* REPLACE (coalesce(k.claim_number, r.claim_number) AS claim_number), r.claim_number AS own_number,
            s.payer_order, s.counts_as_decision = 'yes' AS counts, r.status_code = '22' AS reversal
        FROM remittances r ANTI JOIN repeated USING (remittance_id)
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
    # Words of a listing tell the category where it gives no code, or one that says nothing by itself
    ("listed_reasons", """
        SELECT d.remittance_id, d.line_number, d.reason_text, k.category
        FROM denial_reasons d LEFT JOIN word_categories k USING (reason_text)
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
                WHEN g.carc IS NULL OR g.carc IN REFINED_BY_REMARK THEN coalesce(w.category, g.category)
                ELSE g.category END AS category, w.reason_text,
            coalesce(m.unprocessable, false) OR coalesce(n.unprocessable, false) AS unprocessable,
            NOT (l.paid <= 0 AND a.refused > a.patient_share) AS is_partial
        FROM decided_lines l
        JOIN decisions d USING (remittance_id)
        JOIN line_amounts a ON a.remittance_id = l.remittance_id AND a.line_number = l.line_number
        JOIN driving g ON g.remittance_id = l.remittance_id AND g.line_number = l.line_number
        LEFT JOIN line_remarks m ON m.remittance_id = l.remittance_id AND m.line_number = l.line_number
        LEFT JOIN line_remarks n ON n.remittance_id = l.remittance_id AND n.line_number = 0
        LEFT JOIN listed_reasons w ON w.remittance_id = l.remittance_id AND w.line_number = l.line_number
        WHERE l.charge > 0 AND a.refused > 0
    """),
    # Most claims are sent once, and are what was sent; of the others each column is the first that was told
    ("submission_summary", """
        WITH sent AS (
            SELECT t.* REPLACE (coalesce(k.claim_number, t.claim_number) AS claim_number) FROM submissions t
            LEFT JOIN claim_links k ON k.own_number = t.claim_number),
        again AS (SELECT claim_number FROM sent GROUP BY claim_number HAVING count(*) > 1),
        placed AS (
            SELECT s.*, row_number() OVER (
                PARTITION BY claim_number ORDER BY known_on, coalesce(payer_order, 'P'), submission_id) AS place
            FROM sent s JOIN again USING (claim_number))
        SELECT claim_number, CAST(1 AS BIGINT) AS submissions, known_on AS submitted_on, known_on AS last_submitted_on,
            payer_id, payer_name, payer_order, filing_code, billing_npi, rendering_npi, location, place_of_service,
            service_date, charge, patient_key
        FROM sent ANTI JOIN again USING (claim_number)
        UNION ALL
        SELECT claim_number, count(*), min(known_on), max(known_on),
            min_by(payer_id, place), min_by(payer_name, place), min_by(payer_order, place), min_by(filing_code, place),
            min_by(billing_npi, place), min_by(rendering_npi, place), min_by(location, place),
            min_by(place_of_service, place), min_by(service_date, place), min_by(charge, place),
            min_by(patient_key, place)
        FROM placed GROUP BY claim_number
    """),
    ("first_decisions", """
        SELECT claim_number, min_by(remittance_id, place) AS remittance_id, min(known_on) AS first_decided_on,
            max(known_on) AS last_decided_on, max_by(remittance_id, place) AS last_remittance_id
        FROM (SELECT *, row_number() OVER (PARTITION BY claim_number ORDER BY known_on, remittance_id) AS place
              FROM decisions WHERE counts)
        GROUP BY claim_number
    """),
    # A claim that the payer split comes back in parts under numbers of their own; together they are one decision when
    # their charges add up to what was submitted.
    ("decision_parts", """
        WITH running AS (
            SELECT d.claim_number, d.remittance_id, d.payer_claim_number, d.charge, s.charge AS submitted,
                sum(d.charge) OVER earlier AS so_far, count(*) OVER earlier AS place
            FROM decisions d JOIN first_decisions f USING (claim_number) JOIN submission_summary s USING (claim_number)
            JOIN decisions o ON o.remittance_id = f.remittance_id AND o.payer_id IS NOT DISTINCT FROM d.payer_id
            WHERE d.counts AND d.charge < s.charge
            WINDOW earlier AS (PARTITION BY d.claim_number ORDER BY d.known_on, d.remittance_id)),
        whole AS (
            SELECT claim_number, min(place) AS parts FROM running WHERE so_far = submitted GROUP BY claim_number),
        parts AS (
            SELECT claim_number, list(remittance_id) AS ids FROM running JOIN whole USING (claim_number) WHERE place <= parts
            GROUP BY claim_number HAVING count(DISTINCT payer_claim_number) = count(*))
        SELECT d.claim_number, d.remittance_id, coalesce(list_contains(p.ids, d.remittance_id), false) AS is_part,
            d.remittance_id = f.remittance_id
                OR (is_part AND list_contains(p.ids, f.remittance_id)) AS in_first,
            d.remittance_id = f.last_remittance_id
                OR (is_part AND list_contains(p.ids, f.last_remittance_id)) AS in_last
        FROM decisions d JOIN first_decisions f USING (claim_number) LEFT JOIN parts p USING (claim_number)
    """),
    # Statuses of claims, and of whole files or providers whose claims were turned away without being named
    ("claim_statuses", """
        WITH unnamed AS (
            SELECT b.known_on, b.segment, s.claim_number, b.source, b.source_name, b.category, b.status_code, s.charge
            FROM batch_acknowledgments b JOIN submissions s ON s.batch_number = b.batch_number
                AND s.known_on <= b.known_on AND (b.level = 'file' OR s.billing_npi = b.provider_npi)
            LEFT JOIN acknowledgments a ON a.file_id = b.file_id AND a.claim_number = s.claim_number
            WHERE b.rejected AND a.claim_number IS NULL),
        every AS (
            SELECT known_on, segment, claim_number, source, source_name, category, status_code, charge, payer_claim_number,
                rejected FROM acknowledgments
            UNION ALL
            SELECT known_on, segment, claim_number, source, source_name, category, status_code, charge, NULL, true
            FROM unnamed)
        SELECT e.* EXCLUDE (claim_number), coalesce(k.claim_number, e.claim_number) AS claim_number,
            e.claim_number AS own_number
        FROM every e LEFT JOIN claim_links k ON k.own_number = e.claim_number
    """),
    # Of each submission the payer's last status counts, the clearinghouse's where the payer said nothing
    ("acknowledgment_summary", """
        WITH rounds AS (
            SELECT a.claim_number, a.known_on, max(s.known_on) AS sent_on
            FROM claim_statuses a JOIN (
                SELECT coalesce(k.claim_number, t.claim_number) AS claim_number, t.known_on FROM submissions t
                LEFT JOIN claim_links k ON k.own_number = t.claim_number) s
                ON s.claim_number = a.claim_number AND s.known_on <= a.known_on
            GROUP BY a.claim_number, a.known_on)
        SELECT claim_number, bool_or(rejected) AS ever_rejected, count(*) AS statuses,
            max_by(rejected, place) AS last_rejected, max(known_on) AS last_acknowledged_on,
            max(CASE WHEN rejected THEN known_on END) AS last_rejected_on
        FROM (SELECT a.*, row_number() OVER (PARTITION BY a.claim_number
                  ORDER BY r.sent_on NULLS FIRST, a.source = 'payer', a.known_on, a.segment) AS place
              FROM claim_statuses a LEFT JOIN rounds r ON r.claim_number = a.claim_number AND r.known_on = a.known_on)
        GROUP BY claim_number
    """),
    ("decision_summary", """
        SELECT d.claim_number, sum(d.paid) AS paid,
            sum(CASE WHEN t.in_first THEN d.paid END) AS paid_first,
            sum(CASE WHEN d.payer_id IS NOT DISTINCT FROM o.payer_id AND NOT t.in_first THEN d.paid ELSE 0 END) AS paid_later,
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
        LEFT JOIN decision_parts t ON t.remittance_id = d.remittance_id
        GROUP BY d.claim_number
    """),
    # Patient share as the latest decision left it; contractual cuts by line, the largest of its decisions, since a line
    # denied and sent again is cut once
    ("current_amounts", """
        WITH latest AS (
            SELECT remittance_id, claim_number, coalesce(payer_order, 'P') AS payer_order FROM (
                SELECT *, row_number() OVER (PARTITION BY claim_number, coalesce(payer_order, 'P')
                    ORDER BY known_on DESC, remittance_id DESC) AS place FROM decisions WHERE counts)
            WHERE place = 1
            UNION SELECT d.remittance_id, d.claim_number, coalesce(d.payer_order, 'P')
            FROM decisions d JOIN decision_parts t USING (remittance_id) WHERE t.in_last),
        per_payer AS (
            SELECT l.claim_number, l.payer_order, sum(a.patient_share) AS patient_share
            FROM latest l JOIN line_amounts a USING (remittance_id) GROUP BY l.claim_number, l.payer_order),
        allowed AS (
            SELECT l.claim_number, sum(r.allowed) AS allowed
            FROM latest l JOIN remittance_lines r USING (remittance_id) WHERE l.payer_order = 'P' GROUP BY l.claim_number),
        cut AS (
            SELECT claim_number, sum(contractual) AS contractual FROM (
                SELECT d.claim_number, coalesce(d.payer_order, 'P') AS payer_order, a.line_number,
                    CASE WHEN t.is_part THEN d.remittance_id END AS part, max(a.contractual) AS contractual
                FROM decisions d JOIN line_amounts a USING (remittance_id) LEFT JOIN decision_parts t USING (remittance_id)
                WHERE d.counts GROUP BY 1, 2, 3, 4)
            GROUP BY claim_number)
        SELECT p.claim_number, max(a.allowed) AS allowed,
            min_by(p.patient_share, CASE p.payer_order WHEN 'T' THEN 0 WHEN 'S' THEN 1 ELSE 2 END) AS patient_share,
            max(g.contractual) AS contractual
        FROM per_payer p LEFT JOIN allowed a USING (claim_number) LEFT JOIN cut g USING (claim_number)
        GROUP BY p.claim_number
    """),
    ("denial_summary", """
        SELECT r.claim_number,
            bool_or(NOT r.is_partial AND t.in_first) AS initially_denied,
            sum(CASE WHEN NOT r.is_partial AND t.in_first THEN r.charge ELSE 0 END) AS denied_amount,
            bool_or(NOT r.is_partial) AS ever_denied,
            bool_or(NOT r.is_partial AND t.in_last) AS denied_now,
            bool_and(r.unprocessable) FILTER (WHERE NOT r.is_partial AND t.in_first) AS unprocessable,
            bool_and(r.unprocessable) FILTER (WHERE NOT r.is_partial AND t.in_last) AS unprocessable_now,
            arg_max(r.category, r.weight) AS category, arg_max(r.group_code, r.weight) AS group_code,
            arg_max(r.carc, r.weight) AS carc, nullif(arg_max(coalesce(r.rarc, ''), r.weight), '') AS rarc,
            arg_max(r.category, r.last_weight) AS last_category,
            arg_max(r.procedure, r.last_weight) AS last_procedure,
            max(r.decided_on) AS last_denied_on
        FROM (SELECT x.*,
                row_number() OVER (PARTITION BY claim_number ORDER BY x.is_partial DESC, x.decided_on DESC, x.denied_amount,
                    x.remittance_id DESC, x.line_number DESC) AS weight,
                row_number() OVER (PARTITION BY claim_number ORDER BY x.is_partial DESC, x.carc = UPHELD DESC, x.decided_on,
                    x.denied_amount, x.remittance_id DESC, x.line_number DESC) AS last_weight
              FROM refused_lines x) r
        JOIN decision_parts t USING (remittance_id)
        GROUP BY r.claim_number
    """),
)  # fmt: skip

CLAIMS: tuple[tuple[str, str], ...] = (
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
                coalesce(w.lost, 0.00) AS lost, x.last_category, x.last_procedure, x.unprocessable,
                x.unprocessable_now, a.last_acknowledged_on, e.link_rule
            FROM numbers n
            LEFT JOIN submission_summary s USING (claim_number)
            LEFT JOIN decision_summary d USING (claim_number)
            LEFT JOIN first_decisions f USING (claim_number)
            LEFT JOIN acknowledgment_summary a USING (claim_number)
            LEFT JOIN denial_summary x USING (claim_number)
            LEFT JOIN current_amounts c USING (claim_number)
            LEFT JOIN ledger_summary l USING (claim_number)
            LEFT JOIN posted_summary w USING (claim_number)
            LEFT JOIN (SELECT claim_number, min(rule) AS link_rule FROM claim_links GROUP BY claim_number) e USING (claim_number)
            LEFT JOIN payer_links k ON k.ledger_name = l.payer_name
            LEFT JOIN filing_indicators i ON i.filing_code = coalesce(s.filing_code, d.filing_code)),
        windows AS (
            SELECT payer_class, max(CAST(days AS INTEGER)) AS days FROM deadlines
            WHERE clock IN ('corrected_claim', 'appeal_level_1') GROUP BY payer_class),
        limits AS (
            SELECT payer_class, max(CAST(days AS INTEGER)) AS days FROM deadlines
            WHERE clock = 'initial_filing' GROUP BY payer_class),
        balanced AS (
            SELECT j.*, coalesce(j.balance, greatest(coalesce(j.charge, 0) - j.paid - coalesce(j.patient_share, 0), 0)) AS owed,
                w.days AS window_days, j.service_date + l.days AS filing_deadline
            FROM joined j LEFT JOIN windows w USING (payer_class) LEFT JOIN limits l USING (payer_class)),
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
            FROM balanced),
        -- Without a ledger nobody says what was given up: a balance past its last deadline is taken as given up
        inferred AS (
            SELECT s.*, CASE WHEN owed <= 0 OR (SELECT count(*) FROM ledger_summary) > 0 THEN NULL
                WHEN state = 'open_past_window' THEN last_denied_on + window_days + 1
                WHEN state = 'rejected' AND filing_deadline < AS_OF THEN filing_deadline + 1 END AS given_up_on,
                CASE WHEN state = 'rejected' THEN 'rejected_not_resubmitted'
                    WHEN last_category = 'medical_necessity' AND last_procedure LIKE 'A04%' THEN 'ems_medical_necessity'
                    ELSE coalesce(k.leaf, 'administrative') END AS likely_leaf
            FROM stated s LEFT JOIN category_leaves k ON k.category = last_category)
        SELECT claim_number, payer_id, payer_name, payer_order, payer_class, billing_npi, rendering_npi, location,
            place_of_service, service_date, submitted_on, first_decided_on, charge, allowed, paid, patient_share,
            rejected, initially_denied, denied_amount, category, group_code, carc, rarc,
            CAST(submissions AS INTEGER) AS submissions, state,
            CASE WHEN state NOT IN ('submitted', 'accepted', 'resubmitted', 'denied_open', 'open_past_window', 'rejected')
                AND owed <= 0 THEN greatest(coalesce(last_decided_on, DATE '1900-01-01'), coalesce(last_posted_on, DATE '1900-01-01'))
                END AS closed_on,
            CASE WHEN given_up_on IS NULL THEN owed ELSE 0.00 END AS open_balance,
            CASE WHEN given_up_on IS NULL THEN written_off ELSE owed END AS written_off,
            CASE WHEN given_up_on IS NULL THEN write_off_leaf ELSE likely_leaf END AS write_off_leaf,
            CASE WHEN given_up_on IS NULL THEN write_off_root ELSE r.root END AS write_off_root, coalesce(link_rule, 'same_claim_number') AS link_rule,
            paid_after_first, patient_key, ever_denied, last_denied_on, last_decided_on, statuses > 0 AS acknowledged, in_ledger,
            CASE WHEN given_up_on IS NOT NULL THEN 'inferred' WHEN written_off <> 0 THEN 'posted' END AS write_off_basis,
            given_up_on, coalesce(unprocessable, false) AS unprocessable, coalesce(unprocessable_now, false) AS unprocessable_now,
            filing_deadline, last_submitted_on, last_category
        FROM inferred LEFT JOIN write_off_leaves r ON r.leaf = likely_leaf
    """),
    ("write_offs", """
        SELECT claim_number, posted_on, amount, code, reason, leaf, root, basis, remit_category, mismatch FROM posted_write_offs
        UNION ALL
        SELECT claim_number, given_up_on, written_off, NULL, NULL, write_off_leaf, write_off_root, 'inferred', last_category, false
        FROM claims WHERE given_up_on IS NOT NULL
    """),
    ("denials", """
        SELECT r.claim_number, r.line_number, r.decided_on, r.payer_id, r.payer_name, r.procedure, r.modifiers,
            coalesce(r.rendering_npi, c.rendering_npi) AS rendering_npi, c.location, r.charge, r.denied_amount,
            r.group_code, r.carc, r.rarc, r.rarcs, r.category, r.class, r.reason_text,
            coalesce(t.stage, u.stage) AS stage, coalesce(t.owner, u.owner) AS owner,
            coalesce(t.preventable, u.preventable) AS preventable, coalesce(t.recoverable, u.recoverable) AS recoverable,
            coalesce(t.fix, u.fix) AS fix, row_number() OVER (
                PARTITION BY r.claim_number, r.line_key ORDER BY r.is_partial, r.decided_on, r.remittance_id, r.line_number) = 1 AS is_first,
            coalesce(f.in_first, false) AS at_first_decision, r.is_partial, r.unprocessable, r.payer_order,
            c.service_date, c.submitted_on
        FROM refused_lines r
        JOIN claims c USING (claim_number)
        LEFT JOIN decision_parts f ON f.remittance_id = r.remittance_id
        LEFT JOIN carc t ON t.carc = r.carc
        -- a denial without a code is worked as most codes of its category are
        LEFT JOIN category_habits u ON r.carc IS NULL AND u.category = r.category
    """),
)  # fmt: skip

STEPS = (*episodes.LINKS, *DECIDED, *postings.STEPS, *CLAIMS, *episodes.STEPS)
ON_DEMAND = ("episode_steps",)
DERIVED = ("claims", "denials", "write_offs", "episode_steps", "rejected_claims", "possible_links")
_REFERENCE = (
    "carc",
    "rarc",
    "claim_status_codes",
    "filing_indicators",
    "write_off_leaves",
    "deadlines",
    "claim_status_reasons",
)


def derive(
    con: duckdb.DuckDBPyConnection, *, as_of: date, extra_phrases: pd.DataFrame | None = None
) -> duckdb.DuckDBPyConnection:
    """Makes the tables of `STEPS` on the connection, which then holds `claims`, `denials` and `write_offs`.

    `extra_phrases` (columns pattern, leaf) are the practice's own words for write-offs and come before ours.
    """
    for name in _REFERENCE:
        _table(con, name, codes.table(name))
    _table(con, "precedence", pd.DataFrame({"category": codes.driving_precedence()}).reset_index(names="rank"))
    _table(con, "category_leaves", pd.DataFrame(postings.LEAF_OF_CATEGORY.items(), columns=["category", "leaf"]))
    _table(con, "category_habits", _category_habits())
    overlaps.count_once(con)
    _table(con, "posting_reasons", postings.reasons_of(con, extra_phrases))
    _table(con, "word_categories", postings.categories_of_words(con, extra_phrases))
    for name, sql in STEPS:
        if name not in ON_DEMAND:
            con.execute(f"CREATE TEMP TABLE {name} AS {_worded(sql, as_of)}")
    _offer(con, as_of)
    return con


def _offer(con: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """Makes views of the tables that no page needs; they are derived when somebody asks."""
    for name, sql in STEPS:
        if name in ON_DEMAND:
            con.execute(f"CREATE TEMP VIEW {name} AS {_worded(sql, as_of)}")


def _worded(sql: str, as_of: date) -> str:
    """The statement with values in the place of its capital words."""
    words = {"AS_OF": f"DATE '{as_of.isoformat()}'", "REFINED_BY_REMARK": REFINED_BY_REMARK, "UNPROCESSABLE": UNPROCESSABLE,
             "UPHELD": UPHELD, "PAYMENT_KEY": PAYMENT_KEY, "MISMATCH_USD": postings.MISMATCH_USD,
             "LONGEST_CHAIN": episodes.LONGEST_CHAIN}  # fmt: skip
    for word, value in words.items():
        sql = sql.replace(word, value)
    return sql


def _category_habits() -> pd.DataFrame:
    """Per denial category the stage, owner, ... that most of its codes have."""
    carc = codes.table("carc")
    columns = ["stage", "owner", "preventable", "recoverable", "fix"]
    return carc[carc["denial"] == "yes"].groupby("category")[columns].agg(lambda values: values.mode()[0]).reset_index()


def _table(con: duckdb.DuckDBPyConnection, name: str, frame: pd.DataFrame) -> None:
    con.register(f"{name}_frame", frame)
    con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {name}_frame")
    con.unregister(f"{name}_frame")


def open_practice(
    store: Path | str, practice: str, *, as_of: date, engine: str | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection that holds the practice's facts and derived tables as of the date; what a notebook begins with.

    `engine` is duckdb, spark or a Spark address; see `engines.named` for what counts without it. Write-off words that
    users keep in the store (`write_off_phrases.csv`) come before ours. Raises RcmError when nothing was ingested for the
    practice, and when those words can't be used.
    """
    own = Practice(Path(store), practice)
    con = engines.connect(own, as_of=as_of, engine=engine)
    if sharing.attach(con, practice=practice, as_of=as_of, store=Path(store)):
        _offer(con, as_of)
        return con
    return derive(con, as_of=as_of, extra_phrases=postings.own_phrases(own.own_tables("write_off_phrases")))
