"""What this machine lacks, and how to get it: `rcm doctor`.

what               state     said
Python             ok        3.11.7
PDF                missing   report.pdf needs WeasyPrint: pip install 'rcm-analysis[pdf]'
store              wrong     data/store can be read by others: chmod -R go= data/store
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rcm_analysis import settings
from rcm_analysis.errors import RcmError
from rcm_analysis.reports import pdf, render
from rcm_analysis.store import practice as store_

OK, MISSING, WRONG = "ok", "missing", "wrong"
LEAST_FREE_GB = 2
LEAST_MEMORY_GB = 4


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is ok, missing (something optional) or wrong, and what to do."""

    what: str
    state: str
    said: str


def examine(*, store: Path, out: Path) -> list[Finding]:
    """Everything that a report of a practice in this store needs of the machine."""
    return [*_python(), *_packages(), *_extras(), *_notebooks(), *_machine(store), *_folder("store", store), *_folder("reports", out),
            *_settings(), *_data(store)]  # fmt: skip


def _python() -> Iterator[Finding]:
    well = sys.version_info >= (3, 11)
    yield Finding(
        "Python", OK if well else WRONG, platform.python_version() + ("" if well else ": 3.11 or newer is needed")
    )


def _packages() -> Iterator[Finding]:
    """What the package says that it needs, and whether that is there."""
    lacking = []
    for text in importlib.metadata.requires("rcm-analysis") or []:
        name = re.match(r"[A-Za-z0-9_.-]+", text)
        if "extra ==" in text or not name:
            continue
        try:
            importlib.metadata.version(name[0])
        except importlib.metadata.PackageNotFoundError:
            lacking.append(name[0])
    said = (
        f"not installed: {', '.join(lacking)}; make env, or pip install rcm-analysis"
        if lacking
        else "all that is needed is there"
    )
    yield Finding("packages", WRONG if lacking else OK, said)


def _extras() -> Iterator[Finding]:
    try:
        pdf.check()
        yield Finding("PDF", OK, "rcm report --pdf works")
    except RcmError as error:
        yield Finding("PDF", MISSING, str(error))
    spark = _is_there("pyspark")
    java = shutil.which("java") or os.path.exists("/usr/libexec/java_home")
    lacks = [] if spark else ["pip install 'rcm-analysis[spark]'"]
    lacks += [] if java else ["Java 17 or newer, from your system's packages"]
    yield Finding(
        "Spark",
        MISSING if lacks else OK,
        f"only for --engine spark: {', '.join(lacks)}" if lacks else "--engine spark works",
    )
    dask = _is_there("distributed")
    yield Finding("Dask", OK if dask else MISSING, "--engine tcp://host:8786 works" if dask else "only for a Dask cluster: pip install distributed")  # fmt: skip


def _is_there(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _notebooks() -> Iterator[Finding]:
    try:
        count = len(render.notebooks([]))
        yield Finding("notebooks", OK, f"{count} pages can be rendered")
    except RcmError:
        yield Finding("notebooks", WRONG, "the notebooks are not installed: run rcm from a checkout made with make env")
    forks = hasattr(os, "fork") and not settings.PLAIN_KERNELS.value
    yield Finding(
        "kernels", OK, "forked from a warm server" if forks else "started one by one, which takes some seconds a page"
    )


def _machine(store: Path) -> Iterator[Finding]:
    yield Finding("cores", OK, f"{os.cpu_count() or 1}")
    memory = _memory_gb()
    if memory:
        few = memory < LEAST_MEMORY_GB
        yield Finding("memory", MISSING if few else OK, f"{memory:,.1f} GB" + (": render with --jobs 1" if few else ""))
    place = next(path for path in (store.resolve(), *store.resolve().parents) if path.exists())
    free = shutil.disk_usage(place).free / 1e9
    few = free < LEAST_FREE_GB
    yield Finding("disk", WRONG if few else OK, f"{free:,.1f} GB free beside the store" + (": make room, or clear with rcm cache --clear" if few else ""))  # fmt: skip


def _memory_gb() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):  # Windows does not tell
        return 0.0


def _folder(what: str, folder: Path) -> Iterator[Finding]:
    """Whether the folder can be written, is its owner's alone and knows names that differ in case."""
    if not folder.exists():
        yield Finding(what, OK, f"{folder} is made when it is needed")
        return
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Finding(
            what, WRONG, f"{folder} can't be written ({error.strerror}): give its owner the right to, or name another"
        )
        return
    open_to = os.name != "nt" and folder.stat().st_mode & 0o077
    yield Finding(
        what,
        WRONG if open_to else OK,
        f"{folder} can be read by others: chmod -R go= {folder}" if open_to else str(folder),
    )


def _settings() -> Iterator[Finding]:
    told = [one.name for one in settings.OF_USERS if one.is_set]
    yield Finding(
        "settings", OK, f"set: {', '.join(told)}" if told else f"all as usual; {settings.FILE} can change them"
    )


def _data(store: Path) -> Iterator[Finding]:
    names = store_.practices(store)
    said = f"{len(names):,} in {store}; next: rcm report --practice {names[0]}" if names else "none yet; next: rcm demo, or rcm ingest FOLDER --practice NAME"  # fmt: skip
    yield Finding("practices", OK, said)
