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

from rcm_analysis.claims import decisions, episodes, overlaps, postings
from rcm_analysis.reference import codes
from rcm_analysis.store import engine as store_engine
from rcm_analysis.store import handover
from rcm_analysis.store.practice import Practice

if TYPE_CHECKING:
    import duckdb

CLAIMS: tuple[tuple[str, str], ...] = (
    # Days of each clock: of the row that names the payer, where the claim is of that row's class, else of the class
    ("payer_clocks", """
        WITH named AS (
            SELECT coalesce(payer_name, '') AS payer_name FROM submissions UNION SELECT coalesce(payer_name, '') FROM remittances
            UNION SELECT coalesce(payer_name, '') FROM ledger UNION SELECT '')
        SELECT n.payer_name, d.payer_class, d.clock, max_by(CAST(d.days AS INTEGER), (d.payer_pattern <> '', d.valid_from)) AS days
        FROM named n JOIN deadlines d ON d.payer_pattern = '' OR regexp_matches(lower(n.payer_name), d.payer_pattern)
        GROUP BY n.payer_name, d.payer_class, d.clock
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
                CASE WHEN d.claim_number IS NULL THEN greatest(coalesce(l.contractual, 0), 0) ELSE coalesce(c.settled, 0) END AS settled,
                coalesce(w.given_up, 0.00) AS given_up,
                coalesce(w.given_up_of_patient, 0.00) + coalesce(l.patient_paid, 0.00) AS by_patient, l.charge AS ledger_charge,
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
            SELECT payer_class, payer_name, max(days) AS days FROM payer_clocks
            WHERE clock IN ('corrected_claim', 'appeal_level_1') GROUP BY payer_class, payer_name),
        limits AS (SELECT payer_class, payer_name, days FROM payer_clocks WHERE clock = 'initial_filing'),
        balanced AS (
            -- What no payer, contract or law has settled, the patient does not owe and nobody has written off. What patients
            -- paid and what was given up for their reasons counts against their share first, beyond it against the rest.
            -- A ledger that was posted to after the last decision and holds the whole charge may know of more payments.
            SELECT j.*, greatest(0, least(
                    coalesce(j.charge, 0) - j.paid - j.patient_share - j.settled - j.given_up
                        - greatest(j.by_patient - j.patient_share, 0),
                    CASE WHEN j.ledger_charge >= j.charge AND j.last_posted_on >= coalesce(j.last_decided_on, j.last_posted_on)
                        THEN j.balance ELSE j.charge END)) AS owed,
                w.days AS window_days, j.service_date + l.days AS filing_deadline
            FROM joined j LEFT JOIN windows w ON w.payer_class = j.payer_class AND w.payer_name = coalesce(j.payer_name, '')
            LEFT JOIN limits l ON l.payer_class = j.payer_class AND l.payer_name = coalesce(j.payer_name, '')),
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

STEPS = (*episodes.LINKS, *decisions.STEPS, *postings.STEPS, *CLAIMS, *episodes.STEPS)
ON_DEMAND = ("episode_steps", "possible_links")
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
    """Makes views of the tables that one page or none needs; they are derived when somebody asks."""
    for name, sql in STEPS:
        if name in ON_DEMAND:
            con.execute(f"CREATE TEMP VIEW {name} AS {_worded(sql, as_of)}")


def _worded(sql: str, as_of: date) -> str:
    """The statement with values in the place of its capital words."""
    words = {"AS_OF": f"DATE '{as_of.isoformat()}'", "REFINED_BY_REMARK": decisions.REFINED_BY_REMARK,
             "UNPROCESSABLE": decisions.UNPROCESSABLE, "UPHELD": decisions.UPHELD, "PAYMENT_KEY": decisions.PAYMENT_KEY,
             "MISMATCH_USD": postings.MISMATCH_USD, "PATIENT_LEAVES": postings.PATIENT_LEAVES, "LONGEST_CHAIN": episodes.LONGEST_CHAIN}  # fmt: skip
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
    con = store_engine.connect(own, as_of=as_of, engine=engine)
    if handover.attach(con, practice=practice, as_of=as_of, store=Path(store)):
        _offer(con, as_of)
        return con
    return derive(con, as_of=as_of, extra_phrases=postings.own_phrases(own.own_tables("write_off_phrases")))
