"""The de-identified variant: nothing in it names a claim, a day or a small group, and no total gives one back."""

from __future__ import annotations

import html
import json
import re
from itertools import combinations
from pathlib import Path

import attack
import numpy as np
import pandas as pd
import pytest
from conftest import AS_OF, GOOD, notebook
from hypothesis import given
from hypothesis import strategies as st

from rcm_analysis import words
from rcm_analysis.charts import svg
from rcm_analysis.pages import blocks, denial_overview, monday, release
from rcm_analysis.reports import render
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.stats import wilson
from rcm_analysis.work.workbook import Worklist

DAY = re.compile(r"\b(19|20)\d\d-\d\d-\d\d\b")


@pytest.fixture(scope="module")
def variant(demo_store, tmp_path_factory) -> Path:
    request = ReportRequest(
        "riverbend", "2026-10", AS_OF, deidentified=True, provenance={"dates": "2024-11-02 to 2026-10-31"}
    )
    result = render.render(request, store=demo_store, out=tmp_path_factory.mktemp("out"), jobs=2)
    assert result.ok, result.statuses
    return result.folder


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text("utf-8") for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_no_claim_number_and_no_day_in_any_file(variant, demo_con):
    numbers = {
        row[0]
        for row in demo_con.execute(
            "SELECT claim_number FROM claims UNION SELECT claim_number FROM remittances"
        ).fetchall()
    }
    assert len(numbers) > 2000
    for name, text in files(variant).items():
        assert not DAY.search(text), (name, DAY.search(text))
        assert not numbers & set(re.findall(r"[\w.-]+", text)), name
    assert variant.name == "2026-10.deidentified" and not (variant / "executed").exists()


@pytest.mark.slow
def test_no_free_text_in_any_file(variant, demo_con):
    words = {
        row[0] for row in demo_con.execute("SELECT DISTINCT reason FROM write_offs WHERE reason IS NOT NULL").fetchall()
    }
    own = {row[0] for row in demo_con.execute("SELECT label FROM write_off_leaves").fetchall()}
    assert words
    for name, text in files(variant).items():
        found = {
            word for word in words - own if (len(word) > 12 and f">{html.escape(word)}<" in text) or f",{word}," in text
        }
        assert not found, (name, found)


def small_cells(text: str) -> list[str]:
    """Cells of the page's tables and sentences that read as a count from 1 to 10."""
    cells = re.findall(r'<t[dh][^>]*class="n count"[^>]*>([^<]*)</t', text)
    said = re.findall(
        r'<p class="finding[^>]*>(.*?)</p>|<caption>(.*?)</caption>|<figcaption>(.*?)</figcaption>|aria-label="([^"]*)"',
        text,
    )
    counts = [
        number
        for parts in said
        for part in parts
        for number in re.findall(r"(?<![\w$.,−–-])([1-9]|10)(?![\w%-]|[.,]\d)", part)
    ]
    return [cell for cell in cells if re.fullmatch(r"[1-9]|10", cell)] + counts


@pytest.mark.slow
def test_no_small_count_on_any_page(variant):
    pages = {name: text for name, text in files(variant).items() if name.endswith(".html")}
    assert len(pages) >= 4
    for name, text in pages.items():
        assert small_cells(text) == [], name
        assert "fewer than 11" in text or "–" in text


@pytest.mark.slow
def test_no_small_count_in_any_table_and_none_alone(variant):
    told = json.loads((variant / "manifest.json").read_text())["tables"]
    suppressed, looked_at = 0, 0
    for path in (variant / "tables").glob("*.csv"):
        frame = pd.read_csv(path)
        for name in set(told[path.stem]["counts"]) & set(frame):
            looked_at += 1
            assert not release.is_small(frame[name]).any(), (path.name, name)
            holes = frame[name].isna().sum()
            suppressed += holes
            if "claim_number" not in frame and holes and frame[name].max() > 0:
                assert holes > 1, (path.name, name)
    assert suppressed and looked_at > 20


@pytest.mark.slow
def test_no_list_of_single_claims_in_any_table(variant):
    for path in (variant / "tables").glob("*.csv"):
        assert not set(release.IDENTIFIERS) & set(path.read_text("utf-8").split("\n")[0].split(",")), path.name
    assert "A list of single claims is left out here." in (variant / "02_denial_overview.html").read_text("utf-8")


