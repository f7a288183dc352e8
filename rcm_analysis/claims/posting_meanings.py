"""What a practice's own adjustment codes mean where no words tell it: learned by reconciliation with the remittances.

    code  postings  evidence of each                                   meaning          confidence
    Q7          12  equals the contractual cut of its remittance       contractual            1.00
    M2           2  the claim was refused as filed too late (CO-29)    timely_filing          0.97
    A18         33  six different ones                                 each by its own        0.55

Evidence comes first: each posting is judged by equal amounts, the answers of the payers before it, and time. How far
its code may be trusted is learned from the other postings of the code, since people key wrong codes, and one code may
stand for several things. Words that the practice wrote outrank both.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rcm_analysis.errors import RcmError
from rcm_analysis.reference import codes

if TYPE_CHECKING:
    import duckdb

NOTHING = 0.002  # likelihood of a meaning that no evidence speaks for
WORTH_SAYING = 0.4  # a posting whose best meaning is less likely stays unclassified
TURNS = 12
PRIOR = 2.0  # postings' worth of doubt about every code
TRIP = r"A0[0-9]{3}$"  # ambulance base rates and mileage
NO_TRANSPORT = "A0998"  # ambulance: treated, not transported
SMALL_USD = 10.0  # a balance not worth a letter
NEAR_DAYS = (-7, 75)  # from a remittance to what is posted from it
GIVEN_UP_DAYS = 90  # a patient's balance that is older was given up; younger ones were forgiven for a reason
LOOK_ALIKE = ("charity", "uncollectible_by_law", "subscription")  # only a code that can be trusted tells them apart
SENT_AGAIN = (
    "true_duplicate",
    "duplicate_rebill",
)  # the answer to a claim sent once more hides why it was refused before
# What the payer asked for tells one or the other, and the practice's own code which
NEIGHBORS = (("ems_pcs", "documentation"), ("documentation", "ems_pcs"))
FEW = 5  # postings of a code
GUESS = 0.6  # the most that a guess between such is worth
_MEANING = {"posting": "int64", "leaf": object, "confidence": float, "evidence": object, "is_confirmed": bool, "on_paper": bool,
            "denial_leaf": object}  # fmt: skip
MISSING = 0.1  # likelihood of a contract's cut where no answer is known: the remittance may be missing
UNANSWERED_DAYS = 60  # without an answer after so many days a claim is lost
DISCOUNT_DAYS = 10  # a discount for prompt payment is posted soon after the payment
DISCOUNTS = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30)  # usual ones, of what the patient owed
WATCHED_DAYS = 120  # so long without another service a patient may have died
ONE_KIND_SHARE = 0.8  # a practice with more trips than this can't tell a membership from charity by the trip
MISSED_DAYS = 60  # no usual appeal window is shorter
MANY_MEANINGS, MANY_POSTINGS = 3.0, 20  # a code that stands for so many things says nothing
REPEATED = 1.5  # postings; a meaning that comes once is an answer that told nothing, or an error of keying
MEANING_COST = 3.0  # what another meaning of a code must explain, in units of log-likelihood
# What the amounts of one posting are compared with: SQL over the tables that are derived before postings
_SQL = {
    "adjusted": """SELECT posting, claim_number, known_on AS day, -amount AS amount, code, reason, payer_name, told_leaf
        FROM worded_postings WHERE kind IN ('adjustment', 'write_off') AND amount <> 0""",
    "posted": """SELECT claim_number, known_on AS day, kind, posted_by, amount, coalesce(procedure, '') AS procedure FROM worded_postings WHERE kind <> 'adjustment' AND kind <> 'write_off'""",
    "decided": "SELECT remittance_id, claim_number, known_on AS day, paid, payer_order FROM decisions",
    "cut": """SELECT a.remittance_id, a.class, sum(a.amount) AS amount FROM classified_adjustments a
        WHERE a.class IN ('contract', 'regulatory') AND a.group_code <> 'PR' GROUP BY a.remittance_id, a.class""",
    "share": """SELECT a.remittance_id, sum(a.amount) AS amount FROM classified_adjustments a
        WHERE a.group_code = 'PR' AND NOT a.refuses GROUP BY a.remittance_id""",
    "whole": """SELECT a.remittance_id, a.carc FROM classified_adjustments a WHERE a.carc IN ('24', '45') AND a.amount > 0""",
    "remarks": "SELECT DISTINCT remittance_id, rarc FROM remarks WHERE rarc IN ('N448', 'N781', 'N782', 'N783', 'N418', 'N687', 'N688')",
    "refused": """SELECT claim_number, remittance_id, decided_on AS day, coalesce(leaf, '') AS leaf, denied_amount,
        coalesce(procedure, '') AS procedure FROM refused_lines""",
    "answers": "SELECT claim_number, known_on AS day, rejected FROM claim_statuses",
    "sent": "SELECT claim_number, submitted_on, service_date, charge, coalesce(place_of_service, '') AS place, patient_key FROM submission_summary",
}  # fmt: skip


def learn(con: duckdb.DuckDBPyConnection, confirmed: pd.DataFrame | None = None) -> pd.DataFrame:
    """What each adjustment means by the evidence: posting, leaf, confidence, evidence, is_confirmed, on_paper.

    `confirmed` (columns code, leaf) is what the user told of codes. Needs the steps before postings.
    """
    tables = _numbered({name: _typed(con.execute(sql).df()) for name, sql in _SQL.items()})
    rows = tables["adjusted"].reset_index(drop=True)
    if not len(rows):
        return pd.DataFrame({name: pd.Series(dtype=type_) for name, type_ in _MEANING.items()})
    witness = _Witness(rows, tables)
    likely = witness.likelihoods()
    told = rows["told_leaf"].fillna(codes.UNCLASSIFIED).to_numpy(object)
    worded = np.flatnonzero([leaf in likely.place for leaf in told])
    with_words = likely.table.copy()
    with_words[worded] = 0.0
    with_words[worded, likely.index(told[worded])] = 1.0
    key = rows["code"].fillna("").where(rows["code"].fillna("") != "", rows["reason"].fillna("")).to_numpy(object)
    group = pd.factorize(key)[0]
    mean = _plain_codes(
        _means_of_codes(with_words, group), with_words, group, witness.missed, likely.place["appeal_deadline"]
    )
    best, confidence = _judged(likely.table, mean[group], np.isin(likely.leaves, LOOK_ALIKE))
    alone = np.bincount(group)[group] < FEW
    confidence = np.where(
        alone & (witness.why == ""), 0.0, confidence
    )  # neither the posting nor its code tells anything
    guessed = np.isin(np.array(likely.leaves, object)[best], LOOK_ALIKE)
    confidence = np.where(guessed & alone, 0.0, confidence)  # a few postings at any time say nothing
    leaves = np.where(confidence >= WORTH_SAYING, np.array(likely.leaves, object)[best], codes.UNCLASSIFIED)
    out = pd.DataFrame({"posting": rows["posting"].astype("int64"), "leaf": leaves, "confidence": confidence,
                        "evidence": witness.why, "is_confirmed": False, "on_paper": witness.on_paper, "denial_leaf": witness.denial})  # fmt: skip
    if confirmed is not None:
        own = pd.Series(key).map(dict(zip(confirmed["code"], confirmed["leaf"], strict=True)))
        known = own.notna().to_numpy()
        out.loc[known, "leaf"] = own[known].to_numpy()
        out.loc[known, ["confidence", "evidence", "is_confirmed"]] = [1.0, "confirmed", True]
    return out


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Days as dates, money as floats: the evidence compares, it adds up no account."""
    for name in frame.columns:
        if name in ("day", "submitted_on", "service_date"):
            frame[name] = pd.to_datetime(frame[name])
        elif name in ("amount", "paid", "denied_amount", "charge"):
            frame[name] = frame[name].astype(float)
    return frame


