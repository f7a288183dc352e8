"""The audit of a practice in one day: the ten findings by expected cash, their claims, and published figures to compare with.

A dollar is in one finding at most, so the findings may be added up: a posting belongs to its write-off leaf, an open
balance to the denial that holds it, a rejected claim to the rejection. Functions take a connection on which
`claims.derive` has run; money becomes a float here, after exact sums.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis import words
from rcm_analysis.pages import places
from rcm_analysis.reference import codes
from rcm_analysis.stats import wilson

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

LOST, AT_STAKE, REJECTED = "lost", "open", "rejected"
FEWEST = 5  # claims; below, a finding is an anecdote
COMPARABLE = ("physician", "hospital")  # claims data; opinions, guidance and folklore are no benchmark
NONE = "None published that we know of."
FITS = "same kind and year"


def evidence(view: View, *, months: int | None = None) -> pd.DataFrame:
    """Every claim that an audit counts, with what of it is lost or open (USD), and how sure the cause is.

    kind  cause          label                  claim_number  payer_name  amount  cash   on          sure
    lost  timely_filing  filed too late         C10482        UNISON      212.40  84.10  2026-03-04  high

    Lost: unnecessary write-offs posted in the last `months` whole months. Open: as of the day. `sure` is high where the
    ledger's words and the remittance agree or an open denial says its reason itself, medium where only one of them speaks
    or they differ, low where the loss is inferred from a deadline that has passed. `cash` is what payers would have allowed of
    what is lost or rejected, and what working an open denial is expected to bring.
    """
    first, last = view.window(months)
    table = view.execute(f"""
        SELECT '{LOST}' AS kind, w.leaf AS cause, f.label, w.owner, w.fix,
            CASE WHEN l.leaf = w.leaf THEN w.remit_category END AS category, w.claim_number, c.payer_name, c.location,
            c.carc, w.amount, w.expected_allowed AS cash, w.posted_on AS on, CASE WHEN w.basis = 'inferred' THEN 'low'
                WHEN l.leaf = w.leaf AND NOT w.mismatch AND w.told_by <> 'evidence' THEN 'high' ELSE 'medium' END AS sure
        FROM write_offs w JOIN write_off_leaves f USING (leaf) LEFT JOIN category_leaves l ON l.category = w.remit_category
        LEFT JOIN claims c ON c.claim_number = w.claim_number
        WHERE w.root = 'unnecessary' AND w.posted_on BETWEEN DATE '{first}' AND DATE '{last}'
        UNION ALL
        SELECT '{AT_STAKE}', coalesce(c.category, 'other'), replace(coalesce(c.category, 'other'), '_', ' '), t.owner, t.fix,
            c.category, c.claim_number, c.payer_name, c.location, c.carc, c.open_balance, o.expected_cash, c.last_denied_on,
            CASE WHEN c.carc IS NULL THEN 'medium' ELSE 'high' END
        FROM claims c LEFT JOIN (SELECT claim_number, max_by(owner, (decided_on, denied_amount, owner)) AS owner, max_by(fix, (decided_on, denied_amount, owner)) AS fix
            FROM troubled_lines WHERE NOT is_partial GROUP BY claim_number) t USING (claim_number)
        LEFT JOIN open_denials o ON o.claim_number = c.claim_number
        WHERE c.state IN ('denied_open', 'open_past_window', 'unpaid_no_reason', 'taken_back', 'appealed', 'resubmitted') AND c.open_balance > 0
        UNION ALL
        SELECT '{REJECTED}', 'rejected', 'rejected, never adjudicated', 'biller', r.fix, NULL, r.claim_number, r.payer_name,
            r.location, r.code, r.open_balance, r.expected_allowed, r.rejected_on, 'high'
        FROM rejected_claims r JOIN claims c USING (claim_number) WHERE r.open_balance > 0 AND c.state = 'rejected'
    """).df()  # fmt: skip
    table = table.astype({"amount": float, "cash": float})
    return table.sort_values(
        ["kind", "cause", "amount", "claim_number"], ascending=[True, True, False, True], ignore_index=True
    )


def by_kind(evidence: pd.DataFrame) -> pd.DataFrame:
    """Charges and expected cash by kind, always all three: lost, open, rejected.

                               amount    cash
    lost                       18201.50  8120.10
    open                       40102.00  9814.00
    rejected                       0.00     0.00
    """
    return evidence.groupby("kind")[["amount", "cash"]].sum().reindex([LOST, AT_STAKE, REJECTED], fill_value=0.0)


def claims_sent(view: View, *, months: int | None = None) -> pd.DataFrame:
    """Claims of the last months by what a finding may sit at: claim_number, payer_name, location, rendering_npi, patient."""
    first, last = view.window(months)
    sent = view.execute("SELECT claim_number, payer_name, location, rendering_npi, coalesce(patient_key, claim_number) AS patient FROM claims "
                        f"WHERE coalesce(submitted_on, service_date) BETWEEN DATE '{first}' AND DATE '{last}'").df()  # fmt: skip
    return sent.astype(dict.fromkeys(places.DIMENSIONS, "category"))  # they are counted for each finding


def with_places(found: pd.DataFrame, sent: pd.DataFrame) -> pd.DataFrame:
    """`evidence` with the provider and the patient of each claim; `sent` as from `claims_sent`."""
    whose = sent[["claim_number", "rendering_npi", "patient"]].drop_duplicates("claim_number")
    table = found.merge(whose, on="claim_number", how="left")
    return table.assign(patient=table["patient"].fillna(table["claim_number"]))


def findings(found: pd.DataFrame, *, top: int = 10, sent: pd.DataFrame | None = None) -> pd.DataFrame:
    """The largest findings by expected cash from `evidence`, numbered from 1; by charges where no payment tells prices.

    number  kind  cause          label           claims  amount    cash      owner   fix                      where_most  confidence
    1       lost  timely_filing  filed too late  212     48201.10  19110.40  biller  Send first claims ...    UNISON 61%  high

    Confidence is that of most of its dollars, and never high with fewer than five claims. `mostly` says where the finding
    sits, compared with the claims of `claims_sent`.
    """
    found = found if "cash" in found else found.assign(cash=0.0)
    base = found if sent is None else sent
    parts = dict(list(found.groupby(["kind", "cause"])))
    rows = [_finding(kind, cause, part) for (kind, cause), part in parts.items()]
    columns = [
        "kind",
        "cause",
        "label",
        "category",
        "claims",
        "amount",
        "cash",
        "owner",
        "fix",
        "confidence",
        "why_sure",
    ]
    table = pd.DataFrame(rows, columns=columns)
    order = ["cash", "amount", "kind", "cause"] if table["cash"].gt(0).any() else ["amount", "kind", "cause"]
    table = table[table["amount"] > 0].sort_values(order, ascending=[name in ("kind", "cause") for name in order])
    table = table.head(top).reset_index(drop=True)
    told = [parts[key] for key in zip(table["kind"], table["cause"], strict=True)]
    mostly = [places.said(part.assign(worth=worth_of(part)), base) for part in told]
    table.insert(
        columns.index("confidence"), "mostly", pd.Series(mostly, table.index, dtype="str" if mostly else object)
    )
    return table.assign(number=range(1, len(table) + 1))


def _finding(kind: str, cause: str, part: pd.DataFrame) -> dict:
    claims, amount, cash = part["claim_number"].nunique(), round(part["amount"].sum(), 2), round(part["cash"].sum(), 2)
    by_sure = part.groupby("sure")["amount"].sum()
    sure = (
        "low" if by_sure.get("low", 0) * 2 >= amount else "high" if by_sure.get("high", 0) * 2 >= amount else "medium"
    )
    confidence = "medium" if sure == "high" and claims < FEWEST else sure
    label = words.words(cause) if kind == AT_STAKE else part["label"].iloc[0]
    return {"kind": kind, "cause": cause, "label": label, "category": _commonest(part["category"]), "claims": claims,
            "amount": amount, "cash": cash, "owner": _commonest(part["owner"]) or "biller", "fix": _commonest(part["fix"]) or "Find the reason first.",
            "confidence": confidence, "why_sure": _why(kind, sure, claims)}  # fmt: skip


def _commonest(values: pd.Series) -> str | None:
    counts = values.dropna().value_counts()
    return str(min(counts[counts == counts.max()].index)) if len(counts) else None


def worth_of(part: pd.DataFrame) -> pd.Series:
    """What each row is worth: expected cash, or the billed amount where no payment tells prices."""
    cash = part["cash"].fillna(0.0).astype(float)
    return cash if cash.sum() > 0 else part["amount"].astype(float)


def _why(kind: str, sure: str, claims: int) -> str:
    if claims < FEWEST:
        return f"fewer than {FEWEST} claims"
    if kind != LOST:
        return "the payer's own code says it" if sure == "high" else "no code gives the reason"
    return {"high": "ledger and remits agree", "low": "inferred from a passed deadline",
            "medium": "the ledger or the remit alone says it, or they differ"}[sure]  # fmt: skip


# --- published figures -----------------------------------------------------------------------------------------------


def benchmark(name: str, *, kind: str, year: int, who: str = "") -> dict | None:
    """The published figure of a measure that fits best: same kind first, then the nearest year; None if there is none.

    Only figures whose definition can be computed here (`computed_as`): others are context and never set beside a rate.

    `who` keeps those about such payers. `fit` says honestly what differs: "same kind and year", or "other year", "hospital figures".
    """
    table = codes.table("benchmarks")
    table = table[
        (table["measure"] == name)
        & table["kind"].isin(COMPARABLE)
        & (table["computed_as"] != "")
        & table["who"].str.startswith(who)
    ]
    ranked = sorted(table.to_dict("records"), key=lambda row: (row["kind"] != kind, _years_off(row["year"], year)))
    if not ranked:
        return None
    best = ranked[0]
    differs = [f"{best['kind']} figures"] * (best["kind"] != kind) + ["other year"] * (
        _years_off(best["year"], year) > 0
    )
    return best | {
        "fit": ", ".join(differs) or FITS,
        "low": float(best["value_low"]),
        "high": float(best["value_high"]),
    }


def _years_off(text: str, year: int) -> int:
    """Years between a year and those that a figure is about: 0 inside of `2020 to 2024`."""
    known = [int(found) for found in re.findall(r"\b(?:19|20)\d\d", re.sub(r"\(.*?\)", "", text))]
    return 99 if not known else max(min(known) - year, year - max(known), 0)


def with_benchmarks(table: pd.DataFrame, view: View, *, months: int | None = None, kind: str) -> pd.DataFrame:
    """`findings` with a sentence that compares the reason's share of initial denials with a published one, and its source."""
    first, last = view.window(months)
    counts = dict(view.execute(
        "SELECT coalesce(category, 'other'), count(*) FROM claims WHERE initially_denied AND first_decided_on "
        f"BETWEEN DATE '{first}' AND DATE '{last}' GROUP BY 1").fetchall())  # fmt: skip
    said = [_beside(row["category"], counts, kind=kind, year=last.year) for row in table.to_dict("records")]
    return table.assign(benchmark=[sentence for sentence, _ in said], source=[source for _, source in said])