@pytest.mark.slow
def test_no_hidden_count_follows_from_all_tables_and_sentences_together(variant, demo_report):
    counts = {
        name: told["counts"] for name, told in json.loads((variant / "manifest.json").read_text())["tables"].items()
    }
    plain, left, said = attack.tables_of(demo_report), attack.tables_of(variant), attack.numbers_said(variant)
    left = {name: frame for name, frame in left.items() if name in plain}
    tried = attack.Attack(plain, left, counts, said)
    assert len(tried.place) > 300 and len(tried.rows) > 30, "there was nothing to attack"
    assert small_among(tried) == []
    # the attack is worth something: where one small cell is hidden alone, it is found
    bare, alone = {name: frame.copy() for name, frame in left.items()}, set()
    for name, column, i in tried.place:
        value = plain[name][column].iloc[i]
        if 1 <= value < release.SMALLEST and (name, column) not in alone:
            alone.add((name, column))
        else:
            bare[name].loc[i, column] = value
    assert len(small_among(attack.Attack(plain, bare, counts, said))) > 10


def small_among(tried: attack.Attack) -> list:
    """Small counts that follow; a larger one, hidden to cover them, may follow from another table that shows it."""
    return [(cell, value) for cell, value in tried.determined() if 1 <= value < release.SMALLEST]


def table(cells: dict[tuple[str, str], int]) -> pd.DataFrame:
    return pd.DataFrame([{"payer": a, "category": b, "claims": n, "rate": n / 1000} for (a, b), n in cells.items()])


CELLS = st.lists(st.integers(0, 40), min_size=12, max_size=12)


@given(CELLS)
def test_no_hidden_cell_follows_from_totals(numbers):
    """An attacker knows each payer's, each category's and the grand total, and that a hidden cell may be anything ≥ 0."""
    keys = [(payer, category) for payer in "ABC" for category in "wxyz"]
    truth = dict(zip(keys, numbers, strict=True))
    left = release.table(table(truth), ["claims"])
    shown = {(r.payer, r.category): r.claims for r in left.itertuples() if r.claims == r.claims}
    assert all(n == truth[key] and not 1 <= n <= 10 for key, n in shown.items())
    assert left["rate"].notna().equals(left["claims"].notna())
    for i in (0, 1):
        for value in {key[i] for key in keys}:
            hidden = [key for key in keys if key[i] == value and key not in shown]
            cover = [key for key in keys if key[i] == value and key in shown and truth[key] > 0]
            if hidden and cover:  # else the group's total is what is hidden, and hidden itself where it stands
                assert len(hidden) > 1 and sum(truth[key] for key in hidden) >= 11
    assert not solved({key for key in keys if key not in shown}, cover_of(shown, truth, keys))


def cover_of(shown, truth, keys) -> set:
    """Groups without any shown case: their totals are small cells of other tables, so nobody knows them."""
    return {(i, value) for i in (0, 1) for value in {key[i] for key in keys}
            if not any(key[i] == value and truth[key] > 0 for key in shown)}  # fmt: skip


def solved(hidden: set, unknown: set) -> set:
    """Cells that are alone in some line of which the total is known; the simplest attack, step by step."""
    return {cells[0] for i in (0, 1) for value in {key[i] for key in hidden} if (i, value) not in unknown
            for cells in [[key for key in hidden if key[i] == value]] if len(cells) == 1}  # fmt: skip


@pytest.mark.parametrize(("number", "hidden"), [(0, False), (1, True), (10, True), (11, False)])
def test_the_threshold(number, hidden):
    frame = pd.DataFrame({"payer": ["A", "B", "C"], "claims": [number, 50, 60], "paid": [1.5, 2.5, 3.5]})
    left = release.table(frame, ["claims"])
    assert left["claims"].isna().tolist() == [hidden, hidden, False]
    assert left["paid"].isna().tolist() == [hidden, hidden, False]


