"""What all losses have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

from .. import _core
from ..choices import Choice, Unsaid, without_arrays

__all__ = ["Loss"]

LossName = Literal[
    "squared_error",
    "absolute_error",
    "huber",
    "epsilon_insensitive",
    "squared_epsilon_insensitive",
    "quantile",
    "log_cosh",
    "poisson",
    "gamma",
    "tweedie",
    "one_class",
    "log_loss",
    "hinge",
    "squared_hinge",
    "modified_huber",
    "perceptron",
    "smooth_hinge",
    "focal",
    "crammer_singer",
]
"""Names of losses, of numbers, of rows without targets, and of classes."""


@dataclass(frozen=True)
class Loss(Choice, names=LossName):
    """What all losses have in common.

    Attributes
    ----------
    name : str
        What scikit-learn calls it, and what :func:`mbgd_rs.fit` takes instead of the object.
    is_classification : bool
        Whether targets are classes.
    has_targets : bool
        Whether it looks at targets.
    has_kink : bool
        Whether the slope jumps somewhere, so that gradients keep their noise at the optimum.
    is_shift_invariant : bool
        Whether it depends on the difference between score and target alone.
    degree : int
        The power of c by which it grows where score, target and `lengths` are multiplied by c; 0 if none.
    lengths : tuple of str
        Parameters in units of the target.
    """

    is_classification: ClassVar[bool]
    has_targets: ClassVar[bool] = True
    has_kink: ClassVar[bool] = False
    is_shift_invariant: ClassVar[bool] = False
    degree: ClassVar[int] = 0
    lengths: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        without_arrays(self)
        _core.check_loss(self.name, self)


DEFAULT_LOSS = cast(LossName, Unsaid("squared_error"))
"""What `loss` is where it is left out."""
