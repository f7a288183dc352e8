"""Is a series of counts over exposures steady, and if not, since when? Arrays in, arrays out.

A window of periods is compared with all other periods of its series. Given the total, the count inside is binomial
with the window's share of the exposure, whatever the rate itself is (Przyborowski and Wilenski 1940); the best of all
windows pays for the number of windows looked at. Counts that swing more than chance are scaled by their dispersion,
estimated from successive differences (Laney 2002) and from what the best window leaves unexplained.

    numerator    2  3  1  2  9  8 11  9
    exposure    50 50 50 50 50 50 50 50     best window: periods 4 to 7, up, p = 6e-6
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SMALLEST = 1e-300
STEADY_COUNT = 3.0  # fewer cases a period say nothing about dispersion
MOVING_RANGE = 1.128  # mean range of two normal values, in standard deviations


@dataclass(frozen=True)
class Scan:
    """Which windows are looked at. Half of the level goes to windows that last to the end, half to those that ended.

    Windows overlap, so that many looks at few cases are worth fewer independent ones; the two curves bound what
    simulated steady series show (`bench/trends.py --looks`), both directions of change included.
    """

    periods: int
    min_before: int = 4
    longest_burst: int = 12

    def windows(self) -> np.ndarray:
        """Rows of first and last period; those that last to the end come first."""
        return _windows(self.periods, self.min_before, self.longest_burst)

    def looks(self, total: np.ndarray, lasting: np.ndarray) -> np.ndarray:
        """How many independent looks a window pays for, in a series with so many cases."""
        steps = max(self.periods - self.min_before, 1)
        bursts = max(len(self.windows()) - steps, 1)
        cases, longer = np.maximum(total, 1.0), max(self.periods / 24, 1.0) ** 0.5
        return 2 * np.where(
            lasting, np.minimum(steps, 3.6 * longer * cases**0.32), np.minimum(bursts, 14.0 * longer * cases**0.4)
        )


@lru_cache(maxsize=16)  # asked for with each series looked at again
def _windows(periods: int, min_before: int, longest_burst: int) -> np.ndarray:
    last = periods - 1
    steps = [(i, last) for i in range(min_before, periods)]
    bursts = [(i, j) for i, _ in steps for j in range(i, min(last, i + longest_burst))]
    found = np.array(steps + bursts, int).reshape(-1, 2)
    found.setflags(write=False)
    return found


@dataclass(frozen=True)
class Best:
    """Per series: its best window, how far it stands out, and the chance that a steady series shows as much."""

    start: np.ndarray
    end: np.ndarray
    up: np.ndarray
    score: np.ndarray  # log likelihood ratio, less the log of the number of looks
    dispersion: np.ndarray
    p: np.ndarray


def log_ratio(inside: np.ndarray, total: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Log likelihood ratio of a window whose rate differs from the rest, over one common rate (Kulldorff 1997)."""
    outside, expected = total - inside, total * share
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(inside > 0, inside * np.log(inside / expected), 0.0)
        second = np.where(outside > 0, outside * np.log(outside / (total - expected)), 0.0)
    return np.where((share > 0) & (share < 1), first + second, 0.0)


