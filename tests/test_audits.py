"""Payer scorecards and the audit: figures tie to the claims tables to the cent, comparisons say what differs."""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from conftest import AS_OF, ROOT

from rcm_analysis import months
from rcm_analysis.claims import derive
from rcm_analysis.compare import audit, scorecard
from rcm_analysis.measures import by_month

YEAR = {"months": 12}
FIRST, LAST = months.window(AS_OF, 12)


def cents(con, sql: str) -> Decimal:
    return con.execute(sql).fetchall()[0][0] or Decimal("0.00")


def exact(values) -> Decimal:
    return sum((Decimal(f"{value:.2f}") for value in values), Decimal("0.00"))


@pytest.fixture(scope="module")
def empty_con(demo_store):
    return derive.open_practice(demo_store, "riverbend", as_of=date(2000, 1, 31))  # nothing was known yet


def test_the_audit_ties_to_the_claims_tables_to_the_cent(demo_con):
    found = audit.findings(audit.evidence(demo_con, **YEAR), top=1000)
    by_kind = {kind: exact(part["amount"]) for kind, part in found.groupby("kind")}
    lost = cents(demo_con, "SELECT sum(amount) FROM write_offs WHERE root = 'unnecessary' "
                 f"AND posted_on BETWEEN DATE '{FIRST}' AND DATE '{LAST}'")  # fmt: skip
    stake = cents(demo_con, "SELECT sum(open_balance) FROM claims WHERE open_balance > 0 "
                  "AND state IN ('denied_open', 'open_past_window', 'unpaid_no_reason', 'taken_back', 'appealed', 'resubmitted')")  # fmt: skip
    assert by_kind[audit.LOST] == lost > 0
    assert by_kind[audit.AT_STAKE] == stake > 0


def test_each_leaf_of_the_audit_is_the_leaf_of_the_write_off_page(demo_con):
    leaves = by_month.write_offs_by_leaf(demo_con, **YEAR)
    leaves = leaves[(leaves["root"] == "unnecessary") & (leaves["amount"] > 0)].set_index("leaf")
    found = audit.findings(audit.evidence(demo_con, **YEAR), top=1000)
    found = found[found["kind"] == audit.LOST].set_index("cause")
    assert found["amount"].round(2).to_dict() == leaves["amount"].round(2).to_dict()
    assert found["claims"].to_dict() == leaves["claims"].to_dict()


def test_no_open_balance_is_counted_twice(demo_con):
    found = audit.evidence(demo_con, **YEAR)
    opened = found[found["kind"] != audit.LOST]
    assert len(opened) and opened["claim_number"].is_unique


def test_findings_are_ten_by_expected_cash_with_owner_fix_and_confidence(demo_con):
    evidence = audit.evidence(demo_con, **YEAR)
    found = audit.findings(evidence)
    assert found["number"].tolist() == list(range(1, 11))
    assert found["cash"].is_monotonic_decreasing
    rest = evidence.groupby(["kind", "cause"])["cash"].sum().nlargest(11)
    assert found["cash"].iloc[-1] >= rest.iloc[10]
    assert found[["owner", "fix", "mostly", "why_sure"]].map(lambda text: bool(text.strip())).all(axis=None)


def test_few_claims_and_passed_deadlines_are_never_sure():
    row = {
        "kind": "lost",
        "cause": "cob",
        "label": "x",
        "owner": "biller",
        "fix": "x",
        "category": "x",
        "payer_name": "P",
    }
    few = pd.DataFrame([row | {"claim_number": str(i), "amount": 10.0, "sure": "high"} for i in range(4)])
    more = pd.DataFrame([row | {"claim_number": str(i), "amount": 10.0, "sure": "high"} for i in range(5)])
    assert audit.findings(few)["confidence"].tolist() == ["medium"]
    assert audit.findings(more)["confidence"].tolist() == ["high"]
    assert audit.findings(more.assign(sure="low"))["confidence"].tolist() == ["low"]


def test_a_benchmark_says_what_differs():
    inside = audit.benchmark("initial_denial_rate_amount", kind="hospital", year=2021)
    assert inside["fit"] == audit.FITS and inside["year"] == "2020 to Q3 2023"
    assert (
        audit.benchmark("initial_denial_rate_amount", kind="physician", year=2026)["fit"]
        == "hospital figures, other year"
    )
    own = audit.benchmark("initial_denial_rate", kind="physician", year=2026, who="Medicaid")
    assert (own["kind"], own["low"], own["fit"]) == ("physician", 0.25, "other year")
    assert audit.benchmark("never_reworked", kind="physician", year=2026) is None, "folklore is no benchmark"
    assert audit.benchmark("providers_at_10_percent", kind="physician", year=2025) is None, "opinions are no benchmark"


def test_every_comparison_cites_a_published_row(demo_con):
    with (ROOT / "rcm_analysis/reference/benchmarks.csv").open() as file:
        sources = {row["source"] for row in csv.DictReader(file)}
    beside = audit.comparisons(demo_con, kind="physician", **YEAR)
    assert set(beside["source"]) <= sources and set(beside["fit"]) == {"other year", "hospital figures, other year"}
    assert beside.loc[beside["fit"].str.contains("hospital"), "verdict"].tolist() == ["other population"]
    found = audit.with_benchmarks(audit.findings(audit.evidence(demo_con, **YEAR)), demo_con, kind="physician", **YEAR)
    assert set(found["source"]) <= sources | {""} and (found["source"] != "").any()
    assert found.loc[found["source"] == "", "benchmark"].eq(audit.NONE).all()


