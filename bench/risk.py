"""Seconds and memory to learn from and to score a million denials, on a synthetic table of the features of the day.

python bench/risk.py [--rows 1000000]
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd

from rcm_analysis.risk import features
from rcm_analysis.risk.worklist import OutcomeModel

LEVELS = {"payer_name": 40, "payer_class": 6, "payer_order": 3, "location": 25, "rendering_npi": 400, "place_of_service": 8, "category": 16,
          "group_code": 4, "carc": 120, "rarc": 200, "procedure": 900, "procedure_family": 90}  # fmt: skip


def denials(rows: int, seed: int = 1) -> pd.DataFrame:
    """Denials over three years; the chance hangs on payer, reason and dollars, and a tenth is still open."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: pd.Categorical.from_codes((levels * rng.random(rows) ** 2).astype(int), [f"{name}{i}" for i in range(levels)]).astype(object)
                          for name, levels in LEVELS.items()})  # fmt: skip
    for name in features.NUMBERS:
        table[name] = rng.lognormal(3, 1, rows)
    table["codes"] = list(zip(table["carc"], table["rarc"], strict=True))
    table["claim_number"] = np.arange(rows)
    table["known_on"] = pd.Timestamp("2023-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 1095, rows)), "D")
    odds = (
        np.sin(table["payer_name"].map(hash_of))
        + np.sin(table["carc"].map(hash_of))
        + 0.3 * (np.log(table["refused_usd"]) - 3)
    )
    lost = rng.random(rows) < 1 / (1 + np.exp(-odds))
    table["settled_on"] = table["known_on"] + pd.to_timedelta(
        np.where(lost, rng.integers(60, 200, rows), rng.integers(10, 120, rows)), "D"
    )
    is_open = table["settled_on"] > "2026-01-01"
    table["lost"] = np.where(is_open, np.nan, lost.astype(float))
    return table.assign(settled_on=table["settled_on"].mask(is_open))


def hash_of(name: str) -> int:
    return sum(ord(letter) * (i + 7) for i, letter in enumerate(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    table = denials(parser.parse_args().rows)
    begun = time.perf_counter()
    model = OutcomeModel(
        features=features.ALL,
        horizon_days=None,
        group="claim_number",
        rate_keys=("payer_name", "category"),
    )
    model = model.fit(table, index_date="known_on", outcome="lost", outcome_date="settled_on", as_of="2026-01-01")
    learned = time.perf_counter()
    model.predict(table)
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{len(table):,} denials: learned in {learned - begun:.0f} s, scored in {done - learned:.0f} s, {peak:.1f} GB at most; {model.chosen}"
    )


if __name__ == "__main__":
    main()
