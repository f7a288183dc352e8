"""What a file tells of itself: no author, path, user, machine or time of making in workbooks, pictures and PDFs."""

from __future__ import annotations

import base64
import getpass
import io
import json
import re
import socket
import zipfile
from pathlib import Path

import pytest
from conftest import AS_OF

from rcm_analysis import export
from rcm_analysis.charts import svg
from rcm_analysis.claims import derive
from rcm_analysis.reports import pdf

MACHINE = [str(Path.home()), str(Path(__file__).parents[1]), socket.gethostname(), getpass.getuser()]
MACHINE = [word for word in MACHINE if len(word) > 3]


def check_workbook(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        assert {info.date_time[0] for info in book.infolist()} == {1980}, "the time of its making"
        core, app = (book.read(f"docProps/{name}.xml").decode() for name in ("core", "app"))
        assert "docProps/custom.xml" not in book.namelist()
    assert set(re.findall(r"\d{4}-\d\d-\d\dT[\d:]+", core)) <= {"2000-01-01T00:00:00"}
    told = re.findall(r"<(dc:creator|cp:lastModifiedBy|Company|Manager)>([^<]+)<", core + app)
    assert not told and not [word for word in MACHINE if word in core + app]


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def check_picture(data: bytes) -> None:
    told = [text for kind, text in chunks(data) if kind in (b"tEXt", b"iTXt", b"zTXt", b"tIME", b"eXIf")]
    assert [text for text in told if not text.startswith(b"Software\0Matplotlib")] == []


@pytest.mark.parametrize("table", ["claims", "denials", "write_offs"])
def test_an_exported_workbook(demo_store, tmp_path, table):
    view = derive.open_practice(demo_store, "riverbend", as_of=AS_OF)
    export.write(view, table, tmp_path / "x.xlsx")
    check_workbook((tmp_path / "x.xlsx").read_bytes())


def test_a_picture_of_a_notebook_and_one_of_a_page():
    from matplotlib.figure import Figure

    fig, out = Figure(), io.BytesIO()
    fig.subplots().plot([1, 2])
    fig.savefig(out, format="png")
    check_picture(out.getvalue())
    import matplotlib.pyplot as plt

    drawn = plt.figure()
    drawn.subplots().plot([1, 2])
    text = svg.written(drawn, "x", title="t", desc="d")
    text = text if isinstance(text, str) else " ".join(map(str, text))
    assert "<dc:" not in text and "<!--" not in text and not [word for word in MACHINE if word in text]


BROWSERS = (b"%PDF-1.4\n1 0 obj\n<</Title (October)\n/Creator (Mozilla/5.0 \\(X11; Linux x86_64\\) HeadlessChrome/131)\n/Producer (Skia/PDF m131)\n"
            b"/CreationDate (D:20261128193000+01'00')\n/ModDate (D:20261128193000+01'00')>>\nendobj\nstream (Creator) \x00\xff endstream\n%%EOF")  # fmt: skip


def test_a_browsers_pdf_loses_time_and_system_and_keeps_its_places():
    left = pdf.without_origin(BROWSERS)
    assert len(left) == len(BROWSERS) and b"/Title (October)" in left and b"stream (Creator) \x00\xff endstream" in left
    assert b"2026" not in left and b"Linux" not in left and b"Chrome" not in left
    assert left.count(b"D:20000101000000+00'00'") == 2 and left.index(b"endobj") == BROWSERS.index(b"endobj")


@pytest.mark.skipif(not pdf._weasyprint(), reason="needs WeasyPrint")
def test_a_pdf_of_weasyprint(tmp_path):
    (tmp_path / "brief.html").write_text(
        '<html><head><meta http-equiv="x"><title>t</title></head><body>words</body></html>'
    )
    pdf.write_brief(tmp_path / "brief.html", tmp_path / "x.pdf")
    data = (tmp_path / "x.pdf").read_bytes()
    assert b"/CreationDate" not in data and b"/Author" not in data and not [w for w in MACHINE if w.encode() in data]


@pytest.mark.slow
def test_every_workbook_and_picture_of_a_report(demo_report):
    books = list(demo_report.rglob("*.xlsx"))
    assert books
    for path in books:
        check_workbook(path.read_bytes())
    for path in demo_report.rglob("*.ipynb"):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    check_picture(base64.b64decode(output["data"]["image/png"]))
    for path in demo_report.rglob("*.html"):
        text = path.read_text("utf-8")
        for data in re.findall(r"data:image/png;base64,([\w+/=]+)", text):
            check_picture(base64.b64decode(data))
        assert not [word for word in MACHINE[:2] if word in text], path.name
