"""Rules: a planted cause is found with its conditions, noise gives none, later months keep the promise; the tables of the page."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import claim_837, remittance

from rcm_analysis import parallel
from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest as intake_ingest
from rcm_analysis.pages import prevention as page
from rcm_analysis.prevention import cache, process_gaps, scrub, trial, wording
from rcm_analysis.prevention import features as prevention_features
from rcm_analysis.prevention import rules as prevention_rules
from rcm_analysis.prevention.search import BeamSearch, Columns, Found, Term, from_json, matches
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import practice

ARGUMENTS = {
    "outcome": "outcome",
    "date": "sent_on",
    "features": ["payer_name", "procedure", "authorization", "units", "codes"],
    "amount": "usd",
}


def claims_of(seed: int, *, n: int = 6000, planted: bool = True) -> pd.DataFrame:
    """Two years of claims: 6 % denied by chance; MRI at ACME without authorization denied nine times in ten, where planted."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({
        "claim": np.arange(n), "sent_on": pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(random.integers(0, 730, n)), "D"),
        "payer_name": random.choice(["ACME", "BETA", "CORA", "DELO"], n), "procedure": random.choice(["70553", "99213", "99214", "97110"], n),
        "authorization": random.choice(["yes", "no"], n), "units": random.integers(1, 9, n).astype(float), "usd": 100.0,
        "codes": [list(random.choice(["A", "B", "C", "D"], 2)) for _ in range(n)]})  # fmt: skip
    cause = table["payer_name"].eq("ACME") & table["procedure"].eq("70553") & table["authorization"].eq("no")
    p = np.where(cause & planted, 0.9, 0.06)
    table["outcome"] = pd.Series(np.where(random.random(n) < p, "authorization", None), dtype=object)
    table["usd"] = table["usd"].where(table["outcome"].notna(), 0.0)
    return table


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    return claims_of(1)


@pytest.fixture(scope="module")
def learned(world) -> pd.DataFrame:
    return prevention_rules.learn_rules(world[world["sent_on"] < "2026-07-01"], **ARGUMENTS)


def test_a_planted_cause_is_found_with_its_conditions(learned):
    assert len(learned) == 1
    rule = learned.iloc[0]
    assert {(t.feature, t.values) for t in from_json(rule["terms"])} == {
        ("payer_name", ("ACME",)),
        ("procedure", ("70553",)),
        ("authorization", ("no",)),
    }
    assert (
        rule["category"] == "authorization"
        and rule["precision"] > 0.8
        and 0.4 <= rule["precision_lower"] < rule["precision"]
    )
    assert rule["learned_through"] < rule["tested_from"] <= rule["tested_to"] <= pd.Timestamp("2026-06-30")


def test_later_claims_keep_the_promise(world, learned):
    later = world[world["sent_on"] >= "2026-07-01"]
    kept = prevention_rules.record(learned, later, outcome="outcome", case="claim", amount="usd").iloc[0]
    matched = matches(from_json(learned.loc[0, "terms"]), later)
    assert kept["later_claims"] == matched.sum() and kept["later_denied"] == later.loc[matched, "outcome"].notna().sum()
    assert kept["later_precision"] >= learned.loc[0, "precision_lower"] and not kept["retired"]
    assert kept["later_usd"] == 100.0 * kept["later_denied"]


def test_a_rule_that_no_longer_holds_is_retired(world, learned):
    later = world[world["sent_on"] >= "2026-07-01"].assign(outcome=None)
    assert prevention_rules.record(learned, later, outcome="outcome", case="claim", amount="usd")[
        "retired"
    ].tolist() == [True]


def test_an_expired_cause_is_not_offered():
    table = claims_of(2)
    table.loc[table["sent_on"] >= "2026-04-01", "outcome"] = table["outcome"].where(
        np.random.default_rng(0).random(len(table)) < 0.1
    )
    assert len(prevention_rules.learn_rules(table, **ARGUMENTS)) == 0


@pytest.mark.parametrize("seed", range(20))
def test_noise_gives_no_rule(seed):
    assert len(prevention_rules.learn_rules(claims_of(seed, n=2500, planted=False), **ARGUMENTS)) == 0


