"""The pictures of the portfolio: table in, figure out, as in `charts`."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rcm_analysis.charts.common import (
    ACCENT,
    GREEN,
    INK,
    ORANGE,
    PAPER,
    SOFT,
    _figure,
    _nothing,
    dollars,
    is_narrow,
    percent,
)
from rcm_analysis.charts.svg import pointed
from rcm_analysis.words import month_short, share, usd

VERDICT_COLORS = {"above": ORANGE, "below": GREEN}
MOST = 24  # practices drawn; more would not be told apart


def money_and_rates(table: pd.DataFrame, *, title: str) -> Figure:
    """A row per practice: dollars lost and open on the left, the denial rate as it is and at equal mix on the right.

    Columns: practice, lost, open, rejected, money, rate, adjusted, lower, upper, verdict.
    """
    shown = table.head(MOST).iloc[::-1].reset_index(drop=True)
    if not len(shown):
        return _nothing(title)
    rows, columns = (2, 1) if is_narrow() else (1, 2)
    fig, (left, right) = _figure(
        height=rows * max(2.0, 0.36 * len(shown) + 1.3), rows=rows, columns=columns, sharey=True
    )
    _money(left, shown)
    _rates(right, shown)
    left.set_yticks(shown.index, shown["practice"])
    left.set_ylim(-0.6, len(shown) - 0.4)
    return fig


def _money(ax: Axes, shown: pd.DataFrame) -> None:
    open_, lost = shown["open"] + shown["rejected"], shown["lost"].fillna(0.0)
    ax.barh(shown.index, lost, color=ORANGE, height=0.66, label="lost: avoidable write-offs")
    ax.barh(
        shown.index,
        open_,
        left=lost,
        color=ACCENT,
        height=0.66,
        label="open",
    )
    for i, money in enumerate(shown["money"]):
        ax.text(money, i, f"  ${money:,.0f}", va="center", color=INK)
    ax.set(xlabel="USD", xlim=(0, max(float(shown["money"].max()) * 1.3, 1)))
    dollars(ax.xaxis)
    pointed(ax, list(shown["money"]), list(shown.index), list(shown["practice"]),
            [f"{usd(a)} lost, {usd(b)} open" for a, b in zip(shown["lost"], open_, strict=True)])  # fmt: skip
    ax.grid(axis="y", visible=False)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, borderpad=0, handlelength=1.2)


def _rates(ax: Axes, shown: pd.DataFrame) -> None:
    colors = shown["verdict"].map(VERDICT_COLORS).fillna(INK)
    ax.hlines(shown.index, shown["lower"], shown["upper"], color=colors, lw=2, alpha=0.55)
    ax.scatter(shown["adjusted"], shown.index, color=colors, s=36, zorder=3, label="at equal mix, with 95% range")
    ax.scatter(shown["rate"], shown.index, facecolor=PAPER, edgecolor=SOFT, s=28, zorder=2, label="as it is")
    most = float(shown[["upper", "rate"]].max().max())
    for i, row in shown.iterrows():
        word = f"  {row['verdict']}" if row["verdict"] in VERDICT_COLORS else ""
        if pd.notna(row["adjusted"]):
            ax.text(row["upper"], i, f"  {row['adjusted']:.1%}{word}", va="center", color=colors[i])
    ax.set(xlabel="initial denial rate", xlim=(0, max(most * 1.35, 0.02) if most == most else 1))
    percent(ax.xaxis)
    ax.tick_params(labelleft=is_narrow())
    pointed(
        ax,
        list(shown["rate"]),
        list(shown.index),
        list(shown["practice"]),
        [
            f"{share(a)} as it is, {share(b)} at equal mix"
            for a, b in zip(shown["rate"], shown["adjusted"], strict=True)
        ],
    )
    ax.grid(axis="y", visible=False)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, borderpad=0, handletextpad=0.2)


def small_multiples(table: pd.DataFrame, *, title: str) -> Figure:
    """A small chart per practice in the table's order: its rate by month over the others' in grey, one scale for all.

    Columns: practice, month, rate, others_rate, decided.
    """
    names = list(dict.fromkeys(table["practice"]))[:MOST]
    if not names:
        return _nothing(title)
    columns = min(2 if is_narrow() else 4, len(names))
    rows = -(-len(names) // columns)
    fig, axes = _figure(height=1.5 * rows + 0.5, rows=rows, columns=columns, squeeze=False, sharex=True, sharey=True)
    months = sorted(table["month"].unique())
    for ax, name in zip(axes.flat, names, strict=False):
        _trend(ax, table[table["practice"] == name].set_index("month").reindex(months), name, months)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    # months of few claims leap; they must not flatten the others
    usual = table.loc[table["decided"] >= table["decided"].median() / 2, "rate"].max()
    axes[0][0].set_ylim(0, max(float(usual) * 1.1, 0.02))
    return fig


def _trend(ax: Axes, part: pd.DataFrame, name: str, months: list[str]) -> None:
    x = range(len(part))
    ax.plot(x, part["others_rate"], color=SOFT, lw=1)
    ax.plot(x, part["rate"], color=ACCENT, lw=1.7)
    last = part["rate"].last_valid_index()
    if last is not None:
        at = months.index(last)
        ax.scatter([at], [part["rate"][last]], color=ACCENT, s=12, zorder=3)
        ax.text(
            0.98,
            0.9,
            f"{part['rate'][last]:.0%}",
            transform=ax.transAxes,
            ha="right",
            va="center",
            color=ACCENT,
            weight="bold",
        )
    ax.set_title(name, color=INK, pad=3)
    percent(ax.yaxis)
    pointed(
        ax,
        list(x),
        list(part["rate"]),
        [month_short(month) for month in months],
        [share(value) for value in part["rate"]],
    )
    ax.set_xticks([0, len(months) - 1], [month_short(months[0]), month_short(months[-1])])
    for tick, side in zip(ax.get_xticklabels(), ("left", "right"), strict=False):
        tick.set_ha(side if len(months) > 1 else "center")  # type: ignore[attr-defined]
    ax.grid(axis="x", visible=False)
