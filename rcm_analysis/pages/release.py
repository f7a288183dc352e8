"""What leaves in the de-identified variant: no single claim, no day, no count from 1 to 10, no free text.

Asked for by `rcm report --deidentified`; `pages.blocks.deidentified` applies it where a block becomes output. A list of
single claims is left out whole: its rows could be counted. A row with a small count, or with a rate and a count that make one
(10.7% of 28), loses all its numbers; and so many rows more that no total gives it back. What is suppressed is missing,
not zero. This is not Safe Harbor: months of service stay.
"""

from __future__ import annotations

import re

import pandas as pd

from rcm_analysis.store import schema

SMALLEST = 11  # CMS: no cell from 1 to 10, nothing from which one can be derived
SHOWN = f"fewer than {SMALLEST}"
IDENTIFIERS = schema.named(schema.IDENTIFIER)
FREE_TEXT = (*schema.named(schema.FREE_TEXT), "file", "note", "evidence", "example")  # the last stand on pages only
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
NAMES = (*LABELS, "location", "payer_name", "other_payer")  # a number in STATION 3 counts nothing
SHARES = ("share", "rate", "lower", "upper")  # 1 is all of them there, not one case
OTHER = "other"

_MONTH = r"\d{4}-\d{2}"
_DAY = re.compile(r"\b(\d{4}-\d{2})-\d{2}\b")
_NUMBER = re.compile(r"(?<![\w.,$−–-])([1-9]|10)(?!\w|%|-|[.,]\d)")
_WRITTEN = re.compile(r"[−-]?\$?[\d,.]+%?|–")
_SHARE = re.compile(r"\d[\d,.]*%(?! intervals?\b)")  # how sure an interval is says nothing of cases
_LEVEL = re.compile(r"\d[\d.]*% (?=intervals?\b)")
_BOUNDS = re.compile(r"(\d[\d.]*)%([^%]{1,20}?)interval (\d[\d.]*)% to (\d[\d.]*)%")
_OF_OTHERS = re.compile(
    r"\b(?:against|others|compared with|up from|down from) \d[\d.]*%(?! of \d)"
)  # no count of theirs is said
_PART = re.compile(r"(?<![\w.$,−–-])(\d[\d,]*) of (\d[\d,]*)\b")
_PERCENT = re.compile(r"\d[\d.]*%")
WRITTEN_ERROR = 0.0005  # of a share written with one place
FEWEST_ROWS = 3  # that show one count to be a part of another


def text(words: str) -> str:
    """A sentence without days and small counts; with a small count go the shares that could give it away.

    >>> text("8 of 1,211 claims were denied until 2026-10-31: 0.7%.")
    'fewer than 11 of 1,211 claims were denied until 2026-10: –.'
    """
    words = _DAY.sub(r"\1", words)
    without = _NUMBER.sub(SHOWN, words)
    return _SHARE.sub("–", without) if without != words or _makes_small(words) else without


def table(frame: pd.DataFrame, counts: list[str], *, earlier: pd.DataFrame | None = None) -> pd.DataFrame:
    """The frame as it may leave. `counts` are its columns that count cases; other numbers go with them. `earlier` is what
    the variant of an earlier month showed of it, which a reader may hold beside this one: a row that it showed with the same
    counts covers no other, and a month that it hid stays hidden.

    payer  claims  rate                payer  claims  rate
    ACME   240     0.12                ACME   240     0.12
    BEST   30      0.40        ->      BEST   NaN     NaN      complementary
    CORE   4       0.25                CORE   NaN     NaN      small
    """
    kept = frame.drop(columns=[name for name in (*FREE_TEXT, *IDENTIFIERS) if name in frame]).reset_index(drop=True)
    if lists_cases(frame):
        return kept.head(0)
    for name in kept:
        if not pd.api.types.is_numeric_dtype(kept[name]):
            kept[name] = [_months_only(value, said=name not in NAMES) for value in kept[name]]
    return _suppressed(kept, [name for name in counts if name in kept], earlier)


def lists_cases(frame: pd.DataFrame) -> bool:
    """Whether a row is a single claim, payment or patient."""
    return any(name in frame for name in IDENTIFIERS)


def count_columns(frame: pd.DataFrame) -> list[str]:
    """Columns that hold whole numbers only; in a table without units each of them may be a count."""
    numeric = [name for name in frame if name not in SHARES and pd.api.types.is_numeric_dtype(frame[name])]
    numeric = [name for name in numeric if not pd.api.types.is_bool_dtype(frame[name])]
    return [name for name in numeric if (frame[name].dropna() % 1 == 0).all()]


def is_small(values: pd.Series) -> pd.Series:
    return values.between(1, SMALLEST - 1)


def _suppressed(frame: pd.DataFrame, counts: list[str], earlier: pd.DataFrame | None) -> pd.DataFrame:
    hidden = _small_parts(frame, counts)
    keys = [name for name in frame if name in LABELS or not _is_number(frame[name])]
    told, before = _told_before(frame, counts, keys, earlier)
    hidden |= before
    while more := _too_few_hidden(frame, hidden, counts, keys, told, before):
        hidden.loc[more] = True
    numbers = [name for name in frame if name not in keys]
    for name in numbers:
        frame[name] = frame[name].where(~hidden, None if frame[name].dtype == object else float("nan"))
    for name in set(CODES) & set(keys):  # that a rare code occurs at all says something
        frame[name] = frame[name].where(~hidden, OTHER)
    return frame


