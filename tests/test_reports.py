"""Pages and reports: escaped, self-contained, whole or not at all, and the same twice."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from datetime import date
from pathlib import Path

import pandas as pd
import papermill
import pytest
import voice
from conftest import AS_OF, GOOD, ROOT, copy_of, notebook, printed

from rcm_analysis import stats, words
from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.pages import blocks, denial_overview
from rcm_analysis.reports import render as reports_render
from rcm_analysis.reports import run as reports_run
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.store.practice import Practice

HOSTILE = "<script>alert(1)</script>"


def render(tmp_path, *notebooks: Path, **more) -> reports_render.Result:
    request = ReportRequest("p", "2026-10", AS_OF, notebooks=notebooks, **more)
    return reports_render.render(request, store=tmp_path, out=tmp_path / "out")


def test_a_report_lands_where_it_was_asked_for_though_the_folder_changes_meanwhile(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "elsewhere").mkdir()
    book = notebook(tmp_path / "01_a.ipynb", GOOD)
    monkeypatch.chdir(tmp_path / "here")
    run = reports_render.run.run

    def wandering(*given, **named):
        os.chdir(tmp_path / "elsewhere")
        return run(*given, **named)

    monkeypatch.setattr(reports_render.run, "run", wandering)
    request = ReportRequest("p", "2026-10", AS_OF, notebooks=(book,))
    result = reports_render.render(request, store=tmp_path, out=Path("out"))
    assert result.ok and (tmp_path / "here/out/p/2026-10/index.html").exists()


def test_every_notebook_becomes_a_self_contained_page(demo_report):
    names = sorted(path.name for path in demo_report.glob("*.html"))
    assert names[0] == "01_data_quality.html" and "index.html" in names
    for path in demo_report.glob("*.html"):
        text = path.read_text()
        assert "Content-Security-Policy" in text
        assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|url\(\s*["']?(https?:)?//|@import""", text), (
            path.name
        )
        scripts = re.findall(r"<script[^>]*>(.*?)</script>", text, re.S)
        policies = re.findall(r"script-src 'sha256-([^']+)'", text)
        assert policies or path.stem == "brief"
        style = re.findall(r"<style[^>]*>(.*?)</style>", text, re.S)
        assert [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in style] == [
            re.search(r"style-src 'sha256-([^']+)'", text)[1]
        ]
        assert [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts] == policies
        assert not re.search(r"<[^>]+\son\w+=|javascript:", text), path.name
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids)), path.name
        assert '<html lang="en">' in text and 'class="skip"' in text


def test_every_figure_says_what_it_shows(demo_report):
    for path in demo_report.glob("0*.html"):
        text = path.read_text()
        figures = re.findall(r"<figure[^>]*>", text)
        heats = re.findall(r'<div class="table"[^>]*>(?=<table class="heat">)', text)
        assert figures or heats, path.name
        assert all(re.search(r'aria-label="[^"]{20,}"', one) for one in figures + heats), path.name
        drawings = re.findall(r'<svg class="(?:wide|narrow)".*?</svg>', text, re.S)
        assert all(
            re.search(r'role="img".*?<title id="[^"]+">.+?</title><desc id="[^"]+">.{20,}?</desc>', one, re.S)
            for one in drawings
        )


def test_drawings_are_text_for_both_screens_and_carry_no_style(demo_report):
    for path in demo_report.glob("*.html"):
        text = path.read_text()
        assert " style=" not in text, path.name  # the policy admits the page's own style alone
        drawings = re.findall(r'<svg class="(wide|narrow)"(.*?)</svg>', text, re.S)
        assert [kind for kind, _ in drawings].count("wide") == [kind for kind, _ in drawings].count(
            "narrow"
        ) or path.stem in ("index", "brief")
        assert all("<text" in drawing for _, drawing in drawings)
        sizes = {float(size) for _, drawing in drawings for size in re.findall(r'font-size="([\d.]+)"', drawing)}
        assert not sizes or min(sizes) >= 12, (path.name, sizes)


