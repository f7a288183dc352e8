"""Listings of claims and of denials -> the tables that 837 and 835 files fill, so that every analysis runs on them.

    Claim,Denial Date,Payer,CPT,Charge,Denied Amount,Denial Code,Denial Reason
    A1,03/15/2026,Acme,70553,900.00,900.00,CO-197; N54,no auth on file for Mrs Moss

    remittances     A1  known_on 2026-03-15  payer_name ACME  charge 900.00  paid 0.00
    adjustments     A1  line 1  CO 197  900.00
    remarks         A1  line 1  N54
    denial_reasons  A1  line 1  "no auth on file for Mrs"

A submission is the rows of a claim with one submission date and payer; a decision those with one decision date, payer
and check. Rows with a procedure are its lines. A contractual cut stands as CO-45 and a patient's share as PR-2, since
a listing doesn't tell deductible from coinsurance.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from rcm_analysis.privacy.pseudonyms import pseudonyms, without_names
from rcm_analysis.reference import codes
from rcm_analysis.spreadsheets.ledgers import payers
from rcm_analysis.spreadsheets.tables import MEND, Grid, GridError, texts
from rcm_analysis.store import schema
from rcm_analysis.store.rows import BEYOND, MOST_CENTS, decimals, file_keys

KIND = "listing"  # of its submissions, where an 837 has 837P, 837I or 837D
CONTRACTUAL, PATIENT_SHARE = ("CO", "45"), ("PR", "2")
_GROUPS = "CO|PR|OA|PI|CR"
_CODE = re.compile(rf"\b(?:({_GROUPS})\s*[-:/ ]?\s*)?([A-Z]{{0,2}}\d{{1,4}})\b", re.I)
_DENIED = re.compile(r"\bden(?:y|ied|ial)|not (?:paid|covered)|non.?covered", re.I)


class Reasons(NamedTuple):
    """What a listing's cells say of a denial: group, CARC, remark codes, and words where there is no code."""

    group: str | None
    carc: str | None
    rarcs: tuple[str, ...]
    words: str


@dataclass
class _Rows:
    """The listing's columns by our names; amounts are cents or None."""

    grid: Grid
    text: dict[str, list[str]]
    day: dict[str, list]
    cents: dict[str, list]
    reasons: list[Reasons]
    words: list[str]  # with what could name a person removed


_TEXTS = ("claim_number", "line_number", "payer_name", "payer_id", "payer_claim_number", "check_number", "procedure",
          "modifiers", "diagnoses", "place_of_service", "rendering_npi", "billing_npi", "prior_authorization", "location",
          "status")  # fmt: skip
_CENTS = ("charge", "claim_charge", "allowed", "paid", "patient_share", "contractual", "denied_amount")


def read(grid: Grid, *, file_id: str, key: bytes) -> tuple[dict[str, pa.Table], Counter, Counter]:
    """The fact tables that the listing fills, counts of claims and lines, and totals in cents.

    `key` makes the pseudonyms of member numbers. Rows that can't be used are in the grid's notes.
    """
    rows = _rows(grid)
    first = int(file_keys([file_id])[0])
    members = pseudonyms(texts(grid.texts("member_number")), key).to_pylist()
    sent = _submissions(rows, first, members)
    decided = _decisions(rows, first, members)
    tables = {**sent, **decided}
    claims = {rows.text["claim_number"][i] for i in grid.good()}
    money = decided["remittances"] if decided["remittances"].num_rows else sent["submissions"]
    total = sum(sent["submissions"]["charge"].to_pylist() or money["charge"].to_pylist())
    paid = sum(decided["remittances"]["paid"].to_pylist())
    adjusted = sum(decided["adjustments"]["amount"].to_pylist())
    cents = Counter(charge=int(total * 100), paid=int(paid * 100), adjusted=int(adjusted * 100))
    return tables, Counter(claims=len(claims), lines=len(grid.good())), cents


