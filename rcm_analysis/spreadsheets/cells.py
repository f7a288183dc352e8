"""Cells of an export -> days and cents. What a mark means is decided by the whole column, never cell by cell.

    "01/02/2026", "01/13/2026"       2 January and 13 January: the second cell says that the month comes first
    "01/02/2026", "03/04/2026"       ambiguous: nothing says which is the month; `order` must be given
    "1.050,00", "(50,00)", "7,5-"    105000, -5000 and -750 cents: commas mark the cents
    "12,50" beside "1,050.00"        no amount: in this column a comma marks thousands

A cell that can't be read is None, and the caller says where it stood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

MONTH_FIRST, DAY_FIRST = "month_first", "day_first"
ORDERS = (MONTH_FIRST, DAY_FIRST)
AMBIGUOUS = "ambiguous"
YEARS = (1900, 2100)  # outside of these a number is no year
CENTURY_TURNS = 69  # two digits from here on are of the last century, as in POSIX strptime
MAX_CENTS = 10**13  # what a decimal of 14 digits holds with room for sums
EXCEL_EPOCH = date(1899, 12, 30)
EXCEL_DAYS = (20_000, 80_000)  # 1954 to 2119: a date cell that was exported as its number

_MONTHS = {
    name: 1 + at // 3 for at in range(0, 36, 3) for name in ["janfebmaraprmayjunjulaugsepoctnovdec"[at : at + 3]]
}
_TIME = re.compile(
    r"(?:T|\s+|:)\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:[ap]\.?m\.?)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?$", re.I
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})|(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_NUMBERS = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})")
_DAY_NAMED = re.compile(r"(\d{1,2})[-/ .]+([a-z]{3,9})\.?,?[-/ ,]+(\d{4}|\d{2})", re.I)
_MONTH_NAMED = re.compile(r"([a-z]{3,9})\.?[- ]+(\d{1,2})(?:st|nd|rd|th)?,?[- ]+(\d{4}|\d{2})", re.I)
_MONEY_MARKS = re.compile(r"[$€£¥\s\u00a0\u202f']|USD|US(?=\$)", re.I)
_PLAIN = re.compile(r"(-)?(\d{1,10})(?:\.(\d{1,2}))?")  # what most amounts look like, read without further ado
_NUMBER = {mark: re.compile(rf"(?:\d{{1,3}}(?:{other}\d{{3}})+|\d+)(?:{mark}(\d*))?|{mark}(\d+)")
           for mark, other in ((r"\.", ","), (",", r"\."))}  # fmt: skip


def each(values: Iterable[str], parse: Callable[[str], Any]) -> list[Any]:
    """The parsed values in order; each distinct one is parsed once."""
    values = list(values)
    known = {value: parse(value) for value in set(values)}
    return [known[value] for value in values]


# --- days ----------------------------------------------------------------------------------------------------------


def date_order(values: Iterable[str]) -> str | None:
    """Whether the month or the day stands first, told by numbers above 12 in dates such as 01/13/2026.

    "ambiguous" when cells need an order and none tells it, or when they contradict each other; None when none needs
    one, being 2026-01-13, 13-Jan-2026, or with both numbers alike.

    >>> date_order(["01/02/2026", "01/13/2026"]), date_order(["01/02/2026"]), date_order(["2026-01-02"])
    ('month_first', 'ambiguous', None)
    """
    pairs = [(int(m[1]), int(m[3])) for m in map(_NUMBERS.fullmatch, {_day_text(value) for value in values}) if m]
    told = {MONTH_FIRST for first, second in pairs if first <= 12 < second} | {
        DAY_FIRST for first, second in pairs if second <= 12 < first
    }
    if len(told) == 1:
        return told.pop()
    return AMBIGUOUS if told or any(first != second for first, second in pairs) else None


def days(values: Iterable[str], order: str | None) -> list[date | None]:
    """The dates of a column; `order` is `month_first` or `day_first` for those written 01/02/2026.

    >>> days(["01/02/2026", "Jan 3, 26", "46023", "13/13/2026"], "day_first")[:3]
    [datetime.date(2026, 2, 1), datetime.date(2026, 1, 3), datetime.date(2026, 1, 1)]
    """
    return each(values, lambda value: _day(_day_text(value), order))


def _day_text(value: str) -> str:
    return _TIME.sub("", value.strip()).strip()


def _day(text: str, order: str | None) -> date | None:
    if m := _NUMBERS.fullmatch(text):
        first, second = int(m[1]), int(m[3])
        month, day = (
            (second, first) if order == DAY_FIRST or (order != MONTH_FIRST and first == second) else (first, second)
        )
        return _date(m[4], month, day) if order in ORDERS or first == second else None
    if m := _YEAR_FIRST.fullmatch(text):
        return _date(m[1] or m[5], int(m[3] or m[6]), int(m[4] or m[7]))
    if m := _DAY_NAMED.fullmatch(text):
        return _date(m[3], _MONTHS.get(m[2][:3].lower(), 0), int(m[1]))
    if m := _MONTH_NAMED.fullmatch(text):
        return _date(m[3], _MONTHS.get(m[1][:3].lower(), 0), int(m[2]))
    if re.fullmatch(r"\d{5}(\.\d+)?", text) and EXCEL_DAYS[0] <= float(text) <= EXCEL_DAYS[1]:
        return EXCEL_EPOCH + timedelta(days=int(float(text)))
    return None


def _date(year: str, month: int, day: int) -> date | None:
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= CENTURY_TURNS else 2000
    try:
        return date(number, month, day) if YEARS[0] <= number <= YEARS[1] else None
    except ValueError:
        return None


# --- amounts -------------------------------------------------------------------------------------------------------


def amounts(values: Iterable[str]) -> list[int | None]:
    """Amounts in whole cents. Negative are "(12.00)", "-12.00", "12.00-" and "12.00 CR"; fractions of a cent are none.

    >>> amounts(["$1,234.50", "(12.00)", "12.00-", "12.00 CR", "12.005", "n/a"])
    [123450, -1200, -1200, -1200, None, None]
    """
    values = list(values)
    plain = {value: m for value in set(values) if (m := _PLAIN.fullmatch(value))}
    others = {value for value in set(values) if value not in plain}
    bare = {re.sub(r"[)-]$|[CD]R$", "", _MONEY_MARKS.sub("", value), flags=re.I) for value in others}
    commas, points = (sum(_marks_cents(value, _NUMBER[mark]) for value in bare) for mark in (",", r"\."))
    points += sum(m[3] is not None for m in plain.values())
    if commas > points:
        return each(values, lambda value: _cents(value, _NUMBER[","]))
    known = {value: _cents(value, _NUMBER[r"\."]) for value in others}
    for value, m in plain.items():
        cents = int(m[2]) * 100 + int((m[3] or "0").ljust(2, "0"))
        known[value] = -cents if m[1] else cents
    return [known[value] for value in values]


def _marks_cents(bare: str, number: re.Pattern) -> bool:
    m = number.fullmatch(bare.lstrip("(+-"))
    return bool(m) and 1 <= len(m[1] or m[2] or "") <= 2


def _cents(value: str, number: re.Pattern) -> int | None:
    text = _MONEY_MARKS.sub("", value.replace("\u2212", "-"))
    text, sign = _unsigned(text)
    m = number.fullmatch(text)
    if not m or sign is None:
        return None
    fraction = (m[1] or m[2] or "").ljust(2, "0")
    if fraction[2:].strip("0"):
        return None
    whole = re.sub(r"\D", "", text[: len(text) - len(m[1] or m[2] or "")]) or "0"
    cents = int(whole) * 100 + int(fraction[:2])
    return sign * cents if cents < MAX_CENTS else None


def _unsigned(text: str) -> tuple[str, int | None]:
    """The text without its sign, and 1 or -1; None where it has two signs, which could mean either."""
    marks = [(r"\((.+)\)", -1), (r"-(.+)", -1), (r"(.+)-", -1), (r"(.+)CR", -1), (r"\+(.+)", 1), (r"(.+)DR", 1)]
    found = [(m[1], sign) for pattern, sign in marks if (m := re.fullmatch(pattern, text, re.I))]
    if len(found) > 1:
        return text, None
    return found[0] if found else (text, 1)
