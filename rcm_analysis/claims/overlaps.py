"""Exports overlap: last month's ledger and this month's hold the same postings. Each fact counts once.

    file  claim_number  known_on    kind      amount         counted
    1     A1            2026-01-05  payment   -20.00         yes
    1     A1            2026-01-05  payment   -20.00         yes, a second copay: rows of one file are different
    2     A1            2026-01-05  payment   -20.00         no, file 2 repeats the first of file 1

Sheets of a workbook overlap as files do. Where an 837 or 835 tells of a claim, it outranks the listings. Tables take
the place of the facts' views; the steps that make them are in `sql/overlaps`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rcm_analysis.store import engine, schema, steps

if TYPE_CHECKING:
    import duckdb

SQL = Path(__file__).parent / "sql" / "overlaps"
VALUES = {"sheet_rows": float(schema.SHEET_ROWS)}
# Where the exports of a fact overlap, by a count that is above nothing
OVERLAP = {
    "ledger": "SELECT count(*) - 1 FROM (SELECT DISTINCT file_id, floor((row - 1) / getvariable('sheet_rows')) FROM ledger) AS exports",
    "submissions": "SELECT count(*) FROM submissions WHERE kind = 'listing'",
    "remittances": "SELECT count(*) FROM remittances WHERE payment_id IS NULL",
}


def count_once(con: duckdb.DuckDBPyConnection) -> None:
    """Puts tables without repetitions in the place of `ledger`, `submissions` and `remittances`, where exports overlap.

    Practices without listings, and with one ledger on one sheet, keep the views they have. Raises SchemaError when a
    step leaves out a column of the fact.
    """
    steps.set_values(con, VALUES)
    for step in steps.steps(SQL):
        if con.execute(OVERLAP[step.table]).fetchall()[0][0] > 0:
            steps.run(con, [step], VALUES)
            schema.check(step.table, engine.columns(con, step.table))
