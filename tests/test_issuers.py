"""Payers beside the denial rates that issuers report to CMS: read once per issuer, matched by name or id, never by likeness."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from conftest import AS_OF
from typer.testing import CliRunner

from rcm_analysis import cli
from rcm_analysis.compare import issuers
from rcm_analysis.compare.issuers import IssuersError
from rcm_analysis.measures import by_month
from rcm_analysis.reports import render
from rcm_analysis.reports.request import ReportRequest

YEAR = {"months": 12}
# the layout of the plan years since 2024, one header with the stray quotation mark of its first publication
HEADER = ["State", "Issuer_Name", "Issuer_ID", "Plan_ID", "QHP or SADP?", "Issuer_Claims_Received_Out_of_Network",
          "Issuer_Claims_Received_In_Network", 'Issuer_Claims_Denied_Out_of_Network"', "Issuer_Claims_Denied_In_Network"]  # fmt: skip
PLANS = [
    ["OH", "Meridian Blue, Inc.", 10001, "10001OH1", "QHP", 10, 1000, 5, 190],
    ["OH", "Meridian Blue, Inc.", 10001, "10001OH2", "QHP", 10, 1000, 5, 190],
    ["OH", "Atlas Health Plan", 10002, "10002OH1", "QHP", 10, "2,000", 5, 400],
    ["OH", "Harvest Mutual", "10003", "10003OH1", "QHP", "**", "**", "*", "N/A"],
    ["OH", "Lantern Community Care", 10004, "10004OH1", "QHP", 1, 500, 5, 100],
    ["KY", "Lantern Community Care", 10005, "10005KY1", "QHP", 1, 500, 5, 50],
    ["KY", "More Denied Than Sent", 10006, "10006KY1", "QHP", 1, 50, 5, 51],
    [None] * 9,
]


def workbook(path: Path, *, sheet: str = "Transparency 2025 - Ind QHP", header=HEADER, plans=PLANS) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "PUF Data Disclaimer"
    book.active.append(["All data are reported by the issuers"])
    dental = book.create_sheet("Transparency 2025 - Ind SADP")
    medical = book.create_sheet(sheet)
    for page, rows in ((dental, [["OH", "Dental", 20001, "x", "SADP", 1, 100, 1, 99]]), (medical, plans)):
        page.append(["Individual Marketplace Medical Qualified Health Plans"])
        page.append(["Legend\n* Data not available"])
        for row in [header, *rows]:
            page.append(row)
    book.save(path)
    return path


@pytest.fixture
def table(tmp_path) -> pd.DataFrame:
    return issuers.read(workbook(tmp_path / "tic.xlsx"))


def test_an_issuers_totals_count_once_and_suppressed_is_missing(table):
    assert table[["state", "issuer_id"]].to_numpy().tolist() == [
        ["KY", "10005"], ["KY", "10006"], ["OH", "10001"], ["OH", "10002"], ["OH", "10003"], ["OH", "10004"]]  # fmt: skip
    rates = table.set_index("issuer_id")["rate"]
    assert rates["10001"] == 0.19 and rates["10002"] == 0.2 and rates[["10003", "10006"]].isna().all()
    assert set(table["year"]) == {2023} and table["network"].all()


def test_older_workbooks_tell_totals_without_networks(tmp_path):
    header = ["State", "Issuer_Name", "Issuer_ID", "Issuer_Claims_Received", "Issuer_Claims_Denials"]
    found = issuers.read(
        workbook(
            tmp_path / "t.xlsx", sheet="Transparency 2022 - Ind QHP", header=header, plans=[["OH", "A", 1, 100, 17]]
        )
    )
    assert found[["rate", "year", "network"]].to_numpy().tolist() == [[0.17, 2020, False]]


@pytest.mark.parametrize(("change", "words"), [
    ({"header": ["State", "Issuer", "Claims"]}, "no sheet with the columns Issuer_ID"),
    ({"sheet": "Ind QHP"}, "does not tell its plan year"),
    ({"plans": [PLANS[0], [*PLANS[1][:6], 1001, *PLANS[1][7:]]]}, "issuer 10001 tell different totals"),
])  # fmt: skip
def test_a_workbook_that_cannot_be_used_says_why(tmp_path, change, words):
    with pytest.raises(IssuersError, match=words):
        issuers.read(workbook(tmp_path / "tic.xlsx", **change))


def test_another_file_is_refused(tmp_path):
    (tmp_path / "tic.xlsx").write_text("no workbook")
    with pytest.raises(IssuersError, match=r"tic\.xlsx is no Excel workbook"):
        issuers.read(tmp_path / "tic.xlsx")


@pytest.mark.parametrize(("denied", "agrees"), [(190, True), (203, True), (220, False), (160, False)])
def test_all_issuers_together_are_held_against_the_published_figure(tmp_path, denied, agrees):
    told = issuers.check(issuers.read(workbook(tmp_path / "t.xlsx", plans=[[*PLANS[0][:6], 1000, 5, denied]])))
    assert (told["year"], told["published"], bool(told["agrees"])) == (2023, 0.19, agrees)
    other = issuers.check(
        issuers.read(workbook(tmp_path / "u.xlsx", sheet="Transparency 2031 - Ind QHP", plans=[PLANS[0]]))
    )
    assert other["published"] is None and other["agrees"] is None


def test_payers_are_matched_by_id_or_by_the_same_name_in_one_state(table):
    payers = ["MERIDIAN BLUE", "LANTERN COMMUNITY CARE", "MERIDIAN", "ATLAS HEALTH", "GOLDENROD", "TYPO", ""]
    found = issuers.match(payers, table, {"GOLDENROD": ["10004", "10005"], "TYPO": ["99999"]})
    told = found.drop_duplicates("payer_name").set_index("payer_name")["how"].to_dict()
    assert told == {
        "MERIDIAN BLUE": "same name", "LANTERN COMMUNITY CARE": "the same name in KY, OH: tell the id", "MERIDIAN": "no issuer of this name",
        "ATLAS HEALTH": "no issuer of this name", "GOLDENROD": "told by issuers.csv", "TYPO": "no issuer has the id told by issuers.csv",
        "": "no issuer of this name"}  # fmt: skip
    assert found.loc[found["payer_name"] == "GOLDENROD", "issuer_id"].tolist() == ["10005", "10004"]
    assert found.loc[found["payer_name"] == "MERIDIAN BLUE", "issuer_id"].tolist() == ["10001"]


def test_payers_stand_beside_their_issuers_of_the_same_year(demo_con, table, tmp_path):
    own = by_month.denied_by(demo_con, "payer_name", **YEAR).set_index("segment")
    found = issuers.beside(demo_con, table, {"GOLDENROD ADVANTAGE": ["10004", "10005"]}, **YEAR).set_index("payer_name")
    assert set(found["fit"]) == {"other year"}  # nothing of 2023 is in the demo
    row = found.loc["MERIDIAN BLUE"]
    assert (row["denied"], row["decided"]) == tuple(own.loc["MERIDIAN BLUE", ["denied", "decided"]])
    assert row["issuer_rate"] == 0.19 and found.loc["GOLDENROD ADVANTAGE", "issuer_rate"] == 0.15
    assert (
        found.loc["BUCKEYE STATE MEDICAID", "verdict"] == "not matched"
        and found.loc["HARVEST MUTUAL", "verdict"] == "not published"
    )
    sides = {
        "above": row["lower"] > 0.19,
        "below": row["upper"] < 0.19,
        "within reach": row["lower"] <= 0.19 <= row["upper"],
    }
    assert sides[row["verdict"]]
    then = issuers.read(workbook(tmp_path / "t.xlsx", sheet="Transparency 2027 - Ind QHP"))
    same = issuers.beside(demo_con, then, {}, **YEAR).set_index("payer_name").loc["MERIDIAN BLUE"]
    count = demo_con.execute("SELECT count(*), count(*) FILTER (WHERE initially_denied) FROM claims WHERE payer_name = 'MERIDIAN BLUE' "
                             "AND year(first_decided_on) = 2025").fetchone()  # fmt: skip
    assert (same["fit"], same["year"], (same["decided"], same["denied"])) == ("same year", "2025", count)


def test_ids_are_read_from_the_users_table(tmp_path):
    (tmp_path / "issuers.csv").write_text("payer_name,issuer_id\nGOLDENROD, 10004\nGOLDENROD,10005\n")
    assert issuers.own_ids([tmp_path / "issuers.csv"]) == {"GOLDENROD": ["10004", "10005"]}
    (tmp_path / "bad.csv").write_text("payer,id\nA,1\n")
    with pytest.raises(IssuersError, match=r"bad\.csv has no column issuer_id, payer_name"):
        issuers.own_ids([tmp_path / "bad.csv"])


def test_the_audit_shows_them_where_the_workbook_is_given(demo_store, tmp_path):
    book = workbook(tmp_path / "tic.xlsx")
    request = ReportRequest("riverbend", "2026-10", AS_OF, notebooks=tuple(render.notebooks(["09"])),
                            parameters={"issuers_file": str(book)})  # fmt: skip
    result = render.render(request, store=demo_store, out=tmp_path / "out")
    assert result.ok, result.statuses
    text = (result.folder / "09_practice_audit.html").read_text("utf-8")
    rows = pd.read_csv(result.folder / "tables/audit_issuers.csv")
    assert "payers are matched to issuers that report their own denial rate for 2023" in text
    assert rows.set_index("payer_name")["how"]["MERIDIAN BLUE"] == "same name"


def test_a_workbook_that_is_not_there_is_a_wrong_call(tmp_path):
    result = CliRunner().invoke(
        cli.app, ["report", "-p", "x", "--store", str(tmp_path), "--issuers", str(tmp_path / "no.xlsx")]
    )
    assert result.exit_code == 2 and "no.xlsx" in result.output


@pytest.mark.parametrize(
    ("name", "published"), [("cms_tic_puf_2026_claims_2024.xlsx", 0.19), ("cms_tic_puf_2024_claims_2022.xlsx", None)]
)
def test_real_workbooks_give_the_published_figure_and_the_harmonised_counts(shared, name, published):
    found = issuers.read(shared / "realdata" / name)
    told = issuers.check(found)
    assert told["published"] == published and told["agrees"] in (True, None)
    answers = pd.read_csv(shared / "realdata/cms_tic_issuer_state_year_2015_2024.csv", dtype={"issuer_id": str})
    answers = answers[answers["claims_year"] == told["year"]]
    both = found.merge(answers, on=["state", "issuer_id"], how="outer", suffixes=("", "_known"), validate="1:1")
    assert len(both) == len(found) > 150
    assert (both["received"].fillna(-1) == both["claims_received_in_network"].fillna(-1)).all()
    assert (both["denied"].fillna(-1) == both["claims_denied_in_network"].fillna(-1)).all()
