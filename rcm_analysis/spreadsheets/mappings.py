"""Which columns of an export are which of ours: told from the headers, or by a mapping file (TOML).

    date_order = "month_first"          # or day_first, where 03/04/2026 would be ambiguous

    [ledger.columns]                    # ours = theirs
    claim_number = "Claim ID"
    posted_on = "Txn Date"
    [ledger.kinds]                      # their posting types = ours
    "Write-Off" = "write_off"
    [denials.columns]
    decided_on = "Denial Date"

An export is a ledger (postings), a listing of claims or a listing of denials. `rcm ingest FOLDER --mapping new.toml`
writes what was told from the headers, to be looked at and corrected. `[columns]` and `[kinds]` alone mean the ledger.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rcm_analysis.errors import RcmError
from rcm_analysis.spreadsheets import cells

AMOUNTS = {"charge": "charge_amount", "payment": "payment_amount", "adjustment": "adjustment_amount",
           "write_off": "write_off_amount", "refund": "refund_amount", "transfer": "transfer_amount"}  # fmt: skip
DEBITS, CREDITS = ("debit", "debits", "debitamount", "debitamt"), ("credit", "credits", "creditamount", "creditamt")
# further amounts of a ledger's row: payments by who paid, cuts by contract
MORE_AMOUNTS = ("insurance_amount", "patient_amount", "contractual_amount")
KEEP, DROP = "keep", "drop"
HEADER_ROWS = 15  # a header stands among the first rows; titles above it are passed over
MIN_COLUMNS = 3

_CLAIM = ("claimnumber", "claimid", "claimno", "claim", "claimnum", "patientcontrolnumber", "pcn", "accountnumber",
          "accountno", "acctno", "acct", "account", "visitid", "visitnumber", "visitno", "visit", "encounter",
          "encounterid", "encounternumber", "invoice", "invoicenumber", "invoiceno", "ticket", "ticketnumber",
          "tripnumber", "runnumber", "voucher", "superbill",
          "encnbr", "encno", "encounterno", "enc", "visitnbr", "appointmentid", "acctnbr", "claimnbr")  # fmt: skip
_PATIENT = ("patientname", "patient", "ptname", "guarantor", "guarantorname", "membername", "name", "patientfirstname",
            "patientlastname", "lastname", "firstname", "insuredname", "subscribername")  # fmt: skip
_SERVED = ("servicedate", "dos", "dateofservice", "visitdate", "fromdate", "dosfrom", "fromdos", "encounterdate", "servicefrom",
           "tripdate", "chargedate", "serviceon", "servicefromdate", "srvday", "svcdt", "svcdate", "srvdate", "dtofsvc", "servicedt")  # fmt: skip
_PAYER = ("payer", "payername", "insurance", "insurancename", "carrier", "carriername", "plan", "planname", "payor",
          "payorname", "financialclass", "insurer", "primarypayer", "primaryinsurance", "insurancecompany", "primarypayername",
          "claimprimaryinsurancepackage", "primaryinsurancename", "ins", "insname", "fincls", "finclass")  # fmt: skip
_PROCEDURE = ("procedurecode", "proccode", "procedure", "cpt", "cptcode", "hcpcs", "cpthcpcs", "hcpcscode", "servicecode",
              "chargecode", "cdt", "proc")  # fmt: skip
_LOCATION = ("location", "facility", "servicelocation", "clinic", "site", "office", "department", "station", "base",
             "facilityname", "locationname")  # fmt: skip

# ours -> how billing systems call it, letters and digits only, most telling first
LEDGER: dict[str, tuple[str, ...]] = {
    "claim_number": _CLAIM,
    "posting_id": ("transactionid", "txnid", "transid", "tranid", "postingid", "transactionnumber", "transactionno",
                   "transno", "entryid", "ledgerid"),
    "patient_name": _PATIENT,
    "service_date": _SERVED,
    "posted_on": ("postingdate", "posteddate", "postdate", "txndate", "transactiondate", "transdate", "dateposted",
                  "entrydate", "postedon", "trandate", "trnsctnpostdate", "posttime", "lastposted", "lastactivity", "processdt",
                  "processdate", "dateentered", "dtentered", "lastactivitydate", "postdt", "lastposteddate", "lastpostdate",
                  "date", "depositdate", "activitydate"),
    "kind": ("transactiontype", "txntype", "transtype", "trantype", "type", "postingtype", "activitytype", "entrytype",
             "linetype", "activity", "transaction", "trnsctntype"),
    "code": ("adjustmentcode", "adjcode", "transactioncode", "transcode", "trancode", "writeoffcode", "code", "txncode",
             "paymentcode", "reasoncode", "adjustmentreasoncode", "adjreasoncode", "accountcode", "writeoffcd", "wocode", "adjcd"),
    "reason": ("adjustmentreason", "adjreason", "reason", "description", "transactiondescription", "transdescription",
               "adjustmentdescription", "writeoffreason", "woreason", "comment", "note", "notes", "memo", "remarks", "txndescription",
               "trnsctnreason"),
    "payer_name": _PAYER,
    "procedure": _PROCEDURE,
    "location": _LOCATION,
    "amount": ("amount", "transactionamount", "txnamount", "transamount", "tranamount", "amt", "value", "total",
               "trnsctnamt"),
    "charge_amount": ("charges", "charge", "chargeamount", "billed", "billedamount", "chargeamt", "chg", "chgs", "chgamt",
                      "billedcharge", "billedcharges", "billedamt", "fee", "grosscharge", "grosscharges",
                      *DEBITS),
    "insurance_amount": ("inspmt", "inspmts", "inspayment", "inspayments", "inspaid", "insurancepayment", "insurancepayments",
                         "insurancepaid", "payerpayment", "payerpayments", "payerpaid", "payorpaid", "payorpayment",
                         "carrierpayment", "carrierpaid", "planpaid"),
    "patient_amount": ("ptpmt", "ptpmts", "ptpayment", "ptpaid", "patpmt", "patpaid", "patientpayment", "patientpayments",
                       "patientpaid", "selfpayment", "guarantorpayment"),
    "payment_amount": ("payments", "payment", "paymentamount", "paid", "paidamount", "pmt", "pmtamount", "receipts", "pmts",
                       "payamount", "amountpaid", "paymentamt", *CREDITS),
    "contractual_amount": ("contractual", "contractuals", "contractualadjustment", "contractualadj", "contractualamount",
                           "contractualallowance", "contractualwriteoff", "allowanceadj", "contractadj", "contractualadjustments"),
    "adjustment_amount": ("adjustments", "adjustment", "adjustmentamount", "adj", "adjamount", "adjustmentamt", "adjs",
                          "adjamt", "payerwithheld", "withhold", "withheld"),
    "write_off_amount": ("writeoffs", "writeoff", "writeoffamount", "woamount", "wo", "woamt", "writtenoff", "writeoffamt",
                         "writeoffadjustment", "writeoffadj", "amountwrittenoff"),
    "refund_amount": ("refunds", "refund", "refundamount"),
    "transfer_amount": ("transfers", "transfer", "transferamount"),
    "balance": ("balance", "balancedue", "acctbal", "accountbalance", "runningbalance", "bal", "claimbalance", "balanceamount",
                "outstanding", "outstandingbalance", "currentbalance"),
    "party": ("trnsfrtype", "transfertype", "payertype", "responsibleparty", "party", "paidby", "paymentsource"),
}  # fmt: skip

LISTING: dict[str, tuple[str, ...]] = {
    "claim_number": _CLAIM,
    "line_number": ("linenumber", "lineno", "line", "linenum", "serviceline"),
    "patient_name": _PATIENT,
    "member_number": ("memberid", "membernumber", "memberno", "subscriberid", "insuredid", "policynumber", "policyid"),
    "service_date": _SERVED,
    "submitted_on": ("submitdate", "submitteddate", "datesubmitted", "submissiondate", "submittedon", "submitted", "billdate",
                     "billeddate", "datebilled", "billedon", "claimdate", "firstbilldate", "firstbilled", "sentdate",
                     "datesent", "fileddate", "datefiled", "filedon", "claimcreateddate"),
    "decided_on": ("denialdate", "denieddate", "datedenied", "deniedon", "decisiondate", "decidedon", "remitdate",
                   "remittancedate", "eobdate", "eradate", "adjudicationdate", "adjudicateddate", "processeddate",
                   "paiddate", "paymentdate", "datepaid", "checkdate", "postdate", "posteddate", "postingdate",
                   "dateposted", "date"),
    "payer_name": _PAYER,
    "payer_id": ("payerid", "payorid", "insuranceid", "carrierid", "payercode"),
    "payer_claim_number": ("payerclaimnumber", "icn", "dcn", "payericn", "payercontrolnumber", "payerclaimcontrolnumber",
                           "payerclaimid"),
    "check_number": ("checknumber", "checkno", "check", "eftnumber", "tracenumber", "checkeft", "checkeftnumber"),
    "procedure": _PROCEDURE,
    "modifiers": ("modifiers", "modifier", "mod", "mods", "mod1"),
    "diagnoses": ("diagnoses", "diagnosis", "dx", "icd10", "icd", "diagnosiscode", "diagnosiscodes", "dxcodes", "dx1"),
    "place_of_service": ("placeofservice", "pos", "poscode"),
    "rendering_npi": ("renderingnpi", "npi", "providernpi", "renderingprovidernpi"),
    "billing_npi": ("billingnpi", "billingprovidernpi", "groupnpi"),
    "prior_authorization": ("priorauthorization", "authorizationnumber", "authnumber", "priorauth", "authno", "auth"),
    "location": _LOCATION,
    "charge": ("charge", "charges", "chargeamount", "linecharge", "billed", "billedamount", "chargeamt", "amountbilled",
               "billedcharges", "amount"),
    "claim_charge": ("totalcharge", "totalcharges", "claimamount", "claimcharge", "claimtotal", "totalbilled", "claimbilled"),
    "allowed": ("allowed", "allowedamount", "allowedamt", "allowable", "contractallowed", "expected"),
    "paid": ("paid", "paidamount", "payment", "payments", "paymentamount", "insurancepaid", "inspaid", "amountpaid",
             "insurancepayment", "paidamt", "totalpaid"),
    "patient_share": ("patientresponsibility", "patientshare", "patientresp", "ptresp", "patientamount", "patientportion"),
    "contractual": ("contractual", "contractualadjustment", "contractualamount", "contractadjustment", "contractualadj"),
    "denied_amount": ("deniedamount", "denialamount", "amountdenied", "denied", "deniedcharges", "deniedamt", "denialamt",
                      "deniedcharge"),
    "group_code": ("groupcode", "adjustmentgroup", "adjustmentgroupcode", "casgroup", "group", "carcgroup"),
    "carc": ("carc", "denialcode", "carccode", "reasoncode", "denialreasoncode", "adjustmentreasoncode", "casreason",
             "carccodes", "denialcodes", "adjreasoncode", "code", "denialcarc", "caccode", "cascode"),
    "rarc": ("rarc", "remarkcode", "rarccode", "remarkcodes", "remark", "rarccodes"),
    "reason_text": ("denialreason", "reason", "denialdescription", "reasondescription", "denialnote", "denialnotes",
                    "description", "remarks", "comment", "comments", "note", "notes", "denialcomment", "reasontext"),
    "status": ("status", "claimstatus", "linestatus"),
}  # fmt: skip

DAYS = {"ledger": ("posted_on", "service_date"), "claims": ("submitted_on", "decided_on", "service_date"),
        "denials": ("decided_on", "submitted_on", "service_date")}  # fmt: skip
HEADERS = {"ledger": LEDGER, "claims": LISTING, "denials": LISTING}
# what each kind can't do without: one column of each group
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "denials": (("claim_number",), ("decided_on",), ("denied_amount", "charge", "claim_charge"), ("carc", "reason_text", "rarc", "denied_amount")),
    "claims": (("claim_number",), ("submitted_on",), ("charge", "claim_charge")),
    "ledger": (("claim_number",), ("posted_on",), ("amount", *AMOUNTS.values(), *MORE_AMOUNTS)),
}  # fmt: skip
_TELLS_DENIALS = re.compile(r"deni|carc|rarc|remarkcode")
KINDS = tuple(NEEDED)


class MappingError(RcmError):
    """A mapping file that can't be used; the message says which entry and why."""


