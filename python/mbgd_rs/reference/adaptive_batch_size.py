"""A control of the batch size: batches grow to pass the norm test."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .batch_sizes import BatchSize
from .data import Data
from .noise import BatchNoise
from .registry import name_of
from .sampling import sharded_order
from .shuffle import Batches, order_of_epochs


class AdaptiveBatchSize(BatchSize):
    """The sizes of batches that are to pass the norm test, `batch_sizes.NormTest`."""

    steps_between_probes = 4

    def __init__(self, test: Any, replacement: bool, accumulate: int) -> None:
        super().__init__(test)
        self.test, self.replacement, self.accumulate = test, replacement, accumulate
        self.most = test.max_batch_size or math.inf
        self.batch_size = min(test.batch_size, self.most)
        self.probes: list[BatchNoise] = []

    def at(self, epoch: int, n: int) -> int:
        return int(self.batch_size)

    def observe(self, noise: BatchNoise) -> None:
        if math.isfinite(noise.trace):
            self.probes.append(noise)

    def end_epoch(self, n_positions: int) -> None:
        """Makes the batches of the next epoch so large that a step would pass."""
        if self.probes:
            trace = sum(noise.trace for noise in self.probes)
            of_noise = self.test.theta**2 * sum(noise.batch_squared_norm for noise in self.probes)
            rows_inverse = np.float64(of_noise) / trace + (0 if self.replacement else 1 / n_positions)
            wanted = np.ceil(1 / rows_inverse / self.accumulate)
            if not np.isnan(wanted):
                self.batch_size = max(self.batch_size, int(min(wanted, self.most, n_positions)))
        self.probes = []


def make_batches(
    data: Data, batch_size: Any, shuffle: Any, replacement: bool, drop_last: bool, accumulate: int, seed: int,
    orders: Callable[[int], NDArray[Any] | None] | None,
) -> Batches:  # fmt: skip
    """The batches of every epoch, with their control of the batch size."""
    n, replacement_of_rows = len(data), replacement or hasattr(shuffle, "weights")

    def order_of(epoch: int, b: int) -> NDArray[Any] | None:
        if orders is None and hasattr(shuffle, "shards"):  # of which every step has its share
            n_used = n - n % b if drop_last else n
            return sharded_order(seed, epoch, n, shuffle.shards, b * accumulate, n_used)
        return (orders or order_of_epochs(shuffle, replacement, seed, n, b, data.y))(epoch)

    is_adaptive = name_of(batch_size) == "normtest"
    size = (
        AdaptiveBatchSize(batch_size, replacement_of_rows, accumulate)
        if is_adaptive
        else BatchSize(batch_size)
    )
    return Batches(n, size, order_of, accumulate, drop_last, replacement_of_rows)
