"""Cases of a table: when each began, how it ended within the horizon, and what was known of that on a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rcm_analysis.models import scores as judgement

JUDGED_AFTER_DAYS = 180  # of cases followed for less, only the quick ends are known
ENOUGH_FOLLOWED = 0.4  # share of the cases that must be followed so long; else the younger ones have to judge


@dataclass(frozen=True)
class Columns:
    """What a table calls the day a case begins, its outcome (0, 1 or empty while open), and the day of that."""

    index_date: str
    outcome: str
    outcome_date: str | None = None

    @property
    def names(self) -> list[str]:
        return [name for name in (self.index_date, self.outcome, self.outcome_date) if name]


@dataclass(frozen=True)
class Cases:
    """Start, outcome within the horizon, weight and the day all this was known."""

    start: pd.Series
    outcome: np.ndarray
    weight: np.ndarray
    as_of: pd.Timestamp
    stated: np.ndarray
    settled: pd.Series | None = None
    ended: np.ndarray | None = None
    kind: np.ndarray | None = None

    def last_judged(self, horizon_days: int) -> pd.Timestamp:
        """The newest start of a case that may judge a model: of younger ones only the quick ends are known."""
        newest = self.start.max()
        if self.settled is None:
            return newest
        followed = self.as_of - pd.Timedelta(days=min(horizon_days, JUDGED_AFTER_DAYS))
        return followed if (self.start <= followed).mean() >= ENOUGH_FOLLOWED else newest

    def between(self, first: pd.Timestamp, last: pd.Timestamp, horizon_days: int) -> np.ndarray:
        """Weights among the cases of a stretch of time alone, which were followed for less time than all were."""
        inside = ((self.start >= first) & (self.start <= last)).to_numpy()
        if self.settled is None or self.ended is None or self.kind is None:
            return np.where(inside, self.weight, 0.0)
        weight = np.zeros(len(self.start))
        weight[inside] = judgement.known_by(
            self.start[inside], self.settled[inside], self.ended[inside], as_of=self.as_of, horizon_days=horizon_days, kind=self.kind[inside])[1]  # fmt: skip
        return weight

    def as_known(self, day: pd.Timestamp, horizon_days: int) -> tuple[np.ndarray, np.ndarray]:
        """Outcome and weight as they were known on an earlier day."""
        if self.settled is None or self.ended is None or self.kind is None:
            return self.outcome, self.weight
        before = (self.start < day).to_numpy()
        outcome, weight = np.zeros(len(self.start)), np.zeros(len(self.start))
        outcome[before], weight[before] = judgement.known_by(
            self.start[before], self.settled[before], self.ended[before], as_of=day, horizon_days=horizon_days, kind=self.kind[before])  # fmt: skip
        return outcome, weight


def of_table(
    table: pd.DataFrame, columns: Columns, *, horizon_days: int, kind: str | None = None, as_of: Any = None
) -> Cases:
    """The cases of a table, as known on a day; by default its newest date.

    Raises ValueError for outcomes other than 0, 1 and empty.
    """
    start = pd.to_datetime(table[columns.index_date])
    outcome = pd.to_numeric(table[columns.outcome].astype(object), errors="coerce").astype(float)
    if not outcome.dropna().isin([0, 1]).all():
        raise ValueError(f"{columns.outcome} must be 0, 1 or empty (still open)")
    ended, stated = outcome.fillna(0).to_numpy(), outcome.notna().to_numpy()
    if columns.outcome_date is None:
        return Cases(start, ended, stated.astype(float), start.max(), stated)
    settled = pd.to_datetime(table[columns.outcome_date]).where(outcome.notna())
    day = pd.Timestamp(as_of) if as_of is not None else max(start.max(), settled.max())
    kinds = table[kind].to_numpy() if kind else np.zeros(len(table))
    value, weight = judgement.known_by(start, settled, ended, as_of=day, horizon_days=horizon_days, kind=kinds)
    return Cases(start, value, weight, day, stated, settled, ended, kinds)


def drawn(rows: np.ndarray, size: int) -> np.ndarray:
    """At most so many of the rows, drawn alike in every run, in their order."""
    return rows if len(rows) <= size else np.sort(np.random.default_rng(0).choice(rows, size, replace=False))
