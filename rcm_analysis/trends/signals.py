"""Changes worth a look, as a table: what changed, since when, where, by how much, and what it cost.

counts   period   payer_name  numerator  denominator      signals  kind  segment                  first_month  before  after
         2026-01  UNISON      4          102                       step  {"payer_name": "UNISON"}  2026-05      .041    .118
         2026-02  UNISON      3          98
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pyarrow import ipc

from rcm_analysis import words as plain_words
from rcm_analysis.stats import wilson
from rcm_analysis.store import engine, kept
from rcm_analysis.store.content import Content
from rcm_analysis.trends import redefinitions, scan, segments, stories
from rcm_analysis.trends.search import Change, Search, search

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

SIGNALS = ("measure", "kind", "dimensions", "segment", "first_month", "last_month", "before", "after", "excess_count",
           "excess_amount_usd", "excess_cash_usd", "q_value", "headline", "basis", "first_week", "before_lower", "before_upper", "after_lower", "after_upper",
           "before_count", "before_cases", "after_count", "after_cases", "ongoing", "change", "segments")  # fmt: skip
FIGURES = (*(name for name in SIGNALS if name not in ("excess_cash_usd", "headline")),
           "excess", "counted", "first_counted", "last_counted", "of_patient")  # fmt: skip
DIMENSIONS = ("payer_name", "location", "rendering_npi", "family", "procedure")
PROCEDURE = ("family", "procedure")
MEASURES = ("initial_denial_rate", "rejection_rate")
REJECTIONS = "rejection_rate"
NOUNS = {REJECTIONS: ("rejection rate", "rejections"), **dict.fromkeys(("initial_denial_rate", "line_denial_rate"), ("denial rate", "denials"))}  # fmt: skip
PERIOD = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
FEWEST_PERIODS = 6
REASONS = ((), ("category",), ("category", "carc"))
REASON = ("category", "carc", "rarc", "code")  # code: of a rejection
NOT_NAMED = segments.NOT_NAMED
NESTED = (("family", "procedure"), ("category", "carc", "rarc"))
# Held fixed: days to the decision, so that a payer that slows down is not one that denies less; whether the claim was
# sent late, since the first months of an extract hold no old services; and what it is mainly for
HELD = ("waited", "sent", "mainly")
SENT = """CASE WHEN date_diff('day', service_date, submitted_on) <= 60 THEN '0-60' WHEN date_diff('day', service_date, submitted_on) <= 90 THEN '61-90'
    WHEN date_diff('day', service_date, submitted_on) <= 120 THEN '91-120' WHEN date_diff('day', service_date, submitted_on) <= 180 THEN '121-180'
    WHEN date_diff('day', service_date, submitted_on) <= 365 THEN '181-365' ELSE '366-' END"""
WAITED = """CASE WHEN date_diff('day', submitted_on, first_decided_on) <= 14 THEN '0-14' WHEN date_diff('day', submitted_on, first_decided_on) <= 28 THEN '15-28'
    WHEN date_diff('day', submitted_on, first_decided_on) <= 45 THEN '29-45' WHEN date_diff('day', submitted_on, first_decided_on) <= 75 THEN '46-75' ELSE '76-' END"""
CLAIM = ("claim_number", "patient", "payer_name", "location", "rendering_npi", "period", "week", "denied", "category",
         "carc", "rarc", "amount", *HELD)  # fmt: skip
GROUND = {
    "trend_claims": (CLAIM, "claim_number"),
    "trend_procedures": ((*CLAIM, *PROCEDURE), "claim_number, procedure"),
}
PREPARED = "trend_tables"  # the variable that tells which tables `prepare` made, or is to make when they are needed
WANTED, TODAY = "wanted", "today"
LEVEL, OF_REJECTIONS = 0.05, 0.02
NEVER = 10**6  # yearly counts have no season
ENOUGH_SUBMITTED = 0.8  # share of decided claims with a submission date, to go by submission month


def find_signals(counts: pd.DataFrame, dimensions: Sequence[str], level: float = 0.05, *, measure: str = "initial_denial_rate",
                 basis: str = "decision_month", depth: int = 3, min_count: float = 6.0, patient: str | None = None) -> pd.DataFrame:  # fmt: skip
    """Changes in a table of counts: one row per period × dimension values with period, numerator, denominator and,
    where known, amount and cash (what is expected of it). Periods are months (2026-01), the first days of weeks (2026-01-05), or years.

    `level` is the chance of any row where no rate changed. A dimension whose values all stand over the same denominator
    splits the numerator alone, as reasons do. A dimension that was redefined gives one row of the kind `definition`, and
    is not looked into across its break. Rows without a period or a count are left out; a cell may hold several values (a list,
    a set), which then stand together. `measure` names the rate in the sentences: readmission_rate is told as the
    readmission rate. Raises KeyError when a column is missing, ValueError for a period that is no month, week or year and
    for counts that are texts, below 0, or more than their denominator.

    `patient` names the column by which counts are told patient by patient, where they are: then a change must stand
    when the claims of one patient weigh together, and one that is a single patient's is of the kind `one_patient`.
    """
    missing = {"period", "numerator", "denominator", *dimensions, *([patient] if patient else [])} - set(counts.columns)
    if missing:
        raise KeyError(f"counts has no column {', '.join(sorted(missing))}")
    table = _counted_rows(counts, dimensions)
    table = (
        table.drop(columns="patient", errors="ignore")
        if patient is None
        else table.rename(columns={patient: "patient"})
    )
    periods = _whole(table["period"])
    if not periods:
        return _table([], [], [])
    whole_table = table if patient is None else _without_patients(table, dimensions)
    reasons = [name for name in dimensions
               if redefinitions.splits_numerator(whole_table, name, [d for d in dimensions if d != name])]  # fmt: skip
    broken = redefinitions.breaks(whole_table, dimensions, reasons=reasons)
    whole = [name for name in dimensions if name not in {one.dimension for one in broken}]
    u, sets = _one_unit(table, whole_table, whole, reasons, set(reasons) - set(whole), periods, depth)
    found = search([u], sets, _rule(periods, level=level, depth=depth, min_count=min_count))
    rows = [_definition_row(one, whole_table, measure, basis, periods[-1]) for one in broken]
    return (
        pd.concat(
            [pd.DataFrame(rows, columns=list(SIGNALS)), _table(found, [u], [(measure, basis)])], ignore_index=True
        )
        if rows
        else _table(found, [u], [(measure, basis)])
    )


def _counted_rows(counts: pd.DataFrame, dimensions: Sequence[str]) -> pd.DataFrame:
    """The rows that can be counted, their periods as texts and cells of several values as one."""
    given = counts[["numerator", "denominator"]]
    numbers = given.apply(lambda column: pd.to_numeric(column.astype(object), errors="coerce").astype(float))
    texts = [str(value) for name in given for value in given.loc[numbers[name].isna() & given[name].notna(), name]]
    if texts:
        raise ValueError(f"numerator and denominator are counts; there is {texts[0]!r}")
    wrong = (numbers < 0).any(axis=1) | (numbers["numerator"] > numbers["denominator"])
    if wrong.any():
        row = numbers[wrong].iloc[0]
        raise ValueError(f"a numerator lies between 0 and its denominator, or is empty; there is {row['numerator']:g} of {row['denominator']:g}")  # fmt: skip
    known = (numbers.notna().all(axis=1) & counts["period"].notna()).to_numpy()
    table = counts[known].assign(period=_labels(counts.loc[known, "period"]), **numbers[known])
    odd = table.loc[~table["period"].str.fullmatch(PERIOD), "period"]
    if len(odd):
        raise ValueError(f"a period is a month (2026-01), the first day of a week or a year; there is {odd.iloc[0]!r}")
    return table.assign(
        **{name: table[name].map(_together) for name in dimensions if table[name].map(_is_several).any()}
    )


def _is_several(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset | np.ndarray)


def _together(value: object) -> object:
    """The values of a cell in one text, in their order; nothing for none."""
    return (", ".join(sorted(map(str, value))) or None) if _is_several(value) else value  # type: ignore[call-overload]


def _without_patients(table: pd.DataFrame, dimensions: Sequence[str]) -> pd.DataFrame:
    """The counts of all patients together."""
    return table.groupby(["period", *dimensions], as_index=False, dropna=False)[["numerator", "denominator"]].sum()


def _one_unit(table: pd.DataFrame, exposures: pd.DataFrame, whole: Sequence[str], reasons: Sequence[str], lost: set[str], periods: Sequence[str],
              depth: int) -> tuple[segments.Unit, list]:  # fmt: skip
    exposure, reason = [d for d in whole if d not in reasons], [d for d in whole if d in reasons]
    if reason or lost:
        exposures = exposures.groupby(["period", *exposure], as_index=False, dropna=False)["denominator"].max()
    u = segments.unit(table, exposures, exposure=exposure, reason=reason, periods=periods)
    if "patient" in table:
        each = table.groupby(["patient", "period", *exposure], as_index=False, dropna=False)["denominator"]
        u.visits = cache(lambda: segments.visits(u, each.max() if reason or lost else each.sum()))
    return u, [segments.crossings(exposure, [(), *((name,) for name in reason)], depth=depth)]


def _definition_row(one: redefinitions.Break, table: pd.DataFrame, measure: str, basis: str, last: str) -> dict:
    new = ", ".join(one.new[:6]) + (" …" if len(one.new) > 6 else "")
    sentence = (f"From {one.period} on {plain_words.words(one.dimension)} is defined differently: {len(one.new)} new values ({new}) hold {plain_words.share(one.share)} of the "
                f"cases, and {one.shrunk} went from {plain_words.share(one.before)} to {plain_words.share(one.after)}. This is a change of definition, not of a rate.")  # fmt: skip
    return dict.fromkeys(SIGNALS) | {
        "measure": measure, "kind": "definition", "dimensions": one.dimension, "segment": json.dumps({one.dimension: one.shrunk}), "segments": json.dumps([{one.dimension: one.shrunk}]),
        "first_month": _month(one.period), "last_month": _month(last), "before": one.before, "after": one.after, "excess_count": 0.0,
        "excess_amount_usd": 0.0, "excess_cash_usd": 0.0, "q_value": 0.0, "headline": sentence, "basis": basis, "first_week": _week(one.period), "ongoing": True, "change": 0,
    }  # fmt: skip


def _month(period: str) -> str:
    return f"{period}-01" if len(period) == 4 else period[:7]


def _labels(period: pd.Series) -> pd.Series:
    if isinstance(period.dtype, pd.PeriodDtype):
        return period.astype(str).str[:10]
    if pd.api.types.is_datetime64_any_dtype(period) or isinstance(period.iloc[0] if len(period) else "", date):
        days = pd.to_datetime(period)
        monthly = (days.dt.day == 1).all()
        return days.dt.strftime("%Y-%m" if monthly else "%Y-%m-%d")
    return period.astype(str)


def _whole(labels: pd.Series) -> list[str]:
    """All months from first to last, also those without a row; weeks as they come."""
    known = sorted(labels.unique())
    if known and len(known[0]) == 7:
        return list(pd.period_range(known[0], known[-1], freq="M").astype(str))
    return known


def _rule(periods: Sequence[str], *, level: float, depth: int, min_count: float) -> Search:
    if len(periods[0]) == 4:
        return Search(level=level, depth=depth, min_count=min_count, min_before=2, per_year=NEVER)
    if len(periods[0]) == 7:
        return Search(level=level, depth=depth, min_count=min_count)
    return Search(
        level=level, depth=depth, min_count=min_count, min_before=8, longest_burst=26, per_year=52, shortest_level=4
    )


# --- a practice ----------------------------------------------------------------------------------------------------

FAMILY = """CASE WHEN procedure IS NULL THEN NULL
    WHEN regexp_matches(procedure, '^0[0-9]{4}$') THEN 'anesthesia' WHEN regexp_matches(procedure, '^[1-6][0-9]{4}$') THEN 'surgery'
    WHEN regexp_matches(procedure, '^7[0-9]{4}$') THEN 'radiology' WHEN regexp_matches(procedure, '^8[0-9]{4}$') THEN 'laboratory'
    WHEN regexp_matches(procedure, '^99[0-9]{3}$') THEN 'evaluation' WHEN regexp_matches(procedure, '^9[0-9]{4}$') THEN 'medicine'
    WHEN regexp_matches(procedure, '^A0') THEN 'ambulance' WHEN regexp_matches(procedure, '^[A-Z]') THEN 'HCPCS ' || left(procedure, 1)
    ELSE 'other' END"""


def practice_signals(view: View, *, months: int = 36, measure: str = "initial_denial_rate", dimensions: Sequence[str] = DIMENSIONS, level: float = 0.05) -> pd.DataFrame:  # fmt: skip
    """Changes of a practice's initial denial rate (or rejection rate), by claims and by procedures, as known on the day.

    Claims are counted by month of submission, where submissions are known, else by month of the first decision. Young
    months hold the quick decisions alone, so the days waited are held fixed: slow is not mistaken for good.
    `dimensions` are among `DIMENSIONS`; raises KeyError for another or for an unknown measure.
    """
    unknown = {measure} - set(MEASURES) | set(dimensions) - set(DIMENSIONS)
    if unknown:
        raise KeyError(
            f"unknown: {', '.join(sorted(unknown))}; measures are {', '.join(MEASURES)}, dimensions {', '.join(DIMENSIONS)}"
        )
    asked = {"months": months, "measure": measure, "dimensions": list(dimensions), "level": level}
    look = _rejections_searched if measure == REJECTIONS else searched

    def made() -> Content:
        return Content(
            {"signals": look(view, prepare(view, months=months, measure=measure), measure, dimensions, level)}
        )

    if measure == REJECTIONS or not engine.keeps(view.con):
        prepare(view, months=months, measure=measure)
    else:
        view.execute(f"SET VARIABLE {PREPARED} = '{WANTED} {months}'")
    return kept.learned(view, "signals", made, asked=asked).frames["signals"]


def changes(
    view: View, *, months: int = 36, measure: str = "all", dimensions: Sequence[str] = DIMENSIONS
) -> pd.DataFrame:
    """`all_signals`, or the changes of one measure."""
    if measure == "all":
        return all_signals(view, months=months, dimensions=dimensions)
    return practice_signals(view, months=months, measure=measure, dimensions=dimensions)


def all_signals(view: View, *, months: int = 36, dimensions: Sequence[str] = DIMENSIONS) -> pd.DataFrame:
    """The changes of the denial rate, then those of the rejection rate; one numbering. Denials are searched at 5 %,
    rejections at `OF_REJECTIONS`, so that rejections hardly add to false reports."""
    denials = practice_signals(view, months=months, dimensions=dimensions)
    rejections = practice_signals(view, months=months, dimensions=dimensions, measure=REJECTIONS, level=OF_REJECTIONS)
    if not len(rejections):
        return denials
    last = 0 if not len(denials) else int(denials["change"].max())
    rejections = rejections.assign(change=rejections["change"] + last)
    return pd.concat([denials, rejections], ignore_index=True) if len(denials) else rejections


def searched(view: View, basis: str, measure: str, dimensions: Sequence[str], level: float) -> pd.DataFrame:
    """The changes in the tables of `prepare`."""
    return priced(view, unpriced(view, basis, measure, dimensions, level))


def unpriced(view: View, basis: str, measure: str, dimensions: Sequence[str], level: float) -> pd.DataFrame:
    """The changes in the tables of `prepare`, without the cash that is expected of them: no change rests on it, and each
    payment moves it a little. A row per segment, strongest first, with what `priced` needs."""
    periods = _whole(view.execute("SELECT DISTINCT period FROM trend_claims").df()["period"])
    if len(periods) < FEWEST_PERIODS:
        return pd.DataFrame(columns=[*FIGURES, "counted_by"])
    plain = tuple(name for name in dimensions if name not in PROCEDURE)
    dims = [plain, *(((*plain, *PROCEDURE[: i + 1])) for i, name in enumerate(PROCEDURE) if name in dimensions)]
    units = [_unit(view, (*one, *HELD), periods) for one in dims]
    sets = [segments.crossings(one, REASONS, depth=3, nested=NESTED, must=one[len(plain) :][-1:]) for one in dims]
    found = search(units, sets, _rule(periods, level=level, depth=3, min_count=6.0), nested=NESTED, held_fixed=HELD)
    names = [(measure, basis)] + [("line_denial_rate", basis)] * (len(dims) - 1)
    rows = [_figures(change, units[change.unit], *names[change.unit]) | {"counted_by": json.dumps(units[change.unit].exposure)}
            for change in found]  # fmt: skip
    table = pd.DataFrame(rows, columns=[*FIGURES, "counted_by"])
    return table.assign(first_week=[_first_week(view, row) for row in rows])


def priced(view: View, figures: pd.DataFrame, *, where: str = "true") -> pd.DataFrame:
    """The changes of `unpriced` with the cash expected of them, those of one event together. `where` is the part of the
    tables of `prepare` in which they were found."""
    rows = [_worded(row, _cash(view, row, where)) for row in figures.to_dict("records")]
    return _of_one_event(_in_order(rows))


def _cash(view: View, row: dict, where: str) -> float:
    """The cash expected of the denials that a row's mean is taken of, added up in the order of its unit."""
    exposure, segment = json.loads(row["counted_by"]), json.loads(row["segment"])
    places_ = [(name, value) for name, value in segment.items() if name not in REASON]
    reasons = [(name, value) for name, value in segment.items() if name in REASON]
    own = " AND ".join(
        [where, "period BETWEEN ? AND ?", *(f"coalesce({name}, '{NOT_NAMED}') = ?" for name, _ in places_)]
    )
    why = " AND ".join(["denied", *(f"coalesce({name}, '{NOT_NAMED}') = ?" for name, _ in reasons)])
    found = view.execute(_numerators(exposure, REASON[:3], where=own, why=why),
                         [row["first_counted"], row["last_counted"], *(value for _, value in (*places_, *reasons))]).df()  # fmt: skip
    return np.nan_to_num(found["cash"].to_numpy(float)).sum()


