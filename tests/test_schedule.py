"""What is due is made once, whatever happens in between; who is to hear of it hears the truth."""

from __future__ import annotations

import json
import os
import random
import signal
import socketserver
import subprocess
import sys
import threading
from datetime import date, datetime
from pathlib import Path

import pytest
from conftest import GOOD, ROOT, copy_of, notebook
from typer.testing import CliRunner

from rcm_analysis import cli
from rcm_analysis.compare import portfolio
from rcm_analysis.errors import RcmError
from rcm_analysis.reports import cron as reports_cron
from rcm_analysis.reports import deliver, render, schedule, scheduler_entries
from rcm_analysis.reports import run as reports_run
from rcm_analysis.store import folders

NOW = datetime(2026, 11, 3, 6, 0)


@pytest.mark.parametrize(
    ("text", "until", "last"),
    [("0 6 3 * *", "2026-11-03T06:00", "2026-11-03T06:00"), ("0 6 3 * *", "2026-11-03T05:59", "2026-10-03T06:00"),
     ("*/15 8-17 * * mon-fri", "2026-11-01T12:00", "2026-10-30T17:45"), ("30 7 * * 7", "2026-11-03T00:00", "2026-11-01T07:30"),
     ("0 0 29 2 *", "2027-01-01T00:00", "2024-02-29T00:00"), ("@monthly", "2026-11-30T00:00", "2026-11-01T00:00"),
     ("0 6 L * *", "2026-11-29T06:00", "2026-10-31T06:00"), ("0 6 1 * *", "2026-11-01T05:59:59.5", "2026-10-01T06:00"),
     ("0 0 13 * fri", "2026-11-12T00:00", "2026-11-06T00:00"), ("5,10 1/6 * jan *", "2026-11-01T00:00", "2026-01-31T19:10")],
)  # fmt: skip
def test_the_last_time_of_an_expression(text, until, last):
    assert reports_cron.parse(text).due(after=None, until=datetime.fromisoformat(until)) == [
        datetime.fromisoformat(last)
    ]


def test_cron_agrees_with_trying_every_minute():
    cron = reports_cron.parse("7,37 3 1-9/4 * mon")
    after, until = datetime(2026, 1, 1), datetime(2026, 3, 1)
    minutes = [datetime.fromtimestamp(after.timestamp() + 60 * i) for i in range(1, 59 * 1440 + 1)]
    slow = [m for m in minutes if m.minute in (7, 37) and m.hour == 3 and (m.day in (1, 5, 9) or m.weekday() == 0)]
    assert cron.due(after=after, until=until) == slow


@pytest.mark.parametrize(("text", "words"), [("0 6 3 *", "five fields"), ("61 * * * *", "minute '61'"), ("* * 0 * *", "day '0'"),
                                             ("0 6 30 2 *", "never comes"), ("0 6 31 4,6,9,11 *", "never comes"), ("0 0 31 2 *", "never comes: no month of it has a day 31"), ("0 0 0 * * *", "five fields"), ("* * * * mun", "weekday 'mun'"), ("*/0 * * * *", "minute"), ("5-1 * * * *", "minute")])  # fmt: skip
def test_what_is_no_expression_is_named(text, words):
    with pytest.raises(RcmError, match=words):
        reports_cron.parse(text)


def definition(**more) -> schedule.Definition:
    return schedule.Definition(**{"name": "monthly", "practices": ("riverbend",), "cron": "0 6 3 * *", **more})


@pytest.fixture
def place(demo_store, tmp_path, monkeypatch):
    """A store of two practices, and one small notebook that counts its runs."""
    for name in ("riverbend", "lakeside"):
        copy_of(demo_store / "riverbend", tmp_path / "store" / name)
    count = (
        f"import pathlib\nwith open({str(tmp_path / 'runs')!r}, 'a') as f:\n    f.write(f'{{practice}} {{as_of}}\\n')"
    )
    books = [notebook(tmp_path / "01_x.ipynb", GOOD, count)]
    monkeypatch.setattr(render, "notebooks", lambda only: books)
    return tmp_path


