"""Every segment worth looking at: counts by period over all crossings of a few dimensions, as arrays.

A `Unit` holds what is counted (denied claims, or denied procedures) and what it is counted over. Exposure dimensions
split both; reason dimensions (category, CARC, RARC) split the numerator alone, since a paid claim has no reason.

    period   payer_name  location  | category     numerator      period   payer_name  location  | denominator
    2026-01  UNISON      EAST      | eligibility  3              2026-01  UNISON      EAST      | 41
    2026-02  UNISON      EAST      | eligibility  2              2026-02  UNISON      EAST      | 38
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

NOT_NAMED = "not named"
MOST_KEYS = 20_000_000


def _exposed(codes: dict[str, np.ndarray], segment: dict[str, int], rows: int) -> np.ndarray:
    """Which rows lie in the segment by the dimensions that they have; reasons, which they don't, are passed over."""
    mask = np.ones(rows, bool)
    for name, code in segment.items():
        if name in codes:
            mask &= codes[name] == code
    return mask


@dataclass(frozen=True)
class Visits:
    """What each patient's denials are counted over: a row per patient, period and crossing of exposure dimensions.

    The patients of a unit's numerators come first, in their places.
    """

    patient: np.ndarray
    when: np.ndarray
    n: np.ndarray
    codes: dict[str, np.ndarray]

    def rows(self, segment: dict[str, int]) -> np.ndarray:
        """Which rows lie in the segment; reasons don't matter."""
        return _exposed(self.codes, segment, len(self.n))


