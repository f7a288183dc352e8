"""What was found in one file -> its row in `files` and its rows in `rejects`.

A file is accepted, partly taken over (something in it was left out) or rejected, and the reason says the place and
what to do. Its name stays, because it is how its owner finds it, but for what is a person's name or number in the file
and for long numbers: SMITH_JOHN_era.835 with a patient JOHN SMITH becomes ~_~_era.835. Of a file in which no person can
be looked up, such as a picture, words of the trade stay.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from rcm_analysis.edi import acknowledgment_277, claim_837, envelopes, remittance_835
from rcm_analysis.edi import names as edi_names
from rcm_analysis.intake import versions
from rcm_analysis.privacy import names
from rcm_analysis.store import schema
from rcm_analysis.store.rows import BEYOND, MOST_CENTS, REMARKS, Note

READ_KINDS = {remittance_835.KIND, acknowledgment_277.KIND, *claim_837.KINDS}
MAX_NOTES = 10_000  # of one file; more tell nobody more
LATER, EARLIER = 180, 3650  # days by which what a file tells may be after, or before, the day on which it was made
BEYOND_DAYS = 1_000_000
NAMELESS = {"999", "TA1"}  # kinds that name no person, with whom the name of a file could be compared
AGAIN = "ask the sender for it again"


class Payment(NamedTuple):
    """What tells a payment that came by another route: its claims, and its trace number or its day."""

    digest: str | None
    check: str | None
    day: date | None

    @property
    def trace(self) -> str:
        return (self.check or "").upper().replace("-", "").replace(" ", "").lstrip("0")


@dataclass
class Tally:
    """What was found in one file; becomes its row in `files`."""

    name: str
    file_id: str
    size: int
    persons: set[str] = field(default_factory=set)  # words and numbers of persons in the file that its name holds
    kinds: Counter = field(default_factory=Counter)
    interchanges: int = 0
    counts: Counter = field(default_factory=Counter)
    cents: Counter = field(default_factory=Counter)
    days: list[int] = field(default_factory=list)
    today: int | None = None  # the day of the ingest; days are counted since 1970
    own_day: int | None = None  # the latest on which the file says that it was made
    strange: Counter = field(default_factory=Counter)  # rows of days that can't be, by day
    notes: list[Note] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # how a ledger is understood
    worklist: Any = None  # the team's workbook, as it came back
    postings: Any = None  # claim numbers of a ledger that is understood, a row for each posting
    levels: Counter = field(default_factory=Counter)
    control: list[envelopes.Control] = field(default_factory=list)
    content: Any = field(default_factory=hashlib.sha256)
    payments: list[Payment] = field(default_factory=list)
    providers: set[tuple[str, str]] = field(default_factory=set)  # NPI and name
    patients: set[bytes] = field(default_factory=set)  # digests of the names of all others in the file

    def note(self, *notes: Note) -> None:
        self.levels.update(note.level for note in notes)
        room = max(MAX_NOTES - len(self.notes), 0)
        self.notes += [note for i, note in enumerate(notes) if i < room or note.level == "file"]

    def date(self, days: np.ndarray) -> None:
        """Takes the days of some rows; one after today or far from the file's own moves no default day."""
        if not len(days):
            return
        latest = min(
            [BEYOND_DAYS, *(day for day in (self.today, self.own_day and self.own_day + LATER) if day is not None)]
        )
        earliest = self.own_day - EARLIER if self.own_day else -BEYOND_DAYS
        well = (days >= earliest) & (days <= latest)
        if well.any():
            self.days = [int(min([*self.days, days[well].min()])), int(max([*self.days, days[well].max()]))]
        if not well.all():
            strange, counts = np.unique(days[~well], return_counts=True)
            self.strange.update(dict(zip(strange.tolist(), counts.tolist(), strict=True)))

    def forget(self) -> None:
        """Lets go of what was counted in a file that is left out as a whole."""
        self.counts.clear()
        self.cents.clear()
        self.days.clear()
        self.strange.clear()


