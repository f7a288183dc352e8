"""Clusters of denials: planted causes are told apart, found again, named, and keep their ids."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, v_measure_score

from rcm_analysis.claims import derive
from rcm_analysis.clusters import features as clusters_features
from rcm_analysis.clusters import grouping
from rcm_analysis.clusters import labels as clusters_labels
from rcm_analysis.trends import courses
from tests.conftest import AS_OF

FEATURES = ("carc", "rarcs", "payer_name", "procedure", "rendering_npi")
NOISE = {
    "procedure": ["99213", "99214", "70551", "97110", "80061", "36415"],
    "payer_name": ["ALPHA", "BETA", "GAMMA"],
    "rendering_npi": ["1", "2", "3", "4"],
}
DECIDED = pd.DataFrame({"family": [clusters_features.service_family(code) for code in NOISE["procedure"]] * 100})


def planted(seed: int, causes: dict[str, dict]) -> pd.DataFrame:
    """300 denials per cause: its own columns fixed or drawn from its list, the others drawn as everybody's are."""
    chance = np.random.default_rng(seed)
    parts = []
    for name, own in causes.items():
        columns = {c: chance.choice(own.get(c, NOISE[c]), 300) for c in NOISE}
        codes = {"carc": chance.choice(own["carc"], 300), "rarcs": chance.choice(own.get("rarcs", [""]), 300)}
        parts.append(pd.DataFrame({**columns, **codes, "cause": name}))
    table = pd.concat(parts, ignore_index=True).sample(frac=1, random_state=seed, ignore_index=True)
    months = [str(p) for p in pd.period_range("2026-01", periods=12, freq="M")]
    return table.assign(claim_number=[f"A{i}" for i in range(len(table))], line_number=1, denied_amount=100.0, month=chance.choice(months, len(table)),
                        owner="coder", fix="Look.", preventable="yes", recovered=False)  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_causes_that_share_a_code_are_told_apart_and_one_behind_several_codes_is_one(seed):
    chance = np.random.default_rng(seed)
    family = list(chance.permutation(["70551", "97110", "80061"]))
    causes = {
        "first of a shared code": {"carc": ["97"], "procedure": [family[0]]},
        "second of a shared code": {"carc": ["97"], "procedure": [family[1]]},
        "eligibility under three codes": {"carc": ["26", "27", "177"]},
        "records under two codes": {"carc": ["16", "50"], "rarcs": ["N706"], "procedure": [family[2]]},
        "late": {"carc": ["29"]},
    }
    table = planted(seed, causes)
    found, members = grouping.find_clusters(table, features=FEATURES, exposure=DECIDED)
    score = v_measure_score(table["cause"], members["cluster_id"])
    assert score > v_measure_score(table["cause"], table["carc"]) + 0.1 and score >= 0.95
    assert members.loc[table["cause"] == "records under two codes", "cluster_id"].nunique() == 1
    assert found["stability"].min() >= 0.75


def test_a_service_is_a_cause_of_its_own_where_payers_use_other_codes_for_it():
    often = ["J1745", "J1745", "J1745", *NOISE["procedure"]]
    causes = {
        "records, drugs above all": {"carc": ["226", "252"], "rarcs": ["N706"], "procedure": often},
        "authorization of imaging": {"carc": ["197"], "procedure": ["70551"]},
        "authorization of therapy": {"carc": ["198"], "procedure": ["97110"]},
        "late": {"carc": ["29"]},
    }
    table = planted(1, causes)
    decided = pd.DataFrame(
        {"family": [clusters_features.service_family(code) for code in [*NOISE["procedure"], "J1745"]] * 100}
    )
    _, members = grouping.find_clusters(table, features=FEATURES, exposure=decided)
    assert members.groupby(table["cause"])["cluster_id"].nunique().eq(1).all()
    assert members["cluster_id"].nunique() == 4


