"""The reference tables: whole, from the allowed words, in agreement with the field's rules; and the practices' own words."""

import re

import pandas as pd
import pytest

from rcm_analysis.claims import situations
from rcm_analysis.compare import audit
from rcm_analysis.reference import codes

CATEGORIES = set(codes.PRECEDENCE)
OWNERS = {
    "front desk", "authorization desk", "coder", "biller", "enrollment", "clinician", "crew", "payer contracting", "administrator",
    "none",
}  # fmt: skip
ALLOWED = {
    ("carc", "class"): {
        "denial", "duplicate", "bundling", "coordination", "patient_share", "contract", "regulatory", "incentive",
        "prior_payer", "information", "pending", "appeal_outcome",
    },
    ("carc", "denial"): {"yes", "no"},
    ("carc", "category"): CATEGORIES | {"none"},
    ("carc", "stage"): {"front", "mid", "back", "admin", "none"},
    ("carc", "owner"): OWNERS,
    ("carc", "preventable"): {"yes", "partly", "no"},
    ("carc", "recoverable"): {"yes", "partly", "no"},
    ("carc", "route"): situations.ROUTES,
    ("carc", "core_scenario"): {"", "1", "2", "3", "4"},
    ("carc", "active"): {"yes", "no"},
    ("rarc", "alert"): {"yes", "no"},
    ("rarc", "ambulance"): {"yes", "no"},
    ("rarc", "category"): CATEGORIES | {""},
    ("rarc", "owner"): OWNERS,
    ("group_codes", "patient_owes"): {"yes", "no"},
    ("claim_status_codes", "payer_order"): {"P", "S", "T", ""},
    ("claim_status_codes", "forwarded"): {"yes", "no"},
    ("claim_status_codes", "counts_as_decision"): {"yes", "no"},
    ("claim_status_codes", "pended"): {"yes", "no"},
    ("situations", "refuses"): {"yes", "no", ""},
    ("situations", "category"): CATEGORIES | {""},
    ("situations", "owner"): OWNERS | {""},
    ("situations", "route"): situations.ROUTES | {""},
    ("situations", "recoverable"): {"yes", "partly", "no", ""},
    ("situations", "fact"): {"", "capitated", "whole_charge", "paid_elsewhere", "billed_elsewhere", "other_trip", "authorization_sent",
                             "received_in_time", "taken_back", "unprocessable"},
    ("frequency_codes", "resubmission"): {"yes", "no"},
    ("acknowledgment_categories", "rejected"): {"yes", "no"},
    ("claim_status_reasons", "category"): CATEGORIES | {"none"},
    ("filing_indicators", "payer_class"): {
        "medicare", "medicare_advantage", "medicaid", "commercial", "workers_comp", "auto", "tricare_va", "self_pay", "other",
    },
    ("write_off_leaves", "root"): {"necessary", "unnecessary", "payer", "unclassified"},
    ("write_off_leaves", "owner"): OWNERS,
    ("posting_codes", "type_hint"): {"adjustment", "write_off"},
    ("deadlines", "clock"): {"initial_filing", "corrected_claim", "appeal_level_1", "appeal_level_2", "records_request", "take_back_dispute",
                             "take_back_rebuttal"},
    ("deadlines", "unit"): {"day", "year"},
    ("deadlines", "counted_from"): {"service_date", "first_decision", "request", "take_back"},
    ("deadlines", "confidence"): {"primary", "secondary", "default"},
    ("benchmarks", "kind"): {"physician", "hospital", "payer", "ambulance", "survey", "guidance", "folklore"},
}  # fmt: skip
KEYS = {"write_off_phrases": ["pattern"], "deadlines": ["payer_class", "payer_pattern", "clock", "valid_from"],
        "benchmarks": ["measure", "year", "who", "source"]}  # fmt: skip


