"""Whether a remittance adds up, and what is done where a payer told one thing twice.

charge (CLP03) - adjustments of claim and lines (CAS) = payment (CLP04)
payments of the claims - provider adjustments (PLB) = the check (BPR02)

CLP*A1*1*100*0~ CAS*CO*197*100~ SVC*..*100*0~ CAS*CO*197*100~    the claim repeats its line: left out, with a warning
CLP*A2*1*100*0~ SVC*..*100*0~ CAS*CO*45*20~                      80.00 without a reason: a warning
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np

from rcm_analysis.edi.reasons_835 import Reasons
from rcm_analysis.store.rows import Note

_COMPARE = "compare it with the payer's statement; ask for a corrected remittance"
LATER_RELEASE = re.compile(r"00[6-9]\d{3}X")  # than those that every element was compared with
MOST_UNBALANCED = 0.05  # of a transaction's claims that a payer's own mistakes explain


def claim_cents(index: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Charge and payment of each claim in cents, and whether both can be read."""
    s = index.s
    charge, _, no_charge = s.cents(s.span(index.clp, 3))
    paid, _, no_payment = s.cents(s.span(index.clp, 4))
    return charge, paid, ~(no_charge | no_payment)


def off_by(index: Any, adjusted: np.ndarray) -> np.ndarray:
    """Cents by which each claim misses its balance; 0 where its amounts can't be read."""
    charge, paid, readable = claim_cents(index)
    return np.where(readable, charge - paid - adjusted, 0)


def told_twice(index: Any, reasons: Reasons, claims: np.ndarray, by_claim: np.ndarray) -> np.ndarray:
    """Rows of adjustments that count no more: without them their claim balances exactly, and they repeat others.

    Those at claim level where the lines are adjusted too, else copies of a reason within one line. Where a claim is paid as
    charged nothing is left that they could repeat. `claims` is the claim of each row, in order.
    """
    surplus = -off_by(index, by_claim)
    twice = np.zeros(len(claims), bool)
    charge, paid, _ = claim_cents(index)
    doubtful = np.flatnonzero((surplus != 0) & (charge != paid))
    starts, stops = np.searchsorted(claims, doubtful), np.searchsorted(claims, doubtful, side="right")
    for claim, start, stop in zip(doubtful, starts, stops, strict=True):
        rows = np.arange(start, stop)
        at_claim = index.line[reasons.segments[rows]] < 0
        copies = _copies(index, reasons, rows)
        for chosen in (rows[at_claim] if not at_claim.all() else copies, copies):
            if len(chosen) and reasons.cents[chosen].sum() == surplus[claim]:
                twice[chosen] = True
                break
    return twice


def _copies(index: Any, reasons: Reasons, rows: np.ndarray) -> np.ndarray:
    """All but the first of equal adjustments of one line."""
    seen: set[tuple] = set()
    found = []
    for row in rows:
        told = (int(index.line[reasons.segments[row]]), reasons.group[row].as_py(), reasons.carc[row].as_py(),
                int(reasons.cents[row]))  # fmt: skip
        if told in seen:
            found.append(row)
        seen.add(told)
    return np.array(found, np.int64)


def notes(
    index: Any, by_claim: np.ndarray, repeated: np.ndarray, reasons: Reasons, payments: dict[str, np.ndarray]
) -> list[Note]:
    """Warnings of claims and payments that do not balance, and of adjustments told twice."""
    piece = index.piece
    charge, paid, readable = claim_cents(index)
    off = off_by(index, by_claim)
    found = [(segment, "tells adjustments a second time, which the claim balances without; "
              f"the copy of {_usd(cents)} was left out", "tell the payer; compare the claim with the statement")
             for segment, cents in zip(reasons.segments[repeated], reasons.cents[repeated], strict=True)]  # fmt: skip
    for claim in np.flatnonzero(off):
        told = f"{_usd(charge[claim])} charged less adjustments of {_usd(by_claim[claim])} is not the payment of {_usd(paid[claim])}"
        found.append((index.clp[claim], f"the claim does not balance: {told}", _COMPARE))
    whole = np.array([t.closed for t in index.transactions])
    whole[index.tx[index.clp[~readable]]] = False
    for i in np.flatnonzero(whole & (payments["check"] != payments["claims"] - payments["adjusted"])):
        told = f"payments of {_usd(payments['claims'][i])} less provider adjustments of {_usd(payments['adjusted'][i])}"
        reason = f"the payment does not balance: {told} are not the check of {_usd(payments['check'][i])} (BPR02)"
        found.append((index.transactions[i].first, reason, _COMPARE))
    return [Note(int(piece.source[i]), "warning", f"segment {piece.number[i]} ({piece.segments.tag(i)})", reason, advice)
            for i, reason, advice in found]  # fmt: skip


def unread(index: Any, by_claim: np.ndarray) -> list[int]:
    """Transactions of a later release many of whose claims do not add up: something of them was not understood."""
    late = np.array([bool(LATER_RELEASE.match(t.version)) for t in index.transactions])
    of_claim = index.tx[index.clp]
    claims = np.bincount(of_claim, minlength=len(late))
    wrong = np.bincount(of_claim[off_by(index, by_claim) != 0], minlength=len(late))
    return np.flatnonzero(late & (wrong > MOST_UNBALANCED * claims)).tolist()


def _usd(cents: int) -> str:
    return f"{Decimal(int(cents)) / 100:.2f}"
