"""Small models of an outcome, from a base rate to boosted trees, that are saved as plain numbers and text.

Each model has `fit(table, outcome, weight)`, `chance(table)` and `state()`; `restored(state)` brings it back. A saved
file is a zip of JSON and NumPy arrays read with `allow_pickle=False`, so that opening a stranger's file runs nothing.

    model = Boosting(Encoding(categories=["payer_name"], numbers=["refused_usd"], codes=["codes"]))
    model.fit(table, outcome, weight).chance(table)        [0.31, 0.72, ...]
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rcm_analysis.errors import RcmError
from rcm_analysis.models import calibration
from rcm_analysis.stats import log_odds, sigmoid

MIN_LEVEL_ROWS = 5  # a rarer value is "rare": nothing can be learned of it alone
MIN_LEAF_ROWS = 20  # trees tell apart what at least so many cases share; they would take the luck of a few for a cause
LEARNING_RATE = 0.1  # of trees: how much of its correction each one adds
MAX_TREE_LEVELS = 200  # trees hold at most 255 values of a category
MAX_TREE_VALUES = 255
MAX_TREE_CODES = 60
ONE_THREAD_ROWS = 50_000
WALKED_CELLS = 1 << 17  # rows times trees at a time, so that they stay in the processor's cache
PRIOR_CASES = 10.0
YOUNG_DAYS = 30  # looks at a case within its first month set the level: later ones are at what is slow
FORMAT = 4


class ModelFileError(RcmError):
    """A file that holds no model of ours, or one of another version."""


@dataclass
class Encoding:
    """How columns become numbers: values of categories, codes of sets, and the scale of numbers, all learned by `learn`."""

    categories: list[str]
    numbers: list[str]
    codes: list[str]
    levels: dict[str, list[str]] = field(default_factory=dict)
    vocabulary: dict[str, list[str]] = field(default_factory=dict)
    scale: dict[str, list[float]] = field(default_factory=dict)
    enough: dict[str, int] = field(
        default_factory=dict
    )  # how many of the values and codes, the most frequent, trees see

    def learn(self, table: pd.DataFrame) -> Encoding:
        for name in self.categories:
            self.levels[name], self.enough[name] = _frequent(_texts(table[name]), most=MAX_TREE_LEVELS)
        for name in self.codes:
            codes = _mapped(table[name], as_set).explode().dropna().map(str)
            self.vocabulary[name], self.enough[name] = _frequent(codes, most=MAX_TREE_CODES)
        for name in self.numbers:
            values = _signed_log(table[name])
            spread = float(np.nanstd(values)) if np.isfinite(values).any() else 1.0
            self.scale[name] = [float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0, spread or 1.0]
        return self

    def sparse(self, table: pd.DataFrame) -> Any:
        """One column per value, code, scaled number and missing number; for linear models."""
        from scipy import sparse

        parts = [_one_hot(self._places(table, name), len(self.levels[name]) + 1) for name in self.categories]
        parts += [self._has(table, name) for name in self.codes]
        for name in self.numbers:
            values = _signed_log(table[name])
            middle, spread = self.scale[name]
            parts.append(sparse.csr_matrix(np.nan_to_num((values - middle) / spread).clip(-5, 5)[:, None]))
            parts.append(sparse.csr_matrix(np.isnan(values)[:, None].astype(float)))
        return sparse.hstack(parts, format="csr") if parts else sparse.csr_matrix((len(table), 0))

    def dense(self, table: pd.DataFrame) -> np.ndarray:
        """Categories as whole numbers (rare and unknown are missing), then numbers and common codes; for trees."""
        columns = []
        for name in self.categories:
            places = self._places(table, name).astype(float)
            columns.append(np.where(places < self.enough[name], places, np.nan)[:, None])
        columns += [_floats(table[name])[:, None] for name in self.numbers]
        columns += [self._has(table, name)[:, : self.enough[name]].toarray() for name in self.codes]
        return np.hstack(columns) if columns else np.zeros((len(table), 0))

    def _places(self, table: pd.DataFrame, name: str) -> np.ndarray:
        """Position among the levels; values seen rarely or never come last."""
        levels = self.levels[name]
        found = pd.Index(levels, dtype=object).get_indexer(_texts(table[name])) if levels else np.full(len(table), -1)
        return np.where(found < 0, len(levels), found)

    def _has(self, table: pd.DataFrame, name: str) -> Any:
        from scipy import sparse

        codes = _mapped(table[name], as_set).reset_index(drop=True).explode().dropna().map(str)
        places = (
            pd.Index(self.vocabulary[name], dtype=object).get_indexer(codes)
            if len(codes) and self.vocabulary[name]
            else np.full(len(codes), -1)
        )
        known = places >= 0
        shape = (len(table), max(len(self.vocabulary[name]), 1))
        return sparse.csr_matrix((np.ones(known.sum()), (codes.index.to_numpy()[known], places[known])), shape=shape)


def as_set(value: Any) -> tuple:
    """The codes of a cell: a set, list, tuple or array as it is, nothing for a missing one."""
    if isinstance(value, (set, frozenset, list, tuple, np.ndarray)):
        return tuple(sorted({str(v) for v in value}))
    return () if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)) else (str(value),)


def _mapped(column: pd.Series, call: Callable[[Any], Any]) -> pd.Series:
    """`call` of every cell, made once for cells of the same value; a column holds some hundred of them."""
    cells, made = column.astype(object).to_numpy(), {}
    try:
        for cell in cells:
            if cell not in made:
                made[cell] = call(cell)
    except TypeError:  # lists and arrays can't be looked up
        return column.astype(object).map(call)
    return pd.Series([made[cell] for cell in cells], column.index, dtype=object)


def _texts(column: pd.Series) -> pd.Series:
    """The values as text, missing ones as "none"; each value is turned once, however many rows hold it."""
    places, values = pd.factorize(column.astype(object), use_na_sentinel=True)
    texts = np.array([*map(str, values), "none"], dtype=object)
    return pd.Series(
        texts[places], index=column.index, dtype=object
    )  # as they are: pandas would make Arrow text of them


def _frequent(values: pd.Series, *, most: int) -> tuple[list[str], int]:
    """Values from the most frequent down, and how many of these, at most `most`, fill a leaf of a tree."""
    counts = values.value_counts()
    counts = counts[counts >= MIN_LEVEL_ROWS].reset_index()
    counts.columns = ["value", "rows"]
    counts = counts.sort_values(["rows", "value"], ascending=[False, True])
    return counts["value"].tolist(), min(int((counts["rows"] >= MIN_LEAF_ROWS).sum()), most)


def _floats(column: pd.Series) -> np.ndarray:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _signed_log(column: pd.Series) -> np.ndarray:
    """Dollars and days have long tails; their logarithm is closer to how chances move."""
    values = _floats(column)
    return np.sign(values) * np.log1p(np.abs(values))


def _one_hot(places: np.ndarray, width: int) -> Any:
    from scipy import sparse

    return sparse.csr_matrix((np.ones(len(places)), (np.arange(len(places)), places)), shape=(len(places), width))


@dataclass
class BaseRate:
    """The same chance for everybody; with a column, such as the age at which cases are looked at, for all of an age."""

    encoding: Encoding
    rate: float = 0.5
    column: str = ""
    steps: list[float] = field(default_factory=list)  # values from which on each of the rates holds
    rates: list[float] = field(default_factory=list)
    kind: str = "base_rate"

    def fit(self, table: pd.DataFrame, outcome: np.ndarray, weight: np.ndarray) -> BaseRate:
        self.rate = float((outcome @ weight + 0.5) / (weight.sum() + 1))
        if self.column:
            steps, place = np.unique(_floats(table[self.column]), return_inverse=True)
            lost, cases = (np.bincount(place, weights=part) for part in (outcome * weight, weight))
            self.steps = steps.tolist()
            self.rates = ((lost + PRIOR_CASES * self.rate) / (cases + PRIOR_CASES)).tolist()
        return self

    def chance(self, table: pd.DataFrame) -> np.ndarray:
        if not self.rates:
            return np.full(len(table), self.rate)
        place = np.searchsorted(self.steps, _floats(table[self.column]), "right") - 1
        return np.array(self.rates)[np.clip(place, 0, len(self.rates) - 1)]

    def state(self) -> tuple[dict, dict]:
        return {"rate": self.rate, "column": self.column, "steps": self.steps, "rates": self.rates}, {}


@dataclass
class Rates:
    """A table of rates by one or two columns, drawn to the rate of the first alone and that to the base rate."""

    encoding: Encoding
    keys: list[str] = field(default_factory=list)
    rate: float = 0.5
    tables: list[dict[str, float]] = field(default_factory=list)
    kind: str = "rates"

    def fit(self, table: pd.DataFrame, outcome: np.ndarray, weight: np.ndarray) -> Rates:
        self.rate, self.tables = float((outcome @ weight + 0.5) / (weight.sum() + 1)), []
        toward = np.full(len(table), self.rate)
        for depth in range(1, len(self.keys) + 1):
            frame = pd.DataFrame(
                {"key": self._key(table, depth), "lost": outcome * weight, "n": weight, "toward": toward}
            )
            sums = frame.groupby("key").agg(lost=("lost", "sum"), n=("n", "sum"), toward=("toward", "first"))
            rates = (sums["lost"] + PRIOR_CASES * sums["toward"]) / (sums["n"] + PRIOR_CASES)
            self.tables.append({str(key): float(value) for key, value in rates.items()})
            toward = rates.reindex(frame["key"]).to_numpy()
        return self

    def chance(self, table: pd.DataFrame) -> np.ndarray:
        found = pd.Series(self.rate, range(len(table)))
        for depth, rates in enumerate(self.tables, 1):
            found = self._key(table, depth).map(rates).fillna(found)
        return found.to_numpy(float)

    def _key(self, table: pd.DataFrame, depth: int) -> pd.Series:
        texts = [_mapped(table[name], _joined).reset_index(drop=True) for name in self.keys[:depth]]
        return texts[0] if depth == 1 else texts[0] + " | " + texts[1]

    def state(self) -> tuple[dict, dict]:
        return {"keys": self.keys, "rate": self.rate, "tables": self.tables}, {}


def places_of(column: pd.Series) -> np.ndarray:
    """Each cell's value as a whole number from 0; cells of the same codes are the same, whatever their order."""
    return np.asarray(pd.factorize(_mapped(column, _joined))[0])


