"""Rules that stop a repeat denial before submission: learned on older submissions, proven on newer ones.

`learn_rules` takes one row per submitted line or claim, with what was known before submission and how the first
decision ended (missing: not denied). It searches in the older part, proves each candidate on the newest months, which
the search has not seen, and offers those whose precision holds there. In a short history other months than those searched
prove as well, at less worth, and what needs no search (`known`) is proven by all:

    rule_id  condition                                                         category       claims_matched  precision  precision_lower
    R3fa9c1  authorization = no and payer_name = UNISON and procedure = 70553  authorization  54              .83        .67

`precision` counts any first denial or rejection among the claims matched, since each of them made the hold worth it.
`precision_lower` is a promise about as many claims again: their precision falls below it with a chance of `level`.
Each candidate is seen in the light of all of them: how far the rates that the searches found held up in the months
of proof tells what to expect of one before its own record, and how surely (empirical Bayes, Efron 2010), so that the
best of many is pulled back as far as the others fell. Sources: Benjamini & Hochberg 1995 (false discovery rate of the
choice), beta-binomial prediction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from rcm_analysis import parallel
from rcm_analysis.models.cases import outcomes
from rcm_analysis.prevention.search import (
    BeamSearch,
    Columns,
    Condition,
    Found,
    count_cases,
    from_json,
    matches,
    to_json,
    varies,
)

COLUMNS = (
    "rule_id", "condition", "category", "claims_matched", "precision", "precision_lower", "base_rate", "false_alarms_per_100",
    "avoidable_usd_per_month", "learned_through", "tested_from", "tested_to", "denied", "denied_in_category",
    "share_of_category", "denied_usd", "since", "terms",
)  # fmt: skip
NEAREST_COLUMNS = ("condition", "category", "claims_matched", "denied", "precision", "precision_lower", "why_not")
NEAREST = 5  # candidates told where none is offered
TERM_PRICE, VALUE_PRICE = 0.5, 0.25  # in denials caught
UNDATED_DAYS = 730  # a table without dates is spread over two years: an eighth and a quarter of it are proofs
CORRELATE_PRICE = 0.9
KNOWN_WORTH = 0.5  # of a case that proves among months already known, beside one of months that came after
ENDED = 0.05  # chance of so few denials in the newest months below which a rule no longer holds
DAYS_PER_MONTH = 365.25 / 12


@dataclass(frozen=True)
class Learning:
    """How rules are searched, proven and chosen."""

    tested_months: tuple[int, ...] = (3, 6)  # the proof; the short one lets a new cause in three months earlier
    searched_months: tuple[int | None, ...] = (None, 12, 6)  # history searched; the short ones find what began lately
    min_precision: float = 0.4  # the lower bound a rule must reach; what it reaches on average lies well above
    min_hits: int = 5  # denials in the proof
    short_months: int = 18  # a history no longer than it is proven on other months than the newest, too
    known: tuple[Condition, ...] = ()  # conditions that need no search: every case proves them
    of_patients: frozenset[str] = frozenset()  # columns that tell one patient from another: they cross no months
    level: float = 0.1  # false discoveries, and bounds missed, among the rules offered
    min_new_share: float = 0.5  # of a rule's denials that no rule before it catches
    searched_cases: int = 60_000  # of each stretch of history, drawn evenly; the proof counts every case
    rounds: int = 2  # searches of the same history, each among the cases that the one before does not explain
    kept_per_search: int = 12
    search: BeamSearch = field(default_factory=BeamSearch)


# How a condition is proven: on months after those it was found in, on others than those, or on all, being known without a search
Way = Literal["later", "among", "known"]


class _Cases(NamedTuple):
    """Rows sorted by date, those of a case together, as arrays."""

    columns: Columns
    day: np.ndarray
    case: np.ndarray
    outcome: np.ndarray  # text, "" where not denied
    hit: np.ndarray
    amount: np.ndarray
    draw: np.ndarray  # a number per row, the same for a case, by which samples are drawn
    dated: bool  # else the days are drawn by chance, only to part the cases


class _Proof(NamedTuple):
    condition: Condition
    category: str
    tested: np.ndarray  # rows of the proof
    cases: int
    hits: int
    p_value: float
    base: float = 0.0  # rate of refusals in the months of proof
    searched: int = 0  # cases that matched before, and those of them refused
    found: int = 0
    newest: int = 0  # cases that matched in the newest months, and those of them refused
    newest_hits: int = 0
    way: Way = "later"


def learn_rules(
    table: pd.DataFrame,
    *,
    outcome: str,
    date: str | None = None,
    features: Sequence[str],
    case: str | None = None,
    amount: str | None = None,
    settings: Learning | None = None,
) -> pd.DataFrame:
    """Rules proven on the newest months of the table; none when nothing holds, and then `attrs["nearest"]` are the
    records of `nearest`: what came closest, and why it was not offered.

    `outcome` is 1 where a row was denied or rejected, 0 where it was not, empty where it is undecided and so left out; or the
    category of the denial as a text, missing where there was none.
    `case` names what rows belong to (the claim of a line); without it each row is a case. `amount` is USD denied.
    Rows without a date are left out. A table without any (`date` missing or empty throughout) is proven on cases drawn
    by chance, and its rules name no days and no dollars a month.
    Raises KeyError for a column that the table lacks, ValueError for numbers other than 0 and 1.
    """
    settings = settings or Learning()
    cases, proofs = _tried(table, outcome, date, features, case, amount, settings)
    chosen = _without_overlap(cases, _offered(proofs, settings), settings) if cases else []
    rows = [_row(cases, proof, lower) for proof, lower in chosen]
    found = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(
        ["avoidable_usd_per_month", "precision_lower"], ascending=False, ignore_index=True
    )
    if not len(found):
        found.attrs["nearest"] = _nearest(cases, proofs, settings, NEAREST).to_dict("records")
    return found


def nearest(
    table: pd.DataFrame,
    *,
    outcome: str,
    date: str | None = None,
    features: Sequence[str],
    case: str | None = None,
    amount: str | None = None,
    settings: Learning | None = None,
    count: int = 5,
) -> pd.DataFrame:
    """The candidates that came closest to being a rule, and why each is none; arguments as in `learn_rules`.

    condition                          category  claims_matched  denied  precision  precision_lower  why_not
    payer = UNISON and code = 70553    auth      31              14      .45        .23              only 23% are sure, at least 40% are wanted
    payer = ACME and units >= 5        coding    4               3       .75        .20              3 denials in the proof, at least 5 are wanted
    modifiers without 59               bundling  212             22      .10        .05              10% were denied, at least 40% are wanted
    """
    settings = settings or Learning()
    cases, proofs = _tried(table, outcome, date, features, case, amount, settings)
    return _nearest(cases, proofs, settings, count)


def _tried(table: pd.DataFrame, outcome: str, date: str | None, features: Sequence[str], case: str | None, amount: str | None,
           settings: Learning) -> tuple[_Cases | None, list[_Proof]]:  # fmt: skip
    """The cases, and every candidate with its record; no cases where nothing is decided."""
    wanted = [name for name in (outcome, date, case, amount, *features) if name]
    missing = [name for name in dict.fromkeys(wanted) if name not in table]
    if missing:
        raise KeyError(f"the table has no column {', '.join(missing)}")
    table = _decided(table, outcome)
    if date and table[date].notna().any():
        table = table[table[date].notna()]
    if not len(table):
        return None, []
    cases = _cases(table, outcome, date, features, case, amount, settings)
    proofs = [proof for split in _splits(cases.day, settings) for proof in _proven(cases, split, settings)]
    return cases, proofs + _of_known(cases, settings)


def _nearest(cases: _Cases | None, proofs: Sequence[_Proof], settings: Learning, count: int) -> pd.DataFrame:
    """The candidates by what is sure of them, each by its best record; offered ones are none of them."""
    offered = {proof.condition for proof, _ in _offered(list(proofs), settings)}
    proofs = [*proofs, *_less_precise(cases, settings)] if cases and len(proofs) < count + len(offered) else proofs
    if not proofs:
        return pd.DataFrame(columns=list(NEAREST_COLUMNS))
    lower, q_values = _bounds(proofs, settings), _q_values(proofs)
    best: dict[Condition, tuple[_Proof, float, float]] = {}
    for proof, bound, q in sorted(zip(proofs, lower, q_values, strict=True), key=lambda one: (-one[1], -one[0].hits)):
        if proof.condition not in offered:
            best.setdefault(proof.condition, (proof, bound, q))
    rows = [(" and ".join(term.words() for term in condition), proof.category, proof.cases, proof.hits, proof.hits / max(proof.cases, 1), bound,
             _why_not(proof, bound, q, settings)) for condition, (proof, bound, q) in list(best.items())[:count]]  # fmt: skip
    return pd.DataFrame(rows, columns=list(NEAREST_COLUMNS))


def _less_precise(cases: _Cases, settings: Learning) -> list[_Proof]:
    """What a shorter search finds that need only be denied more often than the rest, with its record."""
    base = float(np.divide(*count_cases(np.arange(len(cases.day)), cases.hit, cases.case)[::-1]))
    loose = replace(settings.search, min_rate=base, min_z=1.0, min_hits=3, min_cases=5)
    quick = replace(settings, min_precision=base, searched_months=(None,), rounds=1, search=loose, searched_cases=min(settings.searched_cases, 20_000))  # fmt: skip
    quick = replace(quick, tested_months=(max(settings.tested_months),), short_months=0)
    return _proven(cases, _splits(cases.day, quick)[0], quick)


def _why_not(proof: _Proof, lower: float, q: float, settings: Learning) -> str:
    """The first of the conditions of an offer that a candidate does not meet, in words."""
    if not proof.cases:
        return "no case of it in the proof"
    if proof.hits < settings.min_hits:
        return (
            f"{proof.hits} denial{'' if proof.hits == 1 else 's'} in the proof, at least {settings.min_hits} are wanted"
        )
    if proof.hits < settings.min_precision * proof.cases:
        return f"{proof.hits / proof.cases:.0%} were denied, at least {settings.min_precision:.0%} are wanted"
    if q > settings.level:
        return f"what chance alone gives (q = {q:.2f})"
    return f"only {lower:.0%} are sure, at least {settings.min_precision:.0%} are wanted"


_NO = frozenset(["no", "n", "false", "f", "0", "none", "nan", "paid"])  # texts that are no category of a denial


def _decided(table: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """The rows whose outcome is known, told as a category: numbers are 0, 1 or empty, texts are categories already."""
    told = table[outcome]
    texts = told.dropna().astype(object).map(lambda value: isinstance(value, str))
    if texts.all() and len(texts):
        said = sorted(set(told.dropna().astype(str).str.strip().str.lower()) & _NO)
        if said:
            raise ValueError(
                f"{outcome} says {said[0]!r}: it is 0, 1 or empty, or the category of the denial and empty without one"
            )
        return table
    if texts.any():
        raise ValueError(f"{outcome} holds texts and numbers; it is 0, 1 or empty, or the category of the denial")
    numbers = outcomes(table, outcome)
    known = table[numbers.notna()]
    return known.assign(**{outcome: numbers[numbers.notna()].map({1.0: outcome, 0.0: None})})


def _cases(table, outcome, date, features, case, amount, settings: Learning) -> _Cases:
    """All rows of the months of proof, and of earlier ones those that a search draws."""
    owner = table[case] if case else pd.Series(np.arange(len(table)), table.index)
    draw_of_case = pd.util.hash_array(owner.to_numpy())
    dated = bool(date) and table[date].notna().any()
    days = pd.to_datetime(table[date]) if dated else _drawn_days(draw_of_case)
    keys = pd.DataFrame({"day": np.asarray(days), "case": pd.factorize(owner)[0], "draw": draw_of_case})
    order = np.lexsort((keys["case"].to_numpy(), keys["day"].to_numpy()))
    day = keys["day"].to_numpy("datetime64[D]")[order]
    number = np.cumsum(np.diff(keys["case"].to_numpy()[order], prepend=-1) != 0)
    draw = keys["draw"].to_numpy()[order]
    kept = _needed(day, number, draw, settings)
    columns = [name for name in dict.fromkeys((*features, outcome, amount)) if name]
    ordered = table[columns].iloc[order[kept]].reset_index(drop=True)
    outcomes = ordered[outcome].astype(object).where(ordered[outcome].notna(), "").to_numpy()
    usd = ordered[amount].astype(float).fillna(0).to_numpy() if amount else np.zeros(len(ordered))
    number = np.cumsum(np.diff(number[kept], prepend=-1) != 0)
    varied = [name for name in features if varies(ordered[name])]
    return _Cases(Columns(ordered, varied), day[kept], number, outcomes, outcomes != "", usd, draw[kept], dated)


def _drawn_days(draw: np.ndarray) -> np.ndarray:
    """A day for each row of a table without dates, in the order of the draw: its last months are cases drawn by chance."""
    order = np.unique(draw, return_inverse=True)[1]
    return np.datetime64("2000-01-01") + (order * UNDATED_DAYS // (order.max() + 1)).astype("timedelta64[D]")


class _Split(NamedTuple):
    """Rows of a proof, and those that each search for it draws from."""

    tested: np.ndarray
    searched: list[np.ndarray]
    way: Way = "later"


def _needed(day: np.ndarray, case: np.ndarray, draw: np.ndarray, settings: Learning) -> np.ndarray:
    """Positions of the rows of a proof or a search; only these are coded, so that a large table costs no memory twice."""
    wanted = np.zeros(len(day), bool)
    for split in _splits(day, settings):
        wanted[split.tested] = True
        for rows in split.searched:
            wanted[_drawn(rows, case, draw, settings.searched_cases)] = True
    return np.flatnonzero(wanted)


def _splits(day: np.ndarray, settings: Learning) -> list[_Split]:
    """The newest months prove what the earlier ones showed; of a short history other months prove as well."""
    rows = np.arange(len(day))
    splits = []
    for months in settings.tested_months:
        first = _tested_from(day[-1], months)
        splits.append(_Split(rows[day >= first], _stretches(day, first, settings)))
    if day[0] < _months_before(day[-1], settings.short_months):
        return splits
    crossed = [_Split(rows[~mask], [rows[mask]], "among") for mask in _crossed(day) if 0 < mask.sum() < len(day)]
    return splits + crossed


def _crossed(day: np.ndarray) -> list[np.ndarray]:
    """Masks of what is searched while the rest proves: the newer half, and every other month, both ways."""
    odd = day.astype("datetime64[M]").astype(int) % 2 == 1
    return [day >= day[0] + (day[-1] - day[0]) // 2, odd, ~odd]


def _stretches(day: np.ndarray, tested_from: np.datetime64, settings: Learning) -> list[np.ndarray]:
    """Rows before the date, for each length of history; a length that holds all of it is no other."""
    earlier = np.flatnonzero(day < tested_from)
    since = [day[0] if m is None else max(_months_before(tested_from, m), day[0]) for m in settings.searched_months]
    return [earlier[day[earlier] >= first] for first in dict.fromkeys(since)]


def _drawn(rows: np.ndarray, case: np.ndarray, draw: np.ndarray, cases: int) -> np.ndarray:
    """The rows of at most so many cases, those that draw the lowest numbers; a case added to the table moves few others."""
    starts = rows[np.flatnonzero(np.diff(case[rows], prepend=-1))] if len(rows) else rows
    if len(starts) <= cases:
        return rows
    return rows[draw[rows] < np.partition(draw[starts], cases)[cases]]


def _tested_from(last: np.datetime64, months: int) -> np.datetime64:
    return _months_before(last, months) + np.timedelta64(1, "D")


def _months_before(day: np.datetime64, months: float) -> np.datetime64:
    return day - np.timedelta64(round(months * DAYS_PER_MONTH), "D")


def _proven(cases: _Cases, split: _Split, settings: Learning) -> list[_Proof]:
    """Candidates found in what the split searches, each with its record in what it tests."""
    searched = np.unique(np.concatenate(split.searched))
    proofs = []
    for condition, category in _candidates(cases, split, settings).items():
        if split.way == "among" and any(term.feature in settings.of_patients for term in condition):
            continue  # a patient's claims stand on both sides
        found = {"category": category, "way": split.way}
        proofs.append(_counted(cases, condition, split.tested, searched, settings)._replace(**found))
    return proofs


def _of_known(cases: _Cases, settings: Learning) -> list[_Proof]:
    """The record of conditions that nobody searched for, in all cases."""
    every, none = np.arange(len(cases.day)), np.arange(0)
    known = [one for one in settings.known if all(term.feature in cases.columns.names for term in one)]
    proofs = [_counted(cases, condition, every, none, settings)._replace(way="known") for condition in known]
    return [proof for proof in proofs if proof.cases]


def _counted(
    cases: _Cases, condition: Condition, tested: np.ndarray, searched: np.ndarray, settings: Learning
) -> _Proof:
    """A condition's record in the rows that prove it, in those that showed it, and in the newest months."""
    from scipy.stats import binom

    match = cases.columns.matches(condition, np.arange(len(cases.day)))
    newest = np.arange(np.searchsorted(cases.day, _tested_from(cases.day[-1], min(settings.tested_months))), len(match))
    (n, k), before, last = (
        count_cases(rows[match[rows]], cases.hit, cases.case) for rows in (tested, searched, newest)
    )
    base = np.divide(*count_cases(tested, cases.hit, cases.case)[::-1]) if len(tested) else 0.0
    p_value = float(binom.sf(k - 1, n, base)) if n else 1.0
    return _Proof(condition, "", tested, n, k, p_value, base, *before, *last)


