"""What pages say: one heading for a column, and what a table shows by the names of its columns."""

from __future__ import annotations

import ast

import pandas as pd
import pytest
from conftest import AS_OF, ROOT

import rcm_analysis as rcm
from rcm_analysis import settings
from rcm_analysis.compare import equal_mix
from rcm_analysis.pages import blocks, glossary, portfolio, providers, write_off_risk
from rcm_analysis.pages.blocks import Table
from rcm_analysis.pages.columns import COLUMNS, Column, named
from rcm_analysis.words import FORMATS

PAYERS = pd.DataFrame({"payer_name": ["UNISON", "ATLAS"], "denied": [81, 7], "denied_amount": [40102.0, 350.5]})


def test_names_say_which_columns_a_table_shows():
    table = Table(PAYERS, "denied_by_payer", columns="payer_name denied_amount")
    assert table.columns == {"payer_name": COLUMNS["payer_name"], "denied_amount": COLUMNS["denied_amount"]}
    assert "<caption>Denied by payer</caption>" in table.html() and "81" not in table.html()


def test_without_names_a_table_shows_all_of_its_columns():
    assert list(Table(PAYERS, "payers").columns) == list(PAYERS)


def test_a_page_may_call_a_column_otherwise():
    shown = named("denied_amount lower", denied_amount="USD", lower=Column("from", "points"))
    assert shown == {"denied_amount": Column("USD", "usd0", "billed amount denied"), "lower": Column("from", "points")}


def test_a_column_without_a_heading_is_named():
    with pytest.raises(KeyError, match="no column denide is known"):
        named("payer_name denide")
    with pytest.raises(KeyError, match="heading for denied, which is not among the columns"):
        named("payer_name", denied="USD")


def test_every_column_has_a_heading_and_a_unit():
    assert all(column.label and column.unit in FORMATS for column in COLUMNS.values())
    assert list(COLUMNS) == sorted(COLUMNS)


def test_the_registry_holds_what_pages_show_and_no_more():
    modules = [path for path in (ROOT / "rcm_analysis/pages").glob("*.py") if path.stem != "columns"]
    nodes = [node for path in modules for node in ast.walk(ast.parse(path.read_text()))]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert not set(COLUMNS) - {name for text in texts for name in text.split()}


def test_the_page_on_practices_knows_the_verdicts():
    assert (portfolio.ABOVE, portfolio.ALONE) == (equal_mix.ABOVE, equal_mix.ALONE)
    assert set(portfolio.VERDICTS) == {equal_mix.ABOVE, equal_mix.BELOW}


@pytest.mark.parametrize("model, scores, said", [
    ("", {}, "Too few denials are closed for a score (1,204 known, at least 200 and 30"),
    ("table of rates", {}, "There are no later months to check the score on"),
    ("table of rates", {"auroc": 0.75, "calibration_error": 0.02, "brier_skill": 0.1}, "The score ranked later claims well: the table of rates put the claim written off first in 75.0% of pairs."),
])  # fmt: skip
def test_how_far_to_trust_the_chances(model, scores, said):
    table = pd.DataFrame({"metric": list(scores), "value": list(scores.values())})
    assert said in write_off_risk.trust(table, model=model, known=1204).sentence


# --- providers -------------------------------------------------------------------------------------------------------


@pytest.fixture
def named_provider(monkeypatch):
    monkeypatch.setattr(providers, "_NAMES", {"1033003502": "Ann <Moss>"})


def test_a_provider_is_named_beside_the_number_on_pages_only(named_provider):
    table = Table(
        pd.DataFrame({"rendering_npi": ["1033003502", "1881703456"], "claims": [2, 3]}), "x", "Providers of 1033003502"
    )
    bundle = table._repr_mimebundle_()
    assert "Ann &lt;Moss&gt; (1033003502)" in bundle["text/html"] and ">1881703456<" in bundle["text/html"]
    assert "Moss" not in bundle[blocks.TABLE_MIME]["csv"] and "1033003502" in bundle[blocks.TABLE_MIME]["csv"]
    found = blocks.Finding("30% of the loss sits with provider 1033003502.")._repr_mimebundle_()
    assert found[blocks.FINDING_MIME]["sentence"] == "30% of the loss sits with provider Ann <Moss> (1033003502)."


@pytest.mark.parametrize(
    "markup", ['<a href="1033003502">x</a>', "<svg><text>1033003502</text></svg>", "<td>10330035021</td>"]
)
def test_names_stand_in_no_address_and_no_drawing(named_provider, markup):
    assert providers.beside(markup) == markup


def test_nobody_is_named_in_the_deidentified_variant(monkeypatch, demo_store):
    monkeypatch.setattr(providers, "_NAMES", {})
    rcm.open_practice(demo_store, "riverbend", as_of=AS_OF)
    assert len(providers._NAMES) > 3
    monkeypatch.setenv(settings.DEIDENTIFIED.name, "1")
    rcm.open_practice(demo_store, "riverbend", as_of=AS_OF)
    assert providers._NAMES == {}


@pytest.mark.parametrize("markup", [
    "<h2>Expected cash</h2>", "<table><td>Expected cash</td></table>", '<p class="finding">Expected cash</p>', "<p><a>Expected cash</a></p>",
    "<p>unexpected cash, CARCs</p>", "<figure><svg><text>Expected cash</text></svg></figure>", "<div>Expected cash</div>",
    "<details><summary>Expected cash</summary></details>"])  # fmt: skip
def test_terms_are_linked_in_running_text_only(markup):
    assert glossary.linked(markup) == markup


def test_a_term_is_linked_once_on_a_page():
    made = glossary.linked(
        '<dl><dt>Open denials</dt></dl><p class="note">Open denials and <b>write-off</b> of expected cash</p><p>Expected cash</p>'
    )
    assert [made.count(f"#{place}") for place in ("open-denials", "write-off", "expected-cash")] == [1, 1, 1]
    assert made.count("<p>Expected cash</p>") == 1
