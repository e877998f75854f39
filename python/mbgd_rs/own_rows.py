"""Rows of which every rank has its own: ``Sharded(rows="own")`` and the argument `comm` of `fit`."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .columns import Names, names_of
from .inputs import as_rows
from .ranks import Ranks
from .sampling import Sharded
from .sparse import SparseRows, is_sparse
from .tensors import unwrapped

__all__ = ["RowsOfRanks", "is_sparse_rows", "shards_of_ranks", "told_to_all"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class RowsOfRanks:
    """X of all ranks, of which this one has some rows."""

    own: Array | SparseRows
    """The rows of this rank; of one that has none a row of zeros, which nobody reads."""
    shape: tuple[int, int]
    """Of all rows."""
    ranks: Ranks
    shuffle: Sharded
    entries_of_row: int | None
    """Stored entries of a sparse row, on average over all and rounded down."""
    columns: Names | None
    """Names of the columns, if they have some."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.own.dtype

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def own_rows(self) -> slice:
        """Which rows this rank has."""
        return self.shuffle.rows_of(self.ranks.rank, self.ranks.size, len(self))

    def of_rank(self, values: Array | None) -> Array | None:
        """Those of this rank's rows of what belongs to all rows."""
        if values is None:
            return None
        own = values[self.own_rows]
        return own if len(own) else values[:1]

    def __getitem__(self, rows: Array) -> Array | SparseRows:
        """Copies of some rows, by their numbers, which all ranks ask for together."""
        first, end = self.own_rows.start, self.own_rows.stop
        is_own = (first <= rows) & (rows < end)
        parts = gathered(self.ranks, self.own[rows[is_own] - first])
        whose = gathered(self.ranks, np.flatnonzero(is_own))
        order = np.argsort(np.concatenate(whose))
        return stacked(parts)[order]

    def changed(self, own: Array | SparseRows) -> RowsOfRanks:
        """The same with other values in this rank's rows."""
        return replace(self, own=own)


class Facts(NamedTuple):
    """What a rank says of its rows."""

    n_rows: int
    n_columns: int
    n_entries: int
    dtype: str
    is_sparse: bool
    names: Names | None
    has: tuple[bool, bool, bool]
    """Targets, weights, offsets."""


def is_sparse_rows(X: Any) -> bool:
    """Whether rows are sparse, be they here or at all ranks."""
    return isinstance(X.own if isinstance(X, RowsOfRanks) else X, SparseRows)


def shards_of_ranks(comm: Ranks, shuffle: Any) -> Sharded | None:
    """The shards of which every rank has its own, if it has."""
    if not isinstance(shuffle, Sharded) or shuffle.rows != "own":
        return None
    if shuffle.shards % comm.size:
        raise ValueError(
            f"comm must have a number of ranks that divides shards, {shuffle.shards}, where rows='own', "
            f"got {comm.size}"
        )
    return shuffle


