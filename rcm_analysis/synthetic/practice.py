"""A synthetic practice with known truth, for the tour, the tests and the charts of the documentation.

`write_practice` decides what happens to every claim (who is treated, what is billed, which planted cause denies it,
whether anybody works the denial) and writes it as a practice would hand it over: EDI files and a ledger, with the
truth beside them. Every person, payer and provider is invented. The same seed gives the same bytes.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from rcm_analysis.synthetic import chances, edi, habits
from rcm_analysis.synthetic.chances import Fate

PRACTICE = "riverbend"
BEFORE_EVERYTHING = -1_000_000
LOCATIONS = {"MILL STREET CLINIC": "1033003504", "LAKEVIEW CLINIC": "1134003502", "ORCHARD CLINIC": "1235003500",
             "UNION SQUARE CLINIC": "1336003508", "RIVERBEND EMS STATION 3": "1437003506"}  # fmt: skip
GIVEN, FAMILY = ("ANNE", "BRUNO", "CLEO", "DORA", "EMIL", "FAYE", "GWEN", "HUGO"), "SAMPLE"


def _payer(key, name, id_, filing, ledger, weight, rate, lag, every, window, style, form, **more) -> dict[str, Any]:
    element, component, line = style
    return {"key": key, "name": name, "id": id_, "filing": filing, "ledger": ledger, "weight": weight, "rate": rate,
            "lag": lag, "every": every, "window": window, "form": form, "claim_level": False, "sequestration": False,
            "style": {"element": element, "component": component, "segment": "~", "line": line}, **more}  # fmt: skip


PAYERS = (
    _payer("MCR", "OHIO VALLEY MEDICARE PART B", "15202", "MB", "MEDICARE", 24, 0.42, 14, 2, 365, ("*", ":", "\n"), "plain", sequestration=True),
    _payer("MCD", "BUCKEYE STATE MEDICAID", "BSMCD", "MC", "MEDICAID OH", 10, 0.30, 22, 7, 365, ("*", ">", ""), "two"),
    _payer("MMC", "LANTERN COMMUNITY CARE", "77034", "HM", "LANTERN", 12, 0.34, 18, 4, 180, ("|", ":", ""), "plain"),
    _payer("MAP", "GOLDENROD ADVANTAGE", "66190", "16", "GOLDENROD MA", 12, 0.41, 17, 3, 365, ("*", ":", "\r\n"), "two"),
    _payer("CO1", "MERIDIAN BLUE", "00790", "BL", "MERIDIAN BC", 16, 0.58, 15, 4, 180, ("*", ":", ""), "plain"),
    _payer("CO2", "ATLAS HEALTH PLAN", "88217", "CI", "ATLAS", 18, 0.55, 18, 3, 90, ("|", ">", "\n"), "two"),
    _payer("CO3", "HARVEST MUTUAL", "70433", "CI", "HARVEST MUT", 9, 0.52, 21, 5, 120, ("*", ">", "\n"), "plain"),
    _payer("WCF", "TRI COUNTY COMPENSATION FUND", "TCCF1", "WC", "TRI COUNTY WC", 4, 0.62, 28, 7, 120, ("*", ":", "\n"), "two", claim_level=True),
)  # fmt: skip

VISITS = {
    "office": (40, [("99213", 185), ("99214", 265), ("36415", 25)], ("E119", "I10", "M545", "J069", "R69")),
    "procedure": (14, [("99213", 185), ("20610", 260)], ("M1711", "M7541", "L821")),
    "imaging": (15, [("70551", 1250)], ("G43909", "M5416", "S83206A")),
    "lab": (13, [("82306", 140), ("80053", 48), ("36415", 25)], ("E559", "R5383", "E119")),
    "therapy": (9, [("97110", 85), ("97140", 80)], ("M545", "M25561")),
    "infusion": (6, [("96365", 290), ("J1745", 3200)], ("K5090", "M0579")),
    "ambulance": (12, [("A0428", 780), ("A0425", 18)], ("R55", "Z7401", "R4182")),
}
MRI = ("70551", "72148", "73721")

# cause -> group, CARC, RARCs, chance that staff work it, chance that a correction or appeal wins, words when given up
CAUSES: dict[str, tuple[str, str, tuple[str, ...], float, float, tuple[tuple[str, str], ...]]] = {
    "AUTH": ("CO", "197", (), 0.55, 0.25, (("NOAU", "no precert obtained"), ("NOAU", "auth missing - not retro"))),
    "ORDER": (
        "CO",
        "16",
        ("N265", "MA130"),
        0.7,
        0.8,
        (("CDG", "ordering provider missing"), ("CDG", "order not on claim")),
    ),
    "CRED": (
        "CO",
        "B7",
        ("N570",),
        0.7,
        0.35,
        (("PRV", "provider not enrolled w/ plan"), ("PRV", "non-credentialed dos")),
    ),
    "ELIG": ("CO", "27", (), 0.6, 0.45, (("INS", "coverage termed before dos"), ("INS", "pt not eligible"))),
    "DX": ("CO", "11", (), 0.7, 0.7, (("CDG", "dx does not support cpt"), ("CDG", "coding denial not corrected"))),
    "MOD25": ("CO", "97", ("N20",), 0.6, 0.6, (("CDG", "modifier missing"), ("BDL", "bundled - accepted"))),
    "DOC": ("CO", "252", ("N706",), 0.65, 0.6, (("MR", "records never sent"), ("MR", "doc request expired"))),
    "PCS": (
        "CO",
        "16",
        ("N150", "MA130"),
        0.6,
        0.5,
        (("EMS", "pcs not signed by facility"), ("EMS", "no physician cert")),
    ),
    "TIMELY": ("CO", "29", (), 0.4, 0.1, (("LATE", "past filing limit"), ("LATE", "untimely - no proof"))),
    "DUP": ("CO", "18", ("N522",), 0.7, 0.5, (("DPL", "duplicate of paid visit"),)),
    "COB": ("CO", "22", (), 0.65, 0.55, (("OTH", "other insurance is primary"), ("OTH", "cob never updated"))),
    "UNITS": ("CO", "151", ("N362",), 0.6, 0.4, (("CDG", "units over limit - coding"),)),
    "NONCOV": ("PR", "96", ("N130",), 0.0, 0.0, (("NCV", "non covered svc no waiver"),)),
    "MEDNEC": ("CO", "50", ("N115",), 0.45, 0.3, (("LCD", "med necessity - lcd"), ("LCD", "not med nec upheld"))),
    "LIMIT": (
        "CO",
        "119",
        ("N362",),
        0.5,
        0.3,
        (("AUTHX", "visits beyond plan limit"), ("AUTHX", "benefit max reached")),
    ),
    "REG": (
        "CO",
        "16",
        ("N382", "MA130"),
        0.8,
        0.8,
        (("REGI", "member id wrong on file"), ("REGI", "registration mistake")),
    ),
}
# what a write-off is for: by the practice's code where that says it, else by the cause of the denial
LEAF_OF_CODE = {
    "SBAL": "small_balance",
    "FAP": "charity",
    "COLL": "bad_debt",
    "SPD": "courtesy",
    "BDL": "bundled_by_rule",
    "DPL": "true_duplicate",
}
LEAF_OF_CAUSE = {"ORDER": "claim_data", "AUTH": "authorization", "CRED": "credentialing", "ELIG": "eligibility", "DX": "coding_modifier", "MOD25": "coding_modifier",
                 "DOC": "documentation", "PCS": "ems_pcs", "TIMELY": "timely_filing", "DUP": "true_duplicate", "COB": "cob", "UNITS": "coding_modifier",
                 "MEDNEC": "medical_necessity", "REG": "registration", "": "rejected_not_resubmitted"}  # fmt: skip
BLIND = 0.12  # share of resubmissions that are sent as new claims, and refused as copies
VAGUE = (("MISC", "adjustment per mgr"), ("MISC", "balance adj"))


class _World:
    """Everything that happens, collected as lists that the writers take."""

    def __init__(
        self,
        *,
        claims: int,
        months: int,
        seed: int,
        last_month: str,
        events: bool,
        repeat: str = "",
        desks: str = "",
        effect: str = "",
        payers: str = "",
        codes: str = "",
        rejections: str = "",
        fields: str = "",
    ):
        self.rng = np.random.default_rng(seed)
        year, month = (int(part) for part in last_month.split("-"))
        self.end = _month_start(year, month, 1) - timedelta(days=1)
        self.start = _month_start(year, month, 1 - months)
        self.months, self.size, self.events = months, claims, events
        self.payers = habits.payers(PAYERS, payers)
        self.rejections = habits.named(habits.REJECTIONS, rejections) if rejections else None
        self.fields = habits.named(habits.FIELDS, fields) if fields else None
        self.rng_fields = np.random.default_rng([seed, 24])  # of its own: what else happens stays the same
        self.rejected: list[list] = []
        self.written_off: list[list] = []
        self.codes = habits.named(habits.CODE_SETS, codes) if codes else None
        self.providers = {
            place: [_npi(10_000_000 + 977 * (3 * i + k)) for k in range(3)] for i, place in enumerate(LOCATIONS)
        }
        self.uncredentialed = self.providers["LAKEVIEW CLINIC"][1]
        self.patients = [self._patient(i) for i in range(max(claims // 4, 50))]
        self.submissions: list[dict] = []
        self.acknowledgments: list[dict] = []
        self.remittances: list[dict] = []
        self.postings: list[dict] = []
        self.work: list[dict] = []
        self.truth: list[dict] = []
        self.references = 0
        self.later = np.random.default_rng([seed, 1])  # what happens after the last file; no file depends on it
        self.p_denial: dict[str, tuple[float, bool]] = {}  # and whether what makes it likely stands in the 837
        self.fates: dict[str, Fate] = {}
        self.desks = habits.named(habits.DESKS, desks) if desks else None
        self.effect = habits.named(habits.EFFECTS, effect) if effect else None
        self._repeat(repeat, np.random.default_rng([seed, 2]))

    def _repeat(self, name: str, rng: np.random.Generator) -> None:
        """Courses of patients who come again and again; their draws are their own."""
        self.repeat, self.rng_repeat = habits.named(habits.REPEATS, name) if name else None, rng
        self.came: set[tuple[int, date]] = set()
        self.courses = habits.courses(
            self.repeat, rng, claims=self.size, start=self.start, end=self.end, patients=self.patients
        ) if self.repeat else []  # fmt: skip

    def _patient(self, i: int) -> dict:
        age = int(self.rng.integers(1, 88))
        born = self.start - timedelta(days=int(365.25 * age) + i % 365)
        payer = self._pick_payer(age)
        return {"family": f"{FAMILY}{i:05d}", "given": GIVEN[i % len(GIVEN)], "member": f"RBM{i:07d}", "born": born,
                "street": f"{i} SAMPLEROW{i:05d} AVE", "sex": "FM"[i % 2], "payer": payer,
                "secondary": payer["key"] == "MCR" and self.rng.random() < 0.3}  # fmt: skip

    def _pick_payer(self, age: int) -> dict:
        weights = np.array([p["weight"] * (4 if p["key"] in ("MCR", "MAP") and age >= 65 else
                                           0.1 if p["key"] in ("MCR", "MAP") else 1) for p in self.payers])  # fmt: skip
        return self.payers[int(self.rng.choice(len(self.payers), p=weights / weights.sum()))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def month_of(self, when: date) -> int:
        """Months since the start; negative numbers in the plan count from the end."""
        return (when.year - self.start.year) * 12 + when.month - self.start.month

    def from_end(self, when: date) -> int:
        """Months to the end, on which every event of the plan hangs; in a practice without events none is reached."""
        return self.month_of(when) - self.months if self.events else BEFORE_EVERYTHING

    def reference(self, payer: dict, when: date) -> str:
        self.references += 1
        return f"{payer['key']}{when:%y%m}{self.references:07d}"


def _month_start(year: int, month: int, plus: int) -> date:
    total = year * 12 + month - 1 + plus
    return date(total // 12, total % 12 + 1, 1)


def _npi(nine: int) -> str:
    digits = f"{1_00_000_000 + nine:09d}"[:9]
    total = 24 + sum(sum(divmod(int(d) * 2, 10)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"


def write_practice(
    folder: Path,
    *,
    claims: int = 20_000,
    months: int = 24,
    seed: int = 7,
    last_month: str = "2026-10",
    events: bool = True,
    repeat: str = "",
    desks: str = "",
    effect: str = "",
    payers: str = "",
    codes: str = "",
    rejections: str = "",
    fields: str = "",
) -> dict[str, int]:
    """Writes `edi/`, `ledger.csv`, `work_log.csv` and `truth/` into the folder; gives counts of claims, files and remittances.

    Without `events` nothing changes over time: a practice in which any signal is a false one. `repeat` names patients who
    come again and again (`habits.REPEATS`), `desks` who works denials (`habits.DESKS`), `effect` what work
    adds and what is paid without it (`habits.EFFECTS`), `payers` other ones (`habits.PAYER_SETS`),
    `codes` other ways to write a cause (`habits.CODE_SETS`), `rejections` more claims sent back unread (`habits.REJECTIONS`),
    `fields` one that claims may lack and payers refuse for (`habits.FIELDS`).
    Raises ValueError for a variant that there is not.
    """
    world = _World(
        claims=claims,
        months=months,
        seed=seed,
        last_month=last_month,
        events=events,
        repeat=repeat,
        desks=desks,
        effect=effect,
        payers=payers,
        codes=codes,
        rejections=rejections,
        fields=fields,
    )
    for i in range(claims):
        _live(world, _claim(world, i))
    lists = {
        name: getattr(world, name) for name in ("submissions", "acknowledgments", "remittances", "postings", "work")
    }
    for name, rows in lists.items():
        lists[name] = [row for row in rows if row["on"] <= world.end]
    files = edi.write_all(folder, lists)
    _write_truth(folder / "truth", world)
    return {"claims": claims, "files": sum(files.values()) + 2, "remittances": len(lists["remittances"])}


# --- what is billed ------------------------------------------------------------------------------------------------


def _claim(w: _World, i: int) -> dict:
    rng = w.rng
    served = w.start + timedelta(days=int(i * (w.end - w.start).days / w.size))
    served -= timedelta(days=max(0, served.weekday() - 4))
    served = max(served, w.start)
    if w.repeat and (course := _course_of(w, served)):
        return _visit_again(w, i, served, course)
    visit = _visit(w, served)
    place = "RIVERBEND EMS STATION 3" if visit == "ambulance" else list(LOCATIONS)[int(rng.integers(0, 4))]
    patient = w.patients[int(rng.integers(0, len(w.patients)))]
    payer = None if w.chance(0.03) else patient["payer"]
    lines, auth = _lines(w, visit), False
    if any(line["code"] in MRI for line in lines):
        auth = w.chance(0.45 if w.from_end(served) >= -9 else 0.1)
    dx = VISITS[visit][2]
    ordered = w.fields.told(visit, w.rng_fields) if w.fields else None
    return {"number": f"RB{100000 + i * 7:07d}", "patient": patient, "payer": payer, "visit": visit, "location": place,
            "facility": LOCATIONS[place], "npi": w.providers[place][int(rng.integers(0, 3))], "served": served,
            "lines": lines, "charge": sum(line["charge"] for line in lines), "auth": auth,
            "dx": [dx[int(rng.integers(0, len(dx)))]], "place": "41" if visit == "ambulance" else "11",
            "paper": w.chance(0.01), "ordered_by": ordered}  # fmt: skip


def _course_of(w: _World, served: date) -> habits.Course | None:
    """The course that a claim of the day belongs to; None for a claim of an ordinary visit."""
    if w.rng_repeat.random() >= w.repeat.share:
        return None
    there = [course for course in habits.running(w.courses, served) if (course.patient, served) not in w.came]
    if not there:
        return None
    course = there[int(w.rng_repeat.integers(0, len(there)))]
    w.came.add((course.patient, served))
    return course


def _visit_again(w: _World, i: int, served: date, course: habits.Course) -> dict:
    """One visit of a course: the same patient, provider, place and services each time."""
    patient, repeat = w.patients[course.patient], w.repeat
    if repeat.visit == "ambulance":
        place, lines = (
            "RIVERBEND EMS STATION 3",
            [("A0428", 1, ["RJ"], 780), ("A0425", course.units, ["RJ"], 18 * course.units)],
        )
    else:
        place, units = list(LOCATIONS)[course.patient % 4], 1 + course.units % 3
        lines = [("97110", units, ["GP"], 85 * units), ("97140", 1, ["GP"], 80)]
    billed = [{"code": c, "units": u, "modifiers": m, "charge": 100 * usd} for c, u, m, usd in lines]
    return {"number": f"RB{100000 + i * 7:07d}", "patient": patient, "payer": patient["payer"], "visit": repeat.visit, "location": place,
            "facility": LOCATIONS[place], "npi": w.providers[place][course.patient % 3], "served": served, "lines": billed,
            "charge": sum(line["charge"] for line in billed), "auth": False, "dx": [repeat.dx],
            "place": "41" if repeat.visit == "ambulance" else "11", "paper": False, "lapsed": course.lapsed(served)}  # fmt: skip


def _visit(w: _World, served: date) -> str:
    weights = {name: spec[0] for name, spec in VISITS.items()}
    if w.from_end(served) >= -10:
        weights["ambulance"] *= 1.5  # a quiet plant: the mix shifts, no rate changes
    names = list(weights)
    p = np.array(list(weights.values()), float)
    return names[int(w.rng.choice(len(names), p=p / p.sum()))]


def _lines(w: _World, visit: str) -> list[dict]:
    rng, lines = w.rng, []
    for position, (code, price) in enumerate(VISITS[visit][1]):
        if visit == "office" and position and w.chance(0.45):
            continue
        units, modifiers = 1, []
        if visit == "imaging":
            code, price = [("70551", 1250), ("72148", 1120), ("73721", 1150)][int(rng.integers(0, 3))]
        if visit == "therapy":
            units, modifiers = int(rng.integers(1, 6)), ["GP"]
        if visit == "procedure" and code == "99213" and w.chance(0.75):
            modifiers = ["25"]
        if visit == "ambulance":
            modifiers = (
                [["NH", "RH", "NH", "HN", "SH"][int(rng.integers(0, 5))]] if position == 0 else lines[0]["modifiers"]
            )
            if position == 0 and modifiers == ["SH"]:
                code, price = "A0429", 1050
            units = 1 if position == 0 else int(rng.integers(3, 22))
        lines.append(
            {"code": code, "units": units, "modifiers": modifiers, "charge": price * 100 * (units if units > 1 else 1)}
        )
    return lines


# --- what happens to it --------------------------------------------------------------------------------------------


def _cause(w: _World, claim: dict, submitted: date) -> str | None:
    """The first planted cause that strikes, in the order of the plan."""
    plan = _plan(w, claim, submitted)
    if w.repeat:
        plan = ((w.repeat.cause, claim.get("lapsed", False), w.repeat.p_denied), *plan)
    p_denial = 1 - float(np.prod([1 - p for _, here, p in plan if here]))
    w.p_denial[claim["number"]] = (p_denial, not claim.get("lapsed", False))
    return next((cause for cause, here, p in plan if here and w.chance(p)), None)


def _plan(w: _World, claim: dict, submitted: date) -> tuple[tuple[str, bool, float], ...]:
    """Causes, whether the claim shows what each depends on, and the chance that it then strikes."""
    served, payer, m = claim["served"], claim["payer"], w.from_end(claim["served"])
    codes = {line["code"] for line in claim["lines"]}
    key = payer["key"]
    drift = np.clip((m + 16) / 6, 0, 1)
    lacking = w.fields is not None and w.fields.lacking(key, claim.get("ordered_by"))
    return (
        *((("ORDER", lacking, w.fields.p),) if w.fields else ()),
        ("TIMELY", (submitted - served).days > payer["window"], 0.95),
        ("CRED", claim["npi"] == w.uncredentialed and key == "CO1" and -15 <= m <= -12, 0.85),
        ("AUTH", key == "CO2" and bool(codes & set(MRI)) and not claim["auth"], 0.75 if m >= -9 else 0.04),
        ("PCS", claim["visit"] == "ambulance" and claim["lines"][0]["modifiers"] == ["NH"], 0.24),
        ("MOD25", claim["visit"] == "procedure" and not claim["lines"][0]["modifiers"], 0.40),
        ("DUP", key == "MAP" and m == -6, 0.30),
        ("DX", key in ("MCD", "MMC") and claim["dx"][0] == "R69", 0.60),
        ("UNITS", claim["visit"] == "therapy" and claim["lines"][0]["units"] >= 5, 0.45),
        ("DOC", claim["visit"] == "infusion", 0.14),
        ("MEDNEC", claim["visit"] == "lab" and key in ("MCR", "MAP"), 0.16),
        ("COB", key == "MCR", 0.025),
        ("ELIG", claim["location"] == "ORCHARD CLINIC", 0.025 + 0.10 * drift),
        ("ELIG", True, 0.010),
        ("NONCOV", key in ("CO1", "CO3", "MAP"), 0.018),
        ("REG", True, 0.018),
        ("DOC", True, 0.008),
    )


def _live(w: _World, claim: dict) -> None:
    truth = {"claim_number": claim["number"], "payer": claim["payer"]["name"] if claim["payer"] else "SELF PAY",
             "rendering_npi": claim["npi"], "location": claim["location"], "service_date": claim["served"],
             "charge": claim["charge"] / 100, "in_edi": bool(claim["payer"]) and not claim["paper"], "rejected": False,
             "first_submitted_on": None, "first_decision_date": None, "initially_denied": False, "denied_amount": 0.0, "expected_allowed": 0.0,
             "root_cause": "", "group_code": "", "carc": "", "rarc": "", "denial_outcome": "", "final_outcome": "",
             "insurance_paid": 0.0, "writeoff_necessary": 0.0, "writeoff_unnecessary": 0.0, "appealed_on": None}  # fmt: skip
    w.truth.append(truth)
    for line in claim["lines"]:
        _post(w, claim, claim["served"], "Charge", line["charge"], procedure=line["code"])
    if claim["payer"] is None:
        _self_pay(w, claim, truth)
        return
    late = (
        w.chance(0.012) and w.events
    )  # who is late by a window can't be so in the first months: that would be a change
    first = claim["served"] + timedelta(days=int(1 + w.rng.gamma(2.0, 1.8)) + (claim["payer"]["window"] if late else 0))
    if w.desks:
        first += timedelta(days=int(w.rng.integers(*w.desks.bills_after)))
    if first > w.end:
        truth["final_outcome"] = "unbilled"
        return
    truth["first_submitted_on"] = first
    accepted = _submit_until_accepted(w, claim, first, truth)
    if accepted is None:
        return
    _decide(w, claim, accepted, truth)


def _submit(w: _World, claim: dict, on: date, *, frequency: str = "1", reference: str = "") -> None:
    w.submissions.append({"on": on, "claim": claim, "payer": claim["payer"], "order": "P", "frequency": frequency,
                          "reference": reference})  # fmt: skip


def _acknowledge(w: _World, claim: dict, on: date, rejected: str, reference: str) -> None:
    w.acknowledgments.append({"on": on, "claim": claim, "payer": claim["payer"], "payer_name": claim["payer"]["name"],
                              "rejected": rejected, "reference": reference})  # fmt: skip


def _submit_until_accepted(w: _World, claim: dict, first: date, truth: dict) -> tuple[date, str] | None:
    """Day and payer's number of the accepted submission; None where the rejection was never worked."""
    if not claim["paper"]:
        _submit(w, claim, first)
    if w.chance(0.03) and not claim["paper"]:
        status = ("A7:562:85", "A6:500:QC", "A3:33:IL", "A7:164:IL")[int(w.rng.integers(0, 4))]
        again = _rejected(w, claim, first, status, truth)
        if again is None:
            return None
        first = again
    rule = w.rejections
    if (
        rule
        and not claim["paper"]
        and rule.strikes(claim["payer"]["key"], claim["location"], w.from_end(claim["served"]))
    ):
        p = rule.p
        while w.chance(p):
            again = _rejected(w, claim, first, rule.status, truth)
            if again is None:
                return None
            first, p = again, rule.again
    reference = w.reference(claim["payer"], first)
    if not claim["paper"]:
        _acknowledge(w, claim, first + timedelta(days=1), "", reference)
    return first, reference


