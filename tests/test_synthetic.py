"""The generator of practices: the same seed gives the same bytes, and its truth fits its files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from rcm_analysis.synthetic import practice
from rcm_analysis.synthetic.chances import Fate


def made(folder: Path, **more) -> Path:
    practice.write_practice(folder, **{"claims": 900, "months": 14, "seed": 4, **more})
    return folder


def digest(folder: Path) -> str:
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return hashlib.sha256(b"".join(str(p.relative_to(folder)).encode() + p.read_bytes() for p in paths)).hexdigest()


def truth(folder: Path, name: str) -> pd.DataFrame:
    words = dict.fromkeys(
        ("claim_number", "denial_outcome", "later_outcome", "root_cause", "carc", "rarc", "final_outcome"), str
    )
    return pd.read_csv(folder / f"truth/{name}.csv", dtype=words)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    return made(tmp_path_factory.mktemp("plain"), claims=4000)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    assert digest(made(tmp_path / "a")) == digest(made(tmp_path / "b"))


def test_chances_fit_what_happened(plain):
    chances, claims = truth(plain, "chances"), truth(plain, "claims")
    denied = chances[chances["initially_denied"]]
    assert set(denied["claim_number"]) == set(claims.loc[claims["initially_denied"], "claim_number"])
    assert abs(chances["p_denial_at_submit"].mean() - chances["initially_denied"].mean()) < 0.015
    lost = denied["later_outcome"].eq("written_off")
    assert abs(denied["p_writeoff_at_denial"].mean() - lost.mean()) < 0.05
    both = denied.merge(claims, on="claim_number")
    told = both[both["denial_outcome"].ne("open")]
    assert told["denial_outcome"].eq(told["later_outcome"]).all()
    assert pd.to_datetime(denied["settled_on"]).notna().all()


def test_open_denials_are_those_that_end_later(plain):
    rows, chances = truth(plain, "open_denials"), truth(plain, "chances").set_index("claim_number")
    assert (pd.to_datetime(rows["settled_on"]) > pd.to_datetime(rows["as_of"])).all()
    assert rows[["p_win_worked", "p_win_left", "p_write_off"]].stack().between(0, 1).all()
    lost = rows["later_outcome"].eq("written_off")
    assert abs(rows["p_write_off"].mean() - lost.mean()) < 0.06
    assert set(rows["claim_number"]) <= set(chances.index)


def test_a_chance_falls_and_rises_with_what_is_known():
    from datetime import date, timedelta

    day = date(2026, 1, 1)
    fate = Fate("X", day, 10_000, 5_000, p_work=0.5, p_win=0.8, blind_share=0.1)
    assert fate.p_write_off == pytest.approx(1 - 0.5 * 0.72)
    assert fate.as_of(day)[2] == pytest.approx(1 - 0.5 * 0.72)
    assert fate.as_of(day + timedelta(days=50))[2] == pytest.approx(1.0), "by now it would have been sent"
    fate.sent_on = day + timedelta(days=10)
    assert fate.as_of(day + timedelta(days=20)) == pytest.approx((0.8, 0.8, 0.2))
    fate.answered_on = day + timedelta(days=30)
    assert fate.as_of(day + timedelta(days=40))[2] == 1.0


@pytest.mark.parametrize("name", ["dialysis", "therapy"])
def test_denials_of_repeat_patients_come_in_clumps(tmp_path, name):
    folder = made(tmp_path / "a", claims=3000, repeat=name, events=False)
    claims = truth(folder, "claims")
    cause = {"dialysis": "PCS", "therapy": "LIMIT"}[name]
    lines = [line for path in sorted((folder / "edi/837").iterdir()) for line in path.read_text().splitlines()]
    member, of_claim = "", {}
    for line in lines:
        if line.startswith("NM1*IL*"):
            member = line.split("*")[9]
        elif line.startswith("CLM*"):
            of_claim[line.split("*")[1]] = member
    sent = claims.assign(member=claims["claim_number"].map(of_claim))
    visits = sent.groupby("member").size().sort_values(ascending=False)
    assert visits.head(5).sum() > 0.04 * len(sent), "a few patients have many of the visits"
    denied = sent[sent["root_cause"].eq(cause)]
    assert denied.groupby("member").size().max() >= 5
    assert digest(folder) == digest(made(tmp_path / "b", claims=3000, repeat=name, events=False))


def test_a_variant_that_there_is_not_is_said(tmp_path):
    with pytest.raises(ValueError, match="dialysis, therapy"):
        made(tmp_path, repeat="hospice")


def of_the_denied(folder: Path) -> pd.DataFrame:
    chances = truth(folder, "chances")
    return chances[chances["initially_denied"]].merge(
        truth(folder, "claims")[["claim_number", "payer", "first_decision_date"]], on="claim_number"
    )


def test_two_desks_differ_in_effort_skill_and_delay(tmp_path):
    folder = made(tmp_path, claims=4000, desks="two")
    log = pd.read_csv(folder / "work_log.csv", parse_dates=["Date Worked"])
    log = log[log["Action"].eq("corrected claim")].merge(
        of_the_denied(folder), left_on="Visit #", right_on="claim_number"
    )
    waited = (log["Date Worked"] - pd.to_datetime(log["first_decision_date"])).dt.days
    quick, slow = (waited[log["Work Queue"].eq(name)] for name in ("DENIALS-A", "DENIALS-B"))
    assert quick.max() < 16 < slow.min() and len(slow) > 20
    desk = log.groupby("payer")["Work Queue"].nunique()
    assert desk.eq(1).all(), "a payer's denials go to one desk"


def test_a_backlog_leaves_small_denials_alone_and_bills_late(tmp_path, plain):
    folder = made(tmp_path, claims=4000, desks="backlog")
    denied = of_the_denied(folder)
    small = denied["denied_amount"] < 300
    assert denied.loc[small, "p_work"].mean() < 0.25 < denied.loc[~small, "p_work"].mean()
    days = [(pd.to_datetime(t["first_submitted_on"]) - pd.to_datetime(t["service_date"])).dt.days.median()
            for t in (truth(folder, "claims"), truth(plain, "claims"))]  # fmt: skip
    assert days[0] > days[1] + 4


@pytest.mark.parametrize("desks", ["two", "backlog"])
def test_chances_of_desks_fit_what_happened(tmp_path, desks):
    denied = of_the_denied(made(tmp_path, claims=5000, desks=desks))
    lost = denied["later_outcome"].eq("written_off")
    assert abs(denied["p_writeoff_at_denial"].mean() - lost.mean()) < 0.05
    rows = truth(tmp_path, "open_denials")
    assert abs(rows["p_write_off"].mean() - rows["later_outcome"].eq("written_off").mean()) < 0.06


@pytest.mark.parametrize(("effect", "left"), [("pays-anyway", 0.1), ("work-pays", 0.0)])
def test_what_is_left_alone_is_paid_as_often_as_told(tmp_path, effect, left):
    denied = of_the_denied(made(tmp_path, claims=6000, effect=effect))
    log = pd.read_csv(tmp_path / "work_log.csv")
    denied = denied[pd.to_datetime(denied["first_decision_date"]) < "2026-08-01"].merge(
        truth(tmp_path, "claims")[["claim_number", "root_cause"]]
    )
    denied = denied[denied["root_cause"].ne("NONCOV")]
    worked = denied["claim_number"].isin(log.loc[log["Action"].eq("corrected claim"), "Visit #"])
    paid = denied["later_outcome"].eq("paid")
    for group, chance in ((worked, "p_win1"), (~worked, "p_win_left")):
        assert abs(paid[group].mean() - denied.loc[group, chance].mean()) < 0.09
    assert paid[~worked].mean() >= left and (denied["p_win1"] >= 0.8 * denied["p_win_left"]).all()
    rows = truth(tmp_path, "open_denials")
    assert abs(rows["p_write_off"].mean() - rows["later_outcome"].eq("written_off").mean()) < 0.06


@pytest.mark.parametrize("payers", ["coast", "prairie"])
def test_other_payers_stand_in_files_ledger_and_events(tmp_path, payers):
    folder = made(tmp_path, claims=1500, payers=payers)
    claims, events = truth(folder, "claims"), pd.read_csv(folder / "truth/events.csv", keep_default_na=False)
    names = set(claims["payer"]) - {"SELF PAY"}
    ordinary = {payer["name"] for payer in practice.PAYERS}
    assert len(names) == 8 and not names & ordinary
    assert set(events["payer"]) - {""} <= names
    text = "".join(path.read_text() for path in (folder / "edi/835").iterdir())
    assert all(name in text for name in names) and not any(name in text for name in ordinary)
    assert not {payer["ledger"] for payer in practice.PAYERS} & set(pd.read_csv(folder / "ledger.csv")["Insurance"])


def test_remarks_alone_tell_causes_apart_and_some_payers_give_none(tmp_path):
    claims = truth(made(tmp_path, claims=4000, codes="remarks"), "claims")
    denied = claims[claims["initially_denied"]]
    assert denied.loc[denied["carc"].eq("16"), "root_cause"].nunique() >= 6
    silent = denied[denied["payer"].isin(["ATLAS HEALTH PLAN", "BUCKEYE STATE MEDICAID"]) & denied["carc"].eq("16")]
    assert len(silent) > 5 and silent["rarc"].isna().all()


def test_payers_have_codes_of_their_own(tmp_path):
    claims = truth(made(tmp_path, claims=4000, codes="own"), "claims")
    denied = claims[claims["initially_denied"] & claims["root_cause"].isin(["ELIG", "DOC"])]
    codes = denied.groupby("root_cause")["carc"].nunique()
    assert (codes >= 2).all()
    assert denied.groupby(["root_cause", "payer"])["carc"].nunique().eq(1).all()


def test_habits_go_together(tmp_path):
    every = {"repeat": "dialysis", "desks": "two", "effect": "pays-anyway", "payers": "coast", "codes": "own"}
    folder = made(tmp_path / "a", claims=3000, **every)
    denied = of_the_denied(folder)
    assert abs(denied["p_writeoff_at_denial"].mean() - denied["later_outcome"].eq("written_off").mean()) < 0.06
    assert digest(folder) == digest(made(tmp_path / "b", claims=3000, **every))


@pytest.mark.parametrize(("name", "where"), [("payer-rule", "payer"), ("front-desk", "location")])
def test_a_rise_of_rejections_stands_in_the_acknowledgments(tmp_path, name, where):
    folder = made(tmp_path, claims=3000, rejections=name)
    rejected, event = truth(folder, "rejections"), truth(folder, "events").query("kind == 'rejections'").iloc[0]
    mine = rejected[rejected[where].eq(event[where]) & rejected["status"].eq(event["cause"])]
    months = pd.to_datetime(mine["rejected_on"]).dt.strftime("%Y-%m").value_counts()
    assert months[months.index >= event["start"]].sum() > 10 * max(months[months.index < event["start"]].sum(), 1)
    assert mine["claim_number"].duplicated().any(), "some come back again"
    text = "".join(path.read_text() for path in (folder / "edi/277ca").iterdir())
    assert text.count(f"STC*{event['cause']}*") == rejected["status"].eq(event["cause"]).sum()
    assert set(rejected["claim_number"]) <= set(truth(folder, "claims").query("rejected")["claim_number"])


def test_a_field_that_claims_lack_is_a_cause_of_its_own(tmp_path, plain):
    folder = made(tmp_path, claims=2000, fields="ordering")
    told = "".join(path.read_text() for path in sorted((folder / "edi/837").iterdir()))
    assert told.count("NM1*DK*") > 500 and "NM1*DK*" not in "".join(
        p.read_text() for p in (plain / "edi/837").iterdir()
    )
    mine = truth(folder, "claims").query("root_cause == 'ORDER'")
    assert len(mine) > 20 and mine["carc"].eq("16").all() and mine["rarc"].eq("N265").all()
    assert mine["payer"].nunique() == 3
    for claim in mine.loc[mine["in_edi"], "claim_number"].head(20):
        assert "NM1*DK*" not in told.split(f"CLM*{claim}*")[1].split("CLM*")[0]


def test_every_write_off_has_its_reason_and_root(plain):
    rows, claims = truth(plain, "write_offs"), truth(plain, "claims").set_index("claim_number")
    for root in ("necessary", "unnecessary"):
        told = rows[rows["root"].eq(root)].groupby("claim_number")["amount"].sum()
        assert (told - claims.loc[told.index, f"writeoff_{root}"]).abs().max() < 0.005
    assert rows["leaf"].notna().all()
    assert rows["leaf"].nunique() >= 12


def test_what_no_claim_shows_is_told_apart(tmp_path, plain):
    assert truth(plain, "chances")["told_by_837"].all()
    chances = truth(made(tmp_path, claims=3000, repeat="dialysis"), "chances")
    hidden = chances[~chances["told_by_837"]]
    assert len(hidden) > 5 and hidden["p_denial_at_submit"].min() >= 0.9


def test_nothing_is_late_where_nothing_changes(tmp_path):
    claims = truth(made(tmp_path, claims=3000, events=False), "claims")
    assert not claims["root_cause"].eq("TIMELY").any(), "who is late by a window can't be so in the first months"
