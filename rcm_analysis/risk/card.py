"""The model card: how the practice's chances did on later cases than they were learned from, in tables for the page.

judge(trained).scores     metric    value  lower  upper
                          brier     .157   .150   .165
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rcm_analysis import words
from rcm_analysis.models import scores as judgement
from rcm_analysis.risk import worklist
from rcm_analysis.risk.worklist import AGES, Trained
from rcm_analysis.store import kept
from rcm_analysis.store.content import Content

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

MIN_SEGMENT_LOST = 30  # rates of fewer losses swing too much to judge a model by
DRIFT_FOLLOWED_DAYS = 180
LABELS = {
    "log_loss": ("Log loss", "Mean surprise at what happened; lower is better, and sure but wrong predictions cost most."),
    "brier": ("Brier score", "Mean squared distance of likelihood and outcome, 0 perfect; lower is better."),
    "brier_skill": ("Brier skill", "Share of the average rate's Brier score that the score saves; 0 is no skill."),
    "auroc": ("AUROC", "How often, of two claims, the one written off had the higher likelihood; 50% is chance."),
    "average_precision": ("Average precision", "Mean share of hits down the list; compare with the base rate."),
    "calibration_error": ("Calibration error", "Mean distance between the likelihood predicted and the rate observed, in ten groups."),
    "predicted_minus_observed": ("Predicted less observed", "Mean likelihood less the observed rate; 0 is right on the whole."),
    "base_rate": ("Base rate", "Share written off among these cases."),
    "lift_top_tenth": ("Top tenth, times the usual", "Rate in the tenth with the highest likelihood, divided by the average rate."),
}  # fmt: skip
NAMES = {"base_rate": "base rate", "rates": "table of rates by payer and reason", "logistic": "logistic regression", "boosting": "boosted trees",
         "boosting_by_kind": "boosted trees, for new denials and for older ones apart",
         "blend": "logistic regression and trees together"}  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """What the notebook shows; every table may be empty where there was too little to judge."""

    scores: pd.DataFrame
    calibration: pd.DataFrame
    captured: pd.DataFrame
    curve: pd.DataFrame
    payers: pd.DataFrame
    categories: pd.DataFrame
    comparison: pd.DataFrame
    card: pd.DataFrame
    drift: str
    alarm: bool = False
    model: str = ""  # in words; empty where too little was settled for one
    known: int = 0  # looks at settled claims


def of_practice(view: View, *, capacity_share: float = 0.2) -> Judgement:
    """`judge` of the practice's kept model."""

    def make() -> Content:
        told = judge(worklist.learned(view), capacity_share=capacity_share)
        frames = {
            f.name: getattr(told, f.name) for f in fields(told) if isinstance(getattr(told, f.name), pd.DataFrame)
        }
        return Content(frames, {f.name: getattr(told, f.name) for f in fields(told) if f.name not in frames})

    content = kept.learned(view, "model-card", make, day=view.learning_day, asked={"capacity_share": capacity_share})
    return Judgement(**content.frames, **content.facts)


