"""Draws the first rows of a tab of the team's workbook as a picture, as docs/monday.md shows them.

python bench/picture.py reports/out/riverbend/2026-10/worklist.xlsx Biller docs/monday_biller.png
"""

from __future__ import annotations

import sys
import textwrap
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import openpyxl
from matplotlib.patches import Rectangle

ROWS, COLUMNS = 14, 14
CHARACTER, LINE = 0.075, 0.19  # inches


def shown(cell: Any) -> str:
    """A cell as a spreadsheet writes it."""
    if isinstance(cell.value, datetime):
        return f"{cell.value:%a %b} {cell.value.day}"
    if isinstance(cell.value, int | float):
        return f"${cell.value:,.0f}" if "$" in cell.number_format else f"{cell.value:g}"
    return "" if cell.value is None else str(cell.value)


def draw(workbook: Path, tab: str, out: Path) -> None:
    """Draws the tab's title, headings and first rows with their fills and letters."""
    warnings.filterwarnings("ignore", message=".*extension is not supported")
    sheet = openpyxl.load_workbook(workbook)[tab]
    rows = [row[:COLUMNS] for row in sheet.iter_rows(min_row=1, max_row=ROWS)]
    wide = [(sheet.column_dimensions[cell.column_letter].width or 9) * CHARACTER + 0.1 for cell in rows[0]]
    heights = [LINE * (2.2 if n > 3 else 1.6 if n == 3 else 1.4) for n in range(len(rows))]
    figure = plt.figure(figsize=(sum(wide), sum(heights)), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, sum(wide)), ylim=(-sum(heights), 0))
    axes.axis("off")
    top = 0.0
    for place, (row, height) in enumerate(zip(rows, heights, strict=True)):
        left = 0.0
        for cell, width in zip(row, wide, strict=True):
            if place >= 3:
                fill = cell.fill.fgColor.rgb if cell.fill.fill_type else "FFFFFFFF"
                axes.add_patch(
                    Rectangle(
                        (left, -top - height),
                        width,
                        height,
                        facecolor=f"#{fill[2:]}",
                        edgecolor="#e5e8ec",
                        linewidth=0.6,
                    )
                )
            color = (
                f"#{cell.font.color.rgb[2:]}" if cell.font.color and isinstance(cell.font.color.rgb, str) else "#15191e"
            )
            text = (
                shown(cell)
                if place < 3
                else "\n".join(textwrap.wrap(shown(cell), max(int(width / CHARACTER) - 1, 4))[:2])
            )
            right = isinstance(cell.value, int | float)
            axes.text(left + (width - 0.05 if right else 0.05), -top - 0.05, text, va="top", ha="right" if right else "left", color=color,
                      fontsize=(cell.font.size or 10) * 0.75, weight="bold" if cell.font.bold else "normal", parse_math=False)  # fmt: skip
            left += width
        top += height
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
