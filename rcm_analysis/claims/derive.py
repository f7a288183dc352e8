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

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis.claims import overlaps, posting_meanings, postings, prices, situations
from rcm_analysis.months import MONTHS, day_of
from rcm_analysis.reference import codes
from rcm_analysis.spreadsheets import stored
from rcm_analysis.store import engine as store_engine
from rcm_analysis.store import kept, schema, steps
from rcm_analysis.store.practice import Practice
from rcm_analysis.store.view import View

if TYPE_CHECKING:
    import duckdb


SQL = Path(__file__).parent / "sql"
DERIVED = tuple(table.name for table in schema.DERIVED)
_ANSWERS_READ = "229"  # steps before this number gather what payers answered; what it means is told between
_POSTINGS_WORDED = "405"  # the step that takes what postings mean from what was learned of them
# What the steps ask for by `getvariable`, besides the day
VALUES = {
    # Generic CARCs, whose remark code says what was wrong
    "generic_carcs": ["16", "96", "A1", "125", "129", "226", "227", "252"],
    "unprocessable": "MA130",  # a rejection delivered by remittance: no appeal, submit a new claim
    "upheld": "193",  # an appeal lost: what it carries remains denied
    "mismatch_usd": Decimal("1.00"),  # smaller differences between ledger and remittance are rounding
    # Reasons for which a patient's share is written off
    "patient_leaves": [
        "charity",
        "small_balance",
        "prompt_pay",
        "courtesy",
        "bad_debt",
        "bad_debt_uninsured",
        "uncollectible_by_law",
        "subscription",
        "dry_run",
    ],
    "doubt_of_codes": 0.3,  # postings' worth of doubt whether what is learned of a code holds
    "generic_leaves": ["claim_data", "appeal_deadline"],  # what the office may know by another name
    "generic_trust": 0.85,
    "longest_chain": 20,  # corrections of corrections; references that go round in a circle link nothing
    **prices.VALUES,
}
READ_LATER = ("claim_facts", "line_reasons", "work_since_answer")  # steps that `explain` reads
# Tables made in Python for the steps
FRAMES = (
    "precedence",
    "category_leaves",
    "posting_reasons",
    "word_categories",
    "ledger_understanding",
    *situations.FRAMES,
    *prices.FRAMES,
)
_REFERENCE = (
    "carc",
    "rarc",
    "claim_status_codes",
    "filing_indicators",
    "write_off_leaves",
    "write_off_places",
    "deadlines",
    "claim_status_reasons",
)


def derive(
    con: duckdb.DuckDBPyConnection,
    *,
    as_of: date,
    extra_phrases: pd.DataFrame | None = None,
    own_situations: pd.DataFrame | None = None,
    own_codes: pd.DataFrame | None = None,
) -> duckdb.DuckDBPyConnection:
    """Makes the tables of the steps in `sql/` on the connection, which then holds `claims`, `denials` and `write_offs`.

    Raises StepError naming the file of a step that fails, and SchemaError naming the table and column that is not as
    declared. `extra_phrases` (columns pattern, leaf) are the practice's own words for write-offs, `own_situations` its
    own rows of `situations`; they come before ours. `own_codes` (columns code, leaf) is what it confirmed of its
    adjustment codes.
    """
    for name in _REFERENCE:
        _table(con, name, codes.table(name))
    _table(con, "precedence", pd.DataFrame({"category": codes.driving_precedence()}).reset_index(names="rank"))
    _table(con, "category_leaves", pd.DataFrame(situations.LEAF_OF_CATEGORY.items(), columns=["category", "leaf"]))
    understand_ledgers(con, as_of)
    overlaps.count_once(con)
    _table(con, "posting_reasons", postings.reasons_of(con, extra_phrases))
    _table(con, "word_categories", postings.categories_of_words(con, extra_phrases))
    situations.prepare(con, own_situations)
    _table(con, "price_modifiers_of", prices.prepare(con))
    every, values = steps.steps(SQL), {**VALUES, "as_of": as_of}
    steps.run(con, [step for step in every if step.file < _ANSWERS_READ], values)
    situations.resolve(con, own_situations)
    steps.run(con, [step for step in every if _ANSWERS_READ <= step.file < _POSTINGS_WORDED], values)
    _table(con, "posting_meanings", posting_meanings.learn(con, own_codes))
    steps.run(con, [step for step in every if step.file >= _POSTINGS_WORDED], values)
    for name in (*DERIVED, *(table.name for table in schema.SHARED)):
        schema.check(name, store_engine.columns(con, name))
    return con


def understand_ledgers(con: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """Puts the postings of the ledgers that are understood by what is known on the day in the place of `ledger`.

    Makes `ledger_understanding`, too. Batches of earlier releases hold postings as they were understood then: they stay.
    """
    postings_, told = stored.understood(lambda query: store_engine.arrow(con, query), as_of=as_of)
    con.register("understanding_frame", schema.conform_rows("ledger_understanding", told))
    con.execute("CREATE OR REPLACE TEMP TABLE ledger_understanding AS SELECT * FROM understanding_frame")
    con.unregister("understanding_frame")
    if postings_.num_rows:
        names = ", ".join(postings_.column_names)
        con.register("postings_frame", postings_)
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE ledger AS SELECT {names} FROM ledger UNION ALL "
            f"SELECT {names} FROM postings_frame WHERE known_on <= DATE '{as_of.isoformat()}'"
        )
        con.unregister("postings_frame")


