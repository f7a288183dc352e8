"""Killed at any moment, run twice at once, or on a full disk: the store holds whole batches only."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess

import pytest
from conftest import ROOT

from rcm_analysis.errors import FailedError
from rcm_analysis.intake import ingest
from rcm_analysis.store import schema
from rcm_analysis.store.practice import Practice

KILLS = 50
INGEST = """
import time
from rcm_analysis.intake import ingest
from rcm_analysis.store.practice import Practice
ready.set()
ingest.ingest(Practice(store, "clinic"), [inbox], jobs=1, waiting=lambda: None)
time.sleep(0.03)  # some are killed when the batch is there
"""
# processes forked from one that has imported everything and done nothing: they begin at once, as killing fifty asks for
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["__main__", "rcm_analysis.intake.ingest"])


@pytest.fixture(scope="module")
def inbox(demo_folder, tmp_path_factory):
    """Ten small batches' worth of files."""
    folder = tmp_path_factory.mktemp("inbox")
    for kind in ("835", "837"):
        for path in sorted((demo_folder / "edi" / kind).iterdir())[:12]:
            (folder / f"{kind}-{path.name}").write_bytes(path.read_bytes())
    return folder


def started(store, inbox) -> BaseProcess:
    ready = FORKS.Event()
    job = FORKS.Process(target=exec, args=(INGEST, {"store": store, "inbox": inbox, "ready": ready}))
    job.start()
    assert ready.wait(60)
    return job


def ended(job: BaseProcess) -> int:
    job.join()
    return job.exitcode


def rows(practice: Practice) -> dict[str, int]:
    con = practice.connect()
    return {t.name: con.execute(f"SELECT count(*) FROM {t.name}").fetchall()[0][0] for t in schema.FACTS}


@pytest.fixture(scope="module")
def undisturbed(inbox, tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed")
    job, begun = started(root, inbox), time.monotonic()
    assert ended(job) == 0
    return rows(Practice(root, "clinic")), time.monotonic() - begun


@pytest.mark.slow
def test_a_killed_ingest_leaves_whole_batches_and_the_next_completes(inbox, undisturbed, tmp_path):
    whole, seconds = undisturbed
    moments = random.Random(7)
    kills = 0
    for i in range(4 * KILLS):
        store = tmp_path / str(i)
        job = started(store, inbox)
        time.sleep(moments.uniform(0, seconds))
        job.kill()
        if ended(job) == 0:
            seconds *= 0.9  # it was through before: the machine is less busy than it was
            continue
        practice = Practice(store, "clinic")
        if practice.exists():
            assert rows(practice) == whole, f"kill {i} left a part of a batch"
        ingest.ingest(practice, [inbox], jobs=1)
        assert rows(practice) == whole
        assert not [path.name for path in (practice.folder / "batches").iterdir() if path.name.startswith(".new")]
        kills += 1
        if kills == KILLS:
            break
    assert kills == KILLS


@pytest.mark.slow
def test_two_ingests_at_once_neither_lose_nor_repeat(inbox, undisturbed, tmp_path):
    jobs = [started(tmp_path, inbox) for _ in range(3)]
    assert [ended(job) for job in jobs] == [0, 0, 0]
    assert rows(Practice(tmp_path, "clinic")) == undisturbed[0]


@pytest.mark.skipif(os.name == "nt", reason="limits of file sizes are a thing of POSIX")
def test_a_full_disk_leaves_the_old_state(inbox, tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    practice = Practice(tmp_path, "clinic")
    files = sorted(inbox.iterdir())
    ingest.ingest(practice, files[:3])
    before, names = rows(practice), practice.batches()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(FailedError, match="No space left"):
        ingest.ingest(practice, files)
    monkeypatch.undo()
    assert (rows(practice), practice.batches()) == (before, names)
    ingest.ingest(practice, files)
    assert rows(practice)["files"] == len(files)


def test_the_store_is_private_to_its_user(inbox, tmp_path):
    practice = Practice(tmp_path, "clinic")
    ingest.ingest(practice, sorted(inbox.iterdir())[:2])
    for folder, _, names in os.walk(practice.folder):
        assert os.stat(folder).st_mode & 0o077 == 0, folder
        for name in names:
            assert os.stat(os.path.join(folder, name)).st_mode & 0o077 == 0, name


def test_no_person_of_the_demo_reaches_a_report_or_a_message(demo_report, demo_folder, tmp_path):
    canaries = {line for line in (demo_folder / "truth/canaries.txt").read_text().split("\n") if line}
    words: set[str] = set()
    for path in demo_report.rglob("*"):
        if path.is_file() and path.suffix in (".html", ".csv", ".json", ".ipynb", ".txt"):
            words |= set(re.findall(r"[\w'-]+", path.read_text("utf-8")))
    assert len(canaries) > 1000 and len(words) > 3000
    assert not canaries & words
    damaged = tmp_path / "cut.835"
    damaged.write_bytes(sorted((demo_folder / "edi" / "837").iterdir())[0].read_bytes()[:-300])
    command = [
        sys.executable,
        "-m",
        "rcm_analysis",
        "ingest",
        str(damaged),
        "-p",
        "clinic",
        "--store",
        str(tmp_path / "s"),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 3 and "~.835 (SHA-256 " in ran.stdout + ran.stderr
    assert not canaries & set(re.findall(r"[\w'-]+", ran.stdout + ran.stderr))
