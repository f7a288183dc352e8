"""The work queue: one item per claim and need, with action, owner, due day, expected cash and project.

    item_id        claim_number  need       action                               owner   due         amount   expected_cash  tab
    A17:denial     A17           denial     Send the records the payer asked for Biller  2026-11-12  1840.00  412.60         Biller
    B03:rejection  B03           rejection  Correct and resend the rejected claim Biller 2026-11-02  320.00   140.00         Rejected
    R4:rule                      rule       Turn on the check                    Coder   2026-11-06  2200.00                 This week

`items(view)` gives the table `work_items`, `projects(items)` groups of it, `this_week(items)` the rows of Monday's list,
`counts(items)` how many items each need has and in which tab their claims stand.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.spreadsheets.worklists import TO_DO
from rcm_analysis.store import schema
from rcm_analysis.work import actions, cash, days, needs, projects, status

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

TABLE = "work_items"
COLUMNS = [column.name for column in schema.TABLES[TABLE].columns]
SOON_DAYS = 7  # what is due so soon stands first
WEEK_TAB = "This week"
COLLECT, PREVENT = "Collect", "Prevent"
NOWHERE = ("none", "not named", "")  # in the place of a name where no file gives one
LEAST_USD = 1  # that a step brings
MOST_COLLECT, MOST_PREVENT = 5, 4  # rows of Monday's list
__all__ = ["TO_DO", "counts", "items", "this_week", "where"]


def items(view: View, rules: pd.DataFrame | None = None, members: pd.DataFrame | None = None) -> pd.DataFrame:
    """The table `work_items`, the most urgent first: due within a week, then by expected cash.

    `rules` as from `prevention.cache.rules_of_practice`: which checks could be turned on; without them no item says so.
    `members` as the table `cluster_members`: denials of one cluster may be a project. `PracticeView.work_items` gives both.
    """
    parts = [need.gather(view).reindex(columns=needs.COLUMNS).assign(need=need.name) for need in needs.NEEDS]
    found = pd.concat([part for part in parts if len(part)] or [parts[0]], ignore_index=True)
    found = _claims_of(found)
    if rules is not None and len(rules):
        ratio = cash.usual_payment(view, pd.Series([None]), pd.Series([1.0])).fillna(1.0).iloc[0]
        proven = needs.rules(rules, today=view.as_of, ratio=float(ratio))
        found = pd.concat([found, proven.assign(need=needs.RULE, tab=WEEK_TAB)], ignore_index=True)
    found = _dated(found, view)
    found = _one_tab(found)
    found = status.carried(view, _in_projects(found, members))
    return _ordered(found, view).reindex(columns=COLUMNS)


def _in_projects(found: pd.DataFrame, members: pd.DataFrame | None) -> pd.DataFrame:
    return found.assign(project=projects.assigned(found.assign(cluster=projects.clustered(found, members))))


def _claims_of(found: pd.DataFrame) -> pd.DataFrame:
    named = ~found["location"].isin(NOWHERE)  # no place is none, and no project sits there
    return found.assign(claims=1, monthly_usd=float("nan"), rule_id=None, location=found["location"].where(named))


def _dated(found: pd.DataFrame, view: View) -> pd.DataFrame:
    """With due day, days left and identity."""
    today = view.as_of
    for name in ("deadline", "since", "service_date"):
        found[name] = pd.to_datetime(found[name].astype(object)).astype("datetime64[ns]")
    found["owner"] = [actions.owner(one) for one in found["owner"]]
    due = [
        days.within_a_week(today) if pd.isna(deadline) else days.due(deadline.date(), today=today)
        for deadline in found["deadline"]
    ]
    left = (found["deadline"] - pd.Timestamp(today)).dt.days
    key = found["claim_number"].astype(object).where(found["claim_number"].notna(), found["rule_id"])
    return found.assign(
        due=pd.to_datetime(pd.Series(due, found.index)), days_left=left.astype("Int64"), as_of=pd.Timestamp(today),
        item_id=key.astype(str) + ":" + found["need"], deadline_confirmed=found["deadline_confirmed"].eq(True),
    )  # fmt: skip


def _one_tab(found: pd.DataFrame) -> pd.DataFrame:
    """Every claim stands once, with its most urgent need, which names the others."""
    order = {need.name: place for place, need in enumerate(needs.NEEDS)}
    urgent = found.assign(_past=found["need"].eq("past_deadline"), _order=found["need"].map(order)).sort_values(
        ["_past", "due", "_order"]
    )
    of_claims = urgent[urgent["claim_number"].notna()]
    first = of_claims.drop_duplicates("claim_number").index
    found["is_first"] = found.index.isin(first) | found["claim_number"].isna()
    others: dict[Hashable, list[str]] = {}
    for claim, need in zip(of_claims["claim_number"], of_claims["need"], strict=True):
        others.setdefault(claim, []).append(need)
    found["also_needs"] = [
        " ".join(other for other in others.get(claim, []) if other != need)
        for claim, need in zip(found["claim_number"], found["need"], strict=True)
    ]
    found["tab"] = found["tab"].where(found["tab"].notna(), found["owner"])
    tabs = found.loc[first].set_index("claim_number")["tab"]
    found["tab"] = found["claim_number"].map(tabs).fillna(found["tab"])
    return found


def _ordered(found: pd.DataFrame, view: View) -> pd.DataFrame:
    soon = found["days_left"].between(0, SOON_DAYS).fillna(False).astype(bool)
    worth = found["expected_cash"].astype(float).fillna(-1.0)
    found = found.assign(_later=~soon, _worth=worth).sort_values(
        ["_later", "_worth", "due", "item_id"], ascending=[True, False, True, True], ignore_index=True
    )
    return found.assign(rank=range(1, len(found) + 1))


def this_week(found: pd.DataFrame) -> pd.DataFrame:
    """Monday's list: the steps that bring most cash, then the checks that prevent most, from `items`.

    group    rank  action                            owner       due         claims  expected_cash  monthly_usd  tab         why
    Collect  1     Resubmit claims missing information Biller    2026-11-02  35      9330.00                     Biller      4 of 5 are from Orchard Clinic
    Collect  2     Find active coverage and rebill   Front desk  2026-11-05  56      6950.00                     Front desk  44 of 56 are from Orchard Clinic
    Prevent  3     Turn on the check: MRI without authorization Coder 2026-11-06 31            1660.00     This week
    """
    collect = found[found["need"].ne(needs.RULE) & found["is_first"] & found["expected_cash"].gt(0)]
    steps = [(float(part["expected_cash"].sum()), step, owner, tab, part)
             for (step, owner, tab), part in collect.groupby(["step", "owner", "tab"], sort=False)]  # fmt: skip
    worth = sorted((one for one in steps if one[0] >= LEAST_USD), key=lambda one: (-one[0], one[1]))
    rows = [
        {"group": COLLECT, "action": step, "why": where(part), "owner": owner, "due": _first_due(part),
         "claims": len(part), "need": part["need"].iloc[0], "expected_cash": usd, "monthly_usd": float("nan"), "tab": tab,
         "project": _project(part)}
        for usd, step, owner, tab, part in worth[:MOST_COLLECT]
    ]  # fmt: skip
    checks = found[found["need"].eq(needs.RULE)].sort_values("monthly_usd", ascending=False).head(MOST_PREVENT)
    rows += [
        {"group": PREVENT, "action": row.step, "why": row.reason, "owner": row.owner, "due": row.due, "claims": int(row.claims), "need": needs.RULE,
         "expected_cash": float("nan"), "monthly_usd": row.monthly_usd, "tab": WEEK_TAB, "project": None}
        for row in checks.itertuples()
    ]  # fmt: skip
    columns = [
        "group",
        "rank",
        "action",
        "why",
        "owner",
        "due",
        "claims",
        "expected_cash",
        "monthly_usd",
        "tab",
        "need",
        "project",
    ]
    return pd.DataFrame([{"rank": place, **row} for place, row in enumerate(rows, 1)], columns=columns)


def _project(part: pd.DataFrame) -> str | None:
    """The project that holds most of the step's expected cash."""
    cash_of = part[part["project"].notna()].groupby("project")["expected_cash"].sum()
    return None if cash_of.empty else str(cash_of.idxmax())


