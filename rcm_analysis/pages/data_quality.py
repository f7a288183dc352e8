"""Data checks: what page 01 says about files, balance, coverage and what does not match."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import common
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named

if TYPE_CHECKING:
    from rcm_analysis.store.view import View


def files_read(files: pd.DataFrame, balance: pd.DataFrame) -> Finding:
    """How many files were loaded and how many claim payments reconcile."""
    claim = _claim_level(balance)
    balanced = (
        f"{words.count(claim['balanced'])} of {words.count(claim['items'])} claim payments reconcile."
        if claim["items"]
        else "No claim payment (835) is among them."
    )
    accepted, offered = _accepted(files), files["files"].sum()
    return Finding(f"{words.count(accepted)} of {words.count(offered)} files were loaded. {balanced}", rank=60)


def waiting(matching: pd.DataFrame) -> Finding | None:
    """Claims sent long ago without a decision, where there are any."""
    row = matching.iloc[0]
    if not row["claims"]:
        return None
    return Finding(
        f"Payers have not answered {words.count(row['claims'])} claims submitted more than 60 days ago, {words.usd(row['charge'])} billed. "
        "Ask for their status, or load the missing remits.",
        rank=61,
        kind="caution",
    )


def untold_payments(missing: pd.DataFrame) -> Finding | None:
    """Payments posted in the ledger without a remittance, where there are any; `missing` as from `by_month.missing_remittances`.

    Outside the months of the remittances, and of payers without any, they are counted apart: there no file is known to be missing.
    """
    gaps = missing[missing["kind"] == "gap"]
    rest = missing[missing["kind"] != "gap"]
    if not len(missing):
        return None
    if not len(gaps):
        return Finding(f"{_payments(rest)} have no remit: {_outside(rest)}.", rank=62, kind="caution")
    worst = gaps.iloc[0]
    said = (
        f"{_payments(gaps)} have no remit, though other remits of the payer were loaded. "
        "Files are missing, or the answer came on paper. Most are from "
        f"{words.month_name(worst['month'])}: {words.usd(worst['amount'])} of {words.titled(worst['payer_name'])}."
    )
    more = f" More have none to expect: {_outside(rest)}." if len(rest) else ""
    return Finding(said + more, rank=62, kind="caution", amount_usd=float(gaps["amount"].sum()))


def _payments(missing: pd.DataFrame) -> str:
    return f"{words.count(missing['payments'].sum())} insurer payments of {words.usd(missing['amount'].sum())} in the ledger"


def _outside(missing: pd.DataFrame) -> str:
    kinds = {
        "none_of_payer": "of payers that send no remits",
        "before_first": "before the first remit",
        "after_last": "after the last remit",
    }
    sums = missing.groupby("kind")["amount"].sum().reindex(list(kinds)).dropna()
    return ", ".join(f"{words.usd(amount)} {kinds[str(kind)]}" for kind, amount in sums.items())


def missing_remittances(table: pd.DataFrame) -> Table:
    """Each payer and month in which the ledger has payments that no remittance tells."""
    columns = named(
        "payer_name month kind claims payments amount told",
        kind=Column(
            "What is there",
            "words",
            "gap: remits of the payer before and after; none of payer: on paper, or never loaded",
        ),
        payments=Column("Postings", "count"),
        amount=Column("In the ledger only", "usd"),
        told=Column("Payments loaded", "count", "claim payments of the payer in that month"),
    )
    note = "Ask the payer or the clearinghouse for these files (835), and load them."
    return Table(table, "missing_remittances", "Payments without a remit", columns, note=note)


def key_figures(files: pd.DataFrame, balance: pd.DataFrame, repeated: int) -> Numbers:
    """Files, balance, payments and repetitions; `repeated` claim payments came in more than one file."""
    claim, rejected = _claim_level(balance), files["files"].sum() - _accepted(files)
    paid = files["paid"].where(files["kind"] == "835").sum()
    off = f"{words.usd(claim['difference'], cents=True)} off in all"
    return Numbers(
        [
            (
                "Files loaded",
                words.count(_accepted(files)),
                f"of {words.count(files['files'].sum())} received, {words.count(rejected)} not loaded",
            ),
            ("Claim payments that reconcile", words.share(claim["share"]), off),
            ("Paid in all remits", words.usd(paid), "recoupments taken off"),
            ("Loaded twice, counted once", words.count(repeated), "claim payments in more than one file"),
        ]
    )


def _claim_level(balance: pd.DataFrame) -> pd.Series:
    return balance.set_index("level").loc["claim"]


def _accepted(files: pd.DataFrame) -> float:
    return files.loc[files["status"] != "rejected", "files"].sum()


def files_by_kind(files: pd.DataFrame) -> Table:
    """What was received and what became of it."""
    columns = named("kind status files claims charge paid first_day last_day", charge="Charged")
    return Table(files, "files_by_kind", "Files by kind", columns)


def balance(table: pd.DataFrame) -> Table:
    """Lines, claims and checks that balance."""
    columns = named(
        "level rule items balanced share difference",
        rule="Compared",
        balanced="Agree",
        difference=Column("Difference", "cents", "sum of the differences, signs ignored"),
    )
    return Table(table, "balance", "Payments that reconcile", columns)


def unbalanced(table: pd.DataFrame) -> Table:
    """Each line, claim and check that does not reconcile."""
    columns = named(
        "level claim_number line_number payer_name known_on charge adjusted paid difference file segment",
        claim_number="Claim or check",
        charge="Charge or claim payments",
        adjusted=Column("Adjusted", "cents"),
        difference=Column("Difference", "cents"),
        segment=Column("Line of file", "count"),
    )
    return Table(table, "unbalanced", "Payments that do not reconcile", columns)


def provider_adjustments(table: pd.DataFrame) -> Table:
    """PLB by payer and reason."""
    amount = Column("Amount", "usd", "positive lowers the check; belongs to no claim")
    columns = named("payer_name reason_code items amount first_day last_day", amount=amount)
    return Table(table, "provider_adjustments", "Provider-level adjustments (PLB)", columns, rows=20)


def coverage(view: View, table: pd.DataFrame) -> Figure:
    """Claim payments by payer and month, to see gaps."""
    named_so = table.assign(
        payer=table["payer_name"].map(words.titled), month=table["month"].map(words.month_short), order=table["month"]
    )
    months = list(dict.fromkeys(named_so.sort_values("order")["month"]))
    by_month = named_so.pivot_table(index="payer", columns="month", values="decisions", aggfunc="sum", fill_value=0)[
        months
    ]
    return Figure(
        common.heat_map(by_month, title="Claim payments by payer and month", unit="claim payments"),
        name="coverage",
        alt=f"Number of claim payments for each of {len(by_month)} payers in each month",
        caption=f"{words.count(table['decisions'].sum())} claim payments, {view.months} months to {words.month_name(view.month)}. A zero between numbers is a missing month.",
        data=table,
    )


def matching(table: pd.DataFrame) -> Table:
    """Where claims, acknowledgments, remits and the ledger disagree."""
    return Table(table, "matching", "What does not match", "what claims charge meaning")


def possible_links(table: pd.DataFrame) -> Table:
    """Claims that may belong together and were not joined."""
    columns = named("reason claim_number other_number reference noticed_on charge", reason="Why it is listed")
    return Table(table, "possible_links", "Possible duplicate or related claims", columns)


def unknown_codes(table: pd.DataFrame) -> Table:
    """Codes of the payers that our tables do not hold: read as denials, and asked for rather than guessed."""
    columns = named("kind code uses share amount", kind="List", share="Of all uses")
    return Table(table, "unknown_codes", "Codes not known", columns)


def rejects(table: pd.DataFrame) -> Table:
    """What was not accepted, with its place."""
    return Table(table, "rejects", "Not loaded, or loaded with a remark", "name level place reason advice")


def definitions() -> Definitions:
    """Terms of the page."""
    return Definitions(
        [
            (
                "Balance of a line or claim",
                "charge less adjustments equals payment; levels are added, never repeated",
                "X12 835 guide: section 1.10.2, balancing",
            ),
            (
                "Balance of a check",
                "sum of claim payments less provider adjustments (PLB) equals the check",
                "X12 835 guide: section 1.10.2, balancing",
            ),
            (
                "Remit",
                "a claim payment that adjudicates: not a reversal, a predetermination or a claim crossed over",
                "X12 835 guide: claim status codes, CLP02",
            ),
        ]
    )
