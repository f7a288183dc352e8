"""835 remittances: columns of a piece of text -> payments, claim payments, service lines, adjustments, remarks.

Levels are told by position: a segment belongs to the last CLP before it in its transaction, and to the last SVC when
that came after the CLP. Nothing is looked at one segment at a time.

    CLP*A1*1*250*200*30*12*X9~  CAS*CO*45*20~        claim level
    SVC*HC:99213:25*250*200**1~ CAS*PR*2*30~ LQ*HE*N130~    line 1
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.edi import balance_835, names, reasons_835, x12
from rcm_analysis.edi.envelopes import Piece, Transaction, group_day, labels
from rcm_analysis.privacy.pseudonyms import pseudonyms
from rcm_analysis.reference import codes
from rcm_analysis.store import schema
from rcm_analysis.store.rows import BEYOND, MOST_CENTS, Note, decimals

KIND = "835"
TABLES = ("payments", "remittances", "remittance_lines", "adjustments", "remarks", "provider_adjustments")
ADVICE = "ask the payer or clearinghouse to send it again"
REPEATS = 6  # adjustments that the standard has in one CAS or PLB; senders that put more into one mean them all


@dataclass
class _Index:
    """Where claims and lines start, and what every segment belongs to."""

    s: x12.Segments
    piece: Piece
    transactions: list[Transaction]
    tx: np.ndarray  # of every segment; -1 outside an 835
    clp: np.ndarray
    svc: np.ndarray
    claim: np.ndarray  # of every segment; -1 outside a claim
    line: np.ndarray  # of every segment; -1 at claim level
    line_number: np.ndarray  # of every line, from 1 within its claim
    keys: np.ndarray  # of every file
    beyond: list[tuple[np.ndarray, str]] = field(default_factory=list)  # segments whose totals no column holds

    def claims_of(self, segments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of the segments that stand in a claim, and the claims."""
        inside = self.claim[segments] >= 0
        return segments[inside], self.claim[segments[inside]]

    def lines_of(self, segments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of the segments that stand in a line, and the lines."""
        inside = self.line[segments] >= 0
        return segments[inside], self.line[segments[inside]]

    def first_in_claim(self, tag: bytes, *, head: bool = False) -> np.ndarray:
        found, claims = self.claims_of(self.s.where(tag))
        if head:
            top = self.line[found] < 0
            found, claims = found[top], claims[top]
        return x12.first_of(claims, found, len(self.clp))

    def first_in_line(self, tag: bytes) -> np.ndarray:
        found, lines = self.lines_of(self.s.where(tag))
        return x12.first_of(lines, found, len(self.svc))

    def first_in_head(self, tag: bytes) -> np.ndarray:
        """For each transaction, the first of its segments that stands before its claims."""
        found = self.s.where(tag)
        found = found[(self.tx[found] >= 0) & (self.claim[found] < 0)]
        return x12.first_of(self.tx[found], found, len(self.transactions))


def read(
    piece: Piece, file_ids: list[str], keys: np.ndarray, key: bytes, *, refused: frozenset[int] = frozenset()
) -> tuple[dict[str, pa.Table], list[Note]]:
    """The fact tables of every 835 in the piece, and what was not taken over.

    `keys` are `rows.file_keys` of `file_ids`; `key` is the practice's secret for pseudonyms. Raises nothing for
    bad content: a bad amount is null and noted, a claim cut off by the end of the file is left out and noted, and so
    is a transaction of a later release that does not add up. `refused` are first segments of such transactions.
    """
    transactions, tx = piece.of_kind(KIND, without=refused)
    if not transactions:
        return {}, []
    index, notes = _index(piece, transactions, tx, keys)
    bad: list[tuple[np.ndarray, np.ndarray, str]] = []
    payments, known = _payments(index, file_ids, bad)
    tables = {"payments": payments}
    reasons = _Adjusted.of(index, bad)
    unread = balance_835.unread(index, reasons.by_claim)
    if unread:
        firsts = refused.union(transactions[i].first for i in unread)
        tables, notes = read(piece, file_ids, keys, key, refused=firsts)
        return tables, notes + [_later_release(piece, transactions[i]) for i in unread]
    tables["adjustments"] = _adjustments(index, file_ids, known, reasons.rows)
    tables["remittances"] = _remittances(index, file_ids, known, reasons.of_claims(index), payments, key, bad)
    tables["remittance_lines"] = _lines(index, file_ids, known, reasons.of_lines(index), bad)
    tables["remarks"] = _remarks(index, file_ids, known)
    tables["provider_adjustments"] = _provider_adjustments(index, file_ids, known, tables["remittances"], bad)
    tables["payments"] = _with_totals(index, payments, tables)
    notes += _bad_values(index, bad) + _long_repeats(index) + _second_amounts(index) + _doubtful(index)
    return tables, notes + reasons.notes(index, tables["payments"]) + beyond(piece, index.beyond, ADVICE)


def _later_release(piece: Piece, transaction: Transaction) -> Note:
    return Note(transaction.source, "transaction", f"segment {piece.number[transaction.first]} (ST)",
                f"release {transaction.version} is not read here: its claims do not add up without what is new in it; "
                "the transaction was left out", "ask the payer for release 005010X221A1")  # fmt: skip


def _index(
    piece: Piece, transactions: list[Transaction], tx: np.ndarray, keys: np.ndarray
) -> tuple[_Index, list[Note]]:
    s = piece.segments
    clp, svc = s.where(b"CLP"), s.where(b"SVC")
    clp, svc = clp[tx[clp] >= 0], svc[tx[svc] >= 0]
    clp, notes, dropped = _whole_claims(piece, transactions, tx, clp)
    claim = _owner(len(s), clp)
    first = np.array([t.first for t in transactions])
    # segments of an earlier transaction's last claim, and the summary segments that follow the claims, are nobody's
    outside = np.ones(len(s), bool)
    if len(clp):
        outside = (tx < 0) | (claim < 0) | (clp[np.maximum(claim, 0)] < first[np.maximum(tx, 0)])
    for tag in (b"PLB", b"SE", b"LX", b"TS3", b"TS2"):
        outside |= s.flags(tag)
    claim = np.where(outside | dropped, -1, claim)
    svc = svc[claim[svc] >= 0]
    line = _owner(len(s), svc)
    at_claim = np.ones(len(s), bool)
    if len(svc):
        at_claim = (claim < 0) | (line < 0) | (svc[np.maximum(line, 0)] < clp[np.maximum(claim, 0)])
    line = np.where(at_claim, -1, line)
    lines_before = np.searchsorted(svc, clp[claim[svc]]) if len(svc) else svc
    number = np.arange(len(svc)) - lines_before + 1
    return _Index(s, piece, transactions, tx, clp, svc, claim, line, number, keys), notes


def _owner(size: int, starts: np.ndarray) -> np.ndarray:
    marks = np.zeros(size, np.int32)
    marks[starts] = 1
    return np.cumsum(marks) - 1


def _whole_claims(
    piece: Piece, transactions: list[Transaction], tx: np.ndarray, clp: np.ndarray
) -> tuple[np.ndarray, list[Note], np.ndarray]:
    """Leaves out the last claim of a transaction that was cut off: its lines, and even its amounts, may be half."""
    keep, dropped, notes = np.ones(len(clp), bool), np.zeros(len(piece.segments), bool), []
    cut = [i for i, transaction in enumerate(transactions) if piece.cut_off(transaction)]
    for i in cut:
        mine = np.flatnonzero(tx[clp] == i)
        if not len(mine):
            continue
        last = mine[-1]
        keep[last] = False
        dropped[clp[last] : transactions[i].last + 1] = True
        notes.append(
            Note(transactions[i].source, "claim", f"segment {piece.number[clp[last]]} (CLP)",
                 "the file ends inside this claim payment, the last one in it; it was left out", ADVICE)
        )  # fmt: skip
    return clp[keep], notes, dropped


def _common(index: _Index, segments: np.ndarray, file_ids: list[str], known: np.ndarray) -> dict[str, pa.Array]:
    tx = index.tx[segments]
    return {
        "file_id": labels(file_ids, index.piece.source[segments]),
        "known_on": x12.dates(known[tx]),
        "segment": pa.array(index.piece.number[segments].astype(np.int32)),
    }


def _row_keys(index: _Index, segments: np.ndarray) -> np.ndarray:
    return index.keys[index.piece.source[segments]] + index.piece.number[segments]


def _of_claims(index: _Index, segments: np.ndarray, file_ids: list[str], known: np.ndarray) -> dict[str, pa.Array]:
    claims = index.claim[segments]
    remittance = pa.array(_row_keys(index, index.clp)[claims])
    return {**_common(index, segments, file_ids, known), "remittance_id": remittance}


def _level(index: _Index, segments: np.ndarray) -> pa.Array:
    line = index.line[segments]
    number = index.line_number[np.maximum(line, 0)] if len(index.svc) else np.zeros(len(segments), np.int64)
    return pa.array(np.where(line >= 0, number, 0).astype(np.int32))


def _text(s: x12.Segments, segments: np.ndarray, element: int, component: int | None = None) -> pa.Array:
    span = s.span(segments, element)
    return s.text(span if component is None else s.component(span, component))


def _money(s: x12.Segments, segments: np.ndarray, element: int, name: str, bad: list) -> pa.Array:
    values, wrong = s.money(s.span(segments, element))
    if wrong.any():
        bad.append((segments[wrong], f"{name} is not an amount"))
    return values


def _days(s: x12.Segments, segments: np.ndarray, element: int, name: str, bad: list) -> np.ndarray:
    values, wrong = s.days(s.span(segments, element))
    if wrong.any():
        bad.append((segments[wrong], f"{name} is not a date"))
    return values


def _bad_values(index: _Index, bad: list) -> list[Note]:
    piece = index.piece
    return [
        Note(int(piece.source[i]), "value", f"segment {piece.number[i]} ({piece.segments.tag(i)})", reason,
             "the value was left empty; compare the claim with the paper remittance")
        for segments, reason in bad for i in segments
    ]  # fmt: skip


def _long_repeats(index: _Index) -> list[Note]:
    """CAS and PLB with more adjustments than the standard has."""
    piece, s = index.piece, index.s
    cas, _ = index.claims_of(s.where(b"CAS"))
    plb = s.where(b"PLB")
    plb = plb[index.tx[plb] >= 0]
    return [
        Note(int(piece.source[i]), "notice", f"segment {piece.number[i]} ({piece.segments.tag(i)})",
             f"holds more than the {REPEATS} adjustments that the standard has; all were taken over", "tell the sender")
        for found, longest in ((cas, 1 + 3 * REPEATS), (plb, 2 + 2 * REPEATS))
        for i in found[s.filled_after(found, longest)]
    ]  # fmt: skip


def _second_amounts(index: _Index) -> list[Note]:
    """Amounts that can stand only once, a second time: which one counts is the sender's to say."""
    s = index.s
    head, claims = index.claims_of(s.where(b"AMT"))
    top = index.line[head] < 0
    lines, line = index.lines_of(s.where(b"AMT*B6"))
    bpr = s.where(b"BPR")
    bpr = bpr[index.tx[bpr] >= 0]
    groups = [(bpr, index.tx[bpr], "payment"), (lines, line, "line")]
    for tag in (b"AMT*AU", b"AMT*I"):
        mine = top & np.isin(head, s.where(tag))
        groups.append((head[mine], claims[mine], "claim"))
    return [note for segments, owners, what in groups for note in _second(index, segments, owners, what)]


def _second(index: _Index, segments: np.ndarray, owners: np.ndarray, what: str) -> list[Note]:
    """All but the first of the segments of each owner, where they say another amount; the owners come in order."""
    again = np.flatnonzero(owners[1:] == owners[:-1]) + 1
    if not len(again):
        return []
    first = np.searchsorted(owners, owners[again])
    amounts, _, _ = index.s.cents(index.s.span(segments, 2))
    piece = index.piece
    return [
        Note(int(piece.source[i]), "value", f"segment {piece.number[i]} ({piece.segments.tag(i)})",
             f"a second such amount of its {what}, {Decimal(int(amounts[k])) / 100:.2f}, was left out",
             "compare it with the paper remittance; tell the sender")
        for k, i, kept in zip(again, segments[again], first, strict=True) if amounts[k] != amounts[kept]
    ]  # fmt: skip


def _payments(index: _Index, file_ids: list[str], bad: list) -> tuple[pa.Table, np.ndarray]:
    s = index.s
    first = np.array([t.first for t in index.transactions])
    bpr, trn, produced = (index.first_in_head(tag) for tag in (b"BPR", b"TRN", b"DTM*405"))
    payer, payee = index.first_in_head(b"N1*PR"), index.first_in_head(b"N1*PE")
    known = _known_on(index, _days(s, bpr, 16, "BPR16", bad), _days(s, produced, 2, "DTM02", bad))
    identifier = _first_text(
        _text(s, payer, 4), _text(s, index.first_in_head(b"REF*2U"), 2), _text(s, trn, 3), _text(s, trn, 4)
    )
    columns = {
        **_common(index, first, file_ids, known),
        "payment_id": pa.array(_row_keys(index, first)),
        "payer_name": names.of_payers(s, payer),
        "payer_id": identifier,
        "payee_npi": _text(s, payee, 4),
        "check_number": _text(s, trn, 2),
        "paid": _money(s, bpr, 2, "BPR02", bad),
    }
    return schema.conform("payments", columns), known


def _known_on(index: _Index, paid: np.ndarray, produced: np.ndarray) -> np.ndarray:
    """Payment date, else production date, else the date of the functional group."""
    group = np.array([group_day(t.group_date) for t in index.transactions])
    return np.where(paid != x12.NO_DAY, paid, np.where(produced != x12.NO_DAY, produced, group))


def _first_text(*columns: pa.Array) -> pa.Array:
    return pc.coalesce(*columns)


@dataclass
class _Adjusted:
    """The adjustments that count, their sums in cents by claim, and what was found twice."""

    rows: reasons_835.Reasons
    by_claim: np.ndarray
    everything: reasons_835.Reasons
    repeated: np.ndarray  # of `everything`

    @classmethod
    def of(cls, index: _Index, bad: list) -> _Adjusted:
        rows = everything = reasons_835.read(index, bad)
        by_claim = x12.sums(index.claim[rows.segments], rows.cents, len(index.clp))
        repeated = balance_835.told_twice(index, rows, index.claim[rows.segments], by_claim)
        if repeated.any():
            rows = rows.only(~repeated)
            by_claim = x12.sums(index.claim[rows.segments], rows.cents, len(index.clp))
        return cls(rows, by_claim, everything, repeated)

    def of_claims(self, index: _Index) -> pa.Array:
        rows = self.rows
        return _totals(index, index.clp, index.claim[rows.segments], rows.cents, "the adjustments of a claim")

    def of_lines(self, index: _Index) -> pa.Array:
        lines = index.line[self.rows.segments]
        cents_ = self.rows.cents[lines >= 0]
        return _totals(index, index.svc, lines[lines >= 0], cents_, "the adjustments of a line")

    def notes(self, index: _Index, payments: pa.Table) -> list[Note]:
        names = {"check": "paid", "claims": "claims_paid", "adjusted": "provider_adjusted"}
        totals = {ours: cents(payments[name]) for ours, name in names.items()}
        return balance_835.notes(index, self.by_claim, self.repeated, self.everything, totals)


def _adjustments(index: _Index, file_ids: list[str], known: np.ndarray, rows: reasons_835.Reasons) -> pa.Table:
    columns = {
        **_of_claims(index, rows.segments, file_ids, known),
        "line_number": _level(index, rows.segments),
        "position": pa.array(rows.position.astype(np.int32)),
        "group_code": rows.group,
        "carc": rows.carc,
        "amount": decimals(rows.cents, rows.there),
        "quantity": rows.quantity,
    }
    return schema.conform("adjustments", columns)


def _totals(index: _Index, owners: np.ndarray, groups: np.ndarray, cents: np.ndarray, what: str) -> pa.Array:
    """Sums for each of the owners, segments; null, and kept in mind, where they are beyond a column of money."""
    total, over = money_totals(groups, cents, len(owners))
    if over.any():
        index.beyond.append((owners[over], what))
    return total


def money_totals(groups: np.ndarray, cents: np.ndarray, size: int) -> tuple[pa.Array, np.ndarray]:
    """Cents added up by group as a column of money, and a mask of the sums that it can't hold: they are null."""
    total = x12.sums(groups, cents, size)
    over = np.abs(total) > MOST_CENTS
    return decimals(np.where(over, 0, total).astype(np.int64), ~over), over


def beyond(piece: Piece, found: list[tuple[np.ndarray, str]], advice: str) -> list[Note]:
    """Segments whose totals are beyond a column of money; they cost the file, since no sum of it could be believed."""
    return [
        Note(int(piece.source[i]), "file", f"segment {piece.number[i]} ({piece.segments.tag(i)})",
             f"{what} add up to {BEYOND}", advice)
        for segments, what in found for i in segments
    ]  # fmt: skip


def _remittances(
    index: _Index, file_ids: list[str], known: np.ndarray, by_claim: Any, payments: Any, key: bytes, bad: list
) -> pa.Table:
    s, clp = index.s, index.clp
    of_payment = pa.array(index.tx[clp])
    member = index.first_in_claim(b"NM1*QC", head=True)
    insured = index.first_in_claim(b"NM1*IL", head=True)
    member_number = _first_text(_text(s, member, 9), _text(s, insured, 9))
    line_days = _line_days(index, bad)
    first_day, last_day = _claim_days(index, line_days, bad)
    provider = index.first_in_claim(b"NM1*82", head=True)
    own = _own_payers(index)
    columns = {
        **_of_claims(index, clp, file_ids, known),
        **{
            name: payments[name].combine_chunks().take(of_payment)
            for name in ("payment_id", "payer_name", "payer_id", "check_number")
        },
        **_payer_there(s, own, payments, of_payment),
        "claim_number": _claim_numbers(index),
        "status_code": _text(s, clp, 2),
        "charge": _money(s, clp, 3, "CLP03", bad),
        "paid": _money(s, clp, 4, "CLP04", bad),
        "patient_share": _money(s, clp, 5, "CLP05", bad),
        "filing_code": _text(s, clp, 6),
        "payer_claim_number": _text(s, clp, 7),
        "place_of_service": _text(s, clp, 8),
        "frequency": _text(s, clp, 9),
        "drg": _text(s, clp, 11),
        "original_reference": _text(s, index.first_in_claim(b"REF*F8", head=True), 2),
        "patient_key": pseudonyms(member_number, key),
        "rendering_npi": _text(s, provider, 9),
        "forwarded_to": names.of_organizations(s, index.first_in_claim(b"NM1*TT", head=True), 3),
        "service_date": x12.dates(first_day),
        "service_date_last": x12.dates(last_day),
        "received_on": x12.dates(_days(s, index.first_in_claim(b"DTM*050", head=True), 2, "DTM02", bad)),
        "covered": _money(s, index.first_in_claim(b"AMT*AU", head=True), 2, "AMT02", bad),
        "interest": _money(s, index.first_in_claim(b"AMT*I", head=True), 2, "AMT02", bad),
        "lines": pa.array(np.bincount(index.claim[index.svc], minlength=len(clp)).astype(np.int32)),
        "adjusted": by_claim,
    }
    return schema.conform("remittances", columns)


def _unnumbered(index: _Index) -> np.ndarray:
    """Which claim payments name no claim: CLP01 is empty, or 0, which a payer returns when it got no number."""
    number = _text(index.s, index.clp, 1)
    return np.asarray(pc.fill_null(pc.match_substring_regex(number, r"^\s*0*\s*$"), True))


def _claim_numbers(index: _Index) -> pa.Array:
    """CLP01; a claim payment without a number is a claim of its own, called by the payer's number (CLP07), else by its place."""
    number, missing = _text(index.s, index.clp, 1), _unnumbered(index)
    if not missing.any():
        return number
    tx = index.tx[index.clp]
    place = pc.cast(pa.array(np.arange(len(tx)) - np.searchsorted(tx, tx) + 1), pa.string())
    check = _text(index.s, index.first_in_head(b"TRN"), 2).take(pa.array(tx))
    own = _first_text(_text(index.s, index.clp, 7), pc.binary_join_element_wise(check, place, "/"))
    own = _first_text(own, pc.cast(pa.array(_row_keys(index, index.clp)), pa.string()))
    named = pc.binary_join_element_wise("no number (", own, ")", "")
    return pc.if_else(pa.array(missing), named, number)


def _doubtful(index: _Index) -> list[Note]:
    """Claim payments without a number, or with a status that is none of the guide's: kept, and named with their dollars."""
    s, piece = index.s, index.piece
    status = _text(s, index.clp, 2)
    known = pc.is_in(status, value_set=pa.array(codes.table("claim_status_codes")["status_code"].tolist()))
    strange, unnumbered = ~np.asarray(known), _unnumbered(index)
    charge, paid, _ = balance_835.claim_cents(index)
    found = []
    for claim in np.flatnonzero(strange | unnumbered):
        money = f"{Decimal(int(charge[claim])) / 100:.2f} charged, {Decimal(int(paid[claim])) / 100:.2f} paid"
        if unnumbered[claim]:
            found.append((claim, f"CLP01 gives no claim number; kept as a claim of its own: {money}"))
        if strange[claim]:
            what = "is missing" if status[claim].as_py() is None else "is a status code that the guide does not hold"
            found.append((claim, f"CLP02 (claim status) {what}; read by amounts and reasons: {money}"))
    return [Note(int(piece.source[i]), "warning", f"segment {piece.number[i]} (CLP)", reason, "look the claim up with the payer")
            for claim, reason in found for i in [index.clp[claim]]] + _payer_changes(index)  # fmt: skip


def _own_payers(index: _Index) -> np.ndarray:
    """For each claim the N1*PR that names its payer where it is not the one of the payment; -1 else.

    The guide has one payer for each payment. Some senders name another after the LX of a group, between two claims, or
    right after a CLP for that claim alone.
    """
    s, clp = index.s, index.clp
    named = s.where(b"N1*PR")
    named = named[index.tx[named] >= 0]
    named = named[~np.isin(named, index.first_in_head(b"N1*PR"))]
    if not len(named) or not len(clp):
        return np.full(len(clp), -1)
    of_claim = (index.claim[named] >= 0) & (index.line[named] < 0)
    own = x12.first_of(index.claim[named[of_claim]], named[of_claim], len(clp))
    group = s.last_before(named[~of_claim], clp)
    there = (group > s.last_before(s.where(b"LX"), clp)) & (index.tx[np.maximum(group, 0)] == index.tx[clp])
    return np.where(own >= 0, own, np.where(there & (group >= 0), group, -1))


def _payer_there(s: x12.Segments, own: np.ndarray, payments: pa.Table, of_payment: pa.Array) -> dict[str, pa.Array]:
    """Name and number of the payer of each claim, where one is named for it."""
    if not (own >= 0).any():
        return {}
    there = pa.array(own >= 0)
    named = {"payer_name": names.of_payers(s, own), "payer_id": _text(s, own, 4)}
    return {
        name: pc.if_else(there, value, payments[name].combine_chunks().take(of_payment))
        for name, value in named.items()
    }


def _payer_changes(index: _Index) -> list[Note]:
    own, piece = _own_payers(index), index.piece
    return [
        Note(int(piece.source[i]), "notice", f"segment {piece.number[i]} (N1)",
             "the payer is named again inside the payment; the claims there were taken as that payer's", "tell the sender")
        for i in np.unique(own[own >= 0])
    ]  # fmt: skip


def _line_days(index: _Index, bad: list) -> np.ndarray:
    day = _days(index.s, index.first_in_line(b"DTM*472"), 2, "DTM02", bad)
    start = _days(index.s, index.first_in_line(b"DTM*150"), 2, "DTM02", bad)
    return np.where(day != x12.NO_DAY, day, start)


def _claim_days(index: _Index, line_days: np.ndarray, bad: list) -> tuple[np.ndarray, np.ndarray]:
    """First and last day of service: the claim's own dates, else the earliest and latest of its lines."""
    claims = index.claim[index.svc]
    dated = line_days != x12.NO_DAY
    earliest = np.full(len(index.clp), np.iinfo(np.int64).max)
    latest = np.full(len(index.clp), x12.NO_DAY)
    np.minimum.at(earliest, claims[dated], line_days[dated])
    np.maximum.at(latest, claims[dated], line_days[dated])
    ends = _days(index.s, index.first_in_line(b"DTM*151"), 2, "DTM02", bad)
    np.maximum.at(latest, claims[dated], ends[dated])
    first = _days(index.s, index.first_in_claim(b"DTM*232", head=True), 2, "DTM02", bad)
    last = _days(index.s, index.first_in_claim(b"DTM*233", head=True), 2, "DTM02", bad)
    first = np.where(first != x12.NO_DAY, first, np.where(latest != x12.NO_DAY, earliest, x12.NO_DAY))
    return first, np.where(last != x12.NO_DAY, last, np.where(latest != x12.NO_DAY, latest, first))


def _lines(index: _Index, file_ids: list[str], known: np.ndarray, by_line: pa.Array, bad: list) -> pa.Table:
    s, svc = index.s, index.svc
    columns = {
        **_of_claims(index, svc, file_ids, known),
        "line_number": pa.array(index.line_number.astype(np.int32)),
        **procedures(s, s.span(svc, 1), s.span(svc, 4)),
        "charge": _money(s, svc, 2, "SVC02", bad),
        "paid": _money(s, svc, 3, "SVC03", bad),
        "units": s.quantity(s.span(svc, 5)),
        "billed_procedure": procedures(s, s.span(svc, 6), None)["procedure"],
        "billed_units": s.quantity(s.span(svc, 7)),
        "service_date": x12.dates(_line_days(index, [])),
        "line_control": _text(s, index.first_in_line(b"REF*6R"), 2),
        "allowed": _money(s, index.first_in_line(b"AMT*B6"), 2, "AMT02", bad),
        "adjusted": by_line,
    }
    return schema.conform("remittance_lines", columns)


def procedures(s: x12.Segments, composite: x12.Span, revenue: x12.Span | None) -> dict[str, pa.Array]:
    """Procedure, modifiers and revenue code of composite procedure identifiers (`HC:99213:25:59`, `NU:0450`)."""
    if revenue is None and (composite.start < 0).all():
        nothing = pa.nulls(len(composite.start), pa.string())
        return dict.fromkeys(("procedure", "modifiers", "revenue_code"), nothing)
    qualifier, code, *further = s.components(composite, 0, 6)
    # a bare code without a qualifier is tolerated; NU says that the code is a revenue code
    bare = (code.start < 0) & (qualifier.stop - qualifier.start > 2)
    code = x12.Span(np.where(bare, qualifier.start, code.start), np.where(bare, qualifier.stop, code.stop))
    head = s.words[np.maximum(qualifier.start, 0)] & np.uint64(0xFFFF)
    is_revenue = (qualifier.start >= 0) & ~bare & (head == np.uint64(int.from_bytes(b"NU", "little")))
    value = s.text(code)
    none = pa.scalar(None, pa.string())
    columns = {"procedure": pc.if_else(pa.array(is_revenue), none, value), "modifiers": joined(s, further)}
    named = pc.if_else(pa.array(is_revenue), value, none)
    columns["revenue_code"] = named if revenue is None else pc.coalesce(s.text(revenue), named)
    return columns


def joined(s: x12.Segments, spans: list[x12.Span]) -> pa.Array:
    """The values of several spans, row by row, with spaces between them; null where there is none."""
    some = np.logical_or.reduce([span.start >= 0 for span in spans])
    columns = [s.text(x12.Span(span.start[some], span.stop[some])) for span in spans]
    columns = [column for column in columns if column.null_count < len(column)]
    if not columns:
        return pa.nulls(len(some), pa.string())
    # null_handling="skip" loses rows whose values are all null (pyarrow 26)
    texts = pc.binary_join_element_wise(*columns, " ", null_handling="replace", null_replacement="")
    row = np.cumsum(some, dtype=np.int32) - 1
    return pc.utf8_trim_whitespace(texts).take(pa.array(row, mask=~some))


def _remarks(index: _Index, file_ids: list[str], known: np.ndarray) -> pa.Table:
    s = index.s
    found = []
    for source, tag, elements in (
        ("LQ", b"LQ*HE", [2]),
        ("MOA", b"MOA", range(3, 8)),
        ("MIA", b"MIA", [5, 20, 21, 22, 23]),
    ):
        segments, _ = index.claims_of(s.where(tag))
        for element in elements:
            span = s.span(segments, element)
            given = span.start >= 0
            values = s.text(x12.Span(span.start[given], span.stop[given]))
            found.append((source, segments[given], values))
    found += [("RAS", rows, values) for rows, values in reasons_835.remarks(index)]
    segments = np.concatenate([rows for _, rows, _ in found])
    columns = {
        **_of_claims(index, segments, file_ids, known),
        "line_number": _level(index, segments),
        "source": pa.array(np.repeat([source for source, _, _ in found], [len(rows) for _, rows, _ in found])),
        "rarc": pa.concat_arrays([values for _, _, values in found]),
    }
    return schema.conform("remarks", columns)


def _provider_adjustments(
    index: _Index, file_ids: list[str], known: np.ndarray, remittances: Any, bad: list
) -> pa.Table:
    s = index.s
    plb = s.where(b"PLB")
    plb = plb[index.tx[plb] >= 0]
    pairs = ((s.count[plb] - 2 + 1) // 2).clip(0)
    row = np.repeat(np.arange(len(plb)), pairs)
    position = np.arange(len(row)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    segments = plb[row]
    reason, amount = s.each(segments, 3 + 2 * position), s.each(segments, 4 + 2 * position)
    given = (reason.start >= 0) | (amount.start >= 0)
    segments, row = segments[given], row[given]
    reason, amount = (x12.Span(x.start[given], x.stop[given]) for x in (reason, amount))
    values, wrong = s.money(amount)
    if wrong.any():
        bad.append((segments[wrong], "PLB amount is not an amount"))
    payment = np.array([t.first for t in index.transactions])[index.tx[segments]]
    columns = {
        **_common(index, segments, file_ids, known),
        "payment_id": pa.array(_row_keys(index, payment)),
        "npi": _text(s, plb, 1).take(pa.array(row)),
        "fiscal_date": x12.dates(_days(s, plb, 2, "PLB02", bad)[row]),
        "reason_code": s.text(s.component(reason, 0)),
        "reference": _claims_only(s.text(s.component(reason, 1)), remittances),
        "amount": values,
    }
    return schema.conform("provider_adjustments", columns)


def _claims_only(reference: pa.Array, remittances: pa.Table) -> pa.Array:
    """References that name a claim of the same files; others may be a member number and are left out."""
    numbers = pa.chunked_array(
        [*remittances["payer_claim_number"].chunks, *remittances["claim_number"].chunks], pa.string()
    )
    known = pc.is_in(reference, value_set=pc.unique(numbers))
    return pc.if_else(known, reference, pa.scalar(None, pa.string()))


def _with_totals(index: _Index, payments: pa.Table, tables: dict[str, pa.Table]) -> pa.Table:
    """Adds what the claims of each payment come to and what PLB takes or gives."""
    count = len(index.transactions)
    claims = index.tx[index.clp]
    ids = np.array(payments["payment_id"])
    order = np.argsort(ids)
    plb = order[np.searchsorted(ids[order], np.array(tables["provider_adjustments"]["payment_id"]))]
    first = np.array([t.first for t in index.transactions])
    paid, adjusted = cents(tables["remittances"]["paid"]), cents(tables["provider_adjustments"]["amount"])
    columns = {name: payments[name].combine_chunks() for name in payments.column_names}
    columns["claims"] = pa.array(np.bincount(claims, minlength=count).astype(np.int32))
    columns["claims_paid"] = _totals(index, first, claims, paid, "the payments of a transaction")
    columns["provider_adjusted"] = _totals(index, first, plb, adjusted, "the provider adjustments of a transaction")
    columns["claims_digest"] = _claims_digest(tables["remittances"], claims, count)
    return schema.conform("payments", columns)


def _claims_digest(remittances: pa.Table, payment: np.ndarray, count: int) -> pa.Array:
    """For each payment a digest of its claims, the same in whatever order, envelope or route they come; null without claims."""
    text = [
        pc.cast(remittances[name], pa.string())
        for name in ("claim_number", "payer_claim_number", "status_code", "charge", "paid")
    ]
    rows = pc.binary_join_element_wise(*text, "|", null_handling="replace", null_replacement="").to_pylist()
    edges = np.searchsorted(payment, np.arange(count + 1))
    return pa.array([
        hashlib.sha256("\n".join(sorted(rows[start:stop])).encode()).hexdigest()[:16] if stop > start else None
        for start, stop in pairwise(edges)
    ], pa.string())  # fmt: skip


def cents(column: pa.ChunkedArray) -> np.ndarray:
    """A money column as whole cents, null as 0."""
    filled = pc.fill_null(column.combine_chunks(), pa.scalar(Decimal(0), schema.MONEY))
    if not len(filled):
        return np.zeros(0, np.int64)
    words = np.frombuffer(filled.buffers()[1], np.int64)[2 * filled.offset : 2 * (filled.offset + len(filled))]
    return words[::2].copy()
