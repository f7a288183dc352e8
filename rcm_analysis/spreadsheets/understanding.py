"""What the columns of a ledger mean, told by their content and by agreement with what electronic files tell.

    A        B           C    D       electronic files: claim 7001 charged 200.00, paid 120.00, cut 80.00 (CO-45)
    7001     01/05/2026  K84  200.00
    7001     02/20/2026  B34  -120.00
    7001     02/20/2026  D67  -80.00

    columns  claim_number A, posted_on B, kind C, amount D
    kinds    K84 charge (its sums are the charges), B34 payment (its amounts are the payments), D67 adjustment

Headings are one witness among others. What nothing decides stays in `left`, and a ledger with such a column is not
taken over: see `reconciliation`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from rcm_analysis.spreadsheets import cells
from rcm_analysis.spreadsheets import columns as columns_
from rcm_analysis.spreadsheets.columns import Cells
from rcm_analysis.spreadsheets.known import Known

DECIDES = 0.6  # share of claims that agree before a column or a code is taken for something
MIN_JOINED = 0.2  # share of the numbers that must be known before a column is taken for the claims'
SAMPLE = 200  # cells that show whether the others are worth reading as amounts
MAX_CODES = 400  # a column with more different cells is no column of codes
PAYMENT_DAYS = (-7, 75)  # from the remittance to its posting
PATIENT = re.compile(r"(self.?pay|patient|pat|pt|guarantor|self|guar)", re.I)
SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E\+?\d{1,3}", re.I)  # what a spreadsheet makes of a long number
_SERIAL_DAY = re.compile(r"\d{5}(?:\.\d+)?")
_MONEY = re.compile(r"[(+$\s-]*[\d.,\s]*[.,]\d{2}\s*(?:\)|-|CR|DR)?|\(\$?[\d,]+\)|-?\$[\d,]+|[\d,.]+\s?(?:CR|DR)", re.I)
PROCEDURE = re.compile(r"(?:\d{4}[0-9AFTU]|[A-Z]\d{4})(?:[-: ].*)?", re.I)
_PERSON = re.compile(r"[^\W\d_][\w'-]*(?:\s[\w.'-]+)*\s?,\s?[^\W\d_][\w.' -]*")
_WORDS = re.compile(r"[^\W_]+(?:[ ,.'-]+[^\W_]+)+\.?")
RULES: dict[str, Callable[[str], str]] = {
    "as it stands": str,
    "whatever its case": str.upper,
    "without leading zeros": lambda v: v.upper().lstrip("0"),
    "letters and digits alone": lambda v: re.sub(r"[^A-Z0-9]", "", v.upper()),
    "letters and digits without leading zeros": lambda v: re.sub(r"[^A-Z0-9]", "", v.upper()).lstrip("0"),
}


def shape(value: str) -> str:
    """A cell's letters as A or a and its digits as 9, so that it is told without being quoted.

    >>> shape("Moss, Ann"), shape("1,204.50")
    ('Aaaa, Aaa', '9,999.99')
    """
    upper = re.sub(r"[^\W\d_]", lambda m: "A" if m[0].isupper() else "a", value)
    return re.sub(r"\d", "9", upper)


SEVERAL = ("charge_amount", "insurance_amount", "patient_amount", "payment_amount", "contractual_amount", "adjustment_amount",
           "write_off_amount", "refund_amount", "transfer_amount")  # fmt: skip
AMOUNTS = ("amount", "debit_amount", "credit_amount", *SEVERAL)


@dataclass
class Understanding:
    """Our columns with their places, claims by their cell, kinds by (type, code), and what is not understood.

    `patients` are the cells that stand for the patient in the place of a payer.
    """

    columns: dict[str, int] = field(default_factory=dict)
    rule: str = "as it stands"
    claims: dict[str, str] = field(default_factory=dict)
    kinds: dict[tuple[str, str], str] = field(default_factory=dict)
    patients: frozenset[str] = frozenset()
    turned: frozenset[tuple[str, str]] = (
        frozenset()
    )  # types under which amounts are taken back without a sign that says so
    ignored: dict[int, str] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)
    evidence: dict[str, str] = field(default_factory=dict)

    def has(self, place: int) -> bool:
        return place in self.columns.values() or place in self.ignored or place in self.left

    @property
    def is_whole(self) -> bool:
        return {"claim_number", "posted_on"} <= set(self.columns) and any(name in self.columns for name in AMOUNTS)


@dataclass
class Column:
    """The cells of a column: which distinct one stands in each row, and what can be read from them."""

    place: int
    heading: str
    codes: np.ndarray
    values: list[str]
    counts: np.ndarray
    cents: np.ndarray  # of the distinct cells, nan where there is no amount
    numbers: float  # share of the filled cells that are amounts
    money: float  # ... that are written as money
    days: float  # ... that are dates
    day: Any = None  # of each row, once it is read as dates
    row: Any = None  # cents of each row, once it is read as amounts

    @property
    def filled(self) -> int:
        return int(sum(count for value, count in zip(self.values, self.counts, strict=True) if value))

    @property
    def texts(self) -> list[str]:
        return [value for value in self.values if value]

    def per_row(self, per_value: Iterable, dtype: type = object) -> np.ndarray:
        return np.array(list(per_value), dtype)[self.codes]

    def share(self, test: Callable[[str], object]) -> float:
        """Share of the filled cells that pass."""
        hit = sum(c for v, c in zip(self.values, self.counts, strict=True) if v and test(v))
        return hit / max(self.filled, 1)


def column(place: int, heading: str, cells_: Cells) -> Column:
    """A column read: dates where most of it are dates, else amounts."""
    codes, values, counts = cells_.codes, [value.strip() for value in cells_.values], cells_.counts()
    made = Column(place, heading.strip(), codes, values, counts, np.full(len(values), np.nan), 0.0, 0.0, 0.0)
    if _looks_dated(values):
        order = cells.date_order(values)
        read = cells.days(values, order if order in cells.ORDERS else cells.MONTH_FIRST)
        dated = {v for v, day in zip(values, read, strict=True) if day}
        made.days = made.share(dated.__contains__)
        days = np.array(
            [np.datetime64("NaT", "s") if day is None else np.datetime64(day) for day in read], "datetime64[s]"
        )
        made.day = pd.Series(days[codes])
        return made
    some = [value for value in values if value][:SAMPLE]
    if sum(cents is not None for cents in cells.amounts(some)) < 0.2 * len(some):
        return made
    cents = cells.amounts(values)
    made.cents = np.array([np.nan if c is None else c for c in cents], float)
    read_ = {v for v, c in zip(values, cents, strict=True) if c is not None}
    made.numbers = made.share(read_.__contains__)
    if made.numbers > 0.5:
        made.money = made.share(lambda v: v in read_ and _MONEY.fullmatch(v))
    return made


def _looks_dated(values: list[str]) -> bool:
    some = list(islice((v for v in values if v and not _SERIAL_DAY.fullmatch(v)), 100))
    order = cells.date_order(some)
    read = cells.days(some, order if order in cells.ORDERS else cells.MONTH_FIRST)
    return bool(some) and sum(day is not None for day in read) > 0.8 * len(some)


def understand(
    header: list[str], body: list[Cells], known: Known, told: dict[str, int], *,
    kind_of: Callable[[str, str, str], str], fixed: frozenset[str] = frozenset(),
) -> Understanding:  # fmt: skip
    """What the columns mean. `told` are ours that the headings tell, of which the user himself told those `fixed`.

    `kind_of` reads a type, code and reason as words and gives "other" where they tell nothing.
    """
    found = Understanding()
    columns = [column(i, heading, cells_) for i, (heading, cells_) in enumerate(zip(header, body, strict=True))]
    _find_claims(found, columns, known, told, fixed)
    if "claim_number" not in found.columns:
        return found
    claim = columns[found.columns["claim_number"]]
    numbers = [found.claims.get(value, value) for value in claim.values]
    ids, distinct = pd.factorize(np.array(numbers, object))
    frame = pd.DataFrame({"claim": ids[claim.codes]})
    at = known.claims.index.get_indexer(distinct) if known else np.full(len(distinct), -1)
    facts = _Facts(frame, np.array(distinct, object), at, known)
    _find_days(found, columns, facts, told, fixed)
    _find_amounts(found, columns, facts, told, fixed)
    if found.is_whole:
        _find_words(found, columns, facts, told)
        _find_kinds(found, columns, facts, kind_of)
        _find_patients(found, columns, facts)
    for one in columns:
        if not found.has(one.place):
            found.ignored[one.place] = "not needed"
    return found


class _Facts:
    """The rows' claims as numbers, and what the electronic files know of each."""

    def __init__(self, frame: pd.DataFrame, distinct: np.ndarray, at: np.ndarray, known: Known):
        self.rows, self.known = frame, known
        self.claim = frame["claim"].to_numpy()
        self.count = len(distinct)
        self.is_known = (at >= 0)[self.claim]

        def lookup(values: Any, nothing: Any) -> np.ndarray:
            return np.where(at >= 0, np.asarray(values)[at], nothing) if len(values) else np.full(len(at), nothing)

        self.charge = lookup(known.claims["charge"].to_numpy(), np.nan)
        self.payer = lookup(known.claims["payer"].fillna("").to_numpy(object), "")
        self.service = pd.Series(lookup(known.claims["service"].to_numpy("datetime64[s]"), np.datetime64("NaT", "s")))
        place = {number: i for i, number in enumerate(distinct)} if known else {}
        self.payments = self._of(known.payments, place)
        self.cuts = self._of(known.cuts, place)

    @staticmethod
    def _of(paid: pd.DataFrame, place: dict[str, int]) -> pd.DataFrame:
        claim = paid["claim_number"].map(place)
        return paid.assign(claim=claim)[claim.notna()].astype({"claim": int})[["claim", "day", "cents"]]

    def sums(self, cents: np.ndarray) -> np.ndarray:
        return np.bincount(self.claim, weights=cents, minlength=self.count)

    def agreement(self, cents: np.ndarray) -> dict[str, float]:
        """Shares of the claims on which a column's sum is the charge, the payments, the contractual cut."""
        sums, out = np.abs(self.sums(np.nan_to_num(cents))), {}
        told = {
            "charge": np.nan_to_num(self.charge),
            "paid": self._per_claim(self.payments),
            "cut": self._per_claim(self.cuts),
        }
        for name, value in told.items():
            some = np.abs(value) > 0
            both = some & (sums > 0)
            equal = np.abs(np.abs(value) - sums) < 1
            out[name] = float(equal[both].mean() * min(1.0, 2 * both.sum() / some.sum())) if both.any() else 0.0
        return out

    def _per_claim(self, paid: pd.DataFrame) -> np.ndarray:
        return np.bincount(paid["claim"].to_numpy(int), weights=paid["cents"].to_numpy(float), minlength=self.count)

    def equal(self, cents: np.ndarray, posted: pd.Series, paid: pd.DataFrame) -> np.ndarray:
        """Rows whose amount, without its sign, is one of those of their claim, posted in due time."""
        at = np.flatnonzero(self.is_known & (cents != 0))
        theirs = paid.assign(cents=paid["cents"].abs())
        theirs = theirs[theirs["cents"] > 0].drop_duplicates()
        size, sizes = pd.factorize(np.concatenate([np.abs(cents[at]), theirs["cents"].to_numpy(float)]))
        key = np.concatenate([self.claim[at], theirs["claim"].to_numpy(int)]) * len(sizes) + size
        order = np.argsort(key[len(at) :], kind="stable")
        there = key[len(at) :][order]
        first, last = (np.searchsorted(there, key[: len(at)], side=side) for side in ("left", "right"))
        some = np.flatnonzero(last > first)
        count = (last - first)[some]
        mine = np.repeat(some, count)
        place = np.arange(len(mine)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first[some], count)
        lag = posted.to_numpy()[at][mine] - theirs["day"].to_numpy()[order][place]
        least, most = (np.timedelta64(days, "D") for days in PAYMENT_DAYS)
        out = np.zeros(len(cents), bool)
        out[at[mine[(lag >= least) & (lag <= most)]]] = True
        return out

    def steady(self, one: Column) -> float:
        """Share of the rows whose claim has the same cell in all of its rows."""
        return columns_.steady(one.codes, self.claim, self.count)


