"""Where a loss sits: the place, payer or provider that holds much more of it than of the practice's claims.

base: claims of 12 months          part: claims of one finding         where(part, base)
location        payer_name         location        cash                Place("location", "ORCHARD CLINIC", .77, .22)
ORCHARD CLINIC  ATLAS              ORCHARD CLINIC  525
LAKEVIEW        MERIDIAN           ORCHARD CLINIC  688
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from rcm_analysis import stats, words

DIMENSIONS = {
    "location": "locations",
    "payer_name": "payers",
    "rendering_npi": "providers",
}  # the first named where two say the same
LEAST_SHARE = 0.3  # of the loss, below which a place does not explain it
LEAST_LIFT = 1.5  # times its share of claims, below which it is as everywhere
FEWEST = 5  # claims, below which a place is an anecdote
BY_CHANCE = 0.01  # that any of the places holds so many claims where all are alike, at most


@dataclass(frozen=True)
class Place:
    """A value of a dimension, its share of the loss and of the practice's claims."""

    dimension: str
    value: str
    share: float
    usual: float
    by_chance: float = 0.0  # that any of the places tried holds so many claims where all are alike

    @property
    def lift(self) -> float:
        """How many times its usual share it holds."""
        return self.share / self.usual if self.usual else float("inf")


def where(part: pd.DataFrame, base: pd.DataFrame) -> Place | None:
    """The place that holds most of the loss beyond its share of claims; None where the loss is spread as the claims are.

    `part` has the dimensions and worth (USD), a row per claim, and the patient where claims of one patient are to weigh
    together; `base` the dimensions of all claims.
    """
    return _first(_denser(part, base))


def _first(denser: list[Place]) -> Place | None:
    """Of denser places the one that holds most beyond its share of claims; none where all may be chance."""
    return max(
        (place for place in denser if place.by_chance <= BY_CHANCE),
        key=lambda place: place.share - place.usual, default=None,
    )  # fmt: skip


def _denser(part: pd.DataFrame, base: pd.DataFrame) -> list[Place]:
    """The places that hold much more of the loss than of claims, be it by chance or not."""
    kinds = {name: int(base[name].nunique()) for name in DIMENSIONS if name in part and name in base}
    names = [name for name, kind in kinds.items() if kind > 1]
    return [place for name in names for place in _places(part, base, name, tried=sum(kinds[name] for name in names))]


def _places(part: pd.DataFrame, base: pd.DataFrame, name: str, *, tried: int) -> list[Place]:
    total = float(part["worth"].sum())
    if total <= 0:
        return []
    known = part.loc[part[name].notna(), [column for column in (name, "worth", "patient") if column in part]]
    shares = known.groupby(name)["worth"].sum() / total
    shares = shares[shares >= LEAST_SHARE]
    if not len(shares):
        return []
    claims, usual = known[name].value_counts(), base[name].value_counts(normalize=True)
    whose = known["patient"] if "patient" in known else pd.Series(range(len(known)), known.index)
    found = []
    for value, share in shares.items():
        place = Place(name, str(value), float(share), float(usual.get(value, 0.0)))
        if claims[value] >= FEWEST and place.usual > 0 and place.lift >= LEAST_LIFT:
            chance = tried * stats.chance_of_so_many(known[name].eq(value), whose, place.usual)
            found.append(replace(place, by_chance=chance))
    return found


def said(part: pd.DataFrame, base: pd.DataFrame) -> str:
    """The same in a few words for a table.

    >>> said(part, base)  # doctest: +SKIP
    '77% at Orchard Clinic, 22% of claims'
    """
    denser = _denser(part, base)
    place = _first(denser)
    if place is None:
        return "Too few claims to tell" if denser else "Spread evenly"
    at = {"location": "at", "payer_name": "with", "rendering_npi": "with provider"}[place.dimension]
    return f"{place.share:.0%} {at} {words.titled(place.value)}, {place.usual:.0%} of claims"


def sentence(part: pd.DataFrame, base: pd.DataFrame) -> str:
    """The same as a sentence of a finding."""
    denser = _denser(part, base)
    place = _first(denser)
    if place is None and denser:
        return "There are too few claims to say where the loss sits."
    if place is None:
        there = [called for name, called in DIMENSIONS.items() if name in base and base[name].nunique() > 1]
        return f"The loss is spread evenly over {' and '.join(there[:2])}." if there else ""
    of = {
        "location": "sits at {}, which sends",
        "payer_name": "sits with {}, which receives",
        "rendering_npi": "sits with provider {}, who sends",
    }
    return f"{place.share:.0%} of the loss {of[place.dimension].format(words.titled(place.value))} {place.usual:.0%} of claims."
