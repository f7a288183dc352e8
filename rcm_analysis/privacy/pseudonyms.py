"""What keeps persons out of the store: pseudonyms on the way in, words that could name somebody taken out of text.

A pseudonym is a keyed hash (HMAC-SHA-256 with the practice's own random key), so that nobody without the key can tell
which member number it stands for, and two practices never share one. Ages are capped at 90, as 45 CFR 164.514(b)(2)
asks for.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection, Iterable
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

AGE_CAP = 90
KEPT_PSEUDONYMS = 200_000  # in memory, some 40 MB
MIN_CLAIMS_PER_WORD = 5  # a word on fewer claims than this could be somebody's name


def pseudonyms(values: pa.StringArray, key: bytes) -> pa.StringArray:
    """Keyed pseudonyms, the first sixteen hex digits of an HMAC-SHA-256; null where the value is missing.

    Spaces, signs and case don't matter. Among a million members two share a pseudonym with a chance of 3 in 10^8.

    >>> pseudonyms(pa.array(["QZ 12", "qz12", None]), b"k").to_pylist()[1:]
    ['8d9cabf2e5e5952c', None]
    """
    coded = values.dictionary_encode()
    bare = coded.dictionary
    if not pc.all(pc.ascii_is_alnum(bare)).as_py():
        bare = pc.replace_substring_regex(bare, r"[^\pL\pN]", "")
    known = _known(key)
    hashed = [known[value] if value else None for value in pc.utf8_upper(bare).to_pylist()]
    return pa.array(hashed, pa.string()).take(coded.indices)


class _Pseudonyms(dict):
    """Pseudonyms of one key by member number, each computed when it is first asked for; members come again."""

    def __init__(self, key: bytes):
        super().__init__()
        self._keyed = hmac.new(key, digestmod="sha256")

    def __missing__(self, value: str) -> str:
        if len(self) >= KEPT_PSEUDONYMS:
            self.clear()
        code = self._keyed.copy()
        code.update(value.encode())
        self[value] = pseudonym = code.hexdigest()[:16]
        return pseudonym


_known = lru_cache(maxsize=1)(_Pseudonyms)


def ages(birth: np.ndarray, service: np.ndarray, *, no_day: int) -> pa.Array:
    """Whole years from birth to service (both days since 1970, `no_day` missing), 90 for all above; null if unknown."""
    known = (birth != no_day) & (service != no_day) & (service >= birth)
    born, seen = birth.astype("datetime64[D]"), service.astype("datetime64[D]")
    years = seen.astype("datetime64[Y]").astype(int) - born.astype("datetime64[Y]").astype(int)
    before_birthday = (seen - seen.astype("datetime64[Y]")) < (born - born.astype("datetime64[Y]"))
    return pa.array(np.minimum(years - before_birthday, AGE_CAP).clip(0).astype(np.int32), mask=~known)


def without_names(texts: Iterable[str], claims: Iterable[str], names: Iterable[str], vocabulary: set[str]) -> list[str]:
    """Free texts with every word dropped that could name a person, numbers of three digits and more included.

    A word stays when the trade's vocabulary holds it, or when it stands on at least five claims and in no name of the
    same file. What stays reads like "sent to agency spoke w".

    >>> without_names(["BD - spoke w QUILL"], ["A1"], ["QUILL, ANN"], {"bd", "spoke"})
    ['BD - spoke']
    """
    of_text, values = pd.factorize(np.array(list(texts), object))
    of_claim, _ = pd.factorize(np.array(list(claims), object))
    left = clean_texts(
        of_text, list(values), of_claim, {word for name in set(names) for word in _name_words(name)}, vocabulary
    )
    return [left[i] for i in of_text]


def clean_texts(
    of_text: np.ndarray, values: list[str], of_claim: np.ndarray, named: Collection[str], vocabulary: set[str]
) -> list[str]:
    """The same of columns told by their distinct values: what is left of each value.

    `of_text` says which value stands in each row, `of_claim` which claim, and `named` are the names' words in lower case.
    """
    allowed = vocabulary | _widespread(of_text, values, of_claim).difference(named)
    return [_keep(value, allowed) for value in values]


def _widespread(of_text: np.ndarray, values: list[str], of_claim: np.ndarray) -> set[str]:
    """Words that stand on at least five claims."""
    filled = np.array([bool(value) for value in values], bool)
    rows = filled[of_text] if len(values) else np.zeros(0, bool)
    pairs = np.sort(pd.unique(of_text[rows].astype(np.int64) << 32 | of_claim[rows].astype(np.int64)))
    texts, claims = pairs >> 32, pairs & 0xFFFFFFFF
    bounds = np.searchsorted(texts, np.arange(len(values) + 1))
    found: set[str] = set()
    seen: dict[str, set[int]] = {}
    for i, value in enumerate(values):
        first, last = bounds[i], bounds[i + 1]
        words = _words(value) - found if value else set()
        if last - first >= MIN_CLAIMS_PER_WORD:
            found |= words
            continue
        for word in words:
            holders = seen.setdefault(word, set())
            holders.update(claims[first:last].tolist())
            if len(holders) >= MIN_CLAIMS_PER_WORD:
                found.add(word)
    return found


def _name_words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[^\W\d_]{2,}", name)]


def _words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[^\W_]+(?:['-][^\W_]+)*", text)}


def _keep(text: str, allowed: set[str]) -> str:
    kept = [token for token in re.findall(r"[^\W_]+(?:['-][^\W_]+)*|[^\w\s]+", text) if _is_safe(token, allowed)]
    return re.sub(r"\s+", " ", " ".join(kept)).strip(" -,;:/")


def _is_safe(token: str, allowed: set[str]) -> bool:
    if not re.search(r"\w", token):
        return True
    if re.search(r"\d{3,}", token):
        return False
    return token.lower() in allowed
