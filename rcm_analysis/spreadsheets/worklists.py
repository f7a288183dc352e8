"""The team's workbook on its way back: told by its About tab, and what people typed in it, by claim and need.

    Status    Assigned  Note   Last touched  ...  Claim  ...  Key                       As written
    Appealed  Ana       faxed  2026-11-03         A17         A17|denial|documentation  To do||d41d8cd9|d41d8cd9
    To do                                         A52         A52|denial|coding         To do||d41d8cd9|d41d8cd9
    Paid                       2026-11-04         B03         B03|rejection|rejection   To do||d41d8cd9|d41d8cd9

The order of rows and tabs, filters, inserted, deleted and added rows and columns do not matter. What stands in "As written"
tells which cells were changed since the workbook was made, so that two copies of it can both be read. Status, the day
and, as a keyed pseudonym, the name go to the table `work_status`; notes, names and added columns never do: they stay
with the reports (`Given.rows`).
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import pyarrow as pa

from rcm_analysis.privacy import pseudonyms
from rcm_analysis.spreadsheets.cells import MONTH_FIRST, days
from rcm_analysis.spreadsheets.sheets import Sheet
from rcm_analysis.store import schema
from rcm_analysis.store.rows import Note
from rcm_analysis.words import FORMULA_STARTS, still

TABLE = "work_status"
KIND = "worklist"
ABOUT = "About"
MARK = "rcm worklist"  # in the first cell of the About tab
VERSION = "1"
PRACTICE, REPORT_DAY = "Practice", "Report day"
STATUS, ASSIGNED, NOTE, TOUCHED = "Status", "Assigned", "Note", "Last touched"
TEAM = (STATUS, ASSIGNED, NOTE, TOUCHED)
CLAIM, KEY, WRITTEN = "Claim", "Key", "As written"
TO_DO = "To do"
STATUSES = (TO_DO, "In progress", "Resubmitted", "Appealed", "Waiting on payer", "Paid", "Wrote off", "Not ours")
MOST_NOTE = 500  # characters of a note that are kept
MOST_NAME = 60
MOST_ADDED = 10  # columns of their own that are carried along
LONGEST_YEARS = 3  # after the report; a day beyond is a slip
TOP_ROWS = 12
NEEDS_OF_TABS = {"Rejected": "rejection", "Past deadline": "past_deadline"}
MEND = "correct the cell in the workbook and ingest it again"
_NUMBER = re.compile(r"(?=.*\d)[\w .:/#+*-]{1,38}")  # a claim number holds a digit, a person's name none
_CODE = re.compile(r"[a-z_]{0,40}")


@dataclass(frozen=True)
class Row:
    """What one row says: claim, need (None where a person inserted it), and the four cells; `changed` since it was written."""

    place: str
    claim_number: str
    need: str | None
    category: str
    status: str
    assigned: str
    note: str
    touched: date | None
    written_status: str
    written_note: str | None  # digest; None where that column is gone
    changed: bool  # status, name or day
    note_changed: bool
    of_key: bool = False  # the hidden key names the claim; else somebody typed it, and may have typed a name
    added: dict[str, str] = field(default_factory=dict)

    @property
    def item(self) -> str:
        return f"{self.claim_number}:{self.need or ''}"


@dataclass
class Given:
    """A workbook that came back: whose, of which report, and its rows; `raw` are its bytes, to be kept with the reports."""

    practice: str
    report_day: date
    rows: list[Row]
    unplaced: list[Row] = field(default_factory=list)  # with something typed and no claim
    raw: bytes = b""
    file_id: str = ""
    name: str = ""


def understood(pages: list[Sheet]) -> bool:
    """Whether the sheets are a workbook of ours: one says so in its first cell, or has the headings that only ours have."""
    return _about(pages) is not None or any(
        {KEY, WRITTEN, CLAIM} <= set(row) for page in pages for row in page.top[:TOP_ROWS]
    )


def _about(pages: list[Sheet]) -> Sheet | None:
    return next((page for page in pages if page.top and page.top[0] and page.top[0][0].startswith(MARK)), None)


def _facts(about: Sheet) -> dict[str, str]:
    return {row[0]: row[1] for row in about.top if len(row) > 1 and row[0]}


def read(pages: list[Sheet], practice: str, *, raw: bytes = b"") -> tuple[Given | None, list[Note]]:
    """The practice's workbook and a remark for each cell that could not be taken; nothing, and why, where it is of another
    practice or its report's day is gone."""
    about = _about(pages)
    if about is None:
        return None, [Note(0, "file", "file", f"it is a worklist without its {ABOUT} tab, which says whose it is and of which day",
                           "give the whole workbook, or copy that tab from the report's")]  # fmt: skip
    told = _facts(about)
    whose = told.get(PRACTICE, "")
    if whose != practice:
        named = whose if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", whose) else "another practice"
        return None, [Note(0, "file", f"sheet {ABOUT}", f"the worklist is of {named}, not of {practice}",
                           f"ingest it with --practice {named}" if named == whose else "find whose it is")]  # fmt: skip
    day = _day(told.get(REPORT_DAY, ""))
    if day is None:
        return None, [
            Note(
                0,
                "file",
                f"sheet {ABOUT}",
                f"it names no {REPORT_DAY.lower()}",
                "take a copy of the workbook as the report made it",
            )
        ]
    given, notes = Given(practice, day, [], raw=raw), list[Note]()
    for place, page in enumerate(pages, 1):
        if page is not about:
            for row in _rows(page, place, day, notes):
                (given.rows if row.of_key or _NUMBER.fullmatch(row.claim_number) else given.unplaced).append(row)
    notes += [
        Note(0, "row", row.place, "names no claim number; what was typed stands under Could not place", MEND)
        for row in given.unplaced
    ]
    return given, notes


