"""Notebooks -> a report: run by papermill, rendered to self-contained HTML, published whole or not at all.

    reports/out/riverbend/2026-10/index.html, 02_denial_overview.html, tables/*.csv, executed/*.ipynb, manifest.json

A run that fails leaves the last good report in place and its own remains beside it in `2026-10.failed`, with the
failing cell named in the manifest.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.metadata
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from rcm_analysis import settings, words
from rcm_analysis.claims import derive
from rcm_analysis.errors import RcmError
from rcm_analysis.pages import blocks, glossary, monday, nouns, release
from rcm_analysis.reports import brief, pdf, run
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.reports.run import Status
from rcm_analysis.store import engine, folders, kept
from rcm_analysis.store.practice import Practice

MONDAY = "00_monday"  # becomes the index
START = "00_start"  # for JupyterLab, no page of a report unless asked for
LONGEST = ("07_prevention", "06_write_off_risk")  # what they learn others use
FOR_ANALYSTS = "analyst"  # tag of cells that speak to who opens the notebook, not to who reads the report
MOST_FINDINGS = 4  # under each heading of the index
WORKLISTS = "worklists"  # folder beside the periods: the team's workbooks that came back, and their notes
PORTFOLIO = "10_portfolio"  # compares practices, and so is no page of one practice's report
VERSIONS = ("rcm-analysis", "duckdb", "pandas", "pyarrow", "papermill", "nbconvert", "seaborn", "matplotlib")


class ReportError(RcmError):
    """A report that can't be run as asked; the message says what to change."""


class Busy(ReportError):
    """Somebody else is rendering for this practice."""


@dataclass
class Result:
    """A rendered report: its folder (of the failed run, if one failed), its index and each notebook's status."""

    folder: Path
    index: Path | None
    statuses: list[Status] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(status.ok for status in self.statuses)


def notebooks(only: list[str]) -> list[Path]:
    """A practice's notebooks in their order, the index's last, since it rests on what the others learn; the one to start
    exploring with left out. With `only`, those whose number or name fits.

    Raises ReportError if none does.
    """
    found = sorted((path for path in _all_notebooks() if path.stem != PORTFOLIO), key=lambda path: path.stem == MONDAY)
    chosen = [
        p
        for p in found
        if (p.stem != START and not only) or any(p.stem.startswith(name) or name in p.stem for name in only)
    ]
    if not chosen:
        raise ReportError(f"no notebook fits; there are {', '.join(path.stem for path in found) or 'none'}")
    return chosen


def portfolio_notebook() -> Path:
    """The notebook that compares practices."""
    return next(path for path in _all_notebooks() if path.stem == PORTFOLIO)


def _all_notebooks() -> list[Path]:
    return sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def carried_over(result: Result) -> list[str]:
    """What the report's workbooks took over from earlier ones, a sentence each."""
    told = json.loads((result.folder / "manifest.json").read_text("utf-8"))["workbooks"]
    return [book["said"] for book in told.values() if book["said"]]


def provenance(practice: str, store: Path, as_of: date) -> dict[str, str]:
    """What a report rests on: files, dates covered, batches."""
    place = Practice(store, practice)
    files = [row for row in place.files().to_pylist() if row["status"] != "rejected"]
    seen = [row for row in files if row["first_known_on"] and row["first_known_on"] <= as_of]
    if not seen:
        return {"batches": ", ".join(place.batches())} if place.exists() else {}
    last = min(max(row["last_known_on"] for row in seen), as_of)
    return {"files": f"{len(seen):,}", "dates": f"{min(row['first_known_on'] for row in seen)} to {last}",
            "batches": ", ".join(place.batches())}  # fmt: skip


