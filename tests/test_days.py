"""What is dated wrong is said and moves no default day; days and periods that are none are refused before any work."""

from __future__ import annotations

from datetime import date

import pytest
from conftest import claim_837, remittance
from typer.testing import CliRunner

import rcm_analysis as rcm
from rcm_analysis import cli
from rcm_analysis.intake import ingest
from rcm_analysis.reports import render
from rcm_analysis.store.practice import Practice

TODAY = date(2026, 11, 28)


def paid_on(day: str, claim: str = "A1", made: str = "260305") -> bytes:
    text = remittance(f"CLP*{claim}*1*10*10", paid="10").decode().replace("20260305~N1", "20260305~N1")
    return text.replace("*7*20260305", f"*7*{day}").replace("*20260305*0630*1*X", f"*20{made}*0630*1*X").encode()


@pytest.fixture
def own(tmp_path) -> Practice:
    (tmp_path / "good.835").write_bytes(paid_on("20260305"))
    place = Practice(tmp_path / "store", "clinic")
    assert ingest.ingest(place, [tmp_path / "good.835"], today=TODAY).files[0]["status"] == "accepted"
    return place


@pytest.mark.parametrize("day", ["21260301", "20261201", "20261001", "19260301"])
def test_a_payment_of_a_wrong_year_is_a_remark_and_moves_no_day(own, tmp_path, day):
    (tmp_path / "bad.835").write_bytes(paid_on(day, "B1"))
    outcome = ingest.ingest(own, [tmp_path / "bad.835"], today=TODAY)
    (row,) = outcome.files
    told = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    assert row["status"] == "accepted" and told in row["reason"] and outcome.with_warnings() == [row]
    assert row["first_known_on"] is None and row["last_known_on"] is None
    assert own.newest_day(TODAY) == date(2026, 3, 5)
    assert own.connect().execute("SELECT count(*) FROM remittances").fetchall() == [(2,)]


def test_good_days_beside_a_wrong_one_stay_the_files_own(own, tmp_path):
    (tmp_path / "both.835").write_bytes(paid_on("20260310", "B1") + paid_on("21260301", "B2"))
    (row,) = ingest.ingest(own, [tmp_path / "both.835"], today=TODAY).files
    assert row["last_known_on"] == date(2026, 3, 10) and "1 row dated after today" in row["reason"]


def test_a_claim_and_a_posting_of_the_future_are_named(own, tmp_path):
    (tmp_path / "a.837").write_bytes(claim_837("C1", on="20270110"))
    rows = ["Claim ID,Txn Date,Txn Type,Amount", "A1,2026-03-10,Charge,10.00", "A1,2062-03-11,Insurance Payment,-10.00"]
    (tmp_path / "ledger.csv").write_text("\n".join(rows))
    found = ingest.ingest(own, [tmp_path / "a.837", tmp_path / "ledger.csv"], today=TODAY).files
    assert all("after today, 2026-11-28" in row["reason"] for row in found), found
    assert own.newest_day(TODAY) == date(2026, 3, 10)


def test_defaults_are_capped_at_today(own):
    assert own.newest_day(date(2026, 3, 1)) is None and own.newest_day(TODAY) == date(2026, 3, 5)


def call(*arguments: str, store) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, [*arguments, "--store", str(store)])
    error = "" if done.exception is None or isinstance(done.exception, SystemExit) else str(done.exception)
    return getattr(done.exception, "code", done.exit_code), f"{done.output}{error}"


REFUSED = {
    "report": ["--period 2026-13", "--period 2030-01", "--period ./../10x", "--period ../../x", "--period 2026-1x", "--period 0000-00",
               "--period 2026-1", "--period 2026-10-01", "--as-of garbage", "--as-of 0001-01-01", "--as-of 2026-02-30",
               "--period 2026-10 --as-of 2026-03-31", "--period ./../10x --as-of 2026-03-31", "--period 2026-13 --as-of 2026-03-31"],
    "export claims --out x.csv": ["--as-of garbage", "--as-of 0001-01-01"],
    "explain A1": ["--as-of garbage"],
    "deadlines": ["--as-of 31.10.2026"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "wrong"), [(command, wrong) for command, all_ in REFUSED.items() for wrong in all_]
)
def test_what_is_no_day_or_period_is_refused_before_any_work(own, tmp_path, monkeypatch, command, wrong):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "_today", lambda: TODAY)
    monkeypatch.setattr(render, "render", lambda *a, **k: pytest.fail("it went to work"))
    before = sorted(tmp_path.rglob("*"))
    code, said = call(*command.split(), *wrong.split(), "-p", "clinic", store=own.root)
    assert code == 2, said
    assert len(said.strip().splitlines()) == 1 and "Traceback" not in said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_month_that_is_not_over_ends_today(own, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(cli, "_today", lambda: TODAY)
    monkeypatch.setattr(cli, "_report", lambda request, *more: asked.append((request.period, request.as_of)) or 0)
    for period in ("2026-11", "2026-10"):
        assert call("report", "-p", "clinic", "--period", period, store=own.root)[0] == 0
    assert call("report", "-p", "clinic", store=own.root)[0] == 0
    assert asked == [("2026-11", TODAY), ("2026-10", date(2026, 10, 31)), ("2026-02", date(2026, 2, 28))]


def test_a_clock_before_all_files_is_named(own, monkeypatch):
    monkeypatch.setattr(cli, "_today", lambda: date(2020, 1, 1))
    code, said = call("report", "-p", "clinic", store=own.root)
    assert code == 2 and "date and time of this machine" in said


@pytest.mark.parametrize("today, named", [(TODAY, True), (str(TODAY), True), (None, False)])
def test_the_library_names_what_is_after_the_day_it_is_told_and_asks_no_clock(tmp_path, today, named):
    (tmp_path / "soon.835").write_bytes(paid_on("20261201", made="261120"))
    outcome = rcm.ingest(tmp_path / "soon.835", practice="x", store=tmp_path / "store", today=today)
    assert ("dated after today, 2026-11-28" in str(outcome.files[0]["reason"])) == named
