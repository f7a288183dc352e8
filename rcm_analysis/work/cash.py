"""What an item is worth: usual payment, and expected cash, which is that times how often such work is paid.

The one place that says so for the work queue: the chances of open denials come from `risk.worklist`, those of the other
needs are shares of the practice's own past, drawn to the share of all where few are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis.risk import worklist

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

PRIOR_CASES = 10.0  # as by so many further cases a share is drawn to what is usual
USUAL = {
    "rejection": 0.8,
    "unanswered": 0.8,
    "unbilled": 0.85,
    "takeback": 0.4,
    "late": 0.1,
}  # where nothing is known yet
OLD_DAYS, YOUNG_DAYS = 720, 120  # cases of this age tell a share: newer ones are not settled, older ones are gone


def denials(view: View) -> pd.DataFrame:
    """Open denials with usual payment and expected cash, as the worklist ranks them."""
    found = worklist.risk(view)
    return found.assign(usual_payment=found["expected_allowed_usd"])


def payment_ratios(view: View) -> pd.DataFrame:
    """By payer, and for all (a missing payer), what is allowed of a dollar charged on paid claims: payer_name, ratio."""
    return view.execute("""
        SELECT payer_name, CAST(sum(allowed) AS DOUBLE) / CAST(sum(charge) AS DOUBLE) AS ratio
        FROM claims WHERE allowed > 0 AND paid > 0 AND charge > 0 AND allowed <= charge GROUP BY payer_name HAVING count(*) >= 5
        UNION ALL SELECT NULL, CAST(sum(allowed) AS DOUBLE) / nullif(CAST(sum(charge) AS DOUBLE), 0)
        FROM claims WHERE allowed > 0 AND paid > 0 AND charge > 0 AND allowed <= charge""").df()


def usual_payment(view: View, payers: pd.Series, charges: pd.Series) -> pd.Series:
    """What the payers would allow of the charges; missing where no payment tells."""
    ratios = payment_ratios(view)
    every = ratios.loc[ratios["payer_name"].isna(), "ratio"]
    by_payer = ratios.dropna(subset=["payer_name"]).set_index("payer_name")["ratio"]
    ratio = payers.map(by_payer).fillna(every.iloc[0] if len(every) else float("nan"))
    return (charges.astype(float) * ratio).round(2)


def paid_share(view: View, need: str) -> float:
    """How often claims with this need were paid once they were worked, of the practice's own past."""
    condition = {
        "rejection": "rejected AND submissions > 1",
        "unanswered": "acknowledged AND first_decided_on IS NOT NULL AND date_diff('day', submitted_on, first_decided_on) > 30",
        "unbilled": "first_decided_on IS NOT NULL",
    }.get(need)
    if condition is None:
        return _takebacks_repaid(view)
    won, cases = view.execute(
        f"SELECT count(*) FILTER (WHERE paid > 0 OR patient_share > 0), count(*) FROM claims WHERE {condition} "
        "AND date_diff('day', submitted_on, CAST(? AS DATE)) BETWEEN ? AND ?", [view.as_of, YOUNG_DAYS, OLD_DAYS]
    ).fetchall()[0]  # fmt: skip
    return (won + PRIOR_CASES * USUAL[need]) / (cases + PRIOR_CASES)


def late_share(view: View) -> float:
    """How often claims that were denied as filed too late were paid after all: what is still to be hoped for once a usual
    deadline has passed, which the contract may set later."""
    won, cases = view.execute("""
        SELECT count(DISTINCT claim_number) FILTER (WHERE outcome IN ('recovered', 'partly_recovered')), count(DISTINCT claim_number)
        FROM denials WHERE category = 'timely_filing' AND outcome NOT IN ('open', 'open_past_window')""").fetchall()[0]  # fmt: skip
    return (won + PRIOR_CASES * USUAL["late"]) / (cases + PRIOR_CASES)


def before_deadline(view: View, found: pd.DataFrame, need: str) -> pd.Series:
    """Expected cash of claims with a deadline and a usual payment: less where the usual deadline has passed."""
    late = pd.to_datetime(found["deadline"]) < pd.Timestamp(view.as_of)
    share = pd.Series(paid_share(view, need), found.index).where(~late, late_share(view))
    return found["usual_payment"] * share


def _takebacks_repaid(view: View) -> float:
    won, cases = view.execute("""
        SELECT count(*) FILTER (WHERE repaid > 0), count(*) FROM takebacks WHERE outcome NOT IN ('open', 'price lowered')"""
    ).fetchall()[0]  # fmt: skip
    return (won + PRIOR_CASES * USUAL["takeback"]) / (cases + PRIOR_CASES)
