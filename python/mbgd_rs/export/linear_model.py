"""What is asked of a model that is to be given away."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from ..losses import Loss

__all__ = ["LinearModel"]

Array = NDArray[Any]


class LinearModel(Protocol):
    """The part of a result that predicts; see :class:`mbgd_rs.FitResult`."""

    @property
    def coef(self) -> Array: ...
    @property
    def intercept(self) -> Any: ...
    @property
    def classes(self) -> Array | None: ...
    @property
    def loss_object(self) -> Loss: ...
    @property
    def feature_names(self) -> tuple[Any, ...] | None: ...
    @property
    def n_epochs(self) -> int: ...
    @property
    def has_several_labels(self) -> bool: ...
