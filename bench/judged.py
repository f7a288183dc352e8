"""How much of a practice's truth was found: one function a section, from a world and its practice to figures.

A world is a practice whose truth is known (`truth.py` makes and keeps them). Every figure is a number that stands alone,
with the direction in which it is better in `FIGURES`; what a world's truth does not hold is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SETTLED = ("paid", "partial", "patient", "written_off")
MONTH_ENDS = 6  # consecutive month ends at which chances and order of work are judged
NEWEST_DAYS = 31  # denials of the last month before each of them are judged: nobody could settle them for the model
MATURE_MONTHS = 5  # what was denied then is settled by the end of the files
FIRST = 0.2  # the part of the worklist that a team works
LEARNED_BEFORE = 3  # months of later claims on which prevention is judged
HOLDS = 0.05

# --- headings ------------------------------------------------------------------------------------------------------

# section -> figure -> (heading, which way is better: "high", "low", or "" for a mere count)
FIGURES: dict[str, dict[str, tuple[str, str]]] = {
    "risk": {
        "denials": ("denials judged", ""),
        "log_loss": ("log loss", "low"),
        "against_base": ("÷ base rate", "low"),
        "against_best": ("÷ best opponent", "low"),
        "worst_month": ("÷ best, worst month", "low"),
        "auroc": ("AUROC", "high"),
        "auroc_gap": ("AUROC − best", "high"),
        "level_points": ("level, points off", "low"),
        "level_true_points": ("level, points off the true chance", "low"),
        "ece": ("ECE", "low"),
        "constant_ends": ("month ends with one constant", "low"),
        "largest_move": ("largest move in a month", "low"),
        "open_level_points": ("all open: level, points off the true chance", "low"),
        "open_distance": ("all open: mean distance to it", "low"),
        "moved_share": ("moved > .10 without a new fact", "low"),
    },
    "order": {
        "denials": ("denials judged", ""),
        "rank": ("by rank", "high"),
        "amount": ("by amount", "high"),
        "expected_allowed": ("by price (truth)", "high"),
        "truth": ("perfect", "high"),
        "rank_of_truth": ("rank ÷ perfect", "high"),
        "rank_of_amount": ("rank ÷ amount", "high"),
        "day_rank_of_truth": ("chances of the day: rank ÷ perfect", "high"),
        "open_rank_of_truth": ("all open: rank ÷ perfect", "high"),
        "added_rank_of_truth": ("all open: cash that work adds, rank ÷ perfect", "high"),
    },
    "signals": {
        "events": ("events to find", ""),
        "found": ("found", ""),
        "whole": ("every part named", ""),
        "found_share": ("share found", "high"),  # of figures kept, where there is an event
        "quiet_called": ("no change of a rate, called one", "low"),
        "signals": ("signals", ""),
        "stray": ("touch no event", "low"),
        "stray_of_three": ("of the first three", "low"),
    },
    "null": {
        "signals": ("signals", "low"),
        "new_clusters": ("new clusters", "low"),
        "growing_clusters": ("growing clusters", "low"),
        "gone_clusters": ("gone or shrinking", "low"),
        "month_moved": ("Monday says the month moved", "low"),
        "claims_anything": ("anything claimed", "low"),
    },
    "clusters": {
        "denials": ("denials", ""),
        "causes": ("causes", ""),
        "clusters": ("clusters", ""),
        "v": ("V", "high"),
        "v_codes": ("V of CARC × RARC", "high"),
        "v_gain": ("gain", "high"),
        "stability": ("stability", "high"),
    },
    "prevention": {
        "claims": ("later claims", ""),
        "auroc": ("AUROC", "high"),
        "auroc_oracle": ("oracle", "high"),
        "auroc_gap": ("gap", "low"),
        "rules": ("rules", ""),
        "rule_precision": ("precision of rules", "high"),
        "sure_met": ("true hazard ≥ .5 met by a rule", "high"),
        "dollars_met": ("dollars met at 5 %", "high"),
        "dollars_oracle": ("oracle", "high"),
        "of_oracle": ("÷ oracle", "high"),
    },
    "classification": {
        "denied_right": ("initially denied", "high"),
        "root_right": ("dollars in the right root", "high"),
        "leaf_right": ("dollars in the right leaf", "high"),
        "state_right": ("state", "high"),
    },
}  # fmt: skip


# --- a world -------------------------------------------------------------------------------------------------------


@dataclass
class Truth:
    """What truly happened, in the same columns for every world.

    claims: claim_number, payer, in_edi, initially_denied, first_decided_on, denied_amount, charge, p_win_worked, price
            (what the payer would allow of the denied part), p_write_off_true, outcome, settled_on, told_by_837 (what makes a denial likely stands in the claim), root_cause, carc, rarc
    events: id, kind, should_alert, start (month), wanted (a list of sets of values, one a part of the event)
    """

    claims: pd.DataFrame
    events: pd.DataFrame
    stationary: bool
    write_offs: pd.DataFrame | None = None  # claim_number, leaf, root, amount; None where it is not told
    # claim_number, as_of, p_win_worked, p_win_left, p_write_off_true, price: of open denials at month ends, where it is told
    open_denials: pd.DataFrame | None = None
    mature_months: int = MATURE_MONTHS  # none where the truth tells outcomes after the last file


@dataclass
class Opened:
    """A practice in its store, opened as of any day; what was asked of a day is kept in memory."""

    truth: Truth
    store: Path
    practice: str
    end: date
    months: int
    later_files: Callable[[date], list[Path]]
    asked: dict[tuple[str, date], pd.DataFrame] = field(default_factory=dict)

    def table(self, name: str, day: date | None = None) -> pd.DataFrame:
        import rcm_analysis as rcm

        key = (name, day or self.end)
        if key not in self.asked:
            self.asked[key] = rcm.open_practice(self.store, self.practice, as_of=key[1], months=24).table(name)
        return self.asked[key]

    def month_moved(self) -> bool:
        """Whether Monday's heading says that the rate rose or fell in the last month."""
        import rcm_analysis as rcm
        from rcm_analysis.measures import by_month, headlines

        view = rcm.open_practice(self.store, self.practice, as_of=self.end, months=24)
        return by_month.beyond_chance(headlines.rate_by_month(view))

    def month_end(self, months_before: int) -> date:
        """The end of the month so many months before the last one of the files."""
        return (pd.Period(self.end, freq="M") - months_before).end_time.date()

    @cached_property
    def risk_days(self) -> list[date]:
        """The last consecutive month ends with two months of files before them and outcomes after them."""
        last = min(self.truth.mature_months, max(self.months - 3, 0))
        days = [last + i for i in range(MONTH_ENDS) if self.months - (last + i) >= 2]
        return [self.month_end(i) for i in reversed(days)]


