"""The objective on given data, and its gradient on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .choices import resolve
from .class_weights import weights_of_rows
from .columns import Names, check_names, names_of
from .inputs import (
    as_flag,
    as_offset,
    as_real_targets,
    as_row_numbers,
    as_rows,
    as_weights,
)
from .labels import as_classes, as_labels
from .losses import Loss, LossName
from .models import Linear, Model, ModelName
from .own_rows import RowsOfRanks
from .penalties import GroupElasticNet, GroupL1, Penalty, PenaltyName, check_strengths
from .result import FitResult
from .sparse import SparseRows
from .standardization import Standardization
from .threads import resolve_n_threads

__all__ = ["Problem", "gradient", "make_problem"]

Array = NDArray[Any]
LINEAR = Linear()


class Part(NamedTuple):
    """What is known of all rows, where those of a problem are some of them."""

    weight_scale: tuple[float, float] | None
    """The largest sample weight, and the mean of all in units of that."""
    entries_of_row: int | None
    """Stored entries of a sparse row, on average and rounded down."""
    is_scanned: bool
    """Whether all entries of X are known to be finite."""
    largest_target: float | None = None
    """The largest magnitude of a number to be learned, where that is not of these rows alone."""
    is_of_rank: bool = False
    """Whether the others are at other processes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """The arrays and choices of an objective, as the core reads them."""

    X: Array | SparseRows
    """Or :class:`RowsOfRanks`, if each rank has rows of its own; then all else is of all rows, too."""
    y: Array
    sample_weight: Array | None
    n_classes: int
    loss: Loss
    loss_name: str
    penalty: Penalty | None
    """With its strengths as the core reads them."""
    fit_intercept: bool
    classes: Array | None
    is_vector: bool
    model: Model = LINEAR
    offset: Array | None = None
    """What is added to the scores of rows, shape (n, k)."""
    names: Names | None = None
    """Of the columns of X, if they have some."""
    part: Part | None = None
    """If the rows are some of more."""
    units: Standardization | None = None
    """How parameters in training become those of these columns and targets, if they are not the same."""

    def at_hand(self) -> Problem:
        """The same on the rows that this process has, if others have the rest."""
        X: Any = self.X
        if not isinstance(X, RowsOfRanks):
            return self
        y, s = X.of_rank(self.y), self.sample_weight
        assert y is not None
        part = Part(
            weight_scale=None if s is None or not s.any() else scale_of(s),
            entries_of_row=X.entries_of_row,
            is_scanned=False,
            largest_target=float(np.abs(self.y).max()) if self.classes is None else None,
            is_of_rank=True,
        )
        return replace(
            self, X=X.own, y=y, sample_weight=X.of_rank(s), offset=X.of_rank(self.offset), part=part
        )

    @property
    def n_outputs(self) -> int:
        """Scores of a row, k."""
        return n_outputs_of(self.n_classes, self.y)

    @property
    def has_several_labels(self) -> bool:
        """Whether a row has several labels."""
        return self.classes is not None and self.y.shape[1] > 1

    def weighted(self, by_class: Array) -> Problem:
        """The same with the rows of each class weighted by its weight, too."""
        assert self.classes is not None
        return replace(
            self, sample_weight=weights_of_rows(by_class, self.classes, self.y, self.sample_weight)
        )

    def on_rows(self, rows: Array) -> Problem:
        """The loss of these rows, without weights and penalty."""
        offset = None if self.offset is None else self.offset[rows]
        return replace(self, X=self.X[rows], y=self.y[rows], sample_weight=None, offset=offset, penalty=None)

    @property
    def n_params(self) -> int:
        """Of the model on these columns."""
        return sum(self.model.size(self.X.shape[1], self.n_outputs))

    def split(self, flat: Array) -> dict[str, Any]:
        """The blocks of a flat vector, in the units of the data: copies."""
        if self.units is None:
            flat = flat.copy()
        else:
            flat = self.units.params_in_units(flat, self.model, self.n_outputs)
        return self.model.split(flat, self.X.shape[1], self.n_outputs, self.is_vector)

    def start(self, seed: int) -> Array:
        """The flat vector with which training begins."""
        return self.model.start(self.X.shape[1], self.n_outputs, seed, self.X.dtype)

    def join(self, argument: str, params: Any) -> Array:
        """The flat vector of blocks or of a result, of the type of X."""
        return self.model.join(params, self.X.shape[1], self.n_outputs, self.X.dtype, argument=argument)


def n_outputs_of(n_classes: int, y: Array) -> int:
    """Scores of a row: one for each of several classes, or for each of its targets."""
    return n_classes if n_classes > 2 else y.shape[1]


def scale_of(weights: Array) -> tuple[float, float]:
    """The largest weight, and the mean of all in units of that: the sums of the core, in its order."""
    largest = float(weights.max())
    return largest, float(np.cumsum(weights.astype(np.float64) / largest)[-1]) / len(weights)