def test_a_service_can_be_carved_out_of_all_the_reasons_that_few_clusters_have_no_room_for():
    often = ["70551", "70551", "70551", *NOISE["procedure"]]
    causes = {f"of {code}": {"carc": [code], "procedure": often} for code in ("18", "22", "27", "29", "50", "197")}
    found, members = grouping.find_clusters(planted(7, causes), features=FEATURES, exposure=DECIDED, clusters=2)
    assert found["label"].str.startswith("Everything else").any() and found["denials"].sum() == len(members)


def test_the_label_names_the_payer_and_provider_behind_a_cluster():
    table = planted(
        4,
        {
            "credentials": {"carc": ["B7"], "payer_name": ["BETA"], "rendering_npi": ["3"]},
            "late": {"carc": ["29"]},
            "cover": {"carc": ["27"]},
        },
    )
    found, _ = grouping.find_clusters(table, features=FEATURES)
    label = next(label for label in found["label"] if label.startswith("Provider not enrolled"))
    assert "BETA" in label and "provider 3" in label
    conditions = json.loads(found.set_index("label").loc[label, "features"])
    payer = next(c for c in conditions if c["value"] == "BETA")
    usual = (table["payer_name"] == "BETA").mean()
    assert payer["share"] == 1 and payer["lift"] == pytest.approx(1 / usual, abs=0.01)


def test_ids_are_kept_when_denials_are_added_and_new_and_gone_are_marked():
    table = planted(5, {"auth": {"carc": ["197"]}, "late": {"carc": ["29"]}, "cover": {"carc": ["27"]}})
    old = table[table["carc"] != "29"].iloc[:500]
    _, before = grouping.find_clusters(old, features=FEATURES)
    found, after = grouping.find_clusters(table[table["carc"] != "27"], features=FEATURES, earlier=before)
    both = before.merge(after, on=["claim_number", "line_number"])
    assert len(both) > 200 and (both["cluster_id_x"] == both["cluster_id_y"]).all()
    status = found.set_index("label")["status"]
    assert status["Filed too late"] == "new" and (status == "gone").sum() == 1


def test_the_same_data_in_give_the_same_clusters_and_every_row_is_a_member():
    table = planted(6, {"auth": {"carc": ["197"]}, "none": {"carc": ["193"]}})
    first, second = (grouping.find_clusters(table, features=FEATURES) for _ in range(2))
    pd.testing.assert_frame_equal(first[0], second[0])
    pd.testing.assert_frame_equal(first[1], second[1])
    assert len(first[1]) == len(table) == first[0]["denials"].sum()
    assert (first[1].loc[table["carc"] == "193", "cluster_id"] == grouping.UNCLUSTERED).all()


def test_what_was_decided_tells_volume_from_cause():
    """Therapy has half of all eligibility denials; where it has half of all decided lines too, that is no cause."""
    table = planted(
        7,
        {
            "cover": {"carc": ["27"], "procedure": ["97110", "99213"]},
            "other": {"carc": ["29"], "procedure": ["99213", "70551"]},
        },
    )
    decided = pd.DataFrame({"family": ["therapy"] * 50 + ["office and hospital visits"] * 50})
    alone, _ = grouping.find_clusters(table, features=FEATURES)
    measured, _ = grouping.find_clusters(table, features=FEATURES, exposure=decided)
    assert alone["label"].str.contains("Coverage not active · therapy").any()
    assert not measured["label"].str.contains("Coverage not active · therapy").any()


def test_words_of_a_text_are_a_circumstance():
    table = planted(8, {"a": {"carc": ["16"]}, "b": {"carc": ["29"]}})
    said = np.where(table.index % 3 == 0, "wheelchair van transport form unsigned", "please correct the field named")
    table["reason_text"] = np.where(table["carc"] == "16", said, "claim arrived after the limit")
    found, _ = grouping.find_clusters(table, features=[*FEATURES, "reason_text"], kinds={"reason_text": "text"})
    assert (
        found["label"]
        .str.contains("the text says (?:wheelchair|transport|unsigned|form|van|correct|field|named|please)")
        .any()
    )


