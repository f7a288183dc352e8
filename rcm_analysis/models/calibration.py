"""Chances set straight: the line in log odds that later outcomes ask for, and how far the rate of like cases may lie.

straightened(chance, outcome, weight, pull=10.0)     shift -0.08, slope 0.88: the chances were too sure
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from rcm_analysis import stats
from rcm_analysis.models import scores as judgement

NEWTON_STEPS, NEWTON_CLOSE = 50, 1e-9


def straightened(chance: np.ndarray, outcome: np.ndarray, weight: np.ndarray, *, pull: float) -> tuple[float, float]:
    """Shift and slope in log odds that fit later outcomes best (Platt 1999), drawn to none when cases are few.

    Newton's method on a convex cost. A step is halved until the cost falls, so that it ends at the lowest point.
    """
    odds, line = stats.log_odds(chance), np.array([0.0, 1.0])
    columns = np.column_stack([np.ones(len(odds)), odds])

    def cost(line: np.ndarray) -> float:
        told = columns @ line
        return float(weight @ (np.logaddexp(0, told) - outcome * told) + pull * ((line - [0, 1]) ** 2).sum() / 2)

    for _ in range(NEWTON_STEPS):
        told = stats.sigmoid(columns @ line)
        slope = columns.T @ (weight * (told - outcome)) + pull * (line - [0, 1])
        bend = (columns.T * (weight * told * (1 - told))) @ columns + pull * np.eye(2)
        step = np.linalg.solve(bend, slope)
        while cost(line - step) > cost(line) and np.abs(step).max() > NEWTON_CLOSE:
            step = step / 2
        line = line - step
        if np.abs(step).max() <= NEWTON_CLOSE:
            break
    return float(line[0]), float(max(line[1], 0.0))


def stacked(
    base: np.ndarray, apart: np.ndarray, outcome: np.ndarray, weight: np.ndarray, *, toward: float, pull: float
) -> list[float]:
    """How far to follow each of several models away from the base rate, in log odds: 0 not at all, 1 as it says itself.

    Fitted on later outcomes, `apart` a column per model, and drawn to `toward` as if by further cases: with few, no
    model is trusted alone and none is thrown away.
    """
    from scipy.optimize import minimize

    odds, count = stats.log_odds(base), apart.shape[1]

    def cost(part: np.ndarray) -> tuple[float, np.ndarray]:
        told = odds + apart @ part
        miss = weight * (stats.sigmoid(told) - outcome)
        value = weight @ (np.logaddexp(0, told) - outcome * told) + pull * ((part - toward) ** 2).sum() / 2
        return float(value), apart.T @ miss + pull * (part - toward)

    found = minimize(cost, np.full(count, toward), jac=True, bounds=[(0, 1)] * count, method="L-BFGS-B")
    return [float(part) for part in found.x]


def level_kept(chance: np.ndarray, weight: np.ndarray, *, slope: float) -> tuple[float, float]:
    """The shift that, with this slope, leaves the mean chance as it was, and the slope.

    Where ends are censored, earlier models had seen fewer of the slow losses than the last one has: how far their level
    was off says nothing of its level, only of how sure they were.
    """
    from scipy.optimize import brentq

    odds, mean = slope * stats.log_odds(chance), float(weight @ chance)
    return float(brentq(lambda shift: weight @ stats.sigmoid(shift + odds) - mean, -25, 25)), slope


def level(odds: np.ndarray, outcome: np.ndarray, weight: np.ndarray) -> float:
    """The shift in log odds with which the mean chance is the mean outcome; none where there are no cases."""
    from scipy.optimize import brentq

    rate = float(weight @ outcome) / max(float(weight.sum()), 1e-9)
    if not 0 < rate < 1:
        return 0.0
    return float(brentq(lambda shift: weight @ (stats.sigmoid(odds + shift) - rate), -25, 25))


def band(chance: np.ndarray, outcome: np.ndarray, weight: np.ndarray, *, wider: float = 1.0) -> pd.DataFrame:
    """How far below and above a chance the observed rate of like cases may lie, at the middle of each group of chances.

    `wider` makes room for the luck of the next cases, and for what moves between those that were tried and these.
    """
    table = judgement.calibration(outcome, chance, weight, bins=max(1, min(10, len(chance) // 50)))
    below, above = (
        wider * (table["chance"] - table["lower"]).clip(lower=0.01),
        wider * (table["upper"] - table["chance"]).clip(lower=0.01),
    )
    return pd.DataFrame({"chance": table["chance"], "below": below, "above": above}).sort_values(
        "chance", ignore_index=True
    )
