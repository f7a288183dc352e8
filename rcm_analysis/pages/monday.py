"""Monday: how are we doing, what changed, what to do this week. What the index of a report says.

Its notebook shows these blocks in their order; `reports` puts them on `index.html` under the answer that `answer` gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import money, svg
from rcm_analysis.measures import by_month, headlines
from rcm_analysis.pages import nouns, release, targets, trust
from rcm_analysis.pages.blocks import TABLE_MIME, Block, Figure, csv_link
from rcm_analysis.words import csv_text, escape

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

MONDAY_MIME = "application/vnd.rcm.monday+json"
WORKLIST = "06_write_off_risk.html"
MOST_CLAIMS = 14  # of a step that its drawer shows
NOTHING_OPEN = "Nothing is open: no denial, no rejected claim and no deadline waits for work."
NOTHING_KNOWN = "No remits (835) are loaded, so no denial is known yet."
SOON_DAYS = 7  # from which on a due date is marked
MOST_WRITE_OFFS = 6  # reasons named of each kind
STEADY = 0.005  # of a rate: no more from one month to the next is steady
FEW_A_MONTH = 100  # claims, below which a month alone says little
SHOWN = ("this_week", "monday_rate", "monday_change")  # tables behind what the page shows; others are files alone
COLLECT, PREVENT = "Collect", "Prevent"
GROUPS = {COLLECT: "Collect: money still in reach", PREVENT: "Prevent: money lost again each month"}


@dataclass(frozen=True)
class Answer(Block):
    """The page's heading and its sentence, and what the manifest keeps for the next report to compare with."""

    title: str
    lead: str
    cautions: tuple[str, ...] = ()
    told: dict[str, str] = field(default_factory=dict)

    def released(self) -> Answer:
        return replace(self, title=release.text(self.title), lead=release.text(self.lead), told={},
                       cautions=tuple(release.text(said) for said in self.cautions))  # fmt: skip

    def bundle(self) -> dict[str, Any]:
        content = {"title": self.title, "lead": self.lead, "cautions": list(self.cautions), "told": self.told}
        return {"text/html": "", "text/plain": f"{self.title}. {self.lead}", MONDAY_MIME: content}


def answer(view: View, week: pd.DataFrame, found: pd.DataFrame | None = None) -> Answer:
    """The heading, and one sentence: where the rate stands and what this week's list should bring.

    `found` as from `signals.practice_signals`: where the month itself tells nothing, a rise that is still running does.
    """
    told = nouns.of(view)
    rate = headlines.rate_by_month(view)
    collect = week[week["group"] == COLLECT]
    doubt = trust.doubt(trust.ledgers(view))
    parts = [_rate_said(told, rate)]
    if len(collect):
        parts.append(f"This week's list should bring in about {words.about(collect['expected_cash'].sum())}.")
    kept = {name: one.text for name, one in told.items() if one.known and not (doubt and one.noun.of_ledger)}
    return Answer(_title(told, rate, found), " ".join(filter(None, parts)), (doubt,) if doubt else (), kept)


def _title(told: nouns.Values, rate: pd.DataFrame, found: pd.DataFrame | None = None) -> str:
    now = told["initial_denial_rate"]
    if not now.known:
        return "No remits in this month" if told["adjudicated"].amount else "No denial rate yet"
    month = words.MONTHS[int(now.window[5:7]) - 1]
    if not told["initial_denials"].amount:
        return "No denials in 12 months"
    values = rate["value"].dropna()
    if len(values) < 2:
        return f"The first month: {month}"
    moves = [_moved(rate, last=last) for last in (-1, -2)]
    if not moves[0]:
        running = _running(found)
        if running:
            return running
        if found is not None and (found["ongoing"].astype(bool) & found["kind"].ne("one_patient")).any():
            return f"No new change in {month}"  # what changed before still runs, and stands beside
        held = abs(values.iloc[-1] - values.iloc[-2]) < STEADY
        return f"Denials held steady in {month}" if held else f"No clear change in {month}"
    verb = "rose" if moves[0] > 0 else "fell"
    return f"Denials {verb}{' again' if moves[0] == moves[1] else ''} in {month}"


