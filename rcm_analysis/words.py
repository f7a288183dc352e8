"""Numbers and text as people read them, safe for HTML and for spreadsheets."""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

UNCLUSTERED = "unclustered"  # the id of denials that are in no cluster
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
    """Text for a spreadsheet: what it would run as a formula begins with an apostrophe, and no mark turns it around."""
    text = still(text)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def fitting(text: str) -> str:
    """Defused text that a cell of a workbook holds; of a longer one the end is left out, which its last words say.

    >>> fitting("x" * 40_000)[-52:]
    'xxxxxxxx … (7,277 of 40,000 characters are left out)'
    """
    text = defused(text)
    if len(text) <= MAX_CELL:
        return text
    left_out = len(text) - MAX_CELL
    while True:  # the words take room, which leaves out more
        said = f" … ({left_out:,} of {len(text):,} characters are left out)"
        if (kept := MAX_CELL - len(said)) + left_out >= len(text):
            return text[:kept] + said
        left_out = len(text) - kept


def usd(value: Any, *, cents: bool = False) -> str:
    """Dollars for a sentence: $1,234, with cents if asked; a dash where there is no value."""
    if _missing(value):
        return "–"
    number = float(value)
    text = f"${abs(number):,.2f}" if cents else f"${abs(number):,.0f}"
    return f"−{text}" if number < 0 and text.strip("$0.,") else text


def cash(value: Any, charges: Any) -> str:
    """Expected cash; the billed amount where nobody knows what payers allow.

    >>> cash(12400, 31000), cash(0, 31000)
    ('$12,400 expected cash', '$31,000 billed')
    """
    return f"{about(value)} expected cash" if worth(value, 0) else f"{usd(charges)} billed"


def cash_note(value: Any, charges: Any) -> str:
    """What a figure of `worth` is, for the small print under it.

    >>> cash_note(12400, 31000), cash_note(None, 31000)
    ('expected cash of $31,000 billed', 'billed amount')
    """
    return f"expected cash of {usd(charges)} billed" if worth(value, 0) else "billed amount"


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


def month_short(month: str) -> str:
    """`2026-10` as Oct ’26, for an axis."""
    return f"{MONTHS[int(month[5:7]) - 1][:3]} ’{month[2:4]}"


def month_year(month: str) -> str:
    """`2026-10` as Oct 2026, for a table."""
    return f"{MONTHS[int(month[5:7]) - 1][:3]} {month[:4]}"


def day(value: Any, *, year: int | None = None) -> str:
    """A date as Nov 5, with its year when that is not `year`; empty where there is none.

    >>> day("2026-11-05", year=2026), day("2027-01-05", year=2026)
    ('Nov 5', 'Jan 5, 2027')
    """
    if _missing(value):
        return ""
    told = str(value)[:10]
    short = f"{MONTHS[int(told[5:7]) - 1][:3]} {int(told[8:10])}"
    return short if year is not None and int(told[:4]) == year else f"{short}, {told[:4]}"


def about(value: Any) -> str:
    """Estimated dollars to three digits, which is as well as they are known: $9,330, $42,400.

    >>> about(9334.8), about(42386.71), about(359488), about(87.4)
    ('$9,330', '$42,400', '$359,500', '$87')
    """
    if _missing(value):
        return "–"
    number = float(value)
    size = abs(number)
    step = 1000 if size >= 1_000_000 else 100 if size >= 10_000 else 10 if size >= 1_000 else 1
    return usd(round(number / step) * step)


SHORT_WORDS = {"of", "and", "the", "for", "in", "at", "to", "on", "by"}
KEPT = {"EMS", "MRI", "CT", "VA", "BCBS", "BCBSA", "HMO", "PPO", "POS", "LLC", "II", "III", "IV", "USA", "US", "UHC", "ENT", "ER", "ED", "ICU", "NPI",
        "CARC", "RARC", "COB", "PCS", "CO", "PR", "OA", "PI", "ERA", "EOB", "AARP", "CHIP", "TX", "NY", "CA", "FL", "OH", "NC", "SC", "NJ", "PA", "WV",
        "MA", "MI", "IL", "WI", "MN", "UMR", "GEHA", "MVP", "PC", "MD", "DO", "NP"}  # fmt: skip
_CAPITALS = re.compile(r"\b[A-Z][A-Z&'’.-]*[A-Z](?:\s+(?:[A-Z&][A-Z&'’.-]*|\d+))*\b")


