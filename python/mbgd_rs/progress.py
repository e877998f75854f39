"""What a callback is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Progress", "StepProgress"]


class OfLinear:
    """The parameters of a linear model, as attributes of their own."""

    params: Any

    @property
    def coef(self) -> Any:
        """Coefficients."""
        return self._of_linear("coef")

    @property
    def intercept(self) -> Any:
        """Intercepts."""
        return self._of_linear("intercept")

    def _of_linear(self, name: str) -> Any:
        if self.params is None:
            return None
        if not isinstance(self.params, dict) or self.params.keys() != {"coef", "intercept"}:
            raise AttributeError(f"{type(self).__name__} has no {name} of another model: it has params")
        return self.params[name]


@dataclass(frozen=True, eq=False)
class Progress(OfLinear):
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
    params : dict of str to ndarray, scalar or list of ndarray
        Copies of the parameters by the names of their blocks, as in :class:`FitResult`.
    coef, intercept : ndarray
        Those of a linear model; others have no such attributes.
    validation_loss : float or None
        Mean loss over the validation rows, if there are any.
    metrics : dict of str to float
        Metrics of the model as it is.
    """

    epoch: int
    n_steps: int
    loss: float
    elapsed: float
    params: dict[str, Any]
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
class StepProgress(OfLinear):
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
    params : dict of str to ndarray, scalar or list of ndarray, or None
        Copies of the parameters by the names of their blocks, as in :class:`FitResult`, if the callback has
        an attribute ``wants_params = True``: to make them takes the longer, the more there are.
    coef, intercept : ndarray or None
        Those of a linear model; others have no such attributes.
    """

    epoch: int
    n_steps: int
    loss: float
    learning_rate: float
    gradient_norm: float
    batch_size: int
    elapsed: float
    params: dict[str, Any] | None = None
