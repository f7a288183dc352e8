"""KPIs as data: each measure is a numerator over a denominator, with its month basis, definition and source.

`measure(con)` gives every measure, month and segment in one long table:

    measure              basis           month    dimension   segment  numerator  denominator  value  lower  upper
    initial_denial_rate  decision_month  2026-10  all         all      151        1224         .1234  .1061  .1429
    initial_denial_rate  decision_month  2026-10  payer_name  UNISON   31         160          .1938  .1402  .2617
    write_off_amount     posting_month   2026-10  leaf        cob      2310.00                 2310.00
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis.months import month_end
from rcm_analysis.stats import wilson
from rcm_analysis.store import engine, kept
from rcm_analysis.store.content import Content

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

OUTCOME_DAYS = 180  # most denials are won or given up within half a year
MATURITY_DAYS = 90  # a submission or service month is judged this long after its end
BASES = {"decision_month": "first_decided_on", "submission_month": "submitted_on", "service_month": "service_date",
         "posting_month": "posted_on"}  # fmt: skip
CLAIM_DIMENSIONS = ("payer_name", "location", "rendering_npi")


@dataclass(frozen=True)
class Measure:
    """One KPI. `numerator` and `denominator` are SQL over the rows of `source`; a median has no numerator."""

    name: str
    label: str
    unit: str  # share, USD or days
    source: str
    numerator: str
    denominator: str | None
    bases: tuple[str, ...]
    dimensions: tuple[str, ...]
    good: str  # up, down or none
    definition: str
    cited: str
    counts: bool = True  # the numerator counts cases, so that a Wilson interval holds
    matures_days: int = 0  # outcomes of denials are not known when the month ends


CLAIMS = "claims"
FIRST_LINES = (
    "(SELECT c.*, r.claim_number IS NOT NULL AND NOT r.is_partial AS line_denied FROM decided_lines l "
    "JOIN first_decisions f USING (remittance_id) JOIN claims c USING (claim_number) "
    "LEFT JOIN refused_lines r ON r.remittance_id = l.remittance_id AND r.line_number = l.line_number)"
)
POSTINGS = "(SELECT p.*, p.known_on AS posted_on FROM posting_classes p WHERE claim_number IS NOT NULL)"
WRITE_OFFS = (
    "(SELECT w.*, c.payer_name, c.location, c.rendering_npi FROM write_offs w JOIN claims c USING (claim_number))"
)
OPEN_STATES = ("('submitted', 'accepted', 'pending', 'forwarded', 'appealed', 'resubmitted', 'taken_back', 'unpaid_no_reason', "
               "'open_past_window', 'denied_open', 'rejected', 'unbilled')")  # fmt: skip

MEASURES = (
    Measure("initial_denial_rate", "Initial denial rate", "share", CLAIMS,
            "CASE WHEN initially_denied THEN 1 ELSE 0 END", "CASE WHEN first_decided_on IS NOT NULL THEN 1 ELSE 0 END",
            ("decision_month", "submission_month", "service_month"), CLAIM_DIMENSIONS, "down",
            "Claims with at least one service line denied on their first remit, divided by claims adjudicated. "
            "Denied: nothing paid on the line, and denying reason codes of any group outweigh the patient's share. "
            "Duplicates, bundling and denials for another payer are included. Claims without a remit are in neither.",
            "HFMA Claim Integrity Task Force, https://measureyourmission.com/claims-integrity-taskforce-kpis (by claim)"),
    Measure("initial_denial_rate_amount", "Initial denial rate, dollars", "share", CLAIMS,
            "denied_charge", "CASE WHEN first_decided_on IS NOT NULL THEN charge ELSE 0 END",
            ("decision_month", "submission_month", "service_month"), CLAIM_DIMENSIONS, "down",
            "Billed amount of the lines denied on the first remit, divided by the billed amount of claims adjudicated.",
            "HFMA Claim Integrity Task Force, https://measureyourmission.com/claims-integrity-taskforce-kpis (by dollars)", counts=False),
    Measure("line_denial_rate", "Line denial rate", "share", FIRST_LINES,
            "CASE WHEN line_denied THEN 1 ELSE 0 END", "1", ("decision_month",), CLAIM_DIMENSIONS, "down",
            "Service lines denied on the claim's first remit, divided by service lines on it.",
            "HFMA Claim Integrity Task Force, https://measureyourmission.com/claims-integrity-taskforce-kpis (by line)"),
    Measure("final_denial_rate", "Final denial rate", "share", CLAIMS,
            "CASE WHEN denial_lost THEN 1 ELSE 0 END",
            "CASE WHEN first_decided_on IS NOT NULL THEN 1 ELSE 0 END", ("decision_month", "service_month"),
            CLAIM_DIMENSIONS, "down",
            "Claims with a denied line that the practice wrote off, divided by claims adjudicated. A line of a paid claim "
            "counts, a usual deadline that has passed does not. Recent months are not complete.", "a definition of our own", matures_days=OUTCOME_DAYS),
    Measure("rejection_rate", "Rejection rate", "share", CLAIMS,
            "CASE WHEN rejected THEN 1 ELSE 0 END", "CASE WHEN acknowledged THEN 1 ELSE 0 END",
            ("submission_month",), CLAIM_DIMENSIONS, "down",
            "Claims rejected at least once by a 277CA (A3, A6, A7, A8), divided by claims acknowledged.", "a definition of our own; X12 277CA: claim status category codes"),
    Measure("overturn_rate", "Overturn rate", "share", CLAIMS,
            f"CASE WHEN initially_denied AND NOT unprocessable AND paid_after_first AND state NOT IN {OPEN_STATES} THEN 1 ELSE 0 END",
            f"CASE WHEN initially_denied AND NOT unprocessable AND state NOT IN {OPEN_STATES} THEN 1 ELSE 0 END",
            ("decision_month",), CLAIM_DIMENSIONS, "up",
            "Initial denials that the same payer paid something later, or that anybody paid after a first remit of "
            "nothing, divided by initial denials closed. Claims returned as unprocessable (MA130) cannot be "
            "appealed and are left out.", "HFMA Claim Integrity Task Force, https://www.hfma.org/topics/hfm/2021/march/hfma-claim-integrity-task-force-seeks-to-standardize-denial-metr.html", matures_days=OUTCOME_DAYS),
    Measure("net_collection_rate", "Net collection rate", "share", POSTINGS,
            "CASE WHEN kind IN ('payment', 'refund') THEN -amount ELSE 0 END",
            "CASE WHEN kind = 'charge' OR (kind IN ('adjustment', 'write_off') AND told_leaf IN ('contractual', 'regulatory')) "
            "THEN amount ELSE 0 END", ("posting_month",), (), "up",
            "Payments less refunds, divided by charges less contractual and required adjustments posted in the month. It "
            "compares payments with the charges of other months, so read several months together.",
            "AAFP adjusted collection rate, https://www.aafp.org/family-physician/practice-and-career/managing-your-practice/practice-finances.html", counts=False),
    Measure("write_off_amount", "All adjustments and write-offs", "USD", WRITE_OFFS, "amount", None, ("posting_month",),
            ("root", "leaf", "payer_name", "location"), "down",
            "Adjustments and write-offs posted by the practice, contractual ones included.", "the practice's own postings, by the reasons of write_off_leaves.csv", counts=False),
    Measure("avoidable_write_off_share", "Avoidable share of write-offs", "share", WRITE_OFFS,
            "CASE WHEN root = 'unnecessary' THEN amount ELSE 0 END",
            "CASE WHEN leaf NOT IN ('contractual', 'regulatory') THEN amount ELSE 0 END", ("posting_month",),
            ("payer_name", "location"), "down",
            "Avoidable write-offs, bad debt included, divided by all write-offs without contractual and required "
            "adjustments.", "a definition of our own", counts=False),
    Measure("avoidable_write_off_share_without_bad_debt", "Avoidable share of write-offs without bad debt", "share", WRITE_OFFS,
            "CASE WHEN root = 'unnecessary' AND leaf NOT IN ('bad_debt', 'bad_debt_uninsured') THEN amount ELSE 0 END",
            "CASE WHEN leaf NOT IN ('contractual', 'regulatory', 'bad_debt', 'bad_debt_uninsured') THEN amount ELSE 0 END",
            ("posting_month",), ("payer_name", "location"), "down",
            "The same without bad debt, which finance reports apart.", "a definition of our own", counts=False),
    Measure("denial_write_off_share", "Denial write-offs, share of net revenue", "share",
            "(SELECT posted_on, amount AS lost, 0 AS net FROM write_offs WHERE root = 'unnecessary' AND leaf NOT IN ('bad_debt', 'bad_debt_uninsured') "
            f"UNION ALL SELECT posted_on, 0, amount FROM {POSTINGS} WHERE kind = 'charge' OR (kind IN ('adjustment', 'write_off') "
            "AND told_leaf IN ('contractual', 'regulatory')))",
            "lost", "net", ("posting_month",), (), "down",
            "Avoidable write-offs without bad debt, divided by charges less contractual and required adjustments posted "
            "in the month.", "aligned with HFMA MAP key AR-6, https://www.hfma.org/data-and-insights/map-initiative/map-keys/", counts=False),
    Measure("days_to_submit", "Days from service to first claim", "days", CLAIMS,
            "date_diff('day', service_date, submitted_on)", None, ("submission_month",), CLAIM_DIMENSIONS, "down",
            "Middle value of days from the first day of service to the first submission. The range holds the middle half.",
            "a definition of our own", counts=False),
    Measure("days_to_decision", "Days from claim to first remit", "days", CLAIMS,
            "date_diff('day', submitted_on, first_decided_on)", None, ("decision_month",), CLAIM_DIMENSIONS, "down",
            "Middle value of days from the first submission to the first remit. The range holds the middle half.",
            "Rivet glossary of claim fields, https://help.rivethealth.com/en/articles/14710465-glossary-of-fields-data-elements-in-claim-lists", counts=False),
    Measure("days_to_resolution", "Days from initial denial to close", "days",
            "(SELECT * FROM claims WHERE initially_denied)",
            "date_diff('day', first_decided_on, closed_on)", None, ("decision_month",), CLAIM_DIMENSIONS, "down",
            "Middle value of days from the initial denial to the close of the claim, closed claims only. The range "
            "holds the middle half.", "HFMA Claim Integrity Task Force, https://www.hfma.org/topics/hfm/2021/march/hfma-claim-integrity-task-force-seeks-to-standardize-denial-metr.html", counts=False, matures_days=OUTCOME_DAYS),
)  # fmt: skip


def measure(view: View, *, names: tuple[str, ...] = ()) -> pd.DataFrame:
    """All measures (or those named) by month and segment, from a connection on which `claims.derive` has run.

    Money is exact in the engine and becomes a float here, at the border to pandas. All are counted once and kept, since
    several pages ask for some. Raises KeyError for an unknown name.
    """
    known = {m.name: m for m in MEASURES}
    chosen = [known[name] for name in names] if names else list(MEASURES)
    if not engine.keeps(view.con):
        return _counted(view, chosen)
    made = lambda: Content({"measures": _counted(view, list(MEASURES))})  # noqa: E731
    table = kept.learned(view, "measures", made).frames["measures"]
    return table[table["measure"].isin(names)].reset_index(drop=True) if names else table


def _counted(view: View, chosen: list[Measure]) -> pd.DataFrame:
    parts = [_rows(view, together, basis) for together, basis in _counted_together(chosen)]
    table = pd.concat(parts, ignore_index=True)
    lower, upper = wilson(table["numerator"].where(table["counts"]), table["denominator"].where(table["counts"]))
    table["lower"], table["upper"] = table["lower"].fillna(lower), table["upper"].fillna(upper)
    table["complete"] = _complete(table, view.as_of)
    columns = ["measure", "basis", "month", "dimension", "segment", "numerator", "denominator", "value", "lower", "upper",
               "complete"]  # fmt: skip
    return table.sort_values(columns[:5], ignore_index=True)[columns]


def _counted_together(chosen: list[Measure]) -> list[tuple[list[Measure], str]]:
    """Measures with one source, month basis and set of dimensions, so that each source is read once for all of them."""
    groups: dict[tuple, list[Measure]] = {}
    for m in chosen:
        for basis in m.bases:
            groups.setdefault((m.source, m.dimensions, basis, m.unit == "days"), []).append(m)
    return [(measures, key[2]) for key, measures in groups.items()]


def _rows(view: View, together: list[Measure], basis: str) -> pd.DataFrame:
    """Every month and segment of measures that are counted together, in the long shape."""
    first = together[0]
    sql = _medians(first, BASES[basis]) if first.unit == "days" else _sums(together, BASES[basis])
    wide = view.execute(sql).df()
    whole = wide["dimension"].eq("all")
    parts = []
    for i, m in enumerate(together):
        names = {f"{figure}_{i}": figure for figure in ("numerator", "denominator", "value", "lower", "upper")}
        table = wide[["dimension", "month", "segment", *names]].rename(columns=names)
        table[list(names.values())] = table[list(names.values())].astype(float)
        table = table[(table["denominator"].isna() | (table["denominator"] != 0)) & (whole | bool(m.dimensions))]
        parts.append(table.assign(measure=m.name, basis=basis, counts=m.counts))
    return pd.concat(parts, ignore_index=True)


def _by_segment(dimensions: tuple[str, ...], figures: str, rows: str) -> str:
    """Figures by month for the whole and for each value of each dimension; `rows` has months and no missing values."""
    sets = ", ".join(["(month)", *(f"(month, {name})" for name in dimensions)])
    which = " ".join(f"WHEN {name} IS NOT NULL THEN '{name}'" for name in dimensions)
    dimension = f"CASE {which} ELSE 'all' END" if dimensions else "'all'"
    segment = "coalesce(" + ", ".join([*dimensions, "'all'"]) + ")"
    return f"SELECT {dimension} AS dimension, month, {segment} AS segment, {figures} FROM {rows} GROUP BY GROUPING SETS ({sets})"


def _keys(dimensions: tuple[str, ...], day: str) -> str:
    values = [f"coalesce(CAST({name} AS VARCHAR), 'unknown') AS {name}" for name in dimensions]
    return ", ".join([f"strftime({day}, '%Y-%m') AS month", *values])


def _sums(together: list[Measure], day: str) -> str:
    """Sums over the finest segments first, which are few, and sums of these over the coarser: the rows are read once."""
    dimensions, fine, figures = together[0].dimensions, [], []
    for i, m in enumerate(together):
        fine.append(f"sum({m.numerator}) AS n_{i}")
        if m.denominator is None:
            figures.append(f"sum(n_{i}) AS numerator_{i}, NULL::DOUBLE AS denominator_{i}, sum(n_{i}) AS value_{i}")
        else:
            fine.append(f"sum({m.denominator}) AS d_{i}")
            value = f"CAST(sum(n_{i}) AS DOUBLE) / nullif(CAST(sum(d_{i}) AS DOUBLE), 0)"
            figures.append(f"sum(n_{i}) AS numerator_{i}, sum(d_{i}) AS denominator_{i}, {value} AS value_{i}")
        figures.append(f"NULL::DOUBLE AS lower_{i}, NULL::DOUBLE AS upper_{i}")
    rows = (f"(SELECT {_keys(dimensions, day)}, {', '.join(fine)} FROM {together[0].source} t WHERE {day} IS NOT NULL "
            "GROUP BY ALL)")  # fmt: skip
    return _by_segment(dimensions, ", ".join(figures), rows)


def _medians(m: Measure, day: str) -> str:
    quartiles = ", ".join(
        f"quantile_cont(days, {q}) AS {name}_0" for name, q in (("value", 0.5), ("lower", 0.25), ("upper", 0.75))
    )
    rows = f"(SELECT {_keys(m.dimensions, day)}, {m.numerator} AS days FROM {m.source} t WHERE {day} IS NOT NULL)"
    return _by_segment(m.dimensions, f"NULL::DOUBLE AS numerator_0, count(days) AS denominator_0, {quartiles}", rows)


def _complete(table: pd.DataFrame, as_of: date) -> pd.Series:
    """Whether the month is over, and, for cohorts by submission or service, old enough to be judged."""
    ends = {month: month_end(month) for month in table["month"].unique()}
    young = table["basis"].isin(["submission_month", "service_month"]).map({True: MATURITY_DAYS, False: 0})
    outcome = table["measure"].map({m.name: m.matures_days for m in MEASURES})
    waits = zip(table["month"], young, outcome, strict=True)
    return pd.Series([ends[month] + timedelta(days=max(a, b)) <= as_of for month, a, b in waits], table.index)
