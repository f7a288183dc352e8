"""Sheets with a known layout -> their columns as texts, days and cents, and a note for every cell that can't be read.

row  Claim ID  Txn Date    Amount          grid.days("posted_on")   [2026-01-13, None]
2    A1        01/13/2026  10.00           grid.cents("amount")     [1000, 2500]
3    A2        soon        25.00           grid.notes               row 3, column "Txn Date": the date can't be read
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa

from rcm_analysis.spreadsheets import cells, columns
from rcm_analysis.spreadsheets.columns import Cells
from rcm_analysis.spreadsheets.mappings import DAYS, KEEP, Layout, Mapping
from rcm_analysis.spreadsheets.sheets import Sheet
from rcm_analysis.store.rows import Note
from rcm_analysis.store.schema import SHEET_ROWS

MEND = "correct the row in the export and ingest it again"
_TOTAL = re.compile(r"(grand |sub|report )?-?totals?\b.*", re.I)


class GridError(ValueError):
    """A sheet that can't be used as a whole; `advice` says what to do.

    `left_over` names the columns of a ledger's `rows` that nothing explains, each with shapes of its cells.
    """

    def __init__(self, reason: str, advice: str, *, left_over: str = "", rows: int = 0):
        super().__init__(reason)
        self.advice, self.left_over, self.rows = advice, left_over, rows


@dataclass(eq=False)
class Grid:
    """Whole rows of the sheets with one header, column by column, and their numbers: 1 is the first row of the first sheet.

    Every further sheet begins `SHEET_ROWS` later. `people` are the words of all patients' names in the file.
    """

    layout: Layout
    header: list[str]
    people: frozenset[str]
    columns: list[Cells] = field(default_factory=list)
    numbers: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    order: str | None = None  # of day and month
    notes: list[Note] = field(default_factory=list)
    sheets: dict[int, str] = field(default_factory=dict)  # names by the sheet's place; empty where there is one
    rejected: set[int] = field(default_factory=set)  # places of rows

    def __contains__(self, ours: str) -> bool:
        return ours in self.layout.columns

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def _read(self) -> dict[str, Cells]:
        return {}

    def cells(self, ours: str) -> Cells:
        """One of our columns; all empty where the export has none."""
        if ours not in self._read:
            parts = [self.columns[place].stripped() for place in self.layout.columns.get(ours, [])]
            one = parts[0] if len(parts) == 1 else columns.beside(parts) if parts else columns.constant("", len(self))
            self._read[ours] = one
        return self._read[ours]

    def texts(self, ours: str) -> list[str]:
        return self.cells(ours).texts()

    def days(self, ours: str, *, needed: bool = False) -> list[date | None]:
        """Dates; a filled cell that is none is noted, an empty one where the date is needed rejects its row."""
        found = self.day_column(ours, needed=needed)
        return [None if day is None else day for day in found.astype(object).tolist()]

    def day_column(self, ours: str, *, needed: bool = False) -> np.ndarray:
        """The same as days of NumPy, NaT where there is none."""
        one = self.cells(ours)
        found = cells.days(one.values, self.order)
        self._note_bad(ours, one, found, needed, "date")
        days = np.array([np.datetime64("NaT") if day is None else day for day in found], "datetime64[D]")
        return one.per_row(days) if one.values else np.zeros(0, "datetime64[D]")

    def cents(self, ours: str, *, needed: bool = False) -> list[int | None]:
        cents, there = self.cents_column(ours, needed=needed)
        return [c if is_there else None for c, is_there in zip(cents.tolist(), there.tolist(), strict=True)]

    def cents_column(self, ours: str, *, needed: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Amounts in cents, and which rows have one."""
        one = self.cells(ours)
        found = cells.amounts(one.values)
        self._note_bad(ours, one, found, needed, "amount")
        if not one.values:
            return np.zeros(0, np.int64), np.zeros(0, bool)
        cents = np.array([c or 0 for c in found], np.int64)
        return one.per_row(cents), one.per_row([c is not None for c in found])

    def _note_bad(self, ours: str, one: Cells, found: list, needed: bool, what: str) -> None:
        bad = [value is None and (bool(text) or needed) for text, value in zip(one.values, found, strict=True)]
        if not any(bad):
            return
        for i in np.flatnonzero(one.per_row(bad)).tolist():
            unread = one.values[one.codes[i]]
            self.reject(i, f"the {what} can't be read" if unread else f"the {what} is missing", ours)

    def reject(self, i: int, reason: str, ours: str | None = None, advice: str = MEND) -> None:
        """Leaves a row out and says why; only the first reason of a row is told."""
        if i not in self.rejected:
            self.rejected.add(i)
            self.notes.append(Note(0, "row", self.place(i, ours), reason, advice))

    def heading(self, ours: str) -> str:
        """What the export calls one of our columns."""
        return self.header[self.layout.columns[ours][0]].strip()

    def notice(self, place: str, reason: str, advice: str) -> None:
        self.notes.append(Note(0, "notice", place, reason, advice))

    def place(self, i: int, ours: str | None = None) -> str:
        where = f"row {self.numbers[i]}"
        if self.sheets:
            where = f"sheet {self.sheets[self.sheet(i)]}, row {self.numbers[i] - self.sheet(i) * SHEET_ROWS}"
        if ours in self.layout.columns:
            where += f', column "{self.heading(ours)}"'
        return where

    def sheet(self, i: int) -> int:
        """The place of a row's sheet."""
        return int(self.numbers[i] - 1) // SHEET_ROWS

    def good(self) -> list[int]:
        return self.good_rows().tolist()

    def good_rows(self) -> np.ndarray:
        """Places of the rows that are not left out."""
        kept = np.ones(len(self), bool)
        kept[list(self.rejected)] = False
        return np.flatnonzero(kept)


