"""A practice in one file, for another disk or another machine: its facts as they are, its key under a passphrase.

    riverbend.rcm (a ZIP)    backup.json                     format, practice, batches, SHA-256 of every file
                             key.json                        the key, sealed: without the passphrase nobody can use it
                             batches/00001-3fa9c1d2/...      as in the store
                             contracts.csv, edits.toml       what the practice keeps beside its facts

What can be made anew is left out. The key is one block of 32 bytes, hidden by as many of scrypt(passphrase, salt), a salt
of its own for each backup, and a tag (HMAC-SHA-256) says whether the passphrase was right.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import os
import re
import secrets
import shutil
import zipfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcm_analysis.errors import FailedError, RcmError
from rcm_analysis.store import copies, folders, manifests
from rcm_analysis.store.practice import KEY_BYTES, Practice, StoreError

FORMAT = 1
ABOUT, SEALED = "backup.json", "key.json"
OWN = ("*.csv", "*.toml")
_DAY = (1980, 1, 1, 0, 0, 0)  # of every member: the same practice gives the same bytes but for the sealed key
_NAME = re.compile(r"batches/\d{5,}-[0-9a-f]{8}/(?:[a-z0-9_]+\.parquet|manifest\.json)|[\w. -]+\.(?:csv|toml)")
_COST = {"n": 2**15, "r": 8, "p": 1}
_MEMORY = 64_000_000


@dataclass(frozen=True)
class Restored:
    """What a restore did: the practice, its batches, and those that were there before and are no more."""

    practice: str
    batches: list[str]
    gone: list[str]


def back_up(practice: Practice, out: Path, passphrase: str) -> int:
    """Writes the practice into one file, whole or not at all, its owner's alone; gives its bytes.

    Raises StoreError where the practice is damaged: a backup of that would be worse than none.
    """
    if not practice.exists():
        raise StoreError(f"there is nothing of {practice.name} in {practice.root}; rcm practices lists what is there")
    if not passphrase:
        raise StoreError("a backup needs a passphrase for the practice's key")
    with practice.snapshot():
        _write(practice, out, passphrase)
    copies.note(practice.folder, out)
    return out.stat().st_size


def _write(practice: Practice, out: Path, passphrase: str) -> None:
    paths = _of(practice)
    told = {"format": FORMAT, "practice": practice.name, "batches": practice.batches(),
            "files": {name: manifests.sha256(path) for name, path in paths.items()}}  # fmt: skip
    try:
        with folders.whole(out) as work, zipfile.ZipFile(work, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(ABOUT, _DAY), json.dumps(told, indent=1))
            archive.writestr(zipfile.ZipInfo(SEALED, _DAY), json.dumps(sealed(practice.key(), passphrase)))
            for name, path in paths.items():
                with (
                    path.open("rb") as source,
                    archive.open(zipfile.ZipInfo(name, _DAY), "w", force_zip64=True) as member,
                ):
                    shutil.copyfileobj(source, member)
    except OSError as error:
        raise FailedError(f"the backup could not be written ({error.strerror or error}); {out} is as it was") from None


def _of(practice: Practice) -> dict[str, Path]:
    """Name in the backup -> file of the store."""
    batches = [practice.folder / "batches" / name for name in practice.batches()]
    found = [path for batch in batches for path in sorted(batch.iterdir()) if not path.name.startswith(".")]
    found += sorted(path for form in OWN for path in practice.folder.glob(form))
    return {path.relative_to(practice.folder).as_posix(): path for path in found}


def restore(path: Path, root: Path, passphrase: str, *, replace: bool = False) -> Restored:
    """Puts a practice from its backup into a store; with `replace` in the place of what is there of it.

    Every byte is held against the backup's list before anything appears. Raises StoreError that says what is wrong.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            told, key = _told(archive, path), opened(_json(archive, SEALED, path), passphrase)
            practice = Practice(root, told["practice"])
            if practice.known() and not replace:
                raise StoreError(
                    f"{practice.name} is in {root} already; rcm restore --replace puts the backup in its place"
                )
            before = practice.batches() if practice.known() else []
            folders.make_private(root)
            folders.sweep(practice.folder)
            work = folders.building(practice.folder)
            try:
                _unpack(archive, told["files"], work, path)
                folders.write({work / "key": key})
                with practice.alone() if practice.known() else nullcontext():
                    folders.publish(work, practice.folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except zipfile.BadZipFile:
        raise StoreError(f"{path} is no backup, or is damaged: take another copy of it") from None
    except FileNotFoundError:
        raise StoreError(f"there is no {path}") from None
    except OSError as error:
        raise FailedError(
            f"the backup could not be restored ({error.strerror or error}); the store is as it was"
        ) from None
    practice = Practice(root, told["practice"])
    practice.check()
    return Restored(practice.name, practice.batches(), sorted(set(before) - set(practice.batches())))


def _told(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    told = _json(archive, ABOUT, path)
    if told.get("format") != FORMAT:
        raise StoreError(f"{path} is a backup of another release of this software (format {told.get('format')})")
    wrong = [name for name in told["files"] if not _NAME.fullmatch(name)]
    if wrong:
        raise StoreError(f"{path} is no backup of a practice: it holds what belongs to none")
    return told


def _json(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(archive.read(name)))
    except (KeyError, ValueError):
        raise StoreError(f"{path} is no backup of a practice: it has no {name} that can be read") from None


def _unpack(archive: zipfile.ZipFile, files: dict[str, str], work: Path, path: Path) -> None:
    for name, digest in files.items():
        target = work / name
        folders.make_private(target.parent)
        seen = hashlib.sha256()
        try:
            source = archive.open(name)
        except KeyError:
            raise StoreError(f"{path} is damaged: {name} is missing") from None
        with (
            source,
            open(
                os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb"
            ) as file,
        ):
            while block := source.read(io.DEFAULT_BUFFER_SIZE * 64):
                seen.update(block)
                file.write(block)
        if seen.hexdigest() != digest:
            raise StoreError(f"{path} is damaged: {name} is not what was backed up")


# --- the key -------------------------------------------------------------------------------------------------------


def sealed(key: bytes, passphrase: str) -> dict[str, Any]:
    """The key as only the passphrase gives it back.

    >>> opened(sealed(bytes(32), "a long one"), "a long one") == bytes(32)
    True
    """
    salt = secrets.token_bytes(16)
    pad, mark = _derived(passphrase, salt)
    hidden = bytes(a ^ b for a, b in zip(key, pad, strict=True))
    tag = hmac.digest(mark, salt + hidden, "sha256")
    return {"scrypt": _COST, "salt": salt.hex(), "key": hidden.hex(), "tag": tag.hex()}


def opened(told: dict[str, Any], passphrase: str) -> bytes:
    """The key; raises StoreError for another passphrase."""
    try:
        salt, hidden, tag = (bytes.fromhex(told[name]) for name in ("salt", "key", "tag"))
        pad, mark = _derived(passphrase, salt)
    except (KeyError, ValueError, TypeError):
        raise StoreError("the backup's key is damaged: take another copy of the backup") from None
    if len(hidden) != KEY_BYTES or not hmac.compare_digest(tag, hmac.digest(mark, salt + hidden, "sha256")):
        raise StoreError("the passphrase does not open the backup's key")
    return bytes(a ^ b for a, b in zip(hidden, pad, strict=True))


def _derived(passphrase: str, salt: bytes) -> tuple[bytes, bytes]:
    derived = hashlib.scrypt(passphrase.encode(), salt=salt, **_COST, maxmem=_MEMORY, dklen=2 * KEY_BYTES)
    return derived[:KEY_BYTES], derived[KEY_BYTES:]


# --- verify --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verified:
    """What a practice's store was found to be: what is right, what is damaged and what was not checked, in sentences."""

    practice: str
    batches: int
    tables: int
    rows: int
    size: int
    damaged: dict[str, str]  # batch, or key -> in what
    unchecked: list[str]


def verify(practice: Practice) -> Verified:
    """Reads every byte of a practice's facts and holds it against what was written."""
    place = practice.folder / "batches"
    names = practice.batches()
    damaged: dict[str, str] = {}
    right = []
    for name in names:
        try:
            right.append((name, manifests.check(place / name, anew=True)))
        except (manifests.DamageError, OSError) as error:
            damaged[name] = str(error)
    damaged |= _chain(practice, [place / name for name in names if name not in damaged])
    old = [name for name, one in right if one.unsealed]
    unchecked = [f"{len(old)} batches of an earlier release, which wrote no checksums: they can be read"] if old else []
    own = sorted(path.name for form in OWN for path in practice.folder.glob(form))
    unchecked += [f"{', '.join(own)}, which you keep yourselves"] if own else []
    unchecked.append("derived tables and models, which are made anew where they are not whole, and rendered reports")
    sums = [(one.tables, one.rows, one.size) for _, one in right]
    tables, rows, size = (sum(column) for column in zip(*sums, strict=True)) if sums else (0, 0, 0)
    return Verified(practice.name, len(right), tables, rows, size, damaged, unchecked)


def _chain(practice: Practice, found: list[Path]) -> dict[str, str]:
    """Batches that others knew and that are gone, and the key where it is another one."""
    damaged = {}
    try:
        if lost := manifests.lost(found):
            damaged[lost] = "it is missing, or not the one that was there"
        if found:
            practice.key()
    except manifests.DamageError as error:
        damaged["manifest"] = str(error)
    except RcmError as error:
        damaged["key"] = str(error)
    return damaged


def set_aside(practice: Practice, batches: list[str]) -> None:
    """Takes damaged batches out of what is read; their files can be ingested again."""
    place = practice.folder / "batches"
    for name in batches:
        if (place / name).is_dir():
            (place / name).rename(place / f"{manifests.ASIDE}{name}")
        else:
            folders.make_private(place / f"{manifests.ASIDE}{name}")  # it is known to be gone