# --- claim numbers -------------------------------------------------------------------------------------------------


def _find_claims(
    found: Understanding, columns: list[Column], known: Known, told: dict[str, int], fixed: frozenset[str]
) -> None:
    """The column whose cells are claim numbers of the electronic files, by the first rule that joins nearly all."""
    likely = [c for c in columns if c.money < 0.5 and c.days < 0.5 and len(c.texts) > 1]
    if "claim_number" in fixed:
        likely = [columns[told["claim_number"]]]
    best: tuple[float, int | None, str, dict[str, str]] = (0.0, told.get("claim_number"), "as it stands", {})
    for rule, read in RULES.items():
        if best[0] > 0.9 or not known:
            break
        index = _unique(known.claims.index, read)
        for one in likely:
            best = _better(best, one, rule, {v: index[read(v)] for v in one.texts if read(v) in index}, len(index))
    if best[0] < 0.5 and known:
        best = _cut_short(best, likely, known)
    share, place, rule, joined = best
    if place is None or (share < MIN_JOINED and place != told.get("claim_number")):
        return
    found.columns["claim_number"], found.rule, found.claims = place, rule, joined
    if known:
        found.evidence["claim_number"] = f"{share:.0%} of its numbers are in the electronic files, {rule}"


def _unique(numbers: Iterable[str], read: Callable[[str], str]) -> dict[str, str]:
    """Numbers by what a rule makes of them; those that it makes alike are left out, so that no two claims become one."""
    every = np.asarray(numbers, object).tolist()
    made = [read(number) for number in every]
    found = dict(zip(made, every, strict=True))
    if len(found) == len(made):
        return found
    alike = Counter(made)
    return {key: number for key, number in found.items() if alike[key] == 1}


