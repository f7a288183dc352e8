"""Scrub: each static edit on one bad claim, the file divided and put together again, rules applied, nothing personal out."""

import errno
import gzip
import io
import json
import os
import zipfile
from datetime import date
from itertools import count

import pandas as pd
import pytest
from conftest import AS_OF, claim_837, copy_of, envelope
from typer.testing import CliRunner

from rcm_analysis import cli
from rcm_analysis.claims import derive
from rcm_analysis.edi import divide_837
from rcm_analysis.errors import FailedError
from rcm_analysis.prevention import cache, chance, edits, features, scrub
from rcm_analysis.prevention import rules as prevention_rules
from rcm_analysis.prevention.holds import Places, PlacesError
from rcm_analysis.reference import codes

KEY = b"k" * 32
NO_RULES = pd.DataFrame(columns=list(prevention_rules.COLUMNS))
SOUND = [
    "BHT*0019*00*B1*20260110*0600*CH", "HL*1**20*1", "NM1*85*2*CLINIC*****XX*1234567893", "N3*1 ROAD", "N4*TOWN*NC*276010001", "HL*2*1*22*0",
    "SBR*P*18*******CI", "NM1*IL*1*QUILLFEATHER*ANN****MI*MEM777123", "DMG*D8*19800101*F", "NM1*PR*2*ACME HEALTH*****PI*77001",
    "CLM*A1*250***11:B:1*Y*A*Y*Y", "HI*ABK:E119*ABF:I10", "LX*1", "SV1*HC:99213:25*250*UN*1***1:2", "DTP*472*D8*20260105",
]  # fmt: skip
RIDE = [
    *SOUND[:11],
    "CR1*LB*140**A*DH*10",
    "CRC*07*Y*01",
    "HI*ABK:R55",
    "NM1*PW*2",
    "NM1*45*2",
    "LX*1",
    "SV1*HC:A0428:RH*250*UN*1***1",
    "DTP*472*D8*20260105",
]


def edits_of(segments: list[str], terms: pd.DataFrame = edits.NO_TERMS) -> set[tuple[str, str]]:
    offered = scrub.read(envelope("HC", "837", "005010X222A1", segments), KEY)
    found = scrub._edits([offered], terms)
    return set(zip(found["rule_id"], found["severity"], strict=True))


def swapped(segments: list[str], old: str, new: str) -> list[str]:
    changed = [segment.replace(old, new) for segment in segments]
    assert changed != segments
    return [segment for segment in changed if segment]


@pytest.mark.parametrize("segments", [SOUND, RIDE])
def test_a_sound_claim_has_no_finding(segments):
    assert edits_of(segments) == set()


def test_a_filing_limit_is_that_of_the_payer_where_a_row_names_it(monkeypatch):
    row = {
        "payer_class": "commercial",
        "payer_pattern": "acme|apex",
        "clock": "initial_filing",
        "days": "30",
        "unit": "day",
        "confidence": "primary",
    }
    known = codes.table("deadlines")
    monkeypatch.setattr(codes, "table", lambda name, table=codes.table: (
        pd.concat([known, pd.DataFrame([row | {"valid_from": "2026-01-01"}])]) if name == "deadlines" else table(name)
    ))  # fmt: skip
    claims_ = pd.DataFrame(
        {"filing_code": ["CI", "CI", "MB", None], "payer_name": ["ACME HEALTH", "OTHER", "ACME MEDICARE", None]}
    ).assign(filing_days=float("nan"), longest_filing_days=float("nan"))
    limits = edits._filing_limits(claims_)
    assert limits["number"].tolist()[:3] == [30, 90, 1] and limits["number"].isna().tolist() == [
        False,
        False,
        False,
        True,
    ]
    assert limits["unit"].tolist()[:3] == ["day", "day", "year"] and limits["sure"].tolist() == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(("terms", "severity"), [
    ([("Acme Health", "", "2025-01-01", None, 180)], None),  # 87 days after the service: the usual 90 days would warn
    ([("Acme Health", "", "2025-01-01", None, 60)], "hold"),
    ([("Acme Health", "", "2025-01-01", None, 60), ("Acme Health", "", "2025-01-01", None, 180)], "warn"),  # two plans
    ([("Acme Health", "medicare", "2025-01-01", None, 60)], "warn"),  # of another class: the usual limit is near
    ([("Acme Health", "", "2025-01-01", "2025-09-30", 60)], "warn"),  # ended before the service
    ([("Acme Health", "", "2025-01-01", None, 60), ("Acme Health", "", "2025-10-01", None, 180)], None),  # amended
])  # fmt: skip
def test_a_contract_says_how_long_a_claim_may_be_filed(terms, severity):
    """Without one the limit is a guess and only warns."""
    table = pd.DataFrame(terms, columns=["payer", "payer_class", "valid_from", "valid_to", "filing_days"])
    late = swapped(SOUND, "20260105", "20251015")
    found = {level for rule, level in edits_of(late, table) if rule == "filing-deadline"}
    assert found == ({severity} if severity else set())


