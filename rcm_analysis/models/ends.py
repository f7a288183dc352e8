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

import numpy as np
import pandas as pd

MOST_ROUNDS, CLOSE = 40, 1e-3
ROUNDS_TOGETHER = 5  # before kinds are told apart: the timing has to settle first
PRIOR_CASES = 10.0  # a kind's ends are drawn to those of all as if by so many further cases
LEAST_OPEN = 1e-4  # no end is ruled out because none took so long yet


def shares(
    start: pd.Series, settled: pd.Series, end: pd.Series, *, as_of: pd.Timestamp, kind: pd.Series | None = None
) -> pd.DataFrame:
    """One column per end, in the order of their names, adding up to 1 in each row; with the index of `start`.

    `settled` and `end` are empty while a case is open; what is settled after `as_of` is open then. `kind` are keys whose
    ends differ, such as payer and reason. Without any known end there are no columns.
    """
    known = (settled.notna() & end.notna() & (settled <= as_of)).to_numpy()
    names = sorted(end[known].unique())
    days = np.where(known, (settled - start).dt.days, (as_of - start).dt.days).astype(float).clip(0)
    told = np.array([(end == name).to_numpy() & known for name in names], float).T.reshape(len(start), len(names))
    if not names:
        return pd.DataFrame(index=start.index)
    found = np.where(known[:, None], told, told[known].mean(axis=0))
    kinds = None if kind is None else pd.factorize(kind)[0]
    for step in range(MOST_ROUNDS):
        usual = (found.sum(axis=0) + 0.5) / (len(found) + 0.5 * len(names))
        chance = usual if kinds is None or step < ROUNDS_TOGETHER else _by_kind(found, kinds, usual)
        late = np.column_stack([_still_open(days, known, found[:, k]) for k in range(len(names))]) * chance
        again = np.where(known[:, None], told, late / late.sum(axis=1, keepdims=True))
        moved, found = np.abs(again - found).max(), again
        if moved < CLOSE and step > ROUNDS_TOGETHER:
            break
    return pd.DataFrame(found, index=start.index, columns=names)


def doubled(share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, outcomes and weights in which a case that ended badly by a share stands as both: once bad, once not."""
    rows = np.arange(len(share))
    both = np.concatenate([rows, rows]), np.repeat([1.0, 0.0], len(share)), np.concatenate([share, 1 - share])
    kept = both[2] > 0
    return both[0][kept], both[1][kept], both[2][kept]


def _by_kind(found: np.ndarray, kinds: np.ndarray, usual: np.ndarray) -> np.ndarray:
    size = np.bincount(kinds)
    sums = np.column_stack([np.bincount(kinds, weights=column) for column in found.T])
    return ((sums + PRIOR_CASES * usual) / (size + PRIOR_CASES)[:, None])[kinds]


def _still_open(days: np.ndarray, known: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Share of an end's cases that take longer than each case's days."""
    _, place = np.unique(days, return_inverse=True)
    ended, there = np.bincount(place, weights=weight * known), np.bincount(place, weights=weight)
    at_risk = there[::-1].cumsum()[::-1]
    left = np.cumprod(1 - ended / np.maximum(at_risk, 1e-9))
    return np.maximum(left[place], LEAST_OPEN)
