"""A multi-layer perceptron as scikit-learn's fitted ``MLPClassifier`` or ``MLPRegressor`` that says the same.

As for linear models it is fitted to a few rows of zeros first, so that it has whatever its version of
scikit-learn gives to a fitted one.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..losses import LogLoss, Poisson, SquaredError
from ..models import MLP
from ..trained_model import TrainedModel

__all__ = ["as_network"]

Array = NDArray[Any]
KNOWN = ("identity", "logistic", "tanh", "relu")
"""Activations that scikit-learn has."""


def as_network(model: TrainedModel, network: MLP) -> Any:
    """The estimator; ValueError if scikit-learn has none of this loss or of these activations."""
    import sklearn.multioutput as outputs

    activations = set(network.activations)
    if len(activations) > 1 or not activations <= set(KNOWN):
        raise ValueError(
            f"activation must be the same one of {', '.join(map(repr, KNOWN))} in all hidden layers for "
            f"to_sklearn, got {network.activation!r}"
        )
    made = kind_of(model)(hidden_layer_sizes=network.widths, activation=next(iter(activations), "relu"))
    if isinstance(model.loss_object, Poisson):
        made.set_params(loss="poisson")
    made = fitted(made, model)
    if model.classes is None and not model.is_vector and model.n_outputs == 1:
        several = outputs.MultiOutputRegressor(made)
        several.estimators_, several.n_features_in_ = [made], model.n_columns
        return several
    return made


def kind_of(model: TrainedModel) -> Any:
    """The class of networks that has the loss of the model."""
    import sklearn.neural_network as networks

    loss = model.loss_object
    if isinstance(loss, SquaredError):
        return networks.MLPRegressor
    if isinstance(loss, Poisson) and "loss" in networks.MLPRegressor().get_params():  # from 1.7 on
        return networks.MLPRegressor
    has_two_classes = model.classes is not None and len(model.classes) == 2
    if isinstance(loss, LogLoss) and (has_two_classes or loss.multi_class == "multinomial"):
        return networks.MLPClassifier
    raise ValueError(f"loss must be one of a network of scikit-learn for to_sklearn, got {loss}")


def fitted(estimator: Any, model: TrainedModel) -> Any:
    """The estimator with the parameters of the model."""
    k, n_rows = model.n_outputs, max(model.n_outputs, 2)
    y: Array
    if model.has_several_labels:
        y = np.eye(n_rows, k, dtype=int)
    elif model.classes is not None:
        y = np.arange(n_rows)
    else:
        y = np.ones(n_rows if k == 1 else (n_rows, k))
    most = estimator.max_iter
    estimator.set_params(max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged, on rows without meaning
        estimator.fit(np.zeros((n_rows, model.n_columns), model.dtype), y)
    estimator.set_params(max_iter=most)
    estimator.coefs_ = [W.copy() for W in model.params["coefs"]]
    estimator.intercepts_ = [b.copy() for b in model.params["intercepts"]]
    estimator.n_iter_ = model.n_epochs
    if model.classes is not None and not model.has_several_labels:
        estimator.classes_ = estimator._label_binarizer.classes_ = model.classes.copy()
    return estimator
