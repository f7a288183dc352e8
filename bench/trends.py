"""How often trends cry wolf, how much they find, and how fast.

python bench/trends.py --null 40      demo practices without events: the share of reports with any signal
python bench/trends.py --power        detection probability against effect and volume: docs/power.png
python bench/trends.py --speed        the whole lattice on 1 to 10 million denied lines
python bench/trends.py --patients STORE PRACTICE   a stored practice whose patients are moved in time: false changes, changes found
python bench/trends.py --looks        how many independent looks overlapping windows are worth
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.stats import wilson
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import practice
from rcm_analysis.trends import scan as trends_scan
from rcm_analysis.trends import segments, signals
from rcm_analysis.trends.search import Search, search

AS_OF = date(2026, 10, 31)


def null_practice(seed: int, *, size: int, months: int) -> pd.DataFrame:
    """The signals of a practice in which nothing changes."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        practice.write_practice(place / "demo", claims=size, months=months, seed=seed, events=False)
        ingest.ingest(Practice(place / "store", practice.PRACTICE), [place / "demo/edi", place / "demo/ledger.csv"])
        con = derive.open_practice(place / "store", practice.PRACTICE, as_of=AS_OF)
        return signals.practice_signals(con).assign(seed=seed)


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


def lines(con, rows: int) -> None:
    """`denied`, a row per denied line, and `decided`, what it is counted over: a few payers, codes and procedures hold
    most, each provider works at one location and bills some procedures."""
    con.execute("SELECT setseed(0.42)")
    skewed = lambda size: f"CAST(floor({size} * pow(random(), 2.5)) AS INTEGER)"  # noqa: E731
    con.execute(f"""CREATE OR REPLACE TABLE denied AS
        SELECT strftime(DATE '2024-11-01' + to_months(month), '%Y-%m') AS period, 'P' || payer AS payer_name, 'L' || npi % 25 AS location,
            'N' || npi AS rendering_npi, 'F' || procedure % 8 AS family, 'C' || procedure AS procedure, 'K' || carc % 12 AS category,
            'R' || carc AS carc, CAST(NULL AS VARCHAR) AS rarc, amount
        FROM (SELECT CAST(floor(24 * random()) AS INTEGER) AS month, {skewed(30)} AS payer, npi, (npi * 7 + {skewed(40)}) % 600 AS procedure,
                {skewed(60)} AS carc, CAST(50 + 400 * random() AS DOUBLE) AS amount
              FROM (SELECT {skewed(300)} AS npi FROM range({rows})))""")
    con.execute("CREATE OR REPLACE TABLE decided AS SELECT period, payer_name, location, rendering_npi, family, procedure, "
                "8 * count(*) AS n FROM denied GROUP BY ALL")  # fmt: skip


def speed(most: int) -> None:
    """Seconds for the whole lattice at a tenth, a third and the whole, the aggregation in the engine included."""
    import duckdb

    con = duckdb.connect(config={"threads": 2})
    for rows in (most // 10, most * 3 // 10, most):
        for table in ("coded_denied", "coded_decided"):
            con.execute(f"DROP TABLE IF EXISTS {table}")
        lines(con, rows)
        begin, cpu = time.perf_counter(), time.process_time()
        for table, names in (("denied", DENIED), ("decided", DECIDED)):
            coded(con, table, names)
        units = [_bench_unit(con, dims) for dims in LATTICE]
        built = time.process_time() - cpu
        sets = [
            segments.crossings(dims, signals.REASONS, depth=3, nested=signals.NESTED, must=dims[3:][-1:])
            for dims in LATTICE
        ]
        found = search(units, sets, Search(), nested=signals.NESTED)
        took, worked = time.perf_counter() - begin, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{rows:>12,} denied lines: {took:5.1f} s, {worked:.1f} s of processor ({built:.1f} to aggregate), {sum(len(u.y) for u in units):,} rows, {len(found)} signals, peak {peak:.1f} GiB",
              flush=True)  # fmt: skip


DECIDED = ("period", *signals.DIMENSIONS)
DENIED = (*DECIDED, "category", "carc", "rarc")


