"""Files -> one accepted batch and its rejects.

Every file offered gets a row in `files`: accepted, partly (something in it was left out) or rejected, with the reason
in words; what it holds is told from its content, never from its name. Bytes that are known already are not read
again. Pieces of many files go through the readers together, on all cores, since NumPy and Arrow release the
interpreter lock; a piece that breaks a reader is read again part by part, so that a bad file costs no other.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rcm_analysis.edi import (
    acknowledgment_277,
    acknowledgment_999,
    claim_837,
    conformance,
    envelopes,
    names,
    remittance_835,
    x12,
)
from rcm_analysis.edi.envelopes import Part, Piece
from rcm_analysis.intake import sources, versions
from rcm_analysis.intake import waiting as waiting_ledgers
from rcm_analysis.intake.code_columns import codes_only
from rcm_analysis.intake.file_log import (
    Payment,
    Tally,
    beyond,
    broken,
    file_row,
    misdated,
    note_repeats,
    provider_names,
    reject_rows,
    safe_name,
)
from rcm_analysis.intake.sources import Content, Found, Offered
from rcm_analysis.privacy.names import bare, strange_file_name
from rcm_analysis.spreadsheets import exports, stored, terms, worklists
from rcm_analysis.spreadsheets.known import Known, gather
from rcm_analysis.store import engine as store_engine
from rcm_analysis.store import schema
from rcm_analysis.store.practice import Batch, Practice
from rcm_analysis.store.rows import Note, file_keys

READERS = (remittance_835, claim_837, acknowledgment_277, acknowledgment_999)
LEDGER = ("ledger_sheets", "ledger_cells")
MAX_EXPORT_BYTES = 1_000_000_000  # tables are read at once
PARTS_PER_RELEASE = 16
Progress = Callable[[int, int, int], None]  # bytes done, bytes in all, files done


@dataclass
class Outcome:
    """What an ingest did: a row per file with `status` accepted, partly, rejected or known, and the batch's number."""

    files: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    batch: str | None
    read_again: set[str] = field(default_factory=set)  # file_id of those that an earlier reader had read
    said: dict[str, list[str]] = field(default_factory=dict)  # file name -> how its ledger is understood
    postings: pa.Table | None = None  # of the ledgers that are understood now
    understood_now: list[str] = field(default_factory=list)  # names of ledgers that were stored before and waited
    worklists: list[worklists.Given] = field(default_factory=list)  # the team's workbooks, in the order given
    given: dict[str, list[str]] = field(default_factory=dict)  # file_id -> names as they were given, never stored

    def of_status(self, status: str) -> list[dict[str, Any]]:
        return [file for file in self.files if file["status"] == status]

    def with_warnings(self) -> list[dict[str, Any]]:
        """Files taken over wholly, of which somebody should hear: a batch refused, a remittance that does not balance."""
        warned = {(row["file_id"], row["name"]) for row in self.rejects if row["level"] == "warning"}
        return [file for file in self.of_status("accepted") if (file["file_id"], file["name"]) in warned]


