"""skl2onnx learns of the estimators when it is imported, and nobody has to wait for it before."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .onnx_converter import register_converters

__all__ = ["register_when_imported"]

NAME = "skl2onnx"


class Registration:
    """Finds skl2onnx as others find it, and registers the converters once it is there."""

    def __init__(self, estimators: list[type[Any]]) -> None:
        self.estimators = estimators
        self.is_asking = False

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        """As importlib asks for it; None of all other modules."""
        if name != NAME or self.is_asking:
            return None
        self.is_asking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.is_asking = False
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                register_converters(self.estimators)

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


def register_when_imported(estimators: list[type[Any]]) -> None:
    """Register the converters now, if skl2onnx has been imported, or else when it will be."""
    if NAME in sys.modules:
        register_converters(estimators)
    else:
        sys.meta_path.insert(0, Registration(estimators))
