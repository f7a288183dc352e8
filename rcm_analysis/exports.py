"""Exports of a practice's billing system (CSV, Excel) -> the ledger.

Columns are told from their headers, or from a mapping file that the user keeps beside the export:

    [columns]                    # ours = theirs
    claim_number = "Claim ID"
    posted_on = "Txn Date"
    [kinds]                      # their posting types = ours
    "Write-Off" = "write_off"

    Claim ID,Txn Date,Txn Type,Adj Reason,Amount
    A1,01/05/2026,Write-Off,past timely filing,-80.00
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rcm_analysis import codes, schema, x12
from rcm_analysis.envelopes import Note
from rcm_analysis.errors import RcmError
from rcm_analysis.privacy import without_names

KINDS = ("ledger",)
REQUIRED = ("claim_number", "posted_on")
AMOUNTS = {"charge": "charge_amount", "payment": "payment_amount", "adjustment": "adjustment_amount",
           "write_off": "write_off_amount", "refund": "refund_amount", "transfer": "transfer_amount"}  # fmt: skip

# ours -> how billing systems call it, letters and digits only, most telling first
HEADERS: dict[str, tuple[str, ...]] = {
    "claim_number": ("claimnumber", "claimid", "claimno", "claim", "claimnum", "patientcontrolnumber", "pcn",
                     "accountnumber", "accountno", "acctno", "acct", "account", "visitid", "visitnumber", "visitno", "visit", "encounter",
                     "encounterid", "encounternumber", "invoice", "invoicenumber", "invoiceno", "ticket",
                     "ticketnumber", "tripnumber", "runnumber", "voucher", "superbill"),
    "patient_name": ("patientname", "patient", "ptname", "guarantor", "guarantorname", "membername", "name",
                     "patientfirstname", "patientlastname", "lastname", "firstname"),
    "service_date": ("servicedate", "dos", "dateofservice", "visitdate", "fromdate", "dosfrom", "encounterdate",
                     "servicefrom", "tripdate", "chargedate"),
    "posted_on": ("postingdate", "posteddate", "postdate", "txndate", "transactiondate", "transdate", "dateposted",
                  "entrydate", "postedon", "trandate", "date", "depositdate", "activitydate"),
    "kind": ("transactiontype", "txntype", "transtype", "trantype", "type", "postingtype", "activitytype", "entrytype",
             "linetype", "activity", "transaction"),
    "code": ("adjustmentcode", "adjcode", "transactioncode", "transcode", "trancode", "writeoffcode", "code", "txncode",
             "paymentcode", "reasoncode", "adjustmentreasoncode", "adjreasoncode"),
    "reason": ("adjustmentreason", "adjreason", "reason", "description", "transactiondescription", "transdescription",
               "adjustmentdescription", "writeoffreason", "comment", "note", "notes", "memo", "remarks", "txndescription"),
    "payer_name": ("payer", "payername", "insurance", "insurancename", "carrier", "carriername", "plan", "planname",
                   "payor", "payorname", "financialclass", "insurer"),
    "procedure": ("procedurecode", "proccode", "procedure", "cpt", "cptcode", "hcpcs", "cpthcpcs", "hcpcscode",
                  "servicecode", "chargecode", "cdt"),
    "location": ("location", "facility", "servicelocation", "clinic", "site", "office", "department", "station", "base"),
    "amount": ("amount", "transactionamount", "txnamount", "transamount", "tranamount", "amt", "value", "total"),
    "charge_amount": ("charges", "charge", "chargeamount", "billed", "billedamount", "chargeamt", "debit", "debits"),
    "payment_amount": ("payments", "payment", "paymentamount", "paid", "paidamount", "pmt", "pmtamount", "receipts"),
    "adjustment_amount": ("adjustments", "adjustment", "adjustmentamount", "adj", "adjamount", "adjustmentamt"),
    "write_off_amount": ("writeoffs", "writeoff", "writeoffamount", "woamount"),
    "refund_amount": ("refunds", "refund", "refundamount"),
    "transfer_amount": ("transfers", "transfer", "transferamount"),
}  # fmt: skip

# a posting type or code as the practice words it -> our kind; the first that fits
_KIND_WORDS = (
    ("write_off", r"write.?off|w/?o\b|bad.?debt|charge.?off"),
    ("refund", r"refund|rfnd"),
    ("transfer", r"transfer|xfer|trnsf|responsib|balance.?move"),
    ("adjustment", r"adj|contractual|allowance|discount|sequest|courtesy"),
    ("payment", r"pay|pmt|pymt|receipt|co-?pay|deposit|remit|eft|check|cash|credit.?card"),
    ("charge", r"charge|chg|billed|service|debit|procedure|invoice"),
)

_DATE_FORMATS = ("%m/%d/%Y", "%Y-%m-%d", "%m/%d/%y", "%m-%d-%Y", "%Y%m%d", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y",
                 "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m-%d-%y", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M",
                 "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%Y-%m-%dT%H:%M:%S")  # fmt: skip


class MappingError(RcmError):
    """A mapping file that can't be used; the message says which entry and why."""


