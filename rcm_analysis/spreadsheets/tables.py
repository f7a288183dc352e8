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

import pyarrow as pa

from rcm_analysis.spreadsheets import cells
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


@dataclass
class Grid:
    """Whole rows of the sheets with one header, and their numbers: 1 is the first row of the first sheet.

    Every further sheet begins `SHEET_ROWS` later. `people` are the words of all patients' names in the file.
    """

    layout: Layout
    header: list[str]
    people: frozenset[str]
    rows: list[list[str]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    order: str | None = None  # of day and month
    notes: list[Note] = field(default_factory=list)
    sheets: dict[int, str] = field(default_factory=dict)  # names by the sheet's place; empty where there is one
    rejected: set[int] = field(default_factory=set)  # positions in `rows`

    def __contains__(self, ours: str) -> bool:
        return ours in self.layout.columns

    def __len__(self) -> int:
        return len(self.rows)

    def texts(self, ours: str) -> list[str]:
        places = self.layout.columns.get(ours, [])
        if not places:
            return [""] * len(self.rows)
        if len(places) == 1:
            return [row[places[0]].strip() for row in self.rows]
        return [" ".join(row[place].strip() for place in places).strip() for row in self.rows]

    def days(self, ours: str, *, needed: bool = False) -> list[date | None]:
        """Dates; a filled cell that is none is noted, an empty one where the date is needed rejects its row."""
        texts = self.texts(ours)
        found = cells.days(texts, self.order)
        self._note_bad(ours, texts, found, needed, "date")
        return found

    def cents(self, ours: str, *, needed: bool = False) -> list[int | None]:
        texts = self.texts(ours)
        found = cells.amounts(texts)
        self._note_bad(ours, texts, found, needed, "amount")
        return found

    def _note_bad(self, ours: str, texts: list[str], found: list, needed: bool, what: str) -> None:
        for i, (text, value) in enumerate(zip(texts, found, strict=True)):
            if value is None and text:
                self.reject(i, f"the {what} can't be read", ours)
            elif value is None and needed:
                self.reject(i, f"the {what} is missing", ours)

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
        return (self.numbers[i] - 1) // SHEET_ROWS

    def good(self) -> list[int]:
        return [i for i in range(len(self.rows)) if i not in self.rejected]


def grids(found: list[tuple[Sheet, Layout]], mapping: Mapping, *, people: frozenset[str], named: bool) -> list[Grid]:
    """The rows below the headers, those of one header together; torn, total and repeated rows are left out with a note.

    `people` are the words of the patients' names. Notes tell the sheet where they are `named`. Raises GridError when the
    dates need an order of day and month that neither they nor the mapping tell.
    """
    made: dict[tuple, Grid] = {}
    for place, (sheet, layout) in enumerate(found):
        header = sheet.rows[layout.top]
        one = made.setdefault((layout.kind, *header), Grid(layout, header, people))
        if named:
            one.sheets[place] = sheet.name
        _add(one, sheet, layout.top, place * SHEET_ROWS)
    clear = None
    for one in made.values():
        one.order = mapping.date_order or _order(one)
        clear = clear or (one.order if one.order != cells.AMBIGUOUS else None)
    for one in made.values():
        one.order = _settled(one, clear)
        _repeats(
            one, keep=one.layout.kind == "ledger" if mapping.repeated_rows is None else mapping.repeated_rows == KEEP
        )
    return list(made.values())


def _add(made: Grid, sheet: Sheet, top: int, before: int) -> None:
    """Adds the rows of a sheet whose numbers begin after `before`."""
    width = len(made.header)
    last = max((i for i, row in enumerate(sheet.rows) if any(map(str.strip, row))), default=0)
    for i, row in enumerate(sheet.rows[top + 1 :], top + 1):
        if not any(map(str.strip, row)) or row == made.header:
            continue
        problem = _torn(row, width, is_last=i == last) or (
            "has a quotation mark without its pair" if i + 1 in sheet.unclosed else ""
        )
        made.rows.append((row + [""] * width)[:width])
        made.numbers.append(before + i + 1)
        if _TOTAL.fullmatch(next(filter(None, map(str.strip, row)))):
            made.rejected.add(len(made) - 1)
            made.notice(made.place(len(made) - 1), "is a line of totals", "nothing to do; it was left out")
        elif problem:
            made.reject(len(made) - 1, problem)


def _torn(row: list[str], width: int, *, is_last: bool) -> str:
    if any(cell.strip() for cell in row[width:]):
        return f"has {len(row)} columns where the header has {width}"
    short = len(row) < width
    return f"has {len(row)} columns where the header has {width}; the file may be cut off" if short and is_last else ""


def _order(made: Grid) -> str | None:
    """Day or month first, as the first date column that tells it has it; AMBIGUOUS where none of several does."""
    told = _orders(made).values()
    clear = [order for order in told if order in cells.ORDERS]
    return clear[0] if clear else cells.AMBIGUOUS if cells.AMBIGUOUS in told else None


def _orders(made: Grid) -> dict[str, str | None]:
    good = made.good()
    columns = {ours: made.texts(ours) for ours in DAYS[made.layout.kind] if ours in made}
    return {ours: cells.date_order(texts[i] for i in good) for ours, texts in columns.items()}


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
    first: dict[tuple[str, ...], int] = {}
    for i in made.good():
        same = first.setdefault(tuple(made.rows[i]), i)
        if same == i:
            continue
        if made.sheet(same) != made.sheet(i):
            made.notice(made.place(i), f"repeats {made.place(same)}; it is counted once", "nothing to do")
        else:
            counted = "both are counted" if keep else "it is counted once"
            advice = f'nothing to do if that is right; else set repeated_rows = "{"drop" if keep else "keep"}" in the mapping file'
            made.notice(made.place(i), f"repeats {made.place(same)}; {counted}", advice)
        if not keep:
            made.rejected.add(i)


def texts(values: Iterable[str | None]) -> pa.Array:
    """Texts as an Arrow column, the empty ones null."""
    return pa.array([value or None for value in values], pa.string())
