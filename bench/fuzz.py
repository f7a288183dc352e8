"""Mutated files through the readers: nothing may raise, hang, lose a claim or a cent, or come to nothing in silence.

make fuzz                                      5,000 mutants of a small synthetic practice
python bench/fuzz.py --mutants 200000 --corpus DIR --keep finds

Seeds are small files of a synthetic practice and those under --corpus. A mutant has one to four changes: flipped,
lost or doubled bytes, segments and elements, other delimiters, junk, a cut, or the half of another file. What is read
is compared with a slow reader below that splits text and knows nothing of columns.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import re
import signal
import sys
import tempfile
import time
import zlib
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.edi import envelopes, x12
from rcm_analysis.intake import ingest, sources
from rcm_analysis.intake.file_log import Tally, file_row
from rcm_analysis.intake.sources import Offered
from rcm_analysis.synthetic import practice

SEED_BYTES = 6_000
BATCH_FILES = 64
HANG_SECONDS = 60
JUNK = (b"\x00", b"\xff", b"\xfe\xff", b"ISA", b"ST*835*1~", b"SE*1*1~", b"CLP*", b"~~~", b"***", b":::", b"\r\n", b"^",
        b"\xe2\x82\xac", b"99999999999999999999", b"-.", b"1e9", b"NaN", b'"', b",,,", b"=1+1", b"\x1d\x1e\x1f", b" " * 90)  # fmt: skip


class Memory:
    """Takes the tables that a batch of the store would take, and checks that they could be written."""

    def __init__(self, spill: Path):
        self.folder, self.number, self.tables = spill, "00001", {}

    def add(self, name: str, table: pa.Table) -> None:
        table.validate(full=True)
        if table.num_rows:
            self.tables.setdefault(name, []).append(table)

    def read(self, name: str, columns: list[str]) -> pa.Table | None:
        held = self.tables.get(name)
        return pa.concat_tables(held).unify_dictionaries().select(columns) if held else None

    def leave_out(self, file_ids: list[str]) -> None:
        for held in self.tables.values():
            theirs = [pc.is_in(table["file_id"].cast(pa.string()), value_set=pa.array(file_ids)) for table in held]
            held[:] = [table.filter(pc.invert(of)) for table, of in zip(held, theirs, strict=True)]

    def rows(self, name: str) -> list[dict]:
        return [row for table in self.tables.get(name, []) for row in table.to_pylist()]


# --- seeds and mutants ---------------------------------------------------------------------------------------------


def seeds(folder: Path, corpus: Path | None) -> list[bytes]:
    practice.write_practice(folder, claims=400, months=4, seed=5)
    found = []
    for kind in ("835", "837", "277ca"):
        files = sorted((folder / "edi" / kind).iterdir(), key=lambda path: (path.stat().st_size, path.name))
        found += [path.read_bytes() for path in files[:12]]
    ledger = (folder / "ledger.csv").read_bytes().splitlines(keepends=True)
    found += [b"".join([ledger[0], *ledger[at : at + 12]]) for at in range(1, min(len(ledger), 120), 12)]
    for path in sorted(corpus.rglob("*")) if corpus else ():
        if path.is_file() and path.suffix not in (".tsv", ".md"):
            found.append(path.read_bytes())
    return [data for data in found if 0 < len(data) <= SEED_BYTES]


def mutant(number: int, seed: int, pool: list[bytes]) -> bytes:
    """The same number gives the same mutant."""
    rng = random.Random(zlib.crc32(f"{seed}-{number}".encode()))
    data = rng.choice(pool)
    for _ in range(rng.randint(1, 4)):
        data = rng.choice(CHANGES)(rng, data, pool) or data
    return data


def _flip(rng, data, pool):
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def _replace(rng, data, pool):
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _cut(rng, data, pool):
    return data[: rng.randrange(1, len(data) + 1)]


def _lose(rng, data, pool):
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randint(1, 40) :]


def _double(rng, data, pool):
    at = rng.randrange(len(data))
    stop = at + rng.randint(1, 200)
    return data[:stop] + data[at:stop] + data[stop:]


def _insert(rng, data, pool):
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(JUNK) + data[at:]


def _splice(rng, data, pool):
    other = rng.choice(pool)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other)) :]


def _pieces(rng, data, marks: bytes) -> tuple[bytes, list[bytes]]:
    mark = bytes([rng.choice(marks)])
    return mark, data.split(mark)


def _lose_piece(rng, data, pool):
    mark, parts = _pieces(rng, data, b"~*:\n,|")
    del parts[rng.randrange(len(parts))]
    return mark.join(parts)


def _double_piece(rng, data, pool):
    mark, parts = _pieces(rng, data, b"~*:\n,|")
    at = rng.randrange(len(parts))
    return mark.join([*parts[:at], parts[at], *parts[at:]])


def _swap_pieces(rng, data, pool):
    mark, parts = _pieces(rng, data, b"~*\n,")
    a, b = rng.randrange(len(parts)), rng.randrange(len(parts))
    parts[a], parts[b] = parts[b], parts[a]
    return mark.join(parts)


def _empty_piece(rng, data, pool):
    mark, parts = _pieces(rng, data, b"*:,")
    parts[rng.randrange(len(parts))] = rng.choice((b"", b" ", *JUNK))
    return mark.join(parts)


def _other_delimiter(rng, data, pool):
    old, new = rng.choice(b"~*:^>\n,"), rng.randrange(256)
    if rng.random() < 0.5:
        return data.replace(bytes([old]), bytes([new]))
    at = data.find(bytes([old]), rng.randrange(len(data)))
    return data[:at] + bytes([new]) + data[at + 1 :] if at >= 0 else data


def _other_encoding(rng, data, pool):
    text = data.decode("latin-1")
    return text.encode(rng.choice(("utf-16", "utf-16-le", "utf-8-sig", "utf-32", "cp037")), "replace")


CHANGES = (_flip, _replace, _cut, _lose, _double, _insert, _insert, _splice, _lose_piece, _lose_piece, _double_piece,
           _swap_pieces, _empty_piece, _empty_piece, _other_delimiter, _other_encoding)  # fmt: skip


# --- what must hold ------------------------------------------------------------------------------------------------


def faults(files: list[bytes], spill: Path) -> list[tuple[int, str]]:
    """Which of the files break which rule."""
    memory = Memory(spill)
    offered = [Offered(str(i), f"{i:064x}", len(data), data) for i, data in enumerate(files)]
    tallies = ingest.read_all(((each, lambda share: None) for each in offered), b"k" * 32, memory, jobs=1)
    rows = {name: _by_file(memory.rows(name)) for name in ("remittances", "submissions", "ledger")}
    return [
        (i, fault)
        for i, (data, tally) in enumerate(zip(files, tallies, strict=True))
        for fault in _faults(data, tally, {name: found.get(tally.file_id, []) for name, found in rows.items()}, spill)
    ]


def _by_file(rows: list[dict]) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(row["file_id"], []).append(row)
    return found


def _faults(data: bytes, tally: Tally, rows: dict[str, list[dict]], spill: Path):
    row = file_row(tally, "00001")
    yield from (f"{note.reason} at {note.place}" for note in tally.notes if "reader failed" in note.reason)
    if row["status"] != "accepted" and not (row["reason"] and tally.notes):
        yield "not accepted, and no reason given"
    if row["status"] == "accepted" and not tally.counts["rows"] and not set(tally.kinds) <= set(envelopes.NAMES):
        yield "accepted, and nothing taken over"
    if row["status"] == "rejected" and tally.counts["rows"]:
        yield "rejected, and rows taken over"
    if any(tag in f"{row['reason']}" for tag in ("\n", "\x00")):
        yield "a reason of more than one line"
    text = sources.plain(data, spill)
    found = x12.interchanges(text)
    if found:
        yield from _lost_claims(text, found, tally, rows)
    elif rows["ledger"]:
        yield from _lost_rows(text, tally, rows["ledger"])


def _lost_claims(text: bytes, found: list, tally: Tally, rows: dict[str, list[dict]]):
    """Every CLP and CLM is a row or is named as left out, and the charges of the rows are those of the text."""
    left_out = {note.place for note in tally.notes if note.level in ("claim", "transaction")}
    counted, cents = 0, Decimal(0)
    for number, tag, charge in _claims(text, found):
        if f"segment {number} ({tag})" in left_out:
            continue
        counted += 1
        cents += charge or 0
    taken = [*rows["remittances"], *rows["submissions"]]
    if len(taken) != counted:
        yield f"{counted} claims in the text are not left out, {len(taken)} taken over"
    elif sum((row["charge"] or 0) for row in taken) != cents:
        yield f"charges of {cents} in the text, {sum((row['charge'] or 0) for row in taken)} taken over"


def _claims(text: bytes, found: list):
    """Number, tag and charge of every claim, one segment at a time."""
    before = 0
    for part in found:
        marks = part.delimiters
        keep = b"".join(marks)
        body = bytes(b for b in text[part.start : part.stop] if b in keep or b not in b"\r\n")
        segments = body.split(marks.segment)
        for number, segment in enumerate(segments, before + 1):
            clean = bytes(b if b >= 32 or b in keep else 32 for b in segment).lstrip(b" ")
            fields = clean.split(marks.element)
            tag, place = {b"CLP": ("CLP", 3), b"CLM": ("CLM", 2)}.get(fields[0], (None, 0))
            if tag and len(fields) > 1:
                field = fields[place] if len(fields) > place else b""
                whole = marks.component not in field and marks.repeat not in field
                yield number, tag, _amount(field) if whole else None
        before += len(segments) - 1


def _amount(field: bytes) -> Decimal | None:
    text = field.decode("utf-8", "replace").strip()
    if not re.fullmatch(r"[+-]?([0-9]{1,13}(\.[0-9]*)?|\.[0-9]+)", text):
        return None
    value = Decimal(text)
    return value if value * 100 == int(value * 100) and abs(value) < 10**12 else None


def _lost_rows(text: bytes, tally: Tally, rows: list[dict]):
    """Every row of a ledger below the first that was taken is a posting or is named."""
    named = {int(n) for note in tally.notes if note.level == "row" for n in re.findall(r"^row (\d+)", note.place)}
    taken = named | {row["row"] for row in rows}
    first = min(taken)
    for mark in ",;\t|":
        try:
            lines = list(csv.reader(io.StringIO(text.decode("utf-8", "replace"), newline=""), delimiter=mark))
        except csv.Error:
            continue
        filled = {i for i, line in enumerate(lines, 1) if i >= first and any(cell.strip() for cell in line)}
        if filled <= taken:
            return
    yield "rows of the ledger are neither postings nor named"


# --- the run -------------------------------------------------------------------------------------------------------


def _hang(*_) -> None:
    raise TimeoutError(f"no end within {HANG_SECONDS} seconds")


def _checked(files: list[bytes], spill: Path) -> list[tuple[int, str]]:
    """Faults of the files; if one raises, each is tried alone to tell which."""
    signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
    try:
        return faults(files, spill)
    except Exception as error:
        if len(files) == 1:
            return [(0, f"{type(error).__name__}: {error}")]
        return [(i, fault) for i, data in enumerate(files) for _, fault in _checked([data], spill)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mutants", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="folder of further files to mutate")
    parser.add_argument("--keep", type=Path, help="folder for mutants that break a rule")
    arguments = parser.parse_args()
    signal.signal(signal.SIGALRM, _hang)
    kinds: Counter = Counter()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        pool = seeds(Path(folder, "demo"), arguments.corpus)
        for start in range(0, arguments.mutants, BATCH_FILES):
            numbers = range(start, min(start + BATCH_FILES, arguments.mutants))
            files = [mutant(number, arguments.seed, pool) for number in numbers]
            for i, fault in _checked(files, Path(folder)):
                kind = re.sub(r"\d+(\.\d+)?", "n", fault)
                kinds[kind] += 1
                if kinds[kind] <= 3:
                    print(f"mutant {numbers[i]}: {fault}", flush=True)
                    if arguments.keep:
                        arguments.keep.mkdir(parents=True, exist_ok=True)
                        (arguments.keep / f"{arguments.seed}-{numbers[i]}").write_bytes(files[i])
            if start // BATCH_FILES % 100 == 99:
                print(f"{numbers[-1] + 1:,} mutants, {time.perf_counter() - begun:.0f} s", flush=True)
    print(f"{arguments.mutants:,} mutants of {len(pool):,} files in {time.perf_counter() - begun:.0f} s; "
          f"{sum(kinds.values()):,} faults of {len(kinds):,} kinds")  # fmt: skip
    for kind, count in kinds.most_common():
        print(f"{count:8,}  {kind}")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