def _rejected(w: _World, claim: dict, sent: date, status: str, truth: dict) -> date | None:
    """Day on which a rejected claim is sent again; None where nobody does."""
    truth["rejected"] = True
    _acknowledge(w, claim, sent + timedelta(days=1), status, "")
    row = [
        claim["number"],
        sent + timedelta(days=1),
        status,
        claim["payer"]["name"],
        claim["location"],
        claim["charge"] / 100,
    ]
    if w.chance(0.12):
        truth["final_outcome"] = "rejected_lost"
        lost = sent + timedelta(days=int(w.rng.integers(150, 260)))
        _write_off(w, claim, lost, claim["charge"], ("LATE", "rejected at clearinghouse, never resubmitted"), truth)
        w.rejected.append([*row, ""])
        return None
    again = sent + timedelta(days=int(w.rng.integers(3, 25)))
    w.rejected.append([*row, again])
    _submit(w, claim, again)
    return again


def _remit_day(w: _World, claim: dict, submitted: date) -> date:
    payer = claim["payer"]
    lag = payer["lag"] + int(w.rng.integers(-4, 9))
    if payer["key"] == "CO3" and w.from_end(submitted) >= -7:
        lag += 18  # a quiet plant: this payer gets slower, it does not deny more
    paid = submitted + timedelta(days=max(lag, 5))
    paid += timedelta(days=-paid.toordinal() % payer["every"])
    return paid + timedelta(days=(7 - paid.weekday()) % 7 if paid.weekday() > 4 else 0)


