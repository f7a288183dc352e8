"""The project's own shape: environments agree, imports go one way, notebooks are thin, documents tell the truth."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib

import pandas as pd
import pytest
from conftest import ROOT
from typer.testing import CliRunner

import rcm_analysis
from rcm_analysis import cli, settings
from rcm_analysis.claims import derive, situations
from rcm_analysis.reference import codes
from rcm_analysis.store import dictionary, schema

PACKAGE = ROOT / "rcm_analysis"
# What a room may import besides the ground floor; nothing goes up, and the command line may import all of them.
GROUND = {"errors", "words", "months", "stats", "parallel", "settings"}
ROOMS = {
    "reference": "", "privacy": "", "models": "", "store": "",
    "charts": "", "measures": "store", "trends": "store", "clusters": "store reference trends",
    "edi": "store privacy reference", "spreadsheets": "store privacy reference",
    "intake": "store privacy edi spreadsheets", "claims": "store reference spreadsheets",
    "pages": "store charts measures trends", "risk": "store models reference claims",
    "prevention": "store reference edi intake claims models risk pages", "compare": "store reference spreadsheets claims measures trends pages",
    "work": "store reference claims risk spreadsheets pages",
    "reports": "store claims measures pages compare", "synthetic": "",
}  # fmt: skip
DOORS = {"cli", "export", "view", "__init__", "__main__"}  # what opens all rooms
CONDA = {"duckdb": "python-duckdb", "matplotlib": "matplotlib-base", "seaborn": "seaborn-base"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


# Modules that mypy does not judge yet, as pyproject.toml says too: one that is right is taken out, none comes in
EXCUSED = {
    "compare": "audit",
    "intake": "ingest sources",
    "prevention": "rules scrub",
    "risk": "card worklist",
    "spreadsheets": "cells ledgers mappings",
    "synthetic": "practice",
}  # fmt: skip


def requirement(text: str) -> tuple[str, str]:
    name, bounds = re.fullmatch(r"([A-Za-z0-9_.-]+)(.*)", text).groups()
    return name, bounds


def test_conda_and_pip_ask_for_the_same():
    text = (ROOT / "environment.yml").read_text()
    asked = dict(requirement(line) for line in re.findall(r"^  - ([a-z][\w.-]*[<>=].*)$", text, re.M))
    asked.pop("python")
    assert asked == {CONDA.get(name, name): bounds for name, bounds in map(requirement, PROJECT["dependencies"])}


def test_the_lock_names_everything_with_hashes_and_no_address():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text and "@ file" not in text
    pinned = dict(re.findall(r"^([a-z0-9][a-z0-9_.-]*)==(\S+)", text, re.M))
    for name, _ in map(requirement, PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]):
        assert name in pinned, name
    for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        assert "--hash=sha256:" in block, block[:60]


def rooms_imported(path) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    inside = [node for node in nodes if (node.module or "").split(".")[0] == "rcm_analysis"]
    named = [node.module.split(".")[1:2] or [alias.name for alias in node.names] for node in inside]
    return {room for names in named for room in names}


def test_rooms_are_entered_one_way():
    allowed = {room: set(names.split()) for room, names in ROOMS.items()}
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(allowed)
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        wrong = rooms_imported(path) - GROUND - {room} - allowed.get(room, set())
        assert not wrong or path.stem in DOORS, f"{path.relative_to(PACKAGE)} imports {wrong}"


def test_no_room_reads_another_rooms_step():
    readable = {table.name for table in (*schema.FACTS, *schema.DERIVED, *schema.SHARED)} | set(codes.names())
    for room, frames in {"claims": derive.FRAMES, "prevention": ()}.items():
        own = {path.stem.split("_", 1)[1] for path in (PACKAGE / room).rglob("*.sql")} | set(frames)
        paths = [path for path in (*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.sql"), *ROOT.glob("notebooks/*.ipynb"))
                 if room not in path.parts]  # fmt: skip
        for path in paths:
            text = path.read_text("utf-8")
            named_there = set(re.findall(r"\b(\w+) AS \(", text))
            read = set(re.findall(r"\b(?:FROM|JOIN) +(\w+)", text)) - named_there
            assert not read & own - readable, f"{path.name} reads {read & own - readable} of {room}"


def test_the_longest_chain_of_rooms_is_five():
    below = {room: set(names.split()) for room, names in ROOMS.items()}

    def depth(room: str, above: tuple[str, ...] = ()) -> int:
        assert room not in above, f"a circle: {above}"
        return 1 + max((depth(name, (*above, room)) for name in below[room]), default=0)

    assert max(map(depth, below)) <= 5
    assert len([path for path in PACKAGE.iterdir() if path.is_file()]) <= 12


# One process has the libraries, and for each module a copy of it begins with that module. papermill is not among them:
# it loads our engine while it is imported.
EACH_FIRST = """
import importlib, os, sys
import duckdb, jinja2, jupyter_client, matplotlib.pyplot, pandas, pyarrow.parquet, scipy.stats, seaborn, sklearn.ensemble, typer
assert not any(name.startswith(("rcm_analysis", "papermill")) for name in sys.modules)
for name in sys.argv[1:]:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        continue
    try:
        importlib.import_module(name)
    except BaseException as error:
        print(f"{name}: {type(error).__name__}: {error}", flush=True)
    os._exit(0)