def broken(source: int, level: str, place: str, error: Exception) -> Note:
    return Note(source, level, place, f"the reader failed ({type(error).__name__}) and this was left out",
                "report it to the authors of this software, with the file's structure but no patient's data")  # fmt: skip


def beyond(tally: Tally) -> list[Note]:
    """What the file's totals are that no column of money holds."""
    totals = {"charge": "the charges", "paid": "the payments", "adjusted": "the adjustments"}
    return [
        Note(0, "file", "file", f"{words} of the file add up to {BEYOND}", AGAIN)
        for name, words in totals.items() if abs(tally.cents[name]) > MOST_CENTS
    ]  # fmt: skip


def misdated(tally: Tally) -> list[Note]:
    """Says of days that are after today, or far from the day on which the file was made, that nothing rests on them."""
    if not tally.strange:
        return []
    first, rows = min(tally.strange), sum(tally.strange.values())
    later = tally.today is not None and max(tally.strange) > tally.today
    why = f"after today, {_day(tally.today)}" if later else f"far from {_day(tally.own_day)}, when the file was made"
    named = _day(max(tally.strange) if later else first)
    return [Note(0, "warning", "file", f"{rows:,} row{'s' * (rows != 1)} dated {why}: {named}; no default day follows "
                 "them, and they count from that day on only", "ask the sender for a corrected file")]  # fmt: skip


def _day(number: int | None) -> str:
    return str(np.datetime64(number or 0, "D"))


def note_repeats(tallies: list[Tally], earlier: list[dict], payments: Iterable[tuple[str, Payment]] = ()) -> None:
    """Says of a file which one it repeats, wholly or in its payments, whatever its bytes: each decision counts once.

    `payments` are those stored before, each with the name of its file.
    """
    first = {row["content"]: row["name"] for row in reversed(earlier) if row["content"]}
    paid: dict[tuple, str] = {}
    for name, payment in payments if any(tally.payments for tally in tallies) else ():
        _remember(paid, payment, name)
    for tally in tallies:
        if tally.counts["rows"] and tally.counts["transactions"]:
            content = tally.content.hexdigest()
            if content in first:
                tally.note(Note(0, "notice", "file", f"duplicate of {first[content]}: it holds the same transactions",
                                "nothing to do; each decision counts once"))  # fmt: skip
            else:
                _note_routes(tally, paid)
            first.setdefault(content, safe_name(tally))
            for payment in tally.payments:
                _remember(paid, payment, safe_name(tally))


def _remember(paid: dict[tuple, str], payment: Payment, name: str) -> None:
    paid.setdefault((payment.digest, payment.trace), name)
    paid.setdefault((payment.digest, payment.day), name)


def _note_routes(tally: Tally, paid: dict[tuple, str]) -> None:
    found = [paid.get((p.digest, p.trace)) or paid.get((p.digest, p.day)) for p in tally.payments]
    first = sorted({name for name in found if name})
    if first:
        more = f" and {len(first) - 1} more" if len(first) > 1 else ""
        count = sum(name is not None for name in found)
        tally.note(Note(0, "notice", "file", f"came twice: {count:,} of its payments hold the same claim payments as {first[0]}{more}",
                        "nothing to do; each decision counts once"))  # fmt: skip


def safe_name(tally: Tally) -> str:
    """The file's name without what could name a person."""
    if _left_out(tally) or NAMELESS.issuperset(tally.kinds):
        return names.strange_file_name(tally.name)
    days = (
        [np.datetime64(day, "D").astype(object) for day in (min(tally.days), max(tally.days))] if tally.days else None
    )
    return names.file_name(tally.name, tally.persons, (days[0], days[1]) if days else None)