def test_rare_codes_are_grouped_and_numbers_written_out_go_too():
    frame = pd.DataFrame({"carc": ["16", "197", "252"], "shown": ["12.1%", "3.0%", "50.0%"], "claims": [4, 30, 200]})
    left = release.table(frame, ["claims"])
    assert left["carc"].tolist() == ["other", "other", "252"]
    assert left["shown"].isna().tolist() == [True, True, False]


def test_a_number_in_a_name_is_no_count():
    frame = pd.DataFrame(
        {"location": ["STATION 3", "CLINIC"], "headline": ["3 claims more", "11 claims since 2026-03-04"]}
    )
    left = release.table(frame, [])
    assert left["location"].tolist() == ["STATION 3", "CLINIC"]
    assert left["headline"].tolist() == ["fewer than 11 claims more", "11 claims since 2026-03"]


def test_a_list_of_single_claims_is_left_out():
    """Its rows could be counted by payer and code, and each is a count of one."""
    listed = pd.DataFrame(
        {"claim_number": [f"A{i}" for i in range(14)], "carc": ["16"] * 12 + ["B7"] * 2, "days_left": range(14)}
    )
    left = release.table(listed, ["days_left"])
    assert not len(left) and list(left) == ["carc", "days_left"]


RATE = {"payer": list("ABCDE"), "cases": [28, 300, 400, 500, 600]}


@pytest.mark.parametrize(("column", "values"), [
    ("rate", [3 / 28, 0.3, 0.4, 0.5, 0.6]), ("rate", [25 / 28, 0.3, 0.4, 0.5, 0.6]), ("rate", ["10.7%", "30.1%", "40.1%", "50.1%", "60.1%"]),
])  # fmt: skip
def test_a_rate_that_makes_a_small_count_of_its_cases_goes(column, values):
    left = release.table(pd.DataFrame(RATE | {column: values}), ["cases"])
    assert left["cases"].isna().tolist() == [True, True, False, False, False]  # the second covers the first
    assert left[column].isna().equals(left["cases"].isna())


def test_what_a_part_leaves_of_its_whole_is_no_small_count():
    frame = pd.DataFrame({"payer": list("ABCD"), "decided": [20, 90, 95, 99], "denied": [15, 40, 41, 42]})
    assert release.table(frame, ["decided", "denied"])["denied"].isna().tolist() == [True, True, False, False]


@pytest.mark.parametrize(("said", "left"), [
    ("8 of 1,211 claims: 0.7%, until 2026-10-31.", "fewer than 11 of 1,211 claims: –, until 2026-10."),
    ("$5 on 67 claims, 86.5% of 3,010.", "$5 on 67 claims, 86.5% of 3,010."),
    ("claims: 10, 11 and 9.", "claims: fewer than 11, 11 and fewer than 11."),
    ("12 months to 2026-10", "12 months to 2026-10"),
    ("10.7% of 28 were overturned.", "– of 28 were overturned."),
    ("33 of 234 claims, 14.1%.", "33 of 234 claims, 14.1%."),
    ("8 of 1,211: 0.7% (95% interval 0.3% to 1.3%).", "fewer than 11 of 1,211: – (95% interval – to –)."),
    ("28 claims: 10.7% (95% interval 3.7% to 27.2%).", "28 claims: – (95% interval – to –)."),  # 3 of 28
    ("28 claims, 95% interval 10.7% to 27.2%.", "28 claims, 95% interval – to –."),  # whose share is not judged
    ("30 of 280 claims, 10.7%, and 10.7% of 28 besides.", "30 of 280 claims, –, and – of 28 besides."),
    ("33 of 234 claims, 14.1%; 12.1% were overturned.", "33 of 234 claims, –; – were overturned."),  # 4 of 33
    ("99.3% of 1,143 claims, against 3.6% of 28.", "– of 1,143 claims, against – of 28."),
])  # fmt: skip
def test_sentences_lose_small_counts_and_days(said, left):
    assert release.text(said) == left


