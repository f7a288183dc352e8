"""How long a user waits: every thing done once as a user does it, in a process of its own, as work, clock and memory.

python bench/waits.py                     a practice of 20,000 claims, and of 40,000 for the growth
python bench/waits.py --quick             1,000 claims, no growth, no tool beside
python bench/waits.py --claims 5000 --only day scrub

Work is processor seconds of the process and of all it starts (`watched`), own those of the first process alone: the
rest of a report's is its notebooks'. Below each stand the stages that take most of it (`staged`). The clock depends on
what else runs. Where a target is a ratio both sides are taken in one run. `day` is the daily case: a practice of two years up to the end of a
month, reported; then the next 50 files, and the report of the day after them.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from watched import Seen, watched

from rcm_analysis import export
from rcm_analysis.months import month_end
from rcm_analysis.synthetic import practice as demo

ROOT = Path(__file__).resolve().parent.parent
PRACTICE, SEED, MONTHS = demo.PRACTICE, 7, 25
BASE_MONTH = "2026-09"  # of the practice of two years; the demo's last month is the one after
NEW_FILES, SCRUBBED_CLAIMS = 50, 100
SHORT = 0.2  # seconds of work; the growth of less tells nothing
RCM = (sys.executable, "-m", "rcm_analysis")
OPENING = """
import sys, rcm_analysis as rcm
p = rcm.open_practice(sys.argv[1], sys.argv[2], as_of=sys.argv[3])
assert p.execute("SELECT count(*) FROM claims").fetchall()[0][0]
"""
PAPERMILL = """
import sys, pathlib, papermill
folder, store, practice, as_of = sys.argv[1:5]
for book in sorted(pathlib.Path("notebooks").glob("0[1-9]*.ipynb")):
    papermill.execute_notebook(str(book), f"{folder}/{book.name}", progress_bar=False,
                               parameters={"practice": practice, "as_of": as_of, "store": store})
"""


@dataclass
class Bench:
    """Where it works, and what was seen so far: (group, what) -> Seen."""

    place: Path
    claims: int
    seen: dict[tuple[str, str], Seen] = field(default_factory=dict)
    stages: dict[tuple[str, str], float] = field(default_factory=dict)  # of each thing done, seconds of work by stage

    def run(self, group: str, what: str, *command: object, cwd: Path = ROOT) -> Seen:
        """Watches a command and prints its line; ends the bench when it fails."""
        told = self.place / "stages.txt"
        told.write_text("")
        paths = f"{ROOT / 'bench/staged'}{os.pathsep}{ROOT}"
        seen = watched(command, env={"PYTHONPATH": paths, "RCM_BENCH_STAGES": str(told)}, cwd=cwd)
        if seen.code not in (0, 3):  # 3: claims are held, or a file was taken in part
            sys.exit(f"{what} failed ({seen.code}):\n{seen.text[-2000:]}")
        self.seen[group, what] = seen
        print(f"{what:<46}{seen.work:8.1f}{seen.own:9.1f}{seen.wall:9.1f}{seen.peak_mb:10,.0f}", flush=True)
        for stage, seconds in _stages(told, seen.work):
            self.stages[what, stage] = seconds
            print(f"    {stage:<42}{seconds:8.1f}", flush=True)
        return seen

    def rcm(self, group: str, what: str, *arguments: object) -> Seen:
        return self.run(group, what, *RCM, *arguments)

    def work(self, group: str) -> float:
        return sum(seen.work for (own, _), seen in self.seen.items() if own == group)


def _stages(told: Path, work: float) -> list[tuple[str, float]]:
    """The stages that take a twentieth of the work or more, most first, and what none of them took."""
    sums: dict[str, float] = {}
    for line in told.read_text().splitlines():
        stage, seconds = line.split("\t")
        sums[stage] = sums.get(stage, 0.0) + float(seconds)
    large = sorted(((seconds, stage) for stage, seconds in sums.items() if seconds >= work / 20), reverse=True)
    rest = work - sum(seconds for seconds, _ in large)
    return [*((stage, seconds) for seconds, stage in large), ("imports, notebooks' cells and others", rest)]


def ratio(what: str, part: float, whole: float, wanted: str) -> None:
    print(f"  {what}: {part / whole:.2f} ({part:.1f} of {whole:.1f} s; wanted {wanted})", flush=True)


# --- files ---------------------------------------------------------------------------------------------------------


def practice_files(bench: Bench) -> Path:
    """The demo practice, with a month more than two years."""
    folder = bench.place / "files"
    if not folder.exists():
        demo.write_practice(folder, claims=bench.claims, months=MONTHS, seed=SEED)
    return folder


def divided(bench: Bench) -> tuple[Path, Path, date]:
    """The practice up to the end of a month, the next files in a folder of their own, and the day of the last of them."""
    base, new = bench.place / "base", bench.place / "new"
    files, cut = practice_files(bench), month_end(BASE_MONTH)
    later = []
    days = _days(bench)
    for path in sorted((files / "edi").rglob("*.*")):
        first, last = days[path.name]
        if last <= cut:
            base.mkdir(exist_ok=True)
            shutil.copy(path, base / path.name)
        elif first > cut:
            later.append((first, path))
    new.mkdir(exist_ok=True)
    chosen = sorted(later)[:NEW_FILES]
    for _, path in chosen:
        shutil.copy(path, new / path.name)
    _cut_ledger(files / "ledger.csv", base / "ledger.csv", cut)
    return base, new, chosen[-1][0]


def _days(bench: Bench) -> dict[str, tuple[date, date]]:
    """First and last day of each file, as an ingest of all tells them."""
    store = bench.place / "all"
    if not store.exists():
        watched([*RCM, "ingest", bench.place / "files/edi", "-p", PRACTICE, "--store", store], cwd=ROOT)
    rows = [
        row for path in store.glob(f"{PRACTICE}/batches/*/files.parquet") for row in pq.read_table(path).to_pylist()
    ]
    return {row["name"]: (row["first_known_on"], row["last_known_on"]) for row in rows}


def _cut_ledger(source: Path, target: Path, cut: date) -> None:
    with open(source, newline="") as old, open(target, "w", newline="") as new:
        rows = csv.DictReader(old)
        writer = csv.DictWriter(new, rows.fieldnames or [])
        writer.writeheader()
        posted = ((row, datetime.strptime(row["Post Date"], "%m/%d/%Y").date()) for row in rows)
        writer.writerows(row for row, day in posted if day <= cut)


def joined(bench: Bench) -> tuple[Path, Path]:
    """The practice's EDI files, and the same bytes in one file."""
    small, one = practice_files(bench) / "edi", bench.place / "one"
    one.mkdir()
    with open(one / "all.edi", "wb") as out:
        for path in sorted(small.rglob("*.*")):
            out.write(path.read_bytes())
    return small, one


