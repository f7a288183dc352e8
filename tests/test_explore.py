"""The analyst's morning: the start notebook runs on the demo, is no page of a report, and its calls count right."""

from __future__ import annotations

import json
import os

import pandas as pd
import pytest
from conftest import AS_OF, ROOT
from typer.testing import CliRunner

import rcm_analysis as rcm
from rcm_analysis import cli, export
from rcm_analysis.intake import ingest
from rcm_analysis.measures import measures
from rcm_analysis.pages import blocks, explore
from rcm_analysis.reports import render, run
from rcm_analysis.reports.kernels import Session
from rcm_analysis.store.practice import Practice

YEAR = {"months": 12}


@pytest.fixture(scope="module")
def morning(demo_folder, demo_store, tmp_path_factory):
    """The executed start notebook, and the folder it wrote to."""
    folder = tmp_path_factory.mktemp("morning")
    told = {"practice": "riverbend", "as_of": AS_OF.isoformat(), "store": str(demo_store), "out": str(folder / "out"),
            "unsent": str(demo_folder / "edi/837")}  # fmt: skip
    with Session(fork=False) as session:
        status = run.run(ROOT / "notebooks/00_start.ipynb", folder / "00_start.ipynb", told, session=session)
    return status, folder


def test_the_start_notebook_runs_on_the_demo(morning):
    status, folder = morning
    assert status.ok, status.message
    cells = json.loads((folder / "00_start.ipynb").read_text())["cells"]
    shown = [
        o["data"][blocks.TABLE_MIME]
        for c in cells
        for o in c.get("outputs", [])
        if blocks.TABLE_MIME in o.get("data", {})
    ]
    filled = {table["title"] for table in shown if table["csv"].count("\n") > 1}
    assert {"Files", "Every measure", "Reasons", "Slow payers", "Clusters", "Worklist"} <= filled
    assert not any("<script" in str(c.get("outputs")) for c in cells), "a notebook that nobody looks at needs no script"


def test_the_start_notebook_writes_workbooks_for_its_owner_alone(morning, demo_con):
    _, folder = morning
    written = folder / "out/riverbend/explore"
    assert {path.name for path in written.iterdir()} == {"worklist.xlsx", "denials.xlsx"}
    assert os.name == "nt" or os.stat(written).st_mode & 0o077 == 0
    rows = demo_con.execute("SELECT count(*) FROM denials").fetchall()[0][0]
    assert len(pd.read_excel(written / "denials.xlsx")) == rows


@pytest.mark.slow
def test_the_start_notebook_runs_where_there_is_little(demo_folder, tmp_path):
    ingest.ingest(Practice(tmp_path, "half"), [demo_folder / "ledger.csv"])
    told = {
        "practice": "half",
        "as_of": "2025-06-30",
        "store": str(tmp_path),
        "out": str(tmp_path),
        "unsent": "nowhere",
    }
    status = run.run(ROOT / "notebooks/00_start.ipynb", tmp_path / "00.ipynb", told)
    assert status.ok, status.message


def test_a_report_leaves_the_start_notebook_out_unless_asked():
    stems = [path.stem for path in render.notebooks([])]
    assert "00_start" not in stems and "02_denial_overview" in stems
    assert [path.stem for path in render.notebooks(["start"])] == ["00_start"]


def test_drilling_counts_what_the_denials_say(demo_con):
    lines = explore.denied_lines(demo_con, **YEAR)
    code = lines["carc"].value_counts().index[0]
    own = explore.denied_lines(demo_con, **YEAR, carc=code)
    assert len(own) == (lines["carc"] == code).sum() and set(own["carc"]) == {code}
    found = explore.drill(demo_con, **YEAR, carc=code)
    row = found[found["what"] == "payer name"].iloc[0]
    payer = lines["payer_name"] == row["value"]
    assert row["denials"] == ((lines["carc"] == code) & payer).sum()
    assert row["share"] == pytest.approx(row["denials"] / len(own)) and row["usual_share"] == pytest.approx(
        payer.mean()
    )
    assert row["denied_amount"] == pytest.approx(own.loc[own["payer_name"] == row["value"], "denied_amount"].sum())
    assert (found["share"] > found["usual_share"]).all() and "carc" not in set(found["what"])


