"""Pictures of a model's honesty and use: calibration, dollars at capacity, decision curve. Charts only draw."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from rcm_analysis.charts.common import ACCENT, INK, ORANGE, SOFT, _figure, _nothing, bars


def calibration(table: pd.DataFrame, *, title: str) -> Figure:
    """Observed rate with interval against the chance told; on the diagonal, chances come true.

    Columns: chance, observed, lower, upper, cases.
    """
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(width=6.5, height=4.6)
    ax.plot([0, 1], [0, 1], color=SOFT, ls="--", lw=1.2, label="chances that come true")
    ax.vlines(table["chance"], table["lower"], table["upper"], color=ACCENT, lw=2, alpha=0.5)
    ax.plot(table["chance"], table["observed"], "o-", color=ACCENT, label="observed, with 95% interval")
    ax.set(title=title, xlabel="chance told", ylabel="share written off", xlim=(0, 1), ylim=(0, 1))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.legend(loc="upper left", frameon=False)
    return fig


def captured(table: pd.DataFrame, *, title: str) -> Figure:
    """Share of the lost dollars found by working the top of the list in several orders. Columns: order, share, words."""
    shown = table.assign(percent=table["share"] * 100)
    return bars(
        shown,
        label="order",
        value="percent",
        text="words",
        title=title,
        unit="percent of the dollars later written off",
    )


def decision_curve(table: pd.DataFrame, *, title: str) -> Figure:
    """Net benefit per case over the threshold at which working pays. Columns: threshold, model, work_all, work_none."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(width=8, height=3.6)
    ax.plot(table["threshold"], table["model"], color=ACCENT, lw=2.2, label="work those above the threshold")
    ax.plot(table["threshold"], table["work_all"], color=ORANGE, ls="--", label="work all")
    ax.axhline(0, color=INK, lw=1, ls=":", label="work none")
    ax.set(title=title, xlabel="chance of a write-off at which an hour pays", ylabel="net benefit per case",
           ylim=(-0.1, max(float(table["model"].max()) * 1.2, 0.05)))  # fmt: skip
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.legend(frameon=False)
    return fig
