"""835, 837 and 277CA to finished tables: MB/s on one and two threads, peak memory, twice the input, peer and limit.

python bench/readers.py [--megabytes 100] [--peer-python .../bin/python] [--record readers.csv]

Every measurement runs in a process of its own, ours, the limit's (limit.py) and oxedi's in turn, so that all meet the
same busy machine; the best of three counts. Work is the time of all cores together, which other programs disturb less. The file is in the page cache. A finished table of ours is counted and let go, as it is when
intake writes it; oxedi gives its five tables together at the end. MB is a million bytes.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import files

HERE = Path(__file__).resolve().parent
ROWS = {"835": "remittances", "837": "submissions", "277CA": "acknowledgments"}
OXEDI = """
import json, resource, sys, time
import oxedi
begun, worked = time.perf_counter(), time.process_time()
tables = oxedi.parse_file(sys.argv[1]).tables
arrow = [tables[name].__arrow_c_stream__() for name in tables]
took, work = time.perf_counter() - begun, time.process_time() - worked
print(json.dumps([took, work, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, len(tables["claims"])]))
"""


class Run(NamedTuple):
    """Seconds, seconds of work on all cores, peak memory of the process in MB, and the claims that were read."""

    seconds: float
    work_seconds: float
    peak_mb: float
    claims: int


def measure(path: Path, kind: str, threads: int) -> Run:
    """Reads the file as intake does, in this process."""
    import resource

    import pandas  # noqa: F401 (Arrow would load it within the time measured)

    from rcm_analysis.edi import envelopes, x12
    from rcm_analysis.intake import ingest, sources

    begun, worked, claims = time.perf_counter(), time.process_time(), 0
    with open(path, "rb") as file, sources.Mapped(file.fileno(), 0, access=sources.mmap.ACCESS_READ) as data:
        parts = envelopes.gather(_released(envelopes.parts(0, data, x12.interchanges(data)), data))
        with ThreadPoolExecutor(threads) as pool:
            running: deque = deque()
            for held in parts:
                running.append(pool.submit(ingest.read_piece, held, ["0" * 64], b"key"))
                if len(running) > threads + 1:
                    claims += running.popleft().result().tables[ROWS[kind]].num_rows
            claims += sum(job.result().tables[ROWS[kind]].num_rows for job in running)
    took, work = time.perf_counter() - begun, time.process_time() - worked
    return Run(took, work, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, claims)


def _released(parts, data):
    for i, part in enumerate(parts, 1):
        if i % 16 == 0:
            data.release()
        yield part


def _ours(path: Path, kind: str, threads: int) -> tuple[str, ...]:
    return (sys.executable, __file__, "--measure", str(path), kind, str(threads))


def _run(*command: str) -> Run:
    here = {**os.environ, "PYTHONPATH": str(HERE.parent)}  # the package beside this file, whatever is installed
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=here)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().split("\n") or ["failed"])[-1])
    return Run(*json.loads(done.stdout.strip().split("\n")[-1]))


def best(runs: list[Run]) -> Run:
    least = [min(run[k] for run in runs) for k in (0, 1)]
    return Run(*least, max(run.peak_mb for run in runs), runs[0].claims)


def compare(folder: Path, megabytes: float, peer: str | None, repeat: int = 3) -> list[tuple[str, float, str]]:
    """Measures as (what, value, unit)."""
    rows = []
    for kind in files.FILES:
        path, double = folder / f"n.{kind}", folder / f"2n.{kind}"
        files.write(path, kind, megabytes)
        files.write(double, kind, 2 * megabytes)
        commands = {
            "1 thread": _ours(path, kind, 1),
            "2 threads": _ours(path, kind, 2),
            "twice": _ours(double, kind, 1),
        }
        if kind == "835":
            commands["limit"] = (sys.executable, str(HERE / "limit.py"), str(path))
        if peer and kind == "835":
            commands["oxedi"] = (peer, "-c", OXEDI, str(path))
        runs = {name: [] for name in commands}
        for _ in range(repeat):
            for name, command in commands.items():
                runs[name].append(_run(*command))
        rows += _rows(kind, path.stat().st_size / 1e6, {name: best(some) for name, some in runs.items()})
        path.unlink()
        double.unlink()
    return rows


def _rows(kind: str, megabytes: float, runs: dict[str, Run]) -> list[tuple[str, float, str]]:
    one, two, twice = runs["1 thread"], runs["2 threads"], runs["twice"]
    rows = [
        (f"{kind}, 1 thread", megabytes / one.seconds, "MB/s"),
        (f"{kind}, 2 threads", megabytes / two.seconds, "MB/s"),
        (f"{kind}, 1 thread, per second of work", megabytes / one.work_seconds, "MB"),
        (f"{kind}, peak memory, 1 thread", one.peak_mb, "MB"),
        (f"{kind}, peak memory, 2 threads", two.peak_mb, "MB"),
        (f"{kind}, twice the input, time", twice.work_seconds / one.work_seconds, "times the work"),
        (f"{kind}, twice the input, memory", twice.peak_mb / one.peak_mb, "times"),
    ]
    for name in [other for other in ("limit", "oxedi") if other in runs]:
        other = runs[name]
        if other.claims != one.claims:
            raise RuntimeError(f"{name} reads {other.claims} claims, this package {one.claims}")
        rows += [
            (f"{kind}, {name}", megabytes / other.seconds, "MB/s"),
            (f"{kind}, {name}, peak memory", other.peak_mb, "MB"),
            (f"{kind}, 1 thread against {name}, work", other.work_seconds / one.work_seconds, "times as fast"),
            (f"{kind}, 1 thread against {name}", other.seconds / one.seconds, "times as fast"),
            (f"{kind}, 2 threads against {name}", other.seconds / two.seconds, "times as fast"),
        ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--peer-python", help="interpreter of an environment that holds oxedi")
    parser.add_argument("--record", type=Path, help="CSV file to write the measures to")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        path, kind, threads = arguments.measure
        print(json.dumps(measure(Path(path), kind, int(threads))))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(Path(folder), arguments.megabytes, arguments.peer_python)
    for what, value, unit in rows:
        print(f"{what:<44} {value:8.1f} {unit}" if unit.startswith("MB") else f"{what:<44} {value:8.2f} {unit}")
    if arguments.record:
        with open(arguments.record, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("what", "value", "unit"), *rows])


if __name__ == "__main__":
    main()
