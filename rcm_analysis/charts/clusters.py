"""Pictures of clusters: where they lie to each other, and their months."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from rcm_analysis.charts.common import ACCENT, INK, ORANGE, SOFT, _figure, _nothing, _thin_months

MOST_LINES = 6


def cluster_map(table: pd.DataFrame, *, title: str) -> Figure:
    """A disc per cluster, its area by dollars; clusters with like profiles lie near. Columns: cluster_id, x, y, denied_amount."""
    if not len(table):
        return _nothing(title)
    fig, ax = _figure(height=5.2)
    size = 60 + 1400 * table["denied_amount"].astype(float) / max(float(table["denied_amount"].max()), 1)
    ax.scatter(table["x"], table["y"], s=size, color=ACCENT, alpha=0.35, edgecolor=ACCENT)
    for name, x, y in table[["cluster_id", "x", "y"]].itertuples(index=False):
        ax.text(x, y, name, ha="center", va="center", fontsize=8, color=INK)
    ax.set(title=title, xlabel="", ylabel="", xticks=[], yticks=[])
    ax.margins(0.12)
    return fig


def months_of_clusters(table: pd.DataFrame, *, title: str) -> Figure:
    """A line per cluster, the first few. Columns are clusters, the index months as YYYY-MM, values denials."""
    if not table.size:
        return _nothing(title)
    fig, ax = _figure(height=4)
    styles = zip((ACCENT, ORANGE, "#009e73", "#cc79a7", INK, SOFT), ("-", "--", "-.", ":", "-", "--"), strict=True)
    for name, (color, dash) in zip(table.columns[:MOST_LINES], styles, strict=False):
        ax.plot(range(len(table)), table[name], dash, color=color, lw=2, label=name)
    ax.set(title=title, ylabel="denied lines", xlabel="", ylim=(0, None))
    _thin_months(ax, table.index.tolist())
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return fig
