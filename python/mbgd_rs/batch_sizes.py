"""Batches that grow: the batch size as a pure function of the epoch.

A larger batch makes a step less noisy, as a smaller learning rate does, and an epoch shorter in steps
(S. L. Smith et al., "Don't decay the learning rate, increase the batch size", ICLR 2018). These take the
place of a number as `batch_size` of :func:`mbgd_rs.fit`, :func:`mbgd_rs.minimize`,
:func:`mbgd_rs.minibatches` and :class:`mbgd_rs.Batches`. The order of the rows is that of any other size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import _core
from .inputs import as_array, as_integer

__all__ = ["BatchSizes", "Growing", "PerEpoch"]


@dataclass(frozen=True)
class BatchSizes:
    """What all of them have in common."""

    def __post_init__(self) -> None:
        _core.check(self)

    def __call__(self, epoch: int) -> int:
        """Rows of a batch in `epoch`, counted from 0; data of fewer rows has all of them in one batch."""
        return _core.batch_size_at(self, as_integer("epoch", epoch, 0))


@dataclass(frozen=True)
class Growing(BatchSizes):
    """``floor(batch_size * factor ** (epoch // every))``, at most `max_batch_size`.

    Parameters
    ----------
    batch_size : int
        Rows at first, >= 1.
    factor : float, default=2.0
        Of a growth, finite and >= 1.
    every : int, default=1
        Epochs from one growth to the next, >= 1.
    max_batch_size : int, optional
        The largest, >= 1; by default only the number of rows is a limit.

    Examples
    --------
    >>> [Growing(32, factor=2, every=2, max_batch_size=100)(epoch) for epoch in range(6)]
    [32, 32, 64, 64, 100, 100]
    """

    batch_size: int
    factor: float = 2.0
    every: int = 1
    max_batch_size: int | None = None


@dataclass(frozen=True)
class PerEpoch(BatchSizes):
    """A batch size for each epoch, of which the last is kept.

    Parameters
    ----------
    batch_sizes : sequence of int
        All >= 1, at least one.

    Examples
    --------
    >>> [PerEpoch([16, 64, 32])(epoch) for epoch in range(4)]
    [16, 64, 32, 32]
    """

    batch_sizes: Sequence[int]

    def __post_init__(self) -> None:
        sizes = as_array("batch_sizes", self.batch_sizes)
        if sizes.ndim != 1:
            raise ValueError(f"batch_sizes must have 1 dimension, got shape {sizes.shape}")
        object.__setattr__(self, "batch_sizes", tuple(sizes.tolist()))
        super().__post_init__()
