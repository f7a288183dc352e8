"""Was a dimension redefined? New values appear together, old ones shrink or vanish, and the total stays: a change of
definition, not of a rate.

    period  reason             numerator  denominator
    2021    other              77         1000
    2021    referral           23         1000
    2022    other              35         1000          ten reasons instead of five: "other" fell by its new name
    2022    administrative     30         1000
    2022    untimely           12         1000
    2022    referral           23         1000
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

FEWEST_NEW = 2  # one new value is a new payer or a new code; several at once that take over from others are new words
LEAST_SHARE = 0.1  # of the cases, for the new values together
STEADY_TOTAL = 0.5  # the total's relative change, at most this part of the new values' share
REPEATED = 0.95
SURELY_NEW = 0.01


@dataclass(frozen=True)
class Break:
    """A dimension's new definition: from which period on, its new values, their share, and who shrank most."""

    dimension: str
    period: str
    new: tuple[str, ...]
    share: float
    shrunk: str
    before: float
    after: float


def splits_numerator(counts: pd.DataFrame, dimension: str, others: Sequence[str]) -> bool:
    """Whether a dimension splits the numerator alone: every value stands over the same denominator (a reason does)."""
    sizes = counts.groupby(["period", *others], dropna=False)["denominator"].agg(["nunique", "size"])
    several = sizes[sizes["size"] > 1]
    return bool(len(several) and (several["nunique"] == 1).mean() >= REPEATED)


def breaks(counts: pd.DataFrame, dimensions: Sequence[str], *, reasons: Sequence[str] = ()) -> list[Break]:
    """The breaks of every dimension, at most one each: the one at which the new values hold most."""
    found = [_break(counts, name, [d for d in dimensions if d != name], name in reasons) for name in dimensions]
    return [one for one in found if one is not None]


def _break(counts: pd.DataFrame, name: str, others: Sequence[str], is_reason: bool) -> Break | None:
    """Reasons are seen where something was denied for them, other values wherever there was a case, denied or not."""
    column = "numerator" if is_reason else "denominator"
    wide = counts.pivot_table(index="period", columns=name, values=column, aggfunc="sum", fill_value=0)
    wide = wide.sort_index().astype(float)
    denied = counts.groupby("period")["numerator"].sum().reindex(wide.index)
    cases = wide.sum(axis=1)
    if is_reason:
        per_period = counts.groupby(["period", *others], dropna=False)["denominator"].max()
        cases = per_period.groupby("period").sum().reindex(wide.index)
    totals = (denied / cases.astype(float), *(() if is_reason else (cases / cases.mean(),)))
    shares = wide.div(wide.sum(axis=1), axis=0).fillna(0.0)
    seen = wide.to_numpy() > 0
    best = None
    for t in range(1, len(wide)):
        fresh = ~seen[:t].any(axis=0) & seen[t] & _is_surely_new(wide.to_numpy(), t)
        held = float(shares.to_numpy()[t, fresh].sum())
        moved = max(abs(one.iloc[t] - one.iloc[t - 1]) / max(one.iloc[t - 1], 1e-12) for one in totals)
        if fresh.sum() < FEWEST_NEW or held < LEAST_SHARE or moved > STEADY_TOTAL * held or not seen[:t].any():
            continue
        if best is None or held > best.share:
            fall = (shares.iloc[t - 1] - shares.iloc[t]).idxmax()
            best = Break(name, str(wide.index[t]), tuple(str(v) for v in wide.columns[fresh]), held, str(fall),
                         float(shares.iloc[t - 1][fall]), float(shares.iloc[t][fall]))  # fmt: skip
    return best


def _is_surely_new(wide: np.ndarray, t: int) -> np.ndarray:
    """Per value, whether chance alone would have shown it before: its cases, spread like all cases over the periods,
    would miss the periods before t once in a hundred tables, all values and periods counted."""
    before = wide[:t].sum() / max(wide.sum(), 1e-12)
    missed = wide.sum(axis=0) * np.log(max(1 - before, 1e-12))
    return np.asarray(missed <= np.log(SURELY_NEW / wide.size))
