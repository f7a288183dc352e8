"""What people typed beside the status: notes, names and columns of their own, kept with the reports and never in the store.

    reports/out/riverbend/worklists/worklist_2026-10-31.xlsx   every workbook that came back, as it came
    reports/out/riverbend/worklists/notes.json                 {"items": {"A17:denial": {"note": "faxed", "assigned": "Ana"}}}

A note is copied from the workbook that was given last into the next one. Where two copies changed one note, the newer
stands first and the other is appended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rcm_analysis.spreadsheets.worklists import MOST_NOTE, TO_DO, Given, Row, digest
from rcm_analysis.store import folders

FOLDER, FILE = "worklists", "notes.json"
BETWEEN = " / "
MOST_UNPLACED = 500


@dataclass
class Notes:
    """Notes by item, the names seen, rows that no claim was found for, and the files they come from."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    unplaced: list[dict[str, str]] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def of(self, claim: str, need: str) -> dict[str, Any]:
        """What was typed for the item, else for the claim under another need or none."""
        own = self.items.get(f"{claim}:{need}") or self.items.get(f"{claim}:")
        return own or next((held for item, held in self.items.items() if item.rsplit(":", 1)[0] == claim), {})


def load(folder: Path | None) -> Notes:
    """The notes kept in the folder; none where there are none."""
    if folder is None or not (folder / FILE).is_file():
        return Notes()
    try:
        return Notes(**json.loads((folder / FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return Notes()


def keep(folder: Path, back: Iterable[Given]) -> list[str]:
    """Keeps the workbooks and what is typed in them; says in a line each what was taken and where it lies."""
    told = []
    for given in back:
        held = load(folder)
        if given.file_id in held.read:
            continue
        changed = sum(row.changed for row in given.rows)
        noted = sum(fold(held, row) for row in given.rows)
        for row in given.unplaced:
            _put_aside(held, row)
        held.read.append(given.file_id)
        folders.make_private(folder)
        path = _place(folder, given)
        folders.write({folder / FILE: json.dumps(vars(held), ensure_ascii=False).encode(), path: given.raw})
        told.append(_told(given, changed, noted, path))
    return told


def _told(given: Given, changed: int, noted: int, path: Path) -> str:
    parts = [f"{changed:,} of {len(given.rows):,} rows changed", f"{noted:,} {'note' if noted == 1 else 'notes'}"]
    if given.unplaced:
        parts.append(f"{len(given.unplaced):,} without a claim number")
    return f"worklist of {given.report_day}: {', '.join(parts)}; kept as {path}"


def _place(folder: Path, given: Given) -> Path:
    """Where the copy is kept: named after its report's day, further ones numbered."""
    stem = f"worklist_{given.report_day}"
    paths = [folder / f"{stem}.xlsx", *(folder / f"{stem}_{n}.xlsx" for n in range(2, 1000))]
    return next(path for path in paths if not path.exists() or path.read_bytes() == given.raw)


def edited(reports: Path) -> list[Path]:
    """Worklists in the practice's reports that are no longer as they were published, oldest period first."""
    found = []
    for path in sorted(reports.glob("*/worklist.xlsx")):
        try:
            told = json.loads((path.parent / "manifest.json").read_text("utf-8"))["workbooks"]["worklist"]["sha256"]
            if hashlib.sha256(path.read_bytes()).hexdigest() != told:
                found.append(path)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # of an earlier release, or of a run that failed
    return found


def fold(held: Notes, row: Row) -> bool:
    """Takes what the row says into the notes; whether its note was changed."""
    if row.assigned and row.assigned not in held.names:
        held.names.append(row.assigned)
    if not (row.note_changed or row.changed or row.added):
        return False
    now = held.items.setdefault(row.item, {})
    if row.note_changed:
        now["note"] = _merged(str(now.get("note", "")), row)
    if row.changed:
        now["assigned"] = row.assigned
    if row.added:
        now["added"] = {**now.get("added", {}), **row.added}
    return row.note_changed


def _merged(before: str, row: Row) -> str:
    """The row's note, with the one that somebody else wrote meanwhile behind it."""
    meanwhile = before and row.written_note is not None and digest(before) != row.written_note
    if not meanwhile or before in row.note:
        return row.note
    return before if row.note in before else f"{row.note}{BETWEEN}{before}"[:MOST_NOTE]


def _put_aside(held: Notes, row: Row) -> None:
    """A row that names no claim is shown again, never dropped."""
    said = {"place": row.place, "claim": row.claim_number, "status": row.status, "assigned": row.assigned, "note": row.note,
            "touched": row.touched.isoformat() if row.touched else ""}  # fmt: skip
    plain = {name: text for name, text in said.items() if name != "place"}
    there = [{name: text for name, text in one.items() if name != "place"} for one in held.unplaced]
    if (row.status != TO_DO or row.note or row.assigned or row.claim_number) and plain not in there:
        held.unplaced = [*held.unplaced, said][-MOST_UNPLACED:]
