"""Cron expressions: when something was due. Five fields as in Debian's cron: minute, hour, day, month, weekday.

0 6 3 * *        the third of each month at six
30 7 * * mon     every Monday at half past seven
0 6 L * *        the last day of each month
@weekly          Sunday at midnight
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

from rcm_analysis.errors import RcmError

NAMED = {"@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@hourly": "0 * * * *"}
FIELDS = ("minute", "hour", "day", "month", "weekday")
ANY_DAY = datetime(2000, 1, 1)


@dataclass(frozen=True)
class Cron:
    """The times that an expression names. Day and weekday, if both are given, are alternatives."""

    expression: str

    def due(self, *, after: datetime | None, until: datetime) -> list[datetime]:
        """The times in (after, until], oldest first; without `after` only the last one up to `until`.

        >>> parse("0 6 3 * *").due(after=datetime(2026, 8, 20), until=datetime(2026, 10, 3, 6))
        [datetime.datetime(2026, 9, 3, 6, 0), datetime.datetime(2026, 10, 3, 6, 0)]
        """
        found: list[datetime] = []
        for moment in CronSim(self.expression, until.replace(microsecond=0) + timedelta(seconds=1), reverse=True):
            if after is not None and moment <= after:
                break
            found.append(moment)
            if after is None:
                break
        return found[::-1]


def parse(text: str) -> Cron:
    """Reads an expression. Raises RcmError that says which field is not understood, or that its day never comes."""
    fields = NAMED.get(text.strip().lower(), text).split()
    if len(fields) != len(FIELDS):
        raise RcmError(f"cron expression {text!r} needs five fields: minute hour day month weekday")
    for i, field in enumerate(fields):
        if not _is_understood(" ".join(field if i == j else "*" for j in range(len(FIELDS)))):
            raise RcmError(f"cron expression {text!r}: the {FIELDS[i]} {field!r} is not understood")
    expression = " ".join(fields)
    if not _is_understood(expression) or not Cron(expression).due(after=None, until=ANY_DAY):
        raise RcmError(f"cron expression {text!r} never comes: no month of it has a day {fields[2]}")
    return Cron(expression)


def _is_understood(expression: str) -> bool:
    try:
        CronSim(expression, ANY_DAY)
    except CronSimError:
        return False
    return True
