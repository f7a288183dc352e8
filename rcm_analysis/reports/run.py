"""Notebooks run by papermill, and judged: what only seems to have run is a failure.

papermill passes over an unknown parameter with a warning, reports success when a cell ends the run early, and leaves
half a file behind when it is killed. Here each of these fails the notebook, with a message that names the cell and
quotes no data.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rcm_analysis import errors, settings
from rcm_analysis.errors import RcmError
from rcm_analysis.reports import fork_server

if TYPE_CHECKING:
    from rcm_analysis.reports.kernels import Session

MAX_OUTPUT_BYTES = 50_000_000
Progress = Callable[[str, bool], None]


class NotebookError(RcmError):
    """A notebook that can't be run as asked; the message says what to change."""


@dataclass
class Status:
    """What became of one notebook."""

    notebook: str
    ok: bool
    seconds: float
    message: str = ""


def parameters_of(notebook: Path) -> dict[str, Any]:
    """Names and defaults in the cell tagged `parameters`. Raises NotebookError when there is no such cell."""
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            return dict(_assigned(node) for node in ast.parse("".join(cell["source"])).body)
    raise NotebookError(f"{notebook.name} has no cell tagged parameters")


def _assigned(node: ast.stmt) -> tuple[str, Any]:
    """Name and value of `name: type = value` or `name = value`. Raises ValueError for anything else."""
    target = (
        node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
    )
    if not isinstance(target, ast.Name) or node.value is None:  # type: ignore[attr-defined]
        raise ValueError(f"line {node.lineno} of the cell tagged parameters gives no name a value")
    return target.id, ast.literal_eval(node.value)  # type: ignore[attr-defined]


def check_parameters(notebooks: list[Path], parameters: dict[str, Any]) -> None:
    """Raises NotebookError that names the parameters none of the notebooks has; papermill would only warn."""
    known = {name: None for notebook in notebooks for name in parameters_of(notebook)}
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        where = notebooks[0].name if len(notebooks) == 1 else "any of the notebooks"
        raise NotebookError(f"no parameter {', '.join(unknown)} in {where}; known are {', '.join(known)}")