def coded(con, table: str, names: tuple[str, ...]) -> None:
    """The table with its dimensions as codes of one list of values each, so that arrays come out of the engine."""
    for name in names:
        if table == "denied":
            con.execute(f"DROP TYPE IF EXISTS {name}_values")
            con.execute(
                f"CREATE TYPE {name}_values AS ENUM (SELECT DISTINCT coalesce({name}, 'not named') FROM denied ORDER BY 1)"
            )
    casts = ", ".join(f"CAST(coalesce({name}, 'not named') AS {name}_values) AS {name}" for name in names)
    con.execute(f"CREATE OR REPLACE TABLE coded_{table} AS SELECT * REPLACE ({casts}) FROM {table}")


PLAIN = signals.DIMENSIONS[:3]
LATTICE = [PLAIN, (*PLAIN, "family"), (*PLAIN, "family", "procedure")]


def _bench_unit(con, dims: tuple[str, ...]) -> segments.Unit:
    names = ", ".join(dims)
    exposures = con.execute(
        f"SELECT period, {names}, CAST(sum(n) AS BIGINT) AS denominator FROM coded_decided GROUP BY ALL"
    ).df()
    numerators = con.execute(
        f"SELECT period, {names}, category, carc, rarc, count(*) AS numerator, sum(amount) AS amount FROM coded_denied GROUP BY ALL"
    ).df()
    return segments.unit(
        numerators,
        exposures,
        exposure=dims,
        reason=signals.REASON,
        periods=sorted(map(str, exposures["period"].cat.categories)),
    )


LOOKS = 7500  # segments with different series in a practice of 40,000 claims
BEFORE, EFFECTS, VOLUMES = 0.03, (0.06, 0.09, 0.15, 0.3, 0.5), (5, 10, 20, 40, 80, 160, 320)


def power(path: Path, *, months: int = 24, since: int = 6, runs: int = 300) -> None:
    """How often a step of the last `since` months is found in a segment among `LOOKS`, by volume and new rate."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    rng, scan = np.random.default_rng(1), trends_scan.Scan(months)
    fig, ax = plt.subplots(figsize=(7.5, 4))
    for after, marker in zip(EFFECTS, "osD^v", strict=True):
        found = []
        for volume in VOLUMES:
            rate = np.where(np.arange(months) >= months - since, after, BEFORE)
            y = rng.binomial(volume, rate, size=(runs, months)).astype(float)
            best = trends_scan.scan(y, np.full(y.shape, float(volume)), scan)
            hit = (best.p * LOOKS <= 0.05) & best.up & (np.abs(best.start - (months - since)) <= 1)
            found.append(float(hit.mean()))
        print(
            f"{BEFORE:.0%} to {after:.0%}: "
            + ", ".join(f"{v} a month {share:.2f}" for v, share in zip(VOLUMES, found, strict=True))
        )
        ax.plot(VOLUMES, found, marker=marker, label=f"{BEFORE:.0%} to {after:.0%}")
    ax.set(xscale="log", ylim=(0, 1.02), xlabel="claims a month in the segment", ylabel="share found, start within a month",
           title=f"Power: a step {since} months old, among {LOOKS:,} segments")  # fmt: skip
    ax.set_xticks(VOLUMES, VOLUMES)
    ax.grid(alpha=0.3)
    ax.legend(title="denial rate", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    fig.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})


class Counted:
    """A connection with the two tables of `signals.prepare`, as frames."""

    def __init__(self, claims: pd.DataFrame, procedures: pd.DataFrame) -> None:
        import duckdb

        self.con = duckdb.connect(config={"threads": 1})
        for name, table in (("trend_claims", claims), ("trend_procedures", procedures)):
            self.con.register("given", table)
            self.con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM given")

    def execute(self, *asked):
        return self.con.execute(*asked)

    def signals(self) -> pd.DataFrame:
        return signals.searched(self, "submission_month", "initial_denial_rate", signals.DIMENSIONS, 0.05)


def moved(tables: list[pd.DataFrame], seed: int) -> list[pd.DataFrame]:
    """The tables with every patient's claims shifted by as many months as the dice say: nothing changes, denials clump."""
    months = sorted(tables[0]["period"].unique())
    place = {month: i for i, month in enumerate(months)}
    who = sorted(tables[0]["patient"].unique())
    by = dict(zip(who, np.random.default_rng(seed).integers(0, len(months), len(who)), strict=True))
    shifted = [(t["period"].map(place).to_numpy() + t["patient"].map(by).to_numpy()) % len(months) for t in tables]
    names = np.array(months)
    return [t.assign(period=names[i], week=[f"{m}-01" for m in names[i]]) for t, i in zip(tables, shifted, strict=True)]


