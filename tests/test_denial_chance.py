"""Chances before submission: a claim's row from its lines, what is learned and what is not, and holds chosen by dollars."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from conftest import AS_OF, remittance

from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.prevention import chance, features, holds
from rcm_analysis.prevention import worth as prevention_worth
from rcm_analysis.store.practice import Practice

DAY = date(2026, 10, 31)


@pytest.fixture(scope="module")
def lines(demo_con) -> pd.DataFrame:
    return features.sent(demo_con)


@pytest.fixture(scope="module")
def past(demo_store) -> tuple:
    day = date(2026, 6, 30)
    con = derive.open_practice(demo_store, "riverbend", as_of=day)
    lines = features.sent(con)
    return chance.learn(lines, as_of=day, ends=chance.ends(con)), day


def later_rows(lines: pd.DataFrame, day: date) -> pd.DataFrame:
    return chance.claim_rows(lines[lines["sent_on"] > str(day)])


def test_a_claim_s_row_holds_what_its_lines_hold(lines):
    claim = lines[lines["submission_id"].duplicated(keep=False)].groupby("submission_id").head(99)
    row = chance.claim_rows(claim).set_index("submission_id")
    some = claim[claim["submission_id"] == row.index[0]]
    first = row.iloc[0]
    costly = some.loc[some["charge"].idxmax()]
    assert first["procedure"] == costly["procedure"] and first["claim_charge"] == costly["claim_charge"]
    assert set(first["procedures"]) == set(some["procedure"]) and first["most_units"] == some["units"].max()
    assert set(first["modifiers"]) == {m for codes in some["modifiers"] for m in codes}
    assert first["refused"] == some["outcome"].notna().any() and first["denied_usd"] == some["denied_amount"].sum()
    assert len(row) == claim["submission_id"].nunique() and set(chance.FEATURES) <= set(row.columns)


def test_whole_numbers_with_gaps_are_learned_from(demo_con, lines):
    ids = lines["submission_id"].drop_duplicates().head(400)
    days = lines.loc[lines["submission_id"].isin(ids), "days_since_same_procedure"]
    gaps = days.where(days.isna(), np.arange(len(days)) // 2 * 3).astype("Int64")
    some = lines[lines["submission_id"].isin(ids)].assign(days_since_same_procedure=gaps)
    assert chance.claim_rows(some)["days_since_same_procedure"].dtype == float
    assert chance.learn(some, as_of=DAY) is not None


def test_nothing_after_the_submission_is_a_feature():
    late = ("outcome", "answered_on", "denied_amount", "denied_usd", "refused", "paid", "allowed")
    assert not set(chance.FEATURES) & set(late)


def test_chances_are_chosen_on_later_claims_and_told_with_it(past):
    chances, _ = past
    table = chances.denial.comparison
    assert table["model"].tolist() == list(chance.CANDIDATES) and table["chosen"].sum() == 1
    assert table.loc[table["chosen"], "log_loss"].iat[0] <= table["log_loss"].min() + 0.002
    assert chances.enough and 0 < chances.lost_share <= 1


def test_later_claims_come_out_as_told(past, lines):
    chances, day = past
    rows = later_rows(lines, day)
    told = chances.of_claims(rows)
    assert len(rows) > 200 and told["submission_id"].tolist() == rows["submission_id"].tolist()
    rate, spread = rows["refused"].mean(), np.sqrt(rows["refused"].mean() / len(rows))
    assert abs(told["p_denial"].mean() - rate) < 4 * spread
    loss = lambda p: -np.mean(np.log(np.where(rows["refused"].eq(1), p, 1 - p)))  # noqa: E731
    assert loss(told["p_denial"]) < loss(np.full(len(rows), chances.denial.card["base_rate"]))
    assert (told["p_loss"] <= told["p_denial"]).all() and (told["lower"] <= told["upper"]).all()
    assert np.allclose(told["expected_loss_usd"], told["p_loss"] * told["charge_usd"] * chances.lost_share)


def test_shuffled_answers_teach_nothing(lines):
    random = np.random.default_rng(0)
    answers = lines.groupby("submission_id")["outcome"].first().sample(frac=1, random_state=0)
    ids = lines["submission_id"].unique()
    random.shuffle(ids)
    shuffled = lines.assign(outcome=lines["submission_id"].map(dict(zip(ids, answers.to_numpy(), strict=True))))
    chances = chance.learn(shuffled, as_of=DAY)
    table = chances.denial.comparison.set_index("model")
    assert table["auroc"].between(0.42, 0.58).all() and table.loc["base_rate", "chosen"]


def test_a_candidate_too_sure_of_itself_is_compared_as_it_would_be_told():
    from rcm_analysis.models import choice

    random = np.random.default_rng(1)
    odds = random.normal(-1.5, 1, 900)
    outcome = (random.random(900) < 1 / (1 + np.exp(-odds))).astype(float)
    rest = (outcome, np.ones(900), np.arange(900), np.arange(900) // 300)
    tried = {"base_rate": (np.full(900, outcome.mean()), *rest), "logistic": (1 / (1 + np.exp(-4 * odds)), *rest)}
    table = choice._compared(tried, shared=False).set_index("model")
    assert table.loc["logistic", "chosen"] and table.loc["logistic", "log_loss"] < table.loc["base_rate", "log_loss"]


def test_a_short_history_is_judged_as_soon_as_its_answers_are_there():
    sent = pd.Series(pd.Timestamp("2026-01-01"), range(100))
    rows = pd.DataFrame({"sent_on": sent, "answered_on": sent + pd.to_timedelta([*range(40)] * 2 + [30] * 20, "D")})
    assert chance._horizon_days(rows) == 40
    slow = rows.assign(answered_on=sent + pd.Timedelta(days=200))
    assert chance._horizon_days(slow) == chance.HORIZON_DAYS


def test_too_few_answers_give_rates_and_say_so(lines):
    ids = lines["submission_id"].drop_duplicates().head(150)
    chances = chance.learn(lines[lines["submission_id"].isin(ids)], as_of=DAY)
    assert not chances.enough and chances.denial.chosen in ("base_rate", "rates")
    assert "too few answers" in chances.reasons(lines.head(1))[0][1]
    assert chance.learn(lines.head(0), as_of=DAY) is None


def test_what_became_of_claims_adds_up(demo_con):
    ends = chance.ends(demo_con)
    count = demo_con.execute("SELECT count(*) FROM claims").fetchone()[0]
    assert len(ends) == count and ends["claim_number"].is_unique
    assert (
        ends.loc[ends["lost"].eq(1), "lost_usd"].gt(0).all()
        and ends.loc[ends["lost"].isna(), "settled_on"].isna().all()
    )
    paid = demo_con.execute(
        "SELECT claim_number FROM claims WHERE first_decided_on IS NOT NULL AND NOT initially_denied"
    ).df()
    assert ends[ends["claim_number"].isin(paid["claim_number"])]["lost"].eq(0).all()


def test_a_claim_paid_first_and_refused_later_ends_once(tmp_path):
    """It stands among the paid and among the denied; its end is the denial's."""
    paid = remittance("CLP*A1*1*100*60**CI*X1", "SVC*HC:99213*100*60", "CAS*CO*45*40")
    taken = remittance(
        "CLP*A1*22*-100*-60**CI*X1", "SVC*HC:99213*-100*-60", "CAS*CO*45*-40",
        "CLP*A1*4*100*0**CI*X2", "SVC*HC:99213*100*0", "CAS*CO*27*100",
    ).replace(b"20260305", b"20260605").replace(b"CHECK1", b"CHECK2")  # fmt: skip
    for name, data in (("paid.835", paid), ("taken.835", taken)):
        (tmp_path / name).write_bytes(data)
    ingest.ingest(Practice(tmp_path / "s", "clinic"), [tmp_path / "paid.835", tmp_path / "taken.835"])
    view = derive.open_practice(tmp_path / "s", "clinic", as_of=AS_OF)
    assert chance.ends(view)["claim_number"].tolist() == ["A1"]


