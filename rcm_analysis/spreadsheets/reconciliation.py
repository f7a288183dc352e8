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
import pyarrow.compute as pc

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
    other = np.asarray(
        pc.equal(ledger["kind"], "other").combine_chunks().fill_null(False).to_numpy(zero_copy_only=False)
    )
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
    return Check(compared, _problems(compared, rows, cents, other, kinds_told), figures)


def compare(ledger: pa.Table, known: Known, rows: pd.DataFrame) -> list[Comparison]:
    """Charges, insurer payments and contractual cuts of the claims that stand in both."""
    if not known:
        return []
    rows = rows[known.claims.index.get_indexer(rows.index) >= 0]
    last = pd.Timestamp(pc.max(ledger["known_on"]).as_py()) - pd.Timedelta(days=SETTLED_DAYS)
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
    """Cents of each claim: charged, paid by insurers, adjusted, and what is left of it."""
    of_claim, claims = _coded(ledger["claim_number"])
    of_kind, kinds = _coded(ledger["kind"])
    of_who, whose = _coded(ledger["posted_by"])
    cents = np.rint(ledger["amount"].cast(pa.float64()).to_numpy() * 100)
    is_kind = lambda *names: np.array([kind in names for kind in kinds], bool)[of_kind]  # noqa: E731
    by_patient = np.array([who == "patient" for who in whose], bool)[of_who]
    total = lambda rows, sign: np.bincount(of_claim, np.where(rows, sign * cents, 0), len(claims))  # noqa: E731
    parts = {
        "charge": total(is_kind("charge"), 1),
        "paid": total(is_kind("payment", "refund") & ~by_patient, -1),
        "adjusted": total(is_kind("adjustment", "write_off"), -1),
        "balance": total(~is_kind("transfer"), 1),
    }
    return pd.DataFrame(parts, index=pd.Index(claims, name="claim"))


def _coded(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Which distinct text stands in each row; nothing is an empty text."""
    one = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    return np.asarray(one.indices), one.dictionary.to_pylist()


def _problems(
    compared: list[Comparison], rows: pd.DataFrame, cents: np.ndarray, other: np.ndarray, kinds_told: bool
) -> list[str]:
    """Why a ledger is not taken over; nothing where it is understood as far as can be told.

    Where the user told the kinds (`kinds_told`), a type that he left out counts as other and is named elsewhere.
    """
    found = [str(one) for one in compared if one.failed]
    if not kinds_told and (other.mean() > MAX_UNKNOWN or cents[other].sum() > MAX_UNKNOWN * cents.sum()):
        found.append(f"what {other.sum():,} postings (${cents[other].sum():,.2f}) are, is not known")
    charged = rows[rows["charge"] > 0]
    if len(charged) >= MIN_CLAIMS and (charged["balance"] < -100).mean() > MAX_CREDITS:
        found.append(f"more is paid and cut than was charged on {(charged['balance'] < -100).mean():.1%} of the claims")
    return found
