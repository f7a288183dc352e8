"""Trends: what changed is found where it changed, and what did not change is left alone."""

from __future__ import annotations

import json
from datetime import date
from itertools import combinations

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import AS_OF
from hypothesis import given
from hypothesis import strategies as st

from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.pages import denial_trends
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import practice
from rcm_analysis.trends import (
    followed,
    forecast,
    maturity,
    mix,
    patients,
    redefinitions,
    scan,
    search,
    stories,
    tables,
)
from rcm_analysis.trends import segments as trends_segments
from rcm_analysis.trends import signals as trends_signals

MONTHS = [str(month) for month in pd.period_range("2024-01", periods=24, freq="M")]


# --- one series ------------------------------------------------------------------------------------------------------


def test_the_chance_of_a_count_is_the_binomial_tail():
    from scipy.stats import binom

    for seen, total, part in ((9, 10, 0.5), (7, 8, 0.15), (0, 12, 0.4), (3, 40, 0.3)):
        wanted = binom.sf(seen - 1, total, part) if seen > total * part else binom.cdf(seen, total, part)
        got = scan.chance(np.array([float(seen)]), np.array([float(total)]), np.array([part]), np.array([1.0]))[0]
        assert got == pytest.approx(wanted, rel=1e-9)


def test_the_best_window_of_a_series_is_the_one_that_changed():
    y = np.array([[2, 3, 1, 2, 3, 2, 9, 8, 11, 2, 3, 2]], float)
    best = scan.scan(y, np.full((1, 12), 50.0), scan.Scan(12))
    assert (best.start[0], best.end[0], bool(best.up[0])) == (6, 8, True)
    assert best.p[0] < 0.001


@pytest.mark.parametrize(("periods", "rate"), [(24, 0.4), (24, 3.0), (30, 40.0), (60, 8.0)])
def test_steady_series_are_called_changed_no_more_often_than_stated(periods, rate):
    y = np.random.default_rng(7).poisson(rate, size=(1500, periods)).astype(float)
    y = y[y.sum(axis=1) >= 6]
    best = scan.scan(y, np.full(y.shape, 100.0), scan.Scan(periods))
    assert (best.p <= 0.05).mean() <= 0.05
    assert (best.p <= 0.005).mean() <= 0.005 + 3 * np.sqrt(0.005 / len(y))


def test_a_series_that_swings_more_than_chance_needs_more_to_be_called_changed():
    rng = np.random.default_rng(5)
    rates = 0.1 * rng.gamma(20, 1 / 20, size=(400, 24))
    y, n = rng.poisson(1000 * rates).astype(float), np.full((400, 24), 1000.0)
    best = scan.scan(y, n, scan.Scan(24))
    assert np.median(best.dispersion) > 3
    assert (best.p <= 0.05).mean() <= 0.08


def test_levels_are_those_of_an_exhaustive_search():
    rng = np.random.default_rng(11)
    y, n = rng.poisson([3, 3, 3, 9, 9, 9, 2, 2]).astype(float), np.full(8, 50.0)

    def cost(starts: tuple[int, ...]) -> float:
        return -scan.fit(y, n, [0, *starts]) + 2.0 * len(starts)

    best = min((starts for size in range(8) for starts in combinations(range(1, 8), size)), key=cost)
    assert scan.levels(y, n, penalty=2.0) == [0, *best] == [0, 3, 6]


def test_a_climb_and_a_sudden_step_are_told_apart():
    n = np.full(30, 400.0)
    t = np.arange(30)
    slow = scan.ramp(400 * (0.02 + 0.08 * np.clip((t - 14 + 0.5) / 7, 0, 1)), n)
    quick = scan.ramp(400 * (0.02 + 0.08 * (t >= 14)), n)
    assert slow.sure > 0.95 and abs(slow.begin - 14) <= 1
    assert quick.sure < 0.5


# --- over the lattice ------------------------------------------------------------------------------------------------


def world(rate, *, seed: int = 1, size: int = 60, months=MONTHS, weight=lambda t, payer, place: 1.0) -> pd.DataFrame:
    """Counts of four payers, three places and two codes, denied at `rate(t, payer, place, code)`."""
    rng = np.random.default_rng(seed)
    rows = []
    for t, month in enumerate(months):
        for payer in "ABCD":
            for place in ("EAST", "WEST", "NORTH"):
                for code in ("70553", "99213"):
                    n = rng.poisson(size * weight(t, payer, place))
                    k = rng.binomial(n, rate(t, payer, place, code))
                    rows.append((month, payer, place, code, k, n, 100.0 * k))
    return pd.DataFrame(
        rows, columns=["period", "payer_name", "location", "procedure", "numerator", "denominator", "amount"]
    )


DIMS = ["payer_name", "location", "procedure"]


def segments(found: pd.DataFrame) -> list[dict]:
    return [json.loads(text) for text in found["segment"]]


def test_a_step_is_named_once_at_the_smallest_segment():
    found = trends_signals.find_signals(
        world(lambda t, p, s, c: 0.3 if (p, c) == ("B", "70553") and t >= 15 else 0.06), DIMS
    )
    assert segments(found) == [{"payer_name": "B", "procedure": "70553"}]
    row = found.iloc[0]
    assert (row["kind"], row["first_month"], bool(row["ongoing"])) == ("step", MONTHS[15], True)
    assert row["before"] == pytest.approx(0.06, abs=0.02) and row["after"] == pytest.approx(0.3, abs=0.03)
    assert row["excess_amount_usd"] == pytest.approx(100 * row["excess_count"], rel=0.01)
    assert row["before_lower"] < row["before"] < row["before_upper"] < row["after_lower"] < row["after"]
    assert (
        row["headline"].startswith("B, procedure 70553: the denial rate rose from 5.9%")
        and "April 2025" in row["headline"]
    )


