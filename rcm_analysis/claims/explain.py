"""Why a claim stands where it stands: the dates, amounts and rows that decided, in plain lines.

claim 2401: denied_open, 200.00 open
charge 200.00 - paid 0.00 - patient share 0.00 - contract, law and earlier payers 0.00 - written off 0.00
2026-06-01 line 1 refused 200.00: CO-24, remarks N418
    means coordination_of_benefits, biller or front desk: bill_other_payer
    row managed_care_patient_medicare: a Medicare contractor uses 24 for enrollees of a Medicare Advantage plan
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rcm_analysis.errors import RcmError

if TYPE_CHECKING:
    from rcm_analysis.store.view import View


class NoClaimError(RcmError):
    """A claim number that the practice does not have."""


def explained(view: View, claim_number: str) -> list[str]:
    """What decided about the claim, line by line. Raises NoClaimError when the practice has no such claim."""
    claims = _rows(view, "SELECT * FROM claims WHERE claim_number = ?", claim_number)
    if not claims:
        raise NoClaimError(f"no claim {claim_number}; `rcm export claims` lists the numbers")
    parts = _rows(view, "SELECT * FROM claim_facts WHERE claim_number = ?", claim_number)
    said = [*_standing(claims[0], parts), *_steps(view, claim_number)]
    for row in _rows(
        view, "SELECT * FROM denials WHERE claim_number = ? ORDER BY decided_on, line_number", claim_number
    ):
        said += _refusal(view, row)
    for row in _rows(view, "SELECT * FROM write_offs WHERE claim_number = ? ORDER BY posted_on, amount", claim_number):
        said.append(_write_off(row))
    return said


def _rows(view: View, sql: str, claim_number: str) -> list[dict]:
    result = view.execute(sql, [claim_number])
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _standing(claim: dict, parts: list[dict]) -> list[str]:
    said = [f"claim {claim['claim_number']}: {claim['state']}, {claim['open_balance']:,.2f} open",
            f"payer {claim['payer_name'] or 'not known'}, class {claim['payer_class']}"]  # fmt: skip
    for part in parts:
        said.append(f"charge {part['charge'] or 0:,.2f} - paid {part['paid']:,.2f} - patient share {part['patient_share']:,.2f}"
                    f" - contract, law and earlier payers {part['settled']:,.2f} - written off {part['given_up']:,.2f}")  # fmt: skip
    return said


def _steps(view: View, claim_number: str) -> list[str]:
    steps = _rows(view, "SELECT * FROM episode_steps WHERE claim_number = ? ORDER BY step", claim_number)
    return [f"{row['happened_on']:%Y-%m-%d} {row['event']} {row['kind']}" + (f", paid {row['paid']:,.2f}" if row["paid"] else "")
            for row in steps]  # fmt: skip


def _refusal(view: View, row: dict) -> list[str]:
    remarks = f", remarks {row['rarcs']}" if row["rarcs"] else ""
    code = "-".join(filter(None, (row["group_code"], row["carc"]))) or "no code"
    said = [f"{row['decided_on']:%Y-%m-%d} line {row['line_number']} refused {row['denied_amount']:,.2f}: {code}{remarks}",
            f"    means {row['category']}, {row['owner']}: {row['route']}; {row['fix']}"]  # fmt: skip
    decided = _rows(view, "SELECT * FROM situation_rows WHERE situation = ?", row["situation"] or "")
    said += [
        f"    row {found['situation']} ({found['whose']}): {found['why']} [{found['source']}]" for found in decided
    ]
    if not decided:
        said.append("    by the code tables: no row of situations fits")
    if row["expected_allowed"] is not None:
        said.append(
            f"    would have been allowed {row['expected_allowed']:,.2f} (by {row['expected_basis'].replace('_', ' ')}, "
            f"n {row['expected_lines']}), expected cash {row['expected_cash']:,.2f}"
        )
    on = f" on {row['outcome_on']:%Y-%m-%d}" if row["outcome_on"] else ""
    return [*said, f"    became {row['outcome']}{on}"]


def _write_off(row: dict) -> str:
    against = " (posted as contractual, which no answer explains)" if row["mismatch"] else ""
    words = " ".join(filter(None, (row["code"], row["reason"]))) or "no words"
    return (
        f"{row['posted_on']:%Y-%m-%d} written off {row['amount']:,.2f}: {words}: {row['leaf']}, {row['root']}{against}"
    )
