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

from rcm_analysis.edi import x12
from rcm_analysis.privacy.pseudonyms import without_names
from rcm_analysis.reference import codes
from rcm_analysis.spreadsheets.mappings import AMOUNTS, Mapping
from rcm_analysis.spreadsheets.tables import Grid, texts
from rcm_analysis.store import schema

# a posting type or code as the practice words it -> our kind; the first that fits
_KIND_WORDS = (
    ("write_off", r"write.?off|w/?o\b|bad.?debt|charge.?off"),
    ("refund", r"refund|rfnd"),
    ("transfer", r"transfer|xfer|trnsf|responsib|balance.?move"),
    ("adjustment", r"adj|contractual|allowance|discount|sequest|courtesy"),
    ("payment", r"pay|pmt|pymt|receipt|co-?pay|deposit|remit|eft|check|cash|credit.?card"),
    ("charge", r"charge|chg|billed|service|debit|procedure|invoice"),
)
_SIGNS = {"charge": 1, "payment": -1, "adjustment": -1, "write_off": -1, "refund": 1}


def read(grid: Grid, mapping: Mapping) -> tuple[pa.Table, Counter, Counter]:
    """The ledger, counts of claims and lines, and totals in cents. Bad rows are in the grid's notes."""
    postings = _postings(grid, mapping)
    table = _table(postings, grid)
    totals: Counter = Counter()
    for kind, cents in zip(postings["kind"], postings["cents"], strict=True):
        totals[kind] += cents
    cents = Counter(charge=totals["charge"], paid=-totals["payment"] - totals["refund"],
                    adjusted=-totals["adjustment"] - totals["write_off"])  # fmt: skip
    return table, Counter(claims=len(set(postings["claim_number"])), lines=table.num_rows), cents


def _postings(grid: Grid, mapping: Mapping) -> dict[str, list]:
    """Rows as postings: one per row with a single amount column, one per filled amount where there are several."""
    claims = grid.texts("claim_number")
    for i, claim in enumerate(claims):
        if not claim:
            grid.reject(i, "the claim number is missing", "claim_number")
    posted, served = grid.days("posted_on", needed=True), grid.days("service_date")
    told = kinds_of(grid, mapping)
    if "amount" in grid:
        amounts = [(None, grid.cents("amount", needed=True))]
    else:
        amounts = [(kind, grid.cents(column)) for kind, column in AMOUNTS.items() if column in grid]
    _known_postings(grid)
    plain = {name: grid.texts(name) for name in ("code", "reason", "payer_name", "procedure", "location")}
    out: dict[str, list] = {name: [] for name in ("index", "row", "claim_number", "known_on", "service_date", "kind",
                                                  "cents", *plain)}  # fmt: skip
    for i in grid.good():
        for kind, cents in amounts:
            if cents[i] is None or (kind and cents[i] == 0):
                continue
            line = (i, grid.numbers[i], claims[i], posted[i], served[i], kind or told[i], cents[i],
                    *(values[i] for values in plain.values()))  # fmt: skip
            for name, value in zip(out, line, strict=True):
                out[name].append(value)
    return out


def _known_postings(grid: Grid) -> None:
    """Leaves out rows whose posting number stood in an earlier row."""
    first: dict[str, int] = {}
    for i, number in enumerate(grid.texts("posting_id")):
        if number and i not in grid.rejected and first.setdefault(number, i) != i:
            grid.rejected.add(i)
            grid.notice(grid.place(i, "posting_id"), f"has the posting number of {grid.place(first[number])}",
                        "nothing to do; it is counted once")  # fmt: skip


def kinds_of(grid: Grid, mapping: Mapping) -> list[str]:
    """Charge, payment, adjustment, ... of every row, told by its posting type, else by its code and reason."""
    triples = list(zip(grid.texts("kind"), grid.texts("code"), grid.texts("reason"), strict=True))
    known = {triple: kind_of(*triple, mapping) for triple in set(triples)}
    return [known[triple] for triple in triples]


def kind_of(type_: str, code: str = "", reason: str = "", mapping: Mapping | None = None) -> str:
    if mapping and type_ in mapping.kinds:
        return mapping.kinds[type_]
    for text in (type_, f"{code} {reason}"):
        for kind, pattern in _KIND_WORDS:
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
        "amount": x12.decimals(_signed(postings), np.ones(rows, bool)),
        "code": texts(without_names(postings["code"], claims, grid.people, vocabulary)),
        "reason": texts(without_names(postings["reason"], claims, grid.people, vocabulary)),
        "payer_name": texts(payers(postings["payer_name"], patient)),
        "procedure": texts(postings["procedure"]),
        "location": texts([value.upper() for value in postings["location"]]),
        "service_date": pa.array(postings["service_date"], schema.DAY),
    }
    return schema.conform("ledger", columns)


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
    rows = list(zip(postings["kind"], postings["payer_name"], postings["code"], postings["reason"], strict=True))
    known = {row: _who(*row) for row in set(rows)}
    return [known[row] for row in rows]


def _who(kind: str, payer: str, code: str, reason: str) -> str | None:
    if kind not in ("payment", "transfer", "refund"):
        return None
    if re.search(r"\b(patient|pt|self|guarantor|co-?pay|pmt plan|cash)\b", f"{payer} {reason}", re.I):
        return "patient"
    return "insurance" if payer or re.search(r"ins|payer|eft|remit", f"{code} {reason}", re.I) else None


def _signed(postings: dict[str, list]) -> np.ndarray:
    """Cents with the signs of the schema: what this file's signs mean is told from each kind's sum."""
    cents = np.array(postings["cents"], np.int64)
    kinds = np.array(postings["kind"], object)
    for kind, sign in _SIGNS.items():
        mine = kinds == kind
        if mine.any() and np.sign(cents[mine].sum()) == -sign:
            cents[mine] = -cents[mine]
    postings["cents"] = cents.tolist()
    return cents
