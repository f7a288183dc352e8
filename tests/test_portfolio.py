"""Practices side by side: compared fairly, rendered apart, and none lost for another's failure."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import fields
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import voice
from conftest import AS_OF, GOOD, ROOT, copy_of, notebook
from typer.testing import CliRunner

from rcm_analysis import cli
from rcm_analysis.compare import equal_mix, portfolio
from rcm_analysis.pages import blocks, release
from rcm_analysis.pages import portfolio as pages
from rcm_analysis.reports import all_practices, render
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.words import plain

BOOK = ROOT / "notebooks/10_portfolio.ipynb"


def cases(*rows: tuple[str, str, int, int]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["practice", "payer_class", "decided", "denied"])
    return table.assign(denied_amount=table["denied"] * 100.0)


# --- the comparison ------------------------------------------------------------------------------------------------


def test_a_hard_mix_is_not_a_bad_practice():
    """Both deny 30 % of compensation and 5 % of Medicare; alder only bills more of the first."""
    made = equal_mix.compare(cases(("alder", "comp", 800, 240), ("alder", "medicare", 200, 10),
                                         ("birch", "comp", 200, 60), ("birch", "medicare", 800, 40))).set_index("practice")  # fmt: skip
    assert made["rate"].to_dict() == {"alder": 0.25, "birch": 0.10}
    assert made["expected"].to_dict() == pytest.approx({"alder": 250.0, "birch": 100.0})
    assert made["adjusted"].to_dict() == pytest.approx({"alder": 0.175, "birch": 0.175})  # 350 of 2,000
    assert set(made["verdict"]) == {equal_mix.ALIKE} and made["excess_usd"].abs().max() < 1e-6


def test_expected_denials_by_hand():
    made = equal_mix.compare(cases(("a", "x", 100, 20), ("a", "y", 50, 5), ("b", "x", 300, 30), ("b", "y", 100, 20),
                                         ("c", "x", 100, 30))).set_index("practice")  # fmt: skip
    # a: 100 of x at (30+30)/400, 50 of y at 20/100; c: 100 of x at (20+30)/400
    assert made.loc["a", "expected"] == pytest.approx(100 * 0.15 + 50 * 0.2)
    assert made.loc["c", "expected"] == pytest.approx(100 * 0.125)
    assert made.loc["c", "ratio"] == pytest.approx(30 / 12.5)
    assert made.loc["c", "excess_usd"] == pytest.approx(1750.0)
    assert made.loc["c", "verdict"] == "above" and made.loc["b", "verdict"] != "above"


@pytest.mark.parametrize(("elsewhere", "compared"), [(29, 0.5), (30, 1.0)])
def test_few_cases_elsewhere_are_no_yardstick(elsewhere, compared):
    made = equal_mix.compare(
        cases(("a", "x", 100, 10), ("a", "y", 100, 50), ("b", "x", 100, 10), ("b", "y", elsewhere, 0))
    )
    assert made.set_index("practice").loc["a", "compared"] == compared


def test_a_practice_alone_is_compared_with_nothing():
    made = equal_mix.compare(cases(("a", "x", 100, 10), ("b", "y", 100, 90)))
    assert made["verdict"].tolist() == [equal_mix.ALONE] * 2
    assert (
        made[["adjusted", "lower", "upper", "q_value", "excess_usd"]].isna().all().all()
        and (made["rate"] == [0.1, 0.9]).all()
    )


def test_no_denial_at_all_has_an_interval_too():
    made = equal_mix.compare(cases(("a", "x", 200, 0), ("b", "x", 2000, 200))).set_index("practice")
    assert made.loc["a", "lower"] == 0 and 0 < made.loc["a", "upper"] < 0.05 and made.loc["a", "verdict"] == "below"


def simulated(chance: np.random.Generator, effect: float = 1.0) -> pd.DataFrame:
    """Eight practices with mixes and sizes of their own and the same rates; the first times `effect`."""
    rates = {"medicare": 0.08, "commercial": 0.12, "comp": 0.35, "medicaid": 0.2}
    rows = []
    for i in range(8):
        sizes = (chance.integers(200, 3000) * chance.dirichlet(np.ones(4))).astype(int)
        for (name, rate), n in zip(rates.items(), sizes, strict=True):
            rows.append((f"p{i}", name, int(n), int(chance.binomial(n, rate * (effect if i == 0 else 1)))))
    return cases(*rows)


def test_practices_alike_are_seldom_called_different_and_intervals_hold():
    chance, called, inside = np.random.default_rng(5), 0, []
    for _ in range(120):
        made = equal_mix.compare(simulated(chance))
        called += made["verdict"].isin(["above", "below"]).any()
        overall = made["denied"].sum() / made["decided"].sum()
        inside += (made["lower"].le(overall) & made["upper"].ge(overall)).tolist()
    assert called <= 14  # 6 expected at 5 %
    assert 0.93 <= np.mean(inside) <= 0.975


def test_a_practice_that_denies_half_more_is_found():
    chance = np.random.default_rng(6)
    found = [equal_mix.compare(simulated(chance, 1.5)).set_index("practice").loc["p0", "verdict"] for _ in range(50)]
    assert found.count("above") >= 40


def test_q_values_by_hand():
    q = equal_mix._benjamini_hochberg(pd.Series([0.01, 0.04, None, 0.03]))
    assert q.tolist()[:2] == pytest.approx([0.03, 0.04]) and q.isna().tolist() == [False, False, True, False]
    assert q[3] == pytest.approx(0.04)


# --- the practices' numbers ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(demo_store, tmp_path_factory) -> Path:
    """Two practices with the same files, and one whose files are damaged."""
    root = tmp_path_factory.mktemp("practices")
    for name in ("riverbend", "lakeside", "broken"):
        copy_of(demo_store / "riverbend", root / name)
    for path in (root / "broken/batches").glob("*/remittances.parquet"):
        os.truncate(path, 100)
    return root


@pytest.fixture(scope="module")
def told(store) -> portfolio.Profiles:
    return portfolio.profiles(store, "riverbend,lakeside", as_of=AS_OF, months=12)


def test_a_profile_agrees_with_the_practices_own_pages(told, demo_con):
    year = "BETWEEN DATE '2025-11-01' AND DATE '2026-10-31'"
    ask = lambda sql: float(demo_con.execute(sql).fetchall()[0][0])  # noqa: E731
    row = portfolio.ranking(told, as_of=AS_OF, months=12).set_index("practice").loc["riverbend"]
    assert row["decided"] == ask(f"SELECT count(*) FROM claims WHERE first_decided_on {year}")
    assert row["denied"] == ask(f"SELECT count(*) FROM claims WHERE initially_denied AND first_decided_on {year}")
    assert row["lost"] == ask(f"SELECT sum(amount) FROM write_offs WHERE root = 'unnecessary' AND posted_on {year}")
    states = ("denied_open", "open_past_window", "unpaid_no_reason", "taken_back", "appealed", "resubmitted")
    opened = f"state IN {states} AND open_balance > 0"
    assert round(row["open"], 2) == ask(f"SELECT sum(open_balance) FROM claims WHERE {opened}")
    good = "root = 'necessary' AND leaf NOT IN ('contractual', 'regulatory')"
    assert row["necessary"] == ask(f"SELECT sum(amount) FROM write_offs WHERE {good} AND posted_on {year}")


def test_twins_are_alike_and_ranked_by_name(told):
    ranked = portfolio.ranking(told, as_of=AS_OF, months=12)
    assert ranked["practice"].tolist() == ["lakeside", "riverbend"]
    assert ranked["ratio"].tolist() == pytest.approx([1.0, 1.0]) and set(ranked["verdict"]) == {equal_mix.ALIKE}
    assert (ranked["money"] == ranked["lost"] + ranked["open"] + ranked["rejected"]).all()


def figures(**more) -> pd.DataFrame:
    whole = {"first_decision": pd.Timestamp("2024-01-05"), "last_decision": pd.Timestamp("2026-10-28"), "ledger": True, "files": 40,
             "files_left_out": 0, "sent": 1000, "unanswered": 10, "items": 5000, "unbalanced": 0, "one_sided": False, "ledger_doubtful": False}  # fmt: skip
    return pd.DataFrame([whole | more])


@pytest.mark.parametrize(("facts", "words"), [
    ({}, "complete"), ({"last_decision": pd.NaT}, "no remit is known"),
    ({"last_decision": pd.Timestamp("2026-08-30")}, "no remit since August 2026"), ({"ledger": False}, "no ledger: write-offs are not known"),
    ({"ledger_doubtful": True}, "a ledger file is not understood: write-offs are withheld"),
    ({"files_left_out": 3}, "3 of 40 files not or partly read"), ({"unanswered": 51}, "5.1% of claims unanswered after 60 days"),
    ({"unanswered": 50}, "complete"), ({"unbalanced": 6}, "0.1% of paid lines do not balance"),
    ({"first_decision": pd.Timestamp("2026-02-03")}, "begins in February 2026"),
    ({"one_sided": True}, "paid claims are not in the files: denial rate too high"),
])  # fmt: skip
def test_what_makes_numbers_doubtful_is_said(facts, words):
    assert portfolio.quality(figures(**facts), as_of=AS_OF, months=12).tolist() == [words]


def test_profiles_are_handed_over_and_not_computed_again(told, tmp_path, monkeypatch):
    with portfolio.handed(told, tmp_path) as environment:
        monkeypatch.setenv(*next(iter(environment.items())))
        again = portfolio.profiles(Path("nowhere"), "all", as_of=AS_OF, months=12)
    for one in fields(portfolio.Profiles):
        assert getattr(again, one.name).astype(str).equals(getattr(told, one.name).astype(str)), one.name


# --- rendering -----------------------------------------------------------------------------------------------------


def test_a_practice_without_decisions_stays_in_the_ranking(told):
    bare = told.figures.head(1).assign(practice="new", last_decision=pd.NaT, lost=0.0, open=0.0, rejected=0.0)
    more = portfolio.Profiles(
        told.cases, pd.concat([told.figures, bare], ignore_index=True), told.changes, told.reports
    )
    row = portfolio.ranking(more, as_of=AS_OF, months=12).set_index("practice").loc["new"]
    assert row["decided"] == 0 and row["verdict"] == equal_mix.ALONE and pd.isna(row["rate"])
    assert "no remit is known" in row["data"]


def test_what_a_practice_lost_is_withheld_where_its_ledger_is_not_understood(told):
    doubtful = told.figures.assign(ledger_doubtful=told.figures["practice"] == "lakeside", lost=[700.0, 900.0])
    ranked = portfolio.ranking(
        portfolio.Profiles(told.cases, doubtful, told.changes, told.reports), as_of=AS_OF, months=12
    )
    row = ranked.set_index("practice").loc["lakeside"]
    assert row[["lost", "necessary", "lost_per_1000"]].isna().all() and row["money"] == row["open"] + row["rejected"]
    known = float(ranked.set_index("practice").loc["riverbend", "lost"])
    tile = pages.key_figures(ranked, months=12, month="October 2026", as_of="October 31, 2026").figures[1]
    assert (
        known in (700.0, 900.0)
        and tile[1] == f"${known:,.0f}"
        and "lakeside, whose ledger is not understood" in tile[2]
    )
    alone = ranked[ranked["practice"] == "lakeside"]
    assert "avoidable write-offs" not in pages.first_to_visit_sentence(alone, months=12)
    assert (
        pages.overview(ranked, months=12, month="October 2026", as_of="October 31, 2026").data["lost"].isna().sum() == 1
    )


def rendered(practices, store, out, *books, jobs=1, name="", **more) -> all_practices.Round:
    request = ReportRequest("all", "2026-10", AS_OF, notebooks=tuple(books), **more)
    return all_practices.render_all(practices, request, store=store, out=out, jobs=jobs, name=name)


def test_one_broken_practice_stops_no_other_and_is_named(store, tmp_path):
    book = notebook(tmp_path / "01_x.ipynb", GOOD, "assert practice != 'lakeside'")
    (tmp_path / "out/lakeside/2026-10").mkdir(parents=True)
    (tmp_path / "out/lakeside/2026-10/index.html").write_text("the last good one")
    made = rendered(["riverbend", "lakeside", "broken"], store, tmp_path / "out", book, jobs=2)
    assert {one.practice: one.ok for one in made.made} == {"riverbend": True, "lakeside": False, "broken": False}
    assert not made.ok and made.page.ok
    assert re.match(r"batch \S+ of broken is damaged \(", made.made[0].message)
    text = (tmp_path / "out/all/2026-10/10_portfolio.html").read_text()
    assert "2 of 3 reports failed: broken (" in text and "lakeside (01_x: cell 4 failed: AssertionError)" in text
    links = re.findall(r'<a href="(\.\./[^"]+)"', text)
    assert links == ["../../lakeside/2026-10/index.html", "../../riverbend/2026-10/index.html"]
    assert all((tmp_path / "out/all/2026-10" / link).exists() for link in links)
    states = pd.read_csv(tmp_path / "out/all/2026-10/tables/portfolio_data.csv")
    assert states["practice"].tolist()[0] == "broken" and states["data"].tolist()[0] == "could not be read"
    manifest = json.loads((tmp_path / "out/all/2026-10/manifest.json").read_text())
    assert manifest["practices"] == ["broken", "lakeside", "riverbend"]


def test_the_command_renders_all_and_tells_the_truth(store, tmp_path):
    options = ["report", "--store", str(store), "--out", str(tmp_path / "out")]
    run = lambda *more: CliRunner().invoke(cli.app, [*options, *more])  # noqa: E731
    done = run("-p", "all", "--only", "10")
    assert (
        done.exit_code == 3
        and "broken: " in done.output
        and done.output.strip().endswith("out/all/2026-10/10_portfolio.html")
    )
    some = run("-p", "lakeside,riverbend", "--only", "10")
    assert some.exit_code == 0 and re.search(
        r"/all/2026-10\.lakeside-and-1-[0-9a-f]{6}/10_portfolio\.html$", some.output.strip()
    )
    page = Path(some.output.strip().splitlines()[-1].removeprefix("file://")).read_text("utf-8").split("<body>")[1]
    assert not voice.found(plain(re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)))
    assert run("-p", "broken,nobody", "--only", "10", "--as-of", "2026-10-31").exit_code == 1
    assert not list((tmp_path / "out").glob("riverbend/*"))


def test_a_forgotten_practice_is_forgotten_by_the_comparison_too(store, tmp_path):
    copied = tmp_path / "store"
    shutil.copytree(store / "riverbend", copied / "riverbend")
    shutil.copytree(store / "riverbend", copied / "other")
    for name, chosen in (("", ["other", "riverbend"]), ("mine", ["riverbend"])):
        rendered(chosen, copied, tmp_path / "out", name=name)
    run = CliRunner().invoke(
        cli.app, ["forget", "-p", "other", "--yes", "--store", str(copied), "--out", str(tmp_path / "out")]
    )
    assert run.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out/all").iterdir() if path.is_dir()) == ["2026-10.mine"]


def test_all_names_no_practice(tmp_path):
    (tmp_path / "x.835").write_text("x")
    run = CliRunner().invoke(cli.app, ["ingest", str(tmp_path / "x.835"), "-p", "all", "--store", str(tmp_path)])
    assert run.exit_code == 2 and "all means every practice" in run.output


def test_the_deidentified_page_keeps_names_and_no_small_count(store, tmp_path):
    made = rendered(["riverbend", "lakeside"], store, tmp_path / "out", deidentified=True)
    folder = made.page.folder
    assert folder.name == "2026-10.deidentified" and not (folder / "executed").exists()
    manifest = json.loads((folder / "manifest.json").read_text())
    hidden = 0
    for path in (folder / "tables").glob("*.csv"):
        frame, counts = pd.read_csv(path), manifest["tables"][path.stem]["counts"]
        for name in set(counts) & set(frame):
            assert not release.is_small(frame[name]).any(), (path.name, name)
            holes = frame[name].isna().sum()
            assert holes != 1 or not frame[name].max() > 0, (path.name, name)  # one alone is the total less the others
            hidden += holes
    assert hidden
    text = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", text)
    assert "riverbend" in text and "lakeside" in text


def test_links_lead_nowhere_else():
    frame = pd.DataFrame(
        {"a": list("wxyz"), "to": ["../../p/2026-10/index.html", "javascript:alert(1)", "//example.org/x", None]}
    )
    text = blocks.Table(frame, name="t", title="t", columns={"a": blocks.Column("A")}, links="to").html()
    assert re.findall(r'href="([^"]*)"', text) == ["../../p/2026-10/index.html", "tables/t.csv"]
    with pytest.raises(KeyError, match="nowhere"):
        blocks.Table(frame, name="t", title="t", columns={"a": blocks.Column("A")}, links="nowhere")


def test_the_mask_lasts_while_anybody_writes():
    before = os.umask(0o022)
    try:
        with render.private_files():
            with render.private_files():
                pass
            first, second = render.private_files(), render.private_files()
            first.__enter__(), second.__enter__()
            first.__exit__(None, None, None)
            assert os.umask(0o077) == 0o077
            second.__exit__(None, None, None)
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_dates_are_those_of_the_newest_practice(store):
    assert cli._dates(["riverbend", "lakeside"], None, None, store, date(2026, 11, 20)) == (
        date(2026, 10, 31),
        "2026-10",
    )
