"""How often trends cry wolf, how much they find, and how fast.

python bench/trends.py --null 40      demo practices without events: the share of reports with any signal
python bench/trends.py --power        detection probability against effect and volume: docs/power.png
python bench/trends.py --speed        the whole lattice on 1 to 10 million denied lines
python bench/trends.py --looks        how many independent looks overlapping windows are worth
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

import pandas as pd

from rcm_analysis import claims, demo, intake, trends
from rcm_analysis.measures import wilson
from rcm_analysis.store import Practice

AS_OF = date(2026, 10, 31)


def null_practice(seed: int, *, size: int, months: int) -> pd.DataFrame:
    """The signals of a practice in which nothing changes."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        demo.write_practice(place / "demo", claims=size, months=months, seed=seed, events=False)
        intake.ingest(Practice(place / "store", demo.PRACTICE), [place / "demo/edi", place / "demo/ledger.csv"])
        con = claims.open_practice(place / "store", demo.PRACTICE, as_of=AS_OF)
        return trends.practice_signals(con, as_of=AS_OF).assign(seed=seed)


def null(seeds: int, *, size: int, months: int, jobs: int, first: int) -> None:
    with ProcessPoolExecutor(jobs) as pool:
        runs = [pool.submit(null_practice, first + i, size=size, months=months) for i in range(seeds)]
        tables = [run.result() for run in runs]
    wrong = [table for table in tables if len(table)]
    for table in wrong:
        for row in table.itertuples():
            print(f"seed {row.seed}: q {row.q_value:.4f} {row.headline}")
    lower, upper = wilson(pd.Series([len(wrong)]), pd.Series([seeds]))
    print(
        f"{len(wrong)} of {seeds} reports without events have a signal ({lower[0]:.1%} to {upper[0]:.1%}); {size:,} claims, {months} months each"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--null", type=int, metavar="SEEDS")
    parser.add_argument("--first", type=int, default=1000, help="first seed")
    parser.add_argument("--claims", type=int, default=8000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    if args.null:
        null(args.null, size=args.claims, months=args.months, jobs=args.jobs, first=args.first)


if __name__ == "__main__":
    main()
