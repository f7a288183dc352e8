"""The pictures of trends: table in, figure out, as in `charts`."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from rcm_analysis.charts.common import ACCENT, GREEN, INK, ORANGE, SOFT, _figure, _nothing, _thin_months, short
from rcm_analysis.words import still


def control_charts(table: pd.DataFrame, *, title: str) -> Figure:
    """A small chart per signal: the rate by month, its level before, the limits of chance, and the signal's months.

    Columns: name, month, value, center, lower, upper, signal (true inside the signal), outside.
    """
    names = list(dict.fromkeys(table["name"])) if len(table) else []
    if not names:
        return _nothing(title)
    import matplotlib.pyplot as plt

    rows = (len(names) + 1) // 2
    _figure(height=1)
    plt.close()
    fig, axes = plt.subplots(rows, min(len(names), 2), figsize=(9.5, 2.5 * rows + 0.5), squeeze=False)
    for ax, name in zip(axes.flat, names, strict=False):
        _control(ax, table[table["name"] == name].reset_index(drop=True), name)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    fig.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=11)
    fig.tight_layout()
    return fig


def _control(ax: Axes, part: pd.DataFrame, name: str) -> None:
    x = part.index
    ax.fill_between(x, part["lower"], part["upper"], color=SOFT, alpha=0.25, lw=0)
    ax.plot(x, part["center"], color=SOFT, lw=1.2)
    inside = part["signal"].to_numpy(bool)
    ax.plot(x, part["value"], color=ACCENT, lw=1.4)
    ax.scatter(x[~inside], part["value"][~inside], color=ACCENT, s=12, zorder=3)
    ax.scatter(x[inside], part["value"][inside], color=ORANGE, s=26, marker="D", zorder=4)
    ax.set_title(textwrap.shorten(still(name), 66, placeholder=" …"), fontsize=8.5, weight="normal", color=INK)
    ax.set(xlabel="", ylabel="", ylim=(0, None))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _thin_months(ax, part["month"].tolist())
    ax.tick_params(labelsize=7)
    step = max(1, len(part) // 6)
    places = list(range(len(part)))[::-1][::step][::-1]
    ax.set_xticks(places, [part["month"][i] for i in places], rotation=30, ha="right")


def change_map(table: pd.DataFrame, *, title: str, unit: str) -> Figure:
    """Rows × columns of change around 0, in points: orange is worse, blue is better, white is none."""
    if not table.size:
        return _nothing(title)
    import seaborn as sns

    fig, ax = _figure(height=max(2.4, 0.4 * len(table) + 1.6))
    most = float(table.abs().max().max()) or 1.0
    sns.heatmap(table.astype(float).rename(index=short), ax=ax, cmap=_around_zero(), center=0, vmin=-most, vmax=most, annot=table.size <= 200, fmt="+.1f",
                linewidths=0.5, linecolor="white", annot_kws={"fontsize": 8}, cbar_kws={"label": unit})  # fmt: skip
    ax.set(title=title, xlabel="", ylabel="")
    ax.set_xticklabels([short(c) for c in table.columns], rotation=40, ha="right")
    return fig


def _around_zero() -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("change", [ACCENT, "#ffffff", ORANGE])


def lag_triangle(table: pd.DataFrame, *, title: str) -> Figure:
    """Share decided by cohort (rows) and months waited (columns); what the future has to tell is empty."""
    if not table.size:
        return _nothing(title)
    import seaborn as sns

    fig, ax = _figure(height=max(2.4, 0.27 * len(table) + 1.3))
    sns.heatmap(table.astype(float), ax=ax, cmap="cividis_r", vmin=0, vmax=1, annot=True, fmt=".0%", linewidths=0.5, linecolor="white",
                annot_kws={"fontsize": 7}, cbar_kws={"label": "share decided", "format": PercentFormatter(1, decimals=0)})  # fmt: skip
    ax.set(title=title, xlabel="months from submission to first decision", ylabel="month of submission")
    ax.tick_params(labelsize=8)
    return fig


def completed(table: pd.DataFrame, *, title: str) -> Figure:
    """Rate by month of submission as it stands (hollow) and where it will end, with its interval.

    Columns: cohort, rate, final_rate, lower, upper.
    """
    if not len(table) or table["final_rate"].isna().all():
        return _nothing(title)
    fig, ax = _figure()
    x = range(len(table))
    ax.vlines(x, table["lower"], table["upper"], color=ACCENT, lw=5, alpha=0.25)
    ax.plot(x, table["final_rate"], color=ACCENT, lw=2, marker="o", ms=4, label="where it will end, with 95% interval")
    ax.scatter(x, table["rate"], facecolor="white", edgecolor=ORANGE, s=34, zorder=4, label="of what is decided by now")
    ax.set(
        title=title,
        ylim=(0, max(float(table[["rate", "upper"]].max().max()) * 1.15, 0.02)),
        xlabel="",
        ylabel="share of claims denied at first",
    )
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _thin_months(ax, table["cohort"].tolist())
    ax.legend(frameon=False, loc="lower left", fontsize=8)
    return fig


def contributions(table: pd.DataFrame, *, label: str, title: str) -> Figure:
    """Mix and rate of each segment in points of the total, side by side. Columns: label, mix, rate (shares 0–1)."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(height=max(2.2, 0.42 * len(table) + 1.2))
    shown = table.iloc[::-1].reset_index(drop=True)
    for shift, name, color, hatch in ((0.18, "rate", ORANGE, ""), (-0.18, "mix", SOFT, "//")):
        ax.barh(
            shown.index + shift, shown[name] * 100, height=0.34, color=color, hatch=hatch, edgecolor="white", label=name
        )
    ax.axvline(0, color=INK, lw=0.8)
    ax.set_yticks(shown.index, shown[label].map(short))
    ax.set(title=title, xlabel="points of the practice's denial rate", ylabel="")
    ax.legend(frameon=False, loc="lower right")
    ax.grid(axis="y", visible=False)
    return fig


