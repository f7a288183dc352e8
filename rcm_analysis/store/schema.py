"""Columns, types, units and meaning of every table: the one place where they are written down.

A fact table (FACTS) is what the files said, appended and never changed; a derived table (DERIVED) is rebuilt from the
facts as of a date by the steps of `claims/sql`, of which other rooms may read some more (SHARED); an analysis (ANALYSES) is a table that another room computes from those.
Readers fill facts by `arrow()`, `check` compares what the steps made, `conformed` what an analysis gave. `data/README.md`
is written from here: `python -m rcm_analysis.store.dictionary`.

    >>> [column.name for column in TABLES["remarks"].columns][:4]
    ['file_id', 'known_on', 'remittance_id', 'line_number']

A new table or column is a line here. After name, type and meaning it may say another unit than its type's (SHARE, DAYS),
and that it names a case (IDENTIFIER) or may hold anybody's words (FREE_TEXT), which no de-identified page shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rcm_analysis.errors import FailedError

if TYPE_CHECKING:
    import pandas as pd

MONEY = pa.decimal128(14, 2)
QUANTITY = pa.decimal128(15, 3)
TEXT = pa.string()
DAY = pa.date32()
COUNT = pa.int32()
KEY = pa.int64()
RATE = pa.float64()
FLAG = pa.bool_()
NUMBER = pa.float64()  # of an analysis: money is exact up to there
SCORE = pa.float32()
FILE = pa.dictionary(pa.int32(), pa.string())  # few files, many rows: 64 characters once instead of in every row

UNITS = {
    FILE: "text",
    MONEY: "USD",
    QUANTITY: "units",
    DAY: "date",
    COUNT: "count",
    KEY: "key",
    FLAG: "true or false",
    TEXT: "text",
    NUMBER: "number",
    SCORE: "share",
}
# Marks of a column besides its type: another unit, or who may not see it
SHARE, USD, DAYS, COUNTED, MONTH, JSON = "share", "USD", "days", "count", "month", "JSON"
IDENTIFIER, FREE_TEXT = "identifier", "free text"
LEDGER_COLUMNS = 100  # of a ledger as it came
SHEET_ROWS = 1 << 25  # numbers kept for each sheet's rows: far more than a sheet holds, and than a text of 1 GB


@dataclass(frozen=True)
class Column:
    """A column: its name, Arrow type and meaning in one line, and its marks."""

    name: str
    type: pa.DataType
    meaning: str
    marks: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        return next((mark for mark in self.marks if mark not in (IDENTIFIER, FREE_TEXT)), UNITS[self.type])


@dataclass(frozen=True)
class Table:
    """A table: its name, what one row is, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]

    def arrow(self) -> pa.Schema:
        return pa.schema([pa.field(column.name, column.type) for column in self.columns])

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _columns(*lines: tuple[Any, ...]) -> tuple[Column, ...]:
    """Lines of name, type, meaning and marks."""
    return tuple(Column(name, kind, meaning, marks=tuple(marks)) for name, kind, meaning, *marks in lines)


_SOURCE = (
    ("file_id", FILE, "SHA-256 of the bytes of the file the row came from", IDENTIFIER),
    ("known_on", DAY, "first day on which the practice could have known the row"),
)

_REMITTANCE = (
    *_SOURCE,
    ("remittance_id", KEY, "the claim payment: first bytes of file_id plus its segment number", IDENTIFIER),
)
_SUBMISSION = (
    *_SOURCE,
    ("submission_id", KEY, "the claim: first bytes of file_id plus its segment number", IDENTIFIER),
)
_LINE = ("line_number", COUNT, "service line within the claim, from 1")
_LINE_OR_CLAIM = ("line_number", COUNT, "service line within the claim, from 1; 0 for the claim itself")
_SEGMENT = ("segment", COUNT, "number of the segment in its file, from 1")
_PROCEDURE = (
    ("procedure", TEXT, "CPT, HCPCS, CDT or drug code of the line"),
    ("modifiers", TEXT, "modifiers in the order given, separated by spaces"),
    ("revenue_code", TEXT, "institutional revenue code"),
)
_STATUS = (
    ("source", TEXT, "payer or clearinghouse: who acknowledged; receiver: who refused a file"),
    ("source_name", TEXT, "name of who acknowledged"),
    ("source_id", TEXT, "identifier of who acknowledged"),
    (
        "category",
        TEXT,
        "status category (STC01-1): A1, A2 accepted; A3, A6, A7, A8 rejected; R, M, W, X of a 999, 997 or TA1",
    ),
    ("status_code", TEXT, "claim status code (STC01-2)"),
    ("entity", TEXT, "entity the status is about (STC01-3)"),
    ("further_statuses", TEXT, "more statuses of the same segment (STC10, STC11), as category:code:entity"),
    ("action", TEXT, "WQ accepted, U rejected (STC03)"),
)

# How a ledger's sheet stood the comparison with what is known for certain
_CHECKS = (
    ("sheet", TEXT, "name of the sheet; empty for a file that is one table", FREE_TEXT),
    ("rows", COUNT, "postings, or rows of a sheet that is not understood"),
    ("amount", MONEY, "sum of the absolute amounts of its postings; missing where they are not understood"),
    ("understood", FLAG, "its postings count; else they wait until it is understood"),
    ("reason", TEXT, "why it is not understood, in words", FREE_TEXT),
    ("left_over", TEXT, "headings that nothing explains, each with up to three shapes of its cells", FREE_TEXT),
    ("charges_checked", COUNT, "claims in both the ledger and the electronic files whose charges were compared"),
    ("charges_agree", RATE, "share of them whose charges are equal", SHARE),
    ("payments_checked", COUNT, "claims whose insurers' payments were compared"),
    ("payments_agree", RATE, "share of them whose payments are equal", SHARE),
    ("contractual_checked", COUNT, "claims with a contractual cut (CO-45)"),
    ("contractual_agree", RATE, "share of them whose adjustments cover it", SHARE),
    ("balances_checked", COUNT, "claims with a charge in the ledger"),
    ("balances_agree", RATE, "share of them on which insurers' payments and cuts take no more than was charged", SHARE),
    ("unknown_kinds_rows_share", RATE, "share of the postings of which nothing tells what they are", SHARE),
    ("unknown_kinds_dollars_share", RATE, "the same of the dollars", SHARE),
)


def cell_column(place: int) -> str:
    """
    >>> cell_column(3)
    'c03'
    """
    return f"c{place:02d}"


