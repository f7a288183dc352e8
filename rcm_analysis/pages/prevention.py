"""Which denials can be stopped before the claim is sent? What page 07 says of rules, holds, chances and process gaps."""

from __future__ import annotations

from datetime import date

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts.common import hold_curve as draw_curve
from rcm_analysis.charts.common import hold_orders as draw_orders
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named

BEST = "dollars at risk"  # the order that rcm scrub --holds goes by


def offered(rules: pd.DataFrame) -> Finding:
    """How many rules hold and what they meet a month."""
    monthly = rules["avoidable_usd_per_month"].sum()
    said = (
        f"{len(rules)} rules hold for claims like those of the last months; together they meet about "
        f"{words.usd(monthly)} of denied charges a month before the claim is sent."
    )
    none = "No rule is proven on this practice's claims: nothing seen before submission foretells a denial well enough to hold a claim for it."
    return Finding(said if len(rules) else none, rank=3, amount_usd=float(monthly))


def had_they_run(curve: pd.DataFrame, *, cut: date, days: int, holds_per_day: float) -> Finding:
    """What the rules of a quarter ago would have met within so many holds a weekday; `days` of sending since."""
    fitting = curve[curve["holds_per_day"] <= holds_per_day]
    if not len(fitting):
        return Finding(f"No rule known on {cut} fits into {holds_per_day:g} holds a weekday.", rank=5, amount_usd=0.0)
    chosen = fitting.iloc[-1]
    return Finding(
        f"Had the rules known on {cut} run in the {days} days of sending since, they would have held {words.count(chosen['holds'])} claims "
        f"({chosen['holds_per_day']:.1f} a weekday), {words.count(chosen['avoided'])} of which were denied, {words.usd(chosen['avoided_usd'])}; "
        f"{words.count(chosen['false_alarms'])} holds would have been false alarms.",
        rank=5,
        amount_usd=float(chosen["avoided_usd"]),
    )


def by_dollars_at_risk(capacity: pd.DataFrame, *, cut: date, holds_per_day: float) -> Finding:
    """What the best order would have met in so many holds a weekday, against others; a row of `capacity` per order."""
    rows = capacity.set_index("order")
    if not len(rows):
        none = "No submission was answered yet, so there is no chance of a denial to hold claims by."
        return Finding(none, rank=4, amount_usd=0.0)
    best, usd = rows.loc[BEST], rows["share_of_usd"]
    said = (
        f"With {holds_per_day:g} holds a weekday given to the claims with most dollars at risk, {words.count(best['holds'])} holds would have met "
        f"{words.share(best['share_of_usd'])} of the denied dollars sent since {cut}; by chance alone {words.share(usd['chance alone'])}, "
        f"by the rules alone {words.share(usd['rules alone'])}. This is rcm scrub --holds."
    )
    alike = (
        f"No claim sent since {cut} stood out: none matched a rule or was half again as likely to be refused as usual."
    )
    return Finding(said if best["holds"] else alike, rank=4, amount_usd=float(best["avoided_usd"]))


def key_figures(rules: pd.DataFrame, kept: pd.DataFrame, *, cut: date) -> Numbers:
    """Rules offered, what they meet, and how many no longer hold."""
    earlier = f"of {len(kept)} rules of {cut} that no longer hold" if len(kept) else f"no rule was known on {cut}"
    return Numbers(
        [
            ("Rules offered", words.count(len(rules)), "proven on the newest months"),
            (
                "Denied charges met",
                words.usd(rules["avoidable_usd_per_month"].sum()),
                "a month, overlaps counted twice",
            ),
            ("Retired", words.count(kept["retired"].sum()), earlier),
        ],
        headline=(0, 1),
    )


def rules(table: pd.DataFrame) -> Table:
    """Each rule with its promise; `table` as from `wording.described`."""
    columns = named(
        "rule_id sentence check owner fix precision precision_lower false_alarms_per_100 avoidable_usd_per_month claims_matched",
        precision=Column(
            "Denied",
            "share",
            "share of the claims matched in the months of proof that were denied or rejected",
        ),
    )
    return Table(table, "rules", "Rules proven before submission", columns, rows=30)


def hold_curve(curve: pd.DataFrame, *, cut: date, claims: int) -> Figure:
    """Denied dollars met by holds a day."""
    return Figure(
        draw_curve(curve, title="What holding claims would have met"),
        name="hold_curve",
        alt=f"Steps of denied dollars met over holds a day, {len(curve)} rules",
        caption=f"Denied charges met by holds, claims sent after {cut}; n = {words.count(claims)} claims.",
        data=curve,
    )


