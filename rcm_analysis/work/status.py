"""What the team did: the workbooks that came back, and work logs of other systems, as the state of each claim and need.

    claim_number  need       status    assigned  last_touched  touches  category
    A17           denial     Appealed  9f0c…     2026-11-03    2        documentation
    A52           denial     Paid                2026-11-04    1        coding
    B03           rejection  To do               2026-11-01    1        rejection

Of several workbooks the newer touch counts, and where none is newer the workbook given last. Only cells that differ from
how they were written count, so that two people's copies add up. A change that a later copy of the same workbook, which
holds most of the others, no longer has was undone there; a row that was deleted changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from rcm_analysis.risk import features
from rcm_analysis.spreadsheets.worklists import TO_DO

if TYPE_CHECKING:
    from rcm_analysis.store.practice import Practice
    from rcm_analysis.store.view import View

WON, LOST, PATIENT, RESOLVED, OPEN = "won", "lost", "patient", "resolved", "open"
CLOSING = {"Paid": "marked paid {day}, no remit yet", "Wrote off": "marked written off {day}, no posting yet"}
_ROWS = """
    SELECT CAST(w.file_id AS VARCHAR) AS file_id, w.known_on, w.row, w.claim_number, w.need, w.category, w.status, w.assigned,
        w.last_touched, w.written_status, w.changed, f.batch, f.name
    FROM work_status w LEFT JOIN (SELECT DISTINCT file_id, batch, name FROM files WHERE status <> 'rejected') f
        ON f.file_id = CAST(w.file_id AS VARCHAR)
    ORDER BY f.batch, f.name, w.file_id, w.row"""


MOST_TOLD = 5  # lines of one kind


# Days on which a work log says that somebody worked on a claim: on its denial, or on getting an answer. What is asked of
# patients is not in the queue.
_LOGGED = """
    SELECT w.claim_number, CASE WHEN max(d.claim_number) IS NULL THEN 'unanswered' ELSE 'denial' END AS need, w.known_on,
        count(DISTINCT CASE WHEN w.action = 'appeal' THEN w.row END) AS appeals
    FROM work_log w LEFT JOIN (SELECT DISTINCT claim_number FROM troubled_lines) d ON d.claim_number = w.claim_number
    WHERE w.action NOT IN ('statement', 'note') GROUP BY w.claim_number, w.known_on"""


class Change(NamedTuple):
    """What one workbook says of a claim and need, where that is not what was written into it."""

    order: int  # of the workbooks, as they were given
    report_day: date
    when: date  # the day typed, else that of the report
    row: int
    status: str
    assigned: str | None
    touched: date | None
    category: str | None


@dataclass
class Team:
    """The state of each (claim, need) with all its changes, oldest first, and what copies disagree on."""

    states: dict[tuple[str, str | None], Change]
    history: dict[tuple[str, str | None], list[Change]]
    disagreed: list[str]
    undone: list[str]
    older: list[str] = field(default_factory=list)  # files of a report before that of a file given earlier
    names: dict[str, str] = field(default_factory=dict)

    def news(self, files: set[str]) -> list[str]:
        """What copies disagree on and what was undone, in a line each, after these files were given; few of many."""
        told = [f"copies disagree on {line}" for line in self.disagreed[:MOST_TOLD]]
        if len(self.disagreed) > MOST_TOLD:
            told.append(f"and on {len(self.disagreed) - MOST_TOLD:,} more; the About tab lists them")
        if self.undone:
            told.append(f"undone in a later copy: {len(self.undone):,} claims, {', '.join(self.undone[:MOST_TOLD])}")
        older = {self.names[one] for one in self.older if one in files}
        told += [f"{name} is of an earlier report: newer changes of the same claims stay" for name in sorted(older)]
        return told

    def of(self, claim: str, need: str) -> Change | None:
        """The state of the item: the newer of what its row says and what a row without a need says of the claim."""
        told = [state for key in ((claim, need), (claim, None)) if (state := self.states.get(key))]
        return max(told, key=lambda c: (c.when, c.order), default=None)

    def days_of(self, claim: str, need: str) -> set[date]:
        """The days on which it was touched."""
        return {change.when for key in ((claim, need), (claim, None)) for change in self.history.get(key, [])}


def of_view(view: View) -> Team:
    """What workbooks of reports up to the view's day said."""
    return team(view.execute(_ROWS).df())


