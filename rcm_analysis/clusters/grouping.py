"""Groups of denials with a common cause, found by carving: what the codes mean, then where they gather.

The reason (category of remark or reason code) is the first cut. Within it, a kind of service or another circumstance
that is denied for this reason more often than expected becomes a cluster of its own, as long as resampling finds it again.

    reason         family       denials  expected  lift
    bundling       therapy      145      29        5.0     -> cluster "Bundled services · therapy"
    eligibility    therapy      240      251       1.0     -> stays in "Coverage not active"
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rcm_analysis import words
from rcm_analysis.clusters import labels as clusters_labels
from rcm_analysis.clusters.features import (
    CATCH_ALL,
    FEW,
    FEW_SHARE,
    MISSING,
    Feature,
    decided_by_month,
    decided_services,
    denial_features,
    encode,
    last_months,
    prepared,
)
from rcm_analysis.store import kept
from rcm_analysis.store.content import Content
from rcm_analysis.trends import courses

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

NAMES = ("denials", "clusters", "members")  # what `of_practice` gives
UNCLUSTERED = words.UNCLUSTERED
FEATURES = ("carc", "rarcs", "group_code", "payer_name", "procedure", "modifiers", "diagnoses", "rendering_npi", "location",
            "place_of_service", "frequency", "prior_authorization", "whole_claim", "age", "days_to_submit", "days_to_decision",
            "denied_amount")  # fmt: skip
TEXTS = {"reason_text": "text"}  # columns with what the payer or a biller wrote, where an export has them
SETTLED_MONTHS = 6
# Who and how much, not what went wrong: they name a cluster and never cut one, and a code belongs to the reason
NAMING_ONLY = ("payer_name", "payer_id", "rendering_npi", "billing_npi", "location", "place_of_service", "modifiers",
               "diagnosis_chapters", "frequency", "prior_authorization", "whole_claim", "group_code", "carc", "rarc", "rarcs",
               "procedure")  # fmt: skip
SERVICE = ("family",)
ONE_CODE = 0.95  # of a cause's denials; from here on its codes can't tell parts of it apart
NUMBERS = (
    "denials",
    "denied_amount",
    "share",
    "preventable_share",
    "preventable_amount",
    "expected_cash",
    "preventable_cash",
    "recovered_share",
    "stability",
)
REASONS_SHARE = 0.6  # of the clusters asked for are reasons, the rest are carved out of them
SAME = 0.75  # Jaccard overlap from which two sets of members are the same cluster (Hennig 2007: stable)
MIN_SHARED = 0.3  # members in common, as share of the smaller, that make an old and a new cluster the same


@dataclass(frozen=True)
class Carving:
    """When a part of a cluster stands on its own. Shares and lifts are plain ratios."""

    min_lift: float = 1.5
    min_share: float = 0.005  # of all denials
    min_rows: int = 20
    min_z: float = 4.0  # standard deviations above the expected count
    min_told: float = 0.5  # how far the codes of a service's denials and of the others differ, as Cramér's V
    refits: int = 10
    sample: float = 0.7
    min_found_again: float = 0.7  # of the refits
    stays: float = 0.3  # of the refits, for a cluster that an earlier run had
    comes: float = 0.9  # of the refits, for one that it had not
    seed: int = 20260101


@dataclass(frozen=True)
class Cut:
    """A way down from the whole: the reason, then the circumstances carved out, as (feature, value)."""

    path: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Refit:
    """The clusters made from a sample of the rows alone, and the number of the cluster of every row by their rules."""

    rows: np.ndarray
    cuts: list[Cut]
    labels: np.ndarray


def find_clusters(
    denials: pd.DataFrame, *, features: Sequence[str], amount: str = "denied_amount", kinds: dict[str, str] | None = None,
    exposure: pd.DataFrame | None = None, clusters: int | None = None, earlier: pd.DataFrame | None = None,
    carving: Carving = Carving(), decided: pd.Series | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Clusters and their members.

    `denials` has one row per denial; `claim_number`, `line_number`, `month`, `owner`, `fix`, `preventable`, `recovered`
    and `expected_cash` are used where there. `exposure` has the same feature columns, one row per decided line, denied or not; without it the
    expected share of a value is its share of all denials. `clusters` overrides the number of clusters. `earlier` is the
    `cluster_members` of an earlier run, whose ids are kept. `decided` is the number of decided claims by month, over which
    the course of each cluster is judged as a rate; without it every month counts alike. Raises KeyError for a column that
    is not there.

        cluster_id  label                              denials  denied_amount  share  status   stability
        C01         Coverage not active                1344     98,112.40      0.13   steady   0.99
        C02         Documentation · ambulance          958      310,220.00     0.09   growing  0.97
    """
    made = _clustered(
        denials,
        features=features,
        kinds=kinds,
        exposure=exposure,
        clusters=clusters,
        earlier=earlier,
        carving=carving,
    )
    if made is None:
        return _nothing()
    return _described(made, amount=amount, earlier=earlier, decided=decided), made.members


