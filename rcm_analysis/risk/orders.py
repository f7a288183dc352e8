"""In which order open denials are worked, tried on the practice's own past; and what work itself changes.

`tried(view, trained)` looks back at earlier month ends: the denials of the month before, known by what was known then, of which
those that were worked since have come to an end. How much of what they brought lies in the first fifth of the list?

    order             share  difference  lower  upper  claims  taken
    when_worked       .487   .000        .000   .000   612     True
    expected_cash     .483   -.004       -.009  .001   612     False
    expected_allowed  .478   -.005       -.011  .002   612     False
    amount            .441   -.042       -.063  -.020  612     False

`effect(view)` sets claims that were worked against those left alone, by reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rcm_analysis.claims import prices
from rcm_analysis.models import calibration, choice, learners
from rcm_analysis.stats import log_odds, sigmoid, wilson

if TYPE_CHECKING:
    from rcm_analysis.risk.worklist import Trained
    from rcm_analysis.store.view import View

USUAL = "when_worked"  # reasoned from what is owed and what work wins; another order has to show that it brings more
ORDERS = {"when_worked": "expected cash by code and payer", "expected_cash": "expected cash by reason", "expected_allowed": "what the payer would allow", "amount": "billed amount denied",
          "chance": "chance of a write-off", "age": "age of the denial"}  # fmt: skip
FIRST = 0.2  # share of the list that a team works
MONTHS_TRIED = 12
FOLLOWED_DAYS = 90  # of younger months only the quick ends are known
FEWEST_CLAIMS, FEWEST_IN_MONTH = 60, 5  # of fewer, one large claim decides
DRAWS = 200
# what a denial's chance when worked is told by, C of scikit-learn, and the fewest worked denials: docs/risk.md
WON_BY = ("category", "carc", "codes", "payer_name", "payer_class", "procedure_family")
WON_STRENGTH, FEWEST_WORKED = 0.3, 30
AGAIN_PULL = 1.0  # further claims that draw what a second denial takes off to nothing
EFFECT_MIN = 10  # claims worked and claims left alone; a difference between fewer is an anecdote
COLUMNS = ["order", "label", "share", "difference", "lower", "upper", "claims", "taken"]


def tried(view: View, trained: Trained) -> pd.DataFrame:
    """The orders with the share of the cash that the first fifth by each held, the best first; empty with too few claims.

    An order is taken instead of the usual one only where its lead is clear of chance (claims drawn again, 95%).
    """
    past = _past(view, trained)
    if len(past) < FEWEST_CLAIMS or past["brought"].sum() <= 0:
        return pd.DataFrame(columns=COLUMNS)
    names = [name for name in ORDERS if past[name].notna().all()]
    rng, once = np.random.default_rng(0), np.ones(len(past))
    shares = _shares(past, names, once)
    drawn = np.array([_shares(past, names, rng.multinomial(len(past), once / len(past))) for _ in range(DRAWS)])
    lead = drawn - drawn[:, [names.index(USUAL)]]
    table = pd.DataFrame({"order": names, "label": [ORDERS[name] for name in names], "share": shares,
                          "difference": shares - shares[names.index(USUAL)], "lower": np.quantile(lead, 0.025, axis=0),
                          "upper": np.quantile(lead, 0.975, axis=0), "claims": len(past)})  # fmt: skip
    clear = table[(table["lower"] > 0) | (table["order"] == USUAL)]
    best = clear.loc[clear["share"].idxmax(), "order"]
    return table.assign(taken=table["order"] == best).sort_values("share", ascending=False, ignore_index=True)


def taken(table: pd.DataFrame) -> str:
    """The order that is taken; the usual one where none could be tried."""
    return str(table.loc[table["taken"].astype(bool), "order"].iat[0]) if len(table) else USUAL


def effect(view: View) -> pd.DataFrame:
    """By reason: claims worked and the share of them that was paid, the same of claims left alone, and the difference
    with its 95% interval (Newcombe 1998); missing where either are few. `all` is the practice.

    What was worked was chosen by the practice: the difference is what its own choice won, not an experiment's. Only a work
    log tells what was left alone.
    """
    counts = view.execute("""
        SELECT category, sum(worked) AS worked, sum(won) AS won, sum(alone) AS alone, sum(won_alone) AS won_alone
        FROM worked_shares GROUP BY category HAVING sum(worked) + sum(alone) > 0 ORDER BY category""").df()
    counts = counts.astype(dict.fromkeys(("worked", "won", "alone", "won_alone"), float))
    sums = counts.drop(columns="category").sum()
    counts = pd.concat([pd.DataFrame([{"category": "all", **sums}]), counts], ignore_index=True)
    paid, alone = (
        counts[n] / counts[of].where(counts[of] > 0) for n, of in (("won", "worked"), ("won_alone", "alone"))
    )
    low, high = wilson(counts["won"], counts["worked"].clip(lower=1))
    low_alone, high_alone = wilson(counts["won_alone"], counts["alone"].clip(lower=1))
    enough = (counts["worked"] >= EFFECT_MIN) & (counts["alone"] >= EFFECT_MIN)
    gain = (paid - alone).where(enough)
    return counts.assign(
        paid_worked=paid,
        paid_alone=alone,
        effect=gain,
        lower=(gain - np.sqrt((paid - low) ** 2 + (high_alone - alone) ** 2)).where(enough),
        upper=(gain + np.sqrt((high - paid) ** 2 + (alone - low_alone) ** 2)).where(enough),
    ).sort_values("worked", ascending=False, ignore_index=True)


def ended(view: View) -> pd.DataFrame:
    """Denials whose end is known, with what part was won and whether they were worked: `worked_denials`."""
    found = view.execute("SELECT * FROM worked_denials ORDER BY claim_number, category, payer_class").df()
    return found.astype({"refused_on": "datetime64[ns]", "settled_on": "datetime64[ns]"})


@dataclass(frozen=True)
class Won:
    """The chance that a denial is paid when it is worked, as its codes and payer tell, and by how far one denied again has less.

    denied  denials so far  chance
    CO-16   1               .62
    CO-16   2               .11
    CO-197  1               .38
    """

    by_code: learners.Logistic
    again: float = 0.0  # log odds added once it was denied again

    def chance(self, table: pd.DataFrame) -> np.ndarray:
        odds = log_odds(self.by_code.chance(table.reset_index(drop=True)))
        return np.asarray(sigmoid(odds + self.again * _denied_again(table)))


def won_model(ended: pd.DataFrame, table: pd.DataFrame) -> Won | None:
    """The chance that a denial is paid when it is worked; None where few were worked.

    `ended` are denials with a known end, `table` the looks at past claims. A claim counts with the part of it that was won:
    once as it was denied first, and once more, for the distance alone, as it was denied again.
    """
    won = worked(ended).groupby("claim_number")["won"].mean()
    looks = table[table["claim_number"].isin(won.index)].sort_values("known_on", kind="stable")
    first = looks.drop_duplicates("claim_number").reset_index(drop=True)
    share = first["claim_number"].map(won).to_numpy(float)
    if len(first) < FEWEST_WORKED or not 0 < share.sum() < len(share):
        return None
    made = learners.Logistic(choice.kinds(list(WON_BY), first), WON_STRENGTH)
    by_code = choice.learn(made, first, share, np.ones(len(first)))
    odds = pd.Series(log_odds(by_code.chance(first)), first["claim_number"])
    again = looks[_denied_again(looks)].drop_duplicates("claim_number")["claim_number"]
    return Won(by_code, _lowered(again.map(odds).to_numpy(float), again.map(won).to_numpy(float)))


def _denied_again(table: pd.DataFrame) -> np.ndarray:
    return table["denials_so_far"].to_numpy(float) > 1


def _lowered(odds: np.ndarray, won: np.ndarray) -> float:
    """What to add to the log odds so that they tell what was won; drawn to nothing by a claim that was won as often as usual."""
    if not len(odds):
        return 0.0
    usual = odds.mean()
    return calibration.level(np.r_[odds, usual], np.r_[won, sigmoid(usual)], np.r_[np.ones(len(won)), AGAIN_PULL])


def _past(view: View, trained: Trained) -> pd.DataFrame:
    """Claims worked since an earlier month end, with what each order would have sorted them by then and what they brought."""
    ended = view.execute("""
        WITH asked AS (
            SELECT t.claim_number, sum(t.denied_amount) AS amount, sum(e.expected_allowed) AS allowed, min(t.decided_on) AS decided_on
            FROM (SELECT *, min(decided_on) OVER (PARTITION BY claim_number) AS first_on FROM troubled_lines WHERE NOT is_partial) t
            LEFT JOIN expected_lines e ON e.remittance_id = t.remittance_id AND e.line_number = t.line_number
            WHERE t.decided_on = t.first_on GROUP BY t.claim_number)
        SELECT w.*, CAST(a.amount AS DOUBLE) AS amount, CAST(a.allowed AS DOUBLE) AS expected_allowed
        FROM worked_denials w JOIN asked a ON a.claim_number = w.claim_number
        ORDER BY w.claim_number, w.category, w.payer_class""").df()
    ended = ended.astype({"refused_on": "datetime64[ns]", "settled_on": "datetime64[ns]"})
    seen = worked(ended.dropna(subset=["expected_allowed", "settled_on"])).drop_duplicates("claim_number")
    looks = trained.table.sort_values("known_on", kind="stable")
    seen = seen[seen["claim_number"].isin(looks["claim_number"])]
    parts = []
    for day in _month_ends(trained.day):
        then = seen[(seen["refused_on"] <= day) & (seen["refused_on"] > day - pd.DateOffset(months=1))]
        then = then[then["settled_on"] > day]
        if len(then) >= FEWEST_IN_MONTH:
            known = looks[looks["known_on"] <= day]  # a later denial's reason tells how it ended
            seen_then = (
                known.groupby("claim_number")
                .tail(1)
                .set_index("claim_number")
                .reindex(then["claim_number"])
                .reset_index()
            )
            won = paid_when_worked(worked(ended[ended["settled_on"] <= day]), seen_then)
            model = won_model(ended[ended["settled_on"] <= day], known)
            by_code = won if model is None else model.chance(seen_then)
            parts.append(
                then.assign(
                    month=day, expected_cash=then["expected_allowed"] * won, when_worked=then["expected_allowed"] * by_code,
                    age=(day - then["refused_on"]).dt.days)
            )  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=["brought"])
    past = pd.concat(parts, ignore_index=True)
    return past.assign(brought=past["expected_allowed"] * past["won"], chance=_held_out(past, trained))


def worked(ended: pd.DataFrame) -> pd.DataFrame:
    """The denials of `worked_denials` that were worked; all of them where no file tells of work."""
    known = ended[ended["is_worked"].eq(True)]
    return known if len(known) else ended


def paid_when_worked(worked: pd.DataFrame, asked: pd.DataFrame) -> np.ndarray:
    """How often such claims were paid, as `worked_shares` tells it, of those whose end was known on an earlier day."""
    prior = prices.VALUES["prior_denials"]
    shares = np.full(len(asked), (worked["won"].sum() + 1) / (len(worked) + 2))
    for keys in (["category"], ["category", "payer_class"]):
        sums = worked.groupby(keys)["won"].agg(["sum", "size"]).reset_index()
        here = asked[keys].merge(sums, on=keys, how="left").fillna({"sum": 0.0, "size": 0})
        shares = (here["sum"].to_numpy(float) + prior * shares) / (here["size"].to_numpy(float) + prior)
    return shares


def _held_out(past: pd.DataFrame, trained: Trained) -> pd.Series:
    """Each claim's chance by a model of an earlier day; missing for all where many have none."""
    held = trained.model.validation
    if not len(held):
        return pd.Series(np.nan, past.index)
    rows = trained.table.iloc[held["row"].astype(int)]
    first = (rows["age_days"] == 0).to_numpy()
    chance = pd.Series(held["chance"].to_numpy()[first], rows["claim_number"].to_numpy()[first])
    found = past["claim_number"].map(chance[~chance.index.duplicated()])
    return found.fillna(found.median()) if found.notna().mean() >= 0.8 else pd.Series(np.nan, past.index)


def _month_ends(day: date) -> list[pd.Timestamp]:
    """The month ends to look back at, the newest first; its claims have been followed for long enough."""
    last = pd.Timestamp(day) - pd.Timedelta(days=FOLLOWED_DAYS)
    newest = last if last.is_month_end else last - pd.offsets.MonthEnd(1)
    return [newest - pd.offsets.MonthEnd(i) for i in range(MONTHS_TRIED)]


def _shares(past: pd.DataFrame, names: list[str], times: np.ndarray) -> np.ndarray:
    """Share of all that was brought which the first fifth of each month's list held, by order; claims count `times`."""
    brought, found = past["brought"].to_numpy(float) * times, np.zeros(len(names))
    for rows in past.groupby("month").indices.values():
        size = FIRST * times[rows].sum()
        for i, name in enumerate(names):
            order = rows[np.argsort(-past[name].to_numpy(float)[rows], kind="stable")]
            before = np.cumsum(times[order]) - times[order]
            part = np.clip(size - before, 0, times[order]) / np.maximum(times[order], 1)
            found[i] += brought[order] @ part
    return found / max(brought.sum(), 1e-9)
