"""A command run and watched: seconds by the clock, processor seconds and memory of the process and all it starts.

    watched([sys.executable, "-m", "rcm_analysis", "report", ...])
    Seen(wall=41.2, work=63.0, own=9.1, peak_mb=1480.0, code=0, text="...")

Kernels are forked by a server that nobody waits for, so that what the system tells of ended children leaves them out.
Here every process below the command is looked at twenty times a second; one that ends between two looks is short of a
twentieth of a second. Linux only: elsewhere work is that of waited children, and memory that of the largest.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

LOOKS_PER_SECOND = 20
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
PR_SET_CHILD_SUBREAPER = 36


class Seen(NamedTuple):
    """Seconds by the clock, processor seconds of all, those of the command's own process, peak of private memory in MB,
    exit code, text."""

    wall: float
    work: float
    own: float
    peak_mb: float
    code: int
    text: str


def watched(command: Sequence[object], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Seen:
    """Runs the command to its end. Its exit code is given, not judged."""
    linux = sys.platform == "linux"
    _bury()
    if linux:  # whatever loses its parent becomes a child of this process, and so stays below it
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as out:
        process = subprocess.Popen([str(part) for part in command], env={**os.environ, **(env or {})}, cwd=cwd,
                                   stdout=out, stderr=subprocess.STDOUT)  # fmt: skip
        looks = _Looks(process.pid)
        while process.poll() is None:
            if linux:
                looks.look()
            time.sleep(1 / LOOKS_PER_SECOND)
        wall = time.perf_counter() - begun
        out.seek(0)
        text = out.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    waited = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    work = max(looks.seconds(), waited) if linux else waited
    return Seen(
        wall,
        work,
        looks.seconds(process.pid) if linux else waited,
        looks.peak / 1e6 if linux else after.ru_maxrss / 1e3,
        process.returncode,
        text,
    )


class _Looks:
    """What was seen of each process: its ticks, the memory of all at the time when it was most."""

    def __init__(self, first: int) -> None:
        self.ticks: dict[tuple[int, str], int] = {}
        self.peak = 0
        self.others = set(_below(os.getpid())) - {first} if sys.platform == "linux" else set()

    def look(self) -> None:
        memory = 0
        for pid in set(_below(os.getpid())) - self.others:
            with suppress(OSError, IndexError, ValueError):
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                self.ticks[pid, fields[19]] = int(fields[11]) + int(fields[12])
                pages = Path(f"/proc/{pid}/statm").read_text().split()
                memory += (int(pages[1]) - int(pages[2])) * PAGE_BYTES
        self.peak = max(self.peak, memory)

    def seconds(self, pid: int | None = None) -> float:
        """Processor seconds of one process, or of all, as they were seen last."""
        return sum(ticks for (own, _), ticks in self.ticks.items() if pid in (None, own)) / TICKS


def _bury() -> None:
    """Takes note of the end of processes that lost their parents; else they stand among the living, with their work."""
    with suppress(ChildProcessError, AttributeError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _below(root: int) -> list[int]:
    """The processes below one, by their parents."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()[1])
    found, wanted = [], {root}
    while wanted:
        wanted = {pid for pid, parent in parents.items() if parent in wanted}
        found += wanted
    return found
