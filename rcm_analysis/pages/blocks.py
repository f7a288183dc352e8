"""What notebooks call to show an answer: findings, key figures, tables, figures, definitions.

Each object displays itself in JupyterLab and carries its content along in the notebook's output, so that `reports`
can collect findings for the index and tables for `tables/*.csv` from the executed notebook alone. All text is escaped.

    Finding("147 of 1,211 claims decided in October 2026 were denied at first (12.1%).", rank=1)
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis import settings
from rcm_analysis.charts import svg
from rcm_analysis.charts.heat import Heat
from rcm_analysis.pages import pictures, providers, release
from rcm_analysis.pages.columns import Column, named
from rcm_analysis.words import FORMATS, NUMERIC, csv_text, escape, still, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

FINDING_MIME = "application/vnd.rcm.finding+json"
TABLE_MIME = "application/vnd.rcm.table+json"
FIGURE_MIME = "application/vnd.rcm.figure+json"
WORKBOOK_MIME = "application/vnd.rcm.workbook+json"
MAX_SHOWN = 400  # characters of a cell on a page
MAX_ROWS_ON_PAGE = 500
KINDS = ("answer", "change", "caution", "action")


RELATIVE = re.compile(r"#[\w-]+|(\.\./)*[\w.+-]+(/[\w.+-]+)*")  # no address that leads elsewhere or runs a script
MANY_COLUMNS = 10  # from here on a table is set smaller, so that its last column stays on the page
# JupyterLab aligns every cell to the right and gives buttons a frame
LIVE_STYLE = (".jp-RenderedHTMLCommon .table :is(th, td, caption) { text-align: left; vertical-align: top; } "
              ".jp-RenderedHTMLCommon .table .n { text-align: right; } .table :is(.n, .d) { white-space: nowrap; } "
              ".jp-RenderedHTMLCommon .table th[scope=row] { font-weight: 400; } .table caption { font-weight: 600; } "
              ".table thead [role=button] { cursor: pointer; }")  # fmt: skip


class Block:
    """What a notebook shows. A block stays what it was given; what may leave is settled here, where it becomes output."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle = (deidentified(self) if settings.DEIDENTIFIED.value else self).bundle()
        if "text/html" in bundle:
            bundle["text/html"] = providers.beside(bundle["text/html"])
        if "sentence" in bundle.get(FINDING_MIME, {}):
            bundle[FINDING_MIME] = {
                **bundle[FINDING_MIME],
                "sentence": providers.said(bundle[FINDING_MIME]["sentence"]),
            }
        return bundle

    def bundle(self) -> dict[str, Any]:
        """The block as output: its content by media type."""
        raise NotImplementedError


def deidentified(block: Block) -> Block:
    """The block as it may leave in the de-identified variant (see `pages.release`); one of another kind does not.

    >>> deidentified(Finding("8 of 1,211 claims were denied until 2026-10-31.")).sentence
    'fewer than 11 of 1,211 claims were denied until 2026-10.'
    """
    own = getattr(block, "released", None)
    if own is not None:
        return own()
    if isinstance(block, Finding):
        return replace(block, sentence=release.text(block.sentence))
    if isinstance(block, Numbers):
        return replace(block, figures=[_figure_without(*figure) for figure in block.figures])
    if isinstance(block, Table):
        return _table_without(block)
    if isinstance(block, Figure):
        return _picture_without(block)
    return block if isinstance(block, Heading | Definitions) else LeftOut()


def _figure_without(label: str, value: str, note: str) -> tuple[str, str, str]:
    first, second, *rest = release.text(" · ".join((label, value, note))).split(" · ")
    return first, second, " · ".join(rest)


def _table_without(table: Table) -> Table:
    frame = table.frame[list(table.columns)]
    left = release.table(frame, table.counts, earlier=_left_before(table.name))
    if table.links:
        left = left.assign(**{table.links: table.frame[table.links].reset_index(drop=True).reindex(left.index)})
    return replace(
        table, frame=left, columns={name: column for name, column in table.columns.items() if name in left},
        title=release.text(table.title), note=release.text(table.note),
        empty="A list of single claims is left out here." if release.lists_cases(frame) else table.empty,
    )  # fmt: skip


