"""Derived tables and measures against hand-written SQL that gives the same rows, in one run: seconds, work, ratios.

python bench/by_hand.py                 1 million remittance lines
python bench/by_hand.py --lines 10 --memory 8GB
python bench/by_hand.py --check         only compare the rows, on the demo of 20,000 claims

`by_hand.sql` is what a person writes straight in DuckDB who needs `claims`, `denials`, `write_offs` and the measures of
this one practice: 835, 837, 277CA and one ledger. It has no claims that come back under another number, no claims that
payers split, no listings, no overlapping exports, no second engine, and no tables beyond those. Rows are compared on
the demo before anything is timed. Both run in processes of their own, in turn.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from rcm_analysis.claims import derive, postings
from rcm_analysis.intake import ingest
from rcm_analysis.measures import measures
from rcm_analysis.reference import codes
from rcm_analysis.store import schema
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import practice

HERE = Path(__file__).resolve().parent
AS_OF = date(2026, 10, 31)
NUMBERED = ("claim_number", "payer_claim_number", "original_reference", "check_number", "patient_key")
KEYS = ("remittance_id", "submission_id", "payment_id")
TABLES = ("claims", "denials", "write_offs")
REFERENCE = ("carc", "rarc", "claim_status_codes", "filing_indicators", "write_off_leaves", "deadlines")
# columns of the wide tables of by_hand.sql -> the measure they are
SUMS = {
    "by_decision": ("decision_month", {"initial_denial_rate": ("denied", "decided"), "initial_denial_rate_amount": ("denied_amount", "charge"),
                    "final_denial_rate": ("lost", "decided"), "overturn_rate": ("overturned", "settled")}),
    "by_submission": ("submission_month", {"initial_denial_rate": ("denied", "decided"), "initial_denial_rate_amount": ("denied_amount", "charge"),
                      "rejection_rate": ("rejected", "acknowledged")}),
    "by_service": ("service_month", {"initial_denial_rate": ("denied", "decided"), "initial_denial_rate_amount": ("denied_amount", "charge"),
                   "final_denial_rate": ("lost", "decided")}),
    "by_line": ("decision_month", {"line_denial_rate": ("denied", "lines")}),
    "by_posting": ("posting_month", {"net_collection_rate": ("collected", "net"), "denial_write_off_share": ("lost", "net")}),
    "by_write_off": ("posting_month", {"write_off_amount": ("amount", None), "avoidable_write_off_share": ("avoidable", "judged")}),
}  # fmt: skip
MEDIANS = {
    "days_to_submit": "submission_month",
    "days_to_decision": "decision_month",
    "days_to_resolution": "decision_month",
}


def repeated(small: Practice, big: Practice, times: int) -> None:
    """Writes the facts of a practice `times` over, under other claim numbers and keys, as one batch."""
    con = small.connect()
    folder = big.folder / "batches" / "00001-scale"
    folder.mkdir(parents=True)
    for table in schema.FACTS:
        columns = []
        for column in table.columns:
            if column.name in NUMBERED:
                columns.append(f"{column.name} || '-' || k AS {column.name}")
            elif column.name in KEYS:
                columns.append(f"CAST(hash({column.name}, k) >> 1 AS BIGINT) AS {column.name}")
            else:
                columns.append(column.name)
        copies = 1 if table.name in ("files", "rejects") else times
        con.execute(f"COPY (SELECT {', '.join(columns)} FROM {table.name}, range({copies}) t(k)) "
                    f"TO '{folder / f'{table.name}.parquet'}' (FORMAT parquet, ROW_GROUP_SIZE 500000)")  # fmt: skip


def by_hand(con) -> None:
    """Runs `by_hand.sql`, after the code tables that it needs too."""
    for name in REFERENCE:
        derive._table(con, name, codes.table(name))
    derive._table(con, "precedence", codes_in_order())
    derive._table(con, "category_leaves", leaves())
    derive._table(con, "posting_reasons", postings.reasons_of(con, None))
    for statement in (HERE / "by_hand.sql").read_text().split(";"):
        if statement.strip():
            con.execute(statement)


def codes_in_order():
    import pandas as pd

    return pd.DataFrame({"category": codes.driving_precedence()}).reset_index(names="rank")


def leaves():
    import pandas as pd

    return pd.DataFrame(postings.LEAF_OF_CATEGORY.items(), columns=["category", "leaf"])


def long_shape(con):
    """The wide tables of measures of by_hand.sql in the shape of `measures.measure`, without intervals."""
    import pandas as pd

    parts = []
    for table, (basis, columns) in SUMS.items():
        wide = con.execute(f"SELECT * FROM {table}").df()
        for measure, (numerator, denominator) in columns.items():
            wanted = next(m for m in measures.MEASURES if m.name == measure).dimensions
            part = wide[wide["dimension"].isin(["all", *wanted])]
            top, bottom = part[numerator].astype(float), part[denominator].astype(float) if denominator else None
            value = top / bottom if denominator else top
            part = part[["month", "dimension", "segment"]].assign(
                measure=measure, basis=basis, numerator=top, denominator=bottom, value=value
            )
            parts.append(part[part["denominator"] != 0] if denominator else part)
    for measure, basis in MEDIANS.items():
        wide = con.execute(f"SELECT * FROM {measure}").df()
        parts.append(wide[wide["denominator"] > 0].assign(measure=measure, basis=basis))
    return pd.concat(parts, ignore_index=True)


def check(store: Path) -> None:
    """Raises AssertionError when a table or a measure of the hand-written SQL differs from ours by a cent or a row."""
    import pandas as pd

    ours, theirs = (Practice(store, "small").connect(as_of=AS_OF) for _ in range(2))
    derive.derive(ours, as_of=AS_OF)
    by_hand(theirs)
    for table in TABLES:
        columns = [row[0] for row in theirs.execute(f"DESCRIBE {table}").fetchall()]
        a, b = (con.execute(f"SELECT {', '.join(columns)} FROM {table}").df() for con in (ours, theirs))
        a, b = (frame.sort_values(columns, ignore_index=True) for frame in (a, b))
        pd.testing.assert_frame_equal(a, b)
        print(f"{table}: {len(a):,} rows and {len(columns)} columns are equal")
    keys = ["measure", "basis", "month", "dimension", "segment"]
    a = measures.measure(ours, as_of=AS_OF).set_index(keys).sort_index()[["numerator", "denominator", "value"]]
    b = long_shape(theirs).set_index(keys).sort_index()[list(a)].astype(float)
    pd.testing.assert_frame_equal(a, b, rtol=1e-12)
    print(f"measures: {len(a):,} rows are equal")


def timed(who: str, store: Path, memory: str) -> dict[str, float]:
    """Seconds and work in this process: tables and measures of ours, or by hand."""
    import time

    con = Practice(store, "scale").connect(as_of=AS_OF, memory_limit=memory or None)
    begun, work = time.perf_counter(), time.process_time()
    if who == "ours":
        derive.derive(con, as_of=AS_OF)
        measures.measure(con)
    else:
        by_hand(con)
    return {"seconds": time.perf_counter() - begun, "work": time.process_time() - work}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=float, default=1, help="millions of remittance lines")
    parser.add_argument("--memory", default="", help="memory limit of the engine, such as 8GB")
    parser.add_argument("--runs", type=int, default=2, help="runs of each, in turn; the fastest counts")
    parser.add_argument("--check", action="store_true", help="compare the rows and time nothing")
    parser.add_argument("--record", type=Path, help="CSV file for the measures")
    parser.add_argument("--timed", nargs=2, metavar=("WHO", "STORE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.timed:
        print(json.dumps(timed(asked.timed[0], Path(asked.timed[1]), asked.memory)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        practice.write_practice(root / "demo", claims=20_000, months=24, seed=7)
        ingest.ingest(Practice(root, "small"), [root / "demo" / "edi", root / "demo" / "ledger.csv"])
        check(root)
        if asked.check:
            return
        each = Practice(root, "small").connect().execute("SELECT count(*) FROM remittance_lines").fetchall()[0][0]
        repeated(Practice(root, "small"), Practice(root, "scale"), max(round(asked.lines * 1e6 / each), 1))
        compare(root, asked)


def compare(root: Path, asked: argparse.Namespace) -> None:
    here = {**os.environ, "PYTHONPATH": str(HERE.parent)}  # the package beside this file, whatever is installed
    found: dict[str, list[dict[str, float]]] = {"ours": [], "by hand": []}
    for who in list(found) * asked.runs:
        command = [sys.executable, __file__, "--timed", who, str(root), "--memory", asked.memory]
        found[who].append(
            json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=here).stdout)
        )
    best = {who: {what: min(run[what] for run in runs) for what in ("seconds", "work")} for who, runs in found.items()}
    rows = [
        (f"{asked.lines:g} million lines, {who}", round(row["seconds"], 1), round(row["work"], 1))
        for who, row in best.items()
    ]
    ratio = {what: best["ours"][what] / best["by hand"][what] for what in ("seconds", "work")}
    rows.append((f"{asked.lines:g} million lines, ratio", round(ratio["seconds"], 2), round(ratio["work"], 2)))
    for name, seconds, work in rows:
        print(f"{name:<32} {seconds:8.2f} seconds, {work:8.2f} of work")
    if asked.record:
        with open(asked.record, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("what", "seconds", "work"), *rows])


if __name__ == "__main__":
    main()