@pytest.mark.parametrize(
    ("segments", "old", "new", "rule", "severity"),
    [
        (SOUND, "1234567893", "1234567890", "npi-check-digit", "hold"),
        (SOUND, "***1:2", "***1:3", "pointer", "hold"),
        (SOUND, "***1:2", "", "pointer", "hold"),
        (SOUND, "11:B:1", "11:B:7", "frequency-reference", "hold"),
        (SOUND, "HI*ABK:E119*ABF:I10", "", "required-field", "hold"),
        (SOUND, "NM1*PR*2*ACME HEALTH", "NM1*PR*2*", "required-field", "hold"),
        (SOUND, "DTP*472*D8*20260105", "", "required-field", "hold"),
        (SOUND, "CLM*A1*250", "CLM*A1*251", "charge-total", "hold"),
        (SOUND, "20260105", "20260205", "future-service", "hold"),
        (SOUND, "20260105", "20251015", "filing-deadline", "warn"),
        (swapped(SOUND, "***CI", "***MB"), "20260105", "20241015", "filing-deadline", "hold"),
        (SOUND, "276010001", "2760", "zip", "hold"),
        (SOUND, "E119", "E11.9", "diagnosis-form", "hold"),
        (SOUND, "*F", "*M", "sex-procedure", None),
        (swapped(SOUND, "99213:25", "59400"), "0101*F", "0101*M", "sex-procedure", "hold"),
        (swapped(SOUND, "ABF:I10", "ABF:O80"), "0101*F", "0101*M", "sex-diagnosis", "warn"),
        (SOUND, "HC:99213:25", "HC:99391", "age-procedure", "warn"),
        (SOUND, "UN*1", "UN*3", "units", "hold"),
        (SOUND, "UN*1", "UN*0", "units", "hold"),
        (RIDE, "A0428:RH", "A0428", "ambulance-modifier", "hold"),
        (RIDE, "A0428:RH", "A0428:RS", "ambulance-modifier", "hold"),
        (RIDE, "A0428:RH", "A0425:RH", "ambulance-mileage", "hold"),
        (RIDE, "CRC*07*Y*01", "", "ambulance-certification", "hold"),
        (RIDE, "CR1*LB*140**A*DH*10", "", "ambulance-transport", "hold"),
        (swapped(RIDE, "A0428", "A0429"), "CRC*07*Y*01", "", "ambulance-certification", None),
    ],
)
def test_each_edit(segments, old, new, rule, severity):
    found = edits_of(swapped(segments, old, new))
    assert (rule, severity) in found if severity else rule not in {name for name, _ in found}


def test_npi_check_digits():
    numbers = pd.Series(["1234567893", "1234567890", "123456789", "12345678X3", None])
    assert edits.valid_npi(numbers).tolist() == [True, False, False, False, False]


def two_claims() -> bytes:
    dependent = ["HL*3*2*23*0", "PAT*19", "NM1*QC*1*QUILLFEATHER*BO", "DMG*D8*20100101*M", "CLM*A2*250***11:B:1*Y*A*Y*Y", "HI*ABK:E119", "LX*1",
                 "SV1*HC:99213*250*UN*1***1", "DTP*472*D8*20260105"]  # fmt: skip
    return envelope("HC", "837", "005010X222A1", swapped([*SOUND, *dependent], "HL*2*1*22*0", "HL*2*1*22*1"))


def numbers_of(data: bytes) -> dict[str, int]:
    table = scrub.read(data, KEY).claims
    return dict(zip(table["claim_number"].to_pylist(), table["segment"].to_pylist(), strict=True))


