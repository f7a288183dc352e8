"""A fault at any write, flush, rename or removal of a command loses nothing, leaves no half, and says no untruth.

Every such call that Python makes is counted, and the command is run again and again: killed right before the nth, or with
the nth refused (disk full, read-only, input/output error). Afterwards what was there is as it was or as it should be, the
command given again completes, and what it said was true. Writes of Arrow and DuckDB are refused where we call them.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, claim_837, remittance

HARNESS = """
import errno, os, random, shutil, signal, sys, json, traceback
from datetime import date
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq, duckdb, nbconvert, papermill
from rcm_analysis import errors, export, view
from rcm_analysis.claims import derive
from rcm_analysis.errors import RcmError
from rcm_analysis.intake import ingest
from rcm_analysis.prevention import scrub
from rcm_analysis.reports import all_practices, deliver, render, run as runs
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.store import backups, engine, kept, schema
from rcm_analysis.store.practice import Practice

pa.set_cpu_count(1)
base, what, rounds, chance = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), random.Random(int(sys.argv[4]))
DAY, WHO = date(2026, 10, 31), "clinic"

def rendered(notebook, output, parameters, **more):
    output.write_text((base / "executed.ipynb").read_text())
    return runs.Status(notebook.stem, True, 0.0)

runs.run, render.notebooks = rendered, lambda only: [base / "01_x.ipynb"]

if what == "scrub":
    checked = scrub.check([base / "x.837"], store=base / "before/store", practice=WHO, as_of=DAY)
if what == "workbook":  # what it learns is kept, and so learned once
    view.open_practice(base / "before/store", WHO, as_of=DAY).write_worklist(base / "w.xlsx")

def report(place):
    made = render.render(ReportRequest(WHO, "2026-10", DAY), store=place / "store", out=place / "out")
    deliver.to_folder(made.folder, place / "delivered")

COMMANDS = {
    "ingest": lambda place: ingest.ingest(Practice(place / "store", WHO), [base / "2.835"], jobs=1),
    "first ingest": lambda place: ingest.ingest(Practice(place / "store", "other"), [base / "2.835"], jobs=1),
    "forget": lambda place: all_practices.forget(WHO, store=place / "store", out=place / "out"),
    "csv": lambda place: export.export("claims", practice=WHO, store=place / "store", as_of=DAY, out=place / "x.csv"),
    "xlsx": lambda place: export.export("claims", practice=WHO, store=place / "store", as_of=DAY, out=place / "x.xlsx"),
    "parquet": lambda place: export.export("claims", practice=WHO, store=place / "store", as_of=DAY, out=place / "x.parquet"),
    "cache": lambda place: kept.clear(Practice(place / "store", WHO)),
    "backup": lambda place: backups.back_up(Practice(place / "store", WHO), place / "x.rcm", "secret"),
    "restore": lambda place: backups.restore(base / "one.rcm", place / "store", "secret", replace=True),
    "report": report,
    "scrub": lambda place: scrub.annotate(checked, place),
    "workbook": lambda place: view.open_practice(place / "store", WHO, as_of=DAY).write_worklist(place / "x.xlsx"),
}

# --- faults ---------------------------------------------------------------------------------------------------------

EVENTS = ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.chmod", "os.truncate")
FAULTS = {"kill": None, "full": errno.ENOSPC, "broken": errno.EIO, "read-only": errno.EROFS, "forbidden": errno.EACCES}
count, at, fault, lasting, sites, off = 0, None, "kill", False, set(), False

def step(name):
    global count
    count += 1
    frame = sys._getframe(2)
    while frame and "/rcm_analysis/" not in frame.f_code.co_filename:
        frame = frame.f_back
    if frame:
        sites.add(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}")
    if at is not None and (count == at or (lasting and count > at and FAULTS[fault])):
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(FAULTS[fault], os.strerror(FAULTS[fault]))

def audit(event, given):
    if off:
        return
    writes = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
    if (event in EVENTS or writes) and str(given[0]).startswith(str(base)):
        step(event)

def wrapped(owner, name):
    plain = getattr(owner, name)
    def call(*given, **more):
        if not off:
            step(name)
        return plain(*given, **more)
    setattr(owner, name, call)

