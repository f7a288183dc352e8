"""Denial trend analytics for medical practices and ambulance businesses.

Files on disk become tidy tables (`intake`, `store`), tables become claims, denials and write-offs as of a day
(`claims`), those become measures, trends, clusters, risk and rules, pictures (`charts`) and pages (`pages`, `reports`).
Each folder is a room whose first line says what it does and what it does not. An analyst begins with

    import rcm_analysis as rcm
    p = rcm.open_practice("data/store", "riverbend", as_of="2026-10-31", months=24)
    p.denials(carc="197")
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rcm_analysis.errors import RcmError
    from rcm_analysis.measures.measures import MEASURES
    from rcm_analysis.view import PracticeView, demo, ingest, open_practice, practices, report, scrub, show

__version__ = "0.2.0"
__all__ = [
    "MEASURES",
    "PracticeView",
    "RcmError",
    "__version__",
    "demo",
    "ingest",
    "open_practice",
    "practices",
    "report",
    "scrub",
    "show",
]

# Public names and their rooms, which are imported when a name is used
_PUBLIC = {"MEASURES": "measures.measures", "RcmError": "errors"} | dict.fromkeys(
    ("PracticeView", "demo", "ingest", "open_practice", "practices", "report", "scrub", "show"), "view"
)
# Modules of release 0.1 and where they are now
_MOVED = {
    "acknowledgments": "edi.acknowledgment_277", "audits": "compare.audit",
    "before_submission": "prevention.features", "cells": "spreadsheets.cells", "changes": "trends.scan",
    "claim_files": "edi.divide_837", "clocks": "reports.scheduler_entries", "cluster_charts": "charts.clusters",
    "cluster_features": "clusters.features", "cluster_labels": "clusters.labels", "codes": "reference.codes",
    "conformance": "edi.conformance", "crontab": "reports.cron", "decisions": "claims.decisions",
    "decomposition": "trends.mix", "delivery": "reports.deliver", "demo": "synthetic.practice",
    "demo_edi": "synthetic.edi", "denial_chance": "prevention.chance", "development": "trends.maturity",
    "disclosure": "pages.release", "engines": "store.engine", "envelopes": "edi.envelopes",
    "episodes": "claims.episodes", "explore": "pages.explore", "exports": "spreadsheets.exports",
    "forecast": "trends.forecast", "forked": "reports.fork_server", "grids": "spreadsheets.tables",
    "holds": "prevention.holds", "issuers": "compare.issuers", "kernels": "reports.kernels",
    "lattice": "trends.segments", "learned": "prevention.cache", "ledgers": "spreadsheets.ledgers",
    "listings": "spreadsheets.listings", "loopholes": "prevention.process_gaps", "mappings": "spreadsheets.mappings",
    "overlaps": "claims.overlaps", "pdf": "reports.pdf", "portfolio": "compare.portfolio",
    "portfolio_charts": "charts.portfolio", "postings": "claims.postings", "practices": "reports.all_practices",
    "progress": "intake.progress", "remittances": "edi.remittance_835", "risk_calibration": "models.calibration",
    "risk_card": "risk.card", "risk_cases": "models.cases", "risk_charts": "charts.risk",
    "risk_features": "risk.features", "risk_judgement": "models.scores", "risk_models": "models.learners",
    "risk_outcome": "models.outcome", "rule_search": "prevention.search", "rule_words": "prevention.wording",
    "runs": "reports.run", "schedule": "reports.schedule", "schema": "store.schema",
    "scorecards": "compare.scorecard", "scrub": "prevention.scrub", "sharing": "store.kept",
    "sheets": "spreadsheets.sheets", "signals": "trends.search", "sources": "intake.sources",
    "standardization": "compare.equal_mix", "static_edits": "prevention.edits", "submissions": "edi.claim_837",
    "summaries": "measures.by_month", "tables": "export", "tallies": "intake.file_log",
    "taxonomy": "trends.redefinitions", "trend_charts": "charts.trends", "trend_tables": "trends.tables",
    "workers": "parallel", "worklist": "work.workbook", "x12": "edi.x12",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"rcm_analysis.{_PUBLIC[name]}"), name)
    raise AttributeError(_sentence(name) if name in _MOVED else f"module 'rcm_analysis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def moved(room: str, module: str) -> Callable[[str], Any]:
    """For rooms that were a module in release 0.1: a missing name says where to look for it."""

    def missing(name: str) -> Any:
        where = f"; most of what rcm_analysis.{room} held is in rcm_analysis.{room}.{module}"
        raise AttributeError(f"rcm_analysis.{room} has no {name!r}{'' if name.startswith('__') else where}")

    return missing


def _sentence(name: str) -> str:
    return f"rcm_analysis.{name} is now rcm_analysis.{_MOVED[name]}"


class _Moved:
    """Asked last by `import`: an old module's name gives one sentence that says where it is."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        package, _, rest = name.partition(".")
        if package == __name__ and rest in _MOVED:
            raise ModuleNotFoundError(_sentence(rest), name=name)
        return None


if _Moved not in sys.meta_path:
    sys.meta_path.append(_Moved)  # type: ignore[arg-type]
