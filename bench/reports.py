"""Time of reports, in one run: papermill's API one notebook after another against `rcm report`, and many practices against one.

python bench/reports.py                  a demo practice of 20,000 claims, and 20 practices of 1,000, made for it
python bench/reports.py --practices 6    fewer practices
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from rcm_analysis.intake import ingest
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import practice as demo_practice

ROOT = Path(__file__).resolve().parent.parent
AS_OF = date(2026, 10, 31)
# Each way runs in a process of its own, imports included, as a clock would start it
PAPERMILL = """
import sys, pathlib, papermill
folder, store, as_of = sys.argv[1:4]
for book in sorted(pathlib.Path("notebooks").glob("0*.ipynb")):
    papermill.execute_notebook(str(book), f"{folder}/{book.name}", parameters={"practice": "p0", "as_of": as_of, "store": store},
                               progress_bar=False)
"""
OURS = """
import sys, pathlib, datetime
from rcm_analysis.reports import render
from rcm_analysis.reports.request import ReportRequest
folder, store, as_of, jobs = sys.argv[1:5]
request = ReportRequest("p0", as_of[:7], datetime.date.fromisoformat(as_of))
result = render.render(request, store=pathlib.Path(store), out=pathlib.Path(folder), jobs=int(jobs))
assert result.ok, result.statuses
"""
MANY = """
import sys, pathlib, datetime
from rcm_analysis.compare import portfolio
from rcm_analysis.reports import all_practices
from rcm_analysis.reports.request import ReportRequest
folder, store, as_of, jobs, names = sys.argv[1:6]
request = ReportRequest(names, as_of[:7], datetime.date.fromisoformat(as_of))
made = all_practices.render_all(portfolio.names(pathlib.Path(store), names), request, store=pathlib.Path(store),
                                out=pathlib.Path(folder), jobs=int(jobs))
assert made.ok, made.made
"""


def seconds(script: str, *arguments: object) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", script, *map(str, arguments)], cwd=ROOT, check=True, stderr=subprocess.DEVNULL,
                   env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    return time.perf_counter() - begun


def practice(store: Path, name: str, folder: Path, *, claims: int, seed: int) -> None:
    demo_practice.write_practice(folder, claims=claims, seed=seed)
    ingest.ingest(Practice(store, name), [folder / "edi", folder / "ledger.csv"])


def one_pack(place: Path, *, claims: int) -> None:
    """The notebooks of one practice, by papermill alone and by ours, each on a store in which nothing is kept yet."""
    practice(place / "store", "p0", place / "demo", claims=claims, seed=7)
    for jobs in (1, 2):
        shutil.copytree(place / "store", place / f"store{jobs}")
    (place / "papermill").mkdir()
    them = seconds(PAPERMILL, place / "papermill", place / "store", AS_OF)
    print(f"{'papermill, one by one':<22} {them:8.1f} s, notebooks alone", flush=True)
    for jobs in (1, 2):
        ours = seconds(OURS, place / f"out{jobs}", place / f"store{jobs}", AS_OF, jobs)
        print(
            f"{f'ours, {jobs} at a time':<22} {ours:8.1f} s, pages and tables too: {ours / them:.2f} of papermill's",
            flush=True,
        )


def many_packs(place: Path, *, practices: int, claims: int) -> None:
    """Every report of several practices and the page that compares them, on all cores, against as many times one."""
    for i in range(practices):
        practice(place / "many", f"p{i}", place / f"demo{i}", claims=claims, seed=20 + i)
    cores = os.cpu_count() or 1
    alone = seconds(MANY, place / "alone", place / "many", AS_OF, 1, "p0")
    print(f"{'one practice':<22} {alone:8.1f} s, and its comparison with none", flush=True)
    together = seconds(MANY, place / "together", place / "many", AS_OF, cores, "all")
    share = together / (practices * alone)
    print(
        f"{f'{practices} practices':<22} {together:8.1f} s on {cores} cores: {share:.2f} of {practices} times one (at best {1 / cores:.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=int, default=20_000, help="of the practice rendered by both; 0: none")
    parser.add_argument("--practices", type=int, default=20, help="rendered in parallel; 0: none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.claims:
            one_pack(Path(folder), claims=arguments.claims)
        if arguments.practices:
            many_packs(Path(folder), practices=arguments.practices, claims=1000)


if __name__ == "__main__":
    sys.exit(main())
