"""Why a claim stands where it stands: the dates, amounts, rows and rules that decided, in plain lines.

claim 2401: denied_open, 200.00 open
why: a denied line is open and nothing was sent since its answer of 2026-06-01
open = charge 200.00 - paid 0.00 - patient share 0.00 - contract, law and earlier payers 0.00 - written off 0.00
2026-06-01 line 1 denied 200.00: CO-24, remarks N418
    reason coordination_of_benefits, owner biller, next bill_other_payer: Look up the plan that covers the patient.
    row managed_care_patient_medicare (ours) decided category, leaf, route, fix: a Medicare contractor uses 24 for ...
    became open; usual deadlines: correct by 2027-06-01, appeal by 2026-09-29
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rcm_analysis.errors import RcmError

if TYPE_CHECKING:
    from datetime import date

    from rcm_analysis.store.view import View

# What each state says of a claim; dates in braces are the claim's own
WHY = {
    "voided": "the practice withdrew it (frequency 8, or reversed with N693)",
    "self_pay": "only the ledger knows it, and it names no payer",
    "unbilled": "a charge was posted and nothing was sent",
    "rejected": "the last acknowledgment turned it away and nothing was sent since",
    "submitted": "sent on {last_submitted_on}, no answer yet",
    "accepted": "accepted by clearinghouse or payer, no answer yet",
    "pending": "the payer answered and has not decided",
    "forwarded": "this payer passed it on (CLP02 23)",
    "appealed": "a denied line is open, and an appeal, a dispute or records sent on {acted_on} wait for an answer",
    "resubmitted": "a denied line is open, and it was resubmitted on {sent_on}, after the answer of {last_decided_on}",
    "taken_back": "a payment was taken back and no new decision stands",
    "unpaid_no_reason": "nothing was paid and the answer tells no reason",
    "open_past_window": "a denied line is open and its answer of {last_decided_on} is older than every usual deadline; nothing confirms a loss",
    "denied_open": "a denied line is open and nothing was sent since its answer of {last_decided_on}",
    "patient": "nothing is open at a payer, and the patient's share of {patient_share} still stands",
    "written_off": "a denied line, or a claim without an answer, was written off and nothing was paid",
    "partially_paid": "a part was paid, a denied line was written off",
    "paid": "decided, and nothing is open at any payer",
}  # fmt: skip


class NoClaimError(RcmError):
    """A claim number that the practice does not have."""


def explained(view: View, claim_number: str) -> list[str]:
    """What decided about the claim, line by line. Raises NoClaimError when the practice has no such claim."""
    claims = _rows(view, "SELECT * FROM claims WHERE claim_number = ?", claim_number)
    if not claims:
        raise NoClaimError(f"no claim {claim_number}; `rcm export claims` lists the numbers")
    parts = _rows(view, "SELECT * FROM claim_facts WHERE claim_number = ?", claim_number)
    said = [
        *_standing(view, claims[0], parts),
        *sorted([*_steps(view, claim_number), *_work(view, claim_number)], key=lambda text: text[:10]),
    ]
    for row in _rows(view, _DENIALS, claim_number):
        said += _denial(view, claims[0], row)
    said += [_write_off(row) for row in _rows(view, _WRITE_OFFS, claim_number)]
    return said


_DENIALS = """
    SELECT d.*, r.decided_by FROM denials d LEFT JOIN (
        SELECT DISTINCT f.claim_number, f.line_number, f.decided_on, f.carc, r.decided_by
        FROM refused_lines f JOIN line_reasons a ON a.remittance_id = f.remittance_id AND a.line_number = f.line_number AND a.carc = f.carc
        JOIN reasons r ON r.payer_class = a.payer_class AND r.group_code = coalesce(a.group_code, '') AND r.carc = coalesce(a.meant_carc, '')
            AND r.rarcs = a.rarcs AND r.families = a.families AND r.place = a.place AND r.facts = a.facts) r
        ON r.claim_number = d.claim_number AND r.line_number = d.line_number AND r.decided_on = d.decided_on AND r.carc = d.carc
    WHERE d.claim_number = ? ORDER BY d.decided_on, d.line_number"""
_WRITE_OFFS = """
    SELECT w.*, p.evidence, p.confidence FROM write_offs w LEFT JOIN (
        SELECT claim_number, known_on, -amount AS amount, code, min(evidence) AS evidence, max(confidence) AS confidence
        FROM posting_classes WHERE kind IN ('adjustment', 'write_off') GROUP BY claim_number, known_on, amount, code) p
        ON p.claim_number = w.claim_number AND p.known_on = w.posted_on AND p.amount = w.amount AND p.code IS NOT DISTINCT FROM w.code
    WHERE w.claim_number = ? ORDER BY w.posted_on, w.amount"""


def _rows(view: View, sql: str, claim_number: str) -> list[dict]:
    result = view.execute(sql, [claim_number])
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _standing(view: View, claim: dict, parts: list[dict]) -> list[str]:
    acted = _rows(view, "SELECT * FROM work_since_answer WHERE claim_number = ?", claim["claim_number"])
    told = {name: _text(value) for name, value in claim.items()}
    told["acted_on"] = _text(acted[0]["acted_on"]) if acted else "no day"
    sent = [day for day in (claim["last_submitted_on"], acted[0]["acted_on"] if acted else None) if day]
    told["sent_on"] = _text(max(sent)) if sent else "no day"
    said = [f"claim {claim['claim_number']}: {claim['state']}, {claim['open_balance']:,.2f} open",
            "why: " + WHY[claim["state"]].format(**told),
            f"payer {claim['payer_name'] or 'not known'}, class {claim['payer_class']}"]  # fmt: skip
    for part in parts:
        said.append(f"open = charge {part['charge'] or 0:,.2f} - paid {part['paid']:,.2f} - patient share {part['patient_share']:,.2f}"
                    f" - contract, law and earlier payers {part['settled']:,.2f} - written off {part['given_up']:,.2f}")  # fmt: skip
    return said


def _text(value: object) -> str:
    return "no day" if value is None else str(value)


def _steps(view: View, claim_number: str) -> list[str]:
    steps = _rows(view, "SELECT * FROM episode_steps WHERE claim_number = ? ORDER BY step", claim_number)
    return [f"{row['happened_on']:%Y-%m-%d} {row['event']} {row['kind']}" + (f", paid {row['paid']:,.2f}" if row["paid"] else "")
            for row in steps]  # fmt: skip


def _work(view: View, claim_number: str) -> list[str]:
    work = _rows(view, "SELECT * FROM work_log WHERE claim_number = ? ORDER BY known_on, row", claim_number)
    return [f"{row['known_on']:%Y-%m-%d} work log: {row['action'].replace('_', ' ')}"
            + (f", {row['outcome'].replace('_', ' ')}" if row["outcome"] else "") for row in work]  # fmt: skip


def _denial(view: View, claim: dict, row: dict) -> list[str]:
    remarks = f", remarks {row['rarcs']}" if row["rarcs"] else ""
    code = "-".join(filter(None, (row["group_code"], row["carc"]))) or "no code"
    said = [f"{row['decided_on']:%Y-%m-%d} line {row['line_number']} denied {row['denied_amount']:,.2f}: {code}{remarks}",
            f"    reason {row['category']}, owner {row['owner']}, next {row['route']}: {row['fix']}",
            *_decided(view, row["decided_by"] or "")]  # fmt: skip
    if row["expected_allowed"] is not None:
        said.append(
            f"    would have been allowed {row['expected_allowed']:,.2f} (by {row['expected_basis'].replace('_', ' ')}, "
            f"n {row['expected_lines']}), expected cash {row['expected_cash']:,.2f}"
        )
    on = f" on {row['outcome_on']:%Y-%m-%d}" if row["outcome_on"] else ""
    return [*said, f"    became {row['outcome']}{on}{_until(view, claim, row)}"]


def _decided(view: View, decided_by: str) -> list[str]:
    """The rows in force for this answer with the columns that each decided, and what else the code tables say."""
    in_force = dict(word.split("=", 1) for word in decided_by.split())
    columns: dict[str, list[str]] = {}
    for name, situation in in_force.items():
        columns.setdefault(situation, []).append(name)
    said = []
    for situation, names in columns.items():
        for found in _rows(view, "SELECT * FROM situation_rows WHERE replace(situation, ' ', '_') = ?", situation):
            said.append(
                f"    row {situation} ({found['whose']}) decided {', '.join(names)}: {found['why']} [{found['source']}]"
            )
    rest = [name for name in ("category", "owner", "route", "fix") if name not in in_force]
    return said + ([f"    by the tables of reasons and remarks: {', '.join(rest)}"] if rest else [])


def _until(view: View, claim: dict, row: dict) -> str:
    """The deadlines of an open denial, and whether a contract confirms them."""
    if row["outcome"] not in ("open", "open_past_window"):
        return ""
    clocks = {}
    for one in view.execute(
        "SELECT clock, days, confirmed FROM payer_deadlines WHERE payer_name = ? AND payer_class = ? AND clock IN ('corrected_claim', "
        "'appeal_level_1') AND ? BETWEEN valid_from AND valid_to ORDER BY confirmed",
        [claim["payer_name"] or "", claim["payer_class"], row["decided_on"]]).fetchall():  # fmt: skip
        clocks[one[0]] = one[1:]
    words = {"corrected_claim": "correct by", "appeal_level_1": "appeal by"}
    said = [f"{words[clock]} {_day(row['decided_on'], days)} ({'contract' if confirmed else 'usual, not confirmed'})"
            for clock, (days, confirmed) in sorted(clocks.items(), reverse=True)]  # fmt: skip
    return "; " + ", ".join(said) if said else ""


def _day(start: date, days: int) -> str:
    from datetime import timedelta

    return f"{start + timedelta(days=days):%Y-%m-%d}"


def _write_off(row: dict) -> str:
    against = "; posted as contractual, which no answer explains" if row["mismatch"] else ""
    words = " ".join(filter(None, (row["code"], row["reason"]))) or "no words"
    by = f" (by {row['evidence']})" if row["evidence"] in ("words", "confirmed") else (
        f" (learned: {row['evidence']})" if row["evidence"] else "")  # fmt: skip
    return f"{row['posted_on']:%Y-%m-%d} written off {row['amount']:,.2f}: {words}: {row['leaf']}, {row['root']}{by}{against}"
