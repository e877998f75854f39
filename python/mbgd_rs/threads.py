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
_n_threads: int | None = None


def set_num_threads(n: int) -> None:
    """Set how many threads are used where ``n_threads`` is not given.

    Parameters
    ----------
    n : int
        At least 1.

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
    _n_threads = as_integer("n", n, 1)


def get_num_threads() -> int:
    """How many threads are used where ``n_threads`` is not given.

    The number set by :func:`set_num_threads`, else that of the environment variables RAYON_NUM_THREADS or
    OMP_NUM_THREADS, else that of the processors this process may run on, by its affinity and control group.

    Returns
    -------
    int
    """
    if _n_threads is not None:
        return _n_threads
    for variable in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS"):
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
