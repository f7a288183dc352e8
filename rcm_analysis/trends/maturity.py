"""Young months completed: how much of a month of submissions is decided by now, and where its denial rate will end.

payer_name  cohort   submitted  decided  denied  expected_decided  rate   final_rate  lower  upper  maturity
UNISON      2026-08  145        143      17      143.0             .1189  .1189       .1189  .1189  1.000
UNISON      2026-10  157        51       8       152.6             .1569  .1302       .0879  .1725  .334
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rcm_analysis.stats import Z95

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

LONGEST_MONTHS = 12  # a first decision later than that is a rarity
PRIOR_CASES = 20.0  # decisions that a payer's rate at one lag borrows from the payer's rate over all lags
DONE = 0.995
RECENT = 12  # cohorts that say how late decisions are decided; rates of long ago are another time
SETTLED = 3  # months after which few decisions are missing

COHORT = (
    "cohort",
    "submitted",
    "decided",
    "denied",
    "expected_decided",
    "rate",
    "final_rate",
    "lower",
    "upper",
    "maturity",
)


def decisions_by_lag(view: View, *, months: int | None = None) -> pd.DataFrame:
    """First decisions by payer, month of submission and months waited: payer_name, cohort, lag, decided, denied; and
    the claims submitted, as lag −1 in `decided`."""
    first, last = view.window(months)
    cohort = "strftime(submitted_on, '%Y-%m')"
    where = f"submitted_on BETWEEN DATE '{first}' AND DATE '{last}' AND payer_name IS NOT NULL"
    lag = f"least({LONGEST_MONTHS}, date_diff('month', submitted_on, first_decided_on))"
    return view.execute(
        f"SELECT payer_name, {cohort} AS cohort, -1 AS lag, count(*) AS decided, 0 AS denied FROM claims WHERE {where} GROUP BY ALL "
        f"UNION ALL SELECT payer_name, {cohort}, {lag}, count(*), count(*) FILTER (WHERE initially_denied) FROM claims "
        f"WHERE {where} AND first_decided_on >= submitted_on GROUP BY ALL ORDER BY ALL").df()  # fmt: skip


def triangle(decisions: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Share of the submitted that was decided by months waited: a row per cohort, a column per lag, missing where the
    future has to tell."""
    sent = decisions[decisions["lag"] < 0].groupby("cohort")["decided"].sum()
    if not len(sent):
        return pd.DataFrame()
    counts = decisions[decisions["lag"] >= 0].pivot_table(
        index="cohort", columns="lag", values="decided", aggfunc="sum", fill_value=0
    )
    counts = counts.reindex(index=sent.index, columns=range(LONGEST_MONTHS + 1), fill_value=0).astype(float)
    grid = counts.cumsum(axis=1).div(sent, axis=0)
    return grid.where(_seen(sent.index, as_of))


def _seen(cohorts: pd.Index, as_of: date) -> np.ndarray:
    """Which lags of each cohort lie in the past; the month of the as-of day counts."""
    age = np.array([(as_of.year - int(c[:4])) * 12 + as_of.month - int(c[5:7]) for c in cohorts])
    return np.arange(LONGEST_MONTHS + 1)[None, :] <= age[:, None]


