"""Several practices side by side: what each denies, loses and can still collect, and how far its data can be trusted.

    cases    practice  payer_class  setting  month    decided  denied  charge    denied_amount
             alder     medicare     office   2026-10  212      19      41800.00  3120.50
    ranking  practice  money     lost      open     rejected  decided  denied  rate  adjusted  lower  upper  verdict  changes
             alder     61200.10  48211.00  12100.  889.10     2548     301     .118  .121      .107   .137   above    2

A practice's numbers are computed once, where its report is rendered, and handed over to the page that compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import settings
from rcm_analysis import words as plain_words
from rcm_analysis.claims import derive
from rcm_analysis.compare import audit, equal_mix
from rcm_analysis.measures import by_month as measures_by_month
from rcm_analysis.months import window
from rcm_analysis.pages import phrases, trust
from rcm_analysis.store import practice as store_
from rcm_analysis.trends import signals

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

ALL = "all"  # stands for every practice where a practice's name is asked for
STRATA = ("payer_class", "setting")
SETTINGS = {
    "ambulance": ("41", "42"),
    "office": ("11",),
    "hospital": ("19", "21", "22", "23"),
}  # CMS place of service codes
STALE_DAYS = 35  # remittances come at least monthly
UNANSWERED_SHARE = 0.05  # of the claims that were sent; after 60 days nearly all are answered
UNBALANCED_SHARE = 0.001
RECENT_MONTHS = 3
OF_LEDGER = ("lost", "necessary", "other")  # figures that rest on the ledger
NO_REPORTS = pd.DataFrame({"practice": pd.Series(dtype=object), "ok": pd.Series(dtype=bool),
                           "message": pd.Series(dtype=object), "href": pd.Series(dtype=object)})  # fmt: skip


@dataclass(frozen=True)
class Profiles:
    """What is known of practices; each table has a column `practice`.

    cases    first decisions by payer class, setting and month, over twice the months of the figures
    figures  a row each: USD lost and given up for good reason, open and rejected; files, dates, what is unanswered
    changes  what stands out from chance: headline, first_month, excess_amount_usd, ongoing
    reports  what became of each report: ok, message, href; empty where none was rendered
    """

    cases: pd.DataFrame
    figures: pd.DataFrame
    changes: pd.DataFrame
    reports: pd.DataFrame


def names(store: Path | str, practice: str) -> list[str]:
    """The practices meant by `all` or by names separated by commas."""
    return (
        store_.practices(store) if practice == ALL else [name.strip() for name in practice.split(",") if name.strip()]
    )


# --- gathering -----------------------------------------------------------------------------------------------------


def profile(store: Path | str, practice: str, *, as_of: date, months: int) -> Profiles:
    """One practice's numbers, a few kilobytes without any claim in them. Raises RcmError when it has no data."""
    con = derive.open_practice(store, practice, as_of=as_of)
    found = signals.changes_of(signals.practice_signals(con, months=months + 12))
    figures = _money(con, months=months) | _quality(con, months=months)
    parts = (_cases(con, months=2 * months), pd.DataFrame([figures]),
             found[["headline", "first_month", "excess_amount_usd", "ongoing"]])  # fmt: skip
    con.close()
    cases, numbers, changes = (part.assign(practice=practice) for part in parts)
    return Profiles(cases, numbers, changes, NO_REPORTS)


def together(parts: Sequence[Profiles]) -> Profiles:
    """The profiles of several practices as one. Raises ValueError when there is none."""
    tables = ([getattr(part, one.name) for part in parts] for one in fields(Profiles))
    return Profiles(*(pd.concat([t for t in some if len(t)] or some[:1], ignore_index=True) for some in tables))


@contextmanager
def handed(told: Profiles, folder: Path) -> Iterator[dict[str, str]]:
    """Writes the profiles into `folder`; gives the variable by which the notebook finds them meanwhile."""
    for one in fields(Profiles):
        getattr(told, one.name).to_parquet(folder / f"{one.name}.parquet", index=False)
    yield {settings.PORTFOLIO.name: str(folder.resolve())}


def profiles(store: Path | str, practice: str, *, as_of: date, months: int) -> Profiles:
    """The profiles handed over by `handed`, else computed here, one practice after another."""
    folder = settings.PORTFOLIO.value
    if folder:
        return Profiles(*(pd.read_parquet(Path(folder, f"{one.name}.parquet")) for one in fields(Profiles)))
    return together([profile(store, name, as_of=as_of, months=months) for name in names(store, practice)])


