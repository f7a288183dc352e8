"""A sheet with a known layout -> its columns as texts, days and cents, and a note for every cell that can't be read.

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

from rcm_analysis import cells
from rcm_analysis.envelopes import Note
from rcm_analysis.mappings import DAYS, KEEP, Layout, Mapping
from rcm_analysis.sheets import Sheet

MEND = "correct the row in the export and ingest it again"
_TOTAL = re.compile(r"(grand |sub|report )?-?totals?\b.*", re.I)


class GridError(ValueError):
    """A sheet that can't be used as a whole; `advice` says what to do."""

    def __init__(self, reason: str, advice: str):
        super().__init__(reason)
        self.advice = advice


@dataclass
class Grid:
    """Whole rows of a sheet with their numbers, the first row of the file being 1."""

    layout: Layout
    header: list[str]
    rows: list[list[str]]
    numbers: list[int]
    order: str | None = None  # of day and month
    notes: list[Note] = field(default_factory=list)
    sheet: str = ""
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

    def reject(self, i: int, reason: str, ours: str | None = None) -> None:
        """Leaves a row out and says why; only the first reason of a row is told."""
        if i not in self.rejected:
            self.rejected.add(i)
            self.notes.append(Note(0, "row", self.place(i, ours), reason, MEND))

    def notice(self, place: str, reason: str, advice: str) -> None:
        self.notes.append(Note(0, "notice", place, reason, advice))

    def place(self, i: int, ours: str | None = None) -> str:
        where = f"row {self.numbers[i]}"
        if self.sheet:
            where = f"sheet {self.sheet}, {where}"
        if ours in self.layout.columns:
            where += f', column "{self.header[self.layout.columns[ours][0]].strip()}"'
        return where

    def good(self) -> list[int]:
        return [i for i in range(len(self.rows)) if i not in self.rejected]


def grid(sheet: Sheet, layout: Layout, mapping: Mapping, *, name: str = "", keep_repeats: bool) -> Grid:
    """The rows below the header; torn, total and repeated rows are left out with a note.

    Raises GridError when the dates need an order of day and month that neither they nor the mapping tell.
    """
    header = sheet.rows[layout.top]
    made = Grid(layout, header, [], [], sheet=name)
    last = max((i for i, row in enumerate(sheet.rows) if any(map(str.strip, row))), default=0)
    for i, row in enumerate(sheet.rows[layout.top + 1 :], layout.top + 1):
        if not any(map(str.strip, row)) or row == header:
            continue
        problem = _torn(row, len(header), is_last=i == last) or (
            "has a quotation mark without its pair" if i + 1 in sheet.unclosed else ""
        )
        made.rows.append((row + [""] * len(header))[: len(header)])
        made.numbers.append(i + 1)
        if _TOTAL.fullmatch(next(filter(None, map(str.strip, row)))):
            made.rejected.add(len(made) - 1)
            made.notice(made.place(len(made) - 1), "is a line of totals", "nothing to do; it was left out")
        elif problem:
            made.reject(len(made) - 1, problem)
    made.order = mapping.date_order or _order(made)
    _repeats(made, keep=keep_repeats if mapping.repeated_rows is None else mapping.repeated_rows == KEEP)
    return made


def _torn(row: list[str], width: int, *, is_last: bool) -> str:
    if any(cell.strip() for cell in row[width:]):
        return f"has {len(row)} columns where the header has {width}"
    short = len(row) < width
    return f"has {len(row)} columns where the header has {width}; the file may be cut off" if short and is_last else ""


def _order(made: Grid) -> str | None:
    """Day or month first, as the first date column that tells it has it."""
    good = made.good()
    columns = [ours for ours in DAYS[made.layout.kind] if ours in made]
    told = {}
    for ours in columns:
        texts = made.texts(ours)
        told[ours] = cells.date_order(texts[i] for i in good)
    clear = [order for order in told.values() if order in cells.ORDERS]
    open_ = [ours for ours, order in told.items() if order == cells.AMBIGUOUS]
    if open_ and not clear:
        names = ", ".join(f'"{made.header[made.layout.columns[ours][0]].strip()}"' for ours in open_)
        raise GridError(
            f"day and month can't be told apart in column {names}: no date in it has a number above 12, or they contradict "
            "each other", 'set date_order = "month_first" (or "day_first") in a mapping file: --mapping new.toml'
        )  # fmt: skip
    return clear[0] if clear else None


def _repeats(made: Grid, *, keep: bool) -> None:
    """Says which rows repeat an earlier one in every cell, and leaves them out unless they are to be kept."""
    first: dict[tuple[str, ...], int] = {}
    for i in made.good():
        same = first.setdefault(tuple(made.rows[i]), i)
        if same == i:
            continue
        counted = "both are counted" if keep else "it is counted once"
        advice = 'nothing to do if that is right; else set repeated_rows = "{}" in the mapping file'
        made.notice(
            made.place(i), f"repeats row {made.numbers[same]}; {counted}", advice.format("drop" if keep else "keep")
        )
        if not keep:
            made.rejected.add(i)


def texts(values: Iterable[str | None]) -> pa.Array:
    """Texts as an Arrow column, the empty ones null."""
    return pa.array([value or None for value in values], pa.string())