@given(st.integers(11, 400), st.integers(11, 4000), st.floats(0.001, 0.999))
def test_the_headline_keeps_its_numbers(denied, others, usual):
    """Neither the level of an interval, nor its bounds, nor another group's share is a share of the counts beside it."""
    rate = pd.DataFrame(
        {"month": ["2026-08", "2026-09"], "numerator": [usual * 1e6, denied], "denominator": [1e6, denied + others]}
    )
    rate["value"] = rate["numerator"] / rate["denominator"]
    rate["lower"], rate["upper"] = wilson(rate["numerator"], rate["denominator"])
    said = denial_overview.rate_sentence(rate)
    assert release.text(said) == said
    now = rate.iloc[-1]
    tile = (f"Denied by this payer · {words.share(now['value'])} · {denied} of {denied + others}; interval {words.share(now['lower'])} to "
            f"{words.share(now['upper'])}, others {words.share(usual)}")  # fmt: skip
    assert release.text(tile) == tile


def test_what_a_cell_prints_is_left_out(tmp_path):
    book = notebook(
        tmp_path / "01_x.ipynb",
        GOOD,
        "print('claim QZ-77001 of 2026-03-04')",
        "import pandas\npandas.DataFrame({'a': ['QZ-77001']})",
    )
    request = ReportRequest("p", "2026-10", AS_OF, notebooks=(book,), deidentified=True)
    folder = render.render(request, store=tmp_path, out=tmp_path / "out").folder
    assert not any("QZ-77001" in text for text in files(folder).values())
    assert "12 of 100 claims" in (folder / "01_x.html").read_text()


