"""Exports of a practice's billing system (CSV, Excel) -> the ledger, or claims and denials from listings.

The file is read as sheets of rows (`sheets`), its kind and columns are told from the headers or a mapping (`mappings`),
cells become days and cents (`grids`, `cells`), and each kind has its reader (`ledgers`, `listings`).

    Claim ID,Txn Date,Txn Type,Adj Reason,Amount            ledger
    Claim ID,Submit Date,Payer,CPT,Charge                   claims
    Claim ID,Denial Date,Denial Code,Denied Amount          denials
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from rcm_analysis.spreadsheets import ledgers, listings, reconciliation, sheets, terms, unseen
from rcm_analysis.spreadsheets.cells import AMBIGUOUS, date_order
from rcm_analysis.spreadsheets.known import Known
from rcm_analysis.spreadsheets.mappings import (
    DAYS,
    KINDS,
    Layout,
    Mapping,
    MappingError,
    as_toml,
    find_layout,
    match_columns,
    read_mapping,
)
from rcm_analysis.spreadsheets.sheets import MAX_SHEETS, Sheet, SheetError, is_workbook
from rcm_analysis.spreadsheets.tables import Grid, GridError, grids
from rcm_analysis.spreadsheets.understanding import Understanding
from rcm_analysis.store.rows import Note

__all__ = [
    "KINDS",
    "Mapping",
    "MappingError",
    "Read",
    "is_workbook",
    "match_columns",
    "propose",
    "read",
    "read_mapping",
]

NAME_COLUMN = "name the columns in a mapping file: rcm ingest FILE --practice P --mapping new.toml"
LEFT_OUT = "nothing to do if it holds no claims; else name its columns in a mapping file"
CSV_AGAIN = "check that this is the right file; PDF and picture files must be exported as CSV"


@dataclass
class Read:
    """A file read: its tables (none if it was not understood), its kind, remarks, counts and totals in cents.

    `names` are the lower-case words of its patients' names, held in memory only.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    kind: str = "ledger"
    notes: list[Note] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    cents: Counter = field(default_factory=Counter)
    names: frozenset[str] = frozenset()
    said: list[str] = field(default_factory=list)  # how a ledger is understood
    checks: list[dict[str, Any]] = field(default_factory=list)  # rows of `ledger_checks`

    @property
    def table(self) -> pa.Table | None:
        """The ledger, where the file is one."""
        return self.tables.get("ledger")


def read(
    name: str, data: bytes, *, raw: bytes, mapping: Mapping | None = None, file_id: str | None = None, key: bytes = b"",
    known: Known | None = None,
) -> Read:  # fmt: skip
    """What a file that holds no X12 tells; `data` is its text as UTF-8, `raw` its own bytes, `key` makes pseudonyms.
    `known` is what electronic files tell of the claims; a ledger's columns and codes are told from it, and it is held
    against it.

    Every sheet of a workbook that is understood is an export of its own. Raises nothing for bad content: what can't be
    used becomes a `Note` with its sheet, row, column, reason and what to do.
    """
    mapping, known = mapping or Mapping(), known or Known()
    try:
        pages = sheets.read(data, raw=raw)
        if terms.understood(pages):
            return _terms(pages[0])
        found, left_out, told = _understood(pages, mapping, known)
        people = frozenset().union(*(_people(page, layout) for page, layout in found))
        for page in pages:
            page.name = _without(page.name, people)
        made = grids(found, mapping, people=people, named=len(pages) > 1)
    except SheetError as error:
        return _refused(str(error), CSV_AGAIN)
    except GridError as error:
        return _refused(str(error), error.advice, left_over=error)
    result = Read(kind="+".join(sorted({one.layout.kind for one in made})), names=people)
    try:
        for one in made:
            _add(result, one, mapping, file_id or hashlib.sha256(raw).hexdigest(), key, told.get(id(one.layout)))
    except GridError as error:
        return _refused(str(error), error.advice, names=people)
    if result.table is not None and result.table.num_rows:
        for one in made:
            if id(one.layout) in told:
                result.said += unseen.explained(one.header, told[id(one.layout)])
        check = reconciliation.check(result.table, known, kinds_told=bool(mapping.kinds))
        result.said += map(str, check.comparisons)
        result.checks.append({"understood": not check.wrong, "reason": "; ".join(check.wrong), **check.figures})
        if check.wrong:
            refused = _refused("the ledger is not understood: " + "; ".join(check.wrong), NAME_COLUMN, names=people)
            refused.checks = result.checks
            return refused
    if len(made) > 1:
        numbers = [one.cells("claim_number").take(one.good_rows()).values for one in made]
        result.counts["claims"] = len({number for values in numbers for number in values})
    result.notes += [
        Note(0, "notice", f"sheet {page.name}", f"was left out: {why}", LEFT_OUT) for page, why in left_out
    ]
    if not any(table.num_rows for table in result.tables.values()):
        first = result.notes[0] if result.notes else Note(0, "file", "file", "it has no row below its header", "")
        return _refused(f"no row could be read; {first.place} {first.reason}", NAME_COLUMN, names=people)
    return result


def _terms(page: Sheet) -> Read:
    """A list of contracts, which is no export."""
    table, notes = terms.read(page)
    if not table.num_rows:
        return _refused("it holds no contract below its header", terms.MEND)
    return Read({terms.TABLE: table}, terms.TABLE, notes)


Ledgers = dict[int, Understanding]  # by the identity of their layout


