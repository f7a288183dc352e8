"""Scrub: each static edit on one bad claim, the file divided and put together again, rules applied, nothing personal out."""

import json

import pandas as pd
import pytest
from conftest import AS_OF, claim_837, envelope
from typer.testing import CliRunner

from rcm_analysis import claim_files, claims, cli, prevention, scrub, static_edits
from rcm_analysis.store import Practice

KEY = b"k" * 32
NO_RULES = pd.DataFrame(columns=list(prevention.COLUMNS))
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


def edits_of(segments: list[str]) -> set[tuple[str, str]]:
    offered = scrub.read(envelope("HC", "837", "005010X222A1", segments), KEY)
    found = scrub._edits(offered)
    return set(zip(found["rule_id"], found["severity"], strict=True))


def swapped(segments: list[str], old: str, new: str) -> list[str]:
    changed = [segment.replace(old, new) for segment in segments]
    assert changed != segments
    return [segment for segment in changed if segment]


@pytest.mark.parametrize("segments", [SOUND, RIDE])
def test_a_sound_claim_has_no_finding(segments):
    assert edits_of(segments) == set()


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
    assert static_edits.valid_npi(numbers).tolist() == [True, False, False, False, False]


def two_claims() -> bytes:
    dependent = ["HL*3*2*23*0", "PAT*19", "NM1*QC*1*QUILLFEATHER*BO", "DMG*D8*20100101*M", "CLM*A2*250***11:B:1*Y*A*Y*Y", "HI*ABK:E119", "LX*1",
                 "SV1*HC:99213*250*UN*1***1", "DTP*472*D8*20260105"]  # fmt: skip
    return envelope("HC", "837", "005010X222A1", swapped([*SOUND, *dependent], "HL*2*1*22*0", "HL*2*1*22*1"))


def numbers_of(data: bytes) -> dict[str, int]:
    table = scrub.read(data, KEY).claims
    return dict(zip(table["claim_number"].to_pylist(), table["segment"].to_pylist(), strict=True))


def test_a_file_without_one_claim_counts_and_points_right():
    data = two_claims()
    first = claim_files.divide(data, {numbers_of(data)["A1"]}).decode()
    assert "HL*2*1*22*0~" in first and "HL*3" not in first and f"SE*{len(SOUND) + 2}*0001~GE*1*1~IEA*1*" in first
    second = claim_files.divide(data, {numbers_of(data)["A2"]}).decode()
    assert "HL*2*1*22*1~" in second and "HL*3*2*23*0~" in second and "CLM*A1" not in second and "MEM777123" in second
    assert claim_files.divide(data, set()) == b""
    assert claim_files.divide(data, set(numbers_of(data).values())) == data


def test_levels_are_numbered_anew():
    subscribers = [
        segment.replace("HL*2*", f"HL*{n}*").replace("A1", f"A{n}") for n in (2, 3, 4) for segment in SOUND[5:]
    ]
    data = envelope("HC", "837", "005010X222A1", [*SOUND[:5], *subscribers])
    kept = claim_files.divide(data, {numbers_of(data)["A2"], numbers_of(data)["A4"]})
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
    return [part for part in (claim_files.divide(data, kept), claim_files.divide(data, others)) if part]


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
    row = dict.fromkeys(prevention.COLUMNS) | {
        "rule_id": "R1", "category": "authorization", "claims_matched": 20, "denied": 18, "precision": 0.9, "precision_lower": 0.7, "base_rate": 0.1,
        "tested_from": pd.Timestamp("2026-01-01"), "tested_to": pd.Timestamp("2026-03-01"), "terms": json.dumps(terms)}  # fmt: skip
    return row | more


