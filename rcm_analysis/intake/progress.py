"""How far the reading has come: a bar on a terminal, a line for every tenth elsewhere, nothing for what is quick.

reading: 30 % of 1.2 GB, 48 MB/s, 120 files
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

QUIET_SECONDS = 3.0
Call = Callable[[int, int, int], None]  # bytes done, bytes in all, files done


@contextmanager
def reading() -> Iterator[Call]:
    """A call that shows bytes and files done."""
    if sys.stderr.isatty():
        with _bar() as call:
            yield call
    else:
        yield _lines(lambda line: print(line, file=sys.stderr, flush=True))


@contextmanager
def working(what: str) -> Iterator[None]:
    """For a step whose length nobody knows: a turning sign on a terminal, one line elsewhere once it takes long.

    verifying riverbend: still at work
    """
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(what, spinner="line"):
            yield
        return
    later = threading.Timer(QUIET_SECONDS, lambda: print(f"{what}: still at work", file=sys.stderr, flush=True))
    later.daemon = True
    later.start()
    try:
        yield
    finally:
        later.cancel()


@contextmanager
def _bar() -> Iterator[Call]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
               TextColumn("{task.fields[files]:,} files"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=None, files=0)
        yield lambda done, total, files: progress.update(task, completed=done, total=total, files=files)


def _lines(say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Call:
    """Says a line whenever another tenth is done, once the reading has taken more than three seconds."""
    begun, tenths = clock(), 0

    def call(done: int, total: int, files: int) -> None:
        nonlocal tenths
        reached, took = (10 * done // total if total else 10), clock() - begun
        if reached > tenths and took > QUIET_SECONDS and reached < 10:
            tenths = reached
            say(f"reading: {10 * reached} % of {_size(total)}, {done / took / 1e6:,.0f} MB/s, {files:,} files")

    return call


def _size(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
