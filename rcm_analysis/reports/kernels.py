"""Kernels forked from a server that has imported the libraries already, behind a papermill engine.

    papermill --engine rcm notebooks/02_denial_overview.ipynb out.ipynb -p practice riverbend

A plain kernel spends some three seconds on imports before its first cell; a fork of the server has them. Where a process
can't be forked (Windows) or the server is gone, the plain kernel starts instead and gives the same outputs. The notebooks
of one report that run one after another share a kernel (`Session`), which forgets all between them; no two practices do.

Kernel traffic runs over sockets in a private folder: over TCP anybody on the machine could read along.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from jupyter_client import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_core.utils import run_sync
from traitlets import Bool, Dict, Unicode
from traitlets.config import Config

from rcm_analysis import settings
from rcm_analysis.reports import fork_server

# what a kernel does between two notebooks
FORGET = "import rcm_analysis.reports.fork_server as _server; _server.forget"
FORGET_WITHIN_S = 60


class Engine:
    """papermill's own engine with forked kernels and private sockets; its exit codes and errors are unchanged.

    papermill is imported at the first call: it loads this class while it is imported itself.
    """

    @classmethod
    def execute_notebook(
        cls, nb: Any, kernel_name: str, *, session: Session | None = None, reached: Path | None = None, **options: Any,
    ) -> Any:  # fmt: skip
        """In the session's kernel, or in one of its own. A notebook that does not come to its end, its kernel dead or a
        cell too long, is written to `reached` as far as it came."""
        with nullcontext(session) if session else Session() as session:
            try:
                with session.kernel(kernel_name) as manager:
                    run = _usual().execute_notebook(nb, kernel_name, km=manager, **options)
                    if run.metadata.papermill.exception:  # papermill raises only when it has written the notebook
                        session.end()
                    return run
            except Exception:
                if reached:
                    _write(nb, reached)
                raise

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        return _usual().nb_kernel_name(nb, name)

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        return _usual().nb_language(nb, language)


class Session:
    """A kernel for notebooks that run one after another, started by the first of them and ended with the block.

    with Session() as session:
        run(first, session=session)
        run(second, session=session)     # in the same process, with nothing of the first left

    `environment` is added to the kernel's own; `fork=False` asks for a plain kernel. After a notebook that did not come to
    its end the next one gets another kernel.
    """

    def __init__(self, environment: dict[str, str] | None = None, *, fork: bool = True) -> None:
        self.environment, self.fork = environment or {}, fork
        self._manager: Manager | None = None
        self._open = ExitStack()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    @contextmanager
    def kernel(self, name: str) -> Iterator[Manager]:
        """The manager of a kernel that knows nothing of an earlier notebook."""
        manager = self._manager or self._start(name)
        try:
            yield manager
        except BaseException:
            self.end(now=True)
            raise
        if (
            manager is self._manager and not manager.forgets()
        ):  # what came to its end stays whole; the next gets another
            self.end(now=True)

    def _start(self, name: str) -> Manager:
        config = self._open.enter_context(sockets())
        self._manager = Manager(
            kernel_name=name, config=config, environment=self.environment, fork=self.fork, folder=os.getcwd()
        )
        return self._manager

    def end(self, *, now: bool = False) -> None:
        """Ends the kernel, if there is one; `now` without asking it."""
        manager, self._manager = self._manager, None
        if manager:
            manager.end(now=now)
        self._open.close()


def _write(nb: Any, path: Path) -> None:
    from papermill.iorw import write_ipynb

    with suppress(OSError):  # what ended the notebook is the news
        write_ipynb(nb, str(path))


def _usual() -> Any:
    from papermill.engines import NBClientEngine

    return NBClientEngine


@contextmanager
def sockets() -> Iterator[Config]:
    """Settings that put a kernel's sockets into a folder that only its owner can enter."""
    if sys.platform == "win32":  # no such sockets there
        yield Config()
        return
    with tempfile.TemporaryDirectory(prefix="rcm-") as folder:  # the default folder may be too long for a socket's name
        yield Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/k"}})


class Manager(AsyncKernelManager):
    """A kernel manager whose kernels are forked; everything above it (timeouts, dead kernels) stays as it is."""

    environment = Dict(help="Added to the kernel's environment.")
    fork = Bool(True, help="Whether kernels may be forked.")
    told: Any = None  # the client of the notebook that ran last
    folder = Unicode(help="Where the kernel begins, and each notebook.")

    def client(self, **options: Any) -> Any:
        self.told = super().client(**options)
        return self.told

    def forgets(self) -> bool:
        """Clears the kernel of what a notebook left there, and says whether it could."""
        try:
            return bool(run_sync(self._forgotten)()["content"]["status"] == "ok")
        except Exception:  # it does not answer any more
            return False

    async def _forgotten(self) -> Any:
        asked = f"{FORGET}({self.folder!r})"
        try:
            return await self.told.execute(asked, silent=True, store_history=False, reply=True, timeout=FORGET_WITHIN_S)
        finally:
            self.told.stop_channels()

    def end(self, *, now: bool) -> None:
        if self.told:
            self.told.stop_channels()
        if self.has_kernel:
            run_sync(self._async_shutdown_kernel)(now=now)
        run_sync(self._async_cleanup_resources)()

    async def _async_pre_start_kernel(self, **options: Any) -> Any:
        options["env"] = {**(options.get("env") or settings.environment()), **self.environment}
        if self.provisioner is None and self.fork and fork_server.possible():
            self.kernel_id = self.kernel_id or os.urandom(16).hex()
            self.provisioner = Provisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
        return await super()._async_pre_start_kernel(**options)


class Provisioner(LocalProvisioner):
    """Starts this interpreter's own kernel by a fork, any other as its specification says."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        if cmd[0] != sys.executable or cmd[1:3] != ["-m", "ipykernel_launcher"]:
            return await super().launch_kernel(cmd, **options)
        try:
            started: Any = await asyncio.to_thread(
                fork_server.Kernel, cmd[3:], dict(options["env"]), options.get("cwd") or os.getcwd()
            )
        except (OSError, EOFError):  # the server is gone
            return await super().launch_kernel(cmd, **options)
        self.process, self.pid, self.pgid = started, started.pid, started.pid
        self.cwd = options.get("cwd") or os.getcwd()
        return self.connection_info