def _beside(category: str | None, counts: dict[str, int], *, kind: str, year: int) -> tuple[str, str]:
    published = benchmark(f"denial_share_{category}", kind=kind, year=year)
    total = sum(counts.values())
    if published is None or not total:
        return NONE, ""
    own = counts.get(category, 0) / total
    return (f"{own:.1%} of initial denials here, published {_span(published)} ({published['who']}, {published['year']}, "
            f"{published['method']}). Fit: {published['fit']}."), published["source"]  # fmt: skip


def _span(row: dict) -> str:
    return f"{row['low']:.1%}" if row["low"] == row["high"] else f"{row['low']:.1%} to {row['high']:.1%}"


# How each definition is computed on a practice: numerator, denominator and the claims it is about, over `claims`
DEFINITIONS = {
    # claims of physicians with at least one service denied in the first answer, of those answered
    "any_service_denied": ("count(*) FILTER (WHERE initially_denied)", "count(*)", "coalesce(place_of_service, '') NOT IN ('41', '42')"),
    # charges of claims denied at first or answered with a request for records, of the charges answered
    "value_denied": ("coalesce(sum(charge) FILTER (WHERE initially_denied), 0)", "coalesce(sum(charge), 0)", "true"),
}  # fmt: skip
# measure, words, class of payer ("" for all), and whom the published figure is about
SIDE_BY_SIDE = (
    ("initial_denial_rate", "Medicaid visits initially denied", "medicaid", "Medicaid"),
    ("initial_denial_rate", "Medicare visits initially denied", "medicare", "Medicare, "),
    ("initial_denial_rate", "Commercial visits initially denied", "commercial", "commercial"),
    ("initial_denial_rate_amount", "Billed amount initially denied", "", ""),
)  # fmt: skip


