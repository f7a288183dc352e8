"""The order of work: tried on the practice's own past, taken where it clearly brings more; and what work itself wins."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from conftest import AS_OF, copy_of
from test_prices import answer, denied, paid, sent

from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.pages import write_off_risk
from rcm_analysis.risk import orders, worklist
from rcm_analysis.store.practice import Practice


def past(rows: int = 400, *, won: np.ndarray | None = None, seed: int = 1) -> pd.DataFrame:
    """Claims worked in earlier months, with what the orders knew of them and what they brought."""
    rng = np.random.default_rng(seed)
    allowed = rng.lognormal(5, 1, rows)
    table = pd.DataFrame(
        {"month": rng.choice(pd.date_range("2026-01-31", periods=6, freq="ME"), rows), "expected_allowed": allowed}
    )
    table["amount"], table["age"] = allowed * rng.lognormal(1, 0.8, rows), rng.integers(0, 31, rows).astype(float)
    table["expected_cash"], table["chance"] = allowed * 0.8, np.nan
    table["when_worked"] = table["expected_cash"] * rng.lognormal(0, 0.01, rows)
    return table.assign(brought=allowed * ((rng.random(rows) < 0.8) if won is None else won))


def tried(table: pd.DataFrame, monkeypatch) -> pd.DataFrame:
    monkeypatch.setattr(orders, "_past", lambda view, trained: table)
    return orders.tried(None, None)


def test_what_payers_allow_beats_charges_where_charges_are_no_guide(monkeypatch):
    table = tried(past(), monkeypatch)
    share = table.set_index("order")["share"]
    assert orders.taken(table) == "when_worked" and share["when_worked"] > share["amount"] + 0.05
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
    table["when_worked"] = table["expected_allowed"] * rng.lognormal(0, 0.05, 80)
    found = tried(table, monkeypatch)
    assert orders.taken(found) == "when_worked"
    if found["order"].iat[0] != "when_worked":
        assert "may be chance" in write_off_risk.order_sentence(found)


def test_too_few_claims_say_so_and_keep_expected_cash(monkeypatch):
    found = tried(past(orders.FEWEST_CLAIMS - 1), monkeypatch)
    assert found.empty and orders.taken(found) == "when_worked"
    assert "Too few denials" in write_off_risk.order_sentence(found)


def test_the_demo_tries_orders_on_claims_that_ended_before_the_day(demo_con):
    trained = worklist.learn(demo_con)
    told = orders._past(demo_con, trained)
    assert (told["settled_on"] > told["month"]).all() and (
        told["month"] <= pd.Timestamp(trained.day) - pd.Timedelta(days=orders.FOLLOWED_DAYS)
    ).all()
    share = trained.orders.set_index("order")["share"]
    assert share["when_worked"] > share["amount"] > share["age"]


def test_orders_are_tried_on_the_reason_that_was_known_then(demo_con, monkeypatch):
    """The reason of a later denial tells how the work ended."""
    trained = worklist.learned(demo_con)
    looks = trained.table.sort_values("known_on")[["claim_number", "known_on", "category"]]
    asked = []
    real = orders.paid_when_worked
    monkeypatch.setattr(orders, "paid_when_worked", lambda worked, then: asked.append(then) or real(worked, then))
    told = orders._past(demo_con, trained)[["claim_number", "month"]]
    then = pd.concat(asked)
    known = told.merge(looks, on="claim_number").query("known_on <= month").drop_duplicates("claim_number", keep="last")
    assert len(then) > 100 and (then["claim_number"].to_numpy() == told["claim_number"].to_numpy()).all()
    assert (
        then["category"].to_numpy() == known.set_index("claim_number").loc[told["claim_number"], "category"].to_numpy()
    ).all()


def worked_looks(rows: int = 600) -> tuple[pd.DataFrame, np.ndarray]:
    """First looks at denials of two codes and payers, and the chance that work wins each."""
    rng = np.random.default_rng(5)
    table = pd.DataFrame({"claim_number": [f"A{i}" for i in range(rows)], "known_on": pd.Timestamp("2026-01-05"), "category": "coding",
                          "carc": rng.choice(["16", "97"], rows), "payer_name": rng.choice(["X", "Y"], rows), "denials_so_far": 1})  # fmt: skip
    table = table.assign(
        rarc="none", codes=table["carc"].map(lambda code: (code,)), payer_class="commercial", procedure_family="992"
    )
    return table, np.where(table["carc"] == "16", 0.8, 0.2) - np.where(table["payer_name"] == "X", 0.1, 0.0)


def test_a_chance_when_worked_is_told_by_code_and_payer():
    table, chance = worked_looks()
    ended = table[["claim_number"]].assign(
        won=(np.random.default_rng(6).random(600) < chance).astype(float), is_worked=True
    )
    assert np.abs(orders.won_model(ended, table).chance(table) - chance).max() < 0.1
    assert orders.won_model(ended.head(orders.FEWEST_WORKED - 1), table) is None
    assert orders.won_model(ended.assign(won=1.0), table) is None  # nothing was lost that could tell


def test_a_claim_that_was_denied_again_is_told_by_what_such_claims_won():
    """Its codes alone would promise what was tried already."""
    table, chance = worked_looks()
    won = np.random.default_rng(6).random(600) < chance
    again = table[~won].assign(known_on=pd.Timestamp("2026-02-20"), denials_so_far=2)
    ended = table[["claim_number"]].assign(won=won.astype(float), is_worked=True)
    model = orders.won_model(ended, pd.concat([table, again]))
    assert model.chance(again).max() < 0.05 and np.abs(model.chance(table) - chance).max() < 0.1
    assert orders.won_model(ended, table).again == 0


def test_the_list_is_in_the_order_that_was_taken(demo_con):
    trained = worklist.learn(demo_con)
    by_amount = trained.orders.assign(taken=trained.orders["order"] == "amount")
    table = worklist.risk(demo_con, trained=worklist.replace(trained, orders=by_amount))
    late = table["days_left"].fillna(0) < 0
    assert all(part["at_stake_usd"].is_monotonic_decreasing for _, part in table.groupby(late))


@pytest.fixture(scope="module")
def logged_con(demo_store, demo_folder, tmp_path_factory):
    """The demo with its work log."""
    root = tmp_path_factory.mktemp("logged")
    copy_of(demo_store / "riverbend", root / "riverbend")
    ingest.ingest(Practice(root, "riverbend"), [demo_folder / "work_log.csv"])
    return derive.open_practice(root, "riverbend", as_of=AS_OF)


def test_without_a_work_log_nothing_is_called_left_alone(demo_con):
    found = orders.effect(demo_con).set_index("category").loc["all"]
    assert found["worked"] > 100 and found["alone"] == 0 and np.isnan(found["effect"])


@pytest.mark.slow
def test_claims_that_nobody_worked_do_not_lower_what_work_brings(logged_con):
    every, worked, alone = logged_con.execute("""
        SELECT sum(won + won_alone) / sum(worked + alone), sum(won) / sum(worked), sum(won_alone) / sum(alone) FROM worked_shares""").fetchall()[0]
    assert alone < 0.1 < every < worked - 0.1
    told = logged_con.execute("SELECT sum(share * worked) / sum(worked) FROM worked_shares").fetchall()[0][0]
    assert every + 0.05 < told < worked + 0.05


@pytest.mark.slow
def test_work_is_set_against_claims_left_alone(logged_con):
    found = orders.effect(logged_con).set_index("category")
    every = found.loc["all"]
    assert every["lower"] < every["effect"] < every["upper"] and every["lower"] > 0.3
    few = found[(found["worked"] < orders.EFFECT_MIN) | (found["alone"] < orders.EFFECT_MIN)]
    assert few["effect"].isna().all() and found.drop(index="all")["worked"].sum() == every["worked"]


def test_paid_when_worked_is_drawn_to_the_practice_as_the_step_does(demo_con):
    step = demo_con.execute("SELECT category, payer_class, share FROM worked_shares").df()
    ended = orders.worked(demo_con.execute("SELECT * FROM worked_denials").df())
    assert np.abs(orders.paid_when_worked(ended, step) - step["share"]).max() < 1e-9


# A1 was sent again and lost, A2 is paid on second thoughts, A3 is lost, A4 was worked by the log; all are refused on March 5
ANSWERS = (
    answer(*(denied(f"A{i}", "99213") for i in range(1, 5))),
    answer(denied("A1", "99213", code="29"), paid("A2", "99213", "80"), paid("A4", "99213", "80"), on="20260505", check="2"),
)  # fmt: skip
AGAIN = sent("A1", "99213", "100", "1").replace(b"20260106", b"20260401")
POSTINGS = "Claim,Date,Kind,Code,Amount\n" + "".join(
    f"A{i},2026-06-0{i},write-off,TIMELY FILING WRITE OFF,-100.00\n" for i in (1, 3)
)
WORK = "Date,Claim,Action,Outcome\n2026-{first},A9,called,pending\n2026-04-12,A4,appeal,sent\n"


@pytest.fixture
def worked(tmp_path):
    """Whether each denial was worked, from these files and a ledger that writes A1 and A3 off."""

    def tell(*files: bytes | str) -> dict[str, bool | None]:
        for i, data in enumerate(files):
            content = data if isinstance(data, bytes) else data.encode()
            (tmp_path / (f"{i}.txt" if isinstance(data, bytes) else f"{i}.csv")).write_bytes(content)
        practice = Practice(tmp_path / "s", "clinic")
        ingest.ingest(practice, sorted(tmp_path.glob("*.*")))
        view = derive.open_practice(practice.root, "clinic", as_of=date(2026, 10, 31))
        return dict(view.execute("SELECT claim_number, is_worked FROM worked_denials").fetchall())

    return tell


def test_work_is_what_was_done_not_what_the_payer_answered(worked):
    found = worked(*ANSWERS, AGAIN, POSTINGS)
    assert found == {"A1": True, "A2": None, "A3": None, "A4": None}


def test_a_work_log_tells_what_was_left_alone_from_its_first_day(worked):
    assert worked(*ANSWERS, AGAIN, POSTINGS, WORK.format(first="02-01")) == {"A1": True, "A2": False, "A3": False, "A4": True}  # fmt: skip


def test_of_what_was_denied_before_a_work_log_began_only_acts_are_told(worked):
    assert worked(*ANSWERS, AGAIN, POSTINGS, WORK.format(first="04-01")) == {"A1": True, "A2": None, "A3": None, "A4": True}  # fmt: skip


def test_where_no_file_tells_of_work_every_end_counts():
    ended = pd.DataFrame({"won": [1.0, 0.0], "is_worked": [None, None]})
    assert len(orders.worked(ended)) == 2 and len(orders.worked(ended.assign(is_worked=[True, None]))) == 1
