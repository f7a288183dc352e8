"""The order of work: tried on the practice's own past, taken where it clearly brings more; and what work itself wins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rcm_analysis.pages import write_off_risk
from rcm_analysis.risk import orders, worklist


def past(rows: int = 400, *, won: np.ndarray | None = None, seed: int = 1) -> pd.DataFrame:
    """Claims worked in earlier months, with what the orders knew of them and what they brought."""
    rng = np.random.default_rng(seed)
    allowed = rng.lognormal(5, 1, rows)
    table = pd.DataFrame(
        {"month": rng.choice(pd.date_range("2026-01-31", periods=6, freq="ME"), rows), "expected_allowed": allowed}
    )
    table["amount"], table["age"] = allowed * rng.lognormal(1, 0.8, rows), rng.integers(0, 31, rows).astype(float)
    table["expected_cash"], table["chance"] = allowed * 0.8, np.nan
    return table.assign(brought=allowed * ((rng.random(rows) < 0.8) if won is None else won))


def tried(table: pd.DataFrame, monkeypatch) -> pd.DataFrame:
    monkeypatch.setattr(orders, "_past", lambda view, trained: table)
    return orders.tried(None, None)


def test_what_payers_allow_beats_charges_where_charges_are_no_guide(monkeypatch):
    table = tried(past(), monkeypatch)
    share = table.set_index("order")["share"]
    assert orders.taken(table) == "expected_cash" and share["expected_cash"] > share["amount"] + 0.05
    assert share["age"] == pytest.approx(0.2, abs=0.1) and "chance" not in share
    said = write_off_risk.order_sentence(table)
    assert "in the order of expected cash" in said and "by billed amount denied" in said


def test_another_order_is_taken_where_it_clearly_brings_more(monkeypatch):
    table = past()
    table["brought"] = table["amount"]
    found = tried(table, monkeypatch)
    assert orders.taken(found) == "amount" and found.set_index("order").loc["amount", "lower"] > 0
    assert "in the order of billed amount denied" in write_off_risk.order_sentence(found)


def test_a_lead_that_may_be_chance_is_not_taken(monkeypatch):
    rng, table = np.random.default_rng(3), past(80)
    table["amount"] = table["expected_allowed"] * rng.lognormal(0, 0.05, 80)
    table["expected_cash"] = table["expected_allowed"] * rng.lognormal(0, 0.05, 80)
    found = tried(table, monkeypatch)
    assert orders.taken(found) == "expected_cash"
    if found["order"].iat[0] != "expected_cash":
        assert "may be chance" in write_off_risk.order_sentence(found)


def test_too_few_claims_say_so_and_keep_expected_cash(monkeypatch):
    found = tried(past(orders.FEWEST_CLAIMS - 1), monkeypatch)
    assert found.empty and orders.taken(found) == "expected_cash"
    assert "Too few denials" in write_off_risk.order_sentence(found)


def test_the_demo_tries_orders_on_claims_that_ended_before_the_day(demo_con):
    trained = worklist.learn(demo_con)
    told = orders._past(demo_con, trained)
    assert (told["settled_on"] > told["month"]).all() and (
        told["month"] <= pd.Timestamp(trained.day) - pd.Timedelta(days=orders.FOLLOWED_DAYS)
    ).all()
    share = trained.orders.set_index("order")["share"]
    assert share["expected_cash"] > share["amount"] > share["age"]


def test_the_list_is_in_the_order_that_was_taken(demo_con):
    trained = worklist.learn(demo_con)
    by_amount = trained.orders.assign(taken=trained.orders["order"] == "amount")
    table = worklist.risk(demo_con, trained=worklist.replace(trained, orders=by_amount))
    late = table["days_left"].fillna(0) < 0
    assert all(part["at_stake_usd"].is_monotonic_decreasing for _, part in table.groupby(late))


def test_work_is_set_against_claims_left_alone(demo_con):
    found = orders.effect(demo_con).set_index("category")
    every = found.loc["all"]
    assert every["lower"] < every["effect"] < every["upper"] and every["lower"] > 0.3
    few = found[(found["worked"] < orders.EFFECT_MIN) | (found["alone"] < orders.EFFECT_MIN)]
    assert few["effect"].isna().all() and found.drop(index="all")["worked"].sum() == every["worked"]


def test_paid_when_worked_is_drawn_to_the_practice_as_the_step_does(demo_con):
    step = demo_con.execute("SELECT category, payer_class, share FROM worked_shares").df()
    ended = demo_con.execute("SELECT * FROM worked_denials WHERE is_worked").df()
    assert np.abs(orders.paid_when_worked(ended, step) - step["share"]).max() < 1e-9