def test_a_rule_holds_the_claims_it_matches_and_no_other(demo_con):
    offered = scrub.read(two_claims(), KEY)
    rules = pd.DataFrame([rule([["diagnoses", "with", ["I10"]], ["payer_name", "in", ["ACME HEALTH"]]])])
    found = scrub.scrub(demo_con, offered, rules)
    assert found.loc[found["severity"].eq("hold"), ["claim_number", "rule_id", "p_denial"]].values.tolist() == [
        ["A1", "R1", 0.9]
    ]
    sentence = found.loc[0, "finding"]
    assert (
        sentence.startswith("Hold for an authorization number: payer ACME HEALTH")
        and "18 of 20" in found.loc[0, "evidence"]
    )
    clean, held = scrub.divide(offered, found)
    assert b"CLM*A2" in clean and b"CLM*A1" not in clean and b"CLM*A1" in held and b"CLM*A2" not in held


def test_a_score_holds_from_its_threshold_on(demo_con):
    offered = scrub.read(two_claims(), KEY)
    found = scrub.scrub(
        demo_con, offered, NO_RULES, score=lambda rows: rows["claim_number"].eq("A2") * 0.6 + 0.1, hold_above=0.5
    )
    assert found.loc[found["severity"].eq("hold"), ["claim_number", "rule_id", "p_denial"]].values.tolist() == [
        ["A2", "score", 0.7]
    ]


def test_findings_carry_nothing_of_the_patient(demo_con):
    bad = claim_837("A9").replace(b"***1:2", b"***1:9")
    text = scrub.text_of(scrub.scrub(demo_con, scrub.read(bad, KEY), NO_RULES), ".csv")
    assert "A9" in text and not any(word in text for word in ("QUILLFEATHER", "ANN", "MEM777123", "19500101"))


def test_no_claim_is_an_error_that_says_so():
    with pytest.raises(scrub.ScrubError, match="no 837 claim"):
        scrub.read(b"hello", KEY)


def test_the_command_writes_findings_and_two_files(demo_store, tmp_path, monkeypatch):
    monkeypatch.setattr(prevention, "learn_rules", lambda *args, **more: NO_RULES)
    path = tmp_path / "today.837"
    path.write_bytes(two_claims().replace(b"SV1*HC:99213*250*UN*1***1~", b"SV1*HC:99213*250*UN*1***2~"))
    arguments = ["scrub", str(path), "-p", "riverbend", "--store", str(demo_store), "--annotate", str(tmp_path / "out")]
    result = CliRunner().invoke(cli.app, [*arguments, "--out", str(tmp_path / "f.csv")])
    assert result.exit_code == 3, result.output
    table = pd.read_csv(tmp_path / "f.csv")
    assert list(table.columns)[:6] == ["claim_number", "severity", "rule_id", "finding", "evidence", "p_denial"]
    assert table[["claim_number", "severity", "rule_id"]].values.tolist() == [["A2", "hold", "pointer"]]
    assert [p.name for p in sorted((tmp_path / "out").iterdir())] == ["today.clean.837", "today.held.837"]
    path.write_bytes(two_claims())
    result = CliRunner().invoke(cli.app, [*arguments, "--out", str(tmp_path / "f.json")])
    assert result.exit_code == 0 and json.loads((tmp_path / "f.json").read_text()) == []


def test_rules_are_learned_once_for_the_same_batches(demo_con, demo_store, monkeypatch):
    place, calls = Practice(demo_store, "riverbend"), []
    monkeypatch.setattr(prevention, "learn_rules", lambda *args, **more: calls.append(1) or NO_RULES)
    day = AS_OF.replace(day=30)
    con = claims.open_practice(demo_store, "riverbend", as_of=day)
    assert scrub.rules_of(con, place, as_of=day).equals(scrub.rules_of(con, place, as_of=day)) or calls == [1]
    assert calls == [1]


def test_sound_claims_pass_the_edits(demo_folder):
    """The demo's claims are well formed: only those sent late may be held."""
    offered = scrub.read(b"".join(path.read_bytes() for path in sorted(demo_folder.rglob("*.837"))), KEY)
    found = scrub._edits(offered)
    stopped = found[found["severity"].eq("hold")]
    assert len(offered.claims) > 3000 and set(stopped["rule_id"]) <= {"filing-deadline"}
    assert stopped["submission_id"].nunique() < 0.01 * len(offered.claims)