FACTS = (
    Table(
        "files",
        "file offered",
        _columns(
            ("file_id", TEXT, "SHA-256 of the file's bytes", IDENTIFIER),
            (
                "name",
                TEXT,
                "name of the file as it was offered, without its folder and without what could name a person",
                FREE_TEXT,
            ),
            (
                "kind",
                TEXT,
                "835, 837P, 837I, 837D, 277CA, ledger, claims or denials (listings), or what else it was found to be",
            ),
            ("status", TEXT, "accepted, partly or rejected"),
            ("reason", TEXT, "why it was not wholly accepted, and what to do", FREE_TEXT),
            ("bytes", KEY, "size of the file"),
            ("content", TEXT, "digest of its X12 transactions: the same when they come again in another file"),
            ("interchanges", COUNT, "ISA envelopes"),
            ("transactions", COUNT, "ST transaction sets"),
            ("claims", COUNT, "claims, claim payments, acknowledged claims, or claims named in the ledger"),
            ("lines", COUNT, "service lines, or ledger postings"),
            ("adjustments", COUNT, "CAS triplets"),
            ("charge", MONEY, "charges of its claims"),
            ("paid", MONEY, "payments of its claims"),
            ("adjusted", MONEY, "CAS adjustments, or adjustments and write-offs in the ledger"),
            ("first_known_on", DAY, "earliest known_on of its rows"),
            ("last_known_on", DAY, "latest known_on of its rows"),
            ("rejects", COUNT, "rows of `rejects` that came from it"),
            ("batch", TEXT, "ingest that brought it"),
            (
                "reader",
                COUNT,
                "version of the reader that read it; missing in batches written before readers had versions",
            ),
        ),
    ),
    Table(
        "replaced",
        "file read again by a later reader",
        _columns(
            ("file_id", TEXT, "SHA-256 of the file's bytes"),
            ("batch", TEXT, "ingest whose rows of the file no longer count"),
        ),
    ),
    Table(
        "submissions",
        "837 claim (CLM)",
        _columns(
            *_SUBMISSION,
            _SEGMENT,
            ("batch_number", TEXT, "the practice's number of the 837 it was sent in (BHT03)", IDENTIFIER),
            ("interchange_control", TEXT, "number of its interchange (ISA13), which a TA1 repeats", IDENTIFIER),
            ("group_control", TEXT, "number of its functional group (GS06), which a 999 repeats", IDENTIFIER),
            ("transaction_control", TEXT, "number of its transaction (ST02), which a 999 repeats", IDENTIFIER),
            ("kind", TEXT, "837P professional, 837I institutional, 837D dental, listing of claims or denials"),
            ("claim_number", TEXT, "the practice's claim number (CLM01)", IDENTIFIER),
            ("charge", MONEY, "total charge (CLM02)"),
            ("place_of_service", TEXT, "place of service or type of bill facility code (CLM05-1)"),
            ("frequency", TEXT, "1 original, 7 replacement, 8 void (CLM05-3)"),
            ("original_reference", TEXT, "payer's number of the claim being corrected (REF F8)", IDENTIFIER),
            ("prior_authorization", TEXT, "prior authorization number (REF G1)", IDENTIFIER),
            ("referral", TEXT, "referral number (REF 9F)", IDENTIFIER),
            ("payer_order", TEXT, "P primary, S secondary, T tertiary (SBR01)"),
            ("filing_code", TEXT, "claim filing indicator (SBR09)"),
            ("payer_name", TEXT, "payer billed"),
            ("payer_id", TEXT, "identifier of the payer billed"),
            ("billing_npi", TEXT, "NPI of the billing provider"),
            ("rendering_npi", TEXT, "NPI of the rendering provider, else of the billing provider"),
            ("facility_npi", TEXT, "NPI of the service location"),
            ("location", TEXT, "service location, else the billing organization; never a person's name"),
            ("referring_npi", TEXT, "NPI of the referring provider (NM1 DN)"),
            ("supervising_npi", TEXT, "NPI of the supervising provider (NM1 DQ)"),
            ("attending_npi", TEXT, "NPI of the attending provider of an institutional claim (NM1 71)"),
            ("billing_taxonomy", TEXT, "taxonomy code of the billing provider (PRV BI)"),
            ("rendering_taxonomy", TEXT, "taxonomy code of the rendering (PRV PE) or attending provider (PRV AT)"),
            ("patient_key", TEXT, "keyed pseudonym of the member number", IDENTIFIER),
            ("age", COUNT, "patient's age in years at service, 90 for all above"),
            ("sex", TEXT, "F, M or U"),
            ("diagnoses", TEXT, "diagnosis codes, principal first, separated by spaces"),
            ("service_date", DAY, "first day of service"),
            ("service_date_last", DAY, "last day of service"),
            ("prior_paid", MONEY, "what payers before this one paid (AMT D)"),
            ("lines", COUNT, "service lines"),
        ),
    ),
    Table(
        "submission_lines",
        "837 service line (SV1, SV2, SV3)",
        _columns(
            *_SUBMISSION,
            _LINE,
            _SEGMENT,
            *_PROCEDURE,
            ("charge", MONEY, "line charge"),
            ("unit", TEXT, "unit of the quantity: UN units, MJ minutes, DA days"),
            ("units", QUANTITY, "quantity billed"),
            ("place_of_service", TEXT, "place of service of the line, where it differs"),
            ("diagnosis_pointers", TEXT, "positions in the claim's diagnoses, separated by spaces"),
            ("service_date", DAY, "first day of service of the line"),
            ("service_date_last", DAY, "last day of service of the line"),
            ("line_control", TEXT, "the practice's line number (REF 6R)", IDENTIFIER),
            ("rendering_npi", TEXT, "NPI of the line's rendering provider, where another than the claim's"),
            ("ordering_npi", TEXT, "NPI of the provider who ordered the service (NM1 DK)"),
            ("referring_npi", TEXT, "NPI of the line's referring provider, where another than the claim's"),
            ("supervising_npi", TEXT, "NPI of the line's supervising provider, where another than the claim's"),
            ("drug_code", TEXT, "national drug code (LIN N4)"),
        ),
    ),
    Table(
        "acknowledgments",
        "277CA claim status (STC at claim level)",
        _columns(
            *_SOURCE,
            _SEGMENT,
            ("claim_number", TEXT, "the practice's claim number (TRN02)", IDENTIFIER),
            *_STATUS,
            ("rejected", FLAG, "the claim was not accepted for adjudication"),
            ("charge", MONEY, "charge of the claim (STC04)"),
            ("payer_claim_number", TEXT, "payer's number of the claim (REF 1K)", IDENTIFIER),
            ("service_date", DAY, "day of service"),
        ),
    ),
    Table(
        "batch_acknowledgments",
        "277CA status of a whole 837, or of what it holds of one provider (STC above claim level); refusal by a 999, 997 or TA1",
        _columns(
            *_SOURCE,
            _SEGMENT,
            ("level", TEXT, "file or provider; transaction, group or interchange of a 999, 997 or TA1"),
            ("batch_number", TEXT, "number of the 837 (TRN02), as in `submissions`", IDENTIFIER),
            ("interchange_control", TEXT, "number of the interchange refused, as in `submissions`", IDENTIFIER),
            (
                "group_control",
                TEXT,
                "number of the functional group that is refused, or of its transaction",
                IDENTIFIER,
            ),
            ("transaction_control", TEXT, "number of the transaction refused, as in `submissions`", IDENTIFIER),
            ("provider_npi", TEXT, "NPI of the billing provider, at provider level"),
            *_STATUS,
            ("rejected", FLAG, "claims of the 837 were turned away that need not be named one by one"),
            ("charge", MONEY, "charge of the claims concerned (STC04)"),
            ("accepted_claims", COUNT, "claims accepted (QTY 90, QA)"),
            ("rejected_claims", COUNT, "claims rejected (QTY AA, QC)"),
            ("accepted_amount", MONEY, "charge of the claims accepted (AMT YU)"),
            ("rejected_amount", MONEY, "charge of the claims rejected (AMT YY)"),
        ),
    ),
    Table(
        "payments",
        "835 transaction: a check or transfer",
        _columns(
            *_SOURCE,
            ("payment_id", KEY, "the transaction: first bytes of file_id plus its segment number", IDENTIFIER),
            _SEGMENT,
            ("payer_name", TEXT, "payer"),
            ("payer_id", TEXT, "identifier of the payer"),
            ("payee_npi", TEXT, "NPI of the payee"),
            ("check_number", TEXT, "trace number of the payment (TRN02)", IDENTIFIER),
            ("paid", MONEY, "amount of the payment (BPR02)"),
            ("claims", COUNT, "claim payments in it"),
            ("claims_paid", MONEY, "sum of the claim payments (CLP04)"),
            ("provider_adjusted", MONEY, "sum of the provider adjustments (PLB); positive lowers the payment"),
            ("claims_digest", TEXT, "digest of its claim payments: the same when they come again by another route"),
        ),
    ),
    Table(
        "remittances",
        "835 claim payment (CLP)",
        _columns(
            *_REMITTANCE,
            (
                "payment_id",
                KEY,
                "the transaction it was paid in; missing where a listing told the decision",
                IDENTIFIER,
            ),
            _SEGMENT,
            ("payer_name", TEXT, "payer"),
            ("payer_id", TEXT, "identifier of the payer"),
            (
                "check_number",
                TEXT,
                "trace number of the payment (TRN02); the day where a listing tells none",
                IDENTIFIER,
            ),
            (
                "claim_number",
                TEXT,
                "the practice's claim number (CLP01); no number (CLP07) where the payer gives none",
                IDENTIFIER,
            ),
            ("status_code", TEXT, "claim status (CLP02); not a sign of denial by itself"),
            ("charge", MONEY, "charge of the claim (CLP03)"),
            ("paid", MONEY, "payment (CLP04)"),
            ("patient_share", MONEY, "patient responsibility (CLP05)"),
            ("filing_code", TEXT, "claim filing indicator (CLP06)"),
            ("payer_claim_number", TEXT, "payer's number of the claim (CLP07)", IDENTIFIER),
            ("place_of_service", TEXT, "facility code (CLP08)"),
            ("frequency", TEXT, "claim frequency (CLP09)"),
            ("drg", TEXT, "diagnosis related group (CLP11)"),
            ("original_reference", TEXT, "payer's number of an earlier claim (REF F8)", IDENTIFIER),
            ("patient_key", TEXT, "keyed pseudonym of the member number", IDENTIFIER),
            ("rendering_npi", TEXT, "NPI of the rendering provider"),
            ("forwarded_to", TEXT, "payer the claim was passed on to (NM1 TT)"),
            ("service_date", DAY, "first day of service"),
            ("service_date_last", DAY, "last day of service"),
            ("received_on", DAY, "day on which the payer received the claim (DTM 050)"),
            ("covered", MONEY, "covered amount (AMT AU)"),
            ("interest", MONEY, "interest (AMT I)"),
            ("lines", COUNT, "service lines"),
            ("adjusted", MONEY, "sum of its adjustments, claim and line level"),
        ),
    ),
    Table(
        "remittance_lines",
        "835 service line (SVC)",
        _columns(
            *_REMITTANCE,
            _LINE,
            _SEGMENT,
            *_PROCEDURE,
            ("charge", MONEY, "line charge (SVC02)"),
            ("paid", MONEY, "line payment (SVC03)"),
            ("units", QUANTITY, "units paid (SVC05)"),
            ("billed_procedure", TEXT, "procedure as billed where the payer changed it (SVC06)"),
            ("billed_units", QUANTITY, "units billed where the payer changed them (SVC07)"),
            ("service_date", DAY, "day of service"),
            ("line_control", TEXT, "the practice's line number (REF 6R)", IDENTIFIER),
            ("allowed", MONEY, "allowed amount (AMT B6)"),
            ("adjusted", MONEY, "sum of its adjustments"),
        ),
    ),
    Table(
        "adjustments",
        "CAS triplet of an 835, or RAS of its later releases",
        _columns(
            *_REMITTANCE,
            _LINE_OR_CLAIM,
            _SEGMENT,
            ("position", COUNT, "place of the triplet in its CAS segment, 1 to 6 by the standard; more are kept"),
            ("group_code", TEXT, "CO, PR, OA, PI, or CR of 4010"),
            ("carc", TEXT, "claim adjustment reason code"),
            ("amount", MONEY, "positive lowers the payment"),
            ("quantity", QUANTITY, "units adjusted"),
        ),
    ),
    Table(
        "remarks",
        "remark code of an 835",
        _columns(
            *_REMITTANCE,
            _LINE_OR_CLAIM,
            _SEGMENT,
            ("source", TEXT, "LQ, MOA, MIA or RAS"),
            ("rarc", TEXT, "remittance advice remark code"),
        ),
    ),
    Table(
        "provider_names",
        "name of a rendering or referring provider in a file (NM1*82, NM1*DN of an 837)",
        _columns(
            *_SOURCE,
            ("npi", TEXT, "NPI of the provider"),
            ("name", TEXT, "first and last name in capitals; never one that a patient of the same file has", FREE_TEXT),
        ),
    ),
    Table(
        "denial_reasons",
        "reason of a denial in the words of a listing",
        _columns(
            *_REMITTANCE,
            _LINE_OR_CLAIM,
            ("reason_text", TEXT, "the listing's reason, with words that could name a person removed", FREE_TEXT),
        ),
    ),
    Table(
        "provider_adjustments",
        "PLB pair of an 835",
        _columns(
            *_SOURCE,
            ("payment_id", KEY, "the transaction it belongs to", IDENTIFIER),
            _SEGMENT,
            ("npi", TEXT, "provider adjusted"),
            ("fiscal_date", DAY, "end of the fiscal period"),
            ("reason_code", TEXT, "WO overpayment recovery, FB forward balance, L6 interest, ..."),
            ("reference", TEXT, "identifier given with the reason, with member numbers removed", IDENTIFIER),
            ("amount", MONEY, "positive lowers the payment"),
        ),
    ),
    Table(
        "contracts",
        "payer and plan of the practice's own list of contracts, dated; a blank cell is not known",
        _columns(
            *_SOURCE,
            ("payer", TEXT, "payer as the files name it"),
            ("plan", TEXT, "plan or product"),
            ("payer_class", TEXT, "class as in filing_indicators: medicare, commercial, ..."),
            ("valid_from", DAY, "first day of the terms"),
            ("valid_to", DAY, "last day of the terms"),
            ("filing_days", COUNT, "days from service to the first claim"),
            ("corrected_days", COUNT, "days from the decision to a corrected claim"),
            ("appeal_days", COUNT, "days from the decision to an appeal"),
            ("dispute_days", COUNT, "days to dispute a price or a take-back"),
            ("prompt_pay_days", COUNT, "days within which a clean claim is paid"),
            ("interest_rate", RATE, "yearly interest on what is paid later, share 0-1", SHARE),
            ("source", TEXT, "where the terms stand"),
        ),
    ),
    Table(
        "work_status",
        "row of a workbook of the team that came back: what became of a claim and its need, without notes and names",
        _columns(
            *_SOURCE[:1],
            ("known_on", DAY, "day of the report that the workbook was made for"),
            ("row", COUNT, "place among the rows of the workbook, from 1"),
            ("claim_number", TEXT, "claim", IDENTIFIER),
            ("need", TEXT, "need of `work_items`; missing in a row that the team inserted"),
            ("category", TEXT, "category of the item when the workbook was made"),
            (
                "status",
                TEXT,
                "To do, In progress, Resubmitted, Appealed, Waiting on payer, Paid, Wrote off or Not ours",
            ),
            ("assigned", TEXT, "keyed pseudonym of who works on it", IDENTIFIER),
            ("last_touched", DAY, "day on which it was last worked, as typed"),
            ("written_status", TEXT, "status that the workbook was made with"),
            ("changed", FLAG, "status, name or day are not as they were written"),
        ),
    ),
    Table(
        "work_log",
        "action of staff on a claim, in words of our own",
        _columns(
            *_SOURCE,
            ("row", COUNT, "row of the file from 1"),
            ("claim_number", TEXT, "claim worked", IDENTIFIER),
            ("queue", TEXT, "queue of the practice, where at least five claims went through it", FREE_TEXT),
            (
                "action",
                TEXT,
                "appeal, dispute, records_sent, corrected_claim, resubmit, bill_other_payer, invoice_facility, statement, "
                "status, write_off, note or other",
            ),
            (
                "outcome",
                TEXT,
                "sent, pending, paid, upheld, not_on_file, late or too_late; missing where it tells none of them",
            ),
        ),
    ),
    Table(
        "ledger",
        "posting of the practice's own system, of the ledgers that are understood",
        _columns(
            *_SOURCE,
            ("row", COUNT, "row of the file from 1; each further sheet of a workbook begins 33,554,432 later"),
            ("claim_number", TEXT, "the practice's claim number", IDENTIFIER),
            ("kind", TEXT, "charge, payment, adjustment, write_off, refund, transfer or other"),
            ("posted_by", TEXT, "insurance or patient, for payments and transfers"),
            ("amount", MONEY, "charges positive; payments, adjustments and write-offs negative; refunds positive"),
            ("code", TEXT, "the practice's adjustment code"),
            ("reason", TEXT, "the practice's reason, with words that could name a person removed", FREE_TEXT),
            ("word_leaf", TEXT, "write-off leaf that the words told before some were removed; unclassified if none"),
            ("payer_name", TEXT, "payer as the practice names it"),
            ("procedure", TEXT, "procedure code"),
            ("location", TEXT, "location as the practice names it"),
            ("service_date", DAY, "day of service"),
        ),
    ),
    Table(
        "ledger_sheets",
        "sheet of a ledger, as it came",
        _columns(
            _SOURCE[0],
            ("sheet", COUNT, "place of the sheet in its file, from 0"),
            ("name", TEXT, "name of the sheet; empty for a file that is one table", FREE_TEXT),
            (
                "headings",
                TEXT,
                "headings of the columns that are kept, in the order of `ledger_cells`",
                JSON,
                FREE_TEXT,
            ),
            ("dropped", TEXT, "headings of columns that are not kept, with the reason", JSON, FREE_TEXT),
            ("told", TEXT, "what the user's mapping file says of columns, kinds and dates", JSON, FREE_TEXT),
            ("rows", COUNT, "rows below its headings"),
        ),
    ),
    Table(
        "ledger_cells",
        "row of a ledger as it came, without persons; it becomes postings of `ledger` where it is understood",
        _columns(
            _SOURCE[0],
            ("row", COUNT, "row of the file from 1; each further sheet of a workbook begins 33,554,432 later"),
            *((cell_column(i), TEXT, f"cell of column {i + 1}", FREE_TEXT) for i in range(LEDGER_COLUMNS)),
        ),
    ),
    Table(
        "rejects",
        "input that was not accepted",
        _columns(
            ("file_id", TEXT, "SHA-256 of the file's bytes", IDENTIFIER),
            ("name", TEXT, "name of the file", FREE_TEXT),
            (
                "level",
                TEXT,
                "file, table, interchange, transaction, claim, row or value; notice or warning where nothing was left out",
            ),
            ("place", TEXT, "segment or row, and the claim number where there is one", FREE_TEXT),
            ("reason", TEXT, "what is wrong, in words", FREE_TEXT),
            ("advice", TEXT, "what to do"),
            ("batch", TEXT, "ingest that met it"),
        ),
    ),
)

