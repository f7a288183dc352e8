"""Two categories against each other, as a table whose cells are shaded: zero is the paper, numbers are written in the cells."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from rcm_analysis.words import count, points, share, still

SHADES = 6
FORMS: dict[str, Callable[[float], str]] = {"count": count, "share": share, "points": points,
                                            "percent": lambda value: f"{value:.0%}"}  # fmt: skip


@dataclass(frozen=True)
class Heat:
    """A grid of numbers; `around_zero` shades what rises and what falls apart. What has no value is empty.

    Heat(pd.DataFrame({"Eligibility": [60, 54]}, index=["Atlas Health Plan", "Meridian Blue"]), "Initial denials by payer and reason", "denials")
    """

    grid: pd.DataFrame
    title: str
    unit: str
    form: str = "count"
    around_zero: bool = False
    rows_called: str = ""

    def html(self) -> str:
        """The grid as an HTML table."""
        if not self.grid.size:
            return f"<p>{html.escape(self.title)}: nothing to show in this period.</p>"
        most = float(self.grid.abs().max().max()) or 1.0
        heads = "".join(f'<th scope="col">{_said(name)}</th>' for name in self.grid.columns)
        body = "".join(
            f'<tr><th scope="row">{_said(name)}</th>{"".join(self._cell(value, most) for value in row)}</tr>'
            for name, row in zip(
                self.grid.index, self.grid.astype(float).itertuples(index=False, name=None), strict=True
            )
        )
        corner = html.escape(self.rows_called or str(self.grid.index.name or "").replace("_", " ").capitalize())
        first = f'<th scope="col">{corner}</th>' if corner else "<td></td>"
        zero = "White is no change." if self.around_zero else "White is zero."
        return (
            f'<table class="heat"><caption>{html.escape(self.title)}. <span>{html.escape(self.unit.capitalize())}. {zero}</span></caption>'
            f"<thead><tr>{first}{heads}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _cell(self, value: float, most: float) -> str:
        if value != value:
            return "<td></td>"
        shown = FORMS[self.form](value)
        step = (
            0 if not value or not float(f"{value:.4g}") else min(SHADES, 1 + int(abs(value) / most * SHADES * 0.9999))
        )
        if self.around_zero:
            small = abs(value) < most / 100
            return f'<td class="{"q0" if small else ("w" if value > 0 else "l") + str(max(1, (step + 1) // 2))}">{shown}</td>'
        return f'<td class="q{step}">{shown}</td>'


def _said(name: object) -> str:
    return html.escape(still(str(name)))
