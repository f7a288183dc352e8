"""What a batch held when it was written: rows, size and SHA-256 of each table, so that damage is never read as data.

    batches/00002-3fa9c1d2/manifest.json
    {"tables": {"files": {"rows": 3, "bytes": 2911, "sha256": "9f0c…"}, …}, "key": "51c4…", "before": {"00001-0c2e77aa": "ab12…"}}

`before` names the batches that were there and the SHA-256 of their manifests, so that one that is lost or altered is
noticed by the next. Batches of earlier releases have none. What was found right is not read again by the same process
until one of its files changes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

MANIFEST = "manifest.json"
ASIDE = ".damaged-"  # begins the name of a batch that was set aside
_read: dict[Path, tuple[tuple, dict[str, Any], str]] = {}  # manifests, each as long as its file is the same
_sound: dict[Path, tuple] = {}  # batches found right, with what tells that nothing changed since


@dataclass(frozen=True)
class Checked:
    """What was found right of a batch: tables, rows and bytes; `unsealed` where no manifest tells what it held."""

    tables: int
    rows: int
    size: int
    unsealed: bool = False


class DamageError(Exception):
    """A batch is not as it was written; the message says in what."""


def content(folder: Path, before: Iterable[Path], key: Path) -> bytes:
    """The manifest of a batch whose tables are written; `before` are the folders of the batches that are there already."""
    tables = {
        path.stem: {"rows": pq.read_metadata(path).num_rows, "bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(folder.glob("*.parquet"))
    }
    earlier = {one.name: sha256(one / MANIFEST) if (one / MANIFEST).exists() else None for one in before}
    told = {"tables": tables, "key": sha256(key) if key.exists() else "", "before": earlier}
    return json.dumps(told, separators=(",", ":")).encode()


def check(folder: Path, *, full: bool = True, anew: bool = False) -> Checked:
    """Raises DamageError where the batch isn't as it was written; `full` reads every byte, else presence and size count.

    With `anew` what this process found right before is read again, too.
    """
    told = _told(folder)
    there = {path.stem: path for path in folder.glob("*.parquet")}
    if told is None:
        return _unsealed(there)
    tables: dict[str, Any] = told["tables"]
    if missing := sorted(set(tables) - set(there)):
        raise DamageError(f"{missing[0]}.parquet is missing")
    if strange := sorted(set(there) - set(tables)):
        raise DamageError(f"{strange[0]}.parquet does not belong to it")
    for name, one in tables.items():
        if there[name].stat().st_size != one["bytes"]:
            raise DamageError(f"{name}.parquet has not the size that it was written with")
    if full and ((now := _state(folder, there.values())) != _sound.get(folder) or anew):
        _compare(tables, there)
        _sound[folder] = now
    return Checked(
        len(tables), sum(one["rows"] for one in tables.values()), sum(one["bytes"] for one in tables.values())
    )


def lost(folders: list[Path]) -> str:
    """The name of a batch that a later one knew and that is gone or has another manifest; empty where there is none."""
    for folder in reversed(folders):
        told = _told(folder)
        if told is None:
            continue
        for name, digest in told["before"].items():
            earlier = folder.parent / name
            if not earlier.is_dir():
                if not (folder.parent / f"{ASIDE}{name}").is_dir():
                    return str(name)
            elif digest and ((there := _manifest(earlier)) is None or there[1] != digest):
                return str(name)
        return ""
    return ""


def key_digest(folders: list[Path]) -> str:
    """The SHA-256 of the practice's key, as the newest manifest tells it; empty where none does."""
    told = next((told for folder in reversed(folders) if (told := _told(folder)) is not None), None)
    return str(told["key"]) if told else ""


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _told(folder: Path) -> dict[str, Any] | None:
    """The manifest; None where the batch has none."""
    read = _manifest(folder)
    return read[0] if read else None


def _manifest(folder: Path) -> tuple[dict[str, Any], str] | None:
    """The manifest and its SHA-256, read once until the file changes."""
    path = folder / MANIFEST
    try:
        status = path.stat()
        state = (status.st_ino, status.st_size, status.st_mtime_ns)
        if _read.get(path, (None,))[0] != state:
            data = path.read_bytes()
            _read[path] = (state, _parsed(data), hashlib.sha256(data).hexdigest())
    except FileNotFoundError:
        return None
    return _read[path][1], _read[path][2]


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
        if all({"rows", "bytes", "sha256"} == set(one) for one in told["tables"].values()) and told["key"] is not None:
            told["before"].items()
            return dict(told)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise DamageError(f"{MANIFEST} can't be read")


def _state(folder: Path, paths: Iterable[Path]) -> tuple:
    return tuple((path.name, s.st_ino, s.st_size, s.st_mtime_ns) for path in (folder / MANIFEST, *sorted(paths)) for s in [path.stat()])  # fmt: skip


def _compare(tables: dict[str, Any], there: dict[str, Path]) -> None:
    names = sorted(tables)
    with ThreadPoolExecutor(min(len(names), os.cpu_count() or 1) or 1) as pool:
        digests = list(pool.map(lambda name: sha256(there[name]), names))
    for name, digest in zip(names, digests, strict=True):
        if digest != tables[name]["sha256"]:
            raise DamageError(f"{name}.parquet is not what was written")
        if pq.read_metadata(there[name]).num_rows != tables[name]["rows"]:
            raise DamageError(f"{MANIFEST} tells other rows of {name}.parquet than are there")


def _unsealed(there: dict[str, Path]) -> Checked:
    """Of a batch of an earlier release only what a reader notices."""
    rows = 0
    for name, path in there.items():
        try:
            rows += pq.read_metadata(path).num_rows
        except (pa.ArrowException, OSError, ValueError):
            raise DamageError(f"{name}.parquet can't be read") from None
    return Checked(len(there), rows, sum(path.stat().st_size for path in there.values()), unsealed=True)
