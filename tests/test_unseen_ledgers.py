"""A ledger nobody has seen is understood or refused, never half: disguises of a known one, and what gives them away."""

from __future__ import annotations

import csv
import io
import tomllib
from datetime import datetime

import pandas as pd
import pytest
from disguises import SIX, Disguise, disguised
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from rcm_analysis.claims import derive
from rcm_analysis.cli import app
from rcm_analysis.intake import ingest
from rcm_analysis.spreadsheets import exports, ledgers
from rcm_analysis.spreadsheets.known import Known, gather
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import practice


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> tuple[str, Known]:
    """A ledger with headings that are known, and what the EDI beside it tells."""
    folder = tmp_path_factory.mktemp("seen")
    practice.write_practice(folder, claims=400, months=12, seed=5)
    own = Practice(folder / "s", "p")
    ingest.ingest(own, [folder / "edi"])
    return (folder / "ledger.csv").read_text(), gather(own.read)


def dollars(found: exports.Read) -> dict[tuple[str, str], float] | None:
    """Sums by kind and who paid; write-offs are adjustments. None where the ledger was refused."""
    if found.table is None:
        return None
    frame = found.table.select(["kind", "posted_by", "amount"]).to_pandas()
    kind = frame["kind"].replace("write_off", "adjustment")
    who = frame["posted_by"].where(kind == "payment", None).fillna("")
    sums = frame["amount"].astype(float).groupby([kind, who]).sum().round(2)
    return {key: value for key, value in sums.items() if key[0] not in ("transfer",) and value}


def read(text: str, known: Known) -> exports.Read:
    return exports.read("ledger.csv", text.encode(), raw=text.encode(), known=known)


def test_the_known_ledger_is_understood(seen):
    text, known = seen
    assert dollars(read(text, known))


@pytest.mark.parametrize(
    ("payer", "who"),
    [("MEDICARE PT B", "insurance"), ("SELF INSURED TRUST", "insurance"), ("PATIENT CHOICE HMO", "insurance"), ("CASH VALUE HEALTH", "insurance"),
     ("PATIENT", "patient"), ("SELF PAY", "patient"), ("PT RESPONSIBILITY", "patient"), ("Patient/Guarantor", "patient"), ("CASH", "patient")],
)  # fmt: skip
def test_a_payer_whose_name_has_a_word_for_patients_is_none(payer, who):
    assert ledgers._who("payment", payer, "", "") == who


def test_a_ledger_with_such_a_payer_agrees_with_the_edi(tmp_path):
    practice.write_practice(tmp_path, claims=400, months=12, seed=5, payers="prairie")
    own = Practice(tmp_path / "s", "p")
    ingest.ingest(own, [tmp_path / "edi"])
    sums = dollars(read((tmp_path / "ledger.csv").read_text(), gather(own.read)))
    table = pd.read_csv(tmp_path / "ledger.csv")
    insurers = table["Transaction"].str.startswith("Insurance")
    assert sums and sums["payment", "insurance"] + sums.get(("refund", ""), 0) == pytest.approx(
        table.loc[insurers, "Amount"].sum()
    )


@pytest.mark.parametrize("name", SIX)
def test_a_disguise_changes_no_dollar(seen, name):
    text, known = seen
    assert dollars(read(disguised(text, SIX[name]), known)) == dollars(read(text, known))


