"""What a practice's own history teaches about claims not sent yet, learned once after an ingest and kept beside it.

    data/store/riverbend/rules/00007-3fa9c1d2-2026-10-31-2/    rules.parquet, denial.model, loss.model

Only what was learned from the newest ingest is kept; nothing in these files runs when they are read.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from rcm_analysis.prevention import chance, features
from rcm_analysis.prevention import rules as prevention_rules
from rcm_analysis.prevention.chance import Chances
from rcm_analysis.store import folders
from rcm_analysis.store.practice import Practice

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

VERSION = 2  # raise it when rules or chances are learned in another way


class Learned(NamedTuple):
    """Rules of `prevention.learn_rules` and the chances of `denial_chance.learn`, None where nothing was answered yet."""

    rules: pd.DataFrame
    chances: Chances | None


def of_practice(view: View, practice: Practice) -> Learned:
    """What the practice's batches teach as of the day: as kept since it was last learned from them, else learned now.

    Of two that ask at once the second waits for what the first learns.
    """
    batch = (practice.batches() or ["none"])[-1]
    folder = practice.folder / "rules" / f"{batch}-{view.as_of.isoformat()}-{VERSION}"
    if not folder.is_dir():
        with folders.lock(folder.with_name(".lock"), wait=lambda: None):
            if not folder.is_dir():
                _sweep(folder.parent, batch)
                learned = learn(view)
                _keep(learned, folder)
                return learned
    chances = chance.load(folder) if (folder / "denial.model").exists() else None
    return Learned(pd.read_parquet(folder / "rules.parquet"), chances)


def _sweep(place: Path, batch: str) -> None:
    """Removes what was learned from earlier ingests, and what a killed process had begun."""
    for old in place.iterdir():
        if old.is_dir() and not old.name.startswith(batch):
            shutil.rmtree(old, ignore_errors=True)


def learn(view: View) -> Learned:
    """Rules and chances from all that was known on the day; `con` from `claims.open_practice` at the same `as_of`."""
    lines = features.sent(view)
    return Learned(rules_of(lines), chance.learn(lines, as_of=view.as_of, ends=chance.ends(view)))


def rules_of(lines: pd.DataFrame) -> pd.DataFrame:
    """Rules of `prevention.learn_rules` from the lines of `before_submission.sent`."""
    return prevention_rules.learn_rules(lines, outcome="outcome", date="sent_on", features=features.FEATURES, case="submission_id",
                                  amount="denied_amount")  # fmt: skip


def _keep(learned: Learned, folder: Path) -> None:
    work = folders.building(folder)
    work.mkdir(mode=0o700)
    learned.rules.to_parquet(work / "rules.parquet")
    if learned.chances:
        learned.chances.save(work)
    folders.publish(work, folder)