def judge(trained: Trained | None, *, capacity_share: float = 0.2) -> Judgement:
    """Scores on the held-out later cases; dollars by order of the list at the share that the team can work."""
    if trained is None:
        return Judgement(*[pd.DataFrame(columns=c) for c in _EMPTY], pd.DataFrame(columns=_COMPARED),
                         pd.DataFrame(columns=["item", "text"]), "No claim has been denied, so there is nothing to learn from.")  # fmt: skip
    held = trained.model.validation.astype({"row": int})
    cases = trained.table.iloc[held["row"]].reset_index(drop=True)
    outcome, chance, weight = (held[name].to_numpy(float) for name in ("outcome", "chance", "weight"))
    comparison = _compared(trained.model.comparison)
    if not len(held):
        return Judgement(
            *[pd.DataFrame(columns=c) for c in _EMPTY],
            comparison,
            _card(trained),
            "Too little was settled to tell drift.",
            model=_named(trained),
            known=trained.model.card["known"],
        )
    first = (cases["age_days"] == 0).to_numpy()
    judged = first if _both(outcome[first]) else np.ones(len(first), bool)
    scores = judgement.score(
        outcome[judged], chance[judged], weight=weight[judged], groups=cases["claim_number"].to_numpy()[judged]
    )
    scores = scores.assign(**{shown: [_shown(m, v) for m, v in zip(scores["metric"], scores[name], strict=True)]
                              for shown, name in (("shown", "value"), ("low", "lower"), ("high", "upper"))})  # fmt: skip
    scores = scores.assign(
        label=scores["metric"].map(lambda m: LABELS[m][0]), meaning=scores["metric"].map(lambda m: LABELS[m][1])
    )
    amount = cases["refused_usd"].to_numpy(float)
    orders = {
        "expected loss": chance * amount,
        "amount": amount,
        "age": cases["days_since_service"].to_numpy(float),
        "chance": chance,
    }
    found = judgement.captured(
        outcome[first],
        amount[first],
        {k: v[first] for k, v in orders.items()},
        capacity_share=capacity_share,
        weight=weight[first],
    )
    found = found.assign(
        words=[
            f"{share:.0%} (${dollars:,.0f})" for share, dollars in zip(found["share"], found["dollars"], strict=True)
        ]
    )
    return Judgement(scores, judgement.calibration(outcome, chance, weight), found.sort_values("share", ascending=False, ignore_index=True),
                     judgement.decision_curve(outcome, chance, weight), _segments(cases, held, "payer_name"), _segments(cases, held, "category"),
                     comparison, _card(trained), *_drift(trained), model=_named(trained), known=trained.model.card["known"])  # fmt: skip


def _named(trained: Trained) -> str:
    """The chosen model in words; empty where the chances are rates alone."""
    return NAMES[trained.model.chosen] if trained.enough else ""


def _compared(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(model=table["model"].map(NAMES), loss=table["log_loss"].map("{:.4f}".format), squared=table["brier"].map("{:.4f}".format),
                        taken=table["chosen"].map({True: "taken", False: ""}))[_COMPARED]  # fmt: skip


def _shown(metric: str, value: float) -> str:
    """Losses with four places, lift as times, shares as percent."""
    if np.isnan(value):
        return "–"
    if metric in ("brier", "log_loss"):
        return f"{value:.4f}"
    return f"{value:.2f} times" if metric == "lift_top_tenth" else words.share(value)


_COMPARED = ["model", "loss", "squared", "auroc", "taken"]
_EMPTY = (["label", "shown", "low", "high", "value", "lower", "upper", "meaning", "metric"], ["chance", "observed", "lower", "upper", "cases"],
          ["order", "dollars", "share", "words"], ["threshold", "model", "work_all", "work_none"],
          ["segment", "cases", "told", "observed", "auroc", "brier"], ["segment", "cases", "told", "observed", "auroc", "brier"])  # fmt: skip


def _both(outcome: np.ndarray) -> bool:
    """Enough cases of each outcome to judge by."""
    return min(outcome.sum(), (1 - outcome).sum()) >= MIN_SEGMENT_LOST


def _segments(cases: pd.DataFrame, held: pd.DataFrame, by: str) -> pd.DataFrame:
    rows = []
    for segment, places in cases.groupby(by).indices.items():
        part = held.iloc[places]
        if not _both(part["outcome"].to_numpy(float)):
            continue
        outcome, chance, weight = (part[name].to_numpy(float) for name in ("outcome", "chance", "weight"))
        rows.append((segment, len(part), np.average(chance, weights=weight), np.average(outcome, weights=weight),
                     judgement.area(outcome, chance, weight), np.average((chance - outcome) ** 2, weights=weight)))  # fmt: skip
    return pd.DataFrame(rows, columns=_EMPTY[-1]).sort_values("cases", ascending=False, ignore_index=True)


def _card(trained: Trained) -> pd.DataFrame:
    about, first = trained.model.card, trained.table["age_days"] == 0
    open_share = float(trained.table.loc[first, "outcome"].isna().mean())
    rows = [
        ("Question", "Does an open denial end written off?"),
        ("Model", _model(trained)),
        ("Learned from", f"{first.sum():,} denied claims, {about['learned_from']} to {about['learned_to']}, each on up to {len(AGES)} days of its life"),
        ("Split at random", _at_random(trained)),
        ("Still open", f"{open_share:.1%} of them: counted by the share of their like that are written off"),
        ("Outcomes", {"posted": "from the practice's ledger", "inferred": "no ledger: a balance past its last deadline counts as written off",
                      "none": "none is known yet"}[trained.basis]),
        ("Not used", "age, sex and name of the patient; anything posted or adjudicated after the day; work-queue notes"),
        ("Limits", "Outcomes depend on which claims were worked. The likelihood is what happens if nothing changes, not what work would win."),
        ("Suspicious features", ", ".join(about["suspects"]) or "none"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in about["versions"].items())),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["item", "text"])


