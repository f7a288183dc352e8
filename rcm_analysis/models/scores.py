"""How good chances were: scores with intervals, calibration, dollars found at the team's capacity, decision curve.

Weights are those of `known_by`: cases whose outcome is not known yet weigh nothing, and those known stand for cases
like them that are not (inverse probability of censoring).

    score(outcome, chance)      metric     value  lower  upper
                                brier      .101   .098   .104
                                log_loss   .348   .339   .357
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from rcm_analysis.stats import wilson

REFITS = 200
BINS = 10
SMALLEST = 1e-4
WEIGHT_CAP = 10.0  # one early outcome may stand for ten cases, no more: beyond that the figure hangs on single claims


def known_by(
    start: pd.Series,
    settled: pd.Series,
    outcome: np.ndarray,
    *,
    as_of: pd.Timestamp,
    horizon_days: int,
    kind: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Outcome within the horizon as 0 or 1, and the weight of each case; 0 where the outcome is not known on `as_of`.

    A case's follow-up ends on `as_of` whatever happens to it, so the chance of being followed at least t days is the
    share of cases that began at least t days before (Robins and Rotnitzky 1992; the censoring is administrative).
    Cases of one `kind` stand for each other only: those looked at late in their life began later than the others.
    """
    followed = np.maximum((as_of - start).dt.days.to_numpy(float), 0)
    days = (settled - start).dt.days.to_numpy(float)
    days = np.where(np.isnan(days) | (days > followed), np.inf, np.maximum(days, 0))
    end = np.minimum(days, horizon_days)
    kinds, share = np.zeros(len(followed)) if kind is None else kind, np.ones(len(followed))
    for one in np.unique(kinds):
        rows = kinds == one
        share[rows] = 1 - np.searchsorted(np.sort(followed[rows]), end[rows], "left") / rows.sum()
    weight = np.where(end <= followed, np.minimum(1 / np.maximum(share, 1e-9), WEIGHT_CAP), 0.0)
    return np.where(days <= horizon_days, outcome, 0.0), weight


def area(outcome: np.ndarray, chance: np.ndarray, weight: np.ndarray | None = None) -> float:
    """AUROC; missing when all outcomes are alike. Equal to scikit-learn's, which checks its arguments longer than it counts;
    intervals ask for it two hundred times."""
    if not 0 < outcome.sum() < len(outcome):
        return float("nan")
    hits, misses = _found(outcome, chance, weight)
    return float(
        np.sum(np.diff(misses, prepend=0) * (hits + np.concatenate([[0], hits[:-1]]))) / (2 * hits[-1] * misses[-1])
    )


def average_precision(outcome: np.ndarray, chance: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Precision over all recalls, each step by what it adds; missing when all outcomes are alike."""
    if not 0 < outcome.sum() < len(outcome):
        return float("nan")
    hits, misses = _found(outcome, chance, weight)
    return float(np.sum(np.diff(hits, prepend=0) * hits / np.maximum(hits + misses, 1e-300)) / hits[-1])


def _found(outcome: np.ndarray, chance: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Weight of the cases with and without the outcome down to each chance that there is, the highest first."""
    order = np.argsort(-chance, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(chance[order]) != 0, True))
    weights = np.ones(len(order)) if weight is None else weight[order]
    with_it = np.asarray(outcome, float)[order] * weights
    return np.cumsum(with_it)[ends], np.cumsum(weights - with_it)[ends]


def log_loss(outcome: np.ndarray, chance: np.ndarray, weight: np.ndarray) -> float:
    held = np.clip(chance, SMALLEST, 1 - SMALLEST)
    return float(-np.average(outcome * np.log(held) + (1 - outcome) * np.log(1 - held), weights=weight))


