"""What a look at a claim before it is sent can save: the cash that a refusal would put at stake, and whether a look can mend it.

    payer_name  procedure  cash_share  mend_share
    ACME        70553      .41         .78
    ACME        99213      .62         .66
    (any)       (any)      .48         .70

`cash_share` is what the payer allows of a dollar charged for the procedure. `mend_share` is the share of its refusals that
a look can mend: those that could have been prevented, by the kind of refusal, less half of those that were lost though
they were worked. Both are drawn to the payer's and the practice's where there are few (shares 0-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

PRIOR_LINES = 5.0  # lines of the wider share that a payer's own procedure is drawn to
PREVENTABLE = {"yes": 1.0, "partly": 0.5, "no": 0.0}
REJECTION_MENDED = 0.95  # a claim refused at the door was never judged: the field is put right
KEYS = ("payer_name", "procedure")
COLUMNS = (*KEYS, "cash_share", "mend_share")


@dataclass(frozen=True)
class Worth:
    """The table above, rows of `(any)` among it; none where nothing was paid or refused yet."""

    table: pd.DataFrame

    def of_claims(self, rows: pd.DataFrame) -> pd.DataFrame:
        """cash_usd and mend_share for rows of `chance.claim_rows`: by payer and costliest procedure, else as wide as needed."""
        if not len(self.table):
            return pd.DataFrame({"cash_usd": rows["claim_charge"].astype(float), "mend_share": 1.0}, index=rows.index)
        asked = pd.DataFrame({name: rows[name].astype(object).fillna("") for name in KEYS})
        known = self.table.set_index(list(KEYS))
        told = pd.DataFrame(float("nan"), index=rows.index, columns=["cash_share", "mend_share"])
        for payer, procedure in ((True, True), (True, False), (False, True), (False, False)):
            names = [asked["payer_name"] if payer else ANY, asked["procedure"] if procedure else ANY]
            keys = pd.MultiIndex.from_arrays([pd.Series(name, index=rows.index) for name in names])
            told = told.fillna(known.reindex(keys).set_axis(rows.index))
        return told.assign(cash_usd=told["cash_share"] * rows["claim_charge"].astype(float))[["cash_usd", "mend_share"]]


ANY = "(any)"
NOTHING_KNOWN = Worth(pd.DataFrame(columns=list(COLUMNS)))


def of(view: View, lines: pd.DataFrame, *, until: date) -> Worth:
    """What the practice's denials until the day tell; `lines` as from `features.sent` of that day."""
    denials = view.execute(f"""
        SELECT payer_name, procedure, category, preventable, CAST(denied_amount AS DOUBLE) AS refused_usd,
            CAST(expected_allowed AS DOUBLE) AS allowed, CAST(expected_cash AS DOUBLE) AS cash
        FROM denials WHERE is_first AND denied_amount > 0 AND decided_on <= DATE '{until}'
    """).df()  # fmt: skip
    priced = denials[denials["allowed"].notna()]
    paid = priced.assign(part=priced["allowed"].clip(upper=priced["refused_usd"]), whole=priced["refused_usd"])
    cash = _shares(_counted(paid.dropna(subset=list(KEYS)))).rename("cash_share")
    mend = _shares(_counted(_mended(denials, lines))).rename("mend_share")
    table = pd.concat([cash, mend], axis=1).reset_index()
    return Worth(table[list(COLUMNS)].sort_values(list(KEYS), ignore_index=True))


def _mended(denials: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Refused lines with how much of each a look could mend, by the kind of refusal."""
    won = (denials["cash"] / denials["allowed"]).fillna(0.5)
    could = denials["preventable"].map(PREVENTABLE).fillna(0.5) * (1 + won) / 2
    by_kind = could.groupby(denials["category"]).mean()
    by_kind.loc["rejection"] = REJECTION_MENDED
    refused = lines.loc[lines["outcome"].notna(), [*KEYS, "outcome"]].astype(dict.fromkeys((*KEYS, "outcome"), object))
    part = refused["outcome"].map(by_kind).astype(float).fillna(0.5)
    return refused.dropna(subset=list(KEYS)).assign(part=part, whole=1.0)


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(n=1.0).groupby(list(KEYS), as_index=False)[["part", "whole", "n"]].sum()


def _shares(counted: pd.DataFrame) -> pd.Series:
    """part over whole by payer and procedure, by each of both, and of all; each drawn to the wider one."""
    if not len(counted):
        return pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], []], names=list(KEYS)))
    whole = counted["part"].sum() / counted["whole"].sum()
    payer, procedure = (_drawn(counted.groupby(name)[["part", "whole", "n"]].sum(), whole) for name in KEYS)
    # of a payer that pays more than others, each procedure is expected to be paid more
    wider = (counted["payer_name"].map(payer) * counted["procedure"].map(procedure) / whole).clip(upper=1.0)
    own = _drawn(counted.set_index(list(KEYS))[["part", "whole", "n"]], wider.to_numpy())
    parts = [
        own,
        payer.set_axis(pd.MultiIndex.from_product([payer.index, [ANY]], names=list(KEYS))),
        procedure.set_axis(pd.MultiIndex.from_product([[ANY], procedure.index], names=list(KEYS))),
        pd.Series([whole], pd.MultiIndex.from_tuples([(ANY, ANY)], names=list(KEYS))),
    ]
    return pd.concat(parts).clip(0.0, 1.0)


def _drawn(counted: pd.DataFrame, wider: pd.Series | float) -> pd.Series:
    n = counted["n"].astype(float)
    return (counted["part"] / counted["whole"] * n + PRIOR_LINES * wider) / (n + PRIOR_LINES)
