"""One number per noun: every label of a rendered report has one value, on pages, in CSVs, manifest and workbook."""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest

from rcm_analysis.measures import headlines
from rcm_analysis.pages import glossary, nouns, targets

FEWEST = 40
TILE = re.compile(r'<div class="tile"><dt>(.*?)</dt><dd><strong>(.*?)</strong>', re.S)
HERO = re.compile(r'<b data-noun="([^"]+)">(.*?)</b>')
TAGS = re.compile(r"<[^>]+>")


def plain(text: str) -> str:
    return html.unescape(TAGS.sub("", text)).strip()


def told(folder: Path) -> dict[str, dict[str, set[str]]]:
    """Every labelled number of a report: label -> value -> the places that say so."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for path in sorted(folder.glob("*.html")):
        for label, value in [*TILE.findall(path.read_text("utf-8")), *HERO.findall(path.read_text("utf-8"))]:
            found[plain(label)][plain(value)].add(path.name)
    table = pd.read_csv(folder / "tables/headlines.csv", dtype=str, keep_default_na=False)
    for row in table.itertuples():
        found[row.noun][row.value].add("headlines.csv")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    for name, value in manifest["nouns"].items():
        found[nouns.NOUNS[name].label][value].add("manifest.json")
    for label, value, _ in manifest["numbers"]:
        found[label][value].add("manifest.json, numbers")
    return found


def test_every_noun_of_a_report_has_one_value(demo_report):
    found = told(demo_report)
    print(*(f"{label}: {', '.join(values)}" for label, values in sorted(found.items())), sep="\n")
    assert {
        label: {value: sorted(where) for value, where in values.items()}
        for label, values in found.items()
        if len(values) > 1
    } == {}
    assert len(found) >= FEWEST, sorted(found)


def test_pages_agree_with_the_tables_beside_them(demo_report, demo_con):
    said = nouns.of(demo_con)
    tables = demo_report / "tables"
    assert len(pd.read_csv(tables / "open_denials.csv")) == said["open_denials"].value
    assert len(pd.read_csv(tables / "worklist.csv")) == said["open_denials"].value
    rejected = pd.read_csv(tables / "rejected_claims.csv")
    assert set(headlines.rejected_open(demo_con)["claim_number"]) <= set(rejected["claim_number"])
    flow = headlines.money_map(demo_con)
    assert flow["claims"].sum() == said["denied_claims"].value == said["initial_denials"].value
    assert flow["usd"].sum() == pytest.approx(said["denied_usd"].value)
    kinds = headlines.write_offs(demo_con).groupby("kind")["usd"].sum()
    assert kinds.sum() == pytest.approx(said["write_offs"].value)
    assert kinds["avoidable"] == pytest.approx(said["avoidable_write_offs"].value)


def test_every_noun_has_a_label_of_its_own_and_a_place_in_the_glossary():
    labels = [noun.label for noun in nouns.NOUNS.values()]
    assert len(labels) == len(set(labels)) >= FEWEST
    assert all(glossary.known(label) for label in labels)
    assert all(
        noun.unit in nouns.UNITS and noun.window in nouns.WINDOWS and noun.definition.endswith(".")
        for noun in nouns.NOUNS.values()
    )
    anchors = [term.anchor for term in glossary.terms()]
    assert len(anchors) == len(set(anchors))


def test_the_rate_and_its_counts_are_those_of_the_claims(demo_con):
    denied, decided = demo_con.execute(
        "SELECT count(*) FILTER (WHERE initially_denied), count(*) FROM claims WHERE strftime(first_decided_on, '%Y-%m') = '2026-10'"
    ).fetchall()[0]
    rate = nouns.of(demo_con)["initial_denial_rate"]
    assert (rate.cases, rate.whole, rate.value) == (denied, decided, pytest.approx(denied / decided))
    assert nouns.of(demo_con).tile("initial_denial_rate")[2] == f"{denied:,} of {decided:,} claims, October 2026"


def test_targets_are_the_practices_own(demo_con, tmp_path, monkeypatch):
    assert targets.of(demo_con) == {}
    (tmp_path / "targets.csv").write_text(
        "noun,target\ninitial_denial_rate,10%\nclean_claim_rate,0.95\nopen_denials,few\n", "utf-8"
    )
    view = type("V", (), {"store": tmp_path, "practice": "p"})
    assert targets.of(view) == {"initial_denial_rate": 0.1, "clean_claim_rate": 0.95}
