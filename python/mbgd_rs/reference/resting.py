"""Sparse rows: which parameters a step leaves alone. The algorithm itself sees a dense copy of the rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .optimizers import Rule
from .shuffle import Rows

Array = NDArray[Any]
RESTING = ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adadelta", "Lion")
"""Rules by which parameters of columns that a batch does not have rest. Others move all, as on dense rows."""


def stored_entries(X: Any) -> Array | None:
    """Where a sparse matrix has entries, zero or not; None for an array."""
    if not hasattr(X, "tocoo"):
        return None
    coo = X.tocoo()
    stored = np.zeros(X.shape, bool)
    stored[coo.row, coo.col] = True
    return stored


def is_resting(rule: Rule) -> bool:
    """Whether parameters without a gradient rest by this rule, on sparse rows."""
    return type(rule).__name__.lower() in [name.lower() for name in RESTING]


def is_on_columns(rule: Rule) -> bool:
    """Whether the gradient of a step has no l2 part of columns that the batch does not have."""
    return is_resting(rule) or type(rule).__name__.lower() == "sgd"


def untouched(stored: Array, batches: Sequence[Rows], n_outputs: int, n_params: int) -> Array:
    """Which entries of a flat vector belong to columns that the batches do not have."""
    touched = np.logical_or.reduce([stored[rows].any(axis=0) for rows in batches])
    mask = np.zeros(n_params, bool)
    mask[: n_outputs * len(touched)] = np.tile(~touched, n_outputs)
    return mask


class Kept:
    """Parameters, and what a rule remembers of them, as they are before a step."""

    def __init__(self, w: Array, rule: Rule, mask: Array) -> None:
        self.w, self.rule, self.mask = w, rule, mask
        self.of_w = w[mask].copy()
        memory = {
            name: v for name, v in vars(rule).items() if isinstance(v, np.ndarray) and v.shape == w.shape
        }
        self.of_memory = {name: vector[mask].copy() for name, vector in memory.items()}

    def put_back(self) -> None:
        self.w[self.mask] = self.of_w
        for name, values in self.of_memory.items():
            getattr(self.rule, name)[self.mask] = values
