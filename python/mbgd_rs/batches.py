"""Batches of row numbers, and of rows, for loops of your own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .batch_sizes import BatchSizes
from .inputs import as_flag, as_integer
from .threads import resolve_n_threads
from .training import resolve_batch_size

__all__ = ["Batches", "minibatches"]

Array = NDArray[Any]


class Batches:
    """The division of every epoch into batches of row numbers, as :func:`mbgd_rs.fit` makes it.

    A pure function of the arguments: any epoch, and any step of it, can be asked for without those before.

    Parameters
    ----------
    n : int
        Rows, at least 1.
    batch_size : int, "full" or object of mbgd_rs.batch_sizes
        Rows of a batch; more than n means all.
    shuffle : {"full", "once", False}, default="full"
        A new uniform permutation every epoch, the same one every epoch, or the rows as they come.
    replacement : bool, default=False
        Draw every row from all rows; needs shuffle="full".
    drop_last : bool, default=False
        Leave out a last batch that is not full.
    seed : int, default=0
        In [0, 2**64).

    Examples
    --------
    >>> batches = Batches(5, 2, shuffle=False)
    >>> len(batches)
    3
    >>> [rows.tolist() for rows in batches.epoch(0)]
    [[0, 1], [2, 3], [4]]
    >>> batches.batch(epoch=7, step=1)
    array([2, 3])
    """

    def __init__(
        self,
        n: int,
        batch_size: int | Literal["full"] | BatchSizes,
        shuffle: Literal["full", "once", False] = "full",
        replacement: bool = False,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        self._arguments = (
            as_integer("n", n, 1),
            resolve_batch_size(batch_size, n),
            shuffle,
            as_flag("replacement", replacement),
            as_flag("drop_last", drop_last),
            as_integer("seed", seed, 0, 2**64 - 1),
        )
        self._core = _core.Batches(*self._arguments)

    def __len__(self) -> int:
        """Steps of an epoch; refused where they depend on the epoch: ask :meth:`n_steps`."""
        if isinstance(self._arguments[1], BatchSizes):
            raise TypeError("len() needs the same batch_size in every epoch: ask n_steps(epoch)")
        return self.n_steps(0)

    def __bool__(self) -> bool:
        """There is always a step."""
        return True

    def n_steps(self, epoch: int) -> int:
        """Steps of an epoch, counted from 0."""
        return self._core.n_steps(as_integer("epoch", epoch, 0))

    def batch_size(self, epoch: int) -> int:
        """Rows of a batch in an epoch, counted from 0; the last one may have fewer."""
        return self._core.batch_size(as_integer("epoch", epoch, 0))

    def __repr__(self) -> str:
        n, batch_size, shuffle, replacement, drop_last, seed = self._arguments
        return (
            f"Batches({n}, {batch_size!r}, shuffle={shuffle!r}, replacement={replacement}, "
            f"drop_last={drop_last}, seed={seed})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments

    def epoch(self, k: int) -> Iterator[Array]:
        """The batches of epoch `k`, counted from 0: arrays of row numbers (intp), in order."""
        order = self._core.order(as_integer("k", k, 0)).view(np.intp)
        size = self.batch_size(k)
        return (order[step * size : (step + 1) * size] for step in range(self.n_steps(k)))

    def batch(self, epoch: int, step: int) -> Array:
        """The row numbers of one step of an epoch, both counted from 0."""
        return self._core.batch(as_integer("epoch", epoch, 0), as_integer("step", step, 0)).view(np.intp)


def minibatches(
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    batch_size: int | Literal["full"] | BatchSizes,
    shuffle: Literal["full", "once", False] = "full",
    replacement: bool = False,
    drop_last: bool = False,
    seed: int = 0,
    epochs: int = 1,
) -> Iterator[Any]:
    """Iterate over batches of rows: contiguous copies, gathered in Rust.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        Of any dtype without Python objects.
    y : array-like of shape (n, ...), optional
    batch_size, shuffle, replacement, drop_last, seed
        As in :class:`Batches`.
    epochs : int, default=1
        Passes over the data.

    Yields
    ------
    X_b, or (X_b, y_b)
        Copies of the rows of a batch.

    Examples
    --------
    >>> import numpy as np
    >>> for X_b, y_b in minibatches(np.eye(3), [0, 1, 2], batch_size=2, shuffle=False):
    ...     print(X_b.shape, y_b)
    (2, 3) [0 1]
    (1, 3) [2]
    """
    arrays = [_gatherable("X", X)] + ([] if y is None else [_gatherable("y", y)])
    if y is not None and len(arrays[1]) != len(arrays[0]):
        raise ValueError(f"y must have {len(arrays[0])} rows, as X, got {len(arrays[1])}")
    batches = Batches(len(arrays[0]), batch_size, shuffle, replacement, drop_last, seed)
    n_epochs = as_integer("epochs", epochs, 0)

    def generate() -> Iterator[Any]:
        for k in range(n_epochs):
            for rows in batches.epoch(k):
                gathered = [_gather(array, rows) for array in arrays]
                yield gathered[0] if y is None else tuple(gathered)

    return generate()


def _gatherable(name: str, values: ArrayLike) -> Array:
    array = np.ascontiguousarray(values)
    if array.ndim == 0 or np.ndim(values) == 0:
        raise ValueError(f"{name} must have at least 1 dimension, got a scalar")
    if array.dtype.hasobject:
        raise TypeError(f"{name} must be of a dtype without Python objects, got {array.dtype}")
    return array


def _gather(array: Array, rows: Array) -> Array:
    out = np.empty((len(rows), *array.shape[1:]), array.dtype)
    if out.nbytes:
        as_bytes = (a.reshape(len(a), -1).view(np.uint8) for a in (array, out))
        values, target = as_bytes
        _core.gather(values, rows.view(np.uintp), target, resolve_n_threads(None))
    return out
