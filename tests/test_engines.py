"""Which engine counts, told by argument, variable or settings file."""

from __future__ import annotations

import pytest

from rcm_analysis.errors import RcmError
from rcm_analysis.store import engine


def test_the_nearest_name_of_an_engine_counts(tmp_path, monkeypatch):
    assert engine.named(tmp_path) == "duckdb"
    (tmp_path / "engine.toml").write_text('engine = "spark://host:7077"\n')
    assert engine.named(tmp_path) == "spark://host:7077"
    monkeypatch.setenv("RCM_ENGINE", "local[2]")
    assert engine.named(tmp_path) == "local[2]"
    assert engine.named(tmp_path, "duckdb") == "duckdb"


@pytest.mark.parametrize("text", ["engine = [", 'engine = "postgres"\n'])
def test_what_names_no_engine_is_a_clear_error(tmp_path, text):
    (tmp_path / "engine.toml").write_text(text)
    with pytest.raises(RcmError, match="engine"):
        engine.named(tmp_path)