def _decide(w: _World, claim: dict, accepted: tuple[date, str], truth: dict) -> None:
    submitted, reference = accepted
    on = _remit_day(w, claim, submitted)
    if on > w.end:
        truth["final_outcome"] = "in_flight"
        return
    truth["first_decision_date"] = on
    cause = _cause(w, claim, truth["first_submitted_on"])
    lines = _results(w, claim, cause)
    _remit(w, claim, on, lines, reference, submitted, truth)
    if cause is None:
        _settle(w, claim, on, lines, truth, reference)
        return
    denied = [line["charge"] for line, result in zip(claim["lines"], lines, strict=True) if result["denied"]]
    rarcs = next(result["rarcs"] for result in lines if result["denied"])
    price = sum(_price(claim, line) for line, result in zip(claim["lines"], lines, strict=True) if result["denied"])
    triplet = next(c for result in lines if result["denied"] for c in result["cas"] if c[1] not in ("45", "253"))
    truth.update(initially_denied=True, denied_amount=sum(denied) / 100, expected_allowed=price / 100, root_cause=cause,
                 group_code=triplet[0], carc=triplet[1], rarc=rarcs[0] if rarcs else "")  # fmt: skip
    _after_denial(w, claim, on, cause, lines, truth, reference)


def _results(w: _World, claim: dict, cause: str | None) -> list[dict]:
    """What the payer decides on each line: payment, adjustments, remarks."""
    return [
        _result(w, claim, i, line, cause if _hits(cause, claim, i) else None) for i, line in enumerate(claim["lines"])
    ]


