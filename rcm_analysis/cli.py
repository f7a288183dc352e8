"""The command line: arguments and calls, nothing else. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcm_analysis import errors, settings
from rcm_analysis.errors import RcmError
from rcm_analysis.months import MONTHS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rcm_analysis.intake.ingest import Outcome
    from rcm_analysis.reports.request import ReportRequest
    from rcm_analysis.store.backups import Verified
    from rcm_analysis.store.practice import Practice

app = typer.Typer(add_completion=False, no_args_is_help=True, help=(
    "Denial trend analytics: read a practice's 835, 837 and 277CA files and its ledger, and render a denial report. "
    "Begin with: rcm demo"), pretty_exceptions_enable=False)  # fmt: skip

DONE, FAILED, USAGE, PARTLY = 0, 1, 2, 3
StoreOption = Annotated[Path, typer.Option("--store", help="Folder that holds every practice's data.")]
PracticeOption = Annotated[
    str, typer.Option("--practice", "-p", help="Practice, in small letters and hyphens: riverbend-ems.")
]
EngineOption = Annotated[
    str | None,
    typer.Option(help="Where tables are computed: duckdb (this process), spark (all cores) or a Spark address."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For scripts: one JSON text on standard output.")]
STORE = Path("data/store")
OUT = Path("reports/out")


def main() -> None:
    """Runs a command; an error that a user can mend gives one line and exit code 2 or 1, not a traceback."""
    try:
        settings.take_file(Path(settings.FILE))
        app()
    except RcmError as error:
        typer.echo(f"rcm: {error}", err=True)
        sys.exit(error.code)
    except Exception as error:
        words = errors.NO_MEMORY if errors.out_of_memory(error) else errors.of_the_system(error)
        if not words:
            raise
        typer.echo(f"rcm: {words}", err=True)
        sys.exit(1)


@app.command()
def demo(
    claims: Annotated[int, typer.Option(help="Claims in the synthetic practice.", min=200)] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same practice.")] = 7,
    without_events: Annotated[
        bool,
        typer.Option("--without-events", help="Let nothing change over time, to see how often trends report a change."),
    ] = False,
    store: StoreOption = STORE,
    jobs: Annotated[int, typer.Option(help="Notebooks rendered at a time.")] = 2,
) -> None:
    """Make a synthetic practice, load it and make its report.

    Writes EDI files and a ledger under data/demo, with the truth next to them.

    Example: rcm demo
    """
    from rcm_analysis.reports.request import ReportRequest
    from rcm_analysis.synthetic import practice as demo_

    folder = Path("data/demo")
    _say(f"writing {claims:,} claims of a synthetic practice to {folder}")
    made = demo_.write_practice(folder, claims=claims, seed=seed, events=not without_events)
    _say(f"wrote {made['files']:,} files with {made['remittances']:,} claim payments")
    code = _ingest(
        [folder / "edi", folder / "ledger.csv", folder / "work_log.csv"], demo_.PRACTICE, None, store, today=date.max
    )
    # its claims are of the same months whatever day it is
    day, period = _dates([demo_.PRACTICE], None, None, store, date.max)
    code = max(code, _report(ReportRequest(demo_.PRACTICE, period, day), store, OUT, jobs))
    raise typer.Exit(code)


@app.command()
def ingest(
    paths: Annotated[
        list[Path], typer.Argument(help="Files, folders, .zip or .gz; what they hold is detected from their content.")
    ],
    practice: PracticeOption,
    mapping: Annotated[
        Path | None,
        typer.Option(help="TOML file that names the columns of exports; proposed and written if it is new."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Say how the files, and each ledger's columns and codes, are understood. Store nothing."
        ),
    ] = False,
    store: StoreOption = STORE,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Where files are read: this process, spark, a Spark address, or a Dask scheduler tcp://host:8786."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of reports, where worklists that come back are kept.")] = OUT,
) -> None:
    """Load a practice's files. A file loaded before changes nothing.

    Example: rcm ingest data/inbox/riverbend --practice riverbend
    """
    if practice == "all":
        typer.echo("rcm: all means every practice; give this one a name of its own", err=True)
        raise typer.Exit(USAGE)
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        from rcm_analysis.intake.sources import printable

        typer.echo(f"rcm: there is no {', '.join(map(printable, missing))}", err=True)
        raise typer.Exit(USAGE)
    elsewhere = "" if store == STORE else f" --store {store}"
    following = f"rcm report --practice {practice}{elsewhere}"
    raise typer.Exit(_ingest(paths, practice, mapping, store, engine, following, check=check, out=out))


def _ingest(
    paths: list[Path],
    practice: str,
    mapping: Path | None,
    store: Path,
    engine: str | None = None,
    next_command: str = "",
    *,
    check: bool = False,
    out: Path = OUT,
    today: date | None = None,
) -> int:
    """Reads the files and says what became of them; with `check` into a store that is thrown away."""
    import tempfile
    from contextlib import nullcontext

    from rcm_analysis.intake import ingest as intake_ingest
    from rcm_analysis.intake import summary
    from rcm_analysis.intake.progress import reading
    from rcm_analysis.spreadsheets import exports
    from rcm_analysis.store.practice import Practice

    if mapping and not mapping.exists():
        _propose(paths, mapping, Practice(store, practice))
    told = exports.read_mapping(mapping) if mapping else None
    wait = lambda: _say(f"another ingest into {practice} is running; waiting for its end")  # noqa: E731
    own = Practice(store, practice)
    with tempfile.TemporaryDirectory() if check else nullcontext() as aside, reading() as progress:
        place = Practice(Path(aside), practice) if aside else own
        outcome = intake_ingest.ingest(
            place,
            paths,
            mapping=told,
            progress=progress,
            waiting=wait,
            engine=engine,
            beside=own,
            today=today or _today(),
        )
        counts = summary.lines(place, outcome.batch, outcome.postings) if outcome.batch else ()
    for name, lines in outcome.said.items() if check else ():
        _say("\n  ".join((f"{name}:", *lines)))
    for status in ("accepted", "partly", "rejected", "known"):
        files = outcome.of_status(status)
        if files:
            _say(f"{status:>9}: {summary.counted(len(files), 'file')}")
    if outcome.read_again:
        _say(f"  {len(outcome.read_again):,} of them were read again, since an earlier release read them; "
             "what is read now counts instead")  # fmt: skip
    for name in outcome.understood_now:
        _say(f"  {name}, which was stored before and not understood, is understood now")
    for line in counts:
        _say(f"  {line}")
    if outcome.worklists and not check:
        _worklists_back(outcome, own, out)
    bad = outcome.of_status("partly") + outcome.of_status("rejected")
    given = outcome.given if sys.stderr.isatty() else {}  # a log keeps no more than the store does
    _name_files(bad, practice, given)
    _name_files(outcome.with_warnings(), practice, given)
    remarks = sum(bool(file["reason"]) for file in outcome.of_status("accepted"))
    if remarks:
        _say(f"  remarks on {summary.counted(remarks, 'accepted file')}; rcm files --practice {practice} lists them")
    if not outcome.files:
        _say("no files were found")
    elif check:
        _say("Nothing was stored: give the command without --check to do so.")
    elif bad:
        _say(f"next: rcm files --practice {practice} --rejected")
    elif next_command:
        _say(f"next: {next_command}")
    return PARTLY if bad or not outcome.files else DONE


def _worklists_back(outcome: Outcome, practice: Practice, out: Path) -> None:
    """Keeps the team's workbooks with the reports, and says what was taken from them."""
    from rcm_analysis.work import notes, status

    for line in notes.keep(out / practice.name / notes.FOLDER, outcome.worklists):
        _say(f"  {line}")
    for line in status.of_practice(practice).news({given.file_id for given in outcome.worklists}):
        _say(f"  {line}")


