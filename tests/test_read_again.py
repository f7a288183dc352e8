"""A store of release 0.1.0: it is read as it is, says what is worth giving again, and then holds what is read today."""

from __future__ import annotations

import zipfile
from datetime import date
from decimal import Decimal as D
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rcm_analysis import cli
from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest, versions
from rcm_analysis.store import schema
from rcm_analysis.store.practice import Practice

RELEASE = Path(__file__).parent / "data" / "release_0_1_0.zip"
DAY = date(2026, 6, 30)


@pytest.fixture
def stored(tmp_path) -> Practice:
    with zipfile.ZipFile(RELEASE) as archive:
        archive.extractall(tmp_path)
    return Practice(tmp_path / "store", "clinic")


def said(stored: Practice, *arguments: str) -> str:
    result = CliRunner().invoke(cli.app, [*arguments, "--practice", "clinic", "--store", str(stored.root)])
    return result.output


def facts(practice: Practice, table: str) -> set[tuple]:
    con = practice.connect()
    names = [column.name for column in schema.TABLES[table].columns if column.name != "batch"]
    return set(con.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall())


def test_a_store_of_the_first_release_is_read_as_it_is(stored):
    con = derive.open_practice(stored.root, "clinic", as_of=DAY)
    assert con.execute("SELECT count(*), sum(paid) FROM claims").fetchall() == [(5, D(80))]
    assert "worth giving again: 7," in said(stored, "files")
    assert "ledger.csv" in said(stored, "files", "--again")


def test_known_bytes_are_read_again_in_one_batch_that_takes_their_place(stored, tmp_path):
    output = said(stored, "ingest", str(tmp_path / "inbox"))
    assert "7 of them were read again" in output
    assert len(stored.batches()) == 2
    fresh = Practice(tmp_path / "fresh", "clinic")
    fresh.folder.mkdir(parents=True)
    (fresh.folder / "key").write_bytes(stored.key())
    ingest.ingest(fresh, [tmp_path / "inbox"])
    for table in schema.FACTS:
        if table.name not in ("replaced", "files"):
            assert facts(stored, table.name) == facts(fresh, table.name), table.name
    assert {row["name"]: row["status"] for row in stored.files().to_pylist()} == {
        row["name"]: row["status"] for row in fresh.files().to_pylist()}  # fmt: skip
    con = derive.open_practice(stored.root, "clinic", as_of=DAY)
    assert con.execute("SELECT count(*) FROM claims WHERE claim_number LIKE 'no number%'").fetchall() == [(2,)]
    assert con.execute("SELECT state FROM claims WHERE claim_number = 'N1'").fetchall() == [("rejected",)]
    assert con.execute("SELECT carc, denied_amount FROM denials WHERE claim_number = 'L1'").fetchall() == [
        ("197", D(300))
    ]


def test_after_that_nothing_is_worth_giving_again(stored, tmp_path):
    ingest.ingest(stored, [tmp_path / "inbox"])
    again = ingest.ingest(stored, [tmp_path / "inbox"])
    assert (again.batch, {file["status"] for file in again.files}) == (None, {"known"})
    assert "worth giving again" not in said(stored, "files")
    assert said(stored, "files", "--again").strip() == "no file is worth giving again"


def test_what_was_not_given_again_still_counts(stored, tmp_path):
    ingest.ingest(stored, [tmp_path / "inbox" / "stay.837"])
    con = derive.open_practice(stored.root, "clinic", as_of=DAY)
    assert con.execute("SELECT count(*), sum(paid) FROM claims").fetchall() == [(5, D(80))]
    assert con.execute(
        "SELECT service_date_last FROM submission_lines WHERE service_date_last IS NOT NULL"
    ).fetchall() == [(date(2026, 1, 9),)]
    assert "worth giving again: 6," in said(stored, "files")


def test_a_file_that_is_refused_now_counts_no_longer(stored, tmp_path, monkeypatch):
    """Half of it was understood before; what is refused today is not kept from then."""
    monkeypatch.setitem(versions.VERSIONS, "835", 3)
    monkeypatch.setattr(
        "rcm_analysis.edi.balance_835.unread", lambda index, by_claim: list(range(len(index.transactions)))
    )
    ingest.ingest(stored, [tmp_path / "inbox" / "later.835"])
    con = derive.open_practice(stored.root, "clinic", as_of=DAY)
    assert con.execute("SELECT count(*) FROM claims WHERE claim_number = 'L1'").fetchall() == [(0,)]


def test_the_summary_tells_claims_from_what_was_sent_paid_and_posted(tmp_path, stored):
    output = said(Practice(tmp_path / "new", "clinic"), "ingest", str(tmp_path / "inbox"))
    for words in ("claims:       6 different", "submissions:  2 sent, $500.00 charged", "payments:     4 claim payments in 3 remittances, $80.00 paid",
                  "postings:     2 in the ledger", "(IK5): refused your transaction 0001",
                  "next: rcm report --practice clinic --store"):  # fmt: skip
        assert words in output
    listed = CliRunner().invoke(cli.app, ["practices", "--store", str(tmp_path / "new")]).output
    assert listed.split("\n")[1].split("\t")[:4] == ["clinic", "7", "0", "6"]