def of_practice(practice: Practice) -> Team:
    """What all its workbooks said, whatever the day."""
    con = practice.connect()
    try:
        return team(con.execute(_ROWS).df())
    finally:
        con.close()


def team(rows: pd.DataFrame) -> Team:
    """The same from the rows of `work_status` with `batch` and `name`, in the order in which they were given."""
    files: dict[str, tuple[date, dict, set]] = {}
    for row in rows.itertuples():
        day = pd.Timestamp(row.known_on).date()
        _, changed, there = files.setdefault(str(row.file_id), (day, {}, set()))
        key = (str(row.claim_number), _text(row.need))
        there.add(key)
        if row.changed:
            touched = None if pd.isna(row.last_touched) else pd.Timestamp(row.last_touched).date()
            one = Change(
                len(files),
                day,
                touched or day,
                int(row.row),
                str(row.status),
                _text(row.assigned),
                touched,
                _text(row.category),
            )
            changed[key] = max(changed.get(key, one), one, key=lambda c: (c.when, c.row))
    undone = _undone(list(files.values()))
    history: dict[tuple[str, str | None], list[Change]] = {}
    for _, changed, _ in files.values():
        for key, change in changed.items():
            history.setdefault(key, []).append(change)
    states, disagreed = {}, []
    for key, changes in history.items():
        standing = [change for change in changes if (change.order, key) not in undone]
        if standing:
            states[key] = max(standing, key=lambda c: (c.when, c.order))
            disagreed += _disagreement(key, standing, states[key])
    names = {str(file): str(name) for file, name in zip(rows["file_id"], rows["name"], strict=True)}
    days = [day for day, _, _ in files.values()]
    older = [file for place, file in enumerate(files) if days[place] < max(days[: place + 1])]
    return Team(states, history, disagreed, sorted({key[0] for _, key in undone}), older, names)


def _undone(files: list[tuple[date, dict, set]]) -> set[tuple[int, tuple[str, str | None]]]:
    """Changes that a later copy took back: it has most of the other changes, and these rows as they were written."""
    found = set()
    for later in range(1, len(files)):
        for earlier in range(later):
            (day, before, _), (same_day, after, there) = files[earlier], files[later]
            shared = sum(key in after and after[key][4:7] == before[key][4:7] for key in before)
            if day == same_day and shared and 2 * shared >= len(before):
                found |= {(change.order, key) for key, change in before.items() if key in there and key not in after}
    return found


def _disagreement(key: tuple[str, str | None], standing: list[Change], kept: Change) -> list[str]:
    """Two copies of one workbook that say different things of a claim."""
    others = [c for c in standing if c.report_day == kept.report_day and c.order != kept.order and c.status != kept.status
              and TO_DO not in (c.status, kept.status)]  # fmt: skip
    return [f"claim {key[0]}: {kept.status} ({told(kept.when)}) counts, another copy says {other.status} ({told(other.when)})"
            for other in others]  # fmt: skip


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)


def told(day: date) -> str:
    """
    >>> told(date(2026, 11, 3))
    'Nov 3'
    """
    return f"{day:%b} {day.day}"


