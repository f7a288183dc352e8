"""Processes forked from a server that has imported the libraries already; imports nothing heavy by itself.

warm_up()                                         # the server begins to import, in a process of its own
Kernel(["-f", "connection.json"], env, folder)    # an IPython kernel, forked from it
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rcm_analysis import settings

# Not matplotlib_inline.backend_inline: loaded before the kernel is there, it turns figures into text silently.
PRELOAD = ("pandas", "duckdb", "pyarrow.parquet", "matplotlib.pyplot", "matplotlib.backends.backend_svg", "scipy.special",
           "pyarrow.dataset", "pyarrow.pandas_compat", "ipykernel.kernelapp", "ipykernel.zmqshell", "rcm_analysis.charts.common",
           "rcm_analysis.claims.derive", "rcm_analysis.measures.by_month", "rcm_analysis.pages.explore", "rcm_analysis.reports.fork_server",
           "rcm_analysis.store.content", "rcm_analysis.view", "rcm_analysis.work.items", "rcm_analysis.reports.preloaded")  # fmt: skip
ENVIRONMENT = {
    settings.BACKEND.name: "module://matplotlib_inline.backend_inline"
}  # as ipykernel sets it, before the imports
_STARTING = threading.Lock()


def possible() -> bool:
    """Whether kernels can be forked here (not on Windows) and nobody forbade it."""
    return "forkserver" in multiprocessing.get_all_start_methods() and not settings.PLAIN_KERNELS.value


def warm_up() -> None:
    """Starts the server, so that it imports while the caller does other things; does nothing where there is no fork."""
    if not possible():
        return
    from multiprocessing import forkserver

    with _STARTING, settings.meanwhile(ENVIRONMENT):  # the server's imports must see it
        _context()
        forkserver.ensure_running()


def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOAD))
    return context


class Kernel:
    """A forked kernel with the part of `subprocess.Popen` that a kernel manager uses."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: str):
        warm_up()
        with _STARTING, _no_main_module(), _allowed_children():
            # daemonic, so that a kernel left behind is ended with us and not waited for
            self._process = _context().Process(target=run, args=(arguments, environment, folder), daemon=True)
            self._process.start()
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        self._process.join(timeout)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


@contextmanager
def _no_main_module() -> Iterator[None]:
    """multiprocessing would run the caller's script again in the child, which a kernel has no use for."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _allowed_children() -> Iterator[None]:
    """Workers of a cluster are daemonic and so may start no process; ours end by themselves when the worker does."""
    worker = multiprocessing.current_process()
    before = worker.daemon
    if before:
        worker.daemon = False
    try:
        yield
    finally:
        if before:
            worker.daemon = True


def run(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Becomes an IPython kernel with the command line `arguments`; ends when the process that asked for it ends."""
    os.umask(0o077)
    os.setsid()  # signals for the kernel's group must not reach the server
    multiprocessing.current_process().daemon = False  # else the notebook could have no processes of its own
    settings.become(ENVIRONMENT | environment)
    os.chdir(folder)
    gc.freeze()  # what the server imported is not searched for garbage again and again
    sys.modules.setdefault("debugpy", None)  # type: ignore[arg-type]  # nobody debugs a report; it takes a tenth of a second
    threading.Thread(target=_end_with_parent, daemon=True).start()

    from ipykernel.kernelapp import IPKernelApp

    # the thread above watches the parent; 1 tells the kernel that it need not, nor print how to connect to it. Its log
    # would go to the terminal and may quote values.
    IPKernelApp.launch_instance(argv=[*arguments, "--IPKernelApp.parent_handle=1", "--log-level=50"])


def forget(folder: str) -> None:
    """Clears the kernel that this runs in of what a notebook left: its names, its results, its figures and their look, and
    the folder that it went to."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()  # type: ignore[no-untyped-call]
    os.chdir(folder)
    plt.close("all")
    mpl.rcParams.update(mpl.rcParamsOrig)
    shell.reset(new_session=True, aggressive=False)
    gc.collect()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
