"""Habits in which synthetic practices differ. Most have two variants; without any, a practice is as it always was.

write_practice(folder, claims=6_000, repeat="dialysis")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def named(variants: Mapping[str, T], name: str) -> T:
    """A variant by its name. Raises ValueError for one that there is not."""
    if name not in variants:
        raise ValueError(f"no variant {name}; there are {', '.join(sorted(variants))}")
    return variants[name]


# --- patients who come again and again -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Repeat:
    """Courses of many visits of one patient; during a lapse nearly every visit is denied, so that denials come in clumps."""

    visit: str
    share: float  # of all claims
    days: tuple[int, int]  # how long a course takes
    visits_a_month: float
    dx: str
    payers: tuple[str, ...]  # by key
    cause: str
    lapse_share: float  # of the courses
    lapse_days: tuple[int, int]
    p_denied: float


REPEATS = {
    "dialysis": Repeat("ambulance", 0.16, (60, 300), 12, "N186", ("MCR", "MAP"), "PCS", 0.5, (20, 45), 0.9),
    "therapy": Repeat(
        "therapy", 0.22, (40, 130), 9, "M545", ("CO1", "CO2", "MMC", "WCF"), "LIMIT", 0.25, (15, 40), 0.8
    ),
}


@dataclass(frozen=True)
class Course:
    """One patient's course and its lapse, if it has one."""

    patient: int
    first: date
    last: date
    lapse: tuple[date, date] | None
    units: int

    def lapsed(self, day: date) -> bool:
        return self.lapse is not None and self.lapse[0] <= day <= self.lapse[1]


def courses(
    repeat: Repeat, rng: np.random.Generator, *, claims: int, start: date, end: date, patients: list[dict[str, Any]]
) -> list[Course]:
    """Courses that begin on any day as likely as on another, some before the practice's first, so that their number stays."""
    months = (repeat.days[0] + repeat.days[1]) / 2 / 30.4
    whole = (end - start).days
    span = whole + repeat.days[1]
    number = max(round(claims * repeat.share * span / whole / (repeat.visits_a_month * months)), 1)
    able = [i for i, p in enumerate(patients) if p["payer"]["key"] in repeat.payers] or list(range(len(patients)))
    return [_course(repeat, rng, start, span, able) for _ in range(number)]


def _course(repeat: Repeat, rng: np.random.Generator, start: date, span: int, able: list[int]) -> Course:
    first = start + timedelta(days=int(rng.integers(0, span)) - repeat.days[1])
    days = int(rng.integers(*repeat.days))
    lapse = None
    if rng.random() < repeat.lapse_share:
        since = first + timedelta(days=int(rng.integers(0, days)))
        lapse = (since, since + timedelta(days=int(rng.integers(*repeat.lapse_days))))
    patient = able[int(rng.integers(0, len(able)))]
    return Course(patient, first, first + timedelta(days=days), lapse, int(rng.integers(2, 19)))


def running(all_courses: list[Course], day: date) -> Iterator[Course]:
    return (course for course in all_courses if course.first <= day <= course.last)


# --- desks that work denials ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Desk:
    """Who works a denial, how often, how soon and how well; factors of what the cause alone would give."""

    name: str
    works: float
    skill: float
    sent_after: tuple[int, int]  # days from the denial
    blind_share: float


@dataclass(frozen=True)
class Desks:
    """Desks, which denial goes to which, and how long visits wait until they are billed."""

    desks: tuple[Desk, ...]
    by: str  # "payer" or "dollars"
    dollars: int = 0  # where by dollars: the second desk takes what is denied below
    bills_after: tuple[int, int] = (0, 1)  # days beyond the ordinary

    def of(self, payer_key: str, denied_cents: int) -> Desk:
        if self.by == "dollars":
            return self.desks[denied_cents < 100 * self.dollars]
        return self.desks[sum(map(ord, payer_key)) % len(self.desks)]


DESKS = {
    # one desk is quick and good, the other slow, and sends many anew without a reference
    "two": Desks((Desk("DENIALS-A", 1.25, 1.15, (2, 16), 0.04), Desk("DENIALS-B", 0.6, 0.8, (20, 76), 0.25)), "payer"),
    # large ones are worked at once, small ones hardly ever; charges wait for a week or two
    "backlog": Desks(
        (Desk("PRIORITY", 1.4, 1.0, (3, 22), 0.08), Desk("LATER", 0.2, 1.05, (15, 90), 0.1)), "dollars", 300, (4, 17)
    ),
}


