"""Which changes are real, since when, where, and what did they cost? What page 04 says of changes, mix and maturity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import trends as charts
from rcm_analysis.pages.blocks import Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named
from rcm_analysis.trends import signals as trends_signals

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

CHARTED = 8  # changes that have a control chart
BARS = 10  # payers among the bars of mix and rate
COHORTS = 12  # months of submission that are drawn
WAITED = 7  # months of waiting that are drawn


def answer(found: pd.DataFrame, *, months: int, decided: int) -> Finding:
    """How many changes there are, and the largest; `decided` claims of the last year say whether any can be told."""
    said = answer_sentence(found, months=months, decided=decided)
    return Finding(said, rank=3, kind="change", amount_usd=words.worth(*trends_signals.excess_of(found)))


def answer_sentence(found: pd.DataFrame, *, months: int, decided: int) -> str:
    """The same as a sentence."""
    if not decided:
        return "There are no decided claims in these months, so that no change can be told."
    if not len(found):
        return f"No denial rate changed in {months} months by more than chance explains, for any payer, reason, procedure, provider or location."
    many = "1 change stands" if len(found) == 1 else f"{len(found)} changes stand"
    return f"{many} out from chance in {months} months, {int(found['ongoing'].sum())} still going on. The largest: {found['headline'].iloc[0]}"


def movement(parts: pd.DataFrame, *, months: int = 6) -> Finding:
    """Why the total moved; `parts` as from `tables.why_it_moved`."""
    return Finding(movement_sentence(parts, months=months), rank=12, kind="change")


def movement_sentence(parts: pd.DataFrame, *, months: int) -> str:
    """The same as a sentence."""
    if not len(parts):
        return "There are too few months with decisions to say why the denial rate moved."
    change, mix, rate = (words.points(parts[name].sum()) for name in ("total", "mix", "rate"))
    top = parts.iloc[0]
    if change == "0.0" and (parts["total"].abs() < 0.0005).all():
        return f"The denial rate of the last {months} months is that of the {months} before, and no payer moved it."
    return (f"The denial rate moved by {change} points in the last {months} months against the {months} before: {rate} by rates and {mix} "
            f"by the mix of payers. {top['payer_name']} contributed most, {words.points(top['total'])} points.")  # fmt: skip


def latest_cohort(cohorts: pd.DataFrame) -> Finding:
    """How far the latest month of submissions is decided and where its rate will end."""
    return Finding(cohort_sentence(cohorts), rank=13, kind="caution")


def cohort_sentence(cohorts: pd.DataFrame) -> str:
    """The same as a sentence."""
    if not len(cohorts) or pd.isna(cohorts["final_rate"].iloc[-1]):
        return "Without both claims as sent (837) and decisions (835), months of submission cannot be completed; rates are by month of decision."
    last = cohorts.iloc[-1]
    return (f"Of the claims sent in {words.month_name(last['cohort'])} {words.share(min(last['maturity'], 1))} are decided. Their denial rate stands at "
            f"{words.share(last['rate'])} and is expected to end at {words.share(last['final_rate'])} ({words.share(last['lower'])} to {words.share(last['upper'])}).")  # fmt: skip


def key_figures(found: pd.DataFrame, cohorts: pd.DataFrame, *, months: int) -> Numbers:
    """Changes, what they cost so far, and what is not decided yet."""
    cost = trends_signals.excess_of(found)
    return Numbers(
        [
            ("Changes", words.count(len(found)), f"that stand out from chance, {months} months"),
            ("Still going on", words.count(found["ongoing"].sum()), "not back to the level before"),
            (
                "Cost so far",
                words.usd(words.worth(*cost)),
                f"{words.cash_note(*cost)}, denied beyond the level before",
            ),
            (
                "Not yet decided",
                words.share(trends_signals.undecided(cohorts)),
                "of the claims sent in the latest month",
            ),
        ],
        headline=(0, 2),
    )


def sentences(signals: pd.DataFrame) -> Table:
    """Each change as a sentence."""
    kind = Column("Kind", "words", "step, drift, burst, or a code never seen before")
    title = "Changes that are real, largest dollars first"
    return Table(signals, "signal_sentences", title, named("headline kind", kind=kind), rows=20)


def figures(signals: pd.DataFrame) -> Table:
    """Each change in figures."""
    columns = named(
        "where first_week last_month before before_lower before_upper after after_lower after_upper "
        "excess_count excess_cash_usd excess_amount_usd q_value"
    )
    told = signals.assign(where=trends_signals.places(signals))
    return Table(told, "signals", "The same in figures", columns, rows=20)


def control_charts(view: View, signals: pd.DataFrame, series: pd.DataFrame) -> Figure:
    """The largest changes over time; `series` as from `tables.control_series`."""
    return Figure(
        charts.control_charts(series, title="Control charts of the largest changes"),
        name="control_charts",
        alt=f"{len(signals.head(CHARTED))} small line charts of monthly denial rates with the limits of chance; months inside a change are marked",
        caption="Denied share by month of submission; grey: the level before the change and three standard deviations of chance, "
        f"widened where months swing more; diamonds: months of the change. {view.months} months to {view.month}.",
        data=series,
    )


def change_by_payer_and_reason(view: View, grid: pd.DataFrame) -> Figure:
    """Three months against the twelve before; `grid` as from `tables.change_by`."""
    title = "Change of the denial rate by payer and reason"
    return Figure(
        charts.change_map(grid.rename(columns=words.words), title=title, unit="points"),
        name="change_by_payer_and_reason",
        alt=f"Change in points of the denial rate for {len(grid)} payers and {grid.shape[1]} reasons, recent three months against the twelve before",
        caption=f"Denied share of decided claims, three months to {view.month} less the twelve months before, in points.",
        data=grid.reset_index(),
    )


def mix_and_rate(view: View, parts: pd.DataFrame) -> Figure:
    """What each payer did to the practice's rate, as bars."""
    shown = parts.head(BARS)
    return Figure(
        charts.contributions(shown, label="payer_name", title="What moved the practice's denial rate"),
        name="mix_and_rate",
        alt=f"Bars of mix and rate for {len(shown)} payers in points of the practice's denial rate",
        caption=f"Contribution of each payer to the change of the initial denial rate, six months to {view.month} against the six before.",
        data=parts,
    )


