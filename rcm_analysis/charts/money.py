"""Where denied money went: initially denied, then recovered, the patient's, open, lost; as a drawing and as a list for phones."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from rcm_analysis.charts.svg import CLASSES, FAMILY, bar

_CODES = {name: code for code, name in CLASSES.items()}
WIDTH, TALL, LEFT, MIDDLE, MIDDLE_ALONE, RIGHT, NODE = 860, 250, 0, 340, 560, 640, 10
GAP, LEAST = 14, 3.0  # between parts, and the height below which a part would not be seen
LINE = 34  # two lines of text beside a part


@dataclass(frozen=True)
class Part:
    """A part of the whole: its name, claims and dollars as text, its dollars, its color, and what it divides into."""

    name: str
    said: str
    usd: float
    color: str
    parts: tuple[Part, ...] = ()


def money_map(whole: Part, *, prefix: str, title: str, desc: str) -> str:
    """The drawing: bands from the whole to its parts and from them to theirs, each band as high as its dollars.

    money_map(Part("Initially denied", "$536,600 · 1,377 claims", 536600, "ink-2", (Part("Recovered 29%", "$158,000 · 421 claims", 158000, "teal"),)), ...)
    """
    shown = [part for part in whole.parts if part.usd > 0]
    if not shown or whole.usd <= 0:
        return ""
    scale = TALL / whole.usd
    middle = MIDDLE if any(part.parts for part in shown) else MIDDLE_ALONE
    out, y_whole, y = [], 12.0, 12.0
    ends: list[tuple[Part, float]] = []
    for part in shown:
        height = max(part.usd * scale, LEAST)
        out.append(_band(LEFT + NODE, y_whole, middle, y, part.usd * scale, height, part.color))
        out.append(_node(middle, y, height, part.color))
        out.append(_label(middle + NODE + 10, y, part))
        ends.append((part, y))
        y_whole += part.usd * scale
        y += max(height, LINE) + GAP
    right = 12.0
    for part, top in ends:
        start, right = top, max(right, top)
        for inner in (one for one in part.parts if one.usd > 0):
            height = max(inner.usd * scale, LEAST)
            out.append(_band(middle + NODE, start, RIGHT, right, inner.usd * scale, height, part.color))
            out.append(_node(RIGHT, right, height, part.color))
            out.append(_label(RIGHT + NODE + 10, right, inner))
            start += inner.usd * scale
            right += max(height, LINE) + GAP
    whole_node = _node(LEFT, 12, TALL, whole.color)
    first = _label(LEFT + NODE + 10, 12, whole)
    high = max(y, right, TALL + 24)
    return (
        f'<svg class="wide" viewBox="0 0 {WIDTH} {high:.0f}" role="img" aria-labelledby="{prefix}-t {prefix}-d">'
        f'<title id="{prefix}-t">{html.escape(title)}</title><desc id="{prefix}-d">{html.escape(desc)}</desc>'
        f"{''.join(out)}{whole_node}{first}</svg>"
    )


def _band(x0: float, y0: float, x1: float, y1: float, h0: float, h1: float, color: str) -> str:
    half = (x0 + x1) / 2
    return (f'<path class="flow f-{color}" opacity=".28" fill="{_CODES[color]}" d="M{x0},{y0:.1f}C{half},{y0:.1f} {half},{y1:.1f} {x1},{y1:.1f}'
            f'V{y1 + h1:.1f}C{half},{y1 + h1:.1f} {half},{y0 + h0:.1f} {x0},{y0 + h0:.1f}Z"/>')  # fmt: skip


def _node(x: float, y: float, height: float, color: str) -> str:
    return f'<rect class="f-{color}" fill="{_CODES[color]}" x="{x}" y="{y:.1f}" width="{NODE}" height="{height:.1f}"/>'


def _label(x: float, y: float, part: Part) -> str:
    font = f'font-family="{FAMILY}" font-size="12"'
    return (f'<text class="f-ink" {font} fill="{_CODES["ink"]}" font-weight="bold" x="{x}" y="{y + 12:.1f}">{html.escape(part.name)}</text>'
            f'<text class="f-ink-2" {font} fill="{_CODES["ink-2"]}" x="{x}" y="{y + 28:.1f}">{html.escape(part.said)}</text>')  # fmt: skip


def as_list(whole: Part, *, css: str = "rows narrow") -> str:
    """The same as a list: name, bar, dollars."""
    rows = [_row(whole, whole.usd, "")]
    for part in (part for part in whole.parts if part.usd > 0):
        rows.append(_row(part, whole.usd, ""))
        rows += [_row(inner, whole.usd, ' class="in"', part.color) for inner in part.parts if inner.usd > 0]
    return f'<ul class="{css}">{"".join(rows)}</ul>'


def _row(part: Part, most: float, css: str, color: str = "") -> str:
    usd, _, claims = part.said.partition(" · ")
    share = part.usd / most if most else 0.0
    percent = f"{share:.0%}" if round(share * 100) or not share else "<1%"
    name = part.name.rsplit(" ", 1)[0] if part.name.endswith("%") else part.name
    return (f"<li{css}><b>{html.escape(name)}<small>{html.escape(claims)}</small></b>{bar(share, color or part.color)}"
            f'<b class="n">{html.escape(usd)}</b><span class="n">{html.escape(percent)}</span></li>')  # fmt: skip


def rows(parts: Sequence[tuple[str, str, float, str]], *, whole: float, color: str) -> str:
    """Parts of a whole as a list of bars: (name, detail, dollars, dollars as text), the last gray where it is the rest."""
    most = max((usd for _, _, usd, _ in parts), default=0.0)
    items = []
    for name, detail, usd, said in parts:
        share = usd / whole if whole else 0.0
        percent = f"{share:.0%}" if round(share * 100) or not usd else "<1%"
        shade = "ctx" if " other " in f" {name} " else color
        items.append(f"<li><b>{html.escape(name)}<small>{html.escape(detail)}</small></b>{bar(usd / most if most else 0, shade)}"
                     f'<b class="n">{html.escape(said)}</b><span class="n">{html.escape(percent)}</span></li>')  # fmt: skip
    return f'<ul class="rows">{"".join(items)}</ul>'
