"""Hostile words in every free-text field of the input stay words: in HTML, CSV and Excel nothing of them comes alive."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pytest
from conftest import AS_OF
from typer.testing import CliRunner

from rcm_analysis import cli, export, words
from rcm_analysis.errors import FailedError
from rcm_analysis.intake import ingest
from rcm_analysis.prevention import scrub
from rcm_analysis.reports import render
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import edi, practice

LONG = "VERY LONG NAME " * 120
BIDI = "\u202eGNITSAF\u202c \u2066x\u2069\u200f"
# what stands in the demo's files, and what takes its place; an EDI element can't hold * ~ or :
PLANTED = {
    "OHIO VALLEY MEDICARE PART B": "<script>alert(1)</script>",
    "BUCKEYE STATE MEDICAID": '=HYPERLINK("//evil.example/?x","click")',
    "LANTERN COMMUNITY CARE": "+1+cmd|' /C calc'!A0",
    "GOLDENROD ADVANTAGE": f"PLAN {BIDI}",
    "MERIDIAN BLUE": "\"'><img src=x onerror=alert(1)>",
    "ATLAS HEALTH PLAN": LONG,
    "HARVEST MUTUAL": "$\\frac{1}{$ & {{7/7}} {% x %}",
    "TRI COUNTY COMPENSATION FUND": "\t=1+1",
    "LAKEVIEW CLINIC": "</td></table><h2 id=part-1 onclick=alert(1)>",
    "RIVERBEND EMS STATION 3": "@SUM(1+1)",
    "RIVERBEND MEDICAL AND AMBULANCE": "<svg/onload=alert(1)>",
}
WORDS = (
    "<iframe src=//evil.example></iframe>",
    "=1+1",
    "-2+3+cmd",
    "\r=1+1",
    "\t@x",
    f"written off {BIDI}",
    "x" * 40_000,
    "</script><b>",
    "+A1",
)


def planted(text: str) -> str:
    for old, new in PLANTED.items():
        text = text.replace(old, new)
    # two claim numbers in ten a formula, two a tag
    return re.sub(r"RB0\d{5}(\d)", lambda m: {"0": "=", "1": "=", "2": "<b>", "3": "<b>"}.get(m[1], "") + m[0], text)


@pytest.fixture(scope="module")
def hostile_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edi, "text", lambda segments, style=None: "~\n".join(map(planted, segments)) + "~\n")
        practice.write_practice(folder, claims=1500, months=20, seed=5)
    with (folder / "ledger.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    code, reason = head.index("Adj Code"), head.index("Description")
    for i, row in enumerate(rows):
        row[:] = map(planted, row)
        if row[reason] and i % 2:
            row[reason], row[code] = WORDS[i % len(WORDS)], f"={row[code]}"
    with (folder / "ledger.csv").open("w", newline="") as out:
        csv.writer(out).writerows([head, *rows])
    return folder


@pytest.fixture(scope="module")
def store(hostile_folder, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("store")
    outcome = ingest.ingest(Practice(root, "p"), [hostile_folder / "edi", hostile_folder / "ledger.csv"])
    assert {file["status"] for file in outcome.files} == {"accepted"}
    return root


@pytest.fixture(scope="module")
def report(store, tmp_path_factory) -> Path:
    result = render.render(
        ReportRequest("p", "2026-10", AS_OF), store=store, out=tmp_path_factory.mktemp("out"), jobs=2
    )
    assert result.ok, result.statuses
    return result.folder


class Page(HTMLParser):
    """Elements with the names of their attributes, and all text."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: set[tuple[str, tuple[str, ...]]] = set()
        self.words: list[str] = []
        self.links: set[str] = set()
        self.comments = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.add((tag, tuple(sorted(name for name, _ in attributes))))
        self.links |= {value for name, value in attributes if name in ("href", "src", "action", "data", "xlink:href")}

    def handle_data(self, data):
        self.words.append(data)

    def handle_comment(self, data):
        self.comments += 1


