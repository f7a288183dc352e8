"""Pictures of a score's accuracy and use: predicted and observed, dollars at capacity, decision curve. Charts only draw."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from rcm_analysis.charts.common import (
    ACCENT,
    BAND,
    INK_2,
    ORANGE,
    SOFT,
    _figure,
    _nothing,
    bars,
    percent,
    unit,
)
from rcm_analysis.charts.svg import pointed
from rcm_analysis.words import share


def calibration(table: pd.DataFrame, *, title: str, outcome: str = "written off") -> Figure:
    """Observed rate with its range over the predicted likelihood; on the diagonal, predictions come true.

    Columns: chance, observed, lower, upper, cases, as from `FittedModel.calibration` of any table; `outcome` says what happens.
    """
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(width=6.6, height=4.4)
    ax.plot([0, 1], [0, 1], color=SOFT, ls="--", lw=1.4, label="predictions that come true")
    ax.vlines(table["chance"], table["lower"], table["upper"], color=BAND, lw=7)
    ax.plot(table["chance"], table["observed"], "o-", color=ACCENT, lw=2.25, ms=5, label="observed, with 95% range")
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_xlabel("predicted likelihood")
    unit(ax, f"share {outcome}")
    percent(ax.xaxis)
    percent(ax.yaxis)
    ax.legend(loc="upper left")
    pointed(
        ax,
        list(table["chance"]),
        list(table["observed"]),
        [f"predicted {share(v)}" for v in table["chance"]],
        [f"observed {share(v)}" for v in table["observed"]],
    )
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
    fig, ax = _figure(height=3.4)
    ax.plot(table["threshold"], table["model"], color=ACCENT, lw=2.25, label="work those above the threshold")
    ax.plot(table["threshold"], table["work_all"], color=ORANGE, lw=1.4, ls="--", label="work all")
    ax.axhline(0, color=INK_2, lw=1, ls=":", label="work none")
    ax.set_ylim(-0.1, max(float(table["model"].max()) * 1.2, 0.05))
    ax.set_xlabel("likelihood of a write-off at which an hour pays")
    unit(ax, "net benefit per case")
    percent(ax.xaxis)
    ax.legend()
    return fig