@dataclass(frozen=True)
class _Clustered:
    """Clusters of a table before they are told in words, and what these need."""

    table: pd.DataFrame
    encoded: list[Feature]
    rates: dict[str, np.ndarray]
    cuts: list[Cut]
    labels: np.ndarray
    ids: list[str]
    refits: list[Refit]
    members: pd.DataFrame


def _clustered(
    denials: pd.DataFrame, *, features: Sequence[str], kinds: dict[str, str] | None = None, exposure: pd.DataFrame | None = None,
    clusters: int | None = None, earlier: pd.DataFrame | None = None, carving: Carving = Carving(),
) -> _Clustered | None:  # fmt: skip
    """The clusters of `find_clusters` and their members; None without denials."""
    table, names = prepared(denials, features)
    if not len(table):
        return None
    encoded = encode(table, names, kinds)
    base = _base(encoded)
    cutting = [f for f in encoded if f is not base and f.kind != "number" and f.name not in NAMING_ONLY]
    told = _told(table) if base.name == "reason" else None
    rates = [_expected(f, exposure) for f in cutting]
    everything = np.arange(len(table))
    found = _carve(base, cutting, rates, everything, carving, clusters, told)
    labels = _assign(found, base, cutting, everything)
    refits = [_refit(base, cutting, rates, carving, clusters, told, number) for number in range(carving.refits)]
    if clusters is None:
        found = _kept(found, labels, refits, carving, _known(table, earlier))
        labels = _assign(found, base, cutting, everything)
    ids = _identify(labels, found, table, earlier)
    by_exposure = {f.name: rate for f, rate in zip(cutting, rates, strict=True)}
    members = _members(table, labels, ids, encoded)
    return _Clustered(table, encoded, by_exposure, found, labels, ids, refits, members)


def _described(
    made: _Clustered,
    *,
    amount: str = "denied_amount",
    earlier: pd.DataFrame | None = None,
    decided: pd.Series | None = None,
) -> pd.DataFrame:
    """The clusters in words and figures, with their course."""
    described = clusters_labels.describe(
        made.table, made.labels, made.cuts, made.ids, made.encoded, amount=amount, rates=made.rates
    )
    stability = [_stability(made.labels == k, made.refits) for k in range(len(made.cuts))]
    described["stability"] = stability + [np.nan] * (len(described) - len(stability))
    return _with_status(described, made.table, made.labels, earlier, made.ids, decided)