def figures(outcome: np.ndarray, chance: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """Every score of chances against outcomes; the names are those of METRICS in the notebook's definitions."""
    rate = float(np.average(outcome, weights=weight))
    brier = float(np.average((chance - outcome) ** 2, weights=weight))
    top = np.argsort(-chance, kind="stable")[: max(len(chance) // 10, 1)]
    return {
        "brier": brier, "brier_skill": 1 - brier / max(rate * (1 - rate), 1e-9), "log_loss": log_loss(outcome, chance, weight),
        "auroc": area(outcome, chance, weight), "calibration_error": calibration_error(outcome, chance, weight),
        "average_precision": average_precision(outcome, chance, weight),
        "predicted_minus_observed": float(np.average(chance, weights=weight)) - rate, "base_rate": rate,
        "lift_top_tenth": float(np.average(outcome[top], weights=weight[top])) / max(rate, 1e-9),
    }  # fmt: skip


def score(
    outcome: np.ndarray,
    chance: np.ndarray,
    *,
    weight: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """`figures` with 95 % intervals from resampling whole groups (cases of one claim or patient)."""
    weight = np.ones(len(outcome)) if weight is None else weight
    kept = weight > 0
    outcome, chance, weight = outcome[kept], chance[kept], weight[kept]
    members = np.arange(len(outcome)) if groups is None else pd.factorize(np.asarray(groups)[kept])[0]
    rng, count = np.random.default_rng(seed), members.max(initial=-1) + 1
    if not count:
        return pd.DataFrame(columns=["metric", "value", "lower", "upper"])
    drawn = []
    for _ in range(REFITS if count <= 20000 else 40):
        again = weight * np.bincount(rng.integers(0, count, count), minlength=count)[members]
        if (held := again > 0).any():
            drawn.append(figures(outcome[held], chance[held], again[held]))
    table = pd.DataFrame(drawn)
    told = figures(outcome, chance, weight)
    return pd.DataFrame([{"metric": name, "value": value, "lower": table[name].quantile(0.025), "upper": table[name].quantile(0.975)}
                         for name, value in told.items()])  # fmt: skip


def calibration(outcome: np.ndarray, chance: np.ndarray, weight: np.ndarray, *, bins: int = BINS) -> pd.DataFrame:
    """Equal-count groups by chance: mean chance, observed rate with its Wilson interval, cases; equal chances stay together."""
    frame = pd.DataFrame({"chance": chance, "outcome": outcome, "weight": weight})[weight > 0]
    if not len(frame):
        return pd.DataFrame(columns=["chance", "observed", "lower", "upper", "cases"])
    rows = []
    for _, part in frame.groupby(_groups(frame["chance"].to_numpy(float), bins)):
        rate = np.average(part["outcome"], weights=part["weight"])
        effective = part["weight"].sum() ** 2 / (part["weight"] ** 2).sum()
        rows.append(
            (
                np.average(part["chance"], weights=part["weight"]),
                rate,
                *map(float, wilson(rate * effective, effective)),
                len(part),
            )
        )
    return pd.DataFrame(rows, columns=["chance", "observed", "lower", "upper", "cases"])


def _groups(chance: np.ndarray, bins: int) -> np.ndarray:
    """The group of each chance among `bins` of equal count; all in one where they are all alike."""
    _, place, counts = np.unique(chance, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    edges = np.unique(np.quantile(rank, np.linspace(0, 1, bins + 1)))
    return np.maximum(np.searchsorted(edges, rank, "left") - 1, 0)


def calibration_error(outcome: np.ndarray, chance: np.ndarray, weight: np.ndarray) -> float:
    """Mean distance of the groups' observed rates from their mean chance, each by its cases."""
    held = weight > 0
    if not held.any():
        return float("nan")
    outcome, chance, weight = outcome[held], chance[held], weight[held]
    group = _groups(chance, BINS)
    apart = np.bincount(group, weight * (chance - outcome)) / np.maximum(np.bincount(group, weight), 1e-300)
    return float(np.average(np.abs(apart), weights=np.bincount(group)))


def captured(
    outcome: np.ndarray, amount: np.ndarray, orders: dict[str, np.ndarray], *, capacity_share: float, weight: np.ndarray
) -> pd.DataFrame:
    """Dollars of all that was lost which lie in the part of the list that can be worked, for several orders of the list.

    An order holds what it sorts by, largest first; "random" and "perfect" stand beside them.
    """
    worth = outcome * amount * np.minimum(weight, 1)
    size = max(int(len(outcome) * capacity_share), 1)
    rows = [(name, float(worth[np.argsort(-key, kind="stable")[:size]].sum())) for name, key in orders.items()]
    rows += [
        ("at random", float(worth.sum() * size / max(len(worth), 1))),
        ("perfect", float(np.sort(worth)[::-1][:size].sum())),
    ]
    table = pd.DataFrame(rows, columns=["order", "dollars"])
    return table.assign(share=table["dollars"] / max(float(worth.sum()), 1e-9))


def decision_curve(outcome: np.ndarray, chance: np.ndarray, weight: np.ndarray) -> pd.DataFrame:
    """Net benefit per case of working those above a threshold, of working all, and of none (Vickers and Elkin 2006)."""
    rows, rate = [], float(np.average(outcome, weights=weight))
    for threshold in np.arange(0.05, 0.91, 0.05):
        worked = chance >= threshold
        odds = threshold / (1 - threshold)
        net = np.average(worked * outcome, weights=weight) - odds * np.average(worked * (1 - outcome), weights=weight)
        rows.append((round(float(threshold), 2), float(net), rate - odds * (1 - rate), 0.0))
    return pd.DataFrame(rows, columns=["threshold", "model", "work_all", "work_none"])