def _hits(cause: str | None, claim: dict, position: int) -> bool:
    if cause in ("MOD25", "UNITS", "MEDNEC") and not claim["payer"]["claim_level"]:
        return position == 0
    return cause is not None


def _price(claim: dict, line: dict) -> int:
    return round(line["charge"] * claim["payer"]["rate"])


def _result(w: _World, claim: dict, position: int, line: dict, cause: str | None) -> dict:
    payer, charge = claim["payer"], line["charge"]
    allowed = _price(claim, line)
    if cause:
        group, carc, rarcs, *_ = CAUSES[cause]
        carc = _variant(w, cause, carc)
        if w.codes and (own := w.codes.of(cause, payer["key"])):
            group, carc, rarcs = own
        if w.chance(0.25) and group == "CO":
            return {"paid": 0, "share": 0, "allowed": 0, "denied": True, "rarcs": rarcs,
                    "cas": [("CO", "45", charge - allowed), ("CO", carc, allowed)]}  # fmt: skip
        return {"paid": 0, "share": 0, "allowed": 0, "denied": True, "rarcs": rarcs, "cas": [(group, carc, charge)]}
    share = round(allowed * (0.2 if payer["filing"] in ("MB", "BL", "CI") else 0.0))
    if payer["filing"] in ("BL", "CI") and w.chance(0.12):
        share = allowed
    cut = round((allowed - share) * 0.02) if payer["sequestration"] else 0
    cas = [("CO", "45", charge - allowed)] + ([("CO", "253", cut)] if cut else [])
    if share:
        cas.append(("PR", "1" if share == allowed else "2", share))
    return {"paid": allowed - share - cut, "share": share, "allowed": allowed, "denied": False, "rarcs": (), "cas": cas}


