"""Paths offered -> the content of every file in them, safely and in bounded memory.

Folders are walked, archives and compressed files opened, every encoding turned into UTF-8. Nothing is trusted: not
the name, not the size an archive states, not that a path is a file. Whatever can't be had comes out as an `Offered`
with a `problem`, so that nothing is passed over in silence. Content over 32 MB is copied to a nameless file in the
practice's folder and mapped from there: what was hashed is what is read, whatever happens to the original meanwhile.

    inbox/  a.835  all.zip (b.837, c.277)  link -> elsewhere
    a.835 content · b.837 content · c.277 content · link problem: is a symbolic link
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import lzma
import mmap
import os
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from rcm_analysis.edi import x12
from rcm_analysis.errors import FailedError
from rcm_analysis.spreadsheets.sheets import holds_workbook

SMALL_BYTES = 32_000_000  # more is mapped from a spilled copy
BLOCK_BYTES = 4_000_000
STRIDE_BYTES = 64_000_000  # of a mapped file looked through before its pages are given back
MAX_EXPANSION = 200  # a compressed file that grows by more than this is taken for a bomb; EDI grows tenfold
MAX_EXPANSION_FLOOR_BYTES = 1_000_000
MAX_UNPACKED_BYTES = 50_000_000_000
MAX_MEMBERS = 100_000
MAX_NAME_LETTERS = 200

_BAD_ARCHIVE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError,
                RuntimeError, IndexError)  # fmt: skip

# how files begin that are neither X12 nor a table: (bytes, where, what it is, what to do)
_UNPACK, _EXPORT = (
    "unpack it and ingest what is in it",
    "export the data as CSV or Excel (.xlsx), or ask for the EDI file",
)
_PAPER = "export the data as CSV or Excel (.xlsx); of a remittance ask for the electronic one (835)"
_STRANGERS = (
    (b"%PDF-", 0, "a PDF document", _PAPER),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7-Zip archive", _UNPACK),
    (b"Rar!", 0, "a RAR archive", _UNPACK),
    (b"ustar", 257, "a tar archive", _UNPACK),
    (b"BZh", 0, "a bzip2 file", _UNPACK),
    (b"\xfd7zXZ", 0, "an xz file", _UNPACK),
    (b"\x28\xb5\x2f\xfd", 0, "a Zstandard file", _UNPACK),
    (b"-----BEGIN PGP", 0, "an encrypted file (PGP)", "decrypt it first"),
    (b"\x89PNG", 0, "a picture", _PAPER),
    (b"\xff\xd8\xff", 0, "a picture", _PAPER),
    (b"II*\x00", 0, "a scanned page (TIFF)", _PAPER),
    (b"{\\rtf", 0, "a text document (RTF)", _PAPER),
    (b"PAR1", 0, "a Parquet file", _EXPORT),
    (b"<", 0, "a web page or XML", _PAPER),
)


PRINTED = (
    "a printed remittance: its columns can't be told apart safely",
    "ask the payer or clearinghouse for the electronic remittance (835) and ingest that",
)
_PRINTED_WORDS = re.compile(
    rb"remittance\s+(?:advice|notice|voucher|statement|detail)|explanation\s+of\s+(?:\w+\s+)?(?:benefits|payments?|remittance)"
    rb"|(?:provider|payment)\s+(?:remittance|voucher)|medicare\s+remit", re.I)  # fmt: skip
_PRINTED_COLUMNS = re.compile(
    rb"\b(?:billed|allowed|deduct(?:ible)?|coins(?:urance)?|icn|acnt|hicn?|mid|perf prov|prov pd|grp/rc(?:-amt)?"
    rb"|(?:co|pr|oa|pi)-\d{1,3}|adj(?:ustment)? code|patient resp(?:onsibility)?|claim totals?|remark codes?)\b", re.I)  # fmt: skip
_PRINTED_HEAD = 5_000
_WIDE_GAP = re.compile(rb"\S {3,}\S")


class Mapped(mmap.mmap):
    """A spilled file as bytes. Pages that were looked at are given back, so that memory stays flat."""

    def find(self, what: bytes, start: int = 0, stop: int | None = None) -> int:
        stop = len(self) if stop is None else min(stop, len(self))
        for at in range(start, stop, STRIDE_BYTES):
            found = super().find(what, at, min(at + STRIDE_BYTES + len(what) - 1, stop))
            if found >= 0:
                return found
            self.release()
        return -1

    def release(self) -> None:
        if hasattr(self, "madvise"):  # Windows trims on its own
            self.madvise(mmap.MADV_DONTNEED)


Content = bytes | Mapped


class Found(NamedTuple):
    """A path as found: its size in bytes, and why it can't be offered, if so."""

    path: Path
    size: int
    problem: tuple[str, str] | None = None