def render(
    request: ReportRequest, *, store: Path, out: Path, jobs: int = 1, retries: int = 0,
    progress: Callable[[str, bool], None] | None = None, environment: dict[str, str] | None = None,
) -> Result:  # fmt: skip
    """Runs the notebooks, `jobs` at a time, and publishes the report under `out`.

    A notebook that fails is tried `retries` times more. `environment` is added to that of the notebooks' kernels.
    Raises NotebookError for unknown parameters, before anything is run.
    """
    books = list(request.notebooks) if request.notebooks is not None else notebooks([])
    parameters = {"practice": request.practice, "as_of": request.as_of.isoformat(), "months": request.months,
                  "store": str(store.resolve()), **request.parameters}  # fmt: skip
    run.check_parameters(books, parameters)
    if request.pdf or request.book:
        pdf.check(book=request.book)
    # once and here: while notebooks run, another thread may change the folder that the whole process is in
    final = request.folder(out.resolve())
    folders.make_private(final.parent)
    place = Practice(store, request.practice)
    with private_files(), lock(final.parent), _snapshot(place) as pinned:
        folders.recover(final)
        work = folders.building(final)
        (work / "executed").mkdir(parents=True)
        (work / "tables").mkdir()
        with _shared_tables(request.practice, request.as_of, store, work, worth_it=len(books) > 1) as shared:
            kernels = {**pinned, **shared, **(environment or {})}
            last = _last_report(final)
            kernels |= (
                {settings.DEIDENTIFIED.name: "yes", settings.EARLIER_VARIANT.name: str(last / "tables") if last else ""}
                if request.deidentified
                else {settings.WORKLISTS.name: str(final.parent / WORKLISTS)}
            )
            statuses = run.run_all(books, work / "executed", parameters=parameters, jobs=jobs, progress=progress,
                                    environment=kernels, retries=retries, longest=LONGEST)  # fmt: skip
        context = _context(request, store) | {"last": last}
        if request.deidentified:
            parameters, context = _coarse(parameters), _coarse(context) | {"day": context["day"]}
        _write_pages(work, books, statuses, parameters, context)
        _write_pdfs(work, request, statuses)
        if request.deidentified:  # they hold their parameters, days among them, and whatever else a cell printed
            shutil.rmtree(work / "executed")
        return _publish(work, final, statuses)


def _snapshot(place: Practice) -> AbstractContextManager[dict[str, str]]:
    """All pages see the batches that are there now; the variables tell them which."""
    return place.snapshot() if place.exists() else nullcontext({})


def _write_pdfs(work: Path, request: ReportRequest, statuses: list[Status]) -> None:
    """The brief where a PDF is asked for; the whole book where that is, and where no brief can be made."""
    name = words.titled_practice(words.called(request.practice))
    if (request.pdf or request.book) and (work / "brief.html").exists():
        pdf.write_brief(
            work / "brief.html",
            work / "brief.pdf",
            paper=request.paper,
            foot=f"{name} · Denials and write-offs · {words.month_name(request.period)}",
        )
    elif request.pdf:
        request = replace(request, book=True)
    if request.book:
        pages = [f"{status.notebook}.html" for status in statuses if status.ok and status.notebook != MONDAY]
        title = f"Denials at {name}, {words.month_name(request.period)}"
        pdf.write(work, ["index.html", *pages], work / "report.pdf", title=title, css=_template("style.css"))


def _context(request: ReportRequest, store: Path) -> dict[str, Any]:
    """What every page and the manifest say of the whole report."""
    rests_on = request.provenance
    if rests_on is None:
        rests_on = provenance(request.practice, store, request.as_of)
    return {"practice": request.practice, "period": request.period, "as_of": request.as_of, "provenance": dict(rests_on),
            "facts": dict(request.facts), "deidentified": request.deidentified, "pdf": request.pdf or request.book, "day": request.as_of}  # fmt: skip


def _coarse(told: Any) -> Any:
    """The same with months in the place of days."""
    if isinstance(told, dict):
        return {key: _coarse(value) for key, value in told.items()}
    return release.text(str(told)) if isinstance(told, str | date) else told


class _Mask:
    """The process's mask for new files: its threads share it, so the first sets it and the last one puts it back."""

    lock, users, before = threading.Lock(), 0, 0


@contextmanager
def private_files() -> Iterator[None]:
    """Whatever is written meanwhile, by us or by papermill, is readable by its owner alone."""
    with _Mask.lock:
        if not _Mask.users:
            _Mask.before = os.umask(0o077)
        _Mask.users += 1
    try:
        yield
    finally:
        with _Mask.lock:
            _Mask.users -= 1
            if not _Mask.users:
                os.umask(_Mask.before)


@contextmanager
def _shared_tables(practice: str, as_of: date, store: Path, work: Path, *, worth_it: bool) -> Iterator[dict[str, str]]:
    """Tables derived here while the kernel server imports its libraries, so that no notebook derives them again."""
    run.warm_up()
    if not worth_it or not Practice(store, practice).exists() or engine.named(store) != "duckdb":
        yield {}
        return
    view = derive.open_practice(store, practice, as_of=as_of)
    with kept.for_kernels(view.con, Practice(store, practice), as_of) as environment:
        view.close()
        yield environment


