"""Derived tables kept between uses: the same as made anew, whatever became of the files; never those of another state."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from conftest import AS_OF, remittance
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from test_project import GROUND, ROOMS
from typer.testing import CliRunner

import rcm_analysis as rcm
from rcm_analysis import cli, export, settings
from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.measures import by_month, measures
from rcm_analysis.risk import features, worklist
from rcm_analysis.store import content, kept, schema
from rcm_analysis.store.content import Content
from rcm_analysis.store.practice import Practice
from rcm_analysis.trends import followed, signals

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


def test_opening_makes_no_table_and_no_view_of_what_is_kept(tmp_path):
    """Each would cost work in every page; what is asked for is looked up in the file."""
    own = practice(tmp_path)
    tables(own)
    view = derive.open_practice(own.root, own.name, as_of=AS_OF)
    made = view.execute(
        "SELECT view_name FROM duckdb_views() WHERE NOT internal AND database_name <> 'kept' "
        "UNION SELECT table_name FROM duckdb_tables() WHERE temporary"
    ).fetchall()
    assert not {name for (name,) in made} & {"claims", "episode_steps", "files", "remittances", "remittance_lines"}
    assert len(view.execute("SELECT * FROM episode_steps").fetchall()) > 0
    view.close()


def facts(own: Practice, day: date) -> dict[str, tuple]:
    view, found = derive.open_practice(own.root, own.name, as_of=day), {}
    for table in schema.FACTS:
        result = view.execute(f"SELECT * FROM {table.name} ORDER BY ALL")
        found[table.name] = ([(column[0], str(column[1])) for column in result.description], result.fetchall())
    view.close()
    return found


def test_facts_are_the_same_read_beside_kept_tables_whatever_came_since(tmp_path):
    own, day = practice(tmp_path), date(2026, 3, 31)
    first = facts(own, day)
    assert facts(own, day) == first
    later = remittance("CLP*A9*1*100*20**CI*XA9", "SVC*HC:99213*100*20", paid="20").replace(b"202603", b"202604")
    (tmp_path / "later.835").write_bytes(later)
    ingest.ingest(own, [tmp_path / "later.835"])
    since = facts(own, day)  # the tables of the day are those kept before
    assert len(kept.kept(own)) == 1 and len(since["files"][1]) == len(first["files"][1]) + 1
    moved = Practice(own.root.rename(tmp_path / "moved"), own.name)
    assert facts(moved, day) == since
    kept.clear(moved)
    assert facts(moved, day) == since


def test_another_ingest_day_or_package_is_another_state(tmp_path, monkeypatch):
    own = practice(tmp_path)
    names = {kept.key(own, AS_OF), kept.key(own, AS_OF - timedelta(1))}
    (own.root / "write_off_phrases.csv").write_text("words,leaf\nper dr ok,courtesy\n")
    names.add(kept.key(own, AS_OF))
    practice(tmp_path, "A2")
    names.add(kept.key(own, AS_OF))
    monkeypatch.setattr(kept, "package_fingerprint", lambda rooms: "another release")
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


@pytest.mark.slow
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
    assert shown.exit_code == 0 and "clinic\t2026-10-31\ttables" in shown.output
    assert run("--clear", "--practice", "clinic").exit_code == 0 and not kept.kept(own)
    assert len(export.frame(derive.open_practice(own.root, "clinic", as_of=AS_OF), "claims")) == 1


def test_the_code_of_every_room_that_decides_counts():
    for deciding in (kept.TELL_TABLES, kept.TELL_LEARNED, kept.TELL_PICTURES):
        above = set(deciding) - {
            "privacy",
            "spreadsheets",
            "store",
            "reference",
        }  # those below read nothing that is derived
        used = {name for room in above for name in ROOMS[room].split()}
        assert used - set(deciding) <= {"edi", "intake", "pages"}  # files that are checked, and what pages say
    assert set(kept.GROUND) == GROUND - {"settings"}  # how much of the machine is used decides nothing


# --- what was learned ----------------------------------------------------------------------------------------------


def counted(own: Practice, day: date = AS_OF, *, asked: dict | None = None, calls: list | None = None) -> pd.DataFrame:
    """The claims by payer, as something that takes long to learn."""
    view = derive.open_practice(own.root, own.name, as_of=day)

    def make() -> Content:
        (calls if calls is not None else []).append(day)
        rows = view.sql("SELECT claim_number, payer_name, charge FROM claims ORDER BY 1")
        return Content(
            {"claims": rows.assign(codes=[("16", "197")] * len(rows))}, {"claims": len(rows)}, {"a.bin": b"1"}
        )

    found = kept.learned(view, "claims-counted", make, asked=asked)
    view.close()
    assert found.facts["claims"] == len(found.frames["claims"]) and found.files["a.bin"] == b"1"
    return found.frames["claims"]


def damaged(own: Practice, damage, what: str) -> int:
    """Damages what is kept under the name; gives how many there were."""
    chosen = [one for one in kept.kept(own) if one.what == what]
    for one in chosen:
        damage(one.folder)
    return len(chosen)


def test_the_page_of_groups_and_the_work_queue_share_one_grouping(tmp_path):
    own = practice(tmp_path)
    view = rcm.open_practice(own.root, own.name, as_of=AS_OF)
    view.clusters()
    export.frame(view, "work_items")
    assert [one.what for one in kept.kept(own)].count("clusters") == 1


def test_pages_that_ask_for_some_measures_share_one_count_of_all(tmp_path, monkeypatch):
    own = practice(tmp_path)
    view = rcm.open_practice(own.root, own.name, as_of=AS_OF)
    names = ("overturn_rate", "initial_denial_rate")
    apart = measures._counted(view, [m for m in measures.MEASURES if m.name in names])
    every = measures.measure(view)
    monkeypatch.setattr(measures, "_rows", lambda *given: pytest.fail("counted again"))
    pd.testing.assert_frame_equal(measures.measure(view, names=names), apart)
    pd.testing.assert_frame_equal(measures.measure(view), every)
    assert set(every["measure"]) > set(apart["measure"])
    with pytest.raises(KeyError, match="a_rate"):
        measures.measure(view, names=("a_rate",))


def test_both_models_are_asked_about_open_denials_looked_up_once(tmp_path, monkeypatch):
    own = practice(tmp_path, "A1", "A2")
    view = rcm.open_practice(own.root, own.name, as_of=AS_OF)
    found = worklist.standing(view)
    monkeypatch.setattr(features, "features", lambda *given: pytest.fail("looked up again"))
    pd.testing.assert_frame_equal(worklist.standing(view), found)
    assert list(found["claim_number"]) == ["A1", "A2"] and found.loc[0, features.CODES] == ("197",)


def test_who_only_reads_the_changes_found_makes_no_tables_to_look_for_them(tmp_path, monkeypatch):
    own, calls, prepare = practice(tmp_path), [], signals.prepare
    rcm.open_practice(own.root, own.name, as_of=AS_OF).signals()
    monkeypatch.setattr(signals, "prepare", lambda view, **asked: calls.append(asked) or prepare(view, **asked))
    view = rcm.open_practice(own.root, own.name, as_of=AS_OF)
    signals.practice_signals(view, months=24)
    signals.practice_signals(view, months=36)
    assert calls == [{"months": 24, "measure": "initial_denial_rate"}]  # which was not learned yet
    for _ in range(2):
        assert signals.counted(view, {"payer_name": "ACME HEALTH"})["denominator"].sum() == 1
    assert calls[1:] == [{"months": 36}]


def test_frames_come_back_as_they_were():
    frame = pd.DataFrame(
        {
            "payer": pd.Categorical(["b", "a", None], categories=["c", "b", "a"]),
            "codes": pd.Series([("1", "2"), (), None], dtype=object),
            "same": pd.Series([("é",), None, ("é",)], dtype=object),
            "only": pd.Series([("1", "2", "3")] * 3, dtype=object),
            "told": pd.Series(["x", None, "y"], dtype=object),
            "on": pd.to_datetime(["2026-03-01", None, "2026-03-02"]).astype("datetime64[ns]"),
            "n": pd.array([1, None, 3], dtype="Int64"),
        }
    )
    again = content.unpacked(content.packed(Content({"t": frame}, {"p": 0.1}))).frames["t"]
    pd.testing.assert_frame_equal(again, frame)
    assert again.loc[0, "same"] is again.loc[2, "same"] and again["codes"].tolist() == frame["codes"].tolist()
    assert again.loc[0, "codes"] == ("1", "2") and list(again["payer"].cat.categories) == ["c", "b", "a"]


def test_what_was_learned_is_read_and_not_learned_again(tmp_path):
    own, calls = practice(tmp_path), []
    first = counted(own, calls=calls)
    pd.testing.assert_frame_equal(counted(own, calls=calls), first)
    assert calls == [AS_OF]
    counted(own, asked={"months": 12}, calls=calls)
    assert len(calls) == 2  # other settings
    counted(own, AS_OF - timedelta(1), calls=calls)
    assert len(calls) == 3  # another day
    practice(tmp_path, "A2")
    assert len(counted(own, calls=calls)) == 2 and len(calls) == 4  # another ingest


DAMAGES_OF_LEARNED = {
    "gone": shutil.rmtree,
    "no frame": lambda folder: (folder / "claims.arrow").unlink(),
    "a frame more": lambda folder: (folder / "other.arrow").write_bytes(b"x"),
    "cut": lambda folder: os.truncate(folder / "claims.arrow", 100),
    "a flipped bit": lambda folder: flip(folder / "claims.arrow"),
    "other facts": lambda folder: (folder / "facts.json").write_text('{"claims": 7}'),
    "account cut": lambda folder: os.truncate(folder / kept.ABOUT, 5),
    "another account": lambda folder: (folder / kept.ABOUT).write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGES_OF_LEARNED)
def test_what_is_damaged_is_learned_anew(tmp_path, damage):
    own, calls = practice(tmp_path), []
    whole = counted(own, calls=calls)
    assert damaged(own, DAMAGES_OF_LEARNED[damage], "claims-counted") == 1
    pd.testing.assert_frame_equal(counted(own, calls=calls), whole)
    pd.testing.assert_frame_equal(counted(own, calls=calls), whole)
    assert len(calls) == 2


def test_nothing_of_another_version_practice_or_key_is_read(tmp_path, monkeypatch):
    own, calls = practice(tmp_path), []
    counted(own, calls=calls)
    shutil.copytree(own.folder, own.root / "other")
    other = Practice(own.root, "other")
    counted(other, calls=calls)
    assert len(calls) == 2  # a copy under another name
    (other.folder / "key").write_bytes(bytes(32))
    counted(other, calls=calls)
    assert len(calls) == 3  # other pseudonyms
    monkeypatch.setattr(kept, "_version", lambda library: f"{library} of tomorrow")
    counted(own, calls=calls)
    monkeypatch.setattr(kept, "package_fingerprint", lambda rooms: "another release")
    counted(own, calls=calls)
    assert len(calls) == 5


def test_files_of_later_days_leave_an_earlier_days_state(tmp_path):
    own, calls = practice(tmp_path), []
    day = date(2026, 3, 31)
    before = counted(own, day, calls=calls)
    path = tmp_path / "later.835"
    later = remittance("CLP*A9*1*100*0**CI*XA9", "SVC*HC:99213*100*0", "CAS*CO*45*20**197*80").replace(
        b"202603", b"202604"
    )
    path.write_bytes(later)
    ingest.ingest(own, [path])
    pd.testing.assert_frame_equal(counted(own, day, calls=calls), before)
    assert calls == [day] and len(counted(own)) == len(before) + 1
    kept.clear(own)
    pd.testing.assert_frame_equal(counted(own, day), before)  # and it is what the day's facts tell


def test_the_changes_of_a_month_ago_are_searched_again_only_where_what_was_decided_by_then_changed(
    tmp_path, monkeypatch
):
    own, calls, look = practice(tmp_path), [], signals.unpriced
    monkeypatch.setattr(signals, "unpriced", lambda *given: calls.append(given) or look(*given))

    def answered(*months: str) -> None:
        for month in months:
            told = remittance(f"CLP*B{month}*1*100*0**CI*X{month}", "SVC*HC:99213*100*0", "CAS*CO*45*20**197*80")
            (tmp_path / f"{month}.835").write_bytes(told.replace(b"202603", month.encode()))
        ingest.ingest(own, [tmp_path / f"{month}.835" for month in months])

    def searched(day: date) -> int:
        view = rcm.open_practice(own.root, own.name, as_of=day)
        followed.a_month_ago(view)
        told = view.sql("SELECT count(*) AS claims FROM trend_claims")["claims"].iloc[0]
        assert told == len(view.sql("SELECT 1 FROM claims WHERE first_decided_on <= ?", [view.window(1)[1]]))
        view.close()
        return len(calls)

    assert searched(date(2026, 5, 31)) == 1
    answered("202605", "202606")
    assert searched(date(2026, 6, 12)) == 1
    answered("202604")
    assert searched(date(2026, 6, 12)) == 2


def test_models_learn_up_to_the_end_of_the_last_whole_month(tmp_path):
    own = practice(tmp_path)
    ends = {
        date(2026, 3, 31): date(2026, 3, 31),
        date(2026, 4, 17): date(2026, 3, 31),
        date(2026, 3, 17): date(2026, 3, 17),
    }
    for day, end in ends.items():  # nothing was known by the end of February
        view = derive.open_practice(own.root, own.name, as_of=day)
        assert view.learning_day == end and derive.known_on(view, end).as_of == end


AT_ONCE = """
import sys, time
from pathlib import Path
from datetime import date
from rcm_analysis.claims import derive
from rcm_analysis.store import kept
from rcm_analysis.store.content import Content
view = derive.open_practice(sys.argv[1], "clinic", as_of=sys.argv[2])
def make():
    with open(sys.argv[3], "a") as log:
        log.write("made\\n")
    time.sleep(1)
    return Content({"claims": view.sql("SELECT claim_number FROM claims ORDER BY 1")})
