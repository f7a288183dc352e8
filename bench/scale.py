"""Growth: what deriving every table and every measure costs at 1, 3, 10, 30 million service lines, each in a process.

python bench/scale.py                          1 and 3 million lines
python bench/scale.py --lines 10 30            millions of remittance lines
python bench/scale.py --lines 10 --memory 2GB  out of core: the engine may keep 2 GB and spills the rest

The facts of a synthetic practice are repeated under other claim numbers, so that sizes grow and shapes stay.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from rcm_analysis import demo, intake, schema
from rcm_analysis.store import Practice

AS_OF = date(2026, 10, 31)
NUMBERED = ("claim_number", "payer_claim_number", "original_reference", "check_number", "patient_key")
KEYS = ("remittance_id", "submission_id", "payment_id")
STAGE = """
import json, resource, sys, time
from datetime import date
from pathlib import Path
from rcm_analysis import claims, measures
from rcm_analysis.store import Practice

store, memory = Path(sys.argv[1]), sys.argv[2] or None
day, seconds, begun = date(2026, 10, 31), {}, time.perf_counter()
con = Practice(store, "scale").connect(as_of=day, memory_limit=memory)
con.execute("SET enable_progress_bar = false")  # it would print into what is read back
claims.derive(con, as_of=day)
seconds["tables"] = time.perf_counter() - begun
begun = time.perf_counter()
rows = len(measures.measure(con, as_of=day))
seconds["measures"] = time.perf_counter() - begun
facts = con.execute("SELECT count(*) FROM remittance_lines").fetchall()[0][0]
print(json.dumps({"lines": facts, "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, **seconds, "rows": rows}))
"""


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


def measured(store: Path, memory: str) -> dict:
    ran = subprocess.run([sys.executable, "-c", STAGE, str(store), memory], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=float, nargs="+", default=[1, 3], help="millions of remittance lines")
    parser.add_argument("--memory", default="", help="memory limit of the engine, such as 2GB")
    parser.add_argument("--record", type=Path, help="CSV file for the measures")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        demo.write_practice(root / "demo", claims=20_000, months=24, seed=7)
        intake.ingest(Practice(root, "small"), [root / "demo" / "edi", root / "demo" / "ledger.csv"])
        small = Practice(root, "small")
        each = small.connect().execute("SELECT count(*) FROM remittance_lines").fetchall()[0][0]
        found = []
        for millions in asked.lines:
            store = root / f"{millions:g}"
            repeated(small, Practice(store, "scale"), max(round(millions * 1e6 / each), 1))
            found.append(measured(store, asked.memory))
            row = found[-1]
            print(f"{row['lines']:>12,} lines: tables {row['tables']:6.1f} s, measures {row['measures']:6.1f} s, "
                  f"peak {row['peak_gb']:.1f} GB", flush=True)  # fmt: skip
    if asked.record:
        with open(asked.record, "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(found[0]))
            writer.writeheader()
            writer.writerows(found)


if __name__ == "__main__":
    main()
