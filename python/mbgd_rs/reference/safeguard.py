"""Goes back and shortens the steps where an epoch has made the objective worse."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

EARLY_LOSS, LATE_LOSS, EARLY_EPOCHS = 0.5, 0.01, 2
"""How much of what was gained may be lost in an epoch, early, where slopes are still old, and later."""

ROUNDING = 16
"""What the mean objective of an epoch may differ by where nothing has changed, in units of the rounding."""

MOST_BACKTRACKS = 60
"""Times in a row that steps are shortened because numbers have become non-finite."""


class Safeguard:
    """What is remembered of the epochs before.

    It does not act on every rise: the second epoch may rise a little, since the slopes known of the first are
    old, and to shorten the steps then would make the run crawl.
    """

    def __init__(self, w: Array, first_loss: float) -> None:
        self.share = 0.5  # of the longest rate that the expected smoothness allows
        self.first_loss = self.best_loss = first_loss
        self.epsilon = float(np.finfo(w.dtype).eps)
        self.refuge, self.older_refuge = w.copy(), w.copy()  # where the best epoch has ended, and begun
        self.last = w.copy()  # where the last epoch has ended
        self.last_loss: float | None = None  # its mean objective, until it is judged
        self.is_first = True  # whether the last epoch was the first since the start, or a step back
        self.is_lost = False  # whether numbers have become non-finite since
        self.n_backtracks = 0

    def end_epoch(self, loss: float, w: Array, is_single_step: bool) -> None:
        if is_single_step and self.is_first and math.isfinite(loss):
            self.best_loss = loss  # the objective of that place, and nothing else but rounding
        if not self.is_lost:
            self.last_loss = loss
            if loss <= self.best_loss:
                self.older_refuge, self.refuge = self.last.copy(), w.copy()
        self.last = w.copy()

    def backtrack(self) -> float:
        """Notes that a step has become non-finite and was not made. Returns an objective in its place."""
        self.n_backtracks += 1
        self.is_lost = True
        if self.n_backtracks > MOST_BACKTRACKS:
            raise FloatingPointError("training diverged: a parameter or the loss is not finite at any rate")
        return self.best_loss

    def is_much_worse(self, loss: float, epoch: float) -> bool:
        part = EARLY_LOSS if epoch <= EARLY_EPOCHS else LATE_LOSS
        gained = max(self.first_loss - self.best_loss, 0.0)
        scale = max(abs(self.first_loss), abs(self.best_loss))
        rounding = max(ROUNDING * self.epsilon * scale, 1e-9 * abs(self.best_loss))
        return not loss <= self.best_loss + part * gained + rounding

    def alternative(self) -> tuple[Array, float] | None:
        """Where the best epoch has ended and its objective, if the last one was much worse."""
        is_worse = self.last_loss is not None and self.is_much_worse(self.last_loss, math.inf)
        return (self.refuge, self.best_loss) if self.is_lost or is_worse else None

    def judge(self, epoch: int, look_from: Callable[[Array], float]) -> None:
        """Judges the last epoch. `look_from` moves the parameters and returns the objective there."""
        loss = None if self.is_lost else self.last_loss
        goes_back = self.is_lost or (loss is not None and self.is_much_worse(loss, epoch))
        if goes_back:
            found = look_from(self.refuge)
            if self.is_much_worse(found, epoch):
                self.refuge = self.older_refuge.copy()
                found = look_from(self.refuge)
            # The best epoch may have been better on its way than where it ended.
            self.best_loss = found
            self.share *= 0.5
            self.last = self.refuge.copy()
        elif loss is not None:
            self.best_loss = min(self.best_loss, loss)
        self.last_loss, self.is_lost, self.is_first = None, False, goes_back
