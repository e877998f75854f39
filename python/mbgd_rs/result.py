"""What a fit gives back."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .inputs import as_rows, in_place
from .losses import Loss
from .sparse import SparseRows
from .threads import resolve_n_threads

if TYPE_CHECKING:
    from .diagnostics.recorded import RecordedNoise

__all__ = ["AutoBatchSize", "AutoRate", "FitResult", "History", "StopReason"]

Array = NDArray[Any]


class StopReason(enum.StrEnum):
    """Why a run ended; compares equal to its name, and `prose` says it in words."""

    EPOCHS = "epochs"
    CALLBACK = "callback"
    NO_IMPROVEMENT = "no_improvement"
    TARGET = "target"
    MAX_STEPS = "max_steps"
    MAX_SECONDS = "max_seconds"
    INTERRUPTED = "interrupted"
    DIVERGED = "diverged"

    @property
    def prose(self) -> str:
        """The reason in words."""
        return {
            "epochs": "all epochs were done",
            "callback": "the callback asked for the end",
            "no_improvement": "what was monitored has not improved for as long as the rule is patient",
            "target": "what was monitored has reached the target",
            "max_steps": "all steps allowed were made",
            "max_seconds": "the time allowed is over",
            "interrupted": "an exception, such as that of Ctrl-C, ended the run between two steps",
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
        from .diagnostics.recorded import RecordedNoise

        if not self.noise_records.size:
            raise ValueError('record must have been "noise", or have it among others, to look at the noise')
        return RecordedNoise.of(self, n_smoothed)

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


@dataclass(frozen=True)
class AutoBatchSize:
    """What ``batch_size="auto"`` has found out and chosen, for 65,536 rows or more.

    A pilot run of one pass over 16,384 rows, drawn by the seed, in batches of 64 and with the optimizer
    given, leads to the mean of its parameters in the second half, or to the model of an optimizer that has
    its own; there 4096 other rows give the noise scale B. The size is the largest power of two, of 32 to
    1024, whose predicted time to a target, ``(1 + B / b) (tau_f + b tau_d)``, is within 10 % of the least.
    The costs of a step, tau_f, and of a row, tau_d, come from a fixed table of what they usually are: no
    clock is asked, and the choice is the same for every number of threads.
    :func:`mbgd_rs.diagnostics.recommend_batch_size` measures all of it.

    Attributes
    ----------
    batch_size : int
        Rows of a batch; with `accumulate`, of each of them.
    noise_scale : float
        ``B = tr(Sigma) / |G|^2``, in rows; where the gradient is lost in its noise, the least that it may be.
    cost_ratio : float
        ``tau_f / tau_d``: rows that cost as much as the fixed part of a step.
    """

    batch_size: int
    noise_scale: float
    cost_ratio: float


@dataclass(frozen=True, repr=False)
class FitResult:
    """A trained linear model and how it came to be. Can be pickled, and gone on from: ``fit(resume=...)``.

    Attributes
    ----------
    coef : ndarray of shape (d,) or (k, d)
        Coefficients, one row for each output or label or, with more than two classes, each class; of X's
        dtype.
    intercept : scalar or ndarray of shape (k,)
    classes : ndarray of shape (n_classes,) or None
        Distinct labels, sorted; 0 and 1 if y had several labels a row; None for a regression.
    history : History
    n_steps, n_epochs : int
        Updates made and epochs completed, in the whole run.
    stop_reason : StopReason
    state : dict
        Everything needed to go on: parameters, the optimizer's memory, the position in the epoch, what the
        rules of stopping have seen.
    loss : str
        Name of the loss.
    batch_size : int
        Rows of a batch, in the last epoch.
    loss_object : Loss
        The loss with its parameters.
    best_epoch : int or None
        Epochs completed when the parameters were those reported here, if a rule with `restore_best` has
        chosen them: ``history.validation_loss[best_epoch - 1]``, say, is the best.
    arguments : dict
        What `resume` has to be given again.
    auto_batch_size : AutoBatchSize or None
        What ``batch_size="auto"`` has chosen, if it had to.
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
    loss_object: Loss
    best_epoch: int | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    auto_batch_size: AutoBatchSize | None = None

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

    def decision_function(self, X: Any) -> Array:
        """Scores ``X @ coef.T + intercept``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n,) or (n, k)
            For two classes, above 0 means the second.
        """
        scores = self._predict(X, "scores")
        return scores[:, 0] if self.coef.ndim == 1 else scores

    def predict(self, X: Any) -> Array:
        """The value predicted for each row, or its class.

        For a loss with a link, as "poisson", the value is the mean, ``exp`` of the score. Where y had several
        labels a row it is 0 or 1 for each of them.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n,) or (n, k)
        """
        if self.classes is None:
            means = self._predict(X, "means")
            return means[:, 0] if self.coef.ndim == 1 else means
        scores = self.decision_function(X)
        is_one_of_many = len(self.classes) > 2
        index = scores.argmax(axis=1) if is_one_of_many else (scores > 0).astype(np.intp)
        labels: Array = self.classes[index]
        return labels

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class for each row, or of each label where y had several a row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n, n_classes) or (n, k)
            In the order of `classes`, and rows sum to 1; of labels the probability of 1, each on its own.

        Raises
        ------
        ValueError
            If the loss has no probabilities: only "log_loss", "modified_huber" and "focal" have.
        """
        return self._predict(X, "probabilities")

    def _predict(self, X: Any, wanted: str) -> Array:
        matrix = as_rows(X)
        if isinstance(matrix, SparseRows):
            matrix = matrix.astype(self.coef.dtype)
        else:
            matrix = in_place(matrix, self.coef.dtype)
        if matrix.shape[1] != self.coef.shape[-1]:
            raise ValueError(
                f"X must have {self.coef.shape[-1]} columns, as in fit, got shape {matrix.shape}"
            )
        params = np.append(self.coef.ravel(), self.intercept)
        n_outputs = int(np.size(self.intercept))
        n_classes = 0 if self.classes is None else len(self.classes)
        link = (wanted, self.loss_object, n_classes)
        return _core.predict(matrix, params, n_outputs, link, resolve_n_threads(None))
