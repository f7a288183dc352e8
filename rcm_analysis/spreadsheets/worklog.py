"""What staff did and when, as their system lists it: told by its headings and by what its cells hold.

    Worked On   Claim Ref  Queue  Action    Outcome     ->   claim_number  known_on    action  outcome  queue
    2026-03-02  A1         DEN    appeal    attempt 1        A1            2026-03-02  appeal  sent     DEN
    2026-03-09  A1         DEN    called    in process       A1            2026-03-09  status  pending  DEN

Actions and outcomes become words of our own; notes, users and whatever else somebody typed are not kept. A queue's name
is kept where at least five claims went through it.
"""

from __future__ import annotations

import re
from collections import defaultdict

import pyarrow as pa

from rcm_analysis.spreadsheets.cells import AMBIGUOUS, MONTH_FIRST, date_order, days
from rcm_analysis.spreadsheets.sheets import Sheet
from rcm_analysis.store import schema
from rcm_analysis.store.rows import Note

TABLE = "work_log"
MEND = "correct the row in the export and ingest it again"
TOP_ROWS = 15  # a title and a line of filters may stand above the headings
COMMON_CLAIMS = 5  # a name that so many claims share is of a queue, not of a person
TOLD_SHARE = 0.5  # of the actions that must be among ours, else it is another kind of list
SAMPLE = 2000

HEADINGS = {
    "known_on": r"(worked|work|action|activity|touch\w*|follow.?up|entry|task|posted|log)?.?(on|date|day|date.?time)|date.?(worked|of.?(action|work|contact))",
    "claim_number": r"(claim|account|acct|encounter|visit|invoice|patient.?control)?.?(ref|reference|number|no|num|id|nbr|#|claim|account|pcn)+(.?(number|no|id|#))?",
    "action": r"(action|activity|task|step|touch|work)(.?(type|taken|code|done|desc\w*|performed))?|what.?was.?done",
    "queue": r"(work.?)?(queue|list|bucket|basket|team)(.?name)?",
    "outcome": r"(outcome|result|disposition|status)(.?(code|desc\w*))?",
    "payer_name": r"(insurance|payer|payor|carrier|plan|insurer)(.?name)?",
}  # fmt: skip
# A list with money is a ledger or a listing of claims
MONEY = re.compile(
    r"amount|charge|debit|credit|paid|payment|balance|allowed|adjustment|\bcpt\b|procedure|carc|denial.?code", re.I
)
NEEDED = ("known_on", "claim_number", "action")

ACTIONS = (
    ("appeal", r"appeal|redeterm|reconsid|grievance|peer.?to.?peer|second.?level|first.?level"),
    ("dispute", r"disput|rebut|contest|challeng"),
    ("records_sent", r"record|document|chart|attachment|notes? sent|medical info"),
    ("corrected_claim", r"correct|replace|freq.{0,8}7|re.?open|adjust(ed)? claim|void"),
    (
        "bill_other_payer",
        r"other (payer|insur|plan)|bill.?(sec|next|other|primary)|second(ary)? (claim|bill)|bill_other",
    ),
    ("invoice_facility", r"invoice|bill.?(facility|hospital|snf|hospice)"),
    ("resubmit", r"re.?(submit|bill|send|sent|file)|submitted|new claim|sent claim"),
    ("statement", r"statement|patient (call|bill|letter|balance)|dunning|collection|payment plan"),
    ("status", r"status|call|check|follow|inquir|portal|phone|276|website|spoke|ask"),
    ("write_off", r"write.?off|written off|adjust(ed)? off"),
    ("note", r"note|comment|review|assign|hold|wait|pend|other|misc"),
)
OUTCOMES = (
    ("too_late", r"too late|expired|past"), ("late", r"\blate\b"), ("upheld", r"upheld|denied again|denial stands|refused"),
    ("paid", r"paid|overturn|approved|allowed|won|reprocess"), ("not_on_file", r"not on file|no claim|never received"),
    ("pending", r"process|pend|review|wait|no answer"), ("sent", r"sent|attempt|mail|fax|upload|disputed|statement"),
)  # fmt: skip


def understood(pages: list[Sheet]) -> bool:
    """Whether the file is a work log: one sheet with a day, a claim and an action, no money, and actions that we know."""
    if len(pages) != 1:
        return False
    top, places = _layout(pages[0])
    if not places:
        return False
    cells = [_cell(row, places["action"]) for row in pages[0].rows()[top + 1 : top + 1 + SAMPLE]]
    told = [text for text in cells if text]
    return bool(told) and sum(_first(ACTIONS, text) is not None for text in told) >= TOLD_SHARE * len(told)


def read(page: Sheet) -> tuple[pa.Table, list[Note]]:
    """The work log of a sheet as the table `work_log`, and a remark for each row that could not be used."""
    top, places = _layout(page)
    rows = page.rows()[top + 1 :]
    columns = {name: [_cell(row, place) for row in rows] for name, place in places.items()}
    order = date_order(columns["known_on"])
    when = days(columns["known_on"], MONTH_FIRST if order == AMBIGUOUS else order)
    queues = _common(columns.get("queue", []), columns["claim_number"])
    found: list[dict] = []
    notes: list[Note] = []
    for i, row in enumerate(rows):
        if not any(cell.strip() for cell in row):
            continue
        place, claim = f"row {top + i + 2}", columns["claim_number"][i]
        if not claim or when[i] is None:
            notes.append(Note(0, "row", place, "names no claim" if not claim else "has no day", MEND))
            continue
        queue = columns["queue"][i] if "queue" in columns else ""
        found.append({
            "file_id": None, "known_on": when[i], "row": top + i + 2, "claim_number": claim,
            "queue": queue if queue in queues else None, "action": _first(ACTIONS, columns["action"][i]) or "other",
            "outcome": _first(OUTCOMES, columns["outcome"][i]) if "outcome" in columns else None,
        })  # fmt: skip
    return pa.Table.from_pylist(found, schema.TABLES[TABLE].arrow()), notes


def _layout(page: Sheet) -> tuple[int, dict[str, int]]:
    """The row of the headings and the place of each column; no places where it is no work log."""
    for top, row in enumerate(page.top[:TOP_ROWS]):
        heads = [re.sub(r"[\s_\-./]+", " ", cell.strip().lower()) for cell in row]
        if any(MONEY.search(head) for head in heads):
            continue
        places: dict[str, int] = {}
        for name, pattern in HEADINGS.items():
            at = [i for i, head in enumerate(heads) if i not in places.values() and re.fullmatch(pattern, head)]
            if at:
                places[name] = at[0]
        if all(name in places for name in NEEDED):
            return top, places
    return 0, {}


def _cell(row: list[str], place: int) -> str:
    return row[place].strip() if place < len(row) else ""


def _first(words: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for name, pattern in words if re.search(pattern, text.replace("_", " "), re.I)), None)


def _common(queues: list[str], claims: list[str]) -> set[str]:
    """The names of queues through which enough claims went."""
    seen = defaultdict(set)
    for queue, claim in zip(queues, claims, strict=False):
        seen[queue].add(claim)
    return {queue for queue, through in seen.items() if queue and len(through) >= COMMON_CLAIMS and len(queue) <= 40}
