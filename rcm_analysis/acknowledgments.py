"""277CA claim acknowledgments: which claims were accepted into adjudication, and which were turned away.

    HL*1**20*1~ NM1*PR*2*PAYER*****PI*11502~           who acknowledges: PR payer, AY clearinghouse
    HL*4*3*PT~  TRN*2*A1~  STC*A7:562:85*20260105*U*250~  REF*1K*X9~    claim A1 was rejected

A claim can be acknowledged several times, by the clearinghouse and by the payer; every status is a row.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis import codes, schema, x12
from rcm_analysis.envelopes import Note, Piece, group_day, labels

KIND = "277CA"
TABLES = ("acknowledgments",)
CLAIM_LEVELS = ["PT", "22", "23"]


def read(piece: Piece, file_ids: list[str], keys: np.ndarray, key: bytes) -> tuple[dict[str, pa.Table], list[Note]]:
    """The claim statuses of every 277CA in the piece, and what was not taken over; parameters as elsewhere."""
    transactions, tx = piece.of_kind(KIND)
    if not transactions:
        return {}, []
    s = piece.segments
    status, trace = _claim_statuses(piece, tx)
    days, _ = s.days(s.span(status, 2))
    group = np.array([group_day(t.group_date) for t in transactions])[tx[status]]
    source = s.last_before(s.where(b"NM1*PR"), status)
    house = s.last_before(s.where(b"NM1*AY"), status)
    by_payer = source > house
    named = np.maximum(source, house)
    amount, bad = s.money(s.span(status, 4))
    category = s.text(s.component(s.span(status, 1), 0))
    columns = {
        "file_id": labels(file_ids, piece.source[status]),
        "known_on": x12.dates(np.where(days != -1, days, group)),
        "segment": pa.array(piece.number[status].astype(np.int32)),
        "claim_number": s.text(s.span(trace, 2)),
        "source": pa.array(np.where(by_payer, "payer", "clearinghouse").astype(object), pa.string()),
        "source_name": pc.utf8_upper(s.text(s.span(named, 3))),
        "source_id": s.text(s.span(named, 9)),
        "category": category,
        "status_code": s.text(s.component(s.span(status, 1), 1)),
        "entity": s.text(s.component(s.span(status, 1), 2)),
        "action": s.text(s.span(status, 3)),
        "rejected": pc.is_in(category, value_set=pa.array(_rejecting())),
        "charge": amount,
        "payer_claim_number": s.text(s.span(_of_trace(s, b"REF*1K", trace, status), 2)),
        "service_date": x12.dates(s.days(s.span(_of_trace(s, b"DTP*472", trace, status), 3))[0]),
    }
    notes = [
        Note(int(piece.source[i]), "value", f"segment {piece.number[i]} (STC)", "STC04 is not an amount",
             "the value was left empty")
        for i in status[bad]
    ]  # fmt: skip
    return {"acknowledgments": schema.conform("acknowledgments", columns)}, notes


def _claim_statuses(piece: Piece, tx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """STC segments at claim level, and the TRN that names the claim of each; service line statuses are left out."""
    s = piece.segments
    levels = s.where(b"HL")
    claim_level = np.asarray(pc.fill_null(pc.is_in(s.text(s.span(levels, 3)), value_set=pa.array(CLAIM_LEVELS)), False))
    status = s.where(b"STC")
    status = status[tx[status] >= 0]
    level = s.last_before(levels, status)
    at_claim = np.isin(level, levels[claim_level])
    trace = s.last_before(s.where(b"TRN*2"), status)
    line = s.last_before(s.where(b"SVC"), status)
    whole = at_claim & (trace > level) & (line < trace)
    return status[whole], trace[whole]


def _of_trace(s: x12.Segments, tag: bytes, trace: np.ndarray, status: np.ndarray) -> np.ndarray:
    """For each status the first such segment after its claim's TRN and before the next claim or level."""
    ends = np.sort(np.concatenate([s.where(b"TRN"), s.where(b"HL"), s.where(b"SE")]))
    stop = np.append(ends, len(s))[np.searchsorted(ends, trace, side="right")]
    found = s.where(tag)
    if not len(found):
        return np.full(len(status), -1)
    place = np.searchsorted(found, trace)
    first = np.append(found, len(s))[place]
    return np.where(first < stop, first, -1)


def _rejecting() -> list[str]:
    table = codes.table("acknowledgment_categories")
    return table.loc[table.rejected.eq("yes"), "category"].tolist()