@dataclass(frozen=True)
class Mapping:
    """Columns per kind of export (ours -> theirs) and the settings of the example at the top of the module.

    `columns` and `kinds` are the ledger's; `listings` holds the columns of `claims` and `denials`.
    """

    columns: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    listings: dict[str, dict[str, str]] = field(default_factory=dict)
    date_order: str | None = None
    repeated_rows: str | None = None

    def of(self, kind: str) -> dict[str, str]:
        return self.columns if kind == "ledger" else self.listings.get(kind, {})


@dataclass(frozen=True)
class Layout:
    """How a sheet is understood: its kind, the header's row (0 is the first), our columns with their places."""

    kind: str
    top: int
    columns: dict[str, list[int]]


# --- telling columns from headers ----------------------------------------------------------------------------------


def bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def find_layout(rows: list[list[str]], mapping: Mapping) -> tuple[Layout | None, str, str]:
    """The layout of a sheet's rows; where it has none, what is wrong and which kind comes nearest.

    Nothing of a cell is quoted but headers that are known names, since a row of data could stand in the header's place.
    """
    layouts = [Layout(kind, top, match_columns(row, kind, mapping))
               for top, row in enumerate(rows[:HEADER_ROWS]) for kind in KINDS]  # fmt: skip
    whole = [layout for layout in layouts if _fits(layout, rows[layout.top], mapping)]
    if whole:
        return max(whole, key=lambda layout: _score(layout, mapping)), "", ""
    best = max(layouts, key=lambda layout: len(layout.columns), default=None)
    if best is None or len(best.columns) < MIN_COLUMNS:
        width = len(rows[0]) if rows else 0
        return None, f"no header row was understood (the first row has {width} columns)", best.kind if best else ""
    known = {alias for aliases in HEADERS.values() for names in aliases.values() for alias in names}
    seen = ", ".join(cell.strip() for cell in rows[best.top] if bare(cell) in known)
    need = "; or ".join(
        f"{kind}: {', '.join(missing(kind, match_columns(rows[best.top], kind, mapping)))}" for kind in KINDS
    )
    return None, f"columns are missing (for {need}) beside: {seen}", best.kind


