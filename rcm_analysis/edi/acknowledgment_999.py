"""999, 997 and TA1: whole transactions, groups and interchanges that whoever received them refused.

    AK1*HC*12*005010X222A1~  AK2*837*0001~  IK3*CLM*18*2300*8~  IK5*R*5~    transaction 0001 of group 12 was refused
    AK1*HC*12~  AK9*R*1*1*0~                                              all of group 12
    TA1*000000012*260203*0930*R*022~                                      interchange 000000012

What is refused never reached the payer, so that every claim in it stands as rejected. Acceptances say that a file can
be read and nothing of its claims; they are no rows.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.edi import x12
from rcm_analysis.edi.envelopes import Piece, group_day, labels
from rcm_analysis.store import schema
from rcm_analysis.store.rows import Note

KINDS = ("999", "997")
TABLES = ("batch_acknowledgments",)
CLAIMS = "HC"  # functional group of the 837
REFUSED = ("R", "M", "W", "X")  # rejected, and what could not be decrypted or authenticated
ADVICE = "nothing of it reached the payer: correct what the answer names and send it again"


class _Refusal(NamedTuple):
    segment: int  # that refuses
    level: str
    category: str
    kind: str  # of the functional group
    interchange: str | None
    group: str | None
    transaction: str | None


def read(piece: Piece, file_ids: list[str], keys: np.ndarray, key: bytes) -> tuple[dict[str, pa.Table], list[Note]]:
    """The refusals of every 999, 997 and TA1 in the piece; parameters as elsewhere."""
    refusals = _of_transactions(piece) + _of_interchanges(piece)
    notes = [_note(piece, refusal) for refusal in refusals]
    of_claims = [refusal for refusal in refusals if refusal.kind == CLAIMS]
    return {"batch_acknowledgments": _rows(piece, of_claims, file_ids)} if of_claims else {}, notes


def _of_transactions(piece: Piece) -> list[_Refusal]:
    """Refused groups, and refused transactions of the others."""
    transactions, tx = piece.of_kind(*KINDS)
    if not transactions:
        return []
    s, found = piece.segments, []
    groups = s.where(b"AK1")
    groups = groups[tx[groups] >= 0]
    answered: dict[int, int] = {}  # group segment -> its AK9
    for end in s.where(b"AK9"):
        answered.setdefault(int(s.last_before(groups, np.array([end]))[0]), int(end))
    kinds, controls = (dict(zip(groups.tolist(), _texts(s, groups, k), strict=True)) for k in (1, 2))
    whole = {group for group, end in answered.items() if group >= 0 and _texts(s, np.array([end]), 1)[0] in REFUSED}
    inner = np.sort(np.concatenate([s.where(tag) for tag in (b"IK5", b"AK5")]))
    inner = inner[tx[inner] >= 0]
    opened, group_of = s.last_before(s.where(b"AK2"), inner), s.last_before(groups, inner)
    named: Counter[int] = Counter()
    for end, verdict, control, group in zip(
        inner, _texts(s, inner, 1), _texts(s, opened, 2), group_of.tolist(), strict=True
    ):
        if group >= 0 and verdict in REFUSED:
            named[group] += 1
            found.append(_Refusal(int(end), "transaction", verdict, kinds[group], None, controls[group], control))
    # a group that is refused while some of its transactions are named refuses the others as well
    found += [_Refusal(answered[group], "group", _texts(s, np.array([answered[group]]), 1)[0], kinds[group], None, controls[group], None)
              for group in sorted(whole) if _some_left(s, answered[group], named[group])]  # fmt: skip
    return sorted(found)


def _some_left(s: x12.Segments, end: int, named: int) -> bool:
    """Whether a refused group held more transactions (AK902) than it accepted (AK904) and named as refused."""
    held, accepted = (_texts(s, np.array([end]), k)[0] for k in (2, 4))
    if named and not (held.isdigit() and accepted.isdigit()):
        return False
    return not named or int(held) - int(accepted) > named


def _of_interchanges(piece: Piece) -> list[_Refusal]:
    s = piece.segments
    found = s.where(b"TA1")
    return [_Refusal(int(i), "interchange", verdict, CLAIMS, control, None, None)
            for i, verdict, control in zip(found, _texts(s, found, 4), _texts(s, found, 1), strict=True) if verdict == "R"]  # fmt: skip


def _texts(s: x12.Segments, segments: np.ndarray, element: int) -> list[str]:
    return [value or "" for value in s.text(s.span(segments, element)).to_pylist()]


def _note(piece: Piece, refusal: _Refusal) -> Note:
    s, at = piece.segments, refusal.segment
    what = {"transaction": f"transaction {refusal.transaction} of functional group {refusal.group}",
            "group": f"functional group {refusal.group}", "interchange": f"interchange {refusal.interchange}"}  # fmt: skip
    fault = ""
    if refusal.level == "transaction":
        errors = np.sort(np.concatenate([s.where(b"IK3"), s.where(b"AK3")]))
        first = errors[np.searchsorted(errors, int(s.last_before(s.where(b"AK2"), np.array([at]))[0])) :][:1]
        if len(first) and first[0] < at:
            fault = f"; it names segment {_texts(s, first, 2)[0]} ({_texts(s, first, 1)[0]}) first"
    elif refusal.level == "interchange" and (code := _texts(s, np.array([at]), 5)[0]):
        fault = f" with note {code}"
    return Note(int(piece.source[at]), "warning", f"segment {piece.number[at]} ({s.tag(at)})",
                f"refused your {what[refusal.level]}{fault}", ADVICE)  # fmt: skip


def _rows(piece: Piece, refusals: list[_Refusal], file_ids: list[str]) -> pa.Table:
    s = piece.segments
    at = np.array([refusal.segment for refusal in refusals])
    group, isa = s.last_before(s.where(b"GS"), at), s.last_before(s.where(b"ISA"), at)
    group = np.where(group > isa, group, -1)
    days = [group_day(gs or header) for gs, header in zip(_texts(s, group, 4), _texts(s, isa, 9), strict=True)]
    levels = ["transaction", "group", "interchange"]
    columns = {
        "file_id": labels(file_ids, piece.source[at]),
        "known_on": x12.dates(np.array(days)),
        "segment": pa.array(piece.number[at].astype(np.int32)),
        "level": labels(levels, np.array([levels.index(refusal.level) for refusal in refusals])),
        "interchange_control": pa.array([refusal.interchange for refusal in refusals], pa.string()),
        "group_control": pa.array([refusal.group for refusal in refusals], pa.string()),
        "transaction_control": pa.array([refusal.transaction for refusal in refusals], pa.string()),
        "source": pa.array(["receiver"] * len(refusals)),
        "source_name": pc.utf8_upper(pc.coalesce(s.text(s.span(group, 2)), s.text(s.span(isa, 6)))),
        "category": pa.array([refusal.category for refusal in refusals]),
        "rejected": pa.array([True] * len(refusals)),
    }
    return schema.conform("batch_acknowledgments", columns)