def rates_of(places: np.ndarray, outcome: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """For every row the rate of its value among the rows `learned`, drawn to the base rate as `Rates` draws it.

    >>> rates_of(np.array([0, 0, 1]), np.array([1.0, 0.0, 1.0]), np.array([True, True, False])).round(2)
    array([0.5, 0.5, 0.5])
    """
    size = int(places.max(initial=0)) + 1
    cases = np.bincount(places[learned], minlength=size)
    lost = np.bincount(places[learned], weights=outcome[learned], minlength=size)
    rate = (lost.sum() + 0.5) / (cases.sum() + 1)
    return np.asarray(((lost + PRIOR_CASES * rate) / (cases + PRIOR_CASES))[places])


def _joined(cell: Any) -> str:
    return " ".join(as_set(cell)) or "none"


@dataclass
class Logistic:
    """Logistic regression on one column per value and code."""

    encoding: Encoding
    strength: float = 1.0  # C of scikit-learn: larger trusts rare values more
    coefficients: np.ndarray | None = None
    intercept: float = 0.0
    kind: str = "logistic"

    def fit(self, table: pd.DataFrame, outcome: np.ndarray, weight: np.ndarray) -> Logistic:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=self.strength, max_iter=300, tol=1e-3)
        model.fit(self.encoding.sparse(table), outcome, sample_weight=weight)
        self.coefficients, self.intercept = model.coef_[0], float(model.intercept_[0])
        return self

    def chance(self, table: pd.DataFrame) -> np.ndarray:
        return sigmoid(self.encoding.sparse(table) @ self.coefficients + self.intercept)

    def state(self) -> tuple[dict, dict]:
        return {"strength": self.strength, "intercept": self.intercept}, {"coefficients": self.coefficients}


