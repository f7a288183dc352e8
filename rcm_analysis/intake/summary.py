"""What an ingest brought, in the words of the people who gave the files: claims, and what was sent, paid and posted.

claims:      30,000 different claim numbers
submissions: 33,120 in 837 files, $8,912,400.00 charged
payments:    41,207 claim payments in 1,100 remittances, $4,013,870.12 paid
postings:    88,212 in the ledger
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rcm_analysis.store.practice import Practice

NUMBERED = ("submissions", "remittances", "acknowledgments", "ledger")  # tables that name claims


def lines(practice: Practice, batch: str) -> list[str]:
    """A line each for claims, submissions, acknowledgments, payments and postings of a batch; those without any are left out."""
    there = {path.stem: path for name in practice.batches() if name.startswith(f"{batch}-")
             for path in (practice.folder / "batches" / name).glob("*.parquet")}  # fmt: skip
    rows = {name: pq.read_metadata(path).num_rows for name, path in there.items()}
    told = [("claims", f"{counted(_claims(there), 'different claim number')}")] if set(NUMBERED) & set(rows) else []
    if "submissions" in rows:
        told.append(
            ("submissions", f"{rows['submissions']:,} sent, ${_sum(there['submissions'], 'charge'):,.2f} charged")
        )
    if "acknowledgments" in rows:
        told.append(
            ("acknowledged", f"{counted(rows['acknowledgments'], 'answer')} of clearinghouses and payers to claims")
        )
    if "remittances" in rows:
        checks = f" in {counted(rows['payments'], 'remittance')}" if "payments" in rows else ""
        told.append(
            (
                "payments",
                f"{counted(rows['remittances'], 'claim payment')}{checks}, ${_sum(there['remittances'], 'paid'):,.2f} paid",
            )
        )
    if "ledger" in rows:
        told.append(("postings", f"{rows['ledger']:,} in the ledger"))
    return [f"{name + ':':<13} {text}" for name, text in told]


def counted(number: int, thing: str) -> str:
    """
    >>> counted(1, "file"), counted(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def claims_of(practice: Practice) -> int:
    """Different claim numbers in all files of the practice."""
    con = practice.connect()
    union = " UNION ".join(f"SELECT claim_number FROM {name}" for name in NUMBERED)
    return con.execute(f"SELECT count(claim_number) FROM ({union})").fetchall()[0][0]


def _claims(there: dict[str, Path]) -> int:
    found = []
    for name in NUMBERED:
        if name in there:
            with pq.ParquetFile(there[name]) as stored:
                found += [pc.unique(stored.read_row_group(i, columns=["claim_number"])["claim_number"]).cast(pa.string())
                          for i in range(stored.num_row_groups)]  # fmt: skip
    return len(pc.unique(pa.chunked_array(found, pa.string())).drop_null())


def _sum(path: Path, column: str) -> Decimal:
    return pc.sum(pq.read_table(path, columns=[column])[column]).as_py() or Decimal(0)
