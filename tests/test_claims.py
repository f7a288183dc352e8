"""Denials and episodes from a few files: small pictures of what counts and what does not."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D

import pandas as pd
import pytest
from conftest import AS_OF, claim_837, envelope, remittance, texts_of

from rcm_analysis import stats
from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.measures import by_month, measures
from rcm_analysis.risk import features
from rcm_analysis.store.practice import Practice


def derived(tmp_path, *files: bytes, as_of=AS_OF):
    for i, data in enumerate(files):
        (tmp_path / f"{i}.txt").write_bytes(data)
    ingest.ingest(Practice(tmp_path / "s", "clinic"), [tmp_path / f"{i}.txt" for i in range(len(files))])
    return derive.open_practice(tmp_path / "s", "clinic", as_of=as_of)


def line(*segments: str, charge="100", paid="0", status="1"):
    return remittance(f"CLP*A1*{status}*{charge}*{paid}**CI*X1", f"SVC*HC:99213*{charge}*{paid}", *segments)


DENIED = [
    (("CAS*CO*197*100",), "authorization", "197"),
    (("CAS*CO*45*60**50*40",), "medical_necessity", "50"),  # the contract cut stands beside the refusal
    (("CAS*PR*27*100",), "eligibility", "27"),  # moved to the patient is refused all the same
    (("CAS*CO*16*100", "LQ*HE*N382"), "claim_data", "16"),
    (("CAS*CO*16*100", "LQ*HE*N706"), "documentation", "16"),  # the remark tells what 16 means
    (("CAS*OA*18*100",), "duplicate", "18"),
    (("CAS*CO*97*100",), "bundling", "97"),
    (("CAS*CO*22*100",), "coordination_of_benefits", "22"),
    (("CAS*CO*29*50**197*50",), "timely_filing", "29"),  # equal dollars: precedence
    (("CAS*CO*29*40**197*60",), "authorization", "197"),  # most dollars first
]


@pytest.mark.parametrize(("segments", "category", "carc"), DENIED)
def test_a_line_is_denied_by_what_carries_the_unpaid_part(tmp_path, segments, category, carc):
    con = derived(tmp_path, line(*segments))
    got = con.execute("SELECT initially_denied, denied_charge, category, carc FROM claims").fetchall()
    assert got == [(True, D(100), category, carc)]


NOT_DENIED = [
    ("CAS*PR*1*100",), ("CAS*PR*2*80**3*20",), ("CAS*CO*45*100",), ("CAS*OA*23*100",), ("CAS*CO*253*2", "CAS*CO*45*98"),
    ("CAS*CO*45*-5", "CAS*CO*45*105"), ("CAS*CO*97*0", "CAS*CO*45*100"), ("CAS*PR*1*95", "CAS*CO*97*5"),
]  # fmt: skip


@pytest.mark.parametrize("segments", NOT_DENIED)
def test_prices_shares_and_earlier_payers_are_no_denials(tmp_path, segments):
    con = derived(tmp_path, line(*segments))
    assert con.execute("SELECT initially_denied FROM claims").fetchall() == [(False,)]


def test_a_small_cut_on_a_paid_line_is_partial_not_denied(tmp_path):
    con = derived(tmp_path, line("CAS*CO*45*20**151*10", paid="70"))
    assert con.execute("SELECT initially_denied FROM claims").fetchall() == [(False,)]
    assert con.execute("SELECT is_partial, denied_amount FROM denials").fetchall() == [(True, D(10))]


def test_status_4_alone_is_no_denial_and_status_1_can_be_one(tmp_path):
    con = derived(tmp_path, line("CAS*PR*1*100", status="4"))
    assert con.execute("SELECT initially_denied FROM claims").fetchall() == [(False,)]


def test_a_claim_without_lines_is_denied_at_its_own_level(tmp_path):
    con = derived(tmp_path, remittance("CLP*A1*1*100*0**CI*X1", "CAS*CO*29*100"))
    assert con.execute("SELECT initially_denied, denied_amount, carc FROM claims").fetchall() == [(True, D(100), "29")]
    assert con.execute("SELECT line_number FROM denials").fetchall() == [(0,)]


def later(data: bytes, day: str, check: str) -> bytes:
    return data.replace(b"20260305", day.encode()).replace(b"CHECK1", check.encode())


def test_a_charge_denied_three_times_is_one_charge(tmp_path):
    first = line("CAS*CO*16*100", "LQ*HE*N382")
    con = derived(tmp_path, first, later(first, "20260405", "CHECK2"), later(first, "20260505", "CHECK3"))
    assert con.execute("SELECT denied_amount, first_decided_on FROM claims").fetchall() == [(D(100), date(2026, 3, 5))]
    assert con.execute("SELECT count(*), sum(CASE WHEN is_first THEN charge END) FROM denials").fetchall() == [
        (3, D(100))
    ]


def test_the_same_payment_in_two_files_counts_once(tmp_path):
    once = line("CAS*CO*45*20", paid="80")
    con = derived(
        tmp_path, once, once.replace(b"*000000001*0*P", b"*000000002*0*P").replace(b"*000000001~", b"*000000002~")
    )
    assert con.execute("SELECT paid FROM claims").fetchall() == [(D(80),)]


def test_a_reversal_and_its_correction_leave_the_net(tmp_path):
    first = line("CAS*CO*45*20", paid="80")
    again = remittance("CLP*A1*22*-100*-80**CI*X1", "SVC*HC:99213*-100*-80", "CAS*CO*45*-20",
                       "CLP*A1*1*100*60**CI*X2", "SVC*HC:99213*100*60", "CAS*CO*45*40")  # fmt: skip
    con = derived(tmp_path, first, later(again, "20260405", "CHECK2"))
    assert con.execute("SELECT paid, initially_denied, state FROM claims").fetchall() == [(D(60), False, "paid")]


def test_a_negated_denial_is_no_denial(tmp_path):
    con = derived(tmp_path, remittance("CLP*A1*22*-100*0**CI*X1", "SVC*HC:99213*-100*0", "CAS*CO*197*-100"))
    assert con.execute("SELECT count(*) FROM denials").fetchall() == [(0,)]


def test_the_ambulance_example_of_rfi_2570_balances(tmp_path):
    con = derived(tmp_path, remittance(
        "CLP*A1*2*1863*98.92**12*X1", "CAS*OA*23*395.68", "SVC*HC:A0429*1800*460.92", "CAS*OA*23*1339.08",
        "SVC*HC:A0425*63*33.68", "CAS*OA*23*29.32", paid="98.92"))  # fmt: skip
    assert con.execute("SELECT charge - adjusted - paid FROM remittances").fetchall() == [(D(0),)]
    assert con.execute("SELECT charge - adjusted - paid FROM remittance_lines").fetchall() == [(D(0),), (D(0),)]
    assert con.execute("SELECT initially_denied FROM claims").fetchall() == [(False,)]


def test_as_of_sees_only_what_was_known(tmp_path):
    files = (claim_837("A1"), line("CAS*CO*197*100"), later(line("CAS*CO*45*20", paid="80"), "20260405", "CHECK2"))
    con = derived(tmp_path, *files, as_of=date(2026, 3, 31))
    assert con.execute("SELECT paid, state FROM claims").fetchall() == [(D(0), "denied_open")]
    con = derive.open_practice(tmp_path / "s", "clinic", as_of=date(2026, 1, 31))
    assert con.execute("SELECT first_decided_on, state FROM claims").fetchall() == [(None, "submitted")]
    con = derive.open_practice(tmp_path / "s", "clinic", as_of=AS_OF)
    assert con.execute("SELECT paid, initially_denied, state FROM claims").fetchall() == [(D(80), True, "paid")]


LEDGER = b"""Claim ID,Patient Name,Visit Date,Txn Date,Txn Type,Adj Code,Adj Reason,Payer,Amount
A1,"QUILLFEATHER, ANN",01/05/2026,01/05/2026,Charge,,,ACME PPO,100.00
A1,"QUILLFEATHER, ANN",01/05/2026,06/05/2026,Adjustment,CA,contractual allowance,ACME PPO,-100.00
A2,"QUILLFEATHER, ANN",01/06/2026,01/06/2026,Charge,,,ACME PPO,50.00
A3,"MOSS, BO",01/07/2026,01/07/2026,Charge,,,,"$1,050.00"
A3,"MOSS, BO",01/07/2026,02/07/2026,Write-Off,TF,past timely filing - spoke w MOSS,,(1050.00)
A4,"MOSS, BO",01/08/2026,02/17/2026,Write-Off,XX,per manager,,-20.00
"""


def test_a_denial_posted_as_contractual_is_found_and_counted_under_its_reason(tmp_path):
    con = derived(tmp_path, line("CAS*CO*197*100"), LEDGER)
    got = con.execute(
        "SELECT claim_number, amount, leaf, root, mismatch FROM write_offs ORDER BY claim_number"
    ).fetchall()
    assert got == [("A1", D(100), "authorization", "unnecessary", True), ("A3", D(1050), "timely_filing", "unnecessary", False),
                   ("A4", D(20), "unclassified", "unclassified", False)]  # fmt: skip


def test_a_bad_ledger_row_is_listed_and_the_patient_is_not_stored(tmp_path):
    con = derived(tmp_path, LEDGER.replace(b",50.00", b",fifty"))
    assert con.execute("SELECT place, reason FROM rejects").fetchall() == [
        ('row 4, column "Amount"', "the amount can't be read")
    ]
    kept = con.execute(
        "SELECT string_agg(coalesce(reason, '') || coalesce(payer_name, ''), ' ') FROM ledger"
    ).fetchall()[0][0]
    assert "MOSS" not in kept and "QUILL" not in kept
    assert "timely filing" in kept


def test_wilson_agrees_with_the_published_example():
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662
    import pandas as pd

    lower, upper = stats.wilson(pd.Series([81]), pd.Series([263]))
    assert (round(float(lower[0]), 4), round(float(upper[0]), 4)) == (0.2553, 0.3662)


def test_measures_are_numerator_over_denominator(demo_con, demo_folder):
    import pandas as pd

    table = measures.measure(demo_con)
    shares = table[table["denominator"].notna() & table["numerator"].notna()]
    assert len(shares) > 500
    assert (shares["value"] - shares["numerator"] / shares["denominator"]).abs().max() < 1e-12
    rate = table[
        (table["measure"] == "initial_denial_rate")
        & (table["basis"] == "decision_month")
        & (table["dimension"] == "all")
    ]
    truth = pd.read_csv(demo_folder / "truth/kpis_by_month.csv")
    got = rate[["month", "denominator", "numerator"]].astype({"denominator": int, "numerator": int}).to_numpy().tolist()
    assert got == truth.to_numpy().tolist()


def test_every_decided_dollar_of_the_demo_ties_out(demo_con, demo_folder):
    import pandas as pd

    truth = pd.read_csv(demo_folder / "truth/claims.csv")
    got = demo_con.execute("SELECT claim_number, initially_denied, paid FROM claims").df()
    both = truth[truth["in_edi"] & truth["first_decision_date"].notna()].merge(
        got, on="claim_number", suffixes=("_truth", "")
    )
    assert len(both) > 2000
    assert (both["initially_denied"] == both["initially_denied_truth"]).all()
    assert (both["paid"].astype(float) - both["insurance_paid"]).abs().max() < 0.005


def test_write_offs_of_the_demo_land_in_the_right_root(demo_con, demo_folder):
    import pandas as pd

    truth = pd.read_csv(demo_folder / "truth/claims.csv").set_index("claim_number")
    got = demo_con.execute("SELECT claim_number, root, sum(amount)::DOUBLE AS amount FROM write_offs "
                           "WHERE leaf NOT IN ('contractual', 'regulatory') GROUP BY ALL").df()  # fmt: skip
    right = 0.0
    for root in ("necessary", "unnecessary"):
        mine = got[got["root"] == root].set_index("claim_number")["amount"].reindex(truth.index).fillna(0)
        right += mine.clip(upper=truth[f"writeoff_{root}"]).sum()
    total = truth[["writeoff_necessary", "writeoff_unnecessary"]].to_numpy().sum()
    assert right / total > 0.95


def test_the_world_reaches_the_figures_asked_for(shared, tmp_path):
    import pandas as pd

    world = shared / "worlds/a"
    ingest.ingest(Practice(tmp_path, "world"), [world / "edi.zip", world / "ledger.csv.zip"])
    con = derive.open_practice(tmp_path, "world", as_of=AS_OF)
    for table, source, money in (("remittances", "remits", "paid"), ("adjustments", "adjustments", "amount")):
        truth = pd.read_parquet(world / f"truth/{source}.parquet").query("in_edi")
        rows, dollars = con.execute(f"SELECT count(*), sum({money}) FROM {table}").fetchall()[0]
        assert (rows, f"{dollars:.2f}") == (len(truth), f"{truth[money].astype(float).sum():.2f}")
    truth = pd.read_parquet(world / "truth/claims.parquet")
    got = con.execute("SELECT claim_number, initially_denied AS denied FROM claims").df()
    both = truth[truth["in_edi"] & truth["first_decision_date"].notna()].merge(
        got, left_on="pcn", right_on="claim_number"
    )
    assert (both["denied"] == both["initially_denied"].astype(bool)).mean() >= 0.995
    chain = con.execute(
        "SELECT claim_number, string_agg(CASE WHEN kind = 'reversal' THEN 'reversal:' ELSE '' END || payer_claim_number, ' ' "
        "ORDER BY step) AS chain FROM episode_steps WHERE event = 'decision' GROUP BY 1"
    ).df()
    wanted = truth.assign(chain=truth["chain"].str.replace(r"(?!reversal:)\b[a-z_]+:", "", regex=True))
    chains = wanted[truth["in_edi"] & wanted["chain"].ne("")].merge(chain, left_on="pcn", right_on="claim_number")
    assert len(chains) == len(both) and (chains["chain_x"] == chains["chain_y"]).mean() >= 0.995
    lost = set(truth.loc[truth["final_outcome"].isin(["rejected_lost", "rejected_open"]), "pcn"])
    listed = {row[0] for row in con.execute("SELECT claim_number FROM claims WHERE state = 'rejected'").fetchall()}
    assert len(lost - listed) <= 1
    ledger = pd.read_parquet(world / "truth/ledger.parquet")
    hidden = ledger[
        (ledger["posted_class"] == "contractual") & ~ledger["true_class"].isin(["contractual", "sequestration"])
    ]
    flagged = {row[0] for row in con.execute("SELECT claim_number FROM write_offs WHERE mismatch").fetchall()}
    assert hidden.loc[hidden["pcn"].isin(flagged), "amount"].sum() / hidden["amount"].sum() >= 0.9
    canaries = set((world / "truth/canaries.txt").read_text().split("\n")) - {""}
    words = {part for value in texts_of(con) for part in value.replace(",", " ").split()}
    assert len(words) > 10_000
    assert not canaries & words and not [word for word in words if "QZX" in word]


def test_every_measure_has_a_month_and_a_definition(demo_con):
    table = by_month.measures_of_month(measures.measure(demo_con), month="2026-10")
    assert set(table["measure"]) == {m.name for m in measures.MEASURES}
    months = table.set_index(["measure", "basis"])["month"].to_dict()
    assert months["initial_denial_rate", "decision_month"] == "2026-10"
    assert months["initial_denial_rate", "service_month"] == "2026-07"
    assert months["overturn_rate", "decision_month"] == "2026-04"
    assert all(len(m.definition) > 40 and m.cited for m in measures.MEASURES)


def paid_837(number: str, *more: str, frequency: str = "1", on: str = "20260110") -> bytes:
    return claim_837(number, *more, frequency=frequency, on=on).replace(
        b"CLM*%b*250*" % number.encode(), b"CLM*%b*100*" % number.encode()
    )


def with_reference(number: str, reference: str, on: str) -> bytes:
    """A replacement that carries the payer's number of the claim it corrects."""
    whole = paid_837(number, frequency="7", on=on)
    return whole.replace(b"~HI*ABK", f"~REF*F8*{reference}~HI*ABK".encode())


