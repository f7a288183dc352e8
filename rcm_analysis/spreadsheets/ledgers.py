"""Postings of the practice's own system -> the table `ledger`.

Claim ID,Txn Date,Txn Type,Adj Reason,Amount
A1,01/15/2026,Write-Off,past timely filing,-80.00

claim_number  known_on    kind       reason              amount
A1            2026-01-15  write_off  past timely filing  -80.00
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pyarrow as pa

from rcm_analysis.privacy.pseudonyms import without_names
from rcm_analysis.reference import codes
from rcm_analysis.spreadsheets.mappings import AMOUNTS, CREDITS, DEBITS, Mapping, bare
from rcm_analysis.spreadsheets.tables import Grid, texts
from rcm_analysis.spreadsheets.understanding import PATIENT, SCIENTIFIC, Understanding
from rcm_analysis.store import schema
from rcm_analysis.store.rows import decimals

# a posting type or code as the practice words it -> our kind; the first that fits
_KIND_WORDS = (
    ("write_off", r"write.?off|w/?o\b|bad.?debt|charge.?off"),
    ("refund", r"refund|rfnd"),
    ("transfer", r"transfer|xfer|trnsf|responsib|balance.?move"),
    ("adjustment", r"adj|contractual|allowance|discount|sequest|courtesy"),
    ("payment", r"pay|pmt|pymt|receipt|co-?pay|deposit|remit|eft|check|cash|credit.?card"),
    ("charge", r"charge|chg|billed|service|debit|procedure|invoice"),
)
# in a memo only whole words count: "never loaded at payer" is no payment
_MEMO_WORDS = (
    ("write_off", r"write.?offs?\b|written off|\bw/?o\b|bad.?debt|charge.?off"),
    ("refund", r"\brefund(?:ed|s)?\b|\brfnd\b"),
    ("transfer", r"\btransfer(?:red|s)?\b|\bxfer\b|balance.?move"),
    ("adjustment", r"\badj(?:ustment|usted|ust)?s?\b|contractual|allowance|discount|sequest|courtesy"),
    ("payment", r"\b(?:payments?|pmts?|pymts?|receipts?|co-?pays?|deposits?|eft|credit.?card)\b"),
    ("charge", r"\b(?:charges?|chgs?|billed)\b"),
)
_SIGNS = {"charge": 1, "payment": -1, "adjustment": -1, "write_off": -1, "refund": 1}
_SIDES = (AMOUNTS["charge"], AMOUNTS["payment"])
_LATER = {"adjustment", "write_off", "refund", "transfer"}  # kinds that no column for charges and payments names


# further amounts of a row -> kind of posting, who posted it
_MORE: dict[str, tuple[str, str | None]] = {
    "insurance_amount": ("payment", "insurance"),
    "patient_amount": ("payment", "patient"),
    "contractual_amount": ("adjustment", None),
}
_SHORT_CODE = re.compile(r"(?=.*\d)[A-Z0-9][A-Z0-9.-]{0,5}|[A-Z]{1,3}", re.I)  # K17, 45, CO-253, TF
_OF_WRITE_OFFS = ("write_off_amount", "adjustment_amount", "contractual_amount")  # whom a row's only reason could mean


def read(grid: Grid, mapping: Mapping, understood: Understanding | None = None) -> tuple[pa.Table, Counter, Counter]:
    """The ledger, counts of claims and lines, and totals in cents. Bad rows are in the grid's notes."""
    postings = _postings(grid, mapping, understood or Understanding())
    table = _table(postings, grid)
    totals: Counter = Counter()
    for kind, cents in zip(postings["kind"], postings["cents"], strict=True):
        totals[kind] += cents
    cents = Counter(charge=totals["charge"], paid=-totals["payment"] - totals["refund"],
                    adjusted=-totals["adjustment"] - totals["write_off"])  # fmt: skip
    return table, Counter(claims=len(set(postings["claim_number"])), lines=table.num_rows), cents