def comparisons(view: View, *, months: int | None = None, kind: str) -> pd.DataFrame:
    """The practice's rates beside published ones, each computed by the published figure's own definition: never blended.

    what                              denied  decided  value  lower  upper  published        verdict           fit
    Medicaid visits initially denied  310     2120     .146   .132   .162   25.0%, 2010s     below             other year
    Charges initially denied          41020   310400   .132                 11.5% to 11.8%   other population  hospital figures

    The verdict is above or below only where the whole 95 % interval is, and none where the figure is about others.
    """
    first, last = view.window(months)
    rows = []
    for name, what, payer_class, who in SIDE_BY_SIDE:
        published = benchmark(name, kind=kind, year=last.year, who=who)
        if published is None:
            continue
        numerator, denominator, about = DEFINITIONS[published["computed_as"]]
        denied, decided, top, bottom = view.execute(
            f"SELECT count(*) FILTER (WHERE initially_denied), count(*), {numerator}, {denominator} FROM claims "
            f"WHERE (? = '' OR payer_class = ?) AND {about} AND first_decided_on BETWEEN DATE '{first}' AND DATE '{last}'",
            [payer_class, payer_class]).fetchall()[0]  # fmt: skip
        rows.append({"what": what, "denied": denied, "decided": decided, "value": float(top) / float(bottom) if bottom else None, "published": f"{_span(published)}, {published['year']}",
                     "low": published["low"], "high": published["high"], "fit": published["fit"], "method": published["method"],
                     "counts": published["unit"] == "share of claims", "same": published["kind"] == kind,
                     "who": published["who"], "source": published["source"], "warning": published["warning"]})  # fmt: skip
    table = pd.DataFrame(rows)
    lower, upper = wilson(table["denied"], table["decided"])
    return table.assign(lower=lower.where(table["counts"]), upper=upper.where(table["counts"]),
                        verdict=[_verdict(row) for row in table.assign(lower=lower, upper=upper).itertuples()])  # fmt: skip


def _verdict(row: Any) -> str:
    if not row.decided:
        return "no claims"
    if not row.same or not row.counts:
        return "other population"
    return "above" if row.lower > row.high else "below" if row.upper < row.low else "within reach"


def relabelled() -> pd.DataFrame:
    """Published figures that are not what they are called, or that nobody measured: what, value, whose, warning, source.

    what                    published  who                              warning                         source
    denial_rate_practices   11.1% ...  medical practices, called MGMA's relabelled: Kodiak's share ...  https://...
    """
    table = codes.table("benchmarks")
    table = table[table["kind"] == "folklore"].reset_index(drop=True)
    value = [
        f"{row.value_low} to {row.value_high}" if row.value_low != row.value_high else row.value_low
        for row in table.itertuples()
    ]
    return pd.DataFrame({"what": table["measure"].str.replace("_", " "), "published": value, "unit": table["unit"], "who": table["who"],
                         "warning": table["warning"], "source": table["source"]})  # fmt: skip