def test_a_correction_under_another_number_belongs_to_the_same_episode(tmp_path):
    denied = line("CAS*CO*16*100", "LQ*HE*N382")
    paid = later(
        remittance("CLP*A1R*1*100*60**CI*X2", "SVC*HC:99213*100*60", "CAS*CO*45*40", paid="60"), "20260501", "C2"
    )
    con = derived(tmp_path, paid_837("A1"), denied, with_reference("A1R", "X1", "20260401"), paid)
    got = con.execute(
        "SELECT claim_number, charge, paid, initially_denied, submissions, link_rule FROM claims"
    ).fetchall()
    assert got == [("A1", D(100), D(60), True, 2, "payer_claim_number")]


def test_a_correction_of_a_correction_belongs_to_the_first_claim(tmp_path):
    second = later(remittance("CLP*A2*1*100*0**CI*X2", "SVC*HC:99213*100*0", "CAS*CO*16*100"), "20260501", "C2")
    con = derived(tmp_path, line("CAS*CO*16*100"), with_reference("A2", "X1", "20260401"), second,
                  with_reference("A3", "X2", "20260601"))  # fmt: skip
    assert con.execute("SELECT claim_number, denied_amount FROM claims").fetchall() == [("A1", D(100))]


def test_a_reference_that_fits_two_claims_links_nothing_and_is_listed(tmp_path):
    other = later(remittance("CLP*B7*1*100*0**CI*X1", "SVC*HC:99213*100*0", "CAS*CO*16*100"), "20260310", "C2")
    con = derived(tmp_path, line("CAS*CO*16*100"), other, with_reference("A9", "X1", "20260401"))
    assert con.execute("SELECT claim_number FROM claims ORDER BY 1").fetchall() == [("A1",), ("A9",), ("B7",)]
    listed = con.execute(
        "SELECT claim_number, earlier_number FROM claim_references WHERE ambiguous AND claim_number = 'A9' ORDER BY 2"
    )
    assert listed.fetchall() == [("A9", "A1"), ("A9", "B7")]