print(len(kept.learned(view, "slow", make).frames["claims"]))
"""


def test_two_processes_at_once_harm_nothing(tmp_path):
    own, log = practice(tmp_path, "A1", "A2"), tmp_path / "log"
    call = [sys.executable, "-c", AT_ONCE, str(own.root), str(AS_OF), str(log)]
    both = [subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    told = [process.communicate(timeout=300) for process in both]
    assert [out.strip() for out, _ in told] == ["2"] * 3, told
    assert log.read_text().splitlines() == ["made"]  # the others waited
    assert sorted(one.what for one in kept.kept(own)) == ["slow", kept.DERIVED]
    assert not list((own.folder / kept.FOLDER).glob(".new-*"))


@pytest.mark.slow
@examples(max_examples=6)
@given(st.lists(st.sampled_from(["A1", "A2", "earlier", "later", "damage", "clear"]), min_size=2, max_size=5))
def test_lists_are_the_same_whatever_became_of_what_was_kept(tmp_path_factory, moves):
    folder = tmp_path_factory.mktemp("learned")
    own, day = practice(folder, "A0"), AS_OF
    for move in moves:
        if move in ("earlier", "later"):
            day = date(2026, 4, 17) if move == "earlier" else AS_OF
        elif move == "clear":
            kept.clear(own)
        elif move == "damage":
            for one in kept.kept(own):
                flip(max(one.folder.iterdir(), key=lambda path: path.stat().st_size))
        else:
            practice(folder, move)
        found = worklist.risk(derive.open_practice(own.root, own.name, as_of=day))
        kept.clear(own)
        anew = worklist.risk(derive.open_practice(own.root, own.name, as_of=day))
        assert content.packed(Content({"risk": found})) == content.packed(Content({"risk": anew}))


def test_no_statement_takes_whichever_row_came_first():
    """Threads finish in another order each time, so that `mode` and lists without an order give another answer."""
    whichever = re.compile(r"(?<![\w.])mode\(\w|string_agg\((?:(?!ORDER BY)[^()]|\([^()]*\))*\)")
    assert whichever.search("SELECT mode(carc)") and whichever.search("string_agg(DISTINCT coalesce(carc, ''), ' ')")
    assert not whichever.search("string_agg(DISTINCT carc, ' ' ORDER BY carc)")
    found = [
        f"{path.name}: {match[0]}"
        for path in sorted([*kept.PACKAGE.rglob("*.sql"), *kept.PACKAGE.rglob("*.py")])
        for match in whichever.finditer(path.read_text("utf-8"))
    ]
    assert found == []


def test_equally_common_words_give_one_of_them_always(demo_con):
    for rows in (("a", "b"), ("b", "a")):
        con = demo_con.con.cursor()
        con.execute(f"CREATE OR REPLACE TEMP TABLE told AS SELECT 'x' AS part_of, unnest({list(rows)}) AS owner")
        asked = f"SELECT part_of, {by_month.commonest('owner', 'part_of')} FROM told GROUP BY part_of"
        assert con.execute(asked).fetchall() == [("x", "b")]


def test_what_rests_on_inputs_alone_is_made_once_for_the_same_inputs(tmp_path):
    place, made = practice(tmp_path), []
    frame = pd.DataFrame({"carc": ["197", "16"], "denied": [2, 1]})

    def asked(frame: pd.DataFrame, day: date, what: str = "counts") -> pd.DataFrame:
        view = rcm.open_practice(place.root, "clinic", as_of=day)
        make = lambda: made.append(1) or Content({"out": frame.assign(twice=frame["denied"] * 2)})  # noqa: E731
        return kept.made_of(view, what, Content({"in": frame}, {"months": 24}), make).frames["out"]

    first = asked(frame, AS_OF)
    later = asked(frame.copy(), AS_OF + timedelta(days=3))
    pd.testing.assert_frame_equal(first, later)
    assert len(made) == 1
    asked(frame.assign(denied=[2, 3]), AS_OF)
    asked(frame, AS_OF, "others")
    assert len(made) == 3
    for state in kept.kept(place):
        (state.folder / "out.arrow").write_bytes(b"cut") if (state.folder / "out.arrow").exists() else None
    pd.testing.assert_frame_equal(asked(frame, AS_OF), first)
    assert len(made) == 4