def test_a_file_without_one_claim_counts_and_points_right():
    data = two_claims()
    first = divide_837.divide(data, {numbers_of(data)["A1"]}).decode()
    assert "HL*2*1*22*0~" in first and "HL*3" not in first and f"SE*{len(SOUND) + 2}*0001~GE*1*1~IEA*1*" in first
    second = divide_837.divide(data, {numbers_of(data)["A2"]}).decode()
    assert "HL*2*1*22*1~" in second and "HL*3*2*23*0~" in second and "CLM*A1" not in second and "MEM777123" in second
    assert divide_837.divide(data, set()) == b""
    assert divide_837.divide(data, set(numbers_of(data).values())) == data


def test_levels_are_numbered_anew():
    subscribers = [
        segment.replace("HL*2*", f"HL*{n}*").replace("A1", f"A{n}") for n in (2, 3, 4) for segment in SOUND[5:]
    ]
    data = envelope("HC", "837", "005010X222A1", [*SOUND[:5], *subscribers])
    kept = divide_837.divide(data, {numbers_of(data)["A2"], numbers_of(data)["A4"]})
    assert [s for s in kept.decode().split("~") if s.startswith("HL")] == ["HL*1**20*1", "HL*2*1*22*0", "HL*3*1*22*0"]
    assert list(numbers_of(kept)) == ["A2", "A4"]


def contents(data: bytes) -> list[str]:
    """Every claim with its lines as text; ids and places, which depend on the file, left out."""
    offered = scrub.read(data, KEY)
    drop = ("file_id", "submission_id", "segment")
    lines: dict = {}
    for row in offered.lines.to_pylist():
        lines.setdefault(row["submission_id"], []).append([row[name] for name in row if name not in drop])
    return sorted(
        repr(([r[name] for name in r if name not in drop], lines.get(r["submission_id"])))
        for r in offered.claims.to_pylist()
    )


def halves(data: bytes) -> list[bytes]:
    offered = scrub.read(data, KEY)
    kept = set(offered.claims["segment"].to_pylist()[::2])
    others = set(offered.facts["segment"]) - kept
    return [part for part in (divide_837.divide(data, kept), divide_837.divide(data, others)) if part]


def test_two_halves_hold_what_the_file_held(demo_folder):
    files = sorted(demo_folder.rglob("*.837"))
    data = b"".join(path.read_bytes() for path in files[:30])
    parts = halves(data)
    assert len(parts) == 2
    assert sorted(text for part in parts for text in contents(part)) == contents(data)


def test_public_samples_divide(shared):
    divided = 0
    for path in sorted((shared / "corpus/837").iterdir()):
        try:
            whole = contents(path.read_bytes())
        except scrub.ScrubError:
            continue
        data = scrub.read(path.read_bytes(), KEY).data
        assert sorted(text for part in halves(data) for text in contents(part)) == whole, path.name
        divided += 1
    assert divided > 40


def rule(terms: list, **more) -> dict:
    row = dict.fromkeys(prevention_rules.COLUMNS) | {
        "rule_id": "R1", "category": "authorization", "claims_matched": 20, "denied": 18, "precision": 0.9, "precision_lower": 0.7, "base_rate": 0.1,
        "tested_from": pd.Timestamp("2026-01-01"), "tested_to": pd.Timestamp("2026-03-01"), "terms": json.dumps(terms)}  # fmt: skip
    return row | more


def test_a_rule_holds_the_claims_it_matches_and_no_other(demo_con):
    offered = scrub.read(two_claims(), KEY)
    rules = pd.DataFrame([rule([["diagnoses", "with", ["I10"]], ["payer_name", "in", ["ACME HEALTH"]]])])
    found = scrub.scrub(demo_con, [offered], rules)
    assert found.loc[found["severity"].eq("hold"), ["claim_number", "rule_id", "p_denial"]].values.tolist() == [
        ["A1", "R1", 0.9]
    ]
    sentence = found.loc[0, "finding"]
    assert (
        sentence.startswith("Hold for an authorization number: payer Acme Health")
        and "18 of 20" in found.loc[0, "evidence"]
    )
    clean, held = scrub.divide(offered, found)
    assert b"CLM*A2" in clean and b"CLM*A1" not in clean and b"CLM*A1" in held and b"CLM*A2" not in held


