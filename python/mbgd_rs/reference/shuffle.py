"""Which rows come next."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .random import HALF, permutation, random_blocks
from .sampling import block_order, sharded_order, stratified_order, weighted_draws, weighted_order

Array = NDArray[Any]
Rows = Any
"""An array of row numbers, or a slice."""

REPLACEMENT = 2
"""Stream of the random words of draws with replacement."""


def draws(seed: int, epoch: int, n: int) -> Array:
    """For every position of an epoch one of the n < 2^32 rows, independent and exactly uniform.

    A random 64-bit u gives row floor(u n / 2^64), unless u is one of the 2^64 mod n values that some rows
    would have more than others. Block p has two candidates u for position p; if both are refused, block p of
    the next attempt's stream is asked.

    D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29(1), 2019.
    """
    rows = np.empty(n, np.intp)
    missing = np.arange(n)
    stream, n_rows, n_refused = REPLACEMENT, np.uint64(n), np.uint64(2**64 % n)
    while len(missing):
        words = random_blocks(seed, epoch, stream, missing)
        high, low = words[0::2], words[1::2]
        is_accepted = (high << HALF | low) * n_rows >= n_refused  # the low half of the 128 bits of u n
        row = (high * n_rows + (low * n_rows >> HALF)) >> HALF  # the high half
        rows[missing] = np.where(is_accepted[0], row[0], row[1])
        missing = missing[~is_accepted.any(axis=0)]
        stream += 256
    return rows


def order_of_epochs(
    shuffle: Any, replacement: bool, seed: int, n: int, batch_size: int = 1, classes: Any = None
) -> Callable[[int], Array | None]:
    """A function from the epoch to the order of its rows; None stands for 0, 1, ..., n - 1.

    shuffle: "full", "once", "block", "stratified", False or something with the attributes of an object of
    mbgd_rs.sampling. Only strata ask for the batch size, and if they have no groups for the classes of rows.
    """
    if replacement and shuffle != "full":
        raise ValueError(f'replacement needs shuffle="full", got shuffle={shuffle!r}')
    if replacement:
        return lambda epoch: draws(seed, epoch, n)
    if shuffle == "full":
        return lambda epoch: permutation(seed, epoch, n)
    if shuffle == "once":
        order = permutation(seed, 0, n)
        return lambda epoch: order
    if shuffle is False:
        return lambda epoch: None
    if shuffle == "block" or hasattr(shuffle, "window"):
        rows, window = (1024, 64) if shuffle == "block" else (shuffle.rows, shuffle.window)
        return lambda epoch: block_order(seed, epoch, n, rows, window)
    if hasattr(shuffle, "shards"):
        return lambda epoch: sharded_order(seed, epoch, n, shuffle.shards, batch_size)
    if hasattr(shuffle, "weights"):
        weights = np.asarray(shuffle.weights, np.float64)
        if shuffle.replacement:
            n_samples = n if shuffle.n_samples is None else shuffle.n_samples
            return lambda epoch: weighted_draws(seed, epoch, weights, n_samples)
        return lambda epoch: weighted_order(seed, epoch, weights, shuffle.n_samples)
    if shuffle == "stratified" or hasattr(shuffle, "groups"):
        groups = getattr(shuffle, "groups", None)
        strata = class_of_rows(classes) if groups is None else groups
        _, numbers = np.unique(np.ravel(strata), return_inverse=True)
        return lambda epoch: stratified_order(seed, epoch, numbers, batch_size)
    raise ValueError(f'shuffle must be "full", "once", "block", "stratified" or False, got {shuffle!r}')


def among(shuffle: Any, rows: Array) -> Any:
    """The same way of sampling for some of the rows that its weights or groups are of."""
    for name in ("weights", "groups"):
        values = getattr(shuffle, name, None)
        if values is not None:
            return SimpleNamespace(**{**vars(shuffle), name: np.asarray(values)[rows]})
    return shuffle


def class_of_rows(y: Array) -> Array:
    """The class of each row, of targets as a loss wants them: each class against the rest, say."""
    return y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y


def importance_weights(shuffle: Any) -> Array | None:
    """1 / (n p_i) of rows drawn with probabilities p_i, if the bias is to be corrected."""
    if not getattr(shuffle, "correct_bias", False):
        return None
    weights = np.asarray(shuffle.weights, np.float64)
    weights = weights / weights.max()
    corrected: Array = weights.mean() / weights
    return corrected


def batches(order: Array | None, n: int, batch_size: int, drop_last: bool = False) -> Iterator[Rows]:
    """Cuts the order of an epoch into batches.

    >>> [rows.tolist() for rows in batches(np.array([4, 2, 0, 3, 1]), 5, batch_size=2)]
    [[4, 2], [0, 3], [1]]
    """
    for start in range(0, n - n % batch_size if drop_last else n, batch_size):
        positions = slice(start, min(start + batch_size, n))
        yield positions if order is None else order[positions]


class Batches:
    """Which rows each step of an epoch has: its batches, of which `accumulate` are taken together."""

    def __init__(
        self, n: int, size: Any, order_of: Callable[[int, int], Array | None], accumulate: int,
        drop_last: bool, replacement: bool,
    ) -> None:  # fmt: skip
        self.n, self.size, self.order_of = n, size, order_of
        self.accumulate, self.drop_last, self.replacement = accumulate, drop_last, replacement
        self.n_positions = n

    def steps_of(self, epoch: int) -> list[list[Rows]]:
        """The batches of every step, for the size that the control `size` says and the order of the epoch."""
        b = self.size.at(epoch, self.n)
        order = self.order_of(epoch, b)
        self.n_positions = self.n if order is None else len(order)
        return list(groups(batches(order, self.n_positions, b, self.drop_last), self.accumulate))

    def first_step(self) -> tuple[int, bool]:
        """How many rows the first step has, and whether every step of every epoch has all of them."""
        b = self.size.at(0, self.n)
        n_batches = self.n // b if self.drop_last else -(-self.n // b)
        n_rows = min(b * min(n_batches, self.accumulate), self.n)
        return min(b * self.accumulate, self.n), self.size.is_constant and n_rows == self.n


def joined(group: Sequence[Rows]) -> Rows:
    """The rows of a group of batches."""
    if isinstance(group[0], slice):
        return slice(group[0].start, group[-1].stop)
    return np.concatenate(group)


def groups(batches: Iterator[Rows], size: int) -> Iterator[list[Rows]]:
    """Takes so many batches together; the last group of an epoch may have fewer.

    >>> list(groups(iter("abcde"), 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    return iter(lambda: list(islice(batches, size)), [])
