"""The work queue: one item per claim and need, due days, Monday's list, projects, the workbook and its way back."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import types
from datetime import date, datetime

import openpyxl
import pandas as pd
import pytest
from conftest import ROOT
from typer.testing import CliRunner

import rcm_analysis as rcm
from rcm_analysis import cli
from rcm_analysis.measures import headlines
from rcm_analysis.pages import blocks
from rcm_analysis.reports import all_practices, render
from rcm_analysis.spreadsheets import exports, worklists
from rcm_analysis.work import actions, days, items, needs, notes, projects, status, workbook

pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported")

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


def test_a_second_use_reads_the_queue(practice, queue, monkeypatch):
    monkeypatch.setattr(items, "items", lambda *_: pytest.fail("made anew"))
    pd.testing.assert_frame_equal(practice.work_items(), queue)


def test_every_open_denial_is_an_item_and_the_counts_add_up(practice, queue):
    told = items.counts(queue).set_index("need")
    assert told.at["denial", "items"] == len(practice.worklist())
    assert (told["rows"] + told["beside"] == told["items"]).all()
    assert told["expected_cash"].sum() == pytest.approx(queue["expected_cash"].sum())


def test_items_tie_to_the_numbers_of_the_pages(practice, queue):
    told = items.counts(queue).set_index("need")
    opened = headlines.open_denials(practice)
    assert told.at["denial", "items"] == len(opened)
    assert told.at["denial", "expected_cash"] == pytest.approx(float(opened["expected_cash"].fillna(0).sum()))
    assert told.at["rejection", "items"] == len(headlines.rejected_open(practice))


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
    """The queue of needs that are told here: (name, rows)."""
    told = [needs.Need(name, name, lambda view, rows=rows: pd.DataFrame(rows)) for name, rows in lists]
    monkeypatch.setattr(needs, "NEEDS", tuple(told))
    return items.items(view)


def row(claim: str, **more) -> dict:
    return {"claim_number": claim, "payer_name": "ACME", "category": "coding", "owner": "coder", "action": "Do", "step": "Do",
            "deadline": date(2026, 12, 18), "amount": 100.0, "usual_payment": 60.0, "expected_cash": 30.0, **more}  # fmt: skip


def test_a_claim_with_two_needs_stands_in_one_tab_with_the_more_urgent_and_names_the_other(practice, monkeypatch):
    found = two_needs(
        monkeypatch, practice, ("denial", [row("A1"), row("A2")]),
        ("rejection", [row("A1", deadline=date(2026, 11, 9), tab=needs.REJECTED)]),
    )  # fmt: skip
    one = found[found["claim_number"] == "A1"].set_index("need")
    assert one.loc["rejection", ["is_first", "also_needs", "tab"]].tolist() == [True, "denial", "Rejected"]
    assert one.loc["denial", ["is_first", "also_needs", "tab"]].tolist() == [False, "rejection", "Rejected"]
    assert found[found["claim_number"] == "A2"].iloc[0][["is_first", "tab"]].tolist() == [True, "Coder"]


def test_a_project_is_one_payer_and_issue_of_twenty_claims_or_one_root_cause(practice, monkeypatch):
    many = [row(f"A{i}", location="ORCHARD CLINIC" if i < 15 else "MILL STREET") for i in range(20)]
    few = [row(f"B{i}", payer_name="OTHER") for i in range(19)]
    one_cause = [row(f"C{i}", payer_name=f"P{i}", root_cause="file of Oct 9") for i in range(3)]
    found = two_needs(monkeypatch, practice, ("denial", many + few), ("rejection", one_cause))
    told = projects.projects(practice, found)
    assert told["claims"].tolist() == [20, 3] and set(told["kind"]) == {"payer_issue", "root_cause"}
    first = told.iloc[0]
    assert (first["title"], first["top_location"], first["top_location_share"]) == (
        "Acme: coding",
        "ORCHARD CLINIC",
        0.75,
    )
    assert found.loc[found["claim_number"].str.startswith("B"), "project"].isna().all()
    again = two_needs(monkeypatch, practice, ("denial", [*many[:-1], row("Z9")]))
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


@pytest.mark.parametrize("files", ["ledger.csv", "work_log.csv", "edi/835", "edi/837"])
def test_the_queue_of_a_practice_with_one_kind_of_file(practice, tmp_path, files):
    demo = practice.store.parent / "demo"
    rcm.ingest(demo / files, practice="half", store=tmp_path / "store", out=tmp_path / "out")
    view = rcm.open_practice(tmp_path / "store", "half", as_of=TODAY)
    found = view.work_items()
    assert view.write_worklist(tmp_path / "w.xlsx", queue=found) == len(listed_of(found))
    assert "unanswered" not in set(found["need"])  # nothing tells what a payer has answered
    assert not len(view.work_done()) or files != "work_log.csv"


def listed_of(found: pd.DataFrame) -> pd.DataFrame:
    return found[found["is_first"].astype(bool) & found["claim_number"].notna()]


def test_a_practice_without_anything_to_do_has_an_empty_queue(practice, monkeypatch):
    found = two_needs(monkeypatch, practice, ("denial", []))
    assert found.columns.tolist() == items.COLUMNS and not len(found)
    assert not len(items.this_week(found)) and not len(projects.projects(practice, found))


# --- the workbook --------------------------------------------------------------------------------------------------

TEAM = ["Status", "Assigned", "Note", "Last touched"]


def book(path):
    return openpyxl.load_workbook(path)


def head(sheet) -> list[str]:
    return [cell.value for cell in sheet[4]]


def listed(path) -> pd.DataFrame:
    """The rows of all tabs with a Status, as a person reads them."""
    found = []
    for sheet in book(path).worksheets:
        heads = head(sheet)
        if {"Status", "Claim"} <= set(heads):
            rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=5)]
            found.append(pd.DataFrame(rows, columns=heads).assign(tab=sheet.title))
    return pd.concat(found, ignore_index=True)


def typed(path, out, **rows):
    """Types into rows, by claim: Status, Assigned, Note, Last touched, those given."""
    made = book(path)
    for sheet in made.worksheets:
        heads = head(sheet)
        if not {"Status", "Claim"} <= set(heads):
            continue
        for row in sheet.iter_rows(min_row=5):
            told = rows.get(str(row[heads.index("Claim")].value), {})
            for name, value in told.items():
                row[heads.index(name)].value = value
    made.save(out)
    return out


@pytest.fixture
def desk(practice, tmp_path):
    """A copy of the practice's store with its own reports folder: what a team works with."""
    return Desk(practice, tmp_path)


