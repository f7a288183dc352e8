"""The comparison of a ledger with the electronic files: what is misread trips it, what has a name does not."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from rcm_analysis.spreadsheets.known import Known
from rcm_analysis.spreadsheets.reconciliation import check
from rcm_analysis.store import schema

CLAIMS = 400
DAY, LATER = pd.Timestamp("2026-02-05"), pd.Timestamp("2026-03-05")


def known() -> Known:
    """Each claim of 250 is paid 100 and cut by 110; every fourth was paid another 20 later."""
    claims = pd.DataFrame({"charge": 25000.0, "service": DAY, "payer": "ACME"}, index=[f"A{i}" for i in range(CLAIMS)])
    first = pd.DataFrame({"claim_number": claims.index, "day": DAY, "cents": 10000.0})
    second = pd.DataFrame({"claim_number": claims.index[::4], "day": LATER, "cents": 2000.0})
    cuts = pd.DataFrame({"claim_number": claims.index, "day": DAY, "cents": 11000.0})
    return Known(claims, pd.concat([first, second], ignore_index=True), cuts)


def ledger() -> pd.DataFrame:
    rows = []
    for i in range(CLAIMS):
        rows += [(f"A{i}", DAY, "charge", None, "250.00"), (f"A{i}", DAY, "payment", "insurance", "-100.00"), (f"A{i}", DAY, "adjustment", None, "-110.00"),
                 (f"A{i}", LATER, "payment", "patient", "-20.00")]  # fmt: skip
        rows += [(f"A{i}", LATER, "payment", "insurance", "-20.00")] if i % 4 == 0 else []
    rows += [("B1", pd.Timestamp("2026-06-30"), "charge", None, "90.00")]  # the remittances are old enough
    return pd.DataFrame(rows, columns=["claim_number", "known_on", "kind", "posted_by", "amount"])


def wrong(frame: pd.DataFrame, told: Known) -> list[str]:
    names = {field.name: field.type for field in schema.TABLES["ledger"].arrow()}
    table = pa.table({name: pa.array(frame[name], from_pandas=True) for name in frame})
    return check(pa.table({name: table[name].cast(names[name]) for name in frame}), told).wrong


def turned(frame: pd.DataFrame, rows: pd.Series) -> pd.DataFrame:
    return frame.assign(amount=frame["amount"].where(~rows, (-frame["amount"].astype(float)).map("{:.2f}".format)))


def test_a_ledger_that_agrees_is_taken():
    assert wrong(ledger(), known()) == []


@pytest.mark.parametrize("share", [1, 4, 12])
@pytest.mark.parametrize(
    "kind, said",
    [("charge", "charges agree"), ("payment", "insurer payments agree"), ("adjustment", "contractual cuts agree")],
)
def test_signs_that_are_taken_wrongly_trip_it(kind, said, share):
    frame = ledger()
    of = (
        (frame["kind"] == kind)
        & (frame["posted_by"] != "patient")
        & (frame["claim_number"].str[1:].astype(int) % share == 0)
    )
    assert any(said in reason for reason in wrong(turned(frame, of), known())), share


def test_patients_payments_taken_for_insurers_trip_it():
    frame = ledger()
    frame["posted_by"] = frame["posted_by"].replace("patient", "insurance")
    assert any("insurer payments agree" in reason for reason in wrong(frame, known()))


def test_payments_whose_remittances_are_missing_have_a_name():
    told = known()
    without = Known(
        told.claims,
        told.payments[(told.payments["day"] == DAY) | told.payments["claim_number"].isin(["A0", "A4"])],
        told.cuts,
    )
    assert [
        str(n)
        for n in wrong(
            ledger().query(
                "claim_number.str[1:].astype('int') % 8 != 0 or posted_by != 'insurance' or amount != '-20.00'"
            ),
            without,
        )
    ] == []


def test_cuts_that_are_taken_back_and_read_without_their_sign_trip_it():
    frame = ledger()
    back = frame[(frame["kind"] == "adjustment") & (frame["claim_number"].str[1:].astype(int) % 25 == 0)]
    assert wrong(pd.concat([frame, turned(back, back["amount"] != ""), back], ignore_index=True), known()) == []
    assert any(
        "more than was charged" in reason
        for reason in wrong(pd.concat([frame, back, back], ignore_index=True), known())
    )


def test_a_patients_credit_is_no_misreading():
    frame = ledger()
    more = frame[frame["posted_by"] == "patient"].assign(amount="-80.00")
    assert wrong(pd.concat([frame, more], ignore_index=True), known()) == []


def of_month(month: int) -> pd.DataFrame:
    return ledger().query("known_on.dt.month == @month").reset_index(drop=True)


@pytest.mark.parametrize("month", [2, 3, 6])
def test_a_months_export_is_held_against_its_own_days(month):
    assert wrong(of_month(month), known()) == []


@pytest.mark.parametrize("month", [2, 3])
def test_a_months_payments_that_are_misread_trip_it(month):
    frame = of_month(month)
    insurers = (frame["kind"] == "payment") & (frame["posted_by"] == "insurance")
    assert any("insurer payments agree" in reason for reason in wrong(turned(frame, insurers), known()))
    assert any("insurer payments agree" in reason for reason in wrong(frame[~insurers], known()))


def test_half_of_a_ledger_is_held_against_claims_that_it_holds_whole():
    later = pd.concat([of_month(3), of_month(6)], ignore_index=True)
    assert wrong(later, known()) == []