@dataclass
class Offered:
    """A file as offered or as found in an archive; empty with a `problem` (reason, advice) where it could not be had.

    `known` files are not read again; `weight` is how many bytes of the path offered it stands for.
    """

    name: str
    file_id: str
    size: int = 0
    content: Content = b""
    problem: tuple[str, str] | None = None
    known: bool = False
    weight: int = 0


# --- finding -------------------------------------------------------------------------------------------------------


def find(paths: Iterable[Path]) -> list[Found]:
    """Every file under the paths, folders walked in the order of names; hidden files and folders are passed over.

    A link that was named itself is followed; one that lies in a folder is not, and is found as a problem.
    """
    found: list[Found] = []
    for path in paths:
        if not path.is_dir():
            found.append(_found(path, follow=True))
            continue
        closed: list[OSError] = []
        for folder, folders, names in os.walk(path, onerror=closed.append):
            shown = sorted(name for name in folders if not name.startswith("."))
            folders[:] = [name for name in shown if not os.path.islink(os.path.join(folder, name))]
            links = [name for name in shown if name not in folders]
            for name in sorted([*links, *(name for name in names if not name.startswith("."))]):
                found.append(_found(Path(folder, name), follow=False))
        found += [Found(Path(error.filename), 0, (f"the folder can't be opened: {error.strerror}",
                                                  "ask for permission to read it")) for error in closed]  # fmt: skip
    return found


def _found(path: Path, *, follow: bool) -> Found:
    try:
        status = path.stat() if follow else path.lstat()
    except OSError as error:
        return Found(path, 0, (f"the file can't be opened: {error.strerror}", "check that it is there and readable"))
    if stat.S_ISLNK(status.st_mode):
        return Found(path, 0, ("is a symbolic link, which is not followed", "offer what it points to by its own path"))
    if not stat.S_ISREG(status.st_mode):
        return Found(path, 0, ("is not a file but a pipe, socket or device", "offer a file"))
    return Found(path, status.st_size)


def printable(name: str) -> str:
    """The name without control characters, undecodable bytes and marks that turn the line around, of bearable length.

    >>> printable("a" + chr(10) + "b" + chr(0xDCFF) + ".835")
    'a?b?.835'
    """
    clean = "".join(letter if letter.isprintable() else "?" for letter in name)
    return clean if len(clean) <= MAX_NAME_LETTERS else f"{clean[: MAX_NAME_LETTERS - 20]}...{clean[-17:]}"


# --- opening -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opener:
    """Opens what was found. `is_known` says whether content with this SHA-256 needs no reading; `spill` is a folder."""

    is_known: Callable[[str], bool]
    spill: Path

    def open(self, found: Found) -> Iterator[Offered]:
        """The file, or the files in it when it is an archive."""
        name = printable(found.path.name)
        if found.problem:
            yield _refused(name, str(found.path), *found.problem)
            return
        try:
            with _regular(found.path) as file:
                yield from self._unwrapped(name, file, found.size)
        except OSError as error:
            reason = f"the file can't be opened: {error.strerror or type(error).__name__}"
            yield _refused(name, str(found.path), reason, "check that it is there and readable", found.size)

    def open_bytes(self, name: str, data: bytes) -> Iterator[Offered]:
        """The same for a file that is in memory already."""
        yield from self._unwrapped(printable(name), io.BytesIO(data), len(data))

    def _unwrapped(self, name: str, file: IO[bytes], size: int) -> Iterator[Offered]:
        head = file.read(4)
        file.seek(0)
        if head[:2] == b"\x1f\x8b":
            yield self._gunzipped(name, file, size)
        elif head in (b"PK\x03\x04", b"PK\x05\x06"):
            yield from self._unzipped(name, file, size)
        else:
            yield self._plain_file(name, file, size)

    def _plain_file(self, name: str, file: IO[bytes], size: int) -> Offered:
        if size > SMALL_BYTES:
            file_id = hashlib.file_digest(file, "sha256").hexdigest()
            if self.is_known(file_id):
                return Offered(name, file_id, size, known=True, weight=size)
            file.seek(0)
        return self._held(name, _blocks(file), size)

    def _held(self, name: str, blocks: Iterable[bytes], weight: int) -> Offered:
        content, file_id, size = held(blocks, self.spill)
        known = self.is_known(file_id)
        return Offered(name, file_id, size, b"" if known else content, known=known, weight=weight)

    def _gunzipped(self, name: str, file: IO[bytes], size: int) -> Offered:
        whole = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                offered = self._held(name.removesuffix(".gz"), _limited(_blocks(stream), _limit(size)), size)
        except _GrowsError:
            return _refused(name, whole, "the compressed file grows beyond all measure", "unpack it first", size)
        except _BAD_ARCHIVE:
            return _refused(name, whole, "the compressed file is damaged", "copy it again", size)
        return _unless_packed(offered)

    def _unzipped(self, name: str, file: IO[bytes], size: int) -> Iterator[Offered]:
        try:
            archive = zipfile.ZipFile(file)
            members = [member for member in archive.infolist() if not member.is_dir()]
        except _BAD_ARCHIVE:
            yield _refused(name, name, "the archive is damaged", "copy it again", size)
            return
        problem = _archive_problem(members, size)
        if problem:
            yield _refused(name, name, *problem, size)
            return
        if holds_workbook(member.filename for member in members):
            file.seek(0)
            yield self._plain_file(name, file, size)
            return
        for i, member in enumerate(sorted(members, key=lambda m: m.filename)):
            inner = printable(re.split(r"[/\\]", member.filename)[-1])
            if not inner.startswith("."):
                yield self._member(archive, member, inner, f"{name}/{i}")

    def _member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, inner: str, place: str) -> Offered:
        weight = member.compress_size
        problem = _member_problem(member)
        if problem:
            return _refused(inner, place, *problem, weight)
        try:
            with archive.open(member) as stream:
                return _unless_packed(self._held(inner, _blocks(stream), weight))
        except _BAD_ARCHIVE:
            return _refused(inner, place, "this member of the archive is damaged", "copy the archive again", weight)


