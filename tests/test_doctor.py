"""What the machine lacks is said with how to get it, settings stand in one file, and scripts can read what commands say."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT, remittance
from typer.testing import CliRunner

from rcm_analysis import cli, settings
from rcm_analysis.errors import RcmError
from rcm_analysis.intake import ingest
from rcm_analysis.reports import doctor, pdf
from rcm_analysis.store.practice import Practice


def call(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, [*map(str, arguments)])
    return done.exit_code, done.stdout


@pytest.fixture
def store(tmp_path) -> Path:
    (tmp_path / "a.835").write_bytes(remittance("CLP*A1*1*10*10"))
    ingest.ingest(Practice(tmp_path / "store", "clinic"), [tmp_path / "a.835"])
    return tmp_path / "store"


def test_a_sound_machine_is_said_to_be_one(store, tmp_path):
    found = {one.what: one for one in doctor.examine(store=store, out=tmp_path / "out")}
    assert {"Python", "packages", "PDF", "Spark", "notebooks", "disk", "store", "settings", "practices"} <= set(found)
    assert all(found[what].state == doctor.OK for what in ("Python", "packages", "notebooks", "store", "practices"))
    assert "rcm report --practice clinic" in found["practices"].said


def test_what_is_missing_is_said_with_how_to_get_it(store, tmp_path, monkeypatch):
    def no_weasyprint():
        raise RcmError(pdf.HOW_TO)

    monkeypatch.setattr(pdf, "check", no_weasyprint)
    monkeypatch.setattr(doctor, "_is_there", lambda name: False)
    found = {one.what: one for one in doctor.examine(store=store, out=tmp_path / "out")}
    assert all(
        found[what].state == doctor.MISSING and "install" in found[what].said for what in ("PDF", "Spark", "Dask")
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_a_store_that_others_can_read_is_wrong(store):
    store.chmod(0o755)
    code, said = call("doctor", "--store", store, "--json")
    assert code == 1
    (one,) = [one for one in json.loads(said) if one["state"] == "wrong"]
    assert one["what"] == "store" and "chmod" in one["said"]


def test_the_settings_file_lists_every_variable_but_secrets():
    code, said = call("doctor", "--settings")
    assert code == 0 and tomllib.loads(said) == {}
    keys = {line[2:].split(" = ")[0] for line in said.splitlines() if " = " in line}
    assert keys == {one.key for one in settings.OF_USERS if one not in settings.SECRETS}
    assert isinstance(tomllib.loads("\n".join(line[2:] for line in said.splitlines() if " = " in line)), dict)


def test_a_settings_file_sets_what_the_environment_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv("RCM_MEMORY_LIMIT", "2GB")
    for one in (settings.CELL_TIMEOUT_S, settings.CORES):
        monkeypatch.setenv(one.name, "")  # so that it is put back afterwards
    file = tmp_path / settings.FILE
    file.write_text('cell_timeout_s = 5\nmemory_limit = "8GB"\ncores = 3\n')
    settings.take_file(file)
    assert (settings.CELL_TIMEOUT_S.number, settings.MEMORY_LIMIT.value, settings.CORES.number) == (5, "2GB", 3)
    settings.take_file(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [("memory = 1", "unknown key memory"), ("smtp_password = 'x'", "RCM_SMTP_PASSWORD"), ("engine = [1]", "a text or a number"),
     ("engine", "not understood")],
)  # fmt: skip
def test_a_wrong_settings_file_is_one_sentence(tmp_path, text, words):
    (tmp_path / "rcm.toml").write_text(text)
    with pytest.raises(RcmError, match=words):
        settings.take_file(tmp_path / "rcm.toml")


def test_scripts_can_read_what_commands_say(store, tmp_path):
    assert json.loads(call("practices", "--store", store, "--json")[1]) == [
        {"practice": "clinic", "files": 1, "rejected": 0, "claims": 1, "from": "2026-03-05", "to": "2026-03-05"}]  # fmt: skip
    (row,) = json.loads(call("files", "-p", "clinic", "--store", store, "--json")[1])
    assert (row["name"], row["status"], row["paid"]) == ("a.835", "accepted", "10.00")
    assert json.loads(call("cache", "--store", store, "--json")[1]) == []
    assert json.loads(call("deadlines", "-p", "clinic", "--store", store, "--json")[1])
    (one,) = json.loads(call("verify", "--store", store, "--json")[1])
    assert one["damaged"] == {} and one["batches"] == 1


def test_a_folder_without_files_is_no_success(tmp_path):
    (tmp_path / "in").mkdir()
    code, _ = call("ingest", tmp_path / "in", "-p", "clinic", "--store", tmp_path / "store")
    assert code == 3


def test_a_damaged_practice_hides_no_other(store, tmp_path):
    ingest.ingest(Practice(store, "sound"), [tmp_path / "a.835"])
    next((store / "clinic/batches").glob("*/remittances.parquet")).unlink()
    done = CliRunner().invoke(cli.app, ["practices", "--store", str(store), "--json"])
    assert [one["practice"] for one in json.loads(done.stdout)] == ["sound"] and "clinic is damaged" in done.stderr


def test_the_settings_file_is_documented():
    assert "rcm doctor --settings > rcm.toml" in (ROOT / "docs/settings.md").read_text("utf-8")
