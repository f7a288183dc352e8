"""How much is denied, where, and by whom? What page 02 says of first denials, their reasons, payers and outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import common
from rcm_analysis.measures.measures import MEASURES
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named
from rcm_analysis.pages.phrases import biggest, one_sided

if TYPE_CHECKING:
    from rcm_analysis.measures.measures import Measure
    from rcm_analysis.store.view import View


def rate_now(rate: pd.DataFrame) -> Finding:
    """The denial rate of the last month against the twelve before it; `rate` as from `by_month.by_month`."""
    return Finding(rate_sentence(rate), rank=1)


def rate_sentence(rate: pd.DataFrame) -> str:
    """The same as a sentence."""
    now, before = rate.iloc[-1], rate.iloc[-13:-1]
    month, earlier = words.month_name(now["month"]), before["denominator"].sum()
    usual = words.share(before["numerator"].sum() / earlier) if earlier else None
    if not now["denominator"]:
        return (f"No claim was decided in {month}; of the claims decided in the twelve months before, {usual} were denied at first." if earlier else
                f"No claim was decided in {month} or the twelve months before, so there is no denial rate; the payers' remittances (835) tell decisions.")  # fmt: skip
    said = (f"In {month} {words.count(now['numerator'])} of {words.count(now['denominator'])} decided claims were denied at first: "
            f"{words.share(now['value'])} (95% interval {words.share(now['lower'])} to {words.share(now['upper'])})")  # fmt: skip
    return f"{said}, against {usual} in the twelve months before." if earlier else f"{said}."


def doubt(told: pd.DataFrame) -> Finding | None:
    """Says that paid claims are missing, where they are; `told` as from `by_month.decisions_told`."""
    said = one_sided(told)
    return Finding(said, rank=1, kind="caution") if said else None


def biggest_reason(reasons: pd.DataFrame) -> Finding | None:
    """The commonest reason of first denials, its owner and its fix."""
    if not len(reasons):
        return None
    top = biggest(reasons, "category")
    return Finding(
        f"The biggest reason of the last twelve months is {words.words(top['category'])}: {words.count(top['claims'])} claims, "
        f"{words.share(top['share'])} of all first denials, {words.cash(top['expected_cash'], top['denied_amount'])}. Owner: {top['owner']}. {top['fix']}",
        rank=2,
        amount_usd=words.worth(top["expected_cash"], top["denied_amount"]),
    )


def outcomes(view: View, flow: pd.DataFrame, left: Mapping[str, float]) -> Finding | None:
    """What became of the dollars denied at first; `flow` as from `by_month.waterfall`, `left` from `by_month.still_open`."""
    if not flow["amount"].sum():
        return None
    parts = flow.set_index("outcome")
    return Finding(
        f"Of {words.usd(flow['amount'].sum())} in charges denied at first in {view.months} months, {words.share(parts.loc['recovered', 'share'])} was recovered, "
        f"{words.share(parts.loc['lost', 'share'])} is lost and {words.share(parts.loc['still open', 'share'])} is still open. "
        f"With denials of any month {words.count(left['claims'])} denied claims are open: {words.cash(left['expected_cash'], left['amount'])}.",
        rank=4,
        amount_usd=words.worth(*parts.loc["lost", ["expected_cash", "amount"]]),
        of_ledger=True,
    )


def key_figures(rate: pd.DataFrame, dollars: pd.DataFrame, reasons: pd.DataFrame, left: Mapping[str, float]) -> Numbers:
    """The rate by claims and by dollars, the biggest reason and what is open."""
    now, top = rate.iloc[-1], biggest(reasons, "category")
    month = words.month_name(now["month"])
    decided = f"{words.count(now['numerator'])} of {words.count(now['denominator'])} in {month}"
    of_reason = f"{words.share(top['share'])} of first denials, 12 months"
    return Numbers(
        [
            (
                "Initial denial rate, claims",
                words.share(now["value"]),
                decided if now["denominator"] else f"nothing decided in {month}",
            ),
            (
                "Initial denial rate, dollars",
                words.share(dollars.iloc[-1]["value"]),
                f"of charges decided in {month}",
            ),
            (
                "Biggest reason",
                words.words(top["category"]),
                of_reason if len(reasons) else "nothing denied at first in 12 months",
            ),
            (
                "Still open",
                words.usd(words.worth(left["expected_cash"], left["amount"])),
                f"{words.cash_note(left['expected_cash'], left['amount'])}, {words.count(left['claims'])} denied claims",
            ),
        ],
        headline=(0, 2, 3),
        of_ledger=(3,),
    )


def rate_by_month(view: View, rate: pd.DataFrame) -> Figure:
    """The rate as a line with its interval."""
    first, last = rate.iloc[0], rate.iloc[-1]
    return Figure(
        common.rate_by_month(rate, title=f"Initial denial rate at {view.practice}"),
        name="denial_rate_by_month",
        alt=f"Line of the monthly initial denial rate, {words.share(first['value'])} in {first['month']} "
        f"and {words.share(last['value'])} in {last['month']}",
        caption="Claims denied at first over claims decided, by decision month, with 95% interval; "
        f"{first['month']} to {last['month']}, n = {words.count(rate['denominator'].sum())}.",
        data=rate,
    )


def reasons_chart(view: View, reasons: pd.DataFrame) -> Figure:
    """The twelve commonest reasons as bars."""
    top = biggest(reasons, "category")
    bars = reasons.head(12).assign(name=reasons["category"].map(words.words), words=reasons["share"].map(words.share))
    return Figure(
        common.bars(bars, label="name", value="claims", text="words",
                    title="First denials by reason", unit="claims denied at first"),
        name="denial_reasons_chart",
        alt=f"Bars of first denials by reason; the largest is {words.words(top['category'])} with {words.count(top['claims'])} claims",
        caption=f"Claims denied at first by category, twelve months to {view.month}; n = {words.count(reasons['claims'].sum())}.",
    )  # fmt: skip


def reasons(view: View, table: pd.DataFrame) -> Table:
    """Each reason with its owner and its fix."""
    columns = named("category claims share expected_cash denied_amount carc owner fix")
    return Table(table, "denial_reasons", f"Reasons of first denials, twelve months to {view.month}", columns, rows=20)


def payers_chart(view: View, payers: pd.DataFrame) -> Figure:
    """Each payer's rate with its interval."""
    return Figure(
        common.rates_with_intervals(payers, label="segment", title="Initial denial rate by payer"),
        name="denial_rate_by_payer",
        alt=f"Initial denial rate of {len(payers)} payers with intervals; most denials: {biggest(payers, 'segment')['segment']}",
        caption=f"Share of decided claims denied at first, with 95% interval, twelve months to {view.month}; payers in the order of their denials.",
        data=payers,
    )


