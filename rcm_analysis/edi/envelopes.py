"""Pieces of several files read side by side, their transactions, and what the envelopes promise.

A `Part` is a stretch of one file, normalized; a `Piece` is some parts joined, with every segment traced back to its
file and its number there, so that a thousand small remittances cost what one large one does.

    reading 2 files:  [ISA GS ST..SE GE IEA][ISA GS ST..SE GE IEA]
    source            0 0 0 ...             1 1 1 ...
    number            1 2 3 ...             1 2 3 ...
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from rcm_analysis.edi import x12
from rcm_analysis.store.rows import Note

KINDS_837 = {"X222": "837P", "X098": "837P", "X223": "837I", "X096": "837I", "X224": "837D", "X097": "837D"}
KINDS_277 = {
    "X214": "277CA",
    "X167": "277CA",
    "X212": "277",
    "X093": "277",
    "X213": "277",
    "X070": "277",
    "X228": "277",
}
NAMES = {
    "997": "functional acknowledgment (997)",
    "999": "implementation acknowledgment (999)",
    "TA1": "interchange acknowledgment (TA1)",
    "270": "eligibility inquiry (270)",
    "271": "eligibility answer (271)",
    "276": "claim status inquiry (276)",
    "277": "claim status answer (277)",
    "275": "attachment (275)",
    "278": "authorization request or answer (278)",
    "820": "premium payment (820)",
    "824": "application advice (824)",
    "834": "enrollment (834)",
}


class Group(NamedTuple):
    """What an envelope says of the transactions in it: release, date, and control numbers of group and interchange."""

    release: str = ""
    date: str = ""
    control: str = ""
    interchange: str = ""


class Part(NamedTuple):
    """A stretch of one file: which file, its normalized text, segments before it, and the group it begins in."""

    source: int
    text: bytes
    before: int
    group: Group


Control = tuple[
    int, int, str, str | None, int
]  # source, number, tag, value, place among the segments that are not blank


class Transaction(NamedTuple):
    """A transaction set: its kind, its first and last segment in the piece, and whether its end (SE) is there."""

    source: int
    kind: str
    version: str
    group_date: str
    first: int
    last: int
    closed: bool
    control: str = ""  # ST02
    group_control: str = ""  # GS06
    interchange_control: str = ""  # ISA13


def parts(source: int, data: bytes, found: list[x12.Interchange]) -> Iterator[Part]:
    """The parts of one file, in order."""
    before, group = 0, Group()
    for interchange in found:
        for text in x12.pieces(data, interchange):
            yield Part(source, text, before, group)
            before += text.count(x12.SEGMENT)
            group = _last_group(text, group)


def _last_group(text: bytes, before: Group) -> Group:
    interchange, group = _last_fields(text, b"ISA"), _last_fields(text, b"GS")
    control = interchange[13] if interchange else before.interchange
    if group:
        return Group(group[8], group[4], group[6], control)
    return before._replace(interchange=control)


def _last_fields(text: bytes, tag: bytes) -> list[str] | None:
    """The elements of the last such segment of the text; the first segment of a file has none before it."""
    mark = x12.SEGMENT + tag + x12.ELEMENT
    at = text.rfind(mark) + 1
    if not at and not text.startswith(mark[1:]):
        return None
    fields = text[at : text.find(x12.SEGMENT, at)].split(x12.ELEMENT)
    return [field.decode("ascii", "replace").strip() for field in fields] + [""] * 14


def gather(stream: Iterable[Part], *, piece_bytes: int = x12.PIECE_BYTES) -> Iterator[list[Part]]:
    """Parts joined until they are worth a pass over the columns."""
    held: list[Part] = []
    size = 0
    for part in stream:
        held.append(part)
        size += len(part.text)
        if size >= piece_bytes // 2:
            yield held
            held, size = [], 0
    if held:
        yield held


class Piece:
    """Parts as one `Segments`, each segment with its file (`source`) and its number in that file (`number`)."""

    def __init__(self, held: list[Part]):
        texts = [part.text if part.text.endswith(x12.SEGMENT) else part.text + x12.SEGMENT for part in held]
        self.segments = x12.Segments(b"".join(texts))
        starts = np.cumsum([0] + [len(text) for text in texts[:-1]]) + 8
        part_of = np.searchsorted(starts, self.segments.start, side="right") - 1
        earlier = np.cumsum([0] + [text.count(x12.SEGMENT) for text in texts[:-1]])
        shift = np.array([part.before for part in held]) - earlier
        self.parts = held
        self.part_of = part_of
        self.source = np.array([part.source for part in held])[part_of]
        self.number = self.segments.number + shift[part_of]
        self.transactions = list(self._transactions())

    def _transactions(self) -> Iterator[Transaction]:
        s = self.segments
        starts, ends = s.where(b"ST"), s.where(b"SE")
        if not len(starts):
            return
        groups = s.where(b"GS")
        breaks = np.sort(np.concatenate([starts, groups, s.where(b"ISA"), s.where(b"GE"), s.where(b"IEA")]))
        following = np.append(breaks, len(s))[np.searchsorted(breaks, starts, side="right")]
        place = np.searchsorted(ends, starts)
        end = np.append(ends, len(s))[place]
        closed = end < following
        last = np.where(closed, end, following - 1)
        group, interchange = (self._in_part(s.last_before(s.where(tag), starts), starts) for tag in (b"GS", b"ISA"))
        code, control, version = (self._strings(starts, k) for k in (1, 2, 3))
        told = [self._strings(group, k) for k in (8, 4, 6)] + [self._strings(interchange, 13)]
        bodies = {tag: s.where(tag) for tag in (b"SV1", b"SV2", b"SV3", b"BHT*0085")}
        for i, first in enumerate(starts):
            part = self.parts[self.part_of[first]]
            around = Group(*((told[k][i] if where[i] >= 0 else part.group[k]) or ""
                             for k, where in enumerate((group, group, group, interchange))))  # fmt: skip
            release = version[i] or around.release
            kind = _kind(code[i] or "", release, bodies, first, last[i])
            yield Transaction(part.source, kind, release, around.date, int(first), int(last[i]), bool(closed[i]),
                              control[i] or "", around.control, around.interchange)  # fmt: skip

    def _in_part(self, found: np.ndarray, segments: np.ndarray) -> np.ndarray:
        """Those found in the same part as the segments they belong to; -1 for the others."""
        return np.where((found >= 0) & (self.part_of[np.maximum(found, 0)] == self.part_of[segments]), found, -1)

    def _strings(self, segments: np.ndarray, element: int) -> list[str | None]:
        return self.segments.text(self.segments.span(segments, element)).to_pylist()

    def of_kind(self, *kinds: str, without: frozenset[int] = frozenset()) -> tuple[list[Transaction], np.ndarray]:
        """The transactions of these kinds, and for every segment the index of its transaction among them, else -1.

        `without` are first segments of transactions to pass over.
        """
        chosen = [t for t in self.transactions if t.kind in kinds and t.first not in without]
        index = np.full(len(self.segments), -1, np.int32)
        for i, t in enumerate(chosen):
            index[t.first : t.last + 1] = i
        return chosen, index

    def cut_off(self, transaction: Transaction) -> bool:
        """Whether the file ends inside the transaction, so that its last claim may be half."""
        after = transaction.last + 1
        ends = after >= len(self.segments) or self.source[after] != transaction.source
        return ends and not transaction.closed

    def control(self) -> list[Control]:
        """Envelope segments in order: source, number, tag, count or kind they carry, place."""
        s = self.segments
        rows: list[tuple[Any, Any, str, str | None, Any]] = []
        for tag, element in ((b"ISA", 13), (b"GS", 1), (b"ST", 1), (b"SE", 1), (b"GE", 1), (b"IEA", 1)):
            found = s.where(tag)
            values = self._strings(found, element)
            tags = [tag.decode()] * len(found)
            rows += zip(self.source[found], self.number[found], tags, values, found, strict=True)
        return sorted((int(source), int(number), tag, value, int(place)) for source, number, tag, value, place in rows)


def _kind(code: str, version: str, bodies: dict[bytes, np.ndarray], first: int, last: int) -> str:
    release = version[6:10]
    if code == "277":  # 0085 is the hierarchy of acknowledgments; answers to status questions have another
        return KINDS_277.get(release, "277CA" if _inside(bodies[b"BHT*0085"], first, last) else "277")
    if code != "837":
        return code or "unknown"
    if release in KINDS_837:
        return KINDS_837[release]
    for tag, kind in ((b"SV2", "837I"), (b"SV3", "837D"), (b"SV1", "837P")):
        if _inside(bodies[tag], first, last):
            return kind
    return "837P"


def _inside(segments: np.ndarray, first: int, last: int) -> bool:
    return bool(((segments >= first) & (segments <= last)).any())


def check(control: list[Control]) -> list[Note]:
    """What the envelopes of one file promise and do not keep: SE01, GE01 and IEA01 counts, missing ends and starts."""
    notes: list[Note] = []
    depth: dict[str, tuple[int, int, int]] = {}  # opening tag -> (its number, things counted inside, its place)
    closes = {"SE": "ST", "GE": "GS", "IEA": "ISA"}
    words = {"ISA": "interchange", "GS": "functional group", "ST": "transaction"}
    for source, number, tag, value, place in control:
        if tag in words:
            outer = {"GS": "ISA", "ST": "GS"}.get(tag)
            if tag in depth:
                notes.append(_unclosed(source, tag, depth, words))
            if outer in depth:
                depth[outer] = (depth[outer][0], depth[outer][1] + 1, depth[outer][2])
            depth[tag] = (number, 0, place)
            continue
        opening = depth.pop(closes[tag], None)
        if opening is None:
            notes.append(_stray(source, number, tag, words[closes[tag]]))
            continue
        # a transaction stands in one piece; some senders count the blank segments of doubled terminators, most do not
        counted = place - opening[2] + 1 if tag == "SE" else opening[1]
        if tag == "SE" and value == str(number - opening[0] + 1):
            continue
        if not re.fullmatch(r" *[0-9]{1,9} *", value or "") or int(value or 0) != counted:
            notes.append(_miscounted(source, number, tag, words[closes[tag]], counted))
    for tag in ("ST", "GS", "ISA"):
        if tag in depth and control:
            notes.append(_unclosed(control[-1][0], tag, depth, words))
    return notes


def _unclosed(source: int, tag: str, depth: dict, words: dict) -> Note:
    end = {"ST": "SE", "GS": "GE", "ISA": "IEA"}[tag]
    return Note(source, "notice", f"segment {depth[tag][0]} ({tag})", f"the {words[tag]} has no end ({end})",
                "the file may be cut off; ask the sender for it again")  # fmt: skip


def _stray(source: int, number: int, tag: str, word: str) -> Note:
    return Note(source, "notice", f"segment {number} ({tag})", f"end of a {word} that was not opened",
                "the file may have been cut and joined; ask the sender for it again")  # fmt: skip


def _miscounted(source: int, number: int, tag: str, word: str, counted: int) -> Note:
    return Note(source, "notice", f"segment {number} ({tag})",
                f"the {word} holds {counted}, which is not the count that {tag}01 promises",
                "compare the claims and the total with the sender's statement; segments may be missing")  # fmt: skip


def group_day(text: str) -> int:
    """Date of a functional group (GS04), with or without the century, as days since 1970; 0 if it is none."""
    text = f"20{text}" if len(text) == 6 else text
    try:
        return int(np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:8]}", "D").astype(int))
    except ValueError:
        return 0


def labels(values: list[str], index: np.ndarray) -> pa.Array:
    """A few distinct texts by index, as an Arrow dictionary array."""
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(values, pa.string()))
