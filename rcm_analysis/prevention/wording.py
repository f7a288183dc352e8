"""Rules in words for the person at the desk: what to hold a claim for, the check, the owner and the fix.

R3fa9c1  Hold for an authorization number: no authorization number in the claim, payer Unison, procedure 70553,
         since 2026-03; 24 of 26 such claims were denied (92%).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from rcm_analysis.prevention.search import Condition, Term, from_json
from rcm_analysis.reference import codes
from rcm_analysis.words import titled

_NAMES = {
    "payer_name": "payer", "filing_code": "payer kind", "procedure_family": "procedure beginning with", "with_procedures": "billed",
    "rendering_npi": "provider", "days_since_service": "days since the service", "frequency": "claim frequency",
    "place_of_service": "place of service", "payer_order": "payer order", "diagnosis_chapters": "diagnosis beginning with",
    "diagnoses": "diagnosis", "modifiers": "modifier", "patient_denied_for": "patient denied within a year for", "units": "units",
    "days_since_same_procedure": "days since the patient's last such service", "same_procedure_in_year": "such services in a year",
    "patient_not_covered": "patient denied for coverage within a year:", "revenue_code": "revenue code",
    "billing_taxonomy": "billing provider's taxonomy", "rendering_taxonomy": "rendering provider's taxonomy",
    "ordered_by": "ordering or referring provider", "units_in_day": "units in a day",
    "therapy_visits": "visits of this therapy in the year", "therapy_usd": "dollars of this therapy in the year",
}  # fmt: skip
# Numbers as a sentence says them: at least so many, and at most so many
_NUMBERS = {
    "days_since_service": ("sent {} days or more after the service", "sent within {} days of the service"),
    "days_since_same_procedure": ("{} days or more since the patient's last such service", "within {} days of the patient's last such service"),
    "same_procedure_in_year": ("{} or more such services in a year", "at most {} such services in a year"),
    "units": ("{} units or more", "at most {} units"), "units_in_day": ("{} units or more in a day", "at most {} units in a day"),
    "therapy_visits": ("{} visits or more of this therapy in the year", "at most {} visits of this therapy in the year"),
    "therapy_usd": ("${} or more of this therapy in the year", "at most ${} of this therapy in the year"),
}  # fmt: skip
_YES_NO = {
    "authorization": ("an authorization number in the claim", "no authorization number in the claim"),
    "referral": ("a referral number in the claim", "no referral number in the claim"),
    "rendering_provider": ("a rendering provider beside the billing provider", "no rendering provider (NM1 82) in the claim"),
    "ordering_provider": ("an ordering provider on the line", "no ordering provider (NM1 DK) on the line"),
    "referring_provider": ("a referring provider in the claim", "no referring provider (NM1 DN) in the claim"),
    "supervising_provider": ("a supervising provider in the claim", "no supervising provider (NM1 DQ) in the claim"),
    "attending_provider": ("an attending provider in the claim", "no attending provider (NM1 71) in the claim"),
    "drug_number": ("a drug number on the line", "no drug number (LIN N4) on the line"),
    "global_period": ("within the global period of a procedure of the patient", "not within a procedure's global period"),
    "duplicate": ("the same service was billed under another claim number", "the service was not billed before"),
    "late_for_payer": ("as late as this payer has denied for late filing", "not as late as this payer has denied for late filing"),
    "truncated_diagnosis": ("a diagnosis code that is cut short", "no diagnosis code that is cut short"),
    "provider_denied_for_credentialing": ("the payer lately denied this provider for credentialing",
                                          "no credentialing denials of this provider lately"),
    "new_patient": ("a new patient", "a known patient"),
    "other_payer": ("another payer was billed for this patient before", "no other payer was billed for this patient before"),
}  # fmt: skip


def in_words(condition: Condition) -> str:
    """The condition as a phrase, payer first.

    >>> in_words((Term("authorization", "in", ("no",)), Term("payer_name", "in", ("ACME",))))
    'payer Acme, no authorization number in the claim'
    """
    first = ("payer_name", "procedure")
    ordered = sorted(condition, key=lambda term: first.index(term.feature) if term.feature in first else len(first))
    return ", ".join(_term(term) for term in ordered)


def _term(term: Term) -> str:
    name = _NAMES.get(term.feature, term.feature.replace("_", " "))
    values = [f"{v:g}" if isinstance(v, float) else str(v).replace("_", " ") for v in term.values]
    if term.feature in _YES_NO and term.operation == "in" and len(values) == 1:
        return _YES_NO[term.feature][0 if values[0] == "yes" else 1]
    if term.operation == "missing":
        return f"{name} not given"
    if term.operation in (">=", "<="):
        return _number(term, name, values[0])
    if term.feature == "payer_name":
        values = [titled(value) for value in values]
    listed = " or ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)
    if term.feature == "with_procedures":
        return f"{listed} {'billed beside it' if term.operation == 'with' else 'not billed beside it'}"
    return f"no {name} {listed}" if term.operation == "without" else f"{name} {listed}"


def _number(term: Term, name: str, value: str) -> str:
    least = term.operation == ">="
    if term.feature in _NUMBERS:
        return _NUMBERS[term.feature][0 if least else 1].format(value)
    return f"{name} {value} or {'more' if least else 'fewer'}"


def evidence(rule: Any) -> str:
    """What the rule's months of proof showed; `rule` is a row of `rules`."""
    refused = "rejected" if rule.category == "rejection" else "denied"
    return (f"{rule.denied:,.0f} of {rule.claims_matched:,.0f} such claims were {refused} from {rule.tested_from:%Y-%m} to {rule.tested_to:%Y-%m} "
            f"({rule.precision:.0%}; expect at least {rule.precision_lower:.0%}), compared with {rule.base_rate:.0%} of all")  # fmt: skip


