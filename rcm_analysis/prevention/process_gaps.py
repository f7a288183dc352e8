"""Where denials repeat because a step is missing: enrollment, authorization, eligibility, filing, ambulance papers.

Every function gives a small table, worst first; money is a float in USD here, at the border.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

MIN_DENIALS = 3  # fewer are no pattern
FRONT_DESK = ("eligibility", "coordination_of_benefits")


def credentialing_gaps(view: View) -> pd.DataFrame:
    """rendering_npi, payer_name, first and last service denied for credentialing, denied, decided in that span, rate, denied_amount.

    A rate near one between the dates is a gap of enrollment; a low one is something else.
    """
    sql = f"""
        WITH refused AS (
            SELECT rendering_npi, payer_name, min(service_date) AS first_day, max(service_date) AS last_day,
                count(DISTINCT claim_number) AS denied, CAST(sum(denied_amount) AS DOUBLE) AS denied_amount
            FROM denials WHERE category = 'credentialing' AND is_first AND rendering_npi IS NOT NULL GROUP BY 1, 2),
        spans AS (
            SELECT r.rendering_npi, r.payer_name, r.first_day, r.last_day, r.denied, r.denied_amount, count(c.claim_number) AS decided
            FROM refused r LEFT JOIN claims c ON c.rendering_npi = r.rendering_npi AND c.payer_name = r.payer_name
                AND c.service_date BETWEEN r.first_day AND r.last_day AND c.first_decided_on IS NOT NULL
            WHERE r.denied >= {MIN_DENIALS} GROUP BY 1, 2, 3, 4, 5, 6)
        SELECT rendering_npi, payer_name, first_day, last_day, denied, decided, denied / greatest(decided, denied) AS rate, denied_amount
        FROM spans ORDER BY rate * denied DESC, rendering_npi, payer_name
    """
    return view.execute(sql).df()


def authorization_requirements(lines: pd.DataFrame) -> pd.DataFrame:
    """payer_name, procedure, without, denied_without, rate_without, with_number, denied_with, rate_with, denied_amount.

    `lines` from `before_submission.sent`; denied means denied for authorization. What is observed, not the contract.
    """
    if not len(lines):
        columns = [
            "payer_name",
            "procedure",
            "without",
            "denied_without",
            "rate_without",
            "with_number",
            "denied_with",
            "rate_with",
            "denied_amount",
        ]
        return pd.DataFrame(columns=columns)
    table = lines[["payer_name", "procedure", "denied_amount"]].astype({"payer_name": "str", "procedure": "str"}).assign(
        denied=lines["outcome"].eq("authorization"), has=lines["authorization"].eq("yes"))  # fmt: skip
    table["usd"] = table["denied_amount"].where(table["denied"], 0)
    keys = ["payer_name", "procedure"]
    usd = table.groupby(keys)["usd"].sum().rename("denied_amount")
    counts = {}
    for name, part in (("without", table[~table["has"]]), ("with", table[table["has"]])):
        counts[name] = part.groupby(keys)["denied"].agg(["size", "sum"])
    both = (
        counts["without"]
        .merge(counts["with"], how="outer", left_index=True, right_index=True, suffixes=("_without", "_with"))
        .fillna(0)
        .join(usd)
        .reset_index()
    )
    both = both.rename(
        columns={
            "size_without": "without",
            "sum_without": "denied_without",
            "size_with": "with_number",
            "sum_with": "denied_with",
        }
    )
    both["rate_without"] = both["denied_without"] / both["without"].where(both["without"] > 0)
    both["rate_with"] = both["denied_with"] / both["with_number"].where(both["with_number"] > 0)
    found = both[both["denied_without"] + both["denied_with"] >= MIN_DENIALS]
    return found.sort_values(["denied_amount", *keys], ascending=[False, True, True], ignore_index=True)


def front_desk(view: View) -> pd.DataFrame:
    """location, category, decided, denied, rate, denied_amount: eligibility and coordination of benefits by location."""
    sql = f"""
        WITH d AS (SELECT claim_number, category, CAST(sum(denied_amount) AS DOUBLE) AS usd FROM denials
            WHERE category IN {FRONT_DESK} AND is_first GROUP BY 1, 2),
        decided AS (SELECT location, count(*) AS decided FROM claims WHERE first_decided_on IS NOT NULL AND location IS NOT NULL GROUP BY 1)
        SELECT c.location, d.category, n.decided, count(*) AS denied, count(*) / n.decided AS rate, sum(d.usd) AS denied_amount
        FROM d JOIN claims c USING (claim_number) JOIN decided n ON n.location = c.location
        GROUP BY 1, 2, 3 ORDER BY 5 DESC, 1, 2
    """
    return view.execute(sql).df()


def filing_leaks(view: View) -> pd.DataFrame:
    """kind, claims, denied_amount, median_days from service to the last submission, fix: claims denied for timely filing by how.

    A rejection that was worked late, a correction or appeal that came late, else a first bill that went out late.
    """
    sql = """
        WITH late AS (
            SELECT d.claim_number, any_value(d.at_first_decision) AS at_first, CAST(sum(d.denied_amount) AS DOUBLE) AS usd
            FROM denials d WHERE d.category = 'timely_filing' AND d.is_first GROUP BY 1)
        SELECT CASE WHEN c.rejected AND l.at_first THEN 'rejection worked late' WHEN l.at_first THEN 'first bill late'
                WHEN c.submissions > 1 THEN 'correction late' ELSE 'appeal late' END AS kind,
            count(*) AS claims, sum(l.usd) AS denied_amount, median(date_diff('day', c.service_date, c.last_submitted_on)) AS median_days
        FROM late l JOIN claims c USING (claim_number) GROUP BY 1 ORDER BY denied_amount DESC
    """
    fixes = {"rejection worked late": "Work the rejection list every day.", "first bill late": "Watch unbilled services by age.",
             "correction late": "Send corrections before the payer's correction limit.", "appeal late": "Put appeals on a calendar with their deadlines."}  # fmt: skip
    table = view.execute(sql).df()
    return table.assign(fix=table["kind"].map(fixes))


def ambulance_papers(lines: pd.DataFrame) -> pd.DataFrame:
    """location, origin, claims, denied, rate, reason (the commonest), denied_amount of transports by where they began.

    Origin N is a nursing home, H a hospital, R a residence; the 837 names no sending facility in the stored columns.
    """
    columns = ["location", "origin", "claims", "denied", "rate", "reason", "denied_amount"]
    told = ["location", "origin", "submission_id", "outcome", "denied_amount"]
    rides = lines.loc[lines["origin"].notna(), told] if len(lines) else lines
    if not len(rides):
        return pd.DataFrame(columns=columns)
    rides = rides.astype({"location": "str", "origin": "str", "outcome": "str"})
    rides = rides.assign(location=rides["location"].fillna("not given"))
    claims = rides.groupby(["location", "origin", "submission_id"], as_index=False).agg(
        outcome=("outcome", "first"), denied_amount=("denied_amount", "sum"))  # fmt: skip
    table = claims.groupby(["location", "origin"]).agg(
        claims=("outcome", "size"), denied=("outcome", "count"), denied_amount=("denied_amount", "sum"),
        reason=("outcome", lambda values: next(iter(values.value_counts().index), "none"))).reset_index()  # fmt: skip
    table["rate"] = table["denied"] / table["claims"]
    return table.sort_values(["denied", "location", "origin"], ascending=[False, True, True], ignore_index=True)[
        columns
    ]
