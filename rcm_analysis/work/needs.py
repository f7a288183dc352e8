"""What a claim can need: one declared list, from which the queue, its counts and the tabs of the workbook come.

A need is a name, what it is called, and a function from a view to one row per claim; a row may name a tab of the workbook,
else it stands in its owner's:

    claim_number  owner   route         action                               deadline    amount   expected_cash
    A17           biller  send_records  Send the records the payer asked for 2026-11-21  1840.00  412.60
    A52           coder   appeal        Appeal with records                  2027-01-14  2210.00  380.15
    B03           biller  new_claim     Correct and submit a new claim       2026-11-04  320.00   140.00

A new need (an underpayment, an appeal to decide, a trip without a claim) is one entry of `NEEDS` and one such function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis.risk import worklist
from rcm_analysis.work import actions, cash

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

REJECTED, PAST = "Rejected", "Past deadline"  # tabs beside those of the owners
# What a need's function gives; columns that it does not know may be left out
COLUMNS = ["claim_number", "payer_name", "category", "carc", "rarc", "reason", "location", "service_date", "rendering_npi",
           "owner", "route", "action", "step", "detail", "since", "deadline", "deadline_confirmed", "amount",
           "usual_payment", "expected_cash", "root_cause", "write_off_leaf", "tab"]  # fmt: skip
UNANSWERED_DAYS = 30  # a payer is asked no earlier
UNBILLED_DAYS = 30  # a claim that is not sent by then, or whose deadline is as near, is looked for
CREDIT_DAYS = 60  # within which money of Medicare and Medicaid is returned
LOOKED_BACK_DAYS = 365  # older postings are not corrected any more
GOVERNMENT = "('medicare', 'medicare_advantage', 'medicaid', 'medicaid_managed')"


@dataclass(frozen=True)
class Need:
    """A need: its name, what people call it, and what tells the claims that have it."""

    name: str
    called: str
    gather: Callable[[View], pd.DataFrame]


def denials(view: View) -> pd.DataFrame:
    """Every open denial, with the chances of the worklist."""
    found = cash.denials(view)
    claims = view.execute("SELECT claim_number, service_date, rendering_npi, state FROM claims").df()
    found = found.merge(claims, on="claim_number", how="left", validate="one_to_one")
    waits = found["next_step"].str.startswith(worklist.WAITING)
    told = [
        actions.WAITING if wait else actions.of_denial(route, category)
        for wait, route, category in zip(waits, found["route"], found["category"], strict=True)
    ]
    confirmed = _confirmed(view, found.assign(clock="corrected_claim", day=found["denied_on"]))
    return found.assign(
        action=[one.claim for one in told], step=[one.step for one in told], detail=found["next_step"],
        since=found["denied_on"], deadline=found["next_deadline"], deadline_confirmed=confirmed,
        amount=found["at_stake_usd"],
        reason=[_coded(actions.reason(category), carc, rarc)
                for category, carc, rarc in zip(found["category"], found["carc"], found["rarc"], strict=True)],
    )  # fmt: skip


def rejections(view: View) -> pd.DataFrame:
    """Rejected and not resent: those that `rejected, not resent` counts on every page, what a remittance calls
    unprocessable among them; where a confirmed filing deadline has passed, only the reason is left to record."""
    found = view.execute("""
        SELECT r.claim_number, r.payer_name, r.location, r.service_date, c.rendering_npi, r.rejected_on AS since, r.rejected_by,
            r.code, r.reason AS said, r.fix AS detail, r.filing_deadline AS deadline, CAST(r.open_balance AS DOUBLE) AS amount,
            CAST(r.expected_allowed AS DOUBLE) AS usual_payment
        FROM rejected_claims r JOIN claims c USING (claim_number) WHERE r.open_balance > 0 AND c.state = 'rejected'""").df()
    whole, said = found["rejected_by"] == "receiver", found["said"].fillna("rejected")
    confirmed = _confirmed(view, found.assign(clock="initial_filing", day=found["service_date"]))
    past = confirmed & (pd.to_datetime(found["deadline"]) < pd.Timestamp(view.as_of))
    told = [actions.NEEDS["past_deadline" if one else "rejection"] for one in past]
    return found.assign(
        owner="biller", route="resend", action=[one.claim for one in told], step=[one.step for one in told],
        category="rejection", carc=found["code"], reason=said.str[:1].str.upper() + said.str[1:] + " (" + found["code"].fillna("–") + ")",
        root_cause=("file refused " + found["since"].astype(str)).where(whole), tab=past.map({True: PAST, False: REJECTED}),
        write_off_leaf=past.map({True: "rejected_not_resubmitted"}), deadline_confirmed=confirmed,
        expected_cash=cash.before_deadline(view, found, "rejection").where(~past, 0.0),
    )  # fmt: skip


def unanswered(view: View) -> pd.DataFrame:
    """Sent, not rejected, and without an answer for longer than the payer usually takes, though it has answered others since:
    where its remittances are missing, nobody knows what it has answered."""
    found = view.execute(
        f"""
        WITH answers AS (SELECT payer_name, max(last_decided_on) AS last_on FROM claims WHERE last_decided_on IS NOT NULL GROUP BY payer_name),
        usual AS (
            SELECT payer_name, CAST(quantile_cont(date_diff('day', submitted_on, first_decided_on), 0.95) AS INTEGER) AS days
            FROM claims WHERE first_decided_on >= submitted_on GROUP BY payer_name HAVING count(*) >= 20)
        SELECT c.claim_number, c.payer_name, c.location, c.service_date, c.rendering_npi, c.last_submitted_on AS since,
            c.filing_deadline AS deadline, CAST(c.open_balance AS DOUBLE) AS amount
        FROM claims c JOIN answers a ON a.payer_name = c.payer_name LEFT JOIN usual u ON u.payer_name = c.payer_name
        WHERE c.state IN ('submitted', 'accepted', 'pending', 'forwarded') AND c.open_balance > 0 AND c.first_decided_on IS NULL
            AND date_diff('day', c.last_submitted_on, CAST(? AS DATE)) > greatest(coalesce(u.days, 0), {UNANSWERED_DAYS})
            AND date_diff('day', c.last_submitted_on, a.last_on) > greatest(coalesce(u.days, 0), {UNANSWERED_DAYS})""",
        [view.as_of],
    ).df()
    told = actions.NEEDS["unanswered"]
    usual = cash.usual_payment(view, found["payer_name"], found["amount"])
    return found.assign(
        owner="biller", route="ask_payer", action=told.claim, step=told.step, category="unanswered", reason="No answer yet",
        detail="Look it up in the payer's portal; if it is not on file, send it again before filing ends.",
        deadline_confirmed=_confirmed(view, found.assign(clock="initial_filing", day=found["service_date"])),
        usual_payment=usual, expected_cash=cash.before_deadline(view, found.assign(usual_payment=usual), "unanswered"),
    )  # fmt: skip


def unbilled(view: View) -> pd.DataFrame:
    """In the ledger and never sent, for a month or with a filing deadline within one."""
    found = view.execute(
        f"""
        SELECT claim_number, payer_name, location, service_date, rendering_npi, service_date AS since, filing_deadline AS deadline,
            CAST(open_balance AS DOUBLE) AS amount
        FROM claims WHERE state = 'unbilled' AND open_balance > 0
            AND (date_diff('day', service_date, CAST(? AS DATE)) > {UNBILLED_DAYS} OR date_diff('day', CAST(? AS DATE), filing_deadline) <= {UNBILLED_DAYS})""",
        [view.as_of, view.as_of],
    ).df()
    told = actions.NEEDS["unbilled"]
    usual = cash.usual_payment(view, found["payer_name"], found["amount"])
    return found.assign(
        owner="biller", route="send", action=told.claim, step=told.step, category="unbilled", reason="Not sent yet",
        detail="The ledger has the charge and no 837 file does: find out why it is held.",
        deadline_confirmed=_confirmed(view, found.assign(clock="initial_filing", day=found["service_date"])),
        usual_payment=usual, expected_cash=cash.before_deadline(view, found.assign(usual_payment=usual), "unbilled"),
    )  # fmt: skip


def takebacks(view: View) -> pd.DataFrame:
    """Payments taken back and not settled since."""
    found = view.execute("""
        SELECT t.claim_number, max(t.payer_name) AS payer_name, max(c.location) AS location, max(c.service_date) AS service_date,
            max(c.rendering_npi) AS rendering_npi, max(t.taken_back_on) AS since, min(t.dispute_until) AS deadline,
            coalesce(bool_or(t.dispute_confirmed), false) AS deadline_confirmed, max_by(t.kind, t.amount) AS kind,
            CAST(sum(t.amount - t.repaid) AS DOUBLE) AS amount, max(t.plb_reference) AS reference
        FROM takebacks t JOIN claims c USING (claim_number) WHERE t.outcome = 'open' GROUP BY t.claim_number""").df()
    told = [actions.TAKEBACKS.get(kind, actions.NEEDS["takeback"]) for kind in found["kind"]]
    share = cash.paid_share(view, "takeback") if len(found) else 0.0
    return found.assign(
        owner=found["kind"].map({"review": "payer contracting"}).fillna("biller"), category=found["kind"], carc=None,
        route=found["kind"].map({"review": "dispute"}).fillna("bill_other_payer"),
        action=[one.claim for one in told], step=[one.step for one in told],
        reason="Recouped: " + found["kind"].str.replace("_", " "), detail="Payment taken back by the payer.",
        usual_payment=found["amount"], expected_cash=found["amount"] * share, root_cause=found["reference"],
    )  # fmt: skip


def past_deadline(view: View) -> pd.DataFrame:
    """Denied, with every confirmed deadline passed and no posting that says so yet."""
    found = view.execute("""
        SELECT w.claim_number, max(c.payer_name) AS payer_name, max(c.location) AS location, max(c.service_date) AS service_date,
            max(c.rendering_npi) AS rendering_npi, max(c.last_denied_on) AS since, max(w.posted_on) AS deadline,
            CAST(sum(w.amount) AS DOUBLE) AS amount, max_by(w.leaf, w.amount) AS write_off_leaf, max(c.last_category) AS category,
            max(c.carc) AS carc, max(c.rarc) AS rarc, CAST(sum(w.expected_allowed) AS DOUBLE) AS usual_payment
        FROM write_offs w JOIN claims c USING (claim_number) WHERE w.basis = 'inferred' GROUP BY w.claim_number""").df()
    found["reason"] = [
        _coded(actions.reason(category), carc, rarc)
        for category, carc, rarc in zip(found["category"], found["carc"], found["rarc"], strict=True)
    ]
    told = actions.NEEDS["past_deadline"]
    return found.assign(owner="biller", route="write_off", action=told.claim, step=told.step, expected_cash=0.0, tab=PAST,
                        detail="Every confirmed deadline has passed: look for proof that it was worked in time, else post the reason.",
                        deadline_confirmed=True)  # fmt: skip


def posted_as_contractual(view: View) -> pd.DataFrame:
    """Denials of the last year that were posted under the code of a contractual adjustment."""
    found = view.execute(
        """
        SELECT w.claim_number, max(c.payer_name) AS payer_name, max(c.location) AS location, max(c.service_date) AS service_date,
            max(c.rendering_npi) AS rendering_npi, max(w.posted_on) AS since, CAST(sum(w.amount) AS DOUBLE) AS amount,
            max_by(w.leaf, w.amount) AS write_off_leaf, max(w.remit_category) AS category, max(c.carc) AS carc, max(c.rarc) AS rarc,
            CAST(sum(w.expected_allowed) AS DOUBLE) AS usual_payment,
            CAST(max(c.expected_cash) AS DOUBLE) / nullif(CAST(max(c.expected_allowed) AS DOUBLE), 0) AS chance,
            max(c.last_denied_on) AS denied_on, max(c.payer_class) AS payer_class
        FROM write_offs w JOIN claims c USING (claim_number)
        WHERE w.mismatch AND w.posted_on > CAST(? AS DATE) - INTERVAL 365 DAY GROUP BY w.claim_number HAVING sum(w.amount) > 0""",
        [view.as_of],
    ).df()
    found = found.merge(_appeal_days(view), on=["payer_name", "payer_class"], how="left")
    denied = pd.to_datetime(found["denied_on"])
    found["deadline"] = denied + pd.to_timedelta(found["days"], unit="D")
    ahead = found["deadline"] >= pd.Timestamp(view.as_of)
    told = actions.NEEDS["posted_as_contractual"]
    return found.assign(
        deadline=found["deadline"].where(ahead), deadline_confirmed=found["confirmed"].eq(True) & ahead,
        owner="biller", route="correct_posting", action=told.claim, step=told.step,
        detail="Reverse the contractual adjustment and work the denial that it hides.",
        reason="Written off as contractual: " + found["category"].fillna("denial").map(lambda c: actions.reason(c).lower()),
        expected_cash=(found["usual_payment"] * found["chance"]).where(ahead, 0.0),
    )  # fmt: skip


def credit_balances(view: View) -> pd.DataFrame:
    """More was paid than charged; money of the government is returned within 60 days."""
    found = view.execute(
        f"""
        SELECT a.claim_number, c.payer_name, c.location, c.service_date, c.rendering_npi, CAST(a.amount AS DOUBLE) AS amount,
            coalesce(c.closed_on, c.last_decided_on) AS since,
            CASE WHEN c.payer_class IN {GOVERNMENT} THEN coalesce(c.closed_on, c.last_decided_on) + INTERVAL {CREDIT_DAYS} DAY END AS deadline
        FROM compliance_alerts a JOIN claims c USING (claim_number) WHERE a.kind = 'credit_balance'""",
    ).df()
    told = actions.NEEDS["credit_balance"]
    return found.assign(owner="biller", route="refund", action=told.claim, step=told.step, category="credit_balance",
                        reason="Credit balance", detail="Find who was overpaid, and return it.", deadline_confirmed=False,
                        expected_cash=0.0)  # fmt: skip


# The more urgent of two needs with one due day comes first
NEEDS: tuple[Need, ...] = (
    Need("denial", "Open denials", denials),
    Need("takeback", "Recoupments", takebacks),
    Need("rejection", "Rejected, not resent", rejections),
    Need("unbilled", "Unbilled claims", unbilled),
    Need("unanswered", "Unanswered claims", unanswered),
    Need("posted_as_contractual", "Denials written off as contractual", posted_as_contractual),
    Need("credit_balance", "Credit balances", credit_balances),
    Need("past_deadline", "Past every deadline", past_deadline),
)  # fmt: skip
RULE = "rule"  # the one need without a claim: a check to turn on
CALLED = {need.name: need.called for need in NEEDS} | {RULE: "Checks to turn on"}


def rules(learned: pd.DataFrame, *, today: date, ratio: float) -> pd.DataFrame:
    """Checks that are proven and may be turned on; what they prevent a month is told at usual payment."""
    told = actions.NEEDS[RULE]
    return pd.DataFrame({
        "rule_id": learned["rule_id"], "category": learned["category"], "owner": learned["owner"], "route": "turn_on",
        "action": told.claim, "step": told.claim + ": " + learned["words"].astype(str), "detail": learned["sentence"],
        "reason": [actions.reason(one) for one in learned["category"]], "since": pd.Timestamp(today),
        "claims": learned["claims_matched"], "amount": learned["denied_usd"].astype(float),
        "monthly_usd": learned["avoidable_usd_per_month"].astype(float) * ratio,
    })  # fmt: skip


def _coded(reason: str, carc: str | None, rarc: str | None) -> str:
    """
    >>> _coded("Records requested", "226", "N706"), _coded("Coding", "4", "none")
    ('Records requested (226/N706)', 'Coding (4)')
    """
    codes = "/".join(str(code) for code in (carc, rarc) if code and code != "none" and not pd.isna(code))
    return f"{reason} ({codes})" if codes else reason


def _confirmed(view: View, found: pd.DataFrame) -> pd.Series:
    """Whether a contract tells the deadline: of the clock in `clock`, of terms that held on `day`."""
    if not len(found):
        return pd.Series(False, index=found.index)
    asked = pd.DataFrame({"place": range(len(found)), "number": found["claim_number"].to_numpy(), "asked": found["clock"].to_numpy(),
                          "day": pd.to_datetime(found["day"].astype(object)).to_numpy()})  # fmt: skip
    view.register("asked_frame", asked)
    try:
        held = view.execute("""
            SELECT DISTINCT a.place FROM asked_frame a JOIN claims c ON c.claim_number = a.number
            JOIN payer_deadlines d ON d.payer_name = c.payer_name AND d.payer_class = c.payer_class AND d.clock = a.asked
            WHERE d.confirmed AND CAST(a.day AS DATE) BETWEEN d.valid_from AND d.valid_to""").fetchall()
    finally:
        view.unregister("asked_frame")
    return pd.Series(asked["place"].isin([place for (place,) in held]).to_numpy(), index=found.index)


def _appeal_days(view: View) -> pd.DataFrame:
    """Days to appeal by payer and class, a contract's before the usual ones."""
    return view.execute("""
        SELECT payer_name, payer_class, max_by(days, confirmed) AS days, bool_or(confirmed) AS confirmed FROM payer_deadlines
        WHERE clock = 'appeal_level_1' AND CAST(? AS DATE) BETWEEN valid_from AND valid_to GROUP BY payer_name, payer_class""",
        [view.as_of]).df()  # fmt: skip