def _spare(final: Path) -> None:
    """Keeps a worklist that somebody wrote into and nobody has read yet from going with the report that is replaced."""
    try:
        told = json.loads((final / "manifest.json").read_text("utf-8"))["workbooks"]["worklist"]["sha256"]
        data = (final / "worklist.xlsx").read_bytes()
    except (OSError, ValueError, KeyError, TypeError):
        return  # there is none, or of an earlier release
    kept = final.parent / WORKLISTS
    if hashlib.sha256(data).hexdigest() != told and data not in (path.read_bytes() for path in kept.glob("*.xlsx")):
        folders.make_private(kept)
        folders.write({kept / f"not_read_{final.name}_{hashlib.sha256(data).hexdigest()[:8]}.xlsx": data})


def _publish(work: Path, final: Path, statuses: list[Status]) -> Result:
    _spare(final)
    failed = final.with_name(f"{final.name}.failed")
    shutil.rmtree(failed, ignore_errors=True)
    if not all(status.ok for status in statuses):
        folders.publish(work, failed)
        return Result(failed, None, statuses)
    folders.publish(work, final)
    return Result(final, final / "index.html", statuses)


def lock(folder: Path, name: str = ".lock") -> AbstractContextManager[None]:
    """Keeps others out of a practice's reports. Raises Busy when somebody is in there."""
    busy = Busy(f"another report of {folder.name} is being rendered; wait until it has ended")
    return folders.lock(folder / name, error=busy)


# --- pages ---------------------------------------------------------------------------------------------------------


