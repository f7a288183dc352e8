"""Had we held claims last quarter: what was known then, tried on the claims sent since.

trial = last_quarter(features.sent(view), as_of=view.as_of)
trial.cut               2026-07-31
trial.curve()           threshold  rules  holds  avoided  avoided_usd  false_alarms
                        .87        1      110    93       4100.00      17
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis.prevention import chance, features, holds, rules, wording, worth
from rcm_analysis.prevention.chance import Chances
from rcm_analysis.prevention.search import BeamSearch, Term

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

QUARTER = timedelta(days=91)
COLUMNS = {"outcome": "outcome", "case": "submission_id", "amount": "denied_amount"}
MIN_PRECISION = 1 / 3  # of what a rule holds, refused: at worst two clean claims are looked at for each one met
# Of one reason, in what is searched: refusals for other reasons come on top before a rule is held to MIN_PRECISION
MIN_RATE = 0.9 * MIN_PRECISION
# A narrower beam than the search's own: in eight practices with known truth it met as many of the claims that are surely refused,
# but for two of 29 in one, and takes a fifth less work
BEAM, LATE_BEAM = 16, 12
# What the practice's own files say is wrong with a claim; no search has to find it
KNOWN = tuple(
    (Term(name, "in", ("yes",)),)
    for name in ("late_for_payer", "duplicate", "truncated_diagnosis", "provider_denied_for_credentialing")
)
LEARNING: dict[str, Any] = {
    **COLUMNS, "date": "sent_on", "features": features.FEATURES,
    "settings": rules.Learning(min_precision=MIN_PRECISION, of_patients=features.OF_PATIENTS, known=KNOWN,
                               search=BeamSearch(width=BEAM, late_width=LATE_BEAM, min_rate=MIN_RATE, correlates=features.CORRELATES)),
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """Rules and chances known on a day, and the service lines and claims sent since."""

    cut: date
    rules: pd.DataFrame
    chances: Chances | None
    lines: pd.DataFrame
    claims: pd.DataFrame
    told: Mapping[str, pd.DataFrame] = field(default_factory=dict, repr=False)  # what was computed before, by name

    def shown(self) -> dict[str, pd.DataFrame]:
        """All that a page shows of it, by name: `told` of a trial that is put together without its lines."""
        days = pd.DataFrame({"weekdays": [self.weekdays]})
        return {"curve": self.curve(), "orders": pd.DataFrame(self.orders), "record": self.record(), "kept": self.kept(),
                "days": days, "claims": self.claims[["submission_id", "refused", "denied_usd"]]}  # fmt: skip

    @property
    def weekdays(self) -> int:
        """Weekdays from the first to the last day on which claims were sent."""
        if "days" in self.told:
            return int(self.told["days"]["weekdays"].iloc[0])
        return rules.weekdays(self.lines["sent_on"])

    def curve(self) -> pd.DataFrame:
        """What holding by ever more rules would have met, a row per threshold."""
        if "curve" in self.told:
            return self.told["curve"]
        return rules.simulate(self.rules, self.lines, date="sent_on", **COLUMNS)

    def kept(self) -> pd.DataFrame:
        """Each rule with what became of it."""
        if "kept" in self.told:
            return self.told["kept"]
        return wording.described(self.rules).merge(rules.record(self.rules, self.lines, **COLUMNS), on="rule_id")

    @cached_property
    def orders(self) -> dict[str, pd.Series]:
        """Ways to choose holds; none where no chance could be learned."""
        if "orders" in self.told:
            return dict(self.told["orders"].items())
        if not self.chances:
            return {}
        best = rules.best_precision(self.rules, self.lines, case="submission_id")
        ids = self.claims["submission_id"]
        return holds.orders(self.chances.of_claims(self.claims), best.reindex(ids).reset_index(drop=True))

    def choices(self, shares: Sequence[float] = holds.CURVE_SHARES) -> pd.DataFrame:
        """What as many holds would have met, a row per order and share of claims held."""
        return holds.curve(self.claims, self.orders, weekdays=self.weekdays, shares=shares)

    def within(self, holds_per_day: float) -> pd.DataFrame:
        """The same with so many holds a weekday, a row per order."""
        return self.choices((holds_per_day * self.weekdays / max(len(self.claims), 1),))

    def record(self) -> pd.DataFrame:
        """Whether the chances came true."""
        if "record" in self.told:
            return self.told["record"]
        return chance.record(self.chances, self.claims) if self.chances else chance.NO_RECORD


def last_quarter(lines: pd.DataFrame, *, as_of: date, view: View | None = None) -> Trial:
    """What was known a quarter before the newest claim, and the claims since; `lines` as from `features.sent`.

    Without the view, which tells prices, holds go to the charges at risk.
    """
    newest = lines["sent_on"].max().date() if len(lines) else as_of
    cut = newest - QUARTER
    then = features.as_known(lines, as_of=cut)
    known = worth.of(view, then, until=cut) if view else worth.NOTHING_KNOWN
    chances = chance.learn(then, as_of=cut, worth=known)
    since = lines[lines["sent_on"] > str(cut)]
    return Trial(cut, rules.learn_rules(then, **LEARNING), chances, since, chance.claim_rows(since))


def of_shown(cut: date, rules: pd.DataFrame, chances: Chances | None, shown: Mapping[str, pd.DataFrame]) -> Trial:
    """A trial that was made before, from what `Trial.shown` gave; its lines stay away."""
    return Trial(cut, rules, chances, pd.DataFrame(), shown["claims"], shown)
