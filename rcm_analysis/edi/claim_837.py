"""837 claims: columns of a piece of text -> submissions and their service lines.

What stands above a claim (billing provider, subscriber, patient) is found as the last such segment before it in the
open hierarchical level; what stands in it is told by whether a line (LX) or another payer's loop (SBR) came first.

    HL*2*1*22*0~ SBR*P*18***...*CI~ NM1*IL*1*..~ NM1*PR*2*PAYER~    above
    CLM*A1*250***11:B:1*Y*A*Y*Y~ REF*G1*PA77~ HI*ABK:J450~          in the claim
    SBR*S..~ NM1*PR..~                                              another payer of it
    LX*1~ SV1*HC:99213:25*250*UN*1***1~ DTP*472*D8*20260105~        line 1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.edi import names, x12
from rcm_analysis.edi.envelopes import Piece, Transaction, group_day, labels
from rcm_analysis.edi.remittance_835 import beyond, joined, money_totals, procedures
from rcm_analysis.privacy.pseudonyms import ages, pseudonyms
from rcm_analysis.store import schema
from rcm_analysis.store.rows import Note

KINDS = ("837P", "837I", "837D")
TABLES = ("submissions", "submission_lines")
ADVICE = "export the claim file again"

# element of the procedure, the charge, the unit, the quantity, the place of service and the diagnosis pointers
_SERVICE = {b"SV1": (1, 2, 3, 4, 5, 7), b"SV2": (2, 3, 4, 5, 99, 99), b"SV3": (1, 2, 99, 6, 3, 11)}


@dataclass
class _Index:
    s: x12.Segments
    piece: Piece
    transactions: list[Transaction]
    tx: np.ndarray  # of every segment
    clm: np.ndarray
    claim: np.ndarray  # of every segment; -1 above the claims
    deep: np.ndarray  # of every segment: true after the claim's first SBR or LX
    line: np.ndarray  # of every segment; -1 outside a service line
    services: np.ndarray  # SV1, SV2 or SV3 segment of every line
    keys: np.ndarray
    bad: list
    beyond: list

    def in_claim(self, tag: bytes) -> np.ndarray:
        """For each claim its first such segment before other payers and lines."""
        found = self.s.where(tag)
        found = found[(self.claim[found] >= 0) & ~self.deep[found]]
        return x12.first_of(self.claim[found], found, len(self.clm))

    def anywhere(self, tag: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Such segments in claims before their lines, other payers' loops included, and the claims."""
        found = self.s.where(tag)
        found = found[(self.claim[found] >= 0) & (self.line[found] < 0)]
        return found, self.claim[found]

    def in_line(self, tag: bytes) -> np.ndarray:
        found = self.s.where(tag)
        found = found[self.line[found] >= 0]
        return x12.first_of(self.line[found], found, len(self.services))

    def above(self, tag: bytes, since: np.ndarray) -> np.ndarray:
        """For each claim the last such segment above it, not before the segment `since`; -1 where there is none."""
        found = self.s.where(tag)
        found = found[self.claim[found] < 0]
        last = self.s.last_before(found, self.clm)
        return np.where((last >= since) & (self.tx[np.maximum(last, 0)] == self.tx[self.clm]), last, -1)

    def text(self, segments: np.ndarray, element: int, component: int | None = None) -> pa.Array:
        span = self.s.span(segments, element)
        return self.s.text(span if component is None else self.s.component(span, component))

    def money(self, segments: np.ndarray, element: int, name: str) -> pa.Array:
        values, wrong = self.s.money(self.s.span(segments, element))
        if wrong.any():
            self.bad.append((segments[wrong], f"{name} is not an amount"))
        return values

    def range_days(self, segments: np.ndarray, element: int, name: str) -> tuple[np.ndarray, np.ndarray]:
        first, last, wrong = self.s.range_days(self.s.span(segments, element))
        if wrong.any():
            self.bad.append((segments[wrong], f"{name} is not a date, or ends before it begins"))
        return first, last