def _variant(w: _World, cause: str, carc: str) -> str:
    """One cause hides behind several codes."""
    options = {"DX": ("11", "11", "167", "146"), "ELIG": ("27", "27", "31", "26"), "DOC": ("252", "226")}.get(
        cause, (carc,)
    )
    return options[int(w.rng.integers(0, len(options)))]


def _remit(w: _World, claim, on, lines, reference, received, truth, *, status=None, frequency="1", forwarded="") -> int:
    paid = sum(line["paid"] for line in lines)
    forwarded = forwarded or (
        w.payers[4]["name"] if claim["patient"]["secondary"] and claim["payer"]["key"] == "MCR" and paid else ""
    )
    status = status or ("19" if forwarded else "1")
    sign = -1 if status == "22" else 1
    if not claim["paper"]:
        w.remittances.append({"on": on, "payer_key": claim["payer"]["key"], "payer": claim["payer"], "claim": claim,
                              "status": status, "paid": sign * paid, "share": sum(line["share"] for line in lines),
                              "lines": lines, "reference": reference, "received": received, "frequency": frequency,
                              "forwarded": forwarded if status == "19" else ""})  # fmt: skip
    if on <= w.end:
        truth["insurance_paid"] = round(truth["insurance_paid"] + sign * paid / 100, 2)
    if paid:
        _post(
            w,
            claim,
            on,
            "Insurance Payment" if sign > 0 else "Insurance Takeback",
            -sign * paid,
            payer=claim["payer"]["ledger"],
        )
    return paid


