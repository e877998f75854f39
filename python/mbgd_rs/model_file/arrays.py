"""Arrays of every type that labels may have, as arrays of the types that safetensors has.

=============  ============================================  =================
type           tensor                                        said of it
=============  ============================================  =================
numbers, bool  the same                                      nothing
text           code points, an axis more, uint32             "str"
bytes          bytes, an axis more, uint8                    "bytes"
times          numbers of their units, int64                 "datetime64[ns]"
=============  ============================================  =================
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_tensor", "from_tensor"]

Array = NDArray[Any]
LAST_CODE_POINT = 0x10FFFF
TIMES = re.compile(r"(datetime64|timedelta64)\[\d{0,9}[A-Za-z]{1,2}\]")


def as_tensor(array: Array) -> tuple[Array, str | None]:
    """The array as a tensor, and what is to be said of it; KeyError for a type that cannot be."""
    native = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("=")))
    kind, size = native.dtype.kind, native.dtype.itemsize
    if kind == "b" or (kind in "iuf" and size <= 8):
        return native.reshape(array.shape), None
    if kind == "U":
        return native.view(np.uint32).reshape(*array.shape, size // 4), "str"
    if kind == "S":
        return native.view(np.uint8).reshape(*array.shape, size), "bytes"
    if kind in "mM":
        return native.view(np.int64).reshape(array.shape), str(native.dtype)
    raise KeyError(kind)


def from_tensor(tensor: Array, said: str) -> Array:
    """The array that was made a tensor, of which something was said."""
    if said in ("str", "bytes"):
        unit = np.dtype(np.uint32 if said == "str" else np.uint8)
        if tensor.dtype != unit or tensor.ndim < 1 or tensor.shape[-1] < 1:
            raise ValueError(f"text must be of {unit} with an axis more, got {tensor.dtype} {tensor.shape}")
        if said == "str" and tensor.size and tensor.max() > LAST_CODE_POINT:
            raise ValueError(f"text must be of code points, got {tensor.max()}")
        kind = f"{'U' if said == 'str' else 'S'}{tensor.shape[-1]}"
        return np.ascontiguousarray(tensor).view(kind).reshape(tensor.shape[:-1])
    if not TIMES.fullmatch(said) or tensor.dtype != np.int64:
        raise ValueError(f"times must be of int64, got {tensor.dtype} of {said!r}")
    return tensor.view(said)