_CLAIM_NUMBER = ("claim_number", TEXT, "the practice's number of the claim, the first of its episode", IDENTIFIER)
_PAYER = (
    ("payer_id", TEXT, "identifier of the payer, as in the EDI"),
    ("payer_name", TEXT, "payer, as named in the EDI; the ledger's name where no EDI tells"),
)
_LOCATION = ("location", TEXT, "service location, else the billing organization")
_CODES = (
    ("group_code", TEXT, "group of the driving adjustment: CO, PR, OA, PI"),
    ("carc", TEXT, "driving claim adjustment reason code"),
    ("rarc", TEXT, "remark code that tells most"),
)
_CATEGORY = ("category", TEXT, "denial category, from the CARC, the remark where the CARC is generic, or the words")
_OWNER = ("owner", TEXT, "who works it: biller, coder, front desk, ...")
_FIX = ("fix", TEXT, "what to do, in a sentence")
_EXPECTED = (
    (
        "expected_allowed",
        MONEY,
        "what the refused part would have been allowed, by what the payer paid for the like; it may exceed the charge where payers do",
    ),
    ("expected_lower", MONEY, "lower bound: a tenth of those payments were at most that"),
    ("expected_upper", MONEY, "upper bound: nine tenths of those payments were at most that"),
    (
        "expected_basis",
        TEXT,
        "answer (the contract's cut stands beside the refusal) or payments that tell it: payer_place, payer (any place), "
        "payer_class, procedure (any payer); estimated from charges: payer_ratio, practice_ratio; taken_back: what had been paid",
    ),
    ("expected_lines", COUNT, "payments that it rests on"),
    (
        "expected_cash",
        MONEY,
        "expected_allowed times how often denials of the category at payers of the class were paid when worked",
    ),
)
_SERVICE_DATE = ("service_date", DAY, "first day of service")
_SUBMITTED_ON = ("submitted_on", DAY, "first submission")

