"""One table to a file: Parquet, CSV or Excel, with text that a spreadsheet would run as a formula made harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rcm_analysis.errors import FailedError
from rcm_analysis.store import copies, folders, schema
from rcm_analysis.store import engine as store_engine
from rcm_analysis.words import csv_text, defused

if TYPE_CHECKING:
    import pandas as pd

    from rcm_analysis.store.view import View

ROWS_OF_SHEET = 1_048_576  # the most that Excel opens, the header among them
ROWS_AT_ONCE = 10_000
SUFFIXES = (".parquet", ".csv", ".xlsx")


def names() -> list[str]:
    """The tables that can be exported."""
    return list(schema.TABLES)


def export(table: str, *, practice: str, store: Path, as_of: date, out: Path, engine: str | None = None) -> int:
    """Writes the table as known on the day; gives the number of rows. Money stays decimal in Parquet."""
    from rcm_analysis.claims import derive

    return write(derive.open_practice(store, practice, as_of=as_of, engine=engine), table, out)


def write(view: View, table: str, out: Path) -> int:
    """Writes a table of the view to .parquet, .csv or .xlsx, whole or not at all; gives the number of rows.

    In a workbook what no sheet holds goes on in the next. Raises FailedError where the file can't be written; one that
    was there stays as it was.
    """
    import duckdb

    _register(view, table)
    try:
        with folders.whole(out) as work:
            _write(view, table, work, out.suffix)
    except (OSError, duckdb.IOException) as error:
        raise FailedError(f"{out} could not be written ({getattr(error, 'strerror', '') or 'is the disk full?'}); what was there "
                          "is as it was") from None  # fmt: skip
    copies.note(view.store / view.practice, out)
    return int(view.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def _write(view: View, table: str, work: Path, suffix: str) -> None:
    rows = f"SELECT * FROM {table}"
    if suffix == ".parquet":
        store_engine.write_parquet(view.con, rows, work)
    elif suffix == ".csv":
        work.write_text(csv_text(view.sql(rows)), "utf-8")
    else:
        _write_workbook(view.execute(rows), table, work)


def columns(table: str) -> pd.DataFrame:
    """What each column of a table holds: column, unit, meaning. Raises KeyError for an unknown table."""
    import pandas as pd

    if table not in schema.TABLES:
        raise KeyError(f"no table {table}; there are {', '.join(names())}")
    return pd.DataFrame(
        [(c.name, c.unit, c.meaning) for c in schema.TABLES[table].columns], columns=["column", "unit", "meaning"]
    )


def frame(view: View, table: str) -> pd.DataFrame:
    """Any of the tables on a connection of `claims.open_practice`, money as floats. Raises KeyError for an unknown name."""
    if table not in names():
        raise KeyError(f"no table {table}; there are {', '.join(names())}")
    _register(view, table)
    return view.execute(f"SELECT * FROM {table}").df()


def _register(view: View, table: str) -> None:
    """Makes the tables that an analysis gives known to the connection, as they are declared; the others are there."""
    if table in _ANALYSES:
        for name, found in _ANALYSES[table](view).items():
            view.register(name, schema.conformed(name, found))


def _measures(view: View) -> dict[str, pd.DataFrame]:
    from rcm_analysis.measures import measures

    return {"measures": measures.measure(view)}


def _signals(view: View) -> dict[str, pd.DataFrame]:
    from rcm_analysis.trends import signals

    return {"signals": signals.all_signals(view)}


def _clusters(view: View) -> dict[str, pd.DataFrame]:
    from rcm_analysis.clusters import grouping

    return dict(zip(("clusters", "cluster_members"), grouping.of_practice(view)[1:], strict=True))


def _rules(view: View) -> dict[str, pd.DataFrame]:
    from rcm_analysis.prevention import cache, wording

    return {"rules": wording.described(cache.rules_of_practice(view))}


def _risk(view: View) -> dict[str, pd.DataFrame]:
    from rcm_analysis.risk import worklist

    return {"risk": worklist.risk(view)}


def _work_items(view: View) -> dict[str, pd.DataFrame]:
    from rcm_analysis.clusters import grouping
    from rcm_analysis.prevention import cache, wording
    from rcm_analysis.store import kept
    from rcm_analysis.store.content import Content
    from rcm_analysis.store.practice import Practice
    from rcm_analysis.work import items, projects, status

    def make() -> Content:
        # of the view's months, as on the page of groups, so that a claim's group has one name
        _, clusters, members = grouping.of_practice(view, months=view.months)
        found = items.items(view, wording.described(cache.rules_of_practice(view)), members)
        tables = {
            "work_items": found,
            "work_projects": projects.projects(view, found, clusters),
            "work_done": status.done(view, found),
        }
        return Content(tables)

    # what the team wrote into its workbook changes the queue, and nothing else that is learned
    told = Practice(view.store, view.practice).batches()
    return dict(kept.learned(view, "work-queue", make, asked={"batches": told, "months": view.months}).frames)


# Who computes each table of `schema.ANALYSES`; a room is imported by the table that needs it
_ANALYSES: dict[str, Callable[[View], dict[str, pd.DataFrame]]] = {
    "measures": _measures,
    "signals": _signals,
    "clusters": _clusters,
    "cluster_members": _clusters,
    "rules": _rules,
    "risk": _risk,
    "work_items": _work_items,
    "work_projects": _work_items,
    "work_done": _work_items,
}


LEARNED = tuple(_ANALYSES)  # the first use of a day makes them, later ones read most of them


def _write_workbook(result: Any, table: str, out: Path) -> None:
    """Typed cells, frozen header, filters; strings stay strings. Rows that no sheet holds go on in the next."""
    import datetime as dt

    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    header = [column[0] for column in result.description]
    book = xlsxwriter.Workbook(str(out), options)
    try:
        book.set_properties({"created": dt.datetime(2000, 1, 1)})
        formats = [
            book.add_format(f) for f in ({"num_format": "#,##0.00"}, {"num_format": "yyyy-mm-dd"}, {"bold": True})
        ]
        for number, rows in enumerate(_sheets(result), 1):
            sheet = book.add_worksheet(table[:31] if number == 1 else f"{table[:26]} {number}")
            _write_sheet(sheet, header, rows, *formats)
    finally:
        try:
            book.close()
        except FileCreateError as error:
            raise error.args[0] if error.args and isinstance(error.args[0], OSError) else OSError(*error.args) from None


def _sheets(result: Any) -> Iterator[Iterator[tuple]]:
    """The rows of each sheet; one without rows where there are none."""
    rows = chain.from_iterable(iter(lambda: result.fetchmany(ROWS_AT_ONCE), []))
    first = True
    for row in rows:
        yield chain([row], islice(rows, ROWS_OF_SHEET - 2))  # besides the header
        first = False
    if first:
        yield iter(())


def _write_sheet(sheet: Any, header: list[str], rows: Iterable[tuple], money: Any, day: Any, head: Any) -> None:
    import datetime as dt

    sheet.write_row(0, 0, header, head)
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(header) - 1, 16)
    last = 0
    for last, row in enumerate(rows, 1):
        for j, value in enumerate(row):
            if value is None:
                continue
            if isinstance(value, dt.date):
                done = sheet.write_datetime(last, j, dt.datetime(value.year, value.month, value.day), day)
            elif isinstance(value, str):
                done = sheet.write_string(last, j, defused(value))  # not 0 where it is too long
            else:
                done = sheet.write(last, j, value, money if type(value).__name__ == "Decimal" else None)
            if done:
                raise FailedError(
                    f"a cell of the column {header[j]} does not fit into a workbook; write the table to .csv or .parquet"
                )
    sheet.autofilter(0, 0, max(last, 1), len(header) - 1)