@dataclass
class Unit:
    """Coded counts: `codes` and `labels` per dimension, a row per numerator and a row per exposure."""

    exposure: tuple[str, ...]
    reason: tuple[str, ...]
    periods: list[str]
    labels: dict[str, np.ndarray]
    codes: dict[str, np.ndarray]
    when: np.ndarray
    y: np.ndarray
    amount: np.ndarray
    cash: np.ndarray
    exposure_codes: dict[str, np.ndarray]
    exposure_when: np.ndarray
    n: np.ndarray
    patient: np.ndarray | None = None  # whose each numerator row is, in the places of `patients`
    patients: np.ndarray = field(default_factory=lambda: np.array([], str))
    visits: Callable[[], Visits] | None = None  # counted when first asked for, since few segments need it

    def rows(self, segment: dict[str, int]) -> np.ndarray:
        """Which numerator rows lie in the segment."""
        mask = np.ones(len(self.y), bool)
        for name, code in segment.items():
            mask &= self.codes[name] == code
        return mask

    def exposed(self, segment: dict[str, int]) -> np.ndarray:
        """Which exposure rows lie in the segment; reasons don't matter."""
        return _exposed(self.exposure_codes, segment, len(self.n))

    def series(self, segment: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
        """Numerator and denominator of the segment by period."""
        return self.by_period(self.rows(segment)), self.exposure_by_period(self.exposed(segment))

    def by_period(self, mask: np.ndarray) -> np.ndarray:
        return np.bincount(self.when[mask], self.y[mask], len(self.periods))

    def exposure_by_period(self, mask: np.ndarray) -> np.ndarray:
        return np.bincount(self.exposure_when[mask], self.n[mask], len(self.periods))

    def keys(self, dims: Sequence[str], *, exposures: bool = False) -> np.ndarray:
        """One number per row for its crossing of the dimensions."""
        return _keys(self, self.exposure_codes if exposures else self.codes, dims, len(self.n if exposures else self.y))

    def named(self, segment: dict[str, int]) -> dict[str, str]:
        return {name: str(self.labels[name][code]) for name, code in segment.items()}


def unit(numerators: pd.DataFrame, exposures: pd.DataFrame, *, exposure: Sequence[str], reason: Sequence[str] = (),
         periods: Sequence[str]) -> Unit:  # fmt: skip
    """Codes the two tables; numerators have period, dimensions, numerator, amount and cash, exposures period and denominator.

    Numerators with a column `patient` are told patient by patient."""
    labels, codes, exposure_codes = {}, {}, {}
    for name in (*exposure, *reason):
        both = [numerators[name], exposures[name]] if name in exposure else [numerators[name]]
        if not all(isinstance(one.dtype, pd.CategoricalDtype) and one.dtype == both[0].dtype for one in both):
            labels[name], alike = _alike(both)
        else:
            labels[name] = np.asarray(both[0].cat.categories.astype(str))
            alike = [one.cat.codes.to_numpy() for one in both]
        codes[name], exposure_codes[name] = alike[0], alike[-1]
    amount, cash = (
        np.nan_to_num(numerators[name].to_numpy(float)) if name in numerators else np.zeros(len(numerators))
        for name in ("amount", "cash")
    )
    patient, patients = pd.factorize(numerators["patient"].astype(str)) if "patient" in numerators else (None, [])
    return Unit(tuple(exposure), tuple(reason), list(periods), labels, codes, _places(numerators["period"], periods),
                numerators["numerator"].to_numpy(float), amount, cash, {k: exposure_codes[k] for k in exposure},
                _places(exposures["period"], periods), exposures["denominator"].to_numpy(float),
                patient, np.asarray(patients, str))  # fmt: skip


def visits(u: Unit, table: pd.DataFrame) -> Visits:
    """Codes a table of patient, period, the unit's exposure dimensions (or some) and denominator as the unit has them.

    patient  period   payer_name  denominator         patient  when  n  payer_name
    p1       2026-01  UNISON      3              ->   0        0     3  1
    p9       2026-01  UNISON      1                   1        0     1  1
    """
    each, seen = pd.factorize(table["patient"].astype(str))
    others = sorted(set(seen) - set(u.patients))
    place = {name: i for i, name in enumerate([*u.patients, *others])}
    who = np.array([place[name] for name in seen], np.int64)[each]
    codes = {}
    for name in u.exposure:
        if name in table:
            spot = {label: i for i, label in enumerate(u.labels[name])}
            rows, texts = _texts(table[name])
            codes[name] = np.array([spot.get(text, -1) for text in texts], np.int64)[rows]
    return Visits(who, _places(table["period"], u.periods), table["denominator"].to_numpy(float), codes)


def _places(column: pd.Series, periods: Sequence[str]) -> np.ndarray:
    place = {period: i for i, period in enumerate(periods)}
    rows, texts = _texts(column)
    return np.array([place.get(text, -1) for text in texts], np.int64)[rows]


def _texts(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """For each row the place of its text in the list that follows; a missing value is a text too, the last.

    >>> _texts(pd.Series(["B", None, "A", "B"]))
    (array([ 0, -1,  1,  0]), ['B', 'A', 'not named'])
    """
    rows, values = pd.factorize(column)
    return rows, [*map(str, values), NOT_NAMED]


def _alike(columns: Sequence[pd.Series]) -> tuple[np.ndarray, list[np.ndarray]]:
    """The texts of all columns in their order, and the rows of each as places among them."""
    coded = [_texts(one) for one in columns]
    named = [texts[: None if (rows < 0).any() else -1] for rows, texts in coded]
    labels = sorted(set().union(*named))
    place = {text: i for i, text in enumerate(labels)}
    codes = [np.array([place.get(text, -1) for text in texts], np.int64)[rows] for rows, texts in coded]
    return np.array(labels, object), codes


@dataclass
class Block:
    """All segments of one crossing of dimensions: codes per segment, and its series."""

    unit: int
    exposure: tuple[str, ...]
    reason: tuple[str, ...]
    keys: np.ndarray
    codes: dict[str, np.ndarray]
    y: np.ndarray
    n: np.ndarray

    def segment(self, i: int) -> dict[str, int]:
        return {name: int(codes[i]) for name, codes in self.codes.items()}


def crossings(exposure: Sequence[str], reasons: Sequence[Sequence[str]], *, depth: int, nested: Sequence[Sequence[str]] = (),
              must: Sequence[str] = ()) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:  # fmt: skip
    """Crossings of up to `depth` dimensions, a reason counting as one; of nested dimensions only one at a time.

    >>> crossings(["payer", "location"], [(), ("category",)], depth=2)
    [((), ()), ((), ('category',)), (('payer',), ()), (('payer',), ('category',)), (('location',), ()), (('location',), ('category',)), (('payer', 'location'), ())]
    """
    found = []
    for size in range(depth + 1):
        for dims in combinations(exposure, size):
            if any(len(set(dims) & set(group)) > 1 for group in nested) or (must and not set(dims) & set(must)):
                continue
            found += [(dims, tuple(reason)) for reason in reasons if size + bool(reason) <= depth]
    return found


def block(place: int, u: Unit, dims: tuple[str, ...], reason: tuple[str, ...], *, min_count: float) -> Block:
    """The segments of one crossing with at least `min_count` cases in all periods."""
    size, names = len(u.periods), (*dims, *reason)
    keys = _keys(u, u.codes, names, len(u.y))
    room = int(np.prod([len(u.labels[name]) for name in names], dtype=np.int64))
    if room > MOST_KEYS:  # too many possible segments for a counter each: number those that occur
        cells, keys = np.unique(keys, return_inverse=True)
    else:
        cells = np.arange(room)
    kept = np.bincount(keys, u.y, len(cells)) >= min_count
    rank = np.where(kept, np.cumsum(kept) - 1, -1)[keys]
    rows = np.flatnonzero(rank >= 0)
    y = np.bincount(rank[rows] * size + u.when[rows], u.y[rows], int(kept.sum()) * size).reshape(-1, size)
    cells = cells[kept]
    codes = _codes_of(u, names, cells)
    return Block(place, dims, reason, cells, codes, y, _exposures(u, dims, codes, size))


def _codes_of(u: Unit, names: Sequence[str], keys: np.ndarray) -> dict[str, np.ndarray]:
    """The inverse of `_keys`."""
    codes = {}
    for name in reversed(names):
        keys, codes[name] = np.divmod(keys, len(u.labels[name]))
    return {name: codes[name] for name in names}


def _exposures(u: Unit, dims: tuple[str, ...], codes: dict[str, np.ndarray], size: int) -> np.ndarray:
    keys = _keys(u, u.exposure_codes, dims, len(u.n))
    count = len(next(iter(codes.values()))) if codes else 1
    mine = _keys(u, codes, dims, count)
    wanted, place = np.unique(mine, return_inverse=True)
    room = int(np.prod([len(u.labels[name]) for name in dims], dtype=np.int64))
    if room <= MOST_KEYS:
        slots = np.full(room, -1)
        slots[wanted] = np.arange(len(wanted))
        spot = slots[keys]
        hit = np.flatnonzero(spot >= 0)
    else:
        spot = np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)
        hit = np.flatnonzero(wanted[spot] == keys)
    n = np.bincount(spot[hit] * size + u.exposure_when[hit], u.n[hit], len(wanted) * size).reshape(-1, size)
    return n[place]


def _keys(u: Unit, codes: dict[str, np.ndarray], dims: Sequence[str], count: int) -> np.ndarray:
    keys = np.zeros(count, np.int64)
    for name in dims:
        keys = keys * len(u.labels[name]) + codes[name]
    return keys


def take_away(b: Block, u: Unit, rows: np.ndarray, less: np.ndarray) -> np.ndarray:
    """Lowers the block's series by `less` at the given numerator rows; gives the segments that changed."""
    keys = (
        _keys(u, u.codes, (*b.exposure, *b.reason), len(u.y))[rows]
        if (b.exposure or b.reason)
        else np.zeros(len(rows), np.int64)
    )
    spot = np.searchsorted(b.keys, keys)
    hit = spot < len(b.keys)
    hit[hit] = b.keys[spot[hit]] == keys[hit]
    np.subtract.at(b.y, (spot[hit], u.when[rows][hit]), less[hit])
    np.maximum(b.y, 0, out=b.y)
    return np.unique(spot[hit])
