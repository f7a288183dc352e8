"""A model of whether a case ends badly within a horizon, for any table with one row per case.

    case  filed_on    payer   codes          lost  ended_on
    17    2026-01-04  Acme    {"97","M15"}   1     2026-03-30
    18    2026-01-05  Unison  {"197"}        0     2026-02-02
    19    2026-06-29  Acme    {"16","N382"}  NaN   NaT           still open: censored, not a negative

    model = OutcomeModel(features=["payer", "codes"], horizon_days=180, group="case")
    fitted = model.fit(table, index_date="filed_on", outcome="lost", outcome_date="ended_on")
    fitted.predict(new)

       chance  lower  upper
    0    .412   .371   .455

Base rate, table of rates, logistic regression, boosted trees and their blend are compared on later cases than they
learned from, several times over; the one with the lowest log loss is taken.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rcm_analysis import stats
from rcm_analysis.models import cases as models_cases
from rcm_analysis.models import choice, leaks, learners, scores
from rcm_analysis.models.cases import Cases, Columns, drawn
from rcm_analysis.models.choice import Choice
from rcm_analysis.models.leaks import LeakError, LeakWarning

TYPICAL_ROWS = 2_000  # learned rows whose values stand in for others when reasons are asked for
DRAWS = 4


@dataclass(frozen=True)
class OutcomeModel:
    """What to learn, and how; `fit` learns it. `group` names the column whose rows belong together (one claim, patient)."""

    features: Sequence[str]
    horizon_days: int | None = 180  # none: however long it takes, open cases by the share of their like
    group: str | None = None
    candidates: Sequence[str] = choice.SIMPLEST_FIRST
    rate_keys: Sequence[str] = ()
    kind: str | None = None  # column whose values begin at unlike times, such as the age at which a case is looked at

    def fit(
        self, table: pd.DataFrame, *, index_date: str, outcome: str, outcome_date: str | None = None, as_of: Any = None
    ) -> FittedModel:
        """Chooses, calibrates and fits. `as_of` is the day the table was known; by default its newest date.

        Raises LeakError for features that are the outcome or dated after the index; warns with LeakWarning of those
        that alone tell nearly everything, and of rows that share an unnamed group.
        """
        columns = Columns(index_date, outcome, outcome_date)
        table = table.reset_index(drop=True)
        cases = self.cases(table, columns, as_of)
        leaks.refuse(table, cases, columns, self.features)
        suspects = leaks.suspects(table, cases, self.features, self.group)
        if not self.group:
            leaks.warn_of_groups(table, cases, columns, self.features)
        typical = table[list(self.features)].sample(min(len(table), TYPICAL_ROWS), random_state=0)
        model = self if self.rate_keys else replace(self, rate_keys=_rate_keys(self, table, cases))
        chosen = choice.choose(model, table, cases)
        suspects |= leaks.suspect_whole(float(chosen.chosen["auroc"]))
        rows = drawn(np.flatnonzero(cases.weight > 0), choice.MAX_FIT_ROWS)
        encoding = choice.kinds(list(self.features), table.iloc[rows])
        made = choice.make(model, chosen.chosen["model"], encoding, chosen.shares)
        learner = choice.learn(made, table.iloc[rows], cases.outcome[rows], cases.part * cases.weight[rows])
        if cases.shared and chosen.chosen["model"] == "blend":
            learner = choice.steadied(model, learner, chosen, table, cases)
        groups = frozenset(pd.unique(table[self.group])) if self.group else frozenset()
        return FittedModel(model, columns, learner, chosen.line, chosen.band, _card(model, table, cases, chosen, suspects),
                           chosen.comparison, chosen.validation, typical, groups)  # fmt: skip

    def cases(self, table: pd.DataFrame, columns: Columns, as_of: Any = None) -> Cases:
        """When each row of the table began and how it ended within the horizon, as known on the day."""
        return models_cases.of_table(table, columns, horizon_days=self.horizon_days, kind=self.kind, as_of=as_of,
                                     group=self.group, alike=self.rate_keys)  # fmt: skip


@dataclass(frozen=True)
class FittedModel:
    """What was learned: it predicts, is evaluated, and its card says from what it learned and how good it is.

    `comparison` holds the candidates' figures, `validation` the chosen one's chances of later cases than it learned
    from (chance, outcome, weight, row of the table, origin), `typical` learned rows for `reasons`. A model that was
    loaded from a file has none of the three.
    """

    model: OutcomeModel
    columns: Columns
    learner: Any
    line: tuple[float, float]  # shift and slope in log odds that set its chances straight
    band: pd.DataFrame
    card: Mapping[str, Any]
    comparison: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    validation: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    typical: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    groups: frozenset = field(default=frozenset(), repr=False)

    @property
    def chosen(self) -> str:
        """The name of the model that was taken."""
        return self.card["chosen"]

    @property
    def too_few(self) -> bool:
        """Whether the cases were too few for a model, so that it only tells rates."""
        return self.card["too_few"]

    @property
    def calibration(self) -> pd.DataFrame:
        """Predicted and observed rates of later cases than were learned from, in at most ten groups: what to draw of any table.

           chance  observed  lower  upper  cases
        0  .04     .05       .03    .07    412
        1  .11     .12       .09    .15    412
        2  .35     .31       .27    .36    411

        Without rows where too few later cases are known, and of a model that was loaded from a file.
        """
        held = self.validation
        if not len(held):
            return pd.DataFrame(columns=["chance", "observed", "lower", "upper", "cases"])
        return scores.calibration(*(held[name].to_numpy(float) for name in ("outcome", "chance", "weight")))

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """chance, lower, upper (shares 0-1), in the order and with the index of the table.

        The interval is that of the rate observed among cases with like chances, at dates the model had not seen.
        """
        chance = choice.straight(self.learner.chance(table.reset_index(drop=True)), self.line)
        low, high = (np.interp(chance, self.band["chance"], self.band[name]) for name in ("below", "above"))
        return pd.DataFrame(
            {"chance": chance, "lower": (chance - low).clip(0, 1), "upper": (chance + high).clip(0, 1)},
            index=table.index,
        )

    def evaluate(self, table: pd.DataFrame, *, as_of: Any = None) -> pd.DataFrame:
        """Scores with intervals on cases not learned from: metric, value, lower, upper.

        Raises LeakError when a group stands on both sides; warns with DriftWarning when the rate has moved.
        """
        table, group = table.reset_index(drop=True), self.model.group
        cases = self.model.cases(table, self.columns, as_of)
        both = self.groups & set(pd.unique(table[group])) if group else set()
        if both:
            raise LeakError(f"{len(both)} values of {group} are among the learned rows too; keep each on one side")
        if (cases.start <= pd.Timestamp(self.card["learned_to"])).any():
            words = "some cases began before the last one learned from: figures of the past flatter"
            warnings.warn(words, LeakWarning, stacklevel=2)
        chance = self.predict(table)["chance"].to_numpy()
        groups = table[group].to_numpy() if group else None
        told = scores.score(cases.outcome, chance, weight=cases.weight, groups=groups)
        leaks.warn_of_drift(cases, chance, learned=self.card["base_rate"])
        extra = {"censored_share": float((cases.weight == 0).mean()), "cases": float((cases.weight > 0).sum())}
        return pd.concat([told, pd.DataFrame(extra.items(), columns=["metric", "value"])], ignore_index=True)

    def reasons(
        self, table: pd.DataFrame, *, groups: dict[str, list[str]], count: int = 3
    ) -> list[list[tuple[str, float]]]:
        """Per row the `count` groups of features that move its chance most, with the move in log odds, largest first.

        A group's part is what the chance loses when its features take the values of other learned rows, the others kept.
        """
        table = table.reset_index(drop=True)
        if not len(table):
            return []
        base = stats.log_odds(self.learner.chance(table))
        without = self._without(table, list(groups.values()))
        frame = pd.DataFrame({name: base - part for name, part in zip(groups, without, strict=True)})
        return [sorted(row.items(), key=lambda item: -abs(item[1]))[:count] for row in frame.to_dict("records")]

    def _without(self, table: pd.DataFrame, groups: list[list[str]]) -> np.ndarray:
        """Log odds by group with its columns drawn from other rows, the mean of a few draws; asked for all at once, since
        a model takes long to begin."""
        others = [
            self.typical.sample(len(table), replace=True, random_state=i).reset_index(drop=True) for i in range(DRAWS)
        ]
        asked = [table.assign(**{c: other[c] for c in columns}) for columns in groups for other in others]
        told = stats.log_odds(self.learner.chance(pd.concat(asked, ignore_index=True)))
        return told.reshape(len(groups), DRAWS, len(table)).mean(axis=1)

    def split_at_random(self, table: pd.DataFrame) -> dict[str, float]:
        """log_loss, brier and auroc of the chosen model when earlier and later cases of the table learned from are mixed.

        Shown for how much such a split flatters; empty where there are too few cases.
        """
        table, group = table.reset_index(drop=True), self.model.group
        cases = self.model.cases(table, self.columns, self.card["as_of"])
        rows = drawn(np.flatnonzero(cases.certain), choice.TUNE_ROWS)
        keys = pd.factorize(table[group].iloc[rows])[0] if group else np.arange(len(rows))
        learned = (np.random.default_rng(1).random(keys.max(initial=-1) + 1) < choice.ORIGINS[-1])[keys]
        learn, test = rows[learned], rows[~learned]
        if self.too_few or len(test) < choice.MIN_EACH or not 0 < cases.outcome[learn].sum() < len(learn):
            return {}
        made = choice.make(self.model, self.chosen, choice.kinds(list(self.model.features), table.iloc[learn]))
        chance = made.fit(table.iloc[learn], cases.outcome[learn], cases.weight[learn]).chance(table.iloc[test])
        told = scores.figures(cases.outcome[test], chance, cases.weight[test])
        return {name: told[name] for name in ("log_loss", "brier", "auroc")}

    def save(self, path: Path, **more: Any) -> None:
        """Writes the model, its card and the range of its data; no pickle. `more` is added to the card."""
        names = {
            "index_date": self.columns.index_date,
            "outcome": self.columns.outcome,
            "outcome_date": self.columns.outcome_date,
        }
        model = {
            "features": list(self.model.features),
            "horizon_days": self.model.horizon_days,
            "group": self.model.group,
        }
        about = {
            **self.card,
            **more,
            "calibration": self.line,
            "band": self.band.to_dict("list"),
            "names": names,
            **model,
        }
        learners.write(path, self.learner, about)

    def parts(self) -> tuple[dict[str, pd.DataFrame], dict[str, Any], bytes]:
        """All of it as frames, facts that JSON can tell, and a learner's file; `of_parts` puts it together again."""
        groups = pd.DataFrame({"group": sorted(self.groups, key=str)})
        frames = {"band": self.band, "comparison": self.comparison, "validation": self.validation, "typical": self.typical,
                  "groups": groups}  # fmt: skip
        facts = {"model": {**asdict(self.model), "features": list(self.model.features)}, "columns": asdict(self.columns),
                 "line": list(self.line), "card": dict(self.card)}  # fmt: skip
        return frames, facts, learners.written(self.learner, {})


