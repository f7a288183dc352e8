"""The audit: ten findings, each with its value, owner and first step. What page 09 says of them and of published figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import common
from rcm_analysis.pages import nouns, places, release
from rcm_analysis.pages.blocks import Block, Definitions, Figure, Finding, Heading, Numbers, Table
from rcm_analysis.pages.columns import Column, named
from rcm_analysis.pages.phrases import with_guesses
from rcm_analysis.words import escape

if TYPE_CHECKING:
    from rcm_analysis.store.view import View


START_DAYS = 7  # from the report day to the first step
SHOWN = 3  # claims of a finding


def answer(view: View, found: pd.DataFrame, evidence: pd.DataFrame) -> Finding:
    """What the ten findings cover, and the largest; `found` as from `audit.findings`."""
    amount, cash = found["amount"].sum(), found["cash"].sum()
    if not len(found):
        none = "No write-off and no open denial is known. Load remits and the ledger."
        return Finding(none, rank=9, amount_usd=float(amount))
    top = found.iloc[0]
    all_ = words.worth(evidence["cash"].sum(), evidence["amount"].sum())
    part = words.worth(cash, amount) / all_ if all_ else 0.0
    many = "One finding covers" if len(found) == 1 else f"{words.sentence(_number(len(found)))} findings cover"
    return Finding(
        f"{many} {words.cash(cash, amount)}, {part:.0%} of what was lost in 12 months or is open. The largest is "
        f"“{words.sentence(top['label'])}”: {words.cash(top['cash'], top['amount'])} on {words.count(top['claims'])} claims.",
        rank=9,
        amount_usd=words.worth(cash, amount),
        of_ledger=True,
    )


def _number(value: int) -> str:
    names = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return names[value] if value < len(names) else words.count(value)


def key_figures(view: View, guessed: pd.Series) -> Numbers:
    """What was lost, what is open, what was rejected; `guessed` from `by_month.guessed`."""
    told = nouns.of(view)
    cash, rejected = told["open_denials_cash"], told["rejected_not_resent_cash"]
    return Numbers(
        [
            told.tile("avoidable_write_offs", with_guesses("12 months, at usual payment", guessed["unnecessary"])),
            told.tile("open_denials", f"{cash.text} expected cash" if cash.amount else ""),
            told.tile("rejected_not_resent", f"{rejected.text} usual payment" if rejected.amount else ""),
        ],
        of_ledger=(0,),
    )


def chart(view: View, found: pd.DataFrame) -> Figure:
    """The findings as bars."""
    worth = [words.worth(cash, charges) for cash, charges in zip(found["cash"], found["amount"], strict=True)]
    names = [_named(row) for row in found.itertuples()]
    bars = pd.DataFrame({"name": names, "worth": worth, "words": [words.about(v) for v in worth]})
    return Figure(
        partial(common.bars, bars, label="name", value="worth", text="words", title="Ten findings", unit="expected cash", color=common.ORANGE),
        name="audit_chart",
        alt=f"Bars of the {len(found)} largest findings by expected cash",
        caption=f"Avoidable write-offs of 12 months at usual payment, and expected cash of what is open on {words.day(view.as_of)}.",
    )  # fmt: skip


def _named(row: Any) -> str:
    label = words.sentence(str(row.label))
    return label if row.kind != "open" else f"{label}, still open"


def findings(found: pd.DataFrame) -> Table:
    """Each finding with its owner, its fix and how sure it is."""
    columns = named(
        "number label kind claims cash mostly owner fix confidence why_sure",
        kind=Column("Money is", "said"), cash=Column("Value", "cash", "usual payment of write-offs, expected cash of what is open"), label="Finding",
        confidence=Column("Confidence", "said"), fix="First step",
    )  # fmt: skip
    return Table(found, "audit_findings", "Ten findings", columns)


@dataclass(frozen=True)
class Told(Block):
    """A finding as a paragraph with its card: value, owner, first step, by when, confidence."""

    sentences: tuple[str, ...]
    card: tuple[tuple[str, str, str], ...]  # term, value, small print
    figure: Figure | None = None

    def released(self) -> Told:
        return replace(self, figure=None, sentences=tuple(release.text(one) for one in self.sentences),
                       card=tuple((a, release.text(b), release.text(c)) for a, b, c in self.card))  # fmt: skip

    def bundle(self) -> dict[str, Any]:
        said = "".join(f"<p>{escape(one)}</p>" for one in self.sentences if one)
        rows = "".join(
            f"<dt>{escape(term)}</dt><dd{' class=' + chr(34) + 'big' + chr(34) if place == 0 else ''}>{escape(value)}{f'<small>{escape(small)}</small>' if small else ''}</dd>"
            for place, (term, value, small) in enumerate(self.card)
        )
        return {"text/html": f'<div class="cols side"><div class="finding">{said}{self.figure.html() if self.figure else ""}</div><aside class="card" aria-label="{escape(self.card[0][1])} in brief"><dl>{rows}</dl></aside></div>',
                "text/plain": " ".join(self.sentences)}  # fmt: skip


def finding(view: View, row: Any, evidence: pd.DataFrame, sent: pd.DataFrame) -> list[Block]:
    """A finding's section: what, how much, since when, where, who does what by when; its months and three claims."""
    part = evidence[(evidence["kind"] == row.kind) & (evidence["cause"] == row.cause)]
    worth = words.worth(row.cash, row.amount)
    by = pd.Timestamp(view.as_of) + pd.Timedelta(days=START_DAYS)
    lost = row.kind == "lost"
    what = (
        f"The practice wrote off {words.about(worth)} in 12 months on {words.count(row.claims)} claims: {row.label}."
        if lost
        else f"{words.sentence(_number(row.claims)) if row.claims <= 10 else words.count(row.claims)} claims with {words.about(worth)} of {'expected cash are' if row.claims > 1 else 'expected cash is'} still open: {row.label}."
    )
    where = places.sentence(part.assign(worth=_worth_of(part)), sent)
    card = (
        (
            "Value a year" if lost else "Still collectible",
            words.about(worth),
            "usual payment" if lost else "expected cash",
        ),
        ("Owner", words.sentence(str(row.owner)), ""),
        ("First step", str(row.fix), f"by {words.day(by, year=view.as_of.year)}"),
        ("Confidence", words.sentence(str(row.confidence)), words.sentence(str(row.why_sure))),
    )
    head = Heading(f"{row.number}. {words.sentence(str(row.label))}", row.number, own_page=False)
    return [
        head,
        Told((what, _since(part, lost=lost), where), card, _drawn(view, row, part) if lost else None),
        _claims(row, part),
    ]


