"""Ways of sampling: which rows an epoch has, and in which order they come.

Objects of this module take the place of a name wherever `shuffle` is an argument. All orders are pure
functions of the seed and the epoch.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .choices import Choice, Unsaid, as_name
from .inputs import as_array, as_integer
from .labels import distinct, label_array

__all__ = ["Block", "Sampling", "Sharded", "Shuffle", "Stratified", "Weighted"]

ShuffleName = Literal["full", "once", "block", "stratified"]
"""Names of ways of sampling; False is the rows as they come."""

Array = NDArray[Any]
BLOCK_ROWS = 1024
"""Rows of a block, where none are given and there are no chunks."""
NAMES = get_args(ShuffleName)
ALIASES = {
    "random": "full",
    "reshuffle": "full",
    "shuffleonce": "once",
    "blocks": "block",
    "stratify": "stratified",
}


class Sampling(Choice):
    """What all ways of sampling have in common."""


@dataclass(frozen=True)
class Block(Sampling):
    """Shuffle with local reads, for data that does not fit the memory; ``shuffle="block"``.

    The rows are cut into blocks of consecutive `rows`, the last one perhaps shorter. The blocks are permuted
    uniformly, every `window` of them in a row make a window, and the rows of a window are permuted uniformly.
    Only the rows of one window have to be in memory, and they are read in runs of `rows`.

    Every row comes once an epoch. With whole blocks every row is equally often at every position, and if a
    window has all rows every permutation is equally likely. What is given up is that rows are independent of
    their neighbours: rows of a block are always less than a window apart. The mean over the b rows of a batch
    varies as if the blocks of its window had been drawn first: about ``within / b + between / window``, the
    variance within blocks and that of the blocks' means. If the data are sorted the second part is large and
    wants a large `window`; if they are in random order nothing is lost.

    Parameters
    ----------
    rows : int or sequence of int, optional
        Rows of a block, >= 1; or those of each block, which are all rows together. 1024 by default; of a
        source of :mod:`mbgd_rs.sources` blocks are its chunks.
    window : int, default=64
        Blocks of a window, >= 1.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> batches = mb.Batches(12, 4, shuffle=Block(rows=2, window=2))
    >>> [rows.tolist() for rows in batches.epoch(0)]
    [[1, 8, 0, 9], [10, 6, 7, 11], [5, 2, 4, 3]]
    """

    rows: int | Sequence[int] | None = None
    window: int = 64

    def __post_init__(self) -> None:
        rows: int | tuple[int, ...] | None = None
        if isinstance(self.rows, int | np.integer):
            rows = as_integer("rows", self.rows, 1)
        elif self.rows is not None:
            if isinstance(self.rows, str) or np.ndim(self.rows) != 1:
                raise TypeError(f"rows must be an integer, a sequence of integers or None, got {self.rows!r}")
            rows = tuple(as_integer(f"rows[{i}]", n, 1) for i, n in enumerate(self.rows))
            if not rows:
                raise ValueError("rows must have at least one block, got none")
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "window", as_integer("window", self.window, 1))

    def of_rows(self) -> Block:
        """The same with the number of rows that blocks have by default."""
        return self if self.rows is not None else replace(self, rows=BLOCK_ROWS)


@dataclass(frozen=True)
class Sharded(Sampling):
    """Every batch has its share of the rows of every shard, for several processes or machines.

    The n rows are cut into shards of consecutive rows: shard s, from 0, has ``floor((n + s) / shards)``.
    Every epoch each shard is reshuffled on its own, and every batch of b rows takes the next ``b / shards``
    of each, rounded down or up, in the order of the shards; a last batch takes what is left. Every row comes
    once an epoch.

    With the `comm` of :func:`mbgd_rs.fit` on P processes, a number that divides `shards`, each process adds
    up rows of its own `shards` / P neighbouring shards, ``n / P`` consecutive rows, wherever a sum is worth
    sharing: sums are cut at the ends of shards. So a process needs no others, see `rows`. The number of
    shards belongs to the problem: the result is the same, to the bit, on any number of processes.

    Shards are strata: if they are equally large, the mean over a batch varies no more than with a full
    shuffle.

    Parameters
    ----------
    shards : int
        A power of two.
    rows : {"all", "own"}, default="all"
        What each process of several passes to `fit`: all rows, or the rows of its own shards, which
        :meth:`rows_of` tells. One process has all rows in any case.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> batches = mb.Batches(10, 4, shuffle=Sharded(shards=2))
    >>> [rows.tolist() for rows in batches.epoch(0)]
    [[4, 1, 6, 9], [2, 3, 5, 8], [0, 7]]
    """

    shards: int
    rows: Literal["all", "own"] = "all"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shards", as_integer("shards", self.shards, 1))
        if self.rows not in ("all", "own"):
            raise ValueError(f"rows must be 'all' or 'own', got {self.rows!r}")
        _core.check_shuffle(self)

    def rows_of(self, rank: int, size: int, n: int) -> slice:
        """The rows of n that one of some processes has, which share the shards equally.

        Parameters
        ----------
        rank : int
            The number of the process, from 0.
        size : int
            How many processes there are, a number that divides `shards`.
        n : int
            Rows of all processes, >= 0.

        Returns
        -------
        slice

        Examples
        --------
        >>> from mbgd_rs.sampling import Sharded
        >>> [Sharded(shards=4).rows_of(rank, 2, n=11) for rank in (0, 1)]
        [slice(0, 5, None), slice(5, 11, None)]
        """
        size = as_integer("size", size, 1)
        if self.shards % size:
            raise ValueError(f"size must divide shards, {self.shards}, got {size}")
        rank, n = as_integer("rank", rank, 0, size - 1), as_integer("n", n, 0)
        each = self.shards // size
        first, end = rank * each, (rank + 1) * each
        return slice(first_row(self.shards, first, n), first_row(self.shards, end, n))


def first_row(shards: int, shard: int, n: int) -> int:
    """The first of n rows in so many shards that is of a shard, or of none of those before."""
    return shard * (n // shards) + max(shard + n % shards - shards, 0)


@dataclass(frozen=True, eq=False, repr=False)
class Weighted(Sampling):
    """Draw rows with probabilities in proportion to weights.

    With replacement every position of an epoch draws row i with probability ``p_i = w_i / sum(w)``, as
    PyTorch's WeightedRandomSampler does: what is minimised is the objective with each row counted ``n p_i``
    times. Probabilities are exact but for rounding, below ``n 2**-53``.

    Without replacement the first position draws so, the next one among the rows that are left, and so on
    (P. S. Efraimidis, P. G. Spirakis, 2006). Rows of weight zero are never drawn, so that an epoch has as
    many positions as there are positive weights: every one of these rows once, heavy ones rather early. A
    smaller `n_samples` leaves the rest out, mostly light ones.

    Parameters
    ----------
    weights : array-like of shape (n,)
        Finite and >= 0, on any scale, not all zero; no positive one below 1e-300 times the largest.
    replacement : bool, default=True
        Whether a row can come more than once an epoch.
    n_samples : int, optional
        Positions of an epoch, >= 1. With replacement n by default; without, the number of positive weights,
        which is also the most there can be.
    correct_bias : bool, default=False
        Importance sampling: in :func:`mbgd_rs.fit` the sample weight of row i is multiplied by
        ``1 / (n p_i)``, by which the batch gradient stays an unbiased estimate of the gradient on all rows,
        and the objective what it is. Needs replacement and weights > 0.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> batches = mb.Batches(4, 2, shuffle=Weighted([1.0, 0.0, 3.0, 1.0], replacement=False))
    >>> [rows.tolist() for rows in batches.epoch(0)]
    [[2, 3], [0]]
    """

    weights: ArrayLike
    replacement: bool = True
    n_samples: int | None = None
    correct_bias: bool = False

    def __post_init__(self) -> None:
        weights = as_array("weights", self.weights)
        if weights.ndim != 1:
            raise ValueError(f"weights must have 1 dimension, got shape {weights.shape}")
        own = np.array(weights, np.float64)
        own.flags.writeable = False
        object.__setattr__(self, "weights", own)
        _core.check_shuffle(self)

    def __repr__(self) -> str:
        return (
            f"Weighted(<{len(np.asarray(self.weights))} weights>, replacement={self.replacement}, "
            f"n_samples={self.n_samples}, correct_bias={self.correct_bias})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Stratified(Sampling):
    """Every batch has the strata in proportion; ``shuffle="stratified"`` for the classes of y.

    Of a stratum of m rows a batch of b has ``m b / n`` rows, rounded down or up, be the stratum smaller than
    the number of batches or not. Every row comes once an epoch, every row is equally likely to be in a given
    batch, and the rows of a stratum are permuted uniformly. The order depends on the batch size.

    The rows are laid out in a line, stratum by stratum, and dealt to the batches like cards, from a random
    place on; a last batch of r < b rows takes every (n / r)-th card, the others take the rest in turn.

    Parameters
    ----------
    groups : array-like of shape (n,), optional
        The stratum of each row, of any dtype that can be sorted; by default the classes of y.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> groups = np.array(["a"] * 4 + ["b"] * 8)
    >>> batches = mb.Batches(12, 3, shuffle=Stratified(groups))
    >>> [sorted(groups[rows].tolist()) for rows in batches.epoch(0)]
    [['a', 'b', 'b'], ['a', 'b', 'b'], ['a', 'b', 'b'], ['a', 'b', 'b']]
    """

    groups: ArrayLike | None = None

    def __post_init__(self) -> None:
        if self.groups is not None:
            own = np.array(label_array("groups", self.groups))
            strata("groups", own)
            own.flags.writeable = False
            object.__setattr__(self, "groups", own)

    def __repr__(self) -> str:
        return f"Stratified({'' if self.groups is None else f'<{len(np.asarray(self.groups))} groups>'})"


@dataclass(frozen=True, eq=False)
class Strata:
    """Numbers of strata, one a row, as the core reads them."""

    numbers: Array


Shuffle = ShuffleName | bool | Sampling
"""What `shuffle` may be given as: a name, False, True for "full", or an object of this module."""
DEFAULT_SHUFFLE = cast(ShuffleName, Unsaid("full"))
"""What `shuffle` of a fit is where it is left out: of a source, blocks."""


def strata(name: str, groups: Array) -> Strata:
    """The strata of rows, numbered in sorted order."""
    if groups.ndim != 1:
        raise ValueError(f"{name} must have 1 dimension, got shape {groups.shape}")
    try:
        _, numbers = distinct(groups) if groups.size else (groups, groups)
    except TypeError:
        raise TypeError(f"{name} must have entries that can be sorted, got a mixture of types") from None
    return Strata(np.ascontiguousarray(numbers, np.uint32))


def named(shuffle: Any) -> Any:
    """What is given, True and names in other letters as the names they mean."""
    if shuffle is True:
        return "full"
    if not isinstance(shuffle, str) or shuffle in NAMES:
        return shuffle
    expected = f"one of {', '.join(map(repr, NAMES))}, False or an object of mbgd_rs.sampling"
    return as_name("shuffle", shuffle, NAMES, aliases=ALIASES, expected=expected)


def resolve_shuffle(shuffle: Any, classes: Callable[[], Array | None]) -> Any:
    """The name or object as the core reads it; `classes` are the strata of rows if none are given."""
    shuffle = named(shuffle)
    if isinstance(shuffle, str):
        kind = {"block": Block, "stratified": Stratified}.get(shuffle)
        shuffle = shuffle if kind is None else kind()
    if isinstance(shuffle, Block):
        return shuffle.of_rows()
    if not isinstance(shuffle, Stratified):
        return shuffle
    if shuffle.groups is not None:
        return strata("groups", np.asarray(shuffle.groups))
    found = classes()
    if found is None:
        raise ValueError(
            f"shuffle must be Stratified(groups) where there are no classes, got {shuffle} without groups"
        )
    return strata("y", found)


def n_positions(shuffle: Any, n: int) -> int:
    """Positions of an epoch of n rows."""
    if not isinstance(shuffle, Weighted):
        return n
    if shuffle.n_samples is not None:
        return shuffle.n_samples
    return n if shuffle.replacement else int(np.count_nonzero(np.asarray(shuffle.weights)))


def among(shuffle: Any, rows: Array, n_rows: int) -> Any:
    """The same way of sampling for some of the `n_rows` that it is for."""
    of_rows = {Weighted: "weights", Stratified: "groups"}
    name = of_rows.get(type(shuffle))
    values = None if name is None else getattr(shuffle, name)
    if name is None or values is None:
        return shuffle
    if len(values) != n_rows:
        raise ValueError(f"{name} must have {n_rows} entries, one for each row of X, got {len(values)}")
    return replace(shuffle, **{name: values[rows]})


def described(shuffle: Any) -> Any:
    """A word for the way of sampling, the same for the same one, however large its arrays."""
    shuffle = named(shuffle)
    values = getattr(shuffle, "weights", getattr(shuffle, "groups", None))
    if isinstance(shuffle, Sharded):
        shuffle = replace(shuffle, rows="all")  # who has which rows may change
    if isinstance(shuffle, Block) and isinstance(shuffle.rows, tuple):
        values = shuffle.rows
        shuffle = f"Block(<{len(values)} blocks>, window={shuffle.window})"
    if values is None:
        return shuffle if isinstance(shuffle, str | bool) else repr(shuffle)
    return f"{shuffle} #{sha256(pickle.dumps(np.asarray(values).tolist())).hexdigest()[:8]}"
