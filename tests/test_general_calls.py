"""Calls for any table: outcomes are 0, 1 or empty in each, and what else stands there is an error that says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text

from rcm_analysis.charts import common, risk, trends
from rcm_analysis.clusters import grouping
from rcm_analysis.models import leaks
from rcm_analysis.models.outcome import OutcomeModel
from rcm_analysis.prevention import rules
from rcm_analysis.trends import signals


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng, n = np.random.default_rng(0), 6000
    made = pd.DataFrame({
        "day": pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 500, n)), unit="D"),
        "payer": rng.choice(list("ABCD"), n), "code": rng.choice(["x", "y", "z"], n), "usd": 100.0,
        "several": [["M1", "M2"] if i % 3 == 0 else ["M3"] for i in range(n)]})  # fmt: skip
    chance = np.where((made["payer"] == "A") & (made["code"] == "x"), 0.8, 0.05)
    return made.assign(lost=(rng.random(n) < chance).astype(int))


def learned(table: pd.DataFrame, *more: str) -> list[str]:
    found = rules.learn_rules(table, outcome="lost", date="day", features=["payer", "code", *more], amount="usd")
    return found["condition"].tolist()


WRITTEN = {
    "numbers": lambda lost: lost, "floats": lambda lost: lost.astype(float), "flags": lambda lost: lost.astype(bool),
    "nullable": lambda lost: lost.astype("Int64"), "objects": lambda lost: lost.astype(object),
    "categories": lambda lost: lost.map({1: "auth", 0: None}),
}  # fmt: skip
WRONG = {
    "missing as -1": lambda lost: lost.replace(0, -1), "2": lambda lost: lost * 2, "yes and no": lambda lost: lost.map({1: "yes", 0: "no"}),
    "texts and numbers": lambda lost: lost.astype(object).where(lost == 1, "no"),
}  # fmt: skip


@pytest.mark.parametrize("how", WRITTEN)
def test_rules_are_the_same_however_outcomes_are_written(table, how):
    assert learned(table.assign(lost=WRITTEN[how](table["lost"]))) == ["payer = A and code = x"]


def test_open_rows_are_left_out(table):
    some = table.assign(lost=table["lost"].astype(float).where(table.index % 2 == 0))
    assert learned(some) == learned(table[table.index % 2 == 0])


@pytest.mark.parametrize("how", WRONG)
def test_other_outcomes_are_an_error_that_says_so(table, how):
    some = table.assign(lost=WRONG[how](table["lost"]))
    with pytest.raises(ValueError, match=r"lost.*0, 1 or empty"):
        learned(some)
    with pytest.raises(ValueError, match="lost must be 0, 1 or empty"):
        OutcomeModel(features=["payer"], horizon_days=180).fit(some, index_date="day", outcome="lost")


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_several_codes_in_a_cell_are_a_feature_everywhere(table, kind):
    some = table.assign(several=table["several"].map(kind))
    assert learned(some, "several") == ["payer = A and code = x"]
    clusters, _ = grouping.find_clusters(some[some["lost"] == 1], features=["payer", "code", "several"], amount="usd")
    assert len(clusters) > 1
    fitted = OutcomeModel(features=["payer", "several"], horizon_days=180).fit(some, index_date="day", outcome="lost")
    assert fitted.predict(some.head(3))["chance"].between(0, 1).all()


def test_clusters_need_no_days(table):
    clusters, _ = grouping.find_clusters(
        table[table["lost"] == 1].drop(columns="day"), features=["payer", "code"], amount="usd"
    )
    assert len(clusters) > 1


def counts(rise: float = 0.1, seed: int = 1, payers: int = 40) -> pd.DataFrame:
    """One large payer whose rate rises in April 2025, and many of a few cases a month."""
    rng, months = np.random.default_rng(seed), pd.period_range("2024-01", periods=24, freq="M").astype(str)
    rows = [(month, f"P{k:02d}", rng.binomial(n, 0.06 + (rise if k == 0 and t >= 15 else 0)), n)
            for t, month in enumerate(months) for k in range(payers) if (n := rng.poisson(400 if k == 0 else 4))]  # fmt: skip
    return pd.DataFrame(rows, columns=["period", "payer", "numerator", "denominator"])


@pytest.mark.parametrize("payers", [40, 120])
def test_sparse_payers_are_no_change_of_definition(payers):
    assert not any(len(signals.find_signals(counts(0, seed, payers), ["payer"])) for seed in range(3))
    found = signals.find_signals(counts(payers=payers), ["payer"])
    assert found[["kind", "segment"]].to_numpy().tolist() == [["step", '{"payer": "P00"}']]


def test_headlines_speak_of_the_callers_measure():
    found = signals.find_signals(counts(), ["payer"], measure="readmission_rate")["headline"].iloc[0]
    assert found.startswith("P00: the readmission rate rose from 5.9%") and " cases more" in found
    whole = signals.find_signals(counts(), [], measure="no_shows")["headline"].iloc[0]
    assert whole.startswith("Overall: the rate of no shows rose") and "denial" not in found + whole
    numbered = counts().assign(payer=lambda t: t["payer"].str[1:].astype(int))
    assert signals.find_signals(numbered, ["payer"])["headline"].iloc[0].startswith("payer 0: ")


@pytest.mark.parametrize("kind", [list, set, frozenset, tuple])
def test_several_values_in_a_cell_stand_together(kind):
    some = counts().assign(payer=lambda t: [kind([name, "Z"]) for name in t["payer"]])
    assert signals.find_signals(some, ["payer"])["segment"].tolist() == ['{"payer": "P00, Z"}']


def test_rows_without_a_count_or_a_period_are_left_out():
    whole, cut = counts(), counts()["payer"] == "P03"
    for name in ("period", "numerator", "denominator"):
        found = signals.find_signals(whole.assign(**{name: whole[name].where(~cut)}), ["payer"])
        assert found["headline"].tolist() == signals.find_signals(whole[~cut], ["payer"])["headline"].tolist()


@pytest.mark.parametrize("name, value, said", [
    ("numerator", -1, "-1 of"), ("numerator", 10_000, "10000 of"), ("numerator", "few", "'few'"), ("period", "Jan 2025", "'Jan 2025'"), ("period", "2025-13", "'2025-13'"),
])  # fmt: skip
def test_counts_that_are_none_are_an_error_that_says_so(name, value, said):
    with pytest.raises(ValueError, match=said):
        signals.find_signals(counts().astype({name: object}).assign(**{name: value}), ["payer"])


def test_what_came_nearest_to_a_rule_is_told_with_why_it_is_none(table):
    rng = np.random.default_rng(3)
    weak = table.assign(lost=(rng.random(len(table)) < np.where(table["payer"] == "A", 0.3, 0.05)).astype(int))
    asked = {"outcome": "lost", "date": "day", "features": ["payer", "code"], "amount": "usd"}
    assert not len(found := rules.learn_rules(weak, **asked))
    told = rules.nearest(weak, **asked, count=3)
    assert told["condition"].str.contains("payer = A").all() and 1 <= len(told) <= 3
    assert (
        told["why_not"].str.contains("at least 40% are wanted|at least 5 are wanted").all()
        and told["precision_lower"].is_monotonic_decreasing
    )
    assert found.attrs["nearest"][0]["condition"] == told["condition"].iloc[0]
    assert "payer = A and code = x" not in set(rules.nearest(table, **asked)["condition"]), "that one is offered"
    assert rules.nearest(table.head(0), **asked).empty and "nearest" not in rules.learn_rules(table, **asked).attrs


@pytest.mark.parametrize("undated", [lambda t: t.drop(columns="day"), lambda t: t.assign(day=pd.NaT)])
def test_a_table_without_dates_is_proven_on_cases_drawn_by_chance(table, undated):
    some = undated(table)
    found = rules.learn_rules(
        some, outcome="lost", date="day" if "day" in some else None, features=["payer", "code"], amount="usd"
    )
    assert found["condition"].tolist() == ["payer = A and code = x"]
    assert found["precision_lower"].iloc[0] > 0.5 and found["claims_matched"].iloc[0] > 20
    assert found[["tested_from", "tested_to", "avoidable_usd_per_month", "since"]].isna().all(axis=None)


def test_rows_without_a_date_are_left_out(table):
    some = table.assign(day=table["day"].where(table.index % 10 > 0))
    assert learned(some) == learned(table[table.index % 10 > 0])


def test_texts_among_sets_and_gaps_within_them(table):
    mixed = [[*v, None] if i % 3 == 0 else "M3" if i % 3 == 1 else None for i, v in enumerate(table["several"])]
    some = table.assign(several=mixed, lost=[int("M1" in (v or []) and i % 10 > 0) for i, v in enumerate(mixed)])
    found = rules.learn_rules(some, outcome="lost", date="day", features=["payer", "several"], amount="usd")
    assert found["condition"].tolist() in (["several with M1"], ["several with (M1, M2)"], ["several with M2"])


@pytest.mark.parametrize("share", [0.002, 0.01, 0.1, 0.3, 0.6, 0.9, 0.97, 0.99])
def test_a_key_is_one_at_any_share_of_distinct_values(share):
    """As texts and as numbers; the same values beside outcomes of their own are none."""
    rng, n = np.random.default_rng(7), 5000
    values = int(n * share)
    key = np.concatenate([np.arange(values), rng.integers(0, values, n - values)])
    ends = (rng.random(values) < 0.25).astype(int)
    for column in (pd.Series([f"m{k}" for k in key]), pd.Series(key), pd.Series(key, dtype=float)):
        assert leaks._is_key(column, ends[key])
    assert not leaks._is_key(pd.Series(key), (rng.random(n) < 0.25).astype(int))
    assert not leaks._is_key(pd.Series(key), (rng.random(n) < 0.002).astype(int))
    assert not leaks._is_key(pd.Series(np.arange(n)), ends[key]), "a value of its own for each row parts no case"


def test_a_model_of_any_table_has_a_card_and_a_plot(table):
    fitted = OutcomeModel(features=["payer", "code"], horizon_days=180, candidates=("rates", "logistic")).fit(
        table, index_date="day", outcome="lost"
    )
    assert {"chosen", "cases", "base_rate", "metrics", "suspects"} <= set(fitted.card)
    told = fitted.calibration
    assert list(told) == ["chance", "observed", "lower", "upper", "cases"] and len(told) >= 2
    drawn = risk.calibration(told, title="Lost parcels", outcome="lost")
    assert drawn.axes[0].lines and "written off" not in str([text.get_text() for text in drawn.findobj(Text)])
    assert "share lost" in str([text.get_text() for text in drawn.findobj(Text)])


def test_ticks_that_stand_close_are_told_apart():
    table = pd.DataFrame(
        {"holds_per_day": [0.0, 0.04, 0.08], "avoided_usd": [0.0, 210.0, 685.0], "precision": [1.0, 0.5, 0.67]}
    )
    fig = common.hold_curve(table, title="")
    axis = fig.axes[0].xaxis
    told = axis.get_major_formatter().format_ticks(axis.get_majorticklocs())
    plt.close(fig)
    assert len(set(told)) == len(told), told


@pytest.mark.parametrize(("values", "below"), [([0.1, 0.16, 0.13], True), ([0.1, 0.12, 0.15], False)])
def test_the_last_value_stands_where_its_line_does_not_come_from(values, below):
    table = pd.DataFrame({"month": ["2026-08", "2026-09", "2026-10"], "value": values, "center": 0.1})
    fig = trends.change(table, title="", since="2026-09", says="Rise begins")
    label = next(text for text in fig.axes[0].texts if text.get_text() == f"{values[-1]:.1%}")
    plt.close(fig)
    assert (label.xyann[1] < 0) is below
