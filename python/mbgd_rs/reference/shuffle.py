"""Which rows come next."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Rows = Any
"""An array of row numbers, or a slice."""

ORDER, TIES, REPLACEMENT, NOISE = 0, 1, 2, 3
"""Streams of random words: high and low halves of an epoch's sort keys, draws with replacement, and the noise
of an optimizer."""

LOW, HALF = np.uint64(0xFFFF_FFFF), np.uint64(32)


def philox(key: tuple[int, int], counter: Array) -> Array:
    """Philox4x32-10: four 32-bit random words for every 128-bit counter, by a 64-bit key.

    Counters and words are uint64 arrays of shape (4, m), one 32-bit lane a row, the least significant first.

    J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC '11,
    https://doi.org/10.1145/2063384.2063405.

    >>> [hex(word) for word in philox((0, 0), np.zeros((4, 1), np.uint64))[:, 0]]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    x0, x1, x2, x3 = counter
    for i in range(10):
        key0 = np.uint64((key[0] + i * 0x9E37_79B9) & 0xFFFF_FFFF)
        key1 = np.uint64((key[1] + i * 0xBB67_AE85) & 0xFFFF_FFFF)
        p0 = np.uint64(0xD251_1F53) * x0
        p1 = np.uint64(0xCD9E_8D57) * x2
        x0, x1, x2, x3 = (p1 >> HALF) ^ x1 ^ key0, p1 & LOW, (p0 >> HALF) ^ x3 ^ key1, p0 & LOW
    return np.stack([x0, x1, x2, x3])


def random_blocks(seed: int, epoch: int, stream: int, blocks: Array) -> Array:
    """The words of the numbered blocks, shape (4, len(blocks)): a pure function of the arguments."""
    number = blocks.astype(np.uint64)
    counter = [number & LOW, number >> HALF, np.full_like(number, epoch), np.full_like(number, stream)]
    return philox((seed & 0xFFFF_FFFF, seed >> 32), np.stack(counter))


def random_words(seed: int, epoch: int, stream: int, n: int) -> Array:
    """The first n words of a stream: word i is lane i % 4 of block i // 4."""
    return random_blocks(seed, epoch, stream, np.arange(-(-n // 4))).T.reshape(-1)[:n]


def permutation(seed: int, epoch: int, n: int) -> Array:
    """The rows of an epoch in uniformly random order: sorted by random 64-bit keys.

    >>> permutation(seed=0, epoch=0, n=8)
    array([7, 5, 0, 3, 6, 2, 1, 4])
    """
    keys = random_words(seed, epoch, ORDER, n) << HALF | random_words(seed, epoch, TIES, n)
    return np.argsort(keys, kind="stable")


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
    shuffle: str | bool, replacement: bool, seed: int, n: int
) -> Callable[[int], Array | None]:
    """A function from the epoch to the order of its rows; None stands for 0, 1, ..., n - 1."""
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
    raise ValueError(f'shuffle must be "full", "once" or False, got {shuffle!r}')


def batches(order: Array | None, n: int, batch_size: int, drop_last: bool = False) -> Iterator[Rows]:
    """Cuts the order of an epoch into batches.

    >>> [rows.tolist() for rows in batches(np.array([4, 2, 0, 3, 1]), 5, batch_size=2)]
    [[4, 2], [0, 3], [1]]
    """
    for start in range(0, n - n % batch_size if drop_last else n, batch_size):
        positions = slice(start, min(start + batch_size, n))
        yield positions if order is None else order[positions]


def groups(batches: Iterator[Rows], size: int) -> Iterator[list[Rows]]:
    """Takes so many batches together; the last group of an epoch may have fewer.

    >>> list(groups(iter("abcde"), 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    return iter(lambda: list(islice(batches, size)), [])