def read(piece: Piece, file_ids: list[str], keys: np.ndarray, key: bytes) -> tuple[dict[str, pa.Table], list[Note]]:
    """The fact tables of every 837 in the piece, and what was not taken over; parameters as in `remittances.read`."""
    transactions, tx = piece.of_kind(*KINDS)
    if not transactions:
        return {}, []
    index, notes = _index(piece, transactions, tx, keys)
    head, known = _headed(index)
    lines, line_days = _lines(index, file_ids, known)
    claims = _claims(index, file_ids, head, known, line_days, key)
    notes += _bad_values(index) + beyond(piece, index.beyond, ADVICE)
    return {"submissions": claims, "submission_lines": lines}, notes


def _index(
    piece: Piece, transactions: list[Transaction], tx: np.ndarray, keys: np.ndarray
) -> tuple[_Index, list[Note]]:
    s = piece.segments
    clm = s.where(b"CLM")
    clm = clm[tx[clm] >= 0]
    clm, notes, dropped = _whole_claims(piece, transactions, tx, clm)
    # a claim ends at the next claim, the next hierarchical level and the end of the transaction
    opens = _owner(len(s), clm)
    last_end = s.last_at(s.where(b"HL"), s.where(b"SE"), s.where(b"ST"))
    start = clm[np.maximum(opens, 0)] if len(clm) else np.zeros(len(s), np.int64)
    claim = np.where((opens >= 0) & (last_end < start) & (tx >= 0) & ~dropped, opens, -1)
    deep = s.last_at(s.where(b"SBR"), s.where(b"LX")) > start
    services = np.sort(np.concatenate([s.where(tag) for tag in _SERVICE]))
    services = services[claim[services] >= 0]
    return _Index(
        s, piece, transactions, tx, clm, claim, deep, _lines_of(s, services, claim), services, keys, [], []
    ), notes


def _lines_of(s: x12.Segments, services: np.ndarray, claim: np.ndarray) -> np.ndarray:
    """The line of every segment: from its SV on, up to the next LX or the end of the claim."""
    line = _owner(len(s), services)
    if not len(services):
        return line
    start = services[np.maximum(line, 0)]
    numbered = s.last_at(s.where(b"LX"))
    return np.where((line >= 0) & (claim >= 0) & (claim[start] == claim) & (numbered < start), line, -1)


def _owner(size: int, starts: np.ndarray) -> np.ndarray:
    marks = np.zeros(size, np.int32)
    marks[starts] = 1
    return np.cumsum(marks) - 1


def _whole_claims(
    piece: Piece, transactions: list[Transaction], tx: np.ndarray, clm: np.ndarray
) -> tuple[np.ndarray, list[Note], np.ndarray]:
    keep, dropped, notes = np.ones(len(clm), bool), np.zeros(len(piece.segments), bool), []
    for i, transaction in enumerate(transactions):
        mine = np.flatnonzero(tx[clm] == i) if piece.cut_off(transaction) else np.zeros(0, int)
        if len(mine):
            last = clm[mine[-1]]
            keep[mine[-1]] = False
            dropped[last : transaction.last + 1] = True
            reason = "the file ends inside this claim, the last one in it; it was left out"
            notes.append(Note(transaction.source, "claim", f"segment {piece.number[last]} (CLM)", reason, ADVICE))
    return clm[keep], notes, dropped


def _headed(index: _Index) -> tuple[np.ndarray, np.ndarray]:
    """BHT of every transaction, and its date: of the transaction set (BHT04), else of the functional group."""
    s = index.s
    bht = s.where(b"BHT")
    bht = bht[index.tx[bht] >= 0]
    first = x12.first_of(index.tx[bht], bht, len(index.transactions))
    created, _ = s.days(s.span(first, 4))
    return first, np.where(created != x12.NO_DAY, created, [group_day(t.group_date) for t in index.transactions])


