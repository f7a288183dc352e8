"""How cases end when ends compete and some are still open, and models of such cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_risk import known_on, simulated

from rcm_analysis import stats
from rcm_analysis.models import calibration, choice, ends, leaks, learners
from rcm_analysis.models.cases import Columns, of_table
from rcm_analysis.models.outcome import OutcomeModel, of_parts


def grown(rows: int = 1500, seed: int = 2) -> pd.DataFrame:
    """Denials of eight months, steadily; payments come after weeks, losses after months, a tenth goes to the patient."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 240, rows)), "D")
    payer = rng.choice(["A", "B"], rows)
    draw, loss = rng.random(rows), np.where(payer == "A", 0.2, 0.6)
    end = np.where(draw < loss, "written_off", np.where(draw < loss + 0.1, "patient", "paid"))
    days = np.where(end == "written_off", rng.integers(60, 150, rows), rng.integers(5, 60, rows))
    return pd.DataFrame({"start": start, "settled": start + pd.to_timedelta(days, "D"), "end": end, "payer": payer})


def test_open_cases_end_as_their_like_do_that_were_open_so_long():
    table, day = grown(), pd.Timestamp("2026-08-31")
    seen = table["settled"] <= day
    told = ends.shares(
        table["start"], table["settled"].where(seen), table["end"].where(seen), as_of=day, kind=table["payer"]
    )
    assert told.columns.tolist() == ["paid", "patient", "written_off"] and np.allclose(told.sum(axis=1), 1)
    true = (table["end"] == "written_off").groupby(table["payer"]).mean()
    assert (told["written_off"].groupby(table["payer"]).mean() - true).abs().max() < 0.05
    naive = (table["end"][seen] == "written_off").groupby(table["payer"]).mean()
    assert (true - naive).min() > 0.03  # leaving open cases out flatters
    age = (day - table["start"]).dt.days
    assert told.loc[~seen & (age > 100), "written_off"].min() > 0.9 > told.loc[~seen & (age < 20), "written_off"].max()
    assert set(told.loc[seen & (table["end"] == "paid"), "paid"]) == {1.0}


def test_what_is_settled_later_is_open_on_the_day():
    table, day = grown(), pd.Timestamp("2026-05-31")
    before = table[table["start"] <= day]
    seen = before["settled"] <= day
    told = ends.shares(before["start"], before["settled"], before["end"], as_of=day)
    cut = ends.shares(before["start"], before["settled"].where(seen), before["end"].where(seen), as_of=day)
    pd.testing.assert_frame_equal(told, cut)


def test_without_a_known_end_nothing_is_told():
    start = pd.Series(pd.to_datetime(["2026-01-05", "2026-01-09"]))
    nothing = pd.Series([pd.NaT, pd.NaT])
    assert ends.shares(start, nothing, pd.Series([None, None]), as_of=pd.Timestamp("2026-02-01")).shape == (2, 0)


@pytest.fixture(scope="module")
def short():
    """A model of a practice with little history, without a horizon, and the cases that came later."""
    table = simulated(1600)
    seen = known_on(table, "2025-01-31")
    model = OutcomeModel(features=["payer", "codes", "usd"], horizon_days=None, group="case", rate_keys=("payer",))
    fitted = model.fit(seen, index_date="filed", outcome="lost", outcome_date="ended", as_of="2025-01-31")
    return fitted, table[table["filed"] > "2025-01-31"]


def test_the_level_holds_though_many_cases_are_open(short):
    fitted, later = short
    assert abs(fitted.predict(later)["chance"].mean() - later["chance"].mean()) < 0.04


def test_models_are_followed_in_part_and_none_alone(short):
    fitted, _ = short
    assert fitted.chosen == "blend"
    assert all(0 < part < 1 for part in fitted.learner.shares)
    table = fitted.comparison.set_index("model")
    assert table.loc["blend", "log_loss"] < table.loc["base_rate", "log_loss"]


def test_a_kept_model_tells_the_same(short):
    fitted, later = short
    again = of_parts(*fitted.parts())
    assert np.allclose(again.predict(later)["chance"], fitted.predict(later)["chance"], atol=1e-6)


def test_no_chance_is_further_from_last_months_model_than_the_bound(short):
    fitted, later = short
    now, before = fitted.learner.parts
    assert isinstance(fitted.learner, learners.Steady) and fitted.learner.bound == choice.STEADY_BOUND
    told, then = (stats.log_odds(part.chance(later.reset_index(drop=True))) for part in (fitted.learner, before))
    assert np.abs(told - then).max() <= choice.STEADY_BOUND + 1e-9
    assert (np.abs(told - stats.log_odds(now.chance(later.reset_index(drop=True)))) < 1e-9).mean() > 0.8  # seldom held


