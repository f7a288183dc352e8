"""What a page says of the day up to which its models and rules learned, where that is not its own."""

from __future__ import annotations

from rcm_analysis import words
from rcm_analysis.pages.blocks import Finding
from rcm_analysis.store.view import View


def chances(view: View) -> Finding | None:
    """For lists of the day with chances of the last whole month."""
    return _note(view, "The score was learned from what was known on {day}. The list is of {today}.")


def rules(view: View) -> Finding | None:
    """For rules and what they would have met; tables of gaps in enrollment and filing are of the day."""
    return _note(view, "Checks and scores are of what was known on {day}. Gaps of enrollment, front desk and "
                       "timely filing are of {today}.")  # fmt: skip


def _note(view: View, sentence: str) -> Finding | None:
    """None on the last day of a month, when both days are one."""
    if view.learning_day == view.as_of:
        return None
    return Finding(
        sentence.format(day=words.day(view.learning_day), today=words.day(view.as_of)), rank=41, kind="caution"
    )