DERIVED = (
    Table(
        "claims",
        "claim episode: first submission, rejections, resubmissions, decisions and postings together",
        _columns(
            _CLAIM_NUMBER,
            *_PAYER,
            ("payer_order", TEXT, "P primary, S secondary, T tertiary, of the first submission"),
            ("payer_class", TEXT, "medicare, medicaid, commercial, ... from the filing indicator"),
            ("billing_npi", TEXT, "NPI of the billing provider"),
            ("rendering_npi", TEXT, "NPI of the rendering provider"),
            _LOCATION,
            ("place_of_service", TEXT, "place of service or facility code"),
            _SERVICE_DATE,
            _SUBMITTED_ON,
            ("first_decided_on", DAY, "first decision of a payer; missing while none was made"),
            ("charge", MONEY, "charge of the claim"),
            ("allowed", MONEY, "allowed amount as it stands, where the primary payer told it"),
            ("paid", MONEY, "payments of all payers, less what they took back"),
            ("patient_share", MONEY, "what the patient owes as the last payer left it"),
            ("rejected", FLAG, "rejected at least once by a 277CA"),
            ("initially_denied", FLAG, "a line was denied in the first decision"),
            ("denied_amount", MONEY, "what the payer refused of the lines denied in the first decision"),
            _CATEGORY,
            *_CODES,
            ("submissions", COUNT, "times it was sent"),
            (
                "state",
                TEXT,
                "voided, self_pay, unbilled, rejected, submitted, accepted, pending, forwarded, resubmitted, taken_back, "
                "unpaid_no_reason, open_past_window, denied_open, patient, written_off, partially_paid or paid",
            ),
            (
                "closed_on",
                DAY,
                "last decision or posting of a claim on which nothing is owed; missing while it is open",
            ),
            ("open_balance", MONEY, "what nobody has paid, settled, owes as patient or written off"),
            ("written_off", MONEY, "write-offs beyond contract and regulation that were posted"),
            ("write_off_leaf", TEXT, "kind of the largest write-off"),
            ("write_off_root", TEXT, "necessary, unnecessary, payer or unclassified"),
            ("link_rule", TEXT, "what ties its numbers: same_claim_number, payer_claim_number or acknowledged_number"),
            ("paid_after_first", FLAG, "paid something after the first decision, or after one that paid nothing"),
            ("patient_key", TEXT, "keyed pseudonym of the member number", IDENTIFIER),
            ("ever_denied", FLAG, "a line was denied in any decision"),
            ("last_denied_on", DAY, "last decision that denied a line or cut it"),
            ("last_decided_on", DAY, "last decision"),
            ("acknowledged", FLAG, "a 277CA answered it; missing where none did"),
            ("in_ledger", FLAG, "the practice's ledger knows it"),
            ("write_off_basis", TEXT, "posted"),
            ("unprocessable", FLAG, "every line denied at first was called unprocessable (MA130)"),
            ("unprocessable_now", FLAG, "the same of the last decision"),
            ("filing_deadline", DAY, "last day on which the payer takes a first claim"),
            ("last_submitted_on", DAY, "last submission"),
            ("last_category", TEXT, "category of the denial that stands last"),
            ("denied_charge", MONEY, "charges of the lines denied in the first decision"),
            ("is_qmb", FLAG, "a Qualified Medicare Beneficiary by the payer's word: nothing may be collected"),
            ("denial_lost", FLAG, "a denied line was written off by the practice's own posting"),
            (
                "expected_allowed",
                MONEY,
                "what its refused lines would have been allowed: the sum of its first refusals in `denials`",
            ),
            (
                "expected_cash",
                MONEY,
                "the same times how often the like was paid when worked; missing where nothing was refused",
            ),
        ),
    ),
    Table(
        "denials",
        "service line refused in one decision; `is_first` and `at_first_decision` keep a charge from counting twice",
        _columns(
            _CLAIM_NUMBER,
            _LINE_OR_CLAIM,
            ("decided_on", DAY, "day of the decision"),
            *_PAYER,
            *_PROCEDURE[:2],
            ("rendering_npi", TEXT, "NPI of the rendering provider"),
            _LOCATION,
            ("charge", MONEY, "charge of the line"),
            ("denied_amount", MONEY, "what the refusing adjustments carry"),
            *_CODES,
            ("rarcs", TEXT, "all remark codes of the line, separated by spaces"),
            _CATEGORY,
            ("class", TEXT, "class of the driving adjustment: denial, bundling, appeal_outcome, ..."),
            ("reason_text", TEXT, "a listing's reason, with words that could name a person removed", FREE_TEXT),
            ("stage", TEXT, "where it came about: front, mid or back"),
            _OWNER,
            ("preventable", TEXT, "yes, partly or no"),
            ("recoverable", TEXT, "yes, partly or no"),
            _FIX,
            ("is_first", FLAG, "the first refusal of this line"),
            ("at_first_decision", FLAG, "refused in the claim's first decision"),
            ("is_partial", FLAG, "cut beside a payment, or outweighed by the patient's share: no denial"),
            ("unprocessable", FLAG, "the payer wants a new claim (MA130): no appeal"),
            ("payer_order", TEXT, "P primary, S secondary, T tertiary"),
            _SERVICE_DATE,
            _SUBMITTED_ON,
            ("outcome", TEXT, "of the line: open, open_past_window, recovered, partly_recovered, patient or lost"),
            ("route", TEXT, "how it is worked: correct_and_resubmit, reopening, appeal, invoice_facility, ..."),
            ("leaf", TEXT, "where it ends when it is given up: a row of `write_off_leaves`"),
            ("situation", TEXT, "row of `situations` that decided; missing where the code tables did"),
            ("payer_class", TEXT, "class of the payer that decided"),
            ("outcome_on", DAY, "day on which the outcome was known; missing while it is open"),
            *_EXPECTED,
        ),
    ),
    Table(
        "write_offs",
        "posted write-off",
        _columns(
            _CLAIM_NUMBER,
            ("posted_on", DAY, "day of the posting"),
            ("amount", MONEY, "positive: written off; negative: taken back"),
            ("code", TEXT, "the practice's adjustment code"),
            ("reason", TEXT, "the practice's reason, with words that could name a person removed", FREE_TEXT),
            ("leaf", TEXT, "kind of write-off: a row of `write_off_leaves`"),
            ("root", TEXT, "necessary, unnecessary, payer or unclassified"),
            ("basis", TEXT, "posted, or inferred from a deadline that a contract confirms"),
            ("remit_category", TEXT, "category of the denial that the remittances tell"),
            ("mismatch", FLAG, "posted as contractual, but no contract cut of a payer explains it"),
            (
                "told_by",
                TEXT,
                "what tells the leaf: words, confirmed (by the practice), remittance (its denial or rejection), evidence (learned, a guess) or nothing",
            ),
            ("owner", TEXT, "who can stop it from happening again; on ambulance trips nobody at a front desk"),
            ("fix", TEXT, "what to change"),
            (
                "expected_allowed",
                MONEY,
                "what payers would have allowed of it; a patient's debt is what it is; missing for contract and law",
            ),
        ),
    ),
    Table(
        "ledger_codes",
        "adjustment code of the practice",
        _columns(
            ("code", TEXT, "the practice's adjustment code, else its reason", FREE_TEXT),
            ("leaf", TEXT, "what it mostly means, by dollars: a row of `write_off_leaves`"),
            ("root", TEXT, "necessary, unnecessary, payer or unclassified"),
            ("postings", COUNT, "postings under the code"),
            ("amount", MONEY, "positive: written off"),
            ("evidence", TEXT, "what tells the meaning: words, confirmed, or what most dollars were judged by"),
            ("confidence", RATE, "how far the meaning can be trusted, of the dollars"),
            ("confirmed", FLAG, "told by the practice in ledger_codes.csv"),
        ),
    ),
    Table(
        "ledger_understanding",
        "sheet of a ledger: whether it is understood, and how its sums stand beside the electronic files",
        _columns(("file_id", TEXT, "SHA-256 of the file's bytes", IDENTIFIER), *_CHECKS),
    ),
    Table(
        "line_outcomes",
        "line of a submitted or answered claim",
        _columns(
            _CLAIM_NUMBER,
            _LINE_OR_CLAIM,
            _PROCEDURE[0],
            ("charge", MONEY, "charge of the line"),
            ("outcome", TEXT, "paid, capitated, recovered, lost, patient, open or undecided"),
            ("outcome_on", DAY, "day on which the outcome was known; missing while it is open"),
        ),
    ),
    Table(
        "takebacks",
        "payment that a payer took back, by reversal or by withholding (PLB)",
        _columns(
            _CLAIM_NUMBER,
            ("payer_name", TEXT, "payer"),
            ("paid_on", DAY, "day of the payment"),
            ("taken_back_on", DAY, "day of the reversal"),
            ("amount", MONEY, "what was taken back"),
            ("kind", TEXT, "retroactive_termination, review, other_payer_primary or rate_correction"),
            ("plb_reference", TEXT, "reference under which it was withheld", IDENTIFIER),
            ("recouped_on", DAY, "day on which the money was gone"),
            (
                "dispute_until",
                DAY,
                "last day of a dispute: by the contract, else the usual one; missing where neither tells",
            ),
            ("dispute_confirmed", FLAG, "the contract tells the last day; a usual one only warns"),
            ("outcome", TEXT, "open, repaid, lost, patient paid, paid by other payer or price lowered"),
            ("outcome_on", DAY, "day of the outcome"),
            ("repaid", MONEY, "what was paid again"),
        ),
    ),
    Table(
        "missing_remittances",
        "payer, month of posting and kind of gap with insurers' payments in the ledger that no remittance tells",
        _columns(
            ("payer_name", TEXT, "payer as the claims name it, else the ledger"),
            ("month", TEXT, "month of the postings, YYYY-MM", MONTH),
            (
                "kind",
                TEXT,
                "gap: other remittances of the payer are there before and after; before_first, after_last: outside the months that are there; none_of_payer: no remittance of it is there",
            ),
            ("claims", COUNT, "claims paid in the ledger alone"),
            ("payments", COUNT, "postings of those payments"),
            ("amount", MONEY, "what the ledger has beyond the remittances"),
            ("told", COUNT, "claim payments of the payer in that month that did come"),
        ),
    ),
    Table(
        "compliance_alerts",
        "thing that a compliance officer must see",
        _columns(
            _CLAIM_NUMBER,
            ("kind", TEXT, "qmb_billed, credit_balance, patient_charged_co or notice_missing"),
            ("amount", MONEY, "dollars concerned"),
            ("why", TEXT, "what is wrong, in a sentence"),
        ),
    ),
    Table(
        "payment_variances",
        "paid line that differs from its price",
        _columns(
            _CLAIM_NUMBER,
            _LINE,
            ("payer_name", TEXT, "payer"),
            _SERVICE_DATE,
            ("decided_on", DAY, "day of the payment"),
            ("kind", TEXT, "downcoded_reported, downcoded_silent, fee_cut or short_paid"),
            ("procedure", TEXT, "procedure billed"),
            ("paid_procedure", TEXT, "procedure paid"),
            ("expected_allowed", MONEY, "what the line should have been allowed"),
            ("allowed", MONEY, "what it was allowed"),
            ("shortfall", MONEY, "the difference"),
        ),
    ),
    Table(
        "episode_steps",
        "thing that happened to a claim, with its kind and the rule that ties it to the claim",
        _columns(
            _CLAIM_NUMBER,
            ("step", COUNT, "place in the claim's story, from 1"),
            ("happened_on", DAY, "day it was known"),
            ("event", TEXT, "submission, acknowledgment or decision"),
            ("kind", TEXT, "original, corrected, resubmitted, ...; accepted, rejected; first, reversal, takeback, ..."),
            ("own_number", TEXT, "claim number under which it came", IDENTIFIER),
            *_PAYER,
            ("payer_claim_number", TEXT, "payer's number of the claim", IDENTIFIER),
            ("charge", MONEY, "charge it names"),
            ("paid", MONEY, "payment of a decision"),
            ("link_rule", TEXT, "same_claim_number, payer_claim_number or acknowledged_number"),
        ),
    ),
    Table(
        "rejected_claims",
        "claim rejected and never accepted or sent again, with dollars and days left",
        _columns(
            _CLAIM_NUMBER,
            ("payer_name", TEXT, "payer"),
            _LOCATION,
            _SERVICE_DATE,
            _SUBMITTED_ON,
            ("rejected_on", DAY, "last rejection"),
            ("rejected_by", TEXT, "payer, clearinghouse, or remittance that calls it unprocessable"),
            ("code", TEXT, "status category and code of the 277CA, else CARC and RARC"),
            ("reason", TEXT, "the code in words", FREE_TEXT),
            _FIX,
            ("charge", MONEY, "charge of the claim"),
            ("open_balance", MONEY, "what is still open of it"),
            ("filing_deadline", DAY, "last day on which the payer takes it"),
            ("days_left", COUNT, "days to the filing deadline; negative when it has passed", DAYS),
            ("expected_allowed", MONEY, "what the payer would allow of what is open"),
        ),
    ),
    Table(
        "rejections",
        "claim rejected before a payer judged it, with what that cost in days",
        _columns(
            _CLAIM_NUMBER,
            ("payer_id", TEXT, "identifier of the payer"),
            ("payer_name", TEXT, "payer"),
            _LOCATION,
            ("rendering_npi", TEXT, "NPI of the rendering provider"),
            ("rejected_by", TEXT, "payer, clearinghouse or receiver, at the first rejection"),
            ("code", TEXT, "status category and code of the 277CA, at the first rejection"),
            ("reason", TEXT, "the code in words", FREE_TEXT),
            _SUBMITTED_ON,
            ("first_rejected_on", DAY, "first rejection"),
            ("last_rejected_on", DAY, "last rejection"),
            ("rejections", COUNT, "days on which it was rejected"),
            ("repeats", COUNT, "rejections after the first"),
            ("charge", MONEY, "charge of the claim"),
            ("resent", FLAG, "sent again after the first rejection"),
            ("resent_on", DAY, "first day on which it was sent again"),
            ("through_on", DAY, "day on which it was sent so that no rejection followed"),
            ("days_lost", COUNT, "from the first rejection to that day, or to the day of the report", DAYS),
        ),
    ),
    Table(
        "possible_links",
        "pair of claims that may belong together, not joined, with the reason; or one number that may be two claims",
        _columns(
            _CLAIM_NUMBER,
            ("other_number", TEXT, "the claim it may belong to", IDENTIFIER),
            ("reason", TEXT, "why they may belong together", FREE_TEXT),
            ("reference", TEXT, "payer's number that points there", IDENTIFIER),
            ("noticed_on", DAY, "day from which it could be seen"),
            ("charge", MONEY, "charge of the claim"),
        ),
    ),
)