def of_eight_months(seed: int, *, planted: bool) -> pd.DataFrame:
    table = claims_of(seed, n=650, planted=planted)
    return table.assign(sent_on=pd.Timestamp("2026-01-01") + (table["sent_on"] - table["sent_on"].min()) / 3)


def test_a_short_history_proves_with_other_months_than_the_newest():
    """Eight months hold about 20 claims of the cause: too few before the newest months, or in them."""
    forward = prevention_rules.Learning(short_months=0)
    tables = [of_eight_months(seed, planted=True) for seed in range(10)]
    rules = [prevention_rules.learn_rules(table, **ARGUMENTS) for table in tables]
    alone = [prevention_rules.learn_rules(table, **ARGUMENTS, settings=forward) for table in tables]
    assert sum(map(len, alone)) + 1 < sum(map(len, rules)) >= 6
    assert {tuple(sorted(t.feature for t in from_json(text))) for found in rules for text in found["terms"]} == {
        ("authorization", "payer_name", "procedure")
    }
    noise = [prevention_rules.learn_rules(of_eight_months(seed, planted=False), **ARGUMENTS) for seed in range(10)]
    assert sum(map(len, noise)) == 0


def test_refusals_for_several_reasons_count_together():
    """Neither reason alone is as frequent as a rule must promise."""
    table, random = claims_of(4, planted=False), np.random.default_rng(4)
    cause = table["payer_name"].eq("ACME") & table["procedure"].eq("70553") & table["authorization"].eq("no")
    drawn = random.random(len(table))
    table["outcome"] = (
        table["outcome"].mask(cause & (drawn < 0.64), "documentation").mask(cause & (drawn < 0.38), "coding")
    )
    rules = prevention_rules.learn_rules(table, **ARGUMENTS, settings=trial.LEARNING["settings"])
    assert matches(from_json(rules.loc[0, "terms"]), table)[cause].all() and len(rules) == 1


def test_a_narrow_condition_is_proven_beside_the_broad_one_that_holds_it():
    hit = np.r_[np.ones(18), np.zeros(2), np.ones(14), np.zeros(26)].astype(bool)
    of = lambda name, rows, hits: Found((Term(name, "in", ("yes",)),), np.arange(rows), rows, hits)  # noqa: E731
    broad, narrow = of("duplicate", 60, 32), of("late", 20, 18)
    settings = prevention_rules.Learning(min_precision=0.3)
    assert prevention_rules._worth_holding([broad, narrow], hit, np.arange(60), settings) == [broad, narrow]


def test_chance_among_many_candidates_is_no_rule():
    """Where six in ten are denied anyway, 65 % of 200 is luck (one in twelve): a finding alone, none among a hundred tried."""
    condition = (Term("payer_name", "in", ("ACME",)),)
    lucky = prevention_rules._Proof(condition, "coding", np.arange(200), 200, 130, 0.08)
    others = [lucky._replace(hits=0, p_value=p) for p in np.linspace(0.1, 1, 99)]
    assert [proof for proof, _ in prevention_rules._offered([lucky], prevention_rules.Learning())] == [lucky]
    assert prevention_rules._offered([lucky, *others], prevention_rules.Learning()) == []


@pytest.mark.parametrize("seed", [2, 3])
def test_a_second_cause_is_found_behind_the_first(seed):
    table, random = claims_of(seed, planted=False), np.random.default_rng(seed + 100)
    scan = table["procedure"].eq("70553") & table["authorization"].eq("no")
    units = table["procedure"].eq("97110") & table["units"].ge(8) & table["payer_name"].eq("CORA")
    p = np.select(
        [scan & table["payer_name"].eq("ACME"), scan & table["payer_name"].eq("BETA"), units], [0.95, 0.62, 0.9], 0.06
    )
    table["outcome"] = pd.Series(np.where(random.random(len(table)) < p, "authorization", None), dtype=object)
    rules = prevention_rules.learn_rules(table, **ARGUMENTS)
    assert [{term.feature for term in from_json(text)} for text in rules["terms"]].count(
        {"procedure", "units", "payer_name"}
    ) == 1