def _candidates(cases: _Cases, split: _Split, settings: Learning) -> dict[Condition, str]:
    """Conditions found in each stretch of history, with the outcome that each was first found for."""
    searches, categories = [], []
    for stretch in split.searched:
        rows = _drawn(stretch, cases.case, cases.draw, settings.searched_cases)
        for category in sorted({c for c in cases.outcome[rows] if c}):
            searches.append((cases.columns, rows, cases.outcome == category, cases.hit, cases.case, settings))
            categories.append(category)
    found: dict[Condition, str] = {}
    for category, conditions in zip(categories, parallel.each(_searched, searches, rows=len(cases.day)), strict=True):
        for condition in conditions:
            found.setdefault(condition, category)
    return found


def _searched(
    columns: Columns, rows: np.ndarray, wanted: np.ndarray, hit: np.ndarray, case: np.ndarray, settings: Learning
) -> list[Condition]:
    """Conditions for the wanted hits among the rows, then among the rows of cases that none of them matches, and so on.

    The best list of payers leaves out one whose rate is somewhat lower; what it holds for is found once the others are
    gone (separate and conquer, Fürnkranz 1999).
    """
    kept: list[Condition] = []
    for _ in range(settings.rounds):
        more = _worth_holding(settings.search(columns, rows, wanted, case), hit, case, settings)
        if not more:
            break
        kept += [found.condition for found in more]
        matched = np.unique(np.concatenate([case[found.rows] for found in more]))
        rows = rows[~np.isin(case[rows], matched)]
    return kept


