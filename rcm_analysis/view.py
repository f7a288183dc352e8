"""What an analyst types: a practice opened as of a day, and the calls beside it.

    import rcm_analysis as rcm
    p = rcm.open_practice("data/store", "riverbend", as_of="2026-10-31", months=24)
    p.measures("initial_denial_rate", by="payer_name")
    p.denials(carc="197")
    p.worklist()

Methods delegate to the rooms and hold no state; the rooms are imported by the call that needs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rcm_analysis.months import MONTHS
from rcm_analysis.store.view import View

if TYPE_CHECKING:
    import pandas as pd

    from rcm_analysis.intake.ingest import Outcome
    from rcm_analysis.pages.blocks import Figure, Table
    from rcm_analysis.reports.render import Result

STORE = Path("data/store")
OUT = Path("reports/out")


class PracticeView(View):
    """A practice as of a day. Every function of the rooms that takes a `view` takes it."""

    def __repr__(self) -> str:
        claims, ledger = self.execute("SELECT count(*), coalesce(bool_or(in_ledger), false) FROM claims").fetchall()[0]
        return (f"{self.practice}, as of {self.as_of}, {self.months} months: {claims:,} claims, "
                f"{'with' if ledger else 'without'} a ledger")  # fmt: skip

    @property
    def tables(self) -> list[str]:
        """Names of the tables that `table`, `sql` and `export` know."""
        from rcm_analysis import export

        return export.names()

    def columns(self, table: str) -> pd.DataFrame:
        """What each column of a table holds: column, unit, meaning.

        Raises KeyError for an unknown table.
        """
        from rcm_analysis import export

        return export.columns(table)

    def table(self, name: str) -> pd.DataFrame:
        """A whole table, money as floats. Raises KeyError for an unknown name."""
        from rcm_analysis import export

        return export.frame(self, name)

    def files(self) -> pd.DataFrame:
        """What was ingested: files, claims and dollars by kind and status."""
        from rcm_analysis.measures import by_month

        return by_month.files_by_kind(self)

    def overview(self) -> pd.DataFrame:
        """Every measure in its latest complete month, written in its unit."""
        from rcm_analysis.measures import measures
        from rcm_analysis.pages import explore

        return explore.overview(measures.measure(self), as_of=self.as_of)

    def measures(self, *names: str, by: str = "all") -> pd.DataFrame:
        """KPIs by month, of the whole practice or by a dimension such as payer_name; all measures without names."""
        from rcm_analysis.measures import measures

        table = measures.measure(self, names=tuple(names))
        return table[table["dimension"] == by].reset_index(drop=True)

    def chart(self, measure: str = "initial_denial_rate") -> Figure:
        """A measure of the whole practice as a line over the view's months. Raises KeyError for one that there is not."""
        from rcm_analysis.pages import explore

        return explore.chart(self, measure)

    def reasons(self) -> pd.DataFrame:
        """First denials of the view's months by reason, most claims first, with the reason's owner and fix."""
        from rcm_analysis.measures import by_month

        return by_month.denial_reasons(self)

    def denials(self, **where: Any) -> pd.DataFrame:
        """Denied service lines of the view's months, largest first; `where` names columns and values: carc="197"."""
        from rcm_analysis.pages import explore

        return explore.denied_lines(self, **where)

    def drill(self, **where: Any) -> pd.DataFrame:
        """What the chosen denials share, against all denials of the view's months."""
        from rcm_analysis.pages import explore

        return explore.drill(self, **where)

    def signals(self) -> pd.DataFrame:
        """Changes that chance does not explain, strongest first."""
        from rcm_analysis.trends import signals

        return signals.all_signals(self)

    def clusters(self, *, months: int | None = None) -> pd.DataFrame:
        """Denials grouped by common cause, largest first, of the view's months or of more."""
        from rcm_analysis.clusters import grouping

        return grouping.of_practice(self, months=months or self.months)[1]

    def cluster(self, cluster_id: str, *, among: pd.DataFrame | None = None) -> pd.DataFrame:
        """What makes one cluster, strongest first; `among` as from `clusters`, where they are at hand.

        Raises KeyError for an id that there is not.
        """
        from rcm_analysis.clusters import grouping

        return grouping.explore(self.clusters() if among is None else among, cluster_id)

    def worklist(self) -> pd.DataFrame:
        """Open denials in the order in which they should be worked."""
        from rcm_analysis.risk import worklist

        return worklist.risk(self)

    def work_items(self) -> pd.DataFrame:
        """The work queue: one row per claim and need, and per check to turn on, the most urgent first."""
        return self.table("work_items")

    def work_projects(self) -> pd.DataFrame:
        """Items of the queue that are worked together, most expected cash first."""
        return self.table("work_projects")

    def work_done(self) -> pd.DataFrame:
        """Claims that were worked, by workbook or work log: touches, days, and whether they were won or lost."""
        return self.table("work_done")

    def write_worklist(
        self, path: Path | str, *, queue: pd.DataFrame | None = None, notes: Path | str | None = None
    ) -> int:
        """Writes the team's workbook, whole and readable by its owner alone; gives the number of claims in it.

        `queue` as from `work_items`, where it is at hand; `notes` is the folder of the reports' worklists, from which
        notes and names of earlier workbooks are copied.
        """
        import io

        from rcm_analysis.store import folders
        from rcm_analysis.work import workbook

        found = self.work_items() if queue is None else queue
        held = io.BytesIO()
        workbook.write(workbook.content(self, found, folder=Path(notes) if notes else None), held)
        folders.write({_in_private(path): held.getvalue()})
        return int((found["is_first"].astype(bool) & found["claim_number"].notna()).sum())

    def rules(self) -> pd.DataFrame:
        """Prevention rules learned by this day and proven on later months."""
        return self.table("rules")

    def scrub(self, *paths: Path | str) -> pd.DataFrame:
        """Findings on the claims of 837 files that were not sent yet."""
        return scrub(*paths, practice=self.practice, store=self.store, as_of=self.as_of)

    def export(self, table: str, path: Path | str) -> int:
        """Writes a table to .parquet, .csv or .xlsx; gives the number of rows."""
        from rcm_analysis import export

        return export.write(self, table, _in_private(path))