def _rows(grid: Grid) -> _Rows:
    plain = {name: grid.texts(name) for name in _TEXTS}
    for i, claim in enumerate(plain["claim_number"]):
        if not claim:
            grid.reject(i, "the claim number is missing", "claim_number")
    day = {"submitted_on": grid.days("submitted_on", needed=grid.layout.kind == "claims"),
           "decided_on": grid.days("decided_on", needed=grid.layout.kind == "denials"),
           "service_date": grid.days("service_date")}  # fmt: skip
    cents = {name: _positive(grid.cents(name)) for name in _CENTS}
    for i in grid.good():
        if all(cents[name][i] is None for name in ("charge", "claim_charge", "denied_amount")):
            grid.reject(i, "has neither a charge nor a denied amount")
    names = grid.texts("patient_name")
    plain["payer_name"] = payers(plain["payer_name"], names)
    plain["payer_id"] = [own or name for own, name in zip(plain["payer_id"], plain["payer_name"], strict=True)]
    plain["location"] = [value.upper() for value in plain["location"]]
    for name in ("rendering_npi", "billing_npi"):  # a provider's name in such a column is a person's
        plain[name] = [value if re.fullmatch(r"[12]\d{9}", value) else "" for value in plain[name]]
    found = [
        reasons(*cells) for cells in zip(*map(grid.texts, ("group_code", "carc", "rarc", "reason_text")), strict=True)
    ]
    words = without_names([reason.words for reason in found], plain["claim_number"], grid.people, codes.vocabulary())
    return _Rows(grid, plain, day, cents, found, words)


def _positive(cents: list[int | None]) -> list[int | None]:
    """A column that a system exports with minus signs throughout, turned round."""
    return [-c if c else c for c in cents] if sum(filter(None, cents)) < 0 else cents


def reasons(group: str, carc: str, rarc: str, text: str) -> Reasons:
    """The codes in a listing's cells, and the words that remain. The first CARC that denies is the one that counts.

    >>> reasons("", "CO-45, CO-197; N54", "", "no auth")
    Reasons(group='CO', carc='197', rarcs=('N54',), words='no auth')
    >>> reasons("", "Timely filing", "", "")
    Reasons(group=None, carc=None, rarcs=(), words='Timely filing')
    """
    known, denying, remarks = known_codes()
    found = [(m[1] or "", m[2].upper()) for m in _CODE.finditer(f"{carc} | {rarc}")]
    carcs = [
        (own.upper(), code.lstrip("0"))
        for own, code in found
        if code.lstrip("0") in known and (own or code not in remarks)
    ]
    rarcs = tuple(dict.fromkeys(code for own, code in found if code in remarks and not own))
    if (
        not carcs
        and (m := re.match(rf"\s*\(?({_GROUPS})[- ]?([A-Z]?\d{{1,3}})\b", text, re.I))
        and m[2].upper() in known
    ):
        carcs = [(m[1].upper(), m[2].upper())]
    best = next((pair for pair in carcs if pair[1] in denying), carcs[0] if carcs else ("", ""))
    own = re.fullmatch(_GROUPS, group.strip(), re.I)
    words = text if found or not carc else f"{carc} {text}".strip()
    return Reasons(best[0] or (own[0].upper() if own else None), best[1] or None, rarcs, words)


@cache
def known_codes() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """All CARCs, those that deny, and all RARCs."""
    carc = codes.table("carc")
    return (
        frozenset(carc["carc"]),
        frozenset(carc.loc[carc["denial"] == "yes", "carc"]),
        frozenset(codes.table("rarc")["rarc"]),
    )


# --- submissions ---------------------------------------------------------------------------------------------------


def _submissions(rows: _Rows, first: int, members: list[str | None]) -> dict[str, pa.Table]:
    text, day = rows.text, rows.day
    groups: dict[tuple, list[int]] = defaultdict(list)
    for i in rows.grid.good():
        if day["submitted_on"][i]:
            groups[text["claim_number"][i], day["submitted_on"][i], text["payer_id"][i]].append(i)
    out, lines = _Columns("submissions"), _Columns("submission_lines")
    for members_of in groups.values():
        i, number = members_of[0], rows.grid.numbers[members_of[0]]
        same = {"known_on": day["submitted_on"][i], "submission_id": first + number}
        own = [j for j in members_of if text["procedure"][j]]
        for n, j in enumerate(own, 1):
            lines.add(**same, line_number=n, segment=rows.grid.numbers[j], procedure=text["procedure"][j],
                      modifiers=text["modifiers"][j], charge=_line_charge(rows, j), service_date=day["service_date"][j])  # fmt: skip
        served = [day["service_date"][j] for j in members_of if day["service_date"][j]]
        plain = (
            "payer_name",
            "payer_id",
            "place_of_service",
            "billing_npi",
            "location",
            "diagnoses",
            "prior_authorization",
        )
        out.add(**same, segment=number, kind=KIND, claim_number=text["claim_number"][i],
                charge=_claim_charge(rows, members_of), frequency="1", payer_order="P",
                rendering_npi=text["rendering_npi"][i] or text["billing_npi"][i], patient_key=members[i],
                service_date=min(served, default=None), service_date_last=max(served, default=None), lines=len(own),
                **{name: text[name][i] for name in plain})  # fmt: skip
    return {"submissions": out.table(), "submission_lines": lines.table()}


