"""Reports that are due, run once each: whatever clock a site has calls `rcm schedule`, which then exits.

    # reports/monthly.toml
    practices = ["riverbend"]         # or "all"; several get a page that compares them besides
    cron = "0 6 3 * *"                # the third of each month at six
    period = "last month"             # or "this month", up to the day before
    notebooks = ["02", "03"]          # all when left out

    [parameters]
    months = 24

    [delivery]
    folder = "delivered"

A report's manifest names the definition and the time for which it was made. It appears together with the report, in
one rename; so a scheduler that was killed knows at its next call what is there, and makes the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from rcm_analysis.compare.portfolio import ALL
from rcm_analysis.errors import RcmError
from rcm_analysis.months import window
from rcm_analysis.reports import all_practices, deliver, render
from rcm_analysis.reports import cron as reports_cron
from rcm_analysis.reports import run as reports_run
from rcm_analysis.store import practice as store_

MAX_TRIES = 3  # calls that try a failing report before it is given up
PERIODS = ("last month", "this month")
STATE = ".schedule.json"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Definition:
    """A report definition, as its file says it."""

    name: str
    practices: tuple[str, ...]
    cron: str
    period: str = "last month"
    notebooks: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    formats: tuple[str, ...] = ("html",)
    deidentified: bool = False
    folder: str = ""
    mail: deliver.Mail | None = None

    def of(self, store: Path) -> list[str]:
        """The practices meant, by name."""
        return store_.practices(store) if self.practices == (ALL,) else list(self.practices)


@dataclass(frozen=True)
class Due:
    """One report that is to be made: a definition, a practice (or all, to be compared), and the time at which it fell due."""

    definition: Definition
    practice: str
    at: datetime
    period: str
    as_of: date

    @property
    def key(self) -> str:
        """Names the report, not the time: the same practice and day twice are the same report."""
        return f"{self.definition.name}.{self.practice}.{self.as_of.isoformat()}"

    @property
    def mark(self) -> str:
        """The key as it stands in the manifest: without the day, which a de-identified report must not show."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:16]

    @property
    def variant(self) -> str:
        """Keeps a choice of notebooks, or of practices that are compared, from taking the place of the whole."""
        chosen = self.practice == ALL and self.definition.practices != (ALL,)
        return self.definition.name if chosen or self.definition.notebooks or self.definition.parameters else ""

    def folder(self, out: Path) -> Path:
        return render.folder_of(
            out, self.practice, self.period, self.variant, deidentified=self.definition.deidentified
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a due report."""

    due: Due
    ok: bool
    message: str = ""


# --- definitions ---------------------------------------------------------------------------------------------------


def read(path: Path) -> Definition:
    """Reads a definition. Raises RcmError that names the file and every key that is unknown, missing or wrong."""
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RcmError(f"{path.name} is not understood: {error}") from None
    delivered = told.pop("delivery", {})
    mail = delivered.pop("mail", None)
    if mail and "from" in mail:
        mail["sender"] = mail.pop("from")
    wrong = _unknown(told, Definition, {"name", "folder", "mail"}) + [
        f"delivery.{k}" for k in set(delivered) - {"folder"}
    ]
    wrong += [f"delivery.mail.{k}" for k in _unknown(mail or {}, deliver.Mail, set())]
    if wrong:
        raise RcmError(f"{path.name} has unknown keys: {', '.join(sorted(wrong))}")
    missing = [key for key in ("practices", "cron") if key not in told]
    missing += [f"delivery.mail.{k}" for k in ("to", "sender") if mail is not None and k not in mail]
    if missing:
        raise RcmError(f"{path.name} lacks {', '.join(missing)}".replace("mail.sender", "mail.from"))
    practices = told.pop("practices")
    made = Definition(
        name=path.stem, practices=(practices,) if isinstance(practices, str) else tuple(practices), folder=delivered.get("folder", ""),
        mail=deliver.Mail(**{**mail, "to": tuple([mail["to"]] if isinstance(mail["to"], str) else mail["to"])}) if mail else None,
        **{key: tuple(value) if isinstance(value, list) else value for key, value in told.items()},
    )  # fmt: skip
    return _checked(made, path)


def _unknown(told: dict, kind: type, but: set[str]) -> list[str]:
    return [key for key in told if key not in kind.__dataclass_fields__ or key in but]


def _checked(made: Definition, path: Path) -> Definition:
    reports_cron.parse(made.cron)
    if made.period not in PERIODS:
        raise RcmError(f"{path.name}: period is one of {', '.join(PERIODS)}, not {made.period!r}")
    if not {"html"} <= set(made.formats) <= {"html", "pdf"}:
        raise RcmError(f'{path.name}: formats are ["html"] or ["html", "pdf"]')
    reports_run.check_parameters(render.notebooks(list(made.notebooks)), made.parameters)
    return made


# --- what is due ---------------------------------------------------------------------------------------------------


def due(definitions: list[Definition], *, now: datetime, store: Path, out: Path) -> list[Due]:
    """Every report that fell due up to `now` and is not made yet, oldest first.

    A definition that never ran is due for its last time only, not for all of history.
    """
    found: dict[str, Due] = {}
    for definition in definitions:
        names = definition.of(store)
        for practice in [*names, ALL] if len(names) > 1 else names:
            known = _state(out, practice).get(definition.name, {})
            done = datetime.fromisoformat(known["done"]) if "done" in known else None
            for at in reports_cron.parse(definition.cron).due(after=done, until=now):
                one = _due(definition, practice, at)
                if not _is_made(one, out):
                    found[one.key] = one
    return sorted(found.values(), key=lambda one: (one.at, one.definition.name, one.practice))


def _due(definition: Definition, practice: str, at: datetime) -> Due:
    yesterday = at.date() - timedelta(days=1)
    day = window(yesterday, 1)[1] if definition.period == "last month" else yesterday
    return Due(definition, practice, at, f"{day:%Y-%m}", day)


def _state(out: Path, practice: str) -> dict[str, dict[str, Any]]:
    path = out / practice / STATE
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _remember(out: Path, one: Due, **facts: Any) -> None:
    """Writes what is known of a definition at a practice, whole or not at all."""
    path = out / one.practice / STATE
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = _state(out, one.practice)
    state[one.definition.name] = {**state.get(one.definition.name, {}), **facts}
    work = path.with_name(f"{STATE}.{os.getpid()}")
    with open(work, "w", encoding="utf-8") as file:
        json.dump(state, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(work, path)


def _is_made(one: Due, out: Path) -> bool:
    """Whether the report was made and delivered, or given up."""
    known = _state(out, one.practice).get(one.definition.name, {})
    return one.key in known.get("finished", [])


def _is_rendered(one: Due, out: Path, mark: str = "") -> bool:
    """Whether the report is there, though a killed scheduler may not have noted it."""
    manifest = one.folder(out) / "manifest.json"
    return manifest.exists() and json.loads(manifest.read_text("utf-8")).get("schedule") == (mark or one.mark)


# --- running -------------------------------------------------------------------------------------------------------


def run(
    definitions: list[Definition], *, now: datetime, store: Path, out: Path, jobs: int = 1, say: Say = lambda text: None,
) -> list[Outcome]:  # fmt: skip
    """Makes and delivers what is due, `jobs` practices at a time; a failing one stops no other.

    The pages that compare practices come last, and name those that failed.
    """
    store, out = store.resolve(), out.resolve()  # while notebooks run, papermill changes the process's folder, and back
    waiting: dict[str, list[Due]] = {}
    for one in due(definitions, now=now, store=store, out=out):
        waiting.setdefault(one.practice, []).append(one)
    pages = waiting.pop(ALL, [])
    side_by_side = max(1, min(jobs, len(waiting)))
    with render.private_files(), ThreadPoolExecutor(side_by_side) as pool:
        done = pool.map(lambda name: _practice(name, waiting[name], store, out, say, jobs=side_by_side), waiting)
        outcomes = [outcome for outcomes in done for outcome in outcomes]
        return outcomes + (_practice(ALL, pages, store, out, say, outcomes, jobs) if pages else [])


def _practice(
    practice: str, waiting: list[Due], store: Path, out: Path, say: Say, before: Sequence[Outcome] = (), jobs: int = 1
) -> list[Outcome]:
    """What is due at a practice, one after another; `jobs` practices are at work beside it.

    For the pages of all, `before` is what became of the practices, and `jobs` how many are read at a time.
    """
    folder = out / practice
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with render.lock(folder, ".schedule.lock"):
            for one in waiting:
                if not _state(out, practice).get(one.definition.name):  # so that it stays due if it fails
                    _remember(out, one, done=(one.at - timedelta(minutes=1)).isoformat())
            left = [one for one in waiting if not _is_made(one, out)]
            made = [
                _page(one, store, out, before, jobs) if practice == ALL else _one(one, store, out, jobs) for one in left
            ]
            outcomes = [outcome for outcome in made if outcome]
            _advance(waiting, out)
    except render.Busy:
        say(f"{practice}: another rcm schedule is at work on it; left to that one")
        return []
    for outcome in outcomes:
        say(
            f"{outcome.due.definition.name}, {practice}, {outcome.due.period}: {'done' if outcome.ok else outcome.message}"
        )
    return outcomes


def _one(one: Due, store: Path, out: Path, jobs: int) -> Outcome:
    """Makes one report and delivers it. What was made before a kill is not made again."""
    try:
        if not _is_rendered(one, out):
            result = _render(one, store, out, jobs)
            if not result.ok:
                broken = "; ".join(f"{s.notebook}: {s.message}" for s in result.statuses if not s.ok)
                return _failed(one, out, broken)
        _deliver(one, out)
    except RcmError as error:
        return _failed(one, out, str(error))
    except OSError as error:
        return _failed(one, out, os.strerror(error.errno) if error.errno else type(error).__name__)
    _finish(one, out)
    return Outcome(one, True)


def _render(one: Due, store: Path, out: Path, jobs: int) -> render.Result:
    if not store_.Practice(store, one.practice).exists():
        raise RcmError(f"there is nothing of {one.practice}; ingest its files first")
    told = dict(one.definition.parameters)
    return render.render(
        practice=one.practice, period=one.period, as_of=one.as_of, store=store, out=out, months=told.pop("months", 24),
        notebooks=render.notebooks(list(one.definition.notebooks)), extra_parameters=told, retries=1,
        provenance=render.provenance(one.practice, store, one.as_of), facts={"schedule": one.mark}, variant=one.variant,
        deidentified=one.definition.deidentified, as_pdf="pdf" in one.definition.formats, environment=reports_run.fair_shares(jobs, long_queue=True),
    )  # fmt: skip


def _page(one: Due, store: Path, out: Path, before: Sequence[Outcome], jobs: int) -> Outcome | None:
    """Compares the practices of a definition. The page stays due until none of their reports is, and is made again when
    that changes what it tells; None where it is as it was."""
    waiting = {name: replace(one, practice=name) for name in one.definition.of(store)}
    missing = {name: why for name, due_ in waiting.items() if (why := _why_missing(due_, out, before))}
    unsettled = [name for name, due_ in waiting.items() if not _is_made(due_, out)]
    try:
        mark = hashlib.sha256(f"{one.mark} {missing}".encode()).hexdigest()[:16]
        there = _is_rendered(one, out, mark)
        if there and unsettled:
            return None
        if not there:
            result = _compared(one, store, out, missing, mark, jobs)
            if not result.ok:
                return _failed(one, out, "; ".join(status.message for status in result.statuses))
        _deliver(one, out, mail=not unsettled)
    except RcmError as error:
        return _failed(one, out, str(error))
    except OSError as error:
        return _failed(one, out, os.strerror(error.errno) if error.errno else type(error).__name__)
    if not unsettled:
        _finish(one, out)
    return Outcome(one, True)


def _why_missing(one: Due, out: Path, before: Sequence[Outcome]) -> str:
    """Why a practice has no report of this day; empty where it has one."""
    said = [outcome.message for outcome in before if outcome.due.key == one.key and not outcome.ok]
    there = _is_rendered(one, out) or (_is_made(one, out) and (one.folder(out) / "index.html").exists())
    return said[-1] if said else "" if there else "its report is not made"


def _compared(one: Due, store: Path, out: Path, missing: dict[str, str], mark: str, jobs: int) -> render.Result:
    told = dict(one.definition.parameters)
    usual = replace(one, practice="").variant
    ask = all_practices.Ask(one.period, one.as_of, store, out, months=told.pop("months", 24), retries=1, variant=usual, parameters=told,
                        deidentified=one.definition.deidentified, as_pdf="pdf" in one.definition.formats)  # fmt: skip
    made = all_practices.render_all(
        one.definition.of(store), ask, jobs=jobs, name=one.variant, missing=missing, facts={"schedule": mark}
    )
    if made.page is None:
        raise RcmError("none of the practices could be read")
    return made.page


def _deliver(one: Due, out: Path, *, mail: bool = True) -> None:
    report = one.folder(out)
    if one.definition.folder:
        report = deliver.to_folder(report, Path(one.definition.folder))
    if one.definition.mail and mail:
        numbers = json.loads((one.folder(out) / "manifest.json").read_text("utf-8"))["numbers"]
        made = deliver.message(
            one.definition.mail,
            practice=one.practice,
            period=one.period,
            numbers=numbers,
            key=one.key,
            report=report,
        )
        deliver.send(one.definition.mail, made)


def _failed(one: Due, out: Path, message: str) -> Outcome:
    tries = _state(out, one.practice).get(one.definition.name, {}).get("tries", {}).get(one.key, 0) + 1
    if tries >= MAX_TRIES:
        message += f" (given up after {MAX_TRIES} tries)"
        _finish(one, out)
    else:
        _remember(out, one, tries={one.key: tries})
    return Outcome(one, False, message)


def _finish(one: Due, out: Path) -> None:
    known = _state(out, one.practice).get(one.definition.name, {})
    _remember(out, one, finished=[*known.get("finished", []), one.key][-40:], tries={})


def _advance(waiting: list[Due], out: Path) -> None:
    """Notes up to when all is made, so that only what came later is looked at; stops before one to be tried again."""
    stopped: set[str] = set()
    for one in waiting:
        if not _is_made(one, out):
            stopped.add(one.definition.name)
        if one.definition.name not in stopped:
            _remember(out, one, done=one.at.isoformat())
