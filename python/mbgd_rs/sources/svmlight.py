"""`Svmlight`: text files of sparse rows."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inputs import as_integer
from ..replacing import replace_file
from ..sparse import SparseRows
from .files import File, files_of
from .source import Chunk, Source, as_dtype, checked_number, digest, refuse_out
from .svmlight_text import Lines, Malformed, blocks

__all__ = ["Svmlight"]

Array = NDArray[Any]
FORMAT = 1
"""Of index files: another one makes older ones be made anew."""


class Svmlight(Source):
    """Text files of the svmlight or libsvm format, ``label column:value column:value``, as sparse rows.

    The first time, every file is read once to find its chunks. What was found - where chunks begin, their
    rows and entries, the least and the largest column, whether labels are whole numbers - is kept in an
    index file, which is made anew if size or time of the file have changed. Comments and ``qid:`` are
    passed over.

    Parameters
    ----------
    paths : path or list of paths
        Files, a pattern as ``part-*``, or a folder, of which the files ".svm", ".svmlight", ".libsvm" and
        ".txt"; those of a pattern or folder sorted by name. Compressed files are refused.
    n_columns : int, optional
        Columns of X; by default as many as there are in the files.
    dtype : {"float32", "float64"}, default="float32"
        Of X.
    zero_based : bool or "auto", default="auto"
        Whether the first column has the number 0 in the files; "auto": if there is a 0 in any of them, else
        it is 1.
    rows : int, default=65536
        Rows of a chunk; the last one of a file may have fewer.
    index : path, optional
        A folder for index files. By default they are beside the data, named ".mbgd-index", or if nothing
        can be written there in memory only.

    Raises
    ------
    ValueError
        If a line is not of the format, by file and row: labels are single numbers, the columns of a row
        ascend.

    Examples
    --------
    >>> import os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "a.svm")
    >>> with open(path, "w") as file:
    ...     _ = file.write("+1 1:0.5 3:2 # the first\\n-1 2:1\\n")
    >>> source = Svmlight(path)
    >>> source
    <Svmlight: 2 rows in 1 chunk, 3 columns, sparse float32>
    >>> X, y, _ = source.read(0)
    >>> X.data, X.indices, X.indptr, y
    (array([0.5, 2. , 1. ], dtype=float32), array([0, 2, 1], dtype=int32), array([0, 2, 3]), array([ 1, -1]))
    >>> folder.cleanup()
    """

    is_sparse = True

    def __init__(
        self,
        paths: Any,
        *,
        n_columns: int | None = None,
        dtype: Any = "float32",
        zero_based: bool | str = "auto",
        rows: int = 65_536,
        index: str | os.PathLike[str] | None = None,
    ) -> None:
        self.dtype = as_dtype(dtype)
        rows = as_integer("rows", rows, 1)
        if not (isinstance(zero_based, bool) or zero_based == "auto"):
            raise ValueError(f'zero_based must be a bool or "auto", got {zero_based!r}')
        self._files = files_of("paths", paths, (".svm", ".svmlight", ".libsvm", ".txt"))
        folder = None if index is None else os.fspath(index)
        indexes = [index_of(file, rows, folder) for file in self._files]
        self._places = [
            (file, begin, end)
            for file, found in enumerate(indexes)
            for begin, end in pairwise([*found.begins, self._files[file].size])
        ]
        if not self._places:
            raise ValueError(f"paths must have at least one row, got none in {self._files[0].name!r}")
        self.chunk_rows = tuple(n for found in indexes for n in found.rows)
        self._entries = [n for found in indexes for n in found.entries]
        self.n_entries = sum(self._entries)
        self._begin = [row for found in indexes for row in list(accumulate(found.rows, initial=0))[:-1]]
        least = min((found.least for found in indexes if found.entries and sum(found.entries)), default=1)
        if zero_based is False and least == 0:
            raise ValueError("zero_based must be True or 'auto' where there is a column 0, got False")
        self._shift = int(least > 0) if zero_based == "auto" else int(not zero_based)
        n_found = max(found.largest for found in indexes) + 1 - self._shift
        self.n_columns = max(n_found, 1) if n_columns is None else as_integer("n_columns", n_columns, 1)
        if n_found > self.n_columns:
            raise ValueError(f"n_columns must be >= {n_found}, the columns of the files, got {n_columns}")
        self._labels = np.dtype(np.int64 if all(found.is_whole for found in indexes) else np.float64)

    def read(self, chunk: int, out: Array | None = None) -> Chunk:
        refuse_out(out)
        number, begin, end = self._places[checked_number(self, chunk)]
        n_rows, n_entries = self.chunk_rows[chunk], self._entries[chunk]
        data = np.empty(n_entries, self.dtype)
        indices = np.empty(n_entries, np.int32 if self.n_columns < 2**31 else np.int64)
        indptr, y = np.zeros(n_rows + 1, np.int64), np.empty(n_rows)
        row = entry = 0
        with self._files[number].open() as opened, np.errstate(over="ignore"):
            for _, text in blocks(opened, begin, end):
                try:
                    lines = Lines.of(text)
                except Malformed as error:
                    refuse_line(self._files[number], self._begin[chunk] + row, error)
                entries = slice(entry, entry + len(lines.values))
                some = slice(row, row + len(lines.labels))
                data[entries], indices[entries] = lines.values, lines.columns - self._shift
                y[some], indptr[1:][some] = lines.labels, lines.counts
                row, entry = some.stop, entries.stop
        np.cumsum(indptr, out=indptr)
        X = SparseRows(data, indices, indptr, (n_rows, self.n_columns))
        return Chunk(X, y.astype(self._labels, copy=False))

    def where(self, chunk: int, row: int) -> str:
        number, _, _ = self._places[checked_number(self, chunk)]
        return f"row {self._begin[chunk] + row} of {self._files[number].name!r}"

    def fingerprint(self) -> str:
        """Of the names, sizes and times of change of the files, as they are now, and of how they are read."""
        read = self.chunk_rows, self.n_columns, str(self.dtype), self._shift
        return digest("Svmlight", read, [file.identity_now() for file in self._files])


@dataclass(frozen=True)
class Index:
    """What a pass over a file has found: of each chunk where it begins, its rows and entries; and of all."""

    begins: list[int]
    rows: list[int]
    entries: list[int]
    least: int
    largest: int
    is_whole: bool

    def __post_init__(self) -> None:
        lists = self.begins, self.rows, self.entries
        numbers = [*self.begins, *self.rows, *self.entries, self.least, self.largest]
        if not (len({*map(len, lists)}) == 1 and all(type(number) is int for number in numbers)):
            raise ValueError("not an index")


def index_of(file: File, rows: int, folder: str | None) -> Index:
    """The index of a file: from the index file if that is of the same file, else by a pass over it."""
    path = f"{file.path}.mbgd-index"
    if folder is not None:
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"{os.path.basename(file.path)}.{digest(file.path)[:8]}.mbgd-index")
    head = {"format": FORMAT, "size": file.size, "changed": file.changed, "chunk_rows": rows}
    try:
        with open(path, encoding="utf-8") as opened:
            document = json.load(opened)
        if document.pop("head") == head:
            return Index(**document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass  # there is none, or it is damaged
    found = made(file, rows)
    try:
        replace_file(path, json.dumps({"head": head, **asdict(found)}).encode())
    except OSError:
        if folder is not None:
            raise
    return found


def made(file: File, rows: int) -> Index:
    """The index of a file, by a pass over it."""
    begins: list[int] = []
    n_rows: list[int] = []
    n_entries: list[int] = []
    least, largest, is_whole, row = 2**59, -1, True, 0
    with file.open() as opened:
        if opened.read(3) in (b"\x1f\x8b\x08", b"BZh", b"\xfd7z"):
            raise ValueError(f"paths must not be compressed, got {file.name!r}: decompress it first")
        for begin, text in blocks(opened, 0, file.size):
            try:
                lines = Lines.of(text)
            except Malformed as error:
                refuse_line(file, row, error)
            labels, columns = lines.labels, lines.columns
            is_whole = is_whole and bool(
                (np.abs(labels) < 2**53).all() and (labels == np.floor(labels)).all()
            )
            least = min(least, int(columns.min(initial=2**59)))
            largest = max(largest, int(columns.max(initial=-1)))
            done = 0
            while done < len(labels):
                if row % rows == 0:
                    begins.append(begin + int(lines.begins[done]))
                    n_rows.append(0)
                    n_entries.append(0)
                take = min(rows - row % rows, len(labels) - done)
                n_rows[-1] += take
                n_entries[-1] += int(lines.counts[done : done + take].sum())
                row, done = row + take, done + take
    return Index(begins, n_rows, n_entries, least, largest, is_whole)


def refuse_line(file: File, first: int, error: Malformed) -> None:
    """Says in which row of which file."""
    raise ValueError(f"row {first + error.row} of {file.name!r} must have {error}") from None
