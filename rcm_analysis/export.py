"""One table to a file: Parquet, CSV or Excel, with text that a spreadsheet would run as a formula made harmless."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rcm_analysis.store import engine as store_engine
from rcm_analysis.store import schema
from rcm_analysis.words import csv_text, defused

if TYPE_CHECKING:
    import pandas as pd

    from rcm_analysis.store.view import View

SUFFIXES = (".parquet", ".csv", ".xlsx")


def names() -> list[str]:
    """The tables that can be exported."""
    return list(schema.TABLES)


def export(table: str, *, practice: str, store: Path, as_of: date, out: Path, engine: str | None = None) -> int:
    """Writes the table as known on the day; gives the number of rows. Money stays decimal in Parquet."""
    from rcm_analysis.claims import derive

    return write(derive.open_practice(store, practice, as_of=as_of, engine=engine), table, out)


def write(view: View, table: str, out: Path) -> int:
    """Writes a table of the view to .parquet, .csv or .xlsx; gives the number of rows."""
    _register(view, table)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".parquet":
        store_engine.write_parquet(view.con, f"SELECT * FROM {table}", out)
    elif out.suffix == ".csv":
        out.write_text(csv_text(view.sql(f"SELECT * FROM {table}")), "utf-8")
    else:
        _write_workbook(view.execute(f"SELECT * FROM {table}"), table, out)
    return int(view.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


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

    return {"signals": signals.practice_signals(view)}


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
    from rcm_analysis.work import items, projects, status

    _, clusters, members = grouping.of_practice(view)
    found = items.items(view, wording.described(cache.rules_of_practice(view)), members)
    return {
        "work_items": found,
        "work_projects": projects.projects(view, found, clusters),
        "work_done": status.done(view, found),
    }


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
    """Typed cells, frozen header, filters; strings stay strings."""
    import datetime as dt

    import xlsxwriter

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(out), options) as book:
        book.set_properties({"created": dt.datetime(2000, 1, 1)})
        sheet = book.add_worksheet(table[:31])
        money, day, head = (
            book.add_format(f) for f in ({"num_format": "#,##0.00"}, {"num_format": "yyyy-mm-dd"}, {"bold": True})
        )
        header = [column[0] for column in result.description]
        sheet.write_row(0, 0, header, head)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(header) - 1, 16)
        rows = result.fetchall()
        for i, row in enumerate(rows, 1):
            for j, value in enumerate(row):
                if value is None:
                    continue
                if isinstance(value, dt.date):
                    sheet.write_datetime(i, j, dt.datetime(value.year, value.month, value.day), day)
                elif isinstance(value, str):
                    sheet.write_string(i, j, defused(value))
                else:
                    sheet.write(i, j, value, money if type(value).__name__ == "Decimal" else None)
        sheet.autofilter(0, 0, max(len(rows), 1), len(header) - 1)