def _running(found: pd.DataFrame | None) -> str:
    """The change of the whole practice's rate that has not ended, as a heading; empty where there is none."""
    if found is None or not len(found):
        return ""
    ours = (
        found["measure"].eq("initial_denial_rate") & found["segment"].eq("{}") & found["kind"].isin(("step", "drift"))
    )
    whole = found[ours & found["ongoing"].astype(bool)]
    if not len(whole):
        return ""
    top = whole.iloc[0]
    way = "up" if top["after"] > top["before"] else "down"
    return f"Denials {way} since {words.month_name(top['first_month'])}"


def _moved(rate: pd.DataFrame, *, months: int = 1, last: int = -1) -> int:
    """1 where the rate rose by more than chance, -1 where it fell so, else 0."""
    if not by_month.beyond_chance(rate, months=months, last=last):
        return 0
    return 1 if rate["value"].iloc[last] > rate["value"].iloc[last - months] else -1


def _rate_said(told: nouns.Values, rate: pd.DataFrame) -> str:
    now = told["initial_denial_rate"]
    if not now.known or now.value is None:
        year = told["initial_denial_rate_year"]
        return (
            f"Over 12 months, payers initially denied {year.text} of claims."
            if year.known
            else "Load the payers' remits (835) to see denials."
        )
    ago = _earlier(rate, 12)
    said = f"Payers initially denied {now.text if now.cases else 'none'} of {'' if now.cases else 'the '}claims"
    if ago is None:
        return f"{said} in {words.month_name(now.window)}."
    way = {1: "up from", -1: "down from", 0: "compared with"}[_moved(rate, months=12)]
    return f"{said}, {way} {words.share(ago)} a year ago."


def _earlier(rate: pd.DataFrame, months: int) -> float | None:
    value = rate["value"].iloc[-1 - months] if len(rate) > months else None
    return None if value is None or value != value else float(value)


# --- the first screen ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FirstScreen(Block):
    """How we are doing and what changed, side by side."""

    rate: tuple[str, str, str]  # label, value, counts
    facts: tuple[tuple[str, str], ...]  # (class, text)
    line: str  # the rate's sparkline
    tiles: tuple[tuple[str, str, str], ...]
    change: str
    figure: Figure | None
    links: tuple[tuple[str, str], ...] = ()

    def released(self) -> FirstScreen:
        rate = _released(*self.rate)
        withheld = rate[1] != self.rate[1]  # then its line and its moves may not tell it either
        return replace(
            self, rate=rate, line="" if withheld else self.line, tiles=tuple(_released(*tile) for tile in self.tiles), change=release.text(self.change),
            facts=tuple((css, release.text(text)) for css, text in self.facts if not (withheld and css)), figure=None,
        )  # fmt: skip

    def bundle(self) -> dict[str, Any]:
        label, value, counts = self.rate
        facts = "".join(f"<li>{_marked(css, text)}</li>" for css, text in self.facts)
        tiles = "".join(
            f'<div class="tile"><dt>{_term(name)}</dt><dd><strong>{escape(told)}</strong><small>{escape(note)}</small></dd></div>'
            for name, told, note in self.tiles
        )
        how = (f'<section aria-labelledby="how"><h2 id="how">How are we doing?</h2><p class="sub">{_term(label)}, {escape(counts)}</p>'
               f'<div class="hero"><b data-noun="{escape(label)}">{escape(value)}</b>{self.line}</div><ul class="facts">{facts}</ul>'
               f'<dl class="tiles">{tiles}</dl></section>')  # fmt: skip
        links = " · ".join(f'<a href="{escape(href)}">{escape(text)}</a>' for href, text in self.links)
        picture = self.figure.html() if self.figure else ""
        what = (f'<section aria-labelledby="what"><h2 id="what">What changed?</h2><p class="sub">{escape(self.change)}</p>{picture}'
                f'<p class="more">{links}</p></section>')  # fmt: skip
        bundle = {"text/html": f'<div class="cols first">{how}{what}</div>', "text/plain": f"{label}: {value}"}
        behind = self.figure.bundle().get(TABLE_MIME) if self.figure else None
        return {**bundle, TABLE_MIME: behind} if behind else bundle