def carried(view: View, found: pd.DataFrame, said: Team | None = None) -> pd.DataFrame:
    """Items with what the team said of them: status, assigned, last_touched, touches and a remark.

    What was said of a denial before it was denied again, or of another reason, is no longer what is to be done.
    """
    said = said or of_view(view)
    again = dict(
        view.execute("SELECT claim_number, last_denied_on FROM claims WHERE last_denied_on IS NOT NULL").fetchall()
    )
    logged = dict(
        view.execute(f"SELECT claim_number, count(*) FROM ({_LOGGED}) AS logged GROUP BY claim_number").fetchall()
    )
    rows = [
        _carried(said, row, again.get(row.claim_number), logged.get(row.claim_number, 0)) for row in found.itertuples()
    ]
    columns = ["status", "assigned", "last_touched", "touches", "remark"]
    told = pd.DataFrame(rows, columns=columns, index=found.index)
    return found.assign(
        **{name: told[name] for name in columns if name != "last_touched"},
        last_touched=pd.to_datetime(told["last_touched"]),
    )


def _carried(said: Team, row: Any, denied_on: Any, logged: int) -> tuple[str, str | None, Any, int, str]:
    claim, need = row.claim_number, row.need
    state = said.of(claim, need) if isinstance(claim, str) else None
    touches = logged + len(said.days_of(claim, need))
    if state is None:
        return TO_DO, None, pd.NaT, touches, ""
    status, remark = state.status, ""
    if state.category and state.category != row.category and need == "denial":
        status, remark = TO_DO, f"changed: was {state.category.replace('_', ' ')}"
    elif need == "denial" and denied_on is not None and pd.Timestamp(denied_on).date() > state.when:
        status, remark = TO_DO, f"denied again {told(pd.Timestamp(denied_on).date())}, was {state.status.lower()}"
    elif status in CLOSING:
        remark = CLOSING[status].format(day=told(state.when))
    return status, state.assigned, pd.Timestamp(state.touched) if state.touched else pd.NaT, touches, remark


