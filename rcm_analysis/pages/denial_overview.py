"""How much is denied, where, and by whom? What page 02 says of initial denials, their reasons, payers and outcomes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import common
from rcm_analysis.measures.measures import MEASURES
from rcm_analysis.pages import nouns
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named
from rcm_analysis.pages.phrases import biggest, one_sided

if TYPE_CHECKING:
    from rcm_analysis.measures.measures import Measure
    from rcm_analysis.store.view import View


def rate_now(rate: pd.DataFrame) -> Finding:
    """The denial rate of the last month compared with the 12 before it; `rate` as from `by_month.by_month`."""
    return Finding(rate_sentence(rate), rank=1)


def rate_sentence(rate: pd.DataFrame) -> str:
    """The same as a sentence."""
    now, before = rate.iloc[-1], rate.iloc[-13:-1]
    month, earlier = words.month_name(now["month"]), before["denominator"].sum()
    usual = words.share(before["numerator"].sum() / earlier) if earlier else None
    if not now["denominator"]:
        return (f"No claim was adjudicated in {month}. In the 12 months before, payers initially denied {usual} of claims." if earlier else
                f"No claim was adjudicated in {month} or the 12 months before, so there is no denial rate. Load the payers' remits (835).")  # fmt: skip
    said = (f"Payers initially denied {words.share(now['value'])} of claims in {month}, {words.count(now['numerator'])} of "
            f"{words.count(now['denominator'])}")  # fmt: skip
    return f"{said}, compared with {usual} in the 12 months before." if earlier else f"{said}."


def doubt(told: pd.DataFrame) -> Finding | None:
    """Says that paid claims are missing, where they are; `told` as from `by_month.decisions_told`."""
    said = one_sided(told)
    return Finding(said, rank=1, kind="caution") if said else None


def biggest_reason(reasons: pd.DataFrame) -> Finding | None:
    """The most frequent reason of initial denials, its owner and its fix."""
    if not len(reasons):
        return None
    top = biggest(reasons, "category")
    return Finding(
        f"The largest reason over 12 months is {words.words(top['category'])}: {words.count(top['claims'])} claims, "
        f"{words.share(top['share'])} of initial denials, {words.cash(top['expected_cash'], top['denied_amount'])}. Owner: {top['owner']}. {top['fix']}",
        rank=2,
        amount_usd=words.worth(top["expected_cash"], top["denied_amount"]),
    )


def outcomes(view: View, flow: pd.DataFrame) -> Finding | None:
    """What became of the dollars initially denied; `flow` as from `by_month.waterfall`."""
    if not flow["amount"].sum():
        return None
    parts = flow.set_index("outcome")
    return Finding(
        f"Of the billed amount initially denied in {view.months} months, {words.share(parts.loc['recovered', 'share'])} was recovered, "
        f"{words.share(parts.loc['lost', 'share'])} was written off and {words.share(parts.loc['still open', 'share'])} is still open.",
        rank=4,
        amount_usd=words.worth(*parts.loc["lost", ["expected_cash", "amount"]]),
        of_ledger=True,
    )


def key_figures(view: View) -> Numbers:
    """The rate by claims and by dollars, initial denials of the year and what is open."""
    told = nouns.of(view)
    cash = told["open_denials_cash"]
    tiles = [
        told.tile("initial_denial_rate"),
        told.tile("initial_denial_rate_amount", "of the billed amount adjudicated"),
        told.tile("initial_denials"),
        told.tile("open_denials", f"{cash.text} expected cash" if cash.amount else ""),
    ]
    return Numbers(tiles, headline=(0, 2, 3))


def rate_by_month(view: View, rate: pd.DataFrame) -> Figure:
    """The rate as a line with its interval."""
    first, last = rate.iloc[0], rate.iloc[-1]
    return Figure(
        partial(common.rate_by_month, rate, title="Initial denial rate by month"),
        name="denial_rate_by_month",
        alt=f"Line of the monthly initial denial rate, {words.share(first['value'])} in {words.month_name(first['month'])} "
        f"and {words.share(last['value'])} in {words.month_name(last['month'])}",
        caption=f"Claims initially denied divided by claims adjudicated in the month. {words.count(rate['denominator'].sum())} claims. Shaded: 95% range.",
        data=rate,
    )


def reasons_chart(view: View, reasons: pd.DataFrame) -> Figure:
    """The twelve commonest reasons as bars."""
    top = biggest(reasons, "category")
    bars = reasons.head(12).assign(
        name=reasons["category"].map(lambda one: words.sentence(words.words(one))),
        words=reasons["share"].map(words.share),
    )
    return Figure(
        partial(common.bars, bars[["name", "claims", "words"]], label="name", value="claims", text="words",
                title="Initial denials by reason", unit="claims initially denied"),
        name="denial_reasons_chart",
        alt=f"Bars of initial denials by reason; the largest is {words.words(top['category'])} with {words.count(top['claims'])} claims",
        caption=f"Claims initially denied, 12 months to {words.month_name(view.month)}. {words.count(reasons['claims'].sum())} claims.",
    )  # fmt: skip


def reasons(view: View, table: pd.DataFrame) -> Table:
    """Each reason with its owner and its fix."""
    columns = named("category claims share expected_cash denied_amount carc owner fix")
    return Table(table, "denial_reasons", "Reasons of initial denials", columns, rows=20)


def payers_chart(view: View, payers: pd.DataFrame) -> Figure:
    """Each payer's rate with its interval."""
    return Figure(
        partial(
            common.rates_with_intervals,
            payers.assign(segment=payers["segment"].map(words.titled))[["segment", *common.RATES]],
            label="segment",
            title="Initial denial rate by payer",
        ),
        name="denial_rate_by_payer",
        alt=f"Initial denial rate of {len(payers)} payers with ranges; most denials: {words.titled(biggest(payers, 'segment')['segment'])}",
        caption=f"Claims initially denied divided by claims adjudicated, 12 months to {words.month_name(view.month)}. Bar: 95% range. Most denials first.",
        data=payers,
    )


