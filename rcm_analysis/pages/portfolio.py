"""Which practice first, and where do they differ? What page 10 says of several practices beside one another."""

from __future__ import annotations

from functools import partial

import pandas as pd

from rcm_analysis import words
from rcm_analysis.charts import portfolio as charts
from rcm_analysis.pages.blocks import Definitions, Figure, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named

ABOVE, ALONE = "above", "nothing to compare with"  # verdicts as equal_mix gives them
VERDICTS = {ABOVE: "more than chance explains", "below": "clearly less than the others"}
DRAWN = (
    "practice",
    "lost",
    "open",
    "rejected",
    "money",
    "decided",
    "denied",
    "rate",
    "adjusted",
    "lower",
    "upper",
    "verdict",
)


def first_to_visit(ranked: pd.DataFrame, *, months: int) -> Finding:
    """The practice with most money lost or open, and how it compares; `ranked` as from `portfolio.ranking`."""
    said = first_to_visit_sentence(ranked, months=months)
    return Finding(said, rank=1, kind="action", amount_usd=float(ranked["money"].iloc[0]))


def first_to_visit_sentence(ranked: pd.DataFrame, *, months: int) -> str:
    """The same as a sentence."""
    top, total = ranked.iloc[0], ranked["money"].sum()
    if total <= 0:
        return f"Nothing lost and nothing open after a denial is known in {words.count(len(ranked))} practices."
    part = f", together {words.share(top['money'] / total)} of all practices' money" if len(ranked) > 1 else ""
    still_open = f"{words.usd(top['open'] + top['rejected'])} still open{part}"
    given_up = f"{words.usd(top['lost'])} of avoidable write-offs in {months} months and "
    return f"Begin with {top['practice']}: {'' if pd.isna(top['lost']) else given_up}{still_open}. {_rate_of(top)}"


def _rate_of(row: pd.Series) -> str:
    said = f"It denies {words.share(row['rate'])} of claims"
    if row["verdict"] == ALONE:
        return f"{said}; no other practice has its payers and settings."
    return f"{said}, {words.share(row['adjusted'])} at the mix of all practices: {VERDICTS.get(row['verdict'], row['verdict'])}."


def outliers(ranked: pd.DataFrame) -> Finding:
    """Which practices deny clearly more at equal mix, and what that is in dollars."""
    excess = float(ranked["excess_usd"].clip(lower=0).sum())
    return Finding(outliers_sentence(ranked), rank=2, kind="change", amount_usd=excess)


def outliers_sentence(ranked: pd.DataFrame) -> str:
    """The same as a sentence."""
    above, compared = ranked[ranked["verdict"] == ABOVE], ranked[ranked["expected"].notna()]
    if not len(compared):
        return "No two practices share payers and settings, so that their denial rates can't be compared."
    if not len(above):
        return f"At equal mix of payers and settings, none of {words.count(len(compared))} practices denies more than chance explains."
    listed = above.sort_values("excess_usd", ascending=False).head(3)
    said = "; ".join(
        f"{row.practice} {words.share(row.adjusted)} ({words.share(row.rate)} unadjusted)"
        for row in listed.itertuples()
    )
    return (f"At equal mix of payers and settings, {words.count(len(above))} of {words.count(len(compared))} practices deny more than chance explains: {said}. "
            f"At the others' rates, {words.usd(above['excess_usd'].sum())} of charges would not have been denied.")  # fmt: skip


def latest(rising: pd.DataFrame, *, practices: int) -> Finding:
    """The dearest change that is still running; `rising` as from `portfolio.rising`."""
    excess = float(rising["excess_amount_usd"].sum())
    return Finding(latest_sentence(rising, practices=practices), rank=3, kind="change", amount_usd=excess)


def latest_sentence(rising: pd.DataFrame, *, practices: int) -> str:
    """The same as a sentence."""
    if not len(rising):
        return f"No change for the worse is going on in any of {words.count(practices)} practices, as far as can be told from chance."
    top = rising.iloc[0]
    many = (
        "One change for the worse is" if len(rising) == 1 else f"{words.count(len(rising))} changes for the worse are"
    )
    return f"{many} going on; the dearest is at {top['practice']}: {top['headline']}"


def trust(ranked: pd.DataFrame, reports: pd.DataFrame) -> Finding:
    """Which reports failed, and whose numbers need care."""
    return Finding(trust_sentence(ranked, reports), rank=4, kind="caution")


def trust_sentence(ranked: pd.DataFrame, reports: pd.DataFrame) -> str:
    """The same as a sentence."""
    doubtful = ranked[ranked["data"] != "complete"]
    said = "; ".join(f"{row.practice}: {row.data}" for row in doubtful.itertuples())
    care = f"Read with care {said}." if len(doubtful) else "Every practice's data is complete as far as can be told."
    return f"{failures(reports)} {care}".strip()


def failures(reports: pd.DataFrame) -> str:
    """Which practices' reports failed; empty where none did."""
    failed = reports[~reports["ok"].astype(bool)]
    said = "; ".join(f"{row.practice} ({row.message})" for row in failed.itertuples())
    return f"{words.count(len(failed))} of {words.count(len(reports))} reports failed: {said}." if len(failed) else ""


