"""Going on with a run: what must stay the same, and how a run that was interrupted is handed over."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NoReturn

from .result import FitResult

__all__ = ["check_arguments", "raise_with"]


def check_arguments(resume: FitResult, arguments: dict[str, Any]) -> None:
    """That the arguments which decide what a step does next are those of the run to go on with.

    The number of rows may change between epochs.
    """
    for name, value in arguments.items():
        before = resume.arguments.get(name, value)
        if before == value or (name == "n_rows" and resume.state["step"] == 0):
            continue
        reason = ", for it ended within an epoch" if name == "n_rows" else ""
        raise ValueError(f"resume must be a run with {name}={value!r}{reason}, got one with {before!r}")


def raise_with(error: BaseException, result: FitResult) -> NoReturn:
    """Raise what ended a run from outside, with the run so far."""
    with suppress(AttributeError, TypeError):
        error.result = result  # type: ignore[attr-defined]
    try:
        raise error
    finally:
        del error  # or it would keep this frame, and the frame it
