"""What all losses have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import _core

__all__ = ["Loss"]


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
