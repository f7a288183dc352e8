"""A sheet -> the layout of a ledger, whether its headings are known or not, or what is not understood of it.

    A      B           C     D
    7001   01/05/2026  K84   200.00       claim_number A, posted_on B, kind C, amount D

Raises GridError naming the headings of columns with amounts that nothing explains: such a ledger is not taken over.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from rcm_analysis.spreadsheets import cells, ledgers
from rcm_analysis.spreadsheets.columns import Cells
from rcm_analysis.spreadsheets.known import Known
from rcm_analysis.spreadsheets.mappings import HEADER_ROWS, MIN_COLUMNS, Layout, Mapping, match_columns
from rcm_analysis.spreadsheets.tables import GridError
from rcm_analysis.spreadsheets.understanding import Understanding, column, shape, understand
from rcm_analysis.spreadsheets.words import plain

SHAPES_SHOWN = 3
CODES_SHOWN = 40
LONGEST_CODE = 24  # longer cells are words, which could name a person
NAME_THEM = "name what they are in a mapping file: rcm ingest FILE --practice P --mapping new.toml"


def layout_of(
    header: list[str], body: list[Cells], mapping: Mapping, known: Known, told: Layout | None
) -> tuple[Layout | None, Understanding | None]:
    """The layout of the rows below a header, and what it means; `told` is what the headings alone tell, if they do."""
    if not body or not len(body[0]):
        return told, None
    names = told.columns if told else match_columns(header, "ledger", mapping)
    here = {cell.strip() for cell in header}
    fixed = frozenset(ours for ours, theirs in mapping.columns.items() if theirs in here)
    kind_of = lambda type_, code, reason: ledgers.kind_of(type_, code, reason, mapping)  # noqa: E731
    meaning = understand(
        header, body, known, {ours: places[0] for ours, places in names.items()}, kind_of=kind_of, fixed=fixed
    )
    if not meaning.is_whole:
        if told is None and known and meaning.left:
            raise _not_understood(header, body, meaning.left)
        return told, None
    if meaning.left:
        raise _not_understood(header, body, meaning.left)
    columns = {ours: [place] for ours, place in meaning.columns.items()}
    if told:
        taken = {place for places in columns.values() for place in places}
        columns |= {o: p for o, p in names.items() if o not in columns and not taken & set(p) and o != "charge_amount"}
    return Layout("ledger", 0, columns), meaning


def _not_understood(header: list[str], body: list[Cells], places: list[int]) -> GridError:
    left = named(header, body, places)
    return GridError(f"columns with amounts are not understood: {left}", NAME_THEM, left_over=left, rows=len(body[0]))


def explained(header: list[str], meaning: Understanding) -> list[str]:
    """How a ledger is understood, a line for each column and one for the kinds of postings."""
    out = []
    for ours, place in meaning.columns.items():
        why = meaning.evidence.get(ours)
        out.append(f'"{header[place].strip()}" is {ours}' + (f": {why}" if why else ""))
    out += [f'"{header[place].strip()}" is left out: {why}' for place, why in sorted(meaning.ignored.items())]
    by_kind: dict[str, list[str]] = {}
    for (type_, code), kind in meaning.kinds.items():
        name = " ".join(filter(None, map(plain, (type_, code))))
        if len(name) <= LONGEST_CODE:
            by_kind.setdefault(kind, []).append(name)
    out += [f"{kind}: {', '.join(sorted(names)[:CODES_SHOWN])}" for kind, names in by_kind.items()]
    return out


def header_row(rows: list[list[str]]) -> int | None:
    """The first row as wide as most that holds words alone, neither dates nor amounts."""
    width = Counter(len(row) for row in rows[:200]).most_common(1)
    for i, row in enumerate(rows[:HEADER_ROWS]):
        filled = [cell.strip() for cell in row if cell.strip()]
        if len(filled) >= MIN_COLUMNS and len(row) == width[0][0] and len(filled) > 0.7 * len(row):
            return i if not any(_is_value(cell) for cell in filled) else None
    return None


def is_ledger(header: list[str], body: list[Cells]) -> bool:
    """Whether rows may be a ledger though no heading says so: days, money, and numbers that come again."""
    if len(body) != len(header) or not body or not len(body[0]):
        return False
    read = [column(i, heading, one) for i, (heading, one) in enumerate(zip(header, body, strict=True))]
    dated, money = any(one.days > 0.9 for one in read), any(one.numbers > 0.97 and one.money > 0.5 for one in read)
    numbered = any(one.days < 0.5 and one.money < 0.5 and 1 < len(one.texts) < 0.9 * len(one.codes)
                   and one.share(lambda v: re.fullmatch(r"(?=.*\d)\S+", v)) > 0.9 for one in read)  # fmt: skip
    return dated and money and numbered


def _is_value(cell: str) -> bool:
    return cells.amounts([cell])[0] is not None or cells.days([cell], cells.MONTH_FIRST)[0] is not None


def named(header: list[str], body: list[Cells], places: Iterable[int]) -> str:
    return ", ".join(
        f'"{header[place].strip()}" (like {shapes([plain(value).strip() for value in body[place].values])})'
        for place in places
    )


def shapes(values: list[str]) -> str:
    """Up to three shapes of cells, letters as A or a and digits as 9, so that no cell is quoted."""
    seen = dict.fromkeys(shape(value) for value in values if value)
    return ", ".join(list(seen)[:SHAPES_SHOWN])
