"""One payer at a time: what it decides, how it denies, how long it takes, and what to ask it for.

Every payer is measured by the same definitions and months, so that the rows can be compared. Functions take a connection
on which `claims.derive` has run and give small pandas tables; money becomes a float here, after exact sums.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis.measures import by_month
from rcm_analysis.measures.measures import MEASURES
from rcm_analysis.stats import wilson

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

OUTCOME_MONTHS = 6  # denials are given half a year to be settled before the overturn rate counts them
NOT_NAMED = "not named"
LEVEL = 0.05  # chance that any payer is called one that denies more, where all deny alike
ASK = {
    "eligibility": "Which eligibility answer (271) did you give for the date of service, and from when was coverage ended?",
    "coordination_of_benefits": "Which other insurer do you hold on file for these members, since when, and who told you?",
    "authorization": "Which procedures need authorization since when, where was that announced, and can it be granted afterwards?",
    "claim_data": "Which field fails which edit, and can the clearinghouse have that edit before you receive the claim?",
    "credentialing": "What is the effective date of each provider on these claims, and will you reprocess from that date?",
    "coding": "Which coding rule or edit version denied these lines, and from which date of service?",
    "bundling": "Which edit pairs these codes, which modifier lifts it, and does it differ from the national edits?",
    "medical_necessity": "Which coverage policy and version was applied, and which criterion was not met?",
    "documentation": "Which record was missing, where was it asked for, and which electronic way do you accept?",
    "timely_filing": "Which receipt date do you hold, and do you accept our acknowledgment (277CA) as proof of filing?",
    "duplicate": "Which claim do you hold as the original, and what became of it?",
    "non_covered": "Which policy excludes the service, and did the member's plan change?",
    "benefit_maximum": "Which limit was reached on which day, and does the eligibility answer show what is left?",
    "network": "Which contract and network do you hold for this provider and location, since when?",
    "ambulance": "Which element of the trip record was missing, and which level would have been paid?",
    "liability": "Which other party do you hold liable, and what closes your question to the member?",
}
ASK_ANY = "Which rule led to these denials, and what would have prevented them?"


def scorecard(view: View, *, months: int | None = None) -> pd.DataFrame:
    """A row per payer, most first denials first. Rates are shares 0-1 with 95 % interval (Wilson 1927), money USD.

    payer_name  submitted  decided  denied  rate  lower  upper  days  settled  overturned  overturn_rate  unnecessary
    UNISON      1204       1180     201     .170  .150   .193   21    164      88          .537           18201.50

    Decisions by first decision and write-offs by posting in the last `months` whole months; overturns of the denials of
    as many months, ending half a year earlier. `others_rate` is the denial rate of everybody else in those months, `by_chance`
    the chance that any payer's lies so far above it where all deny alike, claims of one patient weighing together.
    """
    months = months or view.months
    first, last = view.window(months)
    settled_last = view.window(OUTCOME_MONTHS)[0] - timedelta(days=1)
    settled_first = view.window(months + OUTCOME_MONTHS)[0]
    overturn = next(m for m in MEASURES if m.name == "overturn_rate")
    decided = f"first_decided_on BETWEEN DATE '{first}' AND DATE '{last}'"
    old = f"first_decided_on BETWEEN DATE '{settled_first}' AND DATE '{settled_last}'"
    table = view.execute(f"""
        WITH given_up AS (
            SELECT claim_number, coalesce(sum(amount) FILTER (WHERE root = 'unnecessary'), 0.00) AS unnecessary,
                coalesce(sum(amount) FILTER (WHERE root <> 'unnecessary'), 0.00) AS other
            FROM write_offs WHERE leaf NOT IN ('contractual', 'regulatory') AND posted_on BETWEEN DATE '{first}' AND DATE '{last}'
            GROUP BY claim_number)
        SELECT coalesce(payer_name, '{NOT_NAMED}') AS payer_name,
            count(*) FILTER (WHERE submitted_on BETWEEN DATE '{first}' AND DATE '{last}') AS submitted,
            count(*) FILTER (WHERE {decided}) AS decided, count(*) FILTER (WHERE {decided} AND initially_denied) AS denied,
            coalesce(sum(charge) FILTER (WHERE {decided}), 0.00) AS charge,
            coalesce(sum(denied_amount) FILTER (WHERE {decided}), 0.00) AS denied_amount,
            quantile_cont(date_diff('day', submitted_on, first_decided_on), 0.5) FILTER (WHERE {decided}) AS days,
            quantile_cont(date_diff('day', submitted_on, first_decided_on), 0.9) FILTER (WHERE {decided}) AS slow_days,
            coalesce(sum({overturn.denominator}) FILTER (WHERE {old}), 0) AS settled,
            coalesce(sum({overturn.numerator}) FILTER (WHERE {old}), 0) AS overturned,
            coalesce(sum(open_balance) FILTER (WHERE ever_denied AND state IN ('denied_open', 'open_past_window', 'unpaid_no_reason', 'taken_back', 'appealed', 'resubmitted')), 0.00) AS open_denied,
            coalesce(sum(unnecessary), 0.00) AS unnecessary, coalesce(sum(other), 0.00) AS other
        FROM claims LEFT JOIN given_up USING (claim_number) GROUP BY 1""").df()  # fmt: skip
    money = [
        "charge",
        "denied_amount",
        "open_denied",
        "unnecessary",
        "other",
        "days",
        "slow_days",
        "settled",
        "overturned",
    ]
    table = _with_rates(table.astype(dict.fromkeys(money, float)))
    return table.assign(by_chance=_by_chance(table, _design_effects(view, table, decided)))


def _design_effects(view: View, table: pd.DataFrame, decided: str) -> pd.Series:
    """By how much patients who are denied again and again widen each payer's count of denials, at least 1 (Kish 1965)."""
    rate = float(table["denied"].sum() / max(table["decided"].sum(), 1))
    squares = view.execute(f"""
        SELECT payer_name, CAST(sum((denied - {rate} * decided) * (denied - {rate} * decided)) AS DOUBLE) AS beyond
        FROM (SELECT coalesce(payer_name, '{NOT_NAMED}') AS payer_name, coalesce(patient_key, claim_number) AS patient,
                  count(*) AS decided, count(*) FILTER (WHERE initially_denied) AS denied FROM claims WHERE {decided} GROUP BY 1, 2) p
        GROUP BY 1 ORDER BY 1""").df().set_index("payer_name")["beyond"]  # fmt: skip
    chance = table["decided"] * rate * (1 - rate)
    return (table["payer_name"].map(squares) / chance.where(chance > 0)).clip(lower=1.0).fillna(1.0)


