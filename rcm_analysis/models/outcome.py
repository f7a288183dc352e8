"""A model of whether a case ends badly within a horizon, for any table with one row per case.

    case  filed_on    payer   codes          lost  ended_on
    17    2026-01-04  Acme    {"97","M15"}   1     2026-03-30
    18    2026-01-05  Unison  {"197"}        0     2026-02-02
    19    2026-06-29  Acme    {"16","N382"}  NaN   NaT           still open: censored, not a negative

    model = OutcomeModel(features=["payer", "codes"], horizon_days=180, group="case")
    model.fit(table, index_date="filed_on", outcome="lost", outcome_date="ended_on").predict(new)

       chance  lower  upper
    0    .412   .371   .455

Base rate, table of rates, logistic regression, boosted trees and their blend are compared on later cases than they
learned from, several times over; the one with the lowest log loss is taken (METHODS.md section 6).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rcm_analysis import parallel, stats
from rcm_analysis.errors import RcmError
from rcm_analysis.models import calibration
from rcm_analysis.models import learners as models
from rcm_analysis.models import scores as judgement
from rcm_analysis.models.cases import Cases

SUSPECT_AREA = 0.90  # one feature alone that tells this much was most likely written after the outcome
CHECK_ROWS = 10_000
MIN_CASES, MIN_EACH = 200, 30  # fewer known cases, or of one outcome, and only rates are shown
ORIGINS = (0.55, 0.7, 0.85)  # shares of the index dates after which the later cases are predicted
MAX_FIT_ROWS = 100_000  # further rows no longer move the figures, but the clock
TUNE_ROWS = 20_000
MANY_LEVELS = 12  # numbers with fewer values are read as they are
DRIFT_POINTS, DRIFT_Z = 0.03, 4.0
CALIBRATION_PULL, CENSORED_PULL = (
    10.0,
    200.0,
)  # cases that draw slope and intercept to 1 and 0; earlier models saw fewer ends
HARDLY_BETTER = 0.002  # log loss; between equals the simpler model is taken


class LeakError(RcmError, ValueError):
    """A feature or a split that lets the outcome in."""


class LeakWarning(UserWarning):
    """A feature that looks like the outcome itself; the model is fitted, its figures are not to be trusted."""


class DriftWarning(UserWarning):
    """The rate of the outcome is no longer what the model learned."""


@dataclass
class OutcomeModel:
    """See the module's text. `group` names the column whose rows belong together (one claim, patient or case)."""

    features: Sequence[str]
    horizon_days: int = 180
    group: str | None = None
    candidates: Sequence[str] = ("base_rate", "rates", "logistic", "boosting", "boosting_by_kind", "blend")
    rate_keys: Sequence[str] = ()
    kind: str | None = None  # column whose values begin at unlike times, such as the age at which a case is looked at
    comparison: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    about: dict[str, Any] = field(default_factory=dict, repr=False)

    def fit(
        self, table: pd.DataFrame, *, index_date: str, outcome: str, outcome_date: str | None = None, as_of: Any = None
    ) -> OutcomeModel:
        """Chooses, calibrates and fits. `as_of` is the day the table was known; by default its newest date.

        Raises LeakError for features that are the outcome or dated after the index; warns with LeakWarning of those
        that alone tell nearly everything, and of rows that share an unnamed group.
        """
        self._names = {"index_date": index_date, "outcome": outcome, "outcome_date": outcome_date}
        table = table.reset_index(drop=True)
        cases = self._cases(table, as_of)
        self._refuse_leaks(table, cases)
        self._warn_of_leaks(table, cases)
        self._settle_rate_keys(table, cases)
        held = self._validate(table, cases)
        self._choose(held)
        rows = self._sample(np.flatnonzero(cases.weight > 0), MAX_FIT_ROWS, table)
        self._model = self._make(self.chosen, self._kinds(table.iloc[rows])).fit(
            table.iloc[rows], cases.outcome[rows], cases.weight[rows]
        )
        self._trained_groups = set(pd.unique(table[self.group])) if self.group else set()
        self.about = self._card(table, cases)
        return self

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """chance, lower, upper (shares 0-1), in the order and with the index of the table.

        The interval is that of the rate observed among cases with like chances, at dates the model had not seen.
        """
        chance = self._calibrated(self._model.chance(table.reset_index(drop=True)))
        edges = self._band
        low, high = (np.interp(chance, edges["chance"], edges[name]) for name in ("below", "above"))
        return pd.DataFrame(
            {"chance": chance, "lower": (chance - low).clip(0, 1), "upper": (chance + high).clip(0, 1)},
            index=table.index,
        )

    def evaluate(self, table: pd.DataFrame, *, as_of: Any = None) -> pd.DataFrame:
        """Scores with intervals on cases not learned from: metric, value, lower, upper.

        Raises LeakError when a group stands on both sides; warns with DriftWarning when the rate has moved.
        """
        table = table.reset_index(drop=True)
        cases = self._cases(table, as_of)
        both = self._trained_groups & set(pd.unique(table[self.group])) if self.group else set()
        if both:
            raise LeakError(f"{len(both)} values of {self.group} are among the learned rows too; keep each on one side")
        if (cases.start <= pd.Timestamp(self.about["learned_to"])).any():
            warnings.warn(
                "some cases began before the last one learned from: figures of the past flatter",
                LeakWarning,
                stacklevel=2,
            )
        chance = self.predict(table)["chance"].to_numpy()
        groups = table[self.group].to_numpy() if self.group else None
        told = judgement.score(cases.outcome, chance, weight=cases.weight, groups=groups)
        self._warn_of_drift(cases, chance)
        share = float((cases.weight == 0).mean())
        extra = pd.DataFrame(
            [
                {"metric": "censored_share", "value": share},
                {"metric": "cases", "value": float((cases.weight > 0).sum())},
            ]
        )
        return pd.concat([told, extra], ignore_index=True)

    def reasons(
        self, table: pd.DataFrame, *, groups: dict[str, list[str]], count: int = 3
    ) -> list[list[tuple[str, float]]]:
        """Per row the `count` groups of features that move its chance most, with the move in log odds, largest first.

        A group's part is what the chance loses when its features take the values of other learned rows, the others kept.
        """
        table = table.reset_index(drop=True)
        base = stats.log_odds(self._model.chance(table))
        parts = {name: base - self._without(table, columns) for name, columns in groups.items()}
        frame = pd.DataFrame(parts)
        return [sorted(row.items(), key=lambda item: -abs(item[1]))[:count] for row in frame.to_dict("records")]

    def split_at_random(self, table: pd.DataFrame) -> dict[str, float]:
        """log_loss, brier and auroc of the chosen model when earlier and later cases of the table learned from are mixed.

        Shown for how much such a split flatters; empty where there are too few cases.
        """
        table = table.reset_index(drop=True)
        cases = self._cases(table, self.about["as_of"])
        rows = self._sample(np.flatnonzero(cases.weight > 0), TUNE_ROWS, table)
        keys = pd.factorize(table[self.group].iloc[rows])[0] if self.group else np.arange(len(rows))
        learned = (np.random.default_rng(1).random(keys.max(initial=-1) + 1) < ORIGINS[-1])[keys]
        learn, test = rows[learned], rows[~learned]
        if self.about["too_few"] or len(test) < MIN_EACH or not 0 < cases.outcome[learn].sum() < len(learn):
            return {}
        model = self._make(self.chosen, self._kinds(table.iloc[learn]))
        chance = model.fit(table.iloc[learn], cases.outcome[learn], cases.weight[learn]).chance(table.iloc[test])
        told = judgement.figures(cases.outcome[test], chance, cases.weight[test])
        return {name: told[name] for name in ("log_loss", "brier", "auroc")}

    def save(self, path: Path) -> None:
        """Writes the model, its figures and the range of its data; no pickle."""
        about = {**self.about, "calibration": self._line, "band": self._band.to_dict("list"), "names": self._names,
                 "features": list(self.features), "horizon_days": self.horizon_days, "group": self.group}  # fmt: skip
        models.write(path, self._model, about)

    @classmethod
    def load(cls, path: Path) -> OutcomeModel:
        """A saved model, ready to predict. Raises risk_models.ModelFileError for any other file."""
        inner, about = models.read(path)
        made = cls(features=about["features"], horizon_days=about["horizon_days"], group=about["group"])
        made._model, made._line, made._band = inner, tuple(about["calibration"]), pd.DataFrame(about["band"])
        made._names, made.about, made._trained_groups = about["names"], about, set()
        made.typical = pd.DataFrame()
        return made

    @property
    def chosen(self) -> str:
        """The name of the model that was taken."""
        return (
            self.comparison.loc[self.comparison["chosen"], "model"].iat[0]
            if len(self.comparison)
            else self.about["chosen"]
        )

    # --- fitting ----------------------------------------------------------------------------------------------------

    def _cases(self, table: pd.DataFrame, as_of: Any) -> Cases:
        names = self._names
        start = pd.to_datetime(table[names["index_date"]])
        outcome = pd.to_numeric(table[names["outcome"]].astype(object), errors="coerce").astype(float)
        if not outcome.dropna().isin([0, 1]).all():
            raise ValueError(f"{names['outcome']} must be 0, 1 or empty (still open)")
        if names["outcome_date"] is None:
            return Cases(
                start,
                outcome.fillna(0).to_numpy(),
                outcome.notna().to_numpy(float),
                start.max(),
                outcome.notna().to_numpy(),
            )
        settled = pd.to_datetime(table[names["outcome_date"]]).where(outcome.notna())
        day = pd.Timestamp(as_of) if as_of is not None else max(start.max(), settled.max())
        ended, kind = outcome.fillna(0).to_numpy(), table[self.kind].to_numpy() if self.kind else np.zeros(len(table))
        value, weight = judgement.known_by(start, settled, ended, as_of=day, horizon_days=self.horizon_days, kind=kind)
        return Cases(start, value, weight, day, outcome.notna().to_numpy(), settled, ended, kind)

    def _kinds(self, table: pd.DataFrame) -> models.Encoding:
        sets, numbers, categories = [], [], []
        for name in self.features:
            column = table[name]
            if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
                numbers.append(name)
            elif column.dropna().head(50).map(lambda v: isinstance(v, (set, frozenset, list, tuple, np.ndarray))).any():
                sets.append(name)
            else:
                categories.append(name)
        return models.Encoding(categories, numbers, sets).learn(table)

    def _make(self, name: str, encoding: models.Encoding) -> Any:
        made: dict[str, Callable[[], Any]] = {
            "base_rate": lambda: models.BaseRate(encoding), "rates": lambda: models.Rates(encoding, list(self.rate_keys)),
            "logistic": lambda: models.Logistic(encoding), "boosting": lambda: models.Boosting(encoding),
            "boosting_by_kind": lambda: models.ByKind(encoding, str(self.kind)), "blend": lambda: models.Blend(encoding)}  # fmt: skip
        return made[name]()

    def _validate(self, table: pd.DataFrame, cases: Cases) -> dict[str, tuple[np.ndarray, ...]]:
        """Each candidate's chance, outcome, weight, row and origin for later cases than it learned from, all origins."""
        known = cases.weight > 0
        few = known.sum() < MIN_CASES or min(cases.outcome[known].sum(), (1 - cases.outcome[known]).sum()) < MIN_EACH
        names = [n for n in self.candidates if n in ("base_rate", "rates")] if few else list(self.candidates)
        names = [n for n in names if n != "rates" or self.rate_keys]
        names = [n for n in names if n != "boosting_by_kind" or (self.kind and table[self.kind].nunique() > 1)]
        self._few = bool(few)
        origins = list(self._origins(table, cases))
        fits = [(names, table.iloc[learn], outcome[learn], weight[learn], table.iloc[test])
                for learn, weight, outcome, test, _ in origins]  # fmt: skip
        told = parallel.each(self._fitted, fits, rows=sum(len(learn) + len(test) for learn, _, _, test, _ in origins))
        pooled: dict[str, list] = {name: [] for name in names}
        for origin, ((*_, test, later), fitted) in enumerate(zip(origins, told, strict=True)):
            for name in names:
                pooled[name].append((fitted[name], cases.outcome[test], later[test], test, np.full(len(test), origin)))
        return {
            name: tuple(np.concatenate(column) for column in zip(*parts, strict=True))
            for name, parts in pooled.items()
            if parts
        }

    def _fitted(
        self, names: list[str], earlier: pd.DataFrame, outcome: np.ndarray, weight: np.ndarray, later: pd.DataFrame
    ) -> dict[str, np.ndarray]:
        """Each candidate's chance for later cases, learned from the earlier ones."""
        chances: dict[str, np.ndarray] = {}
        grown: dict[str, Any] = {}
        encoding = self._kinds(earlier)
        for name in (n for n in names if n != "blend"):
            more = {"of_all": grown["boosting"]} if name == "boosting_by_kind" and "boosting" in grown else {}
            grown[name] = self._make(name, encoding).fit(earlier, outcome, weight, **more)
            chances[name] = grown[name].chance(later)
        if "blend" in names:
            both = (stats.log_odds(chances["logistic"]) + stats.log_odds(chances["boosting"])) / 2
            chances["blend"] = stats.sigmoid(both)
        return chances

    def _origins(self, table: pd.DataFrame, cases: Cases):
        """(rows to learn from with weights and outcomes as known at the origin, later rows), once per origin."""
        last = cases.last_judged(self.horizon_days)
        days = np.sort(cases.start[cases.start <= last].to_numpy())
        cuts = sorted({pd.Timestamp(days[int(len(days) * share)]) for share in ORIGINS}) if len(days) else []
        later = cases.between(cuts[0], last, self.horizon_days) if cuts else cases.weight
        for i, cut in enumerate(cuts):
            end = cuts[i + 1] if i + 1 < len(cuts) else last + pd.Timedelta(days=1)
            outcome, weight = cases.as_known(cut, self.horizon_days)
            learn = np.flatnonzero((cases.start < cut).to_numpy() & (weight > 0))
            test = np.flatnonzero(((cases.start >= cut) & (cases.start < end)).to_numpy() & (later > 0))
            if self.group:
                test = test[~table[self.group].iloc[test].isin(table[self.group].iloc[learn]).to_numpy()]
            learn, test = self._sample(learn, TUNE_ROWS, table), self._sample(test, TUNE_ROWS, table)
            if len(learn) >= MIN_EACH and len(test) >= MIN_EACH and 0 < outcome[learn].sum() < len(learn):
                yield learn, weight, outcome, test, later

    def _choose(self, held: dict) -> None:
        """The lowest log loss after its own calibration; between near equals the simpler."""
        order = {
            name: i
            for i, name in enumerate(("base_rate", "rates", "logistic", "boosting", "boosting_by_kind", "blend"))
        }
        if not held:
            name = "rates" if self.rate_keys and "rates" in self.candidates else "base_rate"
            self.comparison = pd.DataFrame(
                [{"model": name, "log_loss": np.nan, "brier": np.nan, "auroc": np.nan, "chosen": True}]
            )
            self._line, self._band = (
                (0.0, 1.0),
                pd.DataFrame({"chance": [0.0, 1.0], "below": [1.0, 1.0], "above": [1.0, 1.0]}),
            )
            self._held = pd.DataFrame(columns=["chance", "outcome", "weight", "row", "origin"])
            return
        rows = []
        for name, (chance, outcome, weight, *_) in held.items():
            told = judgement.figures(outcome, chance, weight)
            rows.append(
                {
                    "model": name,
                    **{k: told[k] for k in ("log_loss", "brier", "auroc", "average_precision", "calibration_error")},
                }
            )
        table = pd.DataFrame(rows).sort_values("model", key=lambda s: s.map(order), ignore_index=True)
        best = table.index[table["log_loss"] <= table["log_loss"].min() + HARDLY_BETTER][0]
        self.comparison = table.assign(chosen=table.index == best)
        chance, outcome, weight, row, origin = held[table["model"][best]]
        self._line = self._straighten(chance, outcome, weight, origin == origin.max())
        chance = self._calibrated(chance)
        self._held = pd.DataFrame(
            {"chance": chance, "outcome": outcome, "weight": weight, "row": row, "origin": origin}
        )
        self._band = calibration.band(chance, outcome, weight)

    def _straighten(
        self, chance: np.ndarray, outcome: np.ndarray, weight: np.ndarray, newest: np.ndarray
    ) -> tuple[float, float]:
        """Shift and slope; where ends are censored, the slope alone, by the newest origin.

        The fewer cases a model has seen the surer it is of itself, and models of earlier days had seen few ends: their
        slopes would make the last one too shy.
        """
        if self._names["outcome_date"] is None:
            return calibration.straightened(chance, outcome, weight, pull=CALIBRATION_PULL)
        chance, outcome, weight = chance[newest], outcome[newest], weight[newest]
        slope = calibration.straightened(chance, outcome, weight, pull=CENSORED_PULL)[1]
        return calibration.level_kept(chance, weight, slope=slope)

    def _calibrated(self, chance: np.ndarray) -> np.ndarray:
        shift, slope = self._line
        return stats.sigmoid(shift + slope * stats.log_odds(chance))

    def _sample(self, rows: np.ndarray, size: int, table: pd.DataFrame) -> np.ndarray:
        if len(rows) <= size:
            return rows
        return np.sort(np.random.default_rng(0).choice(rows, size, replace=False))

    def _settle_rate_keys(self, table: pd.DataFrame, cases: Cases) -> None:
        """The opponents' table: the column, or set of codes, whose shrunken rates alone tell most, learned on one half."""
        self.typical = table[list(self.features)].sample(min(len(table), 2000), random_state=0)
        if self.rate_keys:
            return
        told = [
            (self._area_alone(table, cases, name), name)
            for name in self.features
            if not pd.api.types.is_float_dtype(table[name])
        ]
        self.rate_keys = [max(told)[1]] if told and max(told)[0] > 0.5 else []

    def _area_alone(self, table: pd.DataFrame, cases: Cases, name: str) -> float:
        """AUROC of one feature's shrunken rates, learned on every other case and tried on the rest."""
        rows = self._sample(np.flatnonzero(cases.weight > 0), CHECK_ROWS, table)
        column = table[name].iloc[rows]
        if pd.api.types.is_numeric_dtype(column) and column.nunique() > MANY_LEVELS:
            plain = judgement.area(cases.outcome[rows], column.fillna(column.median()).to_numpy(float))
            if max(plain, 1 - plain) > SUSPECT_AREA:
                return max(plain, 1 - plain)
            column = column.round().astype(object) if column.nunique() > 1000 else column
        frame = pd.DataFrame({name: column.reset_index(drop=True)})
        members = pd.factorize(table[self.group].iloc[rows])[0] if self.group else np.arange(len(rows))
        even, outcome = members % 2 == 0, cases.outcome[rows]
        if not (0 < outcome[even].sum() < even.sum() and 0 < outcome[~even].sum() < (~even).sum()):
            return 0.5
        model = models.Rates(models.Encoding([], [], []), [name]).fit(frame[even], outcome[even], np.ones(even.sum()))
        return judgement.area(outcome[~even], model.chance(frame[~even].reset_index(drop=True)))

    def _without(self, table: pd.DataFrame, columns: list[str]) -> np.ndarray:
        """Log odds with these columns drawn from other rows, the mean of a few draws."""
        total = np.zeros(len(table))
        draws = 4
        for i in range(draws):
            other = self.typical.sample(len(table), replace=True, random_state=i).reset_index(drop=True)
            total += stats.log_odds(self._model.chance(table.assign(**{c: other[c] for c in columns})))
        return total / draws

    # --- leaks and drift --------------------------------------------------------------------------------------------

    def _refuse_leaks(self, table: pd.DataFrame, cases: Cases) -> None:
        missing = [name for name in self.features if name not in table]
        if missing:
            raise KeyError(f"no column {', '.join(missing)}")
        own = [name for name in self.features if name in (self._names["outcome"], self._names["outcome_date"])]
        late = [
            name
            for name in self.features
            if pd.api.types.is_datetime64_any_dtype(table[name]) and (table[name] > cases.start).any()
        ]
        if own or late:
            raise LeakError(
                "; ".join(
                    [f"{name} is the outcome" for name in own]
                    + [f"{name} is dated after the index date" for name in late]
                )
            )

    def _warn_of_leaks(self, table: pd.DataFrame, cases: Cases) -> None:
        known = cases.weight > 0
        if min(cases.outcome[known].sum(), (1 - cases.outcome[known]).sum()) >= MIN_EACH:
            self._suspects = {n: a for n in self.features if (a := self._area_alone(table, cases, n)) > SUSPECT_AREA}
        else:
            self._suspects = {}
        for name, told in self._suspects.items():
            warnings.warn(
                f"{name} alone tells the outcome with AUROC {told:.2f}: was it written after the index date?",
                LeakWarning,
                stacklevel=3,
            )
        for name in [] if self.group else self._shared_groups(table, cases):
            warnings.warn(
                f"rows of the same {name} end alike; name it as group, or they stand on both sides of a split",
                LeakWarning,
                stacklevel=3,
            )

    def _shared_groups(self, table: pd.DataFrame, cases: Cases) -> list[str]:
        """Columns that are no features, repeat on many rows, and whose rows always end alike: keys of a case."""
        found = []
        for name in table.columns.difference([*self.features, *filter(None, self._names.values())]):
            column = table[name]
            if (
                column.map(pd.api.types.is_hashable).all()
                and len(table) * 0.2 < column.nunique() < len(table) * 0.95
                and not pd.api.types.is_float_dtype(column)
            ):
                ends = pd.Series(cases.outcome).groupby(column.to_numpy()).agg(["nunique", "size"])
                shared = ends[ends["size"] > 1]
                if len(shared) and (shared["nunique"] == 1).mean() > 0.98:
                    found.append(str(name))
        return found

    def _warn_of_drift(self, cases: Cases, chance: np.ndarray) -> None:
        known = cases.weight > 0
        if not known.any():
            return
        rate, told = (
            np.average(cases.outcome[known], weights=cases.weight[known]),
            np.average(chance[known], weights=cases.weight[known]),
        )
        error = np.sqrt(max(rate * (1 - rate), 1e-4) / (cases.weight.sum() ** 2 / (cases.weight**2).sum()))
        learned = self.about["base_rate"]
        moved = [f"{name} {was:.1%}" for name, was in (("learned at", learned), ("predicted", told))
                 if abs(rate - was) > DRIFT_POINTS and abs(rate - was) > DRIFT_Z * error]  # fmt: skip
        self.about["drift"] = {
            "observed": float(rate),
            "predicted": float(told),
            "learned": float(learned),
            "alarm": bool(moved),
        }
        if moved:
            warnings.warn(
                f"the rate has moved to {rate:.1%}, {' and '.join(moved)}: fit again on newer cases",
                DriftWarning,
                stacklevel=3,
            )

    def _card(self, table: pd.DataFrame, cases: Cases) -> dict[str, Any]:
        import sklearn

        known = cases.weight > 0
        rate = float(np.average(cases.outcome[known], weights=cases.weight[known])) if known.any() else float("nan")
        best = self.comparison.loc[self.comparison["chosen"]].iloc[0]
        return {"chosen": str(best["model"]), "learned_from": str(cases.start.min().date()), "learned_to": str(cases.start.max().date()),
                "as_of": str(cases.as_of.date()), "cases": len(table), "known": int(known.sum()), "open": int((~cases.stated).sum()),
                "base_rate": rate, "too_few": self._few, "rate_keys": list(self.rate_keys), "suspects": self._suspects,
                "metrics": {k: float(best[k]) for k in ("log_loss", "brier", "auroc")},
                "versions": {"python": sys.version.split()[0], "scikit-learn": sklearn.__version__, "numpy": np.__version__}}  # fmt: skip