def test_a_text_tells_apart_denials_without_a_code():
    table = planted(11, {"a": {"carc": [None]}, "b": {"carc": [None]}, "late": {"carc": ["29"]}})
    said = {"a": "member was not found on our rolls", "b": "operative report never arrived", "late": None}
    found, members = grouping.find_clusters(
        table.assign(reason_text=table["cause"].map(said)), features=[*FEATURES, "reason_text"], kinds=grouping.TEXTS
    )
    assert v_measure_score(table["cause"], members["cluster_id"]) >= 0.95
    assert not found["label"].str.contains("says none").any()


def test_wrong_columns_and_kinds_are_named():
    table = planted(9, {"a": {"carc": ["16"]}})
    with pytest.raises(KeyError, match="no column colour"):
        grouping.find_clusters(table, features=["carc", "colour"])
    with pytest.raises(ValueError, match="not smell"):
        grouping.find_clusters(table, features=["carc"], kinds={"carc": "smell"})


def test_a_denial_that_is_upheld_has_the_reason_of_the_one_before():
    rows = [("A1", 1, "2026-03-02", "193"), ("A1", 1, "2026-01-10", "27"), ("A1", 2, "2026-01-10", "29"),
            ("A2", 1, "2026-02-01", "193"), ("A3", 2, "2026-01-05", "197"), ("A3", None, "2026-02-05", "193")]  # fmt: skip
    table = pd.DataFrame(rows, columns=["claim_number", "line_number", "decided_on", "carc"]).assign(rarcs=None)
    reasons = clusters_features.prepared(table, ["carc", "rarcs"])[0]["reason"]
    assert list(reasons) == ["eligibility", "eligibility", "timely_filing", "none", "authorization", "authorization"]


def test_without_a_code_the_category_told_from_words_is_the_reason():
    table = pd.DataFrame({"carc": [None, "27", None], "rarcs": None, "category": ["authorization", "coding", None]})
    reasons = clusters_features.prepared(table, ["carc", "rarcs"])[0]["reason"]
    assert list(reasons) == ["authorization", "eligibility", "none"]


def test_a_course_is_told_from_chance_as_a_rate_and_by_patients():
    """Twice the claims make twice the denials, and one patient's many denials no growth."""
    months = [str(p) for p in pd.period_range("2025-01", periods=18, freq="M")]
    decided = pd.Series([400.0] * 12 + [800.0] * 6, index=months)
    rows = [(month, "steady", f"{month} {i}") for month, n in decided.items() for i in range(int(n / 40))]
    rows += [(month, "grows", f"{month} {i}") for k, month in enumerate(months) for i in range(8 if k < 12 else 45)]
    rows += [(month, "new", f"{month} {i}") for month in months[12:] for i in range(20)]
    rows += [(month, "one", f"{month} {i}") for k, month in enumerate(months) for i in range(8 if k < 12 else 16)]
    rows += [(month, "one", "ill") for month in months[12:] for _ in range(40)]
    rows += [(month, "ends", f"{month} {i}") for month in months[:12] for i in range(20)]
    told = courses.courses(pd.DataFrame(rows, columns=["period", "group", "patient"]), decided).set_index("group")
    assert told["course"].to_dict() == {
        "steady": "steady",
        "grows": "growing",
        "new": "new",
        "one": "steady",
        "ends": "gone",
    }
    assert told.loc["grows", "since"] == told.loc["new", "since"] == "2026-01"


def test_no_more_than_one_in_twenty_steady_practices_has_a_cluster_with_a_course():
    months = [str(p) for p in pd.period_range("2025-01", periods=24, freq="M")]
    wrong = 0
    for seed in range(20):
        chance = np.random.default_rng(seed)
        decided = pd.Series(chance.poisson(400, 24).astype(float), index=months)
        rows = [(month, f"C{k:02d}", f"{month} {i} {k}") for month, n in decided.items() for k in range(25)
                for i in range(chance.binomial(int(n), 0.002 + 0.001 * k))]  # fmt: skip
        told = courses.courses(pd.DataFrame(rows, columns=["period", "group", "patient"]), decided)
        wrong += set(told["course"]) != {"steady"}
    assert wrong <= 1