def ingest(
    practice: Practice, paths: Iterable[Path], *, mapping: exports.Mapping | None = None, jobs: int | None = None,
    progress: Progress | None = None, waiting: Callable[[], None] | None = None, engine: str | None = None,
    beside: Practice | None = None, today: date | None = None,
) -> Outcome:  # fmt: skip
    """Reads files, folders and archives into a new batch of the practice's store.

    Ledgers are held against what `beside`, else the practice itself, already knows of the claims. What is dated after `today`
    is named, and no default day follows it.

    Bytes accepted before are reported as known and change nothing, unless an earlier version of their reader read them:
    then they are read again, and their rows in this batch take the place of the earlier ones. A file rejected before is tried again (a mapping
    may have come since), and if it is rejected for the same reason nothing is written. While another ingest runs, its
    end is awaited after a call of `waiting`; without `waiting` StoreError is raised. Raises FailedError when the
    store can't be written.
    """
    found = sources.find(Path(path) for path in paths)
    with practice.ingest(waiting=waiting) as batch:
        earlier = practice.files().to_pylist()  # read under the lock: another ingest may just have ended
        unclear = waiting_ledgers.not_understood(practice, earlier)
        desk = _Desk(found, earlier, batch, progress, frozenset(unclear) if mapping else frozenset())
        tallies = read_all(
            desk.fresh(),
            practice.key(),
            batch,
            mapping=mapping,
            jobs=jobs,
            engine=engine,
            before=beside or practice,
            today=today,
        )
        offered = {tally.file_id for tally in tallies}
        again = [row for file_id, row in unclear.items() if file_id not in offered]
        clear = _understood_now(practice, again, batch, today)
        desk.outdated |= {tally.file_id: unclear[tally.file_id]["batch"] for tally in clear}
        standing = [row for row in earlier if row["file_id"] not in desk.outdated]
        note_repeats(tallies, standing, _earlier_payments(practice, standing))
        tallies += clear
        rows = [file_row(tally, batch.number) for tally in tallies]
        rejects = [reject for tally in tallies for reject in reject_rows(tally, batch.number)]
        rows, rejects, known = desk.settle(rows, rejects)
        if (called := provider_names(tallies, practice.key())).num_rows:
            batch.add("provider_names", called)
        changed = _write(batch, rows, rejects, standing)
        batch.replace(
            {row["file_id"]: desk.outdated[row["file_id"]] for row in rows if row["file_id"] in desk.outdated}
        )
    said = {safe_name(tally): tally.said for tally in tallies if tally.said}
    posted = [tally.postings for tally in tallies if tally.postings is not None]
    postings = pa.concat_tables(posted) if posted else None
    named = [safe_name(tally) for tally in clear]
    read_again = set(desk.outdated).difference(tally.file_id for tally in clear)
    back = [tally.worklist for tally in tallies if tally.worklist]
    number = batch.number if changed else None
    return Outcome(rows + known, rejects, number, read_again, said, postings, named, back, desk.given)


def _number(day: date | None) -> int | None:
    return None if day is None else (day - date(1970, 1, 1)).days


def _understood_now(practice: Practice, unclear: list[dict], batch: Batch, today: date | None) -> list[Tally]:
    """Ledgers stored before that are understood by what this batch brings."""
    if not unclear or not {"submissions", "remittances"} & set(batch.rows):
        return []
    known = gather(lambda name, columns: _both(practice.read(name, columns), batch.read(name, columns)))
    return waiting_ledgers.look_again(practice, unclear, batch, known, today=_number(today))


def _write(batch: Batch, rows: list[dict], rejects: list[dict], earlier: list[dict]) -> bool:
    """Adds the rows of files that are not merely rejected once more; false if there are none."""
    before = {(row["file_id"], row["name"], row["reason"]) for row in earlier if row["status"] == "rejected"}
    changed = [row for row in rows if (row["file_id"], row["name"], row["reason"]) not in before]
    named = {(row["file_id"], row["name"]) for row in changed}
    kept = [reject for reject in rejects if (reject["file_id"], reject["name"]) in named]
    for name, content in (("files", changed), ("rejects", kept)):
        batch.add(name, pa.Table.from_pylist(content, schema=schema.TABLES[name].arrow()))
    return bool(changed)


def _earlier_payments(practice: Practice, earlier: list[dict]) -> Iterator[tuple[str, Payment]]:
    """Payments stored before, each with the name of its file; batches of earlier releases have no digests."""
    names = {row["file_id"]: row["name"] for row in earlier}
    for path in practice.paths("payments"):
        if "claims_digest" in pq.read_schema(path).names:
            for row in pq.read_table(
                path, columns=["file_id", "claims_digest", "check_number", "known_on"]
            ).to_pylist():
                if row["file_id"] in names:
                    yield names[row["file_id"]], Payment(row["claims_digest"], row["check_number"], row["known_on"])


