"""One code path, two engines: the demo practice on DuckDB and on Apache Spark. `make test-spark` installs Spark and runs it."""

from __future__ import annotations

import os

import joblib
import pandas as pd
import pytest
from conftest import AS_OF, copy_of, remittance

from rcm_analysis import export
from rcm_analysis.claims import derive
from rcm_analysis.errors import RcmError
from rcm_analysis.intake import ingest
from rcm_analysis.measures import by_month, measures
from rcm_analysis.models.outcome import OutcomeModel
from rcm_analysis.prevention import chance, features
from rcm_analysis.prevention import rules as prevention_rules
from rcm_analysis.reports import all_practices, render
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.store import engine as store_engine
from rcm_analysis.store import schema
from rcm_analysis.store.practice import Practice
from rcm_analysis.trends import signals

pytest.importorskip("pyspark", reason="Spark is not installed; make test-spark installs it")
pytest.importorskip("sqlglot", reason="Spark is not installed; make test-spark installs it")


@pytest.fixture(scope="module")
def spark_con(demo_store):
    con = derive.open_practice(demo_store, "riverbend", as_of=AS_OF, engine="spark")
    yield con
    con.close()


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(list(frame.columns), ignore_index=True)


@pytest.mark.parametrize("table", derive.DERIVED)
def test_every_derived_table_is_equal_on_both_engines(demo_con, spark_con, table):
    ours = demo_con.execute(f"SELECT * FROM {table}").df()
    theirs = spark_con.execute(f"SELECT * FROM {table}").df()[list(ours.columns)]
    if table in ("claims", "denials", "write_offs", "episode_steps"):
        assert len(ours) > 50
    pd.testing.assert_frame_equal(in_order(ours), in_order(theirs), check_dtype=False)


def test_listings_are_equal_on_both_engines(tmp_path):
    from test_exports import CLAIMS, DENIALS, LEDGER

    for i, text in enumerate((CLAIMS, CLAIMS + "\n", DENIALS, DENIALS + "\n", LEDGER, LEDGER + "\n")):
        (tmp_path / f"{i}.csv").write_text(text)
    ingest.ingest(Practice(tmp_path / "s", "clinic"), [tmp_path])
    cons = [
        derive.open_practice(tmp_path / "s", "clinic", as_of=AS_OF, engine=engine) for engine in ("duckdb", "spark")
    ]
    for table in ("claims", "denials", "write_offs", "ledger"):
        ours, theirs = (con.execute(f"SELECT * FROM {table}").df() for con in cons)
        assert len(ours) > 0
        pd.testing.assert_frame_equal(in_order(ours), in_order(theirs[list(ours.columns)]), check_dtype=False)
    cons[1].close()


@pytest.mark.parametrize("name", ["paid=0", "st*x", "st?x", "st[ab]x", "a[b", "st{ax,bx}"])
def test_a_folder_above_the_store_is_neither_a_partition_nor_a_pattern(tmp_path, name):
    (tmp_path / "a.835").write_bytes(remittance("CLP*A1*1*100*80", paid="80"))
    for place in ("stax", "stbx", name):  # the same file gives batches of the same name
        ingest.ingest(Practice(tmp_path / place / "store", "clinic"), [tmp_path / "a.835"])
    con = store_engine.connect(Practice(tmp_path / name / "store", "clinic"), as_of=AS_OF, engine="spark")
    con.execute("CREATE TEMP TABLE made AS SELECT claim_number, paid FROM remittances")
    assert con.execute("SELECT * FROM made").fetchall() == [("A1", 80)]
    con.close()


def test_every_measure_is_equal_on_both_engines(demo_con, spark_con):
    ours, theirs = (measures.measure(con) for con in (demo_con, spark_con))
    assert len(ours) > 1000
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-12)


def test_the_notebooks_tables_are_equal_on_both_engines(demo_con, spark_con):
    for build in (
        by_month.denial_reasons,
        by_month.write_offs_by_leaf,
        by_month.waterfall,
        by_month.coverage,
        by_month.decisions_told,
    ):
        ours, theirs = (build(con, months=24) for con in (demo_con, spark_con))
        pd.testing.assert_frame_equal(in_order(ours), in_order(theirs), check_dtype=False)
    pd.testing.assert_frame_equal(by_month.balance(demo_con), by_month.balance(spark_con), check_dtype=False)


def test_spark_exports_money_as_decimals_and_leaves_nothing_behind(demo_store, tmp_path):
    import pyarrow.parquet as pq

    rows = export.export("write_offs", practice="riverbend", store=demo_store, as_of=AS_OF, out=tmp_path / "w.parquet", engine="spark")  # fmt: skip
    table = pq.read_table(tmp_path / "w.parquet")
    assert table.num_rows == rows and str(table.schema.field("amount").type).startswith("decimal128")


def test_what_sqlglot_leaves_is_translated():
    assert store_engine.spark_sql("SELECT r.* REPLACE (1 AS a), b FROM r") == "SELECT r.* EXCEPT (a), 1 AS a, b FROM r"
    assert store_engine.spark_sql("SELECT max_by(a, b) FILTER (WHERE c) FROM r") == (
        "SELECT MAX_BY(a, b) FILTER(WHERE c AND NOT a IS NULL) FROM r"
    )