def _offer(con: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """Sets what the kept views ask for, and makes those that were not kept with the tables."""
    there = {
        name for (name,) in con.execute("SELECT view_name FROM duckdb_views() WHERE database_name = 'kept'").fetchall()
    }
    lacking = [step for step in steps.steps(SQL) if step.is_view and step.table not in there]
    steps.run(con, lacking, {**VALUES, "as_of": as_of})


def _let_go(con: duckdb.DuckDBPyConnection) -> None:
    """Drops the tables of steps that nothing reads once all have run, so that they are neither kept nor held in memory."""
    every = steps.steps(SQL)
    read = {table.name for table in (*schema.FACTS, *schema.DERIVED, *schema.SHARED)} | set(READ_LATER)
    read |= {name for step in every if step.is_view for name in re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", step.sql)}
    for step in every:
        if step.table not in read:
            con.execute(f"DROP TABLE IF EXISTS {step.table}")


def _table(con: duckdb.DuckDBPyConnection, name: str, frame: pd.DataFrame) -> None:
    con.register(f"{name}_frame", frame)
    con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {name}_frame")
    con.unregister(f"{name}_frame")


def open_practice(
    store: Path | str, practice: str, *, as_of: date | str, months: int = MONTHS, engine: str | None = None
) -> View:
    """The practice's facts and derived tables as of the day (a date or 2026-10-31); what a notebook begins with.

    `months` whole months are looked back at. `engine` is duckdb, spark or a Spark address; see `engines.named` for what counts without it. Write-off words that
    users keep in the store (`write_off_phrases.csv`) come before ours. Raises RcmError when nothing was ingested for the
    practice, when those words can't be used, and for a day that is none.
    """
    as_of = day_of(as_of)
    own = Practice(Path(store), practice)
    con: Any = store_engine.connect(own, as_of=as_of, engine=engine, facts=False)
    phrases = postings.own_phrases(own.own_tables("write_off_phrases"))
    keeps = store_engine.keeps(con)
    if keeps and kept.attach(con, own, as_of):
        _offer(con, as_of)
    else:
        if keeps:
            own.lay_facts(con, as_of)
        derive(
            con,
            as_of=as_of,
            extra_phrases=phrases,
            own_situations=situations.own_rows(own.own_tables("situations")),
            own_codes=posting_meanings.own_codes(own.own_tables("ledger_codes")),
        )
        if keeps:
            _let_go(con)
            kept.keep(con, own, as_of, views=[step.table for step in steps.steps(SQL) if step.is_view])
    return View(practice, as_of, months, Path(store), con)


def known_on(view: View, day: date) -> View:
    """The same practice as it was known on an earlier day; the view itself where it is its own.

    >>> known_on(view, date(2026, 10, 31)).as_of  # doctest: +SKIP
    datetime.date(2026, 10, 31)
    """
    if day == view.as_of:
        return view
    return open_practice(
        view.store, view.practice, as_of=day, months=view.months, engine=store_engine.name_of(view.con)
    )


def deadlines_of(view: View) -> pd.DataFrame:
    """The deadlines assumed for each payer with claims: payer, class, deadline, length, holds, confirmed, confidence, source.

    payer        class       deadline        length           holds                     confirmed  confidence  source
    ACME HEALTH  commercial  appeal_level_1  180 days         2025-11-03 and later  yes        contract    contract of 2025
    ACME HEALTH  commercial  initial_filing  90 days                                    no         default     https://...
    MEDICARE B   medicare    initial_filing  1 calendar year                            no         primary     https://...

    A contract's terms hold for claims of their own time, so that each of them is listed.
    """
    return view.execute(
        """
        WITH held AS (
            SELECT d.*, row_number() OVER (PARTITION BY d.payer_name, d.payer_class, d.clock
                ORDER BY CAST(? AS DATE) BETWEEN d.valid_from AND d.valid_to DESC, d.confirmed DESC, d.valid_from DESC) AS place
            FROM payer_deadlines d)
        SELECT d.payer_name AS payer, d.payer_class AS class, d.clock AS deadline,
            CASE WHEN d.years IS NULL THEN d.days || ' days' ELSE d.years || ' calendar year' END AS length,
            CASE WHEN d.confirmed THEN replace(CAST(d.valid_from AS VARCHAR) || ' to ' || CAST(d.valid_to AS VARCHAR), 'to 9999-12-31', 'and later') ELSE '' END AS holds,
            CASE WHEN d.confirmed THEN 'yes' ELSE 'no' END AS confirmed, d.confidence, d.source
        FROM held d
        JOIN (SELECT DISTINCT payer_name, payer_class FROM claims) c USING (payer_name, payer_class)
        WHERE d.confirmed OR d.place = 1
        ORDER BY 1, 2, 3, d.valid_from""",
        [view.as_of],
    ).df()
