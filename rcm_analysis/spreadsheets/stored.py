"""A ledger as it is stored, and what it means as of a day by what is known by then.

    headings  ["Ref", "Post Dt", "Tx", "Amt"]        told: what the user's mapping says
    cells     7001  02/20/2026  B34  -120.00

Cells are stored as they came (see `cleaned`) and understood anew whenever they are needed, so that neither the order of
files nor what is learned later changes what was known on a day.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.spreadsheets import cells, columns, ledgers, reconciliation, tables, unseen
from rcm_analysis.spreadsheets.columns import Cells
from rcm_analysis.spreadsheets.known import Known, gather
from rcm_analysis.spreadsheets.mappings import MIN_COLUMNS, Layout, Mapping, match_columns, missing
from rcm_analysis.spreadsheets.tables import Grid, GridError
from rcm_analysis.store import schema
from rcm_analysis.store.rows import Note

LEVEL = "table"  # of the note on postings that are stored and do not count yet
NOT_UNDERSTOOD = "the ledger is not understood: "
WAITS = (
    "it is stored and counts once it is understood: ingest the EDI of its claims, or name its columns in a mapping file"
)


@dataclass
class Page:
    """A sheet of a ledger: its place and name, headings, cells, and the numbers of its rows in the file."""

    place: int
    name: str
    headings: list[str]
    cells: list[Cells]
    numbers: np.ndarray
    dropped: dict[str, str] = field(default_factory=dict)  # heading -> why its cells are not kept


@dataclass
class Ledger:
    """The sheets of one file, and the mapping with which it was given."""

    pages: list[Page]
    mapping: Mapping


Headings = tuple[str, ...]


@dataclass(frozen=True)
class Prior:
    """What columns and codes meant in a larger ledger with the same headings, of so many rows, which is understood."""

    columns: dict[str, str]  # ours -> heading
    kinds: dict[tuple[str, str], str]
    patients: frozenset[str] = frozenset()
    rows: int = 0


@dataclass
class Earlier:
    """Ledgers taken in before: their headings, the mappings that confirm them, and what a layout meant in the largest."""

    layouts: frozenset[Headings] = frozenset()
    mappings: dict[Headings, Mapping] = field(default_factory=dict)
    prior: Callable[[Headings], Prior | None] = lambda headings: None

    def changed(self, headings: Headings) -> tuple[list[str], list[str]] | None:
        """Headings that are new and those that are gone since the earlier ledger that is most alike; None if one is alike."""
        if not self.layouts or headings in self.layouts:
            return None
        nearest = max(sorted(self.layouts), key=lambda other: len(set(other) & set(headings)))
        return [h for h in headings if h not in nearest], [h for h in nearest if h not in headings]


@dataclass
class Understood:
    """What a stored ledger means: its postings, or why they don't count; figures and remarks, and how it is understood."""

    table: pa.Table | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    left_over: str = ""
    advice: str = WAITS
    notes: list[Note] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    priors: dict[Headings, Prior] = field(default_factory=dict)

    def row(self, sheet: str) -> dict[str, Any]:
        """The row of `ledger_understanding`."""
        told = {
            "sheet": sheet,
            "understood": self.table is not None,
            "reason": self.reason,
            "left_over": self.left_over,
        }
        return {**told, **self.figures}


# --- as tables of the store ----------------------------------------------------------------------------------------


def as_tables(ledger: Ledger) -> dict[str, pa.Table]:
    """The rows of `ledger_sheets` and `ledger_cells`."""
    told = json.dumps(asdict(ledger.mapping), ensure_ascii=False)
    sheets = [
        {"sheet": page.place, "name": page.name, "headings": json.dumps(page.headings, ensure_ascii=False),
         "dropped": json.dumps(page.dropped, ensure_ascii=False), "told": told, "rows": len(page.numbers)}
        for page in ledger.pages
    ]  # fmt: skip
    names = schema.TABLES["ledger_sheets"].arrow()
    rows = pa.Table.from_pylist([{"file_id": None, **row} for row in sheets], names)
    parts = []
    for page in ledger.pages:
        made = {"file_id": pa.nulls(len(page.numbers), schema.FILE), "row": pa.array(page.numbers, schema.COUNT)}
        made |= {schema.cell_column(i): one.arrow() for i, one in enumerate(page.cells)}
        nothing = pa.nulls(len(page.numbers), schema.TEXT)  # one array for all columns that the ledger has not
        made |= {schema.cell_column(i): nothing for i in range(len(page.cells), schema.LEDGER_COLUMNS)}
        parts.append(schema.conform("ledger_cells", made))
    return {"ledger_sheets": rows, "ledger_cells": pa.concat_tables(parts)}


