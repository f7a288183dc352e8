"""A drawing as SVG for a page: real text, colors as classes and attributes, no styles, ids of its own, values to point at.

Pages allow no inline style, so every property is an attribute; the classes of `CLASSES` let the page's style change colors for
dark screens and paper. Without a page's style, as in the PDF, the attributes hold.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASSES = {
    "#15191e": "ink", "#47525d": "ink-2", "#5f6b76": "ink-3", "#e5e8ec": "rule", "#c6ccd3": "rule-2", "#0b5cad": "blue",
    "#a83c09": "orange-text", "#d4540f": "orange", "#0a6a54": "teal-text", "#1a8a70": "teal", "#a7b0ba": "ctx",
    "#dbe7f4": "band", "#ffffff": "paper", "#fde3d3": "loss-band",
}  # fmt: skip
FAMILY = "Arial, sans-serif"  # where no page's style holds
RADIUS = 6  # of the invisible discs that a pointer finds


def pointed(ax: Axes, x: Sequence[Any], y: Sequence[Any], labels: Sequence[str], values: Sequence[str]) -> None:
    """Values that a pointer or the arrow keys read from the drawing: a place in data units, what it is, what it says.

    pointed(ax, [0, 1], [.12, .15], ["Sep 2026", "Oct 2026"], ["12.0%, 94 of 783 claims", "15.2%, 118 of 775 claims"])
    """
    ax.figure.__dict__.setdefault("points", []).append((ax, list(x), list(y), list(labels), list(values)))


def written(fig: Figure, name: str, *, title: str, desc: str) -> str:
    """The figure's SVG, with title and description, without dates; the figure is closed."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        canvas = FigureCanvasSVG(fig)  # letters are measured as they will be drawn
        _laid_out(fig)
        fig.set_facecolor("none")
        # `savefig` would draw all a first time, for the layout that it has already
        canvas.print_svg(out, metadata={"Date": None, "Creator": None})
    points = _points(fig)
    plt.close(fig)
    prefix = re.sub(r"\W", "-", name)
    return _plain(out.getvalue(), prefix, points, title=title, desc=desc)


def _laid_out(fig: Figure) -> None:
    """Finds every part its place, once."""
    engine = fig.get_layout_engine()
    if engine:
        dpi = fig.dpi
        engine.execute(fig)
        fig.dpi = dpi
        fig.set_layout_engine("none")


def _points(fig: Figure) -> str:
    """Where the values are in the drawing: discs that nobody sees until they are pointed at."""
    height = fig.bbox.height * 72 / fig.dpi
    found = []
    for ax, xs, ys, labels, values in fig.__dict__.get("points", []):
        for x, y, label, value in zip(xs, ys, labels, values, strict=True):
            across, up = ax.transData.transform((x, y)) * 72 / fig.dpi
            if across == across and up == up:
                found.append(
                    f'<circle class="pt" fill="none" cx="{across:.1f}" cy="{height - up:.1f}" r="{RADIUS}" '
                    f'data-x="{html.escape(label)}" data-y="{html.escape(value)}"/>'
                )
    return "".join(found)


def _plain(text: str, prefix: str, points: str, *, title: str, desc: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(
        r"<metadata>.*?</metadata>|<!--.*?-->|<style\b.*?</style>", "", text, flags=re.S
    )  # comments repeat labels
    text = re.sub(r' xmlns:xlink="[^"]*"| xmlns="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'\sstyle="([^"]*)"', lambda m: _attributes(html.unescape(m[1])), text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    text = _used_ids_only(_rounded(text))
    text = re.sub(r">\s+<", "><", text)
    size = re.search(r'viewBox="([^"]+)"', text)
    box = size[1] if size else "0 0 860 260"
    head = (
        f'<svg viewBox="{box}" role="img" aria-labelledby="{prefix}-t {prefix}-d" stroke-linejoin="round" stroke-linecap="butt">'
        f'<title id="{prefix}-t">{html.escape(title)}</title><desc id="{prefix}-d">{html.escape(desc)}</desc>'
    )
    text = re.sub(r"^<svg[^>]*>", lambda _: head, text)
    return text.strip().removesuffix("</svg>") + f"{points}</svg>"


