"""Where a command's work goes: loaded by every Python below `watched(..., stages=True)`, since its folder leads PYTHONPATH.

Each function of STAGES tells the processor seconds that it took, those of stages within it left out, in one line of the
file that RCM_BENCH_STAGES names. What no stage tells is the rest: imports, and the notebooks' own cells.
"""

import functools
import importlib.abc
import importlib.machinery
import os
import sys
import threading
import time

STAGES = {
    "rcm_analysis.intake.ingest": {"read_all": "files read"},
    "rcm_analysis.claims.derive": {"derive": "tables derived"},
    "rcm_analysis.store.kept": {"keep": "tables kept", "attach": "tables found again", "learned": "learned: {}"},
    "rcm_analysis.reports.run": {"run": "papermill"},
    "rcm_analysis.reports.render": {"_write_pages": "pages written"},
    "rcm_analysis.charts.svg": {"written": "pictures drawn"},
    "rcm_analysis.prevention.scrub": {"read_text": "claims read", "scrub": "claims checked"},
}
PLACE = os.environ.get("RCM_BENCH_STAGES", "")
_within = threading.local()  # seconds of the stages inside each open one


def _timed(call, stage):
    @functools.wraps(call)
    def timed(*args, **named):
        open_ = _within.__dict__.setdefault("stages", [])
        open_.append(0.0)
        begun = _clock()
        try:
            return call(*args, **named)
        finally:
            took = _clock() - begun
            own = took - open_.pop()
            if open_:
                open_[-1] += took
            with open(PLACE, "a") as out:
                out.write(f"{stage.format(*args[1:2])}\t{own:.4f}\n")

    return timed


def _clock():
    """Of the process, with the threads that its engine has; of a thread alone where several notebooks are waited for."""
    return time.process_time() if threading.current_thread() is threading.main_thread() else time.thread_time()


class _Loader(importlib.abc.Loader):
    def __init__(self, loader, stages):
        self.loader, self.stages = loader, stages

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        self.loader.exec_module(module)
        for name, stage in self.stages.items():
            setattr(module, name, _timed(getattr(module, name), stage))


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name in STAGES else None
        if spec and spec.loader:
            spec.loader = _Loader(spec.loader, STAGES[name])
        return spec


if PLACE:
    sys.meta_path.insert(0, _Finder())
