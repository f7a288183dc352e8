"""Commands say that they are at work, what comes next, and end with an honest code."""

from __future__ import annotations

import time

import pytest
from conftest import claim_837, remittance
from typer.testing import CliRunner

from rcm_analysis import cli
from rcm_analysis.errors import RcmError
from rcm_analysis.intake import progress


def rcm(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, [str(one) for one in arguments])
    return (2, str(done.exception)) if isinstance(done.exception, RcmError) else (done.exit_code, done.output)


@pytest.fixture
def store(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.835").write_bytes(remittance("CLP*A1*1*100*80**12*P*11", "CAS*CO*45*20", paid="80"))
    (tmp_path / "empty").mkdir()
    assert rcm("ingest", tmp_path / "in", "-p", "clinic", "--store", tmp_path / "store")[0] == 0
    return tmp_path / "store"


@pytest.mark.parametrize("command", ["ingest", "scrub"])
def test_an_empty_folder_is_3_and_says_so(store, command):
    empty = store.parent / "empty"
    assert rcm(command, empty, "-p", "clinic", "--store", store) == (3, "no files were found\n")


def test_a_folder_is_scrubbed_file_by_file(store):
    folder = store.parent / "empty"
    (folder / "today.837").write_bytes(claim_837())
    (folder / ".hidden").write_bytes(b"")
    code, said = rcm("scrub", folder, "-p", "clinic", "--store", store)
    assert code in (0, 3) and "today.837: 1 claims" in said


@pytest.mark.parametrize("command", [("files",), ("files", "--json"), ("report",), ("verify",), ("explain", "A1")])
def test_a_practice_that_is_not_there_is_said_and_not_0(store, command):
    code, said = rcm(*command, "-p", "nobody", "--store", store)
    assert code == 2 and "nothing of nobody" in said


def test_what_takes_long_says_that_it_is_at_work(monkeypatch, capsys):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.05)
    with progress.working("verifying clinic"):
        time.sleep(0.3)
    with progress.working("writing claims"):
        pass
    time.sleep(0.2)
    assert capsys.readouterr().err == "verifying clinic: still at work\n"


@pytest.mark.parametrize(
    ("command", "what"),
    [(["verify"], "verifying clinic"), (["export", "claims", "--out", "x.csv"], "writing claims"), (["backup", "--out", "x.rcm"], "backing up clinic"),
     (["forget", "--yes", "--out", "out"], "deleting clinic")],
)  # fmt: skip
def test_every_long_command_tells_it(store, command, what, monkeypatch):
    told = []

    class Told:
        def __init__(self, text):
            told.append(text)

        def __enter__(self):
            return None

        def __exit__(self, *_):
            return None

    monkeypatch.chdir(store.parent)
    monkeypatch.setenv("RCM_BACKUP_PASSPHRASE", "secret")
    monkeypatch.setattr(progress, "working", Told)
    code, said = rcm(*command, "-p", "clinic", "--store", store)
    assert (code, told) == (0, [what]), said
