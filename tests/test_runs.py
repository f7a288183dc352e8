"""Notebooks run one by one: what only seems to have run is refused, and a forked kernel gives what a plain one gives."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import AS_OF, GOOD, ROOT, notebook, printed, remittance

from rcm_analysis import settings
from rcm_analysis.intake import ingest
from rcm_analysis.reports import fork_server, kernels, render
from rcm_analysis.reports import run as reports_run
from rcm_analysis.reports.kernels import Session
from rcm_analysis.store.practice import Practice

FORKS = pytest.mark.skipif(not fork_server.possible(), reason="no forked kernels here")


def run(tmp_path, *cells: str, **more) -> reports_run.Status:
    return reports_run.run(notebook(tmp_path / "01_x.ipynb", *cells), tmp_path / "out.ipynb", {"practice": "p"}, **more)


@pytest.mark.parametrize(
    ("cell", "words"),
    [("raise SystemExit(0)", "SystemExit"), ("import os\nos._exit(9)", "kernel died"),
     ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "kernel died"),
     ("secret = 'QUILLFEATHER'\nint(secret)", "cell 3 failed: ValueError"),
     ("class F:\n    __repr__ = lambda self: 'Figure(640x480)'\nF()", "lost its figure")],
)  # fmt: skip
@pytest.mark.parametrize("fork", [True, False], ids=["forked", "plain"])
def test_a_notebook_that_only_seems_to_run_is_refused(tmp_path, cell, words, fork):
    with Session(fork=fork) as session:
        status = run(tmp_path, cell, GOOD, session=session)
    assert not status.ok
    assert words in status.message and "QUILL" not in status.message


def test_no_notebook_changes_the_folder_that_the_process_is_in(tmp_path, monkeypatch):
    """Side by side they would put each other into the wrong one, and a relative path would mean another store."""
    entered, change = [], os.chdir
    monkeypatch.setattr(os, "chdir", lambda path: (entered.append(path), change(path)))
    assert run(tmp_path, GOOD).ok
    assert entered == []


def test_a_cell_that_takes_too_long_is_named_as_such(tmp_path, monkeypatch):
    monkeypatch.setenv(settings.CELL_TIMEOUT_S.name, "1")
    assert run(tmp_path, "import time\ntime.sleep(60)").message == "a cell ran longer than 1 seconds"


def test_a_notebook_is_written_once_and_as_far_as_it_came(tmp_path, monkeypatch):
    from papermill import iorw

    written, write = [], iorw.LocalHandler.write
    monkeypatch.setattr(iorw.LocalHandler, "write", lambda *args: written.append(args) or write(*args))
    assert run(tmp_path, GOOD, GOOD, GOOD).ok and len(written) == 1
    assert "kernel died" in run(tmp_path, GOOD, "import os\nos._exit(9)", GOOD).message
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    counts = [cell.get("execution_count") for cell in cells if cell["cell_type"] == "code"]
    assert counts[-3] == 3 and counts[-1] is None  # the cell that ended the kernel may have said its number before


def test_a_cell_that_did_not_run_is_a_problem(tmp_path):
    content = json.loads(notebook(tmp_path / "x.ipynb", GOOD).read_text())
    assert reports_run.problem_of(content) == "cell 2 did not run"


def test_files_that_are_no_whole_notebook_are_a_problem(tmp_path, monkeypatch):
    path = tmp_path / "out.ipynb"
    assert reports_run.problem_of_file(path) == "the executed notebook was not written"
    assert run(tmp_path, GOOD).ok
    whole = path.read_bytes()
    assert reports_run.problem_of_file(path) == ""
    for cut in (0, 1, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:cut])
        assert "half written" in reports_run.problem_of_file(path), cut
    monkeypatch.setattr(reports_run, "MAX_OUTPUT_BYTES", 10)
    path.write_bytes(whole)
    assert "larger than" in reports_run.problem_of_file(path)


def test_a_notebook_that_cannot_be_written_is_a_failure(tmp_path):
    status = reports_run.run(notebook(tmp_path / "x.ipynb", GOOD), tmp_path / "missing/out.ipynb", {})
    assert not status.ok and "written" in status.message


def essence(path) -> list:
    """The outputs of an executed notebook without times, ids and the injected cell's place."""
    cells = json.loads(path.read_text())["cells"]
    return [(c["source"], c.get("outputs"), c.get("execution_count")) for c in cells]


@pytest.mark.slow
@FORKS
@pytest.mark.parametrize("name", ["02_denial_overview", "03_write_offs"])
def test_forked_and_plain_kernels_give_the_same(demo_store, tmp_path, name):
    told = {"practice": "riverbend", "as_of": AS_OF.isoformat(), "store": str(demo_store)}
    outputs = []
    for fork in (True, False):
        path = tmp_path / f"{fork}.ipynb"
        with Session(fork=fork) as session:
            assert reports_run.run(ROOT / f"notebooks/{name}.ipynb", path, told, session=session).ok
        outputs.append(essence(path))
    assert outputs[0] == outputs[1]


