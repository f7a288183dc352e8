"""A column of cells as its distinct ones and which of them stands in each row, so that each is looked at once.

    cells  PAID, DUE, PAID, PAID      values  ["PAID", "DUE"]      codes  [0, 1, 0, 0]

A ledger of a million rows has some hundred days, some thousand amounts and a dozen types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

MIXED = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits well spread


@dataclass(frozen=True)
class Cells:
    """The distinct cells and, for each row, the place of its own among them. No two values are alike."""

    codes: np.ndarray
    values: list[str]

    def __len__(self) -> int:
        return len(self.codes)

    def texts(self) -> list[str]:
        """The cell of every row."""
        return np.array(self.values, object)[self.codes].tolist() if self.values else []

    def take(self, rows: np.ndarray) -> Cells:
        """Some rows, by place or mask; only the values that stand in them, in the order in which they first do."""
        return compact(self.codes[rows], self.values)

    def map(self, change: Callable[[str], str]) -> Cells:
        """Each cell changed; cells that become alike are one."""
        changed = [change(value) for value in self.values]
        return self if changed == self.values else coded(changed, self.codes)

    def stripped(self) -> Cells:
        return self if all(v == v.strip() for v in self.values) else self.map(str.strip)

    def where(self, test: Callable[[str], object]) -> np.ndarray:
        """Which rows' cells pass."""
        return np.fromiter(map(bool, map(test, self.values)), bool, len(self.values))[self.codes]

    def per_row(self, per_value: Any) -> np.ndarray:
        """What belongs to each distinct cell, for every row."""
        return np.asarray(per_value)[self.codes]

    def counts(self) -> np.ndarray:
        """Rows of each value."""
        return np.bincount(self.codes, minlength=len(self.values))

    def arrow(self) -> pa.Array:
        """The cells as text, the empty ones null."""
        words = pa.array([value or None for value in self.values], pa.string())
        return words.take(pa.array(self.codes, pa.int32()))


def of(texts: Iterable[str]) -> Cells:
    """
    >>> of(["PAID", "DUE", "PAID"]).codes.tolist()
    [0, 1, 0]
    """
    codes, values = pd.factorize(np.array(list(texts), object))
    return Cells(codes.astype(np.int32), [str(value) for value in values])


def compact(codes: np.ndarray, values: Sequence[str]) -> Cells:
    """Without values that stand in no row; the others in the order in which they first stand in one."""
    used = pd.unique(codes)
    place = np.zeros(max(len(values), 1), np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    return Cells(place[codes], [values[i] for i in used])


def coded(values: Iterable[str], codes: np.ndarray) -> Cells:
    """Cells from values some of which may be alike."""
    places, distinct = pd.factorize(np.array(list(values), object))
    return Cells(places.astype(np.int32)[codes], [str(value) for value in distinct])


def constant(value: str, rows: int) -> Cells:
    return Cells(np.zeros(rows, np.int32), [value])


def joined(parts: Sequence[Cells]) -> Cells:
    """Columns one below the other."""
    if len(parts) == 1:
        return parts[0]
    before = np.cumsum([0, *(len(part.values) for part in parts)])
    codes = np.concatenate([part.codes + start for part, start in zip(parts, before, strict=False)])
    return coded([value for part in parts for value in part.values], codes)


def beside(parts: Sequence[Cells], mark: str = " ") -> Cells:
    """Columns side by side as one text, empty ends stripped."""
    keys, first = together(parts)
    texts = [mark.join(part.values[part.codes[row]] for part in parts).strip() for row in first]
    return coded(texts, keys)


def together(parts: Sequence[Cells]) -> tuple[np.ndarray, np.ndarray]:
    """For each row the number of its combination of cells, and for each combination the first row that has it."""
    key = np.zeros(len(parts[0]), np.int64)
    for part in parts:
        key = pd.factorize(key * len(part.values) + part.codes)[0].astype(np.int64)
    _, first = np.unique(key, return_index=True)
    return key, first


def steady(codes: np.ndarray, claims: np.ndarray, count: int) -> float:
    """Share of the rows whose claim has the same cell in all of its rows; there are `count` claims."""
    claims_of = pd.unique(claims.astype(np.int64) << 32 | codes) >> 32
    return float((np.bincount(claims_of, minlength=count)[claims] <= 1).mean())


def repeats(parts: Sequence[Cells]) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are alike an earlier one in every column, each with the first of its kind."""
    key = np.zeros(len(parts[0]), np.uint64)
    for (
        part
    ) in parts:  # rows that are alike have one key, and others one key with a chance of 1 in 10^7 in a million rows
        key = (key ^ part.codes.astype(np.uint64)) * MIXED
        key ^= key >> np.uint64(29)
    if not pd.Series(key).duplicated().any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    some = np.flatnonzero(pd.Series(key).duplicated(keep=False).to_numpy())
    alike, first = together([Cells(part.codes[some], part.values) for part in parts])
    again = np.flatnonzero(pd.Series(alike).duplicated().to_numpy())
    return some[again], some[first[alike[again]]]
