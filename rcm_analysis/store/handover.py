"""Derived tables computed once for all notebooks of a report, handed over in a private file.

with shared(view) as environment:   # of the kernels that run meanwhile
    ...
attach(con, practice="riverbend", as_of=day, store=store)                        # in a kernel: True, tables are there
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from rcm_analysis.store.view import View

VARIABLE = "RCM_SHARED_TABLES"


@contextmanager
def shared(view: View, *, folder: Path | None = None) -> Iterator[dict[str, str]]:
    """Writes the temporary tables of the connection to a file; gives the variable by which a kernel finds it.

    The file lies in `folder`, where what a killed run leaves is cleared up, or in the system's folder for such files.
    """
    if folder and _is_misread(folder):
        folder = None
    with tempfile.TemporaryDirectory(prefix=".tables-", dir=folder) as place:
        path = Path(place, "tables.duckdb").resolve()
        view.execute(f"ATTACH '{_quoted(path)}' AS shared")
        for (name,) in view.execute(
            "SELECT table_name FROM duckdb_tables() WHERE temporary ORDER BY table_oid"
        ).fetchall():
            view.execute(f'CREATE TABLE shared."{name}" AS SELECT * FROM temp."{name}"')
        view.execute("DETACH shared")
        yield {VARIABLE: json.dumps({"path": str(path), "of": _identity(view.practice, view.as_of, view.store)})}


def attach(con: duckdb.DuckDBPyConnection, *, practice: str, as_of: date, store: Path) -> bool:
    """Makes the shared tables of this practice and day visible on the connection; False where there are none."""
    told = json.loads(os.environ.get(VARIABLE, "{}"))
    if told.get("of") != _identity(practice, as_of, store) or not Path(told["path"]).exists():
        return False
    con.execute(f"ATTACH '{_quoted(told['path'])}' AS shared (READ_ONLY)")
    for (name,) in con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'shared'").fetchall():
        con.execute(f'CREATE TEMP VIEW "{name}" AS SELECT * FROM shared."{name}"')
    return True


def _is_misread(folder: Path) -> bool:
    """Whether DuckDB takes a part of the path for something else when it opens a database there."""
    path = str(folder.resolve())
    return "?" in path or (os.name != "nt" and "\\" in path)


def _identity(practice: str, as_of: date, store: Path) -> list[str]:
    return [practice, as_of.isoformat(), str(Path(store).resolve())]


def _quoted(path: object) -> str:
    return str(path).replace("'", "''")
