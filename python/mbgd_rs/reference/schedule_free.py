"""Schedule-free rules: an average of the parameters in place of a schedule."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .rules import RULES, Rule

Array = NDArray[Any]


class ScheduleFree(Rule):
    """z makes steps along gradients at y, the parameters; x, the model, is the mean of all z.

    y = momentum x + (1 - momentum) z; z weighs as much as a power of the largest rate so far.
    """

    momentum: float
    weight_lr_power: float

    def init(self, w: Array) -> None:
        self.z, self.x = w.copy(), w.copy()
        self.largest_rate, self.weight_sum = 0.0, 0.0

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        self.largest_rate = max(self.largest_rate, learning_rate)
        rate = self.rate(g, t, learning_rate)
        w[...] = self.z - rate * g
        return rate

    def rate(self, g: Array, t: int, learning_rate: float) -> Any:
        raise NotImplementedError

    def post_prox(self, w: Array) -> None:
        weight = self.largest_rate**self.weight_lr_power
        self.weight_sum += weight
        self.z = w.copy()
        if self.weight_sum > 0:  # as long as all rates are zero nothing has moved
            self.x += weight / self.weight_sum * (self.z - self.x)
        w[...] = self.momentum * self.x + (1 - self.momentum) * self.z

    def model(self, w: Array) -> Array:
        return self.x


@RULES.add
class ScheduleFreeSgd(ScheduleFree):
    """z -= learning_rate g."""

    defaults: ClassVar = {"learning_rate": 1.0, "momentum": 0.9, "weight_decay": 0.0, "weight_lr_power": 2.0}

    def rate(self, g: Array, t: int, learning_rate: float) -> Any:
        return learning_rate


@RULES.add
class ScheduleFreeAdamW(ScheduleFree):
    """z -= learning_rate (g / (sqrt(v) + eps) + weight_decay y), v the unbiased running mean of g^2."""

    defaults: ClassVar = {"learning_rate": 0.0025, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0,
                          "weight_lr_power": 2.0}  # fmt: skip
    betas: tuple[float, float]
    eps: float

    def init(self, w: Array) -> None:
        super().init(w)
        self.momentum, self.v = self.betas[0], np.zeros_like(w)

    def step(self, w: Array, g: Array, t: int, learning_rate: float) -> Array:
        self.z[: self.n_coef] -= learning_rate * self.weight_decay * w[: self.n_coef]
        return np.broadcast_to(np.asarray(self.move(w, g, t, learning_rate), w.dtype), w.shape)

    def rate(self, g: Array, t: int, learning_rate: float) -> Any:
        beta2 = self.betas[1]
        self.v += (1 - beta2) * (g * g - self.v)
        return learning_rate / (np.sqrt(self.v / (1 - beta2 ** (t + 1))) + self.eps)