def _rejections_searched(view: View, basis: str, measure: str, dimensions: Sequence[str], level: float) -> pd.DataFrame:
    """The same of rejections, by code; a claim that was rejected need not have been decided, so that nothing of a
    decision can be held fixed."""
    periods = _whole(view.execute("SELECT DISTINCT period FROM trend_rejections").df()["period"])
    if len(periods) < FEWEST_PERIODS:
        return _table([], [], [])
    plain = tuple(name for name in dimensions if name not in PROCEDURE)
    u = _unit(view, plain, periods, source="trend_rejections", reason=("code",))
    found = search(
        [u], [segments.crossings(plain, [(), ("code",)], depth=3)], _rule(periods, level=level, depth=3, min_count=6.0)
    )
    table = _table(found, [u], [(measure, basis)])
    return _of_one_event(table.assign(first_week=[_first_week(view, row) for row in table.to_dict("records")]))


def _of_one_event(table: pd.DataFrame) -> pd.DataFrame:
    """The changes, those of one event together."""
    if not len(table):
        return table
    told = stories.told_together(table)
    several = told["segments"].map(lambda text: len(json.loads(text)) > 1)
    anew = [headline(row, json.loads(row["segment"])) for row in told[several].to_dict("records")]
    told.loc[several, "headline"] = anew
    return told