def go(place, *definitions, now=NOW, **more) -> list[schedule.Outcome]:
    return schedule.run(list(definitions), now=now, store=place / "store", out=place / "out", **more)


def runs_of(place) -> list[str]:
    path = place / "runs"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def test_what_is_due_runs_once_and_is_caught_up(place):
    assert [o.ok for o in go(place, definition())] == [True]
    assert go(place, definition()) == [] and go(place, definition(), now=datetime(2026, 12, 3, 5, 59)) == []
    caught = go(place, definition(), now=datetime(2027, 2, 10))
    assert [o.due.period for o in caught] == ["2026-11", "2026-12", "2027-01"]
    assert runs_of(place) == [f"riverbend {day}" for day in ("2026-10-31", "2026-11-30", "2026-12-31", "2027-01-31")]
    assert (place / "out/riverbend/2026-12/index.html").exists()


def test_a_clock_that_strikes_often_makes_a_month_once(place):
    often = definition(cron="*/15 * * * *")
    go(place, often)
    assert go(place, often, now=datetime(2026, 11, 4)) == []
    assert len(runs_of(place)) == 1


def test_a_failing_practice_stops_no_other_and_is_tried_again(place, monkeypatch):
    bad = notebook(place / "01_x.ipynb", GOOD, f"1 / (practice != 'riverbend')\n{GOOD}")
    both = definition(practices=("riverbend", "lakeside", "nobody"))
    made = {o.due.practice: o for o in go(place, both, jobs=2)}
    assert {name: o.ok for name, o in made.items()} == {
        "riverbend": False,
        "lakeside": True,
        "nobody": False,
        "all": True,
    }
    assert "ZeroDivisionError" in made["riverbend"].message and "ingest" in made["nobody"].message
    assert not (place / "out/riverbend/2026-10").exists() and (place / "out/lakeside/2026-10/index.html").exists()
    page = place / "out/all/2026-10.monthly/10_portfolio.html"
    assert (
        "2 of 3 reports failed: nobody (" in page.read_text()
        and "riverbend (01_x: cell 4 failed: Z" in page.read_text()
    )
    first = page.stat().st_ino
    again = go(place, both)
    assert {o.due.practice for o in again} == {"riverbend", "nobody"}
    assert page.stat().st_ino == first  # nothing is known now that was not known before
    notebook(bad, GOOD)
    assert {o.due.practice: o.ok for o in go(place, both)} == {"riverbend": True, "nobody": False, "all": True}
    assert "1 of 3 reports failed: nobody (" in page.read_text()
    assert go(place, both) == []  # nobody was given up


def test_a_notebook_that_fails_once_is_tried_again(place):
    flag = place / "flag"
    notebook(
        place / "01_x.ipynb",
        f"import pathlib\nflag = pathlib.Path({str(flag)!r})\nseen = flag.exists()\nflag.touch()\nassert seen",
        GOOD,
    )
    assert [o.ok for o in go(place, definition())] == [True]


def test_a_practice_at_work_is_left_alone(place):
    (place / "out/riverbend").mkdir(parents=True)
    said = []
    with render.lock(place / "out/riverbend", ".schedule.lock"):
        assert go(place, definition(), say=said.append) == []
    assert "another rcm schedule" in said[0] and runs_of(place) == []
    assert [o.ok for o in go(place, definition())] == [True]