def _rows(page: Sheet, place: int, day: date, notes: list[Note]) -> Iterator[Row]:
    top = next((i for i, row in enumerate(page.top[:TOP_ROWS]) if STATUS in row and CLAIM in row and NOTE in row), None)
    if top is None:
        return
    heads = page.top[top]
    places = {head: i for i, head in reversed(list(enumerate(heads))) if head}
    added = _added(heads)
    for number, cells in enumerate(page.rows()[top + 1 :], top + 2):
        cell = {name: _plain(cells[at]) for name, at in places.items() if at < len(cells)}
        if not any(cell.get(name) for name in (*TEAM, CLAIM, KEY)):
            continue
        row = _row(f"sheet {place}, row {number}", page.name, cell, day, notes)  # a tab may be called after a person
        extra = {heads[i]: _plain(cells[i])[:MOST_NOTE] for i in added if i < len(cells) and cells[i]}
        if row.claim_number or row.changed or row.note_changed:
            yield Row(**{**vars(row), "added": extra})


def _row(place: str, tab: str, cells: dict[str, str], day: date, notes: list[Note]) -> Row:
    cell = defaultdict(str, cells)
    claim, need, category, of_key = _key(cell[KEY], cell[CLAIM], tab)
    written = cell[WRITTEN].split("|") if cell[WRITTEN].count("|") == 3 else None
    before = written[0] if written else TO_DO
    status = _status(cell[STATUS])
    if status is None:
        notes.append(Note(0, "row", place, f"Status is none of {', '.join(STATUSES)}; it stays {before}", MEND))
        status = before
    touched = _day(cell[TOUCHED])
    if cell[TOUCHED] and (
        touched is None or touched > day + timedelta(days=366 * LONGEST_YEARS) or touched.year < 2000
    ):
        notes.append(Note(0, "row", place, f"{TOUCHED} is no day that can be", MEND))
        touched = None
    assigned, note = cell[ASSIGNED][:MOST_NAME], cell[NOTE][:MOST_NOTE]
    if written:
        changed = (status, _iso(touched), digest(assigned)) != (written[0], written[1], written[2])
        note_changed = digest(note) != written[3]
    else:
        changed, note_changed = bool(status != TO_DO or assigned or touched), bool(note)
    return Row(
        place,
        claim,
        need,
        category,
        status,
        assigned,
        note,
        touched,
        before,
        written[3] if written else None,
        changed,
        note_changed,
        of_key,
    )


def _key(key: str, claim: str, tab: str) -> tuple[str, str | None, str, bool]:
    """Claim, need and category: as the hidden key says, unless the claim beside it was overwritten."""
    parts = key.rsplit("|", 2)
    if len(parts) == 3 and parts[0] and (not claim or parts[0] == claim) and all(map(_CODE.fullmatch, parts[1:])):
        return parts[0], parts[1], parts[2], True
    return claim, NEEDS_OF_TABS.get(tab), "", False


def _status(text: str) -> str | None:
    """
    >>> _status("waiting on Payer "), _status(""), _status("done?")
    ('Waiting on payer', 'To do', None)
    """
    words = " ".join(text.split()).casefold()
    return TO_DO if not words else next((one for one in STATUSES if one.casefold() == words), None)


def _added(heads: list[str]) -> list[int]:
    """Places of the columns that the team added, which have headings that are none of ours."""
    return [i for i, head in enumerate(heads) if head and head not in HEADINGS][:MOST_ADDED]


def _day(text: str) -> date | None:
    found = days([text], MONTH_FIRST)[0] if text else None
    return found


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def _plain(text: str) -> str:
    """A cell without marks and control characters, and without the apostrophe that made a formula of it harmless."""
    text = "".join(c for c in still(text) if c in "\n\t" or c.isprintable()).strip()
    return text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA_STARTS) else text


def digest(text: str) -> str:
    """Eight digits that tell whether a cell is as it was written.

    >>> digest("")
    'e3b0c442'
    """
    return hashlib.sha256(_plain(text).encode()).hexdigest()[:8]


def written(status: str, touched: date | None, assigned: str, note: str) -> str:
    """What the hidden column says of a row that is written."""
    return "|".join((status, _iso(touched), digest(assigned), digest(note)))


def facts(given: Given, key: bytes) -> pa.Table:
    """The table `work_status` of a workbook: one row per row, no note and no name."""
    names = pseudonyms.pseudonyms(pa.array([row.assigned or None for row in given.rows], pa.string()), key).to_pylist()
    return pa.Table.from_pylist(
        [
            {
                "file_id": None, "known_on": given.report_day, "row": place, "claim_number": row.claim_number, "need": row.need,
                "category": row.category or None, "status": row.status, "assigned": name, "last_touched": row.touched,
                "written_status": row.written_status, "changed": row.changed,
            }
            for place, (row, name) in enumerate(zip(given.rows, names, strict=True), 1)
        ],
        schema.TABLES[TABLE].arrow(),
    )  # fmt: skip


# Every heading that a tab of ours has: what else stands there, the team added
HEADINGS = frozenset({
    *TEAM, CLAIM, KEY, WRITTEN, "Due", "Days left", "Payer", "Reason", "Do this", "Usual payment", "Expected cash", "Service date",
    "Location", "What was rejected", "Billed amount", "NPI", "Deadline that passed", "Write-off reason", "Closed on", "Outcome",
    "Paid", "Days to close", "Status then",
})  # fmt: skip