class Desk:
    def __init__(self, practice, folder):
        self.folder, self.store, self.out = folder, folder / "store", folder / "out"
        shutil.copytree(practice.store, self.store)

    def view(self, as_of=TODAY):
        return rcm.open_practice(self.store, "riverbend", as_of=as_of)

    def report(self, name="worklist.xlsx"):
        view = self.view()
        path = self.folder / name
        view.write_worklist(path, notes=self.out / "riverbend/worklists")
        return path

    def ingest(self, *paths):
        return rcm.ingest(paths, practice="riverbend", store=self.store, out=self.out)

    def queue(self):
        return self.view().work_items().set_index("item_id")


@pytest.fixture
def claims(queue):
    """Claims of the Biller's tab, first those on top."""
    return queue.loc[queue["is_first"] & (queue["tab"] == "Biller"), "claim_number"].tolist()


def test_the_workbook_has_a_tab_for_each_owner_and_its_rows_add_up(desk, queue):
    path = desk.report()
    made, rows = book(path), listed(path)
    assert made.sheetnames[0] == "This week" and made.sheetnames[-1] == "About"
    assert set(rows["tab"]) == set(queue.loc[queue["claim_number"].notna(), "tab"])
    assert sorted(rows["Claim"]) == sorted(queue.loc[queue["is_first"] & queue["claim_number"].notna(), "claim_number"])
    about = {row[0].value: [cell.value for cell in row[1:5]] for row in made["About"].iter_rows() if row[0].value}
    for told in items.counts(queue).itertuples():
        assert about[told.called] == [told.items, told.rows, told.beside, "adds up"]