def test_pages_are_small(demo_report):
    sizes = {path.name: path.stat().st_size for path in demo_report.glob("*.html")}
    assert sizes.pop("index.html") <= 300_000
    assert max(sizes.values()) <= 600_000, sizes


def test_the_index_answers_how_what_changed_and_what_to_do(demo_report, demo_con):
    text = (demo_report / "index.html").read_text()
    denied, decided = demo_con.execute(
        "SELECT count(*) FILTER (WHERE initially_denied), count(*) FROM claims WHERE strftime(first_decided_on, '%Y-%m') = '2026-10'"
    ).fetchall()[0]
    assert f"Payers initially denied {denied / decided:.1%} of claims" in text
    assert f"{denied} of {decided} claims" in text
    lost = demo_con.execute(
        "SELECT sum(expected_allowed) FROM write_offs WHERE root = 'unnecessary' AND posted_on >= DATE '2025-11-01'"
    ).fetchall()[0][0]
    assert text.count(words.about(lost)) >= 3  # the tile, the sentence and the heading over its reasons
    heads = [
        "How are we doing?",
        "What changed?",
        "What to do this week",
        "Where denied money went",
        "What we wrote off",
        "All pages",
    ]
    places = [text.index(f">{head}</h2>") for head in heads]
    assert places == sorted(places)


def test_the_week_names_owner_day_claims_and_cash_and_links(demo_report):
    text = (demo_report / "index.html").read_text()
    week = text[text.index('id="todo"') : text.index("</table>", text.index('id="todo"'))]
    rows = re.findall(r'<tr><td class="rank">(\d+)</td>(.*?)</tr>', week, re.S)
    assert [int(rank) for rank, _ in rows] == list(range(1, len(rows) + 1)) and rows
    for _, row in rows:
        assert len(re.findall(r'<span class="pill', row)) == 2 and re.search(r'data-u="claims[^"]*">[\d,]+<', row)
        for link in re.findall(r'href="([^"#]+)', row):
            assert (demo_report / link).exists(), link
    assert len(pd.read_csv(demo_report / "tables/this_week.csv")) == len(rows)


def test_pages_lead_to_each_other_and_to_the_files(demo_report):
    names = {path.name for path in demo_report.glob("*.html")}
    for path in demo_report.glob("*.html"):
        text = path.read_text()
        links = {link.split("#")[0] for link in re.findall(r'<a [^>]*href="([^"]+)"', text)} - {""}
        assert all((path.parent / link).exists() for link in links), (
            path.name,
            [x for x in links if not (path.parent / x).exists()],
        )
        if path.stem == "brief":
            continue
        assert {"worklist.xlsx", "glossary.html", "brief.html"} <= links
        shown = set(re.findall(r'<li><a href="([^"]+)"', text[: text.index("<main")]))
        assert shown == names - {"glossary.html", "brief.html"}


def test_every_term_that_is_linked_is_in_the_glossary(demo_report):
    known = set(re.findall(r'<dt id="([^"]+)"', (demo_report / "glossary.html").read_text()))
    linked = {
        term
        for path in demo_report.glob("*.html")
        for term in re.findall(r'href="glossary.html#([^"]+)"', path.read_text())
    }
    assert linked and linked <= known, linked - known


def test_every_page_leads_to_its_terms(demo_report):
    linked = {
        path.name: re.findall(r'<a class="term" href="glossary.html#([^"]+)"', path.read_text())
        for path in demo_report.glob("0*.html")
    }
    assert all(len(terms) == len(set(terms)) for terms in linked.values())
    assert sum(map(bool, linked.values())) >= len(linked) - 2, linked


def test_tables_hold_every_row_and_the_manifest_every_status(demo_report, demo_con):
    assert len(pd.read_csv(demo_report / "tables/matching.csv")) == 6
    opened = demo_con.execute(
        "SELECT count(*) FROM claims WHERE state IN ('denied_open', 'open_past_window', 'unpaid_no_reason', 'taken_back', 'appealed', 'resubmitted')"
    ).fetchall()[0][0]
    assert len(pd.read_csv(demo_report / "tables/open_denials.csv")) == opened
    manifest = json.loads((demo_report / "manifest.json").read_text())
    assert [n["ok"] for n in manifest["notebooks"]] == [True] * len(manifest["notebooks"])
    assert manifest["as_of"] == "2026-10-31" and manifest["findings"]