def described(rules: pd.DataFrame) -> pd.DataFrame:
    """The rules with `words` (the condition), `sentence`, `check`, `owner` and `fix`."""
    actions = codes.table("prevention").set_index("category")
    rows = [actions.loc[c if c in actions.index else "other"] for c in rules["category"]]
    conditions = [in_words(from_json(text)) for text in rules["terms"]]
    since = [f", since {month}" if isinstance(month, str) else "" for month in rules["since"]]
    sentences = [f"Hold for {row['hold_for']}: {text}{when}; {evidence(rule)}." for row, text, when, rule in
                 zip(rows, conditions, since, rules.itertuples(), strict=True)]  # fmt: skip
    columns = {name: [row[name] for row in rows] for name in ("check", "owner", "fix")}
    terms = [from_json(text) for text in rules["terms"]]
    columns["owner"] = [_owner(owner, some) for owner, some in zip(columns["owner"], terms, strict=True)]
    columns["fix"] = [_fix(fix, some) for fix, some in zip(columns["fix"], terms, strict=True)]
    return rules.assign(words=conditions, sentence=sentences, **columns)


# What to write where, for fields that a rule finds lacking
_FIXES = {
    "rendering_provider": "Name the rendering provider (NM1 82) and send the claim.",
    "ordering_provider": "Put the ordering provider on the line (NM1 DK) and send the claim.",
    "referring_provider": "Name the referring provider (NM1 DN) and send the claim.",
    "supervising_provider": "Name the supervising provider (NM1 DQ) and send the claim.",
    "attending_provider": "Name the attending provider (NM1 71) and send the claim.",
    "drug_number": "Put the drug's number on the line (LIN N4) and send the claim.",
    "billing_taxonomy": "Put the taxonomy that the payer has on file into the claim (PRV).",
    "rendering_taxonomy": "Put the taxonomy that the payer has on file into the claim (PRV).",
}  # fmt: skip
_LACKING = (("in", ("no",)), ("missing", ()))


def _fix(usual: str, terms: Condition) -> str:
    """The field to fill where the condition says that one lacks, else the usual fix of such denials."""
    named = [_FIXES[term.feature] for term in terms if term.feature in _FIXES and term[1:] in _LACKING]
    return named[0] if named else usual


def _owner(usual: str, terms: Condition) -> str:
    """The usual owner of such denials; of trips the biller where that is the front desk, which there is none at the scene."""
    return "biller" if usual == "front desk" and any(_is_trip(term) for term in terms) else usual


def _is_trip(term: Term) -> bool:
    """Whether only ambulance lines hold the term."""
    if term.feature in ("origin", "destination"):
        return term.operation == "in"
    of_codes = term.feature in ("procedure", "procedure_family", "with_procedures") and term.operation in ("in", "with")
    if of_codes:
        return all(str(value).startswith("A0") for value in term.values)
    return term.feature == "place_of_service" and term.operation == "in" and set(term.values) <= {"41", "42"}