def test_the_best_rule_of_a_claim_counts(world, learned):
    weak = learned.assign(rule_id="R2", precision=0.5, terms='[["payer_name", "in", ["ACME"]]]')
    best = prevention_rules.best_precision(pd.concat([learned, weak]), world, case="claim")
    strong = world.loc[matches(from_json(learned.loc[0, "terms"]), world), "claim"]
    assert (
        best.loc[strong].eq(learned.loc[0, "precision"]).all()
        and best[world["payer_name"].ne("ACME").to_numpy()].eq(0).all()
    )
    assert best[world["payer_name"].eq("ACME").to_numpy()].min() == 0.5 and len(best) == len(world)


def test_the_simulation_counts_each_claim_once(world, learned):
    rules = pd.concat([learned, learned.assign(rule_id="R2", precision_lower=0.1)], ignore_index=True)
    curve = prevention_rules.simulate(rules, world, outcome="outcome", date="sent_on", case="claim", amount="usd")
    assert curve["holds"].nunique() == 1 and curve["rules"].tolist() == [1, 2]
    assert (curve["avoided"] + curve["false_alarms"] == curve["holds"]).all()
    assert curve.loc[0, "holds_per_day"] == pytest.approx(
        curve.loc[0, "holds"] / len(pd.bdate_range(world["sent_on"].min(), world["sent_on"].max()))
    )


def test_a_search_in_a_sample_is_proven_on_every_case(world):
    few = prevention_rules.learn_rules(world, **ARGUMENTS, settings=prevention_rules.Learning(searched_cases=1500))
    whole = prevention_rules.learn_rules(world, **ARGUMENTS)
    assert len(few) == len(whole) == 1
    cause = matches(from_json(few.loc[0, "terms"]), world) & (world["sent_on"] >= few.loc[0, "tested_from"])
    assert few.loc[0, "claims_matched"] == cause.sum() and few.loc[0, "rule_id"] == whole.loc[0, "rule_id"]


def test_a_sample_holds_whole_cases_and_keeps_them_when_one_is_added():
    case = np.repeat(np.arange(1000), 3)
    draw = np.repeat(np.random.default_rng(0).integers(0, 2**63, 1000), 3).astype(np.uint64)
    rows = np.arange(600, 3000)
    chosen = prevention_rules._drawn(rows, case, draw, 100)
    assert len(chosen) == 300 and set(np.bincount(case[chosen])) == {0, 3} and (np.diff(chosen) > 0).all()
    more = prevention_rules._drawn(np.arange(597, 3000), case, draw, 100)
    assert len(np.intersect1d(chosen, more)) >= 297
    assert prevention_rules._drawn(rows, case, draw, 800) is rows


def test_conditions_read_the_same_on_columns_and_on_the_table(world):
    table = world.assign(
        units=world["units"].where(world.index % 7 > 0), payer_name=world["payer_name"].where(world.index % 5 > 0)
    )
    features = ["payer_name", "procedure", "units", "codes"]
    columns, rows = Columns(table, features), np.arange(1, len(table), 2)
    hit = table["outcome"].notna().to_numpy()
    found = BeamSearch(min_rate=0.0, min_z=0.5)(columns, np.arange(len(table)), hit, np.arange(len(table)))
    conditions = [one.condition for one in found]
    assert {t.operation for c in conditions for t in c} == {"in", "with", "without", ">=", "<=", "missing"}
    for one in found:
        mask = matches(one.condition, table)
        assert (mask[rows] == columns.matches(one.condition, rows)).all(), one.condition
        assert (np.flatnonzero(mask) == one.rows).all() and one.hits == hit[mask].sum() and one.cases == mask.sum()


