"""Files -> one accepted batch and its rejects.

Every file offered gets a row in `files`: accepted, partly (something in it was left out) or rejected, with the reason
in words; what it holds is told from its content, never from its name. Bytes that are known already are not read
again. Pieces of many files go through the readers together, on all cores, since NumPy and Arrow release the
interpreter lock.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zipfile
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rcm_analysis import acknowledgments, envelopes, exports, remittances, schema, submissions, x12
from rcm_analysis.envelopes import Note, Part, Piece
from rcm_analysis.store import Batch, Practice

READERS = (remittances, submissions, acknowledgments)
READ_KINDS = {remittances.KIND, acknowledgments.KIND, *submissions.KINDS}
MAX_FILE_BYTES = 4_000_000_000
MAX_EXPANSION = 200  # a compressed file that grows by more than this is taken for a bomb
Progress = Callable[[int, int, str], None]


@dataclass
class Offered:
    """A file as offered, or as found in an archive; `problem` is set when its bytes could not be had."""

    name: str
    data: bytes
    problem: str | None = None
    file_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.file_id = hashlib.sha256(self.data or self.name.encode()).hexdigest()


@dataclass
class Tally:
    """What was found in one file; becomes its row in `files`."""

    offered: Offered
    kinds: Counter = field(default_factory=Counter)
    interchanges: int = 0
    counts: Counter = field(default_factory=Counter)
    cents: Counter = field(default_factory=Counter)
    days: list[int] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    control: list[tuple[int, int, str, str | None]] = field(default_factory=list)


@dataclass
class Outcome:
    """What an ingest did: a row per file with `status` accepted, partly, rejected or known, and the batch's number."""

    files: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    batch: str | None

    def of_status(self, status: str) -> list[dict[str, Any]]:
        return [file for file in self.files if file["status"] == status]


def ingest(
    practice: Practice, paths: Iterable[Path], *, mapping: exports.Mapping | None = None, jobs: int | None = None,
    progress: Progress | None = None,
) -> Outcome:  # fmt: skip
    """Reads files, folders and archives into a new batch of the practice's store.

    Bytes accepted before are reported as known and change nothing. A file rejected before is tried again (a mapping
    may have come since), and if it is rejected for the same reason nothing is written. Raises StoreError when another
    ingest is running.
    """
    earlier = {row["file_id"]: row for row in practice.files().to_pylist()}
    found = list(listed(paths))
    known: list[dict[str, Any]] = []
    with practice.ingest() as batch:
        fresh = _fresh(found, earlier, known, progress)
        tallies = _read_all(fresh, practice.key(), batch, mapping, jobs)
        rows = [_file_row(tally, batch.number) for tally in tallies]
        changed = [row for row in rows if not _same_reject(row, earlier)]
        rejects = [reject for tally in tallies for reject in _reject_rows(tally, batch.number)]
        if changed:
            batch.add("files", pa.Table.from_pylist(changed, schema=schema.TABLES["files"].arrow()))
            ids = {row["file_id"] for row in changed}
            kept = [reject for reject in rejects if reject["file_id"] in ids]
            batch.add("rejects", pa.Table.from_pylist(kept, schema=schema.TABLES["rejects"].arrow()))
    return Outcome(rows + known, rejects, batch.number if changed else None)


def _fresh(found: list, earlier: dict, known: list[dict[str, Any]], progress: Progress | None) -> Iterator[Offered]:
    seen = {file_id for file_id, row in earlier.items() if row["status"] != "rejected"}
    for i, load in enumerate(found):
        for offered in load():
            if progress:
                progress(i, len(found), offered.name)
            if offered.file_id in seen and not offered.problem:
                known.append({**earlier.get(offered.file_id, {}), "name": offered.name, "status": "known"})
                continue
            seen.add(offered.file_id)
            yield offered
    if progress:
        progress(len(found), len(found), "")


def _same_reject(row: dict[str, Any], earlier: dict[str, dict[str, Any]]) -> bool:
    before = earlier.get(row["file_id"])
    return before is not None and row["status"] == "rejected" and before["reason"] == row["reason"]


# --- finding and opening files -------------------------------------------------------------------------------------


def listed(paths: Iterable[Path]) -> Iterator[Callable[[], Iterator[Offered]]]:
    """One opener per file, folders walked in the order of names; links and hidden files are passed over."""
    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    file = Path(folder) / name
                    if not name.startswith(".") and not file.is_symlink() and file.is_file():
                        yield lambda file=file: _open(file)
        else:
            yield lambda file=path: _open(file)


def _open(path: Path) -> Iterator[Offered]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            yield Offered(path.name, b"", "the file is larger than 4 GB; split it")
            return
        data = path.read_bytes()
    except OSError as error:
        yield Offered(path.name, b"", f"the file can't be opened: {error.strerror}")
        return
    yield from _unpacked(path.name, data)


