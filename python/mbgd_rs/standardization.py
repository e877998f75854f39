"""Columns and targets of mean 0 and spread 1, and parameters there and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .models import Change, Model
from .moments import blocks, units_of
from .own_rows import RowsOfRanks
from .sparse import SparseRows

__all__ = ["Standardization"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Standardization:
    """By what columns and targets were centred and scaled, where ``fit(standardize=True)`` has trained.

    A run trained on ``(X - mean) / scale`` and ``(y - y_mean) / y_scale``. All that a result says is in the
    units of the data nevertheless, its `state` aside.

    Attributes
    ----------
    mean : ndarray of shape (d,) or None
        Weighted means of the columns; None where they were not centred: of sparse rows, and without an
        intercept.
    scale : ndarray of shape (d,)
        Weighted standard deviations, with n as the divisor; 1 for constant columns.
    y_mean : ndarray of shape (k,) or None
        Weighted means of the targets, less their offsets; None where they were not centred.
    y_scale : float
        By what the targets of all outputs were divided: the root of their mean square; 1 where they were not.
    loss_scale : float
        What losses were divided by in training: `y_scale` to the power by which the loss grows with it.
    """

    mean: Array | None
    scale: Array
    y_mean: Array | None
    y_scale: float
    loss_scale: float

    def rows(self, X: Array | SparseRows, out: Array | None = None) -> Array | SparseRows:
        """A copy of X, standardised; of dense X in `out`, if that is given, which may be X itself."""
        if isinstance(X, RowsOfRanks):
            return cast("SparseRows", X.changed(self.rows(X.own)))
        unit = units_of(self.scale)
        divisor = self.scale * unit
        try:
            with np.errstate(over="raise", invalid="ignore", under="ignore"):
                if isinstance(X, SparseRows):
                    return self.sparse_rows(X, unit, divisor)
                made = np.empty(X.shape, X.dtype) if out is None else out
                shift = None if self.mean is None else self.mean * unit
                for rows in blocks(*X.shape):
                    block = X[rows] * unit
                    if shift is not None:
                        block -= shift
                    made[rows] = block / divisor
                return made
        except FloatingPointError:
            raise ValueError(
                f"X must be within the range of {X.dtype} once standardised: a row is too far from those by "
                "which its columns were scaled"
            ) from None

    def sparse_rows(self, X: SparseRows, unit: Array, divisor: Array) -> SparseRows:
        """A copy of the values, scaled."""
        data = np.empty_like(X.data)
        for some in blocks(len(data), 1):
            columns = X.indices[some]
            data[some] = X.data[some] * unit[columns] / divisor[columns]
        return SparseRows(data, X.indices, X.indptr, X.shape)

    def targets(self, y: Array, dtype: np.dtype[Any]) -> Array:
        """A copy of the targets, in double, standardised; of a type."""
        made = y if self.y_mean is None else y - self.y_mean
        return np.ascontiguousarray(made / self.y_scale, dtype)

    def offsets(self, given: Array) -> Array:
        """Offsets of scores in the unit of the scaled targets."""
        return given if self.y_scale == 1 else (given.astype(np.float64) / self.y_scale).astype(given.dtype)

    def params_of(self, given: Array, model: Model, n_outputs: int) -> Array:
        """Parameters of the standardised problem, of those in the units of the data."""
        shift = None if self.mean is None else self.mean / self.scale
        offset = None if self.y_mean is None else -self.y_mean / self.y_scale
        change = Change(self.scale, 1.0, shift, 1 / self.y_scale, offset)
        return model.changed(given, len(self.scale), n_outputs, change)

    def params_in_units(self, trained: Array, model: Model, n_outputs: int) -> Array:
        """Parameters in the units of the data, of trained ones: of one point, or of many, one a row."""
        shift = None if self.mean is None else -self.mean
        change = Change(1.0, self.scale, shift, self.y_scale, self.y_mean)
        made = np.empty(trained.shape, trained.dtype)
        flat, out = trained.reshape(-1, trained.shape[-1]), made.reshape(-1, trained.shape[-1])
        for rows in blocks(*flat.shape):
            out[rows] = model.changed(flat[rows], len(self.scale), n_outputs, change)
        return made

    def losses(self, *values: Any) -> Any:
        """Losses in the units of the data, of those in training; None stays None."""
        return tuple(None if value is None else value * self.loss_scale for value in values)

    def records(self, recorded: dict[str, Any], model: Model, n_outputs: int) -> dict[str, Any]:
        """The records of a run in the units of the data."""
        made = dict(recorded)
        with np.errstate(over="ignore"):  # of a run that diverges
            for name in ("epoch_loss", "step_loss", "full_loss", "validation_loss"):
                made[name] = made[name] * self.loss_scale
        if made["path"].size:
            made["path"] = self.params_in_units(made["path"], model, n_outputs)
        return made
