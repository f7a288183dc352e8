"""The worklist: which open denials to work first. What page 06 says of it and of its score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import risk as charts
from rcm_analysis.pages import nouns
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

SOON_DAYS = 30  # from which on a deadline presses


def first_hours(open_claims: pd.DataFrame) -> Finding:
    """Where the first hours go and what they are worth; `open_claims` as from `worklist.risk`."""
    brings = open_claims["expected_cash"].fillna(0).sum() or open_claims["expected_loss_usd"].sum()
    return Finding(first_hours_sentence(open_claims), rank=5, kind="action", amount_usd=float(brings))


def first_hours_sentence(open_claims: pd.DataFrame) -> str:
    """The same as a sentence."""
    if not len(open_claims):
        return "No denied claim is open, so there is nothing to work."
    late = open_claims["days_left"].fillna(0) < 0
    alive = open_claims[~late]
    passed = f" {_passed(int(late.sum()))}" if late.any() else ""
    if not len(alive):
        return f"None of the {len(open_claims):,} open denials is before a usual deadline.{passed}"
    top = alive.head(max(len(alive) // 5, 1))
    worth = "expected_cash" if alive["expected_cash"].sum() > 0 else "at_stake_usd"
    share = top[worth].sum() / max(alive[worth].sum(), 0.01)
    holds = words.cash(top["expected_cash"].sum(), top["at_stake_usd"].sum())
    of_what = "of all expected cash" if worth == "expected_cash" else "of what is open"
    return f"Work the first {len(top):,} of {len(open_claims):,} open denials. They hold {holds}, {share:.0%} {of_what}.{passed}"


def _passed(number: int) -> str:
    return "1 claim is past the usual deadline." if number == 1 else f"{number:,} claims are past the usual deadline."


def coming_write_offs(soon: Mapping[str, float]) -> Finding | None:
    """What is expected to be written off in three months; `soon` as from `worklist.expected_write_offs`."""
    if not soon["claims"]:
        return None
    return Finding(
        f"If nothing changes, about {words.about(soon['expected_usd'])} of {words.about(soon['open_usd'])} billed on {words.count(soon['claims'])} open denials "
        f"will likely be written off in 3 months. It could be as low as {words.about(soon['lower_usd'])} or as high as {words.about(soon['upper_usd'])}.",
        rank=6,
        amount_usd=soon["expected_usd"],
        of_ledger=True,
    )


def trust(scores: pd.DataFrame, *, model: str, known: int) -> Finding:
    """How far to trust the score; arguments as the fields of `card.judge`."""
    return Finding(trust_sentence(scores, model=model, known=known), rank=40, kind="caution")


def trust_sentence(scores: pd.DataFrame, *, model: str, known: int) -> str:
    """The same as a sentence."""
    if not model:
        return (f"Too few denials are closed for a score ({known:,} known, at least 200 and 30 of each outcome needed). "
                "The likelihoods are rates by payer and reason.")  # fmt: skip
    if not len(scores):
        return "There are no later months to check the score on. Read its likelihoods as rates."
    value = scores.set_index("metric")["value"]
    how = (
        "well"
        if value["auroc"] >= 0.75
        else "better than chance"
        if value["auroc"] >= 0.65
        else "only slightly better than chance"
    )
    return (f"The score ranked later claims {how}: the {model} put the claim written off first in {words.share(value['auroc'])} of pairs. "
            f"Predictions miss by {value['calibration_error'] * 100:.0f} points on average.")  # fmt: skip


def key_figures(view: View, open_claims: pd.DataFrame, soon: Mapping[str, float]) -> Numbers:
    """What is open, what is due soon, and what will likely be written off."""
    told = nouns.of(view)
    urgent = open_claims[open_claims["days_left"].between(0, SOON_DAYS)]
    return Numbers(
        [
            told.tile("open_denials"),
            told.tile("open_denials_cash", f"of {told['open_denials_balance'].text} billed"),
            (
                f"Due within {SOON_DAYS} days",
                _claims(len(urgent)),
                f"{words.about(urgent['expected_cash'].sum())} expected cash",
            ),
            (
                "Likely write-offs, 3 months",
                words.about(soon["expected_usd"]),
                f"billed, between {words.about(soon['lower_usd'])} and {words.about(soon['upper_usd'])}",
            ),
        ],
        headline=(0, 2),
        of_ledger=(1, 3),
    )


def _claims(number: int) -> str:
    return f"{words.count(number)} {'claim' if number == 1 else 'claims'}"


def order_of_work(tried: pd.DataFrame) -> Finding:
    """Which order the list has, and by how much it was better; `tried` as from `orders.tried`."""
    return Finding(order_sentence(tried), rank=30)


def order_sentence(tried: pd.DataFrame) -> str:
    """The same as a sentence."""
    if not len(tried):
        return "The list is in the order of expected cash. Too few denials of earlier months were worked and have ended to try other orders."
    taken = tried[tried["taken"].astype(bool)].iloc[0]
    amount = tried.set_index("order").loc["amount"]
    said = (f"The list is in the order of {taken['label']}. Of {words.count(taken['claims'])} earlier denials that were worked, the first "
            f"fifth in this order brought {words.share(taken['share'])} of the cash")  # fmt: skip
    others = tried[~tried["taken"].astype(bool) & (tried["order"] != "amount")].head(1)
    beside = [] if taken["order"] == "amount" else [f"by {amount['label']} {words.share(amount['share'])}"]
    beside += [f"by {row.label} {words.share(row.share)}" for row in others.itertuples()]
    return f"{said}, {' and '.join(beside)}.{_not_clear(tried, taken)}"


def _not_clear(tried: pd.DataFrame, taken: pd.Series) -> str:
    """Says why the order that held most was not taken, where that is so."""
    first = tried.iloc[0]
    if first["order"] == taken["order"]:
        return ""
    return f" The lead of {first['label']} may be chance, so {taken['label']} stays."


def orders(tried: pd.DataFrame) -> Table:
    """The orders that were tried."""
    columns = named(
        "label share difference lower upper taken",
        label="In the order of",
        share=Column("In the first fifth", "share", "of what the claims brought"),
        difference=Column("Compared with the usual order", "points"),
        lower=Column("From", "points", "95% range"),
        upper=Column("to", "points"),
        taken=Column("Taken"),
    )
    shown = tried.assign(taken=tried["taken"].map({True: "taken", False: ""}))
    return Table(shown, "risk_orders", "Orders of work tried on earlier months", columns)


def effect_of_work(effect: pd.DataFrame) -> Table:
    """What was paid of claims that were worked and of those left alone; `effect` as from `orders.effect`."""
    columns = named(
        "category worked paid_worked alone paid_alone effect lower upper",
        worked=Column("Worked", "count"),
        paid_worked=Column("paid", "share", "of those worked"),
        alone=Column("Left alone", "count"),
        paid_alone=Column("paid", "share", "of those left alone"),
        lower=Column("From", "points", "95% range"),
        upper=Column("to", "points"),
    )
    return Table(effect, "risk_effect_of_work", "What work wins, by reason", columns)


def worklist(open_claims: pd.DataFrame) -> Table:
    """Open denials in the order of work that is taken."""
    columns = named(
        "claim_number payer_name category expected_cash at_stake_usd days_left next_deadline owner next_step"
    )
    return Table(open_claims, "worklist", "Open denials", columns, rows=20)


def likelihoods(open_claims: pd.DataFrame) -> Table:
    """The score of each open denial with its range and what raises it."""
    ranges = open_claims["lower"].map(words.share) + " to " + open_claims["upper"].map(words.share)
    columns = named("claim_number p_write_off range reasons")
    return Table(open_claims.assign(range=ranges), "worklist_scores", "Likelihood of each claim", columns, rows=5)


def calibration(table: pd.DataFrame) -> Figure:
    """Likelihood predicted and rates observed."""
    return Figure(
        partial(charts.calibration, table, title="Predicted and observed write-offs"),
        name="risk_calibration",
        alt=f"Observed write-off rate over the predicted likelihood, {len(table)} groups",
        caption=f"Groups of equal size by likelihood, {words.count(table['cases'].sum())} later cases.",
        data=table,
    )


def scores(table: pd.DataFrame) -> Table:
    """The scores on later claims."""
    columns = named(
        "label shown low high meaning",
        label="Score",
        low=Column("From", "text", "lower end of the 95% range"),
        high=Column("To"),
        meaning="What it says",
    )
    return Table(table, "risk_scores", "Accuracy on later claims", columns)


def models(table: pd.DataFrame) -> Table:
    """The models that were compared."""
    title = "Scores compared on later cases"
    return Table(table, "risk_models", title, "model loss squared auroc taken")


def captured(table: pd.DataFrame, *, capacity: float) -> Figure:
    """Dollars later written off in the top of the list, by how it is ordered."""
    return Figure(
        partial(charts.captured, table, title=f"Working the top {capacity:.0%} of denials"),
        name="risk_captured",
        alt="Bars: share of the later written-off dollars in the top of the list, by the order of the list",
        caption="Share of the dollars later written off that lie in the top of the list.",
        data=table,
    )


def decision_curve(table: pd.DataFrame) -> Figure:
    """Whether choosing pays, by threshold."""
    return Figure(
        partial(charts.decision_curve, table, title="When does choosing pay?"),
        name="risk_decision_curve",
        alt="Net benefit of working claims above a threshold, compared with working all or none",
        caption="Losses worked, less claims worked in vain at the odds of the threshold (Vickers and Elkin 2006).",
        data=table,
    )


def by_payer(table: pd.DataFrame) -> Table:
    """Likelihood predicted and observed by payer."""
    columns = named("segment cases told observed auroc", segment="Payer", cases="Cases")
    return Table(table, "risk_by_payer", "By payer", columns)


def by_reason(table: pd.DataFrame) -> Table:
    """The same by reason."""
    reason = Column("Reason", "reason")
    columns = named("segment cases told observed auroc", segment=reason, cases="Cases")
    return Table(table, "risk_by_category", "By reason", columns)


def drift(said: str, *, alarm: bool) -> Finding:
    """Whether the newest claims end as the older did."""
    return Finding(said, rank=60, kind="caution" if alarm else "answer")


def model_card(table: pd.DataFrame) -> Table:
    """What the model is, learned from and may not do."""
    return Table(table, "risk_model_card", "Model card", "item text", rows=20)


def definitions(labels: Iterable[tuple[str, str]]) -> Definitions:
    """The scores by name; `labels` as the values of `card.LABELS`."""
    return Definitions(
        [
            (label, meaning, "proper scoring rules, https://doi.org/10.1198/016214506000001437")
            for label, meaning in labels
        ]
    )
