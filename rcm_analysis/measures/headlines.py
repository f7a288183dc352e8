"""The numbers that more than one page tells, each counted once: `headlines(view)`.

    noun                   value   cases  whole  window
    initial_denial_rate    .152    118    775    2026-10
    open_denials           295     295
    open_denials_cash      34310

Pages, workbook, brief and tables ask for a number by its noun (`pages.nouns` has its label and definition), so that one noun
has one value. Dollars are what payers allow (`expected_allowed`), or charges where nothing tells that; money is exact in the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis.measures import by_month, measures
from rcm_analysis.store import kept
from rcm_analysis.store.content import Content

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

COLUMNS = ["noun", "value", "cases", "whole", "window"]
OPEN_STATES = "('denied_open', 'open_past_window', 'unpaid_no_reason', 'taken_back', 'appealed', 'resubmitted')"
YEAR = 12  # months of every number that does not name another window
MONTHLY = ("initial_denial_rate", "initial_denial_rate_amount", "line_denial_rate", "rejection_rate")
YEARLY = ("overturn_rate", "final_denial_rate", "net_collection_rate", "denial_write_off_share")
DAYS = ("days_to_submit", "days_to_decision")
WAITING_DAYS = 30  # from which on a claim without an answer is late


def headlines(view: View) -> pd.DataFrame:
    """Every number of `pages.nouns` that tables tell, one row per noun; what cannot be known has no value."""
    return kept.learned(view, "headlines", lambda: Content({"headlines": _all(view)})).frames["headlines"]


def rate_by_month(view: View) -> pd.DataFrame:
    """The initial denial rate of each month, as `by_month.by_month` gives it: what the one number's line draws."""
    table = measures.measure(view, names=("initial_denial_rate",))
    return by_month.by_month(table, "initial_denial_rate", as_of=view.as_of, months=view.months)


def clean_claims(view: View) -> pd.DataFrame:
    """Claims neither rejected nor initially denied by the month of their first answer: month, numerator, denominator, value."""
    first, last = view.window()
    table = view.execute(f"""
        SELECT strftime(answered_on, '%Y-%m') AS month, count(*) FILTER (WHERE clean) AS numerator, count(*) AS denominator FROM (
            SELECT coalesce(c.first_decided_on, r.rejected_on) AS answered_on, NOT coalesce(c.rejected, false) AND NOT coalesce(c.initially_denied, false) AS clean
            FROM claims c LEFT JOIN (SELECT claim_number, min(rejected_on) AS rejected_on FROM rejected_claims GROUP BY claim_number) r USING (claim_number)
            WHERE c.submitted_on IS NOT NULL AND (c.first_decided_on IS NOT NULL OR r.rejected_on IS NOT NULL))
        WHERE answered_on BETWEEN DATE '{first}' AND DATE '{last}' GROUP BY 1 ORDER BY 1""").df()
    return table.assign(value=table["numerator"] / table["denominator"])


def money_map(view: View) -> pd.DataFrame:
    """What became of the claims initially denied in the last 12 months; each claim once, so that claims and dollars add up.

    part        claims  usd
    recovered   421     158020
    patient     75      31180
    open        295     99900
    lost        586     247500

    A claim with an open line is open; else one with a line written off is lost; else recovered, else the patient's.
    """
    parts = _denied_claims(view).groupby("part").agg(claims=("claim_number", "count"), usd=("usd", "sum"))
    return parts.reindex(["recovered", "patient", "open", "lost"], fill_value=0).reset_index()


def open_of_year(view: View) -> pd.DataFrame:
    """The claims that `money_map` counts as open: claim_number, usd."""
    table = _denied_claims(view)
    return table.loc[table["part"] == "open", ["claim_number", "usd"]].reset_index(drop=True)


def _denied_claims(view: View) -> pd.DataFrame:
    """Claims initially denied in the last 12 months with what became of them; dollars are charges where no price is known."""
    first, last = view.window(YEAR)
    table = view.execute(f"""
        SELECT d.claim_number, CAST(sum(d.denied_amount) AS DOUBLE) AS charges, CAST(coalesce(sum(d.expected_allowed), 0) AS DOUBLE) AS usd,
            CASE WHEN max(CASE WHEN d.outcome IN ('recovered', 'partly_recovered', 'patient', 'lost') THEN 0 ELSE 1 END) = 1 THEN 'open'
                 WHEN max(CASE WHEN d.outcome = 'lost' THEN 1 ELSE 0 END) = 1 THEN 'lost'
                 WHEN max(CASE WHEN d.outcome IN ('recovered', 'partly_recovered') THEN 1 ELSE 0 END) = 1 THEN 'recovered' ELSE 'patient' END AS part
        FROM denials d JOIN claims c USING (claim_number) WHERE d.at_first_decision AND NOT d.is_partial
            AND c.first_decided_on BETWEEN DATE '{first}' AND DATE '{last}' GROUP BY d.claim_number ORDER BY d.claim_number""").df()
    return table if table["usd"].sum() > 0 else table.assign(usd=table["charges"])