def _left_before(name: str) -> pd.DataFrame | None:
    """The table of this name as the variant before this one showed it, where there is one."""
    folder = settings.EARLIER_VARIANT.value
    path = Path(folder) / f"{name}.csv"
    if not folder or not path.exists():
        return None
    try:
        return pd.read_csv(path, dtype=str)
    except (OSError, ValueError):  # without columns, or gone meanwhile
        return None


def _picture_without(figure: Figure) -> Figure:
    """A picture stays only if the table behind it is known and loses nothing; its text goes through as any other."""
    before = figure.data
    name = figure.name
    left = None if before is None else release.table(before, release.count_columns(before), earlier=_left_before(name))
    whole = (
        before is not None
        and left is not None
        and set(left) == set(before)
        and left.isna().sum().sum() <= before.isna().sum().sum()
    )
    caption = release.text(figure.caption)
    if not whole:
        caption = f"{caption} The picture is left out: it would show small counts."
    return replace(figure, alt=release.text(figure.alt), caption=caption, data=left, svg=figure.svg if whole else "")


@dataclass(frozen=True)
class LeftOut(Block):
    """In the place of what may not leave at all."""

    def bundle(self) -> dict[str, Any]:
        return {"text/plain": "left out"}


@dataclass(frozen=True)
class Finding(Block):
    """One sentence with numbers in it. `rank` orders the index (1 first); `amount_usd` breaks ties.

    `of_ledger`: its numbers are true only where the whole ledger is understood (see `pages.trust`).
    """

    sentence: str
    rank: int = 50
    kind: str = "answer"
    amount_usd: float | None = None
    of_ledger: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a finding is one of {', '.join(KINDS)}, not {self.kind!r}")

    def bundle(self) -> dict[str, Any]:
        said = still(self.sentence)
        content = {"sentence": said, "rank": self.rank, "kind": self.kind, "amount_usd": self.amount_usd}
        return {
            "text/html": f'<p class="finding {self.kind}">{escape(said)}</p>',
            "text/plain": said,
            FINDING_MIME: content,
        }


@dataclass(frozen=True)
class Heading(Block):
    """A section that data names, such as a payer's; `number` keeps the ids apart; `own_page` begins a page in print."""

    text: str
    number: int
    own_page: bool = True

    def bundle(self) -> dict[str, Any]:
        return {
            "text/html": f'<h2 class="part{" own-page" * self.own_page}" id="part-{self.number}">{escape(_cut(self.text))}</h2>',
            "text/plain": self.text,
        }


@dataclass(frozen=True)
class Numbers(Block):
    """Three to five key figures in a row: (label, value as text, note). `headline` are those the index shows too.

    `of_ledger` are those that are true only where the whole ledger is understood (see `pages.trust`).
    """

    figures: Sequence[tuple[str, str, str]]
    headline: tuple[int, ...] = ()
    of_ledger: tuple[int, ...] = ()

    def bundle(self) -> dict[str, Any]:
        content = {"numbers": [list(self.figures[i]) for i in self.headline]} if self.headline else {}
        bundle = {
            "text/html": tiles(self.figures),
            "text/plain": "\n".join(f"{a}: {b} ({c})" for a, b, c in self.figures),
        }
        return {**bundle, FINDING_MIME: content} if content else bundle


def tiles(figures: Sequence[Sequence[str]]) -> str:
    """Key figures as HTML."""
    cells = "".join(
        f'<div class="tile"><dt>{escape(label)}</dt><dd><strong>{escape(value)}</strong>'
        f"<small>{escape(note)}</small></dd></div>"
        for label, value, note in figures
    )
    return f'<dl class="tiles">{cells}</dl>'


