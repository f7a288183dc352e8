"""The practice's own contracts, as a small file with headings that are ours: told by its headings, never guessed.

    payer,plan,payer_class,valid_from,valid_to,filing_days,corrected_days,appeal_days,dispute_days,prompt_pay_days,interest_rate,source
    ACME HEALTH,,,2026-01-01,,120,180,180,,30,0.12,contract of 2025-11-03

A blank cell is not known. A cell that is no day, number or share is listed with its row, and counts as not known.
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from rcm_analysis.spreadsheets.sheets import Sheet
from rcm_analysis.store import schema
from rcm_analysis.store.rows import Note

TABLE = "contracts"
ALWAYS = date(1900, 1, 1)  # terms without a first day hold whatever day is asked for
NEEDED = {"payer"}
ENOUGH = 3  # of our headings besides the payer
MEND = "correct the cell and ingest the file again"


def understood(pages: list[Sheet]) -> bool:
    """Whether the file is a list of contracts: one sheet whose first row names the payer and three more of our columns."""
    if len(pages) != 1 or not pages[0].height:
        return False
    names = {cell.strip().lower() for cell in pages[0].top[0]}
    ours = {column.name for column in schema.TABLES[TABLE].columns[2:]}
    return names >= NEEDED and len(names & ours - NEEDED) >= ENOUGH and names <= ours


def read(page: Sheet) -> tuple[pa.Table, list[Note]]:
    """The contracts of a sheet as the table `contracts`, and a remark for each cell that could not be used."""
    header = [cell.strip().lower() for cell in page.top[0]]
    columns = schema.TABLES[TABLE].columns
    notes: list[Note] = []
    rows = []
    for number, cells in enumerate(page.rows()[1:], 2):
        told = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        if not told.get("payer"):
            if any(told.values()):
                notes.append(Note(0, "row", f"row {number}", "names no payer", MEND))
            continue
        row = {column.name: _cell(told.get(column.name, ""), column, number, notes) for column in columns[2:]}
        rows.append({"file_id": None, "known_on": row["valid_from"] or ALWAYS, **row})
    return pa.Table.from_pylist(rows, schema.TABLES[TABLE].arrow()), notes


def _cell(text: str, column: schema.Column, row: int, notes: list[Note]) -> object:
    if not text or column.type == schema.TEXT:
        return text or None
    try:
        if column.type == schema.DAY:
            return date.fromisoformat(text)
        value = int(text) if column.type == schema.COUNT else float(text)
        if 0 < value <= (10_000 if column.type == schema.COUNT else 1) or (value == 0 and column.type == schema.RATE):
            return value
    except ValueError:
        pass
    forms = {
        schema.DAY: "a day such as 2026-10-31",
        schema.COUNT: "a number of days",
        schema.RATE: "a share from 0 to 1",
    }
    wanted = forms[column.type]
    notes.append(Note(0, "value", f"row {row}, {column.name}", f"is not {wanted}", MEND))
    return None