# --- chances -------------------------------------------------------------------------------------------------------


def auroc(y: np.ndarray, p: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(y, p)) if len(set(y)) == 2 else float("nan")


def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())


def calibration_error(y: np.ndarray, p: np.ndarray, bins: int = 10) -> float:
    parts = [i for i in np.array_split(np.argsort(p, kind="stable"), bins) if len(i)]
    return float(sum(len(i) / len(y) * abs(y[i].mean() - p[i].mean()) for i in parts))


def newest(opened: Opened, day: date) -> pd.DataFrame:
    """Settled denials of the last month before the day with what the worklist of the day says of them."""
    t = opened.truth.claims
    t = t[t["in_edi"] & t["initially_denied"] & t["outcome"].isin(SETTLED)]
    m = t.merge(opened.table("risk", day), on="claim_number", suffixes=("", "_said"))
    age = (pd.Timestamp(day) - m["first_decided_on"]).dt.days
    return m[age.between(0, NEWEST_DAYS)].assign(day=day, y=lambda x: x["outcome"].eq("written_off").astype(float))


def risk(opened: Opened) -> dict[str, float]:
    """Chances of six consecutive month ends against those of ordinary learners with the labels known on each day."""
    frames = [newest(opened, day) for day in opened.risk_days]
    frames = [frame.assign(**opponents(opened, frame)) for frame in frames if len(frame)]
    if not frames:
        return {"denials": 0}
    names = sorted({name for frame in frames for name in frame if name.startswith("opponent_")})
    # where a learner had nothing to learn from it would have said what is known
    frames = [frame.assign(**{n: frame.get(n, frame["opponent_known_rate"]) for n in names}) for frame in frames]
    m = pd.concat(frames, ignore_index=True)
    y, p = m["y"].to_numpy(float), m["p_write_off"].to_numpy(float)
    losses = {name: log_loss(y, m[name].to_numpy(float)) for name in names}
    base = log_loss(y, np.full(len(y), y.mean()))
    best = min(loss for name, loss in losses.items() if name != "opponent_known_rate" or len(losses) == 1)
    monthly = [month_ratio(frame, names) for frame in frames if frame["y"].nunique() == 2 and len(frame) >= 20]
    out = {"denials": len(m), "log_loss": log_loss(y, p), "against_base": log_loss(y, p) / base,
           "against_best": log_loss(y, p) / best, "worst_month": max(monthly, default=float("nan")), "auroc": auroc(y, p),
           "auroc_gap": auroc(y, p) - max((auroc(y, m[name].to_numpy(float)) for name in names), default=float("nan")),
           "level_points": 100 * abs(p.mean() - y.mean()), "ece": calibration_error(y, p),
           "constant_ends": sum(frame["p_write_off"].nunique() == 1 for frame in frames)}  # fmt: skip
    if m["p_write_off_true"].notna().any():
        gaps = [100 * abs(f["p_write_off"].mean() - f["p_write_off_true"].mean()) for f in frames]
        out["level_true_points"] = float(np.mean(gaps))
    out |= {f"loss_{name.removeprefix('opponent_')}": loss for name, loss in losses.items()}
    return out | of_all_open(opened) | moves(opened)


