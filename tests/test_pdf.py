"""The pack as PDF: the numbers of the pages, page numbers, contents, nothing fetched."""

from __future__ import annotations

import html
import re
import sys

import pytest
from conftest import AS_OF, GOOD, ROOT, notebook

from rcm_analysis.errors import RcmError
from rcm_analysis.reports import pdf, render
from rcm_analysis.reports.request import ReportRequest


def asked(folder) -> ReportRequest:
    return ReportRequest("p", "2026-10", AS_OF, notebooks=(notebook(folder / "01_x.ipynb", GOOD),), pdf=True)


def test_without_an_engine_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RcmError, match=r"rcm-analysis\[pdf\].*browser") as told:
        render.render(asked(tmp_path), store=tmp_path, out=tmp_path / "out")
    assert "\n" not in str(told.value) and not (tmp_path / "out").exists()


def test_a_browser_prints_the_brief_and_not_the_book(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    (tmp_path / "chromium").write_text("#!/bin/sh\n")
    (tmp_path / "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    pdf.check()
    with pytest.raises(RcmError, match="whole book"):
        pdf.check(book=True)


@pytest.mark.parametrize("paper", ["letter", "a4"])
def test_the_brief_is_a_few_pages_of_letter_or_a4(demo_report, tmp_path, paper):
    if not (pdf._weasyprint() or pdf._browser()):
        pytest.skip("nothing here prints")
    pdf.write_brief(demo_report / "brief.html", tmp_path / "brief.pdf", paper=paper, foot="Riverbend · October 2026")
    pages, wide = shape(tmp_path / "brief.pdf")
    assert 4 <= pages <= 6 and (wide < 600) == (paper == "a4")


def shape(path) -> tuple[int, float]:
    """Pages of a PDF and how wide they are, in points; without pypdf as a browser writes it."""
    try:
        import pypdf
    except ImportError:
        made = path.read_bytes()
        return len(re.findall(rb"/Type ?/Page\b", made)), float(re.search(rb"/MediaBox ?\[ ?0 0 ([\d.]+)", made)[1])
    pages = pypdf.PdfReader(path).pages
    return len(pages), float(pages[0].mediabox.width)


def test_the_brief_tells_what_the_pages_tell(demo_report):
    text = html.unescape(re.sub(r"<[^>]+>", " ", (demo_report / "brief.html").read_text("utf-8")))
    index = html.unescape(re.sub(r"<[^>]+>", " ", (demo_report / "index.html").read_text("utf-8")))
    lead = re.search(r"Payers initially denied [^.]+\.\d%[^.]*\.\d%[^.]*\.", index)[0]
    assert lead in text
    for head in (
        "Three fixes",
        "What changed",
        "Where denied money went",
        "Ten findings",
        "Plan for 90 days",
        "How sure we are",
    ):
        assert head in text
    links = re.findall(r'href="([^"]+)"', (demo_report / "brief.html").read_text("utf-8"))
    assert all(link.startswith("#") for link in links)  # no file lies beside a brief that is handed on


def test_ids_stay_apart_and_hidden_rows_stay_out():
    page = ('<h1>Why?</h1><main id="main"><h2 id="a">A</h2><a href="#a">x</a><a href="02_y.html">y</a>'
            '<table><tbody><tr><td>1</td></tr></tbody><tbody hidden=""><tr><td>2</td></tr></tbody></table></main>')  # fmt: skip
    made = pdf._chapter(page, "01_x.html")
    assert 'id="01_x-a"' in made["body"] and 'href="#01_x-a"' in made["body"] and 'href="#02_y"' in made["body"]
    assert "<td>2</td>" not in made["body"] and made["heads"] == [("01_x-a", "A")]


def test_rows_behind_the_search_of_a_real_page_stay_out(demo_report):
    page = (demo_report / "02_denial_overview.html").read_text("utf-8")
    hidden = re.findall(r"<tbody hidden.*?</tbody>", page, re.S)
    assert hidden, "no table of this page is long"
    body = pdf._chapter(page, "02_denial_overview.html")["body"]
    assert body.count("<tr>") == page.count("<tr>") - sum(part.count("<tr>") for part in hidden)


@pytest.fixture(scope="module")
def reader():
    """pypdf, where the PDF can be made at all."""
    pypdf = pytest.importorskip("pypdf")
    try:
        pdf.check()
    except RcmError as missing:  # make test-pdf installs it; Pango comes with the system
        pytest.skip(str(missing))
    return pypdf.PdfReader


@pytest.fixture(scope="module")
def pack(reader, demo_report, tmp_path_factory):
    """The folder of a report, and its PDF as read."""
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    names = ["index.html", *(f"{book.stem}.html" for book in render.notebooks([]) if book.stem != render.MONDAY)]
    css = (ROOT / "rcm_analysis/pages/templates/style.css").read_text("utf-8")
    pdf.write(demo_report, names, path, title="Denials at riverbend, October 2026", css=css)
    return demo_report, reader(path)


@pytest.mark.slow
def test_a_report_brings_its_pdf(reader, tmp_path):
    folder = render.render(asked(tmp_path), store=tmp_path, out=tmp_path / "out").folder
    text = squeezed("".join(page.extract_text() for page in reader(folder / "report.pdf").pages))
    assert "DenialsatPOctober2026" in text.replace(",", "") and text.count("12of100claims") == 2


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.slow
def test_the_pdf_holds_the_numbers_of_every_page(pack):
    folder, read = pack
    text = squeezed(" ".join(page.extract_text() for page in read.pages))
    for path in sorted(folder.glob("*.html")):
        page = path.read_text("utf-8")
        if path.stem in ("brief", "glossary"):
            continue
        headline = [html.unescape(number) for number in re.findall(r"<dd><strong>([^<]+)</strong>", page)]
        answers = [html.unescape(words) for words in re.findall(r'<p class="(?:finding|lead)[^"]*">([^<]+)', page)]
        assert headline and answers, path.name
        for said in headline + answers:
            assert squeezed(said) in text, (path.name, said)


@pytest.mark.slow
def test_the_pdf_has_page_numbers_contents_and_bookmarks(pack):
    _, read = pack
    last = len(read.pages)
    for number, page in enumerate(read.pages, 1):
        assert f"Page{number}of{last}" in squeezed(page.extract_text())
    contents = squeezed("".join(page.extract_text() for page in read.pages[:2]))
    titles = [entry.title for entry in read.outline if not isinstance(entry, list)]
    assert len(titles) == len(render.notebooks([]))
    for entry in read.outline:
        if not isinstance(entry, list):
            assert squeezed(entry.title) in contents
            assert re.search(
                rf"{re.escape(squeezed(entry.title))}[.]*{read.get_destination_page_number(entry) + 1}(?!\d)", contents
            ), entry.title


@pytest.mark.slow
def test_no_word_of_the_pdf_lies_beyond_its_page(pack):
    folder, read = pack
    # a picture is scaled to its page with its words, which pypdf tells in the picture's own units
    pictures = "".join(re.findall(r"<svg.*?</svg>", "".join(p.read_text("utf-8") for p in folder.glob("*.html")), re.S))
    drawn = {html.unescape(words).strip() for words in re.findall(r">([^<>]+)<", pictures)}
    for page in read.pages:
        right = float(page.mediabox.width)
        seen = []
        page.extract_text(
            visitor_text=lambda text, cm, tm, font, size, out=seen: out.append(
                (text.strip(), tm[4] * cm[0] + cm[4], abs(tm[0] * cm[0]) * size)
            )
        )
        # characters are wider than 0.4 of their size on average, so this is the least that a word takes
        beyond = [
            text
            for text, x, size in seen
            if text.strip(" .0123456789") and text not in drawn and not 0 <= x <= right - 0.4 * size * len(text)
        ]
        assert not beyond, beyond[:5]