def complete(decisions: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Each payer's cohorts with the final denial rate to expect and its 95 % prediction interval (shares 0-1).

    Chain ladder: older cohorts say, payer by payer, how decisions grow from month to month; what is still to come is
    taken from the claims sent (Bornhuetter and Ferguson 1972), since nearly all are decided some day, and a payer that
    slows down owes more, not less. It is denied at the payer's rate at that lag. The interval holds the chance of what is not yet decided, that
    of the rates it is taken from, and the spread of the growth among older cohorts (Mack 1993). `as_of` should be the
    end of a month: the latest month counts as seen.
    """
    parts = [_complete_payer(name, rows, as_of) for name, rows in decisions.groupby("payer_name", sort=True)]
    columns = ["payer_name", *COHORT]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _complete_payer(name: str, rows: pd.DataFrame, as_of: date) -> pd.DataFrame:
    sent = rows[rows["lag"] < 0].groupby("cohort")["decided"].sum()
    decided, denied = (_by_lag(rows[rows["lag"] >= 0], sent.index, value) for value in ("decided", "denied"))
    seen = _seen(sent.index, as_of)
    growth, spread = _growth(decided.cumsum(axis=1), seen)
    old = decided.sum(axis=1)[seen[:, SETTLED]][-RECENT:], denied.sum(axis=1)[seen[:, SETTLED]][-RECENT:]
    swing = between(*old)
    reached = 1 / np.cumprod(np.append(1.0, growth[::-1]))[::-1]  # share of all decisions reached at each lag
    pace, usual = np.diff(reached, prepend=0.0), _usual(sent.to_numpy(float), decided, seen)
    rates, behind = _rates(decided[-RECENT - 1 :], denied[-RECENT - 1 :])
    out = []
    for i, cohort in enumerate(sent.index):
        last = int(seen[i].sum()) - 1
        have, bad = decided[i, : last + 1].sum(), denied[i, : last + 1].sum()
        future = sent.iloc[i] * usual * pace[last + 1 :]
        expected = have + future.sum()
        more, at = future, rates[last + 1 :]
        final = (bad + (more * at).sum()) / expected if expected else np.nan
        chance = (more * at * (1 - at) * (1 + more / behind[last + 1 :])).sum()
        chance += ((at - final) ** 2 * more**2).sum() * spread[last] if expected else 0.0
        chance += more.sum() ** 2 * swing
        half = Z95 * np.sqrt(chance) / expected if expected else np.nan
        out.append((name, cohort, sent.iloc[i], have, bad, expected, bad / have if have else np.nan, final,
                    max(final - half, 0.0), min(final + half, 1.0), have / expected if expected else np.nan))  # fmt: skip
    return pd.DataFrame(out, columns=["payer_name", "cohort", "submitted", "decided", "denied", "expected_decided", "rate", "final_rate", "lower",
                                      "upper", "maturity"])  # fmt: skip


def _by_lag(rows: pd.DataFrame, cohorts: pd.Index, name: str) -> np.ndarray:
    """A row per cohort, a column per month waited."""
    grid = np.zeros((len(cohorts), LONGEST_MONTHS + 1))
    place, lag = cohorts.get_indexer(rows["cohort"]), rows["lag"].to_numpy(int)
    inside = (place >= 0) & (lag <= LONGEST_MONTHS)
    np.add.at(grid, (place[inside], lag[inside]), rows[name].to_numpy(float)[inside])
    return grid


def _growth(reached: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factor from each lag to the next over the cohorts that show both, and the relative variance still to come."""
    factors, noise = np.ones(LONGEST_MONTHS), np.zeros(LONGEST_MONTHS + 1)
    for lag in range(LONGEST_MONTHS):
        both = seen[:, lag + 1]
        base = reached[both, lag].sum()
        if base <= 0:
            continue
        factors[lag] = reached[both, lag + 1].sum() / base
        own = reached[both, lag + 1] / np.where(reached[both, lag] > 0, reached[both, lag], np.nan)
        good = np.isfinite(own)
        if good.sum() > 2:
            noise[lag] = np.average((own[good] / factors[lag] - 1) ** 2, weights=reached[both, lag][good])
    return factors, noise[::-1].cumsum()[::-1]


def _usual(sent: np.ndarray, decided: np.ndarray, seen: np.ndarray) -> float:
    """Share of the claims sent that is decided some day: that of the settled cohorts, else all."""
    old = seen[:, SETTLED]
    return min(float(decided[old].sum() / max(sent[old].sum(), 1.0)), 1.0) if old.sum() >= 3 else 1.0


def _rates(decided: np.ndarray, denied: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The denial rate of decisions at each lag, leaning on the rate over all lags, and the cases it rests on."""
    n, y = decided.sum(axis=0), denied.sum(axis=0)
    overall = y.sum() / max(n.sum(), 1.0)
    return (y + PRIOR_CASES * overall) / (n + PRIOR_CASES), n + PRIOR_CASES


def between(decided: np.ndarray, denied: np.ndarray) -> float:
    """Variance of the rate from one cohort to the next beyond that of chance; 0 where there are too few."""
    good = decided > 0
    if good.sum() < 4:
        return 0.0
    n, rate = decided[good], denied[good] / decided[good]
    pooled = denied[good].sum() / n.sum()
    return max(float((np.diff(rate) ** 2).mean() / 2 - (pooled * (1 - pooled) / n).mean()), 0.0)


def total(completed: pd.DataFrame) -> pd.DataFrame:
    """The whole practice by cohort: submitted, decided, expected_decided, maturity, rate, final_rate, lower, upper.

    Payers are added up; their intervals combine as independent ones, and what swings for all of them is added.
    """
    if not len(completed):
        return pd.DataFrame(columns=[*COHORT, "complete"])
    t = completed.assign(final=completed["final_rate"].fillna(0) * completed["expected_decided"],
                         variance=((completed["upper"] - completed["lower"]).fillna(0) / 2 * completed["expected_decided"]) ** 2)  # fmt: skip
    t = t.groupby("cohort", as_index=False)[
        ["submitted", "decided", "denied", "expected_decided", "final", "variance"]
    ].sum()
    old = t[t["decided"] >= DONE * t["expected_decided"]].tail(RECENT)
    t["variance"] += (
        (t["expected_decided"] - t["decided"]) ** 2
        * Z95**2
        * between(old["decided"].to_numpy(float), old["denied"].to_numpy(float))
    )
    expected = t["expected_decided"].where(t["expected_decided"] > 0)
    half = np.sqrt(t["variance"]) / expected
    t = t.assign(
        rate=t["denied"] / t["decided"].where(t["decided"] > 0),
        final_rate=t["final"] / expected,
        maturity=t["decided"] / expected,
    )
    t = t.assign(
        lower=(t["final_rate"] - half).clip(0, 1),
        upper=(t["final_rate"] + half).clip(0, 1),
        complete=t["maturity"] >= DONE,
    )
    return t.drop(columns=["final", "variance"])
