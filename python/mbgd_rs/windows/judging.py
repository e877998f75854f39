"""A source by which a model is judged: its mean loss, chunk by chunk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from .. import _core
from ..objective import Part, Problem
from ..sources import Source, check_source
from ..standardization import Standardization
from ..validation import said_of_validation
from .loading import ChunkReader
from .placing import check_chunk
from .survey import survey

__all__ = ["Judge"]

Array = NDArray[Any]


class Judge:
    """The mean loss over the rows of a source, without the penalty, at the parameters of a model."""

    def __init__(
        self,
        source: Source,
        head: Problem,
        by_class: Array | None,
        n_threads: int,
        units: Standardization | None = None,
    ) -> None:
        check_source(source)
        if (source.n_columns, source.dtype) != (head.X.shape[1], head.X.dtype):
            raise ValueError(
                f"validation must be a source of {head.X.shape[1]} columns of {head.X.dtype}, as X, got one "
                f"of {source.n_columns} of {source.dtype}"
            )
        names = source.feature_names
        if names is not None and head.names is not None and tuple(names) != head.names:
            raise ValueError("validation must be a source with the columns of X, in their order")
        with said_of_validation():
            found = survey(source, head.loss, classes=head.classes, by_class=by_class)
        self.problem = replace(
            head, penalty=None, part=Part(found.weight_scale, found.entries_of_row, is_scanned=True)
        )
        self.reader = ChunkReader(source, head, found.weights, sees_all=False, units=units)
        self.n_threads = n_threads

    def __call__(self, params: Array) -> float:
        """Of flat parameters."""
        with said_of_validation():
            return self.mean_loss(params)

    def mean_loss(self, params: Array) -> float:
        """The same, with errors as those of any source."""
        source, total = self.reader.source, 0.0
        for chunk, n_rows in enumerate(source.chunk_rows):
            X, y, s = self.reader.read(chunk)
            problem = replace(self.problem, X=X, y=y, sample_weight=s)
            try:
                total += n_rows * _core.value(problem, params, self.n_threads)
            except ValueError:
                check_chunk(source, chunk, problem)  # or it is about something else
                raise
        return total / source.n_rows