def missing(kind: str, columns: dict) -> list[str]:
    """The columns without which an export is none of this kind."""
    return [" or ".join(group[:2]) for group in NEEDED[kind] if not set(group) & set(columns)]


def _fits(layout: Layout, header: list[str], mapping: Mapping) -> bool:
    if len(layout.columns) < MIN_COLUMNS or missing(layout.kind, layout.columns):
        return False
    named = set(mapping.of(layout.kind).values()) & {cell.strip() for cell in header}
    return layout.kind != "denials" or bool(named) or any(_TELLS_DENIALS.search(bare(cell)) for cell in header)


def _score(layout: Layout, mapping: Mapping) -> tuple:
    """Columns named in the mapping first; a posting type makes a ledger; then the listing with more columns."""
    told = sum(column in mapping.of(layout.kind) for column in layout.columns)
    return told, layout.kind == "ledger" and "kind" in layout.columns, len(layout.columns), -KINDS.index(layout.kind)


def match_columns(header: list[str], kind: str, mapping: Mapping) -> dict[str, list[int]]:
    """Our column -> places in the header: from the mapping, else the alias that comes first in our list.

    >>> match_columns(["Claim ID", "Txn Date", "Amount"], "ledger", Mapping())
    {'claim_number': [0], 'posted_on': [1], 'amount': [2]}
    """
    cells_, names = [cell.strip() for cell in header], [bare(cell) for cell in header]
    columns = {ours: [cells_.index(theirs)] for ours, theirs in mapping.of(kind).items() if theirs in cells_}
    taken = {place for places in columns.values() for place in places}
    for ours, aliases in HEADERS[kind].items():
        if ours in columns:
            continue
        places = [names.index(alias) for alias in aliases if alias in names and names.index(alias) not in taken]
        if places:
            columns[ours] = places if ours == "patient_name" else places[:1]
            taken.update(columns[ours])
    return columns


