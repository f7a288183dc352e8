"""Which changes are real, since when, where, and what did they cost? What page 04 says of changes, mix and maturity."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import trends as charts
from rcm_analysis.pages.blocks import Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named
from rcm_analysis.stats import Z95
from rcm_analysis.trends import signals as trends_signals

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

KINDS = {"step": "jumped", "drift": "rising or falling", "burst": "lasted and ended"}
CHARTED = 8  # changes that have a control chart
OF_PATIENTS = 2.0  # variance of a rate over that of independent claims
BARS = 10  # payers among the bars of mix and rate
COHORTS = 12  # months of submission that are drawn
WAITED = 7  # months of waiting that are drawn


def months_known(view: View, months: int) -> int:
    """How many of the last months there are claims of: what can be said to have been searched."""
    first, last = view.window(months)
    found = view.execute(f"""SELECT count(DISTINCT strftime(day, '%Y-%m')) FROM (SELECT coalesce(submitted_on, first_decided_on) AS day FROM claims)
        WHERE day BETWEEN DATE '{first}' AND DATE '{last}'""").fetchall()
    return int(found[0][0])


def answer(found: pd.DataFrame, *, months: int, decided: int) -> Finding:
    """How many changes there are, and the largest; `decided` claims of the last year say whether any can be told."""
    said = answer_sentence(found, months=months, decided=decided)
    return Finding(said, rank=3, kind="change", amount_usd=words.worth(*trends_signals.excess_of(found)))


def answer_sentence(found: pd.DataFrame, *, months: int, decided: int) -> str:
    """The same as a sentence."""
    if not decided:
        return "No claim was adjudicated in these months, so no change can be seen."
    found, alone = found[found["kind"].ne("one_patient")], found[found["kind"].eq("one_patient")]
    if not len(found):
        steady = (
            f"No change larger than chance in {months} months, for any payer, reason, procedure, provider or location."
        )
        return " ".join([steady, *alone["headline"].head(1)])
    many = "1 change is" if len(found) == 1 else f"{len(found)} changes are"
    running = int(found["ongoing"].sum())
    return f"{many} larger than chance in {months} months, {running} still running. The largest: {words.titled(found['headline'].iloc[0])}"


def movement(parts: pd.DataFrame, *, months: int = 6) -> Finding:
    """Why the total moved; `parts` as from `tables.why_it_moved`."""
    return Finding(movement_sentence(parts, months=months), rank=12, kind="change")


def movement_sentence(parts: pd.DataFrame, *, months: int) -> str:
    """The same as a sentence."""
    if not len(parts):
        return "There are too few months with remits to say why the denial rate moved."
    if not _moved(parts):
        return f"The denial rate of the last {months} months is that of the {months} before, as far as chance lets one tell."
    change, mix, rate = (words.points(parts[name].sum()) for name in ("total", "mix", "rate"))
    top = parts.iloc[0]
    if change == "0.0" and (parts["total"].abs() < 0.0005).all():
        return f"The denial rate held over the last {months} months, and no payer moved it."
    return (f"The denial rate moved by {change} points over {months} months: {rate} from denial rates, {mix} from payer mix. "
            f"{words.titled(str(top['payer_name']))} moved it most, {words.points(top['total'])} points.")  # fmt: skip


def _moved(parts: pd.DataFrame) -> bool:
    """Whether the whole moved by more than chance, claims of one patient not being independent."""
    y0, n0, y1, n1 = (
        float(parts[f"{what}_{when}"].sum()) for when in ("before", "after") for what in ("numerator", "denominator")
    )
    rate = (y0 + y1) / max(n0 + n1, 1.0)
    spread = (OF_PATIENTS * rate * (1 - rate) * (1 / max(n0, 1.0) + 1 / max(n1, 1.0))) ** 0.5
    return abs(y1 / max(n1, 1.0) - y0 / max(n0, 1.0)) > Z95 * spread


def latest_cohort(cohorts: pd.DataFrame) -> Finding:
    """How far the latest month of submissions is decided and where its rate will end."""
    return Finding(cohort_sentence(cohorts), rank=13, kind="caution")


def cohort_sentence(cohorts: pd.DataFrame) -> str:
    """The same as a sentence."""
    if not len(cohorts) or pd.isna(cohorts["final_rate"].iloc[-1]):
        return "Load both claims (837) and remits (835) to see where recent months will finish. Until then, rates are by month of remit."
    last = cohorts.iloc[-1]
    waiting = 1 - min(last["maturity"], 1)
    return (f"{words.month_name(last['cohort'])} is not final: {words.share(waiting)} of its claims await a remit. Its denial rate of {words.share(last['rate'])} "
            f"will likely finish near {words.share(last['final_rate'])}.")  # fmt: skip


def key_figures(found: pd.DataFrame, cohorts: pd.DataFrame, *, months: int) -> Numbers:
    """Changes, what they cost so far, and what is not decided yet."""
    cost, found = trends_signals.excess_of(found), found[found["kind"].ne("one_patient")]
    return Numbers(
        [
            ("Changes", words.count(len(found)), f"larger than chance, {months} months"),
            ("Changes still running", words.count(found["ongoing"].sum()), f"of {words.count(len(found))}"),
            (
                "Cost since they began",
                words.about(words.worth(*cost)),
                "expected cash of the extra denials"
                if words.worth(cost[0], 0)
                else "billed amount of the extra denials",
            ),
            (
                "Awaiting a remit",
                words.share(trends_signals.undecided(cohorts)),
                "of claims submitted in the latest month",
            ),
        ],
        headline=(0, 2),
    )


def sentences(signals: pd.DataFrame) -> Table:
    """Each change as a sentence."""
    kind = Column("Trend", "words", "jumped, rising, lasted, a code never seen before, or one patient's denials")
    title = "Changes larger than chance"
    return Table(
        signals.assign(kind=signals["kind"].map(lambda one: KINDS.get(one, one))),
        "signal_sentences",
        title,
        named("headline kind", kind=kind),
        rows=20,
    )


def became(table: pd.DataFrame) -> Table:
    """Last month's findings and what became of each; `table` as from `followed.became`."""
    columns = named(
        "headline became denials worked",
        headline=Column("Change", "said"),
        became=Column("What became of it", "said"),
        denials=Column("Denials", "count", "claims denied in it"),
        worked=Column("Worked", "share", "of its denials: sent again, appealed, paid or closed"),
    )
    return Table(table, "became", "Last month's changes", columns, rows=20)


