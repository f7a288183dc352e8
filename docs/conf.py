"""Settings of the API reference (make docs): one page a room, written from the docstrings of its public names."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import rcm_analysis

PACKAGE = Path(rcm_analysis.__file__).parent
HERE = Path(__file__).parent
GROUND = ("view", "export", "words", "months", "stats", "parallel", "errors")

project = "rcm-analysis"
version = release = rcm_analysis.__version__
copyright = "the authors of rcm-analysis"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
nb_execution_mode = "off"  # make test executes the notebooks
exclude_patterns = ["out", "requirements.txt"]
default_role = "literal"  # `name` in a docstring is code
suppress_warnings = ["myst.xref_missing", "myst.header", "ref.python"]  # guides link to files beside the docs
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
html_theme = "alabaster"
html_theme_options = {"description": "Denial trend analytics for medical billing", "page_width": "1100px"}


def page(title: str, modules: list[str]) -> str:
    """The text of one page: the modules one after another, with their public names."""
    parts = [f"### `{name}`\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n" for name in modules]
    return f"# {title}\n\n" + "\n".join(parts)


def modules_of(room: Path) -> list[str]:
    names = [path.stem for path in sorted(room.glob("*.py")) if path.stem != "__init__"]
    return [f"rcm_analysis.{room.name}.{name}" for name in names]


def sentence(room: Path) -> str:
    """What a room does and does not: the first line of its `__init__`."""
    return (room / "__init__.py").read_text("utf-8").split('"""')[1].strip()


def write_pages(folder: Path) -> None:
    """The pages of the reference and their contents, written anew where a text has changed."""
    rooms = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
    texts = {"ground": page("Ground floor", [f"rcm_analysis.{name}" for name in GROUND])}
    texts |= {room.name: page(f"{room.name}: {sentence(room)}", modules_of(room)) for room in rooms}
    contents = "\n".join(["ground", *(room.name for room in rooms)])
    texts["index"] = f"# API reference\n\nOne page a room.\n\n```{{toctree}}\n:maxdepth: 1\n\n{contents}\n```\n"
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def as_text(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Our docstrings are plain text: samples stay as they stand, and a star is a star."""
    blocks = "\n".join(lines).strip("\n").split("\n\n")
    lines[:] = "\n\n".join(map(shown, blocks)).split("\n")


def shown(block: str) -> str:
    """A paragraph as it is, a sample (columns set apart by spaces, or indented, or an example) as code."""
    if ">>>" in block or re.search(r"^ |\S {2,}\S", block, re.M):
        return ".. code-block:: text\n\n" + indent(dedent(block), "   ")
    return re.sub(r"(?<!\\)\*", r"\\*", block)


def setup(app: Any) -> None:
    write_pages(HERE / "reference")
    app.connect("autodoc-process-docstring", as_text)