def open_list(opened: Opened) -> pd.DataFrame:
    """Every open denial of the worklists with its true chances of that day; no row where the truth does not tell them."""
    told = opened.truth.open_denials
    if told is None:
        return pd.DataFrame()
    days = [told[told["as_of"] == pd.Timestamp(day)].merge(opened.table("risk", day).drop(columns="as_of", errors="ignore"), on="claim_number")
            for day in opened.risk_days]  # fmt: skip
    return pd.concat(days, ignore_index=True)


def of_all_open(opened: Opened) -> dict[str, float]:
    """How far the chances of all open denials, old ones too, are from the true ones."""
    m = open_list(opened)
    if not len(m):
        return {}
    gap = m["p_write_off"] - m["p_write_off_true"]
    return {
        "open_level_points": 100 * float(gap.groupby(m["as_of"]).mean().abs().mean()),
        "open_distance": float(gap.abs().mean()),
    }


def month_ratio(frame: pd.DataFrame, names: Iterable[str]) -> float:
    y = frame["y"].to_numpy(float)
    best = min(
        log_loss(y, frame[name].to_numpy(float)) for name in names if name != "opponent_known_rate" or len(names) == 1
    )
    return log_loss(y, frame["p_write_off"].to_numpy(float)) / best


def moves(opened: Opened) -> dict[str, float]:
    """How far one claim's chance moved from a month end to the next while nothing new was known of it."""
    steps = []
    for before, after in zip(opened.risk_days, opened.risk_days[1:], strict=False):
        a, b = opened.table("risk", before), opened.table("risk", after)
        m = a.merge(b, on="claim_number", suffixes=("_a", "_b"))
        m = m[~m["claim_number"].isin(touched(opened, before, after))]
        steps.append((m["p_write_off_b"] - m["p_write_off_a"]).abs())
    step = pd.concat(steps) if steps else pd.Series(dtype=float)
    if not len(step):
        return {}
    return {"largest_move": float(step.max()), "moved_share": float((step > 0.10).mean())}


def touched(opened: Opened, before: date, after: date) -> set[str]:
    """Claims of which a file or a posting told something between the two days."""
    found: set[str] = set()
    for name, on in (("remittances", "known_on"), ("submissions", "known_on"), ("ledger", "known_on")):
        try:
            table = opened.table(name)
        except KeyError:
            continue
        when = pd.to_datetime(table[on])
        found |= set(table.loc[(when > pd.Timestamp(before)) & (when <= pd.Timestamp(after)), "claim_number"])
    return found


