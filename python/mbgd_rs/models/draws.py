"""The random numbers with which weights begin, by address: number i depends on the seed and on i alone."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["start_numbers"]

Array = NDArray[Any]

START = 36
"""The stream of random words by which weights begin."""
BLOCKS_AT_ONCE = 8192
"""So few that all arrays of a chunk stay in the second-level cache."""
LOW, HALF = np.uint64(0xFFFF_FFFF), np.uint64(32)
MULTIPLIERS = np.uint64(0xD251_1F53), np.uint64(0xCD9E_8D57)
KEY_STEPS = 0x9E37_79B9, 0xBB67_AE85


def start_numbers(seed: int, n: int, kind: Literal["uniform", "normal"]) -> Array:
    """Numbers uniform in [-1, 1), or standard normal ones, in double precision.

    Words are those of the core's `rng::Stream` of the seed, epoch 0: number i is made of the i-th word of 64
    bits, ``2 (word >> 11) 2^-53 - 1``; normal ones are two a block, by Box and Muller's transform of its two
    words, ``sqrt(-2 ln(((a >> 11) + 1) 2^-53))`` times cosine and sine of ``2 pi (b >> 11) 2^-53``.
    The last bit of a normal number is that of NumPy's logarithm, sine and cosine, which processors differ in.

    >>> start_numbers(0, 3, "uniform").round(3)
    array([-0.207,  0.105, -0.278])
    """
    numbers = np.empty(2 * -(-n // 2))
    for first in range(0, len(numbers) // 2, BLOCKS_AT_ONCE):
        some = numbers[2 * first : 2 * (first + BLOCKS_AT_ONCE)].reshape(-1, 2)
        first_unit, second_unit = uniform_pairs(seed, first, len(some))
        if kind == "uniform":
            some[:, 0], some[:, 1] = first_unit, second_unit
            some *= 2.0
            some -= 1.0
        else:
            first_unit += 2.0**-53  # in (0, 1]
            radius, angle = np.sqrt(-2 * np.log(first_unit)), math.tau * second_unit
            some[:, 0], some[:, 1] = radius * np.cos(angle), radius * np.sin(angle)
    return numbers[:n]


def uniform_pairs(seed: int, first: int, n_blocks: int) -> tuple[Array, Array]:
    """Of each block the two multiples of 2^-53 in [0, 1) that its words are."""
    x0 = np.arange(first, first + n_blocks, dtype=np.uint64)
    x0, x1 = x0 & LOW, x0 >> HALF
    x2, x3 = np.zeros_like(x0), np.full_like(x0, START)
    for i in range(10):  # Philox4x32-10
        key0, key1 = (np.uint64(((seed >> 32 * half) + i * KEY_STEPS[half]) & 0xFFFF_FFFF) for half in (0, 1))
        p0, p1 = MULTIPLIERS[0] * x0, MULTIPLIERS[1] * x2
        x0, x1, x2, x3 = (p1 >> HALF) ^ x1 ^ key0, p1 & LOW, (p0 >> HALF) ^ x3 ^ key1, p0 & LOW
    return tuple(  # type: ignore[return-value]
        ((high << HALF | low) >> np.uint64(11)) * 2.0**-53 for high, low in ((x0, x1), (x2, x3))
    )