class Told:
    """Chances by claim number, in place of a model of the practice."""

    def __init__(self, **chances: float):
        self.chances = chances

    def __call__(self, lines: pd.DataFrame) -> pd.DataFrame:
        told = lines.drop_duplicates("submission_id")
        p = told["claim_number"].map(self.chances)
        return told[["submission_id", "claim_number"]].assign(
            p_denial=p, lower=p - 0.05, upper=p + 0.05, lift=p / 0.1, p_loss=p / 2, charge_usd=told["claim_charge"],
            expected_loss_usd=told["claim_charge"] * p / 2)  # fmt: skip

    def reasons(self, lines: pd.DataFrame) -> list[tuple[int, str]]:
        return [(i, "payer raises it") for i in lines["submission_id"].unique()]


def severities(found: pd.DataFrame) -> dict[tuple[str, str], str]:
    return {(row.claim_number, row.rule_id): row.severity for row in found.itertuples()}


def test_every_claim_has_its_chance_and_no_chance_holds_by_itself(demo_con):
    found = scrub.scrub(demo_con, [scrub.read(two_claims(), KEY)], NO_RULES, chances=Told(A1=0.9, A2=0.06))
    assert severities(found) == {("A1", "score"): "info", ("A2", "score"): "info"}
    row = found.set_index("claim_number").loc["A1"]
    assert row["finding"] == "Chance of a denial 90%, usually 10%." and row["p_denial"] == 0.9
    assert row["expected_loss_usd"] == 250 * 0.45 and "85% to 95%" in row["evidence"]
    assert len(scrub.worth_a_look(found)) == 0 and scrub.expected(found) == "; expected loss $120, $0 of it in the held"


def test_a_rule_and_a_chance_are_one_score(demo_con):
    rules = pd.DataFrame(
        [rule([["diagnoses", "with", ["I10"]], ["payer_name", "in", ["ACME HEALTH"]]])]
    )  # A1, of ten nine
    found = scrub.scrub(demo_con, [scrub.read(two_claims(), KEY)], rules, chances=Told(A1=0.3, A2=0.3))
    told = found.drop_duplicates("claim_number").set_index("claim_number")
    assert told["p_denial"].to_dict() == {"A1": 0.9, "A2": 0.3}
    assert told["expected_loss_usd"].to_dict() == {"A1": 250 * 0.45, "A2": 250 * 0.15}
    said = found[found["rule_id"].eq("score")].set_index("claim_number")["finding"]
    assert said["A1"] == "Chance of a denial 90%, usually 10%."


@pytest.mark.parametrize(
    ("holds", "chances", "held"),
    [
        ("1", {"A1": 0.3, "A2": 0.5}, {"A2"}),
        ("50%", {"A1": 0.3, "A2": 0.5}, {"A2"}),
        ("2", {"A1": 0.3, "A2": 0.5}, {"A1", "A2"}),
        ("2", {"A1": 0.3, "A2": 0.09}, {"A1"}),  # no likelier than usual
        ("0", {"A1": 0.3, "A2": 0.5}, set()),
    ],
)
def test_chances_hold_as_many_claims_as_there_are_places(demo_con, holds, chances, held):
    found = scrub.scrub(
        demo_con, [scrub.read(two_claims(), KEY)], NO_RULES, chances=Told(**chances), places=Places.of(holds)
    )
    assert set(found.loc[found["severity"].eq("hold"), "claim_number"]) == held
    for row in found[found["severity"].eq("hold")].itertuples():
        assert "payer raises it" in row.evidence and row.fix


def test_rules_without_a_place_warn_and_edits_take_places_first(demo_con):
    rules = pd.DataFrame([rule([["diagnoses", "with", ["I10"]]])])  # A1
    offered = [scrub.read(two_claims(), KEY)]
    both = {("A1", "R1"): "warn", ("A1", "score"): "info", ("A2", "score"): "hold"}
    assert (
        severities(scrub.scrub(demo_con, offered, rules, chances=Told(A1=0.1, A2=0.95), places=Places.of("1"))) == both
    )
    first = {("A1", "R1"): "hold", ("A1", "score"): "info", ("A2", "score"): "info"}
    assert (
        severities(scrub.scrub(demo_con, offered, rules, chances=Told(A1=0.1, A2=0.5), places=Places.of("1"))) == first
    )
    bad = [scrub.read(two_claims().replace(b"SV1*HC:99213*250*UN*1***1~", b"SV1*HC:99213*250*UN*1***2~"), KEY)]
    found = severities(scrub.scrub(demo_con, bad, rules, chances=Told(A1=0.9, A2=0.1), places=Places.of("1")))
    assert found[("A2", "pointer")] == "hold" and found[("A1", "R1")] == "warn"