def told_to_all(
    ranks: Ranks, shuffle: Sharded, X: Any, y: Any, sample_weight: Any, offset: Any
) -> tuple[RowsOfRanks, Any, Any, Any]:
    """The rows of all ranks, and targets, weights and offsets, which all ranks are told.

    Raises
    ------
    ValueError
        On all ranks, if one has not the rows of its shards, or other columns than the others.
    """
    n_rows = number_of_rows(X)
    for name, values in (("y", y), ("sample_weight", sample_weight), ("offset", offset)):
        if values is not None and number_of_rows(values) != n_rows:
            raise ValueError(
                f"{name} must have {n_rows} rows, one for each row of X on this rank, got "
                f"{number_of_rows(values)}"
            )
    own = as_rows(X if n_rows else row_of_zeros(X))
    n_entries = int(own.indptr[-1]) if isinstance(own, SparseRows) else 0
    has = (y is not None, sample_weight is not None, offset is not None)
    is_of_entries = isinstance(own, SparseRows)
    told = Facts(n_rows, own.shape[1], n_entries, str(own.dtype), is_of_entries, names_of(X), has)
    facts: list[Facts] = gathered(ranks, told)
    check_columns(facts)
    counts = [of_rank.n_rows for of_rank in facts]
    n = sum(counts)
    if n == 0:
        raise ValueError("X must have at least one row on one of the ranks, got none")
    wanted = [length(shuffle.rows_of(rank, ranks.size, n)) for rank in range(ranks.size)]
    if counts != wanted:
        raise ValueError(
            f"X must have the rows of its shards on every rank, of {n} rows in {shuffle.shards} shards "
            f"{in_order(wanted)}, got {in_order(counts)}: Sharded.rows_of says which"
        )
    rows = RowsOfRanks(
        own=own,
        shape=(n, facts[0].n_columns),
        ranks=ranks,
        shuffle=shuffle,
        entries_of_row=sum(of_rank.n_entries for of_rank in facts) // n if facts[0].is_sparse else None,
        columns=facts[0].names,
    )
    return (
        rows,
        of_all(ranks, "y", y),
        of_all(ranks, "sample_weight", sample_weight),
        of_all(ranks, "offset", offset),
    )


def check_columns(facts: list[Facts]) -> None:
    """Refuse rows of different columns or types."""
    for name, what in (
        ("n_columns", "the number of columns of X"),
        ("dtype", "the dtype of X"),
        ("is_sparse", "whether X is sparse"),
        ("names", "the names of the columns of X"),
        ("has", "whether y, sample_weight and offset are given"),
    ):
        values = [getattr(of_rank, name) for of_rank in facts]
        if any(value != values[0] for value in values):
            raise ValueError(
                f"comm: every rank must have rows of the same columns, but on {len(facts)} ranks there are "
                f"different values of: {what} {in_order(values)}"
            )


def in_order(values: Sequence[Any]) -> str:
    """The values of ranks for a message."""
    shown = ", ".join(map(str, values[:8]))
    return f"({shown}{', ...' if len(values) > 8 else ''} on rank 0, 1, ...)"


def length(rows: slice) -> int:
    """How many rows there are."""
    return int(rows.stop - rows.start)


def number_of_rows(values: Any) -> int:
    """Rows of whatever is given."""
    shape = getattr(values, "shape", None)
    return int(shape[0]) if shape else len(values)


def row_of_zeros(X: Any) -> Any:
    """A row in the place of none, of the type that rows would have."""
    if is_sparse(X):
        return SparseRows(
            np.zeros(0, X.dtype), np.zeros(0, np.int32), np.zeros(2, np.int32), (1, int(X.shape[1]))
        )
    array = np.asarray(unwrapped("X", X))
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"X must have 2 dimensions and at least one column, got shape {array.shape}")
    return np.zeros((1, array.shape[1]), array.dtype)


def gathered(ranks: Ranks, value: Any) -> list[Any]:
    """What all ranks say, in their order."""
    return [pickle.loads(said) for said in ranks.core.gather(pickle.dumps(value, protocol=5))]


def of_all(ranks: Ranks, name: str, values: Any) -> Any:
    """What belongs to the rows of all ranks, one after the other."""
    if values is None:
        return None
    own = values if isinstance(values, list | tuple) else np.asarray(unwrapped(name, values))
    parts = [part for part in gathered(ranks, own) if len(part)]
    if all(isinstance(part, list | tuple) for part in parts):
        return [entry for part in parts for entry in part]
    return np.concatenate([np.asarray(part) for part in parts])


def stacked(parts: list[Any]) -> Array | SparseRows:
    """Rows one after the other."""
    if not isinstance(parts[0], SparseRows):
        made: Array = np.concatenate(parts)
        return made
    lengths = np.concatenate([np.diff(part.indptr) for part in parts])
    return SparseRows(
        np.concatenate([part.data for part in parts]),
        np.concatenate([part.indices for part in parts]),
        np.append(0, np.cumsum(lengths)),
        (len(lengths), parts[0].shape[1]),
    )
