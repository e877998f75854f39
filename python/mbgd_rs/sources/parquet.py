"""`Parquet`: files of Apache Parquet, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..callers import warn
from ..extras import imported
from ..inputs import as_flag
from ..labels import listed
from ..sparse import SparseRows
from .arrow import (
    codes_of,
    fill,
    is_encodable,
    is_number,
    is_text,
    label_values,
    numbers_of_column,
    values_of,
    width_of,
)
from .encoding import MOST_CATEGORIES, Encoding, Hashed, OneHot, choices_of
from .files import File, files_of
from .source import Chunk, Source, as_dtype, checked_number, digest, refuse_out

__all__ = ["Parquet"]

Array = NDArray[Any]
HUGE_ROWS, HUGE_BYTES = 1_000_000, 1 << 28
"""A chunk with more is warned of."""
DECODED_BYTES = 1 << 23
"""About so much of a row group is in columns of Arrow at a time; decoding takes several times as much."""
LEAST_COLUMNS = 16
"""That become rows at once: fewer would write parts of lines of the cache."""


class Parquet(Source):
    """Files of Apache Parquet. A row group is a chunk.

    Needs pyarrow, the extra ``mbgd_rs[parquet]``. Row groups are decoded some columns at a time, which
    become rows tile by tile, so that there is little memory beside the chunk. Whatever is missing, null or
    NaN, is refused when it is read, by file, row and column.

    Parameters
    ----------
    paths : path or list of paths
        Files, a pattern as ``2024-*.parquet``, or a folder; those of a pattern or folder sorted by name. All
        have the same columns, of the same types.
    target : str, list of str or None
        The column that is y, of numbers or labels; several, of numbers, for y of shape (n, k); None for no y.
    weight : str, optional
        The column of sample weights.
    columns : list of str, optional
        The columns that are X, in this order; by default all others, in the order of the first file, but
        for those in which pandas has written its index. They are of integers, floats, booleans, decimals; or
        of text or dictionaries, which the next two arguments are for.
    categories : "auto" or dict, optional
        Columns of text that become one column for each value: their values, ``{"city": ["Paris",
        "Rome"]}``, or "auto" instead of the list, whereby the values are looked for in one pass over this
        column and sorted. "auto" instead of the dict means all columns of text that are not hashed. Other
        values are refused when they are read.
    hashed : int or dict, optional
        Columns of text, or of integers, that become a number of columns, ``{"user": 2**18}``; a number
        instead of the dict means all columns of text without categories, each of which becomes so many. A
        value has the column of the CRC-32 of "name=value" in UTF-8, modulo that number.
    sparse : bool, optional
        Whether rows are sparse; by default if columns are hashed. Then numbers are stored entries even where
        they are 0.
    dtype : {"float32", "float64"}, default="float32"
        Of X.

    Attributes
    ----------
    categories : dict
        The values of each column that has become one column for each value: what another source is given
        that is to have the same columns.

    Warns
    -----
    UserWarning
        Once, if there are row groups of more than a million rows or 256 MiB: a chunk must fit in memory,
        several times. :func:`spool` writes the rows with chunks of any size.

    Examples
    --------
    >>> import os, tempfile
    >>> import pyarrow as pa, pyarrow.parquet as pq
    >>> city = ["Rome", "Paris", "Rome"]
    >>> table = pa.table({"age": [30, 41, 52], "city": city, "paid": [True, False, True]})
    >>> folder = tempfile.TemporaryDirectory()
    >>> pq.write_table(table, os.path.join(folder.name, "a.parquet"), row_group_size=2)
    >>> source = Parquet(folder.name, target="paid", categories={"city": "auto"})
    >>> source.chunk_rows, source.feature_names
    ((2, 1), ('age', 'city=Paris', 'city=Rome'))
    >>> source.read(0)
    Chunk(X=array([[30.,  0.,  1.],
           [41.,  1.,  0.]], dtype=float32), y=array([ True, False]), sample_weight=None)
    >>> folder.cleanup()
    """

    def __init__(
        self,
        paths: Any,
        *,
        target: str | Sequence[str] | None,
        weight: str | None = None,
        columns: Sequence[str] | None = None,
        categories: Any = None,
        hashed: int | Mapping[str, int] | None = None,
        sparse: bool | None = None,
        dtype: Any = "float32",
    ) -> None:
        parquet = imported("pyarrow.parquet", "Parquet", "parquet")
        self.dtype = as_dtype(dtype)
        self._files = files_of("paths", paths, (".parquet", ".pq"))
        self._metadata = [metadata_of(parquet, file) for file in self._files]
        schemas = [metadata.schema.to_arrow_schema() for metadata in self._metadata]
        self._target = target if target is None or isinstance(target, str) else tuple(target)
        self._weight = weight
        beside = [*self._targets, *([] if weight is None else [weight])]
        aside = {*beside, *index_of_pandas(schemas[0])}
        names = [name for name in schemas[0].names if name not in aside] if columns is None else list(columns)
        self._check_columns(schemas, names, beside)
        kinds = {name: schemas[0].field(name).type for name in (*names, *beside)}
        self._places = [
            (file, group)
            for file, metadata in enumerate(self._metadata)
            for group in range(metadata.num_row_groups)
            if metadata.row_group(group).num_rows
        ]
        if not self._places:
            raise ValueError(f"paths must have at least one row, got none in {self._files[0].name!r}")
        self.chunk_rows = tuple(self._metadata[f].row_group(g).num_rows for f, g in self._places)
        self._begin = [
            list(accumulate((m.row_group(g).num_rows for g in range(m.num_row_groups)), initial=0))
            for m in self._metadata
        ]
        self._encode(names, kinds, categories, hashed)
        is_hashed = any(isinstance(encoding, Hashed) for encoding in self._encodings.values())
        self.is_sparse = is_hashed if sparse is None else as_flag("sparse", sparse)
        self.has_weights = weight is not None
        if self.is_sparse:
            self.n_entries = self.n_rows * len(names)
        if not is_hashed:
            self.feature_names = tuple(
                feature
                for name, encoding in self._encodings.items()
                for feature in ([name] if encoding is None else encoding.names)
            )
        self._warn_if_huge()

    @property
    def categories(self) -> dict[str, list[Any]]:
        encodings = self._encodings.items()
        return {name: list(code.values) for name, code in encodings if isinstance(code, OneHot)}

    @property
    def _targets(self) -> tuple[str, ...]:
        return (self._target,) if isinstance(self._target, str) else self._target or ()

    def _check_columns(self, schemas: list[Any], names: list[str], beside: list[str]) -> None:
        if not names:
            raise ValueError("columns must be at least one, got none")
        for name in (*names, *beside):
            if (*names, *beside).count(name) > 1:
                raise ValueError(f"columns, target and weight must be different columns, got {name!r} twice")
            for file, schema in zip(self._files, schemas, strict=True):
                if schema.names.count(name) != 1:
                    raise ValueError(
                        f"columns must be in every file, once, got {name!r}, which {file.name!r} does not "
                        f"have: it has {listed(schema.names)}"
                    )
                first, kind = schemas[0].field(name).type, schema.field(name).type
                if values_of(kind) != values_of(first):
                    raise TypeError(
                        f"column {name!r} must have the same type in all files, got {first} in "
                        f"{self._files[0].name!r} and {kind} in {file.name!r}"
                    )
            if not is_number(first) and not (is_text(first) and name != self._weight):
                wanted = "numbers" if name == self._weight else "numbers or text"
                raise TypeError(
                    f"column {name!r} must be of {wanted}, got {first}: leave it out by columns=, "
                    "or turn it into numbers first"
                )
            if is_text(first) and len(self._targets) > 1 and name in self._targets:
                raise TypeError(f"several targets must be of numbers, got {first} in column {name!r}")

    def _encode(self, names: list[str], kinds: dict[str, Any], categories: Any, hashed: Any) -> None:
        """Which columns of X each column becomes."""
        texts = [name for name in names if is_text(kinds[name])]
        chosen = choices_of(names, texts, categories, hashed)
        self._coded = [name for name in kinds if is_text(kinds[name]) or name in chosen]
        self._encodings: dict[str, Encoding] = dict.fromkeys(names)
        for name, choice in chosen.items():
            if not is_encodable(kinds[name]):
                raise TypeError(
                    f"categories and hashed must be of columns of text, integers or booleans, "
                    f"got {kinds[name]} in column {name!r}"
                )
            if isinstance(choice, int):
                self._encodings[name] = Hashed(name, choice)
            else:
                self._encodings[name] = OneHot(
                    name, tuple(self._values_of(name) if choice is None else choice)
                )
        widths = [width_of(encoding) for encoding in self._encodings.values()]
        self._offsets = dict(zip(names, accumulate(widths, initial=0), strict=False))
        self.n_columns = sum(widths)

    def _values_of(self, name: str) -> list[Any]:
        """The values of a column, sorted, by a pass over it."""
        found: set[Any] = set()
        for chunk in range(len(self._places)):
            ((_, column),) = self._columns(chunk, [name])
            values, index = label_values("X", name, column, partial(self.where, chunk))
            found.update(values[place] for place in np.unique(index).tolist())
            if len(found) > MOST_CATEGORIES:
                raise ValueError(
                    f"categories of {name!r} must be given or hashed={{{name!r}: 2**16}}, "
                    f"got more than {MOST_CATEGORIES} values"
                )
        return sorted(found)

    def _warn_if_huge(self) -> None:
        largest = max(self.chunk_rows)
        n_bytes = largest * (
            12 * len(self._encodings) if self.is_sparse else self.n_columns * self.dtype.itemsize
        )
        if largest > HUGE_ROWS or n_bytes > HUGE_BYTES:
            file, group = self._places[self.chunk_rows.index(largest)]
            warn(
                f"row group {group} of {self._files[file].name!r} has {largest} rows, {n_bytes >> 20} MiB: "
                "several of them are in memory at a time. mbgd_rs.sources.spool(source, folder) writes rows "
                "in smaller chunks",
            )

    def _columns(self, chunk: int, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Some columns of a chunk, decoded together."""
        from pyarrow.parquet import ParquetFile

        file, group = self._places[checked_number(self, chunk)]
        self._files[file].check()
        coded = [name for name in self._coded if name in names]
        with ParquetFile(
            self._files[file].path, metadata=self._metadata[file], read_dictionary=coded or None
        ) as opened:
            table = opened.read_row_group(group, columns=list(names))
        yield from ((name, table.column(name)) for name in names)

    def read(self, chunk: int, out: Array | None = None) -> Chunk:
        n_rows = self.chunk_rows[checked_number(self, chunk)]
        if self.is_sparse:
            refuse_out(out)
            X: Any = self._read_sparse(chunk, n_rows)
        else:
            X = self._read_dense(chunk, self.room(chunk, out))
        return Chunk(X, *self.targets(chunk))

    def _groups(self, n_rows: int) -> Iterator[list[str]]:
        names = list(self._encodings)
        step = max(DECODED_BYTES // (n_rows * self.dtype.itemsize), LEAST_COLUMNS)
        return (names[start : start + step] for start in range(0, len(names), step))

    def _read_dense(self, chunk: int, X: Array) -> Array:
        where = partial(self.where, chunk)
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
            for group in self._groups(len(X)):
                numbers: list[Array] = []
                begin = self._offsets[group[0]]
                for name, column in self._columns(chunk, group):
                    encoding = self._encodings[name]
                    if encoding is None:
                        numbers.append(numbers_of_column("X", name, column, where))
                        continue
                    fill(X[:, begin : begin + len(numbers)], numbers)
                    numbers, offset = [], self._offsets[name]
                    begin = offset + encoding.width
                    X[:, offset:begin] = 0
                    X[np.arange(len(X)), offset + codes_of(name, column, encoding, where)] = 1
                fill(X[:, begin : begin + len(numbers)], numbers)
        return X

    def _read_sparse(self, chunk: int, n_rows: int) -> SparseRows:
        """A row has an entry of each column, and so as many as every other row."""
        where = partial(self.where, chunk)
        n = len(self._encodings)
        data = np.ones((n_rows, n), self.dtype)
        indices = np.empty((n_rows, n), np.int32 if self.n_columns < 2**31 else np.int64)
        indices[...] = list(self._offsets.values())
        begin = 0
        with np.errstate(over="ignore"):
            for group in self._groups(n_rows):
                for j, (name, column) in enumerate(self._columns(chunk, group), begin):
                    encoding = self._encodings[name]
                    if encoding is None:
                        data[:, j] = numbers_of_column("X", name, column, where)
                    else:
                        indices[:, j] += codes_of(name, column, encoding, where).astype(indices.dtype)
                begin += len(group)
        indptr = np.arange(0, n_rows * n + 1, n, dtype=np.int64)
        return SparseRows(data.reshape(-1), indices.reshape(-1), indptr, (n_rows, self.n_columns))

    def targets(self, chunk: int) -> tuple[Any, Any]:
        where = partial(self.where, chunk)
        names = [*self._targets, *([] if self._weight is None else [self._weight])]
        if not names:
            return None, None
        read = dict(self._columns(chunk, names))
        weights = (
            None
            if self._weight is None
            else numbers_of_column("sample_weight", self._weight, read[self._weight], where)
        )
        if not self._targets:
            return None, weights
        if not isinstance(self._target, str):
            numbers = [numbers_of_column("y", name, read[name], where) for name in self._targets]
            return np.stack(numbers, axis=1), weights
        if self._target in self._coded:
            values, index = label_values("y", self._target, read[self._target], where)
            return np.array(values)[index], weights
        return numbers_of_column("y", self._target, read[self._target], where), weights

    def where(self, chunk: int, row: int) -> str:
        file, group = self._places[checked_number(self, chunk)]
        return f"row {self._begin[file][group] + row} of {self._files[file].name!r}"

    def fingerprint(self) -> str:
        """Of the names, sizes and times of change of the files, as they are now, and of what is read."""
        read = [*self._encodings.items()], self._target, self._weight, self.is_sparse, str(self.dtype)
        return digest("Parquet", self.chunk_rows, read, [file.identity_now() for file in self._files])


def metadata_of(parquet: Any, file: File) -> Any:
    """What is written at the end of a file."""
    try:
        return parquet.read_metadata(file.path)
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise ValueError(f"paths must be files of Parquet, got {file.name!r}: {error}") from None


def index_of_pandas(schema: Any) -> list[str]:
    """The columns in which pandas has written the index of a frame; one of 0, 1, 2, ... has none."""
    written = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in written if isinstance(name, str)]
