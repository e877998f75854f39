"""What targets mean to a loss, and what classes weigh."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .classification import Margin
from .losses import LOSSES

Array = NDArray[Any]


def loss_and_targets(loss: Any, y: Array) -> tuple[Any, Array, Array | None, tuple[int, ...]]:
    """The loss, the targets as it wants them, the classes if any, and the shape of the scores of a row."""
    chosen = LOSSES.named(loss)(loss)
    if not isinstance(chosen, Margin):
        condition, is_inside = chosen.domain()
        if not is_inside(y).all():
            raise ValueError(f"y must be {condition} for loss {loss!r}")
        return chosen, y, None, y.shape[1:]
    if y.ndim == 2 and y.shape[1] > 1:  # labels
        return chosen, 2 * y.astype(int) - 1, np.array([0, 1]), y.shape[1:]
    classes, index = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y must have at least 2 classes, got {len(classes)}")
    if len(classes) == 2:
        return chosen, 2 * index - 1, classes, ()
    coupled = chosen.of_all_classes()
    if coupled is not None:
        return coupled, index[:, None], classes, classes.shape
    one_against_rest = 2 * (index[:, None] == np.arange(len(classes))) - 1
    return chosen, one_against_rest, classes, classes.shape


def class_weights(class_weight: Any, classes: Array, y: Array, s: Array, of: Array | None = None) -> Array:
    """The weight of each row's class, of rows y or others: "balanced" over y, by label, or 1."""
    labels = (y if of is None else of).reshape(-1).tolist()
    if class_weight == "balanced":
        total = {label: s[y.reshape(len(y)) == label].sum() for label in classes.tolist()}
        class_weight = {label: s.sum() / len(classes) / total[label] for label in total}
    return np.array([class_weight.get(label, 1.0) for label in labels])
