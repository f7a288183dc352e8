"""If we audit this practice in one day: what are the ten findings? What page 09 says of them and of published figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import common
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Heading, Numbers, Table
from rcm_analysis.pages.columns import Column, named
from rcm_analysis.pages.phrases import with_guesses

if TYPE_CHECKING:
    from rcm_analysis.store.view import View


def answer(view: View, found: pd.DataFrame, evidence: pd.DataFrame) -> Finding:
    """What the ten findings hold, and the largest; `found` as from `audit.findings`."""
    amount, cash = found["amount"].sum(), found["cash"].sum()
    if not len(found):
        none = "Nothing lost and nothing open after a denial is known; ingest remittances and the ledger."
        return Finding(none, rank=9, amount_usd=float(amount))
    top = found.iloc[0]
    return Finding(
        f"The ten largest findings hold {words.cash(cash, amount)} of {words.cash(evidence['cash'].sum(), evidence['amount'].sum())} lost in {view.months} months or still open; "
        f"the largest is “{top['label']}” ({top['kind']}): {words.cash(top['cash'], top['amount'])} on {words.count(top['claims'])} claims. "
        f"Owner: {top['owner']}. {top['fix']}",
        rank=9,
        amount_usd=words.worth(cash, amount),
        of_ledger=True,
    )


def key_figures(view: View, sums: pd.DataFrame, guessed: pd.Series) -> Numbers:
    """Lost, open and rejected dollars; `sums` as from `audit.by_kind`, in its order, `guessed` from `by_month.guessed`."""
    written_off = f"avoidable write-offs, {view.months} months to {view.month}"
    notes = (
        with_guesses(written_off, guessed["unnecessary"]),
        f"can still be saved, on {view.as_of}",
        "never in the payer's system",
    )
    names = ("Lost", "Open after denial", "Rejected, not sent again")
    rows = zip(names, sums["cash"], sums["amount"], notes, strict=True)
    return Numbers(
        [
            (name, words.usd(words.worth(cash, charges)), f"{words.cash_note(cash, charges)}; {note}")
            for name, cash, charges, note in rows
        ],
        of_ledger=(0, 1, 2),
    )


def chart(view: View, found: pd.DataFrame) -> Figure:
    """The findings as bars."""
    worth = [words.worth(cash, charges) for cash, charges in zip(found["cash"], found["amount"], strict=True)]
    bars = found.assign(
        name=found["label"] + " (" + found["kind"] + ")", worth=worth, words=[words.usd(v) for v in worth]
    )
    return Figure(
        common.bars(
            bars,
            label="name",
            value="worth",
            text="words",
            title="Ten findings by expected cash",
            unit="USD lost or open",
        ),
        name="audit_chart",
        alt=f"Bars of the {len(found)} largest findings by expected cash",
        caption=f"What payers would allow of avoidable write-offs of {view.months} months to {view.month}, and balances open on {view.as_of}.",
    )


def findings(found: pd.DataFrame) -> Table:
    """Each finding with its owner, its fix and how sure it is."""
    columns = named(
        "number label kind claims cash amount mostly owner fix confidence why_sure", kind="Money is", amount="Charges"
    )
    return Table(found, "audit_findings", "Ten findings by expected cash", columns)


def evidence_of(row: Any, evidence: pd.DataFrame) -> list[Heading | Table]:
    """A finding's section: its largest claims; `row` of the findings."""
    part = evidence[(evidence["kind"] == row.kind) & (evidence["cause"] == row.cause)]
    title = f"Evidence for {row.number}: the largest of {words.count(row.claims)} claims"
    columns = named(
        "claim_number payer_name location carc cash amount on sure",
        carc=Column("Code", "text", "the claim's driving code"),
        amount="Charges",
        on=Column("Date", "date", "posted, denied or rejected on"),
    )
    label = row.label[:1].upper() + row.label[1:]
    return [
        Heading(f"{row.number}. {label} ({row.kind}): {words.cash(row.cash, row.amount)}", row.number, own_page=False),
        Table(part, f"audit_{row.number:02}_evidence", title, columns, rows=5),
    ]


def comparisons(found: pd.DataFrame) -> Table:
    """The findings beside published figures; `found` as from `audit.with_benchmarks`."""
    title = "The findings beside published figures"
    return Table(found, "audit_comparisons", title, "number label benchmark source")


def benchmarks(view: View, beside: pd.DataFrame) -> Table:
    """Denial rates beside published ones; `beside` as from `audit.comparisons`."""
    columns = "what denied decided value lower upper published verdict fit who method warning source"
    title = f"Denial rates by class of payer, {view.months} months to {view.month}"
    return Table(beside, "audit_benchmarks", title, columns)


def relabelled(found: pd.DataFrame) -> Table:
    """Figures to distrust; `found` as from `audit.relabelled`."""
    return Table(found, "audit_relabelled", "Figures to distrust", "what published unit who warning source")


def beside_issuers(own: pd.DataFrame, checked: dict[str, Any]) -> Finding:
    """What payers report themselves, of how many payers, and whether the workbook was read right.

    `own` as from `issuers.beside`, `checked` from `issuers.check`.
    """
    return Finding(beside_issuers_sentence(own, checked), rank=50)


def beside_issuers_sentence(own: pd.DataFrame, checked: dict[str, Any]) -> str:
    """The same as a sentence."""
    known = own[own["verdict"].isin(["above", "below", "within reach"])]
    counts = known["verdict"].value_counts()
    said = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("above", "below", "within reach"))
    text = (f"{len(known)} of {len(own)} payers are matched to issuers that report their own denial rate for {checked['year']}"
            f"{f': here {said}' if len(known) else ''}. ")  # fmt: skip
    if checked["published"] is None:
        return (
            text
            + f"All {checked['issuers']} issuers together denied {checked['rate']:.1%}; no published figure of that year is at hand to check it."
        )
    agreed = "as published by KFF" if checked["agrees"] else "KFF published otherwise, so look at the workbook"
    return (
        text
        + f"All {checked['issuers']} issuers together denied {checked['rate']:.1%} ({agreed}: {checked['published']:.0%})."
    )


def issuers(own: pd.DataFrame) -> Table:
    """Each payer beside its own report; `own` as from `issuers.beside`."""
    columns = "payer_name year denied decided value lower upper issuer issuer_rate verdict fit how"
    return Table(own, "audit_issuers", "Payers beside their own reports", columns)


def definitions() -> Definitions:
    """Terms of the page."""
    lost = "Unnecessary write-offs by leaf and posting month, as on the page on write-offs; bad debt included."
    at_stake = "Balances of denied claims that are open or were sent again, by the reason of the denial."
    sure = (
        "High: ledger and remittance agree, or an open denial's own code. Medium: one of them alone. "
        "Low: inferred from a passed deadline. Never high with fewer than five claims."
    )
    return Definitions(
        [
            ("Lost", lost, "write_off_leaves.csv"),
            ("Open after denial", at_stake, "a definition of our own"),
            ("Confidence", sure, "this suite"),
        ]
    )