def _better(best: tuple, one: Column, rule: str, joined: dict[str, str], known: int) -> tuple:
    share = len(set(joined.values())) / max(min(len(one.texts), known), 1)
    return (share, one.place, rule, joined) if share > best[0] + 0.02 else best


def _cut_short(best: tuple, likely: list[Column], known: Known) -> tuple:
    """Numbers of one length that are the beginning or the end of the electronic files' numbers."""
    for one in likely:
        lengths = pd.Series([len(v) for v in one.texts]).value_counts(normalize=True)
        size = int(lengths.index[0])
        if lengths.iloc[0] < 0.8 or size < 4:
            continue
        for rule, cut in (
            (f"by its first {size} characters", slice(size)),
            (f"by its last {size} characters", slice(-size, None)),
        ):
            index = _unique(known.claims.index, lambda number, cut=cut: number.upper()[cut])  # type: ignore[misc]
            best = _better(best, one, rule, {v: index[v.upper()] for v in one.texts if v.upper() in index}, len(index))
    return best


# --- dates ---------------------------------------------------------------------------------------------------------


def _find_days(
    found: Understanding, columns: list[Column], facts: _Facts, told: dict[str, int], fixed: frozenset[str]
) -> None:
    """The service date is the one that the electronic files know; postings follow payments by some days."""
    dated = [c for c in columns if c.days > 0.9 and c.filled > 0.02 * len(facts.claim)]
    for role in ("service_date", "posted_on"):
        if role in told and any(c.place == told[role] for c in dated):
            found.columns[role] = told[role]
    free = [c for c in dated if not found.has(c.place)]
    served = facts.service[facts.claim].reset_index(drop=True)
    agree = {c.place: float((c.day == served)[served.notna()].mean()) if served.notna().any() else 0.0 for c in dated}
    if "service_date" not in found.columns and free and len(dated) > 1:
        best = max(free, key=lambda c: (agree[c.place], facts.steady(c)))
        if agree[best.place] > 0.5:
            found.columns["service_date"] = best.place
            found.evidence["service_date"] = f"{agree[best.place]:.0%} of its days are the claims' service dates"
            free.remove(best)
    if "posted_on" not in found.columns and free:
        soon = {c.place: _soon_after_payments(c, facts) for c in free}
        found.columns["posted_on"] = max(free, key=lambda c: (soon[c.place], -facts.steady(c), c.day.max())).place
    for one in free:
        if not found.has(one.place):
            found.ignored[one.place] = "another date"
    if "posted_on" in found.columns:
        facts.rows["posted"] = columns[found.columns["posted_on"]].day


