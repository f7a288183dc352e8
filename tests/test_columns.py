"""Cells read column by column are those that a reading row by row gives, and columns tell what rows would."""

from __future__ import annotations

import csv
import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rcm_analysis.privacy.pseudonyms import without_names
from rcm_analysis.spreadsheets import columns, sheets

PIECES = st.sampled_from(["a", "b", ",", ",", '"', "\n", "\r\n", " ", "x,y\n", "1,2\n", '"q,""r"""', "\u00e4"])
ROWS = st.lists(st.tuples(*[st.sampled_from("ab ")] * 3), min_size=1, max_size=30)


def plain(rows: list[list[str]]) -> list[list[str]]:
    """Rows without what nobody reads: spaces at a cell's end, and empty rows' number of commas."""
    return [[cell.rstrip() for cell in row] if any(map(str.strip, row)) else [] for row in rows]


@settings(max_examples=400)
@given(text=st.lists(PIECES, min_size=4, max_size=60).map("".join))
def test_columns_hold_what_rows_hold(text):
    found = sheets._by_columns(text.encode(), ",")
    if found is not None:
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert plain(found.rows()) == plain(rows)
        assert plain(found.top) == plain(rows[: sheets.TOP_ROWS])


def test_a_byte_that_is_no_text_costs_nothing_else():
    (page,) = sheets.read(b"Claim,Date,Amount\nA1,2026-01-05,1.00\nA\xb0,2026-01-05\n", raw=b"")
    assert page.top[2] == ["A\ufffd", "2026-01-05"]


def test_a_mark_that_never_closes_costs_its_line_alone():
    lines = ["Claim,Date,Amount", *(f"A{i},2026-01-05,{i}.00" for i in range(160))]
    lines[40] = 'A39,"2026-01-05,39.00'
    (page,) = sheets.read("\n".join(lines).encode(), raw=b"")
    assert page.unclosed == {41} and page.height == 161


@given(rows=ROWS)
def test_repeated_rows_are_found_with_the_first_of_their_kind(rows):
    again, first = columns.repeats([columns.of(cells) for cells in zip(*rows, strict=True)])
    seen: dict[tuple, int] = {}
    told = [(i, seen[row]) for i, row in enumerate(rows) if seen.setdefault(row, i) != i]
    assert list(zip(again.tolist(), first.tolist(), strict=True)) == told


@given(rows=ROWS)
def test_columns_side_by_side_and_below_one_another(rows):
    one, two, three = (columns.of(cells) for cells in zip(*rows, strict=True))
    assert columns.beside([one, two]).texts() == [f"{a} {b}".strip() for a, b, _ in rows]
    assert columns.joined([one, three]).texts() == [a for a, _, _ in rows] + [c for _, _, c in rows]
    some = np.arange(0, len(rows), 2)
    assert one.take(some).values == list(dict.fromkeys(a for a, _, _ in rows[::2]))


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["moss paid", "per dr quill", "quill", "paid x"]), st.sampled_from("1234567")),
        max_size=40,
    )
)
def test_a_word_stays_where_five_claims_have_it(rows):
    texts, claims = [text for text, _ in rows], [claim for _, claim in rows]
    holders = {w: {c for t, c in rows if w in t.split()} for w in ("moss", "paid", "per", "dr", "quill", "x")}
    kept = {w for w, on in holders.items() if len(on) >= 5 and w != "moss"} | {"paid"}
    want = [" ".join(word for word in text.split() if word in kept) for text in texts]
    assert without_names(texts, claims, ["MOSS, ANN"], {"paid"}) == want
