"""What answers mean: rows of situations, the most specific one first, and what they make of a denied line."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import pandas as pd
import pytest
from conftest import ROOT, remittance
from test_claims import derived, line, paid_837

from rcm_analysis.claims import explain, situations
from rcm_analysis.reference import codes


def meant(own=None, **told) -> dict:
    key = {name: told.get(name, "") for name in situations.KEYS}
    return situations.resolved(pd.DataFrame([key]), own).iloc[0].to_dict()


MEANT = [
    # a Medicare contractor's 24 is another plan's patient; a plan that pays per member is paid already
    ({"payer_class": "medicare", "group_code": "CO", "carc": "24"}, {"refuses": "yes", "category": "coordination_of_benefits", "route": "bill_other_payer"}),
    ({"payer_class": "commercial", "group_code": "CO", "carc": "24", "facts": "capitated"}, {"refuses": "no", "leaf": "capitation"}),
    # the same remark belongs to the crew on a trip and to the desk in an office
    ({"carc": "16", "rarcs": "MA75", "families": "ambulance ambulance_emergency"}, {"owner": "crew", "leaf": "ems_signature"}),
    ({"carc": "16", "rarcs": "MA75", "families": "visit"}, {"owner": "front desk", "category": "documentation"}),
    # units are the coder's, whatever the reason beside them
    ({"carc": "151", "rarcs": "N362"}, {"category": "coding", "owner": "coder"}),
    ({"carc": "96", "rarcs": "N362"}, {"category": "coding", "owner": "coder"}),
    # a number on the claim is no enrollment
    ({"carc": "16", "rarcs": "N290"}, {"category": "claim_data", "owner": "biller"}),
    ({"carc": "B7"}, {"category": "credentialing", "owner": "enrollment", "route": "retro_enrollment"}),
    # the same error is reopened at Part B, corrected elsewhere, and sent anew where it was unprocessable
    ({"payer_class": "medicare", "carc": "16", "rarcs": "N290"}, {"route": "reopening"}),
    ({"payer_class": "commercial", "carc": "16", "rarcs": "N290"}, {"route": "correct_and_resubmit"}),
    ({"payer_class": "medicare", "carc": "16", "rarcs": "MA130 N265", "facts": "unprocessable"}, {"route": "new_claim", "owner": "biller"}),
    # a late claim has no appeal at Medicare; proof of receipt makes one elsewhere
    ({"payer_class": "medicare", "carc": "29"}, {"route": "exception_request", "recoverable": "no"}),
    ({"payer_class": "commercial", "carc": "29", "facts": "received_in_time"}, {"route": "appeal", "recoverable": "yes"}),
    # a copy of what was paid is nothing to work; a copy of nothing is
    ({"group_code": "OA", "carc": "18"}, {"leaf": "duplicate_rebill", "recoverable": "partly"}),
    ({"group_code": "OA", "carc": "18", "facts": "paid_elsewhere"}, {"leaf": "true_duplicate", "route": "none"}),
    # nobody checks a card at the scene
    ({"carc": "27", "families": "ambulance"}, {"owner": "biller"}),
    ({"carc": "27", "families": "visit"}, {"owner": "front desk"}),
    # the group says who owes
    ({"group_code": "PR", "carc": "96"}, {"route": "bill_patient"}),
    ({"group_code": "CO", "carc": "96"}, {"route": "write_off"}),
    # what was paid before is a take-back, whatever the reason
    ({"carc": "27", "facts": "taken_back"}, {"category": "take_back", "owner": "payer contracting", "route": "bill_other_payer"}),
    ({"carc": "22", "facts": "taken_back"}, {"category": "take_back", "leaf": "take_back"}),
    ({"carc": "22", "rarcs": "MA92", "facts": "taken_back"}, {"category": "take_back", "leaf": "cob", "owner": "biller"}),
    # the remark names the destination, whatever the reason beside it
    ({"carc": "50", "rarcs": "N157", "families": "ambulance ambulance_scheduled"}, {"category": "ambulance", "leaf": "ems_origin_destination"}),
    # without a remark, what the kind of service lacks most often
    ({"carc": "16", "families": "drug"}, {"category": "coding", "owner": "coder"}),
    ({"carc": "16", "rarcs": "N290", "families": "drug"}, {"category": "claim_data", "owner": "biller"}),
    ({"carc": "252", "families": "ambulance ambulance_scheduled"}, {"category": "documentation", "leaf": "ems_pcs", "owner": "crew"}),
    ({"carc": "252", "rarcs": "M127", "families": "ambulance ambulance_scheduled"}, {"leaf": "documentation", "owner": "biller"}),
    ({"carc": "4", "families": "visit"}, {"category": "bundling", "leaf": "coding_modifier"}),
    ({"carc": "4", "families": "surgery"}, {"category": "coding"}),
    # nobody was carried: no payer is looked for
    ({"group_code": "PR", "carc": "96", "families": "ambulance ambulance_no_transport"}, {"leaf": "dry_run", "owner": "biller", "route": "write_off"}),
    # an informational remark overrides no reason
    ({"carc": "50", "rarcs": "N115"}, {"category": "medical_necessity", "owner": "clinician"}),
    ({"carc": "197", "rarcs": "M51"}, {"category": "authorization"}),
    # a code that no list holds is asked for, not guessed
    ({"carc": "999"}, {"category": "other", "route": "ask_payer", "refuses": "yes"}),
]  # fmt: skip


@pytest.mark.parametrize(("told", "wanted"), MEANT)
def test_the_most_specific_row_decides(told, wanted):
    got = meant(**told)
    assert {name: got[name] for name in wanted} == wanted


def test_a_practices_own_row_outranks_ours(tmp_path):
    (tmp_path / "situations.csv").write_text("situation,carc,owner,route\nour_hmo,24,biller,ask_payer\n")
    own = situations.own_rows([tmp_path / "situations.csv"])
    got = meant(own, payer_class="medicare", carc="24")
    assert (got["situation"], got["owner"], got["route"]) == ("our_hmo", "biller", "ask_payer")
    assert got["category"] == "coordination_of_benefits"  # what it leaves blank is ours


def test_own_rows_that_cannot_be_used_are_refused_by_name(tmp_path):
    (tmp_path / "situations.csv").write_text("situation,carc,route,colour\nx,24,phone,red\n")
    with pytest.raises(situations.SituationsError, match="no column colour; no route phone"):
        situations.own_rows([tmp_path / "situations.csv"])


def test_every_row_says_when_why_and_where_else():
    rows = codes.table("situations")
    assert rows["situation"].is_unique and (rows[["why", "source", "second_case"]] != "").all(axis=None)
    assert (rows[[*situations.WEIGHTS]] != "").any(axis=1).all()
    roots = codes.table("write_off_leaves").set_index("leaf")["root"]
    assert rows.loc[rows["leaf"] != "", "root"].tolist() == rows.loc[rows["leaf"] != "", "leaf"].map(roots).tolist()
    known = set(codes.table("procedure_families")["procedure_family"])
    assert {word for cell in rows["procedure_family"] for word in cell.split()} <= known
    for name, listed in (("carc", codes.table("carc")["carc"]), ("rarc", codes.table("rarc")["rarc"])):
        assert {word for cell in rows[name] for word in cell.split()} <= {*listed, situations.NONE}, name


def test_the_page_of_situations_is_the_table():
    assert (ROOT / "docs/situations.md").read_text() == situations.as_page()


# --- what becomes of lines and claims ------------------------------------------------------------------------------


def states(tmp_path, *segments, as_of=date(2026, 4, 1), **values) -> tuple:
    con = derived(tmp_path, line(*segments, **values), as_of=as_of)
    return con.execute("SELECT state, open_balance, patient_share FROM claims").fetchall()[0]


@pytest.mark.parametrize(("segments", "values", "wanted"), [
    (("CAS*CO*133*100",), {}, ("pending", D(100), D(0))),
    (("CAS*CO*45*100",), {}, ("unpaid_no_reason", D(100), D(0))),  # a contract may not take the whole charge
    (("CAS*CO*45*100", "LQ*HE*N448"), {}, ("denied_open", D(100), D(0))),  # the remark says that no rate is there
    ((), {"status": "4"}, ("unpaid_no_reason", D(100), D(0))),
    (("CAS*PR*96*100",), {}, ("patient", D(0), D(100))),
    (("CAS*PR*45*40",), {"paid": "60"}, ("patient", D(0), D(40))),  # PR says who owes, whatever the reason
    (("CAS*OA*109*100",), {"status": "23"}, ("forwarded", D(100), D(0))),
    (("CAS*CO*45*50**197*50",), {}, ("denied_open", D(50), D(0))),
    (("CAS*CO*45*20",), {"paid": "80"}, ("paid", D(0), D(0))),
])  # fmt: skip
def test_a_claim_has_the_state_that_its_amounts_tell(tmp_path, segments, values, wanted):
    assert states(tmp_path, *segments, **values) == wanted


LEDGER = "claim_number,posting_date,transaction_type,amount,reason,procedure\nA1,2026-01-10,charge,100.00,,99213\n"


def test_a_denied_line_is_lost_by_the_practices_own_posting(tmp_path):
    ledger = LEDGER + "A1,2026-06-10,write-off,-100.00,no authorization,99213\n"
    con = derived(tmp_path, line("CAS*CO*197*100"), ledger.encode(), as_of=date(2026, 7, 1))
    assert con.execute("SELECT outcome, outcome_on FROM denials").fetchall() == [("lost", date(2026, 6, 10))]
    assert con.execute("SELECT state, open_balance FROM claims").fetchall() == [("written_off", D(0))]


def test_a_usual_deadline_leaves_the_line_open(tmp_path):
    con = derived(tmp_path, line("CAS*CO*197*100"), as_of=date(2027, 6, 1))
    assert con.execute("SELECT outcome FROM denials").fetchall() == [("open_past_window",)]
    assert con.execute("SELECT outcome FROM line_outcomes").fetchall() == [("open",)]


@pytest.mark.parametrize(("carc", "words", "leaf"), [
    ("16", "bundled per NCCI", "bundled_by_rule"),  # a payer that names a code may mean the same edit
    ("197", "bundled per NCCI", "authorization"),  # one that names another cause contradicts
])  # fmt: skip
def test_words_are_believed_unless_the_answer_contradicts_them(tmp_path, carc, words, leaf):
    ledger = LEDGER + f"A1,2026-06-10,write-off,-100.00,{words},99213\n"
    con = derived(tmp_path, line(f"CAS*CO*{carc}*100", "LQ*HE*M51"), ledger.encode(), as_of=date(2026, 7, 1))
    assert con.execute("SELECT leaf FROM write_offs").fetchall() == [(leaf,)]


@pytest.mark.parametrize(("charge", "procedure", "leaf"), [
    ("100.00", "99213", "true_duplicate"),
    ("90.00", "99213", "duplicate_rebill"),
    ("100.00", "99214", "duplicate_rebill"),  # another service at the same price is no copy
])  # fmt: skip
def test_a_charge_entered_twice_is_a_copy_though_it_was_never_sent(tmp_path, charge, procedure, leaf):
    ledger = (
        "claim_number,service_date,posting_date,transaction_type,amount,reason,procedure\n"
        "A1,2026-01-05,2026-01-10,charge,100.00,,99213\n"
        f"B1,2026-01-05,2026-01-10,charge,{charge},,{procedure}\n"
        "A1,2026-01-05,2026-06-10,write-off,-100.00,duplicate charge entered in error,99213\n"
    )
    con = derived(tmp_path, line("CAS*OA*18*100"), ledger.encode(), as_of=date(2026, 7, 1))
    assert con.execute("SELECT leaf FROM write_offs").fetchall() == [(leaf,)]


def test_explain_names_the_row_that_decided(tmp_path):
    con = derived(tmp_path, line("CAS*CO*24*100"), as_of=date(2026, 4, 1))
    said = "\n".join(explain.explained(con, "A1"))
    assert "claim A1: denied_open, 100.00 open" in said
    assert (
        "row managed_care_patient (ours) decided category, leaf, route, recoverable, fix, refuses: nothing says that this practice is paid"
        in said
    )
    assert "why: a denied line is open and nothing was sent since its answer of 2026-03-05" in said
    assert "correct by 2026-06-03 (usual, not confirmed)" in said
    with pytest.raises(explain.NoClaimError, match="no claim B9"):
        explain.explained(con, "B9")


# --- deadlines that a contract confirms ----------------------------------------------------------------------------

TERMS = "payer,valid_from,valid_to,filing_days,corrected_days,appeal_days,dispute_days,source\n"


def lives_on(tmp_path, terms: str, *more: bytes, on: date, told=None) -> tuple:
    con = derived(tmp_path / str(on), told or line("CAS*CO*197*100"), *more, (TERMS + terms).encode(), as_of=on)
    outcome = con.execute("SELECT outcome, outcome_on FROM denials").fetchall()[0]
    lost = con.execute("SELECT posted_on, amount, leaf, root, basis FROM write_offs").fetchall()
    return (*outcome, lost, *con.execute("SELECT state, open_balance, write_off_basis FROM claims").fetchall()[0])


def test_a_confirmed_deadline_ends_a_denied_line(tmp_path):
    (tmp_path / "2026-06-03").mkdir(), (tmp_path / "2026-06-04").mkdir()
    terms = "ACME HEALTH,2020-01-01,,90,90,60,,contract of 2020\n"
    last = date(2026, 6, 3)  # 90 days after the answer of March 5
    assert lives_on(tmp_path, terms, on=last) == ("open", None, [], "denied_open", D(100), None)
    after = date(2026, 6, 4)
    lost = [(after, D(100), "appeal_deadline", "unnecessary", "inferred")]
    assert lives_on(tmp_path, terms, on=after) == ("lost", after, lost, "written_off", D(0), "inferred")


@pytest.mark.parametrize("terms", [
    "ACME HEALTH,2020-01-01,,90,,60,,half a contract\n",  # the correction is not confirmed
    "ACME HEALTH,2020-01-01,2025-12-31,90,90,60,,ended before the answer\n",
    "OTHER PLAN,2020-01-01,,90,90,60,,another payer's\n",
])  # fmt: skip
def test_what_no_contract_of_the_claims_own_day_confirms_stays_open(tmp_path, terms):
    (tmp_path / "2026-12-01").mkdir()
    assert lives_on(tmp_path, terms, on=date(2026, 12, 1))[:4] == ("open", None, [], "denied_open")


def test_no_confirmed_deadline_ends_what_a_ledger_still_holds_or_was_sent_again(tmp_path):
    terms = "ACME HEALTH,2020-01-01,,90,90,60,,contract of 2020\n"
    (tmp_path / "2026-12-01").mkdir(), (tmp_path / "2026-12-02").mkdir()
    held = lives_on(tmp_path, terms, LEDGER.encode(), on=date(2026, 12, 1))
    assert held[0] == "open_past_window" and held[3:5] == ("open_past_window", D(100))
    again = paid_837("A1", frequency="7", on="20260401")
    assert lives_on(tmp_path, terms, paid_837("A1"), again, on=date(2026, 12, 2))[3] == "resubmitted"


@pytest.mark.parametrize(("filing", "terms", "until"), [
    (b"MB", "", (date(2026, 7, 30), False)),  # a redetermination within 120 days, as a warning
    (b"MB", "ACME HEALTH,2020-01-01,,,,,60,contract\n", (date(2026, 5, 31), True)),
    (b"CI", "", (None, False)),
])  # fmt: skip
def test_a_take_back_has_a_last_day_to_dispute_it(tmp_path, filing, terms, until):
    paid = line(paid="80", status="1").replace(b"**CI*X1", b"**%b*X1" % filing)
    back = remittance("CLP*A1*22*-100*-80**CI*X1", "SVC*HC:99213*-100*-80").replace(b"**CI*X1", b"**%b*X1" % filing)
    files = [paid, back.replace(b"20260305", b"20260401").replace(b"*CHK1*", b"*CHK2*")]
    con = derived(tmp_path, *files, (TERMS + (terms or "OTHER,,,1,,,,x\n")).encode(), as_of=date(2026, 5, 1))
    assert con.execute("SELECT dispute_until, dispute_confirmed FROM takebacks").fetchall() == [until]


# --- who can stop a write-off --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("procedure", "owner", "word"), [
    ("A0427", "biller", "scene"),  # nobody collects at the scene of a 911 call
    ("99213", "front desk", "Collect at the visit"),
])  # fmt: skip
def test_the_owner_of_a_write_off_depends_on_the_place(tmp_path, procedure, owner, word):
    paid = line("CAS*PR*2*20", paid="80").replace(b"99213", procedure.encode())
    ledger = LEDGER.replace("99213", procedure) + "A1,2026-09-10,write-off,-20.00,bad debt to collections,\n"
    con = derived(tmp_path, paid, ledger.encode(), as_of=date(2026, 10, 1))
    [(leaf, who, fix)] = con.execute("SELECT leaf, owner, fix FROM write_offs").fetchall()
    assert (leaf, who) == ("bad_debt", owner) and word in fix


def test_no_write_off_of_a_trip_belongs_to_a_front_desk():
    leaves = codes.table("write_off_leaves")
    elsewhere = codes.table("write_off_places")
    assert set(leaves.loc[leaves["owner"] == "front desk", "leaf"]) <= set(elsewhere["leaf"])
    assert "front desk" not in set(elsewhere["owner"]) and set(elsewhere["leaf"]) <= set(leaves["leaf"])


# --- every row decides more than the case that asked for it --------------------------------------------------------


def answers_for(row: dict) -> pd.DataFrame:
    """Answers that meet the row's conditions, with what it leaves open varied: payer, group, reason, procedure."""
    words = {name: row[name].split() for name in situations.WEIGHTS}
    reasons = words["carc"] or codes.table("carc").query("denial == 'yes'").groupby("category")["carc"].first().tolist()
    remarks = ["" if rarc == situations.NONE else rarc for rarc in words["rarc"]] or [""]
    if words["told"] and not words["rarc"]:  # a price cut tells nothing; a remark of such a category does
        remarks += codes.table("rarc").query("category in @words['told']").groupby("category")["rarc"].first().tolist()
    procedures = words["procedure_family"] or ["", "visit", "imaging"]
    return pd.DataFrame(
        [{"payer_class": payer, "group_code": group, "carc": carc, "rarcs": rarc, "families": family,
          "place": (words["place"] or [""])[0], "facts": (words["fact"] or [""])[0]}
         for payer in (words["payer_class"] or ["commercial", "medicaid"]) for group in (words["group_code"] or ["CO", "OA"])
         for carc in reasons for rarc in remarks for family in procedures]
    )[situations.KEYS]  # fmt: skip


