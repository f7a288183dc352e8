"""One number per noun: its label, its unit and its definition, once for every page, table, workbook and brief.

    nouns.of(view).tile("open_denials")       # ("Open denials", "295 claims", "$34,300 expected cash")
    nouns.of(view)["open_denials"].text       # "295 claims"

The values are those of `measures.headlines`; a page that tells one asks for it here and never counts it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.measures import headlines
from rcm_analysis.measures.measures import MEASURES
from rcm_analysis.pages.blocks import Table
from rcm_analysis.pages.columns import Column

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

UNITS = {
    "share": words.share, "claims": lambda value: f"{words.count(value)} {'claim' if value == 1 else 'claims'}", "count": words.count,
    "cash": words.about, "usd": words.usd, "days": lambda value: f"{words.days(value)} {'day' if value == 1 else 'days'}",
}  # fmt: skip
WINDOWS = {"month": "the report month", "year": "12 months to the report day", "day": "the report day",
           "closed": "12 months that ended 6 months ago"}  # fmt: skip


@dataclass(frozen=True)
class Noun:
    """What a number is called, what it counts, over which time; `of_ledger` ones need a ledger that is understood."""

    label: str
    unit: str
    window: str
    definition: str
    of_ledger: bool = False


NOUNS: dict[str, Noun] = {
    "initial_denial_rate": Noun("Initial denial rate", "share", "month", "Claims with a line denied on the payer's first remit, divided by claims adjudicated in the month."),
    "initial_denial_rate_year": Noun("Initial denial rate, 12 months", "share", "year", "The same over 12 months."),
    "initial_denial_rate_amount": Noun("Initial denial rate, dollars", "share", "month", "Billed amount of the lines denied on the first remit, divided by the billed amount of claims adjudicated in the month."),
    "line_denial_rate": Noun("Line denial rate", "share", "month", "Service lines denied on the first remit, divided by service lines on it."),
    "clean_claim_rate": Noun("Clean claim rate", "share", "month", "Claims neither rejected nor initially denied, divided by claims submitted and answered in the month."),
    "rejection_rate": Noun("Rejection rate", "share", "month", "Claims rejected at least once by a clearinghouse or payer (277CA), divided by claims acknowledged, by month submitted."),
    "adjudicated_month": Noun("Adjudicated in the month", "claims", "month", "Claims with a first remit in the month."),
    "denied_month": Noun("Initially denied in the month", "claims", "month", "Claims with a line denied on a first remit in the month."),
    "submitted_month": Noun("Submitted in the month", "claims", "month", "Claims first submitted in the month."),
    "submitted": Noun("Claims submitted", "claims", "year", "Claims first submitted in 12 months."),
    "adjudicated": Noun("Claims adjudicated", "claims", "year", "Claims with a first remit in 12 months."),
    "initial_denials": Noun("Initial denials", "claims", "year", "Claims with a line denied on the first remit."),
    "rejected": Noun("Claims rejected", "claims", "year", "Claims rejected at least once before a payer adjudicated them."),
    "insurer_payments": Noun("Payments from insurers", "usd", "year", "Payments that remits tell."),
    "overturn_rate": Noun("Overturn rate", "share", "year", "Initial denials later paid something, divided by initial denials closed."),
    "final_denial_rate": Noun("Final denial rate", "share", "year", "Claims with a denied line that the practice wrote off, divided by claims adjudicated.", of_ledger=True),
    "net_collection_rate": Noun("Net collection rate", "share", "year", "Payments less refunds, divided by charges less contractual and required adjustments.", of_ledger=True),
    "denial_write_off_share": Noun("Denial write-offs, share of revenue", "share", "year", "Avoidable write-offs without bad debt, divided by charges less contractual and required adjustments.", of_ledger=True),
    "days_to_submit": Noun("Days from service to claim", "days", "month", "Middle value of days from the first day of service to the first submission."),
    "days_to_decision": Noun("Days from claim to remit", "days", "month", "Middle value of days from the first submission to the first remit."),
    "open_denials": Noun("Open denials", "claims", "day", "Denied claims with a balance. A claim past a usual deadline stays open. A claim past a confirmed one does not."),
    "open_denials_cash": Noun("Expected cash of open denials", "cash", "day", "Usual payment of the denied lines times the share of such denials paid after being worked."),
    "open_denials_balance": Noun("Balance of open denials", "usd", "day", "What is billed and not paid on open denials."),
    "past_usual_deadline": Noun("Past the usual deadline", "claims", "day", "Open denials without a confirmed deadline whose usual deadline passed. Check the contract first."),
    "rejected_not_resent": Noun("Rejected, not resent", "claims", "day", "Claims rejected by a clearinghouse or payer that never got a remit, with a balance and no later submission."),
    "rejected_not_resent_cash": Noun("Usual payment of rejected claims", "cash", "day", "What payers usually allow for the rejected claims that were not resent."),
    "rejected_not_resent_balance": Noun("Balance of rejected claims", "usd", "day", "What is billed on rejected claims that were not resent."),
    "waiting": Noun("Claims without an answer", "claims", "day", f"Claims submitted more than {headlines.WAITING_DAYS} days ago that no remit answers."),
    "waiting_usd": Noun("Balance of claims without an answer", "usd", "day", "What is billed on claims without an answer."),
    "unbilled": Noun("Claims not yet billed", "claims", "day", "Claims in the ledger that no file shows as submitted."),
    "unbilled_usd": Noun("Balance of claims not yet billed", "usd", "day", "What is charged on claims not yet billed."),
    "recoupments": Noun("Recoupments open", "claims", "day", "Claims whose payment a payer took back, with no answer since."),
    "recoupments_usd": Noun("Amount of open recoupments", "usd", "day", "What payers took back on these claims."),
    "denied_claims": Noun("Initially denied", "claims", "year", "Claims with a line denied on the first remit: the whole that the money map divides."),
    "denied_usd": Noun("Initially denied, usual payment", "cash", "year", "What payers usually allow for the lines initially denied."),
    "denied_recovered": Noun("Recovered", "claims", "year", "Of claims initially denied, those that were paid later.", of_ledger=True),
    "denied_recovered_usd": Noun("Recovered, usual payment", "cash", "year", "Usual payment of denied lines on recovered claims.", of_ledger=True),
    "denied_patient": Noun("Patient responsibility", "claims", "year", "Of claims initially denied, those that became the patient's.", of_ledger=True),
    "denied_patient_usd": Noun("Patient responsibility, usual payment", "cash", "year", "Usual payment of denied lines that became the patient's.", of_ledger=True),
    "denied_open": Noun("Still open", "claims", "year", "Of claims initially denied, those with a line that is still open.", of_ledger=True),
    "denied_open_usd": Noun("Still open, usual payment", "cash", "year", "Usual payment of denied lines on claims still open.", of_ledger=True),
    "denied_lost": Noun("Lost", "claims", "year", "Of claims initially denied, those written off or past every confirmed deadline.", of_ledger=True),
    "denied_lost_usd": Noun("Lost, usual payment", "cash", "year", "Usual payment of denied lines on lost claims.", of_ledger=True),
    "write_offs": Noun("Write-offs", "cash", "year", "What the practice stopped collecting, in usual payment; contractual and required adjustments left out.", of_ledger=True),
    "write_offs_posted": Noun("Write-offs, billed amount", "usd", "year", "The same as posted.", of_ledger=True),
    "avoidable_write_offs": Noun("Avoidable write-offs", "cash", "year", "Write-offs that a fix in the office would have prevented, bad debt included, in usual payment.", of_ledger=True),
    "avoidable_write_offs_posted": Noun("Avoidable write-offs, billed amount", "usd", "year", "The same as posted.", of_ledger=True),
    "necessary_write_offs": Noun("Necessary write-offs", "cash", "year", "Charity, courtesy, small balances, duplicate charges and services bundled under the rules, in usual payment.", of_ledger=True),
    "necessary_write_offs_posted": Noun("Necessary write-offs, billed amount", "usd", "year", "The same as posted.", of_ledger=True),
    "posted_as_contractual": Noun("Denials written off as contractual", "claims", "year", "Denied claims that the ledger wrote off as contractual.", of_ledger=True),
    "posted_as_contractual_usd": Noun("Written off as contractual", "usd", "year", "What was posted so.", of_ledger=True),
}  # fmt: skip


@dataclass(frozen=True)
class Value:
    """A noun with its number, as pages write it."""

    noun: Noun
    value: float | None
    cases: float | None = None
    whole: float | None = None
    window: str = ""

    @property
    def known(self) -> bool:
        return self.value is not None and self.value == self.value

    @property
    def text(self) -> str:
        """The number in its unit, or a dash."""
        return UNITS[self.noun.unit](self.value) if self.known else "–"

    @property
    def amount(self) -> float:
        return float(self.value) if self.known and self.value is not None else 0.0


class Values(Mapping[str, Value]):
    """The numbers of a practice on a day, by noun."""

    def __init__(self, table: pd.DataFrame) -> None:
        told = {
            row.noun: Value(NOUNS[row.noun], row.value, row.cases, row.whole, row.window)
            for row in table.itertuples()
            if row.noun in NOUNS
        }
        self._told = {name: told.get(name, Value(noun, None)) for name, noun in NOUNS.items()}

    def __getitem__(self, name: str) -> Value:
        return self._told[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._told)

    def __len__(self) -> int:
        return len(self._told)

    def tile(self, name: str, note: str = "") -> tuple[str, str, str]:
        """A key figure: label, value, note."""
        one = self[name]
        return one.noun.label, one.text, note or said_window(one)


def said_window(one: Value) -> str:
    """When a number is of, in words.

    >>> said_window(Value(NOUNS["initial_denial_rate"], .15, 118, 775, "2026-10"))
    '118 of 775 claims, October 2026'
    """
    when = {"month": words.month_name(one.window) if len(one.window) == 7 else "the month", "year": "12 months",
            "day": "on the report day", "closed": WINDOWS["closed"]}[one.noun.window]  # fmt: skip
    known = one.cases is not None and one.cases == one.cases and one.whole is not None and one.whole == one.whole
    if one.noun.unit == "share" and known:
        return f"{words.count(one.cases)} of {words.count(one.whole)} claims, {when}"
    return when


def of(view: View) -> Values:
    """The numbers of the view's practice and day."""
    return Values(headlines.headlines(view))


def table(view: View) -> Table:
    """Every number with its window and definition, as `tables/headlines.csv`."""
    rows = [
        (noun.label, one.text, WINDOWS[noun.window], noun.definition)
        for one in of(view).values()
        for noun in (one.noun,)
    ]
    frame = pd.DataFrame(rows, columns=["noun", "value", "window", "definition"])
    columns = {
        "noun": Column("Number"),
        "value": Column("Value"),
        "window": Column("Of"),
        "definition": Column("What it counts"),
    }
    return Table(frame, "headlines", "Every number, once", columns, rows=60)


def of_month(label: str, basis: str) -> str:
    """A measure's name for one month, told apart from the same by another month or over 12 months.

    >>> of_month("Initial denial rate", "submission_month"), of_month("Overturn rate", "decision_month")
    ('Initial denial rate, by month submitted', 'Overturn rate, one month')
    """
    yearly = {m.label for m in MEASURES if m.name in headlines.YEARLY}
    first = {m.label: m.bases[0] for m in MEASURES}
    if basis != first.get(label, basis):
        return f"{label}, by {words.words(basis)}"
    return f"{label}, one month" if label in yearly else label