def _take_back(practice: str, store: Path, out: Path) -> None:
    """Reads the worklists in the practice's reports that somebody wrote into: the next report would replace them."""
    from rcm_analysis.store.practice import Practice
    from rcm_analysis.work import notes

    edited = notes.edited(out / practice) if Practice(store, practice).exists() else []
    if edited:
        _say(f"reading {', '.join(map(str, edited))}, which was written into since")
        _ingest(edited, practice, None, store, out=out)


def _name_files(files: list[dict], practice: str, given: dict[str, list[str]]) -> None:
    """Files and why; on a terminal, where nothing is kept, by the names under which they were given."""
    for file in files[:20]:
        masked = f"{file['name']} (SHA-256 {file['file_id'][:8]}…)" if "~" in file["name"] else file["name"]
        name = ", ".join(dict.fromkeys(given.get(file["file_id"], [masked])))
        _say(f"  {name}: {file['reason']}")
    if len(files) > 20:
        _say(f"  and {len(files) - 20:,} more; rcm files --practice {practice} lists them all")


def _propose(paths: list[Path], mapping: Path, practice: Practice) -> None:
    """Writes and shows a mapping told from the headers; goes on if the user confirms it, and ends elsewhere."""
    from rcm_analysis.intake import ingest as intake_ingest
    from rcm_analysis.spreadsheets import exports, known
    from rcm_analysis.store import folders

    text = exports.propose(intake_ingest.tables_among(paths), known.gather(practice.read))
    if text is None:
        typer.echo("rcm: no export (CSV or Excel) was understood; write the mapping as docs/exports.md shows", err=True)
        raise typer.Exit(USAGE)
    folders.make_private(mapping.parent)
    folders.write({mapping: text.encode()})
    _say(f"{text}\nThis mapping was written to {mapping}.")
    if sys.stdin.isatty() and typer.confirm("Use it as it is?"):
        return
    _say("Nothing was ingested: correct it where it is wrong, then give the same command again.")
    raise typer.Exit(PARTLY)


