"""A damaged store is said, never read as other numbers; a practice goes into one file and comes back the same."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from conftest import AS_OF, GOOD, notebook, remittance
from typer.testing import CliRunner

from rcm_analysis import cli
from rcm_analysis.errors import RcmError
from rcm_analysis.intake import ingest
from rcm_analysis.reports import render
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.store import backups, manifests, schema
from rcm_analysis.store.practice import Practice, StoreError


@pytest.fixture
def own(tmp_path) -> Practice:
    """A practice of two batches."""
    place = Practice(tmp_path / "store", "clinic")
    for i in (1, 2):
        (tmp_path / f"{i}.835").write_bytes(remittance(f"CLP*A{i}*1*100*80**12*P{i}*11", "CAS*CO*45*20", paid="80"))
        ingest.ingest(place, [tmp_path / f"{i}.835"])
    return place


def rows(place: Practice) -> dict[str, list]:
    con = place.connect()
    return {t.name: con.execute(f"SELECT * FROM {t.name} ORDER BY ALL").fetchall() for t in schema.FACTS}


def fresh(place: Practice) -> Practice:
    """The practice as another process sees it, which has found nothing right yet."""
    manifests._sound.clear()
    return Practice(place.root, place.name)


def test_a_store_as_it_was_written_is_right(own):
    found = backups.verify(own)
    assert (found.batches, found.damaged) == (2, {}) and found.tables == 8 and found.rows == 8
    assert any("derived" in words for words in found.unchecked)
    assert own.connect().execute("SELECT count(*) FROM remittances").fetchall() == [(2,)]


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_is_one_sentence_that_names_the_batch(own, seed):
    chance, right = random.Random(seed), rows(own)
    for path in chance.choices(sorted((own.folder / "batches").glob("*/*")), k=12):
        whole = path.read_bytes()
        bit = chance.randrange(8 * len(whole))
        path.write_bytes(whole[: bit // 8] + bytes([whole[bit // 8] ^ 1 << bit % 8]) + whole[bit // 8 + 1 :])
        assert backups.verify(fresh(own)).damaged, (path, bit)
        try:
            assert rows(fresh(own)) == right and path.suffix == ".json"  # what a manifest tells of the key, say
        except StoreError as error:
            assert re.fullmatch(r"batch 0000\d-\w{8} of clinic is damaged \(.*\): restore [^.]*", str(error))
            assert path.suffix == ".json" or path.parent.name in str(error)
        path.write_bytes(whole)
    assert backups.verify(fresh(own)).damaged == {}


DAMAGES = {
    "a table less": lambda batch: (batch / "remittances.parquet").unlink(),
    "half a table": lambda batch: (batch / "files.parquet").write_bytes((batch / "files.parquet").read_bytes()[:200]),
    "a table more": lambda batch: (batch / "payers.parquet").write_bytes(b"x"),
    "no batch": shutil.rmtree,
    "no manifest": lambda batch: (batch / manifests.MANIFEST).unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_missing_is_said_and_can_be_set_aside(own, tmp_path, damage):
    batch = own.folder / "batches" / own.batches()[0]
    before = rows(own)
    DAMAGES[damage](batch)
    with pytest.raises(StoreError, match=f"batch {batch.name} of clinic is damaged"):
        fresh(own).connect()
    asked = ["verify", "-p", "clinic", "--store", str(own.root)]
    told = CliRunner().invoke(cli.app, asked)
    assert told.exit_code == 1 and batch.name in told.output and "Traceback" not in told.output
    assert CliRunner().invoke(cli.app, [*asked, "--set-aside"]).exit_code == 1
    assert CliRunner().invoke(cli.app, asked).exit_code == 0
    assert [row[0] for row in fresh(own).connect().execute("SELECT claim_number FROM remittances").fetchall()] == ["A2"]
    ingest.ingest(fresh(own), [tmp_path / "1.835"])
    again = rows(fresh(own))
    assert again["remittances"] == before["remittances"] and again["adjustments"] == before["adjustments"]


def test_a_key_that_is_another_is_said(own, tmp_path):
    (own.folder / "key").write_bytes(bytes(32))
    assert "key" in backups.verify(own).damaged
    with pytest.raises(StoreError, match="key of clinic is damaged"):
        ingest.ingest(own, [tmp_path / "1.835"])


def test_batches_of_an_earlier_release_are_read_and_named_as_not_checked(own):
    for manifest in (own.folder / "batches").glob(f"*/{manifests.MANIFEST}"):
        manifest.unlink()
    assert len(rows(fresh(own))["remittances"]) == 2
    found = backups.verify(fresh(own))
    assert not found.damaged and "2 batches of an earlier release" in found.unchecked[0]


# --- a report is a snapshot ----------------------------------------------------------------------------------------

COUNT = """
import pathlib
from rcm_analysis.claims import derive
view = derive.open_practice(store, practice, as_of=as_of)
counts = [view.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in ("claims", "remittances")]
with open(pathlib.Path(store).parent / "seen", "a") as file:
    file.write(f"{counts}\\n")