print("all were tried")
"""


def test_the_list_of_modules_without_a_type_check_only_shrinks():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert settings["packages"] == ["rcm_analysis"] and (PACKAGE / "py.typed").exists()
    assert "ignore_errors" not in settings
    (override,) = settings["overrides"]
    for name in override["module"]:
        room, _, module = name.removeprefix("rcm_analysis.").rpartition(".")
        assert module in EXCUSED.get(room, "").split(), f"{name} was right"
        assert (PACKAGE / room / f"{module}.py").exists(), f"{name} is gone: take it out"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_every_module_can_be_imported_first():
    paths = (path.relative_to(ROOT).with_suffix("") for path in PACKAGE.rglob("*.py"))
    names = sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)
    assert len(names) > 100
    run = subprocess.run([sys.executable, "-c", EACH_FIRST, *names], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "all were tried\n", run.stdout + run.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_notebooks_are_thin_and_carry_no_outputs(path):
    content = json.loads(path.read_text())
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert content["metadata"]["kernelspec"] == {"display_name": "Python 3", "language": "python", "name": "python3"}
    sources = ["".join(cell["source"]) for cell in code]
    assert max(len(source.split("\n")) for source in sources) <= 15
    assert max(len(line) for source in sources for line in source.split("\n")) <= 100
    assert sum(len([line for line in source.split("\n") if line.strip()]) for source in sources) <= 110
    assert not any(re.search(r"^\s*def |^\s*class ", source, re.M) for source in sources)
    assert not any(re.search(r"\b(Finding|Numbers|Table|Figure|Column)\(", source) for source in sources), (
        "a page's words"
    )
    said = [cell for cell in content["cells"] if "analyst" in cell["metadata"].get("tags", [])]
    assert said or path.stem == "00_start", "what may an analyst change?"
    parameters = next(cell for cell in code if "parameters" in cell["metadata"].get("tags", []))
    lines = "".join(parameters["source"]).split("\n")
    assert [line.split(":")[0] for line in lines][:4] == ["practice", "as_of", "months", "store"]
    assert all("  # " in line for line in lines)


def test_the_start_notebook_needs_only_the_package_and_its_view():
    cells = json.loads((ROOT / "notebooks/00_start.ipynb").read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert re.findall(r"^(?:from|import) .*", code, re.M) == ["from pathlib import Path", "import rcm_analysis as rcm"]
    assert set(re.findall(r"\brcm\.(\w+)", code)) <= set(rcm_analysis.__all__)


# A stopwatch (perf_counter, monotonic) tells no day, and so is no clock
CLOCK = r"\.(today|now|utcnow)\(|fromtimestamp\(|\btime\.(time|time_ns|localtime|gmtime|strftime|ctime)\(|\bcurrent_(date|timestamp)\b|\b(now|today)\(\)"


def test_only_the_command_line_reads_the_clock():
    texts = {path: path.read_text("utf-8") for form in ("*.py", "*.sql") for path in PACKAGE.rglob(form)}
    assert [path.name for path, text in texts.items() if re.search(CLOCK, text)] == ["cli.py"]


def test_no_module_swallows_errors():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"except( Exception| BaseException)?:\s*\n\s*(pass|continue)\b", text), path.name


def test_the_environment_is_touched_in_one_place():
    for path in PACKAGE.rglob("*.py"):
        touched = re.search(r"\benviron\b|\b(get|put|unset)env\b", path.read_text())
        assert not touched or path.name == "settings.py", path.name


def test_every_environment_variable_is_in_the_documents():
    assert settings.markdown() in (ROOT / "docs/settings.md").read_text()
    listed = {setting.name for setting in (*settings.OF_USERS, *settings.OF_PROCESSES)}
    named = {name for path in PACKAGE.rglob("*.py") for name in re.findall(r"\bRCM_[A-Z_]+\b", path.read_text())}
    assert named <= listed


def test_the_data_dictionary_is_the_schema():
    text = (ROOT / "data/README.md").read_text("utf-8")
    assert text == dictionary.written(text), "write it again: python -m rcm_analysis.store.dictionary"
    for table in (*schema.FACTS, *schema.DERIVED, *schema.SHARED, *schema.ANALYSES):
        assert f"### {table.name}\n" in text


def test_help_is_quick_and_imports_nothing_heavy():
    code = "import sys; from rcm_analysis import cli; print([m for m in ('pandas', 'duckdb', 'numpy', 'papermill') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_the_architecture_names_what_is_there():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert text.count("```mermaid") == 1
    for room in ROOMS:
        assert re.search(rf"\b{room}\b", text), f"{room} is not in ARCHITECTURE.md"
    for name in re.findall(r"`([\w/]+/\w+\.py|[\w/]+/\w+\.csv)`", text):
        inside = PACKAGE if name.split("/")[0] in ROOMS else ROOT
        assert name.startswith("tests/test_ROOM") or (inside / name).exists(), name


def test_what_an_analyst_types_first_works(demo_store, tmp_path, monkeypatch):
    """The lines of the README, as they stand there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/store").symlink_to(demo_store, target_is_directory=True)
    source = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    lines = [line for line in source.splitlines() if line]
    assert len(lines) == 5 and lines[0] == "import rcm_analysis as rcm"
    names: dict = {}
    exec("\n".join(lines[:2]), names)
    assert all(len(eval(line, names)) for line in lines[2:-1])
    assert eval(lines[-1], names) == len(pd.read_excel(tmp_path / "denials.xlsx"))


