"""Plain words for a cluster of denials: its label, its conditions with their lift, and its figures."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from rcm_analysis import stats
from rcm_analysis.clusters.features import MISSING, Feature
from rcm_analysis.reference import codes

Steps = tuple[tuple[str, str], ...]  # (feature, value) pairs, each a cut within the one before

WORDS = {"authorization": "Prior authorization missing", "eligibility": "Coverage not active", "coordination_of_benefits": "Another payer is responsible",
         "claim_data": "Missing or wrong information", "credentialing": "Provider not enrolled", "coding": "Coding error", "bundling": "Bundled services",
         "medical_necessity": "Medical necessity", "documentation": "Records requested or missing", "timely_filing": "Filed too late",
         "duplicate": "Duplicate claim", "non_covered": "Service not covered", "benefit_maximum": "Over the benefit limit",
         "network": "Network or referral", "ambulance": "Ambulance rule", "none": "No reason code", "liability": "Work injury or accident insurance"}  # fmt: skip
BROAD = ("coordination_of_benefits", "documentation", "medical_necessity", "bundling", "coding", "duplicate", "non_covered", "contract",
         "claim_data", "ambulance", "benefit_maximum", "other", "eligibility", "none")  # fmt: skip
LEAF_WORDS: dict[str, str] = {"coding_modifier": "Coding or modifier error"}
SHOWN_FEATURES = {"family": "", "procedure": "procedure ", "payer_name": "", "rendering_npi": "provider ", "location": "",
                  "modifiers": "modifier ", "place_of_service": "place of service ", "diagnosis_chapters": "diagnosis chapter ",
                  "reason_text": "the text says "}  # fmt: skip
COLUMNS = ("cluster_id", "label", "denials", "denied_amount", "share", "trend", "owner", "fix", "features",
           "preventable_share", "preventable_amount", "expected_cash", "preventable_cash", "recovered_share", "examples")  # fmt: skip
TOLD = ("claim_number", "month", "owner", "fix", "preventable", "recovered", "expected_cash")  # beside the features
SERVICE = ("family", "procedure")
PERSON, PERSON_SHARE = "rendering_npi", 0.5
NAMED = ("procedure", "payer_name", "rendering_npi", "location")
MIN_OTHERS = 20  # fewer comparable denials say nothing of what is usual
MIN_SHARE, MIN_LIFT = 0.25, 1.5  # a condition in the label holds for this share of the cluster, this much above usual
BY_CHANCE = 0.01  # that any value holds so much of a cluster where all are alike, at most, to be in the label
MAX_NAMED, MAX_CONDITIONS = 2, 12


def describe(
    table: pd.DataFrame,
    labels: np.ndarray,
    cuts: list,
    ids: list[str],
    encoded: list[Feature],
    *,
    amount: str,
    rates: dict[str, np.ndarray] | None = None,
) -> pd.DataFrame:
    """One row per cluster, in the order of `cuts`, and one for what is unclustered; `rates` are the shares of a feature's
    values among all that was decided, where they are known."""
    known = rates or {}
    overall = [known[f.name] if f.name in known else np.asarray(f.matrix.mean(0), float).ravel() for f in encoded]
    money = table[amount].astype(float).to_numpy() if amount in table else np.zeros(len(table))
    months, whose = _months(table), _whose(table)
    told = table[[name for name in TOLD if name in table]]  # a part of few columns is cut out sooner
    rows = [_row(told, labels == k, cut.path, ids[k], encoded, _usual(labels == k, cut.path, encoded, overall), money, months, whose)
            for k, cut in enumerate(cuts)]  # fmt: skip
    if (labels < 0).any():
        rest = _row(told, labels < 0, (), "unclustered", encoded, overall, money, months, whose)
        rows.append({**rest, "label": "Not in any cluster", "owner": None, "fix": None})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _usual(inside: np.ndarray, path: Steps, encoded: list[Feature], overall: list[np.ndarray]) -> list[np.ndarray]:
    """Share of each value among denials of the same circumstances, whatever their reason, for what names the cluster.

    An ambulance cluster is not told by the ambulance payer or crew, since they have all ambulance denials.
    """
    by_name = {f.name: f for f in encoded}
    alike = np.ones(len(inside), bool)
    for name, value in path[1:]:
        alike &= by_name[name].has(value)
    if len(path) < 2 or (alike & ~inside).sum() < MIN_OTHERS:
        return overall
    rows = np.flatnonzero(alike)
    return [np.asarray(f.matrix[rows].mean(0), float).ravel() if f.name in NAMED else rate
            for f, rate in zip(encoded, overall, strict=True)]  # fmt: skip


def _months(table: pd.DataFrame) -> list[str]:
    return (
        [str(m) for m in pd.period_range(table["month"].min(), table["month"].max(), freq="M")]
        if "month" in table and len(table)
        else []
    )


def _row(
    table: pd.DataFrame, inside: np.ndarray, path: Steps, name: str, encoded: list[Feature], usual: list[np.ndarray],
    money: np.ndarray, months: list[str], whose: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    part, dollars = table[inside], money[inside]
    cash = part["expected_cash"].fillna(0).to_numpy(float) if "expected_cash" in part else np.zeros(len(part))
    conditions = _conditions(inside, encoded, usual)
    _explain_persons(inside, conditions, encoded)
    _doubt(inside, conditions, encoded, whose[inside])
    trend = part["month"].value_counts().reindex(months, fill_value=0) if months else pd.Series(dtype=int)
    prevent = part["preventable"].eq("yes").to_numpy() if "preventable" in part else np.zeros(len(part), bool)
    claims = part["claim_number"] if "claim_number" in part else pd.Series(part.index.astype(str), part.index)
    recovered = part.groupby(claims)["recovered"].max().astype(float).mean() if "recovered" in part else np.nan
    examples = list(dict.fromkeys(claims.iloc[np.argsort(-dollars, kind="stable")]))[:5]
    return {
        "cluster_id": name, "label": label(path, conditions), "denials": len(part), "denied_amount": round(float(dollars.sum()), 2),
        "share": len(part) / max(len(table), 1), "trend": json.dumps({m: int(n) for m, n in trend.items()}),
        "owner": _commonest(part, "owner"), "fix": _commonest(part, "fix"), "features": json.dumps(conditions),
        "preventable_share": float(prevent.mean()) if len(part) and "preventable" in part else np.nan,
        "preventable_amount": round(float(dollars[prevent].sum()), 2), "expected_cash": round(float(cash.sum()), 2),
        "preventable_cash": round(float(cash[prevent].sum()), 2), "recovered_share": recovered, "examples": " ".join(map(str, examples)),
    }  # fmt: skip


def _conditions(inside: np.ndarray, encoded: list[Feature], usual: list[np.ndarray]) -> list[dict[str, Any]]:
    """Values that a tenth of the cluster has, and more often than all denials have, by what they tell (share x log lift)."""
    found: list[dict[str, Any]] = []
    rows = np.flatnonzero(inside)
    for f, rate in zip(encoded, usual, strict=True):
        counts = f.counts(rows)
        share = counts / max(len(rows), 1)
        lift = share / np.maximum(rate, 1e-9)
        for j in np.flatnonzero((share >= 0.1) & (lift >= 1.2)):
            found.append({"feature": f.name, "value": f.columns[j], "denials": int(counts[j]), "share": round(float(share[j]), 4),
                          "expected": round(float(rate[j]), 4), "lift": round(float(lift[j]), 2)})  # fmt: skip
    found.sort(key=lambda c: (-c["share"] * np.log(c["lift"]), c["feature"], c["value"]))
    named = [c for c in found if c["feature"] in NAMED]
    return found[:MAX_CONDITIONS] + [c for c in named if c not in found[:MAX_CONDITIONS]][:4]


def _explain_persons(inside: np.ndarray, conditions: list[dict[str, Any]], encoded: list[Feature]) -> None:
    """Marks a provider as explained whom the place and service of the cluster lead to expect as often among all denials."""
    by_name = {f.name: f for f in encoded}

    def has(c: dict[str, Any]) -> np.ndarray:
        return by_name[c["feature"]].has(c["value"])

    around = [c for c in conditions if c["feature"] in ("location", "family") and c["share"] >= PERSON_SHARE]
    alike = np.logical_and.reduce([np.ones(len(inside), bool), *(has(c) for c in around)])
    for c in conditions:
        if c["feature"] == PERSON and (alike & ~inside).sum() >= MIN_OTHERS:
            usual = has(c)[alike & ~inside].mean()
            c["explained"] = bool(c["share"] < MIN_LIFT * max(usual, 1e-9))


def _whose(table: pd.DataFrame) -> np.ndarray:
    """The patient of each denial, else the claim: what is denied together and so says one thing once."""
    known = [table[name].astype(object) for name in ("patient", "claim_number") if name in table]
    whose = known[0] if known else pd.Series(table.index, table.index)
    for other in known[1:]:
        whose = whose.fillna(other)
    return pd.factorize(whose.astype(str))[0]


def _doubt(inside: np.ndarray, conditions: list[dict[str, Any]], encoded: list[Feature], whose: np.ndarray) -> None:
    """Marks what chance alone puts into so much of a cluster, of all values that could be named and by patients."""
    by_name = {f.name: f for f in encoded}
    rows = np.flatnonzero(inside)
    for c in conditions:
        if c["feature"] in (*NAMED, "family") and _is_strong(c):
            f = by_name[c["feature"]]
            tried = len(f.columns) * len(NAMED)  # each feature has its part of the level
            there = f.has(c["value"])[rows]
            c["by_chance"] = bool(tried * stats.chance_of_so_many(there, whose, c["expected"]) > BY_CHANCE)


def label(path: tuple[tuple[str, str], ...], conditions: list[dict[str, Any]]) -> str:
    """Cause · circumstance carved out · what else distinguishes it.

    >>> label((("reason", "authorization"), ("family", "imaging")), [])
    'Prior authorization missing · imaging'
    """
    words = [_words(name, value) for name, value in path] or ["Everything else"]
    words += [_words(c["feature"], c["value"]) for c in _named_conditions(conditions, {name for name, _ in path})]
    return " · ".join(dict.fromkeys(words))


def _named_conditions(conditions: list[dict[str, Any]], cut: set[str]) -> list[dict[str, Any]]:
    """The strongest that hold for a fair share: a service once, by family or by code, and no person unless the person
    is what distinguishes the cluster."""
    named: list[dict[str, Any]] = []
    for c in conditions:
        service = c["feature"] in SERVICE and (cut | {one["feature"] for one in named}) & set(SERVICE)
        if (
            c["feature"] in (*NAMED, "family")
            and not service
            and not c.get("explained")
            and not c.get("by_chance")
            and _is_strong(c)
        ):
            named.append(c)
    return named[:MAX_NAMED]


def _is_strong(c: dict[str, Any]) -> bool:
    return bool(c["value"] != MISSING and c["share"] >= MIN_SHARE and c["lift"] >= MIN_LIFT)


def _words(feature: str, value: str) -> str:
    if feature in ("reason", "category"):
        return _cause(value)
    return f"{SHOWN_FEATURES.get(feature, feature.replace('_', ' ') + ' ')}{value}"


def _first_large(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cause(value: str) -> str:
    """A cause in words: the field or category, and what would be written off for it where that says more.

    >>> _cause("referring provider/claim_data"), _cause("coordination_of_benefits/hospice")
    ('Referring provider missing or wrong', 'Hospice')
    """
    head, _, leaf = value.partition("/")
    if leaf and leaf != head and head in BROAD:
        return LEAF_WORDS.get(leaf) or _first_large(_leaves().get(leaf, leaf.replace("_", " ")))
    if head in WORDS:
        return WORDS[head]
    return _first_large(_named().get(head, head.replace("_", " ")))


@cache
def _leaves() -> dict[str, str]:
    rows = codes.table("write_off_leaves")
    return dict(zip(rows["leaf"], rows["label"], strict=True))


@cache
def _named() -> dict[str, str]:
    rows = codes.table("named_fields")
    return dict(zip(rows["field"], rows["label"], strict=True))


def _commonest(part: pd.DataFrame, column: str) -> str | None:
    if column not in part or not part[column].notna().any():
        return None
    return str(part[column].dropna().mode().iat[0])


def months(clusters: pd.DataFrame) -> pd.DataFrame:
    """Denials by month (rows) and cluster (columns), in the order of the clusters."""
    wide = {row.cluster_id: pd.Series(json.loads(row.trend), dtype=float) for row in clusters.itertuples()}
    return pd.DataFrame(wide).fillna(0).sort_index()


def positions(clusters: pd.DataFrame) -> pd.DataFrame:
    """Adds x and y: the plane in which clusters with like conditions lie near (singular vectors of their profiles)."""
    profiles = [{(c["feature"], c["value"]): c["share"] for c in json.loads(text)} for text in clusters["features"]]
    wide = pd.DataFrame(profiles).fillna(0.0).to_numpy(float)
    if min(wide.shape) < 2:
        return clusters.assign(x=0.0, y=0.0)
    left, sizes, _ = np.linalg.svd(wide - wide.mean(0), full_matrices=False)
    sign = np.sign(left[np.abs(left).argmax(0), np.arange(left.shape[1])])
    place = (left * sign * sizes)[:, :2]
    return clusters.assign(x=place[:, 0], y=place[:, 1])


def profile(clusters: pd.DataFrame, *, most: int = 4) -> pd.DataFrame:
    """The strongest conditions of each cluster, one row each: cluster_id, feature, value, denials, share, expected, lift."""
    rows = [
        {"cluster_id": row.cluster_id, **c} for row in clusters.itertuples() for c in json.loads(row.features)[:most]
    ]
    return pd.DataFrame(rows, columns=["cluster_id", "feature", "value", "denials", "share", "expected", "lift"])