"""
INGEST = """
import pathlib
from rcm_analysis.intake import ingest
from rcm_analysis.store.practice import Practice
assert ingest.ingest(Practice(store, practice), [pathlib.Path(store).parent / "3.835"]).batch == "00003"
"""


def test_all_pages_of_a_report_see_the_same_batches(own, tmp_path):
    """The second page ingests a further file; the third sees what the first saw, and the next report all of it."""
    (tmp_path / "3.835").write_bytes(remittance("CLP*A3*1*100*80**12*P3*11", "CAS*CO*45*20", paid="80"))
    books = [notebook(tmp_path / f"0{i}_x.ipynb", GOOD, cell) for i, cell in enumerate((COUNT, INGEST, COUNT), 1)]
    request = ReportRequest("clinic", "2026-10", AS_OF, notebooks=tuple(books))
    made = render.render(request, store=own.root, out=tmp_path / "out")
    assert made.ok, made.statuses
    assert (tmp_path / "seen").read_text().splitlines() == ["[2, 2]"] * 2
    told = json.loads((made.folder / "manifest.json").read_text())["provenance"]
    assert len(told["batches"].split(", ")) == 2 and len(own.batches()) == 3
    books = [notebook(tmp_path / "01_x.ipynb", GOOD, COUNT)]
    assert render.render(
        ReportRequest("clinic", "2026-10", AS_OF, notebooks=tuple(books)), store=own.root, out=tmp_path / "out"
    ).ok
    assert (tmp_path / "seen").read_text().splitlines()[-1] == "[3, 3]"


def test_a_damaged_store_makes_no_report(own, tmp_path):
    path = next((own.folder / "batches").glob("*/remittances.parquet"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    request = ReportRequest("clinic", "2026-10", AS_OF, notebooks=(notebook(tmp_path / "01_x.ipynb", GOOD),))
    manifests._sound.clear()
    with pytest.raises(StoreError, match=path.parent.name):
        render.render(request, store=own.root, out=tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.html"))


# --- one file ------------------------------------------------------------------------------------------------------

SECRET = "correct horse battery"


def test_a_practice_comes_back_the_same_on_another_machine(own, tmp_path, monkeypatch):
    (own.folder / "contracts.csv").write_text("payer\n")
    file = tmp_path / "away/clinic.rcm"
    monkeypatch.setenv("RCM_BACKUP_PASSPHRASE", SECRET)
    done = CliRunner().invoke(cli.app, ["backup", "-p", "clinic", "--out", str(file), "--store", str(own.root)])
    assert done.exit_code == 0 and file.stat().st_mode & 0o777 == 0o600
    done = CliRunner().invoke(cli.app, ["restore", str(file), "--store", str(tmp_path / "other")])
    assert done.exit_code == 0, done.output
    other = Practice(tmp_path / "other", "clinic")
    assert rows(other) == rows(own) and other.key() == own.key() and (other.folder / "contracts.csv").exists()
    assert all(not path.stat().st_mode & 0o077 for path in other.folder.rglob("*"))
    assert own.key() not in file.read_bytes() and own.key().hex().encode() not in file.read_bytes()


def test_a_backup_replaces_only_when_asked_and_says_what_is_gone(own, tmp_path):
    file = tmp_path / "clinic.rcm"
    backups.back_up(own, file, SECRET)
    (tmp_path / "3.835").write_bytes(remittance("CLP*A3*1*100*80**12*P3*11", "CAS*CO*45*20", paid="80"))
    ingest.ingest(own, [tmp_path / "3.835"])
    with pytest.raises(StoreError, match="already"):
        backups.restore(file, own.root, SECRET)
    done = backups.restore(file, own.root, SECRET, replace=True)
    assert len(done.batches) == 2 and len(done.gone) == 1
    assert sorted(path.name for path in own.root.iterdir()) == ["clinic"]


def test_a_wrong_passphrase_and_a_damaged_backup_change_nothing(own, tmp_path):
    file = tmp_path / "clinic.rcm"
    backups.back_up(own, file, SECRET)
    with pytest.raises(StoreError, match="passphrase"):
        backups.restore(file, tmp_path / "other", "another")
    whole, chance = file.read_bytes(), random.Random(1)
    for _ in range(30):
        bit = chance.randrange(8 * len(whole))
        file.write_bytes(whole[: bit // 8] + bytes([whole[bit // 8] ^ 1 << bit % 8]) + whole[bit // 8 + 1 :])
        try:
            backups.restore(file, tmp_path / "other", SECRET)
        except RcmError:
            assert not Practice(tmp_path / "other", "clinic").known(), bit
        else:  # a date or a flag of the archive, which nothing rests on
            assert rows(Practice(tmp_path / "other", "clinic")) == rows(own)
            shutil.rmtree(tmp_path / "other")
    assert not list(Path(tmp_path / "other").glob(".*")) if (tmp_path / "other").exists() else True


def test_what_is_no_backup_is_said(own, tmp_path):
    file = tmp_path / "x.rcm"
    file.write_bytes(b"nothing")
    with pytest.raises(StoreError, match="no backup"):
        backups.restore(file, tmp_path / "other", SECRET)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("backup.json", '{"format": 1, "practice": "x", "files": {"../../etc/x.csv": ""}}')
        archive.writestr("key.json", "{}")
    with pytest.raises(StoreError, match="belongs to none"):
        backups.restore(file, tmp_path / "other", SECRET)
    assert os.listdir(tmp_path / "other") == [] if (tmp_path / "other").exists() else True