def test_holds_go_to_the_dollars_at_risk():
    claims_ = pd.DataFrame({
        "chance": [0.5, 0.3, 0.06, 0.3], "lift": [3.0, 2.1, 0.4, 1.0], "rule": [0, 0.9, 0, 0], "charge": [1000.0, 400.0, 9000.0, 9000.0]})  # fmt: skip
    worth = holds.worth_usd(
        claims_["chance"], lift=claims_["lift"], rule_precision=claims_["rule"], charge_usd=claims_["charge"]
    )
    assert worth.tolist() == [500.0, 360.0, 0.0, 0.0]
    assert holds.first(worth, 1).tolist() == [True, False, False, False]
    assert holds.first(worth, 9).tolist() == [True, True, False, False] and not holds.first(worth, -1).any()


def test_holds_go_to_the_cash_that_a_look_saves():
    """A charge of which the payer allows a thousandth, and a refusal that nobody can mend, give way."""
    claims_ = pd.DataFrame({"chance": 0.5, "lift": 3.0, "rule": 0.0, "charge": [9000.0, 2000.0, 2000.0, 1000.0], "cash": [9.0, 250.0, 250.0, None],
                            "mend": [1.0, 0.9, 0.2, None]})  # fmt: skip
    worth = holds.worth_usd(
        claims_["chance"], lift=claims_["lift"], rule_precision=claims_["rule"], charge_usd=claims_["charge"],
        cash_usd=claims_["cash"], mend_share=claims_["mend"])  # fmt: skip
    assert worth.round(6).tolist() == [450.0, 450.0, 100.0, 500.0]


def test_what_a_look_saves_is_told_by_payer_and_procedure(demo_con, lines):
    known = prevention_worth.of(demo_con, lines, until=AS_OF)
    rows = chance.claim_rows(lines).head(200)
    told = known.of_claims(rows)
    assert (told["cash_usd"] <= rows["claim_charge"] + 0.01).all() and told["cash_usd"].gt(0).all()
    assert told["mend_share"].between(0, 1).all() and told["mend_share"].nunique() > 10
    strange = rows.head(1).assign(payer_name="NOBODY", procedure="00000")
    whole = known.table.set_index(["payer_name", "procedure"]).loc[("(any)", "(any)")]
    assert known.of_claims(strange)["mend_share"].iloc[0] == whole["mend_share"]
    nothing = prevention_worth.NOTHING_KNOWN.of_claims(rows)
    assert nothing["cash_usd"].equals(rows["claim_charge"].astype(float))


def test_the_curve_counts_what_holds_met():
    claims_ = pd.DataFrame({"refused": [1.0] * 10 + [0.0] * 90, "denied_usd": [100.0] * 10 + [0.0] * 90})
    perfect, none = pd.Series(np.arange(100, 0, -1.0)), pd.Series(0.0, range(100))
    curve = holds.curve(claims_, {"perfect": perfect, "none": none}, weekdays=5).set_index(["order", "share_held"])
    at = curve.loc[("perfect", 0.05)]
    assert (at["holds"], at["avoided"], at["avoided_usd"], at["false_alarms"]) == (5, 5, 500.0, 0)
    assert at["holds_per_day"] == 1 and at["share_of_usd"] == 0.5 and at["precision"] == 1
    assert curve.loc[("perfect", 0.2), "precision"] == 0.5 and curve.loc["none", "holds"].eq(0).all()