_INTERVAL = (
    ("lower", NUMBER, "lower bound of the interval"),
    ("upper", NUMBER, "upper bound of the interval"),
)

ANALYSES = (
    Table(
        "measures",
        "measure in a month and segment, with interval",
        _columns(
            ("measure", TEXT, "name of the measure, such as initial_denial_rate"),
            ("basis", TEXT, "what the month is of: decision_month, submission_month, service_month or posting_month"),
            ("month", TEXT, "month as YYYY-MM", MONTH),
            ("dimension", TEXT, "what is told apart: payer_name, location, ...; all for the whole practice"),
            ("segment", TEXT, "value of the dimension"),
            ("numerator", NUMBER, "cases, USD or days above the line, by measure"),
            ("denominator", NUMBER, "cases or USD below the line; of days, the cases"),
            ("value", NUMBER, "share, USD, or median days, by measure"),
            *_INTERVAL,
            ("complete", FLAG, "the month is over, and old enough to be judged"),
        ),
    ),
    Table(
        "signals",
        "change that chance does not explain, with what it cost",
        _columns(
            ("measure", TEXT, "measure that changed"),
            ("kind", TEXT, "step, drift, burst, new_code, definition or one_patient"),
            ("dimensions", TEXT, "what the segment is told by, joined by ×; all for the whole practice"),
            ("segment", TEXT, "column names and values of the segment", JSON),
            ("first_month", TEXT, "month in which the change begins", MONTH),
            ("last_month", TEXT, "last month of the change", MONTH),
            ("before", NUMBER, "rate before", SHARE),
            ("after", NUMBER, "rate since", SHARE),
            ("excess_count", NUMBER, "cases above what the rate before would have given", COUNTED),
            ("excess_amount_usd", NUMBER, "their charges", USD),
            ("excess_cash_usd", NUMBER, "cash expected of them: 0 where no payment tells prices", USD),
            ("q_value", NUMBER, "share of false ones among signals this strong", SHARE),
            ("headline", TEXT, "the change in a sentence"),
            ("basis", TEXT, "what the months are of"),
            ("first_week", TEXT, "first day of the week in which the change begins, as YYYY-MM-DD", "week"),
            ("before_lower", NUMBER, "lower bound of the rate before", SHARE),
            ("before_upper", NUMBER, "upper bound of the rate before", SHARE),
            ("after_lower", NUMBER, "lower bound of the rate since", SHARE),
            ("after_upper", NUMBER, "upper bound of the rate since", SHARE),
            ("before_count", NUMBER, "cases counted before", COUNTED),
            ("before_cases", NUMBER, "all cases before", COUNTED),
            ("after_count", NUMBER, "cases counted since", COUNTED),
            ("after_cases", NUMBER, "all cases since", COUNTED),
            ("ongoing", FLAG, "the last month still shows it"),
            ("change", COUNT, "number of the change", "key"),
            ("segments", TEXT, "all segments in which it shows, `segment` first", JSON),
        ),
    ),
    Table(
        "clusters",
        "group of denials with a common cause",
        _columns(
            ("cluster_id", TEXT, "C01, C02, ...; the same through a year; unclustered for the rest"),
            ("label", TEXT, "what its denials have in common, in words"),
            ("denials", COUNT, "denied lines in it"),
            ("denied_amount", NUMBER, "their denied dollars", USD),
            ("share", NUMBER, "share of all denials", SHARE),
            ("trend", TEXT, "denials by month", JSON),
            _OWNER,
            _FIX,
            ("features", TEXT, "conditions, with share, expected share and lift", JSON),
            ("preventable_share", NUMBER, "share of its denials that were preventable", SHARE),
            ("preventable_amount", NUMBER, "dollars of those", USD),
            ("expected_cash", NUMBER, "cash expected of its denials: 0 where no payment tells prices", USD),
            ("preventable_cash", NUMBER, "the same of those that were preventable", USD),
            ("recovered_share", NUMBER, "share of its claims that were paid later", SHARE),
            ("examples", TEXT, "claim numbers of its largest denials, separated by spaces", FREE_TEXT),
            ("stability", NUMBER, "share of resampled runs that find it again", SHARE),
            ("status", TEXT, "new, growing, steady, shrinking or gone"),
        ),
    ),
    Table(
        "cluster_members",
        "denial in a cluster",
        _columns(
            _CLAIM_NUMBER,
            _LINE_OR_CLAIM,
            ("cluster_id", TEXT, "its cluster"),
            ("strength", SCORE, "how surely it belongs there"),
        ),
    ),
    Table(
        "rules",
        "prevention rule learned and proven on later months",
        _columns(
            ("rule_id", TEXT, "the same for the same condition"),
            ("condition", TEXT, "terms joined by and"),
            ("category", TEXT, "denial category it prevents most, or rejection"),
            ("claims_matched", COUNT, "claims it matched in the months of proof"),
            ("precision", NUMBER, "share of those that were denied or rejected", SHARE),
            ("precision_lower", NUMBER, "what to expect at least of as many claims again", SHARE),
            ("base_rate", NUMBER, "share of all claims that were denied or rejected", SHARE),
            ("false_alarms_per_100", NUMBER, "holds in vain per 100 claims sent", "per 100 claims"),
            ("avoidable_usd_per_month", NUMBER, "denied dollars of its category met per month", "USD per month"),
            ("learned_through", DAY, "last day it was learned from"),
            ("tested_from", DAY, "first day of the months of proof"),
            ("tested_to", DAY, "last day of the months of proof"),
            ("denied", COUNT, "claims matched that were denied or rejected"),
            ("denied_in_category", COUNT, "those of its category"),
            ("share_of_category", NUMBER, "share of the category's cases that it met", SHARE),
            ("denied_usd", NUMBER, "denied dollars of its category that it met", USD),
            ("since", TEXT, "month from which it holds, where it began lately", MONTH),
            ("terms", TEXT, "the condition as data", JSON),
            ("words", TEXT, "the condition as a phrase", FREE_TEXT),
            ("sentence", TEXT, "what to hold for, and the proof"),
            ("check", TEXT, "what to check"),
            _OWNER,
            _FIX,
        ),
    ),
    Table(
        "risk",
        "open denied claim, most expected cash first",
        _columns(
            _CLAIM_NUMBER,
            ("as_of", DAY, "day it is told of"),
            ("p_write_off", NUMBER, "chance that the denial ends written off", SHARE),
            ("lower", NUMBER, "lower bound of the chance", SHARE),
            ("upper", NUMBER, "upper bound of the chance", SHARE),
            ("open_balance", NUMBER, "what is open of the claim", USD),
            ("at_stake_usd", NUMBER, "open and refused: the smaller of the two", USD),
            ("expected_loss_usd", NUMBER, "chance × dollars at stake", USD),
            (
                "expected_allowed_usd",
                NUMBER,
                "what the payer would allow for what is at stake; missing where no payment tells",
                USD,
            ),
            (
                "expected_cash",
                NUMBER,
                "the same × how often such claims were paid when they were worked, as in `denials`",
                USD,
            ),
            ("touches", NUMBER, "times such claims were worked until they were settled", COUNTED),
            ("usd_per_touch", NUMBER, "expected cash per touch", USD),
            ("days_left", COUNT, "days to the next deadline; negative when all have passed", DAYS),
            ("next_deadline", DAY, "next deadline that still runs, else the last that did"),
            ("correction_days_left", COUNT, "days to the deadline for corrected claims", DAYS),
            (
                "appeal_days_left",
                COUNT,
                "days to the deadline for a first appeal; missing where none is possible",
                DAYS,
            ),
            ("rank", COUNT, "place in the order of work, from 1"),
            ("reasons", TEXT, "what raises and lowers the chance", FREE_TEXT),
            ("next_step", TEXT, "what to do, in a sentence"),
            _OWNER,
            ("payer_name", TEXT, "payer"),
            _LOCATION,
            _CATEGORY,
            ("carc", TEXT, "driving claim adjustment reason code"),
            ("rarc", TEXT, "remark code that tells most, or none"),
            ("route", TEXT, "how it is worked: correct_and_resubmit, reopening, appeal, ..."),
            ("denied_on", DAY, "day of the denial"),
            ("basis", TEXT, "what write-offs it learned from: posted, inferred or none"),
        ),
    ),
    Table(
        "work_items",
        "thing to do: a claim and what it needs, or a check to turn on; the most urgent first",
        _columns(
            ("item_id", TEXT, "claim and need, or rule and need; the same from report to report", IDENTIFIER),
            ("as_of", DAY, "day it is told of"),
            ("rank", COUNT, "place in the order of work: due within a week first, then by expected cash"),
            _CLAIM_NUMBER,
            ("rule_id", TEXT, "the check to turn on; missing for claims"),
            (
                "need",
                TEXT,
                "denial, takeback, rejection, unbilled, unanswered, posted_as_contractual, credit_balance, past_deadline or rule",
            ),
            ("is_first", FLAG, "the most urgent need of its claim, with which the claim stands in the workbook"),
            ("also_needs", TEXT, "the other needs of its claim, separated by spaces"),
            ("tab", TEXT, "tab of the workbook in which its claim stands"),
            ("action", TEXT, "what to do with this claim, verb first"),
            ("step", TEXT, "what to do with all of its kind, verb first"),
            ("detail", TEXT, "how, in a sentence"),
            ("owner", TEXT, "whose work it is"),
            ("due", DAY, "day by which it is to be done: the deadline less a margin, on a working day"),
            ("deadline", DAY, "next deadline that runs, else the last that did; missing where there is none"),
            ("deadline_confirmed", FLAG, "a contract of the practice tells the deadline; a usual one only warns"),
            ("days_left", COUNT, "days to the deadline; negative when it has passed", DAYS),
            ("since", DAY, "day on which it came up: denial, rejection, submission, posting"),
            ("claims", COUNT, "1; of a check, the claims that it matched"),
            ("amount", NUMBER, "dollars concerned, in charges", USD),
            ("usual_payment", NUMBER, "what the payer would allow of them; missing where no payment tells", USD),
            ("expected_cash", NUMBER, "the same times how often such work is paid; missing for checks", USD),
            (
                "monthly_usd",
                NUMBER,
                "what a check prevents a month at usual payment; missing for claims",
                "USD per month",
            ),
            ("route", TEXT, "how it is worked: send_records, appeal, resend, ask_payer, refund, turn_on, ..."),
            ("project", TEXT, "row of `work_projects`; missing where it is in none"),
            ("payer_name", TEXT, "payer"),
            ("category", TEXT, "denial category, or the kind of the need"),
            ("carc", TEXT, "driving claim adjustment reason code, or the code of the rejection"),
            ("rarc", TEXT, "remark code that tells most"),
            ("reason", TEXT, "why it is there, in the field's words with the code", FREE_TEXT),
            _LOCATION,
            _SERVICE_DATE,
            ("rendering_npi", TEXT, "NPI of the rendering provider"),
            (
                "root_cause",
                TEXT,
                "what it shares with others of one cause: a payer's reference, a refused file",
                IDENTIFIER,
            ),
            ("write_off_leaf", TEXT, "write-off reason that is proposed, or under which a posting belongs"),
            (
                "status",
                TEXT,
                "To do, In progress, Resubmitted, Appealed, Waiting on payer, Paid, Wrote off or Not ours",
            ),
            ("assigned", TEXT, "keyed pseudonym of who works on it; names stay in the workbook", IDENTIFIER),
            ("last_touched", DAY, "day on which it was last worked, as typed"),
            ("touches", COUNT, "days on which it was worked, by workbooks and work logs"),
            ("remark", TEXT, "what is not as the team said: changed, denied again, marked paid without a remit"),
        ),
    ),
    Table(
        "work_projects",
        "group of work items of one payer and issue, or of one root cause",
        _columns(
            ("project_id", TEXT, "the same from report to report"),
            ("kind", TEXT, "root_cause, payer_issue, common_cause (a cluster of denials) or one_location"),
            ("title", TEXT, "what it is, in words"),
            ("need", TEXT, "need of its items"),
            ("category", TEXT, "denial category, or the kind of the need"),
            ("payer_name", TEXT, "payer, where there is one"),
            ("owner", TEXT, "whose work it mostly is"),
            ("action", TEXT, "what to do, verb first"),
            ("claims", COUNT, "claims in it"),
            ("amount", NUMBER, "dollars concerned, in charges", USD),
            ("usual_payment", NUMBER, "what payers would allow of them", USD),
            ("expected_cash", NUMBER, "the same times how often such work is paid", USD),
            ("first_due", DAY, "first day on which one of its items is due"),
            ("last_deadline", DAY, "last deadline of its items"),
            ("since", DAY, "day on which the first of them came up"),
            ("top_location", TEXT, "location with most of its claims"),
            ("top_location_share", NUMBER, "share of its claims there", SHARE),
            (
                "year_claims",
                COUNT,
                "claims initially denied for its category in 12 months, of its payer and place where all of it is of one",
            ),
            ("year_usual_payment", NUMBER, "usual payment of those", USD),
            (
                "settled",
                COUNT,
                "earlier denials of this category, and payer or place where the project is of one, whose end is known",
            ),
            ("paid_share", NUMBER, "share of those that were paid later", SHARE),
            ("examples", TEXT, "claim numbers of those with most expected cash, separated by spaces", FREE_TEXT),
        ),
    ),
    Table(
        "work_done",
        "claim and need that was worked, by a workbook or a work log",
        _columns(
            _CLAIM_NUMBER,
            ("need", TEXT, "need of `work_items`; denial for work logs"),
            ("payer_name", TEXT, "payer"),
            ("route", TEXT, "how its largest denial is worked; missing where nothing was denied"),
            ("level", COUNT, "appeals that were sent"),
            ("status", TEXT, "last status in a workbook; missing where only a work log tells"),
            ("touches", COUNT, "days on which it was worked"),
            ("first_touched_on", DAY, "first of them"),
            ("last_touched_on", DAY, "last of them"),
            ("days_to_touch", COUNT, "days from the denial, or what else it was, to the first", DAYS),
            ("outcome", TEXT, "won, lost, patient, resolved (the need is gone, the claim goes on) or open"),
            ("outcome_on", DAY, "day of the outcome; missing while it is open"),
            ("days_to_close", COUNT, "days from the first touch to the outcome", DAYS),
            ("paid", NUMBER, "payments of a claim that was won", USD),
        ),
    ),
)

