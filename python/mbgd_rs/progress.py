"""What a callback is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

__all__ = ["Progress", "StepProgress"]


@dataclass(frozen=True, eq=False)
class Progress:
    """What a callback is told after every epoch.

    Attributes
    ----------
    epoch : int
        Epochs completed, in the whole run.
    n_steps : int
        Updates made.
    loss : float
        Mean of the objective during the epoch, as ``history.epoch_loss`` has it.
    elapsed : float
        Seconds since the call of fit.
    coef, intercept : ndarray
        Copies of the parameters, shaped as in :class:`FitResult`.
    validation_loss : float or None
        Mean loss over the validation rows, if there are any.
    metrics : dict of str to float
        Metrics of the model as it is.
    """

    epoch: int
    n_steps: int
    loss: float
    elapsed: float
    coef: NDArray[Any]
    intercept: Any
    validation_loss: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, float]:
        """What was measured: "loss", "validation_loss" if there is one, and the metrics by their names."""
        measured = {"loss": self.loss}
        if self.validation_loss is not None:
            measured["validation_loss"] = self.validation_loss
        return measured | self.metrics


@dataclass(frozen=True, eq=False)
class StepProgress:
    """What a callback with a method `on_step` is told after a step.

    Attributes
    ----------
    epoch : int
        Epochs completed, in the whole run.
    n_steps : int
        Updates made, this one included.
    loss : float
        The objective on the rows of the step, before it.
    learning_rate : float
    gradient_norm : float
        2-norm of the gradient before clipping; with ``standardize=True`` of the scaled problem.
    batch_size : int
        Rows of the step.
    elapsed : float
        Seconds since the call of fit.
    coef, intercept : ndarray or None
        Copies of the parameters, shaped as in :class:`FitResult`, if the callback has an attribute
        ``wants_params = True``: to make them takes the longer, the more there are.
    """

    epoch: int
    n_steps: int
    loss: float
    learning_rate: float
    gradient_norm: float
    batch_size: int
    elapsed: float
    coef: NDArray[Any] | None = None
    intercept: Any = None