def _write_pages(work: Path, notebooks: list[Path], statuses: list[Status], parameters: dict, context: dict) -> None:
    exporter = _exporter()  # one for all pages: it compiles nbconvert's templates
    done = [notebook for notebook, status in zip(notebooks, statuses, strict=True) if status.ok]
    read = {notebook: _read(work, notebook, context) for notebook in done}
    for collected, _ in read.values():
        _write_files(work, collected)
    context["brief"] = set(brief.FEWEST_PAGES) <= {notebook.stem for notebook in done}
    context = {**context, "menu": _menu(done), "files": _files(work, context)}
    rendered = [
        _page(work, notebook, *read[notebook], context, exporter) for notebook in done if notebook.stem != MONDAY
    ]
    findings = [finding for page in rendered for finding in page["findings"]]
    findings.sort(key=lambda f: (f["rank"], -(f["amount_usd"] or 0)))
    first = next((_monday(*read[notebook]) for notebook in done if notebook.stem == MONDAY), None)
    _write_index(work, rendered, findings, first, context)
    _write_glossary(work, context)
    if context["brief"]:
        _write_brief(work, [collected for collected, _ in read.values()], first, context)
    numbers = [number for page in rendered for number in page["numbers"]]
    manifest = {
        "practice": context["practice"], "period": context["period"], "as_of": str(context["as_of"]),
        "parameters": {k: v for k, v in parameters.items() if k != "store"}, "provenance": context["provenance"], **context["facts"], "numbers": numbers,
        "nouns": first["told"] if first else {},
        "tables": {t["name"]: {"title": t["title"], "counts": t.get("counts", [])} for collected, _ in read.values() for t in collected["tables"]},
        "workbooks": {b["name"]: {"sha256": b["sha256"], "said": b.get("said", "")} for collected, _ in read.values() for b in collected["workbooks"]},
        "versions": {name: _version(name) for name in VERSIONS}, "python": sys.version.split()[0],
        "notebooks": [vars(status) for status in statuses],
        "findings": [{k: f[k] for k in ("sentence", "kind", "rank", "amount_usd", "page")} for f in findings],
    }  # fmt: skip
    (work / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _write_index(
    work: Path, pages: list[dict], findings: list[dict], first: dict[str, Any] | None, context: dict
) -> None:
    """Monday's page; without its notebook, the findings of the others under their headings."""
    said = first or {"title": f"Denials at {words.called(context['practice'])}", "lead": "", "cautions": [], "html": ""}
    cautions = list(dict.fromkeys(f["sentence"] for f in findings if f["kind"] == "caution" and f["rank"] == 0))
    warned = list(dict.fromkeys([*said["cautions"], *cautions]))
    checks = None
    if first:
        checks = {"ok": not warned, "text": "A data check needs you" if warned else "All data checks passed"}
    text = _environment().get_template("index.html").render(
        **_shared(context), here="index.html", title=said["title"], lead=said["lead"], monday=said["html"], first=warned,
        checks=checks, since=_since(first, context), groups=[] if first else _groups(findings), pages=pages,
    )  # fmt: skip
    (work / "index.html").write_text(text, "utf-8")


def _since(first: dict[str, Any] | None, context: dict) -> list[dict[str, str]]:
    """What moved since the last report: the nouns of the first screen, as its manifest tells them."""
    folder = context.get("last")
    if first is None or folder is None:
        return []
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        before, day = manifest["nouns"], str(manifest["as_of"])
    except (OSError, ValueError, KeyError):
        return []
    moved = [name for name in COMPARED if before.get(name) and before[name] != first["told"].get(name, before[name])]
    return [
        {"name": nouns.NOUNS[name].label, "before": before[name], "now": first["told"][name], "day": words.day(day)}
        for name in moved
    ]


COMPARED = ("open_denials", "open_denials_cash", "rejected_not_resent", "avoidable_write_offs", "clean_claim_rate")


def _last_report(final: Path) -> Path | None:
    """The newest report of the practice before this one, of the same kind."""
    mark = final.name.partition(".")[2]
    earlier = [
        path for path in final.parent.glob("????-??*") if path.name.partition(".")[2] == mark and path.name < final.name
    ]
    return max(earlier, default=None, key=lambda path: path.name)


def _groups(findings: list[dict[str, Any]]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """The findings under the index's headings, the most important of each: (id, heading, findings)."""
    kinds: dict[str, list[dict[str, Any]]] = {"changed": [], "costs": [], "to-do": [], "care": []}
    once = {finding["sentence"]: finding for finding in reversed(findings)}  # what several pages say first
    for finding in [finding for finding in findings if once[finding["sentence"]] is finding]:
        own = {"change": "changed", "action": "to-do", "caution": "care"}.get(finding["kind"])
        kinds[own or ("costs" if finding["amount_usd"] else "changed")].append(finding)
    heads = {
        "changed": "What changed",
        "costs": "What it costs",
        "to-do": "What to do this week",
        "care": "Read with care",
    }
    return [(name, heads[name], kinds[name][:MOST_FINDINGS]) for name in heads if kinds[name]]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _read(work: Path, notebook: Path, context: dict) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an executed notebook's outputs carry, and the notebook as its page shows it."""
    content = json.loads((work / "executed" / notebook.name).read_text("utf-8"))
    content["cells"] = [cell for cell in content["cells"] if FOR_ANALYSTS not in cell["metadata"].get("tags", [])]
    if context["deidentified"]:
        content = _ours_only(content)
    return _collect(content), content


def _write_files(work: Path, collected: dict[str, Any]) -> None:
    for table in collected["tables"]:
        _write_table(work / "tables" / f"{table['name']}.csv", table["csv"])
    for book in collected["workbooks"]:
        data = base64.b64decode(book["base64"])
        (work / f"{Path(book['name']).name}.xlsx").write_bytes(data)
        book |= {"sha256": hashlib.sha256(data).hexdigest()}


def _menu(done: list[Path]) -> list[dict[str, str]]:
    """The pages in the order in which people go through them."""
    names = [book.stem for book in done if book.stem != MONDAY]
    order = {name: place for place, name in enumerate(MENU)}
    pages = [
        {"href": f"{name}.html", "name": MENU.get(name, "")}
        for name in sorted(names, key=lambda name: (order.get(name, 99), name))
    ]
    return [
        {"href": "index.html", "name": "Monday"},
        *(page | {"name": page["name"] or page["href"].removesuffix(".html")} for page in pages),
    ]


MENU = {
    "02_denial_overview": "Denials", "04_denial_trends": "Trends", "03_write_offs": "Write-offs", "06_write_off_risk": "Worklist",
    "05_denial_clusters": "Groups", "08_payer_scorecard": "Payers", "07_prevention": "Prevention", "09_practice_audit": "Audit",
    "01_data_quality": "Data checks", "10_portfolio": "Practices",
}  # fmt: skip


def _files(work: Path, context: dict) -> list[dict[str, Any]]:
    """What a report holds besides its pages."""
    files = (
        [{"href": "worklist.xlsx", "name": "Worklist", "kind": "Excel", "download": True}]
        if (work / "worklist.xlsx").exists()
        else []
    )
    if context["brief"]:
        href, kind = ("brief.pdf", "PDF") if context.get("pdf") else ("brief.html", "page")
        files.append({"href": href, "name": "Brief", "kind": kind, "download": False})
    return files


def _monday(collected: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """The index's heading, sentence and sections."""
    html_ = [data.get("text/html", "") for cell in content["cells"] for output in cell.get("outputs", []) if ((data := output.get("data", {}))
             and blocks.TABLE_MIME not in data) or data.get(blocks.TABLE_MIME, {}).get("name") in monday.SHOWN]  # fmt: skip
    return {**collected["monday"], "html": "".join("".join(part) for part in html_)}


def _page(
    work: Path, notebook: Path, collected: dict[str, Any], content: dict[str, Any], context: dict, exporter: Any
) -> dict[str, Any]:
    """Writes one page; gives title, answer, findings and key figures for the index."""
    title, body = _title_and_body(content, exporter)
    name = f"{notebook.stem}.html"
    answers, body = _before_sections(body)
    menu = context["menu"]
    at = next(place for place, page in enumerate(menu) if page["href"] == name)
    around = {"before": menu[at - 1] if at else None, "after": menu[at + 1] if at + 1 < len(menu) else None}
    template = _environment().get_template("page.html")
    body = glossary.linked(body)
    said = {"title": title, "answers": answers, "body": body, "contents": _contents(body), "here": name}
    text = template.render(**_shared(context), **said, **around)
    (work / name).write_text(text, "utf-8")
    for finding in collected["findings"]:
        finding |= {"page": name, "page_title": title, "page_name": menu[at]["name"]}
    answer = min(collected["findings"], key=lambda f: f["rank"], default={"sentence": ""})["sentence"]
    return {"href": name, "title": title, "name": menu[at]["name"], "answer": answer,
            "findings": collected["findings"], "numbers": collected["numbers"]}  # fmt: skip


OURS = re.compile(
    r'<(h2 class="part|p class="(finding|none)|dl class="tiles|div class="(table|cols)|figure|section|details class="definitions)'
)


def _ours_only(content: dict[str, Any]) -> dict[str, Any]:
    """Without outputs that did not pass through `pages`, such as what a cell printed."""
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                o
                for o in cell["outputs"]
                if monday.MONDAY_MIME in o.get("data", {})
                or OURS.match("".join(o.get("data", {}).get("text/html", "")))
            ]
    return content


def _collect(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "findings": [],
        "tables": [],
        "workbooks": [],
        "numbers": [],
        "figures": {},
        "monday": {"title": "", "lead": "", "cautions": [], "told": {}},
    }
    for cell in content["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            finding = data.get(blocks.FINDING_MIME, {})
            if "sentence" in finding:
                found["findings"].append(dict(finding))
            found["numbers"] += finding.get("numbers", [])
            if blocks.WORKBOOK_MIME in data:
                found["workbooks"].append(data[blocks.WORKBOOK_MIME])
            if blocks.TABLE_MIME in data:
                found["tables"].append(data[blocks.TABLE_MIME])
            if blocks.FIGURE_MIME in data:
                found["figures"][data[blocks.FIGURE_MIME]["name"]] = "".join(data["text/html"])
            if monday.MONDAY_MIME in data:
                found["monday"] = data[monday.MONDAY_MIME]
    return found


def _write_table(path: Path, text: str) -> None:
    if path.exists() and path.read_text("utf-8") != text:
        raise ReportError(f"two notebooks write different tables named {path.stem}")
    path.write_text(text, "utf-8")


def _exporter() -> Any:
    """nbconvert's, without code and prompts."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    config = Config()
    config.HTMLExporter.exclude_input = True
    config.HTMLExporter.exclude_output_prompt = True
    config.HTMLExporter.exclude_input_prompt = True
    config.NbConvertBase.display_data_priority = [
        "text/html",
        "image/svg+xml",
        "image/png",
        "text/markdown",
        "text/plain",
    ]
    return HTMLExporter(template_name="basic", config=config)


def _title_and_body(content: dict[str, Any], exporter: Any) -> tuple[str, str]:
    """The notebook's first heading, and the rest as HTML without code."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import nbformat

    held, content = _without_html(content)
    body, _ = exporter.from_notebook_node(nbformat.reads(json.dumps(content), as_version=4))
    body = re.sub("|".join(held), lambda found: held[found[0]], body) if held else body
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.S)
    title = html.unescape(re.sub(r"<[^>]+>", "", heading[1])).rstrip("¶").strip() if heading else "Report"
    body = body.replace(heading[0], "", 1) if heading else body
    body = re.sub(r"<(script|style)\b.*?</\1>", "", body, flags=re.S)
    return title, re.sub(r' id="cell-id=[^"]*"', "", body)  # papermill's own cell has another id in every run


def _without_html(content: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The notebook with a mark in the place of each HTML output, and what stands for each: nbconvert would parse
    megabytes of charts and write them anew."""
    held: dict[str, str] = {}
    cells = []
    for cell in content["cells"]:
        outputs = []
        for output in cell.get("outputs", []):
            text = "".join(output.get("data", {}).get("text/html", ""))
            if text:
                mark = f"html-{hashlib.sha256(text.encode()).hexdigest()}"
                held[mark] = text
                output = {**output, "data": {**output["data"], "text/html": mark}}
            outputs.append(output)
        cells.append({**cell, "outputs": outputs} if "outputs" in cell else cell)
    return held, {**content, "cells": cells}


def _before_sections(body: str) -> tuple[str, str]:
    """The answers at the top, and the sections that show their evidence."""
    at = body.find("<h2")
    return (body, "") if at < 0 else (body[:at], body[at:])


def _contents(body: str) -> list[tuple[str, str]]:
    found = re.findall(r'<h2[^>]*\bid="([^"]+)"[^>]*>(.*?)</h2>', body, re.S)
    return [(id_, html.unescape(re.sub(r"<[^>]+>", "", text)).rstrip("¶").strip()) for id_, text in found]


def _template(name: str) -> str:
    return (resources.files("rcm_analysis.pages") / "templates" / name).read_text("utf-8")


def _csp_hash(script: str) -> str:
    """The hash by which the content security policy admits this script and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _shared(context: dict[str, Any]) -> dict[str, Any]:
    script, css = _template("tables.js") + _template("charts.js"), _template("style.css")
    rests_on = context["provenance"]
    practice = words.titled_practice(words.called(context["practice"]))
    parts = [
        f"Data through {words.day(context['as_of'])}"
        if not context["deidentified"]
        else f"Data through {words.month_name(str(context['as_of']))}"
    ]
    shown = {"files": "{} files loaded", "practices": "{} practices"}  # dates and loads stand in the run details
    parts += [shown[name].format(value) for name, value in rests_on.items() if name in shown]
    parts.append(f"rcm-analysis {_version('rcm-analysis')}")
    return {"practice": practice, "period_name": words.month_name(context["period"]), "through": parts[0],
            "report_day": f"Report for {words.month_name(context['period'])}", "menu": context.get("menu", []), "files": context.get("files", []),
            "css": css, "style_hash": _csp_hash(css), "script": script, "script_hash": _csp_hash(script),
            "glossary": True, "manifest": True, "provenance": " · ".join(parts)}  # fmt: skip


def _write_brief(work: Path, collected: list[dict[str, Any]], first: dict[str, Any] | None, context: dict) -> None:
    tables = {table["name"]: table["csv"] for one in collected for table in one["tables"]}
    figures = {name: text for one in collected for name, text in one["figures"].items()}
    said = brief.Said(
        first["told"] if first else {}, tables, figures, first["html"] if first else "", first["lead"] if first else ""
    )
    text = (
        _environment()
        .get_template("brief.html")
        .render(**_shared(context), **brief.content(said, context["day"], context["period"]))
    )
    (work / "brief.html").write_text(text, "utf-8")


def _write_glossary(work: Path, context: dict) -> None:
    text = (
        _environment()
        .get_template("glossary.html")
        .render(**_shared(context), here="glossary.html", terms=glossary.terms())
    )
    (work / "glossary.html").write_text(text, "utf-8")


@lru_cache(maxsize=1)  # templates are compiled once for all pages
def _environment() -> Any:
    import jinja2

    return jinja2.Environment(loader=jinja2.PackageLoader("rcm_analysis.pages", "templates"), autoescape=True)
