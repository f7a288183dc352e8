"""The work queue: one item per claim and need, due days, Monday's list, projects, the workbook and its way back."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

import rcm_analysis as rcm
from rcm_analysis.work import days, items, needs, projects

TODAY = date(2026, 10, 31)


@pytest.fixture(scope="module")
def practice(tmp_path_factory):
    """A practice of 1,200 claims with a ledger, opened on the last day of its data."""
    folder = tmp_path_factory.mktemp("work")
    rcm.demo(folder / "demo", claims=1200, seed=11)
    rcm.ingest([folder / "demo/edi", folder / "demo/ledger.csv"], practice="riverbend", store=folder / "store")
    return rcm.open_practice(folder / "store", "riverbend", as_of=TODAY)


@pytest.fixture(scope="module")
def queue(practice):
    return practice.work_items()


# --- the table -----------------------------------------------------------------------------------------------------


def test_the_queue_has_one_item_per_claim_and_need(queue):
    claims = queue[queue["claim_number"].notna()]
    assert len(claims) and not claims.duplicated(["claim_number", "need"]).any() and queue["item_id"].is_unique
    assert set(queue["need"]) >= {"denial", "unbilled", "posted_as_contractual"}
    assert (claims.groupby("claim_number")["is_first"].sum() == 1).all()
    assert queue["rank"].tolist() == list(range(1, len(queue) + 1))


def test_every_open_denial_is_an_item_and_the_counts_add_up(practice, queue):
    told = items.counts(queue).set_index("need")
    assert told.at["denial", "items"] == len(practice.worklist())
    assert (told["rows"] + told["beside"] == told["items"]).all()
    assert told["expected_cash"].sum() == pytest.approx(queue["expected_cash"].sum())


def test_words_are_short_and_start_with_a_verb(queue):
    for name in ("action", "step"):
        assert all(len(text.split()) <= 8 and text[0].isupper() for text in queue.loc[queue["need"] != "rule", name])


@pytest.mark.parametrize(
    ("deadline", "due"),
    [
        (date(2026, 11, 19), date(2026, 11, 12)),  # a week before
        (date(2026, 11, 22), date(2026, 11, 13)),  # a week before is a Sunday: the Friday
        (date(2026, 11, 4), date(2026, 11, 2)),  # nearer than the margin: the next working day
        (date(2026, 11, 1), date(2026, 11, 1)),  # tomorrow, a Sunday: no later than the deadline
        (date(2026, 10, 1), date(2026, 11, 2)),  # passed: at once
        (None, date(2026, 11, 2)),
    ],
)
def test_due_is_the_deadline_less_a_margin_on_a_working_day(deadline, due):
    assert days.due(deadline, today=TODAY) == due


def test_nothing_is_due_after_its_deadline(queue):
    ahead = queue[queue["days_left"].ge(0).fillna(False)]
    assert len(ahead) and (ahead["due"] <= ahead["deadline"]).all() and (queue["due"] >= pd.Timestamp(TODAY)).all()


def two_needs(monkeypatch, view, *lists):
    """The queue of needs that are told here: (name, tab, rows)."""
    told = [needs.Need(name, name, lambda view, rows=rows: pd.DataFrame(rows), tab) for name, tab, rows in lists]
    monkeypatch.setattr(needs, "NEEDS", tuple(told))
    return items.items(view)


def row(claim: str, **more) -> dict:
    return {"claim_number": claim, "payer_name": "ACME", "category": "coding", "owner": "coder", "action": "Do", "step": "Do",
            "deadline": date(2026, 12, 18), "amount": 100.0, "usual_payment": 60.0, "expected_cash": 30.0, **more}  # fmt: skip


def test_a_claim_with_two_needs_stands_in_one_tab_with_the_more_urgent_and_names_the_other(practice, monkeypatch):
    found = two_needs(
        monkeypatch, practice, ("denial", None, [row("A1"), row("A2")]),
        ("rejection", needs.REJECTED, [row("A1", deadline=date(2026, 11, 9))]),
    )  # fmt: skip
    one = found[found["claim_number"] == "A1"].set_index("need")
    assert one.loc["rejection", ["is_first", "also_needs", "tab"]].tolist() == [True, "denial", "Rejected"]
    assert one.loc["denial", ["is_first", "also_needs", "tab"]].tolist() == [False, "rejection", "Rejected"]
    assert found[found["claim_number"] == "A2"].iloc[0][["is_first", "tab"]].tolist() == [True, "Coder"]


def test_a_project_is_one_payer_and_issue_of_twenty_claims_or_one_root_cause(practice, monkeypatch):
    many = [row(f"A{i}", location="ORCHARD CLINIC" if i < 15 else "MILL STREET") for i in range(20)]
    few = [row(f"B{i}", payer_name="OTHER") for i in range(19)]
    one_cause = [row(f"C{i}", payer_name=f"P{i}", root_cause="file of Oct 9") for i in range(3)]
    found = two_needs(monkeypatch, practice, ("denial", None, many + few), ("rejection", needs.REJECTED, one_cause))
    told = projects.projects(practice, found)
    assert told["claims"].tolist() == [20, 3] and set(told["kind"]) == {"payer_issue", "root_cause"}
    first = told.iloc[0]
    assert (first["title"], first["top_location"], first["top_location_share"]) == (
        "Acme: coding",
        "ORCHARD CLINIC",
        0.75,
    )
    assert found.loc[found["claim_number"].str.startswith("B"), "project"].isna().all()
    again = two_needs(monkeypatch, practice, ("denial", None, [*many[:-1], row("Z9")]))
    assert again["project"].dropna().unique().tolist() == [first["project_id"]]  # the same from report to report


def test_mondays_list_ranks_steps_by_expected_cash(queue):
    week = items.this_week(queue)
    collect = week[week["group"] == "Collect"]
    assert 0 < len(collect) <= 5 and collect["expected_cash"].is_monotonic_decreasing
    assert week["rank"].tolist() == list(range(1, len(week) + 1))
    mine = queue[
        (queue["step"] == collect.iloc[0]["action"]) & queue["is_first"] & (queue["tab"] == collect.iloc[0]["tab"])
    ]
    assert len(mine) == collect.iloc[0]["claims"]


def test_checks_to_turn_on_are_items_without_a_claim(practice):
    rules = pd.DataFrame([{"rule_id": "R1", "category": "authorization", "owner": "authorization desk", "words": "MRI without authorization",
                           "sentence": "Hold MRIs without authorization.", "claims_matched": 31, "denied_usd": 9000.0,
                           "avoidable_usd_per_month": 1600.0}])  # fmt: skip
    found = items.items(practice, rules)
    one = found[found["need"] == "rule"].iloc[0]
    assert (one["item_id"], one["owner"], one["claims"]) == ("R1:rule", "Authorization desk", 31)
    assert 0 < one["monthly_usd"] <= 1600 and items.this_week(found).iloc[-1]["group"] == "Prevent"


def test_a_practice_without_anything_to_do_has_an_empty_queue(practice, monkeypatch):
    found = two_needs(monkeypatch, practice, ("denial", None, []))
    assert found.columns.tolist() == items.COLUMNS and not len(found)
    assert not len(items.this_week(found)) and not len(projects.projects(practice, found))
