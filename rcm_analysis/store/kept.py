"""Derived tables and what was learned of them, kept between uses of one state and day, so that nothing is computed twice.

    data/store/riverbend/derived/5c0d…e1/tables.duckdb     every derived table of one day, types as they were made
    data/store/riverbend/derived/5c0d…e1/about.json        what it is, its day, size and SHA-256 of each file
    data/store/riverbend/derived/9b27…40/rules.arrow       what `kept.learned(view, "rules", make)` gave
    data/store/riverbend/derived/pictures/7ac3…c2          a picture below the SHA-256 of its name and itself

The name of a folder is a hash of all that its content depends on: the batches that tell something of the time up to the
day, the day, the package's own code, SQL and tables, the practice's own tables and key, the libraries' versions, and for
what was learned its settings. Another version, day, practice or ingest has another name, so that nothing stale can be
read; files that tell only of later days leave an earlier day's name as it is. What is gone, cut or altered is made
anew. Nothing in the files runs when they are read (`content`). Oldest use goes first beyond a limit on size.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rcm_analysis import settings
from rcm_analysis.store import engine, folders, schema
from rcm_analysis.store.practice import Practice

if TYPE_CHECKING:
    from rcm_analysis.store.content import Content
    from rcm_analysis.store.view import View

FOLDER = "derived"
TABLES, ABOUT = "tables.duckdb", "about.json"
DERIVED = "tables"  # what is kept of a day: the derived tables, or something learned by its name
PACKAGE = Path(__file__).resolve().parent.parent
OWN_TABLES = ("*.csv", "*.toml")  # what users keep beside their facts
GROUND = ("errors", "months", "parallel", "stats", "words")  # what every room may use
# the rooms whose code decides what a derived table holds
TELL_TABLES = ("claims", "privacy", "reference", "spreadsheets", "store")
TELL_LEARNED = (*TELL_TABLES, "clusters", "measures", "models", "prevention", "risk", "trends", "work")
TELL_PICTURES = ("charts",)
TELLS_NOTHING = "worklist"  # kind of file that nothing derived or learned rests on: what the team typed
LEARNED_BY = ("duckdb", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
DRAWN_BY = ("matplotlib", "numpy", "pandas", "seaborn")
PICTURES = "pictures"
MOST_PICTURES = 600  # a report has some 30, of which half are another day's too


@dataclass(frozen=True)
class Kept:
    """One kept state: practice, day, what it is (`tables` or a name), bytes on disk, last use (seconds since 1970)."""

    practice: str
    as_of: str
    what: str
    size: int
    used: float
    folder: Path


def key(practice: Practice, as_of: date, what: str = DERIVED, asked: Mapping[str, Any] | None = None) -> str:
    """The name of all that the derived tables of a day, or what was learned by then, depend on.

    >>> len(key(Practice(Path("data/store"), "riverbend"), date(2026, 10, 31)))
    32
    """
    learned = what != DERIVED
    libraries = LEARNED_BY if learned else ("duckdb",)
    parts = [practice.name, as_of.isoformat(), what, json.dumps(asked or {}, sort_keys=True), *map(_version, libraries)]
    parts += [package_fingerprint(TELL_LEARNED if learned else TELL_TABLES), *_told_by(practice, as_of)]
    own = sorted({path for root in (practice.folder, practice.root) for form in OWN_TABLES for path in root.glob(form)})
    secret = practice.folder / "key"  # another key gives other pseudonyms to the same files
    parts += [f"{path.name} {_sha256(path)}" for path in (*own, secret) if path.exists()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=4)
def package_fingerprint(rooms: tuple[str, ...] = TELL_TABLES) -> str:
    """A hash of the code, SQL and reference tables of these rooms, and of what all rooms use."""
    places = [
        *(path for room in rooms for path in (PACKAGE / room).rglob("*")),
        *(PACKAGE / f"{name}.py" for name in GROUND),
    ]
    digest = hashlib.sha256()
    for path in sorted(path for path in places if path.suffix in (".py", ".sql", ".csv")):
        digest.update(f"{path.relative_to(PACKAGE)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=16)
def _version(library: str) -> str:
    try:
        return f"{library} {metadata.version(library)}"
    except metadata.PackageNotFoundError:
        return library


def _told_by(practice: Practice, as_of: date) -> list[str]:
    """The batches that hold something known by the day, and the files in them that later batches hold again."""
    found = []
    for batch in practice.batches():
        first = _first_known(practice.folder / "batches" / batch)
        found += [batch] if first is None or first <= as_of else []
    return [*found, *practice.replaced_names()]


@lru_cache(maxsize=4096)
def _first_known(batch: Path) -> date | None:
    """The first day of which a batch tells; None where one of its files does not say. Batches never change."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(batch / "files.parquet") as file:  # read_table would load what reads whole folders
            rows = file.read(columns=["status", "kind", "first_known_on"])
        status, kind = (pc.fill_null(rows[name].cast(pa.string()), "") for name in ("status", "kind"))
        telling = pc.and_(pc.not_equal(status, "rejected"), pc.not_equal(kind, TELLS_NOTHING))
        days = pc.unique(rows["first_known_on"].filter(telling)).to_pylist()
    except (OSError, ValueError, KeyError):
        return None
    return None if None in days else min(days, default=date.max)