def mix_and_rate_by_payer(parts: pd.DataFrame) -> Table:
    """The same in figures."""
    columns = named(
        "payer_name share_before share_after rate_before rate_after mix rate total", rate=Column("By rate", "points")
    )
    return Table(parts, "mix_and_rate_by_payer", "Mix and rate by payer", columns)


def completed(cohorts: pd.DataFrame) -> Figure:
    """Months of submission as decided by now and as expected in the end."""
    shown = cohorts.tail(COHORTS)
    return Figure(
        charts.completed(shown, title="Denial rate by month of submission, completed"),
        name="completed_cohorts",
        alt=f"Denial rate of the last {len(shown)} months of submission, as decided by now and as expected in the end",
        caption=f"Initially denied share by month of submission; n = {words.count(shown['submitted'].sum())} claims sent.",
        data=cohorts,
    )


def waits(view: View, triangle: pd.DataFrame) -> Figure:
    """How fast months of submission are decided; `triangle` as from `maturity.triangle`."""
    return Figure(
        charts.lag_triangle(triangle.iloc[:, :WAITED], title="How fast months of submission are decided"),
        name="lag_triangle",
        alt=f"Share of claims decided by months waited, for {len(triangle)} months of submission",
        caption=f"Share of submitted claims with a first decision; empty cells lie after {view.as_of}.",
        data=triangle.reset_index(),
    )


def definitions(view: View, reading: pd.DataFrame) -> Figure:
    """The same claims under four definitions; `reading` as from `tables.definitions`."""
    rates = reading["rate"]
    return Figure(
        charts.definitions(reading, title="The denial rate under four definitions"),
        name="definitions",
        alt="Bars of the denial rate under four definitions, "
        f"from {words.share(rates.iloc[0])} strict to {words.share(rates.iloc[-1])} with all",
        caption="Claims with at least one denied line in the first decision, by what counts as a denial; "
        f"twelve months to {view.month}, n = {words.count(reading['decided'].iloc[0])}.",
        data=reading,
    )


def repeats(view: View, table: pd.DataFrame) -> Table:
    """Denied again for the same reason."""
    columns = named(
        "where category cases again touches days denied_amount",
        where="Same",
        cases=Column("Cases", "count", "claims, patients, or providers with one procedure"),
        denied_amount="Denied",
    )
    return Table(table, "repeats", f"Repeated denials, twelve months to {view.month}", columns, rows=12)


def fix_effect(table: pd.DataFrame) -> Table:
    """What the end of each change was worth."""
    columns = named(
        "segment on before after others_before others_after effect lower upper avoided verdict",
        before="Rate during",
        after="after",
        lower=Column("from", "points"),
        upper=Column("to", "points"),
        verdict="Verdict",
    )
    return Table(table, "fix_effect", "What the end of each change was worth", columns)


def forecast_denials(view: View, past: pd.DataFrame, ahead: pd.DataFrame) -> Figure:
    """First denials and the next three months; `past` as from `tables.to_forecast`, `ahead` from `forecast.ahead`."""
    return Figure(
        charts.forecast(past, ahead, title="First denials a month", unit="claims denied at first"),
        name="forecast_denials",
        alt="Monthly first denials and the next three months with intervals",
        caption="Claims denied at first by month of decision, and three months ahead with 90% intervals; "
        f"{view.months} months to {view.month}.",
        data=ahead,
    )


def forecast_write_offs(view: View, past: pd.DataFrame, ahead: pd.DataFrame) -> Figure:
    """Write-offs after denials and the next three months."""
    return Figure(
        charts.forecast(past, ahead, title="Written off after denials", unit="USD written off"),
        name="forecast_write_offs",
        alt="Monthly denial write-offs and the next three months with intervals",
        caption="Unnecessary write-offs other than bad debt by month of posting, and three months ahead with 90% intervals; "
        f"{view.months} months to {view.month}.",
        data=ahead,
    )


def forecast_backtest(table: pd.DataFrame) -> Table:
    """How good past forecasts were."""
    columns = named("what horizon forecasts error naive_error", what=Column("Series", "words"))
    return Table(table, "forecast_backtest", "How good past forecasts were", columns)
