"""How the parameters move: what all optimizers have in common, and which there are."""

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from .registry import Registry

Array = NDArray[Any]
RULES: Registry["type[Rule]"] = Registry("optimizer")
"""The optimizers, which enter themselves."""


class Rule:
    """An optimizer of parameters whose first `n_coef` entries are coefficients, and the rest intercepts.

    step(w, g, t, learning_rate) moves w in place and returns the effective step size of each parameter: the
    step that this would have been if all gradients had been 1. A proximal map by this step size keeps a
    parameter in place exactly where the gradient and the penalty balance. post_prox(w) follows the proximal
    map. model(w) is what to predict with.
    """

    defaults: ClassVar[dict[str, Any]]
    """Options and their defaults, the learning rate first."""
    is_decoupled = False
    """Whether weights decay apart from the gradient."""
    lazy_update: Literal["dense", "affine", "frozen"] = "dense"
    """What a step does to the columns of sparse rows in which its batch has no entries: see `lazy.Lazy`."""

    learning_rate: Any
    weight_decay: float = 0.0
    preconditioner: Any = None
    """The metric that steps are made in, if they are to be."""
    variance_reduction: Literal["table", "snapshot"] | None = None
    """What makes the noise of gradients die away, if something is to."""

    def __init__(self, options: Any, w: Array, n_coef: int, has_intercepts: bool) -> None:
        for name, default in self.defaults.items():
            setattr(self, name, getattr(options, name, default))
        self.n_coef, self.has_intercepts = n_coef, has_intercepts
        self.init(w)

    def init(self, w: Array) -> None:
        """Makes the optimizer state."""

    def slots(self, w: Array) -> dict[str, Array]:
        """The vectors of the optimizer state that have an entry for each parameter, by name."""
        return {name: v for name, v in vars(self).items() if isinstance(v, np.ndarray) and v.shape == w.shape}

    def step(self, w: Array, g: Array, t: int, learning_rate: float) -> Array:
        if self.weight_decay:
            decay = np.zeros_like(w)
            decay[: self.n_coef] = self.weight_decay * w[: self.n_coef]
            if self.is_decoupled:
                w -= learning_rate * decay
            else:
                g = g + decay
        return np.broadcast_to(np.asarray(self.move(w, g, t, learning_rate), w.dtype), w.shape)

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        """The step without weight decay."""
        raise NotImplementedError

    def post_prox(self, w: Array) -> None:
        """What has to wait for the proximal map."""

    def model(self, w: Array) -> Array:
        return w


def make_optimizer(
    optimizer: Any, w: NDArray[Any], n_coef: int | None = None, has_intercepts: bool = True
) -> Rule:
    """A rule to move w by, of which the first `n_coef` entries, or all, are coefficients, and the rest
    intercepts, if there are any to be moved.
    """
    rule = RULES.named(optimizer)
    return rule(optimizer, w, w.size if n_coef is None else n_coef, has_intercepts)