def test_the_workbook_is_typed_frozen_and_prints_one_page_wide(desk):
    path = desk.report()
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    sheet = book(path)["Biller"]
    assert head(sheet)[:14] == [*TEAM, "Due", "Days left", "Claim", "Payer", "Reason", "Do this", "Usual payment", "Expected cash",
                                "Service date", "Location"]  # fmt: skip
    assert sheet.freeze_panes == "H5" and sheet.print_title_rows == "$1:$4" and sheet.page_setup.fitToHeight == 0
    hidden = sheet.column_dimensions["O"]
    assert (hidden.hidden, hidden.min, hidden.max) == (True, 15, 18) and not sheet.column_dimensions["N"].hidden
    checked = {str(rule.sqref)[0] for rule in sheet.data_validations.dataValidation}
    assert len(sheet.tables) == 1 and checked == {"A", "B", "D"}
    row = sheet[5]
    assert isinstance(row[12].value, datetime) and row[10].number_format == "$#,##0"


def test_the_same_queue_gives_the_same_bytes(desk):
    assert desk.report("a.xlsx").read_bytes() == desk.report("b.xlsx").read_bytes()


def test_no_cell_runs_or_names_a_patient(desk, practice, queue):
    planted = queue.assign(
        payer_name='=HYPERLINK("http://example.org")', reason="@SUM(1)", action="-1+1", location="+A1"
    )
    hostile = desk.folder / "out/riverbend/worklists"
    hostile.mkdir(parents=True)
    first = queue["claim_number"].dropna().iloc[0]
    text = json.dumps(
        {"items": {f"{first}:": {"note": "=cmd|'/c calc'!A1\u202e", "assigned": "=1+1", "added": {"=X": "=2"}}}}
    )
    (hostile / "notes.json").write_text(text)
    practice.write_worklist(desk.folder / "w.xlsx", queue=planted, notes=hostile)
    made = book(desk.folder / "w.xlsx")
    cells = [cell for sheet in made.worksheets for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    links = [cell.hyperlink for cell in cells if cell.hyperlink]
    assert links and all(link.location and not link.target for link in links)
    assert any(str(cell.value).startswith("'=cmd|") for cell in cells)


# --- its way back --------------------------------------------------------------------------------------------------


def test_what_is_typed_comes_back_three_times_over(desk, claims):
    """Edited, ingested and reported three times: nothing is lost, nothing doubled."""
    said = {}
    for turn in range(3):
        path = desk.report(f"w{turn}.xlsx")
        said[claims[turn]] = {"Status": ["Appealed", "In progress", "Waiting on payer"][turn], "Assigned": "Ana",
                              "Note": f"turn {turn}", "Last touched": datetime(2026, 11, 3 + turn)}  # fmt: skip
        outcome = desk.ingest(typed(path, desk.folder / f"e{turn}.xlsx", **{claims[turn]: said[claims[turn]]}))
        assert [(file["kind"], file["status"]) for file in outcome.files] == [("worklist", "accepted")]
    last = listed(desk.report("last.xlsx")).set_index("Claim")
    assert last.index.is_unique
    for claim, told in said.items():
        assert last.loc[claim, TEAM].tolist() == list(told.values())
    others = last.drop(index=list(said))
    assert set(others["Status"]) == {"To do"} and others["Note"].isna().all()
    found = desk.queue()
    assert found.loc[f"{claims[0]}:denial" if f"{claims[0]}:denial" in found.index else found.index[0]] is not None
    worked = desk.view().work_done().set_index("claim_number")
    assert worked.loc[claims[:3], "touches"].tolist() == [1, 1, 1]


def by_office(path, *forms: str):
    """The workbook as LibreOffice writes it, by way of other forms such as ods."""
    for form in (*forms, "xlsx"):
        folder = path.parent / f"{path.stem}-{form}"
        command = ["soffice", f"-env:UserInstallation={(path.parent / 'office').as_uri()}", "--headless", "--convert-to", form, "--outdir", str(folder), str(path)]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=180)
        path = folder / f"{path.stem}.{form}"
    return path


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
@pytest.mark.parametrize("forms", [(), ("ods",)], ids=["xlsx", "by way of ods"])
def test_a_workbook_saved_by_libreoffice_comes_back_three_times_over(desk, claims, forms):
    said = {}
    for turn in range(3):
        told = {"Status": ["Appealed", "In progress", "Waiting on payer"][turn], "Assigned": "Ana", "Note": f"turn {turn}: “5/6”, - 2nd call",
                "Last touched": datetime(2026, 11, 3 + turn)}  # fmt: skip
        said[claims[turn]] = told
        path = typed(desk.report(f"w{turn}.xlsx"), desk.folder / f"e{turn}.xlsx", **{claims[turn]: told})
        saved = by_office(sorted_and_cut(path, claims[-1] if turn == 1 else ""), *forms)
        outcome = desk.ingest(saved)
        assert [(file["kind"], file["status"], file["reason"]) for file in outcome.files] == [
            ("worklist", "accepted", None)
        ]
    last = listed(desk.report("last.xlsx")).set_index("Claim")
    assert last.index.is_unique and claims[-1] in last.index
    for claim, told in said.items():
        assert last.loc[claim, ["Status", "Assigned", "Last touched"]].tolist() == [
            told["Status"],
            "Ana",
            told["Last touched"],
        ]
        assert last.at[claim, "Note"] == told["Note"]
    others = last.drop(index=list(said))
    assert set(others["Status"]) == {"To do"} and others[["Note", "Assigned", "Last touched"]].isna().all(axis=None)
    assert desk.view().work_done().set_index("claim_number").loc[claims[:3], "touches"].tolist() == [1, 1, 1]


