"""Bytes of an export -> rows of cells: separated text or the sheets of an Excel workbook.

    b"Claim ID;Amount\\nA1;5,00\\n"  ->  [Sheet("", [["Claim ID", "Amount"], ["A1", "5,00"]])]

Row numbers count as a spreadsheet program counts them, the first being 1. A date cell of a workbook becomes 2026-01-05,
which needs no order of day and month.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

SEPARATORS = ",\t;|"
SAMPLE_CHARACTERS = 20_000
SAMPLE_LINES = 30
MAX_CELL_CHARACTERS = 1_000_000
MAX_LINES_IN_A_CELL = 50  # more of them stand behind a quotation mark that was never closed
MAX_SHEETS = 60  # of one workbook, so that row numbers fit into 31 bits
CENT_DIGITS = 6  # a workbook's 0.1 + 0.2 is 0.3


class SheetError(ValueError):
    """Bytes that hold no rows; the message says why, without any of their content."""


@dataclass
class Sheet:
    """Rows of a sheet, its name ("" for text), and the numbers of rows whose quotation marks don't close."""

    name: str
    rows: list[list[str]]
    unclosed: set[int] = field(default_factory=set)


def is_workbook(data: bytes) -> bool:
    """Whether the bytes are an Excel workbook (.xlsx) and not another archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def read(data: bytes, *, raw: bytes) -> list[Sheet]:
    """The sheets of a workbook, or the one of a text; `data` is the text as UTF-8, `raw` the file's own bytes.

    Raises SheetError when there are no rows of cells in it.
    """
    return _workbook(raw) if is_workbook(raw) else [_text(data)]


def _text(data: bytes) -> Sheet:
    sample = data[:SAMPLE_CHARACTERS]
    if b"\x00" in sample or sample[:5] == b"%PDF-" or sample[:1] == b"<":
        raise SheetError("neither X12 nor a table: no ISA header, and no rows of separated columns")
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    separator = _separator(text)
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        if not any(cell.count("\n") > MAX_LINES_IN_A_CELL for row in rows for cell in row if len(cell) > 200):
            return Sheet("", rows)
    except csv.Error:
        pass  # read line by line below, where only the bad lines are lost
    return _line_by_line(text, separator)


def _line_by_line(text: str, separator: str) -> Sheet:
    """Each line as a row of its own, so that a quotation mark that never closes costs its line and not the file."""
    sheet = Sheet("", [])
    for number, line in enumerate(text.replace("\x00", "").splitlines(), 1):
        if line.count('"') % 2:
            sheet.unclosed.add(number)
        sheet.rows.append(next(csv.reader([line[:MAX_CELL_CHARACTERS]], delimiter=separator), []))
    return sheet


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
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        sheets = [Sheet(page.title, [[_cell(value) for value in row] for row in page.iter_rows(values_only=True)])
                  for page in book.worksheets]  # fmt: skip
    except Exception as error:  # openpyxl raises whatever its parsers do
        raise SheetError(f"the Excel workbook is damaged ({type(error).__name__})") from error
    sheets = [sheet for sheet in sheets if any(map(any, sheet.rows))]
    if not sheets:
        raise SheetError("the Excel workbook holds no filled cell")
    return sheets


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        number = Decimal(repr(round(value, CENT_DIGITS)))
        return str(int(number)) if number == int(number) else format(number, "f")
    return str(value).strip()
