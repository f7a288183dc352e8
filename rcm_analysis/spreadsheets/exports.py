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
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.spreadsheets import cleaned, ledgers, listings, sheets, stored, terms, unseen, worklists, worklog
from rcm_analysis.spreadsheets.cells import AMBIGUOUS, date_order
from rcm_analysis.spreadsheets.columns import Cells
from rcm_analysis.spreadsheets.known import Known
from rcm_analysis.spreadsheets.mappings import (
    DAYS,
    KINDS,
    Layout,
    Mapping,
    MappingError,
    Proposal,
    as_toml,
    find_layout,
    match_columns,
    read_mapping,
)
from rcm_analysis.spreadsheets.sheets import MAX_SHEETS, Sheet, SheetError, is_workbook
from rcm_analysis.spreadsheets.tables import Grid, GridError, grids, whole_rows
from rcm_analysis.spreadsheets.understanding import Understanding
from rcm_analysis.store import schema
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
MAX_TYPES = 400  # posting types that are listed; a column with more holds none
FEW_CODES = 40  # of a column that is not used, which are shown as they stand
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
    layouts: list[stored.Headings] = field(default_factory=list)  # headings of a ledger's sheets
    understood: stored.Understood | None = None  # what a ledger means by what is known now
    worklist: worklists.Given | None = None  # the team's workbook, whose notes are no fact

    @property
    def table(self) -> pa.Table | None:
        """The postings of a ledger that is understood."""
        return self.understood.table if self.understood else None


def read(
    name: str, data: bytes, *, raw: bytes, mapping: Mapping | None = None, file_id: str | None = None, key: bytes = b"",
    known: Known | None = None, earlier: stored.Earlier | None = None, practice: str = "",
) -> Read:  # fmt: skip
    """What a file that holds no X12 tells; `data` is its text as UTF-8, `raw` its own bytes, `key` makes pseudonyms.
    `known` is what electronic files tell of the claims; a ledger's columns and codes are told from it, and it is held
    against it. `earlier` are ledgers taken in before: a mapping that confirmed one serves the next with its headings.

    Every sheet of a workbook that is understood is an export of its own. Raises nothing for bad content: what can't be
    used becomes a `Note` with its sheet, row, column, reason and what to do.
    """
    mapping, known, earlier = mapping or Mapping(), known or Known(), earlier or stored.Earlier()
    file_id = file_id or hashlib.sha256(raw).hexdigest()
    try:
        pages = sheets.read(data, raw=raw)
        if worklists.understood(pages):
            return _worklist(pages, practice, raw, key)
        if terms.understood(pages):
            return _terms(pages[0])
        if worklog.understood(pages) and not _is_mapped(pages, mapping):
            return _work_log(pages[0])
        found, left_out = _told(pages, mapping)
        people = frozenset().union(*(_people(page, layout) for page, layout in found))
        named = [page.name for page in pages] if len(pages) > 1 else []
        result, people = _ledger(found, mapping, known, key, people, earlier, named=bool(named))
        listed = [(page, layout) for page, layout in found if layout.kind != "ledger"]
        for page in pages:
            page.name = _without(page.name, people)
        made = grids(listed, mapping, people=people, named=bool(named))
        for one in made:
            _add(result, one, file_id, key)
        if len(found) > 1:
            result.counts["claims"] = _claims(result, made)
    except SheetError as error:
        return _refused(str(error), CSV_AGAIN)
    except GridError as error:
        return _refused(str(error), error.advice)
    result.names = people
    result.kind = "+".join(sorted({layout.kind for _, layout in found}))
    result.notes += [
        Note(0, "notice", f"sheet {page.name}", f"was left out: {why}", LEFT_OUT) for page, why in left_out
    ]
    if not any(table.num_rows for table in result.tables.values()):
        first = result.notes[0] if result.notes else Note(0, "file", "file", "it has no row below its header", "")
        return _refused(f"no row could be read; {first.place} {first.reason}", NAME_COLUMN, names=people)
    return result


def _ledger(
    found: list[tuple[Sheet, Layout]], mapping: Mapping, known: Known, key: bytes, people: frozenset[str],
    earlier: stored.Earlier, *, named: bool,
) -> tuple[Read, frozenset[str]]:  # fmt: skip
    """The cells that are kept of the sheets that are ledgers, how they are understood now, and words of patients' names."""
    result, grids_, pages = Read(), [], []
    for place, (page, layout) in enumerate(found):
        if layout.kind == "ledger":
            grid = whole_rows(page, layout, place, named=named)
            good = grid.good_rows()
            grids_.append(
                (place, grid, good, cleaned.sort(grid.header, [c.take(good) for c in grid.columns], layout.columns))
            )
    for _, _, _, some in grids_:  # what is private on one sheet is so on all with its headings
        some.dropped |= {i: why for _, _, _, o in grids_ if o.headings == some.headings for i, why in o.dropped.items()}
    people = people.union(*(some.people for _, _, _, some in grids_))
    for page, _ in found:
        page.name = _without(page.name, people)
    for place, grid, good, some in grids_:
        result.notes += [
            note._replace(place=_without(note.place, people) if named else note.place) for note in grid.notes
        ]
        kept = cleaned.clean(some, people, mapping, key)
        if len(kept.headings) > schema.LEDGER_COLUMNS:
            raise GridError(f"the ledger has more than {schema.LEDGER_COLUMNS} columns", "export fewer columns")
        if len(good):
            name = found[place][0].name
            pages.append(stored.Page(place, name, kept.headings, kept.cells, grid.numbers[good], kept.dropped))
    if pages:
        _understand(result, stored.Ledger(pages, mapping), known, earlier)
    return result, people


