"""What an estimator does after each epoch: callbacks of the user, a line of text, the end of "adaptive"."""

from __future__ import annotations

import math
from typing import Any

from ..callbacks import Progress, StepProgress, ends, sees_steps
from ..inputs import as_integer

__all__ = ["AdaptiveEnd", "callback_of", "callbacks_of", "print_epoch"]

SMALLEST_RATE = 1e-6
"""Below which scikit-learn's "adaptive" does not go."""


def callbacks_of(callbacks: Any) -> list[Any]:
    """One callable, several or none, as a list."""
    if callbacks is None:
        return []
    several = list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
    for callback in several:
        if not callable(callback) and not sees_steps(callback):
            raise TypeError(f"callbacks must be a callable or a list of callables, got {callback!r}")
    return several


def callback_of(callbacks: list[Any]) -> Any:
    """One callback that calls all of these."""
    if len(callbacks) < 2:
        return callbacks[0] if callbacks else None
    return SeveralSeeingSteps(callbacks) if any(map(sees_steps, callbacks)) else Several(callbacks)


class Several:
    """Callbacks that are called one after the other; the answer True of any ends the run."""

    def __init__(self, callbacks: list[Any]) -> None:
        self.callbacks = callbacks

    def __call__(self, progress: Progress) -> bool:
        """After an epoch."""
        answers = [callback(progress) for callback in self.callbacks if callable(callback)]
        return any(map(ends, answers))


class SeveralSeeingSteps(Several):
    """The same, where some of them are told of steps: each of those it wants to be told of."""

    def __init__(self, callbacks: list[Any]) -> None:
        super().__init__(callbacks)
        self.periods = [
            (callback, as_integer("callback.every_steps", getattr(callback, "every_steps", 1), 1))
            for callback in callbacks
            if sees_steps(callback)
        ]
        self.every_steps = math.gcd(*(period for _, period in self.periods))
        self.wants_params = any(getattr(callback, "wants_params", False) for callback, _ in self.periods)

    def on_step(self, progress: StepProgress) -> bool:
        """After a step."""
        answers = [
            callback.on_step(progress) for callback, period in self.periods if progress.n_steps % period == 0
        ]
        return any(map(ends, answers))


def print_epoch(progress: Progress) -> None:
    """A line of plain text."""
    parts = [f"loss {progress.loss:.6g}"]
    if progress.validation_loss is not None:
        parts.append(f"validation loss {progress.validation_loss:.6g}")
    parts += [f"validation {name} {value:.6g}" for name, value in progress.metrics.items()]
    print(f"epoch {progress.epoch}: {', '.join(parts)}, {progress.elapsed:.3g} s")


class AdaptiveEnd:
    """Ends a run of the rate "adaptive" where scikit-learn's ends.

    The rate is a :class:`mbgd_rs.schedules.Plateau`, which is divided by 5 whenever the loss of `patience`
    epochs has not improved by `tol`. Once it is as small as 1e-6, the next plateau is the end.
    """

    def __init__(self, eta0: float, tol: float, patience: int) -> None:
        self.rate = eta0
        self.tol = tol
        self.patience = patience
        self.best = float("inf")
        self.n_waited = 0

    def __call__(self, progress: Progress) -> bool:
        """Whether this epoch is the last."""
        improved = progress.loss <= self.best - self.tol
        self.n_waited = 0 if improved else self.n_waited + 1
        self.best = min(self.best, progress.loss)
        if self.n_waited < self.patience:
            return False
        if self.rate <= SMALLEST_RATE:
            return True
        self.rate, self.n_waited = self.rate / 5, 0
        return False
