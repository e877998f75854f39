"""The loop around shuffle, gradient and update."""

import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .auto_rate import best_model, make_auto_rate
from .objective import Objective
from .optimizers import make_optimizer
from .penalties import shrink
from .schedules import learning_rate_at
from .shuffle import Rows, batches, order_of_epochs

Array = NDArray[Any]


class Recorder:
    """What is written down meanwhile, by name."""

    def __init__(self, objective: Objective, record: tuple[str, ...]) -> None:
        self.objective = objective
        self.has_losses, self.has_steps = bool(record), "step" in record
        self.has_full_loss, self.has_path = "full_loss" in record, "path" in record
        self.values: dict[str, list[Any]] = defaultdict(list)
        self.loss_sum, self.n_seen = 0.0, 0
        self.start = time.perf_counter()

    def end_step(self, model: Array, rows: Rows, value: float, learning_rate: float, norm: float) -> None:
        n_rows = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        self.loss_sum += n_rows * value
        self.n_seen += n_rows
        if self.has_steps:
            self.values["step_loss"].append(value)
            self.values["learning_rate"].append(learning_rate)
            self.values["gradient_norm"].append(norm)
            self.values["elapsed"].append(time.perf_counter() - self.start)
            self.record_full_loss(model)
        if self.has_path:
            self.values["path"].append(model.copy())

    def end_epoch(self, model: Array) -> None:
        if self.has_losses:
            self.values["epoch_loss"].append(self.loss_sum / self.n_seen)
            self.values["epoch_elapsed"].append(time.perf_counter() - self.start)
        if not self.has_steps:
            self.record_full_loss(model)
        self.loss_sum, self.n_seen = 0.0, 0

    def record_full_loss(self, model: Array) -> None:
        if self.has_full_loss:
            self.values["full_loss"].append(self.objective.value_at(model))


@dataclass(frozen=True)
class Fit:
    """A trained model and what was recorded on the way, an array for each name."""

    coef: Array
    intercept: Any
    classes: Array | None
    history: dict[str, Array]
    n_steps: int
    n_epochs: int


def fit(
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    loss: Any = "squared_error",
    penalty: Any = None,
    fit_intercept: bool = True,
    optimizer: Any = "sgd",
    batch_size: int | str = "auto",
    shuffle: str | bool = "full",
    replacement: bool = False,
    drop_last: bool = False,
    epochs: int = 10,
    init: Any = None,
    clip_norm: float | None = None,
    seed: int = 0,
    record: str | tuple[str, ...] = "epoch",
    orders: Callable[[int], Array | None] | None = None,
) -> Fit:
    """Trains a linear model; the arguments are those of `mbgd_rs.fit`, and these:

    record: "epoch", "step", or several of "epoch", "step", "full_loss", "path". With () no loss is computed,
    as in a loop written by hand.
    orders: a function from the epoch to the order of its rows, in place of `shuffle` and `replacement`.

    Raises FloatingPointError after an epoch in which the parameters left the finite numbers.

    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> model = fit(X, X @ [1.0, -2.0] + 3.0, batch_size=50, epochs=100)
    >>> model.coef.round(2), model.intercept.round(2), model.n_steps
    (array([ 1., -2.]), np.float64(3.0), 1000)
    """
    objective = Objective(X, y, sample_weight, loss, penalty, fit_intercept)
    n = len(objective.X)
    b = min({"auto": 256, "full": n}[batch_size] if isinstance(batch_size, str) else batch_size, n)
    order_of = orders or order_of_epochs(shuffle, replacement, seed, n)
    w, g = objective.start(init), objective.zeros()
    rule = make_optimizer(optimizer, w.flat)
    history = Recorder(objective, (record,) if isinstance(record, str) else record)
    n_steps = n // b if drop_last else -(-n // b)
    momentum: float = getattr(rule, "momentum", 0.0)
    t, auto = 0, None
    with np.errstate(over="ignore", invalid="ignore"):
        if rule.learning_rate == "auto" and epochs:
            auto = make_auto_rate(objective, w, rule, n_steps, b, replacement, clip_norm is not None)
        for epoch in range(epochs):
            for rows in batches(order_of(epoch), n, b, drop_last):  # which rows
                wants_value = history.has_losses or auto is not None
                value = objective.gradient(w, rows, g, wants_value)  # how wrong the model is on them
                if auto:
                    value = auto.before_step(value, w.flat, g.flat)
                norm = float(np.linalg.norm(g.flat)) if clip_norm or history.has_steps else math.nan
                if clip_norm and norm > clip_norm:
                    g.flat *= clip_norm / norm
                if auto:
                    learning_rate = auto.rate * (1 - momentum)
                else:
                    learning_rate = learning_rate_at(rule.learning_rate, t)
                rate = rule.step(w.flat, g.flat, t, learning_rate)  # how the parameters move
                if objective.l1:
                    shrink(w.flat_coef, objective.l1 * rate[: w.flat_coef.size])
                t += 1
                model = w.flat
                if auto:
                    model = auto.after_step(w)
                history.end_step(model, rows, value, learning_rate, norm)
            history.end_epoch(model)
            if not np.isfinite(w.flat).all():
                raise FloatingPointError(f"training diverged in epoch {epoch}: a parameter is not finite")
        if auto:
            w.flat[...] = best_model(auto, objective, model)
    arrays = {name: np.array(values) for name, values in history.values.items()}
    return Fit(w.coef, w.intercept[()], objective.classes, arrays, t, epochs)