def child(work, k=None, how="kill", always=False):
    global at, fault, lasting, off
    number = os.fork()
    if number:
        return os.waitpid(number, 0)[1]
    code = 3
    try:
        at, fault, lasting = k, how, always
        for owner, name in ((os, "fsync"), (pq.ParquetWriter, "write_table"), (pq.ParquetWriter, "close"), (engine, "write_parquet")):
            wrapped(owner, name)
        sys.addaudithook(audit)
        work()
        code = 0
    except RcmError as error:
        off = True
        (base / "said").write_text(str(error))
        code = 1
    except OSError as error:
        off = True
        (base / "said").write_text(errors.of_the_system(error))
        code = 1
    except BaseException:
        off = True
        traceback.print_exc()
    finally:
        off = True
        if k is None:
            (base / "steps").write_text(json.dumps([count, sorted(sites)]))
        os._exit(code)

# --- what must hold -------------------------------------------------------------------------------------------------

def told(place):
    "What can be read afterwards, in a process of its own."
    def look():
        found = {}
        for name in (WHO, "other"):
            own = Practice(place / "store", name)
            if own.exists():
                con = own.connect()
                found[name] = {t.name: con.execute(f"SELECT count(*) FROM {t.name}").fetchall()[0][0] for t in schema.FACTS}
        for path in sorted(place.glob("x.*")):
            assert path.stat().st_mode & 0o77 == 0 or path.read_bytes() == b"before", path
            found[path.name] = "before" if path.read_bytes() == b"before" else "after"
            if path.suffix == ".parquet" and found[path.name] == "after":
                found[path.name] = pq.read_table(path).num_rows
            if path.suffix == ".csv" and found[path.name] == "after":
                found[path.name] = len(path.read_text().splitlines())
            if path.suffix == ".837" and found[path.name] == "after":
                found[path.name] = path.stat().st_size
            if path.suffix == ".xlsx" and found[path.name] == "after":
                import openpyxl
                found[path.name] = openpyxl.load_workbook(path).active.max_row
        for folder in (place / "out", place / "delivered"):
            for index in sorted(folder.glob("*/2*/manifest.json")):
                json.loads(index.read_text())
                assert (index.parent / "index.html").exists() and (index.parent / "01_x.html").exists(), index
                found[str(index.parent.relative_to(place))] = "whole"
        (base / "told").write_text(json.dumps(found))
    (base / "told").unlink(missing_ok=True)
    assert child(look) == 0
    return json.loads((base / "told").read_text())

def fresh(name):
    place = base / name
    shutil.copytree(base / "before", place)
    return place

place = fresh("whole")
before, command = told(place), COMMANDS[what]
assert child(lambda: command(place)) == 0, "the command itself fails"
steps, seen = json.loads((base / "steps").read_text())
after = told(place)
tried = []
for i in range(rounds):
    k = 1 + int(steps * (i + chance.random()) / rounds)
    how = "kill" if i % 2 else chance.choice([name for name in FAULTS if name != "kill"])
    place, always = fresh(f"try{i}"), chance.random() < 0.3
    status = child(lambda: command(place), k, how, always)
    code = os.waitstatus_to_exitcode(status)
    note = (what, k, how, always, code)
    assert code in (0, 1, -9), note
    said = (base / "said").read_text() if code == 1 else ""
    assert code != 1 or (said and "\\n" not in said), note
    now = told(place)
    data = {key: one for key, one in before.items() if key == WHO or key.startswith("x.")}
    own = {"forget": [before, after, data, {key: one for key, one in before.items() if key != WHO}]}.get(what, [before, after])
    if what == "report":  # published, and then delivered
        own = [before, after, {key: one for key, one in after.items() if not key.startswith("delivered") or key in before}]
    if what == "scrub":  # each file whole; clean and held claims are said to be written when both are
        own.append({key: one if one in (before.get(key), after.get(key)) else "half" for key, one in now.items()})
    assert now in own, (note, said, before, now)
    assert code != 0 or now == after, (note, "said to be done", now)
    assert "nothing was changed" not in said or now == before, (note, said)
    finished = child(lambda: command(place))
    assert finished == 0 or what == "forget", (note, finished)
    assert told(place) == after, (note, "given again")
    left = [path for path in place.rglob("*") if any(word in path.name for word in (".building-", ".old-", ".forgotten.", ".new-"))
            and path.parent.name != kept.FOLDER]  # what is kept can be deleted at any time
    assert not left, (note, left)
    tried.append(note)
    shutil.rmtree(place)