def _common(index: _Index, segments: np.ndarray, file_ids: list[str], known: np.ndarray) -> dict[str, pa.Array]:
    source, number = index.piece.source, index.piece.number
    claims = index.clm[index.claim[segments]]
    return {
        "file_id": labels(file_ids, source[segments]),
        "known_on": x12.dates(known[index.tx[segments]]),
        "submission_id": pa.array(index.keys[source[claims]] + number[claims]),
        "segment": pa.array(number[segments].astype(np.int32)),
    }


def _claims(
    index: _Index,
    file_ids: list[str],
    head: np.ndarray,
    known: np.ndarray,
    line_days: tuple[np.ndarray, np.ndarray],
    key: bytes,
) -> pa.Table:
    clm = index.clm
    subscriber = index.above(b"SBR", np.zeros(len(clm), np.int64))
    payer = index.above(b"NM1*PR", subscriber)
    first_day, last_day = _claim_days(index, *line_days)
    kinds = np.array([t.kind for t in index.transactions], object)[index.tx[clm]]
    diagnoses = _diagnoses(index)
    columns = {
        **_common(index, clm, file_ids, known),
        "batch_number": index.text(head, 3).take(pa.array(index.tx[clm])),
        **_controls(index),
        "kind": pa.array(kinds, pa.string()),
        "claim_number": index.text(clm, 1),
        "charge": index.money(clm, 2, "CLM02"),
        "place_of_service": index.text(clm, 5, 0),
        "frequency": index.text(clm, 5, 2),
        "original_reference": index.text(index.in_claim(b"REF*F8"), 2),
        "prior_authorization": index.text(index.in_claim(b"REF*G1"), 2),
        "referral": index.text(index.in_claim(b"REF*9F"), 2),
        "payer_order": index.text(subscriber, 1),
        "filing_code": index.text(subscriber, 9),
        "payer_name": names.of_organizations(index.s, payer, 3),
        "payer_id": index.text(payer, 9),
        **_providers(index),
        **_patient(index, subscriber, first_day, key),
        "diagnoses": diagnoses,
        "service_date": x12.dates(first_day),
        "service_date_last": x12.dates(last_day),
        "prior_paid": _prior_paid(index),
        "lines": pa.array(np.bincount(index.claim[index.services], minlength=len(clm)).astype(np.int32)),
    }
    return schema.conform("submissions", columns)


def _controls(index: _Index) -> dict[str, pa.Array]:
    """Numbers of the envelopes around each claim, by which a 999 or TA1 names what it refuses."""
    of_claim = pa.array(index.tx[index.clm])
    numbers = {
        "transaction_control": "control",
        "group_control": "group_control",
        "interchange_control": "interchange_control",
    }
    return {name: pa.array([getattr(t, ours) or None for t in index.transactions], pa.string()).take(of_claim)
            for name, ours in numbers.items()}  # fmt: skip


def _providers(index: _Index) -> dict[str, pa.Array]:
    """NPIs, and the location: the service facility, else the billing provider where it is no person."""
    s = index.s
    billing = index.above(b"NM1*85", np.zeros(len(index.clm), np.int64))
    facility = index.in_claim(b"NM1*77")
    facility = np.where(facility >= 0, facility, index.in_claim(b"NM1*FA"))
    place = np.where(facility >= 0, facility, billing)
    organization = np.asarray(pc.fill_null(pc.equal(index.text(place, 2), "2"), False))
    billing_npi = index.text(billing, 9)
    return {
        "billing_npi": billing_npi,
        "rendering_npi": pc.coalesce(s.text(s.span(index.in_claim(b"NM1*82"), 9)), billing_npi),
        "facility_npi": index.text(facility, 9),
        "location": pc.utf8_upper(index.text(np.where(organization, place, -1), 3)),
        "referring_npi": _npi(index, index.in_claim(b"NM1*DN")),
        "supervising_npi": _npi(index, index.in_claim(b"NM1*DQ")),
        "attending_npi": _npi(index, index.in_claim(b"NM1*71")),
        **_taxonomies(index, billing),
    }