# --- derived tables ------------------------------------------------------------------------------------------------


def attach(con: Any, practice: Practice, as_of: date) -> bool:
    """Makes the kept tables of the day, and the facts, visible on a DuckDB connection; False where none are whole."""
    folder = _whole(practice, key(practice, as_of))
    if folder is None:
        return False
    try:
        con.execute(f"ATTACH '{_quoted(folder / TABLES)}' AS kept (READ_ONLY)")
        tables, views = (
            {
                name
                for (name,) in con.execute(
                    f"SELECT {kind}_name FROM duckdb_{kind}s() WHERE database_name = 'kept'"
                ).fetchall()
            }
            for kind in ("table", "view")
        )
        for name in tables & {table.name for table in schema.FACTS}:
            con.execute(f'DROP VIEW IF EXISTS "{name}"')  # the kept one stands in its place
        practice.lay_facts(con, as_of, tables=tables, views=views)
        con.execute("SET search_path = 'memory.main,kept.main'")  # a view of each table would cost more than all else
    except Exception:  # another process may have cleared it away since: then it is made anew
        with suppress(Exception):
            con.execute("DETACH kept")
        return False
    with suppress(OSError):
        os.utime(folder / ABOUT)
    return True


def keep(con: Any, practice: Practice, as_of: date, *, views: Iterable[str] = (), beside: Path | None = None) -> bool:
    """Keeps the temporary tables of the connection, and these of its views, for the next use; False where that folder
    can't be written.

    Written beside its place and renamed: nobody reads half of it, and of two processes the first stays. `beside` is a
    folder in place of the practice's own.
    """
    final = (beside or practice.folder / FOLDER) / key(practice, as_of)
    made = con.execute("SELECT count(*) FROM duckdb_tables() WHERE temporary").fetchall()[0][0]
    if final.exists() or not made or not _is_plain(final):
        return final.exists()
    put = _put(
        final, practice, as_of, DERIVED, lambda work: _write(con, work / TABLES, views, practice.views_by_name(as_of))
    )
    if put and beside is None:
        shrink(practice, keeping=final)
    return put


@contextmanager
def for_kernels(con: Any, practice: Practice, as_of: date) -> Iterator[dict[str, str]]:
    """The variables by which the kernels that run meanwhile find the day's tables, whether or not the store keeps them."""
    if keep(con, practice, as_of):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="rcm-tables-") as place:  # the system's: a store that can't be written
        keep(con, practice, as_of, beside=Path(place))
        yield {settings.KEPT_TABLES.name: place}


def _write(con: Any, path: Path, views: Iterable[str], facts: Mapping[str, tuple[str, str]]) -> None:
    con.execute(f"ATTACH '{_quoted(path)}' AS keeping")
    try:
        names = con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary ORDER BY table_oid").fetchall()
        con.execute("BEGIN")  # else the file is written through for each table
        for (name,) in names:
            con.execute(f'CREATE TABLE keeping."{name}" AS SELECT * FROM temp."{name}"')
        for name in sorted(facts.keys() - {name for (name,) in names}):
            told, select = facts[name]
            con.execute(told)
            con.execute(f'CREATE VIEW keeping."{name}" AS {select}')
        con.execute("SET search_path = 'keeping.main,memory.main'")
        for name in views:  # which name no database: they are looked up where they are read
            told = con.execute("SELECT sql FROM duckdb_views() WHERE temporary AND view_name = $1", [name]).fetchall()
            con.execute(told[0][0].replace("TEMP VIEW", "VIEW", 1))
        con.execute("COMMIT")
    except Exception:
        with suppress(Exception):
            con.execute("ROLLBACK")
        raise
    finally:
        con.execute("SET search_path = 'memory.main'")
        con.execute("DETACH keeping")


