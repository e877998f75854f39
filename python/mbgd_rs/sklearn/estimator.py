"""What all estimators have in common: they check, call `fit`, and show its result as scikit-learn does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..callers import warn
from ..errors import DivergenceError
from ..history import History
from ..losses import Loss
from ..models import Linear
from ..penalties import Penalty
from ..progress import Progress
from ..result import FitResult
from ..sources import Source, check_columns
from ..stop_reason import StopReason
from ..training import fit
from .epochs import AdaptiveEnd, callbacks_of
from .files import save_estimator
from .fit_tasks import CallbackSupportMixin, FitTask
from .of_sources import n_rows_of
from .shown_parameters import PARAMETERS, ShownParameters
from .threads import n_threads_of
from .translation import (
    average_of,
    batch_size_of,
    model_of,
    optimizer_of,
    penalty_of,
    seed_of,
    shuffle_of,
    stop_of,
    warn_of_rates,
)

__all__ = ["MBGDEstimator", "TrainingSet"]

Array = NDArray[Any]
ROWS = {"accept_sparse": "csr", "dtype": [np.float64, np.float32], "order": "C", "accept_large_sparse": True}
"""How scikit-learn is to check and convert X."""


class TrainingSet(NamedTuple):
    """What is learned from, as `fit` of this package takes it."""

    X: Any
    y: Any
    sample_weight: Any = None
    offset: Any = None
    class_weight: Any = None
    classes: Array | None = None
    """All labels that there are, if the loss is of one label a row."""
    classes_of_model: Array | None = None
    """The classes that a result has."""
    is_vector: bool = True
    """Whether a row has one score because it has one target, or of two classes."""
    shown: dict[str, Any] = {}  # noqa: RUF012 - never changed
    """Fitted attributes that follow from the targets."""
    validation: Any = None
    metrics: Any = None


class MBGDEstimator(ShownParameters, CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]
    """A model, trained by :func:`mbgd_rs.fit`.

    A subclass has the parameters, and says what its targets are and how those of a linear model are shown.
    """

    def _train(
        self,
        data: TrainingSet,
        loss: Loss,
        *,
        start: Any = None,
        task: FitTask,
    ) -> FitResult:
        """All epochs of a fit."""
        optimizer = optimizer_of(self, loss, in_stream=isinstance(data.X, Source))
        rules = stop_of(self, loss, optimizer)
        if isinstance(data.X, Source) and optimizer_of(self, loss, in_stream=False) == "auto":
            optimizer = "auto"  # the same one, and `fit` says where it is not made for the columns
        callbacks = callbacks_of(self.callbacks)
        if self.learning_rate == "adaptive" and self.tol is not None:
            callbacks.append(AdaptiveEnd(self.eta0, self.tol, self.n_iter_no_change))
        with task.epochs(self._attributes_after(loss, data)) as tasks:
            if tasks is not None:
                callbacks.append(tasks)
            result = self._run(
                data,
                loss,
                optimizer=optimizer,
                epochs=self.max_iter,
                init=start,
                stop=rules,
                validation=data.validation,
                metrics=data.metrics,
                seed=seed_of(check_random_state(self.random_state)),
                callback=callbacks,
            )
        if self.tol is not None and result.stop_reason is StopReason.EPOCHS:
            warn(
                "Maximum number of iteration reached before convergence. Consider increasing max_iter to "
                "improve the fit.",
                ConvergenceWarning,
            )
        return result

    def _train_on(self, data: TrainingSet, loss: Loss, *, start: Any = None) -> tuple[FitResult, int]:
        """One more epoch, on these rows, from where the model is, or from `start` if there is none; and how
        many there were before.

        The optimizer goes on where it was. Where the model was trained by another kind, which `fit` may have
        chosen, or for another loss, or its parameters were changed since, it begins anew from these.
        """
        optimizer = optimizer_of(self, loss, in_stream=True)
        before: FitResult | None = getattr(self, "result_", None)
        where: dict[str, Any] = {"init": start}
        if before is not None:
            state = before.state
            is_same = (
                type(before.arguments.get("optimizer")) is type(optimizer)
                and before.loss_object == loss
                and before.model == model_of(self)
            )
            if state is not None and is_same and self._is_as_left(before):
                # Rows of a stream are all of one objective, so that no average of parameters begins anew.
                resumed = replace(before, state={**state, "fingerprint": None})
                where = {"resume": resumed, "seed": before.arguments["seed"]}
            else:
                where = {"init": self._current_model()}
        if "seed" not in where:
            where["seed"] = seed_of(check_random_state(self.random_state))
        callbacks = callbacks_of(self.callbacks)
        result = self._run(data, loss, optimizer=optimizer, epochs=1, callback=callbacks, **where)
        return result, before.n_epochs if before is not None and "resume" in where else 0

    def _run(self, data: TrainingSet, loss: Loss, **how: Any) -> FitResult:
        """A run of `fit`; one that diverges is scikit-learn's error."""
        warn_of_rates(self)
        try:
            return fit(
                data.X,
                data.y,
                sample_weight=data.sample_weight,
                offset=data.offset,
                class_weight=data.class_weight,
                classes=data.classes,
                loss=loss,
                model=model_of(self),
                penalty=self._penalty(),
                fit_intercept=self.fit_intercept,
                standardize=self.standardize,
                batch_size=batch_size_of(self, how["optimizer"]),
                shuffle=shuffle_of(self, is_source=isinstance(data.X, Source)),
                average=average_of(self, n_rows_of(data.X)),
                clip_norm=self.clip_norm,
                n_threads=n_threads_of(self.n_jobs),
                verbose=bool(self.verbose),
                **how,
            )
        except DivergenceError as error:
            raise ValueError(
                f"Floating-point under-/overflow occurred at epoch #{error.epoch + 1}. Scaling input data "
                f"with StandardScaler or MinMaxScaler might help. ({error})"
            ) from error

    def _attributes_after(self, loss: Loss, data: TrainingSet) -> Callable[[Progress], dict[str, Any]]:
        """The attributes that the estimator would have, had the fit ended with an epoch."""

        def attributes(progress: Progress) -> dict[str, Any]:
            model = FitResult(
                params=progress.params,
                model=model_of(self),
                is_vector=data.is_vector,
                classes=data.classes_of_model,
                history=History(),
                n_steps=progress.n_steps,
                n_epochs=progress.epoch,
                stop_reason=StopReason.CALLBACK,
                state={},
                loss=loss.name,
                batch_size=0,
                loss_object=loss,
            )
            return {**self._fitted(model), **data.shown}

        return attributes

    def _show(self, result: FitResult, data: TrainingSet, n_epochs_before: int = 0) -> None:
        """Sets all fitted attributes, once nothing can fail any more."""
        history = result.history
        scores = history.metrics.get("score")
        curve = history.epoch_loss.tolist()
        for name in PARAMETERS:
            self.__dict__.pop(name, None)  # of another model
        self.__dict__.update(self._fitted(result), **data.shown)
        self.n_iter_ = result.n_epochs - n_epochs_before
        self.t_ = result.n_steps + 1
        self.history_ = history
        self.loss_curve_ = curve
        self.best_loss_ = min(curve, default=None)
        self.validation_scores_ = None if scores is None else scores.tolist()

    @contextmanager
    def _input_kept_on_failure(self) -> Iterator[None]:
        """Columns are noted when X is checked, before anything else can fail: then they are as they were."""
        names = ("n_features_in_", "feature_names_in_")
        before = {name: self.__dict__[name] for name in names if name in self.__dict__}
        try:
            yield
        except BaseException:
            for name in names:
                self.__dict__.pop(name, None)
            self.__dict__.update(before)
            raise

    def _checked_rows(self, X: Any, **options: Any) -> Any:
        """Rows, checked by scikit-learn, of the model's type where there is one."""
        return validate_data(self, X, **{**ROWS, **options})

    def _checked_chunk(self, X: Any, **options: Any) -> Any:
        """The same in `partial_fit`: rows must have the columns of those before, and take on their type."""
        if not hasattr(self, "result_"):
            return self._checked_rows(X, **options)
        return self._checked_rows(X, reset=False, dtype=self.result_.dtype, **options)

    def _check_no_early_stopping(self) -> None:
        """`partial_fit` has no rows to set aside."""
        if getattr(self, "early_stopping", False):
            raise ValueError("early_stopping should be False with partial_fit")

    def _validation(
        self, X_val: Any, y_val: Any, sample_weight_val: Any, offset_val: Any, *, offset: Any = None
    ) -> Any:
        """What `fit` of this package is to validate with, if anything; targets as they were given."""
        others = {"y_val": y_val, "sample_weight_val": sample_weight_val, "offset_val": offset_val}
        if X_val is None:
            for name, value in others.items():
                if value is not None:
                    raise ValueError(f"X_val must be given where {name} is, got None")
            return self.validation_fraction if self.early_stopping else None
        if y_val is None:
            raise ValueError("y_val must be given where X_val is, got None")
        if offset is not None and offset_val is None:
            raise ValueError("offset_val must be given where offset and X_val are, got None")
        return self._checked_rows(X_val, reset=False), y_val, sample_weight_val, offset_val

    def _start(self, coef_init: Any, intercept_init: Any, n_outputs: int, n_columns: int) -> Any:
        """Where to begin, if something was given or is kept by `warm_start`."""
        model = model_of(self)
        if not isinstance(model, Linear):
            for name, given in (("coef_init", coef_init), ("intercept_init", intercept_init)):
                if given is not None:
                    raise ValueError(
                        f"{name} must be None for model {model.name!r}, got {type(given).__name__}"
                    )
            return self._current_model().params if self.warm_start and hasattr(self, "result_") else None
        if self.warm_start and hasattr(self, "result_"):
            current = self._current_model()
            coef_init = current.coef if coef_init is None else coef_init
            intercept_init = current.intercept if intercept_init is None else intercept_init
        if coef_init is None and intercept_init is None:
            return None
        coef = np.zeros((n_outputs, n_columns)) if coef_init is None else np.asarray(coef_init)
        intercept = np.zeros(n_outputs) if intercept_init is None else np.asarray(intercept_init)
        if coef.size != n_outputs * n_columns or intercept.size != n_outputs:
            name = "coef_init" if coef.size != n_outputs * n_columns else "intercept_init"
            expected = (n_outputs, n_columns) if name == "coef_init" else (n_outputs,)
            got = coef.shape if name == "coef_init" else intercept.shape
            raise ValueError(
                f"Provided {name} does not match dataset. It must have shape {expected}, got {got}"
            )
        return coef.reshape(n_outputs, n_columns), intercept.reshape(n_outputs)

    def _penalty(self) -> Penalty | None:
        """The penalty of the parameters."""
        return penalty_of(self)

    def _model_for(self, X: Any) -> tuple[FitResult, Any]:
        """The model, and rows for it, checked."""
        check_is_fitted(self)
        if isinstance(X, Source):
            check_columns(X, self.n_features_in_, getattr(self, "feature_names_in_", None))
            return self._current_model(), X
        return self._current_model(), self._checked_rows(X, reset=False)

    def save(self, path: str | os.PathLike[str], *, state: bool = False) -> None:
        """Write the fitted estimator into a file, for :func:`mbgd_rs.load`.

        Parameters
        ----------
        path : str or path
            Where; see :meth:`mbgd_rs.FitResult.save`.
        state : bool, default=False
            Whether to write what the optimizer remembers, too: then `partial_fit` goes on bit for bit.

        Raises
        ------
        NotFittedError
            If there is nothing to write.
        TypeError
            If a parameter is of a kind that a file cannot have, as a function.
        """
        save_estimator(self, path, state=state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
