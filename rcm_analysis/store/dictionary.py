"""The data dictionary: `data/README.md` with the tables that `schema` declares, between marks that stay.

python -m rcm_analysis.store.dictionary          # writes it again

<!-- derived: from rcm_analysis/store/schema.py -->
### claims
One row per claim episode: ...
| column | unit | meaning |
<!-- end of derived -->
"""

from __future__ import annotations

from pathlib import Path

from rcm_analysis.store import schema

SECTIONS = {"ingested": schema.FACTS, "derived": schema.DERIVED, "shared": schema.SHARED, "analyses": schema.ANALYSES}
PATH = Path(__file__).resolve().parents[2] / "data" / "README.md"


def written(text: str) -> str:
    """The text with the tables of each section as they are declared now. Raises KeyError where a section has no marks."""
    for name, tables in SECTIONS.items():
        begin, end = f"<!-- {name}: from rcm_analysis/store/schema.py -->", f"<!-- end of {name} -->"
        if begin not in text or end not in text:
            raise KeyError(f"the dictionary has no marks {begin} and {end}")
        body = "\n".join(map(_markdown, tables))
        before, after = text[: text.index(begin)], text[text.index(end) :]
        text = f"{before}{begin}\n\n{body}\n{after}"
    return text


def _markdown(table: schema.Table) -> str:
    rows = [f"| {column.name} | {column.unit} | {column.meaning} |" for column in table.columns]
    return "\n".join(
        [
            f"### {table.name}",
            "",
            f"One row per {table.row}.",
            "",
            "| column | unit | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    PATH.write_text(written(PATH.read_text("utf-8")), "utf-8")