def fair_shares(at_a_time: int, *, long_queue: bool = False) -> dict[str, str]:
    """Variables by which kernels that run beside others leave them their cores and memory; models slow down by waiting,
    and each engine would fill the machine, else. What the environment sets already stays.

    With a `long_queue` (many practices) there is always another page to run, so that no page takes more than one core's
    share for calls of its own; else the longest page takes what the others leave.

    >>> fair_shares(1)
    {}
    """
    if at_a_time <= 1:
        return {}
    cores = str(max(1, (os.cpu_count() or 1) // at_a_time))
    shares = {settings.THREADS.name: cores, settings.MEMORY_LIMIT.name: f"{80 // at_a_time}%"}
    shares |= {settings.CORES.name: cores} if long_queue else {}
    own = settings.environment()
    return {name: own.get(name, share) for name, share in shares.items()}


def warm_up() -> None:
    """Begins what every report needs: the server of kernels imports in its process, papermill and nbconvert in a thread."""
    fork_server.warm_up()
    threading.Thread(target=_import, daemon=True).start()


def _import() -> None:
    # jsonschema compiles a grammar of this package when it is imported, one to two seconds for nothing we use
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import nbconvert  # noqa: F401
    import papermill

    from rcm_analysis.reports import kernels

    papermill.engines.papermill_engines.register("rcm", kernels.Engine)


def _keep_folder(path: Path) -> None:
    """Lets papermill read and write below the root of this path without a change of the process's working folder.

    Its usual handler enters the folder that it was told last and comes back; of two notebooks side by side one comes back
    to where the other has just been, and from then on every relative path means something else.
    """
    from papermill.iorw import LocalHandler, papermill_io

    if path.anchor not in dict(papermill_io._handlers):
        papermill_io.register(path.anchor, LocalHandler())  # nobody tells this one a folder


def run_all(
    notebooks: list[Path], folder: Path, *, parameters: dict[str, Any], jobs: int = 1, progress: Progress | None = None,
    environment: dict[str, str] | None = None, fork: bool = True, retries: int = 0, longest: Sequence[str] = (),
) -> list[Status]:  # fmt: skip
    """Runs the notebooks into `folder`, `jobs` at a time; a status for each, in their order.

    Each gets those of the parameters that it has. `environment` is added to that of the kernels; `fork=False` starts plain kernels. A failed notebook is run up to
    `retries` times more, each time in a new kernel. Those named `longest` begin first, so that none of them is waited for
    alone in the end; `progress` hears of each when it is done.
    """
    _import()
    from rcm_analysis.reports.kernels import Session

    told, at_a_time = progress or (lambda name, ok: None), max(1, min(jobs, len(notebooks)))
    environment = {**fair_shares(at_a_time), **(environment or {})}
    promised: list[Future[Status]] = [Future() for _ in notebooks]
    order = {name: place for place, name in enumerate(longest)}
    waiting = deque(sorted(zip(notebooks, promised, strict=True), key=lambda one: order.get(one[0].stem, len(order))))

    def work() -> None:
        with Session(environment, fork=fork) as session:
            while waiting:
                with suppress(IndexError):  # another took the last one
                    notebook, status = waiting.popleft()
                    _fulfil(status, lambda: _tried(notebook, folder, parameters, session, retries))  # noqa: B023

    with ThreadPoolExecutor(at_a_time) as pool:
        for _ in range(at_a_time):
            pool.submit(work)
        try:
            for status in (one.result() for one in as_completed(promised)):
                told(status.notebook, status.ok)
        finally:
            waiting.clear()  # who interrupts does not wait for those that have not begun
    return [one.result() for one in promised]


def _fulfil(promise: Future[Status], make: Callable[[], Status]) -> None:
    try:
        promise.set_result(make())
    except BaseException as error:
        promise.set_exception(error)


def _tried(notebook: Path, folder: Path, parameters: dict[str, Any], session: Session, retries: int) -> Status:
    known = parameters_of(notebook)
    own = {name: value for name, value in parameters.items() if name in known}
    for _ in range(retries + 1):
        status = run(notebook, folder / notebook.name, own, session=session)
        if status.ok:
            break
    return status


def run(notebook: Path, output: Path, parameters: dict[str, Any], *, session: Session | None = None) -> Status:
    """Runs one notebook and writes it to `output`, which holds what was reached if it failed."""
    _import()
    import papermill

    notebook, output = notebook.resolve(), output.resolve()
    for path in (notebook, output):
        _keep_folder(path)
    begun = time.perf_counter()
    message = ""
    try:
        papermill.execute_notebook(
            str(notebook), str(output), parameters=parameters, kernel_name="python3", engine_name="rcm",
            progress_bar=False, log_output=False, execution_timeout=settings.CELL_TIMEOUT_S.number, session=session, reached=output,
            request_save_on_cell_execute=False,  # it would write and check the whole notebook after each cell
        )  # fmt: skip
    except Exception as error:
        message = _told(error)
    message = message or problem_of_file(output)
    return Status(notebook.stem, not message, round(time.perf_counter() - begun, 2), message)


def _told(error: Exception) -> str:
    """Why a run ended, without the text of the error: it could quote a value."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    if isinstance(error, DeadKernelError):
        return "the kernel died; is there enough memory?"
    if isinstance(error, CellTimeoutError):
        return f"a cell ran longer than {settings.CELL_TIMEOUT_S.number} seconds"
    if isinstance(error, OSError):
        return f"the notebook could not be written: {os.strerror(error.errno) if error.errno else type(error).__name__}"
    name = getattr(error, "ename", type(error).__name__)
    return (
        f"cell {getattr(error, 'exec_count', '?')} failed: {errors.NO_MEMORY if name in errors.OUT_OF_MEMORY else name}"
    )


def problem_of_file(path: Path) -> str:
    """What forbids publishing the executed notebook in this file; empty when all is well."""
    if not path.exists():
        return "the executed notebook was not written"
    if path.stat().st_size > MAX_OUTPUT_BYTES:
        return f"the executed notebook is larger than {MAX_OUTPUT_BYTES // 1_000_000} MB; print less"
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError:
        return "the executed notebook is only half written; is the disk full?"
    return problem_of(content)


def problem_of(content: dict[str, Any]) -> str:
    """What forbids publishing an executed notebook: an error, a cell that did not run, a figure that got lost."""
    for number, cell in enumerate(content["cells"], 1):
        if cell["cell_type"] != "code" or not "".join(cell["source"]).strip():
            continue
        if cell.get("execution_count") is None:
            return f"cell {number} did not run"
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                return f"cell {number} failed: {output['ename']}"
            data = output.get("data", {})
            plain = "".join(data.get("text/plain", ""))
            if re.match(r"<?Figure\b", plain) and not {"image/png", "image/svg+xml", "text/html"} & set(data):
                return f"cell {number} lost its figure"
    return "a cell failed" if content["metadata"].get("papermill", {}).get("exception") else ""
