"""Ingest: idempotent, all or nothing, and clear about what it did not take."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import shutil
import stat
import zipfile
from datetime import date

import pyarrow.parquet as pq
import pytest
from conftest import claim_837, copy_of, remittance, texts_of
from typer.testing import CliRunner

from rcm_analysis import cli, export
from rcm_analysis.claims import derive
from rcm_analysis.errors import FailedError
from rcm_analysis.intake import ingest
from rcm_analysis.spreadsheets import exports
from rcm_analysis.store import kept, schema
from rcm_analysis.store import practice as store
from rcm_analysis.store.practice import Practice, StoreError


def snapshot(root):
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


GOOD = remittance("CLP*A1*1*10*10", paid="10")


def test_the_same_bytes_twice_change_nothing(tmp_path):
    (tmp_path / "a.835").write_bytes(GOOD)
    (tmp_path / "copy of a.txt").write_bytes(GOOD)
    practice = Practice(tmp_path / "s", "clinic")
    first = ingest.ingest(practice, [tmp_path / "a.835", tmp_path / "copy of a.txt"])
    assert [file["status"] for file in first.files] == ["accepted", "known"]
    before = snapshot(practice.folder)
    again = ingest.ingest(practice, [tmp_path / "a.835"])
    assert [file["status"] for file in again.files] == ["known"]
    assert again.batch is None
    assert snapshot(practice.folder) == before


def test_a_failed_ingest_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "a.835").write_bytes(GOOD)
    practice = Practice(tmp_path / "s", "clinic")

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(ingest, "file_row", fail)
    with pytest.raises(MemoryError):
        ingest.ingest(practice, [tmp_path / "a.835"])
    assert practice.batches() == []
    assert not list((practice.folder / "batches").iterdir())


def test_archives_and_compressed_files_are_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("deep/er/a.835", GOOD)
        archive.writestr("../../b.837", claim_837("B1"))
    (tmp_path / "c.gz").write_bytes(gzip.compress(remittance("CLP*C1*1*1*1")))
    outcome = ingest.ingest(Practice(tmp_path / "s", "clinic"), [tmp_path / "all.zip", tmp_path / "c.gz"])
    assert sorted((f["name"], f["kind"], f["status"]) for f in outcome.files) == [
        ("a.835", "835", "accepted"), ("b.837", "837P", "accepted"), ("c", "835", "accepted")]  # fmt: skip
    assert not (tmp_path.parent / "b.837").exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 ...", "neither X12 nor a table"),
        (b"\x1f\x8b\x08\x00damaged", "damaged"),
        (b"PK\x03\x04damaged", "damaged"),
        (b"Dear Sir or Madam", "neither X12 nor a table"),
        (b"a,b,c\n1,2,3\n4,5,6\n", "no header row was"),
        (GOOD.replace(b"ST*835", b"ST*999"), "nothing could be taken over: segment 10 (CLP)"),
        (
            b"ISA*00*          *00*          *ZZ*S              *ZZ*R              *260305*0630*^*00501*000000001*0*P*:~",
            "no transaction",
        ),
    ],
)
def test_every_rejection_says_why(tmp_path, data, words):
    (tmp_path / "x.835").write_bytes(data)
    (tmp_path / "good.835").write_bytes(GOOD)
    outcome = ingest.ingest(Practice(tmp_path / "s", "clinic"), [tmp_path])
    status = {file["name"]: (file["status"], file["reason"]) for file in outcome.files}
    assert status["good.835"][0] == "accepted"
    assert status["x.835"][0] == "rejected"
    assert words in status["x.835"][1]


def test_a_bomb_is_not_unpacked(tmp_path):
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"0" * 30_000_000))
    outcome = ingest.ingest(Practice(tmp_path / "s", "clinic"), [tmp_path / "bomb.gz"])
    assert "grows beyond" in outcome.files[0]["reason"]


def test_a_rejected_ledger_is_read_once_its_columns_are_named(tmp_path):
    (tmp_path / "l.csv").write_text("Folio,When,Was,Summe\nA1,2026-01-05,Charge,10.00\nA1,2026-02-05,Payment,-10.00\n")
    practice = Practice(tmp_path / "s", "clinic")
    assert ingest.ingest(practice, [tmp_path / "l.csv"]).files[0]["status"] == "rejected"
    (tmp_path / "m.toml").write_text(
        '[columns]\nclaim_number = "Folio"\nposted_on = "When"\nkind = "Was"\namount = "Summe"\n'
    )
    outcome = ingest.ingest(practice, [tmp_path / "l.csv"], mapping=exports.read_mapping(tmp_path / "m.toml"))
    assert (outcome.files[0]["status"], outcome.files[0]["lines"]) == ("accepted", 2)


def test_a_wrong_mapping_names_the_entry(tmp_path):
    (tmp_path / "m.toml").write_text('[columns]\nclaim_no = "Folio"\n')
    with pytest.raises(exports.MappingError, match="claim_no"):
        exports.read_mapping(tmp_path / "m.toml")


def test_signs_and_formats_of_other_systems_are_understood():
    text = ("Acct No;Post Date;Charges;Payments;Adjustments;Description\n"
            "A1;5-Jan-2026;1.050,00;;;office visit\nA1;6-Jan-2026;;50,00;;ins payment\nA1;7-Jan-2026;;;1000,00;contractual\n")  # fmt: skip
    read = exports.read("x.csv", text.encode(), raw=text.encode())
    got = [(r["kind"], str(r["amount"]), r["known_on"].isoformat()) for r in read.table.to_pylist()]
    assert got == [
        ("charge", "1050.00", "2026-01-05"),
        ("payment", "-50.00", "2026-01-06"),
        ("adjustment", "-1000.00", "2026-01-07"),
    ]


def test_sums_per_file_equal_the_files_to_the_cent(demo_store, demo_folder):
    con = Practice(demo_store, "riverbend").connect()
    files = con.execute("SELECT name, paid, claims FROM files WHERE kind = '835'").fetchall()
    assert len(files) > 500
    for name, paid, count in files[::7]:
        text = (demo_folder / "edi/835" / name).read_text()
        mark = text[3]
        payments = [s.strip().split(mark) for s in text.split("~") if s.strip().startswith("CLP")]
        assert (count, round(float(paid), 2)) == (len(payments), round(sum(float(p[4]) for p in payments), 2))


@pytest.mark.skipif(os.name == "nt", reason="Windows has other file modes")
def test_the_key_is_readable_by_its_owner_alone(demo_store):
    assert stat.S_IMODE((demo_store / "riverbend/key").stat().st_mode) == 0o600


def test_names_of_practices_are_slugs(tmp_path):
    with pytest.raises(StoreError, match="small letters"):
        Practice(tmp_path, "../other")


def test_no_person_of_the_demo_reaches_the_store(demo_store, demo_folder):
    canaries = set((demo_folder / "truth/canaries.txt").read_text().split("\n")) - {""}
    texts = texts_of(Practice(demo_store, "riverbend").connect())
    words = {part for value in texts for part in value.replace(",", " ").split()}
    assert len(canaries) > 1000 and len(words) > 5000
    assert not canaries & words
    assert not [word for word in words if "SAMPLE0" in word or "SAMPLEROW" in word or "RBM0" in word]


def test_a_store_of_an_earlier_release_lacks_a_column_and_is_read(tmp_path):
    import pyarrow.parquet as pq

    (tmp_path / "a.837").write_bytes(claim_837("A1"))
    practice = Practice(tmp_path / "s", "clinic")
    ingest.ingest(practice, [tmp_path / "a.837"])
    (path,) = practice.paths("submissions")
    pq.write_table(pq.read_table(path).drop_columns(["batch_number", "facility_npi"]), path)
    (path.parent / "manifest.json").unlink()
    assert practice.connect().execute(
        "SELECT claim_number, batch_number, facility_npi FROM submissions"
    ).fetchall() == [("A1", None, None)]


@pytest.mark.parametrize("name", ["paid=0", "year=2026", "st*x", "st?x", "st[ab]x", "a[b", "**", "st{ax,bx}"])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_folder_above_the_store_is_neither_a_partition_nor_a_pattern(tmp_path, name):
    (tmp_path / "a.835").write_bytes(remittance("CLP*A1*1*100*80", paid="80"))
    for place in ("stax", "stbx", name):  # the same file gives batches of the same name
        ingest.ingest(Practice(tmp_path / place / "store", "clinic"), [tmp_path / "a.835"])
    root = tmp_path / name / "store"
    con = derive.open_practice(root, "clinic", as_of=date(2026, 10, 31))
    assert [column[0] for column in con.execute("SELECT * FROM remittances").description] == [
        column.name for column in schema.TABLES["remittances"].columns
    ]
    assert con.execute("SELECT claim_number, paid FROM remittances").fetchall() == [("A1", 80)]
    out = tmp_path / name / "claims.parquet"
    export.export("claims", practice="clinic", store=root, as_of=date(2026, 10, 31), out=out)
    assert pq.ParquetFile(out).read(["claim_number", "paid"]).to_pydict() == {"claim_number": ["A1"], "paid": [80]}


@pytest.mark.parametrize("name", ["paid=0", "st*x", "st?x", "st[ab]x"])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_tables_are_kept_for_kernels_below_any_folder(tmp_path, monkeypatch, name):
    (tmp_path / "a.835").write_bytes(remittance("CLP*A1*1*100*80", paid="80"))
    practice, day = Practice(tmp_path / name / "store", "clinic"), date(2026, 10, 31)
    ingest.ingest(practice, [tmp_path / "a.835"])
    view = derive.open_practice(practice.root, "clinic", as_of=day)
    with kept.for_kernels(view.con, practice, day) as environment:
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        other = practice.connect(as_of=day)
        assert kept.attach(other, practice, day)
        assert other.execute("SELECT claim_number, paid FROM claims").fetchall() == [("A1", 80)]


def test_the_memory_limit_is_set_or_named(demo_store, monkeypatch):
    monkeypatch.setenv("RCM_MEMORY_LIMIT", "100MiB")
    con = Practice(demo_store, "riverbend").connect()
    assert con.execute("SELECT current_setting('memory_limit')").fetchone() == ("100.0 MiB",)
    monkeypatch.setenv("RCM_MEMORY_LIMIT", "plenty")
    with pytest.raises(StoreError, match="8GB or 40%, not plenty"):
        Practice(demo_store, "riverbend").connect()


def test_a_small_practice_is_derived_by_one_thread(demo_store, monkeypatch):
    threads = "SELECT CAST(current_setting('threads') AS INTEGER)"
    assert Practice(demo_store, "riverbend").connect().execute(threads).fetchone() == (1,)
    monkeypatch.setattr(store, "ONE_THREAD_BYTES", 0)
    assert (
        Practice(demo_store, "riverbend").connect().execute(threads).fetchone()
        == store.connection().execute(threads).fetchone()
    )


def test_too_little_memory_is_said_in_one_line(demo_store, tmp_path, monkeypatch, capsys):
    from rcm_analysis import cli

    copy_of(demo_store / "riverbend", tmp_path / "store/riverbend")  # kept tables would be read, and none derived
    monkeypatch.setenv("RCM_MEMORY_LIMIT", "12MB")
    out = str(tmp_path / "claims.csv")
    monkeypatch.setattr(
        "sys.argv", ["rcm", "export", "claims", "-p", "riverbend", "--store", str(tmp_path / "store"), "--out", out]
    )
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    told = capsys.readouterr().err.strip().splitlines()
    assert told[-1].startswith("rcm: there is not enough memory: ") and not any("Traceback" in line for line in told)


@pytest.fixture
def forgettable(tmp_path):
    """Two practices with a report each, and a page that compares them."""
    (tmp_path / "a.835").write_bytes(GOOD)
    for name in ("clinic", "clinic-east"):
        ingest.ingest(Practice(tmp_path / "s", name), [tmp_path / "a.835"])
        page(tmp_path / f"out/{name}/2026-10", [name])
    page(tmp_path / "out/all/2026-10", ["clinic", "clinic-east"])
    page(tmp_path / "out/all/2026-10.east", ["clinic-east"])
    return tmp_path


def page(folder, practices):
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"practices": practices}))
    (folder / "index.html").write_text("12 claims")


def forget(place, name: str):
    arguments = ["forget", "-p", name, "--yes", "--store", str(place / "s"), "--out", str(place / "out")]
    return CliRunner().invoke(cli.app, arguments)


def left_of(place, name: str) -> bool:
    """Whether a practice can still be read."""
    return Practice(place / "s", name).exists() or name in store.practices(place / "s")


@pytest.mark.parametrize("name", ["clinic-west", "all", "notes"])
def test_who_is_not_known_is_not_forgotten(forgettable, name):
    (forgettable / "s/notes").mkdir()  # a folder that is no practice
    (forgettable / "s/notes/mine.txt").write_text("mine")
    before = snapshot(forgettable)
    done = forget(forgettable, name)
    assert isinstance(done.exception, StoreError) and f"there is nothing of {name} in" in str(done.exception)
    assert snapshot(forgettable) == before


def test_a_practice_is_forgotten_with_its_pages_and_no_other(forgettable):
    (forgettable / "out/all/2026-10.half").mkdir()
    (forgettable / "out/all/2026-10.half/manifest.json").write_text('{"practices": ["cli')  # nobody knows whom it shows
    done = forget(forgettable, "clinic")
    assert done.exit_code == 0 and "clinic is forgotten" in done.output and "what was mailed" in done.output
    folders = sorted(str(path.relative_to(forgettable)) for path in forgettable.glob("*/*") if path.is_dir())
    assert folders == ["out/all", "out/clinic-east", "s/clinic-east"] and left_of(forgettable, "clinic-east")
    assert [path.name for path in (forgettable / "out/all").iterdir()] == ["2026-10.east"]
    assert isinstance(forget(forgettable, "clinic").exception, StoreError)


@pytest.mark.parametrize("kept", ["remittances.parquet", "key", "index.html"])
def test_what_could_not_be_deleted_is_said(forgettable, monkeypatch, kept):
    def refuse(path, *args, unlink=os.unlink, **more):
        if os.fspath(path).endswith(kept):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        unlink(path, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refuse)
        done = forget(forgettable, "clinic")
    said = str(done.exception)
    assert isinstance(done.exception, FailedError) and "is forgotten" not in done.output + said
    places = {path.relative_to(forgettable).parts[:2] for path in forgettable.rglob(kept)}
    aside = [parts for parts in places if parts[1].startswith(".forgotten.clinic.")]
    assert len(aside) == (2 if kept == "index.html" else 1)
    assert all(f"1 file in {forgettable.joinpath(*parts)} (Permission denied)" in said for parts in aside)
    assert not left_of(forgettable, "clinic") and not (forgettable / "out/clinic").exists()
    assert forget(forgettable, "clinic").exit_code == 0
    assert not [path for path in forgettable.rglob(kept) if "east" not in str(path)]


def test_a_folder_that_cannot_be_renamed_stays_whole(forgettable, monkeypatch):
    before = snapshot(forgettable / "s/clinic")

    def refuse(self, target):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(type(forgettable), "rename", refuse)
    done = forget(forgettable, "clinic")
    words = f"could not be deleted, none of it: {forgettable / 's/clinic'} (Permission denied)"
    assert isinstance(done.exception, FailedError) and words in str(done.exception)
    assert snapshot(forgettable / "s/clinic").items() >= before.items() and left_of(forgettable, "clinic")


def test_a_practice_forgotten_by_halves_is_not_read_and_is_swept_later(forgettable, monkeypatch):
    """A kill in the midst: no later command opens what is left, and the next ingest deletes it."""

    def killed(*args, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            Practice(forgettable / "s", "clinic").forget()
    assert not left_of(forgettable, "clinic") and store.practices(forgettable / "s") == ["clinic-east"]
    assert list((forgettable / "s").glob(".forgotten.clinic.*/key"))
    ingest.ingest(Practice(forgettable / "s", "clinic-east"), [forgettable / "a.835"])
    assert [path.name for path in (forgettable / "s").iterdir()] == ["clinic-east"]