def _first_week(view: View, row: dict) -> str:
    """The week that splits the weeks around the first month best into before and after; a climb has no first week but
    that of its month."""
    month = pd.Period(row["first_month"], freq="M")
    if row["kind"] == "drift":
        return row["first_week"]
    weeks = counted(view, json.loads(row["segment"]), "week", measure=row["measure"])
    last = pd.Period(row["last_month"], freq="M").end_time.date()
    near = weeks[
        pd.to_datetime(weeks["period"]).between(
            month.start_time - pd.Timedelta(weeks=26), pd.Timestamp(min(last, (month + 3).end_time.date()))
        )
    ]
    y, n = near["numerator"].to_numpy(float), near["denominator"].to_numpy(float)
    days = pd.to_datetime(near["period"])
    inside = days.between(month.start_time - pd.Timedelta(weeks=3), month.end_time + pd.Timedelta(weeks=1)).to_numpy()
    cuts = [i for i in range(1, len(y)) if inside[i]]
    if not cuts:
        return row["first_week"]
    return str(near["period"].iloc[max(cuts, key=lambda i: scan.fit(y, n, [0, i]))])


def counted(
    view: View, segment: dict[str, str], period: str = "period", *, measure: str = "initial_denial_rate"
) -> pd.DataFrame:
    """period, numerator, denominator of a segment by month (or `week`); a claim counts once in each.

    Needs the tables of `prepare`, or that `practice_signals` ran.
    """
    ready(view)
    claims = "trend_rejections" if measure == REJECTIONS else "trend_claims"
    source = "trend_procedures" if set(PROCEDURE) & set(segment) else claims
    reasons = [(name, str(value)) for name, value in segment.items() if name in REASON]
    places_ = [(name, str(value)) for name, value in segment.items() if name not in REASON]
    denied = " AND ".join(["denied", *(f"coalesce({name}, '{NOT_NAMED}') = ?" for name, _ in reasons)])
    where = " AND ".join(["true", *(f"coalesce({name}, '{NOT_NAMED}') = ?" for name, _ in places_)])
    return view.execute(f"""
        WITH counted AS (SELECT {period} AS period, count(DISTINCT CASE WHEN {denied} THEN claim_number END) AS numerator,
            count(DISTINCT claim_number) AS denominator FROM {source} WHERE {where} GROUP BY 1)
        SELECT m.period, coalesce(numerator, 0) AS numerator, coalesce(denominator, 0) AS denominator
        FROM (SELECT DISTINCT {period} AS period FROM {claims}) m LEFT JOIN counted USING (period) ORDER BY 1""",
        [value for _, value in (*reasons, *places_)]).df()  # fmt: skip


