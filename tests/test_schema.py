"""What the schema declares is what is made: names and types of every table, and who may see a column."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pytest

from rcm_analysis import export
from rcm_analysis.claims import derive
from rcm_analysis.pages import release
from rcm_analysis.store import engine, kept, schema
from rcm_analysis.store.practice import Practice


@pytest.mark.parametrize("table", [table.name for table in schema.DERIVED])
def test_a_derived_table_is_as_declared(demo_con, table):
    schema.check(table, engine.columns(demo_con.con, table))
    assert [column[0] for column in demo_con.execute(f"SELECT * FROM {table} LIMIT 0").description] == list(
        export.columns(table)["column"]
    )


@pytest.mark.parametrize("table", [table.name for table in schema.SHARED])
def test_a_step_that_rooms_share_has_the_columns_declared(demo_con, table):
    made = engine.columns(demo_con.con, table)
    schema.check(table, made)
    with pytest.raises(schema.SchemaError, match=rf"{table}\.{made.names[0]} is declared and was not made"):
        schema.check(table, made.remove(0))


@pytest.mark.parametrize("table", ["measures", "clusters", "cluster_members", "risk", "signals"])
def test_an_analysis_has_the_types_declared(demo_con, table):
    export.frame(demo_con, table)
    assert engine.columns(demo_con.con, table).equals(schema.TABLES[table].arrow())


def test_a_derived_table_that_differs_is_refused_by_table_and_column(demo_con, monkeypatch):
    claims = schema.TABLES["claims"]
    less = replace(claims, columns=tuple(column for column in claims.columns if column.name != "state"))
    monkeypatch.setitem(schema.TABLES, "claims", less)
    with pytest.raises(schema.SchemaError, match=r"claims\.state is not declared"):
        schema.check("claims", engine.columns(demo_con.con, "claims"))


def test_derive_checks_what_its_steps_made(demo_store, monkeypatch):
    write_offs = schema.TABLES["write_offs"]
    more = replace(write_offs, columns=(*write_offs.columns, schema.Column("payer", schema.TEXT, "payer")))
    monkeypatch.setitem(schema.TABLES, "write_offs", more)
    kept.clear(Practice(demo_store, "riverbend"))
    with pytest.raises(schema.SchemaError, match=r"write_offs\.payer is declared and was not made"):
        derive.open_practice(demo_store, "riverbend", as_of="2026-10-31")


@pytest.mark.parametrize(
    ("made", "is_declared"),
    [
        (pa.decimal128(38, 2), True),
        (pa.decimal128(38, 4), False),
        (pa.float64(), False),
        (pa.string(), False),
    ],
)
def test_money_may_be_wider_but_stays_money(made, is_declared):
    found = schema.TABLES["write_offs"].arrow().set(2, pa.field("amount", made))
    if is_declared:
        schema.check("write_offs", found)
    else:
        with pytest.raises(schema.SchemaError, match=r"write_offs\.amount is .*, declared decimal128\(14, 2\)"):
            schema.check("write_offs", found)


def test_an_analysis_without_rows_has_types_too():
    names = [column.name for column in schema.TABLES["signals"].columns]
    made = schema.conformed("signals", pd.DataFrame(columns=names))
    assert made.schema.equals(schema.TABLES["signals"].arrow())


def test_an_analysis_that_gives_something_else_is_refused_by_table_and_column():
    frame = pd.DataFrame({"claim_number": ["A1"], "line_number": ["one"], "cluster_id": ["C01"], "strength": [0.5]})
    with pytest.raises(schema.SchemaError, match=r"cluster_members\.line_number"):
        schema.conformed("cluster_members", frame)
    with pytest.raises(schema.SchemaError, match=r"cluster_members\.strength"):
        schema.conformed("cluster_members", frame.drop(columns="strength"))


def test_whole_numbers_and_days_of_an_analysis_are_such():
    frame = pd.DataFrame(
        {column.name: pd.Series([None], dtype=object) for column in schema.TABLES["risk"].columns}
    ).assign(as_of=pd.Timestamp("2026-10-31"), days_left=[35.0])
    made = schema.conformed("risk", frame)
    assert made["as_of"].type == pa.date32() and made["days_left"].to_pylist() == [35]
    with pytest.raises(schema.SchemaError, match=r"risk\.days_left"):
        schema.conformed("risk", frame.assign(days_left=35.5))


def test_every_table_of_the_export_says_what_its_columns_hold():
    for name in export.names():
        told = export.columns(name)
        assert len(told) and told["meaning"].str.len().min() > 3 and not told["column"].duplicated().any(), name


def test_what_names_a_case_is_never_shown():
    marked = {
        column.name
        for table in schema.TABLES.values()
        for column in table.columns
        if {schema.IDENTIFIER, schema.FREE_TEXT} & set(column.marks)
    }
    assert marked <= {*release.IDENTIFIERS, *release.FREE_TEXT}
    for name in (name for table in schema.TABLES.values() for name in (column.name for column in table.columns)):
        if name.endswith(("_number", "_key")) and name not in ("line_number",):
            assert name in release.IDENTIFIERS, name


@pytest.mark.parametrize("rows", [0, 2])
def test_a_column_without_a_value_takes_its_declared_type(rows):
    columns = {column.name: [None] * rows for column in schema.TABLES["work_items"].columns}
    frame = pd.DataFrame(columns).astype({"last_touched": float, "expected_cash": object})
    made = schema.conformed("work_items", frame)
    assert made.num_rows == rows and made.schema == schema.TABLES["work_items"].arrow()
