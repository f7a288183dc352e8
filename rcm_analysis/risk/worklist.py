"""Which open denials will be written off, and where work brings most: `risk(con, as_of=...)`.

    claim_number  p_write_off  lower  upper  at_stake_usd  expected_loss_usd  expected_cash  days_left  next_deadline  rank
    A17           .71          .63    .78    1840.00       1306.40            412.60         21         2026-11-21     1
    A52           .33          .26    .41    2210.00       729.30             380.15         75         2027-01-14     2

The chance is that the denial ends in a write-off, given that the claim is still open today: each past denial is
looked at on several days of its life, with what was known on that day. One that is still open counts by the share of its
like that are written off (`models.ends`). What happened depended on who was worked, so
the chance is that of the practice's usual handling, not of a claim left alone. The order is that of the cash that work
brings (what the payer would allow for what is refused and open, times how often such claims were paid when they were
worked: `open_denials`), unless another has clearly brought more on the practice's own past (`risk.orders`).

Models learn what was known at the end of the last whole month (`View.learning_day`); the list is of the view's day. Both
are kept (`store.kept`), so that a day's new files cost the list and no model.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rcm_analysis import stats
from rcm_analysis import words as plain_words
from rcm_analysis.claims import derive
from rcm_analysis.models import learners
from rcm_analysis.models import outcome as models_outcome
from rcm_analysis.models.leaks import DriftWarning, LeakError, LeakWarning
from rcm_analysis.models.outcome import FittedModel, OutcomeModel
from rcm_analysis.risk import features, orders
from rcm_analysis.store import kept
from rcm_analysis.store.content import Content

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

__all__ = [
    "DriftWarning",
    "LeakError",
    "LeakWarning",
    "OutcomeModel",
    "Trained",
    "expected_write_offs",
    "learn",
    "learned",
    "rank",
    "risk",
]

SOON_DAYS = 92  # three months
SOON_CANDIDATES = ("base_rate", "rates", "boosting")
AGES = (0, 15, 30, 60, 90, 150)  # days after the denial on which past cases are looked at
REASONED_ROWS = 300  # the foot of a longer list is not read
LEAST_MOVE = 0.01  # of a chance: less is no reason
DRAWS = 2000
NO_APPEAL = (
    "new_claim",
    "exception_request",
    "ask_payer",
    "invoice_facility",
    "bill_other_payer",
    "bill_patient",
    "none",
    "write_off",
)
WAITING = "Ask the payer for the status."  # begins the next step of a claim whose resubmission has no answer
COLUMNS = ["claim_number", "as_of", "p_write_off", "lower", "upper", "open_balance", "at_stake_usd", "expected_loss_usd",
           "expected_allowed_usd", "expected_cash", "touches", "usd_per_touch", "days_left", "next_deadline", "correction_days_left",
           "appeal_days_left", "rank", "reasons", "next_step", "owner", "payer_name", "location", "category", "carc", "rarc",
           "route", "denied_on", "basis"]  # fmt: skip
GROUPS = {
    "payer": ["payer_name", "payer_class", "payer_order"],
    "reason": ["category", "carc", "codes", "group_code"],
    "location": ["location"],
    "provider": ["rendering_npi", "place_of_service"],
    "procedure": ["procedure_family"],
    "amount": ["refused_usd", "charge_usd", "refused_share", "paid_share", "lines_refused"],
    "age": ["age_days", "days_since_denial", "correction_days_left", "appeal_days_left"],
    "filing": ["days_to_submit", "days_to_decide", "days_since_service"],
    "work": ["sent_again", "awaiting_answer", "denials_so_far"],
}  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """A model of the practice and the cases it learned from; `model.card` and `model.comparison` tell the rest."""

    model: FittedModel
    cases: pd.DataFrame
    table: pd.DataFrame
    basis: str  # posted by the practice, inferred where there is no ledger, or none
    day: date  # up to which it learned
    orders: pd.DataFrame = field(default_factory=pd.DataFrame)  # of work, tried on the practice's past
    won: orders.Won | None = None  # chance of being paid when worked

    @property
    def enough(self) -> bool:
        """Whether there is a model, and not only rates."""
        return not self.model.too_few


def learned(view: View, *, horizon_days: int | None = None) -> Trained | None:
    """The practice's model of the last whole month, as kept or learned now; None when no claim was denied by then."""
    day = view.learning_day

    def make() -> Content:
        if horizon_days is None:
            return _packed(learn(derive.known_on(view, day)))
        usual = learned(view)
        return _packed(usual and _again(usual, horizon_days=horizon_days, candidates=SOON_CANDIDATES))

    return _unpacked(kept.learned(view, f"write-off-model-{horizon_days or 'ever'}", make, day=day), day)


