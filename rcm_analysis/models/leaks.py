"""What lets an outcome into its own prediction, and rates that have moved: refused, or warned of.

LeakError: lost is the outcome
LeakWarning: status alone tells the outcome with AUROC 0.98: was it written after the index date?
LeakWarning: the model tells later outcomes with AUROC 0.95, more than is honest in this field: ...
DriftWarning: the rate has moved to 61.2%, learned at 34.0%: fit again on newer cases
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from rcm_analysis.errors import RcmError
from rcm_analysis.models import learners, scores
from rcm_analysis.models.cases import Cases, Columns, drawn

SUSPECT_AREA = 0.90  # one feature alone that tells this much was most likely written after the outcome
WHOLE = "the model as a whole"
CHECK_ROWS = 10_000
MIN_EACH = 30  # fewer cases of one outcome tell nothing of a feature
MANY_LEVELS = 12  # numbers with fewer values are read as they are
KEYS_ALIKE, KEY_Z = 0.98, 3.0  # share of the values of a key whose rows end alike; how far that is from chance
DRIFT_POINTS, DRIFT_Z = 0.03, 4.0


class LeakError(RcmError, ValueError):
    """A feature or a split that lets the outcome in."""


class LeakWarning(UserWarning):
    """A feature that looks like the outcome itself; the model is fitted, its figures are not to be trusted."""


class DriftWarning(UserWarning):
    """The rate of the outcome is no longer what the model learned."""


def refuse(table: pd.DataFrame, cases: Cases, columns: Columns, features: Sequence[str]) -> None:
    """Raises KeyError for features that are not there, LeakError for those that are the outcome or dated after the index."""
    missing = [name for name in features if name not in table]
    if missing:
        raise KeyError(f"no column {', '.join(missing)}")
    own = [f"{name} is the outcome" for name in features if name in (columns.outcome, columns.outcome_date)]
    late = [f"{name} is dated after the index date" for name in features
            if pd.api.types.is_datetime64_any_dtype(table[name]) and (table[name] > cases.start).any()]  # fmt: skip
    if own or late:
        raise LeakError("; ".join(own + late))


def suspects(table: pd.DataFrame, cases: Cases, features: Sequence[str], group: str | None) -> dict[str, float]:
    """The features that alone tell nearly everything, each with its AUROC; warns of them."""
    known = cases.certain
    if min(cases.outcome[known].sum(), (1 - cases.outcome[known]).sum()) < MIN_EACH:
        return {}
    areas = {name: area_alone(table, cases, name, group) for name in features}
    found = {name: area for name, area in areas.items() if area > SUSPECT_AREA}
    for name, area in found.items():
        _warn(
            f"{name} alone tells the outcome with AUROC {area:.2f}: was it written after the index date?", LeakWarning
        )
    return found


def suspect_whole(area: float) -> dict[str, float]:
    """The model as a whole, where it tells later outcomes better than denials ever could be told; warns of it."""
    if not area > SUSPECT_AREA:
        return {}
    _warn(
        f"the model tells later outcomes with AUROC {area:.2f}, more than is honest in this field: what was written after the index date?",
        LeakWarning,
    )
    return {WHOLE: area}


def area_alone(table: pd.DataFrame, cases: Cases, name: str, group: str | None) -> float:
    """AUROC of one feature's shrunken rates, learned on every other case and tried on the rest."""
    rows = drawn(np.flatnonzero(cases.certain), CHECK_ROWS)
    column = table[name].iloc[rows]
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > MANY_LEVELS:
        plain = scores.area(cases.outcome[rows], column.fillna(column.median()).to_numpy(float))
        if max(plain, 1 - plain) > SUSPECT_AREA:
            return max(plain, 1 - plain)
        column = column.round().astype(object) if column.nunique() > 1000 else column
    members = pd.factorize(table[group].iloc[rows])[0] if group else np.arange(len(rows))
    even, outcome = members % 2 == 0, cases.outcome[rows]
    if not (0 < outcome[even].sum() < even.sum() and 0 < outcome[~even].sum() < (~even).sum()):
        return 0.5
    rates = learners.rates_of(learners.places_of(column), outcome, even)
    return scores.area(outcome[~even], rates[~even])


def warn_of_groups(table: pd.DataFrame, cases: Cases, columns: Columns, features: Sequence[str]) -> None:
    """Warns of columns that are no features, repeat on some rows, and whose rows always end alike: keys of a case."""
    for name in table.columns.difference([*features, *columns.names]):
        if _is_key(table.loc[cases.certain, name], cases.outcome[cases.certain]):
            _warn(
                f"rows of the same {name} end alike; name it as group, or they stand on both sides of a split",
                LeakWarning,
            )


def _is_key(column: pd.Series, outcome: np.ndarray) -> bool:
    """Whether rows of one value end alike far more often than rows drawn by chance would, however many values there are."""
    if not column.map(pd.api.types.is_hashable).all() or (
        pd.api.types.is_float_dtype(column) and (column.dropna() % 1 != 0).any()
    ):
        return False
    ends = pd.Series(outcome).groupby(column.to_numpy()).agg(["nunique", "size"])
    shared = ends[ends["size"] > 1]
    alike, rate = (shared["nunique"] == 1), float(np.mean(outcome)) if len(outcome) else 0.0
    by_chance = rate ** shared["size"] + (1 - rate) ** shared["size"]
    error = np.sqrt((by_chance * (1 - by_chance)).sum())
    return bool(alike.mean() > KEYS_ALIKE and alike.sum() - by_chance.sum() > KEY_Z * error > 0)


def warn_of_drift(cases: Cases, chance: np.ndarray, *, learned: float) -> None:
    """Warns where the rate of the cases is neither what was learned nor what was predicted."""
    known = cases.weight > 0
    if not known.any():
        return
    rate, told = (np.average(values[known], weights=cases.weight[known]) for values in (cases.outcome, chance))
    error = np.sqrt(max(rate * (1 - rate), 1e-4) / (cases.weight.sum() ** 2 / (cases.weight**2).sum()))
    moved = [f"{name} {was:.1%}" for name, was in (("learned at", learned), ("predicted", told))
             if abs(rate - was) > DRIFT_POINTS and abs(rate - was) > DRIFT_Z * error]  # fmt: skip
    if moved:
        _warn(f"the rate has moved to {rate:.1%}, {' and '.join(moved)}: fit again on newer cases", DriftWarning)


def _warn(words: str, kind: type[UserWarning]) -> None:
    warnings.warn(words, kind, stacklevel=4)  # where the caller fits or evaluates
