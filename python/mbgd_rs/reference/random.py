"""Random words by address, and the permutations made of them."""

import math
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ORDER = 0
"""The stream of an epoch's permutation."""

NOISE = 3
"""The stream of an optimizer's noise."""

START = 36
"""The stream of the weights that training begins with."""

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


def normals(seed: int, epoch: int, n: int, stream: int) -> Array:
    """Standard normal numbers, by Box and Muller's transform of two uniform numbers of 53 bits."""
    words = random_words(seed, epoch, stream, 4 * -(-n // 2)).reshape(-1, 4)
    bits = (words[:, 0::2] << HALF | words[:, 1::2]) >> np.uint64(11)
    radius = np.sqrt(-2 * np.log((bits[:, 0] + 1.0) * 2.0**-53))
    angle = math.tau * (bits[:, 1] * 2.0**-53)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]).ravel()[:n]


def words64(seed: int, epoch: int, stream: int, first_block: int = 0) -> Iterator[int]:
    """The words of 64 bits from a block on: two a block, each of two words of 32 bits, the first above."""
    for start in count(first_block, 512):
        words = random_blocks(seed, epoch, stream, np.arange(start, start + 512))
        yield from (words[0::2] << HALF | words[1::2]).T.ravel().tolist()


def bounded_draws(words: Iterator[int], m: int) -> list[int]:
    """Independent uniform draws from range(m), range(m - 1) and so on, as many as one word makes.

    With the product P of the k bounds, a word r gives floor(r P / 2^64), unless it is one of the 2^64 mod P
    words that some numbers would have more than others. The draws are its digits in the radix m, m - 1, ...,
    and what is left in the end is r P mod 2^64.

    N. Brackett-Rozinsky, D. Lemire, "Batched ranged random integer generation", Software: Practice and
    Experience 55(1), 2025, https://arxiv.org/abs/2408.06213.
    """
    k = min(max(57 // (m - 1).bit_length(), 1), 6, m - 1)
    bounds = range(m, m - k, -1)
    n_refused = 2**64 % math.prod(bounds)
    while True:
        draws, rest = [], next(words)
        for bound in bounds:
            draw, rest = divmod(rest * bound, 2**64)
            draws.append(draw)
        if rest >= n_refused:
            return draws


def permuted(rows: Array, words: Iterator[int]) -> Array:
    """The rows in uniformly random order, by the shuffle of Fisher and Yates: the last of the rows that are
    left is swapped with any of them, and then is no longer one of them.

    >>> permuted(np.array([10, 20, 30, 40]), words64(seed=0, epoch=0, stream=ORDER))
    array([10, 30, 40, 20])
    """
    shuffled, m = rows.tolist(), len(rows)
    while m > 1:
        for place in bounded_draws(words, m):
            m -= 1
            shuffled[m], shuffled[place] = shuffled[place], shuffled[m]
    return np.array(shuffled, np.intp)


def permutation(seed: int, epoch: int, n: int, stream: int = ORDER) -> Array:
    """The rows of an epoch in uniformly random order.

    >>> permutation(seed=0, epoch=0, n=8)
    array([4, 5, 7, 6, 0, 2, 1, 3])
    """
    return permuted(np.arange(n), words64(seed, epoch, stream))
