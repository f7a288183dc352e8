"""Whether two checkouts tell the same of the same files: every table of a report, every export, every finding.

git worktree add ../before main~20
python bench/unchanged.py ../before .                    two demo practices of 3,000 claims, seeds 7 and 11
python bench/unchanged.py ../before . --claims 20000 --seeds 1 2 --keep work

The files are made once, by the first checkout, and read by both, each with its own code and both with the same key for
pseudonyms. Each difference is a line; the exit code is 1 when there is one. A table whose rows only stand in another
order is said apart, and is a difference only in a report.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PRACTICE, AS_OF, MONTHS = "riverbend", "2026-10-31", 24
SAMPLES = 2  # rows shown of a table that differs
MAKE = """
import sys
from pathlib import Path
try:
    from rcm_analysis.synthetic import practice
except ImportError:
    from rcm_analysis import demo as practice
practice.write_practice(Path(sys.argv[1]), claims=int(sys.argv[2]), months=int(sys.argv[3]), seed=int(sys.argv[4]))
"""
EXPORT = """
import sys
from datetime import date
from pathlib import Path
try:
    from rcm_analysis import export
except ImportError:
    from rcm_analysis import tables as export
for name in export.names():
    export.export(name, practice=sys.argv[1], store=Path(sys.argv[2]), as_of=date.fromisoformat(sys.argv[3]),
                  out=Path(sys.argv[4], f"{name}.csv"))
"""


def call(checkout: Path, *arguments: str) -> None:
    """Runs Python with the package of a checkout; ends with what it said when it fails."""
    run = subprocess.run([sys.executable, *arguments], env={**os.environ, "PYTHONPATH": str(checkout)}, cwd=checkout,
                         capture_output=True, text=True)  # fmt: skip
    if run.returncode not in (0, 3):
        sys.exit(f"{checkout}: python {' '.join(arguments[-6:])}\n{run.stdout[-2000:]}{run.stderr[-2000:]}")


def told(checkout: Path, files: Path, work: Path) -> Path:
    """Ingests, renders and exports with one checkout; gives the folder of all that it told."""
    store, out = work / "store", work / "out"
    key = store / PRACTICE / "key"
    key.parent.mkdir(parents=True, mode=0o700)
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    rcm = ("-m", "rcm_analysis")
    call(checkout, *rcm, "ingest", str(files / "edi"), str(files / "ledger.csv"), "-p", PRACTICE, "--store", str(store))
    call(checkout, *rcm, "report", "-p", PRACTICE, "--as-of", AS_OF, "--store", str(store), "--out", str(out))
    call(checkout, "-c", EXPORT, PRACTICE, str(store), AS_OF, str(work / "exports"))
    return work


def found(work: Path) -> dict[str, Path]:
    """Name -> file of everything to compare."""
    report = next(path.parent for path in work.glob(f"out/{PRACTICE}/*/manifest.json"))
    tables = {f"tables/{path.name}": path for path in sorted((report / "tables").glob("*.csv"))}
    exports = {f"exports/{path.name}": path for path in sorted((work / "exports").glob("*.csv"))}
    return {**tables, **exports, "findings": report / "manifest.json"}


def differences(before: Path, after: Path) -> Iterator[str]:
    """Each difference as a line: what is missing, what is new, what is not the same."""
    old, new = found(before), found(after)
    for name in sorted(old.keys() - new.keys()):
        yield f"{name}: gone"
    for name in sorted(new.keys() - old.keys()):
        yield f"{name}: new"
    for name in sorted(old.keys() & new.keys()):
        compare = compared_findings if name == "findings" else compared_tables
        yield from (f"{name}: {what}" for what in compare(old[name], new[name]))


def compared_findings(before: Path, after: Path) -> Iterator[str]:
    old, new = (sentences(path) for path in (before, after))
    yield from (f"no longer said: {text}" for text in (old - new).elements())
    yield from (f"now said: {text}" for text in (new - old).elements())


def sentences(manifest: Path) -> Counter[str]:
    return Counter(json.dumps(finding, sort_keys=True) for finding in json.loads(manifest.read_text())["findings"])


def compared_tables(before: Path, after: Path) -> Iterator[str]:
    """Columns that came or went, rows of the others that are in one alone, or the order of the same rows."""
    if before.read_bytes() == after.read_bytes():
        return
    (old_head, *old), (new_head, *new) = (rows(path) for path in (before, after))
    if old_head != new_head:
        gone, come = (
            ", ".join(sorted(set(a) - set(b))) or "none" for a, b in ((old_head, new_head), (new_head, old_head))
        )
        yield f"columns gone: {gone}; columns new: {come}"
        both = [name for name in old_head if name in new_head]
        old, new = projected(old, old_head, both), projected(new, new_head, both)
    lost, gained = Counter(old) - Counter(new), Counter(new) - Counter(old)
    if not lost and not gained:
        if before.parent.name == "tables" and old_head == new_head:
            yield "the same rows in another order"
        return
    yield f"{lost.total():,} rows only before, {gained.total():,} only after, of {len(old):,}"
    for mark, some in (("-", lost), ("+", gained)):
        yield from (f"  {mark} {','.join(row)[:240]}" for row in list(some)[:SAMPLES])


def projected(table: list[tuple[str, ...]], head: tuple[str, ...], names: list[str]) -> list[tuple[str, ...]]:
    places = [head.index(name) for name in names]
    return [tuple(row[i] for i in places) for row in table]


def rows(path: Path) -> list[tuple[str, ...]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [tuple(row) for row in csv.reader(file)] or [()]


def compare(before: Path, after: Path, work: Path, *, claims: int, seed: int) -> list[str]:
    files = work / f"files-{seed}"
    call(before, "-c", MAKE, str(files), str(claims), str(MONTHS), str(seed))
    old, new = (
        told(checkout, files, work / f"{name}-{seed}") for name, checkout in (("before", before), ("after", after))
    )
    return [f"seed {seed}: {line}" for line in differences(old, new)]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("before", type=Path, help="a checkout, for example a git worktree")
    ask.add_argument("after", type=Path)
    ask.add_argument("--claims", type=int, default=3000)
    ask.add_argument("--seeds", type=int, nargs="+", default=[7, 11])
    ask.add_argument("--keep", type=Path, help="folder for what both told; a temporary one by default")
    given = ask.parse_args()
    csv.field_size_limit(2**31 - 1)
    with tempfile.TemporaryDirectory() as temporary:
        work = (given.keep or Path(temporary)).resolve()
        checkouts = given.before.resolve(), given.after.resolve()
        lines = [line for seed in given.seeds for line in compare(*checkouts, work, claims=given.claims, seed=seed)]
    print("\n".join(lines) or f"nothing differs ({given.claims:,} claims, seeds {', '.join(map(str, given.seeds))})")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
