"""The choice among candidates: each predicts later cases than it learned from, the lowest log loss is taken.

    model      log_loss  brier  auroc  chosen
    rates      .541      .182   .688   False
    logistic   .498      .165   .741   True
    boosting   .499      .165   .743   False

Between near equals the simpler is taken. The chosen one's chances are set straight by what came of those later cases.

Of cases without a horizon none is taken alone: logistic regression and trees are followed away from the base rate as
far as those later cases say, drawn to a usual share where they are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rcm_analysis import parallel, stats
from rcm_analysis.models import calibration, ends, learners, scores
from rcm_analysis.models.cases import Cases, drawn

if TYPE_CHECKING:
    from rcm_analysis.models.outcome import OutcomeModel

MIN_CASES, MIN_EACH = 200, 30  # fewer known cases, or of one outcome, and only rates are shown
# of cases without a horizon, whose blend is drawn so far to the base rate that it loses nothing against rates in such a month
SHARED_CASES, SHARED_EACH = 60, 10
# the luck of those tried, that of the next ones and what moves between them count alike: the root of three
BAND_WIDER = 1.7
ORIGINS = (0.55, 0.7, 0.85)  # shares of the index dates after which the later cases are predicted
TUNE_ROWS = 20_000
CALIBRATION_PULL, CENSORED_PULL = (
    10.0,
    200.0,
)  # cases that draw slope and intercept to 1 and 0; earlier models saw fewer ends
# How far logistic regression and trees are each followed away from the base rate where nothing tells better, and the
# cases that draw to it. Both were chosen over practices with known truth, docs/risk.md
FOLLOWED, FOLLOWED_PULL = 0.5, 500.0
SHARED_STRENGTH, SHARED_TREES = 0.1, 50  # C of scikit-learn, and trees, for cases without a horizon; chosen like them
STEADY_DAYS, STEADY_BOUND = 31, 0.7  # log odds from the model of a month before: odds at most double or halve
MAX_FIT_ROWS = 100_000  # further rows no longer move the figures, but the clock
# Trees of one draw of columns are judged in place of the mean of two that is kept: its chances of claims sent in the next 60 days
# were the same in 17 of 19 looks at nine practices (log loss within .0001), .0045 worse and .001 better in the others; learning
# takes a fifth less work
SEEDS_TRIED = 1
HARDLY_BETTER = 0.002  # log loss; between equals the simpler model is taken
SIMPLEST_FIRST = ("base_rate", "rates", "logistic", "boosting", "boosting_by_kind", "blend")
FIGURES = ("log_loss", "brier", "auroc", "average_precision", "calibration_error")
VALIDATION = ("chance", "outcome", "weight", "row", "origin")


@dataclass(frozen=True)
class Choice:
    """The candidates' figures, one of them chosen; its line in log odds, its band, and its chances of later cases."""

    comparison: pd.DataFrame
    line: tuple[float, float]
    band: pd.DataFrame
    validation: pd.DataFrame
    too_few: bool
    shares: tuple[float, ...] = (0.5, 0.5)  # of logistic regression and trees in the blend

    @property
    def chosen(self) -> pd.Series:
        """The row of the model that was taken."""
        return self.comparison.loc[self.comparison["chosen"]].iloc[0]