def unsent(bench: Bench) -> Path:
    """One 837 with some hundred claims of the newest files."""
    path, taken = bench.place / "today.837", []
    for source in sorted((practice_files(bench) / "edi/837").iterdir(), reverse=True):
        taken.append(source.read_bytes())
        if sum(data.count(b"CLM*") for data in taken) >= SCRUBBED_CLAIMS:
            break
    path.write_bytes(b"".join(taken))
    return path


# --- what a user waits for -----------------------------------------------------------------------------------------


def demo_report(bench: Bench) -> None:
    folder = bench.place / "empty"
    folder.mkdir()
    bench.run("demo", "rcm demo: empty machine to report", *RCM, "demo", "--claims", bench.claims, cwd=folder)


def day(bench: Bench) -> None:
    base, new, last = divided(bench)
    store, out = bench.place / "daily", bench.place / "out"
    own = ("-p", PRACTICE, "--store", store)
    bench.rcm("full", "ingest of two years with ledger", "ingest", base, *own)
    bench.rcm("full", "its report", "report", *own, "--as-of", month_end(BASE_MONTH), "--out", out)
    bench.rcm("daily", f"ingest of {NEW_FILES} new files", "ingest", new, *own)
    bench.rcm("daily", "the report after them", "report", *own, "--as-of", last, "--out", out)
    ratio("the day of the full run's work", bench.work("daily"), bench.work("full"), "at most 0.25")
    bench.rcm("again", "the same report once more", "report", *own, "--as-of", last, "--out", out)


def scrub(bench: Bench) -> None:
    store, path = unused(bench), unsent(bench)
    asked = ("scrub", path, "-p", PRACTICE, "--store", store, "--out", bench.place / "found.csv")
    bench.rcm("scrub", f"rcm scrub of {SCRUBBED_CLAIMS} claims, cold", *asked)
    bench.rcm("scrub", f"rcm scrub of {SCRUBBED_CLAIMS} claims, warm", *asked)


def opening(bench: Bench) -> None:
    asked = (unused(bench), PRACTICE, "2026-10-31")
    for how in ("derived", "kept"):
        bench.run("opening", f"opening a practice, {how}", sys.executable, "-c", OPENING, *asked)


def exports(bench: Bench) -> None:
    for name in export.names():
        asked = ("export", name, "-p", PRACTICE, "--store", stored(bench), "--as-of", "2026-10-31")
        if name in export.LEARNED:
            bench.rcm("export", f"rcm export {name}, made", *asked, "--out", bench.place / f"{name}.parquet")
        bench.rcm("export", f"rcm export {name}", *asked, "--out", bench.place / f"{name}.parquet")


