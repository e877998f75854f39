"""`n_jobs`: how many threads a fit may use, also inside of scikit-learn's own parallel work."""

from __future__ import annotations

import os
import threading

import joblib

from ..threads import get_num_threads

__all__ = ["n_threads_of"]


def n_threads_of(n_jobs: int | None) -> int:
    """The number of threads for `n_jobs`.

    None is :func:`mbgd_rs.get_num_threads`, but within a task of joblib one, unless joblib has divided the
    processors among its processes: its loky backend does, by OMP_NUM_THREADS. Negative numbers count from all
    processors down, -1 is all of them, as everywhere in scikit-learn.
    """
    if n_jobs is None:
        return 1 if is_undivided_task() else get_num_threads()
    if n_jobs == 0:
        raise ValueError("n_jobs must not be 0, got 0")
    return n_jobs if n_jobs > 0 else int(joblib.effective_n_jobs(n_jobs))


def is_undivided_task() -> bool:
    """Whether this is a task of joblib beside others, none of which knows how many processors are its own."""
    backend, _ = joblib.parallel.get_active_backend()
    if not backend.nesting_level:
        return False
    is_process = threading.current_thread() is threading.main_thread()
    return not (is_process and "OMP_NUM_THREADS" in os.environ)