@pytest.mark.parametrize(("name", "column"), ALLOWED)
def test_only_allowed_words(name, column):
    assert set(codes.table(name)[column]) - ALLOWED[name, column] == set()


@pytest.mark.parametrize("name", codes.names())
def test_one_row_per_code_and_each_row_explains_itself(name):
    rows = codes.table(name)
    assert not rows.duplicated(KEYS.get(name, [rows.columns[0]])).any()
    # a row of situations may decide the route alone and leave the fix to the row before it
    for column in {"label", "why", "fix"} & set(rows.columns) - ({"fix"} if name == "situations" else set()):
        assert (rows[column].str.strip() != "").all(), column
    if "label" in rows:
        assert rows["label"].str.len().max() <= 60  # own short words, never an official text


# --- reasons of payers ---------------------------------------------------------------------------------------------

# What a payer does not pay without refusing it
NOT_DENIALS = {
    "patient_share": "1 2 3 66 142 187 241 247 248 85 100",
    "contract": "45 131 44 104 90 91 132 139 24 59 P12 P23",
    "regulatory": "253 237 223 137 105 235",
    "incentive": "144 161 143 225",
    "prior_payer": "23 209",
    "information": "94 101 130 121 192 246",
    "pending": "133 257 221 P11",
    "appeal_outcome": "193",
}
# Denial classes and those with a class of their own
DENIALS = {
    "eligibility": "26 27 31 32 33 34 177 200 166 238",
    "coordination_of_benefits": "22 19 20 21 109 136 201 B11 B9 190 60 258",
    "contract": "147",
    "authorization": "15 39 197 198 210 243 284 288 296",
    "claim_data": "16 206 207 208 129 140",
    "credentialing": "B7 170 171 172 183 184 185 8",
    "coding": "4 5 6 7 9 10 11 12 146 181 182 189 199",
    "bundling": "97 231 234 236 B10 B15",
    "medical_necessity": "50 54 55 56 58 150 151 152 153 167 186 B8",
    "documentation": "163 164 226 227 250 251 252 148 B12",
    "timely_filing": "29 B4",
    "duplicate": "18 B13",
    "non_covered": "96 204 49 51 202 256",
    "benefit_maximum": "119 35 149 222 273 272",
    "network": "242 279",
    "ambulance": "117",
}
OWN_CLASSES = {"bundling": "bundling", "duplicate": "duplicate", "coordination_of_benefits": "coordination"}


@pytest.fixture(scope="module")
def carc() -> pd.DataFrame:
    return codes.table("carc").set_index("carc")


@pytest.mark.parametrize(("kind", "listed"), NOT_DENIALS.items())
def test_what_is_not_refused_is_no_denial(carc, kind, listed):
    rows = carc.loc[listed.split()]
    assert set(rows["denial"]) == {"no"} and set(rows["category"]) == {"none"} and set(rows["class"]) == {kind}


@pytest.mark.parametrize(("category", "listed"), DENIALS.items())
def test_what_is_refused_is_a_denial_of_its_category(carc, category, listed):
    rows = carc.loc[listed.split()]
    assert set(rows["denial"]) == {"yes"} and set(rows["category"]) == {category}
    assert set(rows["class"]) == {OWN_CLASSES.get(category, "denial")}


def test_denial_follows_from_the_class(carc):
    counted = carc["class"].isin(["denial", "duplicate", "bundling", "coordination"])
    assert (counted == carc["denial"].eq("yes")).all()
    assert (counted == carc["category"].ne("none")).all()


def test_the_list_of_reasons_is_full(carc):
    current = set(carc.index[carc["active"] == "yes"])
    assert len(current) >= 290
    assert {"1", "45", "197", "252", "303", "A1", "B7", "B23", "P1", "P32"} <= current
    assert not {"17", "125", "A2", "B18", "D1", "W1"} & current  # gone, kept for old files
    assert {"17", "125", "A2", "B18", "D1", "W1"} <= set(carc.index)