# --- what work does ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effect:
    """What becomes of denials that nobody works, and how much work adds; staff may choose what is easily won."""

    left: Mapping[str, float]  # cause -> chance that the payer pays of itself
    otherwise: float
    added: float  # of what is left to win, the share that work adds to the chance of the cause
    picks: float  # 0: effort as the cause has it; 1: in proportion to the chance of winning

    def of(self, cause: str, p_work: float, p_win: float) -> tuple[float, float, float]:
        """Chance that it is worked, that work wins, and that it is paid when left alone."""
        left = self.left.get(cause, self.otherwise)
        win = left + (1 - left) * (p_win + self.added * (1 - p_win))
        picked = min(0.08 + 1.1 * win, 0.97)
        return (1 - self.picks) * p_work + self.picks * picked, win, left


EFFECTS = {
    # payers mend many denials of themselves: who is "likely paid" need not be worked
    "pays-anyway": Effect({"ELIG": 0.55, "COB": 0.5, "DUP": 0.6, "REG": 0.3, "TIMELY": 0.02}, 0.12, 0.0, 0.3),
    # nothing is paid unless somebody asks, and then most of it; staff take what is easy
    "work-pays": Effect({}, 0.01, 0.55, 0.8),
}


# --- payers --------------------------------------------------------------------------------------------------------

# key -> name, id, the ledger's word, weight, rate, days to the answer, every how many days, filing window, delimiters
PAYER_SETS: dict[str, dict[str, tuple]] = {
    "coast": {
        "MCR": ("PACIFIC TIDES MEDICARE JE", "01112", "MCARE B", 34, 0.46, 13, 1, 365, ("*", ":", "")),
        "MCD": ("GOLDEN VALLEY MEDI", "GVMC1", "STATE MCD", 18, 0.24, 30, 7, 365, ("*", ":", "\n")),
        "MMC": ("HARBOR FAMILY HEALTH", "94115", "HARBOR FAM", 16, 0.29, 24, 5, 90, ("|", "<", "")),
        "MAP": ("SUNSET SENIOR ADVANTAGE", "95350", "SUNSET SR HMO", 17, 0.43, 20, 2, 180, ("*", ">", "\n")),
        "CO1": ("CYPRESS SHIELD", "94036", "CYPRESS PPO", 9, 0.64, 12, 2, 365, ("*", ":", "")),
        "CO2": ("REDWOOD NATIONAL", "60065", "REDWOOD", 6, 0.59, 26, 4, 60, ("|", ":", "\n")),
        "CO3": ("ANCHOR BENEFITS GROUP", "ABG77", "ANCHOR TPA", 3, 0.50, 35, 7, 180, ("*", ":", "\n")),
        "WCF": ("BAYLINE COMPENSATION", "BLC09", "BAYLINE COMP", 2, 0.70, 45, 7, 180, ("*", ">", "")),
    },
    "prairie": {
        "MCR": ("HEARTLAND MEDICARE J5", "05102", "MEDICARE PT B", 20, 0.40, 15, 2, 365, ("*", ":", "\n")),
        "MCD": ("PRAIRIE STATE MEDICAL ASSISTANCE", "PSMA0", "TITLE 19", 5, 0.35, 16, 7, 365, ("*", ">", "")),
        "MMC": ("WHEATFIELD COMMUNITY PLAN", "43324", "WHEATFIELD", 5, 0.38, 14, 4, 180, ("*", ":", "\r\n")),
        "MAP": ("SILO RIDGE MEDICARE PPO", "71412", "SILO RIDGE", 6, 0.39, 22, 3, 120, ("|", ":", "")),
        "CO1": ("BLUESTEM MUTUAL", "00642", "BLUESTEM", 34, 0.54, 10, 1, 180, ("*", ":", "")),
        "CO2": ("CROSSROADS HEALTH", "47198", "CROSSROADS", 8, 0.57, 28, 5, 90, ("*", "<", "\n")),
        "CO3": ("GRANGE EMPLOYERS TRUST", "GET01", "GRANGE", 18, 0.60, 19, 3, 365, ("*", ">", "\n")),
        "WCF": ("COUNTY WORKERS FUND", "CWF22", "COUNTY WC", 4, 0.58, 33, 7, 90, ("*", ":", "\n")),
    },
}  # fmt: skip


def payers(ordinary: tuple[dict[str, Any], ...], name: str) -> tuple[dict[str, Any], ...]:
    """Other payers in the places of the ordinary ones: names, prices, speed, share and deadlines."""
    if not name:
        return ordinary
    chosen = named(PAYER_SETS, name)
    return tuple(_payer(payer, *chosen[payer["key"]]) for payer in ordinary)


def _payer(
    ordinary: dict[str, Any], name: str, id_: str, ledger: str, weight: int, rate: float, lag: int, every: int,
    window: int, style: tuple[str, str, str],
) -> dict[str, Any]:  # fmt: skip
    element, component, line = style
    return {**ordinary, "name": name, "id": id_, "ledger": ledger, "weight": weight, "rate": rate, "lag": lag, "every": every,
            "window": window, "style": {**ordinary["style"], "element": element, "component": component, "line": line}}  # fmt: skip


