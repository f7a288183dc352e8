"""Which denials can be stopped before the claim is sent? What page 07 says of checks, held claims and process gaps."""

from __future__ import annotations

from datetime import date
from functools import partial

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts.common import hold_curve as draw_curve
from rcm_analysis.charts.common import hold_orders as draw_orders
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named

ORDERS = {
    "dollars at risk": "preventable loss",
    "chance alone": "likelihood alone",
    "rules alone": "checks alone",
    "charge alone": "billed amount alone",
}
BEST = "dollars at risk"  # the order that rcm scrub --holds goes by


def offered(rules: pd.DataFrame) -> Finding:
    """How many checks work and what they catch a month."""
    monthly = rules["avoidable_usd_per_month"].sum()
    said = (
        f"Your {len(rules)} checks worked on {_proof(rules)}. They catch denials of about "
        f"{words.about(monthly)} billed a month before the claims go out."
    )
    none = "No check is proven on this practice's claims. Nothing known before submission predicts a denial well enough to hold a claim for it."
    return Finding(said if len(rules) else none, rank=3, amount_usd=float(monthly))


def _proof(rules: pd.DataFrame) -> str:
    """The months that prove the checks: a short history has too few that come after all that the search may see."""
    later = rules["learned_through"].isna() | rules["learned_through"].lt(rules["tested_from"])
    return "the latest months" if later.all() else "months that they were not found in"


def had_they_run(curve: pd.DataFrame, *, cut: date, days: int, holds_per_day: float) -> Finding:
    """What the checks of a quarter ago would have caught with so many held claims a weekday; `days` are the weekdays since."""
    fitting = curve[curve["holds_per_day"] <= holds_per_day]
    if not len(fitting):
        return Finding(
            f"No check known on {words.day(cut)} fits into {holds_per_day:g} held claims a weekday.",
            rank=5,
            amount_usd=0.0,
        )
    chosen = fitting.iloc[-1]
    return Finding(
        f"In the {days} weekdays since {words.day(cut)}, your checks would have stopped {words.count(chosen['avoided'])} denials, {words.usd(chosen['avoided_usd'])} billed. "
        f"They would have held {words.count(chosen['holds'])} claims, {words.count(chosen['false_alarms'])} of them clean.",
        rank=5,
        amount_usd=float(chosen["avoided_usd"]),
    )


def by_dollars_at_risk(capacity: pd.DataFrame, *, cut: date, holds_per_day: float) -> Finding:
    """What the best order would have caught with so many held claims a weekday; a row of `capacity` per order."""
    rows = capacity.set_index("order")
    if not len(rows):
        none = "Payers have answered no claim yet, so no likelihood of denial is known."
        return Finding(none, rank=4, amount_usd=0.0)
    best, usd = rows.loc[BEST], rows["share_of_usd"]
    said = (
        f"Holding the {holds_per_day:g} claims a weekday with the largest preventable loss would have caught {words.share(best['share_of_usd'])} of denied dollars since {words.day(cut)}. "
        f"Checks alone would have caught {words.share(usd['rules alone'])}."
    )
    alike = f"No claim submitted since {words.day(cut)} failed a check or was much likelier to be denied than usual."
    return Finding(said if best["holds"] else alike, rank=4, amount_usd=float(best["avoided_usd"]))


def key_figures(rules: pd.DataFrame, kept: pd.DataFrame, *, cut: date) -> Numbers:
    """Checks to turn on, what they catch, and how many no longer work."""
    earlier = (
        f"of {len(kept)} checks of {words.day(cut)}" if len(kept) else f"no check was known yet on {words.day(cut)}"
    )
    return Numbers(
        [
            ("Checks to turn on", words.count(len(rules)), f"they worked on {_proof(rules)}"),
            (
                "Denials caught a month",
                words.about(rules["avoidable_usd_per_month"].sum()),
                "billed; a claim that fails two checks counts in both",
            ),
            ("Checks to turn off", words.count(kept["retired"].sum()), earlier),
        ],
        headline=(0, 1),
    )


def rules(table: pd.DataFrame) -> Table:
    """Each check with what we expect of it; `table` as from `wording.described`."""
    columns = named(
        "rule_id sentence check owner fix precision precision_lower false_alarms_per_100 avoidable_usd_per_month claims_matched",
        precision=Column(
            "Denied",
            "share",
            "share of the claims that it would have held, in the months of proof, that were denied or rejected",
        ),
    )
    return Table(table, "rules", "Checks before submission", columns, rows=30)


def hold_curve(curve: pd.DataFrame, *, cut: date, claims: int) -> Figure:
    """Denied dollars caught by held claims a day."""
    return Figure(
        partial(draw_curve, curve, title="What held claims would have caught"),
        name="hold_curve",
        alt=f"Steps of denied dollars caught over claims held a day, {len(curve)} checks",
        caption=f"Billed amount of denials caught, {words.count(claims)} claims submitted after {words.day(cut)}.",
        data=curve,
    )