def simulation(curve: pd.DataFrame) -> Table:
    """The same in figures."""
    columns = named(
        "threshold rules holds holds_per_day avoided avoided_usd false_alarms precision share_of_denials",
        avoided="Denials met",
    )
    return Table(curve, "simulation", "By threshold of the lower bound", columns)


def rules_later(kept: pd.DataFrame, *, cut: date) -> Table:
    """Whether the rules of a quarter ago still hold."""
    columns = named(
        "rule_id words precision_lower later_precision later_claims later_usd retired", precision_lower="Promised"
    )
    return Table(kept, "rules_later", f"Rules of {cut}: do they still hold?", columns)


def hold_orders(choices: pd.DataFrame, *, cut: date, claims: int) -> Figure:
    """Denied dollars met by as many holds, by how they are chosen."""
    return Figure(
        draw_orders(choices, title="Denied dollars met by as many holds"),
        name="hold_orders",
        alt="Share of denied dollars met over the share of claims held, by how holds are chosen",
        caption=f"Claims sent after {cut}; rules and chances as learned by then; n = {words.count(claims)} claims. "
        "A line ends level where nothing more is held.",
        data=choices,
    )


def holds_by_choice(choices: pd.DataFrame) -> Table:
    """The same in figures."""
    columns = "order share_held holds holds_per_day precision share_of_denials share_of_usd avoided_usd"
    return Table(choices, "holds_by_choice", "By share of claims held", columns, rows=9)


def chances_record(record: pd.DataFrame) -> Table:
    """Chances told and what came."""
    columns = named(
        "chance observed lower upper cases",
        observed="Denied or rejected",
        lower=Column("from", "share", "95% interval"),
        cases="Claims",
    )
    return Table(record, "chances_record", "Chances told and what came", columns)


def chances_models(table: pd.DataFrame) -> Table:
    """How the models of the chances were chosen; `table` as from `chance.choice`."""
    columns = named("predicts model log_loss brier auroc taken", taken=Column("Taken", "yes"))
    return Table(table, "chances_models", "Models compared on later claims", columns)


def credentialing_gaps(table: pd.DataFrame) -> Table:
    """Providers that a payer does not know between two dates."""
    columns = named(
        "rendering_npi payer_name first_day last_day denied decided rate denied_amount", denied_amount="USD"
    )
    return Table(table, "credentialing_gaps", "Credentialing denials by provider and payer", columns)


def authorization_requirements(table: pd.DataFrame) -> Table:
    """What payers were seen to ask for."""
    columns = named(
        "payer_name procedure without rate_without with_number rate_with denied_amount", denied_amount="USD"
    )
    return Table(table, "authorization_requirements", "Denied for authorization by payer and procedure", columns)


def front_desk(table: pd.DataFrame) -> Table:
    """Eligibility and the order of payers, by location."""
    columns = named("location category decided denied rate denied_amount", denied_amount="USD")
    return Table(table, "front_desk", "Eligibility and coordination of benefits by location", columns)


def filing_leaks(table: pd.DataFrame) -> Table:
    """What was late where filing was denied."""
    columns = named("kind claims denied_amount median_days fix", kind="What was late", denied_amount="USD")
    return Table(table, "filing_leaks", "Timely filing by kind of leak", columns)


def ambulance_papers(table: pd.DataFrame) -> Table:
    """Transports by where they began."""
    columns = named(
        "location origin claims denied rate reason denied_amount",
        reason=Column("Commonest reason", "words"),
        denied_amount="USD",
    )
    return Table(table, "ambulance_papers", "First denials of transports by origin", columns)


def definitions() -> Definitions:
    """Terms of the page."""
    rule = "A short condition on what is known before submission under which claims are mostly denied or rejected."
    bound = "Prediction for as many claims again; over the rules offered it is missed at most one time in ten."
    at_risk = (
        "The chance of a denial, or the precision of a rule matched where that is higher, times the claim's charge."
    )
    return Definitions(
        [
            ("Rule", rule, "docs/prevention.md"),
            ("Lower bound", bound, "Benjamini and Yekutieli 2005"),
            ("Dollars at risk", at_risk, "docs/prevention.md"),
            ("False alarm", "A claim that matches a rule and was paid.", "docs/prevention.md"),
        ]
    )
