"""Time of a report's notebooks: papermill's API one after another against `rcm report`, in one run.

python bench/reports.py                  a demo practice of 20,000 claims, made for it
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from rcm_analysis import demo, intake
from rcm_analysis.store import Practice

ROOT = Path(__file__).resolve().parent.parent
AS_OF = date(2026, 10, 31)
# Each way runs in a process of its own, imports included, as a clock would start it
PAPERMILL = """
import sys, pathlib, papermill
folder, store, as_of = sys.argv[1:4]
for book in sorted(pathlib.Path("notebooks").glob("[0-9][0-9]_*.ipynb")):
    papermill.execute_notebook(str(book), f"{folder}/{book.name}", parameters={"practice": "p0", "as_of": as_of, "store": store},
                               progress_bar=False)
"""
OURS = """
import sys, pathlib, datetime
from rcm_analysis import reports
folder, store, as_of, jobs = sys.argv[1:5]
result = reports.render(practice="p0", period=as_of[:7], as_of=datetime.date.fromisoformat(as_of), store=pathlib.Path(store),
                        out=pathlib.Path(folder), notebooks=sorted(pathlib.Path("notebooks").glob("[0-9][0-9]_*.ipynb")), jobs=int(jobs))
assert result.ok, result.statuses
"""


def seconds(script: str, *arguments: object) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", script, *map(str, arguments)], cwd=ROOT, check=True, stderr=subprocess.DEVNULL,
                   env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=int, default=20_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        demo.write_practice(place / "demo", claims=arguments.claims, seed=7)
        intake.ingest(Practice(place / "store", "p0"), [place / "demo/edi", place / "demo/ledger.csv"])
        (place / "papermill").mkdir()
        them = seconds(PAPERMILL, place / "papermill", place / "store", AS_OF)
        print(f"{'papermill, one by one':<22} {them:8.1f} s, notebooks alone")
        for jobs in (1, 2):
            ours = seconds(OURS, place / f"out{jobs}", place / "store", AS_OF, jobs)
            print(
                f"{f'ours, {jobs} at a time':<22} {ours:8.1f} s, pages and tables too: {ours / them:.2f} of papermill's"
            )


if __name__ == "__main__":
    sys.exit(main())
