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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from rcm_analysis import errors
from rcm_analysis.compare.portfolio import ALL
from rcm_analysis.errors import RcmError
from rcm_analysis.months import MONTHS, window
from rcm_analysis.reports import all_practices, deliver, render
from rcm_analysis.reports import cron as reports_cron
from rcm_analysis.reports import run as reports_run
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.store import folders
from rcm_analysis.store import practice as store_

MAX_TRIES = 3  # calls that try a failing report before it is given up
CLOCK_SLACK = timedelta(hours=3)  # summer time ends
PERIODS = ("last month", "this month")
STATE = ".schedule.json"
Say = Callable[[str], None]
TEXT, LIST, YES, TABLE = "a text", "a text or a list of texts", "true or false", "a table"
KINDS: dict[type, str] = {str: TEXT, int: "a whole number", float: "a number", bool: YES, list: "a list", dict: TABLE}
LEAST_MONTHS = 3
KEYS = {
    "practices": LIST, "cron": TEXT, "period": TEXT, "notebooks": LIST, "formats": LIST, "deidentified": YES, "parameters": TABLE,
    "delivery": TABLE, "delivery.folder": TEXT, "delivery.mail": TABLE, "delivery.mail.to": LIST,
    **{f"delivery.mail.{key}": TEXT for key in ("from", "server", "security", "user", "password_variable", "link")},
}  # fmt: skip


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
        return self.request().folder(out)

    def request(self, **facts: Any) -> ReportRequest:
        """The report that is asked for; `facts` go into its manifest."""
        told = dict(self.definition.parameters)
        chosen = list(self.definition.notebooks)
        return ReportRequest(
            self.practice, self.period, self.as_of, told.pop("months", MONTHS), tuple(render.notebooks(chosen)) if chosen else None,
            variant=self.variant, deidentified=self.definition.deidentified, pdf="pdf" in self.definition.formats,
            parameters=told, facts=facts,
        )  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What became of a due report."""

    due: Due
    ok: bool
    message: str = ""


# --- definitions ---------------------------------------------------------------------------------------------------


def read_all(paths: Sequence[Path]) -> tuple[list[Definition], list[str]]:
    """The definitions in the files, and what is wrong with those that can't be used; one stops no other."""
    found: dict[str, Definition] = {}
    wrong = []
    for path in dict.fromkeys(path.resolve() for path in paths):
        try:
            made = read(path)
            if made.name in found:
                raise RcmError(f"another definition is called {made.name}, too; {path} needs a name of its own")
            found[made.name] = made
        except RcmError as error:
            wrong.append(str(error))
    return list(found.values()), wrong


def read(path: Path) -> Definition:
    """Reads a definition. Raises RcmError that names the file and every key that is unknown, missing or wrong."""
    try:
        told = dict(_flat(tomllib.loads(path.read_text("utf-8"))))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RcmError(f"{path.name} is not understood: {error}") from None
    _check_keys(told, path)
    lists = {key: (told[key],) if isinstance(told[key], str) else tuple(told[key]) for key in told if KEYS[key] == LIST}
    plain = {key: value for key, value in (told | lists).items() if "." not in key and key != "delivery"}
    mail = {key.rpartition(".")[2]: value for key, value in (told | lists).items() if key.startswith("delivery.mail.")}
    if mail:
        mail["sender"] = mail.pop("from")
    made = Definition(
        name=path.stem, folder=told.get("delivery.folder", ""), mail=deliver.Mail(**mail) if mail else None, **plain
    )
    try:
        _check(made)
    except RcmError as error:
        raise RcmError(f"{path.name}: {error}") from None
    return made


