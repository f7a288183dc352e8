"""Code tables and taxonomies from `reference/*.csv`: CARC, RARC, groups, statuses, write-off leaves, deadlines.

One row per code, each with a short label in our own words and a column `why`. The official texts of X12 are licensed
and not shipped; see `data/README.md` for how to add a licensed list.

    >>> table("group_codes").loc[0, ["group_code", "label"]].tolist()
    ['CO', "provider's loss by contract or rule"]

The words that a practice writes beside a write-off become a leaf of `write_off_leaves`:

    code   reason                           leaf
    TFL    no claim on file w/ payer        rejected_not_resubmitted
    CA     CONTRACTUAL ALLOWANCE            contractual
    ADJ    misc adj                         unclassified
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path

import pandas as pd

UNCLASSIFIED = "unclassified"

# A line with several reasons is driven by the one with the most dollars; between equals, by this order: what can't be
# won back first, what is only a symptom last.
PRECEDENCE = (
    "timely_filing", "credentialing", "eligibility", "coordination_of_benefits", "authorization", "medical_necessity",
    "ambulance", "take_back", "contract", "non_covered", "benefit_maximum", "documentation", "coding", "claim_data",
    "network", "bundling", "duplicate", "other",
)  # fmt: skip

MIN_LETTERS_TO_RESPELL = 6  # shorter words have too many neighbors: "cover" and "covet", "care" and "card"
SPELLING_LIKENESS = 0.84  # one slip in six letters; "authorzation" passes, "condition" for "coordination" doesn't
MIN_LETTERS_OF_A_WORDY_CODE = 4  # "NOAUTH" reads like words, "NA" does not

Phrase = tuple[re.Pattern, str]


def names() -> list[str]:
    """The reference tables there are."""
    folder = resources.files("rcm_analysis.reference")
    return sorted(entry.name.removesuffix(".csv") for entry in folder.iterdir() if entry.name.endswith(".csv"))


def path(name: str) -> Path:
    """Where a reference table lies. Raises KeyError naming the known ones."""
    if name not in names():
        raise KeyError(f"no reference table {name!r}; there are {', '.join(names())}")
    return Path(str(resources.files("rcm_analysis.reference") / f"{name}.csv"))


@cache
def _loaded(name: str) -> pd.DataFrame:
    return pd.read_csv(path(name), dtype=str, keep_default_na=False)


def table(name: str) -> pd.DataFrame:
    """A reference table, every column text, as a copy. Raises KeyError naming the known ones."""
    return _loaded(name).copy()


def compared(path: Path) -> pd.DataFrame:
    """Our tables of reasons and remarks beside a list of the user's: code_list, ours, theirs, missing here, missing there.

    The list is text or CSV; a code stands first in its row. Codes of M, MA and N are remarks.

    code_list  ours  theirs  missing_here  missing_there
    carc       299   301     307 309       187
    """
    cells = [line.split(",")[0].strip().strip('"').upper() for line in path.read_text("utf-8-sig").splitlines()]
    theirs = {cell for cell in cells if re.fullmatch(r"[A-Z]{0,2}\d{1,3}", cell)}
    remarks = {code for code in theirs if re.fullmatch(r"(?:MA?|N)\d+", code)}
    found = []
    for name, codes_ in (("carc", theirs - remarks), ("rarc", remarks)):
        rows = _loaded(name)
        ours = set(rows[name])
        current = set(rows.loc[rows["active"] == "yes", name]) if "active" in rows else ours
        if codes_:
            found.append(
                (
                    name,
                    len(current),
                    len(codes_),
                    " ".join(sorted(codes_ - ours, key=_by_number)),
                    " ".join(sorted(current - codes_, key=_by_number)),
                )
            )
    return pd.DataFrame(found, columns=["code_list", "ours", "theirs", "missing_here", "missing_there"])


def _by_number(code: str) -> tuple[str, int]:
    letters = code.rstrip("0123456789")
    return letters, int(code[len(letters) :] or 0)


def driving_precedence() -> list[str]:
    """The denial categories, the one that names a line with equal dollars first."""
    return list(PRECEDENCE)


def classify_reasons(
    reasons: Iterable[tuple[str, str]], *, user_phrases: pd.DataFrame | None = None
) -> list[tuple[str, str]]:
    """The write-off leaf of each (code, text) and the pattern or code that told it, in the order given.

    >>> classify_reasons([("WO", "timely filling"), ("TFL", "write off"), ("ADJ", "misc adj")])[1:]
    [('timely_filing', 'TFL'), ('unclassified', '')]

    `user_phrases` has the columns of `write_off_phrases` (pattern and leaf needed, priority optional) and outranks it.
    Raises ValueError naming every pattern that is no regular expression and every leaf that there is not.
    """
    own = () if user_phrases is None else _compiled(user_phrases)
    return [classify_reason(code, text, own) for code, text in reasons]


def classify_reason(code: str, reason: str, extra: tuple[Phrase, ...] = ()) -> tuple[str, str]:
    """The write-off leaf that a practice's own words tell, and the pattern or code that told it.

    The text outranks the code, the user's own patterns (`extra`) outrank ours, and words as written outrank the same
    words with their spelling mended. Words and codes that tell nothing give ("unclassified", "").
    """
    text = " ".join(re.sub(r"[_\s]+", " ", reason).split())
    own = _first(extra, text)
    carc = carc_in(text)
    leaf = leaf_of_carc(carc) if carc and not own else None
    if leaf:
        return leaf, f"CARC {carc}"
    phrases = (*extra, *_phrases())
    mended = _respelled(text)
    found = _first(phrases, text) or (mended != text.lower() and _first(phrases, mended)) or _of_code(code, phrases)
    run_together = _posting_codes().get(re.sub(r"[^A-Z]", "", text.upper())) if re.fullmatch(r"\w{6,}", text) else None
    return found or ((run_together, text) if run_together else (UNCLASSIFIED, ""))


def _first(phrases: Iterable[Phrase], text: str) -> tuple[str, str] | None:
    return next(((leaf, pattern.pattern) for pattern, leaf in phrases if pattern.search(text)), None)


def _of_code(code: str, phrases: Iterable[Phrase]) -> tuple[str, str] | None:
    """What a posting code tells: looked up with and without the WO or ADJ around it, then read like words."""
    short = re.sub(r"[^A-Z0-9]", "", code.upper())
    for candidate in (short, re.sub(r"^(?:WO|ADJ)|(?:WO|ADJ)$", "", short)):
        if candidate in _posting_codes():
            return _posting_codes()[candidate], code
    return _first(phrases, code) if len(short) >= MIN_LETTERS_OF_A_WORDY_CODE else None


_NAMED_CARC = re.compile(
    r"\b(?:CO|PR|OA|PI|CR)[ -]?(\d{1,3}|[A-Z]\d{1,2})\b|\bCARC[ :#-]*(\d{1,3}|[A-Z]\d{1,2})\b"
    r"|\b(?:adj(?:ust(?:ment)?)?|reason|rsn|denial|deny)\.? (?:code |cd |# ?)?[ :#-]*(\d{1,3}|[A-Z]\d{1,2})\b(?![.,/]\d)(?! day)",
    re.I,
)


def carc_in(text: str) -> str | None:
    """The CARC that a text names as one; a number alone is none.

    >>> carc_in("Ins1 adjust code 29"), carc_in("CO-253"), carc_in("balance 45.00 left")
    ('29', '253', None)
    """
    for found in _NAMED_CARC.finditer(text):
        code = next(filter(None, found.groups())).upper().lstrip("0")
        if code in _carc_classes():
            return code
    return None


def leaf_of_carc(carc: str) -> str | None:
    """Where money goes that is written off under a CARC; None where the patient owes it, and for those that say nothing.

    >>> leaf_of_carc("45"), leaf_of_carc("197"), leaf_of_carc("2")
    ('contractual', 'authorization', None)
    """
    by_class = {"contract": "contractual", "regulatory": "regulatory", "incentive": "regulatory"}
    known = _posting_codes().get(f"CO{carc}") or _situation_leaves().get(carc)
    return known or by_class.get(_carc_classes().get(carc, ""))


@cache
def _carc_classes() -> dict[str, str]:
    return dict(zip(_loaded("carc")["carc"], _loaded("carc")["class"], strict=True))


@cache
def _situation_leaves() -> dict[str, str]:
    """The leaf of each CARC by itself: the rows of `situations` that ask for nothing else."""
    rows = _loaded("situations")
    asked = ["payer_class", "group_code", "rarc", "procedure_family", "place", "told", "fact"]
    alone = rows[(rows[asked] == "").all(axis=1) & (rows["carc"] != "")]
    return {carc: leaf for codes_, leaf in zip(alone["carc"], alone["leaf"], strict=True) for carc in codes_.split()}


def vocabulary() -> set[str]:
    """Words of the trade in lower case: what a free text may keep when the words that could name a person are dropped."""
    patterns = re.sub(r"\\[a-zA-Z]", " ", " ".join(_loaded("write_off_phrases")["pattern"])).lower()
    words = {*re.findall(r"[a-z]{2,}", patterns), *_loaded("write_off_words")["word"]}
    return words | {code.lower() for code in _posting_codes()}


def _respelled(text: str) -> str:
    """The text in lower case with misspelled words of the trade mended: "Harsdhip adj" becomes "hardship adj"."""
    return re.sub(rf"[a-z]{{{MIN_LETTERS_TO_RESPELL},}}", lambda word: _nearest(word.group(0)), text.lower())


@cache
def _nearest(word: str) -> str:
    alike = [known for known in _loaded("write_off_words")["word"] if known[0] == word[0]]
    return next(iter(difflib.get_close_matches(word, alike, n=1, cutoff=SPELLING_LIKENESS)), word)


@cache
def _phrases() -> tuple[Phrase, ...]:
    return _compiled(_loaded("write_off_phrases"))


@cache
def _posting_codes() -> dict[str, str]:
    rows = _loaded("posting_codes")
    return dict(zip(rows["code"], rows["leaf"], strict=True))


def _compiled(rows: pd.DataFrame) -> tuple[Phrase, ...]:
    """Phrases ready to search, the lowest priority number first and otherwise in the order of the table."""
    if "priority" in rows:
        rows = rows.assign(priority=rows["priority"].astype(int)).sort_values("priority", kind="stable")
    known, phrases, wrong = set(_loaded("write_off_leaves")["leaf"]), [], []
    for pattern, leaf in zip(rows["pattern"], rows["leaf"], strict=True):
        if leaf not in known:
            wrong.append(f"no leaf {leaf!r}")
        try:
            phrases.append((re.compile(pattern, re.IGNORECASE), leaf))
        except re.error as error:
            wrong.append(f"{pattern!r}: {error}")
    if wrong:
        raise ValueError("write-off phrases: " + "; ".join(wrong))
    return tuple(phrases)
