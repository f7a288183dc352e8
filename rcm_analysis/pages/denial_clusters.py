"""Which denials have one cause, and who can fix it? What page 05 says of groups of denials and what they share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import clusters as charts
from rcm_analysis.charts import common
from rcm_analysis.pages.blocks import Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

NAMES = ("payer_name", "location")  # features whose values are names
TOLD = 3  # clusters that have a sentence of their own


def ranked(found: pd.DataFrame) -> pd.DataFrame:
    """The clusters that have denials now, most preventable cash first; `found` as from `grouping.of_practice`."""
    now = found[~found["cluster_id"].eq(words.UNCLUSTERED) & found["denials"].gt(0)]
    return now.sort_values(["preventable_cash", "preventable_amount"], ascending=False)


def largest(view: View, clusters: pd.DataFrame, members: pd.DataFrame) -> list[Finding]:
    """A sentence for each of the first clusters; `clusters` as from `ranked`."""
    if not len(clusters):
        few = f"The {words.count(len(members))} denied lines are too few or too unlike each other to form a group."
        none = f"No line was denied in {view.months} months, so there is nothing to group."
        return [Finding(few if len(members) else none, rank=21)]
    return [_of_cluster(row, 20 + place) for place, row in enumerate(clusters.head(TOLD).to_dict("records"), start=1)]


def _of_cluster(row: dict, rank: int) -> Finding:
    return Finding(
        f"{words.titled(row['label'])}: {words.count(row['denials'])} denied lines, {words.cash(row['expected_cash'], row['denied_amount'])}. "
        f"Payers paid {words.share(row['recovered_share'])} of these claims later. "
        f"Owner: {row['owner']}. {row['fix']}",
        rank=rank,
        amount_usd=words.worth(row["preventable_cash"], row["preventable_amount"]),
    )


def key_figures(found: pd.DataFrame, members: pd.DataFrame) -> Numbers:
    """How many groups, how firm, and what is in none."""
    clusters = ranked(found)
    growing, new = (words.count((clusters["status"] == status).sum()) for status in ("growing", "new"))
    gone = words.count((found["status"] == "gone").sum())
    return Numbers(
        [
            ("Groups of denials", words.count(len(clusters)), f"of {words.count(len(members))} denied lines"),
            (
                "How firm the groups are",
                f"{clusters['stability'].mean():.2f}" if len(clusters) else "none",
                "overlap when 70% of denials are grouped anew, 1 is the same",
            ),
            (
                "Denied lines in no group",
                words.share((members["cluster_id"] == words.UNCLUSTERED).mean()),
                "of denied lines",
            ),
            ("Groups on the rise", growing, "as a share of what was adjudicated, beyond chance"),
            ("New groups this year", new, f"hardly seen before; {gone} {'is' if gone == '1' else 'are'} gone"),
        ]
    )


def clusters(table: pd.DataFrame) -> Table:
    """Each cluster with its owner and its fix."""
    columns = named(
        "label denials expected_cash denied_amount preventable_cash recovered_share status stable owner fix examples",
        label=Column("Group", "name"),
        denied_amount="Billed, denied",
        status=Column("Trend", "words"),
    )
    shown = table.assign(stable=table["stability"].map("{:.2f}".format))
    return Table(shown, "clusters", "Groups of denials", columns, rows=40)


def profiles(profile: pd.DataFrame) -> Table:
    """The strongest conditions of each; `profile` as from `labels.profile`."""
    columns = named(
        "cluster_id feature value denials share expected lift",
        value=Column("Value", "words"),
        share="Share of group",
    )
    names = profile["feature"].isin(NAMES)
    shown = profile.assign(
        lift=profile["lift"].map("{:.1f}".format),
        value=profile["value"].where(~names, profile["value"].map(words.titled)),
    )
    return Table(shown, "cluster_profiles", "What they share", columns, rows=40)


def by_payer(denials: pd.DataFrame, clusters: pd.DataFrame, members: pd.DataFrame) -> Figure:
    """Denied lines of each cluster by payer."""
    grid = denials.assign(cluster_id=members["cluster_id"].to_numpy()).pivot_table(
        index="cluster_id", columns="payer_name", values="claim_number", aggfunc="count", fill_value=0
    )
    names = dict(zip(clusters["cluster_id"], clusters["label"], strict=True))
    shown = (
        grid.reindex(clusters["cluster_id"])
        .fillna(0)
        .rename_axis(index=None, columns=None)
        .rename(index=lambda one: words.titled(str(names[one])), columns=words.titled)
    )
    return Figure(
        common.heat_map(shown, title="Groups by payer", unit="denied lines"),
        name="cluster_by_payer",
        alt=f"Denied lines for each of {len(clusters)} groups and each payer",
        caption=f"{words.count(len(members))} denied lines.",
        data=grid.reset_index(),
    )


def by_month(lines: pd.DataFrame, clusters: pd.DataFrame) -> Figure:
    """Denied lines of the first groups by month; `lines` as from `labels.months`, named as in `clusters`."""
    names = {row.cluster_id: words.titled(str(row.label)) for row in clusters.itertuples()}
    return Figure(
        partial(charts.months_of_clusters, lines.rename(columns=names), title="Six groups by month"),
        name="cluster_months",
        alt=f"Monthly denied lines of {len(lines.columns[:6])} groups with most preventable cash",
        caption="Denied lines by month of remit. Groups with most preventable cash.",
        data=lines.reset_index(names="month"),
    )


def by_code(table: pd.DataFrame) -> Table:
    """What a plain list of codes would have shown; `table` as from `grouping.by_carc`."""
    columns = named("carc denials clusters largest_share", carc=Column("Code"))
    return Table(table, "clusters_by_code", "Reason codes and their groups", columns)
