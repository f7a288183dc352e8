"""Remittances that the ledger shows to be missing: by payer and month, with their dollars."""

from __future__ import annotations

from decimal import Decimal as D

import pandas as pd
import pytest
from conftest import AS_OF, claim_837, remittance
from typer.testing import CliRunner

from rcm_analysis.claims import derive
from rcm_analysis.cli import app
from rcm_analysis.intake import ingest
from rcm_analysis.pages import data_quality
from rcm_analysis.store.practice import Practice

HEAD = "Claim ID,Patient Name,Visit Date,Txn Date,Txn Type,Adj Code,Adj Reason,Payer,Amount"


def posted(number: str, on: str, amount: str, payer: str = "ACME PPO", kind: str = "Insurance Payment") -> str:
    return f'{number},"MOSS, BO",2026-01-05,{on},{kind},,,{payer},{amount}'


def charge(number: str, payer: str = "ACME PPO") -> str:
    return posted(number, "2026-01-06", "250.00", payer, "Charge")


def paid(number: str, on: str, amount: str = "100") -> bytes:
    """One 835 of the day that pays the claim."""
    data = remittance(
        f"CLP*{number}*1*250*{amount}**CI*X{number}", f"SVC*HC:99213*250*{amount}", f"CAS*CO*45*{250 - int(amount)}"
    )
    return data.replace(b"20260305", on.encode()).replace(b"CHECK1", f"CHECK{on}{number}".encode())


def missing(tmp_path, rows: list[str], *files: bytes) -> list[tuple]:
    numbers = sorted({row.split(",")[0] for row in rows})
    sent = [claim_837(number) for number in numbers if not number.startswith("Z")]
    for i, data in enumerate([*sent, *files, "\n".join([HEAD, *rows, ""]).encode()]):
        (tmp_path / f"{i}.txt").write_bytes(data)
    ingest.ingest(Practice(tmp_path / "s", "clinic"), sorted(tmp_path.glob("*.txt")))
    view = derive.open_practice(tmp_path / "s", "clinic", as_of=AS_OF)
    return view.execute(
        "SELECT payer_name, month, kind, claims, payments, amount, told FROM missing_remittances ORDER BY ALL"
    ).fetchall()


FEBRUARY, MARCH, APRIL = (paid("A1", "20260205"), paid("A2", "20260305"), paid("A3", "20260405"))


def ledger(*more: str) -> list[str]:
    told = [("A1", "2026-02-06"), ("A2", "2026-03-06"), ("A3", "2026-04-06")]
    return [row for number, on in told for row in (charge(number), posted(number, on, "-100.00"))] + list(more)


def test_nothing_is_missing_where_every_payment_is_told(tmp_path):
    assert missing(tmp_path, ledger(), FEBRUARY, MARCH, APRIL) == []


def test_a_file_that_was_not_given_is_named_by_payer_and_month(tmp_path):
    assert missing(tmp_path, ledger(), FEBRUARY, APRIL) == [("ACME HEALTH", "2026-03", "gap", 1, 1, D(100), 0)]


def test_a_month_of_which_some_came_says_how_many(tmp_path):
    more = (charge("A4"), posted("A4", "2026-03-09", "-60.00"), posted("A4", "2026-03-09", "-20.00"))
    got = missing(tmp_path, ledger(*more), FEBRUARY, MARCH, APRIL)
    assert got == [("ACME HEALTH", "2026-03", "gap", 1, 2, D(80), 1)]


def test_months_outside_those_that_are_there_are_no_gap(tmp_path):
    got = missing(tmp_path, ledger(), MARCH)
    assert [(month, kind) for _, month, kind, *_ in got] == [("2026-02", "before_first"), ("2026-04", "after_last")]


def test_a_payer_that_sends_no_remittance_at_all_is_told_apart(tmp_path):
    more = (charge("Z9", "LIBERTY AUTO"), posted("Z9", "2026-03-09", "-200.00", "LIBERTY AUTO"))
    got = missing(tmp_path, ledger(*more), FEBRUARY, MARCH, APRIL)
    assert got == [("LIBERTY AUTO", "2026-03", "none_of_payer", 1, 1, D(200), 0)]


def test_a_payment_posted_in_parts_is_told(tmp_path):
    rows = [charge("A1"), posted("A1", "2026-02-06", "-70.00"), posted("A1", "2026-02-09", "-30.00")]
    assert missing(tmp_path, rows, FEBRUARY) == []


def test_a_second_payment_without_its_remittance_is_missing(tmp_path):
    more = (posted("A2", "2026-04-20", "-45.00"),)
    got = missing(tmp_path, ledger(*more), FEBRUARY, MARCH, APRIL)
    assert got == [("ACME HEALTH", "2026-04", "gap", 1, 1, D(45), 1)]


def test_rcm_files_lists_what_is_missing(tmp_path):
    missing(tmp_path, ledger(), FEBRUARY, APRIL)
    told = CliRunner().invoke(app, ["files", "--practice", "clinic", "--store", str(tmp_path / "s"), "--missing"])
    assert told.exit_code == 0 and "ACME HEALTH" in told.output and "2026-03" in told.output


def test_ingest_says_what_is_missing(tmp_path):
    files = [claim_837(number) for number in ("A1", "A2", "A3")] + [
        FEBRUARY,
        APRIL,
        "\n".join([HEAD, *ledger(), ""]).encode(),
    ]
    for i, data in enumerate(files):
        (tmp_path / f"{i}.txt").write_bytes(data)
    told = CliRunner().invoke(
        app,
        [
            "ingest",
            *(str(tmp_path / f"{i}.txt") for i in range(len(files))),
            "--practice",
            "clinic",
            "--store",
            str(tmp_path / "s"),
        ],
    )
    assert "missing:      remittances of 1 claim that insurers paid $100.00 by the ledger" in told.output
    assert "rcm files --practice clinic --missing" in told.output.replace("\n", " ")


GAP = ("ATLAS", "2026-03", "gap", 36, 38, 41200.0, 7)
SECOND = ("ATLAS", "2026-05", "gap", 1, 2, 800.0, 9)
PAPER = ("LIBERTY AUTO", "2026-05", "none_of_payer", 1, 1, 950.0, 0)
EARLY = ("ATLAS", "2025-01", "before_first", 1, 1, 60.0, 0)


@pytest.mark.parametrize("rows, said", [
    ([], ""),
    ([GAP, SECOND], "40 insurer payments of $42,000 in the ledger have no remit, though other remits of the payer were loaded. Files are missing, or the answer came on paper. "
                    "Most are from March 2026: $41,200 of Atlas."),
    ([GAP, PAPER], "38 insurer payments of $41,200 in the ledger have no remit, though other remits of the payer were loaded. Files are missing, or the answer came on paper. "
                   "Most are from March 2026: $41,200 of Atlas. More have none to expect: $950 of payers that send no remits."),
    ([PAPER, EARLY], "2 insurer payments of $1,010 in the ledger have no remit: $950 of payers that send no remits, $60 before the first remit."),
])  # fmt: skip
def test_what_the_page_says_of_missing_remittances(rows, said):
    names = ["payer_name", "month", "kind", "claims", "payments", "amount", "told"]
    found = data_quality.untold_payments(pd.DataFrame(rows, columns=names))
    assert (found.sentence if found else "") == said


def test_the_table_shows_what_is_there_in_words():
    names = ["payer_name", "month", "kind", "claims", "payments", "amount", "told"]
    html = data_quality.missing_remittances(pd.DataFrame([GAP, PAPER], columns=names)).html()
    assert "None of payer" in html and "$41,200" in html
