"""What every reader makes rows with, whatever it reads: keys, exact money, and notes on what was not accepted.

Note(source=0, level="row", place="row 7", reason="the amount is no number", advice="correct it and export again")
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

_MONEY_TYPE = pa.decimal128(14, 2)
MOST_CENTS = 10**14 - 1  # that a column of money holds
BEYOND = f"more than {MOST_CENTS / 100:,.2f}, the most that is kept"


class Note(NamedTuple):
    """Something not accepted, or accepted with a remark.

    `level` notice or warning means that nothing was left out; a warning is for somebody to act on, as of a remittance
    that does not balance or a batch that was refused.
    """

    source: int
    level: str
    place: str
    reason: str
    advice: str


REMARKS = ("notice", "warning")  # levels of notes that leave nothing out


def file_keys(file_ids: list[str]) -> np.ndarray:
    """The first 62 bits of each file's SHA-256, to which a segment's number is added for a row's key.

    Keys depend on content only, so that any number of machines give the same ones. With 100,000 files of 10,000
    segments two ranges meet with a chance of 2 in 100,000.
    """
    return np.array([int(file_id[:16], 16) >> 2 for file_id in file_ids], np.int64)


def decimals(scaled: np.ndarray, there: np.ndarray, type_: pa.DataType = _MONEY_TYPE) -> pa.Array:
    """Whole numbers of the smallest unit (cents) as an Arrow decimal array, null where not `there`."""
    words = np.empty((len(scaled), 2), np.int64)
    words[:, 0], words[:, 1] = scaled, scaled >> 63
    valid = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.Array.from_buffers(type_, len(scaled), [valid, pa.py_buffer(words)])