class _Desk:
    """Hands out the files that are new, remembers those that are not, and reports how far it has come."""

    def __init__(
        self, found: list[Found], earlier: list[dict], batch: Batch, progress: Progress | None,
        again: frozenset[str] = frozenset(),
    ):  # fmt: skip
        self.found, self.progress = found, progress
        taken = [row for row in earlier if row["status"] != "rejected"]
        self.outdated = {
            row["file_id"]: row["batch"]
            for row in taken
            if versions.worth_reading_again(row) or row["file_id"] in again
        }
        self.taken = {row["file_id"]: row for row in taken if row["file_id"] not in self.outdated}
        self.seen = set(self.taken)
        self.again: list[Offered] = []
        self.given: dict[str, list[str]] = {}
        self.opener = sources.Opener(self.seen.__contains__, batch.folder)
        self.done, self.total, self.files = 0, sum(path.size for path in found), 0

    def fresh(self) -> Iterator[tuple[Offered, Callable[[float], None]]]:
        """New files, each with a call that takes the share of it that was read."""
        for path in self.found:
            before = self.done
            for offered in self.opener.open(path):
                self.given.setdefault(offered.file_id, []).append(offered.name)
                if offered.known:
                    self.again.append(offered)
                else:
                    self.seen.add(offered.file_id)
                    yield offered, lambda share, weight=offered.weight: self._report(share * weight)
                self.done += offered.weight
                self.files += 1
                self._report(0)
            self.done = before + path.size  # an archive's directory is no member's

    def _report(self, within: float) -> None:
        if self.progress:
            self.progress(min(self.done + int(within), self.total), self.total, self.files)

    def settle(self, rows: list[dict], rejects: list[dict]) -> tuple[list[dict], list[dict], list[dict]]:
        """Rows, rejects and known files once it is clear what became of those that were offered twice."""
        now = {row["file_id"]: row for row in rows}
        known = []
        for offered in self.again:
            first = now.get(offered.file_id, self.taken.get(offered.file_id, {}))
            if first["status"] == "rejected":
                name = strange_file_name(offered.name)
                rows = [*rows, {**first, "name": name}]
                rejects = rejects + [{**r, "name": name} for r in rejects
                                     if (r["file_id"], r["name"]) == (first["file_id"], first["name"])]  # fmt: skip
            else:
                known.append({**first, "name": strange_file_name(offered.name), "status": "known"})
        return rows, rejects, known


# --- reading -------------------------------------------------------------------------------------------------------


def read_all(
    fresh: Iterable[tuple[Offered, Callable[[float], None]]], key: bytes, batch: Batch, *,
    mapping: exports.Mapping | None = None, jobs: int | None = None, engine: str | None = None,
    before: Practice | None = None, today: date | None = None,
) -> list[Tally]:  # fmt: skip
    """Reads the files into the batch; a tally for each.

    Exports are read last, since what the electronic files tell of the claims says what their columns mean; `before`
    holds what was stored earlier.
    """
    tallies: list[Tally] = []
    tables: list[_Export] = []
    parts = _all_parts(fresh, batch, tallies, tables, _number(today))
    jobs = jobs or os.cpu_count() or 1
    with store_engine.pool(engine, jobs=jobs) as pool:
        running: deque[tuple[list[int], list[Part], Future]] = deque()
        for held in envelopes.gather(parts):
            sources_ = sorted({part.source for part in held})
            local = [part._replace(source=sources_.index(part.source)) for part in held]
            mine = [tallies[source] for source in sources_]
            job = pool.submit(read_piece, local, [t.file_id for t in mine], key, named=[t.name for t in mine])
            running.append((mine, local, job))
            while len(running) > jobs + 1:
                _collect(*running.popleft(), batch, key)
        while running:
            _collect(*running.popleft(), batch, key)
    if tables:
        known = gather(lambda name, columns: _both(before and before.read(name, columns), batch.read(name, columns)))
        earlier = waiting_ledgers.earlier(before, known) if before else None
        for export in tables:
            _read_export(*export, key, batch, mapping, known, earlier, before.name if before else "")
    for tally in tallies:
        tally.note(*envelopes.check(tally.control))
        tally.control.clear()
    _leave_out(tallies, batch)
    return tallies


