"""How much evidence a change holds when the claims of one patient count as one: a patient whose coverage ended, or who
rides to dialysis three times a week, is refused many times for one reason.

    patient   denied in the window   denied outside it
    p1        53                     0
    p2        1                      1          55 denials weigh as little as 2: of 28 the evidence is 1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rcm_analysis.trends.segments import Unit, Visits

HALF = 0.5  # of a change's excess: from here on it is one patient's and not the segment's
FEWEST = 8  # denials that make one patient worth a line
RARE, RARE_IN_ALL = 0.01, 0.05  # chance that the most denied of steady patients stands out so far from the next
LEAST_SPREAD = 0.25  # of the logarithms of denials a patient
COVERED = 0.7  # of a change's denials; from here on it is told already
LARGE = 10  # patients from whose denials it is told how far the most denied usually stands out


@dataclass(frozen=True)
class Holder:
    """The patient who holds most of a change: key, denials in the window, and the share of the excess."""

    key: str
    denials: float
    share: float


def design_effect(u: Unit, segment: dict[str, int], *, start: int, end: int) -> float:
    """By how much the patients widen the variance of the count in the window, at least 1 (Kish 1965).

    Each patient's denials inside, less what the window's share of the exposure leads to expect, are squared as one sum
    and compared with those of as many single denials. Who is denied evenly inside and outside widens nothing. Where it
    is known what each patient was seen for, the denials that the common rate expects of his visits widen nothing either:
    who came ten times in the window is denied more often in it than who came once, without any denial causing the next.
    """
    if u.patient is None:
        return 1.0
    rows = u.rows(segment)
    inside = (u.when >= start) & (u.when <= end)
    y_all, n = u.by_period(rows), u.exposure_by_period(u.exposed(segment))
    share = n[start : end + 1].sum() / max(n.sum(), 1e-12)
    weight = np.where(inside, 1 - share, -share)[rows]
    y = u.y[rows]
    singles = (y * weight**2).sum()
    each = np.bincount(u.patient[rows], y * weight)
    if u.visits is not None:
        apart = np.bincount(u.patient, u.y, len(u.patients)) == 0  # told by themselves, and taken out
        expected = _expected(u.visits(), segment, y_all.sum() / max(n.sum(), 1e-12), share, start=start, end=end)
        expected = np.pad(expected, (0, max(len(u.patients) - len(expected), 0)))
        expected[: len(u.patients)][apart] = 0.0
        expected[: len(each)] -= each
        each = expected
    return max(float((each**2).sum() / singles), 1.0) if singles > 0 else 1.0


def _expected(seen: Visits, segment: dict[str, int], rate: float, share: float, *, start: int, end: int) -> np.ndarray:
    """Weighed denials that the rate expects of each patient's visits, also of those who had none."""
    rows = seen.rows(segment)
    inside = (seen.when[rows] >= start) & (seen.when[rows] <= end)
    return np.bincount(seen.patient[rows], rate * seen.n[rows] * np.where(inside, 1 - share, -share))


def holder(u: Unit, segment: dict[str, int], *, start: int, end: int) -> Holder | None:
    """The patient with most denials in the window, where he holds half of the rise or more."""
    if u.patient is None:
        return None
    inside = u.rows(segment) & (u.when >= start) & (u.when <= end)
    each = np.bincount(u.patient[inside], u.y[inside])
    if not len(each):
        return None
    y, n = u.series(segment)
    outside = np.ones(len(y), bool)
    outside[start : end + 1] = False
    excess = y[~outside].sum() - n[~outside].sum() * y[outside].sum() / max(n[outside].sum(), 1e-12)
    top = int(each.argmax())
    if excess <= 0 or each[top] < HALF * excess:
        return None
    return Holder(str(u.patients[top]), float(each[top]), float(min(each[top] / excess, 1.0)))


def stands_out(u: Unit, segment: dict[str, int], key: str) -> bool:
    """Whether no steady practice has a patient denied so much more often than the next, in the segment and in all.

    Denials a patient have a long tail: the ratio of the largest to the next is compared with how the largest ones
    follow each other (Hill 1975), so that a practice of many who are denied often names none of them.
    """
    if u.patient is None:
        return False
    return _is_alone(u, u.rows(segment), key, RARE) and _is_alone(u, np.ones(len(u.y), bool), key, RARE_IN_ALL)


def _is_alone(u: Unit, rows: np.ndarray, key: str, rare: float) -> bool:
    each = np.bincount(u.patient[rows], u.y[rows], len(u.patients)) if u.patient is not None else np.zeros(0)
    mine = float(each[u.patients == key].sum())
    others = np.sort(each[u.patients != key])[::-1][: LARGE + 1]
    if len(others) <= LARGE or others[-1] <= 0:
        return mine >= FEWEST and (not len(others) or mine >= FEWEST * max(others[0], 1.0))
    spread = float(np.log(others[:LARGE] / others[LARGE]).mean())
    return bool(mine >= FEWEST and mine / others[0] >= rare ** -max(spread, LEAST_SPREAD))


def held_by(u: Unit, segment: dict[str, int], *, start: int, end: int) -> dict[tuple[str, int], float]:
    """Whose denials lie in a window, by patient and period; empty where patients are not known."""
    if u.patient is None:
        return {}
    inside = np.flatnonzero(u.rows(segment) & (u.when >= start) & (u.when <= end))
    keys, place = np.unique(u.patient[inside].astype(np.int64) * len(u.periods) + u.when[inside], return_inverse=True)
    counts = np.bincount(place, u.y[inside], len(keys))
    return {(str(u.patients[key // len(u.periods)]), int(key % len(u.periods))): float(count)
            for key, count in zip(keys, counts, strict=True)}  # fmt: skip


def covered(mine: dict[tuple[str, int], float], told: dict[tuple[str, int], float]) -> bool:
    """Whether most of a change's denials were told with another one."""
    total = sum(mine.values())
    return total > 0 and sum(min(count, told.get(key, 0.0)) for key, count in mine.items()) >= COVERED * total
