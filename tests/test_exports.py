"""Exports of billing systems: what is told from a cell, a column, a header, a file, and what is said of the rest."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import date
from decimal import Decimal as D

import pytest
from conftest import AS_OF, ROOT, remittance, texts_of
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from rcm_analysis import cli
from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.measures import by_month
from rcm_analysis.pages import phrases
from rcm_analysis.spreadsheets import cells, exports, listings, mappings, sheets
from rcm_analysis.store.practice import Practice

LEDGER = """Claim ID,Patient Name,Visit Date,Txn Date,Txn Type,Adj Code,Adj Reason,Payer,Amount
A1,"QUILLFEATHER, ANN",01/05/2026,01/15/2026,Charge,,,ACME,100.00
A1,"QUILLFEATHER, ANN",01/05/2026,02/15/2026,Payment,,era,ACME,-60.00
A2,"MOSS, BO",01/06/2026,02/16/2026,Write-Off,TF,past timely filing per Moss,ACME,-40.00
"""
CLAIMS = """Claim ID,Patient Name,Member ID,DOS,Submit Date,Payer,CPT,NPI,Location,Charge,Paid,Paid Date
A1,"MOSS, ANN",MEM777123,01/13/2026,01/15/2026,Acme,70553,1033003502,Main St,900.00,,
A2,"QUILL, BOB",MEM777124,01/14/2026,01/15/2026,Acme,99213,1033003502,Main St,150.00,90.00,02/10/2026
A2,"QUILL, BOB",MEM777124,01/14/2026,01/15/2026,Acme,36415,1033003502,Main St,25.00,5.00,02/10/2026
"""
DENIALS = """Claim Number;Patient;Denial Date;Payer;CPT;Charge;Denied Amount;Denial Code;Denial Reason
A1;MOSS ANN;03/15/2026;Acme;70553;$900,00;$900,00;CO-197, N54;no auth on file for Mrs Moss
A4;VOSS JO;03/16/2026;Acme;99213;150,00;150,00;;past timely filing limit
"""


def read(text: str | bytes, **more) -> exports.Read:
    data = text if isinstance(text, bytes) else text.encode()
    return exports.read("x.csv", data, raw=data, **more)


def ingested(tmp_path, *files: str | bytes, mapping=None, as_of=AS_OF):
    tmp_path.mkdir(exist_ok=True)
    paths = []
    for i, data in enumerate(files):
        paths.append(tmp_path / f"{i}.csv")
        paths[-1].write_bytes(data if isinstance(data, bytes) else data.encode())
    ingest.ingest(Practice(tmp_path / "s", "clinic"), paths, mapping=mapping)
    return derive.open_practice(tmp_path / "s", "clinic", as_of=as_of)


def rows(con, sql: str) -> list[tuple]:
    return con.execute(sql).fetchall()


# --- cells ---------------------------------------------------------------------------------------------------------

AMOUNTS = [
    (["$1,234.50", "(12.00)", "12.00-", "-12", "12.00 CR", "$-5.10", "-$5.10", "($5.10)", ".5", "7."],
     [123450, -1200, -1200, -1200, -1200, -510, -510, -510, 50, 700]),
    (["1.050,00", "(50,00)", "7,5-", "1 234,50 €", "3"], [105000, -5000, -750, 123450, 300]),
    (["1,050.00", "12,50"], [105000, None]),  # a comma can't mark cents in one row and thousands in the next
    (["1.234", "1,23,4", "12.005", "(5", "-(5)", "5-5", "n/a", "", "1e3", "99999999999999"], [None] * 10),
    (["12.0000", "\u221212.00", "USD 4.00"], [1200, -1200, 400]),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "cents"), AMOUNTS)
def test_amounts_are_read_by_their_column(texts, cents):
    assert cells.amounts(texts) == cents


@given(
    st.lists(st.integers(-(10**11), 10**11), min_size=1), st.sampled_from(["{}", "${}", "{} ", "USD {}"]), st.booleans()
)
def test_written_amounts_are_read_back(cents, style, european):
    def written(value: int) -> str:
        text = f"{abs(value) // 100:,}.{abs(value) % 100:02d}"
        text = text.translate(str.maketrans(",.", ".,")) if european else text
        return style.format(f"({text})" if value < 0 else text)

    assert cells.amounts(map(written, cents)) == cents


@given(st.lists(st.text(max_size=20)))
def test_any_text_is_an_amount_or_none(texts):
    assert all(value is None or abs(value) < cells.MAX_CENTS for value in cells.amounts(texts))


DAYS = [
    (["01/02/2026", "01/13/2026"], "month_first", [date(2026, 1, 2), date(2026, 1, 13)]),
    (["01/02/2026", "13/01/2026"], "day_first", [date(2026, 2, 1), date(2026, 1, 13)]),
    (["1.2.26", "13.1.26"], "day_first", [date(2026, 2, 1), date(2026, 1, 13)]),
    (["2026-01-02", "20260102", "2026/1/2", "2-Jan-2026", "Jan 2, 2026", "January 2nd, 2026", "2026-01-02T08:30:00Z",
      "2026-01-02 8:30 PM", "46024", "02-JAN-26"], None, [date(2026, 1, 2)] * 10),
    (["05/05/2026", "05-05-26"], None, [date(2026, 5, 5)] * 2),  # whatever comes first
    (["01/13/2026", "02/30/2026", "0/0/0000", "soon", "13/13/2026", "01/13/1020"], "month_first",
     [date(2026, 1, 13), None, None, None, None, None]),
    (["01/13/69", "01/13/68"], "month_first", [date(1969, 1, 13), date(2068, 1, 13)]),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "order", "days"), DAYS)
def test_dates_are_read_by_their_column(texts, order, days):
    assert cells.date_order(texts) == order
    assert cells.days(texts, order) == days


@pytest.mark.parametrize("texts", [["01/02/2026"], ["01/13/2026", "13/01/2026"]])
def test_a_column_that_tells_no_order_is_ambiguous(texts):
    assert cells.date_order(texts) == "ambiguous"
    assert cells.days(["01/02/2026"], None) == [None]


@given(st.lists(st.dates(date(1970, 1, 1), date(2068, 12, 31)), min_size=1),
       st.sampled_from(["%m/%d/%Y", "%d.%m.%Y", "%m-%d-%y", "%Y-%m-%d", "%Y%m%d", "%d-%b-%Y", "%b %d, %Y", "%m/%d/%Y %H:%M"]))  # fmt: skip
def test_written_dates_are_read_back(days, form):
    texts = [day.strftime(form) for day in days]
    order = cells.date_order(texts)
    wanted = "day_first" if form.startswith("%d.") else "month_first"
    assert order in (None, "ambiguous", wanted)
    assert cells.days(texts, wanted) == days


@given(st.text(max_size=25), st.sampled_from([None, "month_first", "day_first"]))
def test_any_text_is_a_date_or_none(text, order):
    assert all(day is None or 1900 <= day.year <= 2100 for day in cells.days([text], order))
    cells.date_order([text])


# --- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encodings_and_separators_give_the_same_ledger(tmp_path, encoding, separator):
    text = LEDGER.replace('"QUILLFEATHER, ANN"', "José").replace('"MOSS, BO"', "MOSS BO").replace(",", separator)
    con = ingested(tmp_path, text.encode(encoding))
    assert rows(con, "SELECT claim_number, kind, amount, reason FROM ledger ORDER BY row") == [
        ("A1", "charge", D(100), None), ("A1", "payment", D(-60), "era"), ("A2", "write_off", D(-40), "past timely filing per")]  # fmt: skip


def workbook(sheets: dict[str, list[list]]) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for name, lines in sheets.items():
        page = book.create_sheet(name)
        for line in lines:
            page.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook_is_read_with_its_own_dates_and_numbers(tmp_path):
    lines = [["Posting report"], [], ["Claim ID", "Txn Date", "Txn Type", "Amount"],
             [1001, date(2026, 1, 2), "Charge", 100.1], [1002.0, date(2026, 3, 4), "Charge", 0.1 + 0.2], ["Total", None, None, 100.4]]  # fmt: skip
    con = ingested(tmp_path, workbook({"Cover": [["Acme billing"]], "Data": lines}))
    assert rows(con, "SELECT row, claim_number, known_on, amount FROM ledger ORDER BY row") == [
        (4, "1001", date(2026, 1, 2), D("100.10")), (5, "1002", date(2026, 3, 4), D("0.30"))]  # fmt: skip
    assert rows(con, "SELECT level, place, reason FROM rejects ORDER BY place DESC") == [
        ("notice", "sheet Data, row 6", "is a line of totals"),
        ("notice", "sheet Cover", "was left out: no header row was understood (the first row has 1 columns)")]  # fmt: skip


def open_document(lines: list[list]) -> bytes:
    """A spreadsheet as LibreOffice writes it."""

    def cell(value) -> str:
        if isinstance(value, date):
            return f'<table:table-cell office:value-type="date" office:date-value="{value.isoformat()}"/>'
        if isinstance(value, (int, float)):
            return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'

    rows = "".join(f"<table:table-row>{''.join(map(cell, line))}</table:table-row>" for line in lines)
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    body = f'<office:body><office:spreadsheet><table:table table:name="Data">{rows}</table:table></office:spreadsheet></office:body>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
        archive.writestr("content.xml", f"<office:document-content {names}>{body}</office:document-content>")
    return out.getvalue()


def test_an_open_document_is_read_as_a_workbook_of_excel_is(tmp_path):
    lines = [
        ["Claim ID", "Txn Date", "Txn Type", "Amount"],
        ["A1", date(2026, 1, 2), "Charge", 100.1],
        ["A1", date(2026, 3, 4), "Payment", -80],
    ]
    for name, data in (("ods", open_document(lines)), ("xlsx", workbook({"Data": lines}))):
        con = ingested(tmp_path / name, data)
        assert rows(con, "SELECT row, claim_number, known_on, amount FROM ledger ORDER BY row") == [
            (2, "A1", date(2026, 1, 2), D("100.10")), (3, "A1", date(2026, 3, 4), D("-80.00"))]  # fmt: skip


def test_two_cells_far_apart_cost_no_memory(tmp_path):
    from openpyxl import Workbook

    book, out = Workbook(), io.BytesIO()
    book.active["A1"], book.active["XFD1048576"] = "Claim ID", "Amount"
    book.save(out)
    with pytest.raises(sheets.SheetError, match="spans far more cells than it fills"):
        sheets.read(b"", raw=out.getvalue())


HEAD = ["Claim ID", "Patient", "Txn Date", "Txn Type", "Reason", "Amount"]
JANUARY = [HEAD, ["A1", "MOSS, ANN", "01/13/2026", "Charge", "", 100], ["A1", "MOSS, ANN", "01/14/2026", "Payment", "copay", -20],
           ["A1", "MOSS, ANN", "01/14/2026", "Payment", "copay", -20]]  # fmt: skip
FEBRUARY = [
    HEAD,
    ["A1", "MOSS, ANN", "02/03/2026", "Payment", "", -60],
    ["A2", "QUILL, BO", "02/04/2026", "Charge", "", "fifty"],
]


def test_every_sheet_that_is_understood_is_read_and_each_row_counts_once(tmp_path):
    every = {
        "Jan": JANUARY,
        "Feb": FEBRUARY,
        "Sum": [["Month", "Paid"], ["January", 100]],
        "All": JANUARY + FEBRUARY[1:2],
    }
    con = ingested(tmp_path, workbook(every))
    assert rows(con, "SELECT claim_number, known_on, kind, amount, count(*) FROM ledger GROUP BY ALL ORDER BY 2, 3") == [
        ("A1", date(2026, 1, 13), "charge", D(100), 1), ("A1", date(2026, 1, 14), "payment", D(-20), 2),
        ("A1", date(2026, 2, 3), "payment", D(-60), 1)]  # fmt: skip
    found = dict(rows(con, "SELECT place, reason FROM rejects"))
    assert found['sheet Feb, row 3, column "Amount"'] == "the amount can't be read"
    assert found["sheet Jan, row 4"] == "repeats sheet Jan, row 3; both are counted"
    assert found["sheet All, row 4"] == "repeats sheet Jan, row 3; it is counted once"
    assert found["sheet Sum"].startswith("was left out: no header row was understood") and len(found) == 7


def test_sheets_of_several_kinds_say_what_as_many_files_say(tmp_path):
    denied = "A2,QUILL BOB,02/10/2026,Acme,99213,150.00,60.00,CO-50,\n"  # in part, on the day of its payment
    texts = {
        "Claims": CLAIMS,
        "Denials": DENIALS.replace(",", ".").replace(";", ",").replace("197. N54", "197") + denied,
        "Ledger": LEDGER,
    }
    both = [workbook({name: list(csv.reader(io.StringIO(text))) for name, text in texts.items()})], list(texts.values())
    one, three = (ingested(tmp_path / str(len(files)), *files) for files in both)
    for table in ("claims EXCLUDE (patient_key)", "denials", "write_offs"):
        name, _, but = table.partition(" ")
        ours, theirs = (rows(con, f"SELECT * {but} FROM {name} ORDER BY ALL") for con in (one, three))
        assert ours == theirs and ours, table
    assert rows(one, "SELECT kind, claims FROM files") == [("claims+denials+ledger", 3)]
    assert rows(one, "SELECT count(*) FROM decisions WHERE claim_number = 'A2'") == [(1,)]


def test_a_person_of_one_sheet_is_named_by_no_other(tmp_path):
    notes = [
        ["Claim ID", "Txn Date", "Txn Type", "Reason", "Amount"],
        ["A1", "02/13/2026", "Write-Off", "spoke w Moss", "soon"],
    ]
    notes += [[f"A{i}", "02/13/2026", "Write-Off", "spoke w Moss", -1] for i in range(9)]
    con = ingested(tmp_path, workbook({"Jan": JANUARY, "Moss notes": notes, "Cover": [["Acme billing"]]}))
    assert rows(con, "SELECT DISTINCT reason FROM ledger WHERE kind = 'write_off'") == [("spoke w",)]
    assert rows(con, "SELECT place FROM rejects ORDER BY 1") == [
        ("sheet Cover",), ("sheet Jan, row 4",), ('sheet ~ notes, row 2, column "Amount"',)]  # fmt: skip


def test_dates_of_one_sheet_tell_the_order_of_the_others_and_too_many_are_named(monkeypatch):
    open_ = [HEAD, ["A3", "", "02/03/2026", "Charge", "", 5]]
    assert (
        read(workbook({"Feb": open_}))
        .notes[0]
        .reason.startswith("the ledger is not understood: day and month can't be told apart")
    )
    book = workbook({"Feb": open_, "Jan": [[*HEAD, "Note"], *([*row, ""] for row in JANUARY[1:])]})
    assert read(book).table["known_on"].to_pylist()[0] == date(2026, 2, 3)
    monkeypatch.setattr(exports, "MAX_SHEETS", 1)
    told = read(workbook({"Jan": JANUARY, "Feb": FEBRUARY}))
    assert told.table.num_rows == 3
    assert ("sheet Feb", "was left out: more than 1 sheets are understood") in {(n.place, n.reason) for n in told.notes}


def test_a_damaged_workbook_says_so():
    data = (
        workbook({"Data": [["Claim ID"]]})
        .replace(b"<worksheet", b"<wrongsheet")
        .replace(b"xl/worksheets", b"xl/worksheetz")
    )
    assert "workbook" in read(data).notes[0].reason


BAD = [
    ("A9,,01/05/2026,soon,Charge,,,ACME,1.00", 'row 5, column "Txn Date"', "the date can't be read"),
    ("A9,,01/05/2026,,Charge,,,ACME,1.00", 'row 5, column "Txn Date"', "the date is missing"),
    ("A9,,32/05/2026,01/15/2026,Charge,,,ACME,1.00", 'row 5, column "Visit Date"', "the date can't be read"),
    ("A9,,01/05/2026,01/15/2026,Charge,,,ACME,fifty", 'row 5, column "Amount"', "the amount can't be read"),
    ("A9,,01/05/2026,01/15/2026,Charge,,,ACME,", 'row 5, column "Amount"', "the amount is missing"),
    (",,01/05/2026,01/15/2026,Charge,,,ACME,1.00", 'row 5, column "Claim ID"', "the claim number is missing"),
    ("A9,MOSS, BO,01/05/2026,01/15/2026,Charge,,,ACME,1.00", "row 5", "has 10 columns where the header has 9"),
    ("A9,,01/05/2026,01/15/2026,Char", "row 5", "has 5 columns where the header has 9; the file may be cut off"),
]


@pytest.mark.parametrize(("row", "place", "reason"), BAD)
def test_a_bad_row_is_left_out_with_its_place_and_the_rest_kept(row, place, reason):
    got = read(LEDGER + row + "\n")
    assert got.table.num_rows == 3
    assert [(n.level, n.place, n.reason) for n in got.notes] == [("row", place, reason)]
    assert got.notes[0].advice == "correct the row in the export and ingest it again"


def test_an_unclosed_quotation_mark_costs_its_line_only():
    more = "".join(f"B{i},,01/05/2026,01/15/2026,Charge,,,ACME,1.00\n" for i in range(200))
    got = read(LEDGER + 'A9,"MOSS,01/05/2026,01/15/2026,Charge,,,ACME,1.00\n' + more)
    assert got.table.num_rows == 203
    assert [n.place for n in got.notes] == ["row 5"]


def test_ambiguous_dates_are_refused_until_the_mapping_tells_their_order():
    text = LEDGER.replace("/15/", "/05/").replace("/16/", "/06/")
    refused = read(text)
    assert refused.table is None
    assert "day and month can't be told apart" in refused.notes[0].reason and "date_order" in refused.notes[0].advice
    days = {
        order: read(text, mapping=mappings.Mapping(date_order=order)).table["known_on"][1].as_py()
        for order in cells.ORDERS
    }
    assert days == {"month_first": date(2026, 2, 5), "day_first": date(2026, 5, 2)}


def test_no_cell_of_a_file_that_is_not_understood_is_quoted():
    for text in (
        "Claim ID,Payer,SMITH,Location\nA1,x,y,z\n",
        "SMITH,JOHN,MAIN STREET\nDOE,JANE,ELM ROAD\n",
        "Claim ID,SMITH,Amount\nA1,DOE,5\n",
        "Visit,JOHN,Charge,SMITH\n1,2,3,4\n",
    ):
        note = read(text).notes[0]
        assert note.level == "file" and "mapping" in note.advice
        assert not {"SMITH", "JOHN", "DOE", "ELM"} & set(note.reason.replace(",", " ").split())


@given(st.sampled_from([LEDGER, CLAIMS, DENIALS]), st.integers(0, 400), st.integers(0, 40), st.binary(max_size=12))
def test_no_bytes_break_the_reader(text, start, length, put):
    data = text.encode()[:start] + put + text.encode()[start + length :]
    got = read(data, key=b"k")
    assert got.tables or got.notes[0].level == "file"


def test_one_clear_date_column_tells_the_order_of_the_others():
    text = "Claim ID,DOS,Txn Date,Txn Type,Amount\nA1,13/01/2026,02/02/2026,Charge,1.00\nA1,13/01/2026,03/02/2026,Payment,-1.00\n"
    assert read(text).table["known_on"].to_pylist() == [date(2026, 2, 2), date(2026, 2, 3)]


# --- repetitions ---------------------------------------------------------------------------------------------------


def test_repeated_rows_of_a_ledger_are_kept_and_named_unless_told_otherwise():
    text = LEDGER + LEDGER.splitlines()[1] + "\n"
    kept, dropped = read(text), read(text, mapping=mappings.Mapping(repeated_rows="drop"))
    assert (kept.table.num_rows, dropped.table.num_rows) == (4, 3)
    assert [n.reason for n in kept.notes] == ["repeats row 2; both are counted"]
    assert [n.reason for n in dropped.notes] == ["repeats row 2; it is counted once"]


def test_a_posting_number_counts_once():
    text = "Txn ID,Claim ID,Txn Date,Txn Type,Amount\n7,A1,01/15/2026,Charge,5.00\n7,A1,01/15/2026,Charge,5.00 \n8,A1,01/15/2026,Charge,5.00\n"
    assert read(text).table.num_rows == 2


DOUBLE_ENTRY = """Claim ID,Txn Date,Txn Type,Adj Reason,Debit,Credit
A1,01/15/2026,Charge,,100.00,
A1,02/20/2026,Insurance Payment,,,60.00
A1,02/21/2026,Insurance Payment,taken back,20.00,0.00
A1,02/20/2026,Contractual Adj,,,40.00
A1,02/22/2026,Contractual Adj,reversed,15.00,
A1,03/01/2026,Transfer to patient,,,5.00
A1,03/01/2026,Transfer to patient,,5.00,
A2,01/15/2026,Charge,,100.00,
A2,02/20/2026,Write-Off,timely filing,,100.00
A3,02/20/2026,Refund,,7.00,
"""
BY_KIND = {"charge": (D(100), D(100)), "payment": (D(-60), D(20)), "adjustment": (D(-40), D(15)), "transfer": (D(-5), D(5)),
           "write_off": (D(-100),), "refund": (D(7),)}  # fmt: skip


def by_kind(ledger) -> dict[str, tuple]:
    found = {}
    for row in ledger.select(["kind", "amount"]).to_pylist():
        found.setdefault(row["kind"], []).append(row["amount"])
    return {kind: tuple(sorted(amounts)) for kind, amounts in found.items()}


OF_SIDES = {
    "debit and credit": lambda text: text,
    "other names": lambda text: text.replace("Debit,Credit", "Debit Amt,Credits ($)"),
    "credits below zero": lambda text: re.sub(r",([\d.]+)$", r",-\1", text, flags=re.M),
    "a running total": lambda text: re.sub("$", ",17.00", text.replace("Credit", "Credit,Total"), flags=re.M).replace("Total,17.00", "Total"),
    "charges and credits": lambda text: text.replace("Debit,", "Charges,"),
}  # fmt: skip


@pytest.mark.parametrize("form", OF_SIDES)
def test_debits_and_credits_are_what_their_posting_type_says(form):
    found = read(OF_SIDES[form](DOUBLE_ENTRY.rstrip()))
    assert by_kind(found.table) == BY_KIND
    assert (found.cents["charge"], found.cents["paid"], found.cents["adjusted"]) == (20000, 3300, 12500)
    assert not found.notes


def test_a_mapping_that_calls_the_sides_charges_and_payments_changes_no_kind():
    named = {
        "claim_number": "Ref",
        "posted_on": "On",
        "kind": "T",
        "charge_amount": "Debit",
        "payment_amount": "Credit",
    }
    mapping = mappings.Mapping(named, {"AJ": "adjustment", "RC": "payment"})
    text = "Ref,On,T,Debit,Credit\nA1,01/15/2026,AJ,,40.00\nA1,01/16/2026,AJ,10.00,\nA1,01/17/2026,RC,,60.00\nA1,01/18/2026,Q9,3.00,\n"
    found = read(text, mapping=mapping)
    assert by_kind(found.table) == {"adjustment": (D(-40), D(10)), "payment": (D(-60),), "other": (D(3),)}
    assert [(note.level, note.place) for note in found.notes] == [("notice", 'row 5, column "T"')]


def test_in_columns_for_charges_and_payments_a_type_tells_what_they_cannot():
    text = """Claim ID,Txn Date,Txn Type,Charges,Payments