def _unpacked(name: str, data: bytes, *, depth: int = 0) -> Iterator[Offered]:
    if data[:2] == b"\x1f\x8b":
        yield from _gunzipped(name, data, depth)
    elif data[:4] == b"PK\x03\x04" and not exports.is_workbook(data):
        yield from _unzipped(name, data, depth)
    else:
        yield Offered(name, data)


def _gunzipped(name: str, data: bytes, depth: int) -> Iterator[Offered]:
    limit = min(MAX_FILE_BYTES, max(len(data) * MAX_EXPANSION, 1_000_000))
    try:
        with gzip.GzipFile(fileobj=_stream(data)) as file:
            text = file.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        yield Offered(name, data, "the compressed file is damaged; copy it again")
        return
    if len(text) > limit or depth:
        yield Offered(name, data, "the compressed file grows beyond all measure or holds another one; unpack it first")
        return
    yield from _unpacked(name.removesuffix(".gz"), text, depth=1)


def _unzipped(name: str, data: bytes, depth: int) -> Iterator[Offered]:
    if depth:
        yield Offered(name, data, "an archive inside an archive is not opened; unpack it first")
        return
    try:
        with zipfile.ZipFile(_stream(data)) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if sum(m.file_size for m in members) > min(MAX_FILE_BYTES, max(len(data) * MAX_EXPANSION, 1_000_000)):
                yield Offered(name, data, "the archive grows beyond all measure; unpack it first")
                return
            for member in sorted(members, key=lambda m: m.filename):
                if not Path(member.filename).name.startswith("."):
                    yield from _member(archive, member)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        yield Offered(name, data, "the archive is damaged; copy it again")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[Offered]:
    name = Path(member.filename.replace("\\", "/")).name
    try:
        data = archive.read(member)
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        yield Offered(
            name, member.filename.encode(), f"this member of the archive can't be read: {type(error).__name__}"
        )
        return
    yield from _unpacked(name, data, depth=1)


def _stream(data: bytes) -> Any:
    import io

    return io.BytesIO(data)


# --- reading -------------------------------------------------------------------------------------------------------


def _read_all(
    fresh: Iterator[Offered], key: bytes, batch: Batch, mapping: exports.Mapping | None, jobs: int | None
) -> list[Tally]:
    tallies: list[Tally] = []
    parts = _all_parts(fresh, key, batch, mapping, tallies)
    jobs = jobs or os.cpu_count() or 1
    with ThreadPoolExecutor(jobs) as pool:
        running: deque[tuple[list[int], Future]] = deque()
        for held in envelopes.gather(parts):
            sources = sorted({part.source for part in held})
            local = [part._replace(source=sources.index(part.source)) for part in held]
            ids = [tallies[source].offered.file_id for source in sources]
            running.append((sources, pool.submit(read_piece, local, ids, key)))
            while len(running) > jobs + 1:
                _collect(*running.popleft(), batch, tallies)
        while running:
            _collect(*running.popleft(), batch, tallies)
    for tally in tallies:
        tally.notes += envelopes.check(tally.control)
        tally.control.clear()
    return tallies


def _all_parts(fresh, key, batch, mapping, tallies: list[Tally]) -> Iterator[Part]:
    """The X12 parts of all files; files of other kinds are dealt with on the way."""
    for offered in fresh:
        tally = Tally(offered)
        tallies.append(tally)
        if offered.problem or not offered.data.strip():
            reason = offered.problem or "the file is empty"
            tally.notes.append(Note(0, "file", "file", reason, "export or download it again"))
            continue
        data = x12.plain(offered.data)
        found = x12.interchanges(data)
        if found:
            tally.interchanges = sum(part.headed for part in found)
            tally.notes += _around(data, found)
            yield from envelopes.parts(len(tallies) - 1, data, found)
        else:
            _read_export(tally, offered, data, key, batch, mapping)


def _around(data: bytes, found: list[x12.Interchange]) -> list[Note]:
    notes = []
    if data[: found[0].start].strip():
        notes.append(Note(0, "notice", "before the first segment", "text stands before the EDI", "it was passed over"))
    if not found[0].headed:
        notes.append(
            Note(0, "notice", "segment 1", "the interchange header (ISA) is missing, the delimiters were guessed",
                 "compare the counts with the sender's statement")
        )  # fmt: skip
    return notes


def _read_export(tally: Tally, offered: Offered, data: bytes, key: bytes, batch: Batch, mapping) -> None:
    read = exports.read(offered.name, data, raw=offered.data, mapping=mapping)
    tally.notes += read.notes
    if read.table is None:
        return
    tally.kinds[read.kind] += 1
    ids = pa.DictionaryArray.from_arrays(pa.nulls(read.table.num_rows, pa.int32()).fill_null(0), [offered.file_id])
    table = read.table.set_column(0, schema.TABLES[read.kind].arrow().field(0), ids)
    batch.add(read.kind, table)
    tally.counts.update(read.counts)
    tally.cents.update(read.cents)
    tally.days += _day_range(table)


