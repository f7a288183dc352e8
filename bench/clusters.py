"""Seconds and memory to cluster denied lines: python bench/clusters.py [--rows 1000000]"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd

from rcm_analysis.clusters import grouping

CARC = ["16", "97", "50", "197", "29", "22", "27", "18", "96", "B7", "252", "204"]
PROCEDURES = [
    "99213",
    "99214",
    "70551",
    "97110",
    "97140",
    "80061",
    "36415",
    "A0429",
    "J1745",
    "20610",
    "93000",
    "96372",
]


def denied_lines(rows: int) -> pd.DataFrame:
    """Synthetic denials: a procedure mix of its own for each code, everything else at random."""
    chance = np.random.default_rng(1)
    reason = chance.integers(len(CARC), size=rows)
    own = chance.random(rows) < 0.4
    service = np.where(own, reason, chance.integers(len(PROCEDURES), size=rows))
    months = pd.period_range("2024-01", periods=36, freq="M").astype(str).to_numpy()
    return pd.DataFrame({
        "claim_number": np.char.add("A", np.arange(rows).astype(str)), "line_number": 1,
        "carc": np.array(CARC, object)[reason], "rarcs": chance.choice(np.array(["N706", "N30", "M76", ""], object), rows),
        "procedure": np.array(PROCEDURES, object)[service], "payer_name": chance.choice(np.array([f"PAYER {i}" for i in range(20)], object), rows),
        "rendering_npi": chance.choice(np.array([f"1{i:09d}" for i in range(300)], object), rows),
        "location": chance.choice(np.array([f"SITE {i}" for i in range(20)], object), rows),
        "age": chance.integers(0, 90, rows).astype(float), "denied_amount": chance.gamma(2, 150, rows).round(2),
        "month": chance.choice(months, rows),
    })  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    table = denied_lines(parser.parse_args().rows)
    begun = time.perf_counter()
    features = ["carc", "rarcs", "procedure", "payer_name", "rendering_npi", "location", "age", "denied_amount"]
    found, _ = grouping.find_clusters(table, features=features)
    took, peak = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{len(table):,} denied lines in {len(found)} clusters: {took:.0f} s, peak {peak:.1f} GB")


if __name__ == "__main__":
    main()
