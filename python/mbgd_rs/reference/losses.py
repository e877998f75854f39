"""How wrong a score z is for a target y."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .naming import name_of

Array = NDArray[Any]


class SquaredError:
    """(z - y)^2 / 2 for real y; with several outputs their sum."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.square(z - y) / 2

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return z - y


class LogLoss:
    """log(1 + exp(-y z)) for y in {-1, +1}."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.logaddexp(0, -y * z)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -y / (1 + np.exp(y * z))


class Softmax:
    """log(sum_c exp(z_c)) - z_y for a class index y: the log loss of more than two classes."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        z = z - z.max(axis=1, keepdims=True)
        return np.log(np.exp(z).sum(axis=1, keepdims=True)) - np.take_along_axis(z, y, axis=1)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(p)), y[:, 0]] -= 1
        return p


class Hinge:
    """max(0, 1 - y z) for y in {-1, +1}, slope 0 at the kink; with several outputs their sum."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.maximum(0, 1 - y * z)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -y * (y * z < 1)


def loss_and_targets(loss: Any, y: Array) -> tuple[Any, Array, Array | None, tuple[int, ...]]:
    """The loss, the targets as it wants them, the classes if any, and the shape of the scores of a row."""
    name = name_of(loss)
    if name == "squarederror":
        return SquaredError, y, None, y.shape[1:]
    if name not in ("logloss", "hinge"):
        raise ValueError(f'loss must be one of "squared_error", "log_loss", "hinge", got {loss!r}')
    classes, index = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y must have at least 2 classes, got {len(classes)}")
    if len(classes) == 2:
        return LogLoss if name == "logloss" else Hinge, 2 * index - 1, classes, ()
    if name == "logloss":
        return Softmax, index[:, None], classes, classes.shape
    one_against_rest = 2 * (index[:, None] == np.arange(len(classes))) - 1
    return Hinge, one_against_rest, classes, classes.shape
