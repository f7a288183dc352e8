"""Whether a page may show what it shows: figures of a ledger that is not wholly understood are withheld, and said so first.

trust.of_ledger(p)                     # first on a page: "1 of 2 ledger files is not understood ..."; nothing where all are
trust.shown(p, page.key_figures(...))  # its figures, those of the ledger withheld where one is not understood
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from rcm_analysis import words
from rcm_analysis.pages.blocks import Block, Finding, Numbers, Table
from rcm_analysis.pages.columns import Column, named

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

Shown = TypeVar("Shown", bound=Block)
WITHHELD = "withheld"
WHY = "a ledger file needs mapping, see Data checks"


def ledgers(view: View) -> pd.DataFrame:
    """Each sheet of a ledger with how it stood the comparison; `doubtful` where it is not understood and nothing took its place.

    name        sheet  rows   understood  doubtful  charges_checked  charges_agree
    july.csv           4,120  True        False     310              .997
    august.csv         4,300  False       True      280              .310
    """
    table = view.execute("""
        SELECT f.name, u.* FROM ledger_understanding u
        JOIN (SELECT file_id, min(name) AS name, max(batch) AS batch FROM files GROUP BY file_id) f USING (file_id)
        ORDER BY f.batch, f.name, u.sheet""").df()
    later = view.execute("""
        SELECT DISTINCT u.file_id FROM ledger_understanding u
        JOIN (SELECT file_id, max(batch) AS batch FROM files GROUP BY file_id) f USING (file_id)
        JOIN (SELECT b.batch, n.rows FROM ledger_understanding n
            JOIN (SELECT file_id, max(batch) AS batch FROM files GROUP BY file_id) b USING (file_id) WHERE n.understood) o
            ON o.batch > f.batch AND o.rows >= u.rows
        WHERE NOT u.understood""").df()
    numbers = [name for name in table if name.endswith(("rows", "amount", "_checked", "_agree", "_share"))]
    texts = dict.fromkeys(("sheet", "reason", "left_over"), "")
    table = table.astype(dict.fromkeys(numbers, float)).fillna(texts)
    understood = table["understood"].astype(bool)
    return table.assign(understood=understood, doubtful=~understood & ~table["file_id"].isin(later["file_id"]))


def of_ledger(view: View) -> Finding | None:
    """What a page that depends on the ledger says first where a file of it is not understood."""
    said = doubt(ledgers(view))
    return Finding(said, rank=0, kind="caution") if said else None


def doubt(table: pd.DataFrame) -> str:
    """The same as a sentence, empty where every file is understood; `table` as from `ledgers`."""
    bad, files = table[table["doubtful"]], table["file_id"].nunique()
    if not len(bad):
        return ""
    number = bad["file_id"].nunique()
    which = "The ledger file" if files == 1 else f"{words.count(number)} of {words.count(files)} ledger files"
    verb = "is" if number == 1 else "are"
    return (
        f"{which} ({words.count(bad['rows'].sum())} rows) {verb} not understood. Write-offs, collections and balances are withheld "
        "until its columns are mapped. See Data checks."
    )


def shown(view: View, block: Shown | None) -> Shown | None:
    """The block as the page may show it: its parts of the ledger only where the whole ledger is understood."""
    if block is None or not _depends(block) or not ledgers(view)["doubtful"].any():
        return block
    return without_ledger(block)


def shown_ledger(view: View) -> bool:
    """Whether figures of the ledger may be shown."""
    return not ledgers(view)["doubtful"].any()


def _depends(block: Block) -> bool:
    return isinstance(block, Finding | Numbers) and bool(block.of_ledger)


def without_ledger(block: Shown) -> Shown | None:
    """A block without what depends on the ledger: key figures read "withheld", a finding is left out.

    >>> without_ledger(Numbers([("Lost", "$12", "12 months"), ("Sent", "8", "claims")], of_ledger=(0,))).figures[0]
    ('Lost', 'withheld', 'a ledger file needs mapping, see Data checks')
    """
    if isinstance(block, Finding) and block.of_ledger:
        return None
    if isinstance(block, Numbers):
        tiles = [(a, WITHHELD, WHY) if i in block.of_ledger else (a, b, c) for i, (a, b, c) in enumerate(block.figures)]
        return replace(block, figures=tiles)
    return block


def agreement(table: pd.DataFrame) -> Finding | None:
    """What of the ledger agrees with the electronic files, on how many claims; `table` as from `ledgers`."""
    good = table[table["understood"]]
    said = [share for share in (_share(good, name, text) for name, text in _CHECKED.items()) if share]
    if not len(good):
        return None
    if not said:
        return Finding(
            f"The ledger ({words.count(good['rows'].sum())} postings) could not be checked: no claim is in both the ledger and the electronic files.",
            rank=63,
            kind="caution",
        )
    return Finding(f"The ledger agrees with the electronic files: {', '.join(said)}.", rank=63)


_CHECKED = {
    "charges": "charges on {} of {} claims",
    "payments": "insurer payments on {} of {}",
    "contractual": "contractual adjustments on {} of {}",
}


def _share(table: pd.DataFrame, name: str, text: str) -> str:
    """How many of the claims compared agree; empty where none was."""
    checked, share = (table[f"{name}_{part}"].astype(float).fillna(0) for part in ("checked", "agree"))
    agree = (checked * share).round().sum()
    return text.format(words.share(agree / checked.sum()), words.count(checked.sum())) if checked.sum() else ""


def checks(table: pd.DataFrame) -> Table:
    """Each sheet of a ledger beside the electronic files; `table` as from `ledgers`."""
    columns = named(
        "name rows charges_agree charges_checked payments_agree payments_checked contractual_agree contractual_checked "
        "balances_agree state reason left_over",
        name="File",
        rows=Column("Rows", "count"),
        charges_agree=Column("Charges agree", "share", "with the claims sent (CLM02)"),
        charges_checked=Column("of claims", "count"),
        payments_agree=Column("Payments agree", "share", "with remits 45 days old or older"),
        payments_checked=Column("of claims", "count"),
        contractual_agree=Column("Adjustments agree", "share", "claims whose adjustments cover CO-45"),
        contractual_checked=Column("of claims", "count"),
        balances_agree=Column(
            "Balances close", "share", "claims on which payments and adjustments take no more than was charged"
        ),
        state=Column("Understood"),
        reason=Column("Why not"),
        left_over=Column("Left over", "text", "columns that nothing explains"),
    )
    named_so = table["sheet"].fillna("").astype(str)
    name = table["name"].where(named_so == "", table["name"] + ", " + named_so)
    state = (
        table["understood"]
        .map({True: "yes", False: "no"})
        .mask(~table["understood"] & ~table["doubtful"], "no, replaced by a later file")
    )
    shown_so = table.assign(name=name, state=state)
    note = "Name the columns in a mapping file (rcm ingest --mapping), then load the file again. docs/exports.md shows how."
    return Table(
        shown_so,
        "ledger_checks",
        "Ledger compared with electronic files",
        columns,
        note=note,
        empty="No ledger was loaded.",
    )
