"""Short conditions under which a thing happens much more often: terms, their reading on a table, and a beam search.

A term compares one column with values; a condition is up to four terms joined by "and":

    Term("payer_name", "in", ("UNISON",)) and Term("procedure", "in", ("70551", "70553")) and Term("authorization", "in", ("no",))
    Term("units", ">=", (5.0,))              a number at or above a threshold
    Term("modifiers", "without", ("59",))    a set of codes that holds none of these ("with": any of these)

The search widens nothing that it has not seen: it starts from all rows, and at each step adds to each of the best
conditions the one term per column that helps most (beam search, Clark & Niblett 1989; the best subset of a column's
values is a prefix of them in the order of their rates, Breiman et al. 1984).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

OPERATIONS = ("in", "with", "without", ">=", "<=", "missing")


class Term(NamedTuple):
    """One comparison of a column with values."""

    feature: str
    operation: str
    values: tuple = ()

    def words(self) -> str:
        """The term as text: `procedure in (70551, 70553)`."""
        name = self.feature
        if self.operation == "missing":
            return f"{name} is missing"
        shown = [f"{v:g}" if isinstance(v, float) else str(v) for v in self.values]
        if self.operation in (">=", "<="):
            return f"{name} {self.operation} {shown[0]}"
        listed = shown[0] if len(shown) == 1 else f"({', '.join(shown)})"
        verb = {"in": "=" if len(shown) == 1 else "in", "with": "with", "without": "without"}[self.operation]
        return f"{name} {verb} {listed}"

    def holds(self, column: pd.Series) -> np.ndarray:
        """A mask over the column's rows. Missing values satisfy `missing` and `without`, nothing else."""
        if self.operation == "missing":
            return column.isna().to_numpy()
        if self.operation in (">=", "<="):
            numbers = pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)
            return numbers >= self.values[0] if self.operation == ">=" else numbers <= self.values[0]
        if self.operation == "in":
            return column.isin(list(self.values)).to_numpy(bool)
        places, sets = _distinct_sets(column)
        return self._of_sets(sets)[places]

    def _of_sets(self, sets: Sequence[Sequence]) -> np.ndarray:
        """A mask over different sets."""
        wanted = set(self.values)
        found = np.fromiter((not wanted.isdisjoint(members) for members in sets), bool, len(sets))
        return found if self.operation == "with" else ~found


Condition = tuple[Term, ...]


_SETS = (list, tuple, set, frozenset, np.ndarray)


def _distinct_sets(column: pd.Series) -> tuple[np.ndarray, list[tuple]]:
    """For each row the place of its set among the different ones; what is no set is an empty one.

    Millions of rows hold thousands of sets: each is looked at once.
    """
    members = (
        value if isinstance(value, tuple) else tuple(value) if isinstance(value, _SETS) else () for value in column
    )
    places, sets = pd.factorize(np.fromiter(members, object, len(column)))
    return places.astype(np.int32), list(sets)


def matches(condition: Condition, table: pd.DataFrame) -> np.ndarray:
    """Rows of the table on which every term holds. Raises KeyError for a column that the table lacks."""
    mask = np.ones(len(table), bool)
    for term in condition:
        mask &= term.holds(table[term.feature])
    return mask


def to_json(condition: Condition) -> str:
    """The condition for a file; `from_json` reads it back."""
    return json.dumps([[term.feature, term.operation, list(term.values)] for term in condition])


def from_json(text: str) -> Condition:
    """Raises ValueError for an operation that there is not."""
    condition = tuple(Term(feature, operation, tuple(values)) for feature, operation, values in json.loads(text))
    unknown = {term.operation for term in condition} - set(OPERATIONS)
    if unknown:
        raise ValueError(f"no operation {', '.join(sorted(unknown))}; there are {', '.join(OPERATIONS)}")
    return condition


class Found(NamedTuple):
    """A condition with the rows it matches, the cases that these belong to, and how many of the cases are hits."""

    condition: Condition
    rows: np.ndarray
    cases: int
    hits: int

    @property
    def rate(self) -> float:
        return self.hits / max(self.cases, 1)