def prepare(
    view: View, *, months: int | None = None, measure: str = "initial_denial_rate", until: date | None = None
) -> str:
    """Makes trend_claims and trend_procedures on the connection, or trend_rejections; gives the basis of their periods.

    `until` leaves out what was sent or decided after that day.
    """
    if measure == REJECTIONS:
        return _prepare_rejections(view, months)
    decided, sent = view.execute(
        "SELECT count(*), count(submitted_on) FROM claims WHERE first_decided_on IS NOT NULL"
    ).fetchall()[0]
    by_submission = decided and sent >= ENOUGH_SUBMITTED * decided
    day = "submitted_on" if by_submission else "first_decided_on"
    first, last = view.window(months)
    known = f" AND first_decided_on <= DATE '{until}'" if until else ""
    last = min(last, until) if until else last
    view.execute(f"""CREATE OR REPLACE TEMP TABLE trend_claims AS
        SELECT claim_number, coalesce(patient_key, claim_number) AS patient, payer_name, location, rendering_npi, strftime({day}, '%Y-%m') AS period,
            strftime(date_trunc('week', {day}), '%Y-%m-%d') AS week, {day} AS day, first_decided_on AS decided_on, initially_denied AS denied,
            CASE WHEN initially_denied THEN category END AS category, CASE WHEN initially_denied THEN carc END AS carc,
            CASE WHEN initially_denied THEN rarc END AS rarc, denied_amount AS amount, expected_cash AS cash,
            CASE WHEN submitted_on IS NULL THEN 'unknown' ELSE {WAITED} END AS waited,
            {SENT} AS sent, coalesce(m.family, 'none') AS mainly
        FROM claims LEFT JOIN (SELECT f.claim_number, {FAMILY} AS family FROM decision_parts f JOIN decided_lines USING (remittance_id)
            WHERE f.in_first QUALIFY row_number() OVER (PARTITION BY f.claim_number ORDER BY charge DESC, procedure) = 1) m USING (claim_number)
        WHERE first_decided_on IS NOT NULL AND {day} BETWEEN DATE '{first}' AND DATE '{last}'{known}""")
    view.execute(f"""CREATE OR REPLACE TEMP TABLE trend_procedures AS
        SELECT claim_number, patient, payer_name, location, rendering_npi, waited, sent, mainly, period, week, day, decided_on, procedure, {FAMILY} AS family, bool_or(line_denied) AS denied,
            min(line_category) AS category, min(line_carc) AS carc, min(line_rarc) AS rarc, sum(line_amount) AS amount, sum(line_cash) AS cash
        FROM (SELECT t.claim_number, t.patient, t.payer_name, t.location, t.rendering_npi, t.waited, t.sent, t.mainly, t.period, t.week, t.day, t.decided_on, l.procedure,
                r.claim_number IS NOT NULL AND NOT r.is_partial AS line_denied,
                CASE WHEN NOT r.is_partial THEN r.category END AS line_category, CASE WHEN NOT r.is_partial THEN r.carc END AS line_carc,
                CASE WHEN NOT r.is_partial THEN r.rarc END AS line_rarc, CASE WHEN NOT r.is_partial THEN r.charge END AS line_amount,
                CASE WHEN NOT r.is_partial THEN e.expected_cash END AS line_cash
              FROM trend_claims t JOIN decision_parts f ON f.claim_number = t.claim_number AND f.in_first
              JOIN decided_lines l USING (remittance_id)
              LEFT JOIN refused_lines r ON r.remittance_id = l.remittance_id AND r.line_number = l.line_number
              LEFT JOIN expected_lines e ON e.remittance_id = r.remittance_id AND e.line_number = r.line_number
              WHERE l.procedure IS NOT NULL)
        GROUP BY ALL""")
    basis = "submission_month" if by_submission else "decision_month"
    view.execute(f"SET VARIABLE {PREPARED} = '{_asked(view, months)} {until or TODAY} {basis}'")
    return basis