def test_precedence_covers_every_denial_category_in_the_fixed_order(carc):
    order = codes.driving_precedence()
    # a take-back is told by its reversal, by no code
    assert len(order) == len(set(order)) and set(order) - {"take_back"} == set(
        carc.loc[carc["denial"] == "yes", "category"]
    )
    fixed = "timely_filing credentialing eligibility coordination_of_benefits authorization medical_necessity coding claim_data duplicate"
    assert [category for category in order if category in fixed.split()] == fixed.split()


REMARKS = {
    "MA130": "claim_data", "N290": "claim_data", "N382": "claim_data", "M51": "coding", "M76": "coding", "N706": "documentation",
    "MA04": "coordination_of_benefits", "MA92": "coordination_of_benefits", "N130": "non_covered", "N115": "medical_necessity",
    "N362": "coding", "N522": "duplicate", "N20": "bundling", "N30": "eligibility", "M62": "authorization", "N570": "credentialing",
}  # fmt: skip


def test_remarks_say_what_the_general_reasons_mean():
    rarc = codes.table("rarc").set_index("rarc")
    assert len(rarc) >= 330
    assert rarc.loc[list(REMARKS), "category"].to_dict() == REMARKS
    assert (rarc.loc[rarc["alert"] == "yes", "category"] == "").all()  # an alert is never a reason
    assert "do not appeal" in rarc.loc["MA130", "fix"]


def test_statuses_that_are_no_decision_and_acknowledgments_that_reject():
    status = codes.table("claim_status_codes").set_index("status_code")["counts_as_decision"]
    assert set(status.index[status == "yes"]) == {"1", "2", "3", "4", "19", "20", "21"}
    acknowledged = codes.table("acknowledgment_categories").set_index("category")["rejected"]
    assert set(acknowledged.index[acknowledged == "yes"]) == {"A3", "A6", "A7", "A8"}
    assert {category[0] for category in acknowledged.index} == set("ADEFPR")


def test_clocks_are_dated_and_sourced():
    rows = codes.table("deadlines")
    by_day = rows["unit"] == "day"
    assert rows.loc[by_day, "days"].astype(int).between(15, 400).all() and set(rows.loc[~by_day, "days"]) == {"1"}
    assert pd.to_datetime(rows["valid_from"], format="%Y-%m-%d").notna().all()
    assert rows["source"].str.startswith("https://").all()
    assert rows.loc[rows["confidence"] == "default", "note"].str.contains("shorter|short one is assumed").all()
    first = rows[rows["payer_pattern"] == ""].set_index(["payer_class", "clock"])["days"]
    assert first["medicare", "appeal_level_1"] == "120" and first["medicare_advantage", "appeal_level_1"] == "65"
    served = set(codes.table("filing_indicators")["payer_class"]) - {"self_pay"}
    assert set(rows["payer_class"]) == served and set(rows["payer_pattern"]) == set(rows["payer_pattern"].str.lower())
    assert all(re.compile(pattern).groups == 0 for pattern in rows["payer_pattern"])
    everywhere = {clock for clock in ALLOWED["deadlines", "clock"] if not clock.startswith("take_back")}
    assert set(first.index) == {(payer, clock) for payer in served for clock in everywhere} | {
        ("medicare", "take_back_dispute"), ("medicare", "take_back_rebuttal")}  # fmt: skip
    longest = rows[rows["longest_days"] != ""]
    assert (longest["longest_days"].astype(int) >= longest["days"].astype(int)).all()