def sorted_and_cut(path, cut: str):
    """The Biller's rows sorted another way, and one of them deleted."""
    made = book(path)
    sheet = made["Biller"]
    at = head(sheet).index("Claim")
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=5)]
    rows = sorted((row for row in rows if row[at] != cut), key=lambda row: str(row[at]), reverse=True)
    for number, row in enumerate(sheet.iter_rows(min_row=5)):
        for place, cell in enumerate(row):
            cell.value = rows[number][place] if number < len(rows) else None
    made.save(path)
    return path


def test_a_workbook_that_was_not_edited_changes_nothing(desk, queue):
    desk.ingest(desk.report())
    assert (desk.queue()["status"] == "To do").all()
    assert desk.ingest(desk.report()).of_status("known")


def shuffled(path, out, *, seed: int = 1):
    """As a person leaves it: rows sorted otherwise, one deleted, one inserted, a column added in front, a tab renamed."""
    made = book(path)
    sheet = made["Biller"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=5)]
    rows = rows[1:] + rows[:1]
    rows.insert(2, [None] * len(rows[0]))
    deleted = rows.pop(4)
    for table in list(sheet.tables):
        del sheet.tables[table]
    heads = head(sheet)
    for i, row in enumerate([heads, *rows], 4):
        for j, value in enumerate(["Phone" if i == 4 else "555-0100 ext" if i == 5 else None, *row], 1):
            sheet.cell(i, j).value = value
    for j in range(1, len(heads) + 2):
        sheet.cell(4 + len(rows) + 1, j).value = None
    sheet.title = "Mine"
    made.save(out)
    return deleted[heads.index("Claim")], rows[0][heads.index("Claim")]


def test_rows_that_are_sorted_inserted_and_deleted_are_told_apart(desk, claims):
    path = typed(desk.report(), desk.folder / "e.xlsx", **{
        claims[0]: {"Status": "Appealed", "Note": "first"}, claims[3]: {"Status": "Paid", "Last touched": datetime(2026, 11, 4)}})  # fmt: skip
    deleted, on_top = shuffled(path, desk.folder / "s.xlsx")
    assert desk.ingest(desk.folder / "s.xlsx").files[0]["status"] == "accepted"
    last = listed(desk.report("last.xlsx")).set_index("Claim")
    assert last.at[claims[0], "Status"] == "Appealed" and last.at[claims[0], "Note"] == "first"
    assert deleted in last.index and last.at[deleted, "Status"] == "To do"  # a row deleted is not a claim done
    assert last.at[on_top, "Phone"] == "555-0100 ext"  # a column of their own is carried along