def prepared(view: View, *, months: int | None = None) -> str:
    """`prepare`, unless the tables of the same months are there already."""
    if engine.keeps(view.con):
        told = view.execute(f"SELECT getvariable('{PREPARED}')").fetchall()[0][0]
        if told and told.startswith(f"{_asked(view, months)} {TODAY} "):
            return str(told.split()[-1])
    return prepare(view, months=months)


def ready(view: View) -> None:
    """Makes the tables of the last `practice_signals`, where they are not there yet: many pages only read what it found."""
    if engine.keeps(view.con):
        told = view.execute(f"SELECT getvariable('{PREPARED}')").fetchall()[0][0]
        if told and told.startswith(f"{WANTED} "):
            prepare(view, months=int(told.split()[-1]))


def _asked(view: View, months: int | None) -> str:
    return "{} {}".format(*view.window(months))


def told_until(until: date) -> str:
    """The part of the tables of `prepare` that was sent and decided by then."""
    return f"decided_on <= DATE '{until}' AND day <= DATE '{until}'"


def ground(view: View, *, where: str = "true") -> dict[str, bytes]:
    """All that `unpriced` finds changes in, by table: the rows of `prepare` without their cash, as texts in one order."""
    found = {}
    for table, (columns, order) in GROUND.items():
        texts = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in columns)
        rows = engine.arrow(view.con, f"SELECT {texts} FROM {table} WHERE {where} ORDER BY {order}").combine_chunks()
        with BytesIO() as out:
            with ipc.new_stream(out, rows.schema) as stream:
                stream.write_table(rows)
            found[table] = out.getvalue()
    return found


