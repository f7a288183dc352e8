"""The client brief: four pages made of what the report's pages say, for a meeting; `brief.html`, and `brief.pdf` where asked.

It counts nothing: its numbers, tables and drawings are those of Monday, trends and audit (`Said`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from rcm_analysis import words
from rcm_analysis.pages import blocks, glossary, nouns

TILES = ("initial_denial_rate", "avoidable_write_offs", "open_denials", "clean_claim_rate")
TERMS = ("Initial denial rate", "Usual payment", "Expected cash", "Avoidable write-offs")
FIXES, CHANGES, STEPS, DAYS = 3, 6, 4, 90
FEWEST_PAGES = ("00_monday", "09_practice_audit")  # without them there is nothing to brief a client on
# paper by the name that users give
PAPERS = {"letter": "letter", "a4": "A4"}


@dataclass(frozen=True)
class Said:
    """What the pages of a report carry: nouns as text, tables as CSV by name, drawings and sections as HTML by name."""

    told: Mapping[str, str]
    tables: Mapping[str, str]
    figures: Mapping[str, str]
    monday: str
    lead: str

    def table(self, name: str) -> pd.DataFrame:
        """A table of the report, empty where it has none."""
        return pd.read_csv(io.StringIO(self.tables[name])) if self.tables.get(name, "").strip() else pd.DataFrame()


def content(said: Said, as_of: date, period: str) -> dict[str, Any]:
    """What the brief's template shows."""
    found = said.table("audit_findings")
    fixes = _fixes(found)
    start, end = as_of + timedelta(days=7), as_of + timedelta(days=DAYS)
    return {
        "lead": said.lead, "tiles": _tiles(said, period), "fixes": fixes, "fixes_head": _fixes_head(fixes), "start": _day(start, as_of), "end": _day(end, as_of),
        "change": _between(r'<h2 id="what">.*?<p class="sub">(.*?)</p>', said.monday), "rate": _drawing(said.figures.get("denial_rate_by_month", "")),
        "changed": _drawing(_between(r'(<figure.*?</figure>)', _between(r'<h2 id="what">(.*?)</section>', said.monday))),
        "changes": _changes(said.table("signals"), as_of), "money": _money(said.monday), "findings": _findings(found),
        "plan": _plan(said.table("this_week"), fixes, as_of), "terms": [term for term in glossary.terms() if term.name in TERMS],
        "sure": _sure(said),
    }  # fmt: skip


def _day(value: date, as_of: date) -> str:
    return words.day(value, year=as_of.year)


def _between(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.S)
    return words.plain(found[1]) if found and "<p" in pattern else found[1] if found else ""


def _drawing(figure: str) -> str:
    """A figure for paper: the wide drawing, without links to files that do not lie beside it."""
    figure = re.sub(r'<svg class="narrow".*?</svg>', "", figure, flags=re.S)
    figure = re.sub(r'<a class="term"[^>]*>(.*?)</a>', r"\1", figure, flags=re.S)
    return re.sub(r"<a [^>]*>.*?</a>", "", figure, flags=re.S)


def _money(monday: str) -> str:
    found = re.search(r'<section aria-labelledby="map">.*?</section>', monday, re.S)
    text = _drawing(found[0]) if found else ""
    return re.sub(r'<ul class="rows narrow">.*?</ul>', "", text, flags=re.S)


def _tiles(said: Said, period: str) -> str:
    """Four numbers with their windows."""
    windows = {
        "month": words.month_name(period),
        "year": "12 months",
        "day": "on the report day",
        "closed": nouns.WINDOWS["closed"],
    }
    figures = [
        (nouns.NOUNS[name].label, said.told[name], windows[nouns.NOUNS[name].window])
        for name in TILES
        if name in said.told
    ]
    return blocks.tiles(figures).replace('class="tiles"', 'class="tiles strip"') if figures else ""


def _fixes(found: pd.DataFrame) -> list[dict[str, str]]:
    lost = found[found["kind"] == "lost"].head(FIXES) if len(found) else found
    return [
        {
            "name": words.sentence(str(row.label)),
            "detail": _detail(row),
            "step": _stop(str(row.fix)),
            "owner": str(row.owner),
            "worth": _worth(row.cash),
        }
        for row in lost.itertuples()
    ]


def _detail(row: Any) -> str:
    where = "" if str(row.mostly) in ("nan", "") else f" {words.sentence(str(row.mostly))}."
    claims = f"{words.count(row.claims)} claims." if words.is_known(row.claims) else ""
    return f"{claims}{where}".strip()


def _worth(cash: Any) -> str:
    return words.about(cash) if words.is_known(cash) and float(cash) else "–"


def _fixes_head(fixes: list[dict[str, str]]) -> str:
    return {1: "One fix", 2: "Two fixes", 3: "Three fixes"}.get(len(fixes), "")


def _stop(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _changes(table: pd.DataFrame, as_of: date) -> list[dict[str, str]]:
    if not len(table):
        return []
    running = table[table["last_month"].astype(str) >= f"{as_of:%Y-%m}"].head(CHANGES)
    return [
        {"where": words.titled(str(row.where)), "since": words.month_year(str(row.first_week)[:7]), "before": words.share(row.before),
         "after": words.share(row.after), "extra": words.count(row.excess_count)}
        for row in running.itertuples()
    ]  # fmt: skip


def _findings(found: pd.DataFrame) -> list[dict[str, str]]:
    most = found["cash"].max() if len(found) else 0.0
    return [
        {"name": words.sentence(str(row.label)), "where": "" if str(row.mostly) == "nan" else words.sentence(str(row.mostly)),
         "claims": words.count(row.claims) if words.is_known(row.claims) else "–", "worth": _worth(row.cash), "owner": words.sentence(str(row.owner)),
         "confidence": words.sentence(str(row.confidence)), "bar": blocks.share_bar(row.cash / most, "orange") if most and words.is_known(row.cash) else ""}
        for row in found.itertuples()
    ]  # fmt: skip


def _plan(week: pd.DataFrame, fixes: list[dict[str, str]], as_of: date) -> list[dict[str, str]]:
    rows = []
    collect = week[week["group"] == "Collect"].head(STEPS) if len(week) else week
    for row in collect.itertuples():
        due = pd.to_datetime(row.due, errors="coerce")
        day = due.date() if words.is_known(due) and due == due else as_of + timedelta(days=7)
        claims = f" ({words.count(row.claims)} claims)" if words.is_known(row.claims) else ""
        rows.append((day, f"{row.action}{claims}", str(row.owner), "No claim passes its deadline"))
    for place, fix in enumerate(fixes):
        day = as_of + timedelta(days=14 * (place + 1))
        rows.append(
            (
                day,
                fix["step"].rstrip("."),
                words.sentence(fix["owner"]),
                f"Fewer write-offs for {fix['name'][:1].lower()}{fix['name'][1:]}",
            )
        )
    rows.append(
        (
            as_of + timedelta(days=DAYS),
            "Measure again",
            "Practice manager",
            "The initial denial rate is lower than today",
        )
    )
    return [
        {"by": _day(day, as_of), "step": step, "owner": owner, "sign": sign}
        for day, step, owner, sign in sorted(rows, key=lambda row: row[0])
    ]


def _sure(said: Said) -> str:
    parts = ["Changes named here would appear by chance in fewer than 1 of 20 reports.", "Claims show where and when, so each cause is confirmed on site.",
             "Deadlines are the usual ones of each kind of payer. The contract decides."]  # fmt: skip
    return " ".join(parts)