def test_a_remark_that_names_a_field_tells_causes_of_one_code_apart_and_an_alert_does_not():
    causes = {
        "referring": {"carc": ["16"], "rarcs": ["N286", "MA130 N285"]},
        "taxonomy": {"carc": ["16"], "rarcs": ["N288", "N255"]},
        "supervising": {"carc": ["16"], "rarcs": ["N297"]},
        "place": {"carc": ["16", "5"], "rarcs": ["M77"]},
        "modifier": {"carc": ["4", "16"], "rarcs": ["N822"]},
    }
    table = planted(12, causes)
    found, members = grouping.find_clusters(table, features=FEATURES)
    assert v_measure_score(table["cause"], members["cluster_id"]) >= 0.98
    assert {label.split(" · ")[0] for label in found["label"]} == {
        "Referring provider missing or wrong", "Taxonomy missing or wrong", "Supervising provider missing or wrong",
        "Place of service missing or wrong", "Modifier missing or wrong"}  # fmt: skip


def test_what_a_denial_would_be_written_off_as_tells_causes_of_one_category_apart():
    table = planted(13, {"stay": {"carc": ["16"]}, "hospice": {"carc": ["16"]}})
    leaves = {"stay": "ems_pcs", "hospice": "ems_signature"}
    _, members = grouping.find_clusters(table.assign(leaf=table["cause"].map(leaves)), features=FEATURES)
    assert v_measure_score(table["cause"], members["cluster_id"]) == 1


def test_no_person_is_named_whom_the_place_explains():
    """One provider bills nearly all that one place does: its denials are the place's."""
    table = planted(14, {"late": {"carc": ["29"]}, "cover": {"carc": ["27"]}, "auth": {"carc": ["197"]}})
    table["location"] = np.where(table["rendering_npi"] == "1", "BASE", "CLINIC")
    late = table["cause"].eq("late") & (np.random.default_rng(1).random(len(table)) < 0.6)
    table.loc[late, ["location", "rendering_npi"]] = ["BASE", "1"]
    found, _ = grouping.find_clusters(table, features=[*FEATURES, "location"])
    label = next(label for label in found["label"] if label.startswith("Filed too late"))
    assert "BASE" in label and "provider" not in label


@pytest.mark.parametrize("told", [True, False])
def test_a_silent_payers_denials_have_the_cause_of_like_claims_where_that_is_proven(told):
    chance = np.random.default_rng(5)
    causes = {"modifier": ("N519", "99213"), "units": ("M53", "97110"), "diagnosis": ("M76", "80061")}
    table = planted(5, {name: {"carc": ["16"], "rarcs": [rarc], "procedure": [procedure]} for name, (rarc, procedure) in causes.items()})  # fmt: skip
    silent = table["payer_name"].eq("GAMMA")
    table.loc[silent, "rarcs"] = ""
    if not told:
        table["procedure"] = chance.permutation(table["procedure"])
    prepared, _ = clusters_features.prepared(table, FEATURES)
    heads = prepared["reason"].str.split("/").str[0]
    assert heads[~silent].eq(table["cause"][~silent]).all()
    assert heads[silent].eq(table["cause"][silent]).mean() == (1.0 if told else 0.0)
    assert told or heads[silent].eq("claim_data").all()


def test_no_payer_is_named_because_one_patient_is_denied_often():
    others = {code: {"carc": [code]} for code in ("31", "197", "226")}
    table = planted(3, {"late": {"carc": ["29"]}, **others})
    table["patient"] = [f"p{i}" for i in range(len(table))]
    often = table.index[(table["cause"] == "late") & table["payer_name"].ne("ALPHA")][:110]
    table.loc[often, "payer_name"] = "ALPHA"
    several = grouping.find_clusters(table, features=FEATURES)[0]
    table.loc[often, "patient"] = "the same"
    one = grouping.find_clusters(table, features=FEATURES)[0]
    late = [found.loc[found["label"].str.contains("late"), "label"].iloc[0] for found in (several, one)]
    assert late == ["Filed too late · ALPHA", "Filed too late"]


def test_without_denials_both_tables_are_there_and_empty():
    table = planted(9, {"a": {"carc": ["16"]}})
    full = grouping.find_clusters(table, features=FEATURES)
    none = grouping.find_clusters(table.iloc[:0], features=FEATURES)
    assert [list(t) for t in none] == [list(t) for t in full] and not any(map(len, none))


