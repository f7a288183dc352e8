"""Which claims to hold when a team can look at only so many, and what that would have met.

A hold is worth the cash that a look is expected to save: the chance of a denial, times what is at stake, times the share of such
denials that a look can mend. At stake is what the payer would allow, followed a third of the way from the charge. The chance is
the score's, or the precision of a rule that the claim matches where that is higher. A claim that no rule matches is held only
if it is likelier to be refused than the practice's claims are, so that a costly claim is not held for its price.

    submission_id  chance  lift  rule_precision  cash_usd  mend_share    worth_usd
    17             .46     3.3   0               790.00    .82           523.59      of a charge of 1,840.00
    18             .06     .4    0               4600.00   .80           0           no likelier than others
    19             .30     2.1   .92             240.00    .90           283.98      of 410.00
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rcm_analysis.errors import RcmError

MIN_LIFT = 1.0  # times the practice's rate of refusals, beyond which the chance alone may hold
# How far what the payer allows is followed away from the charge, in logs: it is told by the claim's costliest line alone. Of 0 to
# 1, a third of the way met most of what the true chances meet, in cash and in charges together, in five practices with known truth
PRICE_TRUST = 1 / 3
CURVE_SHARES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2)


class PlacesError(RcmError, ValueError):
    """A number of holds that is none."""

    code = 2


@dataclass(frozen=True)
class Places:
    """How many claims the team can take: a number, or a share of the claims."""

    count: float
    is_share: bool = False

    @classmethod
    def of(cls, text: str) -> Places:
        """`20`, or `5%` for five of each hundred. Raises PlacesError for anything else."""
        is_share, number = text.strip().endswith("%"), text.strip().removesuffix("%")
        try:
            count = float(number)
        except ValueError:
            count = -1.0
        if not (0 <= count < math.inf) or (is_share and count > 100):
            raise PlacesError(f"holds are a number of claims or a share of them, as in 20 or 5%, not {text}")
        return cls(count / 100 if is_share else count, is_share)

    def among(self, claims: int) -> int:
        """Places among so many claims."""
        return round(self.count * claims) if self.is_share else round(self.count)


def worth_usd(
    chance: pd.Series, *, lift: pd.Series, rule_precision: pd.Series, charge_usd: pd.Series,
    cash_usd: pd.Series | None = None, mend_share: pd.Series | None = None,
) -> pd.Series:  # fmt: skip
    """Cash that a look is expected to save; 0 for claims that no rule matches and that are no likelier to be refused than others.

    Where the cash is not known it is the charge, and where it is not known what a look mends, all of it.
    """
    eligible = (rule_precision > 0) | (lift > MIN_LIFT)
    at_stake = charge_usd
    if cash_usd is not None:
        at_stake = (cash_usd**PRICE_TRUST * charge_usd ** (1 - PRICE_TRUST)).fillna(charge_usd)
    mended = 1.0 if mend_share is None else mend_share.fillna(1.0)
    return (one_chance(chance, rule_precision) * at_stake * mended).where(eligible, 0.0)


def one_chance(chance: pd.Series, rule_precision: pd.Series) -> pd.Series:
    """The score of both: the chance, or the precision of a rule matched where that is higher."""
    return chance.fillna(rule_precision).clip(lower=rule_precision)


def orders(told: pd.DataFrame, rule_precision: pd.Series) -> dict[str, pd.Series]:
    """Ways to choose holds, by name, for the rows of `denial_chance.Chances` and, in their order, the best rules' precision."""
    worth = worth_usd(
        told["p_denial"], lift=told["lift"], rule_precision=rule_precision, charge_usd=told["charge_usd"],
        cash_usd=told["cash_usd"], mend_share=told["mend_share"],
    )  # fmt: skip
    return {
        "dollars at risk": worth,
        "chance alone": told["p_denial"],
        "rules alone": rule_precision,
        "charge alone": told["charge_usd"],
    }


def first(worth: pd.Series, places: int) -> pd.Series:
    """A mask of the claims worth most, at most `places` of them; ties go to the earlier row; worthless ones never."""
    order = np.argsort(-worth.to_numpy(float), kind="stable")[: max(places, 0)]
    mask = np.zeros(len(worth), bool)
    mask[order] = worth.to_numpy(float)[order] > 0
    return pd.Series(mask, worth.index)


def curve(
    claims: pd.DataFrame, orders: dict[str, pd.Series], *, weekdays: int, shares: Sequence[float] = CURVE_SHARES
) -> pd.DataFrame:
    """Had claims been held in these orders: a row per order and share of claims held.

    `claims` has `refused` (0 or 1) and `denied_usd`; an order holds what it sorts by, highest first, and ends where it
    is 0. `weekdays` that the claims were sent on.

        order  share_held  holds  holds_per_day  avoided  avoided_usd  false_alarms  precision  share_of_denials  share_of_usd
        score  .05         120    1.9            64       41000.00     56            .53        .15               .41
    """
    total, usd = max(claims["refused"].sum(), 1), max(claims["denied_usd"].sum(), 0.01)
    rows = []
    for name, order in orders.items():
        for share in shares:
            held = first(order, round(share * len(claims)))
            met, dollars = claims.loc[held, "refused"].sum(), claims.loc[held, "denied_usd"].sum()
            rows.append({"order": name, "share_held": share, "holds": int(held.sum()), "holds_per_day": held.sum() / max(weekdays, 1),
                         "avoided": int(met), "avoided_usd": float(dollars), "false_alarms": int(held.sum() - met),
                         "precision": met / held.sum() if held.any() else np.nan, "share_of_denials": met / total, "share_of_usd": dollars / usd})  # fmt: skip
    columns = ["order", "share_held", "holds", "holds_per_day", "avoided", "avoided_usd", "false_alarms", "precision", "share_of_denials",
               "share_of_usd"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