def _leave_out(tallies: list[Tally], batch: Batch) -> None:
    """Takes files that can't be taken over as a whole out of the batch, where a part of them may stand."""
    for tally in tallies:
        tally.note(*beyond(tally), *misdated(tally))
    refused = [tally for tally in tallies if tally.levels["file"] and tally.counts["rows"]]
    for tally in refused:
        tally.forget()
    if refused:
        batch.leave_out([tally.file_id for tally in refused])


def _both(earlier: pa.Table | None, now: pa.Table | None) -> pa.Table | None:
    tables = [table for table in (earlier, now) if table is not None]
    return pa.concat_tables(tables, promote_options="default").unify_dictionaries() if tables else None


class _Export(NamedTuple):
    """A file that holds no X12, to be read once the others are."""

    tally: Tally
    offered: Offered
    data: Content


def _all_parts(fresh, batch: Batch, tallies: list[Tally], tables: list[_Export], today: int | None) -> Iterator[Part]:
    """The X12 parts of all files; files of other kinds are put aside on the way."""
    for offered, report in fresh:
        tally = Tally(offered.name, offered.file_id, offered.size, today=today)
        tallies.append(tally)
        if offered.problem:
            tally.note(Note(0, "file", "file", *offered.problem))
        elif not offered.content[: sources.BLOCK_BYTES].strip():
            tally.note(Note(0, "file", "byte 0", "the file is empty", "export or download it again"))
        else:
            yield from _parts(tally, len(tallies) - 1, offered, report, batch, tables)


def _parts(tally: Tally, source: int, offered: Offered, report, batch: Batch, tables: list[_Export]) -> Iterator[Part]:
    data = sources.plain(offered.content, batch.folder)
    found = x12.interchanges(data)
    if not found:
        tables.append(_Export(tally, offered, data))
        return
    tally.interchanges = sum(part.headed for part in found)
    tally.note(*_around(data, found))
    passed = 0
    for i, part in enumerate(envelopes.parts(source, data, found), 1):
        passed += len(part.text)
        report(min(passed / len(data), 1))
        if i % PARTS_PER_RELEASE == 0 and isinstance(data, sources.Mapped):
            data.release()
        yield part


def _around(data: Content, found: list[x12.Interchange]) -> list[Note]:
    notes = []
    if data[: found[0].start].strip():
        notes.append(Note(0, "notice", "byte 0, before the first segment", "text stands before the EDI",
                          "it was passed over"))  # fmt: skip
    if not found[0].headed:
        notes.append(
            Note(0, "notice", "segment 1", "the interchange header (ISA) is missing, the delimiters were guessed",
                 "compare the counts with the sender's statement")
        )  # fmt: skip
    if any(part.mended for part in found):
        notes.append(Note(0, "notice", "segment 1 (ISA)", "ISA16 is not the separator that the claims use; theirs was taken",
                          "tell the sender; compare the procedures with the statement"))  # fmt: skip
    marks = found[-1].delimiters
    start = max(len(data) - 10_000, 0)
    tail = data[start:]
    end = tail.find(marks.segment, max(tail.rfind(b"IEA" + marks.element), 0))
    if b"IEA" + marks.element in tail and end >= 0 and tail[end + 1 :].strip(b" \r\n\t\x00\x1a" + marks.segment):
        notes.append(Note(0, "notice", f"byte {start + end + 1}, after the last segment", "text stands after the EDI",
                          "it was passed over"))  # fmt: skip
    return notes


