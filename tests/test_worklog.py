"""Work logs: told by their content, kept without notes and users, and what they say of denials that wait."""

from __future__ import annotations

import csv
from datetime import date

import pytest
from conftest import texts_of
from test_claims import derived, line

from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.spreadsheets import exports
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import practice

PLAIN = """Worked On,Claim Ref,Queue,Action,Outcome,Insurance
2026-03-10,A1,DEN,appeal,attempt 1,ACME
2026-03-20,A1,DEN,status_check,in process,ACME
"""
TITLED = """Follow-up activity report
Printed,11/02/2026

Activity Date;Account #;Work List;Activity Type;Disposition;User;Comments
03/10/2026;A1;Denials;Sent 1st level appeal;Faxed;JMOSS;spoke w ANN QUILLFEATHER
03/20/2026;A1;Denials;Called payer;Still processing;JMOSS;
""".replace(";", ",")


def read(text: str) -> exports.Read:
    return exports.read("log.csv", text.encode(), raw=text.encode())


@pytest.mark.parametrize("text", [PLAIN, TITLED])
def test_a_work_log_is_told_by_its_headings_and_its_actions(text):
    got = read(text)
    rows = got.tables["work_log"].select(["claim_number", "known_on", "action", "outcome"]).to_pylist()
    assert got.kind == "work_log" and [tuple(row.values()) for row in rows] == [
        ("A1", date(2026, 3, 10), "appeal", "sent"), ("A1", date(2026, 3, 20), "status", "pending")]  # fmt: skip


@pytest.mark.parametrize("text", [
    "Worked On,Claim Ref,Action,Amount\n2026-03-10,A1,appeal,100.00\n",  # money: a ledger
    "Date,Claim Ref,Action\n2026-03-10,A1,QUILLFEATHER\n",  # no action that anybody knows
    "Claim Ref,Action\nA1,appeal\n",  # no day
])  # fmt: skip
def test_another_list_is_no_work_log(text):
    assert "work_log" not in read(text).tables


def test_neither_notes_nor_users_nor_rare_queues_are_kept(tmp_path):
    rows = "".join(f"2026-03-1{i},A{i},DENIALS,appeal,sent,jmoss,spoke w ANN QUILLFEATHER\n" for i in range(5))
    log = "Worked On,Claim Ref,Queue,Action,Outcome,Worked By,Notes\n" + rows
    log += "2026-03-20,A9,QUILLFEATHER ANN,call,QUILLFEATHER paid,jmoss,\n"
    con = derived(tmp_path, line("CAS*CO*197*100"), log.encode())
    words = " ".join(texts_of(con)).lower()
    assert "quill" not in words and "moss" not in words
    assert con.execute("SELECT count(DISTINCT queue) FROM work_log").fetchall() == [(1,)]


def test_rows_without_a_claim_or_a_day_are_listed(tmp_path):
    con = derived(tmp_path, (PLAIN + "2026-03-21,,DEN,appeal,,ACME\nsoon,A2,DEN,appeal,,ACME\n").encode())
    assert con.execute("SELECT place, reason FROM rejects ORDER BY place").fetchall() == [
        ("row 4", "names no claim"), ("row 5", "has no day")]  # fmt: skip


HEAD = "Worked On,Claim Ref,Queue,Action,Outcome\n"


@pytest.mark.parametrize(("work", "state"), [
    ("2026-03-10,A1,DEN,appeal,attempt 1\n", "appealed"),
    ("2026-03-10,A1,DEN,records sent,attempt 1\n", "appealed"),
    ("2026-03-10,A1,DEN,appeal,attempt 1\n2026-03-20,A1,DEN,status check,in process\n", "appealed"),
    ("2026-03-10,A1,DEN,appeal,attempt 1\n2026-03-20,A1,DEN,corrected claim,sent\n", "resubmitted"),
    ("2026-03-10,A1,DEN,appeal,too late\n", "denied_open"),
    ("2026-03-01,A1,DEN,appeal,attempt 1\n", "denied_open"),  # answered since
    ("2026-03-10,A1,DEN,status check,in process\n", "denied_open"),
    ("2026-03-10,B7,DEN,appeal,attempt 1\n", "denied_open"),
])  # fmt: skip
def test_an_open_denial_is_appealed_while_its_appeal_waits(tmp_path, work, state):
    con = derived(tmp_path, line("CAS*CO*197*100"), (HEAD + work).encode(), as_of=date(2026, 4, 1))
    assert con.execute("SELECT state FROM claims").fetchall() == [(state,)]


def test_the_demo_knows_which_of_its_denials_are_appealed(tmp_path):
    practice.write_practice(tmp_path / "in", claims=900, months=12, seed=5)
    ingest.ingest(
        Practice(tmp_path / "s", "p"), [tmp_path / "in" / name for name in ("edi", "ledger.csv", "work_log.csv")]
    )
    with open(tmp_path / "in/truth/claims.csv", newline="", encoding="utf-8") as file:
        truth = {row["claim_number"] for row in csv.DictReader(file) if row["appealed_on"]}
    con = derive.open_practice(tmp_path / "s", "p", as_of=date(2026, 10, 31))
    assert (
        truth
        and {number for (number,) in con.execute("SELECT claim_number FROM claims WHERE state = 'appealed'").fetchall()}
        == truth
    )
