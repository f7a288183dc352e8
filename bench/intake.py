"""Whole ingests of 835 files into a store: MB/s on one and two cores, peak memory, ten times the input.

python bench/intake.py [--megabytes 200] [--record intake.csv]

Every ingest runs in a process of its own: files are hashed, read, checked, and written as Parquet that has reached the
disk. `one file` is one large file; `many files` are the same bytes in files of 2 MB. MB is a million bytes.
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
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SMALL_FILE_MEGABYTES = 2


class Run(NamedTuple):
    """Seconds from the call to the finished batch, peak memory of the process in MB, claims in the store."""

    seconds: float
    peak_mb: float
    claims: int


def measure(path: Path, store: Path, jobs: int) -> Run:
    """Ingests in this process."""
    import resource

    import pandas  # noqa: F401 (Arrow would load it within the time measured)

    from rcm_analysis.intake import ingest
    from rcm_analysis.store.practice import Practice

    begun = time.perf_counter()
    outcome = ingest.ingest(Practice(store, "bench"), [path], jobs=jobs)
    took = time.perf_counter() - begun
    if {file["status"] for file in outcome.files} != {"accepted"}:
        raise RuntimeError("the benchmark's own file was not accepted")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return Run(took, peak, sum(file["claims"] for file in outcome.files))


def write(path: Path, megabytes: float, first: int = 0) -> int:
    """An 835 of about this size; gives the number of its last transaction, the next file's first."""
    import files

    size, number = 0, first
    with open(path, "w", newline="\n") as file:
        file.write("ISA*00*          *00*          *ZZ*PAYER          *ZZ*CLINIC         *261031*0630*^*00501*000000001*0*P*:~"
                   "GS*HP*PAYER*CLINIC*20261031*0630*1*X*005010X221A1~")  # fmt: skip
        while size < megabytes * 1e6:
            body = files.remittances(number)
            size += file.write(f"{body}SE*{body.count('~') + 1}*{number:06d}~")
            number += 1
        file.write(f"GE*{number - first}*1~IEA*1*000000001~")
    return number


def _run(path: Path, jobs: int) -> Run:
    here = {**os.environ, "PYTHONPATH": str(HERE.parent)}  # the package beside this file, whatever is installed
    with tempfile.TemporaryDirectory(dir=path.parent) as store:
        command = [sys.executable, __file__, "--measure", str(path), store, str(jobs)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800, env=here)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().split("\n") or ["failed"])[-1])
    return Run(*json.loads(done.stdout.strip().split("\n")[-1]))


def compare(folder: Path, megabytes: float, growth: float) -> list[tuple[str, float, str]]:
    """Measures as (what, value, unit)."""
    small, large, many = folder / "n.835", folder / "large.835", folder / "many"
    write(small, megabytes)
    many.mkdir()
    number = 0
    for i in range(max(int(megabytes / SMALL_FILE_MEGABYTES), 1)):
        number = write(many / f"{i:05d}.835", SMALL_FILE_MEGABYTES, number)
    write(large, growth * megabytes)
    size = small.stat().st_size / 1e6
    spread = sum(path.stat().st_size for path in many.iterdir()) / 1e6
    one, two, split = _run(small, 1), _run(small, 2), _run(many, 2)
    grown = _run(large, 2)
    return [
        ("one file, 1 core", size / one.seconds, "MB/s"),
        ("one file, 2 cores", size / two.seconds, "MB/s"),
        ("many files, 2 cores", spread / split.seconds, "MB/s"),
        ("one file, peak memory, 1 core", one.peak_mb, "MB"),
        ("one file, peak memory, 2 cores", two.peak_mb, "MB"),
        ("many files, peak memory, 2 cores", split.peak_mb, "MB"),
        (f"{growth:g} times the input, peak memory", grown.peak_mb, "MB"),
        (f"{growth:g} times the input, memory", grown.peak_mb / two.peak_mb, "times"),
        (f"{growth:g} times the input, time", grown.seconds / two.seconds, "times"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--growth", type=float, default=2, help="how many times larger the largest file is")
    parser.add_argument("--record", type=Path, help="CSV file to write the measures to")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        path, store, jobs = arguments.measure
        print(json.dumps(measure(Path(path), Path(store), int(jobs))))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(Path(folder), arguments.megabytes, arguments.growth)
    for what, value, unit in rows:
        print(f"{what:<44} {value:8.1f} {unit}" if unit.startswith("MB") else f"{what:<44} {value:8.2f} {unit}")
    if arguments.record:
        with open(arguments.record, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("what", "value", "unit"), *rows])


if __name__ == "__main__":
    main()
