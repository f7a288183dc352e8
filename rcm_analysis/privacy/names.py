"""What could be a person's name where nothing says so: in a cell that nobody understood, in the name of a file.

    could_name("Moss Ann", trade)                 True: words of letters, none of them a word of the trade
    could_name("MERIDIAN BLUE", trade)            False: blue is one
    file_name("MOSS_19581103_eob.835", ["MOSS"])  "~_~_eob.835"
    strange_file_name("MOSS_ANN_eob.pdf")         "~_~_eob.pdf": of a file that can't be read nothing else is known

Letters are compared without regard to their case and to how Unicode composes them: macOS writes Ü as U and two dots.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from datetime import date, timedelta

LETTERS = re.compile(r"[^\W\d_]+")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# words of insurers, facilities and places that no list of write-offs holds
_ORGANIZATIONS = _set(
    """
    wc bc bs hp health healthcare healthplan healthnet insurance assurance indemnity casualty life plan plans choice
    advantage shield bcbs mutual mut hmo ppo epo pos mco aco tpa medicaid medicare mcaid mcare tricare champva champus
    aetna cigna humana anthem uhc united unitedhealthcare optum molina centene wellcare ambetter carefirst highmark
    permanente regence oscar emblem medica premera administrators administrator administration benefit benefits
    associates association partners alliance network union local trust fund group holdings company corp corporation
    inc llc llp ltd pllc national american america federal state county city township municipal district department
    dept bureau board commission authority compensation comp workers transportation transport transit
    commercial government managed community university college school clinic clinics hospital hospitals medical medicine
    center centre office offices station base facility campus pharmacy laboratory lab imaging radiology surgery surgical
    urgent therapy rehab rehabilitation nursing skilled hospice dialysis ambulance ems emt fire rescue emergency
    pediatrics orthopedics cardiology oncology dental vision behavioral mental services service systems system solutions
    northern southern eastern western northeast northwest southeast southwest regional central metro region
    street avenue road boulevard suite floor building unit room beach valley bay creek river lake heights main
    ohio texas florida kentucky michigan illinois indiana pennsylvania york california oregon
    """
)
# words of the trade that are names, too: they prove nothing
_ALSO_NAMES = _set(
    """
    ali ann ant art bab bea ben bene bill bird blair burton case cash chance chase christian church cole cooper crew cross
    dan day dean don drew early ed elder ely faith field fields fin ford frank gene good grace grant guy hall hand hill
    hope house hunt ian ida ira jan jean jo joy just kim lance law lee les light link little long low lowe major man mann
    mark marsh mason max may mel mercy merit miles mills min moor moss ness new noble oscar own park parks pat peer penn
    perry pol pool poor post power price prime quest ran rand ray rays rich ridge rob ron rowe ryan sal sam sandy sara sat
    sharp short silver sims small sol son st still stone sue sung tar tim todd tran tu val van vance wade wall ward warr
    wells west white will winter wise won wood woods worth wright yates young
    """
)
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "md", "do", "rn", "np", "dr", "mr", "mrs", "ms", "miss"})
_NAME = re.compile(r"[^\W\d_][^\W\d_'’.-]*(?:['’.-]+[^\W\d_]+)*[.,]*(?:[\s,]+[^\W\d_][^\W\d_'’.-]*(?:['’.-]+[^\W\d_]+)*[.,]*){1,4}")  # fmt: skip

# --- cells ---------------------------------------------------------------------------------------------------------


def composed(text: str) -> str:
    """The text in the one form of Unicode in which all is compared."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def could_name(text: str, trade: Collection[str]) -> bool:
    """Whether two to five words could be somebody's first and last name: letters only, and no word that names are none of.

    >>> could_name("Moss Ann", {"denied"}), could_name("ATLAS HEALTH PLAN", set()), could_name("ATLAS", set())
    (True, False, False)
    """
    text = composed(text).strip()
    if not _NAME.fullmatch(text):
        return False
    words = [word.lower() for word in LETTERS.findall(text)]
    if not sum(len(word) > 1 and word not in _SUFFIXES for word in words) or len(words) < 2:
        return False
    return not any(is_of_the_trade(word, trade) for word in words)


def is_of_the_trade(word: str, trade: Collection[str]) -> bool:
    """Whether the word, in small letters, says that it is no name: it is one of the trade or of an organization's name."""
    return word not in _ALSO_NAMES and (word in _ORGANIZATIONS or (len(word) > 2 and word in trade))


# --- names of files ------------------------------------------------------------------------------------------------

MASK = "~"
NEAR = timedelta(days=60)
_NUMBERS = re.compile(
    r"(?<!\d)(?:(?P<parts>(?:19|20)\d{2}([-_. ])\d{1,2}\2\d{1,2}|\d{1,2}([-_. ])\d{1,2}\3(?:(?:19|20)\d{2}|\d{2}))"
    r"|\d{3}[-_. ]\d{2,3}[-_. ]\d{3,4})(?!\d)|\d+(?:-\d+)*"
)
MOST_DIGITS = 5  # more could be a member's number, a birth date or one of social security
_KNOWN_ENDINGS = _set(
    "835 837 837p 837i 837d 277 277ca 999 997 ta1 270 271 276 278 820 834 era edi x12 txt dat csv tsv xls xlsx xlsm xlsb ods "
    "zip gz tgz tar 7z rar bz2 xz zst pdf tif tiff png jpg jpeg gif bmp doc docx rtf htm html xml json parquet log bak "
    "tmp pgp gpg asc eob clp out in rpt"
)
_PLAIN_WORDS = _set(
    """
    era eob edi remit remits remittance remittances claim claims batch batches ledger ledgers export exports extract posting
    postings payment payments transaction transactions report reports file files data download upload inbox outbox archive
    copy backup old new final test sample part page scan scans scanned fax letter paper statement denial denials rejection
    rejections ack acks acknowledgment acknowledgments response responses professional institutional dental clean held
    aging account accounts activity detail summary list listing workbook sheet worklog worklist log notes note readme
    monthly weekly daily week month year quarter january february march april june july august september october november
    december jan feb mar apr jun jul aug sep sept oct nov dec ca ta of the and from to in for by today yesterday tomorrow
    file folder link empty damaged broken archive member
    """
)


