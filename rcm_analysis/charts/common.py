"""One function per picture: table in, figure out. Charts only draw; what they show is a column of their table.

Blue is the subject, orange is loss, teal is recovered, gray is context; what color says, words say too. A figure is drawn twice,
for a desk and for a phone (`charts.drawn`), because letters that shrink with the picture cannot be read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.layout_engine import TightLayoutEngine
from matplotlib.ticker import Formatter, MaxNLocator

from rcm_analysis.charts.heat import Heat
from rcm_analysis.charts.svg import pointed
from rcm_analysis.words import count, month_short, share, still, usd

INK, INK_2, NOTE, RULE = "#15191e", "#47525d", "#5f6b76", "#e5e8ec"
ACCENT, SOFT, ORANGE, GREEN, BAND, PAPER = "#0b5cad", "#a7b0ba", "#d4540f", "#1a8a70", "#dbe7f4", "#ffffff"
ROOT_COLORS = {"unnecessary": ORANGE, "payer": ACCENT, "unclassified": INK_2, "necessary": SOFT}
ROOT_NAMES = {
    "unnecessary": "avoidable",
    "payer": "payer's decision",
    "unclassified": "not classified",
    "necessary": "necessary",
}
FAMILIES = ("Arial", "Liberation Sans", "Helvetica Neue", "DejaVu Sans")
WIDE, NARROW = 860, 358  # pixels; a letter of 12 is 12 on both
RATES = ("rate", "lower", "upper", "decided")  # what `rates_with_intervals` shows of a segment
COLUMN, BESIDE_CARD = 620, 780  # beside another section, beside a finding's card
_WIDTH: ContextVar[int] = ContextVar("width", default=WIDE)


@contextmanager
def drawn_at(width: int) -> Iterator[None]:
    """Pictures of another width than the page's, such as that of a column: letters stay as large as they are."""
    before = _WIDTH.set(width)
    try:
        yield
    finally:
        _WIDTH.reset(before)


def width() -> int:
    """Pixels across of the picture that is drawn now."""
    return _WIDTH.get()


def is_narrow() -> bool:
    """Whether the picture is drawn for a phone."""
    return _WIDTH.get() == NARROW


@lru_cache(maxsize=1)
def fonts() -> tuple[str, ...]:
    """The files of the letters, regular and bold, that this machine has: the room that a label takes is theirs."""
    return tuple(findfont(FontProperties(family=list(FAMILIES), weight=weight)) for weight in ("normal", "bold"))


def _theme() -> None:
    """One look for all; a dollar sign in a payer's name is a dollar sign, not the begin of a formula."""
    import seaborn as sns

    sns.set_theme(context="paper", style="white", rc={
        "font.family": "sans-serif", "font.sans-serif": list(FAMILIES), "font.size": 12,
        "axes.labelsize": 12, "xtick.labelsize": 12, "ytick.labelsize": 12, "legend.fontsize": 12, "legend.title_fontsize": 12, "axes.spines.top": False,
        "axes.spines.right": False, "axes.spines.left": False, "axes.edgecolor": NOTE, "axes.grid": True, "axes.grid.axis": "y",
        "axes.axisbelow": True, "grid.color": RULE, "grid.linewidth": 1, "xtick.major.size": 0, "ytick.major.size": 0, "xtick.color": NOTE,
        "ytick.color": NOTE, "axes.labelcolor": NOTE, "text.color": INK_2, "lines.solid_capstyle": "round", "legend.frameon": False,
        "text.parse_math": False, "figure.dpi": 72, "savefig.dpi": 72, "axes.titlelocation": "left", "axes.titlesize": 12})  # fmt: skip


def _figure(
    width: float = 0, height: float = 3.6, *, rows: int = 1, columns: int = 1, **more: Any
) -> tuple[Figure, Any]:
    """A figure as wide as the page or the phone, `height` in inches of 72 pixels."""
    import matplotlib.pyplot as plt

    _theme()
    across = min(width * 72, _WIDTH.get()) if width else _WIDTH.get()
    layout = TightLayoutEngine(pad=0.25, h_pad=0.8, rect=None)  # type: ignore[arg-type]  # one pass; a rectangle would make it two
    return plt.subplots(rows, columns, figsize=(across / 72, height), layout=layout, **more)


