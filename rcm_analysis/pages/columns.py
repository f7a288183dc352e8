"""The columns of every page's tables: heading, unit and definition, once for each name.

Table(frame, "denied_by_payer", columns="payer_name denied denied_amount")
named("payer_name denied_amount", denied_amount="USD")      # where a page calls a column otherwise
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Column:
    """How a column is shown: its heading, its unit (a key of `words.FORMATS`) and a definition for the tooltip."""

    label: str
    unit: str = "text"
    note: str = ""


def named(names: str, **differing: str | Column) -> dict[str, Column]:
    """The columns of a table in the order of their names; `differing` gives a heading, or a whole column, of its own.

    >>> named("payer_name denied", denied="Denied claims")
    {'payer_name': Column(label='Payer', unit='name', note=''), 'denied': Column(label='Denied claims', unit='count', note='')}

    Raises KeyError for a name that is neither registered nor given whole.
    """
    columns = {name: _column(name, differing.get(name)) for name in names.split()}
    stray = set(differing) - set(columns)
    if stray:
        raise KeyError(f"a heading for {', '.join(sorted(stray))}, which is not among the columns")
    return columns


def _column(name: str, differing: str | Column | None) -> Column:
    if isinstance(differing, Column):
        return differing
    if name not in COLUMNS:
        raise KeyError(f"no column {name} is known; add its heading to rcm_analysis/pages/columns.py")
    return replace(COLUMNS[name], label=differing) if differing else COLUMNS[name]


COLUMNS = {
    "adjusted": Column("At equal mix", "share"),
    "advice": Column("What to do"),
    "after": Column("Rate since", "share"),
    "after_lower": Column("from", "share"),
    "after_upper": Column("to", "share"),
    "again": Column("Repeat denials", "count"),
    "amount": Column("Amount", "usd"),
    "ask": Column("Question for the payer"),
    "at_stake_usd": Column("Billed, open", "usd0", "billed amount of open denials"),
    "auroc": Column("AUROC", "share"),
    "avoidable_usd_per_month": Column("Billed a month", "usd0"),
    "avoided": Column("Denials avoided", "count"),
    "avoided_usd": Column("Billed", "usd0"),
    "balanced": Column("Balanced", "count"),
    "basis": Column("By", "words", "the date that puts a claim into a month"),
    "before": Column("Rate before", "share"),
    "before_lower": Column("from", "share"),
    "before_upper": Column("to", "share"),
    "benchmark": Column("Compared with"),
    "brier": Column("Brier"),
    "carc": Column("Commonest code", "text", "claim adjustment reason code"),
    "cases": Column("Cases", "count"),
    "cash": Column(
        "Expected cash", "cash", "what payers allow of it; of open denials, times how often the like were paid"
    ),
    "category": Column("Reason", "reason"),
    "chance": Column("Predicted", "share"),
    "changes": Column("Rising", "count", "changes for the worse, still running"),
    "charge": Column("Charge", "usd"),
    "check": Column("Check", "said"),
    "claim_number": Column("Claim"),
    "claims": Column("Claims", "count"),
    "claims_matched": Column("Claims", "count"),
    "cluster_id": Column("Group"),
    "clusters": Column("Groups", "count"),
    "code": Column("Code"),
    "compared": Column("Compared", "share", "of its claims: the others have 30 or more of such"),
    "confidence": Column("Confidence"),
    "data": Column("What to know"),
    "days": Column("Days between", "days", "middle value"),
    "days_left": Column("Days left", "count"),
    "decided": Column("Adjudicated", "count"),
    "denials": Column("Denied lines", "count"),
    "denied": Column("Denied", "count"),
    "denied_amount": Column("Billed, denied", "usd0", "billed amount denied"),
    "difference": Column("Difference", "usd", "sum of the differences, signs ignored"),
    "effect": Column("Difference", "points"),
    "error": Column("Mean error", "count"),
    "examples": Column("Claims to look at"),
    "excess_amount_usd": Column("Billed", "usd0", "billed amount of the extra denials"),
    "excess_cash_usd": Column("Expected cash", "cash", "of the extra denials"),
    "excess_count": Column("Extra denials", "count", "beyond what the rate before would give"),
    "excess_usd": Column("Beyond the others", "usd0", "billed amount denied beyond what the others' rates would give"),
    "expected": Column("Usual share", "share"),
    "expected_allowed": Column(
        "Expected cash", "cash", "what payers allow for the like; a patient's debt is what it is"
    ),
    "expected_cash": Column(
        "Expected cash",
        "cash",
        "what payers allow for the like, times how often such denials were paid when worked; patient's part included",
    ),
    "false_alarms": Column("Clean claims held", "count"),
    "false_alarms_per_100": Column("Clean claims held", "days", "per 100 claims submitted"),
    "feature": Column("What", "words"),
    "file": Column("File"),
    "files": Column("Files", "count"),
    "filing_deadline": Column("Deadline", "date"),
    "first_day": Column("From", "date"),
    "first_decision": Column("Remits from", "date"),
    "first_month": Column("Since", "month"),
    "first_week": Column("First week", "date"),
    "fit": Column("Fit"),
    "fix": Column("Fix"),
    "forecasts": Column("Forecasts", "count"),
    "headline": Column("Change", "said"),
    "high": Column("to"),
    "holds": Column("Held claims", "count"),
    "holds_per_day": Column("Held a weekday", "days"),
    "horizon": Column("Months ahead", "count"),
    "how": Column("Matched by"),
    "issuer": Column("Issuer"),
    "issuer_rate": Column(
        "Reported",
        "share",
        "an issuer's own report to CMS: marketplace claims of all its providers, by their last remit in the year",
    ),
    "item": Column("Item"),
    "items": Column("Items", "count"),
    "kind": Column("Kind"),
    "known_on": Column("Paid on", "date"),
    "label": Column("Cause", "said"),
    "largest_share": Column("In the largest", "share"),
    "last_day": Column("To", "date"),
    "last_decision": Column("to", "date"),
    "last_denied_on": Column("Denied on", "date"),
    "last_month": Column("To", "month"),
    "later_claims": Column("Claims since", "count"),
    "later_precision": Column("Denied since", "share", "of the claims since that it would have held"),
    "later_usd": Column("Billed", "usd0"),
    "leaf": Column("Write-off reason", "words"),
    "level": Column("Level"),
    "lift": Column("Times the usual"),
    "line_number": Column("Line", "count"),
    "location": Column("Location", "name"),
    "log_loss": Column("Log loss"),
    "loss": Column("Log loss"),
    "lost": Column("Avoidable write-offs", "usd0"),
    "lost_per_1000": Column("Per $1,000", "usd0", "avoidable write-offs per $1,000 adjudicated: fair to size"),
    "low": Column("from"),
    "lower": Column("from", "share"),
    "meaning": Column("What it can mean"),
    "median_days": Column("Days from service", "days", "middle value"),
    "method": Column("Method"),
    "mix": Column("Volume shift", "points", "from payer mix"),
    "model": Column("Model"),
    "money": Column("Avoidable and open", "usd0"),
    "month": Column("Month", "month"),
    "mostly": Column("Where it sits", "name"),
    "naive_error": Column("If last month repeats", "count", "error of the forecast that repeats the last month"),
    "name": Column("File"),
    "necessary": Column(
        "Necessary write-offs", "usd0", "charity, courtesy, small balances; contractual adjustments left out"
    ),
    "next_deadline": Column("Due", "date"),
    "next_step": Column("Next step"),
    "noticed_on": Column("Received", "date"),
    "number": Column("No."),
    "observed": Column("Observed", "share"),
    "on": Column("Ended before", "month"),
    "open": Column("Open", "usd0", "balances of denied claims"),
    "open_balance": Column("Balance", "usd"),
    "open_denied": Column("Open denials", "usd", "balance"),
    "order": Column("Chosen by", "said"),
    "origin": Column("Origin"),
    "other": Column("Other", "usd0"),
    "other_number": Column("Perhaps with"),
    "others_after": Column("after", "share"),
    "others_before": Column("Others during", "share"),
    "others_rate": Column("The others'", "share", "none where they have fewer than 30 claims"),
    "overturn_rate": Column("Overturned", "share"),
    "owner": Column("Owner", "said"),
    "p_write_off": Column("Likelihood", "share", "of a write-off"),
    "paid": Column("Paid", "usd"),
    "payer_class": Column("Payers", "words"),
    "payer_name": Column("Payer", "name"),
    "place": Column("Place"),
    "posted_on": Column("Posted on", "date"),
    "postings": Column("Postings", "count"),
    "practice": Column("Practice"),
    "precision": Column("Denied of held", "share"),
    "precision_lower": Column("at least", "share"),
    "predicts": Column("Predicts"),
    "preventable_amount": Column("Preventable", "usd0", "billed amount"),
    "preventable_cash": Column("Preventable cash", "cash", "expected cash of the preventable denials"),
    "procedure": Column("Procedure"),
    "published": Column("Published"),
    "q_value": Column("q value", "small", "share of false ones to expect among changes at least this clear"),
    "range": Column("Range"),
    "rarc": Column("RARC"),
    "rate": Column("Rate", "share"),
    "rate_after": Column("after", "share"),
    "rate_before": Column("Rate before", "share"),
    "rate_lower": Column("from", "share"),
    "rate_upper": Column("to", "share"),
    "rate_with": Column("denied", "share"),
    "rate_without": Column("denied", "share"),
    "reason": Column("Reason"),
    "reason_code": Column("Reason"),
    "reasons": Column("Why"),
    "recent": Column("Last 3 months", "share", "as it is"),
    "recovered_share": Column("Paid later", "share", "share of its claims that were paid later"),
    "reference": Column("Reference"),
    "rejected_on": Column("Rejected on", "date"),
    "remit_category": Column("Remit says", "words"),
    "rendering_npi": Column("NPI"),
    "report": Column("Report"),
    "retired": Column("Turned off", "yes"),
    "root": Column("Kind", "root", "avoidable or necessary"),
    "rule": Column("Check"),
    "rule_id": Column("Check"),
    "rules": Column("Checks", "count"),
    "segment": Column("Where", "name"),
    "sentence": Column("Which claims to hold, and why", "said"),
    "setting": Column("Setting"),
    "settled": Column("Closed", "count", "denials of the 12 months that ended 6 months ago"),
    "share": Column("Share", "share"),
    "share_after": Column("after", "share"),
    "share_before": Column("Share before", "share"),
    "share_held": Column("Claims held", "share", "at most"),
    "share_of_denials": Column("Of all denials", "share"),
    "share_of_usd": Column("Of all denied dollars", "share"),
    "shown": Column("Value"),
    "slow_days": Column("Slow days", "days", "nine of ten are adjudicated by then"),
    "source": Column("Source"),
    "squared": Column("Brier"),
    "stable": Column("How firm", "text", "overlap when denials are grouped anew, 0 to 1"),
    "state": Column("Status", "words"),
    "status": Column("Status"),
    "submitted": Column("Submitted", "count", "claims first submitted in these months"),
    "sure": Column("Confidence", "text", "how sure the cause is"),
    "taken": Column("Taken"),
    "text": Column("What"),
    "threshold": Column("Threshold", "share"),
    "told": Column("Predicted", "share"),
    "total": Column("Together", "points"),
    "touches": Column("Follow-ups", "count"),
    "unclassified": Column("Left unclassified", "usd"),
    "unit": Column("Of what"),
    "unnecessary": Column("Avoidable", "usd0"),
    "upper": Column("to", "share"),
    "uses": Column("Uses", "count"),
    "value": Column("Here", "share"),
    "verdict": Column("Here it is"),
    "warning": Column("Before you rely on this"),
    "what": Column("What"),
    "where": Column("Where", "name"),
    "who": Column("About"),
    "why_sure": Column("Why"),
    "with_number": Column("With number", "count"),
    "without": Column("Without number", "count"),
    "words": Column("Claims with", "said"),
    "written_off": Column("Written off", "usd"),
    "year": Column("Adjudicated in"),
}
