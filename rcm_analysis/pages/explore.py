"""What an analyst calls in JupyterLab between the ready-made tables: look at any table, drill into any group of denials.

p = rcm.open_practice("../data/store", "riverbend", as_of="2026-10-31", months=12)
rcm.show(p.denials(carc="197"), "Lines denied with code 197")
"""

from __future__ import annotations

import re
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis import words
from rcm_analysis.measures import measures
from rcm_analysis.measures.by_month import by_month, measures_of_month
from rcm_analysis.months import last_month
from rcm_analysis.pages import nouns
from rcm_analysis.pages.blocks import Column, Figure, Table

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

WHERE = ("payer_name", "procedure", "modifiers", "rendering_npi", "location", "rarc")
_MONEY = re.compile(
    r"(^|_)(usd|amount|charge|paid|allowed|balance|adjusted|unnecessary|written_off|patient_share)(_|$)"
)
_SHARE = re.compile(r"(^|_)(share|rate|precision|strength|p|lower|upper)(_|$)")
_NAME = re.compile(r"(^|_)(number|id|npi|code|carc|rarc|procedure|place_of_service)$")


def show(frame: pd.DataFrame, title: str = "", *, rows: int = 10) -> Table:
    """Any table as the pages show one: sorted by a click on its head, searched by typing, units told from the names."""
    columns = {str(name): Column(words.words(name), _unit(str(name), frame[name])) for name in frame}
    slug = re.sub(r"\W+", "_", title.lower()).strip("_")[:40]
    return Table(
        frame.rename(columns=str), name=f"explore_{slug or 'table'}", title=title or "Table", columns=columns, rows=rows
    )


def _unit(name: str, values: pd.Series) -> str:
    if pd.api.types.is_datetime64_any_dtype(values):
        return "date"
    if pd.api.types.is_bool_dtype(values):
        return "yes"
    if not pd.api.types.is_numeric_dtype(values) or _NAME.search(name):
        return "text"
    if _SHARE.search(name) and values.dropna().between(0, 1).all():
        return "share"
    if _MONEY.search(name):
        return "cents"
    return "count" if (values.dropna() % 1 == 0).all() else "days"


def overview(measured: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Every measure in its latest whole month, written in its unit; `measured` as from `measures.measure`.

    label                        value  basis            month    cases
    Initial denial rate, claims  12.1%  decision_month   2026-10  1211
    """
    table = measures_of_month(measured, month=last_month(as_of))
    table = table.assign(
        value=words.in_units(table["value"], table["unit"]),
        label=[nouns.of_month(row.label, row.basis) for row in table.itertuples()],
    )
    return table[["label", "value", "basis", "month", "cases"]]


def chart(view: View, name: str) -> Figure:
    """A share of the whole practice by month of decision as a line with its interval, over the view's months.

    Raises KeyError that names the measures which are one.
    """
    from rcm_analysis.charts import common  # matplotlib, which only a picture needs

    labels = {m.name: m.label for m in measures.MEASURES if m.unit == "share" and "decision_month" in m.bases}
    if name not in labels:
        raise KeyError(f"no line for {name}; there is one for {', '.join(labels)}")
    table = by_month(measures.measure(view, names=(name,)), name, as_of=view.as_of, months=view.months)
    last, month = table.iloc[-1], words.month_name(table["month"].iloc[-1])
    return Figure(
        partial(common.rate_by_month, table, title=labels[name]),
        name=f"explore_{name}",
        alt=f"Line of {labels[name]} by month, {words.share(last['value'])} in {month}",
        caption=f"{labels[name]} by month adjudicated, {view.months} months to {month}.",
        data=table,
    )


def denied_lines(view: View, *, months: int | None = None, **where: str) -> pd.DataFrame:
    """Denied service lines decided in the last `months` whole months, largest first; `where` names columns and values.

    claim_number  payer_name  procedure  carc  decided_on  denied_amount
    C10482        UNISON      70553      197   2026-03-04  1250.00

    Raises KeyError that names a column which `denials` has not.
    """
    first, last = view.window(months)
    table = view.execute(
        f"SELECT * FROM denials WHERE decided_on BETWEEN DATE '{first}' AND DATE '{last}' "
        "ORDER BY denied_amount DESC, claim_number, line_number, decided_on"
    ).df()
    unknown = set(where) - set(table)
    if unknown:
        raise KeyError(f"denials have no {', '.join(sorted(unknown))}; they have {', '.join(table)}")
    for name, value in where.items():
        table = table[table[name] == value]
    return table.astype({"denied_amount": float, "charge": float}).reset_index(drop=True)


def drill(view: View, *, months: int | None = None, **where: str) -> pd.DataFrame:
    """Where the denials of one group sit: values that are commoner in it than among all denials, by excess lines.

    what        value   denials  denied_amount  share  usual_share  times_usual
    payer name  UNISON  81       40102.00       .62    .21          3.0

    `drill(view, carc="197")`; the group is named as for `denied_lines`.
    """
    everything = denied_lines(view, months=months)
    part = denied_lines(view, months=months, **where)
    rows = [_compared(part, everything, name) for name in WHERE if name not in where]
    table = pd.concat(rows, ignore_index=True)
    excess = (table["share"] - table["usual_share"]) * len(part)
    order = excess.sort_values(ascending=False, kind="stable").index
    return table.loc[order].loc[excess > 0].reset_index(drop=True)


def _compared(part: pd.DataFrame, everything: pd.DataFrame, name: str) -> pd.DataFrame:
    usual = everything[name].fillna("none").value_counts(normalize=True)
    own = part.assign(value=part[name].fillna("none")).groupby("value", as_index=False)
    table = own.agg(denials=("claim_number", "size"), denied_amount=("denied_amount", "sum"))
    share = table["denials"] / max(len(part), 1)
    usual_share = table["value"].map(usual).astype(float)  # an empty group maps to texts
    table = table.assign(share=share, usual_share=usual_share, times_usual=(share / usual_share).round(1))
    table.insert(0, "what", words.words(name))
    return table
