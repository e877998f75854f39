"""What is done once another library is imported, without importing it, and whichever comes first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["when_imported"]


def when_imported(name: str, then: Callable[[Any], None]) -> None:
    """Calls `then` with a module: now, if it is there already, else once it is imported."""
    if name in sys.modules:
        then(sys.modules[name])
    else:
        sys.meta_path.insert(0, LateImport(name, then))


class LateImport:
    """A finder of modules that waits for the import of one of them, and is gone after that."""

    def __init__(self, name: str, then: Callable[[Any], None]) -> None:
        self.name, self.then = name, then

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """That of the other finders, with a loader that calls `then`; None of any other module."""
        if name != self.name:
            return None
        from importlib.util import find_spec  # not before: it takes longer than to import this package

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
                    self.then(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