def test_two_peoples_copies_add_up_and_say_where_they_disagree(desk, claims):
    path = desk.report()
    ana = typed(path, desk.folder / "ana.xlsx", **{
        claims[0]: {"Status": "Appealed", "Note": "Ana was here"}, claims[1]: {"Status": "Paid", "Last touched": datetime(2026, 11, 5)}})  # fmt: skip
    ben = typed(path, desk.folder / "ben.xlsx", **{
        claims[2]: {"Status": "Not ours"}, claims[0]: {"Note": "Ben too"},
        claims[1]: {"Status": "Wrote off", "Last touched": datetime(2026, 11, 4)}})  # fmt: skip
    desk.ingest(ana), desk.ingest(ben)
    last = listed(desk.report("last.xlsx")).set_index("Claim")
    assert last.loc[claims[:3], "Status"].tolist() == ["Appealed", "Paid", "Not ours"]  # the newer touch counts
    assert last.at[claims[0], "Note"] == "Ben too / Ana was here"
    assert status.of_view(desk.view()).disagreed == [
        f"claim {claims[1]}: Paid (Nov 5) counts, another copy says Wrote off (Nov 4)"
    ]
    desk.ingest(ana, ben)  # once more: nothing is doubled
    again = listed(desk.report("again.xlsx")).set_index("Claim")
    assert again[TEAM].equals(last[TEAM])


@pytest.mark.slow
def test_a_workbook_of_weeks_ago_does_not_undo_newer_work(desk, claims):
    desk_then = rcm.open_practice(desk.store, "riverbend", as_of="2026-10-10")
    old = desk.folder / "old.xlsx"
    desk_then.write_worklist(old)
    both = [claim for claim in claims if claim in set(listed(old)["Claim"])]
    assert len(both) > 1
    new = typed(desk.report(), desk.folder / "new.xlsx", **{both[0]: {"Status": "Appealed"}})
    desk.ingest(new)
    desk.ingest(
        typed(
            old, desk.folder / "old2.xlsx", **{both[0]: {"Status": "In progress"}, both[1]: {"Status": "Resubmitted"}}
        )
    )
    last = listed(desk.report("last.xlsx")).set_index("Claim")
    assert last.loc[both[:2], "Status"].tolist() == ["Appealed", "Resubmitted"]
    assert status.of_view(desk.view()).older


def test_an_undo_in_the_same_workbook_counts(desk, claims):
    path = desk.report()
    told = {claim: {"Status": "In progress"} for claim in claims[:3]}
    desk.ingest(typed(path, desk.folder / "one.xlsx", **told))
    told.pop(claims[0])
    desk.ingest(typed(path, desk.folder / "two.xlsx", **told))
    last = listed(desk.report("last.xlsx")).set_index("Claim")
    assert last.loc[claims[:3], "Status"].tolist() == ["To do", "In progress", "In progress"]


def test_wrong_cells_are_said_and_the_rest_is_taken(desk, claims):
    path = typed(desk.report(), desk.folder / "e.xlsx", **{
        claims[0]: {"Status": "MARY SMITH", "Note": "kept"}, claims[1]: {"Status": "paid ", "Last touched": "soon"},
        claims[2]: {"Status": "Appealed", "Last touched": datetime(2062, 1, 1)}})  # fmt: skip
    outcome = desk.ingest(path)
    assert outcome.files[0]["status"] == "partly" and len(outcome.rejects) == 3
    assert "SMITH" not in json.dumps(outcome.rejects, default=str)
    last = listed(desk.report("last.xlsx")).set_index("Claim")
    assert last.loc[claims[:3], "Status"].tolist() == ["To do", "Paid", "Appealed"]
    assert last.at[claims[0], "Note"] == "kept" and last.loc[claims[1:3], "Last touched"].isna().all()


def test_a_workbook_of_another_practice_is_refused_by_name(desk):
    outcome = rcm.ingest(desk.report(), practice="lakeside", store=desk.folder / "other", out=desk.out)
    assert outcome.files[0]["status"] == "rejected" and "of riverbend, not of lakeside" in outcome.files[0]["reason"]
    assert not (desk.out / "lakeside/worklists").exists()