def short(name: object) -> str:
    """A label that leaves room for the picture; the table behind it has the whole name.

    >>> short("TRI COUNTY COMPENSATION FUND OF THE NORTH AND SOUTH")
    'TRI COUNTY COMPENSATION FUND OF THE NORTH…'
    """
    text = still(str(name))
    most = 22 if is_narrow() else MOST_CHARACTERS
    return text if len(text) <= most else f"{text[: most - 1]}…"


MOST_CHARACTERS = 42  # of a label


class _Stepped(Formatter):
    """Numbers with the decimals that the step between ticks needs and no more."""

    places: Sequence[float] = ()

    def set_locs(self, locs: Sequence[float]) -> None:
        self.places = [float(place) for place in locs]

    def decimals(self, *, times: float = 1.0) -> int:
        places = sorted(self.places) if len(self.places) > 1 else [0.0, 1.0]
        step = (places[1] - places[0]) * times
        most = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
        # steps of 2.5 need one more than their size tells
        return most if round(step, most) == round(step, most + 1) else most + 1


class _Percent(_Stepped):
    def __call__(self, value: float, pos: int | None = None) -> str:
        return f"{value * 100:.{self.decimals(times=100)}f}%".replace("-", "−")


class _Dollars(Formatter):
    def __call__(self, value: float, pos: int | None = None) -> str:
        if abs(value) >= 1e6:
            return f"${value / 1e6:,.1f}m".replace(".0m", "m")
        return f"${value / 1000:,.1f}k".replace(".0k", "k") if abs(value) >= 1000 else usd(value)


class _Counts(_Stepped):
    def __call__(self, value: float, pos: int | None = None) -> str:
        return f"{value:,.0f}" if value == round(value) else f"{value:,.{max(1, self.decimals())}f}"


def _ticks(axis: Axis, form: Formatter, *, most: int = 5, whole: bool = False) -> None:
    """Round ticks: steps of 1, 2 or 5 times a power of ten."""
    axis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 5, 10], integer=whole))
    axis.set_major_formatter(form)


def percent(axis: Axis) -> None:
    """An axis of shares."""
    _ticks(axis, _Percent(), most=4 if is_narrow() and isinstance(axis, XAxis) else 5)


def dollars(axis: Axis) -> None:
    """An axis of dollars."""
    _ticks(axis, _Dollars(), most=3 if is_narrow() and isinstance(axis, XAxis) else 5)


def counts(axis: Axis) -> None:
    """An axis of cases."""
    _ticks(axis, _Counts(), most=3 if is_narrow() and isinstance(axis, XAxis) else 5, whole=True)


def unit(ax: Axes, text: str) -> None:
    """What the vertical axis counts, above its top, in a line that reads as all others do."""
    ax.set_title(text, color=NOTE, loc="left", pad=8)
    ax.set_ylabel("")


def end_label(ax: Axes, x: float, values: Sequence[float], text: str, *, color: str = ACCENT) -> None:
    """The last value, written at the line's end, on the side that the line does not come from."""
    before = [float(value) for value in list(values)[-4:-1] if pd.notna(value)]
    last = float(list(values)[-1])
    falls = bool(before) and max(before) > last
    ax.annotate(
        text,
        (x, last),
        xytext=(0, -9 if falls else 9),
        textcoords="offset points",
        ha="right",
        va="top" if falls else "bottom",
        color=color,
        weight="bold",
        annotation_clip=False,
    )


def event(ax: Axes, x: float, month: str, text: str) -> None:
    """What happened in a month: a thin line, the month in bold, a few words under it."""
    ax.axvline(x, color="#c6ccd3", lw=1, zorder=1)
    top = ax.get_ylim()[1]
    right = x > ax.get_xlim()[1] * 0.7
    side, shift = ("right", -5) if right else ("left", 5)
    ax.annotate(
        month, (x, top), xytext=(shift, -4), textcoords="offset points", ha=side, va="top", color=INK, weight="bold"
    )
    ax.annotate(text, (x, top), xytext=(shift, -19), textcoords="offset points", ha=side, va="top", color=INK_2)


