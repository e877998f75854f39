"""What may be given by name as well as by object."""

from __future__ import annotations

from typing import Any, TypeVar

from . import averages, losses, optimizers, penalties

__all__ = ["Loss", "Penalty", "resolve_average", "resolve_loss", "resolve_optimizer", "resolve_penalty"]

Loss = losses.Loss
Penalty = penalties.L1 | penalties.L2 | penalties.ElasticNet

LOSSES: dict[str, type[Loss]] = {
    loss.name: loss
    for loss in (
        losses.SquaredError,
        losses.LogLoss,
        losses.Hinge,
    )
}
PENALTIES: dict[str, type[Penalty]] = {
    "l2": penalties.L2,
    "l1": penalties.L1,
    "elasticnet": penalties.ElasticNet,
}
OPTIMIZERS: dict[str, type[optimizers.Optimizer]] = {
    "sgd": optimizers.SGD,
    "adam": optimizers.Adam,
    "adagrad": optimizers.Adagrad,
    "rmsprop": optimizers.RMSprop,
    "adadelta": optimizers.Adadelta,
    "adamw": optimizers.AdamW,
    "nadam": optimizers.NAdam,
    "radam": optimizers.RAdam,
    "adamax": optimizers.Adamax,
    "lion": optimizers.Lion,
    "ftrl": optimizers.FTRL,
    "sgld": optimizers.SGLD,
    "schedule_free_sgd": optimizers.ScheduleFreeSGD,
    "schedule_free_adamw": optimizers.ScheduleFreeAdamW,
    "dog": optimizers.DoG,
}
AVERAGES: dict[str, type[averages.Average]] = {"polyak": averages.Polyak, "ema": averages.EMA}

T = TypeVar("T")


def resolve(argument: str, choice: Any, known: dict[str, type[T]]) -> T:
    """The object for a name, or the object itself."""
    if isinstance(choice, str):
        if choice not in known:
            raise ValueError(f"{argument} must be one of {', '.join(map(repr, known))}, got {choice!r}")
        return known[choice]()
    if not any(isinstance(choice, kind) for kind in known.values()):
        names = ", ".join(map(repr, known))
        kinds = ", ".join(kind.__name__ for kind in known.values())
        hint = ", an instance" if isinstance(choice, type) else ""
        raise TypeError(f"{argument} must be one of {names} or {kinds}{hint}, got {choice!r}")
    resolved: T = choice
    return resolved


def resolve_loss(loss: str | Loss) -> Loss:
    """A loss."""
    return resolve("loss", loss, LOSSES)


def resolve_penalty(penalty: str | Penalty | None) -> Penalty | None:
    """A penalty, or None."""
    return None if penalty is None else resolve("penalty", penalty, PENALTIES)


def resolve_optimizer(optimizer: str | optimizers.Optimizer) -> optimizers.Optimizer:
    """An optimizer."""
    return resolve("optimizer", optimizer, OPTIMIZERS)


def resolve_average(average: str | averages.Average | None) -> averages.Average | None:
    """An average, or None."""
    return None if average is None else resolve("average", average, AVERAGES)