def _soon_after_payments(one: Column, facts: _Facts) -> int:
    near = pd.DataFrame({"claim": facts.claim, "day_": one.day.to_numpy()}).merge(
        facts.payments[["claim", "day"]], on="claim"
    )
    return int((near["day_"] - near["day"]).dt.days.between(0, 10).sum())


# --- amounts -------------------------------------------------------------------------------------------------------


def _find_amounts(
    found: Understanding, columns: list[Column], facts: _Facts, told: dict[str, int], fixed: frozenset[str]
) -> None:
    names = {told[role]: role for role in (*AMOUNTS, "balance") if role in told}
    money = [c for c in columns if _is_money(c, names, found)]
    if not money:
        money = [c for c in columns if _agrees(c, found, facts)]
    for one in list(money):
        if names.get(one.place) == "balance" or (one.place not in names and _is_running(one, money, facts)):
            found.columns["balance"] = one.place
            money.remove(one)
    if len(money) == 1:
        role = names.get(money[0].place, "amount")
        found.columns["amount" if role in ("debit_amount", "credit_amount") else role] = money[0].place
        facts.rows["cents"] = money[0].row
        return
    pair = _pair(money)
    if pair and _is_debit_and_credit(pair, facts, names, found):
        debit, credit = pair
        found.columns["debit_amount"], found.columns["credit_amount"] = debit.place, credit.place
        facts.rows["cents"] = debit.row - np.abs(credit.row) * _side(credit.row)
        found.left += [c.place for c in money if c not in pair and c.place not in names]
        return
    _find_several(found, money, facts, names)


def _side(cents: np.ndarray) -> np.ndarray:
    """1 for the amounts of a column's usual sign, -1 for the others: credits stand with and without a minus sign."""
    usual = -1 if cents.sum() < 0 else 1
    return np.where(np.sign(cents) == -usual, -1, 1)


def _is_money(one: Column, names: dict[int, str], found: Understanding) -> bool:
    if found.has(one.place) or one.numbers < 0.97 or (one.money < 0.5 and one.place not in names):
        return False
    one.row = np.nan_to_num(one.cents[one.codes])
    if not one.row.any() and one.place not in names:
        found.ignored[one.place] = "always 0"
        return False
    return True


def _agrees(one: Column, found: Understanding, facts: _Facts) -> bool:
    """Whole dollars without a mark are amounts where they agree."""
    if found.has(one.place) or one.numbers < 0.97 or not one.filled:
        return False
    one.row = np.nan_to_num(one.cents[one.codes])
    return max(*facts.agreement(one.row).values(), facts.agreement(np.maximum(one.row, 0))["charge"]) > DECIDES


def _is_running(one: Column, money: list[Column], facts: _Facts) -> bool:
    """Whether a column is the running sum of another one, or of the difference of two, in a claim or in the file."""
    others = [c for c in money if c is not one]
    signed = [c.row for c in others] + [a.row - b.row for a in others for b in others if a is not b]
    order = np.argsort(facts.claim, kind="stable")
    same = np.r_[False, np.diff(facts.claim[order]) == 0]
    for amount in signed:
        if not amount.any() or np.mean(np.abs(amount - one.row) < 1) > 0.9:
            continue
        for rows, inside in ((order, same), (np.arange(len(order)), np.r_[False, np.ones(len(order) - 1, bool)])):
            step = np.diff(one.row[rows], prepend=0.0)
            moved = (np.abs(step - amount[rows]) < 1)[inside]
            still = (np.abs(step) < 1)[inside]  # rows such as transfers, which move no balance
            if len(moved) > 2 and moved.mean() > 0.5 and (moved | still).mean() > 0.97:
                return True
    return False