# --- money after the decision --------------------------------------------------------------------------------------


def _settle(w: _World, claim: dict, on: date, lines: list[dict], truth: dict, reference: str) -> None:
    """Contractual cuts are posted, the patient's share is moved and paid, or given up."""
    _contractual(w, claim, on, lines)
    share = sum(line["share"] for line in lines)
    truth["final_outcome"] = "paid"
    if share and claim["patient"]["secondary"] and claim["payer"]["key"] == "MCR":
        share = _secondary(w, claim, on, share, truth)
    if share:
        _patient_share(w, claim, on, share, truth)
    if w.chance(0.012) and not claim["paper"] and sum(line["paid"] for line in lines):
        _take_back(w, claim, on, lines, truth, reference)


def _contractual(w: _World, claim: dict, on: date, lines: list[dict]) -> None:
    cut = sum(a for line in lines for _, carc, a in line["cas"] if carc == "45")
    legal = sum(a for line in lines for _, carc, a in line["cas"] if carc == "253")
    if cut:
        _post(
            w,
            claim,
            on,
            "Adjustment",
            -cut,
            code="CONT",
            reason="Contractual allowance",
            payer=claim["payer"]["ledger"],
        )
    if legal:
        _post(w, claim, on, "Adjustment", -legal, code="SEQ", reason="Sequestration", payer=claim["payer"]["ledger"])


def _secondary(w: _World, claim: dict, on: date, share: int, truth: dict) -> int:
    """The crossover payer pays most of the share; the rest of the charge is what came before (OA-23)."""
    payer = w.payers[4]
    later = on + timedelta(days=int(w.rng.integers(12, 30)))
    paid = round(share * 0.9)
    lines, left, left_paid = [], share, paid
    for i, line in enumerate(claim["lines"]):
        last = i == len(claim["lines"]) - 1
        mine = left if last else min(left, round(share * line["charge"] / claim["charge"]))
        pay = left_paid if last else min(left_paid, round(mine * 0.9))
        left, left_paid = left - mine, left_paid - pay
        cas = [("OA", "23", line["charge"] - mine)] + ([("PR", "2", mine - pay)] if mine - pay else [])
        lines.append({"paid": pay, "share": mine - pay, "allowed": 0, "denied": False, "rarcs": (), "cas": cas})
    w.remittances.append({"on": later, "payer_key": payer["key"], "payer": payer, "claim": claim, "status": "2", "paid": paid,
                          "share": share - paid, "lines": lines, "reference": w.reference(payer, later), "received": on,
                          "frequency": "1", "forwarded": ""}) if not claim["paper"] else None  # fmt: skip
    _post(w, claim, later, "Insurance Payment", -paid, payer=payer["ledger"])
    if later <= w.end:
        truth["insurance_paid"] = round(truth["insurance_paid"] + paid / 100, 2)
    return share - paid


def _patient_share(w: _World, claim: dict, on: date, share: int, truth: dict) -> None:
    _post(w, claim, on, "Transfer", share, code="PTR", reason="to patient responsibility", payer="PATIENT")
    due = on + timedelta(days=int(w.rng.integers(10, 70)))
    draw = w.rng.random()
    if share < 800:
        _write_off(w, claim, due, share, ("SBAL", "small balance under $8"), truth, necessary=True)
    elif draw < 0.86:
        _post(w, claim, due, "Patient Payment", -share, payer="PATIENT")
    elif draw < 0.90:
        _write_off(w, claim, due, share, ("FAP", "financial assistance approved"), truth, necessary=True)
    else:
        _write_off(w, claim, due + timedelta(days=110), share, ("COLL", "sent to collection agency"), truth)


def _take_back(w: _World, claim: dict, on: date, lines: list[dict], truth: dict, reference: str) -> None:
    later = on + timedelta(days=int(w.rng.integers(60, 150)))
    later += timedelta(days=(7 - later.weekday()) % 7 if later.weekday() > 4 else 0)
    _remit(w, claim, later, lines, reference, on, truth, status="22", forwarded="none")
    again = []
    for line in lines:
        cut = round(line["paid"] * 0.15)
        cas = [(g, c, a + cut) if c == "45" else (g, c, a) for g, c, a in line["cas"]]
        again.append({**line, "paid": line["paid"] - cut, "allowed": line["allowed"] - cut, "cas": cas})
    _remit(w, claim, later, again, w.reference(claim["payer"], later), on, truth, status="1", frequency="7")
    cut = sum(a["paid"] for a in lines) - sum(a["paid"] for a in again)
    _post(
        w, claim, later, "Adjustment", -cut, code="CONT", reason="Contractual allowance", payer=claim["payer"]["ledger"]
    )


def _after_denial(w: _World, claim: dict, on: date, cause: str, lines: list[dict], truth: dict, reference: str) -> None:
    """Worked or not, won or not; what is not won is written off in the practice's words, or moved to the patient."""
    words = CAUSES[cause][-1]
    denied = sum(line["charge"] for line, result in zip(claim["lines"], lines, strict=True) if result["denied"])
    settled = [line for line in lines if not line["denied"]]
    _contractual(w, claim, on, settled)
    if share := sum(line["share"] for line in settled):
        _patient_share(w, claim, on, share, truth)
    fate = _fate(w, claim, on, cause, denied, truth)
    if cause == "NONCOV":
        chances.settled(fate, "patient", on)
        _moved_to_patient(w, claim, on, denied, truth)
        return
    if not w.chance(fate.p_work):
        if fate.p_left and w.chance(fate.p_left):
            _paid_anyway(w, claim, fate, lines, truth)
            return
        _give_up(w, claim, on + timedelta(days=int(w.rng.integers(*fate.given_up_after))), denied, words, truth)
        return
    sent = on + timedelta(days=int(w.rng.integers(*fate.sent_after)))
    fate.sent_on, fate.blind = sent, w.chance(fate.blind_share)
    if sent > w.end:
        _after_the_end(w, fate)
        truth.update(denial_outcome="open", final_outcome="denied_open")
        return
    _work(w, claim, sent, "corrected claim", "sent")
    if not claim["paper"]:
        _submit(w, claim, sent, frequency="1" if fate.blind else "7", reference="" if fate.blind else reference)
    fate.answered_on = _remit_day(w, claim, sent)
    again = w.reference(claim["payer"], sent)
    if fate.blind or not w.chance(fate.p_win):
        upheld = "18" if fate.blind else "193"
        frequency = "1" if fate.blind else "7"
        _remit(w, claim, fate.answered_on, _upheld(lines, upheld), again, sent, truth, frequency=frequency)
        _give_up(w, claim, fate.answered_on + timedelta(days=int(w.rng.integers(30, 100))), denied, words, truth)
        return
    chances.settled(fate, "paid", fate.answered_on)
    _won(w, claim, fate, lines, again, truth)