def write_offs(view: View) -> pd.DataFrame:
    """Write-offs of the last 12 months by reason, contractual and required adjustments left out, in usual payment.

    leaf             label             kind       claims  usd      owner   fix
    documentation    Records not sent  avoidable  105     107000   biller  ...
    charity          Charity           necessary  230     12900
    """
    table = by_month.write_offs_by_leaf(view, months=YEAR)
    table = table[~table["leaf"].isin(["contractual", "regulatory"])]
    told = table["expected_allowed"].fillna(0).sum() > 0
    usd = table["expected_allowed"].fillna(0) if told else table["amount"]
    kind = (
        table["root"]
        .map({"unnecessary": "avoidable", "necessary": "necessary", "payer": "payer"})
        .fillna("unclassified")
    )
    table = table.assign(kind=kind, usd=usd, posted=table["amount"])
    return table.sort_values(["usd", "leaf"], ascending=[False, True], ignore_index=True)


def open_denials(view: View) -> pd.DataFrame:
    """Denied claims with a balance, one row each, with what work is expected to bring: the claims that `open denials` counts."""
    return by_month.largest_open(view)


def rejected_open(view: View) -> pd.DataFrame:
    """Rejected claims that were never resent and have a balance: those that `rejected, not resent` counts.

    A claim that a payer had denied before is an open denial, whatever became of its correction.
    """
    table = by_month.rejected_claims(view)
    rejected = view.execute("SELECT claim_number FROM claims WHERE state = 'rejected'").df()["claim_number"]
    return table[(table["open_balance"] > 0) & table["claim_number"].isin(rejected)].reset_index(drop=True)