def _understood(
    pages: list[Sheet], mapping: Mapping, known: Known
) -> tuple[list[tuple[Sheet, Layout]], list[tuple[Sheet, str]], Ledgers]:
    """The sheets that are understood with their layouts, the others with what is wrong, and what ledgers' columns mean.

    Raises GridError when none is understood, or when one that is a ledger is not understood wholly.
    """
    found: list[tuple[Sheet, Layout]] = []
    left_out: list[tuple[Sheet, str]] = []
    told: Ledgers = {}
    for page in pages:
        layout, problem, _ = find_layout(page.top, mapping)
        if layout is None or layout.kind == "ledger":
            layout, meaning = unseen.layout_of(page, mapping, known, layout)
            if layout and meaning:
                told[id(layout)] = meaning
        if layout and len(found) < MAX_SHEETS:
            found.append((page, layout))
        else:
            left_out.append((page, problem or f"more than {MAX_SHEETS} sheets are understood"))
    if not found:
        raise GridError(left_out[0][1], NAME_COLUMN)
    return found, left_out, told


def _people(page: Sheet, layout: Layout) -> frozenset[str]:
    """The words of the patients' names in a sheet."""
    places = layout.columns.get("patient_name", [])
    below = page.below(layout.top)
    names = [name for place in places if place < len(below.columns) for name in below.columns[place].values]
    return _words(names + [row[place] for row in below.odd.values() for place in places if place < len(row)])


def _without(name: str, people: frozenset[str]) -> str:
    """A sheet's name without words that are in a patient's name."""
    return re.sub(r"[^\W\d_]{2,}", lambda word: "~" if word[0].lower() in people else word[0], name)


def _add(result: Read, made: Grid, mapping: Mapping, file_id: str, key: bytes, told: Understanding | None) -> None:
    """Adds what a grid tells to the tables, counts, totals and remarks."""
    if made.layout.kind == "ledger":
        table, counts, cents = ledgers.read(made, mapping, told)
        tables = {"ledger": table}
    else:
        tables, counts, cents = listings.read(made, file_id=file_id, key=key)
    for name, table in tables.items():
        result.tables[name] = pa.concat_tables([result.tables[name], table]) if name in result.tables else table
    result.counts.update(counts)
    result.cents.update(cents)
    result.notes += made.notes


def _refused(
    reason: str, advice: str, *, names: frozenset[str] = frozenset(), left_over: GridError | None = None
) -> Read:
    refused = Read(notes=[Note(0, "file", "file", reason, advice)], names=names)
    if left_over and left_over.left_over:
        told = {"understood": False, "reason": reason, "left_over": left_over.left_over, "rows": left_over.rows}
        refused.checks.append(told)
    return refused


def _words(names: list[str]) -> frozenset[str]:
    return frozenset(word.lower() for name in set(names) for word in re.findall(r"[^\W\d_]{2,}", name))


def propose(files: Iterable[tuple[bytes, bytes]], known: Known | None = None) -> str | None:
    """The text of a mapping file for exports, each as (text as UTF-8, its own bytes); None if none is a table.

    A ledger whose headings tell nothing is told by what is `known` from electronic files.

    Of several files of one kind the first is taken. Posting types are listed with what they are taken for; no other
    cell of the files is shown.
    """
    told: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    order = None
    for data, raw in files:
        try:
            pages = sheets.read(data, raw=raw)
        except SheetError:
            continue
        for page in pages:
            layout, _, nearest = find_layout(page.top, Mapping())
            meaning = None
            if layout is None or layout.kind == "ledger":
                with suppress(GridError):
                    layout, meaning = unseen.layout_of(page, Mapping(), known or Known(), layout)
            layout = layout or _partial(page, nearest)
            if layout and layout.kind not in told:
                columns, kinds, found = _proposal(page, layout, meaning)
                told[layout.kind], order = (columns, kinds), order or found
    sections = [(kind, *told[kind]) for kind in sorted(told, key=KINDS.index)]
    return as_toml(sections, date_order=order) if sections else None


def _partial(page: Sheet, kind: str) -> Layout | None:
    """A header that is understood in part, to be completed by the user."""
    tops = (
        [Layout(kind, top, match_columns(row, kind, Mapping())) for top, row in enumerate(page.top[:15])]
        if kind
        else []
    )
    best = max(tops, key=lambda layout: len(layout.columns), default=None)
    return best if best and best.columns else None


def _proposal(
    page: Sheet, layout: Layout, meaning: Understanding | None
) -> tuple[dict[str, str], dict[str, str], str | None]:
    header = page.top[layout.top]
    sides = {"debit_amount": "charge_amount", "credit_amount": "payment_amount"}
    columns = {sides.get(ours, ours): header[places[0]].strip() for ours, places in layout.columns.items()}
    below = page.below(layout.top)
    there = len(below.columns) == len(header)
    column = lambda ours: below.columns[layout.columns[ours][0]].values if there and ours in layout.columns else []  # noqa: E731
    orders = [date_order(column(ours)) for ours in DAYS[layout.kind]]
    types = sorted({value.strip() for value in column("kind")} - {""})[:50]
    of_types = {type_: kind for (type_, _), kind in meaning.kinds.items()} if meaning else {}
    kinds = {type_: of_types.get(type_) or ledgers.kind_of(type_) for type_ in types} if layout.kind == "ledger" else {}
    return columns, kinds, next((order for order in orders if order and order != AMBIGUOUS), None)