def _changes(layouts: list[stored.Headings], earlier: stored.Earlier) -> list[Note]:
    """A warning for each layout that no earlier ledger of the practice had."""
    notes = []
    for headings in dict.fromkeys(layouts):
        changed = earlier.changed(headings)
        if changed is not None:
            told = [
                f"{what}: {', '.join(names)}" for what, names in zip(("new", "gone"), changed, strict=True) if names
            ]
            reason = (
                f"the layout differs from that of earlier ledgers ({'; '.join(told) or 'another order of columns'})"
            )
            notes.append(Note(0, "warning", "headings", reason, "see by rcm ingest --check how it is understood"))
    return notes


def _claims(result: Read, made: list[Grid]) -> int:
    """Different claim numbers of all sheets."""
    numbers = {number for one in made for number in one.cells("claim_number").take(one.good_rows()).values}
    posted = [] if result.table is None else pc.unique(result.table["claim_number"]).to_pylist()
    return len(numbers.union(posted))


def _understand(result: Read, ledger: stored.Ledger, known: Known, earlier: stored.Earlier) -> None:
    """Adds the ledger's cells to the tables, and how it is understood by what is known now."""
    result.tables |= stored.as_tables(ledger)
    told = stored.understand(stored.confirmed(ledger, earlier.mappings), known, priors=earlier.prior)
    result.understood = told
    result.layouts = [tuple(page.headings) for page in ledger.pages]
    result.notes += _changes(result.layouts, earlier)
    result.said = told.said
    result.notes += told.notes
    if told.table is None:
        result.notes.append(Note(0, stored.LEVEL, "ledger", stored.NOT_UNDERSTOOD + told.reason, told.advice))
        result.counts["lines"] += told.figures.get("rows", 0)
        return
    counts, cents = ledgers.totals(told.table)
    result.counts.update(counts)
    result.cents.update(cents)


def _terms(page: Sheet) -> Read:
    """A list of contracts, which is no export."""
    table, notes = terms.read(page)
    if not table.num_rows:
        return _refused("it holds no contract below its header", terms.MEND)
    return Read({terms.TABLE: table}, terms.TABLE, notes)


def _worklist(pages: list[Sheet], practice: str, raw: bytes, key: bytes) -> Read:
    """The team's workbook, with what was typed in it."""
    given, notes = worklists.read(pages, practice, raw=raw)
    if given is None:
        return Read(notes=notes, kind=worklists.KIND)
    read = Read({worklists.TABLE: worklists.facts(given, key)}, worklists.KIND, notes, worklist=given)
    read.counts["claims"] = len({row.claim_number for row in given.rows})
    return read


def _is_mapped(pages: list[Sheet], mapping: Mapping) -> bool:
    """Whether a mapping that is given names the columns of one of the sheets."""
    return bool(mapping.kinds) and any(find_layout(page.top, mapping)[0] for page in pages)


def _work_log(page: Sheet) -> Read:
    """What staff did, which is no export of money."""
    table, notes = worklog.read(page)
    if not table.num_rows:
        return _refused("it holds no work below its header", worklog.MEND)
    return Read({worklog.TABLE: table}, worklog.TABLE, notes)


def _told(pages: list[Sheet], mapping: Mapping) -> tuple[list[tuple[Sheet, Layout]], list[tuple[Sheet, str]]]:
    """The sheets that are exports with their layouts, as far as headings tell them, and the others with what is wrong.

    A sheet without known headings that may be a ledger counts as one. Raises GridError when none is an export.
    """
    found: list[tuple[Sheet, Layout]] = []
    left_out: list[tuple[Sheet, str]] = []
    for page in pages:
        layout, problem, _ = find_layout(page.top, mapping)
        layout = layout or _unknown_ledger(page, mapping)
        if layout and len(found) < MAX_SHEETS:
            found.append((page, layout))
        else:
            left_out.append((page, problem or f"more than {MAX_SHEETS} sheets are understood"))
    if not found:
        raise GridError(left_out[0][1], NAME_COLUMN)
    return found, left_out


def _unknown_ledger(page: Sheet, mapping: Mapping) -> Layout | None:
    top = unseen.header_row(page.top)
    if top is None or not unseen.is_ledger(page.top[top], page.below(top).columns):
        return None
    return Layout("ledger", top, match_columns(page.top[top], "ledger", mapping))


def _people(page: Sheet, layout: Layout) -> frozenset[str]:
    """The words of the patients' names in a sheet."""
    places = layout.columns.get("patient_name", [])
    below = page.below(layout.top)
    names = [name for place in places if place < len(below.columns) for name in below.columns[place].values]
    return _words(names + [row[place] for row in below.odd.values() for place in places if place < len(row)])


