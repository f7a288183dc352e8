"""One function per picture: table in, figure out. Charts only draw; what they show is a column of their table.

Colors are told apart by colour-blind readers and repeat in words or markers; axes carry units and begin at zero.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator, PercentFormatter

from rcm_analysis.words import still

INK, ACCENT, SOFT, ORANGE, GREEN = "#1b1f24", "#0b5394", "#9aa4ae", "#d55e00", "#009e73"
ROOT_COLORS = {"unnecessary": ORANGE, "payer": "#cc79a7", "unclassified": "#f0e442", "necessary": SOFT}
ROOT_HATCHES = {"unnecessary": "", "payer": "..", "unclassified": "xx", "necessary": "//"}
MOST_CHARACTERS = 42  # of a label
_DOLLARS = FuncFormatter(lambda value, _: f"${value / 1000:,.0f}k" if abs(value) >= 1000 else f"${value:,.0f}")


def _theme() -> None:
    """One look for all; a dollar sign in a payer's name is a dollar sign, not the begin of a formula."""
    import seaborn as sns

    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind", font_scale=0.9,
                  rc={"axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
                      "axes.titleweight": "bold", "font.family": "DejaVu Sans", "grid.color": "#e6e9ec",
                      "text.parse_math": False})  # fmt: skip


def _figure(width: float = 9.5, height: float = 3.6) -> tuple[Figure, Any]:
    import matplotlib.pyplot as plt

    _theme()
    return plt.subplots(figsize=(width, height))


def short(name: object) -> str:
    """A label that leaves room for the picture; the table behind it has the whole name.

    >>> short("TRI COUNTY COMPENSATION FUND OF THE NORTH AND SOUTH")
    'TRI COUNTY COMPENSATION FUND OF THE NORTH…'
    """
    text = still(str(name))
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _nothing(title: str) -> Figure:
    """A figure that says that there is nothing to show; a page without data is still a page."""
    fig, ax = _figure(height=1.2)
    ax.set_axis_off()
    ax.set_title(title)
    ax.text(0, 0.4, "Nothing in these months.", transform=ax.transAxes, color=INK)
    return fig


def _thin_months(ax: Axes, months: list[str]) -> None:
    step = max(1, len(months) // 12)
    places = list(range(len(months)))[::-1][::step][::-1]
    ax.set_xticks(places, [months[i] for i in places], rotation=45, ha="right")
    ax.grid(axis="x", visible=False)


def rate_by_month(table: pd.DataFrame, *, title: str) -> Figure:
    """Rate with its interval by month; months that are not complete are hollow.

    Columns: month, value, lower, upper, denominator, complete.
    """
    if table["value"].isna().all():
        return _nothing(title)
    fig, ax = _figure()
    x = range(len(table))
    ax.fill_between(x, table["lower"].to_numpy(float), table["upper"].to_numpy(float), color=ACCENT, alpha=0.15, lw=0)
    ax.plot(x, table["value"], color=ACCENT, lw=2)
    whole = table["complete"].to_numpy(bool)
    ax.scatter([i for i in x if whole[i]], table["value"][whole], color=ACCENT, s=26, zorder=3)
    ax.scatter(
        [i for i in x if not whole[i]], table["value"][~whole], facecolor="white", edgecolor=ACCENT, s=30, zorder=3
    )
    last = table.iloc[-1]
    ax.annotate(f"{last['value']:.1%}", (len(table) - 1, last["value"]), xytext=(7, 0), textcoords="offset points", va="center",
                color=ACCENT, weight="bold")  # fmt: skip
    ax.set(
        title=title,
        ylim=(0, max(float(table["upper"].max()) * 1.15, 0.02)),
        xlabel="",
        ylabel="share of claims decided",
    )
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _thin_months(ax, table["month"].tolist())
    return fig


def bars(table: pd.DataFrame, *, label: str, value: str, title: str, unit: str, text: str | None = None) -> Figure:
    """Horizontal bars, largest on top, each with its value in words at its end. `text` names a column of labels."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(height=max(1.8, 0.36 * len(table) + 1))
    shown = table.iloc[::-1]
    ax.barh(range(len(shown)), shown[value].astype(float), color=ACCENT, height=0.66)
    ax.set_yticks(range(len(shown)), shown[label].map(short))
    ends = shown[text] if text else shown[value].map("{:,.0f}".format)
    for i, (end, words) in enumerate(zip(shown[value].astype(float), ends, strict=True)):
        ax.text(end, i, f"  {words}", va="center", fontsize=9, color=INK)
    ax.set(title=title, xlabel=unit, ylabel="", xlim=(0, max(float(shown[value].max()) * 1.25, 1e-9)))
    ax.xaxis.set_major_formatter(_DOLLARS if unit.startswith("USD") else FuncFormatter(lambda v, _: f"{v:,.0f}"))
    ax.grid(axis="y", visible=False)
    return fig


def rates_with_intervals(table: pd.DataFrame, *, label: str, title: str) -> Figure:
    """A dot per segment with its interval, largest on top. Columns: label, rate, lower, upper, decided."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(height=max(1.8, 0.36 * len(table) + 1))
    shown = table.iloc[::-1].reset_index(drop=True)
    ax.hlines(shown.index, shown["lower"], shown["upper"], color=ACCENT, lw=2, alpha=0.5)
    ax.scatter(shown["rate"], shown.index, color=ACCENT, s=34, zorder=3)
    for i, row in shown.iterrows():
        ax.text(row["upper"], i, f"  {row['rate']:.1%} of {row['decided']:,.0f}", va="center", fontsize=9, color=INK)
    ax.set_yticks(shown.index, shown[label].map(short))
    ax.set(
        title=title, xlabel="share of claims decided", ylabel="", xlim=(0, max(float(shown["upper"].max()) * 1.3, 0.02))
    )
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="y", visible=False)
    return fig