# Steps of `claims` on the way to DERIVED that other rooms may read: these columns of them stay. No other step is read
# outside its room.
SHARED = (
    Table(
        "decisions",
        "decision of a payer, repetitions left out, under the number of its episode",
        _columns(
            *_REMITTANCE,
            (
                "payment_id",
                KEY,
                "the transaction it was paid in; missing where an export told the decision",
                IDENTIFIER,
            ),
            *_PAYER,
            ("payer_order", TEXT, "P primary, S secondary, T tertiary"),
            _CLAIM_NUMBER,
            ("charge", MONEY, "charge of the claim"),
            ("paid", MONEY, "payment"),
            ("filing_code", TEXT, "claim filing indicator"),
            ("place_of_service", TEXT, "place of service or facility code"),
            ("rendering_npi", TEXT, "NPI of the rendering provider"),
            _SERVICE_DATE,
            ("counts", FLAG, "it decides: no reversal, no forward, no predetermination"),
        ),
    ),
    Table(
        "first_decisions",
        "claim that was decided",
        _columns(
            _CLAIM_NUMBER,
            ("remittance_id", KEY, "its first decision that counts", IDENTIFIER),
            ("first_decided_on", DAY, "day of that"),
            ("last_decided_on", DAY, "day of the last"),
        ),
    ),
    Table(
        "decision_parts",
        "decision that counts, with its place among those of its claim",
        _columns(
            _CLAIM_NUMBER,
            ("remittance_id", KEY, "the decision", IDENTIFIER),
            ("in_first", FLAG, "it is the first decision, or a part of it"),
            ("in_last", FLAG, "it is the last decision, or a part of it"),
        ),
    ),
    Table(
        "decided_lines",
        "service line of a decision that counts; a claim without lines, or refused as a whole, is its line 0",
        _columns(
            ("remittance_id", KEY, "the decision", IDENTIFIER),
            _LINE_OR_CLAIM,
            *_PROCEDURE[:2],
            ("charge", MONEY, "charge of the line"),
            ("paid", MONEY, "payment of the line"),
        ),
    ),
    Table(
        "refused_lines",
        "service line that a decision refused, wholly or in part",
        _columns(
            _CLAIM_NUMBER,
            ("remittance_id", KEY, "the decision", IDENTIFIER),
            _LINE_OR_CLAIM,
            ("decided_on", DAY, "day of the decision"),
            *_PAYER,
            *_PROCEDURE[:2],
            ("line_key", TEXT, "the practice's line number, else the procedure"),
            ("charge", MONEY, "charge of the line"),
            ("denied_amount", MONEY, "what the refusing adjustments carry"),
            *_CODES,
            ("rarcs", TEXT, "all remark codes of the line, separated by spaces"),
            _CATEGORY,
            ("unprocessable", FLAG, "the payer wants a new claim (MA130): no appeal"),
            ("is_partial", FLAG, "cut beside a payment, or outweighed by the patient's share: no denial"),
        ),
    ),
    Table(
        "troubled_lines",
        "answer of a line that somebody has to work: refused, left without a reason, or taken back",
        _columns(
            _CLAIM_NUMBER,
            ("remittance_id", KEY, "the decision", IDENTIFIER),
            _LINE_OR_CLAIM,
            ("decided_on", DAY, "day of the decision"),
            *_PAYER,
            _PROCEDURE[0],
            ("charge", MONEY, "charge of the line"),
            ("denied_amount", MONEY, "what is refused or was taken back"),
            *_CODES,
            ("rarcs", TEXT, "all remark codes of the line, separated by spaces"),
            _CATEGORY,
            _OWNER,
            ("route", TEXT, "how it is worked: appeal, bill_other_payer, ask_payer, ..."),
            _FIX,
            ("unprocessable", FLAG, "the payer wants a new claim (MA130): no appeal"),
            ("is_partial", FLAG, "cut beside a payment, or outweighed by the patient's share: no denial"),
        ),
    ),
    Table(
        "denied_line_outcomes",
        "line that was refused, left unexplained or taken back",
        _columns(
            _CLAIM_NUMBER,
            ("line_key", TEXT, "the practice's line number, else procedure with modifiers; empty for the claim itself"),
            _LINE_OR_CLAIM,
            ("kind", TEXT, "refused, unexplained or taken_back"),
            ("amount", MONEY, "what was refused or taken back"),
            ("paid", MONEY, "what the line was paid in all"),
            ("first_on", DAY, "first answer"),
            ("refused_on", DAY, "last refusal"),
            ("last_on", DAY, "last answer"),
            ("outcome", TEXT, "recovered, patient, lost, open or open_past_window"),
            ("outcome_on", DAY, "day of the outcome; missing while it is open"),
            ("by_deadline", FLAG, "lost because a deadline that a contract confirms has passed"),
        ),
    ),
    Table(
        "expected_lines",
        "answer of a line that somebody has to work, as in `troubled_lines`",
        _columns(
            _CLAIM_NUMBER,
            ("remittance_id", KEY, "the decision", IDENTIFIER),
            _LINE_OR_CLAIM,
            *_EXPECTED,
        ),
    ),
    Table(
        "worked_denials",
        "claim, category of denial and class of payer whose refused lines all came to an end",
        _columns(
            _CLAIM_NUMBER,
            _CATEGORY,
            ("payer_class", TEXT, "class of the payer"),
            ("refused_on", DAY, "first refusal"),
            ("settled_on", DAY, "day on which the last line came to its end"),
            ("won", NUMBER, "part of the lines that was paid after all", SHARE),
            (
                "is_worked",
                FLAG,
                "sent again or acted on before its end; missing where no work log tells that it was not",
            ),
        ),
    ),
    Table(
        "worked_shares",
        "category of denial and class of payer: how often its claims were paid when worked, and when left alone",
        _columns(
            _CATEGORY,
            ("payer_class", TEXT, "class of the payer"),
            ("worked", COUNT, "claims with a known end that were sent again or acted on before it", COUNTED),
            ("won", NUMBER, "of these, paid after all; a claim counts with the part of its lines", COUNTED),
            ("alone", COUNT, "claims with a known end that nobody touched, by the work log", COUNTED),
            ("won_alone", NUMBER, "of these, paid all the same", COUNTED),
            ("share", NUMBER, "share paid when worked, few drawn to the category's and the practice's", SHARE),
        ),
    ),
    Table(
        "open_denials",
        "claim with a refused or taken-back line that is still open",
        _columns(
            _CLAIM_NUMBER,
            ("at_stake", MONEY, "refused and open: the smaller of the two"),
            ("open_balance", MONEY, "what is open of the claim; of a refusal under PR that nobody moved, its lines"),
            (
                "expected_allowed",
                MONEY,
                "what the payer would allow for what is at stake; missing where no payment tells",
            ),
            ("expected_cash", MONEY, "the same times how often such claims were paid when worked"),
            ("share", NUMBER, "how often such claims were paid when worked", SHARE),
        ),
    ),
    Table(
        "submission_summary",
        "claim that was sent",
        _columns(
            _CLAIM_NUMBER,
            _SUBMITTED_ON,
            _LOCATION,
            ("patient_key", TEXT, "keyed pseudonym of the member number", IDENTIFIER),
        ),
    ),
    Table(
        "posting_classes",
        "posting of the ledger, under the number of its episode",
        _columns(
            _CLAIM_NUMBER,
            ("known_on", DAY, "day of the posting"),
            ("kind", TEXT, "charge, payment, adjustment, write_off, refund, transfer or other"),
            ("amount", MONEY, "charges positive; payments, adjustments and write-offs negative; refunds positive"),
            ("code", TEXT, "the practice's adjustment code"),
            ("reason", TEXT, "the practice's reason, with words that could name a person removed", FREE_TEXT),
            ("told_leaf", TEXT, "kind of write-off that its words tell; unclassified where they tell none"),
        ),
    ),
    Table(
        "payer_deadlines",
        "payer, class of payer, clock and time for which its length holds",
        _columns(
            ("payer_name", TEXT, "payer; empty for any"),
            ("payer_class", TEXT, "medicare, medicaid, commercial, ..."),
            ("clock", TEXT, "initial_filing, corrected_claim, appeal_level_1, take_back_dispute, ..."),
            ("days", COUNT, "days that it runs", DAYS),
            ("years", COUNT, "calendar years that it runs, where it is told so", "years"),
            ("longest_days", COUNT, "days of the longest that plans or sources give", DAYS),
            ("confirmed", FLAG, "a contract of the practice tells it; all others sort and warn only"),
            ("valid_from", DAY, "first day on which it holds"),
            ("valid_to", DAY, "last day on which it holds"),
        ),
    ),
    Table(
        "category_leaves",
        "denial category",
        _columns(
            _CATEGORY,
            ("leaf", TEXT, "kind of write-off in which it ends when it is given up"),
        ),
    ),
)