@dataclass(frozen=True)
class Table(Block):
    """A table: the first `rows` rows on the page, 500 behind its search, all of them in `tables/<name>.csv`.

    `columns` are names of `pages.columns`, or names with a `Column` each; without them all of the frame's are shown.
    `links` names a column that is not shown: the relative address to which a row's first cell leads, empty for none.

    Table(frame, "denied_by_payer", columns="payer_name denied denied_amount")
    """

    frame: pd.DataFrame
    name: str
    title: str = ""
    columns: Any = ""  # dict[str, Column] | str
    rows: int = 15
    note: str = ""
    links: str = ""
    empty: str = "None."

    def __post_init__(self) -> None:
        if isinstance(self.columns, str):
            object.__setattr__(self, "columns", named(self.columns or " ".join(self.frame)))
        if not self.title:
            object.__setattr__(self, "title", words(self.name).capitalize())
        missing = (set(self.columns) | ({self.links} if self.links else set())) - set(self.frame.columns)
        if missing:
            raise KeyError(f"table {self.name} has no column {', '.join(sorted(missing))}")

    @property
    def counts(self) -> list[str]:
        """The columns that count cases."""
        return [name for name, column in self.columns.items() if column.unit == "count"]

    def bundle(self) -> dict[str, Any]:
        return {"text/html": self.html(), "text/plain": f"{self.title}: {len(self.frame)} rows",
                TABLE_MIME: {"name": self.name, "title": self.title, "counts": self.counts,
                             "csv": csv_text(self.frame[list(self.columns)])}}  # fmt: skip

    def html(self) -> str:
        title = escape(_cut(self.title))
        if not len(self.frame):  # headings over nothing tell nothing
            return f'<p class="none"><b>{title}</b> {escape(self.empty)}</p>'
        heads = "".join(_head(column) for column in self.columns.values())
        shown = self.frame.head(self.rows)
        hidden = self._rows(self.frame.iloc[self.rows : MAX_ROWS_ON_PAGE])
        more = f"<tbody hidden>{hidden}</tbody>" if hidden else ""  # for the page's script to search and show
        many = ' class="many"' if len(self.columns) >= MANY_COLUMNS else ""
        return (f'<div class="table" role="region" aria-label="{title}" tabindex="0"><table{many}><caption>{title}</caption>'
                f"<thead><tr>{heads}</tr></thead><tbody>{self._rows(shown)}</tbody>{more}</table></div>"
                f'<p class="note">{self._foot(len(shown))}</p>{_live_script()}')  # fmt: skip

    def _foot(self, shown: int) -> str:
        parts = [escape(self.note)] if self.note else []
        if len(self.frame) > shown:
            parts.append(f"{shown} of {len(self.frame):,} shown.")
        if not live():
            parts.append(csv_link(self.name, self.title, all_of_them=len(self.frame) > shown))
        return " ".join(parts)

    def _rows(self, frame: pd.DataFrame) -> str:
        rows = frame[list(self.columns)].itertuples(index=False, name=None)
        links = frame[self.links] if self.links else [""] * len(frame)
        return "".join(f"<tr>{self._cells(row, link)}</tr>" for row, link in zip(rows, links, strict=True))

    def _cells(self, row: tuple, link: str) -> str:
        cells = []
        for i, (value, column) in enumerate(zip(row, self.columns.values(), strict=True)):
            text = escape(_cut(FORMATS[column.unit](value)))
            if i == 0 and isinstance(link, str) and RELATIVE.fullmatch(link):
                text = f'<a href="{escape(link)}">{text}</a>'
            tag = 'th scope="row"' if i == 0 else "td"
            number = (
                f' class="n {column.unit}"'
                if column.unit in NUMERIC
                else ' class="d"'
                if column.unit in ("date", "month")
                else ""
            )
            cells.append(f"<{tag}{number}>{text}</{tag.split()[0]}>")
        return "".join(cells)


def share_bar(share: float, color: str = "blue") -> str:
    """A bar of 0 to 1 of its cell, for a page that is no notebook."""
    return svg.bar(share, color)


def csv_link(name: str, title: str = "", *, all_of_them: bool = False) -> str:
    """The link to a table's file; a screen reader hears which one."""
    words_of_it = "Download all (CSV)" if all_of_them else "CSV"
    called = escape(title or words(name))
    return f'<a href="tables/{escape(name)}.csv">{words_of_it}<span class="vh"> of {called[:1].lower()}{called[1:]}</span></a>'


def live() -> bool:
    """Whether somebody looks at the notebook itself: Jupyter's server names it to the kernels that it starts."""
    return bool(settings.LIVE.value)