def test_every_row_decides_at_least_two_answers():
    rows = codes.table("situations").to_dict("records")
    keys = pd.concat([answers_for(row).assign(asked=row["situation"]) for row in rows], ignore_index=True)
    decided = situations.resolved(keys[situations.KEYS])["situation"]
    counts = keys[decided == keys["asked"]].groupby("asked").size()
    alone = [row["situation"] for row in rows if counts.get(row["situation"], 0) < 2]
    assert not alone


def test_no_ground_trip_is_sent_to_federal_arbitration():
    told = meant(carc="242", rarcs="N830", families="ambulance ambulance_emergency ambulance_ground")
    assert (told["owner"], told["leaf"]) == ("biller", "administrative") and "state" in told["fix"]
    assert meant(carc="242", rarcs="N830", families="visit")["leaf"] == "underpaid"


@pytest.mark.parametrize(("told", "route"), [
    ({"group_code": "PI", "carc": "50"}, "appeal"), ({"group_code": "PI", "carc": "97", "families": "imaging"}, "appeal"),
    ({"group_code": "PI", "carc": "16", "rarcs": "M51"}, "correct_and_resubmit"),  # a field is missing, whoever reduces
])  # fmt: skip
def test_a_payers_own_reduction_is_disputed_where_nothing_can_be_corrected(told, route):
    assert meant(**told)["route"] == route