def _nothing(title: str) -> Figure:
    """A figure that says that there is nothing to show; a page without data is still a page."""
    fig, ax = _figure(height=0.6)
    ax.set_axis_off()
    ax.text(0, 0.4, "Nothing to show in this period.", transform=ax.transAxes, color=INK)
    fig.__dict__["nothing"] = True
    return fig


def every(step: int, months: Sequence[str]) -> list[int]:
    """The places of each so many months, counted from the newest.

    >>> every(3, ["2026-07", "2026-08", "2026-09", "2026-10"])
    [0, 3]
    """
    return list(range(len(months)))[::-1][::step][::-1]


def _thin_months(ax: Axes, months: Sequence[str], places: Sequence[int] | None = None) -> None:
    """Months as Oct ’26, those in the given places, or every third, on a phone every sixth, and the newest always."""
    if places is None:
        places = every(6 if is_narrow() else 3 if len(months) > 8 else 1, months)
    ax.set_xticks(places, [month_short(months[i]) for i in places])
    ax.set_xlabel("")
    ax.grid(axis="x", visible=False)
    if len(months) > 1:
        ax.set_xlim(-0.4, len(months) - 0.6)


def rate_by_month(
    table: pd.DataFrame, *, title: str, target: float | None = None, events: Sequence[tuple[str, str]] = ()
) -> Figure:
    """Rate with its 95% range by month; months that are not complete are hollow. `events` are (month, few words).

    Columns: month, value, lower, upper, denominator, complete.
    """
    if table["value"].isna().all():
        return _nothing(title)
    fig, ax = _figure(height=3.4)
    x = range(len(table))
    ax.fill_between(x, table["lower"].to_numpy(float), table["upper"].to_numpy(float), color=BAND, lw=0)
    ax.plot(x, table["value"], color=ACCENT, lw=2.25)
    whole = table["complete"].to_numpy(bool)
    hollow = [i for i in x if not whole[i]]
    ax.scatter(hollow, table["value"].to_numpy(float)[hollow], facecolor=PAPER, edgecolor=ACCENT, s=30, lw=2, zorder=3)
    last = table.iloc[-1]
    ax.set_ylim(0, max(float(table["upper"].max()) * 1.12, 0.02))
    percent(ax.yaxis)
    _thin_months(ax, table["month"].tolist())
    unit(ax, "share of adjudicated claims")
    if pd.notna(last["value"]):
        end_label(ax, len(table) - 1, table["value"], share(last["value"]))
        ax.scatter([len(table) - 1], [last["value"]], color=ACCENT, s=26, zorder=4)
    if target is not None:
        ax.axhline(target, color=NOTE, lw=1, ls=(0, (3, 3)))
        ax.annotate(
            f"Target {target:.0%}",
            (len(table) - 1, target),
            xytext=(0, -4),
            textcoords="offset points",
            ha="right",
            va="top",
            color=NOTE,
        )
    names = table["month"].tolist()
    for month, text in [pair for pair in events if pair[0] in names][:3]:
        event(ax, names.index(month), month_short(month), text)
    _point_rates(ax, x, table, table["month"].map(month_short))
    return fig


def _point_rates(ax: Axes, x: Sequence[int], table: pd.DataFrame, labels: Sequence[str]) -> None:
    values = table["value"] if "value" in table else table["rate"]
    said = [share(v) for v in values]
    if {"numerator", "denominator"} <= set(table):
        said = [
            f"{s}, {count(n)} of {count(d)} claims"
            for s, n, d in zip(said, table["numerator"], table["denominator"], strict=True)
        ]
    pointed(ax, list(x), list(values), list(labels), said)