def _live_script() -> str:
    """The pages' own script, for a table that no page will hold."""
    if not live():
        return ""
    script = (resources.files("rcm_analysis.pages") / "templates" / "tables.js").read_text("utf-8")
    return f"<style>{LIVE_STYLE}</style><script>{script}</script>"


def _cut(text: str) -> str:
    """What of a text stands on a page; the whole is in the table's file."""
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def _head(column: Column) -> str:
    label = escape(column.label)
    label = f'<abbr title="{escape(column.note)}">{label}</abbr>' if column.note else label
    number = ' class="n"' if column.unit in NUMERIC else ""
    return f'<th scope="col"{number}>{label}</th>'


@dataclass(frozen=True)
class Figure(Block):
    """A picture with alternative text and caption; `data` is the table behind it.

    A function of `charts` that waits for its call is drawn for a desk and for a phone, unless it is kept. A figure that
    was drawn elsewhere has one width. A `Heat` becomes a table of shaded cells.

    Figure(partial(bars, table, label="payer_name", value="claims", ...), "denied_by_payer", "Bars of ...", "12 months.")
    """

    fig: partial[MatplotlibFigure] | MatplotlibFigure | Heat
    name: str
    alt: str
    caption: str
    data: pd.DataFrame | None = None
    svg: str | None = None  # drawn from `fig`
    nothing: bool = False  # all that the picture says is that there is nothing to show

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ValueError(f"figure {self.name} needs a text that says what it shows")
        if self.svg is None:
            self._draw()  # at once: the figure is closed, or Jupyter shows it too

    def _draw(self) -> None:
        fig, title = self.fig, self.heading or self.alt
        if isinstance(fig, partial):
            found = pictures.drawn(fig, self.name, title=title, desc=self.alt)
            object.__setattr__(self, "svg", found.svg)
            object.__setattr__(self, "nothing", found.nothing)
        else:
            one = fig.html() if isinstance(fig, Heat) else svg.written(fig, self.name, title=title, desc=self.alt)
            object.__setattr__(self, "svg", one)

    @property
    def heading(self) -> str:
        """What the picture shows, in a few words."""
        if isinstance(self.fig, Heat):
            return self.fig.title
        return str(self.fig.keywords.get("title", "")) if isinstance(self.fig, partial) else ""

    def html(self) -> str:
        if self.nothing:
            return f'<p class="none"><b>{escape(self.heading or self.name)}</b> Nothing to show in this period.</p>'
        link = "" if self.data is None or live() else csv_link(self.name, self.heading)
        if isinstance(self.fig, Heat):
            box = (
                f'<div class="table" role="region" aria-label="{escape(self.alt)}" tabindex="0">{self.svg}</div>'
                if self.svg
                else ""
            )
            return f'{box}<p class="note">{escape(self.caption)} {link}</p>'
        head = f"<b>{escape(self.heading)}</b> " if self.heading else ""
        tips = f' data-tips="{escape(self.heading or self.name)}"' if 'class="pt"' in (self.svg or "") else ""
        return (f'<figure aria-label="{escape(self.alt)}"{tips}>{self.svg}'
                f"<figcaption>{head}{escape(self.caption)} {link}</figcaption></figure>")  # fmt: skip

    def bundle(self) -> dict[str, Any]:
        bundle = {"text/html": self.html(), "text/plain": self.alt, FIGURE_MIME: {"name": self.name, "alt": self.alt}}
        if self.data is not None:
            counts = release.count_columns(self.data)
            bundle[TABLE_MIME] = {
                "name": self.name,
                "title": self.caption,
                "counts": counts,
                "csv": csv_text(self.data),
            }
        return bundle


@dataclass(frozen=True)
class Definitions(Block):
    """Terms at the end of a page: (term, definition, source)."""

    terms: Sequence[tuple[str, str, str]]

    def bundle(self) -> dict[str, Any]:
        items = "".join(
            f"<dt>{escape(term)}</dt><dd>{escape(text)} <cite>{escape(source)}</cite></dd>"
            for term, text, source in self.terms
        )
        return {"text/html": f'<details class="definitions"><summary>Terms on this page</summary><dl>{items}</dl></details>',
                "text/plain": json.dumps([term for term, *_ in self.terms])}  # fmt: skip