def _worth_holding(found: list[Found], hit: np.ndarray, case: np.ndarray, settings: Learning) -> list[Found]:
    """Short lists that cover the hits: again and again the condition that adds most hits beyond its price.

    A hold's price is such that `min_precision` breaks even; terms and values cost a little, so that short ones win ties.
    What is covered at that price hides narrower conditions that would surely hold what they promise: a second list is made
    at a price halfway to certainty.
    """
    groups = [(f, np.unique(case[f.rows]), np.unique(case[f.rows[hit[f.rows]]])) for f in found]
    kept: list[Found] = []
    for price in (settings.min_precision, (1 + settings.min_precision) / 2):
        kept += [f for f in _covering(groups, int(case[-1]) + 1, price, settings) if not any(f is one for one in kept)]
    return kept


def _covering(groups: list[tuple], cases: int, price: float, settings: Learning) -> list[Found]:
    """The list at one price, from the condition that adds most on."""
    covered = np.zeros(cases, bool)
    kept: list[Found] = []
    groups = list(groups)
    while groups and len(kept) < settings.kept_per_search:
        gains = [
            _lead(f.condition, (~covered[hits]).sum() - price * (~covered[all_]).sum(), settings) - _length(f.condition)
            for f, all_, hits in groups
        ]
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            break
        f, all_, _ = groups.pop(best)
        covered[all_] = True
        kept.append(f)
    return kept