class Text(NamedTuple):
    """A file's text in UTF-8 and where it came from; the files of an archive stand beside it under their own names."""

    path: Path
    data: bytes = b""
    problem: tuple[str, str] | None = None  # reason and advice, where it could not be had


def open_837(paths: Iterable[Path], *, spill: Path) -> Iterator[Text]:
    """Claim files of the user's choice, opened as `ingest` opens them: .gz and .zip unpacked, every encoding read.

    today.837                 today.837      ISA*00*...
    yesterday.837.gz          yesterday.837  ISA*00*...
    all.zip (a.837, b.pdf)    a.837          ISA*00*...
                              b.pdf          problem: is no X12 but a PDF document
    """
    opener = _opening_all(spill)
    for found in find(paths):
        for offered in opener.open(found):
            same = offered.name == printable(found.path.name)
            yield _text(found.path if same else found.path.with_name(offered.name), offered, spill)


def texts_of(data: bytes, *, spill: Path) -> Iterator[Text]:
    """The same for a file's bytes."""
    for offered in _opening_all(spill).open_bytes("file", data):
        yield _text(Path(offered.name), offered, spill)


def _opening_all(spill: Path) -> Opener:
    return Opener(lambda file_id: False, spill)


def _text(path: Path, offered: Offered, spill: Path) -> Text:
    if offered.problem:
        return Text(path, problem=offered.problem)
    data = plain(offered.content, spill)[:]
    strange = None if x12.interchanges(data) else stranger(offered.content)
    return Text(path, problem=(f"is no X12 but {strange[0]}", strange[1])) if strange else Text(path, data)


class _GrowsError(Exception):
    """A compressed file has passed its limit."""