def _npi(index: _Index, persons: np.ndarray) -> pa.Array:
    """NM109 where it is an NPI: other qualifiers number a person in other ways."""
    is_npi = np.asarray(pc.fill_null(pc.equal(index.text(persons, 8), "XX"), False))
    return _shaped(index.text(np.where(is_npi, persons, -1), 9), NPI)


def _shaped(codes: pa.Array, shape: str) -> pa.Array:
    """Codes of the shape that their list has; anything else in their place may be a name."""
    return pc.if_else(pc.fill_null(pc.match_substring_regex(codes, shape), False), codes, None)


def _taxonomies(index: _Index, billing: np.ndarray) -> dict[str, pa.Array]:
    """What the billing provider says of itself (PRV before its name, in the same level), and who served or attended."""
    level = index.s.last_at(index.s.where(b"HL"))
    since = np.where(billing >= 0, level[np.maximum(billing, 0)], len(index.s))
    serving = index.in_claim(b"PRV*PE")
    return {
        "billing_taxonomy": _shaped(index.text(index.above(b"PRV*BI", since), 3), TAXONOMY),
        "rendering_taxonomy": _shaped(
            index.text(np.where(serving >= 0, serving, index.in_claim(b"PRV*AT")), 3), TAXONOMY
        ),
    }


def _patient(index: _Index, subscriber: np.ndarray, service: np.ndarray, key: bytes) -> dict[str, pa.Array]:
    """Pseudonym of the member number; age and sex of the patient, who may be a dependent of the subscriber."""
    member = index.above(b"NM1*IL", subscriber)
    person = index.above(b"NM1*QC", np.maximum(subscriber, 0))
    born = index.above(b"DMG", np.where(person >= 0, person, np.maximum(member, 0)))
    birth, _ = index.s.days(index.s.span(born, 2))
    number = pc.coalesce(index.text(person, 9), index.text(member, 9))
    return {
        "patient_key": pseudonyms(number, key),
        "age": ages(birth, service, no_day=x12.NO_DAY),
        "sex": index.text(born, 3),
    }


def _diagnoses(index: _Index) -> pa.Array:
    """Codes of HI in order, principal first; admitting, external cause, procedure and other HI codes are left out."""
    s = index.s
    hi, claims = index.anywhere(b"HI")
    row = np.repeat(np.arange(len(hi)), s.count[hi])
    position = np.arange(len(row)) - np.repeat(np.cumsum(s.count[hi]) - s.count[hi], s.count[hi])
    qualifier, code = s.components(s.each(hi[row], position + 1), 0, 2)
    diagnosis = pc.is_in(s.text(qualifier), value_set=pa.array(["ABK", "ABF", "BK", "BF"]))
    chosen = np.asarray(diagnosis) & (code.start >= 0)
    codes = s.text(x12.Span(code.start[chosen], code.stop[chosen]))
    ends = np.searchsorted(claims[row][chosen], np.arange(len(index.clm) + 1))
    listed = pc.binary_join(pa.ListArray.from_arrays(pa.array(ends.astype(np.int32)), codes), " ")
    return pc.if_else(pc.equal(listed, ""), pa.scalar(None, pa.string()), listed)


def _prior_paid(index: _Index) -> pa.Array:
    amounts, claims = index.anywhere(b"AMT*D")
    cents, there, _ = index.s.cents(index.s.span(amounts, 2))
    total, over = money_totals(claims, cents, len(index.clm))
    if over.any():
        index.beyond.append((index.clm[over], "what other payers paid on a claim"))
    given = np.bincount(claims, weights=there, minlength=len(index.clm)) > 0
    return pc.if_else(pa.array(given), total, pa.scalar(None, total.type))


