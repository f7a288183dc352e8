"""Edits that need no history: what the 837 guide, the code sets and arithmetic say about a claim before it is sent.

Each edit looks at all claims of a file at once and gives the claims, or lines, that fail it. `hold` is for what the
clearinghouse or the payer is sure to refuse, `warn` for what a person should look at, `info` for the rest.

    claim_number  line_number  severity  rule_id             finding                                         evidence
    A1            0            hold      frequency-reference Frequency 7 without the payer's claim number…   CLM05-3 = 7, no REF*F8
    A2            2            hold      pointer             Line 2 points to diagnosis 3, the claim has 2   SV107 = 3

Sources: ASC X12 005010X222A1/X223A2 45 CFR 162.406 (NPI), ICD-10-CM and CPT chapter ranges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from rcm_analysis.edi.envelopes import Piece
from rcm_analysis.reference import codes, deadlines

WARN_DAYS = 14  # a filing deadline this near is named
MAX_UNITS = 999
AMBULANCE_BASES = "A0225|A042[6-9]|A043[0-4]|A0998|A0999"
MILEAGE = {"A0425": "A042[6-9]|A0433|A0434|A0225|A0998", "A0435": "A0430", "A0436": "A0431"}
NEEDS_CERTIFICATION = "A0426|A0428"  # non-emergency transports (42 CFR 410.40(e))
ORIGINS, DESTINATIONS = "DEGHIJNPRS", "DEGHIJNPRX"
# years of age that a preventive visit is defined for (CPT)
VISIT_AGES = {"99381": (0, 0), "99382": (1, 4), "99383": (5, 11), "99384": (12, 17), "99385": (18, 39), "99386": (40, 64),
              "99387": (65, 120), "99391": (0, 0), "99392": (1, 4), "99393": (5, 11), "99394": (12, 17), "99395": (18, 39),
              "99396": (40, 64), "99397": (65, 120)}  # fmt: skip
FEMALE_CODES = "5[67]\\d{3}|58[0-8]\\d{2}|589\\d{2}|59\\d{3}"  # female genital system, maternity
MALE_CODES = "5[45][0-8]\\d{2}|549\\d{2}"  # male genital system
FEMALE_DIAGNOSES, MALE_DIAGNOSES = "O|Z3[34]|C5[1-8]|N7[0-7]|N8|N9[0-8]", "C6[0-3]|N4[0-9]|N5[0-3]"


class Found(NamedTuple):
    """Rows that fail an edit: `rows` indexes the table looked at; evidence may be one text or one for each row."""

    rows: np.ndarray
    severity: str
    rule_id: str
    finding: str
    evidence: str | pd.Series = ""


NO_TERMS = pd.DataFrame(columns=["payer", "payer_class", "valid_from", "valid_to", "filing_days"])
Edit = Callable[[pd.DataFrame, pd.DataFrame], Iterator[Found]]


def find(claims: pd.DataFrame, lines: pd.DataFrame, terms: pd.DataFrame = NO_TERMS) -> pd.DataFrame:
    """Every finding; `claims` and `lines` as `submissions.read` gives them, with the columns of `segment_facts`.

    `terms` are filing limits of the practice's contracts: payer, payer_class, valid_from, valid_to, filing_days.
    Columns submission_id, claim_number, line_number (0 for the claim), severity, rule_id, finding, evidence.
    """
    claims = claims.join(_contract_limits(claims, terms))
    lines = lines.merge(claims[["submission_id", "claim_number", "kind", "age", "sex", "diagnoses"]], on="submission_id",
                        validate="m:1", suffixes=("", "_claim"))  # fmt: skip
    parts = [_rows(claims, found) for edit in CLAIM_EDITS for found in edit(claims, lines)]
    parts += [_rows(lines, found) for edit in LINE_EDITS for found in edit(lines, claims)]
    parts = [part for part in parts if len(part)]
    columns = ["submission_id", "claim_number", "line_number", "severity", "rule_id", "finding", "evidence"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _rows(table: pd.DataFrame, found: Found) -> pd.DataFrame:
    chosen = table[np.asarray(found.rows, bool)]
    evidence = found.evidence[chosen.index] if isinstance(found.evidence, pd.Series) else found.evidence
    numbers = chosen.get("line_number", 0)
    return pd.DataFrame({"submission_id": chosen["submission_id"], "claim_number": chosen["claim_number"], "line_number": numbers,
                         "severity": found.severity, "rule_id": found.rule_id, "finding": found.finding, "evidence": evidence})  # fmt: skip


# --- what stands in the segments and in no column ------------------------------------------------------------------


def segment_facts(piece: Piece) -> pd.DataFrame:
    """For each claim of the piece, by file and segment number of its CLM: what the ambulance and address edits ask.

    source, segment, certification (CRC*07), transport (CR1), pickup and dropoff (NM1*PW, NM1*45), billing_zip.
    """
    s = piece.segments
    clm = s.where(b"CLM")
    owner = np.searchsorted(clm, np.arange(len(s)), side="right") - 1
    breaks = np.sort(np.concatenate([s.where(tag) for tag in (b"HL", b"SE", b"ST")]))
    inside = (
        (owner >= 0) & (s.last_before(breaks, np.arange(len(s)) + 1) < clm[np.maximum(owner, 0)])
        if len(clm)
        else owner >= 0
    )
    billing = s.last_before(s.where(b"NM1*85"), clm)
    place = s.last_before(s.where(b"N4"), np.minimum(billing + 4, len(s)))  # NM1, N3 and N4 follow one another
    zips = s.text(s.span(np.where((place > billing) & (billing >= 0), place, -1), 3))
    facts = {"source": piece.source[clm], "segment": piece.number[clm], "billing_zip": zips.to_pandas()}
    for name, tag in (
        ("certification", b"CRC*07"),
        ("transport", b"CR1"),
        ("pickup", b"NM1*PW"),
        ("dropoff", b"NM1*45"),
    ):
        found = s.where(tag)
        facts[name] = np.bincount(owner[found[inside[found]]], minlength=len(clm)) > 0
    return pd.DataFrame(facts)


# --- claims --------------------------------------------------------------------------------------------------------


def valid_npi(numbers: pd.Series) -> pd.Series:
    """Whether ten digits pass the Luhn check with the prefix 80840 (45 CFR 162.406); missing numbers do not.

    >>> valid_npi(pd.Series(["1234567893", "1234567890"])).tolist()
    [True, False]
    """
    known = {number: _passes_luhn(number) for number in numbers.dropna().unique()}
    return pd.Series([known.get(number, False) for number in numbers], numbers.index, dtype=bool)


def _passes_luhn(number: str) -> bool:
    if len(number) != 10 or not (number.isascii() and number.isdigit()):
        return False
    digits = [int(digit) for digit in number[::-1]]
    doubled = [d * 2 - 9 if d > 4 else d * 2 for d in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled) + 24) % 10 == 0  # 24: what 80840 adds


def npis(claims: pd.DataFrame, lines: pd.DataFrame) -> Iterator[Found]:
    for column, role in (
        ("billing_npi", "billing provider"),
        ("rendering_npi", "rendering provider"),
        ("facility_npi", "service facility"),
    ):
        bad = claims[column].notna() & ~valid_npi(claims[column])
        yield Found(
            bad,
            "hold",
            "npi-check-digit",
            f"The NPI of the {role} has a wrong check digit.",
            "NM109 " + claims[column].fillna(""),
        )
    # property and casualty plans and atypical providers do without
    yield Found(claims["billing_npi"].isna(), "warn", "npi-missing", "The billing provider has no NPI.", "NM1*85")


def required(claims: pd.DataFrame, lines: pd.DataFrame) -> Iterator[Found]:
    professional = claims["kind"].eq("837P")
    fields = (("claim_number", "claim number", "CLM01", True), ("charge", "charge", "CLM02", True), ("payer_name", "payer name", "NM1*PR", True),
              ("payer_order", "payer order", "SBR01", True), ("patient_key", "member number", "NM1*IL NM109", False),
              ("frequency", "frequency", "CLM05-3", True), ("service_date", "service date", "DTP*472 or 434", True))  # fmt: skip
    for column, name, place, sure in fields:
        yield Found(
            claims[column].isna(), "hold" if sure else "warn", "required-field", f"The {name} is missing.", place
        )
    yield Found(
        professional & claims["place_of_service"].isna(),
        "hold",
        "required-field",
        "The place of service is missing.",
        "CLM05-1",
    )
    yield Found(
        ~claims["kind"].eq("837D") & claims["diagnoses"].isna(),
        "hold",
        "required-field",
        "There is no diagnosis.",
        "HI",
    )
    yield Found(claims["lines"].eq(0), "hold", "required-field", "There is no service line.", "LX")
    known = set(codes.table("frequency_codes")["frequency"])
    letter = claims["frequency"].fillna("").str.isalpha() & ~claims["kind"].eq("837I")  # letters are institutional
    odd = claims["frequency"].notna() & (~claims["frequency"].isin(known) | letter)
    yield Found(
        odd, "hold", "frequency-code", "The frequency is no known code.", "CLM05-3 = " + claims["frequency"].fillna("")
    )


def frequency(claims: pd.DataFrame, lines: pd.DataFrame) -> Iterator[Found]:
    again, unnamed = claims["frequency"].isin(["7", "8", "Q"]), claims["original_reference"].isna()
    yield Found(again & unnamed, "hold", "frequency-reference", "A replacement, void or reopening must name the payer's claim number.",
                "CLM05-3 = " + claims["frequency"].fillna("") + ", no REF*F8")  # fmt: skip
    part_b = claims["filing_code"].eq("MB") & ~claims["kind"].eq("837I")
    yield Found(claims["frequency"].isin(["7", "8"]) & part_b, "hold", "frequency-part-b",
                "A Part B contractor takes no replacement: ask for a reopening of a clerical error, or appeal; what was called "
                "unprocessable (MA130) is submitted as a new claim.", "CLM05-3 = " + claims["frequency"].fillna("") + ", SBR09 = MB")  # fmt: skip
    yield Found(claims["frequency"].eq("1") & ~unnamed, "warn", "frequency-reference",
                "An original claim names an earlier payer claim number: is it a replacement (7)?", "CLM05-3 = 1 with REF*F8")  # fmt: skip


def amounts(claims: pd.DataFrame, lines: pd.DataFrame) -> Iterator[Found]:
    total = lines.groupby("submission_id")["charge"].sum()
    total = claims["submission_id"].map(total)
    off = (
        claims["charge"].notna()
        & claims["lines"].gt(0)
        & (claims["charge"].astype(float) - total.astype(float)).abs().gt(0.005)
    )
    yield Found(off, "hold", "charge-total", "The charges of the lines do not add up to the claim's charge.",
                "CLM02 = " + _shown(claims["charge"]) + ", lines = " + _shown(total))  # fmt: skip


def dates(claims: pd.DataFrame, lines: pd.DataFrame) -> Iterator[Found]:
    late = claims["service_date"] > claims["known_on"]
    yield Found(late, "hold", "future-service", "The service lies after the day of submission.", "DTP*472")
    limit = _filing_limits(claims)
    sure = limit["sure"]
    last = deadlines.deadline(claims["service_date"], limit["number"], limit["unit"])
    left = (last - pd.to_datetime(claims["known_on"])).dt.days
    text = left.map(lambda days: "" if pd.isna(days) else f"{abs(days):.0f} days {'left' if days >= 0 else 'past'}")
    first = claims["frequency"].eq("1") & claims["payer_order"].eq("P")  # other claims follow other clocks
    told = (
        limit["number"].map("{:.0f}".format)
        + " "
        + limit["unit"].map({deadlines.YEAR: "calendar year", deadlines.DAY: "days"}).fillna("")
    )
    source = limit["contract"].map({True: " by the contract's limit of ", False: " by the usual limit of "})
    evidence = text + source + told.where(limit["number"].notna(), "")
    past = first & sure & (pd.to_datetime(claims["known_on"]) > last + pd.to_timedelta(limit["margin"], unit="D"))
    yield Found(past, "hold", "filing-deadline", "The filing limit is past.", evidence)
    yield Found(
        first & ~past & left.lt(0),
        "warn",
        "filing-deadline",
        "The payer's filing limit may be past; look into the contract.",
        evidence,
    )
    yield Found(
        first & left.between(0, WARN_DAYS),
        "warn",
        "filing-deadline",
        "The filing limit is near: send this claim first.",
        evidence,
    )


def _filing_limits(claims: pd.DataFrame) -> pd.DataFrame:
    """The limit of the contract, else of the payer or its class: number, unit (day, year), contract, `sure` where a law or
    contract says so rather than a guess, and `margin`, the days that another plan of the payer gives beyond it."""
    rows = codes.table("deadlines").query("clock == 'initial_filing'").sort_values("valid_from", kind="stable")
    usual = rows[rows["payer_pattern"] == ""].drop_duplicates("payer_class", keep="last").set_index("payer_class")
    classes = claims["filing_code"].map(codes.table("filing_indicators").set_index("filing_code")["payer_class"])
    found = pd.DataFrame({"number": classes.map(usual["days"]).astype(float), "unit": classes.map(usual["unit"]),
                          "sure": classes.map(usual["confidence"]).eq("primary")})  # fmt: skip
    for row in rows[rows["payer_pattern"] != ""].itertuples():
        named = classes.eq(row.payer_class) & claims["payer_name"].fillna("").str.contains(
            row.payer_pattern, case=False
        )
        found.loc[named, ["number", "unit", "sure"]] = [float(row.days), row.unit, row.confidence == "primary"]
    agreed = claims["filing_days"].notna()
    found.loc[agreed, ["unit", "sure"]] = [deadlines.DAY, True]
    return found.assign(
        number=claims["filing_days"].fillna(found["number"]),
        contract=agreed,
        margin=(claims["longest_filing_days"] - claims["filing_days"]).fillna(0),
    )


def _contract_limits(claims: pd.DataFrame, terms: pd.DataFrame) -> pd.DataFrame:
    """filing_days and longest_filing_days of each claim's payer, by the terms that begin last before the day of service.

    Plans of one payer stand side by side, and which of them a claim is of is not known: the shortest warns, the longest holds.
    """
    classes = claims["filing_code"].map(codes.table("filing_indicators").set_index("filing_code")["payer_class"])
    asked = pd.DataFrame({
        "row": claims.index, "payer": claims["payer_name"].fillna("").str.strip().str.lower(), "of_class": classes,
        "day": pd.to_datetime(claims["service_date"]),
    })  # fmt: skip
    terms = terms.assign(
        payer=terms["payer"].astype(str).str.strip().str.lower(),
        valid_from=pd.to_datetime(terms["valid_from"]).fillna(pd.Timestamp("1900-01-01")),
        valid_to=pd.to_datetime(terms["valid_to"]).fillna(pd.Timestamp("2262-01-01")),
        filing_days=terms["filing_days"].astype(float),
    )
    met = asked.merge(terms.dropna(subset=["filing_days"]), on="payer")
    met = met[met["day"].between(met["valid_from"], met["valid_to"])]
    met = met[met["payer_class"].isna() | met["payer_class"].eq("") | met["payer_class"].eq(met["of_class"])]
    met = met[met["valid_from"].eq(met.groupby("row")["valid_from"].transform("max"))]
    limits = met.groupby("row")["filing_days"].agg(["min", "max"]).reindex(claims.index)
    return limits.set_axis(["filing_days", "longest_filing_days"], axis=1)


def addresses(claims: pd.DataFrame, lines: pd.DataFrame) -> Iterator[Found]:
    digits = claims["billing_zip"].fillna("").str.replace("-", "")
    wrong = (
        claims["billing_zip"].notna()
        & ~digits.str.fullmatch(r"\d{5}(\d{4})?")
        & ~digits.str.fullmatch(r"[A-Z]\d[A-Z] ?\d[A-Z]\d")
    )
    yield Found(wrong, "hold", "zip", "The billing provider's zip code has neither five nor nine digits.", "N403")
    yield Found(
        digits.str.fullmatch(r"\d{5}"),
        "info",
        "zip",
        "The billing provider's zip code should have nine digits.",
        "N403",
    )


def sex_of_diagnosis(claims: pd.DataFrame, lines: pd.DataFrame) -> Iterator[Found]:
    text = claims["diagnoses"].fillna("")
    for sex, pattern, other in (("M", FEMALE_DIAGNOSES, "women"), ("F", MALE_DIAGNOSES, "men")):
        yield Found(claims["sex"].eq(sex) & text.str.contains(rf"(?:^| )(?:{pattern})"), "warn", "sex-diagnosis",
                    f"A diagnosis is one of {other} only; check the sex on file or the code.", "DMG03 = " + claims["sex"].fillna(""))  # fmt: skip
    yield Found(
        text.str.contains(r"[.]"),
        "hold",
        "diagnosis-form",
        "A diagnosis is written with its point; X12 wants it without.",
        "HI",
    )


def ambulance(claims: pd.DataFrame, lines: pd.DataFrame) -> Iterator[Found]:
    codes_ = lines["procedure"].fillna("")
    base, urgent_free = codes_.str.fullmatch(AMBULANCE_BASES), codes_.str.fullmatch(NEEDS_CERTIFICATION)
    rides = claims["submission_id"].isin(lines.loc[base, "submission_id"]) & ~claims["kind"].eq("837D")
    planned = claims["submission_id"].isin(lines.loc[urgent_free, "submission_id"])
    yield Found(
        rides & ~claims["transport"], "hold", "ambulance-transport", "The transport information is missing.", "no CR1"
    )
    yield Found(planned & ~claims["certification"], "hold", "ambulance-certification",
                "A non-emergency transport without certification: is the physician's statement (PCS) in hand?", "no CRC*07")  # fmt: skip
    ours = rides & claims["kind"].eq("837P")
    yield Found(ours & ~claims["pickup"], "warn", "ambulance-address", "The pick-up address is missing.", "no NM1*PW")
    yield Found(ours & ~claims["dropoff"], "warn", "ambulance-address", "The drop-off address is missing.", "no NM1*45")


def _shown(numbers: pd.Series) -> pd.Series:
    """Numbers as text for evidence; text also where there is no row or no number."""
    return pd.Series([f"{value:.10g}" for value in numbers.astype(float)], numbers.index, dtype=str)


# --- lines ---------------------------------------------------------------------------------------------------------


def line_fields(lines: pd.DataFrame, claims: pd.DataFrame) -> Iterator[Found]:
    coded = lines["procedure"].notna() | (lines["revenue_code"].notna() if "revenue_code" in lines else False)
    yield Found(~coded, "hold", "required-field", "The line has no procedure.", "SV1")
    yield Found(lines["charge"].isna(), "hold", "required-field", "The line has no charge.", "SV1")
    billed = ~lines["kind"].eq("837D")
    yield Found(
        billed & (lines["units"].isna() | lines["units"].astype(float).le(0)),
        "hold",
        "units",
        "The line has no units.",
        "SV104",
    )
    repeated = lines["modifiers"].fillna("").map(lambda text: len(set(text.split())) < len(text.split()))
    yield Found(repeated, "warn", "modifier", "A modifier stands twice.", "modifiers " + lines["modifiers"].fillna(""))


def pointers(lines: pd.DataFrame, claims: pd.DataFrame) -> Iterator[Found]:
    professional = lines["kind"].eq("837P")
    text = lines["diagnosis_pointers"].fillna("").str.strip()
    held = lines["diagnoses"].fillna("").map(lambda codes_: len(codes_.split()))
    highest = text.map(lambda value: max((int(p) if p.isdigit() else 99 for p in value.split()), default=0))
    yield Found(professional & text.eq(""), "hold", "pointer", "The line points to no diagnosis.", "SV107")
    yield Found(professional & held.gt(0) & highest.gt(held), "hold", "pointer", "The line points to a diagnosis that the claim does not have.",
                "SV107 = " + text + ", diagnoses: " + held.astype(str))  # fmt: skip


def sanity(lines: pd.DataFrame, claims: pd.DataFrame) -> Iterator[Found]:
    code, units = lines["procedure"].fillna(""), lines["units"].astype(float)
    visit = code.str.fullmatch(r"99(?:2[0-4]\d|38\d|39[0-7])")
    counted = lines["unit"].fillna("UN").eq("UN")
    yield Found(
        counted & visit & units.gt(1),
        "hold",
        "units",
        "A visit is billed with more than one unit.",
        "SV104 = " + _shown(units),
    )
    yield Found(
        counted & units.gt(MAX_UNITS),
        "warn",
        "units",
        "The units are unlikely high.",
        "SV104 = " + _shown(units),
    )
    ages = code.map(VISIT_AGES)
    wrong = [
        isinstance(a, tuple) and not pd.isna(age) and not a[0] <= age <= a[1]
        for a, age in zip(ages, lines["age"], strict=True)
    ]
    yield Found(
        np.array(wrong, bool),
        "warn",
        "age-procedure",
        "The visit's code is for another age.",
        code + ", age at service on file",
    )
    for sex, pattern, other in (("M", FEMALE_CODES, "women"), ("F", MALE_CODES, "men")):
        yield Found(lines["sex"].eq(sex) & code.str.fullmatch(pattern), "hold", "sex-procedure",
                    f"The procedure is one of {other} only; check the sex on file or the code.", code)  # fmt: skip


def ambulance_lines(lines: pd.DataFrame, claims: pd.DataFrame) -> Iterator[Found]:
    code = lines["procedure"].fillna("")
    professional = lines["kind"].eq("837P")
    ride = professional & (code.str.fullmatch(AMBULANCE_BASES) | code.isin(MILEAGE))
    good = lines["modifiers"].fillna("").str.contains(rf"\b[{ORIGINS}][{DESTINATIONS}]\b")
    yield Found(ride & ~good, "hold", "ambulance-modifier", "No origin and destination modifier (two letters, as in RH).",
                code + " modifiers " + lines["modifiers"].fillna("none"))  # fmt: skip
    for mileage, base in MILEAGE.items():
        with_base = set(lines.loc[code.str.fullmatch(base), "submission_id"])
        yield Found(professional & code.eq(mileage) & ~lines["submission_id"].isin(with_base), "hold", "ambulance-mileage",
                    "Mileage without the transport it belongs to.", code)  # fmt: skip


CLAIM_EDITS: tuple[Edit, ...] = (npis, required, frequency, amounts, dates, addresses, sex_of_diagnosis, ambulance)
LINE_EDITS: tuple[Edit, ...] = (line_fields, pointers, sanity, ambulance_lines)