def test_references_in_a_circle_link_nothing(tmp_path):
    other = later(remittance("CLP*B7*1*100*0**CI*X7", "SVC*HC:99213*100*0", "CAS*CO*16*100"), "20260310", "C2")
    con = derived(
        tmp_path,
        line("CAS*CO*16*100"),
        other,
        with_reference("A1", "X7", "20260401"),
        with_reference("B7", "X1", "20260402"),
    )
    assert con.execute("SELECT claim_number FROM claims ORDER BY 1").fetchall() == [("A1",), ("B7",)]


def test_each_step_of_an_episode_says_what_it_was(tmp_path):
    reversal = later(remittance("CLP*A1*22*-100*0**CI*X1", "SVC*HC:99213*-100*0", "CAS*CO*16*-100"), "20260501", "C2")
    paid = later(
        remittance("CLP*A1*1*100*60**CI*X2", "SVC*HC:99213*100*60", "CAS*CO*45*40", paid="60"), "20260502", "C3"
    )
    less = later(remittance("CLP*A1*22*-100*-60**CI*X2", "SVC*HC:99213*-100*-60", "CAS*CO*45*-40", "CLP*A1*1*100*10**CI*X3",
                            "SVC*HC:99213*100*10", "CAS*CO*45*90", paid="-50"), "20260601", "C4")  # fmt: skip
    estimate = later(remittance("CLP*A1*25*100*0**CI*X9", "SVC*HC:99213*100*0", "CAS*OA*101*100"), "20260101", "C0")
    con = derived(tmp_path, paid_837("A1"), line("CAS*CO*16*100", "LQ*HE*N382"), with_reference("A1R", "X1", "20260401"),
                  reversal, paid, less, estimate)  # fmt: skip
    rows = con.execute("SELECT event, kind, payer_claim_number, link_rule FROM episode_steps ORDER BY step").fetchall()
    assert rows == [
        ("decision", "predetermination", "X9", "same_claim_number"),
        ("submission", "original", None, "same_claim_number"),
        ("decision", "first", "X1", "same_claim_number"),
        ("submission", "corrected", "X1", "payer_claim_number"),
        ("decision", "reversal", "X1", "same_claim_number"),
        ("decision", "corrected", "X2", "same_claim_number"),
        ("decision", "reversal", "X2", "same_claim_number"),
        ("decision", "takeback", "X3", "same_claim_number"),
    ]