def test_the_same_inputs_give_the_same_bytes(demo_report, demo_store, tmp_path):
    request = ReportRequest("riverbend", "2026-10", AS_OF, notebooks=(ROOT / "notebooks/03_write_offs.ipynb",))
    again = reports_render.render(request, store=demo_store, out=tmp_path).folder
    tables = [path.name for path in (again / "tables").iterdir()]
    assert len(tables) >= 4
    for name in tables:
        assert (again / "tables" / name).read_bytes() == (demo_report / "tables" / name).read_bytes(), name
    main = re.compile(r"<main.*?(?=<nav class=\"pager\"|</main>)", re.S)  # the menu names the pages that there are
    assert (
        main.search((again / "03_write_offs.html").read_text())[0]
        == main.search((demo_report / "03_write_offs.html").read_text())[0]
    )


HOLLOW = re.compile(r"\b0 of 0 |\b0 claims worth|\$0 on 0 |Of \$0 |“none”|is none:|– to –|No payer of 0 ")


def sentences(path: Path) -> list[str]:
    """The findings and key figures of a page."""
    found = re.findall(r'<p class="finding[^>]*>(.*?)</p>|<div class="tile">(.*?)</div>', path.read_text(), re.S)
    return [re.sub(r"<[^>]+>", " ", a or b) for a, b in found]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["835", "837", "ledger"])
def test_a_practice_with_one_kind_of_file_gets_its_report(demo_folder, tmp_path, kind):
    place = demo_folder / "ledger.csv" if kind == "ledger" else demo_folder / "edi" / kind
    ingest.ingest(Practice(tmp_path, "half"), [place] if kind == "ledger" else sorted(place.iterdir())[:60])
    request = ReportRequest("half", "2025-06", date(2025, 6, 30))
    result = reports_render.render(request, store=tmp_path, out=tmp_path / "out", jobs=2)
    assert result.ok, result.statuses
    assert not re.search(
        r"\bnan\b", re.sub(r"<svg.*?</svg>", "", (result.folder / "index.html").read_text(), flags=re.S)
    )
    for path in result.folder.glob("*.html"):
        assert not [said for said in sentences(path) if HOLLOW.search(said)], path.name


@pytest.mark.parametrize("months, sentence", [
    ([(0, 0), (6, 60), (9, 90)], "Payers initially denied 10.0% of claims in March 2026, 9 of 90, compared with 10.0% in the 12 months before."),
    ([(9, 90)], "Payers initially denied 10.0% of claims in March 2026, 9 of 90."),
    ([(12, 60), (0, 0)], "No claim was adjudicated in March 2026. In the 12 months before, payers initially denied 20.0% of claims."),
    ([(0, 0)], "No claim was adjudicated in March 2026 or the 12 months before, so there is no denial rate. Load the payers' remits (835)."),
])  # fmt: skip
def test_a_rate_is_said_of_the_months_that_have_one(months, sentence):
    names = ["2026-01", "2026-02", "2026-03"][-len(months) :]
    rate = pd.DataFrame(months, columns=["numerator", "denominator"]).assign(month=names)
    lower, upper = stats.wilson(rate["numerator"], rate["denominator"])
    rate = rate.assign(value=rate["numerator"] / rate["denominator"], lower=lower, upper=upper)
    assert denial_overview.rate_sentence(rate) == sentence


def test_a_report_leaves_out_what_is_said_to_analysts(tmp_path):
    book = notebook(tmp_path / "01_x.ipynb", GOOD)
    content = json.loads(book.read_text())
    told = {"cell_type": "markdown", "id": "a", "metadata": {"tags": ["analyst"]}, "source": "Change `months`."}
    book.write_text(json.dumps(content | {"cells": [*content["cells"], told]}))
    text = (render(tmp_path, book).folder / "01_x.html").read_text()
    assert "12 of 100 claims" in text and "Change" not in text


