"""`spool`: the rows of any source as files that are read fast."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from ..inputs import as_integer
from ..replacing import replace_file
from ..sparse import SparseRows
from .checking import check_source, checked_chunk
from .npy import Npy
from .source import Source
from .sparse_npy import SparseNpy

__all__ = ["spool"]

Array = NDArray[Any]
FORMAT = 1
MANIFEST = "spool.json"


def spool(source: Source, folder: str | os.PathLike[str], rows: int | None = None) -> Source:
    """Write the rows of a source into a folder as files of NumPy, once, and give the source that reads them.

    Formats that have to be decoded, Parquet say, are then decoded once and not in every epoch, and chunks
    may have any size. If the folder has the rows of this source already, by its fingerprint, nothing is
    written. What is half written is not taken for the rows: files have other names until they are whole,
    and the file "spool.json", which says what they are of, is written last. Only one process at a time may
    write into a folder.

    Parameters
    ----------
    source : Source
    folder : path
        Is made if there is none. It has "X.npy", of sparse rows "data.npy", "indices.npy" and "indptr.npy",
        and "y.npy" and "sample_weight.npy".
    rows : int, optional
        Rows of a chunk, by default so many as are 16 MiB; nothing is written anew for another number.

    Returns
    -------
    Npy, or a source of sparse rows

    Raises
    ------
    TypeError
        If targets are neither numbers nor text, or of another type than those of the first chunk.

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
    if source.is_sparse:
        return SparseNpy(**paths, n_columns=source.n_columns, rows=rows, feature_names=source.feature_names)
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
    arrays = arrays_of(source)
    out = None
    if not source.is_sparse:
        out = np.empty((max(source.chunk_rows), source.n_columns), source.dtype)
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(rows_file(folder, name, shape, dtype))
            for name, (shape, dtype) in arrays.items()
        }
        if source.is_sparse:
            append(files["indptr"], np.zeros(1, np.int64))
        n_entries = 0
        for chunk, n in enumerate(source.chunk_rows):
            read = checked_chunk(source, chunk, source.read(chunk, None if out is None else out[:n]))
            rows = {"X": read.X, "y": read.y, "sample_weight": read.sample_weight}
            if isinstance(read.X, SparseRows):
                indptr = read.X.indptr.astype(np.int64, copy=False)
                entries = slice(int(indptr[0]), int(indptr[-1]))
                rows["data"], rows["indices"] = read.X.data[entries], read.X.indices[entries]
                rows["indptr"] = indptr[1:] + (n_entries - indptr[0])
                n_entries += len(rows["data"])
            if ("y" in arrays) != (read.y is not None):
                raise ValueError(f"y must be there in all chunks or in none, got {source.where(chunk, 0)}")
            for name, (shape, dtype) in arrays.items():
                append(files[name], as_announced(name, rows[name], shape, dtype, chunk))
        if source.is_sparse and arrays["data"][0] != (n_entries,):
            raise ValueError(f"n_entries of {source!r} must be {n_entries}, got {source.n_entries}")
    return [*arrays]


def arrays_of(source: Source) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Shape and type of each of the arrays that all chunks together are, by the names of the files."""
    arrays: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    n_rows = source.n_rows
    if source.is_sparse:
        n_entries = source.n_entries
        if n_entries is None:
            n_entries = sum(entries_of(source, chunk) for chunk in range(source.n_chunks))
        arrays["data"] = (n_entries,), source.dtype
        arrays["indices"] = (n_entries,), np.dtype(np.int32 if source.n_columns < 2**31 else np.int64)
        arrays["indptr"] = (n_rows + 1,), np.dtype(np.int64)
    else:
        arrays["X"] = (n_rows, source.n_columns), source.dtype
    y_dtype, y_shape = targets_of(source)
    if y_dtype is not None:
        arrays["y"] = (n_rows, *y_shape), y_dtype
    if source.has_weights:
        arrays["sample_weight"] = (n_rows,), np.asarray(source.targets(0)[1]).dtype
    return arrays


def entries_of(source: Source, chunk: int) -> int:
    """Stored entries of a chunk."""
    indptr = checked_chunk(source, chunk, source.read(chunk)).X.indptr
    return int(indptr[-1]) - int(indptr[0])


def as_announced(name: str, rows: Array, shape: tuple[int, ...], dtype: np.dtype[Any], chunk: int) -> Array:
    """Rows of a chunk in the type of those of chunk 0, if they fit it."""
    if rows.shape[1:] != shape[1:]:
        raise ValueError(
            f"{name} must have the same columns in all chunks, got shape {rows.shape} in chunk {chunk}"
        )
    if name != "indices" and not np.can_cast(rows.dtype, dtype, "safe"):  # those are less than n_columns
        raise TypeError(
            f"{name} must have the type of that of chunk 0, {dtype}, in all chunks, got {rows.dtype} "
            f"in chunk {chunk}"
        )
    return rows.astype(dtype, copy=False)


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
def rows_file(folder: str, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[BinaryIO]:
    """A file of NumPy to append rows to, which has its name once all are there."""
    temporary = os.path.join(folder, f".{name}.npy.part")  # that of a process that was killed is written over
    try:
        with open(temporary, "wb") as file:
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


def append(file: BinaryIO, rows: Array) -> None:
    """Write rows as they lie in memory."""
    file.write(np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data)
