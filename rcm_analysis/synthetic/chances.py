"""The true chances behind the synthetic practice: of a denial, and of what becomes of it when it is worked and when it is left.

    chances.csv        a row for each claim that was answered
    open_denials.csv   a row for each denied claim that was open at the end of a month

No draw of the practice depends on what is written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

CHANCES = ("claim_number", "p_denial_at_submit", "told_by_837", "initially_denied", "p_writeoff_at_denial", "p_work", "p_win1", "p_win_left",
           "expected_allowed", "denied_amount", "later_outcome", "settled_on")  # fmt: skip
OPEN = ("claim_number", "as_of", "p_win_worked", "p_win_left", "p_write_off", "expected_allowed", "denied_amount", "worked",
        "later_outcome", "settled_on")  # fmt: skip
Days = tuple[int, int]  # from the first to before the second, each as likely


@dataclass
class Fate:
    """What may become of a denial, and what did: chances, days, and outcome, also where it lies after the last file.

    `p_win` is the chance of a correction that is sent with its reference, `blind` the share sent without, which never win.
    """

    claim_number: str
    denied_on: date
    denied: int
    price: int
    p_work: float
    p_win: float
    p_left: float = 0.0
    blind_share: float = 0.0
    sent_after: Days = (4, 40)
    paid_after: Days = (30, 90)
    given_up_after: Days = (70, 160)
    desk: str = "DENIALS"
    sent_on: date | None = None
    blind: bool = False
    answered_on: date | None = None
    outcome: str = ""
    settled_on: date | None = None

    @property
    def p_worked(self) -> float:
        """Chance that work wins, blind resubmissions among it."""
        return (1 - self.blind_share) * self.p_win

    @property
    def p_write_off(self) -> float:
        """Chance at the denial that it ends written off."""
        return 1 - self.p_work * self.p_worked - (1 - self.p_work) * self.p_left

    def as_of(self, day: date) -> tuple[float, float, float]:
        """Chances of winning when worked and when left, and of a write-off, from what a reader of the files knows by the day."""
        if self.answered_on and self.answered_on <= day:
            return 0.0, 0.0, 1.0
        if self.sent_on and self.sent_on <= day:
            won = 0.0 if self.blind else self.p_win
            return won, won, 1 - won
        age = (day - self.denied_on).days
        worked = self.p_work * _still(age, self.sent_after)
        paid = (1 - self.p_work) * self.p_left * _still(age, self.paid_after)
        lost = (1 - self.p_work) * (1 - self.p_left) * _still(age, self.given_up_after)
        left = paid / (paid + lost) if paid + lost else 0.0
        total = worked + paid + lost
        return self.p_worked, left, (worked * (1 - self.p_worked) + lost) / total if total else 1.0


def _still(age: int, days: Days) -> float:
    """Chance that a thing whose day is as likely in all of `days` has not happened by an age in days."""
    first, end = days
    return min(max((end - 1 - age) / (end - first), 0.0), 1.0)


def settled(fate: Fate, outcome: str, on: date) -> None:
    fate.outcome, fate.settled_on = outcome, on


def claim_rows(p_denial: dict[str, tuple[float, bool]], fates: dict[str, Fate]) -> Iterator[list[Any]]:
    """Rows of `chances.csv`, in the order of the claims."""
    for number, (p, told) in p_denial.items():
        fate = fates.get(number)
        if fate is None:
            yield [number, round(p, 6), told, False, *[""] * 8]
            continue
        yield [number, round(p, 6), told, True, round(fate.p_write_off, 6), round(fate.p_work, 6), round(fate.p_worked, 6), round(fate.p_left, 6),
               fate.price / 100, fate.denied / 100, fate.outcome, fate.settled_on]  # fmt: skip


def open_rows(fates: dict[str, Fate], month_ends: list[date]) -> Iterator[list[Any]]:
    """Rows of `open_denials.csv`: every denied claim that is open at the end of a month, month by month."""
    for day in month_ends:
        for fate in fates.values():
            if fate.denied_on <= day and fate.settled_on and fate.settled_on > day:
                chances = (round(p, 6) for p in fate.as_of(day))
                yield [fate.claim_number, day, *chances, fate.price / 100, fate.denied / 100, bool(fate.sent_on and fate.sent_on <= day),
                       fate.outcome, fate.settled_on]  # fmt: skip


def month_ends(start: date, months: int) -> list[date]:
    total = [start.year * 12 + start.month - 1 + i + 1 for i in range(months)]
    return [date(t // 12, t % 12 + 1, 1) - timedelta(days=1) for t in total]
