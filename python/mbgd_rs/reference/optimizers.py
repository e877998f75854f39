"""The simple rules: gradient descent, and some that adapt the step of all parameters at once."""

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .preconditioned import Preconditioned
from .random import NOISE, normals
from .rules import RULES, Rule

Array = NDArray[Any]


@RULES.add
class Sgd(Preconditioned):
    """v = momentum v + (1 - dampening) g, w -= learning_rate v; Nesterov's step is along g + momentum v."""

    defaults: ClassVar = {"learning_rate": "auto", "momentum": 0.0, "nesterov": False, "dampening": 0.0,
                          "weight_decay": 0.0, "preconditioner": None}  # fmt: skip
    momentum: float
    dampening: float
    nesterov: bool

    def init(self, w: Array) -> None:
        self.v, self.unit = np.zeros_like(w), 0.0
        self.lazy_update = "affine" if self.preconditioner is None else "dense"

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        direction, unit = g, 1.0
        if self.momentum:
            share = 1 - self.dampening if t else 1.0
            self.v *= self.momentum
            self.v += share * g
            self.unit = self.momentum * self.unit + share  # what v is when all gradients have been 1
            direction = g + self.momentum * self.v if self.nesterov else self.v
            unit = 1 + self.momentum * self.unit if self.nesterov else self.unit
        w -= learning_rate * direction
        return learning_rate * unit


@RULES.add
class Lion(Rule):
    """w -= learning_rate sign(beta1 m + (1 - beta1) g), m = beta2 m + (1 - beta2) g.

    The sign of 0 is 0. Where the terms of a gradient cancel, rounding decides whether their sum is 0 or as
    small as 1e-18, of either sign, and it depends on the order in which they are added. Then the core and the
    reference, which agree to rounding otherwise, may differ by a whole step. So they may with a hinge or
    perceptron loss, whose slope jumps, where a margin is at the kink.
    """

    defaults: ClassVar = {"learning_rate": 1e-4, "betas": (0.9, 0.99), "weight_decay": 1e-3}
    is_decoupled = True
    lazy_update = "frozen"
    betas: tuple[float, float]

    def init(self, w: Array) -> None:
        self.m = np.zeros_like(w)

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        beta1, beta2 = self.betas
        w -= learning_rate * np.sign(beta1 * self.m + (1 - beta1) * g)
        self.m = beta2 * self.m + (1 - beta2) * g
        return learning_rate


@RULES.add
class Sgld(Rule):
    """w -= learning_rate g + sqrt(2 learning_rate temperature) xi with standard normal xi."""

    defaults: ClassVar = {"learning_rate": 1e-3, "temperature": 1.0, "seed": 0}
    temperature: float
    seed: int

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        xi = normals(self.seed, t, w.size, NOISE)
        if not self.has_intercepts:
            xi[self.n_coef :] = 0
        w += np.sqrt(2 * learning_rate * self.temperature) * xi - learning_rate * g
        return learning_rate


@RULES.add
class DoG(Rule):
    """w -= learning_rate r / sqrt(G + eps) g: the distance from the start over the norm of all gradients."""

    defaults: ClassVar = {"learning_rate": 1.0, "reps_rel": 1e-6, "eps": 1e-8, "weight_decay": 0.0}
    reps_rel: float
    eps: float

    def init(self, w: Array) -> None:
        self.start, self.root = w.copy(), 0.0
        self.farthest = self.reps_rel * (1 + float(np.linalg.norm(w.astype(float))))

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        self.farthest = max(self.farthest, float(np.linalg.norm(w.astype(float) - self.start)))
        self.root = math.hypot(self.root, float(np.linalg.norm(g.astype(float))))
        rate = learning_rate * self.farthest / math.hypot(self.root, math.sqrt(self.eps))
        w -= rate * g
        return rate


@RULES.add
class Ftrl(Rule):
    """n += g^2, r = (beta + sqrt(n)) / learning_rate, z += g - (r - r_before) w, and w is where
    z w + (r + l2)/2 w^2 + l1 |w| is least. The l1 of a penalty is added to that with every step.
    """

    defaults: ClassVar = {"learning_rate": 0.1, "beta": 1.0, "l1": 0.0, "l2": 0.0}
    beta: float
    l1: Any
    l2: Any

    def init(self, w: Array) -> None:
        is_coef = np.arange(w.size) < self.n_coef
        self.l1, self.l2 = (
            np.where(is_coef, strength, 0.0).astype(w.dtype) for strength in (self.l1, self.l2)
        )
        self.n = np.zeros_like(w)

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        if t == 0:
            self.r: Any = self.beta / learning_rate
            self.z = -(w * (self.r + self.l2) + self.l1 * np.sign(w))
        self.n += g * g
        r = (self.beta + np.sqrt(self.n)) / learning_rate
        self.z += g - (r - self.r) * w
        self.r = r
        w[...] = -np.sign(self.z) * np.maximum(np.abs(self.z) - self.l1, 0) / (r + self.l2)
        return (t + 1) / (r + self.l2)