def _postings(grid: Grid, mapping: Mapping, understood: Understanding) -> dict[str, list]:
    """Rows as postings with the signs of the schema: one per row with a single amount column, else one per filled amount."""
    claims = _claims(grid, understood)
    posted, served = grid.days("posted_on", needed=True), grid.days("service_date")
    amounts, signed = _amounts(grid, mapping, understood)
    _known_postings(grid)
    plain = {name: grid.texts(name) for name in ("code", "reason", "payer_name", "procedure", "location", "party")}
    plain["type"] = grid.texts("kind")
    plain["payer_name"] = ["PATIENT" if value in understood.patients else value for value in plain["payer_name"]]
    own = [bool(PATIENT.fullmatch(party)) or party in understood.patients for party in plain["party"]]
    plain["payer_name"] = ["PATIENT" if mine else payer for mine, payer in zip(own, plain["payer_name"], strict=True)]
    plain["party"] = ["patient" if value in understood.patients else value for value in plain["party"]]
    rows = grid.good()
    places = [(i, n) for i in rows for n in range(len(amounts)) if amounts[n][1][i] is not None]
    columns = {
        "index": range(len(grid)),
        "row": grid.numbers,
        "claim_number": claims,
        "known_on": posted,
        "service_date": served,
        **plain,
    }
    out: dict[str, list] = {name: [values[i] for i, _ in places] for name, values in columns.items()}
    out["kind"] = [amounts[n][0][i] for i, n in places]
    out["cents"] = [amounts[n][1][i] for i, n in places]
    payers_ = [_MORE.get(name, ("", None))[1] for _, _, name in amounts]
    out["who"] = [payers_[n] for _, n in places]
    owner = next((name for name in _OF_WRITE_OFFS if name in grid), None)
    others = {n for n, (_, _, name) in enumerate(amounts) if name in _OF_WRITE_OFFS and name != owner}
    for at, (_, n) in enumerate(places) if others else ():
        if n in others:  # the row's words tell of another amount
            out["code"][at], out["reason"][at] = "", grid.heading(amounts[n][2])
    if not signed:
        _sign(out)
    return out


def _claims(grid: Grid, understood: Understanding) -> list[str]:
    """The claim numbers as the electronic files have them; a row without one, or whose number is destroyed, is left out."""
    claims = grid.texts("claim_number")
    for i, claim in enumerate(claims):
        if not claim:
            grid.reject(i, "the claim number is missing", "claim_number")
        elif "E+" in claim.upper() and SCIENTIFIC.fullmatch(claim):
            grid.reject(i, "the claim number was destroyed by a spreadsheet program (2.02601E+11): different claims look alike",
                        "claim_number", "export it again as text and don't save it with a spreadsheet program")  # fmt: skip
    return [understood.claims.get(claim, claim) for claim in claims]


Amounts = list[tuple[list[str], list[int | None], str]]  # kind and cents of each row, our column


def _amounts(grid: Grid, mapping: Mapping, understood: Understanding) -> tuple[Amounts, bool]:
    """The columns of amounts in cents, each with the kind of every row, and whether they have the signs of the schema.

    0 in one of several columns is no amount.
    """
    told = kinds_of(grid, mapping, understood)
    if "debit_amount" in grid:
        return [_debits_less_credits(grid, told)], True
    columns = {kind: column for kind, column in AMOUNTS.items() if column in grid}
    more = {column: kind for column, (kind, _) in _MORE.items() if column in grid}
    if "amount" in grid and not _names_sides(grid):
        cents, turned = grid.cents("amount", needed=True), understood.turned
        if turned:
            pairs = zip(cents, grid.texts("kind"), grid.texts("code"), strict=True)
            cents = [-c if c and ((type_, code) in turned or (type_, "") in turned) else c for c, type_, code in pairs]
        return [(told, cents, "amount")], False
    if _names_sides(grid) or (set(columns) == {"charge", "payment"} and not more):
        amounts, signed = _sides(grid, told, columns, mapping)
    else:
        amounts, signed = [], False
        amounts += [([kind] * len(grid), _filled(grid.cents(column)), column) for kind, column in columns.items()]
    amounts += [([kind] * len(grid), _filled(grid.cents(column)), column) for column, kind in more.items()]
    return amounts, signed


def _debits_less_credits(grid: Grid, told: list[str]) -> tuple[list[str], list[int | None], str]:
    """The amounts of columns that were understood as debits and credits; a row's kind is that of its side at the least."""
    debit, credit = grid.cents("debit_amount"), _upright(grid.cents("credit_amount"))
    for i in grid.good():
        if debit[i] is None and credit[i] is None:
            grid.reject(i, "has neither a debit nor a credit", "debit_amount")
    words = any(name in grid for name in ("kind", "code"))
    kinds = [
        kind if words or kind != "other" else "charge" if d else "payment" for kind, d in zip(told, debit, strict=True)
    ]
    return kinds, [(d or 0) - (c or 0) for d, c in zip(debit, credit, strict=True)], "amount"