# --- codes ---------------------------------------------------------------------------------------------------------

Code = tuple[str, str, tuple[str, ...]]  # group, CARC, remarks


@dataclass(frozen=True)
class Codes:
    """How payers write a cause: the codes that are in use, one payer always the same one; some leave remarks out."""

    of_cause: Mapping[str, tuple[Code, ...]]
    silent: tuple[str, ...] = ()  # payers, by key

    def of(self, cause: str, payer_key: str) -> Code | None:
        """The payer's codes for a cause; None where it uses the ordinary ones."""
        if cause not in self.of_cause:
            return None
        written = self.of_cause[cause]
        group, carc, remarks = written[sum(map(ord, payer_key)) % len(written)]
        return group, carc, () if payer_key in self.silent else remarks


CODE_SETS = {
    # nearly everything is "lacks information", and only the remark, where there is one, says what
    "remarks": Codes({
        "AUTH": (("CO", "16", ("M62",)),), "CRED": (("CO", "16", ("N290",)),), "DX": (("CO", "16", ("M76",)),),
        "MOD25": (("CO", "16", ("N519",)),), "DOC": (("CO", "16", ("M127",)),), "PCS": (("CO", "16", ("M60", "MA130")),),
        "COB": (("CO", "16", ("MA92",)),), "UNITS": (("CO", "16", ("M53",)),), "REG": (("CO", "16", ("N382", "MA130")),),
        "ELIG": (("CO", "16", ("N382",)), ("CO", "31", ()),),
    }, silent=("CO2", "MCD")),
    # each payer has a code of its own for the same thing
    "own": Codes({
        "AUTH": (("CO", "198", ()), ("CO", "15", ("M62",)), ("CO", "243", ())), "CRED": (("CO", "185", ("N570",)), ("CO", "B7", ())),
        "ELIG": (("CO", "31", ()), ("CO", "177", ("N30",)), ("CO", "26", ()), ("CO", "200", ())), "DX": (("CO", "167", ()), ("CO", "16", ("M76",))),
        "MOD25": (("CO", "236", ()), ("CO", "4", ("N519",)), ("CO", "231", ())), "DOC": (("CO", "226", ("N706",)), ("CO", "16", ("M127",)), ("CO", "227", ())),
        "PCS": (("CO", "252", ("N706",)), ("CO", "16", ("M60",))), "COB": (("OA", "109", ("N418",)), ("CO", "22", ("MA92",))),
        "UNITS": (("CO", "222", ("N362",)), ("CO", "119", ())), "MEDNEC": (("CO", "150", ("N115",)), ("CO", "55", ()), ("CO", "50", ("M25",))),
        "DUP": (("OA", "18", ()), ("CO", "97", ("M80",))), "REG": (("CO", "140", ()), ("CO", "16", ("N382",))),
    }),
}  # fmt: skip


# --- rejections ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rejections:
    """Claims of one payer or one place that come back unread more often from a service month on, some of them again."""

    status: str  # as a 277CA tells it: category, status, entity
    since: int  # months from the end
    p: float
    again: float  # of those that are sent again
    payer: str = ""  # key
    location: str = ""
    text: str = ""

    def strikes(self, payer_key: str, location: str, months_from_end: int) -> bool:
        mine = payer_key == self.payer if self.payer else location == self.location
        return mine and months_from_end >= self.since


REJECTIONS = {
    "payer-rule": Rejections("A7:562:82", -5, 0.2, 0.35, payer="CO2", text="a payer asks for another rendering number"),
    "front-desk": Rejections(
        "A3:164:IL", -8, 0.14, 0.2, location="ORCHARD CLINIC", text="member numbers are misread at Orchard"
    ),
}


# --- fields that claims lack ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """A provider whom claims for some visits name, now and then not; some payers then refuse them."""

    npi: str
    visits: tuple[str, ...]
    lacks: float  # share of such claims without the field
    p: float  # chance of a denial where it lacks
    payers: tuple[str, ...]  # keys

    def told(self, visit: str, rng: np.random.Generator) -> str | None:
        """What the claim says: the provider, nothing where it lacks, None where nobody asks."""
        if visit not in self.visits:
            return None
        return "" if rng.random() < self.lacks else self.npi

    def lacking(self, payer_key: str, told: str | None) -> bool:
        return told == "" and payer_key in self.payers


FIELDS = {"ordering": Field("1851328803", ("imaging", "lab"), 0.3, 0.85, ("MCR", "MAP", "CO1"))}
