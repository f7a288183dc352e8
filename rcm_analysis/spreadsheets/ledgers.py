"""Postings of the practice's own system -> the table `ledger`.

Claim ID,Txn Date,Txn Type,Adj Reason,Amount
A1,01/15/2026,Write-Off,past timely filing,-80.00

claim_number  known_on    kind       reason              amount
A1            2026-01-15  write_off  past timely filing  -80.00
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.privacy.pseudonyms import clean_texts
from rcm_analysis.reference import codes
from rcm_analysis.spreadsheets import columns, words
from rcm_analysis.spreadsheets.cleaned import is_short_code
from rcm_analysis.spreadsheets.columns import Cells
from rcm_analysis.spreadsheets.mappings import AMOUNTS, CREDITS, DEBITS, Mapping, bare
from rcm_analysis.spreadsheets.tables import Grid
from rcm_analysis.spreadsheets.understanding import PATIENT, SCIENTIFIC, Understanding
from rcm_analysis.store import schema
from rcm_analysis.store.rows import decimals

_SIGNS = {"charge": 1, "payment": -1, "adjustment": -1, "write_off": -1, "refund": 1}
_OF_SOMEBODY = {"payment", "transfer", "refund"}  # kinds that an insurer or the patient posts
_SIDES = (AMOUNTS["charge"], AMOUNTS["payment"])
_LATER = {"adjustment", "write_off", "refund", "transfer"}  # kinds that no column for charges and payments names


# further amounts of a row -> kind of posting, who posted it
_MORE: dict[str, tuple[str, str | None]] = {
    "insurance_amount": ("payment", "insurance"),
    "patient_amount": ("payment", "patient"),
    "contractual_amount": ("adjustment", None),
}
_OF_WRITE_OFFS = ("write_off_amount", "adjustment_amount", "contractual_amount")  # whom a row's only reason could mean


@dataclass
class Postings:
    """Postings column by column: places of their rows in the grid, their cells, kind, who posted them, and cents."""

    rows: np.ndarray
    cells: dict[str, Cells]
    kind: Cells
    who: Cells
    cents: np.ndarray
    days: dict[str, np.ndarray]


def read(grid: Grid, mapping: Mapping, understood: Understanding | None = None) -> pa.Table:
    """The rows of `ledger`. Bad rows are in the grid's notes."""
    return _table(_postings(grid, mapping, understood or Understanding()), grid)


def totals(ledger: pa.Table) -> tuple[Counter, Counter]:
    """Counts of claims and lines of a ledger, and its totals in cents."""
    found = pa.TableGroupBy(ledger, "kind").aggregate([("amount", "sum")]).to_pylist()
    sums = Counter({row["kind"]: int(row["amount_sum"] * 100) for row in found})
    cents = Counter(charge=sums["charge"], paid=-sums["payment"] - sums["refund"],
                    adjusted=-sums["adjustment"] - sums["write_off"])  # fmt: skip
    return Counter(claims=pc.count_distinct(ledger["claim_number"]).as_py(), lines=ledger.num_rows), cents


def _postings(grid: Grid, mapping: Mapping, understood: Understanding) -> Postings:
    """Rows as postings with the signs of the schema: one per row with a single amount column, else one per filled amount."""
    claims = _claims(grid, understood)
    days = {"known_on": grid.day_column("posted_on", needed=True), "service_date": grid.day_column("service_date")}
    amounts, signed = _amounts(grid, mapping, understood)
    _known_postings(grid)
    plain = {name: grid.cells(name) for name in ("code", "reason", "procedure", "location")}
    plain |= {"claim_number": claims, "type": grid.cells("kind"), **_parties(grid, understood)}
    rows = grid.good_rows()
    there = np.zeros((len(rows), len(amounts)), bool)
    for n, one in enumerate(amounts):
        there[:, n] = one.there[rows]
    row, column = np.nonzero(there)
    places = rows[row]
    taken = {name: Cells(one.codes[places], one.values) for name, one in plain.items()}
    kinds = [one.kind.values[code] for one in amounts for code in range(len(one.kind.values))]
    before = np.cumsum([0, *(len(one.kind.values) for one in amounts)])
    of_kind, cents = np.zeros(len(places), np.int32), np.zeros(len(places), np.int64)
    for n, one in enumerate(amounts):
        mine = column == n
        of_kind[mine], cents[mine] = one.kind.codes[places[mine]] + before[n], one.cents[places[mine]]
    payers_ = [_MORE.get(one.column, ("", None))[1] or "" for one in amounts]
    out = Postings(places, taken, columns.coded(kinds, of_kind), columns.coded(payers_, column), cents,
                   {name: values[places] for name, values in days.items()})  # fmt: skip
    _words_of_others(out, grid, amounts, column)
    if not signed:
        _sign(out)
    return out


