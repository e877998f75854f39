"""What a fit gives back."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .inputs import as_matrix, in_place
from .threads import resolve_n_threads

__all__ = ["AutoRate", "FitResult", "History", "StopReason"]

Array = NDArray[Any]


class StopReason(enum.StrEnum):
    """Why a run ended; compares equal to its name, and `prose` says it in words."""

    EPOCHS = "epochs"
    CALLBACK = "callback"
    DIVERGED = "diverged"

    @property
    def prose(self) -> str:
        """The reason in words."""
        return {
            "epochs": "all epochs were done",
            "callback": "the callback asked for the end",
            "diverged": "the run left the finite numbers; the parameters are the last finite ones",
        }[self.value]


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
    gradient_norm : ndarray of shape (n_steps,)
        2-norm of the batch gradient, over coefficients and intercepts, before clipping.
    elapsed : ndarray of shape (n_steps,)
        Seconds of training up to the end of the step. Looking at the full loss is not counted.
    full_loss : ndarray of shape (n_steps,) or (n_epochs,)
        Objective over all rows after every step, or after every epoch if steps are not recorded. With
        ``learning_rate="auto"`` the model of the result may be better than the last of these.
    path : ndarray of shape (n_steps, n_params)
        Coefficients in C order and then intercepts, after every step, in the dtype of X.
    """

    epoch_loss: Array = field(default_factory=_empty)
    epoch_elapsed: Array = field(default_factory=_empty)
    step_loss: Array = field(default_factory=_empty)
    learning_rate: Array = field(default_factory=_empty)
    gradient_norm: Array = field(default_factory=_empty)
    elapsed: Array = field(default_factory=_empty)
    full_loss: Array = field(default_factory=_empty)
    path: Array = field(default_factory=_empty)

    def __repr__(self) -> str:
        recorded = (
            f"{f.name}: {getattr(self, f.name).shape}" for f in fields(self) if getattr(self, f.name).size
        )
        return f"History({', '.join(recorded)})"

    def followed_by(self, later: History) -> History:
        """The history of a run that went on: times continue, records are appended."""
        seconds = self.epoch_elapsed[-1] if self.epoch_elapsed.size else 0.0
        if self.elapsed.size:
            seconds = max(seconds, self.elapsed[-1])

        def joined(name: str) -> Array:
            first: Array = getattr(self, name)
            second: Array = getattr(later, name)
            if not (first.size and second.size):
                return second if second.size else first
            return np.concatenate([first, second + seconds if name.endswith("elapsed") else second])

        return History(**{f.name: joined(f.name) for f in fields(self)})


@dataclass(frozen=True)
class AutoRate:
    """What ``learning_rate="auto"`` has found out and chosen.

    Attributes
    ----------
    smoothness : float
        L, the Lipschitz constant of the gradient of the objective over all rows; from at most 2048 of them.
    row_smoothness : float
        L_max, that of the row where it is largest.
    batch_smoothness : float
        L(b), the expected smoothness of the batches; the run has begun with the rate 1 / L(b).
    learning_rate : float
        Where the rate is now. With momentum m, that of a step along gradients that stay the same: each step
        has (1 - m) of it.
    method : {"spectral", "trials"}
        How the rate follows the data: see :class:`mbgd_rs.optimizers.SGD`.
    """

    smoothness: float
    row_smoothness: float
    batch_smoothness: float
    learning_rate: float
    method: str


@dataclass(frozen=True, repr=False)
class FitResult:
    """A trained linear model and how it came to be. Can be pickled, and gone on from: ``fit(resume=...)``.

    Attributes
    ----------
    coef : ndarray of shape (d,) or (k, d)
        Coefficients, one row for each output or, with more than two classes, each class; of X's dtype.
    intercept : scalar or ndarray of shape (k,)
    classes : ndarray of shape (n_classes,) or None
        Distinct labels, sorted; None for a regression.
    history : History
    n_steps, n_epochs : int
        Updates made and epochs completed, in the whole run.
    stop_reason : StopReason
    state : dict
        Everything needed to go on: parameters, the optimizer's memory, the position in the epoch.
    loss : str
        Name of the loss.
    batch_size : int
        Rows of a batch.
    """

    coef: Array
    intercept: Any
    classes: Array | None
    history: History
    n_steps: int
    n_epochs: int
    stop_reason: StopReason
    state: dict[str, Any]
    loss: str
    batch_size: int

    def __repr__(self) -> str:
        loss = f", epoch_loss={self.history.epoch_loss[-1]:.6g}" if self.history.epoch_loss.size else ""
        return (
            f"FitResult(loss={self.loss!r}, coef={self.coef.dtype}{list(self.coef.shape)}, "
            f"n_epochs={self.n_epochs}, n_steps={self.n_steps}{loss}, stop_reason={self.stop_reason.value!r})"
        )

    @property
    def auto_rate(self) -> AutoRate | None:
        """What ``learning_rate="auto"`` has chosen, or None with a rate that was given."""
        saved = self.state["auto_rate"]
        if saved is None:
            return None
        method, numbers, _ = saved
        smoothness, row_smoothness, batch_smoothness, learning_rate = map(float, numbers[:4])
        return AutoRate(smoothness, row_smoothness, batch_smoothness, learning_rate, method)

    def decision_function(self, X: ArrayLike) -> Array:
        """Scores ``X @ coef.T + intercept``.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n,) or (n, k)
            For two classes, above 0 means the second.
        """
        scores = self._predict(X, "identity")
        return scores[:, 0] if self.coef.ndim == 1 else scores

    def predict(self, X: ArrayLike) -> Array:
        """The value predicted for each row, or its class.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n,) or (n, k)
        """
        scores = self.decision_function(X)
        if self.classes is None:
            return scores
        index = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(np.intp)
        labels: Array = self.classes[index]
        return labels

    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each class for each row.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of `classes`; rows sum to 1.

        Raises
        ------
        ValueError
            If the loss has no probabilities: only "log_loss" has.
        """
        if self.loss != "log_loss":
            raise ValueError(f"predict_proba needs loss 'log_loss', got a model of loss {self.loss!r}")
        return self._predict(X, "logistic" if self.coef.ndim == 1 else "softmax")

    def _predict(self, X: ArrayLike, link: str) -> Array:
        matrix = in_place(as_matrix(X), self.coef.dtype)
        if matrix.shape[1] != self.coef.shape[-1]:
            raise ValueError(
                f"X must have {self.coef.shape[-1]} columns, as in fit, got shape {matrix.shape}"
            )
        params = np.append(self.coef.ravel(), self.intercept)
        n_outputs = int(np.size(self.intercept))
        return _core.predict(matrix, params, n_outputs, link, resolve_n_threads(None))