def _claim_days(index: _Index, line_first: np.ndarray, line_last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last day of service: of the lines, else of the statement (DTP 434)."""
    claims, dated = index.claim[index.services], line_first != x12.NO_DAY
    first, last = np.full(len(index.clm), np.iinfo(np.int64).max), np.full(len(index.clm), x12.NO_DAY)
    np.minimum.at(first, claims[dated], line_first[dated])
    np.maximum.at(last, claims[dated], line_last[dated])
    begun, ended = index.range_days(index.in_claim(b"DTP*434"), 3, "DTP03")
    missing = last == x12.NO_DAY
    return np.where(missing, begun, first), np.where(missing, ended, last)


def _line_days(index: _Index) -> tuple[np.ndarray, np.ndarray]:
    """First and last day of each line; the claim's own (DTP 472 above its lines, as dental claims have it) where it has none."""
    first, last = index.range_days(index.in_line(b"DTP*472"), 3, "DTP03")
    begun, ended = index.range_days(index.in_claim(b"DTP*472"), 3, "DTP03")
    claims, missing = index.claim[index.services], first == x12.NO_DAY
    return np.where(missing, begun[claims], first), np.where(missing, ended[claims], last)


def _lines(index: _Index, file_ids: list[str], known: np.ndarray) -> tuple[pa.Table, tuple[np.ndarray, np.ndarray]]:
    s, services = index.s, index.services
    element = np.zeros((len(services), 6), np.int64)
    for tag, elements in _SERVICE.items():
        element[np.isin(services, s.where(tag))] = elements
    code, charge, unit, units, place, pointers = (s.each(services, element[:, k]) for k in range(6))
    institutional = np.where(element[:, 0] == 2, services, -1)
    first, last = _line_days(index)
    before = np.searchsorted(services, index.clm[index.claim[services]])
    values, wrong = s.money(charge)
    if wrong.any():
        index.bad.append((services[wrong], "the line charge is not an amount"))
    columns = {
        **_common(index, services, file_ids, known),
        "line_number": pa.array((np.arange(len(services)) - before + 1).astype(np.int32)),
        **procedures(s, code, s.span(institutional, 1)),
        "charge": values,
        "unit": s.text(unit),
        "units": s.quantity(units),
        "place_of_service": s.text(s.component(place, 0)),
        "diagnosis_pointers": joined(s, s.components(pointers, 0, 4)),
        "service_date": x12.dates(first),
        "service_date_last": x12.dates(last),
        "line_control": index.text(index.in_line(b"REF*6R"), 2),
        **{name: _npi(index, index.in_line(tag)) for name, tag in _OF_A_LINE.items()},
        "drug_code": _drug_codes(index),
    }
    return schema.conform("submission_lines", columns), (first, last)


NPI, TAXONOMY, DRUG = (
    "^[0-9]{10}$",
    "^[0-9]{3}[0-9A-Z]{6}X$",
    "^[0-9-]{8,14}$",
)  # shapes of codes that number no patient
# providers who stand at a line where they are others than the claim's
_OF_A_LINE = {"rendering_npi": b"NM1*82", "ordering_npi": b"NM1*DK", "referring_npi": b"NM1*DN", "supervising_npi": b"NM1*DQ"}  # fmt: skip


def _drug_codes(index: _Index) -> pa.Array:
    """National drug codes (LIN03 after the qualifier N4)."""
    drug = index.in_line(b"LIN")
    is_ndc = np.asarray(pc.fill_null(pc.equal(index.text(drug, 2), "N4"), False))
    return _shaped(index.text(np.where(is_ndc, drug, -1), 3), DRUG)


def _bad_values(index: _Index) -> list[Note]:
    piece = index.piece
    return [
        Note(int(piece.source[i]), "value", f"segment {piece.number[i]} ({piece.segments.tag(i)})", reason,
             "the value was left empty; correct the claim in the billing system")
        for segments, reason in index.bad for i in segments
    ]  # fmt: skip