# --- the mapping file ----------------------------------------------------------------------------------------------


def read_mapping(path: Path) -> Mapping:
    """A mapping from a TOML file. Raises MappingError naming every entry that is unknown or wrong."""
    try:
        content = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingError(f"{path.name} can't be read as a mapping: {error}") from None
    ledger = {**content.get("ledger", {}), **{k: content[k] for k in ("columns", "kinds") if k in content}}
    sections = {"ledger": ledger, **{kind: content[kind] for kind in ("claims", "denials") if kind in content}}
    wrong = _problems(content, sections)
    if wrong:
        raise MappingError(f"{path.name}: " + "; ".join(wrong))
    listings = {kind: sections[kind].get("columns", {}) for kind in sections if kind != "ledger"}
    return Mapping(ledger.get("columns", {}), ledger.get("kinds", {}), listings,
                   content.get("date_order"), content.get("repeated_rows"))  # fmt: skip


def _problems(content: dict[str, Any], sections: dict[str, Any]) -> list[str]:
    known = {"columns", "kinds", "date_order", "repeated_rows", *KINDS}
    wrong = [f"unknown entry {name}" for name in sorted(set(content) - known)]
    for kind, section in sections.items():
        if not isinstance(section, dict) or not all(isinstance(part, dict) for part in section.values()):
            wrong.append(f'{kind} must hold [{kind}.columns] with lines such as claim_number = "Claim ID"')
            continue
        wrong += [f"unknown entry {kind}.{name}" for name in sorted(set(section) - {"columns", "kinds"})]
        columns = section.get("columns", {})
        unknown = sorted(set(columns) - set(HEADERS[kind]))
        if unknown:
            wrong.append(f"unknown columns {', '.join(unknown)} in {kind}; known are {', '.join(HEADERS[kind])}")
        wrong += [
            f"{kind}.columns.{ours} must be a text" for ours, name in columns.items() if not isinstance(name, str)
        ]
        kinds = {str(value) for value in section.get("kinds", {}).values()} - {*AMOUNTS, "other"}
        if kinds:
            wrong.append(f"unknown kinds {', '.join(sorted(kinds))}; known are {', '.join(AMOUNTS)}, other")
    for name, allowed in (("date_order", cells.ORDERS), ("repeated_rows", (KEEP, DROP))):
        if name in content and content[name] not in allowed:
            wrong.append(f"{name} must be {' or '.join(allowed)}")
    return wrong