def _released(label: str, value: str, note: str) -> tuple[str, str, str]:
    first, second, third = (release.text(part) for part in (label, f"{value} · {note}", ""))
    shown, _, rest = second.partition(" · ")
    return first, shown, rest or third


def _term(label: str) -> str:
    return f'<a class="term" href="glossary.html#{words.anchor(label)}">{escape(label)}</a>'


def _marked(css: str, text: str) -> str:
    """The first words of a fact, up to its number, in its color."""
    head, _, tail = text.partition(" from ")
    return f'<span class="{css}">{escape(head)}</span> from {escape(tail)}' if css and tail else escape(text)


def first_screen(view: View, changes: pd.DataFrame, series: pd.DataFrame) -> FirstScreen:
    """`changes` as from `signals.changes_of`, `series` as from `tables.control_series` of the first that still runs."""
    told, rate = nouns.of(view), headlines.rate_by_month(view)
    now = told["initial_denial_rate"]
    target = targets.of(view).get("initial_denial_rate")
    line = svg.spark(
        list(rate["value"].tail(24)), label=f"Initial denial rate over {len(rate.tail(24))} months", target=target
    )
    month = words.month_name(now.window) if now.known else "no remits yet"
    counts = f"{month}: {words.count(now.cases)} of {words.count(now.whole)} claims" if now.known else month
    change, figure = _change(view, changes, series)
    return FirstScreen(("Initial denial rate", now.text, counts), tuple(_facts(now, rate, target)), line, tuple(_tiles(view, told)), change,
                       figure, (("04_denial_trends.html", "All changes"),))  # fmt: skip


def _facts(now: nouns.Value, rate: pd.DataFrame, target: float | None) -> list[tuple[str, str]]:
    facts = [("", f"Target {words.share(target)}" if target is not None else "No target set")]
    for months, name in (
        (1, words.month_name(rate["month"].iloc[-2]).split()[0] if len(rate) > 1 else ""),
        (12, "a year ago"),
    ):
        before = _earlier(rate, months)
        if before is None or now.value is None or not now.known:
            continue
        moved = now.value - before
        arrow = "●" if abs(moved) < 0.0005 else "▲" if moved > 0 else "▼"
        css = {1: "up", -1: "down", 0: "flat"}[_moved(rate, months=months)]  # colored where it is more than chance
        facts.append((css, f"{arrow} {abs(moved) * 100:.1f} points from {name}"))
    return facts


def _tiles(view: View, told: nouns.Values) -> list[tuple[str, str, str]]:
    cash, lost, all_ = told["open_denials_cash"], told["avoidable_write_offs"], told["write_offs"]
    tiles = []
    if told["adjudicated"].amount:
        tiles.append(told.tile("open_denials", f"{cash.text} expected cash" if cash.amount else "on the report day"))
    if all_.amount and trust.shown_ledger(view):
        tiles.append(
            told.tile(
                "avoidable_write_offs",
                f"12 months, {lost.amount / all_.amount:.0%} of all" if lost.amount else "12 months",
            )
        )
    if told["clean_claim_rate"].known:
        tiles.append(told.tile("clean_claim_rate"))
    rejected = told["rejected_not_resent"]
    if len(tiles) < 3 and rejected.amount:
        tiles.append(told.tile("rejected_not_resent"))
    return tiles


