"""Pictures of groups of denials: their months."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from rcm_analysis.charts.common import (
    ACCENT,
    INK,
    _figure,
    _nothing,
    _thin_months,
    counts,
    is_narrow,
    short,
)
from rcm_analysis.charts.svg import pointed
from rcm_analysis.words import count, month_short

MOST_LINES = 6


def months_of_clusters(table: pd.DataFrame, *, title: str) -> Figure:
    """A small chart per group, the first few, on one scale. Columns are groups by name, the index months, values denials."""
    if not table.size:
        return _nothing(title)
    names = list(dict.fromkeys(table.columns))[:MOST_LINES]
    columns = 1 if is_narrow() else min(3, len(names))
    rows = -(-len(names) // columns)
    fig, axes = _figure(height=1.75 * rows, rows=rows, columns=columns, squeeze=False, sharey=True)
    for ax, name in zip(axes.flat, names, strict=False):
        part = table[name] if table[name].ndim == 1 else table[name].sum(axis=1)
        ax.plot(range(len(table)), part, color=ACCENT, lw=2)
        ax.set_title(short(name)[:38], color=INK)
        ax.set_ylim(0, None)
        counts(ax.yaxis)
        _thin_months(ax, table.index.tolist(), sorted({0, len(table) - 1}))
        pointed(
            ax,
            list(range(len(table))),
            list(part),
            [month_short(month) for month in table.index],
            [f"{count(value)} denied lines" for value in part],
        )
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    return fig
