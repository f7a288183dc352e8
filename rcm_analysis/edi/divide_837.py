"""An 837 file divided by claims: the same file with some claims left out, still a valid one.

Segments are kept byte for byte; only what counts or points is written anew: HL numbers, SE, GE and IEA counts. Levels,
transactions, groups and interchanges that hold no claim any more go with their claims.

    HL*2*1*22*0~ ... CLM*A1~ ... HL*3*1*22*0~ ... CLM*A2~     without A1:  HL*2*1*22*0~ ... CLM*A2~
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from rcm_analysis.edi import x12
from rcm_analysis.edi.x12 import Delimiters, Interchange

PROVIDER = b"20"  # code of the highest level


@dataclass
class _Level:
    """A hierarchical level (or what stands before the first): its own segments and its claims, each with its number."""

    head: list[bytes]
    number: bytes = b""
    parent: bytes = b""
    code: bytes = b""
    claims: list[tuple[int, list[bytes]]] = field(default_factory=list)


def divide(data: bytes, keep: Collection[int]) -> bytes:
    """The file, as text in UTF-8, with only the claims whose CLM segment has one of these numbers (place in the file, from 1).

    Transactions that never held a claim are left out, too. Empty where nothing is kept.
    """
    keep = frozenset(keep)
    out, before = [], 0
    for part in x12.interchanges(data):
        text = data[part.start : part.stop]
        segments = text.split(part.delimiters.segment)
        out += _interchange(segments, before, part, keep)
        before += text.count(part.delimiters.segment)
    return b"".join(out)


def claim_segments(data: bytes) -> dict[int, bytes]:
    """Every CLM segment of the file by its number, also of claims that can't be read otherwise.

    >>> claim_segments(two_claims)  # doctest: +SKIP
    {10: b'CLM*A1*250***11:B:1', 19: b'CLM*A2*80***11:B:1'}
    """
    found: dict[int, bytes] = {}
    before = 0
    for part in x12.interchanges(data):
        segments = data[part.start : part.stop].split(part.delimiters.segment)
        claims = enumerate(map(bytes.strip, segments), before + 1)
        found |= {number: raw for number, raw in claims if raw.startswith(b"CLM" + part.delimiters.element)}
        before += len(segments) - 1
    return found


def _interchange(segments: list[bytes], before: int, part: Interchange, keep: frozenset[int]) -> list[bytes]:
    """The interchange's segments with their ends; none where no claim is kept."""
    marks = part.delimiters
    kept: list[bytes] = []
    open_: list[tuple[int, bytes]] = []  # the transaction being read
    group: list[bytes] = []
    transactions = groups = 0
    body: list[bytes] = []
    for i, raw in enumerate(segments):
        tag = raw.lstrip()[:3].rstrip(marks.element)
        if tag == b"ST" or open_:
            open_.append((before + i + 1, raw))
            if tag == b"SE" or i == len(segments) - 1:
                whole = _transaction(open_, marks, keep)
                transactions, open_ = transactions + bool(whole), []
                body += whole
        elif tag == b"GS":
            group, transactions, body = [raw], 0, []
        elif tag == b"GE":
            if body:
                kept += [*group, *body, _with(raw, marks, {1: transactions})]
                groups += 1
            group, transactions, body = [], 0, []
        elif tag == b"IEA":
            kept.append(_with(raw, marks, {1: groups}))
        elif raw.strip():
            kept.append(raw)
    kept += [*group, *body] if body else []
    found = groups or body
    return [raw + marks.segment for raw in kept] if found else []


def _transaction(numbered: list[tuple[int, bytes]], marks: Delimiters, keep: frozenset[int]) -> list[bytes]:
    levels, trailer = _levels(numbered, marks)
    for level in levels:
        level.claims = [(number, claim) for number, claim in level.claims if number in keep]
    if not any(level.claims for level in levels):
        return []
    return _trailed(_renumbered(levels, marks), trailer, marks)


def _levels(numbered: list[tuple[int, bytes]], marks: Delimiters) -> tuple[list[_Level], list[bytes]]:
    """The transaction's levels in order, the first of which is its header, and the SE with what follows it."""
    levels = [_Level([])]
    trailer: list[bytes] = []
    for number, raw in numbered:
        tag = raw.lstrip()[:3].rstrip(marks.element)
        if trailer or tag == b"SE":
            trailer.append(raw)
        elif tag == b"HL":
            fields = [value.strip() for value in raw.split(marks.element)] + [b""] * 3
            levels.append(_Level([raw], fields[1], fields[2], fields[3]))
        elif tag == b"CLM":
            levels[-1].claims.append((number, [raw]))
        elif levels[-1].claims:
            levels[-1].claims[-1][1].append(raw)
        else:
            levels[-1].head.append(raw)
    return levels, trailer


def _kept_levels(levels: list[_Level]) -> list[_Level]:
    """Levels with claims and all above them; a parent is the nearest earlier level of that number.

    Where a file numbers its levels wrongly it is the nearest earlier level of a lower code (20 provider, 22 subscriber).
    """
    wanted: set[int] = set()
    latest: dict[bytes, int] = {}
    above: dict[int, int] = {}
    for i, level in enumerate(levels[1:], 1):
        at = latest.get(level.parent)
        if at is None and level.code > PROVIDER:
            at = next((j for j in range(i - 1, 0, -1) if levels[j].code < level.code), None)
        if at is not None:
            above[i] = at
        latest[level.number] = i
    for i, level in enumerate(levels):
        at = i if level.claims else None
        while at is not None and at not in wanted:
            wanted.add(at)
            at = above.get(at)
    return [level for i, level in enumerate(levels) if i == 0 or i in wanted]


def _renumbered(levels: list[_Level], marks: Delimiters) -> list[bytes]:
    kept = _kept_levels(levels)
    out = [*kept[0].head] + [raw for _, claim in kept[0].claims for raw in claim]
    parents = {level.parent for level in kept[1:]}
    new: dict[bytes, int] = {}
    for n, level in enumerate(kept[1:], 1):
        changed: dict[int, int] = {1: n}
        if level.parent in new:
            changed[2] = new[level.parent]
        if level.number not in parents:
            changed[4] = 0
        new[level.number] = n
        out += [
            _with(level.head[0], marks, changed),
            *level.head[1:],
            *(raw for _, claim in level.claims for raw in claim),
        ]
    return out


def _trailed(body: list[bytes], trailer: list[bytes], marks: Delimiters) -> list[bytes]:
    if not trailer:
        return body
    filled = sum(1 for raw in body if raw.strip())
    return [*body, _with(trailer[0], marks, {1: filled + 1}), *trailer[1:]]


def _with(raw: bytes, marks: Delimiters, values: dict[int, int]) -> bytes:
    """The segment with these elements replaced, where it has them."""
    fields = raw.split(marks.element)
    for place, value in values.items():
        if place < len(fields):
            fields[place] = b"%d" % value
    return marks.element.join(fields)
