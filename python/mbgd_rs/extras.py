"""Libraries that are not needed otherwise: the extras of the package."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["imported"]


def imported(module: str, user: str, extra: str) -> Any:
    """A library that is not needed otherwise; an ImportError says how it is installed."""
    try:
        return import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise ImportError(f"{user} needs {name}: pip install 'mbgd_rs[{extra}]'") from None