def test_a_change_seen_from_afar_is_narrowed_down():
    counts = world(lambda t, p, s, c: 0.4 if (p, c) == ("B", "70553") and t >= 15 else 0.06)
    assert segments(trends_signals.find_signals(counts, DIMS, depth=1)) == [{"payer_name": "B", "procedure": "70553"}]


def test_a_change_everywhere_is_named_at_the_top():
    found = trends_signals.find_signals(world(lambda t, p, s, c: 0.12 if t >= 12 else 0.06), DIMS)
    assert segments(found) == [{}] and abs(MONTHS.index(found["first_month"].iloc[0]) - 12) <= 1


def test_a_burst_ends_and_a_fall_is_found_too():
    burst = trends_signals.find_signals(world(lambda t, p, s, c: 0.3 if s == "WEST" and 10 <= t <= 11 else 0.06), DIMS)
    assert segments(burst) == [{"location": "WEST"}]
    assert burst[["kind", "first_month", "last_month"]].iloc[0].tolist() == ["burst", MONTHS[10], MONTHS[11]]
    fall = trends_signals.find_signals(world(lambda t, p, s, c: 0.05 if p == "C" and t >= 13 else 0.2), DIMS)
    assert segments(fall) == [{"payer_name": "C"}] and fall["excess_count"].iloc[0] < 0


def test_a_climb_begins_where_it_began():
    found = trends_signals.find_signals(
        world(lambda t, p, s, c: 0.05 + (0.2 * np.clip((t - 11) / 6, 0, 1) if s == "EAST" else 0)), DIMS
    )
    assert segments(found) == [{"location": "EAST"}] and found["kind"].tolist() == ["drift"]
    assert abs(MONTHS.index(found["first_month"].iloc[0]) - 11) <= 2


def test_a_shift_of_mix_is_no_change_of_a_rate():
    shift = world(
        lambda t, p, s, c: 0.25 if p == "D" else 0.05,
        weight=lambda t, p, s: (3.0 if t >= 12 else 0.5) if p == "D" else 1.0,
    )
    total = shift.groupby("period")[["numerator", "denominator"]].sum()
    rates = total["numerator"] / total["denominator"]
    assert rates.iloc[12:].min() > rates.iloc[:12].max()
    assert not len(trends_signals.find_signals(shift, DIMS))


def test_a_season_that_returns_is_no_change_and_one_that_is_new_is():
    months = [str(month) for month in pd.period_range("2024-01", periods=24, freq="M")]
    every = world(lambda t, p, s, c: 0.15 if t % 12 in (6, 7) else 0.06, months=months)
    new = world(lambda t, p, s, c: 0.15 if t in (18, 19) else 0.06, months=months)
    pick = search.Change(unit=0, segment={}, start=18, end=19, up=True, kind="burst", q=0.0, group=1)
    for counts, real in ((every, False), (new, True)):
        u = trends_segments.unit(counts, counts, exposure=DIMS, periods=months)
        assert search.stands(u, pick, as_seen=u, looks=1.0, level=0.05, rule=search.Search()) is real
    assert not [row for row in trends_signals.find_signals(every, DIMS).itertuples() if row.first_month >= months[18]]
    assert trends_signals.find_signals(new, DIMS)["first_month"].tolist() == [months[18]]


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_called_where_nothing_changed(seed):
    steady = world(lambda t, p, s, c: {"A": 0.05, "B": 0.1, "C": 0.15, "D": 0.2}[p], seed=100 + seed)
    assert not len(trends_signals.find_signals(steady, DIMS))


def test_a_dimension_over_one_denominator_splits_the_numerator():
    base = world(lambda t, p, s, c: 0.06)
    parts = [
        base.assign(reason=reason, numerator=(base["numerator"] * part).round())
        for reason, part in (("auth", 0.5), ("coding", 0.5))
    ]
    rows = pd.concat(parts)
    late = (rows["period"] >= MONTHS[14]) & (rows["payer_name"] == "A") & (rows["reason"] == "auth")
    rows.loc[late, "numerator"] += 5
    found = trends_signals.find_signals(rows, ["payer_name", "location", "procedure", "reason"])
    assert segments(found) == [{"payer_name": "A", "reason": "auth"}]
    whole = base.loc[(base["payer_name"] == "A") & (base["period"] >= MONTHS[14]), "denominator"].sum()
    assert found["after_cases"].iloc[0] == whole


def test_counts_may_be_empty_or_lack_a_column():
    empty = world(lambda *a: 0.1).head(0)
    assert list(trends_signals.find_signals(empty, DIMS).columns)[:12] == list(trends_signals.SIGNALS)[:12]
    with pytest.raises(KeyError, match="denominator, payer"):
        trends_signals.find_signals(empty.drop(columns="denominator"), ["payer"])


def by_patient(counts: pd.DataFrame, *, each: int = 1, seed: int = 1) -> pd.DataFrame:
    """The counts case by case: a denial each row, of patients who hold `each` denials of one month and segment."""
    rng = np.random.default_rng(seed)
    denied = counts.loc[counts.index.repeat(counts["numerator"])].assign(numerator=1, denominator=1, amount=100.0)
    keys = denied.groupby(["period", *DIMS]).cumcount() // each
    names = denied["period"] + denied[DIMS].agg("".join, axis=1) + keys.astype(str)
    paid = counts.assign(numerator=0, denominator=counts["denominator"] - counts["numerator"], amount=0.0)
    paid["who"] = [f"paid {i}" for i in rng.permutation(len(paid))]
    return pd.concat([denied.assign(who=names), paid], ignore_index=True)