def test_what_the_first_payer_denied_is_not_settled_by_the_second(tmp_path):
    first = remittance(
        "CLP*A1*1*200*80**MB*X1", "SVC*HC:99213*100*80", "CAS*CO*45*20", "SVC*HC:82306*100*0", "CAS*CO*50*100"
    )
    second = remittance(
        "CLP*A1*2*200*0**MC*Y1", "SVC*HC:99213*100*0", "CAS*OA*23*100", "SVC*HC:82306*100*0", "CAS*OA*23*100"
    )
    second = (
        second.replace(b"20260305", b"20260401")
        .replace(b"CHECK1", b"CHECK2")
        .replace(b"ACME HEALTH*XV*77001", b"STATE MEDICAID*XV*88001")
    )
    con = derived(tmp_path, first, second, as_of=date(2026, 5, 1))
    assert con.execute("SELECT state, open_balance FROM claims").fetchall() == [("denied_open", D(100))]
    assert con.execute("SELECT line_number, outcome FROM line_outcomes ORDER BY 1").fetchall() == [
        (1, "paid"),
        (2, "open"),
    ]


def test_money_withheld_later_is_tied_to_the_payment_it_takes_back(tmp_path):
    def dated(data: bytes, day: str, check: str) -> bytes:
        return data.replace(b"20260305", day.encode()).replace(b"CHECK1", check.encode())

    paid = line(paid="80")
    # reversed, and given back in the same remittance (WO, negative) until a later one withholds it
    back = dated(
        remittance("CLP*A1*22*-100*-80**CI*X1", "SVC*HC:99213*-100*-80", "PLB*1*20261231*WO:X1*-80", paid="0"),
        "20260401",
        "CHECK2",
    )
    other = remittance(
        "CLP*B7*1*100*90**CI*X7", "SVC*HC:99213*100*90", "CAS*CO*45*10", "PLB*1*20261231*WO:X1*80", paid="10"
    )
    con = derived(tmp_path, paid, back, dated(other, "20260502", "CHECK3"), as_of=date(2026, 6, 1))
    assert con.execute("SELECT claim_number, plb_reference, taken_back_on, recouped_on FROM takebacks").fetchall() == [
        ("A1", "X1", date(2026, 4, 1), date(2026, 5, 2))]  # fmt: skip


def test_what_was_taken_back_moved_to_the_patient_and_given_up_is_lost(tmp_path):
    back = remittance("CLP*A1*22*-100*-80**CI*X1", "SVC*HC:99213*-100*-80", paid="-80")
    back = back.replace(b"20260305", b"20260401").replace(b"CHECK1", b"CHECK2")
    ledger = LEDGER + "A1,2026-09-10,write-off,-80.00,bad debt to collections,\n"
    con = derived(tmp_path, line(paid="80"), back, ledger.encode(), as_of=date(2026, 10, 1))
    assert con.execute("SELECT outcome, outcome_on FROM takebacks").fetchall() == [("lost", date(2026, 9, 10))]
