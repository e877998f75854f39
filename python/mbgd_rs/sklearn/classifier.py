"""`MBGDClassifier`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from ..choices import members_of, names_of
from ..keywords import with_hints
from ..losses import Loss
from ..result import FitResult
from .class_predictions import ClassPredictions
from .constraints import CLASS_WEIGHTS, OF_MODELS, check_params, names
from .estimator import MBGDEstimator, TrainingSet
from .fit_tasks import fit_task, with_callbacks
from .losses_of_classes import loss_of_classes, name_of_loss
from .of_sources import as_source, labels_of_source, note_columns
from .targets import Labels, as_labels, first_classes, refuse_balanced

__all__ = ["MBGDClassifier"]

Array = NDArray[Any]
OF_CLASSES = [
    name for name, kind in members_of(Loss).items() if kind.is_classification and name != "one_class"
]
CONSTRAINTS = {
    **OF_MODELS,
    "loss": [names(*names_of(Loss), family=Loss, shown=OF_CLASSES), Loss],
    "class_weight": CLASS_WEIGHTS,
    "multi_class": [names("auto", "multinomial", "ovr")],
}


class MBGDClassifier(ClassPredictions, ClassifierMixin, MBGDEstimator):  # type: ignore[misc]
    """Classifier trained by mini-batch gradient descent, linear or not: `fit` for scikit-learn.

    Parameters have the names and meanings of scikit-learn's ``SGDClassifier``, and are given by keyword.

    Parameters
    ----------
    loss : str or object of mbgd_rs.losses, default="log_loss"
        A loss of classes, or of numbers, which then learns targets of -1 and 1, as ``SGDClassifier`` does.
        The default there is "hinge".
    model : str or object of mbgd_rs.models, default="linear"
        "linear"; "mlp", a multi-layer perceptron, and "factorization_machine", of their default sizes; or an
        object that says the sizes. With other models than linear ones the defaults are other ones, too:
        `optimizer` is ``Adam()``, also in `partial_fit`, and batches have min(200, n) rows.
    penalty : str, object of mbgd_rs.penalties or None, default="l2"
        What coefficients cost; intercepts are free. Names are "l2", "l1", "elasticnet", "group_l1" and
        "group_elasticnet".
    alpha : float or dict, default=1e-4
        Strength of the penalty, and of the learning rate "optimal". ``1 / (C * n)`` is what
        ``LogisticRegression(C=C)`` has for n rows, ``alpha / b`` what ``MLPClassifier(alpha=alpha)`` has for
        batches of b rows. A dict has one for each block of the model, see
        :class:`mbgd_rs.penalties.Penalty`.
    l1_ratio : float, default=0.15
        Share of the l1 part in "elasticnet".
    fit_intercept : bool, default=True
    max_iter : int, default=1000
        The most epochs of a fit.
    tol : float or None, default=1e-3
        When a fit is done; None is after `max_iter` epochs. As in ``SGDClassifier`` once the objective has
        not improved by `tol` for `n_iter_no_change` epochs, or with `early_stopping` the score on the
        validation rows. But with an optimizer that converges (SAGA, SVRG) once the objective is within
        ``tol / 10 * objective`` of the optimum, about, see :class:`mbgd_rs.stopping.Converged`; or, if `tol`
        is at least 1e-4, has not improved by ``tol / 10`` for eight times as many epochs.
    shuffle : bool, str or object of mbgd_rs.sampling, default=True
        Whether rows come in a new order each epoch; others as in :func:`mbgd_rs.fit`.
    verbose : int, default=0
        Above 0, print a line after each epoch.
    epsilon : float, default=0.1
        Of the losses "huber", "epsilon_insensitive" and "squared_epsilon_insensitive".
    n_jobs : int or None, default=None
        Threads; the results do not depend on it. None is :func:`mbgd_rs.get_num_threads`, and one within
        parallel work of joblib; -1 all processors.
    random_state : int, RandomState or None, default=None
        Of all shuffles.
    learning_rate : {"auto", "constant", "optimal", "invscaling", "adaptive"}, default="auto"
        "auto" is the optimizer's own. The others are those of ``SGDClassifier``, and count steps: ``eta0``,
        ``1 / (alpha (t + t0))``, ``eta0 / t**power_t`` and "constant" divided by 5 at each plateau of the
        objective.
    eta0 : float, default=0.01
        First learning rate, of all but "auto" and "optimal".
    power_t : float, default=0.5
        Exponent of "invscaling".
    early_stopping : bool, default=False
        End by the score on validation rows, and give back the best model. These are a share of the rows, from
        each class the same, or those given to `fit`.
    validation_fraction : float, default=0.1
        That share.
    n_iter_no_change : int, default=5
        Epochs to wait for an improvement.
    class_weight : dict, "balanced" or None, default=None
        How much the rows of each class count.
    warm_start : bool, default=False
        Let `fit` begin where the last one has ended. What the optimizer remembers begins anew.
    average : bool, int or object of mbgd_rs.averages, default=False
        Predict by the mean of the parameters over the steps, a number: from when so many rows were seen.
    optimizer : "auto", str or object of mbgd_rs.optimizers, default="auto"
        "auto" is the default of :func:`mbgd_rs.fit`, which converges on columns of any scale: SAGA in the
        metric of the curvature for a smooth loss. Where a learning rate, a schedule or momentum is given it
        is "sgd"; in `partial_fit` it is ``Adagrad(0.1)``.
    batch_size : int, "full", "auto" or object of mbgd_rs.batch_sizes, default="auto"
        Rows of a step; 1 is what ``SGDClassifier`` has.
    schedule : float, object of mbgd_rs.schedules, function of the step or None, default=None
        The learning rate, in the place of `learning_rate`.
    momentum : float, default=0.0
        Of "sgd".
    clip_norm : float or None, default=None
        The largest norm of a gradient.
    standardize : bool, default=False
        Train on columns of mean 0 and standard deviation 1; coefficients are those of the columns as given.
    multi_class : {"auto", "multinomial", "ovr"}, default="auto"
        With more than two classes: all at once, which "log_loss" and "crammer_singer" can, or each against
        the rest. "auto" is all at once where possible.
    callbacks : callable, object of mbgd_rs.callbacks, list of these or None, default=None
        Called with a :class:`mbgd_rs.Progress` after each epoch, or told of steps as in
        :func:`mbgd_rs.fit`; the answer True ends the fit.

    Attributes
    ----------
    coef_ : ndarray of shape (1, d) or (k, d)
        One row for two classes, else one for each class or label; in the type of X. Only linear models have
        it.
    intercept_ : ndarray of shape (1,) or (k,)
        Only linear models have it.
    coefs_, intercepts_ : list of ndarray
        Weights of shape (n_in, n_out) and intercepts of shape (n_out,) of each layer; only networks have
        these.
    params_ : dict
        The parameters of any model by the names of their blocks, as `result_` has them.
    classes_ : ndarray of shape (n_classes,)
        Distinct labels, sorted; where rows have several labels, their numbers.
    n_iter_ : int
        Epochs made by the last call.
    t_ : int
        1 and the steps made.
    loss_curve_ : list of float
        The objective in each epoch.
    best_loss_ : float
        The lowest of these.
    validation_scores_ : list of float or None
        The accuracy on the validation rows after each epoch, if there were some.
    history_ : mbgd_rs.History
        All that was written down.
    result_ : mbgd_rs.FitResult
        The result of :func:`mbgd_rs.fit`.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
        If all columns had names that are strings.

    Notes
    -----
    `sample_weight` and `class_weight` are scaled to a mean of 1 over the rows of a call. With
    ``batch_size=1, shuffle=False``, a given learning rate and equal weights the coefficients are those of
    ``SGDClassifier`` on dense rows, to rounding. What is different there: l1 parts act by their proximal map
    after every step, where ``SGDClassifier`` has the truncated gradient of Tsuruoka et al. 2009; on sparse
    rows it shrinks the steps of the intercept to a hundredth; and classes against the rest end together.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from mbgd_rs.sklearn import MBGDClassifier
    >>> X_train, X_test, y_train, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    >>> model = MBGDClassifier(alpha=1e-2, random_state=0).fit(X_train, y_train)
    >>> bool(model.score(X_test, y_test) > 0.95), model.coef_.shape
    (True, (10, 64))
    """

    @with_hints
    def __init__(
        self,
        *,
        loss: Any = "log_loss",
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
        n_jobs: int | None = None,
        random_state: Any = None,
        learning_rate: str = "auto",
        eta0: float = 0.01,
        power_t: float = 0.5,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: Any = None,
        warm_start: bool = False,
        average: Any = False,
        optimizer: Any = "auto",
        batch_size: Any = "auto",
        schedule: Any = None,
        momentum: float = 0.0,
        clip_norm: float | None = None,
        standardize: bool = False,
        multi_class: str = "auto",
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
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.average = average
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.schedule = schedule
        self.momentum = momentum
        self.clip_norm = clip_norm
        self.standardize = standardize
        self.multi_class = multi_class
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
    ) -> MBGDClassifier:
        """Train on all rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
            A source of :mod:`mbgd_rs.sources` brings its labels, one a row, and weights itself.
        y : array-like of shape (n,) or (n, k)
            Labels, or 0 and 1 for each of k labels.
        sample_weight : array-like of shape (n,), optional
        coef_init, intercept_init : array-like, optional
            Where a linear model is to begin, of the shapes of `coef_` and `intercept_`.
        X_val, y_val : optional
            Rows to judge by after each epoch, not learned from.
        sample_weight_val : array-like, optional
            Weights of these in ``history_.validation_loss``.
        offset, offset_val : array-like of shape (n,) or (n, k), optional
            Known parts of the scores, added to these.

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
            loss = loss_of_classes(self)
            if source is None:
                X, y = self._checked_rows(X, y=y, multi_output=True)
            else:
                note_columns(self, source)
                y = labels_of_source(source)
                if not loss.is_classification:
                    raise ValueError(f"loss must be one of classes where X is a source, got {self.loss!r}")
            labels = as_labels(y, classes=None, is_of_numbers=not loss.is_classification)
            judged = self._validation(X_val, y_val, sample_weight_val, offset_val, offset=offset)
            judged = labels.of_validation(judged)
            start = self._start(coef_init, intercept_init, labels.n_outputs, self.n_features_in_)
            task = fit_task(self, max_iter=self.max_iter, X=X, y=y, sample_weight=sample_weight)
            data = self._data(X, labels, sample_weight, offset)
            if source is not None:
                data = data._replace(y=None)
            if judged is not None:
                data = data._replace(validation=judged, metrics={"score": labels.score})
            result = self._train(data, loss, start=start, task=task)
        self._show(result, data)
        task.end()
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, *, offset: Any = None
    ) -> MBGDClassifier:
        """Train one epoch on some rows, from where the model is.

        Optimizer and schedule go on where they were: k calls on the batches of an epoch, in their order, give
        what one epoch over all of them gives, bit for bit, where `optimizer` is not "auto".

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        y : array-like of shape (n,) or (n, k)
        classes : array-like, optional
            All labels that there are in all calls; needed in the first, and then never again.
        sample_weight : array-like of shape (n,), optional
        offset : array-like of shape (n,) or (n, k), optional

        Returns
        -------
        self
        """
        check_params(self, CONSTRAINTS)
        self._check_no_early_stopping()
        refuse_balanced(self.class_weight)
        with self._input_kept_on_failure():
            X, y = self._checked_chunk(X, y=y, multi_output=True)
            loss = loss_of_classes(self)
            known = first_classes(self, classes, y)
            labels = as_labels(y, classes=known, is_of_numbers=not loss.is_classification)
            data = self._data(X, labels, sample_weight, offset)
            result, n_epochs = self._train_on(data, loss)
        self._show(result, data, n_epochs)
        return self

    def _data(self, X: Any, labels: Labels, sample_weight: Any, offset: Any) -> TrainingSet:
        """What is learned from."""
        is_of_classes = not labels.is_of_numbers
        weights = sample_weight if is_of_classes else labels.weighted(self.class_weight, sample_weight)
        return TrainingSet(
            X,
            labels.targets(labels.y),
            sample_weight=weights,
            offset=offset,
            class_weight=self.class_weight if is_of_classes else None,
            classes=labels.classes if is_of_classes and not labels.has_several else None,
            classes_of_model=labels.classes_of_model,
            is_vector=labels.n_outputs == 1,
            shown={"classes_": labels.classes, "_has_several_labels": labels.has_several},
        )

    def _of_linear(self, result: FitResult) -> dict[str, Any]:
        return {
            "coef_": np.array(np.atleast_2d(result.coef)),
            "intercept_": np.array(np.atleast_1d(result.intercept)),
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Its probabilities of labels can be 0 and 1, which the common checks of several labels refuse.
        tags.classifier_tags.multi_label = name_of_loss(self) != "modified_huber"
        return tags