def chance(inside: np.ndarray, total: np.ndarray, share: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """One-sided binomial tail of the count inside, on the side where it lies; counts are divided by the dispersion.

    >>> float(chance(np.array([9.0]), np.array([10.0]), np.array([0.5]), np.array([1.0]))[0])
    0.0107421875
    """
    from scipy.special import betainc

    a, b = inside / dispersion, (total - inside) / dispersion
    q = np.clip(share, 1e-12, 1 - 1e-12)
    up = betainc(np.maximum(a, 1e-9), b + 1, q)
    down = betainc(np.maximum(b, 1e-9), a + 1, 1 - q)
    return np.clip(np.where(inside > total * share, up, down), SMALLEST, 1.0)


def scan(y: np.ndarray, n: np.ndarray, rule: Scan, *, chunk: int = 4096) -> Best:
    """The best window of each row of `y` (series × periods) against the exposures `n` of the same shape."""
    windows = rule.windows()
    if not len(y) or not len(windows):
        none = np.zeros(len(y))
        return Best(none.astype(int), none.astype(int), none.astype(bool), none - 1, none + 1, none + 1)
    parts = [_scan(y[i : i + chunk], n[i : i + chunk], windows, rule) for i in range(0, len(y), chunk)]
    return Best(*(np.concatenate([getattr(part, name) for part in parts]) for name in Best.__dataclass_fields__))


def _scan(y: np.ndarray, n: np.ndarray, windows: np.ndarray, rule: Scan) -> Best:
    first, last = windows[:, 0], windows[:, 1]
    lasting = last == y.shape[1] - 1
    sums, exposures = (np.concatenate([np.zeros((len(a), 1)), a.cumsum(axis=1)], axis=1) for a in (y, n))
    total, whole = sums[:, -1:], np.maximum(exposures[:, -1:], 1e-12)
    inside = sums[:, last + 1] - sums[:, first]
    share = (exposures[:, last + 1] - exposures[:, first]) / whole
    ratio = log_ratio(inside, total, share)
    ratio[(exposures[:, first] <= 0)] = 0.0  # without a period before there is no change
    price = np.where(lasting, rule.looks(total, np.array(True)), rule.looks(total, np.array(False)))
    best = np.argmax(ratio - np.log(price), axis=1)
    rows = np.arange(len(y))
    k, q = inside[rows, best], share[rows, best]
    spread = dispersion(y, n, start=first[best], end=last[best])
    paid = price[rows, best]
    score = ratio[rows, best] - np.log(paid)
    p = np.minimum(chance(k, total[:, 0], q, spread) * paid, 1.0)
    return Best(first[best], last[best], k > total[:, 0] * q, score, spread, p)


def dispersion(y: np.ndarray, n: np.ndarray, *, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Variance over that of chance, at least 1: the larger of successive differences and of what the window leaves."""
    t = np.arange(y.shape[1])
    inside = (t >= start[:, None]) & (t <= end[:, None])
    rate = y.sum(axis=1) / np.maximum(n.sum(axis=1), 1e-12)
    z = _standard(y, n * rate[:, None])
    ranges = np.abs(np.diff(z, axis=1)).mean(axis=1) / MOVING_RANGE
    fitted = sum(
        part * ((y * part).sum(axis=1) / np.maximum((n * part).sum(axis=1), 1e-12))[:, None]
        for part in (inside, ~inside)
    )  # fmt: skip
    rest = _standard(y, n * fitted)
    left = (rest**2).sum(axis=1) / max(y.shape[1] - 3, 1) * _persistence(rest)
    enough = y.mean(axis=1) >= STEADY_COUNT
    return np.where(enough, np.maximum(np.maximum(ranges**2, left), 1.0), 1.0)


def _persistence(rest: np.ndarray) -> np.ndarray:
    """By how much neighbours that go together widen a sum: 1 plus twice their correlations (Newey and West 1987)."""
    lags = round(rest.shape[1] ** (1 / 3))
    square = np.maximum((rest**2).sum(axis=1), 1e-12)
    together = [(1 - k / (lags + 1)) * (rest[:, k:] * rest[:, :-k]).sum(axis=1) / square for k in range(1, lags + 1)]
    return np.maximum(1 + 2 * np.sum(together, axis=0), 1.0)


def _standard(y: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.where(expected > 0, (y - expected) / np.sqrt(np.maximum(expected, 0.5)), 0.0)


def levels(y: np.ndarray, n: np.ndarray, *, penalty: float, min_length: int = 1) -> list[int]:
    """First periods of the levels into which one series falls: the split of least deviance plus `penalty` a change.

    Optimal partitioning (Jackson 2005) with the Poisson likelihood of counts over exposures.
    """
    size = len(y)
    sums, exposures = np.concatenate([[0.0], np.cumsum(y)]), np.concatenate([[0.0], np.cumsum(n)])
    best, cut = np.full(size + 1, np.inf), np.zeros(size + 1, int)
    best[0] = -penalty
    for j in range(min_length, size + 1):
        starts = np.arange(0, j - min_length + 1)
        k, m = sums[j] - sums[starts], np.maximum(exposures[j] - exposures[starts], 1e-12)
        cost = -np.where(k > 0, k * np.log(np.maximum(k, 1e-12) / m), 0.0)
        value = best[starts] + cost + penalty
        cut[j] = starts[np.argmin(value)]
        best[j] = value.min()
    found, j = [], size
    while j > 0:
        j = cut[j]
        found.append(int(j))
    return found[::-1]


def sure_levels(y: np.ndarray, n: np.ndarray, *, penalty: float, min_length: int = 1) -> list[int]:
    """`levels` whose begins remain, give or take `min_length`, when a change costs twice as much."""
    found, strict = (levels(y, n, penalty=cost, min_length=min_length) for cost in (penalty, 2 * penalty))
    return [at for at in found if at == 0 or any(abs(at - other) <= min_length for other in strict if other)]


def fit(y: np.ndarray, n: np.ndarray, starts: list[int]) -> float:
    """Log likelihood of one series as the levels that begin at `starts`."""
    which = np.searchsorted(starts, np.arange(len(y)), side="right") - 1
    rate = np.bincount(which, y, len(starts)) / np.maximum(np.bincount(which, n, len(starts)), 1e-12)
    mean = np.maximum(n * rate[which], 1e-12)
    return float((y * np.log(mean) - mean).sum())


def roughness(y: np.ndarray, n: np.ndarray) -> float:
    """Variance from one period to the next over that of chance, at least 1 (Laney 2002); levels don't count."""
    rate = y.sum() / max(n.sum(), 1e-12)
    if y.mean() < STEADY_COUNT:
        return 1.0
    return max(float((np.abs(np.diff(_standard(y, n * rate))).mean() / MOVING_RANGE) ** 2), 1.0)


@dataclass(frozen=True)
class Climb:
    """A climb or fall over at least two periods: its begin, how likely it is one rather than a sudden step, and the
    log likelihood of the best one."""

    begin: int
    sure: float
    likelihood: float


def ramp(y: np.ndarray, n: np.ndarray, *, min_before: int = 4, longest: int = 12) -> Climb:
    """When a climb began. Every begin and length is as likely at first; the begin is their mean by likelihood."""
    size = len(y)
    starts = [(i, w) for i in range(min_before, size) for w in range(min(longest, size - i) + 1)]
    if not starts:
        return Climb(0, 0.0, -np.inf)
    t = np.arange(size)
    # A line that leaves the old level at the begin of period i, averaged over each period
    shape = np.array([np.clip((t - i + 0.5) / w, 0, 1) if w else (t >= i) * 1.0 for i, w in starts])
    low = np.full(len(starts), max(y[:min_before].sum(), 0.5) / max(n[:min_before].sum(), 1e-12))
    high = np.full(len(starts), max(y[-min_before:].sum(), 0.5) / max(n[-min_before:].sum(), 1e-12))
    # Two levels mixed by the shape: expectation-maximisation of a sum of Poisson counts
    for _ in range(60):
        mean = np.maximum(n * (low[:, None] * (1 - shape) + high[:, None] * shape), 1e-12)
        low *= (y / mean * n * (1 - shape)).sum(axis=1) / np.maximum((n * (1 - shape)).sum(axis=1), 1e-12)
        high *= (y / mean * n * shape).sum(axis=1) / np.maximum((n * shape).sum(axis=1), 1e-12)
    mean = np.maximum(n * (low[:, None] * (1 - shape) + high[:, None] * shape), 1e-12)
    likelihood = (y * np.log(mean) - mean).sum(axis=1)
    weight = np.exp(likelihood - likelihood.max())
    slow = np.array([w >= 2 for _, w in starts])
    if not slow.any():
        return Climb(0, 0.0, -np.inf)
    begin = np.average([i for i, _ in starts], weights=np.where(slow, np.maximum(weight, 1e-300), 0))
    return Climb(round(float(begin)), float(weight[slow].sum() / weight.sum()), float(likelihood[slow].max()))
