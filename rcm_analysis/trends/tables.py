"""The tables behind the page on trends: definitions side by side, control charts, changes by payer and reason,
repeats, whether a fix worked, and the series to forecast.

Every function takes a connection on which `claims.derive` has run and gives a small pandas table; money becomes a
float here, after exact sums.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rcm_analysis.months import window
from rcm_analysis.stats import Z95, wilson
from rcm_analysis.trends import mix, scan
from rcm_analysis.trends import signals as trends_signals

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

# kept apart because some call them denials and some don't
APART = (
    ("with bundling", "bundling"),
    ("with duplicates", "duplicate"),
    ("with coordination of benefits", "coordination_of_benefits"),
)
LIMIT = 3.0  # standard deviations, each widened by the dispersion of the months before
REPEAT_DAYS = 365


def definitions(view: View, *, months: int | None = None) -> pd.DataFrame:
    """The same claims under four definitions of denied, each adding to the one before.

    label                          denied  decided  rate   added  lower  upper  denied_amount
    strict                         1,204   11,300   .1065  .1065  .1010  .1124  402,110
    with bundling                  1,251   11,300   .1107  .0042  ...
    """
    first, last = view.window(months)
    own = ", ".join(f"'{category}'" for _, category in APART)
    table = view.execute(f"""
        WITH decided AS (SELECT claim_number FROM claims WHERE initially_denied IS NOT NULL AND first_decided_on BETWEEN DATE '{first}' AND DATE '{last}'),
        lines AS (SELECT claim_number, coalesce(CASE WHEN category IN ({own}) THEN category END, 'strict') AS category, charge
            FROM denials WHERE at_first_decision AND NOT is_partial AND claim_number IN (SELECT claim_number FROM decided))
        SELECT category, claim_number, CAST(sum(charge) AS DOUBLE) AS amount FROM lines GROUP BY ALL""").df()
    decided = view.execute(
        f"SELECT count(*) FROM claims WHERE first_decided_on BETWEEN DATE '{first}' AND DATE '{last}'"
    ).fetchall()[0][0]
    rows, counted = [], ["strict"]
    for label, category in (("strict", "strict"), *APART):
        counted = [*dict.fromkeys([*counted, category])]
        part = table[table["category"].isin(counted)]
        rows.append((label, part["claim_number"].nunique(), decided, part["amount"].sum()))
    out = pd.DataFrame(rows, columns=["label", "denied", "decided", "denied_amount"])
    lower, upper = wilson(out["denied"].to_numpy(float), out["decided"].to_numpy(float))
    rate = out["denied"] / out["decided"].where(out["decided"] > 0)
    return out.assign(rate=rate, added=rate.diff().fillna(rate), lower=lower, upper=upper)


def control_series(view: View, signals: pd.DataFrame, *, months: int | None = None) -> pd.DataFrame:
    """The monthly rate of each signal's segment with the level before it and the limits of chance (Laney 2002).

    name      month    numerator  denominator  value  center  lower  upper  signal  outside
    UNISON …  2026-05  12         40           .30    .06     .00    .17    True    True

    Needs the tables of `trends.prepare`, or that `trends.practice_signals` ran.
    """
    parts = [_control(view, row) for row in signals.to_dict("records")]
    columns = ["name", "month", "numerator", "denominator", "value", "center", "lower", "upper", "signal", "outside"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _control(view: View, row: dict) -> pd.DataFrame:
    segment = json.loads(row["segment"])
    table = monthly(view, segment, measure=row["measure"])
    y, n = table["numerator"].to_numpy(float), table["denominator"].to_numpy(float)
    old = (table["month"] < row["first_month"]).to_numpy()
    center = y[old].sum() / max(n[old].sum(), 1.0)
    chance = np.sqrt(np.maximum(center * (1 - center), 1e-9) / np.maximum(n, 1.0))
    z = np.divide(y / np.maximum(n, 1.0) - center, chance)[old]
    wide = (
        max(float(np.abs(np.diff(z)).mean()) / scan.MOVING_RANGE, 1.0)
        if old.sum() > 2 and y[old].mean() >= scan.STEADY_COUNT
        else 1.0
    )
    value = np.divide(y, n, out=np.full(len(y), np.nan), where=n > 0)
    upper, lower = center + LIMIT * wide * chance, np.maximum(center - LIMIT * wide * chance, 0.0)
    return table.assign(name=trends_signals.where_of(segment), value=value, center=center, lower=lower, upper=np.minimum(upper, 1.0),
                        signal=table["month"].between(row["first_month"], row["last_month"]),
                        outside=(value > upper) | (value < lower))  # fmt: skip


def monthly(view: View, segment: dict[str, str], *, measure: str = "initial_denial_rate") -> pd.DataFrame:
    """month, numerator, denominator of a segment; see `trends.counted`."""
    return trends_signals.counted(view, segment, measure=measure).rename(columns={"period": "month"})


def change_by(view: View, *, recent_months: int = 3, before_months: int = 12) -> pd.DataFrame:
    """Denial rate of payer × reason in the last months less that of the months before, in points; by first decision.

    A row per payer, a column per category; a payer without decisions on both sides is left out.
    """
    cut, last = view.window(recent_months)
    first, _ = view.window(recent_months + before_months)
    sides = f"CASE WHEN first_decided_on >= DATE '{cut}' THEN 'recent' ELSE 'before' END"
    where = f"first_decided_on BETWEEN DATE '{first}' AND DATE '{last}' AND payer_name IS NOT NULL"
    decided = view.execute(
        f"SELECT payer_name, {sides} AS side, count(*) AS n FROM claims WHERE {where} GROUP BY ALL"
    ).df()
    denied = view.execute(
        f"SELECT payer_name, category, {sides} AS side, count(*) AS y FROM claims WHERE initially_denied AND {where} GROUP BY ALL"
    ).df()
    n = (
        decided.pivot_table(index="payer_name", columns="side", values="n", aggfunc="sum")
        .reindex(columns=["before", "recent"])
        .dropna()
    )
    if not len(n) or not len(denied):
        return pd.DataFrame()
    rates = [denied[denied["side"] == side].pivot_table(index="payer_name", columns="category", values="y", aggfunc="sum", fill_value=0)
             .reindex(index=n.index, columns=sorted(denied["category"].dropna().unique()), fill_value=0).div(n[side], axis=0)
             for side in ("recent", "before")]  # fmt: skip
    return (rates[0] - rates[1]) * 100


def why_it_moved(view: View, by: Sequence[str], *, months: int = 6) -> pd.DataFrame:
    """Mix and rate of each segment in the change of the initial denial rate, the last months against those before.

    See `decomposition.mix_and_rate`; empty where either side has no decided claim.
    """
    sides = []
    for first, last in (_span(view.as_of, months, months), _span(view.as_of, 0, months)):
        sides.append(view.execute(
            f"SELECT {', '.join(f'coalesce({name}, {chr(39)}not named{chr(39)}) AS {name}' for name in by)}, count(*) FILTER (WHERE initially_denied) AS numerator, "
            f"count(*) AS denominator FROM claims WHERE first_decided_on BETWEEN DATE '{first}' AND DATE '{last}' GROUP BY ALL").df())  # fmt: skip
    if not all(len(side) for side in sides):
        return pd.DataFrame(columns=[*by, *mix.COLUMNS])
    before, after = sides
    return mix.mix_and_rate(before, after, by)


def _span(as_of: date, skip: int, months: int) -> tuple[date, date]:
    first, last = window(as_of, skip + months)
    return first, (window(as_of, skip)[0] - pd.Timedelta(days=1)) if skip else last


def repeats(view: View, *, months: int | None = None) -> pd.DataFrame:
    """The same reason again: on the claim, on the patient's next claim, with the provider's same procedure.

    where     category       cases  again  touches  days  denied_amount
    claim     documentation  41     52     52       33    18,400         denied again after work: touches are sent again
    patient   eligibility    96     140    140      25    31,020         another claim of the patient within a year
    provider  coding         12     230    230      14    40,512         provider and procedure with three or more

    `cases` counts claims, patients or providers × procedures; `again` the denials after the first; `days` is the median
    from one to the next. A touch is a denial that somebody has to look at.
    """
    first, last = view.window(months)
    when = f"decided_on BETWEEN DATE '{first}' AND DATE '{last}'"
    base = f"""(SELECT d.claim_number, d.category, d.rendering_npi, d.procedure, c.patient_key, d.decided_on, CAST(sum(d.denied_amount) AS DOUBLE) AS amount
        FROM denials d JOIN claims c USING (claim_number) WHERE {when} AND NOT d.is_partial AND d.category <> 'none' GROUP BY ALL)"""
    kinds = (
        ("claim", "claim_number", f"SELECT claim_number, category, decided_on, sum(amount) AS amount FROM {base} GROUP BY ALL", 2),
        ("patient", "patient_key", f"SELECT patient_key, category, min(decided_on) AS decided_on, sum(amount) AS amount FROM {base} "
         "WHERE patient_key IS NOT NULL GROUP BY patient_key, category, claim_number", 2),
        ("provider", "rendering_npi, procedure", f"SELECT rendering_npi, procedure, category, min(decided_on) AS decided_on, sum(amount) AS amount FROM {base} "
         "WHERE procedure IS NOT NULL GROUP BY rendering_npi, procedure, category, claim_number", 3),
    )  # fmt: skip
    parts = [view.execute(f"""
        WITH events AS ({sql}),
        ordered AS (SELECT *, row_number() OVER w AS place, date_diff('day', lag(decided_on) OVER w, decided_on) AS gap,
                count(*) OVER (PARTITION BY {key}, category) AS times
            FROM events WINDOW w AS (PARTITION BY {key}, category ORDER BY decided_on, amount))
        SELECT '{name}' AS "where", category, count(*) FILTER (WHERE place = 1) AS cases, count(*) FILTER (WHERE place > 1) AS again,
            count(*) FILTER (WHERE place > 1) AS touches, median(gap) FILTER (WHERE place > 1 AND gap <= {REPEAT_DAYS}) AS days,
            coalesce(sum(amount) FILTER (WHERE place > 1), 0) AS denied_amount
        FROM ordered WHERE times >= {fewest} GROUP BY ALL""").df() for name, key, sql, fewest in kinds]  # fmt: skip
    return pd.concat(parts, ignore_index=True).sort_values(
        ["again", "where", "category"], ascending=[False, True, True], ignore_index=True
    )


def fix_effect(counts: pd.DataFrame, *, segment: dict[str, str], on: str, months: int = 6) -> pd.DataFrame:
    """What a change on a date did for a segment against the untouched ones: difference in differences, with interval.

    counts: period (YYYY-MM), the segment's columns, numerator, denominator. Gives one row: before, after (the segment),
    others_before, others_after, effect, lower, upper (shares 0–1, 95 %), avoided (denials), verdict. The interval holds
    chance and how much the segment and the others swing from month to month without a fix.

    Raises ValueError when the segment or the others have no case on either side of the date.
    """
    sides = _sides(counts, segment, on, months)
    if not _has_cases(sides):
        raise ValueError(f"no cases on one side of {on}, in the segment or beside it")
    figures = [_side(side) for pair in sides for side in pair]
    (b0, v0), (b1, v1), (c0, w0), (c1, w1) = figures
    effect, half = (b1 - b0) - (c1 - c0), Z95 * np.sqrt(v0 + v1 + w0 + w1)
    cases = float(sides[0][1]["denominator"].sum())
    verdict = (
        "it fell"
        if effect + half < 0
        else "it rose"
        if effect - half > 0
        else "no difference that can be told from chance"
    )
    return pd.DataFrame([{"segment": trends_signals.where_of(segment), "on": on, "before": b0, "after": b1, "others_before": c0, "others_after": c1,
                          "effect": effect, "lower": effect - half, "upper": effect + half, "avoided": -effect * cases, "verdict": verdict}])  # fmt: skip


def _sides(counts: pd.DataFrame, segment: dict[str, str], on: str, months: int) -> list[tuple[pd.DataFrame, ...]]:
    """Months before and after the date, of the segment and of the others."""
    period = pd.PeriodIndex(counts["period"], freq="M")
    at = pd.Period(on, freq="M")
    near = counts[(period >= at - months) & (period < at + months)]
    mine = np.logical_and.reduce([near[name].astype(str) == value for name, value in segment.items()])
    late = pd.PeriodIndex(near["period"], freq="M") >= at
    return [(near[mine & ~late], near[mine & late]), (near[~mine & ~late], near[~mine & late])]


def _has_cases(sides: list[tuple[pd.DataFrame, ...]]) -> bool:
    return all(side["denominator"].sum() > 0 for pair in sides for side in pair)


def _side(table: pd.DataFrame) -> tuple[float, float]:
    """Rate and its variance, widened where months swing more than chance."""
    monthly_ = table.groupby("period")[["numerator", "denominator"]].sum()
    y, n = monthly_["numerator"].to_numpy(float), monthly_["denominator"].to_numpy(float)
    rate = y.sum() / n.sum()
    smooth = (y.sum() + 0.5) / (n.sum() + 1.0)
    swing = ((y - n * smooth) ** 2 / (n * smooth * (1 - smooth)).clip(1e-9)).sum() / max(len(y) - 1, 1)
    return rate, max(swing, 1.0) * smooth * (1 - smooth) / n.sum()


def after_the_end(view: View, signals: pd.DataFrame) -> pd.DataFrame:
    """`fix_effect` of every change that has ended, at the month after its last; others are the other segments.

    Where nothing was decided on one side of the end, a payer that left for example, there is nothing to compare.
    """
    parts = []
    for row in signals[~signals["ongoing"].astype(bool)].to_dict("records") if len(signals) else []:
        segment = json.loads(row["segment"])
        inside, everybody = (
            monthly(view, segment, measure=row["measure"]),
            monthly(view, {k: v for k, v in segment.items() if k in trends_signals.REASON}, measure=row["measure"]),
        )
        figures = ["numerator", "denominator"]
        others = everybody.set_index("month")[figures].sub(inside.set_index("month")[figures], fill_value=0)
        counts = pd.concat([inside.assign(part="segment"), others.clip(lower=0).reset_index().assign(part="others")])
        at = str(pd.Period(row["last_month"], freq="M") + 1)
        months = max(1, (pd.Period(row["last_month"], freq="M") - pd.Period(row["first_month"], freq="M")).n + 1)
        counts = counts.rename(columns={"month": "period"})
        if not _has_cases(_sides(counts, {"part": "segment"}, at, months)):
            continue
        one = fix_effect(counts, segment={"part": "segment"}, on=at, months=months)
        parts.append(one.assign(segment=trends_signals.where_of(segment)))
    columns = [
        "segment",
        "on",
        "before",
        "after",
        "others_before",
        "others_after",
        "effect",
        "lower",
        "upper",
        "avoided",
        "verdict",
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def to_forecast(view: View, what: str, *, months: int | None = None) -> pd.DataFrame:
    """month, value for `denials` (claims first denied in the month) or `write_offs` (USD lost to denials)."""
    first, last = view.window(months)
    sources = {"denials": ("count(*)", "claims WHERE initially_denied AND", "first_decided_on"),
               "write_offs": ("sum(amount)", "write_offs WHERE root = 'unnecessary' AND leaf NOT IN ('bad_debt', 'bad_debt_uninsured') AND", "posted_on")}  # fmt: skip
    value, source, day = sources[what]
    table = view.execute(f"SELECT strftime({day}, '%Y-%m') AS month, CAST({value} AS DOUBLE) AS value FROM {source} "
                        f"{day} BETWEEN DATE '{first}' AND DATE '{last}' GROUP BY 1 ORDER BY 1").df()  # fmt: skip
    if not len(table):
        return table
    whole = pd.period_range(table["month"].min(), f"{last:%Y-%m}", freq="M").astype(str)
    return table.set_index("month").reindex(whole, fill_value=0.0).rename_axis("month").reset_index()
