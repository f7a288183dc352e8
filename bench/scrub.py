"""How long `rcm scrub` takes for a file of 100,000 claims: reading, checking and dividing it.

python bench/scrub.py --claims 100000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import date
from pathlib import Path

from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.prevention import cache, scrub
from rcm_analysis.prevention.holds import Places
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import practice


def file_of(folder: Path, wanted: int) -> bytes:
    """The demo's 837 files one after the other, repeated under other claim numbers until there are enough claims."""
    data = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.837")))
    copies = -(-wanted // data.count(b"CLM*"))
    return b"".join(data.replace(b"CLM*", b"CLM*%d" % i) for i in range(copies))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=int, default=100_000)
    wanted = parser.parse_args().claims
    with tempfile.TemporaryDirectory() as name:
        folder, store = Path(name) / "demo", Path(name) / "store"
        practice.write_practice(folder, claims=5000, months=24, seed=3)
        place = Practice(store, "riverbend")
        ingest.ingest(place, [folder / "edi", folder / "ledger.csv"])
        day = date(2026, 10, 31)
        started = time.perf_counter()
        con = derive.open_practice(store, "riverbend", as_of=day)
        known = cache.of_practice(con)
        print(
            f"store opened, {len(known.rules)} rules and the chances learned in {time.perf_counter() - started:.1f} s (once after an ingest)"
        )
        known = cache.of_practice(con)  # as a later command reads them
        data = file_of(folder, wanted)
        started, processor = time.perf_counter(), time.process_time()
        offered = scrub.read(data, place.key())
        read = time.perf_counter()
        findings = scrub.scrub(con, [offered], known.rules, chances=known.chances, places=Places.of("5%"))
        checked = time.perf_counter()
        parts = scrub.divide(offered, findings)
        done, processor = time.perf_counter(), time.process_time() - processor
    print(f"{len(offered.claims):,} claims, {len(data) / 1e6:.0f} MB: read {read - started:.1f} s, checked {checked - read:.1f} s, "
          f"divided {done - checked:.1f} s, together {done - started:.1f} s ({processor:.0f} s of a processor); {len(parts[1]) / 1e6:.1f} MB held")  # fmt: skip


if __name__ == "__main__":
    main()