@pytest.mark.slow
def test_no_page_has_an_element_attribute_or_link_that_it_has_not_without(report, demo_report):
    known = set.union(*(Page(path.read_text("utf-8")).elements for path in demo_report.glob("*.html")))
    seen = ""
    for path in report.glob("*.html"):
        page = Page(path.read_text("utf-8"))
        assert page.elements <= known, (path.name, page.elements - known)
        assert not page.comments and not [
            link
            for link in page.links
            if not re.fullmatch(
                r"#[^\s]+|[\w.]+\.html(#[\w,.%-]+)?|tables/\w+\.csv|manifest\.json|worklist\.xlsx(#[\w'%!.-]+)?|data:image/png;base64,[\w+/=\s]+",
                link,
            )
        ], path.name
        own = (demo_report / path.name).read_text("utf-8").count("<script")  # none on the brief
        assert path.read_text("utf-8").count("<script") == own <= 1, path.name
        seen += "".join(page.words)
    for name in (
        "<script>alert(1)</script>",
        "\"'><img src=x onerror=alert(1)>",
        "=HYPERLINK(",
        "</td></table><h2 id=part-1",
    ):
        assert name.upper() in seen.upper(), f"{name} was not planted"
    assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", seen), "marks that turn the text around"


def is_formula(cell: str) -> bool:
    """What a spreadsheet program would run: no number, and a first character that begins a formula."""
    try:
        float(cell)
    except ValueError:
        return cell.startswith(words.FORMULA_STARTS)
    return False


def checked_csv(text: str) -> int:
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert [cell for cell in cells if is_formula(cell)] == []
    return sum(cell.startswith("'") for cell in cells)


@pytest.mark.slow
def test_no_table_of_a_report_has_a_cell_that_a_spreadsheet_would_run(report):
    paths = sorted((report / "tables").glob("*.csv"))
    assert len(paths) > 20
    defused = {path.stem: checked_csv(path.read_text("utf-8")) for path in paths}
    assert sum(defused.values()) > 50 and defused["worklist"] and defused["posted_as_contractual"]


def checked_workbook(path: Path) -> int:
    texts = 0
    for sheet in openpyxl.load_workbook(path).worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                inside = cell.hyperlink is None or (cell.hyperlink.location and not cell.hyperlink.target)
                assert cell.data_type != "f" and inside, (path.name, cell.coordinate)
                texts += cell.data_type == "s" and "=" in str(cell.value)[:2]
    return texts


@pytest.mark.slow
def test_no_cell_of_the_worklist_is_a_formula(report):
    assert checked_workbook(report / "worklist.xlsx")


@pytest.mark.slow
@pytest.mark.parametrize("table", ["claims", "denials", "write_offs", "ledger", "remittances", "risk", "signals"])
def test_no_exported_cell_is_a_formula(store, tmp_path, table):
    for suffix in (".csv", ".xlsx"):
        out = tmp_path / f"{table}{suffix}"
        try:
            rows = export.export(table, practice="p", store=store, as_of=AS_OF, out=out)
        except FailedError as error:  # a cell of a workbook holds 32,767 characters; it is not cut in silence
            assert suffix == ".xlsx" and "does not fit into a workbook" in str(error) and not out.exists()
            continue
        found = checked_csv(out.read_text("utf-8")) if suffix == ".csv" else checked_workbook(out)
        assert table in ("signals", "risk") or (rows and found), table


@pytest.mark.slow
def test_findings_before_submission_are_no_formulas(hostile_folder, store):
    batch = sorted((hostile_folder / "edi/837").glob("*.837"))[-30:]
    checked = scrub.check(batch, store=store, practice="p", as_of=AS_OF)
    texts = [scrub.text_of(file.findings, ".csv") for file in checked]
    assert sum(text.count("\n") for text in texts) > len(texts)
    for text in texts:
        checked_csv(text)


@pytest.mark.parametrize("name", ["<script>", "../up", "=1+1", "a b", "", "\u202ea"])
def test_a_hostile_practice_name_is_refused_without_repeating_it(tmp_path, name):
    (tmp_path / "x.835").write_text("ISA")
    result = CliRunner().invoke(
        cli.app, ["ingest", str(tmp_path / "x.835"), "--practice", name, "--store", str(tmp_path / "s")]
    )
    assert result.exit_code != 0 and not (tmp_path / "s").exists() and not (tmp_path / "up").exists()