def _lead(condition: Condition, gain: float, settings: Learning) -> float:
    """A gain as it counts beside others: a term on what nobody can change on the claim takes a tenth of it."""
    told = sum(term.feature in settings.search.correlates for term in condition)
    return gain * CORRELATE_PRICE**told if gain > 0 else gain


def _length(condition: Condition) -> float:
    """What a reader must take in: terms, and values beyond the first of each."""
    return sum(TERM_PRICE + VALUE_PRICE * max(len(term.values) - 1, 0) for term in condition)


def _offered(proofs: list[_Proof], settings: Learning) -> list[tuple[_Proof, float]]:
    """Those whose record is no chance and whose bound, seen in the light of all candidates, reaches the precision wanted."""
    if not proofs:
        return []
    told = zip(proofs, _q_values(proofs), _bounds(proofs, settings), strict=True)
    offered: dict[Condition, tuple[_Proof, float]] = {}
    for proof, q, bound in told:
        good = q <= settings.level and proof.hits >= settings.min_hits and bound >= settings.min_precision
        if good and _still(proof, bound) and bound <= offered.get(proof.condition, (proof, 1.0))[1]:
            offered[proof.condition] = proof, bound  # of several proofs the one that promises least
    return list(offered.values())


def _still(proof: _Proof, bound: float) -> bool:
    """Whether the newest months let the bound stand: a cause that has ended is none."""
    from scipy.stats import binom

    return not proof.newest or bool(binom.cdf(proof.newest_hits, proof.newest, bound) >= ENDED)