def _prepare_rejections(view: View, months: int | None) -> str:
    first, last = view.window(months)
    view.execute(f"""CREATE OR REPLACE TEMP TABLE trend_rejections AS
        SELECT c.claim_number, coalesce(c.patient_key, c.claim_number) AS patient, c.payer_name, c.location, c.rendering_npi,
            strftime(c.submitted_on, '%Y-%m') AS period, strftime(date_trunc('week', c.submitted_on), '%Y-%m-%d') AS week,
            r.claim_number IS NOT NULL AS denied, r.code, c.charge AS amount, CAST(NULL AS DOUBLE) AS cash
        FROM claims c LEFT JOIN rejections r ON r.claim_number = c.claim_number
        WHERE c.acknowledged AND c.submitted_on BETWEEN DATE '{first}' AND DATE '{last}'""")
    return "submission_month"


def _unit(view: View, exposure: Sequence[str], periods: Sequence[str], *, source: str = "",
          reason: Sequence[str] = REASON[:3]) -> segments.Unit:  # fmt: skip
    """A claim counts once per crossing of the dimensions: a claim with three denied laboratory lines is one denial."""
    source = source or _source(exposure)
    exposures = view.execute(
        f"SELECT period, {', '.join(exposure)}, count(*) AS denominator FROM {_once(exposure, reason, source)} GROUP BY ALL ORDER BY ALL"
    ).df()
    numerators = view.execute(_numerators(exposure, reason, source=source)).df()
    u = segments.unit(numerators, exposures, exposure=exposure, reason=reason, periods=periods)
    named = ", ".join(("patient", "period", *(name for name in exposure if name not in HELD)))
    u.visits = cache(lambda: segments.visits(u, view.execute(
        f"SELECT {named}, count(DISTINCT claim_number) AS denominator FROM {source} GROUP BY ALL ORDER BY ALL").df()))  # fmt: skip
    return u


