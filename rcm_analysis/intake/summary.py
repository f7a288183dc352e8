"""What an ingest brought, in the words of the people who gave the files: claims, and what was sent, paid and posted.

claims:      30,000 different claim numbers
submissions: 33,120 in 837 files, $8,912,400.00 charged
payments:    41,207 claim payments in 1,100 remittances, $4,013,870.12 paid
postings:    88,212 in the ledger
missing:     remittances of 36 claims that insurers paid $41,200.00 by the ledger
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rcm_analysis.spreadsheets import stored
from rcm_analysis.store.practice import Practice

NUMBERED = ("submissions", "remittances", "acknowledgments", "ledger")  # tables that name claims


def lines(practice: Practice, batch: str, postings: pa.Table | None = None) -> list[str]:
    """A line each for claims, submissions, acknowledgments, payments and postings of a batch; those without any are left out.

    `postings` are those of its ledgers that are understood now.
    """
    there = {path.stem: path for name in practice.batches() if name.startswith(f"{batch}-")
             for path in (practice.folder / "batches" / name).glob("*.parquet")}  # fmt: skip
    rows = {name: pq.read_metadata(path).num_rows for name, path in there.items()}
    claims = _claims(there, postings)
    told = [("claims", counted(claims, "different claim number"))] if claims else []
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
    if postings is not None and postings.num_rows:
        told.append(("postings", f"{postings.num_rows:,} in the ledger"))
        told += [("missing", text) for text in _untold(practice, postings)]
    if "ledger_cells" in rows and (postings is None or not postings.num_rows):
        told.append(("ledger", f"{rows['ledger_cells']:,} rows stored, which are not understood yet"))
    if "work_log" in rows:
        told.append(("work log", f"{rows['work_log']:,} actions on claims"))
    return [f"{name + ':':<13} {text}" for name, text in told]


def _untold(practice: Practice, postings: pa.Table) -> Iterator[str]:
    """What insurers paid by the ledger on claims that no remittance of the practice names, where there are remittances."""
    con = practice.connect()
    con.register("postings", postings.select(["claim_number", "kind", "posted_by", "amount"]))
    electronic = "(SELECT DISTINCT claim_number FROM remittances WHERE payment_id IS NOT NULL)"
    claims, amount = con.execute(f"""
        SELECT count(DISTINCT claim_number), -sum(amount) FROM postings ANTI JOIN {electronic} USING (claim_number)
        WHERE kind = 'payment' AND posted_by = 'insurance' AND amount < 0
            AND (SELECT count(*) FROM remittances WHERE payment_id IS NOT NULL) > 0""").fetchall()[0]
    if claims:
        yield (
            f"remittances of {counted(claims, 'claim')} that insurers paid ${amount:,.2f} by the ledger: "
            f"rcm files --practice {practice.name} --missing"
        )


def counted(number: int, thing: str) -> str:
    """
    >>> counted(1, "file"), counted(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def claims_of(practice: Practice) -> int:
    """Different claim numbers in all files of the practice."""
    con = practice.connect()
    postings, _ = stored.understood(lambda query: con.sql(query).to_arrow_table())
    union = " UNION ".join(f"SELECT claim_number FROM {name}" for name in (*NUMBERED, "postings"))
    con.register("postings", postings.select(["claim_number"]))
    return con.execute(f"SELECT count(claim_number) FROM ({union})").fetchall()[0][0]


def _claims(there: dict[str, Path], postings: pa.Table | None) -> int:
    found = [] if postings is None else postings["claim_number"].chunks
    for name in NUMBERED:
        if name in there:
            with pq.ParquetFile(there[name]) as file:
                found += [pc.unique(file.read_row_group(i, columns=["claim_number"])["claim_number"]).cast(pa.string())
                          for i in range(file.num_row_groups)]  # fmt: skip
    return len(pc.unique(pa.chunked_array(found, pa.string())).drop_null())


def _sum(path: Path, column: str) -> Decimal:
    return pc.sum(pq.read_table(path, columns=[column])[column]).as_py() or Decimal(0)
