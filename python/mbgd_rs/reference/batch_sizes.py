"""How many rows a batch has."""

from typing import Any

from .naming import name_of


def batch_size_at(batch_size: Any, epoch: int, n: int) -> int:
    """Rows of a batch in an epoch, counted from 0, of n rows."""
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
        case "normtest":  # of the first epoch: noise.Growth has those of the others
            return min(int(batch_size.batch_size), int(batch_size.max_batch_size or n), n)
    return min(int(batch_size), n)
