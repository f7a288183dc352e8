"""Every practice's report, and the page that compares them: a consultant's round, on all cores or on a cluster.

    made = render_all(["alder", "birch"], ReportRequest("all", "2026-10", day), store=store, out=out, jobs=8)
    out/alder/2026-10/index.html, out/birch/2026-10/index.html, out/all/2026-10/10_portfolio.html

Practices share nothing but the page, so one that fails stops no other; the page names it and leads to its last good
report.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from rcm_analysis.compare import portfolio
from rcm_analysis.errors import FailedError, RcmError
from rcm_analysis.reports import render, run
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.store import engine as store_engine
from rcm_analysis.store import practice as practice_store
from rcm_analysis.store.practice import Practice

MOST_MONTHS = 12  # the page compares a year at most; its trends go back twice as far
Progress = Callable[[str, bool], None]


@dataclass(frozen=True)
class Made:
    """What became of one practice: its report (the last good one, if this failed) and what went wrong."""

    practice: str
    ok: bool
    message: str = ""
    href: str = ""


@dataclass(frozen=True)
class Round:
    """What became of all of them; no `page` where nothing could be compared."""

    made: tuple[Made, ...]
    page: render.Result | None

    @property
    def ok(self) -> bool:
        return all(one.ok for one in self.made) and self.page is not None and self.page.ok


def render_all(
    practices: Sequence[str], request: ReportRequest, *, store: Path, out: Path, jobs: int = 1, pages: int = 1, retries: int = 0,
    engine: str | None = None, name: str = "", progress: Progress | None = None, missing: Mapping[str, str] | None = None,
) -> Round:  # fmt: skip
    """Renders every practice, `jobs` at a time, then the page that compares them, under `all` of the reports' folder.

    The request is the same for each practice but for the practice's name; without notebooks they are compared only.
    `pages` of one practice are rendered at a time. `engine` is None for this machine or the address of a Dask scheduler
    (tcp://host:8786) whose workers see store and reports under the same paths. `name` sets the page of a choice of
    practices apart from that of all. `missing` says why practices have no report where that is known already; the
    request's facts go into the manifest of the page that compares.
    """
    told = progress or (lambda practice, ok: None)
    asked = replace(request, facts={})
    at_a_time = min(jobs, len(practices)) * pages  # notebooks together on one machine, which share its cores
    share: dict[str, Any] = {"store": store, "out": out, "jobs": pages, "retries": retries, "at_a_time": at_a_time}
    # the longest first, so that none is last alone
    waiting = sorted(practices, key=lambda one: (-_size(store, one), one))
    with render.private_files(), store_engine.pool(engine, jobs=jobs) as pool:
        futures: list[tuple[str, Future]] = [
            (one, pool.submit(one_practice, replace(asked, practice=one), **share)) for one in waiting
        ]
        parts = []
        for one, future in futures:
            made, profile = _result(one, future)
            told(one, made.ok)
            parts.append((made, profile))
    parts.sort(key=lambda part: part[0].practice)
    lost = missing or {}
    results = tuple(
        replace(one, ok=False, message=lost[one.practice]) if one.practice in lost else one for one, _ in parts
    )
    profiles = [profile for _, profile in parts if profile is not None]
    page = replace(request, practice=portfolio.ALL, variant=name)
    return Round(results, compare(results, profiles, page, store=store, out=out, retries=retries))


def _size(store: Path, practice: str) -> int:
    """Bytes of a practice's tables, a measure of how long it takes."""
    return sum(path.stat().st_size for path in (store / practice / "batches").glob("*/*.parquet"))


def _result(practice: str, future: Future) -> tuple[Made, portfolio.Profiles | None]:
    """What the task gave; a worker that died or could not be reached is a failure of its practice alone."""
    try:
        return future.result()
    except Exception as error:
        return Made(practice, False, f"the worker failed: {type(error).__name__}"), None


def one_practice(
    request: ReportRequest, *, store: Path, out: Path, jobs: int = 1, retries: int = 0, at_a_time: int = 1
) -> tuple[Made, portfolio.Profiles | None]:
    """A practice's report and its numbers for the page; whatever goes wrong is told, without values from the data."""
    practice, months = request.practice, min(request.months, MOST_MONTHS)
    profile, message = _tried(lambda: portfolio.profile(store, practice, as_of=request.as_of, months=months))
    if not message and request.notebooks != ():
        result, message = _tried(
            lambda: render.render(_of_known(request, store), store=store, out=out, jobs=jobs, retries=retries,
                                  environment=run.fair_shares(at_a_time, long_queue=True)))  # fmt: skip
        if result is not None and not result.ok:
            message = "; ".join(f"{status.notebook}: {status.message}" for status in result.statuses if not status.ok)
    folder = request.folder(out)
    href = f"../../{practice}/{folder.name}/index.html" if (folder / "index.html").exists() else ""
    return Made(practice, not message, message, href), profile


def _tried(call: Callable[[], Any]) -> tuple[Any, str]:
    """The call's result, or None and why there is none; errors that aren't ours are named by their kind alone."""
    try:
        return call(), ""
    except RcmError as error:
        return None, str(error)
    except Exception as error:
        return None, f"its data could not be read or computed ({type(error).__name__})"


def _of_known(request: ReportRequest, store: Path) -> ReportRequest:
    if not Practice(store, request.practice).exists():
        raise RcmError(f"there is nothing of {request.practice}; ingest its files first")
    return request


def compare(
    made: Sequence[Made], profiles: Sequence[portfolio.Profiles], request: ReportRequest, *, store: Path, out: Path, retries: int = 0,
) -> render.Result | None:  # fmt: skip
    """The page that compares the practices; None where no practice could be read."""
    if not profiles:
        return None
    told = portfolio.together(profiles)
    told = portfolio.Profiles(told.cases, told.figures, told.changes, pd.DataFrame([vars(one) for one in made]))
    notebook = render.portfolio_notebook()
    known = set(run.parameters_of(notebook)) - {"months"}
    request = replace(
        request, months=min(request.months, MOST_MONTHS), notebooks=(notebook,), provenance={"practices": f"{len(made):,}"},
        parameters={key: value for key, value in request.parameters.items() if key in known},
        facts={"practices": [one.practice for one in made], **request.facts},
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="rcm-") as folder, portfolio.handed(told, Path(folder)) as environment:
        return render.render(request, store=store, out=out, retries=retries, environment=environment)


def name_of(practices: Sequence[str]) -> str:
    """A folder's name for a choice of practices: the first, how many more, and a mark of the whole choice.

    >>> name_of(["birch", "alder"])
    'alder-and-1-70b131'
    """
    chosen = sorted(practices)
    return f"{chosen[0]}-and-{len(chosen) - 1}-{hashlib.sha256(','.join(chosen).encode()).hexdigest()[:6]}"


def known(practice: str, *, store: Path, out: Path) -> bool:
    """Whether there is data or a report of the practice, what an interrupted `forget` left among it."""
    reported = any((out / practice).glob("*/manifest.json")) or _pages_with(practice, out, damaged=False)
    place = Practice(store, practice)
    return practice != portfolio.ALL and bool(place.known() or reported or practice_store.forgotten(out, practice))


def forget(practice: str, *, store: Path, out: Path) -> None:
    """Deletes the practice's data, its reports, and the pages that compare it, since its numbers stand in them.

    What can be deleted is, whatever else can't. Raises FailedError that says what is left.
    """
    left = []
    try:
        Practice(store, practice).forget()
    except FailedError as error:
        left.append(str(error))
    reported = [folder for folder in (out / practice, *_pages_with(practice, out)) if folder.exists()]
    why = [practice_store.set_aside(folder, out, practice) for folder in reported]
    why += [practice_store.undeleted(folder) for folder in practice_store.forgotten(out, practice)]
    if any(why):
        left.append(f"not all reports could be deleted: {', '.join(filter(None, why))}")
    if left:
        raise FailedError(f"{'; '.join(left)}. Mend that, and forget it again")


def _pages_with(practice: str, out: Path, *, damaged: bool = True) -> list[Path]:
    """Folders of the pages that compare the practice with others, and of those that no longer say whom they compare."""
    manifests = sorted(out.glob(f"{portfolio.ALL}/*/manifest.json"))
    compared = {manifest: _compared(manifest) for manifest in manifests}
    return [one.parent for one, names in compared.items() if (damaged if names is None else practice in names)]


def _compared(manifest: Path) -> list[str] | None:
    """The practices on a page; None where its manifest is damaged."""
    try:
        return json.loads(manifest.read_text("utf-8")).get("practices", [])
    except (OSError, ValueError, AttributeError):
        return None