def _read_export(
    tally: Tally,
    offered: Offered,
    data: Content,
    key: bytes,
    batch: Batch,
    mapping,
    known: Known,
    earlier: stored.Earlier | None,
    practice: str,
) -> None:
    """A table of the practice's own system, if it is one."""
    strange = sources.stranger(offered.content)
    if strange and sources.is_markup(offered.content) and sources.is_printed_remittance(data):
        strange = sources.PRINTED
    if strange:
        tally.note(Note(0, "file", "byte 0", f"neither X12 nor a table: {strange[0]}", strange[1]))
        return
    if offered.size > MAX_EXPORT_BYTES:
        tally.note(Note(0, "file", "file", "the export is larger than 1 GB", "export it year by year"))
        return
    try:
        read = exports.read(
            offered.name, data[:], raw=offered.content[:], mapping=mapping, file_id=tally.file_id, key=key,
            known=known, earlier=earlier, practice=practice,
        )  # fmt: skip
    except Exception as error:  # a reader's fault must not cost the other files
        tally.note(broken(0, "file", "file", error))
        return
    if not read.tables and sources.is_printed_remittance(data):
        tally.note(Note(0, "file", "byte 0", *sources.PRINTED))
        return
    tally.note(*read.notes)
    tally.said = read.said
    shown = bare(tally.name)
    tally.persons = {word for word in read.names if bare(word) in shown}
    if not read.tables:
        return
    if read.worklist:
        tally.worklist = replace(read.worklist, file_id=tally.file_id, name=tally.name)
    tally.kinds[read.kind] += 1
    tally.counts.update(read.counts)
    tally.cents.update(read.cents)
    for name, table in read.tables.items():
        ids = pa.DictionaryArray.from_arrays(pa.nulls(table.num_rows, pa.int32()).fill_null(0), [tally.file_id])
        batch.add(name, table.set_column(0, schema.TABLES[name].arrow().field(0), ids))
        tally.counts["rows"] += table.num_rows
        if name not in (terms.TABLE, *LEDGER):  # terms hold from a day on, and cells have no day yet
            tally.date(_days_of(table))
    if read.table is not None:
        tally.postings = read.table.select(["claim_number", "kind", "posted_by", "amount"])
        tally.date(_days_of(read.table))


def tables_among(paths: Iterable[Path]) -> Iterator[tuple[bytes, bytes]]:
    """The files that hold no X12, each as its text in UTF-8 and its own bytes; nothing is stored."""
    with tempfile.TemporaryDirectory() as folder:
        opener = sources.Opener(lambda file_id: False, Path(folder))
        for found in sources.find(Path(path) for path in paths):
            for offered in opener.open(found):
                if offered.problem or offered.size > MAX_EXPORT_BYTES or sources.stranger(offered.content):
                    continue
                data = sources.plain(offered.content, Path(folder))
                if data[: sources.BLOCK_BYTES].strip() and not x12.interchanges(data):
                    yield data[:], offered.content[:]


@dataclass
class PieceResult:
    """What the readers find in a piece: tables, notes, envelope segments, kinds, digests of transactions, persons."""

    tables: dict[str, pa.Table]
    notes: list[Note]
    control: list[envelopes.Control]
    kinds: list[tuple[int, str]]
    digests: list[tuple[int, bytes]]
    persons: list[tuple[int, str]]
    made_on: list[tuple[int, int]]  # file and day of each functional group
    providers: list[tuple[int, str, str]]  # file, NPI and name
    patients: list[tuple[int, bytes]]  # file and digest of a name that no provider may have there


def read_piece(held: list[Part], file_ids: list[str], key: bytes, *, named: list[str] | None = None) -> PieceResult:
    """Everything that the readers find in some parts; the unit of work that can run on any core or machine.

    `named` are the files' names; what is a person's in the file and stands in its name comes back.
    """
    piece = Piece(held)
    keys = file_keys(file_ids)
    tables: dict[str, pa.Table] = {}
    notes: list[Note] = []
    for reader in READERS:
        read, remarks = reader.read(piece, file_ids, keys, key)
        for name, table in read.items():  # a 277CA and a 999 fill the same table
            tables[name] = pa.concat_tables([tables[name], table]).unify_dictionaries() if name in tables else table
        notes += remarks
    tables, remarks = codes_only(tables)
    notes += remarks + conformance.check(piece)
    kinds = [(t.source, t.kind) for t in piece.transactions]
    kinds += [(int(source), "TA1") for source in piece.source[piece.segments.where(b"TA1")]]
    persons = names.persons_named(piece.segments, piece.source, named or [""] * len(file_ids))
    digests = list(_digests(piece))
    made_on = sorted({(t.source, day) for t in piece.transactions if (day := envelopes.group_day(t.group_date))})
    of_claims = np.where(piece.of_kind(*claim_837.KINDS)[1] >= 0, piece.source, -1)
    providers = names.of_providers(piece.segments, of_claims)
    patients = names.of_patients(piece.segments, of_claims, key)
    return PieceResult(tables, notes, piece.control(), kinds, digests, persons, made_on, providers, patients)


