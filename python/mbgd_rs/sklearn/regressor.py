"""`MBGDRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d

from ..choices import members_of
from ..keywords import with_hints
from ..losses import Gamma, Loss, Poisson, Tweedie
from ..result import FitResult
from .constraints import OF_MODELS, check_params, names, positive_share
from .estimator import MBGDEstimator, TrainingSet
from .fit_tasks import fit_task, with_callbacks
from .of_sources import as_source, note_columns, shape_of_targets, truth_of
from .translation import loss_of

__all__ = ["MBGDRegressor"]

Array = NDArray[Any]
OF_NUMBERS = [name for name, kind in members_of(Loss).items() if not kind.is_classification]
CONSTRAINTS = {
    **OF_MODELS,
    "loss": [names(*OF_NUMBERS, family=Loss, shown={*OF_NUMBERS} - {"one_class"}), Loss],
    "quantile": [positive_share(closed="neither")],
}


def has_positive_targets(loss: Loss) -> bool:
    """Whether the targets of a loss must not be negative."""
    return isinstance(loss, Poisson | Gamma) or (isinstance(loss, Tweedie) and loss.power != 0)


def targets_for(loss: Loss, y: Array) -> Array:
    """The targets; for such a loss a single column is one output, with a warning as in PoissonRegressor."""
    is_column = y.ndim == 2 and y.shape[1] == 1
    return column_or_1d(y, warn=True) if is_column and has_positive_targets(loss) else y


class MBGDRegressor(RegressorMixin, MBGDEstimator):  # type: ignore[misc]
    """Regression by mini-batch gradient descent, linear or not: :func:`mbgd_rs.fit` for scikit-learn.

    Parameters have the names and meanings of scikit-learn's ``SGDRegressor``, and are given by keyword.

    Parameters
    ----------
    loss : str or object of mbgd_rs.losses, default="squared_error"
        A loss of numbers. Those with a log link, "poisson", "gamma" and "tweedie", predict the mean,
        ``exp`` of the score.
    model, penalty, l1_ratio, fit_intercept, max_iter, tol, shuffle, verbose, random_state, n_jobs, warm_start
        As in :class:`MBGDClassifier`.
    alpha : float or dict, default=1e-4
        Strength of the penalty, and of the learning rate "optimal". ``Ridge(alpha)`` has n times as much for
        n rows, ``MLPRegressor(alpha)`` b times as much for batches of b rows.
    epsilon : float, default=0.1
        Of the losses "huber", "epsilon_insensitive" and "squared_epsilon_insensitive", in units of y.
    quantile : float, default=0.5
        Of the loss "quantile".
    power : float, default=1.5
        Of the loss "tweedie".
    learning_rate, eta0, average, optimizer, batch_size, schedule, momentum, clip_norm, standardize, callbacks
        As in :class:`MBGDClassifier`.
    power_t : float, default=0.25
        Exponent of the learning rate "invscaling".
    early_stopping, validation_fraction, n_iter_no_change
        As in :class:`MBGDClassifier`; the score is R2.

    Attributes
    ----------
    coef_ : ndarray of shape (d,) or (k, d)
        (k, d) where y has shape (n, k); in the type of X. Only linear models have it.
    intercept_ : ndarray of shape (1,) or (k,)
        Only linear models have it.
    coefs_, intercepts_, params_
        As in :class:`MBGDClassifier`.
    n_iter_, t_, loss_curve_, best_loss_, history_, result_, n_features_in_, feature_names_in_
        As in :class:`MBGDClassifier`.
    validation_scores_ : list of float or None
        R2 on the validation rows after each epoch, if there were some.

    Notes
    -----
    As in :class:`MBGDClassifier`, of ``SGDRegressor``.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_val_score
    >>> from mbgd_rs.sklearn import MBGDRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> bool(cross_val_score(MBGDRegressor(random_state=0), X, y).mean() > 0.45)
    True
    >>> model = MBGDRegressor(loss="poisson", alpha=1e-3, random_state=0).fit(X, y)
    >>> bool((model.predict(X) > 0).all()), model.coef_.shape, model.intercept_.shape
    (True, (10,), (1,))
    """

    @with_hints
    def __init__(
        self,
        *,
        loss: Any = "squared_error",
        model: Any = "linear",
        penalty: Any = "l2",
        alpha: float = 1e-4,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: Any = True,
        verbose: int = 0,
        epsilon: float = 0.1,
        quantile: float = 0.5,
        power: float = 1.5,
        n_jobs: int | None = None,
        random_state: Any = None,
        learning_rate: str = "auto",
        eta0: float = 0.01,
        power_t: float = 0.25,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        average: Any = False,
        optimizer: Any = "auto",
        batch_size: Any = "auto",
        schedule: Any = None,
        momentum: float = 0.0,
        clip_norm: float | None = None,
        standardize: bool = False,
        callbacks: Any = None,
    ) -> None:
        self.loss = loss
        self.model = model
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.epsilon = epsilon
        self.quantile = quantile
        self.power = power
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.average = average
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.schedule = schedule
        self.momentum = momentum
        self.clip_norm = clip_norm
        self.standardize = standardize
        self.callbacks = callbacks

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        coef_init: Any = None,
        intercept_init: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        offset: Any = None,
        offset_val: Any = None,
    ) -> MBGDRegressor:
        """Train on all rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
            A source of :mod:`mbgd_rs.sources` brings its targets and weights itself.
        y : array-like of shape (n,) or (n, k)
        sample_weight : array-like of shape (n,), optional
        coef_init, intercept_init : array-like, optional
            Where a linear model is to begin, of the shapes of `coef_` and `intercept_`.
        X_val, y_val : optional
            Rows to judge by after each epoch, not learned from.
        sample_weight_val : array-like, optional
            Weights of these in ``history_.validation_loss``.
        offset, offset_val : array-like of shape (n,) or (n, k), optional
            Known parts of the scores, added to these: for counts the logarithm of the exposure.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For parameters and data that make no sense, and if the run leaves the finite numbers. Then the
            estimator is what it was before.
        """
        check_params(self, CONSTRAINTS)
        source = as_source(self, X, y=y, sample_weight=sample_weight, offset=offset)
        with self._input_kept_on_failure():
            loss = self._loss()
            if source is None:
                X, y = self._checked_rows(X, y=y, multi_output=True, y_numeric=True)
                y = targets_for(loss, y)
                shape = y.shape
            else:
                note_columns(self, source)
                shape = shape_of_targets(source)
            judged = self._validation(X_val, y_val, sample_weight_val, offset_val, offset=offset)
            n_outputs = 1 if len(shape) == 1 else shape[1]
            start = self._start(coef_init, intercept_init, n_outputs, self.n_features_in_)
            task = fit_task(self, max_iter=self.max_iter, X=X, y=y, sample_weight=sample_weight)
            data = TrainingSet(X, y, sample_weight, offset, is_vector=len(shape) == 1)
            if judged is not None:
                data = data._replace(validation=judged, metrics={"score": r2_score})
            result = self._train(data, loss, start=start, task=task)
        self._show(result, data)
        task.end()
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, *, offset: Any = None) -> MBGDRegressor:
        """Train one epoch on some rows, from where the model is.

        Optimizer and schedule go on where they were: k calls on the batches of an epoch, in their order, give
        what one epoch over all of them gives, bit for bit, where `optimizer` is not "auto".

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        y : array-like of shape (n,) or (n, k)
        sample_weight : array-like of shape (n,), optional
        offset : array-like of shape (n,) or (n, k), optional

        Returns
        -------
        self
        """
        check_params(self, CONSTRAINTS)
        self._check_no_early_stopping()
        with self._input_kept_on_failure():
            X, y = self._checked_chunk(X, y=y, multi_output=True, y_numeric=True)
            loss = self._loss()
            data = TrainingSet(X, targets_for(loss, y), sample_weight, offset)
            result, n_epochs = self._train_on(data, loss)
        self._show(result, data, n_epochs)
        return self

    def predict(self, X: Any, offset: Any = None) -> Array:
        """The value predicted for each row, on the scale of y.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
        offset : array-like of shape (n,) or (n, k), optional
            Added to the scores.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
        """
        model, rows = self._model_for(X)
        return model.predict(rows, offset)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, offset: Any = None) -> float:
        """R2, of several outputs the mean.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
            A source of :mod:`mbgd_rs.sources` brings its targets and weights itself.
        y : array-like of shape (n,) or (n, k)
        sample_weight : array-like of shape (n,), optional
        offset : array-like of shape (n,) or (n, k), optional

        Returns
        -------
        float
        """
        truth, weight = truth_of(X, y, sample_weight)
        return float(r2_score(truth, self.predict(X, offset), sample_weight=weight))

    def _loss(self) -> Loss:
        """The loss, of numbers."""
        loss = loss_of(self)
        if loss.is_classification:
            raise ValueError(f"loss must be one of numbers for a regressor, got {loss!r}")
        return loss

    def _of_linear(self, result: FitResult) -> dict[str, Any]:
        return {"coef_": np.array(result.coef), "intercept_": np.array(np.atleast_1d(result.intercept))}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        try:
            loss = loss_of(self)
        except (TypeError, ValueError):  # which `fit` will say
            return tags
        tags.target_tags.positive_only = has_positive_targets(loss)
        # The common checks of several outputs have negative targets.
        tags.target_tags.multi_output = not has_positive_targets(loss)
        return tags