def _nothing() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The two tables without rows, for a practice that has no denial yet."""
    columns = [*clusters_labels.COLUMNS, "stability", "status"]
    found = pd.DataFrame({name: pd.Series(dtype=float if name in NUMBERS else object) for name in columns})
    members = {"claim_number": object, "line_number": object, "cluster_id": object, "strength": float}
    return found, pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in members.items()})


def _base(encoded: list[Feature]) -> Feature:
    """The feature that says why: the reason where there is one, else the code that tells most about the other features."""
    named = [f for f in encoded if f.name in ("reason", "category")]
    codes = [f for f in encoded if f.kind == "code" and f.name not in NAMING_ONLY] or [
        f for f in encoded if f.kind == "code"
    ]
    if named or len(codes) < 2:
        return (named or codes or encoded)[0]
    told = [sum(_information(f, g) for g in codes if g is not f) / max(len(f.columns), 2) ** 0.5 for f in codes]
    return codes[int(np.argmax(told))]


def _information(a: Feature, b: Feature) -> float:
    """Mutual information in nats per row."""
    joint = np.asarray((a.matrix.T @ b.matrix).todense(), float)
    joint /= max(joint.sum(), 1)
    apart = joint.sum(1, keepdims=True) @ joint.sum(0, keepdims=True)
    return float((joint[joint > 0] * np.log(joint[joint > 0] / apart[joint > 0])).sum())


def _expected(f: Feature, exposure: pd.DataFrame | None) -> np.ndarray:
    """Share of rows that carry each value: of what was decided where that is known, else of all denials."""
    counts = np.asarray(f.matrix.sum(0), float).ravel() + 0.5
    if exposure is not None and f.name in exposure:
        own = encode(exposure, [f.name], {f.name: f.kind})[0]
        known = dict(zip(own.columns, np.asarray(own.matrix.sum(0)).ravel(), strict=True))
        counts = np.array([known.get(value, 0) for value in f.columns], float) + 0.5
        return counts / max(len(exposure), 1)
    return counts / max(f.matrix.shape[0], 1)


Offer = tuple[float, Cut | None, np.ndarray | None]  # gain, the new cut, which rows; no cut where there is no gain


def _refit(
    base: Feature,
    cutting: list[Feature],
    rates: list[np.ndarray],
    carving: Carving,
    clusters: int | None,
    told: np.ndarray | None,
    number: int,
) -> Refit:
    total = base.matrix.shape[0]
    chance = np.random.default_rng(carving.seed + number)
    rows = np.sort(chance.choice(total, int(total * carving.sample), replace=False))
    cuts = _carve(base, cutting, rates, rows, carving, clusters, told)
    return Refit(rows, cuts, _assign(cuts, base, cutting, np.arange(total)))


def _kept(
    found: list[Cut],
    labels: np.ndarray,
    refits: list[Refit],
    carving: Carving,
    known: list[tuple[np.ndarray, np.ndarray]],
) -> list[Cut]:
    """The cuts whose members most of the refits put together too; the number of clusters follows from that.

    What counts is the members, not the path: carving imaging out of imaging and therapy is the same as carving therapy.
    A cluster of an earlier run stays while a fair part of the refits still makes it, and a cut that would break one up
    must be made by nearly all: otherwise a month of data would move the border cases to and fro.
    """
    offered = [(cut, labels == k) for k, cut in enumerate(found)]
    offered += [(cut, refit.labels == k) for refit in refits for k, cut in enumerate(refit.cuts) if cut not in found]
    kept: dict[Cut, np.ndarray] = {cut: own for cut, own in offered[: len(found)] if len(cut.path) == 1}
    for cut, own in offered:
        if cut in kept or any(_jaccard(own, other) >= SAME for other in kept.values()):
            continue
        needed = carving.min_found_again
        if known:
            needed = carving.stays if any(_alike(own, old) for old in known) else carving.comes
        if np.mean([_best_overlap(own, refit.labels) >= SAME for refit in refits]) >= needed - 1e-9:
            kept[cut] = own
    return list(kept)


def _jaccard(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def _best_overlap(own: np.ndarray, other: np.ndarray) -> float:
    """Largest Jaccard overlap of a set of rows with one of the clusters numbered in `other`."""
    sizes = np.bincount(other + 1, minlength=1)
    shared = np.bincount(other[own] + 1, minlength=len(sizes))
    return float((shared / np.maximum(own.sum() + sizes - shared, 1))[1:].max(initial=0))


def _alike(own: np.ndarray, old: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether a cut covers an earlier cluster, among the denials that the earlier run saw."""
    inside, seen = old
    return (own & inside).sum() >= 0.8 * (inside | (own & seen)).sum()


