"""Ledgers that are stored and were not understood when they came: looked at again once there is more EDI.

first ingest    ledger.csv   partly: the ledger is not understood, it waits
second ingest   edi.zip      accepted
                ledger.csv   accepted: its stored cells are understood now, and stand in the second batch
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rcm_analysis.intake.file_log import Tally
from rcm_analysis.spreadsheets import ledgers, stored
from rcm_analysis.spreadsheets.known import Known
from rcm_analysis.store.practice import Batch, Practice
from rcm_analysis.store.rows import Note

TABLES = ("ledger_sheets", "ledger_cells")


def not_understood(practice: Practice, files: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The rows of `files` by file_id whose ledgers wait to be understood."""
    rejects = practice.read("rejects", ["file_id", "level", "batch"])
    if rejects is None:
        return {}
    waits = {(row["file_id"], row["batch"]) for row in rejects.to_pylist() if row["level"] == stored.LEVEL}
    return {row["file_id"]: row for row in files if (row["file_id"], row["batch"]) in waits}


def look_again(
    practice: Practice, waiting: list[dict[str, Any]], batch: Batch, known: Known, *, today: int | None = None
) -> list[Tally]:
    """Takes the ledgers that are understood by what is `known` now into the batch; what was found in each.

    Files that hold a listing besides stay where they are: their postings count all the same.
    """
    found, before = [], earlier(practice, known)
    for row in waiting:
        if row["kind"] != "ledger":
            continue
        tables = _tables(practice, row)
        ledger = stored.from_tables(tables["ledger_sheets"].to_pylist(), tables["ledger_cells"])
        told = stored.understand(stored.confirmed(ledger, before.mappings), known, priors=before.prior)
        if told.table is None:
            continue
        for name, table in tables.items():
            batch.add(name, table)
        found.append(_tally(practice, row, told, today))
    return found


def _tables(practice: Practice, row: dict[str, Any]) -> dict[str, pa.Table]:
    out = {}
    for name in TABLES:
        (path,) = (path for path in practice.paths(name) if path.parent.name.startswith(f"{row['batch']}-"))
        out[name] = _of_file(path, row["file_id"])
    return out


def _of_file(path: Path, file_id: str) -> pa.Table:
    table = pq.read_table(path)
    return table.filter(pc.equal(table["file_id"].cast(pa.string()), file_id)).unify_dictionaries()


def _tally(practice: Practice, row: dict[str, Any], told: stored.Understood, today: int | None) -> Tally:
    assert told.table is not None
    tally = Tally(row["name"], row["file_id"], row["bytes"], today=today)
    tally.kinds["ledger"] += 1
    counts, cents = ledgers.totals(told.table)
    tally.counts.update(counts, rows=told.table.num_rows)
    tally.cents.update(cents)
    tally.date(np.asarray(told.table["known_on"].combine_chunks().drop_null().cast(pa.int32())))
    said = practice.read("rejects", ["file_id", "batch", "level", "place", "reason", "advice"])
    before = [] if said is None else [
        Note(0, one["level"], one["place"], one["reason"], one["advice"]) for one in said.to_pylist()
        if (one["file_id"], one["batch"]) == (row["file_id"], row["batch"]) and one["level"] != stored.LEVEL
    ]  # fmt: skip
    tally.note(*dict.fromkeys([*before, *told.notes]))
    tally.said = told.said
    tally.postings = told.table.select(["claim_number"])
    return tally


def earlier(practice: Practice, known: Known) -> stored.Earlier:
    """The layouts of the ledgers that are stored, and what each meant in the largest of them by what is `known`."""
    files = {row["file_id"]: row for row in practice.files().to_pylist()}
    sheets = practice.read("ledger_sheets", ["file_id", "sheet", "headings", "told", "rows"])
    rows = [] if sheets is None else sheets.to_pylist()

    def prior(headings: stored.Headings) -> stored.Prior | None:
        mine = sorted(
            (row for row in rows if tuple(json.loads(row["headings"])) == headings), key=lambda row: -row["rows"]
        )
        for row in mine[:1]:
            tables = _tables(practice, files[row["file_id"]])
            told = stored.understand(
                stored.from_tables(tables["ledger_sheets"].to_pylist(), tables["ledger_cells"]), known
            )
            return told.priors.get(headings) if told.table is not None else None
        return None

    layouts = frozenset(tuple(json.loads(row["headings"])) for row in rows)
    return stored.Earlier(layouts, stored.confirmed_mappings(rows), prior)
