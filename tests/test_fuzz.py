"""The fuzzer of bench runs, and finds nothing in a few mutants; 20,000 and more are run by hand."""

from __future__ import annotations

import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "bench"))
import fuzz


@pytest.mark.slow
def test_a_few_mutants_break_no_rule(tmp_path):
    pool = fuzz.seeds(tmp_path / "demo", None)
    assert len(pool) > 20
    assert fuzz.faults([fuzz.mutant(number, 7, pool) for number in range(64)], tmp_path) == []