def _source(exposure: Sequence[str]) -> str:
    return "trend_procedures" if "family" in exposure else "trend_claims"


def _once(exposure: Sequence[str], reason: Sequence[str], source: str, where: str = "true") -> str:
    why = ", ".join(f"min({name}) AS {name}" for name in reason)
    return (f"(SELECT claim_number, patient, period, {', '.join(exposure)}, bool_or(denied) AS denied, {why}, "
            f"sum(amount) AS amount, sum(cash) AS cash FROM {source} WHERE {where} GROUP BY ALL)")  # fmt: skip


def _numerators(exposure: Sequence[str], reason: Sequence[str], *, source: str = "", where: str = "true", why: str = "denied") -> str:  # fmt: skip
    once = _once(exposure, reason, source or _source(exposure), where)
    return (f"SELECT patient, period, {', '.join((*exposure, *reason))}, count(*) AS numerator, CAST(sum(amount) AS DOUBLE) AS amount, "
            f"CAST(sum(cash) AS DOUBLE) AS cash FROM {once} WHERE {why} GROUP BY ALL ORDER BY ALL")  # fmt: skip


# --- the table -----------------------------------------------------------------------------------------------------


def _table(found: Sequence[Change], units: Sequence[segments.Unit], names: Sequence[tuple[str, str]]) -> pd.DataFrame:
    rows = [_figures(change, units[change.unit], *names[change.unit]) for change in found]
    return _in_order([_worded(row, _cash_counted(change, units[change.unit], row)) for change, row in zip(found, rows, strict=True)])  # fmt: skip


def _in_order(rows: Sequence[dict]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(SIGNALS))
    numbers = ["before", "after", "excess_count", "excess_amount_usd", "excess_cash_usd", "q_value"]
    table = table.astype(dict.fromkeys(numbers, float))
    return table.sort_values(
        ["excess_cash_usd", "excess_amount_usd", "excess_count"], key=lambda c: -c.abs(), ignore_index=True
    )


def _figures(change: Change, u: segments.Unit, measure: str, basis: str) -> dict:
    """A row without cash and headline; `excess` are its cases, unrounded, `counted` those between the periods of which
    the mean dollars of a case are taken."""
    y, n = u.series(change.segment)
    inside = slice(change.start, change.end + 1)
    y0, n0, y1, n1 = (
        float(a.sum()) for a in (y[change.base : change.start], n[change.base : change.start], y[inside], n[inside])
    )
    lower, upper = wilson(np.array([y0, y1]), np.array([n0, n1]))
    before, after = y0 / n0 if n0 else np.nan, y1 / n1 if n1 else np.nan
    excess = y1 - n1 * before
    rows, (begin, end) = u.rows(change.segment), (change.start, change.end) if y1 else (0, len(y) - 1)
    counted = y1 or float(max(y.sum(), 1))
    each = u.amount[rows & (u.when >= begin) & (u.when <= end)].sum() / counted
    segment = u.named({name: change.segment[name] for name in (*u.exposure, *u.reason) if name in change.segment})
    codes = json.dumps(segment)
    own = rows & (u.when >= change.start) & (u.when <= change.end)
    of_patient = float(u.y[own & (u.patients[u.patient] == change.patient)].sum()) if change.patient else 0.0
    first, last = u.periods[change.start], u.periods[change.end]
    return {"measure": measure, "kind": change.kind, "dimensions": " × ".join(segment) or "all", "segment": codes, "segments": f"[{codes}]",
            "first_month": _month(first), "last_month": _month(last), "before": before, "after": after, "excess_count": round(excess, 1),
            "excess_amount_usd": round(excess * each, 2), "q_value": change.q, "basis": basis, "first_week": _week(first),
            "before_lower": lower[0], "before_upper": upper[0], "after_lower": lower[1], "after_upper": upper[1],
            "before_count": y0, "before_cases": n0, "after_count": y1, "after_cases": n1,
            "ongoing": change.end == len(y) - 1, "change": change.group,
            "excess": excess, "counted": counted, "first_counted": u.periods[begin], "last_counted": u.periods[end], "of_patient": of_patient}  # fmt: skip


def _cash_counted(change: Change, u: segments.Unit, row: dict) -> float:
    begin, end = (u.periods.index(row[name]) for name in ("first_counted", "last_counted"))
    return u.cash[u.rows(change.segment) & (u.when >= begin) & (u.when <= end)].sum()


def _worded(row: dict, cash: float) -> dict:
    """A row of `_figures` with the cash expected of its excess, and its sentence."""
    segment = json.loads(row["segment"])
    row = row | {"excess_cash_usd": round(row["excess"] * (cash / row["counted"]), 2)}
    if row["kind"] == "one_patient":
        return row | {"headline": of_one_patient(row, segment, row["of_patient"])}
    return row | {"headline": headline(row, segment)}