def _pair(money: list[Column]) -> list[Column] | None:
    """Two columns of which each row fills one."""
    for i, one in enumerate(money):
        for other in money[i + 1 :]:
            a, b = one.row != 0, other.row != 0
            if (a & b).mean() < 0.001 and (a | b).mean() > 0.95 and min(a.mean(), b.mean()) > 0.01:
                return [one, other]
    return None


def _is_debit_and_credit(pair: list[Column], facts: _Facts, names: dict[int, str], found: Understanding) -> bool:
    """Puts the debits first. One column holds the charges, the other payments and cuts alike; else the headings tell."""
    roles = [names.get(one.place, "") for one in pair]
    if {"payment_amount", "insurance_amount", "patient_amount"} & set(roles) and "adjustment_amount" in roles:
        return False
    posted = facts.rows.get("posted")
    if facts.known and posted is not None:
        told = [
            (facts.equal(c.row, posted, facts.payments) | facts.equal(c.row, posted, facts.cuts))[c.row != 0].mean()
            for c in pair
        ]
        charges = [facts.agreement(c.row)["charge"] for c in pair]
        apart = max(told) > 3 * min(told) + 0.1  # credits close claims, so that their sums are charges, too
        if apart or max(charges) > DECIDES:
            swap = told[0] > told[1] if apart else charges[1] > charges[0]
            pair[:] = pair[::-1] if swap else pair
            found.evidence["debit_amount"] = "one column holds the charges, the other what was paid and cut"
            return True
    return False


def _find_several(found: Understanding, money: list[Column], facts: _Facts, names: dict[int, str]) -> None:
    """Several amounts in a row: told by headings, and by equality with charges, payments and cuts."""
    for one in money:
        role = names.get(one.place)
        if role and role not in found.columns:
            found.columns[role] = one.place
    scores = {c.place: facts.agreement(c.row) for c in money}
    for ours, theirs in (("charge_amount", "charge"), ("insurance_amount", "paid"), ("contractual_amount", "cut")):
        free = [c for c in money if not found.has(c.place)]
        best = max(free, key=lambda c, t=theirs: scores[c.place][t], default=None)  # type: ignore[misc]
        if best and ours not in found.columns and scores[best.place][theirs] > DECIDES:
            found.columns[ours] = best.place
            found.evidence[ours] = f"equal on {scores[best.place][theirs]:.0%} of the claims"
    free = [c for c in money if not found.has(c.place)]
    for one in free:
        if _closes(one, money, found):
            found.columns["balance"] = one.place
            continue
        found.left.append(one.place)


def _closes(one: Column, money: list[Column], found: Understanding) -> bool:
    """Whether a column is what remains of the charge after the others."""
    charge = found.columns.get("charge_amount")
    if charge is None or "balance" in found.columns:
        return False
    others = sum(np.abs(c.row) for c in money if c is not one and c.place != charge)
    rest = next(c.row for c in money if c.place == charge) - others
    return float(np.mean(np.abs(rest - one.row) < 1)) > 0.9


# --- words, persons, payers ----------------------------------------------------------------------------------------


def _find_words(found: Understanding, columns: list[Column], facts: _Facts, told: dict[str, int]) -> None:
    """Payer, procedure and location; columns of persons, which are used to take names out of texts, never kept."""
    for role in (
        "patient_name",
        "payer_name",
        "procedure",
        "kind",
        "code",
        "reason",
        "location",
        "posting_id",
        "party",
    ):
        if role in told and not found.has(told[role]):
            found.columns[role] = told[role]
    best: tuple[float, Column | None] = (0.0, None)
    for one in columns:
        if found.has(one.place) or one.days > 0.5 or one.money > 0.5:
            continue
        if len(one.texts) == 0:
            found.ignored[one.place] = "empty"
        elif names_persons(one, facts.steady(one), facts.count):
            found.ignored[one.place] = "persons"
        elif "procedure" not in found.columns and one.share(PROCEDURE.fullmatch) > 0.9 and len(one.texts) > 1:
            found.columns["procedure"] = one.place
        elif "payer_name" not in found.columns and 2 <= len(one.texts) <= MAX_CODES:
            score = _payer_likeness(one, facts)
            best = max(best, (score, one), key=lambda pair: pair[0])
    if best[1] and best[0] > 0.4:
        found.columns["payer_name"] = best[1].place
        found.evidence["payer_name"] = f"agrees with the claims' payers ({best[0]:.0%})"


def names_persons(one: Column, steady: float, claims: int) -> bool:
    """Whether a column names persons: as "Moss, Ann", or many different words of which each claim has one."""
    if one.share(lambda v: _PERSON.fullmatch(v)) > 0.7:
        return True
    many = len(one.texts) > max(60, 0.02 * claims)
    return many and one.share(lambda v: _WORDS.fullmatch(v) and not v.isdigit()) > 0.7 and steady > 0.9


