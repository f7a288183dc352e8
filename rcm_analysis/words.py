"""Numbers and text as people read them, safe for HTML and for spreadsheets."""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
MAX_CELL = 32_767  # characters, the most that a cell of Excel holds
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip


def still(text: str) -> str:
    """The text without the marks that turn the direction of what stands around it; right-to-left letters need none.

    >>> still("\u202eGNITSAF\u202c CARE")
    'GNITSAF CARE'
    """
    return _TURNS.sub("", text)


def escape(text: str) -> str:
    """Text for HTML."""
    return html.escape(still(text))


def defused(text: str) -> str:
    """Text for a spreadsheet: what it would run as a formula begins with an apostrophe, no mark turns it around, and it fits."""
    text = still(text)
    return (f"'{text}" if text.startswith(FORMULA_STARTS) else text)[:MAX_CELL]


def usd(value: Any, *, cents: bool = False) -> str:
    """Dollars for a sentence: $1,234, with cents if asked; a dash where there is no value."""
    if _missing(value):
        return "–"
    number = float(value)
    text = f"${abs(number):,.2f}" if cents else f"${abs(number):,.0f}"
    return f"−{text}" if number < 0 and text.strip("$0.,") else text


def cash(value: Any, charges: Any) -> str:
    """Expected cash with its charges beside it; the charges alone where nobody knows what payers allow.

    >>> cash(12400, 31000), cash(0, 31000)
    ('$12,400 expected cash ($31,000 in charges)', '$31,000 in charges')
    """
    beside = f"{usd(charges)} in charges"
    return f"{usd(value)} expected cash ({beside})" if worth(value, 0) else beside


def cash_note(value: Any, charges: Any) -> str:
    """What a figure of `worth` is, for the small print under it.

    >>> cash_note(12400, 31000), cash_note(None, 31000)
    ('expected cash of $31,000 in charges', 'in charges')
    """
    return f"expected cash of {usd(charges)} in charges" if worth(value, 0) else "in charges"


def worth(value: Any, charges: Any) -> float:
    """Expected cash, or the charges where nobody knows what payers allow: what findings are weighed by.

    >>> worth(12400, 31000), worth(float("nan"), 31000)
    (12400.0, 31000.0)
    """
    return float(charges) if _missing(value) or not float(value) else float(value)


def share(value: Any) -> str:
    """A share 0–1 as percent with one place: 12.1%."""
    return "–" if _missing(value) else f"{float(value) * 100:.1f}%"


def count(value: Any) -> str:
    """A whole number with thousands separators."""
    return "–" if _missing(value) else f"{float(value):,.0f}"


def points(value: Any) -> str:
    """A difference of shares 0–1 in points with its sign: +1.2."""
    if _missing(value):
        return "–"
    number = round(float(value) * 100, 1)
    return f"{number:+.1f}".replace("-", "−") if number else "0.0"


def small(value: Any) -> str:
    """A probability: two digits, or below 0.0001."""
    return "–" if _missing(value) else "< 0.0001" if value < 0.0001 else f"{float(value):.2g}"


def days(value: Any) -> str:
    """Days with at most one decimal."""
    return "–" if _missing(value) else f"{float(value):,.1f}".removesuffix(".0")


def month_name(month: str) -> str:
    """`2026-10` as October 2026."""
    return f"{MONTHS[int(month[5:7]) - 1]} {month[:4]}"


def called(practice: str) -> str:
    """A practice's name for a heading; `all` stands for the comparison of several."""
    return "all practices" if practice == "all" else practice


def in_units(values: Sequence[Any], units: Sequence[str]) -> list[str]:
    """Each value in the unit of its measure: share, USD or days."""
    forms = {"share": share, "USD": usd, "days": days}
    return [forms[unit](value) for value, unit in zip(values, units, strict=True)]


def words(name: Any) -> str:
    """A code name in plain words: `timely_filing` as timely filing."""
    return "not named" if _missing(name) else str(name).replace("_", " ")


def _missing(value: Any) -> bool:
    return value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


FORMATS = {"usd": lambda v: usd(v, cents=True), "usd0": usd, "share": share, "count": count, "days": days, "points": points, "small": small,
           "text": lambda v: "" if _missing(v) else str(v), "words": words, "yes": lambda v: "yes" if v else "no",
           "date": lambda v: "" if _missing(v) else str(v)[:10], "month": lambda v: "" if _missing(v) else str(v)}  # fmt: skip
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
NUMERIC = ("usd", "usd0", "share", "count", "days", "points", "small")


def csv_text(frame: pd.DataFrame) -> str:
    """The frame as CSV: ISO dates, plain numbers, and text that a spreadsheet would take for a formula defused."""
    safe = frame.copy()
    for name in safe.columns:
        if not (pd.api.types.is_numeric_dtype(safe[name]) or pd.api.types.is_bool_dtype(safe[name])):
            safe[name] = [_defused(value) for value in safe[name]]
    safe.columns = [_defused(name) for name in safe.columns]
    out = io.StringIO()
    safe.to_csv(out, index=False, lineterminator="\n", date_format="%Y-%m-%d", float_format="%.10g")
    return out.getvalue()


def _defused(value: Any) -> Any:
    return defused(value) if isinstance(value, str) else value
