"""Bytes of a file: a document and arrays, under a checksum."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core

__all__ = ["FORMAT", "pack", "unpack"]

Array = NDArray[Any]
FORMAT = 2
"""Version of the format that is written; older ones are read."""
KEY = "mbgd_rs"
CHECKSUM = "checksum"
DIGEST_SIZE = 32
TYPES = {
    "BOOL": "|b1",
    "U8": "|u1",
    "I8": "|i1",
    "U16": "<u2",
    "I16": "<i2",
    "F16": "<f2",
    "U32": "<u4",
    "I32": "<i4",
    "F32": "<f4",
    "U64": "<u8",
    "I64": "<i8",
    "F64": "<f8",
}
"""What NumPy calls the types of safetensors."""
NAMES = {np.dtype(dtype): name for name, dtype in TYPES.items()}


def pack(document: dict[str, Any], arrays: dict[str, Array]) -> bytes:
    """The bytes of a file. The arrays are of the types above, in any order of bytes."""
    text = json.dumps({"format": FORMAT, "version": _core.__version__, **document}, allow_nan=False)
    tensors = [(CHECKSUM, "U8", [DIGEST_SIZE], bytes(DIGEST_SIZE))]
    for name, array in arrays.items():
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        tensors.append((name, NAMES[little.dtype], list(array.shape), little.tobytes()))
    file = _core.pack_tensors((KEY, text), tensors)
    _, found = _core.unpack_tensors(file)
    start, stop = place_of_checksum(found)
    return file[:start] + digest(file, start, stop) + file[stop:]


def unpack(file: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """The document and copies of the arrays; ValueError for anything that `pack` has not made."""
    texts, found = _core.unpack_tensors(file)
    if KEY not in texts:
        raise ValueError(f"it has no metadata {KEY!r}")
    document = json.loads(texts[KEY], parse_constant=refuse_constant)
    if not isinstance(document, dict) or type(document.get("format")) is not int:
        raise ValueError("its document does not say of which format it is")
    if document["format"] > FORMAT:
        raise ValueError(
            f"it is of format {document['format']}, written by mbgd_rs {document.get('version')}, and this "
            f"version of mbgd_rs, {_core.__version__}, reads formats up to {FORMAT}: install a newer one"
        )
    if document["format"] < 1:
        raise ValueError(f"there is no format {document['format']}")
    start, stop = place_of_checksum(found)
    if file[start:stop] != digest(file, start, stop):
        raise ValueError("its checksum is not that of its bytes: it was changed or damaged")
    arrays = {}
    for name, kind, shape, first, last in found:
        if name == CHECKSUM:
            continue
        if kind not in TYPES:
            raise ValueError(f"{name} must be of one of the types {', '.join(TYPES)}, got {kind}")
        if kind == "BOOL" and (np.frombuffer(file, np.uint8, last - first, first) > 1).any():
            raise ValueError(f"{name} must be of bools, each a byte of 0 or 1")
        dtype = np.dtype(TYPES[kind])
        flat = np.frombuffer(file, dtype, (last - first) // dtype.itemsize, first)
        arrays[name] = flat.reshape(shape).astype(dtype.newbyteorder("="))
    return document, arrays


def place_of_checksum(found: list[tuple[str, str, list[int], int, int]]) -> tuple[int, int]:
    """Where the checksum is in the file."""
    for name, kind, shape, start, stop in found:
        if name == CHECKSUM and kind == "U8" and shape == [DIGEST_SIZE]:
            return start, stop
    raise ValueError(f"it has no tensor {CHECKSUM!r} of {DIGEST_SIZE} bytes")


def digest(file: bytes, start: int, stop: int) -> bytes:
    """The SHA-256 of the file, with zeros in place of its checksum."""
    bytes_of = memoryview(file)
    sums = sha256(bytes_of[:start])
    sums.update(bytes(stop - start))
    sums.update(bytes_of[stop:])
    return sums.digest()


def refuse_constant(name: str) -> float:
    """NaN and Infinity, which Python's reader of JSON takes and JSON does not have."""
    raise ValueError(f"its document has {name}, which is not JSON")
