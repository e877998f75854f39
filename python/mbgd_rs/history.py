"""What was written down during a run."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .recorded_noise import RecordedNoise

__all__ = ["History"]

Array = NDArray[Any]


def _empty() -> Array:
    return np.empty(0)


@dataclass(frozen=True, repr=False)
class History:
    """What was written down during a run; an array that was not asked for is empty.

    Attributes
    ----------
    epoch_loss : ndarray of shape (n_epochs,)
        Mean over the rows of an epoch of the objective, each batch's before its step.
    epoch_elapsed : ndarray of shape (n_epochs,)
        Seconds of training up to the end of the epoch.
    step_loss : ndarray of shape (n_steps,)
        Objective of the batch before the step.
    learning_rate : ndarray of shape (n_steps,)
    batch_size : ndarray of int, of shape (n_steps,) or (n_epochs,)
        Rows of each step, or, if steps are not recorded, rows of a batch in each epoch.
    gradient_norm : ndarray of shape (n_steps,)
        2-norm of the batch gradient, over coefficients and intercepts, before clipping.
    elapsed : ndarray of shape (n_steps,)
        Seconds of training up to the end of the step. Looking at the full loss is not counted.
    full_loss : ndarray of shape (n_steps,) or (n_epochs,)
        Objective over all rows after every step, or after every epoch if steps are not recorded. With
        ``learning_rate="auto"`` the model of the result may be better than the last of these.
    validation_loss : ndarray of shape (n_epochs,)
        Mean loss over the validation rows, weighted and without the penalty, after every epoch, of the
        parameters that would be reported then. NaN for epochs without validation, if others have it.
    metrics : dict of str to ndarray of shape (n_epochs,)
        The metrics after every epoch; NaN as in validation_loss.
    path : ndarray of shape (n_steps, n_params)
        Coefficients in C order and then intercepts, after every step, in the dtype of X.
    noise_records : structured ndarray of shape (n_looks,)
        What :attr:`noise` is made of, of every eighth step: "step", "batch_size", "learning_rate", and what
        the batch alone says of tr(Sigma), "trace", of ``|G|^2``, "squared_norm", and of its own gradient,
        "batch_squared_norm", "variance" and, now and then, "variance_along".
    """

    epoch_loss: Array = field(default_factory=_empty)
    epoch_elapsed: Array = field(default_factory=_empty)
    step_loss: Array = field(default_factory=_empty)
    learning_rate: Array = field(default_factory=_empty)
    batch_size: Array = field(default_factory=_empty)
    gradient_norm: Array = field(default_factory=_empty)
    elapsed: Array = field(default_factory=_empty)
    full_loss: Array = field(default_factory=_empty)
    path: Array = field(default_factory=_empty)
    noise_records: Array = field(default_factory=_empty)
    validation_loss: Array = field(default_factory=_empty)
    metrics: dict[str, Array] = field(default_factory=dict)

    @property
    def noise(self) -> RecordedNoise:
        """How noisy the gradients were, smoothed over 100 steps; needs ``record="noise"``."""
        return self.smoothed_noise(12.5)

    def smoothed_noise(self, n_smoothed: float) -> RecordedNoise:
        """How noisy the gradients were, by weights that fall to 1/e in `n_smoothed` looks.

        Parameters
        ----------
        n_smoothed : float
            > 0. More is more certain, but later to see a change.

        Returns
        -------
        RecordedNoise

        Raises
        ------
        ValueError
            If no noise was recorded.
        """
        if not self.noise_records.size:
            raise ValueError('record must have been "noise", or have it among others, to look at the noise')
        return RecordedNoise.of(self.noise_records, n_smoothed)

    def __repr__(self) -> str:
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "metrics"} | self.metrics
        recorded = (f"{name}: {array.shape}" for name, array in arrays.items() if array.size)
        return f"History({', '.join(recorded)})"

    def followed_by(self, later: History, seconds: float) -> History:
        """The history of a run that went on: times continue after `seconds`, records are appended."""

        def by_epoch(first: Array | None, second: Array | None) -> Array:
            parts = [
                np.full(history.epoch_loss.size, np.nan) if array is None or not array.size else array
                for history, array in ((self, first), (later, second))
            ]
            return np.concatenate(parts)

        def joined(name: str) -> Array:
            first: Array = getattr(self, name)
            second: Array = getattr(later, name)
            if name.endswith("elapsed"):
                second = second + seconds
            if not (first.size and second.size):
                return second if second.size else first
            return np.concatenate([first, second])

        ours, theirs = self.metrics, later.metrics
        metrics = {name: by_epoch(ours.get(name), theirs.get(name)) for name in {**ours, **theirs}}
        names = [f.name for f in fields(self) if f.name not in ("metrics", "validation_loss")]
        records = {name: joined(name) for name in names}
        if self.validation_loss.size or later.validation_loss.size:
            records["validation_loss"] = by_epoch(self.validation_loss, later.validation_loss)
        return History(**records, metrics=metrics)
