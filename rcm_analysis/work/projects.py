"""Items that are worked together: of one payer and one issue, or of one root cause.

    project_id  kind          title                                        claims  expected_cash  owner       first_due
    P-3fa9c1    payer_issue   Meridian Blue: records requested             34      8450.00        Biller      2026-11-11
    P-07b2de    one_location  Orchard Clinic: coverage not active          44      5470.00        Front desk  2026-11-05
    P-c41a90    root_cause    Recoupments under one reference              28      3120.00        Contracting 2026-12-01

An identity stays as long as payer and issue do, so that a project is followed from report to report.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.store import schema
from rcm_analysis.work import actions

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

TABLE = "work_projects"
COLUMNS = [column.name for column in schema.TABLES[TABLE].columns]
FEWEST = 20  # claims of one payer and issue, or of one place and issue, that are worth a plan of their own
EXAMPLES = 3
PAYER_ISSUE, ONE_LOCATION, ROOT_CAUSE = "payer_issue", "one_location", "root_cause"
KEYS = {ROOT_CAUSE: ["root_cause"], PAYER_ISSUE: ["payer_name"], ONE_LOCATION: ["location"]}


def assigned(found: pd.DataFrame) -> pd.Series:
    """The project of each item, missing where it is in none: a root cause first, then payer, then place."""
    project = pd.Series(None, index=found.index, dtype=object)
    for kind, keys in KEYS.items():
        free = found[project.isna() & found["claim_number"].notna() & found[keys].notna().all(axis=1)]
        for key, part in free.groupby([*keys, "need", "category"], sort=True):
            if len(part) >= (2 if kind == ROOT_CAUSE else FEWEST):
                project[part.index] = _identity(kind, *map(str, key))
    return project


def _identity(*parts: str) -> str:
    return "P-" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:6]


def projects(view: View, found: pd.DataFrame) -> pd.DataFrame:
    """The table `work_projects`, most expected cash first; `found` as from `items.items`."""
    rows = [_facts(str(project), part) for project, part in found.groupby("project", sort=False)]
    made = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("settled", "paid_share")])
    past = view.execute("""
        SELECT payer_name, category, count(DISTINCT claim_number) AS settled,
            count(DISTINCT claim_number) FILTER (WHERE outcome IN ('recovered', 'partly_recovered')) / CAST(count(DISTINCT claim_number) AS DOUBLE) AS paid_share
        FROM denials WHERE outcome NOT IN ('open', 'open_past_window') GROUP BY 1, 2""").df()
    made = made.merge(past, on=["payer_name", "category"], how="left")
    return made.sort_values(["expected_cash", "project_id"], ascending=[False, True], ignore_index=True)[COLUMNS]


def _facts(project: str, part: pd.DataFrame) -> dict:
    first = part.iloc[0]
    payers, places = part["payer_name"].dropna(), part["location"].dropna()
    kind = PAYER_ISSUE if project == _identity(PAYER_ISSUE, str(first["payer_name"]), first["need"], str(first["category"])) else (
        ONE_LOCATION if project == _identity(ONE_LOCATION, str(first["location"]), first["need"], str(first["category"])) else ROOT_CAUSE
    )  # fmt: skip
    whose = {PAYER_ISSUE: first["payer_name"], ONE_LOCATION: first["location"]}.get(kind)
    issue = actions.reason(first["category"])
    title = (
        f"{words.titled(str(whose))}: {issue[:1].lower() + issue[1:]}"
        if whose
        else f"One cause: {issue[:1].lower() + issue[1:]}"
    )
    return {
        "project_id": project, "kind": kind, "title": title, "need": first["need"], "category": first["category"],
        "payer_name": payers.mode().iloc[0] if payers.nunique() == 1 else None,
        "owner": part["owner"].mode().iloc[0], "action": part["step"].mode().iloc[0], "claims": part["claim_number"].nunique(),
        "amount": float(part["amount"].sum()), "usual_payment": float(part["usual_payment"].fillna(0).sum()),
        "expected_cash": float(part["expected_cash"].fillna(0).sum()), "first_due": part["due"].min(),
        "last_deadline": part["deadline"].max(), "since": part["since"].min(),
        "top_location": places.mode().iloc[0] if len(places) else None,
        "top_location_share": float(places.value_counts(normalize=True).iloc[0]) if len(places) else None,
        "examples": " ".join(part.sort_values("expected_cash", ascending=False)["claim_number"].head(EXAMPLES)),
    }  # fmt: skip