def test_benchmarks_are_ranges_with_a_source():
    rows = codes.table("benchmarks")
    assert (rows["value_low"].astype(float) <= rows["value_high"].astype(float)).all()
    shares = rows[rows["unit"].str.startswith("share")]
    assert shares["value_high"].astype(float).between(0, 1).all()
    told = rows[rows["kind"] != "folklore"]
    assert told["source"].str.startswith("https://").all() and not rows["source"].str.contains("github.com").any()
    assert (rows[["year", "who", "state", "method"]] != "").all(axis=None)
    # what can't be computed here is said to be context, and what is not what it is called carries a warning
    assert set(rows["computed_as"]) - {""} <= {*audit.DEFINITIONS, "share_of_denials", "issuer_workbook"}
    assert (rows.loc[rows["kind"] == "folklore", "warning"] != "").all()
    assert (rows.loc[rows["kind"] == "folklore", "computed_as"] == "").all()


# --- words of practices --------------------------------------------------------------------------------------------

ROOTS = {
    "necessary": "contractual regulatory charity small_balance payer_small_balance prompt_pay courtesy capitation "
    "bundled_by_rule true_duplicate benefit_limit_noticed uncollectible_by_law dry_run subscription state_rate_cap "
    "assistant_at_surgery global_period",
    "unnecessary": "timely_filing appeal_deadline credentialing authorization eligibility registration cob wrong_payer "
    "coding_modifier documentation medical_necessity noncovered_no_notice bundling_not_fought duplicate_rebill ems_signature "
    "ems_pcs ems_origin_destination ems_mileage ems_level_of_service ems_medical_necessity rejected_not_resubmitted bad_debt "
    "administrative bad_debt_uninsured program_penalty claim_data lost_at_payer",
    "payer": "underpaid downcoded take_back rate_not_loaded",
    "unclassified": "unclassified",
}


CARCS_IN_WORDS = [
    ("Ins1 adjust code 29", "timely_filing"), ("Ins1 adjust code 45", "contractual"), ("CARC 197", "authorization"),
    ("CO-253", "regulatory"), ("reason 50", "medical_necessity"), ("balance 45.00 left", "unclassified"),
    ("apply ck 45", "unclassified"), ("SMALLBALANCE", "small_balance"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "leaf"), CARCS_IN_WORDS)
def test_a_carc_in_words_is_read_and_a_bare_number_is_none(text, leaf):
    assert codes.classify_reason("", text)[0] == leaf


def test_every_leaf_has_its_root():
    leaves = codes.table("write_off_leaves").set_index("leaf")["root"]
    assert leaves.to_dict() == {leaf: root for root, listed in ROOTS.items() for leaf in listed.split()}


def test_phrases_and_codes_lead_to_leaves():
    leaves = {leaf for listed in ROOTS.values() for leaf in listed.split()} - {"unclassified"}
    phrases = codes.table("write_off_phrases")
    assert len(phrases) >= 250 and set(phrases["leaf"]) == leaves
    assert phrases["priority"].str.fullmatch(r"\d+").all()
    assert set(codes.table("posting_codes")["leaf"]) <= leaves
    assert codes.table("posting_codes")["code"].str.fullmatch(r"[A-Z0-9]+").all()


@pytest.mark.parametrize("text", ["", " -- ", "adj", "W/O 12.50", "10/31 batch 7"])
def test_no_pattern_matches_an_empty_reason(text):
    wide = [p for p in codes.table("write_off_phrases")["pattern"] if re.search(p, text, re.IGNORECASE)]
    assert wide == []