def _bounds(proofs: Sequence[_Proof], settings: Learning) -> list[float]:
    """The precision below which as many cases again of each candidate fall with the chance of the level."""
    from scipy.stats import betabinom

    bounds = np.zeros(len(proofs))
    for way in get_args(Way):  # what holds up among months already known may hold up less in those to come
        at = [i for i, proof in enumerate(proofs) if proof.way == way and proof.cases]
        if not at:
            continue
        expected, strength = _expected([proofs[i] for i in at])
        n, k = (np.array([getattr(proofs[i], name) for i in at], float) for name in ("cases", "hits"))
        worth = 1.0 if way == "later" else KNOWN_WORTH
        hits, others = expected * strength + worth * k, (1 - expected) * strength + worth * (n - k)
        bounds[at] = betabinom.ppf(settings.level, n, hits, others) / n
    return bounds.tolist()


# How far found rates hold up, as a share of their lead over the base, and what that is worth in cases of a candidate's own
HOLDS_UP, STRENGTHS = np.linspace(0, 1, 11), 2.0 ** np.arange(1, 8)
USUAL_HOLD, USUAL_STRENGTH = (
    (0.5, 0.3),
    (4.0, 1.0),
)  # before any candidate is seen: middle and spread, the latter in logs


def _expected(proofs: Sequence[_Proof]) -> tuple[np.ndarray, float]:
    """What rate each candidate is expected to have before its own months of proof, and how many cases that is worth.

    The likeliest over all candidates' records in those months, of rates that lie so far between the base and what
    the search found. One whose search is not known is expected halfway up to 1.
    """
    from scipy.stats import betabinom

    n, k, base, searched, found = (
        np.array([getattr(p, name) for p in proofs], float) for name in ("cases", "hits", "base", "searched", "found")
    )
    told = np.where(searched > 0, found / np.maximum(searched, 1), 1.0)
    best, expected, strength = -np.inf, told, 1.0
    for share in HOLDS_UP:
        mean = np.clip(base + share * (told - base), 0.01, 0.99)
        for cases in STRENGTHS:
            usual = ((share - USUAL_HOLD[0]) / USUAL_HOLD[1]) ** 2
            usual += (np.log(cases / USUAL_STRENGTH[0]) / USUAL_STRENGTH[1]) ** 2
            likely = betabinom.logpmf(k, n, mean * cases, (1 - mean) * cases).sum() - usual / 2
            if likely > best:
                best, expected, strength = likely, mean, float(cases)
    return expected, strength