def _paid_anyway(w: _World, claim: dict, fate: Fate, lines: list[dict], truth: dict) -> None:
    """The payer decides again without being asked."""
    again = _business_day(fate.denied_on + timedelta(days=int(w.rng.integers(*fate.paid_after))))
    fate.answered_on = again
    chances.settled(fate, "paid", again)
    _won(w, claim, fate, lines, w.reference(claim["payer"], again), truth)


def _business_day(on: date) -> date:
    return on + timedelta(days=(7 - on.weekday()) % 7 if on.weekday() > 4 else 0)


def _won(w: _World, claim: dict, fate: Fate, lines: list[dict], reference: str, truth: dict) -> None:
    """The payer pays what it had denied, on a corrected claim or on the one that it has."""
    answer = fate.answered_on
    if answer > w.end:
        truth.update(denial_outcome="open", final_outcome="denied_open")
        return
    won = [
        _result(w, claim, i, line, None) if lines[i]["denied"] else _zeroed(lines[i], line)
        for i, line in enumerate(claim["lines"])
    ]
    _remit(
        w, claim, answer, won, reference, fate.sent_on or fate.denied_on, truth, frequency="7" if fate.sent_on else "1"
    )
    paid_lines = [line for line, before in zip(won, lines, strict=True) if before["denied"]]
    truth.update(denial_outcome="paid", final_outcome="paid")
    _contractual(w, claim, answer, paid_lines)
    if share := sum(line["share"] for line in paid_lines):
        _patient_share(w, claim, answer, share, truth)


def _fate(w: _World, claim: dict, on: date, cause: str, denied: int, truth: dict) -> Fate:
    """The chances of a denial before anything is drawn; staff leave small ones alone."""
    *_, work, win, _ = CAUSES[cause]
    effort = min(work * (1.25 if denied > 50_000 else 0.8), 0.97)
    fate = Fate(claim["number"], on, denied, round(truth["expected_allowed"] * 100), effort, win, blind_share=BLIND)
    if (
        cause == "NONCOV"
    ):  # nobody asks the payer again; the patient pays, or what is left of it is no write-off of a denial
        fate.p_work, fate.p_win, fate.p_left = 0.0, 0.0, 1.0
    elif w.effect:
        fate.p_work, fate.p_win, fate.p_left = w.effect.of(cause, effort, win)
    if w.desks and cause != "NONCOV":
        _at_desk(fate, w.desks.of(claim["payer"]["key"], denied))
    w.fates[claim["number"]] = fate
    return fate


def _at_desk(fate: Fate, desk: habits.Desk) -> None:
    """The desk's own effort, skill and delay instead of the ordinary."""
    fate.p_work, fate.p_win = min(fate.p_work * desk.works, 0.97), min(fate.p_win * desk.skill, 0.97)
    fate.blind_share, fate.sent_after, fate.desk = desk.blind_share, desk.sent_after, desk.name


def _after_the_end(w: _World, fate: Fate) -> None:
    """What becomes of a correction that is sent after the last file."""
    fate.answered_on = fate.sent_on + timedelta(days=int(w.later.integers(12, 40)))
    if not fate.blind and w.later.random() < fate.p_win:
        chances.settled(fate, "paid", fate.answered_on)
    else:
        chances.settled(fate, "written_off", fate.answered_on + timedelta(days=int(w.later.integers(30, 100))))


def _upheld(lines: list[dict], carc: str) -> list[dict]:
    out = []
    for line in lines:
        if line["denied"]:
            cas = [(g, carc if c != "45" else c, a) for g, c, a in line["cas"]]
            out.append({**line, "cas": cas, "rarcs": ()})
        else:
            out.append(_again(line))
    return out


def _zeroed(result: dict, line: dict) -> dict:
    """A line paid before comes back without a second payment."""
    return _again(result)


def _again(result: dict) -> dict:
    charge = result["paid"] + sum(a for *_, a in result["cas"])
    return {"paid": 0, "share": 0, "allowed": 0, "denied": False, "rarcs": (), "cas": [("OA", "94", charge)]}


def _give_up(w: _World, claim: dict, on: date, denied: int, words: tuple, truth: dict) -> None:
    chances.settled(w.fates[claim["number"]], "written_off", on)
    if on > w.end:
        truth.update(denial_outcome="open", final_outcome="denied_open")
        _appeal(w, claim, truth)
        return
    truth.update(denial_outcome="written_off", final_outcome="written_off")
    draw = w.rng.random()
    if draw < 0.10:
        _write_off(w, claim, on, denied, ("CONT", "Contractual allowance"), truth, kind="Adjustment")
    elif draw < 0.13:
        _write_off(w, claim, on, denied, VAGUE[int(w.rng.integers(0, 2))], truth)
    else:
        _write_off(w, claim, on, denied, words[int(w.rng.integers(0, len(words)))], truth)


def _appeal(w: _World, claim: dict, truth: dict) -> None:
    """One open denial in three was appealed after its last answer, as the work log alone tells; nothing is drawn for it."""
    answers = [row["on"] for row in w.remittances if row["claim"] is claim]
    sent = max(answers, default=w.end) + timedelta(days=12)
    if truth["in_edi"] and sum(map(ord, claim["number"])) % 3 == 0 and sent <= w.end and max(answers) <= w.end:
        _work(w, claim, sent, "appeal", "faxed")
        truth["appealed_on"] = sent


