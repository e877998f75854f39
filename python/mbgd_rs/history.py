"""What was written down during a run."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .diagnosis import table
from .recorded_noise import RecordedNoise

__all__ = ["History"]

Array = NDArray[Any]
BY_STEP = ("step_loss", "learning_rate", "gradient_norm", "elapsed")
BY_EPOCH = ("epoch_loss", "epoch_elapsed", "epoch_steps", "validation_loss")
BY_EITHER = ("batch_size", "full_loss")
"""By step if steps are recorded, else by epoch."""
AS_RECORDED = ("path", "noise_records")
"""Too large to be filled up, or saying at which step it is."""


def _empty() -> Array:
    return np.empty(0)


@dataclass(frozen=True, repr=False, eq=False)
class History:
    """What was written down during a run; an array that was not asked for is empty.

    Where a run was resumed and only a part of it has a record, NaN stands for the rest: arrays with an entry
    for each step or epoch are about all steps, or all epochs, of the whole run. The path alone has the steps
    that were recorded, and no others.

    Attributes
    ----------
    epoch_loss : ndarray of shape (n_epochs,)
        Mean over the rows of an epoch of the objective, each batch's before its step.
    epoch_elapsed : ndarray of shape (n_epochs,)
        Seconds of training up to the end of the epoch.
    epoch_steps : ndarray of int, of shape (n_epochs,)
        Updates of the whole run up to the end of the epoch.
    step_loss : ndarray of shape (n_steps,)
        Objective of the batch before the step.
    learning_rate : ndarray of shape (n_steps,)
    batch_size : ndarray of int, of shape (n_steps,) or (n_epochs,)
        Rows of each step, or, if steps are not recorded, rows of a batch in each epoch.
    gradient_norm : ndarray of shape (n_steps,)
        2-norm of the batch gradient, over all parameters, before clipping.
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
        All parameters after every step that was recorded, in the dtype of X: coefficients in C order and then
        intercepts; of other models in the order that :mod:`mbgd_rs.models` says, and ``result.model.split``
        makes blocks of a row.
    noise_records : structured ndarray of shape (n_looks,)
        What :attr:`noise` is made of, of every eighth step: "step", "batch_size", "learning_rate", and what
        the batch alone says of tr(Sigma), "trace", of ``|G|^2``, "squared_norm", and of its own gradient,
        "batch_squared_norm", "variance" and, now and then, "variance_along".
    """

    epoch_loss: Array = field(default_factory=_empty)
    epoch_elapsed: Array = field(default_factory=_empty)
    epoch_steps: Array = field(default_factory=_empty)
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

    def to_dict(self, by: Literal["epoch", "step"] = "epoch") -> dict[str, Array]:
        """The records as columns of one length, as ``pandas.DataFrame`` and ``polars.DataFrame`` take them.

        Parameters
        ----------
        by : {"epoch", "step"}, default="epoch"
            A row for each epoch, or for each step.

        Returns
        -------
        dict of str to ndarray of shape (n,)
            "epoch" or "step", counted from 1, and what was recorded; metrics by their names. The path has a
            column for each parameter, "path_0" and so on, if it is about all steps.

        Examples
        --------
        >>> import mbgd_rs as mb
        >>> r = mb.fit([[1.0], [2.0]], [1.0, 2.0], epochs=3)
        >>> list(r.history.to_dict())
        ['epoch', 'epoch_loss', 'epoch_elapsed', 'epoch_steps', 'batch_size']
        """
        if by not in ("epoch", "step"):
            raise ValueError(f"by must be 'epoch' or 'step', got {by!r}")
        names: tuple[str, ...] = BY_EPOCH if by == "epoch" else BY_STEP
        if (by == "step") == (self.step_loss.size > 0):
            names += BY_EITHER
        found = {name: getattr(self, name) for name in names if getattr(self, name).size}
        if by == "epoch":
            found |= self.metrics
        elif self.path.size and len(self.path) == (len(self.step_loss) or len(self.path)):
            found |= {f"path_{j}": column for j, column in enumerate(self.path.T)}
        n = max((len(column) for column in found.values()), default=0)
        return {by: np.arange(1, n + 1), **found}

    def last(self) -> dict[str, float]:
        """The losses and metrics of the last epoch."""
        curves = {"epoch_loss": self.epoch_loss, "validation_loss": self.validation_loss, **self.metrics}
        return {name: float(curve[-1]) for name, curve in curves.items() if curve.size}

    def _repr_html_(self) -> str:
        """A table for notebooks: a row for each record, with its shape and its last entry."""
        arrays = {
            of.name: getattr(self, of.name) for of in fields(self) if of.name != "metrics"
        } | self.metrics
        last = self.last()
        found = {name: f"{array.shape}" for name, array in arrays.items() if array.size}
        return table(
            "History",
            {
                name: shape + (f", last {last[name]:.4g}" if name in last else "")
                for name, shape in found.items()
            },
        )

    def followed_by(self, later: History, seconds: float, n_steps: tuple[int, int]) -> History:
        """The history of a run that was resumed, after `n_steps` steps in all and then so many.

        Times continue after `seconds`. Where only one of both has a record, NaN stands for the other's.
        """
        n_epochs = self.epoch_loss.size, later.epoch_loss.size
        records: dict[str, Any] = {}
        for of in fields(self):
            if of.name in ("metrics", *AS_RECORDED):
                continue
            parts = [getattr(self, of.name), getattr(later, of.name)]
            if of.name.endswith("elapsed"):
                parts[1] = parts[1] + seconds
            lengths = n_steps if of.name in BY_STEP else n_epochs
            if of.name in BY_EITHER and self.step_loss.size + later.step_loss.size > 0:
                lengths = n_steps
                parts = [self.by_step(of.name, 0, n_steps[0]), later.by_step(of.name, *n_steps)]
            records[of.name] = joined(parts, lengths)
        names = {**self.metrics, **later.metrics}
        found = {name: [history.metrics.get(name, _empty()) for history in (self, later)] for name in names}
        records["metrics"] = {name: joined(parts, n_epochs) for name, parts in found.items()}
        for name in AS_RECORDED:
            made = [part for part in (getattr(self, name), getattr(later, name)) if part.size]
            records[name] = np.concatenate(made) if made else getattr(self, name)
        return History(**records)

    def by_step(self, name: str, first: int, n_steps: int) -> Array:
        """A record by step. The loss by epoch is placed at the last steps of the epochs."""
        record: Array = getattr(self, name)
        if not record.size or self.step_loss.size:
            return record
        placed = np.full(n_steps, np.nan)
        if name == "full_loss":
            placed[self.epoch_steps - 1 - first] = record
        return placed


def joined(parts: list[Array], lengths: tuple[int, int]) -> Array:
    """Two records of these lengths, one after the other; NaN for one that was not made, if the other was."""
    made = [part for part in parts if part.size]
    if not made:
        return parts[0]
    kind = np.result_type(made[0], np.float32)
    shape = made[0].shape[1:]
    return np.concatenate(
        [part if part.size or n == 0 else np.full((n, *shape), np.nan, kind)
         for part, n in zip(parts, lengths, strict=True)]
    )  # fmt: skip
