"""A picture of a page as SVG: drawn for a desk and once more for a phone, of which a page shows one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rcm_analysis.charts.common import NARROW, drawn_at
from rcm_analysis.charts.svg import written

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawn:
    """The SVG of a picture in both widths, and whether it says only that there is nothing to show."""

    svg: str
    nothing: bool = False


def drawn(picture: partial[Figure], name: str, *, title: str, desc: str) -> Drawn:
    """Draws a picture in the width of its place on the page and in that of a phone.

    drawn(partial(bars, table, label="payer_name", ...), "denied_by_payer", title="Denials by payer", desc="Bars of ...")
    """
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()  # a picture is the same whatever somebody's own file or session sets
        fig = picture()
        nothing = bool(fig.__dict__.get("nothing"))
        wide = written(fig, name, title=title, desc=desc)
        with drawn_at(NARROW):
            narrow = written(picture(), f"{name}-n", title=title, desc=desc)
    return Drawn(
        wide.replace("<svg", '<svg class="wide"', 1) + narrow.replace("<svg", '<svg class="narrow"', 1), nothing
    )
