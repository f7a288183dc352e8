"""An attack on the de-identified variant: every sum that the tables and sentences share, as one system of linear equations.

The attacker is given more than anybody has: from the plain report it is known which columns of which tables count the same
cases, as totals or by a shared label. A hidden cell that the system determines was not hidden.
"""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from rcm_analysis.pages.release import IDENTIFIERS

LEAST_TOTAL = 60  # smaller sums agree by chance
Cell = tuple[str, str, int]


def tables_of(folder: Path) -> dict[str, pd.DataFrame]:
    return {
        path.stem: pd.read_csv(path) for path in sorted((folder / "tables").glob("*.csv")) if path.stat().st_size > 2
    }


def numbers_said(folder: Path) -> set[int]:
    """Whole numbers that the pages show outside of pictures."""
    found = set()
    for path in folder.glob("*.html"):
        text = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", path.read_text("utf-8"), flags=re.S)
        found |= {
            int(n.replace(",", ""))
            for n in re.findall(r"(?<![\w$.,−-])(\d{1,3}(?:,\d{3})+|\d{2,})(?![\w%]|[.,]\d)", text)
        }
    return found


class Attack:
    """`plain` and `left` are the tables of both reports, `counts` the counting columns of each by name."""

    def __init__(
        self,
        plain: dict[str, pd.DataFrame],
        left: dict[str, pd.DataFrame],
        counts: dict[str, list[str]],
        said: set[int],
    ):
        self.plain, self.left, self.said = plain, left, said
        self.columns = [(name, column) for name, frame in left.items() for column in counts[name]
                        if column in frame and len(frame) and not set(IDENTIFIERS) & set(plain[name]) and len(frame) == len(plain[name])]  # fmt: skip
        cells = [(n, c, i) for n, c in self.columns for i in range(len(left[n]))]
        hidden = [cell for cell in cells if pd.isna(self._value(left, cell)) and not pd.isna(self._value(plain, cell))]
        self.place = {cell: j for j, cell in enumerate(hidden)}
        self.rows: list[np.ndarray] = []
        self._gather()

    @staticmethod
    def _value(tables: dict[str, pd.DataFrame], cell: Cell) -> float:
        return tables[cell[0]][cell[1]].iloc[cell[2]]

    def _gather(self) -> None:
        groups = [(n, c, self._groups(n, c, key)) for n, c in self.columns for key in [None, *self._labels(n)]]
        for (a, b, one), (c, d, other) in combinations(groups, 2):
            if (a, b) != (c, d):
                self._same(one, other)
        for _, _, one in groups:
            if set(one) == {""} and one[""][1] in self.said and one[""][1] > LEAST_TOTAL:
                self._equation(one[""][0], [])

    def _labels(self, name: str) -> list[str]:
        frame = self.plain[name]
        return [c for c in frame if c in ("carc", "procedure") or not pd.api.types.is_numeric_dtype(frame[c])]

    def _groups(self, name: str, column: str, key: str | None) -> dict[str, tuple[list[Cell], float]]:
        frame = self.plain[name]
        labels = frame[key].astype(str) if key else pd.Series("", index=frame.index)
        return {
            label: ([(name, column, i) for i in part.index], part.sum())
            for label, part in frame[column].groupby(labels)
        }

    def _same(self, one: dict, other: dict) -> None:
        """Adds the equations of two columns that count the same, in all or by every label they share."""
        common = set(one) & set(other)
        sums = [one[label][1] for label in common]
        enough = common == {""} or (
            len(common) >= 3 and len(common) >= 0.8 * min(len(one), len(other)) and len(set(sums)) > 2
        )
        if enough and sum(sums) > LEAST_TOTAL and all(one[label][1] == other[label][1] for label in common):
            for label in common:
                self._equation(one[label][0], other[label][0])

    def _equation(self, plus: list[Cell], minus: list[Cell]) -> None:
        row = np.zeros(len(self.place))
        for sign, cells in ((1, plus), (-1, minus)):
            for cell in cells:
                if cell in self.place:
                    row[self.place[cell]] += sign
        if row.any():
            self.rows.append(row)

    def determined(self) -> list[tuple[Cell, float]]:
        """Hidden cells that follow from the equations, with their values."""
        if not self.rows:
            return []
        _, sizes, directions = np.linalg.svd(np.array(self.rows), full_matrices=True)
        free = directions[(sizes > 1e-9).sum() :]  # what can be changed without any sum changing
        moves = np.abs(free).max(axis=0, initial=0)
        return [(cell, self._value(self.plain, cell)) for cell, j in self.place.items() if moves[j] < 1e-9]
