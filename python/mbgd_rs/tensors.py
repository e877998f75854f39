"""Arrays of other libraries as NumPy's, without copying them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["unwrapped"]

CPU = 1
"""What DLPack calls the memory of the CPU."""


def unwrapped(name: str, values: Any) -> Any:
    """A tensor, or what else speaks DLPack, as the array that it is in memory; all other things as they are.

    The plan of a query, which has no data yet, is refused.
    """
    if isinstance(values, np.ndarray | list | tuple):
        return values
    if hasattr(values, "collect") and hasattr(values, "collect_schema"):  # polars
        raise TypeError(f"{name} must be data, got a {type(values).__name__}: pass {name}.collect()")
    if not hasattr(values, "__dlpack__"):
        return values
    if not hasattr(values, "__array__"):
        return from_dlpack(name, values)
    try:
        return np.asarray(values)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # on another device, part of a graph, of a type of its own
        raise TypeError(f"{name} must be an array in the memory of the CPU: {error}") from None


def from_dlpack(name: str, values: Any) -> Any:
    """What a DLPack capsule shows, if it is in the memory of the CPU."""
    device = values.__dlpack_device__()
    if int(device[0]) != CPU:
        raise TypeError(
            f"{name} must be in the memory of the CPU, DLPack's device ({CPU}, 0), got device "
            f"({int(device[0])}, {int(device[1])}): copy it there first"
        )
    try:
        return np.from_dlpack(values)
    except (BufferError, TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} must be an array that NumPy can read by DLPack: {error}") from None