def test_a_failing_notebook_leaves_the_last_good_report(tmp_path):
    book = notebook(tmp_path / "01_x.ipynb", GOOD)
    assert render(tmp_path, book).ok
    before = (tmp_path / "out/p/2026-10/index.html").read_bytes()
    failing = notebook(tmp_path / "01_x.ipynb", GOOD, "secret = 'QUILLFEATHER'\nint(secret)")
    other = notebook(tmp_path / "02_y.ipynb", GOOD)
    result = render(tmp_path, failing, other)
    assert [(s.notebook, s.ok) for s in result.statuses] == [("01_x", False), ("02_y", True)]
    assert "cell 4" in result.statuses[0].message and "ValueError" in result.statuses[0].message
    assert "QUILL" not in result.statuses[0].message
    assert (tmp_path / "out/p/2026-10/index.html").read_bytes() == before
    assert result.folder.name == "2026-10.failed"


GAPS = {
    "raise SystemExit(0)": "cell 4 failed: SystemExit",
    "import os\nos._exit(9)": "the kernel died; is there enough memory?",
    "class F:\n    __repr__ = lambda self: 'Figure(640x480)'\nF()": "cell 4 lost its figure",
    "half": "the executed notebook is only half written; is the disk full?",
    "unrun": "cell 4 did not run",
}


@pytest.mark.parametrize(
    ("cell", "message"), GAPS.items(), ids=["ended early", "dead kernel", "lost figure", "half a file", "unrun cell"]
)
def test_what_papermill_lets_pass_fails_the_report(tmp_path, monkeypatch, cell, message):
    assert render(tmp_path, notebook(tmp_path / "01_x.ipynb", GOOD)).ok
    before = (tmp_path / "out/p/2026-10/index.html").read_bytes()
    inner = papermill.execute_notebook

    def damaging(source, output, **more):
        inner(source, output, **more)
        path = Path(output)
        content = json.loads(path.read_text())
        if cell == "unrun":
            content["cells"][3]["execution_count"] = None
        path.write_text(json.dumps(content)[: -200 if cell == "half" else None])

    if cell in ("half", "unrun"):
        monkeypatch.setattr(papermill, "execute_notebook", damaging)
    book = notebook(tmp_path / "01_x.ipynb", "1" if cell in ("half", "unrun") else cell, GOOD)
    result = render(tmp_path, book)
    assert (result.ok, result.index) == (False, None)
    told = [one["message"] for one in json.loads((result.folder / "manifest.json").read_text())["notebooks"]]
    assert told == [result.statuses[0].message] == [message]
    assert (tmp_path / "out/p/2026-10/index.html").read_bytes() == before


def test_unknown_parameters_are_refused_before_anything_runs(tmp_path):
    book = notebook(tmp_path / "01_x.ipynb", GOOD)
    with pytest.raises(reports_run.NotebookError, match="no parameter mnths"):
        render(tmp_path, book, parameters={"mnths": 3})
    assert not (tmp_path / "out").exists()


def test_hostile_text_stays_text():
    frame = pd.DataFrame({"payer": [HOSTILE, "=HYPERLINK(1)", "@x"], "usd": [-5.0, 1.0, 2.0]})
    table = blocks.Table(
        frame, name="t", title=HOSTILE, columns={"payer": blocks.Column(HOSTILE), "usd": blocks.Column("USD", "usd")}
    )
    bundles = [
        table._repr_mimebundle_(),
        blocks.Finding(HOSTILE)._repr_mimebundle_(),
        blocks.Numbers([(HOSTILE,) * 3])._repr_mimebundle_(),
    ]
    assert not any("<script" in bundle["text/html"] for bundle in bundles)
    lines = bundles[0][blocks.TABLE_MIME]["csv"].split("\n")
    assert lines[2] == "'=HYPERLINK(1),1" and lines[3].startswith("'@x") and lines[1].endswith(",-5")


def test_formats_for_sentences():
    assert words.usd(-1234.5) == "−$1,234" and words.usd(0.994, cents=True) == "$0.99" and words.usd(None) == "–"
    assert (
        words.share(0.1234) == "12.3%"
        and words.count(1234) == "1,234"
        and words.month_name("2026-02") == "February 2026"
    )


