"""Batches of row numbers, and of rows, for loops of your own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _core
from .batch_sizes import BatchSizes, resolve_batch_size
from .gathering import Builder, as_sources, built, labels_of
from .inputs import as_flag, as_integer
from .sampling import Shuffle, Weighted, n_positions, resolve_shuffle
from .threads import resolve_n_threads

__all__ = ["Batches", "gathered", "minibatches"]

Array = NDArray[Any]


class Batches:
    """The division of every epoch into batches of row numbers, as :func:`mbgd_rs.fit` makes it.

    A pure function of the arguments: any epoch, and any step of it, can be asked for without those before.

    Parameters
    ----------
    n : int
        Rows, at least 1.
    batch_size : int, "full" or object of mbgd_rs.batch_sizes
        Rows of a batch; more than an epoch has means all.
    shuffle : {"full", "once", "block", False} or object of mbgd_rs.sampling, default="full"
        A new uniform permutation every epoch, the same one every epoch, one that keeps reads local, the rows
        as they come; or weighted or stratified orders.
    replacement : bool, default=False
        Draw every row from all rows; needs shuffle="full".
    drop_last : bool, default=False
        Leave out a last batch that is not full.
    seed : int, default=0
        In [0, 2**64).

    Attributes
    ----------
    row_factors : ndarray of shape (n,) or None
        What each row counts for having been drawn, ``1 / (n p_i)``, with
        :class:`Weighted(..., correct_bias=True) <mbgd_rs.sampling.Weighted>`.

    Examples
    --------
    >>> batches = Batches(5, 2, shuffle=False)
    >>> len(batches)
    3
    >>> [rows.tolist() for rows in batches.epoch(0)]
    [[0, 1], [2, 3], [4]]
    >>> batches.batch(epoch=7, step=1)
    array([2, 3])
    >>> sum(len(rows) for rows in batches.epochs(10))
    50
    """

    def __init__(
        self,
        n: int,
        batch_size: int | Literal["full"] | BatchSizes,
        shuffle: Shuffle = "full",
        replacement: bool = False,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        n = as_integer("n", n, 1)
        self._arguments: tuple[Any, ...] = (
            n,
            resolve_batch_size(batch_size, n_positions(shuffle, n)),
            shuffle,
            as_flag("replacement", replacement),
            as_flag("drop_last", drop_last),
            as_integer("seed", seed, 0, 2**64 - 1),
        )
        as_core_reads: list[Any] = list(self._arguments)
        as_core_reads[2] = resolve_shuffle(shuffle, lambda: None)
        self._core = _core.Batches(*as_core_reads)
        self.row_factors = self._core.row_factors

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

    def epochs(self, n_epochs: int, first: int = 0) -> Iterator[Array]:
        """The batches of `n_epochs` epochs from epoch `first` on, one epoch after the other."""
        epochs = range(first := as_integer("first", first, 0), first + as_integer("n_epochs", n_epochs, 0))
        return (rows for k in epochs for rows in self.epoch(k))

    def batch(self, epoch: int, step: int) -> Array:
        """The row numbers of one step of an epoch, both counted from 0."""
        return self._core.batch(as_integer("epoch", epoch, 0), as_integer("step", step, 0)).view(np.intp)


def minibatches(
    *arrays: Any,
    batch_size: int | Literal["full"] | BatchSizes,
    shuffle: Shuffle = "full",
    replacement: bool = False,
    drop_last: bool = False,
    seed: int = 0,
    epochs: int = 1,
    return_rows: bool = False,
    n_threads: int | None = None,
) -> Iterator[Any]:
    """Iterate over batches of rows: contiguous copies, gathered in Rust one batch ahead.

    While a batch is worked on, the next one is gathered by a thread of its own; small ones are gathered ahead
    until there are 256 KiB of them. Large ones are gathered by several threads. Do not change the arrays
    meanwhile: to truncate a memory map or to resize an array that a thread is reading ends the process, as it
    does with NumPy itself.

    Parameters
    ----------
    *arrays : array-like of shape (n, ...), data frame, series or sparse matrix
        Of any dtype, of Python objects numbers or text. Arrays in C order, memory maps and tensors in the
        memory of the CPU too, are read where they are, of a memory map no more than the rows of the batches;
        anything else is converted once. Data frames, tables and series of pandas, polars or pyarrow give
        NumPy arrays, frames of several columns a matrix of numbers. Sparse matrices give CSR of the same
        class and type of index. Those that are None are left out.
    batch_size, replacement, drop_last, seed
        As in :class:`Batches`.
    shuffle : {"full", "once", "block", "stratified", False} or object of mbgd_rs.sampling, default="full"
        As in :class:`Batches`; "stratified" by the labels in the second array.
    epochs : int, default=1
        Passes over the data.
    return_rows : bool, default=False
        Yield the row numbers, too.
    n_threads : int, optional
        At most so many gather a batch; by default :func:`mbgd_rs.get_num_threads`.

    Yields
    ------
    X_b, or (X_b, y_b), or (X_b, y_b, ..., rows)
        Copies of the rows of a batch, of each array, and their numbers if wanted. A single array is not
        wrapped.

    Notes
    -----
    The arrays are read in place by another thread until the iterator ends or is closed. Until then, do not
    truncate the file of a memory map, and do not resize or free the buffer of an array by force (for example
    ``a.resize(..., refcheck=False)``): the process would crash, as it does with NumPy itself.

    Examples
    --------
    >>> import numpy as np
    >>> for X_b, y_b in minibatches(np.eye(3), [0, 1, 2], batch_size=2, shuffle=False):
    ...     print(X_b.shape, y_b)
    (2, 3) [0 1]
    (1, 3) [2]
    """
    _, batches = gathered(
        arrays,
        batch_size=batch_size,
        shuffle=shuffle,
        replacement=replacement,
        drop_last=drop_last,
        seed=seed,
        epochs=as_integer("epochs", epochs, 0),
        with_rows=as_flag("return_rows", return_rows),
        n_threads=n_threads,
    )
    return batches


def gathered(
    arrays: Sequence[Any],
    *,
    batch_size: Any,
    shuffle: Any,
    replacement: Any,
    drop_last: Any,
    seed: Any,
    epochs: int,
    with_rows: bool = False,
    n_threads: int | None = None,
    first: int = 0,
) -> tuple[_core.Batches, Iterator[Any]]:
    """The division of the rows into batches, and the batches of so many epochs but the `first` ones."""
    given = [values for values in arrays if values is not None]
    sources, builders, n = as_sources(given)
    if isinstance(shuffle, Weighted) and shuffle.correct_bias and not with_rows:
        raise ValueError(
            "correct_bias must be False outside of fit, got True: take the rows with return_rows=True and "
            "weight them by Batches(...).row_factors"
        )
    batches = _core.Batches(
        n=as_integer("n", n, 1),
        batch_size=resolve_batch_size(batch_size, n_positions(shuffle, n)),
        shuffle=resolve_shuffle(shuffle, lambda: labels_of(given[1:])),
        replacement=as_flag("replacement", replacement),
        drop_last=as_flag("drop_last", drop_last),
        seed=as_integer("seed", seed, 0, 2**64 - 1),
    )
    threads = resolve_n_threads(n_threads)
    is_single = len(builders) == 1 and not with_rows
    all_dense = not any(builders)
    ahead = _core.Minibatches(
        batches, sources, epochs, threads, with_rows, first, bare=is_single and all_dense
    )
    return batches, ahead if all_dense else with_matrices(ahead, builders, is_single)


def with_matrices(ahead: _core.Minibatches, builders: list[Builder | None], is_single: bool) -> Iterator[Any]:
    """The same batches, with matrices made of the arrays of those that are sparse."""
    try:
        for found in ahead:
            arrays = built(builders, found)
            yield arrays[0] if is_single else tuple(arrays)
    finally:
        ahead.close()