def _small_parts(frame: pd.DataFrame, counts: list[str]) -> pd.Series:
    """Rows with a small count, or with numbers that give one: a share of a count, what it leaves, a count less a part of it."""
    hidden = pd.Series(False, index=frame.index)
    for name in counts:
        hidden |= is_small(frame[name])
        for other in counts:
            nested = len(frame) >= FEWEST_ROWS and (frame[name] <= frame[other]).where(frame[name].notna(), True).all()
            if name != other and nested:
                hidden |= is_small(frame[other] - frame[name])
        for share, error in filter(None, (_as_share(frame[column]) for column in frame if column not in counts)):
            for part in (share, 1 - share):
                cases = part * frame[name]
                # a rate that makes a whole number of this count is a rate of it
                hidden |= is_small(cases.round()) & ((cases - cases.round()).abs() <= error * frame[name] + 1e-9)
    return hidden


def _as_share(values: pd.Series) -> tuple[pd.Series, float] | None:
    """The column as shares 0-1 and how exact they are; None where it holds no shares."""
    if pd.api.types.is_numeric_dtype(values):
        return (values.astype(float), 1e-6) if values.dropna().between(0, 1).all() and values.notna().any() else None
    written = values.map(
        lambda value: float(value[:-1]) / 100 if isinstance(value, str) and _PERCENT.fullmatch(value) else float("nan")
    )
    return (written, WRITTEN_ERROR) if written.notna().any() else None


def _makes_small(words: str) -> bool:
    """Whether a share and a count of a sentence make a small count: 10.7% of 28."""
    words = _OF_OTHERS.sub("", _BOUNDS.sub(_without_bounds, _LEVEL.sub("", words)))
    told = _told_shares(words)
    shares = [
        float(found) / 100
        for found, of_count in re.findall(r"(?<![\w.])(\d[\d.]*)%( of \d)?", words)
        if of_count or not any(abs(float(found) / 100 - share) <= WRITTEN_ERROR for share in told)
    ]
    counts = [
        _whole(found)
        for found in re.findall(r"(?<![\w.$,−–-])(\d{2}|\d{1,3}(?:,\d{3})+|\d{3})(?![\w%-]|[.,]\d)", words)
    ]
    made = [(part * n, n) for n in counts for share in shares for part in (share, 1 - share)]
    return any(1 <= round(cases) < SMALLEST and abs(cases - round(cases)) <= WRITTEN_ERROR * n for cases, n in made)


def _told_shares(words: str) -> list[float]:
    """Shares that counts of the sentence make, none of them small nor what they leave: 17.4% beside 199 of 1,143."""
    parts = [(_whole(part), _whole(all_)) for part, all_ in _PART.findall(words)]
    return [part / all_ for part, all_ in parts if all_ and all(n == 0 or n >= SMALLEST for n in (part, all_ - part))]


def _without_bounds(found: re.Match) -> str:
    """An interval's share without its bounds, which tell no more of the cases; all of it if the share is not inside."""
    share, between, lower, upper = found.groups()
    return f"{share}%{between}" if float(lower) <= float(share) <= float(upper) else found[0]


def _whole(written: str) -> int:
    return int(written.replace(",", ""))


def _told_before(frame: pd.DataFrame, counts: list[str], keys: list[str], earlier: pd.DataFrame | None) -> tuple[pd.Series, pd.Series]:  # fmt: skip
    """Rows that the earlier variant showed with the same counts, and months whose counts it hid."""
    none = pd.Series(False, index=frame.index)
    by = [name for name in keys if name in NAMES or frame[name].astype(str).str.fullmatch(_MONTH).all()]
    if earlier is None or not counts or not by or not len(frame) or not {*by, *counts} <= set(earlier):
        return none, none
    mine = frame[by].astype(str).agg("|".join, axis=1)
    theirs = earlier[by].astype(str).agg("|".join, axis=1)
    if mine.duplicated().any() or theirs.duplicated().any():
        return none, none
    before = earlier[counts].apply(pd.to_numeric, errors="coerce").set_axis(theirs).reindex(mine).set_axis(frame.index)
    told = (before == frame[counts].astype(float)).all(axis=1)
    months = mine.str.contains(_MONTH) & mine.isin(set(theirs))
    return told, months & before.isna().all(axis=1) & frame[counts].notna().any(axis=1)


def _too_few_hidden(
    frame: pd.DataFrame, hidden: pd.Series, counts: list[str], keys: list[str], told: pd.Series, before: pd.Series
) -> list[int]:
    """Rows to hide besides, because somewhere a total less what is shown would give a hidden count.

    Looked at are the whole table and, where several columns name a row, each value of each of them: their totals stand
    in other tables.
    """
    groups = [frame.index] + [
        index for key in keys if len(keys) > 1 for index in frame.groupby(key, dropna=False).groups.values()
    ]
    for group in groups:
        shown = group[~hidden[group]]
        # beside an earlier variant, rows that it told or hid have a known sum, so that the others need covers of their own
        for away, covers in ((group[hidden[group] & ~told[group] & ~before[group]], shown[~told[shown]]), (group[hidden[group]], shown)):  # fmt: skip
            if not len(away) or not len(covers):
                continue
            for name in counts:
                # one hidden row is the difference; several whose sum is small are known nearly as well
                if len(away) == 1 or frame.loc[away, name].sum() < SMALLEST:
                    ranked = frame.loc[covers, name].fillna(0)
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


def _months_only(value: object, *, said: bool) -> object:
    """A cell with months for days; where it is `said` in words, small counts go too."""
    if value is None or value is pd.NaT or value != value:
        return None
    if hasattr(value, "year"):
        return _DAY.sub(r"\1", str(value)[:10])
    if not isinstance(value, str):
        return value
    return text(value) if said else _DAY.sub(r"\1", value)
