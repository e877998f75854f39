"""How the parameters move."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .naming import name_of

Array = NDArray[Any]


class Sgd:
    """v = momentum v + g and w -= learning_rate v; Nesterov's step is along g + momentum v instead."""

    def __init__(self, options: Any, w: Array) -> None:
        self.learning_rate = getattr(options, "learning_rate", "auto")
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