TEXTS = (
    "payer_name",
    "group_code",
    "carc",
    "rarc",
    "category",
    "procedure",
    "location",
    "rendering_npi",
    "place_of_service",
)
NUMBERS = ("denied_amount_said", "charge_said", "lines", "days_to_bill", "days_to_answer", "month")


def facts_of(opened: Opened, day: date) -> pd.DataFrame:
    """Plain facts of each first denial, as they were known on the day."""
    denials, claims = opened.table("denials", day), opened.table("claims", day)
    d = denials[denials["is_first"].fillna(False).astype(bool)]
    first = d.sort_values("denied_amount", ascending=False).groupby("claim_number").first()
    out = first[
        ["group_code", "carc", "rarc", "category", "procedure", "location", "rendering_npi", "payer_name", "decided_on"]
    ]
    sums = d.groupby("claim_number").agg(denied_amount_said=("denied_amount", "sum"), lines=("denied_amount", "size"))
    c = claims.drop_duplicates("claim_number").set_index("claim_number")
    out = out.join(sums).join(
        c[["place_of_service", "service_date", "submitted_on", "charge"]].rename(columns={"charge": "charge_said"})
    )
    decided, sent, served = (pd.to_datetime(out[name]) for name in ("decided_on", "submitted_on", "service_date"))
    return out.assign(days_to_bill=(sent - served).dt.days, days_to_answer=(decided - sent).dt.days,
                      month=(decided.dt.year * 12 + decided.dt.month).astype(float)).reset_index()  # fmt: skip