def _change(view: View, changes: pd.DataFrame, series: pd.DataFrame) -> tuple[str, Figure | None]:
    """The change that costs most and still runs, in a sentence, and its line."""
    from rcm_analysis.charts import trends as charts  # matplotlib: a report reads this module and draws nothing itself

    running = changes[changes["ongoing"].astype(bool)] if len(changes) else changes
    if not len(running):
        drawn = _rate_drawn(view)
        if drawn is None:
            return "There are too few months with remits to see a change.", None
        return "No change larger than chance is running. The rate by month:", drawn
    top = running.iloc[0]
    if not len(series):
        return words.titled(top["headline"]), None
    where = words.titled(str(series["name"].iloc[0]))
    said = f"{where} went from {words.share(top['before'])} to {words.share(top['after'])} of claims since {words.month_name(top['first_month'])}."
    drawn, averaged = _drawn(series)
    says = "Rise begins" if top["after"] > top["before"] else "Fall begins"
    figure = Figure(
        partial(charts.change, drawn, title="", since=top["first_month"], says=says, averaged=averaged), name="monday_change",
        alt=f"Line of {where} by month submitted: {words.share(top['before'])} before {words.month_name(top['first_month'])}, {words.share(top['after'])} since",
        caption=f"Share of submitted claims denied{'' if top['segment'] == '{}' else ' so'}. About {words.count(top['excess_count'])} extra denials.", data=drawn,
    )  # fmt: skip
    return said, figure


def _rate_drawn(view: View) -> Figure | None:
    """The practice's rate, where no change stands for it."""
    from rcm_analysis.charts import common

    rate = headlines.rate_by_month(view).tail(24).reset_index(drop=True)
    if rate["value"].notna().sum() < 2:
        return None
    first, last = rate["month"].iloc[0], rate["month"].iloc[-1]
    with common.drawn_at(common.COLUMN):
        return Figure(
            partial(common.rate_by_month, rate, title="", target=targets.of(view).get("initial_denial_rate")), name="monday_rate",
            alt=f"Line of the monthly initial denial rate, {words.month_name(first)} to {words.month_name(last)}",
            caption="Claims initially denied divided by claims adjudicated in the month. Shaded: 95% range.", data=rate,
        )  # fmt: skip


