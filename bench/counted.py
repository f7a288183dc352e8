"""Random 835, 837 and 277CA files through the readers, against a counter that splits text and knows nothing of them.

python bench/counted.py --files 4000 --seed 1

Each file has one to three transactions of one to eight claims, delimiters of its own, and may be wrapped. Counted are
claims, lines, adjustments and statuses, and the sums of charges, payments and adjustments.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import files as made
from fuzz import Memory

from rcm_analysis.intake import ingest
from rcm_analysis.intake.file_log import file_row
from rcm_analysis.intake.sources import Offered

MARKS = "*~:^|!>\\{}%&;<=+\x1c\x1d\x1e\x1f"  # none of them stands in the texts of `files`, but for its own four
BATCH_FILES = 64
KINDS = tuple(made.FILES)
Figures = dict[str, Decimal | int]


def a_file(rng: random.Random, kind: str) -> tuple[str, str]:
    """A file as `files` writes it, for the counter, and the same with delimiters of its own."""
    group, release, transaction = made.FILES[kind]
    made.CLAIMS_PER_TRANSACTION = rng.randint(1, 8)
    bodies = [transaction(rng.randrange(10**6)) for _ in range(rng.randint(1, 3))]
    text = "".join(f"{body}SE*{body.count('~') + 1}*{body[7:13]}~" for body in bodies)
    whole = ("ISA*00*          *00*          *ZZ*PAYER          *ZZ*CLINIC         *261031*0630*^*00501*000000001*0*P*:~"
             f"GS*{group}*PAYER*CLINIC*20261031*0630*1*X*{release}~{text}GE*{len(bodies)}*1~IEA*1*000000001~")  # fmt: skip
    chosen = rng.sample(MARKS, 4)
    other = whole.translate(str.maketrans(dict(zip("*~:^", chosen, strict=True))))
    return whole, other.replace(chosen[1], f"{chosen[1]}\r\n") if rng.random() < 0.3 else other


def counted(text: str, kind: str) -> Figures:
    """What stands in the text, segment by segment."""
    segments = [segment.split("*") for segment in text.split("~")]
    of = lambda tag: [segment for segment in segments if segment[0] == tag]  # noqa: E731
    total = lambda tag, place: sum((Decimal(segment[place] or 0) for segment in of(tag)), Decimal(0))  # noqa: E731
    if kind == "835":
        triplets = [Decimal(s[i + 1]) for s in of("CAS") for i in range(2, len(s) - 1, 3)]
        return {"claims": len(of("CLP")), "charge": total("CLP", 3), "paid": total("CLP", 4), "lines": len(of("SVC")),
                "adjustments": sum(amount != 0 for amount in triplets), "adjusted": sum(triplets, Decimal(0))}  # fmt: skip
    if kind == "837":
        return {
            "claims": len(of("CLM")),
            "charge": total("CLM", 2),
            "lines": len(of("SV1")),
            "line_charge": total("SV1", 2),
        }
    told = [segment.split("*") for level in text.split("~HL*")[1:] if "*PT~" in level for segment in level.split("~")
            if segment.startswith("STC*")]  # fmt: skip
    return {"claims": len(told), "refused": sum(status[1].startswith("A7") for status in told),
            "charge": sum((Decimal(status[4]) for status in told), Decimal(0))}  # fmt: skip


def read(memory: Memory, file_id: str, kind: str) -> Figures:
    """The same of the rows that the readers made."""
    rows = {name: [row for row in memory.rows(name) if row["file_id"] == file_id] for name in memory.tables}
    total = lambda name, column: sum((row[column] or 0 for row in rows.get(name, [])), Decimal(0))  # noqa: E731
    if kind == "835":
        amounts = [row["amount"] for row in rows.get("adjustments", [])]
        return {"claims": len(rows.get("remittances", [])), "charge": total("remittances", "charge"), "paid": total("remittances", "paid"),
                "lines": len(rows.get("remittance_lines", [])), "adjustments": sum(amount != 0 for amount in amounts),
                "adjusted": sum(amounts, Decimal(0))}  # fmt: skip
    if kind == "837":
        return {"claims": len(rows.get("submissions", [])), "charge": total("submissions", "charge"),
                "lines": len(rows.get("submission_lines", [])), "line_charge": total("submission_lines", "charge")}  # fmt: skip
    statuses = rows.get("acknowledgments", [])
    return {"claims": len(statuses), "refused": sum(row["category"] == "A7" for row in statuses),
            "charge": total("acknowledgments", "charge")}  # fmt: skip


def differences(count: int, seed: int, spill: Path) -> list[str]:
    """What differs, file by file; nothing where all agree."""
    found = []
    for start in range(0, count, BATCH_FILES):
        numbers = range(start, min(start + BATCH_FILES, count))
        kinds = {f"{number:064x}": KINDS[number % len(KINDS)] for number in numbers}
        texts = {file_id: a_file(random.Random(f"{seed}-{file_id}"), kind) for file_id, kind in kinds.items()}
        for file_id, kind in kinds.items():
            data = texts[file_id][1].encode()
            memory = Memory(spill)
            (tally,) = ingest.read_all(
                [(Offered("x", file_id, len(data), data), lambda share: None)], b"k" * 32, memory, jobs=1
            )
            status = file_row(tally, "00001")["status"]
            ours, theirs = read(memory, file_id, kind), counted(texts[file_id][0], kind)
            if ours != theirs or status != "accepted":
                found.append(f"{seed}-{int(file_id, 16)} {kind} {status}: {ours} instead of {theirs}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = differences(arguments.files, arguments.seed, Path(folder))
    print("\n".join(found[:10]))
    print(f"{arguments.files:,} files in {time.perf_counter() - begun:.0f} s, {len(found):,} differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
