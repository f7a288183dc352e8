"""What there is to do besides open denials, what is worked together, and what work has brought: the queue on the worklist's page."""

from __future__ import annotations

import pandas as pd

from rcm_analysis.pages.blocks import Table
from rcm_analysis.pages.columns import Column, named


def needs(counts: pd.DataFrame) -> Table:
    """Items by need, as the workbook's About tab counts them; `counts` as from `work.items.counts`."""
    columns = named(
        "called items beside expected_cash",
        called=Column("What there is to do"),
        items=Column("Items", "count", "one per claim and need"),
        beside=Column("Named beside another", "count", "of a claim that stands with a more urgent need"),
        expected_cash=Column("Expected cash", "cash", "usual payment times how often such work is paid"),
    )
    return Table(counts[counts["items"] > 0], "work_needs", "Work by need", columns, empty="Nothing waits for work.")


def projects(table: pd.DataFrame) -> Table:
    """Items that are worked together, with the facts that a plan needs; `table` as `work_projects`."""
    columns = named(
        "title action owner first_due claims expected_cash since where paid_share settled examples",
        title=Column("Project", "said"),
        action=Column("First step"),
        owner=Column("Owner"),
        first_due=Column("First due", "date"),
        claims=Column("Claims", "count"),
        expected_cash=Column("Expected cash", "cash"),
        since=Column("Since", "date", "day on which the first of them came up"),
        where=Column("Where it sits", "name"),
        paid_share=Column("Paid before", "share", "of earlier denials of this kind"),
        settled=Column("Closed before", "count", "earlier denials of this kind whose end is known"),
        examples=Column("Claims to look at"),
    )
    place = [
        "" if not isinstance(name, str) or pd.isna(share) else f"{name}, {share:.0%}"
        for name, share in zip(table["top_location"], table["top_location_share"], strict=True)
    ]
    return Table(
        table.assign(where=place), "work_projects", "Projects: one payer and issue, or one cause", columns,
        empty="No issue has enough open claims for a project of its own.",
    )  # fmt: skip


def results(table: pd.DataFrame) -> Table:
    """What worked denials became, by route and appeals; `table` as from `work.status.results`."""
    columns = named(
        "route level claims touches days_to_touch won lost open won_share paid",
        route=Column("Route", "words"),
        level=Column("Appeals", "count", "sent for the claim"),
        claims=Column("Claims worked", "count"),
        touches=Column("Follow-ups a claim", "days"),
        days_to_touch=Column("Days to the first", "days", "middle value, from the denial"),
        won=Column("Paid", "count"),
        lost=Column("Written off", "count"),
        open=Column("Open", "count"),
        won_share=Column("Share paid", "share", "of those paid or written off"),
        paid=Column("Payments", "usd"),
    )
    return Table(
        table, "work_results", "What work brought, by route", columns,
        empty="No workbook has come back and no work log was given.",
    )  # fmt: skip
