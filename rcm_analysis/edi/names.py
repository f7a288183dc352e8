"""Persons named in a file's segments: the words that no free text of the same file may keep."""

from __future__ import annotations

import re

import numpy as np

from rcm_analysis.edi import x12


def persons_named(s: x12.Segments, source: np.ndarray, words: list[frozenset[str]]) -> list[tuple[int, str]]:
    """Those of the words (a set for each file, in capitals) that are in the name of a person in the file's segments.

    >>> s = x12.Segments(b"NM1\x1eQC\x1e1\x1eQUILL\x1eANN\x1f")
    >>> persons_named(s, np.array([0]), [frozenset({"QUILL", "ERA"})])
    [(0, 'QUILL')]
    """
    wanted = frozenset().union(*words)
    if not any(word.encode() in s.text_bytes or word.title().encode() in s.text_bytes for word in wanted):
        return []
    found = s.where(b"NM1")
    kind = s.span(found, 2)
    found = found[(kind.start >= 0) & (s.buffer[np.maximum(kind.start, 0)] == ord("1"))]
    named = set()
    for element in (3, 4, 5):
        for file, name in zip(source[found], s.text(s.span(found, element)).to_pylist(), strict=True):
            named |= {(int(file), word) for word in re.findall(r"[^\W\d_]{2,}", (name or "").upper())}
    return sorted((file, word) for file, word in named if word in words[file])
