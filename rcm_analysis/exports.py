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
from dataclasses import dataclass, field

import pyarrow as pa

from rcm_analysis import ledgers, listings, sheets
from rcm_analysis.cells import AMBIGUOUS, date_order
from rcm_analysis.envelopes import Note
from rcm_analysis.grids import GridError, grid
from rcm_analysis.mappings import (
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
from rcm_analysis.sheets import Sheet, SheetError, is_workbook

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

    @property
    def table(self) -> pa.Table | None:
        """The ledger, where the file is one."""
        return self.tables.get("ledger")


def read(
    name: str, data: bytes, *, raw: bytes, mapping: Mapping | None = None, file_id: str | None = None, key: bytes = b""
) -> Read:
    """What a file that holds no X12 tells; `data` is its text as UTF-8, `raw` its own bytes, `key` makes pseudonyms.

    Raises nothing for bad content: what can't be used becomes a `Note` with its row, column, reason and what to do.
    """
    mapping = mapping or Mapping()
    try:
        pages = sheets.read(data, raw=raw)
        sheet, layout, others = _choose(pages, mapping)
        made = grid(sheet, layout, mapping, name=sheet.name if others else "", keep_repeats=layout.kind == "ledger")
    except SheetError as error:
        return _refused(str(error), CSV_AGAIN)
    except GridError as error:
        return _refused(str(error), error.advice)
    result = Read(kind=layout.kind, names=_words(made.texts("patient_name")))
    if layout.kind == "ledger":
        table, result.counts, result.cents = ledgers.read(made, mapping)
        result.tables = {"ledger": table}
    else:
        id_ = file_id or hashlib.sha256(raw).hexdigest()
        result.tables, result.counts, result.cents = listings.read(made, file_id=id_, key=key)
    for _ in others:
        made.notice("file", "another sheet of the workbook was passed over",
                    "export it as a file of its own if it is needed")  # fmt: skip
    if not any(table.num_rows for table in result.tables.values()):
        first = made.notes[0] if made.notes else Note(0, "file", "file", "it has no row below its header", "")
        return _refused(f"no row could be read; {first.place} {first.reason}", NAME_COLUMN, names=result.names)
    result.notes = made.notes
    return result


def _choose(pages: list[Sheet], mapping: Mapping) -> tuple[Sheet, Layout, list[str]]:
    """The first sheet that is understood, its layout, and the names of the sheets with rows that were passed over."""
    problems = []
    for page in pages:
        layout, problem, _ = find_layout(page.rows, mapping)
        if layout:
            return page, layout, [other.name for other in pages if other is not page]
        problems.append(problem)
    raise GridError(problems[0], NAME_COLUMN)


def _refused(reason: str, advice: str, *, names: frozenset[str] = frozenset()) -> Read:
    return Read(notes=[Note(0, "file", "file", reason, advice)], names=names)


def _words(names: list[str]) -> frozenset[str]:
    return frozenset(word.lower() for name in set(names) for word in re.findall(r"[^\W\d_]{2,}", name))


def propose(files: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The text of a mapping file for exports, each as (text as UTF-8, its own bytes); None if none is a table.

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
            layout, _, nearest = find_layout(page.rows, Mapping())
            layout = layout or _partial(page, nearest)
            if layout and layout.kind not in told:
                columns, kinds, found = _proposal(page, layout)
                told[layout.kind], order = (columns, kinds), order or found
    sections = [(kind, *told[kind]) for kind in sorted(told, key=KINDS.index)]
    return as_toml(sections, date_order=order) if sections else None


def _partial(page: Sheet, kind: str) -> Layout | None:
    """A header that is understood in part, to be completed by the user."""
    tops = (
        [Layout(kind, top, match_columns(row, kind, Mapping())) for top, row in enumerate(page.rows[:15])]
        if kind
        else []
    )
    best = max(tops, key=lambda layout: len(layout.columns), default=None)
    return best if best and best.columns else None


def _proposal(page: Sheet, layout: Layout) -> tuple[dict[str, str], dict[str, str], str | None]:
    header = page.rows[layout.top]
    columns = {ours: header[places[0]].strip() for ours, places in layout.columns.items()}
    below = [row for row in page.rows[layout.top + 1 :] if len(row) == len(header)]
    column = lambda ours: [row[layout.columns[ours][0]] for row in below if ours in layout.columns]  # noqa: E731
    orders = [date_order(column(ours)) for ours in DAYS[layout.kind]]
    types = sorted({value.strip() for value in column("kind")} - {""})[:50]
    kinds = {type_: ledgers.kind_of(type_) for type_ in types} if layout.kind == "ledger" else {}
    return columns, kinds, next((order for order in orders if order and order != AMBIGUOUS), None)