def _all(view: View) -> pd.DataFrame:
    told = measures.measure(view, names=(*MONTHLY, *YEARLY, *DAYS))
    rows = [*_of_month(view, told), *_of_year(view, told), *_of_today(view), *_of_money(view), *_of_write_offs(view)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    numbers = ["value", "cases", "whole"]
    return table.assign(
        **{name: pd.to_numeric(table[name]).astype(float) for name in numbers}, window=table["window"].astype(str)
    )


Row = tuple[str, Any, Any, Any, str]


def _of_month(view: View, table: pd.DataFrame) -> list[Row]:
    """Rates of the last month, and of what was known to the practice in it; `table` as from `measures.measure`."""
    month, rows = view.month, []
    for noun in MONTHLY:
        basis = "submission_month" if noun == "rejection_rate" else "decision_month"
        own = table[
            (table["measure"] == noun)
            & (table["dimension"] == "all")
            & (table["basis"] == basis)
            & (table["month"] == month)
        ]
        last = own.iloc[-1] if len(own) else pd.Series({"value": None, "numerator": None, "denominator": None})
        rows.append((noun, last["value"], last["numerator"], last["denominator"], month))
    clean = clean_claims(view)
    last = clean[clean["month"] == month]
    rows.append(
        (
            "clean_claim_rate",
            *(last.iloc[0][["value", "numerator", "denominator"]] if len(last) else (None,) * 3),
            month,
        )
    )
    first = f"strftime(first_decided_on, '%Y-%m') = '{month}'"
    counted = view.execute(f"""SELECT count(*) FILTER (WHERE {first}), count(*) FILTER (WHERE {first} AND initially_denied),
        count(*) FILTER (WHERE strftime(submitted_on, '%Y-%m') = '{month}') FROM claims""").fetchall()[0]
    return [*rows, *((name, value, value, None, month) for name, value in
                     zip(("adjudicated_month", "denied_month", "submitted_month"), counted, strict=True))]  # fmt: skip


def _of_year(view: View, table: pd.DataFrame) -> list[Row]:
    over = by_month.over_months(view, table[table["measure"].isin(YEARLY)], months=YEAR)
    rows: list[Row] = [(noun, over.get(noun), None, None, "12 months") for noun in YEARLY]
    for noun in DAYS:
        own = table[(table["measure"] == noun) & (table["dimension"] == "all") & (table["month"] <= view.month)]
        rows.append(
            (
                noun,
                own["value"].iloc[-1] if len(own) else None,
                None,
                None,
                own["month"].iloc[-1] if len(own) else view.month,
            )
        )
    first, last = view.window(YEAR)
    within = f"BETWEEN DATE '{first}' AND DATE '{last}'"
    counted = view.execute(f"""SELECT count(*) FILTER (WHERE submitted_on {within}), count(*) FILTER (WHERE first_decided_on {within}),
        count(*) FILTER (WHERE first_decided_on {within} AND initially_denied),
        count(*) FILTER (WHERE submitted_on {within} AND rejected) FROM claims""").fetchall()[0]
    names = ("submitted", "adjudicated", "initial_denials", "rejected")
    rows += [(name, value, value, None, "12 months") for name, value in zip(names, counted, strict=True)]
    paid = view.execute(f"SELECT CAST(sum(paid) AS DOUBLE) FROM payments WHERE known_on {within}").fetchall()[0][0]
    return [*rows, ("insurer_payments", paid, None, None, "12 months"),
            ("initial_denial_rate_year", counted[2] / counted[1] if counted[1] else None, counted[2], counted[1], "12 months")]  # fmt: skip


def _of_today(view: View) -> list[Row]:
    """What stands open on the report day."""
    opened, rejected, day = open_denials(view), rejected_open(view), str(view.as_of)
    passed = int((opened["state"] == "open_past_window").sum())
    waiting = view.execute(f"""SELECT count(*), CAST(sum(open_balance) AS DOUBLE) FROM claims WHERE state IN ('submitted', 'accepted', 'pending', 'forwarded')
        AND open_balance > 0 AND last_submitted_on < DATE '{view.as_of}' - INTERVAL {WAITING_DAYS} DAY""").fetchall()[0]
    unbilled = view.execute(
        "SELECT count(*), CAST(sum(open_balance) AS DOUBLE) FROM claims WHERE state = 'unbilled' AND open_balance > 0"
    ).fetchall()[0]
    taken = view.execute(
        "SELECT count(DISTINCT claim_number), CAST(sum(amount) AS DOUBLE) FROM takebacks WHERE outcome = 'open'"
    ).fetchall()[0]
    rows: list[Row] = [
        ("open_denials", len(opened), len(opened), None, day), ("open_denials_cash", opened["expected_cash"].fillna(0).sum(), None, None, day),
        ("open_denials_balance", opened["open_balance"].sum(), None, None, day), ("past_usual_deadline", passed, passed, len(opened), day),
        ("rejected_not_resent", len(rejected), len(rejected), None, day), ("rejected_not_resent_cash", rejected["expected_allowed"].fillna(0).sum(), None, None, day),
        ("rejected_not_resent_balance", rejected["open_balance"].sum(), None, None, day),
    ]  # fmt: skip
    pairs = (("waiting", waiting), ("unbilled", unbilled), ("recoupments", taken))
    for name, (claims, usd) in pairs:
        rows += [(name, claims, claims, None, day), (f"{name}_usd", usd or 0, None, None, day)]
    return rows


def _of_money(view: View) -> list[Row]:
    flow = money_map(view)
    claims, usd = flow["claims"].sum(), flow["usd"].sum()
    rows: list[Row] = [
        ("denied_claims", claims, claims, None, "12 months"),
        ("denied_usd", usd, None, None, "12 months"),
    ]
    for part in flow.itertuples():
        rows += [
            (f"denied_{part.part}", part.claims, part.claims, claims, "12 months"),
            (f"denied_{part.part}_usd", part.usd, None, usd, "12 months"),
        ]
    return rows


def _of_write_offs(view: View) -> list[Row]:
    table, rows = write_offs(view), []
    for kind in ("avoidable", "necessary"):
        own = table[table["kind"] == kind]
        rows += [(f"{kind}_write_offs", own["usd"].sum(), None, table["usd"].sum(), "12 months"),
                 (f"{kind}_write_offs_posted", own["posted"].sum(), None, table["posted"].sum(), "12 months")]  # fmt: skip
    hidden = by_month.mismatches(view, months=YEAR)
    return [*rows, ("write_offs", table["usd"].sum(), None, None, "12 months"), ("write_offs_posted", table["posted"].sum(), None, None, "12 months"),
            ("posted_as_contractual", hidden["claim_number"].nunique(), None, None, "12 months"),
            ("posted_as_contractual_usd", hidden["amount"].sum(), None, None, "12 months")]  # fmt: skip