def key_figures(ranked: pd.DataFrame, *, months: int, month: str, as_of: str) -> Numbers:
    """Practices, dollars lost and open, and the rate of all."""
    decided = ranked["decided"].sum()
    rate = ranked["denied"].sum() / max(decided, 1)
    still_open = ranked["open"].sum() + ranked["rejected"].sum()
    unknown = ranked.loc[ranked["lost"].isna(), "practice"].tolist()
    without = f"; withheld: {', '.join(unknown)}, whose ledger is not understood" if unknown else ""
    return Numbers(
        [
            (
                "Practices",
                words.count(len(ranked)),
                f"{words.count(decided)} claims adjudicated in {months} months to {month}",
            ),
            ("Lost", words.usd(ranked["lost"].sum(min_count=1)), f"avoidable write-offs, {months} months{without}"),
            ("Still open", words.usd(still_open), f"denied or rejected, on {as_of}"),
            ("Initial denial rate", words.share(rate), f"all practices together, {months} months"),
        ],
        headline=(0, 1, 2, 3),
    )


def overview(ranked: pd.DataFrame, *, months: int, month: str, as_of: str) -> Figure:
    """Money and rates of each practice."""
    return Figure(
        partial(charts.money_and_rates, ranked, title="Money and denial rates, most money first"),
        name="portfolio_overview",
        alt=f"Bars of dollars lost and open for {len(ranked)} practices, most in {ranked['practice'].iloc[0]}; "
        "beside them each one's denial rate at equal mix with its interval",
        caption=f"Avoidable write-offs of {months} months to {month} and balances open on {as_of}. "
        "Hollow: claims initially denied divided by claims adjudicated; filled: the same at the mix of payers and settings of all practices, with its range.",
        data=ranked[list(DRAWN)],
    )


def practices(ranked: pd.DataFrame, reports: pd.DataFrame, *, months: int, month: str) -> Table:
    """Each practice, leading to its report."""
    columns = named(
        "practice money lost open lost_per_1000 necessary decided denied rate adjusted verdict recent changes",
        practice=Column("Practice", "text", "leads to its report"),
        rate=Column("Rate", "share", "initial denial rate, as it is"),
        verdict="Which is",
    )
    reached = ranked.merge(reports[["practice", "href"]], on="practice", how="left")
    title = f"The practices, {months} months to {month}"
    return Table(reached, "portfolio", title, columns, rows=30, links="href")


def trends(by_month: pd.DataFrame, *, practices: int, months: int, month: str) -> Figure:
    """Each practice's rate by month over that of the others; `by_month` as from `portfolio.by_month`."""
    return Figure(
        partial(charts.small_multiples, by_month, title="Initial denial rate by month"),
        name="portfolio_trends",
        alt=f"{min(practices, charts.MOST)} small line charts of monthly denial rates, one per practice, over the rate of the others",
        caption=f"Claims initially denied divided by claims adjudicated, {2 * months} months to {month}, {words.count(by_month['decided'].sum())} claims.",
        data=by_month,
    )


def changes(rising: pd.DataFrame) -> Table:
    """Changes for the worse that are still running."""
    columns = named(
        "practice headline first_month excess_amount_usd",
        headline="What changed",
        excess_amount_usd=Column("Charges so far", "usd0", "denied beyond the level before"),
    )
    title = "Changes for the worse still running, dearest first"
    return Table(rising, "portfolio_changes", title, columns, rows=15)


def adjusted(ranked: pd.DataFrame) -> Table:
    """Denial rates at equal mix."""
    columns = named(
        "practice decided denied rate rate_lower rate_upper adjusted lower upper verdict q_value excess_usd compared",
        verdict="Which is",
        q_value=Column("q", "small", "share of false ones to expect among those at least this different"),
    )
    return Table(ranked, "portfolio_adjusted", "Denial rates at equal mix", columns, rows=30)


def mix(table: pd.DataFrame) -> Table:
    """Payers and settings of each practice; `table` as from `equal_mix.cells_beside`."""
    columns = "practice payer_class setting decided denied rate others_rate"
    return Table(table, "portfolio_mix", "Payers and settings", columns, rows=15)


def states(table: pd.DataFrame) -> Table:
    """Each practice's data and report; `table` as from `portfolio.states`."""
    columns = "practice data files claims first_decision last_decision report"
    return Table(table, "portfolio_data", "Data and reports", columns, rows=30)


def definitions(*, level: float) -> Definitions:
    """Terms of the page; `level` of false ones among those called different."""
    lost = "Unnecessary write-offs by posting month, bad debt included, as on each practice's pages."
    equal = (
        "Denials over those expected at the other practices' rates in the same class of payer and setting, times the rate of all "
        "(indirect standardization). Interval: own chance and that of the yardstick. Two practices adjusted this way are each "
        "compared with the others, not quite with one another."
    )
    called = f"Called where chance alone would give such a difference to at most {words.share(level)} of the practices called."
    changed = "As on each practice's page on trends: what chance, mix and season don't explain."
    return Definitions(
        [
            ("Lost", lost, "write_off_leaves.csv"),
            ("At equal mix", equal, "Breslow and Day 1987; Zou and Donner 2008"),
            ("Above, below", called, "Benjamini and Hochberg 1995"),
            ("Changes", changed, "docs/trends.md"),
        ]
    )