def figures(signals: pd.DataFrame) -> Table:
    """Each change in figures."""
    columns = named(
        "where first_week last_month before before_lower before_upper after after_lower after_upper "
        "excess_count excess_cash_usd excess_amount_usd q_value"
    )
    told = signals.assign(where=trends_signals.places(signals))
    return Table(told, "signals", "Changes in figures", columns, rows=20)


def control_charts(view: View, signals: pd.DataFrame, series: pd.DataFrame) -> Figure:
    """The largest changes over time; `series` as from `tables.control_series`."""
    return Figure(
        partial(charts.control_charts, series, title="The largest changes"),
        name="control_charts",
        alt=f"{len(signals.head(CHARTED))} small line charts of monthly denial rates with the limits of chance; months inside a change are marked",
        caption="Denial rate by month submitted. Gray: the level before the change and what chance allows. Diamonds: months of the change.",
        data=series,
    )


def change_by_payer_and_reason(view: View, grid: pd.DataFrame) -> Figure:
    """Three months against the twelve before; `grid` as from `tables.change_by`."""
    title = "Change by payer and reason"
    return Figure(
        charts.change_map(
            grid.rename(columns=lambda one: words.sentence(words.words(one)), index=words.titled),
            title=title,
            unit="points of the denial rate",
        ),
        name="change_by_payer_and_reason",
        alt=f"Change in points of the denial rate for {len(grid)} payers and {grid.shape[1]} reasons, last 3 months compared with the 12 before",
        caption=f"Denial rate of 3 months to {words.month_name(view.month)} less that of the 12 months before.",
        data=grid.reset_index(),
    )


def mix_and_rate(view: View, parts: pd.DataFrame) -> Figure:
    """What each payer did to the practice's rate, as bars."""
    shown = parts.head(BARS).assign(payer_name=[words.titled(str(name)) for name in parts["payer_name"].head(BARS)])
    return Figure(
        partial(
            charts.contributions,
            shown[["payer_name", "mix", "rate"]],
            label="payer_name",
            title="What moved the denial rate",
        ),
        name="mix_and_rate",
        alt=f"Bars of volume shift and rate change for {len(shown)} payers in points of the denial rate",
        caption=f"6 months to {words.month_name(view.month)} compared with the 6 before. The parts add up to the change.",
        data=parts,
    )


