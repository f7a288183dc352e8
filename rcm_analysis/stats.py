"""Statistics that several rooms use: intervals of shares, chances of counts, log odds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

Z95 = 1.959963984540054  # two-sided 95 %


def wilson(k: Any, n: Any, *, z: float = Z95) -> tuple[Any, Any]:
    """95 % score interval of the share k / n (Wilson 1927), shares 0-1; missing where n is 0.

    Numbers, arrays or Series; what comes out is like `k`. `n` may be an effective number of cases.

    >>> [round(float(bound), 4) for bound in wilson(10, 100)]
    [0.0552, 0.1744]
    """
    n = np.where(np.asarray(n, float) > 0, np.asarray(n, float), np.nan)
    share = np.clip((k.astype(float) if hasattr(k, "astype") else np.asarray(k, float)) / n, 0, 1)
    middle, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip((middle - half) / (1 + z**2 / n), 0, 1), np.clip((middle + half) / (1 + z**2 / n), 0, 1)


def chance_of_so_many(there: Any, whose: Any, usual: float) -> float:
    """Chance that so many cases or more are there when each is with the usual share alone (binomial).

    Cases of one patient (`whose`) go together: both counts are divided by the patients' design effect (Kish 1965), which
    is at most that of patients whose cases are all there or all elsewhere.

    >>> there = np.array([True] * 8 + [False] * 2)
    >>> apart, together = (chance_of_so_many(there, whose, 0.2) for whose in (range(10), [1] * 8 + [2, 3]))
    >>> round(apart, 6), round(together, 2)
    (7.8e-05, 0.19)
    """
    from scipy.special import betainc

    if not 0 < usual < 1:
        return float(usual >= 1)
    here = np.asarray(there, float)
    who, _ = pd.factorize(pd.Series(whose).reset_index(drop=True), use_na_sentinel=False)
    beyond, each = np.bincount(who, here - usual), np.bincount(who)
    effect = (beyond**2).sum() / (len(here) * usual * (1 - usual))
    effect = max(min(effect, (each**2).sum() / len(here)), 1.0)
    cases, of = here.sum() / effect, len(here) / effect
    return float(betainc(max(cases, 1e-9), of - cases + 1, usual))


SMALLEST = 1e-4  # no chance is closer to 0 or 1: a sure thing would cost infinitely when it fails


def sigmoid(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))


def log_odds(chance: np.ndarray) -> np.ndarray:
    held = np.clip(chance, SMALLEST, 1 - SMALLEST)
    return np.log(held / (1 - held))