def test_places_are_a_number_or_a_share():
    assert (
        Places.of("20").among(1000) == 20 and Places.of("5%").among(1000) == 50 and Places.of(" 2.5% ").among(40) == 1
    )
    for text in ("five", "-1", "101%", "nan", "inf", ""):
        with pytest.raises(PlacesError, match="20 or 5%"):
            Places.of(text)


def test_findings_carry_nothing_of_the_patient(demo_con):
    bad = claim_837("A9").replace(b"***1:2", b"***1:9")
    text = scrub.text_of(scrub.scrub(demo_con, [scrub.read(bad, KEY)], NO_RULES), ".csv")
    assert "A9" in text and not any(word in text for word in ("QUILLFEATHER", "ANN", "MEM777123", "19500101"))


def test_no_claim_is_an_error_that_says_so():
    with pytest.raises(scrub.ScrubError, match="no 837 claim"):
        scrub.read(b"hello", KEY)
    with pytest.raises(scrub.ScrubError, match="a PDF document"):
        scrub.read(b"%PDF-1.7", KEY)
    with pytest.raises(scrub.ScrubError, match="damaged"):
        scrub.read(gzip.compress(two_claims())[:60], KEY)


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"{name}.837", data)
    return out.getvalue()


AS_INGESTED = {
    "today.837.gz": gzip.compress, "today.zip": lambda data: zipped(today=data), "utf-16": lambda data: data.decode().encode("utf-16"),
    "utf-32": lambda data: data.decode().encode("utf-32"), "ebcdic": lambda data: data.decode().encode("cp037"),
    "with a mark": lambda data: b"\xef\xbb\xbf" + data,
}  # fmt: skip


@pytest.mark.parametrize("name", AS_INGESTED)
def test_claims_are_read_from_every_file_that_ingest_reads(name):
    data = AS_INGESTED[name](two_claims())
    assert scrub.read(data, KEY).data == two_claims() and contents(data) == contents(two_claims())


def test_the_command_writes_findings_and_two_files(demo_store, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "rules_of_practice", lambda *args, **more: NO_RULES)
    path = tmp_path / "today.837"
    path.write_bytes(two_claims().replace(b"SV1*HC:99213*250*UN*1***1~", b"SV1*HC:99213*250*UN*1***2~"))
    arguments = ["scrub", str(path), "-p", "riverbend", "--store", str(demo_store), "--annotate", str(tmp_path / "out")]
    result = CliRunner().invoke(cli.app, [*arguments, "--out", str(tmp_path / "f.csv")])
    assert result.exit_code == 3, result.output
    table = pd.read_csv(tmp_path / "f.csv")
    assert list(table.columns)[:6] == ["claim_number", "severity", "rule_id", "finding", "evidence", "p_denial"]
    found = [["A2", "hold", "pointer"], ["A1", "info", "score"], ["A2", "info", "score"]]
    assert table[["claim_number", "severity", "rule_id"]].values.tolist() == found
    assert table["p_denial"].between(0, 1).all() and (table["expected_loss_usd"] >= 0).all()
    assert [p.name for p in sorted((tmp_path / "out").iterdir())] == ["today.clean.837", "today.held.837"]
    path.write_bytes(two_claims())
    result = CliRunner().invoke(cli.app, [*arguments, "--out", str(tmp_path / "f.json")])
    assert result.exit_code == 0 and {row["rule_id"] for row in json.loads((tmp_path / "f.json").read_text())} == {
        "score"
    }
    assert CliRunner().invoke(cli.app, [*arguments, "--holds", "many"]).exit_code != 0
    result = CliRunner().invoke(cli.app, [*arguments, "--holds", "0"])
    assert result.exit_code == 0 and "2 claims, 0 held, 0 findings; expected loss $" in result.output