def _snapped(column: np.ndarray) -> np.ndarray:
    """Numbers moved to the nearest of at most MAX_TREE_VALUES of their quantiles, missing ones as they are.

    Trees bin numbers anyway, but with weights scikit-learn sorts all rows anew for every bin: minutes for long tables.
    Split points lie midway between two of the quantiles, so that other tables need not be snapped.
    """
    known = ~np.isnan(column)
    if not known.any():
        return np.zeros(len(column))  # scikit-learn finds no bins where all are missing; a constant is never split on
    grid = np.unique(column[known])
    if len(grid) <= MAX_TREE_VALUES:
        return column
    grid = np.unique(np.quantile(column[known], np.linspace(0, 1, MAX_TREE_VALUES), method="inverted_cdf"))
    snapped = column.copy()
    snapped[known] = grid[np.searchsorted((grid[1:] + grid[:-1]) / 2, column[known])]
    return snapped


def _threads(rows: int) -> AbstractContextManager:
    """One thread for small tables: on a busy machine, waiting for a second takes longer than the work."""
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    return threadpool_limits(1 if rows < ONE_THREAD_ROWS else None)


@dataclass
class Boosting:
    """Boosted trees of scikit-learn, the mean of a few that differ by the columns they may look at.

    Few leaves and few rounds: on later claims and denials of two worlds and a demo such trees lose no log loss against
    twice as many of fifteen leaves at half the step, and grow in half the time.
    """

    encoding: Encoding
    seeds: int = 2
    iterations: int = 100
    leaves: int = 8
    trees: list[Any] = field(default_factory=list)
    kind: str = "boosting"

    def fit(self, table: pd.DataFrame, outcome: np.ndarray, weight: np.ndarray) -> Boosting:
        from sklearn.ensemble import HistGradientBoostingClassifier

        values, categories = self.encoding.dense(table), list(range(len(self.encoding.categories)))
        for place in range(len(categories), values.shape[1]):
            values[:, place] = _snapped(values[:, place])
        self.trees = []
        for seed in range(self.seeds):
            model = HistGradientBoostingClassifier(
                learning_rate=LEARNING_RATE, max_iter=self.iterations, max_leaf_nodes=self.leaves, min_samples_leaf=MIN_LEAF_ROWS, l2_regularization=5.0,
                max_features=0.5, categorical_features=categories, early_stopping=False, random_state=seed)  # fmt: skip
            with _threads(len(values)):
                self.trees.append(_Grown.of(model.fit(values, outcome, sample_weight=weight)))
        return self

    def chance(self, table: pd.DataFrame) -> np.ndarray:
        values = self.encoding.dense(table)
        with _threads(len(values)):
            return np.mean([grown.chance(values) for grown in self.trees], axis=0)

    def state(self) -> tuple[dict, dict]:
        arrays: dict[str, np.ndarray] = {}
        for i, grown in enumerate(self.trees):
            arrays |= {f"{i}.{name}": value for name, value in grown.arrays().items()}
        return {"seeds": self.seeds, "iterations": self.iterations, "leaves": self.leaves}, arrays