BLOCKS = {
    "a sentence": blocks.Finding("8 of 1,211 claims of 2026-03-04 were denied: 0.7%."),
    "key figures": blocks.Numbers([("Denied", "8", "of 1,211 until 2026-03-04")], headline=(0,)),
    "a table": blocks.Table(pd.DataFrame({"payer": list("ABC"), "claims": [8, 30, 40], "to": "x/y.html"}), "t", "Until 2026-03-04",
                            {"payer": blocks.Column("Payer"), "claims": blocks.Column("Claims", "count")}, links="to"),
    "a list of claims": blocks.Table(pd.DataFrame({"claim_number": ["QZ-8"]}), "t", "t", {"claim_number": blocks.Column("Claim")}),
    "a worklist": Worklist(None, pd.DataFrame({"claim_number": ["QZ-8"]})),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_stripped_where_it_becomes_output_and_stays_itself(name, monkeypatch):
    block, before = BLOCKS[name], repr(BLOCKS[name])
    stripped = blocks.deidentified(block).bundle()
    assert not re.search(r"\b8\b|-04\b|QZ", json.dumps(stripped)), stripped
    assert repr(block) == before and blocks.deidentified(blocks.deidentified(block)).bundle() == stripped
    monkeypatch.setenv("RCM_DEIDENTIFIED", "yes")
    assert block._repr_mimebundle_() == stripped
    monkeypatch.delenv("RCM_DEIDENTIFIED")
    assert name == "a worklist" or block._repr_mimebundle_() == block.bundle() != stripped


def test_a_picture_leaves_with_its_table_or_not_at_all():
    import matplotlib.pyplot as plt

    def picture(counts: list[int]) -> blocks.Figure:
        data = pd.DataFrame({"payer": list("ABCD"), "claims": counts})
        return blocks.Figure(plt.figure(), name="f", alt="until 2026-03-04", caption="c", data=data)

    large, small = picture([11, 20, 30, 40]), picture([8, 20, 30, 40])
    assert blocks.deidentified(large).svg == large.svg != "" and blocks.deidentified(large).alt == "until 2026-03"
    assert blocks.deidentified(small).svg == "" and "left out" in blocks.deidentified(small).caption
    assert small.svg and small.data["claims"].tolist() == [8, 20, 30, 40]


def test_pairs_of_small_cells_that_add_up_to_little_are_covered():
    for a, b in combinations(range(1, 11), 2):
        left = release.table(pd.DataFrame({"payer": list("ABCD"), "claims": [a, b, 30, 40]}), ["claims"])
        assert left["claims"].isna().sum() == (2 if a + b >= 11 else 3)


def test_monday_keeps_its_heading_and_tells_no_small_count(demo_con):
    week = pd.DataFrame({"group": ["Collect"], "rank": [1], "action": ["Appeal with records"], "why": ["5 of 8 are from Station 3"], "owner": ["Biller"],
                         "due": [pd.Timestamp(2026, 11, 5)], "claims": [8], "expected_cash": [840.0], "monthly_usd": [None], "tab": ["Biller"]})  # fmt: skip
    shown = blocks.deidentified(monday.Week(week, "Ranked by expected cash.", AS_OF)).bundle()
    told = shown["text/html"] + shown[blocks.TABLE_MIME]["csv"]
    assert "Appeal with records" in told and "fewer than 11" in told
    assert not any(text in told for text in ("840", "Nov 5", "2026-11-05", "Station", "worklist.xlsx", ">8<"))
    answer = blocks.deidentified(
        monday.Answer("Denials rose in October", "Payers initially denied 8.2% of claims, 6 of 73.")
    )
    assert answer.title == "Denials rose in October" and "8.2%" not in answer.lead
    screen = monday.FirstScreen(("Initial denial rate", "8.2%", "October 2026: 6 of 73 claims"), (("up", "▲ 1.1 points from September"), ("", "No target set")),
                                svg.spark([0.08, 0.09]), (), "Nothing changed.", None)  # fmt: skip
    told = blocks.deidentified(screen).bundle()["text/html"]
    assert "8.2%" not in told and "1.1 points" not in told and "polyline" not in told and "No target set" in told


def bounds(reports: list[tuple[pd.DataFrame, list[int], list[str]]]) -> dict[str, tuple[float, float]]:
    """Least and most that each unknown can be, given what the reports show, their totals, and that no count is below 0."""
    from scipy.optimize import linprog

    names = sorted({name for _, _, of in reports for name in of})
    rows, right = [], []
    for left, truth, of in reports:
        rows.append([float(name in of) for name in names])
        right.append(float(sum(truth)))
        for name, value in zip(of, left["claims"], strict=True):
            if value == value:
                rows.append([float(name == one) for one in names])
                right.append(float(value))
    found = {}
    for name in names:
        aim = np.array([float(name == one) for one in names])
        low, high = (linprog(sign * aim, A_eq=rows, b_eq=right, bounds=(0, None)).fun for sign in (1, -1))
        found[name] = (low, -high)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_the_reports_of_two_months_together_give_no_small_count(seed):
    """The second leaves out the first month and has a new, small one; of the month before claims were decided late. Both
    totals stand elsewhere."""
    rng = np.random.default_rng(seed)
    months = [f"2026-0{i}" for i in range(1, 10)]
    old = [int(n) for n in rng.integers(11, 60, 8)]
    old[rng.integers(1, 6)] = int(rng.integers(1, 11))
    new = [*old[1:7], old[7] + int(rng.integers(1, 9)), int(rng.integers(1, 11))]
    first = release.table(pd.DataFrame({"month": months[:8], "claims": old}), ["claims"])
    second = release.table(pd.DataFrame({"month": months[1:], "claims": new}), ["claims"], earlier=first.astype(object))
    late = [f"{month} late" if month == months[7] else month for month in months[1:]]
    ends = bounds([(first, old, months[:8]), (second, new, late)])
    truth = dict(zip([*months[:8], *late], [*old, *new], strict=True))
    known = {name: n for name, n in truth.items() if n < release.SMALLEST and ends[name][1] - ends[name][0] < 0.5}
    assert known == {}, (first["claims"].tolist(), second["claims"].tolist())


def test_a_month_hidden_before_stays_hidden_and_one_told_covers_nothing():
    cohorts = [f"2026-0{i}" for i in range(1, 7)]
    frame = pd.DataFrame({"cohort": cohorts, "claims": [12, 30, 50, 60, 20, 5]})
    told = pd.DataFrame({"cohort": cohorts[:5], "claims": ["12", "30", "50", "60", "19"]})
    hid = told.assign(claims=["12", None, None, "60", "19"])
    assert release.table(frame, ["claims"])["claims"].isna().tolist() == [True, *[False] * 4, True]
    assert release.table(frame, ["claims"], earlier=told)["claims"].isna().tolist() == [*[False] * 4, True, True]
    assert release.table(frame, ["claims"], earlier=hid)["claims"].isna().tolist() == [
        False,
        True,
        True,
        False,
        True,
        True,
    ]
