"""What was known of each service line before its claim was sent, and, where it is decided, how the first decision ended.

`sent(con, as_of=...)` gives the table that rules and scores learn from; `to_send(con, claims, lines)` gives the same
columns for claims that are not sent yet. Both run the same steps (`sql/`), so that a rule reads at the desk what it read when it
was learned. History looks back only: earlier submissions, and decisions dated before the submission.

    claim_number  line_number  sent_on     payer_name  procedure  modifiers  authorization  days_since_service  outcome
    A1            1            2026-03-02  UNISON      70553      []         no             4                   authorization
    A2            1            2026-03-02  UNISON      70553      []         yes            9                   NULL
    A3            1            2026-03-02  ACME        99213      ['25']     no             2                   rejection
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from rcm_analysis.reference import codes
from rcm_analysis.store import steps

if TYPE_CHECKING:
    import pyarrow as pa

    from rcm_analysis.store.view import View

WAIT_SHARE = 0.9  # the youngest submissions are left out until this share of claims is usually decided
MAX_WAIT_DAYS = 90
RECENT_DAYS = 90  # "recently" for a provider's or a procedure's denials
PATIENT_DAYS = 365  # an earlier denial of a patient says something for about a plan year
KNOWN_PATIENT_DAYS = 180  # a patient is called new only when the files reach back this far before the service
SHORTEST_LIMIT_DAYS = (
    30  # a denial of a younger claim as filed too late is about something else: no payer's limit is shorter
)
CREDENTIALING_SHARE = 0.2  # of a provider's recent decisions at a payer: more than a slip, less than a wall
REJECTION = "rejection"

# What rules may speak of: things that a biller can look up on the claim or in the practice's own system.
FEATURES = (
    "authorization", "referral", "rendering_provider", "ordering_provider", "referring_provider", "supervising_provider",
    "attending_provider", "drug_number", "duplicate", "truncated_diagnosis", "late_for_payer",
    "provider_denied_for_credentialing", "global_period", "patient_not_covered", "payer_name",
    "filing_code", "procedure", "procedure_family", "revenue_code", "modifiers", "with_procedures", "units_in_day",
    "days_since_service", "therapy_visits", "therapy_usd",
    "new_patient", "other_payer", "patient_denied_for", "days_since_same_procedure", "same_procedure_in_year", "location",
    "place_of_service", "payer_order", "frequency", "origin", "destination", "diagnoses", "diagnosis_chapters",
    "billing_taxonomy", "rendering_taxonomy", "ordered_by", "rendering_npi", "age", "sex",
)  # fmt: skip

# What tells of a refusal and cannot be set right on the claim: a rule that does without is believed and acted on
CORRELATES = frozenset({
    "units_in_day", "days_since_service", "therapy_visits", "therapy_usd", "days_since_same_procedure", "same_procedure_in_year",
    "patient_denied_for", "diagnoses", "diagnosis_chapters", "rendering_npi", "rendering_taxonomy", "age", "sex", "new_patient",
})  # fmt: skip

# What a patient's own earlier claims and denials tell: claims of the same patient say it again and again
OF_PATIENTS = frozenset({"patient_not_covered", "patient_denied_for", "days_since_same_procedure", "same_procedure_in_year",
                         "therapy_visits", "therapy_usd"})  # fmt: skip

# Text that few values fill: kept as categories, a million lines take 0.15 GB instead of half a GB
_REPEATED = ("payer_name", "filing_code", "payer_order", "procedure", "procedure_family", "place_of_service", "location",
             "rendering_npi", "truncated_diagnosis", "authorization", "referral", "frequency", "sex", "new_patient", "duplicate",
             "late_for_payer", "other_payer", "patient_denied_for", "origin", "destination", "provider_denied_for_credentialing", "rendering_provider",
             "ordering_provider", "referring_provider", "supervising_provider", "attending_provider", "drug_number",
             "global_period", "patient_not_covered", "revenue_code", "billing_taxonomy", "rendering_taxonomy", "ordered_by",
             "outcome")  # fmt: skip
LINES_AT_ONCE = 250_000  # joined in one go; a practice of 100,000 claims is read in one
_SETS = ("modifiers", "with_procedures", "diagnoses", "diagnosis_chapters")

SQL = Path(__file__).parent / "sql"
ROWS = "feature_rows"  # a view: its rows are read in stretches
OF_ANSWERS = ("answers", "outcomes")  # what claims that are not sent yet have not
VALUES = {
    "known_patient_days": KNOWN_PATIENT_DAYS,
    "patient_days": PATIENT_DAYS,
    "recent_days": RECENT_DAYS,
    "shortest_limit_days": SHORTEST_LIMIT_DAYS,
    "credentialing_share": CREDENTIALING_SHARE,
}


def sent(view: View, *, since: date | None = None) -> pd.DataFrame:
    """Service lines of answered submissions, with what was known before and the outcome: a denial category, `rejection`,
    or missing for a line that was not denied. `since` leaves out those sent earlier; they still count as history.

    Submissions so young that many of their like are undecided are left out whole: the ones that are decided already
    are not like the rest. `con` is from `claims.open_practice` at the same `as_of`.
    """
    _derive(view, None, None, is_new=False)
    _run(view, OF_ANSWERS)
    parts = []
    for first, last in _stretches(view, since or date.min):
        _run(view, (ROWS,), first_sent_on=first, last_sent_on=last)
        part = _read(
            view,
            """
            SELECT f.*, o.* EXCLUDE (submission_id, line_number) FROM feature_rows f
            JOIN outcomes o ON o.submission_id = f.submission_id AND o.line_number = f.line_number
            ORDER BY f.sent_on, f.submission_id, f.line_number""",
        )
        parts.append(part.astype(dict.fromkeys(_REPEATED, "category")))
    return as_known(_together(parts), as_of=view.as_of)


def _stretches(view: View, since: date) -> list[tuple[date, date]]:
    """First and last days of sending that hold some lines each: joined at once, millions would take memory many times over."""
    found = view.execute(f"""
        SELECT CAST(min(sent_on) AS DATE), CAST(max(sent_on) AS DATE) FROM (
            SELECT sent_on, sum(count(*)) OVER (ORDER BY sent_on) // {LINES_AT_ONCE} AS stretch
            FROM line_facts WHERE NOT is_new AND sent_on >= DATE '{since}' GROUP BY sent_on)
        GROUP BY stretch ORDER BY 1
    """).fetchall()
    return found or [(since, since)]


def as_known(table: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """The rows of `sent` that could be learned from on an earlier day: answered by then, and not the youngest."""
    answered = table["answered_on"] <= pd.Timestamp(as_of)
    until = as_of - timedelta(days=_wait_days(table.loc[answered, ["answered_on", "sent_on", "outcome"]]))
    return table[answered & (table["sent_on"] <= pd.Timestamp(until))].reset_index(drop=True)


def to_send(view: View, claims: pa.Table, lines: pa.Table) -> pd.DataFrame:
    """The same columns, outcome and amount left out, for claims read from files (`submissions`, `submission_lines`)."""
    _derive(view, claims, lines, is_new=True)
    _run(view, (ROWS,), first_sent_on=date.min, last_sent_on=date.max)
    return _read(view, "SELECT * FROM feature_rows f ORDER BY f.submission_id, f.line_number")


def _wait_days(table: pd.DataFrame) -> int:
    took = (table["answered_on"] - table["sent_on"]).dt.days[table["outcome"] != REJECTION]
    return int(min(took.quantile(WAIT_SHARE), MAX_WAIT_DAYS)) if len(took) else MAX_WAIT_DAYS


def _derive(view: View, claims: pa.Table | None, lines: pa.Table | None, *, is_new: bool) -> None:
    for name, source, rows in (("new_claims", "submissions", claims), ("new_lines", "submission_lines", lines)):
        if rows is not None:
            view.register("offered", rows)
        chosen = "offered" if rows is not None else f"{source} WHERE false"
        view.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {chosen}")
    view.register("global_periods", _global_periods())
    later = (ROWS, *OF_ANSWERS)
    _run(view, [step.table for step in steps.steps(SQL) if step.table not in later], is_new=is_new)


def _global_periods() -> pd.DataFrame:
    """Ranges of procedures whose price holds the care of 10 or 90 days after them: first, last, days."""
    table = codes.table("global_periods")
    return table[["first", "last"]].assign(days=table["days"].astype("int32"))


def _run(view: View, tables: Collection[str], **values: Any) -> None:
    """Runs the steps that make these tables; values given once stay."""
    chosen = [step for step in steps.steps(SQL) if step.table in tables]
    steps.run(view.con, chosen, {**VALUES, **values})


def _together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The parts one after the other, their categories united in the order of the alphabet."""
    rest = pd.concat([part.drop(columns=list(_REPEATED)) for part in parts], ignore_index=True)
    united = {name: union_categoricals([part[name] for part in parts], sort_categories=True) for name in _REPEATED}
    return rest.assign(**united)[list(parts[0])]


def _read(view: View, sql: str) -> pd.DataFrame:
    """The rows, their sets as tuples that rows of the same set share: a million lines hold some thousand different ones."""
    rows = view.execute(sql).df()
    for name in _SETS:
        places, texts = pd.factorize(rows[name])
        sets = np.fromiter((*(tuple(text.split()) for text in texts), ()), object, len(texts) + 1)
        rows[name] = sets[places]
    empty = [name for name in rows if rows[name].dtype == object and name not in _SETS]  # text that every row lacks
    return rows.astype(dict.fromkeys(empty, "str"))