def _in_private(path: Path | str) -> Path:
    """The path of a file to write, in a folder that is made for its owner alone."""
    Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Path(path)


def open_practice(
    store: Path | str, practice: str, *, as_of: date | str, months: int = MONTHS, engine: str | None = None
) -> PracticeView:
    """A practice's facts and derived tables as of a day, looked back at over `months` whole months.

    Raises RcmError when nothing was ingested for the practice, or `as_of` is no day.
    """
    from rcm_analysis.claims import derive
    from rcm_analysis.pages import pictures, providers

    view = derive.open_practice(store, practice, as_of=as_of, months=months, engine=engine)
    providers.know(view)
    pictures.know(view)
    return PracticeView(view.practice, view.as_of, view.months, view.store, view.con)


def ingest(
    paths: Path | str | Iterable[Path | str],
    *,
    practice: str,
    store: Path | str = STORE,
    out: Path | str = OUT,
    today: date | str | None = None,
) -> Outcome:
    """Reads files, folders, .zip and .gz into the practice's store; the same bytes twice change nothing.

    The team's workbooks among them are kept, with their notes, below `out`, the folder of reports. What is dated after
    `today` is named and moves no default day; nothing here asks the clock, so that without it only days far from those
    of their own file are named.
    """
    from rcm_analysis.intake import ingest
    from rcm_analysis.months import day_of
    from rcm_analysis.store.practice import Practice
    from rcm_analysis.work import notes

    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    day = day_of(today) if isinstance(today, str) else today
    outcome = ingest.ingest(Practice(Path(store), practice), [Path(path) for path in given], today=day)
    notes.keep(Path(out) / practice / notes.FOLDER, outcome.worklists)
    return outcome


def report(view: View, *, only: Iterable[str] = (), out: Path | str = OUT, jobs: int = 2, pdf: bool = False) -> Result:
    """Renders the practice's notebooks as of the view's day into OUT/PRACTICE/PERIOD."""
    from rcm_analysis.months import last_month
    from rcm_analysis.reports import render
    from rcm_analysis.reports.request import ReportRequest

    books = tuple(render.notebooks(list(only)))
    _take_back(view, Path(out))
    asked = ReportRequest(view.practice, last_month(view.as_of), view.as_of, view.months, books, pdf=pdf)
    return render.render(asked, store=view.store, out=Path(out), jobs=jobs)


def _take_back(view: View, out: Path) -> None:
    """Reads the worklists in the practice's reports that somebody wrote into: the next report would replace them."""
    from rcm_analysis.work import notes

    edited = notes.edited(out / view.practice)
    if edited:
        ingest(edited, practice=view.practice, store=view.store, out=out)


def scrub(*paths: Path | str, practice: str, store: Path | str = STORE, as_of: date | str) -> pd.DataFrame:
    """Findings on claims that were not sent yet: file, claim_number, severity, rule_id, finding, evidence, p_denial.

    Empty without files.
    """
    import pandas as pd

    from rcm_analysis.months import day_of
    from rcm_analysis.prevention import scrub

    checked = scrub.check([Path(path) for path in paths], store=Path(store), practice=practice, as_of=day_of(as_of))
    columns = ["file", *scrub.COLUMNS]
    found = [file.findings.assign(file=file.path.name) for file in checked]
    return pd.concat(found, ignore_index=True).reindex(columns=columns) if found else pd.DataFrame(columns=columns)


def show(table: pd.DataFrame, title: str = "", *, rows: int = 10) -> Table:
    """Any table as the pages show one: sorted by a click on a heading, searched by typing, units told from the names."""
    from rcm_analysis.pages import explore

    return explore.show(table, title, rows=rows)


def practices(store: Path | str = STORE) -> list[str]:
    """Names of the practices in a store."""
    from rcm_analysis.store import practice

    return practice.practices(store)


def demo(folder: Path | str = "data/demo", *, claims: int = 20_000, seed: int = 7) -> dict[str, Any]:
    """Writes a synthetic practice's EDI files and ledger, with their truth beside them; says what was written."""
    from rcm_analysis.synthetic import practice

    return practice.write_practice(Path(folder), claims=claims, seed=seed)
