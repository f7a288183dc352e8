"""Rates of several practices compared fairly: what each would have if it had the mix of all.

    cases   practice  payer_class  decided  denied      compared  practice  rate  expected  ratio  adjusted  lower  upper  verdict
            alder     comp         400      100                   alder     .22   106.0     1.04   .147      .121   .178   as the others
            alder     medicare     100      10
            birch     comp         100      24

Alder's rate is high because it bills workers' compensation, not because it bills badly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rcm_analysis.stats import Z95, wilson

FEWEST_ELSEWHERE = 30  # cases of others, below which their rate is no yardstick
LEVEL = 0.05  # share of false ones to expect among those called different
ABOVE, BELOW, ALIKE, ALONE = "above", "below", "as the others", "nothing to compare with"


def compare(
    cases: pd.DataFrame, *, unit: str = "practice", strata: Sequence[str] = ("payer_class",), level: float = LEVEL
) -> pd.DataFrame:
    """A row per unit: its own rate, and its rate adjusted for its mix by indirect standardization, shares 0-1.

    `cases` has the unit, the strata, `decided`, `denied`, and `denied_amount` in USD. In each stratum the yardstick is
    the rate of the *other* units, so that a large unit isn't compared with itself; strata where the others have fewer than
    30 cases are left out of the comparison, and `compared` says which share of the unit's cases is in it.

    rate, rate_lower, rate_upper  as it is, with 95 % interval (Wilson 1927)
    expected          denials if the others' rates held here (Breslow and Day 1987, Statistical Methods in Cancer Research
                      II, section 2.3)
    ratio             denied over expected; `adjusted` is the ratio times the rate of all
    lower, upper      95 % interval of `adjusted`: the unit's own chance and that of the yardstick combined on the log scale
                      (MOVER, Zou and Donner 2008)
    p_value, q_value  of no difference, by a score test, and among all units (Benjamini and Hochberg 1995)
    verdict           above or below where q_value <= level, else as the others
    excess_usd        denied charges beyond what the others' rates would give; negative where it denies less
    """
    keys = [unit, *strata]
    cells = cases.groupby(keys, as_index=False, dropna=False)[["decided", "denied", "denied_amount"]].sum()
    cells = cells[cells["decided"] > 0]
    table = cells.groupby(unit)[["decided", "denied", "denied_amount"]].sum()
    lower, upper = wilson(table["denied"], table["decided"])
    table = table.assign(rate=table["denied"] / table["decided"], rate_lower=lower, rate_upper=upper)
    table = table.join(_against_others(cells, unit, list(strata)))
    table = _interval(table, overall=table["denied"].sum() / max(table["decided"].sum(), 1))
    table["q_value"] = _benjamini_hochberg(table["p_value"])
    clear = table["q_value"] <= level
    table["verdict"] = np.where(
        table["expected"].isna(), ALONE, np.where(~clear, ALIKE, np.where(table["ratio"] > 1, ABOVE, BELOW))
    )
    return table.reset_index()


def cells_beside(
    cases: pd.DataFrame, *, unit: str = "practice", strata: Sequence[str] = ("payer_class",)
) -> pd.DataFrame:
    """Every unit and stratum with the unit's rate beside the others': unit, strata, decided, denied, rate, others_rate."""
    cells = cases.groupby([unit, *strata], as_index=False, dropna=False)[["decided", "denied", "denied_amount"]].sum()
    cells = _others(cells[cells["decided"] > 0], list(strata))
    table = cells.assign(rate=cells["denied"] / cells["decided"], others_rate=cells["reference"])
    return table.drop(columns=["reference", "elsewhere"]).sort_values(
        [unit, "denied"], ascending=[True, False], ignore_index=True
    )


def _others(cells: pd.DataFrame, strata: list[str]) -> pd.DataFrame:
    """With the others' cases and rate in the stratum; no rate where they have too few."""
    sums = cells.groupby(strata, dropna=False)[["decided", "denied"]].transform("sum")
    elsewhere = (sums["decided"] - cells["decided"]).astype(float)
    reference = (sums["denied"] - cells["denied"]) / elsewhere.where(elsewhere >= FEWEST_ELSEWHERE)
    return cells.assign(elsewhere=elsewhere, reference=reference)


def _against_others(cells: pd.DataFrame, unit: str, strata: list[str]) -> pd.DataFrame:
    """Per unit: expected and observed denials where there is a yardstick, and the variances of both by chance."""
    shared = _others(cells, strata).dropna(subset=["reference"])
    n, r = shared["decided"], shared["reference"]
    parts = shared.assign(
        observed=shared["denied"], cases=n, amount=shared["denied_amount"], expected=n * r,
        chance=n * r * (1 - r), yardstick=n**2 * r * (1 - r) / shared["elsewhere"],
    )  # fmt: skip
    names = ["observed", "cases", "amount", "expected", "chance", "yardstick"]
    sums = parts.groupby(unit)[names].sum()
    return sums.assign(compared=sums["cases"] / cells.groupby(unit)["decided"].sum())


def _interval(table: pd.DataFrame, *, overall: float) -> pd.DataFrame:
    """Ratio, adjusted rate with interval, p-value and excess dollars; missing where nothing can be compared."""
    from scipy.stats import norm

    expected = table["expected"].where(table["expected"] > 0)
    own = [bound * table["cases"] for bound in wilson(table["observed"], table["cases"])]
    spread = Z95 * np.sqrt(table["yardstick"]) / expected  # of the yardstick, on the log scale
    ratio = table["observed"] / expected
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.hypot(np.log(table["observed"] / own[0].clip(lower=1e-9)), spread)
        above = np.hypot(np.log(own[1] / table["observed"].clip(lower=0.5)), spread)
    lower, upper = ratio * np.exp(-below.fillna(0)), (table["observed"].clip(lower=0.5) / expected) * np.exp(above)
    away = (table["observed"] - expected).abs() / np.sqrt((table["chance"] + table["yardstick"]).where(lambda v: v > 0))
    each = table["amount"] / table["observed"].where(table["observed"] > 0)
    return table.assign(
        expected=expected, compared=table["compared"].fillna(0.0), ratio=ratio, adjusted=(ratio * overall).clip(upper=1),
        lower=(lower * overall).clip(0, 1), upper=(upper * overall).clip(0, 1), p_value=2 * norm.sf(away),
        excess_usd=(table["observed"] - expected) * each,
    ).drop(columns=["observed", "cases", "amount", "chance", "yardstick"])  # fmt: skip


def _benjamini_hochberg(p: pd.Series) -> pd.Series:
    """q-values of the known p-values; the others stay missing."""
    known = p.dropna().sort_values(ascending=False)
    ranks = np.arange(len(known), 0, -1)
    return (known * len(known) / ranks).cummin().clip(upper=1).reindex(p.index)
