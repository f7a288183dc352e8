"""A ledger of a million postings into the store: rows per second of work, beside DuckDB's and polars' CSV readers.

python bench/ledgers.py [--rows 1000000] [--record ledgers.csv]

Ours reads, types, understands and writes the postings, with the electronic files of a part of the claims beside it; the
others read the same file and keep every cell as text. Each measurement runs in a process of its own, in turn, and the best
of three counts. Work is the time of all cores together.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLAIMS = 5_000  # that the electronic files know


def write(folder: Path, rows: int) -> None:
    """A practice's electronic files and store, and its ledger repeated under other claim numbers until it has the rows."""
    from rcm_analysis.intake import ingest
    from rcm_analysis.store.practice import Practice
    from rcm_analysis.synthetic import practice

    practice.write_practice(folder / "practice", claims=min(CLAIMS, rows), months=24, seed=5)
    header, *lines = (folder / "practice/ledger.csv").read_text().splitlines()
    with open(folder / "ledger.csv", "w") as out:
        out.write(header + "\n")
        for i in range(rows):
            copy, line = divmod(i, len(lines))
            out.write(f"{copy if copy else ''}{lines[line]}\n")
    ingest.ingest(Practice(folder / "store", "clinic"), [folder / "practice/edi"])


def ours(folder: Path) -> int:
    import shutil

    from rcm_analysis.intake import ingest
    from rcm_analysis.store.practice import Practice

    place = Path(tempfile.mkdtemp(dir=folder))
    shutil.copytree(folder / "store", place / "store")
    outcome = ingest.ingest(Practice(place / "store", "clinic"), [folder / "ledger.csv"])
    shutil.rmtree(place)
    assert [file["status"] for file in outcome.files] == ["accepted"], outcome.files[0]["reason"]
    return outcome.files[0]["lines"]


def duckdb(folder: Path) -> int:
    import duckdb

    con = duckdb.connect()
    con.execute("CREATE TABLE cells AS SELECT * FROM read_csv($1, all_varchar = true)", [str(folder / "ledger.csv")])
    return con.execute("SELECT count(*) FROM cells").fetchall()[0][0]


def polars(folder: Path) -> int:
    import polars

    return polars.read_csv(folder / "ledger.csv", infer_schema=False).height


READERS = {"ours": ours, "duckdb": duckdb, "polars": polars}


def measure(name: str, folder: Path) -> tuple[float, float, int]:
    """Seconds, seconds of work, rows; what is imported is there before."""
    import pandas  # noqa: F401

    from rcm_analysis.intake import ingest  # noqa: F401

    if name != "ours":
        importlib.import_module(name)
    begun, worked = time.perf_counter(), time.process_time()
    rows = READERS[name](folder)
    return time.perf_counter() - begun, time.process_time() - worked, rows


def compare(folder: Path, rows: int, repeat: int = 3) -> list[tuple[str, float, str]]:
    """Measures as (what, value, unit)."""
    write(folder, rows)
    names = [name for name in READERS if name == "ours" or importlib.util.find_spec(name)]
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    here = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    for _ in range(repeat):
        for name in names:
            called = [sys.executable, __file__, "--measure", name, str(folder)]
            done = subprocess.run(called, capture_output=True, text=True, env=here, check=True)
            seconds, work, found = json.loads(done.stdout.strip().split("\n")[-1])
            assert found == rows, f"{name} reads {found} rows of {rows}"
            runs[name].append((seconds, work))
    best = {name: [min(run[k] for run in some) for k in (0, 1)] for name, some in runs.items()}
    out = [(f"ledger, {name}, per second of work", rows / best[name][1], "rows") for name in names]
    out += [(f"ledger, {name}", rows / best[name][0], "rows/s") for name in names]
    others = [name for name in names if name != "ours"]
    return out + [
        (f"ledger, ours against {name}, work", best["ours"][1] / best[name][1], "times the work") for name in others
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--record", type=Path, help="CSV file to write the measures to")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure[0], Path(arguments.measure[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(Path(folder), arguments.rows)
    for what, value, unit in rows:
        print(f"{what:<48} {value:12,.1f} {unit}")
    if arguments.record:
        with open(arguments.record, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("what", "value", "unit"), *rows])


if __name__ == "__main__":
    main()
