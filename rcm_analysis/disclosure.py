"""What leaves in the de-identified variant: no claim number, no day, no count from 1 to 10, no free text.

On while the variable RCM_DEIDENTIFIED is set, which `rcm report --deidentified` does for its notebooks. A row with a
small count loses all its numbers, since a rate or an amount could give the count away; and so many rows more that no
total gives it back. What is suppressed is missing, not zero. This is not Safe Harbor: months of service stay.
"""

from __future__ import annotations

import hmac
import os
import re

import pandas as pd

VARIABLE = "RCM_DEIDENTIFIED"
SMALLEST = 11  # CMS: no cell from 1 to 10, nothing from which one can be derived
SHOWN = f"fewer than {SMALLEST}"
IDENTIFIERS = ("claim_number", "other_number", "own_number", "check_number", "payer_claim_number", "reference", "patient_key",
               "remittance_id", "payment_id", "file_id")  # fmt: skip
FREE_TEXT = ("reason", "reasons", "file", "name", "place", "words", "note", "evidence", "example", "examples")
CODES = ("carc", "rarc", "procedure", "modifiers", "code", "reason_code", "rendering_npi")
LABELS = (
    *CODES,
    "segment",
    "month",
    "payer_id",
    "place_of_service",
    "cluster_id",
    "rule_id",
)  # never numbers, even if they look so
SHARES = ("share", "rate", "lower", "upper")  # 1 is all of them there, not one case
OTHER = "other"

_DAY = re.compile(r"\b(\d{4}-\d{2})-\d{2}\b")
_NUMBER = re.compile(r"(?<![\w.,$−–-])([1-9]|10)(?!\w|%|-|[.,]\d)")
_WRITTEN = re.compile(r"[−-]?\$?[\d,.]+%?|–")
_SHARE = re.compile(r"\d[\d,.]*%")


def active() -> bool:
    return bool(os.environ.get(VARIABLE))


def text(words: str) -> str:
    """A sentence without days and small counts; with a small count go the shares that could give it away.

    >>> text("8 of 1,211 claims were denied until 2026-10-31: 0.7%.")
    'fewer than 11 of 1,211 claims were denied until 2026-10: –.'
    """
    words = _DAY.sub(r"\1", words)
    without = _NUMBER.sub(SHOWN, words)
    return without if without == words else _SHARE.sub("–", without)


def table(frame: pd.DataFrame, counts: list[str]) -> pd.DataFrame:
    """The frame as it may leave. `counts` are its columns that count cases; other numbers go with them.

    payer  claims  rate                payer  claims  rate
    ACME   240     0.12                ACME   240     0.12
    BEST   30      0.40        ->      BEST   NaN     NaN      complementary
    CORE   4       0.25                CORE   NaN     NaN      small
    """
    by_case = any(name in frame for name in IDENTIFIERS)
    kept = frame.drop(columns=[name for name in FREE_TEXT if name in frame] + (counts if by_case else [])).copy()
    for name in kept:
        if name in IDENTIFIERS:
            kept[name] = [_pseudonym(value) for value in kept[name]]
        elif not pd.api.types.is_numeric_dtype(kept[name]):
            kept[name] = [_months_only(value) for value in kept[name]]
    if by_case:
        return _rare_codes_grouped(kept)
    return _suppressed(kept.reset_index(drop=True), [name for name in counts if name in kept])


def count_columns(frame: pd.DataFrame) -> list[str]:
    """Columns that hold whole numbers only; in a table without units each of them may be a count."""
    numeric = [name for name in frame if name not in SHARES and pd.api.types.is_numeric_dtype(frame[name])]
    numeric = [name for name in numeric if not pd.api.types.is_bool_dtype(frame[name])]
    return [name for name in numeric if (frame[name].dropna() % 1 == 0).all()]


def is_small(values: pd.Series) -> pd.Series:
    return values.between(1, SMALLEST - 1)


def _suppressed(frame: pd.DataFrame, counts: list[str]) -> pd.DataFrame:
    hidden = pd.Series(False, index=frame.index)
    for name in counts:
        hidden |= is_small(frame[name])
    keys = [name for name in frame if name in LABELS or not _is_number(frame[name])]
    while more := _too_few_hidden(frame, hidden, counts, keys):
        hidden.loc[more] = True
    numbers = [name for name in frame if name not in keys]
    for name in numbers:
        frame[name] = frame[name].where(~hidden, None if frame[name].dtype == object else float("nan"))
    for name in set(CODES) & set(keys):  # that a rare code occurs at all says something
        frame[name] = frame[name].where(~hidden, OTHER)
    return frame


def _too_few_hidden(frame: pd.DataFrame, hidden: pd.Series, counts: list[str], keys: list[str]) -> list[int]:
    """Rows to hide besides, because somewhere a total less what is shown would give a hidden count.

    Looked at are the whole table and, where several columns name a row, each value of each of them: their totals stand
    in other tables.
    """
    groups = [frame.index] + [
        index for key in keys if len(keys) > 1 for index in frame.groupby(key, dropna=False).groups.values()
    ]
    for group in groups:
        away, shown = group[hidden[group]], group[~hidden[group]]
        if not len(away) or not len(shown):
            continue
        for name in counts:
            # one hidden row is the difference; several whose sum is small are known nearly as well
            if len(away) == 1 or frame.loc[away, name].sum() < SMALLEST:
                ranked = frame.loc[shown, name].fillna(0)
                positive = ranked[ranked > 0]
                if len(positive):
                    return [positive.idxmin()]
    return []


def _is_number(values: pd.Series) -> bool:
    """Numbers, also those written out for the page already, such as 12.1%."""
    written = [value for value in values if isinstance(value, str)]
    return pd.api.types.is_numeric_dtype(values) or (
        bool(written) and all(_WRITTEN.fullmatch(value) for value in written)
    )


def _rare_codes_grouped(frame: pd.DataFrame) -> pd.DataFrame:
    for name in set(CODES) & set(frame):
        often = frame[name].map(frame[name].value_counts()) >= SMALLEST
        frame[name] = frame[name].where(often | frame[name].isna(), OTHER)
    return frame


def _pseudonym(value: object) -> str | None:
    if value is None or value != value:
        return None
    return hmac.digest(os.environ.get(VARIABLE, "").encode(), str(value).encode(), "sha256")[:6].hex()


def _months_only(value: object) -> object:
    if value is None or value is pd.NaT or value != value:
        return None
    return (
        _DAY.sub(r"\1", str(value)[:10]) if hasattr(value, "year") else text(value) if isinstance(value, str) else value
    )
