"""Items that are worked together: of one root cause, of one payer and one issue, or of one place and one issue.

    project_id  kind          title                                        claims  expected_cash  owner       first_due
    P-3fa9c1    payer_issue   Meridian Blue: records requested             34      8450.00        Biller      2026-11-11
    L-07b2de    one_location  Orchard Clinic: coverage not active          44      5470.00        Front desk  2026-11-05
    G-c41a90    common_cause  Prior authorization missing, Atlas, MRI      14      3120.00        Biller      2026-11-09

A root cause is a payer's reference under which several payments were withheld, or one refused file; a common cause is a
cluster of denials. An identity stays as long as they do, so that a project is followed from report to report.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

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
UNCLUSTERED = "unclustered"
ROOT_CAUSE, PAYER_ISSUE, COMMON_CAUSE, ONE_LOCATION = "root_cause", "payer_issue", "common_cause", "one_location"


class Kind(NamedTuple):
    """A kind of project: what its items share, how many of them there are at least, and how its ids begin."""

    keys: tuple[str, ...]
    fewest: int
    mark: str


KINDS = {  # the first that fits
    ROOT_CAUSE: Kind(("root_cause", "need"), 2, "R"),
    PAYER_ISSUE: Kind(("payer_name", "need", "category"), FEWEST, "P"),
    COMMON_CAUSE: Kind(("cluster", "need"), FEWEST // 2, "G"),
    ONE_LOCATION: Kind(("location", "need", "category"), FEWEST, "L"),
}


def clustered(found: pd.DataFrame, members: pd.DataFrame | None) -> pd.Series:
    """The cluster of each open denial, missing where it is in none; `members` as the table `cluster_members`."""
    if members is None or not len(members):
        return pd.Series(None, index=found.index, dtype=object)
    firm = members.sort_values(["strength", "cluster_id"], ascending=[False, True]).drop_duplicates("claim_number")
    firm = firm[firm["cluster_id"] != UNCLUSTERED].set_index("claim_number")["cluster_id"]
    return found["claim_number"].map(firm).where(found["need"] == "denial").astype(object)


def assigned(found: pd.DataFrame) -> pd.Series:
    """The project of each item with a column `cluster`, missing where it is in none."""
    project = pd.Series(None, index=found.index, dtype=object)
    for kind in KINDS.values():
        keys = list(kind.keys)
        free = found[project.isna() & found["claim_number"].notna() & found[keys].notna().all(axis=1)]
        for key, part in free.groupby(keys, sort=True):
            if len(part) >= kind.fewest:
                project[part.index] = _identity(kind.mark, *map(str, key))
    return project


def _identity(mark: str, *parts: str) -> str:
    return f"{mark}-{hashlib.sha256(chr(31).join(parts).encode()).hexdigest()[:6]}"


def projects(view: View, found: pd.DataFrame, clusters: pd.DataFrame | None = None) -> pd.DataFrame:
    """The table `work_projects`, most expected cash first; `found` as from `items.items`, `clusters` as the table."""
    labels = (
        {}
        if clusters is None
        else {_identity("G", row.cluster_id, "denial"): row.label for row in clusters.itertuples()}
    )
    past = view.execute("""
        SELECT payer_name, location, category, claim_number, max(outcome IN ('recovered', 'partly_recovered')) AS won
        FROM denials WHERE outcome NOT IN ('open', 'open_past_window') GROUP BY 1, 2, 3, 4""").df()
    year = view.execute(f"""
        SELECT payer_name, location, category, claim_number, CAST(sum(expected_allowed) AS DOUBLE) AS usual_payment FROM denials
        WHERE at_first_decision AND NOT is_partial AND decided_on > DATE '{view.as_of}' - INTERVAL 1 YEAR GROUP BY 1, 2, 3, 4""").df()
    rows = [_facts(str(project), part, past, year, labels) for project, part in found.groupby("project", sort=False)]
    made = pd.DataFrame(rows, columns=COLUMNS)
    return made.sort_values(["expected_cash", "project_id"], ascending=[False, True], ignore_index=True)


def _facts(
    project: str, part: pd.DataFrame, past: pd.DataFrame, year: pd.DataFrame, labels: dict[str, str]
) -> dict[str, Any]:
    first = part.iloc[0]
    kind = next(name for name, one in KINDS.items() if one.mark == project[0])
    payers, places = part["payer_name"].dropna(), part["location"].dropna()
    category = part["category"].mode().iloc[0]
    like = _like(kind, first, past[past["category"] == category])
    yearly = year[year["category"] == category]
    for name, shared in (("payer_name", payers), ("location", places)):
        if shared.nunique() == 1:
            yearly = yearly[yearly[name] == shared.iloc[0]]
    return {
        "project_id": project, "kind": kind, "title": _title(kind, first, labels.get(project, "")), "need": first["need"],
        "category": category, "payer_name": payers.mode().iloc[0] if payers.nunique() == 1 else None,
        "owner": part["owner"].mode().iloc[0], "action": part["step"].mode().iloc[0], "claims": part["claim_number"].nunique(),
        "amount": float(part["amount"].sum()), "usual_payment": float(part["usual_payment"].fillna(0).sum()),
        "expected_cash": float(part["expected_cash"].fillna(0).sum()), "first_due": part["due"].min(),
        "last_deadline": part["deadline"].max(), "since": part["since"].min(),
        "top_location": places.mode().iloc[0] if len(places) else None,
        "top_location_share": float(places.value_counts(normalize=True).iloc[0]) if len(places) else None,
        "year_claims": len(yearly), "year_usual_payment": float(yearly["usual_payment"].fillna(0).sum()),
        "settled": len(like), "paid_share": float(like["won"].mean()) if len(like) else None,
        "examples": " ".join(part.sort_values("expected_cash", ascending=False)["claim_number"].head(EXAMPLES)),
    }  # fmt: skip


def _like(kind: str, first: pd.Series, table: pd.DataFrame) -> pd.DataFrame:
    """Denials of the project's payer or place, where it is of one."""
    shared = {PAYER_ISSUE: "payer_name", ONE_LOCATION: "location"}.get(kind)
    return table[table[shared] == first[shared]] if shared else table


def _title(kind: str, first: pd.Series, label: str) -> str:
    """
    >>> _title("payer_issue", pd.Series({"payer_name": "ATLAS", "category": "documentation"}), "")
    'Atlas: records requested'
    """
    if label:
        return words.titled(label.replace(" · ", ", "))
    issue = actions.reason(str(first["category"]))
    whose = {PAYER_ISSUE: "payer_name", ONE_LOCATION: "location"}.get(kind)
    begins = words.titled(str(first[whose])) if whose else "One cause"
    return f"{begins}: {issue[:1].lower() + issue[1:]}"
