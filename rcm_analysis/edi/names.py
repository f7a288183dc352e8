"""Persons in a file's segments: what of theirs neither the file's own name nor the name of a payer may tell."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.edi import x12
from rcm_analysis.privacy.names import bare, could_name
from rcm_analysis.reference import codes

# what numbers a person: social security, member, insured's group or policy, medical record
_NUMBERS = (b"REF*SY", b"REF*1W", b"REF*0F", b"REF*IG", b"REF*EA")


def persons_named(s: x12.Segments, source: np.ndarray, names: list[str]) -> list[tuple[int, str]]:
    """Words and numbers of persons in the file's segments that stand in the name of that file, in capitals.

    Signs and the case of letters don't matter: OBRIENX.835 holds O'Brienx. `names` are the files' own, `source` tells the
    file of each segment.

    >>> s = x12.Segments(b"NM1\x1eQC\x1e1\x1equill\x1eANN\x1f")
    >>> persons_named(s, np.array([0]), ["QuillEra.835"])
    [(0, 'QUILL')]
    """
    shown = [bare(name) for name in names]
    if not any(shown):
        return []
    found = s.where(b"NM1")
    kind = s.span(found, 2)
    persons = found[(kind.start >= 0) & (s.buffer[np.maximum(kind.start, 0)] == ord("1"))]
    places = [(persons, element) for element in (3, 4, 5, 9)]
    places += [(s.where(b"DMG"), 2), *((s.where(tag), 2) for tag in _NUMBERS)]
    named: set[tuple[int, str]] = set()
    for segments, element in places:
        named |= _among(s.text(s.span(segments, element)), source[segments], shown)
    return sorted(named)


def of_organizations(s: x12.Segments, segments: np.ndarray, element: int, kind: int = 2) -> pa.Array:
    """Names in capitals at an element of NM1 segments, null where the element of the kind says that it is a person."""
    person = np.asarray(pc.fill_null(pc.equal(s.text(s.span(segments, kind)), "1"), False))
    return pc.utf8_upper(s.text(s.span(np.where(person, -1, segments), element)))


def of_payers(s: x12.Segments, segments: np.ndarray) -> pa.Array:
    """Payers' names (N1*PR) in capitals, null where one is the name of a person in the same text."""
    names = pc.utf8_upper(s.text(s.span(segments, 2)))
    trade = codes.vocabulary()
    asked = {name: _words(name) for name in names.unique().to_pylist() if name and could_name(name, trade)}
    if not asked:
        return names
    found = s.where(b"NM1")
    parts = zip(*(s.text(s.span(found, element)).to_pylist() for element in (3, 4, 5)), strict=True)
    persons = {frozenset(_words(" ".join(filter(None, some)))) for some in parts}
    theirs = [name for name, words in asked.items() if any(words <= person for person in persons)]
    if not theirs:
        return names
    return pc.if_else(pc.is_in(names, value_set=pa.array(theirs)), pa.scalar(None, pa.string()), names)


def _words(name: str) -> set[str]:
    return {bare(word) for word in name.replace(",", " ").split()} - {""}


def _among(texts: pa.StringArray, source: np.ndarray, shown: list[str]) -> set[tuple[int, str]]:
    """Files and those of the texts, word by word, that stand in the file's name."""
    coded = texts.dictionary_encode()
    there = np.asarray(coded.indices.is_valid())
    codes = np.asarray(coded.indices.fill_null(0), np.int64)[there]
    words = [[bare(word) for word in text.split()] + [bare(text)] for text in coded.dictionary.to_pylist()]
    pairs = np.unique(source[there].astype(np.int64) * max(len(words), 1) + codes)
    found = ((int(pair) // len(words), word) for pair in pairs for word in words[int(pair) % len(words)])
    return {(file, word) for file, word in found if len(word) > 1 and word in shown[file]}
