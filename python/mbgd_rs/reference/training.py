"""Mini-batch gradient descent: the algorithm, what a run is made of, and the call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .adaptive_batch_size import make_batches
from .auto_batch_size import auto_batch_size
from .auto_learning_rate import make_learning_rate
from .averages import Average
from .begin import batch_size_for, begin_at_intercept, check_model
from .clipping import Clip
from .control_variate import with_control_variate
from .data import Data, n_rows_of
from .lazy import parameters_of
from .learning_rate import LearningRate
from .local_steps import descend_locally
from .model import Parameters
from .noise import BatchNoise, NoiseProbe, make_probe
from .objective import Objective
from .observers import Observers, Step, recorders
from .registry import name_of
from .rules import Rule, make_optimizer
from .shuffle import Batches, Rows, among, importance_weights
from .stopping import StopRules
from .validation import validations, with_validation

Array = NDArray[Any]


def descend(run: "Run", observers: Observers, n_epochs: int) -> str:
    """Trains; returns why the run ended. A step is made of the batches that are accumulated for it."""
    for epoch in range(n_epochs):
        for batch in run.shuffle(epoch):  # which rows
            if observers.reason:
                return observers.reason
            gradient = run.gradient(batch)  # how wrong the model is on them
            step = run.update(gradient)  # how the parameters move
            observers.end_step(run, step)
        values = run.values()
        observers.end_epoch(run, values)
        run.end_epoch(values)
        if observers.reason:
            return observers.reason
    return "epochs"


class Gradient(NamedTuple):
    """What `Run.gradient` found; the gradient itself is in `Run.g`."""

    n_rows: int
    loss: float
    """The objective on the batch, or NaN if it is not wanted."""
    active: Any
    """The entries of the flat vectors that are lent to the step."""
    noise: BatchNoise | None


@dataclass
class Run:
    """All that a run is made of.

    Two controls, `learning_rate` and the `size` of `batches`, may change the next step, and their state is
    part of the run: whatever can change a result is a control. Observers stand beside the run. They may look
    at it and end it, and change nothing.
    """

    objective: Objective
    data: Data
    w: Parameters
    rule: Rule
    batches: Batches
    learning_rate: LearningRate
    clip: Clip
    average: Average | None
    probe: NoiseProbe | None
    wants_loss: bool
    seed: int

    def __post_init__(self) -> None:
        self.g, self.averaged = self.objective.model.zeros(), self.objective.model.zeros()
        self.parameters = parameters_of(
            self.data, self.objective.model, self.w, self.rule, self.learning_rate.is_automatic
        )
        self.t = self.n_epochs = self.epoch = self.position = 0
        self.loss_sum, self.n_seen = 0.0, 0

    def shuffle(self, epoch: int) -> list[list[Rows]]:
        """The batches of every step of an epoch."""
        steps = self.batches.steps_of(epoch)
        self.learning_rate.begin_epoch(epoch, steps)
        self.epoch, self.position = epoch, 0
        return steps

    def gradient(self, batch: list[Rows]) -> Gradient:
        """The gradient on a batch, left in `g`."""
        self.learning_rate.prepare(self.w, batch)
        active = self.parameters.lend(batch)
        n_rows = sum(n_rows_of(rows) for rows in batch)
        masks = self.objective.model.masks(self.seed, self.epoch, self.position, n_rows)
        self.position += n_rows
        _, loss = self.objective.gradient(self.w, self.data, batch, self.g, self.wants_loss, masks)
        noise = None if self.probe is None else self.probe.measure(self.t, self.w, batch, self.g, masks)
        return Gradient(n_rows, loss, active, noise)

    def update(self, gradient: Gradient) -> Step:
        """Moves the parameters by the gradient in `g`."""
        w, g, t = self.w, self.g, self.t
        loss = self.learning_rate.observe(gradient.loss, w, g)
        norm = self.clip.apply(g, gradient.active)
        learning_rate = self.learning_rate.at(t)
        step_size = self.rule.step(w.flat, g.flat, t, learning_rate)
        if self.objective.penalty.has_l1:
            of_weights = step_size[: w.weights.size].reshape(w.weights.shape)
            self.objective.penalty.prox(w.weights, of_weights)
        self.rule.post_prox(w.flat)
        self.parameters.give_back()
        is_made, loss = self.learning_rate.accept(w, loss)
        if self.average is not None and is_made:
            self.average.step(w.flat, t)
        if gradient.noise is not None:
            self.batches.size.observe(gradient.noise)
        self.t += 1
        self.n_seen += gradient.n_rows
        self.loss_sum += gradient.n_rows * loss
        return Step(t, gradient.n_rows, loss, norm, learning_rate, gradient.noise)

    def values(self) -> dict[str, float]:
        """The values of an epoch by the names of monitors."""
        self.check()
        return {"loss": self.loss_sum / self.n_seen}

    def end_epoch(self, values: dict[str, float]) -> None:
        """Tells the controls."""
        self.learning_rate.end_epoch(values["loss"], self.w)
        self.batches.size.end_epoch(self.batches.n_positions)
        self.n_epochs += 1
        self.loss_sum, self.n_seen = 0.0, 0

    def check(self) -> None:
        """Refuses parameters that are not finite."""
        if not np.isfinite(self.w.flat).all():
            raise FloatingPointError(f"training diverged in epoch {self.n_epochs}: a parameter is not finite")

    def model(self) -> Parameters:
        """What to predict with: the parameters, or an average of theirs."""
        flat = self.rule.model(self.w.flat) if self.average is None else self.average.model(self.w.flat)
        if flat is self.w.flat:
            flat = self.learning_rate.model(flat)
        if flat is self.w.flat:
            return self.w
        self.averaged.flat[...] = flat
        return self.averaged

    def is_model_elsewhere(self) -> bool:
        """Whether the model is, or may be, another than where training stands."""
        return self.learning_rate.is_automatic or self.model() is not self.w

    def is_trying_a_rate(self) -> bool:
        """Whether an automatic rate is in the middle of a trial."""
        return self.learning_rate.is_trying()

    def model_as_of_now(self) -> Array:
        """What would be given back if the run ended now: the learning rate may know a better model."""
        flat = self.model().flat
        return flat if self.average is not None else self.learning_rate.best(flat)

    def best_model(self, restored: Array | None) -> Parameters:
        """The model to give back: what a rule restores, or that of the end."""
        model = self.model()
        model.flat[...] = self.model_as_of_now() if restored is None else restored
        return model


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained model and what was recorded on the way, an array for each name.

    The arrays of `params` are attributes as well: `coef` and `intercept`, if the model is linear.
    """

    params: dict[str, Any]
    classes: Array | None
    history: dict[str, Array]
    n_steps: int
    n_epochs: int
    stop_reason: str

    def __getattr__(self, name: str) -> Any:
        params = vars(self).get("params", {})
        if name not in params:
            raise AttributeError(f"there is no {name!r}; params has {', '.join(params)}")
        return params[name]