def choose(model: OutcomeModel, table: pd.DataFrame, cases: Cases) -> Choice:
    """Every candidate tried on later cases, at several origins."""
    known = cases.certain
    least, each = (SHARED_CASES, SHARED_EACH) if cases.shared else (MIN_CASES, MIN_EACH)
    few = known.sum() < least or min(cases.outcome[known].sum(), (1 - cases.outcome[known]).sum()) < each
    tried = _validate(model, table, cases, _names(model, table, few=bool(few), shared=cases.shared))
    if not tried:
        return _untried(model, too_few=bool(few))
    shares = _followed(tried) if cases.shared and "blend" in tried else (0.5, 0.5)
    comparison = _compared(tried, shared=cases.shared)
    chance, outcome, weight, row, origin = tried[comparison.loc[comparison["chosen"], "model"].iat[0]]
    newest = origin == origin.max() if cases.settled is not None else None
    line = (0.0, 1.0) if cases.shared else _line(chance, outcome, weight, newest)
    chance = straight(chance, line)
    wider = BAND_WIDER if cases.shared else 1.0
    validation = pd.DataFrame(dict(zip(VALIDATION, (chance, outcome, weight, row, origin), strict=True)))
    return Choice(
        comparison, line, calibration.band(chance, outcome, weight, wider=wider), validation, bool(few), shares
    )


def _followed(tried: dict[str, tuple]) -> tuple[float, ...]:
    """How far to follow logistic regression and trees; puts the blend's chances by these shares in its place."""
    base, outcome, weight, *rest = tried["base_rate"]
    parts = [tried[name][0] for name in ("logistic", "boosting")]
    apart = np.column_stack([stats.log_odds(part) - stats.log_odds(base) for part in parts])
    shares = calibration.stacked(base, apart, outcome, weight, toward=FOLLOWED, pull=FOLLOWED_PULL)
    chance = stats.sigmoid(stats.log_odds(base) + apart @ np.array(shares))
    tried["blend"] = (chance, outcome, weight, *rest)
    return tuple(shares)


def learn(made: Any, table: pd.DataFrame, outcome: np.ndarray, weight: np.ndarray, **more: Any) -> Any:
    """The candidate, fitted; a case whose outcome is a share is learned as both, by its parts."""
    if ((outcome == 0) | (outcome == 1)).all():
        return made.fit(table, outcome, weight, **more)
    rows, both, part = ends.doubled(outcome)
    return made.fit(table.iloc[rows].reset_index(drop=True), both, part * weight[rows], **more)


def steadied(model: OutcomeModel, learner: Any, chosen: Choice, table: pd.DataFrame, cases: Cases) -> Any:
    """The model held to the one of a month before, which learned what was known then; alone where that had too few cases."""
    day = cases.as_of - pd.Timedelta(days=STEADY_DAYS)
    outcome, weight = cases.as_known(day, model.horizon_days)
    certain = (weight > 0) & ((outcome == 0) | (outcome == 1))
    if certain.sum() < MIN_CASES or min(outcome[certain].sum(), (1 - outcome[certain]).sum()) < MIN_EACH:
        return learner
    rows = drawn(np.flatnonzero(weight > 0), MAX_FIT_ROWS)
    encoding = kinds(list(model.features), table.iloc[rows])
    before = learn(
        make(model, "blend", encoding, chosen.shares), table.iloc[rows], outcome[rows], cases.part * weight[rows]
    )
    return learners.Steady(encoding, [learner, before], STEADY_BOUND)


def straight(chance: np.ndarray, line: tuple[float, float]) -> np.ndarray:
    """Chances moved along a line in log odds."""
    shift, slope = line
    return stats.sigmoid(shift + slope * stats.log_odds(chance))


def kinds(features: list[str], table: pd.DataFrame) -> learners.Encoding:
    """Which features are categories, numbers or sets of codes, and what values they take here."""
    sets, numbers, categories = [], [], []
    for name in features:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            numbers.append(name)
        elif column.dropna().head(50).map(lambda v: isinstance(v, (set, frozenset, list, tuple, np.ndarray))).any():
            sets.append(name)
        else:
            categories.append(name)
    return learners.Encoding(categories, numbers, sets).learn(table)