SCRIPT = """
import sys, datetime
from pathlib import Path
from rcm_analysis.reports import render, schedule
place = Path(sys.argv[1])
render.notebooks = lambda only: [place / "01_x.ipynb"]
made = schedule.Definition(name="monthly", practices=("riverbend", "lakeside"), cron="0 6 3 * *", folder=str(place / "delivered"))
schedule.run([made], now=datetime.datetime(2026, 11, 3, 6), store=place / "store", out=place / "out", jobs=2)
"""
# The same with notebooks executed before in the place of kernels, so that a run takes little time. A forked scheduler kills
# itself, threads and all, right before the file system would be changed for the nth time; n is spread over all steps.
HARNESS = """
import datetime, json, os, random, shutil, signal, sys
from pathlib import Path
import nbconvert, pandas, papermill, pyarrow.parquet
from rcm_analysis.compare import portfolio
from rcm_analysis.reports import render, run as runs, schedule
place, rounds, chance = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
known = portfolio.Profiles(*(pandas.read_pickle(place / f"{i}.pkl") for i in range(4)))

def run(notebook, output, parameters, **more):
    output.write_text((place / "executed.ipynb").read_text())
    return runs.Status(notebook.stem, True, 0.0)

runs.run, render.notebooks = run, lambda only: [place / "01_x.ipynb"]
portfolio.profile = lambda store, practice, **more: portfolio.Profiles(
    *(table.assign(practice=practice) for table in (known.cases, known.figures, known.changes)), known.reports)
made = schedule.Definition(name="monthly", practices=("riverbend", "lakeside"), cron="0 6 3 * *", folder=str(place / "delivered"))
STEPS, done = ("os.rename", "os.mkdir", "os.rmdir", "os.remove"), 0

def start(out, at=None):
    global done
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    def step(event, given):
        global done
        if (event in STEPS or (event == "open" and given[2] & (os.O_WRONLY | os.O_RDWR))) and str(given[0]).startswith(str(place)):
            done += 1
            if done == at:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(step)
    try:
        schedule.run([made], now=datetime.datetime(2026, 11, 3, 6), store=place / "store", out=out, jobs=2)
        if at is None:
            (place / "steps").write_text(str(done))
        os._exit(0)
    finally:
        os._exit(1)

def whole(*places):
    found = {}
    for folder in sorted(folder for one in places for folder in one.glob("*/2*")):
        json.loads((folder / "manifest.json").read_text())
        assert (folder / "index.html").exists() and len(list(folder.glob("[0-9]*.html"))) == 1, folder
        found[folder] = (folder / "manifest.json").stat().st_ino
    return found

assert start(place / "first") == 0
steps = int((place / "steps").read_text())
for i in range(rounds):
    out, at = place / f"out{i}", 1 + int(steps * (i + chance.random()) / rounds)
    shutil.rmtree(place / "delivered", ignore_errors=True)
    status = start(out, at)
    assert status == 0 or os.WIFSIGNALED(status)
    before = whole(out)
    whole(out, place / "delivered")
    assert start(out) == 0
    now = whole(out)
    assert before.items() <= now.items(), f"step {at}: what was there was lost or made again"
    assert sorted(folder.parent.name for folder in now) == ["all", "lakeside", "riverbend"], at
    assert sorted(folder.parent.name for folder in whole(place / "delivered")) == ["all", "lakeside", "riverbend"], at
    assert not [path for path in out.glob("*/*") if ".building-" in path.name or ".old-" in path.name], at
    shutil.rmtree(out)
print(steps)
"""


def published(place) -> dict[str, int]:
    """Manifests of the published reports, each of which must be whole."""
    found = {}
    for folder in sorted(place.glob("out/*/2*")):
        name = "10_portfolio" if folder.parent.name == "all" else "01_x"
        assert (folder / "index.html").exists() and (folder / f"executed/{name}.ipynb").exists(), folder
        json.loads((folder / "manifest.json").read_text())
        found[str(folder)] = (folder / "manifest.json").stat().st_ino
    return found