@dataclass
class Blend:
    """A linear model and trees together, in log odds: where they err apart, their mean errs less.

    `shares` says how far to follow each away from the base rate, that of cases of the age; a half of each is the mean.
    `shift` then sets the level of young cases to the one that was learned: parts followed halfway, in log odds, miss it.
    """

    encoding: Encoding
    parts: list[Any] = field(default_factory=list)
    shares: list[float] = field(default_factory=lambda: [0.5, 0.5])
    column: str = ""
    base: BaseRate | None = None
    strength: float = 1.0
    trees: int = 100
    shift: float = 0.0
    kind: str = "blend"

    def fit(self, table: pd.DataFrame, outcome: np.ndarray, weight: np.ndarray) -> Blend:
        self.parts = [
            part.fit(table, outcome, weight)
            for part in self.parts
            or [
                Logistic(self.encoding, self.strength),
                Boosting(self.encoding, iterations=self.trees),
            ]
        ]
        self.base = BaseRate(self.encoding, column=self.column).fit(table, outcome, weight)
        if self.column:
            young = _floats(table[self.column]) <= YOUNG_DAYS
            told = log_odds(self.chance(table[young]))
            self.shift = calibration.level(told, outcome[young], weight[young])
        return self

    def chance(self, table: pd.DataFrame) -> np.ndarray:
        base = np.zeros(len(table)) if self.base is None else log_odds(self.base.chance(table))
        parts = [log_odds(part.chance(table)) for part in self.parts]
        apart = sum(share * (part - base) for share, part in zip(self.shares, parts, strict=True))
        return sigmoid(base + apart + self.shift)

    def state(self) -> tuple[dict, dict]:
        states = [part.state() for part in self.parts]
        arrays = {
            f"{part.kind}/{name}": value
            for part, (_, held) in zip(self.parts, states, strict=True)
            for name, value in held.items()
        }
        told = {part.kind: told for part, (told, _) in zip(self.parts, states, strict=True)}
        base = None if self.base is None else self.base.state()[0]
        more = {
            "shares": self.shares,
            "column": self.column,
            "strength": self.strength,
            "trees": self.trees,
            "shift": self.shift,
        }
        return {"parts": told, "base": base, **more}, arrays