def part(number: str, charge: str, paid: str, *adjusted: str) -> tuple[str, ...]:
    return (f"CLP*A1*1*{charge}*{paid}**CI*{number}", f"SVC*HC:99213*{charge}*{paid}", *adjusted)


def test_parts_of_a_split_claim_are_one_decision(tmp_path):
    con = derived(tmp_path, paid_837("A1"),
                  remittance(*part("X1", "40", "40"), *part("X2", "60", "0", "CAS*CO*197*60"), paid="40"))  # fmt: skip
    assert con.execute("SELECT charge, paid, initially_denied, denied_amount, carc, paid_after_first FROM claims").fetchall() == [
        (D(100), D(40), True, D(60), "197", False)
    ]  # fmt: skip
    assert con.execute("SELECT kind FROM episode_steps WHERE event = 'decision'").fetchall() == [("first",), ("first",)]


def test_a_payment_for_less_than_was_billed_is_no_part(tmp_path):
    con = derived(tmp_path, paid_837("A1"), remittance(*part("X1", "40", "0", "CAS*CO*16*40")),
                  later(remittance(*part("X2", "50", "50"), paid="50"), "20260401", "C2"))  # fmt: skip
    assert con.execute("SELECT initially_denied, denied_amount, paid_after_first FROM claims").fetchall() == [
        (True, D(40), True)
    ]
    assert con.execute("SELECT count(*) FROM decision_parts WHERE is_part").fetchall() == [(0,)]


