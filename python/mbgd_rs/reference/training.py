"""The loop around shuffle, gradient and update."""

import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .auto_batch_size import auto_batch_size
from .auto_rate import Spectral, Trials, best_model, make_auto_rate, share_of_rate
from .averages import Average
from .batch_sizes import batch_size_at
from .naming import name_of
from .noise import (
    STEPS_BETWEEN_LOOKS,
    STEPS_BETWEEN_SECOND_LOOKS,
    WHERE_BATCHES_GROW,
    Growth,
    Noise,
    noise_of,
)
from .objective import Objective, Parameters
from .optimizers import Rule
from .resting import Kept, is_on_columns, is_resting, untouched
from .rules import make_optimizer
from .schedules import Falls, learning_rate_at
from .shuffle import batches, groups, joined, order_of_epochs, row_factors
from .stopping import Rules, with_validation

Array = NDArray[Any]


class Recorder:
    """What is written down meanwhile, by name."""

    def __init__(self, objective: Objective, judged: Objective | None, record: tuple[str, ...]) -> None:
        self.objective, self.judged = objective, judged
        self.has_losses, self.has_steps = bool(record), "step" in record
        self.has_full_loss, self.has_path = "full_loss" in record, "path" in record
        self.has_noise = "noise" in record
        self.values: dict[str, list[Any]] = defaultdict(list)
        self.loss_sum, self.n_seen = 0.0, 0
        self.start = time.perf_counter()

    def end_step(self, w: Parameters, n_rows: int, value: float, learning_rate: float, norm: float) -> None:
        self.loss_sum += n_rows * value
        self.n_seen += n_rows
        if self.has_steps:
            self.values["step_loss"].append(value)
            self.values["batch_size"].append(n_rows)
            self.values["learning_rate"].append(learning_rate)
            self.values["gradient_norm"].append(norm)
            self.values["elapsed"].append(time.perf_counter() - self.start)
            self.record_full_loss(w)
        if self.has_path:
            self.values["path"].append(w.flat.copy())

    def look(self, t: int, noise: Noise, learning_rate: float) -> None:
        if self.has_noise:
            along = noise.variance_along if t % STEPS_BETWEEN_SECOND_LOOKS == 0 else math.nan
            known = vars(noise) | {"step": t, "learning_rate": learning_rate, "variance_along": along}
            for name, value in known.items():
                self.values[f"noise_{name}"].append(value)

    def end_epoch(self, w: Parameters) -> dict[str, float]:
        values = {"loss": self.loss_sum / self.n_seen}
        if self.judged is not None:
            values["validation_loss"] = self.judged.gradient(w, slice(None), None)
            self.values["validation_loss"].append(values["validation_loss"])
        if self.has_losses:
            self.values["epoch_loss"].append(values["loss"])
            self.values["epoch_elapsed"].append(time.perf_counter() - self.start)
        if not self.has_steps:
            self.record_full_loss(w)
        self.loss_sum, self.n_seen = 0.0, 0
        return values

    def record_full_loss(self, w: Parameters) -> None:
        if self.has_full_loss:
            self.values["full_loss"].append(self.objective.gradient(w, slice(None), None))


@dataclass(frozen=True)
class Fit:
    """A trained model and what was recorded on the way, an array for each name."""

    coef: Array
    intercept: Any
    classes: Array | None
    history: dict[str, Array]
    n_steps: int
    n_epochs: int
    stop_reason: str