def of_parts(frames: Mapping[str, pd.DataFrame], facts: Mapping[str, Any], data: bytes) -> FittedModel:
    """The model of such parts, whole: unlike one that was loaded it has what its choice rested on.

    Raises learners.ModelFileError for other bytes.
    """
    learner, _ = learners.read(BytesIO(data))
    told: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in facts["model"].items()
    }
    groups = frozenset(frames["groups"]["group"])
    return FittedModel(OutcomeModel(**told), Columns(**facts["columns"]), learner, (facts["line"][0], facts["line"][1]), frames["band"],
                       facts["card"], frames["comparison"], frames["validation"], frames["typical"], groups)  # fmt: skip


def load(path: Path, *, typical: pd.DataFrame | None = None) -> FittedModel:
    """A saved model, ready to predict; with typical rows it gives reasons, too.

    Raises learners.ModelFileError for any other file.
    """
    learner, about = learners.read(path)
    model = OutcomeModel(about["features"], horizon_days=about["horizon_days"], group=about["group"])
    return FittedModel(model, Columns(**about["names"]), learner, tuple(about["calibration"]), pd.DataFrame(about["band"]), about,
                       typical=pd.DataFrame() if typical is None else typical)  # fmt: skip


def _rate_keys(model: OutcomeModel, table: pd.DataFrame, cases: Cases) -> list[str]:
    """The opponents' table: the column, or set of codes, whose shrunken rates alone tell most, learned on one half."""
    told = [
        (leaks.area_alone(table, cases, name, model.group), name)
        for name in model.features
        if not pd.api.types.is_float_dtype(table[name])
    ]
    return [max(told)[1]] if told and max(told)[0] > 0.5 else []


def _card(
    model: OutcomeModel, table: pd.DataFrame, cases: Cases, chosen: Choice, suspects: dict[str, float]
) -> dict[str, Any]:
    import sklearn

    known, best = cases.weight > 0, chosen.chosen
    rate = float(np.average(cases.outcome[known], weights=cases.weight[known])) if known.any() else float("nan")
    return {"chosen": str(best["model"]), "learned_from": str(cases.start.min().date()), "learned_to": str(cases.start.max().date()),
            "as_of": str(cases.as_of.date()), "cases": len(table), "known": int(known.sum()), "open": int((~cases.stated).sum()),
            "base_rate": rate, "too_few": chosen.too_few, "rate_keys": list(model.rate_keys), "suspects": suspects,
            "metrics": {k: float(best[k]) for k in ("log_loss", "brier", "auroc")},
            "versions": {"python": sys.version.split()[0], "scikit-learn": sklearn.__version__, "numpy": np.__version__}}  # fmt: skip