def test_unprocessable_is_a_rejection_by_remittance_and_out_of_the_overturn_rate(tmp_path):
    con = derived(tmp_path, paid_837("A1"), line("CAS*CO*16*100", "MOA***MA130"), as_of=date(2026, 3, 20))
    assert con.execute("SELECT initially_denied, unprocessable FROM claims").fetchall() == [(True, True)]
    listed = con.execute("SELECT rejected_by, code, open_balance, rejected_on FROM rejected_claims").fetchall()
    assert listed == [("remittance", "16 MA130", D(100), date(2026, 3, 5))]
    paid = later(line("CAS*CO*45*40", paid="60"), "20260501", "C2")
    con = derived(tmp_path, paid_837("A1"), line("CAS*CO*16*100", "MOA***MA130"), paid)
    assert con.execute("SELECT count(*) FROM rejected_claims").fetchall() == [(0,)]
    assert measures.measure(con, names=("overturn_rate",)).empty


@pytest.mark.parametrize(("payer", "filing_code", "appeal", "window"), [
    # warned of at the shortest, past only at the longest that any source gives
    (b"ACME HEALTH", b"CI", 65, 365), (b"Aetna Life", b"CI", 180, 365),  # its own appeals, the class's corrections
    (b"AETNA MEDICARE", b"16", 65, 365),  # a named row is for claims of its class
])  # fmt: skip
def test_a_payer_that_is_named_has_clocks_of_its_own(tmp_path, payer, filing_code, appeal, window):
    denied = line("CAS*CO*197*100").replace(b"ACME HEALTH", payer).replace(b"**CI*X1", b"**%b*X1" % filing_code)
    last = date(2026, 3, 5) + timedelta(days=window)
    for day, state in ((last, "denied_open"), (last + timedelta(days=1), "open_past_window")):
        con = derived(tmp_path, denied, as_of=day)
        assert con.execute("SELECT state FROM claims").fetchall() == [(state,)]
    moments = pd.DataFrame({"claim_number": ["A1"], "known_on": [date(2026, 3, 5)]})
    clocks = features.features(con, moments)[["correct_by", "appeal_by"]] - pd.Timestamp(2026, 3, 5)
    assert clocks.iloc[0].dt.days.tolist() == [90, appeal]


