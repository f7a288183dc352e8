"""A ledger's rows -> the cells that may be kept: amounts, days, codes and numbers of claims as they came, no persons.

    heading     cells                      kept
    Patient     Moss, Ann                  nothing: a column of persons
    Ref         7001                       7001
    Memo        per Quill, past timely     "per past timely": words that could name a person are dropped
    Ins         MOSS ANN                   PATIENT
    (none)      Ann Moss                   nothing, or a pseudonym: two words of which none is of the trade

What the whole text tells (a kind of posting, a reason to write off) is kept with what is left of it, see `words`. Which
cells are kept depends on the file alone, never on what else is known, so that the order of files changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from rcm_analysis.privacy.names import composed, could_name, is_of_the_trade
from rcm_analysis.privacy.pseudonyms import MIN_CLAIMS_PER_WORD, clean_texts, pseudonyms
from rcm_analysis.reference import codes
from rcm_analysis.spreadsheets import columns, understanding
from rcm_analysis.spreadsheets.columns import Cells
from rcm_analysis.spreadsheets.mappings import Mapping
from rcm_analysis.spreadsheets.words import MARK, marked, names_nothing, told_by

FEW = 400  # different cells of a column of types, payers or places
BIRTH_YEARS = 15  # days of service and posting lie closer together
_PRIVATE = re.compile(
    r"birth|\bdob\b|\bssn\b|social.?sec|phone|\bcell\b|mobile|\bfax\b|address|street|\bcity\b|\bzip|e-?mail|member|subscriber"
    r"|policy|\bmbi\b|medicare.?(?:id|no|num)|medicaid.?(?:id|no|num)|\bmrn\b|chart|licen[cs]e",
    re.I,
)
_PERSONAL_NUMBER = re.compile(
    r"\d{3}-\d{2}-\d{4}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}|[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d-?[AC-HJKMNP-RT-Y]"
    r"[0-9AC-HJKMNP-RT-Y]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}|[^@\s]+@[^@\s]+",
    re.I,
)
_NUMBER = re.compile(r"(?=.*\d)\S+")
_BARE_WORD = re.compile(r"[^\W\d_][^\W\d_'’.-]{1,}")
_NINE_DIGITS = re.compile(r"\d{9}")
_ONE_WORD = re.compile(r"\S{1,12}")
# what tells who posted, and what a posting is
_TRADE = frozenset(
    [
        "patient",
        "pt",
        "self",
        "guarantor",
        "copay",
        "co-pay",
        "pmt",
        "plan",
        "cash",
        "ins",
        "insurance",
        "payer",
        "payor",
        "eft",
        "remit",
        "check",
        "payment",
        "payments",
        "charge",
        "charges",
        "chg",
        "billed",
        "service",
        "adjustment",
        "adjustments",
        "adj",
        "refund",
        "transfer",
        "write",
        "off",
        "bad",
        "debt",
        "contractual",
        "allowance",
        "discount",
    ]
)


@dataclass
class Kept:
    """Headings and cells that are kept, and why others are not."""

    headings: list[str]
    cells: list[Cells]
    dropped: dict[str, str]  # heading -> why


@dataclass
class Sorted:
    """A ledger's columns, why some are not kept, the column of claims and that of persons, and the words of their names."""

    headings: list[str]
    body: list[Cells]
    role: dict[int, str]  # place -> ours, where headings tell it
    read: list[understanding.Column]
    dropped: dict[int, str]
    claims: Cells
    persons: Cells
    people: frozenset[str]


def sort(headings: list[str], body: list[Cells], told: dict[str, list[int]]) -> Sorted:
    """Which columns may be kept; `told` are ours with their places, as far as the headings tell them."""
    body = [one.map(lambda value: composed(value.replace(MARK, "")).strip()) for one in body]
    role = {place: ours for ours, places in told.items() for place in places}
    read = [understanding.column(i, heading, one) for i, (heading, one) in enumerate(zip(headings, body, strict=True))]
    claims = _claims(read, body, told)
    dropped = {i: why for i in range(len(body)) if (why := _private(read[i], body[i], role.get(i, ""), claims))}
    dropped |= dict.fromkeys(_name_parts(read, body, {*role, *dropped}, claims), "persons")
    names = [body[i] for i, why in dropped.items() if why == "persons"]
    people = frozenset(word.lower() for one in names for v in one.values for word in re.findall(r"[^\W\d_]{2,}", v))
    persons = columns.beside(names) if names else columns.constant("", len(claims))
    return Sorted(headings, body, role, read, dropped, claims, persons, people)


