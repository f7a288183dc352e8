"""How does each payer treat us, and what do we ask of it? What page 08 says of all payers and of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import common
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Heading, Numbers, Table
from rcm_analysis.pages.columns import Column, named

if TYPE_CHECKING:
    from rcm_analysis.store.view import View


def deciding(cards: pd.DataFrame) -> pd.DataFrame:
    """The payers that decided a claim; `cards` as from `scorecard.scorecard`."""
    return cards[cards["decided"] > 0]


def answer(view: View, cards: pd.DataFrame, above: pd.DataFrame) -> Finding:
    """Which payers deny clearly more than the others; `above` as from `scorecard.outliers`."""
    payers = words.count(len(deciding(cards)))
    if len(above):
        top = above.iloc[0]
        said = (
            f"{words.count(len(above))} of {payers} payers deny clearly more than the others; farthest above is {top['payer_name']}: "
            f"{words.count(top['denied'])} of {words.count(top['decided'])} claims, {words.share(top['rate'])} "
            f"(95% interval {words.share(top['lower'])} to {words.share(top['upper'])}), "
            f"against {words.share(top['others_rate'])} with everybody else."
        )
        return Finding(said, rank=8, amount_usd=float(top["denied_amount"]))
    if len(deciding(cards)):
        return Finding(f"No payer of {payers} with decisions denies clearly more than the others.", rank=8)
    month = words.month_name(view.month)
    none = f"No payer decided a claim in the {view.months} months to {month}, so there is nothing to compare."
    return Finding(none, rank=8)


def key_figures(view: View, cards: pd.DataFrame, above: pd.DataFrame) -> Numbers:
    """Payers, those above the others, and dollars given up and open."""
    return Numbers(
        [
            (
                "Payers with decisions",
                words.count(len(deciding(cards))),
                f"{view.months} months to {view.month}",
            ),
            ("Deny more than the others", words.count(len(above)), "whole interval above everybody else"),
            ("Avoidable write-offs", words.usd(cards["unnecessary"].sum()), "all payers, by posting month"),
            ("Open after denial", words.usd(cards["open_denied"].sum()), f"all payers, on {view.as_of}"),
        ],
        of_ledger=(2, 3),
    )


def rates_chart(view: View, cards: pd.DataFrame) -> Figure:
    """Each payer's rate with its interval."""
    shown = deciding(cards)
    return Figure(
        common.rates_with_intervals(shown, label="payer_name", title="Initial denial rate by payer"),
        name="scorecard_rates",
        alt=f"Initial denial rate of {len(shown)} payers with 95% intervals, most denials on top",
        caption=f"Claims denied at first over claims decided, with 95% interval, {view.months} months to {view.month}; "
        f"n = {words.count(shown['decided'].sum())}.",
    )


def side_by_side(view: View, cards: pd.DataFrame) -> Table:
    """All payers by the same definitions."""
    columns = named(
        "payer_name submitted decided denied rate lower upper denied_amount days slow_days settled overturn_rate "
        "unnecessary other open_denied",
        days=Column("Days", "days", "median from first submission to first decision"),
        unnecessary=Column("Avoidable write-offs", "usd"),
        other=Column("Other write-offs", "usd"),
    )
    title = f"All payers, {view.months} months to {view.month}"
    return Table(cards, "payer_scorecard", title, columns, rows=30)


def listed(cards: pd.DataFrame) -> pd.DataFrame:
    """The payers that have a section of their own: those that decide, or all where none does."""
    return deciding(cards) if len(deciding(cards)) else cards


def payer(number: int, card: Any, reasons: pd.DataFrame, changes: pd.DataFrame) -> list[Heading | Numbers | Table]:
    """A payer's section: its figures, its top reasons with what to ask, and what changed; `card` a row of the cards."""
    name = card.payer_name
    return [
        Heading(name, number),
        _figures(card),
        _reasons(number, name, reasons),
        Table(
            changes,
            name=f"payer_{number:02}_changes",
            title=f"{name}: what changed",
            columns=named("headline", headline="Change that chance does not explain"),
            rows=5,
        ),
    ]


def _figures(card: Any) -> Numbers:
    denied = (
        f"{words.count(card.denied)} of {words.count(card.decided)}; interval {words.share(card.lower)} to {words.share(card.upper)}, "
        f"others {words.share(card.others_rate)}"
    )
    won = (
        f"{words.count(card.overturned)} of {words.count(card.settled)} settled; "
        f"{words.share(card.overturn_lower)} to {words.share(card.overturn_upper)}"
    )
    sent = f"claims with {words.usd(card.charge)} of charges; {words.count(card.submitted)} sent"
    return Numbers(
        [
            ("Decided", words.count(card.decided), sent),
            ("Denied at first", words.share(card.rate), denied if card.decided else "nothing decided"),
            ("Days to decision", words.days(card.days), f"median; nine of ten by day {words.days(card.slow_days)}"),
            ("Overturned", words.share(card.overturn_rate), won if card.settled else "no denial settled"),
            ("Avoidable write-offs", words.usd(card.unnecessary), f"other write-offs {words.usd(card.other)}"),
        ],
        of_ledger=(4,),
    )


def _reasons(number: int, name: str, reasons: pd.DataFrame) -> Table:
    columns = named("category claims share denied_amount carc ask", carc=Column("Commonest code"))
    title = f"{name}: top reasons, and what to ask"
    return Table(reasons, f"payer_{number:02}_reasons", title, columns, rows=5)


def definitions() -> Definitions:
    """Terms of the page."""
    overturn = "Denials that were paid something later, over denials that are settled, of as many months as above that ended half a year earlier."
    interval = "Where the true rate lies in 95 of 100 such practices; small payers have wide ones."
    changed = "Changes of the rate since the level before, as on the page on trends; here those that name the payer."
    return Definitions(
        [
            ("Overturn rate", overturn, "HFMA Claim Integrity Task Force"),
            ("Interval", interval, "Wilson 1927"),
            ("What changed", changed, "docs/trends.md"),
        ]
    )