def test_a_usual_deadline_that_passed_gives_up_nothing(tmp_path):
    con = derived(tmp_path, paid_837("A1"), line("CAS*CO*197*100"), as_of=date(2027, 6, 1))
    assert con.execute("SELECT count(*) FROM write_offs").fetchall() == [(0,)]
    assert con.execute("SELECT state, written_off, open_balance, write_off_basis FROM claims").fetchall() == [
        ("open_past_window", D(0), D(100), None)
    ]


def test_no_write_off_is_inferred_beside_a_ledger(tmp_path):
    ledger = b"claim_number,posting_date,transaction_type,amount\nA1,2026-01-10,charge,100.00\n"
    con = derived(tmp_path, paid_837("A1"), line("CAS*CO*197*100"), ledger, as_of=date(2027, 6, 1))
    assert con.execute("SELECT state, written_off, open_balance FROM claims").fetchall() == [
        ("open_past_window", D(0), D(100))
    ]


def test_what_is_not_linked_is_listed(tmp_path):
    con = derived(tmp_path, paid_837("A1"), paid_837("B1", on="20260201"), with_reference("C1", "NOWHERE", "20260301"))
    rows = con.execute(
        "SELECT claim_number, other_number, reason, reference FROM possible_links ORDER BY ALL"
    ).fetchall()
    assert ("B1", "A1", "the same services of the same patient on the same day", None) in rows
    assert ("C1", None, "the reference names no known claim", "NOWHERE") in rows
    assert con.execute("SELECT count(*) FROM claims").fetchall() == [(3,)]


def test_a_remittance_after_one_passed_on_is_a_crossover(tmp_path):
    first = line("CAS*CO*45*20", "CAS*PR*2*16", paid="64", status="19")
    second = later(
        remittance("CLP*A1*2*100*16**MC*Y1", "SVC*HC:99213*100*16", "CAS*OA*23*84", paid="16"), "20260401", "C2"
    )
    con = derived(tmp_path, paid_837("A1"), first, second.replace(b"ACME HEALTH*XV*77001", b"STATE*XV*88002"))
    kinds = con.execute("SELECT kind FROM episode_steps WHERE event = 'decision' ORDER BY step").fetchall()
    assert kinds == [("first",), ("crossover",)]


