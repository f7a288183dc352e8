"""Files that are read but for one thing: each is understood whole, or said what of it is not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import pytest
from conftest import claim_837, envelope, remittance

from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.store.practice import Practice

DENIED = ("SVC*HC:70553*300*0**1", "DTM*472*20260111", "CAS*CO*197*300")
PAID = ("SVC*HC:99213*100*80**1", "DTM*472*20260111", "CAS*CO*45*20")


def taken(tmp_path, *files: bytes) -> tuple[object, list[dict]]:
    """The practice as of mid 2026, and what was remarked on its files."""
    inbox = tmp_path / "inbox"
    inbox.mkdir(exist_ok=True)
    for i, data in enumerate(files):
        (inbox / f"{i}.x12").write_bytes(data)
    outcome = ingest.ingest(Practice(tmp_path / "store", "clinic"), [inbox])
    return derive.open_practice(tmp_path / "store", "clinic", as_of=date(2026, 6, 30)), outcome.rejects


def rows(con, sql: str) -> list[tuple]:
    return con.execute(sql).fetchall()


def reasons(remarks: list[dict], level: str = "warning") -> str:
    return "; ".join(remark["reason"] for remark in remarks if remark["level"] == level)


@pytest.mark.parametrize("number", ["0", "", "000"])
def test_claim_payments_without_a_number_stay_apart(tmp_path, number):
    con, remarks = taken(
        tmp_path, remittance(f"CLP*{number}*1*100*80**12*A77*11", *PAID, f"CLP*{number}*1*300*0**12*A78*11", *DENIED)
    )
    assert rows(con, "SELECT charge, paid, initially_denied FROM claims ORDER BY charge") == [
        (D(100), D(80), False), (D(300), D(0), True)]  # fmt: skip
    assert "CLP01 gives no claim number; kept as a claim of its own: 300.00 charged, 0.00 paid" in reasons(remarks)


@pytest.mark.parametrize("number", ["RC2026000001234567", "0", ""])
def test_a_remittance_whose_number_was_never_sent_finds_its_claim(tmp_path, number):
    lines = ("NM1*QC*1*Q*A****MI*MEM777123", "SVC*HC:99213*250*0**1", "DTM*472*20260105", "REF*6R*K1", "CAS*CO*197*250")
    sent = claim_837("RC20260000012345678", "REF*6R*K1")
    con, _ = taken(tmp_path, sent, remittance(f"CLP*{number}*1*250*0**12*X9*11", *lines))
    assert rows(con, "SELECT claim_number, category, link_rule FROM claims") == [
        ("RC20260000012345678", "authorization", "same_lines")
    ]


@pytest.mark.parametrize("status", ["", "7", "31"])
def test_a_status_that_is_none_hides_neither_payment_nor_denial(tmp_path, status):
    con, remarks = taken(
        tmp_path, remittance(f"CLP*A2*{status}*100*80**12*A77*11", *PAID, f"CLP*A3*{status}*300*0**12*A78*11", *DENIED)
    )
    assert rows(con, "SELECT claim_number, paid, initially_denied, payer_name FROM claims ORDER BY 1") == [
        ("A2", D(80), False, "ACME HEALTH"), ("A3", D(0), True, "ACME HEALTH")]  # fmt: skip
    assert "CLP02 (claim status)" in reasons(remarks)


@pytest.mark.parametrize(("old", "new"), [
    (b"TRN*1*CHECK1*", b"TRN*1*000CHECK1*"), (b"TRN*1*CHECK1*", b"TRN*1*CH-ECK1*"), (b"*XV*77001", b""), (b"TRN*1*CHECK1*", b"TRN*1*ROUTE9*"),
])  # fmt: skip
def test_a_remittance_by_two_routes_counts_once(tmp_path, old, new):
    data = remittance("CLP*A1*1*100*80**12*X9*11", *PAID)
    con, remarks = taken(tmp_path, data, data.replace(old, new).replace(b"000000001", b"000000077"))
    assert rows(con, "SELECT paid, open_balance FROM claims") == [(D(80), D(0))]
    assert "the same claim payments as 0.x12" in reasons(remarks, "notice")


def test_a_second_payment_of_a_claim_is_no_copy(tmp_path):
    first = remittance("CLP*A1*1*100*80**12*X9*11", *PAID)
    back = (
        remittance("CLP*A1*22*-100*-80**12*X9*11", "CAS*CO*45*-20")
        .replace(b"20260305", b"20260405")
        .replace(b"CHECK1", b"CHECK2")
    )
    again = first.replace(b"20260305", b"20260405").replace(b"CHECK1", b"CHECK2")
    con, _ = taken(tmp_path, first, back, again)
    assert rows(con, "SELECT paid FROM claims") == [(D(80),)]
    assert rows(con, "SELECT count(*) FROM decisions") == [(3,)]


RAS = [("RAS*300*CO:197*1", None), ("RAS*300*CO*197", None), ("RAS*300*CO*197:HE:N54*1", "N54")]


@pytest.mark.parametrize(("segment", "rarc"), RAS)
def test_reasons_of_later_releases_are_read(tmp_path, segment, rarc):
    data = remittance("CLP*A1*1*300*0**12*X9*11", *DENIED[:2], segment).replace(b"005010X221A1", b"008020X322")
    con, remarks = taken(tmp_path, data)
    assert rows(con, "SELECT carc, denied_amount, rarc FROM denials") == [("197", D(300), rarc)]
    assert "GS08" not in str(remarks)


def test_a_later_release_that_does_not_add_up_is_refused(tmp_path):
    data = remittance("CLP*A1*1*300*0**12*X9*11", *DENIED[:2], "RAZ*300*CO*197").replace(b"005010X221A1", b"008020X322")
    good = remittance("CLP*A2*1*100*80**12*X8*11", *PAID)
    con, remarks = taken(tmp_path, data, good)
    assert rows(con, "SELECT claim_number FROM claims") == [("A2",)]
    assert "release 008020X322 is not read here" in reasons(remarks, "transaction")


TWICE = [
    ("CLP*A1*1*300*0**12*X9*11", "CAS*CO*197*300", *DENIED),
    ("CLP*A1*1*300*0**12*X9*11", "CAS*CO*A1*300", *DENIED),  # under another reason
    ("CLP*A1*1*300*0**12*X9*11", "CAS*CO*197*300", "SVC*HC:1*100*0**1", "CAS*CO*197*100", "SVC*HC:2*200*0**1", "CAS*CO*197*200"),
    ("CLP*A1*1*300*0**12*X9*11", *DENIED, "CAS*CO*197*300"),  # twice in one line
]  # fmt: skip


@pytest.mark.parametrize("segments", TWICE)
def test_adjustments_told_twice_count_once(tmp_path, segments):
    con, remarks = taken(tmp_path, remittance(*segments))
    assert rows(con, "SELECT sum(denied_amount) FROM denials WHERE carc = '197'") == [(D(300),)]
    assert rows(con, "SELECT adjusted FROM remittances") == [(D(300),)]
    assert "the copy of 300.00 was left out" in reasons(remarks)


def test_adjustments_at_both_levels_that_add_up_all_count(tmp_path):
    segments = ("CLP*A1*1*300*80**12*X9*11", "CAS*CO*45*20", "SVC*HC:1*280*80**1", "CAS*CO*197*100", "CAS*CO*45*100")
    con, remarks = taken(tmp_path, remittance(*segments))
    assert (rows(con, "SELECT adjusted FROM remittances"), remarks) == ([(D(220),)], [])


def test_what_does_not_balance_is_named_with_its_dollars(tmp_path):
    con, remarks = taken(tmp_path, remittance("CLP*A1*1*300*80**12*X9*11", *PAID, paid="500"))
    said = reasons(remarks)
    assert "300.00 charged less adjustments of 20.00 is not the payment of 80.00" in said
    assert "payments of 80.00 less provider adjustments of 0.00 are not the check of 500.00 (BPR02)" in said
    assert rows(con, "SELECT paid FROM claims") == [(D(80),)]


@pytest.mark.parametrize("cut", [b"*P*~", b"*P~"])
def test_a_header_without_its_sixteenth_element_is_read_and_said(tmp_path, cut):
    data = remittance("CLP*A1*1*300*0**12*X9*11", *DENIED).replace(b"*P*:~", cut)
    con, remarks = taken(tmp_path, data)
    assert rows(con, "SELECT carc, procedure FROM denials") == [("197", "70553")]
    assert "ISA16" in reasons(remarks, "notice")


def test_doubled_terminators_are_no_segments(tmp_path):
    _, remarks = taken(tmp_path, claim_837().replace(b"~", b"~~\n"))
    assert remarks == []


@pytest.mark.parametrize("payer", [
    ("LX*2", "N1*PR*SOUTHSTAR*XV*NS002", "CLP*A2*1*300*0**12*X8*11", *DENIED),
    ("CLP*A2*1*300*0**12*X8*11", "N1*PR*SOUTHSTAR*XV*NS002", *DENIED),
    ("N1*PR*SOUTHSTAR*XV*NS002", "CLP*A2*1*300*0**12*X8*11", *DENIED),
])  # fmt: skip
def test_a_payer_named_again_is_that_of_its_claims(tmp_path, payer):
    con, remarks = taken(
        tmp_path, remittance("CLP*A1*1*100*80**12*X9*11", *PAID, *payer, "LX*3", "CLP*A3*1*100*80**12*X7*11", *PAID)
    )
    assert rows(con, "SELECT claim_number, payer_name, payer_id FROM claims ORDER BY 1") == [
        ("A1", "ACME HEALTH", "77001"), ("A2", "SOUTHSTAR", "NS002"), ("A3", "ACME HEALTH", "77001")]  # fmt: skip
    assert "the payer is named again" in reasons(remarks, "notice")


def test_a_dental_claim_has_its_day_at_the_claim(tmp_path):
    data = (
        claim_837()
        .replace(b"005010X222A1", b"005010X224A2")
        .replace(b"SV1*HC:99213:25*250*UN*1***1:2~DTP*472*D8*20260105", b"SV3*AD:D1110*250****1")
    )
    con, _ = taken(tmp_path, data.replace(b"HI*ABK", b"DTP*472*D8*20260105~HI*ABK").replace(b"SE*18*", b"SE*19*"))
    assert rows(con, "SELECT service_date, service_date_last FROM submissions") == [
        (date(2026, 1, 5), date(2026, 1, 5))
    ]
    assert rows(con, "SELECT service_date FROM submission_lines") == [(date(2026, 1, 5),)]


def test_a_range_of_days_has_its_end(tmp_path):
    con, _ = taken(tmp_path, claim_837().replace(b"DTP*472*D8*20260105", b"DTP*472*RD8*20260105-20260109"))
    ends = [(date(2026, 1, 5), date(2026, 1, 9))]
    assert rows(con, "SELECT service_date, service_date_last FROM submission_lines") == ends
    assert rows(con, "SELECT service_date, service_date_last FROM submissions") == ends


def acknowledged(*level: str, claim: str = "", known: str = "20260203") -> bytes:
    body = [f"BHT*0085*08*ACK1*{known}*0930*TH", "HL*1**20*1", "NM1*PR*2*ACME HEALTH*****PI*77001", "TRN*1*X1", "HL*2*1*21*1",
            "NM1*41*2*CLINIC*****46*RC", "TRN*2*B1", *level]  # fmt: skip
    if claim:
        body += [
            "HL*3*2*19*1",
            "NM1*85*2*CLINIC*****XX*1522003506",
            "HL*4*3*PT",
            "NM1*QC*1*X*Y",
            f"TRN*2*{claim}",
            f"STC*A3:21*{known}*U*250",
        ]
    return envelope("HN", "277", "005010X214", body)


FILE = "STC*A3:21*20260203*U*250"
REACH = [
    ((FILE, "QTY*AA*1", "AMT*YY*250"), "C1", {"C1": True, "C2": False, "C3": False}),
    ((FILE, "QTY*AA*3", "AMT*YY*750"), "C1", {"C1": True, "C2": True, "C3": True}),
    ((FILE, "AMT*YY*250"), "C1", {"C1": True, "C2": False, "C3": False}),
    (("STC*A3:21*20260203*U*750",), "", {"C1": True, "C2": True, "C3": True}),
    (("STC*A3:21*20260203*U",), "", {"C1": True, "C2": True, "C3": True}),
    ((FILE, "QTY*AA*1"), "", {"C1": False, "C2": False, "C3": False}),  # one of three, nobody says which
]  # fmt: skip


@pytest.mark.parametrize(("level", "named", "rejected"), REACH)
def test_a_rejection_of_a_file_reaches_the_claims_that_it_counts(tmp_path, level, named, rejected):
    sent = [claim_837(number, on="20260202") for number in rejected]
    con, _ = taken(tmp_path, *sent, acknowledged(*level, claim=named))
    assert dict(rows(con, "SELECT claim_number, rejected FROM claims")) == rejected


def refusal(*body: str, code: str = "999") -> bytes:
    return envelope("FA", code, "005010X231A1", ["AK1*HC*1*005010X222A1", *body]).replace(b"260305", b"260203")


REFUSALS = [
    (refusal("AK2*837*0001*005010X222A1", "IK3*CLM*18*2300*8", "IK5*R*5", "AK9*R*1*1*0"), "refused your transaction 0001"),
    (refusal("AK2*837*0001", "AK5*R*5", "AK9*R*1*1*0", code="997"), "refused your transaction 0001"),
    (refusal("AK9*R*1*1*0"), "refused your functional group 1"),
    (b"ISA*00*          *00*          *ZZ*R              *ZZ*S              *260203*0630*^*00501*000000009*0*P*:~"
     b"TA1*000000001*260305*0630*R*022~IEA*0*000000009~", "refused your interchange 000000001"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "words"), REFUSALS)
def test_a_refused_batch_is_said_and_its_claims_stand_as_rejected(tmp_path, answer, words):
    con, remarks = taken(tmp_path, claim_837("N1", on="20260202"), answer)
    assert words in reasons(remarks)
    assert rows(con, "SELECT state, rejected FROM claims") == [("rejected", True)]


def two_transactions() -> bytes:
    first, second = claim_837("N1", on="20260202"), claim_837("N2", on="20260202")
    more = second[second.index(b"ST*") : second.index(b"GE*")].replace(b"*0001", b"*0002")
    return first.replace(b"GE*1*1", more + b"GE*2*1")


@pytest.mark.parametrize(
    ("verdict", "rejected"), [("AK9*P*2*2*1", {"N1": False, "N2": True}), ("AK9*R*2*2*0", {"N1": True, "N2": True})]
)
def test_a_group_that_is_refused_takes_along_what_it_does_not_name(tmp_path, verdict, rejected):
    con, _ = taken(tmp_path, two_transactions(), refusal("AK2*837*0002*005010X222A1", "IK5*R*5", verdict))
    assert dict(rows(con, "SELECT claim_number, rejected FROM claims")) == rejected


def test_an_accepted_batch_is_nothing_to_do(tmp_path):
    answer = refusal("AK2*837*0001*005010X222A1", "IK5*A", "AK9*A*1*1*1")
    con, remarks = taken(tmp_path, claim_837("N1", on="20260202"), answer)
    assert remarks == []
    assert rows(con, "SELECT state FROM claims") == [("submitted",)]
    assert rows(con, "SELECT reason FROM files WHERE kind = '999'") == [
        ("holds no claims: implementation acknowledgment (999); nothing to do",)
    ]


def test_a_refusal_reaches_only_the_batch_sent_before_it(tmp_path):
    """Many systems give every file the same control numbers."""
    earlier, later = claim_837("N0", on="20260115"), claim_837("N2", on="20260210")
    con, _ = taken(tmp_path, earlier, claim_837("N1", on="20260202"), later, REFUSALS[0][0])
    assert dict(rows(con, "SELECT claim_number, rejected FROM claims")) == {"N0": False, "N1": True, "N2": False}


@pytest.mark.parametrize(
    "title",
    [b"MEDICARE REMITTANCE ADVICE\n", b"<html>Explanation of Benefits\n", b"BILLED   ALLOWED   DEDUCT  COINS\n"],
)
def test_a_printed_remittance_gets_the_advice_to_ask_for_the_835(tmp_path, title):
    text = (
        title
        + b"RIVER CLINIC      NPI 1234567893  PAGE 1\nPERF PROV  SERV DATE  POS  PROC  BILLED\n1234567893 0115 11 99213 120.00 0.00\n"
    )
    inbox = tmp_path / "eob.txt"
    inbox.write_bytes(text)
    (file,) = ingest.ingest(Practice(tmp_path / "store", "clinic"), [inbox]).files
    assert "a printed remittance" in file["reason"]
    assert "835" in file["reason"]