def test_shares_are_drawn_to_the_usual_where_cases_are_few():
    rng = np.random.default_rng(1)
    outcome, base = (rng.random(4000) < 0.3).astype(float), np.full(4000, 0.3)
    apart = np.column_stack([rng.normal(size=4000), 4 * (outcome - 0.3)])
    many = calibration.stacked(base, apart, outcome, np.ones(4000), toward=0.45, pull=100.0)
    few = calibration.stacked(base[:20], apart[:20], outcome[:20], np.ones(20), toward=0.45, pull=100.0)
    assert many[0] < 0.1 and many[1] > 0.8 and all(abs(part - 0.45) < 0.15 for part in few)


def test_a_whole_model_that_tells_too_much_is_warned_of():
    with pytest.warns(leaks.LeakWarning, match="as a whole|tells later outcomes"):
        assert leaks.suspect_whole(0.93) == {leaks.WHOLE: 0.93}
    assert leaks.suspect_whole(0.89) == {} == leaks.suspect_whole(float("nan"))


def test_the_base_rate_of_cases_looked_at_later_is_their_own():
    table = pd.DataFrame({"age": np.repeat([0.0, 30.0, 90.0], 200)})
    outcome = np.concatenate([np.arange(200) < count for count in (40, 80, 140)]).astype(float)
    made = learners.BaseRate(learners.Encoding([], [], []), column="age").fit(table, outcome, np.ones(600))
    told = made.chance(pd.DataFrame({"age": [0, 45, 400]}))
    assert told == pytest.approx([0.2, 0.4, 0.7], abs=0.02)


def test_in_the_first_months_losses_are_not_taken_for_rare_because_they_are_slow():
    table, day = grown(), pd.Timestamp("2026-04-10")
    table = table[table["start"] <= day]
    seen = table["settled"] <= day
    told, naive = (ends.shares(table["start"], table["settled"].where(seen), table["end"].where(seen), as_of=day, **late)
                   for late in ({"late": "written_off"}, {}))  # fmt: skip
    true = (table["end"] == "written_off").mean()
    assert abs(told["written_off"].mean() - true) < 0.05
    assert naive["written_off"].mean() < true - 0.15


def test_later_many_own_cases_outweigh_what_is_supposed():
    table, day = grown(), pd.Timestamp("2026-08-31")
    seen = table["settled"] <= day
    told, plain = (ends.shares(table["start"], table["settled"].where(seen), table["end"].where(seen), as_of=day, **late)
                   for late in ({"late": "written_off"}, {}))  # fmt: skip
    assert abs(told["written_off"].mean() - plain["written_off"].mean()) < 0.02


def test_young_cases_have_the_level_that_was_learned():
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"payer": rng.choice(list("abcdefgh"), 3000), "age": rng.choice([0.0, 60.0], 3000)})
    chance = np.where(table["age"] == 0, np.where(table["payer"].isin(["a", "b"]), 0.1, 0.9), 0.95)
    outcome = (rng.random(3000) < chance).astype(float)
    encoding = choice.kinds(["payer", "age"], table)
    blend = learners.Blend(encoding, shares=[0.3, 0.3], column="age").fit(table, outcome, np.ones(3000))
    young = table["age"] == 0
    assert abs(blend.chance(table[young].reset_index(drop=True)).mean() - outcome[young].mean()) < 1e-6
    assert blend.shift != 0


def test_a_look_more_is_no_further_case():
    table = pd.DataFrame({"start": pd.Timestamp("2026-01-01"), "lost": 1.0, "end": pd.Timestamp("2026-02-01"),
                          "case": [1, 1, 1, 2]})  # fmt: skip
    cases = of_table(table, Columns("start", "lost", "end"), horizon_days=None, group="case", as_of="2026-03-01")
    assert cases.part == 0.5


def test_a_wider_band_has_the_same_middle():
    rng = np.random.default_rng(6)
    chance = rng.random(1000)
    outcome = (rng.random(1000) < chance).astype(float)
    plain, wide = (calibration.band(chance, outcome, np.ones(1000), wider=by) for by in (1.0, choice.BAND_WIDER))
    assert plain["chance"].equals(wide["chance"])
    assert np.allclose(wide[["below", "above"]], choice.BAND_WIDER * plain[["below", "above"]])
