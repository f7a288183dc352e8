"""A practice of any size as EDI files and ledgers: the demo practice copied under other claims, patients and places.

    folder/00000.835, 00000.837, 00000.277, 00000.csv    the demo's 20,000 claims
    folder/00001.835, ...                                the same under numbers of their own

What may not be shared gets a name of its own in every copy: claim, payer's claim, check and member numbers. Ten copies
share their places and providers, so that a larger practice also has more of both.
"""

from __future__ import annotations

import re
from pathlib import Path

from rcm_analysis.synthetic import edi, practice

CLAIMS, MONTHS, SEED = 20_000, 24, 7
KINDS = {"835": "835", "837": "837", "277ca": "277"}
COPIES_OF_A_PLACE = 10
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAYERS = "|".join(payer["key"] for payer in practice.PAYERS)
_NAMED = re.compile(
    rf"(\bRB0|\bRBM0|\b(?:{_PAYERS})(?=2\d{{9}})|\b1[1-9]\d{{8}}\b|{'|'.join(practice.LOCATIONS)})".encode()
)


def write(folder: Path, *, claims: int, small: Path) -> tuple[int, int]:
    """Writes copies until there are about `claims`; `small` holds the demo, made where it is missing.

    Gives the number of claims and the megabytes of EDI, ledgers left out.
    """
    if not (small / "ledger.csv").exists():
        practice.write_practice(small, claims=CLAIMS, months=MONTHS, seed=SEED)
    texts = {ending: b"".join(path.read_bytes() for path in sorted((small / "edi" / kind).iterdir()))
             for kind, ending in KINDS.items()}  # fmt: skip
    texts["csv"] = (small / "ledger.csv").read_bytes()
    parts = {ending: _NAMED.split(text) for ending, text in texts.items()}  # text, name, text, name, ...
    names = {name for split in parts.values() for name in split[1::2]}
    folder.mkdir(parents=True)
    copies, written = max(round(claims / CLAIMS), 1), 0
    for k in range(copies):
        named = {name: _named(name, k) for name in names}
        for ending, split in parts.items():
            copied = split.copy()
            copied[1::2] = map(named.__getitem__, split[1::2])
            size = (folder / f"{k:05}.{ending}").write_bytes(b"".join(copied))
            written += size if ending != "csv" else 0
    return copies * CLAIMS, round(written / 1e6)


def _named(word: bytes, k: int) -> bytes:
    """The word's name in copy `k`."""
    place, own = k // COPIES_OF_A_PLACE, (DIGITS[k // 36 // 36] + DIGITS[k // 36 % 36] + DIGITS[k % 36]).encode()
    if not k or word.startswith(edi.GROUP_NPI.encode()):
        return word
    if word in (b"RB0", b"RBM0"):
        return word[:-1] + own
    if word.isdigit():
        return _npi(int(word[:9]) + place) if place else word
    if word.decode() in practice.LOCATIONS:
        return word + f" {place + 1}".encode() if place else word
    return word + own


def _npi(nine: int) -> bytes:
    """Nine digits with their check digit (Luhn, prefix 80840)."""
    digits = [int(d) for d in f"80840{nine}"][::-1]
    total = sum(d if i % 2 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
    return f"{nine}{-total % 10}".encode()