def test_a_practice_unknown_to_spark_is_a_clear_error(tmp_path):
    with pytest.raises(RcmError, match="nothing of nobody"):
        derive.open_practice(tmp_path, "nobody", as_of=AS_OF, engine="spark")


def test_files_read_as_spark_tasks_give_the_same_rows_and_rejects(demo_folder, tmp_path):
    files = [
        *sorted((demo_folder / "edi" / "835").iterdir())[:20],
        *sorted((demo_folder / "edi" / "837").iterdir())[:10],
    ]
    broken = tmp_path / "broken.835"
    broken.write_bytes(files[0].read_bytes()[:-200])
    for engine in (None, "spark"):
        ingest.ingest(Practice(tmp_path, engine or "here"), [*files, broken], engine=engine)
    here, there = (Practice(tmp_path, name).connect() for name in ("here", "spark"))
    for table in schema.FACTS:
        columns = ", ".join(c.name for c in table.columns if c.name not in ("batch", "patient_key"))
        ours, theirs = (in_order(con.execute(f"SELECT {columns} FROM {table.name}").df()) for con in (here, there))
        pd.testing.assert_frame_equal(ours, theirs)
    assert len(here.execute("SELECT * FROM rejects").df())


def test_files_read_by_dask_workers_give_the_same_rows(demo_folder, tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed; make test-spark installs it")
    files = sorted((demo_folder / "edi" / "835").iterdir())[:20]
    ingest.ingest(Practice(tmp_path, "here"), files)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        ingest.ingest(Practice(tmp_path, "there"), files, engine=cluster.scheduler_address)
    rows = [
        len(Practice(tmp_path, name).connect().execute("SELECT * FROM adjustments").df()) for name in ("here", "there")
    ]
    assert rows[0] == rows[1] > 100


def test_rules_and_risk_learned_by_dask_workers_are_the_same(demo_con):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed; make test-spark installs it")
    lines = features.sent(demo_con)
    claims_sent = chance.claim_rows(lines)
    learn = {"outcome": "outcome", "case": "submission_id", "amount": "denied_amount", "date": "sent_on"}
    loose = prevention_rules.Learning(
        min_precision=0.1, min_hits=2, level=0.5
    )  # so that some of 3,000 claims' rules are offered

    def learned():
        rules = prevention_rules.learn_rules(lines, **learn, features=features.FEATURES, settings=loose)
        model = OutcomeModel(
            features=["payer_name", "procedure", "claim_charge"], horizon_days=365, group="claim_number"
        )
        fitted = model.fit(
            claims_sent, index_date="sent_on", outcome="refused", outcome_date="answered_on", as_of=AS_OF
        )
        return rules, fitted.comparison

    here = learned()
    with (distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
          distributed.Client(cluster), joblib.parallel_config("dask")):  # fmt: skip
        there = learned()
        assert cluster.scheduler.transition_counter > 0  # the workers had something to do
    assert len(here[0]) and len(here[1]) > 2
    for ours, theirs in zip(here, there, strict=True):
        pd.testing.assert_frame_equal(ours, theirs)


def test_what_signals_are_found_in_is_equal_on_both_engines(demo_con, spark_con):
    ours, theirs = (signals.practice_signals(con) for con in (demo_con, spark_con))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-9, check_dtype=False)
    signals.prepare(demo_con, months=36)
    for table in ("trend_claims", "trend_procedures"):
        ours, theirs = (in_order(con.execute(f"SELECT * FROM {table}").df()) for con in (demo_con, spark_con))
        assert len(ours) > 2000
        pd.testing.assert_frame_equal(ours, theirs[list(ours.columns)], check_dtype=False)


def test_practices_rendered_by_dask_workers_give_the_same_tables(demo_store, tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed; make test-spark installs it")
    for name in ("here", "there"):
        copy_of(demo_store / "riverbend", tmp_path / "store" / name)
    copy_of(demo_store / "riverbend", tmp_path / "store/broken")
    for path in (tmp_path / "store/broken/batches").glob("*/remittances.parquet"):
        os.truncate(path, 100)
    names, books = ["broken", "here", "there"], render.notebooks(["03"])
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        for out, engine in (("mine", None), ("theirs", cluster.scheduler_address)):
            request = ReportRequest("all", "2026-10", AS_OF, notebooks=tuple(books))
            made = all_practices.render_all(
                names, request, store=tmp_path / "store", out=tmp_path / out, jobs=2, engine=engine
            )
            assert [one.ok for one in made.made] == [False, True, True] and made.page.ok, made
    tables = sorted(path.relative_to(tmp_path / "mine") for path in (tmp_path / "mine").glob("*/2026-10/tables/*.csv"))
    assert len(tables) > 10
    for path in tables:
        assert (tmp_path / "theirs" / path).read_bytes() == (tmp_path / "mine" / path).read_bytes(), path
