"""A practice as of a day: what every analysis takes first. Frozen, so that a day that disagrees with its tables can't be written.

View(practice="riverbend", as_of=date(2026, 10, 31), months=24, store=Path("data/store"), con=...)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from rcm_analysis.months import last_month, month_end, window


@dataclass(frozen=True)
class View:
    """Connection, practice, day and window of months, which belong together.

    On the connection every table is what was known on `as_of`. `months` whole months up to that day are looked back at
    where a question does not ask for others.
    """

    practice: str
    as_of: date
    months: int
    store: Path
    con: Any = field(repr=False, compare=False)

    @property
    def month(self) -> str:
        """The last whole month known on the day, as 2026-10."""
        return last_month(self.as_of)

    @property
    def learning_day(self) -> date:
        """The day up to which models and rules learn: the end of the last whole month, so that a month's lists are made
        by one model, whatever files come meanwhile; the view's own day where nothing was known by then.
        """
        end = month_end(self.month)
        if end == self.as_of:
            return end
        known = " UNION ALL ".join(
            f"(SELECT 1 FROM {table} WHERE known_on <= DATE '{end}' LIMIT 1)"
            for table in ("submissions", "remittances")
        )
        return end if self.execute(known).fetchall() else self.as_of

    def window(self, months: int | None = None) -> tuple[date, date]:
        """First and last day of the last whole months, the view's own number of them if none is given."""
        return window(self.as_of, months or self.months)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Runs a statement on the view's tables; the result has df(), fetchall() and description."""
        return self.con.execute(sql, parameters) if parameters else self.con.execute(sql)

    def sql(self, text: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """The rows of a query, money as floats.

        >>> view.sql("SELECT payer_name, count(*) AS claims FROM claims GROUP BY 1")  # doctest: +SKIP
        """
        return self.execute(text, parameters).df()

    def register(self, name: str, frame: pd.DataFrame) -> None:
        """Makes a frame known to the view's queries by a name."""
        self.con.register(name, frame)

    def unregister(self, name: str) -> None:
        """Forgets a name given by `register`."""
        self.con.unregister(name)

    def close(self) -> None:
        """Ends the connection; its tables go with it."""
        self.con.close()