def grids(found: list[tuple[Sheet, Layout]], mapping: Mapping, *, people: frozenset[str], named: bool) -> list[Grid]:
    """The rows below the headers, those of one header together; torn, total and repeated rows are left out with a note.

    `people` are the words of the patients' names. Notes tell the sheet where they are `named`. Raises GridError when the
    dates need an order of day and month that neither they nor the mapping tell.
    """
    made: dict[tuple, Grid] = {}
    for place, (sheet, layout) in enumerate(found):
        header = sheet.top[layout.top]
        one = made.setdefault((layout.kind, *header), Grid(layout, header, people))
        if named:
            one.sheets[place] = sheet.name
        _add(one, sheet, layout.top, place * SHEET_ROWS)
    settle(list(made.values()), mapping)
    return list(made.values())


def whole_rows(sheet: Sheet, layout: Layout, place: int, *, named: bool) -> Grid:
    """The rows of a ledger's sheet below its header, as wide as it; torn and total rows are left out with a note."""
    one = Grid(layout, sheet.top[layout.top], frozenset())
    if named:
        one.sheets[place] = sheet.name
    _add(one, sheet, layout.top, place * SHEET_ROWS)
    return one


def settle(made: list[Grid], mapping: Mapping) -> None:
    """Tells day from month, the sheets of a file from one another, and says what is repeated.

    Raises GridError when the dates need an order of day and month that neither they nor the mapping tell.
    """
    clear = None
    for one in made:
        one.order = mapping.date_order or _order(one)
        clear = clear or (one.order if one.order != cells.AMBIGUOUS else None)
    for one in made:
        one.order = _settled(one, clear)
        _repeats(
            one, keep=one.layout.kind == "ledger" if mapping.repeated_rows is None else mapping.repeated_rows == KEEP
        )


def _add(made: Grid, sheet: Sheet, top: int, before: int) -> None:
    """Adds the rows of a sheet whose numbers begin after `before`."""
    width, below = len(made.header), sheet.below(top)
    numbers, even = _in_one(below, width)
    problems = _problems(below, numbers, even, sheet.last, width)
    start = len(made)
    made.columns = [columns.joined([old, new]) for old, new in zip(made.columns, even, strict=True)] if start else even
    made.numbers = np.concatenate([made.numbers, before + numbers])
    for i, problem in sorted(problems.items()):
        if problem:
            made.reject(start + i, problem)
        else:
            made.rejected.add(start + i)
            made.notice(made.place(start + i), "is a line of totals", "nothing to do; it was left out")


def _in_one(below: Sheet, width: int) -> tuple[np.ndarray, list[Cells]]:
    """Numbers and columns of all rows, brought to one width; cells beyond it are dropped."""
    rows = len(below.numbers)
    even = [*below.columns, *(columns.constant("", rows) for _ in range(width - len(below.columns)))][:width]
    if not below.odd:
        return below.numbers, even
    numbers = np.concatenate([below.numbers, np.array(list(below.odd), np.int64)])
    apart = [
        columns.of(texts) for texts in zip(*((row + [""] * width)[:width] for row in below.odd.values()), strict=True)
    ]
    order = np.argsort(numbers, kind="stable")
    both = [columns.joined([one, other]) for one, other in zip(even, apart, strict=True)]
    return numbers[order], [one.take(order) for one in both]


