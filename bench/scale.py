"""From EDI to report, stage by stage: seconds, work and peak memory at growing sizes of one practice, and the exponents.

python bench/scale.py                             1 million remittance lines
python bench/scale.py --claims 1 --memory 8GB     a million claims; the engine may keep 8 GB and spills the rest
python bench/scale.py --lines 1 3 10 --record docs/growth.csv --folder /somewhere/large --nice 5
python bench/scale.py --lines 10 30 --repeated --memory 8GB --record docs/growth.csv --folder /somewhere/large
python bench/scale.py --record docs/growth.csv --draw docs/growth.png

Seconds are those of a clock, work those of all cores together: on a busy machine only work can be compared. Each stage
runs in a process of its own, its imports included, and its memory is that of it and its children, pages
that they share counted once. Stages after `tables` get the derived tables as a report's notebooks do. A record is
written after every stage, and what it holds already isn't run again; so a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
AS_OF = date(2026, 10, 31)
PRACTICE = "scale"
LINES_PER_CLAIM = 1.983  # of the demo practice
STAGES = ("ingest", "tables", "measures", "signals", "clusters", "risk", "report")
COLUMNS = ("claims", "lines", "stage", "seconds", "cpu_seconds", "peak_gb", "load", "note")
REPEATED_CLAIMS = 20_000
SAMPLED_EVERY_S = 1


# --- in the process of a stage --------------------------------------------------------------------------------------


def ingest(root: Path) -> str:
    from rcm_analysis.intake import ingest as intake_ingest
    from rcm_analysis.store.practice import Practice

    outcome = intake_ingest.ingest(Practice(root / "store", PRACTICE), [root / "files"], jobs=2)
    wrong = {file["status"] for file in outcome.files} - {"accepted"}
    return f"{len(outcome.files)} files" + (f", {wrong}" if wrong else "")


def tables(root: Path) -> str:
    """Derives the tables, then hands them over for as long as the process that asked listens."""
    from rcm_analysis.claims import derive
    from rcm_analysis.store import handover
    from rcm_analysis.store.practice import Practice

    con = Practice(root / "store", PRACTICE).connect(as_of=AS_OF)
    derive.derive(con, as_of=AS_OF)
    _done(f"{con.execute('SELECT count(*) FROM denials').fetchall()[0][0]} denials")
    with handover.shared(con, practice=PRACTICE, as_of=AS_OF, store=root / "store", folder=root) as environment:
        con.close()
        _done("", environment=environment)
        sys.stdin.read()
    return ""


def measures(root: Path) -> str:
    from rcm_analysis.measures import measures

    return f"{len(measures.measure(_open(root)))} rows"


def signals(root: Path) -> str:
    from rcm_analysis.trends import signals as trends_signals

    return f"{len(trends_signals.practice_signals(_open(root)))} signals"


def clusters(root: Path) -> str:
    from rcm_analysis.clusters import grouping

    denials, found, _ = grouping.of_practice(_open(root))
    return f"{len(found)} clusters of {len(denials)} denied lines"


def risk(root: Path) -> str:
    from rcm_analysis.risk import worklist

    return f"{len(worklist.risk(_open(root)))} open denials"


def report(root: Path) -> str:
    from rcm_analysis.reports import render
    from rcm_analysis.reports.request import ReportRequest

    made = render.render(ReportRequest(PRACTICE, "2026-10", AS_OF), store=root / "store", out=root / "out", jobs=2)
    told = [f"{s.notebook[:2]} {s.seconds:.0f} s {s.message}".strip() for s in made.statuses]
    return ("" if made.ok else "FAILED ") + "; ".join(told)


def _open(root: Path):
    from rcm_analysis.claims import derive

    return derive.open_practice(root / "store", PRACTICE, as_of=AS_OF)


def _done(note: str, **more: Any) -> None:
    print("\n" + json.dumps({"note": note, **more}), flush=True)  # on a line of its own, whatever was printed before


# --- in the process that measures -----------------------------------------------------------------------------------


class Watch(threading.Thread):
    """Samples a process and its children until it ends: `peak_gb` of memory and `cpu_seconds` of work so far."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid, self.peak_gb, self.work = pid, 0.0, {}
        self.start()

    @property
    def cpu_seconds(self) -> float:
        return sum(self.work.values())

    def run(self) -> None:
        while self.sample():
            time.sleep(SAMPLED_EVERY_S)

    def sample(self) -> bool:
        """Looks once; whether the process was there to be looked at."""
        import psutil

        total = 0
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            for one in [process, *process.children(recursive=True)]:
                with suppress(psutil.Error):
                    self.work[one.pid] = sum(one.cpu_times()[:2])
                    held = one.memory_full_info()
                    total += getattr(held, "pss", held.rss)
        self.peak_gb = max(self.peak_gb, total / 1e9)
        return total > 0


