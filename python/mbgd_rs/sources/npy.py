"""`Npy`: files of NumPy, read into memory of the caller."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from ..inputs import as_integer
from .files import File, files_of
from .source import Chunk, Source, as_feature_names, checked_number, digest

__all__ = ["Npy"]

Array = NDArray[Any]
CHUNK_BYTES = 1 << 24
"""About so much of X is a chunk, if it is not said how many rows are."""
BLOCK_BYTES = 1 << 18
"""What is read at once where it has to be converted: it stays in the cache."""


class Npy(Source):
    """Files that ``numpy.save`` has written, row by row: the fastest source.

    A chunk is read with one call of the operating system into the memory where it is needed. Nothing is
    mapped: pages of a memory map would count as memory of the process. Numbers of other types and of the
    other order of bytes are converted as they are read.

    Parameters
    ----------
    X : path or list of paths
        Files of shape (n, d) in C order; a pattern as ``X-*.npy`` or a folder is its files, sorted by name.
        The dtype is float32 if all files are of float32 or float16, else float64.
    y : path or list of paths, optional
        Files of shape (n,) or (n, k), numbers or labels, as many as of X and each with as many rows.
    sample_weight : path or list of paths, optional
        Files of shape (n,), likewise.
    rows : int, optional
        Rows of a chunk; the last one of a file may have fewer. By default so many as are 16 MiB.
    feature_names : sequence of str, optional
        The names of the columns.

    Raises
    ------
    ValueError
        If a file is truncated, in Fortran order, no file of NumPy, or of a shape that does not fit, by its
        name; while rows are read, if it has changed since.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> np.save(os.path.join(folder.name, "X.npy"), np.arange(12, dtype=np.float32).reshape(6, 2))
    >>> np.save(os.path.join(folder.name, "y.npy"), np.arange(6))
    >>> source = Npy(os.path.join(folder.name, "X.npy"), os.path.join(folder.name, "y.npy"), rows=4)
    >>> source
    <Npy: 6 rows in 2 chunks, 2 columns, float32>
    >>> out = np.empty((2, 2), np.float32)
    >>> source.read(1, out)
    Chunk(X=array([[ 8.,  9.],
           [10., 11.]], dtype=float32), y=array([4, 5]), sample_weight=None)
    >>> folder.cleanup()
    """

    def __init__(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        rows: int | None = None,
        *,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self._X = [NpyFile.at("X", file, (2,)) for file in files_of("X", X, (".npy",))]
        self._y = None if y is None else self._beside("y", y, (1, 2))
        self._weights = None if sample_weight is None else self._beside("sample_weight", sample_weight, (1,))
        self.n_columns = self._X[0].shape[1]
        for file in self._X:
            if file.shape[1] != self.n_columns or not self.n_columns:
                columns = f"{self.n_columns} columns as {self._X[0].name!r}" if self.n_columns else "columns"
                raise ValueError(f"X must have {columns}, got shape {file.shape} in {file.name!r}")
            if file.dtype.kind not in "biuf":
                raise TypeError(f"X must be of real numbers, got {file.dtype} in {file.name!r}")
        is_single = all(file.dtype.kind == "f" and file.dtype.itemsize <= 4 for file in self._X)
        self.dtype = np.dtype(np.float32 if is_single else np.float64)
        if rows is None:
            rows = max(CHUNK_BYTES // (self.n_columns * self.dtype.itemsize), 1)
        rows = as_integer("rows", rows, 1)
        self._places = [
            (number, start, min(start + rows, file.shape[0]))
            for number, file in enumerate(self._X)
            for start in range(0, file.shape[0], rows)
        ]
        if not self._places:
            raise ValueError(f"X must have at least one row, got none in {self._X[0].name!r}")
        self.chunk_rows = tuple(stop - start for _, start, stop in self._places)
        self.has_weights = self._weights is not None
        self.feature_names = as_feature_names(feature_names, self.n_columns)

    def _beside(self, argument: str, paths: Any, n_dimensions: tuple[int, ...]) -> list[NpyFile]:
        files = [NpyFile.at(argument, file, n_dimensions) for file in files_of(argument, paths, (".npy",))]
        if len(files) != len(self._X):
            raise ValueError(f"{argument} must be {len(self._X)} files, as X is, got {len(files)}")
        for file, beside in zip(files, self._X, strict=True):
            if file.shape[0] != beside.shape[0]:
                raise ValueError(
                    f"{argument} must have {beside.shape[0]} rows as {beside.name!r}, "
                    f"got shape {file.shape} in {file.name!r}"
                )
            if file.shape[1:] != files[0].shape[1:]:
                raise ValueError(
                    f"{argument} must have columns as {files[0].name!r}, "
                    f"got shape {file.shape} in {file.name!r}"
                )
            if argument == "sample_weight" and file.dtype.kind not in "biuf":
                raise TypeError(f"sample_weight must be of real numbers, got {file.dtype} in {file.name!r}")
        return files

    def read(self, chunk: int, out: Array | None = None) -> Chunk:
        number, start, _ = self._places[checked_number(self, chunk)]
        out = self.room(chunk, out)
        self._X[number].read_rows(start, out)
        return Chunk(out, *self.targets(chunk))

    def targets(self, chunk: int) -> tuple[Any, Any]:
        number, start, stop = self._places[checked_number(self, chunk)]
        return tuple(  # type: ignore[return-value]
            None if files is None else files[number].rows(start, stop) for files in (self._y, self._weights)
        )

    def where(self, chunk: int, row: int) -> str:
        number, start, _ = self._places[checked_number(self, chunk)]
        return f"row {start + row} of {self._X[number].name!r}"

    def fingerprint(self) -> str:
        """Of the names, sizes and times of change of the files, as they are now."""
        files = [*self._X, *(self._y or ()), *(self._weights or ())]
        return digest("Npy", self.chunk_rows, self.n_columns, [file.file.identity_now() for file in files])


@dataclass(frozen=True)
class NpyFile:
    """A file of NumPy: what its header says, and where its rows begin."""

    file: File
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    begin: int

    @classmethod
    def at(cls, argument: str, file: File, n_dimensions: tuple[int, ...]) -> NpyFile:
        """The header of a file, if its rows can be read one after another."""
        with open(file.path, "rb") as opened:
            try:
                version = npy_format.read_magic(opened)
                if version not in ((1, 0), (2, 0)):
                    raise ValueError(f"version {version} of the format is unknown")
                is_old = version == (1, 0)
                read = npy_format.read_array_header_1_0 if is_old else npy_format.read_array_header_2_0
                shape, is_fortran, dtype = read(opened)
            except (ValueError, EOFError) as error:
                raise ValueError(f"{argument} must be files of NumPy, got {file.name!r}: {error}") from None
            begin = opened.tell()
        if len(shape) not in n_dimensions:
            wanted = " or ".join(map(str, n_dimensions))
            raise ValueError(f"{argument} must have {wanted} dimensions, got shape {shape} in {file.name!r}")
        if dtype.hasobject or dtype.kind not in "biufUS":
            raise TypeError(f"{argument} must be of numbers or labels, got {dtype} in {file.name!r}")
        if is_fortran and sum(n > 1 for n in shape) > 1:
            raise ValueError(
                f"{argument} must be in C order, got {file.name!r} in Fortran order: "
                "save numpy.ascontiguousarray of it"
            )
        needed = begin + dtype.itemsize * math.prod(shape)
        if file.size < needed:
            raise ValueError(
                f"{argument} must be whole, got {file.name!r} of {file.size} bytes, which needs {needed} "
                f"for shape {shape}"
            )
        return cls(file, shape, dtype, begin)

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self.file.name

    def rows(self, start: int, stop: int) -> Array:
        """Rows as an array of their own, in the order of bytes of this machine."""
        out = np.empty((stop - start, *self.shape[1:]), self.dtype.newbyteorder("="))
        self.read_rows(start, out)
        return out

    def read_rows(self, start: int, out: Array) -> None:
        """As many rows as `out` has, from `start` on."""
        row_bytes = self.dtype.itemsize * math.prod(self.shape[1:])
        with self.file.open() as opened:
            opened.seek(self.begin + start * row_bytes)
            if self.dtype == out.dtype:
                self._fill(opened, out)
                return
            step = max(BLOCK_BYTES // max(row_bytes, 1), 1)
            block = np.empty((min(step, len(out)), *self.shape[1:]), self.dtype)
            for first in range(0, len(out), step):
                rows = out[first : first + step]
                self._fill(opened, block[: len(rows)])
                with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
                    np.copyto(rows, block[: len(rows)], casting="unsafe")

    def _fill(self, opened: FileIO, out: Array) -> None:
        left = memoryview(out.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        while left:
            n_bytes = opened.readinto(left)
            if not n_bytes:
                raise ValueError(f"{self.name!r} must be whole, got its end while rows were read")
            left = left[n_bytes:]
