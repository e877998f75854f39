"""A model as a fitted estimator of scikit-learn that says the same.

An estimator is fitted to a few rows of zeros first, so that it has whatever its version of scikit-learn gives
to a fitted one; then the parameters take their places.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..losses import (
    AbsoluteError,
    CrammerSinger,
    EpsilonInsensitive,
    Gamma,
    Hinge,
    Huber,
    LogLoss,
    Loss,
    ModifiedHuber,
    OneClass,
    Perceptron,
    Poisson,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
    SquaredHinge,
    Tweedie,
)
from ..models import MLP, Linear
from ..trained_model import TrainedModel
from .sklearn_network import as_network

__all__ = ["as_sklearn"]

Array = NDArray[Any]


def as_sklearn(model: TrainedModel) -> Any:
    """The estimator; ValueError if scikit-learn has none of this loss."""
    try:
        import sklearn.linear_model as linear
        import sklearn.multiclass as one_vs_rest
        import sklearn.multioutput as outputs
        import sklearn.svm as machines
    except ImportError as error:
        raise ImportError("to_sklearn needs scikit-learn: pip install 'mbgd_rs[sklearn]'") from error
    if isinstance(model.model, MLP):
        return named(as_network(model, model.model), model)
    if not isinstance(model.model, Linear):
        raise ValueError(f"model must be one of scikit-learn for to_sklearn, got {model.model}")
    kinds: dict[type[Loss], Callable[..., Any]] = {
        SquaredError: lambda: linear.LinearRegression(),
        AbsoluteError: lambda: linear.QuantileRegressor(quantile=0.5),
        Quantile: lambda quantile: linear.QuantileRegressor(quantile=quantile),
        Huber: lambda epsilon: linear.SGDRegressor(loss="huber", epsilon=epsilon),
        EpsilonInsensitive: lambda epsilon: machines.LinearSVR(epsilon=epsilon),
        SquaredEpsilonInsensitive: lambda epsilon: machines.LinearSVR(
            epsilon=epsilon, loss="squared_epsilon_insensitive"
        ),
        Poisson: lambda: linear.PoissonRegressor(),
        Gamma: lambda: linear.GammaRegressor(),
        Tweedie: lambda power: linear.TweedieRegressor(power=power, link="log"),
        LogLoss: lambda multi_class: (
            linear.LogisticRegression()
            if multi_class == "multinomial"
            else linear.SGDClassifier(loss="log_loss")
        ),
        Hinge: lambda: machines.LinearSVC(loss="hinge"),
        SquaredHinge: lambda: machines.LinearSVC(),
        CrammerSinger: lambda: machines.LinearSVC(multi_class="crammer_singer"),
        ModifiedHuber: lambda: linear.SGDClassifier(loss="modified_huber"),
        Perceptron: lambda: linear.Perceptron(),
        OneClass: lambda nu: linear.SGDOneClassSVM(nu=nu),
    }
    loss = model.loss_object
    if type(loss) not in kinds:
        raise ValueError(f"loss must be one of an estimator of scikit-learn for to_sklearn, got {loss}")
    estimator = kinds[type(loss)](*astuple(loss))
    if model.has_several_labels:
        made = fitted(one_vs_rest.OneVsRestClassifier(estimator), model)
        set_each(made.estimators_, model)
    elif model.classes is None and not model.is_vector and not isinstance(loss, SquaredError):
        made = fitted(outputs.MultiOutputRegressor(estimator), model)
        set_each(made.estimators_, model)
    else:
        made = fitted(estimator, model)
        set_parameters(made, model.coef, model.intercept, model)
        if model.classes is not None:
            made.classes_ = model.classes.copy()
    return named(made, model)


def named(made: Any, model: TrainedModel) -> Any:
    """The estimator with the names of its columns, if they are such as scikit-learn knows."""
    names = model.feature_names
    if names is not None and all(isinstance(name, str) for name in names):
        made.feature_names_in_ = np.array(names, dtype=object)
    return made


def fitted(estimator: Any, model: TrainedModel) -> Any:
    """The estimator, fitted to rows of zeros with targets of the kind that the model has."""
    k = model.n_outputs
    n_rows = max(k, 2)
    y: Array
    if model.has_several_labels:
        y = np.eye(n_rows, k, dtype=int)
    elif model.classes is not None:
        y = np.arange(n_rows)
    else:
        y = np.ones(n_rows if model.is_vector else (n_rows, k))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged, on rows without meaning
        return estimator.fit(np.zeros((n_rows, model.n_columns), model.dtype), y)


def set_each(estimators: list[Any], model: TrainedModel) -> None:
    """The parameters of each output in an estimator of its own."""
    for estimator, coef, intercept in zip(estimators, model.coef, model.intercept, strict=True):
        set_parameters(estimator, coef, intercept, model)


def set_parameters(estimator: Any, coef: Array, intercept: Any, model: TrainedModel) -> None:
    """Parameters in the places and shapes of those that are there."""
    is_matrix = np.ndim(estimator.coef_) == 2
    estimator.coef_ = np.atleast_2d(coef).copy() if is_matrix else coef.copy()
    if isinstance(model.loss_object, OneClass):  # whose scores are above 0 where ours are above 1
        estimator.offset_ = np.atleast_1d(1 - intercept)
    else:
        is_vector = np.ndim(estimator.intercept_) == 1
        estimator.intercept_ = np.atleast_1d(intercept).copy() if is_vector else intercept
    if hasattr(estimator, "n_iter_"):
        n = model.n_epochs
        estimator.n_iter_ = np.full_like(estimator.n_iter_, n) if np.ndim(estimator.n_iter_) else n