def _numbered(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Claim numbers as whole numbers, the same in all tables: what is only compared is compared faster so."""
    named = {name: table for name, table in tables.items() if "claim_number" in table}
    places = pd.factorize(pd.concat([table["claim_number"] for table in named.values()]))[0]
    parts = np.split(places, np.cumsum([len(table) for table in named.values()])[:-1])
    own = {name: table.assign(claim_number=part) for (name, table), part in zip(named.items(), parts, strict=True)}
    return {**tables, **own}


def _means_of_codes(likelihood: np.ndarray, group: np.ndarray) -> np.ndarray:
    """How often each code stands for each meaning, learned in turns from all of its postings.

    A code whose postings agree weighs much in each of them; one that stands for several things weighs little.
    """
    share = likelihood / likelihood.sum(axis=1, keepdims=True)
    groups, leaves = group.max() + 1, share.shape[1]
    place = (group[:, None] * leaves + np.arange(leaves)).ravel()
    for _ in range(TURNS):
        prior = share.mean(axis=0) + 1e-6
        counts = np.bincount(place, weights=share.ravel(), minlength=groups * leaves).reshape(groups, leaves)
        mean = (counts + PRIOR * prior / prior.sum()) / (counts.sum(axis=1, keepdims=True) + PRIOR)
        share = likelihood * mean[group]
        share /= share.sum(axis=1, keepdims=True)
    return mean


def _plain_codes(
    mean: np.ndarray, likelihood: np.ndarray, group: np.ndarray, missed: np.ndarray, at: int
) -> np.ndarray:
    """Codes with many meanings: one that gives up denials of every reason is for missed appeals, others say nothing.

    `missed` is how likely each posting is under a missed appeal, the meaning at place `at`.
    """
    out = mean.copy()
    for i in range(len(mean)):
        here = group == i
        own = likelihood[here]
        share = own * mean[i]
        counts = (share / share.sum(axis=1, keepdims=True)).sum(axis=0)
        meanings = (counts >= REPEATED).sum()
        if meanings < MANY_MEANINGS:
            continue
        apart = np.log((own * counts / len(own)).sum(axis=1)).sum() - MEANING_COST * (meanings - 1)
        spread = np.exp(-(counts / len(own) * np.log(counts / len(own) + 1e-12)).sum())
        if np.log(missed[here]).sum() > apart:
            out[i] = 0.0
            out[i, at] = 1.0
        elif len(own) >= MANY_POSTINGS and spread >= MANY_MEANINGS:
            out[i] = 1.0 / mean.shape[1]
    return out


def _judged(likelihood: np.ndarray, mean: np.ndarray, alike: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each posting's best meaning and its probability, by its own evidence and its code's meanings.

    Of meanings that look alike it is enough that one of them is meant; which of them is then a guess.
    """
    share = likelihood * mean
    share /= share.sum(axis=1, keepdims=True)
    best = share.argmax(axis=1)
    sure = share[np.arange(len(best)), best]
    return best, np.where(alike[best], np.minimum(share[:, alike].sum(axis=1), GUESS), sure)


def own_codes(paths: list[Path]) -> pd.DataFrame | None:
    """The users' tables of codes (columns code, leaf), the first outranking the others; None where there are none.

    Raises CodesError naming the file and what is wrong in it.
    """
    known, frames = set(codes.table("write_off_leaves")["leaf"]), []
    for path in paths:
        try:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
            frame = frame[["code", "leaf"]].apply(lambda column: column.str.strip())
        except (KeyError, ValueError, OSError) as error:
            raise CodesError(f"{path.name} can't be used ({error}); it needs the columns 'code' and 'leaf'") from None
        unknown = sorted(set(frame["leaf"]) - known - {""})
        if unknown:
            raise CodesError(f"{path.name}: no reason {', '.join(unknown)}; known are those of write_off_leaves.csv")
        frames.append(frame[(frame["code"] != "") & (frame["leaf"] != "")])
    return pd.concat(frames).drop_duplicates("code") if frames else None


class CodesError(RcmError):
    """A user's table of codes that can't be used; the message says why."""


class _Likelihoods:
    """How likely each posting's evidence is under each meaning."""

    def __init__(self, rows: int):
        self.leaves = [leaf for leaf in codes.table("write_off_leaves")["leaf"] if leaf != codes.UNCLASSIFIED]
        self.place = {leaf: i for i, leaf in enumerate(self.leaves)}
        self.table = np.full((rows, len(self.leaves)), NOTHING)

    def index(self, leaves: np.ndarray) -> np.ndarray:
        return np.array([self.place[leaf] for leaf in leaves], int)

    def say(self, where: np.ndarray, leaf: str, likely: float) -> None:
        column = self.table[:, self.place[leaf]]
        column[where] = np.maximum(column[where], likely)


class _Witness:
    """What is known of each adjustment's claim on its day."""

    def __init__(self, rows: pd.DataFrame, tables: dict[str, pd.DataFrame]):
        self.rows, self.tables = rows, tables
        self.why = np.full(len(rows), "", object)
        self.day, self.amount = rows["day"], rows["amount"].to_numpy()
        posted = tables["posted"]
        self.patient = (rows["payer_name"] == "PATIENT").to_numpy() | self._owed_by_patient(posted, tables)
        insurer = posted[(posted["kind"] == "payment") & (posted["posted_by"] == "insurance") & (posted["amount"] < 0)]
        patient = posted[(posted["kind"] == "payment") & (posted["posted_by"] == "patient") & (posted["amount"] < 0)]
        self.with_payment, self.with_patient = self._same_day(insurer), self._same_day(patient)
        decided = tables["decided"]
        cut = tables["cut"].merge(decided, on="remittance_id", suffixes=("", "_"))
        self.is_cut = self._equal(cut[cut["class"] == "contract"])
        self.is_law = self._equal(cut[cut["class"] == "regulatory"])
        self.on_paper = self.with_payment & ~self._same_day(self._electronic(insurer, decided))
        self.denial = np.full(len(rows), None, object)
        self.worded = (
            rows["reason"].fillna("").str.strip().ne("").to_numpy()
        )  # words that tell nothing, or nothing known
        self.missed = np.full(len(rows), NOTHING)  # how likely each is under a missed appeal, if its code is for that
        self.is_back = self._equal(decided[decided["paid"] < 0].assign(amount=lambda x: -x["paid"]), days=(-7, 400))
        self.answered = self._before(decided)
        self.taken_back = self._before(decided[decided["paid"] < 0])
        no_trip = posted.loc[posted["procedure"] == NO_TRANSPORT, "claim_number"]
        self.no_trip = (
            rows["claim_number"]
            .isin([*no_trip, *tables["refused"].loc[tables["refused"]["procedure"] == NO_TRANSPORT, "claim_number"]])
            .to_numpy()
        )
        self.second = self._before(decided[decided["payer_order"] != "P"], within=30)
        sent = tables["sent"].set_index("claim_number")
        claim = rows["claim_number"]
        self.sent = claim.isin(sent.index).to_numpy()
        self.since_sent = _days(self.day.to_numpy() - sent["submitted_on"].reindex(claim).to_numpy())
        self.charge = (
            claim.map(posted[posted["kind"] == "charge"].groupby("claim_number")["amount"].sum()).fillna(0).to_numpy()
        )
        self.member = sent["patient_key"].reindex(claim).to_numpy()
        trips = posted.loc[posted["procedure"].str.match(TRIP), "claim_number"]
        self.ambulance = sent["place"].reindex(claim).isin(["41", "42"]).to_numpy() | claim.isin(trips).to_numpy()
        self.paper = ~claim.isin(decided["claim_number"]).to_numpy() & claim.isin(insurer["claim_number"]).to_numpy()
        self.since_moved = self._since(posted[posted["kind"] == "transfer"])
        self.since_charged = self._since(posted[posted["kind"] == "charge"])
        self.since_answer = self._since(decided)
        self.closes = self._closes(posted)

    @staticmethod
    def _electronic(insurer: pd.DataFrame, decided: pd.DataFrame) -> pd.DataFrame:
        """Insurers' payments in the ledger that a remittance tells."""
        told = decided.assign(amount=-decided["paid"])[["claim_number", "amount"]].drop_duplicates()
        return insurer.merge(told.round(2), on=["claim_number", "amount"])

    def _pairs(self, told: pd.DataFrame) -> pd.DataFrame:
        mine = pd.DataFrame({"claim_number": self.rows["claim_number"], "at": self.day, "i": np.arange(len(self.rows))})
        return mine.merge(told, on="claim_number")

    def _flag(self, found: np.ndarray) -> np.ndarray:
        out = np.zeros(len(self.rows), bool)
        out[found] = True
        return out

    def _same_day(self, told: pd.DataFrame) -> np.ndarray:
        both = self._pairs(told[["claim_number", "day"]].drop_duplicates())
        return self._flag(both["i"].to_numpy()[(both["at"] == both["day"]).to_numpy()])

    def _equal(self, told: pd.DataFrame, days: tuple[int, int] = NEAR_DAYS) -> np.ndarray:
        both = self._pairs(told[["claim_number", "day", "amount"]])
        near = (both["at"] - both["day"]).dt.days.between(*days).to_numpy()
        same = np.abs(both["amount"].to_numpy() - self.amount[both["i"].to_numpy()]) < 0.005
        return self._flag(both["i"].to_numpy()[near & same])

    def _before(self, told: pd.DataFrame, within: int = 10_000) -> np.ndarray:
        both = self._pairs(told[["claim_number", "day"]])
        return self._flag(both["i"].to_numpy()[(both["at"] - both["day"]).dt.days.between(0, within).to_numpy()])

    def _since(self, told: pd.DataFrame) -> np.ndarray:
        """Days since the last of these on the claim; a great number where there is none."""
        both = self._pairs(told[["claim_number", "day"]].drop_duplicates())
        lag = (both["at"] - both["day"]).dt.days
        last = lag[lag >= 0].groupby(both["i"][lag >= 0]).min()
        out = np.full(len(self.rows), np.inf)
        out[last.index.to_numpy()] = last.to_numpy()
        return out

    def _owed_by_patient(self, posted: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> np.ndarray:
        """Whether a posting gives up, later, just what the patient was left with; many offices keep the payer's name there."""
        share = tables["share"].merge(tables["decided"], on="remittance_id")[["claim_number", "day", "amount"]]
        left = pd.concat([share, posted.loc[posted["kind"] == "transfer", ["claim_number", "day", "amount"]]])
        left = left.assign(amount=left["amount"].abs().round(2)).drop_duplicates()
        paid = posted[(posted["kind"] == "payment") & (posted["posted_by"] == "patient")]
        both = self._pairs(left[left["amount"] > 0])
        later = both["at"] > both["day"]
        both = both[later].merge(
            paid[["claim_number", "day", "amount"]], on="claim_number", how="left", suffixes=("", "_paid")
        )
        counted = (
            both["amount_paid"]
            .where((both["day_paid"] >= both["day"]) & (both["day_paid"] <= both["at"]), 0.0)
            .fillna(0.0)
        )
        rest = both["amount"] + counted.groupby([both["i"], both["day"], both["amount"]]).transform("sum")
        at = both["i"].to_numpy()
        return self._flag(at[np.abs(rest.to_numpy() - self.amount[at]) < 0.005])

    def _closes(self, posted: pd.DataFrame) -> np.ndarray:
        """Whether nothing remains on the claim at the end of the posting's day."""
        mine = pd.DataFrame({"claim_number": self.rows["claim_number"], "day": self.day, "amount": -self.amount})
        moved = posted[posted["kind"] != "transfer"][["claim_number", "day", "amount"]]
        sums = pd.concat([mine, moved]).groupby(["claim_number", "day"])["amount"].sum().groupby(level=0).cumsum()
        at = pd.MultiIndex.from_frame(mine[["claim_number", "day"]])
        return np.abs(sums.reindex(at).to_numpy()) < 0.01

    def likelihoods(self) -> _Likelihoods:
        out = _Likelihoods(len(self.rows))
        payer = ~self.patient
        self._say(out, self._refusals(out), "the claim was denied before")
        self._say(
            out,
            payer & self._forgotten(),
            "the clearinghouse or payer had turned the claim away",
            ("rejected_not_resubmitted", 1.0),
        )
        silent = payer & self.sent & ~self.answered & ~self._rejected() & (self.since_sent > UNANSWERED_DAYS)
        self._say(out, silent, "no payer had answered", ("lost_at_payer", 1.0))
        out.say(silent & (self.amount < self.charge - 1), "contractual", MISSING)  # its code decides
        self._say(
            out, payer & (self.with_payment | self.second), "posted with an insurer's payment", ("contractual", 0.5)
        )
        self._say(out, payer & self.is_back, "equals a payment taken back", ("take_back", 2.0))
        self._patients(out)
        self._say(out, self.is_cut, "equals the contractual cut of its remittance", ("contractual", 20.0))
        self._say(out, self.is_law, "equals a cut by law", ("regulatory", 20.0))
        self._whole(out)
        self._say(out, self.no_trip & ~self.is_cut, "nobody was transported", ("dry_run", 2.0))
        return out

    def _say(self, out: _Likelihoods, where: np.ndarray, why: str, *leaves: tuple[str, float]) -> None:
        for leaf, likely in leaves:
            out.say(where, leaf, likely)
        self.why[where] = why

    def _rejected(self) -> np.ndarray:
        """Whether the last acknowledgment before the posting turned the claim away."""
        both = self._pairs(self.tables["answers"])
        both = both[both["at"] >= both["day"]].sort_values(["day", "rejected"])
        last = both.groupby("i")["rejected"].last().astype(bool)
        return self._flag(last.index.to_numpy()[last.to_numpy()])

    def _forgotten(self) -> np.ndarray:
        return self._rejected() & ~self.answered

    def _refusals(self, out: _Likelihoods) -> np.ndarray:
        """The last refusal before each posting of a payer's balance; the line of the same amount where there is one."""
        both = self._pairs(self.tables["refused"])
        both = both[(both["leaf"] != "") & (both["at"] >= both["day"])].copy()
        again = both["leaf"].isin(SENT_AGAIN)
        both = both[~again | (~again).groupby(both["i"]).transform("sum").eq(0)].copy()
        both["equal"] = np.abs(both["denied_amount"] - self.amount[both["i"].to_numpy()]) < 0.01
        both = both.sort_values(["equal", "day", "denied_amount"]).groupby("i").tail(1)
        at = both["i"].to_numpy()
        keep = ~self.patient[at]
        at, leaf = at[keep], both["leaf"].to_numpy()[keep]
        known = [i for i, name in enumerate(leaf) if name in out.place]
        denial = [n for n in (*set(self.tables["refused"]["leaf"]), "appeal_deadline") if n in out.place]
        for name in denial:
            out.say(at, name, 0.01)
        late = at[self.since_answer[at] >= MISSED_DAYS]
        out.say(late, "appeal_deadline", 0.05)
        self.missed[at], self.missed[late] = 0.02, np.where(self.worded[late], 0.02, 0.3)
        out.say(at, "contractual", 0.02)
        likely = np.where(both["equal"].to_numpy()[keep], 2.0, 1.0)
        out.table[at[known], out.index(leaf[known])] = likely[known]
        self.denial[at[known]] = leaf[known]
        for one, other in NEIGHBORS:
            out.say(at[leaf == one], other, 0.5)
        out.say(at[self.taken_back[at]], "take_back", 1.0)
        return self._flag(at)

    def _patients(self, out: _Likelihoods) -> None:
        """A patient's balance: forgiven for a reason when it is young, given up when it is old."""
        own, since = self.patient, np.minimum(self.since_moved, np.minimum(self.since_answer, self.since_charged))
        since = np.where(np.isfinite(self.since_moved), self.since_moved, since)
        old = own & (since >= GIVEN_UP_DAYS)
        young = own & ~old
        self._say(
            out,
            old,
            "an old balance of the patient",
            ("bad_debt", 1.0),
            ("charity", 0.05),
            ("uncollectible_by_law", 0.05),
        )
        gone = own & self._gone()
        self._say(out, old & gone, "an old balance of a patient who did not come again", ("uncollectible_by_law", 0.5))
        nobody = old & ~self.sent & ~self.paper
        out.table[nobody, out.place["bad_debt"]] = 0.1
        self._say(out, nobody, "an old balance that no payer was asked for", ("bad_debt_uninsured", 1.0))
        self._say(
            out,
            young,
            "a young balance of the patient",
            ("charity", 0.5),
            ("uncollectible_by_law", 0.2),
            ("bad_debt", 0.02),
        )
        self._say(
            out, young & gone, "a young balance of a patient who did not come again", ("uncollectible_by_law", 0.8)
        )
        trips = self.ambulance[own].mean() if own.any() else 1.0
        if trips < ONE_KIND_SHARE:
            self._say(out, young & self.ambulance, "a young balance of the patient for a trip", ("subscription", 0.6))
        several = young & self._several_claims()
        self._say(out, several, "several claims of one patient on a day", ("uncollectible_by_law", 1.0))
        apart = ~self.closes | self.with_patient  # the rest is owed, or paid with it
        never = own & ~self.sent & ~self.paper & apart & (self.since_charged <= 30)
        self._say(out, never, "a part of a charge that went to no payer", ("courtesy", 2.0))
        small = own & (self.amount < SMALL_USD) & (self.amount > 0) & self.closes
        self._say(out, small, "a small rest", ("small_balance", 2.0))
        beside = own & ~never & self.with_patient & (self.amount < 0.5 * np.maximum(self.charge, 1))
        self._say(out, beside, "posted with a payment of the patient", ("prompt_pay", 2.0))
        self._say(
            out,
            own & ~never & self._discount(),
            "a usual discount on what the patient had just paid",
            ("prompt_pay", 4.0),
        )
        self._qmb(out, own)

    def _qmb(self, out: _Likelihoods, own: np.ndarray) -> None:
        """A share that no law lets ask of the patient: by this claim's remark, by another claim's, or none could tell."""
        decided, remarks = self.tables["decided"], self.tables["remarks"]
        of_law = decided.merge(remarks[remarks["rarc"].isin(["N781", "N782", "N783"])], on="remittance_id")
        members = self.tables["sent"].set_index("claim_number")["patient_key"].reindex(of_law["claim_number"]).dropna()
        out.say(own & ~self.answered, "regulatory", 0.1)
        known = own & ~self.answered & pd.Series(self.member).isin(members).to_numpy()
        self._say(out, known, "the patient's other claims may ask no cost share", ("regulatory", 1.0))
        self._say(out, own & self._before(of_law), "no cost share may be asked of the patient", ("regulatory", 2.0))

    def _gone(self) -> np.ndarray:
        """Whether the patient had no service after the posting, and would have been seen if there were one."""
        last = self.tables["sent"].groupby("patient_key")["service_date"].max()
        seen_to = self.day.max() - pd.Timedelta(days=WATCHED_DAYS)
        after = pd.Series(last.reindex(self.member).to_numpy())
        return ((after <= self.day) & (self.day <= seen_to)).to_numpy()

    def _discount(self) -> np.ndarray:
        """Whether the amount is a usual share of what the patient owed and paid but for it within days."""
        posted = self.tables["posted"]
        paid = posted[(posted["kind"] == "payment") & (posted["posted_by"] != "insurance") & (posted["amount"] < 0)]
        both = self._pairs(paid[["claim_number", "day", "amount"]])
        near = (both["at"] - both["day"]).dt.days.between(0, DISCOUNT_DAYS).to_numpy()
        amount = self.amount[both["i"].to_numpy()]
        owed = amount - both["amount"].to_numpy()
        usual = np.zeros(len(both), bool)
        for share in DISCOUNTS:
            usual |= np.abs(np.round(share * owed, 2) - amount) < 0.011
        return self._flag(both["i"].to_numpy()[near & usual & (amount > 0)])

    def _several_claims(self) -> np.ndarray:
        frame = pd.DataFrame(
            {"member": self.member, "day": self.day, "code": self.rows["code"], "claim": self.rows["claim_number"]}
        )
        count = frame.groupby(["member", "day", "code"], dropna=True)["claim"].transform("nunique")
        return (count.fillna(0) >= 2).to_numpy() & pd.notna(self.member)

    def _whole(self, out: _Likelihoods) -> None:
        """The whole charge cut: paid per member (CARC 24), or the payer has loaded no rate (CARC 45 with N448)."""
        decided, whole, remarks = self.tables["decided"], self.tables["whole"], self.tables["remarks"]
        unpaid = decided[decided["paid"] == 0].merge(whole, on="remittance_id")
        elsewhere = remarks.loc[remarks["rarc"] == "N418", "remittance_id"]
        member = unpaid[(unpaid["carc"] == "24") & ~unpaid["remittance_id"].isin(elsewhere)]
        self._say(out, ~self.patient & self._before(member), "paid per member", ("capitation", 2.0))
        no_rate = unpaid[
            (unpaid["carc"] == "45")
            & unpaid["remittance_id"].isin(remarks.loc[remarks["rarc"] == "N448", "remittance_id"])
        ]
        where = ~self.patient & self._before(no_rate) & ~self.with_payment
        self._say(out, where, "the payer had no rate on file", ("rate_not_loaded", 30.0))


def _days(lag: np.ndarray) -> np.ndarray:
    """Whole days, -1 where a day is missing."""
    whole = lag.astype("timedelta64[D]").astype(np.int64)
    return np.where(np.isnat(lag), -1, whole)