def test_searches_side_by_side_find_the_same(world, learned, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    monkeypatch.setattr(parallel, "MANY_ROWS", 100)
    beside = prevention_rules.learn_rules(world[world["sent_on"] < "2026-07-01"], **ARGUMENTS)
    pd.testing.assert_frame_equal(beside, learned)


def test_lines_read_in_pieces_are_those_read_at_once(demo_con, monkeypatch):
    whole = prevention_features.sent(demo_con)
    assert not whole.duplicated(["submission_id", "line_number"]).any()
    monkeypatch.setattr(prevention_features, "LINES_AT_ONCE", 700)
    pd.testing.assert_frame_equal(prevention_features.sent(demo_con), whole)
    since = prevention_features.sent(demo_con, since=date(2026, 1, 15))
    between = whole["sent_on"].between(
        "2026-01-15", since["sent_on"].max()
    )  # how long answers take is told by the rows
    pd.testing.assert_frame_equal(since.astype(object), whole[between].reset_index(drop=True).astype(object))
    assert len(since) > 0.9 * (whole["sent_on"] >= "2026-01-15").sum()
    assert len(prevention_features.sent(demo_con, since=date(2027, 1, 1))) == 0


def test_an_empty_table_gives_no_rule_and_a_missing_column_is_named(world):
    assert list(prevention_rules.learn_rules(world[:0], **ARGUMENTS).columns) == list(prevention_rules.COLUMNS)
    with pytest.raises(KeyError, match="payer_name"):
        prevention_rules.learn_rules(world.drop(columns="payer_name"), **ARGUMENTS)


def test_a_check_proven_on_other_months_does_not_boast_of_the_latest(learned):
    assert "worked on the latest months" in page.offered(learned).sentence
    among = learned.assign(learned_through=learned["tested_to"])
    assert "worked on months that they were not found in" in page.offered(among).sentence


def test_a_rule_reads_as_a_sentence(learned):
    row = wording.described(learned).iloc[0]
    assert row["sentence"].startswith(
        "Hold for an authorization number: payer Acme, procedure 70553, no authorization number in the claim; "
    )
    assert row["owner"] == "authorization desk" and row["check"].endswith("?") and "REF G1" in row["fix"]
    words = wording.in_words((Term("modifiers", "without", ("25", "59")), Term("units", ">=", (5.0,))))
    assert words == "no modifier 25 or 59, 5 units or more"
    late = wording.in_words(
        (Term("days_since_service", ">=", (91.0,)), Term("payer_name", "in", ("BUCKEYE STATE MEDICAID",)))
    )
    assert late == "payer Buckeye State Medicaid, sent 91 days or more after the service"


@pytest.mark.parametrize(
    ("terms", "category", "owner", "fix"),
    [
        ([["ordering_provider", "in", ["no"]], ["procedure", "in", ["70551"]]], "claim_data", "biller", "(NM1 DK)"),
        ([["rendering_taxonomy", "missing", []]], "claim_data", "biller", "(PRV)"),
        ([["ordering_provider", "in", ["yes"]]], "coding", "coder", "Correct the code or modifier."),
        ([["origin", "in", ["N"]]], "eligibility", "biller", "bill the active plan"),
        ([["procedure", "in", ["A0428", "99213"]]], "eligibility", "front desk", "bill the active plan"),
    ],
)
def test_a_rule_s_owner_and_fix_are_of_the_field_and_the_service(learned, terms, category, owner, fix):
    told = wording.described(learned.assign(category=category, terms=json.dumps(terms))).iloc[0]
    assert told["owner"] == owner and fix in told["fix"]


def test_what_was_known_before_submission_looks_back_only(demo_con, demo_store):
    """A row reads the same when learned as of an earlier day and when learned from all there is."""
    whole = prevention_features.sent(demo_con)
    earlier = prevention_features.sent(derive.open_practice(demo_store, "riverbend", as_of=date(2026, 4, 30)))
    columns = ["payer_name", "authorization", "days_since_service", "duplicate", "patient_denied_for", "procedure_denied_share",
               "provider_credentialing_share", "location_denied_share", "days_since_same_procedure"]  # fmt: skip
    keys = ["claim_number", "line_number", "sent_on"]
    both = earlier.drop_duplicates(keys).merge(whole.drop_duplicates(keys), on=keys, suffixes=("", "_whole"))
    assert len(both) > 1000
    for name in columns:
        a, b = (
            both[name].astype(object).where(both[name].notna(), "-"),
            both[f"{name}_whole"].astype(object).where(both[f"{name}_whole"].notna(), "-"),
        )
        assert (a != b).mean() < 0.002, name


def sent_claim(number: str, line: str, *more: str, served: str, on: str, persons: str = "") -> bytes:
    data = (
        claim_837(number, *more, on=on)
        .replace(b"HC:99213:25*250*UN*1", line.encode())
        .replace(b"20260105", served.encode())
    )
    return data.replace(b"NM1*77", f"{persons}NM1*77".encode())


def test_a_guide_s_fields_are_known_before_sending(tmp_path):
    """Who ordered, the global period, therapy of the year and units of the day, as the claim's own and earlier files tell."""
    persons = "NM1*82*1*D*E****XX*1234567893~PRV*PE*PXC*207R00000X~NM1*DN*1*Q*A****XX*1033003502~"
    files = [
        sent_claim("A1", "HC:27447*250*UN*1", served="20260102", on="20260110", persons=persons),
        sent_claim("A2", "HC:99213*250*UN*1", "NM1*DK*1*Q*A****XX*1851328803", served="20260301", on="20260310"),
        sent_claim("A3", "HC:97110:GP*250*UN*3", served="20260420", on="20260430"),
        sent_claim("A4", "HC:97110:GP*250*UN*2", served="20260420", on="20260501"),
        sent_claim("A5", "HC:97110:GP*250*UN*2", served="20260504", on="20260510"),
    ]
    for i, data in enumerate(files):
        (tmp_path / f"{i}.837").write_bytes(data)
    store = tmp_path / "store"
    intake_ingest.ingest(Practice(store, "clinic"), sorted(tmp_path.glob("*.837")))
    offered = scrub.read(sent_claim("A6", "HC:97110:GP*250*UN*1", served="20260520", on="20260525"), b"k" * 32)
    view = derive.open_practice(store, "clinic", as_of=date(2026, 5, 24))
    key = view.execute("SELECT patient_key FROM submissions").fetchall()[0][0]
    claims = offered.claims.set_column(
        offered.claims.schema.get_field_index("patient_key"), "patient_key", pa.array([key])
    )
    told = prevention_features.to_send(view, claims, offered.lines).iloc[0]
    assert (told["therapy_visits"], told["therapy_usd"], told["units_in_day"]) == (
        3,
        750.0,
        1,
    )  # 250 twice is one charge twice
    assert (told["rendering_provider"], told["ordering_provider"], told["referring_provider"]) == ("no", "no", "no")
    rows = view.execute("SELECT * FROM feature_rows").df()  # the view as it stands: the claim to be sent
    assert rows["global_period"].tolist() == ["no"]
    prevention_features._derive(view, None, None, is_new=False)
    prevention_features._run(view, ("feature_rows",), first_sent_on=date.min, last_sent_on=date.max)
    rows = view.execute("SELECT * FROM feature_rows").df().set_index("claim_number")
    assert rows.loc["A1", ["rendering_provider", "referring_provider", "rendering_taxonomy"]].tolist() == [
        "yes",
        "yes",
        "207R00000X",
    ]
    assert rows.loc["A2", ["ordering_provider", "ordered_by", "global_period"]].tolist() == ["yes", "1851328803", "yes"]
    assert rows.loc["A2", "days_since_surgery"] == 58 and rows["global_period"].eq("yes").sum() == 1
    assert rows["units_in_day"].to_dict() == {"A1": 1, "A2": 1, "A3": 3, "A4": 5, "A5": 2}
    assert rows.loc["A5", "therapy_visits"] == 2


def test_a_claim_is_late_for_its_payer_from_the_first_denial_for_it(tmp_path):
    """A1 was denied after 101 days, in March; A2 was as late before anybody knew."""
    for number, served, on in (("A1", "20251101", "20260210"), ("A2", "20251111", "20260301"), ("A3", "20251129", "20260310"),
                               ("A4", "20251130", "20260310")):  # fmt: skip
        (tmp_path / f"{number}.837").write_bytes(sent_claim(number, "HC:99213*250*UN*1", served=served, on=on))
    denied = remittance("CLP*A1*4*250*0*0*12*ICN1", "SVC*HC:99213*250*0", "DTM*472*20251101", "CAS*CO*29*250")
    (tmp_path / "1.835").write_bytes(denied)
    store = tmp_path / "store"
    intake_ingest.ingest(Practice(store, "clinic"), sorted(tmp_path.glob("*.83?")))
    view = derive.open_practice(store, "clinic", as_of=date(2026, 5, 24))
    prevention_features._derive(view, None, None, is_new=False)
    prevention_features._run(view, ("feature_rows",), first_sent_on=date.min, last_sent_on=date.max)
    rows = view.execute("SELECT claim_number, late_for_payer FROM feature_rows").df().set_index("claim_number")
    assert rows["late_for_payer"].to_dict() == {"A1": "no", "A2": "no", "A3": "yes", "A4": "no"}


def test_a_condition_known_without_a_search_is_proven_by_every_case(world):
    """Twelve claims in two years are too few to be searched in a part of them and proven in the rest."""
    random = np.random.default_rng(3)
    late = np.zeros(len(world), bool)
    late[random.choice(len(world), 12, replace=False)] = True
    table = claims_of(1, planted=False).assign(late=np.where(late, "yes", "no"))
    table["outcome"] = table["outcome"].mask(late, "timely_filing")
    told = {**ARGUMENTS, "features": [*ARGUMENTS["features"], "late"]}
    condition = (Term("late", "in", ("yes",)),)
    assert len(prevention_rules.learn_rules(table, **told)) == 0
    rules = prevention_rules.learn_rules(table, **told, settings=prevention_rules.Learning(known=(condition,)))
    assert [from_json(text) for text in rules["terms"]] == [condition] and rules.loc[0, "category"] == "timely_filing"
    shuffled = table.assign(late=random.permutation(table["late"]))
    assert (
        len(prevention_rules.learn_rules(shuffled, **told, settings=prevention_rules.Learning(known=(condition,)))) == 0
    )


@pytest.mark.slow
def test_a_provider_that_claims_lack_is_a_rule_for_the_biller(tmp_path):
    practice.write_practice(tmp_path / "files", claims=3000, months=14, seed=3, fields="ordering")
    store = tmp_path / "store"
    intake_ingest.ingest(Practice(store, "clinic"), [tmp_path / "files/edi", tmp_path / "files/ledger.csv"])
    rules = cache.rules_of(prevention_features.sent(derive.open_practice(store, "clinic", as_of=date(2026, 10, 31))))
    told = wording.described(rules)
    mine = told[told["words"].str.contains("no ordering provider (NM1 DK) on the line", regex=False)]
    assert mine["category"].tolist() == ["claim_data"] and mine["owner"].tolist() == ["biller"]
    assert mine["precision"].iloc[0] >= 0.6


def test_what_a_fix_addresses_wins_over_what_goes_with_it():
    """Units that go with the missing number tell as much: the rule speaks of the number."""
    random = np.random.default_rng(5)
    n = 4000
    lacking = random.random(n) < 0.08
    table = pd.DataFrame({
        "claim": np.arange(n), "sent_on": pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(random.integers(0, 730, n)), "D"),
        "units": np.where(lacking, random.integers(63, 90, n), random.integers(1, 62, n)).astype(float),
        "drug_number": np.where(lacking, "no", "yes"), "payer_name": random.choice(["ACME", "BETA"], n), "usd": 100.0})  # fmt: skip
    table["outcome"] = pd.Series(
        np.where(random.random(n) < np.where(lacking, 0.8, 0.05), "claim_data", None), dtype=object
    )
    settings = prevention_rules.Learning(search=BeamSearch(correlates=frozenset({"units"})))
    rules = prevention_rules.learn_rules(
        table, outcome="outcome", date="sent_on", features=["units", "drug_number", "payer_name"], amount="usd", settings=settings)  # fmt: skip
    assert [[term.feature for term in from_json(text)] for text in rules["terms"]] == [["drug_number"]]


