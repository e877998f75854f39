"""Mini-batch gradient descent in plain NumPy, written to be read.

The specification of what the Rust core computes, the oracle of its tests and the baseline of its benchmarks:
the same arguments, the same batches, the same result to rounding.

Symbols: x row, y target, w parameters, z score, r slope, g gradient, s weight, n rows, d columns, k outputs,
b batch size, t step.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Fit", "fit", "gradient"]

Array = NDArray[Any]
Rows = Any
"""An array of row numbers, or a slice."""


# ---- shuffle: which rows come next

ORDER, TIES, REPLACEMENT = 0, 1, 2
"""Streams of random words: high and low halves of an epoch's sort keys, and draws with replacement."""

LOW, HALF = np.uint64(0xFFFF_FFFF), np.uint64(32)


def philox(key: tuple[int, int], counter: Array) -> Array:
    """Philox4x32-10: four 32-bit random words for every 128-bit counter, by a 64-bit key.

    Counters and words are uint64 arrays of shape (4, m), one 32-bit lane a row, the least significant first.

    J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC '11,
    https://doi.org/10.1145/2063384.2063405.

    >>> [hex(word) for word in philox((0, 0), np.zeros((4, 1), np.uint64))[:, 0]]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    x0, x1, x2, x3 = counter
    for i in range(10):
        key0 = np.uint64((key[0] + i * 0x9E37_79B9) & 0xFFFF_FFFF)
        key1 = np.uint64((key[1] + i * 0xBB67_AE85) & 0xFFFF_FFFF)
        p0 = np.uint64(0xD251_1F53) * x0
        p1 = np.uint64(0xCD9E_8D57) * x2
        x0, x1, x2, x3 = (p1 >> HALF) ^ x1 ^ key0, p1 & LOW, (p0 >> HALF) ^ x3 ^ key1, p0 & LOW
    return np.stack([x0, x1, x2, x3])


def random_blocks(seed: int, epoch: int, stream: int, blocks: Array) -> Array:
    """The words of the numbered blocks, shape (4, len(blocks)): a pure function of the arguments."""
    number = blocks.astype(np.uint64)
    counter = [number & LOW, number >> HALF, np.full_like(number, epoch), np.full_like(number, stream)]
    return philox((seed & 0xFFFF_FFFF, seed >> 32), np.stack(counter))


def random_words(seed: int, epoch: int, stream: int, n: int) -> Array:
    """The first n words of a stream: word i is lane i % 4 of block i // 4."""
    return random_blocks(seed, epoch, stream, np.arange(-(-n // 4))).T.reshape(-1)[:n]


def permutation(seed: int, epoch: int, n: int) -> Array:
    """The rows of an epoch in uniformly random order: sorted by random 64-bit keys.

    >>> permutation(seed=0, epoch=0, n=8)
    array([7, 5, 0, 3, 6, 2, 1, 4])
    """
    keys = random_words(seed, epoch, ORDER, n) << HALF | random_words(seed, epoch, TIES, n)
    return np.argsort(keys, kind="stable")


def draws(seed: int, epoch: int, n: int) -> Array:
    """For every position of an epoch one of the n < 2^32 rows, independent and exactly uniform.

    A random 64-bit u gives row floor(u n / 2^64), unless u is one of the 2^64 mod n values that some rows
    would have more than others. Block p has two candidates u for position p; if both are refused, block p of
    the next attempt's stream is asked.

    D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29(1), 2019.
    """
    rows = np.empty(n, np.intp)
    missing = np.arange(n)
    stream, n_rows, n_refused = REPLACEMENT, np.uint64(n), np.uint64(2**64 % n)
    while len(missing):
        words = random_blocks(seed, epoch, stream, missing)
        high, low = words[0::2], words[1::2]
        is_accepted = (high << HALF | low) * n_rows >= n_refused  # the low half of the 128 bits of u n
        row = (high * n_rows + (low * n_rows >> HALF)) >> HALF  # the high half
        rows[missing] = np.where(is_accepted[0], row[0], row[1])
        missing = missing[~is_accepted.any(axis=0)]
        stream += 256
    return rows


def order_of_epochs(
    shuffle: str | bool, replacement: bool, seed: int, n: int
) -> Callable[[int], Array | None]:
    """A function from the epoch to the order of its rows; None stands for 0, 1, ..., n - 1."""
    if replacement and shuffle != "full":
        raise ValueError(f'replacement needs shuffle="full", got shuffle={shuffle!r}')
    if replacement:
        return lambda epoch: draws(seed, epoch, n)
    if shuffle == "full":
        return lambda epoch: permutation(seed, epoch, n)
    if shuffle == "once":
        order = permutation(seed, 0, n)
        return lambda epoch: order
    if shuffle is False:
        return lambda epoch: None
    raise ValueError(f'shuffle must be "full", "once" or False, got {shuffle!r}')


def batches(order: Array | None, n: int, batch_size: int, drop_last: bool = False) -> Iterator[Rows]:
    """Cuts the order of an epoch into batches.

    >>> [rows.tolist() for rows in batches(np.array([4, 2, 0, 3, 1]), 5, batch_size=2)]
    [[4, 2], [0, 3], [1]]
    """
    for start in range(0, n - n % batch_size if drop_last else n, batch_size):
        positions = slice(start, min(start + batch_size, n))
        yield positions if order is None else order[positions]


# ---- gradient: how wrong the model is on a batch, and which way is down


class SquaredError:
    """(z - y)^2 / 2 for real y; with several outputs their sum."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.square(z - y) / 2

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return z - y


class LogLoss:
    """log(1 + exp(-y z)) for y in {-1, +1}."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.logaddexp(0, -y * z)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -y / (1 + np.exp(y * z))


class Softmax:
    """log(sum_c exp(z_c)) - z_y for a class index y: the log loss of more than two classes."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        z = z - z.max(axis=1, keepdims=True)
        return np.log(np.exp(z).sum(axis=1, keepdims=True)) - np.take_along_axis(z, y, axis=1)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(p)), y[:, 0]] -= 1
        return p


class Hinge:
    """max(0, 1 - y z) for y in {-1, +1}, slope 0 at the kink; with several outputs their sum."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.maximum(0, 1 - y * z)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -y * (y * z < 1)


def name_of(choice: Any) -> str:
    """What a choice is called, given by name or as an object: "logloss" for "log_loss" and for LogLoss()."""
    return (choice if isinstance(choice, str) else type(choice).__name__).replace("_", "").lower()


def loss_and_targets(loss: Any, y: Array) -> tuple[Any, Array, Array | None, tuple[int, ...]]:
    """The loss, the targets as it wants them, the classes if any, and the shape of the scores of a row."""
    name = name_of(loss)
    if name == "squarederror":
        return SquaredError, y, None, y.shape[1:]
    if name not in ("logloss", "hinge"):
        raise ValueError(f'loss must be one of "squared_error", "log_loss", "hinge", got {loss!r}')
    classes, index = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y must have at least 2 classes, got {len(classes)}")
    if len(classes) == 2:
        return LogLoss if name == "logloss" else Hinge, 2 * index - 1, classes, ()
    if name == "logloss":
        return Softmax, index[:, None], classes, classes.shape
    one_against_rest = 2 * (index[:, None] == np.arange(len(classes))) - 1
    return Hinge, one_against_rest, classes, classes.shape


def penalty_strengths(penalty: Any) -> tuple[float, float]:
    """l1 and l2 in l1 |w|_1 + l2/2 |w|^2."""
    alpha, l1_ratio = getattr(penalty, "alpha", 1e-4), getattr(penalty, "l1_ratio", 0.15)
    match name_of(penalty):
        case "nonetype":
            return 0.0, 0.0
        case "l2":
            return 0.0, alpha
        case "l1":
            return alpha, 0.0
        case "elasticnet":
            return alpha * l1_ratio, alpha * (1 - l1_ratio)
    raise ValueError(f'penalty must be one of "l2", "l1", "elasticnet", None, got {penalty!r}')


class Parameters:
    """Coefficients (d,) and intercept (), or (k, d) and (k,) for k scores a row: views of one flat vector."""

    def __init__(self, d: int, outputs: tuple[int, ...], dtype: Any) -> None:
        n_coef = math.prod(outputs) * d
        self.flat = np.zeros(n_coef + math.prod(outputs), dtype)
        self.flat_coef = self.flat[:n_coef]
        self.coef = self.flat_coef.reshape(*outputs, d)
        self.intercept = self.flat[n_coef:].reshape(outputs)


class Objective:
    """mean_i s_i loss(z_i, y_i) + l1 |coef|_1 + l2/2 |coef|^2 with scores z = x . coef + intercept.

    The weights s are scaled to mean 1 over all rows.
    """

    def __init__(
        self, X: Any, y: Any, sample_weight: Any, loss: Any, penalty: Any, fit_intercept: bool
    ) -> None:
        X = np.asarray(X)
        self.X = X if X.dtype == np.float32 else X.astype(np.float64, copy=False)
        self.loss, self.y, self.classes, self.outputs = loss_and_targets(loss, np.asarray(y))
        if self.loss is not Softmax:
            self.y = self.y.astype(self.X.dtype)
        self.s: Array | None = None
        if sample_weight is not None:
            s = np.asarray(sample_weight, np.float64)
            self.s = (s / s.mean()).astype(self.X.dtype).reshape(-1, *(1 for _ in self.outputs))
        self.l1, self.l2 = penalty_strengths(penalty)
        self.fit_intercept = fit_intercept

    def zeros(self) -> Parameters:
        return Parameters(self.X.shape[1], self.outputs, self.X.dtype)

    def start(self, init: Any) -> Parameters:
        """Zeros, or a copy of a pair (coef, intercept) or of a result's."""
        w = self.zeros()
        if init is not None:
            w.coef[...], w.intercept[...] = (init.coef, init.intercept) if hasattr(init, "coef") else init
        return w

    def gradient(self, w: Parameters, rows: Rows, g: Parameters | None, wants_value: bool = True) -> float:
        """Writes the gradient of the smooth part to g and returns the objective on the rows, or NaN."""
        x, y = taken(self.X, rows), taken(self.y, rows)
        s = 1 if self.s is None else taken(self.s, rows)
        b = max(len(x), 1)
        z = x @ w.coef.T
        z += w.intercept

        value = math.nan
        if wants_value:
            value = float((s * self.loss.value(z, y)).sum()) / b
            value += self.l1 * float(np.abs(w.coef).sum()) + self.l2 / 2 * float(w.flat_coef @ w.flat_coef)
        if g is not None:
            r = self.loss.slope(z, y)
            r *= s / b
            np.matmul(r.T, x, out=g.coef)
            if self.l2:
                g.coef += self.l2 * w.coef
            if self.fit_intercept:
                r.sum(axis=0, out=g.intercept)
        return value


def taken(array: Array, rows: Rows) -> Array:
    """array[rows]; for row numbers `take` is the faster way."""
    return array[rows] if isinstance(rows, slice) else array.take(rows, axis=0)


def gradient(
    X: ArrayLike,
    y: ArrayLike,
    params: Any,
    *,
    rows: Any = None,
    loss: Any = "squared_error",
    penalty: Any = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[float, tuple[Any, Any]]:
    """The objective on some rows, or all, and its gradient as a pair (coef, intercept).

    The l1 part has the subgradient l1 sign(w). Weights are scaled to mean 1 over all rows, so that the
    gradient on uniformly drawn rows is an unbiased estimate of the gradient on all.

    >>> X, y = [[1.0, 2.0], [3.0, 4.0]], [1.0, -1.0]
    >>> gradient(X, y, ([0.0, 0.0], 0.0))
    (0.5, (array([1., 1.]), np.float64(0.0)))
    """
    objective = Objective(X, y, sample_weight, loss, penalty, fit_intercept=True)
    w, g = objective.start(params), objective.zeros()
    with np.errstate(over="ignore"):
        value = objective.gradient(w, slice(None) if rows is None else np.asarray(rows, np.intp), g)
    g.coef += objective.l1 * np.sign(w.coef)
    return value, (g.coef, g.intercept[()])


# ---- update: how the parameters move


def learning_rate_at(schedule: Any, t: int) -> float:
    """The learning rate of step t, counted from 0 over the whole run; a number is constant."""
    match name_of(schedule):
        case "constant":
            return float(schedule.learning_rate)
        case "inversescaling":
            return float(schedule.learning_rate / (t + 1) ** schedule.power_t)
        case "cosine":
            first, last = schedule.learning_rate, schedule.final_learning_rate
            angle = math.pi * min(t / schedule.n_steps, 1.0)
            return float(last + (first - last) * (1 + math.cos(angle)) / 2)
        case "warmup" if t < schedule.n_steps:
            return learning_rate_at(schedule.schedule, 0) * ((t + 1) / float(schedule.n_steps + 1))
        case "warmup":
            return learning_rate_at(schedule.schedule, t - schedule.n_steps)
    return float(schedule)


class Sgd:
    """v = momentum v + g and w -= learning_rate v; Nesterov's step is along g + momentum v instead."""

    def __init__(self, options: Any, w: Array) -> None:
        self.learning_rate = getattr(options, "learning_rate", 1e-2)
        self.momentum = getattr(options, "momentum", 0.0)
        self.nesterov = getattr(options, "nesterov", False)
        self.v, self.rate = np.zeros_like(w), np.empty_like(w)

    def step(self, w: Array, g: Array, t: int, learning_rate: float) -> Array:
        direction = g
        if self.momentum:
            self.v *= self.momentum
            self.v += g
            direction = g + self.momentum * self.v if self.nesterov else self.v
        w -= learning_rate * direction
        n_terms = t + 2 if self.nesterov else t + 1  # of 1 + momentum + momentum^2 + ..., the unit direction
        self.rate.fill(learning_rate * (1 - self.momentum**n_terms) / (1 - self.momentum))
        return self.rate


class Adam:
    """w -= learning_rate m / (sqrt(v) + eps), with m and v the unbiased running means of g and of g^2."""

    def __init__(self, options: Any, w: Array) -> None:
        self.learning_rate = getattr(options, "learning_rate", 1e-3)
        self.betas: tuple[float, float] = getattr(options, "betas", (0.9, 0.999))
        self.eps = getattr(options, "eps", 1e-8)
        self.m, self.v = np.zeros_like(w), np.zeros_like(w)

    def step(self, w: Array, g: Array, t: int, learning_rate: float) -> Array:
        beta1, beta2 = self.betas
        self.m += (1 - beta1) * (g - self.m)
        self.v += (1 - beta2) * (g * g - self.v)
        unbiased_m = self.m / (1 - beta1 ** (t + 1))
        unbiased_v = self.v / (1 - beta2 ** (t + 1))
        rate: Array = learning_rate / (np.sqrt(unbiased_v) + self.eps)
        w -= rate * unbiased_m
        return rate


def make_optimizer(optimizer: Any, w: Array) -> Sgd | Adam:
    """A rule to move w by.

    Its step(w, g, t, learning_rate) moves w in place and returns the rate for each parameter: the step this
    would have been if all gradients had been 1. Shrinking by the rate times l1 rests exactly where the
    gradient and the l1 penalty balance.
    """
    match name_of(optimizer):
        case "sgd":
            return Sgd(optimizer, w)
        case "adam":
            return Adam(optimizer, w)
    raise ValueError(f'optimizer must be one of "sgd", "adam", got {optimizer!r}')


def shrink(w: Array, by: Any) -> None:
    """The proximal map of the l1 norm, in place: sign(w) max(|w| - by, 0)."""
    w[...] = np.sign(w) * np.maximum(np.abs(w) - by, 0)


# ---- train: the loop around them


class Recorder:
    """What is written down meanwhile, by name."""

    def __init__(self, objective: Objective, record: tuple[str, ...]) -> None:
        self.objective = objective
        self.has_losses, self.has_steps = bool(record), "step" in record
        self.has_full_loss, self.has_path = "full_loss" in record, "path" in record
        self.values: dict[str, list[Any]] = defaultdict(list)
        self.loss_sum, self.n_seen = 0.0, 0
        self.start = time.perf_counter()

    def end_step(self, w: Parameters, rows: Rows, value: float, learning_rate: float, norm: float) -> None:
        n_rows = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        self.loss_sum += n_rows * value
        self.n_seen += n_rows
        if self.has_steps:
            self.values["step_loss"].append(value)
            self.values["learning_rate"].append(learning_rate)
            self.values["gradient_norm"].append(norm)
            self.values["elapsed"].append(time.perf_counter() - self.start)
            self.record_full_loss(w)
        if self.has_path:
            self.values["path"].append(w.flat.copy())

    def end_epoch(self, w: Parameters) -> None:
        if self.has_losses:
            self.values["epoch_loss"].append(self.loss_sum / self.n_seen)
            self.values["epoch_elapsed"].append(time.perf_counter() - self.start)
        if not self.has_steps:
            self.record_full_loss(w)
        self.loss_sum, self.n_seen = 0.0, 0

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
    t = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(epochs):
            for rows in batches(order_of(epoch), n, b, drop_last):  # which rows
                value = objective.gradient(w, rows, g, history.has_losses)  # how wrong the model is on them
                norm = float(np.linalg.norm(g.flat)) if clip_norm or history.has_steps else math.nan
                if clip_norm and norm > clip_norm:
                    g.flat *= clip_norm / norm
                learning_rate = learning_rate_at(rule.learning_rate, t)
                rate = rule.step(w.flat, g.flat, t, learning_rate)  # how the parameters move
                if objective.l1:
                    shrink(w.flat_coef, objective.l1 * rate[: w.flat_coef.size])
                t += 1
                history.end_step(w, rows, value, learning_rate, norm)
            history.end_epoch(w)
            if not np.isfinite(w.flat).all():
                raise FloatingPointError(f"training diverged in epoch {epoch}: a parameter is not finite")
    arrays = {name: np.array(values) for name, values in history.values.items()}
    return Fit(w.coef, w.intercept[()], objective.classes, arrays, t, epochs)