@contextmanager
def started(stage: str, root: Path, memory: str, environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    """The stage in a process of its own, ended with the block."""
    command = [sys.executable, __file__, "--stage", stage, "--folder", str(root)]
    here = {**os.environ, "PYTHONPATH": str(HERE.parent), **environment}
    if memory:
        here["RCM_MEMORY_LIMIT"] = memory
    with open(root / f"{stage}.err", "w") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=here
        )
        try:
            yield process
        finally:
            process.stdin.close()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
            process.stdout.close()


def read(process: subprocess.Popen, stage: str, timeout_s: float) -> dict[str, Any]:
    """What the stage reports next, with its seconds and peak memory so far."""
    begun, watch = time.perf_counter(), Watch(process.pid)
    stop = threading.Timer(timeout_s, process.kill)
    stop.start()
    line = next((line for line in process.stdout if line.startswith("{")), "")
    stop.cancel()
    took = time.perf_counter() - begun
    watch.sample()  # the stage waits for it
    told = (
        json.loads(line)
        if line
        else {"note": f"STOPPED after {took:.0f} s" if took > timeout_s else "FAILED: see STAGE.err"}
    )
    return {"stage": stage, "seconds": round(took, 1), "cpu_seconds": round(watch.cpu_seconds, 1),
            "peak_gb": round(watch.peak_gb, 2), "load": round(os.getloadavg()[0], 1), **told}  # fmt: skip