def from_tables(sheets: Iterable[dict[str, Any]], cells_: pa.Table) -> Ledger:
    """A file's ledger from its rows of `ledger_sheets` and `ledger_cells`."""
    sheets = sorted(sheets, key=lambda sheet: sheet["sheet"])
    numbers = np.asarray(cells_["row"], np.int64)
    if (np.diff(numbers) < 0).any():
        order = np.argsort(numbers, kind="stable")
        cells_, numbers = cells_.take(pa.array(order)), numbers[order]
    of_sheet = (numbers - 1) // schema.SHEET_ROWS
    pages = []
    for sheet in sheets:
        headings = json.loads(sheet["headings"])
        first, last = np.searchsorted(of_sheet, [sheet["sheet"], sheet["sheet"] + 1])
        mine = cells_.slice(first, last - first)
        body = [_cells(mine[schema.cell_column(i)]) for i in range(len(headings))]
        pages.append(
            Page(sheet["sheet"], sheet["name"] or "", headings, body, numbers[first:last], json.loads(sheet["dropped"]))
        )
    return Ledger(pages, Mapping(**json.loads(sheets[0]["told"])))


def _cells(column: pa.ChunkedArray) -> Cells:
    coded = pc.fill_null(column.cast(pa.string()), "").combine_chunks().dictionary_encode()
    return columns.compact(np.asarray(coded.indices), coded.dictionary.to_pylist())


# --- understood ----------------------------------------------------------------------------------------------------


def understand(
    ledger: Ledger,
    known: Known,
    *,
    as_of: date | None = None,
    priors: Callable[[Headings], Prior | None] = lambda headings: None,
) -> Understood:
    """What the ledger means by what is `known`, of it the postings until `as_of` (all of them if None).

    It is read as a larger ledger with the same headings, where `priors` has one: a small one tells less of its codes, and
    rows that stand in both must mean the same to count once.
    """
    rows = sum(len(page.numbers) for page in ledger.pages)
    priors_ = {headings: priors(headings) for headings in {tuple(page.headings) for page in ledger.pages}}
    found = {headings: prior for headings, prior in priors_.items() if prior and prior.rows >= rows}
    alike = _understand(ledger, known, as_of, found) if found else None
    return alike if alike and alike.table is not None else _understand(ledger, known, as_of, {})


def _understand(ledger: Ledger, known: Known, as_of: date | None, priors: dict[Headings, Prior]) -> Understood:
    mapping = ledger.mapping
    try:
        made = _grids(ledger, known, mapping, priors)
        if as_of is not None:
            until = [_until(grid, as_of) for grid in made]
            if not all(rows.all() for rows in until):
                settled = replace(mapping, date_order=next((g.order for g in made if g.order in cells.ORDERS), None))
                made = _grids(ledger, known, settled, priors, until)
        found = [ledgers.read(grid, mapping, meaning) for grid, meaning in made.items() if len(grid)]
    except GridError as error:
        rows = sum(len(page.numbers) for page in ledger.pages)
        return Understood(None, {"rows": rows}, str(error), error.left_over, error.advice)
    table = pa.concat_tables(found) if found else schema.empty("ledger")
    out = Understood(table, notes=[note for grid in made for note in grid.notes])
    if not table.num_rows:
        return out
    check = reconciliation.check(table, known, kinds_told=bool(mapping.kinds))
    for grid, meaning in made.items():
        out.said += unseen.explained(grid.header, meaning) if meaning else []
    out.said += [f'"{heading}" is left out: {why}' for page in ledger.pages for heading, why in page.dropped.items()]
    out.said += map(str, check.comparisons)
    out.figures = check.figures
    rows = sum(len(page.numbers) for page in ledger.pages)
    out.priors = {tuple(grid.header): _prior(grid, meaning, rows) for grid, meaning in made.items()}
    if check.wrong:
        out.table, out.reason = None, "; ".join(check.wrong)
    return out


def _prior(grid: Grid, meaning: unseen.Understanding | None, rows: int) -> Prior:
    names = {ours: grid.header[places[0]] for ours, places in grid.layout.columns.items()}
    kinds = {cell: kind for cell, kind in meaning.kinds.items() if kind != "other"} if meaning else {}
    return Prior(names, kinds, meaning.patients if meaning else frozenset(), rows)


def _grids(
    ledger: Ledger, known: Known, mapping: Mapping, priors: dict[Headings, Prior], until: list[np.ndarray] | None = None
) -> dict[Grid, unseen.Understanding | None]:
    """The sheets, those of one header together, each with what its columns mean."""
    together: dict[tuple[str, ...], list[Page]] = {}
    for page in ledger.pages:
        together.setdefault(tuple(page.headings), []).append(page)
    made: dict[Grid, unseen.Understanding | None] = {}
    for n, pages in enumerate(together.values()):
        body = [columns.joined(some) for some in zip(*(page.cells for page in pages), strict=True)]
        numbers = np.concatenate([page.numbers for page in pages])
        if until is not None:
            body, numbers = [one.take(until[n]) for one in body], numbers[until[n]]
        header = pages[0].headings
        prior = priors.get(tuple(header))
        named = replace(mapping, columns={**prior.columns, **mapping.columns}) if prior else mapping
        layout, meaning = unseen.layout_of(header, body, named, known, told_layout(header, named))
        if prior:
            meaning = _as_before(meaning or unseen.Understanding(), prior)
        if layout is None:
            raise GridError(f"no column of claim numbers, days or amounts is told by the headings or by what is known "
                            f"of the claims: {unseen.named(header, body, range(len(header)))}", WAITS,
                            left_over=unseen.named(header, body, range(len(header))))  # fmt: skip
        names = {page.place: page.name for page in ledger.pages if len(ledger.pages) > 1}
        made[Grid(layout, header, frozenset(), body, numbers, sheets=names)] = meaning
    tables.settle(list(made), mapping)
    return made


