"""The number of threads as threadpoolctl sees and sets it.

With it installed, ``threadpool_limits(1)`` limits this library as it does BLAS and OpenMP, and
``threadpool_info()`` lists it. Either may be imported first, and neither imports the other.
"""

from __future__ import annotations

from typing import Any

from . import _core
from .threads import default_num_threads, get_num_threads, set_num_threads

__all__ = ["register"]


def register(threadpoolctl: Any) -> None:
    """Tells threadpoolctl how to ask and to set our number of threads; not versions that cannot be told."""
    if not hasattr(threadpoolctl, "register"):
        return

    class Controller(threadpoolctl.LibController):  # type: ignore[misc]
        """Of this library. A limit is one of the whole process, as that of OpenBLAS is."""

        user_api = "mbgd_rs"
        internal_api = "mbgd_rs"
        filename_prefixes = ("_core.",)
        check_symbols = ("mbgd_rs_core",)

        def get_num_threads(self) -> int:
            """The number where none is given."""
            return get_num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            """Sets it. The default number is not set but gone back to: so a limit leaves no trace."""
            set_num_threads(None if num_threads == default_num_threads() else num_threads)

        def get_version(self) -> str:
            """That of the package."""
            return _core.__version__

    threadpoolctl.register(Controller)