@pytest.mark.slow
def test_killed_with_its_kernels_it_makes_everything_once(place):
    chance = random.Random(int(os.environ.get("RCM_SEED", "8")))
    command = [sys.executable, "-c", SCRIPT, str(place)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    before: dict[str, int] = {}
    for _ in range(2):
        scheduler = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            scheduler.wait(chance.uniform(1, 5))
        except subprocess.TimeoutExpired:
            scheduler.send_signal(signal.SIGKILL)
            scheduler.wait()
        now = published(place)
        assert before.items() <= now.items()  # what was there was neither lost nor made again
        before = now
    subprocess.run(command, env=environment, check=True, timeout=120)
    assert sorted(Path(p).parent.name for p in published(place)) == ["all", "lakeside", "riverbend"]
    assert before.items() <= published(place).items()
    for name in ("lakeside", "riverbend"):
        assert (place / "delivered" / name / "2026-10/index.html").exists()
        left = [p.name for p in (place / "out" / name).iterdir() if ".building-" in p.name or ".old-" in p.name]
        assert left == []


@pytest.mark.slow
def test_killed_before_any_change_of_a_file_it_makes_everything_once(place):
    """RCM_KILLS kills, spread over the steps of a run; as many as there are steps for who has the time."""
    status = reports_run.run(notebook(place / "01_x.ipynb", GOOD), place / "executed.ipynb", {"practice": "riverbend"})
    assert status.ok, status
    told = portfolio.profiles(place / "store", "riverbend", as_of=date(2026, 10, 31), months=12)
    for i, table in enumerate((told.cases, told.figures, told.changes, told.reports)):
        table.to_pickle(place / f"{i}.pkl")
    command = [
        sys.executable,
        "-c",
        HARNESS,
        str(place),
        os.environ.get("RCM_KILLS", "24"),
        os.environ.get("RCM_SEED", "8"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RCM_PLAIN_KERNELS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 60


def test_what_a_run_left_that_was_killed_at_its_very_end_goes(place):
    go(place, definition())
    left = [place / "out" / name / "..schedule.json.building-1" for name in ("riverbend", "all")]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("{")
    go(place, definition())  # nothing is due
    assert not any(path.exists() for path in left)


def test_a_report_set_aside_by_a_killed_run_comes_back(place):
    go(place, definition())
    final = place / "out/riverbend/2026-10"
    final.rename(final.with_name(".2026-10.old-1"))
    (final.parent / ".2026-10.building-1").mkdir()
    folders.recover(final)
    assert sorted(p.name for p in final.parent.iterdir() if p.is_dir()) == ["2026-10"]


# --- definitions ---------------------------------------------------------------------------------------------------

WHOLE = """
practices = ["riverbend"]
cron = "0 6 3 * *"
notebooks = ["02"]
[parameters]
months = 12
[delivery]
folder = "delivered"
[delivery.mail]
to = "boss@example.org"
from = "reports@example.org"
"""


def test_a_definition_says_all(tmp_path):
    path = tmp_path / "monthly.toml"
    path.write_text(WHOLE)
    made = schedule.read(path)
    assert (made.name, made.practices, made.notebooks, made.parameters) == (
        "monthly",
        ("riverbend",),
        ("02",),
        {"months": 12},
    )
    assert (
        made.folder == "delivered"
        and made.mail.to == ("boss@example.org",)
        and made.mail.sender == "reports@example.org"
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("cron =", "corn =", "unknown keys: corn"), ('cron = "0 6 3 * *"', "", "lacks cron"), ("months", "mnths", "no parameter mnths"),
     ("folder", "foldr", "unknown keys: delivery.foldr"), ("from", "form", "delivery.mail.form"), ('"02"', '"99"', "no notebook fits"),
     ('notebooks = ["02"]', 'period = "last week"', "period is one of"), ("[parameters]", "[parameters", "not understood"),
     ('notebooks = ["02"]', 'formats = ["doc"]', "formats are")],
)  # fmt: skip
def test_a_wrong_definition_is_refused_by_name(tmp_path, old, new, words):
    path = tmp_path / "monthly.toml"
    path.write_text(WHOLE.replace(old, new))
    with pytest.raises(RcmError, match=words):
        schedule.read(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [('["riverbend"]', "5", "practices is a text or a list of texts"), ('["riverbend"]', "[5]", "practices is a text or a list"),
     ('["riverbend"]', "[]", "practices is a text or a list"), ('"0 6 3 * *"', "7", "cron is a text"), ('"0 6 3 * *"', '"7"', "needs five fields"),
     ("[parameters]\nmonths = 12", "parameters = 3", "parameters is a table"), ('"boss@example.org"', "5", "delivery.mail.to is a text or"),
     ('folder = "delivered"', "folder = 1", "delivery.folder is a text"), ('["02"]', '"02"\ndeidentified = "no"', "deidentified is true or false"),
     (WHOLE[WHOLE.index("[delivery]"):], 'delivery = "x"', "unknown|delivery is a table"), ('["riverbend"]', '["../../escaped"]', "can't name a practice"),
     ('["riverbend"]', '["all", "riverbend"]', "not both"), ('from = "r', 'security = "ssl"\nfrom = "r', "security is one of starttls, tls, none")],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_refused_by_name(tmp_path, old, new, words):
    path = tmp_path / "monthly.toml"
    path.write_text(WHOLE.replace(old, new) if new != 'delivery = "x"' else f"{new}\n{WHOLE.replace(old, '')}")
    with pytest.raises(RcmError, match=rf"^monthly.toml.*({words})"):
        schedule.read(path)


def test_one_text_is_a_list_of_one(tmp_path):
    path = tmp_path / "monthly.toml"
    path.write_text(WHOLE.replace('["02"]', '"02"').replace('["riverbend"]', '"riverbend"'))
    made = schedule.read(path)
    assert (made.notebooks, made.practices, made.mail.to) == (("02",), ("riverbend",), ("boss@example.org",))


def test_a_bad_definition_stops_no_other(place, monkeypatch):
    monkeypatch.chdir(place)
    (place / "more").mkdir()
    texts = {"a_bad": "practices = 5\ncron = 7\n", "b_bad": "[[[", "monthly": 'practices = "riverbend"\ncron = "0 6 3 * *"\n',
             "more/monthly": 'practices = "lakeside"\ncron = "0 6 3 * *"\n'}  # fmt: skip
    for name, text in texts.items():
        (place / f"{name}.toml").write_text(text)
    options = [
        "schedule",
        *(f"{name}.toml" for name in texts),
        "--now",
        "2026-11-03T06:00",
        "--store",
        "store",
        "--out",
        "out",
    ]
    for more in ([], ["--list"]):  # the second: nothing is due any more, and what is wrong is still said
        done = CliRunner().invoke(cli.app, [*options, *more])
        assert done.exit_code == 3, done.output
        for words in ("a_bad.toml: practices is", "b_bad.toml is not", "another definition is called monthly, too"):
            assert words in done.output
    assert runs_of(place) == ["riverbend 2026-10-31"]
    assert CliRunner().invoke(cli.app, ["schedule", "a_bad.toml", "--out", "out"]).exit_code == 2


EVIL = "a@example.org\nBcc: eve@example.org"


@pytest.mark.slow
@pytest.mark.parametrize(("to", "words"), [
    ((EVIL, "nobody"), "delivery.mail.to is no address"), (("boss@example.org", EVIL, "refused@example.org"), "not to address 2, 3 of the 3"),
])  # fmt: skip
def test_a_bad_address_stops_no_report_and_no_other_address(place, server, to, words):
    mail = deliver.Mail(to, "reports@example.org", f"127.0.0.1:{server.server_address[1]}", "none")
    made = go(
        place,
        definition(practices=("lakeside", "riverbend"), mail=mail),
        definition(name="other", parameters={"months": 12}),
    )
    assert [(o.due.definition.name, o.due.practice, o.ok) for o in made] == [
        ("monthly", "lakeside", False), ("monthly", "riverbend", False), ("other", "riverbend", True), ("monthly", "all", to[0] == EVIL)
    ]  # fmt: skip
    assert all(words in o.message for o in made if not o.ok)  # the page is mailed when all others are
    assert len(runs_of(place)) == 3
    assert "reports failed" not in (place / "out/all/2026-10.monthly/10_portfolio.html").read_text()
    assert len(server.got) == (0 if to[0] == EVIL else 3) and "eve@" not in "".join(server.got)
    again = go(place, definition(practices=("lakeside", "riverbend"), mail=mail))
    assert len(again) == (2 if to[0] == EVIL else 0)  # who was reached gets no second mail


SLOW = [
    pytest.param(state, marks=pytest.mark.slow) for state in ("[]", '{"monthly": {"done": "soon"}}', '{"monthly": 5}')
]


@pytest.mark.parametrize("state", ['{"monthly": {"do', *SLOW])
def test_a_damaged_state_is_mended_and_said(place, state):
    both = definition(practices=("riverbend", "lakeside"))
    assert all(outcome.ok for outcome in go(place, both))
    path, runs = place / "out/riverbend/.schedule.json", len(runs_of(place))
    path.write_text(state)
    said = []
    assert all(outcome.ok for outcome in go(place, both, say=said.append))
    assert "riverbend/.schedule.json was damaged and is made anew" in said[0]
    assert len(runs_of(place)) == runs, "a report that is there is made again"
    assert (path.parent / ".schedule.json.damaged").read_text() == state
    assert json.loads(path.read_text())["monthly"]["finished"]
    assert go(place, both) == []


def test_a_clock_that_ran_ahead_is_an_error_that_says_so(place):
    assert [o.ok for o in go(place, definition(), now=datetime(2099, 1, 3, 7))] == [True]
    for now in (NOW, datetime(2026, 12, 3, 7)):
        (outcome,) = go(place, definition(), now=now)
        assert not outcome.ok and "clock" in outcome.message and "2099-01-03" in outcome.message
    (place / "out/riverbend/.schedule.json").unlink()
    assert [o.ok for o in go(place, definition())] == [True]


def test_an_hour_back_in_autumn_is_no_clock_that_ran_ahead(place):
    often = definition(cron="*/15 * * * *")
    go(place, often, now=datetime(2026, 11, 1, 1, 45))
    assert go(place, often, now=datetime(2026, 11, 1, 1, 0)) == []


def test_an_error_that_nobody_foresaw_stops_no_other(place, monkeypatch):
    whole = render.render

    def failing(request, **more):
        if request.practice == "riverbend":
            raise KeyError("QUILLFEATHER")
        return whole(request, **more)

    monkeypatch.setattr(render, "render", failing)
    (place / "out").mkdir()
    (place / "out/nobody").write_text("a file where the practice's folder would be")
    made = {o.due.practice: o for o in go(place, definition(practices=("riverbend", "nobody", "lakeside")))}
    assert {name: o.ok for name, o in made.items()} == {
        "riverbend": False,
        "nobody": False,
        "lakeside": True,
        "all": True,
    }
    assert made["riverbend"].message == "KeyError" and made["nobody"].message


def test_the_command_lists_runs_and_tells_the_truth(place, monkeypatch):
    monkeypatch.chdir(place)
    (place / "reports").mkdir()
    (place / "reports/monthly.toml").write_text('practices = ["riverbend", "nobody"]\ncron = "0 6 3 * *"\n')
    options = ["schedule", "--now", "2026-11-03T06:00", "--store", "store", "--out", "out"]
    run = lambda *more: CliRunner().invoke(cli.app, [*options, *more])  # noqa: E731
    assert run("--list").output.split("\n")[1:4] == [
        "monthly\tall\t2026-10\t2026-11-03 06:00",
        "monthly\tnobody\t2026-10\t2026-11-03 06:00",
        "monthly\triverbend\t2026-10\t2026-11-03 06:00",
    ]
    assert run().exit_code == 3
    assert run().exit_code == 1  # nobody alone is left, and fails
    (place / "reports/monthly.toml").write_text('practices = "riverbend"\ncron = "0 6 3 * *"\n')
    assert run().exit_code == 0
    assert len(runs_of(place)) == 1


@pytest.mark.parametrize("name", scheduler_entries.CLOCKS)
def test_every_clock_calls_the_schedule(name):
    text = scheduler_entries.entry(name, folder=Path("/srv/my reports"), program=Path("/srv/my reports/.venv/bin/rcm"))
    assert "schedule" in text and ("my reports" in text or name == "github")
    if name == "airflow":
        compile(text, name, "exec")


@pytest.mark.parametrize("name", scheduler_entries.CLOCKS)
def test_a_clock_carries_file_store_and_out(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = ["schedule", "--print", name, "a b.toml", "--store", "my store", "--out", "o%ut"]
    text = CliRunner().invoke(cli.app, asked).output
    for told in (f"{tmp_path}/a b.toml", f"{tmp_path}/my store", f"{tmp_path}/o"):
        assert told in text, text
    assert text.index("a b.toml") < text.index("--store") < text.index("--out")
    if name == "airflow":
        compile(text, name, "exec")
    if name == "systemd":
        assert "o%%ut" in text
    if name == "cron":
        assert r"o\%ut" in text


def test_crons_line_runs_in_a_shell(tmp_path):
    folder = tmp_path / "a b"
    (folder / "reports").mkdir(parents=True)
    program = folder / "rcm"
    program.write_text('#!/bin/sh\necho "$PWD $1"\n')
    program.chmod(0o755)
    line = scheduler_entries.entry("cron", folder=folder, program=program).split(None, 5)[5]
    subprocess.run(["/bin/sh", "-c", line], check=True, env={"PATH": "/usr/bin:/bin"})
    assert (folder / "reports/schedule.log").read_text() == f"{folder} schedule\n"


# --- delivery ------------------------------------------------------------------------------------------------------


class _Smtp(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"RCPT" and b"refused@" in line:
                self.wfile.write(b"550 nobody\r\n")
                continue
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.got.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
            if word == b"QUIT":
                return self.wfile.write(b"221 bye\r\n")
            self.wfile.write(b"250 ok\r\n")


@pytest.fixture
def server():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as made:
        made.got = []
        made.daemon_threads = True
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def test_the_mail_has_the_link_and_no_claim(place, server, demo_store):
    port = server.server_address[1]
    mail = deliver.Mail(
        ("boss@example.org",), "reports@example.org", f"127.0.0.1:{port}", "none", link="https://intranet/denials/"
    )
    assert [o.ok for o in go(place, definition(mail=mail, folder=str(place / "delivered")))] == [True]
    [text] = server.got
    assert (
        "https://intranet/denials/riverbend/2026-10/index.html" in text
        and "Subject: Denial report riverbend, October 2026" in text
    )
    assert "Message-ID: <monthly.riverbend.2026-10-31@example.org>" in text
    go(place, definition(mail=mail))
    assert len(server.got) == 1


@pytest.mark.slow
def test_the_page_of_all_is_mailed_once_when_nothing_is_missing(place, server):
    mail = deliver.Mail(("boss@example.org",), "reports@example.org", f"127.0.0.1:{server.server_address[1]}", "none")
    both = definition(practices=("riverbend", "lakeside"), mail=mail)
    notebook(place / "01_x.ipynb", GOOD, "assert practice != 'lakeside'")
    assert {o.due.practice: o.ok for o in go(place, both)} == {"riverbend": True, "lakeside": False, "all": True}
    assert len(server.got) == 1
    notebook(place / "01_x.ipynb", GOOD)
    assert {o.due.practice: o.ok for o in go(place, both)} == {"lakeside": True, "all": True}
    subjects = [line for text in server.got for line in text.split("\n") if line.startswith("Subject")]
    assert [line.split("report ")[1].strip() for line in subjects] == [
        f"{name}, October 2026" for name in ("riverbend", "lakeside", "all practices")
    ]


def test_a_mail_that_cannot_be_sent_is_a_failure_and_makes_no_report_again(place, server):
    port = server.server_address[1]
    mail = deliver.Mail(("boss@example.org",), "reports@example.org", "127.0.0.1:1", "none")
    [outcome] = go(place, definition(mail=mail))
    assert not outcome.ok and "could not be sent" in outcome.message
    assert [
        o.ok for o in go(place, definition(mail=deliver.Mail(mail.to, mail.sender, f"127.0.0.1:{port}", "none")))
    ] == [True]
    assert len(server.got) == 1 and len(runs_of(place)) == 1


def test_passwords_do_not_travel_in_clear(monkeypatch):
    monkeypatch.setenv("RCM_SMTP_PASSWORD", "x")
    mail = deliver.Mail(("a@b.org",), "a@b.org", "127.0.0.1:1", "none", user="me")
    with pytest.raises(RcmError, match="in clear"):
        deliver.send(mail, deliver.message(mail, practice="p", period="2026-10", numbers=[], key="k", report=Path("r")))


def test_due_days():
    one = schedule._due(definition(), "p", datetime(2026, 11, 1, 6))
    assert (one.period, one.as_of) == ("2026-10", date(2026, 10, 31))
    one = schedule._due(definition(period="this month"), "p", datetime(2026, 11, 16, 6))
    assert (one.period, one.as_of) == ("2026-11", date(2026, 11, 15))
