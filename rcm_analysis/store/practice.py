"""The store: a practice's facts as Parquet, appended batch by batch. The only module that knows paths.

    data/store/riverbend/key                      the practice's secret for pseudonyms, readable by its owner alone
    data/store/riverbend/batches/00001-3fa9c1d2/  one ingest: files.parquet, remittances.parquet, ..., manifest.json

A batch is written beside its place, reaches the disk, and appears with one rename, so that a reader sees all of an
ingest or nothing of it, and a killed ingest leaves no trace that counts. Nothing is ever changed in a batch. One lock
per practice keeps ingests apart. Whoever reads a batch holds it against its manifest first (`manifests`). Folders are made 0700 and files 0600: they are their owner's alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rcm_analysis import settings
from rcm_analysis.errors import FailedError, RcmError
from rcm_analysis.store import folders, manifests, schema

if TYPE_CHECKING:
    import duckdb

ROWS_PER_GROUP = 122_880  # what DuckDB reads in one go
KEY_BYTES = 32
_FILES = "files_of_"  # begins the name of a variable of the engine
# a folder above the store named paid=0 is no column of ours
_OPTIONS = "union_by_name = true, hive_partitioning = false"
# Facts of about 70,000 claims; of fewer, threads cost more work to start and join than they save a user's time
ONE_THREAD_BYTES = 16_000_000
FORGOTTEN = ".forgotten."  # begins the name of a folder that is being deleted; no practice has such a name
# folder of a practice -> the batches of the snapshot in which this thread is
_PINNED: ContextVar[dict[str, list[str] | None]] = ContextVar("pinned", default={})  # noqa: B039 (never changed, only replaced)


class StoreError(RcmError):
    """Something about the store that a user can mend; the message says how."""


class Practice:
    """A practice's part of the store.

    >>> Practice(Path("data/store"), "riverbend").batches()  # doctest: +SKIP
    ['00001-3fa9c1d2']
    """

    def __init__(self, root: Path | str, name: str):
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
            raise StoreError(
                f"'{name}' can't name a practice: use small letters, digits and hyphens, for example riverbend-ems"
            )
        self.root, self.name = Path(root), name
        self.folder = self.root / name
        self._checked: list[str] = []

    def exists(self) -> bool:
        return bool(self.batches())

    def batches(self) -> list[str]:
        """The committed ingests, oldest first; in a snapshot those that were there when it was taken."""
        pinned = _pinned(self.folder)
        return self._committed() if pinned is None else pinned

    def _committed(self) -> list[str]:
        folder = self.folder / "batches"
        return sorted(path.name for path in folder.glob("[0-9]*-*") if path.is_dir()) if folder.is_dir() else []

    @contextmanager
    def snapshot(self) -> Iterator[dict[str, str]]:
        """Within the block this thread sees the batches that are there now, whatever is ingested meanwhile; the variables
        tell the same to processes that it starts. Raises StoreError where a batch is damaged.
        """
        place, names = str(self.folder.resolve()), self.batches()
        self.check()
        token = _PINNED.set({**_PINNED.get(), place: names})
        try:
            yield {settings.BATCHES.name: json.dumps({"folder": place, "batches": names})}
        finally:
            _PINNED.reset(token)

    def check(self) -> None:
        """Holds every batch against its manifest. Raises StoreError that names the first that is not as it was written."""
        place = self.folder / "batches"
        folders_ = [place / name for name in self.batches()]
        full = _handed(self.folder) is None  # else who took the snapshot has read every byte
        for folder in folders_:
            try:
                manifests.check(folder, full=full)
            except (manifests.DamageError, OSError) as error:
                raise self._damaged(folder.name, _reason(error)) from None
        if lost := manifests.lost(folders_):
            raise self._damaged(lost, "it is missing, or not the one that was there")
        self._checked = [folder.name for folder in folders_]

    def _damaged(self, batch: str, why: str) -> StoreError:
        return StoreError(
            f"batch {batch} of {self.name} is damaged ({why}): restore the practice from a backup (rcm restore FILE --replace), "
            f"or set the batch aside (rcm verify --practice {self.name} --set-aside) and ingest its files again"
        )

    def key(self) -> bytes:
        """The practice's secret, made at the first call.

        Raises StoreError when it was lost or damaged: with a new one nobody's later claims would join the earlier.
        """
        path = self.folder / "key"
        if not path.exists():
            if self.exists():
                raise StoreError(f"the key of {self.name} is missing ({path}); restore it from a backup of the store")
            folders.make_private(self.folder)
            folders.write_once(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
        told = self._key_told()
        if len(key) != KEY_BYTES or (told and hashlib.sha256(key).hexdigest() != told):
            raise StoreError(f"the key of {self.name} is damaged ({path}); restore it from a backup of the store")
        return key

    def _key_told(self) -> str:
        with suppress(manifests.DamageError):  # which is said where the batch is read
            return manifests.key_digest([self.folder / "batches" / name for name in self._committed()])
        return ""

    def files(self) -> pa.Table:
        """Every file ever offered, in the order of the batches (table `files` of the schema), as it was read last."""
        tables = [schema.empty("files")]
        for path, replaced in self.parts("files"):
            rows = pq.read_table(path)
            gone = pc.is_in(rows["file_id"].cast(pa.string()), value_set=pa.array(sorted(replaced), pa.string()))
            tables.append(rows.filter(pc.invert(gone)) if replaced else rows)
        return pa.concat_tables(tables, promote_options="default")

    def newest_day(self, until: date) -> date | None:
        """The newest day of which a file tells, none after `until`: what is dated in the future moves no default.

        Of a file that goes on beyond that day, the first day of which it tells.
        """
        rows = self.files().select(["first_known_on", "last_known_on"]).to_pylist()
        days = [day for row in rows for day in row.values() if day is not None and day <= until]
        return max(days, default=None)

    def own_tables(self, name: str) -> list[Path]:
        """Tables that users keep beside ours: the practice's own `name`.csv first, then the store's for all practices."""
        paths = (self.folder / f"{name}.csv", self.root / f"{name}.csv")
        return [path for path in paths if path.is_file()]

    def read(self, name: str, columns: list[str]) -> pa.Table | None:
        """Some columns of a fact table, whatever the day; None where nothing was stored of it."""
        tables = [pq.read_table(path, columns=columns) for path in self.paths(name)]
        return pa.concat_tables(tables, promote_options="default") if tables else None

    def paths(self, table: str) -> list[Path]:
        """The table's files, oldest batch first. Raises StoreError where a batch is damaged."""
        if self._checked != self.batches() and _handed(self.folder) is None:  # else it was when the snapshot was taken
            self.check()
        paths = [self.folder / "batches" / batch / f"{table}.parquet" for batch in self.batches()]
        return [path for path in paths if path.exists()]

    def parts(self, table: str) -> list[tuple[Path, frozenset[str]]]:
        """The table's part of each batch, with the files in it whose rows no longer count: they were read again later."""
        replaced = self._replaced()
        paths = [(path, frozenset(replaced.get(path.parent.name.split("-")[0], ()))) for path in self.paths(table)]
        return [(path, gone) for path, gone in paths if not gone or not self._all_replaced(path.parent, gone)]

    def _every_part(self) -> dict[str, list[tuple[Path, frozenset[str]]]]:
        """`parts` of every fact, for which each batch is looked through once."""
        replaced = self._replaced()
        found: dict[str, list[tuple[Path, frozenset[str]]]] = {table.name: [] for table in schema.FACTS}
        for batch in ((self.folder / "batches").resolve() / name for name in self.batches()):
            gone, there = frozenset(replaced.get(batch.name.split("-")[0], ())), set(os.listdir(batch))
            if not gone or not self._all_replaced(batch, gone):
                for name in (name for name in found if f"{name}.parquet" in there):
                    found[name].append((batch / f"{name}.parquet", gone))
        return found

    def replaced_names(self) -> list[str]:
        """The same as lines of text: batch and file of what was read again."""
        return [f"{batch} {file_id}" for batch, ids in sorted(self._replaced().items()) for file_id in sorted(ids)]

    def _replaced(self) -> dict[str, set[str]]:
        """By number of the batch, the files in it that a later batch has again."""
        found: dict[str, set[str]] = {}
        for path in self.paths("replaced"):
            rows = pq.read_table(path)
            for file_id, batch in zip(rows["file_id"].to_pylist(), rows["batch"].to_pylist(), strict=True):
                found.setdefault(batch, set()).add(file_id)
        return found

    def _all_replaced(self, batch: Path, gone: frozenset[str]) -> bool:
        stored = pq.read_table(batch / "files.parquet", columns=["file_id"])["file_id"].cast(pa.string()).to_pylist()
        return gone.issuperset(stored)

    @contextmanager
    def ingest(self, *, waiting: Callable[[], None] | None = None) -> Iterator[Batch]:
        """A new batch; it is committed at the end of the block unless nothing was added, dropped if the block fails.

        While another ingest runs, `waiting` is called once and its end is awaited; without `waiting` StoreError is
        raised. A full disk raises FailedError. What killed ingests left behind is swept first.
        """
        token = _PINNED.set(
            {**_PINNED.get(), str(self.folder.resolve()): None}
        )  # what is there now, whatever a report sees
        try:
            with self._lock(waiting):
                yield from self._one_batch()
        except OSError as error:
            raise FailedError(f"the store could not be written ({error.strerror or error}); nothing was changed: "
                              "mend that, and ingest again") from error  # fmt: skip
        finally:
            _PINNED.reset(token)

    def _one_batch(self) -> Iterator[Batch]:
        place = self.folder / "batches"
        # nobody else holds the lock, so that their writers are dead; and what is forgotten nobody wants
        for left in (*place.glob(".new-*"), *self.root.glob(f"{FORGOTTEN}*")):
            shutil.rmtree(left, ignore_errors=True)
        work = place / f".new-{os.getpid()}"
        folders.make_private(work)
        batch = Batch(work, f"{self._last_number() + 1:05d}")
        try:
            yield batch
            batch.close()
            if batch.rows.get("files"):
                before = [place / name for name in self._committed()]
                folders.write({work / manifests.MANIFEST: manifests.content(work, before, self.folder / "key")})
                folders.publish(work, place / f"{batch.number}-{batch.fingerprint()}")
        finally:
            batch.discard()
            shutil.rmtree(work, ignore_errors=True)

    def _last_number(self) -> int:
        return max((int(name.split("-")[0]) for name in [*self._committed(), *self._set_aside_names()]), default=0)

    def alone(self) -> AbstractContextManager[None]:
        """Keeps every ingest out. Raises StoreError while one is running."""
        return self._lock()

    def _set_aside_names(self) -> list[str]:
        return [
            path.name.removeprefix(manifests.ASIDE) for path in (self.folder / "batches").glob(f"{manifests.ASIDE}*")
        ]

    def _lock(self, waiting: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        running = StoreError(f"another ingest into {self.name} is running; wait until it has ended")
        return folders.lock(self.folder / ".lock", wait=waiting, error=running)

    def connect(
        self, *, as_of: date | None = None, memory_limit: str | None = None, facts: bool = True
    ) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection in which every fact table is a view of what was known on `as_of` (all of it if None).

        Without `facts` they are left to `lay_facts`.

        `memory_limit` such as 8GB or 40%, else the variable RCM_MEMORY_LIMIT; what does not fit lies on disk. Raises
        StoreError when nothing was ingested for the practice, or for a limit that is none.
        """
        import duckdb

        if not self.exists():
            raise StoreError(f"there is nothing of {self.name} in {self.root}; ingest its files first: "
                             f"rcm ingest FOLDER --practice {self.name}")  # fmt: skip
        self.check()
        con = connection()
        con.execute("SET preserve_insertion_order = false")
        if self._stored_bytes() < ONE_THREAD_BYTES:
            con.execute("SET threads = 1")
        # a folder for each process: two that spill into one would overwrite each other
        con.execute(f"SET temp_directory = '{_quoted(self.folder / f'.spill-{os.getpid()}')}'")
        limit = memory_limit or settings.MEMORY_LIMIT.value
        if limit:
            try:
                con.execute("SET memory_limit = $1", [limit])
            except duckdb.Error:
                raise StoreError(
                    f"a memory limit is written as 8GB or 40%, not {limit} ({settings.MEMORY_LIMIT.name})"
                ) from None
        if facts:
            self.lay_facts(con, as_of)
        return con

    def lay_facts(
        self,
        con: duckdb.DuckDBPyConnection,
        as_of: date | None,
        *,
        tables: Container[str] = (),
        views: Container[str] = (),
    ) -> None:
        """Makes a view of every fact but those that stand in `tables`; one of the `views` is only told its files.

        A view opens every file when it is made: with hundreds of ingests that is most of what opening costs.
        """
        parts = self._every_part()
        for table in schema.FACTS:
            whole = _whole_files(parts[table.name])
            if table.name not in tables and table.name in views and whole:
                con.execute(_told_files(table, whole))
            elif table.name not in tables:
                con.execute(f'CREATE OR REPLACE VIEW "{table.name}" AS {_select(table, as_of, parts[table.name])}')

    def views_by_name(self, as_of: date) -> dict[str, tuple[str, str]]:
        """Of each fact the statement that tells its files, and the view that looks there for them whenever it is read.

        Facts without files, and those of which files were read again, are left out.
        """
        found, parts = {}, self._every_part()
        for table in schema.FACTS:
            if whole := _whole_files(parts[table.name]):
                files = f"read_parquet(getvariable('{_FILES}{table.name}'), {_OPTIONS})"
                select = _columns(table, [f"SELECT * FROM {files} WHERE {_until(table, as_of)}"])
                found[table.name] = (_told_files(table, whole), select)
        return found

    def _stored_bytes(self) -> int:
        place = self.folder / "batches"
        return sum(file.stat().st_size for batch in self.batches() for file in os.scandir(place / batch))

    def known(self) -> bool:
        """Whether something is stored of the practice, what an interrupted `forget` left among it."""
        there = (self.folder / "key").exists() or (self.folder / "batches").is_dir()
        return there or bool(forgotten(self.root, self.name))

    def forget(self) -> None:
        """Deletes everything stored of the practice; from the first step on nothing reads it any more.

        Raises StoreError while an ingest into it is running, and FailedError that says what is left.
        """
        why = self._set_aside() if self.folder.is_dir() else ""
        if why:
            raise FailedError(f"the data of {self.name} could not be deleted, none of it: {why}")
        left = [why for why in map(undeleted, forgotten(self.root, self.name)) if why]
        if left:
            raise FailedError(
                f"not all data of {self.name} could be deleted; nothing reads what is left: {', '.join(left)}"
            )

    def _set_aside(self) -> str:
        if self.folder.is_symlink():
            return f"{self.folder} (it is a link: delete what it leads to)"
        try:
            with self._lock():
                if os.name != "nt":
                    return set_aside(self.folder, self.root, self.name)
        except OSError as error:
            return f"{self.folder} ({error.strerror or error})"
        return set_aside(self.folder, self.root, self.name)  # Windows renames no folder with an open file, our lock


class Batch:
    """An ingest in the making: tables are added piece by piece and written in row groups."""

    def __init__(self, folder: Path, number: str):
        self.folder, self.number = folder, number
        self.rows: dict[str, int] = {}
        self._held: dict[str, list[pa.Table]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}

    def add(self, name: str, table: pa.Table) -> None:
        if not table.num_rows:
            return
        held = self._held.setdefault(name, [])
        held.append(table)
        self.rows[name] = self.rows.get(name, 0) + table.num_rows
        if sum(part.num_rows for part in held) >= ROWS_PER_GROUP:
            self._write(name)

    def _write(self, name: str) -> None:
        table = pa.concat_tables(self._held.pop(name)).unify_dictionaries()
        if name not in self._writers:
            self._writers[name] = self._writer(name)
        self._writers[name].write_table(table, row_group_size=ROWS_PER_GROUP)

    def _writer(self, name: str) -> pq.ParquetWriter:
        """A writer for the table; what was read meanwhile, and is therefore closed, is copied into it."""
        path, before = self.folder / f"{name}.parquet", self.folder / f".{name}.parquet"
        if path.exists():
            path.rename(before)
        path.touch(mode=0o600)
        writer = pq.ParquetWriter(path, schema.TABLES[name].arrow(), compression="zstd")
        if before.exists():
            with pq.ParquetFile(before) as file:
                for group in range(file.num_row_groups):
                    writer.write_table(file.read_row_group(group), row_group_size=ROWS_PER_GROUP)
            before.unlink()
        return writer

    def read(self, name: str, columns: list[str]) -> pa.Table | None:
        """Some columns of what the batch holds so far; None where it holds nothing of the table."""
        if not self.rows.get(name):
            return None
        if name in self._held:
            self._write(name)
        writer = self._writers.pop(name, None)
        if writer:
            writer.close()
        return pq.read_table(self.folder / f"{name}.parquet", columns=columns)

    def close(self) -> None:
        for name in list(self._held):
            self._write(name)
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def leave_out(self, file_ids: list[str]) -> None:
        """Takes the rows of these files out of every table, those written already included."""
        self.close()
        self.rows.clear()
        for path in sorted(self.folder.glob("*.parquet")):
            aside = path.rename(path.with_suffix(".all"))
            with pq.ParquetFile(aside) as written:
                for group in range(written.num_row_groups):
                    rows = written.read_row_group(group)
                    theirs = pc.is_in(rows["file_id"].cast(pa.string()), value_set=pa.array(file_ids))
                    self.add(path.stem, rows.filter(pc.invert(theirs)))
            aside.unlink()

    def replace(self, files: dict[str, str]) -> None:
        """Says of files which earlier batch held them; its rows of them count no longer once this batch is committed."""
        rows = {"file_id": list(files), "batch": list(files.values())}
        self.add("replaced", pa.table(rows, schema=schema.TABLES["replaced"].arrow()))

    def discard(self) -> None:
        """Lets go of what was not written; on a full disk even closing a file fails."""
        self._held.clear()
        for writer in self._writers.values():
            with suppress(OSError):
                writer.close()
        self._writers.clear()

    def fingerprint(self) -> str:
        """Eight hex digits of what the batch holds: the same files in the same order give the same name."""
        ids = pq.read_table(self.folder / "files.parquet", columns=["file_id"])["file_id"].to_pylist()
        return hashlib.sha256("".join(ids).encode()).hexdigest()[:8]


def _pinned(folder: Path) -> list[str] | None:
    """The batches of the snapshot that holds here: this thread's, else that of the process that started this one."""
    mine, place = _PINNED.get(), str(folder.resolve())
    return mine[place] if place in mine else _handed(folder)


def _handed(folder: Path) -> list[str] | None:
    told = json.loads(settings.BATCHES.value or "{}")
    return list(told["batches"]) if told.get("folder") == str(folder.resolve()) else None


def _reason(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)


def without(file_ids: Iterable[str]) -> str:
    """A condition in SQL that leaves out the rows of these files.

    >>> without(["0a", "1b"])
    "file_id NOT IN ('0a', '1b')"
    """
    return f"file_id NOT IN ({', '.join(repr(file_id) for file_id in sorted(file_ids))})"


def connection() -> duckdb.DuckDBPyConnection:
    """An empty DuckDB connection that prints nothing: a progress bar of a long query would stand in pages and logs."""
    import duckdb

    con = duckdb.connect()
    for name in ("enable_progress_bar_print", "enable_progress_bar"):  # the first holds when a wait is set, too
        with suppress(duckdb.InvalidInputException):  # Jupyter without ipywidgets draws no bar, and refuses the setting
            con.execute(f"SET {name} = false")
    return con


def practices(root: Path | str) -> list[str]:
    """Names of the practices in the store, sorted."""
    root = Path(root)
    found = [path.parent.name for path in root.glob("*/batches") if any(path.glob("[0-9]*-*"))]
    return sorted(name for name in found if not name.startswith(FORGOTTEN))


def set_aside(folder: Path, root: Path, name: str) -> str:
    """Renames what is to be forgotten, in one step, so that a kill while it is deleted leaves no half of it to be read;
    says why it can't, nothing where it is done."""
    try:
        folder.rename(root / f"{FORGOTTEN}{name}.{secrets.token_hex(4)}")
    except OSError as error:
        return f"{folder} ({error.strerror or error})"
    return ""


def forgotten(root: Path, name: str) -> list[Path]:
    """Folders set aside and not deleted yet."""
    return sorted(root.glob(f"{FORGOTTEN}{name}.*"))


def undeleted(folder: Path) -> str:
    """Deletes what can be deleted of a folder; says what is left and why, nothing where it is gone.

    >>> undeleted(Path("reports/out/riverbend"))  # doctest: +SKIP
    '3 files in reports/out/riverbend (Permission denied)'
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        if folder.exists() or folder.is_symlink():
            shutil.rmtree(folder)  # once more, to learn why
    except FileNotFoundError:
        return ""  # somebody else deleted the rest
    except OSError as error:
        count = sum(path.is_file() for path in folder.rglob("*"))
        return f"{count:,} file{'s' * (count != 1)} in {folder} ({error.strerror or error})"
    return ""


def _quoted(path: Path) -> str:
    return str(path.resolve()).replace("'", "''")


def _text(path: Path) -> str:
    """The whole path as a text of SQL that DuckDB takes for a pattern of this file alone."""
    return "'{}'".format(re.sub(r"[*?[]", r"[\g<0>]", str(path)).replace("'", "''"))


def _whole_files(parts: list[tuple[Path, frozenset[str]]]) -> list[Path]:
    """The files where every row of them counts, else none."""
    return [] if any(gone for _, gone in parts) else [path for path, _ in parts]


def _select(table: schema.Table, as_of: date | None, parts: list[tuple[Path, frozenset[str]]]) -> str:
    until = _until(table, as_of)
    whole = ", ".join(_text(path) for path, gone in parts if not gone)
    selects = [f"SELECT * FROM read_parquet([{whole}], {_OPTIONS}) WHERE {until}"] if whole else []
    selects += [f"SELECT * FROM read_parquet([{_text(path)}], {_OPTIONS}) WHERE {until} AND {without(gone)}"
                for path, gone in parts if gone]  # fmt: skip
    return _columns(table, selects)


def _told_files(table: schema.Table, paths: Iterable[Path]) -> str:
    files = ", ".join(map(_text, paths))
    return f"SET VARIABLE {_FILES}{table.name} = [{files}]"


def _until(table: schema.Table, as_of: date | None) -> str:
    dated = any(column.name == "known_on" for column in table.columns)
    return f"known_on <= DATE '{as_of.isoformat()}'" if as_of and dated else "true"


def _columns(table: schema.Table, selects: Iterable[str]) -> str:
    """The columns of the schema in its order; batches written before a column existed give it as NULL."""
    nothing = ", ".join(f"NULL::{_sql_type(c.type)} AS {c.name}" for c in table.columns)
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return f"SELECT {names} FROM ({' UNION ALL BY NAME '.join([*selects, f'SELECT {nothing} WHERE false'])})"


def _sql_type(type_: pa.DataType) -> str:
    names = {schema.MONEY: "DECIMAL(14,2)", schema.QUANTITY: "DECIMAL(15,3)", schema.DAY: "DATE",
             schema.COUNT: "INTEGER", schema.RATE: "DOUBLE", schema.KEY: "BIGINT", schema.FLAG: "BOOLEAN"}  # fmt: skip
    return names.get(type_, "VARCHAR")