def _regular(path: Path) -> IO[bytes]:
    """The file, opened without waiting for the other end of a pipe that may have taken its place."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(0, "it is not a file")
    return file


def _refused(name: str, identity: str, reason: str, advice: str, weight: int = 0) -> Offered:
    file_id = hashlib.sha256(f"{identity}\n{reason}".encode("utf-8", "surrogateescape")).hexdigest()
    return Offered(name, file_id, problem=(reason, advice), weight=weight)


def _unless_packed(offered: Offered) -> Offered:
    """The content of an archive, refused if it is an archive in turn (a workbook is none)."""
    head = offered.content[:4]
    if head[:2] == b"\x1f\x8b" or (head == b"PK\x03\x04" and not _is_workbook(offered.content)):
        return _refused(offered.name, offered.file_id, "an archive inside an archive is not opened",
                        "unpack the outer one first", offered.weight)  # fmt: skip
    return offered


def _is_workbook(content: Content) -> bool:
    return any(
        content.find(name) >= 0 for name in (b"xl/workbook.xml", b"xl/workbook.bin", b"opendocument.spreadsheet")
    )


def _archive_problem(members: list[zipfile.ZipInfo], size: int) -> tuple[str, str] | None:
    if not members:
        return "the archive is empty", "download it again"
    if len(members) > MAX_MEMBERS:
        return f"the archive holds more than {MAX_MEMBERS:,} files", "unpack it, and ingest the folder"
    if sum(member.file_size for member in members) > _limit(size):
        return "the archive grows beyond all measure", "unpack it first"
    return None


def _member_problem(member: zipfile.ZipInfo) -> tuple[str, str] | None:
    if member.flag_bits & 1:
        return "this member of the archive is encrypted", "unpack it with its password first"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "this member of the archive is a symbolic link", "offer the file that it stands for"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        return "this member is compressed in a way that can't be read here", "unpack the archive first"
    return None


def _limit(compressed_bytes: int) -> int:
    return min(MAX_UNPACKED_BYTES, max(compressed_bytes * MAX_EXPANSION, MAX_EXPANSION_FLOOR_BYTES))


def _limited(blocks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for block in blocks:
        size += len(block)
        if size > limit:
            raise _GrowsError
        yield block


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block


def held(blocks: Iterable[bytes], spill: Path) -> tuple[Content, str, int]:
    """The blocks as one content, with its SHA-256 and size; in memory up to 32 MB, mapped from a nameless file beyond.

    Raises FailedError when there is no room for the file.
    """
    digest, size, kept, file = hashlib.sha256(), 0, [], None
    for block in blocks:
        digest.update(block)
        size += len(block)
        kept.append(block)
        if size > SMALL_BYTES:
            file = file or tempfile.TemporaryFile(dir=spill)  # noqa: SIM115 (closed below, once mapped)
            _write(file, kept)
            kept.clear()
    if file is None:
        return b"".join(kept), digest.hexdigest(), size
    with file:
        return Mapped(file.fileno(), 0, access=mmap.ACCESS_READ), digest.hexdigest(), size


def _write(file: IO[bytes], blocks: list[bytes]) -> None:
    try:
        file.writelines(blocks)
        file.flush()
    except OSError as error:
        raise FailedError(f"no room to unpack a large file ({error.strerror}); nothing was changed: make room in the "
                          "store's folder, and ingest again") from error  # fmt: skip


# --- text ----------------------------------------------------------------------------------------------------------


def plain(content: Content, spill: Path) -> Content:
    """The content as UTF-8 without a byte order mark, whatever it was: UTF-8, UTF-16, UTF-32, EBCDIC, Windows-1252."""
    encoding = _encoding(content[:400]) or ("utf-8" if _is_utf8(content) else "cp1252")
    if encoding == "utf-8":
        return content
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    return held((decoder.decode(block).encode() for block in _slices(content)), spill)[0]


def _encoding(head: bytes) -> str | None:
    """What the first bytes tell: a byte order mark, every other byte zero, or an ISA in EBCDIC."""
    for mark, encoding in ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
                           (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8-sig")):  # fmt: skip
        if head.startswith(mark):
            return encoding
    even, odd = head[: len(head) // 2 * 2 : 2], head[1::2]
    if len(head) >= 16 and not odd.strip(b"\x00") and b"\x00" not in even:
        return "utf-16-le"
    if len(head) >= 16 and not even.strip(b"\x00") and b"\x00" not in odd:
        return "utf-16-be"
    return "cp037" if head.startswith("ISA".encode("cp037")) else None


def _is_utf8(content: Content) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _slices(content):
            if not block.isascii() or decoder.getstate()[0]:
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _slices(content: Content) -> Iterator[bytes]:
    if len(content) <= SMALL_BYTES:
        yield content[:]
        return
    for at in range(0, len(content), BLOCK_BYTES):
        yield content[at : at + BLOCK_BYTES]
        if isinstance(content, Mapped):
            content.release()


def is_printed_remittance(content: Content) -> bool:
    """Whether the text is a remittance laid out for paper: its title or columns stand in it, set apart by blanks.

    >>> is_printed_remittance(b"MEDICARE REMITTANCE ADVICE\\nRIVER CLINIC      NPI 1234567893   PAGE 1\\n")
    True
    """
    head = content[:_PRINTED_HEAD]
    columns = {word.lower() for word in _PRINTED_COLUMNS.findall(head)}
    titled = bool(_PRINTED_WORDS.search(head)) or len(columns) >= 4
    return titled and (is_markup(content) or bool(_WIDE_GAP.search(head)))


def is_markup(content: Content) -> bool:
    return content[:1] == b"<" or content[:5] == b"{\\rtf"


def stranger(content: Content) -> tuple[str, str] | None:
    """What a file is that is neither X12 nor a table, told from its first bytes, and what to do with it."""
    for mark, at, what, advice in _STRANGERS:
        if content[at : at + len(mark)] == mark:
            return what, advice
    return None