def test_a_figure_without_words_is_refused():
    import matplotlib.pyplot as plt

    with pytest.raises(ValueError, match="says what it shows"):
        blocks.Figure(plt.figure(), name="x", alt=" ", caption="c")


def test_every_file_of_a_report_is_its_owners_alone(tmp_path):
    before = os.umask(0o022)
    try:
        folder = render(tmp_path, notebook(tmp_path / "01_x.ipynb", GOOD)).folder
        assert os.umask(0o022) == 0o022  # and the caller's own files stay as they were
    finally:
        os.umask(before)
    open_to_others = [p for p in [folder, *folder.rglob("*")] if p.stat().st_mode & 0o077]
    assert not open_to_others


COUNT = """
from datetime import date
from rcm_analysis.claims import derive
con = derive.open_practice(store, practice, as_of=date.fromisoformat(as_of))
print(con.execute("SELECT count(*) FILTER (WHERE database_name = 'kept') > 30 FROM duckdb_tables()").fetchall())
print(con.execute("SELECT count(*), sum(denied_amount) FROM claims").fetchall())
"""


def test_tables_are_derived_once_and_shared(demo_store, tmp_path, monkeypatch):
    derived = []
    copy_of(demo_store / "riverbend", tmp_path / "store/riverbend")
    inner = derive.derive
    monkeypatch.setattr(derive, "derive", lambda *a, **k: derived.append(1) or inner(*a, **k))
    books = [notebook(tmp_path / f"0{i}_x.ipynb", COUNT, GOOD) for i in (1, 2)]
    request = ReportRequest("riverbend", "2026-10", AS_OF, notebooks=tuple(books))
    folder = reports_render.render(request, store=tmp_path / "store", out=tmp_path / "out").folder
    assert derived == [1]
    con = derive.open_practice(demo_store, "riverbend", as_of=AS_OF)
    wanted = con.execute("SELECT count(*), sum(denied_amount) FROM claims").fetchall()
    for book in books:
        assert "".join(printed(folder / "executed" / book.name)) == f"[(True,)]\n{wanted}\n"


OF_FILES = re.compile(r"code,leaf|words,leaf|The leaves are those of write_off_leaves")  # names that a user has to type
OWN_WORDS = ("Contractual allowance",)  # of the practice's ledger


def read_aloud(path: Path) -> str:
    """What a page says, hidden words and tooltips too."""
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", path.read_text("utf-8").split("<body>")[1], flags=re.S)
    hints = " ".join(re.findall(r'(?:title|aria-label)="([^"]*)"', text))
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text) + " " + hints))


def test_pages_speak_the_words_of_the_field(demo_report):
    for path in sorted(demo_report.glob("*.html")):
        text = OF_FILES.sub(" ", read_aloud(path))
        for words_of_ledger in OWN_WORDS:
            text = text.replace(words_of_ledger, " ")
        assert voice.found(text)[:5] == [], path.name


def test_pages_shout_no_name(demo_report, demo_con):
    shouted = {
        name
        for column in ("payer_name", "location")
        for (name,) in demo_con.execute(f"SELECT DISTINCT {column} FROM claims").fetchall()
        if name
    }
    assert len(shouted) > 6
    for path in demo_report.glob("*.html"):
        text = html.unescape(re.sub(r"<[^>]+>", " ", path.read_text("utf-8").split("<body>")[1]))
        assert not [name for name in shouted if name in text], path.name


def test_headings_have_six_words_at_most(demo_report):
    for path in sorted(demo_report.glob("*.html")):
        heads = re.findall(r"<h([123])[^>]*>(.*?)</h\1>", path.read_text("utf-8"), re.S)
        said = [html.unescape(re.sub(r"<[^>]+>", "", text)).rstrip("¶").strip() for _, text in heads]
        assert [head for head in said if len(re.sub(r"^\d+\. ", "", head).split()) > 6] == [], path.name
        assert len([level for level, _ in heads if level == "1"]) == 1
