"""What codes without words mean: by amounts, by time and by what else the code is used for."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pytest
from test_claims import derived, line

from rcm_analysis.claims import posting_meanings as meanings

HEAD = "claim_number,posting_date,transaction_type,amount,code,reason,payer,procedure\n"


def leaves(tmp_path, rows: list[tuple], *files: bytes) -> dict:
    """The leaf of each claim's write-off under a code that no words explain."""
    text = HEAD + "".join(",".join(str(cell) for cell in row) + "\n" for row in rows)
    con = derived(tmp_path, *files, text.encode(), as_of=date(2027, 1, 31))
    return dict(con.execute("SELECT claim_number, leaf FROM write_offs").fetchall())


@pytest.mark.parametrize(("given_up", "after", "leaf"), [
    (10, 3, "prompt_pay"),  # a tenth of what was owed, days after the rest was paid
    (17, 3, "charity"),  # no usual discount
    (10, 40, "charity"),  # long after the payment
])  # fmt: skip
def test_a_discount_is_told_by_its_share_and_its_day(tmp_path, given_up, after, leaf):
    rows = []
    for i in range(8):
        number, paid = f"A{i}", date(2026, 3, 2)
        rows += [(number, "2026-01-10", "charge", 100, "", "", "PATIENT", "99213"),
                 (number, paid, "payment", given_up - 100, "", "", "PATIENT", ""),
                 (number, date(2026, 2, 25), "transfer", 0, "", "", "PATIENT", ""),
                 (number, paid + timedelta(days=after), "adjustment", -given_up, "Q7", "", "PATIENT", "")]  # fmt: skip
    assert set(leaves(tmp_path, rows).values()) == {leaf}


def test_a_code_that_only_trips_have_is_the_membership(tmp_path):
    rows = []
    for i in range(20):
        code, procedure = ("Q1", "A0429") if i % 2 else ("Q2", "A0429" if i < 6 else "99213")
        rows += [(f"A{i}", "2026-01-10", "charge", 700 + i, "", "", "PATIENT", procedure),
                 (f"A{i}", "2026-02-10", "adjustment", -700 - i, code, "", "PATIENT", "")]  # fmt: skip
    got = leaves(tmp_path, rows)
    assert {got[f"A{i}"] for i in range(1, 20, 2)} == {"subscription"}
    assert {got[f"A{i}"] for i in range(0, 20, 2)} == {"charity"}


def codes_judged(shares: list[int], missed: float) -> np.ndarray:
    """What a code means whose postings tell so many of each meaning; the last meaning is a missed appeal."""
    likelihood = np.full((sum(shares), len(shares) + 1), meanings.NOTHING)
    likelihood[np.arange(sum(shares)), np.repeat(np.arange(len(shares)), shares)] = 1.0
    group = np.zeros(len(likelihood), int)
    mean = meanings._means_of_codes(likelihood, group)
    return meanings._plain_codes(mean, likelihood, group, np.full(len(likelihood), missed), len(shares))[0]


def test_a_code_for_denials_of_every_reason_is_for_missed_appeals():
    assert codes_judged([5, 3, 3, 2, 2, 2], missed=0.3)[-1] == 1.0
    assert codes_judged([14, 1, 1, 1], missed=0.3)[0] > 0.6  # one reason, and answers that told nothing


def test_a_code_for_everything_says_nothing():
    mean = codes_judged([5, 5, 5, 5, 5], missed=0.02)
    assert mean == pytest.approx(np.full(6, 1 / 6))


def test_a_denial_under_the_code_of_contract_cuts_is_posted_as_contractual(tmp_path):
    files, rows = [], []
    for i in range(9):
        number = f"C{i}"
        files += [line("CAS*CO*45*20", paid="80").replace(b"*A1*", f"*{number}*".encode())]
        rows += [(number, "2026-01-10", "charge", 100, "", "", "ACME", "99213"), (number, "2026-03-06", "payment", -80, "", "", "ACME", ""),
                 (number, "2026-03-06", "adjustment", -20, "K1", "", "ACME", "")]  # fmt: skip
    denied = line("CAS*PR*96*100").replace(b"99213", b"A0998")
    rows += [("A1", "2026-01-10", "charge", 100, "", "", "ACME", "A0998"), ("A1", "2026-04-01", "transfer", 100, "", "", "PATIENT", ""),
             ("A1", "2026-04-20", "adjustment", -100, "K1", "", "PATIENT", "")]  # fmt: skip
    text = HEAD + "".join(",".join(str(cell) for cell in row) + "\n" for row in rows)
    con = derived(tmp_path, denied, *files, text.encode(), as_of=date(2027, 1, 31))
    got = con.execute(
        "SELECT claim_number, amount, leaf, mismatch FROM write_offs WHERE claim_number IN ('A1', 'C0') ORDER BY 1"
    ).fetchall()
    assert got == [("A1", D(100), "dry_run", True), ("C0", D(20), "contractual", False)]