def _drawn(view: View, row: Any, part: pd.DataFrame) -> Figure | None:
    months = _months(view, part)
    if (months["amount"] > 0).sum() < 2:
        return None
    alt = f"Bars of {row.label} by month posted, 12 months"
    picture = partial(common.months_of, months, title="")
    with common.drawn_at(common.BESIDE_CARD):
        return Figure(picture, f"audit_{row.number:02}_months", alt, "Usual payment by month posted.")


def _worth_of(part: pd.DataFrame) -> pd.Series:
    cash = part["cash"].fillna(0.0).astype(float)
    return cash if cash.sum() > 0 else part["amount"].astype(float)


def _months(view: View, part: pd.DataFrame) -> pd.DataFrame:
    last = pd.Period(view.month, freq="M")
    months = [str(last - back) for back in range(11, -1, -1)]
    sums = _worth_of(part).groupby(pd.to_datetime(part["on"]).dt.strftime("%Y-%m")).sum()
    return pd.DataFrame({"month": months, "amount": [float(sums.get(month, 0.0)) for month in months]})


def _since(part: pd.DataFrame, *, lost: bool) -> str:
    """Since when, and in how many months."""
    months = pd.to_datetime(part["on"]).dt.strftime("%Y-%m").dropna()
    if not len(months):
        return ""
    first, last, many = months.min(), months.max(), months.nunique()
    if first == last:
        return f"All are from {words.month_name(first)}."
    verb = "It was posted in" if lost else "The denials are from"
    return f"{verb} {many} months, from {words.month_name(first)} to {words.month_name(last)}."


def _claims(row: Any, part: pd.DataFrame) -> Table:
    columns = named(
        "claim_number payer_name location carc cash amount on sure",
        carc=Column("Code", "text", "the claim's driving code"), amount="Billed", cash="Value", sure=Column("Confidence", "said"),
        on=Column("Date", "date", "posted, denied or rejected on"),
    )  # fmt: skip
    typical = part.sort_values(["cash", "amount", "claim_number"], ascending=[False, False, True])
    return Table(
        typical, f"audit_{row.number:02}_evidence", f"Typical claims of finding {row.number}", columns, rows=SHOWN
    )


def comparisons(found: pd.DataFrame) -> Table:
    """The findings compared with published figures; `found` as from `audit.with_benchmarks`."""
    title = "Findings and published figures"
    return Table(found, "audit_comparisons", title, named("number label benchmark source", label="Finding"))


def benchmarks(view: View, beside: pd.DataFrame) -> Table:
    """Denial rates compared with published ones; `beside` as from `audit.comparisons`."""
    columns = "what denied decided value lower upper published verdict fit who method warning source"
    title = "Denial rates by kind of payer"
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
    agreed = "as published by KFF" if checked["agrees"] else "KFF published otherwise, so check the workbook"
    return (
        text
        + f"All {checked['issuers']} issuers together denied {checked['rate']:.1%} ({agreed}: {checked['published']:.0%})."
    )


def issuers(own: pd.DataFrame) -> Table:
    """Each payer compared with its own report; `own` as from `issuers.beside`."""
    columns = "payer_name year denied decided value lower upper issuer issuer_rate verdict fit how"
    return Table(own, "audit_issuers", "Payers and their own reports", columns)


def definitions() -> Definitions:
    """Terms of the page."""
    lost = "Avoidable write-offs of 12 months, bad debt included, as on the write-offs page."
    at_stake = "Denied claims with a balance, also those that were resubmitted, by the reason of the denial."
    sure = (
        "High: ledger and remits agree, or an open denial's own code. Medium: one of them alone. "
        "Low: inferred from a passed deadline. Never high with fewer than 5 claims."
    )
    return Definitions(
        [
            ("Lost", lost, "write_off_leaves.csv"),
            ("Open", at_stake, "a definition of our own"),
            ("Confidence", sure, "this suite"),
        ]
    )