def make(model: OutcomeModel, name: str, encoding: learners.Encoding, shares: tuple[float, ...] = (0.5, 0.5)) -> Any:
    """A candidate that has learned nothing yet."""
    shared = model.horizon_days is None
    column = str(model.kind) if model.kind and shared else ""
    strength, trees = (SHARED_STRENGTH, SHARED_TREES) if shared else (1.0, 100)
    made: dict[str, Callable[[], Any]] = {
        "base_rate": lambda: learners.BaseRate(encoding, column=column), "rates": lambda: learners.Rates(encoding, list(model.rate_keys)),
        "logistic": lambda: learners.Logistic(encoding, strength), "boosting": lambda: learners.Boosting(encoding, iterations=trees),
        "boosting_by_kind": lambda: learners.ByKind(encoding, str(model.kind)),
        "blend": lambda: learners.Blend(encoding, shares=list(shares), column=column, strength=strength, trees=trees)}  # fmt: skip
    return made[name]()


def _names(model: OutcomeModel, table: pd.DataFrame, *, few: bool, shared: bool) -> list[str]:
    names = [n for n in model.candidates if n in ("base_rate", "rates")] if few else list(model.candidates)
    names = [n for n in names if n != "rates" or model.rate_keys]
    if shared:
        return [n for n in names if n != "boosting_by_kind"]
    return [n for n in names if n != "boosting_by_kind" or (model.kind and table[model.kind].nunique() > 1)]


def _validate(model: OutcomeModel, table: pd.DataFrame, cases: Cases, names: list[str]) -> dict[str, tuple]:
    """Each candidate's chance, outcome, weight, row and origin for later cases than it learned from, all origins."""
    origins = list(_origins(model, table, cases))
    fits = [(names, table.iloc[learn], outcome[learn], cases.part * weight[learn], table.iloc[test])
            for learn, weight, outcome, test, _ in origins]  # fmt: skip
    rows = sum(len(learn) + len(test) for learn, _, _, test, _ in origins)
    told = parallel.each(partial(_fitted, model), fits, rows=rows)
    pooled: dict[str, list] = {name: [] for name in names}
    for origin, ((*_, test, later), fitted) in enumerate(zip(origins, told, strict=True)):
        every = (np.arange(len(test)), cases.outcome[test], np.ones(len(test)))
        place, outcome, part = ends.doubled(cases.outcome[test]) if cases.shared else every
        for name in names:
            told_then = (fitted[name][place], outcome, part * later[test][place])
            pooled[name].append((*told_then, test[place], np.full(len(place), origin)))
    return {
        name: tuple(np.concatenate(column) for column in zip(*parts, strict=True))
        for name, parts in pooled.items()
        if parts
    }


def _fitted(
    model: OutcomeModel, names: list[str], earlier: pd.DataFrame, outcome: np.ndarray, weight: np.ndarray, later: pd.DataFrame
) -> dict[str, np.ndarray]:  # fmt: skip
    """Each candidate's chance for later cases, learned from the earlier ones."""
    chances: dict[str, np.ndarray] = {}
    grown: dict[str, Any] = {}
    encoding = kinds(list(model.features), earlier)
    for name in (n for n in names if n != "blend"):
        more = {"of_all": grown["boosting"]} if name == "boosting_by_kind" and "boosting" in grown else {}
        made = make(model, name, encoding)
        if name == "boosting" and model.horizon_days is not None:
            made.seeds = SEEDS_TRIED
        grown[name] = learn(made, earlier, outcome, weight, **more)
        chances[name] = grown[name].chance(later)
    if "blend" in names:
        both = (stats.log_odds(chances["logistic"]) + stats.log_odds(chances["boosting"])) / 2
        chances["blend"] = stats.sigmoid(both)
    return chances