def _packed(trained: Trained | None) -> Content:
    if trained is None:
        return Content()
    frames, facts, learner = trained.model.parts()
    files = {"learner.model": learner} | (
        {"won.model": learners.written(trained.won.by_code, {"again": trained.won.again})} if trained.won else {}
    )
    return Content({**frames, "cases": trained.cases, "table": trained.table, "orders": trained.orders}, {**facts, "basis": trained.basis},
                   files)  # fmt: skip


def _unpacked(content: Content, day: date) -> Trained | None:
    if not content.frames:
        return None
    model = models_outcome.of_parts(content.frames, content.facts, content.files["learner.model"])
    won = None
    if "won.model" in content.files:
        by_code, about = learners.read(BytesIO(content.files["won.model"]))
        won = orders.Won(by_code, about["again"])
    return Trained(model, content.frames["cases"], content.frames["table"], content.facts["basis"], day,
                   content.frames["orders"], won)  # fmt: skip


def learn(view: View, *, horizon_days: int | None = None, candidates: tuple[str, ...] | None = None) -> Trained | None:
    """The practice's model from all that was known on the day; None when no claim was ever denied."""
    cases = features.cases(view)
    if not len(cases):
        return None
    table = _looks(view, cases)
    trained = _trained(cases, table, as_of=view.as_of, horizon_days=horizon_days, candidates=candidates)
    return replace(trained, orders=orders.tried(view, trained), won=orders.won_model(orders.ended(view), table))


def _looks(view: View, cases: pd.DataFrame) -> pd.DataFrame:
    """What was known of past cases on each day they are looked at, and what became of them: `lost` is 1, 0 or open."""
    table = features.features(view, moments(cases, as_of=view.as_of))
    table = table.merge(cases.drop(columns="denied_on"), on="claim_number", how="left", validate="many_to_one")
    table["lost"] = (table["outcome"] == "written_off").astype(float).where(table["outcome"].notna())
    return table


def _trained(
    cases: pd.DataFrame,
    table: pd.DataFrame,
    *,
    as_of: date,
    horizon_days: int | None,
    candidates: tuple[str, ...] | None,
) -> Trained:
    chosen = {} if candidates is None else {"candidates": candidates}
    model = OutcomeModel(
        features=features.ALL,
        horizon_days=horizon_days,
        group="claim_number",
        rate_keys=("payer_name", "category"),
        kind="age_days",
        **chosen,
    )
    fitted = model.fit(table, index_date="known_on", outcome="lost", outcome_date="settled_on", as_of=as_of)
    bases = set(cases["basis"].dropna())
    basis = "none" if not bases else "inferred" if "inferred" in bases else "posted"
    return Trained(fitted, cases, table, basis, as_of)


def _again(trained: Trained, *, horizon_days: int, candidates: tuple[str, ...]) -> Trained:
    """A model of another horizon from the same cases."""
    return _trained(trained.cases, trained.table, as_of=trained.day, horizon_days=horizon_days, candidates=candidates)


