"""Losses: how wrong a score z is for a target y. Names and definitions are those of scikit-learn's SGD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from . import _core

__all__ = ["Hinge", "LogLoss", "Loss", "SquaredError"]


@dataclass(frozen=True)
class Loss:
    """What all losses have in common.

    Attributes
    ----------
    name : str
        What scikit-learn calls it, and what :func:`mbgd_rs.fit` takes instead of the object.
    is_classification : bool
        Whether targets are classes.
    """

    name: ClassVar[str]
    is_classification: ClassVar[bool]

    def __post_init__(self) -> None:
        _core.check_loss(self.name, self)


@dataclass(frozen=True)
class SquaredError(Loss):
    """Half the squared error, ``(z - y)**2 / 2``: least squares.

    For real targets; with targets of shape (n, k) the sum over the k outputs. The name is "squared_error".

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> mb.fit([[1.0], [2.0]], [1.0, 2.0], loss=mb.losses.SquaredError(), epochs=1).n_steps
    1
    """

    name = "squared_error"
    is_classification = False


@dataclass(frozen=True)
class LogLoss(Loss):
    """Log loss: logistic regression, and softmax regression with more than two classes.

    Two classes, y in {-1, +1}: ``log(1 + exp(-y z))``, with ``1 / (1 + exp(-z))`` the probability of the
    second class. More: ``log(sum_c exp(z_c)) - z_y``, with ``softmax(z)`` the probabilities. The name is
    "log_loss".

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> mb.fit([[1.0], [2.0]], ["no", "yes"], loss="log_loss", epochs=1).classes
    array(['no', 'yes'], dtype='<U3')
    """

    name = "log_loss"
    is_classification = True


@dataclass(frozen=True)
class Hinge(Loss):
    """Hinge loss, ``max(0, 1 - y z)`` for y in {-1, +1}: the linear support vector machine.

    Not smooth: the slope is ``-y`` where ``y z < 1`` and 0 elsewhere. With more than two classes every class
    is told from the rest and the losses add up. The name is "hinge".

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> mb.fit([[1.0], [2.0]], [False, True], loss=mb.losses.Hinge(), epochs=1).n_epochs
    1
    """

    name = "hinge"
    is_classification = True
