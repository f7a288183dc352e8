"""The pack as one PDF with contents and page numbers, made of the pages themselves, so that its numbers are theirs."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from rcm_analysis.errors import RcmError
from rcm_analysis.reports.brief import PAPERS

HOW_TO = "the PDF needs WeasyPrint (pip install 'rcm-analysis[pdf]') or a Chromium browser on the PATH"
BOOK = "the whole book as PDF needs WeasyPrint: pip install 'rcm-analysis[pdf]'"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
SECONDS = 120  # for a browser to print four pages

CSS = """
@page { size: letter landscape; margin: 14mm 14mm 16mm; @bottom-right { content: "Page " counter(page) " of " counter(pages); font: 9pt sans-serif; color: #57606a; }
        @bottom-left { content: string(chapter); font: 9pt sans-serif; color: #57606a; } }
html, body { font-size: 9.5pt; } main, header.top { max-width: none; padding: 0; } p, .finding { max-width: 60em; }
section.chapter { break-before: page; } h1 { font-size: 17pt; bookmark-level: none; } h2 { margin-top: 18pt; }
section.chapter > h1 { string-set: chapter content(); bookmark-level: 1; } h2 { bookmark-level: 2; } h2 + p { break-after: avoid; }
.contents-of-pack { list-style: none; padding: 0; columns: 3; column-gap: 20pt; } .contents-of-pack > li { margin-bottom: 6pt; font-weight: 600; }
.contents-of-pack li li { font-weight: 400; break-inside: avoid; } .contents-of-pack a { color: inherit; text-decoration: none; }
.contents-of-pack a::after { content: leader('.') target-counter(attr(href), page); }
.contents-of-pack ol { list-style: none; padding-left: 10pt; }
.tiles { display: block; } .tile { display: inline-block; width: 18%; margin: 0 1.5% 8pt 0; vertical-align: top; } .tile strong { font-size: 14pt; }
.table { overflow: visible; } table { font-size: 8pt; } table.wide { font-size: 7pt; } th, td { padding: 3pt 6pt 3pt 0; } .wide th, .wide td { padding-right: 4pt; }
td, th { overflow-wrap: break-word; white-space: normal !important; min-width: 0 !important; } .heat td, .heat th { padding: 2pt; font-size: 6.5pt; }
.cols, .cols.even, .side { display: block; } figure, figure svg { max-width: 100%; } figure svg { max-height: 120mm; } details.definitions { break-inside: auto; font-size: 8.5pt; }
nav.contents, .tools, .cards, .skip { display: none; }
"""


BRIEF_CSS = """@page { size: %s; margin: 14mm 15mm 16mm; @bottom-left { content: "%s"; font: 9pt Arial, sans-serif; color: #5f6b76; }
@bottom-right { content: "Page " counter(page) " of " counter(pages); font: 9pt Arial, sans-serif; color: #5f6b76; } }"""


def check(*, book: bool = False) -> None:
    """Raises RcmError that says in one line what to install, when there is nothing to make a PDF with."""
    if not _weasyprint() and (book or not _browser()):
        raise RcmError(BOOK if book else HOW_TO)


def _weasyprint() -> bool:
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError):  # OSError: its system library is missing
        return False
    return True


def _browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def write_brief(page: Path, path: Path, *, paper: str = "letter", foot: str = "") -> None:
    """Prints the brief's page by WeasyPrint, or by a browser where there is none. Fetches nothing, from nowhere.

    write_brief(Path("brief.html"), Path("brief.pdf"), paper="a4", foot="Riverbend · Denials and write-offs · October 2026")
    """
    text = page.read_text("utf-8")
    styles = f"<style>{BRIEF_CSS % (PAPERS.get(paper.lower(), 'letter'), _css_text(foot))}</style></head>"
    text = re.sub(r"<meta http-equiv=[^>]*>", "", text, count=1).replace("</head>", styles, 1)
    if _weasyprint():
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher

        HTML(string=text, url_fetcher=URLFetcher(allowed_protocols=["data"])).write_pdf(
            path, pdf_identifier=b"rcm-analysis"
        )
        return
    _print(text, path)


def _print(text: str, path: Path) -> None:
    """By a browser without network and with a profile of its own, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="rcm-pdf-") as folder:
        page = Path(folder) / "brief.html"
        page.write_text(text, "utf-8")
        command = [str(_browser()), "--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer", f"--user-data-dir={folder}/profile",
                   "--host-resolver-rules=MAP * ~NOTFOUND", f"--print-to-pdf={folder}/brief.pdf", page.as_uri()]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # a browser refuses root its sandbox, as in a container
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
            path.write_bytes(without_origin((Path(folder) / "brief.pdf").read_bytes()))
        except (OSError, subprocess.SubprocessError):
            raise RcmError(f"the browser could not print the brief; {HOW_TO}") from None


def without_origin(data: bytes) -> bytes:
    """A browser's PDF without the machine's time, and without its system and release, which are its creator's name.

    Everything stays where it is, since a PDF tells its parts by their places.

    >>> without_origin(b"/Creator (Mozilla/5.0 \\\\(X11\\\\)) /CreationDate (D:20261128193000+01'00')")
    b"/Creator (                   ) /CreationDate (D:20000101000000+00'00')"
    """
    data = re.sub(
        rb"(/(?:Creator|Author)\s*)\(((?:\\.|[^()\\])*)\)",
        lambda m: m[1] + b"(" + b" " * len(m[2]) + b")",
        data,
        flags=re.S,
    )
    day = b"D:20000101000000+00'00'"
    return re.sub(
        rb"(/(?:Creation|Mod)Date\s*)\((D:[^()]*)\)",
        lambda m: m[1] + b"(" + day[: len(m[2])].ljust(len(m[2])) + b")",
        data,
    )


def _css_text(text: str) -> str:
    """A text inside of a style sheet's quotes."""
    return "".join(letter if letter.isalnum() or letter in " ·-," else f"\\{ord(letter):x} " for letter in text)


def write(folder: Path, names: list[str], path: Path, *, title: str, css: str) -> None:
    """Puts the named pages of a rendered folder, the index first, into one PDF. Fetches nothing, from nowhere."""
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    text = _pack([_chapter((folder / name).read_text("utf-8"), name) for name in names], title=title, css=css + CSS)
    HTML(string=text, url_fetcher=URLFetcher(allowed_protocols=["data"])).write_pdf(
        path, pdf_identifier=b"rcm-analysis"
    )


def _between(pattern: str, page: str) -> str:
    found = re.search(pattern, page, re.S)
    if not found:
        raise ValueError(f"a page without {pattern}")  # every page is of our own template
    return found[1]


def _chapter(page: str, name: str) -> dict[str, Any]:
    """Title, sections and body of a page, with ids of its own and the rows that only its search shows left out."""
    stem = re.sub(r"\W", "-", name.removesuffix(".html"))
    title = _between(r"<h1[^>]*>(.*?)</h1>", page)
    body = _between(r'<main id="main"[^>]*>(.*)</main>', page)
    body = re.sub(r"<h1[^>]*>.*?</h1>|<nav class=\"(?:contents|pager)\".*?</nav>", "", body, flags=re.S)
    body = re.sub(
        r'<section class="noprint".*?</section>', "", body, flags=re.S
    )  # the contents stand for the list of pages
    body = re.sub(r'<svg class="narrow".*?</svg>|<ul class="rows narrow">.*?</ul>', "", body, flags=re.S)
    body = re.sub(
        r'<a [^>]*href="(?:tables/|worklist\.xlsx|manifest\.json)[^>]*>(.*?)</a>', "", body, flags=re.S
    )  # no file lies beside a PDF
    body = re.sub(r'<a class="term"[^>]*>(.*?)</a>', r"\1", body, flags=re.S)  # nor a glossary in it
    body = re.sub(r"<tbody hidden\b[^>]*>.*?</tbody>", "", body, flags=re.S)
    body = re.sub(r'\b(id|aria-labelledby)="([^"]+)"', rf'\1="{stem}-\2"', body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{stem}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{stem}-\1)", body)
    body = re.sub(r'href="([\w.-]+)\.html"', lambda m: f'href="#{re.sub(chr(92) + "W", "-", m[1])}"', body)
    heads = re.findall(r'<h2[^>]*\bid="([^"]+)"[^>]*>(.*?)</h2>', body, re.S)
    return {
        "id": stem,
        "title": title,
        "body": body,
        "heads": [(i, re.sub(r"<[^>]+>", "", text).rstrip("¶")) for i, text in heads],
    }


def _pack(chapters: list[dict[str, Any]], *, title: str, css: str) -> str:
    contents = "".join(
        f'<li><a href="#{c["id"]}">{c["title"]}</a><ol>{"".join(_line(*head) for head in c["heads"])}</ol></li>'
        for c in chapters
    )
    bodies = "".join(
        f'<section class="chapter" id="{c["id"]}"><h1>{c["title"]}</h1>{c["body"]}</section>' for c in chapters
    )
    safe = html.escape(title)
    return (f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{safe}</title><style>{css}</style></head><body>'
            f'<header class="top"><h1>{safe}</h1></header><nav><ol class="contents-of-pack">{contents}</ol></nav>{bodies}</body></html>')  # fmt: skip


def _line(target: str, text: str) -> str:
    return f'<li><a href="#{target}">{text}</a></li>'
