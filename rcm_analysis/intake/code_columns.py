"""Columns of codes hold codes: a word that stands where a code should could be a person's name, and is left out.

    remittances.status_code   1, 4, QUILLON       1, 4, null, and a note that names the segment

No code of these columns has five letters in a row, and none is two words.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.store.rows import Note


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


CODES = _set(
    """
    status_code filing_code place_of_service frequency drg rarc carc group_code procedure revenue_code billed_procedure
    payer_order sex unit category entity action reason_code npi billing_npi rendering_npi facility_npi payee_npi provider_npi
    """
)
LISTS = frozenset(["modifiers", "diagnoses", "diagnosis_pointers", "further_statuses"])  # several codes in one cell
_LETTERS = 5
_WORDS = r"[\pL\pM]{5}"
_TWO_WORDS = r"\pL\s+\pL"


def codes_only(tables: dict[str, pa.Table]) -> tuple[dict[str, pa.Table], list[Note]]:
    """The tables with everything taken out of their columns of codes that is none, and a note for each such value."""
    notes: list[Note] = []
    out = {}
    for name, table in tables.items():
        for column in (CODES | LISTS).intersection(table.column_names):
            wrong = _wrong(table[column], _WORDS if column in LISTS else f"{_WORDS}|{_TWO_WORDS}")
            if wrong is not None:
                notes += _notes(table, column, np.flatnonzero(wrong))
                left = pc.if_else(pa.array(wrong), pa.scalar(None, table[column].type), table[column])
                table = table.set_column(table.column_names.index(column), table.schema.field(column), left)
        out[name] = table
    return out, notes


def _wrong(column: pa.ChunkedArray, pattern: str) -> np.ndarray | None:
    """Rows that hold words; None where none does, which lengths alone tell of most columns."""
    text = pa.types.is_string(column.type)
    if not text or (pc.max(pc.binary_length(column)).as_py() or 0) < _LETTERS:
        return None
    values = column.unique()
    found = values.filter(pc.fill_null(pc.match_substring_regex(values, pattern), False))
    return np.asarray(pc.is_in(column, value_set=found)) if len(found) else None


def _notes(table: pa.Table, column: str, rows: np.ndarray) -> list[Note]:
    some = table.select(["file_id", "segment"] if "segment" in table.column_names else ["file_id"]).take(pa.array(rows))
    sources = some["file_id"].combine_chunks().indices.to_pylist()
    places = some["segment"].to_pylist() if "segment" in some.column_names else [None] * len(rows)
    return [
        Note(source, "value", f"segment {place}" if place else "file", f"{column.replace('_', ' ')} is no code but words",
             "the value was left empty; tell the sender")
        for source, place in zip(sources, places, strict=True)
    ]  # fmt: skip