@pytest.mark.slow
def test_what_a_month_teaches_is_learned_once(demo_store, tmp_path, monkeypatch):
    copy_of(demo_store / "riverbend", tmp_path / "riverbend")
    calls, learn = [], chance.learn
    monkeypatch.setattr(chance, "learn", lambda *args, **more: calls.append(more["as_of"]) or learn(*args, **more))
    monkeypatch.setattr(prevention_rules, "learn_rules", lambda *args, **more: NO_RULES)
    month_end = date(2026, 9, 30)
    views = [
        derive.open_practice(tmp_path, "riverbend", as_of=day) for day in (AS_OF.replace(day=20), AS_OF.replace(day=30))
    ]
    first, again = (cache.of_practice(view) for view in views)
    lines = features.sent(views[0]).head(300)
    assert calls == [month_end] and first.day == again.day == month_end and again.rules.equals(first.rules)
    pd.testing.assert_frame_equal(again.chances(lines), first.chances(lines))
    few = lines[lines["submission_id"].isin(lines["submission_id"].unique()[:5])]
    assert again.chances.reasons(few) == first.chances.reasons(few)

    made, gaps = cache.trial_of(views[0]), cache.line_gaps_of(views[0])
    monkeypatch.setattr(cache, "lines_of", lambda view: pytest.fail("a page that is made again reads no lines"))
    read, same = cache.trial_of(views[1]), cache.line_gaps_of(views[1])
    assert read.weekdays == made.weekdays > 20 and len(read.claims) == len(made.claims) > 50
    for one, other in ((read.within(5.0), made.within(5.0)), (read.kept(), made.kept()), *zip(same, gaps, strict=True)):
        pd.testing.assert_frame_equal(one, other)


def test_sound_claims_pass_the_edits(demo_folder):
    """The demo's claims are well formed: only those sent late, and replacements that Part B takes from nobody, are held."""
    offered = scrub.read(b"".join(path.read_bytes() for path in sorted(demo_folder.rglob("*.837"))), KEY)
    found = scrub._edits([offered])
    stopped = found[found["severity"].eq("hold")]
    assert len(offered.claims) > 3000 and set(stopped["rule_id"]) <= {"filing-deadline", "frequency-part-b"}
    assert stopped["submission_id"].nunique() < 0.01 * len(offered.claims)


NUMBERED = ["A1", "A2", "A3", "A4", "A5"]


def many_claims(*numbers: str) -> bytes:
    data = two_claims().decode()
    begin, end = data.index("CLM*A2"), data.index("SE*")
    claim = data[begin:end]
    return (data[:begin] + "".join(claim.replace("A2", name) for name in numbers[1:]) + data[end:]).replace("A1", numbers[0]).encode()  # fmt: skip


def claims_in(folder) -> list[str]:
    found = [raw for path in folder.glob("*.837") for raw in divide_837.claim_segments(path.read_bytes()).values()]
    return sorted(raw.split(b"*")[1].decode() for raw in found)


def annotated(store, folder, *paths) -> object:
    return CliRunner().invoke(
        cli.app, ["scrub", *map(str, paths), "-p", "riverbend", "--store", str(store), "--annotate", str(folder)]
    )


@pytest.fixture
def unlearned(demo_store, monkeypatch):
    """The demo's store, without rules or chances: only edits hold."""
    nothing = cache.Learned(NO_RULES, None, AS_OF)
    monkeypatch.setattr(cache, "of_practice", lambda *args, **more: nothing)
    return demo_store