def _q_values(proofs: Sequence[_Proof]) -> np.ndarray:
    from scipy.stats import false_discovery_control

    return false_discovery_control([proof.p_value for proof in proofs])


def _without_overlap(cases: _Cases, offered: list[tuple[_Proof, float]], settings: Learning):
    """From the most denials beyond their price on, each rule that catches enough that none before it does.

    Proofs are of unlike lengths: each rule counts by the rate of its own, over the cases of all of them.
    """
    if not offered:
        return []
    covered = np.zeros(int(cases.case[-1]) + 1, bool)
    every = np.unique(np.concatenate([proof.tested for proof, _ in offered]))
    matched = [every[cases.columns.matches(proof.condition, every)] for proof, _ in offered]
    gains = [
        _lead(proof.condition, (proof.hits / proof.cases - settings.min_precision) * len(np.unique(cases.case[rows])), settings)
        for (proof, _), rows in zip(offered, matched, strict=True)
    ]  # fmt: skip
    kept = []
    for i in np.argsort(-np.array(gains), kind="stable"):
        hits = np.unique(cases.case[matched[i][cases.hit[matched[i]]]])
        if len(hits) and (~covered[hits]).mean() >= settings.min_new_share:
            covered[np.unique(cases.case[matched[i]])] = True
            kept.append(offered[i])
    return kept