def simulation(curve: pd.DataFrame) -> Table:
    """The same in figures."""
    columns = named(
        "threshold rules holds holds_per_day avoided avoided_usd false_alarms precision share_of_denials",
        avoided="Denials caught",
    )
    return Table(curve, "simulation", "By how sure a check must be", columns)


def rules_later(kept: pd.DataFrame, *, cut: date) -> Table:
    """Whether the checks of a quarter ago still work."""
    columns = named(
        "rule_id words precision_lower later_precision later_claims later_usd retired",
        precision_lower="Expected at least",
    )
    return Table(kept, "rules_later", "Do last quarter's checks still work?", columns)


def hold_orders(choices: pd.DataFrame, *, cut: date, claims: int) -> Figure:
    """Denied dollars caught by as many held claims, by how they are chosen."""
    return Figure(
        partial(
            draw_orders,
            choices.assign(order=choices["order"].replace(ORDERS)),
            title="Denied dollars caught by held claims",
        ),
        name="hold_orders",
        alt="Share of denied dollars caught over the share of claims held, by how claims are chosen",
        caption=f"{words.count(claims)} claims submitted after {words.day(cut)}, with what was known by then. A line ends level where nothing more is held.",
        data=choices,
    )


def holds_by_choice(choices: pd.DataFrame) -> Table:
    """The same in figures."""
    columns = "order share_held holds holds_per_day precision share_of_denials share_of_usd avoided_usd"
    return Table(
        choices.assign(order=choices["order"].replace(ORDERS)),
        "holds_by_choice",
        "By share of claims held",
        columns,
        rows=9,
    )


def chances_record(record: pd.DataFrame) -> Table:
    """Likelihood predicted, and what happened."""
    columns = named(
        "chance observed lower upper cases",
        observed="Denied or rejected",
        lower=Column("From", "share", "95% range"),
        cases="Claims",
    )
    return Table(record, "chances_record", "Predicted and observed denials", columns)


def chances_models(table: pd.DataFrame) -> Table:
    """How the scores were chosen; `table` as from `chance.choice`."""
    columns = named("predicts model log_loss brier auroc taken", taken=Column("Used", "yes"))
    return Table(table, "chances_models", "Scores compared on later claims", columns)


def credentialing_gaps(table: pd.DataFrame) -> Table:
    """Providers that a payer does not know between two dates."""
    columns = named(
        "rendering_npi payer_name first_day last_day denied decided rate denied_amount", denied_amount="Billed, denied"
    )
    return Table(table, "credentialing_gaps", "Providers not enrolled", columns)


def authorization_requirements(table: pd.DataFrame) -> Table:
    """What payers were seen to ask for."""
    columns = named(
        "payer_name procedure without rate_without with_number rate_with denied_amount", denied_amount="Billed, denied"
    )
    return Table(table, "authorization_requirements", "Services that need authorization", columns)


def front_desk(table: pd.DataFrame) -> Table:
    """Eligibility and the order of payers, by location."""
    columns = named("location category decided denied rate denied_amount", denied_amount="Billed, denied")
    return Table(table, "front_desk", "Coverage checks by location", columns)


def filing_leaks(table: pd.DataFrame) -> Table:
    """What was late where filing was denied."""
    columns = named("kind claims denied_amount median_days fix", kind="What was late", denied_amount="Billed, denied")
    return Table(table, "filing_leaks", "Filed too late, by cause", columns)


def ambulance_papers(table: pd.DataFrame) -> Table:
    """Transports by where they began."""
    columns = named(
        "location origin claims denied rate reason denied_amount",
        reason=Column("Most frequent reason", "words"),
        denied_amount="Billed, denied",
    )
    return Table(table, "ambulance_papers", "Denied transports by origin", columns)


def definitions() -> Definitions:
    """Terms of the page."""
    rule = "A short condition on what is known before submission. Claims that meet it are mostly denied or rejected."
    bound = (
        "What we expect of as many claims again at the least, also by how the other candidates held up in later months."
    )
    at_risk = (
        "The likelihood of a denial, or the share that the failed check tells where that is higher, times the billed amount moved "
        "a third of the way to what the payer usually allows, times the share of such denials that a look can prevent."
    )
    return Definitions(
        [
            ("Check", rule, "docs/prevention.md"),
            ("Expected at least", bound, "docs/prevention.md"),
            ("Preventable loss", at_risk, "docs/prevention.md"),
            ("Clean claim held", "A claim that failed a check and was paid.", "docs/prevention.md"),
        ]
    )
