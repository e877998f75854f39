"""Moments of the columns of rows in shards, of which each process may have its own."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from typing import Any

from numpy.typing import NDArray

from .moments import moments_like
from .own_rows import RowsOfRanks, gathered
from .sampling import Sharded
from .sparse import SparseRows

__all__ = ["MomentsOfShards"]

Array = NDArray[Any]


class MomentsOfShards:
    """As `DenseMoments` and `SparseMoments`, with the sums over shards added up in the order of these.

    All rows are seen at once, those of the other processes by these, which make the same passes.
    """

    def __init__(self, X: Any, shuffle: Sharded) -> None:
        self.ranks = X.ranks if isinstance(X, RowsOfRanks) else None
        rank, size = (0, 1) if self.ranks is None else (self.ranks.rank, self.ranks.size)
        n_own = shuffle.shards // size
        own = range(rank * n_own, (rank + 1) * n_own)
        first = [shuffle.first_row(shard, len(X)) for shard in (*own, own.stop)]
        self.rows = [slice(*ends) for ends in pairwise(first)]
        self.shards = [moments_like(X) for _ in own]
        self.whole = moments_like(X)

    def add(self, X: Any, s: Array) -> None:
        """Sees all rows, with all weights."""
        own, begin = (X.own, X.own_rows.start) if isinstance(X, RowsOfRanks) else (X, 0)
        for shard, rows in zip(self.shards, self.rows, strict=True):
            shard.add(rows_in(own, rows.start - begin, rows.stop - begin), s[rows])

    def end_pass(self) -> None:
        """All rows were seen."""
        for shard in self.shards:
            shard.flush()
        sums = [[getattr(shard, name) for name in self.whole.SUMS] for shard in self.shards]
        if self.ranks is not None:
            sums = [of_shard for of_rank in gathered(self.ranks, sums) for of_shard in of_rank]
        for (name, put_together), values in zip(
            self.whole.SUMS.items(), zip(*sums, strict=True), strict=True
        ):
            setattr(self.whole, name, reduce(put_together, values))
        self.whole.end_pass()
        for shard in self.shards:
            for name in ("unit", "center"):
                if hasattr(self.whole, name):
                    setattr(shard, name, getattr(self.whole, name))
            shard.n_passes = self.whole.n_passes
            shard.begin()

    @property
    def found(self) -> tuple[Array, Array]:
        """Means and standard deviations, in double, after the last pass."""
        return self.whole.found


def rows_in(X: Array | SparseRows, first: int, end: int) -> Array | SparseRows:
    """A run of rows, which is not copied."""
    if not isinstance(X, SparseRows):
        return X[first:end]
    return SparseRows(X.data, X.indices, X.indptr[first : end + 1], (end - first, X.shape[1]))