def _row(cases: _Cases, proof: _Proof, lower: float) -> dict:
    tested = proof.tested
    first_day, last_day = cases.day[tested[0]], cases.day[tested[-1]]
    rows = tested[cases.columns.matches(proof.condition, tested)]
    total, denied = count_cases(tested, cases.hit, cases.case)
    category = _commonest(cases.outcome[rows], proof.category)
    in_category = cases.outcome == category
    n_category = count_cases(rows, in_category, cases.case)[1]
    all_category = count_cases(tested, in_category, cases.case)[1]
    matched = np.isin(cases.case, np.unique(cases.case[rows]))
    usd = cases.amount[matched & in_category].sum()
    months = max((last_day - first_day).astype(int), 1) / DAYS_PER_MONTH
    condition = " and ".join(term.words() for term in proof.condition)
    first, last = (pd.Timestamp(day) if cases.dated else pd.NaT for day in (first_day, last_day))
    through = first - pd.Timedelta(days=1) if proof.way == "later" or not cases.dated else pd.Timestamp(cases.day[-1])
    return {
        "rule_id": rule_id(proof.condition), "condition": condition, "category": category,
        "claims_matched": proof.cases, "precision": proof.hits / proof.cases, "precision_lower": lower,
        "base_rate": denied / total, "false_alarms_per_100": 100 * (proof.cases - proof.hits) / total,
        "avoidable_usd_per_month": usd / months if cases.dated else np.nan,
        "learned_through": through, "tested_from": first, "tested_to": last, "denied": proof.hits,
        "denied_in_category": n_category, "share_of_category": n_category / max(all_category, 1), "denied_usd": usd,
        "since": _since(cases, proof.condition) if cases.dated else None, "terms": to_json(proof.condition),
    }  # fmt: skip


def record(rules: pd.DataFrame, table: pd.DataFrame, *, outcome: str, case: str, amount: str) -> pd.DataFrame:
    """What became of the rules on rows they were not learned from, a row per rule.

    rule_id  later_claims  later_denied  later_precision  later_usd  retired
    R3fa9c1  37            32            .86              8400.00    False

    A rule is retired when its later precision lies below the stated lower bound by more than chance gives once in
    twenty; a rule without a later claim is kept and has no later precision. USD are those of the claims denied.
    """
    from scipy.stats import binom

    cases = table.assign(_hit=table[outcome].notna())
    rows = []
    for rule in rules.itertuples():
        ids = table.loc[matches(from_json(rule.terms), table), case].unique()
        mine = cases[cases[case].isin(ids)].groupby(case).agg(hit=("_hit", "max"), usd=(amount, "sum"))
        n, k = len(mine), int(mine["hit"].sum())
        rows.append({"rule_id": rule.rule_id, "later_claims": n, "later_denied": k, "later_precision": k / n if n else np.nan,
                     "later_usd": float(mine["usd"].sum()), "retired": bool(n and binom.cdf(k, n, rule.precision_lower) < 0.05)})  # fmt: skip
    return pd.DataFrame(
        rows, columns=["rule_id", "later_claims", "later_denied", "later_precision", "later_usd", "retired"]
    )


def best_precision(rules: pd.DataFrame, table: pd.DataFrame, *, case: str) -> pd.Series:
    """By case, the precision of the best rule that one of its rows matches; 0 where none does."""
    best = pd.Series(0.0, pd.unique(table[case]))
    for rule in rules.itertuples():
        ids = table.loc[matches(from_json(rule.terms), table), case].unique()
        best.loc[ids] = best.loc[ids].clip(lower=rule.precision)
    return best


