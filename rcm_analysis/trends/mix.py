"""Why a total moved: by mix (more cases where the rate is high) or by rates, adding up exactly.

segment   cases before, after   rate before, after   mix     rate    total
UNISON    100          100      .04          .10     .0000   .0300   .0300
ATLAS     100          100      .06          .06     .0000   .0000   .0000      the total moved by .0300
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

COLUMNS = ("numerator_before", "denominator_before", "numerator_after", "denominator_after", "rate_before", "rate_after",
           "share_before", "share_after", "mix", "rate", "total")  # fmt: skip


def mix_and_rate(before: pd.DataFrame, after: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Splits the change of a rate between two tables of numerator and denominator into mix and rate, by segment.

    Each segment's change in share counts at its average distance from the average total, and its change in rate at its
    average share (Kitagawa 1955). A segment that is in one table alone has no change in rate: it is mix. `mix`, `rate`
    and `total` are in shares 0-1 and sum to the change of the total. Raises ValueError when a table has no cases.
    """
    sums = [
        t.groupby(list(by), dropna=False)[["numerator", "denominator"]].sum().astype(float) for t in (before, after)
    ]
    if not all(len(s) and s["denominator"].sum() > 0 for s in sums):
        raise ValueError("there are no cases before or after")
    both = sums[0].add_suffix("_before").join(sums[1].add_suffix("_after"), how="outer").fillna(0.0)
    shares, rates, totals = {}, {}, {}
    for when in ("before", "after"):
        n, y = both[f"denominator_{when}"], both[f"numerator_{when}"]
        shares[when], totals[when] = n / n.sum(), y.sum() / n.sum()
        rates[when] = (y / n.where(n > 0)).astype(float)
    rates = {"before": rates["before"].fillna(rates["after"]), "after": rates["after"].fillna(rates["before"])}
    middle = (totals["before"] + totals["after"]) / 2
    mix = (shares["after"] - shares["before"]) * ((rates["before"] + rates["after"]) / 2 - middle)
    rate = (shares["before"] + shares["after"]) / 2 * (rates["after"] - rates["before"])
    table = both.assign(rate_before=rates["before"], rate_after=rates["after"], share_before=shares["before"],
                        share_after=shares["after"], mix=mix, rate=rate, total=mix + rate)  # fmt: skip
    order = np.argsort(-table["total"].abs().to_numpy(), kind="stable")
    return table.iloc[order].reset_index()[[*by, *COLUMNS]]
