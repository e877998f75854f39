"""Rules that scale each parameter's step by its own past gradients."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .rules import RULES, Rule

Array = NDArray[Any]


@RULES.add
class Adagrad(Rule):
    """s += g^2, w -= learning_rate / (1 + t lr_decay) g / (sqrt(s) + eps)."""

    defaults: ClassVar = {"learning_rate": 0.01, "lr_decay": 0.0, "weight_decay": 0.0,
                          "initial_accumulator_value": 0.0, "eps": 1e-10}  # fmt: skip
    lr_decay: float
    initial_accumulator_value: float
    eps: float

    def init(self, w: Array) -> None:
        self.s = np.full_like(w, self.initial_accumulator_value)

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        self.s += g * g
        rate = learning_rate / (1 + t * self.lr_decay) / (np.sqrt(self.s) + self.eps)
        w -= rate * g
        return rate


@RULES.add
class RmsProp(Rule):
    """v = alpha v + (1 - alpha) g^2, b = momentum b + g / (sqrt(v) + eps), w -= learning_rate b.

    Centered, v less the square of the running mean of g takes the place of v.
    """

    lazy_update = "frozen"
    defaults: ClassVar = {"learning_rate": 0.01, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0,
                          "momentum": 0.0, "centered": False}  # fmt: skip
    alpha: float
    eps: float
    momentum: float
    centered: bool

    def init(self, w: Array) -> None:
        self.v, self.a, self.b = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        self.v = self.alpha * self.v + (1 - self.alpha) * g * g
        self.a = self.alpha * self.a + (1 - self.alpha) * g
        variance = np.maximum(self.v - self.a * self.a, 0) if self.centered else self.v
        divisor = np.sqrt(variance) + self.eps
        self.b = self.momentum * self.b + g / divisor
        w -= learning_rate * self.b
        return learning_rate * (1 - self.momentum ** (t + 1)) / (1 - self.momentum) / divisor


@RULES.add
class Adadelta(Rule):
    """v = rho v + (1 - rho) g^2, d = sqrt(u + eps) / sqrt(v + eps) g, u = rho u + (1 - rho) d^2,
    w -= learning_rate d.
    """

    lazy_update = "frozen"
    defaults: ClassVar = {"learning_rate": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0}
    rho: float
    eps: float

    def init(self, w: Array) -> None:
        self.v, self.u = np.zeros_like(w), np.zeros_like(w)

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        self.v = self.rho * self.v + (1 - self.rho) * g * g
        scale = np.sqrt(self.u + self.eps) / np.sqrt(self.v + self.eps)
        self.u = self.rho * self.u + (1 - self.rho) * (scale * g) ** 2
        w -= learning_rate * scale * g
        return learning_rate * scale


@RULES.add
class Adam(Rule):
    """w -= learning_rate m / (sqrt(v) + eps), with m and v the unbiased running means of g and of g^2.

    With AMSGrad the largest v so far takes the place of v.
    """

    lazy_update = "frozen"
    defaults: ClassVar = {"learning_rate": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0,
                          "amsgrad": False}  # fmt: skip
    betas: tuple[float, float]
    eps: float
    amsgrad: bool = False

    def init(self, w: Array) -> None:
        self.m, self.v, self.largest = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)

    def moments(self, g: Array, t: int) -> tuple[Array, Array]:
        """Takes a gradient in; m, and the root of the unbiased v with eps."""
        beta1, beta2 = self.betas
        self.m += (1 - beta1) * (g - self.m)
        self.v += (1 - beta2) * (g * g - self.v)
        if self.amsgrad:
            np.maximum(self.largest, self.v, out=self.largest)
        v = self.largest if self.amsgrad else self.v
        return self.m, np.sqrt(v / (1 - beta2 ** (t + 1))) + self.eps

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        m, divisor = self.moments(g, t)
        rate: Array = learning_rate / divisor
        w -= rate * (m / (1 - self.betas[0] ** (t + 1)))
        return rate


@RULES.add
class AdamW(Adam):
    """Adam with weight decay apart from the gradient."""

    defaults: ClassVar = {**Adam.defaults, "weight_decay": 0.01}
    is_decoupled = True


@RULES.add
class NAdam(Adam):
    """Adam with Nesterov's lookahead: a mean of g and of m by momenta that grow with t."""

    defaults: ClassVar = {"learning_rate": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0,
                          "momentum_decay": 4e-3, "decoupled_weight_decay": False}  # fmt: skip
    momentum_decay: float
    decoupled_weight_decay: bool

    def init(self, w: Array) -> None:
        super().init(w)
        self.is_decoupled, self.product = self.decoupled_weight_decay, 1.0

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        m, divisor = self.moments(g, t)
        beta1 = self.betas[0]
        now, after = (beta1 * (1 - 0.96 ** (s * self.momentum_decay) / 2) for s in (t + 1, t + 2))
        self.product *= now
        of_g, of_m = (1 - now) / (1 - self.product), after / (1 - self.product * after)
        w -= learning_rate * (of_g * g + of_m * m) / divisor
        return learning_rate * (of_g + of_m * (1 - beta1 ** (t + 1))) / divisor


@RULES.add
class RAdam(Adam):
    """Adam, scaled only when its second moment can be trusted."""

    defaults: ClassVar = {"learning_rate": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0,
                          "decoupled_weight_decay": False}  # fmt: skip
    decoupled_weight_decay: bool

    def init(self, w: Array) -> None:
        super().init(w)
        self.is_decoupled = self.decoupled_weight_decay

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        beta1, beta2 = self.betas
        m = self.moments(g, t)[0] / (1 - beta1 ** (t + 1))
        unbias = 1 - beta2 ** (t + 1)
        last = 2 / (1 - beta2) - 1
        length = last - 2 * (t + 1) * beta2 ** (t + 1) / unbias
        rate: Any = learning_rate
        if length > 5:
            trust = (length - 4) * (length - 2) * last / ((last - 4) * (last - 2) * length)
            rate = learning_rate * np.sqrt(trust * unbias) / (np.sqrt(self.v) + self.eps)
        w -= rate * m
        return rate


@RULES.add
class Adamax(Adam):
    """Adam with u = max(beta2 u, |g| + eps) in place of the root of the second moment."""

    defaults: ClassVar = {"learning_rate": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        beta1, beta2 = self.betas
        self.m += (1 - beta1) * (g - self.m)
        self.v = np.maximum(beta2 * self.v, np.abs(g) + self.eps)
        rate = learning_rate / self.v
        w -= rate * self.m / (1 - beta1 ** (t + 1))
        return rate
