"""The worklist as a workbook that a team works from, and writes into: `worklist.xlsx`.

    This week | Biller | Front desk | ... | Rejected | Past deadline | Done | About

A claim stands in one tab, with its most urgent need. Pale yellow cells are the team's; the next report reads them back by
claim and need. Texts stay texts, so that no spreadsheet runs one as a formula; no cell holds a live formula or a patient.
"""

from __future__ import annotations

import base64
import datetime as dt
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import pandas as pd

from rcm_analysis import settings, words
from rcm_analysis.pages.blocks import WORKBOOK_MIME, Block, live
from rcm_analysis.reference import codes
from rcm_analysis.spreadsheets import worklists
from rcm_analysis.spreadsheets.worklists import MARK, STATUSES, VERSION
from rcm_analysis.words import fitting
from rcm_analysis.work import actions, items, needs, notes, status

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

MONEY, DAY, NUMBER, TEXT, WRAPPED = "money", "day", "number", "text", "wrapped"
FORMATS = {MONEY: "$#,##0", DAY: "ddd mmm d", NUMBER: "0", TEXT: "@", WRAPPED: "@"}
HEAD_ROW, FROZEN = 3, 7  # headings stand in row 4; the claim and what is left of it stay in sight
MOST_ROWS, KEPT_SOON_DAYS = 5000, 30
URGENT_DAYS, NEAR_DAYS = 7, 14
DONE_DAYS = 365
CHECK_CONTRACT = "check contract"
DONE, ABOUT = "Done", worklists.ABOUT
ORANGE, PALE_ORANGE, BLUE, YELLOW, HEAD, LINE = "#a83c09", "#fdeee5", "#0b5cad", "#fffbe6", "#eef1f4", "#e5e8ec"
TAB_OF_OWNER, TAB_REJECTED, TAB_OTHER = BLUE, "#d4540f", "#a7b0ba"
NOTHING = "–"


class Column(NamedTuple):
    """A column of a tab: heading, kind of its cells, width, and where its value stands in the row."""

    heading: str
    kind: str
    width: float
    name: str


TEAM = (
    Column(worklists.STATUS, TEXT, 13, "status"), Column(worklists.ASSIGNED, TEXT, 12, "name"),
    Column(worklists.NOTE, WRAPPED, 30, "note"), Column(worklists.TOUCHED, DAY, 11, "last_touched"),
)  # fmt: skip
DUE = (Column("Due", DAY, 11, "due_shown"), Column("Days left", NUMBER, 7, "days_left"))
PASSED = (Column("Deadline that passed", DAY, 11, "deadline"), Column("Write-off reason", TEXT, 22, "write_off_reason"))
WHAT = (
    Column(worklists.CLAIM, TEXT, 13, "claim_number"), Column("Payer", TEXT, 22, "payer"), Column("Reason", TEXT, 24, "reason"),
    Column("Do this", WRAPPED, 38, "do_this"), Column("Usual payment", MONEY, 11, "usual_payment"),
    Column("Expected cash", MONEY, 11, "expected_cash"), Column("Service date", DAY, 11, "service_date"),
)  # fmt: skip
WHERE = (Column("Location", TEXT, 18, "place"),)
HIDDEN = (
    Column("Billed amount", MONEY, 11, "amount"), Column("NPI", TEXT, 11, "rendering_npi"),
    Column(worklists.KEY, TEXT, 11, "key"), Column(worklists.WRITTEN, TEXT, 11, "written"),
)  # fmt: skip
REJECTED = tuple(Column("What was rejected", TEXT, 24, "reason") if one.heading == "Reason" else one for one in WHAT)
OF_DONE = (
    Column("Closed on", DAY, 11, "outcome_on"), Column("Outcome", TEXT, 14, "ended"), Column("Paid", MONEY, 11, "paid"),
    Column("Days to close", NUMBER, 9, "days_to_close"), Column("Status then", TEXT, 15, "status"),
    Column(worklists.CLAIM, TEXT, 13, "claim_number"), Column("Payer", TEXT, 22, "payer"), Column("Note", WRAPPED, 30, "note"),
)  # fmt: skip
ENDS = {
    status.WON: "Paid",
    status.LOST: "Written off",
    status.PATIENT: "Patient responsibility",
    status.RESOLVED: "Resolved",
}
DAYS_OF_NONE = "No deadline known"


