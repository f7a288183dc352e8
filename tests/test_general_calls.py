"""Calls for any table: outcomes are 0, 1 or empty in each, and what else stands there is an error that says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rcm_analysis.clusters import grouping
from rcm_analysis.models.outcome import OutcomeModel
from rcm_analysis.prevention import rules


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
