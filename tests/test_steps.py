"""Every SQL step alone: a head that tells its rows, both engines' grammar, and for those that decide money a case by hand.

`StepBench.makes("driving", given, expected)` runs one file on tables written out below, as in the heads of the files. A
table or column that a case does not give is there and empty, as the whole run would have shaped it.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import duckdb
import pytest

from rcm_analysis.claims import derive, overlaps
from rcm_analysis.prevention import features
from rcm_analysis.reference import codes
from rcm_analysis.store import engine, schema, steps
from rcm_analysis.store.practice import Practice
from rcm_analysis.store.view import View

VALUES = {**overlaps.VALUES, **derive.VALUES, **features.VALUES, "as_of": date(2026, 10, 31), "is_new": False,
          "first_sent_on": date.min, "last_sent_on": date.max}  # fmt: skip
EVERY = [*steps.steps(derive.SQL), *steps.steps(overlaps.SQL), *steps.steps(features.SQL)]
BY_TABLE = {step.table: step for step in EVERY}
FACTS = {table.name for table in schema.FACTS}
every_step = pytest.mark.parametrize("step", EVERY, ids=lambda step: step.file)


def cells(text: str) -> list[list[str]]:
    """Rows of a table written with two spaces or more between its cells, the names first."""
    return [re.split(r" {2,}", line.strip()) for line in text.strip().splitlines()]


class StepBench:
    """Runs one step at a time on tables given by hand."""

    def __init__(self, whole: View):
        self.whole = whole
        self.known = {name for (name,) in whole.execute("SELECT table_name FROM duckdb_tables() "
                      "UNION SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}  # fmt: skip
        self.con = duckdb.connect()
        steps.set_values(self.con, VALUES)

    def run(self, step: steps.Step, given: dict[str, str]) -> None:
        read = set(re.findall(r"\w+", step.sql)) & self.known - {step.table} | FACTS & {step.table}
        for name in read | set(given):
            self._lay(name, given.get(name))
        steps.run(self.con, [step], VALUES)

    def makes(self, table: str, given: dict[str, str], expected: str) -> None:
        self.run(BY_TABLE[table], given)
        names, *rows = cells(expected)
        shown = ", ".join(f"coalesce(CAST({name} AS VARCHAR), 'NULL')" for name in names)
        found = [list(row) for row in self.con.execute(f"SELECT {shown} FROM temp.{table}").fetchall()]
        assert sorted(found) == sorted(rows)

    def _lay(self, name: str, text: str | None) -> None:
        columns = self.whole.execute(f"DESCRIBE {name}").fetchall()
        made = ", ".join(f'"{column[0]}" {column[1]}' for column in columns)
        self.con.execute(f"CREATE OR REPLACE TABLE {name} ({made})")
        if text is None and (name in codes.names() or name in ("precedence", "category_leaves")):
            self.con.register("reference", self.whole.con.sql(f"SELECT * FROM {name}").to_arrow_table())
            self.con.execute(f"INSERT INTO {name} SELECT * FROM reference")
        names, *rows = cells(text) if text else [[]]
        for row in rows:
            values = [None if cell == "NULL" else "" if cell == "''" else cell for cell in row]
            marks = ", ".join("?" for _ in values)
            self.con.execute(f"INSERT INTO {name} ({', '.join(names)}) VALUES ({marks})", values)


@pytest.fixture(scope="module")
def whole(demo_store) -> View:
    con = engine.connect(Practice(demo_store, "riverbend"), as_of=VALUES["as_of"])
    derive.derive(con, as_of=VALUES["as_of"])  # with the tables between the steps, which an open practice lets go
    view = View("riverbend", VALUES["as_of"], 24, demo_store, con)
    features.sent(view)
    return view


@pytest.fixture
def bench(whole) -> StepBench:
    return StepBench(whole)


# --- every file ---


@every_step
def test_a_head_tells_grain_columns_and_three_rows(step, whole):
    head = [line.removeprefix("-- ") for line in step.sql.splitlines()[:5]]
    assert head[0].startswith("One row per ")
    names, *rows = cells("\n".join(head[1:]))
    assert len(rows) == 3 and {len(row) for row in rows} == {len(names)}
    assert set(names) <= set(engine.columns(whole.con, step.table).names), step.file


@every_step
def test_a_step_runs_alone_on_empty_tables(step, bench):
    bench.run(step, {})
    bench.con.execute(f"SELECT * FROM temp.{step.table}")


@every_step
def test_a_step_is_read_by_both_engines(step):
    sqlglot = pytest.importorskip("sqlglot")
    values = {name: sqlglot.parse_one(steps.literal(value), read="duckdb") for name, value in VALUES.items()}
    assert sqlglot.parse_one(engine.spark_sql(step.sql, values), read="spark")


def test_no_other_file_of_the_package_is_a_step():
    package = Path(derive.__file__).parents[1]
    assert {path.name for path in package.rglob("*.sql")} == {step.file for step in EVERY}


def test_an_error_names_the_file(bench):
    broken = steps.Step("240_driving.sql", "-- One row per nothing\nSELECT nobody FROM decisions")
    with pytest.raises(steps.StepError, match=r"^240_driving\.sql: .*nobody"):
        bench.run(broken, {})


# --- the steps that decide money ---


def test_line_amounts_add_up_what_refuses_and_what_the_patient_owes(bench):
    given = {"classified_adjustments": """
        remittance_id  line_number  group_code  amount  class          refuses
        1              1            CO          50.00   contract       false
        1              1            CO          150.00  denial         true
        1              1            OA          -40.00  denial         true
        1              2            PR          20.00   patient_share  false
        1              2            PR          9.00    contract       false
        1              2            OA          60.00   prior_payer    false
        1              3            PR          70.00   denial         true
    """}  # fmt: skip
    bench.makes("line_amounts", given, """
        remittance_id  line_number  refused  patient_share  patient_owes  contractual  prior_payer
        1              1            150.00   0.00           0.00          50.00        0.00
        1              2            0.00     29.00          29.00         0.00         60.00
        1              3            70.00    0.00           70.00         0.00         0.00
    """)  # fmt: skip


def test_the_largest_refusal_drives_and_an_upheld_appeal_only_alone(bench):
    given = {"classified_adjustments": """
        remittance_id  line_number  group_code  carc  amount  class           category       refuses
        1              1            CO          45    300.00  contract        other          false
        1              1            CO          197   120.00  denial          authorization  true
        1              1            CO          16    80.00   denial          claim_data     true
        2              1            CO          193   500.00  appeal_outcome  other          true
        2              1            CO          29    10.00   denial          timely_filing  true
        3              0            CO          193   90.00   appeal_outcome  other          true
    """}  # fmt: skip
    bench.makes("driving", given, """
        remittance_id  line_number  carc  category
        1              1            197   authorization
        2              1            29    timely_filing
        3              0            193   other
    """)  # fmt: skip


REFUSED = {
    "decisions": """
        remittance_id  claim_number  known_on
        1              A1            2026-02-01
        2              B7            2026-02-03
    """,
    "decision_payers": """
        remittance_id  payer_class
        1              commercial
        2              medicare
    """,
    "decided_lines": """
        remittance_id  line_number  procedure  charge  paid
        1              1            70553      250.00  0.00
        1              2            99213      90.00   40.00
        1              3            A0429      80.00   0.00
        2              1            97110      60.00   0.00
    """,
    "keyed_lines": """
        remittance_id  line_number  line_key
        1              1            L1
        1              2            L2
        1              3            L3
        2              1            97110
    """,
    "line_amounts": """
        remittance_id  line_number  refused  patient_share
        1              1            250.00   0.00
        1              2            30.00    20.00
        1              3            0.00     80.00
        2              1            20.00    40.00
    """,
    "driving": """
        remittance_id  line_number  group_code  carc  class     category
        1              1            CO          197   denial    authorization
        1              2            CO          97    bundling  bundling
        2              1            CO          16    denial    claim_data
    """,
}


def test_refused_lines_are_denied_when_unpaid_and_partial_beside_a_payment(bench):
    bench.makes("refused_lines", REFUSED, """
        claim_number  line_number  line_key  carc  category       denied_amount  is_partial
        A1            1            L1        197   authorization  250.00         false
        A1            2            L2        97    bundling       30.00          true
        B7            1            97110     16    claim_data     20.00          true
    """)  # fmt: skip


def test_the_words_of_a_listing_tell_the_category_of_a_generic_code_only(bench):
    words = """
        remittance_id  line_number  reason_text      category
        1              1            coverage termed  eligibility
        2              1            coverage termed  eligibility
    """
    bench.makes("refused_lines", {**REFUSED, "listed_reasons": words}, """
        claim_number  line_number  carc  category       told_by_words
        A1            1            197   authorization  false
        A1            2            97    bundling       false
        B7            1            16    eligibility    true
    """)  # fmt: skip


def test_a_remark_that_tells_outranks_the_words_of_a_listing(bench):
    words = """
        remittance_id  line_number  reason_text      category
        2              1            coverage termed  eligibility
    """
    remarks = """
        remittance_id  line_number  rarc   rarcs  telling  unprocessable
        1              1            N706   N706   N706     false
        2              0            MA130  MA130  MA130    true
    """
    bench.makes("refused_lines", {**REFUSED, "listed_reasons": words, "line_remarks": remarks}, """
        claim_number  line_number  carc  rarc   category       unprocessable
        A1            1            197   N706   authorization  false
        A1            2            97    NULL   bundling       false
        B7            1            16    MA130  claim_data     true
    """)  # fmt: skip


def test_a_decision_of_a_part_leaves_the_other_lines_standing(bench):
    given = {
        "decisions": """
            remittance_id  claim_number  payer_order  known_on    charge  paid   counts
            1              A1            P            2026-02-01  300.00  0.00   true
            2              A1            P            2026-03-01  200.00  90.00  true
            3              B7            P            2026-02-01  80.00   0.00   true
            4              B7            P            2026-03-01  80.00   60.00  true
        """,
        "keyed_lines": """
            remittance_id  line_number  allowed  line_key
            1              1            NULL     L1
            1              2            70.00    L2
            2              1            150.00   L1
            3              1            NULL     L1
            4              1            75.00    L1
        """,
    }
    bench.makes("standing_lines", given, """
        claim_number  payer_order  remittance_id  line_number  allowed
        A1            P            2              1            150.00
        A1            P            1              2            70.00
        B7            P            4              1            75.00
    """)  # fmt: skip


def test_current_amounts_are_those_of_the_last_payer_and_the_largest_cut(bench):
    given = {
        "decisions": """
            remittance_id  claim_number  payer_order  paid    counts
            1              A1            P            0.00    true
            2              A1            P            150.00  true
        """,
        "keyed_lines": """
            remittance_id  line_number  charge  paid    line_key
            1              1            250.00  0.00    L1
            2              1            250.00  150.00  L1
        """,
        "line_amounts": """
            remittance_id  line_number  patient_owes  contractual  capitated  prior_payer
            1              1            0.00          50.00        0.00       0.00
            2              1            30.00         70.00        0.00       0.00
        """,
        "standing_lines": """
            claim_number  payer_order  remittance_id  line_number  allowed
            A1            P            2              1            180.00
        """,
    }
    bench.makes("current_amounts", given, """
        claim_number  allowed  patient_share  contractual  settled
        A1            180.00   30.00          70.00        70.00
    """)  # fmt: skip


def test_what_no_contract_explains_is_a_denial_written_off_under_another_name(bench):
    given = {
        "posting_classes": """
            claim_number  known_on    kind        amount   reason       told_leaf      row
            A1            2026-03-10  adjustment  -50.00   contractual  contractual    1
            A1            2026-05-02  adjustment  -200.00  contractual  contractual    2
            B7            2026-05-03  write_off   -12.50   small bal    small_balance  3
        """,
        "ledger_summary": """
            claim_number  charge  insurance_paid  insurance_refunded  contractual  given_up
            A1            250.00  0.00            0.00                250.00       0.00
            B7            90.00   60.00           0.00                0.00         12.50
        """,
        "denial_summary": """
            claim_number  ever_denied  last_category  last_leaf
            A1            true         authorization  authorization
        """,
        "decision_summary": """
            claim_number  charge  paid
            A1            250.00  0.00
            B7            90.00   60.00
        """,
        "current_amounts": """
            claim_number  contractual  patient_share
            A1            50.00        0.00
        """,
        "first_decisions": """
            claim_number  remittance_id
            A1            1
            B7            2
        """,
    }
    bench.makes("posted_write_offs", given, """
        claim_number  posted_on   amount  leaf           root         mismatch
        A1            2026-03-10  50.00   contractual    necessary    false
        A1            2026-05-02  200.00  authorization  unnecessary  true
        B7            2026-05-03  12.50   small_balance  necessary    false
    """)  # fmt: skip


def test_a_claim_owes_what_nobody_settled(bench):
    given = {
        "submission_summary": """
            claim_number  submissions  submitted_on  last_submitted_on  charge
            A1            1            2026-09-10    2026-09-10         250.00
            B7            1            2026-09-12    2026-09-12         90.00
            C2            1            2026-10-15    2026-10-15         300.00
        """,
        "decision_summary": """
            claim_number  paid   charge
            A1            0.00   250.00
            B7            60.00  90.00
        """,
        "first_decisions": """
            claim_number  remittance_id  first_decided_on  last_decided_on
            A1            1              2026-10-01        2026-10-01
            B7            2              2026-10-03        2026-10-03
        """,
        "current_amounts": """
            claim_number  allowed  patient_share  contractual  settled
            A1            NULL     0.00           50.00        50.00
            B7            75.00    15.00          15.00        15.00
        """,
    }
    bench.makes("claim_facts", given, """
        claim_number  charge  paid   patient_share  settled  owed
        A1            250.00  0.00   0.00           50.00    200.00
        B7            90.00   60.00  15.00          15.00    0.00
        C2            300.00  0.00   0.00           0.00     300.00
    """)  # fmt: skip


def test_the_state_of_a_claim_follows_from_its_answers_and_lines(bench):
    given = {
        "claim_facts": """
            claim_number  submissions  statuses  first_decided_on  last_decided_on  last_submitted_on  last_answered_on  pended  not_ours  paid   patient_share  owed    written_off  in_ledger  is_qmb
            A1            1            1         2026-10-01        2026-10-01       2026-09-10         2026-10-01        false   false     0.00   0.00           200.00  0.00         false      false
            A2            2            1         2026-10-01        2026-10-01       2026-10-20         2026-10-01        false   false     0.00   0.00           200.00  0.00         false      false
            B7            1            1         2026-10-03        2026-10-03       2026-09-12         2026-10-03        false   false     60.00  0.00           0.00    0.00         false      false
            B8            1            1         2026-10-03        2026-10-03       2026-09-12         2026-10-03        false   false     60.00  15.00          0.00    0.00         false      false
            C2            1            NULL      NULL              NULL             2026-10-15         NULL              false   false     0.00   0.00           300.00  0.00         false      false
            D4            1            1         2026-03-01        2026-03-01       2026-02-10         2026-03-01        false   false     0.00   0.00           0.00    90.00        true       false
        """,
        "denied_line_outcomes": """
            claim_number  line_key  kind     outcome
            A1            L1        refused  open
            A2            L1        refused  open
            D4            L1        refused  lost
        """,
    }
    bench.makes("claims", given, """
        claim_number  state        open_balance  written_off  closed_on
        A1            denied_open  200.00        0.00         NULL
        A2            resubmitted  200.00        0.00         NULL
        B7            paid         0.00          0.00         2026-10-03
        B8            patient      0.00          0.00         2026-10-03
        C2            submitted    300.00        0.00         NULL
        D4            written_off  0.00          90.00        2026-03-01
    """)  # fmt: skip
