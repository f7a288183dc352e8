"""Whether a ledger is understood: its sums per claim held against those of the electronic files.

                      ledger      electronic files     of the claims in both
    charges           17,246,699  17,246,699           1.000 equal
    insurer payments   3,713,568   3,708,120            .981 equal
    cuts covered                                        .990

The office's own mistakes are no misreadings: a claim whose ledger differs because a payment came on paper, was taken back
or stands without a claim number differs alone; a column or a sign misread moves nearly all claims. The bounds lie between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rcm_analysis.spreadsheets.known import Known

SETTLED_DAYS = 45  # since the last remittance, so that its posting is there
MIN_CLAIMS = 5  # fewer claims in both tell nothing about a column
MANY_CLAIMS = 50  # fewer allow for an office's single mistakes
MIN_EQUAL = {"charges": 0.97, "insurer payments": 0.93, "contractual cuts": 0.9}  # share of many claims
MIN_EQUAL_OF_FEW = 0.6
MAX_UNKNOWN = 0.02  # share of rows or dollars whose kind is not known
MAX_CREDITS = 0.1  # share of the claims that the practice owes money on


@dataclass(frozen=True)
class Comparison:
    """A sum in both sources: claims compared, share of them that agree, dollars of each."""

    name: str
    claims: int
    equal: float
    ledger: float
    told: float

    @property
    def failed(self) -> bool:
        least = MIN_EQUAL[self.name] if self.claims >= MANY_CLAIMS else MIN_EQUAL_OF_FEW
        return self.claims >= MIN_CLAIMS and self.equal < least

    def __str__(self) -> str:
        return f"{self.name} agree on {self.equal:.1%} of {self.claims:,} claims (${self.ledger:,.2f} against ${self.told:,.2f})"


@dataclass
class Check:
    """What holding a ledger against the electronic files told: figures for `ledger_understanding`, and why it is not taken.

    `wrong` is empty where the ledger is understood as far as can be told.
    """

    comparisons: list[Comparison] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


FIGURES = {"charges": "charges", "insurer payments": "payments", "contractual cuts": "contractual"}


def check(ledger: pa.Table, known: Known, *, kinds_told: bool = False) -> Check:
    """Holds a ledger against what is known for certain, and against itself."""
    rows = _per_claim(ledger)
    compared = compare(ledger, known, rows)
    cents = np.abs(ledger["amount"].cast(pa.float64()).to_numpy(zero_copy_only=False))
    other = ledger["kind"].to_numpy(zero_copy_only=False) == "other"
    charged = rows[rows["charge"] > 0]
    figures: dict[str, Any] = {"rows": ledger.num_rows, "amount": round(float(cents.sum()), 2)}
    for one in compared:
        if one.claims:
            figures |= {f"{FIGURES[one.name]}_checked": one.claims, f"{FIGURES[one.name]}_agree": one.equal}
    if len(charged):
        closes = float((charged["balance"] >= -100).mean())
        figures |= {"balances_checked": len(charged), "balances_agree": closes}
    figures["unknown_kinds_rows_share"] = float(other.mean()) if len(other) else 0.0
    figures["unknown_kinds_dollars_share"] = float(cents[other].sum() / max(cents.sum(), 0.01))
    return Check(compared, problems(ledger, known, kinds_told=kinds_told), figures)


def compare(ledger: pa.Table, known: Known, rows: pd.DataFrame | None = None) -> list[Comparison]:
    """Charges, insurer payments and contractual cuts of the claims that stand in both."""
    if not known:
        return []
    rows = _per_claim(ledger) if rows is None else rows
    rows = rows[rows.index.isin(known.claims.index)]
    last = pd.Timestamp(max(ledger["known_on"].to_pylist())) - pd.Timedelta(days=SETTLED_DAYS)
    done = known.payments.groupby("claim_number")["day"].max()
    old = rows[rows.index.isin(done.index[done <= last])]
    charge = known.claims["charge"].reindex(rows.index)
    paid = known.payments.groupby("claim_number")["cents"].sum().reindex(old.index)
    cut = known.cuts.groupby("claim_number")["cents"].sum().reindex(old.index)
    has_charges, has_cuts = rows["charge"] != 0, cut > 0
    out = [_compared("charges", rows["charge"][has_charges], charge[has_charges])]
    out.append(_compared("insurer payments", old["paid"][paid != 0], paid[paid != 0]))
    covered = np.minimum(old["adjusted"], cut)
    out.append(_compared("contractual cuts", covered[has_cuts], cut[has_cuts]))
    return out


def _compared(name: str, mine: pd.Series, told: pd.Series) -> Comparison:
    equal = float((np.abs(mine - told) < 1).mean()) if len(mine) else 1.0
    return Comparison(name, len(mine), equal, float(mine.sum()) / 100, float(told.sum()) / 100)


def _per_claim(ledger: pa.Table) -> pd.DataFrame:
    frame = pd.DataFrame({
        "claim": ledger["claim_number"].to_pandas(), "kind": ledger["kind"].to_pandas(),
        "who": ledger["posted_by"].to_pandas(), "cents": np.rint(ledger["amount"].cast(pa.float64()).to_numpy(zero_copy_only=False) * 100),
    })  # fmt: skip
    is_kind = frame["kind"].to_numpy()
    parts = {
        "charge": frame["cents"].where(is_kind == "charge", 0),
        "paid": -frame["cents"].where(((is_kind == "payment") | (is_kind == "refund")) & (frame["who"] != "patient"), 0),
        "adjusted": -frame["cents"].where(np.isin(is_kind, ["adjustment", "write_off"]), 0),
        "balance": frame["cents"].where(is_kind != "transfer", 0),
    }  # fmt: skip
    return pd.DataFrame(parts).groupby(frame["claim"]).sum()


def problems(ledger: pa.Table, known: Known, *, kinds_told: bool = False) -> list[str]:
    """Why a ledger is not taken over; nothing where it is understood as far as can be told.

    Where the user told the kinds (`kinds_told`), a type that he left out counts as other and is named elsewhere.
    """
    rows = _per_claim(ledger)
    found = [str(one) for one in compare(ledger, known, rows) if one.failed]
    cents = np.abs(ledger["amount"].cast(pa.float64()).to_numpy(zero_copy_only=False))
    other = ledger["kind"].to_numpy(zero_copy_only=False) == "other"
    if not kinds_told and (other.mean() > MAX_UNKNOWN or cents[other].sum() > MAX_UNKNOWN * cents.sum()):
        found.append(f"what {other.sum():,} postings (${cents[other].sum():,.2f}) are, is not known")
    charged = rows[rows["charge"] > 0]
    if len(charged) >= MIN_CLAIMS and (charged["balance"] < -100).mean() > MAX_CREDITS:
        found.append(f"more is paid and cut than was charged on {(charged['balance'] < -100).mean():.1%} of the claims")
    return found