def _payer_likeness(one: Column, facts: _Facts) -> float:
    """Share of the rows whose cell stands for one payer of the electronic files, where several are told apart."""
    at = facts.is_known
    if not at.any():
        return 0.0
    payers, names = pd.factorize(facts.payer)
    size = len(names) + 1
    table = np.bincount(one.codes[at] * size + payers[facts.claim[at]], minlength=size * len(one.values)).reshape(
        -1, size
    )
    table = table[[bool(value) for value in one.values]]
    sums, most = table.sum(axis=1), table.max(axis=1)
    pure = (most > 0.85 * sums) & (sums > 0)
    different = len(set(table[pure].argmax(axis=1)))
    return (
        float(sums[pure].sum() / max(at.sum(), 1)) * min(1.0, 2 * different / max(len(names), 1))
        if different > 1
        else 0.0
    )


# --- kinds of postings ---------------------------------------------------------------------------------------------


def _find_kinds(
    found: Understanding, columns: list[Column], facts: _Facts, kind_of: Callable[[str, str, str], str]
) -> None:
    """The column that tells what a posting is, the finer one of codes, and the kind of each of their cells."""
    free = [
        c
        for c in columns
        if not found.has(c.place) and 1 <= len(c.texts) <= MAX_CODES and c.money < 0.5 and c.days < 0.5
    ]
    single = "cents" in facts.rows
    flags: Any = _Flags(facts) if single else None
    if "kind" not in found.columns and single:
        told = {c.place: _tells_kinds(c, facts, flags, kind_of) for c in free}
        enough = [c for c in free if told[c.place] > max(0.5, max(told.values()) - 0.1)]
        if enough:
            best = min(enough, key=lambda c: len(c.values))
            found.columns["kind"] = best.place
            found.evidence["kind"] = f"tells what a posting is for {told[best.place]:.0%} of the dollars"
            free.remove(best)
    if "code" not in found.columns and "kind" in found.columns:
        finer = [c for c in free if _refines(c, columns[found.columns["kind"]])]
        if finer:
            found.columns["code"] = max(finer, key=lambda c: c.filled).place
    _find_texts(found, columns, facts)
    if "code" not in found.columns and "kind" in found.columns:
        types = columns[found.columns["kind"]]
        if types.share(lambda v: kind_of(v, "", "") != "other") < 0.5:
            found.columns["code"] = types.place  # the only column of codes tells the kind and the reason alike
    if single:
        found.kinds = _kinds(found, columns, facts, flags, kind_of)


def _find_texts(found: Understanding, columns: list[Column], facts: _Facts) -> None:
    free = [c for c in columns if not found.has(c.place) and c.texts and c.numbers < 0.5 and c.days < 0.5]
    lettered = [c for c in free if c.share(lambda v: re.search(r"[^\W\d_]{2}", v)) > 0.6]
    if "location" not in found.columns:
        home = [
            c
            for c in lettered
            if 2 <= len(c.texts) <= MAX_CODES and c.filled > 0.9 * len(c.codes) and facts.steady(c) > 0.9
        ]
        if home:
            found.columns["location"] = home[0].place
    if "reason" not in found.columns:
        loose = [c for c in lettered if not found.has(c.place) and facts.steady(c) < 0.98]
        if loose:
            found.columns["reason"] = max(loose, key=lambda c: len(c.values)).place


def _refines(one: Column, kind: Column) -> bool:
    """Whether nearly all cells stand under one type each."""
    table = np.bincount(one.codes * len(kind.values) + kind.codes, minlength=len(one.values) * len(kind.values))
    table = table.reshape(len(one.values), -1)[[bool(value) for value in one.values]]
    return (
        len(table) > 1
        and table.sum() > 0
        and table.max(axis=1).sum() > 0.95 * table.sum()
        and len(set(table.argmax(axis=1))) > 0
    )


class _Flags:
    """Row by row: equal to a payment, to one taken back, to a contractual cut; undone by another row of the day."""

    def __init__(self, facts: _Facts):
        cents, posted = facts.rows["cents"].to_numpy(), facts.rows["posted"]
        paid = facts.payments
        self.paid = facts.equal(cents, posted, paid[paid["cents"] > 0])
        self.back = facts.equal(cents, posted, paid[paid["cents"] < 0])
        self.cut = facts.equal(cents, posted, facts.cuts)
        day, size = (pd.factorize(values)[0] for values in (posted.to_numpy(), np.abs(cents)))
        group = pd.factorize(facts.claim * (day.max(initial=0) + 2) + day)[0]  # a day that can't be read is -1
        group = pd.factorize(group * (size.max(initial=0) + 1) + size)[0]
        sums = np.bincount(group, weights=np.sign(cents))
        self.pair = (sums[group] == 0) & (cents != 0)
        days = (posted - facts.service[facts.claim].reset_index(drop=True)).dt.days.to_numpy()
        self.at_once = days <= 1
        begun = posted.groupby(facts.claim).transform("min")
        self.first = (posted == begun).to_numpy()