def clean(found: Sorted, people: frozenset[str], mapping: Mapping, key: bytes) -> Kept:
    """What is kept of the cells; `people` are the words of the names in all sheets of the file."""
    keep = _Keeper(found, people, mapping, key)
    kept = [i for i in range(len(found.body)) if i not in found.dropped]
    cells_ = [keep.column(found.body[i], found.read[i], found.role.get(i, "")) for i in kept]
    plain = [_without_people(heading.strip(), people) for heading in found.headings]
    return Kept([plain[i] for i in kept], cells_, {plain[i]: why for i, why in found.dropped.items()})


def _without_people(heading: str, people: frozenset[str]) -> str:
    return re.sub(r"[^\W\d_]{2,}", lambda w: "~" if w[0].lower() in people - codes.vocabulary() else w[0], heading)


def _claims(read: list[understanding.Column], body: list[Cells], told: dict[str, list[int]]) -> Cells:
    """The column of claim numbers; where no heading tells it, that with the most different numbers of which most come again."""
    if told.get("claim_number"):
        return body[told["claim_number"][0]]
    likely = [i for i, one in enumerate(read) if _is_number(one) and len(one.values) < 0.9 * len(one.codes)]
    if not likely:
        return Cells(np.arange(len(body[0]), dtype=np.int32), [str(i) for i in range(len(body[0]))])
    return body[max(likely, key=lambda i: len(read[i].values))]


def _is_number(one: understanding.Column) -> bool:
    """Whether a column holds numbers of something: neither days nor money."""
    return one.money < 0.5 and one.days < 0.5 and len(one.texts) > 1 and one.share(_NUMBER.fullmatch) > 0.9


def _private(one: understanding.Column, cells_: Cells, role: str, claims: Cells) -> str:
    """Why a column is not kept; nothing where it is."""
    if role == "patient_name":
        return "persons"
    if role and role != "reason":
        return ""
    if _PRIVATE.search(one.heading):
        return "tells of a person"
    if not one.texts:
        return ""
    if one.days > 0.5:
        return "days of birth" if _are_births(one) else ""
    if one.money > 0.5:
        return ""
    if one.share(_PERSONAL_NUMBER.fullmatch) > 0.5:
        return "numbers of persons"
    if _is_number(one):
        return ""
    steady, count = columns.steady(cells_.codes, claims.codes, len(claims.values)), len(claims.values)
    if understanding.names_persons(one, steady, count) or (
        not role and steady > 0.9 and one.share(could_be_person) > 0.5
    ):
        return "persons"
    return ""


def could_be_person(value: str) -> bool:
    """Whether a cell's words could be somebody's name; those that tell what a posting is are not."""
    return could_name(value, codes.vocabulary() | _TRADE) and names_nothing(value)


def _name_parts(read: list[understanding.Column], body: list[Cells], known: set[int], claims: Cells) -> list[int]:
    """Columns that nobody named and that stand side by side, of single words that go together: last and first names."""
    words = {
        one.place for one in read if one.place not in known and len(one.texts) > 2 and one.share(_is_bare_word) > 0.9
    }
    found = []
    for left in sorted(words):
        if left + 1 in words:
            _, first = columns.together([body[left], body[left + 1]])
            most = max(len(body[left].values), len(body[left + 1].values))
            steady = columns.steady(body[left].codes, claims.codes, len(claims.values))
            if len(first) <= 1.2 * most and steady > 0.9:
                found += [left, left + 1]
    return found


def _is_bare_word(value: str) -> bool:
    return bool(_BARE_WORD.fullmatch(value.strip(" .,;"))) and not is_of_the_trade(
        value.lower(), codes.vocabulary() | _TRADE
    )


def _are_births(one: understanding.Column) -> bool:
    days = one.day.dropna()
    return bool((days.max() - days.quantile(0.05)).days > 365 * BIRTH_YEARS)


