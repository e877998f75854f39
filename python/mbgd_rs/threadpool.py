"""The number of threads as threadpoolctl sees and sets it.

With it installed, ``threadpool_limits(1)`` limits this library as it does BLAS and OpenMP, and
``threadpool_info()`` lists it. Either may be imported first, and neither imports the other.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _core

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["register_when_imported"]

LIBRARY = "threadpoolctl"


def register_when_imported() -> None:
    """Registers the controller: now, if threadpoolctl is there already, else once it is imported."""
    if LIBRARY in sys.modules:
        register(sys.modules[LIBRARY])
    else:
        sys.meta_path.insert(0, Registration())


class Registration:
    """A finder of modules that waits for the import of threadpoolctl, and is gone after that."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """That of the other finders, whose module then is told of this library; None of any other module."""
        if name != LIBRARY:
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        try:
            spec = find_spec(name)
        finally:
            sys.meta_path.insert(0, self)  # somebody may only have asked whether there is such a module
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                    register(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def register(threadpoolctl: Any) -> None:
    """Tells threadpoolctl how to ask and to set our number of threads; not versions that cannot be told."""
    if not hasattr(threadpoolctl, "register"):
        return
    # Not before: what need not be imported with the package is not.
    from .threads import default_num_threads, get_num_threads, set_num_threads

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
