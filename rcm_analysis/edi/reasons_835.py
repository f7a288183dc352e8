"""Why a payer paid less: CAS, and RAS of releases since 006010, as rows of one shape.

CAS*CO*45*20**197*80~                  CO 45 20.00, CO 197 80.00
RAS*80*CO*197:HE:N54*1~                CO 197 80.00, with remark N54
RAS*80*CO:197*1~                       the same, as some senders write it
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.edi import x12

_REMARKS = 5  # remark codes that one RAS can hold


class Reasons(NamedTuple):
    """Adjustments in the order of the text: their segment, place in it, group, reason, cents and quantity."""

    segments: np.ndarray
    position: np.ndarray
    group: pa.Array
    carc: pa.Array
    cents: np.ndarray
    there: np.ndarray
    quantity: pa.Array

    def only(self, mask: np.ndarray) -> Reasons:
        chosen = pa.array(mask)
        return Reasons(*(x[mask] if isinstance(x, np.ndarray) else x.filter(chosen) for x in self))


def read(index: Any, bad: list) -> Reasons:
    """The adjustments of all claims and lines of an 835's index; amounts that are none go into `bad`."""
    found = _of_cas(index, bad)
    later = _of_ras(index, bad)
    if not len(later.segments):
        return found
    order = np.lexsort((np.append(found.position, later.position), np.append(found.segments, later.segments)))
    both = [np.append(a, b) if isinstance(a, np.ndarray) else pa.concat_arrays([a, b])
            for a, b in zip(found, later, strict=True)]  # fmt: skip
    return Reasons(*(x[order] if isinstance(x, np.ndarray) else x.take(pa.array(order)) for x in both))


def _of_cas(index: Any, bad: list) -> Reasons:
    s = index.s
    cas, _ = index.claims_of(s.where(b"CAS"))
    triplets = ((s.count[cas] - 1 + 2) // 3).clip(0)
    row = np.repeat(np.arange(len(cas)), triplets)
    position = np.arange(len(row)) - np.repeat(np.cumsum(triplets) - triplets, triplets)
    segments = cas[row]
    code, amount, quantity = (s.each(segments, 2 + 3 * position + k) for k in range(3))
    given = (code.start >= 0) | (amount.start >= 0)
    segments, row, position = segments[given], row[given], position[given]
    code, amount, quantity = (x12.Span(x.start[given], x.stop[given]) for x in (code, amount, quantity))
    cents, there = _cents(s, segments, amount, "CAS", bad)
    group = s.text(s.span(cas, 1)).take(pa.array(row))
    return Reasons(segments, position + 1, group, s.text(code), cents, there, s.quantity(quantity))


def _of_ras(index: Any, bad: list) -> Reasons:
    s = index.s
    ras, _ = index.claims_of(s.where(b"RAS"))
    group, inner = s.components(s.span(ras, 2), 0, 2)
    own = inner.start < 0  # the reason has an element of its own
    carc = _first_repeat(pc.coalesce(s.text(inner), s.text(s.component(s.span(np.where(own, ras, -1), 3), 0))))
    quantity = s.each(ras, np.where(own, 4, 3))
    cents, there = _cents(s, ras, s.span(ras, 1), "RAS", bad)
    return Reasons(ras, np.ones(len(ras), np.int64), s.text(group), carc, cents, there, s.quantity(quantity))


def _cents(s: x12.Segments, segments: np.ndarray, amount: x12.Span, tag: str, bad: list) -> Any:
    cents, there, wrong = s.cents(amount)
    if wrong.any():
        bad.append((segments[wrong], f"{tag} amount is not an amount"))
    return cents, there


def _first_repeat(column: pa.Array) -> pa.Array:
    """Several reasons may share one amount, which counts once, under the first of them."""
    return pc.replace_substring_regex(column, "\\x1d.*", "") if len(column) else column


def remarks(index: Any) -> list[tuple[np.ndarray, pa.Array]]:
    """Segments and remark codes that stand in RAS, behind the qualifier HE."""
    s = index.s
    ras, _ = index.claims_of(s.where(b"RAS"))
    found = []
    if len(ras):
        in_second = s.component(s.span(ras, 2), 1).start >= 0
        for element, first, chosen in ((3, 1, ras[~in_second]), (2, 2, ras[in_second])):
            _, *codes = s.components(s.span(chosen, element), first, first + 1 + _REMARKS)
            for code in codes:
                given = code.start >= 0
                values = _first_repeat(s.text(x12.Span(code.start[given], code.stop[given])))
                found.append((chosen[given], values))
    return found
