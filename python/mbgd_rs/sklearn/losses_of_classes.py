"""The loss of a classifier: of how many classes at once, and whether it has probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..losses import CrammerSinger, LogLoss, Loss
from .translation import loss_of

__all__ = ["has_probabilities", "loss_of_classes", "name_of_loss"]

WITH_PROBABILITIES = ("log_loss", "modified_huber", "focal")


def loss_of_classes(estimator: Any) -> Loss:
    """The loss, of as many classes at once as `multi_class` says."""
    loss, multi_class = loss_of(estimator), estimator.multi_class
    if multi_class == "multinomial" and not isinstance(loss, LogLoss | CrammerSinger):
        raise ValueError(
            "multi_class must be 'ovr' or 'auto' unless loss is 'log_loss' or 'crammer_singer', got "
            f"'multinomial' with {loss.name!r}"
        )
    if multi_class == "ovr" and isinstance(loss, CrammerSinger):
        raise ValueError(f"multi_class must be 'multinomial' or 'auto' with loss {loss.name!r}, got 'ovr'")
    if multi_class != "auto" and isinstance(loss, LogLoss):
        return replace(loss, multi_class=multi_class)
    return loss


def name_of_loss(estimator: Any) -> Any:
    """The name of the loss, or whatever was given in its place."""
    return getattr(estimator.loss, "name", estimator.loss)


def has_probabilities(estimator: Any) -> bool:
    """Whether the loss of a classifier has probabilities; else scikit-learn's error."""
    loss = name_of_loss(estimator)
    if loss not in WITH_PROBABILITIES:
        raise AttributeError(f"probability estimates are not available for loss={loss!r}")
    return True
