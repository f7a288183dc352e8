"""The pack as PDF: the numbers of the pages, page numbers, contents, nothing fetched."""

from __future__ import annotations

import re
import sys

import pytest
from conftest import AS_OF, GOOD, notebook

from rcm_analysis import pdf, reports
from rcm_analysis.errors import RcmError


def test_without_weasyprint_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(RcmError, match=r"rcm-analysis\[pdf\]"):
        reports.render(practice="p", period="2026-10", as_of=AS_OF, store=tmp_path, out=tmp_path / "out", as_pdf=True,
                       notebooks=[notebook(tmp_path / "01_x.ipynb", GOOD)])  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_ids_stay_apart_and_hidden_rows_stay_out():
    page = ('<h1>Why?</h1><main id="main"><h2 id="a">A</h2><a href="#a">x</a><a href="02_y.html">y</a>'
            "<table><tbody><tr><td>1</td></tr></tbody><tbody hidden><tr><td>2</td></tr></tbody></table></main>")  # fmt: skip
    made = pdf._chapter(page, "01_x.html")
    assert 'id="01_x-a"' in made["body"] and 'href="#01_x-a"' in made["body"] and 'href="#02_y"' in made["body"]
    assert "<td>2</td>" not in made["body"] and made["heads"] == [("01_x-a", "A")]


def test_the_pdf_holds_the_numbers_of_the_pages(demo_store, tmp_path):
    pytest.importorskip("weasyprint")
    pypdf = pytest.importorskip("pypdf")
    folder = reports.render(practice="riverbend", period="2026-10", as_of=AS_OF, store=demo_store, out=tmp_path, jobs=2, as_pdf=True,
                            notebooks=reports.notebooks([])).folder  # fmt: skip
    read = pypdf.PdfReader(folder / "report.pdf")
    text = re.sub(r"\s+", "", " ".join(page.extract_text() for page in read.pages))
    index = (folder / "index.html").read_text("utf-8")
    headline = re.findall(r"<strong>([^<]+)</strong>", index)
    assert len(headline) >= 3 and all(re.sub(r"\s+", "", number) in text for number in headline)
    assert f"Page1of{len(read.pages)}" in text and len(read.pages) > 5
    assert [entry.title for entry in read.outline if not isinstance(entry, list)]