TABLES = {table.name: table for table in (*DERIVED, *ANALYSES, *FACTS)}  # what can be exported
_SHARED = {table.name: table for table in SHARED}


class SchemaError(FailedError):
    """A table that is not as it is declared here; the message names table and column."""


def named(mark: str) -> tuple[str, ...]:
    """Names of the columns of any table that carry a mark, such as IDENTIFIER."""
    return tuple(sorted({c.name for table in TABLES.values() for c in table.columns if mark in c.marks}))


def check(name: str, found: pa.Schema) -> None:
    """Compares a table that was made with its declaration: the names of its columns and their types.

    Integers may be of any width and money of any precision, as engines choose them; a shared step may have columns of
    its own besides. Raises SchemaError.
    """
    declared = {column.name: column for column in (TABLES.get(name) or _SHARED[name]).columns}
    extra = [] if name in _SHARED else [column for column in found.names if column not in declared]
    wrong = [f"{name}.{column} is not declared" for column in extra]
    wrong += [f"{name}.{column} is declared and was not made" for column in declared if column not in found.names]
    wrong += [
        f"{name}.{field.name} is {field.type}, declared {declared[field.name].type}"
        for field in found
        if field.name in declared and _kind(field.type) != _kind(declared[field.name].type)
    ]
    if wrong:
        raise SchemaError(f"{'; '.join(wrong)} (rcm_analysis/store/schema.py)")