def test_a_practice_has_clusters_and_one_can_be_explored(demo_con):
    denials, found, members = grouping.of_practice(demo_con)
    assert len(denials) == len(members)
    assert found["denials"].sum() == len(members) and members["cluster_id"].notna().all()
    assert set(grouping.explore(found, "C01")["feature"])
    with pytest.raises(KeyError, match="no cluster C999"):
        grouping.explore(found, "C999")
    assert len(clusters_labels.positions(found)) == len(found)


def test_public_appeals_give_stable_groups_that_say_more_than_one_code(shared):
    table = pd.read_csv(shared / "realdata/ca_dmhc_imr_2001_2016.csv.gz", dtype=str)
    features = [
        "diagnosis_category",
        "diagnosis_sub_category",
        "treatment_category",
        "treatment_sub_category",
        "type",
        "age_range",
        "patient_gender",
    ]
    found, full = grouping.find_clusters(table, features=features, clusters=20)
    assert len(found) == 20
    half = np.sort(np.random.default_rng(1).choice(len(table), int(0.7 * len(table)), replace=False))
    _, again = grouping.find_clusters(table.iloc[half], features=features, clusters=20)
    assert adjusted_rand_score(full["cluster_id"].to_numpy()[half], again["cluster_id"]) >= 0.8
    assert full.groupby(table["diagnosis_category"])["cluster_id"].nunique().max() > 1


@pytest.fixture(scope="module")
def world(shared, tmp_path_factory):
    from rcm_analysis.intake import ingest
    from rcm_analysis.store.practice import Practice

    folder = shared / "worlds/a"
    root = tmp_path_factory.mktemp("world")
    ingest.ingest(Practice(root, "world-a"), [path for path in sorted(folder.iterdir()) if path.name != "truth"])
    con = derive.open_practice(root, "world-a", as_of=AS_OF)
    table = clusters_features.denial_features(con)
    truth = pd.read_parquet(folder / "truth/claims.parquet")
    decided = clusters_features.decided_services(con)
    return table, decided, truth[truth["in_edi"] & truth["initially_denied"].astype(bool) & truth["root_cause"].ne("")]


def test_planted_causes_of_a_practice_are_recovered_and_named(world):
    table, decided, truth = world
    found, members = grouping.find_clusters(table, features=grouping.FEATURES, exposure=decided)
    own = members.groupby("claim_number")["cluster_id"].agg(lambda s: s.mode().iat[0])
    both = truth.merge(own, left_on="pcn", right_index=True)
    score = v_measure_score(both["root_cause"], both["cluster_id"])
    assert (
        score >= 0.78 and score > v_measure_score(truth["root_cause"], truth["carc"] + truth["rarc"].fillna("")) + 0.05
    )
    labels = found.set_index("cluster_id")["label"]
    named = {"CRED": r"provider \d{10}", "AUTH_IMG": "imaging", "AMB_PCS": "ambulance", "AMB_NEC": "ambulance", "MEDNEC_LAB": "laboratory",
             "MOD25": "visits", "MOD59": "97140|therapy", "ELIG": "WESTSIDE", "REG": "HARBOR"}  # fmt: skip
    for cause, words in named.items():
        main = both.loc[both["root_cause"] == cause, "cluster_id"].mode().iat[0]
        assert re.search(words, labels[main]), f"{cause}: {labels[main]}"


def test_a_month_more_keeps_the_ids_of_a_practice(world):
    table, decided, _ = world
    old = table[table["month"] < "2026-09"]
    _, before = grouping.find_clusters(old, features=grouping.FEATURES, exposure=decided)
    _, after = grouping.find_clusters(
        table[table["month"] <= "2026-09"], features=grouping.FEATURES, exposure=decided, earlier=before
    )
    after = after[(table.loc[table["month"] <= "2026-09", "month"] < "2026-09").to_numpy()]
    assert (before["cluster_id"].to_numpy() == after["cluster_id"].to_numpy()).mean() >= 0.95
