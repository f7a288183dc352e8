"""What a practice's own history teaches about claims not sent yet, and how that would have done: kept by its day.

    lines = cache.lines_of(view)           service lines of answered submissions, as known at the end of last month
    cache.of_practice(view)                rules proven on them, and the chances of a denial
    cache.trial_of(view)                   the rules and chances of a quarter before, tried on the claims since

All of it is of the view's `learning_day`, so that report, scrub and exports speak of the same rules and a day's new
files cost no search. `store.kept` keeps it; nothing in its files runs when they are read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from rcm_analysis.claims import derive
from rcm_analysis.prevention import chance, features, process_gaps, trial, worth
from rcm_analysis.prevention import rules as prevention_rules
from rcm_analysis.prevention.chance import Chances
from rcm_analysis.prevention.trial import Trial
from rcm_analysis.store import kept
from rcm_analysis.store.content import Content

if TYPE_CHECKING:
    from rcm_analysis.store.view import View


class Learned(NamedTuple):
    """Rules of `learn_rules`, the chances of `chance.learn`, None where nothing was answered yet, and the day of both."""

    rules: pd.DataFrame
    chances: Chances | None
    day: date


TOLD = "told."  # begins the names of frames that only show what rules and chances did
LINES, RULES, CHANCES, TRIAL, GAPS = "sent-lines", "rules", "denial-chances", "rules-tried", "process-gaps"


def lines_of(view: View) -> pd.DataFrame:
    """The lines of `features.sent` as known on the view's learning day."""
    day = view.learning_day
    made = lambda: Content({"lines": features.sent(derive.known_on(view, day))})  # noqa: E731
    return kept.learned(view, LINES, made, day=day).frames["lines"]


Lines = Callable[[], pd.DataFrame]  # `lines_of` a view, when they are needed


def rules_of_practice(view: View, *, lines: Lines | None = None) -> pd.DataFrame:
    """The rules alone."""
    lines = lines or partial(lines_of, view)
    made = lambda: Content({"rules": rules_of(lines())})  # noqa: E731
    return kept.learned(view, RULES, made, day=view.learning_day).frames["rules"]


def chances_of_practice(view: View, *, lines: Lines | None = None) -> Chances | None:
    """The chances alone; None where nothing was answered yet."""
    day, lines = view.learning_day, lines or partial(lines_of, view)

    def make() -> Content:
        then, known = derive.known_on(view, day), lines()
        return chance.packed(
            chance.learn(known, as_of=day, ends=chance.ends(then), worth=worth.of(then, known, until=day))
        )

    return chance.unpacked(kept.learned(view, CHANCES, make, day=day))


def of_practice(view: View, *, progress: Callable[[str], None] | None = None) -> Learned:
    """What the practice's history teaches, as kept or learned now; `progress` is told of each thing before it is learned."""
    day = view.learning_day
    for what, named in ((RULES, "rules"), (CHANCES, "the chances of a denial")):
        if progress and not kept.is_learned(view, what, day=day):
            progress(f"learning {named} from what was known on {day}: some seconds to a minute, once a month")
    lines = lru_cache(maxsize=1)(partial(lines_of, view))  # both learn from them
    return Learned(rules_of_practice(view, lines=lines), chances_of_practice(view, lines=lines), day)


def trial_of(view: View) -> Trial:
    """`trial.last_quarter` of the learning day."""
    day = view.learning_day

    def make() -> Content:
        made = trial.last_quarter(lines_of(view), as_of=day, view=view)
        told = chance.packed(made.chances)
        frames = {
            **told.frames,
            "rules": made.rules,
            **{f"{TOLD}{name}": table for name, table in made.shown().items()},
        }
        return Content(frames, {**told.facts, "cut": made.cut.isoformat()}, told.files)

    content = kept.learned(view, TRIAL, make, day=day)
    frames = content.frames
    told = {name.removeprefix(TOLD): frame for name, frame in frames.items() if name.startswith(TOLD)}
    cut = date.fromisoformat(content.facts["cut"])
    return trial.of_shown(cut, frames["rules"], chance.unpacked(content), told)


def line_gaps_of(view: View) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the lines of `lines_of` say of the practice's process: `process_gaps.authorization_requirements` and
    `.ambulance_papers`."""

    def make() -> Content:
        lines = lines_of(view)
        return Content(
            {"needs": process_gaps.authorization_requirements(lines), "papers": process_gaps.ambulance_papers(lines)}
        )

    frames = kept.learned(view, GAPS, make, day=view.learning_day).frames
    return frames["needs"], frames["papers"]


def rules_of(lines: pd.DataFrame) -> pd.DataFrame:
    """Rules of `learn_rules` from the lines of `features.sent`."""
    return prevention_rules.learn_rules(lines, **trial.LEARNING)
