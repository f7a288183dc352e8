"""Code tables and taxonomies from `reference/*.csv`: CARC, RARC, groups, statuses, write-off leaves, deadlines.

One row per code, each with a short label in our own words and a column `why`. The official texts of X12 are licensed
and not shipped; see `data/README.md` for how to add a licensed list.

    >>> table("group_codes").loc[0, ["group_code", "label"]].tolist()
    ['CO', "provider's loss by contract or rule"]
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path

import pandas as pd

UNCLASSIFIED = "unclassified"

# A line with several reasons is driven by the one with the most dollars; between equals, by this order (DOMAIN.md
# 4.4: what can't be won back first, what is only a symptom last).
PRECEDENCE = (
    "timely_filing", "credentialing", "eligibility", "coordination_of_benefits", "authorization", "medical_necessity",
    "ambulance", "non_covered", "benefit_maximum", "documentation", "coding", "claim_data", "network", "bundling",
    "duplicate", "other",
)  # fmt: skip


def names() -> list[str]:
    """The reference tables there are."""
    folder = resources.files("rcm_analysis") / "reference"
    return sorted(entry.name.removesuffix(".csv") for entry in folder.iterdir() if entry.name.endswith(".csv"))


def path(name: str) -> Path:
    """Where a reference table lies. Raises KeyError naming the known ones."""
    if name not in names():
        raise KeyError(f"no reference table {name!r}; there are {', '.join(names())}")
    return Path(str(resources.files("rcm_analysis") / "reference" / f"{name}.csv"))


@cache
def _loaded(name: str) -> pd.DataFrame:
    return pd.read_csv(path(name), dtype=str, keep_default_na=False)


def table(name: str) -> pd.DataFrame:
    """A reference table, every column text, as a copy."""
    return _loaded(name).copy()


@cache
def _phrases() -> tuple[tuple[re.Pattern, str], ...]:
    rows = _loaded("write_off_phrases").assign(priority=lambda t: t["priority"].astype(int))
    rows = rows.sort_values("priority", kind="stable")
    return tuple((re.compile(p, re.I), leaf) for p, leaf in zip(rows["pattern"], rows["leaf"], strict=True))


@cache
def _posting_codes() -> dict[str, str]:
    rows = _loaded("posting_codes")
    return dict(zip(rows["code"].str.upper(), rows["leaf"], strict=True))


def classify_reason(code: str, reason: str, extra: tuple[tuple[re.Pattern, str], ...] = ()) -> tuple[str, str]:
    """The write-off leaf that a practice's own words tell, and what told it; the text outranks the code.

    >>> classify_reason("ADJ", "past timely filing")
    ('timely_filing', 'timely')

    `extra` are the user's own patterns, tried first. Words that tell nothing give ("unclassified", "").
    """
    for pattern, leaf in (*extra, *_phrases()):
        found = pattern.search(reason)
        if found:
            return leaf, found.group(0)
    leaf = _posting_codes().get(code.strip().upper(), UNCLASSIFIED)
    return leaf, code if leaf != UNCLASSIFIED else ""
