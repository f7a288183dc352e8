"""Persons in a file's segments: what of theirs neither the file's own name nor the name of a payer may tell."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rcm_analysis.edi import x12
from rcm_analysis.privacy.names import bare, could_name
from rcm_analysis.reference import codes

_NAMED_PROVIDERS = (b"NM1*82", b"NM1*DN")  # rendering, referring
_PROVIDERS = tuple(
    b"NM1*" + role
    for role in (b"82", b"DN", b"P3", b"DK", b"DQ", b"71", b"72", b"73", b"ZZ", b"85", b"87", b"77", b"FA")
)
_NPI, _IS_NAME = re.compile(r"\d{10}"), re.compile(r"[^\W\d_](?:[^\W\d_]|[ .'’-]){0,40}")
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


def of_providers(s: x12.Segments, source: np.ndarray) -> list[tuple[int, str, str]]:
    """File, NPI and name, in capitals, of persons who rendered a service or referred for it; `source` is -1 outside of 837s.

    >>> s = x12.Segments(b"NM1\x1e82\x1e1\x1eMOSS\x1eANN\x1e\x1e\x1e\x1eXX\x1e1033003502\x1f")
    >>> of_providers(s, np.array([0]))
    [(0, '1033003502', 'ANN MOSS')]
    """
    found = np.sort(np.concatenate([s.where(tag) for tag in _NAMED_PROVIDERS]))
    found = found[source[found] >= 0]
    told = (s.text(s.span(found, element)).to_pylist() for element in (2, 3, 4, 8, 9))
    rows = zip(source[found].tolist(), *told, strict=True)
    return sorted({
        (file, npi, f"{first} {last}".upper()) for file, kind, last, first, numbered, npi in rows
        if kind == "1" and numbered == "XX" and _NPI.fullmatch(npi or "") and _IS_NAME.fullmatch(last or "") and _IS_NAME.fullmatch(first or "")
    })  # fmt: skip


def of_patients(s: x12.Segments, source: np.ndarray, key: bytes) -> list[tuple[int, bytes]]:
    """File and digest of the name of everybody in it who is no provider: patients, subscribers, guarantors and others."""
    found = s.where(b"NM1")
    found = found[(source[found] >= 0) & ~np.isin(found, np.concatenate([s.where(tag) for tag in _PROVIDERS]))]
    parts = (s.text(s.span(found, element)).to_pylist() for element in (3, 4, 5))
    persons = set(zip(source[found].tolist(), *parts, strict=True))
    return sorted({
        (file, digest) for file, last, first, middle in persons for name in (f"{first or ''} {last or ''}", f"{middle or ''} {last or ''}", f"{first or ''} {middle or ''} {last or ''}")
        for digest in digests(name, key)
    })  # fmt: skip


def digests(name: str, key: bytes) -> set[bytes]:
    """What a name is compared by: all of its words in any order, and its first with its last.

    >>> digests("ANN MARIE O'HARA", b"k") & digests("ohara ann", b"k") != set()
    True
    """
    forms = set()
    for text in (name, name.replace("-", " ")):
        words = [word for word in map(bare, text.replace(",", " ").split()) if word]
        forms |= {" ".join(sorted(set(words))), " ".join(sorted({*words[:1], *words[-1:]}))}
    return {hashlib.blake2b(form.encode(), key=key[:64], digest_size=12).digest() for form in forms if form}


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
