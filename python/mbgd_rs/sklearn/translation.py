"""What the parameters of an estimator mean as arguments of :func:`mbgd_rs.fit`."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace
from functools import cache
from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn.base import is_regressor

from ..automatic import ROWS_OF_OTHERS, converges, stream_optimizer_for
from ..averages import Average, Polyak
from ..callers import warn
from ..choices import resolve
from ..losses import Huber, LogCosh, Loss, Perceptron
from ..models import Linear, Model
from ..optimizers import SGD, Adagrad, Optimizer
from ..penalties import ElasticNet, GroupElasticNet, Penalty
from ..schedules import InverseScaling, LearningRate, Optimal, Plateau
from ..stopping import Converged, NoImprovement, StopRule

__all__ = [
    "average_of",
    "batch_size_of",
    "loss_of",
    "model_of",
    "optimizer_of",
    "penalty_of",
    "seed_of",
    "shuffle_of",
    "stop_of",
    "warn_of_rates",
]

MOST_SEEDS = 2**31 - 1
USUAL_ROWS = 256
"""Rows of a batch whose size chooses itself, unless there are very many rows."""
FEW_ROWS = 64
"""Rows of a batch where steps are what teaches."""
SHARE_OF_TOL = 0.1
"""Of `tol`, how far the objective may be from the optimum: with scikit-learn's default that of `fit`."""
EPOCHS_AT_REST = 8
"""Times `n_iter_no_change`: after so many epochs, as the loss of a solver goes up and down at first."""
LEAST_AT_REST = 1e-4
"""The least `tol` with which a loss at rest ends such a fit, too: less than that is the noise of epochs."""
OF_PERCEPTRON = Adagrad()
"""The optimizer "auto" of the perceptron's loss, whose least value is at the parameters 0: what finds the
optimum would find these, and it is mistakes on the way that teach.
"""


def loss_of(estimator: Any) -> Loss:
    """The loss, with those parameters of the estimator that it has."""
    if isinstance(estimator.loss, Loss):
        return estimator.loss
    loss = resolve("loss", estimator.loss, Loss)
    own = {of.name for of in fields(loss)} & {"epsilon", "quantile", "power"}
    return replace(loss, **{name: getattr(estimator, name) for name in own if hasattr(estimator, name)})


def model_of(estimator: Any) -> Model:
    """The model; an estimator without this parameter is linear."""
    return resolve("model", getattr(estimator, "model", "linear"), Model)


def penalty_of(estimator: Any) -> Penalty | None:
    """The penalty, of strength `alpha` unless it is an object that has its own."""
    if estimator.penalty is None or isinstance(estimator.penalty, Penalty):
        return estimator.penalty
    penalty = resolve("penalty", estimator.penalty, Penalty)
    if not isinstance(penalty, ElasticNet | GroupElasticNet):
        return replace(penalty, alpha=estimator.alpha)
    if estimator.l1_ratio is None:
        raise ValueError(f"l1_ratio must be set when penalty is {estimator.penalty!r}")
    return replace(penalty, alpha=estimator.alpha, l1_ratio=estimator.l1_ratio)


def optimizer_of(estimator: Any, loss: Loss, *, in_stream: bool) -> Optimizer | Literal["auto"]:
    """The optimizer, with its learning rate and momentum; `in_stream` that of `partial_fit`.

    "auto" is plain gradient descent where a rate, a schedule or momentum is asked for, which only that has.
    """
    rate = rate_of(estimator)
    given = estimator.optimizer
    if isinstance(given, Optimizer):
        for name, value in (("learning_rate", rate), ("momentum", estimator.momentum or None)):
            if value is not None:
                asked = "schedule" if name == "learning_rate" and estimator.schedule is not None else name
                raise ValueError(
                    f"{asked} must be left at its default where optimizer is an object, which has its own, "
                    f"got {getattr(estimator, asked)!r} with {given!r}"
                )
        return given
    is_auto = isinstance(given, str) and given.lower() == "auto"
    if is_auto and rate is None and not estimator.momentum:
        model = model_of(estimator)
        if in_stream:
            penalty = penalty_of(estimator) if hasattr(estimator, "penalty") else None
            return stream_optimizer_for(model, penalty)
        return OF_PERCEPTRON if isinstance(model, Linear) and isinstance(loss, Perceptron) else "auto"
    chosen = SGD() if is_auto else resolve("optimizer", given, Optimizer)
    if estimator.momentum:
        if not isinstance(chosen, SGD):
            raise ValueError(f"momentum must be 0 with optimizer {given!r}, got {estimator.momentum}")
        chosen = replace(chosen, momentum=estimator.momentum)
    if rate is None:
        return chosen
    if not hasattr(chosen, "learning_rate"):
        raise ValueError(
            f"learning_rate must be 'auto' with optimizer {given!r}, got {estimator.learning_rate!r}"
        )
    return replace(chosen, learning_rate=rate)  # type: ignore[call-arg]