def heat_map(table: pd.DataFrame, *, title: str, unit: str, number_format: str = ",.0f") -> Figure:
    """A matrix with its numbers written in; rows and columns as in the table's index and columns."""
    if not table.size:
        return _nothing(title)
    import seaborn as sns

    fig, ax = _figure(height=max(2.2, 0.42 * len(table) + 1.4))
    annotate = table.size <= 200
    sns.heatmap(table.astype(float).rename(index=short), ax=ax, cmap="cividis_r", annot=annotate, fmt=number_format, linewidths=0.5, linecolor="white",
                annot_kws={"fontsize": 8}, cbar_kws={"label": unit}, vmin=0)  # fmt: skip
    ax.set(title=title, xlabel="", ylabel="")
    step = max(1, len(table.columns) // 12)
    places = range(len(table.columns))[::-1][::step]
    ax.set_xticks([i + 0.5 for i in places], [short(table.columns[i]) for i in places], rotation=40, ha="right")
    return fig


def waterfall(table: pd.DataFrame, *, total: float, title: str) -> Figure:
    """From everything denied down through the outcomes. Columns: outcome, amount."""
    if total <= 0:
        return _nothing(title)
    fig, ax = _figure()
    names = ["denied at first", *table["outcome"]]
    colors = [INK, GREEN, SOFT, "#e69f00", ORANGE]
    bottoms, left = [0.0], total
    for amount in table["amount"]:
        left -= amount
        bottoms.append(left)
    heights = [total, *table["amount"]]
    bars_ = ax.bar(names, heights, bottom=bottoms, color=colors[: len(names)], width=0.62)
    for bar, height, bottom in zip(bars_, heights, bottoms, strict=True):
        ax.text(
            bar.get_x() + bar.get_width() / 2, bottom + height, f"${height:,.0f}", ha="center", va="bottom", fontsize=9
        )
    ax.set(title=title, ylabel="USD, charges of denied lines", ylim=(0, total * 1.12 or 1))
    ax.yaxis.set_major_formatter(_DOLLARS)
    ax.grid(axis="x", visible=False)
    return fig


def stacked_by_month(table: pd.DataFrame, *, title: str) -> Figure:
    """Dollars by month in stacks of root. Columns: month, root, amount."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure()
    wide = table.pivot_table(index="month", columns="root", values="amount", aggfunc="sum", fill_value=0).sort_index()
    base = pd.Series(0.0, wide.index)
    for root in [name for name in ROOT_COLORS if name in wide]:
        ax.bar(range(len(wide)), wide[root], bottom=base, color=ROOT_COLORS[root], hatch=ROOT_HATCHES[root], edgecolor="white",
               label=root, width=0.8)  # fmt: skip
        base = base + wide[root]
    ax.set(title=title, ylabel="USD written off", xlabel="")
    ax.yaxis.set_major_formatter(_DOLLARS)
    _thin_months(ax, wide.index.tolist())
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return fig


def hold_curve(table: pd.DataFrame, *, title: str) -> Figure:
    """Denied dollars that holds would have met over holds a day, a step for each rule; `table` from `prevention.simulate`."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure()
    ax.plot(table["holds_per_day"], table["avoided_usd"], drawstyle="steps-post", marker="o", color=ACCENT)
    for row in table.itertuples():
        ax.annotate(
            f"{row.precision:.0%}",
            (row.holds_per_day, row.avoided_usd),
            textcoords="offset points",
            xytext=(4, -12),
            fontsize=8,
        )
    ax.set(
        title=title,
        xlabel="claims held a day (at each point: share of the held that were denied)",
        ylabel="USD denied",
        ylim=(0, None),
    )
    ax.set_xlim(0, float(table["holds_per_day"].max()) * 1.1 + 0.01)
    ax.yaxis.set_major_formatter(_DOLLARS)
    return fig


def hold_orders(table: pd.DataFrame, *, title: str) -> Figure:
    """Share of denied dollars that holds would have met over the share of claims held, a line for each way to choose.

    Columns: order, share_held, share_of_usd; `table` from `holds.curve`, its first order stands out.
    """
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(width=8, height=4.2)
    styles = ((ACCENT, 2.4, "-"), (ORANGE, 1.8, "-"), (INK, 1.8, "--"), (SOFT, 1.8, ":"))
    for (name, part), (color, width, style) in zip(table.groupby("order", sort=False), styles, strict=False):
        ax.plot(part["share_held"], part["share_of_usd"], color=color, lw=width, ls=style, label=name)
    ax.set(
        title=title, xlabel="share of claims held", ylabel="share of denied dollars met", xlim=(0, None), ylim=(0, 1)
    )
    ax.xaxis.set_major_locator(MultipleLocator(0.05))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.legend(frameon=False, title="holds chosen by", loc="upper left")
    return fig
