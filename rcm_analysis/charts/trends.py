"""The pictures of trends: table in, figure out, as in `charts`."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rcm_analysis.charts.common import (
    ACCENT,
    BAND,
    INK,
    INK_2,
    NOTE,
    ORANGE,
    PAPER,
    SOFT,
    _figure,
    _nothing,
    _thin_months,
    counts,
    dollars,
    end_label,
    event,
    every,
    is_narrow,
    percent,
    short,
    unit,
)
from rcm_analysis.charts.heat import Heat
from rcm_analysis.charts.svg import pointed
from rcm_analysis.words import count, month_name, month_short, share, still, titled, usd


def change(table: pd.DataFrame, *, title: str, since: str, says: str, averaged: bool = False) -> Figure:
    """One change over time: its rate in blue, what it was compared with in gray, the month in which it began marked.

    Columns: month, value, center. `since` is a month of the table, `says` a few words.
    """
    if not len(table) or table["value"].isna().all():
        return _nothing(title)
    fig, ax = _figure(width=8.9, height=2.7)
    x = range(len(table))
    ax.plot(x, table["center"], color=SOFT, lw=1.4)
    ax.plot(x, table["value"], color=ACCENT, lw=2.25)
    top = float(table[["value", "center"]].max().max())
    ax.set_ylim(0, max(top * 1.25, 0.02))
    percent(ax.yaxis)
    months = table["month"].tolist()
    _thin_months(ax, months)
    unit(ax, "share of submitted claims, 3-month average" if averaged else "share of submitted claims")
    last = int(table["value"].last_valid_index() or 0)
    end_label(ax, last, table["value"].iloc[: last + 1], share(table["value"].iloc[last]))
    ax.scatter([last], [table["value"].iloc[last]], color=ACCENT, s=26, zorder=4)
    # at its end, which the rate has left
    ax.annotate(
        "the level before",
        (x[-1], table["center"].iloc[0]),
        xytext=(0, 4),
        textcoords="offset points",
        color=NOTE,
        ha="right",
    )
    if since in months:
        event(ax, months.index(since), month_name(since), says)
    pointed(
        ax, list(x), list(table["value"]), [month_short(month) for month in months], [share(v) for v in table["value"]]
    )
    return fig


def control_charts(table: pd.DataFrame, *, title: str) -> Figure:
    """A small chart per change: the rate by month, its level before, the limits of chance, and the change's months.

    Columns: name, month, value, center, lower, upper, signal (true inside the change), outside.
    """
    names = list(dict.fromkeys(table["name"])) if len(table) else []
    if not names:
        return _nothing(title)
    columns = 1 if is_narrow() else min(len(names), 2)
    rows = -(-len(names) // columns)
    fig, axes = _figure(height=2.5 * rows, rows=rows, columns=columns, squeeze=False)
    for ax, name in zip(axes.flat, names, strict=False):
        _control(ax, table[table["name"] == name].reset_index(drop=True), name)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    return fig


def _control(ax: Axes, part: pd.DataFrame, name: str) -> None:
    x = part.index
    ax.fill_between(x, part["lower"], part["upper"], color="#e5e8ec", lw=0)
    ax.plot(x, part["center"], color=SOFT, lw=1.4)
    inside = part["signal"].to_numpy(bool)
    ax.plot(x, part["value"], color=ACCENT, lw=2)
    ax.scatter(x[inside], part["value"][inside], color=ORANGE, s=22, marker="D", zorder=4)
    ax.set_title("\n".join(textwrap.wrap(titled(still(name)), 52, max_lines=2, placeholder=" …")), color=INK)
    ax.set_ylim(0, None)
    percent(ax.yaxis)
    months = part["month"].tolist()
    _thin_months(ax, months, every(6, months))
    pointed(
        ax,
        list(x),
        list(part["value"]),
        [month_short(month) for month in part["month"]],
        [share(v) for v in part["value"]],
    )


def change_map(table: pd.DataFrame, *, title: str, unit: str) -> Heat:
    """Rows × columns of change around 0, in points: orange is worse, teal is better, white is none."""
    return Heat(table / 100, title, unit, form="points", around_zero=True)


def lag_triangle(table: pd.DataFrame, *, title: str) -> Heat:
    """Share adjudicated by month submitted (rows) and months waited (columns); what the future has to tell is empty."""
    named = table.rename(index=lambda month: month_short(str(month)), columns=lambda months: f"{months} mo")
    return Heat(named, title, "share of submitted claims, by months waited", form="percent", rows_called="Submitted")


def completed(table: pd.DataFrame, *, title: str) -> Figure:
    """Rate by month of submission as it stands (hollow) and where it will end, with its range.

    Columns: cohort, rate, final_rate, lower, upper.
    """
    if not len(table) or table["final_rate"].isna().all():
        return _nothing(title)
    fig, ax = _figure(height=3.4)
    x = range(len(table))
    ax.vlines(x, table["lower"], table["upper"], color=BAND, lw=9)
    ax.plot(
        x,
        table["final_rate"],
        color=ACCENT,
        lw=2.25,
        marker="o",
        ms=4,
        label="where it will likely finish, with 95% range",
    )
    ax.scatter(x, table["rate"], facecolor=PAPER, edgecolor=ORANGE, s=34, lw=1.6, zorder=4, label="so far")
    ax.set_ylim(0, max(float(table[["rate", "upper"]].max().max()) * 1.15, 0.02))
    unit(ax, "initial denial rate")
    percent(ax.yaxis)
    _thin_months(ax, table["cohort"].tolist())
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.1), ncols=1 if is_narrow() else 2, borderpad=0)
    said = [
        f"{share(now)} so far, will likely finish near {share(end)}"
        for now, end in zip(table["rate"], table["final_rate"], strict=True)
    ]
    pointed(ax, list(x), list(table["final_rate"]), [month_short(month) for month in table["cohort"]], said)
    return fig


def contributions(table: pd.DataFrame, *, label: str, title: str) -> Figure:
    """What volume and denial rates of each segment did to the total, in points. Columns: label, mix, rate (shares 0–1)."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(height=0.48 * len(table) + 1)
    shown = table.iloc[::-1].reset_index(drop=True)
    for shift, name, color, called in ((0.18, "rate", ORANGE, "rate change"), (-0.18, "mix", SOFT, "volume shift")):
        ax.barh(shown.index + shift, shown[name] * 100, height=0.32, color=color, label=called)
        pointed(ax, list(shown[name] * 100), list(shown.index + shift), [still(str(n)) for n in shown[label]],
                [f"{value * 100:+.1f} points, {called}" for value in shown[name]])  # fmt: skip
    ax.axvline(0, color=INK_2, lw=1)
    ax.set_yticks(shown.index, shown[label].map(short))
    ax.tick_params(axis="y", labelcolor=INK)
    ax.set_xlabel("points of the practice's denial rate")
    counts(ax.xaxis)
    ax.xaxis.get_major_locator().set_params(integer=False)  # type: ignore[attr-defined]
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderpad=0)
    ax.grid(axis="y", visible=False)
    return fig