print(json.dumps([steps, seen, len(tried)]))
"""
# Every function of the package that writes: the commands under which faults are planted in it, or why none are
WHOLE = "its bytes go into a file or folder that is published whole"
WORK = "a work folder of its own, which goes with it"
READ = "it only reads, or makes bytes"
WRITERS = {
    "store/folders:publish": "report, restore, csv", "store/folders:_by_way_of": "tests/test_folders.py", "store/folders:recover": "report",
    "store/folders:whole": "csv, xlsx, parquet, backup", "store/folders:sweep": "csv, backup", "store/folders:write": "ingest, report, scrub, workbook",
    "store/folders:write_once": "first ingest", "store/folders:make_private": "first ingest", "store/folders:_written": "ingest",
    "store/folders:_synced": "ingest", "store/folders:lock": "ingest, report, forget",
    "store/practice:Practice._one_batch": "ingest", "store/practice:Batch._write": "ingest", "store/practice:Batch._writer": "ingest",
    "store/practice:Batch.leave_out": "tests/test_intake.py", "store/practice:set_aside": "forget", "store/practice:undeleted": "forget",
    "store/backups:_write": "backup", "store/backups:restore": "restore", "store/backups:_unpack": "restore",
    "store/backups:set_aside": "tests/test_verify.py", "store/engine:write_parquet": "parquet", "store/engine:SparkConnection.__init__": WORK,
    "store/kept:_put": "tests/test_kept.py", "store/kept:_keep_files.write": "tests/test_kept.py", "store/kept:_alone": "tests/test_kept.py",
    "store/kept:_is_whole": "tests/test_kept.py", "store/kept:shrink": "tests/test_kept.py", "store/kept:clear": "cache",
    "store/kept:keep_picture": "tests/test_pictures.py", "store/kept:_replace": "tests/test_pictures.py", "store/kept:_drop_oldest": "tests/test_pictures.py",
    "store/kept:for_kernels": WORK, "store/content:_frame_bytes": READ, "trends/signals:ground": "to memory", "store/dictionary:-": "a page of the docs, by hand",
    "export:_write": "csv, parquet", "export:_write_workbook": "xlsx", "work/workbook:write": WHOLE,
    "words:csv_text": READ, "view:_in_private": "workbook", "prevention/scrub:annotate": "scrub",
    "prevention/scrub:read": WORK, "models/learners:write": "an analyst's own file", "models/learners:written": READ,
    "models/learners:read": READ, "spreadsheets/sheets:is_workbook": READ, "intake/sources:Opener._unzipped": READ,
    "intake/sources:held": WORK, "intake/ingest:tables_among": WORK, "cli:_ingest": WORK, "compare/portfolio:handed": WORK,
    "reports/all_practices:compare": WORK, "reports/kernels:sockets": WORK, "reports/deliver:to_folder": "report",
    "reports/doctor:_folder": WORK, "reports/pdf:_print": WHOLE,
    "reports/schedule:_mend": "tests/test_schedule.py", "reports/schedule:_made": "tests/test_schedule.py",
    **{f"reports/render:{name}": WHOLE for name in ("render", "_publish", "_write_pages", "_write_index", "_write_files", "_page", "_write_table", "_write_brief",
                                                    "_write_glossary")},
    **{f"synthetic/edi:{name}": "invented data" for name in ("write_all", "_submissions", "_acknowledgments", "_remittances", "_ledger",
                                                             "_work_log")},
    "synthetic/practice:_write_truth": "invented data", "synthetic/practice:_csv": "invented data",
}  # fmt: skip
WRITES = frozenset(
    ["write_text", "write_bytes", "unlink", "rmtree", "touch", "mkdir", "copytree", "copyfile", "move", "symlink_to", "chmod", "rmdir",
     "makedirs", "truncate", "fsync", "mkdtemp", "write_table", "ParquetWriter", "ZipFile", "to_parquet", "to_excel", "savefig", "to_csv",
     "Workbook", "NamedTemporaryFile", "TemporaryFile", "TemporaryDirectory", "write_parquet"]
)  # fmt: skip
# a library's writes for one of ours are seen where we call it; who only clears away has nothing to in a run without faults
UNSEEN = {"engine.write_parquet", "export._write", "export._write_workbook", "folders.whole", "folders.sweep", "folders.recover", "practice._one_batch",
          "backups.restore"}  # fmt: skip
OF_TEXTS = {
    "intake/ingest:ingest",
    "store/engine:spark_sql",
    "store/engine:_skip_nulls",
}  # what they replace or rename is none
WITH_PATHS = (
    "store",
    "intake",
    "reports",
    "spreadsheets",
    "work",
    "export",
    "cli",
    "view",
)  # elsewhere frames are renamed
COMMANDS = [
    "ingest",
    "first ingest",
    "forget",
    "csv",
    "xlsx",
    "parquet",
    "cache",
    "backup",
    "restore",
    "report",
    "scrub",
    "workbook",
]
MADE = """
import json, os, sys
from datetime import date
from pathlib import Path
from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.reports import render, deliver
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.store import backups
from rcm_analysis.store.practice import Practice
base = Path(sys.argv[1])
own = Practice(base / "before/store", "clinic")
ingest.ingest(own, [base / "1.835"], jobs=1)
backups.back_up(own, base / "one.rcm", "secret")
derive.open_practice(own.root, "clinic", as_of=date(2026, 10, 31))
made = render.render(ReportRequest("clinic", "2026-10", date(2026, 10, 31), notebooks=(base / "01_x.ipynb",)), store=own.root, out=base / "before/out")
assert made.ok, made.statuses
(base / "executed.ipynb").write_bytes((made.folder / "executed/01_x.ipynb").read_bytes())
for name in ("x.csv", "x.xlsx", "x.parquet", "x.rcm", "x.clean.837", "x.held.837"):
    (base / "before" / name).write_text("before")