def rate_of(estimator: Any) -> LearningRate | None:
    """The learning rate that is asked for, None if the optimizer is to have its own."""
    name, eta0 = estimator.learning_rate, estimator.eta0
    if estimator.schedule is not None:
        if name != "auto":
            raise ValueError(f"learning_rate must be 'auto' where a schedule is given, got {name!r}")
        rate: LearningRate = estimator.schedule
        if isinstance(rate, str) and rate != "auto":
            raise ValueError(
                "schedule must be a number, an object of mbgd_rs.schedules, a function of the step or "
                f"'auto', got {rate!r}"
            )
        return rate
    if name == "optimal":
        strength = strength_of(estimator)
        if strength == 0:
            raise ValueError(
                "alpha must be > 0 since learning_rate is 'optimal'. alpha is used to compute the optimal "
                "learning rate."
            )
        return Optimal(alpha=strength)
    if name == "invscaling":
        return InverseScaling(eta0, power_t=estimator.power_t)
    if name == "adaptive" and estimator.tol is not None:
        return Plateau(eta0, n_iter_no_change=estimator.n_iter_no_change, tol=estimator.tol)
    return None if name == "auto" else float(eta0)


def warn_of_rates(estimator: Any) -> None:
    """Warns where a rate is given that the learning rate "auto", or a schedule, makes no use of."""
    if estimator.learning_rate != "auto":
        return
    defaults = defaults_of(estimator.__class__)
    for name, use in (("eta0", "constant"), ("power_t", "invscaling")):
        value = getattr(estimator, name)
        if name in defaults and value != defaults[name]:
            has_own = isinstance(estimator.optimizer, Optimizer) or estimator.schedule is not None
            hint = "" if has_own else f": give learning_rate={use!r}, too"
            warn(f"{name} has no effect where learning_rate is 'auto', got {value!r}{hint}")


@cache
def defaults_of(kind: type) -> dict[str, Any]:
    """Of the parameters of an estimator: to ask for a signature takes 50 us."""
    return {name: parameter.default for name, parameter in inspect.signature(kind).parameters.items()}


def strength_of(estimator: Any) -> float:
    """The strength of the penalty, by which "optimal" falls."""
    strength = estimator.nu if hasattr(estimator, "nu") else estimator.alpha
    if isinstance(strength, dict):
        raise ValueError(f"alpha must be a number since learning_rate is 'optimal', got {strength!r}")
    return float(strength)


def batch_size_of(estimator: Any, optimizer: Optimizer | Literal["auto"]) -> Any:
    """The rows of a step."""
    return FEW_ROWS if optimizer is OF_PERCEPTRON and estimator.batch_size == "auto" else estimator.batch_size


def stop_of(estimator: Any, loss: Loss, optimizer: Optimizer | Literal["auto"]) -> list[StopRule]:
    """When a fit is done, by `tol`.

    With `early_stopping` the score of the validation rows says so; else for an optimizer that comes to rest
    at the optimum how far that is, and for any other scikit-learn's rule about the loss. Losses of classes
    end by that rule, too, unless `tol` is small: of separable classes the optimum may be far away and its
    loss next to nothing. The end of the rate "adaptive" is a callback, see
    :class:`mbgd_rs.sklearn.epochs.AdaptiveEnd`.
    """
    tol, patience = estimator.tol, estimator.n_iter_no_change
    if tol is None:
        return []
    if getattr(estimator, "early_stopping", False):
        return [NoImprovement("score", tol=tol, patience=patience, mode="max", restore_best=True)]
    if estimator.learning_rate == "adaptive":
        return []
    if not isinstance(model_of(estimator), Linear):
        return [NoImprovement(tol=tol, patience=patience)]
    comes_to_rest = not loss.has_kink if optimizer == "auto" else converges(optimizer)
    # Far from the targets these have no curvature, of which the distance to the optimum could be told.
    has_tails = isinstance(loss, Huber | LogCosh) and is_regressor(estimator)
    if comes_to_rest and tol > 0 and not has_tails:
        share = SHARE_OF_TOL * tol
        may_rest = loss.is_classification and tol >= LEAST_AT_REST
        at_rest = NoImprovement(tol=share, patience=EPOCHS_AT_REST * patience)
        return [Converged(share), at_rest] if may_rest else [Converged(share)]
    # The perceptron's loss has no scale of its own.
    return [NoImprovement(tol=tol, patience=patience, relative=optimizer is OF_PERCEPTRON)]


def average_of(estimator: Any, n_rows: int) -> Average | None:
    """The average of the parameters; a number says after how many rows it begins."""
    average = estimator.average
    if isinstance(average, Average):
        return average
    if not average:
        return None
    given = estimator.batch_size
    usual = USUAL_ROWS if isinstance(model_of(estimator), Linear) else ROWS_OF_OTHERS
    usual = n_rows if given == "full" else usual
    size = min(int(given) if isinstance(given, Integral) else usual, n_rows)
    return Polyak(start=-(-int(average) // size) - 1)


def shuffle_of(estimator: Any, *, is_source: bool) -> Any:
    """The way of shuffling: True is a new permutation every epoch, of a source in blocks."""
    is_flag = isinstance(estimator.shuffle, bool | np.bool_)
    if not is_flag:
        return estimator.shuffle
    return ("block" if is_source else "full") if estimator.shuffle else False


def seed_of(random_state: np.random.RandomState) -> int:
    """A seed, drawn as scikit-learn draws its own."""
    return int(random_state.randint(MOST_SEEDS))
