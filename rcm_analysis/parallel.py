"""The independent calls of one long computation, on the cores of this machine or wherever joblib is told to send them.

    each(_searched, [(columns, rows, hit) for hit in hits], rows=len(columns))        results in the order of the calls

joblib carries the calls: with few rows one after another here, with many on as many cores as LOKY_MAX_CPU_COUNT allows.
Inside `with joblib.parallel_config("dask"):` they go to the workers of a Dask cluster, which need this package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

MANY_ROWS = 100_000  # with fewer, starting a process costs more than it brings


def each(call: Callable, tasks: Iterable[tuple], *, rows: int) -> list[Any]:
    """`call(*task)` of every task, in their order. `rows` is how many rows all of them work on."""
    import joblib

    sent_elsewhere = joblib.effective_n_jobs(None) > 1
    cores = joblib.cpu_count() if rows >= MANY_ROWS else 1
    parallel = joblib.Parallel(n_jobs=None if sent_elsewhere else cores)
    return parallel(joblib.delayed(call)(*task) for task in tasks)
