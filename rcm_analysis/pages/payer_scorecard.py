"""How does each payer treat us, and what to ask it? What page 08 says of all payers and of each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import common
from rcm_analysis.pages import nouns
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Heading, Numbers, Table
from rcm_analysis.pages.columns import Column, named

if TYPE_CHECKING:
    from rcm_analysis.store.view import View


def deciding(cards: pd.DataFrame) -> pd.DataFrame:
    """The payers that decided a claim; `cards` as from `scorecard.scorecard`."""
    return cards[cards["decided"] > 0]


def answer(view: View, cards: pd.DataFrame, above: pd.DataFrame) -> Finding:
    """Which payers deny more than the others, beyond chance; `above` as from `scorecard.outliers`."""
    payers = words.count(len(deciding(cards)))
    if len(above):
        top = above.iloc[0]
        said = (
            f"{words.count(len(above))} of {payers} payers {'denies' if len(above) == 1 else 'deny'} more than the others, beyond chance. "
            f"The highest is {words.titled(top['payer_name'])}: {words.share(top['rate'])} of claims, {words.count(top['denied'])} of {words.count(top['decided'])}. "
            f"The others deny {words.share(top['others_rate'])}."
        )
        return Finding(said, rank=8, amount_usd=float(top["denied_amount"]))
    if len(deciding(cards)):
        return Finding(f"None of {payers} payers denies more than the others, beyond chance.", rank=8)
    month = words.month_name(view.month)
    none = f"No payer adjudicated a claim in the {view.months} months to {month}, so there is nothing to compare."
    return Finding(none, rank=8)


def key_figures(view: View, cards: pd.DataFrame, above: pd.DataFrame) -> Numbers:
    """Payers, those above the others, and what is written off and open."""
    told = nouns.of(view)
    return Numbers(
        [
            (
                "Payers that adjudicated claims",
                words.count(len(deciding(cards))),
                f"{view.months} months to {words.month_name(view.month)}",
            ),
            ("Deny more than the others", words.count(len(above)), "beyond chance"),
            told.tile("avoidable_write_offs", "all payers, 12 months"),
            told.tile("open_denials"),
        ],
        of_ledger=(2,),
    )


def rates_chart(view: View, cards: pd.DataFrame) -> Figure:
    """Each payer's rate with its interval."""
    shown = deciding(cards).assign(payer_name=[words.titled(str(name)) for name in deciding(cards)["payer_name"]])
    return Figure(
        partial(
            common.rates_with_intervals,
            shown[["payer_name", *common.RATES]],
            label="payer_name",
            title="Initial denial rate by payer",
        ),
        name="scorecard_rates",
        alt=f"Initial denial rate of {len(shown)} payers with 95% ranges, most denials on top",
        caption=f"Claims initially denied divided by claims adjudicated, {view.months} months to {words.month_name(view.month)}. "
        f"{words.count(shown['decided'].sum())} claims. Bar: 95% range.",
    )


def side_by_side(view: View, cards: pd.DataFrame) -> Table:
    """All payers by the same definitions."""
    columns = named(
        "payer_name submitted decided denied rate lower upper denied_amount days slow_days settled overturn_rate "
        "unnecessary other open_denied",
        days=Column("Days", "days", "middle value, from first submission to first remit"),
        unnecessary=Column("Avoidable write-offs", "usd", "billed amount"),
        other=Column("Other write-offs", "usd", "billed amount"),
    )
    title = "All payers"
    return Table(cards, "payer_scorecard", title, columns, rows=30)


def listed(cards: pd.DataFrame) -> pd.DataFrame:
    """The payers that have a section of their own: those that decide, or all where none does."""
    return deciding(cards) if len(deciding(cards)) else cards


def payer(number: int, card: Any, reasons: pd.DataFrame, changes: pd.DataFrame) -> list[Heading | Numbers | Table]:
    """A payer's section: its figures, its top reasons with what to ask, and what changed; `card` a row of the cards."""
    name = words.titled(str(card.payer_name))
    return [
        Heading(name, number),
        _figures(card),
        _reasons(number, name, reasons),
        Table(
            changes,
            name=f"payer_{number:02}_changes",
            title=f"Changes at {name}",
            columns=named("headline", headline=Column("Change larger than chance", "said")),
            rows=5,
        ),
    ]


def _figures(card: Any) -> Numbers:
    name = words.titled(str(card.payer_name))
    denied = f"{words.count(card.denied)} of {words.count(card.decided)}; others {words.share(card.others_rate)}"
    won = f"{words.count(card.overturned)} of {words.count(card.settled)} closed"
    sent = f"of {words.count(card.submitted)} submitted"
    return Numbers(
        [
            (f"Adjudicated by {name}", words.count(card.decided), sent),
            (f"Denied by {name}", words.share(card.rate), denied if card.decided else "nothing adjudicated"),
            (f"Days to {name}'s remit", words.days(card.days), f"nine of ten by day {words.days(card.slow_days)}"),
            (f"Overturned by {name}", words.share(card.overturn_rate), won if card.settled else "no denial closed"),
            (
                f"Written off with {name}",
                words.usd(card.unnecessary),
                f"avoidable, billed; other {words.usd(card.other)}",
            ),
        ],
        of_ledger=(4,),
    )


def _reasons(number: int, name: str, reasons: pd.DataFrame) -> Table:
    columns = named("category claims share denied_amount carc ask", carc=Column("Most frequent code"))
    title = f"Questions for {name}"
    return Table(reasons, f"payer_{number:02}_reasons", title, columns, rows=5)


def definitions() -> Definitions:
    """Terms of the page."""
    overturn = (
        "Denials paid something later, divided by denials closed, of as many months as above that ended 6 months ago."
    )
    interval = "Where the true rate lies in 19 of 20 cases. Small payers have wide ranges."
    changed = "Changes as on the trends page, those that name the payer."
    return Definitions(
        [
            ("Overturn rate", overturn, "HFMA Claim Integrity Task Force"),
            ("95% range", interval, "Wilson 1927"),
            ("What changed", changed, "docs/trends.md"),
        ]
    )