def _digests(piece: Piece) -> Iterator[tuple[int, bytes]]:
    """File and digest of each transaction, ST to before SE, the same whatever envelope and line ends it came in."""
    s = piece.segments
    view = memoryview(s.text_bytes)
    for t in piece.transactions:
        stop = s.marks[s.last[t.last - t.closed]]
        yield t.source, hashlib.sha256(view[s.start[t.first] : stop]).digest()


def _collect(tallies: list[Tally], parts: list[Part], job: Future, batch: Batch, key: bytes) -> None:
    try:
        result: PieceResult = job.result()
    except Exception:  # a reader's fault must not cost the other files: what breaks it is found part by part
        if len(parts) == 1:
            where = f"segment {parts[0].before + 1} and after"
            tallies[parts[0].source].note(broken(0, "transaction", where, job.exception()))
            return
        for part in parts:
            alone: Future = Future()
            mine = tallies[part.source]
            try:
                alone.set_result(read_piece([part._replace(source=0)], [mine.file_id], key, named=[mine.name]))
            except Exception as error:
                alone.set_exception(error)
            _collect([mine], [part._replace(source=0)], alone, batch, key)
        return
    for source, day in result.made_on:
        tallies[source].own_day = max(day, tallies[source].own_day or day)
    for name, table in result.tables.items():
        batch.add(name, table)
        _count(name, table, tallies)
        if name == "payments":
            _gather_payments(table, tallies)
    for note in result.notes:
        tallies[note.source].note(note)
    for row in result.control:
        tallies[row[0]].control.append(row)
    for source, kind in result.kinds:
        tallies[source].kinds[kind] += 1
        tallies[source].counts["transactions"] += kind != "TA1"
    for source, digest in result.digests:
        tallies[source].content.update(digest)
    for source, word in result.persons:
        tallies[source].persons.add(word)
    for source, npi, name in result.providers:
        tallies[source].providers.add((npi, name))
    for source, digest in result.patients:
        tallies[source].patients.add(digest)


def _gather_payments(table: pa.Table, tallies: list[Tally]) -> None:
    sources_ = table["file_id"].combine_chunks().indices.to_pylist()
    columns = (table[name].to_pylist() for name in ("claims_digest", "check_number", "known_on"))
    for source, digest, check, day in zip(sources_, *columns, strict=True):
        if digest:
            tallies[source].payments.append(Payment(digest, check, day))


# what each table adds to the row of its file: (count it feeds, {money column: total it feeds})
_FEEDS: dict[str, tuple[str | None, dict[str, str]]] = {
    "remittances": ("claims", {"charge": "charge", "paid": "paid"}),
    "remittance_lines": ("lines", {}),
    "adjustments": ("adjustments", {"amount": "adjusted"}),
    "submissions": ("claims", {"charge": "charge"}),
    "submission_lines": ("lines", {}),
    "acknowledgments": ("claims", {}),
}


def _count(name: str, table: pa.Table, tallies: list[Tally]) -> None:
    source = np.asarray(table["file_id"].combine_chunks().indices)
    counted, money = _FEEDS.get(name, (None, {}))
    rows = np.bincount(source, minlength=len(tallies))
    totals = {total: x12.sums(source, remittance_835.cents(table[column]), len(tallies))
              for column, total in money.items()}  # fmt: skip
    days = np.asarray(table["known_on"].combine_chunks().cast(pa.int32()))
    for i, tally in enumerate(tallies):
        tally.counts["rows"] += int(rows[i])
        if counted:
            tally.counts[counted] += int(rows[i])
        for total, values in totals.items():
            tally.cents[total] += int(values[i])
        if rows[i] and counted:
            tally.date(days[source == i])


def _days_of(table: pa.Table) -> np.ndarray:
    return np.asarray(table["known_on"].combine_chunks().drop_null().cast(pa.int32()))
