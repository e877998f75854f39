"""What must be known of all rows of a source before the first step on some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..class_weights import ClassWeight, balanced, by_label, check_class_weight, class_of
from ..inputs import as_weights, exponent_of, scaled_down
from ..labels import as_classes, distinct, label_array, places
from ..losses import Loss
from ..sources import Source, checked_chunk
from .placing import placed

__all__ = ["RowWeights", "Survey", "rows_like", "survey"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class RowWeights:
    """The weights of rows as the core reads them: those of a chunk as if all others were in memory, too."""

    by_class: Array | None = None
    """What the weights of rows are multiplied by, for each of the classes."""
    exponent: int = 0
    """Weights of rows are divided by this power of two, and then with those of classes by the next."""
    classes: Array | None = None
    exponent_of_product: int = 0

    def __call__(self, sample_weight: Any, targets: Array) -> Array | None:
        """In the type of the targets, which are as the core reads them."""
        if self.by_class is None:
            return as_weights(sample_weight, targets, self.exponent)
        scaled = np.ldexp(self.in_double(sample_weight, targets), -self.exponent_of_product)
        weights: Array = scaled.astype(targets.dtype)
        return weights

    def in_double(self, sample_weight: Any, targets: Array) -> Array:
        """Before they have the type of the targets."""
        s = as_weights(sample_weight, targets, self.exponent)
        own = np.ones(len(targets)) if s is None else s.astype(np.float64)
        if self.by_class is None:
            return own
        assert self.classes is not None
        product: Array = own * self.by_class[class_of(targets, self.classes)]
        return product


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """What all rows have in common."""

    classes: Array | None = None
    """Their labels, sorted."""
    by_class: Array | None = None
    """How much each class counts."""
    weights: RowWeights = RowWeights()
    weight_scale: tuple[float, float] | None = None
    """The largest weight of a row, and the mean of all in units of that."""
    entries_of_row: int | None = None
    """Stored entries of a sparse row, on average and rounded down."""


def survey(
    source: Source,
    loss: Loss,
    *,
    classes: Array | None,
    class_weight: ClassWeight = None,
    by_class: Array | None = None,
) -> Survey:
    """Pass over targets and weights: once for labels, three or four times for weights, where there are some.

    Weights of classes may be known already.
    """
    if class_weight is not None:
        check_class_weight(class_weight)
        if not loss.is_classification:
            raise ValueError("class_weight needs a loss of classes; give the source weights")
    entries = entries_of_row(source)
    exponent = exponent_of_weights(source)
    if loss.is_classification and (classes is None or class_weight is not None):
        found, totals = labels_of(source, exponent)
        classes = found if classes is None else classes
        if class_weight is not None:
            by_class = weights_by_class(class_weight, found, classes, totals)
    weights, weight_scale = weights_of(source, classes, by_class, exponent)
    return Survey(
        classes=classes,
        by_class=by_class,
        weights=weights,
        weight_scale=weight_scale,
        entries_of_row=entries,
    )


def entries_of_row(source: Source) -> int | None:
    """Of a sparse source; read through once if it does not say how many entries it has."""
    if not source.is_sparse:
        return None
    n_entries = source.n_entries
    if n_entries is None:
        chunks = range(source.n_chunks)
        n_entries = sum(int(checked_chunk(source, c, source.read(c)).X.indptr[-1]) for c in chunks)
    return n_entries // source.n_rows


def exponent_of_weights(source: Source) -> int:
    """Of the power of two by which the weights of rows are divided; all of them are checked."""
    if not source.has_weights:
        return 0
    return exponent_of(np.array([largest_given(source, chunk) for chunk in range(source.n_chunks)]))


def labels_of(source: Source, exponent: int = 0) -> tuple[Array | None, Array]:
    """The labels of all rows, sorted, and the sum of the weights of each; None for several labels a row.

    Weights, in the type of X and over 2**exponent, are added up row by row: each chunk goes on from the sums
    of those before, so that these have the bits of all rows in memory.
    """
    classes: Array | None = None
    totals: Array = np.empty(0)
    for chunk in range(source.n_chunks):
        y, s = source.targets(chunk)
        if y is None:
            raise ValueError(f"y must be given for a loss of classes, got None at {source.where(chunk, 0)}")
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            return None, np.empty(0)
        with placed(source, chunk):
            values, numbers = distinct(label_array("y", y))
        weights = as_weights(s, rows_like(source, chunk), exponent)
        before = values[:0] if classes is None else classes
        classes, merged = distinct(np.concatenate([before, values]))
        merged = merged.astype(np.intp)
        sums, rows = merged[: len(before)], merged[len(before) :][numbers.astype(np.intp)]
        own = np.ones(len(rows)) if weights is None else weights.astype(np.float64)
        totals = np.bincount(np.append(sums, rows), np.append(totals, own), len(classes))
    return classes, totals


def weights_by_class(
    class_weight: ClassWeight, found: Array | None, classes: Array | None, totals: Array
) -> Array:
    """How much each class counts, of which some were found, with these weights in all."""
    if classes is None or found is None:
        raise ValueError("class_weight must be None where y has several labels a row, got one; give weights")
    if isinstance(class_weight, Mapping):
        return by_label(class_weight, classes)
    of_class = np.zeros(len(classes))
    of_class[places(found, classes)] = totals
    return balanced(of_class)


def weights_of(
    source: Source, classes: Array | None, by_class: Array | None, exponent: int
) -> tuple[RowWeights, tuple[float, float] | None]:
    """How weights are read; and of all the largest, and their mean in units of that, as in the core."""
    chunks = range(source.n_chunks)
    if not source.has_weights and by_class is None:
        return RowWeights(), None
    weights = RowWeights(None if by_class is None else scaled_down(by_class), exponent, classes)

    def double(chunk: int) -> Array:
        y, s = source.targets(chunk)
        rows = rows_like(source, chunk)
        if by_class is None:
            return weights.in_double(s, rows)
        return weights.in_double(s, as_classes(y, rows, classes)[1])

    if by_class is not None:
        largest = np.array([double(chunk).max() for chunk in chunks])
        weights = replace(weights, exponent_of_product=exponent_of(largest))

    def own(chunk: int) -> Array:
        in_type = np.ldexp(double(chunk), -weights.exponent_of_product).astype(source.dtype)
        return in_type.astype(np.float64)

    largest_of_all = max(float(own(chunk).max()) for chunk in chunks)
    if largest_of_all == 0:
        raise ValueError("sample_weight must be positive for at least one row, got only zeros")
    total = 0.0
    for chunk in chunks:  # one after the other, as numbers are added up in the core
        total = float(np.cumsum(np.append(total, own(chunk) / largest_of_all))[-1])
    return weights, (largest_of_all, total / source.n_rows)


def largest_given(source: Source, chunk: int) -> float:
    """The largest weight of the rows of a chunk, all of which are checked."""
    _, s = source.targets(chunk)
    rows = rows_like(source, chunk)
    if as_weights(s, rows, 0) is None:
        raise TypeError(f"sample_weight must be given as announced, got None at {source.where(chunk, 0)}")
    given = np.asarray(s, np.float64)
    is_wrong = ~(np.isfinite(given) & (given >= 0))
    if is_wrong.any():
        row = int(is_wrong.argmax())
        where = source.where(chunk, row)
        raise ValueError(f"sample_weight must be finite and >= 0, got {given[row]:g} at {where}")
    return float(given.max())


def rows_like(source: Source, chunk: int) -> Array:
    """Rows as many as a chunk has and of its type, which take no memory."""
    return np.broadcast_to(np.zeros((), source.dtype), (source.chunk_rows[chunk], 1))
