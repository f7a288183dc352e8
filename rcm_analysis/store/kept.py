"""Derived tables kept between uses of one state and day, so that opening a practice is reading.

    data/store/riverbend/derived/5c0d…e1/tables.duckdb     every derived table of one day, types as they were made
    data/store/riverbend/derived/5c0d…e1/about.json        what it was made from, size, SHA-256

The name of the folder is a hash of all that the tables depend on: batches, day, the package's own SQL, tables and code,
the practice's own tables and the engine's version. Another version, day, practice or ingest has another name, so that
nothing stale can be read. What is gone, cut or altered is made anew. Oldest use goes first beyond a limit on size.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from rcm_analysis import settings
from rcm_analysis.store.practice import Practice

FOLDER = "derived"
TABLES, ABOUT = "tables.duckdb", "about.json"
PACKAGE = Path(__file__).resolve().parent.parent
OWN_TABLES = ("*.csv", "*.toml")  # what users keep beside their facts


@dataclass(frozen=True)
class Kept:
    """One kept state: practice, day, bytes on disk, when it was last used (seconds since 1970)."""

    practice: str
    as_of: str
    size: int
    used: float
    folder: Path


def key(practice: Practice, as_of: date) -> str:
    """The name of all that the derived tables of a day depend on.

    >>> len(key(Practice(Path("data/store"), "riverbend"), date(2026, 10, 31)))
    32
    """
    import duckdb

    parts = [practice.name, as_of.isoformat(), duckdb.__version__, package_fingerprint(), *practice.batches()]
    own = sorted({path for root in (practice.folder, practice.root) for form in OWN_TABLES for path in root.glob(form)})
    parts += [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in own]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def package_fingerprint() -> str:
    """A hash of the code, SQL and reference tables that decide what a derived table holds."""
    rooms = ("claims", "privacy", "reference", "spreadsheets", "store")
    paths = sorted(
        path for room in rooms for path in (PACKAGE / room).rglob("*") if path.suffix in (".py", ".sql", ".csv")
    )
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(PACKAGE)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def attach(con: Any, practice: Practice, as_of: date) -> bool:
    """Makes the kept tables of the day visible on a DuckDB connection; False where there are none that are whole."""
    name, beside = key(practice, as_of), settings.KEPT_TABLES.value
    places = [practice.folder / FOLDER / name, *([Path(beside) / name] if beside else [])]
    folder = next((place for place in places if _is_whole(place)), None)
    if folder is None:
        return False
    try:
        con.execute(f"ATTACH '{_quoted(folder / TABLES)}' AS kept (READ_ONLY)")
        names = con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'kept'").fetchall()
        for (name,) in names:
            con.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS SELECT * FROM kept."{name}"')
    except Exception:  # another process may have cleared it away since: then it is made anew
        with suppress(Exception):
            con.execute("DETACH kept")
        return False
    with suppress(OSError):
        os.utime(folder / ABOUT)
    return True


def keep(con: Any, practice: Practice, as_of: date, *, beside: Path | None = None) -> bool:
    """Keeps the temporary tables of the connection for the next use; False where that folder can't be written.

    Written beside its place and renamed: nobody reads half of it, and of two processes the first stays. `beside` is a
    folder in place of the practice's own.
    """
    final = (beside or practice.folder / FOLDER) / key(practice, as_of)
    made = con.execute("SELECT count(*) FROM duckdb_tables() WHERE temporary").fetchall()[0][0]
    if final.exists() or not made or not _is_plain(final):
        return final.exists()
    try:
        final.parent.mkdir(mode=0o700, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".new-", dir=final.parent))
    except OSError:
        return False
    try:
        _write(con, work / TABLES)
        about = {"practice": practice.name, "as_of": as_of.isoformat(), **_facts(work / TABLES)}
        (work / ABOUT).write_text(json.dumps(about), "utf-8")
        for path in work.iterdir():
            path.chmod(0o600)
        work.rename(final)
    except OSError:
        return final.exists()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if beside is None:
        shrink(practice, keeping=final)
    return True


@contextmanager
def for_kernels(con: Any, practice: Practice, as_of: date) -> Iterator[dict[str, str]]:
    """The variables by which the kernels that run meanwhile find the day's tables, whether or not the store keeps them."""
    if keep(con, practice, as_of):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="rcm-tables-") as place:  # the system's: a store that can't be written
        keep(con, practice, as_of, beside=Path(place))
        yield {settings.KEPT_TABLES.name: place}


def _write(con: Any, path: Path) -> None:
    con.execute(f"ATTACH '{_quoted(path)}' AS keeping")
    try:
        names = con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary ORDER BY table_oid").fetchall()
        for (name,) in names:
            con.execute(f'CREATE TABLE keeping."{name}" AS SELECT * FROM temp."{name}"')
    finally:
        con.execute("DETACH keeping")


def _facts(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": _sha256(path)}


def _is_whole(folder: Path) -> bool:
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        if (folder / TABLES).stat().st_size == about["size"] and _sha256(folder / TABLES) == about["sha256"]:
            return True
    except FileNotFoundError:
        if not folder.exists():
            return False
    except (OSError, ValueError, KeyError, TypeError):
        pass
    shutil.rmtree(folder, ignore_errors=True)  # cut or altered: it is made anew
    return False


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def kept(practice: Practice) -> list[Kept]:
    """The kept states of a practice, last used first."""
    return sorted(_all(practice), key=lambda one: (-one.used, one.as_of))


def _all(practice: Practice) -> Iterator[Kept]:
    for about in (practice.folder / FOLDER).glob(f"*/{ABOUT}"):
        with suppress(OSError, ValueError, KeyError):
            told = json.loads(about.read_text("utf-8"))
            size = sum(path.stat().st_size for path in about.parent.iterdir())
            yield Kept(practice.name, told["as_of"], size, about.stat().st_mtime, about.parent)


def shrink(practice: Practice, *, limit_mb: float | None = None, keeping: Path | None = None) -> int:
    """Deletes what was not used for longest until the rest fits; gives the bytes freed. `keeping` stays whatever its size."""
    limit = (limit_mb if limit_mb is not None else settings.CACHE_LIMIT_MB.number) * 1e6
    freed, total = 0, 0.0
    for one in kept(practice):
        total += one.size
        if total > limit and one.folder != keeping:
            shutil.rmtree(one.folder, ignore_errors=True)
            freed += one.size
    return freed


def clear(practice: Practice) -> int:
    """Deletes all that is kept of a practice; gives the bytes freed. Facts are not touched."""
    freed = sum(one.size for one in kept(practice))
    shutil.rmtree(practice.folder / FOLDER, ignore_errors=True)
    return freed


def _is_plain(path: Path) -> bool:
    """Whether the engine can attach a file below this path: it takes a part of some paths for something else."""
    text = str(path.resolve())
    return "?" not in text and (os.name == "nt" or "\\" not in text)


def _quoted(path: Path) -> str:
    return str(path.resolve()).replace("'", "''")