def fit(
    X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None, offset: ArrayLike | None = None,
    class_weight: Any = None, loss: Any = "squared_error", penalty: Any = None, fit_intercept: bool = True,
    model: Any = "linear", optimizer: Any = "auto", batch_size: Any = "auto", shuffle: Any = "full",
    replacement: bool = False, drop_last: bool = False, epochs: int = 10, init: Any = None,
    validation: Any = None, stop: Any = None, accumulate: int = 1,
    average: Any = None, clip_norm: float | None = None, clip_value: float | None = None, seed: int = 0,
    record: str | tuple[str, ...] = "epoch", orders: Callable[[int], Array | None] | None = None,
    sync_every: int = 1, n_ranks: int = 1,
) -> Fit:  # fmt: skip
    """Trains a model; the arguments are those of `mbgd_rs.fit`, and these:

    record: "epoch", or several of "epoch", "step", "full_loss", "path", "noise". With () no loss is computed
    that nothing asks for, as in a loop written by hand.
    orders: a function from the epoch to the order of its rows, in place of `shuffle` and `replacement`.
    n_ranks: processes that are simulated, which meet after every `sync_every` steps of each on its own.

    Raises FloatingPointError after an epoch in which a parameter became non-finite.

    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> model = fit(X, X @ [1.0, -2.0] + 3.0, batch_size=50, epochs=100)
    >>> model.coef.round(2), model.intercept.round(2), model.n_steps
    (array([ 1., -2.]), np.float64(3.0), 1000)
    """
    is_linear = name_of(model) == "linear"
    if name_of(optimizer) == "auto":
        optimizer = "sgd" if is_linear else "adam"
    if is_linear and name_of(batch_size) == "auto" and epochs > 0 and validation is None and orders is None:
        batch_size = auto_batch_size(
            fit, X, y, sample_weight, offset, accumulate, seed, class_weight=class_weight, loss=loss,
            penalty=penalty, fit_intercept=fit_intercept, optimizer=optimizer, init=init, clip_norm=clip_norm,
            clip_value=clip_value,
        )  # fmt: skip
    objective, data, classes, held_out, training = with_validation(
        validation, seed, X, y, sample_weight, loss, penalty, fit_intercept, class_weight, offset, model
    )
    shuffle = among(shuffle, training)
    data.importance_weights = importance_weights(shuffle)
    w = objective.model.start(init, seed)
    rule = make_optimizer(optimizer, w.flat, w.flat_weights.size, fit_intercept)
    check_model(objective.model, rule)
    if init is None:
        begin_at_intercept(w, objective, rule, y, sample_weight, offset)
    if name_of(batch_size) == "auto":
        batch_size = batch_size_for(rule, len(data), is_linear)
    objective = with_control_variate(objective, data, rule)
    batches = make_batches(data, batch_size, shuffle, replacement, drop_last, accumulate, seed, orders)
    names = (record,) if isinstance(record, str) else record
    probe = make_probe(objective, data, batches, "noise" in names)
    clip = Clip(clip_norm, clip_value, wants_norm="step" in names)
    rules = StopRules(stop, objective, data)
    observers = Observers([*validations(objective, held_out), *recorders(names, objective, data), rules])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        rate = make_learning_rate(objective, data, w, rule, batches, bool(clip), seed)
        mean = None if average is None else Average(average)
        wants_loss = observers.wants_loss or rate.wants_loss
        run = Run(objective, data, w, rule, batches, rate, clip, mean, probe, wants_loss, seed)
        if n_ranks == 1:
            reason = descend(run, observers, epochs)
        else:
            reason = descend_locally(run, observers, epochs, n_ranks, sync_every)
        run.check()
        best = run.best_model(rules.best)
    history = observers.history()
    return Fit(best.as_params(), classes, history, run.t, run.n_epochs, reason)
