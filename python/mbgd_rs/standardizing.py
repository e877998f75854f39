"""`fit(standardize=True)`: the run on standardised columns that stands for one in the units of the data."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .inputs import as_array
from .losses import Loss
from .models import Linear, Model
from .moments import N_PASSES, Blocks, DenseMoments, moments_like
from .moments_of_shards import MomentsOfShards
from .objective import Problem
from .optimizers import FTRL, SGLD, AdamW, Lion, Optimizer, ScheduleFreeAdamW
from .own_rows import is_sparse_rows
from .penalties import L2, ElasticNet, GroupElasticNet, Penalty
from .result import FitResult
from .sampling import Sharded
from .schedules import Plateau, Schedule
from .sparse import SparseRows
from .standardization import Standardization
from .stopping import NoImprovement, StopRule, TargetLoss
from .validation import Validation

__all__ = ["Course", "course_of", "params_in", "targets_of", "units_of_parts"]

Array = NDArray[Any]
LARGEST_SCALE = 2.0**256
"""Targets are divided by no more than this and no less than its inverse, whose squares are finite."""
DECOUPLED = (AdamW, Lion, ScheduleFreeAdamW)
"""Whose weight decay is a share of the weights and no part of the gradient."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """What the core trains on and by, and the problem in the units of the data that it stands for."""

    problem: Problem
    """As given, with the standardization, if there is one, as its units."""
    trained: Problem
    validation: Problem | None
    optimizer: Optimizer
    stop: tuple[StopRule, ...]
    init: Array | None


def course_of(
    standardize: bool,
    problem: Problem,
    judged: Validation,
    *,
    y: Any,
    validation: Any,
    resume: FitResult | None,
    optimizer: Optimizer,
    stop: tuple[StopRule, ...],
    init: Array | None,
    shards: Sharded | None = None,
    measured: Callable[[], Standardization] | None = None,
) -> Course:
    """The course of a fit of `problem`; y and `validation` are the arguments of fit.

    Where the problem has some of the rows only, the moments of all are `measured`. Where they are in shards,
    sums are made shard by shard, so that each may be elsewhere.
    """
    if not standardize:
        return Course(
            problem=problem,
            trained=problem,
            validation=judged.problem,
            optimizer=optimizer,
            stop=stop,
            init=init,
        )
    if resume is not None:
        units = known_units(resume, problem)
    elif measured is not None:
        units = measured()
    else:
        nothing = np.zeros(problem.n_params, problem.X.dtype)
        # Refuses what cannot be trained on.
        _core.gradient(problem.at_hand(), nothing, np.empty(0, np.uintp), 1)
        units = units_of(problem, judged, unexplained(problem, y), shards)
    return Course(
        problem=replace(problem, units=units),
        trained=trained(units, problem, y),
        validation=judged.problem and trained(units, judged.problem, validation and validation[1]),
        optimizer=optimizer_in(optimizer, units, degree_of(problem)),
        stop=tuple(rule_in(rule, units) for rule in stop),
        init=None if init is None else params_in(units, init, problem),
    )


def known_units(resume: FitResult, problem: Problem) -> Standardization:
    """Those of the run before, which stay."""
    units = resume.standardization
    if units is None:
        raise ValueError("resume must be a run with standardize=True, got one with False")
    if units.mean is not None and units.mean.any() and is_sparse_rows(problem.X):
        raise ValueError("X must be dense, as in the run to be resumed: its columns were centred")
    return units


def units_of(problem: Problem, judged: Validation, y: Array, shards: Sharded | None) -> Standardization:
    """The moments of the rows learned from, y the targets that are to be centred and scaled."""
    s = None if problem.sample_weight is None else problem.sample_weight.astype(np.float64)
    if judged.split is not None:
        learned = np.zeros(len(problem.X))
        learned[judged.split[0]] = 1 if s is None else s[judged.split[0]]
        s = learned
    if s is None or not s.any():
        s = np.ones(len(problem.X))
    shards = shards if judged.split is None else None
    return units_of_parts(problem, lambda: iter([(problem.X, y, s)]), lambda: iter([(y, s)]), shards)


def units_of_parts(
    problem: Problem,
    rows: Callable[[], Iterator[tuple[Array | SparseRows, Array, Array]]],
    targets: Callable[[], Iterator[tuple[Array, Array]]],
    shards: Sharded | None = None,
) -> Standardization:
    """The moments of rows that come in parts, X, y and weights, as often as they are asked for; and y alone.

    Of the problem it is the kinds of rows, model and loss that matter.
    """
    loss, is_centred = problem.loss, problem.fit_intercept and problem.loss.is_shift_invariant
    of_columns: Any = moments_like(problem.X) if shards is None else MomentsOfShards(problem.X, shards)
    of_targets = DenseMoments(problem.y.shape[1], np.dtype(np.float64))
    for _ in range(N_PASSES):
        for X, y, s in rows():
            of_columns.add(X, s)
            if is_centred or loss.degree:
                of_targets.add(y, s)
        of_columns.end_pass()
        of_targets.end_pass()
    mean, scale = of_columns.found
    y_mean = of_targets.found[0] if is_centred else None
    y_scale = size_of(of_targets, y_mean, targets()) if loss.degree else 1.0
    sizes = sizes_of_weights(problem.model, y_scale, scale)
    range_ = np.finfo(problem.X.dtype)
    for column in np.flatnonzero(((sizes > range_.max / 1e4) | (sizes < range_.tiny * 1e4)).any(axis=0))[:1]:
        raise ValueError(
            f"X must be float64: column {column} has a spread of {scale[column]:.3g}, beside which its "
            f"coefficient would be outside of the range of {problem.X.dtype}"
        )
    return Standardization(
        mean=mean if problem.fit_intercept and not isinstance(problem.X, SparseRows) else None,
        scale=scale,
        y_mean=y_mean,
        y_scale=y_scale,
        loss_scale=y_scale**loss.degree,
    )


def sizes_of_weights(model: Model, y_scale: float, scale: Array) -> Array:
    """By what weights of each column are multiplied on the way to the units of the data; a row a kind."""
    of_columns, of_scores = 1 / scale, y_scale / scale
    if isinstance(model, Linear):
        return of_scores[None]
    return np.stack([of_columns, of_scores])


def size_of(seen: DenseMoments, mean: Array | None, targets: Iterator[tuple[Array, Array]]) -> float:
    """The root of the mean square of the targets less their means, of all outputs; 1 if they are all 0.

    Their extremes are known; they and their weights come in parts.
    """
    center = np.zeros(seen.d) if mean is None else mean
    largest = float(np.maximum(np.abs(seen.low - center), np.abs(seen.high - center)).max())
    if largest == 0:
        return 1.0
    blocks, total, square = Blocks(seen.d), 0.0, 0.0
    for y, s in itertools.chain.from_iterable(
        itertools.chain(itertools.starmap(blocks.add, targets), [blocks.end()])
    ):
        counts = s > 0
        squares = (((y[counts] - center) / largest) ** 2).mean(axis=1)
        square += float((s[counts] * squares).sum())
        total += float(s.sum())
    return min(max(largest * math.sqrt(square / total), 1 / LARGEST_SCALE), LARGEST_SCALE)


def targets_of(problem: Problem, y: Any) -> Array:
    """Numbers in double as they were given, not as they are rounded to the type of X; classes as they are."""
    if problem.classes is not None or not problem.loss.has_targets:
        return problem.y
    return as_array("y", y).astype(np.float64).reshape(problem.y.shape)


def unexplained(problem: Problem, y: Any) -> Array:
    """Targets less the offsets of their scores, where the loss depends on the difference alone."""
    targets = targets_of(problem, y)
    if problem.offset is None or not problem.loss.is_shift_invariant:
        return targets
    return targets - problem.offset


def trained(units: Standardization, problem: Problem, y: Any) -> Problem:
    """The standardised problem; its penalty acts on its coefficients, times the scale of the targets."""
    made = replace(
        problem,
        X=units.rows(problem.X),
        loss=loss_in(problem.loss, units),
        penalty=problem.penalty and penalty_in(problem.penalty, units, degree_of(problem)),
    )
    if units.y_mean is not None or units.y_scale != 1:
        made = replace(made, y=units.targets(targets_of(problem, y), problem.X.dtype))
    if problem.offset is not None:
        made = replace(made, offset=units.offsets(problem.offset))
    return made


def params_in(units: Standardization, init: Array, problem: Problem) -> Array:
    """Where to begin."""
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
        return units.params_of(init, problem.model, problem.n_outputs)


def degree_of(problem: Problem) -> int:
    """By which strengths are translated to the units of training; those of other models than linear ones are
    in these, since no single factor would do for all blocks.
    """
    return problem.loss.degree if isinstance(problem.model, Linear) else 0


def loss_in(loss: Loss, units: Standardization) -> Loss:
    """The loss with its parameters in the unit of the scaled targets."""
    if units.y_scale == 1 or not loss.lengths:
        return loss
    return replace(loss, **{name: getattr(loss, name) / units.y_scale for name in loss.lengths})


def factors(units: Standardization, degree: int) -> tuple[float, float]:
    """What a strength is multiplied by that acts on absolute values, and one that acts on squares."""
    return (units.y_scale ** (1 - degree), units.y_scale ** (2 - degree)) if degree else (1.0, 1.0)


def penalty_in(penalty: Penalty, units: Standardization, degree: int) -> Penalty:
    """The penalty of coefficients times the scale of the targets, over that of the losses."""
    of_norm, of_square = factors(units, degree)
    if of_norm == of_square == 1:
        return penalty
    alpha = np.asarray(penalty.alpha)
    if not isinstance(penalty, ElasticNet | GroupElasticNet):
        return replace(penalty, alpha=alpha * (of_square if isinstance(penalty, L2) else of_norm))
    l1, l2 = penalty.l1_ratio * of_norm, (1 - penalty.l1_ratio) * of_square
    return replace(penalty, alpha=alpha * (l1 + l2), l1_ratio=l1 / (l1 + l2))


def optimizer_in(optimizer: Optimizer, units: Standardization, degree: int) -> Optimizer:
    """The optimizer with what belongs to the objective in the units of training; rates stay as they are."""
    if units.loss_scale == 1:
        return optimizer
    of_norm, of_square = factors(units, degree)
    changed: dict[str, Any] = {}
    if isinstance(optimizer, SGLD):
        changed["temperature"] = optimizer.temperature / units.loss_scale
    if isinstance(optimizer, FTRL):
        changed |= {"l1": optimizer.l1 * of_norm, "l2": optimizer.l2 * of_square}
    is_decoupled = isinstance(optimizer, DECOUPLED) or getattr(optimizer, "decoupled_weight_decay", False)
    if hasattr(optimizer, "weight_decay") and not is_decoupled:
        changed["weight_decay"] = optimizer.weight_decay * of_square
    rate = getattr(optimizer, "learning_rate", None)
    if isinstance(rate, Schedule):
        changed["learning_rate"] = schedule_in(rate, units)
    return replace(optimizer, **changed)


def schedule_in(rate: Schedule, units: Standardization) -> Schedule:
    """The schedule, and those within it, with the tolerance of a plateau in the units of training."""
    changed: dict[str, Any] = {
        of.name: schedule_in(getattr(rate, of.name), units)
        for of in fields(rate)
        if isinstance(getattr(rate, of.name), Schedule)
    }
    if isinstance(rate, Plateau) and rate.tol_mode == "absolute":
        changed["tol"] = rate.tol / units.loss_scale
    return replace(rate, **changed) if changed else rate


def rule_in(rule: StopRule, units: Standardization) -> StopRule:
    """A rule about a loss with its value in the units of training."""
    if getattr(rule, "monitor", None) not in ("loss", "validation_loss"):
        return rule
    if isinstance(rule, TargetLoss):
        return replace(rule, value=rule.value / units.loss_scale)
    if isinstance(rule, NoImprovement) and not rule.relative:
        return replace(rule, tol=rule.tol / units.loss_scale)
    return rule