def _line_charge(rows: _Rows, i: int) -> int:
    """A line's charge; the claim's charge where the row is the whole claim, else what was denied."""
    whole = None if rows.text["procedure"][i] else rows.cents["claim_charge"][i]
    return next((c for c in (rows.cents["charge"][i], whole, rows.cents["denied_amount"][i], rows.cents["claim_charge"][i])
                 if c is not None), 0)  # fmt: skip


def _claim_charge(rows: _Rows, group: list[int]) -> int:
    """The claim's charge as told, else the sum of its lines; rows without a procedure repeat the claim."""
    told = [rows.cents["claim_charge"][i] for i in group if rows.cents["claim_charge"][i] is not None]
    lines = {_line_key(rows, i): _line_charge(rows, i) for i in group}
    return max(told) if told else sum(lines.values())


def _line_key(rows: _Rows, i: int) -> tuple:
    """Rows with one key are one line, each with a reason of its own; rows without a procedure are the claim."""
    text = rows.text
    if text["line_number"][i]:
        return (text["line_number"][i],)
    if not text["procedure"][i]:
        return ()
    return text["procedure"][i], text["modifiers"][i], rows.day["service_date"][i], rows.cents["charge"][i]


# --- decisions -----------------------------------------------------------------------------------------------------


def _decisions(rows: _Rows, first: int, members: list[str | None]) -> dict[str, pa.Table]:
    text, day = rows.text, rows.day
    groups: dict[tuple, list[int]] = defaultdict(list)
    for i in rows.grid.good():
        if day["decided_on"][i] and _tells_decision(rows, i):
            check = text["check_number"][i] or day["decided_on"][i].isoformat()
            groups[text["claim_number"][i], day["decided_on"][i], text["payer_id"][i], check].append(i)
    out = {
        name: _Columns(name) for name in ("remittances", "remittance_lines", "adjustments", "remarks", "denial_reasons")
    }
    for (_, _, _, check), group in groups.items():
        _decision(rows, group, check, first, members, out)
    return {name: columns.table() for name, columns in out.items()}


def _tells_decision(rows: _Rows, i: int) -> bool:
    return _is_denied(rows, i) or rows.cents["paid"][i] is not None


def _is_denied(rows: _Rows, i: int) -> bool:
    """A row with a denied amount; without one, a row of a denial listing or one that says so, and that paid nothing."""
    denied, paid = rows.cents["denied_amount"][i], rows.cents["paid"][i]
    if denied is not None or (paid or 0) > 0:
        return bool(denied)
    _, denying, _ = known_codes()
    carc = rows.reasons[i].carc
    if carc:
        return carc in denying
    return rows.grid.layout.kind == "denials" or bool(_DENIED.search(rows.text["status"][i]))