def _drawn(series: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """The months that are mostly adjudicated, of few claims as means of three; and whether they are."""
    usual = series["denominator"].tail(12).median()
    young = series["denominator"].iloc[::-1] < usual / 2
    whole = series.iloc[: len(series) - int(young.cumprod().sum())]
    if usual >= FEW_A_MONTH or len(whole) < 6:
        return whole.tail(24).reset_index(drop=True), False
    sums = whole[["numerator", "denominator"]].astype(float).rolling(3, min_periods=1).sum()
    return whole.assign(value=sums["numerator"] / sums["denominator"].where(sums["denominator"] > 0)).tail(
        24
    ).reset_index(drop=True), True


# --- what to do this week --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Week(Block):
    """What to do, ranked: action, owner, first due, claims, expected cash, links. `rows` as from `work.items.this_week`."""

    rows: pd.DataFrame
    sub: str
    as_of: date
    workbook: bool = True
    claims: tuple[pd.DataFrame, ...] = ()  # items behind each row

    def released(self) -> Week:
        told = self.rows.assign(why="", due=None)  # days and small counts, and names beside them
        claims = told["claims"].astype(float)
        small = release.is_small(claims)
        told = told.assign(
            claims=claims.mask(small),
            expected_cash=told["expected_cash"].mask(small),
            monthly_usd=told["monthly_usd"].mask(small),
        )
        return replace(self, rows=told, sub=release.text(self.sub), workbook=False, claims=())

    def bundle(self) -> dict[str, Any]:
        columns = ["group", "rank", "action", "why", "owner", "due", "claims", "expected_cash", "monthly_usd", "tab"]
        table = {
            "name": "this_week",
            "title": "What to do this week",
            "counts": ["claims"],
            "csv": csv_text(self.rows[columns]),
        }
        return {"text/html": self.html(), "text/plain": f"{len(self.rows)} items", TABLE_MIME: table}

    def html(self) -> str:
        head = '<section aria-labelledby="todo"><h2 id="todo">What to do this week</h2>'
        if not len(self.rows):
            return f'{head}<p class="sub">{escape(self.sub)}</p></section>'
        most = float(self.rows["expected_cash"].max()) if self.rows["expected_cash"].notna().any() else 0.0
        body = []
        for group, part in self.rows.groupby("group", sort=False):
            body.append(f'<tr class="grp"><th colspan="7" scope="rowgroup">{GROUPS[str(group)]}</th></tr>')
            body += [self._row(row, most) for row in part.to_dict("records")]
        heads = ('<th class="rank" scope="col"><span class="vh">Rank</span></th><th scope="col">Do this</th><th scope="col">Owner</th>'
                 '<th scope="col">First due</th><th scope="col" class="n">Claims</th><th scope="col" class="n">Expected cash</th>'
                 '<th scope="col" class="noprint">Open</th>')  # fmt: skip
        return (f'{head}<p class="sub">{escape(self.sub)}</p><div class="table list"><table class="stack fixed"><caption class="vh">Work for this week</caption>'
                f"<thead><tr>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
                f'<p class="more"><b>{_term("Expected cash")}</b>: what the payer usually pays, times how often such claims are paid when worked. '
                f'{csv_link("this_week", "What to do this week")}</p></section>{self._drawers()}')  # fmt: skip

    def _drawers(self) -> str:
        """The claims behind each step, which its link opens."""
        steps = zip(self.rows.to_dict("records"), self.claims, strict=False)
        return "".join(self._drawer(row, part) for row, part in steps if len(part))

    def _drawer(self, row: dict[str, Any], part: pd.DataFrame) -> str:
        name, shown = f"ev-{row['rank']}", part.head(MOST_CLAIMS)
        body = "".join(
            f'<tr><th scope="row" class="nw">{escape(str(one["claim_number"]))}</th><td>{escape(words.titled(str(one["payer_name"] or "")))}</td>'
            f'<td>{escape(str(one["reason"] or ""))}</td><td class="n">{words.usd(one["usual_payment"])}</td>'
            f'<td class="n">{words.usd(one["expected_cash"])}</td><td>{self._due(one["due"])}</td></tr>'
            for one in shown.to_dict("records")
        )
        heads = "".join(
            f'<th scope="col"{" class=" + chr(34) + "n" + chr(34) if number else ""}>{text}</th>'
            for text, number in (
                ("Claim", False),
                ("Payer", False),
                ("Reason", False),
                ("Usual payment", True),
                ("Expected cash", True),
                ("Due", False),
            )
        )
        whole = "All" if len(part) == len(shown) else f"{len(shown)} of"
        title = escape(words.titled(str(row["action"])))
        return (f'<section class="drawer" id="{name}" tabindex="-1" role="dialog" aria-labelledby="{name}-h"><a class="close" href="#todo">Close</a>'
                f'<h2 id="{name}-h">{title}</h2><p class="sub">{whole} {words.count(len(part))} {"claim" if len(part) == 1 else "claims"}, due this week first. Owner: {escape(str(row["owner"]))}.</p>'
                f'<div class="table scroll" role="region" aria-label="Claims of step {row["rank"]}" tabindex="0"><table class="fixed"><caption class="vh">{title}</caption>'
                f'<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div><p class="more">{"".join(self._further(row))}</p></section>')  # fmt: skip

    def _further(self, row: dict[str, Any]) -> list[str]:
        """Where the step's claims stand besides."""
        links = [f'<a href="{WORKLIST}#Projects">Projects</a>', f'<a href="{WORKLIST}">Worklist page</a>']
        if words.is_known(row.get("project")):
            links[0] = f'<a href="{WORKLIST}#{escape(row["project"])}">Project page of facts</a>'
        tab = escape(str(row["tab"]))
        return [*links, f'<a href="worklist.xlsx">Workbook, tab “{tab}”</a>'] if self.workbook else links

    def _row(self, row: dict[str, Any], most: float) -> str:
        action, why = (
            escape(words.titled(str(row["action"]))),
            escape(words.titled(str(row["why"])) if words.is_known(row["why"]) else ""),
        )
        monthly = row["group"] == PREVENT
        worth = row["monthly_usd"] if monthly else row["expected_cash"]
        worth_said = words.about(worth) if words.is_known(worth) else "–"
        unit, per = ("a month", "<small>a month</small>") if monthly else ("expected cash", "")
        bar = svg.bar(float(worth) / most) if not monthly and most and words.is_known(worth) else ""
        shown = (
            f'<div class="vb">{bar}<span><b>{worth_said}</b>{per}</span></div>' if bar else f"<b>{worth_said}</b>{per}"
        )
        claims = words.count(row["claims"]) if words.is_known(row["claims"]) else "fewer than 11"
        small = "<small>a year</small>" if monthly else ""
        return (f'<tr><td class="rank">{row["rank"]}</td><th scope="row" class="full">{action}<small>{why}</small></th>'
                f'<td><span class="pill">{escape(str(row["owner"]))}</span></td><td>{self._due(row["due"])}</td>'
                f'<td class="n" data-u="{"claims a year" if monthly else "claims"}">{claims}{small}</td><td class="n" data-u="{unit}">{shown}</td>'
                f'<td class="nw noprint">{self._links(row, action)}</td></tr>')  # fmt: skip

    def _due(self, due: Any) -> str:
        if not words.is_known(due):
            return '<span class="pill">This week</span>'
        left = (pd.Timestamp(due).date() - self.as_of).days
        when = (
            "today" if left == 0 else f"{-left} days late" if left < 0 else f"{left} {'day' if left == 1 else 'days'}"
        )
        hot = " hot" if left <= SOON_DAYS else ""
        return f'<span class="pill{hot}">{words.day(due, year=self.as_of.year)} · {when}</span>'

    def _links(self, row: dict[str, Any], action: str) -> str:
        page, name = ("07_prevention.html", "Finding") if row["group"] == PREVENT else (WORKLIST, "List")
        if row["tab"] == "Rejected":
            page = "02_denial_overview.html#Rejected,-not-resent"
        if len(self.claims) >= row["rank"] and len(self.claims[row["rank"] - 1]):
            page, name = f"#ev-{row['rank']}", "Claims"
        links = [f'<a href="{page}">{name}<span class="vh"> for {action}</span></a>']
        if words.is_known(row.get("project")):
            links.append(
                f'<a href="{WORKLIST}#{escape(row["project"])}">Project<span class="vh"> of {action}</span></a>'
            )
        if self.workbook and row["group"] == COLLECT:
            links.append(
                f'<a href="worklist.xlsx">Tab “{escape(str(row["tab"]))}”<span class="vh">, step {row["rank"]}</span></a>'
            )
        return " · ".join(links)


def items_of(queue: pd.DataFrame, row: dict[str, Any]) -> pd.DataFrame:
    """The items of the queue behind a row of the list, those due within a week first; none behind a check."""
    if row["group"] != COLLECT or not len(queue):
        return queue.head(0)
    part = queue[queue["need"].ne("rule") & queue["is_first"].astype(bool) & queue["expected_cash"].gt(0)]
    part = part[part["step"].eq(row["action"]) & part["owner"].eq(row["owner"]) & part["tab"].eq(row["tab"])]
    later = pd.to_datetime(part["due"]) > pd.to_datetime(part["as_of"]) + pd.Timedelta(days=SOON_DAYS)
    order = part.assign(_later=later).sort_values(
        ["_later", "expected_cash", "claim_number"], ascending=[True, False, True]
    )
    return order.drop(columns="_later")


def this_week(view: View, rows: pd.DataFrame, queue: pd.DataFrame) -> Week:
    """The list with its sentence; `rows` as from `work.items.this_week` of the `queue` (`work_items`)."""
    told = nouns.of(view)
    collect = rows[rows["group"] == COLLECT] if len(rows) else rows
    denials = queue[(queue["need"] == "denial") & queue["is_first"].astype(bool)] if len(queue) else queue
    if not len(rows):
        return Week(rows, NOTHING_OPEN if told["adjudicated"].amount else NOTHING_KNOWN, view.as_of)
    sub = "Ranked by expected cash."
    if len(collect) and len(denials):
        listed = denials.merge(
            collect[["action", "owner", "tab"]], left_on=["step", "owner", "tab"], right_on=["action", "owner", "tab"]
        )
        all_ = denials["expected_cash"].sum()
        share = f" and {listed['expected_cash'].sum() / all_:.0%} of their expected cash" if all_ else ""
        whole = len(listed) == told["open_denials"].amount
        sub += (
            " The list covers every open denial."
            if whole
            else f" The list covers {words.count(len(listed))} of {words.count(told['open_denials'].amount)} open denials{share}."
        )
    behind = tuple(items_of(queue, row) for row in rows.to_dict("records"))
    return Week(rows, sub, view.as_of, claims=behind)


# --- where the money went --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Money(Block):
    """Denied money as bands, or as a list on a phone."""

    whole: money.Part
    sub: str

    def released(self) -> Block:
        return Silent()

    def bundle(self) -> dict[str, Any]:
        title = "Where denied money went"
        desc = f"{self.whole.said} initially denied: " + ", ".join(
            f"{part.name}, {part.said}" for part in self.whole.parts if part.usd > 0
        )
        drawing = money.money_map(self.whole, prefix="money", title=title, desc=desc)
        return {"text/html": (f'<section aria-labelledby="map"><h2 id="map">{title}</h2><p class="sub">{escape(self.sub)}</p>'
                              f'<figure aria-label="{escape(desc)}">{drawing}{money.as_list(self.whole)}<figcaption>{_term("Usual payment")}: what this payer allows for '
                              f"the same services on paid claims.</figcaption></figure></section>"), "text/plain": desc}  # fmt: skip


class Silent(Block):
    """Nothing, where nothing may be said."""

    def bundle(self) -> dict[str, Any]:
        return {"text/html": "", "text/plain": ""}


def money_map(view: View, queue: pd.DataFrame) -> Block:
    """What became of the claims denied in 12 months; nothing where none was, or where the ledger is not understood."""
    if not trust.shown_ledger(view):
        return Silent()
    told = nouns.of(view)
    if not told["denied_usd"].amount:
        return Silent()
    colors = {
        "recovered": ("Recovered", "teal"),
        "patient": ("Patient responsibility", "ctx"),
        "open": ("Open", "blue"),
        "lost": ("Lost", "orange"),
    }
    whole = told["denied_usd"].amount
    parts = tuple(
        money.Part(f"{name} {told[f'denied_{key}_usd'].amount / whole:.0%}", f"{told[f'denied_{key}_usd'].text} · {told[f'denied_{key}'].text}",
                   told[f"denied_{key}_usd"].amount, color, _by_due(view, queue) if key == "open" else ())
        for key, (name, color) in colors.items()
    )  # fmt: skip
    won, lost = told["denied_recovered_usd"].amount, told["denied_lost_usd"].amount
    first, last = view.window(headlines.YEAR)
    sub = f"Claims initially denied {words.month_name(str(first))} to {words.month_name(str(last))}, at usual payment."
    sub += " More was lost than recovered." if lost > won else " More was recovered than lost." if won > lost else ""
    return Money(
        money.Part(
            "Initially denied", f"{told['denied_usd'].text} · {told['denied_claims'].text}", whole, "ink-2", parts
        ),
        sub,
    )


def _by_due(view: View, queue: pd.DataFrame) -> tuple[money.Part, ...]:
    """What is open of the money map by its deadline, in the usual payment of its lines."""
    table = headlines.open_of_year(view).merge(
        queue.loc[queue["need"] == "denial", ["claim_number", "days_left"]], on="claim_number", how="left"
    )
    left = table["days_left"].astype(float)
    groups = (
        ("Due within 30 days", left.between(0, 30)),
        ("Due later", (left > 30) | left.isna()),
        ("Past the usual deadline", left < 0),
    )
    parts = [
        money.Part(name, f"{words.about(table.loc[rows, 'usd'].sum())} · {_detail(int(rows.sum()), '')}", float(table.loc[rows, "usd"].sum()), "blue")
        for name, rows in groups if rows.any()
    ]  # fmt: skip
    return tuple(parts) if len(parts) > 1 else ()


@dataclass(frozen=True)
class WroteOff(Block):
    """Write-offs, avoidable beside necessary."""

    sub: str
    kinds: tuple[tuple[str, str, list[tuple[str, str, float, str]], str], ...]  # heading, amount, rows, color
    whole: float

    def released(self) -> Block:
        return Silent()

    def bundle(self) -> dict[str, Any]:
        columns = "".join(
            f"<div><h3>{escape(head)}: {escape(amount)}</h3>{money.rows(rows, whole=self.whole, color=color)}</div>"
            for head, amount, rows, color in self.kinds
        )
        return {"text/html": (f'<section aria-labelledby="wo"><h2 id="wo">What we wrote off</h2><p class="sub">{escape(self.sub)}</p>'
                              f'<div class="cols even">{columns}</div><p class="more"><a href="03_write_offs.html">Write-offs page</a></p></section>'),
                "text/plain": self.sub}  # fmt: skip


def wrote_off(view: View) -> Block:
    """Avoidable and necessary write-offs of 12 months by reason; nothing where none is known."""
    told, table = nouns.of(view), headlines.write_offs(view)
    if not len(table) or not told["write_offs"].amount or not trust.shown_ledger(view):
        return Silent()
    avoidable, necessary = told["avoidable_write_offs"], told["necessary_write_offs"]
    other = told["write_offs"].amount - avoidable.amount - necessary.amount
    parts = [
        f"{one.text if one.amount >= 0.5 else 'nothing'} was {name}"
        for one, name in ((avoidable, "avoidable"), (necessary, "necessary"))
    ]
    sub = f"{told['write_offs'].text} in 12 months, at usual payment. {words.sentence(', '.join(parts))}."
    sub += f" The rest, {words.about(other)}, is the payers' decision or not classified." if other >= 1 else ""
    kinds = tuple(
        (head, told[noun].text if told[noun].amount >= 0.5 else "nothing", _reasons(table[table["kind"] == kind]), color)
        for head, noun, kind, color in (("Avoidable", "avoidable_write_offs", "avoidable", "orange"), ("Necessary", "necessary_write_offs", "necessary", "ctx"))
    )  # fmt: skip
    return WroteOff(f"{sub} Contractual and required adjustments are left out.", kinds, told["write_offs"].amount)


def _reasons(table: pd.DataFrame) -> list[tuple[str, str, float, str]]:
    """The largest reasons, then all others together."""
    table = table[table["usd"] >= 0.5]
    named, rest = table.head(MOST_WRITE_OFFS), table.iloc[MOST_WRITE_OFFS:]
    rows = [
        (
            str(row.label)[:1].upper() + str(row.label)[1:],
            _detail(row.claims, row.owner if row.kind == "avoidable" else ""),
            float(row.usd),
            words.about(row.usd),
        )
        for row in named.itertuples()
    ]
    if len(rest):
        kinds = "other reason" if len(rest) == 1 else "other reasons"
        rows.append(
            (
                f"{len(rest)} {kinds}",
                _detail(rest["claims"].sum(), ""),
                float(rest["usd"].sum()),
                words.about(rest["usd"].sum()),
            )
        )
    return rows


def _detail(claims: float, owner: str) -> str:
    return f"{words.count(claims)} {'claim' if claims == 1 else 'claims'}" + (
        f" · {str(owner).capitalize()}" if owner else ""
    )