def payer_by_reason(view: View, grid: pd.DataFrame) -> Figure:
    """Initial denials of each payer by reason; `grid` as from `by_month.payer_by_category`."""
    said = grid.assign(
        category=[words.sentence(words.words(one)) for one in grid["category"]],
        payer=grid["payer_name"].map(words.titled),
    )
    wide = said.pivot_table(index="payer", columns="category", values="denied", aggfunc="sum", fill_value=0)
    wide = wide.loc[wide.sum(axis=1).sort_values(ascending=False).index, wide.sum().sort_values(ascending=False).index]
    return Figure(
        common.heat_map(wide, title="Who denies for what", unit="claims initially denied"),
        name="payer_by_reason",
        alt="Number of initial denials for each payer and reason",
        caption=f"12 months to {words.month_name(view.month)}. {words.count(grid['denied'].sum())} claims.",
        data=grid,
    )


def by_segment(table: pd.DataFrame, name: str, title: str, heading: str) -> Table:
    """Initial denials of the values of one column of `claims`, headed `heading`; `table` as from `by_month.denied_by`."""
    columns = named(
        "segment decided denied rate lower upper denied_amount",
        segment=heading,
        lower=Column("From", "share", "lower end of the 95% range"),
        upper=Column("To", "share", "upper end of the 95% range"),
    )
    return Table(table, name, title, columns)


def waterfall(view: View, flow: pd.DataFrame) -> Figure:
    """From denied to recovered, open and lost."""
    parts, total = flow.set_index("outcome")["amount"], flow["amount"].sum()
    called = {"moved to the patient": "patient responsibility", "lost": "written off"}
    return Figure(
        partial(
            common.waterfall,
            flow.assign(outcome=flow["outcome"].replace(called)),
            total=float(total),
            title="Where denied charges went",
        ),
        name="waterfall",
        alt=f"Bars from {words.usd(total)} denied down to {words.usd(parts['recovered'])} recovered and {words.usd(parts['lost'])} written off",
        caption=f"Billed amount of lines initially denied, {view.months} months to {words.month_name(view.month)}, by what became of it.",
        data=flow,
    )


def open_denials(table: pd.DataFrame) -> Table:
    """Open denied claims by expected cash."""
    columns = named(
        "claim_number payer_name category carc rarc last_denied_on expected_cash open_balance state",
        carc=Column("CARC"),
    )
    return Table(table, "open_denials", "Open denials", columns)


def rejected_claims(table: pd.DataFrame) -> Table:
    """Rejected claims that were not resent, with their filing deadline; those without a balance come last."""
    title = "Rejected, not resent"
    columns = named(
        "claim_number payer_name rejected_on reason open_balance written_off filing_deadline days_left fix",
        fix="What to do",
    )
    waiting = int((table["open_balance"] > 0).sum())
    note = f"{words.count(waiting)} of {words.count(len(table))} have a balance. Claims denied before count as open denials."
    return Table(table, "rejected_claims", title, columns, note=note)


def every_measure(table: pd.DataFrame) -> Table:
    """Each measure in its latest complete month; `table` as from `by_month.measures_of_month`."""
    shown = table.assign(
        label=[nouns.of_month(row.label, row.basis) for row in table.itertuples()],
        shown=words.in_units(table["value"], table["unit"]),
        low=words.in_units(table["lower"], table["unit"]),
        high=words.in_units(table["upper"], table["unit"]),
    )
    columns = named("label basis month shown low high cases", label="Measure", low="From", high="To")
    return Table(shown, "measures_of_month", "Every measure", columns, rows=30)


def definitions(measures: Iterable[Measure] = MEASURES) -> Definitions:
    """What each measure counts."""
    return Definitions([(m.label, m.definition, m.cited) for m in measures])
