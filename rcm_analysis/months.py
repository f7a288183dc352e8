"""Calendar windows: whole months up to a day."""

from __future__ import annotations

import re
from datetime import date, timedelta

from rcm_analysis.errors import RcmError

FIRST_YEAR, LAST_YEAR = 1980, 2200  # of claims and of what is said of them
MONTHS = 24  # looked back where nobody asks for others


def last_month(as_of: date) -> str:
    """The last whole month known on a day: the day's own month when it is the month's last day.

    >>> last_month(date(2026, 10, 31)), last_month(date(2026, 10, 30))
    ('2026-10', '2026-09')
    """
    whole = as_of if (as_of + timedelta(days=1)).day == 1 else as_of.replace(day=1) - timedelta(days=1)
    return f"{whole:%Y-%m}"


def window(as_of: date, months: int) -> tuple[date, date]:
    """First and last day of the last `months` whole months."""
    month = last_month(as_of)
    year, number = int(month[:4]), int(month[5:7])
    last = date(year + number // 12, number % 12 + 1, 1) - timedelta(days=1)
    total = year * 12 + number - months
    return date(total // 12, total % 12 + 1, 1), last


def month_end(month: str) -> date:
    year, number = int(month[:4]), int(month[5:7])
    return date(year + number // 12, number % 12 + 1, 1) - timedelta(days=1)


def period_of(text: str) -> str:
    """A month given as text.

    >>> period_of("2026-10")
    '2026-10'
    """
    if not re.fullmatch(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])", text):
        raise RcmError(f"periods are months written 2026-10, not {text}")
    return text


def day_of(day: date | str) -> date:
    """A day given as a date or as text.

    >>> day_of("2026-10-31")
    datetime.date(2026, 10, 31)
    """
    try:
        found = day if isinstance(day, date) else date.fromisoformat(day)
    except ValueError:
        raise RcmError(f"days are written 2026-10-31, not {day}") from None
    if not FIRST_YEAR <= found.year < LAST_YEAR:
        raise RcmError(f"{found} is no day of this business: years are {FIRST_YEAR} to {LAST_YEAR - 1}")
    return found