# --- what was learned ----------------------------------------------------------------------------------------------


def learned(
    view: View,
    what: str,
    make: Callable[[], Content],
    *,
    day: date | None = None,
    asked: Mapping[str, Any] | None = None,
) -> Content:
    """What `make` gives of the practice as known on the view's day, or on an earlier `day`: as kept, else made now.

    `asked` are the settings that it depends on besides, as JSON can tell them. What was just made comes back as it will
    be read, so that the first use and every later one are the same. Of two processes that ask at once the second waits
    for what the first makes.
    """
    day = day or view.as_of
    return _made_once(view, what, make, day, lambda practice: key(practice, day, what, asked))


def made_of(view: View, what: str, inputs: Content, make: Callable[[], Content]) -> Content:
    """What `make` gives of the inputs and of nothing else, kept by what they hold: whatever day asks, the same inputs
    find it.

    made_of(view, "groups", Content({"denials": denials}, {"months": 24}), lambda: Content({"clusters": found(denials, 24)}))
    """
    from rcm_analysis.store import content

    return _made_once(
        view, what, make, view.as_of, lambda practice: _name_of_inputs(practice, what, content.packed(inputs))
    )


def _made_once(
    view: View, what: str, make: Callable[[], Content], day: date, named: Callable[[Practice], str]
) -> Content:
    """What is kept under the name, else what `make` gives, kept from now on."""
    from rcm_analysis.store import content

    practice = Practice(view.store, view.practice)
    if not engine.keeps(view.con) or not practice.exists():
        return content.unpacked(content.packed(make()))
    name = named(practice)
    with _alone(practice, what) if _whole(practice, name) is None else nullcontext():
        files = _files(_whole(practice, name))
        if files is None:
            files = content.packed(make())
            _keep_files(practice, name, day, what, files)
    return content.unpacked(files)


def _name_of_inputs(practice: Practice, what: str, inputs: Mapping[str, bytes]) -> str:
    parts = [practice.name, what, *map(_version, LEARNED_BY), package_fingerprint(TELL_LEARNED)]
    parts += [f"{file} {hashlib.sha256(inputs[file]).hexdigest()}" for file in sorted(inputs)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def is_learned(view: View, what: str, *, day: date | None = None, asked: Mapping[str, Any] | None = None) -> bool:
    """Whether `learned` would only read."""
    practice = Practice(view.store, view.practice)
    return engine.keeps(view.con) and _whole(practice, key(practice, day or view.as_of, what, asked)) is not None


def _alone(practice: Practice, what: str) -> AbstractContextManager[None]:
    """Others who want to learn the same wait; where no lock can be written each learns for itself."""
    place = practice.folder / FOLDER
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        (place / f".{what}.lock").touch(mode=0o600)
    except OSError:
        return nullcontext()
    return folders.lock(place / f".{what}.lock", wait=lambda: None)


def _keep_files(practice: Practice, name: str, day: date, what: str, files: Mapping[str, bytes]) -> None:
    def write(work: Path) -> None:
        for file, data in files.items():
            (work / file).write_bytes(data)

    final, beside = practice.folder / FOLDER / name, settings.KEPT_TABLES.value
    if _put(final, practice, day, what, write):
        shrink(practice, keeping=final)
    elif beside:
        _put(Path(beside) / name, practice, day, what, write)


def _files(folder: Path | None) -> dict[str, bytes] | None:
    """The content of a whole folder; None where another process has cleared it away since."""
    if folder is None:
        return None
    try:
        with suppress(OSError):
            os.utime(folder / ABOUT)
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != ABOUT}
    except OSError:
        return None


# --- pictures ------------------------------------------------------------------------------------------------------