@dataclass(frozen=True)
class Content:
    """What a workbook is made from: the queue, what was worked, what was typed, and what could not be placed."""

    practice: str
    as_of: dt.date
    queue: pd.DataFrame
    worked: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=status.DONE))
    typed: notes.Notes = field(default_factory=notes.Notes)
    lost: tuple[str, ...] = ()
    disagreed: tuple[str, ...] = ()


def content(view: View, queue: pd.DataFrame, *, folder: Path | None = None) -> Content:
    """The workbook of a queue as `PracticeView.work_items` gives it, with the notes kept in the folder."""
    said = status.of_view(view)
    lost = status.unplaced(view, (claim for claim, _ in said.history))
    return Content(
        view.practice,
        view.as_of,
        queue,
        status.done(view, queue, said),
        notes.load(folder),
        tuple(lost),
        tuple(said.disagreed),
    )


@dataclass(frozen=True)
class Worklist(Block):
    """The workbook in a notebook's output; a report puts it beside its pages as `worklist.xlsx`."""

    view: View
    queue: pd.DataFrame

    def bundle(self) -> dict[str, Any]:
        place = settings.WORKLISTS.value
        made = content(self.view, self.queue, folder=Path(place) if place else None)
        held = io.BytesIO()
        write(made, held)
        text = f"{int(self.queue['is_first'].sum()):,} items of work: worklist.xlsx"
        link = text if live() else text.replace(": worklist.xlsx", ' in the <a href="worklist.xlsx">workbook</a>')
        return {"text/plain": text, "text/html": f'<p class="note">{link}</p>',
                WORKBOOK_MIME: {"name": "worklist", "said": carried_over(made), "base64": base64.b64encode(held.getvalue()).decode()}}  # fmt: skip


def carried_over(made: Content) -> str:
    """What was taken over from earlier workbooks, as a sentence; empty where none came back.

    Carried over 212 rows: 37 closed, 175 still open. 84 are new or not worked yet, 2 could not be placed.
    """
    claims = made.queue[made.queue["claim_number"].notna() & made.queue["is_first"].astype(bool)]
    held = {item.rsplit(":", 1)[0] for item in made.typed.items}
    still = int(
        (claims["status"].ne(items.TO_DO) | claims["assigned"].notna() | claims["claim_number"].isin(held)).sum()
    )
    closed = int((made.worked["status"].notna() & made.worked["outcome"].ne(status.OPEN)).sum())
    aside = len(made.lost) + len(made.typed.unplaced)
    if not still + closed + aside:
        return ""
    return (f"Carried over {still + closed:,} {'row' if still + closed == 1 else 'rows'}: {closed:,} closed, {still:,} still open. "
            f"{len(claims) - still:,} are new or not worked yet, {aside:,} could not be placed.")  # fmt: skip


def write(made: Content, out: Path | BinaryIO) -> None:
    """Writes the workbook; the same content gives the same bytes."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(str(out) if isinstance(out, Path) else out, options) as book:
        book.set_properties({"created": dt.datetime(2000, 1, 1)})
        _Writer(book, made).all_tabs()


def rows(made: Content) -> pd.DataFrame:
    """The rows of the tabs of owners, Rejected and Past deadline, as they are written."""
    found = made.queue[made.queue["claim_number"].notna() & made.queue["is_first"].astype(bool)].copy()
    typed = [
        made.typed.of(str(claim), str(need)) for claim, need in zip(found["claim_number"], found["need"], strict=True)
    ]
    late = found["days_left"].lt(0).fillna(False).astype(bool)
    labels = codes.table("write_off_leaves").set_index("leaf")["label"]
    found = found.assign(
        name=[str(one.get("assigned", "")) for one in typed], note=[str(one.get("note", "")) for one in typed],
        added=[one.get("added", {}) for one in typed], payer=[_titled(one) for one in found["payer_name"]],
        place=[_titled(one) for one in found["location"]],
        due_shown=found["due"].astype(object).where(~(late & ~found["deadline_confirmed"].astype(bool)), CHECK_CONTRACT),
        write_off_reason=found["write_off_leaf"].map(labels).fillna(NOTHING),
        do_this=[_action(*one) for one in zip(found["action"], found["also_needs"], found["remark"], strict=True)],
        key=found["claim_number"] + "|" + found["need"] + "|" + found["category"].fillna(""),
    )  # fmt: skip
    found["written"] = [
        worklists.written(row.status, None if pd.isna(row.last_touched) else pd.Timestamp(row.last_touched).date(), row.name_, row.note)
        for row in found.rename(columns={"name": "name_"}).itertuples()
    ]  # fmt: skip
    return found


def _action(action: str, also: str, remark: str) -> str:
    """The action, with what changed before it and the claim's other needs behind it."""
    before = f"({remark}) " if isinstance(remark, str) and remark else ""
    beside = "; ".join(needs.CALLED[need].lower() for need in str(also or "").split())
    return f"{before}{action}" + (f". Also: {beside}" if beside else "")


