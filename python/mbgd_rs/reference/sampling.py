"""Orders other than plain ones: local, weighted, in proportion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .random import HALF, permutation, permuted, random_words, words64

Array = NDArray[Any]

WINDOW, WEIGHTED_DRAWS, WEIGHTED_TIMES = 16, 18, 19
STRATA_OFFSET, STRATA_BATCHES = 20, 21
SHARD = 38
"""Streams of random words."""


def block_order(seed: int, epoch: int, n: int, rows: int | Sequence[int], window: int) -> Array:
    """Blocks of `rows` rows, or of these lengths, permuted, then the rows of every so many blocks.

    >>> block_order(seed=0, epoch=0, n=12, rows=2, window=2)
    array([ 1,  8,  0,  9, 10,  6,  7, 11,  5,  2,  4,  3])
    >>> block_order(seed=0, epoch=0, n=6, rows=[3, 1, 2], window=2)
    array([5, 4, 0, 2, 1, 3])
    """
    lengths = np.diff([*range(0, n, rows), n]) if isinstance(rows, int) else np.asarray(rows)
    first_rows = np.cumsum(lengths) - lengths
    blocks = permutation(seed, epoch, len(lengths))
    order = np.concatenate([first_rows[block] + np.arange(lengths[block]) for block in blocks])
    start = 0
    for first in range(0, len(blocks), window):
        end = start + int(lengths[blocks[first : first + window]].sum())
        order[start:end] = permuted(order[start:end], words64(seed, epoch, WINDOW, start))
        start = end
    return order


def random_fractions(seed: int, epoch: int, stream: int, n: int) -> Array:
    """n numbers k of 53 random bits, for k / 2^53 in [0, 1): two words each, without the last 11 bits."""
    high, low = random_words(seed, epoch, stream, 2 * n).reshape(n, 2).T
    return (high << HALF | low) >> np.uint64(11)


def weighted_draws(seed: int, epoch: int, weights: Array, n_samples: int) -> Array:
    """Rows drawn with replacement: the first whose cumulative weight is more than u times that of all.

    >>> np.bincount(weighted_draws(0, 0, np.array([1.0, 0.0, 3.0]), 10_000)) / 10_000
    array([0.2523, 0.    , 0.7477])
    """
    cumulative = np.cumsum(weights / weights.max())
    u = random_fractions(seed, epoch, WEIGHTED_DRAWS, n_samples) * 2.0**-53
    rows: Array = np.searchsorted(cumulative, u * cumulative[-1], side="right")
    return rows


def exponential(k: Array) -> Array:
    """-ln(k / 2^53) for k in 1, ..., 2^53, by operations that are rounded alike everywhere.

    >>> exponential(np.array([1, 2**52, 2**53], np.uint64)) / np.log(2)
    array([53.,  1.,  0.])
    """
    f, e = np.frexp(k.astype(np.float64))
    is_small = f < math.sqrt(0.5)
    f, e = np.where(is_small, 2 * f, f), e - 53 - is_small
    s = (f - 1) / (f + 1)
    z = s * s
    series = np.zeros_like(z)
    for term in reversed(range(11)):
        series = series * z + 1 / (2 * term + 1)
    times: Array = 0 - (e * math.log(2) + (s + s) * series)
    return times


def weighted_order(seed: int, epoch: int, weights: Array, n_samples: int | None = None) -> Array:
    """Rows drawn without replacement: in the order of exponential waiting times of rates `weights`.

    P. S. Efraimidis, P. G. Spirakis, "Weighted random sampling with a reservoir", Information Processing
    Letters 97(5), 2006.

    >>> weighted_order(0, 0, np.array([1.0, 0.0, 3.0, 1e-9]))
    array([2, 0, 3])
    """
    rows = np.flatnonzero(weights)
    k = random_fractions(seed, epoch, WEIGHTED_TIMES, len(weights))[rows] + np.uint64(1)
    times = exponential(k) / (weights[rows] / weights.max())
    return rows[np.argsort(times, kind="stable")][:n_samples]


def stratified_order(seed: int, epoch: int, groups: Array, batch_size: int) -> Array:
    """Rows laid out in a line, group by group, and dealt to the batches like cards.

    A round of the dealer has a card for each full batch, and the last one of r rows takes every (n / r)-th.
    Then every batch has its share of every group, rounded down or up.

    >>> stratified_order(0, 0, np.array([0, 0, 0, 0, 1, 1, 0, 0]), batch_size=4)
    array([4, 7, 0, 1, 5, 6, 2, 3])
    """
    n = len(groups)
    n_full, rest = divmod(n, batch_size)
    turns = permutation(seed, epoch, n_full, STRATA_BATCHES)
    high, low = (int(word) for word in random_words(seed, epoch, STRATA_OFFSET, 2))
    offset = (high << 32 | low) * n >> 64

    order = permutation(seed, epoch, n)
    place = np.empty(n, np.intp)
    place[np.argsort(groups[order], kind="stable")] = (np.arange(n) + offset) % n
    before = place * rest // n  # places the last batch has before this one
    is_of_last = (place + 1) * rest // n > before
    batch = np.where(is_of_last, n_full, turns[(place - before) % n_full])
    return order[np.argsort(batch, kind="stable")]


def sharded_order(
    seed: int, epoch: int, n: int, shards: int, batch_size: int, n_used: int | None = None
) -> Array:
    """Each shard of consecutive rows permuted on its own, and every batch with a share of each.

    The batches have the first `n_used` positions, all by default. Up to position e there are
    ``floor((e + s) / shards)`` rows of shard s, which add up to e.

    >>> sharded_order(seed=0, epoch=0, n=10, shards=2, batch_size=4)
    array([4, 1, 6, 9, 2, 3, 5, 8, 0, 7])
    """

    def counts(position: int) -> Array:
        """Rows of each shard among the first positions."""
        return (position + np.arange(shards)) // shards

    sizes = counts(n)
    first_rows = np.cumsum(sizes) - sizes
    shuffled = [
        permuted(np.arange(first, first + size), words64(seed, epoch, SHARD, int(first)))
        for first, size in zip(first_rows, sizes, strict=True)
    ]
    parts = []
    n_used = n if n_used is None else n_used
    for start, end in pairwise([*range(0, n_used, batch_size), n_used, n]):
        before, after = counts(start), counts(end)
        parts += [rows[i:j] for rows, i, j in zip(shuffled, before, after, strict=True)]
    return np.concatenate(parts)