@app.command()
def report(
    practice: PracticeOption,
    period: Annotated[
        str | None, typer.Option(help="Month of the report, YYYY-MM; the last whole month by default.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Use data through this day, YYYY-MM-DD; end of the period by default.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Notebooks to render, by number or name.")] = None,
    months: Annotated[int, typer.Option(help="Months looked back.", min=3)] = MONTHS,
    jobs: Annotated[
        int | None, typer.Option(help="Notebooks rendered at a time (2), or practices (as many as there are cores).")
    ] = None,
    store: StoreOption = STORE,
    out: Annotated[Path, typer.Option(help="Folder for rendered reports.")] = OUT,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Where tables are computed: duckdb, spark or a Spark address; or the Dask scheduler "
            "(tcp://host:8786) that renders the practices."
        ),
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Make brief.pdf too: four pages for a meeting.")] = False,
    book: Annotated[
        bool, typer.Option("--book", help="Make report.pdf too: every page in one file. Needs WeasyPrint.")
    ] = False,
    paper: Annotated[str, typer.Option(help="Paper of the brief: letter or a4.")] = "letter",
    deidentified: Annotated[
        bool, typer.Option("--deidentified", help="Leave out claim numbers, days, counts under 11 and free text.")
    ] = False,
    issuers: Annotated[
        Path | None,
        typer.Option(
            help="Transparency in Coverage workbook of CMS, to compare payers with what they report themselves."
        ),
    ] = None,
) -> None:
    """Make the report of a practice and month, in reports/out/PRACTICE/PERIOD.

    With --practice all, or names separated by commas, it also compares the practices, in reports/out/all.

    Example: rcm report --practice riverbend --period 2026-10
    """
    from rcm_analysis.reports.request import ReportRequest

    cluster = engine if engine and engine.startswith(("tcp://", "tls://")) else None
    if engine and not cluster:
        from rcm_analysis.store import engine as store_engine

        settings.hand_on(settings.ENGINE, store_engine.named(store, engine))  # the notebooks' kernels inherit it
    if paper.lower() not in ("letter", "a4"):
        typer.echo(f"rcm: paper is letter or a4, not {paper}", err=True)
        raise typer.Exit(USAGE)
    if issuers and not issuers.is_file():
        typer.echo(f"rcm: there is no {issuers}", err=True)
        raise typer.Exit(USAGE)
    names = _named(practice, store)
    day, period = _dates(names, period, as_of, store, _today())
    request = ReportRequest(
        practice, period, day, months, _books(only or [], compared=_several(practice)), deidentified=deidentified, pdf=pdf, book=book, paper=paper,
        parameters={"issuers_file": str(issuers.resolve())} if issuers else {},
    )  # fmt: skip
    if _several(practice):
        raise typer.Exit(_report_all(names, request, store, out, jobs, cluster))
    raise typer.Exit(_report(request, store, out, jobs or 2))


def _several(practice: str) -> bool:
    return practice == "all" or "," in practice


def _named(practice: str, store: Path) -> list[str]:
    """The practices meant by all, or by names separated by commas."""
    if not _several(practice):
        return [practice]
    from rcm_analysis.compare import portfolio

    names = portfolio.names(store, practice)
    if not names:
        _say(f"rcm: no practice in {store}; begin with rcm demo or rcm ingest")
        raise typer.Exit(USAGE)
    return names


def _books(only: list[str], *, compared: bool) -> tuple[Path, ...]:
    """The notebooks chosen; none where practices are only compared."""
    from rcm_analysis.reports import render

    if compared and only and set(only) <= {"10", "portfolio", render.PORTFOLIO}:
        return ()
    return tuple(render.notebooks(only))


def _report(request: ReportRequest, store: Path, out: Path, jobs: int) -> int:
    from rcm_analysis.reports import render

    total = len(request.notebooks if request.notebooks is not None else render.notebooks([]))
    _take_back(request.practice, store, out)
    with _bar("rendering") as progress:
        done = iter(range(1, total + 1))
        result = render.render(
            request, store=store, out=out, jobs=jobs, progress=lambda name, ok: progress(next(done), total, name)
        )
    for status in result.statuses:
        if not status.ok:
            _say(f"{status.notebook}: {status.message}")
    if not result.ok or result.index is None:
        _say(f"the report was not published; what was made is in {result.folder}")
        return FAILED
    for line in render.carried_over(result):
        _say(line)
    typer.echo(result.index.resolve().as_uri())
    return DONE