def _sides(grid: Grid, told: list[str], columns: dict[str, str], mapping: Mapping):
    """The same of a ledger with debits and credits: what the columns beside them hold has the sign of its kind."""
    upright = {kind: _filled(_upright(grid.cents(column))) for kind, column in columns.items()}
    debits, credits = upright.pop("charge"), upright.pop("payment")
    signed = _names_sides(grid) or _is_journal(grid, told, debits, credits)
    kinds = [_kinds_of_side(grid, told, *side, signed)
             for side in (("charge", debits, credits), ("payment", credits, debits))]  # fmt: skip
    if _names_sides(grid):
        _unknown_types(grid, mapping, kinds, debits, credits)
    amounts = [(kinds[0], debits, "charge_amount"), (kinds[1], [c and -c for c in credits], "payment_amount")]
    amounts += [([kind] * len(grid), [c and _SIGNS.get(kind, 1) * c for c in cents], columns[kind])
                for kind, cents in upright.items()]  # fmt: skip
    return amounts, signed


def _names_sides(grid: Grid) -> bool:
    """Whether the ledger has a column for debits and one for credits."""
    headers = [[bare(grid.header[place]) for place in grid.layout.columns.get(ours, [])] for ours in _SIDES]
    return all(headers) and (headers[0][0] in (*DEBITS, "dr") or headers[1][0] in (*CREDITS, "cr"))


def _is_journal(grid: Grid, told: list[str], debits: list[int | None], credits: list[int | None]) -> bool:
    """Whether columns for charges and payments are debits and credits: a row fills one, and some are neither kind."""
    types = grid.texts("kind")
    rows = [i for i in grid.good() if debits[i] or credits[i]]
    return not any(debits[i] and credits[i] for i in rows) and any(told[i] in _LATER and types[i] for i in rows)


def _kinds_of_side(
    grid: Grid, told: list[str], side: str, own: list[int | None], other: list[int | None], signed: bool
) -> list[str]:
    """The kind of every row's amount on a side, which is that of the side where the row's words tell no other.

    A row's posting type says what it is, the side only more or less: an adjustment among the credits is no payment. In
    rows with a charge and a payment each side keeps its own, unless debits and credits are one adjustment.
    """
    named = _names_sides(grid)
    types = ["" if bare(type_) in (*DEBITS, *CREDITS, "dr", "cr") else type_ for type_ in grid.texts("kind")]

    def kind(i: int) -> str:
        single = not (own[i] and other[i])
        if told[i] in _LATER and (named or (single and types[i])):
            return told[i]
        if single and signed and told[i] != "other":
            return told[i]
        return "other" if single and named and types[i] else side

    return [kind(i) for i in range(len(grid))]


def _filled(cents: list[int | None]) -> list[int | None]:
    return [c or None for c in cents]


def _upright(cents: list[int | None]) -> list[int | None]:
    """A column that a system exports with minus signs throughout, turned round."""
    return [-c if c else c for c in cents] if sum(filter(None, cents)) < 0 else cents


def _unknown_types(grid: Grid, mapping: Mapping, kinds: list[list[str]], debits: list, credits: list) -> None:
    """Says how many rows with an amount are neither charges nor payments because their type is not understood."""
    types = grid.texts("kind")
    rows = [i for i in grid.good() if types[i] not in mapping.kinds
            and ((debits[i] and kinds[0][i] == "other") or (credits[i] and kinds[1][i] == "other"))]  # fmt: skip
    if rows:
        grid.notice(grid.place(rows[0], "kind"), f"the posting type is not understood, in {len(rows)} rows in all; they "
                    "count as other", "name the types under [ledger.kinds] in a mapping file")  # fmt: skip


def _known_postings(grid: Grid) -> None:
    """Leaves out rows whose posting number stood in an earlier row."""
    first: dict[str, int] = {}
    for i, number in enumerate(grid.texts("posting_id")):
        if number and i not in grid.rejected and first.setdefault(number, i) != i:
            grid.rejected.add(i)
            grid.notice(grid.place(i, "posting_id"), f"has the posting number of {grid.place(first[number])}",
                        "nothing to do; it is counted once")  # fmt: skip


