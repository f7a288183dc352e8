"""Pictures, drawn once and kept by what they show: the same table under another day is read and not drawn again.

    drawn(partial(bars, table, label="payer_name", ...), "denied_by_payer", title="Denials by payer", desc="Bars of ...")

The name of a kept picture is a hash of the function that draws it, all that it is given, its texts and width, the code of
`charts`, the libraries and the fonts. What can't be told exactly, and a function of another room, is drawn each time.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rcm_analysis.store import engine, kept
from rcm_analysis.store.practice import Practice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rcm_analysis.charts.drawn import Drawn
    from rcm_analysis.store.view import View

CHARTS = "rcm_analysis.charts."
# what `repr` tells whole, unlike a class derived of it
PLAIN = {type(None), bool, int, float, str, date, datetime, Decimal, np.float64, np.int64, np.bool_,
         pd.Timestamp, pd.Period, type(pd.NaT), type(pd.NA)}  # fmt: skip

_OPENED: dict[tuple[str, str], Practice | None] = {}  # None where the view's engine keeps nothing


def know(view: View) -> None:
    """Pictures of this practice are kept beside it from now on."""
    practice = Practice(view.store, view.practice)
    _OPENED[str(practice.folder.resolve()), practice.name] = practice if engine.keeps(view.con) else None


def drawn(picture: partial[Figure], name: str, *, title: str, desc: str) -> Drawn:
    """The picture as kept, else drawn now and kept."""
    from rcm_analysis.charts import drawn as charts

    practice = _practice()
    key = practice and _key(picture, practice.name, name, title, desc)
    if not practice or not key:
        return charts.drawn(picture, name, title=title, desc=desc)
    data = kept.picture(practice, key)
    if data is not None:
        return charts.Drawn(**json.loads(data))
    found = charts.drawn(picture, name, title=title, desc=desc)
    kept.keep_picture(practice, key, json.dumps({"svg": found.svg, "nothing": found.nothing}).encode())
    return found


def _practice() -> Practice | None:
    """Whose pictures are drawn; of several practices a table does not say whose it is, so that none is kept."""
    return next(iter(_OPENED.values())) if len(_OPENED) == 1 else None


def _key(picture: partial[Figure], *texts: str) -> str | None:
    """The name of all that a picture depends on; None where that can't be told."""
    from rcm_analysis.charts import common

    draw = picture.func
    if not draw.__module__.startswith(CHARTS) or "<" in draw.__qualname__:  # its code is not in the name
        return None
    try:
        given = repr((_told(picture.args), _told(picture.keywords)))
    except TypeError:
        return None
    parts = (draw.__module__, draw.__qualname__, *texts, common.width(), common.fonts(), kept.drawn_by(), given)
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _told(value: Any) -> Any:
    """A value as nested tuples whose `repr` tells it exactly. Raises TypeError for what it does not know."""
    kind = type(value)
    if kind in PLAIN:
        return kind.__qualname__, repr(value)
    if kind in (list, tuple):
        return kind.__qualname__, tuple(map(_told, value))
    if kind is dict:
        return "dict", tuple((_told(key), _told(one)) for key, one in value.items())
    if kind is pd.DataFrame:
        columns = tuple(_values(column) for _, column in value.items())
        return "frame", _told(value.columns), _told(value.index), columns
    if kind is pd.Series:
        return "series", _told(value.name), _told(value.index), _values(value)
    if isinstance(value, pd.Index):
        return "index", _told(list(value.names)), _values(value)  # whatever class keeps the values
    raise TypeError(f"a {kind.__qualname__} can't be told exactly")


def _values(value: pd.Series | pd.Index) -> Any:
    dtype = value.dtype
    categories = (_told(dtype.categories), dtype.ordered) if isinstance(dtype, pd.CategoricalDtype) else ()
    return str(dtype), categories, _told(value.tolist())