def test_everything_out_of_balance_is_listed_with_its_level(tmp_path):
    off = remittance("CLP*A1*1*100*60**CI*X1", "SVC*HC:99213*100*60", "CAS*CO*45*30", "PLB*1522003506*20261231*WO*5",
                     paid="60")  # fmt: skip
    table = by_month.unbalanced(derived(tmp_path, off))
    assert table[["level", "claim_number", "difference"]].values.tolist() == [
        ["claim", "A1", 10.0], ["service line", "A1", 10.0], ["transaction", "CHECK1", -5.0],
    ]  # fmt: skip


def acknowledged(
    *claims: tuple[str, str], source: str = "PR", on: str = "20260112", top: tuple[str, ...] = ()
) -> bytes:
    """A 277CA by a payer (PR) or clearinghouse (41), with (claim number, STC01) pairs."""
    body = [f"BHT*0085*08*K1*{on}*0630*TH", "HL*1**20*1", f"NM1*{source}*2*SOMEBODY*****46*77", "TRN*1*Q1", f"DTP*009*D8*{on}",
            "HL*2*1*21*1", "NM1*41*2*C*****46*S", "TRN*2*B1", *(top or (f"STC*A1:19:PR*{on}*WQ*500",)),
            "HL*3*2*19*1", "NM1*85*2*C*****XX*1522003506", "TRN*1*0", f"STC*A1:19:PR*{on}*WQ*250"]  # fmt: skip
    for i, (number, status) in enumerate(claims, 4):
        kind = "U" if status[:2] in ("A3", "A6", "A7", "A8") else "WQ"
        body += [f"HL*{i}*3*PT", f"TRN*2*{number}", f"STC*{status}*{on}*{kind}*250"]
    return envelope("HN", "277", "005010X214", body)


@pytest.mark.parametrize(("files", "rejected"), [
    ([acknowledged(("A1", "A7:562:85")), acknowledged(("A1", "A2:20"), on="20260115")], False),
    ([acknowledged(("A1", "A2:20")), acknowledged(("A1", "A7:562:85"), on="20260115")], True),
    ([acknowledged(("A1", "A2:20")), acknowledged(("A1", "A7:562:85"), source="AY", on="20260115")], False),
    ([acknowledged(("A1", "A7:562:85"), source="AY"), acknowledged(("A1", "A1:19"), source="AY", on="20260115")], False),
], ids=["payer last", "payer rejects last", "the payer outranks the clearinghouse", "clearinghouse last"])  # fmt: skip
def test_the_payers_last_status_counts(tmp_path, files, rejected):
    con = derived(tmp_path, claim_837("A1"), *files)
    assert con.execute("SELECT state = 'rejected', rejected FROM claims").fetchall() == [(rejected, True)]
    assert con.execute("SELECT count(*) FROM episode_steps WHERE event = 'acknowledgment'").fetchall() == [(2,)]


def test_a_rejection_by_the_clearinghouse_of_what_was_sent_later_counts(tmp_path):
    con = derived(tmp_path, claim_837("A1"), acknowledged(("A1", "A2:20")), claim_837("A1", on="20260201"),
                  acknowledged(("A1", "A7:562:85"), source="AY", on="20260203"))  # fmt: skip
    assert con.execute("SELECT state FROM claims").fetchall() == [("rejected",)]


def test_a_rejected_file_rejects_the_claims_in_it(tmp_path):
    whole = acknowledged(top=("STC*A3:24:40*20260112*U*500",))
    con = derived(tmp_path, claim_837("A1"), claim_837("B2", on="20260301"), whole)
    assert con.execute("SELECT claim_number, state FROM claims ORDER BY 1").fetchall() == [
        ("A1", "rejected"), ("B2", "submitted"),
    ]  # fmt: skip