@dataclass(frozen=True)
class Mapping:
    """Which of their columns and posting types are which of ours; see the example at the top of the module."""

    columns: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)


@dataclass
class Read:
    """A file read: its table (None if it was not understood), its kind, remarks, counts and totals in cents."""

    table: pa.Table | None
    kind: str = "ledger"
    notes: list[Note] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    cents: Counter = field(default_factory=Counter)


def read_mapping(path: Path) -> Mapping:
    """A mapping from a TOML file. Raises MappingError naming unknown entries."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingError(f"{path.name} can't be read as a mapping: {error}") from None
    unknown = set(content) - {"columns", "kinds"} | set(content.get("columns", {})) - set(HEADERS)
    if unknown:
        raise MappingError(f"{path.name} has unknown entries: {', '.join(sorted(unknown))}; "
                           f"known columns are {', '.join(HEADERS)}")  # fmt: skip
    wrong = set(content.get("kinds", {}).values()) - {*AMOUNTS, "other"}
    if wrong:
        raise MappingError(f"{path.name} names unknown kinds: {', '.join(sorted(wrong))}")
    return Mapping(content.get("columns", {}), content.get("kinds", {}))


def is_workbook(data: bytes) -> bool:
    """Whether the bytes are an Excel workbook (.xlsx) and not another archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def read(name: str, data: bytes, *, raw: bytes, mapping: Mapping | None = None) -> Read:
    """The ledger in a file that holds no X12; `data` is the text as UTF-8, `raw` the file's own bytes.

    Raises nothing for bad content: what can't be used becomes a `Note` with its row.
    """
    rows = _sheet_rows(raw) if is_workbook(raw) else _text_rows(data)
    if rows is None:
        return _refused("neither X12 nor a table: no ISA header, and no rows of separated columns",
                        "check that this is the right file; PDF and picture files must be exported as CSV")  # fmt: skip
    top, columns = _find_header(rows, mapping or Mapping())
    if columns is None:
        found = ", ".join(_header_names(rows[:1])[:12])
        return _refused(f"no header row was understood (first row: {found})" if found else "no header row was found",
                        "name its columns in a mapping file: rcm ingest FILE --practice P --mapping new.toml")  # fmt: skip
    missing = [c for c in REQUIRED if c not in columns]
    if missing or not ({"amount"} | set(AMOUNTS.values())) & set(columns):
        need = ", ".join(missing or ["amount"])
        return _refused(f"no column for {need} among: {', '.join(_header_names(rows[top : top + 1])[:20])}",
                        "name it in a mapping file: rcm ingest FILE --practice P --mapping new.toml")  # fmt: skip
    return _ledger(rows, top, columns, mapping or Mapping())


def _refused(reason: str, advice: str) -> Read:
    return Read(None, notes=[Note(0, "file", "file", reason, advice)])


def _header_names(rows: list[list[str]]) -> list[str]:
    """Header cells that are safe to print: a data row taken for a header must not leak a name."""
    known = {alias for aliases in HEADERS.values() for alias in aliases}
    return [cell for row in rows for cell in row if _bare(cell) in known or re.fullmatch(r"[A-Za-z _/#.-]{2,24}", cell)]


# --- rows ----------------------------------------------------------------------------------------------------------


def _text_rows(data: bytes) -> list[list[str]] | None:
    sample = data[:20_000]
    if b"\x00" in sample or sample[:5] == b"%PDF-" or sample[:1] == b"<":
        return None
    text = data.decode("utf-8", "replace")
    lines = [line for line in text[:20_000].splitlines() if line.strip()][:30]
    delimiter = max(",\t;|", key=lambda mark: _evenness(lines, mark))
    if not lines or _evenness(lines, delimiter) == 0:
        return None
    csv.field_size_limit(1_000_000)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def _evenness(lines: list[str], mark: str) -> float:
    counts = Counter(line.count(mark) for line in lines)
    counts.pop(0, None)
    if not counts:
        return 0.0
    width, times = counts.most_common(1)[0]
    return times * min(width, 20)