def definitions(table: pd.DataFrame, *, title: str) -> Figure:
    """The denial rate under each definition, every step on top of the one before. Columns: label, rate, added."""
    if not len(table) or table["rate"].isna().all():
        return _nothing(title)
    fig, ax = _figure(height=0.42 * len(table) + 0.8)
    shown = table.iloc[::-1].reset_index(drop=True)
    colors = [SOFT] * (len(shown) - 1) + [ACCENT]
    ax.barh(shown.index, shown["rate"], color=colors, height=0.5)
    for i, row in shown.iterrows():
        ax.text(row["rate"], i, f"  {row['rate']:.1%}", va="center", color=INK)
    ax.set_yticks(shown.index, shown["label"].map(short))
    ax.tick_params(axis="y", labelcolor=INK)
    ax.set_xlim(0, max(float(shown["rate"].max()) * 1.2, 0.01))
    ax.set_xlabel("share of adjudicated claims")
    percent(ax.xaxis)
    ax.grid(axis="y", visible=False)
    pointed(ax, list(shown["rate"]), list(shown.index), list(shown["label"]), [share(value) for value in shown["rate"]])
    return fig


def forecast(history: pd.DataFrame, ahead: pd.DataFrame, *, title: str, unit: str) -> Figure:
    """A series and its next months with their range. Columns: month, value; ahead also lower and upper."""
    if not len(history) or not len(ahead):
        return _nothing(title)
    fig, ax = _figure(height=3)
    x = list(range(len(history)))
    ahead_x = [len(history) + i for i in range(len(ahead))]
    ax.plot(x, history["value"], color=ACCENT, lw=2.25)
    ax.vlines(ahead_x, ahead["lower"], ahead["upper"], color=BAND, lw=9)
    ax.plot([x[-1], *ahead_x], [history["value"].iloc[-1], *ahead["value"]], color=ACCENT, lw=1.4, ls=(0, (3, 3)))
    ax.scatter(ahead_x, ahead["value"], facecolor=PAPER, edgecolor=ACCENT, s=30, lw=1.6, zorder=4)
    top = max(float(history["value"].max()), float(ahead["upper"].max()), 1.0)
    ax.set_ylim(0, top * 1.1)
    _unit(ax, unit)
    money = unit.startswith(("USD", "dollars"))
    dollars(ax.yaxis) if money else counts(ax.yaxis)
    _thin_months(ax, [*history["month"], *ahead["month"]])
    form = usd if money else count
    pointed(
        ax,
        x,
        list(history["value"]),
        [month_short(month) for month in history["month"]],
        [form(value) for value in history["value"]],
    )
    pointed(ax, ahead_x, list(ahead["value"]), [month_short(month) for month in ahead["month"]], _expected(ahead, form))
    return fig


def _unit(ax: Axes, text: str) -> None:
    unit(ax, text)


def _expected(ahead: pd.DataFrame, form: Callable[[object], str]) -> Sequence[str]:
    return [
        f"{form(v)} expected, {form(a)} to {form(b)}"
        for v, a, b in zip(ahead["value"], ahead["lower"], ahead["upper"], strict=True)
    ]
