"""The bench of worlds: what was measured is not measured again, what failed is said, and the truth fits the files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def truth(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    import truth

    return truth


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("truth")


def tiny(truth):
    return truth.World("tiny", "500 claims", made={"claims": 500, "months": 8, "seed": 5})


def test_a_section_is_measured_once_for_the_same_sources(truth, folder, monkeypatch):
    calls = []
    monkeypatch.setattr(
        truth.judged, "SECTIONS", {"order": lambda here: calls.append(here) or {"denials": 3, "rank": 0.5}}
    )
    for _ in range(2):
        truth.measure([tiny(truth)], ["order"], folder=folder)
    assert len(calls) == 1
    truth.measure([tiny(truth)], ["order"], folder=folder, fresh=True)
    assert len(calls) == 2
    monkeypatch.setattr(truth, "package_key", lambda: "another")
    truth.measure([tiny(truth)], ["order"], folder=folder)
    assert len(calls) == 3, "other sources are measured anew"


def test_a_section_that_fails_is_said_and_the_others_go_on(truth, folder, monkeypatch):
    def fails(here):
        raise ValueError("no denial")

    monkeypatch.setattr(truth.judged, "SECTIONS", {"risk": fails, "order": lambda here: {"denials": 1, "rank": 0.25}})
    monkeypatch.setattr(truth, "package_key", lambda: "fails")
    truth.measure([tiny(truth)], ["risk", "order"], folder=folder)
    results = list(truth.newest_results([tiny(truth)], ["risk", "order"], folder))
    text = truth.markdown(results)
    assert "tiny: ValueError: no denial" in text and "0.250" in text


def test_files_that_were_cut_short_are_made_again(truth, tmp_path):
    def stops(part):
        (part / "half").write_text("")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        truth._made_once(tmp_path / "world", stops)
    assert not (tmp_path / "world").exists()
    made = truth._made_once(tmp_path / "world", lambda part: (part / "whole").write_text(""))
    assert [p.name for p in made.iterdir()] == ["whole"]


def test_mean_and_worst_look_the_right_way(truth):
    results = [{"world": w, "section": "risk", "current": True, "made": "2026-01-01T00:00", "commit": "abc",
                "figures": {"denials": 10, "log_loss": loss, "auroc": rank}} for w, loss, rank in (("x", 0.5, 0.8), ("y", 0.7, 0.6))]  # fmt: skip
    table = truth.table(results, "risk")
    assert table.loc["worst"].dropna().to_dict() == {"log_loss": 0.7, "auroc": 0.6}
    assert table.loc["mean", "auroc"] == pytest.approx(0.7)
    assert np.isnan(table.loc["worst", "denials"])


def test_the_truth_of_a_made_world_fits_its_files(truth, folder):
    here = truth.opened(tiny(truth), folder)
    t = here.truth.claims
    m = t[t["in_edi"] & t["first_decided_on"].notna()].merge(
        here.table("claims"), on="claim_number", suffixes=("", "_said")
    )
    assert m["initially_denied"].eq(m["initially_denied_said"]).all()
    denied = t[t["initially_denied"]]
    assert denied["p_write_off_true"].between(0, 1).all() and denied["settled_on"].notna().all()
    assert here.risk_days == sorted(here.risk_days) and here.risk_days[-1] == here.end


def test_the_order_by_truth_is_the_best_there_is(truth, folder):
    here = truth.opened(tiny(truth), folder)
    day, t = here.end, here.truth.claims
    denied = t[t["initially_denied"] & t["in_edi"]]
    here.risk_days = [day]
    listed = denied[["claim_number"]].assign(p_write_off=0.5, rank=range(1, len(denied) + 1))
    here.asked["risk", day] = listed
    here.truth.open_denials = None
    got = truth.judged.order(here)
    assert got["truth"] >= max(got["rank"], got["amount"], got["expected_allowed"]) > 0


def test_the_open_list_is_held_against_its_true_chances(truth, folder):
    here = truth.opened(tiny(truth), folder)
    here.risk_days = [here.end]
    told = here.truth.open_denials[here.truth.open_denials["as_of"].eq(pd.Timestamp(here.end))]
    cash = told["p_win_worked"] * told["price"]
    listed = told[["claim_number"]].assign(
        p_write_off=told["p_write_off_true"], rank=cash.rank(ascending=False, method="first")
    )
    here.asked["risk", here.end] = listed
    assert truth.judged.of_all_open(here) == pytest.approx({"open_level_points": 0, "open_distance": 0})
    got = truth.judged.of_the_open_list(here)
    assert got["open_rank_of_truth"] == got["day_rank_of_truth"] == pytest.approx(1)
    here.asked["risk", here.end] = listed.assign(p_write_off=listed["p_write_off"] - 0.1)
    assert truth.judged.of_all_open(here)["open_level_points"] == pytest.approx(10)


def test_figures_hang_on_their_own_part_of_the_judge(truth):
    keys = {section: truth.judged_key(section) for section in truth.judged.SECTIONS}
    assert keys["signals"] == keys["clusters"] and len(set(keys.values())) == 5


def test_a_move_counts_only_without_a_new_fact(truth, folder):
    here = truth.opened(tiny(truth), folder)
    before, after = here.month_end(1), here.end
    here.risk_days = [before, after]
    facts = here.table("remittances")
    touched = facts.loc[pd.to_datetime(facts["known_on"]) > pd.Timestamp(before), "claim_number"].iat[0]
    for day, p in ((before, 0.2), (after, 0.9)):
        here.asked["risk", day] = pd.DataFrame(
            {"claim_number": [touched, "untouched"], "p_write_off": [p, 0.4 + p / 10]}
        )
    assert truth.judged.moves(here)["largest_move"] == pytest.approx(0.07)


@pytest.mark.parametrize("name", ["a-short", "c-null"])
def test_the_truth_of_a_world_beside_the_project_is_read(truth, shared, name):
    world = next(w for w in truth.WORLDS if w.name == name)
    told = truth.shared_truth(truth.SHARED / world.folder / "truth")
    assert told.stationary == name.endswith("null") and told.claims["p_denial"].notna().any()
    assert (
        json.loads((truth.SHARED / world.folder / "truth/world.json").read_text())["initially_denied"]
        == told.claims["initially_denied"].sum()
    )


def test_the_bench_has_sixteen_worlds_and_six_quick_ones(truth):
    assert len(truth.WORLDS) >= 16 and len({w.name for w in truth.WORLDS}) == len(truth.WORLDS)
    assert len(truth.QUICK) == 6 and set(truth.QUICK) <= {w.name for w in truth.WORLDS}


def test_the_order_of_work_is_that_of_the_other_authors(truth, shared, tmp_path):
    """Their truth as ours: the same shares of the same cash for an order that anybody can make."""
    world = next(w for w in truth.WORLDS if w.name == "a-short")
    told = truth.shared_truth(truth.SHARED / world.folder / "truth")
    end = told.claims["first_decided_on"].max().date()
    here = truth.judged.Opened(told, tmp_path, "p", end, 14, lambda day: [])
    denied = told.claims[told.claims["initially_denied"]].reset_index(drop=True)
    for day in here.risk_days:
        here.asked["risk", day] = denied[["claim_number"]].assign(
            p_write_off=0.4 + 0.2 * (denied["carc"] == "50"),
            rank=range(len(denied)),
            expected_loss_usd=denied["denied_amount"],
        )
    lines = truth.scored(world, here, ["risk"])
    theirs = next(line for line in lines if "order of work" in line).split()
    ours = truth.judged.order(here)
    for word, name in (("rank", "rank"), ("amount", "amount"), ("truth", "truth")):
        assert float(theirs[theirs.index(word) + 1].strip(",")) == pytest.approx(ours[name], abs=0.002)
    suite = next(line for line in lines if line.startswith("risk suite"))
    m = pd.concat([truth.judged.newest(here, day) for day in here.risk_days])
    assert f"n {len(m)}:" in suite
    assert f"log loss {truth.judged.log_loss(m['y'].to_numpy(), m['p_write_off'].to_numpy(float)):.4f}" in suite


def test_leaves_that_say_the_same_count_as_right(truth):
    true = pd.DataFrame({"claim_number": ["1", "2"], "leaf": ["bad_debt_insured", "charity"], "amount": [10.0, 30.0]})
    mine = pd.DataFrame(
        {"claim_number": ["1", "2"], "leaf": ["bad_debt_uninsured", "courtesy"], "amount": [10.0, 30.0]}
    )
    assert truth.judged.dollars_right(true, mine, "leaf") == pytest.approx(0.25)