def _parties(grid: Grid, understood: Understanding) -> dict[str, Cells]:
    """Payer and party, PATIENT and patient where their cells stand for the patient."""
    own = understood.patients
    party = grid.cells("party")
    mine = party.where(lambda value: PATIENT.fullmatch(value) or value in own)
    payer = grid.cells("payer_name").map(lambda value: "PATIENT" if value in own else value)
    if mine.any():
        both = [*payer.values, "PATIENT"]
        payer = columns.coded(both, np.where(mine, len(both) - 1, payer.codes))
    return {"payer_name": payer, "party": party.map(lambda value: "patient" if value in own else value)}


def _words_of_others(postings: Postings, grid: Grid, amounts: list[Amount], column: np.ndarray) -> None:
    """Takes a row's words from the amounts of which they don't tell, where a row has several."""
    owner = next((name for name in _OF_WRITE_OFFS if name in grid), None)
    for n, one in enumerate(amounts):
        if one.column in _OF_WRITE_OFFS and one.column != owner:
            for name, word in (("code", ""), ("reason", grid.heading(one.column))):
                mine = postings.cells[name]
                values = [*mine.values, word]
                postings.cells[name] = columns.coded(values, np.where(column == n, len(values) - 1, mine.codes))


def _claims(grid: Grid, understood: Understanding) -> Cells:
    """The claim numbers as the electronic files have them; a row without one, or whose number is destroyed, is left out."""
    claims = grid.cells("claim_number")
    destroyed = ["E+" in value.upper() and bool(SCIENTIFIC.fullmatch(value)) for value in claims.values]
    bad = [not value or lost for value, lost in zip(claims.values, destroyed, strict=True)]
    for i in np.flatnonzero(claims.per_row(bad)).tolist() if any(bad) else ():
        if not claims.values[claims.codes[i]]:
            grid.reject(i, "the claim number is missing", "claim_number")
        else:
            grid.reject(i, "the claim number was destroyed by a spreadsheet program (2.02601E+11): different claims look alike",
                        "claim_number", "export it again as text and don't save it with a spreadsheet program")  # fmt: skip
    return claims.map(lambda value: understood.claims.get(value, value))


@dataclass
class Amount:
    """A column of amounts: the kind of every row, its cents, which rows have one, and our name of the column."""

    kind: Cells
    cents: np.ndarray
    there: np.ndarray
    column: str


def _amounts(grid: Grid, mapping: Mapping, understood: Understanding) -> tuple[list[Amount], bool]:
    """The columns of amounts, and whether they have the signs of the schema. 0 in one of several columns is no amount."""
    told = kinds_of(grid, mapping, understood)
    if "debit_amount" in grid:
        return [_debits_less_credits(grid, told)], True
    ours = {kind: column for kind, column in AMOUNTS.items() if column in grid}
    more = {column: kind for column, (kind, _) in _MORE.items() if column in grid}
    if "amount" in grid and not _names_sides(grid):
        cents, there = grid.cents_column("amount", needed=True)
        return [Amount(told, np.where(_turned(grid, understood), -cents, cents), there, "amount")], False
    if _names_sides(grid) or (set(ours) == {"charge", "payment"} and not more):
        amounts, signed = _sides(grid, told, ours, mapping)
    else:
        amounts, signed = [], False
        amounts += [_of_kind(grid, kind, column) for kind, column in ours.items()]
    amounts += [_of_kind(grid, kind, column) for column, kind in more.items()]
    return amounts, signed