def _titled(name: Any) -> str:
    return NOTHING if name is None or pd.isna(name) else words.titled(str(name))


class _Writer:
    """Writes the tabs of one workbook; holds its formats."""

    def __init__(self, book: Any, made: Content):
        self.book, self.made, self.rows = book, made, rows(made)
        self.formats: dict[tuple, Any] = {}
        self.cells: dict[tuple, Any] = {}

    def form(self, **how: Any) -> Any:
        key = tuple(sorted(how.items()))
        if key not in self.formats:
            self.formats[key] = self.book.add_format({"font_name": "Calibri", "font_size": 10, "valign": "top", **how})
        return self.formats[key]

    def cell_form(self, column: Column, **more: Any) -> Any:
        key = (column, *more.items())
        if key not in self.cells:  # thousands of cells have one of some dozen forms
            how = {
                "num_format": FORMATS[column.kind],
                "text_wrap": column.kind == WRAPPED,
                "bottom": 1,
                "bottom_color": LINE,
            }
            self.cells[key] = self.form(**how, **({"bg_color": YELLOW} if column in TEAM else {}), **more)
        return self.cells[key]

    def all_tabs(self) -> None:
        owners = [owner for owner in dict.fromkeys(actions.OWNERS.values()) if (self.rows["tab"] == owner).any()]
        self.this_week()
        for owner in owners:
            self.work(owner, owner, (*TEAM, *DUE, *WHAT, *WHERE), TAB_OF_OWNER, _soonest)
        self.work(needs.REJECTED, "Rejected, not resent", (*TEAM, *DUE, *REJECTED, *WHERE), TAB_REJECTED, _by_deadline)
        self.work(needs.PAST, "Past every deadline", (*TEAM, *PASSED, *WHAT, *WHERE), TAB_OTHER, _by_payment)
        self.done()
        self.about()

    def sheet(self, name: str, color: str, title: str, second: str, *, portrait: bool = False) -> Any:
        sheet = self.book.add_worksheet(name)
        sheet.set_tab_color(color)
        sheet.hide_gridlines(2)
        sheet.write_string(0, 0, title, self.form(font_size=14, bold=True))
        sheet.write_string(1, 0, second, self.form(font_color="#47525d"))
        day = self.made.as_of
        sheet.write_string(
            2,
            0,
            f"Data through {day:%b} {day.day}, {day.year}.",
            self.form(font_color="#47525d"),
        )
        sheet.set_portrait() if portrait else sheet.set_landscape()
        sheet.set_paper(1)
        sheet.set_margins(0.4, 0.4, 0.4, 0.6)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0, HEAD_ROW)
        sheet.set_footer(f"&L{name} · {day:%b} {day.day}, {day.year}&Rpage &P of &N")
        return sheet

    def work(
        self,
        tab: str,
        called: str,
        columns: Sequence[Column],
        color: str,
        order: Callable[[pd.DataFrame], pd.DataFrame],
    ) -> None:
        """A tab of claims to work; no claim, no tab."""
        every = order(self.rows[self.rows["tab"] == tab])
        if not len(every):
            return
        part = _most(every)
        cash = words.usd(every["expected_cash"].fillna(0).sum())
        what = f"{len(every):,} claim{'s' if len(every) != 1 else ''}"
        left = (
            f"The {len(part):,} that are due or worth most are here; rcm export work_items has all."
            if len(part) < len(every)
            else ""
        )
        where = items.where(every)
        sheet = self.sheet(
            tab,
            color,
            f"{called}: {what}, {cash} expected cash",
            left or (f"{where}." if where else "White cells are written by the report, yellow ones by you."),
        )
        added = list(dict.fromkeys(head for held in part["added"] for head in held))[: worklists.MOST_ADDED]
        columns = (*columns, *HIDDEN, *(Column(head, TEXT, 16, "added") for head in added))
        self.table(sheet, part, columns)
        sheet.freeze_panes(HEAD_ROW + 1, FROZEN)
        first, last = HEAD_ROW + 1, HEAD_ROW + len(part)
        sheet.data_validation(first, 0, last, 0, {
            "validate": "list", "source": "=StatusList", "error_title": "Status", "error_message": "Choose one of the list on the About tab."})  # fmt: skip
        sheet.data_validation(first, 1, last, 1, {"validate": "list", "source": "=NameList", "show_error": False})
        sheet.data_validation(first, 3, last, 3, {
            "validate": "date", "criteria": ">", "value": dt.date(2000, 1, 1), "input_message": "Ctrl+; writes today.",
            "error_message": "Write a day."})  # fmt: skip
        cash_at = next(i for i, one in enumerate(columns) if one.name == "expected_cash")
        sheet.conditional_format(
            first,
            cash_at,
            last,
            cash_at,
            {"type": "data_bar", "bar_color": BLUE, "bar_solid": True, "min_type": "num", "min_value": 0},
        )
        sheet.print_area(0, 0, last, len(columns) - len(HIDDEN) - len(added) - 1)
        for i, one in enumerate(columns):
            sheet.set_column(i, i, one.width, None, {"hidden": one in HIDDEN})

    def table(self, sheet: Any, part: pd.DataFrame, columns: Sequence[Column]) -> None:
        head = self.form(bold=True, bg_color=HEAD, text_wrap=True)
        last = HEAD_ROW + max(len(part), 1)
        sheet.add_table(HEAD_ROW, 0, last, len(columns) - 1, {
            "style": "Table Style Light 1", "columns": [{"header": fitting(one.heading), "header_format": head} for one in columns]})  # fmt: skip
        for place, row in enumerate(part.to_dict("records"), HEAD_ROW + 1):
            sheet.set_row(place, 30)
            for i, one in enumerate(columns):
                value = row["added"].get(one.heading) if one.name == "added" else row.get(one.name)
                self.cell(sheet, place, i, value, one, self.how(one, row))

    def how(self, column: Column, row: dict[str, Any]) -> dict[str, Any]:
        """Bold for a claim that is new, red and orange for days that press."""
        if column.heading == worklists.CLAIM and row.get("status") == items.TO_DO and not row.get("touches"):
            return {"bold": True}
        left = row.get("days_left")
        if (
            column.name in ("due_shown", "days_left")
            and left is not None
            and not pd.isna(left)
            and 0 <= left <= NEAR_DAYS
        ):
            return {"font_color": ORANGE, **({"bold": True, "bg_color": PALE_ORANGE} if left <= URGENT_DAYS else {})}
        return {}

    def cell(self, sheet: Any, row: int, place: int, value: Any, column: Column, how: dict[str, Any]) -> None:
        form = self.cell_form(column, **how)
        if value is None or (not isinstance(value, str) and pd.isna(value)) or value == "":
            empty = column in TEAM or column in HIDDEN or column.name == "added"
            sheet.write_blank(row, place, None, form) if empty else sheet.write_string(row, place, NOTHING, form)
        elif isinstance(value, str) or column.kind in (TEXT, WRAPPED):
            sheet.write_string(row, place, fitting(str(value)), form)
        elif column.kind == DAY:
            sheet.write_datetime(row, place, pd.Timestamp(value).to_pydatetime(), form)
        else:
            sheet.write_number(row, place, round(float(value)) if column.kind == MONEY else float(value), form)

    def this_week(self) -> None:
        week = items.this_week(self.made.queue)
        sheet = self.sheet(items.WEEK_TAB, TAB_OTHER, "This week", "Ranked by expected cash.", portrait=True)
        heads = (
            ("", 4),
            ("Do this", 40),
            ("Owner", 17),
            ("First due", 11),
            ("Claims", 7),
            ("Expected cash", 12),
            ("Open", 16),
        )
        for i, (head, width) in enumerate(heads):
            sheet.set_column(i, i, width)
            sheet.write_string(HEAD_ROW, i, head, self.form(bold=True, bg_color=HEAD))
        place = HEAD_ROW
        for group, part in week.groupby("group", sort=False):
            place += 1
            sheet.write_string(
                place,
                1,
                f"{group}: {'money still in reach' if group == items.COLLECT else 'money lost again each month'}",
                self.form(bold=True),
            )
            for row in part.to_dict("records"):
                place += 1
                self.step(sheet, place, row)
            if group == items.COLLECT:
                place += 1
                sheet.write_string(place, 1, "Total", self.form(bold=True, top=1))
                sheet.write_number(place, 4, int(part["claims"].sum()), self.form(bold=True, top=1))
                sheet.write_number(
                    place, 5, int(part["expected_cash"].round().sum()), self.form(bold=True, top=1, num_format="$#,##0")
                )
        if not len(week):
            sheet.write_string(HEAD_ROW + 1, 1, "Nothing is open.", self.form())
        sheet.freeze_panes(HEAD_ROW + 1, 0)

    def step(self, sheet: Any, place: int, row: dict[str, Any]) -> None:
        sheet.set_row(place, 30)
        sheet.write_number(place, 0, row["rank"], self.form())
        why = f"\n{row['why']}" if row["why"] else ""
        sheet.write_string(place, 1, fitting(f"{row['action']}{why}"), self.form(text_wrap=True))
        sheet.write_string(place, 2, row["owner"], self.form())
        sheet.write_datetime(
            place, 3, pd.Timestamp(row["due"]).to_pydatetime(), self.form(num_format=FORMATS[DAY], align="left")
        )
        sheet.write_number(place, 4, row["claims"], self.form(num_format="#,##0"))
        if row["group"] == items.COLLECT:
            sheet.write_number(place, 5, round(row["expected_cash"]), self.form(num_format="$#,##0"))
            sheet.write_url(
                place, 6, f"internal:'{row['tab']}'!A1", self.form(font_color=BLUE, underline=1), f"Tab {row['tab']}"
            )
        else:
            sheet.write_string(place, 5, f"{words.usd(row['monthly_usd'])} a month", self.form(align="right"))

    def done(self) -> None:
        worked = self.made.worked
        day = pd.to_datetime(worked["outcome_on"]) if len(worked) else pd.Series(dtype="datetime64[ns]")
        ended = (
            worked[
                worked["outcome"].ne(status.OPEN) & (day > pd.Timestamp(self.made.as_of) - pd.Timedelta(days=DONE_DAYS))
            ]
            if len(worked)
            else worked
        )
        if not len(ended):
            return
        ended = ended.assign(
            ended=ended["outcome"].map(ENDS), payer=[_titled(one) for one in ended["payer_name"]], added=[{}] * len(ended),
            note=[self.made.typed.of(claim, need).get("note", "") for claim, need in zip(ended["claim_number"], ended["need"], strict=True)],
        ).sort_values(["outcome_on", "claim_number"], ascending=[False, True]).head(MOST_ROWS)  # fmt: skip
        paid = words.usd(ended["paid"].sum())
        sheet = self.sheet(
            DONE,
            TAB_OTHER,
            f"Done: {len(ended):,} claims, {paid} paid",
            "Worked and closed since, of the last 12 months.",
        )
        self.table(sheet, ended, OF_DONE)
        sheet.freeze_panes(HEAD_ROW + 1, 0)
        for i, one in enumerate(OF_DONE):
            sheet.set_column(i, i, one.width)

    def about(self) -> None:
        sheet = self.book.add_worksheet(ABOUT)
        sheet.set_tab_color(TAB_OTHER)
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 5, 16)
        sheet.set_column(7, 8, 18)
        self.lists(sheet)
        lines = [
            (f"{MARK} {VERSION}", ""),
            (worklists.PRACTICE, self.made.practice),
            (worklists.REPORT_DAY, self.made.as_of.isoformat()),
        ]
        for place, (name, value) in enumerate(lines):
            sheet.write_string(place, 0, name, self.form(bold=place == 0))
            sheet.write_string(place, 1, value, self.form())
        place = self.counts(sheet, 4)
        for line in ABOUT_LINES:
            sheet.write_string(place, 0, line, self.form())
            place += 1
        self.aside(sheet, place + 1)
        sheet.fit_to_pages(1, 0)

    def lists(self, sheet: Any) -> None:
        """What the drop-downs offer: people may add to it."""
        sheet.write_string(3, 7, worklists.STATUS, self.form(bold=True))
        sheet.write_string(3, 8, worklists.ASSIGNED, self.form(bold=True))
        for i, name in enumerate(STATUSES):
            sheet.write_string(4 + i, 7, name, self.form(bg_color=YELLOW))
        for i in range(20):
            name = self.made.typed.names[i] if i < len(self.made.typed.names) else ""
            sheet.write_string(4 + i, 8, fitting(name), self.form(bg_color=YELLOW)) if name else sheet.write_blank(
                4 + i, 8, None, self.form(bg_color=YELLOW)
            )
        self.book.define_name("StatusList", f"={ABOUT}!$H$5:$H${4 + len(STATUSES)}")
        self.book.define_name("NameList", f"={ABOUT}!$I$5:$I$24")

    def counts(self, sheet: Any, place: int) -> int:
        """Monday's counts, and that the rows add up to them."""
        for i, head in enumerate(("Counts", "On Monday", "Rows here", "Beside another need", "Check", "Expected cash")):
            sheet.write_string(place, i, head, self.form(bold=True, bg_color=HEAD))
        for row in items.counts(self.made.queue).to_dict("records"):
            place += 1
            sheet.write_string(place, 0, row["called"], self.form())
            for i, name in enumerate(("items", "rows", "beside"), 1):
                sheet.write_number(place, i, row[name], self.form(num_format="#,##0"))
            sheet.write_string(
                place, 4, "adds up" if row["rows"] + row["beside"] == row["items"] else "does not add up", self.form()
            )
            sheet.write_number(place, 5, round(row["expected_cash"]), self.form(num_format="$#,##0"))
        return place + 2

    def aside(self, sheet: Any, place: int) -> None:
        """What was typed and belongs to no claim of the practice, and where two copies disagree."""
        if self.made.lost or self.made.typed.unplaced:
            sheet.write_string(place, 0, "Could not place", self.form(bold=True, bg_color=HEAD))
            for claim in self.made.lost:
                place += 1
                held = self.made.typed.of(claim, "")
                for i, text in enumerate((claim, "no such claim", held.get("assigned", ""), held.get("note", ""))):
                    sheet.write_string(place, i, fitting(str(text)), self.form())
            for one in self.made.typed.unplaced:
                place += 1
                for i, text in enumerate(
                    (one["claim"] or "no claim number", one["status"], one["assigned"], one["note"], one["touched"])
                ):
                    sheet.write_string(place, i, fitting(str(text)), self.form())
            place += 2
        if self.made.disagreed:
            sheet.write_string(place, 0, "Copies that disagree", self.form(bold=True, bg_color=HEAD))
            for line in self.made.disagreed:
                place += 1
                sheet.write_string(place, 0, fitting(line), self.form())