def file_name(name: str, persons: Iterable[str], days: tuple[date, date] | None = None) -> str:
    """The name of a file that was read, without what is a person's name or number in the file, and without long numbers.

    `persons` are words and numbers of persons; `days` the file's own first and last, near which a date may stay.

    >>> file_name("JonesMary_835_20260305.835", ["JONES", "MARY"], (date(2026, 3, 5), date(2026, 3, 5)))
    '~_835_20260305.835'
    """
    stem, ending = _parted(composed(name))
    for person in sorted({bare(person) for person in persons} - {""}, key=len, reverse=True):
        stem = _without(stem, person)
    return _without_numbers(stem, days) + ending


def bare(text: str) -> str:
    """Letters and digits alone, in capitals.

    >>> bare("O'Brien, Ann")
    'OBRIENANN'
    """
    return re.sub(r"[\W_]", "", composed(text)).upper()


def strange_file_name(name: str) -> str:
    """The name of a file that can't be read: words of the trade, short numbers and its ending, all else masked.

    >>> strange_file_name("ZIMMERLI_JOHN_eob 3.pdf"), strange_file_name("scan.quillon")
    ('~_~_eob 3.pdf', 'scan.~')
    """
    stem, ending = _parted(composed(name))
    kept = re.sub(r"[^\W\d_]+(?:['’`][^\W\d_]+)*", lambda word: word[0] if _is_plain(word[0]) else MASK, stem)
    if ending and not _is_known(ending):
        ending = f".{MASK}"
    return _without_numbers(kept, None) + ending


def _is_plain(word: str) -> bool:
    return len(word) == 1 or word.lower() in _PLAIN_WORDS or word.lower() in _KNOWN_ENDINGS


def _is_known(ending: str) -> bool:
    return all(part in _KNOWN_ENDINGS for part in ending.lower().strip(".").split("."))


def _parted(name: str) -> tuple[str, str]:
    """Stem and ending, which is what stands after the last dot; endings that are known stand together: .835.gz."""
    stem, dot, ending = name.rpartition(".")
    if not dot or not stem:
        return name, ""
    before, dot, inner = stem.rpartition(".")
    if dot and before and _is_known(f".{ending}") and _is_known(f".{inner}"):
        return before, f".{inner}.{ending}"
    return stem, f".{ending}"


def _without(stem: str, person: str) -> str:
    """The stem with every run that holds the person's word masked; signs within a name, as in O'BRIEN, don't hide it.

    A word of two letters, and a number, counts where it stands alone, one of three where a run begins or ends with it.
    """
    apart = r"[\W_]?".join(map(re.escape, person))
    if len(person) == 1 or (person.isdigit() and len(person) < 4):
        return stem
    if len(person) == 2 or person.isdigit():
        return re.sub(rf"(?<![^\W_]){apart}(?![^\W_])", MASK, stem, flags=re.I)
    if len(person) == 3:
        return re.sub(rf"(?<![^\W_]){apart}[^\W\d_]*|[^\W\d_]*{apart}(?![^\W_])", MASK, stem, flags=re.I)
    return re.sub(rf"[^\W\d_{MASK}]*{apart}[^\W_{MASK}]*", MASK, stem, flags=re.I)


def _without_numbers(stem: str, days: tuple[date, date] | None) -> str:
    """The stem without numbers of more than five digits and days that are not the file's, written together or in parts,
    as 123-45-6789, 1958_11_03 or 3.11.58."""

    def masked(found: re.Match[str]) -> str:
        in_parts = found.lastgroup == "parts"
        digits = "".join(part.zfill(2) if in_parts else part for part in re.findall(r"\d+", found[0]))
        return found[0] if len(digits) <= MOST_DIGITS or (days and _begins_with_day(digits, *days)) else MASK

    return _NUMBERS.sub(masked, stem)


def _begins_with_day(digits: str, first: date, last: date) -> bool:
    """Whether the digits are a day near those of the file, alone or with a time after it."""
    for size, year, month, day in _ORDERS:
        if len(digits) not in (size, size + 4, size + 6):
            continue
        years = int(digits[year])
        century = 0 if size == 8 else 2000 if years < 69 else 1900  # two digits as POSIX reads them
        try:  # `strptime` would be a fiftieth of the work of reading small files
            found = date(century + years, int(digits[month]), int(digits[day]))
        except ValueError:
            continue
        if first - NEAR <= found <= last + NEAR:
            return True
    return False


# Digits of a day and which of them are year, month and day: 20260305, 03052026, 260305, 030526
_ORDERS = (
    (8, slice(0, 4), slice(4, 6), slice(6, 8)),
    (8, slice(4, 8), slice(0, 2), slice(2, 4)),
    (6, slice(0, 2), slice(2, 4), slice(4, 6)),
    (6, slice(4, 6), slice(0, 2), slice(2, 4)),
)
