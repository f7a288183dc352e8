"""What a practice aims at: `targets.csv` beside its store, a line of noun,target each; without it no target is drawn.

noun,target
initial_denial_rate,0.10
clean_claim_rate,0.95
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from rcm_analysis.store.practice import Practice

if TYPE_CHECKING:
    from rcm_analysis.store.view import View


def of(view: View) -> dict[str, float]:
    """The targets by noun, the practice's own before those for all; lines that hold no number are left out.

    >>> of(view)  # doctest: +SKIP
    {'initial_denial_rate': 0.1, 'clean_claim_rate': 0.95}
    """
    told: dict[str, float] = {}
    for path in Practice(view.store, view.practice).own_tables("targets"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                value = _number(row.get("target") or "")
                if value is not None:
                    told.setdefault((row.get("noun") or "").strip(), value)
    return told


def _number(text: str) -> float | None:
    bare = text.strip()
    share = bare.endswith("%")
    digits = bare.rstrip("%").strip().replace(".", "", 1)
    return float(bare.rstrip("% ")) / (100 if share else 1) if digits.isdigit() else None