ABOUT_LINES = (
    "How it works",
    "Type in the yellow cells: Status, Assigned, Note and Last touched. All else is written anew by each report.",
    "Sort, filter, and add columns as you like. Save it and run: rcm ingest worklist.xlsx --practice NAME. The next report carries it over by claim.",
    "A claim with two needs stands once, with the more urgent one; Do this names the other.",
    "Due: the deadline minus 7 days, on a working day. Days left: calendar days to the deadline. Check contract: the usual deadline has passed.",
    "Usual payment: what this payer allows for these services. Expected cash: usual payment times how often such claims are paid when worked.",
    "Notes and names stay in this workbook and beside the reports. They are on no page and in no export.",
    "Owners come from the denial reasons: situations.csv beside the data changes them.",
    "",
)


def _soonest(part: pd.DataFrame) -> pd.DataFrame:
    """Due within a week first, then by expected cash."""
    return part.sort_values("rank")


def _by_deadline(part: pd.DataFrame) -> pd.DataFrame:
    late = part["days_left"].lt(0).fillna(False).astype(bool)
    return part.assign(_late=late).sort_values(["_late", "deadline", "claim_number"], na_position="last")


def _by_payment(part: pd.DataFrame) -> pd.DataFrame:
    return part.sort_values(["usual_payment", "claim_number"], ascending=[False, True], na_position="last")


def _most(part: pd.DataFrame) -> pd.DataFrame:
    """Those that fit into a tab: all that are due within 30 days, and the most worth."""
    if len(part) <= MOST_ROWS:
        return part
    soon = part["days_left"].between(0, KEPT_SOON_DAYS).fillna(False).astype(bool)
    worth = part["expected_cash"].astype(float).fillna(0).where(~soon, float("inf"))
    return part.loc[part.index.isin(worth.nlargest(max(MOST_ROWS, int(soon.sum()))).index)]