POSTINGS = "claim_number,posting_date,transaction_type,posted_by,amount,code,reason"
AGREED = ("CAS*CO*45*50", "CAS*PR*2*20")  # of 150: 80 paid, 50 by contract, 20 by the patient
OPEN_BALANCES = {
    "paid in full": ([("CLP*A1*1*150*80**CI*X1", "SVC*HC:99213*150*80", *AGREED)], [], 0),
    "the contract is never open": ([("CLP*A1*1*250*0**CI*X1", "SVC*HC:99213*250*0", "CAS*CO*45*50**197*200")], [], 200),
    "a cut of the whole charge is no contract": ([("CLP*A1*1*90*0**CI*X1", "SVC*HC:99213*90*0", "CAS*CO*45*90")], [], 90),
    "a second payer settles": (
        [("CLP*A1*1*150*80**CI*X1", "SVC*HC:99213*150*80", *AGREED),
         ("CLP*A1*2*150*20**CI*Y1", "SVC*HC:99213*150*20", "CAS*OA*23*130")], [], 0),
    "an earlier payer of whom no file tells": (
        [("CLP*A1*2*150*20**CI*Y1", "SVC*HC:99213*150*20", "CAS*OA*23*130")], [], 0),
    "the copy is refused, the claim stays paid": (
        [("CLP*A1*1*150*80**CI*X1", "SVC*HC:99213*150*80", *AGREED),
         ("CLP*A1*1*150*0**CI*X2", "SVC*HC:99213*150*0", "CAS*OA*18*150")], [], 0),
    "a part answered again leaves the other part": (
        [("CLP*A1*1*350*80**CI*X1", "SVC*HC:99213*150*80", *AGREED, "SVC*HC:20610*200*0", "CAS*CO*16*200"),
         ("CLP*A1*1*200*110**CI*X1", "SVC*HC:20610*200*110", "CAS*CO*45*60", "CAS*PR*2*30")], [], 0),
    "what was written off is not open": (
        [("CLP*A1*1*250*0**CI*X1", "SVC*HC:99213*250*0", "CAS*CO*45*50**197*200")],
        ["A1,2026-01-05,charge,,250,,", "A1,2026-04-01,adjustment,,-200,AUT,no authorization"], 0),
    "a patient's share given up leaves the denied line open": (
        [("CLP*A1*1*250*0**CI*X1", "SVC*HC:99213*150*0", "CAS*PR*1*150", "SVC*HC:20610*100*0", "CAS*CO*197*100")],
        ["A1,2026-01-05,charge,,250,,", "A1,2026-04-01,write_off,,-150,BD,bad debt"], 100),
    "a later paper check closes it": (
        [("CLP*A1*1*100*0**CI*X1", "SVC*HC:99213*100*0", "CAS*CO*197*100")],
        ["A1,2026-01-05,charge,,100,,", "A1,2026-04-01,payment,insurance,-100,,"], 0),
}  # fmt: skip


@pytest.mark.parametrize("name", OPEN_BALANCES)
def test_open_is_what_nobody_settled_owes_or_gave_up(tmp_path, name):
    decisions, postings, wanted = OPEN_BALANCES[name]
    files = [
        remittance(*segments).replace(b"20260305", f"202603{5 + 7 * i:02d}".encode())
        for i, segments in enumerate(decisions)
    ]
    if postings:
        files.append("\n".join([POSTINGS, *postings]).encode())
    con = derived(tmp_path, *files, as_of=date(2026, 4, 30))
    assert con.execute("SELECT sum(open_balance), bool_and(closed_on IS NOT NULL) FROM claims").fetchall() == [
        (D(wanted), wanted == 0)
    ]


def test_rejections_tell_repeats_dollars_and_days_lost(tmp_path):
    con = derived(
        tmp_path,
        paid_837("A1", on="20260110"), acknowledged(("A1", "A7:164"), on="20260112"), paid_837("A1", on="20260115"),
        acknowledged(("A1", "A3:21"), on="20260117"), paid_837("A1", on="20260125"), acknowledged(("A1", "A2:20"), on="20260127"),
        paid_837("B1", on="20260110"), acknowledged(("B1", "A7:562"), on="20260113"),
        paid_837("C1", on="20260110"), acknowledged(("C1", "A2:20"), on="20260113"), as_of=date(2026, 2, 2),
    )  # fmt: skip
    rows = con.execute("SELECT claim_number, code, first_rejected_on, repeats, charge, resent, resent_on, through_on, days_lost "
                       "FROM rejections ORDER BY claim_number").fetchall()  # fmt: skip
    assert rows == [
        ("A1", "A7:164", date(2026, 1, 12), 1, D(100), True, date(2026, 1, 15), date(2026, 1, 25), 13),
        ("B1", "A7:562", date(2026, 1, 13), 0, D(100), False, None, None, 20),
    ]