def test_scorecards_tie_to_the_claims_and_to_the_overview(demo_con):
    cards = scorecard.scorecard(demo_con, **YEAR)
    by_payer = by_month.denied_by(demo_con, "payer_name", **YEAR).set_index("segment")
    own = cards[cards["decided"] > 0].set_index("payer_name")
    for name in ("decided", "denied", "rate", "lower", "upper", "denied_amount"):
        assert own[name].to_dict() == pytest.approx(by_payer[name].to_dict()), name
    lost = cents(demo_con, "SELECT sum(amount) FROM write_offs WHERE root = 'unnecessary' "
                 f"AND posted_on BETWEEN DATE '{FIRST}' AND DATE '{LAST}'")  # fmt: skip
    assert exact(cards["unnecessary"]) == lost
    reasons = scorecard.reasons(demo_con, **YEAR)
    assert reasons.groupby("payer_name")["claims"].sum().to_dict() == own.loc[own["denied"] > 0, "denied"].to_dict()
    assert reasons["ask"].str.endswith("?").all()


def test_a_payer_is_an_outlier_only_beyond_chance_and_repeat_patients():
    cards = pd.DataFrame({"payer_name": ["A", "B", "C", "D"], "decided": [300, 300, 300, 300], "denied": [54, 30, 30, 30],
                          "rate": [0.18, 0.1, 0.1, 0.1], "others_rate": [0.1, 0.127, 0.127, 0.127]})  # fmt: skip
    named = []
    for effect in (1.0, 4.0):
        chance = scorecard._by_chance(cards, pd.Series([effect, 1.0, 1.0, 1.0]))
        named.append(scorecard.outliers(cards.assign(by_chance=chance))["payer_name"].tolist())
    assert named == [["A"], []]
    close = cards.assign(denied=[42, 30, 30, 30], rate=[0.14, 0.1, 0.1, 0.1])
    chance = scorecard._by_chance(close, pd.Series(1.0, close.index))
    assert not len(scorecard.outliers(close.assign(by_chance=chance))), "the largest of four is often as far above"


def test_changes_are_those_that_name_the_payer():
    signals = pd.DataFrame(
        {
            "segments": [
                '[{"location": "X"}, {"payer_name": "ACME"}]',
                '[{"payer_name": "ACME EAST"}]',
                '[{"location": "ACME"}]',
            ]
        }
    )
    assert len(scorecard.of_payer(signals, "ACME")) == 1
    assert list(scorecard.of_payer(signals.head(0), "ACME")) == ["segments"]


def test_an_empty_practice_has_no_findings(empty_con):
    evidence = audit.evidence(empty_con, **YEAR)
    assert not len(audit.with_benchmarks(audit.findings(evidence), empty_con, kind="physician", **YEAR))
    assert set(audit.comparisons(empty_con, kind="physician", **YEAR)["verdict"]) == {"no claims"}
    assert not len(scorecard.scorecard(empty_con, **YEAR)) and not len(scorecard.reasons(empty_con, **YEAR))


def page_of(notebook) -> str:
    """The module that says what a notebook shows, and the cells that name tables themselves."""
    module = ROOT / f"rcm_analysis/pages/{notebook.stem[3:]}.py"
    cells = json.loads(notebook.read_text())["cells"]
    return "\n".join([module.read_text() if module.exists() else "", *("".join(cell["source"]) for cell in cells)])


def test_every_question_of_the_docs_has_an_existing_place():
    text = (ROOT / "docs/questions.md").read_text()
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", text, re.M)
    assert [int(number) for number, _ in rows] == list(range(1, 26))
    books = {path.stem[:2]: page_of(path) for path in (ROOT / "notebooks").glob("*.ipynb")}
    for number, place in rows:
        named = re.findall(r"(\d\d)((?: `\w+`,?)+)", place)
        assert named or "Not answered" in place, number
        for page, tables in named:
            for table in re.findall(r"`(\w+)`", tables):
                assert f'"{table}"' in books[page], (number, page, table)


def test_a_figure_about_physicians_is_compared_with_visits_alone(demo_con):
    beside = audit.comparisons(demo_con, kind="physician", **YEAR).set_index("what")
    visits = demo_con.execute(
        "SELECT count(*) FROM claims WHERE payer_class = 'medicare' AND place_of_service NOT IN ('41', '42') "
        f"AND first_decided_on BETWEEN DATE '{FIRST}' AND DATE '{LAST}'").fetchall()[0][0]  # fmt: skip
    assert beside.loc["Medicare visits initially denied", "decided"] == visits > 0


def test_figures_that_are_not_what_they_are_called_are_told_apart():
    found = audit.relabelled().set_index("what")
    assert "relabelled" in found.loc["denial rate practices", "warning"] and (found["warning"] != "").all()
    assert audit.benchmark("denial_rate_practices", kind="physician", year=2026) is None
    assert (
        audit.benchmark("initial_denial_rate", kind="physician", year=2026, who="Medicare Advantage") is None
    )  # no definition told