def fit(
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    class_weight: Any = None,
    loss: Any = "squared_error",
    penalty: Any = None,
    fit_intercept: bool = True,
    optimizer: Any = "sgd",
    batch_size: Any = "auto",
    shuffle: Any = "full",
    replacement: bool = False,
    drop_last: bool = False,
    epochs: int = 10,
    init: Any = None,
    validation: Any = None,
    stop: Any = None,
    accumulate: int = 1,
    average: Any = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    seed: int = 0,
    record: str | tuple[str, ...] = "epoch",
    orders: Callable[[int], Array | None] | None = None,
) -> Fit:
    """Trains a linear model; the arguments are those of `mbgd_rs.fit`, and these:

    record: "epoch", or several of "epoch", "step", "full_loss", "path", "noise". With () no loss is computed,
    as in a loop written by hand.
    orders: a function from the epoch to the order of its rows, in place of `shuffle` and `replacement`.

    Raises FloatingPointError after an epoch in which the parameters left the finite numbers.

    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> model = fit(X, X @ [1.0, -2.0] + 3.0, batch_size=50, epochs=100)
    >>> model.coef.round(2), model.intercept.round(2), model.n_steps
    (array([ 1., -2.]), np.float64(3.0), 1000)
    """
    if name_of(batch_size) == "auto" and epochs > 0 and validation is None and orders is None:
        batch_size = auto_batch_size(
            fit, X, y, sample_weight, accumulate, seed, class_weight=class_weight, loss=loss, penalty=penalty,
            fit_intercept=fit_intercept, optimizer=optimizer, init=init, clip_norm=clip_norm,
            clip_value=clip_value,
        )  # fmt: skip
    options = loss, penalty, fit_intercept, class_weight
    objective, judged = with_validation(validation, seed, X, y, sample_weight, *options)
    n = len(objective.X)
    objective.row_factors = row_factors(shuffle)
    w, g = objective.start(init), objective.zeros()
    rule = make_optimizer(optimizer, w.flat, w.flat_coef.size, fit_intercept)
    mean = None if average is None else Average(average)
    shown = objective.zeros()
    history = Recorder(objective, judged, (record,) if isinstance(record, str) else record)
    falls, rules = Falls(rule.learning_rate), Rules(stop)
    auto = begin_auto_rate(
        objective, w, rule, (shuffle, replacement, batch_size, accumulate, drop_last), clip_norm or clip_value
    )
    draws = replacement or hasattr(shuffle, "weights")
    growth = Growth(batch_size, draws, accumulate) if name_of(batch_size) == "normtest" else None
    between_looks = STEPS_BETWEEN_LOOKS if growth is None else WHERE_BATCHES_GROW
    t = n_epochs = 0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for epoch in range(epochs):
            if rules.reason:
                break
            b = batch_size_at(batch_size, epoch, n) if growth is None else growth.batch_size
            order = (orders or order_of_epochs(shuffle, replacement, seed, n, b, objective.y))(epoch)
            n_positions = n if order is None else len(order)
            of_epoch = list(groups(batches(order, n_positions, b, drop_last), accumulate))
            for step, group in enumerate(of_epoch):  # which rows
                if rules.reason:
                    break
                if auto:
                    auto.begin_step(w, epoch, step, len(of_epoch))
                wants_value = history.has_losses or auto is not None
                n_rows, value = objective.mean_gradient(w, group, g, wants_value)  # how wrong w is there
                noise = None
                if (history.has_noise or growth) and t % between_looks == 0:
                    noise = noise_of(objective, w, joined(group), g.flat, draws)
                if auto:
                    value = auto.before_step(value, w.flat, g.flat)
                known: Any = slice(None)  # of sparse rows, what belongs to the columns of the batch
                if objective.stored is not None and auto is None:
                    idle = untouched(objective.stored, group, math.prod(objective.outputs), g.flat.size)
                    known = ~idle if is_on_columns(rule) else known
                norm = float(np.linalg.norm(g.flat[known])) if clip_norm or history.has_steps else math.nan
                if clip_norm and norm > clip_norm:
                    g.flat[known] *= clip_norm / norm
                if clip_value:
                    np.clip(g.flat, -clip_value, clip_value, out=g.flat)
                if auto:
                    learning_rate = auto.rate * share_of_rate(rule)
                else:
                    learning_rate = falls.lowered(learning_rate_at(rule.learning_rate, t))
                kept = None if objective.stored is None or not is_resting(rule) else Kept(w.flat, rule, idle)
                rate = rule.step(w.flat, g.flat, t, learning_rate)  # how the parameters move
                if objective.penalty.has_l1:
                    objective.penalty.shrink(w.coef, rate[: w.coef.size].reshape(w.coef.shape))
                rule.settle(w.flat)
                if kept is not None:
                    kept.put_back()
                if mean is not None:
                    mean.step(w.flat, t)
                t += 1
                if auto:
                    auto.after_step(w)
                if noise is not None:
                    history.look(t - 1, noise, learning_rate)
                    if growth is not None and np.isfinite(noise.trace):
                        growth.seen.append(noise)
                model = model_of(rule, mean, auto, w, shown)
                history.end_step(model, n_rows, value, learning_rate, norm)
                rules.end_step(t)
            else:
                n_epochs += 1
                model = model_of(rule, mean, auto, w, shown)
                values = history.end_epoch(model)
                falls.end_epoch(values["loss"])
                if growth is not None:
                    growth.end_epoch(n_positions)
                rules.end_epoch(values, model)
            if not np.isfinite(w.flat).all():
                raise FloatingPointError(f"training diverged in epoch {epoch}: a parameter is not finite")
    arrays = {name: np.array(values) for name, values in history.values.items()}
    model = model_of(rule, mean, auto, w, shown)
    if rules.best is not None:
        model.flat[:] = rules.best
    elif auto and mean is None:
        with np.errstate(over="ignore", invalid="ignore"):
            model.flat[:] = best_model(auto, objective, model.flat)
    reason = rules.reason or "epochs"
    return Fit(model.coef, model.intercept[()], objective.classes, arrays, t, n_epochs, reason)


def begin_auto_rate(
    objective: Objective, w: Parameters, rule: Rule, sampling: tuple[Any, ...], is_clipped: Any
) -> Spectral | Trials | None:
    """A rate that chooses itself, if that is wanted."""
    if rule.learning_rate != "auto":
        return None
    shuffle, replacement, batch_size, accumulate, drop_last = sampling
    n = len(objective.X)
    b = batch_size_at(batch_size, 0, n)
    n_batches = n // b if drop_last else -(-n // b)
    is_of_one_size = isinstance(batch_size, int | str)
    sees_all = is_of_one_size and min(min(n_batches, accumulate) * b, n) == n and not is_clipped
    draws = replacement or hasattr(shuffle, "weights")
    with np.errstate(over="ignore", invalid="ignore"):
        return make_auto_rate(objective, w, rule, min(b * accumulate, n), draws, sees_all)


def model_of(
    rule: Rule, mean: Average | None, auto: Spectral | Trials | None, w: Parameters, shown: Parameters
) -> Parameters:
    """What to predict with: w, or an average, put into `shown`."""
    flat = rule.model(w.flat) if mean is None else mean.model(w.flat)
    if flat is w.flat and auto is not None:
        flat = auto.model(flat)
    if flat is w.flat:
        return w
    shown.flat[...] = flat
    return shown