def drawn_by() -> str:
    """The code and the libraries that decide what a picture looks like."""
    return " ".join([package_fingerprint(TELL_PICTURES), *map(_version, DRAWN_BY)])


def picture(practice: Practice, name: str) -> bytes | None:
    """A kept picture; None where there is none that is whole. They are many and small: a file each, in one folder."""
    path = practice.folder / FOLDER / PICTURES / name
    try:
        told, data = path.read_bytes().split(b"\n", 1)
        if told != _sum_of(name, data):
            return None
        os.utime(path)
        os.utime(path.parent / ABOUT)
    except (OSError, ValueError):
        return None
    return data


def keep_picture(practice: Practice, name: str, data: bytes) -> None:
    """Keeps a picture for the next use, where that folder can be written; of too many the oldest use goes."""
    folder = practice.folder / FOLDER / PICTURES
    about = {"practice": practice.name, "as_of": "", "what": PICTURES, "files": {}}
    with suppress(OSError):
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if not (folder / ABOUT).exists():
            _replace(folder / ABOUT, json.dumps(about).encode())
        _replace(folder / name, _sum_of(name, data) + b"\n" + data)
        _drop_oldest(folder)


def _sum_of(name: str, data: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + data).hexdigest().encode()


def _replace(path: Path, data: bytes) -> None:
    """Writes a file beside its place, for its owner alone, and renames it: nobody reads half of it."""
    place, work = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with open(place, "wb") as file:
            file.write(data)
        os.replace(work, path)
    except OSError:
        Path(work).unlink(missing_ok=True)
        raise


def _drop_oldest(folder: Path) -> None:
    if len(os.listdir(folder)) <= MOST_PICTURES + 1:
        return
    used = sorted((one.stat().st_mtime, one.path) for one in os.scandir(folder) if one.name != ABOUT)
    for _, path in used[: len(used) // 2]:
        Path(path).unlink(missing_ok=True)


# --- files ---------------------------------------------------------------------------------------------------------


def _put(final: Path, practice: Practice, day: date, what: str, write: Callable[[Path], None]) -> bool:
    """A folder written beside its place and renamed; False where that can't be."""
    try:
        final.parent.mkdir(mode=0o700, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".new-", dir=final.parent))
    except OSError:
        return False
    try:
        write(work)
        files = {path.name: {"size": path.stat().st_size, "sha256": _sha256(path)} for path in work.iterdir()}
        about = {"practice": practice.name, "as_of": day.isoformat(), "what": what, "files": files}
        (work / ABOUT).write_text(json.dumps(about), "utf-8")
        for path in work.iterdir():
            path.chmod(0o600)
        work.rename(final)
    except OSError:
        return final.exists()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return True


def _whole(practice: Practice, name: str) -> Path | None:
    """Where this name is kept whole: in the practice's folder, or in that of the report that runs."""
    beside = settings.KEPT_TABLES.value
    places = [practice.folder / FOLDER / name, *([Path(beside) / name] if beside else [])]
    return next((place for place in places if _is_whole(place)), None)


def _is_whole(folder: Path) -> bool:
    try:
        told = json.loads((folder / ABOUT).read_text("utf-8"))["files"]
        there = {path.name for path in folder.iterdir()} - {ABOUT}
        if there == set(told) and all(_is_as_told(folder / name, about) for name, about in told.items()):
            return True
    except FileNotFoundError:
        if not folder.exists():
            return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    shutil.rmtree(folder, ignore_errors=True)  # cut or altered: it is made anew
    return False


def _is_as_told(path: Path, about: Mapping[str, Any]) -> bool:
    return bool(path.stat().st_size == about["size"] and _sha256(path) == about["sha256"])


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def kept(practice: Practice) -> list[Kept]:
    """The kept states of a practice, last used first."""
    return sorted(_all(practice), key=lambda one: (-one.used, one.as_of, one.what))


def _all(practice: Practice) -> Iterator[Kept]:
    for about in (practice.folder / FOLDER).glob(f"*/{ABOUT}"):
        with suppress(OSError, ValueError, KeyError):
            told = json.loads(about.read_text("utf-8"))
            size = sum(path.stat().st_size for path in about.parent.iterdir())
            yield Kept(practice.name, told["as_of"], told["what"], size, about.stat().st_mtime, about.parent)


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