def _problems(below: Sheet, numbers: np.ndarray, even: list[Cells], last: int, width: int) -> dict[int, str]:
    """Rows that are left out by their place: torn ones with what is wrong, totals with nothing."""
    found: dict[int, str] = {}
    at = lambda number: int(np.searchsorted(numbers, number))  # noqa: E731
    for number in below.unclosed.intersection(numbers.tolist() if below.unclosed else ()):
        found[at(number)] = "has a quotation mark without its pair"
    for column in below.columns[width:]:  # wider than the header
        torn = below.numbers[column.where(str.strip)]
        found |= {int(i): _torn(len(below.columns), width) for i in np.flatnonzero(np.isin(numbers, torn))}
    for number, row in below.odd.items():
        if any(cell.strip() for cell in row[width:]):
            found[at(number)] = _torn(len(row), width)
        elif len(row) < width and number == last:
            found[at(number)] = _torn(len(row), width) + "; the file may be cut off"
    if len(below.columns) < width and last in below.numbers:
        found[at(last)] = _torn(len(below.columns), width) + "; the file may be cut off"
    return found | dict.fromkeys(_totals(even), "")


def _torn(cells_: int, width: int) -> str:
    return f"has {cells_} columns where the header has {width}"


def _totals(even: list[Cells]) -> list[int]:
    """Rows whose first filled cell says that they are totals."""
    found, open_ = [], np.arange(len(even[0]) if even else 0)
    for column in even:
        stripped = column.stripped()
        if not len(open_):
            break
        empty = stripped.where(lambda value: not value)[open_]
        told = stripped.where(_TOTAL.fullmatch)[open_]
        found += open_[told].tolist()
        open_ = open_[empty]
    return found


def _order(made: Grid) -> str | None:
    """Day or month first, as the first date column that tells it has it; AMBIGUOUS where none of several does."""
    told = _orders(made).values()
    clear = [order for order in told if order in cells.ORDERS]
    return clear[0] if clear else cells.AMBIGUOUS if cells.AMBIGUOUS in told else None


def _orders(made: Grid) -> dict[str, str | None]:
    good = made.good_rows()
    dated = {ours: made.cells(ours).take(good) for ours in DAYS[made.layout.kind] if ours in made}
    return {ours: cells.date_order(one.values) for ours, one in dated.items()}


def _settled(made: Grid, clear: str | None) -> str | None:
    """The grid's order, or that of another sheet of the workbook where its own dates leave it open."""
    if made.order != cells.AMBIGUOUS or clear:
        return clear if made.order == cells.AMBIGUOUS else made.order
    open_ = [ours for ours, order in _orders(made).items() if order == cells.AMBIGUOUS]
    names = ", ".join(f'"{made.header[made.layout.columns[ours][0]].strip()}"' for ours in open_)
    raise GridError(
        f"day and month can't be told apart in column {names}: no date in it has a number above 12, or they contradict "
        "each other", 'set date_order = "month_first" (or "day_first") in a mapping file: --mapping new.toml'
    )  # fmt: skip


def _repeats(made: Grid, *, keep: bool) -> None:
    """Says which rows repeat an earlier one in every cell, and leaves them out unless they are to be kept.

    Rows that another sheet holds too are the same, as with two files that overlap (see `overlaps`).
    """
    good = made.good_rows()
    if not len(good):
        return
    again, same = columns.repeats([Cells(one.codes[good], one.values) for one in made.columns])
    for i, first in zip(good[again].tolist(), good[same].tolist(), strict=True):
        if made.sheet(first) != made.sheet(i):
            made.notice(made.place(i), f"repeats {made.place(first)}; it is counted once", "nothing to do")
        else:
            counted = "both are counted" if keep else "it is counted once"
            advice = f'nothing to do if that is right; else set repeated_rows = "{"drop" if keep else "keep"}" in the mapping file'
            made.notice(made.place(i), f"repeats {made.place(first)}; {counted}", advice)
        if not keep:
            made.rejected.add(i)


def texts(values: Iterable[str | None]) -> pa.Array:
    """Texts as an Arrow column, the empty ones null."""
    return pa.array([value or None for value in values], pa.string())