PHRASES = {
    "global_period": "global surgical",
    "uncollectible_by_law": "deceased no estate | bankrupt ch 7 | bk ch 13 | expired - no estate | statute of limitations | chapter 7 discharge",
    "program_penalty": "MIPS adj",
    "dry_run": "dry run | no transport | pt refused transport",
    "subscription": "resident subscription | ems membership",
    "state_rate_cap": "state ground ambulance balance bill cap",
    "lost_at_payer": "no response from payer | claim lost by payer",
    "rate_not_loaded": "rate not loaded",
    "bad_debt_uninsured": "uninsured bad debt",
    "timely_filing": "TFL expired | past filing limit | claim untimley | beyond 90 days filing | past TFL | billed too late | tmly filing den | ins denied - filed after 90 day limit | claim was received outside of filing guidelines | denied - time limit",
    "appeal_deadline": "appeal untimely | appeal deadline passed | appeal rights exhausted | missed the appeal deadline | reconsideration untimely | appeal TF | 120 day redetermination missed | dispute not filed within 60 days | appeal period lapsed | did not appeal timely",
    "rejected_not_resubmitted": "not on file w/ payer | EDI rejection not worked | rejected at CH, past TF | batch rejected, not resent | no record of claim at payer | front-end edit rejection not corrected | claim never accepted by payer | clm never recvd by ins | 999 reject not worked | payer never got claim",
    "credentialing": "not par | dr not enrolled | non par provider | PECOS not enrolled | provider not effective until after DOS | NPI not linked to tax id | doc not in network yet w/ plan | provider enrollment lapse | NPI not on file w/ payer | rendering prov not on contract",
    "authorization": "precert | no precert | auth expired | no referral on file | pre-cert not obtained | auth # invalid | w/o authorization | PA denied | no pre-cert | no referral from PCP",
    "eligibility": "inelig | pt not eligible | not covered on DOS | ineligible DOS | cov expired | no insurance on dos | ins cxld | medicaid not active | member not eligible | pt was not covered at time of svc",
    "registration": "wrong DOB/ID | registration mistake | DOB wrong on claim | incorrect insurance id | bad subscriber # | policy # invalid | bad demographics | name doesn't match card | invalid subscriber id | name spelled wrong",
    "cob": "other ins primary | need primary EOB | Medicare is primary | OIC needed | MSP questionnaire not returned | pt never called ins to update COB | pt has other primary | MSP denial | other payer primary | medicare secondary payer",
    "wrong_payer": "work comp | hospice | workers comp | no fault | WC claim denied | sent claim to wrong plan | auto carrier | sent to old insurance carrier | hospice pt | not the correct payer",
    "medical_necessity": "LCD | medically unnecessary | experimental | med necessity denial | inpatient not met criteria | lack of medical necessity | dx not covered under LCD | medically not necessary | not med necc | mednec",
    "noncovered_no_notice": "non covered | no waiver signed | max benefits | cosmetic | noncovered charges | invalid ABN | noncovered service | not covered by ins | service excluded | benefits exhausted",
    "benefit_limit_noticed": "non covered - ABN on file | exclusion known, notice on file | benefit max - notice given | pt signed waiver",
    "documentation": "records not rcvd | records request past due | documentation insufficient | need med recs | missing notes | itemized bill not sent | medical recs never sent | incomplete chart | payer req records - not sent | failed to send medical records",
    "bundled_by_rule": "bundled | NCCI edit | inclusive to another procedure | mutually exclusive | incidental to procedure | bundling denial | bundled service | CCI | component code",
    "bundling_not_fought": "bundled - should have been paid | incorrectly bundled",
    "coding_modifier": "wrong code | modifier 25 missing | wrong modifier | unspecified dx | dx does not match procedure | NDC missing | incorrect modifier | ICD10 invalid | invalid mod | procedure/modifier mismatch",
    "true_duplicate": "already paid on | duplicate claim | posted twice | charge entered in error | charge correction | duplicate billing | dup chg | double posted | duplicate of acct | charged twice",
    "duplicate_rebill": "rebilled in error dup",
    "ems_pcs": "no PCS | PCS expired | invalid PCS | phys cert stmt not on file | medical necessity form not signed for transport",
    "ems_signature": "no signature | signature missing | crew signature missing | patient refused to sign | signature not obtained | sig missing on PCR | crew did not get signature | assignment of benefits not signed | unsigned AOB",
    "ems_mileage": "mileage denied | excessive miles | mileage | miles not loaded | mileage not payable beyond closest",
    "ems_origin_destination": "closest facility | destination not covered | not closest appropriate facility | beyond nearest hospital | origin invalid",
    "ems_level_of_service": "ALS downgraded to BLS | level of service not supported | downcoded to BLS | ALS assessment not documented | ALS1 not supported",
    "ems_medical_necessity": "ambulance not medically necessary | stretcher not necessary | transport did not meet necessity | pt not bed confined | BLS non-emerg not med nec | amb not med necessary | other transportation available",
    "small_balance": "under $5 | sm bal adj | balance under $10 | pennies | small amt w/o | $5 and under | small bal adj | bal under 10.00 | min bal | penny adj",
    "payer_small_balance": "below threshold not worth appeal | payer small balance | under appeal threshold | low dollar denial, not appealed | under $25 ins bal | ins bal below threshold | ins sm bal",
    "charity": "FAP | financial hardship | sliding fee | indigent care | sliding scale adj | finanical hardship | indigent pt | charity w/o | sliding scale | assistance program",
    "prompt_pay": "prompt pay discount | same day pay discount | prompt payment adj | PIF | prepay discount | quick pay disc",
    "courtesy": "prof courtesy | self-pay discount | uninsured discount | physician courtesy | employee discount | admin courtesy | self-pay disc | cash discount | self pay rate adj | discount per Dr",
    "bad_debt": "collections | sent to collections | turned to agency | patient refuses to pay | agency placement | turned over to collections",
    "regulatory": "sequestration | medicare sequestration adj | SEQUESTRATION REDUCTION | seq adj | gov't mandated reduction",
    "capitation": "capitation | capitated plan w/o | capitation w/o | capitated services",
    "contractual": "CA | network discount | insurance contractual | PPO discount | BCBS contractual | contr adj | ins disc | contractual obligation | PPO adj | managed care w/o",
    "underpaid": "short paid | underpayment not pursued | paid less than contract",
    "downcoded": "payer downcoded E/M | level 5 reduced to level 3 | payer down-coded E&M",
    "take_back": "recoupment | take back | ins retraction | ins take back | offset by payer",
    "administrative": "office error | posting error",
    "unclassified": "misc adj | cleanup | clean up old a/r | write-off | per Dr | approved by mgr | approved by supervisor | adjust off | per KS | manager approved",
}  # fmt: skip
CASES = [(text, leaf) for leaf, listed in PHRASES.items() for text in listed.split(" | ")]


