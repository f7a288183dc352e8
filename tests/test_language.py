"""What the command line, its errors and the manuals say, in the words of the field."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer.main
import voice

from rcm_analysis.cli import app

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "rcm_analysis"
FOR_ANALYSTS = {"clusters", "prevention", "quality", "risk", "scale", "situations", "trends"}  # they tell the method
PRINTED = {"truth"}  # by the bench, under its own names
# Names by which a method, a machine or a table calls its things; they may stand where analysts read
OF_METHOD = re.compile(
    r"\b(?:signals?|clusters?|stability|lift|segments?|lattice|episodes?|median|manifests?|parameters?|batch(?:es)?|excess|"
    r"clocks?|root|leaf|leaves|touch|rules?|chances?|decisions? may not|unprocessable|against)\b",
    re.I,
)
OF_USERS = {
    "ValueError",
    "KeyError",
    "TypeError",
    "AssertionError",
    "NotImplementedError",
    "RuntimeError",
}  # of callers
OF_NOTEBOOKS = re.compile(r"\bparameters?\b|\bsegments of this 837\b|cluster")  # what papermill and X12 call so


def prose(markdown: str) -> str:
    """A manual without code, addresses and links that name a file."""
    text = re.sub(r"```.*?```|`[^`\n]*`", " · ", markdown, flags=re.S)
    text = re.sub(r"\[[^\]\s]*\]\([^)\s]*\)|\]\([^)\s]*\)", " · ", text)
    return re.sub(r"\s+", " ", text)


def manuals() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", [path for path in manuals() if path.stem not in PRINTED], ids=lambda path: path.stem)
def test_manuals_speak_the_words_of_the_field(path):
    text = prose(path.read_text("utf-8"))
    if path.stem in FOR_ANALYSTS:
        text = OF_METHOD.sub(" ", text)
    assert voice.found(text) == []


@pytest.mark.parametrize("path", manuals(), ids=lambda path: path.stem)
def test_headings_of_manuals_have_six_words_at_most(path):
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.S)
    heads = re.findall(r"^#+ +(.+)$", text, flags=re.M)
    assert [head for head in heads if len(head.split()) > 6] == []


def commands():
    return sorted(typer.main.get_command(app).commands.items())


@pytest.mark.parametrize(("name", "command"), commands(), ids=[name for name, _ in commands()])
def test_help_says_what_a_command_does_and_shows_it(name, command):
    said = [command.help or "", *(getattr(option, "help", "") or "" for option in command.params)]
    assert voice.found(" ".join(said)) == []
    first, example = said[0].strip().splitlines()[0], f"Example: rcm {name}"
    assert len(first) <= 80 and first[0].isupper() and first.endswith("."), first
    assert example in said[0]


def _words(node: ast.AST) -> str:
    """The literal text of an expression, what is filled in left out."""
    return re.sub(r"\s+", " ", " ".join(
        part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)))  # fmt: skip


def _messages(tree: ast.AST) -> list[str]:
    """Texts of the errors that users read, and of what is said on the terminal."""
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    errors = [call for call in raised if getattr(call.func, "id", "") not in OF_USERS]
    said = [node for node in ast.walk(tree) if isinstance(node, ast.Call)
            and getattr(node.func, "id", getattr(node.func, "attr", "")) in ("_say", "echo")]  # fmt: skip
    return [_words(argument) for call in [*errors, *said] for argument in call.args]


def test_errors_speak_the_words_of_the_field():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for text in _messages(ast.parse(path.read_text("utf-8"))):
            hits = voice.found(OF_NOTEBOOKS.sub(" ", re.sub(r"'[a-z_]+'|[a-z_]+\.csv", " ", text)))
            if hits:
                found[path.name] = hits
    assert found == {}
