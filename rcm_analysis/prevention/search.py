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
from collections.abc import Iterator, Sequence
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
        return self.of_sets(sets)[places]

    def of_sets(self, sets: Sequence[Sequence]) -> np.ndarray:
        """A mask over different sets."""
        wanted = set(self.values)
        found = np.fromiter((not wanted.isdisjoint(members) for members in sets), bool, len(sets))
        return found if self.operation == "with" else ~found


Condition = tuple[Term, ...]


_SETS = (list, tuple, set, frozenset, np.ndarray)


def _distinct_sets(column: pd.Series) -> tuple[np.ndarray, list[tuple]]:
    """For each row the place of its set among the different ones; a text or number is a set of one, nothing an empty one.

    Millions of rows hold thousands of sets: each is looked at once.
    """
    members = (_members(value) for value in column)
    places, sets = pd.factorize(np.fromiter(members, object, len(column)))
    return places.astype(np.intp), list(sets)


def _members(value: object) -> tuple:
    if isinstance(value, _SETS):
        return tuple(one for one in value if one is not None and one == one)
    return () if value is None or pd.isna(value) else (value,)


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


def varies(column: pd.Series) -> bool:
    """Whether rows differ in it; what is the same in all of them tells nothing, and takes time."""
    known = column.dropna()
    if not len(known) or len(known) < len(column):
        return len(known) > 0
    first = known.iloc[0]
    return any(value != first for value in known) if isinstance(first, tuple | list) else bool((known != first).any())


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
    correlates: frozenset[str] = frozenset()  # columns that nobody can change on a claim; they must tell more
    correlate_z: float = 4.5
    late_width: int = 16  # conditions kept once they have two terms: what is promising shows by then

    def __call__(self, columns: Columns, rows: np.ndarray, hit: np.ndarray, case: np.ndarray) -> list[Found]:
        """`rows` are positions in the columns' table, ascending; `hit` and `case` are given for all of its rows, those
        of a case one after the other."""
        start = Found((), rows, *count_cases(rows, hit, case))
        base, beam = start.rate, [start]
        pool: dict[tuple[int, int, int], Found] = {}
        if start.hits < self.min_hits:
            return []
        for length in range(1, self.max_terms + 1):
            grown: dict[tuple[int, int, int], Found] = {}
            for found in beam:
                for longer in self._longer(columns, found, hit, case):
                    # the same rows by another wording are kept once, in the shorter and earlier wording
                    key = (len(longer.rows), longer.hits, int(longer.rows.sum()))
                    grown.setdefault(key, longer)
            pool |= {key: found for key, found in grown.items() if found.rate >= self.min_rate and key not in pool}
            beam = self._best(list(grown.values()), base, self.width if length < 2 else self.late_width)
        return sorted(pool.values(), key=lambda found: -_worth(found, base))

    def _best(self, found: list[Found], base: float, width: int) -> list[Found]:
        """The best for the beam, with at most a quarter of its places for the same columns."""
        places: dict[frozenset, int] = {}
        kept = []
        for candidate in sorted(found, key=lambda f: -_worth(f, base)):
            columns = frozenset(term.feature for term in candidate.condition)
            if places.get(columns, 0) < max(width // 4, 1):
                kept.append(candidate)
                places[columns] = places.get(columns, 0) + 1
            if len(kept) == width:
                break
        return kept

    def _longer(self, columns: Columns, found: Found, hit: np.ndarray, case: np.ndarray) -> Iterator[Found]:
        here = _Node(columns, found.rows, hit[found.rows], case[found.rows], min_hits=self.min_hits)
        used = {term.feature for term in found.condition}
        # the same rows are kept in the first wording: that of what a fix addresses
        for feature in sorted(columns.names, key=self.correlates.__contains__):
            if feature in used and feature not in columns.sets:
                continue
            for term, mask in columns.terms(feature, here, self):
                hits = here.hits_among(mask)
                if hits < self.min_hits:
                    continue
                cases = here.cases_among(mask)
                if cases >= self.min_cases and self._helps(cases, hits, found, feature):
                    yield Found((*found.condition, term), found.rows[mask], cases, hits)

    def _helps(self, cases: int, hits: int, found: Found, feature: str) -> bool:
        """Whether the rate of what a term keeps stands clear of the rate of what it drops."""
        dropped, lost = found.cases - cases, found.hits - hits
        if dropped <= 0 or lost < 0:
            return False
        spread = found.rate * (1 - found.rate) * (1 / cases + 1 / dropped)
        z = self.correlate_z if feature in self.correlates else self.min_z
        return hits / cases - lost / dropped >= z * np.sqrt(spread) > 0


def count_cases(rows: np.ndarray, hit: np.ndarray, case: np.ndarray) -> tuple[int, int]:
    """Cases that the rows belong to, and those with a hit among the rows."""
    return _runs(case[rows]), _runs(case[rows[hit[rows]]])


def _runs(case: np.ndarray) -> int:
    """How many different cases there are, those of a case one after the other."""
    return 1 + int(np.count_nonzero(case[1:] != case[:-1])) if len(case) else 0


def _worth(found: Found, base: float) -> float:
    """How far the rate stands above the base, in units of its chance error (Klösgen 1996, exponent one half)."""
    return (found.rate - base) * np.sqrt(found.cases)


class _Node:
    """Rows under a condition; each weighs its share of its case, so that a claim of ten lines does not count ten times."""

    def __init__(self, columns: Columns, rows: np.ndarray, hit: np.ndarray, case: np.ndarray, *, min_hits: int):
        starts = np.flatnonzero(np.diff(case, prepend=case[:1] - 1))
        size = np.diff(starts, append=len(case))
        self.rows, self.case, self.weight = rows, case, np.repeat(1 / size, size)
        self.hit_at = np.flatnonzero(hit)
        self.hit_case, self.hit_weight = case[self.hit_at], self.weight[self.hit_at]
        self.rate = self.hit_weight.sum() / max(self.weight.sum(), 1e-9)
        # a hit weighs at least a line of the longest case; what weighs less than this holds too few of them
        self.least = min_hits / max(int(size.max(initial=1)), 1) - 1e-9
        self.n, self.k = self._counts(columns)
        self.leading = columns.led(_leading(self.n, self.k, self.rate, among=columns.values))

    def _counts(self, columns: Columns) -> tuple[np.ndarray, np.ndarray]:
        """By value of all columns that are no sets, the weight of the rows and of the hits: one count for all of them."""
        places, width = columns.plain[self.rows], columns.plain.shape[1]
        hits, all_ = (
            np.bincount(at.ravel(), weights=np.repeat(weight, width), minlength=columns.size)
            for at, weight in ((places[self.hit_at], self.hit_weight), (places, self.weight))
        )
        return all_, hits

    def counts(self, codes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """By code, the weight of its rows and of its hits."""
        hits = np.bincount(codes[self.hit_at], weights=self.hit_weight, minlength=size)
        return np.bincount(codes, weights=self.weight, minlength=size), hits

    def cases_among(self, mask: np.ndarray) -> int:
        return _runs(self.case[mask])

    def hits_among(self, mask: np.ndarray) -> int:
        return _runs(self.hit_case[mask[self.hit_at]])


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

    def members(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For every member of the chosen sets: the set, and the member's place among the values."""
        lengths = self.starts[chosen + 1] - self.starts[chosen]
        shift = self.starts[chosen] - np.concatenate([[0], np.cumsum(lengths)[:-1]])
        at = np.repeat(shift, lengths) + np.arange(lengths.sum())
        return np.repeat(chosen, lengths), self.flat[at]


class Columns:
    """A table's columns coded for counting: values and numbers by their place in order, those missing last; and sets."""

    def __init__(self, table: pd.DataFrame, features: Sequence[str]):
        missing = [name for name in features if name not in table]
        if missing:
            raise KeyError(f"the table has no column {', '.join(missing)}")
        self.names = tuple(features)
        self.codes: dict[str, tuple[np.ndarray, list]] = {}
        self.numbers: dict[str, tuple[np.ndarray, list]] = {}
        self.sets: dict[str, _Sets] = {}
        for name in features:
            self._encode(name, table[name])
        self._lay_out(len(table))

    def _lay_out(self, rows: int) -> None:
        """All columns but sets in one matrix, each value of each with a place of its own, so that one count tells all."""
        coded = self.codes | self.numbers
        widths = [len(values) + 1 for _, values in coded.values()]
        starts = np.concatenate([[0], np.cumsum(widths)]).astype(np.intp)
        self.size = int(starts[-1])
        self.part = {name: slice(starts[i], starts[i + 1]) for i, name in enumerate(coded)}
        self.plain = np.empty((rows, len(coded)), np.int32)
        for i, (place, _) in enumerate(coded.values()):
            self.plain[:, i] = place + starts[i]
        self.ends = starts[1 : len(self.codes) + 1]
        self.values = np.ones(
            int(starts[len(self.codes)]), bool
        )  # the codes' places; those of missing ones are no values
        self.values[self.ends - 1] = False

    def led(self, leading: np.ndarray) -> dict[str, np.ndarray]:
        """Leading places by column, as places among its own values, in their order."""
        owner = np.searchsorted(self.ends, leading, side="right")
        return {name: leading[owner == i] - self.part[name].start for i, name in enumerate(self.codes) if i in owner}

    def _encode(self, name: str, column: pd.Series) -> None:
        known = column.dropna()
        if column.dtype == object and known.map(lambda value: isinstance(value, _SETS)).any():
            self.sets[name] = _Sets.of(column)
        elif pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            self.numbers[name] = _places(pd.Series(column.to_numpy(float, na_value=np.nan)))
        else:
            self.codes[name] = _places(column)

    def matches(self, condition: Condition, rows: np.ndarray) -> np.ndarray:
        """A mask over these rows, as `matches` of the table itself; values are compared once, not row by row."""
        mask = np.ones(len(rows), bool)
        for term in condition:
            mask &= self._holds(term, rows)
        return mask

    def _holds(self, term: Term, rows: np.ndarray) -> np.ndarray:
        if term.feature in self.sets:
            sets = self.sets[term.feature]
            return term.of_sets(sets.distinct)[sets.place[rows]]
        kind, places = (float, self.numbers) if term.feature in self.numbers else (object, self.codes)
        place, values = places[term.feature]
        return np.append(term.holds(pd.Series(values, dtype=kind)), term.operation == "missing")[place[rows]]

    def terms(self, feature: str, node: _Node, search: BeamSearch) -> Iterator[tuple[Term, np.ndarray]]:
        """Terms on the feature that may help within the node, each with its mask over the node's rows."""
        if feature in self.codes:
            return self._code_terms(feature, node, search)
        if feature in self.numbers:
            return self._number_terms(feature, node)
        return self._set_terms(feature, node, search)

    def _code_terms(self, feature: str, node: _Node, search: BeamSearch) -> Iterator[tuple[Term, np.ndarray]]:
        n, k = node.n[self.part[feature]], node.k[self.part[feature]]
        leading = node.leading.get(feature, _NONE)
        if not len(leading) and k[-1] < node.least:
            return
        place, values = self.codes[feature]
        here = place[node.rows]
        if k[-1] >= node.least:
            yield Term(feature, "missing"), here == len(values)
        for i in leading[:3]:
            if k[i] >= node.least:
                yield Term(feature, "in", (values[i],)), here == i
        several = _best_prefix(leading[: search.max_values], n, k, node.rate)
        if 1 < len(several) < (n[:-1] > 0).sum() and k[several].sum() >= node.least:
            yield (
                Term(feature, "in", tuple(sorted(values[i] for i in several))),
                _lookup(several, len(values) + 1)[here],
            )

    def _number_terms(self, feature: str, node: _Node) -> Iterator[tuple[Term, np.ndarray]]:
        n, k = node.n[self.part[feature]], node.k[self.part[feature]]
        place, values = self.numbers[feature]
        if k[-1] >= node.least:
            yield Term(feature, "missing"), place[node.rows] == len(values)
        there = np.flatnonzero(n[:-1])  # a threshold stands between values that occur
        if len(there) < 2:
            return
        here = place[node.rows]
        n, k = np.cumsum(n[there]), np.cumsum(k[there])
        for operation, size, hits in (("<=", n[:-1], k[:-1]), (">=", n[-1] - n[:-1], k[-1] - k[:-1])):
            best = int(np.argmax((hits / size - node.rate) * np.sqrt(size)))
            if hits[best] < node.least:
                continue
            i = there[best] if operation == "<=" else there[best + 1]
            mask = here <= i if operation == "<=" else (here >= i) & (here < len(values))
            yield Term(feature, operation, (float(values[i]),)), mask

    def _set_terms(self, feature: str, node: _Node, search: BeamSearch) -> Iterator[tuple[Term, np.ndarray]]:
        sets = self.sets[feature]
        place, values = sets.place[node.rows], sets.values
        n, k = node.counts(place, len(sets.distinct))
        there = np.flatnonzero(n)
        owner, codes = sets.members(there)
        n = np.bincount(codes, weights=n[owner], minlength=len(values))
        k = np.bincount(codes, weights=k[owner], minlength=len(values))
        leading = _leading(n, k, node.rate)
        several = _best_prefix(leading[: search.max_values], n, k, node.rate)
        for chosen in [[i] for i in leading[:3]] + ([list(several)] if len(several) > 1 else []):
            if k[chosen].sum() < node.least:
                continue
            having = owner[_lookup(chosen, len(values))[codes]]
            yield (
                Term(feature, "with", tuple(sorted(values[i] for i in chosen))),
                _lookup(having, len(sets.distinct))[place],
            )
        # a code whose absence matters is common where nothing happens
        for i in np.argsort(k - n * node.rate)[:2]:
            if n[i] >= search.min_cases:
                having = _lookup(owner[codes == i], len(sets.distinct))
                yield Term(feature, "without", (values[i],)), ~having[place]


def _places(column: pd.Series) -> tuple[np.ndarray, list]:
    """For each row the place of its value in their order, that behind the last where it is missing; and the values."""
    places, values = pd.factorize(column, sort=True)
    return np.where(places < 0, len(values), places).astype(np.intp), list(values)


def _lookup(chosen: Sequence[int] | np.ndarray, size: int) -> np.ndarray:
    """A mask over so many places that holds for the chosen."""
    mask = np.zeros(size, bool)
    mask[chosen] = True
    return mask


_NONE = np.zeros(0, np.intp)
MIN_VALUE_Z = 1.5  # a value joins a list when its own rate stands this many chance errors above the rest


def _leading(n: np.ndarray, k: np.ndarray, base: float, *, among: np.ndarray | None = None) -> np.ndarray:
    """Values with rates above the base, best first, each pulled towards it by five cases so that rare ones don't lead.

    `among` is a mask of the first places, where not all of them are asked for.
    """
    hit = np.flatnonzero(k if among is None else k[: len(among)] * among)
    n, k = n[hit], k[hit]
    z = (k - n * base) / np.sqrt(np.maximum(n * base * (1 - base), 1e-9))
    rate = (k + 5 * base) / (n + 5)
    above = np.flatnonzero(z >= MIN_VALUE_Z)
    return hit[above[np.argsort(-rate[above], kind="stable")]]


def _best_prefix(leading: np.ndarray, n: np.ndarray, k: np.ndarray, base: float) -> np.ndarray:
    """The leading values that stand furthest above the base together."""
    if not len(leading):
        return leading
    size, hits = np.cumsum(n[leading]), np.cumsum(k[leading])
    return leading[: int(np.argmax((hits / size - base) * np.sqrt(size))) + 1]