def _turned(grid: Grid, understood: Understanding) -> np.ndarray:
    """Rows whose type takes back what its amount says without a sign."""
    if not understood.turned:
        return np.zeros(len(grid), bool)
    types, codes_ = grid.cells("kind"), grid.cells("code")
    keys, first = columns.together([types, codes_])
    cells_ = [(types.values[types.codes[row]], codes_.values[codes_.codes[row]]) for row in first]
    return np.array([cell in understood.turned or (cell[0], "") in understood.turned for cell in cells_])[keys]


def _of_kind(grid: Grid, kind: str, column: str, sign: int = 1) -> Amount:
    cents, _ = grid.cents_column(column)
    return Amount(columns.constant(kind, len(grid)), sign * cents, cents != 0, column)


def _debits_less_credits(grid: Grid, told: Cells) -> Amount:
    """The amounts of columns that were understood as debits and credits; a row's kind is that of its side at the least."""
    debit, has_debit = grid.cents_column("debit_amount")
    credit, has_credit = grid.cents_column("credit_amount")
    credit = _upright(credit)
    for i in np.flatnonzero(~has_debit & ~has_credit).tolist():
        grid.reject(i, "has neither a debit nor a credit", "debit_amount")
    kinds = told
    if not any(name in grid for name in ("kind", "code")):
        values = [*told.values, "charge", "payment"]
        side = np.where(debit != 0, len(values) - 2, len(values) - 1)
        kinds = columns.coded(values, np.where(told.where("other".__eq__), side, told.codes))
    return Amount(kinds, debit - credit, np.ones(len(grid), bool), "amount")


def _sides(grid: Grid, told: Cells, ours: dict[str, str], mapping: Mapping) -> tuple[list[Amount], bool]:
    """The same of a ledger with debits and credits: what the columns beside them hold has the sign of its kind."""
    upright = {kind: _upright(grid.cents_column(column)[0]) for kind, column in ours.items()}
    debits, credits = upright.pop("charge"), upright.pop("payment")
    signed = _names_sides(grid) or _is_journal(grid, told, debits, credits)
    kinds = [_kinds_of_side(grid, told, *side, signed)
             for side in (("charge", debits, credits), ("payment", credits, debits))]  # fmt: skip
    if _names_sides(grid):
        _unknown_types(grid, mapping, kinds, debits, credits)
    amounts = [Amount(kinds[0], debits, debits != 0, "charge_amount"),
               Amount(kinds[1], -credits, credits != 0, "payment_amount")]  # fmt: skip
    amounts += [Amount(columns.constant(kind, len(grid)), _SIGNS.get(kind, 1) * cents, cents != 0, ours[kind])
                for kind, cents in upright.items()]  # fmt: skip
    return amounts, signed


def _names_sides(grid: Grid) -> bool:
    """Whether the ledger has a column for debits and one for credits."""
    headers = [[bare(grid.header[place]) for place in grid.layout.columns.get(ours, [])] for ours in _SIDES]
    return all(headers) and (headers[0][0] in (*DEBITS, "dr") or headers[1][0] in (*CREDITS, "cr"))


def _is_journal(grid: Grid, told: Cells, debits: np.ndarray, credits: np.ndarray) -> bool:
    """Whether columns for charges and payments are debits and credits: a row fills one, and some are neither kind."""
    good = np.zeros(len(grid), bool)
    good[grid.good_rows()] = True
    good &= (debits != 0) | (credits != 0)
    later = told.where(_LATER.__contains__) & grid.cells("kind").where(bool)
    return not (good & (debits != 0) & (credits != 0)).any() and bool((good & later).any())


def _kinds_of_side(grid: Grid, told: Cells, side: str, own: np.ndarray, other: np.ndarray, signed: bool) -> Cells:
    """The kind of every row's amount on a side, which is that of the side where the row's words tell no other.

    A row's posting type says what it is, the side only more or less: an adjustment among the credits is no payment. In
    rows with a charge and a payment each side keeps its own, unless debits and credits are one adjustment.
    """
    named = _names_sides(grid)
    sides = (*DEBITS, *CREDITS, "dr", "cr")
    typed = grid.cells("kind").where(lambda type_: type_ and bare(type_) not in sides)
    single = ~((own != 0) & (other != 0))
    later = told.where(_LATER.__contains__)
    keeps = (later & (typed & single | named)) | (single & signed & ~told.where("other".__eq__))
    values = [*told.values, "other", side]
    unknown = ~keeps & single & typed & named
    codes_ = np.where(keeps, told.codes, np.where(unknown, len(values) - 2, len(values) - 1))
    return columns.coded(values, codes_)