def test_a_worklist_without_its_about_tab_is_refused_and_taken_for_nothing_else(desk):
    made = book(desk.report())
    del made["About"]
    for name in ("StatusList", "NameList"):
        del made.defined_names[name]
    made.save(desk.folder / "e.xlsx")
    listed(desk.folder / "e.xlsx").drop(columns="tab").to_csv(desk.folder / "biller.csv", index=False)
    for name in ("e.xlsx", "biller.csv"):
        (file,) = desk.ingest(desk.folder / name).files
        assert file["status"] == "rejected" and "without its About tab" in file["reason"]


def test_what_came_back_goes_when_a_practice_is_forgotten(desk, claims):
    desk.ingest(typed(desk.report(), desk.folder / "e.xlsx", **{claims[0]: {"Note": "private"}}))
    assert (desk.out / "riverbend/worklists/notes.json").exists()
    all_practices.forget("riverbend", store=desk.store, out=desk.out)
    assert not (desk.out / "riverbend").exists()


def test_notes_and_names_never_enter_the_store(desk, claims):
    path = typed(
        desk.report(),
        desk.folder / "e.xlsx",
        **{claims[0]: {"Status": "Appealed", "Assigned": "Quillfeather", "Note": "spoke with ZUCKERKANDL"}},
    )
    made = book(path)
    made["Biller"].cell(made["Biller"].max_row + 1, 7).value = "ZUCKERKANDL, MARY"  # typed where a claim number belongs
    made["Biller"].cell(made["Biller"].max_row, 1).value = "Paid"
    made.save(path)
    desk.ingest(path)
    for file in desk.store.rglob("*.parquet"):
        held = pd.read_parquet(file).to_csv() if "batches" in str(file) else ""
        assert "Quillfeather" not in held and "ZUCKERKANDL" not in held
    kept = desk.out / "riverbend/worklists"
    assert os.name == "nt" or {path.stat().st_mode & 0o777 for path in kept.iterdir()} == {0o600}
    about = [cell.value for row in book(desk.report("last.xlsx"))["About"].iter_rows() for cell in row]
    assert "Could not place" in about  # never dropped


def test_a_claim_unknown_to_the_practice_stands_on_the_about_tab(desk, claims):
    path = desk.report()
    made = book(path)
    sheet = made["Biller"]
    last = sheet.max_row + 1
    for place, value in ((1, "Appealed"), (3, "mistyped"), (7, "RB99"), (4, datetime(2026, 11, 4))):
        sheet.cell(last, place).value = value
    made.save(desk.folder / "e.xlsx")
    desk.ingest(desk.folder / "e.xlsx")
    about = [[cell.value for cell in row] for row in book(desk.report("last.xlsx"))["About"].iter_rows()]
    assert ["RB99", "no such claim", None, "mistyped"] in [[value or None for value in row[:4]] for row in about]


def test_what_the_team_closed_and_the_files_do_not_stays_with_a_remark(desk, claims):
    desk.ingest(
        typed(
            desk.report(),
            desk.folder / "e.xlsx",
            **{claims[0]: {"Status": "Paid", "Last touched": datetime(2026, 11, 3)}},
        )
    )
    last = listed(desk.report("last.xlsx")).set_index("Claim")
    assert last.at[claims[0], "Do this"].startswith("(marked paid Nov 3, no remit yet) ")


def test_another_reason_puts_a_claim_back_to_do():
    change = status.Change(1, TODAY, TODAY, 1, "Resubmitted", None, None, "documentation")
    said = status.Team({("A1", "denial"): change}, {("A1", "denial"): [change]}, [], [])
    item = pd.DataFrame([{"claim_number": "A1", "need": "denial", "category": "coding"}])
    told = lambda denied_on: status._carried(said, next(item.itertuples()), denied_on, 0)  # noqa: E731
    assert told(None)[0] == "To do" and told(None)[-1] == "changed: was documentation"
    item["category"] = "documentation"
    assert told(date(2026, 10, 30))[0] == "Resubmitted"
    assert told(date(2026, 11, 9))[::4] == ("To do", "denied again Nov 9, was resubmitted")