@dataclass(frozen=True)
class Proposal:
    """What is told of an export: its kind, ours -> theirs, their posting types -> ours, other headings -> what they hold."""

    kind: str
    columns: dict[str, str]
    kinds: dict[str, str]
    rest: dict[str, str]


def as_toml(proposals: list[Proposal], *, date_order: str | None = None) -> str:
    """The text of a mapping file; what is open is a comment."""
    out = ["# Which columns of your exports are which of ours. Correct it, then give the same command again.",
           _setting("date_order", date_order, "01/02/2026 is 2 January: month_first; 1 February: day_first"),
           _setting("repeated_rows", None, "rows that are alike in every cell: keep or drop")]  # fmt: skip
    for one in proposals:
        ours = HEADERS[one.kind]
        out += ["", f"[{one.kind}.columns]  # ours = theirs"]
        out += [f"{name} = {_quoted(one.columns[name])}" for name in ours if name in one.columns]
        out += [f'# {name} = ""' for name in ours if name not in one.columns]
        out += [f"# not used: {_quoted(heading)} ({_one_line(shown)})" for heading, shown in one.rest.items()]
        if one.kinds:
            out += ["", f"[{one.kind}.kinds]  # their posting types = {', '.join(AMOUNTS)} or other"]
            out += [f"{_quoted(theirs)} = {_quoted(kind)}" for theirs, kind in one.kinds.items()]
    return "\n".join(out) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _setting(name: str, value: str | None, meaning: str) -> str:
    return f'{name} = "{value}"  # {meaning}' if value else f'# {name} = ""  # {meaning}'