def _cases(view: View, *, months: int | None = None) -> pd.DataFrame:
    first, last = view.window(months)
    places = " ".join(
        f"WHEN place_of_service IN ({', '.join(map(repr, codes))}) THEN '{name}'" for name, codes in SETTINGS.items()
    )
    table = view.execute(f"""
        SELECT payer_class, CASE {places} ELSE 'elsewhere' END AS setting, strftime(first_decided_on, '%Y-%m') AS month,
            count(*) AS decided, count(*) FILTER (WHERE initially_denied) AS denied,
            coalesce(sum(charge), 0.00) AS charge, coalesce(sum(denied_amount), 0.00) AS denied_amount
        FROM claims WHERE first_decided_on BETWEEN DATE '{first}' AND DATE '{last}' GROUP BY ALL ORDER BY ALL""").df()
    return table.astype({"charge": float, "denied_amount": float})


def _money(view: View, *, months: int | None = None) -> dict[str, float]:
    """USD: avoidable and necessary write-offs posted in the months; what is open after a denial or rejected, on the day."""
    found = audit.evidence(view, months=months)
    sums, counts = found.groupby("kind")["amount"].agg("sum"), found["kind"].value_counts()
    leaves = measures_by_month.write_offs_by_leaf(view, months=months)
    leaves = leaves[~leaves["leaf"].isin(["contractual", "regulatory"])]
    kinds = {"lost": audit.LOST, "open": audit.AT_STAKE, "rejected": audit.REJECTED}
    return {
        **{name: float(sums.get(kind, 0.0)) for name, kind in kinds.items()},
        **{f"{name}_claims": int(counts.get(kind, 0)) for name, kind in kinds.items()},
        "necessary": float(leaves.loc[leaves["root"] == "necessary", "amount"].sum()),
        "other": float(leaves.loc[~leaves["root"].isin(["necessary", "unnecessary"]), "amount"].sum()),
    }  # fmt: skip


def _quality(view: View, *, months: int | None = None) -> dict[str, float]:
    """Files accepted and not, decisions, claims sent and unanswered, whether there is a ledger, balance."""
    counts = view.execute(f"""
        SELECT count(*) FILTER (WHERE submitted_on <= DATE '{view.as_of}' - INTERVAL 60 DAY AND state <> 'rejected') AS sent,
            count(*) FILTER (WHERE submitted_on <= DATE '{view.as_of}' - INTERVAL 60 DAY AND state <> 'rejected'
                AND first_decided_on IS NULL) AS unanswered,
            coalesce(bool_or(in_ledger), false) AS ledger, min(first_decided_on) AS first_decision,
            max(first_decided_on) AS last_decision, count(*) AS claims FROM claims""").df().iloc[0].to_dict()  # fmt: skip
    files = view.execute(
        "SELECT count(*) AS files, count(*) FILTER (WHERE status <> 'accepted') AS files_left_out FROM files"
    ).df()
    level = measures_by_month.balance(view).iloc[0]
    return {
        **files.iloc[0].to_dict(),
        **counts,
        "ledger_doubtful": bool(trust.ledgers(view)["doubtful"].any()),
        "one_sided": bool(phrases.one_sided(measures_by_month.decisions_told(view, months=months))),
        "items": int(level["items"]),
        "unbalanced": int(level["items"] - level["balanced"]),
    }


# --- judging -------------------------------------------------------------------------------------------------------


def of_months(cases: pd.DataFrame, *, as_of: date, months: int) -> pd.DataFrame:
    """The cases of the last `months` whole months."""
    first, last = (f"{day:%Y-%m}" for day in window(as_of, months))
    return cases[cases["month"].between(first, last)]


