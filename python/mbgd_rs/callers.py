"""Warnings that name the line outside of the package that has led to them."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

__all__ = ["warn"]

PACKAGES = (__name__.partition(".")[0], "sklearn")
"""This one, and scikit-learn, whose decorators call the methods of estimators."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """`warnings.warn`, at the innermost line of neither of the packages."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and package_of(frame) in PACKAGES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def package_of(frame: FrameType) -> str:
    """The package whose code a frame runs."""
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0]