def weekdays(days: pd.Series) -> int:
    """Weekdays from the first to the last of some days, both counted: over what "a weekday" is counted everywhere.

    >>> weekdays(pd.Series(pd.to_datetime(["2026-10-02", "2026-10-05"])))  # a Friday and a Monday
    2
    """
    return len(pd.bdate_range(days.min(), days.max())) if len(days) else 0


def simulate(
    rules: pd.DataFrame, table: pd.DataFrame, *, outcome: str, date: str, case: str, amount: str
) -> pd.DataFrame:
    """Had the rules run on these rows: a row for each threshold of precision, the strictest first, sums over the rules above it.

    threshold  rules  holds  holds_per_day  avoided  avoided_usd  false_alarms  precision  share_of_denials
    .87        1      110    1.8            93       4100.00      17            .85        .06

    `holds_per_day` is by weekday between the first and the last day of the rows. USD are those denied.
    """
    cases = table.assign(_hit=table[outcome].notna()).groupby(case).agg(hit=("_hit", "max"), usd=(amount, "sum"))
    days = weekdays(table[date])
    seen = pd.Series(False, index=cases.index)
    rows = []
    ordered = rules.sort_values("precision_lower", ascending=False)
    for i, rule in enumerate(ordered.itertuples(), 1):
        seen |= cases.index.isin(table.loc[matches(from_json(rule.terms), table), case])
        held, hit = int(seen.sum()), int(cases.loc[seen, "hit"].sum())
        rows.append({"threshold": rule.precision_lower, "rules": i, "holds": held, "holds_per_day": held / max(days, 1), "avoided": hit,
                     "avoided_usd": float(cases.loc[seen & cases["hit"], "usd"].sum()), "false_alarms": held - hit,
                     "precision": hit / held if held else np.nan, "share_of_denials": hit / max(int(cases["hit"].sum()), 1)})  # fmt: skip
    return pd.DataFrame(rows, columns=["threshold", "rules", "holds", "holds_per_day", "avoided", "avoided_usd", "false_alarms", "precision",
                                       "share_of_denials"])  # fmt: skip


def rule_id(condition: Condition) -> str:
    """Six hex digits that stay the same as long as the condition does."""
    return "R" + hashlib.sha256(to_json(condition).encode()).hexdigest()[:6]


def _commonest(outcomes: np.ndarray, searched: str) -> str:
    named, counts = np.unique(outcomes[outcomes != ""].astype(str), return_counts=True)
    most = str(named[np.argmax(counts)]) if len(named) else searched
    return searched if searched in named and counts[named == searched][0] >= counts.max() else most


def _since(cases: _Cases, condition: Condition) -> str | None:
    """The month (YYYY-MM) from which the rule holds, where it plainly did not before; else None.

    The split of the months into before and after that explains the counts best, if it does so by a likelihood ratio
    that chance gives once in a thousand.
    """
    rows = np.flatnonzero(cases.columns.matches(condition, np.arange(len(cases.day))))
    months = cases.day[rows].astype("datetime64[M]")
    first, hit = {}, {}
    for month, case, denied in zip(months, cases.case[rows], cases.hit[rows], strict=True):
        first[case] = month
        hit[case] = hit.get(case, False) or bool(denied)
    counts = (
        pd.DataFrame({"month": list(first.values()), "hit": list(hit.values())})
        .groupby("month")["hit"]
        .agg(["size", "sum"])
    )
    n, k = counts["size"].to_numpy(float), counts["sum"].to_numpy(float)
    whole = _log_likelihood(n.sum(), k.sum())
    best, month = 0.0, None
    for i in range(1, len(counts)):
        before, after = (n[:i].sum(), k[:i].sum()), (n[i:].sum(), k[i:].sum())
        gain = 2 * (_log_likelihood(*before) + _log_likelihood(*after) - whole)
        if after[1] / after[0] > before[1] / before[0] and gain > best:
            best, month = gain, counts.index[i]
    threshold = 15.1  # chi-squared, one degree, at 0.001 over about ten months tried
    return pd.Timestamp(month).strftime("%Y-%m") if month is not None and best > threshold else None


def _log_likelihood(n: float, k: float) -> float:
    return sum(part * np.log(part / n) for part in (k, n - k) if part > 0)
