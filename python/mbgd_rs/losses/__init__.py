"""Losses: how wrong a score z is for a target y. Names and definitions are those of scikit-learn where it has
the loss: of its SGD, and of its half losses for the losses with a link.

In ``regression`` those of numbers, in ``classification`` those of classes. Each says its domain, its link,
its formula, its slope (the derivative by z) and the largest curvature it has (the second derivative).
"""

from .classification import (
    CrammerSinger,
    Focal,
    Hinge,
    LogLoss,
    ModifiedHuber,
    Perceptron,
    SmoothHinge,
    SquaredHinge,
)
from .loss import Loss
from .regression import (
    AbsoluteError,
    EpsilonInsensitive,
    Gamma,
    Huber,
    LogCosh,
    Poisson,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
    Tweedie,
)

__all__ = [
    "AbsoluteError",
    "CrammerSinger",
    "EpsilonInsensitive",
    "Focal",
    "Gamma",
    "Hinge",
    "Huber",
    "LogCosh",
    "LogLoss",
    "Loss",
    "ModifiedHuber",
    "Perceptron",
    "Poisson",
    "Quantile",
    "SmoothHinge",
    "SquaredEpsilonInsensitive",
    "SquaredError",
    "SquaredHinge",
    "Tweedie",
]
