"""The fuzzer and the counter of bench run, and find nothing in a few files; thousands are run by hand."""

from __future__ import annotations

import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "bench"))
import counted
import fuzz


@pytest.mark.slow
def test_a_few_mutants_break_no_rule(tmp_path):
    pool = fuzz.seeds(tmp_path / "demo", None)
    assert len(pool) > 20
    assert fuzz.faults([fuzz.mutant(number, 7, pool) for number in range(64)], tmp_path) == []


@pytest.mark.slow
def test_a_few_random_files_hold_what_a_counter_counts(tmp_path):
    assert counted.differences(48, 3, tmp_path) == []