def steady(t, p, s, c):
    return 0.06


def test_the_denials_of_one_patient_are_told_as_such_and_as_no_change():
    cases = by_patient(world(steady))
    spot = {
        "payer_name": "B",
        "location": "EAST",
        "procedure": "70553",
        "numerator": 1,
        "denominator": 1,
        "amount": 90.0,
    }
    ill = pd.DataFrame([spot | {"period": MONTHS[15 + i % 2], "who": "ill"} for i in range(53)])
    counts = pd.concat([cases, ill], ignore_index=True)
    assert len(trends_signals.find_signals(counts, DIMS)), "told without patients, the same denials look like a change"
    found = trends_signals.find_signals(counts, DIMS, patient="who")
    assert found["kind"].tolist() == ["one_patient"]
    assert json.loads(found["segment"].iloc[0])["payer_name"] == "B"
    assert "of one patient" in found["headline"].iloc[0] and "rose" not in found["headline"].iloc[0]
    assert trends_signals.excess_of(found) == (0.0, 0.0)
    assert "No change larger than chance" in denial_trends.answer_sentence(
        trends_signals.changes_of(found), months=24, decided=9
    )


def test_many_who_are_denied_often_make_no_change_and_a_change_of_many_is_found():
    lumpy = world(lambda t, p, s, c: 0.4 if (p, s, c) == ("B", "EAST", "70553") and t in (15, 16) else 0.06, size=40)
    assert len(trends_signals.find_signals(by_patient(lumpy), DIMS, patient="who")) == 1
    assert not len(trends_signals.find_signals(by_patient(lumpy, each=8), DIMS, patient="who"))


def test_patients_who_come_often_widen_a_count_only_where_their_denials_clump():
    """Twenty patients with ten claims a month in the second year alone, each denied by chance; or ten of them always."""
    months = [str(month) for month in pd.period_range("2024-01", periods=24, freq="M")]
    seen = pd.DataFrame(
        [(m, f"{t < 12}{who}") for t, m in enumerate(months) for who in range(20)], columns=["period", "who"]
    )
    chance = np.random.default_rng(1).binomial(10, 0.3, len(seen))
    clumped = np.where(seen["who"].str[-1].astype(int) % 2, 0, 6)
    effects = []
    for numerator in (chance, clumped):
        counts = seen.assign(payer_name="A", numerator=numerator, denominator=10).rename(columns={"who": "patient"})
        whole = counts.groupby(["period", "payer_name"], as_index=False).sum(numeric_only=True)
        u, _ = trends_signals._one_unit(counts, whole, ["payer_name"], [], set(), months, 1)
        effects.append(patients.design_effect(u, {}, start=12, end=23))
        u.visits = None
        effects.append(patients.design_effect(u, {}, start=12, end=23))
    assert effects[0] < 1.5 and effects[2] > 10
    assert effects[1] > 10, "without what they were seen for, chance looks like clumps"


