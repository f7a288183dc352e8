"""What leaves the store is written whole, private, and without losing a row in silence."""

from __future__ import annotations

import os
from pathlib import Path

import openpyxl
import pytest
from conftest import AS_OF, remittance
from typer.testing import CliRunner

from rcm_analysis import cli, export, words
from rcm_analysis.claims import derive
from rcm_analysis.errors import FailedError
from rcm_analysis.intake import ingest
from rcm_analysis.reports import deliver
from rcm_analysis.store import backups, engine, folders
from rcm_analysis.store.practice import Practice


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("whole")
    claims = [s for i in range(25) for s in (f"CLP*A{i}*1*100*80**12*P{i}*11", "CAS*CO*45*20")]
    (place / "1.835").write_bytes(remittance(*claims, paid="2000"))
    ingest.ingest(Practice(place / "store", "clinic"), [place / "1.835"])
    return place / "store"


@pytest.fixture(scope="module")
def view(store):
    return derive.open_practice(store, "clinic", as_of=AS_OF)


@pytest.mark.parametrize("rows_of_sheet", [26, 25, 11, 2])
def test_rows_that_no_sheet_holds_go_on_in_the_next(view, tmp_path, monkeypatch, rows_of_sheet):
    monkeypatch.setattr(export, "ROWS_OF_SHEET", rows_of_sheet)
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 7)
    assert export.write(view, "claims", tmp_path / "x.xlsx") == 25
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    sheets = [list(sheet.iter_rows(values_only=True)) for sheet in book]
    assert len({rows[0] for rows in sheets}) == 1 and max(map(len, sheets)) <= rows_of_sheet
    assert len({row[0] for rows in sheets for row in rows[1:]}) == 25 == sum(len(rows) - 1 for rows in sheets)


def test_a_table_without_rows_is_a_sheet_with_its_header(view, tmp_path):
    assert export.write(view, "work_log", tmp_path / "x.xlsx") == 0
    assert openpyxl.load_workbook(tmp_path / "x.xlsx").active.max_row == 1


def test_a_cell_that_no_sheet_holds_is_said(view, tmp_path):
    view.execute("CREATE OR REPLACE TEMP VIEW long_texts AS SELECT repeat('x', 40000) AS text")
    with pytest.raises(FailedError, match="column text"):
        export._write_workbook(view.execute("SELECT * FROM long_texts"), "t", tmp_path / "x.xlsx")


@pytest.mark.parametrize("suffix", export.SUFFIXES)
def test_exports_are_private_and_take_the_place_of_the_older(view, tmp_path, suffix):
    out = tmp_path / "new" / f"x{suffix}"
    mask = os.umask(0o022)
    try:
        export.write(view, "claims", out)
        size = out.stat().st_size
        export.write(view, "claims", out)
    finally:
        os.umask(mask)
    assert out.stat().st_mode & 0o777 == 0o600 and out.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in out.parent.iterdir()] == [out.name] and size > 100


@pytest.mark.parametrize("suffix", export.SUFFIXES)
def test_a_full_disk_leaves_the_older_export_and_one_sentence(view, tmp_path, monkeypatch, suffix):
    out = tmp_path / f"x{suffix}"
    out.write_text("before")

    def full(*arguments, **more):
        raise OSError(28, "No space left on device")

    for place, name in ((Path, "write_text"), (engine, "write_parquet"), (export, "_write_sheet")):
        monkeypatch.setattr(place, name, full)
    with pytest.raises(
        FailedError, match=r"could not be written \(No space left on device\); what was there is as it was$"
    ):
        export.write(view, "claims", out)
    monkeypatch.undo()
    assert out.read_text() == "before" and [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("suffix", export.SUFFIXES)
def test_a_folder_in_the_place_of_a_file_is_said_and_stays(view, tmp_path, suffix):
    out = tmp_path / f"x{suffix}"
    out.mkdir()
    (out / "of somebody").touch()
    with pytest.raises(FailedError, match="folder"):
        export.write(view, "claims", out)
    assert (out / "of somebody").exists()
    with pytest.raises(IsADirectoryError), folders.whole(out):
        pass


def test_forgetting_says_where_copies_lie(store, tmp_path):
    (tmp_path / "in.835").write_bytes(remittance("CLP*A1*1*10*10"))
    own = Practice(tmp_path / "store", "gone")
    ingest.ingest(own, [tmp_path / "in.835"])
    report = tmp_path / "out/gone/2026-10"
    report.mkdir(parents=True)
    (report / "manifest.json").write_text("{}")
    delivered = deliver.to_folder(report, tmp_path / "shared")
    export.export("remittances", practice="gone", store=own.root, as_of=AS_OF, out=tmp_path / "x.csv")
    backups.back_up(own, tmp_path / "x.rcm", "secret")
    asked = ["forget", "-p", "gone", "--store", str(own.root), "--out", str(tmp_path / "out"), "--yes"]
    done = CliRunner().invoke(cli.app, asked)
    assert done.exit_code == 0, done.output
    for copy in (delivered, tmp_path / "x.csv", tmp_path / "x.rcm"):
        assert f"a copy lies in {copy}" in done.output and copy.exists()
    assert not own.known() and not report.exists()


@pytest.mark.parametrize("length", [32_767, 32_768, 100_000])
def test_a_long_cell_of_a_csv_is_kept_whole(view, tmp_path, length):
    view.execute(f"CREATE OR REPLACE TEMP VIEW long_texts AS SELECT '=' || repeat('x', {length - 1}) AS text")
    export._write(view, "long_texts", tmp_path / "x.csv", ".csv")
    assert (tmp_path / "x.csv").read_text("utf-8") == f"text\n'={'x' * (length - 1)}\n"


def test_a_long_cell_of_the_workbook_says_that_it_was_cut():
    assert words.fitting("x" * words.MAX_CELL) == "x" * words.MAX_CELL
    cut = words.fitting("=" + "y" * words.MAX_CELL)
    kept = cut.split(" … (")[0]
    left_out = words.MAX_CELL + 2 - len(kept)
    assert len(cut) <= words.MAX_CELL and cut.endswith(
        f" … ({left_out:,} of {words.MAX_CELL + 2:,} characters are left out)"
    )