def _known(table: pd.DataFrame, earlier: pd.DataFrame | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each earlier cluster: which rows are in it, and which rows the earlier run saw at all."""
    if earlier is None or not len(earlier):
        return []
    keys = _keys(table)
    before = keys.merge(earlier.drop_duplicates(list(keys)), on=list(keys), how="left", validate="m:1")["cluster_id"]
    seen = before.notna().to_numpy()
    return [((before == i).to_numpy(), seen) for i in sorted(before.dropna().unique()) if i != UNCLUSTERED]


def _carve(
    base: Feature,
    cutting: list[Feature],
    rates: list[np.ndarray],
    rows: np.ndarray,
    carving: Carving,
    clusters: int | None,
    told: np.ndarray | None = None,
) -> list[Cut]:
    """Best first: of all parts of all clusters, the one with the largest excess in likelihood is carved out next."""
    values = base.first[rows]
    leaves = {Cut(((base.name, base.columns[v]),)): rows[values == v] for v in np.unique(values)}
    enough = max(carving.min_rows * (len(rows) / max(base.matrix.shape[0], 1)), carving.min_share * len(rows))
    said = any(f.kind == "text" and f.columns for f in cutting)  # a text may tell what no code does
    # A cause is told by codes and needs few rows; a circumstance is told by counts and needs enough of them
    few = (
        max(FEW * (len(rows) / max(base.matrix.shape[0], 1)), FEW_SHARE * len(rows))
        if base.name == "reason"
        else enough
    )
    leaves = {cut: part for cut, part in leaves.items() if len(part) >= few and (said or cut.path[0][1] != MISSING)}
    if clusters is not None:
        leaves = _largest(leaves, rows, max(1, round(clusters * REASONS_SHARE)))
    removed: dict[Cut, tuple[tuple[str, str], ...]] = dict.fromkeys(leaves, ())
    offers = {cut: _best_part(cut, part, cutting, rates, carving, enough, (), told) for cut, part in leaves.items()}
    while clusters is None or len(leaves) < clusters:
        cut = max(offers, key=lambda c: (offers[c][0], c.path), default=None)
        if cut is None or offers[cut][0] <= 0:
            break
        _, new, inside = offers[cut]
        if new is None or inside is None:  # never with a gain
            break
        leaves[new], leaves[cut] = leaves[cut][inside], leaves[cut][~inside]
        removed[new], removed[cut] = removed[cut], (*removed[cut], new.path[-1])
        for changed in (new, cut):
            offers[changed] = _best_part(
                changed, leaves[changed], cutting, rates, carving, enough, removed[changed], told
            )
    return list(leaves)


def _largest(leaves: dict[Cut, np.ndarray], rows: np.ndarray, most: int) -> dict[Cut, np.ndarray]:
    """The largest reasons, and one cluster of all others where there are more than `most`."""
    if len(leaves) <= most:
        return leaves
    chosen = dict(sorted(leaves.items(), key=lambda item: (-len(item[1]), item[0].path))[: max(most - 1, 1)])
    return {**chosen, Cut(()): np.setdiff1d(rows, np.concatenate(list(chosen.values())))}


def _best_part(
    cut: Cut, part: np.ndarray, cutting: list[Feature], rates: list[np.ndarray], carving: Carving, enough: float,
    removed: tuple[tuple[str, str], ...], told: np.ndarray | None = None,
) -> Offer:  # fmt: skip
    """(gain in nats, the new cut, which rows) of the strongest excess within a cluster; gain 0 when there is none.

    `removed` are the values carved out before: what remains is compared with the usual mix of what remains.
    """
    best: Offer = (0.0, None, None)
    used = {name for name, _ in cut.path}
    for f, rate in zip(cutting, rates, strict=True):
        if f.name in used:
            continue
        counts = f.counts(part)
        gone = sum(rate[f.columns.index(value)] for name, value in removed if name == f.name and f.kind == "code")
        expected = rate / max(1 - gone, 1e-9) * len(part)
        lift = counts / np.maximum(expected, 1e-9)
        far = (counts - expected) / np.sqrt(np.maximum(expected * (1 - np.minimum(rate, 0.999)), 1e-9))
        good = (lift >= carving.min_lift) & (far >= carving.min_z) & (counts >= enough) & (counts <= len(part) - enough)
        good &= np.array([value != MISSING for value in f.columns], bool)  # what is not known is no circumstance
        gain = np.where(good, counts * np.log(np.maximum(lift, 1e-9)), 0.0)
        for j in np.argsort(-gain, kind="stable"):
            if gain[j] <= best[0]:
                break
            inside = f.has(f.columns[j])[part]
            if told is None or f.name not in SERVICE or _tells_apart(cut, told[part], inside, carving):
                best = (float(gain[j]), Cut((*cut.path, (f.name, f.columns[j]))), inside)
                break
    return best


def _told(table: pd.DataFrame) -> np.ndarray:
    """A number for each pair of reason code and remarks."""
    pairs = pd.DataFrame(
        {name: table[name].astype(object).fillna("").astype(str) for name in ("carc", "rarcs", "rarc") if name in table}
    )
    return pairs.groupby(list(pairs), sort=True).ngroup().to_numpy()


def _tells_apart(cut: Cut, told: np.ndarray, inside: np.ndarray, carving: Carving) -> bool:
    """Whether the payers use other codes for the part than for the rest; one code for all tells nothing either way, nor
    does a catch-all.

    A service that is denied more often for one cause, such as drugs for records, is no cause of its own.
    """
    one_code = np.bincount(told).max() >= ONE_CODE * len(told)
    if one_code or not cut.path or cut.path[0][1].split("/")[0] in CATCH_ALL:
        return True
    return bool(association(told, inside) >= carving.min_told)


def association(codes: np.ndarray, inside: np.ndarray) -> float:
    """Cramér's V of a code and a part of the rows, without what chance gives to few rows (Bergsma 2013).

    >>> inside = np.repeat([True, False], 50)
    >>> float(association(np.repeat([0, 1], 50), inside)), float(association(np.tile([0, 1], 50), inside))
    (1.0, 0.0)
    """
    _, codes = np.unique(codes, return_inverse=True)
    seen = np.array([np.bincount(codes[part], minlength=codes.max() + 1) for part in (inside, ~inside)], float)
    total = seen.sum()
    expected = seen.sum(1, keepdims=True) @ seen.sum(0, keepdims=True) / total
    kinds = len(seen[0])
    if kinds < 2 or total < 2 or not expected.all():
        return 0.0
    beyond = max(((seen - expected) ** 2 / expected).sum() - (kinds - 1) * total / (total - 1), 0.0)
    fewer = min(kinds - (kinds - 1) ** 2 / (total - 1), 2 - 1 / (total - 1)) - 1
    return float(min((beyond / total / max(fewer, 1e-9)) ** 0.5, 1.0))


def _assign(cuts: list[Cut], base: Feature, cutting: list[Feature], rows: np.ndarray) -> np.ndarray:
    """Number of the cut that each row falls under, the longest path first; -1 where none does."""
    by_name = {f.name: f for f in (base, *cutting)}
    labels = np.full(len(rows), -1)
    for k in sorted(range(len(cuts)), key=lambda i: (len(cuts[i].path), -i)):
        inside = np.ones(len(rows), bool)
        for name, value in cuts[k].path:
            inside &= by_name[name].has(value)[rows]
        labels[inside] = k
    return labels


def _stability(inside: np.ndarray, refits: list[Refit]) -> float:
    """Mean over the refits of the best Jaccard overlap with one of their clusters (Hennig 2007)."""
    best = [_best_overlap(inside[refit.rows], refit.labels[refit.rows]) for refit in refits]
    return float(np.mean(best)) if best else float("nan")


def _identify(labels: np.ndarray, cuts: list[Cut], table: pd.DataFrame, earlier: pd.DataFrame | None) -> list[str]:
    """Ids: those of the earlier clusters that share most members, else new numbers, the largest cluster first."""
    sizes = np.bincount(labels[labels >= 0], minlength=len(cuts))
    order = sorted(range(len(cuts)), key=lambda k: (-sizes[k], cuts[k].path))
    ids, taken, last = [""] * len(cuts), set(), 0
    if earlier is not None and len(earlier):
        last = max([int(i[1:]) for i in earlier["cluster_id"].unique() if i != UNCLUSTERED], default=0)
        for old, k in _matches(labels, table, earlier, sizes):
            if not ids[k] and old not in taken:
                ids[k] = old
                taken.add(old)
    for k in order:
        if not ids[k]:
            last += 1
            ids[k] = f"C{last:02d}"
    return ids


def _matches(
    labels: np.ndarray, table: pd.DataFrame, earlier: pd.DataFrame, sizes: np.ndarray
) -> list[tuple[str, int]]:
    """Pairs of old id and new number that share members, most in common first."""
    keys = _keys(table)
    now = keys.assign(k=labels)[labels >= 0].drop_duplicates(list(keys))
    old = earlier[earlier["cluster_id"] != UNCLUSTERED].drop_duplicates(list(keys))
    both = now.merge(old, on=list(keys)).groupby(["cluster_id", "k"]).size()
    before = old.groupby("cluster_id").size()
    shared = [(n, name, k) for (name, k), n in both.items() if n >= MIN_SHARED * min(before[name], sizes[k])]
    return [(name, k) for _, name, k in sorted(shared, key=lambda x: (-x[0], x[1], x[2]))]


def _keys(table: pd.DataFrame) -> pd.DataFrame:
    claim = table["claim_number"] if "claim_number" in table else pd.Series(table.index.astype(str), table.index)
    line = table["line_number"] if "line_number" in table else pd.Series(0, table.index)
    return pd.DataFrame({"claim_number": claim, "line_number": line})


def _members(table: pd.DataFrame, labels: np.ndarray, ids: list[str], encoded: list[Feature]) -> pd.DataFrame:
    """One row per denial: its cluster, and how much likelier its features are in it than in any other (0-1)."""
    names = np.array([*ids, UNCLUSTERED], dtype=object)
    return _keys(table).assign(cluster_id=names[labels], strength=_strength(labels, encoded, len(ids)))


def _strength(labels: np.ndarray, encoded: list[Feature], clusters: int) -> np.ndarray:
    """Share of the likelihood of a row's features that its own cluster has, each feature on its own (naive Bayes)."""
    from scipy.sparse import csr_matrix

    if not clusters:
        return np.full(len(labels), np.nan)
    inside = np.flatnonzero(labels >= 0)
    member = csr_matrix((np.ones(len(inside), np.float32), (labels[inside], inside)), shape=(clusters, len(labels)))
    sizes = np.asarray(member.sum(1)).ravel()
    score = np.tile(np.log(sizes + 1).astype(np.float32), (len(labels), 1))
    for f in encoded:
        share = (np.asarray((member @ f.matrix).todense()) + 0.5) / (sizes[:, None] + 0.5 * len(f.columns))
        score += f.matrix @ np.log(share).T.astype(np.float32)
    score -= score.max(1, keepdims=True)
    likely = np.exp(score)
    own = likely[np.arange(len(labels)), np.maximum(labels, 0)] / likely.sum(1)
    return np.where(labels >= 0, np.round(own, 4), np.nan)


def _with_status(
    described: pd.DataFrame, table: pd.DataFrame, labels: np.ndarray, earlier: pd.DataFrame | None, ids: list[str],
    decided: pd.Series | None,
) -> pd.DataFrame:  # fmt: skip
    """Adds the course; and a row without denials for each earlier id whose denials are not among these any more.

    Where nothing tells how much was decided, new is also a cluster that no earlier one became, with most denials later
    than the earlier run: a mere split is not new.
    """
    before = set() if earlier is None else set(earlier["cluster_id"]) - {UNCLUSTERED}
    told = _courses(table, labels, ids, decided)
    described["status"] = described["cluster_id"].map(lambda i: told.get(i, ("steady", ""))[0])
    rising = described["status"].isin(("new", "growing"))
    described.loc[rising, "label"] += described.loc[rising, "cluster_id"].map(
        lambda i: f" since {pd.Period(told[i][1]).strftime('%B %Y')}"
    )
    if earlier is None:
        return described.sort_values(["denied_amount", "cluster_id"], ascending=[False, True], ignore_index=True)
    known = pd.MultiIndex.from_frame(_keys(table))
    was = pd.MultiIndex.from_frame(earlier[list(_keys(table))])
    if decided is None:
        fresh = ~known.isin(was)
        mostly = {i for k, i in enumerate(ids) if i not in before and fresh[labels == k].mean() > 0.5}
        described.loc[described["cluster_id"].isin(mostly), "status"] = "new"
    left = pd.Series(was.isin(known)).groupby(earlier["cluster_id"].to_numpy()).mean()
    gone = sorted(i for i in before - set(ids) if left.get(i, 0.0) < 0.5)
    if gone:
        rows = pd.DataFrame({"cluster_id": gone, "label": "gone since the earlier run", "denials": 0, "denied_amount": 0.0,
                             "share": 0.0, "trend": "{}", "features": "[]", "status": "gone"})  # fmt: skip
        described = pd.concat([described, rows], ignore_index=True)
    return described.sort_values(["denied_amount", "cluster_id"], ascending=[False, True], ignore_index=True)


def _courses(
    table: pd.DataFrame, labels: np.ndarray, ids: list[str], decided: pd.Series | None
) -> dict[str, tuple[str, str]]:
    """Course and begin of each cluster by its id, told from chance by `trends.courses`."""
    if "month" not in table or not len(table):
        return {}
    claims = _keys(table)["claim_number"].astype(str)
    names = np.array([*ids, UNCLUSTERED], dtype=object)[labels]
    cases = pd.DataFrame({"period": table["month"].astype(str), "group": names, "claim": claims,
                          "patient": table["patient"].fillna(claims) if "patient" in table else claims})  # fmt: skip
    first = (
        table["at_first_decision"].eq(True).to_numpy() if "at_first_decision" in table else np.ones(len(table), bool)
    )
    cases = cases[first & (labels >= 0)].drop_duplicates(["claim", "group"])
    if decided is None:
        months = pd.period_range(table["month"].min(), table["month"].max(), freq="M").astype(str)
        decided = pd.Series(float(len(cases)) + 1, index=months)
    found = courses.courses(cases[cases["period"].isin(decided.index)], decided)
    return {row.group: (row.course, row.since) for row in found.itertuples()}


def of_practice(
    view: View, *, months: int | None = None, clusters: int | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Denials, clusters and members of a practice, from a connection on which `claims.derive` has run.

    Ids are those of the clusters at the end of last year, so that the reports of a year agree on them. Needs six months of last year, else the clusters are numbered anew.
    """

    def make() -> Content:
        return Content(dict(zip(NAMES, _of_practice(view, months, clusters), strict=True)))

    frames = kept.learned(view, "clusters", make, asked={"months": months, "clusters": clusters}).frames
    denials, found, members = (frames[name] for name in NAMES)
    return denials, found, members


def _of_practice(
    view: View, months: int | None, clusters: int | None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    denials = denial_features(view)
    denials = denials if months is None else last_months(denials, as_of=view.as_of, months=months)
    features, exposure, earlier = (
        [*FEATURES, *(name for name in TEXTS if name in denials)],
        decided_services(view),
        None,
    )
    decided = decided_by_month(view)
    decided = decided if months is None else decided.iloc[-months:]
    settled, before = denials[denials["month"] < f"{view.as_of.year}-01"], None
    if clusters is None and settled["month"].nunique() >= SETTLED_MONTHS:
        before = _clustered(settled, features=features, kinds=TEXTS, exposure=exposure)
        earlier = before and before.members
    found, members = find_clusters(
        denials, features=features, kinds=TEXTS, exposure=exposure, clusters=clusters, earlier=earlier, decided=decided
    )
    lost = found["denials"].eq(0)
    if before is not None and lost.any():
        labels = _described(before).set_index("cluster_id")["label"]
        found.loc[lost, "label"] = found.loc[lost, "cluster_id"].map(labels)
    return denials.drop(columns="patient"), found, members


def explore(found: pd.DataFrame, cluster_id: str) -> pd.DataFrame:
    """The conditions of one of the clusters found, strongest first. Raises KeyError for an id that there is not.

    feature     value               denials  share  expected  lift
    family      ambulance           958      1.00   0.20      5.0
    """
    if cluster_id not in set(found["cluster_id"]):
        raise KeyError(f"no cluster {cluster_id}; there are {', '.join(found['cluster_id'])}")
    columns = ["feature", "value", "denials", "share", "expected", "lift"]
    return pd.DataFrame(json.loads(found.set_index("cluster_id").loc[cluster_id, "features"]), columns=columns)


def by_carc(denials: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """What a plain group-by of CARC would have shown: for each code the clusters that share it, and the largest's share."""
    table = denials.reset_index(drop=True).assign(cluster_id=members["cluster_id"].to_numpy())
    counts = table.groupby(["carc", "cluster_id"]).size()
    total = counts.groupby("carc").sum()
    rows = pd.DataFrame(
        {
            "denials": total,
            "clusters": counts.groupby("carc").size(),
            "largest_share": counts.groupby("carc").max() / total,
        }
    )
    return rows.sort_values("denials", ascending=False).reset_index()
