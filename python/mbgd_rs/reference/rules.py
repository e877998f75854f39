"""The rules by name."""

from typing import Any

from numpy.typing import NDArray

from .adaptive import Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, RAdam, RmsProp
from .averages import ScheduleFreeAdamW, ScheduleFreeSgd
from .naming import name_of
from .optimizers import DoG, Ftrl, Lion, Rule, Sgd, Sgld

RULES: dict[str, type[Rule]] = {
    rule.__name__.lower(): rule
    for rule in (
        Sgd, Adagrad, RmsProp, Adadelta, Adam, AdamW, NAdam, RAdam, Adamax, Lion, Ftrl, Sgld,
        ScheduleFreeSgd, ScheduleFreeAdamW, DoG,
    )
}  # fmt: skip


def make_optimizer(
    optimizer: Any, w: NDArray[Any], n_coef: int | None = None, has_intercepts: bool = True
) -> Rule:
    """A rule to move w by, of which the first `n_coef` entries, or all, are coefficients, and the rest
    intercepts, if there are any to be moved.
    """
    name = name_of(optimizer)
    if name not in RULES:
        names = ", ".join(f'"{name}"' for name in RULES)
        raise ValueError(f"optimizer must be one of {names}, got {optimizer!r}")
    return RULES[name](optimizer, w, w.size if n_coef is None else n_coef, has_intercepts)
