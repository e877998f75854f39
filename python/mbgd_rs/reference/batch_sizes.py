"""How many rows a batch has."""

from typing import Any

from .noise import BatchNoise
from .registry import name_of


class BatchSize:
    """A control of the batch size: here a function of the epoch."""

    steps_between_probes = 0
    """How often it needs a noise probe; 0 stands for never."""

    def __init__(self, batch_size: Any) -> None:
        self.choice = batch_size
        self.is_constant = isinstance(batch_size, int | str)

    def at(self, epoch: int, n: int) -> int:
        """Rows of a batch in an epoch, counted from 0, of n rows."""
        return batch_size_at(self.choice, epoch, n)

    def observe(self, noise: BatchNoise) -> None:
        """Takes note of what a noise probe found."""

    def end_epoch(self, n_positions: int) -> None:
        """Takes note of how many positions the order of the epoch had."""


def batch_size_at(batch_size: Any, epoch: int, n: int) -> int:
    """Rows of a batch in an epoch, counted from 0, of n rows; of adaptive ones, in the first epoch."""
    match name_of(batch_size):
        case "auto":
            return min(256, n)
        case "full":
            return n
        case "growing":
            size = int(batch_size.batch_size * batch_size.factor ** (epoch // batch_size.every))
            return min(size, n, int(batch_size.max_batch_size or n))
        case "perepoch":
            sizes = batch_size.batch_sizes
            return min(int(sizes[min(epoch, len(sizes) - 1)]), n)
        case "normtest":
            return min(int(batch_size.batch_size), int(batch_size.max_batch_size or n), n)
    return min(int(batch_size), n)