def _decision(rows: _Rows, group: list[int], check: str, first: int, members: list, out: dict[str, _Columns]) -> None:
    """Adds a decision of some rows: its lines, what was cut from them, remarks and words."""
    i = group[0]
    text, day, number = rows.text, rows.day, rows.grid.numbers[group[0]]
    same = {"known_on": day["decided_on"][i], "remittance_id": first + number}
    lines: dict[tuple, list[int]] = defaultdict(list)
    for j in group:
        lines[_line_key(rows, j)].append(j)
    told = [key for key, own in lines.items() if key or _denied_part(rows, own) is not None]
    numbered = {key: n for n, key in enumerate(told, 1)}
    charge = paid = adjusted = share = 0
    for line_key, own in lines.items():
        n = numbered.get(line_key, 0)
        line = _line_amounts(rows, own)
        charge, paid, share = charge + line["charge"], paid + line["paid"], share + line["share"]
        adjusted += sum(amount for _, _, amount, _ in line["cuts"])
        if n:
            out["remittance_lines"].add(**same, line_number=n, segment=rows.grid.numbers[own[0]], procedure=text["procedure"][own[0]],
                modifiers=text["modifiers"][own[0]], charge=line["charge"], paid=line["paid"], allowed=line["allowed"],
                service_date=day["service_date"][own[0]], adjusted=sum(cut[2] for cut in line["cuts"]))  # fmt: skip
        for position, (group_code, carc, amount, row) in enumerate(line["cuts"], 1):
            out["adjustments"].add(**same, line_number=n, segment=rows.grid.numbers[row], position=position,
                                   group_code=group_code, carc=carc, amount=amount)  # fmt: skip
        for j in own:
            for rarc in rows.reasons[j].rarcs:
                out["remarks"].add(**same, line_number=n, segment=rows.grid.numbers[j], source="LQ", rarc=rarc)
        words = "; ".join(dict.fromkeys(rows.words[j] for j in own if rows.words[j] and _is_denied(rows, j)))
        if words:
            out["denial_reasons"].add(**same, line_number=n, reason_text=words)
    whole = [
        rows.cents[name][j] or 0
        for j in group
        for name in ("charge", "claim_charge")
        if name != "charge" or not _line_key(rows, j)
    ]
    served = [day["service_date"][j] for j in group if day["service_date"][j]]
    out["remittances"].add(**same, segment=number, check_number=check, status_code="1", charge=max([charge, *whole]), paid=paid,
        patient_share=share, adjusted=adjusted, lines=len(numbered), patient_key=members[i], frequency="1",
        service_date=min(served, default=None), service_date_last=max(served, default=None),
        **{name: text[name][i] for name in ("payer_name", "payer_id", "claim_number", "payer_claim_number",
                                            "place_of_service", "rendering_npi")})  # fmt: skip


def _denied_part(rows: _Rows, own: list[int]) -> int | None:
    """What was denied of an unpaid claim whose lines the listing doesn't tell; None where that isn't the case."""
    denied = [rows.cents["denied_amount"][j] for j in own]
    if _line_key(rows, own[0]) or any(rows.cents["paid"][j] for j in own) or not all(denied):
        return None
    return sum(denied)


def _line_amounts(rows: _Rows, own: list[int]) -> dict[str, Any]:
    """Charge, payment and cuts (group, CARC, cents, row) of a line from its rows, in cents.

    Amounts that rows repeat (charge, paid, allowed) count once; denied amounts are each reason's own.
    """
    cents = rows.cents
    once = {name: next((cents[name][j] for j in own if cents[name][j] is not None), None) for name in _CENTS}
    paid, share = once["paid"] or 0, once["patient_share"] or 0
    part = _denied_part(rows, own)
    charge = max(_line_charge(rows, j) for j in own) if part is None else part
    cut = once["contractual"]
    if cut is None:
        denied = any(_is_denied(rows, j) for j in own)
        cut = max(charge - once["allowed"], 0) if once["allowed"] and not denied else 0
    cuts, left = [], charge - paid - share - cut
    for j in own:
        if not _is_denied(rows, j):
            continue
        amount = cents["denied_amount"][j] if cents["denied_amount"][j] is not None else max(left, 0)
        left -= amount
        if amount:
            cuts.append((rows.reasons[j].group, rows.reasons[j].carc, amount, j))
    cuts += [(*CONTRACTUAL, cut, own[0])] if cut else []
    cuts += [(*PATIENT_SHARE, share, own[0])] if share else []
    return {"charge": charge, "paid": paid, "share": share, "allowed": once["allowed"], "cuts": cuts}


class _Columns:
    """A fact table in the making, column by column; money comes as cents."""

    def __init__(self, name: str):
        self.name = name
        self.columns = schema.TABLES[name].columns
        self.values: dict[str, list] = {column.name: [] for column in self.columns}

    def add(self, **cells: Any) -> None:
        for name, values in self.values.items():
            values.append(cells.get(name))

    def table(self) -> pa.Table:
        return pa.Table.from_arrays(
            [self._array(column) for column in self.columns], schema=schema.TABLES[self.name].arrow()
        )

    def _array(self, column: schema.Column) -> pa.Array:
        values = self.values[column.name]
        if column.type == schema.FILE:
            return pa.nulls(len(values), schema.FILE)
        if column.type == schema.MONEY:
            if any(abs(value or 0) > MOST_CENTS for value in values):
                raise GridError(f"the amounts of a claim add up to {BEYOND}", MEND)
            there = np.array([value is not None for value in values], bool)
            return decimals(np.array([value or 0 for value in values], np.int64), there)
        if column.type == schema.TEXT:
            return texts(values)
        return pa.array(values, column.type)