@dataclass
class _PieceResult:
    tables: dict[str, pa.Table]
    notes: list[Note]
    control: list[tuple[int, int, str, str | None]]
    kinds: list[tuple[int, str]]


def read_piece(held: list[Part], file_ids: list[str], key: bytes) -> _PieceResult:
    """Everything that the readers find in some parts; the unit of work that can run on any core or machine."""
    piece = Piece(held)
    keys = envelopes.file_keys(file_ids)
    tables: dict[str, pa.Table] = {}
    notes: list[Note] = []
    for reader in READERS:
        read, remarks = reader.read(piece, file_ids, keys, key)
        tables.update(read)
        notes += remarks
    return _PieceResult(tables, notes, piece.control(), [(t.source, t.kind) for t in piece.transactions])


def _collect(sources: list[int], future: Future, batch: Batch, tallies: list[Tally]) -> None:
    result: _PieceResult = future.result()
    mine = [tallies[source] for source in sources]
    for name, table in result.tables.items():
        batch.add(name, table)
        _count(name, table, mine)
    for note in result.notes:
        mine[note.source].notes.append(note)
    for row in result.control:
        mine[row[0]].control.append(row)
    for source, kind in result.kinds:
        mine[source].kinds[kind] += 1
        mine[source].counts["transactions"] += 1


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
    totals = {total: np.bincount(source, weights=remittances.cents(table[column]), minlength=len(tallies))
              for column, total in money.items()}  # fmt: skip
    days = np.asarray(table["known_on"].combine_chunks().cast(pa.int32()))
    for i, tally in enumerate(tallies):
        if counted:
            tally.counts[counted] += int(rows[i])
        for total, values in totals.items():
            tally.cents[total] += int(values[i])
        if rows[i] and counted:
            mine = days[source == i]
            tally.days += [int(mine.min()), int(mine.max())]


def _day_range(table: pa.Table) -> list[int]:
    days = np.asarray(table["known_on"].combine_chunks().drop_null().cast(pa.int32()))
    return [int(days.min()), int(days.max())] if len(days) else []


# --- rows of `files` and `rejects` ---------------------------------------------------------------------------------


def _file_row(tally: Tally, batch: str) -> dict[str, Any]:
    status, reason = _verdict(tally)
    days = [np.datetime64(day, "D").astype(object) for day in (min(tally.days), max(tally.days))] if tally.days else []
    return {
        "file_id": tally.offered.file_id,
        "name": tally.offered.name,
        "kind": "+".join(sorted(tally.kinds)) or "unknown",
        "status": status,
        "reason": reason,
        "bytes": len(tally.offered.data),
        "interchanges": tally.interchanges,
        **{name: tally.counts[name] for name in ("transactions", "claims", "lines", "adjustments")},
        **{name: Decimal(tally.cents[name]) / 100 for name in ("charge", "paid", "adjusted")},
        "first_known_on": days[0] if days else None,
        "last_known_on": days[1] if days else None,
        "rejects": len(tally.notes),
        "batch": batch,
    }


def _verdict(tally: Tally) -> tuple[str, str | None]:
    """Status and reason of a file, from its notes and from what it was found to hold."""
    fatal = [note for note in tally.notes if note.level == "file"]
    if fatal:
        return "rejected", fatal[0].reason
    other = sorted(kind for kind in tally.kinds if kind not in READ_KINDS and kind not in exports.KINDS)
    if other and len(other) == len(tally.kinds):
        names = ", ".join(envelopes.NAMES.get(kind, f"transaction {kind}") for kind in other)
        return "rejected", f"holds no claims: {names}; nothing to do"
    if not tally.kinds:
        return "rejected", "no transaction (ST) was found in the EDI; ask the sender for the file again"
    if not tally.counts["claims"]:
        return "rejected", "the transactions hold no claims; nothing to do if that is expected"
    left_out = [note for note in tally.notes if note.level != "notice"]
    if left_out:
        return "partly", _summary(left_out)
    return "accepted", _summary(tally.notes) if tally.notes else None


def _summary(notes: list[Note]) -> str:
    more = f" (and {len(notes) - 1} more)" if len(notes) > 1 else ""
    return f"{notes[0].place}: {notes[0].reason}{more}"


def _reject_rows(tally: Tally, batch: str) -> list[dict[str, Any]]:
    same = {"file_id": tally.offered.file_id, "name": tally.offered.name, "batch": batch}
    return [{**same, "level": n.level, "place": n.place, "reason": n.reason, "advice": n.advice} for n in tally.notes]
