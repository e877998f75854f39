"""`MBGDOneClassSVM`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OutlierMixin

from ..automatic import is_named_auto
from ..keywords import with_hints
from ..losses import OneClass
from ..penalties import L2
from ..result import FitResult
from .constraints import OF_ALL, check_params, positive_share
from .estimator import MBGDEstimator, TrainingSet
from .fit_tasks import fit_task, with_callbacks
from .translation import optimizer_of

__all__ = ["MBGDOneClassSVM"]

Array = NDArray[Any]
CONSTRAINTS = {**OF_ALL, "nu": [positive_share(closed="right")]}


class MBGDOneClassSVM(OutlierMixin, MBGDEstimator):  # type: ignore[misc]
    """Linear one-class support vector machine: tells rows like those learned from from outliers.

    Parameters have the names and meanings of scikit-learn's ``SGDOneClassSVM``, and are given by keyword.
    Minimises ``nu/2 |w|^2 + mean_i max(0, offset - x_i . w) - nu * offset``, up to a constant. A row is an
    outlier where ``x . w < offset``. For a border that is not a hyperplane map rows before, as by
    ``sklearn.kernel_approximation.Nystroem``.

    Parameters
    ----------
    nu : float, default=0.5
        About the share of the rows that are outliers, in (0, 1].
    fit_intercept : bool, default=True
        Must be True: the offset is learned.
    max_iter, tol, shuffle, verbose, random_state, n_jobs, n_iter_no_change, warm_start, average
        As in :class:`MBGDClassifier`.
    learning_rate, eta0, power_t, optimizer, batch_size, schedule, momentum, clip_norm, standardize, callbacks
        As in :class:`MBGDClassifier`; "optimal" falls by `nu`.

    Attributes
    ----------
    coef_ : ndarray of shape (1, d)
    offset_ : ndarray of shape (1,)
        ``decision_function = score_samples - offset_``.
    n_iter_, t_, loss_curve_, best_loss_, history_, result_, n_features_in_, feature_names_in_
        As in :class:`MBGDClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from mbgd_rs.sklearn import MBGDOneClassSVM
    >>> X = np.random.default_rng(0).normal(size=(1000, 2)) + 3
    >>> model = MBGDOneClassSVM(nu=0.1, random_state=0).fit(X)
    >>> bool(abs((model.predict(X) == -1).mean() - 0.1) < 0.02), model.predict([[-3.0, -3.0]])
    (True, array([-1]))
    """

    _intercept_name = "offset_"

    @with_hints
    def __init__(
        self,
        *,
        nu: float = 0.5,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: Any = True,
        verbose: int = 0,
        n_jobs: int | None = None,
        random_state: Any = None,
        learning_rate: str = "auto",
        eta0: float = 0.01,
        power_t: float = 0.5,
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
        self.nu = nu
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
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
        offset_init: Any = None,
    ) -> MBGDOneClassSVM:
        """Train on all rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        y : ignored
        sample_weight : array-like of shape (n,), optional
        coef_init, offset_init : array-like, optional
            Where to begin, of the shapes of `coef_` and `offset_`.

        Returns
        -------
        self
        """
        check_params(self, CONSTRAINTS)
        with self._input_kept_on_failure():
            X = self._checked_rows(X)
            loss = self._loss()
            start = self._beginning(
                coef_init, offset_init, X.shape[1], optimizer_of(self, loss, in_stream=False)
            )
            task = fit_task(self, max_iter=self.max_iter, X=X, y=None, sample_weight=sample_weight)
            data = TrainingSet(X, np.ones(X.shape[0]), sample_weight)
            result = self._train(data, loss, start=start, task=task)
        self._show(result, data)
        task.end()
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MBGDOneClassSVM:
        """Train one epoch on some rows, from where the model is.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        y : ignored
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        self
        """
        check_params(self, CONSTRAINTS)
        with self._input_kept_on_failure():
            X = self._checked_chunk(X)
            data = TrainingSet(X, np.ones(X.shape[0]), sample_weight)
            loss = self._loss()
            start = self._beginning(None, None, X.shape[1], optimizer_of(self, loss, in_stream=True))
            result, n_epochs = self._train_on(data, loss, start=start)
        self._show(result, data, n_epochs)
        return self

    def _loss(self) -> OneClass:
        """That of the rows, which are told from the origin: columns must not be centred."""
        if self.standardize:
            raise ValueError("standardize must be False: centred rows have the origin amid them, got True")
        return OneClass(self.nu)

    def decision_function(self, X: Any) -> Array:
        """How far inside a row is: negative for outliers.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)
        """
        inside: Array = self.score_samples(X) - self.offset_
        return inside

    def score_samples(self, X: Any) -> Array:
        """Scores ``X @ coef_.T``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)
        """
        model, rows = self._model_for(X)
        return model.decision_function(rows) - model.intercept  # type: ignore[no-any-return]

    def predict(self, X: Any) -> Array:
        """1 for rows like those learned from, -1 for outliers.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of int, of shape (n,)
        """
        labels: Array = np.where(self.decision_function(X) >= 0, 1, -1)
        return labels

    def _beginning(self, coef_init: Any, offset_init: Any, n_columns: int, optimizer: Any) -> Any:
        """Where to begin: as in SGDOneClassSVM at an offset of 0, where nothing else is said.

        There all rows are on the kink of the hinge, and no direction leads down: a rate that chooses itself
        would find none. It begins at an offset of 1.
        """
        chooses_rate = optimizer == "auto" or is_named_auto(getattr(optimizer, "learning_rate", None))
        is_fresh = not (self.warm_start and hasattr(self, "result_"))
        if offset_init is None and is_fresh and not chooses_rate:
            offset_init = 0.0
        return self._start(
            coef_init, None if offset_init is None else 1 - np.asarray(offset_init), 1, n_columns
        )

    def _penalty(self) -> L2:
        return L2(alpha=self.nu)

    def _of_linear(self, result: FitResult) -> dict[str, Any]:
        return {
            "coef_": np.array(np.atleast_2d(result.coef)),
            "offset_": 1 - np.array(np.atleast_1d(result.intercept)),
        }

    def _intercept(self) -> Array:
        return 1 - np.asarray(self.offset_)
