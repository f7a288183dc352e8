"""What comes in: every file ends accepted or in a reject with its place, and no bad part costs a good one."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest
from conftest import claim_837, envelope, remittance

from rcm_analysis.edi import remittance_835
from rcm_analysis.intake import ingest, progress, sources
from rcm_analysis.store import practice as store
from rcm_analysis.store import schema
from rcm_analysis.store.practice import Practice

GOOD = remittance("CLP*A1*1*10*10", paid="10")


def offer(tmp_path, *paths, **options):
    return ingest.ingest(Practice(tmp_path / "store", "clinic"), paths or [tmp_path / "in"], **options)


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def row_of(outcome, name):
    (row,) = [file for file in outcome.files if file["name"] == name]
    return row


def places(outcome, name=None):
    return [(reject["place"], reject["reason"]) for reject in outcome.rejects if name in (None, reject["name"])]


# --- the public files that are wrong -------------------------------------------------------------------------------

MALFORMED = {  # what is wrong with each, and where: read from the files by eye
    "Query-farm-vgi-x12__truncated.edi": ("segment 5 (CLM)", "the file ends inside this claim"),
    "albmarin-badX12__error_validation.edi": ("segment 29 (SE)", "SE01"),
    "azoner-pyx12__bad_2010AA_bug.source.txt": ("segment 20 (CLM)", "no billing provider"),
    "azoner-pyx12__bad_header_looping.source.txt": ("segment 74 (SE)", "SE01"),
    "azoner-pyx12__ele.source.txt": ("segment 1 (ISA)", "ISA09 and ISA10"),
    "cosyte-x12__277ca-hl-orphan.edi": ("segment 11 (HL)", "HL02"),
    "cosyte-x12__837p-hl-orphan.edi": ("segment 13 (HL)", "HL02"),
    "imsweb-x12-parser__x12_ambiguous_loop.txt": ("segment 35 (SE)", "SE01"),
    "imsweb-x12-parser__x12_bad_first_line.txt": ("segment 1 (ISA)", "ISA02"),
    "imsweb-x12-parser__x12_bad_valid_code.txt": ("segment 22 (CLM)", "no billing provider"),
    "imsweb-x12-parser__x12_loop_errors3_missing_loops.txt": ("segment 16 (CLM)", "no billing provider"),
    "imsweb-x12-parser__x12_missing_elements.txt": ("segment 7 (NM1)", "NM102"),
    "imsweb-x12-parser__x12_missing_required_loop_in_one_repeat.txt": ("segment 21 (CLM)", "no subscriber"),
    "imsweb-x12-parser__x12_missing_required_loops_mult_repeats.txt": ("segment 33 (SV1)", "no number (LX)"),
    "imsweb-x12-parser__x12_no_isa_line.txt": ("segment 1", "header (ISA) is missing"),
    "imsweb-x12-parser__x12_segments_out_of_order.txt": ("segment 12 (N4)", "out of order"),
    "irobayna-stupidedi__X091A1_HP835_Health_Care_Claim_Payment_Advice__1.edi": ("segment 1 (ISA)", "ISA06"),
    "irobayna-stupidedi__X221_HP835_Health_Care_Claim_Payment_Advice__2.edi": ("byte 0", "text stands before"),
    "irobayna-stupidedi__X221_HP835_Health_Care_Claim_Payment_Advice__3a.edi": ("segment 43 (SE)", "SE01"),
    "nullbucket-edi-debatcher__InvalidComponentSeparator.txt": ("segment 1 (ISA)", "ISA16"),
    "nullbucket-edi-debatcher__InvalidGE01.txt": ("segment 60 (GE)", "GE01"),
    "nullbucket-edi-debatcher__InvalidGS01.txt": ("segment 2 (GS)", "GS01"),
    "nullbucket-edi-debatcher__InvalidGS08.txt": ("segment 2 (GS)", "GS08"),
    "nullbucket-edi-debatcher__InvalidIEA.txt": ("segment 1 (ISA)", "no end (IEA)"),
    "nullbucket-edi-debatcher__InvalidISA07ReceiverQualifier.txt": ("segment 1 (ISA)", "ISA07"),
    "xlate-staedi__invalid997_min.edi": ("segment 7 (GE)", "GE02"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_every_malformed_file_ends_in_a_reject_at_its_place(tmp_path, shared, name):
    outcome = offer(tmp_path, shared / "corpus/malformed" / name)
    place, words = MALFORMED[name]
    assert [p for p, reason in places(outcome) if p.startswith(place) and words in reason]


def test_no_malformed_file_was_forgotten(shared):
    assert {path.name for path in (shared / "corpus/malformed").iterdir()} == set(MALFORMED)


def test_honest_files_have_no_remarks(demo_store):
    files = Practice(demo_store, "riverbend").files().to_pylist()
    assert len(files) > 1000 and {file["reason"] for file in files} == {None}


# --- what is no file of ours ---------------------------------------------------------------------------------------


def zipped(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped(a=GOOD))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(mark) + flags] |= 1
    return bytes(data)


def linked() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        member = zipfile.ZipInfo("a.835")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    return target.getvalue()


def oddly_compressed() -> bytes:
    data = bytearray(zipped(a=GOOD))
    for mark, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.find(mark) + method] = 9
    return bytes(data)


REFUSED = {
    "nothing": (b"", "byte 0", "the file is empty"),
    "blanks": (b" \r\n" * 99, "byte 0", "the file is empty"),
    "pdf": (b"%PDF-1.7\n1 0 obj", "byte 0", "a PDF document"),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "file", "an old Excel"),
    "html": (b"<html><body>Session expired</body></html>", "byte 0", "a web page"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", "byte 0", "a 7-Zip archive"),
    "tar": (b"a.835" + b"\0" * 252 + b"ustar\x0000" + b"\0" * 600, "byte 0", "a tar archive"),
    "pgp": (b"-----BEGIN PGP MESSAGE-----\n\nhQEM", "byte 0", "encrypted"),
    "picture": (b"\x89PNG\r\n\x1a\n", "byte 0", "a picture"),
    "letter": (b"Dear Sir or Madam\n", "file", "neither X12 nor a table"),
    "damaged gz": (gzip.compress(GOOD)[:-9], "file", "damaged"),
    "damaged zip": (zipped(a=GOOD)[:-9], "file", "damaged"),
    "empty zip": (zipped(), "file", "the archive is empty"),
    "encrypted zip": (encrypted(), "file", "encrypted"),
    "deflate64 zip": (oddly_compressed(), "file", "compressed in a way"),
    "link in zip": (linked(), "file", "symbolic link"),
    "zip in zip": (zipped(b=zipped(a=GOOD)), "file", "archive inside an archive"),
    "gz in zip": (zipped(b=gzip.compress(GOOD)), "file", "archive inside an archive"),
    "zip in gz": (gzip.compress(zipped(a=GOOD)), "file", "archive inside an archive"),
    "gz bomb": (gzip.compress(b"0" * 30_000_000), "file", "grows beyond"),
    "zip bomb": (zipped(a=b"0" * 30_000_000), "file", "grows beyond"),
    "workbook bomb": (zipped(**{"xl/workbook.xml": b"0" * 30_000_000}), "file", "grows beyond"),
    "no transaction": (GOOD[: GOOD.find(b"ST*")], "file", "no transaction (ST)"),
    "unknown transaction": (GOOD.replace(b"ST*835", b"ST*999").replace(b"CLP*", b"XXX*").replace(b"*999*", b"*888*"),
                            "file", "transaction 888 is not known"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_file_of_ours_is_refused_at_its_place(tmp_path, inbox, what):
    data, place, words = REFUSED[what]
    (inbox / "x.835").write_bytes(data)
    (inbox / "good.835").write_bytes(GOOD)
    outcome = offer(tmp_path)
    (bad,) = [file for file in outcome.files if file["name"] != "good.835"]
    assert row_of(outcome, "good.835")["status"] == "accepted"
    assert (bad["status"], bad["rejects"] > 0) == ("rejected", True)
    assert words in bad["reason"]
    assert all(reject["advice"] for reject in outcome.rejects)
    assert [p for p, reason in places(outcome, bad["name"]) if p == place and words in reason]


def test_an_acknowledgment_of_another_kind_is_no_error(tmp_path, inbox):
    (inbox / "x.999").write_bytes(envelope("FA", "999", "005010X231A1", ["AK1*HC*1*005010X222A1", "AK9*A*1*1*1"]))
    row = offer(tmp_path).files[0]
    assert (row["status"], row["kind"], row["claims"]) == ("accepted", "999", 0)
    assert "acknowledgment (999)" in row["reason"]


def test_many_members_are_refused_before_they_are_opened(tmp_path, inbox, monkeypatch):
    monkeypatch.setattr(sources, "MAX_MEMBERS", 3)
    (inbox / "x.zip").write_bytes(zipped(a=GOOD, b=GOOD, c=GOOD, d=GOOD))
    assert "more than 3 files" in offer(tmp_path).files[0]["reason"]


def test_a_bad_member_costs_no_other(tmp_path, inbox):
    data = bytearray(zipped(a=remittance("CLP*A1*1*10*10" * 20), b=GOOD))
    data[60] ^= 0xFF
    (inbox / "x.zip").write_bytes(data)
    assert {f["name"]: f["status"] for f in offer(tmp_path).files} == {"a": "rejected", "b": "accepted"}


def test_members_never_leave_the_archive(tmp_path, inbox):
    (inbox / "x.zip").write_bytes(zipped(**{"../../up.835": GOOD, "C:\\win\\dos.837": claim_837()}))
    assert sorted(f["name"] for f in offer(tmp_path).files) == ["dos.837", "up.835"]
    assert not list(tmp_path.parent.rglob("up.835"))


# --- what is no plain file -----------------------------------------------------------------------------------------

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


@posix
def test_links_pipes_and_devices_are_named_not_read(tmp_path, inbox):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.835").write_bytes(GOOD)
    (inbox / "file link").symlink_to(tmp_path / "outside/a.835")
    (inbox / "folder link").symlink_to(tmp_path / "outside")
    (inbox / "link to file").symlink_to(inbox)
    (inbox / "broken link").symlink_to(tmp_path / "missing")
    os.mkfifo(inbox / "new")
    outcome = offer(tmp_path, inbox, Path("/dev/zero"))
    assert {f["name"]: f["reason"].split(",")[0].split(";")[0] for f in outcome.files} == {
        "file link": "is a symbolic link", "folder link": "is a symbolic link", "link to file": "is a symbolic link",
        "broken link": "is a symbolic link", "new": "is not a file but a pipe", "~": "is not a file but a pipe",
    }  # fmt: skip


@posix
def test_a_link_that_was_named_itself_is_followed(tmp_path, inbox):
    (inbox / "a.835").write_bytes(GOOD)
    (tmp_path / "today").symlink_to(inbox / "a.835")
    assert [f["status"] for f in offer(tmp_path, tmp_path / "today").files] == ["accepted"]


@posix
def test_what_may_not_be_opened_is_named(tmp_path, inbox, monkeypatch):
    (inbox / "archive").mkdir()
    (inbox / "a.835").write_bytes(GOOD)
    scandir, open_ = os.scandir, os.open

    def refuse(call, *arguments, **more):
        if str(arguments[0]).endswith(("archive", "a.835")):
            raise PermissionError(13, "Permission denied", str(arguments[0]))
        return call(*arguments, **more)

    monkeypatch.setattr(os, "scandir", lambda *a: refuse(scandir, *a))
    monkeypatch.setattr(os, "open", lambda *a, **k: refuse(open_, *a, **k))
    reasons = {f["name"]: f["reason"] for f in offer(tmp_path).files}
    assert set(reasons) == {"archive", "a.835"}
    assert all("Permission denied" in reason for reason in reasons.values())


@posix
@pytest.mark.parametrize(
    "name",
    [b"a\nb.835", b"\x1b[31mred.835", b"caf\xe9.835", b"\xe2\x80\xae538.a", b"x" * 250, b"'; DROP--", b"-rf", b"%s{0}"],
)
def test_odd_names_are_kept_printable(tmp_path, inbox, name):
    Path(os.fsdecode(os.path.join(os.fsencode(inbox), name))).write_bytes(GOOD)
    row = offer(tmp_path).files[0]
    assert row["status"] == "accepted"
    assert row["name"].isprintable() and len(row["name"]) <= sources.MAX_NAME_LETTERS
    row["name"].encode()


# --- text ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "cp037"]
)
def test_every_encoding_gives_the_same_rows(tmp_path, inbox, encoding):
    text = GOOD.decode().replace("ACME HEALTH", "ÄCME HEALTH")
    (inbox / "a.835").write_bytes(text.encode(encoding))
    outcome = offer(tmp_path)
    assert [(f["status"], f["claims"], f["paid"], f["reason"]) for f in outcome.files] == [("accepted", 1, 10, None)]
    con = Practice(tmp_path / "store", "clinic").connect()
    assert con.execute("SELECT payer_name FROM remittances").fetchall() == [("ÄCME HEALTH",)]


def test_text_pasted_around_the_edi_is_named_and_passed_over(tmp_path, inbox):
    (inbox / "a.txt").write_bytes(b"Hi Bob, here is the file:\r\n\r\n" + GOOD + b"\r\n-- \r\nRegards, Ann")
    outcome = offer(tmp_path)
    assert [(f["status"], f["claims"]) for f in outcome.files] == [("accepted", 1)]
    assert [place.split(",")[0].split(" ")[0] for place, _ in places(outcome)] == ["byte", "byte"]
    assert places(outcome)[1][0] == f"byte {29 + len(GOOD)}, after the last segment"


def test_a_large_file_is_mapped_and_gives_the_same_rows(tmp_path, inbox, monkeypatch, demo_folder):
    files = sorted((demo_folder / "edi/835").iterdir())[:40]
    (inbox / "all.835").write_bytes(b"".join(path.read_bytes() for path in files))
    (inbox / "wide.835").write_bytes((b"".join(path.read_bytes() for path in files[:9])).decode().encode("utf-16"))
    (inbox / "all.gz").write_bytes(gzip.compress(b"\n".join(path.read_bytes() for path in files)))

    def rows(small_bytes):
        monkeypatch.setattr(sources, "SMALL_BYTES", small_bytes)
        monkeypatch.setattr(sources, "BLOCK_BYTES", 1 << 12)
        monkeypatch.setattr(sources, "STRIDE_BYTES", 1 << 14)
        practice = Practice(tmp_path / f"store {small_bytes}", "clinic")
        outcome = ingest.ingest(practice, [inbox])
        keep = ("name", "file_id", "status", "bytes", "claims", "lines", "charge", "paid", "adjusted", "content")
        assert ingest.ingest(practice, [inbox]).batch is None
        return [{name: file[name] for name in keep} for file in outcome.files]

    assert rows(1000) == rows(32_000_000)


# --- a bad part costs no good one ----------------------------------------------------------------------------------


def test_a_bad_claim_costs_no_other(tmp_path, inbox):
    (inbox / "a.835").write_bytes(remittance("CLP*A1*1*10*10", "CLP*A2*1*ten*10", "CLP*A3*1*10*10"))
    outcome = offer(tmp_path)
    assert [(f["status"], f["claims"], f["charge"]) for f in outcome.files] == [("partly", 3, 20)]
    assert ("segment 11 (CLP)", "CLP03 is not an amount") in places(outcome)


def test_a_bad_transaction_costs_no_other(tmp_path, inbox):
    start, stop = GOOD.find(b"ST*"), GOOD.find(b"GE*")
    one = GOOD[start:stop]
    broken = one.replace(b"ST*835*0001~", b"")
    (inbox / "a.835").write_bytes(GOOD[:start] + one + broken + one.replace(b"A1", b"A3") + GOOD[stop:])
    outcome = offer(tmp_path)
    assert [(f["status"], f["claims"], f["paid"]) for f in outcome.files] == [("partly", 2, 20)]
    assert ("segment 18 (CLP)", "stands outside an 835 transaction (ST) and was left out") in places(outcome)


def test_a_claim_in_the_wrong_kind_of_transaction_is_named(tmp_path, inbox):
    (inbox / "a.837").write_bytes(claim_837("B1", "CLP*A1*1*10*10"))
    outcome = offer(tmp_path)
    assert [(f["status"], f["claims"]) for f in outcome.files] == [("partly", 1)]
    assert [reason for _, reason in places(outcome) if "outside an 835" in reason]


def test_a_file_that_breaks_a_reader_costs_no_other(tmp_path, inbox, monkeypatch):
    for name in "abc":
        (inbox / f"{name}.835").write_bytes(GOOD.replace(b"*A1*", b"*%s1*" % name.encode()))
    read = remittance_835.read

    def fragile(piece, *more):
        if b"b1" in piece.segments.text_bytes:
            raise IndexError("planted")
        return read(piece, *more)

    monkeypatch.setattr(remittance_835, "read", fragile)
    outcome = offer(tmp_path)
    assert [(f["name"], f["status"]) for f in outcome.files] == [
        ("a.835", "accepted"), ("b.835", "rejected"), ("c.835", "accepted")]  # fmt: skip
    assert "IndexError" in row_of(outcome, "b.835")["reason"]
    con = Practice(tmp_path / "store", "clinic").connect()
    assert con.execute("SELECT claim_number FROM remittances ORDER BY 1").fetchall() == [("a1",), ("c1",)]


MOST = "999999999999.99"
BEYOND = {
    "charges.835": (remittance(f"CLP*B1*4*{MOST}*0", f"CLP*B2*4*{MOST}*0"), "the charges of the file"),
    "paid.835": (remittance(f"CLP*B1*1*1*{MOST}", f"CLP*B2*1*1*{MOST}"), "the payments of a transaction"),
    "claim.835": (remittance("CLP*B1*4*1*0", f"CAS*CO*45*{MOST}**97*1"), "the adjustments of a claim"),
    "line.835": (remittance("CLP*B1*4*1*0", "SVC*HC:99213*1*0", f"CAS*CO*45*-{MOST}**97*-1"), "the adjustments of a claim"),
    "plb.835": (remittance(f"PLB*1*20261231*WO:X*{MOST}*L6*1"), "the provider adjustments of a transaction"),
    "much.835": (remittance("CLP*B1*4*1*0", f"CAS*CO*45{f'*{MOST}**45' * 200}*1"), "the adjustments of a claim"),
    "charges.837": (claim_837("B1", f"CLM*B2*{MOST}***11:B:1*Y*A*Y*Y", "LX*1", "SV1*HC:99213*1*UN*1"), "the charges of the file"),
    "prior.837": (claim_837("B1", "CLM*B2*1***11:B:1*Y*A*Y*Y", "SBR*S", f"AMT*D*{MOST}", f"AMT*D*{MOST}"), "what other payers paid on a claim"),
    "ledger.csv": (b"Claim ID,Txn Date,Txn Type,Amount\n" + b"B1,2026-01-15,Charge,99999999999.99\n" * 11, "the charges of the file"),
    "claims.csv": (b"Claim ID,Submit Date,Payer,CPT,Charge\n" + b"".join(b"B1,2026-01-15,ACME,9921%x,99999999999.99\n" % i for i in range(11)), "the amounts of a claim"),
}  # fmt: skip


@pytest.mark.parametrize("name", BEYOND)
@pytest.mark.parametrize("rows_per_group", [1, store.ROWS_PER_GROUP])
def test_totals_that_no_column_holds_cost_their_file_and_no_other(tmp_path, inbox, monkeypatch, name, rows_per_group):
    monkeypatch.setattr(store, "ROWS_PER_GROUP", rows_per_group)
    content, words = BEYOND[name]
    for place, good in (("a.835", b"A1"), ("z.835", b"Z1")):
        (inbox / place).write_bytes(GOOD.replace(b"*A1*", b"*%s*" % good))
    given = f"b{Path(name).suffix}"
    (inbox / given).write_bytes(content)
    outcome = offer(tmp_path)
    row = row_of(outcome, given)
    assert (row["status"], row["claims"], row["charge"]) == ("rejected", 0, 0)
    assert words in row["reason"]
    assert "999,999,999,999.99" in row["reason"]
    assert [row_of(outcome, good)["status"] for good in ("a.835", "z.835")] == ["accepted", "accepted"]
    con = Practice(tmp_path / "store", "clinic").connect()
    assert con.execute("SELECT claim_number FROM remittances ORDER BY 1").fetchall() == [("A1",), ("Z1",)]
    for table in schema.FACTS:
        held = con.execute(f"SELECT count(*) FROM {table.name} WHERE file_id = $1", [row["file_id"]]).fetchone()
        assert held == (int(table.name == "files") if table.name != "rejects" else row["rejects"],), table.name


def test_amounts_that_cancel_each_other_are_no_total_beyond(tmp_path, inbox):
    (inbox / "a.835").write_bytes(remittance(f"CLP*A1*1*{MOST}*0", f"CLP*A1*22*-{MOST}*0", "CLP*A1*1*5*0"))
    assert [(f["status"], f["charge"]) for f in offer(tmp_path).files] == [("accepted", 5)]


def test_a_payment_without_claims_is_taken_once(tmp_path, inbox):
    (inbox / "a.835").write_bytes(remittance("PLB*1999999999*20261231*WO:X*10", paid="-10"))
    outcome = offer(tmp_path)
    assert [(f["status"], f["claims"]) for f in outcome.files] == [("accepted", 0)]
    (inbox / "b.835").write_bytes(GOOD)
    again = offer(tmp_path)
    assert [row_of(again, name)["status"] for name in ("a.835", "b.835")] == ["known", "accepted"]
    con = Practice(tmp_path / "store", "clinic").connect()
    assert con.execute("SELECT count(*) FROM provider_adjustments").fetchone() == (1,)


# --- the same again ------------------------------------------------------------------------------------------------


def test_the_same_transactions_in_another_file_are_named(tmp_path, inbox):
    (inbox / "a.835").write_bytes(GOOD)
    offer(tmp_path)
    (inbox / "b.835").write_bytes(GOOD.replace(b"~", b"~\r\n").replace(b"*0630*", b"*0931*"))
    (inbox / "c.835").write_bytes(GOOD.replace(b"CLP*A1", b"CLP*A2"))
    outcome = offer(tmp_path)
    assert row_of(outcome, "a.835")["status"] == "known"
    assert row_of(outcome, "b.835")["reason"].startswith("file: duplicate of a.835")
    assert row_of(outcome, "c.835")["reason"] is None


def test_a_rejected_file_offered_twice_is_rejected_twice(tmp_path, inbox):
    for name in ("a.835", "b.835"):
        (inbox / name).write_bytes(b"Dear Sir or Madam")
    outcome = offer(tmp_path)
    assert [(f["name"], f["status"]) for f in outcome.files] == [("a.835", "rejected"), ("b.835", "rejected")]
    assert offer(tmp_path).batch is None


def test_known_files_are_hashed_and_not_read(tmp_path, inbox, monkeypatch):
    (inbox / "a.835").write_bytes(GOOD)
    offer(tmp_path)
    monkeypatch.setattr(ingest, "_parts", None)
    assert [f["status"] for f in offer(tmp_path).files] == ["known"]


# --- progress ------------------------------------------------------------------------------------------------------


def test_progress_goes_by_bytes_to_the_end(tmp_path, inbox):
    (inbox / "a.835").write_bytes(GOOD)
    (inbox / "b.zip").write_bytes(zipped(x=GOOD, y=claim_837()))
    (inbox / "c.pdf").write_bytes(b"%PDF-1.7" + b"0" * 500)
    seen = []
    offer(tmp_path, inbox, progress=lambda *call: seen.append(call))
    total = sum(path.stat().st_size for path in inbox.iterdir())
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert {total for _, total, _ in seen} == {total}
    assert seen[-1] == (total, total, 4)


def test_lines_come_by_tenths_and_only_when_it_takes_long():
    lines, now = [], [0.0]
    call = progress._lines(lines.append, clock=lambda: now[0])
    for done in range(0, 1001, 5):
        now[0] = done / 100
        call(done * 1_000_000, 1_000_000_000, done)
    assert [line.split(" ")[1] for line in lines] == ["30", "40", "50", "60", "70", "80", "90"]
    assert lines[-1] == "reading: 90 % of 1.0 GB, 100 MB/s, 900 files"