def _work(w: _World, claim: dict, on: date, action: str, outcome: str) -> None:
    desk = w.fates[claim["number"]].desk
    w.work.append({"on": on, "claim": claim, "action": action, "outcome": outcome, "desk": desk})


def _moved_to_patient(w: _World, claim: dict, on: date, denied: int, truth: dict) -> None:
    truth.update(denial_outcome="patient", final_outcome="patient")
    _patient_share(w, claim, on, denied, truth)


def _self_pay(w: _World, claim: dict, truth: dict) -> None:
    truth["final_outcome"] = "self_pay"
    discount = round(claim["charge"] * 0.3)
    on = claim["served"] + timedelta(days=3)
    _write_off(w, claim, on, discount, ("SPD", "self pay discount"), truth, necessary=True)
    _post(w, claim, on, "Patient Payment", discount - claim["charge"], payer="PATIENT")


def _post(w: _World, claim, on, kind, amount, *, code="", reason="", payer="", procedure="") -> None:
    w.postings.append({"claim": claim, "on": on, "kind": kind, "amount": amount, "code": code, "reason": reason,
                       "payer": payer or (claim["payer"]["ledger"] if claim["payer"] else "PATIENT"), "procedure": procedure})  # fmt: skip


def _write_off(w: _World, claim, on, amount, words, truth, *, necessary=False, kind="Write-Off") -> None:
    if on > w.end:
        return
    code, reason = words
    if w.chance(0.01):
        reason += f" - spoke w {claim['patient']['family']}"
    _post(w, claim, on, kind, -amount, code=code, reason=reason)
    root = "writeoff_necessary" if necessary or code in ("DPL", "BDL") else "writeoff_unnecessary"
    truth[root] = round(truth[root] + amount / 100, 2)
    leaf = LEAF_OF_CODE.get(code) or LEAF_OF_CAUSE.get(truth["root_cause"], "")
    w.written_off.append([claim["number"], on, amount / 100, leaf, root.removeprefix("writeoff_"), code])


# --- truth ---------------------------------------------------------------------------------------------------------

EVENTS = (
    ("auth_policy", "step", True, -9, None, "ATLAS HEALTH PLAN", "", "", "70551,72148,73721", "AUTH", "ATLAS asks for prior authorization for MRI from this service month"),
    ("credentialing_gap", "gap", True, -15, -12, "MERIDIAN BLUE", "lakeview", "", "", "CRED", "one Lakeview provider is not enrolled with MERIDIAN for four months"),
    ("eligibility_drift", "drift", True, -16, None, "", "", "ORCHARD CLINIC", "", "ELIG", "eligibility denials at Orchard climb over six months"),
    ("duplicate_burst", "burst", True, -6, -6, "GOLDENROD ADVANTAGE", "", "", "", "DUP", "GOLDENROD denies one month's claims as duplicates"),
    ("ambulance_mix", "mix", False, -10, None, "", "", "RIVERBEND EMS STATION 3", "", "", "more ambulance trips; no rate changes"),
    ("slower_payer", "lag", False, -7, None, "HARVEST MUTUAL", "", "", "", "", "HARVEST pays 18 days later; it denies no more"),
)  # fmt: skip


def _write_truth(folder: Path, w: _World) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _csv(folder / "claims.csv", list(w.truth[0]), [list(row.values()) for row in w.truth])
    rows = []
    now = {before["name"]: payer["name"] for before, payer in zip(PAYERS, w.payers, strict=True)}
    for id_, kind, alert, start, end, payer, provider, *rest in EVENTS if w.events else ():
        for before, name in now.items():  # the text calls a payer by its first word
            rest[-1] = rest[-1].replace(before.split()[0], name.split()[0])
        months = [
            f"{_month_start(w.start.year, w.start.month, w.months + m):%Y-%m}" if m is not None else ""
            for m in (start, end)
        ]
        rows.append([id_, kind, alert, *months, now.get(payer, ""), w.uncredentialed if provider else "", *rest])
    if w.rejections and w.events:
        rule = w.rejections
        since = f"{_month_start(w.start.year, w.start.month, w.months + rule.since):%Y-%m}"
        payer = next((p["name"] for p in w.payers if p["key"] == rule.payer), "")
        rows.append(
            ["more_rejections", "rejections", True, since, "", payer, "", rule.location, "", rule.status, rule.text]
        )
    _csv(
        folder / "events.csv",
        ["id", "kind", "should_alert", "start", "end", "payer", "provider", "location", "procedure", "cause", "text"],
        rows,
    )
    decided: dict[str, list[int]] = {}
    for row in w.truth:
        if row["first_decision_date"] and row["in_edi"]:
            counts = decided.setdefault(f"{row['first_decision_date']:%Y-%m}", [0, 0])
            counts[0] += 1
            counts[1] += row["initially_denied"]
    _csv(
        folder / "kpis_by_month.csv",
        ["month", "decided_in_edi", "denied_in_edi"],
        [[m, *c] for m, c in sorted(decided.items())],
    )
    _csv(folder / "chances.csv", list(chances.CHANCES), list(chances.claim_rows(w.p_denial, w.fates)))
    _csv(folder / "write_offs.csv", ["claim_number", "posted_on", "amount", "leaf", "root", "code"], w.written_off)
    rejected = [row for row in w.rejected if row[1] <= w.end]
    columns = ["claim_number", "rejected_on", "status", "payer", "location", "charge", "resent_on"]
    _csv(folder / "rejections.csv", columns, rejected)
    ends = chances.month_ends(w.start, w.months)
    _csv(folder / "open_denials.csv", list(chances.OPEN), list(chances.open_rows(w.fates, ends)))
    canaries = [value for p in w.patients for value in (p["family"], p["member"], p["street"])]
    (folder / "canaries.txt").write_text("\n".join(canaries) + "\n", encoding="utf-8")


def _csv(path: Path, header: list[str], rows: list[list]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
