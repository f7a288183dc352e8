"""Two other readers on the public files: oxedi (835) and the segments of pyx12 (835, 837, 277CA), every cell compared.

Where they differ, the table says who is right and why; a difference that it doesn't explain fails, and so does an
explanation that is no longer needed. Both are development dependencies, and the tests are skipped without them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pyarrow as pa
import pytest

from rcm_analysis.edi import envelopes, x12
from rcm_analysis.intake import ingest, sources

# our table and columns -> oxedi's
OXEDI = {
    "payments": ("payments", {"check_number": "trace_number", "paid": "total_payment_amount"}),
    "remittances": ("claims", {
        "claim_number": "claim_id", "status_code": "claim_status", "charge": "charge_amount", "paid": "payment_amount",
        "patient_share": "patient_responsibility", "filing_code": "filing_indicator", "payer_claim_number": "payer_control_number",
        "place_of_service": "facility_type", "frequency": "frequency_code", "drg": "drg_code", "covered": "coverage_amount"}),
    "remittance_lines": ("services", {
        "procedure": "procedure_code", "charge": "charge_amount", "paid": "payment_amount", "units": "units_paid",
        "service_date": "service_date", "line_control": "line_item_control_number", "allowed": "allowed_amount"}),
    "adjustments": ("adjustments", {"group_code": "group_code", "carc": "reason_code", "amount": "amount", "quantity": "quantity"}),
    "provider_adjustments": ("provider_adjustments", {
        "npi": "provider_id", "fiscal_date": "fiscal_period_date", "reason_code": "reason_code", "amount": "amount"}),
}  # fmt: skip
_START = "the line's day is given as the start of its service (DTM 150), which oxedi does not look at"
_MARK = "ISA16 names `:`, the procedures use `>`; ours are taken apart, theirs are not"
_REVENUE = "the code is a revenue code (NU), which has a column of its own here"
_WORDS = "words stand where EDI has a code or an NPI; they could name a person, so that ours keeps none of them"
OXEDI_DIFFERS = {
    ("jdavisp3-TigerShark__sample_835.txt", "remittances.status_code"): _WORDS,
    ("jdavisp3-TigerShark__sample_835.txt", "remittances.filing_code"): _WORDS,
    ("jdavisp3-TigerShark__sample_835.txt", "remittances.place_of_service"): _WORDS,
    ("jdavisp3-TigerShark__sample_835.txt", "adjustments.group_code"): _WORDS,
    ("jdavisp3-TigerShark__sample_835.txt", "adjustments.carc"): _WORDS,
    ("jdavisp3-TigerShark__sample_835.txt", "provider_adjustments.npi"): _WORDS,
    ("jdavisp3-TigerShark__sample_835.txt", "provider_adjustments.reason_code"): _WORDS,
    ("moov-io-x12__sample1.txt", "provider_adjustments.npi"): _WORDS,
    ("Inteligenz-X12Parser__Example1.txt", "remittance_lines.service_date"): _START,
    ("LinuxForHealth-x12__managed-care.835", "remittance_lines.service_date"): _START,
    ("azoner-pyx12__835_mult_loops.txt", "remittance_lines.service_date"): _START,
    ("azoner-pyx12__835id.source.txt", "remittance_lines.service_date"): _START,
    ("LinuxForHealth-x12__cob-contractural-adjustment.835", "remittance_lines.procedure"): _MARK,
    ("LinuxForHealth-x12__secondary-payment.835", "remittance_lines.procedure"): _MARK,
    ("jdavisp3-TigerShark__5010-835-example-2.txt", "remittance_lines.procedure"): _REVENUE,
}
_UNREAD = "pyx12 reads nothing: it takes the release from a fixed place in the ISA, and knows few releases"
PYX12_DIFFERS = {
    "nullbucket-edi-debatcher__Demo_837P_Batch_1_compress2_multipleISA.edi": _WORDS,  # the procedure BDLAB
    "jdavisp3-TigerShark__sample_835.txt": _WORDS,
    "LinuxForHealth-x12__cob-contractural-adjustment.835": _MARK,
    "LinuxForHealth-x12__secondary-payment.835": _MARK,
    "Inteligenz-X12Parser__Spec_3.1.1.txt": "ISA16 names `^`, the claims use `:`; ours are taken apart, theirs are not",
    "Inteligenz-X12Parser__Spec_3.1.3_PPORepricedClaim.txt": _MARK,
    "Inteligenz-X12Parser__Spec_3.1.4_OutOfNetworkRepricedClaim.txt": _MARK,
    "LinuxForHealth-x12__demo.cob.2ndary.example4.837": _MARK,
    "jdavisp3-TigerShark__837-example.txt": _UNREAD,
    "jdavisp3-TigerShark__837I-Patient-NotSubscriber2.txt": _UNREAD,
    "xlate-staedi__sample837-original.edi": _UNREAD,
    "xlate-staedi__sample837-small.edi": _UNREAD,
    "Inteligenz-X12Parser__FromLatitude81uk.txt": _UNREAD,
}


def ours(path: Path) -> dict[str, list[dict]]:
    data = sources.plain(path.read_bytes(), path.parent)
    found: dict[str, list[dict]] = {}
    for held in envelopes.gather(envelopes.parts(0, data, x12.interchanges(data))):
        for name, table in ingest.read_piece(held, ["0" * 64], b"key").tables.items():
            found.setdefault(name, []).extend(table.sort_by("segment").to_pylist())
    return found


def plain(value):
    """A cell without what only the form differs in: bytes, blanks, missing units, timestamps."""
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        value = value.strip() or None
    return value.date() if isinstance(value, datetime) else value


def files(shared: Path, *folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((shared / "corpus" / folder).iterdir())]


def test_every_cell_of_835_agrees_with_oxedi(shared):
    oxedi = pytest.importorskip("oxedi", reason="needs oxedi, a development dependency")
    differs, cells = set(), 0
    for path in files(shared, "835"):
        mine, theirs = ours(path), oxedi.parse_file(path).tables
        for table, (other, columns) in OXEDI.items():
            left, right = mine.get(table, []), pa.table(theirs[other]).to_pylist()
            if len(left) != len(right):
                differs.add((path.name, table))
                continue
            for column, name in columns.items():
                cells += len(left)
                if [plain(row[column]) for row in left] != [plain(row[name]) for row in right]:
                    differs.add((path.name, f"{table}.{column}"))
    assert differs == set(OXEDI_DIFFERS)
    assert cells > 10_000


def pyx12_segments(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """Tag and elements of every segment, each element as its components; pyx12 itself takes ASCII without a mark."""
    reader = pytest.importorskip("pyx12.x12file", reason="needs pyx12, a development dependency")
    text = sources.plain(path.read_bytes(), path.parent).decode().encode("ascii", "replace").decode()
    for segment in reader.X12Reader(io.StringIO(text)):
        yield segment.get_seg_id(), [[part.get_value() for part in element.elements] for element in segment.elements]


def value(elements: list[list[str]], number: int, component: int | None = None) -> str | None:
    """An element, or one component of it, as text; None where it is missing or blank."""
    parts = elements[number - 1] if number <= len(elements) else []
    if component is None:
        return ":".join(parts).strip() or None
    return (parts[component].strip() or None) if component < len(parts) else None


def amount(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None


def slow_835(segments: list[tuple[str, list]]) -> list[tuple]:
    """Claims, lines and adjustments in the order of the file, one segment at a time."""
    rows, kind, place = [], None, None
    for tag, e in segments:
        if tag == "ST":
            kind, place = value(e, 1), None
        elif kind != "835":
            continue
        elif tag in ("SE", "PLB", "LX", "TS2", "TS3"):
            place = None
        elif tag == "CLP":
            place = 0
            rows.append(("claim", value(e, 1), value(e, 2), amount(value(e, 3)), amount(value(e, 4))))
        elif tag == "SVC" and place is not None:
            place += 1
            code = value(e, 1, 1)
            rows.append(("line", place, code, amount(value(e, 2)), amount(value(e, 3))))
        elif tag == "CAS" and place is not None:
            for k in range(2, 20, 3):
                if value(e, k) or value(e, k + 1):
                    rows.append(("adjustment", place, value(e, 1), value(e, k), amount(value(e, k + 1))))
    return rows


def fast_835(tables: dict[str, list[dict]]) -> list[tuple]:
    rows = [
        (r["segment"], 0, "claim", r["claim_number"], r["status_code"], r["charge"], r["paid"])
        for r in tables.get("remittances", [])
    ]
    rows += [(r["segment"], 0, "line", r["line_number"], r["procedure"] or r["revenue_code"], r["charge"], r["paid"])
             for r in tables.get("remittance_lines", [])]  # fmt: skip
    rows += [(r["segment"], r["position"], "adjustment", r["line_number"], r["group_code"], r["carc"], r["amount"])
             for r in tables.get("adjustments", [])]  # fmt: skip
    return [row[2:] for row in sorted(rows, key=lambda row: row[:2])]


def slow_837(segments: list[tuple[str, list]]) -> list[tuple]:
    """Claims and service lines in the order of the file."""
    rows, kind, inside, line = [], None, False, 0
    charge_of = {"SV1": 2, "SV2": 3, "SV3": 2}
    for tag, e in segments:
        if tag == "ST":
            kind, inside = value(e, 1), False
        elif kind == "837" and tag == "CLM":
            inside, line = True, 0
            rows.append(("claim", value(e, 1), amount(value(e, 2)), value(e, 5, 0), value(e, 5, 2)))
        elif tag in ("HL", "SE"):
            inside = False
        elif inside and tag in charge_of:
            line += 1
            rows.append(("line", line, value(e, 2 if tag == "SV2" else 1, 1), amount(value(e, charge_of[tag])), None))
    return rows


def fast_837(tables: dict[str, list[dict]]) -> list[tuple]:
    rows = [
        (r["segment"], "claim", r["claim_number"], r["charge"], r["place_of_service"], r["frequency"])
        for r in tables.get("submissions", [])
    ]
    rows += [
        (r["segment"], "line", r["line_number"], r["procedure"], r["charge"], None)
        for r in tables.get("submission_lines", [])
    ]
    return [row[1:] for row in sorted(rows, key=lambda row: row[0])]


def slow_277(segments: list[tuple[str, list]]) -> list[tuple]:
    """Statuses with what they are about: the claim's number, or the level above claims."""
    rows, kind, level, claim, line = [], None, None, None, False
    for tag, e in segments:
        if tag == "ST":
            kind, level, claim = value(e, 1), None, None
        elif tag == "HL":
            level, claim, line = value(e, 3), None, False
        elif tag == "TRN" and value(e, 1) == "2":
            claim, line = value(e, 2), False
        elif tag == "SVC":
            line = True
        elif kind == "277" and tag == "STC" and not line:
            of_claim = level in ("PT", "22", "23")
            about = claim if of_claim else {"19": "provider"}.get(level, "file")
            rows.append((about, value(e, 1, 0), value(e, 1, 1), value(e, 1, 2), amount(value(e, 4))))
    return rows


