"""The limit for 835 with NumPy and Arrow: three minimal tables of a tidy file, with no check, no date and no person.

What it leaves out is what a reader is for (levels, envelopes, bad values, remarks, pseudonyms, provenance); how much
slower the real one is shows what those cost. Delimiters are taken to be `*` and `~`, the file to be sound.

python bench/limit.py FILE      seconds, seconds of work, peak memory in MB, claims
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator

import numpy as np
import pandas  # noqa: F401 (Arrow would load it within the time measured)
import pyarrow as pa
import pyarrow.compute as pc

PIECE_BYTES = 2_000_000
MONEY = pa.decimal128(12, 2)


def pieces(path: str) -> Iterator[bytes]:
    """Cut where transactions begin."""
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        stop = data.find(b"~ST*", at + PIECE_BYTES)
        stop = len(data) if stop < 0 else stop + 1
        yield data[at:stop]
        at = stop


def tables(text: bytes) -> dict[str, pa.Table]:
    buffer = np.frombuffer(b"~" + text + b"~" * 8, np.uint8)
    marks = np.flatnonzero((buffer == ord("*")) | (buffer == ord("~"))).astype(np.int32)
    ends = np.flatnonzero(buffer[marks] == ord("~"))[:-8]
    heads = np.ndarray(len(buffer) - 7, "<u8", buffer, strides=(1,))[marks[ends] + 1]
    offsets = np.empty(2 * len(marks), np.int32)
    offsets[0::2], offsets[1::2] = marks, marks + 1
    elements = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(buffer))

    def where(tag: bytes) -> np.ndarray:
        return ends[heads & np.uint64(0xFFFFFFFF) == int.from_bytes(tag, "little")]

    def column(segments: np.ndarray, element: int) -> pa.Array:
        return elements.take(pa.array(2 * (segments + element) + 1))

    claims, lines, cas = where(b"CLP*"), where(b"SVC*"), where(b"CAS*")
    count = (np.append(ends, len(marks) - 8)[np.searchsorted(ends, cas) + 1] - cas - 2 + 2) // 3
    first = np.repeat(cas, count) + 3 * (np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count))
    return {
        "claims": pa.table({"claim": column(claims, 1), "status": column(claims, 2),
                            **{name: pc.cast(column(claims, k), MONEY) for name, k in (("charge", 3), ("paid", 4))}}),
        "lines": pa.table({"claim": np.searchsorted(claims, lines), "procedure": column(lines, 1),
                           **{name: pc.cast(column(lines, k), MONEY) for name, k in (("charge", 2), ("paid", 3))}}),
        "adjustments": pa.table({"line": np.searchsorted(lines, np.repeat(cas, count)), "group": column(np.repeat(cas, count), 1),
                                 "carc": column(first, 2), "amount": pc.cast(column(first, 3), MONEY)}),
    }  # fmt: skip


def main() -> None:
    begun, worked = time.perf_counter(), time.process_time()
    claims = sum(tables(piece)["claims"].num_rows for piece in pieces(sys.argv[1]))
    took, work = time.perf_counter() - begun, time.process_time() - worked
    print(json.dumps([took, work, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, claims]))


if __name__ == "__main__":
    main()