def definitions(table: pd.DataFrame, *, title: str) -> Figure:
    """The denial rate under each definition, every step on top of the one before. Columns: label, rate, added."""
    if not len(table) or table["rate"].isna().all():
        return _nothing(title)
    fig, ax = _figure(height=2.6)
    base = (table["rate"] - table["added"]) * 100
    colors = [ACCENT] + [SOFT] * (len(table) - 1)
    ax.bar(table["label"], table["added"] * 100, bottom=base, color=colors, width=0.6)
    for i, row in table.reset_index(drop=True).iterrows():
        ax.text(i, row["rate"] * 100, f"{row['rate']:.1%}", ha="center", va="bottom", fontsize=9)
    ax.set(title=title, ylabel="% of decided claims", xlabel="", ylim=(0, max(float(table["rate"].max()) * 115, 1)))
    ax.grid(axis="x", visible=False)
    return fig


def forecast(history: pd.DataFrame, ahead: pd.DataFrame, *, title: str, unit: str) -> Figure:
    """A series and its next months with intervals. Columns: month, value; ahead also lower and upper."""
    if not len(history) or not len(ahead):
        return _nothing(title)
    fig, ax = _figure(height=2.8)
    x = range(len(history))
    ahead_x = [len(history) + i for i in range(len(ahead))]
    ax.plot(x, history["value"], color=ACCENT, lw=2)
    ax.vlines(ahead_x, ahead["lower"], ahead["upper"], color=GREEN, lw=6, alpha=0.3)
    ax.plot(ahead_x, ahead["value"], color=GREEN, lw=0, marker="s", ms=6)
    top = max(float(history["value"].max()), float(ahead["upper"].max()), 1.0)
    ax.set(title=title, ylabel=unit, xlabel="", ylim=(0, top * 1.1))
    if unit.startswith("USD"):
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"${v / 1000:,.0f}k"))
    _thin_months(ax, [*history["month"], *ahead["month"]])
    return fig
