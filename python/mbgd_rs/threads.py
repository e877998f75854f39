"""How many threads to use. Results never depend on it."""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from typing import Any

import numpy as np

from . import _core
from .inputs import as_integer

__all__ = ["get_num_threads", "set_num_threads", "show_versions", "simd_tier"]

MOST_THREADS = 1024
VARIABLES = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS")
"""Of the environment, the first one that has a number counts."""
_n_threads: int | None = None


def set_num_threads(n: int | None) -> None:
    """Set how many threads are used where ``n_threads`` is not given.

    Parameters
    ----------
    n : int or None
        At least 1; None goes back to what the environment and the machine say.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> before = mb.get_num_threads()
    >>> mb.set_num_threads(1)
    >>> mb.get_num_threads()
    1
    >>> mb.set_num_threads(before)
    """
    global _n_threads
    _n_threads = None if n is None else as_integer("n", n, 1)


def get_num_threads() -> int:
    """How many threads are used where ``n_threads`` is not given.

    What is said first in this order counts:

    1. the argument `n_threads` of a function, or `n_jobs` of an estimator, which this does not know of;
    2. :func:`set_num_threads`, and threadpoolctl's ``threadpool_limits``, whichever was called last;
    3. the environment variable RAYON_NUM_THREADS;
    4. the environment variable OMP_NUM_THREADS, which joblib sets in its workers;
    5. the processors that this process may run on: fewer than there are, if its affinity or the quota of its
       control group (of a container, say) says so.

    Returns
    -------
    int
    """
    return default_num_threads() if _n_threads is None else _n_threads


def default_num_threads() -> int:
    """The number that the environment or the machine says; asked anew each time, as both may change."""
    for variable in VARIABLES:
        value = os.environ.get(variable, "").split(",")[0].strip()  # OMP_NUM_THREADS may be a list
        if value.isdecimal() and int(value) > 0:
            return int(value)
    return n_processors(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None)


@lru_cache(maxsize=1)
def n_processors(n_by_affinity: int | None) -> int:
    """The processors that this process may run on; asked again if the affinity changes.

    The control group stands in files, and to read them takes as long as a small fit.
    """
    return _core.available_threads()


def resolve_n_threads(n_threads: Any) -> int:
    """The number asked for, or the default; never more than any machine has use for."""
    n = get_num_threads() if n_threads is None else as_integer("n_threads", n_threads, 1)
    return min(n, MOST_THREADS)


def simd_tier() -> str:
    """The SIMD instructions in use: "avx512", "avx2", "neon" or "scalar".

    The best the processor has, unless the environment variable MBGD_RS_SIMD names another. Results do not
    depend on it.

    Returns
    -------
    str
    """
    return _core.simd_tier()


def show_versions() -> None:
    """Print what is installed and what is used of the machine, for a bug report."""
    print(f"mbgd_rs {_core.__version__}")
    print(f"python  {platform.python_version()} on {platform.system()} {platform.machine()}")
    print(f"numpy   {np.__version__}")
    print(f"simd    {simd_tier()} (available: {', '.join(_core.simd_tiers())})")
    print(f"threads {get_num_threads()} (available: {_core.available_threads()})")
