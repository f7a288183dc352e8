"""What more than one page says: the first row of a ranked table, and the warning that paid claims are missing."""

from __future__ import annotations

from typing import Any

import pandas as pd

from rcm_analysis import words
from rcm_analysis.stats import wilson

GUESS = "inferred, not confirmed (see Posting codes to map on the write-offs page)"
MATERIAL_SHARE = 0.05  # of the denied claims, from which it is said that the paid ones are not known


def biggest(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """The first row of a ranked table; where it is empty, `name` reads "none" and the numbers are 0."""
    if len(table):
        return {str(column): value for column, value in table.iloc[0].items()}
    zero = {str(column): 0.0 if pd.api.types.is_numeric_dtype(table[column]) else "nobody" for column in table}
    return zero | {name: "none", "fix": "Nothing to do."}


def with_guesses(note: str, amount: float) -> str:
    """A tile's note that says how much of its dollars is a guess.

    >>> with_guesses("12 months", 8310.5)
    '12 months, including $8,310 inferred, not confirmed (see Posting codes to map on the write-offs page)'
    """
    return f"{note}, including {words.usd(amount)} {GUESS}" if amount >= 0.5 else note


def one_sided(told: pd.DataFrame) -> str:
    """Says that paid claims are missing from the decisions, so that denial rates are too high; else empty.

    `told` as from `by_month.decisions_told`. Payers pay most claims at first, so that decisions which are mostly denials,
    beyond chance, are a listing of denials or a selection of remittances.
    """
    sums = told.groupby("told_by")[["denied", "decided"]].sum().reindex(["exports", "835"], fill_value=0)
    sums.loc["all"] = sums.sum()
    mostly = wilson(sums["denied"], sums["decided"])[0] > 0.5
    counts = sums.map(words.count)
    if mostly["exports"] and sums.loc["exports", "denied"] >= MATERIAL_SHARE * sums.loc["all", "denied"]:
        return (f"{counts.loc['exports', 'denied']} of {counts.loc['all', 'denied']} initially denied claims are known only from a listing of denials, which leaves out what was paid. "
                "Denial rates are too high. Load the payers' 835 files, or a listing of claims with what was paid.")  # fmt: skip
    if mostly["all"]:
        return (f"{counts.loc['all', 'denied']} of {counts.loc['all', 'decided']} adjudicated claims were initially denied. Payers pay most claims, so paid ones are missing from the "
                "files and denial rates are too high. Load all 835 files, not a selection.")  # fmt: skip
    return ""