def learners() -> dict[str, Any]:
    """Ordinary learners with their usual settings; LightGBM and CatBoost where they are installed."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    def table(encoder: Any) -> Any:
        numbers = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
        return make_column_transformer((encoder, list(TEXTS)), (numbers, list(NUMBERS)), sparse_threshold=0)

    onehot = OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist", sparse_output=False)
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=3)
    out = {"logistic": make_pipeline(table(onehot), LogisticRegression(max_iter=1000, C=0.3)),
           "histgb": make_pipeline(table(ordinal), HistGradientBoostingClassifier(
               learning_rate=0.05, max_iter=120, min_samples_leaf=20, l2_regularization=1.0, random_state=0))}  # fmt: skip
    try:
        from lightgbm import LGBMClassifier

        out["lightgbm"] = make_pipeline(table(ordinal), LGBMClassifier(
            n_estimators=150, learning_rate=0.04, min_child_samples=20, verbose=-1, random_state=0))  # fmt: skip
    except ImportError:
        pass
    try:
        from catboost import CatBoostClassifier

        out["catboost"] = CatBoostClassifier(
            iterations=300, depth=5, learning_rate=0.05, verbose=0, random_seed=0, allow_writing_files=False,
            cat_features=list(TEXTS))  # fmt: skip
    except ImportError:
        pass
    return out


def opponents(opened: Opened, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """What each learner says of the same denials, from the denials that were settled by the day."""
    day = frame["day"].iat[0]
    facts = facts_of(opened, day).assign(**{name: lambda x, n=name: x[n].fillna("none").astype(str) for name in TEXTS})
    t = opened.truth.claims.set_index("claim_number")
    known = t[(t["settled_on"] <= pd.Timestamp(day)) & t["outcome"].isin(SETTLED)]
    train = facts[facts["claim_number"].isin(known.index)]
    y = train["claim_number"].map(known["outcome"]).eq("written_off").to_numpy(float)
    columns = [*TEXTS, *NUMBERS]
    test = facts.set_index("claim_number").reindex(frame["claim_number"])[columns]
    test = test.assign(**{name: test[name].fillna("none") for name in TEXTS})
    prior = float((y.sum() + 1) / (len(y) + 2)) if len(y) else 0.5
    out = {"opponent_known_rate": np.full(len(frame), prior)}
    if len(set(y)) == 2 and min(y.sum(), len(y) - y.sum()) >= 5:
        for name, model in learners().items():
            model.fit(train[columns], y)
            out[f"opponent_{name}"] = model.predict_proba(test)[:, 1]
    return out


# --- the order of work ---------------------------------------------------------------------------------------------


def order(opened: Opened) -> dict[str, float]:
    """Share of the cash that work would bring which the first fifth of each order holds: chance when worked × price."""
    m = pd.concat([newest(opened, day) for day in opened.risk_days], ignore_index=True)
    if not len(m) or m["p_win_worked"].isna().all():
        return {"denials": len(m)}
    m = m.assign(cash=m["p_win_worked"] * m["price"])
    orders = {
        "rank": -m["rank"].astype(float),
        "amount": m["denied_amount_cas"],
        "expected_allowed": m["price"],
        "truth": m["cash"],
    }
    out = {name: first_fifth(m, key.astype(float)) for name, key in orders.items()}
    told = {
        "denials": len(m),
        **out,
        "rank_of_truth": out["rank"] / out["truth"],
        "rank_of_amount": out["rank"] / out["amount"],
    }
    return told | of_the_open_list(opened)


def of_the_open_list(opened: Opened) -> dict[str, float]:
    """The same by the chances of the day: of the newest denials, and of all open ones; and what work adds to what is paid anyway.

    The chances at the denial, which `order` takes, promise what was tried already: a correction that was denied, too, wins nothing.
    """
    m = open_list(opened)
    if not len(m):
        return {}
    m = m.assign(day=m["as_of"])
    brings, adds = m["p_win_worked"] * m["price"], (m["p_win_worked"] - m["p_win_left"]) * m["price"]
    first_on = m["claim_number"].map(opened.truth.claims.set_index("claim_number")["first_decided_on"])
    newest = (m["as_of"] - first_on).dt.days.between(0, NEWEST_DAYS)
    parts = {"day_rank_of_truth": (newest, brings), "open_rank_of_truth": (brings.notna(), brings),
             "added_rank_of_truth": (brings.notna(), adds)}  # fmt: skip
    return {name: _of_perfect(m[rows].assign(cash=cash[rows])) for name, (rows, cash) in parts.items() if rows.any()}


def _of_perfect(m: pd.DataFrame) -> float:
    """Cash in the first fifth by rank, as a share of that in the first fifth by the cash itself."""
    return first_fifth(m, -m["rank"].astype(float)) / first_fifth(m, m["cash"])


def first_fifth(m: pd.DataFrame, key: pd.Series) -> float:
    """Share of the cash in the first fifth of each day's list; ties in their order of the table, as a team would take them."""
    by_day = (key.loc[d.index].sort_values(ascending=False, kind="stable").index for _, d in m.groupby("day"))
    first = [index[: math.ceil(len(index) * FIRST)] for index in by_day]
    return float(sum(m.loc[i, "cash"].sum() for i in first) / m["cash"].sum())


# --- findings ------------------------------------------------------------------------------------------------------


def signals(opened: Opened) -> dict[str, float]:
    """Planted events that a signal touches within a month (a drift: two) of their begin, and signals that touch none."""
    events, g = opened.truth.events, opened.table("signals")
    has = [{str(v).casefold() for v in json.loads(s).values()} for s in g["segment"]]
    first = pd.PeriodIndex(pd.to_datetime(g["first_month"].astype(str)), freq="M")
    of_rejections = g["measure"].astype(str).str.contains("reject").to_numpy()
    used: set[int] = set()
    counts = {"events": 0, "found": 0, "whole": 0, "quiet_called": 0}
    for event in events.itertuples():
        slack = 4 if "drift" in event.kind else 3
        begin = pd.Period(event.start, freq="M")
        if begin < pd.Period(opened.end, freq="M") - (opened.months - 2):
            continue  # it began before the files, or so early that there is nothing to tell it from
        near = [i for i, values in enumerate(has)
                if of_rejections[i] == (event.kind == "rejections") and any(values & wanted for wanted in event.wanted) and -1 <= (first[i] - begin).n <= slack]  # fmt: skip
        full = [i for i in near if all(has[i] & wanted for wanted in event.wanted)]
        used |= set(near)
        if event.should_alert:
            counts["events"] += 1
            counts["found"] += bool(near)
            counts["whole"] += bool(full)
        else:
            counts["quiet_called"] += bool(full)
    of_one = g["kind"].eq("one_patient").to_numpy()  # says itself that nothing else changed
    stray = [i for i in range(len(g)) if i not in used and not of_one[i]]
    return {**counts, "signals": len(g), "stray": len(stray), "stray_of_three": sum(i < 3 for i in stray)}


