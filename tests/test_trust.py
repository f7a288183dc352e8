"""Pages that depend on the ledger: what is a guess is marked, and where a file is not understood, its figures are withheld."""

from __future__ import annotations

import pandas as pd
import pytest
from conftest import AS_OF
from disguises import Disguise, disguised

from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.measures import by_month
from rcm_analysis.pages import practice_audit, trust, write_offs
from rcm_analysis.pages.blocks import Finding, Heading, Numbers
from rcm_analysis.pages.phrases import with_guesses
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import practice

NAMES = ["file_id", "name", "sheet", "rows", "understood", "doubtful", "charges_checked", "charges_agree", "payments_checked",
         "payments_agree", "contractual_checked", "contractual_agree", "balances_agree", "reason", "left_over"]  # fmt: skip
GOOD = ("1", "july.csv", "", 4120, True, False, 300, 1.0, 200, 0.99, 100, 0.97, 1.0, "", "")
ALONE = ("2", "old.csv", "", 60, True, False, None, None, None, None, None, None, 1.0, "", "")
BAD = ("3", "august.csv", "", 4300, False, True, 280, 0.31, None, None, None, None, None, "charges agree on 31.0%", "")
REPLACED = ("4", "june.csv", "", 90, False, False, None, None, None, None, None, None, None, "", "Fee 7 (like 9.99)")


def files(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=NAMES).astype({"understood": bool, "doubtful": bool})


@pytest.mark.parametrize("rows, said", [
    ((), ""), ((GOOD,), ""), ((GOOD, REPLACED), ""),
    ((BAD,), "The ledger file (4,300 rows) is not understood. Write-offs"),
    ((GOOD, BAD), "1 of 2 ledger files (4,300 rows) is not understood. Write-offs"),
    ((GOOD, BAD, ("5", *BAD[1:])), "2 of 3 ledger files (8,600 rows) are not understood. Write-offs"),
])  # fmt: skip
def test_what_a_page_says_first(rows, said):
    told = trust.doubt(files(*rows))
    assert told.startswith(said) and bool(told) == bool(said)


@pytest.mark.parametrize("rows, said", [
    ((GOOD,), "The ledger agrees with the electronic files: charges on 100.0% of 300 claims, insurer payments on 99.0% of 200, contractual adjustments on 97.0% of 100."),
    ((GOOD, BAD), "charges on 100.0% of 300 claims"),
    ((ALONE,), "The ledger (60 postings) could not be checked"),
    ((GOOD, ALONE), "charges on 100.0% of 300 claims"),
])  # fmt: skip
def test_what_agreed_on_how_many_claims(rows, said):
    assert said in trust.agreement(files(*rows)).sentence


def test_nothing_agreed_where_nothing_is_understood():
    assert trust.agreement(files(BAD)) is None and trust.agreement(files()) is None


def test_the_table_says_which_file_is_not_understood_and_which_was_replaced():
    html = trust.checks(files(GOOD, BAD, REPLACED)).html()
    assert "no, replaced by a later file" in html and "charges agree on 31.0%" in html


def test_only_what_depends_on_the_ledger_is_withheld():
    tiles = Numbers([("Lost", "$12", "12 months"), ("Sent", "8", "claims")], headline=(0,), of_ledger=(0,))
    assert trust.without_ledger(tiles).figures == [("Lost", "withheld", trust.WHY), ("Sent", "8", "claims")]
    assert trust.without_ledger(Finding("$12 lost", of_ledger=True)) is None
    kept = Finding("8 claims sent"), Heading("Payers", 1)
    assert tuple(map(trust.without_ledger, kept)) == kept


def guesses(necessary=0.0, unnecessary=0.0) -> pd.Series:
    return pd.Series({"necessary": necessary, "unnecessary": unnecessary, "payer": 0.0})


def test_a_guess_is_marked_where_its_dollars_appear(demo_con):
    assert write_offs.not_confirmed(guesses()) is None
    said = write_offs.not_confirmed(guesses(100, 900)).sentence
    assert said.startswith(
        "Of these write-offs, $1,000 billed is inferred, not confirmed (see Posting codes to map on the write-offs page)"
    )
    notes = [note for _, _, note in write_offs.key_figures(demo_con, guesses(100, 900)).figures]
    assert "including $900 inferred, not confirmed" in notes[1]
    lost = practice_audit.key_figures(demo_con, guesses(100, 900)).figures[0]
    assert "including $900 inferred, not confirmed" in lost[2]
    assert with_guesses("12 months", 0.0) == "12 months"


def test_what_words_tell_is_no_guess(demo_con):
    told = "SELECT DISTINCT w.told_by FROM write_offs w WHERE w.code IN (SELECT code FROM ledger_codes WHERE evidence = 'words' AND confidence = 0.95)"
    assert ("evidence",) not in demo_con.execute(told).fetchall()
    assert not len(by_month.codes_from_evidence(demo_con).query("evidence == 'words' and shown == 0"))


def test_pages_of_a_ledger_that_is_not_understood_withhold(tmp_path):
    practice.write_practice(tmp_path / "in", claims=300, months=12, seed=5)
    ledger = tmp_path / "in/ledger.csv"
    whole = ledger.read_text()
    ledger.write_text(whole.replace(".00\n", ".50\n"))
    own = Practice(tmp_path / "s", "p")
    ingest.ingest(own, [tmp_path / "in/edi", ledger])
    view = derive.open_practice(tmp_path / "s", "p", as_of=AS_OF)
    assert "is not understood" in trust.of_ledger(view).sentence
    assert trust.shown(view, Finding("$12 lost", of_ledger=True)) is None
    assert trust.shown(view, Finding("8 sent")).sentence == "8 sent"
    ledger.write_text(whole)
    ingest.ingest(own, [ledger])
    view = derive.open_practice(tmp_path / "s", "p", as_of=AS_OF)
    assert trust.of_ledger(view) is None, "a later file took its place"
    assert "no, replaced by a later file" in trust.checks(trust.ledgers(view)).html()
    assert trust.shown(view, Finding("$12 lost", of_ledger=True)).sentence == "$12 lost"


def test_a_ledger_alone_says_what_could_not_be_checked(demo_folder, tmp_path):
    ingest.ingest(Practice(tmp_path / "s", "p"), [demo_folder / "ledger.csv"])
    ledgers = trust.ledgers(derive.open_practice(tmp_path / "s", "p", as_of=AS_OF))
    assert "could not be checked" in trust.agreement(ledgers).sentence and "yes" in trust.checks(ledgers).html()


def test_codes_without_words_are_guesses_until_they_are_confirmed(tmp_path):
    practice.write_practice(tmp_path / "in", claims=400, months=12, seed=5)
    ledger = tmp_path / "in/ledger.csv"
    ledger.write_text(disguised(ledger.read_text(), Disguise(types="opaque")))
    own = Practice(tmp_path / "s", "p")
    ingest.ingest(own, [tmp_path / "in/edi", ledger])
    view = derive.open_practice(tmp_path / "s", "p", as_of=AS_OF)
    before, codes = by_month.guessed(view), by_month.codes_from_evidence(view)
    assert before["unnecessary"] > 0 and codes["shown"].sum() > 0
    assert "ledger_codes.csv" in write_offs.codes_of_the_ledger(codes, "p").html()
    codes[["code", "leaf"]].to_csv(own.folder / "ledger_codes.csv", index=False)
    view = derive.open_practice(tmp_path / "s", "p", as_of=AS_OF)
    assert by_month.guessed(view).sum() == 0 and not len(by_month.codes_from_evidence(view))
