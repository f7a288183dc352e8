"""Whether the cases of each group come more or less often than before, told from chance for all groups together.

period   group  patient         group  course   since
2026-01  C01    p1       ->     C01    steady
2026-01  C02    p2              C02    growing  2026-05
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from rcm_analysis.trends import segments
from rcm_analysis.trends.search import Change, Search, search

FEWEST_PERIODS = 6
HARDLY = 0.1  # of the rate since: a rate before that is no more than this makes a group new
COURSES = ("new", "growing", "steady", "shrinking", "gone")


def courses(cases: pd.DataFrame, decided: pd.Series, *, level: float = 0.05) -> pd.DataFrame:
    """group, course, since: one row per group of `cases` (period, group, patient; one row per case).

    `decided` is what the cases are counted over, by period. A course is that of the last change that goes on; `level`
    is the chance that any group of a steady practice has one. Claims of one patient weigh together.
    """
    groups = sorted(cases["group"].astype(str).unique())
    table = pd.DataFrame({"group": groups, "course": "steady", "since": ""}).set_index("group")
    periods = [str(period) for period in decided.index]
    if len(periods) >= FEWEST_PERIODS and groups:
        for name, (course, since) in _told(cases, decided, periods, level).items():
            table.loc[name, ["course", "since"]] = [course, since]
    return table.reset_index()


def _told(cases: pd.DataFrame, decided: pd.Series, periods: list[str], level: float) -> Mapping[str, tuple[str, str]]:
    numerators = (
        cases[["period", "group", "patient"]].astype(str).groupby(["period", "group", "patient"], as_index=False).size()
    )
    exposures = pd.DataFrame({"period": periods, "denominator": decided.to_numpy(float)})
    u = segments.unit(
        numerators.rename(columns={"size": "numerator"}), exposures, exposure=(), reason=("group",), periods=periods
    )
    found = search([u], [[((), ("group",))]], Search(level=level, depth=1))
    going = [
        change for change in found if change.end == len(periods) - 1 and change.kind != "one_patient" and change.segment
    ]
    last = {int(change.segment["group"]): change for change in sorted(going, key=lambda change: change.start)}
    return {str(u.labels["group"][code]): (_course(u, change), periods[change.start]) for code, change in last.items()}


def _course(u: segments.Unit, change: Change) -> str:
    y, n = u.series(change.segment)
    rates = [y[part].sum() / max(n[part].sum(), 1e-12) for part in (slice(change.start), slice(change.start, None))]
    if change.up:
        return "new" if rates[0] <= HARDLY * rates[1] else "growing"
    return "gone" if not np.any(y[change.start :] > 0) else "shrinking"
