"""What there is to do besides open denials, what is worked together, and what work has brought: the queue on the worklist's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis import words
from rcm_analysis.pages.blocks import Block, LeftOut, Table
from rcm_analysis.pages.columns import Column, named

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

EXAMPLES = 3
MOST_WORDS = 6  # of a heading
MOST_PROJECTS = 12  # with facts on the page; all are in the table
DENIAL = "denial"  # the need of which earlier denials tell something


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
    facts = ["#" + name if at < MOST_PROJECTS else "" for at, name in enumerate(table["project_id"].astype(str))]
    return Table(
        table.assign(where=place, facts=facts), "work_projects", "Projects: one payer and issue, or one cause", columns,
        empty="No issue has enough open claims for a project of its own.", links="facts",
    )  # fmt: skip


@dataclass(frozen=True)
class Facts(Block):
    """A page of facts for each project: what, how much, since when, where, what it is worth a year, who does what by when.

    `table` as `work_projects`, `queue` as `work_items`.
    """

    table: pd.DataFrame
    queue: pd.DataFrame
    as_of: date
    workbook: bool = True

    def released(self) -> Block:
        return LeftOut()  # it names claims and days

    def bundle(self) -> dict[str, Any]:
        shown = self.table.head(MOST_PROJECTS).to_dict("records")
        text = "".join(self._sheet(one) for one in shown)
        return {"text/html": text, "text/plain": f"{len(shown)} projects"}

    def _sheet(self, one: dict[str, Any]) -> str:
        name, title = words.escape(str(one["project_id"])), words.escape(words.titled(str(one["title"])))
        head, rest = (words.escape(part) for part in _headed(words.titled(str(one["title"]))))
        facts = "".join(
            f"<dt>{term}</dt><dd{' class=' + chr(34) + 'big' + chr(34) if at == 0 else ''}>{words.escape(value)}{f'<small>{words.escape(small)}</small>' if small else ''}</dd>"
            for at, (term, value, small) in enumerate(self._card(one))
            if value
        )
        said = "".join(f"<p>{words.escape(sentence)}</p>" for sentence in self._sentences(one))
        below = f'<p class="sub">{rest}</p>' if rest else ""
        return (f'<section class="project" id="{name}" aria-labelledby="{name}-h"><h3 id="{name}-h">{head}</h3>{below}'
                f'<div class="cols side"><div class="finding">{said}{self._claims(one, title)}<p class="more">{self._links(one)}</p></div>'
                f'<aside class="card" aria-label="{title} in brief"><dl>{facts}</dl></aside></div></section>')  # fmt: skip

    def _day(self, value: Any) -> str:
        return words.day(value, year=self.as_of.year)

    def _sentences(self, one: dict[str, Any]) -> list[str]:
        """What and how much, since when, where, and what became of such claims before."""
        count, yearly, closed = int(one["claims"]), int(one["year_claims"]), int(one["settled"])
        what = f"{words.count(count)} {'claim waits' if count == 1 else 'claims wait'} for work, {words.usd(one['amount'])} billed"
        said = [f"{what}, the first since {self._day(one['since'])}." if words.is_known(one["since"]) else f"{what}."]
        if words.is_known(one["top_location"]) and words.is_known(one["top_location_share"]):
            said.append(f"{one['top_location_share']:.0%} of them are from {words.titled(str(one['top_location']))}.")
        if one["need"] == DENIAL and yearly:
            said.append(
                f"In 12 months, {words.count(yearly)} {'claim was' if yearly == 1 else 'claims were'} initially denied for this reason."
            )
        if one["need"] == DENIAL and closed and words.is_known(one["paid_share"]):
            said.append(
                f"Payers later paid {words.share(one['paid_share'])} of {words.count(closed)} such claims that are closed."
            )
        return said

    def _card(self, one: dict[str, Any]) -> list[tuple[str, str, str]]:
        worth = f"usual payment {words.about(one['usual_payment'])}" if words.is_known(one["usual_payment"]) else ""
        yearly = (
            words.about(one["year_usual_payment"]) if one["need"] == DENIAL and one["year_usual_payment"] >= 1 else ""
        )
        last = f"last deadline {self._day(one['last_deadline'])}" if words.is_known(one["last_deadline"]) else ""
        return [
            ("Expected cash", words.about(one["expected_cash"]), worth),
            ("Value a year", yearly, "usual payment of claims denied for this reason in 12 months"),
            ("First step", str(one["action"]), ""),
            ("Owner", str(one["owner"]), ""),
            ("First due", self._day(one["first_due"]), last),
        ]

    def _claims(self, one: dict[str, Any], title: str) -> str:
        """Three claims to look at."""
        part = self.queue[self.queue["project"] == one["project_id"]].drop_duplicates("claim_number")
        part = part.sort_values(["expected_cash", "claim_number"], ascending=[False, True]).head(EXAMPLES)
        rows = "".join(
            f'<tr><th scope="row" class="nw">{words.escape(str(row["claim_number"]))}</th><td>{words.escape(words.titled(str(row["payer_name"] or "")))}</td>'
            f'<td>{words.escape(str(row["reason"] or ""))}</td><td class="n">{words.usd(row["expected_cash"])}</td><td class="nw">{self._day(row["due"])}</td></tr>'
            for row in part.to_dict("records")
        )
        heads = '<th scope="col">Claim</th><th scope="col">Payer</th><th scope="col">Reason</th><th scope="col" class="n">Expected cash</th><th scope="col">Due</th>'
        caption = "Claims to look at first"
        return (f'<div class="table scroll" role="region" aria-label="{caption}: {title}" tabindex="0"><table class="fixed"><caption>{caption}</caption>'
                f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>")  # fmt: skip

    def _links(self, one: dict[str, Any]) -> str:
        links = [
            '<a href="index.html#todo">What to do this week</a>',
            '<a href="#Projects">All projects</a>',
            '<a href="tables/work_projects.csv">CSV</a>',
        ]
        tabs = self.queue.loc[self.queue["project"] == one["project_id"], "tab"].value_counts()
        if self.workbook and len(tabs):
            links.append(f'<a href="worklist.xlsx">Workbook, tab “{words.escape(str(tabs.index[0]))}”</a>')
        return "".join(links)


def _headed(title: str) -> tuple[str, str]:
    """A project's title as a heading of six words at most, and what is left of it.

    >>> _headed("Member number or name wrong, Mill Street Clinic"), _headed("Atlas: records requested")
    (('Member number or name wrong', 'Mill Street Clinic'), ('Atlas: records requested', ''))
    """
    if len(title.split()) <= MOST_WORDS:
        return title, ""
    for mark in (", ", ": ", " since "):
        head, found, rest = title.partition(mark)
        if found and len(head.split()) <= MOST_WORDS:
            return head, rest if mark != " since " else f"Since {rest}"
    return "One payer, one issue", title


def facts(view: View, table: pd.DataFrame, queue: pd.DataFrame) -> Facts:
    """The projects' facts as of the view's day."""
    return Facts(table, queue, view.as_of)


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
