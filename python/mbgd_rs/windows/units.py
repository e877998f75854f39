"""The means and scales of the columns of a source: the bits of those of all rows in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sources import checked_chunk
from ..standardization import Standardization
from ..standardizing import units_of_parts
from .loading import ChunkReader, numbers_of
from .placing import check_chunk

__all__ = ["units_of_source"]

Array = NDArray[Any]


def units_of_source(reader: ChunkReader) -> Standardization:
    """By passes over the rows, a chunk at a time; those of a reader that reads them as they are."""
    source, head = reader.source, reader.head

    chunks = range(source.n_chunks)
    unchecked = set(chunks)

    def in_double(y: Any, targets: Array, s: Array | None) -> tuple[Array, Array]:
        is_number = head.loss.has_targets and head.classes is None
        weights = np.ones(len(targets)) if s is None else s.astype(np.float64)
        return numbers_of(y, targets) if is_number else targets, weights

    def rows() -> Iterator[tuple[Any, Array, Array]]:
        for chunk in chunks:
            read = checked_chunk(source, chunk, source.read(chunk))
            targets, s = reader.beside(chunk, read.y, read.sample_weight)
            if chunk in unchecked:
                check_chunk(source, chunk, replace(head, X=read.X, y=targets, sample_weight=None))
                unchecked.remove(chunk)
            yield read.X, *in_double(read.y, targets, s)

    def targets() -> Iterator[tuple[Array, Array]]:
        for chunk in chunks:
            y, s = source.targets(chunk)
            yield in_double(y, *reader.beside(chunk, y, s))

    return units_of_parts(head, rows, targets)