@FORKS
def test_a_forked_kernel_starts_fresh_and_with_what_it_is_told(tmp_path):
    cells = ("import os\nprint(os.environ.get('TOLD'), oct(os.umask(0o077)), __name__)",
             "import builtins\nprint(hasattr(builtins, 'left'))\nbuiltins.left = 1")  # fmt: skip
    for _ in range(2):
        with Session({"TOLD": "yes"}) as session:
            assert run(tmp_path, *cells, session=session).ok
        assert printed(tmp_path / "out.ipynb") == ["yes 0o77 __main__\n", "False\n"]


@pytest.mark.parametrize("fork", [False, pytest.param(True, marks=FORKS)])
def test_a_kernel_forgets_one_notebook_before_the_next(tmp_path, fork):
    cells = (
        "import os\nprint(os.getpid())",
        "import matplotlib as mpl\nprint('left' in globals(), 9 in Out.values(), mpl.rcParams['font.size'])",
        f"print(os.getcwd() == {os.getcwd()!r})\nos.chdir('/')",
        "left = 1\nmpl.rcParams['font.size'] = 33\n9",
    )
    told = []
    with Session(fork=fork) as session:
        for end in (GOOD, "1 / 0", GOOD):
            status = run(tmp_path, *cells, end, session=session)
            assert status.ok is (end == GOOD), status.message
            content = json.loads((tmp_path / "out.ipynb").read_text())
            told.append(printed(tmp_path / "out.ipynb"))
            counts = [cell["execution_count"] for cell in content["cells"] if cell["cell_type"] == "code"]
            assert counts == list(range(1, len(counts) + 1))
    assert told[0][0] == told[1][0] != told[2][0]  # what failed leaves no kernel behind
    assert told[0][1] == told[1][1] == told[2][1] == "False False 10.0\n"
    assert told[0][2] == told[1][2] == told[2][2] == "True\n"


def test_a_kernel_that_cannot_forget_spoils_no_notebook(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "FORGET", "nothing_of_this_name")
    pids = set()
    with Session() as session:
        for _ in range(2):
            assert run(tmp_path, "import os\nprint(os.getpid())", GOOD, session=session).ok
            pids |= set(printed(tmp_path / "out.ipynb"))
    assert len(pids) == 2


SCRIPT = """
import sys, pathlib
from rcm_analysis.reports import run as reports_run
print("main", flush=True)
reports_run.run(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), {})
"""