def _model(trained: Trained) -> str:
    """What the model is, and how far its parts are followed."""
    name, shares = NAMES[trained.model.chosen], getattr(trained.model.learner, "shares", None)
    if not shares:
        return f"{name}: too few cases for more"
    followed = f"followed {shares[0]:.0%} and {shares[1]:.0%} of the way from the base rate"
    return f"{name}, {followed} as later cases than they learned from ask for"


def _at_random(trained: Trained) -> str:
    """What mixing earlier and later cases would have boasted, beside the figures on later cases."""
    mixed, later = trained.model.split_at_random(trained.table), trained.model.card["metrics"]
    if not mixed:
        return "too few cases to compare"
    return (
        f"would have shown a log loss of {mixed['log_loss']:.3f} and an AUROC of {mixed['auroc']:.3f}; on later cases they "
        f"are {later['log_loss']:.3f} and {later['auroc']:.3f}, all looks together. Only the latter count."
    )


def _drift(trained: Trained) -> tuple[str, bool]:
    """Whether the newest held-out cases end as the older did, in words, and whether that is an alarm."""
    held = trained.model.validation.astype({"row": int})
    cases = trained.table.iloc[held["row"]].reset_index(drop=True)
    # On their first day and followed long enough: of the newest, only quick payments are known
    followed = (pd.Timestamp(trained.model.card["as_of"]) - cases["known_on"]).dt.days
    kept = ((cases["age_days"] == 0) & (followed >= DRIFT_FOLLOWED_DAYS)).to_numpy()
    held, days = held[kept].assign(weight=held["weight"][kept].clip(upper=1)), cases["known_on"][kept]
    if len(held) < 4 * MIN_SEGMENT_LOST:
        return "Too few later claims were followed long enough to tell drift.", False
    newest = (days >= days.quantile(0.5)).to_numpy()
    (told, was, n), (_, before, _) = (_sums(held[part]) for part in (newest, ~newest))
    alarm = abs(told - was) > max(0.05, 3 * np.sqrt(max(was * (1 - was), 0.01) / n))
    text = f"Of the newest claims followed for half a year {was:.1%} of those settled were written off, {before:.1%} before; the chances told {told:.1%}."
    verdict = " That is further apart than chance explains: don't lean on the chances until newer outcomes are in."
    return text + (verdict if alarm else " No drift beyond chance."), bool(alarm)


def _sums(part: pd.DataFrame) -> tuple[float, float, float]:
    weight = part["weight"].sum() or 1.0
    effective = weight**2 / max((part["weight"] ** 2).sum(), 1e-9)
    return (
        float(part["chance"] @ part["weight"] / weight),
        float(part["outcome"] @ part["weight"] / weight),
        float(effective),
    )