def bars(
    table: pd.DataFrame, *, label: str, value: str, title: str, unit: str, text: str | None = None, color: str = ACCENT
) -> Figure:
    """Horizontal bars, largest on top, each with its value in words at its end. `text` names a column of labels."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(height=0.38 * len(table) + 0.6)
    shown = table.iloc[::-1]
    ax.barh(range(len(shown)), shown[value].astype(float), color=color, height=0.5)
    ax.set_yticks(range(len(shown)), shown[label].map(short))
    ax.tick_params(axis="y", labelcolor=INK)
    ends = list(shown[text] if text else shown[value].map("{:,.0f}".format))
    for i, (end, words) in enumerate(zip(shown[value].astype(float), ends, strict=True)):
        ax.text(end, i, f"  {words}", va="center", color=INK)
    ax.set_xlim(0, max(float(shown[value].max()) * (1.45 if is_narrow() else 1.2), 1e-9))
    dollars(ax.xaxis) if unit.startswith(("USD", "dollars", "expected cash", "usual payment")) else counts(ax.xaxis)
    ax.set_xlabel(unit)
    ax.grid(axis="y", visible=False)
    pointed(
        ax,
        list(shown[value].astype(float)),
        list(range(len(shown))),
        [still(str(name)) for name in shown[label]],
        [str(end) for end in ends],
    )
    return fig


def rates_with_intervals(table: pd.DataFrame, *, label: str, title: str) -> Figure:
    """A dot per segment with its 95% range, largest on top. Columns: label, rate, lower, upper, decided."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(height=0.38 * len(table) + 0.6)
    shown = table.iloc[::-1].reset_index(drop=True)
    ax.hlines(shown.index, shown["lower"], shown["upper"], color=BAND, lw=7)
    ax.scatter(shown["rate"], shown.index, color=ACCENT, s=34, zorder=3)
    for i, row in shown.iterrows():
        more = "" if is_narrow() else f" of {row['decided']:,.0f} claims"
        ax.text(row["upper"], i, f"  {row['rate']:.1%}{more}", va="center", color=INK)
    ax.set_yticks(shown.index, shown[label].map(short))
    ax.tick_params(axis="y", labelcolor=INK)
    ax.set_xlim(0, max(float(shown["upper"].max()) * 1.35, 0.02))
    ax.set_ylim(-0.6, len(shown) - 0.4)
    percent(ax.xaxis)
    ax.set_xlabel("share of adjudicated claims")
    ax.grid(axis="y", visible=False)
    pointed(ax, list(shown["rate"]), list(shown.index), [still(str(name)) for name in shown[label]],
            [f"{share(r)} of {count(n)} claims, {share(a)} to {share(b)}" for r, n, a, b in
             zip(shown["rate"], shown["decided"], shown["lower"], shown["upper"], strict=True)])  # fmt: skip
    return fig


def heat_map(table: pd.DataFrame, *, title: str, unit: str) -> Heat:
    """A matrix with its numbers written in; rows and columns as in the table's index and columns."""
    return Heat(table, title, unit)


def waterfall(table: pd.DataFrame, *, total: float, title: str) -> Figure:
    """From everything denied down through the outcomes. Columns: outcome, amount."""
    if total <= 0:
        return _nothing(title)
    fig, ax = _figure(height=3.4)
    names = ["initially denied", *table["outcome"]]
    colors = [INK_2, GREEN, SOFT, ACCENT, ORANGE]
    bottoms, left = [0.0], total
    for amount in table["amount"]:
        left -= amount
        bottoms.append(left)
    heights = [total, *table["amount"]]
    bars_ = ax.bar(range(len(names)), heights, bottom=bottoms, color=colors[: len(names)], width=0.62)
    for bar, height, bottom in zip(bars_, heights, bottoms, strict=True):
        ax.text(
            bar.get_x() + bar.get_width() / 2, bottom + height, f"${height:,.0f}", ha="center", va="bottom", color=INK
        )
    ax.set_xticks(range(len(names)), [name.replace(" ", "\n") for name in names] if is_narrow() else names)
    ax.set_ylim(0, total * 1.12 or 1)
    unit(ax, "billed amount of denied lines")
    dollars(ax.yaxis)
    pointed(
        ax,
        list(range(len(names))),
        [b + h for b, h in zip(bottoms, heights, strict=True)],
        names,
        [usd(h) for h in heights],
    )
    return fig


