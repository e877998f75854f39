"""What must be known of all rows of a source before the first step on some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..class_weights import ClassWeight, by_label, class_of
from ..inputs import as_weights
from ..labels import as_classes, distinct, label_array, places
from ..losses import Loss
from ..sources import Source, checked_chunk
from .placing import placed

__all__ = ["Survey", "rows_like", "survey", "weights_of_part"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """What all rows have in common."""

    classes: Array | None = None
    """Their labels, sorted."""
    by_class: Array | None = None
    """How much each class counts."""
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
    """Pass over targets and weights: once for the labels and twice for the weights, where there are some.

    Weights of classes may be known already.
    """
    entries = entries_of_row(source)
    if class_weight is not None and not loss.is_classification:
        raise ValueError("class_weight needs a loss of classes; give the source weights")
    if loss.is_classification and (classes is None or class_weight is not None):
        found, totals = labels_of(source)
        classes = found if classes is None else classes
        if class_weight is not None:
            by_class = weights_by_class(class_weight, found, classes, totals)
    return Survey(
        classes=classes,
        by_class=by_class,
        weight_scale=weight_scale(source, classes, by_class),
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


def labels_of(source: Source) -> tuple[Array | None, Array]:
    """The labels of all rows, sorted, and the sum of the weights of each; None for several labels a row."""
    labels: list[Array] = []
    totals: list[Array] = []
    for chunk in range(source.n_chunks):
        y, s = source.targets(chunk)
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            return None, np.empty(0)
        with placed(source, chunk):
            values, numbers = distinct(label_array("y", y))
        labels.append(values)
        totals.append(np.bincount(numbers, None if s is None else np.asarray(s, np.float64), len(values)))
    classes, numbers = distinct(np.concatenate(labels))
    return classes, np.bincount(numbers, np.concatenate(totals), len(classes))


def weights_by_class(
    class_weight: ClassWeight, found: Array | None, classes: Array | None, totals: Array
) -> Array:
    """How much each class counts, of which some were found, with these weights in all."""
    if classes is None or found is None:
        raise ValueError("class_weight must be None where y has several labels a row, got one; give weights")
    if not isinstance(class_weight, str):
        return by_label(class_weight or {}, classes)
    if class_weight != "balanced":
        raise ValueError(f"class_weight must be a dict, 'balanced' or None, got {class_weight!r}")
    of_class = np.zeros(len(classes))
    of_class[places(found, classes)] = totals
    weights: Array = of_class.sum() / len(classes) / np.where(of_class > 0, of_class, 1)
    return weights


def weight_scale(source: Source, classes: Array | None, by_class: Array | None) -> tuple[float, float] | None:
    """Of the weights of all rows: the largest, and their mean in units of that, summed as the core does."""
    if not source.has_weights and by_class is None:
        return None

    def weights(chunk: int) -> Array:
        y, s = source.targets(chunk)
        rows = rows_like(source, chunk)
        s = as_weights(s, rows)
        if by_class is not None:
            _, targets = as_classes(y, rows, classes)
            s = weights_of_part(by_class, classes, targets, s)
        assert s is not None
        if not (np.isfinite(s) & (s >= 0)).all():
            row = int((~(np.isfinite(s) & (s >= 0))).argmax())
            where = source.where(chunk, row)
            raise ValueError(f"sample_weight must be finite and >= 0, got {s[row]:g} at {where}")
        own: Array = s.astype(np.float64)
        return own

    chunks = range(source.n_chunks)
    largest = max(float(weights(chunk).max()) for chunk in chunks)
    if largest == 0:
        raise ValueError("sample_weight must be positive for at least one row, got only zeros")
    total = 0.0
    for chunk in chunks:  # one after the other, as numbers are added up in the core
        total = float(np.cumsum(np.append(total, weights(chunk) / largest))[-1])
    return largest, total / source.n_rows


def weights_of_part(by_class: Array, classes: Array | None, targets: Array, s: Array | None) -> Array:
    """Weights of rows, multiplied by those of their classes."""
    assert classes is not None
    own = np.ones(len(targets)) if s is None else s.astype(np.float64)
    weights: Array = (own * by_class[class_of(targets, classes)]).astype(targets.dtype)
    return weights


def rows_like(source: Source, chunk: int) -> Array:
    """Rows as many as a chunk has and of its type, which take no memory."""
    return np.broadcast_to(np.zeros((), source.dtype), (source.chunk_rows[chunk], 1))
