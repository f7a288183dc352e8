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
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from rcm_analysis.claims import derive
from rcm_analysis.prevention import chance, features, trial, worth
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
LINES, RULES, CHANCES, TRIAL = "sent-lines", "rules", "denial-chances", "rules-tried"


def lines_of(view: View) -> pd.DataFrame:
    """The lines of `features.sent` as known on the view's learning day."""
    day = view.learning_day
    made = lambda: Content({"lines": features.sent(derive.known_on(view, day))})  # noqa: E731
    return kept.learned(view, LINES, made, day=day).frames["lines"]


def rules_of_practice(view: View) -> pd.DataFrame:
    """The rules alone."""
    made = lambda: Content({"rules": rules_of(lines_of(view))})  # noqa: E731
    return kept.learned(view, RULES, made, day=view.learning_day).frames["rules"]


def chances_of_practice(view: View) -> Chances | None:
    """The chances alone; None where nothing was answered yet."""
    day = view.learning_day

    def make() -> Content:
        then, lines = derive.known_on(view, day), lines_of(view)
        return chance.packed(
            chance.learn(lines, as_of=day, ends=chance.ends(then), worth=worth.of(then, lines, until=day))
        )

    return chance.unpacked(kept.learned(view, CHANCES, make, day=day))


def of_practice(view: View, *, progress: Callable[[str], None] | None = None) -> Learned:
    """What the practice's history teaches, as kept or learned now; `progress` is told of each thing before it is learned."""
    day = view.learning_day
    for what, named in ((RULES, "rules"), (CHANCES, "the chances of a denial")):
        if progress and not kept.is_learned(view, what, day=day):
            progress(f"learning {named} from what was known on {day}: some seconds to a minute, once a month")
    return Learned(rules_of_practice(view), chances_of_practice(view), day)


def trial_of(view: View) -> Trial:
    """`trial.last_quarter` of the learning day."""
    day, lines = view.learning_day, lines_of(view)

    def make() -> Content:
        made = trial.last_quarter(lines, as_of=day, view=view)
        told = chance.packed(made.chances)
        shown = {"curve": made.curve(), "orders": pd.DataFrame(made.orders), "record": made.record()}
        frames = {**told.frames, "rules": made.rules, **{f"{TOLD}{name}": table for name, table in shown.items()}}
        return Content(frames, {**told.facts, "cut": made.cut.isoformat()}, told.files)

    content = kept.learned(view, TRIAL, make, day=day)
    frames = content.frames
    told = {name.removeprefix(TOLD): frame for name, frame in frames.items() if name.startswith(TOLD)}
    cut = date.fromisoformat(content.facts["cut"])
    return trial.of_parts(lines, cut=cut, rules=frames["rules"], chances=chance.unpacked(content), told=told)


def rules_of(lines: pd.DataFrame) -> pd.DataFrame:
    """Rules of `learn_rules` from the lines of `features.sent`."""
    return prevention_rules.learn_rules(lines, **trial.LEARNING)