def _upright(cents: np.ndarray) -> np.ndarray:
    """A column that a system exports with minus signs throughout, turned round."""
    return -cents if cents.sum() < 0 else cents


def _unknown_types(grid: Grid, mapping: Mapping, kinds: list[Cells], debits: np.ndarray, credits: np.ndarray) -> None:
    """Says how many rows with an amount are neither charges nor payments because their type is not understood."""
    other = [kind.where("other".__eq__) for kind in kinds]
    unknown = ((debits != 0) & other[0]) | ((credits != 0) & other[1])
    unknown &= grid.cells("kind").where(lambda type_: type_ not in mapping.kinds)
    good = grid.good_rows()
    rows = good[unknown[good]]
    if len(rows):
        grid.notice(grid.place(rows[0], "kind"), f"the posting type is not understood, in {len(rows)} rows in all; they "
                    "count as other", "name the types under [ledger.kinds] in a mapping file")  # fmt: skip


def _known_postings(grid: Grid) -> None:
    """Leaves out rows whose posting number stood in an earlier row."""
    number = grid.cells("posting_id")
    good = grid.good_rows()
    numbered = good[number.where(bool)[good]]
    codes_ = pd.Series(number.codes[numbered])
    again = codes_.duplicated().to_numpy()
    if not again.any():
        return
    first = dict(zip(codes_[~again].tolist(), numbered[~again].tolist(), strict=True))
    for i in numbered[again].tolist():
        grid.rejected.add(i)
        grid.notice(grid.place(i, "posting_id"), f"has the posting number of {grid.place(first[number.codes[i]])}",
                    "nothing to do; it is counted once")  # fmt: skip


def kinds_of(grid: Grid, mapping: Mapping, understood: Understanding | None = None) -> Cells:
    """Charge, payment, adjustment, ... of every row: what its type and code were understood as, else what its words tell."""
    parts = [grid.cells(name) for name in ("kind", "code", "reason")]
    told = understood.kinds if understood else {}
    keys, first = columns.together(parts)
    found = []
    for row in first.tolist():
        type_, code, reason = (part.values[part.codes[row]] for part in parts)
        own = mapping.kinds.get(type_) or told.get((type_, code)) or told.get((type_, ""), "other")
        found.append(own if own != "other" else kind_of(type_, code, reason, mapping))
    return columns.coded(found, keys)


def kind_of(type_: str, code: str = "", reason: str = "", mapping: Mapping | None = None) -> str:
    """The kind that the mapping names for a type, else what the words tell."""
    return mapping.kinds[type_] if mapping and type_ in mapping.kinds else words.kind_of(type_, code, reason)


def _table(postings: Postings, grid: Grid) -> pa.Table:
    rows = len(postings.rows)
    vocabulary = codes.vocabulary()
    claims = postings.cells["claim_number"]
    cells_ = {name: one.map(words.plain) for name, one in postings.cells.items()}
    table = {
        "file_id": pa.nulls(rows, schema.FILE),
        "known_on": pa.array(postings.days["known_on"], schema.DAY),
        "row": pa.array(grid.numbers[postings.rows], schema.COUNT),
        "claim_number": claims.arrow(),
        "kind": postings.kind.arrow(),
        "posted_by": _posted_by(postings).arrow(),
        "amount": decimals(postings.cents, np.ones(rows, bool)),
        "code": _short_codes(cells_["code"], claims, grid.people, vocabulary).arrow(),
        "reason": _without_names(cells_["reason"], claims, grid.people, vocabulary).arrow(),
        "word_leaf": _told_leaves(postings).arrow(),
        "payer_name": cells_["payer_name"].map(lambda name: _payer(name)[0]).arrow(),
        "procedure": cells_["procedure"].arrow(),
        "location": cells_["location"].map(str.upper).arrow(),
        "service_date": pa.array(postings.days["service_date"], schema.DAY),
    }  # fmt: skip
    return schema.conform("ledger", table)