def null(opened: Opened) -> dict[str, float]:
    """Whatever is said to have changed in a practice in which nothing changes."""
    if not opened.truth.stationary:
        return {}
    status, kinds = opened.table("clusters")["status"], opened.table("signals")["kind"]
    out = {"signals": int(kinds.ne("one_patient").sum()), "new_clusters": int(status.eq("new").sum()),
           "growing_clusters": int(status.eq("growing").sum()), "gone_clusters": int(status.isin(["gone", "shrinking"]).sum())}  # fmt: skip
    out["month_moved"] = int(opened.month_moved())
    return {**out, "claims_anything": float(any(out.values()))}


def clusters(opened: Opened) -> dict[str, float]:
    """V-measure of clusters against the hidden causes, beside that of the codes alone."""
    from sklearn.metrics import v_measure_score

    t = opened.truth.claims
    t = t[t["in_edi"] & t["initially_denied"] & t["root_cause"].ne("")]
    # the cause and the codes are those of the first denial; a line's first denial comes first
    first = opened.table("cluster_members").drop_duplicates(["claim_number", "line_number"])
    members = first.groupby("claim_number")["cluster_id"].agg(lambda s: s.mode().iat[0])
    m = t.merge(members.rename("cluster"), left_on="claim_number", right_index=True)
    if not len(m):
        return {"denials": 0}
    codes = m["carc"] + "/" + m["rarc"].fillna("")
    v, alone = v_measure_score(m["root_cause"], m["cluster"]), v_measure_score(m["root_cause"], codes)
    table = opened.table("clusters")
    named = table[table["stability"].notna()]
    weights = named["denials"].to_numpy(float)
    stable = float(np.average(named["stability"], weights=weights)) if len(named) and weights.sum() else float("nan")
    return {"denials": len(m), "causes": m["root_cause"].nunique(), "clusters": m["cluster"].nunique(), "v": v,
            "v_codes": alone, "v_gain": v - alone, "stability": stable}  # fmt: skip


# --- before sending ------------------------------------------------------------------------------------------------


def prevention(opened: Opened) -> dict[str, float]:
    """Rules, chances and holds learned three months before the end, on what was sent for the first time after it."""
    from rcm_analysis.prevention import scrub
    from rcm_analysis.prevention.holds import Places

    day = opened.month_end(LEARNED_BEFORE)
    files = opened.later_files(day)
    if not files:
        return {}
    checked = scrub.check(files, store=opened.store, practice=opened.practice, as_of=day, places=Places(HOLDS, True))
    found = pd.concat([file.findings for file in checked], ignore_index=True)
    t = opened.truth.claims.set_index("claim_number")
    t = t[t["in_edi"] & (t["first_sent_on"] > pd.Timestamp(day)) & (t["first_decided_on"].notna() | t["rejected"])]
    chance = found.groupby("claim_number")["p_denial"].max().reindex(t.index).astype(float)
    denied = t["initially_denied"].to_numpy(float)
    by_rule = found[found["rule_id"].fillna("").str.startswith("R")]
    matched = t.index.isin(set(by_rule["claim_number"]))
    held = t.index.isin(set(found.loc[found["severity"].eq("hold"), "claim_number"]))
    refused = t["denied_amount"].to_numpy(float)
    out = {"claims": len(t), "rules": by_rule["rule_id"].nunique(),
           "rule_precision": float(denied[matched].mean()) if matched.any() else float("nan"),
           "dollars_met": float(refused[held].sum() / max(refused.sum(), 1e-9)), "held_share": float(held.mean())}  # fmt: skip
    have = chance.notna().to_numpy()
    if have.any():
        out["auroc"] = auroc(denied[have], chance.to_numpy()[have])
    oracle = t["p_denial"].to_numpy(float)
    if np.isfinite(oracle).any():
        out |= against_oracle(out, t, np.nan_to_num(oracle), chance.to_numpy(), matched, held)
    return out