def _attributes(style: str) -> str:
    """CSS properties as attributes, with a class for each color of the design.

    >>> _attributes("fill: #0b5cad; stroke-width: 2")
    ' fill="#0b5cad" stroke-width="2" class="f-blue"'
    """
    said, classes = [], []
    for part in filter(None, (part.strip() for part in style.split(";"))):
        key, value = (side.strip() for side in part.split(":", 1))
        if key == "font":
            said += _font(value)
        elif key == "font-family":
            said.append(f'font-family="{FAMILY}"')
        elif key in ("font-size", "font-weight"):
            said.append(f'{key}="{html.escape(value.removesuffix("px"))}"')
        elif key.startswith("font"):
            continue
        elif key in ("fill", "stroke") and value in CLASSES:
            said.append(f'{key}="{value}"')
            classes.append(f"{key[0]}-{CLASSES[value]}")
        else:
            said.append(f'{key}="{html.escape(value)}"')
    if classes:
        said.append(f'class="{" ".join(classes)}"')
    return "".join(f" {one}" for one in said)


def _font(value: str) -> list[str]:
    size = re.search(r"([\d.]+)px", value)
    bold = bool(re.search(r"\b(bold|[6-9]00)\b", value))
    return [f'font-family="{FAMILY}"', f'font-size="{size[1] if size else 12}"'] + (
        ['font-weight="bold"'] if bold else []
    )


def _rounded(text: str) -> str:
    """Places to a tenth of a pixel, which is finer than any eye."""
    return re.sub(r"-?\d+\.\d{2,}", lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), text)


def _used_ids_only(text: str) -> str:
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    names = {a or b for a, b in used}
    return re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in names else "", text)


def spark(
    values: Sequence[float], *, label: str = "", target: float | None = None, width: int = 230, height: int = 56
) -> str:
    """A line without axes, its last point marked; dashed where the target is. Empty with fewer than two values.

    spark([.084, .102, .152], label="Initial denial rate over 24 months", target=.10)
    """
    known = [float(value) for value in values if value == value and value is not None]
    if len(known) < 2:
        return ""
    low, high = (
        min([*known, *([target] if target is not None else [])]),
        max([*known, *([target] if target is not None else [])]),
    )
    span = (high - low) or 1.0
    places = [
        (2 + i * (width - 6) / (len(known) - 1), height - 4 - (value - low) / span * (height - 8))
        for i, value in enumerate(known)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    said = f'role="img" aria-label="{html.escape(label)}"' if label else 'aria-hidden="true"'
    dashed = ""
    if target is not None:
        y = height - 4 - (target - low) / span * (height - 8)
        dashed = f'<line class="s-ink-3" stroke="#5f6b76" stroke-dasharray="3 3" x1="0" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>'
    x, y = places[-1]
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" preserveAspectRatio="xMinYMid" {said}>{dashed}'
        f'<polyline class="s-blue" fill="none" stroke="#0b5cad" stroke-width="2.25" stroke-linejoin="round" points="{line}"/>'
        f'<circle class="f-blue" fill="#0b5cad" cx="{x:.1f}" cy="{y:.1f}" r="3"/></svg>'
    )


def bar(share: float, color: str = "blue") -> str:
    """A bar of 0 to 1 of its cell's width.

    bar(.43), bar(1, "orange")
    """
    fill = next(code for code, name in CLASSES.items() if name == color)
    wide = max(0.0, min(float(share), 1.0)) * 100
    return (
        f'<svg class="ib" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="f-{color}" fill="{fill}" width="{wide:.1f}" height="10"/></svg>'
    )
