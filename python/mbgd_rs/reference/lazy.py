"""Which parameters a step moves: all of them, or on sparse rows those of the columns of its batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .model import Model, Parameters
from .rules import Rule
from .shuffle import Rows

Array = NDArray[Any]
ALL = slice(None)


class Whole:
    """Every step moves all parameters: those of dense rows, of rules that know no lazy update, and of models
    whose weights are not those of columns.
    """

    def lend(self, batches: Sequence[Rows]) -> Any:
        """Begins a step. Returns the entries of the flat vectors that are lent to it."""
        return ALL

    def give_back(self) -> None:
        """Ends the step."""


class Lazy(Whole):
    """Sparse rows: the columns in which a batch has entries, zero or not, are active in its step.

    What a step does to the weights of an inactive column, its coefficients and factors, depends on the
    rule's `lazy_update` alone:

    - "frozen" (Adam and its kin, RMSprop, Adadelta, Lion): it leaves them and their optimizer state as they
      are. No penalty moves them, whether it has one strength, one for each coefficient or is one of groups;
      nor does weight decay.
    - "affine" (gradient descent): it moves them as on dense rows.
    - "dense" (all others): the same; the parameters are `Whole`.

    The norm of the gradient, which is recorded and clipped, is that of the active columns and the intercepts,
    unless the parameters are whole. The loss always has the penalty of all columns.

    Here rows are a dense copy, and what a step must not move is put back after it. The core spends no time on
    inactive columns: it brings an affine one up to date when it is active again.
    """

    def __init__(self, stored: Array, model: Model, w: Parameters, rule: Rule) -> None:
        self.stored, self.model, self.w, self.rule = stored, model, w, rule
        self.inactive = np.zeros(w.flat.size, bool)
        self.frozen: dict[str, Array] = {}

    def vectors(self) -> dict[str, Array]:
        """The parameters and the slots of the optimizer state."""
        return {"": self.w.flat, **self.rule.slots(self.w.flat)}

    def lend(self, batches: Sequence[Rows]) -> Any:
        has_entries = np.logical_or.reduce([self.stored[rows].any(axis=0) for rows in batches])
        self.inactive[: self.w.flat_weights.size] = self.model.entries_of(~has_entries)
        if self.rule.lazy_update == "frozen":
            self.frozen = {name: vector[self.inactive] for name, vector in self.vectors().items()}
        return ~self.inactive

    def give_back(self) -> None:
        vectors = self.vectors()
        for name, values in self.frozen.items():
            vectors[name][self.inactive] = values


def parameters_of(data: Data, model: Model, w: Parameters, rule: Rule, is_automatic: bool) -> Whole:
    """How steps are lent the parameters. An automatic learning rate needs all of them in every step."""
    if data.stored is None or is_automatic or rule.lazy_update == "dense" or not model.has_columns:
        return Whole()
    return Lazy(data.stored, model, w, rule)