def against_oracle(
    out: dict[str, float],
    t: pd.DataFrame,
    oracle: np.ndarray,
    chance: np.ndarray,
    matched: np.ndarray,
    held: np.ndarray,
) -> dict[str, float]:
    """The same beside what the true chance of a denial would reach with as many holds."""
    denied, refused = t["initially_denied"].to_numpy(float), t["denied_amount"].to_numpy(float)
    have = np.isfinite(chance) if np.isfinite(chance).any() else np.ones(len(t), bool)
    reached, sure = auroc(denied[have], oracle[have]), (oracle >= 0.5) & t["told_by_837"].to_numpy(bool)
    best = np.argsort(-(oracle * t["charge"].to_numpy(float)), kind="stable")[
        : max(int(held.sum()), round(HOLDS * len(t)))
    ]
    dollars = float(refused[best].sum() / max(refused.sum(), 1e-9))
    return {"auroc_oracle": reached, "auroc_gap": reached - out.get("auroc", 0.5), "dollars_oracle": dollars,
            "sure_met": float(matched[sure].mean()) if sure.any() else float("nan"),
            "of_oracle": out["dollars_met"] / max(dollars, 1e-9)}  # fmt: skip


# --- what things are called ----------------------------------------------------------------------------------------


# names of a leaf that say the same, in what is true and in what is told
SAME_LEAF = {"bad_debt_insured": "bad_debt", "bad_debt_uninsured": "bad_debt", "qmb": "regulatory", "bankruptcy": "uncollectible_by_law",
             "deceased": "uncollectible_by_law", "lost_at_payer": "timely_filing", "rate_not_loaded": "underpaid", "wrong_payer": "cob"}  # fmt: skip


def classification(opened: Opened) -> dict[str, float]:
    """Claims called denied, written-off dollars under the right root and leaf, and states."""
    t, g = opened.truth.claims, opened.table("claims").drop_duplicates("claim_number")
    m = t.merge(g, on="claim_number", suffixes=("", "_said"))
    decided = m[m["in_edi"] & m["first_decided_on"].notna()]
    out = {"denied_right": float(decided["initially_denied"].eq(decided["initially_denied_said"].eq(True)).mean())}
    if "state" in t and m["state_said"].notna().any():
        told = m[m["state"].ne("")]
        right = [said in true.split("|") for said, true in zip(told["state_said"], told["state"], strict=True)]
        out["state_right"] = float(np.mean(right))
    if opened.truth.write_offs is not None:
        true = opened.truth.write_offs
        mine = opened.table("write_offs")
        mine = mine[mine["leaf"].ne("contractual") | mine["mismatch"].eq(True)]
        mine = mine.assign(amount=mine["amount"].astype(float).abs())
        for name in ("root", "leaf"):
            if name in true:
                out[f"{name}_right"] = dollars_right(true, mine, name)
    return out


def dollars_right(true: pd.DataFrame, mine: pd.DataFrame, name: str) -> float:
    """Share of the true dollars that stand under the same name of the same claim."""
    true, mine = (table[table[name].ne("")].assign(**{name: table[name].replace(SAME_LEAF)}) for table in (true, mine))
    a = true.groupby(["claim_number", name])["amount"].sum()
    b = mine.groupby(["claim_number", name])["amount"].sum().reindex(a.index).fillna(0.0)
    return float(np.minimum(a, b).sum() / a.sum())


# --- sections ------------------------------------------------------------------------------------------------------

# by what part of this file each is judged, besides the first and `a world`
PARTS = {"risk": ("chances",), "order": ("chances", "the order of work"), "signals": ("findings",), "null": ("findings",), "clusters": ("findings",),
         "prevention": ("chances", "before sending"), "classification": ("what things are called",)}  # fmt: skip
SECTIONS: dict[str, Callable[[Opened], dict[str, float]]] = {
    "risk": risk, "order": order, "signals": signals, "null": null, "clusters": clusters, "prevention": prevention,
    "classification": classification,
}  # fmt: skip
