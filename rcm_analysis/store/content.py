"""What an analysis gives, as files that only hold data: frames as Arrow, facts as JSON, models as their own zips.

    content = Content({"rules": rules}, {"cut": "2026-07-31"}, {"denial.model": b"PK..."})
    unpacked(packed(content))       the same frames, types and rows, tuples and categories too

Nothing in such a file runs when it is read: there is no pickle. Arrow is taken and not Parquet, which would forget the
order of categories.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import ipc

FRAME, FACTS = ".arrow", "facts.json"
_TUPLES, _OBJECTS = b"rcm_tuples", b"rcm_objects"  # columns of tuples of text, and those of plain Python objects
_SEVERAL = (tuple, list, np.ndarray)


@dataclass(frozen=True)
class Content:
    """Frames and files by name, and facts that JSON can tell."""

    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def packed(content: Content) -> dict[str, bytes]:
    """File name -> bytes."""
    files = {f"{name}{FRAME}": _frame_bytes(frame) for name, frame in content.frames.items()}
    return {**files, FACTS: json.dumps(dict(content.facts)).encode(), **content.files}


def unpacked(files: Mapping[str, bytes]) -> Content:
    """The content of such files. Raises ValueError for others."""
    frames = {name.removesuffix(FRAME): _frame(data) for name, data in files.items() if name.endswith(FRAME)}
    others = {name: data for name, data in files.items() if not name.endswith(FRAME) and name != FACTS}
    try:
        return Content(frames, json.loads(files[FACTS]), others)
    except KeyError:
        raise ValueError("there are no facts") from None


def _frame_bytes(frame: pd.DataFrame) -> bytes:
    objects = [name for name in frame if frame[name].dtype == object]
    tuples = [name for name in objects if _holds_tuples(frame[name])]
    coded = {name: _coded(frame[name]) for name in tuples}
    table = pa.Table.from_pandas(frame.assign(**{name: codes for name, (codes, _) in coded.items()}))
    told = {
        **(table.schema.metadata or {}),
        _TUPLES: json.dumps({name: each for name, (_, each) in coded.items()}).encode(),
        _OBJECTS: json.dumps(objects).encode(),
    }
    table = table.replace_schema_metadata(told)
    sink = pa.BufferOutputStream()
    with ipc.new_file(
        sink, table.schema, options=ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=True)
    ) as out:
        out.write_table(table)
    return bytes(sink.getvalue())


def _holds_tuples(column: pd.Series) -> bool:
    there = column.dropna()
    return len(there) > 0 and isinstance(there.iloc[0], tuple)


def _coded(column: pd.Series) -> tuple[pd.Series, list[tuple]]:
    """Each cell as its place among the different tuples, -1 for a missing one: a million lines hold some thousand."""
    seen: dict[tuple, int] = {}
    codes = [seen.setdefault(tuple(cell), len(seen)) if isinstance(cell, _SEVERAL) else -1 for cell in column]
    return pd.Series(codes, column.index, dtype="int32"), list(seen)


def _frame(data: bytes) -> pd.DataFrame:
    with ipc.open_file(pa.BufferReader(data)) as file:
        table = file.read_all()
    frame = table.to_pandas()
    told = table.schema.metadata or {}
    tuples, objects = json.loads(told.get(_TUPLES, b"{}")), json.loads(told.get(_OBJECTS, b"[]"))
    texts = [name for name in objects if name not in tuples and frame[name].dtype != object]  # pandas makes them text
    return frame.assign(
        **{name: _shared_tuples(frame[name], each) for name, each in tuples.items()},
        **{name: pd.Series(table[name].to_pylist(), frame.index, dtype=object) for name in texts},
    )


def _shared_tuples(codes: pd.Series, each: Sequence[Sequence[str]]) -> pd.Series:
    """The tuples of `_coded`; cells of the same share one."""
    known = np.full(len(each) + 1, None, object)
    for place, cell in enumerate(each):
        known[place] = tuple(cell)
    return pd.Series(known[codes.to_numpy()], codes.index, dtype=object)