@pytest.mark.parametrize(("text", "leaf"), CASES)
def test_words_lead_to_the_leaf(text, leaf):
    assert codes.classify_reason("", text)[0] == leaf


ORDER = {  # the cause outranks what it led to
    "rejected at clearinghouse, never refiled, past timely limit": "rejected_not_resubmitted",
    "contractual - timely filing": "timely_filing",
    "too late to appeal": "appeal_deadline",
    "no auth, never appealed": "authorization",
    "never appealed": "appeal_deadline",
    "small bal ins": "payer_small_balance",
    "uninsured - charity approved": "charity",
    "uninsured discount policy": "courtesy",
    "courtesy adj - past filing limit": "timely_filing",
    "LCD not met no ABN": "medical_necessity",
    "missing pt signature/PCS": "ems_pcs",
    "med recs request expired": "documentation",
    "auth not on file w/ payer": "authorization",
    "wrong ins on file": "eligibility",
    "billed wrong insurance": "wrong_payer",
    "provider termed by plan": "credentialing",
    "pt termed": "eligibility",
}


@pytest.mark.parametrize(("text", "leaf"), ORDER.items())
def test_the_cause_outranks_what_it_led_to(text, leaf):
    assert codes.classify_reason("", text)[0] == leaf


def test_the_text_outranks_the_code_and_a_vague_text_leaves_it_to_the_code():
    got = codes.classify_reasons(
        [("TFL", "no claim on file w/ payer"), ("CA", "timely filing"), ("TFL", "write off"), ("ADJ", "misc adj")]
    )
    assert [leaf for leaf, _ in got] == ["rejected_not_resubmitted", "timely_filing", "timely_filing", "unclassified"]
    assert got[2][1] == "TFL" and got[3][1] == ""


