"""Exceptions of this package; everything else is an ordinary ValueError or TypeError."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NoReturn

__all__ = ["ConvergenceWarning", "DivergenceError", "raise_with"]


class ConvergenceWarning(UserWarning):
    """A run that was to end at the optimum has made all its epochs before it was there."""


class DivergenceError(ArithmeticError):
    """A run left the finite numbers.

    Attributes
    ----------
    epoch, step : int
        Where it was noticed: the epoch, and the step counted over the whole run, both from 0.
    result : FitResult or MinimizeResult
        The run up to there, with the last finite parameters.
    """

    def __init__(self, message: str, epoch: int, step: int, result: Any) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.step = step
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.epoch, self.step, self.result)


def raise_with(error: BaseException, result: Any) -> NoReturn:
    """Raise what ended a run from outside, with the run so far."""
    with suppress(AttributeError, TypeError):
        error.result = result  # type: ignore[attr-defined]
    try:
        raise error
    finally:
        del error  # or it would keep this frame, and the frame it