WAYS = st.builds(
    Disguise, st.sampled_from(["kept", "letters", "strange"]), st.sampled_from(["kept", "opaque", "foreign", "none"]),
    st.sampled_from(["signed", "turned", "brackets", "positive", "sides", "sides_signed", "several"]),
    st.sampled_from(["kept", "lower", "zeros", "cut"]), st.sampled_from(["nothing", "titles", "balance", "dates_iso", "semicolons"]),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(how=WAYS)
def test_dollars_are_equal_or_the_ledger_is_refused(seen, how):
    text, known = seen
    got = dollars(read(disguised(text, how), known))
    assert got is None or got == dollars(read(text, known))


def test_a_refused_ledger_names_what_is_left_and_stores_nothing(seen):
    text, known = seen
    lines = text.splitlines()
    more = "\n".join([lines[0] + ",Fee 7", *(f"{line},{i % 90 + 1}.37" for i, line in enumerate(lines[1:]))])
    found = read(more, known)
    assert found.table is None
    assert '"Fee 7" (like 9.99, 99.99)' in found.notes[0].reason


def test_a_ledger_beside_other_edi_is_refused(seen):
    text, known = seen
    off = text.replace(".00\n", ".50\n")
    found = read(off, known)
    assert found.table is None and "charges agree on" in found.notes[0].reason


def test_what_edi_of_the_same_ingest_tells_counts(seen, tmp_path):
    text, _ = seen
    practice.write_practice(tmp_path / "in", claims=400, months=12, seed=5)
    (tmp_path / "in/ledger.csv").write_text(disguised(text, SIX["sides"]))
    outcome = ingest.ingest(Practice(tmp_path / "s", "p"), [tmp_path / "in/ledger.csv", tmp_path / "in/edi"])
    assert {file["status"] for file in outcome.files} == {"accepted"}


def ledger_of(store, day: str) -> pd.DataFrame:
    """The postings as understood on a day."""
    view = derive.open_practice(store, "p", as_of=day)
    return view.sql("SELECT * EXCLUDE (file_id) FROM ledger ORDER BY row")


def test_a_ledger_before_its_edi_waits_and_is_understood_once_it_is_there(seen, tmp_path):
    text, _ = seen
    practice.write_practice(tmp_path / "in", claims=400, months=12, seed=5)
    (tmp_path / "in/ledger.csv").write_text(disguised(text, SIX["sides"]))
    early, late = Practice(tmp_path / "early", "p"), Practice(tmp_path / "late", "p")
    first = ingest.ingest(early, [tmp_path / "in/ledger.csv"])
    assert first.files[0]["status"] == "partly" and "ingest the EDI of its claims" in first.files[0]["reason"]
    assert ledger_of(early.root, "2026-12-31").empty
    second = ingest.ingest(early, [tmp_path / "in/edi"])
    assert second.understood_now == ["ledger.csv"]
    assert {row["name"]: row["status"] for row in early.files().to_pylist()}["ledger.csv"] == "accepted"
    ingest.ingest(late, [tmp_path / "in/edi"])
    ingest.ingest(late, [tmp_path / "in/ledger.csv"])
    for day in ("2026-12-31", "2026-06-30"):
        one, other = ledger_of(early.root, day), ledger_of(late.root, day)
        assert len(one) > 500
        pd.testing.assert_frame_equal(one, other)
    for table in ("ledger_cells", "ledger_sheets"):
        one, other = (own.connect().execute(f"SELECT * FROM {table} ORDER BY ALL").df() for own in (early, late))
        pd.testing.assert_frame_equal(one, other)


LANGUAGES = exports.Mapping(
    {"claim_number": "tisiVx", "posted_on": "etaD tsoPx", "kind": "noitcasnarTx", "amount": "tnuomAx"},
    {"Leistung": "charge", "Kassenzahlung": "payment", "Eigenzahlung": "payment", "Korrektur": "adjustment",
     "Ausbuchung": "write_off", "Storno": "refund", "Umbuchung": "transfer"}, date_order="month_first",
)  # fmt: skip


def test_a_mapping_tells_what_a_stored_ledger_is(seen, tmp_path):
    text, _ = seen
    (tmp_path / "ledger.csv").write_text(disguised(text, SIX["languages"]))
    own = Practice(tmp_path / "s", "p")
    assert ingest.ingest(own, [tmp_path / "ledger.csv"]).files[0]["status"] == "partly"
    assert ingest.ingest(own, [tmp_path / "ledger.csv"], mapping=LANGUAGES).files[0]["status"] == "accepted"
    assert len(ledger_of(own.root, "2026-12-31")) == len(text.splitlines()) - 1


def of_months(text: str, months: str) -> str:
    """The rows of a ledger that were posted in some months, as 07 08."""
    head, *lines = text.splitlines()
    place = next(csv.reader([head])).index("Post Date")
    return "\n".join([head, *(line for line in lines if next(csv.reader([line]))[place][:2] in months.split())]) + "\n"


def test_the_next_export_of_a_layout_is_read_as_the_one_before(seen, tmp_path):
    text, _ = seen
    practice.write_practice(tmp_path / "in", claims=400, months=12, seed=5)
    own = Practice(tmp_path / "s", "p")
    head, *lines = disguised(text, SIX["brackets"]).splitlines()[2:-1]
    days = [datetime.strptime(next(csv.reader([line]))[3], "%m/%d/%Y") for line in lines]
    some = sorted(set(days))[150:164]  # too few to tell what each code means
    small = [line for line, day in zip(lines, days, strict=True) if day in some]
    (tmp_path / "in/last.csv").write_text("\n".join([head, *lines]))
    (tmp_path / "in/this.csv").write_text("\n".join([head, *small]))
    ingest.ingest(own, [tmp_path / "in/edi"])
    outcome = ingest.ingest(own, [tmp_path / "in/last.csv"])
    assert not outcome.with_warnings()
    outcome = ingest.ingest(own, [tmp_path / "in/this.csv"])
    assert [file["status"] for file in outcome.files] == ["accepted"] and not outcome.with_warnings()
    assert len(ledger_of(own.root, "2026-12-31")) == len(lines)  # it holds nothing that the one before does not
    alone = Practice(tmp_path / "alone", "p")
    ingest.ingest(alone, [tmp_path / "in/edi"])
    assert ingest.ingest(alone, [tmp_path / "in/this.csv"]).files[0]["status"] == "partly"


def test_a_confirmed_layout_needs_no_mapping_the_next_time(seen, tmp_path):
    text, _ = seen
    own = Practice(tmp_path / "s", "p")
    for name, months in (("first", "01 02 03 04 05 06"), ("second", "07 08 09 10 11 12")):
        (tmp_path / f"{name}.csv").write_text(disguised(of_months(text, months), SIX["languages"]))
    assert ingest.ingest(own, [tmp_path / "second.csv"]).files[0]["status"] == "partly"
    ingest.ingest(own, [tmp_path / "first.csv"], mapping=LANGUAGES)
    assert len(ledger_of(own.root, "2026-12-31")) == len(text.splitlines()) - 1


def test_a_changed_layout_is_said(seen, tmp_path):
    text, _ = seen
    own = Practice(tmp_path / "s", "p")
    practice.write_practice(tmp_path / "in", claims=400, months=12, seed=5)
    ingest.ingest(own, [tmp_path / "in/edi", tmp_path / "in/ledger.csv"])
    (tmp_path / "next.csv").write_text(text.replace("Adj Code,", "Reason Cd,", 1))
    outcome = ingest.ingest(own, [tmp_path / "next.csv"])
    (warned,) = outcome.with_warnings()
    assert "the layout differs from that of earlier ledgers (new: Reason Cd; gone: Adj Code)" in warned["reason"]


def test_a_dry_run_says_how_a_ledger_is_understood_and_stores_nothing(seen, tmp_path):
    text, _ = seen
    practice.write_practice(tmp_path / "in", claims=400, months=12, seed=5)
    (tmp_path / "in/ledger.csv").write_text(disguised(text, SIX["sides"]))
    told = [
        "ingest",
        str(tmp_path / "in/edi"),
        str(tmp_path / "in/ledger.csv"),
        "--practice",
        "p",
        "--store",
        str(tmp_path / "s"),
    ]
    result = CliRunner().invoke(app, [*told, "--check"])
    assert result.exit_code == 0
    assert '"A" is claim_number: 100% of its numbers are in the electronic files' in result.output
    assert "charge: K1" in result.output and "persons" in result.output and "charges agree on 100.0%" in result.output
    assert not (tmp_path / "s").exists()


def test_how_a_ledger_stands_beside_the_edi_is_a_table(seen, tmp_path):
    text, _ = seen
    practice.write_practice(tmp_path / "in", claims=400, months=12, seed=5)
    lines = text.splitlines()
    more = "\n".join([lines[0] + ",Fee 7", *(f"{line},{i % 90 + 1}.37" for i, line in enumerate(lines[1:]))])
    (tmp_path / "in/strange.csv").write_text(more)
    ingest.ingest(
        Practice(tmp_path / "s", "p"), [tmp_path / "in/ledger.csv", tmp_path / "in/strange.csv", tmp_path / "in/edi"]
    )
    view = derive.open_practice(tmp_path / "s", "p", as_of="2026-12-31")
    good, strange = view.sql("SELECT * FROM ledger_understanding ORDER BY understood DESC").to_dict("records")
    assert good["understood"] and good["rows"] == len(lines) - 1 and good["charges_agree"] > 0.97
    assert good["payments_checked"] > 50 and good["contractual_agree"] > 0.9 and good["balances_agree"] > 0.9
    assert not strange["understood"] and strange["left_over"] == '"Fee 7" (like 9.99, 99.99)'


def test_a_proposed_mapping_names_every_heading_and_type_of_an_unknown_ledger(seen):
    text, known = seen
    for kept in (known, Known()):
        told = exports.propose([(disguised(text, SIX["sides"]).encode(),) * 2], kept)
        assert told is not None and "[ledger.columns]" in told and "[denials" not in told
        assert all(f'"{letter}"' in told for letter in "ABCDEFGHIJ")
        assert not any(row["Patient"] in told for row in csv.DictReader(io.StringIO(text)))
    assert all(code in told for code in ("K1", "R4", "J7", "X3"))
    mapping = tomllib.loads(exports.propose([(text.encode(),) * 2], known))
    assert mapping["ledger"]["kinds"]["Insurance Takeback"] == "payment"


PRIVATE = """Acct,Name,Birth Date,SSN,Home Phone,Tx Date,Type,Memo,Amount
{rows}
"""
UNTOLD = """A,B,C,D,E,F,G,H,I
{rows}
"""


@pytest.mark.parametrize("headings", [PRIVATE, UNTOLD])
def test_no_cell_of_a_person_is_stored(tmp_path, headings):
    names = ["QUILLFEATHER, ANN", "MOSSBANK, BO", "THORNWICK, CY", "VELDHUIS, DEE"]
    rows = [
        f'7{i:04d}-{i % 7},"{names[i % 4]}",{1940 + i % 60}-03-1{i % 9},{200 + i}-4{i % 9}-{6000 + i},(555) 201-{4000 + i},'
        f"2026-0{1 + n}-1{i % 9},{kind},{memo.format(names[i % 4].split(',')[0].title())},{amount}.00"
        for i in range(60)
        for n, (kind, memo, amount) in enumerate(
            [("Charge", "", 100), ("Payment", "check from {}", -60), ("Adj", "per {}", -40)]
        )
    ]
    (tmp_path / "ledger.csv").write_text(headings.format(rows="\n".join(rows)))
    own = Practice(tmp_path / "s", "p")
    outcome = ingest.ingest(own, [tmp_path / "ledger.csv"])
    con = own.connect()
    kept = " ".join(
        str(con.execute(f"SELECT * FROM {table}").fetchall()) for table in ("ledger_sheets", "ledger_cells")
    )
    assert "70000-0" in kept and "2026-01-10" in kept and "100.00" in kept
    everything = f"{kept} {outcome.files} {outcome.rejects} {outcome.said}".lower()
    for word in ("quillfeather", "mossbank", "thornwick", "veldhuis", "1940-03", "200-40", "(555)"):
        assert word not in everything, word


def test_a_day_is_understood_as_if_the_export_had_been_made_then(seen, tmp_path):
    text, _ = seen
    practice.write_practice(tmp_path / "in", claims=400, months=12, seed=5)
    head, *lines = disguised(text, SIX["sides"]).splitlines()
    place = 3  # of the day of posting, month first
    days = [datetime.strptime(next(csv.reader([line]))[place], "%m/%d/%Y") for line in lines]
    middle = sorted(days)[len(days) // 2]
    (tmp_path / "in/all.csv").write_text("\n".join([head, *lines]))
    (tmp_path / "in/then.csv").write_text(
        "\n".join([head, *(line for line, day in zip(lines, days, strict=True) if day <= middle)])
    )
    found = []
    for name, order in (("all", ["ledger", "edi"]), ("then", ["edi", "ledger"])):
        own = Practice(tmp_path / name, "p")
        for what in order:
            ingest.ingest(own, [tmp_path / "in" / (f"{name}.csv" if what == "ledger" else what)])
        # a payer's name keeps the words that stand on five claims of its file
        found.append(ledger_of(own.root, middle.date().isoformat()).drop(columns=["row", "payer_name"]))
    assert 500 < len(found[0]) < len(lines)
    pd.testing.assert_frame_equal(*found)


@pytest.mark.parametrize("parts", [2, 3])
def test_parts_of_a_ledger_tell_the_same_dollars_or_are_refused(tmp_path, parts):
    practice.write_practice(tmp_path, claims=1500, months=24, seed=11)
    own = Practice(tmp_path / "s", "p")
    ingest.ingest(own, [tmp_path / "edi"])
    known = gather(own.read)
    head, *rows = disguised((tmp_path / "ledger.csv").read_text(), Disguise(types="opaque")).splitlines(keepends=True)
    size = -(-len(rows) // parts)
    told = [dollars(read("".join([head, *rows[i : i + size]]), known)) for i in range(0, len(rows), size)]
    whole = dollars(read("".join([head, *rows]), known))
    assert None in told or {k: round(sum(part.get(k, 0) for part in told), 2) for k in whole} == pytest.approx(whole)
    assert not any(part and part.get(("charge", ""), 0) < 0 for part in told)
