"""The words of the work queue: what to do for each route and need, in at most eight words, verb first, and whose tab it is.

>>> of_denial("send_records", "documentation")
Action(claim='Send the records the payer asked for', step='Send records the payers asked for')
"""

from __future__ import annotations

from typing import NamedTuple


class Action(NamedTuple):
    """What to do with one claim, and with many of its kind."""

    claim: str
    step: str


ROUTES = {
    "send_records": Action("Send the records the payer asked for", "Send records the payers asked for"),
    "new_claim": Action("Correct and submit a new claim", "Correct and submit new claims"),
    "correct_and_resubmit": Action("Correct and resubmit the claim", "Correct and resubmit claims"),
    "reopening": Action("Ask for a clerical reopening", "Ask for clerical reopenings"),
    "appeal": Action("Appeal with records", "Appeal with records"),
    "bill_other_payer": Action("Find the other payer and bill it", "Find the other payer and bill it"),
    "bill_patient": Action("Bill the patient", "Bill patients for their share"),
    "invoice_facility": Action("Invoice the facility", "Invoice the facilities"),
    "ask_payer": Action("Ask the payer for the reason", "Ask payers for their reasons"),
    "retro_authorization": Action("Ask for a retro authorization", "Ask for retro authorizations"),
    "retro_enrollment": Action("Ask for a retro enrollment date", "Ask for retro enrollment dates"),
    "exception_request": Action("Ask for a timely filing exception", "Ask for timely filing exceptions"),
    "write_off": Action("Record the write-off reason", "Record write-off reasons"),
    "none": Action("Check whether it was correctly denied", "Check denials that look correct"),
}  # fmt: skip
# A route and a reason that the field knows by a plainer action
REASONS = {
    ("bill_other_payer", "eligibility"): Action("Find active coverage and rebill", "Find active coverage and rebill"),
    ("correct_and_resubmit", "eligibility"): Action("Correct the member number and resubmit", "Correct member numbers and resubmit"),
    ("bill_other_payer", "coordination_of_benefits"): Action("Bill the primary payer first", "Bill the primary payers first"),
    ("correct_and_resubmit", "claim_data"): Action("Add the missing information and resubmit", "Resubmit claims missing information"),
    ("new_claim", "claim_data"): Action("Add the missing information, submit anew", "Submit new claims with missing information"),
    ("correct_and_resubmit", "coding"): Action("Correct the coding and resubmit", "Correct the coding and resubmit"),
    ("correct_and_resubmit", "duplicate"): Action("Find the first claim before resubmitting", "Find first claims before resubmitting"),
    ("appeal", "medical_necessity"): Action("Appeal with records that meet policy", "Appeal medical necessity with records"),
    ("appeal", "timely_filing"): Action("Appeal with proof of timely filing", "Appeal with proof of timely filing"),
    ("appeal", "other"): Action("Decide on the next appeal level", "Decide on next appeal levels"),
    ("appeal", "authorization"): Action("Appeal the missing authorization", "Appeal missing authorizations"),
}  # fmt: skip
WAITING = Action("Ask the payer for the status", "Ask payers about resubmitted denials")
NEEDS = {
    "rejection": Action("Correct and resend the rejected claim", "Resend rejected claims before filing ends"),
    "unanswered": Action("Ask the payer for the status", "Ask payers about unanswered claims"),
    "unbilled": Action("Send the claim before filing ends", "Send unbilled claims before filing ends"),
    "takeback": Action("Dispute the recoupment", "Dispute recoupments"),
    "past_deadline": Action("Record the write-off reason", "Record write-offs past every deadline"),
    "posted_as_contractual": Action("Correct the posting code", "Correct denials written off as contractual"),
    "credit_balance": Action("Refund the credit balance", "Refund credit balances"),
    "rule": Action("Turn on the check", "Turn on checks before submission"),
}  # fmt: skip
TAKEBACKS = {
    "other_payer_primary": Action("Bill the payer that comes first", "Bill first payers after recoupments"),
    "retroactive_termination": Action("Find active coverage and rebill", "Rebill recouped claims to active coverage"),
}
# Owners as the code tables name them, and as people read them: each has a tab of the workbook
OWNERS = {
    "biller": "Biller", "front desk": "Front desk", "authorization desk": "Authorization desk", "coder": "Coder",
    "clinician": "Clinician", "enrollment": "Enrollment", "crew": "EMS crew", "payer contracting": "Contracting",
    "administrator": "Practice manager",
}  # fmt: skip
# Reasons as the field says them
SAID = {
    "documentation": "Records requested", "claim_data": "Missing information", "eligibility": "Coverage not active",
    "coordination_of_benefits": "Other insurance is primary", "non_covered": "Noncovered service",
    "credentialing": "Provider not enrolled", "other": "Denial upheld", "coding": "Coding", "duplicate": "Duplicate",
    "take_back": "Payment recouped", "unanswered": "No answer yet", "unbilled": "Not sent yet",
}  # fmt: skip


def of_denial(route: str, category: str) -> Action:
    """What to do with an open denial."""
    return REASONS.get((route, category)) or ROUTES.get(route) or ROUTES["ask_payer"]


def owner(name: str | None) -> str:
    """
    >>> owner("crew"), owner("none"), owner(None)
    ('EMS crew', 'Biller', 'Biller')
    """
    return OWNERS.get(name or "", "Biller")


def reason(category: str | None) -> str:
    """
    >>> reason("documentation"), reason("medical_necessity"), reason(None)
    ('Records requested', 'Medical necessity', '')
    """
    plain = (category or "").replace("_", " ")
    return SAID.get(category or "", plain[:1].upper() + plain[1:])