@dataclass
class ByKind:
    """Trees for cases just begun and trees for all cases, the latter used for those looked at later.

    Most looks are at slow cases, which end otherwise; learned together with these, the new ones are told too little.
    """

    encoding: Encoding
    column: str = ""  # a number such as the age at which a case is looked at; the smallest is that of a new case
    new_below: float = 0.0
    parts: list[Any] = field(default_factory=list)
    kind: str = "boosting_by_kind"

    def fit(
        self, table: pd.DataFrame, outcome: np.ndarray, weight: np.ndarray, of_all: Boosting | None = None
    ) -> ByKind:
        """`of_all` saves growing the trees for all cases a second time."""
        values = np.unique(_floats(table[self.column]))
        self.new_below = float(values[:2].mean())
        of_all = of_all or Boosting(self.encoding).fit(table, outcome, weight)
        new = _floats(table[self.column]) < self.new_below
        enough = 0 < outcome[new].sum() < new.sum()
        of_new = Boosting(self.encoding).fit(table[new], outcome[new], weight[new]) if enough else of_all
        self.parts = [of_new, of_all]
        return self

    def chance(self, table: pd.DataFrame) -> np.ndarray:
        new = _floats(table[self.column]) < self.new_below
        chance = np.empty(len(table))
        for rows, part in zip((new, ~new), self.parts, strict=True):
            if rows.any():
                chance[rows] = part.chance(table[rows])
        return chance

    def state(self) -> tuple[dict, dict]:
        states = [part.state() for part in self.parts]
        arrays = {f"{place}/{name}": value for place, (_, held) in enumerate(states) for name, value in held.items()}
        return {"column": self.column, "new_below": self.new_below, "parts": [told for told, _ in states]}, arrays


@dataclass
class Steady:
    """A model and the one of a month before: no chance is further from the earlier one's than the bound, in log odds.

    What a month adds moves chances; that a few cases ended otherwise than those before turns no list over.
    """

    encoding: Encoding
    parts: list[Any] = field(default_factory=list)  # now, then the month before
    bound: float = 1.0
    kind: str = "steady"

    @property
    def shares(self) -> list[float]:
        """How far the parts of the present model are followed."""
        return getattr(self.parts[0], "shares", [])

    def chance(self, table: pd.DataFrame) -> np.ndarray:
        now, before = (log_odds(part.chance(table)) for part in self.parts)
        return sigmoid(np.clip(now, before - self.bound, before + self.bound))

    def state(self) -> tuple[dict, dict]:
        files = [np.frombuffer(written(part, {}), np.uint8) for part in self.parts]
        return {"bound": self.bound}, {str(place): held for place, held in enumerate(files)}


