"""Pictures kept by what they show: read and not drawn again; of other data, another practice or none, drawn."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import AS_OF, copy_of
from matplotlib.figure import Figure as MatplotlibFigure
from test_kept import practice
from typer.testing import CliRunner

import rcm_analysis as rcm
from rcm_analysis import cli
from rcm_analysis.charts import common
from rcm_analysis.charts import drawn as charts
from rcm_analysis.pages import blocks, denial_overview, pictures
from rcm_analysis.store import kept
from rcm_analysis.store.practice import Practice

TABLE = pd.DataFrame({"payer": ["Atlas", "Meridian"], "denied": [60.0, 54.0]})


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    found = practice(tmp_path_factory.mktemp("pictures"))
    return rcm.open_practice(found.root, found.name, as_of=AS_OF)


@pytest.fixture
def own(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_OPENED", {})
    return known(opened, tmp_path / "store")


def known(opened, store: Path, name: str = "clinic") -> Practice:
    copy_of(opened.store / opened.practice, store / name)
    pictures.know(replace(opened, store=store, practice=name))
    return Practice(store, name)


def shown(table: pd.DataFrame = TABLE, *, name: str = "by_payer", alt: str = "Bars", title: str = "By payer") -> str:
    picture = partial(common.bars, table, label="payer", value="denied", title=title, unit="claims")
    return blocks.Figure(picture, name, alt, "12 months.").html()


@pytest.fixture
def quick(monkeypatch):
    """Drawings that tell their table and take no time."""

    def told(picture: partial, *texts: str, **more: str) -> charts.Drawn:
        return charts.Drawn(f"<svg>{picture.args[0].to_csv()}</svg>")

    monkeypatch.setattr(charts, "drawn", told)


def files(own) -> list:
    folder = own.folder / kept.FOLDER / kept.PICTURES
    return sorted(path for path in folder.glob("*") if path.name != kept.ABOUT)


def draws_nothing(monkeypatch) -> None:
    monkeypatch.setattr(plt, "subplots", lambda *args, **more: pytest.fail("a figure was built"))
    monkeypatch.setattr(charts, "written", lambda *args, **more: pytest.fail("a figure was drawn"))


def test_a_kept_picture_is_read_and_not_drawn(own, monkeypatch):
    first, empty = shown(), shown(TABLE.head(0))
    assert len(files(own)) == 2 and "Nothing to show" in empty
    draws_nothing(monkeypatch)
    assert shown() == first and 'class="wide"' in first and 'class="narrow"' in first
    assert shown(TABLE.head(0)) == empty


OTHERS = {
    "value": lambda: shown(TABLE.assign(denied=[60.0, 55.0])),
    "type": lambda: shown(TABLE.assign(denied=[60, 54])),
    "order": lambda: shown(TABLE.iloc[::-1]),
    "column": lambda: shown(TABLE.assign(more=1)),
    "name": lambda: shown(name="by_plan"),
    "text": lambda: shown(alt="Bars of payers"),
    "title": lambda: shown(title="By plan"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_picture_has_another_name(own, quick, other):
    shown()
    OTHERS[other]()
    assert len(files(own)) == 2


def test_another_width_or_code_has_another_name(own, monkeypatch):
    shown()
    with common.drawn_at(common.COLUMN):
        narrower = shown()
    assert len(files(own)) == 2 and narrower != shown()
    monkeypatch.setattr(kept, "package_fingerprint", lambda rooms: f"another release of {rooms}")
    shown()
    assert len(files(own)) == 3


def test_a_picture_is_the_same_whatever_the_session_sets(own):
    first = shown()
    kept.clear(own)
    with plt.rc_context({"lines.linewidth": 9, "xtick.major.pad": 20, "patch.edgecolor": "red"}):
        assert shown() == first
        assert plt.rcParams["xtick.major.pad"] == 20


def test_what_a_picture_does_not_show_is_not_in_its_name(own, quick):
    reasons = pd.DataFrame({"category": ["authorization", "coding"], "claims": [9, 4], "share": [0.7, 0.3], "expected_cash": [800.0, 120.0],
                            "fix": ["Ask before the visit.", "Check the code."]})  # fmt: skip
    view = rcm.view.PracticeView("clinic", AS_OF, 12, own.root, None)
    denial_overview.reasons_chart(view, reasons)
    denial_overview.reasons_chart(view, reasons.assign(expected_cash=[810.0, 120.0], fix="Call the payer."))
    assert len(files(own)) == 1


DAMAGES = {
    "gone": lambda path: path.unlink(),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "altered": lambda path: path.write_bytes(path.read_bytes().replace(b"Atlas", b"Other")),
    "another's": lambda path: path.write_bytes(
        next(one for one in path.parent.iterdir() if one.name not in (path.name, kept.ABOUT)).read_bytes()
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_drawn_anew(own, quick, damage):
    first = shown()
    (one,) = files(own)
    shown(TABLE.head(1))
    DAMAGES[damage](one)
    assert shown() == first
    assert kept.picture(own, one.name) is not None


def test_pictures_are_their_owners_alone_shown_cleared_and_forgotten(own, quick):
    shown()
    folder = own.folder / kept.FOLDER / kept.PICTURES
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    asked = ["cache", "--practice", own.name, "--store", str(own.root)]
    assert kept.PICTURES in CliRunner().invoke(cli.app, asked).stdout
    CliRunner().invoke(cli.app, [*asked, "--clear"])
    assert not folder.exists()
    shown()
    own.forget()
    assert not folder.exists()


def test_a_practice_that_is_opened_is_known(opened, quick, monkeypatch):
    monkeypatch.setattr(pictures, "_OPENED", {})
    rcm.open_practice(opened.store, opened.practice, as_of=AS_OF)
    shown()
    assert len(files(Practice(opened.store, opened.practice))) == 1


def test_of_many_pictures_the_oldest_use_goes(own, monkeypatch):
    monkeypatch.setattr(kept, "MOST_PICTURES", 4)
    names = [f"{i:032}" for i in range(4)]
    for i, name in enumerate(names):
        kept.keep_picture(own, name, b"x")
        os.utime(own.folder / kept.FOLDER / kept.PICTURES / name, (i, i))
    assert kept.picture(own, names[0]) == b"x"  # used now
    kept.keep_picture(own, "another", b"x")
    assert {path.name for path in files(own)} == {names[0], names[3], "another"}


def test_a_store_that_cannot_be_written_is_drawn_from(own, quick):
    first = shown()
    kept.clear(own)
    (own.folder / kept.FOLDER).write_text("no folder")
    assert shown() == first


@pytest.mark.parametrize("call", ["mkdir", "open", "replace", "unlink", "utime", "listdir"])
def test_a_disk_that_fails_costs_the_picture_and_nothing_else(own, quick, monkeypatch, call):
    def fail(*args, **more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(kept, "MOST_PICTURES", 0)
    with monkeypatch.context() as failing:
        failing.setattr(os, call, fail)
        first, second = shown(), shown()
    assert first == second == shown() and "60.0" in first
    assert not [path for path in files(own) if path.name.startswith(".new-")]


def test_nothing_is_kept_without_a_practice_or_of_several(own, quick, opened, tmp_path, monkeypatch):
    other = known(opened, tmp_path / "store", "other")
    shown()
    assert not files(own) and not files(other)
    monkeypatch.setattr(pictures, "_OPENED", {})
    shown()
    assert not files(own) and not files(other)


def test_what_cannot_be_told_exactly_is_drawn_each_time(own):
    class Odd(str):
        pass

    def drawn_here(table: pd.DataFrame, *, title: str) -> MatplotlibFigure:
        return plt.figure()

    shown(TABLE.assign(payer=pd.Series([Odd("Atlas"), "Meridian"], dtype=object)))
    blocks.Figure(partial(drawn_here, TABLE, title="x"), "x", "Bars", "c")
    assert not files(own)


def test_values_are_told_apart():
    values = [
        None, True, 1, 1.0, "1", np.float64(1), np.int64(1), Decimal(1), Decimal("1.0"), date(2026, 10, 31), float("nan"), pd.NaT, pd.NA,
        pd.Timestamp("2026-10-31"), pd.Period("2026-10", "M"), (1, 2), [1, 2], ((1,), 2), {"a": 1}, pd.Series([1, 2]), pd.Series([1, 2], name="a"),
        pd.Series([1, 2], index=[1, 2]), pd.Index([1, 2]), pd.Series(["a", "b"]), pd.Series(["a", "b"], dtype=object), pd.Series(["a", "b"], dtype="category"),
        pd.Series(pd.Categorical(["a", "b"], ["b", "a"])), pd.MultiIndex.from_tuples([(1, 2)]), TABLE, TABLE.rename_axis("x"), TABLE.set_index("payer"),
    ]  # fmt: skip
    told = [repr(pictures._told(value)) for value in values]
    assert len(set(told)) == len(told)
    assert told == [repr(pictures._told(value)) for value in values]