def small_files(bench: Bench) -> None:
    small, one = joined(bench)
    count = sum(path.is_file() for path in small.rglob("*"))
    works = []
    for what, path in ((f"ingest of {count:,} small files", small), ("ingest of the same bytes in one", one)):
        store = bench.place / f"store-{path.name}"
        works.append(bench.rcm("small", what, "ingest", path, "-p", PRACTICE, "--store", store).work)
    ratio("small files of one file's work", *works, "at most 1.5")


def pack(bench: Bench) -> None:
    """Both on a store of their own, where each learns as it goes; then both once more, where all of that is kept."""
    theirs, folder = bench.place / "beside", bench.place / "executed"
    folder.mkdir()
    files = practice_files(bench)
    watched([*RCM, "ingest", files / "edi", files / "ledger.csv", "-p", PRACTICE, "--store", theirs], cwd=ROOT)
    ours = shutil.copytree(theirs, bench.place / "ours")
    by_papermill = (sys.executable, "-c", PAPERMILL, folder, theirs, PRACTICE, "2026-10-31")
    by_report = ("report", "-p", PRACTICE, "--store", ours, "--as-of", "2026-10-31", "--out", bench.place / "pages")
    for when in ("", ", all kept"):
        one = bench.run("pack", f"papermill, one after another{when}", *by_papermill)
        two = bench.rcm("pack", f"rcm report, two at a time{when}", *by_report)
        ratio(f"the pack by the clock{when}", two.wall, one.wall, "at most 0.35 on two cores")


def stored(bench: Bench) -> Path:
    """The practice ingested and not used yet."""
    store = bench.place / "stored"
    if not store.exists():
        files = practice_files(bench)
        watched([*RCM, "ingest", files / "edi", files / "ledger.csv", "-p", PRACTICE, "--store", store], cwd=ROOT)
    return store


def unused(bench: Bench) -> Path:
    """The same with nothing kept of an earlier use."""
    watched([*RCM, "cache", "--clear", "--store", stored(bench)], cwd=ROOT)
    return stored(bench)


WAITS: dict[str, Callable[[Bench], None]] = {
    "demo": demo_report, "day": day, "scrub": scrub, "opening": opening, "exports": exports, "small-files": small_files,
    "pack": pack,
}  # fmt: skip


def grown(small: Bench, large: Bench) -> Iterator[str]:
    """Work at twice the claims over that at once, of each thing and of its stages."""
    for (group, what), seen in small.seen.items():
        twice = large.seen.get((group, what))
        if twice and seen.work:
            yield f"{what:<46}{twice.work / seen.work:8.2f}"
        for (of, stage), seconds in small.stages.items():
            if of == what and (what, stage) in large.stages and seconds >= SHORT:
                yield f"    {stage:<42}{large.stages[what, stage] / seconds:8.2f}"


def measured(place: Path, claims: int, chosen: list[str]) -> Bench:
    place.mkdir(parents=True)
    bench = Bench(place, claims)
    print(f"{f'{claims:,} claims':<45}{'work, s':>9}{'own, s':>9}{'clock, s':>9}{'peak, MB':>10}", flush=True)
    for name in chosen:
        WAITS[name](bench)
    return bench


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=int, default=20_000)
    parser.add_argument("--quick", action="store_true", help="1,000 claims, without growth and papermill")
    parser.add_argument("--only", nargs="+", choices=WAITS, help="some of the waits")
    parser.add_argument("--no-growth", action="store_true", help="not once more with twice the claims")
    parser.add_argument("--record", type=Path, help="CSV file to write what was seen to")
    given = parser.parse_args()
    chosen = given.only or [name for name in WAITS if not (given.quick and name == "pack")]
    with tempfile.TemporaryDirectory() as folder:
        bench = measured(Path(folder, "n"), 1_000 if given.quick else given.claims, chosen)
        if not (given.quick or given.no_growth):
            large = measured(Path(folder, "2n"), 2 * bench.claims, [name for name in chosen if name != "pack"])
            print("twice the claims, times the work", *grown(bench, large), sep="\n")
    if given.record:
        _record(given.record, bench)


def _record(path: Path, bench: Bench) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("what", "work_s", "own_s", "wall_s", "peak_mb"))
        rows: list[tuple[Any, ...]] = [
            (what, f"{s.work:.2f}", f"{s.own:.2f}", f"{s.wall:.2f}", f"{s.peak_mb:.0f}")
            for (_, what), s in bench.seen.items()
        ]
        rows += [(f"{what}: {stage}", f"{seconds:.2f}", "", "", "") for (what, stage), seconds in bench.stages.items()]
        writer.writerows(rows)


if __name__ == "__main__":
    main()