def _by_chance(table: pd.DataFrame, effect: pd.Series) -> pd.Series:
    """Chance that any payer's rate lies so far above the others' where all deny alike; 1 where there are no others."""
    from scipy.special import ndtr

    cases = table["decided"] / effect
    others = cases.sum() - cases
    rate = table["denied"].sum() / max(table["decided"].sum(), 1)
    error = (rate * (1 - rate) * (1 / cases.where(cases > 0) + 1 / others.where(others > 0))) ** 0.5
    far = (table["rate"] - table["others_rate"]) / error.where(error > 0)
    return pd.Series(ndtr(-far.to_numpy(float)), table.index).mul((cases > 0).sum()).clip(upper=1.0).fillna(1.0)


def _with_rates(table: pd.DataFrame) -> pd.DataFrame:
    table = table[table[["submitted", "decided", "unnecessary", "other"]].ne(0).any(axis=1)]
    lower, upper = wilson(table["denied"], table["decided"])
    won_lower, won_upper = wilson(table["overturned"], table["settled"])
    others = table["decided"].sum() - table["decided"]
    table = table.assign(
        rate=table["denied"] / table["decided"].where(table["decided"] > 0), lower=lower, upper=upper,
        others_rate=(table["denied"].sum() - table["denied"]) / others.where(others > 0),
        overturn_rate=table["overturned"] / table["settled"].where(table["settled"] > 0),
        overturn_lower=won_lower, overturn_upper=won_upper,
    )  # fmt: skip
    return table.sort_values(["denied", "unnecessary", "payer_name"], ascending=[False, False, True], ignore_index=True)


def reasons(view: View, *, months: int | None = None) -> pd.DataFrame:
    """First denials by payer and reason: claims, denied_amount in USD, share of the payer's denials, code, and what to ask.

    payer_name  category       claims  denied_amount  share  carc  ask
    UNISON      authorization  81      40102.00       .403   197   Which procedures need authorization since when, ...
    """
    first, last = view.window(months)
    table = view.execute(f"""
        WITH told AS (SELECT *, payer_name || '  ' || category AS place FROM (
            SELECT coalesce(payer_name, '{NOT_NAMED}') AS payer_name, coalesce(category, 'other') AS category, denied_amount, carc
            FROM claims WHERE initially_denied AND first_decided_on BETWEEN DATE '{first}' AND DATE '{last}'))
        SELECT payer_name, category, count(*) AS claims, sum(denied_amount) AS denied_amount, {by_month.commonest("carc", "place")}
        FROM told GROUP BY payer_name, category, place""").df()
    table = table.astype({"denied_amount": float})
    table = table.assign(share=table["claims"] / table.groupby("payer_name")["claims"].transform("sum"),
                         ask=table["category"].map(ASK).fillna(ASK_ANY).astype(object))  # fmt: skip
    return table.sort_values(
        ["payer_name", "claims", "category"], ascending=[True, False, True], ignore_index=True
    )  # fmt: skip


def of_payer(signals: pd.DataFrame, payer_name: str) -> pd.DataFrame:
    """The changes that show at the payer; `signals` as from `trends.practice_signals`."""
    names = [any(one.get("payer_name") == payer_name for one in json.loads(parts)) for parts in signals["segments"]]
    named = pd.Series(names, index=signals.index, dtype=bool)  # a series: an empty list would pick columns
    return signals[named].reset_index(drop=True)


def outliers(cards: pd.DataFrame) -> pd.DataFrame:
    """Payers that deny more than everybody else, beyond what chance and repeat patients do to one of so many payers; the
    farthest above first."""
    above = cards[(cards["by_chance"] <= LEVEL) & (cards["rate"] > cards["others_rate"])]
    return above.assign(gap=above["rate"] - above["others_rate"]).sort_values("gap", ascending=False, ignore_index=True)