def test_the_overview_is_that_of_the_page(demo_con, demo_report):
    found = explore.overview(measures.measure(demo_con), as_of=AS_OF)
    page = pd.read_csv(demo_report / "tables/measures_of_month.csv")
    assert (
        found[["label", "basis", "month", "value"]].to_numpy().tolist()
        == page[["label", "basis", "month", "shown"]].to_numpy().tolist()
    )


def test_a_measure_is_a_line_and_one_that_is_no_share_is_named(demo_con):
    figure = explore.chart(demo_con, "initial_denial_rate")
    assert figure.data["month"].iloc[-1] == "2026-10" and figure.svg.startswith("<svg")
    assert figure.alt.startswith("Line of Initial denial rate by month, ") and figure.alt.endswith(" in October 2026")
    with pytest.raises(KeyError, match="no line for days_in_ar; there is one for initial_denial_rate"):
        explore.chart(demo_con, "days_in_ar")


def test_the_view_writes_and_shows_what_the_rooms_give(demo_store, tmp_path):
    p = rcm.open_practice(demo_store, "riverbend", as_of=AS_OF, months=12)
    assert p.month == "2026-10" and {"kind", "status", "files"} <= set(p.files())
    decided = p.measures("initial_denial_rate").query("basis == 'decision_month' and '2025-11' <= month <= '2026-10'")
    assert p.reasons()["claims"].sum() == decided["numerator"].sum() > 0
    todo = p.worklist()
    queue = p.work_items()
    assert (
        p.write_worklist(tmp_path / "own/worklist.xlsx", queue=queue)
        == queue.query("is_first")["claim_number"].nunique()
    )
    assert set(pd.read_excel(tmp_path / "own/worklist.xlsx", sheet_name=None)) >= {"This week", "Biller", "About"}
    assert os.name == "nt" or os.stat(tmp_path / "own").st_mode & 0o077 == 0
    assert 'href="tables/explore_todo.csv"' in rcm.show(todo, "Todo", rows=3).html()


def test_nothing_to_scrub_is_an_empty_table(demo_store):
    found = rcm.scrub(practice="riverbend", store=demo_store, as_of=AS_OF)
    assert not len(found) and {"file", "claim_number", "severity", "finding"} <= set(found)


def test_a_group_that_there_is_not_is_empty_and_a_column_is_named(demo_con):
    assert not len(explore.drill(demo_con, **YEAR, carc="no such code"))
    with pytest.raises(KeyError, match="no carcc; they have claim_number"):
        explore.denied_lines(demo_con, **YEAR, carcc="16")


def test_any_table_is_shown_in_its_units():
    frame = pd.DataFrame({"claim_number": ["A1"], "denied_amount": [1234.5], "share": [0.25], "days_left": [3], "rendering_npi": [1522003506],
                          "decided_on": pd.to_datetime(["2026-03-05"]), "is_first": [True], "lift": [2.55]})  # fmt: skip
    text = explore.show(frame, "Lines").html()
    for cell in ("$1,234.50", "25.0%", ">3<", ">1522003506<", ">Mar 5, 2026<", ">yes<", ">2.5<"):
        assert cell in text, cell


def test_a_table_brings_the_script_along_only_where_somebody_looks(monkeypatch):
    table = explore.show(pd.DataFrame({"a": range(20)}), "T")
    assert "<script" not in table.html() and 'href="tables/explore_t.csv"' in table.html()
    monkeypatch.setenv("JPY_SESSION_NAME", "start.ipynb")
    script = (ROOT / "rcm_analysis/pages/templates/tables.js").read_text()
    assert f"<script>{script}</script>" in table.html() and "tables/" not in table.html().split("<style>")[0]
    assert "</script" not in script


def test_every_table_that_can_be_exported_has_a_frame(demo_con):
    assert len(export.frame(demo_con, "claims")) == demo_con.execute("SELECT count(*) FROM claims").fetchall()[0][0]
    assert "sentence" in export.frame(demo_con, "rules")
    with pytest.raises(KeyError, match="no table claimz; there are claims"):
        export.frame(demo_con, "claimz")


def test_lab_without_notebooks_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "rcm_analysis/cli.py"))
    result = CliRunner().invoke(cli.app, ["lab", "--no-browser"])
    assert result.exit_code == 2 and "from a checkout" in result.output