def test_files_of_one_stem_are_written_beside_each_other(unlearned, tmp_path):
    (tmp_path / "a").mkdir()
    first, second, third = tmp_path / "a/today.837", tmp_path / "today.837", tmp_path / "TODAY.txt"
    first.write_bytes(many_claims(*NUMBERED))
    second.write_bytes(many_claims("B1"))
    third.write_bytes(many_claims("C1", "C2").replace(b"SV1*HC:99213*250*UN*1***1~", b"SV1*HC:99213*250*UN*1***2~"))
    done = annotated(unlearned, tmp_path / "out", first, second, third, first)
    assert done.exit_code == 3, done.output
    assert claims_in(tmp_path / "out") == [*NUMBERED, "B1", "C1", "C2"]
    names = ["TODAY-3.clean.837", "TODAY-3.held.837", "today-2.clean.837", "today.clean.837"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert all(name in done.output for name in names) and f"{first}: 5 claims, 0 held" in done.output
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {0o600}


def test_the_files_of_an_archive_are_checked_under_their_own_names(unlearned, tmp_path):
    (tmp_path / "today.zip").write_bytes(zipped(a=many_claims("A1"), b=many_claims("B1", "B2")))
    (tmp_path / "c.837.gz").write_bytes(gzip.compress(many_claims("C1")))
    done = annotated(unlearned, tmp_path / "out", tmp_path / "today.zip", tmp_path / "c.837.gz")
    assert done.exit_code == 0 and claims_in(tmp_path / "out") == ["A1", "B1", "B2", "C1"], done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{name}.clean.837" for name in "abc"]
    (tmp_path / "today.zip").write_bytes(zipped(a=many_claims("A1"), b=b"Dear payer"))
    done = annotated(unlearned, tmp_path / "out", tmp_path / "today.zip")
    assert isinstance(done.exception, scrub.ScrubError) and str(done.exception).startswith("b.837: there is no")


def test_a_copy_of_a_file_is_held_as_the_file_is(unlearned, tmp_path):
    """Copies have the same submission ids, so that findings can't be told apart by them."""
    bad = many_claims("A1", "A2").replace(b"SV1*HC:99213*250*UN*1***1~", b"SV1*HC:99213*250*UN*1***2~")
    for name in ("x.837", "y.837"):
        (tmp_path / name).write_bytes(bad)
    done = annotated(unlearned, tmp_path / "out", tmp_path / "x.837", tmp_path / "y.837")
    assert done.exit_code == 3 and done.output.count("2 claims, 1 held") == 2
    parts = [f"{name}.{part}.837" for name in "xy" for part in ("clean", "held")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == parts


def test_what_goes_in_is_not_overwritten_and_what_an_earlier_run_held_goes(unlearned, tmp_path):
    """Checked again among its own results: a file that is read is never a place to write to."""
    for name, numbers in (("today.837", ["A1"]), ("today.clean.837", ["B1"]), ("today-2.held.837", ["C1"])):
        (tmp_path / name).write_bytes(many_claims(*numbers))
    paths = tmp_path / "today.837", tmp_path / "today.clean.837"
    before = [path.read_bytes() for path in paths]
    assert annotated(unlearned, tmp_path, *paths).exit_code == 0
    assert [path.read_bytes() for path in paths] == before
    assert sorted(path.name for path in tmp_path.glob("*.837")) == [
        "today-2.clean.837", "today.837", "today.clean.837", "today.clean.clean.837"
    ]  # fmt: skip


def test_a_claim_that_cannot_be_read_is_counted_and_held(unlearned, tmp_path):
    data = many_claims("A1", "A2")
    (tmp_path / "cut.837").write_bytes(data[: data.index(b"CLM*A2") + len(b"CLM*A2*2")])
    done = annotated(unlearned, tmp_path / "out", tmp_path / "cut.837")
    assert done.exit_code == 3 and "2 claims, 1 held" in done.output
    assert claims_in(tmp_path / "out") == ["A1", "A2"] and (tmp_path / "out/cut.held.837").exists()


@pytest.mark.parametrize("fault", ["lost", "full"])
def test_nothing_is_written_unless_all_is(unlearned, tmp_path, monkeypatch, fault):
    out = tmp_path / "out"
    for name in ("a", "b"):
        (tmp_path / f"{name}.837").write_bytes(many_claims("A1", "A2", name.upper()))
    assert annotated(unlearned, out, tmp_path / "a.837", tmp_path / "b.837").exit_code == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    if fault == "lost":
        whole = divide_837.divide
        monkeypatch.setattr(divide_837, "divide", lambda data, keep: b"" if b"CLM*B*" in data else whole(data, keep))
    else:
        monkeypatch.setattr(os, "fsync", fails_at(2))
    (tmp_path / "a.837").write_bytes(many_claims("A3"))
    done = annotated(unlearned, out, tmp_path / "a.837", tmp_path / "b.837")
    words = {"lost": "b.837 holds 3 claims and its two parts 0", "full": "No space left on device"}
    assert isinstance(done.exception, FailedError) and words[fault] in str(done.exception)
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def fails_at(call: int):
    calls = count(1)

    def fsync(descriptor: int) -> None:
        if next(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return fsync