def _first_due(part: pd.DataFrame) -> pd.Timestamp:
    """The first day that is due, of the claims whose deadline has not passed where there are such."""
    ahead = part.loc[part["days_left"].fillna(0) >= 0, "due"]
    return (ahead if len(ahead) else part["due"]).min()


def where(part: pd.DataFrame) -> str:
    """Where most of the claims are from: of one location, else of one payer, where that is half of them or more."""
    for name in ("location", "payer_name"):
        most = part.loc[~part[name].isin(NOWHERE), name].value_counts()
        if len(most) and most.iloc[0] > 1 and most.iloc[0] * 2 >= len(part):
            who = words.titled(str(most.index[0]))
            how = (
                f"{most.iloc[0]} of {len(part)}"
                if most.iloc[0] < len(part)
                else "Both"
                if len(part) == 2
                else f"All {len(part)}"
            )
            return f"{how} are {'from' if name == 'location' else 'with'} {who}"
    return ""


def counts(found: pd.DataFrame) -> pd.DataFrame:
    """How many items each need has, how many rows of the workbook stand for them and how many are named beside another
    need of their claim: need, called, items, rows, beside, expected_cash. Rows and beside add up to items.
    """
    rows = []
    for name, called in needs.CALLED.items():
        part = found[found["need"] == name]
        first = part["is_first"].astype(bool)
        rows.append({"need": name, "called": called, "items": len(part), "rows": int(first.sum()), "beside": int((~first).sum()),
                     "expected_cash": float(part["expected_cash"].fillna(0).sum())})  # fmt: skip
    return pd.DataFrame(rows)