@pytest.mark.slow
@FORKS
def test_kernels_end_with_the_program_that_was_killed(tmp_path):
    told = tmp_path / "pid"
    cell = f"import os, time, pathlib\npathlib.Path({str(told)!r}).write_text(str(os.getpid()))\ntime.sleep(300)"
    script = tmp_path / "unguarded.py"
    script.write_text(SCRIPT)
    book = notebook(tmp_path / "01_x.ipynb", cell)
    program = subprocess.Popen([sys.executable, str(script), str(book), str(tmp_path / "o.ipynb")], stdout=subprocess.PIPE,
                               text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    wait_for(lambda: told.exists() and told.read_text())
    program.send_signal(signal.SIGKILL)
    assert program.communicate()[0] == "main\n"  # the script ran once, not again in the kernel
    wait_for(lambda: gone(int(told.read_text())))


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = f"/proc/{pid}/stat"
    return os.path.exists(stat) and open(stat).read().rsplit(")", 1)[1].split()[0] == "Z"


def test_unknown_parameters_are_named_with_the_known_ones(tmp_path):
    book = notebook(tmp_path / "01_x.ipynb", GOOD)
    with pytest.raises(
        reports_run.NotebookError, match=r"no parameter mnths in 01_x.ipynb; known are practice, as_of, months, store"
    ):
        reports_run.check_parameters([book], {"mnths": 3})
    with pytest.raises(
        reports_run.NotebookError, match=r"no parameter mnths in any of the notebooks; known are practice"
    ):
        reports_run.check_parameters([book, book], {"practice": "p", "mnths": 3})


def test_a_parameter_reaches_the_notebooks_that_have_it(tmp_path):
    (tmp_path / "out").mkdir()
    plain = notebook(tmp_path / "01_x.ipynb", "print(practice)", GOOD)
    other = notebook(
        tmp_path / "02_y.ipynb", "print(practice, kind)", GOOD, parameters='practice: str = "p"\nkind: str = "q"'
    )
    reports_run.check_parameters([plain, other], {"practice": "a", "kind": "b"})
    statuses = reports_run.run_all([plain, other], tmp_path / "out", parameters={"practice": "a", "kind": "b"})
    assert [status.ok for status in statuses] == [True, True]
    assert printed(tmp_path / "out/01_x.ipynb") == ["a\n"] and printed(tmp_path / "out/02_y.ipynb") == ["a b\n"]


def test_papermill_finds_the_engine(tmp_path):
    from papermill.engines import papermill_engines

    from rcm_analysis.reports import kernels

    assert run(tmp_path, GOOD).ok
    assert papermill_engines.get_engine("rcm") is kernels.Engine


SLOW = "SELECT count(*) FROM range(30000) a, range(2000) b WHERE (a.range * b.range) % 7 = 3"


@pytest.mark.parametrize("fork", [False, pytest.param(True, marks=FORKS)])
def test_a_slow_query_prints_no_progress_bar(tmp_path, fork):
    """A bar would stand in the page. The engine waits two seconds; that is made one thousandth here, which turns bars on."""
    (tmp_path / "a.835").write_bytes(remittance("CLP*A1*1*100*80**12*P1*11", paid="80"))
    ingest.ingest(Practice(tmp_path / "store", "clinic"), [tmp_path / "a.835"])
    opened = (
        "from contextlib import suppress\nfrom rcm_analysis.store import practice as store\n"
        f"both = store.Practice({str(tmp_path / 'store')!r}, 'clinic').connect(), store.connection()"
    )
    asked = "SELECT current_setting('enable_progress_bar')"
    off = f"for con in both:\n    assert con.execute({asked!r}).fetchall() == [(False,)]"
    slow = (
        "for con in both:\n    with suppress(Exception):\n        con.execute('SET progress_bar_time = 1')\n"
        f"    con.execute({SLOW!r}).fetchall()"
    )
    book = notebook(tmp_path / "01_x.ipynb", GOOD, opened, off, slow)
    with Session(fork=fork) as session:
        status = reports_run.run(book, tmp_path / "out.ipynb", {}, session=session)
    assert status.ok, status.message
    assert printed(tmp_path / "out.ipynb") == []


def test_every_connection_is_opened_in_one_place():
    opened = [
        path.name
        for path in sorted([*(ROOT / "rcm_analysis").rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")])
        for _ in re.findall(r"duckdb\.(?:connect|sql|query|execute)\(", path.read_text("utf-8"))
    ]
    assert opened == ["practice.py"]


def test_kernels_side_by_side_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    books = [
        notebook(tmp_path / f"0{i}_x.ipynb", "import os\nprint(os.environ.get('OMP_NUM_THREADS'))") for i in (1, 2)
    ]
    for jobs, threads in ((2, "3"), (1, "None")):
        (tmp_path / str(jobs)).mkdir()
        statuses = reports_run.run_all(books, tmp_path / str(jobs), parameters={}, jobs=jobs)
        assert all(status.ok for status in statuses)
        assert [printed(tmp_path / str(jobs) / book.name) for book in books] == [[f"{threads}\n"]] * 2


def test_the_longest_begin_first_and_statuses_keep_the_order(tmp_path):
    assert set(render.LONGEST) <= {path.stem for path in render.notebooks([])}
    books, told = [notebook(tmp_path / f"0{i}_x.ipynb", GOOD) for i in (1, 2, 3)], []
    (tmp_path / "out").mkdir()
    statuses = reports_run.run_all(books, tmp_path / "out", parameters={}, longest=("03_x", "02_x", "09_x"),
                                   progress=lambda name, ok: told.append(name))  # fmt: skip
    assert told == ["03_x", "02_x", "01_x"]
    assert [status.notebook for status in statuses] == ["01_x", "02_x", "03_x"]


def test_who_interrupts_a_run_waits_for_no_further_notebook(tmp_path):
    books = [notebook(tmp_path / f"0{i}_x.ipynb", GOOD) for i in range(1, 5)]

    def interrupt(name: str, ok: bool) -> None:
        raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        reports_run.run_all(books, tmp_path / "out", parameters={}, progress=interrupt)
    assert len(list((tmp_path / "out").iterdir())) < len(books)


WORKER = """
import multiprocessing, sys
from pathlib import Path
from rcm_analysis.reports import run

def work(book, out):
    status = run.run(Path(book), Path(out), {"practice": "p"})
    print(status.ok, status.message, multiprocessing.current_process().daemon, flush=True)

if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=work, args=tuple(sys.argv[1:]), daemon=True)
    worker.start()
    worker.join()
"""


@pytest.mark.slow
@FORKS
def test_a_daemonic_worker_of_a_cluster_runs_notebooks(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    book = notebook(tmp_path / "01_x.ipynb", GOOD)
    command = [sys.executable, str(tmp_path / "worker.py"), str(book), str(tmp_path / "out.ipynb")]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "True  True", done.stderr[-500:]


def test_kernels_beside_others_take_their_share(monkeypatch):
    for name in ("OMP_NUM_THREADS", "RCM_MEMORY_LIMIT", "LOKY_MAX_CPU_COUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert reports_run.fair_shares(1, long_queue=True) == {}
    assert reports_run.fair_shares(4) == {"OMP_NUM_THREADS": "2", "RCM_MEMORY_LIMIT": "20%"}
    assert reports_run.fair_shares(16, long_queue=True) == {
        "OMP_NUM_THREADS": "1",
        "RCM_MEMORY_LIMIT": "5%",
        "LOKY_MAX_CPU_COUNT": "1",
    }
    monkeypatch.setenv("RCM_MEMORY_LIMIT", "3GB")
    assert reports_run.fair_shares(4)["RCM_MEMORY_LIMIT"] == "3GB"