@lru_cache(maxsize=2048)  # a list names a few payers and places thousands of times
def titled(text: str) -> str:
    """Names that files shout, as people write them; codes and initials stay.

    >>> titled("ORCHARD CLINIC, eligibility"), titled("RIVERBEND EMS STATION 3"), titled("code N706"), titled("modifier GA")
    ('Orchard Clinic, eligibility', 'Riverbend EMS Station 3', 'code N706', 'modifier GA')
    """
    return _CAPITALS.sub(lambda found: " ".join(_titled(word, i) for i, word in enumerate(found[0].split(" "))), text)


def _titled(word: str, place: int) -> str:
    if place and word.lower() in SHORT_WORDS:
        return word.lower()
    if word in KEPT or not word.isupper() or len(word) == 2 or (len(word) == 3 and not set(word) & set("AEIOUY")):
        return word  # two letters are a state or a modifier
    return "-".join(part[:1] + part[1:].lower() for part in word.split("-"))


def plain(markup: str) -> str:
    """The text of a piece of HTML."""
    return html.unescape(re.sub(r"<[^>]+>", "", markup)).strip()


def anchor(label: str) -> str:
    """A term's place on the glossary page.

    >>> anchor("Rejected, not resent")
    'rejected-not-resent'
    """
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")


def is_known(value: Any) -> bool:
    """Whether there is a value at all."""
    return not _missing(value)


def called(practice: str) -> str:
    """A practice's name for a heading; `all` stands for the comparison of several."""
    return "all practices" if practice == "all" else practice


def in_units(values: Sequence[Any], units: Sequence[str]) -> list[str]:
    """Each value in the unit of its measure: share, USD or days."""
    forms = {"share": share, "USD": usd, "days": days}
    return [forms[unit](value) for value, unit in zip(values, units, strict=True)]


REASONS = {
    "documentation": "records requested", "claim_data": "missing information", "coordination_of_benefits": "other insurance is primary",
    "non_covered": "noncovered service", "credentialing": "provider not enrolled", "eligibility": "eligibility",
    "denied_open": "open", "open_past_window": "past the usual deadline", "unpaid_no_reason": "unpaid without a reason",
    "days_to_decision": "days to remit",
    "taken_back": "recouped", "decision_month": "month of remit", "submission_month": "month submitted", "service_month": "month of service", "posting_month": "month posted", "patient": "patient responsibility", "lost": "lost", "resubmitted": "resubmitted, waiting on the payer",
}  # fmt: skip
KINDS = {
    "unnecessary": "avoidable",
    "necessary": "necessary",
    "payer": "payer's decision",
    "unclassified": "not classified",
}


def words(name: Any) -> str:
    """A code name in the field's words: `timely_filing` as timely filing, `documentation` as records requested."""
    return "not named" if _missing(name) else REASONS.get(str(name), str(name).replace("_", " "))


def sentence(text: str) -> str:
    """A text that begins with a capital: a cell, a label or a heading.

    >>> sentence("records requested")
    'Records requested'
    """
    return text[:1].upper() + text[1:]


def titled_practice(name: str) -> str:
    """A practice's name as a heading begins with it: `riverbend` as Riverbend."""
    return name if any(letter.isupper() for letter in name) else name.replace("_", " ").title()


def _missing(value: Any) -> bool:
    return value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


_DATE, _MONTH = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"\d{4}-\d{2}")
FORMATS = {"usd": usd, "usd0": usd, "cents": lambda v: usd(v, cents=True), "cash": about, "share": share, "count": count, "days": days, "points": points, "small": small,
           "text": lambda v: "" if _missing(v) else str(v), "words": lambda v: sentence(words(v)), "reason": lambda v: sentence(words(v)),
           "name": lambda v: "" if _missing(v) else titled(str(v)), "said": lambda v: "" if _missing(v) else sentence(titled(str(v))),
           "root": lambda v: sentence(KINDS.get(str(v), str(v))), "yes": lambda v: "yes" if v else "no",
           "date": lambda v: "" if _missing(v) else day(v) if _DATE.match(str(v)) else str(v), "month": lambda v: "" if _missing(v) else month_year(str(v)) if _MONTH.fullmatch(str(v)) else str(v)}  # fmt: skip
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
NUMERIC = ("usd", "usd0", "cents", "cash", "share", "count", "days", "points", "small")


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