def _without(name: str, people: frozenset[str]) -> str:
    """A sheet's name without words that are in a patient's name."""
    return re.sub(r"[^\W\d_]{2,}", lambda word: "~" if word[0].lower() in people else word[0], name)


def _add(result: Read, made: Grid, file_id: str, key: bytes) -> None:
    """Adds what a listing tells to the tables, counts, totals and remarks."""
    tables, counts, cents = listings.read(made, file_id=file_id, key=key)
    for name, table in tables.items():
        result.tables[name] = pa.concat_tables([result.tables[name], table]) if name in result.tables else table
    result.counts.update(counts)
    result.cents.update(cents)
    result.notes += made.notes


def _refused(reason: str, advice: str, *, names: frozenset[str] = frozenset()) -> Read:
    return Read(notes=[Note(0, "file", "file", reason, advice)], names=names)


def _words(names: list[str]) -> frozenset[str]:
    return frozenset(word.lower() for name in set(names) for word in re.findall(r"[^\W\d_]{2,}", name))


def propose(files: Iterable[tuple[bytes, bytes]], known: Known | None = None) -> str | None:
    """The text of a mapping file for exports, each as (text as UTF-8, its own bytes); None if none is a table.

    A ledger whose headings tell nothing is told by what is `known` from electronic files.

    Of several files of one kind the first is taken. Posting types are listed with what they are taken for, headings that
    are not used with short codes or shapes of their cells; no other cell of the files is shown.
    """
    told: dict[str, Proposal] = {}
    order = None
    for data, raw in files:
        try:
            pages = sheets.read(data, raw=raw)
        except SheetError:
            continue
        for page in pages:
            layout, _, nearest = find_layout(page.top, Mapping())
            layout = layout or _unknown_ledger(page, Mapping())
            meaning = None
            if layout is not None and layout.kind == "ledger":
                with suppress(GridError):
                    found, meaning = _meaning(page, layout, known or Known())
                    layout = found or layout
            layout = layout or _partial(page, nearest)
            if layout and layout.kind not in told:
                told[layout.kind], found_order = _proposal(page, layout, meaning)
                order = order or found_order
    sections = [told[kind] for kind in sorted(told, key=KINDS.index)]
    return as_toml(sections, date_order=order) if sections else None


def _meaning(page: Sheet, told: Layout | None, known: Known) -> tuple[Layout | None, Understanding | None]:
    """The layout of a ledger's sheet as what is known tells it, and what it means."""
    top = told.top if told else unseen.header_row(page.top)
    if top is None or len(page.below(top).columns) != len(page.top[top]):
        return told, None
    layout, meaning = unseen.layout_of(page.top[top], page.below(top).columns, Mapping(), known, told)
    return layout and replace(layout, top=top), meaning


def _partial(page: Sheet, kind: str) -> Layout | None:
    """A header that is understood in part, to be completed by the user."""
    tops = (
        [Layout(kind, top, match_columns(row, kind, Mapping())) for top, row in enumerate(page.top[:15])]
        if kind
        else []
    )
    best = max(tops, key=lambda layout: len(layout.columns), default=None)
    return best if best and best.columns else None


def _proposal(page: Sheet, layout: Layout, meaning: Understanding | None) -> tuple[Proposal, str | None]:
    """What is told of a sheet, with every heading and every posting type in it, and the order of day and month."""
    header = page.top[layout.top]
    sides = {"debit_amount": "charge_amount", "credit_amount": "payment_amount"}
    ours = {sides.get(name, name): header[places[0]].strip() for name, places in layout.columns.items()}
    below = page.below(layout.top)
    there = len(below.columns) == len(header)
    column = lambda name: below.columns[layout.columns[name][0]].values if there and name in layout.columns else []  # noqa: E731
    orders = [date_order(column(name)) for name in DAYS[layout.kind]]
    types = sorted({value.strip() for value in column("kind")} - {""})[:MAX_TYPES]
    of_types: dict[str, Counter] = {}
    for (type_, _), kind in meaning.kinds.items() if meaning else ():
        of_types.setdefault(type_, Counter())[kind] += 1
    usual = {type_: kinds.most_common(1)[0][0] for type_, kinds in of_types.items()}
    kinds = {type_: usual.get(type_) or ledgers.kind_of(type_) for type_ in types} if layout.kind == "ledger" else {}
    used = {place for places in layout.columns.values() for place in places}
    rest = {
        header[i].strip(): _cells_shown(below.columns[i]) if there else "" for i in range(len(header)) if i not in used
    }
    order = next((order for order in orders if order and order != AMBIGUOUS), None)
    return Proposal(layout.kind, ours, kinds, rest), order


def _cells_shown(one: Cells) -> str:
    """A column's cells where they are a few short codes, else shapes of them."""
    codes_ = sorted({value.strip() for value in one.values} - {""})
    if 1 < len(codes_) <= FEW_CODES and all(cleaned.is_short_code(value) for value in codes_):
        return ", ".join(codes_)
    return "like " + unseen.shapes(codes_) if codes_ else "empty"
