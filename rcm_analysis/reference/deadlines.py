"""Days by which a claim, a correction or an appeal must be in: calendar years by the calendar, next workday, contracts first.

    service_date  clock           days  unit   deadline
    2027-03-01    initial_filing  1     year   2028-03-01    Medicare counts a calendar year, not 365 days
    2027-02-27    initial_filing  1     year   2028-02-28    a Sunday: the next workday
    2026-01-05    initial_filing  90    day    2026-04-06    a Sunday likewise

Sources: 42 CFR 424.44 for Medicare's year and the next workday; `deadlines.csv` for the others.
"""

from __future__ import annotations

import pandas as pd

DAY, YEAR = "day", "year"


def deadline(start: pd.Series, number: pd.Series, unit: pd.Series) -> pd.Series:
    """The last day: `number` days or calendar years after `start`, on the next workday where that is a weekend.

    Missing where a start or a number is missing. The end of a year after 29 February is 28 February. Public holidays,
    which lengthen it further, are not counted.

    >>> days = pd.to_datetime(pd.Series(["2027-03-01", "2026-01-05"]))
    >>> deadline(days, pd.Series([1, 90]), pd.Series(["year", "day"])).dt.strftime("%Y-%m-%d").tolist()
    ['2028-03-01', '2026-04-06']
    """
    start = pd.to_datetime(start)
    number = pd.to_numeric(number)
    years = [
        day + pd.DateOffset(years=int(count)) if pd.notna(day) and pd.notna(count) else pd.NaT
        for day, count in zip(start, number.where(unit.eq(YEAR)), strict=True)
    ]
    last = pd.Series(pd.to_datetime(years), start.index).fillna(
        start + pd.to_timedelta(number.where(unit.ne(YEAR)), unit="D")
    )
    return last + pd.to_timedelta((7 - last.dt.day_of_week).where(last.dt.day_of_week >= 5, 0), unit="D")