def done(view: View, found: pd.DataFrame, said: Team | None = None) -> pd.DataFrame:
    """The table `work_done`: claims that were worked, by workbook or work log, with touches, days and what became of them.

    `found` are the items of the day, which are still open.
    """
    said = said or of_view(view)
    touched = _touches(view, said)
    if not len(touched):
        return pd.DataFrame(columns=DONE)
    still = set(zip(found["claim_number"], found["need"], strict=True))
    ends = {row.claim_number: row for row in features.cases(view).itertuples()}
    claims = {row.claim_number: row for row in _claims(view, touched["claim_number"]).itertuples()}
    routes = dict(
        view.execute(
            "SELECT claim_number, max_by(route, denied_amount) FROM denials WHERE NOT is_partial GROUP BY 1"
        ).fetchall()
    )
    since = dict(zip(zip(found["claim_number"], found["need"], strict=True), found["since"], strict=True))
    rows = []
    for one in touched.itertuples():
        claim = claims.get(one.claim_number)
        if claim is None:
            continue
        is_open = (one.claim_number, one.need) in still
        outcome, day = (OPEN, None) if is_open else _end(one.need, claim, ends.get(one.claim_number))
        began = (
            since.get((one.claim_number, one.need))
            if is_open
            else getattr(ends.get(one.claim_number), "denied_on", None)
        )
        rows.append({
            "claim_number": one.claim_number, "need": one.need, "payer_name": claim.payer_name,
            "route": routes.get(one.claim_number), "level": one.level, "status": one.status, "touches": one.touches,
            "first_touched_on": one.first, "last_touched_on": one.last,
            "days_to_touch": _days(began, one.first), "outcome": outcome, "outcome_on": day, "days_to_close": _days(one.first, day),
            "paid": float(claim.paid) if outcome == WON else 0.0,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=DONE)


def _claims(view: View, numbers: pd.Series) -> pd.DataFrame:
    """What is known today of these claims."""
    view.register("worked_frame", pd.DataFrame({"number": numbers.unique()}))
    try:
        return view.execute("""
            SELECT claim_number, payer_name, state, closed_on, CAST(paid AS DOUBLE) AS paid, CAST(written_off AS DOUBLE) AS written_off,
                last_decided_on, last_submitted_on FROM claims JOIN worked_frame ON number = claim_number""").df()
    finally:
        view.unregister("worked_frame")


DONE = ["claim_number", "need", "payer_name", "route", "level", "status", "touches", "first_touched_on", "last_touched_on",
        "days_to_touch", "outcome", "outcome_on", "days_to_close", "paid"]  # fmt: skip


def _touches(view: View, said: Team) -> pd.DataFrame:
    """Touched claims and needs: days, number of touches, how often it was appealed, and the last status."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for (claim, need), changes in said.history.items():
        one = found.setdefault((claim, need or "denial"), {"days": set(), "appeals": 0, "status": None})
        one["days"] |= {change.when for change in changes}
        one["appeals"] += len({change.when for change in changes if change.status == "Appealed"})
        state = said.states.get((claim, need))
        one["status"] = state.status if state else TO_DO
    for claim, need, day, appeals in view.execute(_LOGGED).fetchall():
        one = found.setdefault((claim, need), {"days": set(), "appeals": 0, "status": None})
        one["days"].add(pd.Timestamp(day).date())
        one["appeals"] += int(appeals)
    rows = [
        {"claim_number": claim, "need": need, "first": min(one["days"]), "last": max(one["days"]), "touches": len(one["days"]),
         "level": one["appeals"], "status": one["status"]}
        for (claim, need), one in sorted(found.items()) if one["days"]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["claim_number", "need", "first", "last", "touches", "level", "status"])


def _end(need: str, claim: Any, case: Any) -> tuple[str, Any]:
    """What became of it and when: by the denial's end, else by the claim's; a need that is gone from a claim that is not
    settled was resolved, as a rejected claim that was resent."""
    if need in ("denial", "takeback") and case is not None:
        outcome = {"paid": WON, "written_off": LOST, "patient": PATIENT}.get(case.outcome, OPEN)
        return outcome, None if outcome == OPEN else case.settled_on
    if claim.state == "written_off":
        return LOST, claim.closed_on
    if claim.state in ("paid", "partially_paid") and need not in ("posted_as_contractual", "credit_balance"):
        return WON if claim.paid > 0 else RESOLVED, claim.closed_on
    if claim.state == "patient":
        return PATIENT, claim.closed_on
    days = [day for day in (claim.last_decided_on, claim.last_submitted_on, claim.closed_on) if pd.notna(day)]
    return RESOLVED, max(days, default=None)


def _days(first: Any, last: Any) -> int | None:
    if first is None or last is None or pd.isna(first) or pd.isna(last):
        return None
    return max((pd.Timestamp(last) - pd.Timestamp(first)).days, 0)


def results(worked: pd.DataFrame) -> pd.DataFrame:
    """Worked denials by route and level of appeal: claims, touches and days each, won, lost, still open, share won, paid.

    route         level  claims  touches  days_to_touch  won  lost  open  won_share  paid
    send_records  0      41      1.3      9.0            18   9     14    0.667      12400.0
    appeal        1      12      2.1      21.0           3    6     3     0.333      1850.0
    """
    columns = ["route", "level", "claims", "touches", "days_to_touch", "won", "lost", "open", "won_share", "paid"]
    rows = [_result(route, int(level), part) for (route, level), part in worked.groupby(["route", "level"], sort=True)]
    return pd.DataFrame(rows, columns=columns)


def _result(route: str, level: int, part: pd.DataFrame) -> dict[str, Any]:
    ended = {outcome: int((part["outcome"] == outcome).sum()) for outcome in (WON, LOST, OPEN)}
    settled = ended[WON] + ended[LOST]
    days = part["days_to_touch"].dropna().astype(float)
    return {"route": route, "level": level, "claims": len(part), "touches": float(part["touches"].mean()),
            "days_to_touch": float(days.median()) if len(days) else None, **ended,
            "won_share": ended[WON] / settled if settled else None, "paid": float(part["paid"].sum())}  # fmt: skip


def unplaced(view: View, claims: Iterable[str]) -> list[str]:
    """Those of the claim numbers that the practice does not know."""
    known = {number for (number,) in view.execute("SELECT claim_number FROM claims").fetchall()}
    return sorted(set(claims) - known)