def stacked_by_month(table: pd.DataFrame, *, title: str) -> Figure:
    """Dollars by month in stacks of root, the avoidable at the bottom. Columns: month, root, amount."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(height=3.4)
    wide = table.pivot_table(index="month", columns="root", values="amount", aggfunc="sum", fill_value=0).sort_index()
    base = pd.Series(0.0, wide.index)
    there = [name for name in ROOT_COLORS if name in wide]
    for root in there:
        ax.bar(range(len(wide)), wide[root], bottom=base, color=ROOT_COLORS[root], width=0.72, label=ROOT_NAMES[root])
        base = base + wide[root]
    unit(ax, "written off in the month")
    dollars(ax.yaxis)
    _thin_months(ax, wide.index.tolist())
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.1),
        ncols=2 if is_narrow() else 4,
        borderpad=0,
        handlelength=1,
        handleheight=0.8,
        columnspacing=1.4,
    )
    said = [", ".join(f"{usd(row[root])} {ROOT_NAMES[root]}" for root in there) for _, row in wide.iterrows()]
    pointed(ax, list(range(len(wide))), list(base), [month_short(month) for month in wide.index], said)
    return fig


def months_of(table: pd.DataFrame, *, title: str, unit_: str = "usual payment") -> Figure:
    """A bar per month, the last value written. Columns: month, amount."""
    if not len(table) or not table["amount"].sum():
        return _nothing(title)
    fig, ax = _figure(height=2.2)
    ax.bar(range(len(table)), table["amount"].astype(float), color=ORANGE, width=0.66)
    dollars(ax.yaxis)
    ax.set_ylim(0, float(table["amount"].max()) * 1.15)
    unit(ax, unit_)
    _thin_months(ax, table["month"].tolist())
    pointed(
        ax,
        list(range(len(table))),
        list(table["amount"]),
        [month_short(month) for month in table["month"]],
        [usd(value) for value in table["amount"]],
    )
    return fig


def hold_curve(table: pd.DataFrame, *, title: str) -> Figure:
    """Denied dollars that checks would have caught over held claims a day, a step for each check; from `prevention.simulate`."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure()
    ax.plot(table["holds_per_day"], table["avoided_usd"], drawstyle="steps-post", marker="o", ms=4, color=ACCENT)
    for row in table.iloc[:: 3 if is_narrow() else 1].itertuples():
        ax.annotate(
            f"{row.precision:.0%}", (row.holds_per_day, row.avoided_usd), textcoords="offset points", xytext=(4, -14)
        )
    ax.set_ylim(0, max(float(table["avoided_usd"].max()) * 1.1, 1))
    ax.set_xlim(0, float(table["holds_per_day"].max()) * 1.1 + 0.01)
    ax.set_xlabel(
        "claims held a day"
        if is_narrow()
        else "claims held a day; at each point, the share of held claims that were denied"
    )
    unit(ax, "billed amount of denials caught")
    dollars(ax.yaxis)
    _ticks(ax.xaxis, _Counts())
    pointed(ax, list(table["holds_per_day"]), list(table["avoided_usd"]), [f"{held:.1f} claims held a day" for held in table["holds_per_day"]],
            [f"{usd(caught)} caught, {share(right)} of held claims denied" for caught, right in zip(table["avoided_usd"], table["precision"], strict=True)])  # fmt: skip
    return fig


def hold_orders(table: pd.DataFrame, *, title: str) -> Figure:
    """Share of denied dollars that held claims would have caught over the share held, a line for each way to choose.

    Columns: order, share_held, share_of_usd; `table` from `holds.curve`, its first order stands out.
    """
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(height=4)
    styles = ((ACCENT, 2.25, "-"), (ORANGE, 1.4, "-"), (INK_2, 1.4, "--"), (SOFT, 1.4, ":"))
    for (name, part), (color, width, style) in zip(table.groupby("order", sort=False), styles, strict=False):
        ax.plot(part["share_held"], part["share_of_usd"], color=color, lw=width, ls=style, label=name)
    ax.set_xlim(0, None)
    ax.set_ylim(0, 1)
    ax.set_xlabel("share of claims held")
    unit(ax, "share of denied dollars caught")
    percent(ax.xaxis)
    percent(ax.yaxis)
    ax.legend(title="held claims chosen by", loc="upper left")
    return fig