def _sheet_rows(raw: bytes) -> list[list[str]]:
    from openpyxl import load_workbook

    sheet = load_workbook(io.BytesIO(raw), read_only=True, data_only=True).active
    return [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _find_header(rows: list[list[str]], mapping: Mapping) -> tuple[int, dict[str, list[int]] | None]:
    """The header's row and our columns with the places they stand in, from the first rows; titles above are passed."""
    best: tuple[int, dict[str, list[int]] | None] = (0, None)
    for top, row in enumerate(rows[:15]):
        columns = match_columns(row, mapping)
        if len(columns) >= 3 and (best[1] is None or len(columns) > len(best[1])):
            best = (top, columns)
    return best


def match_columns(header: list[str], mapping: Mapping) -> dict[str, list[int]]:
    """Our column -> places in the header: from the mapping, else the alias that comes first in our list.

    >>> match_columns(["Claim ID", "Txn Date", "Amount"], Mapping())
    {'claim_number': [0], 'posted_on': [1], 'amount': [2]}
    """
    bare = [_bare(cell) for cell in header]
    columns = {ours: [header.index(theirs)] for ours, theirs in mapping.columns.items() if theirs in header}
    taken = {place for places in columns.values() for place in places}
    for ours, aliases in HEADERS.items():
        if ours in columns:
            continue
        places = [bare.index(alias) for alias in aliases if alias in bare and bare.index(alias) not in taken]
        if places:
            columns[ours] = places if ours == "patient_name" else places[:1]
            taken.update(columns[ours])
    return columns


# --- the ledger ----------------------------------------------------------------------------------------------------


def _ledger(rows: list[list[str]], top: int, columns: dict[str, list[int]], mapping: Mapping) -> Read:
    result = Read(None)
    width = len(rows[top])
    numbered = [(i + 1, row) for i, row in enumerate(rows) if i > top and any(cell.strip() for cell in row)]
    whole = []
    for number, row in numbered:
        if len(row) < width - 3 or len(row) > width + 3:
            result.notes.append(_row_note(number, f"has {len(row)} columns where the header has {width}"))
        else:
            whole.append((number, row + [""] * (width - len(row))))
    get = _getter(whole, columns)
    postings = _postings(whole, columns, get, mapping, result)
    if not postings["row"]:
        return _refused("no row could be read as a posting", "compare the columns with the mapping")
    result.table = _table(postings, get("patient_name"))
    result.counts.update(claims=len(set(postings["claim_number"])), lines=len(postings["row"]))
    _total(result, postings)
    return result


def _getter(rows: list[tuple[int, list[str]]], columns: dict[str, list[int]]) -> Callable[[str], list[str]]:
    def get(ours: str) -> list[str]:
        places = columns.get(ours, [])
        return [" ".join(row[place].strip() for place in places) for _, row in rows] if places else [""] * len(rows)

    return get


def _row_note(number: int, reason: str) -> Note:
    return Note(0, "row", f"row {number}", reason, "correct the row in the export and ingest it again")


def _postings(rows: list, columns: dict, get: Callable, mapping: Mapping, result: Read) -> dict[str, list]:
    """Rows as postings: one per row with a single amount column, one per filled amount where there are several."""
    claims, codes_, reasons = get("claim_number"), get("code"), get("reason")
    posted, served = _dates(get("posted_on")), _dates(get("service_date"))
    kinds = _kinds(get("kind"), codes_, reasons, mapping)
    wide = [(kind, get(column)) for kind, column in AMOUNTS.items() if column in columns]
    amounts = [(None, get("amount"))] if "amount" in columns else wide
    parsed = [(kind, values, _amounts(values)) for kind, values in amounts]
    out: dict[str, list] = {name: [] for name in ("index", "row", "claim_number", "known_on", "service_date", "kind",
                                                  "cents", "code", "reason", "payer_name", "procedure", "location")}  # fmt: skip
    texts = {name: get(name) for name in ("payer_name", "procedure", "location")}
    for i, (number, _) in enumerate(rows):
        problem = None if claims[i] else "has no claim number"
        problem = problem or (None if posted[i] else "has no posting date that can be read")
        if problem:
            result.notes.append(_row_note(number, problem))
            continue
        for kind, values, cents in parsed:
            if kind and not values[i]:
                continue
            if cents[i] is None:
                result.notes.append(_row_note(number, "has an amount that can't be read"))
                continue
            if kind and cents[i] == 0:
                continue
            line = (i, number, claims[i], posted[i], served[i], kind or kinds[i], cents[i], codes_[i], reasons[i],
                    *(texts[name][i] for name in texts))  # fmt: skip
            for name, value in zip(out, line, strict=True):
                out[name].append(value)
    return out


def _each(values: list[str], parse: Callable[[str], Any]) -> list[Any]:
    known = {value: parse(value) for value in set(values)}
    return [known[value] for value in values]


def _dates(values: list[str]) -> list[date | None]:
    """Dates in the format that reads most of the column, so that 03/04 means the same in every row."""
    distinct = [value for value in set(values) if value]
    if not distinct:
        return [None] * len(values)
    best = max(_DATE_FORMATS, key=lambda form: sum(_date(value, form) is not None for value in distinct))
    return _each(
        values, lambda value: _date(value, best) or next(filter(None, (_date(value, f) for f in _DATE_FORMATS)), None)
    )


def _date(value: str, form: str) -> date | None:
    try:
        return datetime.strptime(value, form).date()
    except ValueError:
        return None


def _amounts(values: list[str]) -> list[int | None]:
    """Amounts in whole cents: "$1,234.50", "(12.00)", "12.00-", "12.00 CR"; None where it is no amount."""
    comma = sum(bool(re.search(r",\d{2}$", v)) for v in set(values)) > sum(
        bool(re.search(r"\.\d{1,2}\)?$", v)) for v in set(values)
    )
    return _each(values, lambda value: _amount(value, comma))


def _amount(value: str, comma: bool) -> int | None:
    text = re.sub(r"[$€£\s]|USD", "", value)
    negative = bool(re.fullmatch(r"\(.*\)|-.*|.*-|.*CR", text, re.I))
    text = re.sub(r"[()+-]|CR$|DR$", "", text, flags=re.I)
    text = text.replace(".", "").replace(",", ".") if comma else text.replace(",", "")
    try:
        cents = Decimal(text or "x") * 100
    except InvalidOperation:
        return None
    if cents != int(cents):
        return None
    return -int(cents) if negative else int(cents)


def _kinds(types: list[str], codes_: list[str], reasons: list[str], mapping: Mapping) -> list[str]:
    triples = list(zip(types, codes_, reasons, strict=True))
    known = {triple: _kind(*triple, mapping) for triple in set(triples)}
    return [known[triple] for triple in triples]


def _kind(type_: str, code: str, reason: str, mapping: Mapping) -> str:
    if type_ in mapping.kinds:
        return mapping.kinds[type_]
    for text in (type_, f"{code} {reason}"):
        for kind, pattern in _KIND_WORDS:
            if re.search(pattern, text, re.I):
                return kind
    return "other"


def _table(postings: dict[str, list], names: list[str]) -> pa.Table:
    rows = len(postings["row"])
    vocabulary = codes.vocabulary()
    claims = postings["claim_number"]
    patient = [names[i] for i in postings["index"]]
    columns = {
        "file_id": pa.nulls(rows, schema.FILE),
        "known_on": pa.array(postings["known_on"], schema.DAY),
        "row": pa.array(postings["row"], schema.COUNT),
        "claim_number": pa.array(claims, pa.string()),
        "kind": pa.array(postings["kind"], pa.string()),
        "posted_by": pa.array(_posted_by(postings), pa.string()),
        "amount": x12.decimals(_signed(postings), np.ones(rows, bool)),
        "code": _texts(without_names(postings["code"], claims, names, vocabulary)),
        "reason": _texts(without_names(postings["reason"], claims, names, vocabulary)),
        "payer_name": _texts(_payers(postings["payer_name"], patient)),
        "procedure": _texts(postings["procedure"]),
        "location": _texts([value.upper() for value in postings["location"]]),
        "service_date": pa.array(postings["service_date"], schema.DAY),
    }
    return schema.conform("ledger", columns)


def _texts(values: Iterable[str]) -> pa.Array:
    return pa.array([value or None for value in values], pa.string())


def _payers(payers: list[str], patients: list[str]) -> list[str]:
    """Payers in capitals; one that is the patient or the guarantor is PATIENT."""
    out = []
    for payer, patient in zip(payers, patients, strict=True):
        words = set(re.findall(r"\w{2,}", payer.lower()))
        own = bool(words) and words <= set(re.findall(r"\w{2,}", patient.lower()))
        out.append(
            "PATIENT" if own or re.fullmatch(r"(self.?pay|patient|pt|guarantor|self)", payer, re.I) else payer.upper()
        )
    return out


def _posted_by(postings: dict[str, list]) -> list[str | None]:
    texts = zip(postings["kind"], postings["payer_name"], postings["code"], postings["reason"], strict=True)
    rows = list(texts)
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
    for kind, sign in (("charge", 1), ("payment", -1), ("adjustment", -1), ("write_off", -1), ("refund", 1)):
        mine = kinds == kind
        if mine.any() and np.sign(cents[mine].sum()) == -sign:
            cents[mine] = -cents[mine]
    postings["cents"] = cents.tolist()
    return cents


def _total(result: Read, postings: dict[str, list]) -> None:
    totals: Counter = Counter()
    for kind, cents in zip(postings["kind"], postings["cents"], strict=True):
        totals[kind] += cents
    result.cents.update(charge=totals["charge"], paid=-totals["payment"] - totals["refund"],
                        adjusted=-totals["adjustment"] - totals["write_off"])  # fmt: skip