def payer_by_reason(view: View, grid: pd.DataFrame) -> Figure:
    """First denials of each payer by reason; `grid` as from `by_month.payer_by_category`."""
    wide = grid.assign(category=grid["category"].map(words.words)).pivot_table(
        index="payer_name", columns="category", values="denied", aggfunc="sum", fill_value=0
    )
    return Figure(
        common.heat_map(wide, title="First denials by payer and reason", unit="claims denied at first"),
        name="payer_by_reason",
        alt="Number of first denials for each payer and reason",
        caption=f"Claims denied at first by payer and reason, twelve months to {view.month}; n = {words.count(grid['denied'].sum())}.",
        data=grid,
    )


def by_segment(table: pd.DataFrame, name: str, title: str, heading: str) -> Table:
    """First denials of the values of one column of `claims`, headed `heading`; `table` as from `by_month.denied_by`."""
    columns = named(
        "segment decided denied rate lower upper denied_amount",
        segment=heading,
        lower=Column("from", "share", "lower end of the 95% interval"),
    )
    return Table(table, name, title, columns)


def waterfall(view: View, flow: pd.DataFrame) -> Figure:
    """From denied to recovered, open and lost."""
    parts, total = flow.set_index("outcome")["amount"], flow["amount"].sum()
    return Figure(
        common.waterfall(flow, total=float(total), title="From denied to recovered, open and lost"),
        name="waterfall",
        alt=f"Waterfall: {words.usd(total)} denied, {words.usd(parts['recovered'])} recovered, {words.usd(parts['lost'])} lost",
        caption=f"Charges of lines denied at first, decisions of {view.months} months to {view.month}, "
        f"by what became of the claim; n = {words.count(flow['claims'].sum())} claims.",
        data=flow,
    )


def open_denials(table: pd.DataFrame) -> Table:
    """Open denied claims by expected cash."""
    columns = named(
        "claim_number payer_name category carc rarc last_denied_on expected_cash open_balance state",
        carc=Column("CARC"),
    )
    return Table(table, "open_denials", "Open denied claims, most expected cash first", columns)


def rejected_claims(table: pd.DataFrame) -> Table:
    """Rejected claims that were not sent again, with their filing deadline."""
    still_open = words.cash(table["expected_allowed"].sum(), table["open_balance"].sum())
    title = f"Rejected and not sent again: {words.count(len(table))} claims, {still_open} still open"
    columns = named(
        "claim_number payer_name rejected_on reason open_balance written_off filing_deadline days_left fix",
        fix="What to do",
    )
    return Table(table, "rejected_claims", title, columns)


def every_measure(table: pd.DataFrame) -> Table:
    """Each measure in its latest complete month; `table` as from `by_month.measures_of_month`."""
    shown = table.assign(
        shown=words.in_units(table["value"], table["unit"]),
        low=words.in_units(table["lower"], table["unit"]),
        high=words.in_units(table["upper"], table["unit"]),
    )
    columns = named("label basis month shown low high cases", label="Measure")
    return Table(shown, "measures_of_month", "Every measure", columns, rows=30)


def definitions(measures: Iterable[Measure] = MEASURES) -> Definitions:
    """What each measure counts."""
    return Definitions([(m.label, m.definition, m.cited) for m in measures])
