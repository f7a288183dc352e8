"""Cron expressions: when something was due. Five fields as in cron(5): minute, hour, day, month, weekday.

0 6 3 * *        the third of each month at six
30 7 * * mon     every Monday at half past seven
@weekly          Sunday at midnight
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from rcm_analysis.errors import RcmError

NAMED = {"@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@hourly": "0 * * * *"}
FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days of each month
FARTHEST_DAYS = 41 * 366  # 29 February on a given weekday comes every 28 years, around 2100 after 40


@dataclass(frozen=True)
class Cron:
    """The times that an expression names. As in cron(5), day and weekday, if both are given, are alternatives."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def due(self, *, after: datetime | None, until: datetime) -> list[datetime]:
        """The times in (after, until], oldest first; without `after` only the last one up to `until`.

        >>> parse("0 6 3 * *").due(after=datetime(2026, 8, 20), until=datetime(2026, 10, 3, 6))
        [datetime.datetime(2026, 9, 3, 6, 0), datetime.datetime(2026, 10, 3, 6, 0)]
        """
        found = []
        for moment in self._backwards(until):
            if after is not None and moment <= after:
                break
            found.append(moment)
            if after is None:
                break
        return found[::-1]

    def _backwards(self, until: datetime) -> Iterator[datetime]:
        for back in range(FARTHEST_DAYS):
            day = until.date() - timedelta(days=back)
            if not self._on(day):
                continue
            for hour in sorted(self.hours, reverse=True):
                for minute in sorted(self.minutes, reverse=True):
                    moment = datetime.combine(day, time(hour, minute))
                    if moment <= until:
                        yield moment

    def _on(self, day: date) -> bool:
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (by_day or by_weekday if self.either_day else by_day and by_weekday)


def parse(text: str) -> Cron:
    """Reads an expression. Raises RcmError that says which field is not understood."""
    fields = NAMED.get(text.strip().lower(), text).lower().split()
    if len(fields) != len(FIELDS):
        raise RcmError(f"cron expression {text!r} needs five fields: minute hour day month weekday")
    values = [_field(field, *known, text) for field, known in zip(fields, FIELDS, strict=True)]
    weekdays = frozenset(day % 7 for day in values[4])
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    if not either and min(values[2]) > max(LONGEST[month - 1] for month in values[3]):
        raise RcmError(f"cron expression {text!r} never comes: no month of it has a day {min(values[2])}")
    return Cron(values[0], values[1], values[2], values[3], weekdays, either)


def _field(text: str, name: str, low: int, high: int, whole: str) -> frozenset[int]:
    names = {"month": MONTHS, "weekday": WEEKDAYS}.get(name, [])
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("", "", "") if span == "*" else span.partition("-")
        try:
            begin = low if span == "*" else _number(first, names, low)
            end = _number(last, names, low) if last else high if span == "*" or step else begin
            values = range(begin, end + 1, int(step or 1))
        except ValueError:
            values = range(0)
        if not values or begin < low or end > high:
            raise RcmError(f"cron expression {whole!r}: the {name} {part!r} is not understood")
        found |= set(values)
    return frozenset(found)


def _number(text: str, names: list[str], low: int) -> int:
    return names.index(text) + low if text in names else int(text)