def _week(period: str) -> str:
    day = date.fromisoformat(period if len(period) > 7 else f"{_month(period)}-01")
    return str(day - timedelta(days=day.weekday()))


def headline(row: dict, segment: dict[str, str]) -> str:
    """A sentence that a manager can repeat."""
    parts = json.loads(row["segments"])
    where = stories.place(parts, _said) if len(parts) > 1 else where_of(segment)
    measure = row["measure"] or MEASURES[0]
    where = where if segment or measure in NOUNS else "Overall"
    up = row["after"] > row["before"]
    before, after, when = plain_words.share(row["before"]), plain_words.share(row["after"]), when_of(row)
    seen = f"{plain_words.count(row['after_count'])} of {plain_words.count(row['after_cases'])}"
    money = plain_words.cash(abs(row["excess_cash_usd"]), abs(row["excess_amount_usd"]))
    worth = f" or {money}" if row["excess_amount_usd"] else ""
    rate, cases = nouns(measure)
    extra = f"about {plain_words.count(abs(row['excess_count']))} {cases}{worth} {'more' if row['excess_count'] > 0 else 'less'} than before"
    if row["kind"] == "new_code":
        held = "the claims" if measure in NOUNS else "all"
        return f"{where}: never seen before, {after} of {held} {when} ({seen}); {extra}."
    if row["kind"] == "burst":
        return f"{where}: the {rate} was {after} instead of {before} {when} ({seen}); {extra}."
    verb = ("climbed" if up else "sank") if row["kind"] == "drift" else "rose" if up else "fell"
    return f"{where}: the {rate} {verb} from {before} to {after} {when} ({seen}); {extra}."


def nouns(measure: str) -> tuple[str, str]:
    """What a rate and the cases that it counts are called; any measure by its own name.

    >>> nouns("rejection_rate"), nouns("readmission_rate"), nouns("no_shows")
    (('rejection rate', 'rejections'), ('readmission rate', 'cases'), ('rate of no shows', 'cases'))
    """
    said = measure.replace("_", " ")
    return NOUNS.get(measure, (said if said.endswith((" rate", " share")) else f"rate of {said}", "cases"))


def of_one_patient(row: dict, segment: dict[str, str], denials: float) -> str:
    """The sentence of a change that is one patient's."""
    seen, whole, (_, cases) = plain_words.count(denials), plain_words.count(row["after_count"]), nouns(row["measure"])
    held = (
        f"{seen} {cases}, all of one patient"
        if denials >= row["after_count"]
        else f"{seen} of {whole} {cases} are of one patient"
    )
    return f"{where_of(segment)}: {held}, {when_of(row)}. Without this patient no rate changed here."


def when_of(row: dict) -> str:
    """The months of a change in words: since May 2026, in May 2026, from May 2026 to June 2026."""
    since = plain_words.month_name(row["first_month"])
    if row["first_month"] == row["last_month"]:
        return f"in {since}"
    return f"since {since}" if row["ongoing"] else f"from {since} to {plain_words.month_name(row['last_month'])}"


def where_of(segment: dict[str, str]) -> str:
    """A segment in words: UNISON HEALTH PLAN, procedure 70553, authorization."""
    return ", ".join(_said(name, value) for name, value in segment.items()) or "The whole practice"


def _said(name: str, value: str) -> str:
    words = {"rendering_npi": f"provider {value}", "carc": f"code {value}", "code": f"rejection code {value}", "rarc": f"remark {value}", "procedure": f"procedure {value}",
             "category": plain_words.words(value), "family": f"{value} procedures"}  # fmt: skip
    bare = value if any(letter.isalpha() for letter in value) else f"{plain_words.words(name)} {value}"
    return words.get(name, bare)


# --- changes together ------------------------------------------------------------------------------------------------


def changes_of(signals: pd.DataFrame) -> pd.DataFrame:
    """One row per change: segments that changed together are one. Columns as `signals`, figures added up."""
    return signals if signals["change"].is_unique else stories.told_together(signals)


def excess_of(found: pd.DataFrame) -> tuple[float, float]:
    """Expected cash and charges denied beyond the level before, all rises together, in USD."""
    if not len(found):
        return 0.0, 0.0
    told = found["kind"].ne("one_patient") & found["measure"].ne(REJECTIONS)  # a rejection is sent again, not lost
    rises = found[(found["excess_count"] > 0) & told]
    return float(rises["excess_cash_usd"].sum()), float(rises["excess_amount_usd"].sum())


def places(signals: pd.DataFrame) -> list[str]:
    """The segments in words."""
    told = [json.loads(text) for text in signals["segments"]]
    return [stories.place(parts, _said) if len(parts) > 1 else where_of(parts[0]) for parts in told]


def undecided(cohorts: pd.DataFrame) -> float:
    """Share of the latest month of submissions that is not decided yet."""
    return (
        float(1 - min(cohorts["maturity"].iloc[-1], 1))
        if len(cohorts) and pd.notna(cohorts["maturity"].iloc[-1])
        else float("nan")
    )