def fast_277(tables: dict[str, list[dict]]) -> list[tuple]:
    rows = [
        (r["segment"], r["claim_number"], r["category"], r["status_code"], r["entity"], r["charge"])
        for r in tables.get("acknowledgments", [])
    ]
    rows += [
        (r["segment"], r["level"], r["category"], r["status_code"], r["entity"], r["charge"])
        for r in tables.get("batch_acknowledgments", [])
    ]
    return [row[1:] for row in sorted(rows, key=lambda row: row[0])]


@pytest.mark.parametrize(
    ("folder", "slow", "fast", "at_least"),
    [("835", slow_835, fast_835, 1000), ("837", slow_837, fast_837, 500), ("277ca", slow_277, fast_277, 8)],
)
def test_every_claim_and_line_agrees_with_the_segments_of_pyx12(shared, folder, slow, fast, at_least):
    differs, rows = set(), 0
    for path in files(shared, folder):
        try:
            want = slow(list(pyx12_segments(path)))
        except pytest.importorskip("pyx12.errors").X12Error:
            want = None
        got = fast(ours(path))
        rows += len(got)
        if got != want:
            differs.add(path.name)
    assert differs == {name for name in PYX12_DIFFERS if (shared / "corpus" / folder / name).exists()}
    assert rows > at_least
