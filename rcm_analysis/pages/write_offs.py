"""What did we write off, and what of it was avoidable? What page 03 says of write-offs by reason, month and payer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import common
from rcm_analysis.measures.measures import MEASURES
from rcm_analysis.pages import nouns
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named
from rcm_analysis.pages.phrases import GUESS, biggest, with_guesses

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

BY_RULE = ("contractual", "regulatory")  # reasons that are no choice of the practice


def own(leaves: pd.DataFrame) -> pd.DataFrame:
    """Write-offs without contractual and required adjustments; `leaves` as from `by_month.write_offs_by_leaf`."""
    return leaves[~leaves["leaf"].isin(BY_RULE)].reset_index(drop=True)


def avoidable(leaves: pd.DataFrame) -> pd.DataFrame:
    """The leaves that were unnecessary, largest first."""
    return leaves[leaves["root"] == "unnecessary"].reset_index(drop=True)


def given_up(view: View, leaves: pd.DataFrame) -> Finding:
    """What was written off, and how much of it was avoidable."""
    told = nouns.of(view)
    total, lost = told["write_offs"], told["avoidable_write_offs"]
    month = words.month_name(view.month)
    if total.amount:
        said = f"The practice wrote off {total.text} in 12 months, at usual payment. {lost.text}, {lost.amount / total.amount:.0%}, was avoidable."
    elif len(leaves):
        said = f"Only contractual and required adjustments were written off in the 12 months to {month}."
    else:
        said = f"No write-off is known in the 12 months to {month}. Load the practice's posting export (its ledger)."
    return Finding(said, rank=3, amount_usd=lost.amount, of_ledger=True)


def largest_loss(leaves: pd.DataFrame) -> Finding | None:
    """The leaf with the most avoidable dollars, by expected cash, its owner and its fix."""
    lost = avoidable(leaves)
    order = lost["expected_allowed"].fillna(0) if lost["expected_allowed"].gt(0).any() else lost["amount"]
    worst = biggest(lost.loc[order.sort_values(ascending=False, kind="stable").index], "label")
    if not worst["amount"] > 0:
        return None
    return Finding(
        f"The largest avoidable write-off is “{words.sentence(worst['label'])}”: {_worth(worst['expected_allowed'], worst['amount'])} on {words.count(worst['claims'])} claims. "
        f"Owner: {worst['owner']}. {worst['fix']}",
        rank=5,
        kind="action",
        amount_usd=words.worth(worst["expected_allowed"], worst["amount"]),
        of_ledger=True,
    )


def hidden_losses(hidden: pd.DataFrame) -> Finding | None:
    """Denials that the ledger calls contractual; `hidden` as from `by_month.mismatches`."""
    if not len(hidden):
        return None
    amount, cash = hidden["amount"].sum(), hidden["expected_allowed"].sum()
    return Finding(
        f"The ledger posted {words.count(hidden['claim_number'].nunique())} denials as contractual, {_worth(cash, amount)}. "
        "This page counts them under their true reason.",
        rank=6,
        kind="caution",
        amount_usd=words.worth(cash, amount),
        of_ledger=True,
    )


def not_confirmed(guessed: pd.Series) -> Finding | None:
    """How much rests on meanings that evidence tells and nobody confirmed; `guessed` as from `by_month.guessed`."""
    if not guessed.sum():
        return None
    return Finding(
        f"Of these write-offs, {words.usd(guessed.sum())} billed is {GUESS}. Of that, {words.usd(guessed['unnecessary'])} counts as avoidable.",
        rank=7,
        kind="caution",
        amount_usd=float(guessed["unnecessary"]),
        of_ledger=True,
    )


def key_figures(view: View, guessed: pd.Series) -> Numbers:
    """Written off, avoidable, and two rates; `guessed` from `by_month.guessed`."""
    told = nouns.of(view)
    total, lost = told["write_offs"], told["avoidable_write_offs"]
    part = f"12 months, {lost.amount / total.amount:.0%} of all" if total.amount else "12 months"
    return Numbers(
        [
            told.tile("write_offs", "12 months, at usual payment"),
            told.tile("avoidable_write_offs", with_guesses(part, guessed["unnecessary"])),
            told.tile("net_collection_rate", "payments of charges less adjustments"),
            told.tile("denial_write_off_share", "12 months, bad debt left out"),
        ],
        headline=(1,),
        of_ledger=(0, 1, 2, 3),
    )


def _worth(cash: float, charges: float) -> str:
    return f"{words.about(cash)} usual payment" if words.worth(cash, 0) else f"{words.usd(charges)} billed"


def by_month(view: View, table: pd.DataFrame) -> Figure:
    """Dollars written off by month, avoidable and necessary."""
    return Figure(
        partial(common.stacked_by_month, table, title="Write-offs by month"),
        name="write_offs_by_month",
        alt="Stacked bars of monthly write-offs, avoidable at the bottom",
        caption=f"Billed amount written off by month posted, {view.months} months to {words.month_name(view.month)}. Contractual and required adjustments are left out.",
        data=table,
    )


def avoidable_chart(view: View, leaves: pd.DataFrame) -> Figure:
    """The twelve largest avoidable reasons as bars."""
    lost = avoidable(leaves)
    usual = lost["expected_allowed"].fillna(0).sum() > 0
    lost = lost.assign(
        worth=lost["expected_allowed"].fillna(0) if usual else lost["amount"], label=lost["label"].map(words.sentence)
    )
    lost = lost.sort_values(["worth", "leaf"], ascending=[False, True])
    bars = lost.head(12).assign(words=lost["worth"].map(words.about))
    return Figure(
        partial(
            common.bars,
            bars[["label", "worth", "words"]],
            label="label",
            value="worth",
            text="words",
            title="Avoidable write-offs by reason",
            unit="usual payment" if usual else "dollars billed",
            color=common.ORANGE,
        ),
        name="avoidable_by_leaf",
        alt="Bars of avoidable write-offs by reason, largest first",
        caption=f"12 months to {words.month_name(view.month)}.",
    )


def by_leaf(view: View, leaves: pd.DataFrame) -> Table:
    """Every reason, contractual and required adjustments included."""
    columns = named(
        "label root postings claims expected_allowed amount share owner fix",
        label="Reason",
        expected_allowed=Column("Usual payment", "cash", "what payers allow for the same services"),
        amount=Column("Billed", "usd"),
    )
    title = "All write-offs"
    note = f"12 months to {words.month_name(view.month)}. Contractual and required adjustments included."
    return Table(leaves, "write_offs_by_leaf", title, columns, rows=40, note=note)


def by_payer(view: View, table: pd.DataFrame) -> Table:
    """Avoidable and other write-offs of each payer."""
    columns = named("payer_name unnecessary other share", share="Avoidable share")
    return Table(table, "write_offs_by_payer", "Write-offs by payer", columns)


def posted_as_contractual(hidden: pd.DataFrame) -> Table:
    """Each denial that the ledger calls contractual."""
    columns = named(
        "claim_number payer_name posted_on expected_allowed amount reason remit_category leaf",
        reason="Practice's words",
    )
    return Table(hidden, "posted_as_contractual", "Denials written off as contractual", columns)


def words_not_understood(table: pd.DataFrame) -> Table:
    """The practice's words that no reason is known for."""
    columns = named("code reason postings amount unclassified", reason="Practice's words", amount="Posted")
    return Table(table, "words_not_understood", "Posting words to map", columns)


def codes_of_the_ledger(table: pd.DataFrame, practice: str) -> Table:
    """Codes that evidence tells and nobody confirmed; `table` as from `by_month.codes_from_evidence`."""
    columns = named(
        "code label root postings amount shown evidence confidence",
        label="Read as",
        amount=Column("Posted in all", "usd"),
        shown=Column("Counted here", "usd", "without contractual and required adjustments, in the months of this page"),
        evidence=Column("Evidence", "text", "what shows the meaning of most of its dollars"),
        confidence=Column("Confidence", "share", "how far the meaning can be trusted, of the dollars"),
    )
    note = (
        f"To confirm or correct a code, write a line of code,leaf into ledger_codes.csv in the folder {practice} of the store. "
        "The leaves are those of write_off_leaves.csv."
    )
    empty = "The practice's words explain every code, or somebody confirmed it."
    return Table(table, "codes_of_the_ledger", "Posting codes to map", columns, note=note, empty=empty)


def definitions() -> Definitions:
    """The measures of this page."""
    shown = [m for m in MEASURES if "write_off" in m.name or m.name == "net_collection_rate"]
    return Definitions([(m.label, m.definition, m.cited) for m in shown])