def _as_before(meaning: unseen.Understanding, prior: Prior) -> unseen.Understanding:
    """What codes meant in the larger ledger, and by this one itself where they did not stand there."""
    return replace(meaning, kinds={**meaning.kinds, **prior.kinds}, patients=meaning.patients | prior.patients)


def told_layout(header: list[str], mapping: Mapping) -> Layout | None:
    """The layout that the headings alone tell, if they do."""
    ours = match_columns(header, "ledger", mapping)
    return Layout("ledger", 0, ours) if len(ours) >= MIN_COLUMNS and not missing("ledger", ours) else None


def _until(grid: Grid, as_of: date) -> np.ndarray:
    """Rows posted until the day, and those whose day can't be read."""
    read = Grid(grid.layout, grid.header, frozenset(), grid.columns, grid.numbers, order=grid.order)
    return ~(read.day_column("posted_on") > np.datetime64(as_of))


def understood(query: Callable[[str], pa.Table], *, as_of: date | None = None) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Postings of all ledgers that are stored and understood, and the rows of `ledger_understanding`.

    `query` gives the rows of a statement on the fact tables, which are those known on `as_of`.
    """
    sheets = query("SELECT * FROM ledger_sheets")
    known = gather(lambda name, names: query(f"SELECT {', '.join(names)} FROM {name}"))
    told = understood_before(query("SELECT * FROM ledger ORDER BY file_id, row"), known)
    by_file: dict[str, list[dict[str, Any]]] = {}
    for row in sheets.to_pylist():
        by_file.setdefault(row["file_id"], []).append(row)
    found, mappings = [schema.empty("ledger")], confirmed_mappings(sheets.to_pylist())
    priors: dict[Headings, Prior] = {}
    # the largest first, so that what it means serves the others with its headings
    order = sorted(by_file, key=lambda file_id: (-sum(row["rows"] for row in by_file[file_id]), file_id))
    for file_id in order:
        widest = max(len(json.loads(row["headings"])) for row in by_file[file_id])
        names = ", ".join(["row", *map(schema.cell_column, range(widest))])
        cells_ = query(f"SELECT {names} FROM ledger_cells WHERE file_id = '{file_id}'")
        ledger = confirmed(from_tables(by_file[file_id], cells_), mappings)
        one = understand(ledger, known, as_of=as_of, priors=priors.get)
        priors = {**one.priors, **priors} if one.table is not None else priors
        told.append({"file_id": file_id, **one.row(", ".join(page.name for page in ledger.pages if page.name))})
        if one.table is not None and one.table.num_rows:
            ids = pa.DictionaryArray.from_arrays(pa.nulls(one.table.num_rows, pa.int32()).fill_null(0), [file_id])
            found.append(one.table.set_column(0, schema.TABLES["ledger"].arrow().field(0), ids))
    return pa.concat_tables(found).unify_dictionaries(), told


def confirmed_mappings(sheets: Iterable[dict[str, Any]]) -> dict[Headings, Mapping]:
    """The mapping under which a layout was given; of several that which says most."""
    found: dict[Headings, Mapping] = {}
    for row in sorted(sheets, key=lambda row: (row["file_id"], row["sheet"])):
        told, headings = Mapping(**json.loads(row["told"])), tuple(json.loads(row["headings"]))
        if _says(told) > _says(found.get(headings, Mapping())):
            found[headings] = told
    return found


def _says(mapping: Mapping) -> int:
    return len(mapping.columns) + len(mapping.kinds)


def confirmed(ledger: Ledger, mappings: dict[Headings, Mapping]) -> Ledger:
    """The ledger under the mapping that confirmed another with its headings, where it was given without one."""
    told = next((mappings[tuple(page.headings)] for page in ledger.pages if tuple(page.headings) in mappings), None)
    return replace(ledger, mapping=told) if told and not _says(ledger.mapping) else ledger


def understood_before(ledger: pa.Table, known: Known) -> list[dict[str, Any]]:
    """The rows of `ledger_understanding` for postings that an earlier release understood when they came."""
    told = []
    for file_id in pc.unique(ledger["file_id"].cast(pa.string())).to_pylist():
        mine = ledger.filter(pc.equal(ledger["file_id"].cast(pa.string()), file_id))
        check = reconciliation.check(mine, known)
        reason = "; ".join(check.wrong)
        told.append(
            {"file_id": file_id, "sheet": "", "understood": True, "reason": reason, "left_over": "", **check.figures}
        )
    return told
