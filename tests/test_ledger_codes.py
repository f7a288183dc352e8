"""What codes without words mean, told from small practices in which one thing speaks."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from conftest import AS_OF, claim_837, remittance
from test_claims import acknowledged

from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.store.practice import Practice

HEAD = "Claim ID,Patient Name,Visit Date,Txn Date,Txn Type,Adj Code,Payer,Amount"
CLAIMS = 8
FEBRUARY = date(2026, 2, 5)


def row(number: str, on: date, kind: str, amount: str, code: str = "", payer: str = "ACME PPO") -> str:
    return f'{number},"MOSS, BO",2026-01-05,{on},{kind},{code},{payer},{amount}'


def answer(number: str, on: date, paid: str, *segments: str) -> bytes:
    data = remittance(f"CLP*{number}*1*250*{paid}**CI*X{number}", f"SVC*HC:99213*250*{paid}", *segments)
    return data.replace(b"20260305", f"{on:%Y%m%d}".encode()).replace(b"CHECK1", f"C{on:%Y%m%d}{number}".encode())


def told(tmp_path, code: str, claim, claims: int = CLAIMS) -> tuple[str, float, str]:
    """Leaf, confidence and evidence of the code; `claim` gives a claim's files and its rows of the ledger."""
    rows = [HEAD]
    for i in range(claims):
        files, posted = claim(f"A{i}")
        for j, data in enumerate(files):
            (tmp_path / f"{i}-{j}.txt").write_bytes(data)
        rows += [row(f"A{i}", date(2026, 1, 6), "Charge", "250.00"), *posted]
    (tmp_path / "ledger.csv").write_text("\n".join([*rows, ""]))
    outcome = ingest.ingest(Practice(tmp_path / "s", "clinic"), [tmp_path])
    assert {file["status"] for file in outcome.files} == {"accepted"}
    view = derive.open_practice(tmp_path / "s", "clinic", as_of=AS_OF)
    return view.execute(f"SELECT leaf, confidence, evidence FROM ledger_codes WHERE code = '{code}'").fetchall()[0]


def test_what_the_patient_was_left_with_is_the_patients_whoever_the_row_names(tmp_path):
    def claim(number):
        files = [claim_837(number), answer(number, FEBRUARY, "100", "CAS*CO*45*110", "CAS*PR*2*40")]
        posted = [row(number, FEBRUARY, "Insurance Payment", "-100.00"), row(number, FEBRUARY, "Adjustment", "-110.00", "Q1"),
                  row(number, FEBRUARY + timedelta(200), "Write-Off", "-40.00", "Q2")]  # fmt: skip
        return files, posted

    leaf, confidence, _ = told(tmp_path, "Q2", claim)
    assert leaf == "bad_debt" and confidence > 0.9


def test_an_answer_of_duplicate_hides_no_earlier_reason(tmp_path):
    def claim(number):
        files = [claim_837(number), answer(number, FEBRUARY, "0", "CAS*CO*197*250"),
                 answer(number, FEBRUARY + timedelta(40), "0", "CAS*OA*18*250")]  # fmt: skip
        return files, [row(number, FEBRUARY + timedelta(90), "Write-Off", "-250.00", "Q2")]

    leaf, confidence, _ = told(tmp_path, "Q2", claim)
    assert leaf == "authorization" and confidence > 0.9


def test_a_discount_beside_the_only_payment_of_a_claim_that_no_payer_saw_is_a_courtesy(tmp_path):
    def claim(number):
        files = [claim_837(f"B{number}"), answer(f"B{number}", FEBRUARY, "250")]
        on = date(2026, 1, 20)
        return files, [
            row(number, on, "Write-Off", "-75.00", "Q2", "PATIENT"),
            row(number, on, "Patient Payment", "-175.00", payer="PATIENT"),
        ]

    leaf, confidence, _ = told(tmp_path, "Q2", claim)
    assert leaf == "courtesy" and confidence > 0.9


def refused(*segments: str):
    """A claim that was refused with these adjustments and given up under the code Q2."""

    def claim(number):
        files = [claim_837(number), answer(number, FEBRUARY, "0", *segments)]
        return files, [row(number, FEBRUARY + timedelta(90), "Write-Off", "-250.00", "Q2")]

    return claim


@pytest.mark.parametrize("claims, sure", [(1, False), (2, False), (8, True), (20, True)])
def test_few_postings_of_a_code_are_never_sure(tmp_path, claims, sure):
    leaf, confidence, _ = told(tmp_path, "Q2", refused("CAS*CO*197*250"), claims)
    assert leaf == "authorization" and (confidence >= 0.9) == sure


def test_a_refusal_for_the_claims_data_alone_may_have_a_narrower_name(tmp_path):
    leaf, confidence, _ = told(tmp_path, "Q2", refused("CAS*CO*16*250", "LQ*HE*N150"))
    assert leaf == "claim_data" and 0.5 < confidence < 0.9


def test_a_code_that_stands_for_two_things_is_not_sure(tmp_path):
    def claim(number):
        even = int(number[1:]) % 2 == 0
        return refused("CAS*CO*197*250" if even else "CAS*CO*29*250")(number)

    _, confidence, _ = told(tmp_path, "Q2", claim)
    assert confidence < 0.9


def test_what_the_practice_confirmed_is_sure(tmp_path):
    told(tmp_path, "Q2", refused("CAS*CO*197*250"), 2)
    (tmp_path / "s/clinic/ledger_codes.csv").write_text("code,leaf\nQ2,registration\n")
    view = derive.open_practice(tmp_path / "s", "clinic", as_of=AS_OF)
    assert view.execute("SELECT leaf, confidence, evidence FROM ledger_codes WHERE code = 'Q2'").fetchall() == [
        ("registration", 1.0, "confirmed")
    ]


CUT_WITHOUT_ANSWER = [("-110.00", "contractual", "necessary"), ("-250.00", "lost_at_payer", "unnecessary")]


@pytest.mark.parametrize("amount, leaf, root", CUT_WITHOUT_ANSWER)
def test_a_cut_whose_remittance_is_missing_is_no_loss_unless_it_takes_all(tmp_path, amount, leaf, root):
    def claim(number):
        files = [claim_837(number), acknowledged((number, "A2:20"))]
        if number == "A7":
            return files, [row(number, FEBRUARY + timedelta(90), "Adjustment", amount, "Q1")]
        posted = [
            row(number, FEBRUARY, "Insurance Payment", "-140.00"),
            row(number, FEBRUARY, "Adjustment", "-110.00", "Q1"),
        ]
        return [*files, answer(number, FEBRUARY, "140", "CAS*CO*45*110")], posted

    told(tmp_path, "Q1", claim)
    view = derive.open_practice(tmp_path / "s", "clinic", as_of=AS_OF)
    found = view.execute("SELECT leaf, root FROM write_offs WHERE claim_number = 'A7'").fetchall()
    assert found == [(leaf, root)]
