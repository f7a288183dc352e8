"""What a file says against itself: envelopes, levels, order, and claims that stand where no reader looks.

The readers take what they need; this module tells what else is wrong, so that a file that a clearinghouse would send
back is named here too, and no claim is lost in silence. A `notice` leaves nothing out; a `claim` or `value` note does.

    HL*2*9*22*0~     segment 13 (HL): names level 9 above it, which is not there
    CLP*A1*..~       segment 40 (CLP): stands outside an 835 transaction and was left out
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from rcm_analysis.edi.envelopes import Piece
from rcm_analysis.store.rows import Note

Contradiction = tuple[int, str, str, str]  # segment, kind of note, what, advice
GROUPS = {"835": "HP", "837": "HC", "277": "HN", "999": "FA", "997": "FA"}
RELEASES = re.compile(r"00[3-8]0\d0X\d{3}(A\d)?(E\d)?")
QUALIFIERS = {"01", "02", "03", "04", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
              "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35", "36", "37", "38",
              "AM", "NR", "SA", "SN", "ZZ"}  # fmt: skip
HEADER_WIDTHS = {1: 2, 2: 10, 3: 2, 4: 10, 5: 2, 6: 15, 7: 2, 8: 15, 9: 6, 10: 4, 11: 1, 12: 5, 13: 9, 14: 1, 15: 1}
SENDER = "tell the sender; compare the claims and the total with the statement"


def check(piece: Piece) -> list[Note]:
    """Everything in the piece that contradicts itself, in the order of the checks."""
    notes: list[Note] = []
    for judge in (_headers, _groups, _control_numbers, _levels, _lost_claims, _lost_lines, _claims, _order):
        notes += [
            Note(int(piece.source[i]), level, f"segment {piece.number[i]} ({piece.segments.tag(i)})", reason, advice)
            for i, level, reason, advice in judge(piece)
        ]
    return notes


def _values(piece: Piece, segments: np.ndarray, element: int) -> list[str]:
    s = piece.segments
    return [value or "" for value in s.text(s.span(segments, element)).to_pylist()]


def _headers(piece: Piece) -> Iterator[Contradiction]:
    """ISA: widths, qualifiers, date and time."""
    s = piece.segments
    found = s.where(b"ISA")
    columns = [_values(piece, found, k) for k in range(1, 16)]
    lengths = np.array([np.diff(s.span(found, k), axis=0)[0] for k in HEADER_WIDTHS]).T
    for i, length, *values in zip(found, lengths, *columns, strict=True):
        wrong = [k for k, given in zip(HEADER_WIDTHS, length, strict=True) if given != HEADER_WIDTHS[k]]
        if wrong:
            yield i, "notice", f"ISA{wrong[0]:02} has not the length that the standard fixes", SENDER
        if s.span(np.array([i]), 16).start[0] < 0:
            yield i, "notice", "ISA16 (the separator of components) is missing; a common one was taken", SENDER
        for k in (5, 7):
            if values[k - 1] not in QUALIFIERS:
                yield i, "notice", f"ISA{k:02} is not a known qualifier", SENDER
        if not _is_day(values[8]) or not _is_time(values[9]):
            yield i, "notice", "ISA09 and ISA10 are not a date and a time", SENDER


def _groups(piece: Piece) -> Iterator[Contradiction]:
    """GS: date and time, release, and whether its kind is that of its transactions."""
    s = piece.segments
    found = s.where(b"GS")
    columns = [_values(piece, found, k) for k in (1, 4, 5, 8)]
    inside: dict[int, str] = {}
    starts = s.where(b"ST")
    for group, code in zip(s.last_before(found, starts), _values(piece, starts, 1), strict=True):
        inside.setdefault(int(group), code)
    for i, kind, day, time, release in zip(found, *columns, strict=True):
        if not _is_day(day) or not _is_time(time):
            yield i, "notice", "GS04 and GS05 are not a date and a time", SENDER
        if not RELEASES.fullmatch(release):
            yield i, "notice", "GS08 is not a release of an implementation guide", SENDER
        if GROUPS.get(inside.get(int(i), ""), kind) != kind:
            yield i, "notice", "GS01 names another kind of transaction than those inside", SENDER


def _is_day(text: str) -> bool:
    text = f"20{text}" if len(text) == 6 else text
    return bool(re.fullmatch(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", text))


def _is_time(text: str) -> bool:
    return bool(re.fullmatch(r"([01]\d|2[0-3])[0-5]\d([0-5]\d\d{0,2})?", text))


def _control_numbers(piece: Piece) -> Iterator[Contradiction]:
    """ISA13 and IEA02, GS06 and GE02, ST02 and SE02 are the same number."""
    s = piece.segments
    for opening, first, closing in ((b"ISA", 13, b"IEA"), (b"GS", 6, b"GE"), (b"ST", 2, b"SE")):
        ends = s.where(closing)
        starts = s.last_before(s.where(opening), ends)
        starts = np.where((starts >= 0) & (piece.source[starts] == piece.source[ends]), starts, -1)
        promised, given = s.text(s.span(starts, first)), s.text(s.span(ends, 2))
        differs = pc.fill_null(pc.not_equal(promised, given), False)
        for i in ends[np.asarray(differs)]:
            name = f"{closing.decode()}02 is not the control number of its {opening.decode()}"
            yield i, "notice", name, "the file may have been cut and joined; ask the sender for it again"


def _levels(piece: Piece) -> Iterator[Contradiction]:
    """HL02 names a level that was opened before in the same transaction."""
    s = piece.segments
    levels = s.where(b"HL")
    if not len(levels):
        return
    own, own_there, _ = s.cents(s.span(levels, 1))
    above, above_there, above_bad = s.cents(s.span(levels, 2))
    transaction = np.searchsorted(s.where(b"ST"), levels).astype(np.int64) << 40
    opened = transaction[own_there] + own[own_there]
    wrong = above_bad | (above_there & ~np.isin(transaction + above, opened))
    for i in levels[wrong]:
        yield i, "notice", "names a level above it (HL02) that is not there", SENDER


def _lost_claims(piece: Piece) -> Iterator[Contradiction]:
    """Claims and claim payments in no transaction of their kind: nobody reads them."""
    for tag, code, kinds in ((b"CLP", "835", ("835",)), (b"CLM", "837", ("837P", "837I", "837D"))):
        found = piece.segments.where(tag)
        if len(found):
            _, inside = piece.of_kind(*kinds)
            for i in found[inside[found] < 0]:
                yield (i, "claim", f"stands outside an {code} transaction (ST) and was left out",
                       "the file may have been cut and joined; ask the sender for it again")  # fmt: skip


def _lost_lines(piece: Piece) -> Iterator[Contradiction]:
    """Service lines and adjustments of an 835 before the first claim payment of their transaction."""
    s = piece.segments
    transactions, inside = piece.of_kind("835")
    if not transactions:
        return
    starts = np.sort(np.concatenate([s.where(b"ST"), s.where(b"CLP")]))
    is_claim = s.flags(b"CLP")
    for tag in (b"SVC", b"CAS", b"RAS"):
        found = s.where(tag)
        found = found[inside[found] >= 0]
        owner = s.last_before(starts, found)
        for i in found[(owner >= 0) & ~is_claim[np.maximum(owner, 0)]]:
            yield i, "value", "stands before the first claim payment (CLP) and was left out", SENDER


def _claims(piece: Piece) -> Iterator[Contradiction]:
    """837: each claim has a billing provider and a subscriber above it, a place in three parts, and lines after LX."""
    s = piece.segments
    _, inside = piece.of_kind("837P", "837I", "837D")
    claims = s.where(b"CLM")
    claims = claims[inside[claims] >= 0]
    if not len(claims):
        return
    starts = s.last_before(s.where(b"ST"), claims)
    level = np.maximum(s.last_before(s.where(b"HL"), claims), starts)
    subscriber = s.last_before(s.where(b"SBR"), claims)
    billing = s.last_before(s.where(b"NM1*85"), claims)
    insured = np.maximum(s.last_before(s.where(b"NM1*IL"), claims), s.last_before(s.where(b"NM1*QC"), claims))
    missing = (
        (billing < starts, "no billing provider (NM1*85) stands above this claim"),
        (insured < np.maximum(np.minimum(level, subscriber), starts), "no subscriber (NM1*IL) stands above this claim"),
    )
    for wrong, reason in missing:
        for i in claims[wrong]:
            yield i, "notice", reason, SENDER
    place = s.span(claims, 5)
    parts = s.component(place, 2)
    for i in claims[(place.start < 0) | (parts.start < 0)]:
        reason = "CLM05 has not its three parts (place, qualifier, frequency); ISA16 may name the wrong separator"
        yield i, "value", reason, "compare the procedures and places of this claim; ask the sender for the file again"
    yield from _line_starts(piece, inside)


def _line_starts(piece: Piece, inside: np.ndarray) -> Iterator[Contradiction]:
    s = piece.segments
    opens = np.sort(np.concatenate([s.where(b"LX"), s.where(b"CLM")]))
    is_line = s.flags(b"LX")
    for tag in (b"SV1", b"SV2", b"SV3"):
        found = s.where(tag)
        found = found[inside[found] >= 0]
        owner = s.last_before(opens, found)
        for i in found[(owner >= 0) & ~is_line[np.maximum(owner, 0)]]:
            yield i, "notice", "the service line has no number (LX) before it", SENDER


def _order(piece: Piece) -> Iterator[Contradiction]:
    """An address stands after a name, its town after the street; entities say what they are."""
    s = piece.segments
    street, town = s.where(b"N3"), s.where(b"N4")
    names = s.flags(b"N1") | s.flags(b"NM1") | s.flags(b"N2")
    streets = s.flags(b"N3")
    _, inside = piece.of_kind("835", "837P", "837I", "837D")
    # until 4010 a provider's taxonomy (PRV) could stand between the name and the street
    for found, before in ((street, names | streets | s.flags(b"PRV")), (town, names | streets)):
        found = found[(found > 0) & (inside[found] >= 0)]
        for i in found[~before[found - 1]]:
            yield i, "notice", "stands out of order: an address follows its name", SENDER
    entities = s.where(b"NM1")
    entities = entities[inside[entities] >= 0]
    for i in entities[s.span(entities, 2).start < 0]:
        yield i, "notice", "NM102 is missing: whether this is a person or an organization", SENDER