def provider_names(tallies: list[Tally], key: bytes) -> pa.Table:
    """Names of the providers in the files, those left out that a patient of the same file has.

    file_id  known_on    npi         name
    3f1c…    2026-03-05  1033003502  ANN MOSS
    3f1c…    2026-03-05  1881703456  JO FENN
    77ab…    2026-03-06  1033003502  ANN MOSS
    """
    digests = lru_cache(maxsize=None)(partial(edi_names.digests, key=key))  # the same few provide in all files
    rows = [
        {"file_id": tally.file_id, "known_on": np.datetime64(day, "D").astype(object), "npi": npi, "name": name}
        for tally in tallies
        if not _left_out(tally) and (day := tally.own_day or min(tally.days, default=None)) is not None
        for npi, name in sorted(tally.providers)
        if not digests(name) & tally.patients
    ]
    return pa.Table.from_pylist(rows, schema=schema.TABLES["provider_names"].arrow())


def _left_out(tally: Tally) -> bool:
    """Whether something of the file is left out, in which nobody knows who stands."""
    return any(tally.levels[level] for level in ("file", "transaction", "claim"))


def file_row(tally: Tally, batch: str) -> dict[str, Any]:
    status, reason = _verdict(tally)
    kind = "+".join(sorted(tally.kinds)) or "unknown"
    days = [np.datetime64(day, "D").astype(object) for day in (min(tally.days), max(tally.days))] if tally.days else []
    return {
        "file_id": tally.file_id,
        "name": safe_name(tally),
        "kind": kind,
        "status": status,
        "reason": reason,
        "bytes": tally.size,
        "content": tally.content.hexdigest() if tally.counts["transactions"] else None,
        "interchanges": tally.interchanges,
        **{name: tally.counts[name] for name in ("transactions", "claims", "lines", "adjustments")},
        **{name: Decimal(tally.cents[name]) / 100 for name in ("charge", "paid", "adjusted")},
        "first_known_on": days[0] if days else None,
        "last_known_on": days[1] if days else None,
        "rejects": len(tally.notes),
        "batch": batch,
        "reader": versions.version(kind),
    }


def _verdict(tally: Tally) -> tuple[str, str | None]:
    """Status and reason of a file, from its notes and from what it was found to hold."""
    if not tally.levels["file"] and not tally.counts["rows"]:
        problem = _without_rows(tally)
        if problem is None and tally.levels["warning"]:
            return "accepted", _summary(sorted(tally.notes, key=_urgency))
        if problem is None:
            held = ", ".join(envelopes.NAMES[kind] for kind in sorted(tally.kinds))
            return "accepted", f"holds no claims: {held}; nothing to do"
        tally.note(Note(0, "file", "file", *problem))
    fatal = [note for note in tally.notes if note.level == "file"]
    if fatal:
        return "rejected", f"{fatal[0].reason}; {fatal[0].advice}"
    left_out = [note for note in tally.notes if note.level not in REMARKS]
    if left_out:
        return "partly", _summary([*left_out, *(note for note in tally.notes if note.level == "warning")])
    return "accepted", _summary(sorted(tally.notes, key=_urgency)) if tally.notes else None


def _urgency(note: Note) -> bool:
    return note.level != "warning"


def _without_rows(tally: Tally) -> tuple[str, str] | None:
    """Why nothing was taken from a file of X12; None when it holds other, well-known transactions."""
    left_out = [note for note in tally.notes if note.level not in REMARKS]
    if left_out:
        return f"nothing could be taken over: {left_out[0].place}: {left_out[0].reason}", left_out[0].advice
    if not tally.kinds:
        return "no transaction (ST) was found in the EDI", AGAIN
    if READ_KINDS.intersection(tally.kinds):
        return "the transactions hold no claims", "nothing to do if that is expected"
    unknown = sorted(set(tally.kinds) - set(envelopes.NAMES))
    if unknown:
        return f"holds no claims: transaction {', '.join(unknown)} is not known here", "offer 835, 837 and 277CA files"
    return None


def _summary(notes: list[Note]) -> str:
    more = f" (and {len(notes) - 1} more)" if len(notes) > 1 else ""
    return f"{notes[0].place}: {notes[0].reason}{more}; {notes[0].advice}"


def reject_rows(tally: Tally, batch: str) -> list[dict[str, Any]]:
    same = {"file_id": tally.file_id, "name": safe_name(tally), "batch": batch}
    return [{**same, "level": n.level, "place": n.place, "reason": n.reason, "advice": n.advice} for n in tally.notes]