def test_a_work_log_is_told_beside_the_mapping_of_a_ledger():
    text = b"Worked On,Claim Ref,Queue,Action,Outcome\n2026-10-05,A1,DEN,appeal,attempt 1\n2026-10-12,A1,DEN,status check,in process\n"
    mapping = exports.Mapping(columns={"claim_number": "Ref", "posted_on": "Posted"}, kinds={"CH": "charge"})
    told = exports.read("q.csv", text, raw=text, mapping=mapping)
    assert told.kind == "work_log" and told.tables["work_log"].num_rows == 2


@pytest.mark.parametrize(
    ("need", "state", "outcome"),
    [
        ("rejection", "accepted", "resolved"),  # resent, and not answered yet
        ("rejection", "paid", "won"),
        ("unbilled", "written_off", "lost"),
        ("unanswered", "patient", "patient"),
        ("credit_balance", "paid", "resolved"),  # refunded: nothing was won
    ],
)
def test_what_became_of_other_needs(need, state, outcome):
    claim = types.SimpleNamespace(
        state=state, paid=80.0, closed_on=date(2026, 10, 9), last_decided_on=None, last_submitted_on=date(2026, 10, 2)
    )
    assert status._end(need, claim, None)[0] == outcome


def test_a_row_that_somebody_inserted_counts_for_the_claim(desk, claims):
    made = book(desk.report())
    sheet = made["Biller"]
    last = sheet.max_row + 1
    for place, value in ((1, "Appealed"), (4, datetime(2026, 11, 4)), (7, claims[0])):
        sheet.cell(last, place).value = value
    made.save(desk.folder / "e.xlsx")
    desk.ingest(desk.folder / "e.xlsx")
    found = desk.view().work_items()
    one = found[found["claim_number"] == claims[0]].iloc[0]
    assert (one["status"], one["touches"]) == ("Appealed", 1)


def test_touches_of_a_work_log_join(practice, desk):
    log = desk.folder.parent / "log.csv"
    denied = practice.worklist()["claim_number"].iloc[0]
    log.write_text(f"Date,Claim,Action,Outcome\n2026-10-05,{denied},appeal,sent\n2026-10-12,{denied},called,pending\n")
    assert desk.ingest(log).files[0]["kind"] == "work_log"
    assert desk.queue().loc[f"{denied}:denial", "touches"] == 2
    worked = desk.view().work_done()
    one = worked[worked["claim_number"] == denied].iloc[0]
    assert (one["level"], one["outcome"], one["touches"]) == (1, "open", 2)
    told = status.results(worked)
    assert told["claims"].sum() == 1 and told["open"].sum() == 1


# --- in a report ---------------------------------------------------------------------------------------------------


def published(folder, data: bytes):
    """A report's folder with a worklist as the manifest tells it."""
    folder.mkdir(parents=True)
    (folder / "worklist.xlsx").write_bytes(data)
    told = {"workbooks": {"worklist": {"sha256": hashlib.sha256(data).hexdigest(), "said": ""}}}
    (folder / "manifest.json").write_text(json.dumps(told))


def test_a_worklist_edited_in_the_reports_folder_is_read_before_it_is_replaced(desk, claims, monkeypatch):
    final = desk.out / "riverbend/2026-10"
    published(final, desk.report().read_bytes())
    assert notes.edited(desk.out / "riverbend") == []
    typed(final / "worklist.xlsx", final / "worklist.xlsx", **{claims[0]: {"Status": "Appealed", "Note": "in place"}})
    assert notes.edited(desk.out / "riverbend") == [final / "worklist.xlsx"]
    monkeypatch.setattr(render, "render", lambda request, **more: request)
    rcm.report(desk.view(), out=desk.out)
    last = listed(desk.report("last.xlsx")).set_index("Claim")
    assert last.loc[claims[0], ["Status", "Note"]].tolist() == ["Appealed", "in place"]


def test_a_worklist_that_nobody_could_read_is_kept_when_its_report_is_replaced(tmp_path):
    final, work = tmp_path / "riverbend/2026-10", tmp_path / "riverbend/work"
    published(final, b"as made")
    (final / "worklist.xlsx").write_bytes(b"locked by a password")
    work.mkdir()
    render._publish(work, final, [])
    (kept,) = (tmp_path / "riverbend/worklists").iterdir()
    assert kept.read_bytes() == b"locked by a password" and not (final / "worklist.xlsx").exists()


