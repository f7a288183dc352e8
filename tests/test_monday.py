"""The first page of practices that have everything, no ledger, no claims, one month, no denials, ambulance only, or nothing."""

from __future__ import annotations

import html
import json
import re
import types
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import AS_OF, ROOT, claim_837, remittance
from voice import found as banned

from rcm_analysis.charts import money, svg
from rcm_analysis.intake import ingest
from rcm_analysis.measures import by_month
from rcm_analysis.pages import blocks, monday, places, work_queue
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import practice
from rcm_analysis.words import about, day, titled
from rcm_analysis.work import items

HOLLOW = re.compile(r"\bnan\b|None|NaT|\b0 of 0 |–\)|of  |  ,|\(\)| -\d|\{|\}")
CLAIM_PAID = ("CLP*{n}*1*250*180*70*CI*X{n}", "CAS*CO*45*70", "SVC*HC:{code}*250*180", "DTM*472*20260105")


def cells() -> list[str]:
    """The code of the index's notebook, its parameters left out."""
    book = json.loads((ROOT / "notebooks/00_monday.ipynb").read_text("utf-8"))["cells"]
    code = [
        cell for cell in book if cell["cell_type"] == "code" and "parameters" not in cell["metadata"].get("tags", [])
    ]
    return ["".join(cell["source"]).replace("%matplotlib inline\n", "") for cell in code]


def index_of(store: Path, name: str, as_of: date) -> tuple[monday.Answer, str]:
    """The page's answer and the text of its blocks, as its notebook makes them."""
    scope: dict = {"practice": name, "as_of": as_of.isoformat(), "months": 24, "store": str(store)}
    made: list[blocks.Block] = []
    for source in cells():
        *before, last = source.strip().split("\n")
        try:
            block = eval(last, scope) if not before else None
        except SyntaxError:
            block = None
        if isinstance(block, blocks.Block):
            made.append(block)
        else:
            exec(source, scope)
    answer = next(block for block in made if isinstance(block, monday.Answer))
    shown = [block for block in made if not isinstance(block, blocks.Table)]  # a file of its own
    return answer, " ".join(block.bundle()["text/html"] for block in shown)


