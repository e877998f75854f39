"""What an estimator does after each epoch: callbacks of the user, and the end of "adaptive"."""

from __future__ import annotations

from typing import Any

from ..progress import Progress
from ..watching import sees_steps

__all__ = ["AdaptiveEnd", "callbacks_of"]

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