def test_the_report_carries_the_notes_and_says_what_it_took_over(desk, claims, monkeypatch):
    desk.ingest(typed(desk.report(), desk.folder / "e.xlsx", **{claims[0]: {"Status": "Appealed", "Note": "see fax"}}))
    monkeypatch.setenv("RCM_WORKLISTS", str(desk.out / "riverbend/worklists"))
    view = desk.view()
    told = workbook.Worklist(view, view.work_items()).bundle()[blocks.WORKBOOK_MIME]
    assert told["said"].startswith("Carried over 1 row: 0 closed, 1 still open.")
    (desk.folder / "r.xlsx").write_bytes(base64.b64decode(told["base64"]))
    assert listed(desk.folder / "r.xlsx").set_index("Claim").at[claims[0], "Note"] == "see fax"


def test_the_deidentified_report_has_no_worklist(desk):
    view = desk.view()
    block = workbook.Worklist(view, view.work_items())
    assert blocks.WORKBOOK_MIME not in blocks.deidentified(block).bundle()


def test_denials_of_one_cluster_are_a_project(practice, monkeypatch):
    rows = [row(f"A{i}", payer_name=f"P{i}") for i in range(12)]
    told = [needs.Need("denial", "denial", lambda view: pd.DataFrame(rows))]
    monkeypatch.setattr(needs, "NEEDS", tuple(told))
    members = pd.DataFrame({"claim_number": [f"A{i}" for i in range(12)], "line_number": 1,
                            "cluster_id": ["C01"] * 10 + ["unclustered"] * 2, "strength": 0.9})  # fmt: skip
    found = items.items(practice, None, members)
    clusters = pd.DataFrame([{"cluster_id": "C01", "label": "Coding error · LAKEVIEW CLINIC"}])
    (one,) = projects.projects(practice, found, clusters).to_dict("records")
    assert (one["kind"], one["title"], one["claims"]) == ("common_cause", "Coding error, Lakeview Clinic", 10)


# --- docs/monday.md ------------------------------------------------------------------------------------------------

MONDAY = (ROOT / "docs/monday.md").read_text("utf-8")


def test_the_page_for_mondays_names_what_the_workbook_has():
    told = {
        one.claim
        for one in (*actions.ROUTES.values(), *actions.REASONS.values(), *actions.NEEDS.values(), actions.WAITING)
    }
    rows = re.findall(r"^\| ([A-Z][^|]+) \| [^|]+ \| ([^|]+) \|$", MONDAY, re.M)[1:]
    assert len(rows) == 10 and {action for action, _ in rows} <= told
    assert {name for _, names in rows for name in names.split(", ")} <= set(worklists.STATUSES)
    assert all((ROOT / "docs" / name).exists() for name in re.findall(r"\]\((\w+\.png)\)", MONDAY))


@pytest.mark.slow
def test_ten_items_are_worked_as_the_page_for_mondays_says(practice, tmp_path, monkeypatch):
    """Its commands in their order; between the first and the second ten rows are worked."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(practice.store, tmp_path / "data/store")
    commands = re.findall(r"^(rcm [^#\n]+)", MONDAY, re.M)
    assert len(commands) == 5
    for place, command in enumerate(commands):
        words = shlex.split(command)[1:] + (["--only", "06"] if command.startswith("rcm report") else [])
        result = CliRunner().invoke(cli.app, words)
        assert result.exit_code == 0, f"{command}: {result.output}"
        if place == 0:
            path = tmp_path / "reports/out/riverbend/2026-10/worklist.xlsx"
            ten = listed(path)["Claim"].head(10)
            typed(path, path, **{claim: {"Status": "In progress", "Note": f"row {n}"} for n, claim in enumerate(ten)})
        if place == 1:
            assert "10 of" in result.output and "10 notes" in result.output
    last = listed(path).set_index("Claim")
    assert last.loc[ten, "Status"].eq("In progress").all()
    assert last.loc[ten, "Note"].tolist() == [f"row {n}" for n in range(10)]
    done = pd.read_csv(tmp_path / "work_done.csv")
    assert (
        set(done["claim_number"]) == set(ten)
        and (pd.read_csv(tmp_path / "work_items.csv")["status"] != "To do").sum() == 10
    )
