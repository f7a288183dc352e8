"""277CA claim acknowledgments: which claims were accepted into adjudication, and which were turned away.

    HL*1**20*1~ NM1*PR*2*PAYER*****PI*11502~                        who acknowledges: PR payer, AY clearinghouse
    HL*2*1*21*1~ TRN*2*B7~ STC*A1:19:PR*20260105*WQ*500~ QTY*90*2~  the whole file, 837 number B7
    HL*3*2*19*1~ NM1*85*2*CLINIC*****XX*1522003506~ STC*..~         what the file holds of one provider
    HL*4*3*PT~  TRN*2*A1~  STC*A7:562:85*20260105*U*250~ REF*1K*X9~ claim A1 was rejected

A claim can be acknowledged several times, by the clearinghouse and by the payer; every status is a row. A rejection of
the file or of a provider turns away claims that are not named; its row has the number of the 837 they were sent in.
Statuses of service lines (after SVC) explain that of their claim and are passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.edi import names, x12
from rcm_analysis.edi.envelopes import Piece, group_day, labels
from rcm_analysis.reference import codes
from rcm_analysis.store import schema
from rcm_analysis.store.rows import Note

KIND = "277CA"
TABLES = ("acknowledgments", "batch_acknowledgments")
CLAIM_LEVELS, PROVIDER_LEVELS = ["PT", "22", "23"], ["19"]
_FURTHER = (10, 11)  # elements of STC that can hold more statuses


class _Statuses(NamedTuple):
    """STC segments of a level with the HL that opens it and the TRN that names their claim or file (-1 without)."""

    status: np.ndarray
    level: np.ndarray
    trace: np.ndarray

    def only(self, mask: np.ndarray) -> _Statuses:
        return _Statuses(*(column[mask] for column in self))


def read(piece: Piece, file_ids: list[str], keys: np.ndarray, key: bytes) -> tuple[dict[str, pa.Table], list[Note]]:
    """The statuses of every 277CA in the piece, and what was not taken over; parameters as elsewhere."""
    transactions, tx = piece.of_kind(KIND)
    if not transactions:
        return {}, []
    s = piece.segments
    group = np.array([group_day(t.group_date) for t in transactions])
    first = np.array([t.first for t in transactions])
    found, at_claim, at_provider, lost = _statuses(s, tx, first)

    def common(some: _Statuses) -> dict[str, pa.Array]:
        return _common(piece, file_ids, some.status, first[tx[some.status]], group[tx[some.status]])

    tables = {
        "acknowledgments": schema.conform("acknowledgments", _claims(s, found.only(at_claim), common)),
        "batch_acknowledgments": schema.conform(
            "batch_acknowledgments", _batches(s, found.only(~at_claim), at_provider[~at_claim], common)
        ),
    }
    return tables, _notes(piece, found.status, lost)


def _statuses(
    s: x12.Segments, tx: np.ndarray, first: np.ndarray
) -> tuple[_Statuses, np.ndarray, np.ndarray, np.ndarray]:
    """Statuses but those of service lines, masks of claim and provider level, and claim statuses that name no claim."""
    status = s.where(b"STC")
    status = status[tx[status] >= 0]
    begin = first[tx[status]]
    levels = s.where(b"HL")
    level = s.last_before(levels, status)
    level = np.where(level > begin, level, -1)
    levels_named = s.text(s.span(level, 3))
    at_claim, at_provider = (
        np.asarray(pc.is_in(levels_named, value_set=pa.array(those))) for those in (CLAIM_LEVELS, PROVIDER_LEVELS)
    )
    trace = s.last_before(s.where(b"TRN*2"), status)
    line = s.last_before(s.where(b"SVC"), status)
    nameless = at_claim & (trace <= level) & (line < level)
    keep = ~at_claim | ((trace > level) & (line < trace))
    # provider levels have a trace of their own; the number of the 837 stands in the level above
    found = _Statuses(status, level, np.where(trace > begin, trace, -1)).only(keep)
    return found, at_claim[keep], at_provider[keep], status[nameless]


def _common(
    piece: Piece, file_ids: list[str], status: np.ndarray, begin: np.ndarray, group: np.ndarray
) -> dict[str, pa.Array]:
    s = piece.segments
    days, _ = s.days(s.span(status, 2))
    payer, house = s.last_before(s.where(b"NM1*PR"), status), s.last_before(s.where(b"NM1*AY"), status)
    named = np.maximum(payer, house)
    named = np.where(named > begin, named, -1)
    composite = s.span(status, 1)
    category = s.text(s.component(composite, 0))
    return {
        "file_id": labels(file_ids, piece.source[status]),
        "known_on": x12.dates(np.where(days != x12.NO_DAY, days, group)),
        "segment": pa.array(piece.number[status].astype(np.int32)),
        "source": labels(["clearinghouse", "payer"], (payer > house) & (payer > begin)),
        "source_name": names.of_organizations(s, named, 3),
        "source_id": s.text(s.span(named, 9)),
        "category": category,
        "status_code": s.text(s.component(composite, 1)),
        "entity": s.text(s.component(composite, 2)),
        "further_statuses": _further(s, status),
        "action": s.text(s.span(status, 3)),
        "rejected": pc.is_in(category, value_set=pa.array(_rejecting())),
        "charge": s.money(s.span(status, 4))[0],
    }


def _further(s: x12.Segments, status: np.ndarray) -> pa.Array:
    """The statuses of STC10 and STC11, each as category:code:entity, separated by spaces; null where there is none."""
    found = []
    if (s.count[status] < min(_FURTHER)).all():
        return pa.nulls(len(status), pa.string())
    for element in _FURTHER:
        span = s.span(status, element)
        bits = [s.text(s.component(span, k)) for k in range(3)]
        joined = pc.binary_join_element_wise(*bits, ":", null_handling="replace", null_replacement="")
        found.append(pc.utf8_rtrim(joined, ":"))
    both = pc.utf8_trim_whitespace(pc.binary_join_element_wise(*found, " "))
    return pc.if_else(pc.equal(both, ""), pa.scalar(None, pa.string()), both)


def _claims(s: x12.Segments, found: _Statuses, common: Callable[[_Statuses], dict]) -> dict[str, pa.Array]:
    def after_trace(tag: bytes) -> np.ndarray:
        return _first_after(s, tag, found.trace, (b"TRN", b"HL", b"SE"))

    return {
        **common(found),
        "claim_number": s.text(s.span(found.trace, 2)),
        "payer_claim_number": s.text(s.span(after_trace(b"REF*1K"), 2)),
        "service_date": x12.dates(s.days(s.span(after_trace(b"DTP*472"), 3))[0]),
    }


def _batches(
    s: x12.Segments, found: _Statuses, at_provider: np.ndarray, common: Callable[[_Statuses], dict]
) -> dict[str, pa.Array]:
    """Statuses of files and providers, with the counts and sums that stand in the same level (QTY, AMT)."""

    def in_level(*tags: bytes) -> np.ndarray:
        places = [_first_after(s, tag, found.level, (b"HL", b"SE")) for tag in tags]
        return np.maximum.reduce(places)

    provider = np.where(at_provider, in_level(b"NM1*85"), -1)
    return {
        **common(found),
        "level": labels(["file", "provider"], at_provider),
        "batch_number": s.text(s.span(_file_trace(s, found), 2)),
        "provider_npi": s.text(s.span(provider, 9)),
        "accepted_claims": _counts(s, in_level(b"QTY*90", b"QTY*QA")),
        "rejected_claims": _counts(s, in_level(b"QTY*AA", b"QTY*QC")),
        "accepted_amount": s.money(s.span(in_level(b"AMT*YU"), 2))[0],
        "rejected_amount": s.money(s.span(in_level(b"AMT*YY"), 2))[0],
    }


def _file_trace(s: x12.Segments, found: _Statuses) -> np.ndarray:
    """The TRN of the level of the whole file (HL 21, or 20), which repeats the number (BHT03) of the 837."""
    whole = s.where(b"HL")
    whole = whole[np.asarray(pc.fill_null(pc.is_in(s.text(s.span(whole, 3)), value_set=pa.array(["20", "21"])), False))]
    traces = s.where(b"TRN*2")
    own = traces[np.isin(s.last_before(s.where(b"HL"), traces), whole)]
    trace = s.last_before(own, found.status)
    opened = s.last_before(whole, found.status)
    return np.where(trace > opened, trace, -1)


def _counts(s: x12.Segments, segments: np.ndarray) -> pa.Array:
    return pc.cast(s.quantity(s.span(segments, 2)), pa.int32(), safe=False)


def _first_after(s: x12.Segments, tag: bytes, begin: np.ndarray, ends: tuple[bytes, ...]) -> np.ndarray:
    """For each of the segments `begin` the first `tag` after it and before the next of `ends`; -1 without."""
    found = s.where(tag)
    if not len(found):
        return np.full(len(begin), -1)
    end = np.sort(np.concatenate([s.where(e) for e in ends]))
    stop = np.append(end, len(s))[np.searchsorted(end, begin, side="right")]
    first = np.append(found, len(s))[np.searchsorted(found, begin)]
    return np.where((begin >= 0) & (first < stop), first, -1)


def _notes(piece: Piece, status: np.ndarray, lost: np.ndarray) -> list[Note]:
    s = piece.segments
    _, bad = s.money(s.span(status, 4))
    return [
        Note(int(piece.source[i]), "value", f"segment {piece.number[i]} (STC)", "STC04 is not an amount",
             "the value was left empty")
        for i in status[bad]
    ] + [
        Note(int(piece.source[i]), "claim", f"segment {piece.number[i]} (STC)",
             "the status names no claim (TRN 2); it was left out", "look the claim up in the sender's portal")
        for i in lost
    ]  # fmt: skip


@cache
def _rejecting() -> list[str]:
    table = codes.table("acknowledgment_categories")
    return table.loc[table.rejected.eq("yes"), "category"].tolist()
