"""`spool`: the rows of any source as files that are read fast."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from ..inputs import as_integer
from ..replacing import replace_file
from .checking import check_source, checked_chunk
from .npy import Npy
from .source import Source

__all__ = ["spool"]

Array = NDArray[Any]
FORMAT = 1
MANIFEST = "spool.json"


def spool(source: Source, folder: str | os.PathLike[str], rows: int | None = None) -> Npy:
    """Write the rows of a source into a folder as files of NumPy, once, and give the source that reads them.

    Formats that have to be decoded, Parquet say, are then decoded once and not in every epoch, and chunks
    may have any size. If the folder has the rows of this source already, by its fingerprint, nothing is
    written. What is half written is not taken for the rows: files have other names until they are whole,
    and the file "spool.json", which says what they are of, is written last.

    Parameters
    ----------
    source : Source
        With dense rows.
    folder : path
        Is made if there is none. It has "X.npy", "y.npy" and "sample_weight.npy", as large as the rows are.
    rows : int, optional
        Rows of a chunk, as in :class:`Npy`; nothing is written anew for another number.

    Returns
    -------
    Npy

    Raises
    ------
    TypeError
        If rows are sparse: these are not written.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from mbgd_rs.sources import Arrays
    >>> source = Arrays(np.arange(10.0).reshape(5, 2), np.arange(5), rows=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     spooled = spool(source, folder, rows=4)
    ...     spooled.chunk_rows, spooled.read(1).X
    ((4, 1), array([[8., 9.]]))
    """
    check_source(source)
    if source.is_sparse:
        raise TypeError(f"spool must have a source of dense rows, got {source!r}")
    if rows is not None:
        as_integer("rows", rows, 1)
    folder = os.fspath(folder)
    os.makedirs(folder, exist_ok=True)
    head = {"format": FORMAT, "fingerprint": source.fingerprint(), "n_rows": source.n_rows}
    names = written_before(folder, head)
    if names is None:
        names = write(source, folder)
        sizes = {name: os.path.getsize(os.path.join(folder, f"{name}.npy")) for name in names}
        replace_file(os.path.join(folder, MANIFEST), json.dumps({**head, "sizes": sizes}).encode())
    paths = {name: os.path.join(folder, f"{name}.npy") for name in names}
    return Npy(**paths, rows=rows, feature_names=source.feature_names)


def written_before(folder: str, head: dict[str, Any]) -> list[str] | None:
    """The names of the files, if they are whole and have the rows of this source."""
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8") as opened:
            document = json.load(opened)
        sizes = document.pop("sizes")
        is_whole = all(os.path.getsize(os.path.join(folder, f"{name}.npy")) == sizes[name] for name in sizes)
        return [*sizes] if document == head and is_whole else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # there is none, or it is damaged


def write(source: Source, folder: str) -> list[str]:
    """Write all rows, and say which files there are."""
    with suppress(FileNotFoundError):  # the files are no longer what it says
        os.unlink(os.path.join(folder, MANIFEST))
    n_rows = source.n_rows
    y_dtype, y_shape = targets_of(source)
    weights_dtype = np.asarray(source.targets(0)[1]).dtype if source.has_weights else None
    out = np.empty((max(source.chunk_rows), source.n_columns), source.dtype)
    with (
        rows_file(folder, "X", (n_rows, source.n_columns), source.dtype) as X_file,
        rows_file(folder, "y", (n_rows, *y_shape), y_dtype) as y_file,
        rows_file(folder, "sample_weight", (n_rows,), weights_dtype) as weights_file,
    ):
        for chunk, n in enumerate(source.chunk_rows):
            X, y, weights = checked_chunk(source, chunk, source.read(chunk, out[:n]))
            append(X_file, X)
            if (y is None) != (y_dtype is None) or (y is not None and y.shape[1:] != y_shape):
                raise ValueError(f"y must have the same columns in all chunks, got {source.where(chunk, 0)}")
            if y is not None and y_dtype is not None and not np.can_cast(y.dtype, y_dtype, "safe"):
                raise TypeError(
                    f"y must have the type of that of chunk 0, {y_dtype}, in all chunks, "
                    f"got {y.dtype} in chunk {chunk}"
                )
            append(y_file, None if y is None else y.astype(y_dtype, copy=False))
            append(weights_file, None if weights is None else weights.astype(weights_dtype, copy=False))
    given = {"X": True, "y": y_dtype is not None, "sample_weight": source.has_weights}
    return [name for name, is_there in given.items() if is_there]


def targets_of(source: Source) -> tuple[np.dtype[Any] | None, tuple[int, ...]]:
    """The type and the columns of y; of text the longest decides, so that all chunks are asked."""
    y, _ = source.targets(0)
    if y is None:
        return None, ()
    first = np.asarray(y)
    if first.dtype.kind in "US":
        kinds = [np.asarray(source.targets(chunk)[0]).dtype for chunk in range(source.n_chunks)]
        return max(kinds, key=lambda kind: kind.itemsize), first.shape[1:]
    if first.dtype.kind not in "biuf":
        raise TypeError(f"y must be of numbers or text to be written, got {first.dtype}")
    return first.dtype.newbyteorder("="), first.shape[1:]


@contextmanager
def rows_file(
    folder: str, name: str, shape: tuple[int, ...], dtype: np.dtype[Any] | None
) -> Iterator[BinaryIO | None]:
    """A file of NumPy to append rows to, which has its name once all are there; None without a type."""
    if dtype is None:
        yield None
        return
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            header = {"descr": npy_format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            npy_format.write_array_header_1_0(file, header)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, os.path.join(folder, f"{name}.npy"))
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def append(file: BinaryIO | None, rows: Array | None) -> None:
    """Write rows as they lie in memory."""
    if file is not None and rows is not None:
        file.write(np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data)