def test_the_best_of_candidates_that_fell_is_pulled_back_as_far():
    """Where searches found 90 % and later months showed 10, one with 6 of 8 by luck promises little; where they held, it does."""
    condition = (Term("payer_name", "in", ("ACME",)),)
    one = prevention_rules._Proof(condition, "coding", np.arange(8), 8, 6, 1e-4, 0.1, 20, 18)
    fell = [one._replace(hits=k, p_value=0.5) for k in (0, 1, 1, 2, 0, 1, 0, 1, 1, 2, 0, 1)]
    held = [one._replace(condition=(Term("procedure", "in", (str(i),)),), hits=k, p_value=1e-6)
            for i, k in enumerate((7, 8, 6, 7, 7, 8, 7, 6, 8, 7, 7, 7))]  # fmt: skip
    settings = prevention_rules.Learning()
    assert prevention_rules._offered([one, *fell], settings) == []
    bounds = [bound for proof, bound in prevention_rules._offered([one, *held], settings) if proof.hits == 6]
    assert min(bounds) >= 0.5


def test_a_proof_among_known_months_promises_less_than_one_of_later_months():
    condition = (Term("payer_name", "in", ("ACME",)),)
    later = prevention_rules._Proof(condition, "coding", np.arange(30), 30, 24, 1e-9, 0.1, 40, 32)
    among = later._replace(way="among")
    settings = prevention_rules.Learning()
    bounds = [prevention_rules._offered([proof], settings)[0][1] for proof in (later, among)]
    assert bounds[1] < bounds[0]
    assert prevention_rules._offered([later, among], settings) == [(among, bounds[1])]
    ended = among._replace(newest=12, newest_hits=1)
    assert prevention_rules._offered([ended], settings) == []