class Record:
    """Measures so far, in a CSV file that is whole after every stage."""

    def __init__(self, path: Path | None):
        self.path, self.rows = path, []
        if path and path.exists():
            with open(path, newline="") as file:
                self.rows = [row for row in csv.DictReader(file) if not bad(row)]  # what failed is tried again

    def has(self, claims: int, stage: str) -> bool:
        return any(int(row["claims"]) == claims and row["stage"] == stage for row in self.rows)

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        print(f"{row['claims']:>11,} claims, {row['lines']:>11,} lines: {row['stage']:<9} {row['seconds']:8.1f} s, "
              f"{row['cpu_seconds']:8.1f} s of work, {row['peak_gb']:5.2f} GB, load {row['load']:4.1f}  {row['note']}", flush=True)  # fmt: skip
        if self.path:
            with open(self.path, "w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
                writer.writeheader()
                writer.writerows(self.rows)


def write(root: Path, claims: int) -> None:
    """The practice's files, unless they are there."""
    import copies

    if not (root / "files").exists():
        print("writing", *copies.write(root / "files", claims=claims, small=root.parent / "demo"), "claims, MB of EDI")


def repeat(root: Path, claims: int) -> None:
    """The practice's facts repeated in the store, unless they are there: no files to read, and no further payers or places."""
    import by_hand

    from rcm_analysis.intake import ingest as intake_ingest
    from rcm_analysis.store.practice import Practice
    from rcm_analysis.synthetic import practice

    if (root / "store" / PRACTICE).exists():
        return
    small = Practice(root / "small", "small")
    practice.write_practice(root / "demo", claims=REPEATED_CLAIMS, months=24, seed=7)
    intake_ingest.ingest(small, [root / "demo" / "edi", root / "demo" / "ledger.csv"])
    by_hand.repeated(small, Practice(root / "store", PRACTICE), max(round(claims / REPEATED_CLAIMS), 1))


def path_of(root: Path, claims: int, chosen: tuple[str, ...], memory: str, timeout_s: float, record: Record) -> None:
    """Every stage of one size, each recorded as it ends."""
    size = {"claims": claims, "lines": round(claims * LINES_PER_CLAIM)}
    if not (root / "store" / PRACTICE / "batches").exists():
        with started("ingest", root, memory, {}) as process:
            record.add({**size, **read(process, "ingest", timeout_s)})
    wanted = [s for s in chosen if s not in ("ingest", "tables") and not record.has(claims, s)]
    if set(wanted) - {"report"} or ("tables" in chosen and not record.has(claims, "tables")):
        with started("tables", root, memory, {}) as holder:
            row = {**size, **read(holder, "tables", timeout_s)}
            if not record.has(claims, "tables"):
                record.add(row)
            shared = read(holder, "handing over", timeout_s).get("environment", {})
            for stage in [s for s in wanted if s != "report" and shared]:
                with started(stage, root, memory, shared) as process:
                    record.add({**size, **read(process, stage, timeout_s)})
    if "report" in wanted:
        with started("report", root, memory, {}) as process:
            record.add({**size, **read(process, "report", 2 * timeout_s)})


def exponents(rows: list[dict[str, Any]], what: str) -> dict[str, float]:
    """By stage, the power of the lines with which a measure grows: the slope of its logarithm."""
    import numpy as np

    found = {}
    for stage in STAGES:
        points = [(float(r["lines"]), float(r[what])) for r in rows if r["stage"] == stage and not bad(r)]
        if len({x for x, _ in points}) > 1:
            x, y = np.log(np.array(points)).T
            found[stage] = float(np.polyfit(x, y, 1)[0])
    return found


def bad(row: dict[str, Any]) -> bool:
    return row["note"].startswith(("FAILED", "STOPPED"))


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Work and peak memory against lines, both logarithmic, a line for each stage; work is what a busy machine keeps."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from rcm_analysis.charts import common

    common._theme()
    fig, axes = plt.subplots(1, 2, figsize=(11, 5))
    for ax, what, unit in zip(axes, ("cpu_seconds", "peak_gb"), ("seconds of work", "GB at most"), strict=True):
        powers = exponents(rows, what)
        for stage, marker in zip(STAGES, "osD^vPX", strict=True):
            points = sorted(
                (float(r["lines"]) / 1e6, float(r[what])) for r in rows if r["stage"] == stage and not bad(r)
            )
            if points:
                told = f"{stage} (power {powers[stage]:.2f})" if stage in powers else stage
                ax.plot(*zip(*points, strict=True), marker=marker, ms=5, label=told)
        sizes = sorted({round(float(r["lines"]) / 1e6, 2) for r in rows})
        ax.set(xscale="log", yscale="log", xlabel="million remittance lines", ylabel=unit)
        ax.set_xticks(sizes, [f"{s:g}" for s in sizes])
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        ax.minorticks_off()
        ax.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    axes[0].set_title("Work of each stage")
    axes[1].set_title("Memory of each stage")
    fig.tight_layout()
    fig.savefig(path, dpi=90, metadata={"Software": None})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=float, nargs="+", default=[], help="millions of remittance lines")
    parser.add_argument("--claims", type=float, nargs="+", default=[], help="millions of claims")
    parser.add_argument("--only", nargs="+", default=list(STAGES), choices=STAGES, help="stages to measure")
    parser.add_argument("--repeated", action="store_true", help="repeat facts in the store instead of reading files")
    parser.add_argument("--memory", default="", help="memory limit of the engine, such as 2GB")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds after which a stage is stopped")
    parser.add_argument("--folder", type=Path, help="where files and stores are kept; else they are removed")
    parser.add_argument("--record", type=Path, help="CSV file for the measures; what it holds is not run again")
    parser.add_argument("--draw", type=Path, metavar="PNG", help="draw the record and do nothing else")
    parser.add_argument("--nice", type=int, default=0, help="run below other programs of the machine")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> bool:
    asked = arguments()
    if asked.stage:
        _done(globals()[asked.stage](asked.folder))
        sys.stdin.read()  # until its work and memory were read
        return False
    record = Record(asked.record)
    if asked.draw:
        draw(record.rows, asked.draw)
        return False
    if asked.nice:
        os.nice(asked.nice)
    sizes = [round(m * 1e6) for m in asked.claims] + [round(m * 1e6 / LINES_PER_CLAIM) for m in asked.lines]
    with tempfile.TemporaryDirectory() as own:
        for claims in sizes or [round(1e6 / LINES_PER_CLAIM)]:
            root = (asked.folder or Path(own)).resolve() / str(claims)
            root.mkdir(parents=True, exist_ok=True)
            (repeat if asked.repeated else write)(root, claims)
            path_of(root, claims, tuple(asked.only), asked.memory, asked.timeout, record)
            if not asked.folder:
                shutil.rmtree(root)
    failed = [row for row in record.rows if bad(row)]
    for stage, power in exponents(record.rows, "cpu_seconds").items():
        memory = exponents(record.rows, "peak_gb")[stage]
        print(f"{stage:<9} work grows with the lines to the power of {power:.2f}, memory to that of {memory:.2f}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
