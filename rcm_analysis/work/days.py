"""By when: a deadline less a margin, on a day on which an office works.

>>> due(date(2026, 11, 19), today=date(2026, 10, 31))
datetime.date(2026, 11, 12)
>>> due(date(2026, 11, 4), today=date(2026, 10, 31))  # too near for the margin: the next working day
datetime.date(2026, 11, 2)
"""

from __future__ import annotations

from datetime import date, timedelta

MARGIN_DAYS = 7  # what the mail, a portal that is down and a second look take
WEEK_DAYS = 7  # what has no deadline is to be begun within a week


def due(deadline: date | None, *, today: date, margin: int = MARGIN_DAYS) -> date:
    """The day by which it should be done: never before the next working day, never after the deadline that runs."""
    first = working_day(today)
    if deadline is None or deadline < today:
        return first
    return min(max(last_working_day(deadline - timedelta(days=margin)), first), max(deadline, today))


def within_a_week(today: date) -> date:
    """The day for what has no deadline.

    >>> within_a_week(date(2026, 10, 31))
    datetime.date(2026, 11, 6)
    """
    return last_working_day(today + timedelta(days=WEEK_DAYS))


def working_day(day: date) -> date:
    """The day, or the Monday after it."""
    return day + timedelta(days=max(7 - day.weekday(), 0) % 7) if day.weekday() > 4 else day


def last_working_day(day: date) -> date:
    """The day, or the Friday before it."""
    return day - timedelta(days=max(day.weekday() - 4, 0))
