"""835, 837 and 277CA into tables: what each segment becomes, and what is refused with which words."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import claim_837, envelope, remittance
from hypothesis import given
from hypothesis import strategies as st

from rcm_analysis.intake import ingest as intake_ingest
from rcm_analysis.store.practice import Practice

D = Decimal


def ingest(tmp_path, *files: bytes, name="f{}.txt"):
    for i, data in enumerate(files):
        (tmp_path / name.format(i)).write_bytes(data)
    practice = Practice(tmp_path / "store", "clinic")
    outcome = intake_ingest.ingest(practice, [tmp_path / name.format(i) for i in range(len(files))])
    return practice, outcome


def rows(practice, table, columns="*"):
    return practice.connect().execute(f"SELECT {columns} FROM {table} ORDER BY segment").fetchall()


CLAIM = ("CLP*A1*1*300*120*30*12*X9*11*1", "NM1*QC*1*QUILLFEATHER*ANN****MI*MEM777123", "NM1*82*1*DOC*D****XX*1234567893",
         "MOA***MA01*N130", "DTM*232*20260105", "DTM*050*20260110")  # fmt: skip


def test_an_835_claim_becomes_rows_at_both_levels(tmp_path):
    practice, outcome = ingest(tmp_path, remittance(
        *CLAIM, "CAS*OA*A1*50", "SVC*HC:99213:25:59*200*120**1", "DTM*472*20260105", "CAS*CO*45*50", "CAS*PR*1*10**2*20", "REF*6R*L1",
        "AMT*B6*150", "LQ*HE*N362", "SVC*NU:0450*50*0**0*HC:99284*2", "CAS*CO*97*50", "PLB*1522003506*20261231*WO:X9*20*L6*-1.5",
        paid="101.5"))  # fmt: skip
    assert outcome.files[0]["status"] == "accepted"
    assert rows(practice, "remittances", "claim_number, status_code, charge, paid, patient_share, payer_claim_number, rendering_npi, "
                "service_date, received_on, lines, adjusted, payer_name, payer_id, check_number, known_on") == [
        ("A1", "1", D(300), D(120), D(30), "X9", "1234567893", date(2026, 1, 5), date(2026, 1, 10), 2, D(180), "ACME HEALTH", "77001",
         "CHECK1", date(2026, 3, 5))]  # fmt: skip
    assert rows(practice, "remittance_lines", "line_number, procedure, modifiers, revenue_code, charge, paid, allowed, billed_procedure, adjusted") == [
        (1, "99213", "25 59", None, D(200), D(120), D(150), None, D(80)), (2, None, None, "0450", D(50), D(0), None, "99284", D(50))]  # fmt: skip
    assert rows(practice, "adjustments", "line_number, position, group_code, carc, amount") == [
        (0, 1, "OA", "A1", D(50)),
        (1, 1, "CO", "45", D(50)),
        (1, 1, "PR", "1", D(10)),
        (1, 2, "PR", "2", D(20)),
        (2, 1, "CO", "97", D(50)),
    ]
    assert rows(practice, "remarks", "line_number, source, rarc") == [
        (0, "MOA", "MA01"),
        (0, "MOA", "N130"),
        (1, "LQ", "N362"),
    ]
    assert rows(practice, "provider_adjustments", "reason_code, reference, amount") == [
        ("WO", "X9", D(20)),
        ("L6", None, D("-1.5")),
    ]
    assert rows(practice, "payments", "paid, claims, claims_paid, provider_adjusted") == [
        (D("101.5"), 1, D(120), D("18.5"))
    ]


def test_six_triplets_and_quantities_are_kept(tmp_path):
    cas = "CAS*CO*45*1*1*97*2**18*3*2*16*4**50*5**29*6*3"
    practice, _ = ingest(tmp_path, remittance("CLP*A1*1*21*0", cas))
    got = rows(practice, "adjustments", "position, carc, amount, quantity")
    assert got == [
        (1, "45", 1, 1),
        (2, "97", 2, None),
        (3, "18", 3, 2),
        (4, "16", 4, None),
        (5, "50", 5, None),
        (6, "29", 6, 3),
    ]


@pytest.mark.parametrize("level", [0, 1])
def test_adjustments_beyond_the_sixth_are_kept_and_said(tmp_path, level):
    cas = "CAS*CO*45*100**97*100**197*100**252*100**16*100**29*100**50*50**96*50"
    line = ["SVC*HC:99213*700*0**1"] if level else []
    plb = "PLB*1522003506*20261231*WO:X9*1*L6*2*72*3*FB*4*CS*5*AH*6*AP*7*IR*8*J1"
    practice, outcome = ingest(tmp_path, remittance("CLP*A1*1*700*0*0*12*X9", *line, cas, plb, paid="-36"))
    kept = rows(practice, "adjustments", "line_number, position, carc, amount")
    assert kept[6:] == [(level, 7, "50", D(50)), (level, 8, "96", D(50))]
    assert rows(practice, "remittances", "adjusted") == [(D(700),)]
    assert rows(practice, "provider_adjustments", "reason_code, amount")[6:] == [
        ("AP", D(7)),
        ("IR", D(8)),
        ("J1", None),
    ]
    assert rows(practice, "payments", "provider_adjusted") == [(D(36),)]
    assert outcome.files[0]["status"] == "accepted"
    assert sum("more than the 6 adjustments" in reject["reason"] for reject in outcome.rejects) == 2


def test_separators_alone_are_no_adjustments(tmp_path):
    padding = "*" * 40
    practice, outcome = ingest(
        tmp_path,
        remittance("CLP*A1*1*9*0*0*12*X9", f"CAS*CO*45*9{padding}", f"PLB*1*20261231*L6*2{padding}", paid="-2"),
    )
    assert (rows(practice, "adjustments", "carc"), outcome.rejects) == ([("45",)], [])
    assert rows(practice, "provider_adjustments", "reason_code") == [("L6",)]


def test_an_amount_that_stands_twice_is_named_with_its_dollars(tmp_path):
    amounts = [
        "AMT*AU*90",
        "AMT*I*1.5",
        "AMT*I*2.25",
        "AMT*AU*90",
        "SVC*HC:99213*100*80**1",
        "AMT*B6*90",
        "AMT*B6*80.1",
    ]
    _, outcome = ingest(tmp_path, remittance("CLP*A1*1*100*80*0*12*X9", "CAS*CO*45*20", *amounts))
    assert outcome.files[0]["status"] == "partly"
    left_out = [reject["reason"] for reject in outcome.rejects]
    assert len(left_out) == 2
    assert "claim, 2.25, was left out" in left_out[1]
    assert "line, 80.10, was left out" in left_out[0]


def test_claims_of_two_transactions_do_not_mix(tmp_path):
    first = remittance("CLP*A1*1*10*10", "SVC*HC:1*10*10").decode().split("~")
    st_, ge = (
        next(i for i, s in enumerate(first) if s.startswith("ST")),
        next(i for i, s in enumerate(first) if s.startswith("GE")),
    )
    second = [s.replace("A1", "A2").replace("0001", "0002") for s in first[st_:ge]]
    data = "~".join([*first[:ge], *second, "GE*2*1", *first[ge + 1 :]]).encode()
    practice, outcome = ingest(tmp_path, data)
    assert outcome.files[0]["transactions"] == 2
    assert rows(practice, "remittances", "claim_number, lines") == [("A1", 1), ("A2", 1)]


def test_a_file_cut_off_keeps_all_but_the_last_claim(tmp_path):
    whole = remittance("CLP*A1*1*10*10", "SVC*HC:1*10*10", "CLP*A2*1*2580*2580", "SVC*HC:2*2580*2580")
    practice, outcome = ingest(tmp_path, whole[: whole.index(b"SVC*HC:2") + 14])
    assert outcome.files[0]["status"] == "partly"
    assert "ends inside this claim payment" in outcome.files[0]["reason"]
    assert rows(practice, "remittances", "claim_number") == [("A1",)]


def test_a_bad_amount_costs_the_value_and_nothing_else(tmp_path):
    practice, outcome = ingest(tmp_path, remittance("CLP*A1*1*10*1O", "SVC*HC:1*10*10", "CLP*A2*1*5*5"))
    assert rows(practice, "remittances", "claim_number, paid") == [("A1", None), ("A2", D(5))]
    assert [(r["level"], r["reason"]) for r in outcome.rejects] == [("value", "CLP04 is not an amount")]
    assert "1O" not in str(outcome.rejects)


def test_wrong_counts_are_noted_and_nothing_is_lost(tmp_path):
    practice, outcome = ingest(tmp_path, remittance("CLP*A1*1*10*10").replace(b"SE*9", b"SE*11"))
    assert outcome.files[0]["status"] == "accepted"
    assert "SE01" in outcome.files[0]["reason"]
    assert len(rows(practice, "remittances")) == 1


def test_a_transaction_is_the_same_whatever_stands_between_its_segments(tmp_path):
    data = remittance("CLP*A1*1*10*10")
    _, outcome = ingest(tmp_path, data, data.replace(b"~", b"~\r\n").replace(b"ST*", b"  ST*").replace(b"SE*", b" SE*"))
    assert outcome.files[0]["content"]
    assert outcome.files[0]["content"] == outcome.files[1]["content"]


@pytest.mark.parametrize("count", [":4", "²", "", "x", "-9", "9" * 30])
def test_a_count_that_is_no_number_is_noted(tmp_path, count):
    _, outcome = ingest(tmp_path, remittance("CLP*A1*1*10*10").replace(b"SE*9*", f"SE*{count}*".encode()))
    assert "SE01" in outcome.files[0]["reason"]


def test_a_separator_that_isa16_does_not_name_is_taken_and_said(tmp_path):
    data = remittance("CLP*A1*1*9.9*9.9", "SVC*HC:99213:25*9.9*9.9").replace(b"*P*:~", b"*P*9~")
    practice, outcome = ingest(tmp_path, data)
    assert rows(practice, "remittance_lines", "procedure, modifiers, charge") == [("99213", "25", D("9.9"))]
    assert "ISA16" in outcome.files[0]["reason"]


def test_an_837_claim_becomes_a_row_without_the_person(tmp_path):
    practice, _ = ingest(
        tmp_path, claim_837("A1", "REF*6R*L1", frequency="7").replace(b"HI*ABK", b"REF*F8*X9~REF*G1*PA5~HI*ABK")
    )
    got = rows(practice, "submissions", "kind, claim_number, charge, place_of_service, frequency, original_reference, prior_authorization, "
               "payer_order, payer_name, billing_npi, rendering_npi, location, age, sex, diagnoses, service_date, known_on")  # fmt: skip
    assert got == [("837P", "A1", D(250), "11", "7", "X9", "PA5", "P", "ACME HEALTH", "1522003506", "1522003506", "MAIN STREET", 76, "F",
                    "E119 I10", date(2026, 1, 5), date(2026, 1, 10))]  # fmt: skip
    assert rows(practice, "submission_lines", "procedure, modifiers, charge, units, diagnosis_pointers, line_control") == [
        ("99213", "25", D(250), D(1), "1 2", "L1")]  # fmt: skip


def test_an_837_tells_who_referred_ordered_and_supervised_and_what_they_are(tmp_path):
    persons = (
        "NM1*DN*1*QUILL*ANN****XX*1033003502",
        "NM1*DQ*1*QUILL*BO****24*123456789",
        "NM1*82*1*DOC*D****XX*1234567893",
        "PRV*PE*PXC*207R00000X",
    )
    line = (
        "LIN**N4*00409612301",
        "NM1*DK*1*QUILL*ANN****XX*1851328803",
        "NM1*DQ*1*QUILL*CY****XX*1013956703",
        "NM1*82*1*DOC*E****XX*1013956711",
    )
    data = claim_837("A1", *line).replace(b"NM1*77", "~".join((*persons, "NM1*77")).encode())
    practice, _ = ingest(tmp_path, data.replace(b"NM1*85", b"PRV*BI*PXC*261QM1300X~NM1*85"), claim_837("A2"))
    got = rows(
        practice,
        "submissions",
        "claim_number, rendering_npi, referring_npi, supervising_npi, attending_npi, billing_taxonomy, rendering_taxonomy",
    )
    assert sorted(got) == [("A1", "1234567893", "1033003502", None, None, "261QM1300X", "207R00000X"),
                           ("A2", "1522003506", None, None, None, None, None)]  # fmt: skip
    got = rows(practice, "submission_lines", "rendering_npi, ordering_npi, referring_npi, supervising_npi, drug_code")
    assert sorted(got, key=str) == [("1013956711", "1851328803", None, "1013956703", "00409612301"), (None,) * 5]


def test_a_billing_taxonomy_is_of_its_own_level(tmp_path):
    second = b"HL*1**20*1~PRV*BI*PXC*261QM1300X~NM1*85*2*OTHER*****XX*1033003502~HL*1**20*1~NM1*85"
    practice, _ = ingest(tmp_path, claim_837("A1").replace(b"HL*1**20*1~NM1*85", second))
    assert rows(practice, "submissions", "billing_npi, billing_taxonomy") == [("1522003506", None)]


def test_another_payers_references_are_not_the_claims_own(tmp_path):
    more = ("SBR*S*18*******CI", "NM1*PR*2*OTHER*****PI*2", "REF*F8*OTHERS")
    data = claim_837("A1").replace(b"LX*1~", ("~".join(more) + "~LX*1~").encode())
    practice, _ = ingest(tmp_path, data)
    assert rows(practice, "submissions", "original_reference, payer_name, payer_order") == [(None, "ACME HEALTH", "P")]


def test_diagnoses_come_in_order_from_every_segment_and_no_other_codes(tmp_path):
    more = b"HI*BR:0DB60ZZ~HI*ABJ:R10*ABF:E119*APR:R11*ABN:Y92~HI*ABF:I10~"
    practice, _ = ingest(tmp_path, claim_837("A1").replace(b"HI*ABK:E119*ABF:I10~", b"HI*ABK:K219~" + more), claim_837("A2"),
                         claim_837("A3").replace(b"HI*ABK:E119*ABF:I10~", b"").replace(b"*1***1:2", b"*1"))  # fmt: skip
    connection = practice.connect()
    got = connection.execute("SELECT claim_number, diagnoses FROM submissions ORDER BY 1").fetchall()
    assert got == [("A1", "K219 E119 I10"), ("A2", "E119 I10"), ("A3", None)]
    pointers = connection.execute(
        "SELECT diagnosis_pointers FROM submission_lines JOIN submissions USING (submission_id) ORDER BY claim_number"
    )
    assert pointers.fetchall() == [("1 2",), ("1 2",), (None,)]


def test_a_billing_person_is_no_location(tmp_path):
    data = (
        claim_837("A1")
        .replace(b"NM1*85*2*CLINIC", b"NM1*85*1*QUILLFEATHER")
        .replace(b"NM1*77*2*MAIN STREET*****XX*1033003502~", b"")
    )
    practice, _ = ingest(tmp_path, data)
    assert rows(practice, "submissions", "location") == [(None,)]


def test_the_same_member_has_one_pseudonym_in_claim_and_remittance(tmp_path):
    practice, _ = ingest(tmp_path, claim_837("A1"), remittance(*CLAIM))
    keys = {rows(practice, table, "patient_key")[0][0] for table in ("submissions", "remittances")}
    assert len(keys) == 1
    assert len(keys.pop()) == 16


ACKNOWLEDGED = [
    "BHT*0085*08*K*20260112*0630*TH", "HL*1**20*1", "NM1*PR*2*ACME*****PI*7", "TRN*1*PAYERS",
    "HL*2*1*21*1", "NM1*41*2*C*****46*S", "TRN*2*B1", "STC*A1:19:PR*20260112*WQ*500", "STC*A3:21*20260113*U*250******A6:33:85*A7:511",
    "QTY*90*1", "QTY*AA*2", "AMT*YU*250", "AMT*YY*250.5",
    "HL*3*2*19*1", "NM1*85*2*C*****XX*1522003506", "TRN*1*0", "STC*A8:562:85**U*250", "QTY*QC*1", "AMT*YY*250",
    "HL*4*3*PT", "NM1*QC*1*QUILLFEATHER*ANN****MI*M1", "TRN*2*A1", "STC*A7:562:85*20260112*U*250", "STC*A7:33*20260112*U*250", "DTP*472*D8*20260105",
    "SVC*HC:99213*250", "STC*A7:454*20260112*U*250",
    "HL*5*3*PT", "TRN*2*A2", "STC*A2:20*20260112*WQ*250", "REF*1K*X9"]  # fmt: skip


def test_every_status_of_a_claim_is_a_row(tmp_path):
    practice, _ = ingest(tmp_path, envelope("HN", "277", "005010X214", ACKNOWLEDGED))
    assert rows(practice, "acknowledgments", "claim_number, source, category, status_code, entity, rejected, charge, payer_claim_number, service_date") == [
        ("A1", "payer", "A7", "562", "85", True, D(250), None, date(2026, 1, 5)),
        ("A1", "payer", "A7", "33", None, True, D(250), None, date(2026, 1, 5)),
        ("A2", "payer", "A2", "20", None, False, D(250), "X9", None)]  # fmt: skip


def test_a_rejected_file_or_provider_is_a_row_that_leads_to_the_837(tmp_path):
    practice, _ = ingest(tmp_path, envelope("HN", "277", "005010X214", ACKNOWLEDGED), claim_837("A1"))
    got = rows(practice, "batch_acknowledgments", "level, batch_number, provider_npi, category, further_statuses, rejected, charge, "
               "accepted_claims, rejected_claims, accepted_amount, rejected_amount, known_on")  # fmt: skip
    assert got == [
        ("file", "B1", None, "A1", None, False, D(500), 1, 2, D(250), D("250.5"), date(2026, 1, 12)),
        ("file", "B1", None, "A3", "A6:33:85 A7:511", True, D(250), 1, 2, D(250), D("250.5"), date(2026, 1, 13)),
        ("provider", "B1", "1522003506", "A8", None, True, D(250), None, 1, None, D(250), date(2026, 3, 5))]  # fmt: skip
    assert rows(practice, "submissions", "claim_number, batch_number") == [("A1", "B1")]


def test_a_status_that_names_no_claim_is_noted(tmp_path):
    body = [segment for segment in ACKNOWLEDGED if segment != "TRN*2*A2"]
    practice, outcome = ingest(tmp_path, envelope("HN", "277", "005010X214", body))
    assert len(rows(practice, "acknowledgments")) == 2
    assert [(r["level"], r["place"]) for r in outcome.rejects] == [("claim", "segment 32 (STC)")]


def test_the_sender_of_an_earlier_acknowledgment_is_not_this_ones(tmp_path):
    first = envelope("HN", "277", "005010X214", ACKNOWLEDGED).split(b"GE*")[0]
    nameless = [segment for segment in ACKNOWLEDGED if not segment.startswith("NM1*PR")]
    second = envelope("HN", "277", "005010X214", nameless).split(b"~ST*")[1]
    practice, _ = ingest(tmp_path, first + b"ST*" + second)
    assert (
        rows(practice, "acknowledgments", "source, source_name")
        == [("payer", "ACME")] * 3 + [("clearinghouse", None)] * 3
    )


@pytest.mark.parametrize(("version", "kind"), [("004040X167", "277CA"), ("", "277CA"), ("005010X212", "277")])
def test_an_acknowledgment_is_told_from_an_answer(tmp_path, version, kind):
    _, outcome = ingest(tmp_path, envelope("HN", "277", version, ACKNOWLEDGED))
    assert outcome.files[0]["kind"] == kind


@given(
    st.lists(st.tuples(st.integers(0, 99999), st.lists(st.integers(-9999, 99999), max_size=12)), min_size=1, max_size=6)
)
def test_adjustment_sums_agree_with_a_line_by_line_reader(tmp_path_factory, claims):
    segments, want = [], []
    for i, (charge, amounts) in enumerate(claims):
        segments.append(f"CLP*C{i}*1*{charge}*0")
        for at in range(0, len(amounts), 6):
            segments.append("CAS*CO*" + "**".join(f"45*{a / 100:.2f}" for a in amounts[at : at + 6]))
        want.append((f"C{i}", D(sum(amounts)) / 100))
    practice, _ = ingest(tmp_path_factory.mktemp("p"), remittance(*segments))
    assert rows(practice, "remittances", "claim_number, adjusted") == want


def test_the_public_samples_agree_with_their_index(shared, tmp_path):
    text = (shared / "corpus/INDEX.tsv").read_text("utf-8")
    index = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    chosen = [row for row in index if row["file"].startswith(("835/", "837/"))]
    practice = Practice(tmp_path, "corpus")
    outcome = intake_ingest.ingest(practice, [shared / "corpus" / row["file"] for row in chosen])
    by_name = {file["name"]: file for file in outcome.files if file["status"] != "known"}
    checked = 0
    for row in chosen:
        file = by_name.get(row["file"].split("/")[1])
        if file is None:
            continue  # the same bytes stand under two names
        if row["file"].startswith("835/"):
            want = [int(row["remit_claims"]), int(row["remit_lines"]), int(row["adjustments"]), D(row["paid_usd"])]
            got = [file["claims"], file["lines"], file["adjustments"], file["paid"]]
        else:
            want = [int(row["claims"]), int(row["claim_lines"]), D(row["charge_usd"])]
            got = [file["claims"], file["lines"], file["charge"]]
        assert got == want, row["file"]
        assert file["status"] != "rejected" or (file["reason"] and not file["claims"]), row["file"]
        checked += 1
    assert checked > 120


def test_every_status_of_the_public_acknowledgments_is_a_row(shared, tmp_path):
    text = (shared / "corpus/INDEX.tsv").read_text("utf-8")
    index = {r["file"]: int(r["acknowledged"]) for r in csv.DictReader(text.splitlines(), delimiter="\t")}
    practice = Practice(tmp_path, "corpus")
    outcome = intake_ingest.ingest(practice, [shared / "corpus/277ca"])
    names = {file_id: Path(given[0]).name for file_id, given in outcome.given.items()}
    counted = dict.fromkeys(names.values(), 0)
    for table in ("acknowledgments", "batch_acknowledgments"):
        for (file_id,) in rows(practice, table, "file_id"):
            counted[names[file_id]] += 1
    assert counted == {name: index[f"277ca/{name}"] for name in counted}
    assert sum(counted.values()) == 10


@pytest.mark.parametrize("folder", ["malformed", "other", "277ca"])
def test_nothing_public_raises_and_every_rejection_has_a_reason(shared, tmp_path, folder):
    outcome = intake_ingest.ingest(Practice(tmp_path, "corpus"), [shared / "corpus" / folder])
    assert outcome.files
    assert all(file["reason"] for file in outcome.files if file["status"] in ("rejected", "partly"))
