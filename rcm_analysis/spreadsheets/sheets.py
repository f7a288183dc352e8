"""Bytes of an export -> rows of cells: separated text or the sheets of a workbook (.xlsx, .xlsm, .xlsb, .xls, .ods).

    b"Claim ID;Amount\\nA1;5,00\\n"  ->  a Sheet whose columns hold "Claim ID", "A1" and "Amount", "5,00"

Row numbers count as a spreadsheet program counts them, the first being 1. A date cell of a workbook becomes 2026-01-05,
which needs no order of day and month. A workbook is read in a process of its own with bounded memory: its reader holds
every cell between the first and the last one, so that two cells far apart can ask for more than the machine has.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from rcm_analysis import settings
from rcm_analysis.spreadsheets import columns
from rcm_analysis.spreadsheets.columns import Cells

SEPARATORS = ",\t;|"
SAMPLE_CHARACTERS = 20_000
SAMPLE_LINES = 30
MAX_CELL_CHARACTERS = 1_000_000
MAX_LINES_IN_A_CELL = 50  # more of them stand behind a quotation mark that was never closed
TOP_ROWS = 200  # of a sheet, in which its header is looked for
READ_BYTES = 8_000_000  # read in one go
MAX_SHEETS = 60  # of one workbook, so that row numbers fit into 31 bits
CENT_DIGITS = 6  # a workbook's 0.1 + 0.2 is 0.3
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"  # how .xls begins, and any other old or encrypted file of Office
MEMORY_BYTES = 3_000_000_000  # of the process that reads a workbook, and so much more for each of its bytes
MEMORY_PER_BYTE = 60


class SheetError(ValueError):
    """Bytes that hold no rows; the message says why, without any of their content."""


@dataclass
class Sheet:
    """A sheet's cells, column by column, and its name ("" for text).

    Most rows are as wide as one another; those of another width stand in `odd` by their number. `unclosed` are the
    numbers of rows whose quotation marks don't close.
    """

    name: str
    columns: list[Cells]
    numbers: np.ndarray  # of the rows in `columns`, from 1
    odd: dict[int, list[str]] = field(default_factory=dict)
    unclosed: set[int] = field(default_factory=set)
    _below: dict[int, Sheet] = field(default_factory=dict)

    @property
    def height(self) -> int:
        return len(self.numbers) + len(self.odd)

    @cached_property
    def top(self) -> list[list[str]]:
        """The first rows as they stand, where titles and headings are looked for."""
        last = min(self.height, TOP_ROWS)
        here = self.numbers[:last]
        rows = {int(n): [column.values[column.codes[i]] for column in self.columns] for i, n in enumerate(here)}
        rows |= {n: row for n, row in self.odd.items() if n <= last}
        return [rows[n] for n in range(1, last + 1)]

    def rows(self) -> list[list[str]]:
        """All rows as they stand, for sheets that are small."""
        even = [list(row) for row in zip(*(column.texts() for column in self.columns), strict=True)]
        by_number = dict(zip(self.numbers.tolist(), even, strict=True)) | self.odd
        return [by_number[number] for number in sorted(by_number)]

    @cached_property
    def last(self) -> int:
        """The number of the last row that holds anything; 1 where none does."""
        filled = np.zeros(len(self.numbers), bool)
        for column in self.columns:
            filled |= column.where(str.strip)
        some = [n for n, row in self.odd.items() if any(map(str.strip, row))]
        return int(max([1, *self.numbers[filled][-1:], *some]))

    def below(self, top: int) -> Sheet:
        """The rows below the header, which is row `top` counted from 0; empty ones and repeated headers are left out."""
        if top not in self._below:
            self._below[top] = self._rows_below(top)
        return self._below[top]

    def _rows_below(self, top: int) -> Sheet:
        header, rest = self.top[top], np.flatnonzero(self.numbers > top + 1)
        filled, alike = np.zeros(len(rest), bool), np.full(len(rest), len(header) == len(self.columns))
        for i, column in enumerate(self.columns):
            filled |= column.where(str.strip)[rest]
            if alike.any():
                alike &= column.where(header[i].__eq__)[rest]
        rest = rest[filled & ~alike]
        odd = {n: row for n, row in self.odd.items() if n > top + 1 and any(map(str.strip, row)) and row != header}
        return Sheet(self.name, [column.take(rest) for column in self.columns], self.numbers[rest], odd, self.unclosed)


def of_rows(name: str, rows: list[list[str]], unclosed: Iterable[int] = ()) -> Sheet:
    """A sheet from its rows."""
    width = Counter(len(row) for row in rows).most_common(1)[0][0] if rows else 0
    even = [i for i, row in enumerate(rows) if len(row) == width]
    cells = [columns.of(texts) for texts in zip(*(rows[i] for i in even), strict=True)]
    odd = {i + 1: row for i, row in enumerate(rows) if len(row) != width}
    return Sheet(name, cells, np.array(even, np.int64) + 1, odd, set(unclosed))


def is_workbook(data: bytes) -> bool:
    """Whether the bytes are a workbook of Excel or OpenDocument and not another archive.

    >>> is_workbook(b"Claim ID,Amount")
    False
    """
    if data.startswith(OLD_WORKBOOK):
        return True
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return holds_workbook(archive.namelist())
    except zipfile.BadZipFile:
        return False


def holds_workbook(members: Iterable[str]) -> bool:
    """Whether an archive with these members is a workbook.

    >>> holds_workbook(["[Content_Types].xml", "xl/workbook.bin"]), holds_workbook(["january.835"])
    (True, False)
    """
    names = set(members)
    return not names.isdisjoint(("xl/workbook.xml", "xl/workbook.bin")) or {"mimetype", "content.xml"} <= names


def read(data: bytes, *, raw: bytes) -> list[Sheet]:
    """The sheets of a workbook, or the one of a text; `data` is the text as UTF-8, `raw` the file's own bytes.

    Raises SheetError when there are no rows of cells in it.
    """
    return _workbook(raw) if is_workbook(raw) else [_text(data)]


def _text(data: bytes) -> Sheet:
    sample = data[:SAMPLE_CHARACTERS]
    if b"\x00" in sample or sample[:5] == b"%PDF-" or sample[:1] == b"<":
        raise SheetError("neither X12 nor a table: no ISA header, and no rows of separated columns")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        data = data.decode("utf-8", "replace").encode()
    separator = _separator(data[: 4 * SAMPLE_CHARACTERS].decode("utf-8", "replace"))
    return _by_columns(data, separator) or _by_rows(data.decode("utf-8", "replace"), separator)


def _by_columns(data: bytes, separator: str) -> Sheet | None:
    """The cells read column by column, the same that `csv` reads row by row; None where its rules are needed."""
    quotes = data.count(b'"')
    width = _width(data, separator)
    if quotes % 2 or width < 2:
        return None
    odd: list[pa_csv.InvalidRow] = []

    def put_aside(row: pa_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    names = [str(i) for i in range(width)]
    try:
        found = pa_csv.read_csv(
            pa.BufferReader(data),
            pa_csv.ReadOptions(use_threads=False, column_names=names, block_size=READ_BYTES),
            pa_csv.ParseOptions(delimiter=separator, newlines_in_values=quotes > 0, ignore_empty_lines=False,
                                invalid_row_handler=put_aside),
            pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.dictionary(pa.int32(), pa.string()))),
        )  # fmt: skip
        apart = {
            row.number: next(csv.reader(io.StringIO(row.text, newline=""), delimiter=separator), []) for row in odd
        }
    except (pa.ArrowInvalid, csv.Error):
        return None
    found = found.unify_dictionaries()
    cells = [_cells_of(column) for column in found.columns]
    if any(len(v) > 200 and _is_runaway(v) for values in (*(c.values for c in cells), *apart.values()) for v in values):
        return None
    numbers = np.arange(1, found.num_rows + len(apart) + 1)
    return Sheet("", cells, np.delete(numbers, np.array(sorted(apart), np.int64) - 1), apart)


def _cells_of(column: pa.ChunkedArray) -> Cells:
    codes = [np.asarray(chunk.indices) for chunk in column.chunks]
    values = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
    return Cells(np.concatenate(codes) if codes else np.zeros(0, np.int32), values)


def _width(data: bytes, separator: str) -> int:
    """How many columns most of the first rows have."""
    lines = data[: 4 * SAMPLE_CHARACTERS].decode("utf-8", "replace").splitlines(keepends=True)[: 2 * TOP_ROWS]
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    try:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=separator))
    except csv.Error:
        return 0
    return widths.most_common(1)[0][0]


def _is_runaway(cell: str) -> bool:
    """Whether a cell runs over so many lines that it began with a quotation mark which was never closed."""
    return cell.count("\n") > MAX_LINES_IN_A_CELL or len(cell) > MAX_CELL_CHARACTERS


def _by_rows(text: str, separator: str) -> Sheet:
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        if not any(_is_runaway(cell) for row in rows for cell in row if len(cell) > 200):
            return of_rows("", rows)
    except csv.Error:
        pass  # read line by line below, where only the bad lines are lost
    return _line_by_line(text, separator)


def _line_by_line(text: str, separator: str) -> Sheet:
    """Each line as a row of its own, so that a quotation mark that never closes costs its line and not the file."""
    rows, unclosed = [], set()
    for number, line in enumerate(text.replace("\x00", "").splitlines(), 1):
        if line.count('"') % 2:
            unclosed.add(number)
        rows.append(next(csv.reader([line[:MAX_CELL_CHARACTERS]], delimiter=separator), []))
    return of_rows("", rows, unclosed)


def _separator(text: str) -> str:
    lines = [line for line in text[:SAMPLE_CHARACTERS].splitlines() if line.strip()][:SAMPLE_LINES]
    best = max(SEPARATORS, key=lambda mark: _evenness(lines, mark))
    if not lines or _evenness(lines, best) == 0:
        raise SheetError("neither X12 nor a table: no ISA header, and no rows of separated columns")
    return best


def _evenness(lines: list[str], mark: str) -> float:
    """Lines with the commonest number of such marks times that number, capped at 20: many equal columns win."""
    counts = Counter(_unquoted(line).count(mark) for line in lines)
    counts.pop(0, None)
    if not counts:
        return 0.0
    width, times = counts.most_common(1)[0]
    return times * min(width, 20)


def _unquoted(line: str) -> str:
    return "".join(line.split('"')[::2])


def _workbook(raw: bytes) -> list[Sheet]:
    read_apart = f"from {__name__} import write_sheets; write_sheets()"
    # the modules that this process has, and none of the folder that it happens to stand in
    environment = settings.environment({"PYTHONPATH": os.pathsep.join(filter(None, sys.path))})
    command = [sys.executable, "-P", "-c", read_apart]
    done = subprocess.run(command, input=raw, capture_output=True, check=False, env=environment)
    if done.returncode or not done.stdout:
        raise SheetError("the workbook is damaged, or spans far more cells than it fills")
    told = json.loads(done.stdout)
    if "problem" in told:
        raise SheetError(told["problem"])
    sheets = [of_rows(name, rows) for name, rows in told["sheets"] if any(map(any, rows))]
    if not sheets:
        raise SheetError("the workbook holds no filled cell")
    return sheets


def write_sheets() -> None:
    """Reads a workbook from standard input and writes its cells as JSON: the other side of `_workbook`."""
    raw = sys.stdin.buffer.read()
    _limit_memory(MEMORY_BYTES + MEMORY_PER_BYTE * len(raw))
    sys.stdout.write(json.dumps(_told(raw)))  # in one go: several times faster than piece by piece


def _told(raw: bytes) -> dict[str, Any]:
    from python_calamine import CalamineWorkbook, PasswordError, SheetTypeEnum

    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(raw)) as book:
            pages = [page.name for page in book.sheets_metadata if page.typ == SheetTypeEnum.WorkSheet]
            return {"sheets": [(name, _rows(book.get_sheet_by_name(name))) for name in pages]}
    except PasswordError:
        return {"problem": "the workbook is protected by a password"}
    except Exception as error:  # whatever its parsers raise
        what = (
            "an old Excel or Word file that can't be read"
            if raw.startswith(OLD_WORKBOOK)
            else "the workbook is damaged"
        )
        return {"problem": f"{what} ({type(error).__name__})"}


def _rows(page: Any) -> list[list[str]]:
    return [[_cell(value) for value in row] for row in page.to_python(skip_empty_area=False)]


def _limit_memory(limit: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: its memory ends where the machine's does
        return
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float):
        if value.is_integer():
            return str(int(value))
        text = repr(round(value, CENT_DIGITS))
        return text if "e" not in text else format(Decimal(text), "f")
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value).strip()