def _origins(model: OutcomeModel, table: pd.DataFrame, cases: Cases) -> Iterator[tuple[np.ndarray, ...]]:
    """(rows to learn from with weights and outcomes as known at the origin, later rows), once per origin."""
    last = cases.last_judged(model.horizon_days)
    days = np.sort(cases.start[cases.start <= last].to_numpy())
    cuts = sorted({pd.Timestamp(days[int(len(days) * share)]) for share in ORIGINS}) if len(days) else []
    later = cases.between(cuts[0], last, model.horizon_days) if cuts else cases.weight
    for i, cut in enumerate(cuts):
        end = cuts[i + 1] if i + 1 < len(cuts) else last + pd.Timedelta(days=1)
        outcome, weight = cases.as_known(cut, model.horizon_days)
        learn = np.flatnonzero((cases.start < cut).to_numpy() & (weight > 0))
        test = np.flatnonzero(((cases.start >= cut) & (cases.start < end)).to_numpy() & (later > 0))
        if model.group:
            test = test[~table[model.group].iloc[test].isin(table[model.group].iloc[learn]).to_numpy()]
        learn, test = drawn(learn, TUNE_ROWS), drawn(test, TUNE_ROWS)
        if len(learn) >= MIN_EACH and len(test) >= MIN_EACH and 0 < outcome[learn].sum() < len(learn):
            yield learn, weight, outcome, test, later


def _compared(tried: dict[str, tuple], *, shared: bool) -> pd.DataFrame:
    """The lowest log loss is chosen, between near equals the simpler; of cases without a horizon the blend.

    Chances of a horizon are compared as they would be told, set straight: few cases make trees and regression surer
    than they may be, and they order claims well all the same.
    """
    rows = []
    for name, (chance, outcome, weight, _, origin) in tried.items():
        chance = chance if shared else _straight_by_others(chance, outcome, weight, origin)
        told = scores.figures(outcome, chance, weight)
        rows.append({"model": name, **{figure: told[figure] for figure in FIGURES}})
    order = {name: i for i, name in enumerate(SIMPLEST_FIRST)}
    table = pd.DataFrame(rows).sort_values("model", key=lambda s: s.map(order), ignore_index=True)
    best = table.index[table["log_loss"] <= table["log_loss"].min() + HARDLY_BETTER][0]
    if shared and "blend" in tried:
        return table.assign(chosen=table["model"] == "blend")
    return table.assign(chosen=table.index == best)


def _straight_by_others(chance: np.ndarray, outcome: np.ndarray, weight: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """The chances of each origin along the line of the other origins, which have not seen its outcomes."""
    told = chance.copy()
    for one in np.unique(origin):
        mine, others = origin == one, origin != one
        if others.any():
            line = calibration.straightened(chance[others], outcome[others], weight[others], pull=CALIBRATION_PULL)
            told[mine] = straight(chance[mine], line)
    return told


def _untried(model: OutcomeModel, *, too_few: bool) -> Choice:
    """Where no origin has enough cases on both sides: rates, of which nothing is promised."""
    name = "rates" if model.rate_keys and "rates" in model.candidates else "base_rate"
    nothing = {"log_loss": np.nan, "brier": np.nan, "auroc": np.nan}
    band = pd.DataFrame({"chance": [0.0, 1.0], "below": [1.0, 1.0], "above": [1.0, 1.0]})
    comparison = pd.DataFrame([{"model": name, **nothing, "chosen": True}])
    return Choice(comparison, (0.0, 1.0), band, pd.DataFrame(columns=list(VALIDATION)), too_few)


def _line(
    chance: np.ndarray, outcome: np.ndarray, weight: np.ndarray, newest: np.ndarray | None
) -> tuple[float, float]:
    """Shift and slope; where ends are censored, the slope alone, by the newest origin.

    The fewer cases a model has seen the surer it is of itself, and models of earlier days had seen few ends: their
    slopes would make the last one too shy.
    """
    if newest is None:
        return calibration.straightened(chance, outcome, weight, pull=CALIBRATION_PULL)
    chance, outcome, weight = chance[newest], outcome[newest], weight[newest]
    slope = calibration.straightened(chance, outcome, weight, pull=CENSORED_PULL)[1]
    return calibration.level_kept(chance, weight, slope=slope)
