"""X12 text as columns: envelopes, delimiters, segments and elements, without an object per segment.

A file is cut at its ISA headers (each names its own delimiters), then at transaction boundaries into pieces of a few
megabytes. In each piece the delimiters are replaced by four control characters, so that files of different payers
can be read side by side, and `Segments` finds every delimiter in one pass. A column is then an index into the buffer:
which segments, which element, and an Arrow or NumPy array comes back.

    ISA*00*...*:~ST*835*0001~CLP*A1*1*250*200~SE*3*0001~

    >>> s = Segments(normalize(b"CLP*A1*1*250.5*200~", Delimiters(b"*", b":", b"^", b"~")))
    >>> s.text(s.span(s.where(b"CLP"), 1)).to_pylist(), s.cents(s.span(s.where(b"CLP"), 3))[0].tolist()
    (['A1'], [25050])
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.store.rows import decimals

# Control characters that stand for the delimiters after `normalize`. Element and segment differ in one bit only, so
# one comparison finds both.
COMPONENT, REPEAT, ELEMENT, SEGMENT = b"\x1c", b"\x1d", b"\x1e", b"\x1f"
_PAD = SEGMENT * 8  # a word of eight bytes can be read before the first and after the last token

PIECE_BYTES = 2_000_000  # 0.5 MB and 8 MB pieces were slower

# a byte of a letter beyond ASCII is no delimiter: what was around it would be no text any more
_HEADER = re.compile(rb"ISA([^A-Za-z0-9\s\x80-\xff])(?:(?:(?!\1)[\s\S]){0,60}\1){15}")
_NO_SIXTEENTH = re.compile(rb"[A-Z0-9]? *([^A-Za-z0-9 \x80-\xff]\s*)(?:GS|TA1)")
_TRANSACTION = re.compile(rb"ST[^A-Za-z0-9\s\x80-\xff]\d{3}")  # begins with letters, which is found in no time
_NO_ENVELOPE = re.compile(
    rb"(?:^|[\s~'|])ST([^A-Za-z0-9\s\x80-\xff])(\d{3})\1[^\r\n]{1,60}?(\s*[^A-Za-z0-9\s\x80-\xff]|[\r\n]+)\s*(?:BPR|BHT|BGN|AK1)\1"
)

# The composites that tell the separator of components: the place of a claim (CLM05), the procedure of a line (SVC01,
# SV101, SV202, SV301).
_COMPOSITES = rb"""[%(s)s\r\n]\s*(?:SV[C13]%(e)s|SV2%(e)s[^%(e)s%(s)s]*%(e)s|CLM%(e)s(?:[^%(e)s%(s)s]*%(e)s){4})
    ([^%(e)s%(s)s\r\n]{3,})"""
_SAMPLE_BYTES = 100_000

_ZEROS, _SIXES, _HIGH = 0x3030303030303030, 0x7676767676767676, 0x8080808080808080
NO_DAY = -1_000_000  # days since 1970 where there is no date; no day of a file lies so far back


class Delimiters(NamedTuple):
    """The four delimiters of an interchange, one byte each."""

    element: bytes
    component: bytes
    repeat: bytes
    segment: bytes


class Interchange(NamedTuple):
    """Where an interchange stands in its file and how it is delimited.

    `headed` is false where the ISA is missing; `mended` is true where its ISA16 was not believed.
    """

    start: int
    stop: int
    delimiters: Delimiters
    headed: bool
    mended: bool = False


class Span(NamedTuple):
    """Start and end offsets of values in a buffer; -1 where there is no such value."""

    start: np.ndarray
    stop: np.ndarray


def interchanges(data: bytes) -> list[Interchange]:
    """Every interchange of a file, delimiters read from each ISA by counting its sixteen separators.

    A fixed width is not trusted: some senders pad the ISA otherwise. Nor is ISA16, where the claims use another
    separator. A name such as NARCISA starts nothing. A file without an ISA whose first transaction can still be told
    is one interchange with `headed` false.
    """
    found = []
    at = data.find(b"ISA")
    while at >= 0:
        head = _HEADER.match(data, at)
        if head and not data[max(at - 1, 0) : at].isalnum():
            found.append((at, _delimiters(head, data)))
        at = data.find(b"ISA", at + 3)
    if not found:
        return _without_header(data)
    stops = [start for start, _ in found[1:]] + [len(data)]
    return [_mended(data, start, stop, marks) for (start, marks), stop in zip(found, stops, strict=True)]


def _mended(data: bytes, start: int, stop: int, marks: Delimiters) -> Interchange:
    component = _component(data[start : min(stop, start + _SAMPLE_BYTES)], marks)
    return Interchange(start, stop, marks._replace(component=component), True, component != marks.component)


def _component(sample: bytes, marks: Delimiters) -> bytes:
    """ISA16, unless it can be none (a letter, a digit, the element separator) or all composites use another mark."""
    named = marks.component
    possible = len(named) == 1 and not named.isalnum() and named not in (b" ", marks.element)
    if possible and b"HC" + named in sample:
        return named
    pattern = _COMPOSITES % {b"e": re.escape(marks.element), b"s": re.escape(marks.segment)}
    composites = re.findall(pattern, sample, re.VERBOSE)
    if not possible or not any(named in composite for composite in composites):
        used = re.search(rb"[^A-Za-z0-9 .\x80-\xff-]", composites[0]) if composites else None
        if used and used[0] != marks.repeat and all(used[0] in composite for composite in composites):
            return used[0]
    return named if possible else b":"


def _delimiters(head: re.Match, data: bytes) -> Delimiters:
    element, fields = head[1], head[0].split(head[1])
    cut = _NO_SIXTEENTH.fullmatch(fields[15])
    if cut:  # ISA16 left out with the mark before it: the next segment was taken for ISA15
        return Delimiters(element, b":", _repeat(fields[11], element, b":"), cut[1].strip()[:1] or b"\n")
    rest = data[head.end() : head.end() + 8].decode("utf-8", "replace")
    component, after = rest[:1], rest[1:].lstrip(" ")[:2]
    if component in ("\r", "\n", ""):  # ISA16 left out, and the line end closes the segment
        component, after = ":", rest
    elif re.match(r"[A-Za-z0-9]", after):  # ISA16 left out: what follows the separator closes the segment
        component, after = ":", component
    segment = "\n" if after[:2] == "\r\n" else after[:1]
    end = segment.encode() if segment and segment.isascii() else b"~"
    repeat = _repeat(fields[11], element, component.encode(), end)
    return Delimiters(element, component.encode(), repeat, end)


def _repeat(named: bytes, *taken: bytes) -> bytes:
    """The repetition separator; until 4010 the eleventh element named the standard ("U") instead."""
    repeat = named if re.fullmatch(rb"[^A-Za-z0-9 \x80-\xff]", named) else b"^"
    return REPEAT if repeat in taken else repeat


def _without_header(data: bytes) -> list[Interchange]:
    begun = (_NO_ENVELOPE.match(data, max(found.start() - 1, 0)) for found in _TRANSACTION.finditer(data))
    head = next(filter(None, begun), None)
    if not head:
        return []
    segment = head[3].strip() or b"\n"
    sample = data[:1_000_000]  # a memory map has no count
    component = b">" if sample.count(b"HC>") > sample.count(b"HC:") else b":"
    start = data.rfind(segment, 0, head.start() + 1) + 1
    group = data.rfind(b"GS" + head[1], 0, head.start() + 2)
    marks = Delimiters(head[1], component, b"^", segment[:1])
    return [Interchange(group if group >= 0 else start, len(data), marks, False)]


def normalize(data: bytes, marks: Delimiters) -> bytes:
    """The text with its delimiters replaced by the four control characters and its line breaks taken out.

    Line breaks carry nothing in X12 but where they end segments; files wrapped at 80 columns become whole again.
    """
    table = bytearray(bytes.maketrans(bytes(range(32)), b" " * 32))
    # where two are the same byte, the later one counts: elements and segments hold the text together
    stand_ins = (
        (marks.component, COMPONENT),
        (marks.repeat, REPEAT),
        (marks.element, ELEMENT),
        (marks.segment, SEGMENT),
    )
    for mark, stand_in in stand_ins:
        table[mark[0]] = stand_in[0]
    drop = bytes(b for b in b"\r\n" if b not in b"".join(marks))
    return data.translate(bytes(table), drop)


def pieces(data: bytes, part: Interchange, *, piece_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
    """The interchange, normalized, in pieces that end where a transaction ends."""
    at, marks = part.start, part.delimiters
    while at < part.stop:
        stop = _next_transaction(data, at + piece_bytes, part.stop, marks)
        yield normalize(data[at:stop], marks)
        at = stop


def _next_transaction(data: bytes, at: int, stop: int, marks: Delimiters) -> int:
    pattern = re.compile(re.escape(marks.segment) + rb"\s*ST" + re.escape(marks.element))
    found = pattern.search(data, at, stop) if at < stop else None
    return found.start() + 1 if found else stop


class Segments:
    """The segments of one normalized text, as arrays.

    `count[i]` is the number of elements of segment i (the tag not counted), `number[i]` its place in the text from 1.
    Blank segments, which stray terminators leave behind, have a number but are not listed.
    """

    def __init__(self, text: bytes):
        if not text.endswith(SEGMENT):
            text += SEGMENT
        self.text_bytes = _PAD + text + _PAD
        self.buffer = np.frombuffer(self.text_bytes, np.uint8)
        self.marks = np.flatnonzero((self.buffer | 1) == 0x1F).astype(np.int32)
        ends = np.flatnonzero(self.buffer.take(self.marks) == 0x1F)
        # the pads give blank segments at both ends; a segment runs from after one segment mark to the next
        self.first = ends[:-1] + 1  # index of the mark that ends the tag
        self.last = ends[1:]  # index of the mark that ends the segment
        start = self.marks[ends[:-1]] + 1
        start = self._after_blanks(start, self.marks[self.first])
        filled = start < self.marks[self.first]
        self.number = np.flatnonzero(filled) - (len(_PAD) - 2)
        self.first, self.last, self.start = self.first[filled], self.last[filled], start[filled]
        self.count = self.last - self.first
        self.words = np.ndarray(len(self.text_bytes) - 7, "<u8", self.text_bytes, strides=(1,))
        self.head = self.words.take(self.start)
        self._tags = self.head.astype(np.uint32)
        self._found: dict[bytes, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.start)

    def _after_blanks(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        for _ in range(80):
            blank = (self.buffer[start] == 0x20) & (start < stop)
            if not blank.any():
                break
            start = start + blank
        return start

    def where(self, tag: bytes) -> np.ndarray:
        """Indices of the segments with this beginning: `b"CLP"`, or with a qualifier `b"NM1*QC"` (up to 7 bytes)."""
        if tag not in self._found:
            name, _, qualifier = tag.partition(b"*")
            if qualifier:
                among = self.where(name)
                found = among[_begins(self.head.take(among), name + ELEMENT + qualifier)]
            else:
                found = np.flatnonzero(_begins(self._tags, name + ELEMENT))
            found.flags.writeable = False
            self._found[tag] = found
        return self._found[tag]

    def flags(self, tag: bytes) -> np.ndarray:
        """A mask over all segments, true for those with this tag."""
        mask = np.zeros(len(self), bool)
        mask[self.where(tag)] = True
        return mask

    def tag(self, segment: int) -> str:
        """The tag of one segment, for messages; never its content."""
        end = min(int(self.marks[self.first[segment]]), int(self.start[segment]) + 3)
        return self.text_bytes[int(self.start[segment]) : end].decode("ascii", "replace")

    def span(self, segments: np.ndarray, element: int) -> Span:
        """Offsets of the given element of the given segments; a segment of -1 or a missing element gives -1."""
        if not len(self) or not len(segments) or segments.max() < 0:  # many optional segments never occur
            nothing = np.full(len(segments), -1, np.int32)
            return Span(nothing, nothing)
        return self._between(segments, element, segments >= 0)

    def each(self, segments: np.ndarray, elements: np.ndarray) -> Span:
        """Like `span`, with an element of its own for each segment."""
        if not len(segments):
            return Span(segments, segments)
        return self._between(segments, elements, True)

    def filled_after(self, segments: np.ndarray, element: int) -> np.ndarray:
        """Which of the segments hold something after the element; separators alone, as padding, are nothing."""
        longer = self.count[segments] > element
        first, last = self.first[segments] + element, self.last[segments]
        return longer & (self.marks[last] - self.marks.take(first, mode="clip") > last - first)

    def _between(self, segments: np.ndarray, elements: np.ndarray | int, known: np.ndarray | bool) -> Span:
        there = known & (self.count.take(segments, mode="wrap") >= elements)
        mark = self.first.take(segments, mode="wrap") + elements
        start = self.marks.take(mark - 1, mode="clip") + np.int32(1)
        stop = self.marks.take(mark, mode="clip")
        there &= stop > start
        if there.all():
            return Span(start, stop)
        return Span(np.where(there, start, np.int32(-1)), np.where(there, stop, np.int32(-1)))

    def component(self, span: Span, position: int) -> Span:
        """The given component (from 0) of composite elements."""
        return self.components(span, position, position + 1)[0]

    def components(self, span: Span, first: int, after: int) -> list[Span]:
        """The components from `first` (from 0) to before `after` of composite elements."""
        cuts = self._cuts
        if len(cuts) == 1:
            nothing = np.full_like(span.start, -1)
            return [span if k == 0 else Span(nothing, nothing) for k in range(first, after)]
        low, high = np.searchsorted(cuts, span.start), np.searchsorted(cuts, span.stop)
        found = []
        for k in range(first, after):
            start = span.start if k == 0 else cuts.take(low + (k - 1), mode="clip") + np.int32(1)
            stop = np.where(low + k < high, cuts.take(low + k, mode="clip"), span.stop)
            there = (span.start >= 0) & (low + k <= high) & (stop > start)
            found.append(Span(np.where(there, start, np.int32(-1)), np.where(there, stop, np.int32(-1))))
        return found

    @cached_property
    def _cuts(self) -> np.ndarray:
        """Positions of the marks between components, and the end of the text."""
        inside = np.flatnonzero(self.buffer == COMPONENT[0])
        return np.append(inside, len(self.buffer)).astype(np.int32)

    def text(self, span: Span) -> pa.StringArray:
        """The values as an Arrow string array, null where missing; trailing blanks are cut.

        The buffer itself is the Arrow array's data: offsets are starts and ends in turn, every second value is
        taken. That needs spans in the order of the text, which holds where segments are in order.
        """
        start, stop = span
        missing = start < 0
        if missing.all():
            return pa.nulls(len(missing), pa.string())
        if missing.any():
            stop = np.maximum.accumulate(np.where(missing, 0, stop))
            start = np.where(missing, stop, start)
        if (start[1:] < stop[:-1]).any():
            return self._text_unordered(span)
        offsets = np.empty(2 * len(start) + 1, np.int32)
        offsets[0:-1:2], offsets[1::2], offsets[-1] = start, stop, stop[-1]
        whole = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(self.text_bytes))
        taken = whole.take(pa.array(np.arange(0, 2 * len(start), 2, dtype=np.int32), mask=missing))
        blanks = self.buffer.take(span.stop - 1, mode="wrap") == 0x20
        return pc.utf8_rtrim_whitespace(taken) if (blanks & ~missing).any() else taken

    def _text_unordered(self, span: Span) -> pa.StringArray:
        distinct, first, place = np.unique(span.start, return_index=True, return_inverse=True)
        return self.text(Span(distinct, span.stop[first])).take(pa.array(place))

    def cents(self, span: Span) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Amounts as whole cents: (cents, there, bad).

        `there` is false where the element is missing or blank, `bad` is true where it is not an amount with at most
        two decimals that are not zero. Eight digits are read with three multiplications; longer ones one by one.
        """
        start, stop, there = span.start, span.stop, span.start >= 0
        if not there.any():
            return np.zeros(len(start), np.int64), there, there
        negative = there & (self.buffer[start] == 0x2D)
        point = [there & (self.buffer[np.maximum(stop - k, 0)] == 0x2E) & (stop - k >= start) for k in (1, 2, 3)]
        places = np.where(point[2], 3, np.where(point[1], 2, np.where(point[0], 1, 0)))
        whole, good = self._digits(start + negative, stop - places)
        tenths = np.where(places >= 2, self.buffer[np.maximum(stop - places + 1, 0)].astype(np.int64) - 48, 0)
        hundredths = np.where(places == 3, self.buffer[np.maximum(stop - 1, 0)].astype(np.int64) - 48, 0)
        good &= (tenths >= 0) & (tenths <= 9) & (hundredths >= 0) & (hundredths <= 9)
        good &= (stop - start - negative) > (places > 0)
        cents = whole * 100 + tenths * 10 + hundredths
        cents = np.where(negative, -cents, cents)
        bad = there & ~good
        if bad.any():
            there, bad = there.copy(), bad.copy()
            for i in np.flatnonzero(bad):
                cents[i], there[i], bad[i] = self._one_amount(int(start[i]), int(stop[i]), 100)
        cents[~there | bad] = 0
        return cents, there & ~bad, bad

    def _digits(self, start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        length = stop - start
        good = (length >= 0) & (length <= 8)
        shift = np.where(good, 8 * (8 - length), 0).astype(np.uint64)
        keep = np.where(length <= 0, np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF) << np.minimum(shift, np.uint64(63)))
        word = (self.words[np.maximum(stop - 8, 0)] ^ np.uint64(_ZEROS)) & keep
        good &= (((word + np.uint64(_SIXES)) | word) & np.uint64(_HIGH)) == 0
        return _eight_digits(word).astype(np.int64), good

    def _one_amount(self, start: int, stop: int, scale: int) -> tuple[int, bool, bool]:
        value = self.text_bytes[start:stop].decode("ascii", "replace").strip(" ")
        if not value:
            return 0, False, False
        if not re.fullmatch(r"[+-]?([0-9]{1,13}(\.[0-9]*)?|\.[0-9]+)", value):
            return 0, True, True
        try:
            scaled = Decimal(value) * scale
        except InvalidOperation:
            return 0, True, True
        return (int(scaled), True, False) if scaled == int(scaled) and abs(scaled) < 10**14 else (0, True, True)

    def money(self, span: Span) -> tuple[pa.Array, np.ndarray]:
        """Amounts as decimal dollars, and a mask of those that could not be read."""
        cents, there, bad = self.cents(span)
        return decimals(cents, there), bad

    def quantity(self, span: Span) -> pa.Array:
        """Quantities with up to three decimals; null where missing or not a number."""
        there = span.start >= 0
        if not there.any():
            return pa.nulls(len(there), pa.decimal128(15, 3))
        whole, good = self._digits(span.start, span.stop)
        good &= there & (span.stop > span.start)
        milli = whole * 1000
        for i in np.flatnonzero(there & ~good):
            milli[i], there[i], bad = self._one_amount(int(span.start[i]), int(span.stop[i]), 1000)
            there[i] &= not bad
        return decimals(np.where(there, milli, 0), there, pa.decimal128(15, 3))

    def days(self, span: Span) -> tuple[np.ndarray, np.ndarray]:
        """Dates written CCYYMMDD (or a range, of which the first) as days since 1970; NO_DAY where missing, and a bad mask.

        >>> s = Segments(normalize(b"DTM*472*20260228~", Delimiters(b"*", b":", b"^", b"~")))
        >>> s.days(s.span(s.where(b"DTM"), 2))[0].astype("datetime64[D]").astype(str).tolist()
        ['2026-02-28']
        """
        there = span.start >= 0
        if not there.any():
            return np.full(len(there), NO_DAY), there
        word = self.words[np.maximum(span.start, 0)] ^ np.uint64(_ZEROS)
        good = there & (span.stop - span.start >= 8)
        good &= (((word + np.uint64(_SIXES)) | word) & np.uint64(_HIGH)) == 0
        number = np.where(good, _eight_digits(word).astype(np.int64), 19700101)
        year, month, day = number // 10000, number // 100 % 100, number % 100
        good &= (year >= 1900) & (year < 2200) & (month >= 1) & (month <= 12)
        index = np.where(good, (year - 1900) * 12 + month - 1, 0)
        good &= (day >= 1) & (day <= _MONTH_LENGTH[index])
        return np.where(good, _MONTH_START[index] + day - 1, NO_DAY), there & ~good

    def range_days(self, span: Span) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First and last day of dates or of ranges written CCYYMMDD-CCYYMMDD, and a bad mask; one date is both.

        >>> s = Segments(normalize(b"DTP*434*RD8*20260110-20260115~", Delimiters(b"*", b":", b"^", b"~")))
        >>> [d.astype("datetime64[D]").astype(str).tolist() for d in s.range_days(s.span(s.where(b"DTP"), 3))[:2]]
        [['2026-01-10'], ['2026-01-15']]
        """
        first, bad = self.days(span)
        hyphen = (span.start >= 0) & (span.stop - span.start >= 17)
        hyphen &= self.buffer.take(span.start + 8, mode="clip") == 0x2D
        if not hyphen.any():
            return first, first, bad
        last, wrong = self.days(Span(np.where(hyphen, span.start + 9, -1), np.where(hyphen, span.stop, -1)))
        wrong |= hyphen & (last != NO_DAY) & (last < first)
        return first, np.where(hyphen & ~wrong, last, first), bad | wrong

    def last_before(self, marked: np.ndarray, segments: np.ndarray) -> np.ndarray:
        """For each of `segments`, the last of `marked` that stands before it; -1 where there is none."""
        if not len(marked):
            return np.full(len(segments), -1)
        place = np.searchsorted(marked, segments) - 1
        return np.where(place >= 0, marked[place], -1)

    def last_at(self, *marked: np.ndarray) -> np.ndarray:
        """For every segment, the last of the marked ones at it or before it; -1 where there is none."""
        last = np.full(len(self), -1)
        for segments in marked:
            last[segments] = segments
        return np.maximum.accumulate(last)


def _begins(heads: np.ndarray, text: bytes) -> np.ndarray:
    """Which of the words (four or eight bytes) begin with the text."""
    want = heads.dtype.type(int.from_bytes(text, "little"))
    if len(text) == heads.itemsize:
        return heads == want
    return (heads & heads.dtype.type((1 << (8 * len(text))) - 1)) == want


def _eight_digits(word: np.ndarray) -> np.ndarray:
    """Eight digits, the first in the lowest byte, as a number."""
    word = (word * np.uint64(10) + (word >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    word = (word * np.uint64(100) + (word >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return (word * np.uint64(10000) + (word >> np.uint64(32))) & np.uint64(0xFFFFFFFF)


_FIRST_DAYS = np.arange("1900-01", "2200-02", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
_MONTH_START, _MONTH_LENGTH = _FIRST_DAYS[:-1], np.diff(_FIRST_DAYS)


def sums(groups: np.ndarray, cents: np.ndarray, size: int) -> np.ndarray:
    """Whole cents added up by group, exactly however many; where int64 might not hold them, as Python's integers."""
    # float64 holds whole numbers up to 2**53 exactly: ninety trillion dollars in cents
    if np.abs(cents).sum(dtype=np.float64) < 2**53:
        return np.bincount(groups, weights=cents, minlength=size).astype(np.int64)
    exact = np.zeros(size, object)
    np.add.at(exact, groups, cents.astype(object))
    return exact


def dates(days: np.ndarray) -> pa.Array:
    """Days since 1970 as an Arrow date array, null where NO_DAY."""
    return pa.array(days.astype(np.int32), pa.int32(), mask=days == NO_DAY).cast(pa.date32())


def first_of(parents: np.ndarray, segments: np.ndarray, parent_count: int) -> np.ndarray:
    """For each parent the first of its segments, -1 where it has none; both arrays in the order of the text."""
    found = np.full(parent_count, -1)
    found[parents[::-1]] = segments[::-1]
    return found