@pytest.mark.parametrize(
    ("code", "leaf"),
    [("CO-45", "contractual"), ("wo-tf", "timely_filing"), ("NOAUTH", "authorization"), ("CO 197", "authorization"),
     ("BD ADJ", "bad_debt"), ("NA", "unclassified"), ("WO", "unclassified"), ("ADM", "unclassified")],
)  # fmt: skip
def test_codes_that_the_trade_agrees_on(code, leaf):
    assert codes.classify_reason(code, "")[0] == leaf


@pytest.mark.parametrize(
    ("text", "leaf"),
    [("harsdhip", "charity"), ("signiture", "ems_signature"), ("recuopment", "take_back"), ("courtsey", "courtesy"),
     ("milaege", "ems_mileage"), ("contact pt", "unclassified"), ("december batch", "unclassified"),
     ("marriage name", "unclassified"), ("captain Brown", "unclassified"), ("credit to account", "unclassified")],
)  # fmt: skip
def test_misspelled_words_are_mended_and_others_left_alone(text, leaf):
    assert codes.classify_reason("", text)[0] == leaf


def test_the_users_phrases_come_first():
    own = pd.DataFrame({"pattern": [r"^per manager$", "timely"], "leaf": ["courtesy", "administrative"]})
    reasons = [("", "per manager"), ("", "past timely"), ("", "no auth")]
    assert [leaf for leaf, _ in codes.classify_reasons(reasons, user_phrases=own)] == [
        "courtesy",
        "administrative",
        "authorization",
    ]
    assert [leaf for leaf, _ in codes.classify_reasons(reasons)] == ["unclassified", "timely_filing", "authorization"]


def test_the_users_priorities_are_numbers_not_texts():
    own = pd.DataFrame({"priority": ["10", "9"], "pattern": ["per", "per manager"], "leaf": ["charity", "courtesy"]})
    assert codes.classify_reasons([("", "per manager")], user_phrases=own) == [("courtesy", "per manager")]


def test_wrong_phrases_of_the_user_are_all_named():
    own = pd.DataFrame({"pattern": ["(", "fine"], "leaf": ["courtesy", "no_such_leaf"]})
    with pytest.raises(ValueError, match=r"'\('.*no_such_leaf"):
        codes.classify_reasons([("", "x")], user_phrases=own)


# --- access --------------------------------------------------------------------------------------------------------


def test_an_unknown_table_names_the_known_ones():
    with pytest.raises(KeyError, match=r"carc.*write_off_leaves"):
        codes.table("carcs")


def test_a_table_is_a_copy_of_text():
    rows = codes.table("carc")
    rows.loc[0, "label"] = "changed"
    assert codes.table("carc").loc[0, "label"] != "changed"
    assert all(isinstance(value, str) for value in codes.table("deadlines").to_numpy().ravel())
    assert codes.path("carc").read_bytes().startswith(b"carc,label,")


def test_the_vocabulary_is_words_not_pieces_of_patterns():
    words = codes.vocabulary()
    assert {"never", "authorization", "charity", "bankruptcy", "tfl", "sequestration"} <= words
    assert not {"bcharit", "bauth", "wcharit"} & words


def test_a_list_of_the_users_is_compared_with_ours(tmp_path):
    (tmp_path / "mine.csv").write_text("code,text\n45,x\n309,y\nN130,z\nN999,q\nstart date,2026\n")
    found = codes.compared(tmp_path / "mine.csv").set_index("code_list")
    assert found["missing_here"].to_dict() == {"carc": "309", "rarc": "N999"}
    assert (
        found.loc["carc", "missing_there"].startswith("1 2 3 4 5 6")
        and " 45 " not in found.loc["carc", "missing_there"]
    )