def test_the_changelog_has_dated_sections():
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (.*)$", text, re.M)
    assert heads[0] == "[Unreleased]" and len(heads) > 1
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head) for head in heads[1:])
    assert set(re.findall(r"^### (.*)$", text, re.M)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


def test_the_reference_needs_what_the_extra_docs_says():
    lines = (ROOT / "docs/requirements.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == PROJECT["optional-dependencies"]["docs"]


OF_THEIR_OWN = ("exports.md", "monday.md")  # documents whose commands have a test of their own


def documented_commands() -> list[str]:
    """Every rcm command in the documents, the demo and the lab left out: one is too long for a test, one never ends."""
    documents = [ROOT / "README.md", ROOT / "reports/README.md", ROOT / "data/README.md", *(ROOT / "docs").glob("*.md")]
    texts = [path.read_text() for path in documents if path.name not in OF_THEIR_OWN]
    found = {line.strip() for text in texts for line in re.findall(r"^(?:\.venv/bin/)?(rcm [^#\n]+)", text, re.M)}
    return sorted(
        command for command in found if not command.startswith(("rcm demo", "rcm lab")) and "../shared" not in command
    )


@pytest.mark.slow
def test_every_documented_command_works(demo_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inbox = tmp_path / "data/inbox/riverbend"
    inbox.mkdir(parents=True)
    for name in ("edi/835", "edi/837"):
        for path in sorted((demo_folder / name).iterdir())[:40]:
            (inbox / path.name).write_bytes(path.read_bytes())
    (tmp_path / "today.837").write_bytes(sorted((demo_folder / "edi/837").iterdir())[-1].read_bytes())
    (tmp_path / "reports").mkdir()
    definition = re.search(r"```toml\n(.*?)```", (ROOT / "docs/schedule.md").read_text(), re.S)[1]
    (tmp_path / "reports/monthly.toml").write_text(definition)
    commands = documented_commands()
    order = (
        "rcm ingest",
        "rcm report",
        "rcm files",
        "rcm practices",
        "rcm export",
        "rcm scrub",
        "rcm schedule",
        "rcm verify",
        "rcm doctor",
        "rcm forget",
    )
    assert any(command.startswith("rcm ingest") for command in commands)
    for command in sorted(commands, key=lambda c: next(i for i, o in enumerate(order) if c.startswith(o))):
        result = CliRunner().invoke(cli.app, shlex.split(command)[1:])
        fine = (0, 3) if command.startswith("rcm scrub") else (0,)  # 3: something is held
        assert result.exit_code in fine, f"{command}: {result.output}"


def test_a_notebook_runs_by_papermill_alone(demo_store, tmp_path):
    from papermill import execute_notebook

    execute_notebook(str(ROOT / "notebooks/01_data_quality.ipynb"), str(tmp_path / "out.ipynb"), progress_bar=False,
                     parameters={"practice": "riverbend", "as_of": "2026-09-30", "store": str(demo_store)})  # fmt: skip
    content = json.loads((tmp_path / "out.ipynb").read_text())
    assert not [o for cell in content["cells"] for o in cell.get("outputs", []) if o["output_type"] == "error"]


def test_usage_errors_are_one_line_and_code_2(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "rcm_analysis", "report", "-p", "nobody", "--store", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert run.stderr.strip() == f"rcm: there is nothing of nobody in {tmp_path}; ingest its files first"


def test_rejected_files_give_code_3_and_are_named(tmp_path):
    (tmp_path / "letter.835").write_text("Dear provider")
    run = CliRunner().invoke(
        cli.app, ["ingest", str(tmp_path / "letter.835"), "-p", "clinic", "--store", str(tmp_path / "s")]
    )
    assert run.exit_code == 3
    assert "letter.835: neither X12 nor a table" in run.output


# --- reference tables ----------------------------------------------------------------------------------------------

NOT_DENIALS = [
    "1",
    "2",
    "3",
    "66",
    "45",
    "131",
    "44",
    "104",
    "90",
    "91",
    "24",
    "253",
    "237",
    "144",
    "23",
    "94",
    "101",
    "130",
    "246",
    "193",
    "187",
    "241",
    "100",
    "85",
]
DENIALS = {"27": "eligibility", "22": "coordination_of_benefits", "109": "coordination_of_benefits", "197": "authorization", "15": "authorization",
           "16": "claim_data", "B7": "credentialing", "185": "credentialing", "4": "coding", "11": "coding", "97": "bundling",
           "236": "bundling", "50": "medical_necessity", "151": "medical_necessity", "252": "documentation", "29": "timely_filing",
           "18": "duplicate", "96": "non_covered", "204": "non_covered", "119": "benefit_maximum", "242": "network"}  # fmt: skip


def test_reasons_are_sorted_as_the_field_sorts_them():
    carc = codes.table("carc").set_index("carc")
    assert carc.index.is_unique and (carc["active"] == "yes").sum() >= 280
    assert (carc.loc[NOT_DENIALS, "denial"] == "no").all()
    assert carc.loc[list(DENIALS), "category"].to_dict() == DENIALS
    assert (carc.loc[list(DENIALS), "denial"] == "yes").all()
    categories = set(carc.loc[carc["denial"] == "yes", "category"])
    assert categories <= set(codes.PRECEDENCE) and categories <= set(situations.LEAF_OF_CATEGORY)


@pytest.mark.parametrize("name", codes.names())
def test_every_reference_row_is_whole(name):
    table = codes.table(name)
    key = table.columns[0] if name not in ("write_off_phrases", "deadlines", "benchmarks") else None
    assert len(table) and (key is None or table[key].is_unique)
    if "why" in table:
        assert (table["why"] != "").all()
    if "label" in table:
        assert (table["label"].str.len() <= 60).all() and (table["label"] != "").all()


def test_leaves_and_deadlines_are_sound():
    leaves = codes.table("write_off_leaves").set_index("leaf")
    assert set(leaves["root"]) == {"necessary", "unnecessary", "payer", "unclassified"}
    assert set(situations.LEAF_OF_CATEGORY.values()) <= set(leaves.index)
    assert set(codes.table("write_off_phrases")["leaf"]) <= {*leaves.index, ""}
    assert (codes.table("deadlines")["source"].str.contains("://")).all()
    assert len(codes.table("rarc")) >= 300


PHRASES = {
    ("TF", "past timely filing"): "timely_filing", ("", "TFL exceeded"): "timely_filing", ("", "appeal deadline missed"): "appeal_deadline",
    ("", "no prior auth on file"): "authorization", ("", "prov not credentialed"): "credentialing", ("", "dup charge"): "true_duplicate",
    ("", "pt inelig on DOS"): "eligibility", ("", "med rec not sent"): "documentation", ("", "small bal w/o"): "small_balance",
    ("", "charity care"): "charity", ("", "sent to collections"): "bad_debt", ("", "contractual allowance"): "contractual",
    ("", "sequestration"): "regulatory", ("", "no pcs on file"): "ems_pcs", ("", "bundled per NCCI"): "bundled_by_rule",
    ("", "self pay discount"): "courtesy", ("", "admin adj"): "unclassified", ("", "misc adj"): "unclassified",
    ("", "rejected at clearinghouse never resubmitted"): "rejected_not_resubmitted", ("", "not med necessary"): "medical_necessity",
}  # fmt: skip


@pytest.mark.parametrize(("words", "leaf"), PHRASES.items())
def test_the_practices_own_words_are_understood(words, leaf):
    assert codes.classify_reason(*words)[0] == leaf


FOREIGN = {("model", "_predictors"), ("model", "_baseline_prediction"), ("os", "_exit"), ("papermill_io", "_handlers")}


def test_nobody_reads_the_private_attribute_of_another():
    """Of our own objects, that is: scikit-learn's have no other door to what they learned, papermill none to its readers."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and re.fullmatch(r"_[a-z]\w*", node.attr):
                owner = ast.unparse(node.value)
                known = owner in ("self", "cls", "super()") or (owner, node.attr) in FOREIGN or node.attr == "_replace"
                assert known, f"{path.relative_to(PACKAGE)}:{node.lineno} {owner}.{node.attr}"


# --- what is cited -------------------------------------------------------------------------------------------------

CITED = re.compile(r"(?<![\w/.:-])[\w./-]+\.(?:md|csv|ipynb|toml|py|html)\b")
NUMBERED = re.compile(r"\b(?:DOMAIN|METHODS|SPEC|VOICE)(?:\.md)?\b[ \d.\[\]]*")


def texts_that_cite():
    """What a reader sees of sources: cells of reference tables, sources of measures, notebooks, pages and docs."""
    for path in sorted((ROOT / "rcm_analysis/reference").glob("*.csv")):
        yield path, path.read_text(encoding="utf-8")
    for folder, form in (("rcm_analysis", "**/*.py"), ("notebooks", "*.ipynb"), ("docs", "*.md")):
        for path in sorted((ROOT / folder).glob(form)):
            yield path, path.read_text(encoding="utf-8")


def test_nothing_cites_a_file_that_the_project_lacks():
    there = {path.name for path in ROOT.rglob("*") if ".git" not in path.parts}
    for path, text in texts_that_cite():
        assert not NUMBERED.search(text), (path.name, NUMBERED.search(text))
        if path.suffix == ".csv" and path.name not in (
            "posting_codes.csv",
            "write_off_words.csv",
            "write_off_phrases.csv",
        ):
            missing = {
                name for name in CITED.findall(re.sub(r"https?://\S+", "", text)) if name.rsplit("/")[-1] not in there
            }
            assert not missing, (path.name, missing)


def test_every_measure_says_where_its_definition_is_from():
    from rcm_analysis.measures.measures import MEASURES

    assert all(re.search(r"https://|our own|X12|write_off_leaves.csv", measure.cited) for measure in MEASURES)


def test_no_page_links_to_a_file_that_is_gone():
    pages = [*ROOT.glob("*.md"), *(path for room in ("docs", "data", "reports") for path in (ROOT / room).glob("*.md"))]
    gone = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert len(pages) > 20 and not gone, gone
