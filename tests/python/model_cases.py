"""Models, targets and rows that several files of tests share."""

import mbgd_rs as mb
import numpy as np
import scipy.sparse
from mbgd_rs.models import MLP, FactorizationMachine, Linear
from scipy.special import expit, ndtr

RNG = np.random.default_rng(0)
N, D = 90, 4
X = RNG.normal(size=(N, D))
Z = np.stack([X[:, 0] * X[:, 1], X[:, 2] - X[:, 3] ** 2], axis=1) + RNG.normal(size=(N, 2)) / 4
MODELS = {
    "linear": Linear(),
    "network": MLP((5, 3), ("tanh", "gelu")),
    "dropout": MLP(6, "silu", dropout=0.3),
    "no hidden layer": MLP(()),
    "factorization machine": FactorizationMachine(rank=3, init_scale=0.3),
}
BEYOND = {name: model for name, model in MODELS.items() if name != "linear"}
TARGETS = {
    "number": (Z[:, 0], "squared_error"),
    "column": (Z[:, :1], "squared_error"),
    "numbers": (Z, "huber"),
    "counts": (np.exp(Z[:, 0] / 2), "poisson"),
    "two classes": (np.where(Z[:, 0] > 0, "yes", "no"), "log_loss"),
    "classes": (np.array(["a", "b", "c"])[np.digitize(Z[:, 1], [-1, 0])], "log_loss"),
    "classes, each": (np.digitize(Z[:, 1], [-1, 0]), "modified_huber"),
    "labels": ((Z > 0).astype(int), "log_loss"),
}
"""Targets by what they are, and a loss for them."""
ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "tanh": np.tanh,
    "logistic": expit,
    "gelu": lambda z: z * ndtr(z),
    "silu": lambda z: z * expit(z),
}
ADAM = mb.optimizers.Adam(0.01)


def n_outputs(name):
    """The outputs of targets, and whether scores are a vector."""
    y, _ = TARGETS[name]
    is_of_classes = name.startswith("classes")
    return (3 if is_of_classes else 1 if y.ndim == 1 else y.shape[1]), y.ndim == 1 and not is_of_classes


def rows_of(kind):
    """X as dense rows of a type, or as sparse ones with zeros."""
    dtype = np.float32 if "float32" in kind else np.float64
    if "sparse" in kind:
        return scipy.sparse.csr_array((X * (X > -0.5)).astype(dtype))
    return X.astype(dtype)


def scores_of(result, rows):
    """The scores of rows by the parameters of a result, in double: shape (n, k)."""
    x = np.asarray(rows.todense() if scipy.sparse.issparse(rows) else rows, np.float64)
    params = result.params
    if isinstance(result.model, MLP):
        names = (*result.model.activations, "identity")
        for W, b, name in zip(params["coefs"], params["intercepts"], names, strict=True):
            x = ACTIVATIONS[name](x @ W.astype(float) + b)
        return x
    if isinstance(result.model, Linear):
        return x @ np.atleast_2d(params["coef"]).T + params["intercept"]
    coef, V = np.atleast_2d(params["coef"]).astype(float), params["factors"].astype(float)
    V = V[None] if V.ndim == 2 else V
    pairs = [((x @ v) ** 2 - x**2 @ v**2).sum(axis=1) / 2 for v in V]
    return x @ coef.T + params["bias"] + np.stack(pairs, axis=1)


def flat(result):
    """All parameters, as one vector."""
    return result.model.join(result.params, result.n_columns, result.n_outputs, result.dtype)