@dataclass
class _Grown:
    """A grown ensemble: scikit-learn's own when it was just fitted, plain arrays when it came from a file."""

    start: float
    nodes: np.ndarray  # all trees, one after another
    roots: np.ndarray
    bitsets: np.ndarray
    model: Any = None

    @classmethod
    def of(cls, model: Any) -> _Grown:
        predictors = [stage[0] for stage in model._predictors]
        nodes, bitsets, shift = [], [np.zeros((0, 8), np.uint32)], 0
        for predictor in predictors:
            held = predictor.nodes.copy()
            held["bitset_idx"] = held["bitset_idx"] + shift
            nodes.append(held)
            bitsets.append(np.asarray(predictor.raw_left_cat_bitsets))
            shift += len(bitsets[-1])
        roots = np.r_[0, np.cumsum([len(held) for held in nodes])[:-1]]
        return cls(
            float(np.ravel(model._baseline_prediction)[0]), np.concatenate(nodes), roots, np.concatenate(bitsets), model
        )

    def chance(self, values: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(values)[:, 1] if self.model is not None else sigmoid(self._sum(values))

    def _sum(self, values: np.ndarray) -> np.ndarray:
        """Walks every row down every tree, all trees at once; a row's sum does not depend on the rows beside it."""
        fields, step = self._fields(), max(WALKED_CELLS // max(len(self.roots), 1), 1)
        parts = [self._walked(values[i : i + step], *fields) for i in range(0, len(values), step)]
        return self.start + np.concatenate(parts or [np.zeros(0)])

    def _fields(self) -> tuple[np.ndarray, ...]:
        """The nodes' fields as arrays of their own, children as places among all nodes: quicker to pick from than records."""
        nodes = self.nodes
        tree = np.repeat(self.roots, np.diff(np.r_[self.roots, len(nodes)]))
        names = ("left", "right", "feature_idx", "num_threshold", "bitset_idx")
        left, right, feature, threshold, bitset = (np.ascontiguousarray(nodes[name]) for name in names)
        flags = (nodes[name].astype(bool) for name in ("is_leaf", "missing_go_to_left", "is_categorical"))
        return tree + left, tree + right, feature.astype(np.int64), threshold, bitset.astype(np.int64), *flags

    def _walked(
        self, values: np.ndarray, left: np.ndarray, right: np.ndarray, feature: np.ndarray, threshold: np.ndarray,
        bitset: np.ndarray, leaf: np.ndarray, missing_left: np.ndarray, categorical: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        place, row = np.tile(self.roots, len(values)), np.repeat(np.arange(len(values)), len(self.roots))
        inside = np.flatnonzero(~leaf[place])
        while len(inside):
            node = place[inside]
            value = values[row[inside], feature[node]]
            missing = np.isnan(value)
            goes_left = np.where(missing, missing_left[node], value <= threshold[node])
            if (coded := categorical[node] & ~missing).any():
                whole = np.clip(value[coded], 0, 255).astype(np.int64)
                words = self.bitsets[bitset[node[coded]], whole // 32]
                goes_left[coded] = (words >> (whole % 32).astype(np.uint32)) & 1 == 1
            place[inside] = node = np.where(goes_left, left[node], right[node])
            inside = inside[~leaf[node]]
        return self.nodes["value"][place].reshape(len(values), -1).sum(axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"start": np.array([self.start]), "nodes": self.nodes, "roots": self.roots, "bitsets": self.bitsets}


def written(model: Any, about: dict[str, Any]) -> bytes:
    """A model with what it says about itself (data range, versions, metrics), as the bytes of a file."""
    told, arrays = model.state()
    content = {"format": FORMAT, "kind": model.kind, "encoding": asdict(model.encoding), "state": told, "about": about}
    packed, file = BytesIO(), BytesIO()
    np.savez_compressed(packed, **arrays)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.json", json.dumps(content))
        archive.writestr("arrays.npz", packed.getvalue())
    return file.getvalue()


def write(path: Path, model: Any, about: dict[str, Any]) -> None:
    """Saves what `written` gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(written(model, about))


def read(path: Path | BytesIO) -> tuple[Any, dict[str, Any]]:
    """The saved model and what it says about itself. Raises ModelFileError for anything else than `write` made."""
    name = getattr(path, "name", "the file")
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read("model.json"))
            with np.load(BytesIO(archive.read("arrays.npz")), allow_pickle=False) as held:
                arrays = {name: held[name] for name in held.files}
        if content["format"] != FORMAT:
            raise ModelFileError(f"{name} was saved in format {content['format']}; this version reads {FORMAT}")
        return _restored(content["kind"], Encoding(**content["encoding"]), content["state"], arrays), content["about"]
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{name} holds no saved model: {error}") from error


def _restored(kind: str, encoding: Encoding, told: dict, arrays: dict[str, np.ndarray]) -> Any:
    if kind == "blend":
        inner = {k: {n.split("/", 1)[1]: v for n, v in arrays.items() if n.startswith(f"{k}/")} for k in told["parts"]}
        parts = [_restored(k, encoding, part, inner[k]) for k, part in told["parts"].items()]
        base = None if told["base"] is None else BaseRate(encoding, **told["base"])
        more = {name: told[name] for name in ("shares", "column", "strength", "trees", "shift")}
        return Blend(encoding, parts, base=base, **more)
    if kind == "steady":
        parts = [read(BytesIO(arrays[str(place)].tobytes()))[0] for place in range(2)]
        return Steady(encoding, parts, told["bound"])
    if kind == "boosting_by_kind":
        own = [
            {n.split("/", 1)[1]: v for n, v in arrays.items() if n.startswith(f"{i}/")}
            for i in range(len(told["parts"]))
        ]
        parts = [_restored("boosting", encoding, part, held) for part, held in zip(told["parts"], own, strict=True)]
        return ByKind(encoding, told["column"], told["new_below"], parts)
    if kind == "boosting":
        grown = [_Grown(float(arrays[f"{i}.start"][0]), arrays[f"{i}.nodes"], arrays[f"{i}.roots"], arrays[f"{i}.bitsets"])
                 for i in range(told["seeds"])]  # fmt: skip
        return Boosting(encoding, **told, trees=grown)
    if kind == "logistic":
        return Logistic(encoding, **told, coefficients=arrays["coefficients"])
    return {"base_rate": BaseRate, "rates": Rates}[kind](encoding, **told)
