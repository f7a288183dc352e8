"""The store: a practice's facts as Parquet, appended batch by batch. The only module that knows paths.

    data/store/riverbend/key                      the practice's secret for pseudonyms, readable by its owner alone
    data/store/riverbend/batches/00001-3fa9c1d2/  one ingest: files.parquet, remittances.parquet, ...

A batch is written beside its place and appears with one rename, so that a reader sees all of an ingest or nothing of
it, and a killed ingest leaves no trace that counts. Nothing is ever changed in a batch.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from rcm_analysis import schema
from rcm_analysis.errors import RcmError

if TYPE_CHECKING:
    import duckdb

DEFAULT = Path("data/store")
ROWS_PER_GROUP = 122_880  # what DuckDB reads in one go


class StoreError(RcmError):
    """Something about the store that a user can mend; the message says how."""


class Practice:
    """A practice's part of the store.

    >>> Practice(Path("data/store"), "riverbend").batches()
    ['00001-3fa9c1d2']
    """

    def __init__(self, root: Path | str, name: str):
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
            raise StoreError(
                f"'{name}' can't name a practice: use small letters, digits and hyphens, for example riverbend-ems"
            )
        self.root, self.name = Path(root), name
        self.folder = self.root / name

    def exists(self) -> bool:
        return bool(self.batches())

    def batches(self) -> list[str]:
        """The committed ingests, oldest first."""
        folder = self.folder / "batches"
        return sorted(path.name for path in folder.glob("[0-9]*-*") if path.is_dir()) if folder.is_dir() else []

    def key(self) -> bytes:
        """The practice's secret, made at the first call."""
        path = self.folder / "key"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
        return path.read_bytes()

    def files(self) -> pa.Table:
        """Every file ever offered, in the order of the batches (table `files` of the schema)."""
        paths = self._paths("files")
        return pa.concat_tables([pq.read_table(path) for path in paths]) if paths else schema.empty("files")

    def _paths(self, table: str) -> list[Path]:
        paths = [self.folder / "batches" / batch / f"{table}.parquet" for batch in self.batches()]
        return [path for path in paths if path.exists()]

    @contextmanager
    def ingest(self) -> Iterator[Batch]:
        """A new batch; it is committed at the end of the block unless nothing was added, dropped if the block fails."""
        with self._lock():
            work = self.folder / "batches" / f".new-{os.getpid()}"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True, mode=0o700)
            batch = Batch(work, f"{len(self.batches()) + 1:05d}")
            try:
                yield batch
                batch.close()
                if batch.rows.get("files"):
                    work.rename(work.parent / f"{batch.number}-{batch.fingerprint()}")
            finally:
                batch.close()
                shutil.rmtree(work, ignore_errors=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        (self.folder / "batches").mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / ".lock"
        with open(path, "w") as file:
            try:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:  # Windows: the rename still keeps batches whole
                pass
            except OSError:
                raise StoreError(f"another ingest into {self.name} is running; wait until it has ended") from None
            yield

    def connect(self, *, as_of: date | None = None, memory_limit: str | None = None) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection in which every fact table is a view of what was known on `as_of` (all of it if None).

        Raises StoreError when nothing was ingested for the practice.
        """
        import duckdb

        if not self.exists():
            raise StoreError(f"there is nothing of {self.name} in {self.root}; ingest its files first: "
                             f"rcm ingest FOLDER --practice {self.name}")  # fmt: skip
        con = duckdb.connect()
        con.execute("SET preserve_insertion_order = false")
        con.execute(f"SET temp_directory = '{_quoted(self.folder / '.spill')}'")
        if memory_limit:
            con.execute(f"SET memory_limit = '{memory_limit}'")
        for table in schema.FACTS:
            con.execute(f'CREATE VIEW "{table.name}" AS {self._select(con, table, as_of)}')
        return con

    def _select(self, con: duckdb.DuckDBPyConnection, table: schema.Table, as_of: date | None) -> str:
        paths = self._paths(table.name)
        if not paths:
            columns = ", ".join(f"NULL::{_sql_type(c.type)} AS {c.name}" for c in table.columns)
            return f"SELECT {columns} WHERE false"
        names = ", ".join(f"'{_quoted(path)}'" for path in paths)
        dated = any(column.name == "known_on" for column in table.columns)
        until = f" WHERE known_on <= DATE '{as_of.isoformat()}'" if as_of and dated else ""
        return f"SELECT * FROM read_parquet([{names}], union_by_name = true){until}"

    def forget(self) -> None:
        """Deletes everything stored of the practice."""
        shutil.rmtree(self.folder, ignore_errors=True)


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
            path = self.folder / f"{name}.parquet"
            self._writers[name] = pq.ParquetWriter(path, schema.TABLES[name].arrow(), compression="zstd")
        self._writers[name].write_table(table, row_group_size=ROWS_PER_GROUP)

    def close(self) -> None:
        for name in list(self._held):
            self._write(name)
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def fingerprint(self) -> str:
        """Eight hex digits of what the batch holds: the same files in the same order give the same name."""
        ids = pq.read_table(self.folder / "files.parquet", columns=["file_id"])["file_id"].to_pylist()
        return hashlib.sha256("".join(ids).encode()).hexdigest()[:8]


def practices(root: Path | str) -> list[str]:
    """Names of the practices in the store, sorted."""
    root = Path(root)
    return sorted(path.parent.name for path in root.glob("*/batches") if any(path.glob("[0-9]*-*")))


def _quoted(path: Path) -> str:
    return str(path.resolve()).replace("'", "''")


def _sql_type(type_: pa.DataType) -> str:
    names = {schema.MONEY: "DECIMAL(14,2)", schema.QUANTITY: "DECIMAL(15,3)", schema.DAY: "DATE",
             schema.COUNT: "INTEGER", schema.KEY: "BIGINT", schema.FLAG: "BOOLEAN"}  # fmt: skip
    return names.get(type_, "VARCHAR")
