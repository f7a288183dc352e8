"""What the report of a month ago would have found, and what became of each: still there, over, no longer seen, worked.

finding                                        became        denials  worked
UNISON, authorization: the denial rate rose …  still there   22       .36
ATLAS, duplicate: the denial rate was …        over          40       1.00
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis.store import engine, kept
from rcm_analysis.store.content import Content
from rcm_analysis.trends import signals

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

COLUMNS = ("headline", "became", "denials", "worked")
STILL, OVER, UNSEEN, WORKED, FRESH = "still there", "over", "no longer seen", "worked", "new this month"
NEAR = 62  # days between the begins of one change as it is told in two months
OPEN = ("denied_open", "open_past_window")
MOSTLY = 0.8  # of the denials of a change, from here on it is worked


def a_month_ago(view: View, *, months: int = 36, dimensions: Sequence[str] = signals.DIMENSIONS) -> pd.DataFrame:
    """The changes of the denial rate that were to be seen a month before, in what was decided by then."""

    until = view.window(1)[0] - timedelta(days=1)
    basis, known = signals.prepared(view, months=months), signals.told_until(until)

    def make() -> Content:
        before = signals.prepare(view, months=months, until=until)
        found = signals.unpriced(view, before, "initial_denial_rate", dimensions, signals.LEVEL)
        signals.prepare(view, months=months)  # the tables of today again
        return Content({"signals": found})

    asked = {"months": months, "dimensions": list(dimensions), "basis": basis}
    inputs = Content(facts=asked, files=signals.ground(view, where=known)) if engine.keeps(view.con) else Content()
    return signals.priced(view, kept.made_of(view, "signals-before", inputs, make).frames["signals"], where=known)


def became(view: View, before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """A row for each change of a month ago, then those that are new; `worked` is the share of its denials that are no
    longer open without an action. Needs the tables of `signals.prepare`."""
    rows, used = [], set()
    for old in before.to_dict("records"):
        same = [i for i, one in now.iterrows() if _is_same(old, one)]
        used |= set(same)
        denials, worked = _worked(view, old)
        rows.append((old["headline"], _state([bool(now.loc[i, "ongoing"]) for i in same], worked), denials, worked))
    for i, one in now.iterrows():
        if i not in used and one["measure"] != signals.REJECTIONS:
            rows.append((one["headline"], FRESH, *_worked(view, one)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _state(ongoing: Sequence[bool], worked: float) -> str:
    if any(ongoing):
        return STILL
    if worked >= MOSTLY:
        return WORKED
    return OVER if ongoing else UNSEEN


def _is_same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two changes name a segment alike, one within the other, and began about the same time."""
    if (old["excess_count"] > 0) != (new["excess_count"] > 0) or (old["measure"] == signals.REJECTIONS) != (
        new["measure"] == signals.REJECTIONS
    ):
        return False
    if abs((pd.Timestamp(old["first_week"]) - pd.Timestamp(new["first_week"])).days) > NEAR:
        return False
    pairs = [(one, other) for one in json.loads(old["segments"]) for other in json.loads(new["segments"])]
    return any(
        all(one[k] == other[k] for k in one.keys() & other.keys()) and one.keys() & other.keys() for one, other in pairs
    )


def _worked(view: View, row: Mapping[str, Any]) -> tuple[int, float]:
    """Denied claims of a change, and the share of them that something was done about, or that ended."""
    signals.ready(view)
    numbers: set[str] = set()
    for segment in json.loads(row["segments"]):
        source = "trend_procedures" if set(signals.PROCEDURE) & set(segment) else "trend_claims"
        where = " AND ".join(f"coalesce({name}, '{signals.NOT_NAMED}') = ?" for name in segment) or "true"
        found = view.execute(f"SELECT DISTINCT claim_number FROM {source} WHERE denied AND period BETWEEN ? AND ? AND {where}",
                             [row["first_month"], row["last_month"], *map(str, segment.values())]).fetchall()  # fmt: skip
        numbers |= {number for (number,) in found}
    if not numbers:
        return 0, float("nan")
    open_ = view.execute(f"SELECT claim_number FROM claims WHERE state IN {OPEN}").fetchall()
    return len(numbers), 1 - len(numbers & {number for (number,) in open_}) / len(numbers)