def _kind(type_: pa.DataType) -> str:
    """What engines agree on: DuckDB sums money to DECIMAL(38,2), Spark to DECIMAL(24,2)."""
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    if pa.types.is_decimal(type_):
        return f"decimal of {type_.scale} places"
    return "integer" if pa.types.is_integer(type_) else str(type_)


def conformed(name: str, frame: pd.DataFrame) -> pa.Table:
    """What an analysis gave, with the types declared: days as dates, counts whole, and so when it has no row too.

    Raises SchemaError where a column is missing, not declared, or holds something else.
    """
    table = TABLES[name]
    wrong = sorted(set(frame.columns) ^ {column.name for column in table.columns})
    if wrong:
        raise SchemaError(f"{', '.join(f'{name}.{column}' for column in wrong)}: declared or made, not both")
    return pa.Table.from_arrays([_array(name, column, frame) for column in table.columns], schema=table.arrow())


def _array(name: str, column: Column, frame: pd.DataFrame) -> pa.Array:
    values = frame[column.name]
    if values.isna().all():  # a column without a value has no type of its own; pandas guesses one
        return pa.nulls(len(values), column.type)
    try:
        return pa.array(values.astype(object) if values.dtype == "category" else values, column.type, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise SchemaError(f"{name}.{column.name} is {values.dtype}, declared {column.type}: {error}") from error


def empty(name: str) -> pa.Table:
    """An empty Arrow table with the columns of `name`."""
    return TABLES[name].arrow().empty_table()


def conform_rows(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table of its declared types, money to the cent; what a row does not tell is null."""
    types = TABLES[name].arrow()
    plain = pa.schema([pa.field(f.name, pa.float64() if pa.types.is_decimal(f.type) else f.type) for f in types])
    return pa.Table.from_pylist(rows, plain).cast(types, safe=False)


def conform(name: str, columns: dict[str, pa.Array]) -> pa.Table:
    """The columns, in the order and with the types of table `name`; a column not given is null.

    Raises ValueError when a column is given that the table does not have.
    """
    table = TABLES[name]
    unknown = set(columns) - {column.name for column in table.columns}
    if unknown:
        raise ValueError(f"{name} has no column {', '.join(sorted(unknown))}")
    rows = len(next(iter(columns.values())))
    arrays = [columns[c.name] if c.name in columns else pa.nulls(rows, c.type) for c in table.columns]
    arrays = [a if a.type == c.type else a.cast(c.type) for a, c in zip(arrays, table.columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=table.arrow())