def _evidence(keys: np.ndarray, facts: _Facts, flags: _Flags, least: int = 0) -> pd.DataFrame:
    """Per key: rows, those of known claims, dollars and shares; of its claims those whose sum is the charge."""
    cents, at = facts.rows["cents"].to_numpy(), facts.is_known
    size = max(int(keys.max()) + 1, least)  # values whose rows are left out have an index, too
    count = lambda flag: np.bincount(keys, weights=flag.astype(float), minlength=size)  # noqa: E731
    out = pd.DataFrame({"rows": count(np.ones(len(keys))), "known": count(at), "plus": count(cents > 0), "minus": count(cents < 0),
                        "cents": count(cents), "size": count(np.abs(cents)), "pair": count(flags.pair), "at_once": count(flags.at_once), "first": count(flags.first)})  # fmt: skip
    for name in ("paid", "back", "cut"):
        out[name] = count(getattr(flags, name) & at) / out["known"].clip(lower=1)
    for name in ("pair", "at_once", "first"):
        out[name] /= out["rows"].clip(lower=1)
    both = keys.astype(np.int64)[at] * facts.count + facts.claim[at]
    where, group = pd.factorize(both)
    sums = np.bincount(where, weights=cents[at], minlength=len(group))
    same = np.abs(np.abs(sums) - facts.charge[group % facts.count]) < 1
    claims = np.bincount(group // facts.count, minlength=size)
    out["charge"] = np.bincount(group // facts.count, weights=same, minlength=size) / np.maximum(claims, 1)
    return out


def kind_by_evidence(of: pd.Series) -> str | None:
    """The kind that a key's agreement with the electronic files tells."""
    if of["pair"] > 0.9 and abs(of["cents"]) <= 0.02 * of["size"]:
        return "transfer"
    if of["known"] < 2:
        return None
    if of["charge"] > DECIDES and of["charge"] > of["paid"] and of["first"] > 0.5:
        return "charge"
    if max(of["back"], of["paid"]) > 0.4 and max(of["back"], of["paid"]) > of["cut"]:
        return "payment"
    return "adjustment" if of["cut"] > 0.2 else None


def _tells_kinds(one: Column, facts: _Facts, flags: _Flags, kind_of: Callable[[str, str, str], str]) -> float:
    """Share of the dollars whose kind a column's cells tell; several kinds, or it tells nothing."""
    evidence = _evidence(one.codes, facts, flags, len(one.values))
    kinds = [_word_or_evidence(v, evidence.iloc[i], kind_of) for i, v in enumerate(one.values)]
    if len({kind for kind in kinds if kind}) < 2:
        return 0.0
    size = evidence["size"].to_numpy()
    return float(size[[kind is not None for kind in kinds]].sum() / max(size.sum(), 1))


def _word_or_evidence(cell: str, of: pd.Series, kind_of: Callable[[str, str, str], str]) -> str | None:
    words = kind_of(cell, "", "") if cell else "other"
    return words if words != "other" else kind_by_evidence(of) if cell else None


def _kinds(
    found: Understanding, columns: list[Column], facts: _Facts, flags: _Flags, kind_of: Any
) -> dict[tuple[str, str], str]:
    """The kind of each type, where it has one, else of each of its codes."""
    types: Any
    codes: Any
    types, codes = (columns[found.columns[name]] if name in found.columns else None for name in ("kind", "code"))
    if types is None and codes is None:
        return {}
    if types is None or types is codes:
        types, codes = codes, None
    out: dict[tuple[str, str], str] = {}
    coarse = _evidence(types.codes, facts, flags, len(types.values))
    told = [_word_or_evidence(v, coarse.iloc[i], kind_of) for i, v in enumerate(types.values)]
    if _charges_are_negative(told, coarse):
        facts.rows["cents"] = -facts.rows["cents"]
        coarse = _evidence(types.codes, facts, flags, len(types.values))
    fine = types.codes if codes is None else types.codes.astype(np.int64) * len(codes.values) + codes.codes
    _, first, where = np.unique(fine, return_index=True, return_inverse=True)
    evidence = _evidence(where, facts, flags)
    patient = _patient_share(where, found, columns)
    rest = _patients_payment(evidence, [told[types.codes[row]] for row in first], patient)
    guessed = []
    for i, row in enumerate(first):
        cell = (types.values[types.codes[row]], codes.values[codes.codes[row]] if codes else "")
        own = kind_of(*cell, "") if any(cell) else "other"
        sure = (
            told[types.codes[row]]
            or (own if own != "other" else None)
            or kind_by_evidence(evidence.iloc[i])
            or rest.get(i)
        )
        guess = _by_sign(evidence.iloc[i]) if evidence["known"].iloc[i] else _by_sign(coarse.iloc[types.codes[row]])
        out[cell] = sure or guess
        if sure is None and guess != "other":
            guessed.append((i, cell))
    for cell in _credits_told_as_charges(list(out), evidence["cents"].to_numpy(), out, kind_of):
        out[cell] = "adjustment"
    for i, cell in guessed:
        if _moves_no_balance(where == i, facts, out, types, codes):
            out[cell] = "transfer"
    if not (facts.rows["cents"] < 0).any():
        cells_ = [(types.values[types.codes[row]], codes.values[codes.codes[row]] if codes else "") for row in first]
        found.turned = frozenset(
            c for i, c in enumerate(cells_) if evidence["back"].iloc[i] > max(0.4, evidence["paid"].iloc[i])
        )
    return out


def _credits_told_as_charges(
    cells_: list[tuple[str, str]], cents: np.ndarray, kinds: dict[tuple[str, str], str], kind_of: Any
) -> list[tuple[str, str]]:
    """Codes that give up whole charges: in an export that begins after the charges, they look like charges but for their sign."""
    charges = np.array([kinds[cell] == "charge" for cell in cells_])
    usual = np.sign(cents[charges].sum())
    other = charges & (np.sign(cents) == -usual)
    return [cell for cell, is_other in zip(cells_, other, strict=True) if is_other and kind_of(*cell, "") == "other"]


def _charges_are_negative(told: list[str | None], of: pd.DataFrame) -> bool:
    """Whether the ledger's signs are turned round: its charges are below zero."""
    charges = [i for i, kind in enumerate(told) if kind == "charge"]
    return bool(charges) and of["cents"].iloc[charges].sum() < 0


def _moves_no_balance(rows: np.ndarray, facts: _Facts, kinds: dict, types: Column, codes: Any) -> bool:
    """Whether more of the claims concerned close without these rows: they only say who owes."""
    cents = facts.rows["cents"].to_numpy()
    counted = np.array([kinds.get((v, "")) != "transfer" if codes is None else True for v in types.values])[types.codes]
    if codes is not None:
        still = {cell for cell, kind in kinds.items() if kind == "transfer"}
        pairs = types.codes.astype(np.int64) * len(codes.values) + codes.codes
        names = [(v, c) in still for v in types.values for c in codes.values]
        counted = ~np.array(names)[pairs]
    with_them = facts.sums(np.where(counted, cents, 0))
    without = with_them - facts.sums(np.where(rows, cents, 0))
    charged = facts.sums(np.where(_rows_of("charge", kinds, types, codes), cents, 0))
    claims = np.unique(facts.claim[rows])
    claims = claims[charged[claims] != 0]  # an export that begins after the charges tells no balance
    if not len(claims):
        return False
    return bool((np.abs(without[claims]) < 1).mean() > (np.abs(with_them[claims]) < 1).mean() + 0.1)


def _rows_of(kind: str, kinds: dict, types: Column, codes: Any) -> np.ndarray:
    """Which rows are of a kind by what their types, or types and codes, were told as."""
    if codes is None:
        return np.array([kinds.get((value, "")) == kind for value in types.values])[types.codes]
    pairs = types.codes.astype(np.int64) * len(codes.values) + codes.codes
    return np.array([kinds.get((v, c)) == kind for v in types.values for c in codes.values])[pairs]


def _by_sign(of: pd.Series) -> str:
    """What remains: debits are refunds, credits adjustments; a key of both tells nothing."""
    if of["plus"] > 0.9 * of["rows"] and of["minus"] == 0 and of["known"] and of["charge"] < 0.1:
        return "refund"
    return "adjustment" if of["minus"] > 0.9 * of["rows"] and of["known"] else "other"


def _patient_share(keys: np.ndarray, found: Understanding, columns: list[Column]) -> np.ndarray:
    """Share of each key's rows whose payer is the patient."""
    if "payer_name" not in found.columns:
        return np.zeros(keys.max() + 1)
    payer = columns[found.columns["payer_name"]]
    own = payer.per_row([bool(PATIENT.fullmatch(v)) for v in payer.values], bool)
    return np.bincount(keys, weights=own) / np.bincount(keys)


def _patients_payment(evidence: pd.DataFrame, told: list[str | None], patient: np.ndarray) -> dict[int, str]:
    """Codes without words under which patients pay: at the visit, or as the commonest of those on their balances."""
    out: dict[int, str] = {}
    open_ = [i for i in range(len(evidence)) if told[i] is None and patient[i] > 0.5
             and evidence["minus"].iloc[i] > 0.95 * evidence["rows"].iloc[i] and evidence["paid"].iloc[i] < 0.3]  # fmt: skip
    out.update({i: "payment" for i in open_ if evidence["at_once"].iloc[i] > 0.5})
    later = [i for i in open_ if i not in out]
    rows = evidence["rows"]
    if later:
        most = max(later, key=lambda i: rows.iloc[i])
        if rows.iloc[most] > 0.35 * sum(rows.iloc[i] for i in later):
            out[most] = "payment"
    return out


def _find_patients(found: Understanding, columns: list[Column], facts: _Facts) -> None:
    """Cells of payer or party under which no payment of a payer ever stands, though others' do."""
    patients: set[str] = set()
    if "cents" in facts.rows and facts.known:
        cents = facts.rows["cents"].to_numpy()
    elif "insurance_amount" in found.columns or "payment_amount" in found.columns:
        place: Any = found.columns.get("payment_amount", found.columns.get("insurance_amount"))
        cents = columns[place].row
    else:
        return
    paid = facts.equal(cents, facts.rows["posted"], facts.payments)
    for role in ("payer_name", "party"):
        if role not in found.columns:
            continue
        one = columns[found.columns[role]]
        rows = np.bincount(one.codes[cents != 0], minlength=len(one.values))
        share = np.bincount(one.codes, weights=paid, minlength=len(one.values)) / np.maximum(rows, 1)
        if share.max() > 0.2:
            patients |= {
                v
                for v, s in zip(one.values, share, strict=True)
                if v and ((s == 0 and role == "party") or PATIENT.fullmatch(v))
            }
    found.patients = frozenset(patients)