def test_rules_proven_on_unlike_months_are_weighed_over_the_same_cases():
    """The broad condition was proven on a third of its cases, the narrow one within it on all of its own."""
    rows = np.arange(100)
    table = pd.DataFrame({"cut": np.where(rows < 60, "yes", "no"), "code": np.where(rows < 30, "E11", "I10")})
    hit = (rows < 21) | ((rows >= 30) & (rows < 49))
    cases = prevention_rules._Cases(Columns(table, ["cut", "code"]), np.datetime64("2026-01-01") + rows, rows, np.where(hit, "coding", ""),
                                    hit, np.zeros(100), rows, True)  # fmt: skip

    def proof(name: str, value: str, tested: np.ndarray, cases: int, hits: int) -> prevention_rules._Proof:
        return prevention_rules._Proof((Term(name, "in", (value,)),), "", tested, cases, hits, 0.0)

    broad, narrow = proof("cut", "yes", np.arange(20, 40), 20, 13), proof("code", "E11", rows, 30, 21)
    settings = prevention_rules.Learning(min_precision=1 / 3)
    assert prevention_rules._without_overlap(cases, [(narrow, 0.5), (broad, 0.4)], settings) == [(broad, 0.4)]


def test_every_loophole_counts_denials_there_are(demo_con):
    lines = prevention_features.sent(demo_con)
    total = demo_con.execute(
        "SELECT count(DISTINCT claim_number) FROM denials WHERE category = 'timely_filing' AND is_first"
    ).fetchone()[0]
    assert process_gaps.filing_leaks(demo_con)["claims"].sum() == total
    needs = process_gaps.authorization_requirements(lines)
    assert needs["denied_without"].sum() + needs["denied_with"].sum() <= lines["outcome"].eq("authorization").sum()
    front = process_gaps.front_desk(demo_con)
    assert set(front["category"]) <= set(process_gaps.FRONT_DESK) and (front["denied"] <= front["decided"]).all()
    gaps = process_gaps.credentialing_gaps(demo_con)
    assert (gaps["denied"] >= process_gaps.MIN_DENIALS).all() and (gaps["first_day"] <= gaps["last_day"]).all()
    rides = process_gaps.ambulance_papers(lines)
    assert (
        rides["claims"].sum()
        == lines.loc[lines["origin"].notna(), ["submission_id", "origin"]].drop_duplicates().shape[0]
    )
