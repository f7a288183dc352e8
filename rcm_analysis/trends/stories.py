"""One story per event: changes that begin together and share a reason, or a window of submissions, are one row.

payer_name  category   first_week  last_month        segment                             segments
UNISON      duplicate  2026-02-02  2026-02           {"payer_name": "UNISON", ...}       [{UNISON ...}, {ATLAS ...}]
ATLAS       duplicate  2026-02-02  2026-02
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rcm_analysis import words
from rcm_analysis.stats import wilson

NEAR = 7  # days between the begins of changes that are told together
SAME_SEARCH = 31  # the same for segments that one change was narrowed to
REASONS = ("category", "carc", "rarc", "code")
APART = ("definition", "one_patient")
NAMED = 3  # places that a sentence names
SUMS = (
    "excess_count",
    "excess_amount_usd",
    "excess_cash_usd",
    "before_count",
    "before_cases",
    "after_count",
    "after_cases",
)
PLURAL = {
    "procedure": "procedures",
    "rendering_npi": "providers",
    "carc": "codes",
    "rarc": "remarks",
    "code": "rejection codes",
}


def told_together(signals: pd.DataFrame) -> pd.DataFrame:
    """The changes with one row per event: the strongest segment's, `segments` naming all, figures added up."""
    if not len(signals):
        return signals
    rows = signals.to_dict("records")
    story = _stories(rows)
    parts = [[row for row, of in zip(rows, story, strict=True) if of == one] for one in dict.fromkeys(story)]
    table = pd.DataFrame([_one(part, number + 1) for number, part in enumerate(parts)], columns=list(signals.columns))
    return table.astype(signals.dtypes.to_dict()).sort_values(
        ["excess_cash_usd", "excess_amount_usd", "excess_count"], key=lambda c: -c.abs(), ignore_index=True
    )


def _stories(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """A number per row, the same for rows of one event."""
    story = list(range(len(rows)))
    for i, one in enumerate(rows):
        for j in range(i):
            if story[i] != story[j] and _is_one_event(one, rows[j]):
                story = [story[j] if at == story[i] else at for at in story]
    return story


def _is_one_event(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if one["kind"] in APART or other["kind"] in APART or (one["excess_count"] > 0) != (other["excess_count"] > 0):
        return False
    apart = abs((pd.Timestamp(one["first_week"]) - pd.Timestamp(other["first_week"])).days)
    if one["change"] == other["change"]:
        return apart <= SAME_SEARCH
    return apart <= NEAR and (_shares_reason(one, other) or _shares_window(one, other))


def _shares_reason(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    mine, its = (json.loads(row["segment"]) for row in (one, other))
    return any(name in mine and mine.get(name) == its.get(name) for name in REASONS)


def _shares_window(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Both ended, in the same month: a batch that went wrong, for whatever reasons it was refused."""
    return one["kind"] == other["kind"] == "burst" and one["last_month"] == other["last_month"] and not one["ongoing"]


def _one(parts: Sequence[dict[str, Any]], number: int) -> dict[str, Any]:
    strongest = max(
        parts, key=lambda row: (abs(row["excess_cash_usd"]), abs(row["excess_amount_usd"]), abs(row["excess_count"]))
    )
    named = [json.loads(row["segment"]) for row in parts]
    named.sort(key=lambda segment: json.dumps(segment) != strongest["segment"])
    row = strongest | {"change": number, "segments": json.dumps(named)}
    if len(parts) == 1:
        return row
    row |= {name: sum(part[name] for part in parts) for name in SUMS}
    lower, upper = wilson(
        np.array([row["before_count"], row["after_count"]]), np.array([row["before_cases"], row["after_cases"]])
    )
    row |= {
        "before": row["before_count"] / max(row["before_cases"], 1),
        "after": row["after_count"] / max(row["after_cases"], 1),
    }
    row |= {"before_lower": lower[0], "before_upper": upper[0], "after_lower": lower[1], "after_upper": upper[1]}
    row |= {
        "first_month": min(part["first_month"] for part in parts),
        "last_month": max(part["last_month"] for part in parts),
    }
    row |= {"first_week": min(part["first_week"] for part in parts), "ongoing": any(part["ongoing"] for part in parts)}
    return row | {"q_value": min(part["q_value"] for part in parts)}


def place(segments: Sequence[Mapping[str, str]], said: Any) -> str:
    """The segments of one story in words, what they share once; `said` words one value of a dimension.

    >>> place([{"payer_name": "UNISON", "carc": "18"}, {"payer_name": "ATLAS", "carc": "18"}], lambda name, value: value)
    'UNISON and ATLAS, 18'
    """
    everywhere = [name for name in segments[0] if all(name in segment for segment in segments)]
    cut = [{name: segment[name] for name in everywhere} for segment in segments]
    if len({json.dumps(segment) for segment in cut}) == len(segments):  # told apart without what only some have
        segments = cut
    names = list(dict.fromkeys(name for segment in segments for name in segment))
    if any(set(segment) != set(names) for segment in segments):
        shared = {name: value for name, value in segments[0].items() if all(s.get(name) == value for s in segments)}
        own = [", ".join(said(k, v) for k, v in s.items() if k not in shared) for s in segments]
        own = [text for text in dict.fromkeys(own) if text] or ["the whole practice"]
        return ": ".join(filter(None, [", ".join(said(k, v) for k, v in shared.items()), _several(own, "; ")]))
    return ", ".join(_values(name, list(dict.fromkeys(s[name] for s in segments)), said) for name in names)


def _values(name: str, values: Sequence[str], said: Any) -> str:
    if len(values) == 1:
        return str(said(name, values[0]))
    return f"{PLURAL[name]} {_several(values)}" if name in PLURAL else _several([said(name, value) for value in values])


def _several(names: Sequence[str], comma: str = ", ") -> str:
    if len(names) == 1:
        return names[0]
    shown = [*names[:NAMED], f"{words.count(len(names) - NAMED)} more"] if len(names) > NAMED + 1 else list(names)
    return f"{comma.join(shown[:-1])} and {shown[-1]}"
