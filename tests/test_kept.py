"""Derived tables kept between uses: the same as made anew, whatever became of the files; never those of another state."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import date, timedelta
from pathlib import Path

import pytest
from conftest import AS_OF, remittance
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from typer.testing import CliRunner

from rcm_analysis import cli, export, settings
from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.store import kept
from rcm_analysis.store.practice import Practice

DERIVED = ("claims", "denials", "write_offs", "episode_steps", "rejected_claims")


def practice(folder: Path, *numbers: str) -> Practice:
    folder.mkdir(exist_ok=True)
    own = Practice(folder / "store", "clinic")
    for number in numbers or ("A1",):
        (folder / f"{number}.835").write_bytes(
            remittance(f"CLP*{number}*1*100*0**CI*X{number}", "SVC*HC:99213*100*0", "CAS*CO*45*20**197*80")
        )
    ingest.ingest(own, sorted(folder.glob("*.835")))
    return own


def tables(own: Practice, day: date = AS_OF) -> dict[str, tuple]:
    view = derive.open_practice(own.root, own.name, as_of=day)
    found = {}
    for name in DERIVED:
        result = view.execute(f"SELECT * FROM {name} ORDER BY ALL")
        found[name] = ([(column[0], str(column[1])) for column in result.description], result.fetchall())
    view.close()
    return found


def made_anew(own: Practice, day: date = AS_OF) -> dict[str, tuple]:
    kept.clear(own)
    return tables(own, day)


def test_an_opened_practice_is_read_and_not_derived(tmp_path, monkeypatch):
    own = practice(tmp_path)
    first = tables(own)
    monkeypatch.setattr(derive, "derive", lambda *args, **more: pytest.fail("derived again"))
    assert tables(own) == first and len(first["denials"][1]) == 1


def test_another_ingest_day_or_package_is_another_state(tmp_path, monkeypatch):
    own = practice(tmp_path)
    names = {kept.key(own, AS_OF), kept.key(own, AS_OF - timedelta(1))}
    (own.root / "write_off_phrases.csv").write_text("words,leaf\nper dr ok,courtesy\n")
    names.add(kept.key(own, AS_OF))
    practice(tmp_path, "A2")
    names.add(kept.key(own, AS_OF))
    monkeypatch.setattr(kept, "package_fingerprint", lambda: "another release")
    names.add(kept.key(own, AS_OF))
    assert len(names) == 5
    assert len(tables(own)["claims"][1]) == 2


DAMAGES = {
    "gone": lambda folder: shutil.rmtree(folder),
    "no tables": lambda folder: (folder / kept.TABLES).unlink(),
    "no account": lambda folder: (folder / kept.ABOUT).unlink(),
    "cut": lambda folder: os.truncate(folder / kept.TABLES, (folder / kept.TABLES).stat().st_size // 2),
    "account cut": lambda folder: os.truncate(folder / kept.ABOUT, 5),
    "a flipped bit": lambda folder: flip(folder / kept.TABLES),
}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_made_anew(tmp_path, damage):
    own = practice(tmp_path)
    whole = tables(own)
    (one,) = kept.kept(own)
    DAMAGES[damage](one.folder)
    assert tables(own) == whole
    assert kept.kept(own)[0].folder == one.folder and tables(own) == whole


@examples(max_examples=8)
@given(st.lists(st.sampled_from(["A1", "A2", "A3", "earlier", "damage", "clear"]), min_size=2, max_size=6))
def test_any_order_of_ingests_days_and_damages_gives_the_same(tmp_path_factory, moves):
    folder = tmp_path_factory.mktemp("kept")
    own = practice(folder, "A0")
    for move in moves:
        if move == "earlier":
            tables(own, date(2026, 3, 31))
        elif move == "clear":
            kept.clear(own)
        elif move == "damage":
            for one in kept.kept(own):
                flip(one.folder / kept.TABLES)
        else:
            practice(folder, move)
        assert tables(own) == made_anew(own)


def test_kept_files_are_their_owners_alone_and_go_with_the_practice(tmp_path):
    own = practice(tmp_path)
    tables(own)
    (one,) = kept.kept(own)
    assert {stat.S_IMODE(path.stat().st_mode) for path in one.folder.iterdir()} == {0o600}
    assert stat.S_IMODE(one.folder.stat().st_mode) == 0o700
    own.forget()
    assert not one.folder.exists()


def test_the_oldest_use_goes_first(tmp_path, monkeypatch):
    own = practice(tmp_path)
    days = [AS_OF - timedelta(i) for i in range(3)]
    for place, day in enumerate(days):
        tables(own, day)
        os.utime(own.folder / kept.FOLDER / kept.key(own, day) / kept.ABOUT, (place, place))
    sizes = {one.as_of: one.size for one in kept.kept(own)}
    kept.shrink(own, limit_mb=(sizes[str(days[2])] + sizes[str(days[1])]) / 1e6)
    assert {one.as_of for one in kept.kept(own)} == {str(days[1]), str(days[2])}
    monkeypatch.setenv(settings.CACHE_LIMIT_MB.name, "0")
    tables(own, days[0])  # what was just made stays
    assert [one.as_of for one in kept.kept(own)] == [str(days[0])]


def test_a_store_that_cannot_be_written_is_still_read(tmp_path, monkeypatch):
    own = practice(tmp_path)
    wanted = made_anew(own)
    kept.clear(own)

    def refuse(*args, **more):
        raise PermissionError("read-only")

    monkeypatch.setattr(kept.tempfile, "mkdtemp", refuse)
    assert tables(own) == wanted and not kept.kept(own)


def test_the_command_shows_and_clears(tmp_path):
    own = practice(tmp_path)
    tables(own)
    run = lambda *more: CliRunner().invoke(cli.app, ["cache", "--store", str(own.root), *more])  # noqa: E731
    shown = run()
    assert shown.exit_code == 0 and "clinic\t2026-10-31" in shown.output
    assert run("--clear", "--practice", "clinic").exit_code == 0 and not kept.kept(own)
    assert len(export.frame(derive.open_practice(own.root, "clinic", as_of=AS_OF), "claims")) == 1