def _flat(table: dict[str, Any], inside: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with the names of the tables it stands in; the parameters, which the notebooks know, stay together."""
    for key, value in table.items():
        yield f"{inside}{key}", value
        if isinstance(value, dict) and f"{inside}{key}" in ("delivery", "delivery.mail"):
            yield from _flat(value, f"{inside}{key}.")


def _check_keys(told: dict[str, Any], path: Path) -> None:
    unknown = sorted(key for key in told if key not in KEYS)
    if unknown:
        raise RcmError(f"{path.name} has unknown keys: {', '.join(unknown)}")
    needed = ["practices", "cron"] + ["delivery.mail.to", "delivery.mail.from"] * ("delivery.mail" in told)
    missing = [key for key in needed if key not in told]
    if missing:
        raise RcmError(f"{path.name} lacks {', '.join(missing)}")
    wrong = [f"{key} is {KEYS[key]}" for key, value in told.items() if not _fits(value, KEYS[key])]
    if wrong:
        raise RcmError(f"{path.name}: {'; '.join(wrong)}")


def _fits(value: Any, kind: str) -> bool:
    if kind == LIST and isinstance(value, list):
        return bool(value) and all(isinstance(item, str) for item in value)
    return isinstance(value, {TEXT: str, LIST: str, YES: bool, TABLE: dict}[kind])


def _check(made: Definition) -> None:
    reports_cron.parse(made.cron)
    if made.period not in PERIODS:
        raise RcmError(f"period is one of {', '.join(PERIODS)}, not {made.period!r}")
    if not {"html"} <= set(made.formats) <= {"html", "pdf"}:
        raise RcmError('formats are ["html"] or ["html", "pdf"]')
    if made.mail and made.mail.security not in deliver.SECURITIES:
        raise RcmError(f"delivery.mail.security is one of {', '.join(deliver.SECURITIES)}, not {made.mail.security!r}")
    for name in made.practices:
        store_.Practice(Path(), name)  # says what can name a practice
    if ALL in made.practices and len(made.practices) > 1:
        raise RcmError(f"practices are {ALL!r} or names, not both")
    books = render.notebooks(list(made.notebooks))
    reports_run.check_parameters(books, made.parameters)
    _check_values(books, made.parameters)


def _check_values(books: Sequence[Path], told: dict[str, Any]) -> None:
    """Raises RcmError for a parameter of another type than the notebooks give it."""
    usual = {name: value for book in books for name, value in reports_run.parameters_of(book).items()}
    for name, value in told.items():
        kind = type(usual[name])
        fits = isinstance(value, (int, float)) if kind is float else isinstance(value, kind)
        if usual[name] is not None and (not fits or (isinstance(value, bool) and kind is not bool)):
            raise RcmError(f"parameters.{name} is {KINDS.get(kind, kind.__name__)}, not {value!r}")
    if not isinstance(told.get("months", MONTHS), int) or told.get("months", MONTHS) < LEAST_MONTHS:
        raise RcmError(f"parameters.months is a whole number from {LEAST_MONTHS} on")


# --- what is due ---------------------------------------------------------------------------------------------------


def due(definitions: list[Definition], *, now: datetime, store: Path, out: Path) -> tuple[list[Due], list[Outcome]]:
    """Every report that fell due up to `now` and is not made yet, oldest first; and what can't be told, as failed.

    A definition that never ran is due for its last time only, not for all of history.
    """
    found: dict[str, Due] = {}
    failed = []
    for definition in definitions:
        names = definition.of(store)
        for practice in [*names, ALL] if len(names) > 1 else names:
            try:
                found |= {one.key: one for one in _fallen_due(definition, practice, now, out)}
            except Exception as error:
                failed.append(Outcome(_due(definition, practice, now), False, _told(error)))
    return sorted(found.values(), key=lambda one: (one.at, one.definition.name, one.practice)), failed


def _fallen_due(definition: Definition, practice: str, now: datetime, out: Path) -> list[Due]:
    known = _state(out, practice).get(definition.name, {})
    done = datetime.fromisoformat(known["done"]) if "done" in known else None
    if done and done > now + CLOCK_SLACK:
        raise RcmError(f"{definition.name} is made up to {done:%Y-%m-%d %H:%M}, which is after now, {now:%Y-%m-%d %H:%M}: this machine's "
                       f"time is wrong, or was. Where it is right now, delete {out / practice / STATE}")  # fmt: skip
    times = reports_cron.parse(definition.cron).due(after=done, until=now)
    return [one for one in (_due(definition, practice, at) for at in times) if not _is_made(one, out)]


def _due(definition: Definition, practice: str, at: datetime) -> Due:
    yesterday = at.date() - timedelta(days=1)
    day = window(yesterday, 1)[1] if definition.period == "last month" else yesterday
    return Due(definition, practice, at, f"{day:%Y-%m}", day)


def _state(out: Path, practice: str) -> dict[str, dict[str, Any]]:
    """What is known of every definition at a practice; nothing where the file is damaged."""
    return _read_state(out / practice / STATE) or {}


def _read_state(path: Path) -> dict[str, dict[str, Any]] | None:
    """None where the file is damaged."""
    try:
        known = json.loads(path.read_text("utf-8")) if path.exists() else {}
        for one in known.values():
            datetime.fromisoformat(one.get("done", "2000-01-01"))
            if not isinstance(one.get("finished", []), list) or not isinstance(one.get("tries", {}), dict):
                return None
    except (ValueError, AttributeError, TypeError):
        return None
    return dict(known)


def _mend(out: Path, practice: str) -> str:
    """Sets a damaged state aside, and says so; reports that are there tell what was made."""
    path = out / practice / STATE
    if _read_state(path) is not None:
        return ""
    aside = path.with_name(f"{STATE}.damaged")
    with suppress(OSError):  # it is written anew anyway
        path.replace(aside)
    return f"{path} was damaged and is made anew from the reports that are there; what it was is in {aside.name}"


def _remember(out: Path, one: Due, **facts: Any) -> None:
    """Writes what is known of a definition at a practice, whole or not at all."""
    path = out / one.practice / STATE
    folders.make_private(path.parent)
    state = _state(out, one.practice)
    state[one.definition.name] = {**state.get(one.definition.name, {}), **facts}
    folders.write({path: json.dumps(state, indent=1).encode()})


def _is_made(one: Due, out: Path) -> bool:
    """Whether the report was made and delivered, or given up."""
    known = _state(out, one.practice).get(one.definition.name, {})
    return one.key in known.get("finished", [])


def _is_rendered(one: Due, out: Path, mark: str = "") -> bool:
    """Whether the report is there, though a killed scheduler may not have noted it."""
    manifest = one.folder(out) / "manifest.json"
    try:
        return manifest.exists() and json.loads(manifest.read_text("utf-8")).get("schedule") == (mark or one.mark)
    except ValueError:  # a damaged report is made again
        return False


# --- running -------------------------------------------------------------------------------------------------------


def run(
    definitions: list[Definition], *, now: datetime, store: Path, out: Path, jobs: int = 1, say: Say = lambda text: None,
) -> list[Outcome]:  # fmt: skip
    """Makes and delivers what is due, `jobs` practices at a time; a failing one stops no other.

    The pages that compare practices come last, and name those that failed.
    """
    store, out = store.resolve(), out.resolve()  # while notebooks run, papermill changes the process's folder, and back
    waiting: dict[str, list[Due]] = {}
    for practice in sorted({name for made in definitions for name in (*made.of(store), ALL)}):
        if words := _mend(out, practice):
            say(words)
    found, failed = due(definitions, now=now, store=store, out=out)
    for one in failed:
        say(_said(one))
    for report in found:
        waiting.setdefault(report.practice, []).append(report)
    for practice in {name for made in definitions for name in (*made.of(store), ALL)} - set(waiting):
        if folders.leftovers(out / practice / STATE):  # a run killed at its very end: nothing is due, its file is there
            waiting[practice] = []
    pages = waiting.pop(ALL, None)
    side_by_side = max(1, min(jobs, len(waiting)))
    with render.private_files(), ThreadPoolExecutor(side_by_side) as pool:
        done = pool.map(lambda name: _practice(name, waiting[name], store, out, say, jobs=side_by_side), waiting)
        outcomes = failed + [outcome for outcomes in done for outcome in outcomes]
        return outcomes + ([] if pages is None else _practice(ALL, pages, store, out, say, outcomes, jobs))


def _said(outcome: Outcome) -> str:
    one = outcome.due
    return f"{one.definition.name}, {one.practice}, {one.period}: {'done' if outcome.ok else outcome.message}"


def _told(error: Exception) -> str:
    """Why something failed, for an analyst: of an error that nobody foresaw its kind alone, since its text may quote a value."""
    if isinstance(error, RcmError):
        return str(error)
    if type(error).__name__ in errors.OUT_OF_MEMORY:
        return errors.NO_MEMORY
    return (os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "") or type(error).__name__


def _practice(
    practice: str, waiting: list[Due], store: Path, out: Path, say: Say, before: Sequence[Outcome] = (), jobs: int = 1
) -> list[Outcome]:
    """What is due at a practice, one after another; `jobs` practices are at work beside it.

    For the pages of all, `before` is what became of the practices, and `jobs` how many are read at a time.
    """
    try:
        outcomes = _made(practice, waiting, store, out, before, jobs)
    except render.Busy:
        say(f"{practice}: another rcm schedule is at work on it; left to that one")
        return []
    except Exception as error:  # a practice whose folder can't be written, say, stops no other
        outcomes = [Outcome(one, False, _told(error)) for one in waiting]
    for outcome in outcomes:
        say(_said(outcome))
    return outcomes


def _made(
    practice: str, waiting: list[Due], store: Path, out: Path, before: Sequence[Outcome], jobs: int
) -> list[Outcome]:
    folder = out / practice
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with render.lock(folder, ".schedule.lock"):
        folders.recover(folder / STATE)
        for one in waiting:
            if not _state(out, practice).get(one.definition.name):  # so that it stays due if it fails
                _remember(out, one, done=(one.at - timedelta(minutes=1)).isoformat())
        left = [one for one in waiting if not _is_made(one, out)]
        made = [
            _page(one, store, out, before, jobs) if practice == ALL else _one(one, store, out, jobs) for one in left
        ]
        _advance(waiting, out)
    return [outcome for outcome in made if outcome]


def _one(one: Due, store: Path, out: Path, jobs: int) -> Outcome:
    """Makes one report and delivers it. What was made before a kill is not made again."""
    try:
        if not _is_rendered(one, out):
            result = _render(one, store, out, jobs)
            if not result.ok:
                broken = "; ".join(f"{s.notebook}: {s.message}" for s in result.statuses if not s.ok)
                return _failed(one, out, broken)
        unreached = _deliver(one, out)
    except Exception as error:
        return _failed(one, out, _told(error))
    _finish(one, out)  # also where an address was not reached: the others would get the mail again
    return Outcome(one, not unreached, unreached)


def _render(one: Due, store: Path, out: Path, jobs: int) -> render.Result:
    if not store_.Practice(store, one.practice).exists():
        raise RcmError(f"there is nothing of {one.practice}; ingest its files first")
    shares = reports_run.fair_shares(jobs, long_queue=True)
    return render.render(one.request(schedule=one.mark), store=store, out=out, retries=1, environment=shares)


def _page(one: Due, store: Path, out: Path, before: Sequence[Outcome], jobs: int) -> Outcome | None:
    """Compares the practices of a definition. The page stays due until none of their reports is, and is made again when
    that changes what it tells; None where it is as it was."""
    waiting = {name: replace(one, practice=name) for name in one.definition.of(store)}
    missing = {name: why for name, due_ in waiting.items() if (why := _why_missing(due_, out, before))}
    try:
        unsettled = [name for name, due_ in waiting.items() if not _is_settled(due_, out)]
        mark = hashlib.sha256(f"{one.mark} {missing}".encode()).hexdigest()[:16]
        there = _is_rendered(one, out, mark)
        if there and unsettled:
            return None
        if not there:
            result = _compared(one, store, out, missing, mark, jobs)
            if not result.ok:
                return _failed(one, out, "; ".join(status.message for status in result.statuses))
        unreached = _deliver(one, out, mail=not unsettled)
    except Exception as error:
        return _failed(one, out, _told(error))
    if not unsettled:
        _finish(one, out)
    return Outcome(one, not unreached, unreached)


def _is_settled(one: Due, out: Path) -> bool:
    """Whether nothing is to be done for a report."""
    return _is_made(one, out)


def _why_missing(one: Due, out: Path, before: Sequence[Outcome]) -> str:
    """Why a practice has no report of this day; empty where it has one."""
    if _is_rendered(one, out):  # though its mail may have failed
        return ""
    said = [outcome.message for outcome in before if outcome.due.key == one.key and not outcome.ok]
    there = _is_settled(one, out) and (one.folder(out) / "index.html").exists()
    return said[-1] if said else "" if there else "its report is not made"


def _compared(one: Due, store: Path, out: Path, missing: dict[str, str], mark: str, jobs: int) -> render.Result:
    each = replace(replace(one, practice="").request(schedule=mark), notebooks=())  # whose reports are there already
    made = all_practices.render_all(
        one.definition.of(store), each, store=store, out=out, jobs=jobs, retries=1, name=one.variant, missing=missing
    )
    if made.page is None:
        raise RcmError("none of the practices could be read")
    return made.page


def _deliver(one: Due, out: Path, *, mail: bool = True) -> str:
    """Brings the report to its readers; says which addresses were not reached, nothing where all were."""
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
        return deliver.send(one.definition.mail, made)
    return ""


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