def make_problem(
    X: Any,
    y: Any,
    *,
    loss: LossName | Loss | None,
    penalty: PenaltyName | Penalty | None,
    sample_weight: Any = None,
    offset: Any = None,
    fit_intercept: Any = True,
    model: ModelName | Model | None = None,
    known: Any = None,
    classes: Array | None = None,
) -> Problem:
    """Check and convert what is to be minimised.

    A known result, or its problem, says which columns there are and, unless these are given, which loss and
    model it is of and, if it is of classes, which.
    """
    known = known if isinstance(known, FitResult | Problem) else None
    if loss is None:
        loss = "squared_error" if known is None else loss_of(known)
    chosen = resolve("loss", loss, Loss)
    if model is None:
        model = LINEAR if known is None else known.model
    architecture = resolve("model", model, Model)
    if not chosen.has_targets and architecture != LINEAR:
        raise ValueError(
            f"loss must be one with targets for model {architecture.name!r}, got {chosen.name!r}"
        )
    if y is None and chosen.has_targets:
        raise ValueError(f"y must be given for loss {chosen.name!r}, got None")
    if known is not None:
        check_names(X, known.names if isinstance(known, Problem) else known.feature_names)
    matrix: Array | SparseRows = cast(Any, X) if isinstance(X, RowsOfRanks) else as_rows(X)
    expected = classes
    if known is not None and known.classes is not None and not known.has_several_labels:
        if classes is not None and not np.array_equal(classes, known.classes):
            raise ValueError(f"classes must be those of the model, {known.classes}, got {classes}")
        expected = known.classes
    n_classes = 0
    if not chosen.is_classification:
        if classes is not None:
            raise ValueError(f"classes needs a loss of classes, got loss {chosen.name!r}")
        if chosen.has_targets:
            targets, is_vector = as_real_targets(y, matrix)
        else:
            targets, is_vector = np.ones((len(matrix), 1), matrix.dtype), True
    elif (labels := as_labels(y, matrix)) is not None:
        if expected is not None:
            raise ValueError(f"y must have one label a row, of {expected}, got shape {np.shape(y)}")
        classes, targets, n_classes, is_vector = np.array([0, 1]), labels, 2, False
    else:
        if known is not None and known.has_several_labels:
            raise ValueError(f"y must have several labels a row, as the model has, got shape {np.shape(y)}")
        classes, targets = as_classes(y, matrix, expected)
        n_classes = len(classes)
        is_vector = n_classes == 2
    n_outputs = n_outputs_of(n_classes, targets)
    chosen_penalty = None if penalty is None else resolve("penalty", penalty, Penalty)
    return Problem(
        X=matrix,
        y=targets,
        sample_weight=as_weights(sample_weight, matrix),
        n_classes=n_classes,
        loss=chosen,
        loss_name=chosen.name,
        penalty=in_weights(chosen_penalty, architecture, n_outputs, matrix.shape[1]),
        fit_intercept=as_flag("fit_intercept", fit_intercept),
        classes=classes,
        is_vector=is_vector,
        model=architecture,
        offset=as_offset(offset, matrix, n_outputs),
        names=names_of(X),
    )


def loss_of(known: FitResult | Problem) -> Loss:
    return known.loss if isinstance(known, Problem) else known.loss_object


def in_weights(penalty: Penalty | None, model: Model, n_outputs: int, n_columns: int) -> Penalty | None:
    """The penalty with strengths as the core reads them: one, or some for the weights of the model."""
    if penalty is None:
        return None
    if isinstance(penalty.alpha, Mapping):
        return replace(penalty, alpha=model.strengths(penalty.alpha, n_columns, n_outputs))
    if not isinstance(model, Linear):
        if isinstance(penalty, GroupL1 | GroupElasticNet):
            raise ValueError(f"penalty must not be one of groups for model {model.name!r}, got {penalty!r}")
        if np.ndim(penalty.alpha) > 0:
            raise ValueError(
                "alpha must be a number, or a dict with keys of "
                f"{', '.join(map(repr, model.weight_blocks))}, for model {model.name!r}, got shape "
                f"{np.shape(penalty.alpha)}"
            )
    check_strengths(penalty, n_outputs, n_columns)
    return penalty


def gradient(
    X: Any,
    y: ArrayLike | None,
    params: Any,
    *,
    rows: ArrayLike | None = None,
    loss: LossName | Loss | None = None,
    model: ModelName | Model | None = None,
    penalty: PenaltyName | Penalty | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
) -> tuple[float, Any]:
    """The objective and its gradient, over some rows or all.

    ``(1/b) sum_i s_i slope_i dz_i`` over the b rows, dz the derivative of the score, x_i of a linear model,
    plus the penalty's; the l1 part has the subgradient ``alpha l1_ratio sign(w)``. The weights s are scaled
    to mean 1 over all of X, so the gradient of uniformly drawn rows is an unbiased estimate of that of all
    rows. No rows have loss and gradient 0. Of a network no unit is dropped.

    Parameters
    ----------
    X, y, penalty, sample_weight, offset
        As in :func:`fit`.
    params : dict, tuple or FitResult
        Where: blocks by name, as ``result.params`` of a fit has them, or all of them in that order; of a
        linear model a pair (coef, intercept).
    rows : array-like of int, optional
        Row numbers, in [0, n), repeated as they are wanted; all by default.
    loss, model : str or object, optional
        By default those of the result given as `params`, or "squared_error" and "linear".

    Returns
    -------
    value : float
        The objective.
    gradient : pair (coef, intercept), or dict
        Of the shapes and the dtype a fit would give; of a model that is not linear the blocks by name.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> X, y = [[1.0, 0.0], [0.0, 2.0]], [1.0, 3.0]
    >>> mb.gradient(X, y, ([0.0, 0.0], 0.0))
    (2.5, (array([-0.5, -3. ]), np.float64(-2.0)))
    >>> mb.gradient(X, y, ([0.0, 0.0], 0.0), rows=[1])
    (4.5, (array([ 0., -6.]), np.float64(-3.0)))
    """
    problem = make_problem(
        X,
        y,
        loss=loss,
        model=model,
        penalty=penalty,
        sample_weight=sample_weight,
        offset=offset,
        known=params,
    )
    flat = problem.join("params", params)
    chosen = None if rows is None else as_row_numbers("rows", rows)
    value, grad = _core.gradient(problem, flat, chosen, resolve_n_threads(None))
    blocks = problem.split(grad)
    return value, tuple(blocks.values()) if isinstance(problem.model, Linear) else blocks
