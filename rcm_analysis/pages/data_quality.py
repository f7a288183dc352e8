"""Can we trust this extract? What page 01 says about files, balance, coverage and what does not match."""

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
    """How many files were read and how many claim payments balance."""
    claim = _claim_level(balance)
    balanced = (
        f"{words.count(claim['balanced'])} of {words.count(claim['items'])} claim payments balance to the cent."
        if claim["items"]
        else "there is no claim payment (835) among them to balance."
    )
    accepted, offered = _accepted(files), files["files"].sum()
    return Finding(f"{words.count(accepted)} of {words.count(offered)} files were read; {balanced}", rank=60)


def waiting(matching: pd.DataFrame) -> Finding | None:
    """Claims sent long ago without a decision, where there are any."""
    row = matching.iloc[0]
    if not row["claims"]:
        return None
    return Finding(
        f"{words.count(row['claims'])} claims worth {words.usd(row['charge'])} were sent more than 60 days ago and "
        "have no decision in the files.",
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
        return Finding(f"{_payments(rest)} have no remittance: {_outside(rest)}.", rank=62, kind="caution")
    worst = gaps.iloc[0]
    said = (
        f"{_payments(gaps)} have no remittance though others of the payer are there: "
        "files are missing, or the answer came on paper; most in "
        f"{words.month_name(worst['month'])}: {words.usd(worst['amount'])} of {worst['payer_name']}."
    )
    more = f" Besides, {_outside(rest)}." if len(rest) else ""
    return Finding(said + more, rank=62, kind="caution", amount_usd=float(gaps["amount"].sum()))


def _payments(missing: pd.DataFrame) -> str:
    return f"{words.count(missing['payments'].sum())} insurer payments of {words.usd(missing['amount'].sum())} in the ledger"


def _outside(missing: pd.DataFrame) -> str:
    kinds = {
        "none_of_payer": "of payers that send none",
        "before_first": "before the first remittance",
        "after_last": "after the last",
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
            "gap: the payer's remittances before and after; none of payer: on paper, or never given",
        ),
        payments=Column("Postings", "count"),
        amount=Column("In the ledger only", "usd"),
        told=Column("Payments that came", "count", "claim payments of the payer in that month"),
    )
    note = "Ask the payer or the clearinghouse for these files (835), and ingest them."
    return Table(table, "missing_remittances", "Payments without a remittance", columns, note=note)


def key_figures(files: pd.DataFrame, balance: pd.DataFrame, repeated: int) -> Numbers:
    """Files, balance, payments and repetitions; `repeated` claim payments came in more than one file."""
    claim, rejected = _claim_level(balance), files["files"].sum() - _accepted(files)
    paid = files["paid"].where(files["kind"] == "835").sum()
    off = f"{words.usd(claim['difference'], cents=True)} off in all"
    return Numbers(
        [
            ("Files read", words.count(_accepted(files)), f"{words.count(rejected)} rejected"),
            ("Claim payments that balance", words.share(claim["share"]), off),
            ("Paid in the remittances", words.usd(paid), "sum of CLP04, takebacks taken off"),
            ("Sent twice, counted once", words.count(repeated), "claim payments in more than one file"),
        ]
    )


def _claim_level(balance: pd.DataFrame) -> pd.Series:
    return balance.set_index("level").loc["claim"]


def _accepted(files: pd.DataFrame) -> float:
    return files.loc[files["status"] != "rejected", "files"].sum()


def files_by_kind(files: pd.DataFrame) -> Table:
    """What was offered and what became of it."""
    columns = named("kind status files claims charge paid first_day last_day", charge="Charged")
    return Table(files, "files_by_kind", "Files by kind", columns)


def balance(table: pd.DataFrame) -> Table:
    """Lines, claims and checks that balance."""
    columns = named("level rule items balanced share difference")
    return Table(table, "balance", "Balance at three levels", columns)


def unbalanced(table: pd.DataFrame) -> Table:
    """Each line, claim and check that does not."""
    columns = named(
        "level claim_number line_number payer_name known_on charge adjusted paid difference file segment",
        claim_number="Claim or check",
        charge="Charge or claim payments",
        adjusted=Column("Adjusted", "usd"),
        difference=Column("Difference", "usd"),
        segment=Column("Segment", "count"),
    )
    return Table(table, "unbalanced", "What does not balance", columns)


def provider_adjustments(table: pd.DataFrame) -> Table:
    """PLB by payer and reason."""
    amount = Column("Amount", "usd", "positive lowers the check; belongs to no claim")
    columns = named("payer_name reason_code items amount first_day last_day", amount=amount)
    return Table(table, "provider_adjustments", "Provider adjustments (PLB)", columns, rows=20)


def coverage(view: View, table: pd.DataFrame) -> Figure:
    """Claim payments by payer and month, to see gaps."""
    by_month = table.pivot_table(index="payer_name", columns="month", values="decisions", aggfunc="sum", fill_value=0)
    return Figure(
        common.heat_map(by_month, title="Claim payments by payer and month", unit="claim payments"),
        name="coverage",
        alt=f"Number of claim payments for each of {len(by_month)} payers in each month",
        caption=f"Claim payments received by payer and month, {view.months} months to {view.month}; "
        f"n = {words.count(table['decisions'].sum())}. Zeros are gaps to look into.",
        data=table,
    )


def matching(table: pd.DataFrame) -> Table:
    """Where claims, acknowledgments, remittances and the ledger disagree."""
    return Table(table, "matching", "What does not match", "what claims charge meaning")


def possible_links(table: pd.DataFrame) -> Table:
    """Claims that may belong together and were not joined."""
    columns = named("reason claim_number other_number reference noticed_on charge", reason="Why it is listed")
    return Table(table, "possible_links", "Links not made", columns)


def unknown_codes(table: pd.DataFrame) -> Table:
    """Codes of the payers that our tables do not hold: read as refusals, and asked for rather than guessed."""
    columns = named("kind code uses share amount", kind="List", share="Of all uses")
    return Table(table, "unknown_codes", "Codes that our tables do not hold", columns)


def rejects(table: pd.DataFrame) -> Table:
    """What was not accepted, with its place."""
    return Table(table, "rejects", "Not accepted, or accepted with a remark", "name level place reason advice")


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
                "Balance of a transaction",
                "sum of claim payments less provider adjustments (PLB) equals the check",
                "X12 835 guide: section 1.10.2, balancing",
            ),
            (
                "Decision",
                "a claim payment that decides: not a reversal, an estimate or a claim passed on",
                "X12 835 guide: claim status codes, CLP02",
            ),
        ]
    )
