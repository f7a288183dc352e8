"""Kernels forked from a server that has imported the libraries already, behind a papermill engine.

    papermill --engine rcm notebooks/02_denial_overview.ipynb out.ipynb -p practice riverbend

A plain kernel spends some three seconds on imports before its first cell; a fork of the server has them. Each notebook
still gets a process of its own, so nothing of one practice is left for the next. Where a process can't be forked
(Windows) or the server is gone, the plain kernel starts instead and gives the same outputs.

Kernel traffic runs over sockets in a private folder: over TCP anybody on the machine could read along.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_client import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Bool, Dict
from traitlets.config import Config

from rcm_analysis import settings
from rcm_analysis.reports import fork_server


class Engine:
    """papermill's own engine with forked kernels and private sockets; its exit codes and errors are unchanged.

    papermill is imported at the first call: it loads this class while it is imported itself.
    """

    @classmethod
    def execute_notebook(
        cls, nb: Any, kernel_name: str, *, environment: dict[str, str] | None = None, fork: bool = True,
        reached: Path | None = None, **options: Any,
    ) -> Any:  # fmt: skip
        """`environment` is added to the kernel's own; `fork=False` asks for a plain kernel. A notebook that does not come
        to its end, its kernel dead or a cell too long, is written to `reached` as far as it came."""
        with sockets() as config:
            config.merge(Config({"Manager": {"environment": environment or {}, "fork": fork}}))
            try:
                return _usual().execute_notebook(
                    nb, kernel_name, config=config, kernel_manager_class=Manager, **options
                )
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

    environment = Dict(help="Added to the kernel's environment.").tag(config=True)
    fork = Bool(True, help="Whether kernels may be forked.").tag(config=True)

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
