"""Where a loss sits: the place, payer or provider that holds much more of it than of the practice's claims.

base: claims of 12 months          part: claims of one finding         where(part, base)
location        payer_name         location        cash                Place("location", "ORCHARD CLINIC", .77, .22)
ORCHARD CLINIC  ATLAS              ORCHARD CLINIC  525
LAKEVIEW        MERIDIAN           ORCHARD CLINIC  688
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from rcm_analysis import words

DIMENSIONS = {
    "location": "locations",
    "payer_name": "payers",
    "rendering_npi": "providers",
}  # the first named where two say the same
LEAST_SHARE = 0.3  # of the loss, below which a place does not explain it
LEAST_LIFT = 1.5  # times its share of claims, below which it is as everywhere
FEWEST = 5  # claims, below which a place is an anecdote


@dataclass(frozen=True)
class Place:
    """A value of a dimension, its share of the loss and of the practice's claims."""

    dimension: str
    value: str
    share: float
    usual: float

    @property
    def lift(self) -> float:
        """How many times its usual share it holds."""
        return self.share / self.usual if self.usual else float("inf")


def where(part: pd.DataFrame, base: pd.DataFrame) -> Place | None:
    """The place that holds most of the loss beyond its share of claims; None where the loss is spread as the claims are.

    `part` has the dimensions and worth (USD), a row per claim; `base` the dimensions of all claims.
    """
    found = [place for name in DIMENSIONS if name in part and name in base for place in _places(part, base, name)]
    return max(found, key=lambda place: place.share - place.usual, default=None)


def _places(part: pd.DataFrame, base: pd.DataFrame, name: str) -> list[Place]:
    known = part[part[name].notna()]
    total = float(part["worth"].sum())
    if total <= 0 or base[name].nunique() < 2:
        return []
    shares = known.groupby(name)["worth"].sum() / total
    claims, usual = known[name].value_counts(), base[name].value_counts(normalize=True)
    places = [Place(name, str(value), float(share), float(usual.get(value, 0.0))) for value, share in shares.items()]
    return [
        p
        for p in places
        if p.share >= LEAST_SHARE and p.lift >= LEAST_LIFT and p.usual > 0 and claims.get(p.value, 0) >= FEWEST
    ]


def said(part: pd.DataFrame, base: pd.DataFrame) -> str:
    """The same in a few words for a table.

    >>> said(part, base)  # doctest: +SKIP
    '77% at Orchard Clinic, 22% of claims'
    """
    place = where(part, base)
    if place is None:
        return "Spread evenly"
    at = {"location": "at", "payer_name": "with", "rendering_npi": "with provider"}[place.dimension]
    return f"{place.share:.0%} {at} {words.titled(place.value)}, {place.usual:.0%} of claims"


def sentence(part: pd.DataFrame, base: pd.DataFrame) -> str:
    """The same as a sentence of a finding."""
    place = where(part, base)
    if place is None:
        there = [called for name, called in DIMENSIONS.items() if name in base and base[name].nunique() > 1]
        return f"The loss is spread evenly over {' and '.join(there[:2])}." if there else ""
    of = {
        "location": "sits at {}, which sends",
        "payer_name": "sits with {}, which receives",
        "rendering_npi": "sits with provider {}, who sends",
    }
    return f"{place.share:.0%} of the loss {of[place.dimension].format(words.titled(place.value))} {place.usual:.0%} of claims."
