"""Ingests that run twice at once or meet a full disk, and who may read what they write.

A child forked from a fresh server ingests, as a process of its own with limits of its own.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import shutil
import stat
from pathlib import Path

import pytest
from conftest import ROOT, claim_837, remittance

from rcm_analysis.errors import FailedError
from rcm_analysis.intake import ingest
from rcm_analysis.store import schema
from rcm_analysis.store.practice import Practice

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither these signals, limits nor file modes")

CLAIMS_PER_FILE = 40
LEDGER = "Account,Date,Type,Amount\n" + "".join(
    f"L{i},01/{1 + i % 28:02d}/2026,{kind},{amount}\n"
    for i in range(300)
    for kind, amount in (("Charge", "100.00"), ("Payment", "-60.00"))
)


def write_inbox(folder: Path, letter: str, *, files: int) -> Path:
    """As many remittances and claim files, and a ledger; the letter makes their bytes their own."""
    folder.mkdir()
    for number in range(files):
        claims = [f"CLP*{letter}{number}-{i}*1*100*60" for i in range(CLAIMS_PER_FILE)]
        (folder / f"{letter}{number}.835").write_bytes(remittance(*claims, paid=f"{60 * CLAIMS_PER_FILE}"))
        (folder / f"{letter}{number}.837").write_bytes(claim_837(f"{letter}{number}-0"))
    (folder / f"{letter}.csv").write_text(LEDGER.replace("L", letter))
    return folder


def facts(practice: Practice, *, without: str = "") -> dict[str, list]:
    """Every row of every table, in an order that the same rows always have."""
    found = {}
    con = practice.connect()
    for table in schema.FACTS:
        names = [column.name for column in table.columns if column.name != without]
        found[table.name] = sorted(map(repr, con.execute(f"SELECT {', '.join(names)} FROM {table.name}").fetchall()))
    return found


def _ingest(store: Path, paths: list[Path], begun=None, file_limit_bytes: int | None = None) -> None:
    if file_limit_bytes is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit_bytes, file_limit_bytes))
    if begun:
        begun.send(True)
    try:
        ingest.ingest(Practice(store, "clinic"), paths, jobs=2, waiting=lambda: None)
    except FailedError as error:
        os._exit(4 if "nothing was changed" in str(error) else 5)


@pytest.fixture(scope="module")
def child():
    """Starts an ingest in a child and gives it once it has begun."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["pytest", "pandas", "rcm_analysis.intake.ingest", "test_batches"]
    )  # else every child waits
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
        multiprocessing.forkserver.ensure_running()

    def start(*arguments, **options):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_ingest, args=(*arguments, there), kwargs=options)
        process.start()
        there.close()
        here.recv()
        return process

    return start


@pytest.fixture
def old(tmp_path) -> Path:
    """A store that holds a batch already."""
    ingest.ingest(Practice(tmp_path / "old", "clinic"), [write_inbox(tmp_path / "first", "F", files=2)])
    return tmp_path / "old"


def test_two_ingests_at_once_neither_duplicate_nor_lose(tmp_path, old, child):
    shared, one, two = (write_inbox(tmp_path / letter, letter, files=4) for letter in "CDE")
    alone = Practice(shutil.copytree(old, tmp_path / "alone"), "clinic")
    ingest.ingest(alone, [shared, one, two])
    both = [child(old, [shared, one]), child(old, [shared, two])]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    practice = Practice(old, "clinic")
    assert len(practice.batches()) == 3
    assert facts(practice, without="batch") == facts(alone, without="batch")


@pytest.mark.parametrize("room", [0, 100, 2_000, 5_000])
def test_a_full_disk_leaves_the_old_state(tmp_path, old, child, room):
    inbox = write_inbox(tmp_path / "second", "S", files=12)
    before = facts(Practice(old, "clinic"))
    process = child(old, [inbox], file_limit_bytes=room)
    process.join()
    assert process.exitcode == 4
    assert facts(Practice(old, "clinic")) == before
    assert not any((old / "clinic/batches").glob(".*"))
    assert ingest.ingest(Practice(old, "clinic"), [inbox]).batch == "00002"


def test_a_full_disk_at_the_first_ingest_leaves_no_half_key(tmp_path, child):
    inbox = write_inbox(tmp_path / "first", "F", files=1)
    process = child(tmp_path / "new", [inbox], file_limit_bytes=10)
    process.join()
    assert process.exitcode == 4
    practice = Practice(tmp_path / "new", "clinic")
    assert not practice.exists()
    assert ingest.ingest(practice, [inbox]).batch == "00001"


def test_the_store_is_its_owners_alone(tmp_path):
    mask = os.umask(0)  # as open as a careless account can be
    try:
        ingest.ingest(Practice(tmp_path / "deep/store", "clinic"), [write_inbox(tmp_path / "first", "F", files=1)])
    finally:
        os.umask(mask)
    paths = [tmp_path / "deep", *(tmp_path / "deep").rglob("*")]
    assert {path.name for path in paths} >= {"key", "files.parquet", "remittances.parquet", "ledger_cells.parquet"}
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert {path for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == set()
