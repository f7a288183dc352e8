"""Columns, types, units and meaning of every table: the one place where they are written down.

A fact table is what the files said, appended and never changed; a derived table is rebuilt from the facts as of a
date. `schema.TABLES["remittances"].columns` is a list of `Column`; `arrow()` gives the Arrow schema that the readers
fill and the store writes; `data/README.md` is generated from the same lines and a test compares them.

    >>> [column.name for column in TABLES["remarks"].columns][:4]
    ['file_id', 'known_on', 'remittance_id', 'line_number']
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

MONEY = pa.decimal128(14, 2)
QUANTITY = pa.decimal128(15, 3)
TEXT = pa.string()
DAY = pa.date32()
COUNT = pa.int32()
KEY = pa.int64()
FLAG = pa.bool_()
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
}
SHEET_ROWS = 1 << 25  # numbers kept for each sheet's rows: far more than a sheet holds, and than a text of 1 GB


@dataclass(frozen=True)
class Column:
    """A column: its name, Arrow type and meaning in one line."""

    name: str
    type: pa.DataType
    meaning: str

    @property
    def unit(self) -> str:
        return UNITS[self.type]


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


def _columns(*lines: tuple[str, pa.DataType, str]) -> tuple[Column, ...]:
    return tuple(Column(*line) for line in lines)


_SOURCE = (
    ("file_id", FILE, "SHA-256 of the bytes of the file the row came from"),
    ("known_on", DAY, "first day on which the practice could have known the row"),
)

_REMITTANCE = (*_SOURCE, ("remittance_id", KEY, "the claim payment: first bytes of file_id plus its segment number"))
_SUBMISSION = (*_SOURCE, ("submission_id", KEY, "the claim: first bytes of file_id plus its segment number"))
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

FACTS = (
    Table(
        "files",
        "file offered",
        _columns(
            ("file_id", TEXT, "SHA-256 of the file's bytes"),
            ("name", TEXT, "name of the file as it was offered, without its folder"),
            (
                "kind",
                TEXT,
                "835, 837P, 837I, 837D, 277CA, ledger, claims or denials (listings), or what else it was found to be",
            ),
            ("status", TEXT, "accepted, partly or rejected"),
            ("reason", TEXT, "why it was not wholly accepted, and what to do"),
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
            ("batch_number", TEXT, "the practice's number of the 837 it was sent in (BHT03)"),
            ("interchange_control", TEXT, "number of its interchange (ISA13), which a TA1 repeats"),
            ("group_control", TEXT, "number of its functional group (GS06), which a 999 repeats"),
            ("transaction_control", TEXT, "number of its transaction (ST02), which a 999 repeats"),
            ("kind", TEXT, "837P professional, 837I institutional, 837D dental, listing of claims or denials"),
            ("claim_number", TEXT, "the practice's claim number (CLM01)"),
            ("charge", MONEY, "total charge (CLM02)"),
            ("place_of_service", TEXT, "place of service or type of bill facility code (CLM05-1)"),
            ("frequency", TEXT, "1 original, 7 replacement, 8 void (CLM05-3)"),
            ("original_reference", TEXT, "payer's number of the claim being corrected (REF F8)"),
            ("prior_authorization", TEXT, "prior authorization number (REF G1)"),
            ("referral", TEXT, "referral number (REF 9F)"),
            ("payer_order", TEXT, "P primary, S secondary, T tertiary (SBR01)"),
            ("filing_code", TEXT, "claim filing indicator (SBR09)"),
            ("payer_name", TEXT, "payer billed"),
            ("payer_id", TEXT, "identifier of the payer billed"),
            ("billing_npi", TEXT, "NPI of the billing provider"),
            ("rendering_npi", TEXT, "NPI of the rendering provider, else of the billing provider"),
            ("facility_npi", TEXT, "NPI of the service location"),
            ("location", TEXT, "service location, else the billing organization; never a person's name"),
            ("patient_key", TEXT, "keyed pseudonym of the member number"),
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
            ("line_control", TEXT, "the practice's line number (REF 6R)"),
        ),
    ),
    Table(
        "acknowledgments",
        "277CA claim status (STC at claim level)",
        _columns(
            *_SOURCE,
            _SEGMENT,
            ("claim_number", TEXT, "the practice's claim number (TRN02)"),
            *_STATUS,
            ("rejected", FLAG, "the claim was not accepted for adjudication"),
            ("charge", MONEY, "charge of the claim (STC04)"),
            ("payer_claim_number", TEXT, "payer's number of the claim (REF 1K)"),
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
            ("batch_number", TEXT, "number of the 837 (TRN02), as in `submissions`"),
            ("interchange_control", TEXT, "number of the interchange refused, as in `submissions`"),
            ("group_control", TEXT, "number of the functional group that is refused, or of its transaction"),
            ("transaction_control", TEXT, "number of the transaction refused, as in `submissions`"),
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
            ("payment_id", KEY, "the transaction: first bytes of file_id plus its segment number"),
            _SEGMENT,
            ("payer_name", TEXT, "payer"),
            ("payer_id", TEXT, "identifier of the payer"),
            ("payee_npi", TEXT, "NPI of the payee"),
            ("check_number", TEXT, "trace number of the payment (TRN02)"),
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
            ("payment_id", KEY, "the transaction it was paid in; missing where a listing told the decision"),
            _SEGMENT,
            ("payer_name", TEXT, "payer"),
            ("payer_id", TEXT, "identifier of the payer"),
            ("check_number", TEXT, "trace number of the payment (TRN02); the day where a listing tells none"),
            ("claim_number", TEXT, "the practice's claim number (CLP01); no number (CLP07) where the payer gives none"),
            ("status_code", TEXT, "claim status (CLP02); not a sign of denial by itself"),
            ("charge", MONEY, "charge of the claim (CLP03)"),
            ("paid", MONEY, "payment (CLP04)"),
            ("patient_share", MONEY, "patient responsibility (CLP05)"),
            ("filing_code", TEXT, "claim filing indicator (CLP06)"),
            ("payer_claim_number", TEXT, "payer's number of the claim (CLP07)"),
            ("place_of_service", TEXT, "facility code (CLP08)"),
            ("frequency", TEXT, "claim frequency (CLP09)"),
            ("drg", TEXT, "diagnosis related group (CLP11)"),
            ("original_reference", TEXT, "payer's number of an earlier claim (REF F8)"),
            ("patient_key", TEXT, "keyed pseudonym of the member number"),
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
            ("line_control", TEXT, "the practice's line number (REF 6R)"),
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
        "denial_reasons",
        "reason of a denial in the words of a listing",
        _columns(
            *_REMITTANCE,
            _LINE_OR_CLAIM,
            ("reason_text", TEXT, "the listing's reason, with words that could name a person removed"),
        ),
    ),
    Table(
        "provider_adjustments",
        "PLB pair of an 835",
        _columns(
            *_SOURCE,
            ("payment_id", KEY, "the transaction it belongs to"),
            _SEGMENT,
            ("npi", TEXT, "provider adjusted"),
            ("fiscal_date", DAY, "end of the fiscal period"),
            ("reason_code", TEXT, "WO overpayment recovery, FB forward balance, L6 interest, ..."),
            ("reference", TEXT, "identifier given with the reason, with member numbers removed"),
            ("amount", MONEY, "positive lowers the payment"),
        ),
    ),
    Table(
        "ledger",
        "posting of the practice's own system",
        _columns(
            *_SOURCE,
            ("row", COUNT, "row of the file from 1; each further sheet of a workbook begins 33,554,432 later"),
            ("claim_number", TEXT, "the practice's claim number"),
            ("kind", TEXT, "charge, payment, adjustment, write_off, refund, transfer or other"),
            ("posted_by", TEXT, "insurance or patient, for payments and transfers"),
            ("amount", MONEY, "charges positive; payments, adjustments and write-offs negative; refunds positive"),
            ("code", TEXT, "the practice's adjustment code"),
            ("reason", TEXT, "the practice's reason, with words that could name a person removed"),
            ("payer_name", TEXT, "payer as the practice names it"),
            ("procedure", TEXT, "procedure code"),
            ("location", TEXT, "location as the practice names it"),
            ("service_date", DAY, "day of service"),
        ),
    ),
    Table(
        "rejects",
        "input that was not accepted",
        _columns(
            ("file_id", TEXT, "SHA-256 of the file's bytes"),
            ("name", TEXT, "name of the file"),
            (
                "level",
                TEXT,
                "file, interchange, transaction, claim, row or value; notice or warning where nothing was left out",
            ),
            ("place", TEXT, "segment or row, and the claim number where there is one"),
            ("reason", TEXT, "what is wrong, in words"),
            ("advice", TEXT, "what to do"),
            ("batch", TEXT, "ingest that met it"),
        ),
    ),
)

TABLES = {table.name: table for table in FACTS}


def empty(name: str) -> pa.Table:
    """An empty Arrow table with the columns of `name`."""
    return TABLES[name].arrow().empty_table()


def conform(name: str, columns: dict[str, pa.Array]) -> pa.Table:
    """The columns, in the order and with the types of table `name`; a column not given is null.

    Raises ValueError when a column is given that the table does not have.
    """
    table = TABLES[name]
    unknown = set(columns) - {column.name for column in table.columns}
    if unknown:
        raise ValueError(f"{name} has no column {', '.join(sorted(unknown))}")
    rows = len(next(iter(columns.values())))
    arrays = [columns.get(column.name, pa.nulls(rows, column.type)) for column in table.columns]
    arrays = [a if a.type == c.type else a.cast(c.type) for a, c in zip(arrays, table.columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=table.arrow())
