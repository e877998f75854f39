"""What a fit gives back: a model that predicts, and how it came to be."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .auto_batch_size import AutoBatchSize
from .auto_rate import AutoRate
from .diagnosis import described, table
from .history import History
from .inputs import as_flag
from .losses import Loss
from .models import Linear, Model
from .plotting.curves import training_curves
from .solver import Solver
from .standardization import Standardization
from .stop_reason import StopReason
from .trained_model import TrainedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from onnx import ModelProto

__all__ = ["FitResult"]

Array = NDArray[Any]
LINEAR = Linear()


@dataclass(frozen=True, repr=False, eq=False)
class FitResult(TrainedModel):
    """A trained model and how it came to be. Can be saved, and gone on from: ``fit(resume=...)``.

    Attributes
    ----------
    params : dict of str to ndarray, scalar or list of ndarray
        The parameters by the names of their blocks, of X's dtype: of a linear model "coef" and "intercept",
        of others as :class:`mbgd_rs.models.MLP` and :class:`mbgd_rs.models.FactorizationMachine` say.
    model : object of mbgd_rs.models
        What the parameters are those of.
    is_vector : bool
        Whether there is one score a row because targets were a vector, or of two classes: then scores are a
        vector, too.
    coef : ndarray of shape (d,) or (k, d)
        Of a linear model ``params["coef"]``, one row for each output or label or, with more than two classes,
        each class; other models have no such attribute.
    intercept : scalar or ndarray of shape (k,)
        Of a linear model ``params["intercept"]``, what is added to the scores, one for each row of `coef`; 0
        without `fit_intercept`.
    classes : ndarray of shape (n_classes,) or None
        Distinct labels, sorted; 0 and 1 if y had several labels a row; None for a regression.
    history : History
        What was written down during the run, and during those that it resumed.
    n_steps, n_epochs : int
        Updates made and epochs completed, in the whole run.
    stop_reason : StopReason
        Why the run ended: one of "epochs", "callback", "no_improvement", "target", "converged",
        "max_steps", "max_seconds", "interrupted" and "diverged".
    state : dict or None
        Everything needed to go on: parameters, the optimizer's memory, the position in the epoch, what the
        rules of stopping have seen; with ``standardize=True``, those of the standardised columns and targets.
        None if the model was loaded from a file without.
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
        What has to be given again where a run is resumed, ``fit(X, y, resume=result, **result.arguments)``.
        What may change is not among it, and has to be given, too, if it is to stay: penalty, `batch_size`,
        `accumulate`, `average`, `clip_norm`, weights and offsets. Loaded from a file or a pickle it is
        without an optimizer whose learning rate is a function that cannot be saved.
    data : dict or None
        The number of rows and the way of sampling, which `resume` compares with those it is given.
    auto_batch_size : AutoBatchSize or None
        What ``batch_size="auto"`` has chosen, if it had to.
    auto_rate : AutoRate or None
        What ``learning_rate="auto"`` has chosen, or None with a rate that was given.
    feature_names : tuple or None
        The names of the columns, if X was a data frame that has some. Data frames to predict for must have
        the same columns in the same order.
    solver : Solver or None
        What SAGA, SVRG or preconditioned SGD have found out, and why ``optimizer="auto"`` has chosen what
        it has; None with any other optimizer that was asked for.
    standardization : Standardization or None
        The means and scales that ``standardize=True`` has trained with, which `resume` keeps. The
        parameters are those for X as it was given.
    """

    params: dict[str, Any]
    classes: Array | None
    history: History
    n_steps: int
    n_epochs: int
    stop_reason: StopReason
    state: dict[str, Any] | None
    loss: str
    batch_size: int
    loss_object: Loss
    model: Model = LINEAR
    is_vector: bool = True
    best_epoch: int | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    auto_batch_size: AutoBatchSize | None = None
    auto_rate: AutoRate | None = None
    data: dict[str, Any] | None = None
    feature_names: tuple[Any, ...] | None = None
    solver: Solver | None = None
    standardization: Standardization | None = None

    def __getstate__(self) -> dict[str, Any]:
        """All of it, but for an optimizer whose learning rate is a function that cannot be pickled."""
        arguments = dict(self.arguments)
        try:
            pickle.dumps(arguments.get("optimizer"))
        except (pickle.PicklingError, AttributeError, TypeError):
            del arguments["optimizer"]
        return {**self.__dict__, "arguments": arguments}

    def __repr__(self) -> str:
        loss = f", epoch_loss={self.history.epoch_loss[-1]:.6g}" if self.history.epoch_loss.size else ""
        if isinstance(self.model, Linear):
            what = f"coef={self.dtype}{list(self.coef.shape)}"
        else:
            what = f"model={self.model}, n_params={self.n_params}, dtype={self.dtype}"
        return (
            f"FitResult(loss={self.loss!r}, {what}, "
            f"n_epochs={self.n_epochs}, n_steps={self.n_steps}{loss}, stop_reason={self.stop_reason.value!r})"
        )

    def save(self, path: str | os.PathLike[str], *, state: bool = False) -> None:
        """Write the model into a file, for :func:`mbgd_rs.load`.

        The file is a safetensors file, whose metadata has what is not an array. It is written beside what
        was there and takes its place as a whole: whatever happens, there is the old file or the new one.

        Parameters
        ----------
        path : str or path
            Where.
        state : bool, default=False
            Whether to write what going on needs, too: `state`, `arguments` and `data`. Without these the file
            has a history of at most a mebibyte, or none.

        Raises
        ------
        ValueError
            If there is no state to write, because the model was loaded without, or parameters are not finite.
        TypeError
            If classes, names of columns or an argument are of a kind that a file cannot have. An optimizer
            whose learning rate is a function is left out of `arguments`.

        Examples
        --------
        >>> import os, tempfile
        >>> import mbgd_rs as mb
        >>> model = mb.fit([[1.0], [2.0]], ["no", "yes"], loss="log_loss")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.safetensors")
        ...     model.save(path)
        ...     loaded = mb.load(path)
        >>> loaded.predict([[1.0], [2.0]])
        array(['no', 'yes'], dtype='<U3')
        """
        from .model_file import write_model

        write_model(path, self, state=as_flag("state", state))

    def to_onnx(self, path: str | os.PathLike[str] | None = None, *, dtype: Any = np.float32) -> ModelProto:
        """The model as a graph of ONNX, for runtimes without Python; needs onnx.

        Its input is "X", of shape (n, d). Of a regression the output is "prediction", as :meth:`predict` says
        it; of a classifier "label" and, where the loss has them, "probabilities", else "scores". Operators
        are the standard ones of opset 17; that of the activation "gelu", Erf, onnxruntime has for float32
        alone.

        Parameters
        ----------
        path : str or path, optional
            Where to write it, too.
        dtype : {float32, float64}, default=float32
            Of X, and of all that is computed.

        Returns
        -------
        onnx.ModelProto

        Raises
        ------
        ImportError
            Without onnx.
        ValueError
            If the classes are neither integers, bools, floats nor text.

        Examples
        --------
        >>> import onnxruntime  # doctest: +SKIP
        >>> graph = model.to_onnx("model.onnx")  # doctest: +SKIP
        >>> session = onnxruntime.InferenceSession("model.onnx")  # doctest: +SKIP
        >>> label, probabilities = session.run(None, {"X": X})  # doctest: +SKIP
        """
        from .export.onnx_model import made_model

        return made_model(self, path, dtype)

    def to_sklearn(self) -> Any:
        """The model as a fitted estimator of scikit-learn, for what knows those.

        What it predicts, and its scores and probabilities, are those of this model, to rounding. How it was
        trained it does not know: its parameters of training are scikit-learn's defaults.

        Returns
        -------
        estimator
            Of "log_loss" a LogisticRegression, or an SGDClassifier for one class against the rest; of
            "hinge", "squared_hinge" and "crammer_singer" a LinearSVC; of "perceptron" a Perceptron, of
            "modified_huber" an SGDClassifier. Of "squared_error" a LinearRegression, of "absolute_error" and
            "quantile" a QuantileRegressor, of "huber" an SGDRegressor, of the losses with a tolerance a
            LinearSVR, of "poisson", "gamma" and "tweedie" the regressors of these names. Of "one_class" an
            SGDOneClassSVM, whose scores are ours less 1. Several labels are in a OneVsRestClassifier, several
            outputs in a MultiOutputRegressor, but for "squared_error". Of a network an MLPClassifier of
            "log_loss", an MLPRegressor of "squared_error" and "poisson".

        Raises
        ------
        ImportError
            Without scikit-learn.
        ValueError
            If scikit-learn has no estimator of the loss, as of "log_cosh", "smooth_hinge" and "focal"; none
            of the model, a factorization machine; or none of the activations of a network.

        Examples
        --------
        >>> import mbgd_rs as mb
        >>> mb.fit([[1.0], [2.0]], ["no", "yes"], loss="log_loss").to_sklearn()  # doctest: +SKIP
        LogisticRegression()
        """
        from .export.sklearn_model import as_sklearn

        return as_sklearn(self)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the losses of training and validation, and metrics, by epoch; needs matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib Axes
            As :func:`mbgd_rs.plotting.training_curves`.
        """
        return training_curves(self, ax=ax)

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        return table(
            type(self).__name__,
            {
                "loss": self.loss_object,
                "model": self.model,
                **{name: described(block) for name, block in self.params.items()},
                "classes": self.classes,
                "n_epochs": self.n_epochs,
                "n_steps": self.n_steps,
                "batch_size": self.batch_size,
                "best_epoch": self.best_epoch,
                "stop_reason": self.stop_reason.prose,
                **self.history.last(),
            },
        )