def moments(cases: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """The days on which each past case is looked at: at its denial and later while it was open, up to the day."""
    parts = []
    for age in AGES:
        day = cases["denied_on"] + pd.Timedelta(days=age)
        open_then = (day <= pd.Timestamp(as_of)) & (cases["settled_on"].isna() | (cases["settled_on"] > day))
        parts.append(pd.DataFrame({"claim_number": cases["claim_number"], "known_on": day})[open_then])
    return pd.concat(parts, ignore_index=True)


def orders_tried(view: View) -> pd.DataFrame:
    """The orders of work as tried on the practice's past, from the kept model: `orders.tried`."""
    trained = learned(view)
    return pd.DataFrame(columns=orders.COLUMNS) if trained is None else trained.orders


def risk(view: View, *, trained: Trained | None = None) -> pd.DataFrame:
    """Every open denied claim with its chance of a write-off, what is at stake and what to do, in the order of work.

    By the kept model of the practice where no other is given.
    """
    if trained is None:
        return kept.learned(view, "worklist", lambda: Content({"risk": _risk(view, learned(view))})).frames["risk"]
    return _risk(view, trained)


def _risk(view: View, trained: Trained | None) -> pd.DataFrame:
    found = standing(view) if trained else pd.DataFrame()
    if trained is None or not len(found):
        return pd.DataFrame(columns=COLUMNS)
    told = trained.model.predict(found).rename(columns={"chance": "p_write_off"})
    found = found.assign(as_of=pd.Timestamp(view.as_of), basis=trained.basis, **{name: told[name] for name in told})
    return rank(found, trained)[COLUMNS]


def standing(view: View) -> pd.DataFrame:
    """Open denied claims with their features on the day and their open balance; two models are asked about them."""
    return kept.learned(view, "open-denials", lambda: Content({"open": _standing(view)})).frames["open"]


def _standing(view: View) -> pd.DataFrame:
    cases = features.cases(view)
    left = cases.loc[cases["outcome"].isna(), ["claim_number"]].assign(known_on=pd.Timestamp(view.as_of))
    found = features.features(view, left)
    owed = view.execute("""
        SELECT claim_number, CAST(open_balance AS DOUBLE) AS open_balance, CAST(at_stake AS DOUBLE) AS at_stake_usd,
            CAST(expected_allowed AS DOUBLE) AS expected_allowed_usd, CAST(expected_cash AS DOUBLE) AS expected_cash, share AS paid_when_worked
        FROM open_denials""").df()
    return found.merge(owed, on="claim_number", how="inner", validate="one_to_one")


def rank(found: pd.DataFrame, trained: Trained) -> pd.DataFrame:
    """Adds loss, deadlines, touches, reasons and next step, in the order of work that is taken.

    Where no payment tells prices expected cash is missing, and charges keep the order. Claims whose usual clocks have run
    out come last, as some payers still answer.
    """
    found = found.assign(expected_loss_usd=found["p_write_off"] * found["at_stake_usd"]).pipe(_deadlines)
    found = found.assign(touches=_touches(trained.table, found))
    found["usd_per_touch"] = found["expected_cash"] / found["touches"]
    found = found.assign(
        late=found["days_left"].fillna(0) < 0, order=_order(found, orders.taken(trained.orders), trained.won)
    )
    found = found.sort_values(
        ["late", "order", "expected_loss_usd", "claim_number"], ascending=[True, False, False, True], ignore_index=True
    )
    found["rank"] = np.arange(1, len(found) + 1)
    found["reasons"] = reasons(found, trained)
    found["owner"] = found["owner"].replace({"": "biller", "none": "biller"})
    found["next_step"] = [_next_step(row, row.fix or "Ask the payer why.") for row in found.itertuples()]
    return found


def _order(found: pd.DataFrame, name: str, won: orders.Won | None) -> pd.Series:
    """What the list is sorted by, the largest first."""
    if name == "when_worked" and won is not None:
        return found["expected_allowed_usd"].fillna(found["at_stake_usd"]) * won.chance(found)
    if name in ("when_worked", "expected_cash"):
        return found["expected_cash"].fillna(found["at_stake_usd"] * found["paid_when_worked"].fillna(0.5))
    if name == "expected_allowed":
        return found["expected_allowed_usd"].fillna(found["at_stake_usd"])
    return found[{"amount": "at_stake_usd", "chance": "p_write_off", "age": "days_since_denial"}[name]]


def _deadlines(found: pd.DataFrame) -> pd.DataFrame:
    """The next clock that still runs; where all have run out, the last that did."""
    dates, day = found[["correct_by", "appeal_by"]], found["as_of"]
    ahead = dates.where(dates.ge(day, axis=0)).min(axis=1)
    deadline = ahead.fillna(dates.max(axis=1))
    return found.assign(next_deadline=deadline, days_left=(deadline - day).dt.days)


def _touches(table: pd.DataFrame, found: pd.DataFrame) -> np.ndarray:
    """How many times a claim of the reason was worked until it was settled, at least once."""
    settled = table[table["outcome"].notna()].sort_values("known_on").drop_duplicates("claim_number", keep="last")
    touches = found["category"].map(settled.groupby("category")["denials_so_far"].mean()).fillna(1.0)
    return touches.clip(lower=1).to_numpy(float)


def reasons(found: pd.DataFrame, trained: Trained) -> list[str]:
    """The three things that move each claim's chance most, in words and points; without a model, what rate it is.

    A fact that moves most claims the other way says nothing of this one, nor does a move of less than a point.
    """
    if not trained.enough:
        few = "too few closed denials for a score"
        if trained.model.chosen == "base_rate":
            return [f"the practice's own rate: {few}"] * len(found)
        return [f"rate of {row.payer_name} for {_plain(row.category)}: {few}" for row in found.itertuples()]
    top = found.head(REASONED_ROWS)
    told = _moves(top, trained)
    usual = told.groupby("words")["points"].transform("mean")
    told = told[(told["points"] * usual > 0) & (told["points"].abs() >= LEAST_MOVE)]
    told = told.sort_values(["row", "size"], ascending=[True, False], kind="stable").groupby("row").head(3)
    said = told["words"] + np.where(told["points"] > 0, " raises it by ", " lowers it by ") + told["size"].map(_points)
    by_row = said.groupby(told["row"]).agg("; ".join)
    return [by_row.get(i, "near the practice's own rate") for i in range(len(top))] + [""] * (len(found) - len(top))


def _moves(top: pd.DataFrame, trained: Trained) -> pd.DataFrame:
    """How far each group of facts moves each claim's chance: row, words, points (of 0-1), size."""
    chance = top["p_write_off"].to_numpy(float).clip(1e-4, 1 - 1e-4)
    moves = trained.model.reasons(top, groups=GROUPS, count=len(GROUPS))
    rows = [(i, _in_words(name, row), chance[i] - stats.sigmoid(stats.log_odds(chance[i]) - move))
            for i, (row, found) in enumerate(zip(top.itertuples(), moves, strict=True)) for name, move in found]  # fmt: skip
    told = pd.DataFrame(rows, columns=["row", "words", "points"]).astype({"points": float})
    return told.assign(size=told["points"].abs())


def _points(size: float) -> str:
    return f"{100 * size:.0f} point{'' if round(100 * size) == 1 else 's'}"


def _plain(name: str) -> str:
    return str(name).replace("_", " ")


def _in_words(name: str, row) -> str:
    remark = "" if row.rarc == "none" else f"/{row.rarc}"
    words = {
        "payer": f"payer {plain_words.titled(str(row.payer_name))}", "reason": f"reason {plain_words.words(row.category)} ({row.carc}{remark})",
        "location": f"location {plain_words.titled(str(row.location))}", "provider": f"provider {row.rendering_npi}",
        "procedure": "a claim without lines" if row.procedure == "none" else f"procedure {row.procedure}",
        "amount": f"${row.refused_usd:,.0f} billed and denied", "age": f"{row.days_since_denial:.0f} days since the denial",
        "filing": f"{row.days_since_service:.0f} days from service to denial",
        "work": "resubmitted, waiting on the payer" if row.awaiting_answer else "resubmitted before" if row.sent_again > 0 else "not resubmitted yet",
    }  # fmt: skip
    return words[name]


def _next_step(row, fix: str) -> str:
    """What to do, by what was done and which clock still runs."""
    if row.awaiting_answer:
        return f"{WAITING} The claim was resubmitted and waits on the payer."
    if pd.notna(row.days_left) and row.days_left < 0:
        return "Past the usual deadline. Look for proof of timely filing or a contract that allows more, or record why."
    if row.unprocessable:
        return f"Submit a new claim (not a corrected claim). {fix}"
    if row.route in NO_APPEAL:
        return fix
    if row.denials_so_far > 1 and pd.notna(row.appeal_days_left) and row.appeal_days_left >= 0:
        return f"Denied {row.denials_so_far} times. Appeal with records. {fix}"
    if pd.notna(row.correction_days_left) and row.correction_days_left < 0:
        return f"Past the deadline for a correction. Appeal. {fix}"
    return fix


def expected_write_offs(view: View, *, days: int = SOON_DAYS, trained: Trained | None = None) -> dict[str, float]:
    """Dollars of today's open denials expected to be written off within `days`, with a 95 % interval, and the open total.

    A model of its own, with that horizon, from the cases of the kept model or those of `trained` where it is given. The
    interval holds chance claim by claim and how far whole months of earlier predictions missed. Claims not yet denied
    today are not in it.
    """
    if trained is None:
        made = lambda: Content({}, _expected(view, learned(view, horizon_days=days)))  # noqa: E731
        return dict(kept.learned(view, "coming-write-offs", made, asked={"days": days}).facts)
    return _expected(view, _again(trained, horizon_days=days, candidates=SOON_CANDIDATES))


def _expected(view: View, trained: Trained | None) -> dict[str, float]:
    nothing = {"expected_usd": 0.0, "lower_usd": 0.0, "upper_usd": 0.0, "open_usd": 0.0, "claims": 0}
    found = standing(view) if trained else pd.DataFrame()
    if trained is None or not len(found):
        return nothing
    chance, amount = trained.model.predict(found)["chance"].to_numpy(), found["at_stake_usd"].to_numpy()
    rng, spread = np.random.default_rng(0), _monthly_miss(trained)
    odds = np.log(np.clip(chance, 1e-4, 1 - 1e-4) / (1 - np.clip(chance, 1e-4, 1 - 1e-4)))
    totals = [
        float(amount @ (rng.random(len(chance)) < 1 / (1 + np.exp(-odds - shift))))
        for shift in rng.normal(0, spread, DRAWS)
    ]
    expected, (low, high) = float(chance @ amount), map(float, np.quantile(totals, [0.025, 0.975]))
    # of a few sure losses every draw may be the same sum, a cent beside what is expected
    return {"expected_usd": expected, "lower_usd": min(low, expected), "upper_usd": max(high, expected),
            "open_usd": float(amount.sum()), "claims": len(found)}  # fmt: skip


def _monthly_miss(trained: Trained) -> float:
    """How far, in log odds, the rate of a whole month of later cases lay from its prediction."""
    held = trained.model.validation
    if not len(held):
        return 0.5
    month = trained.table["known_on"].dt.strftime("%Y-%m").to_numpy()[held["row"].astype(int)]
    sums = (
        held.assign(told=held["chance"] * held["weight"], was=held["outcome"] * held["weight"])
        .groupby(month)[["told", "was", "weight"]]
        .sum()
    )
    told, was = ((sums[name] + 1) / (sums["weight"] + 2) for name in ("told", "was"))
    return float(np.sqrt(np.mean((np.log(was / (1 - was)) - np.log(told / (1 - told))) ** 2)))
