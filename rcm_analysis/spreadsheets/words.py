"""What a cell's words tell, and cells of which only a part is kept, which tell it still.

    kept of "Zahlung v. Quill, CARC 197"    "CARC", marked: leaf authorization

A mark is told only where what is left would tell something else, or where nothing is left: a cell that was filled stays so.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from rcm_analysis.reference import codes

# a posting type or code as the practice words it -> our kind; the first that fits
KIND_WORDS = (
    ("write_off", r"write.?off|w/?o\b|bad.?debt|charge.?off"),
    ("refund", r"refund|rfnd"),
    ("transfer", r"transfer|xfer|trnsf|responsib|balance.?move"),
    ("adjustment", r"adj|contractual|allowance|discount|sequest|courtesy"),
    ("payment", r"pay|pmt|pymt|receipt|co-?pay|deposit|remit|eft|check|cash|credit.?card"),
    ("charge", r"charge|chg|billed|service|debit|procedure|invoice"),
)
# in a memo only whole words count: "never loaded at payer" is no payment
MEMO_WORDS = (
    ("write_off", r"write.?offs?\b|written off|\bw/?o\b|bad.?debt|charge.?off"),
    ("refund", r"\brefund(?:ed|s)?\b|\brfnd\b"),
    ("transfer", r"\btransfer(?:red|s)?\b|\bxfer\b|balance.?move"),
    ("adjustment", r"\badj(?:ustment|usted|ust)?s?\b|contractual|allowance|discount|sequest|courtesy"),
    ("payment", r"\b(?:payments?|pmts?|pymts?|receipts?|co-?pays?|deposits?|eft|credit.?card)\b"),
    ("charge", r"\b(?:charges?|chgs?|billed)\b"),
)
OTHER = "other"
MARK = "\ue000"  # for private use, between what is left of a text and what the whole of it told


class Marked(NamedTuple):
    """What a text tells as a posting type, as a memo, and why something is written off as a reason and as a code."""

    kind: str
    memo: str
    leaf: str
    code_leaf: str


def marked(left: str, mark: Marked | None) -> str:
    return left if mark is None else left + MARK + "|".join(mark)


def plain(cell: str) -> str:
    """The cell without its mark.

    >>> plain(marked("per past", Marked("other", "other", "timely_filing", "")))
    'per past'
    """
    return cell.split(MARK, 1)[0]


def mark_of(cell: str) -> Marked | None:
    return Marked(*cell.split(MARK, 1)[1].split("|")) if MARK in cell else None


def told_by(whole: str, left: str) -> Marked | None:
    """What the whole text tells, where what is left of it tells something else, or where nothing is left."""
    told = _meaning(whole)
    return None if left == whole or (left and told == _meaning(left)) else told


def names_nothing(text: str) -> bool:
    """Whether the words tell neither a kind of posting nor why something is written off.

    >>> names_nothing("Ann Moss"), names_nothing("past timely")
    (True, False)
    """
    told = _meaning(text)
    return told.memo == OTHER and told.leaf in ("", "unclassified")


@lru_cache(maxsize=100_000)
def _meaning(text: str) -> Marked:
    leaf, code_leaf = codes.classify_reason("", text)[0], codes.classify_reason(text, "")[0]
    return Marked(_first(KIND_WORDS, text), _first(MEMO_WORDS, text), leaf, code_leaf)


def _first(words: tuple[tuple[str, str], ...], text: str) -> str:
    return next((kind for kind, pattern in words if re.search(pattern, text, re.I)), OTHER)


def kind_of(type_: str, code: str = "", reason: str = "") -> str:
    """The kind of posting that words tell: the type's, else those of code and reason as a memo; `other` where none does.

    >>> kind_of("Ins Pmt"), kind_of("", "", "never loaded at payer"), kind_of("", "", "w/o small balance")
    ('payment', 'other', 'write_off')
    """
    told = mark_of(type_)
    kind = told.kind if told else _first(KIND_WORDS, type_)
    if kind != OTHER:
        return kind
    marks = [mark.memo for mark in map(mark_of, (code, reason)) if mark]
    unmarked = " ".join(cell for cell in (code, reason) if MARK not in cell)
    found = {*marks, _first(MEMO_WORDS, unmarked)} - {OTHER}
    return next((name for name, _ in MEMO_WORDS if name in found), OTHER)


def leaf_of(code: str, reason: str) -> str:
    """The write-off leaf that code and reason tell, unclassified where none.

    >>> leaf_of("X7", marked("per", Marked("other", "other", "timely_filing", "")))
    'timely_filing'
    """
    told = mark_of(reason)
    if told and told.leaf != codes.UNCLASSIFIED:
        return told.leaf
    found = codes.classify_reason(plain(code), plain(reason))[0]
    of_code = mark_of(code)
    return of_code.code_leaf if of_code and found == codes.UNCLASSIFIED else found
