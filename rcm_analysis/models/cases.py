"""Cases of a table: when each began, how it ended within the horizon, and what was known of that on a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from rcm_analysis.models import ends
from rcm_analysis.models import scores as judgement

JUDGED_AFTER_DAYS = 180  # of cases followed for less, only the quick ends are known
UNKNOWN = 0.5  # share of cases that end badly where none has ended yet
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
    """Start, outcome, weight and the day all this was known.

    With a horizon the outcome is 0 or 1 within it, and those known stand for those that are not, by weight. Without one
    it is the share by which the case ends badly (`ends.shares`): 0 or 1 where its end is known, all of weight 1.
    """

    start: pd.Series
    outcome: np.ndarray
    weight: np.ndarray
    as_of: pd.Timestamp
    stated: np.ndarray
    settled: pd.Series | None = None
    ended: np.ndarray | None = None
    kind: np.ndarray | None = None
    groups: np.ndarray | None = None  # numbers of the groups; rows of one end together
    alike: pd.Series | None = None  # kinds of cases whose ends differ
    shared: bool = False  # outcomes are shares

    @property
    def certain(self) -> np.ndarray:
        """Cases of a known outcome."""
        return (self.weight > 0) & ((self.outcome == 0) | (self.outcome == 1))

    @property
    def part(self) -> float:
        """What one row of a case with several looks counts for: a look more is no further case.

        The same for all rows: if the looks of each case added up to one, cases that end soon, of few looks, would lead.
        """
        return 1.0 if self.groups is None else (self.groups.max(initial=-1) + 1) / max(len(self.groups), 1)

    def last_judged(self, horizon_days: int | None) -> pd.Timestamp:
        """The newest start of a case that may judge a model: of younger ones only the quick ends are known."""
        newest = self.start.max()
        if self.settled is None:
            return newest
        followed = self.as_of - pd.Timedelta(days=min(horizon_days or JUDGED_AFTER_DAYS, JUDGED_AFTER_DAYS))
        return followed if (self.start <= followed).mean() >= ENOUGH_FOLLOWED else newest

    def between(self, first: pd.Timestamp, last: pd.Timestamp, horizon_days: int | None) -> np.ndarray:
        """Weights among the cases of a stretch of time alone, which were followed for less time than all were."""
        inside = ((self.start >= first) & (self.start <= last)).to_numpy()
        if self.settled is None or self.ended is None or self.kind is None or horizon_days is None:
            return np.where(inside, self.weight, 0.0)
        weight = np.zeros(len(self.start))
        weight[inside] = judgement.known_by(
            self.start[inside], self.settled[inside], self.ended[inside], as_of=self.as_of, horizon_days=horizon_days, kind=self.kind[inside])[1]  # fmt: skip
        return weight

    def as_known(self, day: pd.Timestamp, horizon_days: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Outcome and weight as they were known on an earlier day."""
        if self.shared:
            there = (self.start < day).to_numpy()
            return np.where(there, self.shares_of_ends(day), 0.0), there.astype(float)
        if horizon_days is None or self.settled is None or self.ended is None or self.kind is None:
            return self.outcome, self.weight
        before = (self.start < day).to_numpy()
        outcome, weight = np.zeros(len(self.start)), np.zeros(len(self.start))
        outcome[before], weight[before] = judgement.known_by(
            self.start[before], self.settled[before], self.ended[before], as_of=day, horizon_days=horizon_days, kind=self.kind[before])  # fmt: skip
        return outcome, weight

    def shares_of_ends(self, day: pd.Timestamp) -> np.ndarray:
        """Share by which each row ends badly, as known on a day, told once for the rows of a group by the first of them."""
        if self.settled is None or self.ended is None or self.groups is None:
            return self.outcome
        frame = pd.DataFrame({"start": self.start.to_numpy(), "settled": self.settled.to_numpy(), "bad": self.ended,
                              "group": self.groups, "alike": 0 if self.alike is None else self.alike.to_numpy()})  # fmt: skip
        first = (
            frame[frame["start"] < day].sort_values("start", kind="stable").drop_duplicates("group").set_index("group")
        )
        told = ends.shares(
            first["start"],
            first["settled"],
            first["bad"].where(first["settled"].notna()),
            as_of=day,
            kind=first["alike"],
            late=1.0,
        )
        bad = told[1.0] if 1.0 in told else pd.Series(UNKNOWN, first.index)
        return bad.reindex(self.groups).fillna(0.0).to_numpy()


def of_table(
    table: pd.DataFrame,
    columns: Columns,
    *,
    horizon_days: int | None,
    kind: str | None = None,
    as_of: Any = None,
    group: str | None = None,
    alike: Sequence[str] = (),
) -> Cases:
    """The cases of a table, as known on a day; by default its newest date. Without a horizon, whatever their end.

    Raises ValueError for outcomes other than 0, 1 and empty.
    """
    start = pd.to_datetime(table[columns.index_date])
    outcome = outcomes(table, columns.outcome)
    ended, stated = outcome.fillna(0).to_numpy(), outcome.notna().to_numpy()
    if columns.outcome_date is None:
        return Cases(start, ended, stated.astype(float), start.max(), stated)
    settled = pd.to_datetime(table[columns.outcome_date]).where(outcome.notna())
    day = pd.Timestamp(as_of) if as_of is not None else max(start.max(), settled.max())
    kinds = table[kind].to_numpy() if kind else np.zeros(len(table))
    if horizon_days is None:
        groups = pd.factorize(table[group])[0] if group else np.arange(len(table))
        texts = table[list(alike)].astype(str).agg("|".join, axis=1) if alike else None
        made = Cases(start, ended, np.ones(len(table)), day, stated, settled, ended, kinds, groups, texts, shared=True)
        return replace(made, outcome=made.shares_of_ends(day + pd.Timedelta(days=1)))
    value, weight = judgement.known_by(start, settled, ended, as_of=day, horizon_days=horizon_days, kind=kinds)
    return Cases(start, value, weight, day, stated, settled, ended, kinds)


def outcomes(table: pd.DataFrame, name: str) -> pd.Series:
    """A column of outcomes as 0.0, 1.0 and nothing where a case is still open.

    Raises ValueError that says what stands there instead: a text, or a number such as -1 for what is missing.
    """
    given = table[name]
    told = pd.to_numeric(given.astype(object), errors="coerce").astype(float)
    texts = given[told.isna() & given.notna()]
    wrong = [*texts.astype(str).unique(), *told[told.notna() & ~told.isin([0, 1])].unique()]
    if wrong:
        raise ValueError(
            f"{name} must be 0, 1 or empty (still open); there are {', '.join(map(repr, map(str, wrong[:3])))}"
        )
    return told


def drawn(rows: np.ndarray, size: int) -> np.ndarray:
    """At most so many of the rows, drawn alike in every run, in their order."""
    return rows if len(rows) <= size else np.sort(np.random.default_rng(0).choice(rows, size, replace=False))