def said(markup: str) -> str:
    text = re.sub(r"<svg.*?</svg>", " ", markup, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A synthetic practice's files: edi/837, edi/835, edi/277, ledger.csv."""
    folder = tmp_path_factory.mktemp("small")
    practice.write_practice(folder, claims=300, months=6, seed=3)
    return folder


def claims(count: int, code: str) -> list[bytes]:
    sent = [claim_837(f"C{n}").replace(b"HC:99213:25", f"HC:{code}".encode()) for n in range(count)]
    paid = [part.format(n=f"C{n}", code=code) for n in range(count) for part in CLAIM_PAID]
    return [*sent, remittance(*paid)]


def given(folder: Path, kind: str, small: Path) -> tuple[list[Path], date]:
    edi = small / "edi"
    if kind == "everything":
        return [edi, small / "ledger.csv"], AS_OF
    if kind == "no ledger":
        return [edi], AS_OF
    if kind == "no 837":
        return [edi / "835", small / "ledger.csv"], AS_OF
    if kind == "ledger alone":
        return [small / "ledger.csv"], AS_OF
    if kind == "one month":
        return [edi, small / "ledger.csv"], date(2026, 6, 30)
    made = claims(12, "A0429:RH" if kind == "ambulance only" else "99213")
    if kind == "ambulance only":
        denied = remittance("CLP*D1*4*900*0**CI*Z1", "CAS*CO*50*900", "SVC*HC:A0429:RH*900*0", "DTM*472*20260106")
        made = [*made, claim_837("D1").replace(b"HC:99213:25", b"HC:A0429:RH"), denied]
    for place, content in enumerate(made):
        (folder / f"{place}.edi").write_bytes(content)
    return [folder], date(2026, 3, 31)


@pytest.mark.parametrize(
    "kind", ["everything", "no ledger", "no 837", "ledger alone", "one month", "nothing denied", "ambulance only"]
)
def test_the_index_reads_sensibly(kind, small, tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    files, as_of = given(place, kind, small)
    ingest.ingest(Practice(tmp_path / "s", "p"), files)
    answer, markup = index_of(tmp_path / "s", "p", as_of)
    text = f"{answer.title}. {answer.lead} {said(markup)}"
    assert not HOLLOW.findall(text), (kind, HOLLOW.findall(text), text[:600])
    assert not [hit for hit in banned(text) if "write_off" not in hit[1]], kind
    assert len(answer.title.split()) <= 6 and len(answer.lead.split()) <= 25, answer
    assert "How are we doing?" in text and "What to do this week" in text
    assert ("Where denied money went" in text) == (
        kind in ("everything", "no 837", "no ledger", "one month", "ambulance only")
    ), text
    if kind == "nothing denied":
        assert answer.title == "No denials in 12 months" and "Nothing is open" in text
    assert (
        "from None" not in text
        and "from none" not in text
        and "1 of 2 are" not in text
        and "of 1 open denials" not in text
    )
    if kind == "ledger alone":
        assert "Load the payers' remits" in answer.lead
        assert "No remits (835) are loaded" in text and "Open denials" not in text and "Nothing is open" not in text
    if kind == "nothing denied":
        assert "denied none of the claims" in answer.lead


@pytest.mark.parametrize(("places", "told"), [
    (["ORCHARD CLINIC"] * 2, "Both are from Orchard Clinic"), (["ORCHARD CLINIC"] * 4, "All 4 are from Orchard Clinic"), (["none"] * 4, "All 4 are with Atlas"),
    (["ORCHARD CLINIC", "LAKEVIEW"], "Both are with Atlas"), (["ORCHARD CLINIC"] * 3 + ["LAKEVIEW"], "3 of 4 are from Orchard Clinic"), (["ORCHARD CLINIC"], "")])  # fmt: skip
def test_where_a_step_sits_is_said_as_people_do(places, told):
    assert items.where(pd.DataFrame({"location": places, "payer_name": "ATLAS"})) == told


def test_a_practice_without_data_says_what_to_load(tmp_path):
    (tmp_path / "x.csv").write_text("Patient,Note\n", "utf-8")
    ingest.ingest(Practice(tmp_path / "s", "p"), [tmp_path / "x.csv"])
    if not Practice(tmp_path / "s", "p").exists():
        pytest.skip("nothing was stored")
    answer, markup = index_of(tmp_path / "s", "p", AS_OF)
    assert "Load the payers' remits" in answer.lead and not HOLLOW.findall(said(markup))


def test_names_dates_and_estimates_are_written_as_people_do():
    assert titled("RIVERBEND EMS STATION 3, BCBS OF OHIO") == "Riverbend EMS Station 3, BCBS of Ohio"
    assert titled("code N706 and CARC 16 at ATLAS") == "code N706 and CARC 16 at Atlas"
    assert (about(9334.8), about(42386.71), about(359488)) == ("$9,330", "$42,400", "$359,500")
    assert (day(date(2026, 11, 5), year=2026), day(date(2027, 1, 5), year=2026), day(None)) == (
        "Nov 5",
        "Jan 5, 2027",
        "",
    )


def rates(*months):
    """Months of (denied, decided), the last of them October."""
    names = pd.period_range(end="2026-10", periods=len(months), freq="M").astype(str)
    table = pd.DataFrame({"month": names, "numerator": [k for k, _ in months], "denominator": [n for _, n in months]})
    return table.assign(value=table["numerator"] / table["denominator"])


def test_a_rate_rises_where_it_is_more_than_chance():
    steady = [(80 + 9 * (i % 2), 800) for i in range(12)]
    assert not by_month.beyond_chance(rates(*steady, (100, 800)))  # 1.4 points: such steps come in steady practices
    assert by_month.beyond_chance(rates(*steady, (160, 800))) and by_month.beyond_chance(
        rates(*steady, (160, 800)), months=12
    )
    lumps = [(60 + 60 * (i % 2), 800) for i in range(12)]  # the claims of few patients are denied together
    assert not by_month.beyond_chance(rates(*lumps, (120, 800)))
    assert not by_month.beyond_chance(rates((0, 0), (5, 20))) and not by_month.beyond_chance(rates((5, 20)))


@pytest.mark.parametrize(
    ("months", "title"),
    [
        ([(80, 800)] * 12 + [(160, 800)], "Denials rose in October"),
        ([(80, 800)] * 11 + [(140, 800), (220, 800)], "Denials rose again in October"),
        ([(80, 800)] * 12 + [(20, 800)], "Denials fell in October"),
        ([(80, 800)] * 12 + [(81, 800)], "Denials held steady in October"),
        ([(80, 800)] * 12 + [(95, 800)], "No clear change in October"),
    ],
)
def test_the_heading_claims_no_more_than_the_months_tell(months, title):
    now = types.SimpleNamespace(known=True, window="2026-10", amount=1)
    told = {"initial_denial_rate": now, "initial_denials": now}
    assert monday._title(told, rates(*months)) == title


def test_the_heading_tells_a_change_that_is_still_running():
    now = types.SimpleNamespace(known=True, window="2026-10", amount=1)
    told, steady = {"initial_denial_rate": now, "initial_denials": now}, rates(*[(80, 800)] * 12, (95, 800))
    row = {
        "measure": "initial_denial_rate",
        "ongoing": True,
        "segment": "{}",
        "kind": "step",
        "before": 0.09,
        "after": 0.14,
        "first_month": "2025-08",
    }
    assert monday._title(told, steady, pd.DataFrame([row])) == "Denials up since August 2025"
    title = lambda **other: monday._title(told, steady, pd.DataFrame([row | other]))  # noqa: E731
    assert title(segment='{"payer": "ATLAS"}') == title(measure="rejection_rate") == "No new change in October"
    assert title(ongoing=False) == title(kind="one_patient") == "No clear change in October"


def test_a_loss_sits_where_more_of_it_is_than_claims_are():
    base = pd.DataFrame({"location": ["ORCHARD CLINIC"] * 22 + ["LAKEVIEW"] * 78, "payer_name": ["ATLAS", "BEST"] * 50})
    part = pd.DataFrame(
        {"location": ["ORCHARD CLINIC"] * 7 + ["LAKEVIEW"] * 3, "payer_name": ["ATLAS", "BEST"] * 5, "worth": 10.0}
    )
    assert places.said(part, base) == "70% at Orchard Clinic, 22% of claims"
    assert places.sentence(part, base) == "70% of the loss sits at Orchard Clinic, which sends 22% of claims."
    even = part.assign(location=["ORCHARD CLINIC"] * 2 + ["LAKEVIEW"] * 8)
    assert places.said(even, base) == "Spread evenly"
    assert places.sentence(even, base) == "The loss is spread evenly over locations and payers."
    few = part.iloc[[0, 1, 2, 3, 4, 7, 8, 9]].assign(location=["ORCHARD CLINIC"] * 5 + ["LAKEVIEW"] * 3)
    wide = base.assign(location=["ORCHARD CLINIC"] * 33 + ["LAKEVIEW"] * 67)
    assert places.where(few, wide) is None and places.said(few, wide) == "Too few claims to tell"


def test_no_place_is_named_where_all_are_alike():
    rng = np.random.default_rng(7)
    base = pd.DataFrame({name: rng.choice(12, 3000).astype(str) for name in places.DIMENSIONS})
    draws = (base.sample(20, random_state=seed).assign(worth=rng.lognormal(5, 1, 20)) for seed in range(150))
    assert sum(places.where(part, base) is not None for part in draws) <= 5


def test_no_place_is_named_because_one_patient_goes_there_often():
    rng = np.random.default_rng(7)
    base = pd.DataFrame({name: np.repeat(rng.choice(12, 300), 10).astype(str) for name in places.DIMENSIONS})
    base["patient"] = np.repeat([f"p{i}" for i in range(300)], 10)
    of = lambda seed: base[base["patient"].isin(base["patient"].drop_duplicates().sample(10, random_state=seed))]  # noqa: E731
    draws = [of(seed).assign(worth=100.0) for seed in range(60)]
    assert sum(places.where(part, base) is not None for part in draws) <= 2
    assert sum(places.where(part.drop(columns="patient"), base) is not None for part in draws) > 20


def test_the_money_map_names_every_part_and_a_phone_gets_a_list():
    whole = money.Part("Initially denied", "$100 · 10 claims", 100.0, "ink-2", (
        money.Part("Recovered 30%", "$30 · 3 claims", 30.0, "teal"), money.Part("Lost 70%", "$70 · 7 claims", 70.0, "orange")))  # fmt: skip
    drawing, listed = money.money_map(whole, prefix="m", title="T", desc="D"), money.as_list(whole)
    for name in ("Recovered", "Lost", "$30", "$70"):
        assert name in drawing and name in listed
    assert "style=" not in drawing and 'class="flow f-teal"' in drawing and "70%" in listed
    assert money.money_map(money.Part("Initially denied", "$0", 0.0, "ink-2"), prefix="m", title="T", desc="D") == ""


def test_a_line_needs_two_values_and_shows_its_target():
    assert svg.spark([0.1]) == "" and svg.spark([float("nan"), 0.2]) == ""
    assert "stroke-dasharray" in svg.spark([0.1, 0.2], label="Rate", target=0.1)


# --- claims behind a step, facts of a project -----------------------------------------------------------------------


def queue_of(count: int) -> pd.DataFrame:
    """Denials of one step, every third due in two days."""
    today = pd.Timestamp(2026, 10, 31)
    return pd.DataFrame({
        "claim_number": [f"A{n}" for n in range(count)], "need": "denial", "is_first": True, "payer_name": "ATLAS HEALTH", "reason": "Records requested (226)",
        "usual_payment": [100.0 + n for n in range(count)], "expected_cash": [50.0 + n for n in range(count)], "step": "Send records", "owner": "Biller",
        "tab": "Biller", "due": [today + pd.Timedelta(days=2 if n % 3 == 0 else 30) for n in range(count)], "as_of": today, "project": "P-1f2e3d",
    })  # fmt: skip


STEP = {"group": "Collect", "rank": 1, "action": "Send records", "why": "", "owner": "Biller", "due": pd.Timestamp(2026, 11, 2), "claims": 20,
        "need": "denial", "expected_cash": 1190.0, "monthly_usd": float("nan"), "tab": "Biller", "project": "P-1f2e3d"}  # fmt: skip


def test_a_step_opens_its_claims_those_due_this_week_first():
    behind = monday.items_of(queue_of(20), STEP)
    week = monday.Week(pd.DataFrame([STEP]), "Ranked.", AS_OF, claims=(behind,))
    markup = week.bundle()["text/html"]
    assert 'href="#ev-1"' in markup and 'href="06_write_off_risk.html#P-1f2e3d"' in markup and 'id="ev-1"' in markup
    drawer = markup[markup.index('id="ev-1"') :]
    assert re.findall(r'<th scope="row" class="nw">(\w+)', drawer)[:8] == [
        f"A{n}" for n in (18, 15, 12, 9, 6, 3, 0, 19)
    ]
    assert drawer.count("<tr>") == 1 + monday.MOST_CLAIMS and "14 of 20 claims" in drawer and "Atlas Health" in drawer


def test_no_claim_behind_a_step_leaves_in_the_deidentified_variant():
    week = monday.Week(pd.DataFrame([STEP]), "Ranked.", AS_OF, claims=(monday.items_of(queue_of(20), STEP),))
    left = blocks.deidentified(week).bundle()["text/html"]
    assert "A18" not in left and "drawer" not in left and "worklist.xlsx" not in left
    facts = work_queue.Facts(pd.DataFrame([PROJECT]), queue_of(20), AS_OF)
    assert "A18" not in str(blocks.deidentified(facts).bundle())


PROJECT = {"project_id": "P-1f2e3d", "kind": "payer_issue", "title": "ATLAS HEALTH: records requested", "need": "denial", "owner": "Biller", "action": "Send records",
           "claims": 20, "amount": 9000.0, "usual_payment": 2190.0, "expected_cash": 1190.0, "first_due": pd.Timestamp(2026, 11, 2), "last_deadline": pd.NaT,
           "since": pd.Timestamp(2026, 6, 9), "top_location": "ORCHARD CLINIC", "top_location_share": 0.75, "year_claims": 64, "year_usual_payment": 18400.0,
           "settled": 40, "paid_share": 0.35}  # fmt: skip


def test_a_project_has_a_page_of_facts():
    text = said(work_queue.Facts(pd.DataFrame([PROJECT]), queue_of(20), AS_OF).bundle()["text/html"])
    assert (
        "20 claims wait for work, $9,000 billed, the first since Jun 9." in text
        and "75% of them are from Orchard Clinic." in text
    )
    assert (
        "In 12 months, 64 claims were initially denied for this reason." in text
        and "Payers later paid 35.0% of 40" in text
    )
    for term, value in {"Expected cash": "$1,190", "Value a year": "$18,400", "First step": "Send records", "Owner": "Biller", "First due": "Nov 2"}.items():  # fmt: skip
        assert f"{term} {value}" in text, term
    assert (
        re.findall(r"\bA\d+\b", text) == ["A19", "A18", "A17"] and "Workbook, tab “Biller”" in text and not banned(text)
    )


def test_a_project_says_nothing_of_what_is_not_known():
    bare = {**PROJECT, "need": "unbilled", "since": pd.NaT, "top_location": None, "top_location_share": float("nan"), "claims": 1,
            "year_claims": 0, "year_usual_payment": 0.0, "settled": 0, "paid_share": float("nan")}  # fmt: skip
    text = said(work_queue.Facts(pd.DataFrame([bare]), queue_of(1), AS_OF).bundle()["text/html"])
    assert "1 claim waits for work, $9,000 billed." in text and "Value a year" not in text and "later paid" not in text
    assert not HOLLOW.findall(text)