def mix_and_rate_by_payer(parts: pd.DataFrame) -> Table:
    """The same in figures."""
    columns = named(
        "payer_name share_before share_after rate_before rate_after mix rate total",
        rate=Column("Rate change", "points", "from denial rates"),
    )
    return Table(parts, "mix_and_rate_by_payer", "Volume and rate by payer", columns)


def completed(cohorts: pd.DataFrame) -> Figure:
    """Months of submission as decided by now and as expected in the end."""
    shown = cohorts.tail(COHORTS)
    return Figure(
        partial(charts.completed, shown, title="Where recent months will finish"),
        name="completed_cohorts",
        alt=f"Denial rate of the last {len(shown)} months of submission, as it stands and where it will finish",
        caption=f"Initial denial rate by month submitted. {words.count(shown['submitted'].sum())} claims.",
        data=cohorts,
    )


def waits(view: View, triangle: pd.DataFrame) -> Figure:
    """How fast months of submission are decided; `triangle` as from `maturity.triangle`."""
    return Figure(
        charts.lag_triangle(triangle.iloc[:, :WAITED], title="How fast payers answer"),
        name="lag_triangle",
        alt=f"Share of claims adjudicated by months waited, for {len(triangle)} months submitted",
        caption=f"Share of submitted claims with a first remit. Empty cells lie after {words.day(view.as_of)}.",
        data=triangle.reset_index(),
    )


def definitions(view: View, reading: pd.DataFrame) -> Figure:
    """The same claims under four definitions; `reading` as from `tables.definitions`."""
    rates = reading["rate"]
    return Figure(
        partial(charts.definitions, reading, title="Four ways to count"),
        name="definitions",
        alt="Bars of the denial rate under four definitions, "
        f"from {words.share(rates.iloc[0])} strict to {words.share(rates.iloc[-1])} with all",
        caption=f"Claims initially denied, by what counts as a denial, 12 months. {words.count(reading['decided'].iloc[0])} claims.",
        data=reading,
    )


def repeats(view: View, table: pd.DataFrame) -> Table:
    """Denied again for the same reason."""
    columns = named(
        "where category cases again touches days denied_amount",
        where="Same",
        cases=Column("Cases", "count", "claims, patients, or providers with one procedure"),
        denied_amount="Billed, denied",
    )
    return Table(table, "repeats", "Repeat denials", columns, rows=12)


def fix_effect(table: pd.DataFrame) -> Table:
    """What the end of each change was worth."""
    columns = named(
        "segment on before after others_before others_after effect lower upper avoided verdict",
        before="Rate during",
        after="after",
        lower=Column("from", "points"),
        upper=Column("to", "points"),
        verdict="Did the fix work",
    )
    return Table(table, "fix_effect", "Changes that ended", columns)


def forecast_denials(view: View, past: pd.DataFrame, ahead: pd.DataFrame) -> Figure:
    """Initial denials and the next three months; `past` as from `tables.to_forecast`, `ahead` from `forecast.ahead`."""
    return Figure(
        partial(charts.forecast, past, ahead, title="Initial denials a month", unit="claims initially denied"),
        name="forecast_denials",
        alt="Monthly initial denials and the next three months with ranges",
        caption="By month of remit, with 3 months ahead and 90% ranges.",
        data=ahead,
    )


def forecast_write_offs(view: View, past: pd.DataFrame, ahead: pd.DataFrame) -> Figure:
    """Write-offs after denials and the next three months."""
    return Figure(
        partial(charts.forecast, past, ahead, title="Written off after denials", unit="dollars written off"),
        name="forecast_write_offs",
        alt="Monthly denial write-offs and the next three months with ranges",
        caption="Avoidable write-offs without bad debt by month posted, with 3 months ahead and 90% ranges.",
        data=ahead,
    )


def forecast_backtest(table: pd.DataFrame) -> Table:
    """How good past forecasts were."""
    columns = named("what horizon forecasts error naive_error", what=Column("Series", "words"))
    return Table(table, "forecast_backtest", "How good past forecasts were", columns)
