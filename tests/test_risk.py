"""Risk of a write-off: labels with censoring, features of the day, honest scores, leaks, saved models, the worklist."""

from __future__ import annotations

import csv
import io
import pickle
import re
import zipfile
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from rcm_analysis import stats
from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.models import calibration, learners
from rcm_analysis.models import outcome as models_outcome
from rcm_analysis.models import scores as models_scores
from rcm_analysis.models.outcome import FittedModel
from rcm_analysis.pages import write_off_risk
from rcm_analysis.risk import OutcomeModel, worklist
from rcm_analysis.risk import features as risk_features
from rcm_analysis.risk.worklist import DriftWarning, LeakError, LeakWarning
from rcm_analysis.store.practice import Practice

EARLIER, LATER = date(2026, 3, 31), date(2026, 9, 30)
QUICK = ("base_rate", "rates", "logistic")


def simulated(rows: int = 3000, *, seed: int = 1, shift: float = 0.0) -> pd.DataFrame:
    """Cases over two years whose chance hangs on a payer and a code; losses take long, payments are quick."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"case": np.arange(rows), "filed": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 730, rows)), "D"),
                          "payer": rng.choice(["A", "B", "C"], rows), "usd": rng.lognormal(5, 1, rows)})  # fmt: skip
    table["codes"] = [{"97", "M15"} if x < 0.4 else {"16"} for x in rng.random(rows)]
    odds = shift - 1 + 1.5 * (table["payer"] == "B") + 1.5 * table["codes"].map(lambda c: "97" in c)
    table["chance"] = 1 / (1 + np.exp(-odds))
    table["lost"] = (rng.random(rows) < table["chance"]).astype(float)
    table["ended"] = table["filed"] + pd.to_timedelta(
        np.where(table["lost"] == 1, rng.integers(90, 170, rows), rng.integers(5, 60, rows)), "D"
    )
    return table


def known_on(table: pd.DataFrame, day: str) -> pd.DataFrame:
    """The table as it was on a day: later cases unknown, later ends open."""
    seen = table[table["filed"] <= day].copy()
    still_open = seen["ended"] > pd.Timestamp(day)
    seen.loc[still_open, "lost"], seen.loc[still_open, "ended"] = np.nan, pd.NaT
    return seen


def fitted(table: pd.DataFrame, **more) -> FittedModel:
    options = {"features": ["payer", "codes", "usd"], "horizon_days": 180, "group": "case", "candidates": QUICK} | more
    return OutcomeModel(**options).fit(
        table, index_date="filed", outcome="lost", outcome_date="ended" if "ended" in table else None
    )


# --- label and censoring -------------------------------------------------------------------------------------------


def test_an_open_case_is_neither_lost_nor_won():
    table = simulated()
    seen = known_on(table, "2025-06-30")
    outcome, weight = models_scores.known_by(seen["filed"], seen["ended"], seen["lost"].fillna(0).to_numpy(),
                                              as_of=pd.Timestamp("2025-06-30"), horizon_days=180)  # fmt: skip
    true = table.loc[seen.index, "lost"].mean()
    assert abs(np.average(outcome, weights=weight) - true) < 0.03
    assert seen["lost"].mean() < true - 0.05  # leaving open cases out flatters
    assert (weight[seen["lost"].isna() & (seen["filed"] > "2025-01-10")] == 0).all()


def test_a_loss_after_the_horizon_is_none_within_it():
    start = pd.to_datetime(pd.Series(["2024-01-01"] * 3))
    settled = pd.to_datetime(pd.Series(["2024-03-01", "2024-12-01", None]))
    outcome, weight = models_scores.known_by(
        start, settled, np.array([1.0, 1.0, 0.0]), as_of=pd.Timestamp("2025-06-01"), horizon_days=180
    )
    assert outcome.tolist() == [1, 0, 0] and weight.tolist() == [1, 1, 1]


def test_outcomes_are_those_the_ledger_tells(demo_con):
    cases = risk_features.cases(demo_con)
    states = demo_con.execute("SELECT claim_number, state FROM claims").df().set_index("claim_number")["state"]
    state = cases["claim_number"].map(states)
    assert (cases.loc[state == "written_off", "outcome"] == "written_off").mean() > 0.99
    assert (
        state[cases["outcome"].isna()].isin(
            ["denied_open", "resubmitted", "open_past_window", "unpaid_no_reason", "taken_back"]
        )
    ).all()
    assert cases.loc[cases["outcome"].notna(), "settled_on"].notna().all()
    assert (cases["settled_on"].dropna() >= cases.loc[cases["settled_on"].notna(), "denied_on"]).all()


# --- as of the day -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_looks(demo_store):
    """The same moments described from a store cut off at EARLIER and from one that knows what came later."""
    short = derive.open_practice(demo_store, "riverbend", as_of=EARLIER)
    long = derive.open_practice(demo_store, "riverbend", as_of=LATER)
    moments = worklist.moments(risk_features.cases(short), as_of=EARLIER)
    return [risk_features.features(con, moments).merge(con.execute("SELECT claim_number, CAST(paid AS DOUBLE) AS paid_since FROM claims").df(), on="claim_number")
            for con in (short, long)]  # fmt: skip


def differing(looks: list[pd.DataFrame], columns: list[str]) -> list[str]:
    keys = ["claim_number", "known_on"]
    one, other = (look.sort_values(keys, ignore_index=True) for look in looks)
    assert one[keys].equals(other[keys]) and len(one) > 300
    return [name for name in columns if not one[name].equals(other[name])]


def test_no_feature_knows_what_came_later(two_looks):
    assert (
        differing(two_looks, [*risk_features.CATEGORIES, *risk_features.NUMBERS, "codes", "correct_by", "appeal_by"])
        == []
    )


@pytest.mark.slow
def test_a_store_that_never_saw_later_files_tells_the_same(demo_folder, demo_store, tmp_path):
    """The list of that day, learned and ranked, once from all files and once from those that were there on the day."""
    there = [path for path in sorted((demo_folder / "edi").rglob("*.*")) if day_of(path) <= EARLIER]
    assert 0 < len(there) < len(list((demo_folder / "edi").rglob("*.*")))
    rows = (demo_folder / "ledger.csv").read_text().splitlines()
    place = rows[0].split(",").index("Post Date")
    posted = [row for row in csv.reader(rows[1:]) if datetime.strptime(row[place], "%m/%d/%Y").date() <= EARLIER]
    with (tmp_path / "ledger.csv").open("w", newline="") as file:
        csv.writer(file).writerows([rows[0].split(","), *posted])
    ingest.ingest(Practice(tmp_path / "store", "riverbend"), [*there, tmp_path / "ledger.csv"])
    lists = [
        worklist.risk(derive.open_practice(store, "riverbend", as_of=EARLIER))
        for store in (demo_store, tmp_path / "store")
    ]
    assert len(lists[0]) > 30
    pd.testing.assert_frame_equal(*lists)


def day_of(path: Path) -> date:
    """The day on which an EDI file was made, as its envelope tells."""
    return datetime.strptime(path.read_text()[70:76], "%y%m%d").date()


def test_a_planted_later_column_is_caught(two_looks):
    assert differing(two_looks, [*risk_features.ALL, "paid_since"]) == ["paid_since"]


# --- the model -----------------------------------------------------------------------------------------------------


def test_the_model_nears_the_true_chances():
    table = simulated()
    model = fitted(known_on(table, "2025-06-30"))
    later = table[table["filed"] > "2025-06-30"]
    told = model.predict(later)
    assert model.chosen == "logistic"
    assert np.abs(told["chance"] - later["chance"]).mean() < 0.06
    assert (told["lower"] <= told["chance"]).all() and (told["chance"] <= told["upper"]).all()
    assert told.index.equals(later.index)


@pytest.mark.parametrize(("shift", "slope"), [(0.0, 1.0), (-0.8, 0.6), (1.2, 1.7)])
def test_chances_are_straightened_to_the_best_line(shift, slope):
    rng = np.random.default_rng(5)
    odds, weight = rng.normal(0, 1.5, 4000), rng.uniform(0.5, 3, 4000)
    outcome = (rng.random(4000) < stats.sigmoid(shift + slope * odds)).astype(float)
    line = calibration.straightened(stats.sigmoid(odds), outcome, weight, pull=10.0)
    columns = np.column_stack([np.ones(4000), odds])
    missed = columns.T @ (weight * (stats.sigmoid(columns @ line) - outcome)) + 10.0 * (np.array(line) - [0, 1])
    assert np.abs(missed).max() < 1e-5  # nowhere to go: the lowest point of the cost
    assert line == pytest.approx((shift, slope), abs=0.15)


def test_the_level_of_earlier_models_is_not_corrected_where_ends_are_censored():
    rng = np.random.default_rng(6)
    chance, weight = rng.beta(2, 3, 500), rng.uniform(0, 3, 500)
    shift, slope = calibration.level_kept(chance, weight, slope=0.6)
    told = stats.sigmoid(shift + slope * stats.log_odds(chance))
    assert slope == 0.6 and abs(shift) > 0.05
    assert np.average(told, weights=weight) == pytest.approx(np.average(chance, weights=weight), abs=1e-6)
    model = fitted(known_on(simulated(), "2025-06-30"))
    held = model.validation[
        model.validation["origin"] == model.validation["origin"].max()
    ]  # the newest origin sets the slope
    raw = stats.sigmoid((stats.log_odds(held["chance"]) - model.line[0]) / model.line[1])
    means = [np.average(chance, weights=held["weight"]) for chance in (raw, held["chance"])]
    assert means[0] == pytest.approx(means[1], abs=1e-6)


def test_new_cases_are_learned_apart_when_older_ones_end_otherwise():
    """Half of the cases are looked at again when old, and then what spoke for a loss speaks against it."""
    table = simulated(4000)
    old = table.sample(frac=0.5, random_state=2).assign(age=60, filed=lambda t: t["filed"] + pd.Timedelta(days=1))
    old["lost"] = (np.random.default_rng(5).random(len(old)) < 1 - old["chance"]).astype(float)
    both = pd.concat([table.assign(age=0), old], ignore_index=True).sort_values("filed", ignore_index=True)
    both["ended"] = both["filed"] + pd.Timedelta(days=30)
    model = fitted(both, features=["payer", "codes", "usd"], kind="age", candidates=(*QUICK, "boosting_by_kind"))
    assert model.chosen == "boosting_by_kind"
    strange = simulated(2000, seed=8)
    missed = {
        age: np.abs(model.predict(strange.assign(age=age))["chance"] - strange["chance"]).mean() for age in (0, 10, 60)
    }
    assert max(missed[0], missed[10]) < 0.07 < 0.12 < missed[60]


@pytest.mark.filterwarnings(
    "ignore::rcm_analysis.risk.worklist.LeakWarning"
)  # a week that tells all is what it looks like
def test_a_split_at_random_flatters_where_the_rate_moves():
    table = simulated(4000)
    table["week"] = table["filed"].dt.isocalendar().week.astype(str)
    drawn = np.random.default_rng(3).random(60) < 0.5  # each week has its own luck, which later weeks do not share
    table["lost"] = drawn[table["week"].astype(int)].astype(float)
    table["week"] = table["filed"].dt.strftime("%Y-%W")
    model = fitted(table.drop(columns="ended"), features=["payer", "week"], rate_keys=("week",))
    mixed = model.split_at_random(table.assign(ended=pd.NaT).drop(columns="ended"))
    assert mixed["log_loss"] < 0.6 < model.card["metrics"]["log_loss"]


def test_trees_do_not_tell_apart_what_few_cases_share():
    table = pd.DataFrame({"payer": ["A"] * 60 + ["B"] * 19 + ["C"] * 4, "codes": [{"97"}] * 70 + [{"97", "M15"}] * 13})
    encoding = learners.Encoding(["payer"], [], ["codes"]).learn(table)
    assert (encoding.levels["payer"], encoding.vocabulary["codes"]) == (["A", "B"], ["97", "M15"])
    dense = encoding.dense(table)
    assert dense.shape == (83, 2) and np.isnan(dense[60:, 0]).all() and (dense[:60, 0] == 0).all()


def test_shuffled_outcomes_give_no_skill():
    table = simulated()
    table[["lost", "ended"]] = table[["lost", "ended"]].sample(frac=1, random_state=3).to_numpy()
    table["lost"], table["ended"] = table["lost"].astype(float), pd.NaT
    table = table.drop(columns="ended")
    model = fitted(table[table["filed"] < "2025-06-30"])
    later = table[table["filed"] >= "2025-06-30"]
    scores = model.evaluate(later).set_index("metric")
    assert model.chosen in ("base_rate", "rates")
    assert abs(scores.loc["auroc", "value"] - 0.5) < 0.06 and scores.loc["brier_skill", "value"] < 0.01


def test_too_few_cases_give_rates_and_say_so():
    model = fitted(simulated(150), candidates=("base_rate", "rates", "logistic", "boosting", "blend"))
    assert model.card["too_few"] and model.chosen in ("base_rate", "rates")
    assert set(model.comparison["model"]) <= {"base_rate", "rates"}


def test_leaks_are_refused():
    table = simulated()
    with pytest.raises(LeakError, match="lost is the outcome"):
        fitted(table, features=["payer", "lost"])
    with pytest.raises(LeakError, match="paid_on is dated after"):
        fitted(table.assign(paid_on=table["filed"] + pd.Timedelta(days=3)), features=["payer", "paid_on"])
    model = fitted(table[table["filed"] < "2025-06-30"])
    with pytest.raises(LeakError, match="keep each on one side"):
        model.evaluate(table)


def test_leaks_are_warned_of():
    table = simulated()
    told = np.where(np.random.default_rng(0).random(len(table)) < 0.97, table["lost"], 1 - table["lost"])
    with pytest.warns(LeakWarning, match="status alone tells the outcome"):
        fitted(table.assign(status=np.where(told == 1, "closed", "posted")), features=["payer", "status"])
    twice = pd.concat([table, table], ignore_index=True)
    with pytest.warns(LeakWarning, match="name it as group"):
        fitted(twice, group=None)


def test_a_moved_rate_raises_an_alarm(recwarn):
    model = fitted(simulated())
    same = simulated(seed=2).assign(
        case=lambda t: t["case"] + 10_000, filed=lambda t: t["filed"] + pd.Timedelta(days=731), ended=pd.NaT
    )
    with pytest.warns(DriftWarning, match="the rate has moved"):
        moved = simulated(seed=2, shift=1.5).assign(
            case=lambda t: t["case"] + 10_000, filed=lambda t: t["filed"] + pd.Timedelta(days=731)
        )
        model.evaluate(moved.assign(ended=moved["filed"] + pd.Timedelta(days=9)))
    recwarn.clear()
    model.evaluate(same.assign(ended=same["filed"] + pd.Timedelta(days=9)))
    assert not [w for w in recwarn if w.category is DriftWarning]


# --- saved models --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["base_rate", "rates", "logistic", "boosting", "boosting_by_kind", "blend"])
def test_a_saved_model_tells_the_same(kind, tmp_path):
    table = simulated(1200).assign(usd=lambda t: t["usd"].where(t.index % 7 > 0), age=lambda t: t.index % 3 * 30)
    encoding = learners.Encoding(["payer"], ["usd"], ["codes"]).learn(table)
    made = {"base_rate": learners.BaseRate(encoding), "rates": learners.Rates(encoding, ["payer", "codes"]), "logistic": learners.Logistic(encoding),
            "boosting": learners.Boosting(encoding, iterations=30), "boosting_by_kind": learners.ByKind(encoding, "age"), "blend": learners.Blend(encoding)}[kind]  # fmt: skip
    made.fit(table, table["lost"].to_numpy(), np.ones(len(table)))
    learners.write(tmp_path / "m.zip", made, {"learned_to": "2026-01-01"})
    again, about = learners.read(tmp_path / "m.zip")
    strange = simulated(400, seed=9).assign(
        payer=lambda t: t["payer"].where(t.index % 3 > 0, "NEW"),
        usd=lambda t: t["usd"].where(t.index % 5 > 0),
        age=lambda t: t.index % 2 * 45,
    )
    np.testing.assert_allclose(again.chance(strange), made.chance(strange), atol=1e-6)
    assert about == {"learned_to": "2026-01-01"}


def test_a_model_file_carries_its_card_and_runs_nothing(tmp_path):
    model = fitted(known_on(simulated(), "2025-06-30"))
    model.save(tmp_path / "m.zip")
    again = models_outcome.load(tmp_path / "m.zip")
    table = simulated(200, seed=4)
    pd.testing.assert_frame_equal(again.predict(table), model.predict(table))
    assert {"learned_from", "learned_to", "versions", "metrics", "cases"} <= set(again.card)

    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle ran",))

    (tmp_path / "bare.zip").write_bytes(pickle.dumps(Bomb()))
    held = io.BytesIO()
    np.savez(held, coefficients=np.array([Bomb()], dtype=object))
    with zipfile.ZipFile(tmp_path / "m.zip") as good, zipfile.ZipFile(tmp_path / "inside.zip", "w") as bad:
        bad.writestr("model.json", good.read("model.json"))
        bad.writestr("arrays.npz", held.getvalue())
    for name in ("bare.zip", "inside.zip"):
        with pytest.raises(learners.ModelFileError):
            models_outcome.load(tmp_path / name)


# --- judgement -----------------------------------------------------------------------------------------------------


def test_one_chance_for_all_is_one_group():
    told = models_scores.calibration(np.array([1.0, 0, 0, 0]), np.full(4, 0.5), np.ones(4))
    assert told[["chance", "observed", "cases"]].values.tolist() == [[0.5, 0.25, 4]]


def test_figures_agree_with_hand_counts():
    outcome, chance, one = np.array([1.0, 0, 1, 0]), np.array([0.8, 0.4, 0.6, 0.2]), np.ones(4)
    told = models_scores.figures(outcome, chance, one)
    assert told["brier"] == pytest.approx((0.04 + 0.16 + 0.16 + 0.04) / 4)
    assert told["auroc"] == 1 and told["base_rate"] == 0.5 and told["predicted_minus_observed"] == pytest.approx(0)
    found = models_scores.captured(
        outcome, np.array([10.0, 90, 30, 20]), {"chance": chance}, capacity_share=0.5, weight=one
    ).set_index("order")
    assert (
        found.loc["chance", "dollars"] == 40
        and found.loc["at random", "dollars"] == 20
        and found.loc["perfect", "share"] == 1
    )
    curve = models_scores.decision_curve(outcome, chance, one).set_index("threshold")
    assert curve.loc[0.5, "model"] == 0.5 and curve.loc[0.5, "work_all"] == 0


# --- the practice --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned(demo_con):
    return worklist.learn(demo_con)


@pytest.fixture(scope="module")
def table(demo_con, learned):
    return worklist.risk(demo_con, trained=learned)


def test_the_list_holds_every_open_denial_once(demo_con, table):
    cases = risk_features.cases(demo_con)
    owed = set(demo_con.execute("SELECT claim_number FROM claims WHERE open_balance > 0").df()["claim_number"])
    assert set(table["claim_number"]) == set(cases.loc[cases["outcome"].isna(), "claim_number"]) & owed
    assert table["claim_number"].is_unique and table["rank"].tolist() == list(range(1, len(table) + 1))
    assert table["p_write_off"].between(0, 1).all() and (table["at_stake_usd"] <= table["open_balance"] + 0.005).all()
    late = table["days_left"].fillna(0) < 0
    assert late.is_monotonic_increasing  # clocks that have run out come last
    first, cash = len(table[~late]) // 5, table.loc[~late, "expected_cash"]
    assert cash.head(first).sum() > 0.9 * cash.nlargest(first).sum()
    assert (table["expected_cash"] <= table["expected_allowed_usd"]).all() and table["expected_cash"].gt(0).any()
    assert (table["next_step"] != "").all()


def test_days_left_count_to_the_next_clock(demo_con, table):
    row = table[table["correction_days_left"].ge(0) & table["appeal_days_left"].ge(0)].iloc[0]
    assert row["days_left"] == min(row["correction_days_left"], row["appeal_days_left"])
    assert row["next_deadline"] == pd.Timestamp("2026-10-31") + pd.Timedelta(days=int(row["days_left"]))


def test_a_practice_without_denials_has_an_empty_list(tmp_path):
    from conftest import remittance

    from rcm_analysis.intake import ingest
    from rcm_analysis.store.practice import Practice

    (tmp_path / "paid.835").write_bytes(
        remittance("CLP*A1*1*250*200*50*12*X1*11*1", "SVC*HC:99213*250*200**1", "CAS*PR*2*50", paid="200")
    )
    ingest.ingest(Practice(tmp_path / "s", "clinic"), [tmp_path / "paid.835"])
    con = derive.open_practice(tmp_path / "s", "clinic", as_of=date(2026, 10, 31))
    assert worklist.learn(con) is None
    assert worklist.risk(con).columns.tolist() == worklist.COLUMNS
    assert worklist.expected_write_offs(con)["expected_usd"] == 0
    assert "nothing to work" in write_off_risk.first_hours_sentence(worklist.risk(con))


def test_the_first_answer_speaks_of_passed_deadlines_only_where_there_are_some():
    def answer(cash, days_left):
        return write_off_risk.first_hours_sentence(
            pd.DataFrame({"expected_cash": cash, "days_left": days_left, "at_stake_usd": [100.0, 60.0]})
        )

    assert answer([30.0, 10.0], [5, 20]) == (
        "Work the first 1 of 2 open denials. They hold $30 expected cash, 75% of all expected cash."
    )
    assert answer([30.0, 9.0], [5, -1]).endswith("expected cash. 1 claim is past the usual deadline.")
    assert answer([30.0, 9.0], [-5, -1]) == (
        "None of the 2 open denials is before a usual deadline. 2 claims are past the usual deadline."
    )


def test_where_no_payment_tells_prices_the_first_answer_speaks_of_charges():
    table = pd.DataFrame({"expected_cash": [None, None], "days_left": [5, 9], "at_stake_usd": [100.0, 60.0]})
    assert write_off_risk.first_hours_sentence(table.astype({"expected_cash": float})) == (
        "Work the first 1 of 2 open denials. They hold $100 billed, 62% of what is open."
    )


# --- public data ---------------------------------------------------------------------------------------------------


def test_part_d_appeals_reach_the_published_figures(shared):
    table = pd.read_parquet(shared / "realdata/medicare_ire_appeals_2015_2019.parquet")
    table = table[table["source_file"] == "partD_2017_2019"].assign(
        won=lambda t: (t["appeal_disposition"] != "Unfavorable").astype(int), day=lambda t: pd.to_datetime(t["appeal_end_date"]))  # fmt: skip
    model = OutcomeModel(features=["medicare_part", "appeal_type", "drug_name"], candidates=QUICK).fit(
        table[table["day"] < "2019-01-01"], index_date="day", outcome="won"
    )
    with pytest.warns(DriftWarning):  # 17.5 % won before 2019, 12.8 % in it
        scores = model.evaluate(table[table["day"] >= "2019-01-01"]).set_index("metric")["value"]
    assert 0.755 <= scores["auroc"] <= 0.80 and scores["brier"] <= 0.1015


def test_medical_reviews_reach_the_published_figures(shared):
    table = pd.read_csv(shared / "realdata/ca_dmhc_imr_2001_2016.csv.gz")
    table = table.assign(won=table["determination"].str.startswith("Overturned").astype(int),
                         day=pd.to_datetime(table["report_year"].astype(str) + "-01-01"))  # fmt: skip
    features = [name for name in table if name not in ("reference_id", "report_year", "determination", "won", "day")]
    model = OutcomeModel(features=features, group="reference_id").fit(
        table[table["report_year"] < 2015], index_date="day", outcome="won"
    )
    with pytest.warns(DriftWarning):
        scores = model.evaluate(table[table["report_year"] >= 2015]).set_index("metric")["value"]
    assert 0.675 <= scores["auroc"] <= 0.73 and scores["brier"] <= 0.240


def test_chances_that_are_all_alike_are_one_group():
    outcome, alike = np.array([1.0, 0, 0, 0] * 10), np.full(40, 0.3)
    table = models_scores.calibration(outcome, alike, np.ones(40))
    assert table["cases"].tolist() == [40] and table["observed"].tolist() == [0.25]
    assert models_scores.figures(outcome, alike, np.ones(40))["calibration_error"] == pytest.approx(0.05)


def test_the_interval_holds_what_is_expected(monkeypatch):
    sure = SimpleNamespace(model=SimpleNamespace(predict=lambda table: pd.DataFrame({"chance": [0.9999, 0.9999]})))
    monkeypatch.setattr(worklist, "standing", lambda *args, **more: pd.DataFrame({"at_stake_usd": [100.0, 200.0]}))
    monkeypatch.setattr(worklist, "_monthly_miss", lambda trained: 0.0)
    told = worklist._expected(None, sure)
    assert told["lower_usd"] <= told["expected_usd"] == pytest.approx(299.97) and told["upper_usd"] == 300.0


# --- reasons ---------------------------------------------------------------------------------------------------------


def test_a_fact_never_both_raises_and_lowers_and_no_reason_is_nothing(demo_con, learned, table):
    told = [
        part for said in table["reasons"].head(worklist.REASONED_ROWS) for part in said.split("; ") if " by " in part
    ]
    facts = {}
    for part in told:
        words, way, points = re.fullmatch(r"(.*) (raises|lowers) it by (\d+) points?", part).groups()
        facts.setdefault(words, set()).add(way)
        assert int(points) >= 1
    assert len(facts) > 10 and all(len(ways) == 1 for ways in facts.values())


def test_without_a_model_the_list_says_which_rate_stands_in(learned, table):
    few = replace(learned.model, card={**learned.model.card, "too_few": True, "chosen": "base_rate"})
    said = worklist.reasons(table, worklist.replace(learned, model=few))
    assert set(said) == {"the practice's own rate: too few closed denials for a score"}


@pytest.mark.parametrize("seed", range(8))
def test_areas_and_precision_are_those_of_the_library(seed):
    from sklearn.metrics import average_precision_score, roc_auc_score

    drawn = np.random.default_rng(seed)
    size = int(drawn.integers(2, 400))
    chance = drawn.beta(1, 3, size).round(seed % 4 + 1)  # many are equal
    outcome = (drawn.random(size) < chance + 0.1).astype(float)
    weight = drawn.random(size) + 0.1
    outcome[:2] = [0, 1]
    for own, theirs in (
        (models_scores.area, roc_auc_score),
        (models_scores.average_precision, average_precision_score),
    ):
        assert own(outcome, chance) == pytest.approx(theirs(outcome, chance), abs=1e-12)
        assert own(outcome, chance, weight) == pytest.approx(theirs(outcome, chance, sample_weight=weight), abs=1e-12)
    assert np.isnan(models_scores.area(np.ones(3), np.arange(3.0))) and np.isnan(
        models_scores.average_precision(np.zeros(3), np.arange(3.0))
    )


def test_equal_chances_stay_in_one_group_and_their_error_counts_by_cases():
    chance, outcome = np.repeat([0.1, 0.5], [30, 10]), np.repeat([0.0, 1.0, 1.0], [24, 6, 10])
    table = models_scores.calibration(outcome, chance, np.ones(40), bins=4)
    assert table[["chance", "observed", "cases"]].round(9).to_numpy().tolist() == [[0.1, 0.2, 30], [0.5, 1.0, 10]]
    assert models_scores.calibration_error(outcome, chance, np.ones(40)) == pytest.approx((30 * 0.1 + 10 * 0.5) / 40)