def test_no_more_than_one_in_twenty_steady_practices_with_repeat_patients_has_a_signal():
    """Months in which a patient's claims lie are drawn anew for each patient: nothing changes, but denials clump."""
    wrong = {True: 0, False: 0}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = []
        for who in range(150):
            n = int(min(3 + rng.pareto(1.1) * 3, 120))
            often, begin = rng.random() < 0.1, rng.integers(len(MONTHS))
            rows += [(MONTHS[(begin + i // 10) % len(MONTHS)], "ABCD"[who % 4], int(rng.random() < (0.35 if often else 0.05)), 1, str(who))
                     for i in range(n)]  # fmt: skip
        counts = pd.DataFrame(rows, columns=["period", "payer_name", "numerator", "denominator", "who"])
        for known in (True, False):
            wrong[known] += bool(
                len(trends_signals.find_signals(counts, ["payer_name"], patient="who" if known else None))
            )
    assert wrong[True] <= 1 < wrong[False]


def test_the_same_denials_under_two_names_are_told_once():
    rows = []
    rng = np.random.default_rng(3)
    for t, month in enumerate(MONTHS):
        for i in range(120):
            denied = rng.random() < (0.25 if t >= 16 else 0.05)
            rows += [(month, code, int(denied), 1, f"{month} {i}") for code in ("A0428", "A0425")]
        rows += [
            (month, f"9921{k}", int(rng.random() < 0.05), 1, f"{month} x{j}") for k in range(4) for j in range(120)
        ]
    counts = pd.DataFrame(rows, columns=["period", "procedure", "numerator", "denominator", "who"])
    found = trends_signals.find_signals(counts, ["procedure"], patient="who")
    assert len(found) == 1 and json.loads(found["segment"].iloc[0])["procedure"] in ("A0425", "A0428")


def change(
    number: int, week: str, *, kind: str = "burst", last: str = "2026-02", up: bool = True, **segment: str
) -> dict:
    """A row of `signals` with 20 denials of 200 after, 2 of 200 before."""
    rates = {
        "before": 0.01,
        "after": 0.1,
        "before_count": 2,
        "before_cases": 200,
        "after_count": 20,
        "after_cases": 200,
    }
    money = {
        "excess_count": 18.0 if up else -18.0,
        "excess_amount_usd": 1800.0,
        "excess_cash_usd": 900.0,
        "q_value": 0.01,
    }
    when = {"first_week": week, "first_month": week[:7], "last_month": last, "ongoing": kind != "burst"}
    text = json.dumps(segment)
    row = dict.fromkeys(trends_signals.SIGNALS) | {
        "kind": kind,
        "change": number,
        "segment": text,
        "segments": f"[{text}]",
    }
    return row | rates | money | when


def test_changes_that_begin_within_a_week_for_one_reason_are_one_story():
    rows = [change(i, week, payer_name=payer, category="duplicate")
            for i, (week, payer) in enumerate([("2026-02-02", "UNISON"), ("2026-02-09", "ATLAS"), ("2026-02-02", "HARVEST")])]  # fmt: skip
    other = [change(7, "2026-02-02", kind="step", last="2026-10", payer_name="UNISON", category="authorization"),
             change(8, "2026-06-01", payer_name="UNISON", category="duplicate", last="2026-06"),
             change(9, "2026-02-02", up=False, payer_name="ATLAS", category="duplicate")]  # fmt: skip
    told = stories.told_together(pd.DataFrame([*rows, *other], columns=list(trends_signals.SIGNALS)))
    assert len(told) == 4
    bug = told.iloc[0]
    assert [one["payer_name"] for one in json.loads(bug["segments"])] == ["UNISON", "ATLAS", "HARVEST"]
    assert (bug["excess_count"], bug["after_cases"], bug["first_week"]) == (54, 600, "2026-02-02")
    assert trends_signals.places(told)[0] == "UNISON, ATLAS and HARVEST, duplicate"


def test_bursts_of_one_window_of_submissions_are_one_story_whatever_the_reason():
    rows = [change(1, "2026-02-02", payer_name="UNISON", category="duplicate"), change(2, "2026-02-02", location="EAST", carc="16"),
            change(3, "2026-02-02", location="EAST", carc="27", last="2026-04")]  # fmt: skip
    told = stories.told_together(pd.DataFrame(rows, columns=list(trends_signals.SIGNALS)))
    assert sorted(len(json.loads(parts)) for parts in told["segments"]) == [1, 2]


def test_last_months_changes_are_followed(monkeypatch):
    monkeypatch.setattr(followed, "_worked", lambda view, row: (20, 1.0 if row["payer_name"] == "ATLAS" else 0.25))
    names = ["UNISON", "ATLAS", "HARVEST", "KEYSTONE"]
    then = pd.DataFrame([change(i, "2026-02-02", kind="step", payer_name=name) | {"payer_name": name, "headline": name}
                         for i, name in enumerate(names[:3])])  # fmt: skip
    now = pd.DataFrame(
        [
            change(1, "2026-02-09", kind="step", payer_name="UNISON", carc="197"),
            change(2, "2026-05-04", payer_name="KEYSTONE"),
        ]
    )
    now = now.assign(payer_name=["UNISON", "KEYSTONE"], headline=["UNISON", "KEYSTONE"])
    told = followed.became(None, then, now)
    assert told[["headline", "became"]].to_numpy().tolist() == [
        ["UNISON", "still there"], ["ATLAS", "worked"], ["HARVEST", "no longer seen"], ["KEYSTONE", "new this month"]]  # fmt: skip
    assert followed.became(None, then.head(0), now.head(0)).empty


def test_the_verb_fits_the_kind():
    rows = {
        kind: change(1, "2026-02-02", kind=kind, last="2026-05", carc="18")
        for kind in ("step", "burst", "drift", "new_code")
    }
    said = {kind: trends_signals.headline(row, json.loads(row["segment"])) for kind, row in rows.items()}
    assert "rose from 1.0% to 10.0% since" in said["step"] and "was 10.0% instead of 1.0% from" in said["burst"]
    assert "climbed" in said["drift"] and "never seen before" in said["new_code"]


def test_new_words_for_old_reasons_are_a_change_of_definition():
    def year(period, shares):
        return [(period, reason, 1000 * part, 10_000) for reason, part in shares.items()]

    old = {"other": 0.77, "referral": 0.1, "excluded": 0.13}
    new = {"other": 0.35, "referral": 0.1, "excluded": 0.13, "administrative": 0.3, "not covered": 0.12}
    counts = pd.DataFrame(
        [*year("2020", old), *year("2021", old), *year("2022", new)],
        columns=["period", "reason", "numerator", "denominator"],
    )
    found = trends_signals.find_signals(counts, ["reason"])
    assert found["kind"].tolist() == ["definition"] and found["first_month"].tolist() == ["2022-01"]
    assert "other went from 77.0% to 35.0%" in found["headline"].iloc[0]
    # One more payer that brings its own claims is not a redefinition
    more = pd.concat(
        [counts, pd.DataFrame({"period": "2022", "reason": ["x", "y"], "numerator": 900, "denominator": 10_000})]
    )
    assert not redefinitions.breaks(more[more["reason"].isin([*old, "x", "y"])], ["reason"], reasons=["reason"])


def test_few_denials_of_many_payers_are_no_change_of_definition_and_hide_nothing():
    def sparse(seed: int, *, rise: float) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        sizes = {f"P{k:02d}": 400 if k == 0 else 6 for k in range(40)}
        rows = [(month, payer, rng.binomial(n, 0.06 + (rise if payer == "P00" and t >= 15 else 0)), n)
                for t, month in enumerate(MONTHS) for payer, size in sizes.items() if (n := rng.poisson(size))]  # fmt: skip
        return pd.DataFrame(rows, columns=["period", "payer_name", "numerator", "denominator"])

    for seed in range(6):
        assert not len(trends_signals.find_signals(sparse(seed, rise=0.0), ["payer_name"]))
        found = trends_signals.find_signals(sparse(seed, rise=0.08), ["payer_name"])
        assert segments(found) == [{"payer_name": "P00"}] and found["kind"].tolist() == ["step"]


def test_a_lattice_holds_the_sums_of_its_rows():
    base = world(lambda t, p, s, c: 0.1)
    u = trends_segments.unit(base, base, exposure=DIMS, periods=MONTHS)
    block = trends_segments.block(0, u, ("payer_name", "procedure"), (), min_count=1)
    for i in range(len(block.y)):
        named = u.named(block.segment(i))
        part = base[(base["payer_name"] == named["payer_name"]) & (base["procedure"] == named["procedure"])]
        assert block.y[i].tolist() == part.groupby("period")["numerator"].sum().tolist()
        assert block.n[i].tolist() == part.groupby("period")["denominator"].sum().tolist()
    assert len(block.y) == 8


# --- mix and rate ----------------------------------------------------------------------------------------------------


def test_no_change_rests_on_the_cash_expected_of_it():
    view = Tables(sent_claims(1, rise=0.3))
    view.execute("""CREATE TABLE trend_claims AS SELECT claim_number, patient_key AS patient, payer_name, strftime(submitted_on, '%Y-%m') AS period,
        strftime(date_trunc('week', submitted_on), '%Y-%m-%d') AS week, rejected AS denied, code AS category, CAST(NULL AS VARCHAR) AS carc,
        CAST(NULL AS VARCHAR) AS rarc, CAST(charge AS DECIMAL(12, 2)) AS amount, CAST(9.10 AS DECIMAL(12, 2)) AS cash,
        '0-14' AS waited, '0-60' AS sent, 'none' AS mainly FROM given""")  # fmt: skip
    found = trends_signals.unpriced(view, "submission_month", "initial_denial_rate", ("payer_name",), 0.05)
    (row,) = trends_signals.priced(view, found).to_dict("records")
    assert row["excess_cash_usd"] == pytest.approx(9.10 * row["excess_count"], rel=0.01) and row["excess_count"] > 5
    view.execute("UPDATE trend_claims SET cash = 2 * cash")
    pd.testing.assert_frame_equal(
        found, trends_signals.unpriced(view, "submission_month", "initial_denial_rate", ("payer_name",), 0.05)
    )
    (twice,) = trends_signals.priced(view, found).to_dict("records")
    assert twice["excess_cash_usd"] == pytest.approx(2 * row["excess_cash_usd"], abs=0.02)
    assert trends_signals.priced(view, found, where="period < '2025-12'")["excess_cash_usd"].iloc[0] == 0
    whole = trends_signals.searched(view, "submission_month", "initial_denial_rate", ("payer_name",), 0.05)
    pd.testing.assert_frame_equal(whole, pd.DataFrame([twice])[list(whole.columns)], check_dtype=False)


class Tables:
    """A connection with the two tables that rejections are searched in, and a window of all months."""

    def __init__(self, claims: pd.DataFrame) -> None:
        self.con = duckdb.connect()
        self.con.register("given", claims)
        self.con.execute("CREATE TABLE claims AS SELECT * EXCLUDE (code, rejected), true AS acknowledged FROM given")
        self.con.execute("CREATE TABLE rejections AS SELECT claim_number, code FROM given WHERE rejected")
        self.execute = self.con.execute

    def window(self, months):
        return date(2024, 1, 1), date(2025, 12, 31)


def sent_claims(seed: int, *, rise: float) -> pd.DataFrame:
    """40 claims a month and payer, 3 % rejected under one of four codes; `rise` is added to one code of B in the last month."""
    rng = np.random.default_rng(seed)
    rows = []
    for t, month in enumerate(MONTHS):
        for payer in "ABCD":
            for i in range(40):
                planted_ = payer == "B" and t == 23 and rng.random() < rise
                code = "A7:562" if planted_ else str(rng.choice(["A7:164", "A3:21", "A7:562", "A8:496"]))
                rejected = bool(planted_ or rng.random() < 0.03)
                rows.append(
                    (
                        f"{payer}{t}-{i}",
                        f"p{rng.integers(2000)}",
                        payer,
                        "EAST",
                        "1",
                        f"{month}-{1 + i % 28:02d}",
                        100.0,
                        code,
                        rejected,
                    )
                )
    columns = [
        "claim_number",
        "patient_key",
        "payer_name",
        "location",
        "rendering_npi",
        "submitted_on",
        "charge",
        "code",
        "rejected",
    ]
    return pd.DataFrame(rows, columns=columns).astype({"submitted_on": "datetime64[s]"})


def test_a_rise_of_one_rejection_code_at_one_payer_is_found_within_a_month():
    view = Tables(sent_claims(1, rise=0.3))
    basis = trends_signals.prepare(view, measure="rejection_rate")
    found = trends_signals._rejections_searched(view, basis, "rejection_rate", ("payer_name", "location"), 0.02)
    assert segments(found) == [{"payer_name": "B", "code": "A7:562"}]
    row = found.iloc[0]
    assert (row["measure"], row["first_month"], row["after_cases"]) == ("rejection_rate", MONTHS[23], 40)
    assert (
        "the rejection rate" in row["headline"] and "rejections" in row["headline"] and "denial" not in row["headline"]
    )
    series = tables.control_series(view, found)
    assert series["numerator"].iloc[-1] == row["after_count"] and series["signal"].iloc[-1]


def test_steady_rejections_are_no_change():
    for seed in range(8):
        view = Tables(sent_claims(100 + seed, rise=0.0))
        trends_signals.prepare(view, measure="rejection_rate")
        assert not len(
            trends_signals._rejections_searched(view, "", "rejection_rate", ("payer_name", "location"), 0.02)
        )


def test_mix_and_rate_by_hand():
    before = pd.DataFrame({"payer": ["A", "B"], "numerator": [10, 30], "denominator": [100, 100]})
    after = pd.DataFrame({"payer": ["A", "B"], "numerator": [5, 60], "denominator": [50, 150]})
    table = mix.mix_and_rate(before, after, ["payer"]).set_index("payer")
    # A: share .5 -> .25, rate .1; B: share .5 -> .75, rate .3 -> .4; totals .2 -> .325, middle .2625
    assert table.loc["A", "mix"] == pytest.approx(-0.25 * (0.1 - 0.2625)) and table.loc["A", "rate"] == 0
    assert table.loc["B", "mix"] == pytest.approx(0.25 * (0.35 - 0.2625)) and table.loc["B", "rate"] == pytest.approx(
        0.0625
    )
    assert table["total"].sum() == pytest.approx(0.125)


sides = st.dictionaries(st.sampled_from("ABCDE"), st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1)


@given(sides, sides)
def test_mix_and_rate_add_up_exactly(before, after):
    frames = [pd.DataFrame([(k, min(y, n), n) for k, (y, n) in side.items()], columns=["payer", "numerator", "denominator"])
              for side in (before, after)]  # fmt: skip
    table = mix.mix_and_rate(*frames, ["payer"])
    moved = (
        frames[1]["numerator"].sum() / frames[1]["denominator"].sum()
        - frames[0]["numerator"].sum() / frames[0]["denominator"].sum()
    )
    assert table["total"].sum() == pytest.approx(moved, abs=1e-12)
    assert (table["mix"] + table["rate"]).to_numpy() == pytest.approx(table["total"].to_numpy(), abs=1e-12)


# --- young months ----------------------------------------------------------------------------------------------------


def test_a_triangle_is_completed_by_the_pace_of_older_months():
    # Every month 100 claims are sent; 60 are decided in the same month, 40 in the next; the late ones are denied twice as often
    rows = [
        ("A", month, lag, n, denied)
        for month in MONTHS[:12]
        for lag, n, denied in ((-1, 100, 0), (0, 60, 6), (1, 40, 8))
    ]
    rows = [row for row in rows if not (row[1] == MONTHS[11] and row[2] == 1)]
    decisions = pd.DataFrame(rows, columns=["payer_name", "cohort", "lag", "decided", "denied"])
    last = maturity.complete(decisions, as_of=date(2024, 12, 31)).iloc[-1]
    assert (last["decided"], last["rate"]) == (60, 0.1)
    assert last["expected_decided"] == pytest.approx(100) and last["maturity"] == pytest.approx(0.6)
    assert last["final_rate"] == pytest.approx(0.14, abs=0.003)
    assert last["lower"] < 0.14 < last["upper"]


def test_a_payer_that_slows_down_does_not_look_better(demo_con):
    decisions = maturity.decisions_by_lag(demo_con, months=12)
    table = maturity.complete(decisions, as_of=AS_OF)
    slow = table[(table["payer_name"] == "HARVEST MUTUAL") & (table["cohort"] == "2026-09")].iloc[0]
    assert slow["maturity"] < 0.8 and slow["lower"] < slow["final_rate"] < slow["upper"]
    grid = maturity.triangle(decisions, as_of=AS_OF)
    assert grid.loc["2026-10", 1:].isna().all() and grid.loc["2026-08", 2] <= 1
    assert (grid.diff(axis=1).iloc[:, 1:].fillna(0) >= 0).all().all()


# --- repeats, fixes, forecasts ----------------------------------------------------------------------------------------


def test_definitions_grow_step_by_step(demo_con):
    table = tables.definitions(demo_con, months=12)
    denied = demo_con.execute(
        "SELECT count(*) FILTER (WHERE initially_denied), count(*) FROM claims WHERE first_decided_on > DATE '2025-10-31'").fetchall()[0]  # fmt: skip
    assert table["label"].tolist() == ["strict", "with bundling", "with duplicates", "with coordination of benefits"]
    assert (table["added"] > 0).all() and (table["denied"].iloc[-1], table["decided"].iloc[-1]) == denied
    assert table["added"].sum() == pytest.approx(table["rate"].iloc[-1])


def test_repeats_are_counted_after_the_first(demo_con):
    table = tables.repeats(demo_con, months=24).set_index(["where", "category"])
    again = demo_con.execute(
        "SELECT category, count(DISTINCT (claim_number, decided_on)) - count(DISTINCT claim_number) FROM denials "
        "WHERE NOT is_partial AND category <> 'none' AND decided_on > DATE '2024-10-31' GROUP BY 1").fetchall()  # fmt: skip
    assert {name: table.loc[("claim", name), "again"] for name, n in again if n} == {name: n for name, n in again if n}


def fixed(after: float, *, others: float = 0.1, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for t, month in enumerate(MONTHS[:12]):
        for payer in "ABC":
            p = (0.3 if t < 6 else after) if payer == "A" else (0.1 if t < 6 else others)
            rows.append((month, payer, rng.binomial(200, p), 200))
    return pd.DataFrame(rows, columns=["period", "payer_name", "numerator", "denominator"])


def test_a_fix_is_judged_against_the_others():
    good = tables.fix_effect(fixed(0.1), segment={"payer_name": "A"}, on=MONTHS[6]).iloc[0]
    assert good["verdict"] == "it fell" and good["lower"] < -0.2 < good["upper"]
    assert good["avoided"] == pytest.approx(0.2 * 1200, rel=0.25)
    tide = tables.fix_effect(fixed(0.2, others=0.0), segment={"payer_name": "A"}, on=MONTHS[6]).iloc[0]
    assert tide["verdict"] != "it fell"
    with pytest.raises(ValueError, match="no cases on one side"):
        tables.fix_effect(fixed(0.1), segment={"payer_name": "A"}, on="2030-01")


def test_intervals_of_a_fix_hold_when_nothing_was_fixed():
    verdicts = [
        tables.fix_effect(fixed(0.3, seed=s), segment={"payer_name": "A"}, on=MONTHS[6])["verdict"].iloc[0]
        for s in range(80)
    ]
    assert sum(verdict.startswith("it ") for verdict in verdicts) <= 9


def test_a_change_that_nobody_can_be_compared_with_is_left_out(monkeypatch):
    """A payer without claims since its change, and one that goes on."""
    signals = pd.DataFrame([{"ongoing": False, "segment": json.dumps({"payer_name": name}), "first_month": MONTHS[2], "last_month": MONTHS[5],
                             "measure": "initial_denial_rate"} for name in ("LEFT", "STAYS")])  # fmt: skip

    def monthly(con, segment, measure):
        size = np.full(12, 40 if segment else 200)
        size[6 if segment.get("payer_name") == "LEFT" else 12 :] = 0
        return pd.DataFrame({"month": MONTHS[:12], "numerator": size // 10, "denominator": size})

    monkeypatch.setattr(tables, "monthly", monthly)
    found = tables.after_the_end(None, signals)
    assert found["segment"].tolist() == [trends_signals.where_of({"payer_name": "STAYS"})]


def test_a_forecast_of_noise_is_its_level_and_beats_the_naive():
    rng = np.random.default_rng(2)
    errors, naive, inside = [], [], []
    for _ in range(25):
        values = rng.poisson(100, size=27).astype(float)
        past = pd.DataFrame({"month": MONTHS, "value": values[:24]})
        ahead = forecast.ahead(past)
        assert ahead["month"].tolist() == ["2026-01", "2026-02", "2026-03"]
        errors += list(np.abs(ahead["value"] - values[24:]))
        naive += list(np.abs(values[23] - values[24:]))
        inside += list((values[24:] >= ahead["lower"]) & (values[24:] <= ahead["upper"]))
    assert np.mean(errors) < np.mean(naive)
    assert np.mean(inside) >= 0.85
    assert (
        not len(forecast.ahead(pd.DataFrame({"month": MONTHS[:5], "value": 1.0}))) and len(forecast.accuracy(past)) == 3
    )


# --- a practice ------------------------------------------------------------------------------------------------------


def test_a_rate_that_stands_still_is_said_to_stand_still():
    def parts(first: int, second: int):
        counts = {
            "numerator_before": [100, 100],
            "denominator_before": 1000,
            "numerator_after": [first, second],
            "denominator_after": 1000,
        }
        totals = [(first - 100) / 2000, (second - 100) / 2000]
        return pd.DataFrame({"payer_name": ["ACME", "UNITED"], "total": totals, "mix": 0.0, "rate": totals, **counts})

    for steady_ in (parts(100, 100), parts(120, 90)):
        said = denial_trends.movement_sentence(steady_, months=6)
        assert "as far as chance lets one tell" in said and "moved" not in said
    assert "+8.0 points" in denial_trends.movement_sentence(parts(240, 120), months=6)


@pytest.mark.slow
def test_a_practice_without_events_has_no_signal(tmp_path):
    for seed in (901, 902):
        practice.write_practice(tmp_path / str(seed), claims=2500, months=18, seed=seed, events=False)
        assert (tmp_path / str(seed) / "truth/events.csv").read_text().count("\n") == 1
        truth = pd.read_csv(tmp_path / str(seed) / "truth/claims.csv")
        assert not truth["root_cause"].isin(["CRED", "DUP"]).any() and truth["root_cause"].eq("ELIG").any()
        ingest.ingest(Practice(tmp_path / "store", f"null-{seed}"), [tmp_path / str(seed) / "edi"])
        con = derive.open_practice(tmp_path / "store", f"null-{seed}", as_of=AS_OF)
        assert not len(trends_signals.practice_signals(con))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store that saw every file, and the files."""
    root = tmp_path_factory.mktemp("whole")
    practice.write_practice(root / "demo", claims=6000, months=20, seed=3)
    files = sorted(path for path in (root / "demo/edi").rglob("*") if path.is_file())
    ingest.ingest(Practice(root, "whole"), files)
    return root, files


def _as_known(store, name: str, day: date) -> list[pd.DataFrame]:
    con = derive.open_practice(store, name, as_of=day)
    found = trends_signals.practice_signals(con)
    grown = maturity.complete(maturity.decisions_by_lag(con, months=18), as_of=day)
    return [found, grown, tables.control_series(con, found, months=18),
            tables.to_forecast(con, "denials", months=18), tables.repeats(con, months=12)]  # fmt: skip


ENDS = [
    date(2025, 9, 30),
    date(2025, 12, 31),
    *(date(2026, m, d) for m, d in ((2, 28), (4, 30), (6, 30), (8, 31), (9, 30))),
]


@pytest.mark.parametrize("day", [ENDS[0], *(pytest.param(day, marks=pytest.mark.slow) for day in ENDS[1:])], ids=str)
def test_no_signal_uses_later_knowledge(whole, tmp_path, day):
    root, everything = whole
    early = [path for path in everything if _day_of(path.name) <= f"{day:%Y%m%d}"]
    assert 100 < len(early) < len(everything)
    ingest.ingest(Practice(tmp_path, "early"), early)
    mine, theirs = _as_known(root, "whole", day), _as_known(tmp_path, "early", day)
    assert len(mine[1]) and (day < date(2026, 6, 1) or len(mine[0]))
    for one, other in zip(mine, theirs, strict=True):
        pd.testing.assert_frame_equal(one, other)


def _day_of(name: str) -> str:
    return next(part for part in name.replace(".", "_").split("_") if len(part) == 8 and part.isdigit())


def test_the_world_is_read_as_it_was_planted(shared, tmp_path):
    ingest.ingest(Practice(tmp_path, "world"), [shared / "worlds/a/edi.zip"])
    con = derive.open_practice(tmp_path, "world", as_of=AS_OF)
    found = trends_signals.practice_signals(con)
    events = pd.read_parquet(shared / "worlds/a/truth/events.parquet")
    payers = pd.read_csv(shared / "worlds/a/truth/payers.csv", dtype=str).set_index("key")["name_edi"]
    has = [{value for one in json.loads(parts) for value in one.values()} for parts in found["segments"]]
    starts = pd.PeriodIndex(found["first_month"], freq="M")
    for event in events.itertuples():
        wanted = [{payers[key] for key in event.payer.split(",")}] if event.payer and "->" not in event.payer else []
        wanted += [{event.provider}] if event.provider else []
        wanted += [{event.location}] if event.location else []
        wanted += [set(event.cpt.split(","))] if event.cpt else []
        slack = 2 if "drift" in event.kind else 1
        near = [i for i, start in enumerate(starts) if abs((start - pd.Period(event.start, "M")).n) <= slack and wanted]
        whole = [i for i in near if all(has[i] & one for one in wanted)]
        assert bool(whole) == bool(event.should_alert), event.text
    touched = [h for h in has if any(h & set(payers[[k for k in e.payer.split(",") if k in payers]]) | h & {e.location, e.provider} - {""}
                                     for e in events[events["should_alert"]].itertuples())]  # fmt: skip
    assert len(found) - len(touched) <= 2


# --- public series ---------------------------------------------------------------------------------------------------


def appeals(shared, part: str, first: str, last: str, frequency: str, by: tuple[str, ...] = ()) -> pd.DataFrame:
    rows = pd.read_parquet(shared / "realdata/medicare_ire_appeals_2015_2019.parquet")
    rows = rows[(rows["medicare_part"] == part) & rows["appeal_end_date"].between(first, last)]
    when = rows["appeal_end_date"].dt.to_period(frequency)
    label = when.astype(str) if frequency == "M" else when.dt.start_time.dt.strftime("%Y-%m-%d")
    won = rows["appeal_disposition"].isin(["Favorable", "Partially Favorable"])
    return rows.assign(period=label, numerator=won).groupby(["period", *by], as_index=False).agg(
        numerator=("numerator", "sum"), denominator=("numerator", "size"))  # fmt: skip


def test_a_quiet_public_series_raises_no_alarm(shared):
    quiet = appeals(shared, "Part C", "2015-01-01", "2016-12-31", "M")
    assert len(quiet) == 24 and not len(trends_signals.find_signals(quiet, []))


def test_a_public_series_that_broke_is_broken_where_it_was(shared):
    weekly = appeals(shared, "Part D - Prospective", "2017-01-01", "2019-12-31", "W-SUN")
    assert len(weekly) == 157
    starts = pd.to_datetime(trends_signals.find_signals(weekly, [])["first_week"])
    assert 2 <= len(starts) <= 4
    for day in ("2017-04-10", "2017-07-03"):
        assert (abs(starts - pd.Timestamp(day)) <= pd.Timedelta(days=14)).any()


def test_a_public_fall_is_split_into_mix_and_rate(shared):
    by_type = ("appeal_type",)
    spans = (("2017-01-01", "2017-07-02"), ("2017-07-03", "2019-12-31"))
    sides = [appeals(shared, "Part D - Prospective", *span, "M", by_type) for span in spans]
    table = mix.mix_and_rate(*sides, by_type)
    # As published beside the data: of the fall of 10.1 points 2.6 are mix of appeal types and 7.5 are within type
    assert (table[["total", "mix", "rate"]].sum() * 100).round(1).tolist() == [-10.1, -2.6, -7.5]


REASONS = (
    "Referral",
    "Out_Of_Netwo",
    "Services_Excluded",
    "Not_Medically",
    "Benefit",
    "Member_Not",
    "Investig",
    "Administrati",
    "Other",
)
FIVE = REASONS[:4]


def test_a_public_list_of_reasons_that_grew_is_a_change_of_definition(shared):
    """Claims of 2022 as published under ten reasons, beside the two years before under the five reasons of then."""
    table = pd.read_excel(shared / "realdata/cms_tic_puf_2024_claims_2022.xlsx", sheet_name=1, header=2)
    columns = {
        reason: [c for c in table if "Claims_Denied" in c and reason in c and c.startswith("Plan")]
        for reason in REASONS
    }
    ten = {
        reason: float(table[names].apply(pd.to_numeric, errors="coerce").sum().sum())
        for reason, names in columns.items()
    }
    five = {reason: ten[reason] for reason in FIVE} | {"Other": sum(v for k, v in ten.items() if k not in FIVE)}
    assert five["Other"] / sum(five.values()) > 0.6 > 0.45 > ten["Other"] / sum(ten.values())
    received = 20 * sum(ten.values())
    rows = [(year, reason, round(n * size), received * size) for year, size, shares in (("2020", 0.8, five), ("2021", 0.9, five), ("2022", 1.0, ten))
            for reason, n in shares.items()]  # fmt: skip
    counts = pd.DataFrame(rows, columns=["period", "reason", "numerator", "denominator"])
    found = trends_signals.find_signals(counts, ["reason"])
    assert found["kind"].tolist() == ["definition"] and found["first_month"].tolist() == ["2022-01"]
