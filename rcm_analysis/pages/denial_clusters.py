"""Which denials have one cause, and who can fix it? What page 05 says of the clusters and what distinguishes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import clusters as charts
from rcm_analysis.charts import common
from rcm_analysis.clusters.grouping import UNCLUSTERED
from rcm_analysis.pages.blocks import Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

TOLD = 3  # clusters that have a sentence of their own


def ranked(found: pd.DataFrame) -> pd.DataFrame:
    """The clusters that have denials now, most preventable cash first; `found` as from `grouping.of_practice`."""
    now = found[~found["cluster_id"].eq(UNCLUSTERED) & found["denials"].gt(0)]
    return now.sort_values(["preventable_cash", "preventable_amount"], ascending=False)


def largest(view: View, clusters: pd.DataFrame, members: pd.DataFrame) -> list[Finding]:
    """A sentence for each of the first clusters; `clusters` as from `ranked`."""
    if not len(clusters):
        few = f"The {words.count(len(members))} denied lines are too few or too unlike each other to form a cluster."
        none = f"No line was denied in {view.months} months, so there is nothing to group."
        return [Finding(few if len(members) else none, rank=21)]
    return [_of_cluster(row, 20 + place) for place, row in enumerate(clusters.head(TOLD).to_dict("records"), start=1)]


def _of_cluster(row: dict, rank: int) -> Finding:
    return Finding(
        f"{row['label']}: {words.count(row['denials'])} denied lines, {words.cash(row['expected_cash'], row['denied_amount'])}, "
        f"{words.cash(row['preventable_cash'], row['preventable_amount'])} of it preventable; {words.share(row['recovered_share'])} of its claims were paid later. "
        f"Owner: {row['owner']}. {row['fix']}",
        rank=rank,
        amount_usd=words.worth(row["preventable_cash"], row["preventable_amount"]),
    )


def key_figures(found: pd.DataFrame, members: pd.DataFrame) -> Numbers:
    """How many clusters, how stable, and what is in none."""
    clusters = ranked(found)
    growing, new = (words.count((clusters["status"] == status).sum()) for status in ("growing", "new"))
    gone = words.count((found["status"] == "gone").sum())
    return Numbers(
        [
            ("Clusters", words.count(len(clusters)), f"of {words.count(len(members))} denied lines"),
            (
                "Stability",
                f"{clusters['stability'].mean():.2f}" if len(clusters) else "none",
                "mean overlap when 70% of the denials are clustered anew; 1 is the same",
            ),
            ("In no cluster", words.share((members["cluster_id"] == UNCLUSTERED).mean()), "of denied lines"),
            ("Growing", growing, "clusters, last three months against three before"),
            ("New this year", new, f"clusters; {gone} of last year's are gone"),
        ]
    )


def clusters(table: pd.DataFrame) -> Table:
    """Each cluster with its owner and its fix."""
    columns = named(
        "cluster_id label denials expected_cash denied_amount preventable_cash recovered_share status stable owner fix examples",
        label="What they share",
        denied_amount="Denied",
        status="Course",
    )
    shown = table.assign(stable=table["stability"].map("{:.2f}".format))
    return Table(shown, "clusters", "Clusters of denials, most preventable cash first", columns, rows=40)


def profiles(profile: pd.DataFrame) -> Table:
    """The strongest conditions of each; `profile` as from `labels.profile`."""
    columns = named(
        "cluster_id feature value denials share expected lift",
        value=Column("Value", "words"),
        share="Share of cluster",
    )
    shown = profile.assign(lift=profile["lift"].map("{:.1f}".format))
    return Table(shown, "cluster_profiles", "Strongest conditions of each cluster", columns, rows=40)


def near_each_other(places: pd.DataFrame) -> Figure:
    """A map of the clusters; `places` as from `labels.positions`."""
    return Figure(
        charts.cluster_map(places, title="Clusters with like circumstances lie near"),
        name="cluster_map",
        alt=f"Map of {len(places)} clusters, discs sized by denied dollars",
        caption="Discs by denied dollars; distance by difference of profiles, flattened to two directions.",
        data=places[["cluster_id", "label", "x", "y", "denied_amount"]],
    )


def by_payer(denials: pd.DataFrame, clusters: pd.DataFrame, members: pd.DataFrame) -> Figure:
    """Denied lines of each cluster by payer."""
    grid = denials.assign(cluster_id=members["cluster_id"].to_numpy()).pivot_table(
        index="cluster_id", columns="payer_name", values="claim_number", aggfunc="count", fill_value=0
    )
    shown = grid.reindex(clusters["cluster_id"]).fillna(0)
    return Figure(
        common.heat_map(shown, title="Denied lines by cluster and payer", unit="denied lines"),
        name="cluster_by_payer",
        alt=f"Denied lines for each of {len(clusters)} clusters and each payer",
        caption=f"Denied lines by cluster and payer; n = {words.count(len(members))}.",
        data=grid.reset_index(),
    )


def by_month(lines: pd.DataFrame) -> Figure:
    """Denied lines of the first clusters by month; `lines` as from `labels.months`."""
    return Figure(
        charts.months_of_clusters(lines, title="Denied lines by month, six clusters"),
        name="cluster_months",
        alt=f"Monthly denied lines of {len(lines.columns[:6])} clusters with most preventable dollars",
        caption="Denied lines by month of decision; the six clusters with most preventable dollars.",
        data=lines.reset_index(names="month"),
    )


def by_code(table: pd.DataFrame) -> Table:
    """What a plain list of codes would have shown; `table` as from `grouping.by_carc`."""
    columns = named("carc denials clusters largest_share", carc=Column("Code"))
    return Table(table, "clusters_by_code", "Reason codes and the clusters behind them", columns)
