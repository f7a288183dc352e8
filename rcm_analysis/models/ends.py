"""How cases end when several ends compete and some cases are still open: the share of each end in every case.

    start       settled     end          as_of       ->  paid  patient  written_off
    2026-01-05  2026-02-11  paid         2026-06-30      1.00  .00      .00
    2026-01-09  2026-06-02  written_off  2026-06-30      .00   .00      1.00
    2026-06-20              (open)       2026-06-30      .58   .06      .36
    2026-02-01              (open)       2026-06-30      .08   .05      .87    payments come sooner than losses

An open case is neither left out nor a negative: what has not ended by its age ends as those of its kind that were open
so long. How often each end comes and when are estimated together by expectation and maximization (Larson and Dinse 1985);
an end's timing is the weighted product limit of Kaplan and Meier (1958).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

MOST_ROUNDS, CLOSE = 200, 1e-4  # slow where most cases are open: after 40 a short history's losses were told too low
ROUNDS_TOGETHER = 5  # before kinds are told apart: the timing has to settle first
PRIOR_CASES = 10.0  # a kind's ends are drawn to those of all as if by so many further cases
LEAST_OPEN = 1e-4  # no end is ruled out because none took so long yet
# Nobody gives a case up at once: where only quick ends are known, as in a practice's first months, the slow end is taken for
# rare and quick as well. So many further cases hold that it comes after these days, until the practice's own outnumber them.
LATE_CASES, LATE_DAYS = 10.0, (60, 90, 120, 150, 180, 210)


def shares(
    start: pd.Series,
    settled: pd.Series,
    end: pd.Series,
    *,
    as_of: pd.Timestamp,
    kind: pd.Series | None = None,
    late: Any = None,
) -> pd.DataFrame:
    """One column per end, in the order of their names, adding up to 1 in each row; with the index of `start`.

    `settled` and `end` are empty while a case is open; what is settled after `as_of` is open then. `kind` are keys whose
    ends differ, such as payer and reason; `late` is the end that comes of giving up. Without any known end there are no columns.
    """
    known = (settled.notna() & end.notna() & (settled <= as_of)).to_numpy()
    names = sorted({*end[known].unique(), *([] if late is None or not known.any() else [late])})
    if not names:
        return pd.DataFrame(index=start.index)
    days = np.where(known, (settled - start).dt.days, (as_of - start).dt.days).clip(0).astype(np.int64)
    ended = np.where(known, pd.Index(names).get_indexer(end), -1)
    kinds = np.zeros(len(start), np.int64) if kind is None else pd.factorize(kind, use_na_sentinel=False)[0]
    # cases of the same day, end and kind are one cell, counted: a long history has few
    keys = (kinds * (len(names) + 1) + ended + 1) * (days.max() + 1) + days
    _, first, cell, count = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    told = (ended[first][:, None] == np.arange(len(names))).astype(float)
    is_late = [name == late for name in names]
    found = _estimated(days[first], ended[first] >= 0, told, None if kind is None else kinds[first], count, is_late)
    return pd.DataFrame(found[cell], index=start.index, columns=names)


def _estimated(
    days: np.ndarray, known: np.ndarray, told: np.ndarray, kinds: np.ndarray | None, count: np.ndarray, is_late: list[bool]
) -> np.ndarray:  # fmt: skip
    """The share of each end in each cell of cases, by expectation and maximization."""
    ends = range(told.shape[1])
    found = np.where(known[:, None], told, 1 / len(ends))
    for step in range(MOST_ROUNDS):
        cases = found * count[:, None]
        usual = (cases.sum(axis=0) + 0.5) / (count.sum() + 0.5 * len(ends))
        chance = usual if kinds is None or step < ROUNDS_TOGETHER else _by_kind(cases, kinds, count, usual)
        left = np.column_stack([_still_open(days, known, cases[:, k], is_late[k]) for k in ends])
        again = np.where(known[:, None], told, left * chance / (left * chance).sum(axis=1, keepdims=True))
        moved, found = np.abs(again - found).max(), again
        if moved < CLOSE and step > ROUNDS_TOGETHER:
            break
    return found


def doubled(share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, outcomes and weights in which a case that ended badly by a share stands as both: once bad, once not."""
    rows = np.arange(len(share))
    both = np.concatenate([rows, rows]), np.repeat([1.0, 0.0], len(share)), np.concatenate([share, 1 - share])
    kept = both[2] > 0
    return both[0][kept], both[1][kept], both[2][kept]


def _by_kind(cases: np.ndarray, kinds: np.ndarray, count: np.ndarray, usual: np.ndarray) -> np.ndarray:
    size = np.bincount(kinds, weights=count)
    sums = np.column_stack([np.bincount(kinds, weights=column) for column in cases.T])
    return ((sums + PRIOR_CASES * usual) / (size + PRIOR_CASES)[:, None])[kinds]


def _still_open(days: np.ndarray, known: np.ndarray, weight: np.ndarray, is_late: bool) -> np.ndarray:
    """Share of an end's cases that take longer than each case's days."""
    if is_late:
        more = len(LATE_DAYS)
        days, known = np.r_[days, LATE_DAYS], np.r_[known, np.ones(more, bool)]
        weight = np.r_[weight, np.full(more, LATE_CASES / more)]
        return _still_open(days, known, weight, False)[:-more]
    ended, there = np.bincount(days, weights=weight * known), np.bincount(days, weights=weight)
    at_risk = there[::-1].cumsum()[::-1]
    left = np.cumprod(1 - ended / np.maximum(at_risk, 1e-9))
    return np.maximum(left[days], LEAST_OPEN)