@dataclass(frozen=True)
class BeamSearch:
    """Conditions under which hits are frequent. Calling it gives every condition worth a look, best first.

    A row belongs to a case (a service line to its claim); a case counts once, and is a hit when one of its rows is.
    """

    max_terms: int = 4
    width: int = 24  # conditions kept at each length
    min_cases: int = 10
    min_hits: int = 6
    max_values: int = 6  # longer lists of codes are nothing a biller remembers
    min_rate: float = 0.45  # what is handed to the caller
    min_z: float = 3.0  # what a term keeps must differ from what it drops by this many chance errors

    def __call__(self, columns: Columns, rows: np.ndarray, hit: np.ndarray, case: np.ndarray) -> list[Found]:
        """`rows` are positions in the columns' table, ascending; `hit` and `case` are given for all of its rows, those
        of a case one after the other."""
        start = _found((), rows, hit, case)
        base, beam, pool = start.rate, [start], {}
        if start.hits < self.min_hits:
            return []
        for _ in range(self.max_terms):
            grown = {}
            for found in beam:
                for longer in self._longer(columns, found, hit, case):
                    # the same rows by another wording are kept once, in the shorter and earlier wording
                    key = (len(longer.rows), longer.hits, int(longer.rows.sum()))
                    grown.setdefault(key, longer)
            pool |= {key: found for key, found in grown.items() if found.rate >= self.min_rate and key not in pool}
            beam = self._best(list(grown.values()), base)
        return sorted(pool.values(), key=lambda found: -_worth(found, base))

    def _best(self, found: list[Found], base: float) -> list[Found]:
        """The best for the beam, with at most a quarter of its places for the same columns."""
        places: dict[frozenset, int] = {}
        kept = []
        for candidate in sorted(found, key=lambda f: -_worth(f, base)):
            columns = frozenset(term.feature for term in candidate.condition)
            if places.get(columns, 0) < max(self.width // 4, 1):
                kept.append(candidate)
                places[columns] = places.get(columns, 0) + 1
            if len(kept) == self.width:
                break
        return kept

    def _longer(self, columns: Columns, found: Found, hit: np.ndarray, case: np.ndarray):
        here = _Node(found.rows, hit[found.rows].astype(float), case[found.rows])
        used = {term.feature for term in found.condition}
        for feature in columns.names:
            if feature in used and feature not in columns.sets:
                continue
            for term, mask in columns.terms(feature, here, self):
                longer = _found((*found.condition, term), found.rows[mask], hit, case)
                if longer.cases >= self.min_cases and longer.hits >= self.min_hits and self._helps(longer, found):
                    yield longer

    def _helps(self, longer: Found, found: Found) -> bool:
        """Whether the rate of what the term keeps stands clear of the rate of what it drops."""
        dropped, lost = found.cases - longer.cases, found.hits - longer.hits
        if dropped <= 0 or lost < 0:
            return False
        spread = found.rate * (1 - found.rate) * (1 / longer.cases + 1 / dropped)
        return longer.rate - lost / dropped >= self.min_z * np.sqrt(spread) > 0


def _found(condition: Condition, rows: np.ndarray, hit: np.ndarray, case: np.ndarray) -> Found:
    cases, hits = count_cases(rows, hit, case)
    return Found(condition, rows, cases, hits)


def count_cases(rows: np.ndarray, hit: np.ndarray, case: np.ndarray) -> tuple[int, int]:
    """Cases that the rows belong to, and those with a hit among the rows."""
    if not len(rows):
        return 0, 0
    starts = np.flatnonzero(np.diff(case[rows], prepend=case[rows[0]] - 1))
    return len(starts), int(np.logical_or.reduceat(hit[rows], starts).sum())


def _worth(found: Found, base: float) -> float:
    """How far the rate stands above the base, in units of its chance error (Klösgen 1996, exponent one half)."""
    return (found.rate - base) * np.sqrt(found.cases)


class _Node:
    """Rows under a condition; each weighs its share of its case, so that a claim of ten lines does not count ten times."""

    def __init__(self, rows: np.ndarray, hits: np.ndarray, case: np.ndarray):
        _, position, size = np.unique(case, return_inverse=True, return_counts=True)
        self.rows, self.weight = rows, 1 / size[position]
        self.hits = hits * self.weight
        self.rate = self.hits.sum() / max(self.weight.sum(), 1e-9)


class _Sets(NamedTuple):
    """A column of sets: the place of each row's set among the different ones, and their members in compressed rows."""

    place: np.ndarray
    distinct: list[tuple]
    starts: np.ndarray
    flat: np.ndarray
    values: list

    @classmethod
    def of(cls, column: pd.Series) -> _Sets:
        place, distinct = _distinct_sets(column)
        lengths = np.fromiter(map(len, distinct), np.int64, len(distinct))
        flat = np.fromiter((item for members in distinct for item in members), object, lengths.sum())
        codes, values = pd.factorize(flat, sort=True)
        return cls(place, distinct, np.concatenate([[0], np.cumsum(lengths)]), codes, list(values))


class Columns:
    """A table's columns coded for counting: codes, numbers, and sets of codes in compressed rows."""

    def __init__(self, table: pd.DataFrame, features: Sequence[str]):
        missing = [name for name in features if name not in table]
        if missing:
            raise KeyError(f"the table has no column {', '.join(missing)}")
        self.names = tuple(features)
        self.codes: dict[str, tuple[np.ndarray, list]] = {}
        self.numbers: dict[str, np.ndarray] = {}
        self.sets: dict[str, _Sets] = {}
        for name in features:
            self._encode(name, table[name])

    def _encode(self, name: str, column: pd.Series) -> None:
        known = column.dropna()
        if len(known) and isinstance(known.iloc[0], _SETS):
            self.sets[name] = _Sets.of(column)
        elif pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            self.numbers[name] = column.to_numpy(float, na_value=np.nan)
        else:
            codes, values = pd.factorize(column, sort=True)
            self.codes[name] = codes.astype(np.int32), list(values)

    def matches(self, condition: Condition, rows: np.ndarray) -> np.ndarray:
        """A mask over these rows, as `matches` of the table itself; values are compared once, not row by row."""
        mask = np.ones(len(rows), bool)
        for term in condition:
            mask &= self._holds(term, rows)
        return mask

    def _holds(self, term: Term, rows: np.ndarray) -> np.ndarray:
        if term.feature in self.numbers:
            return term.holds(pd.Series(self.numbers[term.feature][rows]))
        if term.feature in self.codes:
            codes, values = self.codes[term.feature]
            return np.append(term.holds(pd.Series(values, dtype=object)), term.operation == "missing")[codes[rows]]
        sets = self.sets[term.feature]
        return term._of_sets(sets.distinct)[sets.place[rows]]

    def terms(self, feature: str, node: _Node, search: BeamSearch):
        """Terms on the feature that may help within the node, each with its mask over the node's rows."""
        if feature in self.codes:
            return self._code_terms(feature, node, search)
        if feature in self.numbers:
            return self._number_terms(feature, node)
        return self._set_terms(feature, node, search)

    def _code_terms(self, feature: str, node: _Node, search: BeamSearch):
        codes, values = self.codes[feature]
        here = codes[node.rows]
        known = here >= 0
        if not known.all():
            yield Term(feature, "missing"), ~known
        n = np.bincount(here[known], weights=node.weight[known], minlength=len(values))
        k = np.bincount(here[known], weights=node.hits[known], minlength=len(values))
        leading = _leading(n, k, node.rate)
        for i in leading[:3]:
            yield Term(feature, "in", (values[i],)), here == i
        several = _best_prefix(leading[: search.max_values], n, k, node.rate)
        if 1 < len(several) < (n > 0).sum():
            yield Term(feature, "in", tuple(sorted(values[i] for i in several))), np.isin(here, several)

    def _number_terms(self, feature: str, node: _Node):
        here = self.numbers[feature][node.rows]
        known = ~np.isnan(here)
        if not known.all():
            yield Term(feature, "missing"), ~known
        order = np.argsort(here[known], kind="stable")
        values = here[known][order]
        ends = np.flatnonzero(np.diff(values) > 0)  # a threshold stands between different values
        if not len(ends):
            return
        n, k = np.cumsum(node.weight[known][order]), np.cumsum(node.hits[known][order])
        for operation, size, hits, at in (("<=", n[ends], k[ends], ends),
                                          (">=", n[-1] - n[ends], k[-1] - k[ends], ends + 1)):  # fmt: skip
            best = int(np.argmax((hits / size - node.rate) * np.sqrt(size)))
            value = float(values[at[best]])
            yield Term(feature, operation, (value,)), known & (here <= value if operation == "<=" else here >= value)

    def _set_terms(self, feature: str, node: _Node, search: BeamSearch):
        sets = self.sets[feature]
        values = sets.values
        place = sets.place[node.rows]
        starts = sets.starts[place]
        lengths = sets.starts[place + 1] - starts
        owner = np.repeat(np.arange(len(node.rows)), lengths)
        shift = starts - np.concatenate([[0], np.cumsum(lengths)[:-1]])
        codes = sets.flat[np.repeat(shift, lengths) + np.arange(len(owner))]
        n = np.bincount(codes, weights=node.weight[owner], minlength=len(values))
        k = np.bincount(codes, weights=node.hits[owner], minlength=len(values))
        leading = _leading(n, k, node.rate)
        several = _best_prefix(leading[: search.max_values], n, k, node.rate)
        for chosen in [[i] for i in leading[:3]] + ([list(several)] if len(several) > 1 else []):
            mask = np.zeros(len(node.rows), bool)
            mask[owner[np.isin(codes, chosen)]] = True
            yield Term(feature, "with", tuple(sorted(values[i] for i in chosen))), mask
        # a code whose absence matters is common where nothing happens
        for i in np.argsort(k - n * node.rate)[:2]:
            if n[i] >= search.min_cases:
                mask = np.ones(len(node.rows), bool)
                mask[owner[codes == i]] = False
                yield Term(feature, "without", (values[i],)), mask


MIN_VALUE_Z = 1.5  # a value joins a list when its own rate stands this many chance errors above the rest


def _leading(n: np.ndarray, k: np.ndarray, base: float) -> np.ndarray:
    """Values with rates above the base, best first, each pulled towards it by five cases so that rare ones don't lead."""
    z = (k - n * base) / np.sqrt(np.maximum(n * base * (1 - base), 1e-9))
    rate = (k + 5 * base) / (n + 5)
    order = np.argsort(-rate, kind="stable")
    return order[(n[order] > 0) & (z[order] >= MIN_VALUE_Z)]


def _best_prefix(leading: np.ndarray, n: np.ndarray, k: np.ndarray, base: float) -> np.ndarray:
    """The leading values that stand furthest above the base together."""
    if not len(leading):
        return leading
    size, hits = np.cumsum(n[leading]), np.cumsum(k[leading])
    return leading[: int(np.argmax((hits / size - base) * np.sqrt(size))) + 1]