def refused(tables: list[pd.DataFrame], payer: str, add: float, seed: int, since: int = 6) -> list[pd.DataFrame]:
    """The tables with a share of the payer's paid claims of the last months refused for want of an authorization."""
    claims, procedures = (t.astype({"amount": float, "cash": float}) for t in tables)
    late = sorted(claims["period"].unique())[-since:]
    able = claims["payer_name"].eq(payer) & claims["period"].isin(late) & ~claims["denied"].fillna(False).astype(bool)
    hit = set(claims.loc[able & (np.random.default_rng(1000 + seed).random(len(claims)) < add), "claim_number"])
    new = {"denied": True, "category": "authorization", "carc": "197", "rarc": None, "amount": 200.0, "cash": 50.0}
    for table in (claims, procedures):
        table.loc[table["claim_number"].isin(hit), list(new)] = list(new.values())
    return [claims, procedures]


def by_patients(store: str, name: str, *, runs: int, adds: tuple[float, ...] = (0.03, 0.05, 0.08, 0.12)) -> None:
    """How often a steady practice whose patients come again shows a change, and the smallest rise that is found."""
    view = derive.open_practice(store, name, as_of=AS_OF)
    signals.prepare(view, months=36)
    tables = [view.execute(f"SELECT * FROM {t} ORDER BY ALL").df() for t in ("trend_claims", "trend_procedures")]
    wrong = sum(len(Counted(*moved(tables, seed)).signals()) > 0 for seed in range(runs))
    print(f"{name}: {wrong} of {runs} steady practices have a signal")
    for payer in tables[0]["payer_name"].value_counts().index[:4:3]:
        for add in adds:
            found = 0
            for seed in range(runs):
                seen = Counted(*refused(moved(tables, seed), payer, add, seed)).signals()
                found += bool((seen["segment"].str.contains(payer, regex=False) & (seen["excess_count"] > 0)).any())
            print(
                f"  {payer}: {add:.0%} of six months' claims refused besides, found {found} times in {runs}", flush=True
            )


def looks() -> None:
    """How many independent windows the best of all is worth: the share of steady series below a level, over the level."""
    rng = np.random.default_rng(1)
    for periods in (12, 24, 36, 60):
        for cases in (8, 30, 200):
            y = rng.multinomial(cases, np.ones(periods) / periods, size=20_000).astype(float)
            best = trends_scan.scan(y, np.ones(y.shape), trends_scan.Scan(periods))
            print(
                f"{periods} periods, {cases} cases: below .05 in {(best.p <= 0.05).mean():.4f}, below .005 in {(best.p <= 0.005).mean():.4f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--null", type=int, metavar="SEEDS")
    parser.add_argument("--speed", type=int, metavar="LINES", nargs="?", const=10_000_000)
    parser.add_argument("--power", action="store_true")
    parser.add_argument("--looks", action="store_true")
    parser.add_argument("--patients", nargs=2, metavar=("STORE", "PRACTICE"))
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--first", type=int, default=1000, help="first seed")
    parser.add_argument("--claims", type=int, default=8000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    if args.speed:
        speed(args.speed)
    if args.power:
        power(Path(__file__).resolve().parent.parent / "docs/power.png")
    if args.patients:
        by_patients(*args.patients, runs=args.runs)
    if args.looks:
        looks()
    if args.null:
        null(args.null, size=args.claims, months=args.months, jobs=args.jobs, first=args.first)


if __name__ == "__main__":
    main()