def _told_leaves(postings: Postings) -> Cells:
    """What the words of each adjustment tell while all of them are there: a longer export never changes it."""
    parts = [postings.kind, postings.cells["code"], postings.cells["reason"]]
    keys, first = columns.together(parts)
    told = [[part.values[part.codes[row]] for part in parts] for row in first.tolist()]
    leaf = lambda kind, *cells_: words.leaf_of(*cells_) if kind in ("adjustment", "write_off") else ""  # noqa: E731
    return columns.coded([leaf(*cells_) for cells_ in told], keys)


def _without_names(texts: Cells, claims: Cells, people: frozenset[str], vocabulary: set[str]) -> Cells:
    left = clean_texts(texts.codes, texts.values, claims.codes, people, vocabulary)
    return columns.coded(left, texts.codes)


def _short_codes(values: Cells, claims: Cells, people: frozenset[str], vocabulary: set[str]) -> Cells:
    """Codes as they stand where they are short and in no name, else what is left of them without words that name persons."""
    short = [is_short_code(value) and value.lower() not in people for value in values.values]
    long = ["" if is_short else value for value, is_short in zip(values.values, short, strict=True)]
    left = clean_texts(values.codes, long, claims.codes, people, vocabulary)
    both = [value if is_short else rest for value, is_short, rest in zip(values.values, short, left, strict=True)]
    return columns.coded(both, values.codes)


def payers(names: list[str], patients: list[str]) -> list[str]:
    """Payers in capitals; one that is the patient or the guarantor is PATIENT."""
    known = {name: _payer(name) for name in set(names)}  # few names in many rows
    out = []
    for name, patient in zip(names, patients, strict=True):
        told, words = known[name]
        lower = patient.lower()
        own = bool(words) and all(word in lower for word in words) and words <= set(re.findall(r"\w{2,}", lower))
        out.append("PATIENT" if own else told)
    return out


def _payer(name: str) -> tuple[str, set[str]]:
    """The name in capitals, PATIENT where it says so, and its words."""
    own = re.fullmatch(r"(self.?pay|patient|pt|guarantor|self)", name, re.I)
    return "PATIENT" if own else name.upper(), set(re.findall(r"\w{2,}", name.lower()))


def _posted_by(postings: Postings) -> Cells:
    cells_ = postings.cells
    parts = [
        postings.who,
        postings.kind,
        *(cells_[name].map(words.plain) for name in ("payer_name", "code", "reason", "party", "type")),
    ]
    asked = np.flatnonzero(postings.kind.where(_OF_SOMEBODY.__contains__) | postings.who.where(bool))
    out = columns.constant("", len(postings.rows))
    if not len(asked):
        return out
    parts = [Cells(part.codes[asked], part.values) for part in parts]
    keys, first = columns.together(parts)
    told = [[part.values[part.codes[row]] for part in parts] for row in first.tolist()]
    found = columns.coded([who or _who(*rest) or "" for who, *rest in told], keys)
    codes_ = np.full(len(out), len(found.values))
    codes_[asked] = found.codes
    return columns.coded([*found.values, ""], codes_)


_PATIENTS = r"patient|pt|self|guarantor|co-?pay|pmt plan|cash"
# a payer's column that says patient in all its words: MEDICARE PT B and SELF INSURED TRUST are payers
_NO_PAYER = re.compile(
    rf"\W*(?:(?:{_PATIENTS}|self.?pay|private|pay|payment|pmt|resp\w*|balance|bal|due|party|person|portion|share|account|acct|or|and)(?:\W+|$))+", re.I
)  # fmt: skip


def _who(kind: str, payer: str, code: str, reason: str, party: str = "", type_: str = "") -> str | None:
    if kind not in _OF_SOMEBODY:
        return None
    if _NO_PAYER.fullmatch(payer) or re.search(rf"\b({_PATIENTS})\b", f"{reason} {party} {type_}", re.I):
        return "patient"
    return "insurance" if payer or re.search(r"ins|payer|eft|remit", f"{code} {reason}", re.I) else None


def _sign(postings: Postings) -> None:
    """Gives the cents the signs of the schema: what this file's signs mean is told from each kind's sum."""
    for kind, sign in _SIGNS.items():
        mine = postings.kind.where(kind.__eq__)
        if mine.any() and np.sign(postings.cents[mine].sum()) == -sign:
            postings.cents[mine] = -postings.cents[mine]
