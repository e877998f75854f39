"""Batches that grow: the batch size as a function of the epoch.

A larger batch makes a step less noisy, as a smaller learning rate does, and an epoch shorter in steps
(S. L. Smith et al., "Don't decay the learning rate, increase the batch size", ICLR 2018). These take the
place of a number as `batch_size` of :func:`mbgd_rs.fit` and, all but :class:`NormTest`, which has to see the
noise of the gradients, of :func:`mbgd_rs.minimize`, :func:`mbgd_rs.minibatches` and
:class:`mbgd_rs.Batches`. The order of the rows is that of any other size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import _core
from .choices import Choice, as_name, without_arrays
from .inputs import as_array, as_integer

__all__ = ["BatchSizes", "Growing", "NormTest", "PerEpoch"]


@dataclass(frozen=True)
class BatchSizes(Choice):
    """What all of them have in common."""

    def __post_init__(self) -> None:
        without_arrays(self)
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


@dataclass(frozen=True)
class NormTest(BatchSizes):
    """Batches that grow as the noise asks for it: few rows while the gradient is large, more as it shrinks.

    The batches of an epoch are to pass the norm test, ``var(g) <= theta**2 |g|**2``: the noise of a batch's
    gradient g is at most so large a part of it. Both sides are taken from every fourth step of the epoch
    before, ``var(g) = tr(Sigma) (1/b - 1/n)``, or ``tr(Sigma) / b`` where rows are drawn with replacement; b
    is the smallest size that passes, and never less than before. With a constant learning rate the noise then
    falls as the gradient does, and needs no decay of the rate. The sizes are in ``history.batch_size``.

    Only for :func:`mbgd_rs.fit`. A run can be gone on with, to the bit, as any other.

    Parameters
    ----------
    batch_size : int, default=32
        Rows of the first epoch, >= 2.
    theta : float, default=0.9
        In (0, 1); smaller wants larger batches. They grow by a factor of 1 / theta**2 an epoch where noise is
        all there is: the gradient of a batch then is as large as its noise.
    max_batch_size : int, optional
        The largest, >= 1; by default only the number of rows is a limit.

    References
    ----------
    R. H. Byrd, G. M. Chin, J. Nocedal, Y. Wu, "Sample size selection in optimization methods for machine
    learning", Math. Program. 134, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> import mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((10_000, 5))
    >>> y = X.sum(axis=1) + rng.standard_normal(10_000)
    >>> sgd = mb.optimizers.SGD(learning_rate=0.1)
    >>> run = mb.fit(X, y, optimizer=sgd, batch_size=mb.batch_sizes.NormTest(16, theta=0.5), epochs=6)
    >>> run.history.batch_size
    array([  16,   53,  238,  247, 1012, 3054])
    """

    batch_size: int = 32
    theta: float = 0.9
    max_batch_size: int | None = None

    def __call__(self, epoch: int) -> int:
        """Refuses: only the run knows."""
        raise TypeError("the batch sizes of NormTest follow from the run: they are in its history.batch_size")


def resolve_batch_size(batch_size: Any, n_rows: int, sees_noise: bool = False) -> int | BatchSizes:
    """Rows of a batch, at most all, or an object that has them by epoch, or by the noise if that is seen."""
    if isinstance(batch_size, NormTest) and not sees_noise:
        raise ValueError(f"batch_size must not depend on the noise, which only fit sees, got {batch_size!r}")
    if isinstance(batch_size, BatchSizes):
        return batch_size
    if isinstance(batch_size, str):
        name = as_name("batch_size", batch_size, ("full", "auto"), expected="an integer, 'full' or 'auto'")
        return n_rows if name == "full" else min(256, n_rows)
    return min(as_integer("batch_size", batch_size, 1), n_rows)