def _report_all(
    names: list[str], request: ReportRequest, store: Path, out: Path, jobs: int | None, cluster: str | None
) -> int:
    """Every practice's report and the page that compares them; code 3 when some failed, 1 when all did."""
    from rcm_analysis.compare import portfolio
    from rcm_analysis.reports import all_practices, render

    jobs = jobs or os.cpu_count() or 1
    for name in names:
        _take_back(name, store, out)
    with _bar("rendering") as progress:
        done = iter(range(1, len(names) + 1))
        made = all_practices.render_all(
            names, request, store=store.resolve(), out=out.resolve(), jobs=jobs, pages=max(1, jobs // len(names)), retries=1,
            engine=cluster, name="" if request.practice == portfolio.ALL else all_practices.name_of(names),
            progress=lambda name, ok: progress(next(done), len(names), name),
        )  # fmt: skip
    for one in made.made:
        if not one.ok:
            _say(f"{one.practice}: {one.message}")
    if made.page is None or not made.page.ok:
        why = "; ".join(f"{s.notebook}: {s.message}" for s in made.page.statuses) if made.page else "none could be read"
        _say(f"the page that compares the practices could not be made ({why})")
        return FAILED if not any(one.ok for one in made.made) else PARTLY
    typer.echo((made.page.folder / f"{render.PORTFOLIO}.html").resolve().as_uri())
    good = sum(one.ok for one in made.made)
    return DONE if good == len(names) else PARTLY if good else FAILED


def _dates(names: list[str], period: str | None, as_of: str | None, store: Path, today: date) -> tuple[date, str]:
    """As-of day and period: given, or the last whole month that the files of any of the practices reach by today."""
    from rcm_analysis.months import day_of, last_month, month_end, period_of, window

    day = day_of(as_of) if as_of else None
    if period:
        first = day_of(f"{period_of(period)}-01")
        if first > (day or today):
            raise RcmError(f"the period {period} has not begun on {day}" if day else f"the period {period} is in the future: today is {today}")  # fmt: skip
        return day or min(month_end(period), today), period
    if day is None:
        day = window(_newest_of(names, store, today), 1)[1]
    return day, last_month(day)


def _today() -> date:
    """The one place where a command asks what day it is."""
    return date.today()


def _day(as_of: str | None, practice: str, store: Path) -> date:
    """The day of the question: as given, else the newest of which the practice's files tell."""
    from rcm_analysis.months import day_of

    return day_of(as_of) if as_of else _newest_of([practice], store, _today())


def _newest_of(names: list[str], store: Path, until: date) -> date:
    from rcm_analysis.store.practice import Practice, StoreError

    places = [Practice(store, name) for name in names]
    known, broken = [], []
    for place in places:
        try:
            known += [day] if (day := place.newest_day(until)) else []
        except StoreError as error:  # a damaged practice stops no other; its own report says what is wrong
            broken.append(error)
    if known:
        return max(known)
    if broken:
        raise broken[0]
    if any(place.files()["last_known_on"].drop_null() for place in places):
        raise StoreError(
            f"all that is known of {', '.join(names)} is dated after today, {until}: check the date and time of this machine"
        )
    raise StoreError(f"there is nothing of {', '.join(names)} in {store}; ingest its files first")


@app.command()
def scrub(
    paths: Annotated[list[Path], typer.Argument(help="837 files not sent yet, also .gz or .zip.")],
    practice: PracticeOption,
    out: Annotated[Path | None, typer.Option(help="File for the findings; .csv or .json.")] = None,
    annotate: Annotated[
        Path | None, typer.Option(help="Folder for two 837 files of each: clean and held claims.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Use data through this day, YYYY-MM-DD; everything by default.")
    ] = None,
    holds: Annotated[
        str | None,
        typer.Option(help="Claims that the team can take, 20 or 5%: those with the largest preventable loss are held."),
    ] = None,
    store: StoreOption = STORE,
) -> None:
    """Check claims before you submit them. Exit code 3 when one is held.

    Example: rcm scrub today.837 --practice riverbend --annotate checked
    """
    from rcm_analysis.prevention import scrub as scrub_
    from rcm_analysis.prevention.holds import Places

    missing = [str(path) for path in paths if not path.exists()]
    if missing or (out and out.suffix not in scrub_.SUFFIXES):
        typer.echo(
            f"rcm: there is no {', '.join(missing)}" if missing else "rcm: findings go to .csv or .json", err=True
        )
        raise typer.Exit(USAGE)
    given = [file for path in paths for file in (_files_in(path) if path.is_dir() else [path])]
    paths = list({path.resolve(): path for path in given}.values())  # named twice, its claims must not go out twice
    if not paths:
        _say("no files were found")
        raise typer.Exit(PARTLY)
    day = _day(as_of, practice, store)
    places = Places.of(holds) if holds else None
    checked = scrub_.check(paths, store=store, practice=practice, as_of=day, places=places, progress=_say)
    raise typer.Exit(_scrubbed(checked, out, annotate))


def _files_in(folder: Path) -> list[Path]:
    """The files of a folder that are not hidden, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _scrubbed(checked: list, out: Path | None, annotate: Path | None) -> int:
    from collections import Counter

    import pandas as pd

    from rcm_analysis.prevention import scrub as scrub_
    from rcm_analysis.store import folders

    findings = pd.concat([file.findings for file in checked], ignore_index=True)
    if out:
        folders.make_private(out.parent)
        folders.write({out: scrub_.text_of(findings, out.suffix).encode()})
    else:
        names = ["claim_number", "severity", "rule_id", "finding", "evidence", "p_denial", "expected_loss_usd"]
        shown = scrub_.worth_a_look(findings)[names]
        shown = shown.astype(object).where(shown.notna(), "")
        _print(
            ["claim", "severity", "rule", "finding", "evidence", "p", "USD"],
            shown.astype(str).to_numpy().tolist(),
            "nothing was found",
        )
    written = scrub_.annotate(checked, annotate) if annotate else [[] for _ in checked]
    files_named = Counter(file.path.name for file in checked)
    for file, paths in zip(checked, written, strict=True):
        name = file.path.name if files_named[file.path.name] == 1 else str(file.path)
        for remark in file.offered.remarks[:20]:
            _say(f"  {name}: {remark}")
        _say(
            f"{name}: {file.claims:,} claims, {file.holds:,} held, "
            f"{len(scrub_.worth_a_look(file.findings)):,} findings{scrub_.expected(file.findings)}"
        )
        if paths:
            _say(f"  written to {' and '.join(map(str, paths))}")
    held = any(file.holds for file in checked)
    if held and not annotate:
        _say("next: the same command with --annotate checked writes clean and held claims apart")
    return PARTLY if held else DONE


@app.command()
def export(
    table: Annotated[
        str, typer.Argument(help="claims, denials, write_offs, measures, rules, or a fact table such as remittances.")
    ],
    practice: PracticeOption,
    out: Annotated[Path, typer.Option(help="File to write; .parquet, .csv or .xlsx.")],
    as_of: Annotated[
        str | None, typer.Option(help="Use data through this day, YYYY-MM-DD; everything by default.")
    ] = None,
    store: StoreOption = STORE,
    engine: EngineOption = None,
) -> None:
    """Write one table to a file.

    Example: rcm export claims --practice riverbend --out claims.xlsx
    """
    from rcm_analysis import export as export_export
    from rcm_analysis.intake.progress import working

    if out.suffix not in export_export.SUFFIXES or table not in export_export.names():
        known = ", ".join(export_export.names())
        typer.echo(f"rcm: tables are {known}; files end in {', '.join(export_export.SUFFIXES)}", err=True)
        raise typer.Exit(USAGE)
    day = _day(as_of, practice, store)
    with working(f"writing {table}"):
        rows = export_export.export(table, practice=practice, store=store, as_of=day, out=out, engine=engine)
    _say(f"wrote {rows:,} rows to {out}")


@app.command()
def practices(store: StoreOption = STORE, json_: JsonOption = False) -> None:
    """List the practices with their files and claims.

    Example: rcm practices
    """
    from rcm_analysis.intake import summary
    from rcm_analysis.store import practice as store_

    rows = []
    for name in store_.practices(store):
        place = store_.Practice(store, name)
        try:
            files, claims = place.files().to_pylist(), summary.claims_of(place)
        except store_.StoreError as error:  # a damaged one hides no other
            _say(f"rcm: {error}")
            continue
        good = [row for row in files if row["status"] != "rejected"]
        first = min(filter(None, (row["first_known_on"] for row in good)), default="")
        last = max(filter(None, (row["last_known_on"] for row in good)), default="")
        rows.append([name, len(good), len(files) - len(good), claims, str(first), str(last)])
    header = ["practice", "files", "rejected", "claims", "from", "to"]
    if json_:
        _print_json([dict(zip(header, row, strict=True)) for row in rows])
        return
    shown = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    _print(header, shown, "no practice yet; begin with rcm demo or rcm ingest")


@app.command()
def doctor(
    settings_: Annotated[
        bool,
        typer.Option("--settings", help="Write a settings file with every variable: rcm doctor --settings > rcm.toml"),
    ] = False,
    json_: JsonOption = False,
    store: StoreOption = STORE,
    out: Annotated[Path, typer.Option(help="Folder of reports.")] = OUT,
) -> None:
    """Show what this machine lacks and how to get it.

    Exit code 1 where reports cannot be made.

    Example: rcm doctor
    """
    import dataclasses

    from rcm_analysis.reports import doctor as doctor_

    if settings_:
        typer.echo(settings.toml(), nl=False)
        return
    found = doctor_.examine(store=store, out=out)
    if json_:
        _print_json([dataclasses.asdict(one) for one in found])
    else:
        _print(["what", "state", "said"], [[one.what, one.state, one.said] for one in found], "")
    raise typer.Exit(FAILED if any(one.state == doctor_.WRONG for one in found) else DONE)


@app.command()
def verify(
    practice: Annotated[
        str | None, typer.Option("--practice", "-p", help="One practice; all of them without it.")
    ] = None,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Take damaged loads out of what is used; ingest their files again.")
    ] = False,
    json_: JsonOption = False,
    store: StoreOption = STORE,
) -> None:
    """Check that stored data is as it was written. Exit code 1 where it is not.

    Example: rcm verify --practice riverbend
    """
    import dataclasses

    from rcm_analysis.intake.progress import working
    from rcm_analysis.store import backups
    from rcm_analysis.store.practice import Practice, practices

    places = [Practice(store, name) for name in ([practice] if practice else practices(store))]
    missing = [place.name for place in places if not place.known()]
    if missing or not places:
        typer.echo(f"rcm: there is nothing of {', '.join(missing) or 'any practice'} in {store}", err=True)
        raise typer.Exit(USAGE)
    with working(f"verifying {', '.join(place.name for place in places)}"):
        found = [(place, backups.verify(place)) for place in places]
    if json_:
        _print_json([dataclasses.asdict(one) for _, one in found])
    for place, one in found:
        if not json_:
            _tell_verified(one)
        if set_aside and one.damaged:
            batches = [name for name in one.damaged if name[:1].isdigit()]
            backups.set_aside(place, batches)
            _say(
                f"{one.practice}: set aside {', '.join(batches) or 'nothing'}; next: rcm ingest FOLDER --practice {one.practice}"
            )
    raise typer.Exit(FAILED if any(one.damaged for _, one in found) else DONE)


def _tell_verified(one: Verified) -> None:
    typer.echo(f"{one.practice}: {one.batches:,} load{'s' * (one.batches != 1)}, {one.tables:,} tables, {one.rows:,} rows, {one.size / 1e6:,.1f} MB "
               "are as they were written")  # fmt: skip
    for batch, why in one.damaged.items():
        typer.echo(f"{one.practice}: {'the ' if batch == 'key' else 'load '}{batch} is damaged ({why}): restore a backup (rcm restore "
                   f"FILE --replace), or rcm verify --practice {one.practice} --set-aside and ingest its files again")  # fmt: skip
    for words in one.unchecked:
        typer.echo(f"  not checked: {words}")


@app.command()
def backup(
    practice: PracticeOption,
    out: Annotated[Path, typer.Option(help="File to write; riverbend.rcm.")],
    store: StoreOption = STORE,
) -> None:
    """Write a practice into one file under a passphrase.

    The passphrase is asked for, or taken from RCM_BACKUP_PASSPHRASE. Keep it elsewhere: without it the file can't be restored.

    Example: rcm backup --practice riverbend --out riverbend.rcm
    """
    from rcm_analysis.intake.progress import working
    from rcm_analysis.store import backups
    from rcm_analysis.store.practice import Practice

    phrase = _passphrase(new=True)
    with working(f"backing up {practice}"):
        size = backups.back_up(Practice(store, practice), out, phrase)
    _say(f"wrote {size / 1e6:,.1f} MB to {out}; next, on this machine or another: rcm restore {out}")


@app.command()
def restore(
    path: Annotated[Path, typer.Argument(help="File that rcm backup wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of what the store has of it.")
    ] = False,
    store: StoreOption = STORE,
) -> None:
    """Restore a practice from its backup, after checking it.

    Example: rcm restore riverbend.rcm
    """
    from rcm_analysis.intake.progress import working
    from rcm_analysis.store import backups

    phrase = _passphrase(new=False)
    with working(f"restoring {path.name}"):
        done = backups.restore(path, store, phrase, replace=replace)
    _say(f"{done.practice} is in {store} again, with {len(done.batches):,} loads")
    if done.gone:
        _say(
            f"  {len(done.gone):,} loads that came after the backup are not in it ({', '.join(done.gone)}): ingest their files again"
        )
    elsewhere = "" if store == STORE else f" --store {store}"
    _say(f"next: rcm report --practice {done.practice}{elsewhere}")


def _passphrase(*, new: bool) -> str:
    if given := settings.BACKUP_PASSPHRASE.value:
        return given
    if not sys.stdin.isatty():
        typer.echo(f"rcm: set the variable {settings.BACKUP_PASSPHRASE.name} to the backup's passphrase", err=True)
        raise typer.Exit(USAGE)
    return str(typer.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=new))


@app.command(name="codes")
def codes_(
    compare: Annotated[Path | None, typer.Argument(help="A list of codes to compare with, one a row.")] = None,
) -> None:
    """Show the dates of the code tables, or compare them with your list.

    Example: rcm codes carc.csv
    """
    from rcm_analysis.reference import codes

    table = (
        codes.table("code_lists")[["code_list", "label", "as_of", "source"]]
        if compare is None
        else codes.compared(compare)
    )
    _print(list(table.columns), table.astype(str).to_numpy().tolist(), "no code was found in the list")


@app.command()
def explain(claim: Annotated[str, typer.Argument(help="The claim number, as in the worklist.")], practice: PracticeOption,
            store: StoreOption = STORE, as_of: Annotated[str | None, typer.Option(help="The day of the question; the newest by default.")] = None) -> None:  # fmt: skip
    """Show the rows, dates and amounts behind what a claim became.

    Example: rcm explain 2401 --practice riverbend
    """
    from rcm_analysis.claims import derive
    from rcm_analysis.claims import explain as reasons

    day = _day(as_of, practice, store)
    for line in reasons.explained(derive.open_practice(store, practice, as_of=day), claim):
        typer.echo(line)


@app.command()
def files(practice: PracticeOption, store: StoreOption = STORE,
          rejected: Annotated[bool, typer.Option(help="Only files with something left out.")] = False,
          again: Annotated[bool, typer.Option(help="Only files worth loading again: an earlier release read them.")] = False,
          missing: Annotated[bool, typer.Option(help="Remits (835) that the ledger shows to be missing, by payer and month.")] = False,
          json_: JsonOption = False) -> None:  # fmt: skip
    """List a practice's files: dates, counts, and what was not loaded and why.

    Example: rcm files --practice riverbend --rejected
    """
    if missing:
        _print_missing(practice, store, json_)
        return
    from rcm_analysis.intake.versions import worth_reading_again
    from rcm_analysis.store.practice import Practice, StoreError

    every = Practice(store, practice).files().to_pylist()
    if not every:
        raise StoreError(f"there is nothing of {practice} in {store}; ingest its files first")
    late = [row for row in every if worth_reading_again(row)]
    rows = [row for row in (late if again else every) if not rejected or row["status"] != "accepted"]
    if json_:
        _print_json(rows)
        return
    shown = [[r["name"], r["kind"], r["status"], f"{r['claims']:,}", f"{r['charge']:,.2f}", f"{r['paid']:,.2f}",
              str(r["first_known_on"] or ""), r["reason"] or ""] for r in rows]  # fmt: skip
    _print(
        ["file", "kind", "status", "claims", "charged", "paid", "from", "why"],
        shown,
        "no file is worth giving again" if again else f"no files of {practice}",
    )
    if late:
        _say(f"worth giving again: {len(late):,}, since this release reads more of them than the one that stored "
             f"them: rcm ingest FOLDER --practice {practice} (rcm files --again lists them)")  # fmt: skip


def _print_missing(practice: str, store: Path, json_: bool) -> None:
    """Insurers' payments in the ledger that no remittance tells, as of the newest day."""
    from rcm_analysis.claims import derive
    from rcm_analysis.measures import by_month

    table = by_month.missing_remittances(derive.open_practice(store, practice, as_of=_day(None, practice, store)))
    rows = [[r.payer_name, r.month, r.kind.replace("_", " "), f"{r.claims:,}", f"{r.payments:,}", f"{r.amount:,.2f}", f"{r.told:,}"]
            for r in table.itertuples()]  # fmt: skip
    _print(["payer", "month", "what is there", "claims", "payments", "in the ledger only", "payments that came"], rows,
           "every payment in the ledger has a remit", json_)  # fmt: skip


@app.command()
def cache(
    practice: Annotated[
        str | None, typer.Option("--practice", "-p", help="One practice; all of them without it.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Delete them. They are made again when needed.")] = False,
    json_: JsonOption = False,
    store: StoreOption = STORE,
) -> None:
    """Show the results kept between runs, or delete them. Your data stays.

    Example: rcm cache --practice riverbend --clear
    """
    from rcm_analysis.store import kept
    from rcm_analysis.store.practice import Practice, practices

    owns = [Practice(store, name) for name in ([practice] if practice else practices(store))]
    if clear:
        _say(f"cleared {sum(map(kept.clear, owns)) / 1e6:,.1f} MB")
        return
    rows = [[one.practice, one.as_of, one.what, f"{one.size / 1e6:,.1f}"] for own in owns for one in kept.kept(own)]
    _print(["practice", "as of", "what", "MB"], rows, "nothing is kept", json_)


@app.command()
def deadlines(
    practice: PracticeOption,
    as_of: Annotated[str | None, typer.Option(help="Terms as of this day, YYYY-MM-DD; the newest by default.")] = None,
    json_: JsonOption = False,
    store: StoreOption = STORE,
) -> None:
    """Show the deadlines assumed for each payer, with their source.

    Your contracts.csv replaces them. A deadline that no contract confirms sorts the list and warns. It never counts a dollar as lost.

    Example: rcm deadlines --practice riverbend
    """
    from rcm_analysis.claims import derive

    day = _day(as_of, practice, store)
    table = derive.deadlines_of(derive.open_practice(store, practice, as_of=day))
    rows = table.astype(object).where(table.notna(), "").astype(str).to_numpy().tolist()
    _print(list(table.columns), rows, f"no payer of {practice} is known yet", json_)


@app.command()
def forget(practice: PracticeOption, store: StoreOption = STORE, out: Annotated[Path, typer.Option(help="Folder of reports.")] = OUT,
           yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False) -> None:  # fmt: skip
    """Delete a practice with its reports.

    Example: rcm forget --practice riverbend
    """
    from rcm_analysis.intake.progress import working
    from rcm_analysis.reports import all_practices as practices_
    from rcm_analysis.store import copies
    from rcm_analysis.store.practice import StoreError

    if not practices_.known(practice, store=store, out=out):
        raise StoreError(f"there is nothing of {practice} in {store} or {out}; rcm practices lists what is there")
    if not yes and not typer.confirm(f"Delete the data and the reports of {practice}?"):
        raise typer.Exit(FAILED)
    left = copies.left(store / practice, out / practice)  # told there, and so asked before
    for copy in left:
        _say(f"  a copy lies in {copy}; delete it yourself")
    with working(f"deleting {practice}"):
        practices_.forget(practice, store=store, out=out)
    _say(f"{practice} is forgotten: its data in {store} and its reports in {out} are deleted; what was mailed, and copies of "
         "copies, are not")  # fmt: skip


@app.command()
def schedule(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Report definitions; all of reports/*.toml by default.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list what is due.")] = False,
    json_: JsonOption = False,
    print_: Annotated[
        str | None,
        typer.Option("--print", help="Write the entry of a scheduler: cron, systemd, taskscheduler, github, airflow."),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Practices rendered at a time.")] = os.cpu_count() or 1,
    store: StoreOption = STORE,
    out: Annotated[Path, typer.Option(help="Folder for rendered reports.")] = OUT,
    now: Annotated[str | None, typer.Option(help="Run as if it were this time, 2026-11-03T06:00.")] = None,
) -> None:
    """Run the reports that are due, once each.

    A scheduler such as cron calls this.

    Example: rcm schedule reports/monthly.toml
    """
    from datetime import datetime

    from rcm_analysis.reports import schedule as schedule_
    from rcm_analysis.reports import scheduler_entries

    if print_:
        named = [str(path.resolve()) for path in files or []]
        named += [] if store == STORE else ["--store", str(store.resolve())]
        named += [] if out == OUT else ["--out", str(out.resolve())]
        program = Path(sys.executable).with_name("rcm")
        typer.echo(scheduler_entries.entry(print_, folder=Path.cwd(), program=program, arguments=named), nl=False)
        return
    paths = files or sorted(Path("reports").glob("*.toml"))
    if not paths:
        _say("no report definition; write reports/monthly.toml as docs/schedule.md shows")
        raise typer.Exit(USAGE)
    definitions, wrong = schedule_.read_all(paths)
    for words in wrong:
        _say(f"rcm: {words}")
    if not definitions:
        raise typer.Exit(USAGE)
    try:
        moment = datetime.fromisoformat(now) if now else datetime.now()
    except ValueError:
        _say("rcm: times are written 2026-11-03T06:00")
        raise typer.Exit(USAGE) from None
    if list_:
        waiting, untold = schedule_.due(definitions, now=moment, store=store, out=out)
        rows = [[one.definition.name, one.practice, one.period, f"{one.at:%Y-%m-%d %H:%M}"] for one in waiting]
        _print(["report", "practice", "period", "due since"], rows, "nothing is due", json_)
        for one in untold:
            _say(f"{one.due.definition.name}, {one.due.practice}: {one.message}")
        raise typer.Exit(PARTLY if wrong or untold else DONE)
    for practice in {one.practice for one in schedule_.due(definitions, now=moment, store=store, out=out)[0]} - {"all"}:
        _take_back(practice, store, out)
    outcomes = schedule_.run(definitions, now=moment, store=store, out=out, jobs=jobs, say=_say)
    good = sum(outcome.ok for outcome in outcomes)
    if outcomes and not good:
        raise typer.Exit(FAILED)
    raise typer.Exit(PARTLY if wrong or good < len(outcomes) else DONE)


@app.command()
def lab(
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in the browser.")] = True,
    port: Annotated[int, typer.Option(help="Port to listen on; the next free one if it is taken.")] = 8888,
) -> None:
    """Open the notebooks in JupyterLab.

    Example: rcm lab
    """
    import subprocess

    folder = Path(__file__).resolve().parent.parent / "notebooks"
    if not folder.is_dir():
        typer.echo("rcm: the notebooks are not installed; run rcm lab from a checkout made with make env", err=True)
        raise typer.Exit(USAGE)
    # its own settings: no question about news and no look for updates, so that nothing here asks the network
    folders = [str(Path(__file__).parent / "pages" / "templates"), settings.JUPYTER_CONFIG.value]
    environment = settings.environment({settings.JUPYTER_CONFIG.name: os.pathsep.join(filter(None, folders))})
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", f"--port={port}",
               "--LabApp.default_url=/lab/tree/00_start.ipynb", *([] if browser else ["--no-browser"])]  # fmt: skip
    if os.name != "nt":
        os.execve(command[0], command, environment)  # so that who ends rcm ends JupyterLab
    raise typer.Exit(subprocess.call(command, env=environment))


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _print_json(told: object) -> None:
    import json

    typer.echo(json.dumps(told, indent=1, default=str, ensure_ascii=False))


def _print(header: list[str], rows: list[list[str]], empty: str, json_: bool = False) -> None:
    if json_:
        _print_json([dict(zip(header, row, strict=True)) for row in rows])
    elif not rows:
        _say(empty)
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*header, box=None)
        for row in rows:
            table.add_row(*map(Text, row))  # a file may be called [x]
        Console().print(table)
    else:
        for row in [header, *rows]:
            typer.echo("\t".join(row))


class _bar:
    """Progress: a bar on a terminal, nothing but the results elsewhere."""

    def __init__(self, what: str):
        self.what = what

    def __enter__(self) -> Callable[[int, int | None, str], None]:
        if not sys.stderr.isatty():
            return lambda done, total, name: None
        from rich.console import Console
        from rich.progress import Progress

        self.progress = Progress(console=Console(stderr=True), transient=True)
        self.progress.start()
        task = self.progress.add_task(self.what, total=None)
        return lambda done, total, name: self.progress.update(task, completed=done, total=total)

    def __exit__(self, *error: object) -> None:
        if hasattr(self, "progress"):
            self.progress.stop()
