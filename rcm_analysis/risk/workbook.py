"""The worklist as a workbook that a team works from: one row per open denial, most expected cash first.

Filters on every column, a header that stays, dollars and dates as such; texts stay texts, so that no spreadsheet runs
one as a formula. Columns: those of `COLUMNS`, from `risk.risk`.
"""

from __future__ import annotations

import base64
import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from rcm_analysis.pages.blocks import WORKBOOK_MIME, Block
from rcm_analysis.words import defused

MONEY, DAY, SHARE, NUMBER, TEXT = "money", "day", "share", "number", "text"
# column, heading, kind, width
COLUMNS = (
    ("rank", "Rank", NUMBER, 6), ("claim_number", "Claim", TEXT, 14), ("payer_name", "Payer", TEXT, 26),
    ("expected_cash", "Expected cash", MONEY, 13), ("at_stake_usd", "Refused and open, charges", MONEY, 13),
    ("p_write_off", "Chance of write-off", SHARE, 10), ("lower", "from", SHARE, 8), ("upper", "to", SHARE, 8),
    ("expected_loss_usd", "Expected loss", MONEY, 13), ("next_deadline", "Next deadline", DAY, 12), ("days_left", "Days left", NUMBER, 8),
    ("correction_days_left", "Days to correct", NUMBER, 9), ("appeal_days_left", "Days to appeal", NUMBER, 9),
    ("next_step", "Next step", TEXT, 60), ("owner", "Owner", TEXT, 16), ("reasons", "Why this chance", TEXT, 70),
    ("category", "Reason", TEXT, 20), ("carc", "CARC", TEXT, 7), ("rarc", "RARC", TEXT, 8), ("location", "Location", TEXT, 20),
    ("denied_on", "Denied on", DAY, 12), ("open_balance", "Open balance", MONEY, 13),
)  # fmt: skip
FORMATS = {MONEY: "$#,##0.00", DAY: "yyyy-mm-dd", SHARE: "0%", NUMBER: "0", TEXT: "@"}


@dataclass(frozen=True)
class Worklist(Block):
    """The workbook in a notebook's output; a report puts it beside its pages as `worklist.xlsx`."""

    table: pd.DataFrame
    note: str

    def bundle(self) -> dict[str, Any]:
        held = io.BytesIO()
        write(self.table, held, note=self.note)
        text = f"{len(self.table):,} open denials, most expected cash first: worklist.xlsx"
        return {"text/plain": text, "text/html": f'<p class="note">{text}</p>',
                WORKBOOK_MIME: {"name": "worklist", "base64": base64.b64encode(held.getvalue()).decode()}}  # fmt: skip


def write(table: pd.DataFrame, out: Path | BinaryIO, *, note: str) -> None:
    """Writes the workbook; `note` stands in its second sheet. An empty table gives the header alone."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(str(out) if isinstance(out, Path) else out, options) as book:
        book.set_properties({"created": dt.datetime(2000, 1, 1)})  # the same list gives the same file
        sheet = book.add_worksheet("worklist")
        head = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        cells = {kind: book.add_format({"num_format": form, "valign": "top"}) for kind, form in FORMATS.items()}
        for j, (name, heading, kind, width) in enumerate(COLUMNS):
            sheet.set_column(j, j, width, cells[kind])
            sheet.write_string(0, j, heading, head)
            for i, value in enumerate(table[name], 1):
                _cell(sheet, i, j, value, kind, cells[kind])
        sheet.freeze_panes(1, 2)
        sheet.autofilter(0, 0, max(len(table), 1), len(COLUMNS) - 1)
        sheet.set_landscape()
        sheet.repeat_rows(0)
        book.add_worksheet("about").write_string(0, 0, note)


def _cell(sheet: Any, row: int, column: int, value: Any, kind: str, form: Any) -> None:
    if value is None or pd.isna(value):
        return
    if kind == DAY:
        sheet.write_datetime(row, column, pd.Timestamp(value).to_pydatetime(), form)
    elif kind == TEXT:
        sheet.write_string(row, column, defused(str(value)), form)
    else:
        sheet.write_number(row, column, float(value), form)