"""


def writes(call: ast.Call, module: str) -> bool:
    """Whether a call changes the file system, as far as its name tells."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    of_os = isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "os"
    if name == "open":
        given = [
            one.value for one in (*call.args, *(more.value for more in call.keywords)) if isinstance(one, ast.Constant)
        ]
        modes = [mode for mode in given if isinstance(mode, str) and set(mode) <= set("rwaxbt+")]
        return any(set(mode) & set("wax+") for mode in modes) or any(
            flag in ast.dump(call) for flag in ("O_WRONLY", "O_RDWR")
        )
    if name in ("replace", "rename"):  # of a path, not of a text or a frame
        of_path = len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Dict | ast.Constant)
        return of_os or (module.startswith(WITH_PATHS) and of_path)
    return name in WRITES or (of_os and name in ("remove", "link"))


def writers() -> set[str]:
    """Module and function of every call that writes."""
    package, found = ROOT / "rcm_analysis", set()

    def walk(node: ast.AST, module: str, inside: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            names = (*inside, child.name) if isinstance(child, ast.FunctionDef | ast.ClassDef) else inside
            if isinstance(child, ast.Call) and writes(child, module):
                found.add(f"{module}:{'.'.join(names) or '-'}")
            walk(child, module, names)

    for path in package.rglob("*.py"):
        walk(ast.parse(path.read_text("utf-8")), path.relative_to(package).with_suffix("").as_posix(), ())
    return found


def test_every_write_is_one_in_which_faults_are_planted():
    """A new one comes into WRITERS, with the command of the harness that reaches it, or with why none does."""
    assert writers() - OF_TEXTS == set(WRITERS)


def run(*arguments: object) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RCM_PLAIN_KERNELS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", *map(str, arguments)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A practice with one batch, a report, a backup and files that exports will replace."""
    from conftest import GOOD, notebook

    place = tmp_path_factory.mktemp("faults")
    for i in (1, 2):
        (place / f"{i}.835").write_bytes(remittance(f"CLP*A{i}*1*100*80**12*P{i}*11", "CAS*CO*45*20", paid="80"))
    (place / "x.837").write_bytes(claim_837("B1"))
    notebook(place / "01_x.ipynb", GOOD)
    run(MADE, place)
    return place


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("what", COMMANDS)
def test_a_fault_at_any_write_loses_nothing_and_is_said(base, what, tmp_path):
    import json
    import shutil

    place = tmp_path / "base"
    shutil.copytree(base, place)
    said = run(HARNESS, place, what, os.environ.get("RCM_FAULTS", "10"), os.environ.get("RCM_SEED", "3"))
    steps, sites, tried = json.loads(said)
    assert tried and steps >= (1 if what == "cache" else 4), (steps, sites)
    planned = {
        f"{place.split(':')[0].split('/')[-1]}.{place.split(':')[1].split('.')[-1]}"
        for place, by in WRITERS.items() if what in by.split(", ")}  # fmt: skip
    assert planned - set(sites) <= UNSEEN, sites


@pytest.mark.parametrize("line", ["path.write_bytes(b'')", "open(path, 'wb')", "os.replace(a, b)", "shutil.rmtree(path)", "path.unlink()",
                                  "os.open(path, os.O_WRONLY)", "book.savefig(path)", "frame.to_csv(path)", "path.rename(other)"])  # fmt: skip
def test_a_new_write_is_seen(line, tmp_path, monkeypatch):
    """A function that no command of the harness reaches fails the list of writers."""
    (tmp_path / "rcm_analysis/store").mkdir(parents=True)
    (tmp_path / "rcm_analysis/store/new.py").write_text(f"def saved(path):\n    {line}\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert writers() == {"store/new:saved"}
