"""Which claims will be written off, and where is an hour best spent? What page 06 says of the worklist and its chances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import risk as charts
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named

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
    clocks = f" All usual clocks have run out on {int(late.sum()):,} claims." if late.any() else ""
    if not len(alive):
        return f"None of the {len(open_claims):,} open denials is within a usual deadline.{clocks}"
    top = alive.head(max(len(alive) // 5, 1))
    worth = "expected_cash" if alive["expected_cash"].sum() > 0 else "at_stake_usd"
    share = top[worth].sum() / max(alive[worth].sum(), 0.01)
    holds = words.cash(top["expected_cash"].sum(), top["at_stake_usd"].sum())
    of_what = "of what work is expected to bring" if worth == "expected_cash" else "of what is open"
    return f"Work the first {len(top):,} of {len(open_claims):,} open denials: they hold {holds}, {words.share(share)} {of_what}.{clocks}"


def coming_write_offs(soon: Mapping[str, float]) -> Finding | None:
    """What is expected to be written off in three months; `soon` as from `worklist.expected_write_offs`."""
    if not soon["claims"]:
        return None
    return Finding(
        f"Of {words.usd(soon['open_usd'])} refused and open in {words.count(soon['claims'])} claims, {words.usd(soon['expected_usd'])} is expected to be written off "
        f"in the coming three months (95% interval {words.usd(soon['lower_usd'])} to {words.usd(soon['upper_usd'])}).",
        rank=6,
        amount_usd=soon["expected_usd"],
        of_ledger=True,
    )


def trust(scores: pd.DataFrame, *, model: str, known: int) -> Finding:
    """How far to trust the chances; arguments as the fields of `card.judge`."""
    return Finding(trust_sentence(scores, model=model, known=known), rank=40, kind="caution")


def trust_sentence(scores: pd.DataFrame, *, model: str, known: int) -> str:
    """The same as a sentence."""
    if not model:
        return (f"Too few denials are settled for a model ({known:,} looks at settled claims, at least 200 and 30 of each outcome needed): "
                "the chances are rates by payer and reason, drawn to the practice's own rate.")  # fmt: skip
    if not len(scores):
        return "There is no later stretch of time to judge the chances on: read them as rates."
    value = scores.set_index("metric")["value"]
    return (f"On the day of their denial, the {model} told later claims that were written off from others {words.share(value['auroc'])} of the time (a coin: 50%), its chances were "
            f"{words.share(value['calibration_error'])} off on average, and it saved {words.share(value['brier_skill'])} of the base rate's error.")  # fmt: skip


def key_figures(open_claims: pd.DataFrame, soon: Mapping[str, float], *, horizon_days: int) -> Numbers:
    """What is open, expected to be lost, and urgent."""
    urgent = open_claims[open_claims["days_left"].between(0, SOON_DAYS)]
    return Numbers(
        [
            (
                "Expected cash",
                words.usd(open_claims["expected_cash"].sum()),
                f"of {words.usd(open_claims['at_stake_usd'].sum())} in charges refused and open, {words.count(len(open_claims))} claims",
            ),
            (
                "Expected loss",
                words.usd(open_claims["expected_loss_usd"].sum()),
                f"within {horizon_days} days, by the usual handling",
            ),
            (
                f"Deadline within {SOON_DAYS} days",
                words.usd(urgent["expected_cash"].sum()),
                f"expected cash of {words.count(len(urgent))} claims, {words.usd(urgent['at_stake_usd'].sum())} in charges",
            ),
            (
                "Written off in three months",
                words.usd(soon["expected_usd"]),
                f"{words.usd(soon['lower_usd'])} to {words.usd(soon['upper_usd'])}",
            ),
        ],
        headline=(1, 2),
        of_ledger=(0, 1, 2, 3),
    )


def order_of_work(tried: pd.DataFrame) -> Finding:
    """Which order the list has, and by how much it was better; `tried` as from `orders.tried`."""
    return Finding(order_sentence(tried), rank=30)


def order_sentence(tried: pd.DataFrame) -> str:
    """The same as a sentence."""
    if not len(tried):
        return "The list is in the order of expected cash. Too few denials of earlier months were worked and have ended to try other orders."
    taken = tried[tried["taken"].astype(bool)].iloc[0]
    amount = tried.set_index("order").loc["amount"]
    said = (f"The list is in the order of {taken['label']}: of {words.count(taken['claims'])} denials of earlier months that were worked since, the first "
            f"fifth by it held {words.share(taken['share'])} of what they brought")  # fmt: skip
    others = tried[~tried["taken"].astype(bool) & (tried["order"] != "amount")].head(1)
    beside = [] if taken["order"] == "amount" else [f"by {amount['label']} {words.share(amount['share'])}"]
    beside += [f"by {row.label} {words.share(row.share)}" for row in others.itertuples()]
    return f"{said}, {' and '.join(beside)}.{_not_clear(tried, taken)}"


def _not_clear(tried: pd.DataFrame, taken: pd.Series) -> str:
    """Says why the order that held most was not taken, where that is so."""
    first = tried.iloc[0]
    if first["order"] == taken["order"]:
        return ""
    return f" The lead of {first['label']} may be chance, so expected cash stays."


def orders(tried: pd.DataFrame) -> Table:
    """The orders that were tried."""
    columns = named(
        "label share difference lower upper taken",
        label="In the order of",
        share=Column("In the first fifth", "share", "of what the claims brought"),
        difference=Column("Against expected cash", "points"),
        lower=Column("from", "points", "95% interval"),
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
        lower=Column("from", "points", "95% interval"),
        upper=Column("to", "points"),
    )
    return Table(effect, "risk_effect_of_work", "What work wins, by reason", columns)


def worklist(open_claims: pd.DataFrame) -> Table:
    """Open denials in the order of work that is taken."""
    ranges = open_claims["lower"].map(words.share) + " to " + open_claims["upper"].map(words.share)
    columns = named(
        "claim_number payer_name category expected_cash at_stake_usd p_write_off range days_left next_step reasons"
    )
    return Table(open_claims.assign(range=ranges), "worklist", "Open denials in the order of work", columns, rows=20)


def calibration(table: pd.DataFrame) -> Figure:
    """Chances told and rates observed."""
    return Figure(
        charts.calibration(table, title="Do the chances come true?"),
        name="risk_calibration",
        alt=f"Observed write-off rate against the chance told, {len(table)} groups",
        caption="Share written off in groups of equal size by chance, later cases only; "
        f"n = {words.count(table['cases'].sum())}.",
        data=table,
    )


def scores(table: pd.DataFrame) -> Table:
    """The scores on later claims."""
    columns = named(
        "label shown low high meaning",
        label="Score",
        low=Column("from", "text", "lower end of the 95% interval"),
        meaning="What it says",
    )
    return Table(table, "risk_scores", "Scores on later claims, on the day of their denial", columns)


def models(table: pd.DataFrame) -> Table:
    """The models that were compared."""
    title = "Models compared on later cases, all days of their lives"
    return Table(table, "risk_models", title, "model loss squared auroc taken")


def captured(table: pd.DataFrame, *, capacity: float) -> Figure:
    """Dollars later written off in the top of the list, by how it is ordered."""
    return Figure(
        charts.captured(table, title=f"Working the top {capacity:.0%} of new denials"),
        name="risk_captured",
        alt="Bars: share of the later written-off dollars in the top of the list, by the order of the list",
        caption="Share of the dollars later written off that lie in the top of the list; later cases at their denial.",
        data=table,
    )


def decision_curve(table: pd.DataFrame) -> Figure:
    """Whether choosing pays, by threshold."""
    return Figure(
        charts.decision_curve(table, title="When does choosing pay?"),
        name="risk_decision_curve",
        alt="Net benefit of working claims above a threshold against working all or none",
        caption="Net benefit per case: losses worked, less claims worked in vain at the odds of the threshold (Vickers and Elkin 2006).",
        data=table,
    )


def by_payer(table: pd.DataFrame) -> Table:
    """Chances told and observed by payer."""
    columns = named("segment cases told observed auroc", segment="Payer", cases="Cases")
    return Table(table, "risk_by_payer", "By payer", columns)


def by_reason(table: pd.DataFrame) -> Table:
    """The same by reason."""
    reason = Column("Reason", "words")
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
