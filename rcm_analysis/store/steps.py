"""SQL steps: one file, one table. A folder of them is run in the order of their numbers, on either engine.

    claims/sql/280_refused_lines.sql     -> the table refused_lines
    -- Denied: nothing paid, and refusals outweigh what the patient owes.
    SELECT ... WHERE d.known_on <= getvariable('as_of')

A step's head says what a row is. `-- View:` in it makes a view, which is derived when somebody asks. Values come from
`getvariable('name')`, never from text that is put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from rcm_analysis.errors import FailedError, out_of_memory

VIEW_MARK = "-- View:"


class StepError(FailedError):
    """A step that failed; the message names its file."""


@dataclass(frozen=True)
class Step:
    """A statement and the table that it makes.

    >>> Step("280_refused_lines.sql", "-- One row per refused line\\nSELECT 1 AS a").table
    'refused_lines'
    """

    file: str
    sql: str

    @property
    def table(self) -> str:
        return self.file.removesuffix(".sql").split("_", 1)[1]

    @property
    def is_view(self) -> bool:
        return any(line.startswith(VIEW_MARK) for line in self.sql.splitlines())


@lru_cache(maxsize=8)
def steps(folder: Path) -> tuple[Step, ...]:
    """The steps of a folder in their order."""
    return tuple(Step(path.name, path.read_text("utf-8")) for path in sorted(folder.glob("[0-9]*_*.sql")))


def run(con: Any, chosen: Iterable[Step], values: Mapping[str, Any]) -> None:
    """Makes the tables of the steps on the connection, one after the other.

    Raises StepError naming the file when a statement fails. `values` are those of `getvariable`.
    """
    chosen = tuple(chosen)
    set_values(con, values)
    for step in chosen:
        kind = "VIEW" if step.is_view else "TABLE"
        try:
            con.execute(f"CREATE OR REPLACE TEMP {kind} {step.table} AS\n{step.sql}")
        except Exception as error:
            if out_of_memory(error):
                raise
            raise StepError(f"{step.file}: {error}") from error


def set_values(con: Any, values: Mapping[str, Any]) -> None:
    """Sets what `getvariable` gives on the connection."""
    for name, value in values.items():
        con.execute(f"SET VARIABLE {name} = {literal(value)}")


def literal(value: Any) -> str:
    """A value as SQL.

    >>> from decimal import Decimal
    >>> literal(date(2026, 10, 31)), literal(["16", "96"]), literal(Decimal("1.00")), literal("it's")
    ("DATE '2026-10-31'", "['16', '96']", '1.00', "'it''s'")
    """
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(literal, value))}]"
    return "'{}'".format(value.replace("'", "''")) if isinstance(value, str) else str(value)