A1,01/15/2026,Service,100.00,
A1,02/20/2026,Service,,60.00
A1,02/20/2026,Contractual Adj,0.00,40.00
A1,02/20/2026,Adjustment,50.00,20.00
"""
    found = read(text)
    assert by_kind(found.table) == {"charge": (D(50), D(100)), "payment": (D(-60), D(-20)), "adjustment": (D(-40),)}


@pytest.mark.parametrize("names", [("Soll", "Haben"), ("Charges", "Payments")])
def test_a_journal_is_told_by_its_rows_whatever_its_sides_are_called(names):
    columns = {
        "claim_number": "Claim ID",
        "posted_on": "Txn Date",
        "charge_amount": names[0],
        "payment_amount": names[1],
    }
    text = DOUBLE_ENTRY.replace("Debit,Credit", ",".join(names))
    assert by_kind(read(text, mapping=mappings.Mapping(columns)).table) == BY_KIND


def test_further_columns_beside_debits_and_credits_keep_their_own_kind_and_sign():
    text = """Claim ID,Txn Date,Txn Type,Debit,Credit,Adjustments
A1,01/15/2026,Charge,100.00,,
A1,02/20/2026,Credit,,60.00,40.00
"""
    assert by_kind(read(text).table) == {"charge": (D(100),), "payment": (D(-60),), "adjustment": (D(-40),)}


def test_without_a_posting_type_the_words_of_a_credit_tell_what_it_is():
    text = "Claim ID,Date,Description,Debit,Credit\nA1,01/15/2026,99213,100.00,\nA1,02/20/2026,Acme,,60.00\nA1,02/20/2026,contractual,,40.00\n"
    assert by_kind(read(text).table) == {"charge": (D(100),), "payment": (D(-60),), "adjustment": (D(-40),)}


def test_the_dollars_of_a_double_entry_world_are_in_their_kinds(shared):
    pa_parquet = pytest.importorskip("pyarrow.parquet")
    folder = shared / "worlds/c"
    with zipfile.ZipFile(folder / "ledger.csv.zip") as archive:
        data = archive.read(archive.namelist()[0])
    found = exports.read("ledger.csv", data, raw=data, mapping=mappings.read_mapping(folder / "mapping.toml"))
    truth = pa_parquet.read_table(folder / "truth/ledger.parquet").to_pandas()
    truth = truth[~truth.no_claim].groupby("txn_type").amount.sum().round(2)
    got = {kind: float(sum(amounts)) for kind, amounts in by_kind(found.table).items()}
    assert got["payment"] == pytest.approx(truth["Payment"], abs=0.01)
    assert got["charge"] == pytest.approx(truth["Charge"], abs=0.01)
    assert got["refund"] == pytest.approx(truth["Refund"], abs=0.01)
    assert got["adjustment"] == pytest.approx(truth["Adjustment"] + truth["Write-Off"], abs=0.01)


def test_overlapping_ledgers_count_each_posting_once(tmp_path):
    copay = "A1,,01/05/2026,01/15/2026,Payment,,copay,PATIENT,-20.00\n"
    con = ingested(tmp_path, LEDGER + copay * 2, LEDGER + copay * 2 + "A3,,01/05/2026,01/25/2026,Charge,,,ACME,7.00\n")
    assert rows(con, "SELECT claim_number, kind, sum(amount), count(*) FROM ledger GROUP BY ALL ORDER BY ALL") == [
        ("A1", "charge", D(100), 1), ("A1", "payment", D(-100), 3), ("A2", "write_off", D(-40), 1), ("A3", "charge", D(7), 1)]  # fmt: skip


# --- listings ------------------------------------------------------------------------------------------------------


def test_listings_give_claims_and_denials_as_edi_does(tmp_path):
    con = ingested(tmp_path, CLAIMS, DENIALS, as_of=date(2026, 4, 30))
    assert rows(con, """SELECT claim_number, submitted_on, first_decided_on, charge, paid, initially_denied, denied_amount, category,
            carc, rarc, state FROM claims ORDER BY 1""") == [
        ("A1", date(2026, 1, 15), date(2026, 3, 15), D(900), D(0), True, D(900), "authorization", "197", "N54", "denied_open"),
        ("A2", date(2026, 1, 15), date(2026, 2, 10), D(175), D(95), False, D(0), None, None, None, "paid"),
        ("A4", None, date(2026, 3, 16), D(150), D(0), True, D(150), "timely_filing", None, None, "denied_open")]  # fmt: skip
    assert rows(con, "SELECT claim_number, procedure, reason_text, owner FROM denials ORDER BY 1") == [
        ("A1", "70553", "no auth on file for", "authorization desk"), ("A4", "99213", "past timely filing limit", "biller")]  # fmt: skip


def test_no_person_of_a_listing_is_stored(tmp_path):
    con = ingested(tmp_path, CLAIMS, DENIALS)
    words = {word.lower() for text in texts_of(con) for word in text.replace(",", " ").split()}
    assert not {"moss", "ann", "quill", "bob", "voss", "jo", "mem777123", "mem777124"} & words
    assert rows(con, "SELECT count(DISTINCT patient_key) FROM submissions") == [(2,)]


def test_overlapping_listings_count_once_and_edi_outranks_them(tmp_path):
    more = CLAIMS + "A5,,MEM1,01/13/2026,01/16/2026,Acme,99213,,Main St,80.00,0.00,03/15/2026\n"
    again = DENIALS + "A5;;03/15/2026;Acme;99213;80,00;80,00;CO-50;\n"
    con = ingested(
        tmp_path,
        CLAIMS,
        more,
        DENIALS,
        again,
        remittance("CLP*A1*1*100*0**CI*X1", "SVC*HC:99213*100*0", "CAS*CO*197*100"),
    )
    assert rows(con, "SELECT claim_number, submissions, paid, initially_denied, carc FROM claims ORDER BY 1") == [
        ("A1", 1, D(0), True, "197"), ("A2", 1, D(95), False, None), ("A4", 0, D(0), True, None), ("A5", 1, D(0), True, "50")]  # fmt: skip
    assert rows(con, "SELECT claim_number, count(*), sum(denied_amount) FROM denials GROUP BY 1 ORDER BY 1") == [
        ("A1", 1, D(100)), ("A4", 1, D(150)), ("A5", 1, D(80))]  # fmt: skip


def test_without_835_the_ledgers_insurance_payments_are_decisions(tmp_path):
    ledger = "Claim ID,Txn Date,Txn Type,Payer,Amount\nA1,01/13/2026,Charge,Acme,900.00\nA1,04/13/2026,Insurance Payment,Acme,-300.00\n"
    con = ingested(tmp_path, CLAIMS, DENIALS, ledger)
    assert rows(
        con,
        "SELECT first_decided_on, initially_denied, paid, paid_after_first, state FROM claims WHERE claim_number = 'A1'",
    ) == [
        (date(2026, 3, 15), True, D(300), True, "denied_open")
    ]  # fmt: skip  (600 of 900 stand in the ledger, some payers allow a year)


@pytest.mark.slow
def test_denials_without_what_was_paid_are_said_to_be_one_sided(tmp_path):
    def said(name, *files):
        (tmp_path / name).mkdir()
        con = ingested(tmp_path / name, *files)
        return phrases.one_sided(by_month.decisions_told(con, months=12))

    head, day = "Claim ID,Denial Date,Payer,Charge,Denied Amount,CARC\n", "03/15/2026"
    listed = head + "".join(f"L{i},{day},Acme,90.00,90.00,CO-197\n" for i in range(10))
    paid = [f"CLP*P{i}*1*90*90**CI*X{i}" for i in range(100)]
    refused = [s for i in range(5) for s in (f"CLP*D{i}*4*90*0**CI*Y{i}", "CAS*CO*50*90")]
    claims_paid = "Claim ID,Submit Date,Payer,Charge,Paid,Paid Date\n" + "".join(
        f"P{i},01/15/2026,Acme,90.00,90.00,02/15/2026\n" for i in range(40)
    )
    assert said("listing", listed).startswith(
        "10 of 10 initially denied claims are known only from a listing of denials"
    )
    assert said("beside an 835", listed, remittance(*paid, *refused, paid="9000")).startswith(
        "10 of 15 initially denied claims"
    )
    assert said("one of many", head + listed.splitlines()[1] + "\n", remittance(*paid, *refused, paid="9000")) == ""
    many = [s.replace("*D", f"*{j}D").replace("*Y", f"*{j}Y") for j in range(20) for s in refused]
    four = "".join(listed.splitlines(keepends=True)[:5])
    assert said("four of 104", four, remittance(*paid, *many, paid="9000")) == ""
    assert said("with paid claims", listed, claims_paid) == ""
    assert said("a selection", remittance(*refused, paid="0")).startswith(
        "5 of 5 adjudicated claims were initially denied."
    )
    assert (
        said("an 835", remittance(*paid, *refused, paid="9000"))
        == said("few", head + listed.splitlines()[1] + "\n")
        == ""
    )


def test_a_part_of_a_claim_is_denied_with_its_own_dollars(tmp_path):
    con = ingested(
        tmp_path,
        "Claim ID,Denial Date,Payer,Total Charge,Denied Amount,CARC\nA1,03/15/2026,Acme,1000.00,60.00,CO-197\n",
    )
    assert rows(con, "SELECT charge, initially_denied, denied_amount FROM claims") == [(D(1000), True, D(60))]


def test_several_reasons_of_one_line_are_one_line(tmp_path):
    head = "Claim ID,Denial Date,Payer,CPT,Charge,Denied Amount,CARC\n"
    con = ingested(
        tmp_path, head + "A1,03/15/2026,Acme,99213,100.00,40.00,CO-16\nA1,03/15/2026,Acme,99213,100.00,60.00,CO-197\n"
    )
    assert rows(con, "SELECT line_number, charge, denied_amount, carc FROM denials") == [(1, D(100), D(100), "197")]


def test_amounts_not_told_are_the_rest_of_the_line_once(tmp_path):
    head = "Claim ID,Denial Date,Payer,CPT,Charge,CARC\n"
    con = ingested(tmp_path, head + "A1,03/15/2026,Acme,99213,100.00,CO-16\nA1,03/15/2026,Acme,99213,100.00,CO-197\n")
    assert rows(con, "SELECT count(*), sum(denied_amount) FROM denials") == [(1, D(100))]


REASONS = [
    (("", "CO-45, CO-197; N54", "", ""), ("CO", "197", ("N54",))),
    (("PR", "96", "N130, MA44", ""), ("PR", "96", ("N130", "MA44"))),
    (("", "co 16 M51", "", ""), ("CO", "16", ("M51",))),
    (("", "B7", "", ""), (None, "B7", ())),
    (("", "", "", "CO-29 filed late"), ("CO", "29", ())),
    (("", "", "", "called 29 times"), (None, None, ())),
    (("", "45", "", ""), (None, "45", ())),
]


@pytest.mark.parametrize(("told", "found"), REASONS)
def test_codes_are_found_however_a_system_writes_them(told, found):
    assert listings.reasons(*told)[:3] == found


# --- mappings ------------------------------------------------------------------------------------------------------


def test_a_new_mapping_is_proposed_shown_and_used_the_second_time(tmp_path):
    (tmp_path / "in").mkdir()
    for name, text in (("l.csv", LEDGER), ("c.csv", CLAIMS), ("d.csv", DENIALS)):
        (tmp_path / "in" / name).write_text(text)
    command = [
        "ingest",
        str(tmp_path / "in"),
        "-p",
        "clinic",
        "--store",
        str(tmp_path / "s"),
        "--mapping",
        str(tmp_path / "new.toml"),
    ]
    first, second = CliRunner().invoke(cli.app, command), CliRunner().invoke(cli.app, command)
    assert (first.exit_code, second.exit_code) == (3, 0)
    assert 'posted_on = "Txn Date"' in first.output and "Nothing was ingested" in first.output
    assert "QUILL" not in first.output and "MOSS" not in (tmp_path / "new.toml").read_text()
    told = mappings.read_mapping(tmp_path / "new.toml")
    assert told.kinds == {"Charge": "charge", "Payment": "payment", "Write-Off": "write_off"}
    assert told.listings["denials"]["reason_text"] == "Denial Reason" and told.date_order == "month_first"
    assert "accepted: 3 files" in second.output


def test_a_mapping_overrules_what_the_headers_seem_to_say(tmp_path):
    text = "Folio,When,Was,Summe,Amount\nA1,2026-01-05,Belastung,10.00,7\nA1,2026-02-05,Zahlung,-10.00,7\n"
    (tmp_path / "m.toml").write_text('[ledger.columns]\nclaim_number = "Folio"\nposted_on = "When"\nkind = "Was"\namount = "Summe"\n'
                                     '[ledger.kinds]\nBelastung = "charge"\nZahlung = "payment"\n')  # fmt: skip
    got = read(text, mapping=mappings.read_mapping(tmp_path / "m.toml")).table
    assert got.select(["kind", "amount"]).to_pylist() == [
        {"kind": "charge", "amount": D(10)},
        {"kind": "payment", "amount": D(-10)},
    ]


WRONG = [
    ('[ledger.columns]\nclaim_no = "X"', "unknown columns claim_no in ledger"), ('[denials.columns]\ncarc = 5', "denials.columns.carc must be a text"),
    ('date_order = "us"', "date_order must be month_first or day_first"), ('[ledger.kinds]\nX = "gift"', "unknown kinds gift"),
    ("[claims]\ncolumns = 3", "claims must hold"), ("x = ", "can't be read as a mapping"), ("colums = 1", "unknown entry colums"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), WRONG)
def test_a_wrong_mapping_names_what_is_wrong(tmp_path, text, problem):
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(mappings.MappingError, match=problem):
        mappings.read_mapping(tmp_path / "m.toml")


# --- words ---------------------------------------------------------------------------------------------------------


def test_users_teach_their_own_words(tmp_path):
    text = LEDGER + "A3,,01/06/2026,02/16/2026,Write-Off,ZZ,per manager,ACME,-7.00\n"
    con = ingested(tmp_path, text)
    from rcm_analysis.measures import by_month

    told = by_month.words_not_understood(con, months=12)
    assert told[["code", "reason", "amount", "unclassified"]].values.tolist() == [["ZZ", "per manager", 7.0, 7.0]]
    (tmp_path / "s/clinic/write_off_phrases.csv").write_text("words,leaf\nPer Manager,courtesy\n")
    (tmp_path / "s/write_off_phrases.csv").write_text(
        "words,leaf\nper manager,charity\n"
    )  # all practices; the own outranks it
    con = derive.open_practice(tmp_path / "s", "clinic", as_of=AS_OF)
    assert rows(con, "SELECT leaf FROM write_offs WHERE claim_number = 'A3'") == [("courtesy",)]
    assert len(by_month.words_not_understood(con, months=12)) == 0


@pytest.mark.parametrize(("text", "problem"), [("words\nx\n", "no column 'leaf'"), ("words,leaf\nx,nowhere\n", "no leaf 'nowhere'"),
                                               ("pattern,leaf\n(,charity\n", "can't be used")])  # fmt: skip
def test_words_that_cannot_be_used_are_named(tmp_path, text, problem):
    ingested(tmp_path, LEDGER)
    (tmp_path / "s/write_off_phrases.csv").write_text(text)
    with pytest.raises(derive.postings.PhrasesError, match=problem):
        derive.open_practice(tmp_path / "s", "clinic", as_of=AS_OF)


# --- the document --------------------------------------------------------------------------------------------------


def test_the_documented_example_works(tmp_path):
    text = (ROOT / "docs/exports.md").read_text()
    blocks = {
        name: text.split(f"{name}\n\n```", 1)[1].split("\n", 1)[1].split("```", 1)[0]
        for name in ("`mapping.toml`", "`ledger.csv`", "`denials.csv`")
    }
    (tmp_path / "mapping.toml").write_text(blocks["`mapping.toml`"])
    con = ingested(
        tmp_path,
        blocks["`ledger.csv`"],
        blocks["`denials.csv`"],
        mapping=mappings.read_mapping(tmp_path / "mapping.toml"),
    )
    assert rows(con, "SELECT status FROM files") == [("accepted",), ("accepted",)]
    assert rows(con, "SELECT claim_number, kind, amount FROM ledger ORDER BY row") == [
        ("V-1001", "charge", D(900)), ("V-1001", "write_off", D(-900)), ("V-1002", "charge", D(150)), ("V-1002", "payment", D(-90))]  # fmt: skip
    assert rows(con, "SELECT claim_number, decided_on, denied_amount, carc, reason_text FROM denials") == [
        ("V-1001", date(2026, 3, 4), D(900), "197", "no auth on file")]  # fmt: skip


# --- contracts -----------------------------------------------------------------------------------------------------

CONTRACTS = """payer,plan,payer_class,valid_from,valid_to,filing_days,corrected_days,appeal_days,dispute_days,prompt_pay_days,interest_rate,source
ACME HEALTH,,,2025-01-01,,120,150,200,,30,0.12,contract of 2024
ACME HEALTH,,,2026-09-01,,,,240,,30,0.12,amendment of 2026
OTHER PLAN,,,,,ninety,,,,30,12,letter
"""


def test_a_contract_replaces_the_usual_deadline_from_its_day_on(tmp_path):
    denied = remittance("CLP*A1*1*100*0**CI*X1", "SVC*HC:99213*100*0", "CAS*CO*197*100")
    for day, appeal in ((date(2026, 8, 31), (200, True)), (AS_OF, (240, True))):
        con = ingested(tmp_path / str(day), denied, CONTRACTS, as_of=day)
        found = {clock: (days, confirmed) for clock, days, confirmed in rows(
            con, "SELECT clock, days, confirmed FROM payer_deadlines WHERE payer_name = 'ACME HEALTH' AND payer_class = 'commercial' "
            f"AND DATE '{day}' BETWEEN valid_from AND valid_to ORDER BY confirmed")}  # fmt: skip
        assert (found["appeal_level_1"], found["initial_filing"]) == (appeal, (120, True))
        assert found["records_request"][1] is False  # the contract is silent: the usual one, unconfirmed
    told = derive.deadlines_of(con).set_index("deadline")
    assert told.loc["appeal_level_1", ["length", "holds", "source"]].to_numpy().tolist() == [
        ["200 days", "2025-01-01 to 2026-08-31", "contract of 2024"], ["240 days", "2026-09-01 and later", "amendment of 2026"]]  # fmt: skip


def test_what_a_contract_cannot_mean_is_listed_and_not_known(tmp_path):
    con = ingested(tmp_path, CONTRACTS, remittance("CLP*A1*1*100*0**CI*X1", "SVC*HC:99213*100*0", "CAS*CO*197*100"))
    assert rows(
        con, "SELECT filing_days, interest_rate, prompt_pay_days FROM contracts WHERE payer = 'OTHER PLAN'"
    ) == [(None, None, 30)]
    assert rows(con, "SELECT place, reason FROM rejects ORDER BY place") == [
        ("row 4, filing_days", "is not a number of days"), ("row 4, interest_rate", "is not a share from 0 to 1")]  # fmt: skip
    assert rows(con, "SELECT status, first_known_on FROM files WHERE kind = 'contracts'") == [("partly", None)]


def test_a_listing_with_a_payer_is_no_contract():
    assert read(CLAIMS).kind == "claims" and read(LEDGER).kind == "ledger"