def ranking(told: Profiles, *, as_of: date, months: int) -> pd.DataFrame:
    """A row per practice, most money first: lost in the months plus open and rejected on the day, in USD.

    With the columns of `standardization.compare`, `lost_per_1000` (USD lost for each 1,000 USD of charges decided), `recent` (the rate of the last three months), `changes` still going on
    and `data` (what to know before believing the row). Practices without decisions stay, with missing rates. What a
    practice lost is missing where a file of its ledger is not understood.
    """
    figures = told.figures
    withheld = figures["ledger_doubtful"].fillna(False).astype(bool)
    figures = figures.assign(**{name: figures[name].mask(withheld) for name in OF_LEDGER})
    compared = equal_mix.compare(of_months(told.cases, as_of=as_of, months=months), strata=STRATA)
    recent = of_months(told.cases, as_of=as_of, months=RECENT_MONTHS).groupby("practice")[["decided", "denied"]].sum()
    going = (
        told.changes[told.changes["ongoing"].astype(bool) & (told.changes["excess_amount_usd"] > 0)]
        if len(told.changes)
        else told.changes
    )
    table = figures.merge(compared, on="practice", how="left", validate="one_to_one")
    charge = of_months(told.cases, as_of=as_of, months=months).groupby("practice")["charge"].sum()
    charge = table["practice"].map(charge)
    table = table.assign(
        money=table[["lost", "open", "rejected"]].sum(axis=1), charge=charge, lost_per_1000=1000 * table["lost"] / charge.where(charge > 0), recent=table["practice"].map(recent["denied"] / recent["decided"]),
        changes=table["practice"].map(going.groupby("practice").size()).fillna(0).astype(int),
        verdict=table["verdict"].fillna(equal_mix.ALONE), data=quality(told.figures, as_of=as_of, months=months).to_numpy(),
    )  # fmt: skip
    table[["decided", "denied"]] = table[["decided", "denied"]].fillna(0)
    return table.sort_values(["money", "practice"], ascending=[False, True], ignore_index=True)


def quality(figures: pd.DataFrame, *, as_of: date, months: int) -> pd.Series:
    """What makes a practice's numbers less than they seem, in plain words; "complete" where nothing does."""
    first = pd.Timestamp(window(as_of, months)[0])
    said = [list(_doubts(row, pd.Timestamp(as_of), first)) for row in figures.to_dict("records")]
    return pd.Series(["; ".join(one) or "complete" for one in said], figures.index, dtype=object)


def _doubts(row: dict, as_of: pd.Timestamp, first: pd.Timestamp) -> Iterator[str]:
    if pd.isna(row["last_decision"]):
        yield "no remit is known"
    elif (as_of - pd.Timestamp(row["last_decision"])).days > STALE_DAYS:
        yield f"no remit since {plain_words.month_name(str(row['last_decision'])[:7])}"
    if pd.notna(row["first_decision"]) and pd.Timestamp(row["first_decision"]) >= first + pd.DateOffset(months=1):
        yield f"begins in {plain_words.month_name(str(row['first_decision'])[:7])}"
    if row["one_sided"]:
        yield "paid claims are not in the files: denial rate too high"
    if not row["ledger"]:
        yield "no ledger: write-offs are not known"
    elif row["ledger_doubtful"]:
        yield "a ledger file is not understood: write-offs are withheld"
    if row["files_left_out"]:
        yield f"{plain_words.count(row['files_left_out'])} of {plain_words.count(row['files'])} files not or partly read"
    if row["sent"] and row["unanswered"] / row["sent"] > UNANSWERED_SHARE:
        yield f"{plain_words.share(row['unanswered'] / row['sent'])} of claims unanswered after 60 days"
    if row["items"] and row["unbalanced"] / row["items"] > UNBALANCED_SHARE:
        yield f"{plain_words.share(row['unbalanced'] / row['items'])} of paid lines do not balance"


def by_month(cases: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """practice, month, decided, denied, rate, others_rate: the small multiples, in the given order of practices."""
    table = cases.groupby(["practice", "month"], as_index=False)[["decided", "denied"]].sum()
    sums = table.groupby("month")[["decided", "denied"]].transform("sum") - table[["decided", "denied"]]
    table = table.assign(
        rate=table["denied"] / table["decided"], others_rate=sums["denied"] / sums["decided"].where(sums["decided"] > 0)
    )
    place = {name: i for i, name in enumerate(order)}
    return table[table["practice"].isin(place)].sort_values(["practice", "month"], key=lambda c: c.map(place) if c.name == "practice" else c,
                                                            ignore_index=True)  # fmt: skip


def rising(told: Profiles) -> pd.DataFrame:
    """Changes for the worse that are still running, all practices together, dearest first."""
    found = told.changes[told.changes["ongoing"].astype(bool)]
    return found[found["excess_amount_usd"] > 0].sort_values(
        ["excess_amount_usd", "practice"], ascending=[False, True], ignore_index=True
    )


def states(table: pd.DataFrame, reports: pd.DataFrame) -> pd.DataFrame:
    """Every practice with its data and what became of its report, those first that could not be read."""
    words = [("made" if row.ok else f"failed: {row.message}") for row in reports.itertuples()]
    told = reports[["practice"]].assign(report=words, unread=~reports["practice"].isin(table["practice"]))
    both = table.merge(told, on="practice", how="outer")
    both = both.assign(report=both["report"].fillna("not asked for"), data=both["data"].fillna("could not be read"))
    return both.sort_values(["unread", "money", "practice"], ascending=[False, False, True], ignore_index=True)