class _Keeper:
    """What is kept of each cell of a column."""

    def __init__(self, found: Sorted, people: frozenset[str], mapping: Mapping, key: bytes):
        self.claims, self.persons, self.people = found.claims, found.persons, people
        self.mapping, self.key, self.claims_told = mapping, key, "claim_number" in found.role.values()
        self.vocabulary = codes.vocabulary() | _TRADE

    def column(self, one: Cells, read: understanding.Column, role: str) -> Cells:
        if role == "claim_number":
            return one
        if role == "procedure":
            return self._codes(one)
        if not role and one is not self.claims and read.share(_NINE_DIGITS.fullmatch) > 0.9:
            return self._keyed(one)  # of social security, as likely as not
        if read.days > 0.5 or role in ("posted_on", "service_date"):
            return one.map(lambda value: value if not re.search(r"[^\W\d_]{4,}", value) else understanding.shape(value))
        if read.numbers > 0.97 or role in (*understanding.AMOUNTS, "balance"):
            return one.map(lambda value: value if not re.search(r"[^\W\d_]{4,}", value) else understanding.shape(value))
        numbers = not role and _is_number(read)
        many = len(read.texts) > max(60, 0.02 * len(self.claims.values))  # more than there are codes
        if role == "posting_id" or (numbers and many and self.claims_told):
            return self._keyed(one)
        if role in ("payer_name", "location"):
            own = self._own_apart(self._patients_apart(one) if role == "payer_name" else one)
            return self._of_several(own, single=role == "location")
        if numbers and not self.claims_told:
            return one  # it may be the claim's number, which the electronic files will tell
        if not role and read.share(understanding.PROCEDURE.fullmatch) > 0.9:
            return one
        return self._words(
            self._own_apart(one), told=role == "reason", surnames=not role and self._are_surnames(one, read)
        )

    def _are_surnames(self, one: Cells, read: understanding.Column) -> bool:
        """Whether a column that nobody named holds single words of which each claim has one, and that say nothing: as
        likely as not last names. What varies within a claim, a kind of posting, is none."""
        filled = np.flatnonzero(np.array([bool(value) for value in one.values], bool)[one.codes])
        if not len(filled):
            return False
        steady = columns.steady(one.codes[filled], self.claims.codes[filled], len(self.claims.values))
        return len(read.texts) > 1 and steady > 0.9 and read.share(_is_bare_word) > 0.7

    def _keyed(self, one: Cells) -> Cells:
        hashed = pseudonyms(pa.array([value or None for value in one.values], pa.string()), self.key).to_pylist()
        return columns.coded([value or "" for value in hashed], one.codes)

    def _own_apart(self, one: Cells) -> Cells:
        """PATIENT where a cell names the row's own patient."""
        words = [set(re.findall(r"\w{2,}", value.lower())) - _OWN for value in one.values]
        own = [i for i, some in enumerate(words) if some and some <= self.people]
        rows = np.flatnonzero(np.isin(one.codes, own)) if own else np.zeros(0, np.int64)
        if not len(rows):
            return one
        keys, first = columns.together([Cells(c.codes[rows], c.values) for c in (one, self.persons)])
        names = [self.persons.values[self.persons.codes[rows[i]]].lower() for i in first]
        cells_ = [words[one.codes[rows[i]]] for i in first]
        is_own = np.array([some <= set(re.findall(r"\w{2,}", name)) for some, name in zip(cells_, names, strict=True)])
        new = one.codes.copy()
        new[rows[is_own[keys]]] = len(one.values)
        return columns.coded([*one.values, "PATIENT"], new)

    def _patients_apart(self, one: Cells) -> Cells:
        """A payer that is the patient without the name after it, SELF PAY - MOSS ANN; PATIENT CHOICE HMO is none."""

        def told(value: str) -> str:
            said = _SELF_PAY.match(value)
            rest = re.findall(r"[^\W\d_]{2,}", value[said.end() :].lower()) if said else []
            return "PATIENT" if rest and not any(is_of_the_trade(word, self.vocabulary) for word in rest) else value

        return one.map(told)

    def _of_several(self, one: Cells, *, single: bool = False) -> Cells:
        """Payers and places; what could be a person's name, of a place a single word too, only where it stands beside
        several persons."""
        asked = [i for i, value in enumerate(one.values)
                 if could_be_person(value) or self._is_named(value) or (single and _is_bare_word(value))]  # fmt: skip
        if not asked:
            return one
        whose = self.persons if len(self.persons.values) > 1 else self.claims
        pairs = pd.unique(one.codes.astype(np.int64) << 32 | whose.codes) >> 32
        beside = np.bincount(pairs, minlength=len(one.values))
        few = {i for i in asked if beside[i] < (2 if whose is self.persons and not self._is_named(one.values[i]) else MIN_CLAIMS_PER_WORD)}  # fmt: skip
        return columns.coded(["" if i in few else value for i, value in enumerate(one.values)], one.codes)

    def _is_named(self, value: str) -> bool:
        words = {word.lower() for word in re.findall(r"[^\W\d_]{2,}", value)}
        return bool(words) and words <= self.people

    def _codes(self, one: Cells) -> Cells:
        """Codes with the words after them as far as they name nobody."""
        return self._words(one, code=_CODE_AND_WORDS, surnames=True)

    def _words(
        self, one: Cells, *, told: bool = False, code: re.Pattern[str] | None = None, surnames: bool = False
    ) -> Cells:
        """What is left of texts; in a column that is not `told` to hold reasons, a name is a pseudonym, and in one of
        surnames a single word, too."""
        if not told:
            one = self._named_apart(one, surnames)
        whole = self._kept_whole(one, code)
        left = clean_texts(one.codes, one.values, self.claims.codes, self.people, self.vocabulary)
        out = [
            value if keep else marked(rest, told_by(value, rest))
            for value, keep, rest in zip(one.values, whole, left, strict=True)
        ]
        return columns.coded(out, one.codes)

    def _named_apart(self, one: Cells, surnames: bool) -> Cells:
        """Cells that could be a person's name as pseudonyms, so that they stay apart."""
        asked = [v not in self.mapping.kinds and (could_be_person(v) or (surnames and _is_bare_word(v) and names_nothing(v)))
                 for v in one.values]  # fmt: skip
        if any(asked) and len(self.persons.values) > 1:  # what stands beside many persons names none of them
            pairs = pd.unique(one.codes.astype(np.int64) << 32 | self.persons.codes) >> 32
            asked = list(asked & (np.bincount(pairs, minlength=len(one.values)) < MIN_CLAIMS_PER_WORD))
        named = [v for v, is_asked in zip(one.values, asked, strict=True) if is_asked]
        if not named:
            return one
        hashed = dict(zip(named, pseudonyms(pa.array(named, pa.string()), self.key).to_pylist(), strict=True))
        return one.map(lambda value: f"N{hashed[value][:5]}".upper() if value in hashed else value)

    def _kept_whole(self, one: Cells, code: re.Pattern[str] | None = None) -> list[bool]:
        """Cells kept as they stand: short codes, and those of a column of few on at least five claims; none with a name."""
        few = len(one.values) <= FEW
        pairs = pd.unique(one.codes.astype(np.int64) << 32 | self.claims.codes) >> 32
        many = np.bincount(pairs, minlength=len(one.values)) >= MIN_CLAIMS_PER_WORD
        return [
            not value or value in self.mapping.kinds or (
                not self._names_somebody(value) and (is_short_code(value) or bool(code and code.fullmatch(value)) or (few and bool(is_many)
                and (bool(_ONE_WORD.fullmatch(value)) or not re.search(r"\d{3,}", value)))))
            for value, is_many in zip(one.values, many, strict=True)
        ]  # fmt: skip

    def _names_somebody(self, value: str) -> bool:
        words = {word.lower() for word in re.findall(r"[^\W\d_]{2,}", value)}
        return bool(words & self.people - self.vocabulary) or value.lower() in self.people


_OWN = {"self", "pay", "selfpay", "patient", "pat", "pt", "guarantor", "guar", "resp", "responsible"}
_SELF_PAY = re.compile(r"(?:self.?pay|private.?pay|patient|guarantor|pt)\b\W+(?=\w)", re.I)
# 99213, J1885-JW, 99213 25, D0120
_CODE_AND_WORDS = re.compile(r"(?=.*\d)[A-Z0-9]{2,8}(?:[-:, ]+[A-Z0-9]{2})*", re.I)
_SHORT_CODE = re.compile(r"(?=.*\d)[A-Z0-9][A-Z0-9.-]{0,5}|[A-Z]{1,3}", re.I)  # K17, 45, CO-253, TF


def is_short_code(value: str) -> bool:
    return bool(_SHORT_CODE.fullmatch(value))
