"""What is asked of a report, in one piece: who, which months, which pages, in which form.

    ReportRequest(practice="riverbend", period="2026-10", as_of=date(2026, 10, 31), pdf=True)

Where the data lies, where the report goes and how many cores it may take are no part of it: `render` is told those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from rcm_analysis.months import MONTHS


@dataclass(frozen=True)
class ReportRequest:
    """One report. It is small and can be sent to another machine; `dataclasses.replace` makes one for each practice."""

    practice: str
    period: str  # month of the report, 2026-10
    as_of: date  # only what was known on this day
    months: int = MONTHS  # looked back
    notebooks: tuple[Path, ...] | None = None  # None for the practice's usual ones
    variant: str = ""  # names a report of its own beside the period's usual one
    deidentified: bool = False  # leaves out what could name a person (`pages.release`), and the executed notebooks
    pdf: bool = False  # brief.pdf besides: four pages for a meeting
    book: bool = False  # report.pdf besides: every page in one file; needs WeasyPrint
    paper: str = "letter"  # of the brief, or a4
    parameters: Mapping[str, Any] = field(default_factory=dict)  # further ones, for the notebooks that have them
    facts: Mapping[str, Any] = field(default_factory=dict)  # for the manifest alone
    provenance: Mapping[str, str] | None = None  # at the foot of every page; None for what the practice's files say

    def folder(self, out: Path) -> Path:
        """Where the report appears.

        >>> ReportRequest("riverbend", "2026-10", date(2026, 10, 31), deidentified=True).folder(Path("out")).as_posix()
        'out/riverbend/2026-10.deidentified'
        """
        marks = (self.period, self.variant, "deidentified" if self.deidentified else "")
        return out / self.practice / ".".join(filter(None, marks))
