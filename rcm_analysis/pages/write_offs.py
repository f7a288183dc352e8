"""What did we give up, and what of it was unnecessary? What page 03 says of write-offs by leaf, month and payer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import common
from rcm_analysis.measures.measures import MEASURES
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named
from rcm_analysis.pages.phrases import GUESS, biggest, with_guesses

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

BY_RULE = ("contractual", "regulatory")  # leaves that no practice gives up by itself


def own(leaves: pd.DataFrame) -> pd.DataFrame:
    """Write-offs beyond contracts and law; `leaves` as from `by_month.write_offs_by_leaf`."""
    return leaves[~leaves["leaf"].isin(BY_RULE)].reset_index(drop=True)


def avoidable(leaves: pd.DataFrame) -> pd.DataFrame:
    """The leaves that were unnecessary, largest first."""
    return leaves[leaves["root"] == "unnecessary"].reset_index(drop=True)


def given_up(view: View, leaves: pd.DataFrame) -> Finding:
    """What was written off beyond contracts and law, and how much of it was avoidable."""
    total, lost = own(leaves)["amount"].sum(), avoidable(leaves)["amount"].sum()
    cash = avoidable(leaves)["expected_allowed"].sum()
    month = words.month_name(view.month)
    if total:
        said = (
            f"In the twelve months to {month} the practice wrote off {words.usd(total)} beyond contracts and law; "
            f"{words.cash(cash, lost)} of it, {words.share(lost / total)}, was avoidable."
        )
    elif len(leaves):
        said = f"Nothing was written off beyond contracts and law in the twelve months to {month}."
    else:
        said = (
            f"No write-off is known in the twelve months to {month}; "
            "write-offs are told by the practice's posting export (its ledger)."
        )
    return Finding(said, rank=3, amount_usd=words.worth(cash, lost), of_ledger=True)


def largest_loss(leaves: pd.DataFrame) -> Finding | None:
    """The leaf with the most avoidable dollars, by expected cash, its owner and its fix."""
    lost = avoidable(leaves)
    order = lost["expected_allowed"].fillna(0) if lost["expected_allowed"].gt(0).any() else lost["amount"]
    worst = biggest(lost.loc[order.sort_values(ascending=False, kind="stable").index], "label")
    if not worst["amount"] > 0:
        return None
    return Finding(
        f"The largest avoidable loss is “{worst['label']}”: {words.cash(worst['expected_allowed'], worst['amount'])} on {words.count(worst['claims'])} claims. "
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
        f"{words.cash(cash, amount)} on {words.count(hidden['claim_number'].nunique())} denied claims were posted as contractual; "
        "they are counted under their true reason here.",
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
        f"{words.usd(guessed.sum())} of these write-offs, {words.usd(guessed['unnecessary'])} of them avoidable, are {GUESS}.",
        rank=7,
        kind="caution",
        amount_usd=float(guessed["unnecessary"]),
        of_ledger=True,
    )


def key_figures(view: View, leaves: pd.DataFrame, rates: pd.Series, guessed: pd.Series) -> Numbers:
    """Written off, avoidable, and two rates; `rates` as from `by_month.over_months`, `guessed` from `by_month.guessed`."""
    total, lost = own(leaves)["amount"].sum(), avoidable(leaves)["amount"].sum()
    cash = avoidable(leaves)["expected_allowed"].sum()
    part = (
        f"{words.cash_note(cash, lost)}, {words.share(lost / total)} of what was written off, 12 months"
        if total
        else "12 months"
    )
    beyond = f"twelve months to {view.month}"
    return Numbers(
        [
            ("Written off, beyond contract and law", words.usd(total), with_guesses(beyond, guessed.sum())),
            ("Avoidable write-offs", words.usd(words.worth(cash, lost)), with_guesses(part, guessed["unnecessary"])),
            (
                "Net collection rate",
                words.share(rates["net_collection_rate"]),
                "payments over charges less allowances",
            ),
            (
                "Denials written off",
                words.share(rates["denial_write_off_share"]),
                "of net revenue, bad debt left out",
            ),
        ],
        headline=(1,),
        of_ledger=(0, 1, 2, 3),
    )


def by_month(view: View, table: pd.DataFrame) -> Figure:
    """Dollars written off by month and root."""
    return Figure(
        common.stacked_by_month(table, title=f"Write-offs at {view.practice} by root"),
        name="write_offs_by_month",
        alt="Stacked bars of monthly write-offs by root",
        caption="Dollars written off by posting month, without contractual and regulatory allowances, "
        f"{view.months} months to {view.month}.",
        data=table,
    )


def avoidable_chart(view: View, leaves: pd.DataFrame) -> Figure:
    """The twelve largest avoidable leaves as bars."""
    lost = avoidable(leaves)
    bars = lost.head(12).assign(words=lost["amount"].map(words.usd))
    return Figure(
        common.bars(
            bars, label="label", value="amount", text="words", title="Avoidable write-offs", unit="USD written off"
        ),
        name="avoidable_by_leaf",
        alt="Bars of avoidable write-offs by leaf",
        caption=f"Unnecessary write-offs by leaf, twelve months to {view.month}.",
    )


def by_leaf(view: View, leaves: pd.DataFrame) -> Table:
    """Every leaf, allowances included."""
    columns = named("label root postings claims expected_allowed amount share owner fix", label="Leaf")
    title = f"All write-offs, twelve months to {view.month}"
    note = "Contractual and regulatory allowances included."
    return Table(leaves, "write_offs_by_leaf", title, columns, rows=40, note=note)


def by_payer(view: View, table: pd.DataFrame) -> Table:
    """Unnecessary and other write-offs of each payer."""
    columns = named("payer_name unnecessary other share", share="Unnecessary share")
    return Table(table, "write_offs_by_payer", f"By payer, twelve months to {view.month}", columns)


def posted_as_contractual(hidden: pd.DataFrame) -> Table:
    """Each denial that the ledger calls contractual."""
    columns = named(
        "claim_number payer_name posted_on expected_allowed amount reason remit_category leaf",
        reason="Practice's words",
    )
    return Table(hidden, "posted_as_contractual", "Denials posted as contractual", columns)


def words_not_understood(table: pd.DataFrame) -> Table:
    """The practice's words that tell no leaf."""
    columns = named("code reason postings amount unclassified", reason="Practice's words", amount="Posted")
    return Table(table, "words_not_understood", "Words that were not understood", columns)


def codes_of_the_ledger(table: pd.DataFrame, practice: str) -> Table:
    """Codes that evidence tells and nobody confirmed; `table` as from `by_month.codes_from_evidence`."""
    columns = named(
        "code label root postings amount shown evidence confidence",
        label="Told as",
        amount=Column("Posted in all", "usd"),
        shown=Column("Counted here", "usd", "beyond contract and law, in the months of this page"),
        evidence=Column("Evidence", "text", "what tells the meaning of most of its dollars"),
        confidence=Column("Confidence", "share", "how far the meaning can be trusted, of the dollars"),
    )
    note = (
        f"To confirm or correct, write lines of code,leaf into ledger_codes.csv in the folder {practice} of the store; "
        "the leaves are those of write_off_leaves.csv. What is confirmed is no guess any more."
    )
    empty = "Every code is told by the practice's words or confirmed."
    return Table(table, "codes_of_the_ledger", "Codes of the ledger, not confirmed", columns, note=note, empty=empty)


def definitions() -> Definitions:
    """The measures of this page."""
    shown = [m for m in MEASURES if "write_off" in m.name or m.name == "net_collection_rate"]
    return Definitions([(m.label, m.definition, m.cited) for m in shown])
