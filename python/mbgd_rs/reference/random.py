"""Random words by address, and the permutation made of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ORDER = 0, 1
"""Streams of random words: high and low halves of an epoch's sort keys."""

NOISE = 3
"""The stream of an optimizer's noise."""

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


def keys(seed: int, epoch: int, streams: tuple[int, int], n: int) -> Array:
    """n random 64-bit keys, their high halves from one stream and their low halves from another."""
    high, low = (random_words(seed, epoch, stream, n) for stream in streams)
    return high << HALF | low


def permutation(seed: int, epoch: int, n: int) -> Array:
    """The rows of an epoch in uniformly random order: sorted by random 64-bit keys.

    >>> permutation(seed=0, epoch=0, n=8)
    array([7, 5, 0, 3, 6, 2, 1, 4])
    """
    return np.argsort(keys(seed, epoch, ORDER, n), kind="stable")
