"""Gradients whose noise dies away: slopes are compared with slopes of the same rows that are known."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .model import Parameters
from .objective import Objective
from .shuffle import Rows

Array = NDArray[Any]
ALL = slice(None)


class Corrected(Objective):
    """The same objective, whose gradient on a batch is X_B^T (r - r') / b + m + ..., with r' known slopes.

    m = X^T r' / n is the gradient that the known slopes make over all rows, so that the mean is the gradient
    over all rows whatever r' is; and the variance vanishes where r' comes near r.
    """

    def __init__(self, objective: Objective, data: Data) -> None:
        super().__init__(objective.model, objective.loss, objective.penalty)
        self.data, self.uses_mean = data, False
        self.change = np.zeros(objective.model.zeros().flat.size)
        self.mean = self.change.copy()  # in double: what a step adds to it is small beside it

    def known(self, data: Data, rows: Rows) -> Array:
        """The slopes r' of some rows."""
        raise NotImplementedError

    def compared(self, r: Array, data: Data, rows: Rows) -> Array:
        return np.asarray(r - self.known(data, rows))

    def finish(self, w: Parameters, n_rows: int, g: Parameters, total: float) -> float:
        self.change = g.flat.astype(np.float64)
        loss = super().finish(w, n_rows, g, total)
        if self.uses_mean:
            g.flat += self.mean
        return loss

    def begin_epoch(self, epoch: int, w: Parameters) -> None:
        """Before its first step."""

    def accept(self) -> None:
        """The step whose gradient was computed last is made: its slopes are known from now on."""

    def reject(self) -> None:
        """It is not made."""

    def know_all(self, w: Parameters) -> float:
        """Makes the slopes of all rows at w known. Returns the objective there."""
        x, y, s, o = self.data.batch(ALL, drawn=False)
        g = self.model.zeros()
        z, trace = self.model.forward(w, x, o)
        r = self.slopes(z, y, s)
        self.model.backward(w, trace, r, g)
        self.keep(w, r)
        self.mean, self.uses_mean = g.flat.astype(np.float64) / len(x), True
        return self.value(w, self.data)

    def keep(self, w: Parameters, r: Array) -> None:
        """Remembers the slopes r of all rows at w."""
        raise NotImplementedError


class Table(Corrected):
    """SAGA: r' from when the row was last seen. The first epoch fills the table and does not use m.

    A. Defazio, F. Bach, S. Lacoste-Julien, "SAGA: a fast incremental gradient method with support for
    non-strongly convex composite objectives", NIPS 2014.
    """

    def __init__(self, objective: Objective, data: Data, snapshot_every: int) -> None:
        super().__init__(objective, data)
        self.table = np.zeros((len(data), *objective.model.outputs), data.X.dtype)
        self.seen: list[tuple[Rows, Array]] = []

    def known(self, data: Data, rows: Rows) -> Array:
        return np.asarray(self.table[rows])

    def compared(self, r: Array, data: Data, rows: Rows) -> Array:
        self.seen.append((rows, r))
        return super().compared(r, data, rows)

    def begin_epoch(self, epoch: int, w: Parameters) -> None:
        self.uses_mean = self.uses_mean or epoch > 0

    def accept(self) -> None:
        for rows, r in self.seen:
            self.table[rows] = r
        self.mean += self.change / len(self.data)
        self.seen.clear()

    def reject(self) -> None:
        self.seen.clear()

    def keep(self, w: Parameters, r: Array) -> None:
        self.table[...] = r


class Snapshot(Corrected):
    """SVRG: r' at a snapshot of the parameters, taken every so many epochs.

    R. Johnson, T. Zhang, "Accelerating stochastic gradient descent using predictive variance reduction",
    NIPS 2013.
    """

    def __init__(self, objective: Objective, data: Data, snapshot_every: int) -> None:
        super().__init__(objective, data)
        self.every, self.snapshot = snapshot_every, objective.model.zeros()

    def known(self, data: Data, rows: Rows) -> Array:
        x, y, s, o = data.batch(rows, drawn=True)
        return self.slopes(self.model.scores(self.snapshot, x, o), y, s)

    def begin_epoch(self, epoch: int, w: Parameters) -> None:
        if epoch % self.every == 0:
            self.know_all(w)

    def keep(self, w: Parameters, r: Array) -> None:
        self.snapshot.flat[...] = w.flat


def with_control_variate(objective: Objective, data: Data, rule: Any) -> Objective:
    """The objective, with the gradients that an optimizer wants."""
    if rule.variance_reduction is None:
        return objective
    kind = {"table": Table, "snapshot": Snapshot}[rule.variance_reduction]
    return kind(objective, data, getattr(rule, "snapshot_every", 1))