def kinds_of(grid: Grid, mapping: Mapping, understood: Understanding | None = None) -> list[str]:
    """Charge, payment, adjustment, ... of every row: what its type and code were understood as, else what its words tell."""
    triples = list(zip(grid.texts("kind"), grid.texts("code"), grid.texts("reason"), strict=True))
    told = understood.kinds if understood else {}
    known = {}
    for triple in set(triples):
        own = mapping.kinds.get(triple[0]) or told.get(triple[:2]) or told.get((triple[0], ""), "other")
        known[triple] = own if own != "other" else kind_of(*triple, mapping)
    return [known[triple] for triple in triples]


def kind_of(type_: str, code: str = "", reason: str = "", mapping: Mapping | None = None) -> str:
    if mapping and type_ in mapping.kinds:
        return mapping.kinds[type_]
    for text, words in ((type_, _KIND_WORDS), (f"{code} {reason}", _MEMO_WORDS)):
        for kind, pattern in words:
            if re.search(pattern, text, re.I):
                return kind
    return "other"


def _table(postings: dict[str, list], grid: Grid) -> pa.Table:
    rows = len(postings["row"])
    vocabulary = codes.vocabulary()
    claims, names = postings["claim_number"], grid.texts("patient_name")
    patient = [names[i] for i in postings["index"]]
    columns = {
        "file_id": pa.nulls(rows, schema.FILE),
        "known_on": pa.array(postings["known_on"], schema.DAY),
        "row": pa.array(postings["row"], schema.COUNT),
        "claim_number": pa.array(claims, pa.string()),
        "kind": pa.array(postings["kind"], pa.string()),
        "posted_by": pa.array(_posted_by(postings), pa.string()),
        "amount": decimals(np.array(postings["cents"], np.int64), np.ones(rows, bool)),
        "code": texts(_short_codes(postings["code"], claims, grid.people, vocabulary)),
        "reason": texts(without_names(postings["reason"], claims, grid.people, vocabulary)),
        "word_leaf": texts(_told_leaves(postings)),
        "payer_name": texts(payers(postings["payer_name"], patient)),
        "procedure": texts(postings["procedure"]),
        "location": texts([value.upper() for value in postings["location"]]),
        "service_date": pa.array(postings["service_date"], schema.DAY),
    }
    return schema.conform("ledger", columns)


def _told_leaves(postings: dict[str, list]) -> list[str | None]:
    """What the words of each adjustment tell while all of them are there: a longer export never changes it."""
    triples = list(zip(postings["kind"], postings["code"], postings["reason"], strict=True))
    told = {t: codes.classify_reason(*t[1:])[0] if t[0] in ("adjustment", "write_off") else None for t in set(triples)}
    return [told[triple] for triple in triples]


def _short_codes(values: list[str], claims: list[str], people: frozenset[str], vocabulary: set[str]) -> list[str]:
    """Codes as they stand where they are short and in no name, else what is left of them without words that name persons."""
    short = {value for value in set(values) if _SHORT_CODE.fullmatch(value) and value.lower() not in people}
    left = without_names(["" if value in short else value for value in values], claims, people, vocabulary)
    return [value if value in short else rest for value, rest in zip(values, left, strict=True)]


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


def _posted_by(postings: dict[str, list]) -> list[str | None]:
    rows = list(
        zip(*(postings[name] for name in ("who", "kind", "payer_name", "code", "reason", "party", "type")), strict=True)
    )
    known = {row: row[0] or _who(*row[1:]) for row in set(rows)}
    return [known[row] for row in rows]


def _who(kind: str, payer: str, code: str, reason: str, party: str = "", type_: str = "") -> str | None:
    if kind not in ("payment", "transfer", "refund"):
        return None
    if re.search(r"\b(patient|pt|self|guarantor|co-?pay|pmt plan|cash)\b", f"{payer} {reason} {party} {type_}", re.I):
        return "patient"
    return "insurance" if payer or re.search(r"ins|payer|eft|remit", f"{code} {reason}", re.I) else None


def _sign(postings: dict[str, list]) -> None:
    """Gives the cents the signs of the schema: what this file's signs mean is told from each kind's sum."""
    cents = np.array(postings["cents"], np.int64)
    kinds = np.array(postings["kind"], object)
    for kind, sign in _SIGNS.items():
        mine = kinds == kind
        if mine.any() and np.sign(cents[mine].sum()) == -sign:
            cents[mine] = -cents[mine]
    postings["cents"] = cents.tolist()
